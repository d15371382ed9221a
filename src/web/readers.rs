//! The open state files: read-only use, off the event loop, a few at once.
//!
//! Opening costs more than most questions do, so what was opened is kept for the next one. A file
//! that was replaced, by a restored backup for one, is opened anew.

use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{sync::Semaphore, task::spawn_blocking};

use super::answer::Refusal;
use crate::store::{Reader, StoreError};

/// Questions at once, whoever asks: as many page views as there may be, a cycle still gets its
/// share of the disk and the cores.
const AT_ONCE: usize = 4;

/// Readers kept open between questions. Each has a page cache of its own, up to 2 MiB.
const KEPT_MAX: usize = 8;

/// Readers of every application's state.
#[derive(Clone)]
pub(super) struct Readers {
    kept: Arc<Mutex<Vec<Kept>>>,
    permits: Arc<Semaphore>,
}

struct Kept {
    file: FileId,
    reader: Reader,
}

/// Which file: its path, and what it is on the disk.
#[derive(Clone, PartialEq, Eq)]
struct FileId {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Readers {
    pub(super) fn new() -> Self {
        Self { kept: Arc::new(Mutex::new(Vec::new())), permits: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Does `work` with the state at `path`; with `None` where there is none yet.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        path: PathBuf,
        work: impl FnOnce(Option<&Reader>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Result<T, StoreError>, Refusal> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| Refusal::internal("no question is taken any more"))?;
        let readers = self.clone();
        let asked = spawn_blocking(move || {
            let answer = readers.ask(&path, work);
            drop(permit);
            answer
        });
        asked.await.map_err(|_| Refusal::internal("the question to the state broke off"))
    }

    fn ask<T>(
        &self,
        path: &Path,
        work: impl FnOnce(Option<&Reader>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let Some(file) = FileId::of(path) else { return work(None) };
        let kept = self.take(&file);
        let reader = match kept {
            Some(reader) => reader,
            None => match Reader::open(path) {
                Ok(reader) => reader,
                Err(StoreError::Missing(_)) => return work(None),
                Err(error) => return Err(error),
            },
        };
        let answer = work(Some(&reader));
        // After an error nobody knows what state the connection is in.
        if answer.is_ok() {
            self.keep(Kept { file, reader });
        }
        answer
    }

    /// A kept reader of this very file. Those of a file that was at its path before are closed.
    fn take(&self, file: &FileId) -> Option<Reader> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|one| one.file.path != file.path || one.file == *file);
        let position = kept.iter().rposition(|one| one.file == *file)?;
        Some(kept.remove(position).reader)
    }

    fn keep(&self, one: Kept) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(one);
        if kept.len() > KEPT_MAX {
            kept.remove(0);
        }
    }
}

impl FileId {
    fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self { path: path.to_owned(), device: metadata.dev(), inode: metadata.ino() })
    }
}
