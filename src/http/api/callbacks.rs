//! Callbacks: made, listed, read, explained, put off, taken off.

use super::{
    Api,
    once::Turn,
    problem::{Conflict, Denied, Malformed, Problem, Unavailable, Unknown, UnreadBody},
    tokens::{Operator, Reader},
    wire::{Callback, NewCallback, NewTime, Story},
};
use crate::{
    engine::{record::CallbackId, time::Wall},
    store::CallbackFilter,
};
use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, PathRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// How many one answer has when nobody says how many.
pub const USUAL: usize = 100;
/// … and at most.
pub const MOST: usize = 1000;

/// Which callbacks.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Of this client: E.164, or as people of the country write a number.
    #[param(pattern = r"^\+[1-9][0-9]{7,14}$")]
    number: Option<String>,
    /// Of this line.
    line: Option<String>,
    /// Of this list.
    list: Option<String>,
    /// Only those with something still to do.
    open: Option<bool>,
    /// How many, 1 to 1000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The `next` of the page before.
    before: Option<u64>,
}

/// A page of callbacks, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Callbacks {
    /// The callbacks.
    callbacks: Vec<Callback>,
    /// What to say as `before` for the next page; null: there is none.
    next: Option<u64>,
}

/// How many are asked for, if that is a number that may be.
pub fn limit(wanted: Option<usize>) -> Result<usize, Problem> {
    match wanted {
        Some(0) => Err(Problem::malformed("`limit` is 1 to 1000")),
        wanted if wanted.is_some_and(|limit| limit > MOST) => Err(Problem::malformed("`limit` is 1 to 1000")),
        wanted => Ok(wanted.unwrap_or(USUAL)),
    }
}

/// A moment as it was sent.
pub fn moment(text: &str) -> Result<Wall, Problem> {
    let told = |_| Problem::malformed(format!("\"{text}\" is no moment: write it as 2027-01-31T09:00:00Z"));
    text.parse::<jiff::Timestamp>().map(|at| Wall(at.as_millisecond())).map_err(told)
}

/// Callbacks, the newest first. Scope `read`.
#[utoipa::path(
    get, path = "/api/v1/callbacks", tag = "callbacks", params(Which), security(("token" = [])),
    responses(
        (status = 200, body = Callbacks),
        Malformed, Denied, Unavailable,
    )
)]
pub async fn list(
    _: Reader,
    State(api): State<Api>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<Callbacks>, Problem> {
    let Query(which) = which?;
    let limit = limit(which.limit)?;
    if which.before.is_some_and(|before| i64::try_from(before).is_err()) {
        return Err(Problem::malformed("`before` is the `next` of the page before"));
    }
    let filter = CallbackFilter {
        number: which.number.map(|text| api.service.number(&text)).transpose()?,
        line: which.line.map(Into::into),
        list: which.list,
        open: which.open.unwrap_or(false),
        limit: Some(limit),
        before: which.before.map(CallbackId),
    };
    let mut found = api.service.handle().store().callbacks(&filter).await?;
    found.reverse();
    let next = found.last().map(|record| record.id.0).filter(|_| found.len() == limit);
    Ok(Json(Callbacks { callbacks: found.iter().map(Into::into).collect(), next }))
}

/// Has a client called back, now or at a time of their choice; of a client who has an open callback it becomes due. Scope `operate`.
#[utoipa::path(
    post, path = "/api/v1/callbacks", tag = "callbacks", request_body = NewCallback, security(("token" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "Sent again under the same key, it is answered as it was", pattern = r"^[!-~]{1,128}$")),
    responses(
        (status = 201, body = Callback),
        Malformed, Denied, Unknown, Conflict, UnreadBody, Unavailable,
    )
)]
pub async fn make(
    who: Operator,
    State(api): State<Api>,
    headers: HeaderMap,
    body: Result<Json<NewCallback>, JsonRejection>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let Json(wanted) = body?;
    let what = serde_json::to_string(&wanted).unwrap_or_default();
    let key = match api.once.turn(&headers, &who.name, &what)? {
        Turn::Again(answer) => return Ok((StatusCode::CREATED, Json(answer))),
        Turn::First(key) => key,
    };
    let made = call(&api, &wanted, &who.name).await;
    let answer = made.as_ref().ok().map(|made| serde_json::to_value(made).unwrap_or_default());
    api.once.done(key, answer.as_ref());
    made.map(|_| (StatusCode::CREATED, Json(answer.unwrap_or_default())))
}

async fn call(api: &Api, wanted: &NewCallback, by: &str) -> Result<Callback, Problem> {
    let due = wanted.due.as_deref().map(moment).transpose()?;
    let line = wanted.line.as_deref();
    let made = match due {
        Some(due) => api.service.call_again(&wanted.number, line, due, by, api.clock.now().wall).await?,
        None => api.service.call(&wanted.number, line, by, None).await?,
    };
    Ok((&made).into())
}

/// A callback with its attempts and legs. Scope `read`.
#[utoipa::path(
    get, path = "/api/v1/callbacks/{id}", tag = "callbacks", security(("token" = [])),
    params(("id" = u64, Path, description = "Its number")),
    responses(
        (status = 200, body = Story),
        Malformed, Denied, Unknown, Unavailable,
    )
)]
pub async fn one(
    _: Reader,
    State(api): State<Api>,
    id: Result<Path<u64>, PathRejection>,
) -> Result<Json<Story>, Problem> {
    let Path(id) = id?;
    Ok(Json((&api.service.callback(CallbackId(id)).await?).into()))
}

/// Why a callback stands where it stands: the rule, what stands against the next attempt, when that is. Scope `read`.
#[utoipa::path(
    get, path = "/api/v1/callbacks/{id}/explanation", tag = "callbacks", security(("token" = [])),
    params(("id" = u64, Path, description = "Its number")),
    responses(
        (status = 200, body = Value, description = "As `perezvon explain --json`"),
        Malformed, Denied, Unknown, Unavailable,
    )
)]
pub async fn explain(
    _: Reader,
    State(api): State<Api>,
    id: Result<Path<u64>, PathRejection>,
) -> Result<Json<Value>, Problem> {
    let Path(id) = id?;
    Ok(Json(api.service.explain(CallbackId(id)).await?))
}

/// Takes a callback off. Scope `operate`.
#[utoipa::path(
    post, path = "/api/v1/callbacks/{id}/cancel", tag = "callbacks", security(("token" = [])),
    params(("id" = u64, Path, description = "Its number")),
    responses(
        (status = 204, description = "It is taken off, or ends as soon as its attempt does"),
        Malformed, Denied, Unknown, Conflict, Unavailable,
    )
)]
pub async fn cancel(
    who: Operator,
    State(api): State<Api>,
    id: Result<Path<u64>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path(id) = id?;
    api.service.cancel(CallbackId(id), &who.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Dials an open callback now; the phone of the operator who holds the token is rung first. The line's hours and limits hold all the same. Scope `operate`.
#[utoipa::path(
    post, path = "/api/v1/callbacks/{id}/dial", tag = "callbacks", security(("token" = [])),
    params(("id" = u64, Path, description = "Its number")),
    responses(
        (status = 204, description = "It is dialled as soon as it may be"),
        Malformed, Denied, Unknown, Conflict, Unavailable,
    )
)]
pub async fn dial(
    who: Operator,
    State(api): State<Api>,
    id: Result<Path<u64>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path(id) = id?;
    api.service.dial(CallbackId(id), who.operator).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Puts an open callback to another time. The line's hours and limits hold all the same. Scope `operate`.
#[utoipa::path(
    put, path = "/api/v1/callbacks/{id}/due", tag = "callbacks", request_body = NewTime, security(("token" = [])),
    params(("id" = u64, Path, description = "Its number")),
    responses(
        (status = 200, body = Callback),
        Malformed, Denied, Unknown, Conflict, UnreadBody, Unavailable,
    )
)]
pub async fn reschedule(
    _: Operator,
    State(api): State<Api>,
    id: Result<Path<u64>, PathRejection>,
    body: Result<Json<NewTime>, JsonRejection>,
) -> Result<Json<Callback>, Problem> {
    let (Path(id), Json(wanted)) = (id?, body?);
    api.service.reschedule(CallbackId(id), moment(&wanted.due)?).await?;
    Ok(Json((&api.service.callback(CallbackId(id)).await?.callback).into()))
}
