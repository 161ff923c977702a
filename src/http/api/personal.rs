//! What is kept of one client: shown, and forgotten.

use super::{
    Api,
    problem::{Conflict, Denied, Malformed, Problem, Unavailable},
    tokens::Admin,
    wire::{Blocked, Call, Story, moment},
};
use crate::control::personal::{Personal, Sheet};
use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// Everything that is kept of one client.
#[derive(Debug, Serialize, ToSchema)]
pub struct Kept {
    /// E.164.
    number: String,
    /// Why the number is never dialled; null: it may be.
    blocked: Option<Blocked>,
    /// The client's calls, the oldest first.
    calls: Vec<Call>,
    /// The callbacks, with their attempts.
    callbacks: Vec<Story>,
    /// What the client sent and wrote, with the consent to it, and what was written of them.
    papers: Vec<PaperOf>,
    /// Files on the switches in which the client is heard.
    recordings: Vec<String>,
}

/// A paper.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaperOf {
    /// request, chat, message, picture, note.
    kind: String,
    /// Its name among those of its kind.
    id: String,
    /// When it was written.
    #[schema(format = DateTime)]
    at: String,
    /// What it says; of a picture null, see `/api/v1/chats`.
    body: Value,
}

impl From<&Sheet> for PaperOf {
    fn from(sheet: &Sheet) -> PaperOf {
        let Sheet { kind, id, at, body } = sheet;
        PaperOf { kind: kind.as_str().to_owned(), id: id.clone(), at: moment(*at), body: body.clone() }
    }
}

impl From<&Personal> for Kept {
    fn from(known: &Personal) -> Kept {
        Kept {
            number: known.number.to_string(),
            blocked: known.blocked.as_ref().map(Into::into),
            calls: known.calls.iter().map(Into::into).collect(),
            callbacks: known.callbacks.iter().map(Into::into).collect(),
            papers: known.papers.iter().map(Into::into).collect(),
            recordings: known.recordings.clone(),
        }
    }
}

/// What was forgotten.
#[derive(Debug, Serialize, ToSchema)]
pub struct Forgotten {
    /// Calls that name nobody any more.
    calls: usize,
    /// Callbacks that name nobody any more.
    callbacks: usize,
    /// Papers that are gone.
    papers: usize,
    /// Files on the switches in which the client is heard: to be removed there.
    recordings: Vec<String>,
}

/// How thoroughly.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct How {
    /// Take the number off those that are never dialled, too.
    unblock: Option<bool>,
}

/// Everything that is kept of one client, for whoever has a right to know it. Scope `admin`.
#[utoipa::path(
    get, path = "/api/v1/personal/{number}", tag = "numbers", security(("token" = [])),
    params(("number" = String, Path, description = "E.164, or as people of the country write it", pattern = r"^\+[1-9][0-9]{7,14}$")),
    responses(
        (status = 200, body = Kept),
        Malformed, Denied, Unavailable,
    )
)]
pub async fn known(
    _: Admin,
    State(api): State<Api>,
    number: Result<Path<String>, PathRejection>,
) -> Result<Json<Kept>, Problem> {
    let Path(number) = number?;
    Ok(Json((&api.service.known(&number).await?).into()))
}

/// Forgets a client: an open callback is taken off, calls and callbacks stay without number and name, papers go. There is no way back.
/// Scope `admin`.
#[utoipa::path(
    delete, path = "/api/v1/personal/{number}", tag = "numbers", security(("token" = [])),
    params(("number" = String, Path, description = "E.164, or as people of the country write it", pattern = r"^\+[1-9][0-9]{7,14}$"), How),
    responses(
        (status = 200, body = Forgotten),
        Malformed, Denied, Conflict, Unavailable,
    )
)]
pub async fn forget(
    who: Admin,
    State(api): State<Api>,
    number: Result<Path<String>, PathRejection>,
    how: Result<Query<How>, QueryRejection>,
) -> Result<Json<Forgotten>, Problem> {
    let (Path(number), Query(how)) = (number?, how?);
    let known = api.service.forget(&number, &who.name, how.unblock.unwrap_or(false)).await?;
    Ok(Json(Forgotten {
        calls: known.calls.len(),
        callbacks: known.callbacks.len(),
        papers: known.papers.len(),
        recordings: known.recordings,
    }))
}
