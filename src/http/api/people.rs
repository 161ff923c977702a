//! Operators, groups, who waits, and whether anybody is dialled at all.

use super::{
    Api,
    problem::{Denied, Malformed, Problem, Unavailable, Unknown, UnreadBody},
    tokens::{Admin, Operator as May, Reader},
    wire::{Call, moment},
};
use crate::{
    config::Scope,
    engine::{Name, OperatorView, rules::Group},
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
use utoipa::ToSchema;

/// One operator now.
#[derive(Debug, Serialize, ToSchema)]
pub struct Person {
    /// The name.
    name: String,
    /// Takes calls, by the operator's own word.
    ready: bool,
    /// free, callback, busy, wrap-up, resting, unregistered, away.
    state: String,
    /// Since when ready or away.
    #[schema(format = DateTime)]
    since: String,
    /// For which callback.
    callback: Option<u64>,
    /// For which caller of the queue, by the uuid of the channel.
    call: Option<String>,
    /// Why away, in somebody's own words; empty: nobody said. `unanswered`: calls rang in vain.
    why: String,
    /// Until when the pause after the last talk lasts.
    #[schema(format = DateTime)]
    pause: Option<String>,
}

impl From<&OperatorView> for Person {
    fn from(view: &OperatorView) -> Person {
        Person {
            name: view.name.to_string(),
            ready: view.ready,
            state: view.state.as_str().to_owned(),
            since: moment(view.since),
            callback: view.callback.map(|id| id.0),
            call: view.call.as_ref().map(ToString::to_string),
            why: view.why.clone(),
            pause: view.pause.map(moment),
        }
    }
}

/// All operators.
#[derive(Debug, Serialize, ToSchema)]
pub struct People {
    /// By name.
    operators: Vec<Person>,
}

/// What an operator shall do.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ready {
    /// Take calls? It ends a pause after a talk.
    ready: bool,
    /// Why not; 64 characters of it are kept.
    why: Option<String>,
}

/// Operators, and what each is doing. Scope `read`.
#[utoipa::path(
    get, path = "/api/v1/operators", tag = "people", security(("token" = [])),
    responses(
        (status = 200, body = People),
        Denied, Unavailable,
    )
)]
pub async fn operators(_: Reader, State(api): State<Api>) -> Result<Json<People>, Problem> {
    let status = api.service.status().await?;
    Ok(Json(People { operators: status.operators.iter().map(Into::into).collect() }))
}

/// May this token set this operator? One that says which operator holds it sets that operator alone, unless it may do everything.
pub fn may_set(who: &May, name: &str) -> Result<(), Problem> {
    match &who.operator {
        Some(own) if **own != *name && who.scope < Scope::Admin => {
            let detail = format!("token \"{}\" is {own}'s, who says nothing for {name}", who.name);
            Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail))
        }
        _ => Ok(()),
    }
}

/// The operator of this name as they are now.
pub async fn person(api: &Api, name: &str) -> Result<Json<Person>, Problem> {
    let status = api.service.status().await?;
    let found = status.operators.iter().find(|view| *view.name == *name);
    found.map(|view| Json(view.into())).ok_or_else(|| Problem::unknown(format!("there is no operator \"{name}\"")))
}

/// One operator: what they do, and whom they talk with. Scope `read`.
#[utoipa::path(
    get, path = "/api/v1/operators/{name}", tag = "people", security(("token" = [])),
    params(("name" = String, Path, description = "Who")),
    responses(
        (status = 200, body = Person),
        Malformed, Denied, Unknown, Unavailable,
    )
)]
pub async fn operator(
    _: Reader,
    State(api): State<Api>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<Person>, Problem> {
    let Path(name) = name?;
    person(&api, &name).await
}

/// Sets an operator ready or away, and why. A token that says which operator holds it sets that operator alone. Scope `operate`.
#[utoipa::path(
    put, path = "/api/v1/operators/{name}", tag = "people", request_body = Ready, security(("token" = [])),
    params(("name" = String, Path, description = "Who")),
    responses(
        (status = 200, body = Person),
        Malformed, Denied, Unknown, UnreadBody, Unavailable,
    )
)]
pub async fn set_operator(
    who: May,
    State(api): State<Api>,
    name: Result<Path<String>, PathRejection>,
    body: Result<Json<Ready>, JsonRejection>,
) -> Result<Json<Person>, Problem> {
    let (Path(name), Json(wanted)) = (name?, body?);
    may_set(&who, &name)?;
    api.service.operator(&name, wanted.ready, wanted.why.as_deref().unwrap_or_default()).await?;
    person(&api, &name).await
}

/// A group of operators.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroupOf {
    /// The name.
    name: String,
    /// Who of it is rung.
    strategy: String,
    /// Its operators, in their order.
    operators: Vec<String>,
    /// The lines that it serves.
    lines: Vec<String>,
}

/// All groups.
#[derive(Debug, Serialize, ToSchema)]
pub struct Groups {
    /// By name.
    groups: Vec<GroupOf>,
}

/// Groups, their operators and lines. Scope `read`.
#[utoipa::path(
    get, path = "/api/v1/groups", tag = "people", security(("token" = [])),
    responses(
        (status = 200, body = Groups),
        Denied,
    )
)]
pub async fn groups(_: Reader, State(api): State<Api>) -> Json<Groups> {
    let rules = api.service.handle().rules();
    let of = |group: &Name| {
        rules.lines.values().filter(|line| line.group == *group).map(|line| line.name.to_string()).collect()
    };
    let one = |group: &std::sync::Arc<Group>| GroupOf {
        name: group.name.to_string(),
        strategy: group.strategy.as_str().to_owned(),
        operators: group.operators.iter().map(|member| member.name.to_string()).collect(),
        lines: of(&group.name),
    };
    Json(Groups { groups: rules.groups.values().map(one).collect() })
}

/// How things stand.
#[derive(Debug, Serialize, ToSchema)]
pub struct Now {
    /// All dialling is paused.
    paused: bool,
    /// The daemon is about to stop.
    stopping: bool,
    /// Nothing is dialled, only said.
    observing: bool,
    /// The store takes writes.
    store_works: bool,
    /// Switches whose connection is up.
    switches_up: Vec<String>,
    /// Switches whose connection is not.
    switches_down: Vec<String>,
    /// Clients' calls that are alive, those that wait in the queue too.
    calls: Vec<Call>,
    /// How many callbacks are open.
    open_callbacks: usize,
    /// How many attempts talk.
    talking: usize,
}

/// How things stand: switches, live calls, the queue, what is under way. Scope `read`.
#[utoipa::path(
    get, path = "/api/v1/status", tag = "people", security(("token" = [])),
    responses(
        (status = 200, body = Now),
        Denied, Unavailable,
    )
)]
pub async fn status(_: Reader, State(api): State<Api>) -> Result<Json<Now>, Problem> {
    let status = api.service.status().await?;
    let switches = |up| status.switches.iter().filter(|s| s.up == up).map(|s| s.name.to_string()).collect();
    Ok(Json(Now {
        paused: status.paused,
        stopping: status.draining,
        observing: status.observe,
        store_works: status.store_works,
        switches_up: switches(true),
        switches_down: switches(false),
        calls: status.calls.iter().map(Into::into).collect(),
        open_callbacks: status.callbacks.len(),
        talking: status.talking,
    }))
}

/// Dials nobody from now on; talks and live callers go on. Scope `admin`.
#[utoipa::path(
    put, path = "/api/v1/pause", tag = "people", security(("token" = [])),
    responses(
        (status = 204, description = "Nobody is called back any more"),
        Denied, Unavailable,
    )
)]
pub async fn pause(_: Admin, State(api): State<Api>) -> Result<StatusCode, Problem> {
    api.service.pause(true).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Dials again. Scope `admin`.
#[utoipa::path(
    delete, path = "/api/v1/pause", tag = "people", security(("token" = [])),
    responses(
        (status = 204, description = "Clients are called back again"),
        Denied, Unavailable,
    )
)]
pub async fn resume(_: Admin, State(api): State<Api>) -> Result<StatusCode, Problem> {
    api.service.pause(false).await?;
    Ok(StatusCode::NO_CONTENT)
}
