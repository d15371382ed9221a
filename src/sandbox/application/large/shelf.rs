//! The accounts of a large application: texts, an index by name and one by external id.
//!
//! Owns what is stored. Knows no request and no schema.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::Timestamp;

/// One account or group.
pub(super) struct Row {
    /// Its attributes as a JSON object, with `schemas` and without `id`, `meta` and members.
    pub(super) document: Box<str>,
    /// The numbers of the accounts that are members of a group.
    pub(super) members: BTreeSet<u32>,
    pub(super) keys: Keys,
    /// Counts up with every change.
    pub(super) version: u32,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
}

/// What a row is found by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Keys {
    /// `userName` or `displayName` in lower case.
    pub(super) name: Box<str>,
    /// Empty for none.
    pub(super) external_id: Box<str>,
}

/// The rows of one kind, in the order of their creation; a row's number never changes.
#[derive(Default)]
pub(super) struct Shelf {
    rows: Vec<Option<Row>>,
    live: usize,
    by_name: BTreeSet<(Box<str>, u32)>,
    by_external_id: BTreeMap<Box<str>, u32>,
}

impl Shelf {
    pub(super) fn get(&self, number: u32) -> Option<&Row> {
        self.rows.get(number as usize)?.as_ref()
    }

    pub(super) fn len(&self) -> usize {
        self.live
    }

    /// All rows with their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Row)> {
        let numbered = (0_u32..).zip(&self.rows);
        numbered.filter_map(|(number, row)| Some((number, row.as_ref()?)))
    }

    /// The rows from a position on, counted over those that are there.
    pub(super) fn from(&self, position: usize) -> Box<dyn Iterator<Item = (u32, &Row)> + '_> {
        if self.live == self.rows.len() {
            let begin = u32::try_from(position).unwrap_or(u32::MAX);
            let numbered = (begin..).zip(self.rows.get(position..).unwrap_or_default());
            return Box::new(numbered.filter_map(|(number, row)| Some((number, row.as_ref()?))));
        }
        Box::new(self.iter().skip(position))
    }

    /// The numbers of the rows of this name, in lower case.
    pub(super) fn named(&self, name: &str) -> Vec<u32> {
        let from = (Box::from(name), 0);
        let same = self.by_name.range(from..).take_while(|(known, _)| &**known == name);
        same.map(|(_, number)| *number).collect()
    }

    /// The number of the row of this external id that came last.
    pub(super) fn with_external_id(&self, external_id: &str) -> Option<u32> {
        self.by_external_id.get(external_id).copied()
    }

    pub(super) fn add(&mut self, row: Row) -> u32 {
        let number = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        self.index(&row.keys, number);
        self.rows.push(Some(row));
        self.live += 1;
        number
    }

    pub(super) fn replace(&mut self, number: u32, row: Row) {
        self.unindex(number);
        self.index(&row.keys, number);
        if let Some(place) = self.rows.get_mut(number as usize) {
            *place = Some(row);
        }
    }

    pub(super) fn remove(&mut self, number: u32) -> bool {
        self.unindex(number);
        let removed = self.rows.get_mut(number as usize).and_then(Option::take).is_some();
        self.live -= usize::from(removed);
        removed
    }

    fn index(&mut self, keys: &Keys, number: u32) {
        self.by_name.insert((keys.name.clone(), number));
        if !keys.external_id.is_empty() {
            self.by_external_id.insert(keys.external_id.clone(), number);
        }
    }

    fn unindex(&mut self, number: u32) {
        let Some(row) = self.rows.get(number as usize).and_then(Option::as_ref) else { return };
        self.by_name.remove(&(row.keys.name.clone(), number));
        if self.by_external_id.get(&row.keys.external_id) == Some(&number) {
            self.by_external_id.remove(&row.keys.external_id);
        }
    }
}
