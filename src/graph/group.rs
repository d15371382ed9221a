//! Groups and their members as Graph writes them, turned into the port's values.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::user::{WireRemoved, attributes};
use crate::model::{GroupChange, MemberChange, MemberKind, SourceId};

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
