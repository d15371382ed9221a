//! What holds for every baseline, every change and every answer.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{changes, path};
use crate::{
    model::ObjectKind,
    scim::{
        AttributePath, Dialect, ENTERPRISE_USER, EqFilter, ListResponse, PatchRequest, ScimError,
        Values, create_body, patch, project,
    },
};

/// Paths of every shape; each may have a value or not.
pub(super) const PATHS: [&str; 16] = [
    "active",
    "userName",
    "title",
    "name.givenName",
    "name.familyName",
    r#"emails[type eq "work"].value"#,
    r#"emails[type eq "work"].display"#,
    r#"emails[type eq "home \"2\""].value"#,
    r#"phoneNumbers[type eq "mobile"].value"#,
    r#"addresses[type eq "work"].locality"#,
    r#"addresses[type eq "work"].postalCode"#,
    r#"roles[primary eq "True"].value"#,
    "entitlements",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
    "urn:example:params:custom:2.0:User:editor",
];

fn value_for(path: &str) -> BoxedStrategy<Value> {
    match path {
        "active" => any::<bool>().prop_map(Value::from).boxed(),
        "entitlements" => "[a-c]".prop_map(|text| json!([{ "value": text }])).boxed(),
        _ => "[a-cü\"\\\\]{1,3}".prop_map(Value::from).boxed(),
    }
}

pub(super) fn some_values() -> impl Strategy<Value = Values> {
    let rows: Vec<_> = PATHS.iter().map(|path| prop::option::of(value_for(path))).collect();
    rows.prop_map(|row| {
        let pairs = PATHS.iter().zip(row);
        pairs.filter_map(|(text, value)| Some((path(text), value?))).collect()
    })
}

/// Attributes and elements that no mapping knows of.
pub(super) fn with_foreign(mut document: Map<String, Value>) -> Map<String, Value> {
    let push = |document: &mut Map<String, Value>, name: &str| {
        let elements = document.entry(name).or_insert_with(|| json!([]));
        elements.as_array_mut().expect("an array").push(json!({ "type": "foreign", "value": "f" }));
    };
    for name in ["emails", "phoneNumbers", "addresses", "ims"] {
        push(&mut document, name);
    }
    document.insert("nickName".into(), json!("foreign"));
    document.insert("id".into(), json!("7"));
    let extension = document.entry(ENTERPRISE_USER).or_insert_with(|| json!({}));
    extension["costCenter"] = json!("foreign");
    document
}

pub(super) fn foreign_paths() -> Vec<AttributePath> {
    let cost_center = format!("{ENTERPRISE_USER}:costCenter");
    let elements = ["emails", "phoneNumbers", "addresses", "ims"]
        .map(|name| path(&format!(r#"{name}[type eq "foreign"].value"#)));
    elements.into_iter().chain(["nickName", "id", &cost_center].map(path)).collect()
}

/// A strict server's PATCH, written from RFC 7644 §3.5.2 alone: whatever it may refuse, it does.
fn apply(document: &mut Map<String, Value>, request: &PatchRequest) {
    for operation in &request.operations {
        let text = operation.path.as_deref().expect("every operation names its path");
        let path = AttributePath::parse(text).expect("every path parses");
        let holder = match &path.urn {
            None => &mut *document,
            Some(urn) => document
                .entry(urn.clone())
                .or_insert_with(|| json!({}))
                .as_object_mut()
                .expect("an extension is an object"),
        };
        let value = operation.value.as_ref();
        match (&path.filter, &path.sub) {
            (None, None) => set(holder, &path.attribute, &operation.op, value),
            (None, Some(sub)) => {
                let complex = holder.entry(path.attribute.clone()).or_insert_with(|| json!({}));
                set(complex.as_object_mut().expect("complex"), sub, &operation.op, value);
            }
            (Some(filter), sub) => {
                let elements = holder[&path.attribute].as_array_mut().expect("an array");
                let wanted = match filter.value.as_str() {
                    "True" if !text.contains("\"True\"") => json!(true),
                    other => json!(other),
                };
                let picks = |element: &Value| element[&filter.attribute] == wanted;
                let index = elements.iter().position(picks).expect("noTarget");
                assert_eq!(elements.iter().filter(|e| picks(e)).count(), 1, "types are unique");
                if let Some(sub) = sub {
                    let element = elements[index].as_object_mut().expect("an element");
                    set(element, sub, &operation.op, value);
                } else {
                    assert_eq!(operation.op, "remove");
                    elements.remove(index);
                }
            }
        }
    }
}

fn set(holder: &mut Map<String, Value>, name: &str, op: &str, value: Option<&Value>) {
    match (op, value) {
        ("remove", None) => {
            holder.remove(name).expect("noTarget: nothing to remove");
        }
        ("replace", Some(value)) => {
            holder.insert(name.to_owned(), value.clone()).expect("noTarget: nothing to replace");
        }
        ("add", Some(value)) => match (holder.get_mut(name), value) {
            (Some(Value::Array(there)), Value::Array(new)) => there.extend(new.iter().cloned()),
            (there, value) => {
                assert_eq!(there, None, "`add` where a value is");
                holder.insert(name.to_owned(), value.clone());
            }
        },
        (op, value) => unreachable!("no such operation: {op} {value:?}"),
    }
}

proptest! {
    #[test]
    fn a_patch_leads_from_the_baseline_to_what_is_wanted_and_touches_nothing_else(
        baseline in some_values(),
        wanted in some_values(),
    ) {
        let created = create_body(ObjectKind::User, &baseline, Dialect::Rfc7644);
        let mut document = with_foreign(created);
        let mapped: Vec<AttributePath> = PATHS.iter().map(|text| path(text)).collect();
        prop_assert_eq!(&project(&document, &mapped), &baseline);
        let foreign = foreign_paths();
        let foreign_before = project(&document, &foreign);

        let changes = changes(&baseline, &wanted);
        let request = patch(&baseline, &changes, Dialect::Rfc7644);
        prop_assert!(request.operations.len() <= changes.len());
        apply(&mut document, &request);

        prop_assert_eq!(project(&document, &mapped), wanted);
        prop_assert_eq!(project(&document, &foreign), foreign_before);
    }

    #[test]
    fn no_body_of_ours_holds_a_null(values in some_values()) {
        for dialect in [Dialect::Rfc7644, Dialect::EntraLegacy] {
            let body = create_body(ObjectKind::User, &values, dialect);
            prop_assert!(!has_null(&Value::Object(body)));
        }
    }

    #[test]
    fn paths_print_as_they_were_parsed(
        urn in prop::option::of("urn:[a-z:.0-9]{1,20}:User"),
        attribute in "[a-zA-Z$_][a-zA-Z0-9_$-]{0,8}",
        filter in prop::option::of(("[a-z]{1,6}", "\\PC{0,8}")),
        sub in prop::option::of("[a-z]{1,6}"),
    ) {
        let filter = filter.map(|(attribute, value)| crate::scim::ValueFilter { attribute, value });
        let made = AttributePath::new(urn, attribute, filter, sub);
        let text = made.to_string();
        let parsed = AttributePath::parse(&text).expect("what is printed parses");
        prop_assert_eq!(&parsed, &made);
        prop_assert_eq!(parsed.to_string(), text);
    }

    #[test]
    fn any_text_either_fails_to_parse_or_prints_stably(text in "\\PC{0,24}") {
        if let Ok(parsed) = AttributePath::parse(&text) {
            let printed = parsed.to_string();
            prop_assert_eq!(AttributePath::parse(&printed).expect("stable"), parsed);
        }
    }

    #[test]
    fn the_value_of_a_filter_survives_its_escaping(value in any::<String>()) {
        let filter = EqFilter { path: path("userName"), value: value.clone() };
        let text = filter.to_string();
        let literal = text.strip_prefix("userName eq ").expect("the attribute comes first");
        prop_assert_eq!(serde_json::from_str::<String>(literal).expect("a JSON text"), value);
    }

    #[test]
    fn no_answer_makes_the_parsers_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = ListResponse::parse(&bytes);
        let _ = ScimError::parse(&bytes);
    }

    #[test]
    fn no_json_makes_the_parsers_panic(value in some_json()) {
        let bytes = value.to_string();
        let _ = ListResponse::parse(bytes.as_bytes());
        let _ = ScimError::parse(bytes.as_bytes());
        if let Value::Object(document) = value {
            let _ = project(&document, &PATHS.map(path));
        }
    }
}

pub(super) fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(elements) => elements.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// JSON that uses the names the parsers look for, with values of the wrong types.
pub(super) fn some_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,4}".prop_map(Value::from),
    ];
    let names = prop::sample::select(vec![
        "schemas",
        "Resources",
        "totalResults",
        "id",
        "Errors",
        "status",
        "scimType",
        "detail",
        "emails",
        "type",
        "value",
        "name",
        "roles",
        "primary",
        ENTERPRISE_USER,
        "manager",
    ]);
    leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names.clone().prop_map(str::to_owned), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}
