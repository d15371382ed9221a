//! The tenant URL as the portal shows it.

use url::Url;

use super::Dialect;

/// A tenant URL.
#[derive(Clone, Debug)]
pub struct TenantUrl {
    /// The base.
    pub base: Url,
    /// Parameters for every request.
    pub query: Vec<(String, String)>,
    /// What the flag said.
    pub dialect: Option<Dialect>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// Why a text is not a tenant URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidTenantUrl(pub String);

/// Parses.
pub fn parse_tenant_url(raw: &str) -> Result<TenantUrl, InvalidTenantUrl> {
    let mut base = Url::parse(raw).map_err(|e| InvalidTenantUrl(e.to_string()))?;
    let mut dialect = None;
    let mut query = Vec::new();
    for (name, value) in base.query_pairs() {
        if name == "aadOptscim062020" {
            dialect = Some(Dialect::Rfc7644);
        } else {
            query.push((name.into_owned(), value.into_owned()));
        }
    }
    base.set_query(None);
    base.set_fragment(None);
    let path = base.path().trim_end_matches('/').to_owned();
    base.set_path(&path);
    Ok(TenantUrl { base, query, dialect, warnings: Vec::new() })
}
