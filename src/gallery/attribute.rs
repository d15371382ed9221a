//! What an attribute of a SCIM user or group is, as far as a profile does not say otherwise
//! (RFC 7643 §4).

use crate::{
    provisioning::job::ValueType,
    scim::{AttributePath, ENTERPRISE_USER},
};

/// What a target attribute is (Graph `attributeDefinition`, as far as provisioning needs it).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttributeDefinition {
    /// Its type.
    pub value_type: ValueType,
    /// Whether an account is refused without it.
    pub required: bool,
}

/// The definition in RFC 7643 §4.1 and §4.3; a text where they say nothing.
pub fn default_definition(path: &AttributePath) -> AttributeDefinition {
    AttributeDefinition { value_type: value_type(path), required: path.is_user_name() }
}

fn value_type(path: &AttributePath) -> ValueType {
    const COMPLEX: [&str; 9] = [
        "name",
        "emails",
        "phoneNumbers",
        "ims",
        "photos",
        "addresses",
        "roles",
        "entitlements",
        "x509Certificates",
    ];
    let is = |name: &str| path.attribute.eq_ignore_ascii_case(name);
    let is_primary = path.sub.as_deref().is_some_and(|sub| sub.eq_ignore_ascii_case("primary"));
    if path.is_active() || is_primary {
        ValueType::Boolean
    } else if is_manager(path) || (path.urn.is_none() && is("members")) {
        ValueType::Reference
    } else if path.urn.is_none() && path.sub.is_none() && COMPLEX.iter().any(|name| is(name)) {
        ValueType::Complex
    } else {
        ValueType::String
    }
}

/// The manager of the enterprise extension, whole or its `value`.
fn is_manager(path: &AttributePath) -> bool {
    path.urn.as_deref().is_some_and(|urn| urn.eq_ignore_ascii_case(ENTERPRISE_USER))
        && path.attribute.eq_ignore_ascii_case("manager")
        && path.sub.as_deref().is_none_or(|sub| sub.eq_ignore_ascii_case("value"))
}
