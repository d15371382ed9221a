//! Safeguards: what a plan may do before a person has seen it.
//!
//! The only way from a drafted plan to a cleared one is [`review`]. The export takes a cleared plan
//! and nothing else, so that a check cannot be forgotten.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use super::job::{Safeguards, Threshold};
use crate::model::CycleId;

/// Below this many removals of a kind, removing all of it is not held for that reason alone.
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
    /// Disables and deletes of accounts in the plan.
    pub removals_planned: u64,
    /// Those of them that concern an account that is enabled.
    pub enabled_removals_planned: u64,
    /// Disables and deletes of accounts carried out without approval in the last 24 hours.
    pub removals_recent: u64,
    /// Linked groups.
    pub groups_linked: u64,
    /// Deletes of groups in the plan.
    pub group_removals_planned: u64,
    /// Deletes of groups carried out without approval in the last 24 hours.
    pub group_removals_recent: u64,
    /// Members that groups were given and still have, over all groups.
    pub memberships: u64,
    /// Members to be taken out of groups by the plan, over all groups.
    pub membership_removals_planned: u64,
    /// Members taken out of groups without approval in the last 24 hours.
    pub membership_removals_recent: u64,
    /// Creates of accounts in the plan; groups are not counted.
    pub creates_planned: u64,
}

/// What was held, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Held disables and deletes of accounts, and deletes of groups.
    pub removals: u64,
    /// Held removals of members from groups.
    #[serde(default)]
    pub membership_removals: u64,
    /// Held creates of accounts.
    pub creates: u64,
    /// Linked accounts.
    pub linked: u64,
    /// The first limit that would have been exceeded.
    pub threshold: u64,
    /// One sentence.
    pub reason: String,
}

/// The removals of accounts, or of groups, that are allowed in 24 hours, with so many linked.
pub fn removal_threshold(limit: Threshold, linked: u64) -> u64 {
    threshold(limit, linked, |linked| (linked / 10).clamp(5, 50))
}

/// The members that may be taken out of groups in 24 hours, with so many memberships.
pub fn membership_threshold(limit: Threshold, memberships: u64) -> u64 {
    threshold(limit, memberships, |memberships| (memberships / 5).max(5))
}

fn threshold(limit: Threshold, all: u64, default: impl FnOnce(u64) -> u64) -> u64 {
    match limit {
        Threshold::Count(count) => count,
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a count of accounts or memberships is a small positive number"
        )]
        Threshold::Percent(percent) => (all as f64 * percent / 100.0).floor() as u64,
        Threshold::Default => default(all),
    }
}

/// One kind of thing that a plan takes away, and how much of it.
struct Removals {
    /// What there is of it, as in `3 of 10 linked accounts`.
    what: &'static str,
    /// What all of it is called, as in `all 10 enabled accounts`.
    whole: &'static str,
    /// What would happen to it.
    verb: &'static str,
    all: u64,
    planned: u64,
    recent: u64,
    threshold: u64,
    /// How many there are whose removal would leave nothing, and how many of them are removed.
    last: (u64, u64),
}

impl Removals {
    /// The kinds, accounts first, each with a limit of its own.
    fn of(limits: &Safeguards, facts: &ReviewFacts) -> [Self; 3] {
        let accounts = Self {
            what: "linked accounts",
            whole: "enabled accounts",
            verb: "disabled or deleted",
            all: facts.linked,
            planned: facts.removals_planned,
            recent: facts.removals_recent,
            threshold: removal_threshold(limits.max_removals, facts.linked),
            last: (facts.enabled, facts.enabled_removals_planned),
        };
        let groups = Self {
            what: "linked groups",
            whole: "linked groups",
            verb: "deleted",
            all: facts.groups_linked,
            planned: facts.group_removals_planned,
            recent: facts.group_removals_recent,
            threshold: removal_threshold(limits.max_removals, facts.groups_linked),
            last: (facts.groups_linked, facts.group_removals_planned),
        };
        let (all, planned) = (facts.memberships, facts.membership_removals_planned);
        let memberships = Self {
            what: "memberships in groups",
            whole: "memberships in groups",
            verb: "removed",
            all,
            planned,
            recent: facts.membership_removals_recent,
            threshold: membership_threshold(limits.max_membership_removals, all),
            last: (all, planned),
        };
        [accounts, groups, memberships]
    }

    /// Why a person has to see them first; `None` if nobody has to.
    fn excess(&self) -> Option<String> {
        let Self { what, whole, verb, all, planned, recent, threshold, last: (last, gone) } = self;
        if *planned == 0 {
            return None;
        }
        if *gone > REMOVE_ALL_EXEMPT_MAX && gone >= last {
            return Some(format!("all {last} {whole} would be {verb}"));
        }
        if planned.saturating_add(*recent) <= *threshold {
            return None;
        }
        let earlier = match recent {
            0 => String::new(),
            recent => format!(", after {recent} in the last 24 hours"),
        };
        Some(format!(
            "{planned} of {all} {what} would be {verb}{earlier}; the threshold is {threshold} in \
             24 hours"
        ))
    }
}

/// Splits a plan into what may be sent and what a person must see first.
///
/// Updates and additions always clear. Accounts, groups and memberships are counted apart, each
/// against its own limit; where one is exceeded, the removals of all three are held together, and
/// else none is: half a mistake is not safer than a whole one. Creates of accounts over
/// `max_creates` are held by themselves; groups are not counted among them, since an account may
/// mean an invitation and a group means none. `entra-scim approve` is the way out of [`Held`].
#[expect(clippy::needless_pass_by_value, reason = "a reviewed draft must not be reviewed again")]
pub fn review(
    plan: Plan<Draft>,
    limits: &Safeguards,
    facts: ReviewFacts,
) -> (Plan<Cleared>, Option<Held>) {
    let kinds = Removals::of(limits, &facts);
    let mut held = Held {
        removals: 0,
        membership_removals: 0,
        creates: 0,
        linked: facts.linked,
        threshold: kinds[0].threshold,
        reason: String::new(),
    };
    let mut reasons: Vec<String> = kinds.iter().filter_map(Removals::excess).collect();
    if let Some(first) = kinds.iter().find(|kind| kind.excess().is_some()) {
        held.removals = facts.removals_planned + facts.group_removals_planned;
        held.membership_removals = facts.membership_removals_planned;
        held.threshold = first.threshold;
        // What is within its own limit waits all the same, which the reason has to say.
        let others = kinds.iter().filter(|kind| kind.planned > 0 && kind.excess().is_none());
        reasons.extend(others.map(|kind| {
            let Removals { planned, all, what, .. } = kind;
            format!("the removals of {planned} of {all} {what} are held with them")
        }));
    }
    if let Some(max) = limits.max_creates
        && facts.creates_planned > max
    {
        held.creates = facts.creates_planned;
        if held.removals + held.membership_removals == 0 {
            held.threshold = max;
        }
        reasons.push(format!(
            "{} accounts would be created; the limit is {max}",
            facts.creates_planned
        ));
    }
    held.reason = reasons.join("; ");
    let cleared = Plan { cycle: plan.cycle, state: PhantomData };
    let holds = held.removals + held.membership_removals + held.creates > 0;
    (cleared, holds.then_some(held))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

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
    fn a_fifth_of_the_memberships_may_go_and_always_five() {
        assert_eq!(membership_threshold(Threshold::Default, 10), 5);
        assert_eq!(membership_threshold(Threshold::Default, 10_000), 2_000);
        assert_eq!(membership_threshold(Threshold::Percent(2.5), 10_000), 250);
        assert_eq!(membership_threshold(Threshold::Count(7), 10_000), 7);
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

    /// A tenant of a hundred accounts and ten groups with a thousand memberships.
    fn company() -> ReviewFacts {
        ReviewFacts {
            linked: 100,
            enabled: 100,
            groups_linked: 10,
            memberships: 1_000,
            ..ReviewFacts::default()
        }
    }

    #[test]
    fn accounts_groups_and_memberships_are_counted_apart() {
        let limits = limits(Threshold::Default, None);
        let within = ReviewFacts {
            removals_planned: 10,
            group_removals_planned: 5,
            membership_removals_planned: 200,
            ..company()
        };
        assert_eq!(held(&limits, within), None);
        let groups = ReviewFacts { group_removals_recent: 1, ..within };
        let members = ReviewFacts { membership_removals_recent: 1, ..within };
        let reasons = [groups, members].map(|facts| held(&limits, facts).expect("held"));
        assert_eq!(reasons[0].threshold, 5);
        insta::assert_snapshot!(reasons[0].reason, @"5 of 10 linked groups would be deleted, after 1 in the last 24 hours; the threshold is 5 in 24 hours; the removals of 10 of 100 linked accounts are held with them; the removals of 200 of 1000 memberships in groups are held with them");
        assert_eq!(reasons[1].threshold, 200);
        insta::assert_snapshot!(reasons[1].reason, @"200 of 1000 memberships in groups would be removed, after 1 in the last 24 hours; the threshold is 200 in 24 hours; the removals of 10 of 100 linked accounts are held with them; the removals of 5 of 10 linked groups are held with them");
    }

    #[test]
    fn whatever_is_too_much_holds_every_removal_and_no_create() {
        let limits = limits(Threshold::Default, Some(10));
        let facts = ReviewFacts {
            removals_planned: 1,
            group_removals_planned: 6,
            membership_removals_planned: 3,
            creates_planned: 10,
            ..company()
        };
        let held = held(&limits, facts).expect("held");
        assert_eq!((held.removals, held.membership_removals, held.creates), (7, 3, 0));
    }

    #[test]
    fn deleting_every_group_or_emptying_them_all_is_held_whatever_the_threshold() {
        let mut limits = limits(Threshold::Count(100_000), None);
        limits.max_membership_removals = Threshold::Count(100_000);
        let groups = ReviewFacts { group_removals_planned: 10, ..company() };
        insta::assert_snapshot!(held(&limits, groups).expect("held").reason, @"all 10 linked groups would be deleted");
        let members = ReviewFacts { membership_removals_planned: 1_000, ..company() };
        insta::assert_snapshot!(held(&limits, members).expect("held").reason, @"all 1000 memberships in groups would be removed");
        let five = ReviewFacts {
            groups_linked: 5,
            group_removals_planned: 5,
            memberships: 5,
            membership_removals_planned: 5,
            ..company()
        };
        assert_eq!(held(&limits, five), None);
    }

    #[test]
    fn what_an_older_version_held_can_be_read() {
        let text = r#"{"removals":6,"creates":0,"linked":10,"threshold":5,"reason":"r"}"#;
        let held: Held = serde_json::from_str(text).expect("what was stored");
        assert_eq!((held.removals, held.membership_removals), (6, 0));
    }

    fn any_facts() -> impl Strategy<Value = ReviewFacts> {
        let kind = || (0_u64..40, 0_u64..40, 0_u64..40);
        (kind(), kind(), kind(), 0_u64..40, 0_u64..40).prop_map(
            |((linked, planned, recent), groups, members, off, creates_planned)| ReviewFacts {
                linked: linked + planned,
                enabled: (linked + planned).saturating_sub(off),
                removals_planned: planned,
                enabled_removals_planned: planned.saturating_sub(off),
                removals_recent: recent,
                groups_linked: groups.0 + groups.1,
                group_removals_planned: groups.1,
                group_removals_recent: groups.2,
                memberships: members.0 + members.1,
                membership_removals_planned: members.1,
                membership_removals_recent: members.2,
                creates_planned,
            },
        )
    }

    fn any_limits() -> impl Strategy<Value = Safeguards> {
        let threshold = || {
            prop_oneof![
                Just(Threshold::Default),
                (0_u64..30).prop_map(Threshold::Count),
                (0.0_f64..100.0).prop_map(Threshold::Percent),
            ]
        };
        (threshold(), threshold(), proptest::option::of(0_u64..30)).prop_map(
            |(accounts, members, max_creates)| Safeguards {
                max_membership_removals: members,
                ..limits(accounts, max_creates)
            },
        )
    }

    proptest! {
        #[test]
        fn removals_are_held_whole_or_not_at_all(limits in any_limits(), facts in any_facts()) {
            let planned = (
                facts.removals_planned + facts.group_removals_planned,
                facts.membership_removals_planned,
            );
            if let Some(held) = held(&limits, facts) {
                let got = (held.removals, held.membership_removals);
                prop_assert!(got == (0, 0) || got == planned);
                prop_assert!(held.creates == 0 || held.creates == facts.creates_planned);
                prop_assert!(!held.reason.is_empty());
            }
        }

        /// Whatever happened before: a plan without removals is one of updates and additions.
        #[test]
        fn what_removes_nothing_is_never_held(limits in any_limits(), facts in any_facts()) {
            let limits = Safeguards { max_creates: None, ..limits };
            let harmless = ReviewFacts {
                removals_planned: 0,
                enabled_removals_planned: 0,
                group_removals_planned: 0,
                membership_removals_planned: 0,
                ..facts
            };
            prop_assert_eq!(held(&limits, harmless), None);
        }

        /// Nothing goes out that would exceed a limit, and no kind hides behind another.
        #[test]
        fn what_is_not_held_is_within_every_limit(limits in any_limits(), facts in any_facts()) {
            let removes = held(&limits, facts)
                .is_some_and(|held| held.removals + held.membership_removals > 0);
            let is_over = |planned: u64, recent: u64, threshold: u64| {
                planned > 0 && planned + recent > threshold
            };
            let most = limits.max_removals;
            let over = [
                is_over(
                    facts.removals_planned,
                    facts.removals_recent,
                    removal_threshold(most, facts.linked),
                ),
                is_over(
                    facts.group_removals_planned,
                    facts.group_removals_recent,
                    removal_threshold(most, facts.groups_linked),
                ),
                is_over(
                    facts.membership_removals_planned,
                    facts.membership_removals_recent,
                    membership_threshold(limits.max_membership_removals, facts.memberships),
                ),
            ];
            let all = |planned: u64, of: u64| planned > REMOVE_ALL_EXEMPT_MAX && planned >= of;
            let everything = all(facts.enabled_removals_planned, facts.enabled)
                || all(facts.group_removals_planned, facts.groups_linked)
                || all(facts.membership_removals_planned, facts.memberships);
            prop_assert_eq!(removes, over.contains(&true) || everything);
        }
    }
}
