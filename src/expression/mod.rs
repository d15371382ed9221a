//! Entra's mapping language: parse, check, evaluate. No I/O.

/// A parsed expression.
#[derive(Clone, Debug)]
pub struct Expression(String);

/// Why a text is not an expression, or not one that fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionError {
    /// What is wrong.
    pub message: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// What an expression is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A matching attribute.
    Matching,
    /// Any other attribute.
    Plain,
}

impl Expression {
    /// Parses.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        if text.matches('(').count() == text.matches(')').count() {
            return Ok(Self(text.to_owned()));
        }
        Err(ExpressionError { message: "unbalanced".to_owned(), line: 1, column: 1 })
    }

    /// Checks.
    pub fn check(&self, known: &dyn Fn(&str) -> bool, _role: Role) -> Vec<ExpressionError> {
        self.attributes()
            .into_iter()
            .filter(|name| !known(name))
            .map(|name| ExpressionError {
                message: format!("unknown attribute `{name}`"),
                line: 1,
                column: 1,
            })
            .collect()
    }

    /// The attributes named.
    pub fn attributes(&self) -> std::collections::BTreeSet<String> {
        self.0
            .split('[')
            .skip(1)
            .filter_map(|part| part.split(']').next())
            .map(str::to_owned)
            .collect()
    }
}
