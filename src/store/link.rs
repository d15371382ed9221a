//! Links, what was released, and creates without an outcome.

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{
    forget::pseudonym,
    open::{StoreError, Tx, View},
    packed::{Stored, Text, Words},
    phrase::lengthened,
    source::stored_kind,
    tally::Tally,
};
use crate::{
    model::{CycleId, ObjectKind, SourceId, TargetId, Timestamp},
    provisioning::{Basis, Claim, Link, LinkStanding, UnsettledCreate, leaves_enabled},
    scim::Values,
};

/// Values that are remembered of writes without a known outcome to one account. Each such write is
/// preceded by reading the account, so that older ones only matter if they are applied very late.
const UNCONFIRMED_MAX: usize = 8;

/// What stands in front of exported values that have phrases by their numbers, as earlier versions
/// wrote them.
const SHORT: char = '~';

/// How many accounts and groups are linked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkCounts {
    /// Live links to accounts.
    pub linked: u64,
    /// Live links to enabled accounts.
    pub enabled: u64,
    /// Live links to groups.
    pub groups: u64,
}

impl View<'_> {
    /// A person's link.
    pub fn link(&self, source: SourceId) -> Result<Option<Link>, StoreError> {
        let row = self
            .connection
            .prepare_cached(
                "SELECT target, coalesce(packed, exported), standing, stale, basis, is_hint, unconfirmed FROM link \
                 WHERE source = ?1",
            )?
            .query_row([source.to_string()], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, Text>(1)?.0,
                    row.get::<_, i64>(2)?,
                    row.get(3)?,
                    row.get::<_, String>(4)?,
                    row.get(5)?,
                    row.get::<_, String>(6)?,
                ))
            })
            .optional()?;
        let Some((target, exported, standing, stale, basis, is_hint, unconfirmed)) = row else {
            return Ok(None);
        };
        let standing = if standing == 0 { LinkStanding::Linked } else { LinkStanding::Kept };
        Ok(Some(Link {
            source,
            target: TargetId::parse(&target).map_err(|e| StoreError::stored("link", e))?,
            exported: parse_exported(&exported)?,
            basis: serde_json::from_str(&basis).map_err(|e| StoreError::stored("basis", e))?,
            standing,
            stale,
            unconfirmed: parse_list(&unconfirmed)?,
            is_hint,
            read_back: None,
        }))
    }

    /// The account of a person whose link is live.
    pub fn linked_target(&self, source: SourceId) -> Result<Option<TargetId>, StoreError> {
        let target: Option<String> = self
            .connection
            .prepare_cached("SELECT target FROM link WHERE source = ?1 AND standing = 0")?
            .query_row([source.to_string()], |row| row.get(0))
            .optional()?;
        target
            .map(|target| TargetId::parse(&target).map_err(|e| StoreError::stored("link", e)))
            .transpose()
    }

    /// How many accounts are linked.
    pub fn link_counts(&self) -> Result<LinkCounts, StoreError> {
        Ok(LinkCounts {
            linked: self.tally(Tally::Accounts)?,
            enabled: self.tally(Tally::Enabled)?,
            groups: self.tally(Tally::Groups)?,
        })
    }

    /// Whether anybody but `source`, or another application with the same target, has a claim to
    /// an account or a group.
    pub fn claim(
        &self,
        kind: ObjectKind,
        target: &TargetId,
        source: SourceId,
    ) -> Result<Claim, StoreError> {
        // Whoever was forgotten is still the one that an account was released from.
        let forgotten = pseudonym(self.key, source).to_string();
        let kind_key = stored_kind(kind);
        let key = params![target.as_str(), source.to_string(), forgotten, kind_key];
        let other = |sql: &str| -> Result<Option<SourceId>, StoreError> {
            let found: Option<String> =
                self.connection.prepare_cached(sql)?.query_row(key, |row| row.get(0)).optional()?;
            found.map(|id| id.parse().map_err(|e| StoreError::stored("link", e))).transpose()
        };
        let linked = "SELECT source FROM link \
             WHERE kind = ?4 AND target = ?1 AND source NOT IN (?2, ?3)";
        if let Some(id) = other(linked)? {
            return Ok(Claim::LinkedTo(id));
        }
        let released = "SELECT source FROM released \
             WHERE kind = ?4 AND target = ?1 AND source NOT IN (?2, ?3)";
        if let Some(id) = other(released)? {
            return Ok(Claim::ReleasedFrom(id));
        }
        Ok(self.neighbour_of(kind, target)?.map_or(Claim::Free, Claim::OtherApplication))
    }

    /// The person's id, and what it is called here if it was forgotten since.
    fn both_names(&self, id: SourceId) -> [String; 2] {
        [id.to_string(), pseudonym(self.key, id).to_string()]
    }

    /// Whether there is a create that has no known outcome.
    pub fn is_any_create_unsettled(&self) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM unsettled_create)";
        Ok(self.one(sql, [], |row| row.get(0))?)
    }

    /// A create of this person that has no known outcome.
    pub fn unsettled_create(&self, id: SourceId) -> Result<Option<UnsettledCreate>, StoreError> {
        let row: Option<(i64, u32, Option<String>, String, bool, String)> = self
            .connection
            .prepare_cached(
                "SELECT sent_at, looks, last_look, sent, created, unconfirmed \
                 FROM unsettled_create WHERE source IN (?1, ?2) ORDER BY sent_at DESC LIMIT 1",
            )?
            .query_row(self.both_names(id), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
            })
            .optional()?;
        let Some((sent_at, looks, last_look, sent, created, unconfirmed)) = row else {
            return Ok(None);
        };
        let last_look = last_look
            .map(|id| id.parse::<CycleId>().map_err(|e| StoreError::stored("cycle id", e)))
            .transpose()?;
        let sent_at = Timestamp::from_timestamp_millis(sent_at).unwrap_or_default();
        let sent = parse_values(&sent)?;
        let unconfirmed = parse_list(&unconfirmed)?;
        Ok(Some(UnsettledCreate { sent_at, looks, last_look, sent, unconfirmed, created }))
    }
}

pub(super) fn parse_values(text: &str) -> Result<Values, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::stored("exported values", error))
}

fn parse_list(text: &str) -> Result<Vec<Values>, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::stored("unconfirmed values", error))
}

/// Adds values that an account may have, the oldest making room.
fn remember(list: &mut Vec<Values>, values: Values) {
    if !values.is_empty() && !list.contains(&values) {
        list.push(values);
    }
    list.drain(..list.len().saturating_sub(UNCONFIRMED_MAX));
}

/// The values of `link.exported`, once unpacked.
pub(super) fn parse_exported(text: &str) -> Result<Values, StoreError> {
    match text.strip_prefix(SHORT) {
        Some(short) => parse_values(&lengthened(short)?),
        None => parse_values(text),
    }
}

pub(super) fn print_values(values: &Values) -> Result<String, StoreError> {
    serde_json::to_string(values).map_err(|error| StoreError::stored("exported values", error))
}

impl Tx<'_> {
    /// Stores a live link, and what its values rest on where that is known anew; whoever has this
    /// person as manager is dirty if the link is new.
    pub fn set_link(
        &self,
        (kind, source): (ObjectKind, SourceId),
        target: &TargetId,
        display: &str,
        (exported, basis): (&Values, Option<&Basis>),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let key = source.to_string();
        let known = self.linked_target(source)?.as_ref() == Some(target);
        let basis = basis.map(serde_json::to_string).transpose();
        let basis = basis.map_err(|error| StoreError::stored("basis", error))?;
        let text = print_values(exported)?;
        let stored = Stored::of(&text, Words::Exported)?;
        self.connection
            .prepare_cached(
                "INSERT INTO link (source, kind, target, display, exported, packed, enabled, \
                     standing, stale, linked_at, basis) \
                 VALUES (?1, ?7, ?2, ?3, ?4, ?8, ?5, 0, 0, ?6, coalesce(?9, '{}')) \
                 ON CONFLICT (source) DO UPDATE SET target = excluded.target, \
                 display = excluded.display, exported = excluded.exported, \
                 packed = excluded.packed, \
                 enabled = excluded.enabled, standing = 0, stale = 0, is_hint = 0, \
                 unconfirmed = '[]', basis = coalesce(?9, basis)",
            )?
            .execute(params![
                key,
                target.as_str(),
                display,
                stored.text(),
                leaves_enabled(exported),
                now.timestamp_millis(),
                stored_kind(kind),
                stored.packed(),
                basis
            ])?;
        let sql = "DELETE FROM unsettled_create WHERE source IN (?1, ?2)";
        self.run(sql, self.both_names(source))?;
        if !known {
            // Whoever was drafted in this cycle already counts on the link.
            self.connection
                .prepare_cached(
                    "UPDATE source_object SET dirty = 1 WHERE manager = ?1 AND dirty <> 2",
                )?
                .execute([key])?;
        }
        Ok(())
    }

    /// Whoever has this person as manager must be decided again.
    fn dirty_reports(&self, manager: &str) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE source_object SET dirty = 1 WHERE manager = ?1")?
            .execute([manager])?;
        Ok(())
    }

    /// Keeps a link as a memory only. Should it come alive again, the account is read first.
    pub fn keep_link(&self, source: SourceId) -> Result<(), StoreError> {
        let key = source.to_string();
        let sql = "UPDATE link SET standing = 1, stale = 1 WHERE source = ?1";
        self.run(sql, [&key])?;
        self.dirty_reports(&key)
    }

    /// Removes a link and remembers whose account it was.
    pub fn release_link(&self, source: SourceId, now: Timestamp) -> Result<(), StoreError> {
        let key = source.to_string();
        self.run(
            "INSERT OR REPLACE INTO released (kind, target, source, at) \
             SELECT kind, target, source, ?2 FROM link WHERE source = ?1",
            params![key, now.timestamp_millis()],
        )?;
        self.run("DELETE FROM link WHERE source = ?1", [&key])?;
        // Members go with the account, and with the group.
        self.connection
            .prepare_cached("DELETE FROM member_link WHERE group_id = ?1 OR member_id = ?1")?
            .execute([&key])?;
        self.dirty_reports(&key)
    }

    /// The account must be read back before the next write to it.
    pub fn set_stale(&self, source: SourceId) -> Result<(), StoreError> {
        self.run("UPDATE link SET stale = 1 WHERE source = ?1", [source.to_string()])?;
        Ok(())
    }

    /// The account must be read back before the next write to it: it may have any of these values.
    pub(super) fn doubt_link(&self, source: SourceId, sent: &[&Values]) -> Result<(), StoreError> {
        let Some(link) = self.link(source)? else { return Ok(()) };
        let mut unconfirmed = link.unconfirmed;
        for values in sent {
            let mut values = (*values).clone();
            values.retain(|path, value| link.exported.get(path) != Some(value));
            remember(&mut unconfirmed, values);
        }
        self.set_unconfirmed("link", source, &unconfirmed)?;
        self.set_stale(source)
    }

    pub(super) fn set_unconfirmed(
        &self,
        table: &str,
        source: SourceId,
        unconfirmed: &[Values],
    ) -> Result<(), StoreError> {
        let text = serde_json::to_string(unconfirmed)
            .map_err(|error| StoreError::stored("unconfirmed values", error))?;
        self.run(
            &format!("UPDATE {table} SET unconfirmed = ?2 WHERE source = ?1"),
            params![source.to_string(), text],
        )?;
        Ok(())
    }

    /// Remembers a create that was sent with these values and has no outcome.
    pub(super) fn set_unsettled(
        &self,
        source: SourceId,
        sent: &Values,
        sent_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.put_unsettled(source, (sent, true), sent_at)
    }

    /// Remembers an adoption without an outcome: what its account had, and what was written. A
    /// create before it that has none either stays what is known to be ours.
    pub(super) fn doubt_adoption(
        &self,
        source: SourceId,
        (found, after): (&Values, &Values),
        sent_at: Timestamp,
    ) -> Result<(), StoreError> {
        let (own, mut unconfirmed) = match self.unsettled_create(source)? {
            Some(known) => (known.created.then_some(known.sent), known.unconfirmed),
            None => (None, Vec::new()),
        };
        remember(&mut unconfirmed, found.clone());
        remember(&mut unconfirmed, after.clone());
        self.put_unsettled(source, (own.as_ref().unwrap_or(found), own.is_some()), sent_at)?;
        self.set_unconfirmed("unsettled_create", source, &unconfirmed)
    }

    fn put_unsettled(
        &self,
        source: SourceId,
        (sent, created): (&Values, bool),
        sent_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT OR REPLACE INTO unsettled_create \
             (source, sent_at, looks, last_look, sent, created) VALUES (?1, ?2, 0, NULL, ?3, ?4)",
            params![source.to_string(), sent_at.timestamp_millis(), print_values(sent)?, created],
        )?;
        Ok(())
    }

    /// Counts one more look for an unsettled create.
    pub fn count_look(&self, source: SourceId, cycle: CycleId) -> Result<(), StoreError> {
        let forgotten = pseudonym(self.key, source);
        self.run(
            "UPDATE unsettled_create SET looks = looks + 1, last_look = ?3 \
             WHERE source IN (?1, ?2)",
            params![source.to_string(), forgotten.to_string(), cycle.to_string()],
        )?;
        Ok(())
    }

    /// Forgets every live link, and remembers each as released from its person, who may match it
    /// again; kept links stay.
    pub fn drop_links(&self, now: Timestamp) -> Result<(), StoreError> {
        self.run(
            "INSERT OR REPLACE INTO released (kind, target, source, at) \
             SELECT kind, target, source, ?1 FROM link WHERE standing = 0",
            [now.timestamp_millis()],
        )?;
        self.run("DELETE FROM link WHERE standing = 0", [])?;
        self.run("DELETE FROM member_link", [])?;
        self.mark_all_dirty()
    }

    /// Lets everybody in scope be matched anew, with the account of the link as the first to try.
    ///
    /// Nothing is forgotten before another account is known: whoever is not in scope any more keeps
    /// the link, and loses the account by it.
    pub fn rematch_links(&self) -> Result<(), StoreError> {
        self.run("UPDATE link SET is_hint = 1 WHERE standing = 0", [])?;
        self.mark_all_dirty()
    }

    /// Ends the hints of those who were decided about since, with nothing left to do.
    pub fn forget_hints(&self) -> Result<(), StoreError> {
        self.run(
            "UPDATE link SET is_hint = 0 WHERE is_hint = 1 \
             AND source NOT IN (SELECT id FROM source_object WHERE dirty <> 0) \
             AND source NOT IN (SELECT source FROM escrow)",
            [],
        )?;
        Ok(())
    }
}
