//! Whole cycles on the sandbox: what an administrator would see happen.

mod adopted_managers;
mod life;
