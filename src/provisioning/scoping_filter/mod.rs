//! Scoping filters: which of the entitled people belong to the job, by their attributes.
//!
//! Clauses of one filter are ANDed, filters are ORed; without a filter everybody passes. A clause
//! is compiled once, when the configuration is read, and says of each person whether it holds. The
//! fourteen operators are Entra's, under the portal's names, with its null rule: of a person who
//! has no value every clause but `IS NULL` is false, `NOT EQUALS` included. `BEFORE` and `AFTER`,
//! attributes with several values, app roles, groups and managers are ours.
//!
//! **Invariant:** a filter that cannot be evaluated decides nothing: it neither lets a person in
//! nor puts one out.

mod clause;
mod evaluate;
mod operator;

#[cfg(test)]
mod tests;

pub use clause::{Clause, ClauseError, ClauseKey, ClauseText, Operand, Quantifier, ScopingFilter};
pub use evaluate::{ClauseFinding, FilterFault, FilterInputs, FilterPrincipals, FilterResult};
pub use operator::Operator;
