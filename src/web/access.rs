//! The check that every request goes through: whom it asks for, and whether it may.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tracing::{error, warn};

use super::{
    answer::{Refusal, is_for_a_machine},
    door::{Fingerprint, asked_for},
    session::{cookie, cookie_name},
    site::Site,
};

/// What anybody may see who reaches the site: whether it lives, and the way in.
const OPEN: [&str; 4] = ["/healthz", "/readyz", "/login", "/logout"];

/// Style and script of the page that asks for the token; they hold nothing of anybody.
const OPEN_FOLDER: &str = "/assets/";

/// What a proxy says about who asked it.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Refuses requests under a name that is not the site's.
pub(super) async fn under_its_name(
    State(site): State<Site>,
    request: Request,
    next: Next,
) -> Response {
    match asked_for(request.uri(), request.headers()) {
        Some(authority) if site.door().knows(&authority) => next.run(request).await,
        Some(_) => {
            let message = "the status page does not answer under this name";
            Refusal::new(StatusCode::MISDIRECTED_REQUEST, message)
                .with_hint(
                    "ask by address, such as http://127.0.0.1:8640/, or add the name to \
                     `service.allowed_hosts`",
                )
                .into_response()
        }
        None => Refusal::bad("the request does not say whom it asks for (one Host header)")
            .into_response(),
    }
}

/// Lets through who may see what is asked for.
pub(super) async fn with_token(State(site): State<Site>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if OPEN.contains(&path) || path.starts_with(OPEN_FOLDER) {
        return next.run(request).await;
    }
    match admit(&site, &request) {
        Ok(()) => next.run(request).await,
        Err(Denied::Refused(refusal)) => refusal.into_response(),
        Err(Denied::Unknown) if is_for_a_machine(path) => {
            let mut response = Refusal::new(StatusCode::UNAUTHORIZED, "the access token is needed")
                .with_hint("send it as `Authorization: Bearer …`")
                .into_response();
            let scheme = HeaderValue::from_static("Bearer realm=\"entra-scim\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
            response
        }
        Err(Denied::Unknown) => {
            let wanted = request.uri().path_and_query().map_or("/", |wanted| wanted.as_str());
            let next = utf8_percent_encode(wanted, NON_ALPHANUMERIC);
            Redirect::to(&format!("/login?next={next}")).into_response()
        }
    }
}

enum Denied {
    /// Nobody who is known.
    Unknown,
    Refused(Refusal),
}

fn admit(site: &Site, request: &Request) -> Result<(), Denied> {
    let Some(token) = fingerprint(site).map_err(Denied::Refused)? else { return Ok(()) };
    let now = site.now();
    if let Some(id) = cookie(request.headers(), cookie_name(site.door().is_sealed))
        && site.sessions().is_open(id, &token, now)
    {
        return Ok(());
    }
    let Some(shown) = bearer(request.headers()) else { return Err(Denied::Unknown) };
    let address = address(site, request);
    check(site, shown, &token, address, false).map_err(Denied::Refused)?;
    Ok(())
}

/// The fingerprint of the token that has to be shown; `None` where none has.
pub(super) fn fingerprint(site: &Site) -> Result<Option<Fingerprint>, Refusal> {
    let Some(token) = &site.door().access_token else { return Ok(None) };
    token.fingerprint().map(Some).map_err(|problem| {
        error!(problem, "the access token of the status page cannot be read; nobody is let in");
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the access token cannot be read")
            .with_hint("the log of the service says why")
    })
}

/// Compares a token that somebody shows.
pub(super) fn check(
    site: &Site,
    shown: &str,
    token: &Fingerprint,
    address: IpAddr,
    at_form: bool,
) -> Result<(), Refusal> {
    let now = site.now();
    if let Some(seconds) = site.attempts().wait(address, at_form, now) {
        let message = "too many wrong tokens";
        let mut refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, message)
            .with_hint(format!("try again in {seconds} seconds"));
        refusal.retry_after = Some(seconds);
        return Err(refusal);
    }
    if Fingerprint::of(shown).is(token) {
        return Ok(());
    }
    site.attempts().failed(address, now);
    warn!(client = %address, "a wrong access token was shown to the status page");
    Err(Refusal::new(StatusCode::UNAUTHORIZED, "this is not the access token"))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Who asks: the other end of the connection, or whom the proxy in between names last.
pub(super) fn address(site: &Site, request: &Request) -> IpAddr {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(IpAddr::from([0, 0, 0, 0]), |ConnectInfo(peer)| peer.ip());
    if !site.door().behind_proxy {
        return peer;
    }
    let forwarded = request.headers().get_all(FORWARDED_FOR).iter().next_back();
    let last = forwarded.and_then(|line| line.to_str().ok()?.rsplit(',').next());
    last.and_then(|address| address.trim().parse().ok()).unwrap_or(peer)
}
