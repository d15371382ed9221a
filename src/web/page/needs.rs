//! What needs a person, with the exact command: the first thing that an overview shows.
//!
//! Knows no page and no address but those below an application's own.

use chrono::{NaiveTime, TimeDelta};

use super::words::{Moment, Times};
use crate::{
    model::{counted, short, thousands},
    provisioning::{NoticeKind, PROGRAM, REMOVAL_FAILURES_TOLD},
    store::{HeldReport, OpenNotice, StoreError, View},
    web::{shown::ShownApp, standing::Standing},
};

/// How long before its end a credential is shown: as long as a mail would tell of it.
const EXPIRY_SHOWN: TimeDelta = TimeDelta::days(30);

/// Removals that fail again and again and are counted; more are "or more".
const FAILING_REMOVALS_MAX: u32 = 1_000;

/// How much it presses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// Nothing goes on, or access stays that should be gone.
    Now,
    /// Something waits.
    Soon,
}

/// One thing that a person has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Need {
    pub(super) urgency: Urgency,
    pub(super) app: String,
    /// In a few words.
    pub(super) title: String,
    /// In a sentence or two.
    pub(super) detail: String,
    /// Since when, or until when.
    pub(super) at: Option<Moment>,
    /// What does it, as typed on the machine.
    pub(super) command: Option<String>,
    /// Where on the pages there is more: an address below the application's, and its name.
    pub(super) more: Option<(&'static str, &'static str)>,
}

impl Need {
    fn new(
        (urgency, app): (Urgency, &str),
        title: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            urgency,
            app: app.to_owned(),
            title: title.into(),
            detail: detail.into(),
            at: None,
            command: None,
            more: None,
        }
    }

    fn run(mut self, command: String) -> Self {
        self.command = Some(command);
        self
    }

    fn at(mut self, at: Option<Moment>) -> Self {
        self.at = at;
        self
    }

    fn see(mut self, path: &'static str, name: &'static str) -> Self {
        self.more = Some((path, name));
        self
    }

    /// Its sign and tone.
    pub(super) fn sign(&self) -> (&'static str, &'static str) {
        match self.urgency {
            Urgency::Now => ("!", "bad"),
            Urgency::Soon => ("‖", "warn"),
        }
    }

    /// The state of an application that cannot be read.
    pub(super) fn of_unreadable(app: &str, message: &str, hint: Option<&str>) -> Self {
        let detail = hint.map_or_else(|| message.to_owned(), |hint| format!("{message}. {hint}"));
        Self::new((Urgency::Now, app), "its state cannot be read", detail)
            .run(format!("entra-scim status {app}"))
    }
}

/// What is asked of a state beside its [`Standing`].
#[derive(Clone, Debug, Default)]
pub(super) struct Beside {
    expiring: Vec<OpenNotice>,
    failing_removals: u64,
}

impl Beside {
    pub(super) fn read(view: &View<'_>) -> Result<Self, StoreError> {
        let is_expiry = |open: &OpenNotice| {
            open.notice.kind == NoticeKind::CredentialExpiry && !open.notice.over
        };
        let removals = view.failing_removals(REMOVAL_FAILURES_TOLD, FAILING_REMOVALS_MAX)?;
        Ok(Self {
            expiring: view.notices()?.into_iter().filter(is_expiry).collect(),
            failing_removals: removals.len() as u64,
        })
    }
}

/// What an application needs of a person, what presses first.
pub(super) fn needs(
    app: &ShownApp,
    standing: &Standing,
    beside: &Beside,
    times: &Times,
) -> Vec<Need> {
    let name = app.app.as_str();
    let mut needs: Vec<Need> = [
        quarantined(name, standing, times),
        standing.held.as_ref().map(|held| held_back(name, held)),
        failing_removals(name, beside),
        given_up(name, standing),
        ended_early(name, standing, times),
        paused(name, standing, times),
        undelivered(name, standing),
        drifted(name, standing, times),
    ]
    .into_iter()
    .flatten()
    .collect();
    needs.extend(expiring(app, beside, times));
    needs.sort_by_key(|need| need.urgency);
    needs
}

fn quarantined(app: &str, standing: &Standing, times: &Times) -> Option<Need> {
    let quarantine = standing.quarantine.as_ref()?;
    let next = match standing.next_attempt {
        Some(next) if next > times.now => {
            let next = times.shown(next);
            format!("Tried again {} ({}); at once with the command.", next.near, next.local)
        }
        Some(_) => "Tried again now.".to_owned(),
        None => "Not tried again by itself.".to_owned(),
    };
    let detail = format!("{}. {next}", quarantine.problem().trim_end_matches('.'));
    let need = Need::new((Urgency::Now, app), "in quarantine", detail)
        .at(Some(times.shown(quarantine.series_began)))
        .run(format!("entra-scim restart {app} --quarantine"));
    Some(need.see("#quarantine", "reason and history"))
}

fn held_back(app: &str, held: &HeldReport) -> Need {
    let title = format!("{} held by a safeguard", held.what());
    let detail = format!(
        "{}. None of them was sent. Restore the scope, or release exactly this list with the \
         command.",
        held.reason.trim_end_matches('.')
    );
    Need::new((Urgency::Now, app), title, detail)
        .run(format!("entra-scim approve {app} {}", short(&held.plan)))
        .see("/plan?pick=held", "the list")
}

fn failing_removals(app: &str, beside: &Beside) -> Option<Need> {
    let count = beside.failing_removals;
    let more = if count >= u64::from(FAILING_REMOVALS_MAX) { " or more" } else { "" };
    let fail = if count == 1 { "fails" } else { "fail" };
    let title = format!("{}{more} {fail} again and again", counted(count, "removal"));
    let detail = "Whoever they are about still has access. Each is tried in every cycle; take the \
                  access away at the application until it works.";
    let need = Need::new((Urgency::Now, app), title, detail)
        .run(format!("entra-scim log {app} --status failure"));
    (count > 0).then(|| need.see("/failing", "which"))
}

fn given_up(app: &str, standing: &Standing) -> Option<Need> {
    let count = standing.escrows.given_up;
    let title = format!("{} given up", counted(count, "object"));
    let detail = "After four weeks of failures nothing more is tried by itself. Mend the cause, \
                  then ask for another try with the command.";
    let need = Need::new((Urgency::Soon, app), title, detail)
        .run(format!("entra-scim restart {app} --escrows"));
    (count > 0).then(|| need.see("/failing", "which, and why"))
}

fn ended_early(app: &str, standing: &Standing, times: &Times) -> Option<Need> {
    let report = standing.last_cycle.as_ref()?;
    let error = report.error.as_ref()?;
    // A quarantine says it better.
    let need = Need::new((Urgency::Soon, app), "the last cycle ended early", error.clone())
        .at(Some(times.shown(report.began)))
        .run(format!("entra-scim check {app}"));
    standing.quarantine.is_none().then_some(need)
}

fn paused(app: &str, standing: &Standing, times: &Times) -> Option<Need> {
    let paused = standing.paused.as_ref()?;
    let by = if paused.by == PROGRAM {
        "Four weeks in quarantine".to_owned()
    } else {
        crate::model::plain(&paused.by).into_owned()
    };
    let detail = format!("{by} paused it. No cycle begins until it is resumed.");
    let need = Need::new((Urgency::Soon, app), "paused", detail)
        .at(Some(times.shown(paused.at)))
        .run(format!("entra-scim resume {app}"));
    Some(need)
}

fn undelivered(app: &str, standing: &Standing) -> Option<Need> {
    let outbox = &standing.outbox;
    let count = outbox.waiting + outbox.given_up;
    let given_up =
        (outbox.given_up > 0).then(|| format!("{} of them given up.", thousands(outbox.given_up)));
    let detail: Vec<String> = outbox.error.clone().into_iter().chain(given_up).collect();
    let detail = detail.join(" ");
    let title = format!("{} not delivered", counted(count, "notice"));
    let need = Need::new((Urgency::Soon, app), title, detail).run("entra-scim notify-test".into());
    (count > 0).then_some(need)
}

fn drifted(app: &str, standing: &Standing, times: &Times) -> Option<Need> {
    let drift = standing.drift.as_ref()?;
    if let Some(broken) = &drift.broken_off {
        let need = Need::new(
            (Urgency::Soon, app),
            "accounts could not be compared",
            broken.problem.clone(),
        );
        let need = need.at(Some(times.shown(broken.at)));
        return Some(need.run(format!("entra-scim drift {app} --now")));
    }
    let (check, counts) = drift.check.as_ref()?;
    let title = format!("{} not as they were left", counted(counts.all(), "account"));
    let detail = format!(
        "{} changed, {} missing, {} added at the application.",
        thousands(counts.changed),
        thousands(counts.missing),
        thousands(counts.added)
    );
    let need = Need::new((Urgency::Soon, app), title, detail)
        .at(check.ended.map(|at| times.shown(at)))
        .run(format!("entra-scim drift {app}"));
    (counts.all() > 0).then_some(need)
}

fn expiring(app: &ShownApp, beside: &Beside, times: &Times) -> Vec<Need> {
    let name = app.app.as_str();
    let mut needs: Vec<Need> = beside
        .expiring
        .iter()
        .map(|open| {
            let notice = &open.notice;
            let step = notice.next.iter().find(|step| step.command.is_some());
            let urgency = if notice.count == 0 { Urgency::Now } else { Urgency::Soon };
            let need = Need::new((urgency, name), notice.problem.clone(), notice.happened.clone());
            match step.and_then(|step| step.command.clone()) {
                Some(command) => need.run(command),
                None => need,
            }
        })
        .collect();
    // Where nobody is told of it, no notice says so either.
    if let Some(ends) = app.secret_token_expires.filter(|_| needs.is_empty()) {
        let ends = ends.and_time(NaiveTime::MIN).and_utc();
        let is_over = ends <= times.now;
        let title = if is_over { "the token has expired" } else { "the token expires soon" };
        let urgency = if is_over { Urgency::Now } else { Urgency::Soon };
        let detail = "Make a new one at the application, put it where the configuration says, and \
                      set secret_token_expires to its end. Then check it with the command.";
        if ends - times.now <= EXPIRY_SHOWN {
            let need = Need::new((urgency, name), title, detail).at(Some(times.shown(ends)));
            needs.push(need.run(format!("entra-scim check {name}")));
        }
    }
    needs
}
