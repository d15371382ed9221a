//! What the supervisor of the service is told: that it runs, what it does, and that it lives.
//!
//! systemd's protocol (sd_notify(3)): messages to the socket in `$NOTIFY_SOCKET`. Without one, as
//! at a terminal, nobody is told anything.
//!
//! **Invariant:** a watchdog message says that every application makes progress, never only that
//! the process runs.

use std::time::Duration;

use chrono_tz::Tz;
use sd_notify::NotifyState;
use tracing::{error, info, warn};

use super::heartbeat::{Doing, Heartbeat};
use crate::{
    model::{AppName, Timestamp, thousands},
    store::Progress,
};

/// How often the supervisor is told what is done.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Messages within the time after which the watchdog ends the service: one may be lost.
const PINGS_PER_WATCHDOG_TIME: u32 = 3;

type Send = Box<dyn Fn(&[NotifyState<'_>]) -> std::io::Result<()> + std::marker::Send + Sync>;

/// The way to whoever supervises this process.
pub(super) struct Supervisor {
    send: Send,
    /// How often a sign of life is due, where one is wanted.
    ping_every: Option<Duration>,
    since_ping: Duration,
    status: String,
    /// Whether everything lived when it was last looked at.
    lives: bool,
}

impl Supervisor {
    /// The supervisor that started this process, if there is one.
    pub(super) fn of_this_process() -> Self {
        Self::new(Box::new(sd_notify::notify), sd_notify::watchdog_enabled())
    }

    fn new(send: Send, watchdog: Option<Duration>) -> Self {
        let ping_every = watchdog.map(|time| time / PINGS_PER_WATCHDOG_TIME);
        // The first look pings at once.
        let since_ping = ping_every.unwrap_or_default();
        Self { send, ping_every, since_ping, status: String::new(), lives: true }
    }

    fn tell(&self, states: &[NotifyState<'_>]) {
        if let Err(failure) = (self.send)(states) {
            let failed: &dyn std::error::Error = &failure;
            warn!(error = failed, "the supervisor could not be told");
        }
    }

    /// Everything is open and runs.
    pub(super) fn ready(&self) {
        self.tell(&[NotifyState::Ready]);
    }

    /// The configuration is being read anew. The moment belongs to it from systemd 253 on.
    pub(super) fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => self.tell(&[NotifyState::Reloading, now]),
            Err(_) => self.tell(&[NotifyState::Reloading]),
        }
    }

    /// Everything ends at its next boundary, which takes at most so long.
    pub(super) fn stopping(&self, longest: Duration) {
        let longest = u32::try_from(longest.as_micros()).unwrap_or(u32::MAX);
        self.tell(&[NotifyState::Stopping, NotifyState::ExtendTimeoutUsec(longest)]);
    }

    /// How long to wait between two looks.
    pub(super) fn look_every(&self) -> Duration {
        self.ping_every.map_or(TELL_EVERY, |every| every.min(TELL_EVERY))
    }

    /// Looks at every application after `time` has passed: says what is done, where that has
    /// changed, and that everything lives, where it does.
    pub(super) fn look<'a>(
        &mut self,
        time: Duration,
        apps: impl Iterator<Item = (&'a AppName, &'a Heartbeat)>,
        zone: Tz,
    ) {
        let (mut parts, mut next, mut still) = (Vec::new(), Vec::new(), Vec::new());
        for (app, heartbeat) in apps {
            if !heartbeat.pass(time) {
                still.push(app.as_str());
            }
            let doing = heartbeat.doing();
            if let Doing::Waiting(Some(due)) = doing {
                next.push((due, app));
            } else {
                parts.push(format!("{app}: {}", words(&doing)));
            }
        }
        next.sort();
        parts.extend(next.iter().map(|(due, app)| format!("next cycle {app} {}", at(*due, zone))));
        self.say(parts.join("; "));
        self.ping(time, &still);
    }

    fn say(&mut self, status: String) {
        if status != self.status {
            self.tell(&[NotifyState::Status(&status)]);
            self.status = status;
        }
    }

    fn ping(&mut self, time: Duration, still: &[&str]) {
        let lives = still.is_empty();
        if lives != self.lives {
            self.lives = lives;
            if lives {
                info!("every application makes progress again");
            } else {
                let apps = still.join(", ");
                error!(
                    jobs = %apps,
                    "no progress any more: {apps}. Under systemd the watchdog ends the service, \
                     which is then started anew and goes on where it was"
                );
            }
        }
        self.since_ping = self.since_ping.saturating_add(time);
        if let Some(every) = self.ping_every
            && lives
            && self.since_ping >= every
        {
            self.since_ping = Duration::ZERO;
            self.tell(&[NotifyState::Watchdog]);
        }
    }
}

/// What an application does, in a few words.
fn words(doing: &Doing) -> String {
    match doing {
        Doing::Starting => "starting".to_owned(),
        Doing::Waiting(_) => "paused".to_owned(),
        Doing::Working(None) => "working".to_owned(),
        Doing::Working(Some(progress)) => how_far(progress),
        Doing::Shut => "its state cannot be used".to_owned(),
    }
}

/// `export 40 % (400 of 1,000)`, or `import 1,200` where nobody knows of how many.
fn how_far(progress: &Progress) -> String {
    let Progress { phase, done, total } = progress;
    match total {
        Some(total) if *total > 0 => {
            let percent = done.saturating_mul(100) / total;
            format!("{phase} {percent} % ({} of {})", thousands(*done), thousands(*total))
        }
        Some(_) | None if *done == 0 => phase.clone(),
        Some(_) | None => format!("{phase} {}", thousands(*done)),
    }
}

fn at(due: Timestamp, zone: Tz) -> impl std::fmt::Display {
    due.with_timezone(&zone).format("%H:%M")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::{super::heartbeat::STILL_MAX, *};

    const SECOND: Duration = Duration::from_secs(1);

    /// A supervisor whose watchdog bites after 30 seconds, and what it is told.
    fn supervisor() -> (Supervisor, Arc<Mutex<Vec<String>>>) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let hears = Arc::clone(&told);
        let send = move |states: &[NotifyState<'_>]| {
            hears.lock().expect("a list").extend(states.iter().map(ToString::to_string));
            Ok(())
        };
        (Supervisor::new(Box::new(send), Some(30 * SECOND)), told)
    }

    fn app(name: &str) -> AppName {
        AppName::parse(name).expect("a name")
    }

    #[test]
    fn the_watchdog_hears_nothing_more_once_one_application_of_two_hangs() {
        let (mut supervisor, told) = supervisor();
        let (crm, hr) = (Heartbeat::default(), Heartbeat::default());
        let (crm_name, hr_name) = (app("crm"), app("hr"));
        crm.does(Doing::Waiting(None));
        hr.does(Doing::Working(None));
        let mut pings = |seconds: u64| {
            told.lock().expect("a list").clear();
            for _ in 0..seconds {
                crm.turn();
                supervisor.look(SECOND, [(&crm_name, &crm), (&hr_name, &hr)].into_iter(), Tz::UTC);
            }
            told.lock().expect("a list").iter().filter(|text| *text == "WATCHDOG=1").count()
        };
        let still = STILL_MAX.as_secs();
        assert_eq!(pings(still), 1 + usize::try_from(still / 10).expect("a few") - 1);
        assert_eq!(pings(60), 0, "a hung application was passed for a living one");
        hr.progress(&Progress { phase: "export".to_owned(), done: 1, total: Some(2) });
        assert!(pings(60) > 0, "progress is life again");
    }

    #[test]
    fn the_status_says_how_far_a_cycle_is_and_when_the_next_one_comes() {
        let (mut supervisor, told) = supervisor();
        let (crm, hr) = (Heartbeat::default(), Heartbeat::default());
        let (crm_name, hr_name) = (app("crm"), app("hr"));
        crm.progress(&Progress { phase: "export".to_owned(), done: 400, total: Some(1_000) });
        let due = "2026-11-23T09:40:00Z".parse().expect("a moment");
        hr.does(Doing::Waiting(Some(due)));
        for _ in 0..2 {
            let both = [(&crm_name, &crm), (&hr_name, &hr)].into_iter();
            supervisor.look(SECOND, both, Tz::Europe__Berlin);
        }
        let told = told.lock().expect("a list");
        let said: Vec<&String> = told.iter().filter(|text| text.starts_with("STATUS=")).collect();
        assert_eq!(said, ["STATUS=crm: export 40 % (400 of 1,000); next cycle hr 10:40"]);
    }
}
