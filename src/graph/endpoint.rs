//! Where a tenant's tokens come from, and what they are asked for.

use url::Url;

/// The token endpoint of `tenant` (a GUID or a domain) under `login_url`.
pub fn token_url(login_url: &Url, tenant: &str) -> Url {
    let mut address = login_url.clone();
    if let Ok(mut segments) = address.path_segments_mut() {
        segments.pop_if_empty().extend([tenant, "oauth2", "v2.0", "token"]);
    }
    address
}

/// The scope that stands for every permission granted on the Graph at `graph_url`.
pub fn scope(graph_url: &Url) -> String {
    format!("{}/.default", graph_url.as_str().trim_end_matches('/'))
}
