//! Redacted values: which there are, how one gets to the target, and how it is kept out of texts.
//!
//! Everywhere else a stand-in takes the value's place. Here, for the length of one request, the
//! person is mapped again and the value put back; nothing of it has `Debug` or `Serialize`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    MappingFault, MappingInputs, PlannedChange, Subject, Write,
    job::{AttributeMapping, Job, MappingSource},
    mapping::in_clear,
    selected_property,
};
use crate::{
    model::RedactionKey,
    scim::{
        AttributeChange, AttributePath, REDACTED, TargetFault, Values, is_redacted, project, redact,
    },
};

/// What is read and shown of every person: never sealed.
const ALWAYS_IN_CLEAR: [&str; 5] =
    ["id", "accountEnabled", "userPrincipalName", "displayName", "userType"];

/// A text with fewer letters and digits is hidden only where it stands as a word of its own.
const WORD_CHARS_MAX: usize = 3;

/// What is told in place of a text that may hold a redacted value in another spelling.
const WITHHELD: &str =
    "what the application said is not kept, because it may repeat a redacted value";

impl AttributeMapping {
    /// Whether its value is shown and stored nowhere.
    pub fn is_redacted(&self) -> bool {
        match &self.source {
            MappingSource::Expression(expression) => expression.is_redacted(),
            MappingSource::Attribute(_) | MappingSource::Constant(_) => false,
        }
    }
}

impl Job {
    /// The attributes of an account whose values are shown and stored nowhere.
    pub fn redacted_paths(&self) -> BTreeSet<AttributePath> {
        let redacted = self.attributes.iter().filter(|mapping| mapping.is_redacted());
        redacted.map(|mapping| mapping.target.clone()).collect()
    }

    /// The directory's properties that stand below a `Redact`, which the state holds sealed.
    pub fn sealed_properties(&self) -> BTreeSet<String> {
        let mut properties = BTreeSet::new();
        for mapping in &self.attributes {
            if let MappingSource::Expression(expression) = &mapping.source {
                let names = expression.redacted_attributes().into_iter();
                properties.extend(names.filter_map(selected_property));
            }
        }
        properties.retain(|name| !is_always_in_clear(name));
        properties
    }

    /// Whether the value of a source attribute is shown and stored nowhere, whoever reads it.
    pub fn is_source_redacted(&self, name: &str) -> bool {
        let property = selected_property(name);
        property.is_some_and(|property| self.sealed_properties().contains(&property))
    }
}

/// Whether a property is read and shown of every person, and so stays in clear below a `Redact`.
pub fn is_always_in_clear(property: &str) -> bool {
    ALWAYS_IN_CLEAR.contains(&property)
}

/// What a resource has at the mapped paths, with stand-ins for what is redacted. The members of a
/// group are not among it: they are many, and each is compared by itself.
pub fn project_redacted(job: &Job, document: &Map<String, Value>, key: &RedactionKey) -> Values {
    let members = job.members_path();
    let paths = job.attributes.iter().map(|mapping| &mapping.target);
    let mut values = project(document, paths.filter(|path| Some(*path) != members));
    for path in job.redacted_paths() {
        if let Some(value) = values.get_mut(&path) {
            *value = redact(key, &path, value);
        }
    }
    values
}

/// The redacted values that one request carries. It has no `Debug`.
#[derive(Default)]
pub struct Revealed {
    values: Vec<(AttributePath, Value)>,
    /// What no text about this person may repeat.
    pub secrets: Secrets,
}

/// Maps the person of a planned change again, and reveals the redacted values it writes. `exported`
/// is what the account last got, where there is one; of somebody who is not known any more nothing
/// can be revealed.
///
/// Fails where a value is not the planned one: what was not planned is not sent.
pub fn reveal(
    job: &Job,
    subject: Option<&Subject>,
    inputs: MappingInputs<'_>,
    change: &PlannedChange,
    exported: Option<&Values>,
) -> Result<Revealed, MappingFault> {
    let Some(subject) = subject else {
        let unknown = redacted_writes(change).next().map(not_as_planned);
        return unknown.map_or_else(|| Ok(Revealed::default()), Err);
    };
    let mut values = Vec::new();
    for mapping in job.attributes.iter().filter(|mapping| mapping.is_redacted()) {
        let path = &mapping.target;
        let Some(planned) = written(change, path).filter(|value| is_redacted(value)) else {
            continue;
        };
        let value = possible(mapping, subject, inputs)?
            .into_iter()
            .find(|value| &redact(inputs.key, path, value) == planned);
        values.push((path.clone(), value.ok_or_else(|| not_as_planned(path))?));
    }
    if let Some(path) =
        redacted_writes(change).find(|path| values.iter().all(|(known, _)| known != *path))
    {
        return Err(not_as_planned(path));
    }
    let baseline = match &change.write {
        Write::Patch { baseline } => Some(baseline),
        Write::Create(_) | Write::Nothing | Write::Delete | Write::Members => None,
    };
    let known = exported.into_iter().chain(baseline);
    Ok(Revealed { values, secrets: Secrets::of(job, subject, inputs, known) })
}

/// What a redacted attribute may get, whether the person is withdrawn or not.
fn possible(
    mapping: &AttributeMapping,
    subject: &Subject,
    inputs: MappingInputs<'_>,
) -> Result<Vec<Value>, MappingFault> {
    let live = in_clear(mapping, subject, MappingInputs { is_soft_deleted: false, ..inputs });
    let withdrawn = in_clear(mapping, subject, MappingInputs { is_soft_deleted: true, ..inputs });
    match (live, withdrawn) {
        (Ok(live), Ok(withdrawn)) => Ok([live, withdrawn].concat()),
        (Ok(values), Err(_)) | (Err(_), Ok(values)) => Ok(values),
        (Err(fault), Err(_)) => Err(fault),
    }
}

fn not_as_planned(path: &AttributePath) -> MappingFault {
    MappingFault {
        path: path.to_string(),
        problem: "its redacted value is not the planned one any more; it is planned anew"
            .to_owned(),
    }
}

/// The attributes to which a change writes a redacted value.
fn redacted_writes(change: &PlannedChange) -> impl Iterator<Item = &AttributePath> {
    let (created, changed) = match &change.write {
        Write::Create(values) => (Some(values), None),
        Write::Patch { .. } => (None, Some(&change.changes)),
        Write::Nothing | Write::Delete | Write::Members => (None, None),
    };
    let created = created.into_iter().flatten().map(|(path, value)| (path, Some(value)));
    let changed = changed.into_iter().flatten().map(|one| (&one.path, one.new.as_ref()));
    let written = created.chain(changed);
    written.filter(|(_, value)| value.is_some_and(is_redacted)).map(|(path, _)| path)
}

/// What a change writes to an attribute.
fn written<'c>(change: &'c PlannedChange, path: &AttributePath) -> Option<&'c Value> {
    match &change.write {
        Write::Create(values) => values.get(path),
        Write::Patch { .. } => {
            change.changes.iter().find(|one| &one.path == path).and_then(|one| one.new.as_ref())
        }
        Write::Nothing | Write::Delete | Write::Members => None,
    }
}

impl Revealed {
    /// The planned values as the target is to get them.
    pub fn values(&self, planned: &Values) -> Values {
        let mut values = planned.clone();
        for (path, value) in &self.values {
            if let Some(planned) = values.get_mut(path) {
                planned.clone_from(value);
            }
        }
        values
    }

    /// The planned changes as the target is to get them.
    pub fn changes(&self, planned: &[AttributeChange]) -> Vec<AttributeChange> {
        let mut changes = planned.to_vec();
        for change in changes.iter_mut().filter(|change| change.new.is_some()) {
            if let Some((_, value)) = self.values.iter().find(|(path, _)| path == &change.path) {
                change.new = Some(value.clone());
            }
        }
        changes
    }
}

/// What texts about one person must not repeat. It has no `Debug`.
#[derive(Default)]
pub struct Secrets {
    texts: Vec<String>,
    /// Whether the account may hold a redacted value of which only the stand-in is known.
    unknown: bool,
}

impl Secrets {
    /// The person's redacted values and their sealed sources. `known` is what the account is known
    /// to have: a redacted value there that is not the person's own cannot be recognised in a text.
    pub fn of<'v>(
        job: &Job,
        subject: &Subject,
        inputs: MappingInputs<'_>,
        known: impl IntoIterator<Item = &'v Values>,
    ) -> Self {
        let mut secrets = Self::default();
        let known: Vec<&Values> = known.into_iter().collect();
        for mapping in job.attributes.iter().filter(|mapping| mapping.is_redacted()) {
            let possible = possible(mapping, subject, inputs).unwrap_or_default();
            let own: Vec<Value> =
                possible.iter().map(|value| redact(inputs.key, &mapping.target, value)).collect();
            let mut there = known.iter().filter_map(|known| known.get(&mapping.target));
            secrets.unknown |= there.any(|value| !own.contains(value));
            for value in &possible {
                secrets.add(value);
            }
        }
        for property in job.sealed_properties() {
            if let Some(value) = subject.attributes.get(&property) {
                secrets.add(value);
            }
        }
        secrets
    }

    /// Adds every text in `value`.
    pub fn add(&mut self, value: &Value) {
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => self.texts.push(number.to_string()),
            // Texts of services are kept on one line.
            Value::String(text) => {
                self.texts.push(text.split_whitespace().collect::<Vec<_>>().join(" "));
            }
            Value::Array(elements) => elements.iter().for_each(|element| self.add(element)),
            Value::Object(members) => members.values().for_each(|member| self.add(member)),
        }
        self.texts.retain(|text| !text.is_empty());
        // A longer one first: a shorter one may be a part of it.
        self.texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
    }

    /// How the secrets stand in a JSON text that was lowered, by Unicode's rules or ASCII's.
    pub fn spellings(&self) -> Vec<String> {
        let quoted = |text: String| {
            let quoted = Value::from(text).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        };
        let both = |text: &String| [text.to_lowercase(), text.to_ascii_lowercase()];
        self.texts.iter().flat_map(both).map(quoted).collect()
    }

    /// The fault without the secrets. Where nothing was answered the words are our own.
    #[must_use]
    pub fn clean_fault(&self, mut fault: TargetFault) -> TargetFault {
        if fault.status.is_none() {
            return fault;
        }
        if let Some(detail) = self.cleaned(&fault.detail) {
            fault.detail = detail;
        } else {
            let status = fault.status.map(|status| format!("answered {status}; "));
            fault.detail = status.unwrap_or_default() + WITHHELD;
        }
        fault.scim_type = fault.scim_type.and_then(|kind| self.cleaned(&kind));
        fault
    }

    /// The text without the secrets.
    pub fn clean(&self, text: &str) -> String {
        self.cleaned(text).unwrap_or_else(|| WITHHELD.to_owned())
    }

    /// The text with each secret hidden; `None` where one may be left in another spelling.
    fn cleaned(&self, text: &str) -> Option<String> {
        if self.unknown {
            return None;
        }
        let clean = self.texts.iter().fold(text.to_owned(), |text, secret| hide(&text, secret));
        let decoded = percent_encoding::percent_decode_str(&clean).decode_utf8_lossy();
        let (plain, decoded) = (letters(&clean), letters(&decoded));
        let is_left = |secret: &String| {
            let secret = letters(secret);
            secret.len() > WORD_CHARS_MAX
                && (plain.contains(&secret)
                    || decoded.contains(&secret)
                    || (clean.ends_with('…') && ends_inside(&plain, &secret)))
        };
        (!self.texts.iter().any(is_left)).then_some(clean)
    }
}

/// The text with every occurrence of a secret hidden, in upper or lower case.
fn hide(text: &str, secret: &str) -> String {
    let lower = |text: &str| -> Vec<char> {
        text.chars().map(|c| c.to_lowercase().next().unwrap_or(c)).collect()
    };
    let (wanted, given, lowered) = (lower(secret), text.chars().collect::<Vec<_>>(), lower(text));
    let is_word = letters(secret).len() <= WORD_CHARS_MAX;
    let in_word =
        |at: Option<usize>| at.and_then(|at| lowered.get(at)).is_some_and(|c| c.is_alphanumeric());
    let mut hidden = String::with_capacity(text.len());
    let mut at = 0;
    while at < given.len() {
        let end = at + wanted.len();
        let found = lowered.get(at..end) == Some(wanted.as_slice());
        if found && !(is_word && (in_word(at.checked_sub(1)) || in_word(Some(end)))) {
            hidden.push_str(REDACTED);
            at = end;
        } else {
            hidden.push(given[at]);
            at += 1;
        }
    }
    hidden
}

/// The letters and digits of a text, in lower case.
fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Whether a text breaks off inside of a secret.
fn ends_inside(text: &str, secret: &str) -> bool {
    let starts = secret.char_indices().map(|(at, _)| &secret[..at]);
    starts.filter(|start| start.len() >= WORD_CHARS_MAX).any(|start| text.ends_with(start))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn cleaned(secrets: &[&str], text: &str) -> String {
        let mut all = Secrets::default();
        for secret in secrets {
            all.add(&json!(secret));
        }
        all.clean(text)
    }

    #[test]
    fn a_secret_is_hidden_wherever_and_however_it_stands() {
        assert_eq!(
            cleaned(&["E-4711"], "`e-4711` is taken, E-4711!"),
            "`[Redact]` is taken, [Redact]!"
        );
        assert_eq!(cleaned(&["4711", "E-4711"], "E-4711 or 4711"), "[Redact] or [Redact]");
        assert_eq!(cleaned(&["a  b\nc"], "no `a b c`"), "no `[Redact]`");
        assert_eq!(cleaned(&[], "no `a b c`"), "no `a b c`");
    }

    #[test]
    fn a_short_secret_is_hidden_as_a_word_only() {
        assert_eq!(cleaned(&["42"], "answered 400: 42 of 1423"), "answered 400: [Redact] of 1423");
    }

    #[test]
    fn a_text_that_has_it_in_another_spelling_is_not_kept() {
        for text in ["it is E4711", "e 47-11", "at /x?y=E%2D4711", "value: E-47…"] {
            assert_eq!(cleaned(&["E-4711"], text), WITHHELD, "{text}");
        }
        assert_eq!(cleaned(&["E-4711"], "value: E-47"), "value: E-47");
    }
}
