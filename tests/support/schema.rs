//! The JSON that is promised to scripts, checked against the schemas in `tests/schemas`.

use serde_json::Value;

/// A document that is promised.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Document {
    /// `plan --json` and `sync --json`.
    Plan,
    /// `status --json`.
    Status,
    /// `log --json`.
    Log,
    /// `explain --json`.
    Explain,
    /// `provision --json`.
    Provision,
    /// `drift --json`.
    Drift,
}

/// What the document breaks of its promise, one line each; empty where it keeps all of it.
pub(crate) fn violations(document: Document, value: &Value) -> Vec<String> {
    let text = match document {
        Document::Plan => include_str!("../schemas/plan.json"),
        Document::Status => include_str!("../schemas/status.json"),
        Document::Log => include_str!("../schemas/log.json"),
        Document::Explain => include_str!("../schemas/explain.json"),
        Document::Provision => include_str!("../schemas/provision.json"),
        Document::Drift => include_str!("../schemas/drift.json"),
    };
    let schema: Value = serde_json::from_str(text).expect("the schema is JSON");
    let validator = jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        .should_validate_formats(true)
        .build(&schema)
        .expect("the schema is one");
    let errors = validator.iter_errors(value);
    errors.map(|error| format!("{}: {error}", error.instance_path)).collect()
}

/// Ends the test where the text is not JSON or breaks its promise.
#[track_caller]
pub(crate) fn keeps_its_promise(document: Document, text: &str) -> Value {
    let value: Value = serde_json::from_str(text).expect("one JSON document");
    let violations = violations(document, &value);
    assert!(violations.is_empty(), "{document:?}\n{}\n{value:#}", violations.join("\n"));
    value
}

mod tests {
    use serde_json::json;

    use super::{Document, keeps_its_promise, violations};

    fn plan() -> serde_json::Value {
        let id = "d68e57a4-764e-5724-aea9-e82821cb27d7";
        json!({
            "app": "crm",
            "cycle": {"id": id, "kind": "initial", "dry_run": true,
                      "began": "2026-11-23T10:00:00Z", "duration_ms": 12},
            "totals": {"in_scope": 1, "create": 1, "adopt": 0, "update": 0, "disable": 0,
                       "enable": 0, "delete": 0, "skip": 0, "failure": 0, "held": 0},
            "requests": {"graph": 7, "target": 1},
            "held": null,
            "changes": [{
                "change_id": id, "object": "user", "action": "create", "status": "planned",
                "source": {"id": id, "display": "ada@contoso.example"},
                "target": {"id": null, "display": null}, "reason": "InScope",
                "attributes": [{"path": "userName", "old": null, "new": "ada@contoso.example"}],
                "error": null,
            }],
        })
    }

    #[test]
    fn a_plan_as_promised_is_accepted_alone_and_in_an_array() {
        keeps_its_promise(Document::Plan, &plan().to_string());
        keeps_its_promise(Document::Plan, &json!([plan(), plan()]).to_string());
        keeps_its_promise(Document::Status, r#"{"apps": []}"#);
        keeps_its_promise(Document::Log, "[]");
    }

    #[test]
    fn an_unknown_action_an_unknown_field_and_a_missing_one_are_found() {
        let mut wrong = plan();
        wrong["changes"][0]["action"] = "rename".into();
        assert_eq!(violations(Document::Plan, &wrong).len(), 1, "an action of our own");
        let mut wrong = plan();
        wrong["surprise"] = true.into();
        assert_eq!(violations(Document::Plan, &wrong).len(), 1, "a field of our own");
        let mut wrong = plan();
        wrong.as_object_mut().expect("an object").remove("held");
        assert_eq!(violations(Document::Plan, &wrong).len(), 1, "`held` is null, never missing");
        let mut wrong = plan();
        wrong["cycle"]["began"] = "yesterday".into();
        assert_eq!(violations(Document::Plan, &wrong).len(), 1, "not a moment");
    }
}
