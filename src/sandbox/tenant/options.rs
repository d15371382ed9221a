//! How a tenant is set up: its seed and clock, its registered clients, its undocumented choices.
//!
//! Owns values only; never looks at a request.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use uuid::Uuid;

use crate::model::{Clock, Secret};

/// What a tenant is created from.
#[derive(Clone)]
pub struct TenantOptions {
    /// Decides every id, token and random choice.
    pub seed: u64,
    /// The time: tokens expire and deleted users are purged on it.
    pub clock: Arc<dyn Clock>,
    /// The tenant's id, which the token endpoint's path carries.
    pub tenant_id: Uuid,
    /// Scheme and authority that every link starts with, without a trailing slash or version.
    pub base_url: String,
}

/// An app registration that may sign in with client credentials.
#[derive(Clone)]
pub struct ClientRegistration {
    /// The appId.
    pub client_id: String,
    /// Client secrets that are accepted.
    pub secrets: Vec<Secret>,
    /// Client secrets that have expired: AADSTS7000222.
    pub expired_secrets: Vec<Secret>,
    /// Certificates (PEM) whose keys may sign an assertion.
    pub certificates: Vec<String>,
    /// Identities of other issuers that may sign in as this client.
    pub federated: Vec<FederatedCredential>,
    /// Application permissions with admin consent, such as `User.Read.All`.
    pub granted: BTreeSet<String>,
}

/// Trust in another issuer's token. Its signature is not checked here: Entra would ask the issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FederatedCredential {
    /// `iss`, compared exactly.
    pub issuer: String,
    /// `sub`, compared exactly.
    pub subject: String,
    /// `aud`, usually `api://AzureADTokenExchange`.
    pub audience: String,
}

/// What Microsoft's documentation leaves open, and the lifetimes of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, each in both positions")]
pub struct Switches {
    /// An expired or unknown delta token answers 410 with `Location` instead of 400.
    pub expired_delta_token_is_gone: bool,
    /// Assignments of soft-deleted principals stay in `appRoleAssignedTo`.
    pub lists_assignments_of_deleted: bool,
    /// The initial round of groups/delta names members who are soft-deleted.
    pub delta_names_soft_deleted_members: bool,
    /// Purging a user produces an `@removed` entry in `members@delta`, as documented.
    pub purge_ends_memberships: bool,
    /// An initial round names soft-deleted objects as `@removed`.
    pub initial_round_names_deleted: bool,
    /// An initial round of groups/delta names members who left as `@removed`.
    pub initial_round_names_former_members: bool,
    /// A deleted group can be restored; otherwise it is gone at once.
    pub groups_are_soft_deleted: bool,
    /// Options on `members` need `ConsistencyLevel: eventual`, as the current page claims.
    pub members_options_need_consistency: bool,
    /// Resource units are counted and 429 answered beyond the documented limits.
    pub throttles: bool,
    /// Rows of a page at most, whatever `$top` or a preference allows: Graph may give fewer.
    pub page_rows_max: usize,
    /// How long a `$skiptoken` is good for.
    pub skip_token_lifetime: Duration,
    /// How long a `$deltatoken` is good for.
    pub delta_token_lifetime: Duration,
    /// `expires_in` of access tokens, in whole seconds.
    pub access_token_lifetime: Duration,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            expired_delta_token_is_gone: false,
            lists_assignments_of_deleted: false,
            delta_names_soft_deleted_members: true,
            purge_ends_memberships: true,
            initial_round_names_deleted: false,
            initial_round_names_former_members: false,
            groups_are_soft_deleted: true,
            members_options_need_consistency: false,
            throttles: false,
            page_rows_max: 999,
            skip_token_lifetime: Duration::from_secs(30 * 60),
            delta_token_lifetime: Duration::from_secs(7 * 24 * 3600),
            access_token_lifetime: Duration::from_secs(3599),
        }
    }
}
