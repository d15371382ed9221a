//! The tenant's domains as Graph writes them: in the organization, and by themselves.

use serde::Deserialize;

/// The tenant (Graph `organization`).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireOrganization {
    verified_domains: Option<Vec<WireVerifiedDomain>>,
}

/// A domain of the tenant (Graph `verifiedDomain`).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireVerifiedDomain {
    name: Option<String>,
    is_default: Option<bool>,
}

/// A domain by itself (Graph `domain`): its id is its name.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireDomain {
    id: String,
    is_default: Option<bool>,
}

impl WireOrganization {
    /// The default domain, where the organization names it.
    pub(super) fn default_domain(self) -> Option<String> {
        let domains = self.verified_domains.into_iter().flatten();
        domains.filter(|domain| domain.is_default == Some(true)).find_map(|domain| domain.name)
    }
}

impl WireDomain {
    /// Its name, where it is the default one.
    pub(super) fn if_default(self) -> Option<String> {
        (self.is_default == Some(true)).then_some(self.id)
    }
}
