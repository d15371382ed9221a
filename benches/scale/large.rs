//! A large tenant from its first cycle on: memory, a cycle that has nothing to do, one with churn,
//! and what stays on disk. Beside it a small one with as many groups.

use std::{process::Stdio, time::SystemTime};

use serde_json::Value;

use crate::{
    Size,
    engine::{self, Run, Until},
    reach::Figure,
    sandbox::{Managers, PROGRAM, Sandbox, words},
    state::{self, Sizes},
};

pub(crate) const ROWS: [&str; 9] = [
    "memory-initial",
    "memory-noop",
    "noop-cpu",
    "churn-cpu",
    "graph-requests",
    "target-requests",
    "state-size",
    "log-size",
    "first-request",
];

/// Requests at once.
const CONCURRENCY: u32 = 16;

/// Cycles without anything to do, of which the middle one counts.
const NOOPS: usize = 5;

/// Who is changed between two cycles.
const CHURN: f64 = 0.01;

/// Graph's rows on a page of assignments, and its groups in a chain.
const ASSIGNMENTS_PER_PAGE: u64 = 999;
const GROUPS_PER_CHAIN: u64 = 50;

/// What a cycle may ask Graph beside these.
const GRAPH_REQUESTS_MAX: u64 = 8;

/// What the life of one tenant came to.
struct Life {
    initial: Run,
    noop: Run,
    noop_counted: Value,
    churn: Run,
    changed: u64,
    sizes: Sizes,
    first_request_ms: f64,
}

pub(crate) async fn measure(size: Size) -> Vec<Figure> {
    let small = live(size.small_users, size.groups).await;
    let large = live(size.users, size.groups).await;
    let (users, groups) = (size.users, size.groups);
    let memberships = Size::memberships(users);
    let what = format!("{users} users, {groups} groups, {memberships} memberships");
    let against = format!("{users} users against {}, {groups} groups each", size.small_users);
    let seconds = (large.noop.cpu(), small.noop.cpu());
    #[expect(clippy::cast_precision_loss, reason = "millions fit a double")]
    let count = |number: u64| number as f64;
    let per_object = |life: &Life| life.churn.cpu() / count(life.changed) * 1_000.0;
    let costs = (per_object(&large), per_object(&small));
    let allowed = GRAPH_REQUESTS_MAX
        + u64::from(groups).div_ceil(ASSIGNMENTS_PER_PAGE)
        + u64::from(groups).div_ceil(GROUPS_PER_CHAIN);
    let asked = large.noop.requests("graph");
    let target = large.noop.requests("target");
    let Sizes { without_log, log, events } = large.sizes;
    vec![
        Figure::new(
            "memory-initial",
            large.initial.peak_mib(),
            format!("{what}, {} created", large.initial.total("create")),
        ),
        Figure::new("memory-noop", large.noop.peak_mib(), what.clone()),
        Figure::new(
            "noop-cpu",
            seconds.0 / seconds.1,
            format!("{against}: {:.3} s against {:.3} s", seconds.0, seconds.1),
        ),
        Figure::new(
            "churn-cpu",
            costs.0 / costs.1,
            format!(
                "{against}: {:.3} ms for each of {} against {:.3} ms for each of {}",
                costs.0, large.changed, costs.1, small.changed
            ),
        ),
        Figure::new(
            "graph-requests",
            count(asked.saturating_sub(allowed)),
            format!("{asked} asked, {allowed} allowed: {}", large.noop_counted["graph"]["by_kind"]),
        ),
        Figure::new("target-requests", count(target), what.clone()),
        Figure::new("state-size", count(without_log) / f64::from(users), what.clone()),
        Figure::new("log-size", count(log) / count(events), format!("{events} events")),
        Figure::new("first-request", large.first_request_ms, what),
    ]
}

async fn live(users: u32, groups: u32) -> Life {
    let options = words(&[
        ("users", users.into()),
        ("groups", groups.into()),
        ("memberships", Size::memberships(users)),
    ]);
    let sandbox = Sandbox::start(&options, Managers::Unmapped, CONCURRENCY).await;
    let config = sandbox.config();
    let initial = engine::cycle(&config, Until::End).await;
    assert_eq!(initial.total("create"), u64::from(users), "everybody is created");
    println!("  initial cycle of {users}: {:.1} s", initial.took_in_all());
    let mut noops = Vec::new();
    let mut noop_counted = Value::Null;
    for _ in 0..NOOPS {
        sandbox.counters().await;
        noops.push(engine::cycle(&config, Until::End).await);
        noop_counted = sandbox.counters().await;
    }
    noops.sort_by(|one, other| one.cpu().total_cmp(&other.cpu()));
    let noop = noops.swap_remove(NOOPS / 2);
    let changed = sandbox.churn(CHURN).await;
    let churn = engine::cycle(&config, Until::End).await;
    assert_eq!(churn.total("update"), changed, "whoever was changed is updated");
    let first_request_ms = first_request(&sandbox).await;
    let sizes = state::sizes(&sandbox.state());
    sandbox.stop().await;
    Life { initial, noop, noop_counted, churn, changed, sizes, first_request_ms }
}

/// How long `entra-scim sync` takes from its start to its first request, in ms; the best of three.
async fn first_request(sandbox: &Sandbox) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..3 {
        sandbox.counters().await;
        let began = SystemTime::now();
        let mut command = tokio::process::Command::new(PROGRAM);
        command.args(["sync", "--quiet", "--config"]).arg(sandbox.config());
        let ended = command.stdin(Stdio::null()).stdout(Stdio::null()).status().await;
        assert!(ended.expect("it runs").success(), "the cycle ends well");
        let began = began.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        let first = sandbox.counters().await["graph"]["first_at_us"].as_f64().expect("a moment");
        best = best.min(first / 1e3 - began.as_secs_f64() * 1e3);
    }
    best
}
