//! Groups and their members as Graph writes them, turned into the port's values.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    fault::Reading,
    user::{WireRemoved, attributes},
};
use crate::{
    model::{GroupChange, MemberChange, MemberKind, ObjectKind, SourceId, SourceObject},
    port::DirectoryFault,
};

/// A group of a round of changes. A large one comes several times, with other members each time.
#[derive(Deserialize)]
pub(super) struct WireGroup {
    id: SourceId,
    #[serde(rename = "@removed")]
    removed: Option<WireRemoved>,
    #[serde(rename = "members@delta", default)]
    members: Vec<WireMember>,
    #[serde(flatten)]
    properties: Map<String, Value>,
}

#[derive(Deserialize)]
struct WireMember {
    id: SourceId,
    #[serde(rename = "@odata.type")]
    kind: Option<String>,
    #[serde(rename = "@removed")]
    removed: Option<WireRemoved>,
}

impl WireGroup {
    pub(super) fn change(self) -> GroupChange {
        GroupChange {
            id: self.id,
            removal: self.removed.as_ref().map(WireRemoved::removal),
            attributes: attributes(self.properties),
            members: self.members.iter().map(WireMember::change).collect(),
        }
    }

    /// The group as a whole object. Every group has a display name, so one without any property is
    /// one that we may not read.
    pub(super) fn object(self) -> Result<SourceObject, DirectoryFault> {
        object(self.id, self.properties, Reading::Groups)
    }
}

/// What a user is a member of: a group, a directory role or an administrative unit.
#[derive(Deserialize)]
pub(super) struct WireMembership {
    id: SourceId,
    #[serde(rename = "@odata.type")]
    kind: Option<String>,
    #[serde(flatten)]
    properties: Map<String, Value>,
}

impl WireMembership {
    /// The group, or `None` where this is something else.
    pub(super) fn group(self) -> Option<Result<SourceObject, DirectoryFault>> {
        let is_group = self.kind.as_deref() == Some("#microsoft.graph.group");
        is_group.then(|| object(self.id, self.properties, Reading::Memberships))
    }
}

fn object(
    id: SourceId,
    properties: Map<String, Value>,
    reading: Reading,
) -> Result<SourceObject, DirectoryFault> {
    let attributes = attributes(properties);
    if attributes.is_empty() {
        return Err(reading.denied("a group came without any of its properties"));
    }
    Ok(SourceObject { id, kind: ObjectKind::Group, attributes })
}

impl WireMember {
    /// The reason of a removal says nothing here: it is `deleted` even though the person lives on.
    fn change(&self) -> MemberChange {
        let kind = match self.kind.as_deref() {
            Some("#microsoft.graph.user") => MemberKind::User,
            Some("#microsoft.graph.group") => MemberKind::Group,
            Some(_) | None => MemberKind::Other,
        };
        MemberChange { id: self.id, kind, removed: self.removed.is_some() }
    }
}
