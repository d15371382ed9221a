//! Where a link leads: a credential is sent only to the host it was configured for.

use url::Url;

/// The link, where it leads to the same scheme, host and port as `base`; else its foreign origin,
/// as a text fit for a message (no path, query or user information).
pub fn same_origin(base: &Url, link: &str) -> Result<Url, String> {
    let link = Url::parse(link).map_err(|_| "an unreadable address".to_owned())?;
    let web = matches!(link.scheme(), "http" | "https");
    let bare = link.username().is_empty() && link.password().is_none();
    if web && bare && link.origin() == base.origin() {
        Ok(link)
    } else if web {
        Err(link.origin().ascii_serialization())
    } else {
        Err("an address that is not a web address".to_owned())
    }
}
