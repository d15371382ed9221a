//! `[service]`.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use chrono_tz::Tz;

use super::{
    diagnosis::Findings,
    duration::{self, DURATION_MAX},
    raw::{Located, Node, Section},
    schedule::{self, INTERVAL_DEFAULT, JITTER_MAX},
    secret_source::absolute_path,
    settings::ServiceSettings,
};
use crate::provisioning::Schedule;

pub(super) const KEYS: [&str; 7] =
    ["state_dir", "interval", "cron", "jitter", "timezone", "listen", "log_retention"];

/// Where systemd's `StateDirectory=entra-scim` is.
const STATE_DIR_DEFAULT: &str = "/var/lib/entra-scim";

const LOG_RETENTION_DEFAULT: Duration = Duration::from_secs(90 * 86_400);
const LOG_RETENTION_MIN: Duration = Duration::from_secs(3_600);

/// The page is for whoever is on the machine, unless the configuration says otherwise.
const LISTEN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8640);

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
                zone: Tz::UTC,
                listen: Some(LISTEN_DEFAULT),
            },
            schedule: Schedule::Every(INTERVAL_DEFAULT),
            jitter: JITTER_MAX,
            zone: Tz::UTC,
        }
    }
}

/// Decodes `[service]`; a missing section has every default.
pub(super) fn decode(node: Option<&Node<'_, '_>>, findings: &mut Findings<'_>) -> Service {
    let mut service = Service::default();
    let Some(section) = node.and_then(|node| Section::open(node, &KEYS, findings)) else {
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
    service.zone = schedule::zone(&section, findings);
    service.settings.zone = service.zone;
    if let Some(schedule) = schedule::decode(&section, service.zone, findings) {
        service.schedule = schedule;
    }
    service.jitter = schedule::jitter(&section, findings).unwrap_or(service.jitter);
    if let Some(text) = section.string("listen", findings) {
        service.settings.listen = listen(&text, findings);
    }
    service
}

fn listen(text: &Located<String>, findings: &mut Findings<'_>) -> Option<SocketAddr> {
    if text.value == "off" {
        return None;
    }
    let Ok(address) = text.value.parse::<SocketAddr>() else {
        findings.error_hint(
            &text.at,
            format!("{:?} is not an address with a port", text.value),
            "write for example \"127.0.0.1:8640\" or \"[::1]:8640\", or \"off\" for no status page",
        );
        return None;
    };
    if !address.ip().is_loopback() {
        findings.error(&text.at, "is not a loopback address");
    }
    Some(address)
}
