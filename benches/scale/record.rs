//! The least record of writes that SQLite can be asked for: which are under way, and of each answer
//! the link, the row of the log and the mark, all or nothing. Knows no requests.

use std::{
    path::Path,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread::JoinHandle,
};

use bytes::Bytes;
use rusqlite::{Connection, params};
use tokio::sync::oneshot;

/// What is to be recorded.
enum Note {
    /// A request leaves, once this is answered.
    Leaves(usize, oneshot::Sender<()>),
    /// It was answered.
    Answered(usize),
}

/// Whoever records, on a thread of its own.
pub(crate) struct Recorder {
    notes: Sender<Note>,
    thread: JoinHandle<()>,
}

/// Somebody who has something recorded.
#[derive(Clone)]
pub(crate) struct Pen(Sender<Note>);

impl Recorder {
    /// Begins a file in which these bodies are planned.
    pub(crate) fn start(file: &Path, bodies: &Arc<Vec<Bytes>>) -> Self {
        let state = planned(file, bodies);
        let bodies = Arc::clone(bodies);
        let (notes, inbox) = channel();
        let thread = std::thread::spawn(move || record(state, &inbox, &bodies));
        Self { notes, thread }
    }

    /// One more of those who write.
    pub(crate) fn pen(&self) -> Pen {
        Pen(self.notes.clone())
    }

    /// Waits until everything is recorded.
    pub(crate) fn end(self) {
        drop(self.notes);
        self.thread.join().expect("it ends");
    }
}

impl Pen {
    /// Returns once it is committed that this request leaves.
    pub(crate) async fn leaves(&self, seq: usize) {
        let (done, committed) = oneshot::channel();
        self.0.send(Note::Leaves(seq, done)).expect("it is there");
        committed.await.expect("a commit");
    }

    /// Has it recorded that this request was answered.
    pub(crate) fn answered(&self, seq: usize) {
        self.0.send(Note::Answered(seq)).expect("it is there");
    }
}

fn planned(file: &Path, bodies: &[Bytes]) -> Connection {
    let mut state = Connection::open(file).expect("a file");
    state
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
             PRAGMA wal_autocheckpoint = 4096; PRAGMA cache_size = -16384;
             CREATE TABLE planned (seq INTEGER PRIMARY KEY, status TEXT, body BLOB);
             CREATE TABLE link (source TEXT PRIMARY KEY, target TEXT, exported BLOB) WITHOUT ROWID;
             CREATE UNIQUE INDEX link_target ON link (target);
             CREATE TABLE log (seq INTEGER PRIMARY KEY, source TEXT, status TEXT, body BLOB);
             CREATE INDEX log_source ON log (source);",
        )
        .expect("tables");
    let tx = state.transaction().expect("a transaction");
    for (seq, body) in bodies.iter().enumerate() {
        tx.prepare_cached("INSERT INTO planned VALUES (?1, 'planned', ?2)")
            .and_then(|mut add| add.execute(params![seq, &body[..]]))
            .expect("a row");
    }
    tx.commit().expect("a commit");
    state
}

/// Commits what has come, again and again.
fn record(mut state: Connection, inbox: &Receiver<Note>, bodies: &[Bytes]) {
    while let Ok(first) = inbox.recv() {
        let tx = state.transaction().expect("a transaction");
        let mut waiting = Vec::new();
        for note in std::iter::once(first).chain(inbox.try_iter()) {
            write(&tx, note, bodies, &mut waiting).expect("rows");
        }
        tx.commit().expect("a commit");
        for committed in waiting {
            // Whoever waited for it may be gone where the loop broke.
            let _ = committed.send(());
        }
    }
}

fn write(
    tx: &Connection,
    note: Note,
    bodies: &[Bytes],
    waiting: &mut Vec<oneshot::Sender<()>>,
) -> rusqlite::Result<()> {
    let mut mark = tx.prepare_cached("UPDATE planned SET status = ?2 WHERE seq = ?1")?;
    match note {
        Note::Leaves(seq, done) => {
            mark.execute(params![seq, "sent"])?;
            waiting.push(done);
        }
        Note::Answered(seq) => {
            let source = format!("{:08x}-0000-4000-8000-{seq:012x}", seq.wrapping_mul(0x9e37_79b1));
            let body = &bodies[seq][..];
            mark.execute(params![seq, "success"])?;
            tx.prepare_cached("INSERT INTO link VALUES (?1, ?2, ?3)")?.execute(params![
                source,
                format!("u-{seq:08x}"),
                body
            ])?;
            tx.prepare_cached("INSERT INTO log (source, status, body) VALUES (?1, 'success', ?2)")?
                .execute(params![source, body])?;
        }
    }
    Ok(())
}
