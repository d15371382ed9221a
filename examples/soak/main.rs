//! Tells the stories of the simulation for as many seeds as wanted, and counts what they went
//! through. `tests/simulation/mod.rs` says what a story is.
//!
//!     cargo run --release --example soak -- --seeds 10000
//!     cargo run --release --example soak -- --seeds 500 --from 20001

#![expect(clippy::panic, reason = "a story that can't go on says why and ends")]
#![expect(clippy::print_stdout, reason = "the count is what this program is for")]
#![expect(dead_code, unused_imports, reason = "the tests use more of it")]

use std::process::ExitCode;

use clap::Parser;

#[path = "../../tests/simulation/mod.rs"]
mod simulation;
mod support;

/// Seeds between two lines on the screen.
const SEEDS_PER_LINE: u64 = 500;

/// Runs the simulation for many seeds.
#[derive(Parser)]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 2_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    from: u64,
}

fn main() -> ExitCode {
    let Arguments { seeds, from } = Arguments::parse();
    let (mut ledger, mut failures) = (None, Vec::new());
    let mut done = 0;
    while done < seeds {
        let count = SEEDS_PER_LINE.min(seeds - done);
        let first = from + done;
        let (part, failed) = simulation::run_all(first..=first + count - 1);
        let so_far = ledger.map_or(part, |so_far| part + so_far);
        ledger = Some(so_far);
        failures.extend(failed);
        done += count;
        println!("{done} seeds, {} failed: {so_far}", failures.len());
    }
    if failures.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("{}", simulation::told(&failures, seeds));
    ExitCode::FAILURE
}
