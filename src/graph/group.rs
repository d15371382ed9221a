//! Groups and their members as Graph writes them, turned into the port's values.

use std::fmt;

use serde::{
    Deserialize,
    de::{self, MapAccess},
};

use super::{
    fault::Reading,
    object::{Annotations, WireObject, set},
    user::WireRemoved,
};
use crate::{
    model::{GroupChange, MemberChange, MemberKind, ObjectKind, SourceId, SourceObject},
    port::DirectoryFault,
};

/// A group of a round of changes. A large one comes several times, with other members each time.
pub(super) type WireGroup = WireObject<OfGroup>;

/// What a row says of a group beside its properties.
#[derive(Default)]
pub(super) struct OfGroup {
    removed: Option<WireRemoved>,
    members: Option<Vec<WireMember>>,
}

impl Annotations for OfGroup {
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        match name {
            "@removed" => set(&mut self.removed, "@removed", map)?,
            "members@delta" => set(&mut self.members, "members@delta", map)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

#[derive(Deserialize)]
struct WireMember {
    id: SourceId,
    #[serde(rename = "@odata.type")]
    kind: Option<WireKind>,
    #[serde(rename = "@removed")]
    removed: Option<WireRemoved>,
}

/// `@odata.type` of a member.
#[derive(Clone, Copy)]
struct WireKind(MemberKind);

impl<'de> Deserialize<'de> for WireKind {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = WireKind;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a type")
            }

            fn visit_str<E>(self, name: &str) -> Result<WireKind, E> {
                Ok(WireKind(match name {
                    "#microsoft.graph.user" => MemberKind::User,
                    "#microsoft.graph.group" => MemberKind::Group,
                    _ => MemberKind::Other,
                }))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

impl WireGroup {
    pub(super) fn change(self) -> GroupChange {
        let OfGroup { removed, members } = self.annotations;
        GroupChange {
            id: self.id,
            removal: removed.as_ref().map(WireRemoved::removal),
            attributes: self.attributes,
            members: members.iter().flatten().map(WireMember::change).collect(),
        }
    }

    /// The group as a whole object. Every group has a display name, so one without any property is
    /// one that we may not read.
    pub(super) fn object(self) -> Result<SourceObject, DirectoryFault> {
        object(self, Reading::Groups)
    }
}

/// What a user is a member of: a group, a directory role or an administrative unit.
pub(super) type WireMembership = WireObject<OfMembership>;

/// What a row says of it beside its properties.
#[derive(Default)]
pub(super) struct OfMembership {
    kind: Option<WireKind>,
}

impl Annotations for OfMembership {
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        let is_kind = name == "@odata.type";
        if is_kind {
            set(&mut self.kind, "@odata.type", map)?;
        }
        Ok(is_kind)
    }
}

impl WireMembership {
    /// The group, or `None` where this is something else.
    pub(super) fn group(self) -> Option<Result<SourceObject, DirectoryFault>> {
        let is_group = self.annotations.kind.is_some_and(|kind| kind.0 == MemberKind::Group);
        is_group.then(|| object(self, Reading::Memberships))
    }
}

fn object<T>(group: WireObject<T>, reading: Reading) -> Result<SourceObject, DirectoryFault> {
    if group.attributes.as_str() == "{}" {
        return Err(reading.denied("a group came without any of its properties"));
    }
    Ok(SourceObject { id: group.id, kind: ObjectKind::Group, attributes: group.attributes })
}

impl WireMember {
    /// The reason of a removal says nothing here: it is `deleted` even though the person lives on.
    fn change(&self) -> MemberChange {
        let kind = self.kind.map_or(MemberKind::Other, |kind| kind.0);
        MemberChange { id: self.id, kind, removed: self.removed.is_some() }
    }
}
