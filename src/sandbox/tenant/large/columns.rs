//! A selection, made ready once: what is written of each row of a page.
//!
//! Owns how a row looks. Names were checked before they come here.

use serde_json::Value;

use super::{
    group,
    person::{Person, Property},
    world::World,
};
use crate::sandbox::tenant::{
    schema::{self, default_selection},
    state::ObjectType,
};

/// What is done about a property without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Without {
    /// It is left out, as in a round of changes.
    Absent,
    /// It is null or an empty list, as in a listing.
    Null,
}

/// One selected property.
struct Column {
    /// The name as it stands in a row: `"displayName":`.
    key: String,
    /// Where people have it.
    of_person: Option<Property>,
    /// Where groups have it.
    of_group: Option<OfGroup>,
    /// How the absence of a value is written, if it is.
    nothing: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OfGroup {
    Id,
    DisplayName,
    Description,
    MailNickname,
    No,
    Yes,
    Empty,
    CreatedDateTime,
}

/// The selected properties of one kind of object.
pub(super) struct Columns(Vec<Column>);

impl Columns {
    /// The selection of a call, or the default one; `id` is always among it. Relations such as
    /// `manager` are no columns.
    pub(super) fn new(kind: ObjectType, selected: Option<&[String]>, without: Without) -> Self {
        let mut names: Vec<&str> = match selected {
            Some(names) => names.iter().map(String::as_str).collect(),
            None => default_selection(kind).collect(),
        };
        if !names.contains(&"id") {
            names.push("id");
        }
        names.retain(|name| schema::property(kind, name).is_some());
        let mut columns: Vec<Column> = Vec::new();
        for name in names {
            let key = format!("\"{name}\":");
            if columns.iter().any(|column| column.key == key) {
                continue;
            }
            columns.push(Column {
                key,
                of_person: (kind == ObjectType::User).then(|| Property::named(name)).flatten(),
                of_group: (kind == ObjectType::Group).then(|| OfGroup::named(name)).flatten(),
                nothing: nothing(kind, name, without),
            });
        }
        Self(columns)
    }

    /// Whether a change of a person is one that this selection shows.
    pub(super) fn show_changes(&self) -> bool {
        self.0.iter().filter_map(|column| column.of_person).any(Property::is_changed)
    }

    /// Writes the properties of a person, without the braces around them.
    pub(super) fn write_person(&self, person: &Person<'_>, out: &mut String) {
        self.write(out, |column, out| {
            column.of_person.is_some_and(|property| person.write(property, out))
        });
    }

    /// Writes the properties of a group, without the braces around them.
    pub(super) fn write_group(&self, world: &World, group: u32, out: &mut String) {
        self.write(out, |column, out| {
            column.of_group.is_some_and(|property| property.write(world, group, out))
        });
    }

    fn write(&self, out: &mut String, write: impl Fn(&Column, &mut String) -> bool) {
        let mut is_first = true;
        for column in &self.0 {
            let before = out.len();
            if !is_first {
                out.push(',');
            }
            out.push_str(&column.key);
            if write(column, out) {
                is_first = false;
            } else if let Some(nothing) = column.nothing {
                out.push_str(nothing);
                is_first = false;
            } else {
                out.truncate(before);
            }
        }
    }
}

fn nothing(kind: ObjectType, name: &str, without: Without) -> Option<&'static str> {
    let is_extension = name.starts_with("extension_");
    if without == Without::Absent || is_extension {
        return None;
    }
    match schema::property(kind, name) {
        Some(schema::Property::Collection) => Some("[]"),
        Some(schema::Property::Scalar | schema::Property::Elsewhere) | None => Some("null"),
    }
}

impl OfGroup {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "id" => Self::Id,
            "displayName" => Self::DisplayName,
            "description" => Self::Description,
            "mailNickname" => Self::MailNickname,
            "mailEnabled" => Self::No,
            "securityEnabled" => Self::Yes,
            "groupTypes" => Self::Empty,
            "createdDateTime" => Self::CreatedDateTime,
            _ => return None,
        })
    }

    fn write(self, world: &World, group: u32, out: &mut String) -> bool {
        match self {
            Self::Id => {
                let mut buffer = uuid::Uuid::encode_buffer();
                let id = group::id(world.seed, group);
                quote(out, id.hyphenated().encode_lower(&mut buffer));
            }
            Self::DisplayName => quote(out, &group::name(group)),
            Self::Description => quote(out, &format!("Everybody in team {group}")),
            Self::MailNickname => quote(out, &format!("team{group:05}")),
            Self::No => out.push_str("false"),
            Self::Yes => out.push_str("true"),
            Self::Empty => out.push_str("[]"),
            Self::CreatedDateTime => quote(out, "2020-01-15T08:00:00Z"),
        }
        true
    }
}

fn quote(out: &mut String, text: &str) {
    out.push('"');
    out.push_str(text);
    out.push('"');
}

/// A property of a person as a value, for a filter; null where there is none.
pub(super) fn value_of_person(person: &Person<'_>, name: &str) -> Value {
    let mut text = String::new();
    let written = Property::named(name).is_some_and(|property| person.write(property, &mut text));
    if written { serde_json::from_str(&text).unwrap_or_default() } else { Value::Null }
}

/// The same of a group.
pub(super) fn value_of_group(world: &World, group: u32, name: &str) -> Value {
    let mut text = String::new();
    let property = OfGroup::named(name);
    let written = property.is_some_and(|property| property.write(world, group, &mut text));
    if written { serde_json::from_str(&text).unwrap_or_default() } else { Value::Null }
}
