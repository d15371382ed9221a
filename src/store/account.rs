//! Every account of the target, with whose it is, while they are listed for a person.

use rusqlite::params;
use serde_json::Value;

use super::{
    link::parse_values,
    open::{StoreError, Tx, View},
};
use crate::model::{SourceId, TargetId};

/// Whose an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccountStanding {
    /// It is linked: a cycle keeps it as its person's.
    Linked,
    /// It was linked and is kept as it is, as configured; whose it was is remembered.
    Kept,
    /// It is not linked, and matching would find this person of the directory.
    Matched,
    /// The target's own.
    Local,
}

impl AccountStanding {
    /// Every standing with its word.
    pub const WORDS: [(&'static str, Self); 4] = [
        ("linked", Self::Linked),
        ("kept", Self::Kept),
        ("matched", Self::Matched),
        ("local", Self::Local),
    ];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Linked => "linked",
            Self::Kept => "kept",
            Self::Matched => "matched",
            Self::Local => "local",
        }
    }
}

/// One account of the target.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountRow {
    /// Its id.
    pub target: String,
    /// Its `userName`, or where that is not mapped a matching value.
    pub name: Option<String>,
    /// Whether it is active, where the target says so.
    pub active: Option<bool>,
    /// Whose it is.
    pub standing: AccountStanding,
    /// The person's id and name; `None` for the target's own.
    pub source: Option<(String, String)>,
    /// Whether the last cycle found that person in scope.
    pub in_scope: bool,
}

/// A person's id and name, where a join found one.
type Person = (Option<String>, Option<String>);

impl View<'_> {
    /// Whether the survey has accounts that nobody is linked to.
    pub fn has_unlinked_accounts(&self) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM survey_account \
             WHERE kind = 0 AND target NOT IN (SELECT target FROM link WHERE kind = 0))";
        Ok(self.one(sql, [], |row| row.get(0))?)
    }

    /// Up to `limit` surveyed accounts after the id `after`, by id.
    pub fn accounts(&self, after: &str, limit: u32) -> Result<Vec<AccountRow>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT account.target, account.\"values\", link.standing, link.source, link.display, \
             found.source, found.display, coalesce(source_object.in_scope, 0) \
             FROM survey_account AS account \
             LEFT JOIN link ON link.kind = 0 AND link.target = account.target \
             LEFT JOIN temp.account_match AS found ON found.target = account.target \
             LEFT JOIN source_object ON source_object.id = coalesce(link.source, found.source) \
             WHERE account.kind = 0 AND account.target > ?1 ORDER BY account.target LIMIT ?2",
        )?;
        let rows = statement.query_map(params![after, limit], |row| {
            let linked: Person = (row.get(3)?, row.get(4)?);
            let matched: Person = (row.get(5)?, row.get(6)?);
            let standing: Option<i64> = row.get(2)?;
            let target: String = row.get(0)?;
            Ok((target, row.get::<_, String>(1)?, standing, linked, matched, row.get(7)?))
        })?;
        rows.map(|row| {
            let (target, values, standing, linked, matched, in_scope) = row?;
            let (standing, person) = match (standing, linked, matched) {
                (Some(0), person, _) => (AccountStanding::Linked, person),
                (Some(_), person, _) => (AccountStanding::Kept, person),
                (None, _, person @ (Some(_), _)) => (AccountStanding::Matched, person),
                (None, _, none @ (None, _)) => (AccountStanding::Local, none),
            };
            let values = parse_values(&values)?;
            let value = |name: &str| {
                values.iter().find(|(path, _)| path.to_string() == name).map(|(_, value)| value)
            };
            let first_text = || values.values().find_map(Value::as_str);
            let name = value("userName").and_then(Value::as_str).or_else(first_text);
            Ok(AccountRow {
                name: name.map(str::to_owned),
                active: value("active").and_then(Value::as_bool),
                standing,
                source: person.0.zip(person.1),
                in_scope,
                target,
            })
        })
        .collect()
    }
}

impl Tx<'_> {
    /// Forgets the last matches. They live as long as the connection, and in no file that stays.
    pub fn clear_account_matches(&self) -> Result<(), StoreError> {
        self.connection.execute_batch(
            "CREATE TEMP TABLE IF NOT EXISTS account_match \
             (target TEXT PRIMARY KEY, source TEXT NOT NULL, display TEXT NOT NULL); \
             DELETE FROM temp.account_match;",
        )?;
        Ok(())
    }

    /// Notes whom matching would find for an account. The first one stays.
    pub fn add_account_match(
        &self,
        target: &TargetId,
        source: SourceId,
        display: &str,
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT OR IGNORE INTO temp.account_match (target, source, display) \
                 VALUES (?1, ?2, ?3)",
            )?
            .execute(params![target.as_str(), source.to_string(), display])?;
        Ok(())
    }
}
