//! Wrong tokens, counted: whoever guesses is made to wait.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
};

use chrono::TimeDelta;

use crate::model::Timestamp;

/// The time in which wrong tokens are counted.
const WINDOW: TimeDelta = TimeDelta::minutes(1);

/// Wrong tokens from one address.
const PER_ADDRESS: u32 = 5;

/// Wrong tokens from everywhere together; over it nobody new signs in with the form. A browser that
/// is signed in and a script with the right token notice nothing.
const ALTOGETHER: u32 = 60;

/// Addresses that are remembered at once; over it the oldest are forgotten.
const ADDRESSES_MAX: usize = 4_096;

/// The attempts that failed lately.
#[derive(Default)]
pub(super) struct Attempts(Mutex<Counts>);

#[derive(Default)]
struct Counts {
    by_address: BTreeMap<IpAddr, Count>,
    all: Count,
}

#[derive(Clone, Copy, Default)]
struct Count {
    began: Timestamp,
    failed: u32,
}

impl Attempts {
    /// Seconds to wait before the next token of this address is looked at; `None` where it may
    /// be now. `at_form` is whether it comes from the form, where the sum counts too.
    pub(super) fn wait(&self, address: IpAddr, at_form: bool, now: Timestamp) -> Option<u64> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = counts.by_address.get(&network(address));
        let own = own.and_then(|count| count.left(PER_ADDRESS, now));
        let all = if at_form { counts.all.left(ALTOGETHER, now) } else { None };
        own.max(all)
    }

    /// Counts a wrong token.
    pub(super) fn failed(&self, address: IpAddr, now: Timestamp) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all.add(now);
        if counts.by_address.len() >= ADDRESSES_MAX {
            counts.by_address.retain(|_, count| count.counts(now));
        }
        while counts.by_address.len() >= ADDRESSES_MAX {
            let oldest = counts.by_address.iter().min_by_key(|(_, count)| count.began);
            let Some(oldest) = oldest.map(|(address, _)| *address) else { break };
            counts.by_address.remove(&oldest);
        }
        counts.by_address.entry(network(address)).or_default().add(now);
    }
}

impl Count {
    fn counts(&self, now: Timestamp) -> bool {
        // A clock that was set back must lock nobody out for longer.
        self.began <= now && now - self.began < WINDOW
    }

    fn add(&mut self, now: Timestamp) {
        if !self.counts(now) {
            *self = Self { began: now, failed: 0 };
        }
        self.failed += 1;
    }

    fn left(&self, most: u32, now: Timestamp) -> Option<u64> {
        if !self.counts(now) || self.failed < most {
            return None;
        }
        let left = (WINDOW - (now - self.began)).num_seconds();
        Some(u64::try_from(left).unwrap_or(0) + 1)
    }
}

/// Who has one IPv6 address has a whole network of them (RFC 6177).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_wrong_token_of_an_address_has_to_wait_and_others_do_not() {
        let attempts = Attempts::default();
        let (one, now) = (IpAddr::from([192, 0, 2, 1]), Timestamp::UNIX_EPOCH);
        for _ in 0..PER_ADDRESS {
            assert_eq!(attempts.wait(one, true, now), None);
            attempts.failed(one, now);
        }
        assert_eq!(attempts.wait(one, false, now), Some(61));
        assert_eq!(attempts.wait(IpAddr::from([192, 0, 2, 2]), true, now), None);
        assert_eq!(attempts.wait(one, true, now + WINDOW), None);
        assert_eq!(attempts.wait(one, true, now - TimeDelta::hours(1)), None);
    }

    #[test]
    fn guesses_from_everywhere_close_the_form_and_not_the_api() {
        let attempts = Attempts::default();
        let now = Timestamp::UNIX_EPOCH;
        for last in 0..60 {
            attempts.failed(IpAddr::from([192, 0, 2, last]), now);
        }
        let new = IpAddr::from([198, 51, 100, 1]);
        assert!(attempts.wait(new, true, now).is_some());
        assert_eq!(attempts.wait(new, false, now), None);
    }

    #[test]
    fn one_network_of_ipv6_is_one_address() {
        let attempts = Attempts::default();
        let now = Timestamp::UNIX_EPOCH;
        for host in 0..5_u16 {
            attempts.failed(IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, host]), now);
        }
        let other = IpAddr::from([0x2001, 0xdb8, 0, 1, 9, 9, 9, 9]);
        assert!(attempts.wait(other, false, now).is_some());
        let elsewhere = IpAddr::from([0x2001, 0xdb8, 0, 2, 0, 0, 0, 1]);
        assert_eq!(attempts.wait(elsewhere, false, now), None);
    }
}
