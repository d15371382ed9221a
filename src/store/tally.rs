//! Counts that are kept with what they count, and marks that something has changed.
//!
//! Triggers write them, in the transaction of the change (`migrations/0016_scale.sql`), so that no
//! cycle counts a tenant. What follows from a count is decided by whoever asks.

use super::open::{StoreError, Tx, View};

/// What is counted, or marked with 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tally {
    /// Live links to accounts.
    Accounts,
    /// Live links to enabled accounts.
    Enabled,
    /// Live links to groups.
    Groups,
    /// Live users and groups in scope.
    InScope,
    /// Members that we made members of a group.
    MemberLinks,
    /// Something has changed that says whose members count for which group.
    PathsStale,
    /// Somebody may be assigned who is not known.
    UsersUnread,
}

impl Tally {
    fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Enabled => "enabled",
            Self::Groups => "groups",
            Self::InScope => "in_scope",
            Self::MemberLinks => "member_links",
            Self::PathsStale => "paths_stale",
            Self::UsersUnread => "users_unread",
        }
    }
}

impl View<'_> {
    pub(super) fn tally(&self, which: Tally) -> Result<u64, StoreError> {
        let sql = "SELECT value FROM tally WHERE name = ?1";
        Ok(self.one(sql, [which.name()], |row| row.get(0))?)
    }
}

impl Tx<'_> {
    /// What a mark told of is done.
    pub(super) fn unmark(&self, which: Tally) -> Result<(), StoreError> {
        self.run("UPDATE tally SET value = 0 WHERE name = ?1", [which.name()])?;
        Ok(())
    }
}
