//! Everything that a wall of a call centre shows, at one moment.

use super::{
    Api,
    problem::{Denied, Problem, Unavailable},
    tokens::Reader,
    wire::{Call, Callback, Person, moment},
};
use crate::engine::{
    AttemptView, QueueView, Status, SwitchView, WaiterView,
    record::{CallbackRecord, CallbackState},
    time::Wall,
};
use axum::{Json, extract::State};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How many open callbacks one board shows: those under way, then those that are due next.
const MOST_SHOWN: usize = 100;

/// A switch.
#[derive(Debug, Serialize, ToSchema)]
pub struct Switch {
    /// The name.
    name: String,
    /// We are logged in.
    up: bool,
    /// What is alive there is known, so that dialling may begin.
    settled: bool,
}

/// A client who waits on the line.
#[derive(Debug, Serialize, ToSchema)]
pub struct Waiter {
    /// The uuid of the caller's channel.
    call: String,
    /// Who, E.164; null: hidden.
    number: Option<String>,
    /// The name that the caller showed.
    name: String,
    /// The line that was dialled.
    line: String,
    /// The place in the order of the group, callbacks that are due counted in; from 1.
    place: u32,
    /// How long the client has waited, in milliseconds.
    waited_ms: u64,
    /// How long a client in this place is likely to wait, in milliseconds; null: not known yet.
    expected_ms: Option<u64>,
    /// What the caller hears: greeting, music, ringing-tone, words, question, joining, nothing.
    hears: String,
    /// Operators whose phones ring for them.
    rung: Vec<String>,
}

/// Who waits for a group.
#[derive(Debug, Serialize, ToSchema)]
pub struct Queue {
    /// The group.
    group: String,
    /// How many of its operators take calls, now or after the one that they are on.
    operators: usize,
    /// In the order in which they are served.
    waiting: Vec<Waiter>,
}

impl Queue {
    fn of(view: &QueueView, status: &Status) -> Queue {
        let name = |waiter: &WaiterView| {
            status.calls.iter().find(|call| call.id == waiter.call).map_or(String::new(), |call| call.name.clone())
        };
        let waiting = view.waiting.iter().map(|waiter| Waiter {
            call: waiter.call.to_string(),
            number: waiter.number.map(|number| number.to_string()),
            name: name(waiter),
            line: waiter.line.to_string(),
            place: waiter.position,
            waited_ms: waiter.waited.0,
            expected_ms: waiter.expected.map(|span| span.0),
            hears: waiter.hears.to_owned(),
            rung: waiter.rung.iter().map(ToString::to_string).collect(),
        });
        Queue { group: view.group.to_string(), operators: view.operators, waiting: waiting.collect() }
    }
}

/// An open callback and what is done for it now.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnderWay {
    /// The callback.
    callback: Callback,
    /// tracking, later, due; of an attempt: ringing, waiting, announcing, checking, dialling, greeting, taking, joining, talking,
    /// ending, settling.
    stage: String,
    /// Since when; of what is not under way, the time that it waits for.
    #[schema(format = DateTime)]
    since: String,
    /// Operators whose phones ring, or who have answered.
    operators: Vec<String>,
}

impl UnderWay {
    fn of(record: &CallbackRecord, attempt: Option<&AttemptView>, now: Wall) -> UnderWay {
        let (stage, since) = match (attempt, &record.state) {
            (Some(attempt), _) => (attempt.stage, attempt.since),
            (None, CallbackState::Tracking) => ("tracking", record.due),
            (None, _) if record.due > now => ("later", record.due),
            (None, _) => ("due", record.due),
        };
        let operators = attempt.map_or(&[][..], |attempt| &attempt.operators);
        UnderWay {
            callback: record.into(),
            stage: stage.to_owned(),
            since: moment(since),
            operators: operators.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Trouble that a person should know of.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Trouble {
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// impossible, clock, trunk, overdue, store, silent, limit, voice, cap, hold.
    pub kind: String,
    /// What happened.
    pub text: String,
}

/// How things stand, with all that a person looks at.
#[derive(Debug, Serialize, ToSchema)]
pub struct Board {
    /// When it was so.
    #[schema(format = DateTime)]
    at: String,
    /// All dialling is paused.
    paused: bool,
    /// The daemon is about to stop.
    stopping: bool,
    /// Nothing is dialled, only said.
    observing: bool,
    /// The store takes writes.
    store_works: bool,
    /// The switches.
    switches: Vec<Switch>,
    /// Who waits, by group.
    queues: Vec<Queue>,
    /// The operators.
    operators: Vec<Person>,
    /// Clients' calls that are alive, those that wait too.
    calls: Vec<Call>,
    /// Open callbacks, at most 100: those under way, then those that are due next.
    callbacks: Vec<UnderWay>,
    /// How many callbacks are open.
    open_callbacks: usize,
    /// The last alarms since the daemon's start, the newest first, at most 100.
    alarms: Vec<Trouble>,
}

/// Who waits, operators, callbacks with what is done for them now, switches, the last alarms. Scope `read`.
#[utoipa::path(
    get, path = "/api/v1/board", tag = "people", security(("token" = [])),
    responses(
        (status = 200, body = Board),
        Denied, Unavailable,
    )
)]
pub async fn board(_: Reader, State(api): State<Api>) -> Result<Json<Board>, Problem> {
    let status = api.service.status().await?;
    let switch = |view: &SwitchView| Switch { name: view.name.to_string(), up: view.up, settled: view.settled };
    Ok(Json(Board {
        at: moment(status.at),
        paused: status.paused,
        stopping: status.draining,
        observing: status.observe,
        store_works: status.store_works,
        switches: status.switches.iter().map(switch).collect(),
        queues: status.queues.iter().map(|queue| Queue::of(queue, &status)).collect(),
        operators: status.operators.iter().map(Into::into).collect(),
        calls: status.calls.iter().map(Into::into).collect(),
        callbacks: shown(&status),
        open_callbacks: status.callbacks.len(),
        alarms: api.events.alarms(),
    }))
}

fn shown(status: &Status) -> Vec<UnderWay> {
    let attempts: BTreeMap<_, _> = status.under_way.iter().map(|view| (view.callback, view)).collect();
    let mut open: Vec<&CallbackRecord> = status.callbacks.iter().collect();
    open.sort_by_key(|record| (!attempts.contains_key(&record.id), record.due, record.id));
    open.truncate(MOST_SHOWN);
    open.into_iter().map(|record| UnderWay::of(record, attempts.get(&record.id).copied(), status.at)).collect()
}
