//! List bodies.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    document::member,
    error::{count, names_schema},
    schema,
};
use crate::model::TargetId;

/// A list of resources (RFC 7644 §3.4.2).
#[derive(Clone, Debug, PartialEq)]
pub struct ListResponse {
    /// The resources with their ids.
    pub resources: Vec<(TargetId, Map<String, Value>)>,
    /// `totalResults`; where it is missing, the rows of this body.
    pub total: u64,
    /// Rows without a usable id, left out above.
    pub unusable: u64,
    /// `nextCursor`, on every page but the last of a list that goes on by cursors (RFC 9865 §2).
    pub next_cursor: Option<String>,
}

/// Why a body is not a list. The text holds nothing of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidList {
    /// HTML, nothing at all, or a truncated answer.
    #[error("the answer is not JSON")]
    NotJson,
    /// JSON without anything that marks a list.
    #[error("the answer is JSON, but no ListResponse")]
    NotAList,
    /// `Resources` is no array.
    #[error("`Resources` is not an array")]
    Resources,
}

impl ListResponse {
    /// Reads a list body. Keys compare without case, `totalResults` may be a text or missing, and
    /// `Resources` may be missing or null where nothing matches.
    pub fn parse(body: &[u8]) -> Result<Self, InvalidList> {
        let parsed: Value = serde_json::from_slice(body).map_err(|_| InvalidList::NotJson)?;
        let Value::Object(message) = parsed else { return Err(InvalidList::NotAList) };
        let claimed = member(&message, "totalResults").and_then(count);
        let rows = match member(&message, "Resources") {
            Some(Value::Array(rows)) => rows.as_slice(),
            Some(Value::Null) | None => {
                if claimed.is_none() && !names_schema(&message, schema::LIST_RESPONSE) {
                    return Err(InvalidList::NotAList);
                }
                &[]
            }
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
                return Err(InvalidList::Resources);
            }
        };
        let resources: Vec<_> = rows
            .iter()
            .filter_map(|row| {
                let row = row.as_object()?;
                Some((resource_id(row)?, row.clone()))
            })
            .collect();
        let unusable = (rows.len() - resources.len()) as u64;
        let cursor = member(&message, "nextCursor").and_then(Value::as_str);
        let next_cursor = cursor.filter(|cursor| !cursor.is_empty()).map(str::to_owned);
        Ok(Self { total: claimed.unwrap_or(rows.len() as u64), resources, unusable, next_cursor })
    }
}

/// The id of a resource, or `None` where it has none that could be used.
///
/// A whole number is taken as its text: some services number their users, against RFC 7643 §3.1.
pub fn resource_id(resource: &Map<String, Value>) -> Option<TargetId> {
    match member(resource, "id")? {
        Value::String(id) => TargetId::parse(id).ok(),
        Value::Number(id) if id.is_u64() => TargetId::parse(&id.to_string()).ok(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            None
        }
    }
}

/// The ids of a group's members (RFC 7643 §4.2), each once; values that could be no id are left
/// out. None where the service hides the members, or there are none.
pub fn member_ids(group: &Map<String, Value>) -> BTreeSet<TargetId> {
    let members = member(group, "members").and_then(Value::as_array);
    let id = |row: &Value| {
        let row = row.as_object()?;
        match member(row, "value")? {
            Value::String(id) => TargetId::parse(id).ok(),
            Value::Number(id) if id.is_u64() => TargetId::parse(&id.to_string()).ok(),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => None,
        }
    };
    members.into_iter().flatten().filter_map(id).collect()
}
