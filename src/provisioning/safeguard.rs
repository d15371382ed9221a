//! Safeguards: what a plan may do before a person has seen it.
//!
//! The only way from a drafted plan to a cleared one is [`review`]. The export takes a cleared plan
//! and nothing else, so that a check cannot be forgotten.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use super::job::{Safeguards, Threshold};
use crate::model::CycleId;

/// Below this many removals, removing everybody is not held for that reason alone.
const REMOVE_ALL_EXEMPT_MAX: u64 = 5;

/// A plan that nobody reviewed.
#[derive(Debug)]
pub enum Draft {}
/// A plan whose rows may be sent, but for those that were held.
#[derive(Debug)]
pub enum Cleared {}

/// The plan of one cycle; its rows are in the state. The type says whether they may be sent.
#[derive(Debug)]
pub struct Plan<S> {
    cycle: CycleId,
    state: PhantomData<S>,
}

impl Plan<Draft> {
    /// The plan that this cycle drafted.
    pub fn drafted(cycle: CycleId) -> Self {
        Self { cycle, state: PhantomData }
    }
}

impl<S> Plan<S> {
    /// Whose plan.
    pub fn cycle(&self) -> CycleId {
        self.cycle
    }
}

/// The totals that a review looks at. Rows that a person approved are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReviewFacts {
    /// Linked accounts.
    pub linked: u64,
    /// Linked accounts that are enabled.
    pub enabled: u64,
    /// Disables and deletes in the plan.
    pub removals_planned: u64,
    /// Those of them that concern an account that is enabled.
    pub enabled_removals_planned: u64,
    /// Disables and deletes carried out without approval in the last 24 hours.
    pub removals_recent: u64,
    /// Creates in the plan.
    pub creates_planned: u64,
}

/// What was held, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Held disables and deletes.
    pub removals: u64,
    /// Held creates.
    pub creates: u64,
    /// Linked accounts.
    pub linked: u64,
    /// The limit that would have been exceeded.
    pub threshold: u64,
    /// One sentence.
    pub reason: String,
}

/// The removals that are allowed in 24 hours.
pub fn removal_threshold(limit: Threshold, linked: u64) -> u64 {
    match limit {
        Threshold::Count(count) => count,
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a count of accounts is a small positive number"
        )]
        Threshold::Percent(percent) => (linked as f64 * percent / 100.0).floor() as u64,
        Threshold::Default => (linked / 10).clamp(5, 50),
    }
}

/// Splits a plan into what may be sent and what a person must see first.
///
/// Updates always clear. Removals clear together or are held together, and so do creates over
/// `max_creates`: half a mistake is not safer than a whole one. `entra-scim approve` is the way out
/// of [`Held`].
#[expect(clippy::needless_pass_by_value, reason = "a reviewed draft must not be reviewed again")]
pub fn review(
    plan: Plan<Draft>,
    limits: &Safeguards,
    facts: ReviewFacts,
) -> (Plan<Cleared>, Option<Held>) {
    let threshold = removal_threshold(limits.max_removals, facts.linked);
    let in_a_day = facts.removals_planned + facts.removals_recent;
    let removes_all = facts.enabled_removals_planned > REMOVE_ALL_EXEMPT_MAX
        && facts.enabled_removals_planned >= facts.enabled;
    let mut reasons = Vec::new();
    let mut held =
        Held { removals: 0, creates: 0, linked: facts.linked, threshold, reason: String::new() };
    if facts.removals_planned > 0 && removes_all {
        held.removals = facts.removals_planned;
        reasons
            .push(format!("all {} enabled accounts would be disabled or deleted", facts.enabled));
    } else if facts.removals_planned > 0 && in_a_day > threshold {
        held.removals = facts.removals_planned;
        let earlier = match facts.removals_recent {
            0 => String::new(),
            recent => format!(", after {recent} in the last 24 hours"),
        };
        reasons.push(format!(
            "{} of {} linked accounts would be disabled or deleted{earlier}; the threshold is \
             {threshold} in 24 hours",
            facts.removals_planned, facts.linked
        ));
    }
    if let Some(max) = limits.max_creates
        && facts.creates_planned > max
    {
        held.creates = facts.creates_planned;
        if held.removals == 0 {
            held.threshold = max;
        }
        reasons.push(format!(
            "{} accounts would be created; the limit is {max}",
            facts.creates_planned
        ));
    }
    held.reason = reasons.join("; ");
    let cleared = Plan { cycle: plan.cycle, state: PhantomData };
    (cleared, (held.removals + held.creates > 0).then_some(held))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::provisioning::job::{DirectoryDelete, OutOfScope};

    fn limits(max_removals: Threshold, max_creates: Option<u64>) -> Safeguards {
        Safeguards {
            max_removals,
            max_membership_removals: Threshold::Default,
            max_creates,
            protect: BTreeSet::new(),
            on_out_of_scope: OutOfScope::Disable,
            on_directory_delete: DirectoryDelete::Delete,
            delete_after: None,
            removals_between: None,
            cycle_time_max: std::time::Duration::from_secs(6 * 3_600),
            create: true,
            update: true,
            delete: true,
        }
    }

    #[track_caller]
    fn held(limits: &Safeguards, facts: ReviewFacts) -> Option<Held> {
        review(Plan::drafted(CycleId::derive(&["c"])), limits, facts).1
    }

    #[test]
    fn the_default_threshold_is_a_tenth_between_five_and_fifty() {
        assert_eq!(removal_threshold(Threshold::Default, 10), 5);
        assert_eq!(removal_threshold(Threshold::Default, 200), 20);
        assert_eq!(removal_threshold(Threshold::Default, 9_000), 50);
    }

    #[test]
    fn removals_are_held_all_together_above_the_threshold_of_a_day() {
        let limits = limits(Threshold::Count(3), None);
        let facts = ReviewFacts { linked: 100, enabled: 100, ..ReviewFacts::default() };
        assert_eq!(held(&limits, ReviewFacts { removals_planned: 3, ..facts }), None);
        let over = ReviewFacts { removals_planned: 2, removals_recent: 2, ..facts };
        assert_eq!(held(&limits, over).expect("held").removals, 2);
    }

    #[test]
    fn removing_everybody_is_held_whatever_the_threshold() {
        let limits = limits(Threshold::Count(1_000), None);
        let all = |count| ReviewFacts {
            linked: count,
            enabled: count,
            removals_planned: count,
            enabled_removals_planned: count,
            ..ReviewFacts::default()
        };
        assert_eq!(held(&limits, all(5)), None);
        assert_eq!(held(&limits, all(6)).expect("held").removals, 6);
    }

    #[test]
    fn creates_are_held_over_their_own_limit() {
        let limits = limits(Threshold::Default, Some(10));
        let facts = ReviewFacts { creates_planned: 11, ..ReviewFacts::default() };
        let held = held(&limits, facts).expect("held");
        assert_eq!((held.creates, held.removals, held.threshold), (11, 0, 10));
    }
}
