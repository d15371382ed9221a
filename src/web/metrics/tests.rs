//! The list of metrics, held together with its documentation, the alert rules and the dashboard.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use serde_json::Value;

use super::{
    application::Numbers,
    family::{ALL, Family, Kind, Samples},
    process,
};
use crate::{
    model::Timestamp,
    provisioning::{Quarantine, QuarantineReason, Reason},
    store::{Counter, CycleKind, CycleReport, Progress, Requests, Totals},
    web::Standing,
};

const DOCUMENT: &str = include_str!("../../../packaging/prometheus/README.md");
const ALERTS: &str = include_str!("../../../packaging/prometheus/alerts.yml");
const ALERTS_TEST: &str = include_str!("../../../packaging/prometheus/alerts_test.yml");
const DASHBOARD: &str = include_str!("../../../packaging/grafana/entra-scim.json");

/// Labels that Prometheus itself adds, or that stand in every alert.
const FOREIGN_LABELS: [&str; 5] = ["job", "instance", "le", "alertname", "alertstate"];

/// The words between backquotes of a cell.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_metric_is_documented_and_nothing_else_is() {
    let rows = DOCUMENT.lines().filter(|line| line.starts_with("| `"));
    let documented: Vec<(String, String, Vec<&str>, String)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
            let name = quoted(cells[0])[0].to_owned();
            (name, cells[1].to_owned(), quoted(cells[2]), cells[3].to_owned())
        })
        .collect();
    let listed: Vec<_> = ALL
        .iter()
        .map(|family| {
            let kind = format!("{:?}", family.kind).to_lowercase();
            (family.name.to_owned(), kind, family.labels.to_vec(), family.help.to_owned())
        })
        .collect();
    assert_eq!(documented, listed);
}

#[test]
fn names_say_their_unit_and_whether_they_only_grow() {
    for family in ALL {
        let is_counter = family.kind == Kind::Counter;
        assert_eq!(family.name.ends_with("_total"), is_counter, "{}", family.name);
        assert!(!family.name.contains("_ms"), "{}: base units", family.name);
    }
    let names: BTreeSet<&str> = ALL.iter().map(|family| family.name).collect();
    assert_eq!(names.len(), ALL.len());
}

/// The family that a name in a query means; `_bucket` and its like are those of a histogram.
fn family(name: &str) -> Option<&'static Family> {
    let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
    ALL.iter().copied().find(|family| {
        family.name == name || (family.kind == Kind::Histogram && base == Some(family.name))
    })
}

/// Words of a query: names, and the brackets that say what they are.
fn words(query: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    let mut words = Vec::new();
    let mut rest = query;
    while let Some(first) = rest.chars().next() {
        let end = if first == '"' {
            rest[1..].find('"').map_or(rest.len(), |end| end + 2)
        } else if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        if !first.is_whitespace() {
            words.push(&rest[..end]);
        }
        rest = &rest[end..];
    }
    words
}

/// What is wrong with a query: metrics that are not exported, labels that theirs do not have.
fn mistakes(query: &str) -> Vec<String> {
    let words = words(query);
    let mut mistakes = Vec::new();
    let mut known: BTreeSet<&str> = FOREIGN_LABELS.into();
    let mut asked = Vec::new();
    let mut of: Option<&Family> = None;
    let (mut selects, mut groups) = (false, false);
    for (index, word) in words.iter().enumerate() {
        let next = words.get(index + 1).copied().unwrap_or_default();
        match *word {
            "{" => selects = true,
            "}" => selects = false,
            "(" if index > 0 && ["by", "on", "without", "ignoring"].contains(&words[index - 1]) => {
                groups = true;
            }
            ")" => groups = false,
            word if word.starts_with("entra_scim_") || word.starts_with("process_") => {
                of = family(word);
                match of {
                    Some(family) => known.extend(family.labels),
                    None => mistakes.push(format!("`{word}` is not exported")),
                }
            }
            label if selects && ["=", "!"].contains(&next) => {
                let has = of.is_some_and(|family| family.labels.contains(&label))
                    || FOREIGN_LABELS.contains(&label);
                if !has {
                    let name = of.map_or("it", |family| family.name);
                    mistakes.push(format!("`{name}` has no label `{label}`"));
                }
            }
            label if groups && label != "," => asked.push(label),
            _ => {}
        }
    }
    let unknown = asked.into_iter().filter(|label| !known.contains(label));
    mistakes.extend(unknown.map(|label| format!("nothing in it has a label `{label}`")));
    mistakes
}

#[test]
fn a_query_with_a_wrong_name_or_label_is_noticed() {
    assert_eq!(
        mistakes("entra_scim_cycles_totals"),
        ["`entra_scim_cycles_totals` is not exported"]
    );
    assert_eq!(
        mistakes(r#"sum by (app) (entra_scim_linked{kind="user"})"#),
        ["`entra_scim_linked` has no label `kind`"]
    );
    assert_eq!(
        mistakes("sum by (app, kind) (entra_scim_linked)"),
        ["nothing in it has a label `kind`"]
    );
    assert!(mistakes(r#"rate(entra_scim_request_duration_seconds_bucket{le="1"}[5m])"#).is_empty());
    assert_eq!(mistakes("entra_scim_linked_bucket").len(), 1, "only histograms have buckets");
}

#[test]
fn every_query_of_the_dashboard_names_exported_metrics_and_their_labels() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("the dashboard is JSON");
    let mut queries = 0;
    for panel in dashboard["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let query = target["expr"].as_str().expect("a query");
            assert!(
                mistakes(query).is_empty(),
                "{}: {query}: {:?}",
                panel["title"],
                mistakes(query)
            );
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
            // A legend that names a label which the query drops would be empty.
            let legend = target["legendFormat"].as_str().expect("a legend");
            for label in legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()) {
                let grouped = query.split("by (").nth(1).and_then(|rest| rest.split(')').next());
                let has = grouped.map_or_else(
                    || {
                        words(query).iter().filter_map(|word| family(word)).any(|family| {
                            family.labels.contains(&label) || FOREIGN_LABELS.contains(&label)
                        })
                    },
                    |labels| labels.split(", ").any(|grouped| grouped == label),
                );
                assert!(has, "{}: no `{label}` in {query}", panel["title"]);
            }
            queries += 1;
        }
    }
    assert!(queries > 20, "only {queries} queries: is this the dashboard?");
    for variable in dashboard["templating"]["list"].as_array().expect("variables") {
        let query = variable["definition"].as_str().unwrap_or_default();
        let name = query.strip_prefix("label_values(").and_then(|rest| rest.split(',').next());
        assert!(name.is_none_or(|name| family(name).is_some()), "{query}");
    }
    let kinds: BTreeMap<&str, usize> =
        dashboard["panels"].as_array().into_iter().flatten().fold(BTreeMap::new(), |mut all, p| {
            *all.entry(p["type"].as_str().expect("a type")).or_default() += 1;
            all
        });
    assert!(kinds["timeseries"] > 5, "{kinds:?}");
    assert!(dashboard["schemaVersion"].as_u64().is_some_and(|version| version >= 36));
}

#[test]
fn every_alert_names_exported_metrics_and_the_command_to_type() {
    let alerts: Vec<&str> = ALERTS.split("- alert: ").skip(1).collect();
    assert!(alerts.len() >= 10, "only {} alerts", alerts.len());
    for alert in alerts {
        let name = alert.lines().next().unwrap_or_default();
        let expression = alert.split("expr: ").nth(1).and_then(|rest| rest.split("labels:").next());
        let expression = expression.expect("an expression").split("for: ").next();
        let mistakes = mistakes(expression.unwrap_or_default());
        assert!(mistakes.is_empty(), "{name}: {mistakes:?}");
        let description = alert.split("description: ").nth(1).expect("a description");
        assert!(
            ["`entra-scim ", "`systemctl ", "`journalctl "].iter().any(|c| description.contains(c)),
            "{name} names no command"
        );
        assert!(ALERTS_TEST.contains(name), "{name} has no test");
    }
    for line in ALERTS_TEST.lines().filter(|line| line.contains("{series:")) {
        let series = line.split('\'').nth(1).expect("a series");
        if series.starts_with("entra_scim_") {
            assert!(mistakes(series).is_empty(), "{series}: {:?}", mistakes(series));
        }
    }
}

/// An application of which everything is known that can be.
fn everything() -> Numbers {
    let at = Timestamp::UNIX_EPOCH + TimeDelta::days(20_000);
    let labelled = |name: &str, labels: &[(&str, &str)], value| Counter {
        name: name.to_owned(),
        labels: labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        value,
    };
    let asked = ("class", "read");
    let of = ("service", "target");
    Numbers {
        standing: Standing {
            app: "crm".to_owned(),
            watermark: Some(at),
            next_run: Some(at),
            running: Some(Progress { phase: "export".to_owned(), done: 1, total: Some(4) }),
            quarantine: Some(Quarantine {
                reason: QuarantineReason::EncounteredQuarantineException,
                code: Reason::Timeout,
                message: "Ada Berg <ada@contoso.com>".to_owned(),
                series_began: at,
                current_began: at,
                series_count: 1,
                last_attempt: at,
            }),
            last_cycle: Some(CycleReport {
                id: crate::model::CycleId::derive(&["x"]),
                kind: CycleKind::Initial,
                dry_run: false,
                began: at,
                duration_ms: 1_500,
                totals: Totals::default(),
                requests: Requests::default(),
                held: None,
                error: None,
                warnings: Vec::new(),
                revision: None,
                quarantine: None,
                linked: None,
            }),
            ..Standing::default()
        },
        counters: vec![
            labelled("answer_seconds", &[asked, of], 2.5),
            labelled("answers_within", &[asked, ("le", "0.1"), of], 3.0),
            labelled("answers_within", &[asked, ("le", "1"), of], 2.0),
            labelled("answers_within", &[asked, ("le", "+Inf"), of], 1.0),
            labelled("cycle_seconds", &[("kind", "initial")], 1.5),
            labelled("cycles", &[("kind", "initial"), ("result", "success")], 1.0),
            labelled(
                "objects",
                &[("action", "create"), ("object", "user"), ("status", "success")],
                7.0,
            ),
            labelled("of a later version", &[], 1.0),
            labelled("requests", &[asked, ("code", "200"), of], 6.0),
            labelled("throttled_seconds", &[of], 30.0),
        ],
        expiries: BTreeMap::from([("secret_token".to_owned(), at)]),
        log_pending: Some(1),
        ..Numbers::default()
    }
}

#[test]
fn every_metric_of_the_list_is_shown_with_its_help_and_type() {
    let mut samples = Samples::default();
    samples.add(super::family::BUILD, &["1"], 1.0);
    everything().add(&mut samples);
    process::add(&mut samples);
    let text = samples.text().expect("text");
    for family in ALL {
        let kind = format!("{:?}", family.kind).to_lowercase();
        assert!(text.contains(&format!("# TYPE {} {kind}\n", family.name)), "{}", family.name);
        assert!(text.contains(&format!("# HELP {} {}", family.name, family.help)), "{text}");
    }
    assert!(!text.contains("contoso"), "{text}");
    for expected in [
        r#"entra_scim_cycles_total{app="crm",kind="initial",result="success"} 1"#,
        r#"entra_scim_cycle_progress_ratio{app="crm",phase="export"} 0.25"#,
        r#"entra_scim_requests_total{app="crm",service="target",class="read",code="200"} 6"#,
        r#"entra_scim_last_cycle_duration_seconds{app="crm"} 1.5"#,
        r#"entra_scim_watermark_timestamp_seconds{app="crm"} 1728000000"#,
    ] {
        assert!(text.contains(&format!("{expected}\n")), "{expected}\n{text}");
    }
}

#[test]
fn a_histogram_is_cumulative_and_ends_with_everything() {
    let mut samples = Samples::default();
    everything().add(&mut samples);
    let text = samples.text().expect("text");
    let labels = r#"app="crm",service="target",class="read""#;
    let name = "entra_scim_request_duration_seconds";
    for (bound, count) in [("0.05", 0), ("0.1", 3), ("0.5", 3), ("1", 5), ("60", 5), ("+Inf", 6)] {
        let line = format!("{name}_bucket{{{labels},le=\"{bound}\"}} {count}\n");
        assert!(text.contains(&line), "{line}{text}");
    }
    assert!(text.contains(&format!("{name}_sum{{{labels}}} 2.5\n")), "{text}");
    assert!(text.contains(&format!("{name}_count{{{labels}}} 6\n")), "{text}");
}
