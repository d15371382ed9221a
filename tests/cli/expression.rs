//! `expression`: one expression, a value, and nobody asked who need not be.

use std::fs;

use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::support::desk::Desk;

#[derive(Deserialize)]
struct Vector {
    expression: String,
    input: Map<String, Value>,
    status: String,
    output: Value,
    expected_by_documented_semantics: Option<Value>,
    now_utc: Option<String>,
    #[serde(default)]
    values_already_in_target: Vec<String>,
    tenant_default_domain: Option<String>,
}

/// What the program prints for a vector, and what it should.
async fn evaluate(desk: &Desk, index: usize, vector: &Vector) -> Option<String> {
    let expected = match vector.status.as_str() {
        "ok" => vector.output.clone(),
        "doc_inconsistent" => vector.expected_by_documented_semantics.clone().unwrap_or_default(),
        _ => return None,
    };
    let file = desk.path(&format!("{index}.json"));
    fs::write(&file, Value::Object(vector.input.clone()).to_string()).expect("a file");
    let file = file.display().to_string();
    let mut words = vec!["expression", "-", "--json", "--user", &file];
    if let Some(now) = &vector.now_utc {
        words.extend(["--now", now]);
    }
    if let Some(domain) = &vector.tenant_default_domain {
        words.extend(["--default-domain", domain]);
    }
    for taken in &vector.values_already_in_target {
        words.extend(["--taken", taken]);
    }
    let said = desk.ask(&words, &vector.expression).await;
    let right = said.code == 0 && said.json() == json!({ "value": expected });
    (!right).then(|| {
        format!("{}\nexpected {expected}, not {}{}", vector.expression, said.stdout, said.stderr)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_example_comes_out_of_the_program_as_documented() {
    let desk = Desk::with_users(&[]).await;
    // With a file no configuration is read.
    fs::remove_file(desk.config()).expect("a configuration");
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("../vectors/expressions.json")).expect("vectors");
    let all = vectors.iter().enumerate();
    let failures: Vec<String> = stream::iter(all)
        .map(|(index, vector)| evaluate(&desk, index, vector))
        .buffer_unordered(4)
        .filter_map(std::future::ready)
        .collect()
        .await;
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_gives_values_and_roles_and_what_it_lacks_is_null() {
    let desk = Desk::with_users(&[]).await;
    fs::remove_file(desk.config()).expect("a configuration");
    let file = desk.path("ada.json");
    let values = json!({
        "givenName": "Ada", "businessPhones": ["1", "2"], "IsSoftDeleted": false,
        "appRoleAssignments": [
            { "id": "00000000-0000-0000-0000-000000000002", "displayName": "Viewer", "value": "v" },
            { "id": "00000000-0000-0000-0000-000000000001", "displayName": "Editor", "value": "e" },
        ],
    });
    fs::write(&file, values.to_string()).expect("a file");
    let file = file.display().to_string();
    for (expression, value) in [
        ("ToUpper([givenName])", json!("ADA")),
        ("[businessPhones]", json!(["1", "2"])),
        ("[anythingElse]", json!(null)),
        ("IgnoreFlowIfNullOrEmpty([surname])", json!(null)),
        ("Not([IsSoftDeleted])", json!("True")),
        ("SingleAppRoleAssignment([appRoleAssignments])", json!("Editor")),
        ("Redact([givenName])", json!("Ada")),
        ("Now()", json!("11/23/2026 10:00:00 AM")),
    ] {
        let words = ["expression", expression, "--user", &file, "--json"];
        let words = [&words[..], &["--now", "2026-11-23T11:00:00+01:00"]].concat();
        let said = desk.ask(&words, "").await.ends(0);
        assert_eq!(said.json(), json!({ "value": value }), "{expression}");
    }
    let text = desk.ask(&["expression", "[givenName]", "--user", &file], "").await.ends(0);
    assert_eq!(text.stdout, "Ada\n");
    fs::write(desk.path("names.json"), r#"{"appRoleAssignments": ["B", "A"]}"#).expect("a file");
    let names = desk.path("names.json").display().to_string();
    let words = ["expression", "AppRoleAssignments([appRoleAssignments])", "--user", &names];
    assert_eq!(desk.ask(&words, "").await.ends(0).stdout, "[\"B\",\"A\"]\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_shows_each_part_the_innermost_first() {
    let desk = Desk::with_users(&[]).await;
    let file = desk.path("ada.json");
    fs::write(&file, r#"{"givenName": "Ada"}"#).expect("a file");
    let file = file.display().to_string();
    let expression = r#"Join(" ", [givenName], ToUpper("x"), Redact("hidden"))"#;
    let words = ["expression", expression, "--user", &file, "--trace"];
    let text = desk.ask(&words, "").await.ends(0).stdout;
    assert_eq!(
        text, "  [givenName] = \"Ada\"\n  ToUpper(\"x\") = \"X\"\nAda X hidden\n",
        "what a redacted value went into is not traced"
    );
    let words = ["expression", r#"ToUpper("x")"#, "--trace", "--json"];
    let document = desk.ask(&words, "").await.ends(0).json();
    let part = json!({ "expression": r#"ToUpper("x")"#, "depth": 0, "value": "X" });
    assert_eq!(document, json!({ "value": "X", "trace": [part] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_has_its_line_its_column_and_a_caret() {
    let desk = Desk::with_users(&[]).await;
    let wrong = desk.ask(&["expression", "-"], "Join(\" \",\n  ToUper(\"a\"))\n").await.ends(2);
    assert!(
        wrong.stderr.contains("line 2, column 3: unknown function `ToUper`"),
        "{}",
        wrong.stderr
    );
    assert!(wrong.stderr.contains("2 |   ToUper(\"a\"))\n  |   ^^^^^^"), "{}", wrong.stderr);
    assert!(wrong.stdout.is_empty());
    let unclosed = desk.ask(&["expression", "Join(\"a\""], "").await.ends(2);
    assert!(unclosed.stderr.contains("line 1, column 5"), "{}", unclosed.stderr);
    let nothing = desk.ask(&["expression", "ToUpper([givenName])"], "").await.ends(2);
    assert!(nothing.stderr.contains("no value is given for [givenName]"), "{}", nothing.stderr);
    assert!(nothing.stderr.contains("--user"), "{}", nothing.stderr);
    let fails = desk.ask(&["expression", r#"Mid("a", "x", 1)"#], "").await.ends(3);
    assert!(fails.stderr.contains("`Mid` needs a number"), "{}", fails.stderr);
    fs::write(desk.path("list.json"), "[]").expect("a file");
    for words in [
        &["expression"][..],
        &["expression", "1", "--now", "noon"],
        &["expression", "1", "--user", "missing.json"],
        &["expression", "1", "--user", &desk.path("list.json").display().to_string()],
        &["expression", "1", "--app", "crm"],
    ] {
        desk.ask(words, "").await.ends(2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_in_entra_is_read_live_with_roles_and_a_redacted_value_is_not_shown() {
    let desk = Desk::with_users(&["ada"]).await;
    desk.tenant.set_attribute(desk.people["ada"], "businessPhones", json!(["+44 20", "+44 21"]));
    desk.tenant.set_attribute(desk.people["ada"], "employeeId", "S3CRET");
    let expression = r#"Join("/", [telephoneNumber], [IsSoftDeleted],
        SingleAppRoleAssignment([appRoleAssignments]))"#;
    for who in ["ada@contoso.com", &desk.people["ada"].to_string()] {
        let words = ["expression", expression, "--user", who, "--app", "crm"];
        assert_eq!(desk.ask(&words, "").await.ends(0).stdout, "+44 20/False/Editor\n");
    }
    let words = ["expression", "Redact([employeeId])", "--user", "ada@contoso.com", "--trace"];
    let redacted = desk.ask(&words, "").await.ends(0);
    assert_eq!(redacted.stdout, "[Redact]\n");
    assert!(!redacted.stderr.contains("S3CRET"), "{}", redacted.stderr);
    let words = ["expression", "[givenNam]", "--user", "ada@contoso.com"];
    let unknown = desk.ask(&words, "").await.ends(2);
    assert!(unknown.stderr.contains("did you mean [givenName]?"), "{}", unknown.stderr);
    let nobody = desk.ask(&["expression", "1", "--user", "nobody@contoso.com"], "").await.ends(2);
    assert!(nobody.stderr.contains("a file of attribute values"), "{}", nobody.stderr);
    desk.tenant.add_group("Sales");
    let group = desk.ask(&["expression", "1", "--user", "Sales"], "").await.ends(2);
    assert!(group.stderr.contains("is a group"), "{}", group.stderr);
    assert!(!desk.path("state").exists());
    let same = ["expression", "Guid()", "--user", "ada@contoso.com"];
    let first = desk.ask(&same, "").await.ends(0).stdout;
    assert_eq!(desk.ask(&same, "").await.ends(0).stdout, first, "one person, one value");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_function_is_listed_with_its_meaning() {
    let desk = Desk::with_users(&[]).await;
    let text = desk.ask(&["expression", "--functions"], "").await.ends(0).stdout;
    assert!(text.contains("Join(separator, "), "{text}");
    let rows = desk.ask(&["expression", "--functions", "--json"], "").await.ends(0).json();
    let all = rows.as_array().expect("a list");
    assert!(all.len() >= 60 && all.iter().all(|row| row["meaning"].is_string()), "{}", all.len());
}
