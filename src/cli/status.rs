//! The command `status`: how each application is doing, out of the state alone.

use std::fmt::Write;

use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::{
    apps,
    args::{Global, StatusArgs},
    document::{self, moment, quarantine_error},
    drift,
    exit::ExitCode,
    output,
    plan::{held_of, open},
    problem::Problem,
    view,
};
use crate::{
    config::{AppSettings, Config},
    daemon::{SystemClock, due_at, is_held},
    model::{Clock, Timestamp},
    provisioning::{DailyWindow, PROGRAM, Quarantine},
    store::{
        CycleReport, EscrowCounts, EscrowRow, HeldReport, JobState, LinkCounts, OutboxCounts,
        Paused, Progress, Reader, StoreError,
    },
};

/// Objects that were given up and are named.
const GIVEN_UP_SHOWN: u32 = 10;

pub(super) fn run(args: &StatusArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let config = apps::configuration(global)?;
    let everything = args.all || args.app.is_none();
    let chosen = apps::choose(&config, args.app.as_deref(), everything)?;
    let now = SystemClock.now();
    let mut all = Vec::new();
    for app in chosen {
        all.push(Standing::read(&config, app, now)?);
    }
    if global.json {
        let documents: Vec<Value> = all.iter().map(Standing::document).collect();
        output::json(&json!({ "apps": documents }))?;
    } else {
        let texts: Vec<String> = all.iter().map(|standing| standing.text(now)).collect();
        output::data(&texts.join("\n"))?;
    }
    Ok(ExitCode::Done)
}

/// How one application is doing.
#[derive(Default)]
struct Standing {
    app: String,
    enabled: bool,
    state: JobState,
    watermark: Option<Timestamp>,
    last_cycle: Option<CycleReport>,
    running: Option<Progress>,
    served: bool,
    next_run: Option<Timestamp>,
    links: LinkCounts,
    escrows: EscrowCounts,
    given_up: Vec<EscrowRow>,
    quarantine: Option<Quarantine>,
    next_attempt: Option<Timestamp>,
    paused: Option<Paused>,
    held: Option<HeldReport>,
    waiting: u64,
    hours: Option<DailyWindow>,
    outbox: OutboxCounts,
    drift: Option<drift::Standing>,
}

impl Standing {
    fn read(config: &Config, app: &AppSettings, now: Timestamp) -> Result<Self, Problem> {
        let mut standing =
            Self { app: app.job.app.to_string(), enabled: app.job.provisioning, ..Self::default() };
        let Some(reader) = open(config, app)? else { return Ok(standing) };
        standing
            .look(&reader, app, now)
            .map_err(|error| Problem::of_store(app.job.app.as_str(), error))?;
        Ok(standing)
    }

    fn look(
        &mut self,
        reader: &Reader,
        app: &AppSettings,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.held = held_of(reader)?;
        self.served = is_held(reader.path());
        reader.read(|view| {
            self.state = view.job_state()?;
            self.watermark = view.watermark()?;
            self.last_cycle = view.cycles(1)?.pop();
            // A process that was killed leaves its progress behind.
            self.running = view.progress()?.filter(|_| self.served);
            if self.enabled {
                self.next_run = due_at(view, &app.schedule, None, now)?;
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
            self.hours = app.job.safeguards.removals_between;
            self.outbox = view.outbox_counts()?;
            self.drift = Some(drift::Standing::read(view, &app.job.drift, now)?);
            Ok(())
        })
    }

    fn document(&self) -> Value {
        let millis = |at: Timestamp| at.to_rfc3339_opts(SecondsFormat::Millis, true);
        json!({
            "app": self.app,
            "state": self.state,
            "watermark_at": self.watermark.map(millis),
            "last_cycle": self.last_cycle.as_ref().map(last_cycle),
            "running": self.running,
            "next_run": self.next_run.map(moment),
            "links": { "users": self.links.linked, "groups": self.links.groups },
            "escrows": self.escrows.all,
            "given_up": self.given_up.iter().map(given_up).collect::<Vec<Value>>(),
            "quarantine": self.quarantine.as_ref().map(|quarantine| json!({
                "reason": quarantine.reason,
                "since": moment(quarantine.series_began),
                "next_attempt": self.next_attempt.map(moment),
                "error": quarantine_error(quarantine),
            })),
            "held": self.held.as_ref().map(document::held),
            "drift": self.drift.as_ref().map(drift::Standing::document),
        })
    }

    fn text(&self, now: Timestamp) -> String {
        let mut text = format!("{}: {}\n", self.app, self.state_word());
        self.say_cycles(&mut text, now);
        self.say_rest(&mut text, now);
        line(&mut text, "accounts", &format!("{} linked", view::thousands(self.links.linked)));
        if self.links.groups > 0 {
            line(&mut text, "groups", &format!("{} linked", view::thousands(self.links.groups)));
        }
        self.say_escrows(&mut text);
        if let Some(held) = &self.held {
            let plan = view::short(&held.plan);
            line(&mut text, "held", &format!("{}; plan {plan}", held.reason));
            line(&mut text, "", &format!("look with `entra-scim plan {} --held`", self.app));
        }
        if let Some(hours) = self.hours.filter(|_| self.waiting > 0) {
            let waiting = view::counted(self.waiting, "change");
            let opens = match hours.opens_at(now) {
                Some(opens) if opens > now => format!("; they begin at {}", hours.shown(opens)),
                Some(_) => "; the next cycle decides".to_owned(),
                None => String::new(),
            };
            line(&mut text, "waiting", &format!("{waiting} for the hours {hours}{opens}"));
        }
        if let Some(drift) = self.drift.as_ref().and_then(|drift| drift.line(&self.app)) {
            line(&mut text, "drift", &drift);
        }
        if self.outbox.waiting + self.outbox.given_up > 0 {
            let given_up = match self.outbox.given_up {
                0 => String::new(),
                given_up => format!("; {given_up} given up"),
            };
            let waiting = view::counted(self.outbox.waiting, "notice");
            line(&mut text, "undelivered", &format!("{waiting}, tried again{given_up}"));
            if let Some(error) = &self.outbox.error {
                line(&mut text, "", error);
            }
        }
        text
    }

    /// The last cycle, the one under way, and the next.
    fn say_cycles(&self, text: &mut String, now: Timestamp) {
        match &self.last_cycle {
            None => line(text, "last cycle", "none yet"),
            Some(report) => {
                let when = format!("{} ({})", moment(report.began), ago(report.began, now));
                let took = view::duration(report.duration_ms);
                line(text, "last cycle", &format!("{when}, took {took}"));
                line(text, "", &view::totals(&report.totals, false));
                if let Some(error) = &report.error {
                    line(text, "", &format!("ended early: {error}"));
                }
            }
        }
        if let Some(progress) = &self.running {
            let total = progress.total.map(|total| format!(" of {}", view::thousands(total)));
            let done = view::thousands(progress.done);
            let total = total.unwrap_or_default();
            line(text, "running", &format!("{} {done}{total}", progress.phase));
        }
        if let Some(next) = self.next_run.filter(|_| self.served) {
            let next = if next <= now { "now".to_owned() } else { moment(next) };
            line(text, "next cycle", &next);
        } else if self.next_run.is_some() {
            line(text, "next cycle", "once the service runs");
        }
    }

    /// Why the job rests, where it does.
    fn say_rest(&self, text: &mut String, now: Timestamp) {
        let app = &self.app;
        if let Some(quarantine) = &self.quarantine {
            let since = moment(quarantine.series_began);
            let error = quarantine_error(quarantine);
            line(text, "quarantine", &format!("since {since}: {error}"));
            let next = match self.next_attempt {
                Some(next) if next > now => format!("next try {}", moment(next)),
                Some(_) => "next try now".to_owned(),
                None => "no further try by itself".to_owned(),
            };
            let at_once = format!("`entra-scim restart {app} --quarantine`");
            line(text, "", &format!("{next}; at once with {at_once}"));
        }
        if let Some(paused) = &self.paused {
            let who = if paused.by == PROGRAM {
                "after four weeks in quarantine".to_owned()
            } else {
                format!("by {}", paused.by)
            };
            let at = moment(paused.at);
            line(text, "paused", &format!("{at} {who}; `entra-scim resume {app}` goes on"));
        }
    }

    /// What failed and waits, and what was given up.
    fn say_escrows(&self, text: &mut String) {
        let app = &self.app;
        let waiting = self.escrows.all - self.escrows.given_up;
        if waiting > 0 {
            let objects = view::counted(waiting, "object");
            let removals = match self.escrows.removals {
                0 => String::new(),
                count => format!("; {}, tried in every cycle", view::counted(count, "removal")),
            };
            let see = format!("`entra-scim log {app} --status failure`");
            line(text, "failing", &format!("{objects}, tried again{removals}: {see}"));
        }
        if self.escrows.given_up > 0 {
            let objects = view::counted(self.escrows.given_up, "object");
            let retry = format!("`entra-scim restart {app} --escrows`");
            let after = "after four weeks of failures";
            line(text, "given up", &format!("{objects} {after}; again with {retry}"));
            for row in &self.given_up {
                let name = row.name.as_deref().unwrap_or(&row.source);
                line(text, "", &format!("{name}: {}", row.code));
            }
        }
    }

    fn state_word(&self) -> &'static str {
        match (self.enabled, self.state) {
            (false, _) => "provisioning is off",
            (true, JobState::NotRun) => "not run yet",
            (true, JobState::Paused) => "paused",
            (true, JobState::Quarantine) => "in quarantine",
            (true, JobState::Active) if self.served => "active",
            (true, JobState::Active) => "active, but the service does not run",
        }
    }
}

fn line(text: &mut String, name: &str, value: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "  {name:<11} {value}");
}

fn last_cycle(report: &CycleReport) -> Value {
    json!({
        "id": report.id,
        "kind": report.kind,
        "began": moment(report.began),
        "duration_ms": report.duration_ms,
        "totals": report.totals,
        "requests": report.requests,
        "error": report.error,
    })
}

fn given_up(row: &EscrowRow) -> Value {
    json!({
        "source": { "id": row.source, "display": row.name },
        "since": moment(row.failures.since),
        "code": row.code,
        "detail": row.detail,
    })
}

fn ago(at: Timestamp, now: Timestamp) -> String {
    let milliseconds = u64::try_from((now - at).num_milliseconds()).unwrap_or(0);
    format!("{} ago", view::duration(milliseconds))
}
