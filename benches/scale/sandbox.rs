//! The load: `entra-scim sandbox` in a process of its own, with a configuration for it.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

/// The program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_entra-scim");

/// What 23 attributes of an account are made from; and for the manager, one more.
const MAPPING: [(&str, &str); 23] = [
    ("userName", "source = \"userPrincipalName\"\nmatch = 1"),
    ("active", "expression = 'Not([IsSoftDeleted])'"),
    ("displayName", "source = \"displayName\""),
    ("nickName", "source = \"givenName\""),
    ("title", "source = \"jobTitle\""),
    ("userType", "source = \"userType\""),
    ("emails[type eq \\\"work\\\"].value", "source = \"mail\""),
    ("preferredLanguage", "source = \"preferredLanguage\""),
    ("name.givenName", "source = \"givenName\""),
    ("name.familyName", "source = \"surname\""),
    ("name.formatted", "expression = 'Join(\" \", [givenName], [surname])'"),
    ("addresses[type eq \\\"work\\\"].formatted", "source = \"physicalDeliveryOfficeName\""),
    ("addresses[type eq \\\"work\\\"].streetAddress", "source = \"streetAddress\""),
    ("addresses[type eq \\\"work\\\"].locality", "source = \"city\""),
    ("addresses[type eq \\\"work\\\"].region", "source = \"state\""),
    ("addresses[type eq \\\"work\\\"].postalCode", "source = \"postalCode\""),
    ("addresses[type eq \\\"work\\\"].country", "source = \"country\""),
    ("phoneNumbers[type eq \\\"work\\\"].value", "source = \"telephoneNumber\""),
    ("phoneNumbers[type eq \\\"mobile\\\"].value", "source = \"mobile\""),
    ("phoneNumbers[type eq \\\"fax\\\"].value", "source = \"facsimileTelephoneNumber\""),
    ("externalId", "source = \"mailNickname\""),
    (
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
        "source = \"employeeId\"",
    ),
    (
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
        "source = \"department\"",
    ),
];

const MANAGER: (&str, &str) =
    ("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "source = \"manager\"");

/// Whether managers are mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Managers {
    Mapped,
    Unmapped,
}

/// A running sandbox. It ends when this is dropped.
pub(crate) struct Sandbox {
    child: Child,
    folder: tempfile::TempDir,
    pub(crate) graph_url: String,
    pub(crate) application_url: String,
    pub(crate) token: String,
}

impl Sandbox {
    /// Starts one and writes a configuration for it, with this concurrency.
    pub(crate) async fn start(words: &[String], managers: Managers, concurrency: u32) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let config = folder.path().join("config.toml");
        let mut command = Command::new(PROGRAM);
        command.args(["sandbox", "--write-config"]).arg(&config).args(words);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().expect("the sandbox");
        let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        loop {
            let line = lines.next_line().await.expect("a line").expect("the sandbox serves");
            if line.contains("it runs until") {
                break;
            }
            println!("  sandbox: {line}");
        }
        let mut text = std::fs::read_to_string(&config).expect("its configuration");
        let quoted = |key: &str| {
            let (_, rest) = text.split_once(key).expect("the configuration has it");
            rest.split('"').nth(1).expect("a text").to_owned()
        };
        let (graph_url, application_url) = (quoted("graph_url"), quoted("tenant_url"));
        let token = quoted("secret_token");
        writeln!(text, "concurrency = {concurrency}").expect("a text takes more");
        let manager = (managers == Managers::Mapped).then_some(&MANAGER);
        for (target, source) in MAPPING.iter().chain(manager) {
            write!(text, "\n[[apps.sandbox.users.attributes]]\ntarget = \"{target}\"\n{source}\n")
                .expect("a text takes more");
        }
        std::fs::write(&config, text).expect("a configuration");
        Self { child, folder, graph_url, application_url, token }
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state/sandbox.sqlite")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What was counted of the requests since the last time.
    pub(crate) async fn counters(&self) -> Value {
        let url = format!("{}/sandbox/counters", self.graph_url);
        let counted = client().get(&url).send().await.expect("an answer").json().await;
        client().delete(&url).send().await.expect("an answer");
        counted.expect("a document")
    }

    /// Changes a share of the people; how many.
    pub(crate) async fn churn(&self, share: f64) -> u64 {
        let url = format!("{}/sandbox/churn?share={share}", self.graph_url);
        let changed: Value =
            client().post(url).send().await.expect("an answer").json().await.expect("a document");
        changed["users"].as_u64().expect("a number")
    }

    /// Writes the accounts as they were sent, one in a line.
    pub(crate) async fn save_accounts(&self, path: &Path) {
        let root = self.application_url.split("/scim").next().expect("an address");
        let answer = client().get(format!("{root}/sandbox/accounts")).send().await;
        let text = answer.expect("an answer").text().await.expect("accounts");
        std::fs::write(path, text).expect("a file");
    }

    /// Stops it, and waits for its end.
    pub(crate) async fn stop(mut self) {
        self.child.kill().await.expect("it ends");
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

/// Options as the command takes them.
pub(crate) fn words(options: &[(&str, u64)]) -> Vec<String> {
    options.iter().flat_map(|(name, value)| [format!("--{name}"), value.to_string()]).collect()
}
