//! What a run of seeds went through, for the record.

use super::weather::{Blow, Weather};
use crate::support::{wire::Moment, world::World};

/// How often what happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    pub(crate) cycles: u64,
    /// Requests to either service.
    pub(crate) requests: u64,
    /// Faults that either service injected.
    pub(crate) faults: u64,
    pub(crate) deaths: u64,
    /// Of the deaths, those at a commit.
    pub(crate) deaths_at_commits: u64,
    pub(crate) full_disks: u64,
    pub(crate) stops: u64,
    pub(crate) clock_jumps: u64,
    pub(crate) old_tokens: u64,
    /// Mails and messages to webhooks.
    pub(crate) messages: u64,
}

impl Ledger {
    /// Enters one cycle, before the wire forgets it.
    pub(super) fn count(&mut self, weather: &Weather, world: &World) {
        let exchanges = world.wire.exchanges();
        self.cycles += 1;
        self.requests += u64::from(exchanges);
        self.faults = world.tenant.fault_count() + world.application.fault_count();
        self.old_tokens += u64::from(weather.old_token);
        match weather.blow {
            None => {}
            Some(Blow::Death { .. }) => {
                let died_at = world.wire.died_at();
                self.deaths += u64::from(died_at.is_some());
                let at_commit = [Some(Moment::BeforeCommit), Some(Moment::AfterCommit)];
                self.deaths_at_commits += u64::from(at_commit.contains(&died_at));
            }
            Some(Blow::FullDisk { .. }) => self.full_disks += u64::from(world.wire.was_full()),
            Some(Blow::Stop { exchange }) => self.stops += u64::from(exchanges >= exchange),
            Some(Blow::Clock { exchange, .. }) => {
                self.clock_jumps += u64::from(exchanges >= exchange);
            }
        }
    }
}

impl std::ops::Add for Ledger {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            cycles: self.cycles + other.cycles,
            requests: self.requests + other.requests,
            faults: self.faults + other.faults,
            deaths: self.deaths + other.deaths,
            deaths_at_commits: self.deaths_at_commits + other.deaths_at_commits,
            full_disks: self.full_disks + other.full_disks,
            stops: self.stops + other.stops,
            clock_jumps: self.clock_jumps + other.clock_jumps,
            old_tokens: self.old_tokens + other.old_tokens,
            messages: self.messages + other.messages,
        }
    }
}

impl std::fmt::Display for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} cycles, {} requests, {} faults of the services, {} deaths ({} of them at a \
             commit), {} full disks, {} requests to stop, {} jumps of the clock, {} replaced tokens, {} \
             messages",
            self.cycles,
            self.requests,
            self.faults,
            self.deaths,
            self.deaths_at_commits,
            self.full_disks,
            self.stops,
            self.clock_jumps,
            self.old_tokens,
            self.messages
        )
    }
}
