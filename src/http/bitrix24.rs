//! The events of Bitrix24: a client who asks for a call in one of its forms is called back (`OnExternalCallBackStart`).

use super::{Http, is_same, unavailable};
use crate::{
    config::{Bitrix24, Secret},
    control::request::{Refusal, RefusalKind},
    engine::Name,
};
use axum::{
    extract::{Form, State, rejection::FormRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use std::collections::BTreeMap;

/// The event that asks for a call; others are heard and let be.
const CALL_BACK: &str = "ONEXTERNALCALLBACKSTART";
/// Who asked, in the journal.
const BY: &str = "bitrix24";

/// How events of a Bitrix24 are known, and what comes of them.
#[derive(Debug)]
pub struct FromBitrix24 {
    token: Secret,
    line: Option<Name>,
}

impl FromBitrix24 {
    /// `None`: it has no token, and none of its events is taken in.
    pub fn of(settings: &Bitrix24) -> Option<FromBitrix24> {
        Some(FromBitrix24 { token: settings.token.clone()?, line: settings.line.clone() })
    }
}

/// One event: `event`, `data[PHONE_NUMBER]`, `auth[application_token]` and more, as a form.
pub(super) async fn take(
    State(http): State<Http>,
    form: Result<Form<BTreeMap<String, String>>, FormRejection>,
) -> Response {
    let Some(from) = &http.bitrix24 else {
        return (StatusCode::NOT_FOUND, "no `token` is in [bitrix24]\n").into_response();
    };
    let Ok(Form(form)) = form else { return StatusCode::BAD_REQUEST.into_response() };
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    if !is_same(field("auth[application_token]").as_bytes(), from.token.reveal().as_bytes()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if !field("event").eq_ignore_ascii_case(CALL_BACK) {
        return StatusCode::NO_CONTENT.into_response();
    }
    match http.service.call(field("data[PHONE_NUMBER]"), from.line.as_deref(), BY, None).await {
        Ok(_) => StatusCode::NO_CONTENT.into_response(),
        Err(Refusal { kind: RefusalKind::Store | RefusalKind::Busy, text, .. }) => unavailable(&text),
        Err(refusal) => (StatusCode::UNPROCESSABLE_ENTITY, format!("{}\n", refusal.text)).into_response(),
    }
}
