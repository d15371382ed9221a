//! The target's side of a check: the request that Entra tests a connection with, by each matching
//! attribute.

use super::finding::{Blame, Findings};
use crate::{
    config::{AppSettings, OAuthCredential, TargetSignIn},
    model::ObjectKind,
    port::{FaultClass, TargetFault, TargetRead},
    provisioning::job::Job,
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
    let mut is_connected = false;
    for path in matching(&app.job) {
        let asked = std::slice::from_ref(path);
        match test_connection(reader, ObjectKind::User, asked, guid).await {
            Ok(test) => {
                if !is_connected {
                    findings.ok("target", format!("{} answers", app.target.base));
                    is_connected = true;
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
    if let Some(groups) = &app.job.groups {
        examine_groups((app, groups), reader, guid, findings).await;
    }
}

/// The attributes that matching asks for, in order.
fn matching(job: &Job) -> Vec<&AttributePath> {
    let rows = job.attributes.iter();
    let mut matching: Vec<_> =
        rows.filter_map(|row| Some((row.matching_priority?, &row.target))).collect();
    matching.sort_by_key(|(priority, _)| *priority);
    matching.into_iter().map(|(_, path)| path).collect()
}

/// The same for a group that does not exist.
async fn examine_groups(
    (app, job): (&AppSettings, &Job),
    reader: &impl TargetRead,
    guid: &str,
    findings: &mut Findings,
) {
    let name = app.job.app.as_str();
    for path in matching(job) {
        let asked = std::slice::from_ref(path);
        match test_connection(reader, ObjectKind::Group, asked, guid).await {
            Ok(test) if test.filters_ignored.is_empty() => {
                findings.ok("groups", format!("`{path}` of groups is searched by"));
            }
            Ok(_) => findings.warning(
                "groups",
                format!("the application ignores a filter on `{path}` of groups"),
                "matching compares all groups instead, where they can be listed",
            ),
            Err(fault) if concerns_the_filter(&fault) => findings.error(
                "groups",
                Blame::Configuration,
                format!("the application refuses a filter on `{path}` of groups: {fault}"),
                format!(
                    "give `match` to another row of apps.{name}.groups.attributes, usually \
                     displayName"
                ),
            ),
            Err(fault) => {
                findings.error(
                    "groups",
                    Blame::Connection,
                    format!("groups cannot be read: {fault}"),
                    format!(
                        "set `apps.{name}.groups.enabled` to false, or ask the vendor where its \
                         /Groups are"
                    ),
                );
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
        FaultClass::Unauthorized => renew(app),
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
            "check the way from here to {}, and `proxy`, `ca_file` and `client_certificate` under \
             [apps.{name}.target]",
            app.target.base
        ),
    };
    let message = format!("{}: {fault}", app.target.base);
    findings.error("target", Blame::Connection, message, action);
}

/// What to look at where the application does not know who asks.
fn renew(app: &AppSettings) -> String {
    let place = format!("apps.{}.target.{}", app.job.app, app.target.sign_in_key());
    match &app.target.sign_in {
        TargetSignIn::SecretToken(_) => format!(
            "take a new secret token from the application and put it where `{place}` reads it"
        ),
        TargetSignIn::OAuth(oauth) => match oauth.credential {
            OAuthCredential::Secret { .. } => format!(
                "compare `{place}` with what the application shows of its OAuth client: token URL, \
                 client id, secret and scopes"
            ),
            OAuthCredential::EntraToken { .. } | OAuthCredential::TokenFile(_) => format!(
                "compare `{place}` with the issuer, subject and audience that the application \
                 trusts, and with its token URL and scopes"
            ),
        },
        TargetSignIn::Basic { .. } => format!(
            "compare the user name in `{place}` and the password that it reads with what the \
             application expects"
        ),
        TargetSignIn::Otherwise => {
            format!("compare `{place}` with what the application expects of a request")
        }
    }
}
