//! The functions, one table row each; a file per kind. None of them knows the tree's other parts.
//!
//! A function receives [`Arguments`] and evaluates those it needs. It charges the step budget for
//! what it makes, and names itself in a failure.

mod arguments;
mod date;
mod date_format;
mod date_parse;
mod diacritics;
mod encoding;
mod list;
mod logic;
mod number;
mod pattern;
mod pattern_translate;
mod random;
mod regex;
mod role;
mod table;
mod text;

pub(super) use arguments::Arguments;
pub(super) use date_parse::parse as parse_date_time;
#[cfg(test)]
pub(super) use pattern::COMPILED;
pub(super) use pattern::Pattern;
pub(super) use random::Random;
pub(super) use table::{Function, Nature, Place, TABLE, find};
pub use table::{FunctionHelp, functions};
