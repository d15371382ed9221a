//! The room `cycle`.
