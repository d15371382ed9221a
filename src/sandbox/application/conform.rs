//! Whether values are what their attributes' schemas say, and what is stored of them.

use serde_json::{Map, Value};

use super::{
    record::{Refusal, ViolationKind},
    schema::{Attribute, AttributeType, Catalog, Kind, Mutability, find},
};

/// Judges the values of one request. What it lets through although it should not be is in `notes`.
pub(super) struct Conformity<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) kind: Kind,
    /// Whether Entra's old ways are taken.
    pub(super) legacy: bool,
    pub(super) notes: Vec<(ViolationKind, String)>,
}

/// Microsoft's own schema for groups, which only lenient services take.
const MICROSOFT_GROUP: &str =
    "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group";

impl Conformity<'_> {
    /// What is stored of a whole resource (POST, PUT): canonical names, only assigned attributes.
    pub(super) fn resource(
        &mut self,
        body: &Map<String, Value>,
        id: Option<&str>,
    ) -> Result<Map<String, Value>, Refusal> {
        let listed = self.schemas(body)?;
        let mut document = Map::new();
        for (key, value) in body {
            if key.eq_ignore_ascii_case("schemas") {
                continue;
            }
            if let Some((urn, attributes)) = self.catalog.extension(self.kind, key) {
                if !listed.iter().any(|schema| schema.eq_ignore_ascii_case(urn)) {
                    let detail = format!("`{urn}` is not in schemas");
                    let kind = ViolationKind::UnlistedExtension;
                    return Err(Refusal::bad("invalidSyntax", kind, detail));
                }
                let (urn, attributes) = (urn.to_owned(), attributes.to_vec());
                let object = value.as_object().ok_or_else(|| wrong_type(&urn, "an object"))?;
                let stored = self.object(object, &attributes, &urn)?;
                if !stored.is_empty() {
                    document.insert(urn, Value::Object(stored));
                }
                continue;
            }
            let one = Map::from_iter([(key.clone(), value.clone())]);
            if key.eq_ignore_ascii_case("id") && value.as_str() == id && id.is_some() {
                continue;
            }
            document.extend(self.object(&one, self.catalog.core(self.kind), "")?);
        }
        for attribute in self.catalog.core(self.kind).iter().filter(|a| a.required) {
            if !document.contains_key(&attribute.name) {
                let detail = format!("`{}` is required", attribute.name);
                let kind = ViolationKind::MissingRequired;
                return Err(Refusal::bad("invalidValue", kind, detail));
            }
        }
        Ok(document)
    }

    fn schemas(&self, body: &Map<String, Value>) -> Result<Vec<String>, Refusal> {
        let missing =
            |detail: String| Refusal::bad("invalidSyntax", ViolationKind::MissingSchemas, detail);
        let value = body.iter().find(|(key, _)| key.eq_ignore_ascii_case("schemas"));
        let Some(list) = value.and_then(|(_, value)| value.as_array()) else {
            return Err(missing("`schemas` is missing".to_owned()));
        };
        let mut listed = Vec::new();
        for schema in list {
            let schema = schema.as_str().ok_or_else(|| wrong_type("schemas", "text"))?;
            let known = schema.eq_ignore_ascii_case(self.kind.schema())
                || self.catalog.extension(self.kind, schema).is_some()
                || (self.legacy && schema == MICROSOFT_GROUP);
            if !known {
                let detail = format!("the schema `{schema}` is unknown");
                let kind = ViolationKind::UnknownSchema;
                return Err(Refusal::bad("invalidValue", kind, detail));
            }
            listed.push(schema.to_owned());
        }
        if listed.iter().any(|schema| schema.eq_ignore_ascii_case(self.kind.schema())) {
            Ok(listed)
        } else {
            Err(missing(format!("`schemas` lacks `{}`", self.kind.schema())))
        }
    }

    /// What is stored of an object with these attributes; `at` is its path, for messages.
    pub(super) fn object(
        &mut self,
        object: &Map<String, Value>,
        attributes: &[Attribute],
        at: &str,
    ) -> Result<Map<String, Value>, Refusal> {
        let mut stored = Map::new();
        for (key, value) in object {
            let path = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            let Some(attribute) = find(attributes, key) else {
                // Without the flag, Entra names a role by an attribute that no RFC has.
                if self.legacy && path == "roles.displayName" {
                    continue;
                }
                return Err(unknown(&path));
            };
            if attribute.mutability == Mutability::ReadOnly {
                if !self.legacy {
                    self.notes.push((ViolationKind::ReadOnly, format!("`{path}` is read-only")));
                }
                continue;
            }
            if let Some(value) = self.value(attribute, value, &path)? {
                stored.insert(attribute.name.clone(), value);
            }
        }
        Ok(stored)
    }

    /// What is stored of a whole attribute value; `None` where that is unassigned.
    pub(super) fn value(
        &mut self,
        attribute: &Attribute,
        value: &Value,
        at: &str,
    ) -> Result<Option<Value>, Refusal> {
        if !attribute.multi_valued || value.is_null() {
            return self.single(attribute, value, at);
        }
        let items = value.as_array().ok_or_else(|| wrong_type(at, "an array"))?;
        if items.is_empty() {
            self.empty(at);
            return Ok(None);
        }
        let mut stored: Vec<Value> = Vec::new();
        for item in items {
            if let Some(item) = self.single(attribute, item, at)? {
                stored.push(item);
            }
        }
        if stored.iter().filter(|item| item["primary"] == true).count() > 1 {
            let detail = format!("`{at}` has more than one primary value");
            return Err(Refusal::bad("invalidValue", ViolationKind::InvalidValue, detail));
        }
        Ok((!stored.is_empty()).then_some(Value::Array(stored)))
    }

    /// What is stored of one value, or of one element of a multi-valued attribute.
    pub(super) fn single(
        &mut self,
        attribute: &Attribute,
        value: &Value,
        at: &str,
    ) -> Result<Option<Value>, Refusal> {
        if value.is_null() {
            self.empty(at);
            return Ok(None);
        }
        match attribute.kind {
            AttributeType::Boolean => self.boolean(value, at).map(Some),
            AttributeType::Decimal if value.is_number() => Ok(Some(value.clone())),
            AttributeType::Integer if value.is_i64() || value.is_u64() => Ok(Some(value.clone())),
            AttributeType::Decimal | AttributeType::Integer => Err(wrong_type(at, "a number")),
            AttributeType::Complex => self.complex(attribute, value, at),
            AttributeType::String
            | AttributeType::DateTime
            | AttributeType::Binary
            | AttributeType::Reference => {
                let text = value.as_str().ok_or_else(|| wrong_type(at, "text"))?;
                check_text(attribute, text, at)?;
                Ok(Some(value.clone()))
            }
        }
    }

    fn boolean(&self, value: &Value, at: &str) -> Result<Value, Refusal> {
        let text = value.as_str().filter(|_| self.legacy).map(str::to_ascii_lowercase);
        match text.as_deref() {
            Some("true") => Ok(true.into()),
            Some("false") => Ok(false.into()),
            Some(_) | None if value.is_boolean() => Ok(value.clone()),
            Some(_) | None => Err(wrong_type(at, "a boolean")),
        }
    }

    fn complex(
        &mut self,
        attribute: &Attribute,
        value: &Value,
        at: &str,
    ) -> Result<Option<Value>, Refusal> {
        let loose = if self.legacy { loosened(value) } else { None };
        let value = loose.as_ref().unwrap_or(value);
        let object = value.as_object().ok_or_else(|| wrong_type(at, "an object"))?;
        let stored = self.object(object, &attribute.subs, at)?;
        if let Some(missing) =
            attribute.subs.iter().find(|sub| sub.required && !stored.contains_key(&sub.name))
        {
            let detail = format!("`{at}.{}` is required", missing.name);
            return Err(Refusal::bad("invalidValue", ViolationKind::MissingRequired, detail));
        }
        if object.is_empty() {
            self.empty(at);
        }
        Ok((!stored.is_empty()).then_some(Value::Object(stored)))
    }

    fn empty(&mut self, at: &str) {
        if !self.legacy {
            let detail = format!("`{at}` is null or empty; an unassigned attribute is left out");
            self.notes.push((ViolationKind::EmptyValue, detail));
        }
    }
}

/// The object Entra means by `"x"` or `[{"value": "x"}]` where one complex value belongs.
fn loosened(value: &Value) -> Option<Value> {
    match (value.as_str(), value.as_array().map(Vec::as_slice)) {
        (Some(text), _) => Some(serde_json::json!({ "value": text })),
        (None, Some([one])) => Some(one.clone()),
        (None, Some(_) | None) => None,
    }
}

fn check_text(attribute: &Attribute, text: &str, at: &str) -> Result<(), Refusal> {
    use base64::Engine as _;
    if text.is_empty() {
        let detail = format!("`{at}` is empty text");
        return Err(Refusal::bad("invalidValue", ViolationKind::EmptyValue, detail));
    }
    let valid = match attribute.kind {
        AttributeType::DateTime => chrono::DateTime::parse_from_rfc3339(text).is_ok(),
        AttributeType::Binary => base64::engine::general_purpose::STANDARD.decode(text).is_ok(),
        AttributeType::String
        | AttributeType::Reference
        | AttributeType::Boolean
        | AttributeType::Decimal
        | AttributeType::Integer
        | AttributeType::Complex => true,
    };
    if valid {
        return Ok(());
    }
    let detail = format!("`{at}` is not a valid {:?}", attribute.kind);
    Err(Refusal::bad("invalidValue", ViolationKind::InvalidValue, detail))
}

pub(super) fn wrong_type(at: &str, expected: &str) -> Refusal {
    let detail = format!("`{at}` must be {expected}");
    Refusal::bad("invalidValue", ViolationKind::WrongType, detail)
}

fn unknown(path: &str) -> Refusal {
    let detail = format!("no schema has the attribute `{path}`");
    Refusal::bad("invalidSyntax", ViolationKind::UnknownAttribute, detail)
}
