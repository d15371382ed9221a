//! Attribute paths, as mappings name them: `name.givenName`, `emails[type eq "work"].value`,
//! `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department`.

use std::{cmp::Ordering, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::schema;

/// The schema of the enterprise extension (RFC 7643 §4.3).
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// A path to one attribute value (RFC 7644 §3.5.2, figure 1, as far as provisioning uses it).
///
/// Attribute names compare without case (RFC 7643 §2.1); the text is kept as written.
#[derive(Clone, Debug)]
pub struct AttributePath {
    /// The schema of an extension attribute; `None` for core attributes.
    pub urn: Option<String>,
    /// The attribute's name.
    pub attribute: String,
    /// Which element of a multi-valued attribute.
    pub filter: Option<ValueFilter>,
    /// The sub-attribute.
    pub sub: Option<String>,
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

impl AttributePath {
    /// Parses a path.
    pub fn parse(text: &str) -> Result<Self, InvalidPath> {
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
        let mut path = Self {
            urn: urn.map(str::to_owned),
            attribute: attribute.to_owned(),
            filter: None,
            sub: None,
        };
        if let Some(sub) = head_sub {
            check_name(sub).map_err(|problem| fail(problem, name_start + attribute.len() + 1))?;
            path.sub = Some(sub.to_owned());
        }
        let Some(open) = bracket else { return Ok(path) };
        if path.sub.is_some() {
            return Err(fail("a filter follows the attribute, not its sub-attribute", open));
        }
        let close = text.rfind(']').ok_or_else(|| fail("the `[` is not closed", open))?;
        let inside =
            text.get(open + 1..close).ok_or_else(|| fail("the `[` is not closed", open))?;
        path.filter = Some(parse_filter(inside).map_err(|problem| fail(problem, open + 1))?);
        match &text[close + 1..] {
            "" => {}
            rest => {
                let sub = rest
                    .strip_prefix('.')
                    .ok_or_else(|| fail("expected `.` and a sub-attribute", close + 1))?;
                check_name(sub).map_err(|problem| fail(problem, close + 2))?;
                path.sub = Some(sub.to_owned());
            }
        }
        Ok(path)
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

/// Compares two names without case, and without a copy of either: this is done for each attribute
/// of each person many times.
fn caseless(one: &str, other: &str) -> Ordering {
    if one == other {
        return Ordering::Equal;
    }
    let lower = |byte: u8| byte.to_ascii_lowercase();
    one.bytes().map(lower).cmp(other.bytes().map(lower))
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
        if let Some(urn) = &self.urn {
            write!(f, "{urn}:")?;
        }
        f.write_str(&self.attribute)?;
        if let Some(filter) = &self.filter {
            let value = serde_json::Value::from(filter.value.as_str());
            write!(f, "[{} eq {value}]", filter.attribute)?;
        }
        if let Some(sub) = &self.sub {
            write!(f, ".{sub}")?;
        }
        Ok(())
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
        self.cmp(other) == Ordering::Equal
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
        fn text(part: Option<&String>) -> &str {
            part.map_or("", String::as_str)
        }
        caseless(text(self.urn.as_ref()), text(other.urn.as_ref()))
            .then_with(|| caseless(&self.attribute, &other.attribute))
            .then_with(|| match (&self.filter, &other.filter) {
                (Some(one), Some(other)) => caseless(&one.attribute, &other.attribute)
                    .then_with(|| one.value.cmp(&other.value)),
                (one, other) => one.is_some().cmp(&other.is_some()),
            })
            .then_with(|| caseless(text(self.sub.as_ref()), text(other.sub.as_ref())))
    }
}

impl Serialize for AttributePath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
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
