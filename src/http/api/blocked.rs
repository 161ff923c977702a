//! Numbers that are never dialled.

use super::{
    Api,
    problem::{Denied, Malformed, Problem, Unavailable},
    tokens::{Operator, Reader},
    wire::Blocked,
};
use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
};
use serde::Serialize;
use utoipa::ToSchema;

/// All of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct List {
    /// By number.
    numbers: Vec<Blocked>,
}

/// Numbers that are never dialled, and why. Scope `read`.
#[utoipa::path(
    get, path = "/api/v1/blocked", tag = "numbers", security(("token" = [])),
    responses(
        (status = 200, body = List),
        Denied, Unavailable,
    )
)]
pub async fn list(_: Reader, State(api): State<Api>) -> Result<Json<List>, Problem> {
    let blocked = api.service.handle().store().blocked().await?;
    Ok(Json(List { numbers: blocked.iter().map(Into::into).collect() }))
}

/// Never dials this number, and takes its open callback off. Scope `operate`.
#[utoipa::path(
    put, path = "/api/v1/blocked/{number}", tag = "numbers", security(("token" = [])),
    params(("number" = String, Path, description = "E.164, or as people of the country write it", pattern = r"^\+[1-9][0-9]{7,14}$")),
    responses(
        (status = 204, description = "It is never dialled"),
        Malformed, Denied, Unavailable,
    )
)]
pub async fn block(
    who: Operator,
    State(api): State<Api>,
    number: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path(number) = number?;
    api.service.block(&number, true, &who.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a number off the list. Scope `operate`.
#[utoipa::path(
    delete, path = "/api/v1/blocked/{number}", tag = "numbers", security(("token" = [])),
    params(("number" = String, Path, description = "E.164, or as people of the country write it", pattern = r"^\+[1-9][0-9]{7,14}$")),
    responses(
        (status = 204, description = "It may be dialled"),
        Malformed, Denied, Unavailable,
    )
)]
pub async fn unblock(
    who: Operator,
    State(api): State<Api>,
    number: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path(number) = number?;
    api.service.block(&number, false, &who.name).await?;
    Ok(StatusCode::NO_CONTENT)
}
