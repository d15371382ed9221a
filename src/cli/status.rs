//! The command `status`: how each application is doing, out of the state alone.

use std::fmt::Write;

use super::{
    apps,
    args::{Global, StatusArgs},
    drift,
    exit::ExitCode,
    output,
    problem::Problem,
    view,
};
use crate::{
    daemon::{SystemClock, shown_app},
    model::{Clock, Timestamp, moment},
    provisioning::PROGRAM,
    store::JobState,
    web::Standing,
};

pub(super) fn run(args: &StatusArgs, global: &Global) -> anyhow::Result<ExitCode> {
    let config = apps::configuration(global)?;
    let everything = args.all || args.app.is_none();
    let chosen = apps::choose(&config, args.app.as_deref(), everything)?;
    let now = SystemClock.now();
    let mut all = Vec::new();
    for app in chosen {
        let name = app.job.app.as_str();
        let standing = Standing::read(&shown_app(&config, app), now);
        all.push(standing.map_err(|error| Problem::of_store(name, error))?);
    }
    if global.json {
        output::json(&Standing::documents(&all))?;
    } else {
        let texts: Vec<String> = all.iter().map(|standing| Told(standing).text(now)).collect();
        output::data(&texts.join("\n"))?;
    }
    Ok(ExitCode::Done)
}

/// How an application is doing, for a person.
struct Told<'s>(&'s Standing);

impl Told<'_> {
    fn text(&self, now: Timestamp) -> String {
        let mut text = format!("{}: {}\n", self.0.app, self.state_word());
        self.say_cycles(&mut text, now);
        self.say_rest(&mut text, now);
        line(&mut text, "accounts", &format!("{} linked", view::thousands(self.0.links.linked)));
        if self.0.links.groups > 0 {
            line(&mut text, "groups", &format!("{} linked", view::thousands(self.0.links.groups)));
        }
        self.say_escrows(&mut text);
        if let Some(held) = &self.0.held {
            let plan = view::short(&held.plan);
            line(&mut text, "held", &format!("{}; plan {plan}", held.reason));
            line(&mut text, "", &format!("look with `entra-scim plan {} --held`", self.0.app));
        }
        if let Some(hours) = self.0.hours.filter(|_| self.0.waiting > 0) {
            let waiting = view::counted(self.0.waiting, "change");
            let opens = match hours.opens_at(now) {
                Some(opens) if opens > now => format!("; they begin at {}", hours.shown(opens)),
                Some(_) => "; the next cycle decides".to_owned(),
                None => String::new(),
            };
            line(&mut text, "waiting", &format!("{waiting} for the hours {hours}{opens}"));
        }
        if let Some(drift) = self.0.drift.as_ref().and_then(|drift| drift::line(drift, &self.0.app))
        {
            line(&mut text, "drift", &drift);
        }
        if self.0.outbox.waiting + self.0.outbox.given_up > 0 {
            let given_up = match self.0.outbox.given_up {
                0 => String::new(),
                given_up => format!("; {given_up} given up"),
            };
            let waiting = view::counted(self.0.outbox.waiting, "notice");
            line(&mut text, "undelivered", &format!("{waiting}, tried again{given_up}"));
            if let Some(error) = &self.0.outbox.error {
                line(&mut text, "", error);
            }
        }
        text
    }

    /// The last cycle, the one under way, and the next.
    fn say_cycles(&self, text: &mut String, now: Timestamp) {
        match &self.0.last_cycle {
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
        if let Some(progress) = &self.0.running {
            let total = progress.total.map(|total| format!(" of {}", view::thousands(total)));
            let done = view::thousands(progress.done);
            let total = total.unwrap_or_default();
            line(text, "running", &format!("{} {done}{total}", progress.phase));
        }
        if let Some(next) = self.0.next_run.filter(|_| self.0.served) {
            let next = if next <= now { "now".to_owned() } else { moment(next) };
            line(text, "next cycle", &next);
        } else if self.0.next_run.is_some() {
            line(text, "next cycle", "once the service runs");
        }
    }

    /// Why the job rests, where it does.
    fn say_rest(&self, text: &mut String, now: Timestamp) {
        let app = &self.0.app;
        if let Some(quarantine) = &self.0.quarantine {
            let since = moment(quarantine.series_began);
            let error = quarantine.problem();
            line(text, "quarantine", &format!("since {since}: {error}"));
            let next = match self.0.next_attempt {
                Some(next) if next > now => format!("next try {}", moment(next)),
                Some(_) => "next try now".to_owned(),
                None => "no further try by itself".to_owned(),
            };
            let at_once = format!("`entra-scim restart {app} --quarantine`");
            line(text, "", &format!("{next}; at once with {at_once}"));
        }
        if let Some(paused) = &self.0.paused {
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
        let app = &self.0.app;
        let waiting = self.0.escrows.all - self.0.escrows.given_up;
        if waiting > 0 {
            let objects = view::counted(waiting, "object");
            let removals = match self.0.escrows.removals {
                0 => String::new(),
                count => format!("; {}, tried in every cycle", view::counted(count, "removal")),
            };
            let see = format!("`entra-scim log {app} --status failure`");
            line(text, "failing", &format!("{objects}, tried again{removals}: {see}"));
        }
        if self.0.escrows.given_up > 0 {
            let objects = view::counted(self.0.escrows.given_up, "object");
            let retry = format!("`entra-scim restart {app} --escrows`");
            let after = "after four weeks of failures";
            line(text, "given up", &format!("{objects} {after}; again with {retry}"));
            for row in &self.0.given_up {
                let name = row.name.as_deref().unwrap_or(&row.source);
                line(text, "", &format!("{name}: {}", row.code));
            }
        }
    }

    fn state_word(&self) -> &'static str {
        match (self.0.enabled, self.0.state) {
            (false, _) => "provisioning is off",
            (true, JobState::NotRun) => "not run yet",
            (true, JobState::Paused) => "paused",
            (true, JobState::Quarantine) => "in quarantine",
            (true, JobState::Active) if self.0.served => "active",
            (true, JobState::Active) => "active, but the service does not run",
        }
    }
}

fn line(text: &mut String, name: &str, value: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "  {name:<11} {value}");
}

fn ago(at: Timestamp, now: Timestamp) -> String {
    let milliseconds = u64::try_from((now - at).num_milliseconds()).unwrap_or(0);
    format!("{} ago", view::duration(milliseconds))
}
