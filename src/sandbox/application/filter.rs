//! Filters (RFC 7644 §3.4.2.2): `eq`, `co`, `sw`, `pr`, `and`, parentheses and value paths.
//!
//! The application's own reading of the grammar; it knows the schemas, not the store.

use serde_json::{Map, Value};

use super::{
    record::{Refusal, ViolationKind},
    schema::{Attribute, AttributeType, Catalog, Kind, Place},
};

/// A parsed filter. Every name in it is an attribute of the schemas.
#[derive(Clone, Debug)]
pub(super) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Compare(Place, Test),
    /// `emails[type eq "work"]`, and after it, as Entra writes it, `.value eq "x"`.
    Element {
        place: Place,
        inner: Box<Filter>,
        then: Option<(Attribute, Test)>,
    },
}

/// One comparison.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Equals(Value),
    Contains(String),
    StartsWith(String),
    Present,
}

/// Where the names of a filter are looked up.
#[derive(Clone, Copy)]
pub(super) enum Scope<'a> {
    /// In a resource; `loose` allows a sub-attribute after a value path, which is not in the RFC.
    Resource { catalog: &'a Catalog, kind: Kind, loose: bool },
    /// In one element of a multi-valued attribute.
    Element(&'a Attribute),
}

impl Filter {
    /// Parses `text`.
    pub(super) fn parse(text: &str, scope: Scope<'_>) -> Result<Self, Refusal> {
        let mut parser = Parser { tokens: tokens(text)?, next: 0 };
        let filter = parser.conjunction(scope)?;
        match parser.tokens.get(parser.next) {
            None => Ok(filter),
            Some(token) => Err(invalid(format!("`{token}` is not expected here"))),
        }
    }

    /// Whether a resource's document, or an element, matches.
    pub(super) fn matches(&self, document: &Map<String, Value>) -> bool {
        match self {
            Self::And(left, right) => left.matches(document) && right.matches(document),
            Self::Compare(place, test) => place
                .root(document)
                .and_then(|root| root.get(&place.attribute.name))
                .is_some_and(|value| test.holds(value, &place.attribute, place.sub.as_ref())),
            Self::Element { place, inner, then } => {
                let value = place.root(document).and_then(|root| root.get(&place.attribute.name));
                let elements = value.and_then(Value::as_array).into_iter().flatten();
                elements.filter_map(Value::as_object).any(|element| {
                    inner.matches(element)
                        && then.as_ref().is_none_or(|(sub, test)| {
                            element.get(&sub.name).is_some_and(|v| test.holds(v, sub, None))
                        })
                })
            }
        }
    }

    /// The text a top-level `attribute eq "text"` asks for; such rows can be looked up.
    pub(super) fn sought(&self, attribute: &str) -> Option<&str> {
        match self {
            Self::And(left, right) => left.sought(attribute).or_else(|| right.sought(attribute)),
            Self::Compare(place, Test::Equals(Value::String(text)))
                if place.urn.is_none() && place.attribute.name == attribute =>
            {
                Some(text)
            }
            Self::Compare(..) | Self::Element { .. } => None,
        }
    }

    /// The attributes an element must have to match, where that is said by `eq` alone.
    pub(super) fn element(&self) -> Option<Map<String, Value>> {
        match self {
            Self::And(left, right) => {
                let mut both = left.element()?;
                both.extend(right.element()?);
                Some(both)
            }
            Self::Compare(place, Test::Equals(value)) => {
                Some(Map::from_iter([(place.attribute.name.clone(), value.clone())]))
            }
            Self::Compare(..) | Self::Element { .. } => None,
        }
    }
}

impl Place {
    /// The object that holds the attribute.
    pub(super) fn root<'a>(
        &self,
        document: &'a Map<String, Value>,
    ) -> Option<&'a Map<String, Value>> {
        match &self.urn {
            None => Some(document),
            Some(urn) => document.get(urn)?.as_object(),
        }
    }
}

impl Test {
    /// Any value of a multi-valued attribute may hold; a complex one is compared by its `value`.
    fn holds(&self, value: &Value, attribute: &Attribute, sub: Option<&Attribute>) -> bool {
        if let Some(elements) = value.as_array() {
            return elements.iter().any(|element| self.holds_one(element, attribute, sub));
        }
        self.holds_one(value, attribute, sub)
    }

    fn holds_one(&self, value: &Value, attribute: &Attribute, sub: Option<&Attribute>) -> bool {
        let (value, leaf) = match (value.as_object(), sub.or_else(|| attribute.sub("value"))) {
            (Some(element), Some(leaf)) => match element.get(&leaf.name) {
                Some(value) => (value, leaf),
                None => return false,
            },
            (None | Some(_), _) => (value, attribute),
        };
        let fold = |text: &str| {
            if leaf.case_exact { text.to_owned() } else { text.to_lowercase() }
        };
        let text = value.as_str().map(fold);
        match self {
            Self::Present => !value.is_null(),
            Self::Equals(Value::String(wanted)) => text.is_some_and(|text| text == fold(wanted)),
            Self::Equals(wanted) => value == wanted,
            Self::Contains(part) => text.is_some_and(|text| text.contains(&fold(part))),
            Self::StartsWith(start) => text.is_some_and(|text| text.starts_with(&fold(start))),
        }
    }
}

fn invalid(detail: impl Into<String>) -> Refusal {
    Refusal::bad("invalidFilter", ViolationKind::InvalidFilter, detail)
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Literal(Value),
    Mark(char),
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Word(word) => f.write_str(word),
            Self::Literal(value) => write!(f, "{value}"),
            Self::Mark(mark) => write!(f, "{mark}"),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, Refusal> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first == '"' {
            let mut literals = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
            let literal = literals.next().and_then(Result::ok);
            tokens.push(Token::Literal(literal.ok_or_else(|| invalid("a text has no end"))?));
            literals.byte_offset()
        } else if "()[]".contains(first) {
            tokens.push(Token::Mark(first));
            1
        } else {
            let end = |c: char| c.is_whitespace() || "()[]\"".contains(c);
            let length = rest.find(end).unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..length].to_owned()));
            length
        };
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
}

impl Parser {
    fn take(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.next).cloned();
        self.next += 1;
        token
    }

    fn take_mark(&mut self, mark: char) -> bool {
        let found = self.tokens.get(self.next) == Some(&Token::Mark(mark));
        self.next += usize::from(found);
        found
    }

    fn peek_word(&self, word: &str) -> bool {
        matches!(self.tokens.get(self.next), Some(Token::Word(w)) if w.eq_ignore_ascii_case(word))
    }

    fn conjunction(&mut self, scope: Scope<'_>) -> Result<Filter, Refusal> {
        let mut filter = self.term(scope)?;
        while self.peek_word("and") {
            self.next += 1;
            filter = Filter::And(Box::new(filter), Box::new(self.term(scope)?));
        }
        Ok(filter)
    }

    fn term(&mut self, scope: Scope<'_>) -> Result<Filter, Refusal> {
        if self.take_mark('(') {
            let filter = self.conjunction(scope)?;
            return if self.take_mark(')') { Ok(filter) } else { Err(invalid("`)` is missing")) };
        }
        let Some(Token::Word(name)) = self.take() else {
            return Err(invalid("an attribute name is missing"));
        };
        let place = scope
            .place(&name)
            .ok_or_else(|| invalid(format!("no schema has the attribute `{name}`")))?;
        if place.attribute.name == "meta" || place.attribute.mutability.is_write_only() {
            return Err(invalid(format!("`{name}` cannot be filtered on")));
        }
        if !self.take_mark('[') {
            let leaf = place.leaf();
            let test = self.test(&leaf)?;
            return Ok(Filter::Compare(place, test));
        }
        let Scope::Resource { loose, .. } = scope else {
            return Err(invalid("a value path inside a value path"));
        };
        if !place.attribute.multi_valued || place.sub.is_some() {
            return Err(invalid(format!("`{name}` has no elements to select from")));
        }
        let inner = Box::new(self.conjunction(Scope::Element(&place.attribute))?);
        if !self.take_mark(']') {
            return Err(invalid("`]` is missing"));
        }
        let then = self.after_value_path(&place.attribute, loose)?;
        Ok(Filter::Element { place, inner, then })
    }

    fn after_value_path(
        &mut self,
        attribute: &Attribute,
        loose: bool,
    ) -> Result<Option<(Attribute, Test)>, Refusal> {
        let Some(Token::Word(word)) = self.tokens.get(self.next) else { return Ok(None) };
        let Some(name) = word.strip_prefix('.') else { return Ok(None) };
        let found = attribute.sub(name).filter(|_| loose).cloned();
        let sub = found.ok_or_else(|| invalid(format!("`.{name}` after a value path")))?;
        self.next += 1;
        let test = self.test(&sub)?;
        Ok(Some((sub, test)))
    }

    fn test(&mut self, leaf: &Attribute) -> Result<Test, Refusal> {
        let Some(Token::Word(operator)) = self.take() else {
            return Err(invalid("an operator is missing"));
        };
        let operator = operator.to_ascii_lowercase();
        if operator == "pr" {
            return Ok(Test::Present);
        }
        let value = match self.take() {
            Some(Token::Literal(value)) => value,
            Some(Token::Word(word)) => serde_json::from_str(&word)
                .map_err(|_| invalid(format!("`{word}` is no JSON value")))?,
            Some(Token::Mark(_)) | None => return Err(invalid("a value is missing")),
        };
        let fits = match leaf.kind {
            AttributeType::Boolean => value.is_boolean(),
            AttributeType::Decimal | AttributeType::Integer => value.is_number(),
            AttributeType::Complex => false,
            AttributeType::String
            | AttributeType::DateTime
            | AttributeType::Binary
            | AttributeType::Reference => value.is_string(),
        };
        if !fits {
            return Err(invalid(format!("`{}` cannot be compared with {value}", leaf.name)));
        }
        match (operator.as_str(), value.as_str()) {
            ("eq", _) => Ok(Test::Equals(value)),
            ("co", Some(part)) => Ok(Test::Contains(part.to_owned())),
            ("sw", Some(start)) => Ok(Test::StartsWith(start.to_owned())),
            (other, _) => Err(invalid(format!("the operator `{other}` is not supported"))),
        }
    }
}

impl Scope<'_> {
    fn place(self, name: &str) -> Option<Place> {
        match self {
            Self::Resource { catalog, kind, .. } => catalog.resolve(kind, name),
            Self::Element(attribute) => {
                let attribute = attribute.sub(name)?.clone();
                Some(Place { urn: None, attribute, sub: None })
            }
        }
    }
}
