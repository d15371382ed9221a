//! Whether the files and variables that a configuration names are looked at.

/// A text can be checked by itself, or with the files and variables it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Surroundings {
    /// Only the text: nothing outside it is read.
    Absent,
    /// Secrets and certificates have to be there and readable.
    Present,
}

impl Surroundings {
    pub(super) fn are_present(self) -> bool {
        match self {
            Self::Absent => false,
            Self::Present => true,
        }
    }
}

/// Where files go that nobody keeps: `$TMPDIR`, else `/tmp`.
pub fn temporary_folder() -> std::path::PathBuf {
    std::env::temp_dir()
}
