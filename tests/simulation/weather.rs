//! What goes wrong in one cycle.

use std::time::Duration;

use entra_scim::sandbox::{
    application::{Application, Fault as TargetFault, Matcher, Moment},
    tenant::{ErrorBody, Fault, FaultPlan, RetryAfter, Tenant},
};

use crate::support::wire::Death;

/// The weather of one cycle.
#[derive(Clone, Debug, Default)]
pub(super) struct Weather {
    pub(super) graph: Vec<(Fault, u16)>,
    /// Faults of the directory that happen once, on the next path that contains the text.
    pub(super) once: Vec<(&'static str, Fault)>,
    pub(super) target: Vec<(TargetFault, f64)>,
    pub(super) death: Option<(u32, Death)>,
}

/// What may be drawn without harm to what a directory promises.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Allowed {
    /// The latest change of assignments is younger than an hour, and a replica may lack it.
    pub(super) stale_assignments: bool,
    /// The list of assignments was never empty before.
    pub(super) empty_assignments: bool,
    /// No round of changes will begin anew in this cycle.
    pub(super) late_rows: bool,
}

impl Weather {
    /// Whether nothing at all goes wrong.
    pub(super) fn is_calm(&self) -> bool {
        self.graph.is_empty()
            && self.once.is_empty()
            && self.target.is_empty()
            && self.death.is_none()
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
        if allowed.stale_assignments && rng.u8(..4) == 0 {
            weather.once.push(("appRoleAssignedTo", Fault::StaleAssignments { changes: 1 }));
        } else if allowed.empty_assignments && rng.u8(..6) == 0 {
            weather.once.push(("appRoleAssignedTo", Fault::EmptyAssignments));
        }
        for (fault, chance) in target_faults() {
            if rng.u8(..3) == 0 {
                weather.target.push((fault, chance * f64::from(severity)));
            }
        }
        if rng.u8(..3) == 0 {
            let death = if rng.bool() { Death::BeforeSending } else { Death::AfterSending };
            weather.death = Some((rng.u32(1..=40), death));
        }
        weather
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
    ]
}
