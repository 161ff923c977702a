//! Inbound calls of clients, and the other channels that say who is busy.
//!
//! | state | becomes | when |
//! |---|---|---|
//! | (none) | candidate | an inbound channel appears that is no operator's and has a number or a line |
//! | candidate | call | its line is known: the number dialled, `perezvon_line`, or a watched mod_callcenter queue |
//! | call | served | it is bridged to somebody |
//! | any | vanished | the switch knows no such channel, and no event said how it ended |
//! | vanished | ended | its detail record comes, or does not come in time |
//! | served, call | missed or got through | it ended: by the rules of its line |
//! | candidate | (none) | it ended and never had a line: it was not ours to watch |

use super::{
    Name,
    effect::{AlarmKind, Notice},
    hours,
    input::{Cdr, Channel, Direction, Ended},
    machine::{Cx, Engine, Followed, Kind, Timer},
    number::Number,
    queue::Waiter,
    record::{CallRecord, CallbackId, ChannelId, CloseReason, KnownBy, Left, Marks, Write},
    rules::{Line, Missed, Rules},
    time::{Mono, Span, Wall},
};
use std::sync::Arc;

/// How long a call that vanished waits for its detail record before its end is guessed.
const CDR_GRACE: Span = Span::seconds(30);
/// How many guessed ends are kept to be corrected.
const MOST_GUESSED: usize = 10_000;
/// How many clients are remembered for when they got through last.
const MOST_REACHED: usize = 65_536;
/// A caller's name is cut to this many characters.
const NAME_LENGTH: usize = 80;

/// A client's channel, or what may turn out to be one's.
#[derive(Debug)]
pub(super) struct Caller {
    pub record: CallRecord,
    /// Its line is known: it is in the journal.
    pub watched: bool,
    pub talking_since: Option<Mono>,
    /// Nobody has served the client yet; since when that counts anew.
    pub waiting_since: Option<Mono>,
    pub vanished: Option<Mono>,
    /// Some of its life was not heard: how long somebody talked is a guess, which its detail record corrects.
    pub partly: bool,
    /// The dialplan gave the client to us.
    pub waiter: Option<Box<Waiter>>,
}

impl Caller {
    fn new(switch: &Name, channel: &Channel, rules: &Rules) -> Caller {
        Caller {
            record: CallRecord {
                id: channel.id.clone(),
                switch: switch.clone(),
                line: "".into(),
                number: Number::parse(&channel.caller, &rules.country).ok(),
                name: clean_name(&channel.name),
                arrived: channel.created,
                served: None,
                operator: None,
                talk: Span::ZERO,
                waited: Span::ZERO,
                previous: None,
                marks: Box::default(),
                ended: None,
                missed: None,
                cause: String::new(),
                callback: None,
                known_by: KnownBy::Event,
                queue: None,
            },
            watched: false,
            talking_since: None,
            waiting_since: None,
            vanished: None,
            partly: false,
            waiter: None,
        }
    }

    pub(super) fn stop_waiting(&mut self, now: Mono) {
        if let Some(since) = self.waiting_since.take() {
            self.record.waited.0 += now.since(since).0;
        }
    }

    pub(super) fn stop_talking(&mut self, now: Mono) {
        if let Some(since) = self.talking_since.take() {
            self.record.talk.0 += now.since(since).0;
        }
    }
}

/// A name without control characters, cut to a length that fits a phone's display and a log line.
fn clean_name(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(NAME_LENGTH).collect()
}

/// The rule of its line by which it was missed, counted from 0.
pub(super) fn missed_by(record: &CallRecord, line: &Line) -> Option<usize> {
    let local = line.redial.manners.zone.to_datetime(record.arrived.timestamp());
    line.redial.missed.iter().position(|rule| {
        let so = match rule.call {
            Missed::Unserved => record.served.is_none(),
            Missed::ServedShorterThan(span) => record.served.is_some() && record.talk < span,
        };
        let is_known = |within| record.previous.is_some_and(|at| record.arrived.0.abs_diff(at.0) < within);
        so && record.waited >= rule.waited
            && !rule.unique.is_some_and(|within| is_known(within.0))
            && (rule.between.is_empty() || hours::within(&rule.between, local))
    })
}

impl Rules {
    /// The line of a channel: by name, else by the number dialled.
    fn line_of(&self, named: Option<&str>, dialled: &str) -> Option<&Arc<Line>> {
        if let Some(line) = named.and_then(|name| self.lines.get(name)) {
            return Some(line);
        }
        let number = Number::parse(dialled, &self.country).ok()?;
        self.lines.values().find(|line| line.numbers.contains(&number))
    }
}

impl Engine {
    pub(super) fn created(&mut self, switch: &Name, channel: Channel, cx: &mut Cx) {
        if self.channels.contains_key(&channel.id) {
            self.leg_event(&channel.id, cx, |_, at, leg, _| at.seen(leg));
            return;
        }
        if self.recent_set.contains(&channel.id) {
            return; // an event that came late: the channel is gone already
        }
        if !self.has_room() {
            cx.alarm(AlarmKind::Limit, "too many live channels: a call is not followed");
            return;
        }
        let rules = self.rules.clone();
        let kind = match (self.operators.owner(&channel), channel.direction) {
            (Some(name), _) => {
                self.operator_channel(&name, true, cx);
                let calls = match channel.direction {
                    Direction::Inbound => Number::parse(&channel.dialled, &rules.country).ok(),
                    Direction::Outbound => None,
                };
                // An operator on the way to a client holds that client's callback as the client's own call would.
                if let Some(number) = calls {
                    self.callers.entry(number).or_default().push(channel.id.clone());
                }
                Kind::Operator { name, calls, talks: None }
            }
            (None, Direction::Inbound) => {
                let mut caller = Caller::new(switch, &channel, &rules);
                let ahead = self.links.get(switch).map_or(0, |link| link.ahead);
                let created = channel.created.shifted(ahead);
                caller.record.waited = cx.now.wall.since(created);
                caller.waiting_since = Some(cx.now.mono);
                if let Some(number) = caller.record.number {
                    self.callers.entry(number).or_default().push(channel.id.clone());
                }
                Kind::Caller(Box::new(caller))
            }
            (None, Direction::Outbound) => return,
        };
        let line = rules.line_of(channel.line.as_deref(), &channel.dialled);
        let followed = Followed { switch: switch.clone(), kind, bridged: None, seen: cx.now.mono };
        self.channels.insert(channel.id.clone(), followed);
        if let Some(line) = line {
            self.give_line(&channel.id, &line.name, cx);
        }
    }

    pub(super) fn line_named(&mut self, id: &ChannelId, line: &str, cx: &mut Cx) {
        if let Some(line) = self.rules.lines.get(line).map(|line| line.name.clone()) {
            self.give_line(id, &line, cx);
        }
    }

    pub(super) fn queued(&mut self, id: &ChannelId, queue: &str, cx: &mut Cx) {
        let named = |line: &&Arc<Line>| line.callcenter.as_deref() == Some(queue);
        if let Some(line) = self.rules.lines.values().find(named).map(|line| line.name.clone()) {
            self.give_line(id, &line, cx);
        }
    }

    fn give_line(&mut self, id: &ChannelId, line: &Name, cx: &mut Cx) {
        let Some(caller) = self.caller(id) else { return };
        if caller.watched && caller.record.line == *line {
            return;
        }
        caller.record.line = line.clone();
        let first = !std::mem::replace(&mut caller.watched, true);
        let (mut record, number) = (caller.record.clone(), caller.record.number);
        record.previous = number.and_then(|number| self.last_calls.note(number, line, record.arrived));
        if let Some(caller) = self.caller(id) {
            caller.record.previous = record.previous;
        }
        cx.write(Write::Call(record.clone()));
        if first {
            cx.notice(Notice::CallArrived(record));
            if let Some(number) = number {
                self.exists(number, cx.now.wall, cx);
                self.client_is_here(number, id, cx);
            }
        }
    }

    /// The dialplan says where the client came from.
    pub(super) fn marked(&mut self, id: &ChannelId, marks: Marks) {
        if let Some(caller) = self.caller(id) {
            *caller.record.marks = marks.cleaned();
        }
    }

    pub(super) fn caller(&mut self, id: &ChannelId) -> Option<&mut Caller> {
        match &mut self.channels.get_mut(id)?.kind {
            Kind::Caller(caller) => Some(caller),
            _ => None,
        }
    }

    pub(super) fn caller_at(&self, id: &ChannelId) -> Option<&Caller> {
        match &self.channels.get(id)?.kind {
            Kind::Caller(caller) => Some(caller),
            _ => None,
        }
    }

    /// The live inbound channels of a number.
    pub(super) fn live_calls(&self, number: Number) -> &[ChannelId] {
        self.callers.get(&number).map_or(&[], Vec::as_slice)
    }

    /// A live call of this number that is on a line and that nobody has yet.
    pub(super) fn unserved_call(&mut self, number: Number) -> Option<ChannelId> {
        let ids = self.live_calls(number).to_vec();
        ids.into_iter().find(|id| {
            self.channels.get(id).is_some_and(|followed| {
                followed.bridged.is_none()
                    && matches!(&followed.kind, Kind::Caller(c) if c.watched && c.vanished.is_none())
            })
        })
    }

    pub(super) fn bridged(&mut self, a: &ChannelId, b: &ChannelId, cx: &mut Cx) {
        for (id, other) in [(a, b), (b, a)] {
            if let Some(followed) = self.channels.get_mut(id) {
                followed.bridged = Some(other.clone());
            }
        }
        for (id, other) in [(a, b), (b, a)] {
            let with = self.who_is(other);
            match self.channels.get_mut(id).map(|followed| &mut followed.kind) {
                Some(Kind::Caller(_)) => self.caller_bridged(id, other, with, cx),
                Some(Kind::Operator { talks, .. }) => _ = talks.get_or_insert(cx.now.mono),
                Some(Kind::Leg(_)) => {
                    let other = other.clone();
                    self.leg_event(id, cx, |engine, at, leg, cx| engine.leg_bridged(at, leg, &other, cx));
                }
                None => {}
            }
        }
    }

    /// The operator at this channel, whoever dialled it.
    pub(super) fn who_is(&self, id: &ChannelId) -> Option<Name> {
        match &self.channels.get(id)?.kind {
            Kind::Operator { name, .. } => Some(name.clone()),
            Kind::Leg(callback) => self.attempts.get(callback)?.operator_of(id),
            Kind::Caller(_) => None,
        }
    }

    fn caller_bridged(&mut self, id: &ChannelId, other: &ChannelId, with: Option<Name>, cx: &mut Cx) {
        let now = cx.now;
        self.caller_served(id, with.as_ref(), other, cx);
        let Some(caller) = self.caller(id) else { return };
        caller.talking_since.get_or_insert(now.mono);
        caller.stop_waiting(now.mono);
        let first = caller.record.served.is_none();
        caller.record.served.get_or_insert(now.wall);
        // The row of a queued call has who it was handed to beside who served it.
        let keeps = caller.record.queue.is_some() && caller.record.operator.is_some();
        if !keeps {
            caller.record.operator = with.clone().or(caller.record.operator.take());
        }
        let (record, watched, number) = (caller.record.clone(), caller.watched, caller.record.number);
        if first && watched {
            cx.write(Write::Call(record.clone()));
            cx.notice(Notice::CallServed(record));
        }
        if first {
            self.caller_left_served(id, cx);
        }
        if let Some(number) = number {
            with.into_iter().for_each(|operator| self.last_talks.note(number, now.wall, operator));
            self.client_was_taken(number, id, other, cx);
        }
    }

    pub(super) fn unbridged(&mut self, a: &ChannelId, b: &ChannelId, cx: &mut Cx) {
        for id in [a, b] {
            let Some(followed) = self.channels.get_mut(id) else { continue };
            followed.bridged = None;
            match &mut followed.kind {
                Kind::Caller(caller) => caller.stop_talking(cx.now.mono),
                Kind::Leg(_) => self.leg_event(id, cx, |_, at, leg, _| at.legs[leg].bridged = None),
                Kind::Operator { .. } => {}
            }
        }
    }

    pub(super) fn ended(&mut self, ended: Ended, cx: &mut Cx) {
        if let Some(line) = &ended.line {
            self.line_named(&ended.id, line, cx);
        }
        match self.channels.get(&ended.id).map(|followed| &followed.kind) {
            Some(Kind::Leg(_)) => self.leg_event(&ended.id, cx, |engine, at, leg, cx| {
                engine.leg_ended(at, leg, ended.outcome, &ended.cause, ended.unregistered, cx);
            }),
            Some(_) => self.channel_gone(&ended.id, cx.now.wall, &ended.cause, KnownBy::Event, cx),
            None if self.recent_set.contains(&ended.id) => {}
            None => {
                self.unheard.insert(ended.id.clone(), cx.now.wall);
                self.remember_end(ended.id);
            }
        }
    }

    /// A channel that we did not dial is gone.
    pub(super) fn channel_gone(&mut self, id: &ChannelId, at: Wall, cause: &str, known_by: KnownBy, cx: &mut Cx) {
        let Some(followed) = self.channels.remove(id) else { return };
        self.remember_end(id.clone());
        match followed.kind {
            Kind::Caller(mut caller) => {
                caller.stop_talking(caller.vanished.unwrap_or(cx.now.mono));
                caller.stop_waiting(caller.vanished.unwrap_or(cx.now.mono));
                self.not_live(caller.record.number, id);
                if let Some(waiter) = caller.waiter.take() {
                    self.caller_hung_up(id, &mut caller.record, &waiter, cx);
                }
                let Caller { mut record, watched, vanished, partly, .. } = *caller;
                let known_by = if partly && known_by == KnownBy::Event { KnownBy::Guess } else { known_by };
                // What vanished ended when it was last looked for, at the latest.
                let ended = vanished.map_or(at, |since| at - cx.now.mono.since(since));
                (record.ended, record.cause, record.known_by) = (Some(ended), cause.to_owned(), known_by);
                if watched {
                    self.call_over(record, None, cx);
                } else {
                    self.client_left(record.number, id, cx);
                }
            }
            Kind::Operator { name, calls, talks } => {
                self.operator_channel(&name, false, cx);
                self.not_live(calls, id);
                self.client_left(calls, id, cx);
                if let Some(since) = talks {
                    self.operator_talked(&name, cx.now.mono.since(since), cx);
                    if let Some(number) = calls {
                        let began = cx.now.wall - cx.now.mono.since(since);
                        if !self.is_to_be_called_again(number, began, cx.now.wall) {
                            self.operator_reached(number, Some(name), None, cx);
                        }
                    }
                }
            }
            Kind::Leg(_) => cx.alarm(AlarmKind::Impossible, "a leg of ours was let go as a stranger's"),
        }
    }

    /// `told`: by a detail record alone, which tells of a call that ended then.
    fn operator_reached(&mut self, number: Number, operator: Option<Name>, told: Option<Wall>, cx: &mut Cx) {
        let at = told.unwrap_or(cx.now.wall);
        self.was_reached(number, at);
        if let Some(operator) = operator.clone() {
            self.last_talks.note(number, at, operator);
        }
        if let Some(id) = self.open.get(&number).copied()
            && self.is_newer(id, told)
        {
            self.close(id, CloseReason::OperatorCalled { operator }, cx);
        }
    }

    /// A client's call is over: missed, or got through.
    /// `told`: by a detail record alone, which may come long after and in any order.
    fn call_over(&mut self, mut record: CallRecord, told: Option<Wall>, cx: &mut Cx) {
        let Some(line) = self.rules.lines.get(&record.line).cloned() else {
            // Its line is gone from the configuration: nobody can say any more whether that was a miss.
            self.client_left(record.number, &record.id.clone(), cx);
            cx.write(Write::Call(record));
            return;
        };
        *record.marks = std::mem::take(&mut *record.marks).or(line.marks());
        // Who left the queue while nobody looked left it somehow.
        let left = if record.served.is_some() { Left::Served } else { Left::Abandoned };
        record.queue.iter_mut().for_each(|queue| _ = queue.left.get_or_insert(left));
        if let Some((number, ended)) = record.number.zip(record.ended) {
            self.exists(number, ended, cx);
        }
        // A number that was blocked after the call has made it no less missed.
        let block = record.number.and_then(|number| self.blocked.get(&number));
        let is_blocked = record.missed != Some(true)
            && block.is_some_and(|block| record.ended.is_none_or(|ended| block.at <= ended));
        let unwanted = record.queue.as_ref().is_some_and(|queue| queue.no_callback);
        let missed = !is_blocked && !unwanted && missed_by(&record, &line).is_some();
        // Who asked in the queue to be called has a callback, at whatever number they named.
        let asked = record.queue.as_ref().is_some_and(|queue| queue.left == Some(Left::CallBack));
        // A guess that proves right: what follows from the miss has followed already.
        let confirmed = missed && record.missed == Some(true);
        record.missed = Some(missed);
        if let Some(number) = record.number {
            self.client_left(Some(number), &record.id.clone(), cx);
            let taken = self.taken_by(number, &record.id);
            record.callback = match (missed, taken) {
                _ if confirmed || (asked && record.callback.is_some()) => record.callback,
                // Its record came after the block: it stays a miss, and the number in peace.
                (true, None) if self.blocked.contains_key(&number) => record.callback,
                (true, None) if self.is_of_our_time(number, told) => {
                    Some(self.open_or_join(number, &record, &line, cx))
                }
                (true, taken) => taken,
                (false, _) => match record.served {
                    Some(served) => self.got_through(number, &record.id, served, told, cx),
                    None => record.callback,
                },
            };
        }
        if record.known_by == KnownBy::Guess {
            if self.guessed.len() == MOST_GUESSED {
                self.guessed.pop_first();
            }
            self.guessed.insert(record.id.clone(), record.clone());
        }
        cx.write(Write::Call(record.clone()));
        cx.notice(Notice::CallEnded(record));
    }

    /// Only a detail record can bring what was missed before the first start, or before the client was reached; what we hear
    /// ourselves is of our time, whatever the wall clock was set to since.
    fn is_of_our_time(&self, number: Number, told: Option<Wall>) -> bool {
        told.is_none_or(|ended| ended >= self.born && self.reached.get(&number).is_none_or(|reached| *reached < ended))
    }

    /// Did a call that a detail record alone tells of end after the last miss of this callback?
    fn is_newer(&self, id: CallbackId, told: Option<Wall>) -> bool {
        told.is_none_or(|ended| self.callbacks.get(&id).is_some_and(|record| ended >= record.last_miss))
    }

    fn was_reached(&mut self, number: Number, at: Wall) {
        if self.reached.len() == MOST_REACHED && !self.reached.contains_key(&number) {
            let day_ago = at - Span::minutes(24 * 60);
            self.reached.retain(|_, reached| *reached > day_ago);
            if self.reached.len() == MOST_REACHED {
                return;
            }
        }
        let last = self.reached.entry(number).or_insert(at);
        *last = at.max(*last);
    }

    fn got_through(
        &mut self,
        number: Number,
        call: &ChannelId,
        served: Wall,
        told: Option<Wall>,
        cx: &mut Cx,
    ) -> Option<CallbackId> {
        self.was_reached(number, told.unwrap_or(cx.now.wall));
        let id = *self.open.get(&number)?;
        if !self.is_newer(id, told) || self.is_to_be_called_again(number, served, cx.now.wall) {
            return None;
        }
        self.close(id, CloseReason::ClientCalled { call: call.clone() }, cx);
        Some(id)
    }

    /// The switch knows no such channel, yet nobody told us of its end.
    pub(super) fn channel_unknown(&mut self, id: &ChannelId, cx: &mut Cx) {
        let now = cx.now.mono;
        match self.caller(id) {
            Some(caller) if caller.vanished.is_none() => {
                caller.vanished = Some(now);
                self.timers.insert((now + CDR_GRACE, Timer::Caller(id.clone())));
                self.caller_vanished(id, cx);
            }
            Some(_) => {}
            None => self.channel_gone(id, cx.now.wall, "", KnownBy::Guess, cx),
        }
    }

    /// Its detail record did not come: the end is guessed from what was seen.
    pub(super) fn vanished(&mut self, id: &ChannelId, cx: &mut Cx) {
        if self.caller(id).is_some_and(|caller| caller.vanished.is_some()) {
            self.channel_gone(id, cx.now.wall, "", KnownBy::Guess, cx);
        }
    }

    /// A call detail record: the end of a call whose events we may not have heard.
    pub(super) fn cdr(&mut self, switch: &Name, mut cdr: Cdr, cx: &mut Cx) {
        let id = cdr.channel.id.clone();
        let unheard = self.unheard.remove(&id);
        if self.recent_set.contains(&id) && unheard.is_none() && !self.guessed.contains_key(&id) {
            return;
        }
        if let Some(link) = self.links.get(switch) {
            cdr.channel.created = link.ours(cdr.channel.created);
            cdr.served = cdr.served.map(|at| link.ours(at));
            cdr.ended = link.ours(cdr.ended);
        }
        cdr.ended = unheard.unwrap_or(cdr.ended);
        if let Some(name) = self.operators.owner(&cdr.channel) {
            if cdr.served.is_some()
                && let Ok(number) = Number::parse(&cdr.channel.dialled, &self.rules.country)
            {
                self.operator_reached(number, Some(name), Some(cdr.ended), cx);
            }
            self.channel_gone(&id, cdr.ended, &cdr.cause, KnownBy::Cdr, cx);
            return;
        }
        if cdr.channel.direction == Direction::Outbound {
            return;
        }
        self.call_from_cdr(switch, id, cdr, cx);
    }

    fn call_from_cdr(&mut self, switch: &Name, id: ChannelId, cdr: Cdr, cx: &mut Cx) {
        let live = self.caller(&id).map(|caller| (caller.record.clone(), caller.partly));
        let waiter = self.forget_caller(&id);
        let guessed = self.guessed.remove(&id);
        let wholly = matches!(live, Some((_, false)));
        let heard = guessed.is_some() || wholly;
        let mut record = live
            .map(|(record, _)| record)
            .or(guessed)
            .unwrap_or_else(|| Caller::new(switch, &cdr.channel, &self.rules).record);
        let by_queue = cdr.queue.as_deref().and_then(|queue| {
            self.rules
                .lines
                .values()
                .find(|line| line.callcenter.as_deref() == Some(queue))
                .map(|line| line.name.clone())
        });
        let by_number =
            || self.rules.line_of(cdr.channel.line.as_deref(), &cdr.channel.dialled).map(|l| l.name.clone());
        let Some(line) = by_queue.or_else(by_number).or(Some(record.line.clone()).filter(|line| !line.is_empty()))
        else {
            return;
        };
        if record.line != line {
            record.line = line;
            let note = |number| self.last_calls.note(number, &record.line, record.arrived);
            record.previous = record.number.and_then(note);
        }
        // The record has both times by one clock; we know better only of a talk whose beginning we heard.
        if !(wholly && record.served.is_some()) {
            record.waited = cdr.served.unwrap_or(cdr.ended).since(cdr.channel.created);
        }
        if !cdr.marks.is_empty() {
            *record.marks = cdr.marks.cleaned();
        }
        record.served = record.served.or(cdr.served);
        record.talk = record.talk.max(cdr.talk);
        if record.served.is_some() {
            record.queue.iter_mut().for_each(|queue| _ = queue.left.get_or_insert(Left::Served));
        }
        if let Some(waiter) = waiter {
            self.caller_hung_up(&id, &mut record, &waiter, cx);
        }
        // By the switch's clock, how far ours is from it may not be known yet; when the talk began, we may know by ours.
        let ended = record.served.map_or(cdr.ended, |served| cdr.ended.max(served));
        (record.ended, record.cause, record.known_by) = (Some(ended), cdr.cause.into(), KnownBy::Cdr);
        self.remember_end(id);
        self.call_over(record, (!heard).then_some(ended), cx);
    }

    fn forget_caller(&mut self, id: &ChannelId) -> Option<Box<Waiter>> {
        self.caller(id)?;
        let Some(Followed { kind: Kind::Caller(caller), .. }) = self.channels.remove(id) else { return None };
        self.not_live(caller.record.number, id);
        caller.waiter
    }

    fn not_live(&mut self, number: Option<Number>, id: &ChannelId) {
        let Some(number) = number else { return };
        if let Some(ids) = self.callers.get_mut(&number) {
            ids.retain(|other| other != id);
            if ids.is_empty() {
                self.callers.remove(&number);
            }
        }
    }
}
