//! The operators by their names. Knows no value.

use std::fmt;

/// What a clause asks of an attribute (Graph `filterOperatorSchema`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operator {
    /// The same text; case counts.
    Equals,
    /// Another text.
    NotEquals,
    /// Ends with this text; case counts.
    EndsWith,
    /// Holds this text; case counts.
    Includes,
    /// Matches this .NET regular expression.
    RegexMatch,
    /// Does not match it.
    NotRegexMatch,
    /// A greater whole number.
    GreaterThan,
    /// A whole number at least as great.
    GreaterThanOrEquals,
    /// The Boolean true.
    IsTrue,
    /// The Boolean false.
    IsFalse,
    /// No value.
    IsNull,
    /// A value.
    IsNotNull,
    /// Shares a bit with this number; of texts: occurs in this one.
    BitSet,
    /// Does not.
    BitNotSet,
    /// A date before this moment.
    Before,
    /// A date after this moment.
    After,
}

impl Operator {
    /// Every operator, in the order of Microsoft's page.
    pub const ALL: [Self; 16] = [
        Self::Equals,
        Self::NotEquals,
        Self::EndsWith,
        Self::Includes,
        Self::RegexMatch,
        Self::NotRegexMatch,
        Self::GreaterThan,
        Self::GreaterThanOrEquals,
        Self::IsTrue,
        Self::IsFalse,
        Self::IsNull,
        Self::IsNotNull,
        Self::BitSet,
        Self::BitNotSet,
        Self::Before,
        Self::After,
    ];

    /// The name in the portal and in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equals => "EQUALS",
            Self::NotEquals => "NOT EQUALS",
            Self::EndsWith => "ENDS_WITH",
            Self::Includes => "Includes",
            Self::RegexMatch => "REGEX MATCH",
            Self::NotRegexMatch => "NOT REGEX MATCH",
            Self::GreaterThan => "Greater_Than",
            Self::GreaterThanOrEquals => "Greater_Than_OR_EQUALS",
            Self::IsTrue => "IS TRUE",
            Self::IsFalse => "IS FALSE",
            Self::IsNull => "IS NULL",
            Self::IsNotNull => "IS NOT NULL",
            Self::BitSet => "&",
            Self::BitNotSet => "!&",
            Self::Before => "BEFORE",
            Self::After => "AFTER",
        }
    }

    /// The operator of that name. Microsoft writes the names in several ways, so case, blanks and
    /// underscores between the words do not count.
    pub fn parse(name: &str) -> Option<Self> {
        let folded = fold(name);
        Self::ALL.into_iter().find(|operator| fold(operator.as_str()) == folded)
    }

    /// Whether it compares with a value.
    pub fn takes_value(self) -> bool {
        match self {
            Self::IsTrue | Self::IsFalse | Self::IsNull | Self::IsNotNull => false,
            Self::Equals
            | Self::NotEquals
            | Self::EndsWith
            | Self::Includes
            | Self::RegexMatch
            | Self::NotRegexMatch
            | Self::GreaterThan
            | Self::GreaterThanOrEquals
            | Self::BitSet
            | Self::BitNotSet
            | Self::Before
            | Self::After => true,
        }
    }

    /// Whether it denies what another operator says: of several values none may then be so.
    pub fn is_negated(self) -> bool {
        match self {
            Self::NotEquals | Self::NotRegexMatch | Self::BitNotSet => true,
            Self::Equals
            | Self::EndsWith
            | Self::Includes
            | Self::RegexMatch
            | Self::GreaterThan
            | Self::GreaterThanOrEquals
            | Self::IsTrue
            | Self::IsFalse
            | Self::IsNull
            | Self::IsNotNull
            | Self::BitSet
            | Self::Before
            | Self::After => false,
        }
    }

    /// Whether its value is a regular expression.
    pub fn is_regex(self) -> bool {
        self == Self::RegexMatch || self == Self::NotRegexMatch
    }
}

fn fold(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_whitespace() && *c != '_')
        .map(|c| c.to_ascii_uppercase())
        .collect()
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
