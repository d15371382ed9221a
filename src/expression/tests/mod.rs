//! Stories of the room, told at its door.

mod vectors;
