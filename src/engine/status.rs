//! The engine as people see it now.

use super::{
    Name,
    attempt::Stage,
    effect::Moment,
    machine::{Engine, Kind},
    number::Number,
    operator::{OperatorState, State},
    record::{CallRecord, CallbackId, CallbackRecord, ChannelId, Job},
    rules::Rules,
    time::{Now, Span, Wall},
};
use serde::Serialize;

/// One operator now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OperatorView {
    /// The name.
    pub name: Name,
    /// Takes calls, by the operator's own word.
    pub ready: bool,
    /// What the operator is doing.
    pub state: OperatorState,
    /// Since when ready or away.
    pub since: Wall,
    /// For which callback; of one who takes several at once, any.
    pub callback: Option<CallbackId>,
    /// For which caller of the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<ChannelId>,
    /// What the operator's phone does for that client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moment: Option<Moment>,
    /// Since when the two talk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub talks: Option<Wall>,
    /// Why away; empty: nobody said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Until when the pause after the last talk lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<Wall>,
}

/// One switch now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SwitchView {
    /// The name.
    pub name: Name,
    /// We are logged in.
    pub up: bool,
    /// What is alive there is known, so that dialling may begin.
    pub settled: bool,
}

/// One caller who waits on the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaiterView {
    /// The caller's channel.
    pub call: ChannelId,
    /// Who; `None`: hidden.
    pub number: Option<Number>,
    /// By the rules of which line.
    pub line: Name,
    /// The place in the order of the group, callbacks that are due counted in; from 1.
    pub position: u32,
    /// Since when the place counts.
    pub since: Wall,
    /// How long the call has waited, in milliseconds.
    pub waited: Span,
    /// The dialplan has not taken them back.
    pub given: bool,
    /// What the caller hears: `greeting`, `music`, `ringing-tone`, `words`, `question`, `joining`, `nothing`.
    pub hears: &'static str,
    /// Operators whose phones ring, or who have answered, for them.
    pub rung: Vec<Name>,
}

/// One talk that is on hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HoldView {
    /// The line on which the client is.
    pub line: Name,
    /// Who talks with the client, when it is one of our operators.
    pub operator: Option<Name>,
    /// For how long, in milliseconds.
    pub held: Span,
}

/// The queue of one group now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueueView {
    /// The group.
    pub group: Name,
    /// How many of its operators take calls, now or after the one that they are on.
    pub operators: usize,
    /// Who waits on the line, in the order in which they are served.
    pub waiting: Vec<WaiterView>,
}

/// The engine now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// All dialling is paused.
    pub paused: bool,
    /// The daemon is about to stop.
    pub draining: bool,
    /// Nothing is dialled, only said.
    pub observe: bool,
    /// The store takes writes.
    pub store_works: bool,
    /// The switches.
    pub switches: Vec<SwitchView>,
    /// The operators.
    pub operators: Vec<OperatorView>,
    /// The queues, by group.
    pub queues: Vec<QueueView>,
    /// Talks on hold, the longest first.
    pub held: Vec<HoldView>,
    /// Clients' calls that are alive.
    pub calls: Vec<CallRecord>,
    /// Open callbacks.
    pub callbacks: Vec<CallbackRecord>,
    /// Lists of numbers that rest.
    pub paused_lists: Vec<String>,
    /// Attempts under way, and how many of them talk.
    pub attempts: usize,
    /// Attempts in which operator and client talk.
    pub talking: usize,
}

impl Engine {
    /// The engine as people see it now; as large as what is in progress, so ask for it when somebody looks.
    pub fn status(&self, now: Now) -> Status {
        #[allow(clippy::disallowed_methods)] // sorted below: the order of the map does not show
        let mut calls: Vec<CallRecord> = self
            .channels
            .values()
            .filter_map(|followed| match &followed.kind {
                Kind::Caller(caller) if caller.watched => Some(caller.record.clone()),
                _ => None,
            })
            .collect();
        calls.sort_by(|a, b| (a.arrived, &a.id).cmp(&(b.arrived, &b.id)));
        Status {
            paused: self.paused,
            draining: self.draining,
            observe: self.rules.observe,
            store_works: self.store_works,
            switches: self
                .links
                .iter()
                .map(|(name, link)| SwitchView { name: name.clone(), up: link.up, settled: link.settled.is_some() })
                .collect(),
            operators: self
                .operators
                .iter()
                .filter(|(name, _)| self.rules.operators.contains_key(*name))
                .map(|(name, state)| self.operator_view(name, state, now))
                .collect(),
            queues: self.rules.groups.values().map(|group| self.queue_view(group, now)).collect(),
            held: self.hold_views(now),
            calls,
            callbacks: self.callbacks.values().cloned().collect(),
            paused_lists: self.paused_lists.iter().cloned().collect(),
            attempts: self.attempts.len(),
            talking: self.attempts.values().filter(|at| at.stage == Stage::Talking).count(),
        }
    }

    pub(super) fn operator_view(&self, name: &Name, state: &State, now: Now) -> OperatorView {
        let at = state.reserved.first().and_then(|job| self.attempts.get(job));
        let moment = at.and_then(|at| at.moment_of(name));
        let talks = at.filter(|_| moment == Some(Moment::Talks)).and_then(|at| at.record.joined);
        OperatorView {
            name: name.clone(),
            ready: state.ready,
            state: state.doing(now.mono),
            since: state.since,
            callback: state.reserved.first().and_then(|job| job.callback()),
            call: state.reserved.iter().find_map(|job| self.live_call(*job)),
            moment,
            talks,
            why: state.why.clone(),
            pause: (state.wrap_up > now.mono).then(|| now.wall + state.wrap_up.since(now.mono)),
        }
    }

    fn live_call(&self, job: Job) -> Option<ChannelId> {
        match job {
            Job::Live(id) => self.live.get(&id).cloned(),
            Job::Callback(_) => None,
        }
    }

    /// The rules that are obeyed.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Attempts that still want something of us before the daemon may stop: all but those that talk.
    pub fn unfinished(&self) -> usize {
        self.attempts.values().filter(|at| at.stage != Stage::Talking).count()
    }
}
