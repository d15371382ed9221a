//! Signing in with the access token, for a browser: the form, its answer, and the way out.

use axum::{
    Form, Router,
    extract::{
        DefaultBodyLimit, FromRequest as _, Query, Request, State, rejection::QueryRejection,
    },
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;

use super::{
    access::{address, check, fingerprint},
    answer::Refusal,
    door::asked_for,
    page,
    session::{LASTS, cookie, cookie_name},
    site::Site,
};

/// Bytes of the form: a token and a path.
const FORM_BYTES_MAX: usize = 8 * 1024;

/// What a browser says about where a request comes from (Fetch Metadata).
const FETCH_SITE: &str = "sec-fetch-site";

pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/login", get(form).post(sign_in))
        .route("/logout", post(sign_out))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
}

#[derive(Deserialize)]
struct Wanted {
    next: Option<String>,
}

#[derive(Deserialize)]
struct Filled {
    token: String,
    next: Option<String>,
}

async fn form(State(site): State<Site>, wanted: Result<Query<Wanted>, QueryRejection>) -> Response {
    let next = inside(wanted.ok().and_then(|Query(wanted)| wanted.next));
    if site.door().access_token.is_none() {
        return Redirect::to(&next).into_response();
    }
    page::login(&next, None).into_response()
}

async fn sign_in(State(site): State<Site>, request: Request) -> Result<Response, Refusal> {
    refuse_from_elsewhere(&request)?;
    let address = address(&site, &request);
    let form = Form::<Filled>::from_request(request, &site).await;
    let Form(filled) =
        form.map_err(|rejection| Refusal::new(rejection.status(), "the form holds no token"))?;
    let next = inside(filled.next.clone());
    let Some(token) = fingerprint(&site)? else { return Ok(Redirect::to(&next).into_response()) };
    match check(&site, filled.token.trim(), &token, address, true) {
        Ok(()) => {}
        Err(refusal) if refusal.status == StatusCode::UNAUTHORIZED => {
            let again = page::login(&next, Some(&refusal.message));
            return Ok((StatusCode::UNAUTHORIZED, again).into_response());
        }
        Err(refusal) => return Err(refusal),
    }
    let id = site.sessions().begin(token, site.now());
    let id = id.ok_or_else(|| Refusal::internal("the system gives no random bytes"))?;
    let mut response = Redirect::to(&next).into_response();
    set_cookie(&mut response, &site, &id, LASTS.num_seconds())?;
    tracing::info!(client = %address, "somebody signed in to the status page");
    Ok(response)
}

async fn sign_out(State(site): State<Site>, request: Request) -> Result<Response, Refusal> {
    refuse_from_elsewhere(&request)?;
    if let Some(id) = cookie(request.headers(), cookie_name(site.door().is_sealed)) {
        site.sessions().end(id);
    }
    let mut response = Redirect::to("/login").into_response();
    set_cookie(&mut response, &site, "", 0)?;
    Ok(response)
}

/// No script can read the cookie, and no other site can have it sent.
fn set_cookie(
    response: &mut Response,
    site: &Site,
    value: &str,
    seconds: i64,
) -> Result<(), Refusal> {
    let is_sealed = site.door().is_sealed;
    let (name, secure) = (cookie_name(is_sealed), if is_sealed { "; Secure" } else { "" });
    let line =
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    let line = HeaderValue::try_from(line);
    let line = line.map_err(|_| Refusal::internal("the cookie cannot be written"))?;
    response.headers_mut().insert(header::SET_COOKIE, line);
    Ok(())
}

/// A form that another site fills in is not taken.
fn refuse_from_elsewhere(request: &Request) -> Result<(), Refusal> {
    let headers = request.headers();
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_own = match (text(FETCH_SITE), text(header::ORIGIN.as_str())) {
        (Some(from), _) => matches!(from, "same-origin" | "none"),
        (None, Some(origin)) => is_origin(origin, request, headers),
        // No browser: it has no session that another site could use.
        (None, None) => true,
    };
    if is_own {
        return Ok(());
    }
    Err(Refusal::new(StatusCode::FORBIDDEN, "this form was sent from another site"))
}

fn is_origin(origin: &str, request: &Request, headers: &HeaderMap) -> bool {
    let Some((_, host)) = origin.split_once("://") else { return false };
    asked_for(request.uri(), headers).is_some_and(|own| own.as_str().eq_ignore_ascii_case(host))
}

/// Where to go after signing in: an address of this site, whoever wrote the link.
fn inside(next: Option<String>) -> String {
    let is_inside = |next: &String| {
        next.starts_with('/')
            && !next.starts_with("//")
            && next.chars().all(|c| c.is_ascii_graphic() && c != '\\')
    };
    next.filter(is_inside).unwrap_or_else(|| "/".to_owned())
}

#[cfg(test)]
mod tests {
    use super::inside;

    #[test]
    fn a_link_to_the_form_leads_nowhere_else() {
        let inside = |next: &str| inside(Some(next.to_owned()));
        assert_eq!(inside("/apps/crm/log?status=failure"), "/apps/crm/log?status=failure");
        for hostile in
            ["//evil.example", "/\\evil.example", "https://evil.example", "", "/a\r\nb: c", "/\t/e"]
        {
            assert_eq!(inside(hostile), "/", "{hostile:?}");
        }
    }
}
