//! The status page as a person sees it: HTML made here, out of what the state says.

mod refusal;
mod routes;

pub(super) use refusal::refusal;
pub(super) use routes::routes;
