//! The command line: arguments in, text or one JSON document out, an exit code at the end.
//!
//! `args` declares what may be said, `entry` runs it, one file per command does the work through
//! `daemon` and `store`, and the `view` files turn stored values into text and JSON. Data goes to
//! stdout, everything else to stderr.
//!
//! **Invariant:** decides nothing about anybody's account, and shows nothing that is not in the
//! state or the configuration. The exit codes and JSON fields are promises to scripts.

mod accounts;
mod approve;
mod apps;
mod args;
mod careful;
mod check;
mod completions;
mod control;
mod demo;
mod document;
mod drift;
mod entry;
mod exit;
mod explain;
mod expression;
mod follow;
mod forget;
mod gallery;
mod help;
mod import_schema;
mod init;
mod log;
mod log_lines;
mod man;
mod notify_test;
mod output;
mod plan;
mod plan_file;
mod problem;
mod progress;
mod provision;
mod report;
mod rows;
mod run;
mod sandbox;
mod service;
mod status;
mod sync;
mod view;

pub use entry::main;
pub use exit::ExitCode;
