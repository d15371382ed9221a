//! Seeds, one after the other or many at once.

use std::{
    ops::RangeInclusive,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    ledger::Ledger,
    story::{Story, Trace},
};

/// Lines of a failed seed's story that are shown: the last ones.
const LINES_SHOWN: usize = 60;

/// What one seed came to.
#[derive(Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) trace: Vec<String>,
    pub(crate) ledger: Ledger,
    /// The promise that was broken, if one was.
    pub(crate) failure: Option<String>,
}

/// Tells the story of one seed.
pub(crate) fn run(seed: u64) -> Run {
    tell(|trace| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(Box::pin(Story::begin(seed, trace).tell()))
    })
}

/// Lets a story be told, and notes how it ended.
pub(super) fn tell(story: impl FnOnce(Trace) -> Result<Ledger, String>) -> Run {
    let trace = Trace::default();
    let logging = trace.listen();
    let told = trace.clone();
    let outcome = catch_unwind(AssertUnwindSafe(|| story(told)));
    drop(logging);
    let (ledger, failure) = match outcome {
        Ok(Ok(ledger)) => (ledger, None),
        Ok(Err(broken)) => (Ledger::default(), Some(broken)),
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            (Ledger::default(), Some(text.unwrap_or_else(|| "a panic without words".to_owned())))
        }
    };
    Run { trace: trace.lines(), ledger, failure }
}

/// Does `work` for each number, on every core, and returns what came of each, in order.
pub(super) fn on_all_cores<T: Send>(
    numbers: RangeInclusive<u64>,
    work: impl Fn(u64) -> T + Sync,
) -> Vec<(u64, T)> {
    let (next, last) = (AtomicU64::new(*numbers.start()), *numbers.end());
    let done = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number > last {
                        break;
                    }
                    let result = work(number);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((number, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(number, _)| *number);
    done
}

/// Tells the stories of these seeds; returns what they went through, and how some failed.
pub(crate) fn run_all(seeds: RangeInclusive<u64>) -> (Ledger, Vec<(u64, String)>) {
    let mut ledger = Ledger::default();
    let mut failures = Vec::new();
    let outcomes = on_all_cores(seeds, |seed| {
        let Run { trace, ledger, failure } = run(seed);
        let failure = failure.map(|failure| {
            let told = trace[trace.len().saturating_sub(LINES_SHOWN)..].join("\n");
            format!("{told}\nseed {seed} failed: {failure}")
        });
        (ledger, failure)
    });
    for (seed, (one, failure)) in outcomes {
        ledger = ledger + one;
        failures.extend(failure.map(|failure| (seed, failure)));
    }
    (ledger, failures)
}

/// The story of the first failure, and how to replay each of them.
pub(crate) fn told(failures: &[(u64, String)], count: u64) -> String {
    let first = failures.first().map_or("", |(_, story)| story);
    let commands: Vec<String> = failures
        .iter()
        .map(|(seed, story)| {
            let why = story.lines().last().unwrap_or_default();
            let why: String = why.chars().take(200).collect();
            format!("    ENTRA_SCIM_SEED={seed} cargo test simulation -- --nocapture   # {why}")
        })
        .collect();
    format!(
        "{first}\n{} of {count} seeds failed; replay them with\n{}",
        failures.len(),
        commands.join("\n")
    )
}
