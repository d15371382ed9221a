//! A site over the states of worlds, and a visitor that asks it.

use std::sync::Arc;

use axum::body::Body;
use chrono::TimeDelta;
use entra_scim::{
    model::{AppName, Clock, JobId},
    provisioning::{DriftMode, DriftRule, Schedule},
    web::{Door, Shown, ShownApp, Site},
};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::support::world::World;

/// An answer that came whole.
pub(super) struct Seen {
    pub(super) status: StatusCode,
    pub(super) kind: String,
    pub(super) text: String,
}

impl Seen {
    /// Its text as a person reads it: without tags, with single spaces.
    pub(super) fn read(&self) -> String {
        let mut text = String::new();
        let mut in_tag = false;
        for c in self.text.chars() {
            match c {
                '<' => in_tag = true,
                '>' => {
                    in_tag = false;
                    text.push(' ');
                }
                _ if in_tag => {}
                c => text.push(c),
            }
        }
        let text = text.replace("&#39;", "'").replace("&#34;", "\"").replace("&#38;", "&");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The addresses of its links.
    pub(super) fn links(&self) -> Vec<String> {
        let parts = self.text.split("href=\"").skip(1);
        parts
            .filter_map(|part| part.split_once('"'))
            .map(|(at, _)| at.replace("&#38;", "&"))
            .collect()
    }
}

/// The application of a world as a page shows it.
pub(super) fn shown_app(world: &World, name: &str) -> ShownApp {
    let weekly = Schedule::Every(TimeDelta::days(7).to_std().expect("positive"));
    ShownApp {
        app: AppName::parse(name).expect("a name"),
        enabled: true,
        state_file: world.folder.path().join("crm.db"),
        tenant: world.job.tenant.clone(),
        job: JobId::derive(&[&world.job.tenant, name]),
        schedule: Schedule::Every(TimeDelta::minutes(40).to_std().expect("positive")),
        removals_between: None,
        drift: DriftRule { mode: DriftMode::Report, schedule: weekly },
        secret_token_expires: None,
        log_forwarded: false,
    }
}

/// Whoever looks at the pages of some applications.
pub(super) struct Visitor {
    site: Site,
    _shown: watch::Sender<Arc<Shown>>,
}

impl Visitor {
    pub(super) fn of(world: &World) -> Self {
        Self::of_apps(world, vec![shown_app(world, "crm")])
    }

    pub(super) fn of_apps(world: &World, apps: Vec<ShownApp>) -> Self {
        let shown = Shown { apps, zone: chrono_tz::Europe::Berlin };
        let (sender, receiver) = watch::channel(Arc::new(shown));
        let clock: Arc<dyn Clock> = Arc::new(world.clock.clone());
        Self { site: Site::new(receiver, Door::default(), clock), _shown: sender }
    }

    pub(super) async fn ask(&self, address: &str) -> Seen {
        let request = Request::get(address).header(header::HOST, "127.0.0.1:8640");
        let request = request.body(Body::empty()).expect("a request");
        let answer = self.site.clone().router().oneshot(request).await.expect("an answer");
        let (parts, body) = answer.into_parts();
        let kind = parts.headers.get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
        let bytes = body.collect().await.expect("it comes whole").to_bytes();
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        Seen { status: parts.status, kind, text }
    }

    /// The same of a page that is there.
    pub(super) async fn see(&self, address: &str) -> Seen {
        let seen = self.ask(address).await;
        assert_eq!(seen.status, StatusCode::OK, "{address}: {}", seen.read());
        seen
    }

    /// The first event of the stream, as its document.
    pub(super) async fn first_event(&self) -> serde_json::Value {
        let request = Request::get("/events").header(header::HOST, "127.0.0.1:8640");
        let request = request.body(Body::empty()).expect("a request");
        let answer = self.site.clone().router().oneshot(request).await.expect("an answer");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/event-stream");
        let mut body = answer.into_body();
        let frame = body.frame().await.expect("an event").expect("it comes");
        let bytes = frame.into_data().expect("data");
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        let data = text.lines().find_map(|line| line.strip_prefix("data: ")).expect("data");
        serde_json::from_str(data).expect("a document")
    }
}
