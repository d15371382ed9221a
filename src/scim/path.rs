//! Attribute paths, as mappings name them: `name.givenName`, `emails[type eq "work"].value`,
//! `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department`.

use std::{
    cell::RefCell, cmp::Ordering, collections::BTreeMap, fmt, ops::Deref, str::FromStr, sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::schema;

/// The schema of the enterprise extension (RFC 7643 §4.3).
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Paths that each thread keeps at hand: more than any configuration names.
const KEPT_MAX: usize = 1_024;

thread_local! {
    /// The paths that were parsed, by their texts: the state repeats the same few for everybody.
    static KEPT: RefCell<BTreeMap<Box<str>, AttributePath>> = RefCell::default();
}

/// A path to one attribute value (RFC 7644 §3.5.2, figure 1, as far as provisioning uses it).
///
/// Attribute names compare without case (RFC 7643 §2.1); the text is kept as written. Clones share
/// one value.
#[derive(Clone)]
pub struct AttributePath(Arc<PathParts>);

/// What a path is made of.
#[derive(Debug)]
pub struct PathParts {
    /// The schema of an extension attribute; `None` for core attributes.
    pub urn: Option<String>,
    /// The attribute's name.
    pub attribute: String,
    /// Which element of a multi-valued attribute.
    pub filter: Option<ValueFilter>,
    /// The sub-attribute.
    pub sub: Option<String>,
    /// As it is written.
    text: String,
    /// What it compares by: its parts in lower case, the filter's value as it is.
    key: String,
}

/// The filter in `emails[type eq "work"]`: one comparison for equality.
#[derive(Clone, Debug)]
pub struct ValueFilter {
    /// The sub-attribute compared.
    pub attribute: String,
    /// The value, as text: `work`, `True`.
    pub value: String,
}

/// Why a text is not a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a SCIM path: {problem} at character {position}")]
pub struct InvalidPath {
    /// The text.
    pub text: String,
    /// What is wrong.
    pub problem: &'static str,
    /// Where, counted in characters from 1.
    pub position: usize,
}

impl Deref for AttributePath {
    type Target = PathParts;

    fn deref(&self) -> &PathParts {
        &self.0
    }
}

impl AttributePath {
    /// The path of these parts.
    pub fn new(
        urn: Option<String>,
        attribute: String,
        filter: Option<ValueFilter>,
        sub: Option<String>,
    ) -> Self {
        let text = written((urn.as_deref(), &attribute), filter.as_ref(), sub.as_deref());
        let key = key((urn.as_deref(), &attribute), filter.as_ref(), sub.as_deref());
        Self(Arc::new(PathParts { urn, attribute, filter, sub, text, key }))
    }

    /// The whole attribute, with every element and sub-attribute.
    #[must_use]
    pub fn whole(&self) -> Self {
        Self::new(self.urn.clone(), self.attribute.clone(), None, None)
    }

    /// The element or value that the path leads into, without the sub-attribute.
    #[must_use]
    pub fn without_sub(&self) -> Self {
        Self::new(self.urn.clone(), self.attribute.clone(), self.filter.clone(), None)
    }

    /// The path as it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Parses a path.
    pub fn parse(text: &str) -> Result<Self, InvalidPath> {
        if let Some(path) = KEPT.with_borrow(|kept| kept.get(text).cloned()) {
            return Ok(path);
        }
        let path = Self::parse_anew(text)?;
        KEPT.with_borrow_mut(|kept| {
            if kept.len() < KEPT_MAX {
                kept.insert(text.into(), path.clone());
            }
        });
        Ok(path)
    }

    fn parse_anew(text: &str) -> Result<Self, InvalidPath> {
        let fail = |problem, byte: usize| InvalidPath {
            text: text.to_owned(),
            problem,
            position: text[..byte].chars().count() + 1,
        };
        let bracket = text.find('[');
        let head_end = bracket.unwrap_or(text.len());
        let (urn, name_start) = split_urn(text, head_end);
        if urn.is_some_and(|urn| urn.len() < 5) {
            return Err(fail("the schema is incomplete", 0));
        }
        let head = &text[name_start..head_end];
        let (attribute, head_sub) = match head.split_once('.') {
            Some((attribute, sub)) => (attribute, Some(sub)),
            None => (head, None),
        };
        check_name(attribute).map_err(|problem| fail(problem, name_start))?;
        let (urn, attribute) = (urn.map(str::to_owned), attribute.to_owned());
        if let Some(sub) = head_sub {
            check_name(sub).map_err(|problem| fail(problem, name_start + attribute.len() + 1))?;
        }
        let head_sub = head_sub.map(str::to_owned);
        let Some(open) = bracket else { return Ok(Self::new(urn, attribute, None, head_sub)) };
        if head_sub.is_some() {
            return Err(fail("a filter follows the attribute, not its sub-attribute", open));
        }
        let close = text.rfind(']').ok_or_else(|| fail("the `[` is not closed", open))?;
        let inside =
            text.get(open + 1..close).ok_or_else(|| fail("the `[` is not closed", open))?;
        let filter = parse_filter(inside).map_err(|problem| fail(problem, open + 1))?;
        let sub = match &text[close + 1..] {
            "" => None,
            rest => {
                let sub = rest
                    .strip_prefix('.')
                    .ok_or_else(|| fail("expected `.` and a sub-attribute", close + 1))?;
                check_name(sub).map_err(|problem| fail(problem, close + 2))?;
                Some(sub.to_owned())
            }
        };
        Ok(Self::new(urn, attribute, Some(filter), sub))
    }

    /// Whether it has one value at most: a part of an element, or what RFC 7643 §4 defines so. Of
    /// an attribute that no RFC defines nothing is known.
    pub fn is_single_valued(&self) -> bool {
        const SINGLE: [&str; 18] = [
            "id",
            "externalId",
            "userName",
            "displayName",
            "nickName",
            "profileUrl",
            "title",
            "userType",
            "preferredLanguage",
            "locale",
            "timezone",
            "active",
            "password",
            "employeeNumber",
            "costCenter",
            "organization",
            "division",
            "department",
        ];
        let is_defined = match self.urn.as_deref() {
            None => true,
            Some(urn) => schema::is_core(urn) || urn.eq_ignore_ascii_case(ENTERPRISE_USER),
        };
        self.sub.is_some()
            || self.filter.is_some()
            || (is_defined && SINGLE.iter().any(|name| self.attribute.eq_ignore_ascii_case(name)))
    }

    /// Whether text values of the attribute compare with case (RFC 7643 §4.1, `caseExact`).
    ///
    /// Of the core attributes only ids are case-exact; extension attributes are taken as exact,
    /// which at worst writes a value that differs in case only.
    pub fn case_exact(&self) -> bool {
        self.urn.is_some()
            || ["id", "externalId"].iter().any(|name| self.attribute.eq_ignore_ascii_case(name))
    }

    /// Whether this is `active`, the attribute that enables and disables an account.
    pub fn is_active(&self) -> bool {
        self.urn.is_none() && self.sub.is_none() && self.attribute.eq_ignore_ascii_case("active")
    }

    /// Whether this is `userName`.
    pub fn is_user_name(&self) -> bool {
        self.urn.is_none() && self.sub.is_none() && self.attribute.eq_ignore_ascii_case("userName")
    }

    /// Whether this is `displayName`, the one attribute that every group has (RFC 7643 §4.2).
    pub fn is_display_name(&self) -> bool {
        self.urn.is_none()
            && self.sub.is_none()
            && self.attribute.eq_ignore_ascii_case("displayName")
    }

    /// Whether this is `members`, whole.
    pub fn is_members(&self) -> bool {
        self.urn.is_none()
            && self.sub.is_none()
            && self.filter.is_none()
            && self.attribute.eq_ignore_ascii_case("members")
    }
}

/// A path as text.
fn written(
    (urn, attribute): (Option<&str>, &str),
    filter: Option<&ValueFilter>,
    sub: Option<&str>,
) -> String {
    let urn = urn.map(|urn| format!("{urn}:")).unwrap_or_default();
    let filter = filter.map(|filter| {
        let value = serde_json::Value::from(filter.value.as_str());
        format!("[{} eq {value}]", filter.attribute)
    });
    let sub = sub.map(|sub| format!(".{sub}")).unwrap_or_default();
    format!("{urn}{attribute}{}{sub}", filter.unwrap_or_default())
}

/// What paths compare by. The parts end with a character that stands in none of them, and that is
/// before all others, so that the texts compare as the parts would one after the other.
fn key(
    (urn, attribute): (Option<&str>, &str),
    filter: Option<&ValueFilter>,
    sub: Option<&str>,
) -> String {
    let urn = urn.unwrap_or_default().to_ascii_lowercase();
    let filter = filter.map_or_else(String::new, |filter| {
        // Escaped as in JSON, so that its value cannot hold the end of a part either.
        let value = serde_json::Value::from(filter.value.as_str());
        format!("{}\0{value}", filter.attribute.to_ascii_lowercase())
    });
    let (attribute, sub) =
        (attribute.to_ascii_lowercase(), sub.unwrap_or_default().to_ascii_lowercase());
    format!("{urn}\0{attribute}\0{filter}\0{sub}")
}

/// Splits `urn:…:User:attribute` before its last colon; a version such as `2.0` holds no colon.
fn split_urn(text: &str, head_end: usize) -> (Option<&str>, usize) {
    let head = &text[..head_end];
    if !head.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("urn:")) {
        return (None, 0);
    }
    match head.rfind(':') {
        Some(colon) => (Some(&head[..colon]), colon + 1),
        None => (None, 0),
    }
}

fn check_name(name: &str) -> Result<(), &'static str> {
    let mut chars = name.chars();
    match chars.next() {
        None => return Err("an attribute name is missing"),
        Some(first) if first.is_ascii_alphabetic() || first == '$' || first == '_' => {}
        Some(_) => return Err("an attribute name starts with a letter"),
    }
    if chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$')) {
        Ok(())
    } else {
        Err("an attribute name holds letters, digits, `-`, `_` and `$` only")
    }
}

fn parse_filter(inside: &str) -> Result<ValueFilter, &'static str> {
    const SHAPE: &str = "expected a filter such as `type eq \"work\"`";
    let (attribute, rest) = inside.trim().split_once(char::is_whitespace).ok_or(SHAPE)?;
    check_name(attribute)?;
    let (operator, literal) = rest.trim_start().split_once(char::is_whitespace).ok_or(SHAPE)?;
    if !operator.eq_ignore_ascii_case("eq") {
        return Err("only `eq` is possible in the filter of a mapping");
    }
    let value = match serde_json::from_str(literal.trim()) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(serde_json::Value::Bool(flag)) => if flag { "True" } else { "False" }.to_owned(),
        _ => return Err(SHAPE),
    };
    Ok(ValueFilter { attribute: attribute.to_owned(), value })
}

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AttributePath").field(&self.text).finish()
    }
}

impl FromStr for AttributePath {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        Self::parse(text)
    }
}

impl PartialEq for AttributePath {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.key == other.key
    }
}

impl Eq for AttributePath {}

impl PartialOrd for AttributePath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for AttributePath {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl Serialize for AttributePath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for AttributePath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&raw).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_print_as_they_were_written() {
        for text in [
            "userName",
            "name.givenName",
            r#"emails[type eq "work"].value"#,
            r#"roles[primary eq "True"].value"#,
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
            r#"addresses[type eq "a\"b"].streetAddress"#,
        ] {
            assert_eq!(AttributePath::parse(text).expect(text).to_string(), text);
        }
    }

    #[test]
    fn names_compare_without_case_and_filter_values_with_it() {
        let parse = |text| AttributePath::parse(text).expect(text);
        assert_eq!(parse("USERNAME"), parse("userName"));
        assert_ne!(parse(r#"emails[type eq "Work"]"#), parse(r#"emails[type eq "work"]"#));
    }

    #[test]
    fn a_bad_path_says_where_and_why() {
        let error = AttributePath::parse("emails[type co \"w\"].value").expect_err("`co`");
        assert_eq!(error.problem, "only `eq` is possible in the filter of a mapping");
        assert_eq!(error.position, 8);
        for bad in
            ["", ".", "a b", "a[", "a[]", "a[x eq 1]", "urn:x", "a].b", "ü", "a[x eq \"y\"]z"]
        {
            AttributePath::parse(bad).expect_err(bad);
        }
    }
}
