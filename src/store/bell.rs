//! Whether anything was written to a state file lately, at the price of one system call.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Rings when something was written to a state file.
///
/// It looks at SQLite's log of the file, which every commit goes to. Two commits in the same tick
/// of the system's clock may ring once, and whoever listens looks anyway from time to time.
pub struct Bell {
    log: PathBuf,
    seen: Option<(SystemTime, u64)>,
}

impl Bell {
    /// A bell that rings from now on.
    pub fn of(state: &Path) -> Self {
        let mut name = state.as_os_str().to_owned();
        name.push("-wal");
        let log = PathBuf::from(name);
        let seen = last_write(&log).ok();
        Self { log, seen }
    }

    /// Whether something was written since the last time it was asked.
    pub fn rings(&mut self) -> bool {
        let now = last_write(&self.log).ok();
        std::mem::replace(&mut self.seen, now) != now
    }
}

fn last_write(log: &Path) -> io::Result<(SystemTime, u64)> {
    let metadata = fs::metadata(log)?;
    Ok((metadata.modified()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Bell;
    use crate::{
        model::Timestamp,
        store::{Engine, Reader},
    };

    #[test]
    fn an_order_of_another_process_rings_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("crm.sqlite");
        let _engine = Engine::open(&path).expect("a state");
        let mut bell = Bell::of(&path);
        assert!(!bell.rings());
        let reader = Reader::open(&path).expect("a state");
        let now = Timestamp::UNIX_EPOCH;
        reader.give(|tx| tx.give_command("pause", &json!({}), "olga", now)).expect("an order");
        assert!(bell.rings());
        assert!(!bell.rings());
    }
}
