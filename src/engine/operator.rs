//! Operators: who is free.
//!
//! | state | becomes | when |
//! |---|---|---|
//! | ready | away | a person says so or dials it, or the followed mod_callcenter agent is no longer Available |
//! | away | ready | the same, the other way |
//! | free | reserved | an attempt rings the operator |
//! | reserved | busy with us | the leg is answered |
//! | free | busy | any channel of the operator's phone is alive, whoever made it |
//! | busy | wrap-up | a talk ended |
//! | wrap-up | free | the pause is over |
//! | free | resting | the operator did not answer, refused, or the phone is not registered |
//!
//! *Free* is never stored: it is ready, and not reserved, no live channel, past wrap-up and rest.

use super::{
    Name,
    input::Channel,
    machine::{Cx, Engine, Timer},
    record::{CallbackId, OperatorRecord, Write},
    rules::Rules,
    time::{Mono, Now, Span, Wall},
};
use serde::Serialize;
use std::collections::BTreeMap;

/// How long an operator who did not answer is left in peace.
const REST: Span = Span::seconds(60);

#[derive(Debug)]
pub(super) struct State {
    pub ready: bool,
    pub since: Wall,
    pub last_talk: Option<Wall>,
    pub wrap_up: Mono,
    pub rest: Mono,
    /// Live channels of the operator's phones that we did not dial.
    pub live: u32,
    pub reserved: Option<CallbackId>,
}

impl State {
    pub fn is_free(&self, now: Mono) -> bool {
        self.ready && self.reserved.is_none() && self.live == 0 && self.wrap_up <= now && self.rest <= now
    }
}

/// All operators, and how a channel is known to be one's.
#[derive(Debug, Default)]
pub(super) struct Operators {
    states: BTreeMap<Name, State>,
    by_user: BTreeMap<Box<str>, Name>,
    by_agent: BTreeMap<Box<str>, Name>,
}

/// What an operator is doing, for people and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperatorState {
    /// Takes no calls.
    Away,
    /// Rung or talking for one of our callbacks.
    Callback,
    /// On a call that is not ours.
    Busy,
    /// In the pause after a talk.
    WrapUp,
    /// Left in peace after not answering.
    Resting,
    /// Free.
    Free,
}

impl Operators {
    pub fn new(rules: &Rules, stored: &[OperatorRecord], now: Now) -> Operators {
        let mut operators = Operators::default();
        operators.reload(rules, now);
        for record in stored {
            if let Some(state) = operators.states.get_mut(&record.name) {
                let wrap_up = rules.operators.get(&record.name).map_or(Span::ZERO, |o| o.wrap_up);
                let passed = record.last_talk.map_or(wrap_up, |talk| now.wall.since(talk));
                state.ready = record.ready;
                state.since = record.since;
                state.last_talk = record.last_talk;
                state.wrap_up = now.mono + Span(wrap_up.0.saturating_sub(passed.0));
            }
        }
        operators
    }

    pub fn reload(&mut self, rules: &Rules, now: Now) {
        self.by_user.clear();
        self.by_agent.clear();
        for (name, operator) in &rules.operators {
            self.by_user.extend(operator.phones.iter().map(|phone| (phone.user.as_ref().into(), name.clone())));
            self.by_agent.extend(operator.agent.iter().map(|agent| (agent.as_str().into(), name.clone())));
            self.states.entry(name.clone()).or_insert(State {
                ready: true,
                since: now.wall,
                last_talk: None,
                wrap_up: now.mono,
                rest: now.mono,
                live: 0,
                reserved: None,
            });
        }
    }

    pub fn get(&self, name: &str) -> Option<&State> {
        self.states.get(name)
    }

    pub fn get_mut(&mut self, name: &str) -> Option<&mut State> {
        self.states.get_mut(name)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Name, &State)> {
        self.states.iter()
    }

    /// Whose phone a channel is, if an operator's.
    pub fn owner(&self, channel: &Channel) -> Option<Name> {
        let by_user = channel.user.as_deref().and_then(|user| self.by_user.get(user));
        let dialled = || match channel.direction {
            super::input::Direction::Outbound => self.by_user.get(channel.dialled.trim_start_matches('+')),
            super::input::Direction::Inbound => None,
        };
        by_user.or_else(dialled).cloned()
    }
}

impl State {
    /// What the operator is doing.
    pub fn doing(&self, now: Mono) -> OperatorState {
        match self {
            State { reserved: Some(_), .. } => OperatorState::Callback,
            State { live: 1.., .. } => OperatorState::Busy,
            State { ready: false, .. } => OperatorState::Away,
            State { wrap_up, .. } if *wrap_up > now => OperatorState::WrapUp,
            State { rest, .. } if *rest > now => OperatorState::Resting,
            _ => OperatorState::Free,
        }
    }
}

impl Engine {
    pub(super) fn operator_dirty(&mut self, name: &str) {
        let groups = self.rules.groups.values().filter(|group| group.operators.iter().any(|o| &**o == name));
        self.dirty.extend(groups.map(|group| group.name.clone()));
    }

    pub(super) fn operator_ready(&mut self, name: &Name, ready: bool, cx: &mut Cx) {
        let Some(state) = self.operators.get_mut(name) else { return };
        if state.ready != ready {
            state.ready = ready;
            state.since = cx.now.wall;
            state.rest = cx.now.mono;
            self.write_operator(name, cx);
            self.operator_dirty(name);
        }
    }

    pub(super) fn agent(&mut self, agent: &str, available: bool, cx: &mut Cx) {
        if let Some(name) = self.operators.by_agent.get(agent).cloned() {
            self.operator_ready(&name, available, cx);
        }
    }

    pub(super) fn feature(&mut self, user: &str, ready: bool, cx: &mut Cx) {
        if let Some(name) = self.operators.by_user.get(user).cloned() {
            self.operator_ready(&name, ready, cx);
        }
    }

    pub(super) fn registered(&mut self, user: &str, here: bool, cx: &mut Cx) {
        let Some(name) = self.operators.by_user.get(user).cloned() else { return };
        if here {
            if let Some(state) = self.operators.get_mut(&name) {
                state.rest = cx.now.mono;
            }
            self.operator_dirty(&name);
        } else {
            self.operator_rests(&name, cx);
        }
    }

    /// The operator did not take the call: some peace, and others first.
    pub(super) fn operator_rests(&mut self, name: &Name, cx: &mut Cx) {
        if let Some(state) = self.operators.get_mut(name) {
            state.rest = cx.now.mono + REST;
            self.timers.insert((state.rest, Timer::Operator(name.clone())));
        }
    }

    /// A talk of the operator's is over: the pause after it begins.
    pub(super) fn operator_talked(&mut self, name: &Name, cx: &mut Cx) {
        let wrap_up = self.rules.operators.get(name).map_or(Span::ZERO, |o| o.wrap_up);
        let Some(state) = self.operators.get_mut(name) else { return };
        state.last_talk = Some(cx.now.wall);
        state.wrap_up = cx.now.mono + wrap_up;
        self.timers.insert((state.wrap_up, Timer::Operator(name.clone())));
        self.write_operator(name, cx);
    }

    pub(super) fn operator_channel(&mut self, name: &Name, alive: bool) {
        if let Some(state) = self.operators.get_mut(name) {
            state.live = if alive { state.live + 1 } else { state.live.saturating_sub(1) };
            if !alive {
                self.operator_dirty(name);
            }
        }
    }

    pub(super) fn release(&mut self, name: &Name, by: CallbackId) {
        if let Some(state) = self.operators.get_mut(name)
            && state.reserved == Some(by)
        {
            state.reserved = None;
            self.operator_dirty(name);
        }
    }

    fn write_operator(&mut self, name: &Name, cx: &mut Cx) {
        if let Some(state) = self.operators.get(name) {
            cx.write(Write::Operator(OperatorRecord {
                name: name.clone(),
                ready: state.ready,
                since: state.since,
                last_talk: state.last_talk,
            }));
        }
    }
}
