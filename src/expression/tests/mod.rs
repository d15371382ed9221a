//! Stories of the room, told at its door.

mod checks;
mod language;
mod patterns;
mod properties;
mod support;
mod values;
mod vectors;
