#![doc = include_str!("ARCHITECTURE.md")]

pub mod cli;
pub mod config;
pub mod cycle;
pub mod daemon;
pub mod expression;
pub mod gallery;
pub mod graph;
pub mod http;
pub mod model;
pub mod notify;
pub mod port;
pub mod provisioning;
pub mod sandbox;
pub mod scim;
pub mod store;
pub mod target;
