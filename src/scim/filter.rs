//! The one filter that provisioning sends: `attribute eq "value"`.

use std::fmt;

use super::AttributePath;

/// An equality filter (RFC 7644 §3.4.2.2). Displays as the filter's text, its value as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EqFilter {
    /// The attribute compared.
    pub path: AttributePath,
    /// The value looked for, as it is.
    pub value: String,
}

impl fmt::Display for EqFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} eq {}", self.path, serde_json::Value::from(self.value.as_str()))
    }
}
