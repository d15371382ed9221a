//! Holds an exchange with Microsoft Graph against the published description of its v1.0.
//!
//! Owns the mapping from a request to its schema. The description is data beside the repository;
//! where it is missing, [`check`] checks nothing and [`is_available`] says so.

use std::{collections::BTreeMap, path::Path, sync::OnceLock};

use serde_json::{Value, json};

static SCHEMAS: OnceLock<Option<BTreeMap<String, jsonschema::Validator>>> = OnceLock::new();

/// Whether the description is there. Its absence is an error where the environment says that it
/// must be there (`ENTRA_SCIM_REQUIRE_SHARED=1`).
#[expect(clippy::disallowed_methods, reason = "a test decides by the environment what it needs")]
pub(crate) fn is_available() -> bool {
    let found = schemas().is_some();
    let required = std::env::var("ENTRA_SCIM_REQUIRE_SHARED").is_ok_and(|value| value == "1");
    assert!(found || !required, "../shared/graph/graph-schemas.json is missing");
    found
}

/// Panics where the exchange is not as Graph describes it. `path` has the version, decoded.
pub(crate) fn check(
    method: &str,
    path: &str,
    request_body: &[u8],
    status: u16,
    response_body: &[u8],
) {
    let Some(schemas) = schemas() else { return };
    let call = format!("{method} {}", template(path));
    let holds = |key: &str, body: &[u8]| {
        let Some(schema) = schemas.get(key) else { return };
        let body: Value = serde_json::from_slice(body)
            .unwrap_or_else(|error| panic!("{call} {status}: not JSON: {error}"));
        let errors: Vec<String> = schema
            .iter_errors(&body)
            .take(3)
            .map(|error| format!("{} at {}", error, error.instance_path))
            .collect();
        assert!(errors.is_empty(), "{key}: {errors:#?}");
    };
    if method == "POST" && (200..300).contains(&status) {
        holds(&format!("{call} request"), request_body);
    }
    if path.ends_with("/$count") && status < 300 {
        return;
    }
    let class = format!("{call} {}XX", status / 100);
    assert!(
        schemas.contains_key(&class)
            || schemas.contains_key(&format!("{call} {status}"))
            || !described(schemas, &call),
        "{class} is not described"
    );
    holds(&class, response_body);
    holds(&format!("{call} {status}"), response_body);
}

fn described(schemas: &BTreeMap<String, jsonschema::Validator>, call: &str) -> bool {
    schemas.keys().any(|key| key.starts_with(&format!("{call} ")))
}

/// The path as the description names it, such as `/groups/{group-id}/members`.
fn template(path: &str) -> String {
    let path = path.strip_prefix("/v1.0").unwrap_or(path).trim_end_matches("()");
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let named: Vec<String> = parts
        .iter()
        .enumerate()
        .map(|(at, part)| match (at, parts[0]) {
            (0, _) if part.starts_with("servicePrincipals(appId=") => {
                "servicePrincipals(appId='{appId}')".to_owned()
            }
            (1, _) if part.starts_with('$') || *part == "delta" => (*part).to_owned(),
            (1, "users") => "{user-id}".to_owned(),
            (1, "groups") => "{group-id}".to_owned(),
            (1, "servicePrincipals") => "{servicePrincipal-id}".to_owned(),
            _ => (*part).to_owned(),
        })
        .collect();
    format!("/{}", named.join("/"))
}

fn schemas() -> Option<&'static BTreeMap<String, jsonschema::Validator>> {
    SCHEMAS.get_or_init(load).as_ref()
}

fn load() -> Option<BTreeMap<String, jsonschema::Validator>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/graph/graph-schemas.json");
    let bundle: Value = serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()?;
    let calls = bundle["$defs"].as_object()?.keys().filter(|key| key.contains(' '));
    calls
        .map(|key| {
            let pointer = key.replace('~', "~0").replace('/', "~1").replace(' ', "%20");
            let pointer = pointer.replace('{', "%7B").replace('}', "%7D");
            let mut root = json!({ "$schema": bundle["$schema"], "$defs": bundle["$defs"] });
            root["$ref"] = json!(format!("#/$defs/{pointer}"));
            let schema = jsonschema::validator_for(&root)
                .unwrap_or_else(|error| panic!("the schema of {key} is unusable: {error}"));
            Some((key.clone(), schema))
        })
        .collect()
}
