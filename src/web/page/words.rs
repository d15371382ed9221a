//! What the pages say: moments in the schedule's zone, and states as a word with a sign beside it.
//!
//! A state is never told by a colour alone: each [`Mark`] has its word and its sign.

use chrono::TimeDelta;
use chrono_tz::Tz;

use crate::{
    model::{Timestamp, moment},
    provisioning::{Action, ChangeStatus, StepStatus},
    store::JobState,
};

/// Now, and where people's clocks hang.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub(super) now: Timestamp,
    pub(super) zone: Tz,
}

/// A moment as a page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// In UTC, for machines.
    pub(super) utc: String,
    /// In the zone: the time of day, with the date unless that is today's.
    pub(super) local: String,
    /// In the zone, with date and zone.
    pub(super) full: String,
    /// `12 min ago`, `in 3 h`.
    pub(super) near: String,
}

impl Times {
    /// How a moment is shown.
    pub(super) fn shown(&self, at: Timestamp) -> Moment {
        let local = at.with_timezone(&self.zone);
        let today = self.now.with_timezone(&self.zone).date_naive();
        let short = if local.date_naive() == today { "%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" };
        Moment {
            utc: moment(at),
            local: local.format(short).to_string(),
            full: local.format("%Y-%m-%d %H:%M:%S %Z").to_string(),
            near: near(at - self.now),
        }
    }

    /// The time and date of now, with its zone.
    pub(super) fn present(&self) -> Moment {
        self.shown(self.now)
    }
}

/// How far away a moment is, in its largest unit.
fn near(away: TimeDelta) -> String {
    let seconds = away.num_seconds().abs();
    let span = match seconds {
        0..5 => return "now".to_owned(),
        5..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    };
    if away < TimeDelta::zero() { format!("{span} ago") } else { format!("in {span}") }
}

/// `350 ms`, `4 min 5 s`, of a span that may be negative where a clock was set.
pub(super) fn span(span: TimeDelta) -> String {
    crate::model::duration(u64::try_from(span.num_milliseconds()).unwrap_or_default())
}

/// A state in a word, with its sign. The tone is a colour's name in the style sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) word: &'static str,
    pub(super) sign: &'static str,
    pub(super) tone: &'static str,
}

const fn mark(word: &'static str, sign: &'static str, tone: &'static str) -> Mark {
    Mark { word, sign, tone }
}

/// The state of an application cannot be read.
pub(super) const UNREADABLE: Mark = mark("state unreadable", "!", "bad");

/// How an application is doing.
pub(super) fn state_mark(enabled: bool, served: bool, running: bool, state: JobState) -> Mark {
    match (enabled, state) {
        (false, _) => mark("off", "○", "calm"),
        (true, JobState::Quarantine) => mark("in quarantine", "!", "bad"),
        (true, JobState::Paused) => mark("paused", "‖", "warn"),
        (true, _) if running => mark("running", "▸", "busy"),
        (true, JobState::NotRun) => mark("not run yet", "○", "calm"),
        (true, JobState::Active) if served => mark("active", "✓", "good"),
        (true, JobState::Active) => mark("service not running", "!", "warn"),
    }
}

/// How a change ended, or where it stands.
pub(super) fn status_mark(status: ChangeStatus, held: bool) -> Mark {
    if held {
        return mark("held", "‖", "warn");
    }
    match status {
        ChangeStatus::Planned => mark("planned", "○", "calm"),
        ChangeStatus::Sent => mark("sent", "▸", "busy"),
        ChangeStatus::Success => mark("success", "✓", "good"),
        ChangeStatus::Warning => mark("warning", "!", "warn"),
        ChangeStatus::Failure => mark("failure", "×", "bad"),
        ChangeStatus::Skipped => mark("skipped", "–", "calm"),
        ChangeStatus::Held => mark("held", "‖", "warn"),
    }
}

/// How a step ended.
pub(super) fn step_mark(status: StepStatus) -> Mark {
    status_mark(
        match status {
            StepStatus::Success => ChangeStatus::Success,
            StepStatus::Warning => ChangeStatus::Warning,
            StepStatus::Failure => ChangeStatus::Failure,
            StepStatus::Skipped => ChangeStatus::Skipped,
        },
        false,
    )
}

/// An action with the sign that `plan` prints before it.
pub(super) fn action_mark(action: Action) -> Mark {
    match action {
        Action::Create => mark("create", "+", "good"),
        Action::Adopt => mark("adopt", "=", "busy"),
        Action::Update => mark("update", "~", "warn"),
        Action::Enable => mark("enable", "^", "good"),
        Action::Disable => mark("disable", "−", "bad"),
        Action::Delete => mark("delete", "x", "bad"),
        Action::Skip => mark("skip", "·", "calm"),
    }
}

/// What a phase of a cycle does.
pub(super) fn phase_words(phase: &str) -> &str {
    match phase {
        "import" => "reading the directory",
        "survey" => "reading the application",
        "draft" => "deciding about each object",
        "review" => "counting against the safeguards",
        "export" => "sending changes",
        "drift" => "comparing accounts",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        chrono::DateTime::parse_from_rfc3339(text).expect(text).to_utc()
    }

    #[test]
    fn a_moment_is_told_in_the_zone_with_the_date_unless_it_is_today() {
        let times = Times { now: at("2026-11-23T23:30:00Z"), zone: chrono_tz::Europe::Berlin };
        let shown = times.shown(at("2026-11-23T23:10:05Z"));
        assert_eq!((shown.local.as_str(), shown.near.as_str()), ("00:10:05", "19 min ago"));
        assert_eq!(shown.utc, "2026-11-23T23:10:05Z");
        assert_eq!(shown.full, "2026-11-24 00:10:05 CET");
        let before = times.shown(at("2026-11-23T22:59:59Z"));
        assert_eq!(before.local, "2026-11-23 23:59:59");
    }

    #[test]
    fn how_far_away_a_moment_is_has_one_unit() {
        let told: Vec<String> = [0, -59, 61, -7_200, 172_800, -2_592_000]
            .map(|seconds| near(TimeDelta::seconds(seconds)))
            .into();
        assert_eq!(told, ["now", "59 s ago", "in 1 min", "2 h ago", "in 2 days", "30 days ago"]);
    }
}
