//! The whole schema: which of its mappings is that of users, and what stands around its rows.

use std::{collections::BTreeSet, fmt::Write as _};

use super::{
    filter::{self, Filters},
    groups::groups,
    row::Row,
    text::{comment, shown},
    wire::{MetadataEntry, ObjectMapping, Rule, Schema},
};
use crate::{
    config::mapping::About,
    gallery::Profile,
    model::{AppName, ObjectKind},
};

/// The largest schema that is read: those of gallery applications have a few hundred kilobytes.
pub const SCHEMA_BYTES_MAX: usize = 8 * 1_024 * 1_024;

/// The configuration's largest matching precedence.
const PRECEDENCE_MAX: i64 = 100;

/// Entra's own names for its directory, which a rule that writes into it has as its target.
const DIRECTORIES: [&str; 4] =
    ["Microsoft Entra ID", "Azure Active Directory", "Azure AD", "Active Directory"];

/// Metadata that is in every schema and says nothing else than what happens anyway.
const ORDINARY_METADATA: [(&str, &str); 6] = [
    ("IsCustomerDefined", ""),
    ("DisableMonitoringForChanges", "false"),
    ("Disposition", "Normal"),
    ("ExcludeFromReporting", "false"),
    ("EscrowBehavior", "Default"),
    ("Unsynchronized", "false"),
];

/// Where the result is meant to stand.
#[derive(Clone, Copy)]
pub struct SchemaOptions<'a> {
    /// The application's section.
    pub app: &'a AppName,
    /// Its profile, which says what may match and of which type an attribute is.
    pub profile: &'a Profile,
}

/// A schema as configuration text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedSchema {
    /// TOML for the end of a configuration. It defines `[apps.NAME.users]`, `[apps.NAME.groups]`
    /// where the schema has a mapping of groups that loads, and `[apps.NAME.safeguards]` where it
    /// asks for other than the defaults.
    pub toml: String,
    /// How many attribute mappings of users load.
    pub rows: usize,
    /// How many scoping filters of users load.
    pub filters: usize,
    /// How many attribute mappings of groups load.
    pub group_rows: usize,
    /// How many scoping filters of groups load.
    pub group_filters: usize,
    /// What a person should look at, one sentence each. Each is a comment in the text too.
    pub notes: Vec<String>,
}

/// Why a text is no schema that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// It is longer than [`SCHEMA_BYTES_MAX`].
    #[error("the schema has {bytes} bytes, and at most {SCHEMA_BYTES_MAX} are read")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// It is not JSON.
    #[error("line {line}, column {column}: not JSON: {problem}")]
    NotJson {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes.
        column: usize,
        /// What is wrong.
        problem: String,
    },
    /// It is JSON, and no `synchronizationSchema`.
    #[error("line {line}, column {column}: not a synchronizationSchema: {problem}")]
    NotASchema {
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes.
        column: usize,
        /// What was expected, and what is there.
        problem: String,
    },
}

/// Translates an Entra provisioning schema (Graph `synchronizationSchema`, as JSON).
///
/// The rows that are not comments load in a configuration that has no other mapping for the
/// application. Where a filter could not be translated, `create = false` or
/// `on_out_of_scope = "keep"` is written too, until a person has decided.
pub fn import_schema(
    json: &str,
    options: SchemaOptions<'_>,
) -> Result<ImportedSchema, SchemaError> {
    if json.len() > SCHEMA_BYTES_MAX {
        return Err(SchemaError::TooLarge { bytes: json.len() });
    }
    let json = json.strip_prefix('\u{feff}').unwrap_or(json);
    if json.trim_start().starts_with('[') {
        // The reader would take the elements of a list for the members of an object.
        let problem = "invalid type: list, expected an object with `synchronizationRules`";
        return Err(SchemaError::NotASchema { line: 1, column: 1, problem: problem.to_owned() });
    }
    let schema: Schema = serde_json::from_str(json).map_err(|error| refused(&error))?;
    Ok(Import { schema: &schema, options, notes: Vec::new() }.run())
}

fn refused(error: &serde_json::Error) -> SchemaError {
    let (line, column) = (error.line(), error.column());
    let message = error.to_string();
    let problem = message.rsplit_once(" at line ").map_or(message.as_str(), |(before, _)| before);
    let problem = problem.replace("type: map", "type: object").replace("a sequence", "a list");
    let problem = problem.replace("type: sequence", "type: list");
    let problem: String = problem.chars().filter(|c| !c.is_control()).take(200).collect();
    if error.is_data() {
        SchemaError::NotASchema { line, column, problem }
    } else {
        SchemaError::NotJson { line, column, problem }
    }
}

/// A mapping of objects, and the rule that it stands in.
pub(super) type Placed<'s> = (&'s Rule, &'s ObjectMapping);

pub(super) struct Import<'s> {
    schema: &'s Schema,
    pub(super) options: SchemaOptions<'s>,
    pub(super) notes: Vec<String>,
}

impl<'s> Import<'s> {
    fn run(mut self) -> ImportedSchema {
        let mut rules: Vec<&Rule> = self.schema.synchronization_rules.iter().collect();
        rules.sort_by_key(|rule| rule.priority.unwrap_or(i64::MAX));
        let (inward, outward): (Vec<&Rule>, Vec<&Rule>) =
            rules.into_iter().partition(|rule| is_inward(rule));
        let mappings: Vec<Placed<'s>> = outward
            .into_iter()
            .flat_map(|rule| rule.object_mappings.iter().flatten().map(move |one| (rule, one)))
            .collect();
        let (users, others): (Vec<_>, Vec<_>) =
            mappings.into_iter().partition(|(_, mapping)| is_of(mapping, "User"));
        let chosen = users.iter().position(|(_, mapping)| mapping.enabled != Some(false));

        let mut out = self.opening(chosen.map(|index| users[index]));
        let mut remarks = String::new();
        for rule in inward {
            let name = shown(rule.name.as_deref().unwrap_or_default());
            self.remark(
                &mut remarks,
                format!("rule {name} writes into Entra's own directory; only the way out is here"),
            );
        }
        let (mut rows, mut filters) = (0, 0);
        if let Some(index) = chosen {
            (rows, filters) = self.users(users[index], &mut out);
        } else if users.is_empty() {
            self.remark(&mut out, "the schema has no mapping of users".to_owned());
        }
        let rest = users.iter().enumerate().filter(|(index, _)| Some(*index) != chosen);
        for (_, placed) in rest {
            let why = if placed.1.enabled == Some(false) {
                "is disabled in Entra and provisions nobody".to_owned()
            } else {
                "comes after another one, and an application has one".to_owned()
            };
            self.unused(*placed, &why, &mut out);
        }
        let (of_groups, others): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|(_, mapping)| is_of(mapping, "Group"));
        let beside = chosen.map(|index| users[index].1);
        let (group_rows, group_filters) = groups(&mut self, &of_groups, beside, &mut out);
        for placed in others {
            self.unused(placed, "is neither one of users nor one of groups", &mut out);
        }
        out.push_str(&remarks);
        let notes = self.notes;
        ImportedSchema { toml: out, rows, filters, group_rows, group_filters, notes }
    }

    /// A sentence for a person, in the text and beside it.
    pub(super) fn remark(&mut self, out: &mut String, sentence: String) {
        out.push('\n');
        comment(out, &sentence);
        self.notes.push(sentence);
    }

    fn opening(&mut self, chosen: Option<Placed<'_>>) -> String {
        let mut out = String::new();
        let said = |text: &Option<String>| shown(text.as_deref().unwrap_or_default());
        let mut from = "From a provisioning schema of Entra".to_owned();
        if let Some(version) = &self.schema.version {
            write!(from, ", version {}", shown(version)).expect("a String takes everything");
        }
        if let Some((rule, mapping)) = chosen {
            let directory = said(&rule.target_directory_name);
            let (rule, mapping) = (said(&rule.name), said(&mapping.name));
            write!(from, ": rule {rule} to {directory}, mapping {mapping}")
                .expect("a String takes everything");
        }
        comment(&mut out, &format!("{from}."));
        comment(
            &mut out,
            &format!(
                "Put it at the end of the configuration; it was held against the profile `{}`. \
                 What has no counterpart here stays a comment that says why. null = \"keep\" is \
                 what Entra does: a value that became null is not cleared.",
                self.options.profile.name
            ),
        );
        out
    }

    /// The mapping that is taken. Returns how many rows and filters load.
    fn users(&mut self, placed: Placed<'_>, out: &mut String) -> (usize, usize) {
        let (rule, mapping) = placed;
        let app = self.options.app.as_str();
        let mut rows = self.rows(placed, ObjectKind::User);
        refuse_duplicates(&mut rows);
        let renumbered = number(&mut rows, mapping);
        let filters = filter::translate((app, ObjectKind::User), mapping.scope.as_ref());
        let has_active =
            rows.iter().any(|row| row.live.as_ref().is_some_and(|live| live.target.is_active()));
        self.safeguards(mapping, has_active, &filters, out);

        let live = rows.iter().filter(|row| row.live.is_some()).count();
        if live == 0 {
            self.remark(
                out,
                "no row could be translated; without rows the profile's mapping applies".to_owned(),
            );
        } else {
            write!(out, "\n[apps.{app}.users]\n").expect("a String takes everything");
            comment(out, "The rows below replace those of the profile.");
            out.push_str("inherit = false\n");
            if !rows.iter().any(Row::matches) {
                self.remark(
                    out,
                    "no row matches accounts: add match = 1 to the one whose value tells an \
                     account from all others"
                        .to_owned(),
                );
            }
            if renumbered {
                self.remark(
                    out,
                    "the matching precedences were counted anew, in the same order".to_owned(),
                );
            }
        }
        for row in &rows {
            row.write(&format!("[[apps.{app}.users.attributes]]"), out);
            let target = shown(&row.target);
            self.notes.extend(row.remarks.iter().map(|remark| format!("{target}: {remark}")));
        }
        out.push_str(&filters.text);
        self.notes.extend(filters.lost);
        self.metadata(rule, mapping, out);
        (live, filters.live)
    }

    pub(super) fn rows(&self, (rule, mapping): Placed<'_>, kind: ObjectKind) -> Vec<Row> {
        let about = About { kind, profile: self.options.profile };
        let directory = rule.target_directory_name.as_deref();
        let object = mapping.target_object_name.as_deref();
        let translate = |one| {
            let definition = self.definition(directory, object, one);
            Row::translate(one, definition.as_ref(), about)
        };
        mapping.attribute_mappings.iter().flatten().map(translate).collect()
    }

    fn definition(
        &self,
        directory: Option<&str>,
        object: Option<&str>,
        mapping: &super::wire::AttributeMapping,
    ) -> Option<super::wire::Definition> {
        let attribute = mapping.target_attribute_name.as_deref()?;
        self.schema.definition(directory, object, attribute)
    }

    /// `[apps.NAME.safeguards]`, where it has to say other than the defaults.
    fn safeguards(
        &mut self,
        mapping: &ObjectMapping,
        has_active: bool,
        filters: &Filters,
        out: &mut String,
    ) {
        let mut lines = String::new();
        let allowed = flow_types(mapping.flow_types.as_deref());
        if filters.is_wider {
            self.notes.push(WIDER.to_owned());
            comment(&mut lines, WIDER);
            lines.push_str("create = false\n");
        } else if !allowed.create {
            lines.push_str("create = false\n");
        }
        if !allowed.update {
            lines.push_str("update = false\n");
        }
        if !allowed.delete {
            lines.push_str("delete = false\n");
        }
        if filters.is_narrower {
            self.notes.push(NARROWER.to_owned());
            comment(&mut lines, NARROWER);
            lines.push_str("on_out_of_scope = \"keep\"\n");
        } else if !has_active {
            comment(
                &mut lines,
                "Nothing is mapped to `active`, so whoever leaves the scope keeps the account.",
            );
            lines.push_str("on_out_of_scope = \"keep\"\n");
        }
        for word in allowed.unknown {
            self.remark(out, format!("the flow type {} is not known", shown(&word)));
        }
        if !lines.is_empty() {
            let app = self.options.app;
            write!(out, "\n[apps.{app}.safeguards]\n{lines}").expect("a String takes everything");
        }
    }

    /// A mapping that is not taken, as a comment.
    pub(super) fn unused(&mut self, placed: Placed<'_>, why: &str, out: &mut String) {
        let mapping = placed.1;
        let name = shown(mapping.name.as_deref().unwrap_or_default());
        self.remark(out, format!("the mapping {name} {why}"));
        let (kind, section) = if is_of(mapping, "Group") {
            (ObjectKind::Group, "groups")
        } else {
            (ObjectKind::User, "users")
        };
        let heading = format!("[[apps.{}.{section}.attributes]]", self.options.app);
        for row in self.rows(placed, kind) {
            row.write_commented(&heading, out);
        }
        let scope = mapping.scope.as_ref();
        let groups = scope.and_then(|scope| scope.groups.as_ref()).map_or(0, Vec::len);
        if groups > 0 {
            comment(out, &format!("Its scoping filters, {groups} in number, are left out too."));
        }
    }

    pub(super) fn metadata(&mut self, rule: &Rule, mapping: &ObjectMapping, out: &mut String) {
        let lists = [&self.schema.metadata, &rule.metadata, &mapping.metadata];
        let unusual: BTreeSet<String> =
            lists.into_iter().flatten().flatten().filter_map(unusual).collect();
        if !unusual.is_empty() {
            let list = unusual.into_iter().collect::<Vec<_>>().join(", ");
            out.push('\n');
            comment(out, &format!("Metadata steers Entra alone and is left out: {list}."));
        }
    }
}

const WIDER: &str = "a filter could not be translated, and without it more people would be in \
                     scope: nobody is created until create = false is taken away";

const NARROWER: &str = "a filter could not be translated, and without it fewer people would be in \
                        scope: nobody is disabled until on_out_of_scope = \"keep\" is taken away";

/// Whether the rule writes into Entra's directory, as those of human-resources systems do.
fn is_inward(rule: &Rule) -> bool {
    let target = rule.target_directory_name.as_deref().unwrap_or_default().trim();
    DIRECTORIES.iter().any(|name| target.eq_ignore_ascii_case(name))
}

fn is_of(mapping: &ObjectMapping, kind: &str) -> bool {
    let object = mapping.source_object_name.as_deref().unwrap_or_default();
    object.trim().eq_ignore_ascii_case(kind)
}

/// Metadata worth a word: its key, unless it has the value that every schema has.
fn unusual(entry: &MetadataEntry) -> Option<String> {
    let key = entry.key.as_deref()?;
    let value = entry.value.as_ref().map(ToString::to_string).unwrap_or_default();
    let plain = value.replace(['"', '\\'], "");
    let ordinary = ORDINARY_METADATA.iter().any(|(name, usual)| {
        name.eq_ignore_ascii_case(key) && (usual.is_empty() || plain.eq_ignore_ascii_case(usual))
    });
    (!ordinary).then(|| shown(key))
}

pub(super) struct Allowed {
    pub(super) create: bool,
    pub(super) update: bool,
    pub(super) delete: bool,
    unknown: Vec<String>,
}

/// Graph's `objectFlowTypes`; all three where nothing is said.
pub(super) fn flow_types(text: Option<&str>) -> Allowed {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    let Some(text) = text else {
        return Allowed { create: true, update: true, delete: true, unknown: Vec::new() };
    };
    let words: Vec<&str> = text.split(',').map(str::trim).collect();
    let has = |name: &str| words.iter().any(|word| word.eq_ignore_ascii_case(name));
    let known = ["Add", "Update", "Delete", "None", ""];
    let is_known = |word: &&&str| known.iter().any(|name| word.eq_ignore_ascii_case(name));
    Allowed {
        create: has("Add"),
        update: has("Update"),
        delete: has("Delete"),
        unknown: words.iter().filter(|word| !is_known(word)).map(|w| (*w).to_owned()).collect(),
    }
}

/// The configuration takes one row for each target.
pub(super) fn refuse_duplicates(rows: &mut [Row]) {
    let mut seen = BTreeSet::new();
    for row in rows {
        let Some(live) = &row.live else { continue };
        if !seen.insert(live.target.clone()) {
            row.refuse("the target is mapped already, by a row above");
        }
    }
}

/// Gives the matching rows their precedences. Returns whether they had to be counted anew.
pub(super) fn number(rows: &mut [Row], mapping: &ObjectMapping) -> bool {
    let priorities = mapping.attribute_mappings.iter().flatten();
    let mut matching: Vec<(i64, &mut Row)> = priorities
        .zip(rows)
        .filter(|(_, row)| row.matches())
        .map(|(mapping, row)| (mapping.matching_priority.unwrap_or_default(), row))
        .collect();
    matching.sort_by_key(|(priority, _)| *priority);
    let is_unique = matching.windows(2).all(|pair| pair[0].0 < pair[1].0);
    let fits = matching.iter().all(|(priority, _)| (1..=PRECEDENCE_MAX).contains(priority));
    let keeps = is_unique && fits;
    for (index, (priority, row)) in matching.iter_mut().enumerate() {
        let counted = u32::try_from(index + 1).unwrap_or(u32::MAX);
        row.set_precedence(if keeps {
            u32::try_from(*priority).unwrap_or(counted)
        } else {
            counted
        });
    }
    !keeps
}
