//! Storing what readings show: users and groups, their attributes and managers.
//!
//! Whatever differs from what was known makes its object dirty, in the same transaction. What a
//! reading shows as it was known is not written again. Attributes stand in a table of their own,
//! in the order in which they came.

use std::{borrow::Cow, cell::OnceCell};

use rusqlite::{params, types::ValueRef};

use super::{
    open::{StoreError, Tx},
    packed::{Stored, Words, text_of},
    redaction::{SealedProperties, sealed},
    source::{stored_kind, stored_presence},
};
use crate::{
    model::{AttributesText, ManagerChange, ObjectKind, SourceId},
    provisioning::Presence,
};

/// The indices of objects that a first reading does without: made once from everybody, each costs a
/// tenth of what it does when everybody is added to it, one at a random place after the other.
const INDICES: [(&str, &str); 4] = [
    ("source_object_dirty", "(kind, id) WHERE dirty = 1"),
    ("source_object_drafted", "(kind, id) WHERE dirty = 2"),
    ("source_object_manager", "(manager) WHERE manager IS NOT NULL"),
    ("source_object_reconsider", "(reconsider_at) WHERE reconsider_at IS NOT NULL"),
];

/// What is known of an object before it is stored.
struct Known {
    presence: i64,
    misses: i64,
    generation: u64,
    attributes_num: Option<i64>,
    is_same: bool,
    manager: Option<String>,
}

/// What a page says of an object, as it is stored.
struct Shown<'a> {
    text: &'a str,
    generation: u64,
    /// `None` where the page says nothing of the manager.
    manager: Option<ManagerChange>,
}

/// How much of the directory the page of a round of changes belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Showing {
    /// A complete reading: whoever it shows for the first time has no manager unless it says so.
    Everything,
    /// What changed: whoever it says nothing of has the manager that is known.
    Changes,
}

impl Tx<'_> {
    /// Before a complete reading into a state that knows nobody: [`Tx::index_objects`] follows.
    pub fn defer_indices(&self) -> Result<(), StoreError> {
        let knows_nobody = "SELECT NOT EXISTS (SELECT 1 FROM source_object)";
        if self.one(knows_nobody, [], |row| row.get(0))? {
            for (name, _) in INDICES {
                self.connection.execute_batch(&format!("DROP INDEX IF EXISTS {name}"))?;
            }
        }
        Ok(())
    }

    /// Makes the indices of objects, where they are not there.
    pub fn index_objects(&self) -> Result<(), StoreError> {
        for (name, columns) in INDICES {
            self.connection.execute_batch(&format!(
                "CREATE INDEX IF NOT EXISTS {name} ON source_object {columns}"
            ))?;
        }
        Ok(())
    }

    /// Stores a live user as just read, what is to be sealed of it sealed; it is dirty if anything
    /// differs.
    pub fn upsert_user(
        &self,
        id: SourceId,
        attributes: &AttributesText,
        generation: u64,
    ) -> Result<(), StoreError> {
        self.upsert(ObjectKind::User, id, attributes, generation)
    }

    /// Stores a live object as just read, in the same way.
    pub(super) fn upsert(
        &self,
        kind: ObjectKind,
        id: SourceId,
        attributes: &AttributesText,
        generation: u64,
    ) -> Result<(), StoreError> {
        let key = id.to_string();
        let text = self.stored_text(id, attributes)?;
        let known = self.known(&key, text.as_str())?;
        let shown = Shown { text: text.as_str(), generation, manager: None };
        self.store_shown((kind, &key), known.as_ref(), &shown)
    }

    /// Stores a user as a page of a round of changes shows it, with its manager.
    pub fn upsert_user_and_manager(
        &self,
        (id, attributes): (SourceId, &AttributesText),
        manager: Option<ManagerChange>,
        showing: Showing,
        generation: u64,
    ) -> Result<(), StoreError> {
        let text = self.stored_text(id, attributes)?;
        self.show_user((&id.to_string(), text.as_str()), manager, showing, generation)
    }

    /// The same, with the attributes as they are stored.
    pub(super) fn show_user(
        &self,
        (key, text): (&str, &str),
        manager: Option<ManagerChange>,
        showing: Showing,
        generation: u64,
    ) -> Result<(), StoreError> {
        let known = self.known(key, text)?;
        let is_shown = known.as_ref().is_some_and(|known| known.generation >= generation);
        let is_shown_first = showing == Showing::Everything && !is_shown;
        let manager = manager.or(is_shown_first.then_some(ManagerChange::Cleared));
        let shown = Shown { text, generation, manager };
        self.store_shown((ObjectKind::User, key), known.as_ref(), &shown)
    }

    /// Stores a changed user, and what is said of its manager, if it is one that matters.
    pub fn update_known_user(
        &self,
        (id, attributes): (SourceId, &AttributesText),
        manager: Option<ManagerChange>,
    ) -> Result<(), StoreError> {
        let key = id.to_string();
        let exists = self
            .connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM source_object WHERE id = ?1)")?
            .query_row([&key], |row| row.get(0))?;
        if exists {
            self.upsert_user_and_manager((id, attributes), manager, Showing::Changes, 0)?;
        }
        Ok(())
    }

    /// A user's attributes as they are stored: what is to be sealed of them sealed.
    pub(super) fn stored_text<'a>(
        &self,
        id: SourceId,
        attributes: &'a AttributesText,
    ) -> Result<Cow<'a, AttributesText>, StoreError> {
        let properties = self.sealed_properties_once()?;
        if properties.is_empty() {
            return Ok(Cow::Borrowed(attributes));
        }
        let sealed = sealed(self.key, id, &attributes.values(), properties);
        Ok(Cow::Owned(AttributesText::from(&sealed)))
    }

    /// The directory's properties that are stored sealed, read once in a transaction.
    fn sealed_properties_once(&self) -> Result<&SealedProperties, StoreError> {
        let sealed: &OnceCell<SealedProperties> = &self.sealed;
        if let Some(properties) = sealed.get() {
            return Ok(properties);
        }
        let properties = self.sealed_properties()?;
        Ok(sealed.get_or_init(|| properties))
    }

    fn known(&self, key: &str, text: &str) -> Result<Option<Known>, StoreError> {
        let sql = "SELECT presence, misses, read_generation, attributes_num, \
             coalesce(packed, attributes), manager FROM source_object \
             LEFT JOIN source_attributes ON source_attributes.num = attributes_num WHERE id = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([key])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        // Compared as texts: another version of the packing may pack the same in another way.
        let stored = row.get_ref(4)?;
        let is_same = stored != ValueRef::Null && text_of(stored)? == text;
        Ok(Some(Known {
            presence: row.get(0)?,
            misses: row.get(1)?,
            generation: row.get(2)?,
            attributes_num: row.get(3)?,
            is_same,
            manager: row.get(5)?,
        }))
    }

    fn store_shown(
        &self,
        (kind, key): (ObjectKind, &str),
        known: Option<&Known>,
        shown: &Shown<'_>,
    ) -> Result<(), StoreError> {
        let Some(known) = known else {
            let num = self.add_attributes(shown.text)?;
            let manager = shown.manager.and_then(stored_manager);
            return self.add_object((kind, key), num, manager.as_deref(), shown.generation);
        };
        let num = match (known.is_same, known.attributes_num) {
            (true, num) => num,
            (false, Some(num)) => {
                self.change_attributes(num, shown.text)?;
                Some(num)
            }
            (false, None) => Some(self.add_attributes(shown.text)?),
        };
        let manager = shown.manager.map_or_else(|| known.manager.clone(), stored_manager);
        let differs = !known.is_same || known.presence != 0 || manager != known.manager;
        if !differs && known.misses == 0 && known.generation >= shown.generation {
            return Ok(());
        }
        let sql = "UPDATE source_object SET presence = 0, misses = 0, \
             dirty = iif(?2, 1, dirty), read_generation = ?3, attributes_num = ?4, manager = ?5 \
             WHERE id = ?1";
        let generation = known.generation.max(shown.generation);
        let row = params![key, differs, generation, num, manager];
        self.connection.prepare_cached(sql)?.execute(row)?;
        Ok(())
    }

    /// Stores an object that is not known, with the number of its attributes.
    pub(super) fn add_object(
        &self,
        (kind, key): (ObjectKind, &str),
        num: i64,
        manager: Option<&str>,
        generation: u64,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO source_object \
             (id, kind, presence, dirty, read_generation, attributes_num, manager) \
             VALUES (?1, ?2, 0, 1, ?3, ?4, ?5)";
        self.run(sql, params![key, stored_kind(kind), generation, num, manager])?;
        Ok(())
    }

    fn add_attributes(&self, text: &str) -> Result<i64, StoreError> {
        let stored = Stored::of(text, Words::Attributes)?;
        self.add_stored_attributes(stored.text(), stored.packed())
    }

    /// Adds attributes in the two columns that they are stored in; returns their number.
    pub(super) fn add_stored_attributes(
        &self,
        text: &str,
        packed: Option<&[u8]>,
    ) -> Result<i64, StoreError> {
        let sql = "INSERT INTO source_attributes (attributes, packed) VALUES (?1, ?2)";
        self.run(sql, params![text, packed])?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Stores other attributes in the place of those with this number.
    pub(super) fn change_attributes(&self, num: i64, text: &str) -> Result<(), StoreError> {
        let stored = Stored::of(text, Words::Attributes)?;
        let sql = "UPDATE source_attributes SET attributes = ?2, packed = ?3 WHERE num = ?1";
        let row = params![num, stored.text(), stored.packed()];
        self.connection.prepare_cached(sql)?.execute(row)?;
        Ok(())
    }

    /// Stores that a user left the directory, where it is one that matters.
    ///
    /// The attributes stay: they name the person in the plan and the log.
    pub fn set_presence(&self, id: SourceId, presence: Presence) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "UPDATE source_object SET presence = ?2, misses = 0, \
                 dirty = CASE WHEN presence = ?2 THEN dirty ELSE 1 END WHERE id = ?1",
            )?
            .execute(params![id.to_string(), stored_presence(presence)])?;
        Ok(())
    }

    /// Stores who a user's manager is.
    pub fn set_manager(&self, id: SourceId, change: ManagerChange) -> Result<(), StoreError> {
        let manager = stored_manager(change);
        self.connection
            .prepare_cached(
                "UPDATE source_object SET dirty = CASE WHEN manager IS ?2 THEN dirty ELSE 1 END, \
                 manager = ?2 WHERE id = ?1",
            )?
            .execute(params![id.to_string(), manager])?;
        Ok(())
    }
}

/// How a manager is stored.
pub(super) fn stored_manager(change: ManagerChange) -> Option<String> {
    match change {
        ManagerChange::Set(manager) => Some(manager.to_string()),
        ManagerChange::Cleared => None,
    }
}
