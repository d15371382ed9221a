//! What a person sees instead of the page that was asked for.

use askama::Template;
use axum::response::Html;

use super::frame::Frame;
use crate::web::answer::Refusal;

#[derive(Template)]
#[template(path = "refusal.html")]
struct RefusalPage<'a> {
    frame: Frame,
    refusal: &'a Refusal,
}

pub(in crate::web) fn refusal(refusal: &Refusal) -> Html<String> {
    let frame = Frame::bare(refusal.status.canonical_reason().unwrap_or("Refused"));
    // What can't be rendered is said without the frame around it.
    Html(RefusalPage { frame, refusal }.render().unwrap_or_else(|_| refusal.status.to_string()))
}
