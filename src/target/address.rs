//! Addresses: the base URL, a resource type, an id, a query. Knows how to escape, and nothing else.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::model::{ObjectKind, TargetId};

/// Everything but the unreserved characters (RFC 3986 §2.3): some servers take `+` for a space,
/// others decode twice, and all agree on these.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where a target's resources are.
pub(super) struct Address {
    base: Url,
    extra: Vec<(String, String)>,
}

/// An id that no address can hold: `.` and `..` are steps through the path, escaped or not
/// (RFC 3986 §5.2.4 and the URL standard), and would lead to another resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unaddressable;

impl Address {
    /// Below `base`, with or without a slash at its end, `extra` on every request.
    pub(super) fn new(mut base: Url, extra: Vec<(String, String)>) -> Self {
        base.set_query(None);
        base.set_fragment(None);
        Self { base, extra }
    }

    /// The base URL, to which a redirect is relative.
    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    /// The values of the extra parameters, which may be credentials.
    pub(super) fn extra_values(&self) -> impl Iterator<Item = &str> {
        self.extra.iter().map(|(_, value)| value.as_str())
    }

    /// The list of a kind.
    pub(super) fn list(&self, kind: ObjectKind, query: &[(&str, &str)]) -> String {
        self.with_query(self.endpoint(kind), query)
    }

    /// One resource.
    pub(super) fn resource(
        &self,
        kind: ObjectKind,
        id: &TargetId,
        query: &[(&str, &str)],
    ) -> Result<String, Unaddressable> {
        if matches!(id.as_str(), "." | "..") {
            return Err(Unaddressable);
        }
        let place = format!("{}/{}", self.endpoint(kind), escape(id.as_str()));
        Ok(self.with_query(place, query))
    }

    fn endpoint(&self, kind: ObjectKind) -> String {
        format!("{}/{}", self.base.as_str().trim_end_matches('/'), resource_type(kind))
    }

    fn with_query(&self, mut place: String, query: &[(&str, &str)]) -> String {
        let extra = self.extra.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (index, (name, value)) in query.iter().copied().chain(extra).enumerate() {
            place.push(if index == 0 { '?' } else { '&' });
            place.push_str(&escape(name));
            if !value.is_empty() {
                place.push('=');
                place.push_str(&escape(value));
            }
        }
        place
    }
}

/// The endpoint of a kind (RFC 7644 §3.2).
pub(super) const fn resource_type(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::User => "Users",
        ObjectKind::Group => "Groups",
    }
}

fn escape(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}
