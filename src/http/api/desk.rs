//! What an operator's page asks: who is at the phone now, who is to be called by hand, with whom I talked; and the pause after a talk.

use super::{
    Api,
    callbacks::moment,
    people::{may_set, person},
    problem::{Conflict, Denied, Malformed, Problem, Unavailable, Unknown, UnreadBody},
    tokens::{Operator as May, Reader},
    wire::{Call, Callback, Person, Story},
};
use axum::{
    Json,
    extract::{
        Path, State,
        rejection::{JsonRejection, PathRejection},
    },
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Who is at an operator's phone.
#[derive(Debug, Serialize, ToSchema)]
pub struct AtPhone {
    /// The operator.
    operator: Person,
    /// What the phone does for that client: rings, answered, talks; null: nothing.
    moment: Option<&'static str>,
    /// Since when they talk.
    #[schema(format = DateTime)]
    talks: Option<String>,
    /// The client who is called back.
    callback: Option<Callback>,
    /// The client's own call.
    call: Option<Call>,
}

/// Who is at an operator's phone at this moment, if anybody is. Scope `read`.
#[utoipa::path(
    get, path = "/api/v1/operators/{name}/now", tag = "people", security(("token" = [])),
    params(("name" = String, Path, description = "Who")),
    responses(
        (status = 200, body = AtPhone),
        Malformed, Denied, Unknown, Unavailable,
    )
)]
pub async fn now(
    _: Reader,
    State(api): State<Api>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<AtPhone>, Problem> {
    let hands = api.service.hands(&name?.0).await?;
    Ok(Json(AtPhone {
        operator: (&hands.operator).into(),
        moment: hands.moment.map(|moment| moment.as_str()),
        talks: hands.talks.map(super::wire::moment),
        callback: hands.callback.as_ref().map(Into::into),
        call: hands.call.as_ref().map(Into::into),
    }))
}

/// Until when.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// RFC 3339, an hour from now at most; a past time ends the pause.
    #[schema(format = DateTime)]
    until: String,
}

/// Has an operator's pause after a talk last longer, or ends it. Scope `operate`.
#[utoipa::path(
    put, path = "/api/v1/operators/{name}/wrap-up", tag = "people", request_body = Pause, security(("token" = [])),
    params(("name" = String, Path, description = "Who")),
    responses(
        (status = 200, body = Person),
        Malformed, Denied, Unknown, Conflict, UnreadBody, Unavailable,
    )
)]
pub async fn wrap_up(
    who: May,
    State(api): State<Api>,
    name: Result<Path<String>, PathRejection>,
    body: Result<Json<Pause>, JsonRejection>,
) -> Result<Json<Person>, Problem> {
    let (Path(name), Json(wanted)) = (name?, body?);
    may_set(&who, &name)?;
    api.service.wrap_up(&name, moment(&wanted.until)?, api.clock.now().wall).await?;
    person(&api, &name).await
}

/// Who is to be called by hand.
#[derive(Debug, Serialize, ToSchema)]
pub struct ByHand {
    /// The longest waiting first.
    callbacks: Vec<Callback>,
}

/// Callbacks that wait for a person to call them, of the lines whose calls this operator takes. Scope `read`.
#[utoipa::path(
    get, path = "/api/v1/operators/{name}/by-hand", tag = "people", security(("token" = [])),
    params(("name" = String, Path, description = "Who")),
    responses(
        (status = 200, body = ByHand),
        Malformed, Denied, Unknown, Unavailable,
    )
)]
pub async fn by_hand(
    _: Reader,
    State(api): State<Api>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<ByHand>, Problem> {
    let found = api.service.by_hand(&name?.0, api.clock.now().wall).await?;
    Ok(Json(ByHand { callbacks: found.iter().map(Into::into).collect() }))
}

/// With whom an operator talked.
#[derive(Debug, Serialize, ToSchema)]
pub struct Talks {
    /// Clients' calls, the newest first.
    calls: Vec<Call>,
    /// Callbacks with those attempts that the operator answered, the newest first.
    callbacks: Vec<Story>,
}

/// The last talks of an operator, 50 of each kind at most. Scope `read`.
#[utoipa::path(
    get, path = "/api/v1/operators/{name}/talks", tag = "people", security(("token" = [])),
    params(("name" = String, Path, description = "Who")),
    responses(
        (status = 200, body = Talks),
        Malformed, Denied, Unknown, Unavailable,
    )
)]
pub async fn talks(
    _: Reader,
    State(api): State<Api>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<Talks>, Problem> {
    let (calls, callbacks) = api.service.talks(&name?.0).await?;
    let calls = calls.iter().map(Into::into).collect();
    Ok(Json(Talks { calls, callbacks: callbacks.iter().map(Into::into).collect() }))
}

/// A link into another system.
#[derive(Debug, Serialize, ToSchema)]
pub struct LinkTo {
    /// What the page calls it.
    name: String,
    /// Where it leads, with `{number}`, `{name}`, `{page}`, `{callback}`, `{call}` and `{operator}` in it.
    url: String,
}

/// A word for how a talk went.
#[derive(Debug, Serialize, ToSchema)]
pub struct Word {
    /// The word.
    name: String,
    /// What it does: note, machine, do-not-call, call-again.
    means: &'static str,
}

/// What the pages show beside what the daemon knows.
#[derive(Debug, Serialize, ToSchema)]
pub struct Shown {
    /// Links beside a client.
    links: Vec<LinkTo>,
    /// Why operators are away; empty: as the page likes.
    away: Vec<String>,
    /// How talks went; empty: as the page likes.
    dispositions: Vec<Word>,
}

/// What the admin has the pages show: links, reasons to be away, words for how a talk went. Scope `read`.
#[utoipa::path(
    get, path = "/api/v1/pages", tag = "people", security(("token" = [])),
    responses(
        (status = 200, body = Shown),
        Denied,
    )
)]
pub async fn pages(_: Reader, State(api): State<Api>) -> Json<Shown> {
    let pages = &api.pages;
    let links = pages.links.iter().map(|link| LinkTo { name: link.name.clone(), url: link.url.clone() });
    let words = pages.dispositions.iter().map(|word| Word { name: word.name.clone(), means: word.means.as_str() });
    Json(Shown { links: links.collect(), away: pages.away.clone(), dispositions: words.collect() })
}
