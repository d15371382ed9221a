//! The whole engine against a tenant and an application in which everything goes wrong that can.
//!
//! A seed decides all of it: the configuration, who is hired, moved and leaves, which requests
//! fail and how, where the program dies, when its disk is full, its clock wrong, its token old. After
//! every cycle the invariants of the design are checked; when the faults end and time passes, the
//! application must have come to what the tenant says, and nothing may be left to do. What the
//! tenant says is worked out here, from the tenant's own state, without a line of the engine.
//!
//! [`crashes`] is the other half: a few fixed stories, in which the program dies at every single
//! moment at which it can.
//!
//!     cargo test simulation                                  200 seeds
//!     ENTRA_SCIM_SEED=7 cargo test simulation -- --nocapture one of them, with its story
//!     ENTRA_SCIM_SEEDS=1000 cargo test simulation            more of them
//!     cargo run --release --example soak -- --seeds 10000    any number, with a count of it all

mod churn;
mod crashes;
mod groups;
mod judge;
mod ledger;
mod office;
mod regressions;
mod run;
mod setup;
mod story;
mod weather;

pub(crate) use run::{Run, run, run_all, told};

/// Seeds of an ordinary run.
const SEEDS_DEFAULT: u64 = 200;

#[expect(clippy::disallowed_methods, reason = "a test is told by the environment what to replay")]
fn number_from(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not `{text}`")))
}

#[test]
fn any_seed_converges_and_breaks_no_promise_on_the_way() {
    if let Some(seed) = number_from("ENTRA_SCIM_SEED") {
        let Run { trace, failure, .. } = run(seed);
        println!("{}", trace.join("\n"));
        assert!(failure.is_none(), "seed {seed}: {}", failure.unwrap_or_default());
        return;
    }
    let count = number_from("ENTRA_SCIM_SEEDS").unwrap_or(SEEDS_DEFAULT);
    let (ledger, failures) = run_all(1..=count);
    println!("{count} seeds: {ledger}");
    assert!(failures.is_empty(), "{}", told(&failures, count));
    // A run in which hardly anything happened would prove nothing.
    assert!(ledger.faults > 10 * count && 2 * ledger.deaths > count, "{ledger}");
}

#[test]
fn the_same_seed_tells_the_same_story() {
    assert_eq!(run(3), run(3));
}
