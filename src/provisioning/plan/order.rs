//! The order of updates that pass a unique value on: who gives it up goes first.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::ChangeId;

/// Ranks updates of a unique value so that a value is freed before it is taken.
///
/// Each row is (change, old value, new value). Returns the rank of every row whose old value
/// another row takes; a lower rank goes first. Rows in a ring (a swap between two people) have no
/// order that works: they are left out, and the target's refusal shows the conflict.
pub fn order_claims(rows: &[(ChangeId, String, String)]) -> BTreeMap<ChangeId, u32> {
    let by_old: BTreeMap<&str, usize> =
        rows.iter().enumerate().map(|(index, row)| (row.1.as_str(), index)).collect();
    let claimed: BTreeSet<&str> = rows.iter().map(|row| row.2.as_str()).collect();
    let mut ranks = BTreeMap::new();
    for row in rows.iter().filter(|row| claimed.contains(row.1.as_str())) {
        if let Some(depth) = depth(row, rows, &by_old) {
            ranks.insert(row.0, depth);
        }
    }
    ranks
}

/// How many others must move before this row's new value is free; `None` in a ring.
fn depth(
    row: &(ChangeId, String, String),
    rows: &[(ChangeId, String, String)],
    by_old: &BTreeMap<&str, usize>,
) -> Option<u32> {
    let mut wanted = row.2.as_str();
    let mut steps = 0;
    while let Some(next) = by_old.get(wanted) {
        steps += 1;
        if rows[*next].0 == row.0 || steps as usize > rows.len() {
            return None;
        }
        wanted = rows[*next].2.as_str();
    }
    Some(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, old: &str, new: &str) -> (ChangeId, String, String) {
        (ChangeId::derive(&[name]), old.to_owned(), new.to_owned())
    }

    #[test]
    fn a_chain_frees_its_values_from_the_end_and_a_swap_has_no_order() {
        let rows = [row("a", "1", "2"), row("b", "2", "3"), row("c", "3", "4"), row("d", "9", "8")];
        let ranks = order_claims(&rows);
        let rank = |name: &str| ranks.get(&ChangeId::derive(&[name])).copied();
        assert_eq!((rank("c"), rank("b"), rank("a"), rank("d")), (Some(0), Some(1), None, None));
        assert!(order_claims(&[row("a", "1", "2"), row("b", "2", "1")]).is_empty());
    }
}
