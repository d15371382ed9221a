//! The schema's JSON as Graph describes it (`synchronizationSchema` and what it holds).
//!
//! Everything but the list of rules may be missing or null. PowerShell exports write the same
//! names with a capital, so each is read both ways.

use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Schema {
    #[serde(alias = "SynchronizationRules")]
    pub(super) synchronization_rules: Vec<Rule>,
    #[serde(alias = "Version")]
    pub(super) version: Option<String>,
    /// Read leniently: no mapping depends on it.
    #[serde(alias = "Directories")]
    directories: Option<Value>,
    #[serde(alias = "Metadata")]
    pub(super) metadata: Option<Vec<MetadataEntry>>,
}

/// Graph `synchronizationRule`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule {
    #[serde(alias = "Name")]
    pub(super) name: Option<String>,
    /// The lowest comes first.
    #[serde(alias = "Priority")]
    pub(super) priority: Option<i64>,
    #[serde(alias = "TargetDirectoryName")]
    pub(super) target_directory_name: Option<String>,
    #[serde(alias = "ObjectMappings")]
    pub(super) object_mappings: Option<Vec<ObjectMapping>>,
    #[serde(alias = "Metadata")]
    pub(super) metadata: Option<Vec<MetadataEntry>>,
}

/// Graph `objectMapping`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ObjectMapping {
    #[serde(alias = "Name")]
    pub(super) name: Option<String>,
    #[serde(alias = "Enabled")]
    pub(super) enabled: Option<bool>,
    /// `Add`, `Update` and `Delete`, comma-separated.
    #[serde(alias = "FlowTypes")]
    pub(super) flow_types: Option<String>,
    #[serde(alias = "Scope")]
    pub(super) scope: Option<Filter>,
    #[serde(alias = "SourceObjectName")]
    pub(super) source_object_name: Option<String>,
    #[serde(alias = "TargetObjectName")]
    pub(super) target_object_name: Option<String>,
    #[serde(alias = "AttributeMappings")]
    pub(super) attribute_mappings: Option<Vec<AttributeMapping>>,
    #[serde(alias = "Metadata")]
    pub(super) metadata: Option<Vec<MetadataEntry>>,
}

/// Graph `attributeMapping`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AttributeMapping {
    #[serde(alias = "DefaultValue")]
    pub(super) default_value: Option<String>,
    #[serde(alias = "ExportMissingReferences")]
    pub(super) export_missing_references: Option<bool>,
    #[serde(alias = "FlowBehavior")]
    pub(super) flow_behavior: Option<String>,
    #[serde(alias = "FlowType")]
    pub(super) flow_type: Option<String>,
    #[serde(alias = "MatchingPriority")]
    pub(super) matching_priority: Option<i64>,
    #[serde(alias = "Source")]
    pub(super) source: Option<Source>,
    #[serde(alias = "TargetAttributeName")]
    pub(super) target_attribute_name: Option<String>,
}

/// Graph `attributeMappingSource`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Source {
    #[serde(rename = "type", alias = "Type")]
    pub(super) kind: Option<String>,
    /// The attribute's or function's name, or the constant itself.
    #[serde(alias = "Name")]
    pub(super) name: Option<String>,
    #[serde(alias = "Expression")]
    pub(super) expression: Option<String>,
    #[serde(alias = "Parameters")]
    pub(super) parameters: Option<Vec<Parameter>>,
}

/// Graph `stringKeyAttributeMappingSourceValuePair`.
#[derive(Deserialize)]
pub(super) struct Parameter {
    #[serde(alias = "Key")]
    pub(super) key: Option<String>,
    #[serde(alias = "Value")]
    pub(super) value: Option<Source>,
}

/// Graph `filter`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Filter {
    #[serde(alias = "Groups")]
    pub(super) groups: Option<Vec<FilterGroup>>,
    #[serde(alias = "InputFilterGroups")]
    pub(super) input_filter_groups: Option<Vec<FilterGroup>>,
    #[serde(alias = "CategoryFilterGroups")]
    pub(super) category_filter_groups: Option<Vec<FilterGroup>>,
}

/// Graph `filterGroup`: its clauses are ANDed.
#[derive(Deserialize)]
pub(super) struct FilterGroup {
    #[serde(alias = "Name")]
    pub(super) name: Option<String>,
    #[serde(alias = "Clauses")]
    pub(super) clauses: Option<Vec<FilterClause>>,
}

/// Graph `filterClause`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilterClause {
    #[serde(alias = "OperatorName")]
    pub(super) operator_name: Option<String>,
    #[serde(alias = "SourceOperandName")]
    pub(super) source_operand_name: Option<String>,
    #[serde(alias = "TargetOperand")]
    pub(super) target_operand: Option<FilterOperand>,
}

/// Graph `filterOperand`.
#[derive(Deserialize)]
pub(super) struct FilterOperand {
    #[serde(alias = "Values")]
    pub(super) values: Option<Vec<Option<String>>>,
}

/// Graph `stringKeyStringValuePair`.
#[derive(Deserialize)]
pub(super) struct MetadataEntry {
    #[serde(alias = "Key")]
    pub(super) key: Option<String>,
    #[serde(alias = "Value")]
    pub(super) value: Option<Value>,
}

/// What a directory says of an attribute (Graph `attributeDefinition`), as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Definition {
    /// `String`, `Boolean`, `Reference` and so on; empty where it is not said.
    pub(super) kind: String,
    pub(super) required: bool,
    pub(super) multivalued: bool,
}

impl Schema {
    /// What the directory `directory` says of an object's attribute, if anything.
    pub(super) fn definition(
        &self,
        directory: Option<&str>,
        object: Option<&str>,
        attribute: &str,
    ) -> Option<Definition> {
        let directory = named(self.directories.as_ref()?, directory?)?;
        let object = named(field(directory, "objects")?, object?)?;
        let definition = named(field(object, "attributes")?, attribute)?;
        let flag = |name| field(definition, name).and_then(Value::as_bool).unwrap_or_default();
        let kind = field(definition, "type").and_then(Value::as_str).unwrap_or_default();
        Some(Definition {
            kind: kind.to_owned(),
            required: flag("required"),
            multivalued: flag("multivalued"),
        })
    }
}

/// The element of a list whose `name` this is.
fn named<'v>(list: &'v Value, name: &str) -> Option<&'v Value> {
    let is_it = |element: &&Value| field(element, "name").and_then(Value::as_str) == Some(name);
    list.as_array()?.iter().find(is_it)
}

/// A member of an object, in either case of its first letter.
fn field<'v>(object: &'v Value, name: &str) -> Option<&'v Value> {
    let members = object.as_object()?;
    members.get(name).or_else(|| {
        members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    })
}
