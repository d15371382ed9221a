//! What a client sees of a large tenant, held against the ordinary one with the same directory.

mod rounds;
mod same;
mod world;
