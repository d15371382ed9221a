//! The command `status`: how each application is doing, out of the state alone.

use std::fmt::Write;

use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::{
    apps,
    args::{Global, StatusArgs},
    document::{self, moment},
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
    provisioning::DailyWindow,
    store::{
        CycleReport, HeldReport, JobState, LinkCounts, OutboxCounts, Progress, Reader, StoreError,
    },
};

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
    escrows: u64,
    held: Option<HeldReport>,
    waiting: u64,
    hours: Option<DailyWindow>,
    outbox: OutboxCounts,
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
                self.next_run = due_at(view, &app.schedule, now)?;
            }
            self.links = view.link_counts()?;
            self.escrows = view.escrow_count()?;
            self.waiting = view.waiting_count()?;
            self.hours = app.job.safeguards.removals_between;
            self.outbox = view.outbox_counts()?;
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
            "links": { "users": self.links.linked, "groups": 0 },
            "escrows": self.escrows,
            "quarantine": null,
            "held": self.held.as_ref().map(document::held),
        })
    }

    fn text(&self, now: Timestamp) -> String {
        let mut text = format!("{}: {}\n", self.app, self.state_word());
        let mut line = |name: &str, value: &str| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name:<11} {value}");
        };
        match &self.last_cycle {
            None => line("last cycle", "none yet"),
            Some(report) => {
                let when = format!("{} ({})", moment(report.began), ago(report.began, now));
                line("last cycle", &format!("{when}, took {}", view::duration(report.duration_ms)));
                line("", &view::totals(&report.totals, false));
                if let Some(error) = &report.error {
                    line("", &format!("ended early: {error}"));
                }
            }
        }
        if let Some(progress) = &self.running {
            let total = progress.total.map(|total| format!(" of {}", view::thousands(total)));
            let done = view::thousands(progress.done);
            line("running", &format!("{} {done}{}", progress.phase, total.unwrap_or_default()));
        }
        if let Some(next) = self.next_run.filter(|_| self.served) {
            line("next cycle", &if next <= now { "now".to_owned() } else { moment(next) });
        } else if self.next_run.is_some() {
            line("next cycle", "once the service runs");
        }
        line("accounts", &format!("{} linked", view::thousands(self.links.linked)));
        if self.escrows > 0 {
            let waiting = view::counted(self.escrows, "object");
            let see = format!("`entra-scim log {} --status failure`", self.app);
            line("failing", &format!("{waiting}, tried again: {see}"));
        }
        if let Some(held) = &self.held {
            line("held", &format!("{}; plan {}", held.reason, view::short(&held.plan)));
            line("", &format!("look with `entra-scim plan {} --held`", self.app));
        }
        if let Some(hours) = self.hours.filter(|_| self.waiting > 0) {
            let waiting = view::counted(self.waiting, "change");
            let opens = match hours.opens_at(now) {
                Some(opens) if opens > now => format!("; they begin at {}", hours.shown(opens)),
                Some(_) => "; the next cycle decides".to_owned(),
                None => String::new(),
            };
            line("waiting", &format!("{waiting} for the hours {hours}{opens}"));
        }
        if self.outbox.waiting + self.outbox.given_up > 0 {
            let given_up = match self.outbox.given_up {
                0 => String::new(),
                given_up => format!("; {given_up} given up"),
            };
            let waiting = view::counted(self.outbox.waiting, "notice");
            line("undelivered", &format!("{waiting}, tried again{given_up}"));
            if let Some(error) = &self.outbox.error {
                line("", error);
            }
        }
        text
    }

    fn state_word(&self) -> &'static str {
        match (self.enabled, self.state) {
            (false, _) => "provisioning is off",
            (true, JobState::NotRun) => "not run yet",
            (true, JobState::Paused) => "paused",
            (true, JobState::Active) if self.served => "active",
            (true, JobState::Active) => "active, but the service does not run",
        }
    }
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

fn ago(at: Timestamp, now: Timestamp) -> String {
    let milliseconds = u64::try_from((now - at).num_milliseconds()).unwrap_or(0);
    format!("{} ago", view::duration(milliseconds))
}
