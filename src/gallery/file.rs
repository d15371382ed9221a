//! A profile's file: its keys, and how it is compiled. Knows no application.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{
    AttributeDefinition, CountLimit, Limits, Profile, RateClass, RateLimit, TextLimit, Unsupported,
    default_definition,
};
use crate::{
    expression::Expression,
    model::ObjectKind,
    provisioning::job::{
        Apply, AttributeMapping, MappingSource, NullFlow, Overrides, ValueLimit, ValueType,
    },
    scim::{AttributePath, Dialect, MemberRemoval},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProfileFile {
    name: String,
    title: String,
    source: String,
    tenant_url: String,
    notes: String,
    dialect: Dialect,
    patch: Option<bool>,
    filter: Option<bool>,
    etag: Option<bool>,
    cursor: Option<bool>,
    member_removal: Option<MemberRemoval>,
    list: bool,
    filterable: BTreeSet<AttributePath>,
    #[serde(default)]
    group_filterable: BTreeSet<AttributePath>,
    #[serde(default)]
    unsupported: BTreeSet<Unsupported>,
    #[serde(default)]
    limits: LimitsTable,
    #[serde(default)]
    attributes: Vec<DefinitionRow>,
    users: Vec<MappingRow>,
    #[serde(default)]
    groups: Vec<MappingRow>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitsTable {
    rates: Vec<RateRow>,
    members_per_request: Option<CountTable>,
    page_size: Option<CountTable>,
    texts: Vec<TextRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateRow {
    class: ClassName,
    requests: u32,
    seconds: u32,
    source: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ClassName {
    All,
    Read,
    UserWrite,
    GroupWrite,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CountTable {
    max: u32,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TextRow {
    path: AttributePath,
    characters_max: Option<u32>,
    #[serde(default)]
    forbidden: String,
    source: String,
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

/// Compiles the text of a profile's file; what is wrong with it as a sentence.
pub(super) fn compile(text: &str) -> Result<Profile, String> {
    let file: ProfileFile = toml::from_str(text).map_err(|error| error.to_string())?;
    let definitions = file.attributes.into_iter().map(definition).collect();
    let mut profile = Profile {
        name: file.name,
        title: file.title,
        source: file.source,
        tenant_url: file.tenant_url,
        notes: file.notes,
        dialect: file.dialect,
        overrides: Overrides {
            patch: file.patch,
            filter: file.filter,
            etag: file.etag,
            cursor: file.cursor,
        },
        member_removal: file.member_removal,
        list: file.list,
        filterable: file.filterable,
        group_filterable: file.group_filterable,
        unsupported: file.unsupported,
        limits: limits(file.limits)?,
        users: Vec::new(),
        groups: Vec::new(),
        definitions,
    };
    profile.users = rows(ObjectKind::User, file.users, &profile)?;
    profile.groups = rows(ObjectKind::Group, file.groups, &profile)?;
    Ok(profile)
}

fn definition(row: DefinitionRow) -> (AttributePath, AttributeDefinition) {
    let value_type = match row.value_type {
        Some(TypeName::String) => ValueType::String,
        Some(TypeName::Boolean) => ValueType::Boolean,
        Some(TypeName::Reference) => ValueType::Reference,
        Some(TypeName::Complex) => ValueType::Complex,
        None => default_definition(&row.path).value_type,
    };
    (row.path, AttributeDefinition { value_type, required: row.required })
}

fn limits(table: LimitsTable) -> Result<Limits, String> {
    let count = |table: CountTable| CountLimit { max: table.max, source: table.source };
    let mut limits = Limits {
        members_per_request: table.members_per_request.map(count),
        page_size: table.page_size.map(count),
        ..Limits::default()
    };
    for row in table.rates {
        let class = match row.class {
            ClassName::All => RateClass::All,
            ClassName::Read => RateClass::Read,
            ClassName::UserWrite => RateClass::UserWrite,
            ClassName::GroupWrite => RateClass::GroupWrite,
        };
        if row.requests == 0 || row.seconds == 0 || limits.rate(class).is_some() {
            return Err(format!("the rate of {} is zero or given twice", class.as_str()));
        }
        let (requests, seconds, source) = (row.requests, row.seconds, row.source);
        limits.rates.push(RateLimit { class, requests, seconds, source });
    }
    for row in table.texts {
        let value = ValueLimit { characters_max: row.characters_max, forbidden: row.forbidden };
        if value == ValueLimit::default() || limits.text(&row.path) != ValueLimit::default() {
            return Err(format!("the limit of {} says nothing or is given twice", row.path));
        }
        limits.texts.push(TextLimit { path: row.path, value, source: row.source });
    }
    Ok(limits)
}

fn rows(
    kind: ObjectKind,
    rows: Vec<MappingRow>,
    profile: &Profile,
) -> Result<Vec<AttributeMapping>, String> {
    rows.into_iter().map(|row| mapping(kind, row, profile)).collect()
}

fn mapping(
    kind: ObjectKind,
    row: MappingRow,
    profile: &Profile,
) -> Result<AttributeMapping, String> {
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
    let definition = profile.definition_of(kind, &row.target);
    Ok(AttributeMapping {
        limit: profile.limit_of(kind, &row.target),
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
