//! What can be wrong with an expression, and why an evaluation fails. Knows no function.

use std::ops::Range;

/// A mistake in the text of an expression, with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (line {line}, column {column})")]
pub struct ExpressionError {
    /// What is wrong and, where there is an obvious one, the remedy.
    pub message: String,
    /// The line of the place, counted from 1.
    pub line: usize,
    /// The column of the place, counted from 1, in characters.
    pub column: usize,
    /// The place, in bytes of the text.
    pub span: Range<usize>,
}

impl ExpressionError {
    /// The mistake `message` at `span` of `text`. A span outside of the text is moved to its end.
    pub(super) fn new(message: impl Into<String>, text: &str, span: Range<usize>) -> Self {
        let start = floor_char_boundary(text, span.start);
        let end = floor_char_boundary(text, span.end.max(start));
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            message: message.into(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            span: start..end,
        }
    }

    /// The message, the line of `text` it is about, and a caret under the place.
    ///
    /// `text` is the text that was parsed; with another one the caret points nowhere useful.
    pub fn render(&self, text: &str) -> String {
        let line = text.lines().nth(self.line - 1).unwrap_or_default();
        // A tab keeps its width under itself, so that the caret stays below its place.
        let blank = |c: char| if c == '\t' { '\t' } else { ' ' };
        let indent: String = line.chars().take(self.column - 1).map(blank).collect();
        let start = floor_char_boundary(text, self.span.start);
        let end = floor_char_boundary(text, self.span.end).max(start);
        let rest_of_line = line.chars().count().saturating_sub(self.column - 1);
        let width = text[start..end].chars().count().min(rest_of_line).max(1);
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        format!(
            "{message}\n{margin} |\n{number} | {line}\n{margin} | {indent}{carets}",
            message = self.message,
            carets = "^".repeat(width),
        )
    }
}

fn floor_char_boundary(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

/// Why an evaluation gave no value. It concerns the one object only.
///
/// The message names the function and the reason, never a value: it ends up in logs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct EvaluationError {
    /// The function that failed, or the operator.
    pub function: String,
    /// The whole message.
    pub message: String,
}

impl EvaluationError {
    /// `function` failed because of `reason`.
    pub(super) fn new(function: &str, reason: &str) -> Self {
        Self { function: function.to_owned(), message: format!("`{function}` {reason}") }
    }
}
