//! Files that are for their owner alone.

use std::{fs::File, path::Path};

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
