//! What an application does not do, although SCIM has it.

use serde::Deserialize;

/// Something that an application does not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unsupported {
    /// Groups as objects.
    Groups,
    /// Making a group.
    GroupCreate,
    /// Changing a group's `displayName`.
    GroupRename,
    /// Deleting a group.
    GroupDelete,
    /// Groups as members of groups.
    NestedGroups,
    /// Changing an account's `userName`.
    UserRename,
    /// Changing an account, but for `active`.
    UserUpdate,
    /// Turning `active` from false to true.
    Reactivate,
    /// Deleting an account: not at all, or it is only deactivated.
    Delete,
}

impl Unsupported {
    /// Its name in a profile's file and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Groups => "groups",
            Self::GroupCreate => "group-create",
            Self::GroupRename => "group-rename",
            Self::GroupDelete => "group-delete",
            Self::NestedGroups => "nested-groups",
            Self::UserRename => "user-rename",
            Self::UserUpdate => "user-update",
            Self::Reactivate => "reactivate",
            Self::Delete => "delete",
        }
    }

    /// What that means for whoever uses the application.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Groups => "Groups cannot be provisioned, only the people in them.",
            Self::GroupCreate => {
                "Groups cannot be created; one of the same name has to exist already."
            }
            Self::GroupRename => {
                "A group keeps its name; the log has a warning, RenameNotSupported."
            }
            Self::GroupDelete => "Groups cannot be deleted; what left the scope is kept.",
            Self::NestedGroups => {
                "A group is no member of another one; nested_groups puts its people in."
            }
            Self::UserRename => {
                "A change of userName is not sent; the log has a warning, RenameNotSupported."
            }
            Self::UserUpdate => {
                "Attributes are written on create only; afterwards an account is only disabled."
            }
            Self::Reactivate => {
                "A disabled account cannot be enabled again; its person gets a new one."
            }
            Self::Delete => {
                "Accounts cannot be deleted; on_directory_delete is \"disable\" by default."
            }
        }
    }
}
