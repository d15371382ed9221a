//! The room at its door: transport over loopback, sign-in over a script.

mod headers;
mod network;
mod pace;
mod refusals;
mod sign_in;
