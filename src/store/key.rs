//! The key of a state file: a file of random bytes beside it, readable by its owner only.
//!
//! It is not in the state, so that a copy of the state alone tells no redacted value.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use ring::rand::{SecureRandom, SystemRandom};

use super::{open::StoreError, private::own};
use crate::model::RedactionKey;

/// The key of the state file at `path`; made where there is none yet.
pub(super) fn read_or_make(path: &Path) -> Result<RedactionKey, StoreError> {
    let key_path = beside(path);
    if let Some(key) = read(&key_path)? {
        own(&key_path).map_err(|error| file_error(&key_path, &error))?;
        return Ok(key);
    }
    let bytes = random()?;
    // Whole or not at all: a key that a crash cut short would be refused for ever.
    let draft = key_path.with_extension("key.new");
    write(&draft, &bytes)
        .and_then(|()| fs::rename(&draft, &key_path))
        .map_err(|error| file_error(&key_path, &error))?;
    Ok(RedactionKey::new(&bytes))
}

/// The key of the state file at `path`; another where there is none, which nothing was hashed with.
pub(super) fn read_or_invent(path: &Path) -> Result<RedactionKey, StoreError> {
    match read(&beside(path))? {
        Some(key) => Ok(key),
        None => Ok(RedactionKey::new(&random()?)),
    }
}

fn beside(path: &Path) -> PathBuf {
    path.with_extension("key")
}

fn read(path: &Path) -> Result<Option<RedactionKey>, StoreError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(file_error(path, &error)),
    };
    let bytes = bytes.try_into().map_err(|_| StoreError::File {
        path: path.to_owned(),
        detail: "it is no key. Restore it from a backup, or remove it: then redacted values are \
                 written once more"
            .to_owned(),
    })?;
    Ok(Some(RedactionKey::new(&bytes)))
}

fn random() -> Result<[u8; RedactionKey::BYTES], StoreError> {
    let mut bytes = [0; RedactionKey::BYTES];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| StoreError::stored("key", "the system gives no random bytes"))?;
    Ok(bytes)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file =
        File::options().create(true).truncate(true).write(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn file_error(path: &Path, error: &io::Error) -> StoreError {
    StoreError::File { path: path.to_owned(), detail: error.to_string() }
}
