//! The style sheet and the script: part of the program, under addresses that name their content.
//!
//! What has another content has another address, so a browser keeps them for as long as it likes
//! and never shows a page with the style of an older program.

use std::sync::LazyLock;

use axum::{
    extract::Path,
    http::header,
    response::{IntoResponse, Response},
};

use crate::{model::Fingerprint, web::answer::Refusal};

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/live.js");
const ICON: &str = include_str!("assets/icon.svg");

/// Characters of the hash in an address.
const HASH_CHARS: usize = 16;

/// The addresses.
pub(super) struct Assets {
    pub(super) style: String,
    pub(super) script: String,
    pub(super) icon: String,
}

/// The addresses of what this program holds.
pub(super) fn assets() -> &'static Assets {
    static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
        let address = |name: &str, content: &str| {
            let hash = Fingerprint::of([content]).to_string();
            format!("/assets/{}/{name}", hash.get(..HASH_CHARS).unwrap_or(&hash))
        };
        Assets {
            style: address("style.css", STYLE),
            script: address("live.js", SCRIPT),
            icon: address("icon.svg", ICON),
        }
    });
    &ASSETS
}

/// Answers with one of them.
pub(super) async fn answer(
    Path((hash, name)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let address = format!("/assets/{hash}/{name}");
    let known = assets();
    let (content, kind) = match address {
        _ if address == known.style => (STYLE, "text/css; charset=utf-8"),
        _ if address == known.script => (SCRIPT, "text/javascript; charset=utf-8"),
        _ if address == known.icon => (ICON, "image/svg+xml"),
        _ => return Err(Refusal::not_found("there is no such file")),
    };
    let keep = "public, max-age=31536000, immutable";
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, keep)];
    Ok((headers, content).into_response())
}
