//! Phase `drift`: compares every linked account with what was last exported to it, at the end of a
//! cycle once the schedule says so.
//!
//! It comes after the export, so that it never delays anybody's access or its end; whatever stands
//! in its way ends the comparison and never the cycle. It is given eyes and no hands: a correction
//! is a person marked dirty, whose account the next draft reads, so that review and safeguards see
//! it like any other change.
//!
//! The list of the target finds out where to look. Nothing is told of an account that was not read
//! by itself, because lists are cut short, come late and leave attributes out.
//!
//! `due` says when, `compare` reads, `conclude` says what it comes to.

mod compare;
mod conclude;
mod due;

pub use due::compare_now;
pub(in crate::cycle) use due::compare_when_due;
