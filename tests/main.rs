//! The one integration binary: every story that looks at the program from outside its rooms.
//!
//! `tests/README.md` says what each module is for and how to run one of them.

#![expect(clippy::panic, reason = "a test that can't go on says why and ends")]

mod architecture;
mod browser;
mod cli;
mod config;
mod cycle;
mod fuzz_corpus;
mod life;
mod page;
mod real_servers;
mod simulation;
mod support;
mod threats;
mod web;
mod wire;
