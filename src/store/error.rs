//! Why a state file cannot be used, as a person is told it. Knows no table.

use std::path::PathBuf;

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the state file.
    #[error("another process holds the state file {0}")]
    Locked(PathBuf),
    /// The file is not a state file, or is damaged.
    #[error(
        "the state file {path} is damaged or is not one: {detail}. Restore it from a backup, or \
         move it away and run `entra-scim sync`, which matches every account again"
    )]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// A newer version of the program wrote the file.
    #[error(
        "the state file {path} has version {found}; this program knows {known}. Install the newer \
         program again, or restore a backup made before the upgrade"
    )]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest this program knows.
        known: i64,
    },
    /// An older version of the program wrote the file, and only the engine may migrate it.
    #[error(
        "an older version wrote the state file {0}; run `entra-scim sync` or start the service once"
    )]
    Older(PathBuf),
    /// There is no state file yet.
    #[error("there is no state yet: {0} does not exist. Run `entra-scim sync` first")]
    Missing(PathBuf),
    /// The folder or file cannot be used.
    #[error("use the state file {path}: {detail}")]
    File {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// The disk does not take what is written.
    #[error(
        "the state file {path} cannot be written: {detail}. What was done so far is recorded, and \
         what is not recorded is looked up in the next cycle. Make room on the disk, or see to it \
         that it is writable, and run `entra-scim sync` again"
    )]
    Disk {
        /// Which file.
        path: PathBuf,
        /// What SQLite says.
        detail: String,
    },
    /// A statement failed.
    #[error("read or write the state")]
    Sql(#[source] rusqlite::Error),
    /// A stored text is not what its version promises.
    #[error("understand a stored {what}: {detail}")]
    Stored {
        /// Which kind of text.
        what: &'static str,
        /// What is wrong with it.
        detail: String,
    },
}

impl From<rusqlite::Error> for StoreError {
    /// A text that was not understood while its row was read is told as that.
    fn from(error: rusqlite::Error) -> Self {
        let rusqlite::Error::FromSqlConversionFailure(column, kind, cause) = error else {
            return Self::Sql(error);
        };
        let unread = |cause| rusqlite::Error::FromSqlConversionFailure(column, kind, cause);
        cause.downcast().map_or_else(|cause| Self::Sql(unread(cause)), |stored| *stored)
    }
}

impl StoreError {
    pub(super) fn stored(what: &'static str, error: impl std::fmt::Display) -> Self {
        Self::Stored { what, detail: error.to_string() }
    }
}
