//! Files that are for their owner alone, and the lock that makes an engine the only one.

use std::{
    fs::{File, TryLockError},
    path::Path,
    time::Duration,
};

/// How often a lock that is held is looked at again, and how long in between.
const LOOKS_MAX: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// Opens a file, created readable by its owner only: the state holds personal data, and whoever can
/// open the lock could take it. What others may do with one that is there, restored from a backup
/// perhaps, is taken away; a group's rights are somebody's decision and stay.
pub(super) fn own(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let file = File::options().create(true).truncate(false).write(true).mode(0o600).open(path)?;
    let mut permissions = file.metadata()?.permissions();
    if permissions.mode() & 0o007 != 0 {
        permissions.set_mode(permissions.mode() & 0o770);
        file.set_permissions(permissions)?;
    }
    Ok(file)
}

/// Takes a lock; false where somebody holds it.
///
/// Whoever held it and let it go may hold it for a moment still: a process that is just being
/// started has every file of the one that starts it until its own program begins. So it is
/// looked at again for a fifth of a second.
#[expect(clippy::disallowed_methods, reason = "nothing that is decided follows from this time")]
pub(super) fn take(lock: &File) -> std::io::Result<bool> {
    for look in 0..LOOKS_MAX {
        match lock.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if look + 1 < LOOKS_MAX => {
                std::thread::sleep(BETWEEN_LOOKS);
            }
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(false)
}
