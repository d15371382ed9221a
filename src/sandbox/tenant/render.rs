//! Objects as JSON: which properties a selection shows, and what a caller may not see.
//!
//! Owns how an object looks outside delta rounds; takes the permissions from the call.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{
    answer::Refusal,
    call::Call,
    schema::{self, Property},
    state::{Entry, Life, ObjectType},
};
use crate::model::{SourceId, Timestamp};

/// Types that a collection of directory objects can hold.
const ANY_TYPE: [ObjectType; 5] = [
    ObjectType::User,
    ObjectType::Group,
    ObjectType::Device,
    ObjectType::Contact,
    ObjectType::ServicePrincipal,
];

/// Application permissions of which each lets its holder read objects of this type.
pub(super) fn readers(kind: ObjectType) -> &'static [&'static str] {
    match kind {
        ObjectType::User => &[
            "User.Read.All",
            "User.ReadWrite.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ],
        ObjectType::Group => &[
            "GroupMember.Read.All",
            "Group.Read.All",
            "Group.ReadWrite.All",
            "Directory.Read.All",
            "Directory.ReadWrite.All",
        ],
        ObjectType::Device => &["Device.Read.All", "Directory.Read.All"],
        ObjectType::Contact => &["OrgContact.Read.All", "Directory.Read.All"],
        ObjectType::ServicePrincipal => &[
            "Application.Read.All",
            "Application.ReadWrite.All",
            "Application.ReadWrite.OwnedBy",
            "Directory.Read.All",
        ],
    }
}

/// Refuses a selection of names that `kind` does not have, or that another service keeps.
pub(super) fn check_selection(
    kind: ObjectType,
    select: Option<&Vec<String>>,
    links: &[&str],
) -> Result<(), Refusal> {
    for name in select.into_iter().flatten().filter(|name| !links.contains(&name.as_str())) {
        match schema::property(kind, name) {
            Some(Property::Scalar | Property::Collection) => {}
            Some(Property::Elsewhere) => {
                return Err(Refusal::new(501, "NotImplemented", "The request is not supported."));
            }
            None => return Err(no_property(name, kind.name())),
        }
    }
    Ok(())
}

/// As [`check_selection`], for a collection of mixed types: some type must have the name.
pub(super) fn check_mixed_selection(select: Option<&Vec<String>>) -> Result<(), Refusal> {
    for name in select.into_iter().flatten() {
        if !ANY_TYPE.iter().any(|kind| schema::property(*kind, name).is_some()) {
            return Err(no_property(name, "microsoft.graph.directoryObject"));
        }
    }
    Ok(())
}

fn no_property(name: &str, kind: &str) -> Refusal {
    Refusal::bad_request(format!("Could not find a property named '{name}' on type '{kind}'."))
}

/// The object with the selected properties, or the default ones.
pub(super) fn object(call: &Call, id: SourceId, entry: &Entry) -> Map<String, Value> {
    let mut shown = Map::new();
    if let Some(names) = &call.options.select {
        for name in names {
            show(call, id, entry, name, &mut shown);
        }
    } else {
        for name in schema::default_selection(entry.kind) {
            show(call, id, entry, name, &mut shown);
        }
        if entry.kind == ObjectType::Group {
            show(call, id, entry, "deletedDateTime", &mut shown);
        }
    }
    shown.insert("id".into(), json!(id.to_string()));
    shown
}

/// One object of a mixed collection: typed, and hollow where the caller may not read its type.
pub(super) fn mixed(call: &Call, id: SourceId, entry: &Entry) -> Value {
    let mut shown = object(call, id, entry);
    if !call.has_role(readers(entry.kind)) {
        for (name, value) in &mut shown {
            if name != "id" {
                *value = nothing(entry.kind, name);
            }
        }
    }
    shown.insert("@odata.type".into(), json!(entry.kind.odata_type()));
    Value::Object(shown)
}

fn show(call: &Call, id: SourceId, entry: &Entry, name: &str, shown: &mut Map<String, Value>) {
    if name == "deletedDateTime" {
        let at = match entry.life {
            Life::SoftDeleted { at } => json!(moment(at)),
            Life::Live | Life::Gone => Value::Null,
        };
        shown.insert(name.into(), at);
        return;
    }
    if schema::property(entry.kind, name).is_none() {
        return;
    }
    if let Some(value) = visible(call, entry, name) {
        let mut value = value.clone();
        if name == "userPrincipalName" && !entry.is_live() {
            let prefix = id.as_uuid().simple().to_string();
            value = json!(format!("{prefix}{}", value.as_str().unwrap_or_default()));
        }
        let value = if value.is_null() { nothing(entry.kind, name) } else { value };
        shown.insert(name.into(), value);
    } else if !name.starts_with("extension_") {
        shown.insert(name.into(), nothing(entry.kind, name));
    }
}

/// The property's value, if it ever had one and the caller may see it.
pub(super) fn visible<'a>(call: &Call, entry: &'a Entry, name: &str) -> Option<&'a Value> {
    // Without its own permission this property comes back empty, and no error tells so.
    if name == "employeeLeaveDateTime" && !call.has_role(&["User-LifeCycleInfo.Read.All"]) {
        return None;
    }
    entry.properties.get(name).map(|held| &held.value)
}

/// How the absence of a value looks: `[]` for a collection, null else.
pub(super) fn nothing(kind: ObjectType, name: &str) -> Value {
    match schema::property(kind, name) {
        Some(Property::Collection) => json!([]),
        Some(Property::Scalar | Property::Elsewhere) | None => Value::Null,
    }
}

/// A moment as the directory writes it, with seven fraction digits where there are any.
pub(super) fn moment(at: Timestamp) -> String {
    if at.timestamp_subsec_nanos() == 0 {
        at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
    } else {
        let ticks = at.timestamp_subsec_nanos() / 100;
        format!("{}.{ticks:07}Z", at.format("%Y-%m-%dT%H:%M:%S"))
    }
}

/// The names of a selection in `@odata.context`.
pub(super) fn context(base_url: &str, set: &str, call: &Call) -> Value {
    let names = call.options.select.as_ref().map_or_else(String::new, |names| {
        let unique: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        format!("({})", unique.into_iter().collect::<Vec<_>>().join(","))
    });
    json!(format!("{base_url}/v1.0/$metadata#{set}{names}"))
}
