//! How SQLite goes about a query, for tests of what a query must not do.

use super::Engine;

/// The steps of a query in the order in which SQLite names them, on an empty state.
pub(super) fn steps(sql: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = Engine::open(&folder.path().join("crm.sqlite")).expect("a state");
    engine
        .read(|view| {
            let mut statement = view.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let rows = statement.query_map([], |row| row.get(3))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .expect("a plan")
}
