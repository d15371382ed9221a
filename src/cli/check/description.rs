//! What the target says of itself, and what the configuration or the profile says instead.

use super::finding::Findings;
use crate::{
    config::AppSettings,
    port::TargetRead,
    provisioning::{Capabilities, Discovered, Filtering, Paging, Versions, capabilities},
    scim::{Discovery, ServiceDescription},
};

const CHECK: &str = "abilities";

/// Reads the three endpoints at which a SCIM service describes itself, and says what follows. That
/// they cannot be read is worth no more than a note: a cycle does without.
pub(super) async fn examine(app: &AppSettings, reader: &impl TargetRead, findings: &mut Findings) {
    let now = crate::model::Timestamp::UNIX_EPOCH;
    let mut discovered = Discovered::nothing(&app.job, now);
    for endpoint in Discovery::ALL {
        if let Ok(Some(answer)) = reader.discover(endpoint).await {
            discovered.says.learn(endpoint, &answer);
        }
    }
    let can = capabilities(&app.job, Some(&discovered));
    findings.ok(CHECK, sentence(&can));
    if discovered.says == ServiceDescription::default() {
        findings.note(
            CHECK,
            "the application does not describe itself; what it can do is learnt from its answers",
            "",
        );
    }
    let name = &app.job.app;
    for (key, ours, theirs) in contradictions(app, &discovered.says) {
        findings.note(
            CHECK,
            format!("the application says {theirs}, and the configuration or profile {ours}"),
            format!("if the application is right, set or remove `apps.{name}.target.{key}`"),
        );
    }
    for row in &app.job.attributes {
        let whole = |path: &crate::scim::AttributePath| {
            path.urn == row.target.urn && path.attribute.eq_ignore_ascii_case(&row.target.attribute)
        };
        if discovered.says.read_only.iter().any(whole) {
            findings.warning(
                CHECK,
                format!("the application says that `{}` cannot be written", row.target),
                "remove its mapping, or ask the vendor",
            );
        }
    }
}

/// What can be done, in words.
fn sentence(can: &Capabilities) -> String {
    let change = if can.replaces.is_empty() { "changes by PATCH" } else { "changes by PUT" };
    let filter = match can.filter {
        Filtering::Taken | Filtering::Doubted => "searches by filter",
        Filtering::NotTaken => "no filters: every search lists all accounts",
    };
    let list = match (can.list, can.paging) {
        (false, _) => "no lists".to_owned(),
        (true, Paging::Index) => format!("lists by index, {} in a page", can.page_size),
        (true, Paging::Cursor) => format!("lists by cursor, {} in a page", can.page_size),
    };
    let versions = match can.versions {
        Versions::Ignored => "no versions",
        Versions::OfResources => "versions where accounts show them",
        Versions::Compared => "versions",
        Versions::Required => "a version with every change",
    };
    let groups = if can.groups { "" } else { ", no groups" };
    format!("{change}, {filter}, {list}, {versions}{groups}")
}

/// Keys whose meaning the application's own words are against, with both sides.
fn contradictions(
    app: &AppSettings,
    says: &ServiceDescription,
) -> Vec<(&'static str, String, String)> {
    let overrides = app.job.capability.overrides;
    let rows = [
        ("patch", overrides.patch, says.patch),
        ("filter", overrides.filter, says.filter),
        ("etag", overrides.etag, says.etag),
        ("cursor", overrides.cursor, says.cursor_paging),
    ];
    let differ = rows.into_iter().filter_map(|(key, ours, theirs)| {
        let (ours, theirs) = (ours?, theirs?);
        (ours != theirs).then(|| (key, format!("{key} = {ours}"), format!("{key} = {theirs}")))
    });
    differ.collect()
}
