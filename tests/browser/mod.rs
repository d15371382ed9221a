//! The status page in a real browser, as a person meets it.
//!
//! Each story needs chromium, its driver and axe-core; `README.md` beside this file says how to get
//! them. All are `#[ignore]`d for that reason.

mod harness;
mod office;
mod pages;
mod sign_in;
