//! PATCH (RFC 7644 §3.5.2): parsing the message and its paths, applying the operations.
//!
//! Works on a copy of one resource's document; all operations apply or none does.

use serde_json::{Map, Value};

use super::{
    conform::{Conformity, wrong_type},
    filter::{Filter, Scope},
    record::{Refusal, ViolationKind},
    schema::{Attribute, ENTERPRISE, Mutability, Place},
};

const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Add,
    Remove,
    Replace,
}

struct Operation<'a> {
    verb: Verb,
    path: Option<&'a str>,
    value: Option<&'a Value>,
}

/// `attribute`, `attribute.sub`, `attribute[filter]` or `attribute[filter].sub`.
struct Path {
    place: Place,
    filter: Option<Filter>,
    text: String,
}

/// Applies a PATCH message to `document`.
pub(super) fn apply(
    rules: &mut Conformity<'_>,
    body: &Map<String, Value>,
    document: &mut Map<String, Value>,
) -> Result<(), Refusal> {
    for operation in operations(rules, body)? {
        match operation.path {
            Some(text) => {
                let path = parse_path(rules, text)?;
                at_path(rules, document, operation.verb, &path, operation.value)?;
            }
            None => without_path(rules, document, &operation)?,
        }
    }
    Ok(())
}

fn malformed(detail: impl Into<String>) -> Refusal {
    Refusal::bad("invalidSyntax", ViolationKind::MalformedBody, detail)
}

fn operations<'a>(
    rules: &Conformity<'_>,
    body: &'a Map<String, Value>,
) -> Result<Vec<Operation<'a>>, Refusal> {
    let schemas = body.get("schemas").and_then(Value::as_array);
    if !schemas.is_some_and(|list| list.iter().any(|schema| schema == PATCH_OP)) {
        let detail = format!("`schemas` lacks `{PATCH_OP}`");
        return Err(Refusal::bad("invalidSyntax", ViolationKind::MissingSchemas, detail));
    }
    if let Some(key) = body.keys().find(|key| !["schemas", "Operations"].contains(&key.as_str())) {
        return Err(malformed(format!("a PATCH message has no `{key}`")));
    }
    let list = body.get("Operations").and_then(Value::as_array);
    let list = list.ok_or_else(|| malformed("`Operations` is missing"))?;
    if list.is_empty() {
        let detail = "`Operations` holds one or more operations";
        return Err(Refusal::bad("invalidSyntax", ViolationKind::NoOperations, detail));
    }
    list.iter().map(|operation| parse_operation(rules, operation)).collect()
}

fn parse_operation<'a>(
    rules: &Conformity<'_>,
    operation: &'a Value,
) -> Result<Operation<'a>, Refusal> {
    let object = operation.as_object().ok_or_else(|| malformed("an operation is an object"))?;
    if let Some(key) = object.keys().find(|key| !["op", "path", "value"].contains(&key.as_str())) {
        return Err(malformed(format!("an operation has no `{key}`")));
    }
    let op = object.get("op").and_then(Value::as_str).unwrap_or_default();
    let verb = match op.to_ascii_lowercase().as_str() {
        "add" => Verb::Add,
        "remove" => Verb::Remove,
        "replace" => Verb::Replace,
        _ => {
            let detail = format!("`{op}` is not an operation");
            return Err(Refusal::bad("invalidSyntax", ViolationKind::UnknownOperation, detail));
        }
    };
    if !rules.legacy && op != op.to_ascii_lowercase() {
        let detail = format!("`{op}` is not in lower case");
        return Err(Refusal::bad("invalidSyntax", ViolationKind::OperationCase, detail));
    }
    let path = match object.get("path") {
        Some(path) => Some(path.as_str().ok_or_else(|| malformed("`path` is text"))?),
        None => None,
    };
    let value = object.get("value");
    if verb != Verb::Remove && value.is_none() {
        return Err(malformed(format!("`{op}` needs a value")));
    }
    Ok(Operation { verb, path, value })
}

fn parse_path(rules: &Conformity<'_>, text: &str) -> Result<Path, Refusal> {
    let invalid = |detail: String| Refusal::bad("invalidPath", ViolationKind::InvalidPath, detail);
    let (head, selection) = match text.split_once('[') {
        Some((head, rest)) => {
            let (inside, tail) =
                rest.rsplit_once(']').ok_or_else(|| invalid(format!("`{text}` lacks `]`")))?;
            (head, Some((inside, tail)))
        }
        None => (text, None),
    };
    let unknown = || {
        let detail = format!("no schema has the attribute `{text}`");
        Refusal::bad("invalidPath", ViolationKind::UnknownAttribute, detail)
    };
    // Entra's old requests name the manager without its schema.
    let manager = format!("{ENTERPRISE}:manager");
    let bare = rules.legacy && head.eq_ignore_ascii_case("manager");
    let head = if bare { manager.as_str() } else { head };
    let mut place = rules.catalog.resolve(rules.kind, head).ok_or_else(unknown)?;
    let mut filter = None;
    if let Some((inside, tail)) = selection {
        if !place.attribute.multi_valued || place.sub.is_some() {
            return Err(invalid(format!("`{head}` has no elements to select from")));
        }
        let parsed = Filter::parse(inside, Scope::Element(&place.attribute));
        filter = Some(parsed.map_err(|refusal| invalid(refusal.detail))?);
        if !tail.is_empty() {
            let sub = tail.strip_prefix('.').ok_or_else(|| invalid(format!("`{tail}`")))?;
            place.sub = Some(place.attribute.sub(sub).ok_or_else(unknown)?.clone());
        }
    } else if place.attribute.multi_valued && place.sub.is_some() {
        return Err(invalid(format!("`{text}` does not say of which element")));
    }
    Ok(Path { place, filter, text: text.to_owned() })
}

fn without_path(
    rules: &mut Conformity<'_>,
    document: &mut Map<String, Value>,
    operation: &Operation<'_>,
) -> Result<(), Refusal> {
    if operation.verb == Verb::Remove {
        let detail = "`remove` needs a path";
        return Err(Refusal::bad("noTarget", ViolationKind::NoTarget, detail));
    }
    let value = operation.value.and_then(Value::as_object);
    let value = value.ok_or_else(|| wrong_type("value", "an object where there is no path"))?;
    for (key, value) in value {
        let extension = rules.catalog.extension(rules.kind, key).map(|(urn, _)| urn.to_owned());
        if let Some(urn) = extension {
            let nested = value.as_object().ok_or_else(|| wrong_type(&urn, "an object"))?;
            for (name, value) in nested {
                let path = attribute_key(rules, &format!("{urn}:{name}"), name)?;
                at_path(rules, document, operation.verb, &path, Some(value))?;
            }
            continue;
        }
        let path =
            if rules.legacy { parse_path(rules, key)? } else { attribute_key(rules, key, key)? };
        at_path(rules, document, operation.verb, &path, Some(value))?;
    }
    Ok(())
}

/// A key of a value without a path is the name of an attribute, not a path.
fn attribute_key(rules: &Conformity<'_>, text: &str, name: &str) -> Result<Path, Refusal> {
    if name.contains(['.', ':', '[']) {
        let detail = format!("no schema has an attribute named `{name}`");
        return Err(Refusal::bad("invalidSyntax", ViolationKind::UnknownAttribute, detail));
    }
    parse_path(rules, text)
}

fn at_path(
    rules: &mut Conformity<'_>,
    document: &mut Map<String, Value>,
    verb: Verb,
    path: &Path,
    value: Option<&Value>,
) -> Result<(), Refusal> {
    check_mutable(path, verb)?;
    let place = &path.place;
    let mut root = match &place.urn {
        None => std::mem::take(document),
        Some(urn) => match document.remove(urn) {
            Some(Value::Object(root)) => root,
            Some(_) | None => Map::new(),
        },
    };
    let before = root.get(&place.attribute.name).cloned();
    match verb {
        Verb::Remove => remove(rules, &mut root, path, value)?,
        Verb::Add | Verb::Replace => {
            let value = value.ok_or_else(|| malformed("a value is missing"))?;
            match &path.filter {
                Some(filter) => select(rules, &mut root, verb, path, filter, value)?,
                None => assign(rules, &mut root, verb, path, value)?,
            }
        }
    }
    if let Some(after) = root.get_mut(&place.attribute.name) {
        settle_primary(before.as_ref(), after);
    }
    if place.attribute.required && !root.contains_key(&place.attribute.name) {
        let detail = format!("`{}` is required", path.text);
        return Err(Refusal::bad("mutability", ViolationKind::MissingRequired, detail));
    }
    match &place.urn {
        None => *document = root,
        Some(urn) if !root.is_empty() => {
            document.insert(urn.clone(), Value::Object(root));
        }
        Some(_) => {}
    }
    Ok(())
}

fn check_mutable(path: &Path, verb: Verb) -> Result<(), Refusal> {
    let refuse = |detail: String| Err(Refusal::bad("mutability", ViolationKind::ReadOnly, detail));
    let leaf = path.place.sub.as_ref().unwrap_or(&path.place.attribute);
    if path.place.attribute.mutability == Mutability::ReadOnly
        || leaf.mutability == Mutability::ReadOnly
    {
        return refuse(format!("`{}` is read-only", path.text));
    }
    if leaf.mutability == Mutability::Immutable {
        return refuse(format!("`{}` is immutable", path.text));
    }
    if verb == Verb::Remove && leaf.required && path.filter.is_none() {
        let detail = format!("`{}` is required", path.text);
        return Err(Refusal::bad("mutability", ViolationKind::MissingRequired, detail));
    }
    Ok(())
}

/// `add` and `replace` without a value filter.
fn assign(
    rules: &mut Conformity<'_>,
    root: &mut Map<String, Value>,
    verb: Verb,
    path: &Path,
    value: &Value,
) -> Result<(), Refusal> {
    let attribute = &path.place.attribute;
    if let Some(sub) = &path.place.sub {
        let stored = rules.value(sub, value, &path.text)?;
        let mut object = take_object(root, attribute);
        put(&mut object, sub, stored);
        put(root, attribute, (!object.is_empty()).then_some(Value::Object(object)));
    } else if attribute.multi_valued && verb == Verb::Add {
        let wrapped = Value::Array(vec![value.clone()]);
        let list = if value.is_object() { &wrapped } else { value };
        let Some(Value::Array(added)) = rules.value(attribute, list, &path.text)? else {
            return Ok(());
        };
        let mut elements = take_elements(root, attribute);
        for element in added {
            if !elements.iter().any(|known| same_element(attribute, known, &element)) {
                elements.push(element);
            }
        }
        put(root, attribute, Some(Value::Array(elements)));
    } else {
        let stored = rules.value(attribute, value, &path.text)?;
        match stored {
            Some(Value::Object(changes)) => {
                let mut object = take_object(root, attribute);
                object.extend(changes);
                put(root, attribute, Some(Value::Object(object)));
            }
            other => put(root, attribute, other),
        }
    }
    Ok(())
}

/// `add` and `replace` of the elements a value filter selects.
fn select(
    rules: &mut Conformity<'_>,
    root: &mut Map<String, Value>,
    verb: Verb,
    path: &Path,
    filter: &Filter,
    value: &Value,
) -> Result<(), Refusal> {
    let attribute = &path.place.attribute;
    let mut elements = take_elements(root, attribute);
    let selected = |element: &Value| element.as_object().is_some_and(|o| filter.matches(o));
    if !elements.iter().any(selected) {
        match filter.element().filter(|_| rules.legacy) {
            Some(element) => elements.push(Value::Object(element)),
            None => return Err(no_target(path)),
        }
    }
    for element in elements.iter_mut().filter(|element| selected(element)) {
        let Some(object) = element.as_object_mut() else { continue };
        if let Some(sub) = &path.place.sub {
            put(object, sub, rules.value(sub, value, &path.text)?);
            continue;
        }
        let stored = rules.single(attribute, value, &path.text)?;
        let Some(Value::Object(stored)) = stored else { continue };
        if verb == Verb::Replace {
            object.clear();
        }
        object.extend(stored);
    }
    elements.retain(|element| element.as_object().is_some_and(|object| !object.is_empty()));
    put(root, attribute, (!elements.is_empty()).then_some(Value::Array(elements)));
    Ok(())
}

fn remove(
    rules: &mut Conformity<'_>,
    root: &mut Map<String, Value>,
    path: &Path,
    value: Option<&Value>,
) -> Result<(), Refusal> {
    let attribute = &path.place.attribute;
    if let Some(value) = value {
        let by_value = rules.legacy && attribute.multi_valued && path.filter.is_none();
        if !by_value {
            let detail = format!("`remove` of `{}` has a value", path.text);
            return Err(Refusal::bad("invalidSyntax", ViolationKind::RemoveWithValue, detail));
        }
        let removed = rules.value(attribute, value, &path.text)?;
        let removed = removed.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
        let mut elements = take_elements(root, attribute);
        elements.retain(|element| !removed.iter().any(|gone| gone["value"] == element["value"]));
        put(root, attribute, (!elements.is_empty()).then_some(Value::Array(elements)));
        return Ok(());
    }
    match (&path.filter, &path.place.sub) {
        (None, None) => put(root, attribute, None),
        (None, Some(sub)) => {
            let mut object = take_object(root, attribute);
            put(&mut object, sub, None);
            put(root, attribute, (!object.is_empty()).then_some(Value::Object(object)));
        }
        (Some(filter), sub) => {
            let mut elements = take_elements(root, attribute);
            let selected = |element: &Value| element.as_object().is_some_and(|o| filter.matches(o));
            if !elements.iter().any(selected) {
                return Err(no_target(path));
            }
            match sub {
                None => elements.retain(|element| !selected(element)),
                Some(sub) => {
                    for element in elements.iter_mut().filter(|element| selected(element)) {
                        element.as_object_mut().map(|object| object.remove(&sub.name));
                    }
                    elements.retain(|e| e.as_object().is_some_and(|object| !object.is_empty()));
                }
            }
            put(root, attribute, (!elements.is_empty()).then_some(Value::Array(elements)));
        }
    }
    Ok(())
}

fn no_target(path: &Path) -> Refusal {
    let detail = format!("no value matches `{}`", path.text);
    Refusal::bad("noTarget", ViolationKind::NoTarget, detail)
}

fn put(object: &mut Map<String, Value>, attribute: &Attribute, value: Option<Value>) {
    match value {
        Some(value) => object.insert(attribute.name.clone(), value),
        None => object.remove(&attribute.name),
    };
}

fn take_object(root: &mut Map<String, Value>, attribute: &Attribute) -> Map<String, Value> {
    match root.remove(&attribute.name) {
        Some(Value::Object(object)) => object,
        Some(_) | None => Map::new(),
    }
}

fn take_elements(root: &mut Map<String, Value>, attribute: &Attribute) -> Vec<Value> {
    match root.remove(&attribute.name) {
        Some(Value::Array(elements)) => elements,
        Some(_) | None => Vec::new(),
    }
}

/// A member is the same whoever describes it how; other elements are compared whole.
fn same_element(attribute: &Attribute, left: &Value, right: &Value) -> bool {
    let by_value = attribute.subs.iter().any(|sub| sub.name == "value" && sub.required);
    if by_value { left["value"] == right["value"] } else { left == right }
}

/// A newly primary element makes the others not primary (RFC 7644 §3.5.2).
fn settle_primary(before: Option<&Value>, after: &mut Value) {
    let Some(elements) = after.as_array_mut() else { return };
    let primary = |element: &Value| element["primary"] == true;
    if elements.iter().filter(|element| primary(element)).count() < 2 {
        return;
    }
    let old: Vec<&Value> =
        before.and_then(Value::as_array).into_iter().flatten().filter(|e| primary(e)).collect();
    for element in elements.iter_mut().filter(|element| old.contains(&&**element)) {
        element["primary"] = false.into();
    }
}
