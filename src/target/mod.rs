//! The room `target`.
