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
//! | wrap-up | wrap-up, longer | a person says so |
//! | wrap-up | free | the pause is over, or a person says so |
//! | free | resting | the operator did not answer, or refused |
//! | ready | away | calls rang in vain as often in a row as the operator's `away_after` says |
//! | free | unregistered | every phone is known to be unregistered; until one is not, at most [`UNREGISTERED`] |
//!
//! *Free* is never stored: it is ready, fewer calls reserved and alive than the operator takes at once, past wrap-up and rest.

use super::{
    Name,
    effect::{AlarmKind, Notice},
    input::Channel,
    machine::{Cx, Engine, Timer},
    record::{Job, OperatorRecord, Write},
    rules::Rules,
    time::{Mono, Now, Span, Wall},
};
use serde::Serialize;
use std::{collections::BTreeMap, sync::Arc};

/// How long an operator may have the pause after a talk last: who needs longer is away.
pub const LONGEST_PAUSE: Span = Span::minutes(60);
/// Why an operator is away for whom calls rang in vain.
const UNANSWERED: &str = "unanswered";
/// How long a phone is believed to be unregistered: the event that says otherwise may be lost.
const UNREGISTERED: Span = Span::minutes(5);

#[derive(Debug)]
pub(super) struct State {
    pub ready: bool,
    pub since: Wall,
    pub last_talk: Option<Wall>,
    pub talks: u32,
    pub talk_time: Span,
    pub offered: Option<Wall>,
    pub wrap_up: Mono,
    pub rest: Mono,
    /// Calls that rang in vain since the last one that did not.
    pub in_vain: u32,
    /// Why away, in somebody's own words.
    pub why: String,
    /// Until when the pause after the last talk lasts, where somebody said so.
    pause: Option<Wall>,
    /// Live channels of the operator's phones that we did not dial.
    pub live: u32,
    /// Whom the operator is rung for or talks with.
    pub reserved: Vec<Job>,
    /// How many calls at once.
    calls: u32,
    /// The users of the phones, and until when each is believed to be unregistered.
    phones: Vec<(Arc<str>, Mono)>,
}

impl State {
    fn new(now: Now) -> State {
        State {
            ready: true,
            since: now.wall,
            last_talk: None,
            talks: 0,
            talk_time: Span::ZERO,
            offered: None,
            wrap_up: now.mono,
            rest: now.mono,
            in_vain: 0,
            why: String::new(),
            pause: None,
            live: 0,
            reserved: Vec::new(),
            calls: 1,
            phones: Vec::new(),
        }
    }

    pub fn is_free(&self, now: Mono) -> bool {
        self.doing(now) == OperatorState::Free
    }

    /// May this phone of the operator's be rung? One that is not registered would only cost time.
    pub fn may_ring(&self, phone: usize, now: Mono) -> bool {
        self.phones.get(phone).is_none_or(|(_, until)| *until <= now)
    }

    /// Is there room for everybody whom the operator is kept for?
    pub fn keeps_all(&self) -> bool {
        self.ready && self.reserved.len() + self.live as usize <= self.calls as usize
    }

    pub fn is_unregistered(&self, now: Mono) -> bool {
        !self.phones.is_empty() && self.phones.iter().all(|(_, until)| *until > now)
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
    /// No phone is registered.
    Unregistered,
    /// Free.
    Free,
}

impl OperatorState {
    /// Each with its name.
    pub const ALL: [(&'static str, OperatorState); 7] = [
        ("away", OperatorState::Away),
        ("callback", OperatorState::Callback),
        ("busy", OperatorState::Busy),
        ("wrap-up", OperatorState::WrapUp),
        ("resting", OperatorState::Resting),
        ("unregistered", OperatorState::Unregistered),
        ("free", OperatorState::Free),
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        OperatorState::ALL.iter().find(|(_, state)| *state == self).map_or("", |(name, _)| name)
    }
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
                (state.talks, state.talk_time, state.offered) = (record.talks, record.talk_time, record.offered);
                (state.why, state.pause) = (record.why.clone(), record.pause);
                let left = Span(wrap_up.0.saturating_sub(passed.0));
                state.wrap_up = now.mono + record.pause.map_or(left, |until| until.since(now.wall).min(LONGEST_PAUSE));
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
            let state = self.states.entry(name.clone()).or_insert_with(|| State::new(now));
            state.calls = operator.calls;
            let until = |user: &Arc<str>| state.phones.iter().find(|(known, _)| known == user).map(|(_, until)| *until);
            let phones = operator.phones.iter();
            state.phones = phones.map(|phone| (phone.user.clone(), until(&phone.user).unwrap_or(now.mono))).collect();
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
        let taken = self.reserved.len() + self.live as usize >= self.calls as usize;
        match self {
            State { reserved, .. } if taken && !reserved.is_empty() => OperatorState::Callback,
            _ if taken => OperatorState::Busy,
            State { ready: false, .. } => OperatorState::Away,
            State { wrap_up, .. } if *wrap_up > now => OperatorState::WrapUp,
            State { rest, .. } if *rest > now => OperatorState::Resting,
            _ if self.is_unregistered(now) => OperatorState::Unregistered,
            _ => OperatorState::Free,
        }
    }
}

impl Engine {
    pub(super) fn operator_dirty(&mut self, name: &str) {
        let groups = self.rules.groups.values().filter(|group| group.operators.iter().any(|o| &*o.name == name));
        self.dirty.extend(groups.map(|group| group.name.clone()));
    }

    pub(super) fn operator_ready(&mut self, name: &Name, ready: bool, why: &str, cx: &mut Cx) {
        let Some(state) = self.operators.get_mut(name) else { return };
        // Who is away for a reason, and is said to be away once more without one, still has it.
        if state.ready != ready || !(ready || why.is_empty() || state.why == why) {
            state.ready = ready;
            state.why = if ready { String::new() } else { why.to_owned() };
            state.since = cx.now.wall;
            state.rest = cx.now.mono;
            state.in_vain = 0;
            self.write_operator(name, cx);
            self.operator_dirty(name);
            self.tell_operator(name, cx);
        }
    }

    /// A person says so: who is ready takes calls from now on, whatever is left of a pause.
    pub(super) fn operator_says(&mut self, name: &Name, ready: bool, why: &str, cx: &mut Cx) {
        self.operator_ready(name, ready, why, cx);
        if ready {
            self.wrap_up(name, cx.now.wall, cx);
        }
    }

    /// The pause after a talk, or the peace after one that rang in vain, lasts until then.
    pub(super) fn wrap_up(&mut self, name: &Name, until: Wall, cx: &mut Cx) {
        let Some(state) = self.operators.get_mut(name) else { return };
        let left = until.since(cx.now.wall).min(LONGEST_PAUSE);
        if left == Span::ZERO && state.wrap_up.max(state.rest) <= cx.now.mono {
            return;
        }
        state.rest = cx.now.mono;
        state.wrap_up = cx.now.mono + left;
        state.pause = Some(cx.now.wall + left);
        self.timers.insert((state.wrap_up, Timer::Operator(name.clone())));
        self.write_operator(name, cx);
        self.operator_dirty(name);
        self.tell_operator(name, cx);
    }

    /// Tells how an operator stands.
    pub(super) fn tell_operator(&self, name: &Name, cx: &mut Cx) {
        if let Some(state) = self.operators.get(name) {
            cx.notice(Notice::Operator(self.operator_view(name, state, cx.now)));
        }
    }

    /// A time has come at which an operator may be free again.
    pub(super) fn operator_due(&mut self, name: &Name, cx: &mut Cx) {
        self.operator_dirty(name);
        self.tell_operator(name, cx);
    }

    pub(super) fn agent(&mut self, agent: &str, available: bool, cx: &mut Cx) {
        if let Some(name) = self.operators.by_agent.get(agent).cloned() {
            self.operator_ready(&name, available, "", cx);
        }
    }

    pub(super) fn feature(&mut self, user: &str, ready: bool, cx: &mut Cx) {
        if let Some(name) = self.operators.by_user.get(user).cloned() {
            self.operator_ready(&name, ready, "", cx);
        }
    }

    pub(super) fn registered(&mut self, user: &str, here: bool, cx: &mut Cx) {
        let Some(name) = self.operators.by_user.get(user).cloned() else { return };
        let until = if here { cx.now.mono } else { cx.now.mono + UNREGISTERED };
        let Some(state) = self.operators.get_mut(&name) else { return };
        let Some((_, known)) = state.phones.iter_mut().find(|(known, _)| **known == *user) else { return };
        let news = here && *known > cx.now.mono;
        *known = until;
        if !here {
            self.timers.insert((until, Timer::Operator(name)));
        } else if news {
            self.operator_dirty(&name);
        }
    }

    /// A call rang in vain: some peace, and others first; after too many, away. Not for the phones' sake: who could not be
    /// rung at all has missed nothing.
    pub(super) fn operator_rang_in_vain(&mut self, name: &Name, refused: bool, cx: &mut Cx) {
        let Some(rule) = self.rules.operators.get(name).cloned() else { return };
        let Some(state) = self.operators.get_mut(name).filter(|state| !state.is_unregistered(cx.now.mono)) else {
            return;
        };
        if !refused {
            state.in_vain += 1;
            if rule.away_after.is_some_and(|most| state.in_vain >= most) {
                cx.alarm(
                    AlarmKind::Limit,
                    format!("{name} did not answer {} calls in a row and is away now", state.in_vain),
                );
                return self.operator_ready(name, false, UNANSWERED, cx);
            }
        }
        self.operator_rests(name, if refused { rule.reject_pause } else { rule.no_answer_pause }, cx);
    }

    pub(super) fn operator_rests(&mut self, name: &Name, pause: Span, cx: &mut Cx) {
        if let Some(state) = self.operators.get_mut(name) {
            state.rest = cx.now.mono + pause;
            self.timers.insert((state.rest, Timer::Operator(name.clone())));
        }
    }

    /// A call is offered to these operators, in this order.
    pub(super) fn operators_offered(&mut self, names: &[Name], to: Job, cx: &mut Cx) {
        for name in names {
            let newest = self.operators.iter().filter_map(|(_, state)| state.offered).max();
            let Some(state) = self.operators.get_mut(name) else { continue };
            state.offered = Some(newest.map_or(cx.now.wall, |newest| cx.now.wall.max(newest + Span(1))));
            state.reserved.push(to);
            self.write_operator(name, cx);
        }
    }

    /// A talk of the operator's, which lasted so long, is over: the pause after it begins.
    pub(super) fn operator_talked(&mut self, name: &Name, talk: Span, cx: &mut Cx) {
        let wrap_up = self.rules.operators.get(name).map_or(Span::ZERO, |o| o.wrap_up);
        let Some(state) = self.operators.get_mut(name) else { return };
        state.last_talk = Some(cx.now.wall);
        state.talks = state.talks.saturating_add(1);
        state.talk_time = state.talk_time + talk;
        state.in_vain = 0;
        state.wrap_up = cx.now.mono + wrap_up;
        state.pause = None;
        self.timers.insert((state.wrap_up, Timer::Operator(name.clone())));
        self.write_operator(name, cx);
    }

    pub(super) fn operator_channel(&mut self, name: &Name, alive: bool, cx: &mut Cx) {
        if let Some(state) = self.operators.get_mut(name) {
            state.live = if alive { state.live + 1 } else { state.live.saturating_sub(1) };
            if !alive {
                self.operator_dirty(name);
            }
            self.tell_operator(name, cx);
        }
    }

    /// Is an operator no longer reserved for this one, who was?
    pub(super) fn release(&mut self, name: &Name, by: Job) -> bool {
        let Some(state) = self.operators.get_mut(name) else { return false };
        let Some(place) = state.reserved.iter().position(|job| *job == by) else { return false };
        state.reserved.swap_remove(place);
        self.operator_dirty(name);
        true
    }

    fn write_operator(&mut self, name: &Name, cx: &mut Cx) {
        if let Some(state) = self.operators.get(name) {
            cx.write(Write::Operator(OperatorRecord {
                name: name.clone(),
                ready: state.ready,
                since: state.since,
                last_talk: state.last_talk,
                talks: state.talks,
                talk_time: state.talk_time,
                offered: state.offered,
                why: state.why.clone(),
                pause: state.pause,
            }));
        }
    }
}
