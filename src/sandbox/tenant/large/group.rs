//! Groups and memberships as sums: which number is in which group, and the other way round.
//!
//! All memberships stand in one row, group after group. The membership at place `m` is that of the
//! person `m * step mod people`, where `step` shares no divisor with the number of people: so the
//! first round covers everybody once, and nobody is in one group twice.

use super::id::{self, Named};

/// How many members groups have, by turns, in hundredths of the average: a few are large.
const SIZES: [u64; 4] = [10, 50, 100, 240];

/// The groups of a tenant.
pub(super) struct Groups {
    people: u64,
    memberships: u64,
    step: u64,
    /// What `step` is undone by.
    back: u64,
    /// Where the memberships of each group begin, and after the last, where they end.
    starts: Vec<u64>,
}

impl Groups {
    /// So many groups with so many memberships in all; no group has more members than there are
    /// people, so that there may be fewer.
    pub(super) fn new(people: u32, groups: u32, memberships: u64) -> Self {
        let people = u64::from(people.max(1));
        let mut starts = vec![0];
        let (mut weight, mut end) = (0, 0);
        let whole: u64 = (0..groups).map(weight_of).sum();
        for group in 0..groups {
            weight += weight_of(group);
            let until = memberships.saturating_mul(weight) / whole;
            end +=
                (until - memberships.saturating_mul(weight - weight_of(group)) / whole).min(people);
            starts.push(end);
        }
        let (step, back) = step(people);
        Self { people, memberships: end, step, back, starts }
    }

    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.starts.len() - 1).unwrap_or(u32::MAX)
    }

    pub(super) fn memberships(&self) -> u64 {
        self.memberships
    }

    /// How many members a group has.
    pub(super) fn size(&self, group: u32) -> u64 {
        let at = group as usize;
        self.starts[at + 1] - self.starts[at]
    }

    /// The members of a group from `from` on, at most `count`.
    pub(super) fn members(&self, group: u32, from: u64, count: u64) -> impl Iterator<Item = u32> {
        let begin = self.starts[group as usize] + from;
        let end = (begin + count).min(self.starts[group as usize + 1]);
        (begin..end).map(|place| self.spread(place))
    }

    /// The person whose turn it is: everybody once, spread evenly, and then again.
    pub(super) fn spread(&self, turn: u64) -> u32 {
        u32::try_from(turn % self.people * self.step % self.people).unwrap_or_default()
    }

    /// The groups that a person is a member of.
    pub(super) fn of(&self, person: u32) -> impl Iterator<Item = u32> {
        let first = u64::from(person) * self.back % self.people;
        let places = (first..self.memberships).step_by(usize::try_from(self.people).unwrap_or(1));
        places.map(|place| {
            let at = self.starts.partition_point(|start| *start <= place) - 1;
            u32::try_from(at).unwrap_or_default()
        })
    }
}

/// The name of a group.
pub(super) fn name(group: u32) -> String {
    format!("Team {group:05}")
}

/// The id of a group.
pub(super) fn id(seed: u64, group: u32) -> uuid::Uuid {
    id::of(seed, Named::Group(group))
}

fn weight_of(group: u32) -> u64 {
    SIZES[group as usize % SIZES.len()]
}

/// A number near the golden section of `people` without a common divisor, and its inverse.
fn step(people: u64) -> (u64, u64) {
    let near = people / 1_000 * 618 + people % 1_000 * 618 / 1_000;
    let found = (near.max(1)..).find_map(|step| Some((step, inverse(step, people)?)));
    found.unwrap_or((1, 1))
}

/// What `number` times is 1 modulo `modulus` (the extended Euclidean algorithm), if there is such.
fn inverse(number: u64, modulus: u64) -> Option<u64> {
    let signed = |number: u64| i128::from(number);
    let (mut old, mut new) = ((signed(number), 1), (signed(modulus), 0));
    while new.0 != 0 {
        let times = old.0 / new.0;
        (old, new) = (new, (old.0 - times * new.0, old.1 - times * new.1));
    }
    (old.0 == 1).then(|| u64::try_from(old.1.rem_euclid(signed(modulus))).unwrap_or(0))
}
