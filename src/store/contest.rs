//! What several rows of the plan want at once: unique values, and accounts to adopt.

use super::{
    open::{StoreError, View},
    plan_row::{COLUMNS, read_row},
};
use crate::{model::ChangeId, provisioning::PlannedChange};

/// The number of a change, and the change with the unique value that it gives up and the one that
/// it takes.
type ContestedClaim = (i64, (ChangeId, String, String));

impl View<'_> {
    /// Updates whose old unique value another row takes: number, and change, old and new value.
    pub fn contested_claims(&self) -> Result<Vec<ContestedClaim>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT mine.seq, mine.id, mine.frees, coalesce(mine.claims, '') FROM planned_change AS mine \
             WHERE mine.frees IS NOT NULL AND (\
                 EXISTS (SELECT 1 FROM planned_change AS other WHERE other.claims = mine.frees) \
                 OR EXISTS (SELECT 1 FROM planned_change AS other WHERE other.frees = mine.claims)) \
             ORDER BY mine.seq",
        )?;
        let rows = statement.query_map([], |row| {
            Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get(3)?))
        })?;
        rows.map(|row| {
            let (seq, id, frees, claims) = row?;
            let id = id.parse().map_err(|error| StoreError::stored("change id", error))?;
            Ok((seq, (id, frees, claims)))
        })
        .collect()
    }

    /// The planned adoptions of accounts that several people would adopt, with their numbers.
    pub fn contested_adoptions(&self) -> Result<Vec<(i64, PlannedChange)>, StoreError> {
        let mut statement = self.connection.prepare_cached(&contested_adoptions_sql())?;
        let rows = statement.query_map([], read_row)?;
        rows.map(|row| row?).collect()
    }
}

/// Accounts that several people would adopt are told first, in one pass over all adoptions: a
/// tenant that moves here adopts everybody.
fn contested_adoptions_sql() -> String {
    format!(
        "SELECT {COLUMNS} FROM planned_change AS row \
         WHERE +status = 'planned' AND source IN ( \
             SELECT source FROM planned_change WHERE action = 'adopt' AND (kind, target) IN ( \
                 SELECT kind, target FROM planned_change WHERE action = 'adopt' \
                 GROUP BY kind, target HAVING min(source) <> max(source))) \
         ORDER BY seq"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::query_plan::steps;

    #[test]
    fn who_wants_the_same_account_is_not_asked_for_each_adoption() {
        let steps = steps(&contested_adoptions_sql());
        assert!(steps[0].contains("planned_change_by_source (source=?)"), "{steps:?}");
        assert!(!steps.iter().any(|step| step.contains("CORRELATED")), "{steps:?}");
    }
}
