//! Where a resource is, below the base URL (RFC 7644 §3.2).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::model::{ObjectKind, TargetId};

/// Everything but the unreserved characters (RFC 3986 §2.3): some servers take `+` for a space,
/// others decode twice, and all agree on these.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The endpoint of a kind, or the place of one resource of it, such as `/Users/42`.
pub fn resource_path(kind: ObjectKind, id: Option<&TargetId>) -> String {
    let endpoint = match kind {
        ObjectKind::User => "/Users",
        ObjectKind::Group => "/Groups",
    };
    match id {
        None => endpoint.to_owned(),
        Some(id) => format!("{endpoint}/{}", percent_encoded(id.as_str())),
    }
}

/// The text as a part of an address.
pub fn percent_encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}
