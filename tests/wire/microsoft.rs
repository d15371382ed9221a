//! What Microsoft's pages show of each request, held against the files that are ours.
//!
//! The pages are those on SCIM ("Develop a SCIM endpoint"), on the flag `aadOptscim062020`
//! ("Known issues and resolutions with SCIM 2.0 protocol compliance") and on app roles ("Customize
//! attribute mappings"). Bodies are compared as JSON: the order of members has no meaning (RFC 8259
//! §4). `<id>` is whatever account it is about. Where ours differs on purpose, the difference is
//! written out beside it, and `README.md` here says why.

use entra_scim::scim::{CORE_GROUP, CORE_USER, ENTERPRISE_USER, PATCH_OP};
use serde_json::{Value, json};

/// The body of the last request of a file that has one, with ids hidden.
fn body(dialect: &str, case: &str) -> Value {
    let text = super::stored(dialect).remove(case);
    let text = text.unwrap_or_else(|| panic!("no file {dialect}/{case}.http"));
    let line = text.lines().rfind(|line| line.starts_with('{'));
    let body = serde_json::from_str(line.unwrap_or_else(|| panic!("{case} has no body")));
    let mut body = body.unwrap_or_else(|error| panic!("{case}: {error}"));
    hide_ids(&mut body);
    body
}

fn hide_ids(value: &mut Value) {
    match value {
        Value::String(text) if text.starts_with("u-") || text.starts_with("g-") => {
            *value = json!("<id>");
        }
        Value::String(text) => {
            // In a path, an id stands between quotes.
            let parts: Vec<&str> = text.split('"').collect();
            if let [before, id, after] = parts[..]
                && (id.starts_with("u-") || id.starts_with("g-"))
            {
                *value = json!(format!("{before}\"<id>\"{after}"));
            }
        }
        Value::Array(values) => values.iter_mut().for_each(hide_ids),
        Value::Object(members) => members.values_mut().for_each(hide_ids),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[track_caller]
fn sends(dialect: &str, case: &str, operations: &Value) {
    let expected = json!({ "schemas": [PATCH_OP], "Operations": operations });
    assert_eq!(body(dialect, case), expected, "{dialect}/{case}.http");
}

#[test]
fn without_the_flag_everything_is_as_microsoft_shows_it() {
    // Without `"roles": []`, which says no more than absence does.
    let jdoe = json!({
        "schemas": [CORE_USER, ENTERPRISE_USER],
        "externalId": "jdoe", "userName": "jdoe@contoso.com", "active": true,
        "emails": [{ "primary": true, "type": "work", "value": "jdoe@contoso.com" }],
        "meta": { "resourceType": "User" },
        "name": { "formatted": "John Doe", "familyName": "Doe", "givenName": "John" },
    });
    assert_eq!(body("entra-legacy", "user-create"), jdoe);
    let role = |value: &str| json!({ "id": id_of(value), "value": value, "displayName": value });
    let text = |value: &str| {
        // The order of the members in the text is Entra's.
        let id = id_of(value);
        format!(r#"{{"id":"{id}","value":"{value}","displayName":"{value}"}}"#)
    };
    assert_eq!(serde_json::from_str::<Value>(&text("Admin")).ok(), Some(role("Admin")));
    let assigned = |value: &str| {
        json!({
            "primary": false, "type": "WindowsAzureActiveDirectoryRole", "value": value,
            "display": value,
        })
    };
    for (case, operations) in [
        ("user-disable", json!([{ "op": "Replace", "path": "active", "value": "False" }])),
        ("user-enable", json!([{ "op": "Replace", "path": "active", "value": "True" }])),
        ("user-add-one-value", json!([{ "op": "Add", "path": "nickName", "value": "Babs" }])),
        (
            "user-change-one-value",
            json!([{ "op": "Replace", "path": "nickName", "value": "Babe" }]),
        ),
        (
            "user-change-several-values",
            json!([
                {
                    "op": "Replace", "path": "emails[type eq \"work\"].value",
                    "value": "a@contoso.com"
                },
                { "op": "Replace", "path": "name.formatted", "value": "A B" },
                { "op": "Replace", "path": "name.givenName", "value": "A" },
                { "op": "Add", "path": format!("{ENTERPRISE_USER}:employeeNumber"), "value": "7" },
            ]),
        ),
        // `$ref` is null here, as Microsoft's own pages have it for members.
        (
            "user-set-manager",
            json!([{
                "op": "Add", "path": "manager", "value": [{ "$ref": null, "value": "<id>" }]
            }]),
        ),
        (
            "single-role-gain",
            json!([{ "op": "Add", "path": "roles", "value": [{ "value": text("Admin") }] }]),
        ),
        (
            "added-roles-gain",
            json!([{ "op": "Add", "path": "roles", "value": [{ "value": text("Admin") }] }]),
        ),
        (
            "asserted-roles-gain",
            json!([{
                "op": "replace", "path": "roles", "value": [assigned("Admin"), assigned("User")]
            }]),
        ),
        (
            "asserted-roles-lose",
            json!([{ "op": "replace", "path": "roles", "value": [assigned("User")] }]),
        ),
    ] {
        sends("entra-legacy", case, &operations);
    }
}

/// The id of a role of `record`.
fn id_of(role: &str) -> String {
    let first = role.bytes().next().unwrap_or_default();
    format!("{first:08x}-0000-4000-8000-000000000000")
}

#[test]
fn groups_are_as_microsoft_shows_them() {
    let mut group = body("entra-legacy", "group-create");
    let id = group["externalId"].take();
    assert_eq!(id.as_str().map(str::len), Some(36), "the object id");
    let microsoft = "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";
    let shown = json!({
        "schemas": [CORE_GROUP, microsoft],
        "externalId": null, "displayName": "G", "meta": { "resourceType": "Group" },
    });
    assert_eq!(group, shown);
    // With the flag the same, without the schema that no RFC has.
    let mut group = body("rfc7644", "group-create");
    group["externalId"].take();
    let shown = json!({ "schemas": [CORE_GROUP], "externalId": null, "displayName": "G" });
    assert_eq!(group, shown);

    let member = json!([{ "value": "<id>" }]);
    let with_ref = json!([{ "$ref": null, "value": "<id>" }]);
    for (dialect, case, operations) in [
        (
            "entra-legacy",
            "group-add-member",
            json!([{ "op": "Add", "path": "members", "value": with_ref }]),
        ),
        (
            "entra-legacy",
            "group-remove-member",
            json!([{ "op": "Remove", "path": "members", "value": member }]),
        ),
        (
            "entra-legacy",
            "group-rename",
            json!([{ "op": "Replace", "path": "displayName", "value": "Group" }]),
        ),
        // Microsoft shows `"$ref": null` here as well.
        (
            "rfc7644",
            "group-add-member",
            json!([{ "op": "add", "path": "members", "value": member }]),
        ),
        (
            "rfc7644",
            "group-remove-member",
            json!([{ "op": "remove", "path": "members[value eq \"<id>\"]" }]),
        ),
        (
            "rfc7644",
            "group-rename",
            json!([{ "op": "replace", "path": "displayName", "value": "Group" }]),
        ),
    ] {
        sends(dialect, case, &operations);
    }
}

#[test]
fn a_group_is_looked_for_as_microsoft_shows_it() {
    for dialect in ["rfc7644", "entra-legacy"] {
        let text = super::stored(dialect).remove("group-create").expect("a file");
        let asked =
            "GET /scim/v2/Groups?excludedAttributes=members&filter=displayName%20eq%20%22G%22";
        assert!(text.lines().any(|line| line == asked), "{text}");
    }
}

#[test]
fn roles_are_created_as_microsoft_shows_them() {
    for dialect in ["rfc7644", "entra-legacy"] {
        let kind = "WindowsAzureActiveDirectoryRole";
        let single = json!([{ "primary": true, "type": kind, "value": "User" }]);
        assert_eq!(body(dialect, "single-role-create")["roles"], single, "{dialect}");
        let asserted =
            json!([{ "primary": false, "type": kind, "display": "User", "value": "User" }]);
        assert_eq!(body(dialect, "asserted-roles-create")["roles"], asserted, "{dialect}");
        // The page names the display `displayName` in this one form; RFC 7643 §2.4 does not know
        // that name, and `rfc7644` says `display`.
        let display = if dialect == "rfc7644" { "display" } else { "displayName" };
        let added = json!([{ "primary": false, "type": kind, display: "User", "value": "User" }]);
        assert_eq!(body(dialect, "added-roles-create")["roles"], added, "{dialect}");
    }
}

#[test]
fn with_the_flag_everything_is_as_microsoft_shows_it_but_for_merged_operations() {
    for (case, operations) in [
        ("user-disable", json!([{ "op": "replace", "path": "active", "value": false }])),
        ("user-add-one-value", json!([{ "op": "add", "path": "nickName", "value": "Babs" }])),
        (
            "user-change-email",
            json!([{
                "op": "replace", "path": "emails[type eq \"work\"].value",
                "value": "john.doe@contoso.com"
            }]),
        ),
        // Microsoft shows the last three in one operation without a path.
        (
            "user-change-several-values",
            json!([
                {
                    "op": "replace", "path": "emails[type eq \"work\"].value",
                    "value": "a@contoso.com"
                },
                { "op": "replace", "path": "name.formatted", "value": "A B" },
                { "op": "replace", "path": "name.givenName", "value": "A" },
                { "op": "add", "path": format!("{ENTERPRISE_USER}:employeeNumber"), "value": "7" },
            ]),
        ),
        (
            "user-set-manager",
            json!([{
                "op": "add", "path": format!("{ENTERPRISE_USER}:manager"),
                "value": { "value": "<id>" }
            }]),
        ),
    ] {
        sends("rfc7644", case, &operations);
    }
}

#[test]
fn no_operation_of_rfc7644_is_one_that_the_rfc_has_not() {
    for (case, text) in super::stored("rfc7644") {
        for line in text.lines().filter(|line| line.starts_with('{')) {
            let body: Value = serde_json::from_str(line).expect("JSON");
            for operation in body["Operations"].as_array().into_iter().flatten() {
                let op = operation["op"].as_str().expect("a word");
                assert!(["add", "remove", "replace"].contains(&op), "{case}: {operation}");
                assert!(operation["path"].is_string(), "{case}: {operation}");
                // A `remove` says by its path what goes (RFC 7644 §3.5.2.2).
                assert_eq!(op == "remove", operation.get("value").is_none(), "{case}: {operation}");
            }
            assert!(!line.contains("null"), "{case}: null is no value to send (RFC 7643 §2.5)");
        }
    }
}
