//! The configuration as its user meets it: the example, good files, and every way to get one wrong.

mod example;
mod mistakes;
mod secrets;
mod settings;
