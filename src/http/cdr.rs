//! The intake of call detail records: mod_json_cdr posts here, and waits for the answer before the call may end.

use super::{Http, MOST_BODY, is_same, unavailable};
use crate::control::CdrRefused;
use axum::{
    body::to_bytes,
    extract::{Query, Request, State},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::timeout;

/// Records that are taken in at once; the switch posts one for each call that ends.
pub const MOST_POSTS: usize = 32;
/// How long a record may take to arrive; the module itself gives up after three seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// `?switch=NAME`, and what the module puts behind it.
#[derive(Deserialize)]
pub(super) struct From {
    switch: Option<String>,
}

/// Nothing of the body is read before its sender is known, and of few senders at once: the daemon's memory is not theirs.
pub(super) async fn take(State(http): State<Http>, Query(from): Query<From>, request: Request) -> Response {
    if http.credentials.as_deref().is_some_and(|credentials| !knows(request.headers(), credentials)) {
        return (StatusCode::UNAUTHORIZED, [("www-authenticate", "Basic")]).into_response();
    }
    let Ok(_place) = http.posts.clone().try_acquire_owned() else {
        return unavailable("too many call records at once: keep it and send it again");
    };
    let body = match timeout(PATIENCE, to_bytes(request.into_body(), MOST_BODY)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return StatusCode::PAYLOAD_TOO_LARGE.into_response(),
        Err(_) => return StatusCode::REQUEST_TIMEOUT.into_response(),
    };
    match http.service.handle().cdr(from.switch.as_deref().map(|name| own_name(name).into()), body).await {
        Ok(Ok(())) => StatusCode::NO_CONTENT.into_response(),
        Ok(Err(refused @ (CdrRefused::Malformed(_) | CdrRefused::WhichSwitch))) => {
            (StatusCode::BAD_REQUEST, format!("{refused}\n")).into_response()
        }
        Ok(Err(refused @ CdrRefused::NotStored(_))) => unavailable(&refused.to_string()),
        Err(gone) => unavailable(&gone.to_string()),
    }
}

/// The module puts `?uuid=…` behind its url, whatever stands there already (mod_json_cdr.c, `process_cdr`): the name of the
/// switch ends at a question mark.
fn own_name(given: &str) -> &str {
    given.split('?').next().unwrap_or_default()
}

/// `Authorization: Basic …`, compared without telling by the time taken where it differs.
fn knows(headers: &HeaderMap, credentials: &str) -> bool {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Basic "));
    is_same(given.unwrap_or_default().trim().as_bytes(), BASE64_STANDARD.encode(credentials).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switchs_name_ends_where_the_module_goes_on() {
        assert_eq!(own_name("main?uuid=6fdc1b8e-36aa-497d-afa5-72c4768ba639"), "main");
        assert_eq!(own_name("main"), "main");
    }

    #[test]
    fn credentials_are_compared_as_basic_authentication_writes_them() {
        let with = |value: &str| HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
        assert!(knows(&with("Basic Y2RyOndvcmQ="), "cdr:word"));
        for wrong in ["Basic Y2RyOndvcmQ", "Basic ", "Bearer Y2RyOndvcmQ=", "Basic Y2RyOndvcmR="] {
            assert!(!knows(&with(wrong), "cdr:word"), "{wrong}");
        }
        assert!(!knows(&HeaderMap::new(), "cdr:word"));
    }
}
