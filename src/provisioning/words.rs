//! What people call what is decided about: a person has an account, a group is a group.
//!
//! The decisions are the same for both kinds, so they are phrased with these words and no decision
//! asks for the kind to find one.

use crate::{model::ObjectKind, scim::AttributePath};

/// The words for one kind of object.
pub(super) struct Words {
    /// What is at the target.
    pub(super) one: &'static str,
    /// The same, several.
    pub(super) many: &'static str,
    /// The same, any.
    pub(super) any: &'static str,
    /// The same, as what the object of the directory has.
    pub(super) its: &'static str,
    /// Another object of the directory.
    pub(super) other: &'static str,
    /// What the object of the directory is.
    pub(super) this: &'static str,
    /// That a change was withheld because `protect` names it.
    pub(super) protected: &'static str,
    /// The detail of the scoping step that says whether its roles count (specification §7.3).
    pub(super) role_detail: &'static str,
}

/// Whether this is the attribute that an object of this kind is known by.
pub(super) fn is_name(kind: ObjectKind, path: &AttributePath) -> bool {
    match kind {
        ObjectKind::User => path.is_user_name(),
        ObjectKind::Group => path.is_display_name(),
    }
}

/// The words for objects of this kind.
pub(super) fn words(kind: ObjectKind) -> &'static Words {
    const PEOPLE: Words = Words {
        one: "account",
        many: "accounts",
        any: "an account",
        its: "its account",
        other: "another person",
        this: "this person",
        protected: "protected: it is not renamed or disabled",
        role_detail: "User has the required role",
    };
    const GROUPS: Words = Words {
        one: "group",
        many: "groups",
        any: "a group",
        its: "the group",
        other: "another group of the directory",
        this: "this group",
        protected: "protected: it is not renamed",
        role_detail: "Group has the required role",
    };
    match kind {
        ObjectKind::User => &PEOPLE,
        ObjectKind::Group => &GROUPS,
    }
}
