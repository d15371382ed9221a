//! The status page as a person sees it: HTML made here, out of what the state says.
//!
//! Every page is whole without a script; `live` is what moves while somebody looks. A page is made
//! of a few short looks at the state, each of which costs the same however long the log is.
//!
//! **Invariant:** nothing of another origin, no style or script inside a page, no state by a colour
//! alone, and no other person's word without its escapes.

mod application;
mod assets;
mod chart;
mod export;
mod failing;
mod frame;
mod live;
mod log;
mod log_query;
mod login;
mod needs;
mod overview;
mod plan;
mod refusal;
mod routes;
mod standing_view;
mod words;

pub(super) use login::login;
pub(super) use refusal::refusal;
pub(super) use routes::routes;
