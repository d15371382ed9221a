//! The room `gallery`.
