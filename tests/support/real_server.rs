//! Starts a SCIM service that others wrote, on a free loopback port, and stops it again.
//!
//! The services are installed by `tests/real_servers/install`; the environment variable
//! `ENTRA_SCIM_REAL_SERVERS` names the folder. A test that starts one is `#[ignore]`d, so a plain
//! `cargo test` counts it as ignored; asked for by name, it fails if the service is not there.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::Value;
use tempfile::TempDir;

/// Between two looks at a service that is starting.
const START_PAUSE: Duration = Duration::from_millis(100);
/// Looks before a start has failed: 30 seconds; on two busy cores both are up within three.
const START_LOOKS_MAX: u32 = 300;
/// Starts on new ports: between finding a free port and binding it, another process may take it.
const STARTS_MAX: u32 = 3;
/// A single answer. Generous: the slowest seen is a list of 500 users, at a fifth of a second.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// Below the page limit of both services (100 and 1,000), so that reading everything takes pages.
const USERS_PER_PAGE: usize = 40;

/// Which of them: where they differ, a story says what each does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Scim2Server,
    BetterAuth,
}

/// A running service. Dropping it ends the process.
pub(crate) struct RealServer {
    pub(crate) service: Service,
    process: Child,
    base_url: String,
    client: reqwest::Client,
    log: TempDir,
}

impl RealServer {
    /// The bearer token that each of them asks for. Made up: they are alone on loopback and forget
    /// everything when they stop.
    pub(crate) const TOKEN: &str = "a-token-of-no-worth-to-anyone-at-all";

    /// scim2-server, the strict one: RFC 7644 to the letter, ETags, users in memory.
    pub(crate) async fn scim2_server() -> Self {
        let program = installed("scim2-server").join("bin/scim2-server");
        Self::start(Service::Scim2Server, "/v2", |port| {
            let mut command = Command::new(&program);
            command.args(["--hostname", "127.0.0.1", "--port", &port.to_string()]);
            command.args(["--bearer-token", Self::TOKEN]).stdin(Stdio::null());
            command
        })
        .await
    }

    /// @better-auth/scim, the lenient one with the limits of a product: unique e-mail addresses, at
    /// least one per user, few filters. Users in memory.
    pub(crate) async fn better_auth() -> Self {
        let folder = installed("better-auth");
        let host =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real_servers/better_auth_host.mjs");
        Self::start(Service::BetterAuth, "/api/auth/scim/v2", |port| {
            let mut command = Command::new(folder.join("node_modules/.bin/node"));
            // Node resolves the imports of a script on its standard input from the current folder.
            command.current_dir(&folder).args(["--input-type=module", "-"]);
            command.args([&port.to_string(), Self::TOKEN]);
            command.stdin(File::open(&host).expect("the host script is part of this repository"));
            command
        })
        .await
    }

    /// Where the SCIM endpoints are, without a slash at the end.
    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Sends one request and returns the answer's status and JSON, `Value::Null` if it has no body.
    ///
    /// `path` starts with a slash and is already percent-encoded.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> (StatusCode, Value) {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.base_url))
            .bearer_auth(Self::TOKEN)
            .header("accept", "application/scim+json");
        if let Some(body) = body {
            request =
                request.header("content-type", "application/scim+json").body(body.to_string());
        }
        let response = request.send().await.expect("the service answers");
        let status = response.status();
        let body = response.bytes().await.expect("the answer arrives whole");
        if body.is_empty() {
            return (status, Value::Null);
        }
        (status, serde_json::from_slice(&body).expect("a SCIM service answers JSON"))
    }

    /// Every user the service has, in its own order, read by pages.
    pub(crate) async fn users(&self) -> Vec<Value> {
        let mut users = Vec::new();
        loop {
            let start = users.len() + 1;
            let path = format!("/Users?startIndex={start}&count={USERS_PER_PAGE}");
            let (status, mut page) = self.send(Method::GET, &path, None).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            let Some(Value::Array(resources)) = page.get_mut("Resources").map(Value::take) else {
                return users;
            };
            if resources.is_empty() {
                return users;
            }
            users.extend(resources);
        }
    }

    async fn start(service: Service, path: &str, command: impl Fn(u16) -> Command) -> Self {
        // No proxy: the machine's own settings have no say in what is on loopback.
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(ANSWER_TIMEOUT)
            .build()
            .expect("a client without options that could fail");
        let mut said = String::new();
        for _ in 0..STARTS_MAX {
            let port = free_port();
            let mut command = command(port);
            let log = tempfile::tempdir().expect("a folder for the log of a service");
            let output = File::create(log.path().join("output")).expect("a log can be created");
            let errors = output.try_clone().expect("a log can be written from two sides");
            let process = command.stdout(output).stderr(errors).spawn();
            let mut server = Self {
                service,
                process: process.unwrap_or_else(|error| panic!("start {command:?}: {error}")),
                base_url: format!("http://127.0.0.1:{port}{path}"),
                client: client.clone(),
                log,
            };
            if server.answers().await {
                return server;
            }
            said = server.said();
        }
        panic!("the service of {path} does not answer; it said:\n{said}");
    }

    /// What the service wrote to its standard output and error so far.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.log.path().join("output")).unwrap_or_default()
    }

    /// Waits until the service answers; false if it ended or stays silent.
    async fn answers(&mut self) -> bool {
        for _ in 0..START_LOOKS_MAX {
            if self.process.try_wait().expect("the process is our child").is_some() {
                return false;
            }
            let url = format!("{}/ServiceProviderConfig", self.base_url);
            let answer = self.client.get(url).bearer_auth(Self::TOKEN).send().await;
            if answer.is_ok_and(|response| response.status().is_success()) {
                return true;
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "waits for another program, not for time"
            )]
            tokio::time::sleep(START_PAUSE).await;
        }
        false
    }
}

impl Drop for RealServer {
    fn drop(&mut self) {
        // Fails only for a process that has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The folder that one of the services is installed in.
#[track_caller]
pub(crate) fn installed(service: &str) -> PathBuf {
    let folder = std::env::var_os("ENTRA_SCIM_REAL_SERVERS").expect(
        "ENTRA_SCIM_REAL_SERVERS names the folder that tests/real_servers/install was given",
    );
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(service);
    assert!(folder.is_dir(), "{} is not there: run tests/real_servers/install", folder.display());
    folder
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}
