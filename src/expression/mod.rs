//! Entra's attribute-mapping language: parse, check, evaluate. No I/O.
//!
//! An [`Expression`] is parsed once, when the configuration is read, checked against the attributes
//! that exist, and then evaluated for one object after another. What a mapping does with the
//! result is the plan's business: the room says what value flows, that it is not to be shown
//! ([`Flow::Redacted`]), or that nothing flows.
//!
//! Three files make the language: `lex` and `parse` turn text into the tree of `ast`, `check` finds
//! what can never work, `evaluate` walks the tree. Every function is one row of
//! `functions::table`, evaluated lazily: it asks for the arguments it needs, so `IIF` and `Switch`
//! never touch the branch that is not taken.
//!
//! **Invariant:** the same expression, inputs, time and seed give the same result. The room reads
//! no clock and draws no random number, and an evaluation ends within its step budget, whatever
//! its patterns are.

mod ast;
mod check;
mod clock;
mod error;
mod evaluate;
mod functions;
mod lex;
mod parse;
mod parsed;
mod text_pattern;
mod value;

#[cfg(test)]
mod tests;

pub use check::Role;
pub use error::{EvaluationError, ExpressionError};
pub use evaluate::{Flow, Inputs, STEPS_MAX, Traced};
pub use functions::{FunctionHelp, functions};
pub use parsed::Expression;
pub use text_pattern::{Anchor, TextPattern, parse_date};
