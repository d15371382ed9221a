//! Forwarding: the provisioning log as JSON lines in a file, for whoever collects logs.
//!
//! Each row is written once, in order, as Graph's `provisioningObjectSummary`. How far a log is
//! forwarded is kept in its state file, and moves once the lines are on the disk: a file that
//! cannot be written loses nothing, and the rest follows later. What a process that died had
//! written and not noted is found at the end of the file and not written twice.

use std::{
    collections::BTreeSet,
    fs::{File, Metadata, Permissions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::Value;
use tracing::{info, warn};

use crate::{
    config::{AppSettings, Config},
    model::{JobId, escaped},
    store::{Engine, LogFilter, StoreError},
};

/// Rows written at once: some 300 KiB.
const ROWS_AT_ONCE: u32 = 200;

/// How much of a file's end is searched for rows that were written and not noted: more than a dozen
/// applications write at once.
const TAIL_BYTES: u64 = 4 * 1_024 * 1_024;

/// What the file's owner may do, and the group that a collector is in. The umask does not count.
const MODE: u32 = 0o640;

/// The file that logs are forwarded to, shared by the applications of a process.
pub(super) struct Forwarder {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: Option<Open>,
    /// What was warned of last, so that it is said once.
    trouble: Option<String>,
}

struct Open {
    file: File,
    place: (u64, u64),
    /// The ids of the rows at the end of the file when it was opened.
    tail: BTreeSet<String>,
}

/// Whose log it is.
pub(super) struct Origin {
    tenant: String,
    job: JobId,
    app: String,
}

impl Origin {
    pub(super) fn of(config: &Config, app: &AppSettings) -> Self {
        let name = app.job.app.as_str();
        let job = JobId::derive(&[&config.tenant.id, name]);
        Self { tenant: config.tenant.id.clone(), job, app: name.to_owned() }
    }
}

#[derive(Debug, thiserror::Error)]
enum ForwardError {
    #[error("write `service.log_file` {}", .0.display())]
    File(PathBuf, #[source] io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Forwarder {
    /// A forwarder where the configuration names a file. It is opened with the first row.
    pub(super) fn of(config: &Config) -> Option<Self> {
        let path = config.service.log_file.clone()?;
        Some(Self { path, state: Mutex::default() })
    }

    /// Writes the next rows of this log; returns whether there may be more. A problem is logged
    /// once, and once when it is over.
    pub(super) fn forward(&self, engine: &Engine, origin: &Origin) -> bool {
        let result = self.forward_some(engine, origin);
        let mut state = self.state();
        match (result, &state.trouble) {
            (Ok(None), _) => false,
            (Ok(Some(more)), None) => more,
            (Ok(Some(more)), Some(_)) => {
                state.trouble = None;
                info!(file = %self.path.display(), "the provisioning log is forwarded again");
                more
            }
            (Err(error), known) => {
                let error: &dyn std::error::Error = &error;
                let text = error.source().map_or_else(|| error.to_string(), ToString::to_string);
                if known.as_ref() != Some(&text) {
                    warn!(
                        job.name = origin.app,
                        error, "the provisioning log is not forwarded; it is caught up on later"
                    );
                    state.trouble = Some(text);
                }
                false
            }
        }
    }

    /// `None` where there was nothing to write.
    fn forward_some(&self, engine: &Engine, origin: &Origin) -> Result<Option<bool>, ForwardError> {
        let after = engine.read(|view| view.log_forwarded())?;
        if engine.read(|view| view.log_end())? <= after {
            return Ok(None);
        }
        let filter = LogFilter { after: Some(after), ..LogFilter::default() };
        let rows = engine.read(|view| view.log_rows(&filter, ROWS_AT_ONCE))?;
        let Some(last) = rows.last().map(|row| row.seq) else { return Ok(None) };
        let lines: Vec<Value> =
            rows.iter().map(|row| row.summary(&origin.tenant, origin.job, &origin.app)).collect();
        self.append(&lines).map_err(|error| ForwardError::File(self.path.clone(), error))?;
        engine.write(|tx| tx.set_log_forwarded(last))?;
        Ok(Some(rows.len() >= ROWS_AT_ONCE as usize))
    }

    fn append(&self, lines: &[Value]) -> io::Result<()> {
        let mut state = self.state();
        if !state.open.as_ref().is_some_and(|open| open.is_at(&self.path)) {
            state.open = Some(Open::at(&self.path)?);
        }
        let written = state.open.as_mut().map_or(Ok(()), |open| open.append(lines));
        if written.is_err() {
            // Looked at anew next time: the disk may have been another one by then.
            state.open = None;
        }
        written
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn at(path: &Path) -> io::Result<Self> {
        let options = || {
            let mut options = File::options();
            options.read(true).append(true).mode(MODE);
            options
        };
        let mut file = match options().create_new(true).open(path) {
            Ok(file) => {
                file.set_permissions(Permissions::from_mode(MODE))?;
                file
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options().open(path)?,
            Err(error) => return Err(error),
        };
        let tail = read_tail(&mut file)?;
        let place = place(&file.metadata()?);
        Ok(Self { file, place, tail })
    }

    /// Whether this is still the file of that name: whoever rotates it moves it away.
    fn is_at(&self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|found| place(&found) == self.place)
    }

    /// All of these lines, or none.
    fn append(&mut self, lines: &[Value]) -> io::Result<()> {
        let mut text = String::new();
        for line in lines {
            if !line["id"].as_str().is_some_and(|id| self.tail.contains(id)) {
                text.push_str(&escaped(&line.to_string()));
                text.push('\n');
            }
        }
        let before = self.file.metadata()?.len();
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data());
        if written.is_err() {
            // A half line would be taken for a whole one. Where this fails too, the next opening
            // cuts it off.
            drop(self.file.set_len(before));
        }
        written
    }
}

fn place(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// The ids at the end of the file. A last line without its end is cut off: whoever wrote it died,
/// and did not note it.
fn read_tail(file: &mut File) -> io::Result<BTreeSet<String>> {
    let length = file.metadata()?.len();
    let from = length.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    if whole < bytes.len() && (whole > 0 || from == 0) {
        file.set_len(from + whole as u64)?;
    }
    let lines = bytes[..whole].split(|byte| *byte == b'\n');
    let id = |line: &[u8]| {
        let line: Value = serde_json::from_slice(line).ok()?;
        line["id"].as_str().map(str::to_owned)
    };
    Ok(lines.filter_map(id).collect())
}
