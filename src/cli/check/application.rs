//! The target's side of a check: the request that Entra tests a connection with, by each matching
//! attribute.

use super::{
    description,
    finding::{Blame, Findings},
};
use crate::{
    config::{AppSettings, TargetSignIn},
    port::{FaultClass, TargetFault, TargetRead},
    scim::AttributePath,
    target::test_connection,
};

/// Asks the target for a user that does not exist; `guid` is a fresh random one.
pub(super) async fn examine(
    app: &AppSettings,
    reader: &impl TargetRead,
    guid: &str,
    findings: &mut Findings,
) {
    let mut matching: Vec<_> = app
        .job
        .attributes
        .iter()
        .filter_map(|row| Some((row.matching_priority?, &row.target)))
        .collect();
    matching.sort_by_key(|(priority, _)| *priority);
    let mut is_connected = false;
    for (_, path) in matching {
        match test_connection(reader, std::slice::from_ref(path), guid).await {
            Ok(test) => {
                if !is_connected {
                    findings.ok("target", format!("{} answers", app.target.base));
                    is_connected = true;
                    description::examine(app, reader, findings).await;
                }
                filter(app, path, !test.filters_ignored.is_empty(), findings);
            }
            Err(fault) if concerns_the_filter(&fault) => refused(path, &fault, findings),
            Err(fault) => {
                unusable(app, &fault, findings);
                return;
            }
        }
    }
}

fn filter(app: &AppSettings, path: &AttributePath, is_ignored: bool, findings: &mut Findings) {
    if !is_ignored {
        findings.ok("filter", format!("`{path}` is searched by"));
        return;
    }
    let (consequence, action) = if app.job.capability.list {
        (
            "matching compares all accounts instead",
            "nothing has to be done; a large application takes longer at the initial cycle",
        )
    } else {
        (
            "and cannot list its accounts, so existing ones are not found",
            "match by another attribute, or ask the vendor",
        )
    };
    findings.warning(
        "filter",
        format!("the application ignores a filter on `{path}`: {consequence}"),
        action,
    );
}

/// A refusal of the request itself, as opposed to of the connection.
fn concerns_the_filter(fault: &TargetFault) -> bool {
    match fault.class {
        FaultClass::Rejected => fault.status == Some(400) || fault.status == Some(501),
        FaultClass::Throttled
        | FaultClass::Unavailable
        | FaultClass::Lost
        | FaultClass::Conflict
        | FaultClass::Missing
        | FaultClass::Malformed
        | FaultClass::Unauthorized
        | FaultClass::NotCompliant => false,
    }
}

fn refused(path: &AttributePath, fault: &TargetFault, findings: &mut Findings) {
    findings.error(
        "filter",
        Blame::Configuration,
        format!("the application refuses a filter on `{path}`: {fault}"),
        "give `match` to a mapping of another attribute, usually userName",
    );
}

fn unusable(app: &AppSettings, fault: &TargetFault, findings: &mut Findings) {
    let name = app.job.app.as_str();
    let action = match fault.class {
        FaultClass::Unauthorized => match &app.target.sign_in {
            TargetSignIn::SecretToken(_) => format!(
                "take a new secret token from the application and put it where \
                 `apps.{name}.target.secret_token` reads it"
            ),
            TargetSignIn::OAuth(_) => format!(
                "compare `apps.{name}.target.oauth` with what the application shows of its OAuth \
                 client: token URL, client id, secret and scopes"
            ),
        },
        FaultClass::NotCompliant | FaultClass::Missing | FaultClass::Malformed => format!(
            "compare `apps.{name}.target.tenant_url` with what the application shows; it usually \
             ends in /scim or /scim/v2"
        ),
        FaultClass::Rejected => {
            "the token may lack the right to read users, or SCIM is not on in the application"
                .to_owned()
        }
        FaultClass::Throttled => "wait some minutes, then check again".to_owned(),
        FaultClass::Unavailable | FaultClass::Lost | FaultClass::Conflict => format!(
            "check the way from here to {}, and `proxy` and `ca_file` under [apps.{name}.target]",
            app.target.base
        ),
    };
    let message = format!("{}: {fault}", app.target.base);
    findings.error("target", Blame::Connection, message, action);
}
