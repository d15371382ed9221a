//! A site with a state behind it, open on loopback, and a client that says what it likes.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use chrono::TimeDelta;
use entra_scim::{
    config::parse,
    daemon::{SystemClock, shown},
    model::{Clock, Secret, Sleep, Timestamp},
    store::Engine,
    web::{AccessToken, Door, Limits, Site, Tls, serve},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{oneshot, watch},
    task::JoinHandle,
};

/// How long an answer may take before a story gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The token of these stories.
pub(super) const TOKEN: &str = "a-token-that-nobody-would-guess";

/// The machine's clock, set ahead at will.
#[derive(Clone, Default)]
pub(super) struct SetClock(Arc<Mutex<TimeDelta>>);

impl SetClock {
    pub(super) fn ahead(&self, by: TimeDelta) {
        *self.0.lock().expect("nobody panicked") += by;
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        SystemClock.now() + *self.0.lock().expect("nobody panicked")
    }

    fn sleep(&self, duration: Duration) -> Sleep<'_> {
        SystemClock.sleep(duration)
    }
}

/// A site on loopback.
pub(super) struct House {
    pub(super) address: SocketAddr,
    pub(super) clock: SetClock,
    /// Holds the state of `crm`, as the service would.
    pub(super) engine: Engine,
    folder: tempfile::TempDir,
    close: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
}

/// A door that asks for [`TOKEN`].
pub(super) fn locked() -> Door {
    let token = AccessToken::new(|| Ok(Secret::new(TOKEN.to_owned())));
    Door { access_token: Some(token), ..Door::default() }
}

impl House {
    /// A site for whoever reaches it.
    pub(super) async fn open() -> Self {
        Self::with(Door::default(), Limits::default(), None).await
    }

    /// A site with this door, these limits and this certificate.
    pub(super) async fn with(door: Door, limits: Limits, tls: Option<Tls>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let text = format!(
            r#"
[tenant]
id = "contoso.onmicrosoft.com"
client_id = "66666666-7777-8888-9999-aaaaaaaaaaaa"
client_secret = {{ env = "GRAPH_SECRET" }}
[service]
state_dir = "{}"
[apps.crm]
enterprise_app = "CRM"
[apps.crm.target]
tenant_url = "https://crm.example.com/scim"
secret_token = {{ env = "CRM_TOKEN" }}
"#,
            folder.path().display()
        );
        let config = parse(&text, "config.toml").expect("the file is right");
        let engine = Engine::open(&folder.path().join("crm.sqlite")).expect("a state");
        let clock = SetClock::default();
        let shown = watch::Sender::new(Arc::new(shown(&config))).subscribe();
        let site = Site::new(shown, door, Arc::new(clock.clone()));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (close, closed) = oneshot::channel();
        let served = tokio::spawn(serve(site, listener, tls, limits, async {
            drop(closed.await);
        }));
        Self { address, clock, engine, folder, close: Some(close), served }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A connection.
    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("somebody listens")
    }

    /// Asks for an address, with these further header lines.
    pub(super) async fn get(&self, path: &str, headers: &str) -> Answer {
        self.ask(&self.request("GET", path, headers, "")).await
    }

    /// Sends a form.
    pub(super) async fn post(&self, path: &str, headers: &str, form: &str) -> Answer {
        let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
        self.ask(&self.request("POST", path, &format!("{kind}{headers}"), form)).await
    }

    pub(super) fn request(&self, verb: &str, path: &str, headers: &str, body: &str) -> String {
        let (host, length) = (self.address, body.len());
        let length =
            if body.is_empty() { String::new() } else { format!("Content-Length: {length}\r\n") };
        format!(
            "{verb} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{length}{headers}\r\n\
             {body}"
        )
    }

    /// Says this and reads what comes back, until the other side closes.
    pub(super) async fn ask(&self, raw: &str) -> Answer {
        converse(self.connect().await, raw).await
    }

    /// Asks the site to close, and waits until it has.
    pub(super) async fn close(mut self) {
        drop(self.close.take());
        let ended = tokio::time::timeout(PATIENCE, &mut self.served).await;
        ended.expect("the site closes").expect("it was served");
    }
}

/// Says `raw` on a connection and reads until the other side closes it.
pub(super) async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, raw: &str) -> Answer {
    // Who refuses a long request may close before it is said.
    drop(stream.write_all(raw.as_bytes()).await);
    Answer::of(&heard(stream).await)
}

/// Everything until the other side closes.
pub(super) async fn heard(mut stream: impl AsyncRead + Unpin) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    // A connection that is reset has said what it had to say.
    drop(read.expect("the other side closes the connection"));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    head: String,
    pub(super) body: String,
}

impl Answer {
    fn of(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// A header's value.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    #[track_caller]
    pub(super) fn has(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:#?}");
        self
    }
}
