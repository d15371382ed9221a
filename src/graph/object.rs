//! Any object as Graph writes it: its id, what a listing says of it, and its properties as the text
//! that is stored of them, with no tree of values in between.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize,
    de::{self, IgnoredAny, MapAccess},
};

use crate::model::{AttributeName, AttributesReader, AttributesText, SourceId};

/// What a row may say beside properties: annotations, which have an `@` in their names.
pub(super) trait Annotations: Default {
    /// Reads the value that follows in `map`, if it is one of those that count; false if not.
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error>;
}

/// An object of any listing.
pub(super) struct WireObject<T> {
    pub(super) id: SourceId,
    pub(super) annotations: T,
    pub(super) attributes: AttributesText,
    /// Whether it has a property that is neither null nor an empty list.
    pub(super) is_told: bool,
}

/// Reads a value that a row may have once.
pub(super) fn set<'de, V: Deserialize<'de>, A: MapAccess<'de>>(
    place: &mut Option<V>,
    name: &'static str,
    map: &mut A,
) -> Result<(), A::Error> {
    if place.is_some() {
        return Err(de::Error::duplicate_field(name));
    }
    *place = map.next_value()?;
    Ok(())
}

impl<'de, T: Annotations> Deserialize<'de> for WireObject<T> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Row(PhantomData))
    }
}

struct Row<T>(PhantomData<T>);

impl<'de, T: Annotations> de::Visitor<'de> for Row<T> {
    type Value = WireObject<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of the directory")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<WireObject<T>, A::Error> {
        let (mut id, mut annotations) = (None, T::default());
        let mut attributes = AttributesReader::new();
        while let Some(AttributeName(name)) = map.next_key()? {
            if name == "id" {
                set(&mut id, "id", &mut map)?;
            } else if !name.contains('@') {
                attributes.read(name, &mut map)?;
            } else if !annotations.take(&name, &mut map)? {
                map.next_value::<IgnoredAny>()?;
            }
        }
        let id = id.ok_or_else(|| de::Error::missing_field("id"))?;
        let (attributes, is_told) = attributes.finish();
        Ok(WireObject { id, annotations, attributes, is_told })
    }
}
