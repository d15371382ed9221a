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
        let held = if self.held_only { "unpacked(coalesce(packed, body)) ->> 'held'" } else { "0" };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Engine;

    /// A log of rows `(at, status, action, name, cycle)`, in the order in which they were written.
    fn log_of(rows: &[(i64, &str, &str, &str, &str)]) -> (tempfile::TempDir, Engine) {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = Engine::open(&folder.path().join("crm.sqlite")).expect("a state");
        let written = engine.write(|tx| {
            let mut statement = tx.connection.prepare(
                "INSERT INTO provisioning_log (change_id, cycle_id, at, duration_ms, action, \
                 status, source, source_name, code, version, body) VALUES ('c', ?5, ?1, 0, ?3, \
                 ?2, ?6, ?4, 'x', 1, json_object('kind', 'user', 'reason', 'InScope', 'detail', '', \
                 'modified', json('[]'), 'steps', json('[]'), 'held', json(iif(?2 = 'skipped' AND \
                 ?3 = 'disable', 'true', 'false'))))",
            )?;
            for (at, status, action, name, cycle) in rows {
                statement.execute((at, status, action, name, cycle, id_of(name).to_string()))?;
            }
            Ok(())
        });
        written.expect("written");
        (folder, engine)
    }

    fn id_of(name: &str) -> SourceId {
        SourceId::derive(&[&name.to_lowercase()])
    }

    fn page(engine: &Engine, search: &LogSearch, start: LogStart, limit: usize) -> LogPage {
        engine.read(|view| view.log_page(search, start, limit)).expect("a page")
    }

    /// Rows of every kind, many of them at the same moment, and one written out of time.
    fn mixed() -> Vec<(i64, &'static str, &'static str, &'static str, &'static str)> {
        const STATUSES: [&str; 4] = ["success", "skipped", "failure", "warning"];
        const ACTIONS: [&str; 5] = ["create", "update", "skip", "disable", "delete"];
        const NAMES: [&str; 3] = ["Ada@contoso.com", "ada.berg@contoso.com", "Ünal@contoso.com"];
        const CYCLES: [&str; 3] = ["aa11", "aa22", "bb33"];
        let row = |n: usize| {
            let at = i64::try_from(n / 7).expect("small") * 1_000;
            (at, STATUSES[n % 4], ACTIONS[n % 5], NAMES[n / 3 % 3], CYCLES[n * 3 / 300])
        };
        let mut rows: Vec<_> = (0..299).map(row).collect();
        rows.push((5_500, "success", "create", NAMES[0], CYCLES[0]));
        rows
    }

    #[test]
    fn pages_by_key_meet_every_row_once_in_both_directions() {
        let (_folder, engine) = log_of(&mixed());
        let all = LogSearch::default();
        let mut whole = page(&engine, &all, LogStart::Newest, 1_000).rows;
        assert_eq!(whole.len(), 300);
        assert!(whole.windows(2).all(|two| two[0].key().at >= two[1].key().at), "newest first");
        for older in [true, false] {
            let mut met = Vec::new();
            let mut start = if older { LogStart::Newest } else { LogStart::Oldest };
            loop {
                let next = page(&engine, &all, start, 37);
                met.extend(next.rows);
                let Some(key) = next.next else { break };
                start = if older { LogStart::Before(key) } else { LogStart::After(key) };
            }
            assert_eq!(met, whole);
            whole.reverse();
        }
    }

    #[test]
    fn every_search_finds_what_looking_at_each_row_finds() {
        let rows = mixed();
        let (_folder, engine) = log_of(&rows);
        let at = |ms| Timestamp::from_timestamp_millis(ms);
        let whos = ["", "ADA@contoso.com", "ada", "ünal", "nobody"];
        let statuses = ["", "success", "failure"];
        let actions = ["", "update", "other", "stagedDelete"];
        let cycles = ["", "aa", "bb33", "zz"];
        for times in [(None, None), (at(5_000), at(20_000))] {
            for (who, status, action, cycle) in combinations(&whos, &statuses, &actions, &cycles) {
                let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
                let search = LogSearch {
                    who: given(who),
                    action: given(action),
                    status: given(status),
                    cycle: given(cycle),
                    from: times.0,
                    to: times.1,
                };
                let found = page(&engine, &search, LogStart::Newest, 1_000);
                assert!(found.next.is_none() && found.looked_until.is_none(), "{search:?}");
                let mut seqs: Vec<i64> = found.rows.iter().map(|row| row.seq).collect();
                seqs.sort_unstable();
                let expected: Vec<i64> = (1..)
                    .zip(&rows)
                    .filter(|(_, row)| answers(row, (who, status, action, cycle), times))
                    .map(|(seq, _)| seq)
                    .collect();
                assert_eq!(seqs, expected, "{search:?}");
            }
        }
    }

    fn answers(
        (at, status, action, name, cycle): &(i64, &str, &str, &str, &str),
        (who, wanted_status, wanted_action, beginning): (&str, &str, &str, &str),
        (from, to): (Option<Timestamp>, Option<Timestamp>),
    ) -> bool {
        let name = name.to_lowercase();
        let is_meant = match who {
            "ADA@contoso.com" => name == "ada@contoso.com",
            part => name.contains(part),
        };
        let is_action = match wanted_action {
            "" => true,
            "other" => *action == "skip",
            "stagedDelete" => *action == "disable" && *status == "skipped",
            word => *action == word,
        };
        is_meant
            && is_action
            && (wanted_status.is_empty() || *status == wanted_status)
            && cycle.starts_with(beginning)
            && from.is_none_or(|from| *at >= from.timestamp_millis())
            && to.is_none_or(|to| *at < to.timestamp_millis())
    }

    fn combinations<'a>(
        whos: &'a [&'a str],
        statuses: &'a [&'a str],
        actions: &'a [&'a str],
        cycles: &'a [&'a str],
    ) -> Vec<(&'a str, &'a str, &'a str, &'a str)> {
        let mut all = Vec::new();
        for who in whos {
            for status in statuses {
                for action in actions {
                    all.extend(cycles.iter().map(|cycle| (*who, *status, *action, *cycle)));
                }
            }
        }
        all
    }

    #[test]
    fn a_search_that_few_rows_answer_looks_at_so_many_and_says_how_far_back() {
        let count = READ_MAX + 50;
        let mut rows: Vec<_> = (0..count)
            .map(|n| {
                let at = i64::try_from(n).expect("small");
                (at, "failure", "update", "ada@contoso.com", "aa11")
            })
            .collect();
        rows[3].3 = "grace@contoso.com";
        let (_folder, engine) = log_of(&rows);
        let search = LogSearch {
            who: Some("grac".to_owned()),
            status: Some("failure".to_owned()),
            ..LogSearch::default()
        };
        let first = page(&engine, &search, LogStart::Newest, 50);
        assert!(first.rows.is_empty());
        assert_eq!(first.looked_until.expect("it gave up").timestamp_millis(), 50);
        let key = first.next.expect("it goes on");
        let second = page(&engine, &search, LogStart::Before(key), 50);
        assert_eq!(second.rows.len(), 1);
        assert!(second.next.is_none() && second.looked_until.is_none());
    }

    #[test]
    fn no_search_sorts_the_rows_it_visits() {
        let (_folder, engine) = log_of(&mixed());
        let given = |text: &str| Some(text.to_owned());
        let searches = [
            LogSearch::default(),
            LogSearch { who: given("ada@contoso.com"), ..LogSearch::default() },
            LogSearch { who: given("ada"), from: Some(Timestamp::MIN_UTC), ..LogSearch::default() },
            LogSearch { cycle: given("aa"), ..LogSearch::default() },
            LogSearch { status: given("failure"), ..LogSearch::default() },
            LogSearch { action: given("stagedDelete"), ..LogSearch::default() },
        ];
        let key = LogKey { at: 9_000, seq: 60 };
        for search in searches {
            for start in [LogStart::Newest, LogStart::Before(key), LogStart::After(key)] {
                let plan: Vec<String> = engine
                    .read(|view| {
                        let question = view.question(&search)?.expect("a question");
                        let (sql, values) = question.statement(start);
                        let sql = format!("EXPLAIN QUERY PLAN {sql}");
                        let mut statement = view.connection.prepare(&sql)?;
                        let rows = statement.query_map(params_from_iter(values), |r| r.get(3))?;
                        Ok(rows.collect::<Result<_, _>>()?)
                    })
                    .expect("a plan");
                let plan = plan.join("; ");
                assert!(!plan.contains("TEMP B-TREE"), "{search:?} {start:?}: {plan}");
            }
        }
    }
}
