//! A .NET regular expression by itself, and dates as the language reads them, for scoping filters.
//! Knows no expression.

use std::sync::Arc;

use super::{
    error::EvaluationError,
    evaluate::STEPS_MAX,
    functions::{Pattern, parse_date_time},
};
use crate::model::Timestamp;

/// Where a pattern has to match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// The whole value.
    Whole,
    /// Anywhere in the value, as .NET's `Regex.IsMatch`.
    Find,
}

/// A .NET regular expression, compiled.
#[derive(Clone, Debug)]
pub struct TextPattern {
    source: String,
    anchor: Anchor,
    pattern: Arc<Pattern>,
}

impl TextPattern {
    /// Compiles `source`. Fails with what is wrong with it.
    pub fn compile(source: &str, anchor: Anchor) -> Result<Self, String> {
        let pattern = Pattern::compile(source)?;
        let pattern = match anchor {
            Anchor::Find => pattern,
            // A first match that is not the whole value says nothing about a longer alternative.
            Anchor::Whole => Pattern::compile(&format!(r"\A(?:{source})\z"))?,
        };
        Ok(Self { source: source.to_owned(), anchor, pattern: Arc::new(pattern) })
    }

    /// The pattern as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Where it has to match.
    pub fn anchor(&self) -> Anchor {
        self.anchor
    }

    /// Whether it matches `text`. The steps it takes are charged to `steps_left`; fails when they
    /// run out, backtracking included.
    pub fn matches(&self, text: &str, steps_left: &mut u64) -> Result<bool, EvaluationError> {
        let (cost, found) = self.pattern.find(text, 0, *steps_left);
        let left = steps_left.checked_sub(cost);
        *steps_left = left.unwrap_or(0);
        match (found, left) {
            (Ok(found), Some(_)) => Ok(found.is_some()),
            (Ok(_) | Err(_), _) => Err(EvaluationError::new(
                "REGEX MATCH",
                &format!("was stopped: the pattern took more than {STEPS_MAX} steps"),
            )),
        }
    }
}

/// The moment that `text` spells, by the rules of `CDate`; `None` if it spells none.
pub fn parse_date(text: &str) -> Option<Timestamp> {
    parse_date_time(text).map(|at| at.and_utc())
}
