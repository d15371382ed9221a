//! Attribute values as one JSON text in a fixed form, read off a wire without a tree in between.
//!
//! The form is what serde_json writes of an [`Attributes`]: names sorted, the last of several equal
//! ones, no space, as few escapes as JSON allows. So equal values are equal texts, also with a text
//! that an earlier version stored.

use std::{borrow::Cow, fmt};

use serde::de::{self, DeserializeSeed, Deserializer as _, IgnoredAny, MapAccess, SeqAccess};
use serde_json::Value;

use super::Attributes;

/// Room for the text of one object: most need no more.
const TEXT_BYTES: usize = 1_024;

/// Members of one object: most have no more.
const MEMBERS: usize = 32;

/// Names that serde_json keeps for itself and would read back as something else.
const RESERVED: &str = "$serde_json::private::";

/// The attribute values of one object as JSON, nulls left out.
#[derive(Clone, PartialEq, Eq)]
pub struct AttributesText(Box<str>);

impl AttributesText {
    /// The JSON: one object.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The values.
    pub fn values(&self) -> Attributes {
        serde_json::from_str(&self.0).expect("only JSON is ever put into this type")
    }

    /// One value; the others are skipped.
    pub fn get(&self, name: &str) -> Option<Value> {
        serde_json::Deserializer::from_str(&self.0).deserialize_map(Search(name)).ok().flatten()
    }

    /// One value, where it is a text.
    pub fn text(&self, name: &str) -> Option<String> {
        match self.get(name) {
            Some(Value::String(text)) => Some(text),
            Some(_) | None => None,
        }
    }
}

impl Default for AttributesText {
    fn default() -> Self {
        Self("{}".into())
    }
}

impl fmt::Debug for AttributesText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&Attributes> for AttributesText {
    fn from(attributes: &Attributes) -> Self {
        let text = serde_json::to_string(attributes).expect("names are texts");
        Self(text.into())
    }
}

/// Looks for one member.
struct Search<'n>(&'n str);

impl<'de> de::Visitor<'de> for Search<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Value>, A::Error> {
        let mut found = None;
        while let Some(AttributeName(name)) = map.next_key()? {
            if name == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// The name of a member, borrowed where the wire writes it without escapes.
pub struct AttributeName<'de>(pub Cow<'de, str>);

impl<'de> de::Deserialize<'de> for AttributeName<'de> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Name;
        impl<'de> de::Visitor<'de> for Name {
            type Value = AttributeName<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<AttributeName<'de>, E> {
                Ok(AttributeName(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<AttributeName<'de>, E> {
                Ok(AttributeName(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(Name)
    }
}

/// Collects the members of one object as they arrive.
pub struct AttributesReader<'de> {
    text: String,
    members: Members<'de>,
}

impl<'de> AttributesReader<'de> {
    /// Without any member yet.
    #[expect(clippy::new_without_default, reason = "nobody wants an empty reader by chance")]
    pub fn new() -> Self {
        let mut text = String::with_capacity(TEXT_BYTES);
        text.push('{');
        let members = Members { start: 1, found: Vec::with_capacity(MEMBERS), is_sorted: true };
        Self { text, members }
    }

    /// Reads the value that follows in `map` and keeps it under `name`.
    pub fn read<A: MapAccess<'de>>(
        &mut self,
        name: Cow<'de, str>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        self.members.read(&mut self.text, name, map)?;
        if let Some(last) = self.members.found.last_mut()
            && self.text[last.value..] == *"null"
        {
            self.text.truncate(last.comma);
            last.end = last.value;
        }
        Ok(())
    }

    /// The values, and whether there is one beside empty lists.
    pub fn finish(mut self) -> (AttributesText, bool) {
        let is_told = self.members.finish(&mut self.text);
        self.text.push('}');
        (AttributesText(self.text.into()), is_told)
    }
}

/// The members of an object that is being written at the end of a text.
struct Members<'de> {
    /// Where the first one is.
    start: usize,
    found: Vec<Member<'de>>,
    /// Whether they came in order, and each once.
    is_sorted: bool,
}

/// Where in the text one member is: a comma if it is not the first, name, colon and value.
struct Member<'de> {
    name: Cow<'de, str>,
    comma: usize,
    begin: usize,
    value: usize,
    /// Where the value is where it was taken out again.
    end: usize,
}

impl<'de> Members<'de> {
    fn read<A: MapAccess<'de>>(
        &mut self,
        text: &mut String,
        name: Cow<'de, str>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let comma = text.len();
        if comma > self.start {
            text.push(',');
        }
        let begin = text.len();
        write_text(text, &name);
        text.push(':');
        let value = text.len();
        map.next_value_seed(Canonical(text))?;
        self.is_sorted &= self.found.last().is_none_or(|last| last.name < name);
        self.found.push(Member { name, comma, begin, value, end: text.len() });
        Ok(())
    }

    /// Brings the members into order, the last of each name; whether one is no empty list.
    fn finish(mut self, text: &mut String) -> bool {
        if !self.is_sorted {
            // Stable, so that the last of equal names stays the last of them.
            self.found.sort_by(|one, other| one.name.cmp(&other.name));
            self.found.reverse();
            self.found.dedup_by(|later, first| later.name == first.name);
            self.found.reverse();
        }
        let stays = |member: &&Member<'_>| member.end > member.value;
        let is_told = self.found.iter().filter(stays).any(|m| text[m.value..m.end] != *"[]");
        if !self.is_sorted {
            let mut sorted = String::with_capacity(text.len() - self.start);
            for member in self.found.iter().filter(stays) {
                if !sorted.is_empty() {
                    sorted.push(',');
                }
                sorted.push_str(&text[member.begin..member.end]);
            }
            text.truncate(self.start);
            text.push_str(&sorted);
        }
        is_told
    }
}

/// Writes whatever value comes at the end of a text.
struct Canonical<'t>(&'t mut String);

impl<'de> DeserializeSeed<'de> for Canonical<'_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> de::Visitor<'de> for Canonical<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.0.push_str("null");
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.0.push_str(if value { "true" } else { "false" });
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.0.push_str(&value.to_string());
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.0.push_str(&value.to_string());
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.0.push_str(&Value::from(value).to_string());
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        write_text(self.0, value);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.0.push('[');
        let start = self.0.len();
        loop {
            let comma = self.0.len();
            if comma > start {
                self.0.push(',');
            }
            if list.next_element_seed(Canonical(self.0))?.is_none() {
                self.0.truncate(comma);
                self.0.push(']');
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.push('{');
        let start = self.0.len();
        let mut members = Members { start, found: Vec::new(), is_sorted: true };
        while let Some(AttributeName(name)) = map.next_key()? {
            if name.starts_with(RESERVED) {
                return Err(de::Error::custom("a member has a reserved name"));
            }
            members.read(self.0, name, &mut map)?;
        }
        members.finish(self.0);
        self.0.push('}');
        Ok(())
    }
}

/// Writes a text between quotes. Most need no escape, and are copied whole.
fn write_text(text: &mut String, value: &str) {
    let escapes = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    // Without a way out in the middle, so that the compiler looks at many bytes at once.
    if value.bytes().fold(false, |any, byte| any | escapes(byte)) {
        text.push_str(&serde_json::to_string(value).expect("every text is JSON"));
    } else {
        text.push('"');
        text.push_str(value);
        text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;
    use serde::Deserialize as _;

    use super::*;

    /// JSON as it may stand on a wire: names come again, in any order, in any spelling.
    #[derive(Clone, Debug)]
    enum Wire {
        Null,
        Bool(bool),
        Signed(i64),
        Unsigned(u64),
        Float(f64),
        Text(String),
        List(Vec<Wire>),
        Object(Vec<(String, Wire)>),
    }

    fn name() -> impl Strategy<Value = String> {
        prop_oneof!["[a-c]", "[ -~]{0,3}", "\\PC{0,3}", any::<String>()]
    }

    fn wire() -> impl Strategy<Value = Wire> {
        let leaf = prop_oneof![
            Just(Wire::Null),
            any::<bool>().prop_map(Wire::Bool),
            any::<i64>().prop_map(Wire::Signed),
            any::<u64>().prop_map(Wire::Unsigned),
            (-1e300..1e300).prop_map(Wire::Float),
            name().prop_map(Wire::Text),
        ];
        leaf.prop_recursive(4, 24, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Wire::List),
                prop::collection::vec((name(), inner), 0..6).prop_map(Wire::Object),
            ]
        })
    }

    /// `spelling` chooses which characters are escaped, and where there is a space.
    fn write(wire: &Wire, spelling: u32, text: &mut String) {
        let string = |value: &str, text: &mut String| {
            text.push('"');
            for (at, character) in value.chars().enumerate() {
                let is_special = matches!(character, '"' | '\\' | '\0'..='\u{1f}');
                if is_special || (spelling >> (at % 32)) & 1 == 1 {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        write!(text, "\\u{unit:04X}").unwrap();
                    }
                } else {
                    text.push(character);
                }
            }
            text.push('"');
        };
        let space = if spelling & 2 == 2 { " \n" } else { "" };
        text.push_str(space);
        match wire {
            Wire::Null => text.push_str("null"),
            Wire::Bool(value) => write!(text, "{value}").unwrap(),
            Wire::Signed(value) => write!(text, "{value}").unwrap(),
            Wire::Unsigned(value) => write!(text, "{value}").unwrap(),
            Wire::Float(value) => write!(text, "{value:e}").unwrap(),
            Wire::Text(value) => string(value, text),
            Wire::List(list) => {
                for (at, value) in list.iter().enumerate() {
                    text.push(if at == 0 { '[' } else { ',' });
                    write(value, spelling.rotate_left(5), text);
                }
                text.push_str(if list.is_empty() { "[]" } else { "]" });
            }
            Wire::Object(members) => {
                for (at, (name, value)) in members.iter().enumerate() {
                    text.push(if at == 0 { '{' } else { ',' });
                    string(name, text);
                    text.push(':');
                    write(value, spelling.rotate_left(7), text);
                }
                text.push_str(if members.is_empty() { "{}" } else { "}" });
            }
        }
        text.push_str(space);
    }

    /// What a page has of an object, with nothing left out.
    struct Row(AttributesText, bool);

    impl<'de> de::Deserialize<'de> for Row {
        fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            struct Whole;
            impl<'de> de::Visitor<'de> for Whole {
                type Value = Row;

                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("an object")
                }

                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
                    let mut reader = AttributesReader::new();
                    while let Some(AttributeName(name)) = map.next_key()? {
                        reader.read(name, &mut map)?;
                    }
                    let (text, is_told) = reader.finish();
                    Ok(Row(text, is_told))
                }
            }
            deserializer.deserialize_map(Whole)
        }
    }

    fn read(json: &str) -> Result<Row, serde_json::Error> {
        Row::deserialize(&mut serde_json::Deserializer::from_str(json))
    }

    proptest! {
        #[test]
        fn any_object_is_read_as_by_way_of_a_tree(
            members in prop::collection::vec((name(), wire()), 0..12),
            spelling: u32,
        ) {
            let mut json = String::new();
            write(&Wire::Object(members), spelling, &mut json);
            let mut tree: Attributes = serde_json::from_str(&json).unwrap();
            tree.retain(|_, value| !value.is_null());
            let Row(text, is_told) = read(&json).unwrap();
            prop_assert_eq!(text.as_str(), serde_json::to_string(&tree).unwrap(), "{}", json);
            let is_void = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
            prop_assert_eq!(is_told, !tree.values().all(is_void), "{}", json);
            let again = text.values();
            for (name, value) in &again {
                prop_assert_eq!(text.get(name), Some(value.clone()));
            }
            prop_assert_eq!(AttributesText::from(&tree), text.clone());
            prop_assert_eq!(text.get("no such name at all"), None);
        }

        #[test]
        fn what_is_no_json_is_refused_as_by_way_of_a_tree(json in "[{}\\[\\]\",:a0-9eE.\\\\ -]{0,12}") {
            let by_tree = serde_json::from_str::<Attributes>(&json).is_ok();
            let ours = serde_json::from_str::<Row>(&json).is_ok();
            prop_assert_eq!(ours, by_tree, "{}", json);
        }
    }

    #[test]
    fn the_last_of_equal_names_counts_also_where_it_is_null() {
        let Row(text, is_told) = read(r#"{"b":1,"a":"x","b":null,"c":[],"a":"y"}"#).unwrap();
        assert_eq!(text.as_str(), r#"{"a":"y","c":[]}"#);
        assert!(is_told);
        let Row(text, is_told) = read(r#"{"b":1,"c":[],"b":null}"#).unwrap();
        assert_eq!((text.as_str(), is_told), (r#"{"c":[]}"#, false));
    }

    #[test]
    fn what_could_not_be_read_back_is_not_taken() {
        let json = r#"{"a":[{"$serde_json::private::RawValue":"no JSON"}]}"#;
        assert!(read(json).is_err());
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
        assert!(read(&deep).is_err(), "as deep as the parser goes, and no deeper");
    }
}
