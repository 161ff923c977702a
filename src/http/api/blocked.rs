//! Numbers that are never dialled.

use super::{
    Api,
    problem::{Denied, Malformed, Problem, Unavailable, UnreadBody},
    tokens::{Operator, Reader},
    wire::Blocked,
};
use crate::{
    engine::{
        number::Number,
        paper::{Paper, PaperKind},
        record::{BlockRecord, Blocked as Why, Write},
        time::Wall,
    },
    store::PaperQuery,
};
use axum::{
    Json,
    extract::{
        Path, State,
        rejection::{JsonRejection, PathRejection},
    },
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use utoipa::ToSchema;

/// The longest reason, in characters.
const LONGEST_REASON: usize = 200;

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
    let store = api.service.handle().store();
    let of_reasons = PaperQuery { kind: Some(PaperKind::Block), ..PaperQuery::default() };
    let reasons = store.papers(&of_reasons).await?;
    let reasons: HashMap<String, String> = reasons.into_iter().map(|paper| (paper.id, paper.body)).collect();
    let told = |record: &BlockRecord| {
        let mut told = Blocked::from(record);
        let written = reasons.get(&told.number).filter(|_| matches!(record.why, Why::Person { .. }));
        told.reason = written.and_then(|body| serde_json::from_str(body).ok());
        told
    };
    Ok(Json(List { numbers: store.blocked().await?.iter().map(told).collect() }))
}

/// What is known of it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Because {
    /// Why, in words of one's own.
    #[schema(max_length = 200)]
    #[serde(default)]
    reason: Option<String>,
}

/// The paper that says why, or that takes an older one off.
fn paper(number: Number, reason: Option<String>, at: Wall) -> Write {
    let (kind, id) = (PaperKind::Block, number.to_string());
    let reason = reason.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let Some(reason) = reason else { return Write::Discard { kind, id } };
    let body = serde_json::to_string(&reason).unwrap_or_default();
    Write::Paper(Paper { kind, about: id.clone(), id, at, body })
}

/// Never dials this number, and takes its open callback off. Scope `operate`.
#[utoipa::path(
    put, path = "/api/v1/blocked/{number}", tag = "numbers", request_body = Option<Because>, security(("token" = [])),
    params(("number" = String, Path, description = "E.164, or as people of the country write it", pattern = r"^\+[1-9][0-9]{7,14}$")),
    responses(
        (status = 204, description = "It is never dialled"),
        Malformed, Denied, UnreadBody, Unavailable,
    )
)]
pub async fn block(
    who: Operator,
    State(api): State<Api>,
    number: Result<Path<String>, PathRejection>,
    because: Result<Option<Json<Option<Because>>>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let (Path(number), because) = (number?, because?.and_then(|Json(because)| because));
    let reason = because.unwrap_or_default().reason;
    if reason.as_ref().is_some_and(|text| text.chars().count() > LONGEST_REASON) {
        return Err(Problem::malformed(format!("`reason` has at most {LONGEST_REASON} characters")));
    }
    let number = api.service.block(&number, true, &who.name).await?;
    let at = api.service.status().await?.at;
    api.service.handle().store().commit(&[paper(number, reason, at)]).await?;
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
    let number = api.service.block(&number, false, &who.name).await?;
    let paper = Write::Discard { kind: PaperKind::Block, id: number.to_string() };
    api.service.handle().store().commit(&[paper]).await?;
    Ok(StatusCode::NO_CONTENT)
}
