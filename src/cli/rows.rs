//! The rows of a plan, page by page, from the state or from a preview's copy of it.

use crate::{
    provisioning::PlannedChange,
    store::{Engine, PlanFilter, Reader, StoreError, View},
};

/// Rows read at once.
const PAGE_ROWS: u32 = 500;

/// What holds a plan.
pub(super) trait Plan {
    /// Reads.
    fn look<T>(
        &self,
        work: impl FnOnce(&View<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError>;

    /// Calls `each` with every row that passes, in plan order.
    fn each(
        &self,
        filter: PlanFilter,
        mut each: impl FnMut(&PlannedChange) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut after = i64::MIN;
        loop {
            let rows = self.look(|view| view.plan_rows(filter, after, PAGE_ROWS))?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = *last;
            for (_, change) in &rows {
                each(change)?;
            }
        }
    }

    /// Whether the rows are those of this cycle: a cycle that ended early left an older plan.
    fn is_of(&self, cycle: &str) -> Result<bool, StoreError> {
        Ok(self.look(|view| view.fact("planned_by"))?.as_deref() == Some(cycle))
    }
}

impl Plan for Engine {
    fn look<T>(
        &self,
        work: impl FnOnce(&View<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.read(work)
    }
}

impl Plan for Reader {
    fn look<T>(
        &self,
        work: impl FnOnce(&View<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.read(work)
    }
}
