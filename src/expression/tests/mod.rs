//! Stories of the room, told at its door.

mod checks;
mod clock;
mod language;
mod patterns;
mod properties;
mod support;
mod values;
mod vectors;
