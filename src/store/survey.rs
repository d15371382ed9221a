//! The survey: the target's accounts, while a cycle matches.

use rusqlite::{OptionalExtension, params};

use super::{
    link::{parse_values, print_values},
    open::{StoreError, Tx, View},
    source::stored_kind,
};
use crate::{
    model::{ObjectKind, SourceId, TargetId},
    provisioning::Candidate,
    scim::{AttributePath, EqFilter, Values},
};

impl View<'_> {
    /// The surveyed accounts or groups whose value at the filter's path may be the filter's value.
    ///
    /// Values are found without regard to case; matching compares them by the attribute's rule.
    pub fn surveyed(
        &self,
        kind: ObjectKind,
        filter: &EqFilter,
        source: SourceId,
    ) -> Result<Vec<Candidate>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT survey_account.target, survey_account.\"values\" FROM survey_key \
             JOIN survey_account USING (kind, target) \
             WHERE survey_key.kind = ?3 AND survey_key.path = ?1 AND survey_key.folded = ?2 \
             ORDER BY target",
        )?;
        let (path, value) = (filter.path.to_string().to_lowercase(), filter.value.to_lowercase());
        let key = params![path, value, stored_kind(kind)];
        let rows = statement
            .query_map(key, |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        rows.map(|row| {
            let (target, values) = row?;
            let target =
                TargetId::parse(&target).map_err(|error| StoreError::stored("survey", error))?;
            let claim = self.claim(kind, &target, source)?;
            Ok(Candidate { values: parse_values(&values)?, claim, target })
        })
        .collect()
    }

    /// What a surveyed account has at the mapped paths; `None` where the survey did not show it.
    pub fn surveyed_account(
        &self,
        kind: ObjectKind,
        target: &TargetId,
    ) -> Result<Option<Values>, StoreError> {
        let sql = "SELECT \"values\" FROM survey_account WHERE kind = ?2 AND target = ?1";
        let found: Option<String> = self
            .connection
            .prepare_cached(sql)?
            .query_row(params![target.as_str(), stored_kind(kind)], |row| row.get(0))
            .optional()?;
        found.map(|text| parse_values(&text)).transpose()
    }
}

impl Tx<'_> {
    /// Forgets the last survey.
    pub fn clear_survey(&self) -> Result<(), StoreError> {
        self.connection.execute_batch("DELETE FROM survey_account; DELETE FROM survey_key;")?;
        Ok(())
    }

    /// Adds an account; returns whether it is new, so that a list that repeats itself is noticed.
    pub fn add_surveyed(
        &self,
        (kind, target): (ObjectKind, &TargetId),
        values: &Values,
        matching: &[AttributePath],
    ) -> Result<bool, StoreError> {
        let new = self
            .connection
            .prepare_cached(
                "INSERT INTO survey_account (kind, target, \"values\") VALUES (?3, ?1, ?2) \
                 ON CONFLICT (kind, target) DO NOTHING",
            )?
            .execute(params![target.as_str(), print_values(values)?, stored_kind(kind)])?
            > 0;
        let mut insert = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO survey_key (kind, path, folded, target) VALUES (?4, ?1, ?2, ?3)",
        )?;
        for path in matching {
            if let Some(text) = values.get(path).and_then(serde_json::Value::as_str) {
                insert.execute(params![
                    path.to_string().to_lowercase(),
                    text.to_lowercase(),
                    target.as_str(),
                    stored_kind(kind)
                ])?;
            }
        }
        Ok(new)
    }
}
