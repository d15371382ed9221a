//! The people of these stories, and what each of their accounts should look like.
//!
//! The expectation is written out by hand from the portal's table of the generic profile, and does
//! not go through the program's own mapping.

use std::collections::BTreeMap;

use entra_scim::model::SourceId;
use serde_json::{Map, Value, json};

use super::{real_server::RealServer, wiretap::Sent, world::World};

pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Graph's name of an attribute and where a user of SCIM has its value.
const PLAIN: [(&str, &str); 8] = [
    ("userPrincipalName", "/userName"),
    ("displayName", "/displayName"),
    ("jobTitle", "/title"),
    ("preferredLanguage", "/preferredLanguage"),
    ("givenName", "/name/givenName"),
    ("surname", "/name/familyName"),
    ("mailNickname", "/externalId"),
    ("mail", "/email"),
];
const ADDRESS: [(&str, &str); 6] = [
    ("officeLocation", "/address/formatted"),
    ("streetAddress", "/address/streetAddress"),
    ("city", "/address/locality"),
    ("state", "/address/region"),
    ("postalCode", "/address/postalCode"),
    ("country", "/address/country"),
];
const REST: [(&str, &str); 5] = [
    ("businessPhones", "/phone/work"),
    ("mobilePhone", "/phone/mobile"),
    ("faxNumber", "/phone/fax"),
    ("employeeId", "/employeeNumber"),
    ("department", "/department"),
];

/// An Editor of whom the directory knows everything that the generic profile maps.
pub(crate) fn hire_in_full(world: &mut World, name: &str) -> SourceId {
    let id = world.hire(name);
    let number = world.people.len();
    for (attribute, value) in [
        ("jobTitle", json!(format!("Engineer {number}"))),
        ("preferredLanguage", json!("de-CH")),
        ("officeLocation", json!(format!("Room {number}, Bundesplatz 3, 3011 Bern"))),
        ("streetAddress", json!("Bundesplatz 3")),
        ("city", json!("Bern")),
        ("state", json!("BE")),
        ("postalCode", json!("3011")),
        ("country", json!("CH")),
        ("businessPhones", json!([format!("+41 31 555 01 {number:02}")])),
        ("mobilePhone", json!(format!("+41 79 555 01 {number:02}"))),
        ("faxNumber", json!(format!("+41 31 555 02 {number:02}"))),
        ("employeeId", json!(format!("E{number:04}"))),
    ] {
        world.set(name, attribute, value);
    }
    id
}

/// A service's users by `userName`.
pub(crate) async fn accounts(server: &RealServer) -> BTreeMap<String, Value> {
    let users = server.users().await.into_iter();
    users.map(|user| (user["userName"].as_str().expect("RFC 7643 §4.1").to_owned(), user)).collect()
}

/// Adds an account by hand and returns it as the service shows it.
pub(crate) async fn seed(server: &RealServer, user: &Value) -> Value {
    let (status, created) = server.send(reqwest::Method::POST, "/Users", Some(user)).await;
    assert_eq!(status, 201, "{created}\n{}", server.said());
    created
}

/// The account of a person as an administrator would have made it, in SCIM.
pub(crate) fn handmade(world: &World, name: &str) -> Value {
    let wanted = wanted(world, name, true, None);
    let text = |pointer: &str| wanted.pointer(pointer).cloned().unwrap_or_default();
    let element = |kind: &str, pointer: &str| match wanted.pointer(pointer) {
        Some(value) => vec![json!({ "type": kind, "value": value })],
        None => Vec::new(),
    };
    let mut addresses = vec![text("/address")];
    addresses.retain(Value::is_object);
    for address in &mut addresses {
        address["type"] = json!("work");
    }
    let phones = ["work", "mobile", "fax"].map(|kind| element(kind, &format!("/phone/{kind}")));
    let mut enterprise = json!({});
    for name in ["employeeNumber", "department"] {
        if let Some(value) = wanted.get(name) {
            enterprise[name] = value.clone();
        }
    }
    let mut user = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "userName": text("/userName"), "externalId": text("/externalId"), "active": true,
        "displayName": text("/displayName"), "name": text("/name"), "title": text("/title"),
        "preferredLanguage": text("/preferredLanguage"), "emails": element("work", "/email"),
        "addresses": addresses, "phoneNumbers": phones.concat(), ENTERPRISE: enterprise,
    });
    // One of the two services takes no null, and neither says more than absence does.
    user.as_object_mut().expect("it is one").retain(|_, value| !value.is_null());
    user
}

/// What the directory says of a person, in a shape of our own that is easy to compare.
pub(crate) fn wanted(world: &World, name: &str, active: bool, manager: Option<&str>) -> Value {
    let source = world.tenant.attributes(world.id(name));
    let mut account = json!({ "active": active });
    for (attribute, pointer) in PLAIN.iter().chain(&ADDRESS).chain(&REST) {
        let value = match source.get(*attribute) {
            Some(Value::Array(values)) => values.first(),
            value => value,
        };
        if let Some(value) = value {
            put(&mut account, pointer, value.clone());
        }
    }
    let given = source.get("givenName").and_then(Value::as_str).unwrap_or_default();
    let surname = source.get("surname").and_then(Value::as_str).unwrap_or_default();
    put(&mut account, "/name/formatted", json!(format!("{given} {surname}")));
    if let Some(manager) = manager {
        put(&mut account, "/manager", json!(manager));
    }
    account
}

/// An account in the same shape. Attributes that nobody maps are left out.
pub(crate) fn shown(user: &Value) -> Value {
    let mut account = json!({});
    let mut copy = |from: &Value, to: &str| {
        if !from.is_null() {
            put(&mut account, to, from.clone());
        }
    };
    for name in ["active", "userName", "externalId", "displayName", "title", "preferredLanguage"] {
        copy(&user[name], &format!("/{name}"));
    }
    for name in ["formatted", "givenName", "familyName"] {
        copy(&user["name"][name], &format!("/name/{name}"));
    }
    for name in ["employeeNumber", "department"] {
        copy(&user[ENTERPRISE][name], &format!("/{name}"));
    }
    copy(&user[ENTERPRISE]["manager"]["value"], "/manager");
    let elements = |name: &str| user[name].as_array().cloned().unwrap_or_default();
    for email in elements("emails").iter().filter(|email| email["type"] == "work") {
        copy(&email["value"], "/email");
    }
    for phone in elements("phoneNumbers") {
        let kind = phone["type"].as_str().expect("each was written with a type");
        // An element without a value would be a shell that a removal left behind.
        assert!(phone["value"].is_string(), "{user}");
        copy(&phone["value"], &format!("/phone/{kind}"));
    }
    for address in elements("addresses") {
        for (_, pointer) in ADDRESS {
            copy(&address[pointer.trim_start_matches("/address/")], pointer);
        }
    }
    account
}

/// Checks that the account of a person is what the directory says.
#[track_caller]
pub(crate) fn check(
    world: &World,
    accounts: &BTreeMap<String, Value>,
    name: &str,
    (active, manager): (bool, Option<&str>),
) {
    let user_name = world.tenant.attributes(world.id(name))["userPrincipalName"].clone();
    let user_name = user_name.as_str().expect("everybody has one");
    let account = accounts.get(user_name).unwrap_or_else(|| panic!("{name} has no account"));
    let manager = manager.map(|manager| id_of(world, accounts, manager));
    assert_eq!(
        shown(account),
        wanted(world, name, active, manager.as_deref()),
        "{name}: {account}"
    );
}

/// The id of a person's account.
#[track_caller]
pub(crate) fn id_of(world: &World, accounts: &BTreeMap<String, Value>, name: &str) -> String {
    let attributes = world.tenant.attributes(world.id(name));
    let user_name = attributes["userPrincipalName"].as_str().expect("everybody has one");
    accounts[user_name]["id"].as_str().expect("RFC 7643 §3.1").to_owned()
}

/// The writes among what was sent, as `METHOD /Users`, without ids.
pub(crate) fn writes(sent: &[Sent]) -> Vec<String> {
    let writes = sent.iter().filter(|sent| sent.is_write());
    writes
        .map(|sent| {
            let resource = if sent.method == "POST" { "/Users" } else { "/Users/{id}" };
            let place = sent.path.split("/Users").next().expect("a split has a first part");
            assert!(sent.path.starts_with(&format!("{place}/Users")), "{}", sent.path);
            format!("{} {resource} {}", sent.method, sent.status.unwrap_or_default())
        })
        .collect()
}

/// The operations of the PATCHes of one account, each as `op path value`.
pub(crate) fn operations(sent: &[Sent], id: &str) -> Vec<String> {
    let patches =
        sent.iter().filter(|sent| sent.method == "PATCH" && sent.path.ends_with(&format!("/{id}")));
    patches
        .flat_map(|patch| patch.body["Operations"].as_array().cloned().unwrap_or_default())
        .map(|operation| {
            let (op, path) = (&operation["op"], &operation["path"]);
            let (op, path) = (op.as_str().unwrap_or_default(), path.as_str().unwrap_or_default());
            let path = path.replace(ENTERPRISE, "E");
            match operation.get("value") {
                Some(value) => format!("{op} {path} {value}"),
                None => format!("{op} {path}"),
            }
        })
        .collect()
}

fn put(document: &mut Value, pointer: &str, value: Value) {
    let mut place = document;
    for name in pointer.trim_start_matches('/').split('/') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[name];
    }
    *place = value;
}
