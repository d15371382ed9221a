//! Creating accounts: as fast as the client goes, against latency, and against a limit.

use std::path::Path;

use crate::{
    Size, bare,
    engine::{self, Run, Until},
    reach::Figure,
    sandbox::{Managers, Sandbox, words},
};

pub(crate) const ROWS: [&str; 4] =
    ["export-zero", "export-latency", "export-limit", "export-throttled"];

/// Requests at once against no latency.
const CONCURRENCY: u32 = 16;

/// Requests at once against latency, and how long each answer takes.
const CONCURRENCY_LATE: u32 = 32;
const LATENCY_MS: u32 = 50;

/// Requests a second that are let through, and those at once.
const LIMIT: u32 = 25;
const BURST: f64 = 5.0;

/// Seconds that the export against a limit takes at the least. They begin where nothing is known of
/// the limit. To find it takes some refusals and a second's wait for each, however long the export
/// is, so that a short one would measure nothing else.
const LIMITED_SECONDS_QUICK: u32 = 120;
const LIMITED_SECONDS_FULL: u32 = 240;

/// Times that the engine and the bare loop run against each other; the best of each counts, since
/// whatever else the machine does only ever takes away.
const ROUNDS: u32 = 3;

pub(crate) async fn measure(size: Size, is_wanted: &impl Fn(&str) -> bool) -> Vec<Figure> {
    let mut figures = Vec::new();
    if is_wanted("export-zero") {
        figures.push(zero(size).await);
    }
    if is_wanted("export-latency") {
        figures.push(latency(size).await);
    }
    if is_wanted("export-limit") || is_wanted("export-throttled") {
        figures.extend(limit(size).await);
    }
    figures
}

/// So many people, all assigned and none with an account.
async fn start(users: u32, concurrency: u32, more: &[String]) -> Sandbox {
    let mut options =
        words(&[("users", users.into()), ("assigned-users", users.into()), ("groups", 0)]);
    options.extend_from_slice(more);
    Sandbox::start(&options, Managers::Unmapped, concurrency).await
}

async fn export(sandbox: &Sandbox, users: u32) -> (Run, f64) {
    let run = engine::cycle(&sandbox.config(), Until::End).await;
    assert_eq!(run.total("create"), u64::from(users), "everybody is created");
    let rate = f64::from(users) / run.took("export");
    (run, rate)
}

async fn zero(size: Size) -> Figure {
    let (mut engine, mut loops, mut recorded) = (0.0_f64, 0.0_f64, 0.0_f64);
    for _ in 0..ROUNDS {
        let sandbox = start(size.writes, CONCURRENCY, &[]).await;
        engine = engine.max(export(&sandbox, size.writes).await.1);
        let bodies = sandbox.path("bodies.ndjson");
        sandbox.save_accounts(&bodies).await;
        loops = loops.max(bare(size, &bodies, None).await);
        let file = sandbox.path("record.sqlite");
        recorded = recorded.max(bare(size, &bodies, Some(&file)).await);
    }
    let of = format!(
        "{} creates, concurrency {CONCURRENCY}: {engine:.0}/s against {loops:.0}/s, best of {ROUNDS}; \
         a bare loop that records each write in SQLite: {recorded:.0}/s, {:.3}",
        size.writes,
        recorded / loops
    );
    Figure::new("export-zero", engine / loops, of)
}

/// The bare loop with these bodies, against an application of its own.
async fn bare(size: Size, bodies: &Path, record: Option<&Path>) -> f64 {
    let fresh = start(1, CONCURRENCY, &[]).await;
    let at = (fresh.application_url.as_str(), fresh.token.as_str());
    let rate = bare::rate(at, bodies, CONCURRENCY, record).await;
    let counted = fresh.counters().await;
    assert_eq!(counted["scim"]["by_kind"]["POST /Users"], size.writes, "all of them");
    fresh.stop().await;
    rate
}

async fn latency(size: Size) -> Figure {
    let ideal = CONCURRENCY_LATE * 1_000 / LATENCY_MS;
    let users = ideal * size.seconds;
    let more = ["--latency".to_owned(), format!("{LATENCY_MS}ms")];
    let sandbox = start(users, CONCURRENCY_LATE, &more).await;
    let (_, rate) = export(&sandbox, users).await;
    let of =
        format!("{users} creates, {LATENCY_MS} ms, concurrency {CONCURRENCY_LATE}: {rate:.0}/s");
    Figure::new("export-latency", rate / f64::from(ideal), of)
}

async fn limit(size: Size) -> Vec<Figure> {
    let users = LIMIT * if size.is_full { LIMITED_SECONDS_FULL } else { LIMITED_SECONDS_QUICK };
    let more = ["--limit".to_owned(), LIMIT.to_string()];
    let sandbox = start(users, CONCURRENCY, &more).await;
    let (run, _) = export(&sandbox, users).await;
    let counted = sandbox.counters().await;
    let took = run.took("export");
    let let_in = counted["scim"]["by_kind"]["POST /Users"].as_f64().unwrap_or_default();
    let throttled = counted["scim"]["throttled"].as_f64().unwrap_or_default();
    let of = format!(
        "{let_in} creates in {took:.1} s with the search for the limit, {throttled} answers of 429"
    );
    vec![
        Figure::new("export-limit", let_in / (BURST + f64::from(LIMIT) * took), of.clone()),
        Figure::new("export-throttled", throttled / (let_in + throttled) * 100.0, of),
    ]
}
