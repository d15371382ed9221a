//! Entra's mapping language: parse, check, evaluate. No I/O.

/// placeholder
#[derive(Clone, Debug)]
pub struct Expression;
