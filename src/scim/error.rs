//! Error bodies.

use serde_json::{Map, Value};

use super::{document::member, schema};

/// The body of a refusal (RFC 7644 §3.12).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScimError {
    /// The HTTP status, as the body repeats it.
    pub status: Option<u16>,
    /// `uniqueness`, `invalidFilter` and so on; only 400 and 409 have one.
    pub scim_type: Option<String>,
    /// What went wrong, for a person.
    pub detail: Option<String>,
}

impl ScimError {
    /// Reads an error body, or returns `None` where it is not one.
    ///
    /// Taken as one: an object with the error schema, `scimType` or `detail`, and the `Errors` list
    /// of SCIM 1.1 that some services still answer. The status may be a text or a number.
    pub fn parse(body: &[u8]) -> Option<Self> {
        Self::of(&serde_json::from_slice(body).ok()?)
    }

    /// The same of a body that was read as an object.
    pub fn of(object: &Map<String, Value>) -> Option<Self> {
        if let Some(first) = member(object, "Errors").and_then(|errors| errors.get(0)) {
            let first = first.as_object()?;
            return Some(Self {
                status: status(first, "code"),
                scim_type: text(first, "type"),
                detail: text(first, "description"),
            });
        }
        let error = Self {
            status: status(object, "status"),
            scim_type: text(object, "scimType"),
            detail: text(object, "detail"),
        };
        let named = names_schema(object, schema::ERROR);
        (named || error.scim_type.is_some() || error.detail.is_some()).then_some(error)
    }

    /// Whether the refusal says that a unique value is taken (RFC 7644 §3.12, `uniqueness`).
    pub fn is_uniqueness(&self) -> bool {
        self.scim_type.as_deref().is_some_and(|name| name.eq_ignore_ascii_case("uniqueness"))
    }
}

/// Whether a message names this schema.
pub fn names_schema(message: &Map<String, Value>, urn: &str) -> bool {
    let is_urn = |value: &Value| value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(urn));
    match member(message, "schemas") {
        Some(Value::Array(schemas)) => schemas.iter().any(is_urn),
        Some(single) => is_urn(single),
        None => false,
    }
}

fn status(object: &Map<String, Value>, name: &str) -> Option<u16> {
    let number = count(member(object, name)?)?;
    u16::try_from(number).ok()
}

fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
    member(object, name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// A number, also where it is written as a text.
pub(super) fn count(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}
