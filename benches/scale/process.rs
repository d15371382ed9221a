//! What the system says of this process: its processor time by parts, and its memory at most.

use std::{collections::BTreeMap, fs, sync::Mutex};

/// The processor time of this process, in seconds: of each thread as the scheduler counts it, to
/// the nanosecond. A thread that is gone counts with what was seen of it last.
#[derive(Default)]
pub(crate) struct Cpu(Mutex<BTreeMap<String, u64>>);

impl Cpu {
    pub(crate) fn seconds(&self) -> f64 {
        let mut threads = self.0.lock().expect("nobody panics with it");
        let tasks = fs::read_dir("/proc/self/task").expect("its threads");
        for task in tasks.flatten() {
            let Ok(text) = fs::read_to_string(task.path().join("schedstat")) else { continue };
            let spent = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
            let name = task.file_name().to_string_lossy().into_owned();
            threads.insert(name, spent.unwrap_or_default());
        }
        #[expect(clippy::cast_precision_loss, reason = "nanoseconds of minutes fit a double")]
        let nanos = threads.values().sum::<u64>() as f64;
        nanos / 1e9
    }
}

/// The most memory that this process had resident so far, in KiB.
pub(crate) fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.parse().ok()).expect("a number of KiB")
}
