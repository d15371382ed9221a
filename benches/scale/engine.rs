//! The engine in a process of its own: one cycle out of a configuration, and what it took.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{ExitCode, Stdio},
    sync::{Arc, Mutex},
    time::Instant,
};

use entra_scim::{
    config,
    cycle::{CycleOptions, Stop},
    daemon::{SystemClock, sync_once},
    store::Progress,
};
use serde_json::{Value, json};

use crate::process::{Cpu, peak_kib};

/// What this program is told to be the engine.
pub(crate) const ROLE: &str = "engine";

/// How far the cycle goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// To its end.
    End,
    /// To the first request of the export, where it is asked to stop.
    Export,
}

/// What one cycle took.
#[derive(Clone, Debug)]
pub(crate) struct Run(Value);

impl Run {
    /// Seconds of processor time from the process's start to its end.
    pub(crate) fn cpu(&self) -> f64 {
        self.0["cpu"].as_f64().expect("seconds")
    }

    /// Seconds of processor time of a phase.
    pub(crate) fn cpu_of(&self, phase: &str) -> f64 {
        self.0["phases"][phase]["cpu"].as_f64().unwrap_or_default()
    }

    /// Seconds that a phase took.
    pub(crate) fn took(&self, phase: &str) -> f64 {
        self.0["phases"][phase]["took"].as_f64().unwrap_or_default()
    }

    /// Seconds that the cycle took.
    pub(crate) fn took_in_all(&self) -> f64 {
        self.0["took"].as_f64().expect("seconds")
    }

    /// MiB of memory at most.
    pub(crate) fn peak_mib(&self) -> f64 {
        self.0["peak_kib"].as_f64().expect("KiB") / 1_024.0
    }

    pub(crate) fn total(&self, name: &str) -> u64 {
        self.0["totals"][name].as_u64().unwrap_or_default()
    }

    pub(crate) fn requests(&self, name: &str) -> u64 {
        self.0["requests"][name].as_u64().unwrap_or_default()
    }
}

/// Runs a cycle in a process of its own.
pub(crate) async fn cycle(config: &Path, until: Until) -> Run {
    let program = std::env::current_exe().expect("this program");
    let mut command = tokio::process::Command::new(program);
    command.arg(ROLE).arg(config);
    command.arg(if until == Until::Export { "export" } else { "end" });
    command.env_remove("RUST_LOG").stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.kill_on_drop(true).output().await.expect("it runs");
    assert!(output.status.success(), "the engine broke: {:?}", output.status);
    let run = Run(serde_json::from_slice(&output.stdout).expect("a document"));
    if until == Until::End {
        assert_eq!(run.0["error"], Value::Null, "the cycle failed: {}", run.0);
        assert_eq!(run.total("failure") + run.total("held"), 0, "{}", run.0);
    }
    println!("  {}", run.0);
    run
}

/// Where the time of a cycle goes.
struct Phases {
    cpu: Cpu,
    now: Mutex<(String, f64, Instant)>,
    spent: Mutex<BTreeMap<String, (f64, f64)>>,
}

impl Phases {
    fn begin(&self, phase: &str) {
        let mut now = self.now.lock().expect("nobody panics with it");
        if now.0 == phase {
            return;
        }
        let cpu = self.cpu.seconds();
        let before = std::mem::replace(&mut *now, (phase.to_owned(), cpu, Instant::now()));
        let mut spent = self.spent.lock().expect("nobody panics with it");
        let of_phase = spent.entry(before.0).or_default();
        of_phase.0 += cpu - before.1;
        of_phase.1 += before.2.elapsed().as_secs_f64();
    }
}

/// The engine itself: prints one document.
pub(crate) async fn run(mut words: impl Iterator<Item = String>) -> ExitCode {
    let path = words.next().expect("a configuration");
    let until_export = words.next().as_deref() == Some("export");
    let config = match config::load(Some(Path::new(&path))) {
        Ok(config) => config,
        Err(error) => {
            println!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let stop = Arc::new(Stop::default());
    let began = Instant::now();
    let phases = Phases {
        cpu: Cpu::default(),
        now: Mutex::new(("start".to_owned(), 0.0, began)),
        spent: Mutex::default(),
    };
    let observer = |progress: &Progress| {
        phases.begin(&progress.phase);
        if until_export && progress.phase == "export" {
            stop.request();
        }
    };
    let (clock, options) = (Arc::new(SystemClock), CycleOptions::default());
    let end = sync_once(&config, &config.apps[0], options, &stop, &observer, clock).await;
    phases.begin("end");
    let end = match end {
        Ok(end) => end,
        Err(error) => {
            println!("{}", json!({ "error": format!("{error:?}") }));
            return ExitCode::FAILURE;
        }
    };
    let spent = phases.spent.lock().expect("nobody panics with it");
    let shown = spent
        .iter()
        .map(|(phase, (cpu, took))| (phase.clone(), json!({ "cpu": cpu, "took": took })));
    let totals = &end.report.totals;
    let document = json!({
        "cpu": phases.cpu.seconds(),
        "took": began.elapsed().as_secs_f64(),
        "peak_kib": peak_kib(),
        "phases": shown.collect::<serde_json::Map<String, Value>>(),
        "totals": {
            "in_scope": totals.in_scope, "create": totals.create, "update": totals.update,
            "adopt": totals.adopt,
            "failure": totals.failure, "held": totals.held, "skip": totals.skip,
        },
        "requests": { "graph": end.report.requests.graph, "target": end.report.requests.target },
        "error": end.report.error,
    });
    println!("{document}");
    ExitCode::SUCCESS
}
