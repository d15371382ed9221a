//! How large a state file is, and which part of it is the log's.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// The sizes of a state file.
pub(crate) struct Sizes {
    /// Bytes of all pages of all tables and indices but the log's.
    pub(crate) without_log: u64,
    /// Bytes of the log's.
    pub(crate) log: u64,
    /// Rows of the log.
    pub(crate) events: u64,
}

/// Looks at the pages of a state file.
pub(crate) fn sizes(path: &Path) -> Sizes {
    let state = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("it");
    let bytes = |is_log: bool| -> u64 {
        let query = "SELECT coalesce(sum(pages.pgsize), 0) FROM dbstat AS pages \
                     LEFT JOIN sqlite_schema AS things ON things.name = pages.name \
                     WHERE (coalesce(things.tbl_name, pages.name) GLOB 'provisioning_log*') = ?1";
        state.query_row(query, [is_log], |row| row.get(0)).expect("a sum")
    };
    let events = state.query_row("SELECT count(*) FROM provisioning_log", [], |row| row.get(0));
    Sizes { without_log: bytes(false), log: bytes(true), events: events.expect("a count") }
}
