//! `[service]`.

use std::{path::PathBuf, time::Duration};

use chrono_tz::Tz;

use super::{
    diagnosis::Findings,
    duration::{self, DURATION_MAX},
    page,
    raw::{Node, Section},
    schedule::{self, INTERVAL_DEFAULT, JITTER_MAX},
    secret_source::absolute_path,
    settings::{PageSettings, ServiceSettings},
    surroundings::Surroundings,
};
use crate::provisioning::Schedule;

/// The keys, but for those of the status page ([`page::KEYS`]).
const KEYS: [&str; 7] =
    ["state_dir", "interval", "cron", "jitter", "timezone", "log_retention", "log_file"];

/// Where systemd's `StateDirectory=entra-scim` is.
const STATE_DIR_DEFAULT: &str = "/var/lib/entra-scim";

const LOG_RETENTION_DEFAULT: Duration = Duration::from_secs(90 * 86_400);
const LOG_RETENTION_MIN: Duration = Duration::from_secs(3_600);

/// What `[service]` says, and what it says to every application.
pub(super) struct Service {
    pub(super) settings: ServiceSettings,
    pub(super) schedule: Schedule,
    pub(super) jitter: Duration,
    pub(super) zone: Tz,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            settings: ServiceSettings {
                state_dir: PathBuf::from(STATE_DIR_DEFAULT),
                log_retention: LOG_RETENTION_DEFAULT,
                log_file: None,
                zone: Tz::UTC,
                page: Some(PageSettings::default()),
            },
            schedule: Schedule::Every(INTERVAL_DEFAULT),
            jitter: JITTER_MAX,
            zone: Tz::UTC,
        }
    }
}

/// Decodes `[service]`; a missing section has every default.
pub(super) fn decode(
    node: Option<&Node<'_, '_>>,
    surroundings: Surroundings,
    findings: &mut Findings<'_>,
) -> Service {
    let mut service = Service::default();
    let keys = [KEYS.as_slice(), &page::KEYS].concat();
    let Some(section) = node.and_then(|node| Section::open(node, &keys, findings)) else {
        return service;
    };
    if let Some(path) = section.string("state_dir", findings)
        && let Some(path) = absolute_path(&path, findings)
    {
        service.settings.state_dir = path;
    }
    let retention =
        duration::get(&section, "log_retention", LOG_RETENTION_MIN, DURATION_MAX, findings);
    if let Some(retention) = retention {
        service.settings.log_retention = retention.value;
    }
    if let Some(path) = section.string("log_file", findings) {
        service.settings.log_file = absolute_path(&path, findings);
    }
    service.zone = schedule::zone(&section, findings);
    service.settings.zone = service.zone;
    if let Some(schedule) = schedule::decode(&section, service.zone, findings) {
        service.schedule = schedule;
    }
    service.jitter = schedule::jitter(&section, findings).unwrap_or(service.jitter);
    service.settings.page = page::decode(&section, surroundings, findings);
    service
}
