//! What goes wrong in one cycle.

use std::time::Duration;

use chrono::TimeDelta;
use entra_scim::sandbox::{
    application::{Application, Fault as TargetFault, Matcher, Moment},
    tenant::{ErrorBody, Fault, FaultPlan, RetryAfter, Tenant},
};

/// The weather of one cycle.
#[derive(Clone, Debug, Default)]
pub(super) struct Weather {
    pub(super) graph: Vec<(Fault, u16)>,
    /// Faults of the directory that happen once, on the next path that contains the text.
    pub(super) once: Vec<(&'static str, Fault)>,
    pub(super) target: Vec<(TargetFault, f64)>,
    /// What befalls the machine that the program runs on.
    pub(super) blow: Option<Blow>,
    /// The application's token was replaced, and the engine has the old one.
    pub(super) old_token: bool,
    /// A fixed story has injected faults of its own.
    pub(super) scripted: bool,
}

/// What befalls the program itself, once in a cycle.
#[derive(Clone, Copy, Debug)]
pub(super) enum Blow {
    /// It is killed at this moment: a request, a commit, before or after it.
    Death { moment: u32 },
    /// From this commit on so many fail, because the disk is full.
    FullDisk { commit: u32, commits: u32 },
    /// It is asked to stop before this request.
    Stop { exchange: u32 },
    /// Its clock is set before this request, to be so far ahead of the truth.
    Clock { exchange: u32, ahead: TimeDelta },
}

/// What may be drawn without harm to what a directory promises.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is allowed by itself")]
pub(super) struct Allowed {
    /// The latest change of assignments is younger than an hour, and a replica may lack it.
    pub(super) stale_assignments: bool,
    /// The list of assignments was never empty before.
    pub(super) empty_assignments: bool,
    /// No round of changes will begin anew in this cycle.
    pub(super) late_rows: bool,
    /// The engine's clock is right, and replicas lag by what it says.
    pub(super) right_clock: bool,
}

impl Weather {
    /// Whether nothing at all goes wrong.
    pub(super) fn is_calm(&self) -> bool {
        self.graph.is_empty()
            && self.once.is_empty()
            && self.target.is_empty()
            && self.blow.is_none()
            && !self.old_token
            && !self.scripted
    }

    /// Draws the weather.
    pub(super) fn draw(rng: &mut fastrand::Rng, allowed: Allowed) -> Self {
        let mut weather = Self::default();
        if rng.u8(..4) == 0 {
            return weather;
        }
        let severity = rng.u16(1..=4);
        if allowed.late_rows && rng.u8(..4) == 0 {
            // Rows that come a round later, in a round that really goes on from an earlier one:
            // nothing else of the directory may fail, or it would begin anew.
            let path = if rng.bool() { "/users/delta" } else { "/groups/delta" };
            weather.once.push((path, Fault::LateRows { rounds: 1 }));
        } else {
            for (fault, chance) in graph_faults() {
                if rng.bool() {
                    weather.graph.push((fault, chance * severity));
                }
            }
        }
        if allowed.stale_assignments && allowed.right_clock && rng.u8(..4) == 0 {
            weather.once.push(("appRoleAssignedTo", Fault::StaleAssignments { changes: 1 }));
        } else if allowed.empty_assignments && rng.u8(..6) == 0 {
            weather.once.push(("appRoleAssignedTo", Fault::EmptyAssignments));
        }
        for (fault, chance) in target_faults() {
            if rng.u8(..3) == 0 {
                weather.target.push((fault, chance * f64::from(severity)));
            }
        }
        weather.old_token = rng.u8(..16) == 0;
        if rng.u8(..2) == 0 {
            weather.blow = Some(Blow::draw(rng, weather.once.is_empty()));
        }
        weather
    }

    /// How many kinds of faults may happen, and how many befall the program: for the record.
    pub(super) fn tell(&self) -> String {
        let Self { graph, once, target, blow, old_token, scripted: _ } = self;
        let token = if *old_token { ", the token was replaced" } else { "" };
        format!("{} faults of the directory, {once:?}, {target:?}, {blow:?}{token}", graph.len())
    }

    /// Lets it happen.
    pub(super) fn gather(&self, seed: u64, tenant: &Tenant, application: &Application) {
        tenant.follow(FaultPlan { seed, rules: self.graph.clone(), login: true });
        for (path, fault) in &self.once {
            tenant.inject_at(path, fault.clone());
        }
        for (fault, chance) in &self.target {
            application.inject_by_chance(fault.clone(), Matcher::any(), *chance);
        }
    }
}

impl Blow {
    /// Draws one. A clock that jumps would make a lagging replica older than it is.
    fn draw(rng: &mut fastrand::Rng, may_jump: bool) -> Self {
        // Half of the blows come early enough to hit a cycle in which little happens.
        let within = |rng: &mut fastrand::Rng, few: u32, many: u32| {
            let most = if rng.bool() { few } else { many };
            rng.u32(1..=most)
        };
        match rng.u8(..12) {
            0..=6 => Self::Death { moment: within(rng, 60, 300) },
            7 | 8 => Self::FullDisk {
                commit: within(rng, 15, 60),
                commits: if rng.bool() { u32::MAX } else { rng.u32(1..=3) },
            },
            9 | 10 if may_jump => Self::Clock {
                exchange: within(rng, 6, 30),
                ahead: match rng.u8(..5) {
                    0 => TimeDelta::hours(-5),
                    1 => TimeDelta::minutes(-50),
                    2 => TimeDelta::hours(3),
                    3 => TimeDelta::days(2),
                    _ => TimeDelta::days(9),
                },
            },
            _ => Self::Stop { exchange: within(rng, 10, 40) },
        }
    }
}

/// Each with its chance per thousand requests at the lowest severity.
fn graph_faults() -> Vec<(Fault, u16)> {
    let error = |status, body| Fault::ServerError { status, body };
    vec![
        (Fault::Throttle(RetryAfter::Seconds(2)), 15),
        (Fault::Throttle(RetryAfter::Decimal(2_128)), 10),
        (Fault::Throttle(RetryAfter::HttpDate(20)), 10),
        (Fault::Throttle(RetryAfter::Missing), 10),
        (error(503, ErrorBody::Json), 15),
        (error(500, ErrorBody::EmptyCode), 10),
        (error(502, ErrorBody::Html), 10),
        (error(504, ErrorBody::Empty), 10),
        (Fault::ResetBefore, 10),
        (Fault::ResetAfter, 10),
        (Fault::TruncatedBody, 10),
        (Fault::HtmlSuccess, 3),
        (Fault::ForeignLink("https://elsewhere.example".to_owned()), 3),
        (Fault::ExpiredPageToken, 10),
        (Fault::PageTokenNotFound, 10),
        (Fault::Gone, 15),
        (Fault::SyncStateNotFound, 15),
        (Fault::EmptyPage, 30),
        (Fault::ShortPage, 60),
        (Fault::DuplicateRows, 60),
        (Fault::ReplayRows, 100),
        (Fault::ShuffleRows, 100),
        (Fault::RemovedInInitialRound, 100),
        (Fault::SpuriousUnauthorized, 10),
        (Fault::MissingDeltaLink, 3),
        (Fault::Delay(Duration::from_secs(3)), 30),
    ]
}

/// Each with its probability at the lowest severity.
fn target_faults() -> Vec<(TargetFault, f64)> {
    let error = |status, moment| TargetFault::Status { status, retry_after: None, moment };
    let late = |moment| TargetFault::Timeout { after: Duration::from_secs(30), moment };
    vec![
        (TargetFault::throttled(Duration::from_secs(1)), 0.02),
        (error(429, Moment::BeforeApplying), 0.01),
        (error(500, Moment::BeforeApplying), 0.01),
        (error(503, Moment::BeforeApplying), 0.01),
        (error(502, Moment::BeforeApplying), 0.01),
        (error(502, Moment::AfterApplying), 0.01),
        (error(504, Moment::AfterApplying), 0.02),
        (TargetFault::Reset(Moment::BeforeApplying), 0.01),
        (TargetFault::Reset(Moment::AfterApplying), 0.02),
        (late(Moment::BeforeApplying), 0.01),
        (late(Moment::AfterApplying), 0.02),
        (TargetFault::Truncated, 0.02),
        (TargetFault::Refused, 0.01),
        (error(401, Moment::BeforeApplying), 0.005),
    ]
}
