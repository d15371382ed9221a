//! The status page as a person sees it: HTML made here, out of what the state says.

mod login;
mod refusal;
mod routes;

pub(super) use login::login;
pub(super) use refusal::refusal;
pub(super) use routes::routes;
