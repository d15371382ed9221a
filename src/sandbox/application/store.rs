//! The resources of a simulated application and their indexes. Knows no HTTP and no schema rule.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::model::Timestamp;

use super::schema::{ENTERPRISE, Kind};

/// One stored resource.
#[derive(Clone, Debug)]
pub(super) struct Resource {
    pub(super) id: String,
    /// Its attributes with `id`, without `schemas` and `meta`.
    pub(super) document: Map<String, Value>,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
    /// Counts up with every change.
    pub(super) version: u64,
}

impl Resource {
    pub(super) fn etag(&self) -> String {
        format!("W/\"{}\"", self.version)
    }

    /// Whether it is a user that can sign in: `active` is not false.
    pub(super) fn is_active(&self) -> bool {
        self.document.get("active") != Some(&Value::Bool(false))
    }

    pub(super) fn text(&self, attribute: &str) -> &str {
        self.document.get(attribute).and_then(Value::as_str).unwrap_or_default()
    }
}

/// The resources of one kind, in the order of their creation.
#[derive(Default)]
pub(super) struct Shelf {
    rows: BTreeMap<u64, Resource>,
    order: BTreeMap<String, u64>,
    /// `userName` or `displayName` in lower case, and `externalId`.
    by_name: BTreeMap<String, BTreeSet<u64>>,
    by_external_id: BTreeMap<String, BTreeSet<u64>>,
    /// The number the latest resource got; numbers are skipped when one is replaced.
    created: u64,
    pub(super) deleted: Vec<String>,
}

impl Shelf {
    pub(super) fn get(&self, id: &str) -> Option<&Resource> {
        self.rows.get(self.order.get(id)?)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Resource> {
        self.rows.values()
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn named(&self, name: &str) -> Vec<&Resource> {
        self.rows_of(self.by_name.get(&name.to_lowercase()))
    }

    pub(super) fn with_external_id(&self, external_id: &str) -> Vec<&Resource> {
        self.rows_of(self.by_external_id.get(external_id))
    }

    fn rows_of(&self, orders: Option<&BTreeSet<u64>>) -> Vec<&Resource> {
        orders.into_iter().flatten().filter_map(|order| self.rows.get(order)).collect()
    }

    /// Adds a resource or replaces the one of the same id.
    pub(super) fn put(&mut self, kind: Kind, resource: Resource) {
        self.created += 1;
        let order = self.order.get(&resource.id).copied().unwrap_or(self.created);
        self.unindex(kind, order);
        let name = resource.text(kind.naming()).to_lowercase();
        self.by_name.entry(name).or_default().insert(order);
        let external_id = resource.text("externalId").to_owned();
        self.by_external_id.entry(external_id).or_default().insert(order);
        self.order.insert(resource.id.clone(), order);
        self.rows.insert(order, resource);
    }

    pub(super) fn remove(&mut self, kind: Kind, id: &str) -> Option<Resource> {
        let order = self.order.remove(id)?;
        self.unindex(kind, order);
        self.deleted.push(id.to_owned());
        self.rows.remove(&order)
    }

    fn unindex(&mut self, kind: Kind, order: u64) {
        let Some(row) = self.rows.get(&order) else { return };
        let name = row.text(kind.naming()).to_lowercase();
        let keys =
            [(&mut self.by_name, name), (&mut self.by_external_id, row.text("externalId").into())];
        for (index, key) in keys {
            if let Some(orders) = index.get_mut(&key) {
                orders.remove(&order);
                if orders.is_empty() {
                    index.remove(&key);
                }
            }
        }
    }
}

/// Users and groups.
#[derive(Default)]
pub(super) struct Store {
    pub(super) users: Shelf,
    pub(super) groups: Shelf,
}

impl Store {
    pub(super) fn shelf(&self, kind: Kind) -> &Shelf {
        match kind {
            Kind::User => &self.users,
            Kind::Group => &self.groups,
        }
    }

    pub(super) fn shelf_mut(&mut self, kind: Kind) -> &mut Shelf {
        match kind {
            Kind::User => &mut self.users,
            Kind::Group => &mut self.groups,
        }
    }

    /// Whether a user or group has this id, as a member or manager must.
    pub(super) fn exists(&self, id: &str) -> bool {
        self.users.get(id).is_some() || self.groups.get(id).is_some()
    }

    /// Removes a resource, and with it its memberships and its place as a manager.
    pub(super) fn remove(&mut self, kind: Kind, id: &str, now: Timestamp) -> Option<Resource> {
        let removed = self.shelf_mut(kind).remove(kind, id)?;
        for holder in [Kind::User, Kind::Group] {
            let touched: Vec<Resource> =
                self.shelf(holder).iter().filter_map(|row| without(row, id, now)).collect();
            for row in touched {
                self.shelf_mut(holder).put(holder, row);
            }
        }
        Some(removed)
    }
}

/// The resource without its references to `id`, if it has any.
fn without(row: &Resource, id: &str, now: Timestamp) -> Option<Resource> {
    if !references(&row.document).any(|reference| reference == id) {
        return None;
    }
    let mut row = row.clone();
    if let Some(Value::Array(members)) = row.document.get_mut("members") {
        members.retain(|member| member["value"] != id);
    }
    if row.document.get("members").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        row.document.remove("members");
    }
    if let Some(Value::Object(enterprise)) = row.document.get_mut(ENTERPRISE)
        && enterprise.get("manager").is_some_and(|manager| manager["value"] == id)
    {
        enterprise.remove("manager");
        if enterprise.is_empty() {
            row.document.remove(ENTERPRISE);
        }
    }
    row.version += 1;
    row.modified = now;
    Some(row)
}

/// The ids a resource refers to: its members and its manager.
pub(super) fn references(document: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let members = document.get("members").and_then(Value::as_array).into_iter().flatten();
    let manager = document.get(ENTERPRISE).and_then(|enterprise| enterprise.get("manager"));
    members.chain(manager).filter_map(|reference| reference["value"].as_str())
}
