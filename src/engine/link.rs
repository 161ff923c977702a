//! A switch's connection, and the truth after it was lost: what is alive is asked for, never assumed.
//!
//! | state | becomes | when |
//! |---|---|---|
//! | down | asking | we are logged in: all live channels are asked for, and every leg by its uuid |
//! | asking | settled | the list came: callers and operators whose events we missed are known |
//! | settled | ramping, then full | the work is taken up step by step, not dumped |
//! | any | down | the connection is lost: nothing begins, what is in progress waits |

use super::effect::{AlarmKind, Effect, HangupCause};
use super::{
    Name,
    attempt::{Attempt, Leg, MARGIN, Stage},
    input::{Channel, ChannelState, Direction},
    machine::{Cx, Engine, Followed, Kind, Timer},
    record::{AttemptRecord, CallRecord, CallbackRecord, CallbackState, ChannelId, Job, LegRecord, Outcome, Role},
    time::{Mono, Now, Span, Wall},
};
use std::{collections::BTreeSet, sync::Arc};
use uuid::Uuid;

/// How often live channels are compared with what we know, to find what events did not tell.
const AUDIT: Span = Span::seconds(60);
/// The audit of a large switch is rarer: this much more for each channel followed.
const AUDIT_PER_CHANNEL: Span = Span(10);
/// A list of channels that did not come is asked for again.
const ASK_AGAIN: Span = Span::seconds(5);
/// The switch's table of channels lags behind its events: who came just now need not be in it.
const TABLE_LAG: Span = Span::seconds(10);
/// While ramping, what may be under way at once doubles this often …
const RAMP_STEP: Span = Span::seconds(5);
/// … so many times, beginning with two; then there is no limit but the operators.
const RAMP_STEPS: u64 = 8;

/// Up to this difference two clocks agree: an event that comes late is no clock that is wrong.
const CLOCKS_AGREE: Span = Span::seconds(90);

/// The connection to one switch.
#[derive(Debug, Default)]
pub(super) struct Link {
    pub up: bool,
    /// Since when what is alive is known.
    pub settled: Option<Mono>,
    /// The question for all channels that is under way.
    pub asked: Option<Uuid>,
    /// By how many milliseconds our wall clock is ahead of the switch's, which does not follow when ours is set.
    pub ahead: i64,
}

impl Link {
    /// A time of the switch by our clock.
    pub fn ours(&self, at: Wall) -> Wall {
        if self.ahead.unsigned_abs() > CLOCKS_AGREE.0 { at.shifted(self.ahead) } else { at }
    }

    /// May another attempt begin, with so many under way?
    pub fn may_start(&self, active: usize, now: Mono) -> bool {
        let Some(since) = self.settled.filter(|_| self.up) else { return false };
        let steps = now.since(since).0 / RAMP_STEP.0;
        steps >= RAMP_STEPS || active < 2 << steps
    }
}

impl Engine {
    /// Takes over what the store says was in progress. Its legs are locked until the switch has been asked for each.
    pub(super) fn adopt(
        &mut self,
        calls: Vec<CallRecord>,
        callbacks: Vec<CallbackRecord>,
        attempts: Vec<AttemptRecord>,
        now: Now,
    ) {
        let mut adopted = Vec::new();
        for call in calls {
            let stranded = !self.rules.switches.contains(&call.switch);
            if call.ended.is_some() {
                self.guessed.insert(call.id.clone(), call);
                continue;
            }
            let id = call.id.clone();
            if let Some(number) = call.number {
                self.callers.entry(number).or_default().push(id.clone());
            }
            let switch = call.switch.clone();
            let waits = call.served.is_none();
            let waited = if waits { now.wall.since(call.arrived) } else { call.waited };
            let mut caller = super::call::Caller {
                record: CallRecord { waited, ..call },
                watched: true,
                talking_since: None,
                waiting_since: waits.then_some(now.mono),
                vanished: None,
                partly: true,
                waiter: None,
            };
            if stranded {
                // Its switch is gone from the configuration: nobody will ever tell of it.
                caller.vanished = Some(now.mono);
                self.timers.insert((now.mono, Timer::Caller(id.clone())));
            }
            adopted.push(caller.record.clone());
            let kind = Kind::Caller(Box::new(caller));
            // Seen long ago: a list without it is believed.
            self.channels.insert(id, Followed { switch, kind, bridged: None, seen: Mono::default() });
        }
        for record in adopted {
            self.adopt_waiter(&record, now);
        }
        let active: BTreeSet<_> = attempts.iter().filter_map(|attempt| attempt.job.callback()).collect();
        for mut record in callbacks {
            if record.is_active() && !active.contains(&record.id) {
                record.state = CallbackState::Waiting;
                record.due = now.wall;
            }
            self.take_up(record);
        }
        for attempt in attempts {
            self.adopt_attempt(attempt, now);
        }
    }

    fn adopt_attempt(&mut self, record: AttemptRecord, now: Now) {
        let Some(mut at) = self.attempt_of(&record, now) else { return };
        at.legs = record.legs.iter().map(|leg| Leg::adopted(leg, now)).collect();
        at.winner = record
            .legs
            .iter()
            .position(|leg| leg.role == Role::Operator && leg.answered.is_some() && leg.ended.is_none());
        at.tried = record.legs.iter().filter(|leg| leg.role == Role::Operator).map(|leg| leg.who.clone()).collect();
        at.outcome = record.outcome;
        let callback = record.job.callback().and_then(|id| self.callbacks.get(&id));
        if let Some(CallbackState::Ending { at: since, reason }) = callback.map(|callback| &callback.state) {
            (at.decided, at.close) = (Some(*since), Some(reason.clone()));
        }
        // The line may ring in another order by now.
        at.client_first = record.legs.first().is_some_and(|leg| leg.role == Role::Client);
        at.record = record;
        at.goes(Stage::Settling, now.mono + ASK_AGAIN);
        // The switch may keep the channel of an operator who has handed the client on in its table: they are on no phone.
        for leg in at.record.legs.iter().filter(|leg| leg.ended.is_some()) {
            self.remember_end(leg.id.clone());
        }
        for leg in at.record.legs.iter().filter(|leg| leg.ended.is_none()) {
            let followed =
                Followed { switch: at.record.switch.clone(), kind: Kind::Leg(at.id()), bridged: None, seen: now.mono };
            self.channels.insert(leg.id.clone(), followed);
            if leg.role == Role::Operator
                && let Some(state) = self.operators.get_mut(&leg.who)
            {
                state.reserved.retain(|job| *job != at.id());
                state.reserved.push(at.id());
            }
        }
        if at.client_first && at.winner.is_none() && at.outcome.is_none() {
            self.keep_an_operator(&mut at, now);
        }
        at.armed = Some(at.deadline);
        self.timers.insert((at.deadline, Timer::Attempt(at.id())));
        self.attempts.insert(at.id(), Box::new(at));
    }

    /// An attempt that the store knows, by the rules of today.
    fn attempt_of(&mut self, record: &AttemptRecord, now: Now) -> Option<Attempt> {
        let line = |name: &Name| self.rules.lines.get(name).or_else(|| self.rules.lines.values().next()).cloned();
        let Job::Callback(id) = record.job else {
            let call = record.took.as_ref().and_then(|call| self.caller_at(call));
            return match call.map(|caller| &caller.record) {
                Some(call) => Some(Attempt::live(call, line(&call.line)?, now)),
                None => Some(Attempt::of_nobody(record, self.rules.lines.values().next()?.clone(), now)),
            };
        };
        let callback = self.callbacks.get(&id)?;
        let line = line(&callback.line)?;
        let trunk_of = |leg: &&LegRecord| leg.role == Role::Client;
        let trunk = record.legs.iter().find(trunk_of).map(|leg| leg.who.clone());
        let trunk = trunk.or_else(|| line.trunks.first().cloned()).unwrap_or_else(|| Arc::from(""));
        let at = Attempt::new(callback, record.n, line, trunk.clone(), record.switch.clone(), now.wall, now.mono);
        *self.trunks.entry(trunk).or_default() += 1;
        Some(at)
    }

    pub(super) fn link_up(&mut self, switch: &Name, cx: &mut Cx) {
        let link = self.links.entry(switch.clone()).or_default();
        link.up = true;
        link.settled = None;
        self.ask_channels(switch, cx);
        for id in self.attempts.keys().copied().collect::<Vec<_>>() {
            self.with_attempt(id, cx, |engine, at, cx| {
                if at.record.switch == *switch {
                    engine.settle(at, cx);
                }
            });
        }
    }

    pub(super) fn link_down(&mut self, switch: &Name, cx: &mut Cx) {
        self.forget_holds(switch);
        // How long they go on talking is not heard: what was heard counts, until the switch or a record says more.
        #[allow(clippy::disallowed_methods)] // each is changed alike: the order of the map does not show
        for followed in self.channels.values_mut().filter(|followed| followed.switch == *switch) {
            if let Kind::Caller(caller) = &mut followed.kind {
                caller.stop_talking(cx.now.mono);
                caller.partly = true;
            }
        }
        let link = self.links.entry(switch.clone()).or_default();
        *link = Link { ahead: link.ahead, ..Link::default() };
    }

    fn ask_channels(&mut self, switch: &Name, cx: &mut Cx) {
        let token = self.token();
        if let Some(link) = self.links.get_mut(switch) {
            link.asked = Some(token);
        }
        cx.effect(Effect::AskChannels { switch: switch.clone(), token });
        self.timers.insert((cx.now.mono + ASK_AGAIN, Timer::Audit(switch.clone())));
    }

    /// The time of an audit has come, or an answer did not.
    pub(super) fn audit(&mut self, switch: &Name, cx: &mut Cx) {
        if self.links.get(switch).is_some_and(|link| link.up) {
            self.ask_channels(switch, cx);
        }
    }

    /// All live channels of a switch: what we did not hear of is taken up, what is not there any more is asked for.
    pub(super) fn channel_list(&mut self, switch: &Name, token: Uuid, list: Option<Vec<Channel>>, cx: &mut Cx) {
        let listed = list.is_some();
        let here: Vec<ChannelId> = list.iter().flatten().map(|channel| channel.id.clone()).collect();
        if let Some(list) = list {
            let first = self.links.get(switch).is_some_and(|link| link.settled.is_none());
            self.compare(switch, list, first, cx);
        }
        if let Some(link) = self.links.get_mut(switch)
            && link.asked == Some(token)
            && listed
        {
            link.asked = None;
            let first = link.settled.is_none();
            link.settled.get_or_insert(cx.now.mono);
            self.timers.retain(|(_, timer)| *timer != Timer::Audit(switch.clone()));
            // The first list may lack who came just before we listened: it is asked for once more when the table has settled.
            let pause = if first { TABLE_LAG } else { AUDIT };
            let next = cx.now.mono + pause + Span(AUDIT_PER_CHANNEL.0 * self.channels.len() as u64);
            self.timers.insert((next, Timer::Audit(switch.clone())));
            if first {
                for step in 0..=RAMP_STEPS {
                    let at = cx.now.mono + Span(RAMP_STEP.0 * step);
                    self.timers.insert((at, Timer::Ramp(switch.clone())));
                }
            }
        }
        if !listed && self.links.get(switch).is_some_and(|link| link.asked == Some(token)) {
            cx.alarm(
                AlarmKind::Silent,
                format!("switch {switch} does not say what is alive, so nothing is dialled: may its user run `show`?"),
            );
        }
        let asks = |at: &Attempt| at.stage == Stage::Checking(token);
        if let Some(id) = self.attempts.values().find(|at| asks(at)).map(|at| at.id()) {
            self.with_attempt(id, cx, |engine, at, cx| match listed {
                true if at.operator_is_missing(&here, cx.now) => {
                    // The operator may have left unheard: no client is dialled before we know.
                    engine.ask_legs(at, cx);
                    at.deadline = cx.now.mono + Span::seconds(1);
                }
                true => engine.checked(at, cx),
                false => at.deadline = cx.now.mono + Span::seconds(1),
            });
        }
    }

    /// After a time without events (`anew`), how each known caller stands is asked as well: who was waiting may be talking.
    fn compare(&mut self, switch: &Name, list: Vec<Channel>, anew: bool, cx: &mut Cx) {
        let mut here: Vec<ChannelId> = Vec::with_capacity(list.len());
        for channel in list {
            here.push(channel.id.clone());
            if !self.channels.contains_key(&channel.id) && !self.recent_set.contains(&channel.id) {
                let (id, inbound) = (channel.id.clone(), channel.direction == Direction::Inbound);
                self.created(switch, channel, cx);
                self.caller(&id).into_iter().for_each(|caller| caller.partly = true);
                if inbound && self.channels.contains_key(&id) {
                    cx.effect(Effect::AskLeg { switch: switch.clone(), channel: id });
                }
            } else if anew && self.channels.get(&channel.id).is_some_and(|f| !matches!(f.kind, Kind::Leg(_))) {
                cx.effect(Effect::AskLeg { switch: switch.clone(), channel: channel.id });
            }
        }
        here.sort_unstable();
        let now = cx.now.mono;
        #[allow(clippy::disallowed_methods)] // sorted below: the order of the map does not show
        let mut gone: Vec<ChannelId> = self
            .channels
            .iter()
            .filter(|(id, followed)| {
                followed.switch == *switch
                    && !matches!(followed.kind, Kind::Leg(_))
                    && (followed.seen == Mono::default() || now.since(followed.seen) >= TABLE_LAG)
                    && here.binary_search(id).is_err()
            })
            .map(|(id, _)| id.clone())
            .collect();
        gone.sort_unstable();
        for channel in gone {
            cx.effect(Effect::AskLeg { switch: switch.clone(), channel });
        }
    }

    /// The switch says how one channel stands.
    pub(super) fn state(&mut self, switch: &Name, id: &ChannelId, state: Option<Box<ChannelState>>, cx: &mut Cx) {
        if let Some(Kind::Leg(_)) = self.channels.get(id).map(|followed| &followed.kind) {
            return self.leg_event(id, cx, |engine, at, leg, cx| engine.leg_state(at, leg, state, cx));
        }
        match state {
            None => self.channel_unknown(id, cx),
            Some(state) => {
                let ChannelState { channel, bridged, parked, transfers, .. } = *state;
                match &channel.line {
                    _ if !self.channels.contains_key(id) => self.created(switch, channel, cx),
                    Some(line) => self.line_named(id, line, cx),
                    None => {}
                }
                let known = self.channels.get(id).and_then(|followed| followed.bridged.clone());
                if let Some(caller) = self.caller(id) {
                    caller.partly |= bridged != known;
                    if let (Some(served), Some(_), None) = (caller.record.served, &bridged, caller.talking_since) {
                        // They talked all the time that we were away.
                        caller.record.talk = caller.record.talk.max(cx.now.wall.since(served));
                        caller.talking_since = Some(cx.now.mono);
                    }
                }
                let alone = bridged.is_none();
                match bridged {
                    Some(other) if known.as_ref() != Some(&other) => self.bridged(id, &other, cx),
                    None if known.is_some() => self.unbridged(id, &known.unwrap_or_else(|| id.clone()), cx),
                    _ => {}
                }
                if alone {
                    self.waiter_found(id, transfers, parked, cx);
                }
                if parked {
                    self.parked(id, cx);
                }
            }
        }
        self.settled_call(id, cx);
    }

    fn leg_state(&mut self, at: &mut Attempt, leg: usize, state: Option<Box<ChannelState>>, cx: &mut Cx) {
        let settling = at.stage == Stage::Settling;
        match state {
            Some(state) => {
                at.legs[leg].seen = true;
                at.legs[leg].parked |= state.parked;
                at.legs[leg].bridged = state.bridged.clone();
                at.legs[leg].settled = true;
                if state.answered {
                    self.leg_answered(at, leg, cx);
                }
                match state.bridged {
                    Some(other) => self.leg_bridged(at, leg, &other, cx),
                    None if at.stage == Stage::Parted && state.parked => self.hang_up(at, leg, HangupCause::Done, cx),
                    None => {}
                }
            }
            // One that was never seen may still be on its way to the switch: it is locked until it cannot be any more.
            None if at.legs[leg].seen || cx.now.mono >= at.legs[leg].gives_up => {
                self.leg_ended(at, leg, Outcome::Unknown, "its end was not heard", false, cx);
            }
            None => at.deadline = at.deadline.min(at.legs[leg].gives_up),
        }
        if settling && at.stage == Stage::Settling {
            self.resume(at, cx);
        }
    }

    /// The connection is new: nothing that was known of this attempt is relied on.
    fn settle(&mut self, at: &mut Attempt, cx: &mut Cx) {
        if at.legs.is_empty() {
            return self.check(at, cx); // whose answer is lost
        }
        if !matches!(at.stage, Stage::Closing) {
            at.goes(Stage::Settling, cx.now.mono + ASK_AGAIN);
        }
        for leg in 0..at.legs.len() {
            at.legs[leg].settled = !at.alive(leg);
        }
        self.ask_legs(at, cx);
    }

    /// Goes on from how the legs are found, once every one has been.
    pub(super) fn resume(&mut self, at: &mut Attempt, cx: &mut Cx) {
        let is_operator = |leg: usize| at.record.legs[leg].role == Role::Operator;
        let is_there = |leg: usize| at.alive(leg) && at.legs[leg].settled && at.is_answered(leg);
        let operator = (0..at.legs.len()).find(|&leg| is_operator(leg) && is_there(leg));
        // Who has answered is not kept waiting for another operator's phone, of which nobody has heard.
        let enough = |leg: usize| at.legs[leg].settled || (operator.is_some() && is_operator(leg));
        if !(0..at.legs.len()).all(enough) || self.took_is_unsettled(at) {
            return;
        }
        match at.outcome {
            Some(Outcome::Talked) => return self.talked(at, cx),
            Some(outcome) => return self.decide(at, outcome, "", cx),
            None => {}
        }
        let now = cx.now.mono;
        let alive = |role| at.record.legs.iter().position(|leg| leg.role == role && leg.ended.is_none());
        at.winner = operator;
        let (client, ringing) = (at.client(), alive(Role::Operator).is_some());
        let joint = operator.is_some_and(|leg| at.legs[leg].bridged.is_some());
        match (operator, client) {
            _ if at.record.joined.is_some() && !joint => self.talked(at, cx),
            (Some(leg), _) if joint => {
                at.held = None;
                at.record.joined.get_or_insert(cx.now.wall);
                at.record.operator.get_or_insert(at.record.legs[leg].who.clone());
                at.dirty = true;
                at.goes(Stage::Talking, now + ASK_AGAIN);
            }
            _ if at.close.is_some() => self.part(at, Outcome::Cancelled, "the callback was taken off", cx),
            (Some(_), _) if at.record.took.is_some() => self.join(at, cx),
            (Some(_), Some(client)) if at.record.legs[client].answered.is_some() => self.join(at, cx),
            (Some(_), Some(client)) => {
                at.goes(Stage::Dialling, now + at.record.legs[client].ring + MARGIN);
            }
            (Some(_), None) if at.client_was_dialled() => {
                self.part(at, Outcome::Unknown, "the client's leg ended unheard", cx);
            }
            (Some(leg), None) => self.operator_won(at, leg, cx),
            (None, Some(client)) if at.client_first && at.is_answered(client) => self.hold_on(at, client, cx),
            (None, Some(client)) if at.client_first => {
                at.goes(Stage::Dialling, now + at.record.legs[client].ring + MARGIN);
            }
            (None, Some(_)) => self.decide(at, Outcome::Unknown, "the operator's leg ended unheard", cx),
            (None, None) if at.client_first => {
                self.decide(at, Outcome::Unknown, "the client's leg ended unheard", cx);
            }
            (None, None) if ringing => at.goes(Stage::Ringing, now + Span::seconds(30)),
            (None, None) => self.decide(at, Outcome::Unknown, "every leg ended unheard", cx),
        }
    }

    /// The client's own call that was being put through: is it still unknown whether it lives?
    fn took_is_unsettled(&self, at: &Attempt) -> bool {
        at.record.took.as_ref().is_some_and(|call| {
            self.links.get(&at.record.switch).is_none_or(|link| link.settled.is_none())
                && self.channels.contains_key(call)
        })
    }

    fn settled_call(&mut self, id: &ChannelId, cx: &mut Cx) {
        let waits = |at: &Attempt| at.stage == Stage::Settling && at.record.took.as_ref() == Some(id);
        if let Some(callback) = self.attempts.values().find(|at| waits(at)).map(|at| at.id()) {
            self.with_attempt(callback, cx, |engine, at, cx| engine.resume(at, cx));
        }
    }
}

impl Attempt {
    /// Is the operator's leg, which has been there for longer than the switch's table lags, not in it?
    fn operator_is_missing(&self, here: &[ChannelId], now: Now) -> bool {
        self.winner.is_some_and(|leg| {
            let record = &self.record.legs[leg];
            now.wall.since(record.intended) >= TABLE_LAG && !here.contains(&record.id)
        })
    }
}

impl Leg {
    /// A leg that the store knows and nobody has heard of since.
    fn adopted(record: &LegRecord, now: Now) -> Leg {
        let patience = record.ring + MARGIN;
        let passed = now.wall.since(record.intended);
        Leg {
            seen: record.answered.is_some(),
            parked: record.answered.is_some(),
            bridged: None,
            gives_up: now.mono + Span(patience.0.saturating_sub(passed.0)),
            phone: usize::MAX - 1,
            settled: record.ended.is_some(),
        }
    }
}
