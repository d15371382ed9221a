//! The TOML document as typed, located values. Knows types and keys, no meanings.
//!
//! A derive would stop at the first error and forget where it was; here every getter reports
//! what it dislikes and returns `None`, so that one run finds everything.

use toml::{
    Spanned,
    de::{DeArray, DeInteger, DeTable, DeValue},
};

use super::diagnosis::{At, Findings, suggestion};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) at: At,
}

/// A value of any type, not yet looked at.
#[derive(Clone)]
pub(super) struct Node<'d, 't> {
    pub(super) at: At,
    pub(super) value: &'d DeValue<'t>,
}

/// A table whose keys were checked against the known ones.
#[derive(Clone)]
pub(super) struct Section<'d, 't> {
    pub(super) at: At,
    table: &'d DeTable<'t>,
}

impl<'d, 't> Section<'d, 't> {
    /// Opens a table and reports every key that is not among `keys`.
    pub(super) fn open(
        node: &Node<'d, 't>,
        keys: &[&'static str],
        findings: &mut Findings<'_>,
    ) -> Option<Self> {
        let section = Self::open_free(node, findings)?;
        section.refuse_unknown(keys, findings);
        Some(section)
    }

    fn refuse_unknown(&self, keys: &[&'static str], findings: &mut Findings<'_>) {
        for (key, _) in self.table {
            let name = key.get_ref().as_ref();
            if !keys.contains(&name) {
                let at = self.at.join(name, key.span());
                findings.error_hint(&at, "unknown key", suggestion(name, keys.iter().copied()));
            }
        }
    }

    /// Opens a table whose keys are the user's own.
    pub(super) fn open_free(node: &Node<'d, 't>, findings: &mut Findings<'_>) -> Option<Self> {
        let DeValue::Table(table) = node.value else {
            wrong_type(&node.at, "a table", node.value, findings);
            return None;
        };
        Some(Self { at: node.at.clone(), table })
    }

    /// The document itself.
    pub(super) fn root(
        document: &'d Spanned<DeTable<'t>>,
        keys: &[&'static str],
        findings: &mut Findings<'_>,
    ) -> Self {
        let root = Self { at: At { path: String::new(), span: 0..0 }, table: document.get_ref() };
        root.refuse_unknown(keys, findings);
        root
    }

    /// Every entry, in the order of the file.
    pub(super) fn entries(&self) -> Vec<(&'d str, Node<'d, 't>)> {
        let mut entries: Vec<_> = self.table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let node = |name, value: &'d Spanned<DeValue<'t>>| Node {
            at: self.at.join(name, value.span()),
            value: value.get_ref(),
        };
        entries
            .into_iter()
            .map(|(key, value)| (key.get_ref().as_ref(), node(key.get_ref(), value)))
            .collect()
    }

    /// The value of a key, if it is there.
    pub(super) fn get(&self, key: &str) -> Option<Node<'d, 't>> {
        let value = self.table.get(key)?;
        Some(Node { at: self.at.join(key, value.span()), value: value.get_ref() })
    }

    /// The value of a key that has to be there.
    pub(super) fn required(&self, key: &str, findings: &mut Findings<'_>) -> Option<Node<'d, 't>> {
        let node = self.get(key);
        if node.is_none() {
            findings.error(&self.at.join(key, self.at.span.clone()), "missing; this key is needed");
        }
        node
    }

    pub(super) fn string(&self, key: &str, findings: &mut Findings<'_>) -> Option<Located<String>> {
        self.get(key)?.string(findings)
    }

    pub(super) fn required_string(
        &self,
        key: &str,
        findings: &mut Findings<'_>,
    ) -> Option<Located<String>> {
        self.required(key, findings)?.string(findings)
    }

    /// A boolean, or `default` where the key is missing or wrong.
    pub(super) fn flag(&self, key: &str, default: bool, findings: &mut Findings<'_>) -> bool {
        match self.get(key) {
            None => default,
            Some(Node { value: DeValue::Boolean(flag), .. }) => *flag,
            Some(node) => {
                wrong_type(&node.at, "true or false", node.value, findings);
                default
            }
        }
    }

    /// One of a few words, or `default` where the key is missing or wrong.
    pub(super) fn choice<T: Copy>(
        &self,
        key: &str,
        choices: &[(&'static str, T)],
        default: T,
        findings: &mut Findings<'_>,
    ) -> T {
        let Some(text) = self.string(key, findings) else { return default };
        if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == text.value) {
            return *choice;
        }
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        findings.error_hint(
            &text.at,
            format!("unknown value {:?}", text.value),
            suggestion(&text.value, words.iter().copied()),
        );
        default
    }

    /// The rows of an array of tables.
    pub(super) fn rows(
        &self,
        key: &str,
        findings: &mut Findings<'_>,
    ) -> Option<Located<Vec<Node<'d, 't>>>> {
        let node = self.get(key)?;
        let DeValue::Array(array) = node.value else {
            wrong_type(&node.at, "a list of tables", node.value, findings);
            return None;
        };
        Some(Located { value: elements(&node.at, array), at: node.at })
    }
}

impl Node<'_, '_> {
    /// A text that is not empty.
    pub(super) fn string(&self, findings: &mut Findings<'_>) -> Option<Located<String>> {
        let DeValue::String(text) = self.value else {
            wrong_type(&self.at, "a text in quotes", self.value, findings);
            return None;
        };
        if text.trim().is_empty() {
            findings.error(&self.at, "is empty");
            return None;
        }
        Some(Located { value: text.to_string(), at: self.at.clone() })
    }

    /// A whole number in `range`, both ends included.
    pub(super) fn integer(
        &self,
        least: u64,
        most: u64,
        findings: &mut Findings<'_>,
    ) -> Option<u64> {
        let DeValue::Integer(integer) = self.value else {
            wrong_type(&self.at, "a whole number", self.value, findings);
            return None;
        };
        let number = unsigned(integer).filter(|number| (least..=most).contains(number));
        if number.is_none() {
            findings.error(&self.at, format!("{integer} is not between {least} and {most}"));
        }
        number
    }

    /// The elements of a list of texts.
    pub(super) fn strings(&self, findings: &mut Findings<'_>) -> Vec<Located<String>> {
        let DeValue::Array(array) = self.value else {
            wrong_type(&self.at, "a list of texts", self.value, findings);
            return Vec::new();
        };
        elements(&self.at, array).iter().filter_map(|element| element.string(findings)).collect()
    }
}

/// The number, or `None` below zero or above what fits.
pub(super) fn unsigned(integer: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(integer.as_str().trim_start_matches('+'), integer.radix()).ok()
}

/// Reports a value of another type than wanted. The value itself is not shown: it may be a secret.
pub(super) fn wrong_type(at: &At, wanted: &str, found: &DeValue<'_>, findings: &mut Findings<'_>) {
    let found = match found {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    findings.error(at, format!("expected {wanted}, found {found}"));
}

fn elements<'d, 't>(at: &At, array: &'d DeArray<'t>) -> Vec<Node<'d, 't>> {
    array
        .iter()
        .enumerate()
        .map(|(index, element)| Node {
            at: At { path: format!("{}[{}]", at.path, index + 1), span: element.span() },
            value: element.get_ref(),
        })
        .collect()
}
