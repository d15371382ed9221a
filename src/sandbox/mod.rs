//! The room `sandbox`.

pub mod application;
