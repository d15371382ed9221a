//! Phase `export`: sends the rows of a cleared plan, and records what became of each.
//!
//! Every row is committed as `sent` before its request leaves. Requests of different people run
//! side by side under one pacer, and as soon as one was answered the next one leaves; phases follow
//! each other, so that seats and unique values are free before they are taken. Answers that come
//! close together are recorded in one transaction, which takes the next rows along. An account is
//! read before it is deleted: a stranger behind a known id is left alone. What is planned, and what
//! may be sent, is decided before.

mod send;
mod take;
mod window;

pub(super) use window::export;
