//! The two ways to phrase a request.

use serde::{Deserialize, Serialize};

/// How requests to a target are phrased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// RFC 7644 to the letter; what Entra's `aadOptscim062020` asks for, and better.
    #[default]
    Rfc7644,
    /// What Entra sends without the flag: `Add`, `Replace`, `Remove`, booleans as text.
    EntraLegacy,
}
