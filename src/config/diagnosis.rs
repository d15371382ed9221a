//! What is wrong with a configuration, and where: the key, the line, and what to do about it.

use std::{fmt, ops::Range};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is accepted; a person should know.
    Warning,
}

/// One finding about one key.
///
/// Displays as `config.toml:12: apps.crm.target.tenant_url: what is wrong; what to do`, and below
/// it, indented, the text with a caret where a part of a value is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// The file, as it was named.
    pub file: String,
    /// The key's path, such as `apps.crm.target.tenant_url`; rows of a list count from 1. Empty
    /// where the file is not TOML.
    pub key_path: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// Whether the file is refused for it.
    pub severity: Severity,
    /// What is wrong. Never holds a secret.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The part of the value that is meant, with a caret below it; may have several lines.
    pub excerpt: Option<String>,
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        match self.severity {
            Severity::Error => {}
            Severity::Warning => f.write_str("warning: ")?,
        }
        if !self.key_path.is_empty() {
            write!(f, "{}: ", self.key_path)?;
        }
        f.write_str(&self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "; {hint}")?;
        }
        for line in self.excerpt.iter().flat_map(|excerpt| excerpt.lines()) {
            write!(f, "\n    {line}")?;
        }
        Ok(())
    }
}

/// A key of the file: its path, and the bytes it stands at.
#[derive(Clone, Debug)]
pub(super) struct At {
    pub(super) path: String,
    pub(super) span: Range<usize>,
}

impl At {
    /// The place of a key inside this one.
    pub(super) fn join(&self, key: &str, span: Range<usize>) -> Self {
        let path =
            if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        Self { path, span }
    }
}

/// Collects every finding of one file, so that all are reported at once.
pub(super) struct Findings<'t> {
    file: &'t str,
    text: &'t str,
    list: Vec<Diagnosis>,
}

impl<'t> Findings<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text, list: Vec::new() }
    }

    /// An error that needs no advice.
    pub(super) fn error(&mut self, at: &At, message: impl Into<String>) {
        self.push(Severity::Error, at, message.into(), None, None);
    }

    /// An error with what to do about it.
    pub(super) fn error_hint(
        &mut self,
        at: &At,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(Severity::Error, at, message.into(), Some(hint.into()), None);
    }

    /// An error about one character of a value, which `excerpt` points at.
    pub(super) fn error_excerpt(&mut self, at: &At, message: impl Into<String>, excerpt: String) {
        self.push(Severity::Error, at, message.into(), None, Some(excerpt));
    }

    /// Something a person should know.
    pub(super) fn warning(&mut self, at: &At, message: impl Into<String>) {
        self.push(Severity::Warning, at, message.into(), None, None);
    }

    /// Whether something at this key, or in it, is an error.
    pub(super) fn has_error_at(&self, at: &At) -> bool {
        self.list.iter().any(|finding| {
            finding.severity == Severity::Error && finding.key_path.starts_with(&at.path)
        })
    }

    /// Everything found, in the order of the file.
    pub(super) fn into_sorted(mut self) -> Vec<Diagnosis> {
        self.list
            .sort_by(|a, b| (a.line, a.column, &a.key_path).cmp(&(b.line, b.column, &b.key_path)));
        self.list
    }

    fn push(
        &mut self,
        severity: Severity,
        at: &At,
        message: String,
        hint: Option<String>,
        excerpt: Option<String>,
    ) {
        let before = self.text.get(..at.span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        self.list.push(Diagnosis {
            file: self.file.to_owned(),
            key_path: at.path.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            severity,
            message,
            hint,
            excerpt,
        });
    }
}

/// The line of `text` (counted from 1) with a caret below its `column` (in characters, from 1).
pub(super) fn caret(text: &str, line: usize, column: usize) -> String {
    let shown = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    // A tab stays a tab in the padding, so that the caret stands right on every terminal.
    let padding: String = shown
        .chars()
        .chain(std::iter::repeat(' '))
        .take(column.saturating_sub(1))
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    format!("{shown}\n{padding}^")
}

/// The candidate that was probably meant, if one is close.
pub fn nearest<'c>(wanted: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let folded = wanted.to_lowercase();
    let farthest = (wanted.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| {
            (strsim::damerau_levenshtein(&folded, &candidate.to_lowercase()), candidate)
        })
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| {
            *distance <= farthest
                || (folded.len() > 3 && candidate.to_lowercase().contains(&folded))
        })
        .map(|(_, candidate)| candidate)
}

/// The advice that names the nearest candidate, or else all of them.
pub(super) fn suggestion<'c>(
    wanted: &str,
    candidates: impl IntoIterator<Item = &'c str> + Clone,
) -> String {
    if let Some(candidate) = nearest(wanted, candidates.clone()) {
        return format!("did you mean `{candidate}`?");
    }
    let all: Vec<_> = candidates.into_iter().map(|c| format!("`{c}`")).collect();
    format!("possible are {}", all.join(", "))
}
