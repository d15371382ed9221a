//! What the state holds of redacted values: stand-ins, and sealed sources.
//!
//! Which attributes these are is a fact of its own. Where the configuration names others, or the
//! key is another, everything stored is brought into the new form before anything else happens.

use std::collections::BTreeSet;

use rusqlite::params;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    link::{parse_exported, parse_values, print_values},
    log_body::{BODY_VERSION, Body},
    open::{Engine, StoreError, Tx, View},
    packed::{Stored, Text, Words, text_of},
};
use crate::{
    model::{Attributes, RedactionKey, SourceId, is_sealed},
    provisioning::{LinkEffect, PlannedChange, Secrets, Write},
    scim::{AttributePath, REDACTED, STAND_IN, Values, is_redacted, redact},
};

/// The fact that says what is hidden, and with which key.
const FACT: &str = "redaction";

/// The fact that the file may still hold, in unused places, what was in clear before.
pub(super) const UNCLEAN: &str = "redaction_unclean";

/// The directory's properties that are stored sealed.
pub(super) type SealedProperties = BTreeSet<String>;

/// People or rows looked at at once.
const BATCH: u32 = 200;

/// What stands for a message that may repeat a value which is redacted now.
const NOT_KEPT: &str = "not kept, because it may repeat a value that is redacted now";

/// What is hidden, and with which key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Hidden {
    key: String,
    paths: BTreeSet<AttributePath>,
    properties: BTreeSet<String>,
}

impl Engine {
    /// From now on the values at `paths` and the directory's `properties` are not in clear in this
    /// file, nor are those that were.
    ///
    /// With another key than before everybody is read and decided again, since neither the sealed
    /// sources nor the stand-ins of the old one say anything any more.
    pub fn hide(
        &self,
        paths: BTreeSet<AttributePath>,
        properties: BTreeSet<String>,
    ) -> Result<(), StoreError> {
        let is_any = !paths.is_empty() || !properties.is_empty();
        let key = if is_any { self.key().id().to_owned() } else { String::new() };
        let wanted = Hidden { key, paths, properties };
        let stored = self.read(|view| view.hidden())?;
        if stored != wanted {
            self.write(|tx| tx.change_hidden(&stored, &wanted))?;
        }
        self.sweep().map(drop)
    }

    /// Clears out of the file what was deleted or overwritten in it, where there may be something.
    /// False where somebody was in the way: the next call tries again.
    pub(super) fn sweep(&self) -> Result<bool, StoreError> {
        if self.read(|view| view.fact(UNCLEAN))?.is_none() {
            return Ok(true);
        }
        let swept = self.compact()?;
        if swept {
            self.write(|tx| tx.set_fact(UNCLEAN, None))?;
        }
        Ok(swept)
    }
}

impl View<'_> {
    fn hidden(&self) -> Result<Hidden, StoreError> {
        let Some(text) = self.fact(FACT)? else { return Ok(Hidden::default()) };
        serde_json::from_str(&text).map_err(|error| StoreError::stored("redaction", error))
    }

    /// The directory's properties that are stored sealed.
    pub(super) fn sealed_properties(&self) -> Result<SealedProperties, StoreError> {
        Ok(self.hidden()?.properties)
    }

    /// A user's attributes as they are stored.
    fn stored_attributes(&self, id: SourceId) -> Result<Attributes, StoreError> {
        let text: String = self
            .connection
            .prepare_cached(
                "SELECT coalesce((SELECT attributes FROM source_whole WHERE id = ?1), '{}')",
            )?
            .query_row([id.to_string()], |row| row.get(0))?;
        serde_json::from_str(&text).map_err(|error| StoreError::stored("user", error))
    }
}

impl Tx<'_> {
    fn change_hidden(&self, stored: &Hidden, wanted: &Hidden) -> Result<(), StoreError> {
        let another_key = !stored.key.is_empty() && stored.key != self.key.id();
        // What a first reading has put down is sealed as it was wanted by then: it begins anew.
        if another_key || self.first_reading()?.is_some() {
            self.reset_watermark()?;
        }
        if another_key {
            self.mark_all_dirty()?;
        }
        if another_key || !stored.paths.is_subset(&wanted.paths) {
            self.doubt_links()?;
        }
        self.reseal(wanted)?;
        let hides_more = !wanted.paths.is_subset(&stored.paths)
            || !wanted.properties.is_subset(&stored.properties);
        if hides_more {
            self.hide_links(wanted)?;
            self.hide_plan(wanted)?;
            self.hide_log(wanted)?;
            self.forget_messages()?;
            self.clear_survey()?;
            self.set_fact(UNCLEAN, Some("1"))?;
        }
        let text = serde_json::to_string(wanted)
            .map_err(|error| StoreError::stored("redaction", error))?;
        self.set_fact(FACT, (*wanted != Hidden::default()).then_some(text.as_str()))
    }

    /// Seals the sources of redacted values, and opens those that are none any more.
    fn reseal(&self, wanted: &Hidden) -> Result<(), StoreError> {
        let num = "SELECT attributes_num FROM source_object WHERE id = ?1";
        self.each_id("SELECT id FROM source_object WHERE id > ?1 ORDER BY id LIMIT ?2", |id| {
            let before = self.stored_attributes(id)?;
            let open = opened(self.key, id, before.clone());
            let after = sealed(self.key, id, &open, &wanted.properties);
            if after != before {
                let text = serde_json::to_string(&after)
                    .map_err(|error| StoreError::stored("user", error))?;
                let num = self.one(num, [id.to_string()], |row| row.get(0))?;
                self.change_attributes(num, &text)?;
            }
            Ok(())
        })
    }

    /// Calls `each` with every id that `sql` selects after `?1`, at most `?2` at once.
    fn each_id(
        &self,
        sql: &str,
        mut each: impl FnMut(SourceId) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let ids = self.ids_after(sql, after, BATCH)?;
            let Some(last) = ids.last().copied() else { return Ok(()) };
            after = Some(last);
            ids.into_iter().try_for_each(&mut each)?;
        }
    }

    /// What a stand-in stands for is asked of the account: one look instead of a needless write.
    fn doubt_links(&self) -> Result<(), StoreError> {
        let sql = "UPDATE link SET stale = 1 \
             WHERE instr(unpacked(coalesce(packed, exported)), ?1) > 0";
        self.run(sql, [format!("\"{STAND_IN}\":")])?;
        Ok(())
    }

    fn hide_links(&self, wanted: &Hidden) -> Result<(), StoreError> {
        self.hide_exported(wanted)?;
        self.hide_sent(wanted)?;
        let hide = |list: &mut Vec<Values>| {
            for values in list {
                hide_values(self.key, &wanted.paths, values);
            }
        };
        self.each_id("SELECT source FROM link WHERE source > ?1 ORDER BY source LIMIT ?2", |id| {
            let Some(mut link) = self.link(id)? else { return Ok(()) };
            hide(&mut link.unconfirmed);
            self.set_unconfirmed("link", id, &link.unconfirmed)
        })?;
        let unsettled = "SELECT source FROM unsettled_create WHERE source > ?1 \
                         ORDER BY source LIMIT ?2";
        self.each_id(unsettled, |id| {
            let Some(mut unsettled) = self.unsettled_create(id)? else { return Ok(()) };
            hide(&mut unsettled.unconfirmed);
            self.set_unconfirmed("unsettled_create", id, &unsettled.unconfirmed)
        })
    }

    fn hide_exported(&self, wanted: &Hidden) -> Result<(), StoreError> {
        let select = "SELECT coalesce(packed, exported) FROM link WHERE source = ?1";
        let update = "UPDATE link SET exported = ?2, packed = ?3 WHERE source = ?1";
        let ids = "SELECT source FROM link WHERE source > ?1 ORDER BY source LIMIT ?2";
        self.each_id(ids, |id| {
            let Text(text) = self.one(select, [id.to_string()], |row| row.get(0))?;
            let mut values = parse_exported(&text)?;
            if hide_values(self.key, &wanted.paths, &mut values).is_some() {
                let text = print_values(&values)?;
                let stored = Stored::of(&text, Words::Exported)?;
                self.run(update, params![id.to_string(), stored.text(), stored.packed()])?;
            }
            Ok(())
        })
    }

    fn hide_sent(&self, wanted: &Hidden) -> Result<(), StoreError> {
        let select = "SELECT sent FROM unsettled_create WHERE source = ?1";
        let update = "UPDATE unsettled_create SET sent = ?2 WHERE source = ?1";
        let ids = "SELECT source FROM unsettled_create WHERE source > ?1 ORDER BY source LIMIT ?2";
        self.each_id(ids, |id| {
            let text: String = self.one(select, [id.to_string()], |row| row.get(0))?;
            let mut values = parse_values(&text)?;
            if hide_values(self.key, &wanted.paths, &mut values).is_some() {
                self.run(update, params![id.to_string(), print_values(&values)?])?;
            }
            Ok(())
        })
    }

    fn hide_plan(&self, wanted: &Hidden) -> Result<(), StoreError> {
        self.run("UPDATE planned_change SET frees = NULL, claims = NULL", [])?;
        let mut after = i64::MIN;
        loop {
            let rows = self.plan_rows(super::PlanFilter::All, after, BATCH)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = *last;
            for (seq, mut row) in rows {
                let mut secrets = self.secrets_of(row.source, wanted)?;
                hide_change(self.key, &wanted.paths, &mut row, &mut secrets);
                self.rewrite_planned(seq, &row)?;
            }
        }
    }

    fn hide_log(&self, wanted: &Hidden) -> Result<(), StoreError> {
        let sql = "UPDATE provisioning_log SET body = ?2, packed = ?4, version = ?3 WHERE seq = ?1";
        let mut update = self.connection.prepare_cached(sql)?;
        let mut select = self.connection.prepare_cached(
            "SELECT seq, source, coalesce(packed, body), version FROM provisioning_log \
             WHERE seq > ?1 ORDER BY seq LIMIT 1",
        )?;
        let mut after = i64::MIN;
        loop {
            let mut rows = select.query([after])?;
            let Some(row) = rows.next()? else { return Ok(()) };
            let (seq, source): (i64, String) = (row.get(0)?, row.get(1)?);
            let before = Body::parse(&text_of(row.get_ref(2)?)?, row.get(3)?)?;
            drop(rows);
            after = seq;
            let source = source.parse().map_err(|error| StoreError::stored("id", error))?;
            let mut secrets = self.secrets_of(source, wanted)?;
            let fault = |error| StoreError::stored("log row", error);
            let mut document = serde_json::to_value(&before).map_err(fault)?;
            hide_log_body(&wanted.paths, &mut document, &mut secrets);
            let after: Body = serde_json::from_value(document).map_err(fault)?;
            if after != before {
                let text = after.print()?;
                let stored = Stored::of(&text, Words::LogRow)?;
                update.execute(params![seq, stored.text(), BODY_VERSION, stored.packed()])?;
            }
        }
    }

    /// What the sealed sources of a person say.
    fn secrets_of(&self, id: SourceId, wanted: &Hidden) -> Result<Secrets, StoreError> {
        let attributes = opened(self.key, id, self.stored_attributes(id)?);
        let mut secrets = Secrets::default();
        for (_, value) in attributes.iter().filter(|(name, _)| wanted.properties.contains(*name)) {
            secrets.add(value);
        }
        Ok(secrets)
    }

    /// Messages that belong to nobody's row.
    fn forget_messages(&self) -> Result<(), StoreError> {
        self.run("UPDATE escrow SET detail = ?1", [NOT_KEPT])?;
        self.run(
            "UPDATE cycle SET report = json_set(report, '$.error', ?1) \
             WHERE report ->> 'error' IS NOT NULL",
            [NOT_KEPT],
        )?;
        Ok(())
    }
}

/// The attributes with everything open that this key opens.
pub(super) fn opened(key: &RedactionKey, id: SourceId, attributes: Attributes) -> Attributes {
    let open = |(name, value): (String, Value)| {
        let opened = if is_sealed(&value) { key.open(&about(&name, id), &value) } else { None };
        (name, opened.unwrap_or(value))
    };
    attributes.into_iter().map(open).collect()
}

/// The attributes with these properties sealed.
pub(super) fn sealed(
    key: &RedactionKey,
    id: SourceId,
    attributes: &Attributes,
    properties: &BTreeSet<String>,
) -> Attributes {
    let seal = |(name, value): (&String, &Value)| {
        let wanted = properties.contains(name) && !is_sealed(value);
        let value = if wanted { key.seal(&about(name, id), value) } else { value.clone() };
        (name.clone(), value)
    };
    attributes.iter().map(seal).collect()
}

fn about(name: &str, id: SourceId) -> String {
    format!("{name} of {id}")
}

/// Puts stand-ins in the place of values; returns what they stand for, where there was anything.
fn hide_values(
    key: &RedactionKey,
    paths: &BTreeSet<AttributePath>,
    values: &mut Values,
) -> Option<Vec<Value>> {
    let mut hidden = Vec::new();
    for (path, value) in values.iter_mut() {
        if paths.contains(path) && !is_redacted(value) {
            let stand_in = redact(key, path, value);
            hidden.push(std::mem::replace(value, stand_in));
        }
    }
    (!hidden.is_empty()).then_some(hidden)
}

fn hide_change(
    key: &RedactionKey,
    paths: &BTreeSet<AttributePath>,
    row: &mut PlannedChange,
    secrets: &mut Secrets,
) {
    let mut hidden = Vec::new();
    for change in row.changes.iter_mut().filter(|change| paths.contains(&change.path)) {
        for value in [&mut change.old, &mut change.new].into_iter().flatten() {
            if !is_redacted(value) {
                let stand_in = redact(key, &change.path, value);
                hidden.push(std::mem::replace(value, stand_in));
            }
        }
    }
    if let Write::Create(values) | Write::Patch { baseline: values } = &mut row.write {
        hidden.extend(hide_values(key, paths, values).unwrap_or_default());
    }
    if let LinkEffect::Exported(values) = &mut row.effect {
        hidden.extend(hide_values(key, paths, values).unwrap_or_default());
    }
    for value in &hidden {
        secrets.add(value);
    }
    row.detail = secrets.clean(&row.detail);
    if let Some(failure) = &mut row.error {
        failure.detail = secrets.clean(&failure.detail);
    }
    for step in &mut row.steps {
        step.description = secrets.clean(&step.description);
        for finding in step.details.values_mut() {
            *finding = secrets.clean(finding);
        }
    }
}

fn hide_log_body(paths: &BTreeSet<AttributePath>, body: &mut Value, secrets: &mut Secrets) {
    for modified in body["modified"].as_array_mut().into_iter().flatten() {
        let path = modified["displayName"].as_str().and_then(|name| name.parse().ok());
        if !path.is_some_and(|path| paths.contains(&path)) {
            continue;
        }
        for name in ["oldValue", "newValue"] {
            if let Some(value @ Value::String(_)) = modified.get_mut(name)
                && *value != REDACTED
            {
                secrets.add(&std::mem::replace(value, Value::from(REDACTED)));
            }
        }
    }
    clean_at(body, &["detail"], secrets);
    clean_at(body, &["error", "detail"], secrets);
    for modified in body["modified"].as_array_mut().into_iter().flatten() {
        clean_at(modified, &["oldValue"], secrets);
        clean_at(modified, &["newValue"], secrets);
    }
    for step in body["steps"].as_array_mut().into_iter().flatten() {
        clean_at(step, &["description"], secrets);
        let details = step.get_mut("details").and_then(Value::as_object_mut);
        for (_, finding) in details.into_iter().flatten() {
            clean_at(finding, &[], secrets);
        }
    }
}

fn clean_at(value: &mut Value, names: &[&str], secrets: &Secrets) {
    let mut place = Some(value);
    for name in names {
        place = place.and_then(|value| value.get_mut(*name));
    }
    if let Some(Value::String(text)) = place {
        *text = secrets.clean(text);
    }
}
