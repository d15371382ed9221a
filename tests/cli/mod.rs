//! The program as a person or a script meets it: commands in, text, JSON and exit codes out.

mod cycle;
mod refusals;
mod safeguard;
mod service;
