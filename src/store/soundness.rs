//! Whether a state file is whole, looked at when it is opened.

use std::path::Path;

use rusqlite::Connection;

use super::open::{StoreError, classify};

/// Up to this size a file is read whole before it is used, which takes some milliseconds.
const CHECKED_BYTES_MAX: u64 = 16 * 1_024 * 1_024;

/// Whether the whole file is read before it is used: a small one always, a large one only after an
/// engine that ended without closing it. Damage in a large one shows when its place is read.
fn is_worth_checking(path: &Path) -> bool {
    let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.len());
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    bytes(path) <= CHECKED_BYTES_MAX || bytes(Path::new(&log)) > 0
}

/// Looks through a file that is about to be used, where that is worth its time.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    if !is_worth_checking(path) {
        return Ok(());
    }
    let sound: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| classify(path, error))?;
    if sound == "ok" {
        return Ok(());
    }
    Err(StoreError::Corrupt { path: path.to_owned(), detail: sound })
}
