//! The tenant URL, as an administrator pastes it from the portal.

use url::{Host, Url};

use super::Dialect;

/// The flag that asks Entra for RFC 7644 requests.
const FLAG: &str = "aadOptscim062020";

/// Parameters at most so many edits away from the flag are taken for a slip of it.
const NEAR_MISS_EDITS_MAX: usize = 2;

/// A tenant URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantUrl {
    /// The base URL without query and without a slash at its end, which a state file is bound to.
    pub base: Url,
    /// The query parameters that go on every request, decoded, in order.
    pub query: Vec<(String, String)>,
    /// What the flag selects; `None` without it.
    pub dialect: Option<Dialect>,
    /// What looks like a mistake and does not prevent a start, one sentence each.
    pub warnings: Vec<String>,
}

/// Why a text is no tenant URL. The texts never repeat it: it may hold a credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTenantUrl {
    /// Not a URL with a host.
    #[error("is not an absolute URL ({0})")]
    NotAUrl(String),
    /// Neither https nor loopback.
    #[error("must begin with https:// (http:// only to this machine itself)")]
    NotHttps,
    /// A user name or password before the host.
    #[error("must not hold a user name or password")]
    UserInfo,
    /// A `#`.
    #[error("must not hold a `#` and what follows it")]
    Fragment,
}

/// Takes a tenant URL apart.
///
/// The flag `aadOptscim062020`, bare or with a value, selects [`Dialect::Rfc7644`] and is never
/// sent. A near miss of it is not sent either, selects nothing and is a warning. Other parameters
/// are kept.
pub fn parse_tenant_url(raw: &str) -> Result<TenantUrl, InvalidTenantUrl> {
    let mut base =
        Url::parse(raw.trim()).map_err(|error| InvalidTenantUrl::NotAUrl(error.to_string()))?;
    if !base.has_host() {
        return Err(InvalidTenantUrl::NotAUrl("it names no host".to_owned()));
    }
    if base.scheme() != "https" && !(base.scheme() == "http" && is_loopback(&base)) {
        return Err(InvalidTenantUrl::NotHttps);
    }
    if !base.username().is_empty() || base.password().is_some() {
        return Err(InvalidTenantUrl::UserInfo);
    }
    if base.fragment().is_some() {
        return Err(InvalidTenantUrl::Fragment);
    }
    let mut query = Vec::new();
    let mut dialect = None;
    let mut warnings = Vec::new();
    for (name, value) in base.query_pairs() {
        if name == FLAG {
            dialect = Some(Dialect::Rfc7644);
        } else if is_near_miss(&name) {
            warnings.push(format!(
                "the parameter `{name}` looks like the flag `{FLAG}` misspelt; \
                 it selects nothing and is not sent"
            ));
        } else {
            query.push((name.into_owned(), value.into_owned()));
        }
    }
    base.set_query(None);
    let path = base.path().trim_end_matches('/').to_owned();
    base.set_path(&path);
    Ok(TenantUrl { base, query, dialect, warnings })
}

fn is_near_miss(name: &str) -> bool {
    let edits = strsim::levenshtein(&name.to_ascii_lowercase(), &FLAG.to_ascii_lowercase());
    edits <= NEAR_MISS_EDITS_MAX
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
