//! What a service says of itself: its configuration, its resource types, its schemas
//! (RFC 7643 §5 to §7, RFC 7644 §4, and for cursors RFC 9865 §4).
//!
//! What it does not say, or says in a way that cannot be read, stays unknown: nothing here is an
//! error, and an unknown means the same as no answer at all.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    AttributePath,
    document::{as_flag, member},
    error::count,
    schema::is_core,
};

/// The endpoints at which a service describes itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discovery {
    /// What it can do.
    ServiceProviderConfig,
    /// Which kinds of resources it has.
    ResourceTypes,
    /// Which attributes they have.
    Schemas,
}

impl Discovery {
    /// All of them, in the order in which they are asked.
    pub const ALL: [Self; 3] = [Self::ServiceProviderConfig, Self::ResourceTypes, Self::Schemas];

    /// Its name in an address, below the base URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServiceProviderConfig => "ServiceProviderConfig",
            Self::ResourceTypes => "ResourceTypes",
            Self::Schemas => "Schemas",
        }
    }
}

/// What a service says of itself. What it does not say is `None` or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceDescription {
    /// Whether it takes PATCH.
    pub patch: Option<bool>,
    /// Whether it takes `filter`.
    pub filter: Option<bool>,
    /// Whether it compares versions (`If-Match`).
    pub etag: Option<bool>,
    /// Whether lists go on by `startIndex`.
    pub index_paging: Option<bool>,
    /// Whether lists go on by `cursor`.
    pub cursor_paging: Option<bool>,
    /// Resources in one answer at most.
    pub page_size_max: Option<u32>,
    /// Whether it has groups.
    pub groups: Option<bool>,
    /// Attributes that only the service itself may write, without their sub-attributes.
    pub read_only: BTreeSet<AttributePath>,
}

impl ServiceDescription {
    /// Takes in what the service answered at one of its endpoints.
    pub fn learn(&mut self, from: Discovery, answer: &Value) {
        match (from, answer.as_object()) {
            (Discovery::ServiceProviderConfig, Some(config)) => self.learn_config(config),
            (Discovery::ServiceProviderConfig, None) => {}
            (Discovery::ResourceTypes, _) => self.learn_types(&rows(answer)),
            (Discovery::Schemas, _) => self.learn_schemas(&rows(answer)),
        }
    }

    fn learn_config(&mut self, config: &Map<String, Value>) {
        let part = |name: &str| member(config, name).and_then(Value::as_object);
        let supported = |name: &str| flag(member(part(name)?, "supported")?);
        let number = |part: Option<&Map<String, Value>>, name: &str| {
            part.and_then(|part| count(member(part, name)?)).filter(|number| *number > 0)
        };
        self.patch = supported("patch");
        self.filter = supported("filter");
        self.etag = supported("etag");
        let paging = part("pagination");
        self.index_paging = paging.and_then(|paging| flag(member(paging, "index")?));
        self.cursor_paging = paging.and_then(|paging| flag(member(paging, "cursor")?));
        let sizes = [number(paging, "maxPageSize"), number(part("filter"), "maxResults")];
        let smallest = sizes.into_iter().flatten().min();
        self.page_size_max = smallest.map(|size| u32::try_from(size).unwrap_or(u32::MAX));
    }

    /// A list without users is not believed about groups either.
    fn learn_types(&mut self, types: &[&Map<String, Value>]) {
        let has = |name: &str| {
            types.iter().any(|row| {
                let endpoint = member(row, "endpoint").and_then(Value::as_str).unwrap_or_default();
                let last = endpoint.trim_end_matches('/').rsplit('/').next();
                last.is_some_and(|last| last.eq_ignore_ascii_case(name))
            })
        };
        if has("Users") {
            self.groups = Some(has("Groups"));
        }
    }

    fn learn_schemas(&mut self, schemas: &[&Map<String, Value>]) {
        for schema in schemas {
            let Some(urn) = member(schema, "id").and_then(Value::as_str) else { continue };
            let attributes = member(schema, "attributes").and_then(Value::as_array);
            let attributes = attributes.into_iter().flatten().filter_map(Value::as_object);
            for attribute in attributes {
                let text = |name: &str| member(attribute, name).and_then(Value::as_str);
                let is_read_only =
                    text("mutability").is_some_and(|it| it.eq_ignore_ascii_case("readOnly"));
                let Some(name) = text("name").filter(|_| is_read_only) else { continue };
                let path = if is_core(urn) { name.to_owned() } else { format!("{urn}:{name}") };
                self.read_only.extend(AttributePath::parse(&path));
            }
        }
    }
}

/// A resource without these attributes, which only the service may write; `id` stays.
///
/// RFC 7644 §3.5.1 lets a service ignore such attributes in a PUT. Some refuse them.
pub fn without_read_only(
    mut resource: Map<String, Value>,
    read_only: &BTreeSet<AttributePath>,
) -> Map<String, Value> {
    let names = |urn: Option<&str>| {
        let is_of = |path: &&AttributePath| match (path.urn.as_deref(), urn) {
            (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
            (one, other) => one == other,
        };
        let of_schema = read_only.iter().filter(is_of);
        of_schema.map(|path| path.attribute.to_lowercase()).collect::<BTreeSet<_>>()
    };
    let core = names(None);
    resource
        .retain(|name, _| name.eq_ignore_ascii_case("id") || !core.contains(&name.to_lowercase()));
    for (urn, extension) in &mut resource {
        if let Value::Object(extension) = extension {
            let read_only = names(Some(urn));
            extension.retain(|name, _| !read_only.contains(&name.to_lowercase()));
        }
    }
    resource
}

/// The rows of a list, of a bare array, or the one resource that an answer is.
fn rows(answer: &Value) -> Vec<&Map<String, Value>> {
    let list = match answer {
        Value::Array(rows) => Some(rows),
        Value::Object(object) => match member(object, "Resources") {
            Some(Value::Array(rows)) => Some(rows),
            _ => return vec![object],
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    };
    list.into_iter().flatten().filter_map(Value::as_object).collect()
}

fn flag(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| as_flag(value.as_str()?))
}
