//! What the engine takes for large tenants, and how near its export comes to what the target allows.
//!
//! `cargo bench --bench scale` measures every row at the quick size (10,000 people), and with
//! `-- --full` at the full one (1,000,000); `-- import draft` measures these rows alone, and
//! `-- --users 100000` takes another size. Each row prints its figure, what is to be reached and what
//! was measured; it ends non-zero where one falls short.
//!
//! Tenant and application are `entra-scim sandbox` in a process of its own. The engine is one, too:
//! this program once more, which loads the configuration as every command does and runs the cycle
//! that `sync` runs, so that its memory and its processor time are its own.

#![expect(clippy::disallowed_methods, reason = "a benchmark is about the machine's time")]
#![expect(clippy::print_stdout, reason = "the figures are its output")]

mod bare;
mod engine;
mod export;
mod import;
mod large;
mod moved;
mod process;
mod reach;
mod record;
mod sandbox;
mod state;

use std::process::ExitCode;

use reach::{Figure, ROWS};

/// The program's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How large the worlds are.
#[derive(Clone, Copy, Debug)]
struct Size {
    /// People of the large tenant.
    users: u32,
    /// People of the small one that it is compared with.
    small_users: u32,
    /// Groups of both, all assigned.
    groups: u32,
    /// Accounts created to measure the export as such.
    writes: u32,
    /// Seconds that the export against latency should take.
    seconds: u32,
    /// Whether it is the size that the figures are told for.
    is_full: bool,
}

impl Size {
    fn quick(users: u32) -> Self {
        let (small_users, groups) = (users / 10, users / 50);
        Self { users, small_users, groups, writes: 4_000, seconds: 24, is_full: false }
    }

    fn full() -> Self {
        let (users, small_users, groups) = (1_000_000, 10_000, 20_000);
        Self { users, small_users, groups, writes: 20_000, seconds: 60, is_full: true }
    }

    /// Five for each of so many people.
    fn memberships(users: u32) -> u64 {
        u64::from(users) * 5
    }
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let mut size = Size::quick(10_000);
    let mut wanted: Vec<String> = Vec::new();
    while let Some(word) = words.next() {
        match word.as_str() {
            engine::ROLE => return engine::run(words).await,
            bare::ROLE => return bare::run(words).await,
            "--full" => size = Size::full(),
            "--quick" => size = Size::quick(10_000),
            "--users" => match words.next().and_then(|users| users.parse().ok()) {
                Some(users) => size = Size::quick(users),
                None => return usage("--users takes a number"),
            },
            // cargo says this to every benchmark.
            "--bench" => {}
            name if ROWS.iter().any(|row| row.name == name) => wanted.push(word),
            other => return usage(&format!("there is no row `{other}`")),
        }
    }
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|row| row == name);
    println!(
        "{} people against {}, {} groups; a process each for the engine and for the load",
        size.users, size.small_users, size.groups
    );
    let mut figures: Vec<Figure> = Vec::new();
    if import::ROWS.iter().any(|name| is_wanted(name)) {
        figures.extend(import::measure(size).await);
    }
    if export::ROWS.iter().any(|name| is_wanted(name)) {
        figures.extend(export::measure(size, &is_wanted).await);
    }
    if large::ROWS.iter().any(|name| is_wanted(name)) {
        figures.extend(large::measure(size).await);
    }
    if moved::ROWS.iter().any(|name| is_wanted(name)) {
        figures.extend(moved::measure(size).await);
    }
    figures.retain(|figure| is_wanted(figure.name));
    println!();
    let reached = figures.iter().filter(|figure| figure.show()).count();
    println!("\n{reached} of {} rows reached", figures.len());
    if reached == figures.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn usage(what: &str) -> ExitCode {
    let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
    println!("{what}\nrows: {}\noptions: --quick --full --users N", names.join(" "));
    ExitCode::from(2)
}
