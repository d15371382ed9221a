//! The provisioning log a page at a time, as somebody reads it who looks for something.
//!
//! Pages go by the key of their last row, in the order of time, so that the thousandth costs what
//! the first did and a row that comes meanwhile moves none. A question that few rows answer looks
//! at so many rows and no more; the page then says how far back it has looked, and the next one
//! goes on from there.

use rusqlite::{Statement, params_from_iter, types::Value as Sql};

use super::{
    log::{COLUMNS, LogRow, STAGED_DELETE, plan_actions, read_row},
    notice::moment,
    open::{StoreError, View},
};
use crate::model::{SourceId, Timestamp};

/// Rows that one page looks at where the index has all that is asked: they are narrow.
const LOOKED_AT_MAX: usize = 60_000;

/// The same where each row has to be read for it.
const READ_MAX: usize = 6_000;

/// People or cycles that a name stands for at most.
const MEANT_MAX: usize = 20;

/// A place in the log: between two rows, or at one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogKey {
    /// The row's time, in milliseconds.
    pub at: i64,
    /// Its number.
    pub seq: i64,
}

/// Where a page begins, and in which direction it goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogStart {
    /// At the newest row, towards older ones.
    #[default]
    Newest,
    /// Right before this place, towards older ones.
    Before(LogKey),
    /// Right after this place, towards newer ones.
    After(LogKey),
    /// At the oldest row, towards newer ones.
    Oldest,
}

/// What is looked for. Empty fields do not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogSearch {
    /// A person or group: its id, its whole name, or a part of it.
    pub who: Option<String>,
    /// An action: a plan's word, or Graph's `other` and `stagedDelete`.
    pub action: Option<String>,
    /// A status.
    pub status: Option<String>,
    /// A cycle's id, or the beginning of one.
    pub cycle: Option<String>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before this.
    pub to: Option<Timestamp>,
}

/// A page of the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogPage {
    /// Its rows, in the direction in which it was read.
    pub rows: Vec<LogRow>,
    /// Where the next page in that direction begins; `None` where there is nothing more.
    pub next: Option<LogKey>,
    /// Until when it has looked, where it gave up before it was full.
    pub looked_until: Option<Timestamp>,
}

impl LogRow {
    /// Its place in the log.
    pub fn key(&self) -> LogKey {
        LogKey { at: self.at.timestamp_millis(), seq: self.seq }
    }
}

impl View<'_> {
    /// One row of the log.
    pub fn log_row(&self, seq: i64) -> Result<Option<LogRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM provisioning_log WHERE seq = ?1");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query_map([seq], read_row)?;
        rows.next().map(|row| row?).transpose()
    }

    /// Up to `limit` rows that answer, from `start` on.
    pub fn log_page(
        &self,
        search: &LogSearch,
        start: LogStart,
        limit: usize,
    ) -> Result<LogPage, StoreError> {
        let Some(question) = self.question(search)? else { return Ok(LogPage::default()) };
        let (sql, values) = question.statement(start);
        let mut statement = self.connection.prepare_cached(&sql)?;
        let found = question.look(&mut statement, values, limit)?;
        let mut page = LogPage { next: found.next, ..LogPage::default() };
        page.looked_until = found.gave_up.then(|| found.next.map(|key| moment(key.at))).flatten();
        for key in found.keys {
            // A row that was pruned in this very moment is no longer there.
            page.rows.extend(self.log_row(key.seq)?);
        }
        Ok(page)
    }

    /// What a search comes to; `None` where nothing can answer it.
    fn question(&self, search: &LogSearch) -> Result<Option<Question>, StoreError> {
        let mut question = Question {
            driver: Driver::Time,
            actions: search.action.as_deref().map(plan_actions),
            held_only: search
                .action
                .as_deref()
                .is_some_and(|a| a.eq_ignore_ascii_case(STAGED_DELETE)),
            status: search.status.as_ref().map(|status| status.to_lowercase()),
            name: None,
            cycles: None,
            from: search.from.map(|at| at.timestamp_millis()),
            to: search.to.map(|at| at.timestamp_millis()),
        };
        let sources = match &search.who {
            Some(who) => match self.meant(who)? {
                Meant::Sources(sources) => Some(sources),
                Meant::PartOfName(part) => {
                    question.name = Some(part);
                    None
                }
            },
            None => None,
        };
        if let Some(beginning) = &search.cycle {
            question.cycles = Some(self.cycles_beginning(&beginning.to_lowercase())?);
        }
        if question.cycles.as_ref().is_some_and(Vec::is_empty)
            || question.actions.as_ref().is_some_and(Vec::is_empty)
        {
            return Ok(None);
        }
        let is_rare = |status: &str| matches!(status, "failure" | "warning");
        question.driver = match (sources, question.cycles.take()) {
            (Some(sources), cycles) => {
                question.cycles = cycles;
                Driver::Sources(sources)
            }
            (None, Some(cycles)) => Driver::Cycles(cycles),
            (None, None) => match (&question.status, question.actions.take()) {
                (Some(status), actions) if is_rare(status) => {
                    question.actions = actions;
                    Driver::Status(question.status.take().unwrap_or_default())
                }
                (_, Some(actions)) => Driver::Actions(actions),
                // Most rows have one of the others.
                (_, None) => Driver::Time,
            },
        };
        Ok(Some(question))
    }

    /// Whom a text means: an id, or a whole name without regard to case; else whoever has it in
    /// the name.
    fn meant(&self, who: &str) -> Result<Meant, StoreError> {
        if let Ok(id) = who.parse::<SourceId>() {
            return Ok(Meant::Sources(vec![id.to_string()]));
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT DISTINCT source FROM provisioning_log \
             WHERE source_name = ?1 COLLATE NOCASE AND source <> '' LIMIT ?2",
        )?;
        let rows = statement.query_map((who, MEANT_MAX as u64), |row| row.get(0))?;
        let sources: Vec<String> = rows.collect::<Result<_, _>>()?;
        if sources.is_empty() {
            return Ok(Meant::PartOfName(who.to_lowercase()));
        }
        Ok(Meant::Sources(sources))
    }

    /// The ids of cycles in the log that begin so.
    fn cycles_beginning(&self, beginning: &str) -> Result<Vec<String>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT cycle_id FROM provisioning_log WHERE cycle_id >= ?1 AND cycle_id > ?2 \
             ORDER BY cycle_id LIMIT 1",
        )?;
        let mut found: Vec<String> = Vec::new();
        while found.len() < MEANT_MAX {
            let last = found.last().map_or("", String::as_str);
            let mut rows = statement.query((beginning, last))?;
            let Some(row) = rows.next()? else { break };
            let id: String = row.get(0)?;
            if !id.starts_with(beginning) {
                break;
            }
            found.push(id);
        }
        Ok(found)
    }
}

/// Whom a text means.
enum Meant {
    Sources(Vec<String>),
    PartOfName(String),
}

/// What leads to the rows, by an index; the rest of the question is asked of each of them.
enum Driver {
    Time,
    Sources(Vec<String>),
    Cycles(Vec<String>),
    Status(String),
    Actions(Vec<String>),
}

/// A search, worked out.
struct Question {
    driver: Driver,
    actions: Option<Vec<String>>,
    held_only: bool,
    status: Option<String>,
    name: Option<String>,
    cycles: Option<Vec<String>>,
    from: Option<i64>,
    to: Option<i64>,
}

/// What a look through the log found.
#[derive(Default)]
struct Found {
    keys: Vec<LogKey>,
    next: Option<LogKey>,
    gave_up: bool,
}

impl Question {
    /// The statement that visits the rows, and its values. Several values of one column are
    /// several ordered visits, which SQLite merges without sorting.
    fn statement(&self, start: LogStart) -> (String, Vec<Sql>) {
        let mut values = Vec::new();
        let mut hold = |value: Sql| {
            values.push(value);
            format!("?{}", values.len())
        };
        let (older, key) = match start {
            LogStart::Newest => (true, None),
            LogStart::Before(key) => (true, Some(key)),
            LogStart::After(key) => (false, Some(key)),
            LogStart::Oldest => (false, None),
        };
        let range = self.range(&mut hold, older, key);
        let order = if older { "DESC" } else { "ASC" };
        // Only these two are read from the row itself, and most questions do without.
        let held = if self.held_only { "body ->> 'held'" } else { "0" };
        let cycle = if self.cycles.is_some() { "cycle_id" } else { "''" };
        let (index, column, wanted) = match &self.driver {
            Driver::Time => ("at", None, None),
            Driver::Sources(sources) => ("source", Some("source"), Some(sources.as_slice())),
            Driver::Cycles(cycles) => ("cycle", Some("cycle_id"), Some(cycles.as_slice())),
            Driver::Status(status) => {
                ("status", Some("status"), Some(std::slice::from_ref(status)))
            }
            Driver::Actions(actions) => ("action", Some("action"), Some(actions.as_slice())),
        };
        let visit = |condition: String| {
            format!(
                "SELECT at, seq, status, action, source_name, {cycle}, {held} \
                 FROM provisioning_log INDEXED BY provisioning_log_{index} WHERE {condition}{range}"
            )
        };
        let visits: Vec<String> = match (column, wanted) {
            (Some(column), Some(wanted)) => wanted
                .iter()
                .map(|value| visit(format!("{column} = {}", hold(Sql::Text(value.clone())))))
                .collect(),
            _ => vec![visit("1".to_owned())],
        };
        let sql = format!("{} ORDER BY 1 {order}, 2 {order}", visits.join(" UNION ALL "));
        (sql, values)
    }

    /// The rest of a visit's condition: the times that are asked for, from the key on.
    fn range(
        &self,
        hold: &mut impl FnMut(Sql) -> String,
        older: bool,
        key: Option<LogKey>,
    ) -> String {
        let from = self.from.map(|from| format!(" AND at >= {}", hold(Sql::Integer(from))));
        let to = self.to.map(|to| format!(" AND at < {}", hold(Sql::Integer(to))));
        let after = key.map(|key| {
            let (at, seq) = (hold(Sql::Integer(key.at)), hold(Sql::Integer(key.seq)));
            if older {
                format!(" AND at <= {at} AND (at < {at} OR seq < {seq})")
            } else {
                format!(" AND at >= {at} AND (at > {at} OR seq > {seq})")
            }
        });
        [from, to, after].into_iter().flatten().collect()
    }

    /// Whether every row that is visited answers, so that none is visited in vain.
    fn is_exact(&self) -> bool {
        !self.held_only
            && self.actions.is_none()
            && self.status.is_none()
            && self.name.is_none()
            && self.cycles.is_none()
    }

    fn budget(&self) -> usize {
        match self.driver {
            _ if self.is_exact() => usize::MAX,
            Driver::Time if !self.held_only => LOOKED_AT_MAX,
            Driver::Time
            | Driver::Sources(_)
            | Driver::Cycles(_)
            | Driver::Status(_)
            | Driver::Actions(_) => READ_MAX,
        }
    }

    /// Visits rows until the page is full, the rows have come to an end, or it has looked enough.
    fn look(
        &self,
        statement: &mut Statement<'_>,
        values: Vec<Sql>,
        limit: usize,
    ) -> Result<Found, StoreError> {
        let mut rows = statement.query(params_from_iter(values))?;
        let (mut found, mut looked, mut last) = (Found::default(), 0, None);
        while let Some(row) = rows.next()? {
            let key = LogKey { at: row.get(0)?, seq: row.get(1)? };
            if found.keys.len() == limit || looked == self.budget() {
                found.gave_up = found.keys.len() < limit;
                found.next = last;
                break;
            }
            looked += 1;
            last = Some(key);
            if self.is_answered_by(row)? {
                found.keys.push(key);
            }
        }
        Ok(found)
    }

    fn is_answered_by(&self, row: &rusqlite::Row<'_>) -> Result<bool, StoreError> {
        let text = |column| row.get_ref(column)?.as_str().map_err(rusqlite::Error::from);
        let among = |wanted: &Option<Vec<String>>, found: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.iter().any(|one| one == found))
        };
        if let Some(status) = &self.status
            && status != text(2)?
        {
            return Ok(false);
        }
        if !among(&self.actions, text(3)?) || !among(&self.cycles, text(5)?) {
            return Ok(false);
        }
        if self.held_only && !row.get::<_, Option<bool>>(6)?.unwrap_or_default() {
            return Ok(false);
        }
        match &self.name {
            Some(name) => Ok(contains(text(4)?, name)),
            None => Ok(true),
        }
    }
}

/// Whether a name has this part, which is in lower case, without regard to case.
fn contains(name: &str, part: &str) -> bool {
    name.contains(part) || name.to_lowercase().contains(part)
}
