//! The page that asks for the access token.

use askama::Template;
use axum::response::Html;

use super::frame::Frame;

#[derive(Template)]
#[template(path = "login.html")]
struct Login<'a> {
    frame: Frame,
    next: &'a str,
    problem: Option<&'a str>,
}

/// The form; it leads on to `next`.
pub(in crate::web) fn login(next: &str, problem: Option<&str>) -> Html<String> {
    let page = Login { frame: Frame::bare("Sign in"), next, problem };
    // What can't be rendered is said without the frame around it.
    Html(page.render().unwrap_or_else(|_| "the form cannot be shown".to_owned()))
}
