//! `interval`, `cron`, `jitter` and `timezone`, in `[service]` and in each application; `drift` and
//! its own schedule in each application.

use std::time::Duration;

use chrono_tz::{TZ_VARIANTS, Tz};

use super::{
    diagnosis::{Findings, nearest},
    duration::{self, DURATION_MAX},
    raw::{Located, Section},
};
use crate::provisioning::{DriftMode, DriftRule, Schedule};

/// Entra's own interval.
pub(super) const INTERVAL_DEFAULT: Duration = Duration::from_secs(40 * 60);

/// The shortest interval; a cycle is always finished before the next one starts.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// How far apart the beats of an application may be, and are unless the file says less.
pub(super) const JITTER_MAX: Duration = Duration::from_secs(60);

/// When accounts are compared with what was exported to them: Sundays at three.
const DRIFT_CRON_DEFAULT: &str = "0 3 * * SUN";

/// The schedule of this section, or `None` where it has none or a wrong one.
pub(super) fn decode(
    section: &Section<'_, '_>,
    zone: Tz,
    findings: &mut Findings<'_>,
) -> Option<Schedule> {
    let interval = duration::get(section, "interval", INTERVAL_MIN, DURATION_MAX, findings);
    let cron = section.string("cron", findings).and_then(|text| cron(&text, zone, findings));
    if let (Some(_), Some(node)) = (section.get("interval"), section.get("cron")) {
        findings.error(&node.at, "stands beside `interval`; give exactly one of the two");
        return None;
    }
    interval.map(|interval| Schedule::Every(interval.value)).or(cron)
}

/// `jitter` of this section, or `None` where it has none or a wrong one.
pub(super) fn jitter(section: &Section<'_, '_>, findings: &mut Findings<'_>) -> Option<Duration> {
    let jitter = duration::get(section, "jitter", Duration::ZERO, JITTER_MAX, findings)?;
    if section.get("cron").is_some() {
        findings.error_hint(
            &jitter.at,
            "belongs to `interval`, and stands beside `cron`",
            "leave it out: a cron expression is kept to the second",
        );
        return None;
    }
    Some(jitter.value)
}

/// `drift` and `drift_cron`, in the zone of the schedule.
pub(super) fn drift(section: &Section<'_, '_>, zone: Tz, findings: &mut Findings<'_>) -> DriftRule {
    let mode = section.choice("drift", &DriftMode::WORDS, DriftMode::Report, findings);
    let text = section.string("drift_cron", findings);
    if let (DriftMode::Off, Some(text)) = (mode, &text) {
        findings.error_hint(
            &text.at,
            "nothing is compared while `drift` is \"off\"",
            "set `drift` to \"report\" or \"repair\", or leave this key out",
        );
    }
    let schedule = text.and_then(|text| cron(&text, zone, findings)).unwrap_or_else(|| {
        Schedule::cron(DRIFT_CRON_DEFAULT, zone).expect("every zone has Sundays")
    });
    DriftRule { mode, schedule }
}

fn cron(text: &Located<String>, zone: Tz, findings: &mut Findings<'_>) -> Option<Schedule> {
    match Schedule::cron(&text.value, zone) {
        Ok(schedule) => Some(schedule),
        Err(error) => {
            findings.error_hint(
                &text.at,
                format!("cron expression {:?}: {error}", text.value),
                "write for example \"*/15 * * * *\" or \"0 30 7 * * MON-FRI\"",
            );
            None
        }
    }
}

/// `timezone`, or UTC.
pub(super) fn zone(section: &Section<'_, '_>, findings: &mut Findings<'_>) -> Tz {
    let Some(text) = section.string("timezone", findings) else { return Tz::UTC };
    text.value.parse().unwrap_or_else(|_| {
        let names = TZ_VARIANTS.iter().map(|zone| zone.name());
        let hint = match nearest(&text.value, names) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "write an IANA name such as \"Europe/Berlin\"".to_owned(),
        };
        findings.error_hint(&text.at, format!("unknown time zone {:?}", text.value), hint);
        Tz::UTC
    })
}
