//! The program as a person or a script meets it: commands in, text, JSON and exit codes out.

mod beginnings;
mod cycle;
mod documents;
mod notices;
mod refusals;
mod safeguard;
mod service;
