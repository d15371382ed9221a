//! The difference between what an account should have and what it is known to have.

use serde_json::Value;

use crate::{
    provisioning::{
        Link, Mapped, MappedRow,
        job::{Apply, NullFlow},
    },
    scim::{AttributeChange, AttributePath, Values, same, united},
};

/// What an account is known to have.
#[derive(Clone, Copy)]
pub(super) struct Baseline<'a> {
    /// By path.
    pub(super) values: &'a Values,
    /// What we wrote ourselves: only that is cleared when the source has no value any more.
    pub(super) owned: &'a Values,
    /// Whether `values` is our own export, compared byte for byte. What was read from the target
    /// is compared by each attribute's case rule.
    pub(super) own_export: bool,
}

impl<'a> Baseline<'a> {
    /// What a linked account is known to have.
    pub(super) fn of(link: &'a Link) -> Self {
        Self {
            values: link.baseline(),
            owned: &link.exported,
            own_export: link.read_back.is_none(),
        }
    }
}

/// What differs from a baseline, and the baseline with equal values in our own spelling.
pub(super) struct Difference {
    pub(super) changes: Vec<AttributeChange>,
    pub(super) exported: Values,
}

/// Compares a mapped person with a baseline.
///
/// A mapping that was removed leaves the target's value and is forgotten. References are not mapped
/// rows: they stay as they were exported, or as they were just read.
pub(super) fn difference(mapped: &Mapped, baseline: Baseline<'_>) -> Difference {
    let mut changes = Vec::new();
    let references = if baseline.own_export { baseline.owned } else { baseline.values };
    let mut exported: Values = references
        .iter()
        .filter(|(path, _)| is_reference(path))
        .map(|(path, value)| (path.clone(), value.clone()))
        .collect();
    let equal = |path: &AttributePath, new: &Value, old: &Value| {
        new == old || (!baseline.own_export && same(path, new, old))
    };
    for row in mapped.rows.iter().filter(|row| row.apply == Apply::Always) {
        let old = baseline.values.get(&row.path);
        let wanted = wanted(row, old);
        let cleared = match (&wanted, old) {
            (Some(new), Some(old)) if equal(&row.path, new, old) => {
                exported.insert(row.path.clone(), new.clone());
                continue;
            }
            (Some(_), _) => false,
            (None, None) => continue,
            (None, Some(old)) => {
                let owned = baseline.owned.contains_key(&row.path);
                if owned {
                    exported.insert(row.path.clone(), old.clone());
                }
                // What a create wrote as the default stays where the source never had a value.
                let is_default = row.default.as_ref() == Some(old);
                if !owned || row.null == NullFlow::Keep || row.required || is_default {
                    continue;
                }
                true
            }
        };
        if let (Some(old), false) = (old, cleared) {
            exported.insert(row.path.clone(), old.clone());
        }
        changes.push(AttributeChange { path: row.path.clone(), old: old.cloned(), new: wanted });
    }
    Difference { changes, exported }
}

/// What an account should have, given what it has: a row that only adds asks for both.
fn wanted(row: &MappedRow, old: Option<&Value>) -> Option<Value> {
    match (&row.value, old) {
        (Some(new), Some(old)) if row.only_adds => Some(united(old, new)),
        (None, Some(old)) if row.only_adds => Some(old.clone()),
        (new, _) => new.clone(),
    }
}

/// Whether an attribute refers to another account.
pub(super) fn is_reference(path: &AttributePath) -> bool {
    path.attribute.eq_ignore_ascii_case("manager")
}

/// A baseline after these changes.
pub(super) fn applied(baseline: &Values, changes: &[AttributeChange]) -> Values {
    let mut after = baseline.clone();
    for change in changes {
        match &change.new {
            Some(value) => after.insert(change.path.clone(), value.clone()),
            None => after.remove(&change.path),
        };
    }
    after
}
