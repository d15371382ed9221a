//! A compiled regular expression that counts what it costs. Knows no argument of `Replace`.

use std::sync::OnceLock;

use fancy_regex::{Captures, Error, Regex, RegexBuilder, RuntimeError};

use super::pattern_translate::{Translated, translate};

/// The backtracking limits that are tried in turn. Backtracking itself is not reported, but which
/// limit it exceeded is; so the cost of a search is known within a factor of ten.
const BACKTRACK_LIMITS: [usize; 4] = [100, 1_000, 10_000, 100_000];

/// The memory that one compiled pattern may take, in bytes: `(a{1000}){1000}` is refused.
const SIZE_BYTES_MAX: usize = 1 << 20;

/// A .NET pattern, compiled on first use for each backtracking limit that is needed.
#[derive(Debug)]
pub(in crate::expression) struct Pattern {
    translated: Translated,
    compiled: [OnceLock<Option<Regex>>; BACKTRACK_LIMITS.len()],
}

/// A search that did not end within its budget.
#[derive(Debug)]
pub(in crate::expression) struct Runaway;

impl Pattern {
    /// Compiles the .NET pattern `source`. Fails with what is wrong with it.
    pub(in crate::expression) fn compile(source: &str) -> Result<Self, String> {
        let translated = translate(source)?;
        let regex = build(&translated.pattern, BACKTRACK_LIMITS[0]).map_err(|error| {
            // The engine's positions are those of the translation, which nobody wrote.
            let reason = if let Error::ParseError(_, reason) = &*error {
                reason.to_string()
            } else {
                error.to_string()
            };
            let line = reason.lines().last().unwrap_or_default().trim();
            format!("this is not a regular expression: {line}")
        })?;
        let pattern = Self { translated, compiled: Default::default() };
        pattern.compiled[0].get_or_init(|| Some(regex));
        Ok(pattern)
    }

    /// The first match in `text` from the byte `from` on, and the steps that the search took. It is
    /// given up once it took `left` steps or exceeded the last limit.
    pub(in crate::expression) fn find<'t>(
        &self,
        text: &'t str,
        from: usize,
        left: u64,
    ) -> (u64, Result<Option<Captures<'t>>, Runaway>) {
        let rest = (text.len() - from) as u64;
        // A search reads up to the end of its match, and now and then further to decide on it.
        let mut cost = 1 + rest / 4_096;
        for (cell, limit) in self.compiled.iter().zip(BACKTRACK_LIMITS) {
            if cost >= left {
                break;
            }
            let Some(regex) = cell.get_or_init(|| build(&self.translated.pattern, limit).ok())
            else {
                break;
            };
            match regex.captures_from_pos(text, from) {
                Ok(found) => {
                    let end = found.as_ref().and_then(|found| found.get(0)).map(|m| m.end());
                    let read = end.map_or(rest, |end| end.saturating_sub(from) as u64);
                    return (cost + read / 64, Ok(found));
                }
                Err(Error::RuntimeError(RuntimeError::BacktrackLimitExceeded)) => {
                    cost += limit as u64;
                }
                Err(_) => break,
            }
        }
        (cost, Err(Runaway))
    }

    /// The index of the group that a .NET replacement calls `name`: a name, or a number by .NET's
    /// count, in which named groups come after the others.
    pub(in crate::expression) fn group(&self, name: &str) -> Option<usize> {
        self.translated.group(name)
    }

    /// How many groups there are; .NET's highest group number.
    pub(super) const fn group_count(&self) -> usize {
        self.translated.groups.len()
    }
}

#[cfg(test)]
thread_local! {
    /// How many patterns this thread has compiled.
    pub(in crate::expression) static COMPILED: std::cell::Cell<usize> =
        const { std::cell::Cell::new(0) };
}

fn build(pattern: &str, backtrack_limit: usize) -> Result<Regex, Box<Error>> {
    #[cfg(test)]
    COMPILED.with(|count| count.set(count.get() + 1));
    let built = RegexBuilder::new(pattern)
        .backtrack_limit(backtrack_limit)
        .delegate_size_limit(SIZE_BYTES_MAX)
        .delegate_dfa_size_limit(SIZE_BYTES_MAX)
        .build();
    built.map_err(Box::new)
}
