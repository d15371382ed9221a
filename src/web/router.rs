//! Which address is answered by whom, and what holds for every answer.

use axum::{
    Router,
    http::{HeaderValue, StatusCode, header},
    middleware::{from_fn, from_fn_with_state, map_response},
    response::Response,
    routing::get,
};

use super::{
    access,
    answer::{self, Refusal},
    api, health, login, metrics, page,
    site::Site,
};

/// What a page may load: its own style and script from here, and nothing from anywhere else.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
     img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

impl Site {
    /// The site as a service.
    pub fn router(self) -> Router {
        Router::new()
            .merge(page::routes())
            .merge(api::routes())
            .merge(health::routes())
            .merge(login::routes())
            .route("/metrics", get(metrics::answer))
            .fallback(nothing_here)
            .method_not_allowed_fallback(only_reading)
            .layer(from_fn_with_state(self.clone(), access::with_token))
            .layer(from_fn_with_state(self.clone(), access::under_its_name))
            .layer(from_fn(answer::phrase))
            .layer(map_response(with_headers))
            .with_state(self)
    }
}

async fn nothing_here() -> Refusal {
    Refusal::not_found("there is no such page")
}

async fn only_reading() -> Refusal {
    let message = "this address only reads; to change something, type a command on the machine";
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, message)
}

/// What every answer says to a browser. A handler that says otherwise, as for a style sheet that
/// may be cached, is left alone.
async fn with_headers(mut response: Response) -> Response {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
