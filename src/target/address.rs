//! Addresses: the base URL, a resource type, an id, a query. Knows how to escape, and nothing else.

use url::Url;

use crate::{
    model::{ObjectKind, TargetId},
    scim::{percent_encoded, resource_path},
};

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
        self.with_query(self.place(kind, None), query)
    }

    /// An endpoint that no kind of resource has.
    pub(super) fn below(&self, name: &str) -> String {
        self.with_query(format!("{}/{name}", self.base.as_str().trim_end_matches('/')), &[])
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
        Ok(self.with_query(self.place(kind, Some(id)), query))
    }

    fn place(&self, kind: ObjectKind, id: Option<&TargetId>) -> String {
        format!("{}{}", self.base.as_str().trim_end_matches('/'), resource_path(kind, id))
    }

    fn with_query(&self, mut place: String, query: &[(&str, &str)]) -> String {
        let extra = self.extra.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (index, (name, value)) in query.iter().copied().chain(extra).enumerate() {
            place.push(if index == 0 { '?' } else { '&' });
            place.push_str(&percent_encoded(name));
            if !value.is_empty() {
                place.push('=');
                place.push_str(&percent_encoded(value));
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
