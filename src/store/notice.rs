//! Notices: which are open, when they were told of, and what they are about.

use rusqlite::params;

use super::open::{StoreError, Tx, View};
use crate::{
    model::Timestamp,
    provisioning::{LastSent, Notice, NoticeKind},
};

/// The shape of `notice.body`.
const BODY_VERSION: i64 = 1;

/// For how long it is remembered that a notice went out; the limit counts one hour.
const SENT_REMEMBERED: chrono::TimeDelta = chrono::TimeDelta::days(1);

/// A notice that is open, or whose end was not told yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenNotice {
    /// What it says.
    pub notice: Notice,
    /// When it was last told of.
    pub sent: Option<LastSent>,
}

impl View<'_> {
    /// Every notice that is open, or whose end was not told yet, oldest first.
    pub fn notices(&self) -> Result<Vec<OpenNotice>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT body, since, count, is_over, sent_at, sent_count FROM notice \
             ORDER BY since, kind, cause",
        )?;
        let rows = statement.query_map([], |row| {
            let sent: (Option<i64>, Option<u64>) = (row.get(4)?, row.get(5)?);
            let (since, over): (i64, bool) = (row.get(1)?, row.get(3)?);
            Ok((row.get::<_, String>(0)?, since, row.get::<_, u64>(2)?, over, sent))
        })?;
        rows.map(|row| {
            let (body, since, count, over, sent) = row?;
            let mut notice: Notice =
                serde_json::from_str(&body).map_err(|e| StoreError::stored("notice", e))?;
            notice.since = moment(since);
            notice.count = count;
            notice.over = over;
            let sent = sent.0.zip(sent.1).map(|(at, count)| LastSent { at: moment(at), count });
            Ok(OpenNotice { notice, sent })
        })
        .collect()
    }

    /// When the notices of the last day went out.
    pub fn notices_sent(&self) -> Result<Vec<Timestamp>, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT at FROM notice_sent")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        rows.map(|at| Ok(moment(at?))).collect()
    }
}

impl Tx<'_> {
    /// Stores that this is so. A key that is open keeps when it began and when it was told of; one
    /// whose end was not told yet is open again.
    pub fn raise_notice(&self, notice: &Notice) -> Result<(), StoreError> {
        let body = serde_json::to_string(notice).map_err(|e| StoreError::stored("notice", e))?;
        self.run(
            "INSERT INTO notice (kind, cause, since, count, is_over, version, body) \
             VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6) ON CONFLICT (kind, cause) DO UPDATE \
             SET count = ?4, is_over = 0, version = ?5, body = ?6",
            params![
                notice.kind.as_str(),
                notice.cause,
                notice.since.timestamp_millis(),
                notice.count,
                BODY_VERSION,
                body
            ],
        )?;
        Ok(())
    }

    /// Stores that it is over; its end is told once. False where it was not open.
    pub fn end_notice(&self, kind: NoticeKind, cause: &str) -> Result<bool, StoreError> {
        let ended = self.run(
            "UPDATE notice SET is_over = 1 WHERE kind = ?1 AND cause = ?2 AND is_over = 0",
            params![kind.as_str(), cause],
        )?;
        Ok(ended > 0)
    }

    /// Takes back what was raised, without a word.
    pub fn withdraw_notice(&self, kind: NoticeKind, cause: &str) -> Result<(), StoreError> {
        let key = params![kind.as_str(), cause];
        self.run("DELETE FROM notice WHERE kind = ?1 AND cause = ?2", key)?;
        Ok(())
    }

    /// Stores that a notice was told of, as it is now. One that is over, or that has no end, goes.
    pub fn notice_told(&self, notice: &Notice, now: Timestamp) -> Result<(), StoreError> {
        let has_no_end = matches!(notice.kind, NoticeKind::Digest | NoticeKind::Test);
        if notice.over || has_no_end {
            return self.withdraw_notice(notice.kind, &notice.cause);
        }
        self.run(
            "UPDATE notice SET sent_at = ?3, sent_count = ?4 WHERE kind = ?1 AND cause = ?2",
            params![notice.kind.as_str(), notice.cause, now.timestamp_millis(), notice.count],
        )?;
        Ok(())
    }

    /// Counts one message against the limit per hour.
    pub fn count_notice(&self, now: Timestamp) -> Result<(), StoreError> {
        let old = (now - SENT_REMEMBERED).timestamp_millis();
        self.run("DELETE FROM notice_sent WHERE at < ?1", [old])?;
        self.run("INSERT INTO notice_sent (at) VALUES (?1)", [now.timestamp_millis()])?;
        Ok(())
    }
}

pub(super) fn moment(milliseconds: i64) -> Timestamp {
    Timestamp::from_timestamp_millis(milliseconds).unwrap_or_default()
}
