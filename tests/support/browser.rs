//! A real browser: Debian's chromium, headless, led by its own driver over WebDriver.
//!
//! Knows no page of the program. Stories say where to go and look at what a person would see.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::Stdio,
    time::Duration,
};

use fantoccini::{Client, ClientBuilder, wd::WebDriverCompatibleCommand};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

/// The folder that `tests/browser/install` filled.
const INSTALLED: &str = "ENTRA_SCIM_BROWSER";

/// How long the driver may take to say where it listens.
const START: Duration = Duration::from_secs(30);

/// How often a command is given anew that a page interrupted which was just going.
const NAVIGATIONS_MAX: u32 = 5;

/// A browser with one page open.
pub(crate) struct Browser {
    pub(crate) client: Client,
    axe: String,
    port: u16,
    session: String,
    // Killed when it is dropped, after the window was closed.
    _driver: Child,
}

impl Drop for Browser {
    /// Has the window closed, however the story ended: a driver that is killed leaves it behind.
    fn drop(&mut self) {
        let close = || {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_read_timeout(Some(START))?;
            let session = &self.session;
            write!(stream, "DELETE /session/{session} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")?;
            stream.read(&mut [0])
        };
        // Where that fails, the driver is gone already.
        drop(close());
    }
}

/// How wide the window is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Screen {
    /// 1,280 by 900 points.
    Desk,
    /// 360 by 740 points, with fingers.
    Phone,
}

/// An order that only this kind of browser takes.
#[derive(Debug)]
struct Own {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

impl Browser {
    /// Starts the driver on a free port and opens a window.
    pub(crate) async fn start() -> Self {
        let installed = std::env::var_os(INSTALLED)
            .unwrap_or_else(|| panic!("${INSTALLED} is not set; tests/browser/README.md says how"));
        let axe = PathBuf::from(installed).join("node_modules/axe-core/axe.min.js");
        let axe = std::fs::read_to_string(&axe)
            .unwrap_or_else(|error| panic!("{}: {error}", axe.display()));
        let mut driver = Command::new("chromedriver")
            .args(["--port=0", "--allowed-ips=127.0.0.1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("chromedriver: {error}; install chromium-driver"));
        let port = tokio::time::timeout(START, port_of(&mut driver)).await;
        let port = port.unwrap_or_else(|_| panic!("chromedriver does not start"));
        let wanted = json!({
            "goog:loggingPrefs": { "browser": "ALL" },
            // The suite runs as root in a container, where the browser's own sandbox cannot.
            "goog:chromeOptions": { "args": [
                "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                "--no-proxy-server", "--hide-scrollbars", "--force-color-profile=srgb",
            ] },
        });
        let Value::Object(wanted) = wanted else { panic!("capabilities are an object") };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("a window");
        let session = client.session_id().await.expect("a session").unwrap_or_default();
        let browser = Self { client, axe, port, session, _driver: driver };
        browser.show_on(Screen::Desk).await;
        browser
    }

    /// Goes to a page.
    pub(crate) async fn go(&self, url: &str) {
        self.client.goto(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// What a script gives back.
    pub(crate) async fn ask(&self, script: &str) -> Value {
        let answer = self.client.execute(script, Vec::new()).await;
        answer.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// The words of whatever fits this selector, in the order of the page.
    pub(crate) async fn words(&self, selector: &str) -> Vec<String> {
        let found = format!(
            "return [...document.querySelectorAll({})].map(e => e.textContent.trim())",
            json!(selector)
        );
        let words = self.ask(&found).await;
        serde_json::from_value(words).expect("a list of texts")
    }

    /// Polls until a script gives `true`.
    pub(crate) async fn until(&self, what: &str, script: &str) {
        let script = format!("return Boolean({script})");
        super::desk::eventually(what, || async { self.ask(&script).await == json!(true) }).await;
    }

    /// Shows pages on a screen of this size from now on.
    pub(crate) async fn show_on(&self, screen: Screen) {
        let (width, height, mobile) = match screen {
            Screen::Desk => (1280, 900, false),
            Screen::Phone => (360, 740, true),
        };
        let size = json!({
            "width": width, "height": height, "mobile": mobile, "deviceScaleFactor": 1,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Shows pages as somebody sees them who likes it dark, or light.
    pub(crate) async fn prefer(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Turns the scripts of pages off. What a story asks is still answered.
    pub(crate) async fn turn_scripts_off(&self) {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    }

    /// What pages complained of since the last time it was asked: errors and warnings.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let rows = self.own("se/log", json!({ "type": "browser" })).await;
        let rows = rows.as_array().cloned().unwrap_or_default();
        let is_bad = |row: &Value| row["level"] == "SEVERE" || row["level"] == "WARNING";
        rows.iter().filter(|row| is_bad(row)).map(|row| row["message"].to_string()).collect()
    }

    /// What axe-core finds serious or critical on the page that is shown.
    pub(crate) async fn accessibility_faults(&self) -> Vec<String> {
        self.client.execute(&self.axe, Vec::new()).await.expect("axe-core is read");
        let run = "const done = arguments[arguments.length - 1];
            axe.run(document).then(
              found => done(found.violations.map(v => ({
                id: v.id, impact: v.impact, help: v.help,
                where: v.nodes.slice(0, 5).map(n => n.target.join(' ') + ': ' + n.failureSummary),
              }))),
              error => done([{ id: 'axe', impact: 'critical', help: String(error), where: [] }]),
            )";
        let found = self.client.execute_async(run, Vec::new()).await.expect("axe-core runs");
        let found = found.as_array().cloned().unwrap_or_default();
        let is_bad = |fault: &Value| fault["impact"] == "serious" || fault["impact"] == "critical";
        found.iter().filter(|fault| is_bad(fault)).map(|fault| format!("{fault:#}")).collect()
    }

    /// Whether the page is wider than its window.
    pub(crate) async fn scrolls_sideways(&self) -> bool {
        let page = "document.documentElement";
        self.ask(&format!("return {page}.scrollWidth > {page}.clientWidth")).await == json!(true)
    }

    /// A picture of the page that is shown, as far down as the screen goes, or to its end.
    pub(crate) async fn picture(&self, whole: bool) -> Vec<u8> {
        use base64::Engine as _;
        let wanted = json!({ "format": "png", "captureBeyondViewport": whole });
        let taken = self.devtools("Page.captureScreenshot", wanted).await;
        let text = taken["data"].as_str().unwrap_or_default();
        base64::engine::general_purpose::STANDARD.decode(text).expect("a picture")
    }

    async fn devtools(&self, command: &str, params: Value) -> Value {
        self.own("goog/cdp/execute", json!({ "cmd": command, "params": params })).await
    }

    async fn own(&self, path: &'static str, body: Value) -> Value {
        for _ in 0..NAVIGATIONS_MAX {
            match self.client.issue_cmd(Own { path, body: body.clone() }).await {
                // Asked while one page went and the next one came: it was not carried out.
                Err(error) if error.to_string().contains("aborted by navigation") => {}
                answer => return answer.unwrap_or_else(|error| panic!("{path}: {error}")),
            }
        }
        panic!("{path}: the page never comes to rest")
    }
}

/// The port that the driver says it listens on.
async fn port_of(driver: &mut Child) -> u16 {
    let mut lines = BufReader::new(driver.stdout.take().expect("a pipe")).lines();
    while let Some(line) = lines.next_line().await.expect("what the driver says") {
        let port = line.strip_suffix('.').and_then(|line| line.rsplit_once("on port "));
        if let Some((_, port)) = port {
            let port = port.parse().unwrap_or_else(|_| panic!("{line}"));
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return port;
        }
    }
    panic!("chromedriver ended; `chromedriver --version` may say why")
}
