//! A desk: the program itself, a configuration, and simulated services on loopback.
//!
//! Stories say commands as a person would and look at what comes back. The clock is the machine's;
//! whoever waits for something polls for it, and gives up loudly.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use super::gate::{Gate, Side};
use entra_scim::{
    daemon::SystemClock,
    model::{AppRole, AppRoleId, Clock, ServicePrincipalId, SourceId},
    sandbox::{
        application::{Application, ApplicationOptions},
        tenant::{ApplicationSpec, Tenant, TenantOptions, UserSpec},
    },
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    net::{TcpListener, UnixDatagram},
    process::{Child, Command},
};

const TENANT_ID: &str = "11111111-2222-3333-4444-555555555555";
const APP_ID: &str = "77777777-2222-3333-4444-555555555555";

/// How long anything may take before a story gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program, its configuration, and the services it talks to.
pub(crate) struct Desk {
    pub(crate) tenant: Tenant,
    pub(crate) application: Application,
    pub(crate) people: BTreeMap<String, SourceId>,
    enterprise_app: ServicePrincipalId,
    editor: AppRole,
    folder: tempfile::TempDir,
    graph_url: String,
    target_url: String,
}

/// What a command came to.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The same, if it ended with this code.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// The document on stdout.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("no JSON ({error})\nstdout:\n{}\nstderr:\n{}", self.stdout, self.stderr)
        })
    }
}

impl Desk {
    /// Services on loopback, and these people, assigned.
    pub(crate) async fn with_users(names: &[&str]) -> Self {
        Self::behind(&Gate::open(Side::Behind), names).await
    }

    /// The same, with a gate before both services.
    pub(crate) async fn behind(gate: &Gate, names: &[&str]) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let listener = loopback().await;
        let graph_url = format!("http://{}", listener.local_addr().expect("an address"));
        let tenant = Tenant::new(TenantOptions {
            seed: 7,
            clock: Arc::clone(&clock),
            tenant_id: TENANT_ID.parse().expect("a GUID"),
            base_url: graph_url.clone(),
        });
        serve(listener, gate.before(tenant.router()));
        let editor = AppRole {
            id: AppRoleId::derive(&["role", "Editor"]),
            display_name: "Editor".to_owned(),
            value: Some("editor".to_owned()),
            is_enabled: true,
        };
        let enterprise_app = tenant.add_application(ApplicationSpec {
            display_name: "CRM".to_owned(),
            app_id: APP_ID.to_owned(),
            roles: vec![editor.clone()],
        });
        let application = Application::new(ApplicationOptions::strict(7, clock));
        let listener = loopback().await;
        let target_url = application.base_url(listener.local_addr().expect("an address"));
        serve(listener, gate.before(application.router()));
        let mut desk = Self {
            tenant,
            application,
            people: BTreeMap::new(),
            enterprise_app,
            editor,
            folder: tempfile::tempdir().expect("a folder"),
            graph_url,
            target_url,
        };
        for name in names {
            desk.hire(name);
        }
        desk.configure("", "");
        desk
    }

    /// A person who joins and is assigned.
    pub(crate) fn hire(&mut self, name: &str) {
        let upn = format!("{name}@contoso.com");
        let id = self.tenant.add_user(UserSpec::named(&upn, name).with("mail", upn.clone()));
        self.tenant.assign(self.enterprise_app, id, self.editor.id);
        self.people.insert(name.to_owned(), id);
    }

    /// A group that is assigned.
    pub(crate) fn assigned_group(&self, name: &str) -> SourceId {
        let group = self.tenant.add_group(name);
        self.tenant.assign(self.enterprise_app, group, self.editor.id);
        group
    }

    /// Ends every assignment of a person.
    pub(crate) fn unassign(&self, name: &str) {
        self.tenant.unassign(self.enterprise_app, self.people[name], None);
    }

    /// Writes the configuration anew, with these lines in `[service]` and below the application.
    pub(crate) fn configure(&self, service: &str, application: &str) {
        let (client_id, secret) = self.tenant.default_client();
        self.secret("graph-secret", secret.expose());
        self.secret("token", "secret");
        let (folder, graph, target) = (self.folder.path(), &self.graph_url, &self.target_url);
        let folder = folder.display();
        // Stories run side by side, and only one of them could have the default port.
        let listen = if service.contains("listen") { "" } else { "listen = \"off\"" };
        let text = format!(
            r#"
[tenant]
id = "{TENANT_ID}"
client_id = "{client_id}"
client_secret = {{ file = "{folder}/graph-secret" }}
login_url = "{graph}"
graph_url = "{graph}"

[service]
state_dir = "{folder}/state"
{listen}
{service}

[apps.crm]
enterprise_app = "{APP_ID}"

[apps.crm.target]
tenant_url = "{target}"
secret_token = {{ file = "{folder}/token" }}

{application}
"#
        );
        fs::write(self.config(), text).expect("a configuration");
    }

    /// Writes a secret as the service alone can read it.
    pub(crate) fn secret(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("a secret");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
    }

    /// Where the configuration is.
    pub(crate) fn config(&self) -> PathBuf {
        self.path("config.toml")
    }

    /// A file at the desk.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Every file of the state, but for the index that SQLite shares between processes.
    pub(crate) fn state(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let folder = fs::read_dir(self.path("state")).expect("a state folder");
        let paths = folder.map(|entry| entry.expect("a file").path());
        let kept = paths.filter(|path| !path.to_string_lossy().ends_with("-shm"));
        kept.map(|path| (path.clone(), fs::read(&path).expect("a file"))).collect()
    }

    /// Grants the daemon to read Entra's own provisioning.
    pub(crate) fn may_read_synchronization(&self) {
        let (client_id, _) = self.tenant.default_client();
        let permissions = [
            "Application.Read.All",
            "User.Read.All",
            "GroupMember.Read.All",
            "Synchronization.Read.All",
        ];
        self.tenant.grant_permissions(&client_id, &permissions);
    }

    /// Sets Entra's own provisioning of the application: its jobs, and the schema of one of them.
    pub(crate) fn set_synchronization(&self, jobs: Vec<Value>, job: &str, schema: &Value) {
        self.tenant.set_synchronization_jobs(self.enterprise_app, jobs);
        self.tenant.set_synchronization_schema(self.enterprise_app, job, schema.clone());
    }

    /// Says a command where there is no configuration.
    pub(crate) async fn say_without_configuration(&self, line: &str) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_entra-scim"));
        command.args(line.split_whitespace()).env_remove("RUST_LOG");
        command.env("ENTRA_SCIM_CONFIG", self.path("nothing.toml"));
        let output = tokio::time::timeout(PATIENCE, command.stdin(Stdio::null()).output()).await;
        Said::of(&output.unwrap_or_else(|_| panic!("`{line}` does not end")).expect("the program"))
    }

    /// Says a command, as a script would, and waits for its end.
    pub(crate) async fn say(&self, line: &str) -> Said {
        let output = self.command(line).stdin(Stdio::null()).output();
        let output = tokio::time::timeout(PATIENCE, output).await;
        Said::of(&output.unwrap_or_else(|_| panic!("`{line}` does not end")).expect("the program"))
    }

    /// Says a command on what takes colours, as a terminal does.
    pub(crate) async fn say_in_colour(&self, line: &str) -> Said {
        let mut command = self.command(line);
        let output = command.env("CLICOLOR_FORCE", "1").stdin(Stdio::null()).output();
        let output = tokio::time::timeout(PATIENCE, output).await;
        Said::of(&output.unwrap_or_else(|_| panic!("`{line}` does not end")).expect("the program"))
    }

    /// Says a command whose words may hold blanks, with this on its stdin.
    pub(crate) async fn ask(&self, words: &[&str], stdin: &str) -> Said {
        let mut command = self.command("");
        let command = command.args(words).stdin(Stdio::piped());
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program");
        let mut pipe = child.stdin.take().expect("a pipe");
        // Whoever does not read stdin may have closed it.
        drop(pipe.write_all(stdin.as_bytes()).await);
        drop(pipe);
        let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
        Said::of(&output.unwrap_or_else(|_| panic!("{words:?} does not end")).expect("the program"))
    }

    /// Starts the service, and waits until it holds the state.
    pub(crate) async fn run(&self) -> Running {
        let child = self.command("run").stdin(Stdio::null()).stderr(Stdio::piped()).spawn();
        let running = Running { child: child.expect("the program") };
        let path = self.path("state/crm.sqlite");
        eventually("the service holds the state", || async { held(&path) }).await;
        running
    }

    /// Starts the service as a supervisor does that bites after three seconds, and waits until it
    /// holds the state.
    pub(crate) async fn run_supervised(&self) -> (Running, Supervisor) {
        let path = self.path("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        let supervisor = Supervisor::default();
        let hears = supervisor.clone();
        tokio::spawn(async move {
            let mut buffer = [0; 4_096];
            while let Ok(length) = socket.recv(&mut buffer).await {
                let message = String::from_utf8_lossy(&buffer[..length]).into_owned();
                hears.0.lock().expect("a list").push(message);
            }
        });
        let mut command = self.command("run");
        command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "3000000");
        let child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn();
        let running = Running { child: child.expect("the program") };
        let hears = &supervisor;
        eventually("the service is ready", || async { hears.count("READY=1") == 1 }).await;
        (running, supervisor)
    }

    /// Starts the service, and waits until its page is there; returns the address.
    pub(crate) async fn run_with_page(&self) -> (Running, String) {
        const SAYS: &str = "the status page is at ";
        let mut running = self.run().await;
        let mut said = running.complaints();
        said.until(SAYS).await;
        let (_, address) = said.heard.rsplit_once(SAYS).expect("it was said");
        let address = address.trim().to_owned();
        // Whoever stops listening would stop the service at its next word.
        tokio::spawn(said.all());
        (running, address)
    }

    /// Starts a command, as a script would that does not wait for it.
    pub(crate) fn start(&self, line: &str) -> Running {
        let mut command = self.command(line);
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running { child: command.spawn().expect("the program") }
    }

    /// Says a command to a program that may write no file beyond so many blocks of 512 bytes.
    pub(crate) async fn say_with_little_room(&self, blocks: u32, line: &str) -> Said {
        // Without the trap the system would end the program instead of refusing the write.
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_entra-scim")]);
        command.arg("--config").arg(self.config()).args(line.split_whitespace());
        command.env_remove("RUST_LOG").kill_on_drop(true).stdin(Stdio::null());
        let output = tokio::time::timeout(PATIENCE, command.output()).await;
        Said::of(&output.unwrap_or_else(|_| panic!("`{line}` does not end")).expect("the program"))
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_entra-scim"));
        if !line.contains("--config ") {
            command.arg("--config").arg(self.config());
        }
        command.args(line.split_whitespace());
        command.env_remove("RUST_LOG").env("USER", "olga").env_remove("SUDO_USER");
        command.kill_on_drop(true);
        command
    }
}

fn held(path: &Path) -> bool {
    path.exists() && entra_scim::store::is_held(path)
}

fn serve(listener: TcpListener, service: axum::Router) {
    tokio::spawn(async move { axum::serve(listener, service).await });
}

async fn loopback() -> TcpListener {
    TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port")
}

/// Polls until it is so.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let tries = PATIENCE.as_millis() / 50;
    for _ in 0..tries {
        if is_so().await {
            return;
        }
        SystemClock.sleep(Duration::from_millis(50)).await;
    }
    panic!("not within {} seconds: {what}", PATIENCE.as_secs());
}

/// Another simulated application, and the section that configures it under this name.
pub(crate) async fn another_application(name: &str) -> (Application, String) {
    let application = Application::new(ApplicationOptions::strict(11, Arc::new(SystemClock)));
    let listener = loopback().await;
    let url = application.base_url(listener.local_addr().expect("an address"));
    serve(listener, application.router());
    (application, section(name, &url))
}

/// The section of an application at this address.
pub(crate) fn section(name: &str, url: &str) -> String {
    format!(
        "[apps.{name}]\nenterprise_app = \"{APP_ID}\"\n\n[apps.{name}.target]\n\
         tenant_url = \"{url}\"\nsecret_token = {{ value = \"secret\" }}\n"
    )
}

/// What a supervisor was told, message by message.
#[derive(Clone, Default)]
pub(crate) struct Supervisor(Arc<Mutex<Vec<String>>>);

impl Supervisor {
    /// Everything so far.
    pub(crate) fn told(&self) -> Vec<String> {
        self.0.lock().expect("a list").clone()
    }

    /// How many messages hold a line that begins like this.
    pub(crate) fn count(&self, start: &str) -> usize {
        let holds = |message: &&String| message.lines().any(|line| line.starts_with(start));
        self.told().iter().filter(holds).count()
    }
}

/// The service or a command, running.
pub(crate) struct Running {
    child: Child,
}

impl Running {
    /// Asks the service to end, as a supervisor does, and waits for it.
    pub(crate) async fn terminate(self) -> Said {
        self.signal("-TERM").await;
        self.ended().await
    }

    /// Kills it, so that it can do nothing more.
    pub(crate) async fn kill(self) {
        self.signal("-KILL").await;
        assert_eq!(self.ended().await.code, -1, "it was over before it was killed");
    }

    /// What it says on stdout from now on, line by line.
    pub(crate) fn lines(&mut self) -> Spoken {
        let stdout = self.child.stdout.take().expect("nobody else listens");
        Spoken(BufReader::new(stdout).lines())
    }

    /// What it says on stderr from now on.
    pub(crate) fn complaints(&mut self) -> Complaints {
        let stderr = self.child.stderr.take().expect("nobody else listens");
        Complaints { lines: BufReader::new(stderr).lines(), heard: String::new() }
    }

    /// Sends a signal.
    pub(crate) async fn signal(&self, signal: &str) {
        let id = self.child.id().expect("it still runs").to_string();
        let sent = Command::new("kill").args([signal, &id]).status().await;
        assert!(sent.expect("kill").success(), "the signal was not sent");
    }

    /// The first line on stderr that holds these words; what it says later is not kept.
    pub(crate) async fn says(&mut self, words: &str) -> String {
        let mut lines = BufReader::new(self.child.stderr.take().expect("a pipe")).lines();
        let found = async {
            while let Some(line) = lines.next_line().await.expect("a line") {
                if line.contains(words) {
                    return line;
                }
            }
            panic!("it ended and did not say `{words}`");
        };
        let line = tokio::time::timeout(PATIENCE, found).await;
        let line = line.unwrap_or_else(|_| panic!("it does not say `{words}`"));
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        line
    }

    /// Waits for its end.
    pub(crate) async fn ended(self) -> Said {
        let output = tokio::time::timeout(PATIENCE, self.child.wait_with_output()).await;
        Said::of(&output.expect("the service ends").expect("its output"))
    }
}

/// The documents that a command says, one in each line.
pub(crate) struct Spoken(Lines<BufReader<tokio::process::ChildStdout>>);

impl Spoken {
    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Value {
        let line = tokio::time::timeout(PATIENCE, self.0.next_line()).await;
        let line = line.expect("a line comes").expect("readable").expect("it goes on");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("no JSON ({error}): {line}"))
    }
}

/// What a command says on stderr, while it runs.
pub(crate) struct Complaints {
    lines: Lines<BufReader<tokio::process::ChildStderr>>,
    heard: String,
}

impl Complaints {
    /// Waits until it says this.
    pub(crate) async fn until(&mut self, text: &str) {
        while !self.heard.contains(text) {
            assert!(self.hear().await, "it ended without `{text}`:\n{}", self.heard);
        }
    }

    /// Everything, once it has ended.
    pub(crate) async fn all(mut self) -> String {
        while self.hear().await {}
        self.heard
    }

    async fn hear(&mut self) -> bool {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await;
        let Some(line) = line.expect("it says more").expect("readable") else { return false };
        self.heard.push_str(&line);
        self.heard.push('\n');
        true
    }
}
