//! Notices: what a person is told without asking, and when.
//!
//! `model` holds what a notice says, `schedule` when it goes out and how long an undelivered one is
//! tried, `csv` writes the list that is attached to one. What happened and what is configured
//! arrive as arguments.
//!
//! **Invariant:** a notice whose key is open and unchanged goes out on its first occurrence, when
//! its count doubles, daily while it lasts, and when it is over; at most four times an hour for one
//! application, and none is lost for that.

mod csv;
mod model;
mod schedule;

pub use csv::{CSV_ROWS_MAX, csv, csv_cell};
pub use model::{NextStep, Notice, NoticeKind, NoticeRow, NoticeTopic};
pub use schedule::{
    LastSent, NOTICES_PER_HOUR_MAX, UNDELIVERABLE_AFTER, batches, expiry_stage, is_due,
    next_attempt, room_left,
};
