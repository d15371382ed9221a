//! One attribute mapping: a row that the configuration takes, or a comment that says why not.

use std::collections::BTreeSet;

use toml::de::{DeTable, DeValue};

use super::{
    source::{self, Taken},
    text::{comment, commented, entry, quoted, shown},
    wire::{self, Definition},
};
use crate::{
    config::{
        diagnosis::{At, Findings, Severity},
        mapping::{About, decode_row},
        raw::Node,
    },
    model::ObjectKind,
    provisioning::job::{AttributeMapping, ValueType},
    scim::AttributePath,
};

/// A row, translated as far as it goes.
pub(super) struct Row {
    /// The target as Entra names it.
    pub(super) target: String,
    /// `None` where the row stays a comment.
    pub(super) live: Option<AttributeMapping>,
    /// What a person should know about it, one sentence each.
    pub(super) remarks: Vec<String>,
    draft: Draft,
}

/// The keys of a row.
#[derive(Clone, Debug)]
struct Draft {
    target: String,
    source: Option<(&'static str, String)>,
    matching_priority: Option<u32>,
    default: Option<String>,
    create_only: bool,
    keeps: bool,
}

impl Draft {
    fn lines(&self) -> String {
        let mut lines = String::new();
        entry(&mut lines, "target", &quoted(&self.target));
        if let Some((key, value)) = &self.source {
            entry(&mut lines, key, &quoted(value));
        }
        if let Some(priority) = self.matching_priority {
            entry(&mut lines, "match", &priority.to_string());
        }
        if let Some(default) = &self.default {
            entry(&mut lines, "default", &quoted(default));
        }
        if self.create_only {
            entry(&mut lines, "apply", "\"create\"");
        }
        if self.keeps {
            entry(&mut lines, "null", "\"keep\"");
        }
        lines
    }
}

impl Row {
    /// Translates an attribute mapping of Entra.
    pub(super) fn translate(
        mapping: &wire::AttributeMapping,
        definition: Option<&Definition>,
        about: About<'_>,
    ) -> Self {
        let target = mapping.target_attribute_name.clone().unwrap_or_default();
        let mut row = Self {
            target: target.clone(),
            live: None,
            remarks: Vec::new(),
            draft: Draft {
                target,
                source: None,
                matching_priority: None,
                default: mapping.default_value.clone().filter(|text| !text.trim().is_empty()),
                create_only: false,
                keeps: true,
            },
        };
        let problem =
            row.take_source(mapping, about.kind).and_then(|()| row.take_flow(mapping)).err();
        if let Some(problem) = problem {
            row.remarks.push(problem);
            return row;
        }
        row.draft.matching_priority =
            mapping.matching_priority.filter(|priority| *priority > 0).map(|_| 1);
        row.settle(about);
        row.compare(mapping, definition, about.kind);
        row
    }

    fn take_source(
        &mut self,
        mapping: &wire::AttributeMapping,
        kind: ObjectKind,
    ) -> Result<(), String> {
        let reading = source::read(mapping.source.as_ref())?;
        self.remarks.extend(reading.remark);
        let is_active = kind == ObjectKind::User
            && AttributePath::parse(&self.target).is_ok_and(|path| path.is_active());
        self.draft.source = Some(match reading.taken {
            Taken::Attribute(name) if is_active && name.eq_ignore_ascii_case("IsSoftDeleted") => {
                self.remarks.push(
                    "mapped straight to [IsSoftDeleted] in Entra, which taken literally enables \
                     exactly the accounts that are to be disabled"
                        .to_owned(),
                );
                ("expression", "Not([IsSoftDeleted])".to_owned())
            }
            Taken::Attribute(name) => ("source", name),
            Taken::Constant(text) => ("constant", text),
            Taken::Expression(text) => ("expression", text),
            Taken::Nothing => match self.draft.default.take() {
                None => {
                    return Err(
                        "it has neither a source nor a default value, so nothing flows".to_owned()
                    );
                }
                Some(default) => {
                    self.draft.create_only = true;
                    self.remarks.push(
                        "it has a default value and no source: the value is written on create"
                            .to_owned(),
                    );
                    ("constant", default)
                }
            },
        });
        Ok(())
    }

    fn take_flow(&mut self, mapping: &wire::AttributeMapping) -> Result<(), String> {
        let word = |text: &Option<String>| {
            text.as_deref().map(|text| text.trim().to_ascii_lowercase()).unwrap_or_default()
        };
        match word(&mapping.flow_type).as_str() {
            "" | "always" => {}
            "objectaddonly" => self.draft.create_only = true,
            "multivalueaddonly" | "valueaddonly" | "attributeaddonly" => {
                let kind = mapping.flow_type.as_deref().unwrap_or_default();
                self.remarks.push(format!(
                    "the flow type {} has no counterpart: a changed value replaces the old one",
                    shown(kind)
                ));
            }
            _ => {
                let kind = mapping.flow_type.as_deref().unwrap_or_default();
                return Err(format!("the flow type {} is not known", shown(kind)));
            }
        }
        match word(&mapping.flow_behavior).as_str() {
            "" | "flowwhenchanged" => {}
            "flowalways" => self.remarks.push(
                "the flow behavior FlowAlways has no counterpart: the value is written where it \
                 differs, and not in every cycle"
                    .to_owned(),
            ),
            _ => {
                let kind = mapping.flow_behavior.as_deref().unwrap_or_default();
                self.remarks.push(format!("the flow behavior {} is not known", shown(kind)));
            }
        }
        if mapping.export_missing_references == Some(true) {
            self.remarks.push(
                "exportMissingReferences has no counterpart: a reference to somebody without an \
                 account waits for the account"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// Lets the configuration's decoder judge the row, and leaves out `default` or `match` where
    /// only they stand in the way.
    fn settle(&mut self, about: About<'_>) {
        let whole = match judge(&self.draft, about) {
            Ok(mapping) => return self.accept(mapping),
            Err(problem) => problem,
        };
        let drafts = [
            (Draft { default: None, ..self.draft.clone() }, "the default value"),
            (Draft { matching_priority: None, ..self.draft.clone() }, "the matching precedence"),
            (
                Draft { default: None, matching_priority: None, ..self.draft.clone() },
                "the default value and the matching precedence",
            ),
        ];
        for (draft, without) in drafts {
            if let Ok(mapping) = judge(&draft, about) {
                let default = self.draft.default.as_deref().filter(|_| draft.default.is_none());
                let default = default.map(|text| format!(" ({})", shown(text))).unwrap_or_default();
                self.remarks.push(format!("{without}{default} is left out: {whole}"));
                self.draft = draft;
                return self.accept(mapping);
            }
        }
        self.remarks.push(whole);
    }

    fn accept(&mut self, mapping: AttributeMapping) {
        // A manager who is gone is cleared at the target by Entra too, and the last of the roles
        // must not outlive its assignment where the list is asserted.
        let asserts = self.draft.source.as_ref().is_some_and(|(key, text)| {
            *key == "expression" && text.contains("AssertiveAppRoleAssignmentsComplex")
        });
        self.draft.keeps = mapping.value_type != ValueType::Reference && !asserts;
        self.live = Some(mapping);
    }

    /// Says where Entra's own definition of the target attribute is another than ours.
    fn compare(
        &mut self,
        mapping: &wire::AttributeMapping,
        definition: Option<&Definition>,
        kind: ObjectKind,
    ) {
        let (Some(live), Some(definition)) = (&self.live, definition) else { return };
        let is = |kind: &str| definition.kind.eq_ignore_ascii_case(kind);
        if is("Reference") && live.value_type != ValueType::Reference {
            self.live = None;
            let ours = match kind {
                ObjectKind::User => "manager",
                ObjectKind::Group => "members",
            };
            self.remarks.push(format!("references other than `{ours}` have no counterpart"));
            return;
        }
        let mut remarks = Vec::new();
        if is("Boolean") && live.value_type != ValueType::Boolean {
            remarks.push("Entra's schema says Boolean; here the value is sent as a text");
        }
        if (is("Integer") || is("DateTime") || is("Binary")) && live.value_type == ValueType::String
        {
            remarks.push("Entra's schema says a type other than String; here it is sent as a text");
        }
        if definition.required && !live.required {
            remarks.push(match kind {
                ObjectKind::User => {
                    "Entra's schema says required; here an account is created without it too"
                }
                ObjectKind::Group => {
                    "Entra's schema says required; here a group is created without it too"
                }
            });
        }
        let flows_list = definition.multivalued && live.value_type == ValueType::String;
        if flows_list && mapping.source.is_some() {
            remarks.push("Entra's schema says multi-valued; here the first value flows");
        }
        self.remarks.extend(remarks.into_iter().map(str::to_owned));
    }

    /// Turns a row that would load into a comment.
    pub(super) fn refuse(&mut self, why: impl Into<String>) {
        self.live = None;
        self.remarks.push(why.into());
    }

    /// Whether accounts are found by it.
    pub(super) fn matches(&self) -> bool {
        self.live.is_some() && self.draft.matching_priority.is_some()
    }

    /// Sets the precedence of a row that matches.
    pub(super) fn set_precedence(&mut self, precedence: u32) {
        self.draft.matching_priority = Some(precedence);
    }

    /// Writes the row below `[apps.NAME.users]`, its remarks above it.
    pub(super) fn write(&self, heading: &str, out: &mut String) {
        out.push('\n');
        for remark in &self.remarks {
            comment(out, remark);
        }
        let lines = format!("{heading}\n{}", self.draft.lines());
        if self.live.is_some() {
            out.push_str(&lines);
        } else {
            commented(out, &lines);
        }
    }

    /// Writes the row as a comment, whatever it is worth.
    pub(super) fn write_commented(&self, heading: &str, out: &mut String) {
        commented(out, &format!("{heading}\n{}", self.draft.lines()));
    }
}

/// The row as the configuration's decoder takes it, or why it does not.
fn judge(draft: &Draft, about: About<'_>) -> Result<AttributeMapping, String> {
    let text = draft.lines();
    let mut findings = Findings::new("", &text);
    let (document, mistakes) = DeTable::parse_recoverable(&text);
    if let Some(mistake) = mistakes.first() {
        return Err(mistake.message().to_owned());
    }
    let table = DeValue::Table(document.into_inner());
    let node = Node { at: At { path: String::new(), span: 0..0 }, value: &table };
    let mapping = decode_row(about, &node, &mut findings);
    let problems: BTreeSet<String> = findings
        .into_sorted()
        .into_iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| {
            let hint = finding.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            format!("{}{hint}", finding.message)
        })
        .collect();
    match mapping {
        Some(mapping) if problems.is_empty() => Ok(mapping),
        _ if problems.is_empty() => Err("the configuration refuses it".to_owned()),
        _ => Err(problems.into_iter().collect::<Vec<_>>().join("; ")),
    }
}
