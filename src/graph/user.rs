//! Users as Graph writes them, turned into the port's values.

use serde::{Deserialize, de::MapAccess};
use serde_json::Value;

use super::{
    fault::Reading,
    object::{Annotations, WireObject, set},
};
use crate::{
    model::{
        AttributesText, ManagerChange, ObjectKind, Removal, SourceId, SourceObject, UserChange,
    },
    port::{DirectoryFault, Selection},
};

/// Properties that are read whatever is mapped: the core needs some, and together they show an
/// object that we are not permitted to read.
const ALWAYS_SELECTED: [&str; 5] =
    ["id", "accountEnabled", "userPrincipalName", "displayName", "userType"];

/// The names to select, sorted after the ones that are always read. The manager is a relation and
/// is selectable in a round of changes only.
pub(super) fn selected(selection: &Selection) -> Vec<&str> {
    let further = selection.properties.iter().map(String::as_str);
    let further = further.filter(|name| *name != "manager" && !ALWAYS_SELECTED.contains(name));
    ALWAYS_SELECTED.into_iter().chain(further).collect()
}

/// A user of any listing.
pub(super) type WireUser = WireObject<OfUser>;

/// What a row says of a user beside its properties.
#[derive(Default)]
pub(super) struct OfUser {
    removed: Option<WireRemoved>,
    manager: Option<Vec<WireManager>>,
}

impl Annotations for OfUser {
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        match name {
            "@removed" => set(&mut self.removed, "@removed", map)?,
            "manager@delta" => set(&mut self.manager, "manager@delta", map)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// `@removed`.
#[derive(Deserialize)]
pub(super) struct WireRemoved {
    reason: Option<String>,
}

impl WireRemoved {
    /// Only a reason of `deleted` is final; a reason that we do not know may be undone.
    pub(super) fn removal(&self) -> Removal {
        if self.reason.as_deref() == Some("deleted") {
            Removal::Deleted
        } else {
            Removal::SoftDeleted
        }
    }
}

#[derive(Deserialize)]
struct WireManager {
    id: SourceId,
    #[serde(rename = "@removed")]
    removed: Option<WireRemoved>,
}

/// A row of which only the id matters.
#[derive(Deserialize)]
pub(super) struct WireId {
    pub(super) id: SourceId,
}

impl WireUser {
    /// The user as a whole object. Without any property it is one that we may not read: Graph then
    /// gives the id alone and all else null ("limited information returned for inaccessible member
    /// objects"), which must not look like cleared attributes.
    pub(super) fn object(self) -> Result<SourceObject, DirectoryFault> {
        if !self.is_told {
            return Err(Reading::Users.denied("a user came without any of its properties"));
        }
        Ok(self.bare_object())
    }

    /// The user out of the deleted items, where the user principal name has the id in front, so
    /// that a new user can have the name.
    pub(super) fn deleted(self) -> Result<SourceObject, DirectoryFault> {
        let mut object = self.object()?;
        let prefix = object.id.as_uuid().simple().to_string();
        if let Some(name) = object.attributes.text("userPrincipalName")
            && let Some(plain) = name.strip_prefix(&prefix)
        {
            let mut values = object.attributes.values();
            values.insert("userPrincipalName".to_owned(), Value::from(plain));
            object.attributes = AttributesText::from(&values);
        }
        Ok(object)
    }

    fn bare_object(self) -> SourceObject {
        SourceObject { id: self.id, kind: ObjectKind::User, attributes: self.attributes }
    }

    /// The user as one change of a round that reads whole users.
    pub(super) fn change(self) -> Result<UserChange, DirectoryFault> {
        if let Some(removed) = &self.annotations.removed {
            return Ok(UserChange::Removed { id: self.id, removal: removed.removal() });
        }
        let manager = self.manager_change();
        Ok(UserChange::Upsert { object: self.object()?, manager })
    }

    /// The user as one change of a round that reads managers only.
    pub(super) fn manager_only(self) -> UserChange {
        if let Some(removed) = &self.annotations.removed {
            return UserChange::Removed { id: self.id, removal: removed.removal() };
        }
        let manager = self.manager_change();
        UserChange::Upsert { object: self.bare_object(), manager }
    }

    /// A new manager may come beside the old one as removed; the removed one alone means that
    /// there is none any more. Of several entries for one person the last wins.
    fn manager_change(&self) -> Option<ManagerChange> {
        self.annotations.manager.iter().flatten().fold(None, |told, entry| {
            match (told, &entry.removed) {
                (_, None) => Some(ManagerChange::Set(entry.id)),
                (Some(ManagerChange::Set(id)), Some(_)) if id != entry.id => told,
                (_, Some(_)) => Some(ManagerChange::Cleared),
            }
        })
    }
}
