//! The test that Entra makes before it saves a connection: one query that must find nothing.

use serde_json::Value;

use crate::{
    model::ObjectKind,
    port::{TargetFault, TargetRead},
    scim::{AttributePath, EqFilter, read, same},
};

/// What a successful test showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionTest {
    /// Attributes whose filter the target ignores: it returned people that do not match. Matching
    /// on them finds nobody unless the target can list.
    pub filters_ignored: Vec<AttributePath>,
}

/// Asks for a user, or a group, that does not exist, by each of these attributes.
///
/// `guid` is a fresh random one. The answers must be lists (200, RFC 7644 §3.4.2); a 404 or a page
/// of HTML is a fault that says that the base URL is wrong.
pub async fn test_connection(
    reader: &impl TargetRead,
    kind: ObjectKind,
    attributes: &[AttributePath],
    guid: &str,
) -> Result<ConnectionTest, TargetFault> {
    let mut filters_ignored = Vec::new();
    for path in attributes {
        let filter = EqFilter { path: path.clone(), value: guid.to_owned() };
        let found = reader.find(kind, &filter).await?;
        let wanted = Value::from(guid);
        let matches = |resource: &crate::port::Resource| {
            read(&resource.document, path).is_some_and(|value| same(path, &wanted, &value))
        };
        if !found.iter().all(matches) {
            filters_ignored.push(path.clone());
        }
    }
    Ok(ConnectionTest { filters_ignored })
}
