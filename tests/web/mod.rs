//! The status page as whoever connects to it meets it: bytes in and out of a real socket on
//! loopback.

mod access;
mod documents;
mod hostile;
mod house;
mod service;
mod tls;
