//! The program as a person or a script meets it: commands in, text, JSON and exit codes out.

mod accounts;
mod beginnings;
mod cycle;
mod deaths;
mod documents;
mod drift;
mod explain;
mod expression;
mod forget;
mod gallery;
mod hostile;
mod import_schema;
mod notices;
mod oauth;
mod provision;
mod quarantine;
mod redaction;
mod refusals;
mod safeguard;
mod service;
mod shell;
mod sign_in;
mod supervised;
mod unit;
