//! What the directory tells: users, groups, app roles, assignments, and changes of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AppRoleId, AttributesText, ServicePrincipalId, SourceId};

/// The app role id that stands for Default Access: all zeros (Graph `appRoleAssignment`).
pub const DEFAULT_ACCESS: AppRoleId = AppRoleId::from_uuid(uuid::Uuid::nil());

/// Attribute values by the directory's own property names. An absent name is a null.
pub type Attributes = BTreeMap<String, Value>;

/// What kind of object is provisioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ObjectKind {
    /// A person's account.
    User,
    /// A group of accounts.
    Group,
}

/// A whole object of the directory, with every selected property that has a value.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceObject {
    /// The directory's id.
    pub id: SourceId,
    /// User or group.
    pub kind: ObjectKind,
    /// Its properties under Graph's names; nulls are left out.
    pub attributes: AttributesText,
}

/// How an object left the directory (Graph `@removed.reason`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Removal {
    /// `changed`: soft-deleted, restorable for 30 days.
    SoftDeleted,
    /// `deleted`: gone for good.
    Deleted,
}

/// One user of a page of changes.
#[derive(Clone, Debug, PartialEq)]
pub enum UserChange {
    /// The user as it is now, whole. `manager` is `None` where the page says nothing about it.
    Upsert {
        /// Every selected property.
        object: SourceObject,
        /// The manager, where this page tells.
        manager: Option<ManagerChange>,
    },
    /// The user left the directory.
    Removed {
        /// Whose removal.
        id: SourceId,
        /// Restorable or not.
        removal: Removal,
    },
}

/// What a page says of a user's manager (`manager@delta`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManagerChange {
    /// This person is the manager now.
    Set(SourceId),
    /// There is none any more.
    Cleared,
}

/// One group of a page of changes; a large group returns page after page with other members.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupChange {
    /// The group.
    pub id: SourceId,
    /// Set when the group left the directory; members then mean nothing.
    pub removal: Option<Removal>,
    /// Its selected properties, where the page has them.
    pub attributes: AttributesText,
    /// Membership changes, in the order received: a later one for the same member wins.
    pub members: Vec<MemberChange>,
}

/// One entry of `members@delta`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberChange {
    /// The member.
    pub id: SourceId,
    /// What the member is.
    pub kind: MemberKind,
    /// True when the membership ended.
    pub removed: bool,
}

/// What a member of a group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemberKind {
    /// A user.
    User,
    /// A nested group.
    Group,
    /// A device, contact or service principal, which is never provisioned. Also an entry that
    /// names no type: whether it is a user shows when it is looked up.
    Other,
}

/// An enterprise application: its service principal and the roles it declares.
#[derive(Clone, Debug, PartialEq)]
pub struct Application {
    /// The object id in this tenant.
    pub id: ServicePrincipalId,
    /// The application's id, the same in every tenant.
    pub app_id: String,
    /// Its name in the portal.
    pub display_name: String,
    /// Whether sign-in to it is enabled.
    pub account_enabled: bool,
    /// The roles it declares, disabled ones included.
    pub roles: Vec<AppRole>,
}

/// How a configuration names an enterprise application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplicationRef {
    /// A GUID: the appId, or else the object id.
    Guid(uuid::Uuid),
    /// The exact display name, which must be unique.
    DisplayName(String),
}

/// An app role (Graph `appRole`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppRole {
    /// Its id.
    pub id: AppRoleId,
    /// Its name, as an administrator sees it.
    pub display_name: String,
    /// The claim value; absent for roles that only entitle.
    pub value: Option<String>,
    /// A disabled role still entitles those who hold it, and flows no value.
    pub is_enabled: bool,
}

/// What a principal is (Graph `principalType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PrincipalKind {
    /// A user.
    User,
    /// A group, whose direct members are assigned through it.
    Group,
    /// Another application, never provisioned.
    ServicePrincipal,
}

/// One row of `appRoleAssignedTo`. A principal has one for each of its roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Who is assigned.
    pub principal: SourceId,
    /// What the principal is.
    pub principal_kind: PrincipalKind,
    /// The role; [`DEFAULT_ACCESS`] for none.
    pub role: AppRoleId,
    /// The principal's name when it was assigned, possibly stale: for messages only.
    pub principal_display_name: String,
}
