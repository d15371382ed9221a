//! Opening a state file: the lock, the migrations, and the two ways to hold it.

use std::{
    cell::{OnceCell, RefCell},
    fs::File,
    ops::Deref,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub use super::error::StoreError;
use super::{
    counter::{Meters, Pending},
    key,
    neighbour::Neighbours,
    packed,
    private::{own, take},
    redaction::SealedProperties,
    soundness,
    watch::{Commit, CommitWatch},
};
use crate::model::RedactionKey;
use rusqlite::{
    Connection, OpenFlags, Params, Row, Transaction, TransactionBehavior, config::DbConfig,
};

/// The schema, as numbered steps that are never edited once released.
const MIGRATIONS: [&str; 18] = [
    include_str!("migrations/0001_state.sql"),
    include_str!("migrations/0002_filters.sql"),
    include_str!("migrations/0003_hints.sql"),
    include_str!("migrations/0004_sent.sql"),
    include_str!("migrations/0005_notice.sql"),
    include_str!("migrations/0006_escrow.sql"),
    include_str!("migrations/0007_safeguards.sql"),
    include_str!("migrations/0008_unconfirmed.sql"),
    include_str!("migrations/0009_groups.sql"),
    include_str!("migrations/0011_drift.sql"),
    include_str!("migrations/0012_page.sql"),
    include_str!("migrations/0013_counter.sql"),
    include_str!("migrations/0014_access.sql"),
    include_str!("migrations/0015_removed_account.sql"),
    include_str!("migrations/0016_scale.sql"),
    include_str!("migrations/0017_smaller.sql"),
    include_str!("migrations/0018_outcome.sql"),
    include_str!("migrations/0019_first_reading.sql"),
];

/// The version of a file whose engine has not made its tables yet: there is no state so far.
const NOT_MADE_YET: usize = 0;

/// Statements that are kept compiled: more than the store has, so that none is compiled twice.
const STATEMENTS_KEPT: usize = 200;

/// What SQLite may keep of the file in memory, as it wants it told: negative, in KiB.
const CACHE_KIB: i32 = -16_384;

/// Pages in SQLite's log before they are folded into the file: 16 MiB, so that a page that many
/// commits change in a row is folded in once.
const CHECKPOINT_PAGES: i32 = 4_096;

/// How long a reader waits for a writer's commit.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The engine's hold on a state file: the lock and the one writing connection.
pub struct Engine {
    connection: Mutex<Connection>,
    path: PathBuf,
    key: Box<RedactionKey>,
    neighbours: Neighbours,
    pub(super) meters: Meters,
    lock: Option<File>,
    watch: Option<CommitWatch>,
}

/// A look at a state file that another process may be writing.
pub struct Reader {
    connection: Mutex<Connection>,
    path: PathBuf,
    key: Box<RedactionKey>,
    neighbours: Neighbours,
}

/// A state that can be read: the engine's own, or another process's.
pub trait StateRead: Sync {
    /// What redacted values are hashed with.
    fn key(&self) -> &RedactionKey;

    /// Reads.
    fn read<T>(
        &self,
        work: impl FnOnce(&View<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError>;
}

impl StateRead for Engine {
    fn key(&self) -> &RedactionKey {
        Self::key(self)
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&View<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        Self::read(self, work)
    }
}

impl StateRead for Reader {
    fn key(&self) -> &RedactionKey {
        Self::key(self)
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&View<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        Self::read(self, work)
    }
}

/// What can be read.
pub struct View<'c> {
    pub(super) connection: &'c Connection,
    pub(super) key: &'c RedactionKey,
    /// The other applications with the same target.
    pub(super) neighbours: &'c Neighbours,
}

impl View<'_> {
    /// Runs a statement, compiled once.
    pub(super) fn run(&self, sql: &str, values: impl Params) -> rusqlite::Result<usize> {
        self.connection.prepare_cached(sql)?.execute(values)
    }

    /// Reads many things of one moment: the file is locked once, not for each of them. Not for use
    /// inside a transaction.
    pub fn at_once<T>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let moment = Transaction::new_unchecked(self.connection, TransactionBehavior::Deferred)?;
        let result = work()?;
        moment.commit()?;
        Ok(result)
    }

    /// The first row of a query, which is compiled once.
    pub(super) fn one<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.connection.prepare_cached(sql)?.query_row(values, read)
    }
}

/// What can be changed, all together or not at all.
pub struct Tx<'c> {
    view: View<'c>,
    /// What the counters are raised by once the work is done.
    pub(super) pending: RefCell<Pending>,
    /// The properties that are stored sealed, once they were asked for.
    pub(super) sealed: OnceCell<SealedProperties>,
}

impl<'c> Tx<'c> {
    fn new(view: View<'c>) -> Self {
        Self { view, pending: RefCell::default(), sealed: OnceCell::new() }
    }
}

impl<'c> Deref for Tx<'c> {
    type Target = View<'c>;

    fn deref(&self) -> &View<'c> {
        &self.view
    }
}

impl Engine {
    /// Takes the lock and opens the file, creating or migrating it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let file_error = |detail: std::io::Error| StoreError::File {
            path: path.to_owned(),
            detail: detail.to_string(),
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(file_error)?;
        }
        let lock_path = path.with_extension("lock");
        let lock = own(&lock_path).map_err(file_error)?;
        if !take(&lock).map_err(file_error)? {
            return Err(StoreError::Locked(path.to_owned()));
        }
        own(path).map_err(file_error)?;
        let connection = Connection::open(path).map_err(|error| classify(path, error))?;
        let engine = Self {
            connection: Mutex::new(connection),
            path: path.to_owned(),
            key: Box::new(key::read_or_make(path)?),
            neighbours: Neighbours::default(),
            meters: Meters::default(),
            lock: Some(lock),
            watch: None,
        };
        engine.prepare()?;
        Ok(engine)
    }

    /// The same, with somebody who is told of every commit.
    #[must_use]
    pub fn watched(self, watch: CommitWatch) -> Self {
        Self { watch: Some(watch), ..self }
    }

    fn prepare(&self) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let path = &self.path;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        connection.pragma_update(None, "journal_mode", "WAL").map_err(|e| classify(path, e))?;
        connection.pragma_update(None, "synchronous", "NORMAL").map_err(|e| classify(path, e))?;
        equip(&connection)?;
        connection.pragma_update(None, "cache_size", CACHE_KIB)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        soundness::check(&connection, path)?;
        let version = version_of(&connection, path)?;
        if version < MIGRATIONS.len() {
            // In one piece: whoever reads beside this sees the old shape or the new one.
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for script in &MIGRATIONS[version..] {
                tx.execute_batch(script).map_err(|error| classify(path, error))?;
            }
            tx.pragma_update(None, "user_version", MIGRATIONS.len())?;
            tx.commit()?;
        }
        Ok(())
    }

    /// Runs `work` in one transaction; an error leaves everything as it was.
    pub fn write<T>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.transact(work).map_err(|error| name_disk(&self.path, error))
    }

    fn transact<T>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let tell = |moment| self.watch.as_ref().map_or(Ok(()), |watch| watch(moment));
        let mut connection = self.connection();
        let transaction: Transaction<'_> =
            connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let tx = Tx::new(self.view(&transaction));
        let result = work(&tx)?;
        let metered = tx.raise_counters(&self.meters)?;
        drop(tx);
        tell(Commit::Before)?;
        transaction.commit()?;
        self.meters.stored(metered);
        tell(Commit::After)?;
        Ok(result)
    }

    /// Reads.
    pub fn read<T>(
        &self,
        work: impl FnOnce(&View<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let connection = self.connection();
        work(&self.view(&connection))
    }

    fn view<'c>(&'c self, connection: &'c Connection) -> View<'c> {
        View { connection, key: &self.key, neighbours: &self.neighbours }
    }

    /// The same state, beside those of other applications with the same target.
    #[must_use]
    pub fn beside(mut self, neighbours: Neighbours) -> Self {
        self.neighbours = neighbours;
        self
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What redacted values are hashed with, and their sources sealed.
    pub fn key(&self) -> &RedactionKey {
        &self.key
    }

    /// Writes the file anew without what was deleted or overwritten, and empties SQLite's log;
    /// returns whether nobody was in the way. Of a private copy nothing is left in any case.
    pub(super) fn compact(&self) -> Result<bool, StoreError> {
        if self.lock.is_none() {
            return Ok(true);
        }
        let connection = self.connection();
        match connection.execute_batch("VACUUM") {
            Err(error) if is_busy(&error) => return Ok(false),
            done => done?,
        }
        let busy: bool =
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        Ok(!busy)
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    /// Opens an existing state file for reading, beside an engine that may be writing it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::Missing(path.to_owned()));
        }
        // Writable, because a reader may have to recover a crashed writer's log; it never writes
        // but for commands, which are one row.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(path, flags).map_err(|error| classify(path, error))?;
        leave_as_found(&connection)?;
        let version = version_of(&connection, path)?;
        if version == NOT_MADE_YET {
            return Err(StoreError::Missing(path.to_owned()));
        }
        if version < MIGRATIONS.len() {
            return Err(StoreError::Older(path.to_owned()));
        }
        let key = Box::new(key::read_or_invent(path)?);
        let neighbours = Neighbours::default();
        Ok(Self { connection: Mutex::new(connection), path: path.to_owned(), key, neighbours })
    }

    /// The same state, beside those of other applications with the same target.
    #[must_use]
    pub fn beside(mut self, neighbours: Neighbours) -> Self {
        self.neighbours = neighbours;
        self
    }

    fn view<'c>(&'c self, connection: &'c Connection) -> View<'c> {
        View { connection, key: &self.key, neighbours: &self.neighbours }
    }

    /// Reads.
    pub fn read<T>(
        &self,
        work: impl FnOnce(&View<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        work(&self.view(&connection))
    }

    /// Hands the engine a command: one row.
    pub fn give<T>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let result = work(&Tx::new(self.view(&transaction)))?;
        transaction.commit()?;
        Ok(result)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What redacted values were hashed with.
    pub fn key(&self) -> &RedactionKey {
        &self.key
    }
}

/// A private copy of the state for a dry run: everything but the log and the commands.
///
/// Where there is no state file yet, the copy is empty. The copy is a temporary file that is
/// deleted at once and lives as long as it is open; the original is only read.
pub fn preview_copy(path: &Path) -> Result<Engine, StoreError> {
    let copy = Engine {
        // An empty name makes a private temporary database that spills to disk when large.
        connection: Mutex::new(Connection::open("")?),
        path: path.to_owned(),
        key: Box::new(key::read_or_invent(path)?),
        neighbours: Neighbours::default(),
        meters: Meters::default(),
        lock: None,
        watch: None,
    };
    if !path.exists() {
        copy.prepare()?;
        return Ok(copy);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let original =
        Connection::open_with_flags(path, flags).map_err(|error| classify(path, error))?;
    leave_as_found(&original)?;
    if version_of(&original, path)? != NOT_MADE_YET {
        let mut connection = copy.connection();
        let backup = rusqlite::backup::Backup::new(&original, &mut connection)?;
        backup
            .run_to_completion(4_096, Duration::ZERO, None)
            .map_err(|error| classify(path, error))?;
        drop(backup);
        connection.execute_batch(
            "PRAGMA journal_mode = DELETE; DELETE FROM provisioning_log; DELETE FROM command;",
        )?;
    }
    copy.prepare()?;
    Ok(copy)
}

/// A reader that closes last would otherwise fold the writer's log into the file.
fn leave_as_found(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    equip(connection)
}

/// What every connection has, whether it reads or writes.
///
/// A statement keeps its plan whatever its parameters are. Otherwise each one that a partial index
/// might serve is compiled again with every new value, which costs more than all that it does.
fn equip(connection: &Connection) -> Result<(), StoreError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    packed::teach(connection)?;
    Ok(())
}

fn version_of(connection: &Connection, path: &Path) -> Result<usize, StoreError> {
    let found: i64 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(|error| classify(path, error))?;
    let known = MIGRATIONS.len();
    match usize::try_from(found) {
        Ok(version) if version <= known => {
            let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table'";
            let tables: i64 = connection
                .query_row(sql, [], |row| row.get(0))
                .map_err(|error| classify(path, error))?;
            if version == 0 && tables > 0 {
                let detail = "it holds another program's tables".to_owned();
                return Err(StoreError::Corrupt { path: path.to_owned(), detail });
            }
            Ok(version)
        }
        Ok(_) | Err(_) => Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known: i64::try_from(known).unwrap_or(i64::MAX),
        }),
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked))
}

pub(super) fn classify(path: &Path, error: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode::{CannotOpen, DatabaseCorrupt, NotADatabase, PermissionDenied};
    match error.sqlite_error_code() {
        Some(NotADatabase | DatabaseCorrupt) => {
            StoreError::Corrupt { path: path.to_owned(), detail: error.to_string() }
        }
        Some(CannotOpen | PermissionDenied) => {
            StoreError::File { path: path.to_owned(), detail: error.to_string() }
        }
        _ => name_disk(path, StoreError::Sql(error)),
    }
}

/// A statement that failed for the disk's sake says which file it was about.
fn name_disk(path: &Path, error: StoreError) -> StoreError {
    use rusqlite::ErrorCode::{DiskFull, ReadOnly, SystemIoFailure};
    let StoreError::Sql(cause) = &error else { return error };
    if cause.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt) {
        return StoreError::Corrupt { path: path.to_owned(), detail: cause.to_string() };
    }
    if !matches!(cause.sqlite_error_code(), Some(DiskFull | ReadOnly | SystemIoFailure)) {
        return error;
    }
    StoreError::Disk { path: path.to_owned(), detail: cause.to_string() }
}
