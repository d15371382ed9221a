//! The room at its door: each question of the port, over a script.

mod endpoint;
mod faults;
mod requests;
mod rows;
mod world;
