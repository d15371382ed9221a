//! Profiles: the data files and how they are compiled.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use serde::Deserialize;

use super::{AttributeDefinition, default_definition};
use crate::{
    expression::Expression,
    provisioning::job::{Apply, AttributeMapping, MappingSource, NullFlow, ValueType},
    scim::{AttributePath, Dialect},
};

/// The data files. `generic` comes first: it is the default.
const FILES: [&str; 2] = [include_str!("generic.toml"), include_str!("whimsical.toml")];

static PROFILES: LazyLock<Vec<Profile>> = LazyLock::new(|| {
    FILES
        .iter()
        .map(|text| compile(text).expect("a test compiles every built-in profile"))
        .collect()
});

/// What is known of an application, and the mapping to start with.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The name that `profile = "…"` takes.
    pub name: String,
    /// The application's own name.
    pub title: String,
    /// How to set it up, for a person; several lines.
    pub notes: String,
    /// How requests are phrased where the tenant URL has no flag.
    pub dialect: Dialect,
    /// Whether all users can be listed.
    pub list: bool,
    /// Attributes that can stand in a filter.
    pub filterable: BTreeSet<AttributePath>,
    /// The application's own limit of requests a second, where it names one.
    pub max_requests_per_second: Option<f64>,
    /// Where the limit was read.
    pub limits_source: Option<String>,
    /// The mapping of users.
    pub users: Vec<AttributeMapping>,
    definitions: BTreeMap<AttributePath, AttributeDefinition>,
}

impl Profile {
    /// What an attribute of this application is.
    pub fn definition(&self, path: &AttributePath) -> AttributeDefinition {
        self.definitions.get(path).copied().unwrap_or_else(|| default_definition(path))
    }
}

/// The profile of this name.
pub fn profile(name: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|profile| profile.name == name)
}

/// Every profile's name, `generic` first.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    PROFILES.iter().map(|profile| profile.name.as_str())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileFile {
    name: String,
    title: String,
    notes: String,
    dialect: Dialect,
    list: bool,
    filterable: BTreeSet<AttributePath>,
    max_requests_per_second: Option<f64>,
    limits_source: Option<String>,
    #[serde(default)]
    attributes: Vec<DefinitionRow>,
    users: Vec<MappingRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DefinitionRow {
    path: AttributePath,
    #[serde(rename = "type")]
    value_type: Option<TypeName>,
    #[serde(default)]
    required: bool,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TypeName {
    String,
    Boolean,
    Reference,
    Complex,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MappingRow {
    target: AttributePath,
    source: Option<String>,
    constant: Option<String>,
    expression: Option<String>,
    #[serde(rename = "match")]
    matching_priority: Option<u32>,
    default: Option<String>,
    #[serde(default)]
    apply: ApplyName,
    #[serde(default)]
    null: NullName,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ApplyName {
    #[default]
    Always,
    Create,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum NullName {
    #[default]
    Clear,
    Keep,
}

fn compile(text: &str) -> Result<Profile, String> {
    let file: ProfileFile = toml::from_str(text).map_err(|error| error.to_string())?;
    let definitions = file
        .attributes
        .into_iter()
        .map(|row| {
            let value_type = match row.value_type {
                Some(TypeName::String) => ValueType::String,
                Some(TypeName::Boolean) => ValueType::Boolean,
                Some(TypeName::Reference) => ValueType::Reference,
                Some(TypeName::Complex) => ValueType::Complex,
                None => default_definition(&row.path).value_type,
            };
            (row.path, AttributeDefinition { value_type, required: row.required })
        })
        .collect();
    let mut profile = Profile {
        name: file.name,
        title: file.title,
        notes: file.notes,
        dialect: file.dialect,
        list: file.list,
        filterable: file.filterable,
        max_requests_per_second: file.max_requests_per_second,
        limits_source: file.limits_source,
        users: Vec::new(),
        definitions,
    };
    for row in file.users {
        let mapping = compile_row(row, &profile)?;
        profile.users.push(mapping);
    }
    Ok(profile)
}

fn compile_row(row: MappingRow, profile: &Profile) -> Result<AttributeMapping, String> {
    let source = match (row.source, row.constant, row.expression) {
        (Some(name), None, None) => MappingSource::Attribute(name),
        (None, Some(text), None) => MappingSource::Constant(text),
        (None, None, Some(text)) => {
            let expression = Expression::parse(&text)
                .map_err(|error| format!("{}: {}", row.target, error.message))?;
            MappingSource::Expression(Box::new(expression))
        }
        _ => return Err(format!("{}: needs exactly one source", row.target)),
    };
    let definition = profile.definition(&row.target);
    Ok(AttributeMapping {
        target: row.target,
        source,
        matching_priority: row.matching_priority,
        default: row.default.map(serde_json::Value::String),
        apply: match row.apply {
            ApplyName::Always => Apply::Always,
            ApplyName::Create => Apply::Create,
        },
        null: match row.null {
            NullName::Clear => NullFlow::Clear,
            NullName::Keep => NullFlow::Keep,
        },
        value_type: definition.value_type,
        required: definition.required,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{expression::Role, provisioning::is_known_source_attribute};

    #[test]
    fn every_profile_compiles_and_names_only_what_exists() {
        for text in FILES {
            let profile = compile(text).expect("a built-in profile");
            let mut targets = BTreeSet::new();
            let mut priorities = BTreeSet::new();
            for row in &profile.users {
                let context = format!("{}: {}", profile.name, row.target);
                assert!(targets.insert(row.target.clone()), "{context}: mapped once");
                if let Some(priority) = row.matching_priority {
                    assert!(priorities.insert(priority), "{context}: precedence given once");
                    assert!(profile.filterable.contains(&row.target), "{context}: filterable");
                }
                let role = match row.matching_priority {
                    Some(_) => Role::Matching,
                    None => Role::Plain,
                };
                match &row.source {
                    MappingSource::Attribute(name) => {
                        assert!(is_known_source_attribute(name), "{context}: {name}");
                    }
                    MappingSource::Constant(_) => {}
                    MappingSource::Expression(expression) => {
                        let faults = expression.check(&is_known_source_attribute, role);
                        assert!(faults.is_empty(), "{context}: {faults:?}");
                    }
                }
            }
            assert!(!priorities.is_empty(), "{}: something matches", profile.name);
            assert!(!profile.notes.trim().is_empty(), "{}: says how to set it up", profile.name);
            assert_eq!(
                profile.max_requests_per_second.is_some(),
                profile.limits_source.is_some(),
                "{}: a limit says where it was read",
                profile.name
            );
        }
    }

    #[test]
    fn names_are_found_and_unique() {
        let all: BTreeSet<_> = names().collect();
        assert_eq!(all.len(), FILES.len());
        assert_eq!(names().next(), Some("generic"));
        assert_eq!(profile("whimsical").map(|p| p.title.as_str()), Some("Whimsical"));
        assert!(profile("Whimsical").is_none());
    }

    #[test]
    fn types_come_from_the_profile_then_from_the_rfc() {
        let of = |name: &str, path: &str| {
            let path = AttributePath::parse(path).expect(path);
            profile(name).expect(name).definition(&path)
        };
        let editor = "urn:ietf:params:scim:schemas:extension:whimsical:2.0:User:editor";
        let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
        assert_eq!(of("whimsical", editor).value_type, ValueType::Boolean);
        assert_eq!(of("generic", editor).value_type, ValueType::String);
        assert_eq!(of("generic", manager).value_type, ValueType::Reference);
        assert_eq!(of("generic", "roles").value_type, ValueType::Complex);
        assert_eq!(
            of("generic", r#"roles[primary eq "True"].value"#).value_type,
            ValueType::String
        );
        assert_eq!(of("generic", "Active").value_type, ValueType::Boolean);
        assert!(of("generic", "username").required);
        assert!(!of("generic", "title").required);
    }
}
