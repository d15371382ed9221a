//! Forgetting a person: everything that this file knows of somebody goes, and nothing of that can
//! be read from the file afterwards.
//!
//! The account at the target is left as it is. What stays is that it once belonged to somebody,
//! under a pseudonym that only the same person's id and this file's key give again: so nobody else
//! ever adopts it, and whoever comes back gets their own account again.

use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    cycle::HeldReport,
    log_body::Body,
    open::{Engine, StoreError, Tx, View},
    packed::{Stored, Words, text_of},
    redaction::UNCLEAN,
    source::{ASSIGNED, DELETED},
};
use crate::{
    model::{ObjectKind, RedactionKey, SourceId, Timestamp},
    provisioning::{Action, Secrets, Write},
    scim::Values,
};

/// People that a name may mean, at most; more are no help to anybody.
const FOUND_MAX: u32 = 20;

/// The tables with one row, or several, of one person, and the column with its id.
const OWN_ROWS: [(&str, &str); 15] = [
    ("source_object", "id"),
    ("first_reading", "id"),
    ("link", "source"),
    ("escrow", "source"),
    ("waiting_change", "source"),
    ("planned_change", "source"),
    ("held_change", "source"),
    ("approval", "source"),
    ("provisioning_log", "source"),
    ("filter_principal", "id"),
    ("drift_finding", "source"),
    ("member_link", "member_id"),
    ("planned_member", "member_id"),
    ("held_member", "member_id"),
    ("approved_member", "member_id"),
];

/// The texts of rows about others that may name somebody, but for the log's: table, key, column.
const TEXTS: [(&str, &str, &str); 3] = [
    ("cycle", "id", "report"),
    ("notice", "kind || '/' || cause", "body"),
    ("drift_finding", "seq", "body"),
];

/// How a person stands in the directory, as last read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whereabouts {
    /// Assigned to the application, itself or through a group.
    Assigned,
    /// In the directory, or among its deleted users.
    InDirectory,
    /// Gone for good.
    Gone,
}

/// What the state has of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traces {
    /// How it stands in the directory.
    pub whereabouts: Whereabouts,
    /// The account that is linked to it, by its id at the target.
    pub account: Option<String>,
    /// Whether that account was last left enabled.
    pub enabled: bool,
    /// Rows of the provisioning log.
    pub log_rows: u64,
    /// Changes that a safeguard holds.
    pub held: u64,
    /// Whether a create has no known outcome.
    pub unsettled: bool,
}

/// What was forgotten of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgotten {
    /// What there was.
    pub traces: Traces,
    /// Messages in the outbox that named the person. What they told is told again, without it.
    pub messages: u64,
    /// Whether the next cycle reads the directory from the beginning, so as to miss nothing.
    pub rereads: bool,
    /// Whether the file was written anew. Somebody was reading it where not: then the next cycle
    /// does it before anything else.
    pub swept: bool,
}

impl Engine {
    /// Forgets a person; the account stays as it is.
    pub fn forget(&self, person: SourceId, now: Timestamp) -> Result<Forgotten, StoreError> {
        let forgotten = self.write(|tx| tx.forget(person, now))?;
        let swept = self.sweep()?;
        Ok(Forgotten { swept, ..forgotten })
    }
}

/// What a forgotten person is called in the state.
pub(super) fn pseudonym(key: &RedactionKey, person: SourceId) -> SourceId {
    let hash = key.hash(["forgotten", &person.to_string()]);
    SourceId::parse(&hash).expect("a hash has the 32 digits of a UUID")
}

impl View<'_> {
    /// Whoever is or was called `who` here: by id, user principal name, mail, or a name in the log,
    /// without regard to case.
    pub fn people_named(&self, who: &str) -> Result<Vec<SourceId>, StoreError> {
        if let Ok(id) = SourceId::parse(who) {
            return Ok(if self.traces(id)?.is_some() { vec![id] } else { Vec::new() });
        }
        let mut statement = self.connection.prepare_cached(
            "WITH named (id, name) AS ( \
                 SELECT id, attributes ->> 'userPrincipalName' FROM source_whole WHERE kind = 0 \
                 UNION ALL SELECT id, attributes ->> 'mail' FROM source_whole WHERE kind = 0 \
                 UNION ALL SELECT id, \
                     unpacked(coalesce(packed, attributes)) ->> 'userPrincipalName' \
                     FROM first_reading WHERE presence = 0 \
                 UNION ALL SELECT id, unpacked(coalesce(packed, attributes)) ->> 'mail' \
                     FROM first_reading WHERE presence = 0 \
                 UNION ALL SELECT source, display FROM link WHERE kind = 0 \
                 UNION ALL SELECT source, source_name FROM provisioning_log \
                     WHERE unpacked(coalesce(packed, body)) ->> 'kind' <> 'group' \
                     AND source <> '') \
             SELECT DISTINCT id FROM named WHERE lower(name) IN (lower(?1), ?2) \
             ORDER BY id LIMIT ?3",
        )?;
        let rows = statement.query_map(params![who, who.to_lowercase(), FOUND_MAX], |row| {
            row.get::<_, String>(0)
        })?;
        rows.map(|row| row?.parse().map_err(|error| StoreError::stored("id", error))).collect()
    }

    /// What the state has of a person; `None` where it knows nothing of it.
    pub fn traces(&self, person: SourceId) -> Result<Option<Traces>, StoreError> {
        let key = person.to_string();
        let is_group = "SELECT EXISTS (SELECT 1 FROM source_object WHERE id = ?1 AND kind = 1)";
        if self.one(is_group, [&key], |row| row.get(0))? {
            return Ok(None);
        }
        let count =
            |sql: &str| -> Result<u64, StoreError> { Ok(self.one(sql, [&key], |row| row.get(0))?) };
        let mut known = 0;
        for (table, column) in OWN_ROWS {
            known += count(&format!("SELECT count(*) FROM {table} WHERE {column} = ?1"))?;
        }
        let unsettled =
            self.unsettled_create(person)?.is_some() || self.create_under_way(person)?.is_some();
        let assigned = format!("SELECT count(*) FROM ({ASSIGNED}) WHERE id = ?1");
        let assigned = count(&assigned)? > 0;
        let member = count("SELECT count(*) FROM membership WHERE member_id = ?1 AND kind <> 1")?;
        if known + member == 0 && !unsettled && !assigned {
            return Ok(None);
        }
        let gone =
            format!("SELECT count(*) FROM source_object WHERE id = ?1 AND presence <> {DELETED}");
        let whereabouts = match (assigned, count(&gone)? > 0 || member > 0) {
            (true, _) => Whereabouts::Assigned,
            (false, true) => Whereabouts::InDirectory,
            (false, false) => Whereabouts::Gone,
        };
        let link: Option<(String, bool)> = self
            .one("SELECT target, enabled FROM link WHERE source = ?1", [&key], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        Ok(Some(Traces {
            whereabouts,
            enabled: link.as_ref().is_some_and(|(_, enabled)| *enabled),
            account: link.map(|(target, _)| target),
            log_rows: count("SELECT count(*) FROM provisioning_log WHERE source = ?1")?,
            held: count("SELECT count(*) FROM held_change WHERE source = ?1")?,
            unsettled,
        }))
    }

    /// When a create of this person left that a crash deprived of its outcome.
    fn create_under_way(&self, person: SourceId) -> Result<Option<Timestamp>, StoreError> {
        for (seq, row) in self.sent_rows()? {
            if row.source == person && matches!(row.write, Write::Create(_)) {
                return self.sent_in(seq).map(|(_, sent_at)| Some(sent_at));
            }
        }
        Ok(None)
    }

    /// Every text that tells this person from others.
    fn names_of(&self, person: SourceId) -> Result<Secrets, StoreError> {
        let mut names = Secrets::default();
        names.add(&person.to_string().into());
        let sql = "SELECT display FROM link WHERE source = ?1 \
             UNION SELECT source_name FROM provisioning_log WHERE source = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let shown = statement.query_map([person.to_string()], |row| row.get::<_, String>(0))?;
        for name in shown {
            names.add(&name?.into());
        }
        let sql = "SELECT coalesce(packed, body), version FROM provisioning_log WHERE source = ?1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let mut rows = statement.query([person.to_string()])?;
        while let Some(row) = rows.next()? {
            let body = Body::parse(&text_of(row.get_ref(0)?)?, row.get(1)?)?;
            for modified in body.modified {
                for value in [modified.old_value, modified.new_value].into_iter().flatten() {
                    add_names(&mut names, &modified.display_name, &value.into());
                }
            }
        }
        for (name, value) in self.subject(person)?.map(|known| known.attributes).unwrap_or_default()
        {
            add_names(&mut names, &name, &value);
        }
        Ok(names)
    }
}

/// Adds what only one person is called: addresses and the full name. What several share, such as
/// a department, stays in the rows of the others.
fn add_names(names: &mut Secrets, attribute: &str, value: &Value) {
    match value {
        Value::String(text) => {
            let is_full_name = attribute == "displayName" && text.trim().contains(' ');
            if text.contains('@') || is_full_name || attribute == "employeeId" {
                names.add(value);
            }
        }
        Value::Array(all) => all.iter().for_each(|one| add_names(names, attribute, one)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {}
    }
}

impl Tx<'_> {
    fn forget(&self, person: SourceId, now: Timestamp) -> Result<Forgotten, StoreError> {
        let traces = self.traces(person)?.ok_or_else(|| {
            StoreError::stored("person", "nothing is known of this person any more")
        })?;
        let names = self.names_of(person)?;
        self.release_to_pseudonym(person, now)?;
        self.discount_properties(person)?;
        let messages = self.forget_outbox(&names)?;
        self.delete_rows_of(person)?;
        self.settle_held()?;
        self.clean_others(person, &names)?;
        // What a first reading has put down may name the person as somebody's manager, too.
        let rereads = traces.whereabouts != Whereabouts::Gone || self.first_reading()?.is_some();
        if rereads {
            self.reset_watermark()?;
        } else {
            // Who is in the directory stays somebody's manager: that tells of the other person.
            self.run(
                "UPDATE source_object SET manager = NULL WHERE manager = ?1",
                [person.to_string()],
            )?;
        }
        self.set_fact(UNCLEAN, Some("1"))?;
        Ok(Forgotten { traces, messages, rereads, swept: false })
    }

    /// What must outlive the person goes under its pseudonym: whose account it was, and that a
    /// create has no known outcome, so that no second account is made.
    fn release_to_pseudonym(&self, person: SourceId, now: Timestamp) -> Result<(), StoreError> {
        let (key, other) = (person.to_string(), pseudonym(self.key, person).to_string());
        self.run(
            "INSERT OR REPLACE INTO released (kind, target, source, at) \
             SELECT kind, target, source, ?2 FROM link WHERE source = ?1",
            params![key, now.timestamp_millis()],
        )?;
        let sql = "UPDATE OR REPLACE released SET source = ?2 WHERE source = ?1";
        self.run(sql, [&key, &other])?;
        let sql = "UPDATE OR REPLACE unsettled_create \
             SET source = ?2, sent = '{}', unconfirmed = '[]' WHERE source = ?1";
        self.run(sql, [&key, &other])?;
        if let Some(sent_at) = self.create_under_way(person)? {
            self.set_unsettled(pseudonym(self.key, person), &Values::new(), sent_at)?;
        }
        Ok(())
    }

    /// A property that only the forgotten had has not vanished from the directory.
    fn discount_properties(&self, person: SourceId) -> Result<(), StoreError> {
        let mut counts = self.property_statistics()?;
        let live: Option<String> = self
            .one(
                "SELECT attributes FROM source_whole WHERE id = ?1 AND presence = 0",
                [person.to_string()],
                |row| row.get(0),
            )
            .optional()?;
        let Some(attributes) = live else { return Ok(()) };
        let attributes: serde_json::Map<String, Value> =
            serde_json::from_str(&attributes).map_err(|e| StoreError::stored("user", e))?;
        for name in attributes.keys() {
            if let Some(count) = counts.get_mut(name) {
                *count = count.saturating_sub(1);
            }
        }
        if counts.is_empty() {
            return Ok(());
        }
        let text = serde_json::to_string(&counts)
            .map_err(|error| StoreError::stored("property statistics", error))?;
        self.set_fact("property_statistics", Some(&text))
    }

    fn delete_rows_of(&self, person: SourceId) -> Result<(), StoreError> {
        let key = person.to_string();
        self.keep_log_end()?;
        for (table, column) in OWN_ROWS {
            self.run(&format!("DELETE FROM {table} WHERE {column} = ?1"), [&key])?;
        }
        self.run("DELETE FROM assignment WHERE principal = ?1", [&key])?;
        let sql = "DELETE FROM membership WHERE member_id = ?1 AND kind <> 1";
        self.run(sql, [&key])?;
        // It counts for the threshold all the same.
        let sql = "UPDATE removal SET source = '', target = NULL WHERE source = ?1";
        self.run(sql, [&key])?;
        // Both are written anew by the next cycle, and belong to none that is under way.
        self.begin_assignments()?;
        self.clear_survey()?;
        // How far a comparison is, is told by somebody's id.
        self.discard_open_drift_check()
    }

    /// What is still held, counted again.
    fn settle_held(&self) -> Result<(), StoreError> {
        let Some(text) = self.fact("held")? else { return Ok(()) };
        let mut report: HeldReport =
            serde_json::from_str(&text).map_err(|error| StoreError::stored("held plan", error))?;
        let held = self.held_changes()?;
        if held.is_empty() {
            return self.clear_held();
        }
        let count =
            |action: Action| held.iter().filter(|row| row.action == action.as_str()).count() as u64;
        report.creates = count(Action::Create);
        report.removals = count(Action::Disable) + count(Action::Delete);
        report.membership_removals = self.held_member_count()?;
        let text = serde_json::to_string(&report)
            .map_err(|error| StoreError::stored("held plan", error))?;
        self.set_fact("held", Some(&text))
    }

    /// Messages that name the person are not sent. What they told is open again, to be told anew.
    fn forget_outbox(&self, names: &Secrets) -> Result<u64, StoreError> {
        let mut statement = self.connection.prepare("SELECT id, body FROM outbox")?;
        let rows =
            statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
        let mut naming = Vec::new();
        for row in rows {
            let (id, body) = row?;
            let body: Value =
                serde_json::from_str(&body).map_err(|e| StoreError::stored("message", e))?;
            let mut cleaned = body.clone();
            clean(&mut cleaned, names);
            if cleaned != body {
                naming.push(id);
            }
        }
        for id in &naming {
            self.delivered(*id)?;
        }
        if !naming.is_empty() {
            self.run(
                "UPDATE notice SET sent_at = NULL, sent_count = NULL \
                 WHERE kind IN ('failure', 'removals_held', 'quarantine', 'paused', 'drift') \
                 AND is_over = 0",
                [],
            )?;
        }
        Ok(naming.len() as u64)
    }

    /// Takes the person's names out of what is said about others.
    fn clean_others(&self, person: SourceId, names: &Secrets) -> Result<(), StoreError> {
        let sql = "SELECT source, detail FROM escrow";
        let details: Vec<(String, String)> = {
            let mut statement = self.connection.prepare_cached(sql)?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<Result<_, _>>()?
        };
        for (source, detail) in details {
            let cleaned = names.clean(&detail);
            if cleaned != detail {
                let sql = "UPDATE escrow SET detail = ?2 WHERE source = ?1";
                self.run(sql, [&source, &cleaned])?;
            }
        }
        if let Some(mut quarantine) = self.quarantine()? {
            quarantine.message = names.clean(&quarantine.message);
            self.set_quarantine(Some(&quarantine))?;
        }
        for (table, key, column) in TEXTS {
            let update = format!("UPDATE {table} SET {column} = ?2 WHERE {key} = ?1");
            for (id, text) in self.rows_that_name(table, (key, column), names)? {
                self.run(&update, params![id, cleaned(&text, names)?])?;
            }
        }
        let log = ("seq", "coalesce(packed, body)");
        let update = "UPDATE provisioning_log SET body = ?2, packed = ?3 WHERE seq = ?1";
        for (seq, text) in self.rows_that_name("provisioning_log", log, names)? {
            let text = cleaned(&text, names)?;
            let stored = Stored::of(&text, Words::LogRow)?;
            self.run(update, params![seq, stored.text(), stored.packed()])?;
        }
        self.clean_plan(person, names)
    }

    /// Of a planned change of somebody else only what is said is cleaned, and never what is
    /// written: that is the other person's, even where it is the same.
    fn clean_plan(&self, person: SourceId, names: &Secrets) -> Result<(), StoreError> {
        let named = self.rows_that_name("planned_change", ("seq", "body"), names)?;
        for (seq, _) in named {
            let rusqlite::types::Value::Integer(seq) = seq else { continue };
            let mut row = self.planned_row(seq)?;
            row.reference = row.reference.filter(|reference| *reference != person);
            if row.kind == ObjectKind::Group {
                // Whom a group gets or loses is told in its row, and kept beside it.
                let person = Value::from(person.to_string());
                let is_it = |value: &Option<Value>| value.as_ref() == Some(&person);
                row.changes.retain(|change| !is_it(&change.new) && !is_it(&change.old));
            }
            row.detail = names.clean(&row.detail);
            if let Some(error) = &mut row.error {
                error.detail = names.clean(&error.detail);
            }
            for step in &mut row.steps {
                step.description = names.clean(&step.description);
                step.details.values_mut().for_each(|finding| *finding = names.clean(finding));
            }
            self.rewrite_planned(seq, &row)?;
        }
        Ok(())
    }

    /// The keys and texts of rows that name somebody; the others are read one after the other, and
    /// none is kept: a log may have millions.
    fn rows_that_name(
        &self,
        table: &str,
        (key, column): (&str, &str),
        names: &Secrets,
    ) -> Result<Vec<(rusqlite::types::Value, String)>, StoreError> {
        let select = format!("SELECT {key}, {column} FROM {table} WHERE {column} IS NOT NULL");
        let names = names.spellings();
        let mut statement = self.connection.prepare(&select)?;
        let mut rows = statement.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let text = text_of(row.get_ref(1)?)?;
            let lowered = text.to_ascii_lowercase();
            if names.iter().any(|name| lowered.contains(name.as_str())) {
                found.push((row.get(0)?, text.into_owned()));
            }
        }
        Ok(found)
    }
}

/// A document about others, without somebody's names.
fn cleaned(text: &str, names: &Secrets) -> Result<String, StoreError> {
    let mut body: Value = serde_json::from_str(text).map_err(|e| StoreError::stored("text", e))?;
    if let Some(first) = body.get_mut("first").and_then(Value::as_array_mut) {
        let names = names.spellings();
        let is_it = |id: &str| names.iter().any(|name| name == id);
        first.retain(|row| !row["id"].as_str().is_some_and(is_it));
    }
    clean(&mut body, names);
    Ok(body.to_string())
}

/// Cleans every text in a document.
fn clean(value: &mut Value, names: &Secrets) {
    match value {
        Value::String(text) => *text = names.clean(text),
        Value::Array(all) => all.iter_mut().for_each(|one| clean(one, names)),
        Value::Object(members) => members.values_mut().for_each(|member| clean(member, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
