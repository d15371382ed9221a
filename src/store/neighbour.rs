//! The state files of other applications with the same target: what of it is theirs.
//!
//! They are only read, each at the moment of the question, so that an account which the other
//! application got a moment ago is seen to be its.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use rusqlite::{Connection, params};

use super::{
    open::{Reader, StoreError, View},
    plan::claim_key,
    source::stored_kind,
};
use crate::model::{AppName, ObjectKind, TargetId};

/// The other applications that share a target. None by default.
#[derive(Default)]
pub struct Neighbours(Vec<Neighbour>);

struct Neighbour {
    app: AppName,
    path: PathBuf,
    /// Opened at the first question: the file may not be there yet.
    reader: Mutex<Option<Reader>>,
}

impl Neighbours {
    /// These applications, each with its state file. Nothing is opened yet.
    pub fn of(apps: impl IntoIterator<Item = (AppName, PathBuf)>) -> Self {
        let neighbour = |(app, path)| Neighbour { app, path, reader: Mutex::new(None) };
        Self(apps.into_iter().map(neighbour).collect())
    }

    /// Which of them has this account linked or released. A state that cannot be read is an error:
    /// what it has is not known then.
    pub(super) fn owner(
        &self,
        kind: ObjectKind,
        target: &TargetId,
    ) -> Result<Option<AppName>, StoreError> {
        self.first(|connection| {
            let sql = "SELECT EXISTS (SELECT 1 FROM link WHERE kind = ?2 AND target = ?1) \
                 OR EXISTS (SELECT 1 FROM released WHERE kind = ?2 AND target = ?1)";
            let key = params![target.as_str(), stored_kind(kind)];
            Ok(connection.prepare_cached(sql)?.query_row(key, |row| row.get(0))?)
        })
    }

    /// Which of them has sent a create with this value and does not know yet what became of it.
    pub(super) fn creator(
        &self,
        kind: ObjectKind,
        value: &str,
    ) -> Result<Option<AppName>, StoreError> {
        self.first(|connection| {
            let sql = "SELECT EXISTS (SELECT 1 FROM planned_change WHERE status = 'sent' \
                     AND action = 'create' AND claims = ?2) \
                 OR EXISTS (SELECT 1 FROM unsettled_create, json_each(unsettled_create.sent) AS v \
                     WHERE created = 1 AND v.type = 'text' AND lower(v.value) = ?1)";
            let key = params![value.to_lowercase(), claim_key(kind, value)];
            Ok(connection.prepare_cached(sql)?.query_row(key, |row| row.get(0))?)
        })
    }

    fn first(
        &self,
        holds: impl Fn(&Connection) -> Result<bool, StoreError>,
    ) -> Result<Option<AppName>, StoreError> {
        for neighbour in &self.0 {
            let mut reader = neighbour.reader.lock().unwrap_or_else(PoisonError::into_inner);
            if reader.is_none() {
                *reader = match Reader::open(&neighbour.path) {
                    Ok(opened) => Some(opened),
                    // Nor has an engine that is about to make its file anything yet.
                    Err(StoreError::Missing(_)) => continue,
                    Err(error) => return Err(error),
                };
            }
            if let Some(reader) = reader.as_ref()
                && reader.read(|view| holds(view.connection))?
            {
                return Ok(Some(neighbour.app.clone()));
            }
        }
        Ok(None)
    }
}

impl View<'_> {
    /// The other application with the same target that has this account linked or released.
    pub fn neighbour_of(
        &self,
        kind: ObjectKind,
        target: &TargetId,
    ) -> Result<Option<AppName>, StoreError> {
        self.neighbours.owner(kind, target)
    }

    /// The other application with the same target that is just creating an account with this
    /// matching value.
    pub fn neighbour_creating(
        &self,
        kind: ObjectKind,
        value: &str,
    ) -> Result<Option<AppName>, StoreError> {
        self.neighbours.creator(kind, value)
    }
}
