//! The whole engine against a tenant and an application in which everything goes wrong that can.
//!
//! A seed decides all of it: the configuration, who is hired, moved and leaves, which requests
//! fail and how, and where the program dies. After every cycle the invariants of the design are
//! checked; when the faults end and time passes, the application must have come to what the tenant
//! says, and nothing may be left to do. What the tenant says is worked out here, from the tenant's
//! own state, without a line of the engine.
//!
//!     cargo test simulation                                  50 seeds
//!     ENTRA_SCIM_SEED=7 cargo test simulation -- --nocapture one of them, with its story
//!     ENTRA_SCIM_SEEDS=1000 cargo test simulation            more of them

mod churn;
mod judge;
mod regressions;
mod setup;
mod story;
mod weather;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use story::{Story, Trace};

/// Seeds of an ordinary run.
const SEEDS_DEFAULT: u64 = 50;

/// Lines of a failed seed's story that are shown: the last ones.
const LINES_SHOWN: usize = 60;

#[expect(clippy::disallowed_methods, reason = "a test is told by the environment what to replay")]
fn number_from(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not `{text}`")))
}

#[test]
fn any_seed_converges_and_breaks_no_promise_on_the_way() {
    if let Some(seed) = number_from("ENTRA_SCIM_SEED") {
        let (trace, failure) = run(seed);
        println!("{}", trace.join("\n"));
        assert!(failure.is_none(), "seed {seed}: {}", failure.unwrap_or_default());
        return;
    }
    let count = number_from("ENTRA_SCIM_SEEDS").unwrap_or(SEEDS_DEFAULT);
    let next = AtomicU64::new(1);
    let failures = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > count {
                        break;
                    }
                    if let (trace, Some(failure)) = run(seed) {
                        let told = trace[trace.len().saturating_sub(LINES_SHOWN)..].join("\n");
                        let text = format!("{told}\nseed {seed} failed: {failure}");
                        failures.lock().unwrap_or_else(PoisonError::into_inner).push((seed, text));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    failures.sort();
    let Some((_, first)) = failures.first() else { return };
    let commands: Vec<String> = failures
        .iter()
        .map(|(seed, _)| format!("    ENTRA_SCIM_SEED={seed} cargo test simulation -- --nocapture"))
        .collect();
    panic!(
        "{first}\n{} of {count} seeds failed; replay them with\n{}",
        failures.len(),
        commands.join("\n")
    );
}

/// Tells the story of one seed; returns it, and how it failed if it did.
fn run(seed: u64) -> (Vec<String>, Option<String>) {
    let trace = Trace::default();
    let told = trace.clone();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async { Box::pin(Story::begin(seed, told).tell()).await })
    }));
    let failure = match outcome {
        Ok(Ok(())) => None,
        Ok(Err(broken)) => Some(broken),
        Err(panic) => Some(
            panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                .unwrap_or_else(|| "a panic without words".to_owned()),
        ),
    };
    (trace.lines(), failure)
}

#[test]
fn the_same_seed_tells_the_same_story() {
    assert_eq!(run(3), run(3));
}
