//! Whether somebody holds a state file: the lock is asked, and left as it was.

use std::{fs::File, path::Path};

/// Whether a process holds this state file. Never waits, and leaves the lock as it was.
pub fn is_held(path: &Path) -> bool {
    let Ok(lock) = File::open(path.with_extension("lock")) else { return false };
    match lock.try_lock_shared() {
        Ok(()) => {
            // Closing the file gives the lock back as well; a failure changes nothing.
            drop(lock.unlock());
            false
        }
        Err(_) => true,
    }
}
