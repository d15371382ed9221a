//! How one application is doing, out of its state alone.

use super::{drift::DriftStanding, shown::ShownApp};
use crate::{
    model::Timestamp,
    provisioning::{DailyWindow, Quarantine},
    store::{
        CycleReport, EscrowCounts, EscrowRow, HeldReport, JobState, LinkCounts, OutboxCounts,
        Paused, Progress, Reader, StoreError, is_held,
    },
};

/// Objects that were given up and are named.
const GIVEN_UP_SHOWN: u32 = 10;

/// How one application is doing.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Its name.
    pub app: String,
    /// Whether the service schedules it.
    pub enabled: bool,
    /// The job's state.
    pub state: JobState,
    /// When a cycle last had read everything from the directory.
    pub watermark: Option<Timestamp>,
    /// The last finished cycle.
    pub last_cycle: Option<CycleReport>,
    /// What the engine is doing, while a cycle is under way.
    pub running: Option<Progress>,
    /// Whether a process holds the state: the service, or a command.
    pub served: bool,
    /// When the next cycle starts.
    pub next_run: Option<Timestamp>,
    /// How many accounts and groups are linked.
    pub links: LinkCounts,
    /// How many objects failed and wait, or were given up.
    pub escrows: EscrowCounts,
    /// The first of those that were given up.
    pub given_up: Vec<EscrowRow>,
    /// The job's quarantine, where it is in one.
    pub quarantine: Option<Quarantine>,
    /// When the next try in quarantine is due.
    pub next_attempt: Option<Timestamp>,
    /// Who paused it, and when.
    pub paused: Option<Paused>,
    /// What a safeguard holds.
    pub held: Option<HeldReport>,
    /// Removals that wait for their hours.
    pub waiting: u64,
    /// Those hours.
    pub hours: Option<DailyWindow>,
    /// Notices that are not delivered yet.
    pub outbox: OutboxCounts,
    /// What is known of drift; `None` where there is no state yet.
    pub drift: Option<DriftStanding>,
}

impl Standing {
    /// Opens the state of an application and looks. Without a state it has not run.
    pub fn read(app: &ShownApp, now: Timestamp) -> Result<Self, StoreError> {
        match Reader::open(&app.state_file) {
            Ok(reader) => Self::of(app, Some(&reader), now),
            Err(StoreError::Missing(_)) => Self::of(app, None, now),
            Err(error) => Err(error),
        }
    }

    /// The same, of a state that is open already.
    pub fn of(app: &ShownApp, reader: Option<&Reader>, now: Timestamp) -> Result<Self, StoreError> {
        let mut standing =
            Self { app: app.app.to_string(), enabled: app.enabled, ..Self::default() };
        if let Some(reader) = reader {
            standing.look(reader, app, now)?;
        }
        Ok(standing)
    }

    fn look(&mut self, reader: &Reader, app: &ShownApp, now: Timestamp) -> Result<(), StoreError> {
        self.served = is_held(reader.path());
        reader.read(|view| {
            self.held = view.held_report()?;
            self.state = view.job_state()?;
            self.watermark = view.watermark()?;
            self.last_cycle = view.cycles(1)?.pop();
            // A process that was killed leaves its progress behind.
            self.running = view.progress()?.filter(|_| self.served);
            if self.enabled {
                self.next_run = view.due_at(&app.schedule, None, now)?;
            }
            self.paused = view.paused()?;
            self.quarantine = view.quarantine()?;
            self.next_attempt = self.quarantine.as_ref().and_then(|quarantine| {
                let own = quarantine.next_attempt(&app.schedule, now);
                if self.paused.is_some() { None } else { self.next_run.or(Some(own)) }
            });
            self.links = view.link_counts()?;
            self.escrows = view.escrow_counts()?;
            self.given_up = view.given_up(GIVEN_UP_SHOWN)?;
            self.waiting = view.waiting_count()?;
            self.hours = app.removals_between;
            self.outbox = view.outbox_counts()?;
            self.drift = Some(DriftStanding::read(view, &app.drift, now)?);
            Ok(())
        })
    }
}
