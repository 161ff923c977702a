//! Signing in to the pages: the name of a token and its secret, which the browser keeps in a cookie that no script reads and
//! that no other site's page makes it send. Nothing of it is kept here: a token that is taken off is signed out.

use super::api::token_of;
use crate::config::Token;
use axum::{
    Json, Router,
    extract::State,
    http::{
        HeaderMap, StatusCode,
        header::{COOKIE, HOST, ORIGIN, SET_COOKIE},
    },
    response::{IntoResponse, Response},
    routing::post,
};
use serde::Deserialize;
use std::sync::Arc;

/// The cookie's name.
const NAME: &str = "perezvon";
/// How long a browser stays signed in, in seconds.
const LONGEST: u32 = 30 * 24 * 3600;

/// Signing in and out.
pub fn router(tokens: Arc<[Token]>) -> Router {
    Router::new().route("/session", post(sign_in).delete(sign_out)).with_state(tokens)
}

/// Who signs in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    name: String,
    secret: String,
}

async fn sign_in(
    State(tokens): State<Arc<[Token]>>,
    headers: HeaderMap,
    Json(asked): Json<Credentials>,
) -> Result<Response, StatusCode> {
    let token = token_of(asked.secret.trim(), &tokens).filter(|token| *token.name == *asked.name.trim());
    match token {
        Some(_) if is_ours(&headers) => Ok(with_cookie(&headers, asked.secret.trim(), LONGEST)),
        Some(_) => Err(StatusCode::FORBIDDEN),
        None => Err(StatusCode::UNAUTHORIZED),
    }
}

async fn sign_out(headers: HeaderMap) -> Response {
    with_cookie(&headers, "", 0)
}

fn with_cookie(headers: &HeaderMap, secret: &str, age: u32) -> Response {
    let encrypted = headers.get("x-forwarded-proto").is_some_and(|scheme| scheme == "https");
    let secure = if encrypted { "; Secure" } else { "" };
    let cookie = format!("{NAME}={secret}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{secure}");
    (StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response()
}

/// The secret in the cookie.
pub fn secret(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == NAME).map(|(_, secret)| secret)
}

/// Did a page of ours send this? Browsers say where a request comes from, and no page can make them say otherwise
/// (Fetch Metadata; RFC 6454).
pub fn is_ours(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => {
            let host = text(HOST.as_str());
            let origin = text(ORIGIN.as_str()).and_then(|origin| origin.split_once("://"));
            host.is_some() && origin.map(|(_, host)| host) == host
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        lines.iter().map(pair).collect()
    }

    #[test]
    fn only_pages_of_ours_are_believed() {
        assert!(is_ours(&headers(&[("sec-fetch-site", "same-origin"), ("host", "a")])));
        assert!(!is_ours(&headers(&[("sec-fetch-site", "same-site"), ("origin", "https://a"), ("host", "a")])));
        assert!(is_ours(&headers(&[("origin", "https://a:8080"), ("host", "a:8080")])));
        assert!(!is_ours(&headers(&[("origin", "https://b"), ("host", "a")])));
        assert!(!is_ours(&headers(&[("origin", "null"), ("host", "a")])));
        assert!(!is_ours(&headers(&[("host", "a")])) && !is_ours(&headers(&[])));
    }

    #[test]
    fn the_secret_is_found_among_other_cookies() {
        assert_eq!(secret(&headers(&[("cookie", "a=1; perezvon=pzv_1; b=2")])), Some("pzv_1"));
        assert_eq!(secret(&headers(&[("cookie", "xperezvon=1")])), None);
    }
}
