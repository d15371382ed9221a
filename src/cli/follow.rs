//! `log --follow`: rows of the log as they come, until somebody interrupts it.
//!
//! It outlives the service: a log that is pruned, a service that starts again and a state file that
//! is replaced end nothing. A row is shown once.

use std::{os::unix::fs::MetadataExt, path::Path, time::Duration};

use chrono::TimeDelta;

use super::{
    args::{Global, LogArgs},
    exit::ExitCode,
    log::{print, query},
    output,
    plan::open,
    problem::Problem,
};
use crate::{
    config::{AppSettings, Config},
    daemon::{SystemClock, stop_on_signals},
    model::{Clock, JobId, Timestamp, escaped},
    store::{LogRow, Reader},
};

/// How often new rows are looked for.
const EVERY: Duration = Duration::from_millis(500);

/// Rows printed at once.
const AT_ONCE: u32 = 1_000;

/// The log of one application, as far as it was shown.
struct Followed<'a> {
    app: &'a AppSettings,
    reader: Option<Open>,
    after: Option<i64>,
    /// When the last row was that was shown.
    last_at: Option<Timestamp>,
    /// Not before: what an earlier file had was shown.
    since: Option<Timestamp>,
}

struct Open {
    reader: Reader,
    place: Option<(u64, u64)>,
}

pub(super) async fn follow(
    config: &Config,
    apps: &[&AppSettings],
    args: &LogArgs,
    global: &Global,
) -> anyhow::Result<ExitCode> {
    let stop = stop_on_signals().map_err(Problem::from)?;
    let start = |app| Followed { app, reader: None, after: None, last_at: None, since: None };
    let mut all: Vec<Followed<'_>> = apps.iter().copied().map(start).collect();
    while !stop.is_requested() {
        let mut more = false;
        for followed in &mut all {
            let rows = followed.next(config, args)?;
            more |= rows.len() >= AT_ONCE as usize;
            let name = followed.app.job.app.as_str();
            if global.json {
                lines(config, name, &rows)?;
            } else {
                print(name, &rows, args)?;
            }
        }
        if !more {
            SystemClock.sleep(EVERY).await;
        }
    }
    Ok(ExitCode::Done)
}

impl Followed<'_> {
    /// The next rows: at first the newest that were asked for, then every later one.
    fn next(&mut self, config: &Config, args: &LogArgs) -> Result<Vec<LogRow>, Problem> {
        let app = self.app;
        if self.reader.as_ref().is_none_or(|open| place(open.reader.path()) != open.place) {
            self.reader = open(config, app)?.map(|reader| {
                let place = place(reader.path());
                Open { reader, place }
            });
            if self.reader.is_some() && self.after.is_some() {
                // Another file counts from its own beginning, or is an older one.
                self.after = Some(0);
                self.since = self.last_at.map(|at| at + TimeDelta::milliseconds(1));
            }
        }
        let Some(Open { reader, .. }) = &self.reader else { return Ok(Vec::new()) };
        let limit = if self.after.is_none() { args.limit } else { AT_ONCE };
        let mut asked = query(args, self.after, limit);
        asked.since = asked.since.max(self.since);
        // The end before the rows: what comes between the two is found next time.
        let (end, rows) = reader
            .read(|view| view.log_end())
            .and_then(|end| Ok((end, asked.rows(reader)?)))
            .map_err(|error| Problem::of_store(app.job.app.as_str(), error))?;
        let was_all = self.after.is_none() || rows.len() < AT_ONCE as usize;
        let last = rows.last().map(|row| row.seq);
        self.after = if was_all { last.max(Some(end)) } else { last };
        self.last_at = rows.last().map(|row| row.at).or(self.last_at);
        Ok(rows)
    }
}

/// Which file it is, whatever its name.
fn place(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

fn lines(config: &Config, app: &str, rows: &[LogRow]) -> anyhow::Result<()> {
    let job = JobId::derive(&[&config.tenant.id, app]);
    output::stream(|out| {
        for row in rows {
            let document = row.summary(&config.tenant.id, job, app).to_string();
            writeln!(out, "{}", escaped(&document))?;
        }
        Ok(())
    })
}
