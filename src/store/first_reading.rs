//! The first reading of a directory: what its pages show is put down in the order in which it
//! comes, and sorted in once the reading is complete.
//!
//! The ids of a directory are random. People who are stored one page of them after the other, each
//! at the place of its id, write a page of the file for nearly each of them; in the order of their
//! ids they write one for forty. Whoever decides about them in that order later finds their
//! attributes in it, too. A state that knows somebody already has no use for this.
//!
//! **Invariant:** rows that are put down belong to a chain, or to a list that is read in one piece.
//! Where that begins anew, they go.

use rusqlite::params;

use super::{
    object::{Showing, stored_manager},
    open::{StoreError, Tx, View},
    packed::{Stored, Words, text_of},
    source::{DELETED, stored_presence},
};
use crate::{
    model::{AttributesText, ManagerChange, ObjectKind, SourceId},
    provisioning::Presence,
};

/// The fact that holds the number of the reading that is put down.
const READING: &str = "first_reading";

/// The fact that says up to where its rows are sorted in: `seq`, a space, and the id.
const SORTED: &str = "first_reading_sorted";

/// Where sorting begins: before every id.
const BEGINNING: (i64, String) = (0, String::new());

/// A row as it was put down.
struct Row<'a> {
    id: &'a str,
    presence: i64,
    /// Whether the page says something of the manager.
    tells_manager: bool,
    manager: Option<&'a str>,
    attributes: &'a str,
    packed: Option<&'a [u8]>,
}

impl<'a> Row<'a> {
    fn read(row: &'a rusqlite::Row<'_>) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            id: row.get_ref(1)?.as_str()?,
            presence: row.get(2)?,
            tells_manager: row.get(3)?,
            manager: row.get_ref(4)?.as_str_or_null()?,
            attributes: row.get_ref(5)?.as_str()?,
            packed: row.get_ref(6)?.as_blob_or_null()?,
        })
    }
}

impl View<'_> {
    /// The number of the complete reading that is put down, if one is.
    pub(super) fn first_reading(&self) -> Result<Option<u64>, StoreError> {
        Ok(self.fact(READING)?.and_then(|text| text.parse().ok()))
    }
}

impl Tx<'_> {
    /// Whether the complete reading `generation` is put down: because it was begun so, or because
    /// it begins and no user is known.
    pub fn begin_first_reading(&self, generation: u64) -> Result<bool, StoreError> {
        if self.first_reading()? == Some(generation) {
            return Ok(true);
        }
        self.drop_first_reading()?;
        let knows_nobody = "SELECT NOT EXISTS (SELECT 1 FROM source_object WHERE kind = 0)";
        if !self.one(knows_nobody, [], |row| row.get(0))? {
            return Ok(false);
        }
        self.set_fact(READING, Some(&generation.to_string()))?;
        Ok(true)
    }

    /// Puts down a live user as a page shows it, what is to be sealed of it sealed.
    pub fn put_down_user(
        &self,
        id: SourceId,
        attributes: &AttributesText,
        manager: Option<ManagerChange>,
    ) -> Result<(), StoreError> {
        let text = self.stored_text(id, attributes)?;
        let stored = Stored::of(text.as_str(), Words::Attributes)?;
        let tells_manager = manager.is_some();
        let manager = manager.and_then(stored_manager);
        let sql = "INSERT INTO first_reading \
             (id, presence, tells_manager, manager, attributes, packed) \
             VALUES (?1, 0, ?2, ?3, ?4, ?5)";
        let row = params![id.to_string(), tells_manager, manager, stored.text(), stored.packed()];
        self.run(sql, row)?;
        Ok(())
    }

    /// Puts down that a user left the directory.
    pub fn put_down_presence(&self, id: SourceId, presence: Presence) -> Result<(), StoreError> {
        let sql = "INSERT INTO first_reading (id, presence, tells_manager, attributes) \
             VALUES (?1, ?2, 0, '')";
        self.run(sql, params![id.to_string(), stored_presence(presence)])?;
        Ok(())
    }

    /// Sorts in up to `limit` rows more of a first reading that is complete; returns how many there
    /// were. The next row after the last one ends it: then nothing of it is left.
    pub fn sort_in_first_reading(&self, showing: Showing, limit: u32) -> Result<u32, StoreError> {
        let Some(generation) = self.first_reading()? else { return Ok(0) };
        let after = self.sorted_up_to()?;
        if after == BEGINNING {
            self.connection.execute_batch(
                "CREATE INDEX IF NOT EXISTS first_reading_id ON first_reading (id)",
            )?;
        }
        let (last, count) = self.sort_in((after, limit), (showing, generation))?;
        if count == 0 {
            self.drop_first_reading()?;
        } else {
            self.set_fact(SORTED, Some(&format!("{} {}", last.0, last.1)))?;
        }
        Ok(count)
    }

    /// Forgets what was put down. Only where its reading begins anew, or is sorted in.
    pub fn drop_first_reading(&self) -> Result<(), StoreError> {
        if self.first_reading()?.is_some() {
            self.connection.execute_batch(
                "DROP INDEX IF EXISTS first_reading_id; DELETE FROM first_reading",
            )?;
            self.set_fact(READING, None)?;
            self.set_fact(SORTED, None)?;
        }
        Ok(())
    }

    fn sorted_up_to(&self) -> Result<(i64, String), StoreError> {
        let Some(text) = self.fact(SORTED)? else { return Ok(BEGINNING) };
        let place = text.split_once(' ').and_then(|(seq, id)| Some((seq.parse().ok()?, id.into())));
        place.ok_or_else(|| StoreError::stored("first reading", "it has no place of this kind"))
    }

    /// Sorts in rows after a place; returns the last one and how many there were.
    fn sort_in(
        &self,
        (mut last, limit): ((i64, String), u32),
        (showing, generation): (Showing, u64),
    ) -> Result<((i64, String), u32), StoreError> {
        // Somebody may have been read alone since this reading began.
        let is_anybody = "SELECT EXISTS (SELECT 1 FROM source_object WHERE id > ?1 AND kind = 0)";
        let is_anybody: bool = self.one(is_anybody, [&last.1], |row| row.get(0))?;
        let mut statement = self.connection.prepare_cached(
            "SELECT seq, id, presence, tells_manager, manager, attributes, packed \
             FROM first_reading WHERE (id, seq) > (?1, ?2) ORDER BY id, seq LIMIT ?3",
        )?;
        let mut rows = statement.query(params![last.1, last.0, limit])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            let (seq, row) = (row.get(0)?, Row::read(row)?);
            if row.presence == 0 && !is_anybody && row.id != last.1 {
                self.add_shown(&row, generation)?;
            } else {
                self.show_again(&row, showing, generation)?;
            }
            (last.0, count) = (seq, count + 1);
            row.id.clone_into(&mut last.1);
        }
        Ok((last, count))
    }

    /// Stores somebody who is not known.
    fn add_shown(&self, row: &Row<'_>, generation: u64) -> Result<(), StoreError> {
        let num = self.add_stored_attributes(row.attributes, row.packed)?;
        self.add_object((ObjectKind::User, row.id), num, row.manager, generation)
    }

    /// Stores what a row says of somebody who may be known.
    fn show_again(
        &self,
        row: &Row<'_>,
        showing: Showing,
        generation: u64,
    ) -> Result<(), StoreError> {
        let id = row.id.parse().map_err(|error| StoreError::stored("id", error))?;
        match row.presence {
            0 => {
                let manager = match row.manager {
                    Some(manager) => {
                        let manager = manager.parse();
                        let fault = |error| StoreError::stored("id", error);
                        Some(ManagerChange::Set(manager.map_err(fault)?))
                    }
                    None => row.tells_manager.then_some(ManagerChange::Cleared),
                };
                let packed = row.packed.map(Into::into);
                let text = text_of(packed.unwrap_or_else(|| row.attributes.into()))?;
                self.show_user((row.id, &text), manager, showing, generation)
            }
            DELETED => self.set_presence(id, Presence::Deleted),
            _ => self.set_presence(id, Presence::SoftDeleted),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{model::Attributes, store::Engine};

    /// What pages may say of one of a few people.
    #[derive(Clone, Debug)]
    enum Said {
        Shown { who: u8, department: u8, manager: Option<ManagerChange> },
        Gone { who: u8, presence: Presence },
    }

    fn id(who: u8) -> SourceId {
        // In an order of their own, as random ids are.
        let first = who.wrapping_mul(0x9d);
        SourceId::parse(&format!("{first:02x}000000-0000-4000-8000-0000000000{who:02x}"))
            .expect("an id")
    }

    fn attributes(department: u8) -> AttributesText {
        let values = json!({ "displayName": "Somebody", "department": format!("d{department}") });
        let values: Attributes = serde_json::from_value(values).expect("attributes");
        AttributesText::from(&values)
    }

    fn manager() -> impl Strategy<Value = Option<ManagerChange>> {
        prop_oneof![
            Just(None),
            Just(Some(ManagerChange::Cleared)),
            (0..6_u8).prop_map(|who| Some(ManagerChange::Set(id(who)))),
        ]
    }

    fn said() -> impl Strategy<Value = Said> {
        let shown = (0..9_u8, 0..3_u8, manager());
        let presence = prop_oneof![Just(Presence::SoftDeleted), Just(Presence::Deleted)];
        prop_oneof![
            4 => shown.prop_map(|(who, department, manager)| Said::Shown { who, department, manager }),
            1 => (0..9_u8, presence).prop_map(|(who, presence)| Said::Gone { who, presence }),
        ]
    }

    fn state() -> (tempfile::TempDir, Engine) {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = Engine::open(&folder.path().join("crm.sqlite")).expect("a state");
        (folder, engine)
    }

    /// Everything that is stored of people, in the order of their ids.
    fn stored(engine: &Engine) -> Vec<String> {
        let rows = |view: &View<'_>| {
            let mut statement = view.connection.prepare(
                "SELECT concat_ws(' ', id, presence, dirty, misses, read_generation, \
                     coalesce(manager, '-'), attributes) FROM source_whole ORDER BY id",
            )?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        engine.read(rows).expect("the state reads")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn sorted_in_is_as_stored_at_once(
            pages in prop::collection::vec(said(), 0..40),
            limit in 1..9_u32,
            provisioned in prop::option::of(0..9_u8),
        ) {
            let ((_one, at_once), (_two, sorted)) = (state(), state());
            let begin = |tx: &Tx<'_>| tx.begin_first_reading(7);
            prop_assert!(sorted.write(begin).expect("begun"));
            for engine in [&at_once, &sorted] {
                let alone = |tx: &Tx<'_>| match provisioned {
                    Some(who) => tx.upsert_user(id(who), &attributes(9), 0),
                    None => Ok(()),
                };
                engine.write(alone).expect("stored");
            }
            for said in &pages {
                match said {
                    Said::Shown { who, department, manager } => {
                        let (who, attributes) = (id(*who), attributes(*department));
                        let showing = Showing::Everything;
                        at_once
                            .write(|tx| {
                                let shown = (who, &attributes);
                                tx.upsert_user_and_manager(shown, *manager, showing, 7)
                            })
                            .expect("stored");
                        sorted
                            .write(|tx| tx.put_down_user(who, &attributes, *manager))
                            .expect("put down");
                    }
                    Said::Gone { who, presence } => {
                        let (who, presence) = (id(*who), *presence);
                        at_once.write(|tx| tx.set_presence(who, presence)).expect("stored");
                        sorted.write(|tx| tx.put_down_presence(who, presence)).expect("put down");
                    }
                }
            }
            prop_assert!(sorted.write(begin).expect("it goes on"));
            let sort = |tx: &Tx<'_>| tx.sort_in_first_reading(Showing::Everything, limit);
            let mut count = 0;
            loop {
                let more = sorted.write(sort).expect("sorted in");
                if more == 0 {
                    break;
                }
                count += more as usize;
            }
            prop_assert_eq!(count, pages.len());
            prop_assert_eq!(stored(&sorted), stored(&at_once));
            let left = sorted.read(|view| view.first_reading()).expect("the state reads");
            prop_assert_eq!(left, None);
        }
    }

    #[test]
    fn what_was_put_down_of_another_reading_goes() {
        let (_folder, engine) = state();
        let read = |tx: &Tx<'_>| {
            assert!(tx.begin_first_reading(1)?);
            tx.put_down_user(id(1), &attributes(1), None)?;
            assert!(tx.begin_first_reading(2)?);
            tx.put_down_user(id(2), &attributes(2), None)?;
            while tx.sort_in_first_reading(Showing::Everything, 10)? > 0 {}
            assert!(!tx.begin_first_reading(3)?, "somebody is known by now");
            Ok(())
        };
        engine.write(read).expect("written");
        let told = stored(&engine);
        assert!(told.len() == 1 && told[0].contains("d2"), "{told:?}");
    }
}
