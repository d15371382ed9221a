//! Members of a group: the PATCH that adds some and removes others.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Dialect, Operation, PatchRequest, schema};
use crate::model::TargetId;

/// How a PATCH takes a member out of a group.
///
/// A service that reads the other form than the one it is sent does harm: RFC 7644 §3.5.2.2 gives
/// `remove` no value, so one that takes it at its word empties the group on [`Self::ValueArray`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemberRemoval {
    /// One operation for each, under `members[value eq "id"]` (RFC 7644 §3.5.2.2).
    ValuePath,
    /// One operation with the ids as its value, as Entra sends without the flag.
    ValueArray,
}

impl MemberRemoval {
    /// The form that belongs to a dialect; a profile may say otherwise.
    pub const fn of(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Rfc7644 => Self::ValuePath,
            Dialect::EntraLegacy => Self::ValueArray,
        }
    }
}

/// The PATCH that takes the members `removes` out of a group and adds `adds`.
///
/// Removals come first, to free seats. Both lists keep their order; an empty one has no operation,
/// so that a request without any change has none at all.
pub fn member_patch(
    adds: &[TargetId],
    removes: &[TargetId],
    removal: MemberRemoval,
    dialect: Dialect,
) -> PatchRequest {
    let mut operations = removals(removes, removal, dialect);
    operations.extend(addition(adds, dialect));
    PatchRequest { schemas: vec![schema::PATCH_OP.to_owned()], operations }
}

/// The PATCH after which this member is not in the group, whether it was in it before or not: it is
/// added, which changes nothing of a member, and taken out. The operations of a PATCH are made in
/// their order, and all or none (RFC 7644 §3.5.2).
pub fn member_out(id: &TargetId, removal: MemberRemoval, dialect: Dialect) -> PatchRequest {
    let ids = std::slice::from_ref(id);
    let operations = addition(ids, dialect).into_iter().chain(removals(ids, removal, dialect));
    PatchRequest { schemas: vec![schema::PATCH_OP.to_owned()], operations: operations.collect() }
}

fn removals(ids: &[TargetId], removal: MemberRemoval, dialect: Dialect) -> Vec<Operation> {
    let op = match dialect {
        Dialect::Rfc7644 => "remove",
        Dialect::EntraLegacy => "Remove",
    };
    let operation = |path: String, value| Operation { op: op.to_owned(), path: Some(path), value };
    match removal {
        MemberRemoval::ValuePath => ids
            .iter()
            // The filter's text is JSON (RFC 7644 §3.4.2.2): quotes and backslashes are escaped.
            .map(|id| operation(format!("members[value eq {}]", Value::from(id.as_str())), None))
            .collect(),
        MemberRemoval::ValueArray if ids.is_empty() => Vec::new(),
        MemberRemoval::ValueArray => {
            let elements = ids.iter().map(|id| json!({ "value": id.as_str() })).collect();
            vec![operation("members".to_owned(), Some(elements))]
        }
    }
}

fn addition(ids: &[TargetId], dialect: Dialect) -> Option<Operation> {
    let (op, element): (_, fn(&TargetId) -> Value) = match dialect {
        Dialect::Rfc7644 => ("add", |id| json!({ "value": id.as_str() })),
        Dialect::EntraLegacy => ("Add", |id| json!({ "$ref": null, "value": id.as_str() })),
    };
    (!ids.is_empty()).then(|| Operation {
        op: op.to_owned(),
        path: Some("members".to_owned()),
        value: Some(ids.iter().map(element).collect()),
    })
}
