//! Operators for those who wait: rung, joined, or lost at the last moment.

use super::super::{
    Name,
    attempt::{Attempt, LONGEST_WORDS, PROMPT, Stage},
    effect::{Effect, Notice},
    link::Link,
    machine::{Cx, Engine, Timer},
    number::Number,
    record::{CallRecord, ChannelId, Job, Left, LiveId, Outcome, Write},
    strategy::Wanted,
    time::Span,
};
use super::{Hears, LONGEST_STAY, Waiter, notice_left};
use uuid::Uuid;

impl Engine {
    pub(in super::super) fn wanted_by_caller(&self, id: LiveId) -> Option<Wanted> {
        let caller = self.caller_at(self.live.get(&id)?)?;
        let waiter = caller.waiter.as_ref()?;
        Some(Wanted {
            job: Job::Live(id),
            number: caller.record.number,
            since: waiter.since,
            in_vain: waiter.in_vain,
            times: caller.record.queue.as_ref().map_or(0, |queue| queue.rounds),
            loyal: self.rules.groups.get(&waiter.line.group).map_or(Span::ZERO, |group| group.loyal),
        })
    }

    /// Rings an operator for a caller whose turn it is, if one may be.
    pub(in super::super) fn offer_caller(&mut self, live: LiveId, cx: &mut Cx) {
        let Some(id) = self.live.get(&live).cloned() else { return };
        let Some(switch) = self.channels.get(&id).map(|followed| followed.switch.clone()) else { return };
        let settled = |link: &Link| link.up && link.settled.is_some();
        if self.attempts.contains_key(&Job::Live(live)) || !self.links.get(&switch).is_some_and(settled) {
            return;
        }
        let Some(waiter) = self.waiter(&id).filter(|waiter| waiter.may_be_offered()) else { return };
        let line = waiter.line.clone();
        let number = self.caller(&id).and_then(|caller| caller.record.number);
        if number.is_some_and(|number| self.is_being_called(number))
            || self.who_next(&line.group, Job::Live(live), &[], cx.now).is_empty()
        {
            return;
        }
        let Some(caller) = self.caller(&id) else { return };
        if let Some(queue) = &mut caller.record.queue {
            queue.rounds += 1;
        }
        let record = caller.record.clone();
        cx.write(Write::Call(record.clone()));
        let mut at = Box::new(Attempt::live(&record, line, cx.now));
        self.ring_next(&mut at, Outcome::OperatorUnavailable, cx);
        self.put_back(at, cx);
    }

    /// Is an operator already rung for this client's callback, whom their own call is put through to?
    pub(super) fn is_being_called(&self, number: Number) -> bool {
        let at = self.open.get(&number).and_then(|id| self.attempts.get(&Job::Callback(*id)));
        at.is_some_and(|at| !matches!(at.stage, Stage::Talking | Stage::Parted | Stage::Closing | Stage::Parting(_)))
    }

    /// The operator is ready for the caller: they are joined, once a recording's notice is heard.
    pub(in super::super) fn join_live(&mut self, at: &mut Attempt, cx: &mut Cx) {
        let Some(id) = at.record.took.clone() else {
            return self.part(at, Outcome::Cancelled, "the caller hung up", cx);
        };
        let notice = at.line.redial.record.as_ref().is_some_and(|record| record.notice.is_some());
        match self.waiter(&id) {
            Some(waiter) if notice && waiter.hears == Hears::Greeting && !waiter.token.is_nil() => {
                at.goes(Stage::Greeting(Some(waiter.token)), cx.now.mono + LONGEST_WORDS);
            }
            _ => self.join(at, cx),
        }
    }

    /// The two are about to be joined: what the caller hears is cut off by that.
    pub(in super::super) fn joining(&mut self, id: &ChannelId) {
        if let Some(waiter) = self.waiter(id) {
            waiter.hears(Hears::Joining, Uuid::nil(), None);
        }
    }

    /// A round of ringing operators for a caller is over.
    pub(in super::super) fn offers_over(&mut self, at: &Attempt, outcome: Outcome, cx: &mut Cx) {
        cx.notice(Notice::OffersOver { job: at.id(), group: at.line.group.clone(), outcome });
        let Job::Live(live) = at.id() else { return };
        let Some(id) = self.live.get(&live).cloned() else { return };
        let Some(waiter) = self.waiter(&id) else { return };
        waiter.in_vain = matches!(outcome, Outcome::OperatorUnavailable | Outcome::OperatorDeclined);
        let group = waiter.line.group.clone();
        self.dirty.insert(group);
        if !self.fetch_if_cut(&id, at, cx) {
            self.arm(&id);
        }
    }

    /// The attempt is over: is its caller one who was on the way to its operator and is still?
    pub(in super::super) fn fetch_if_cut(&mut self, id: &ChannelId, at: &Attempt, cx: &mut Cx) -> bool {
        let was_cut =
            self.waiter(id).is_some_and(|waiter| waiter.hears == Hears::Joining) && at.record.joined.is_none();
        if was_cut {
            self.fetch(id, cx);
        }
        was_cut
    }

    /// Something is said to a caller on behalf of the operator who is there for them: what they hear gives way to it.
    pub(in super::super) fn makes_way(&mut self, id: &ChannelId, cx: &mut Cx) {
        if self.waiter(id).is_some_and(|waiter| waiter.waits()) {
            self.ear(id, Hears::Joining, Uuid::nil(), None, cx);
        }
    }

    /// A caller who was on the way to an operator who is gone: the switch may have left them in silence, where nothing that is
    /// sent to them plays. They are taken out of it before anything else.
    pub(super) fn fetch(&mut self, id: &ChannelId, cx: &mut Cx) {
        let Some(switch) = self.channels.get(id).map(|followed| followed.switch.clone()) else { return };
        let Some(waiter) = self.waiter(id) else { return };
        waiter.fetched = true;
        waiter.hears(Hears::Fetched, Uuid::nil(), Some(cx.now.mono + PROMPT));
        cx.effect(Effect::Park { switch, channel: id.clone(), limit: LONGEST_STAY });
        self.arm(id);
    }

    /// A caller's channel waits for us.
    pub(in super::super) fn caller_parked(&mut self, id: &ChannelId, cx: &mut Cx) {
        let Some(waiter) = self.waiter(id) else { return };
        if waiter.hears == Hears::Fetched {
            return self.company(id, cx);
        }
        // While we were away it waited in a park of ours, where no dialplan goes on.
        if !waiter.given && waiter.waits() {
            (waiter.given, waiter.fetched) = (true, true);
            let group = waiter.line.group.clone();
            self.dirty.insert(group);
            self.company(id, cx);
        }
    }

    /// Somebody talks with the caller.
    pub(in super::super) fn caller_served(&mut self, id: &ChannelId, with: Option<&Name>, by: &ChannelId, cx: &mut Cx) {
        if self.waiter(id).is_none() {
            return;
        }
        self.out_of_turn(id);
        let Some(caller) = self.caller(id) else { return };
        if let Some(queue) = &mut caller.record.queue {
            let first = caller.record.operator.as_ref();
            // Who has left already is served where they went.
            queue.left.get_or_insert(Left::Served);
            if let (Some(first), Some(with)) = (first, with)
                && first != with
            {
                queue.handed_to = Some(with.clone());
            }
        }
        if let Some(waiter) = self.waiter(id) {
            waiter.hears(Hears::Served, Uuid::nil(), None);
        }
        self.with_attempt(Job::Live(LiveId::of(id)), cx, |engine, at, cx| {
            let ours = at.record.legs.iter().any(|leg| leg.id == *by);
            if !ours && at.record.joined.is_none() && at.outcome.is_none() {
                engine.part(at, Outcome::Cancelled, "another operator has the client", cx);
            }
        });
    }

    /// Somebody talks with a caller of the queue for the first time.
    pub(in super::super) fn caller_left_served(&mut self, id: &ChannelId, cx: &mut Cx) {
        let Some(caller) = self.caller_at(id) else { return };
        if let Some(waiter) = &caller.waiter {
            notice_left(&caller.record, &waiter.line, cx);
        }
    }

    /// Where the talk is recorded, for the row of the call.
    pub(in super::super) fn caller_recorded(&mut self, id: &ChannelId, file: Option<String>, cx: &mut Cx) {
        let Some(caller) = self.caller(id) else { return };
        if let Some(queue) = caller.record.queue.as_mut().filter(|queue| queue.recording != file) {
            queue.recording = file;
            self.write_caller(id, cx);
        }
    }

    /// A caller's channel is gone: what their row says of it, before it is judged.
    pub(in super::super) fn caller_hung_up(
        &mut self,
        id: &ChannelId,
        record: &mut CallRecord,
        waiter: &Waiter,
        cx: &mut Cx,
    ) {
        let live = LiveId::of(id);
        self.live.remove(&live);
        self.strike(&waiter.line.group, waiter.rank(live));
        if let Some(armed) = waiter.armed {
            self.timers.remove(&(armed, Timer::Waiter(id.clone())));
        }
        let short = record.waited < waiter.line.queue.short;
        let hung_up = waiter.waits();
        if let Some(queue) = &mut record.queue {
            queue.left.get_or_insert(if short { Left::Short } else { Left::Abandoned });
        }
        if record.served.is_none() {
            notice_left(record, &waiter.line, cx);
        }
        if let Some(number) = record.number.filter(|_| hung_up && record.served.is_none()) {
            self.places.keep(number, waiter.line.group.clone(), waiter.since, cx.now.wall);
        }
        self.with_attempt(Job::Live(live), cx, |engine, at, cx| {
            if at.record.joined.is_none() {
                at.record.took = None;
                at.dirty = true;
                if at.outcome.is_none() {
                    engine.part(at, Outcome::Cancelled, "the caller hung up", cx);
                }
            }
        });
    }

    /// The switch knows nothing of a caller any more. How the call ended may yet be told; no phone rings for it.
    pub(in super::super) fn caller_vanished(&mut self, id: &ChannelId, cx: &mut Cx) {
        self.out_of_turn(id);
        let Some(waiter) = self.waiter(id) else { return };
        waiter.given = false;
        self.ring_no_more(id, "the caller is gone", cx);
    }

    /// No operator is rung any longer for a caller whom none has yet.
    pub(super) fn ring_no_more(&mut self, id: &ChannelId, why: &str, cx: &mut Cx) {
        self.with_attempt(Job::Live(LiveId::of(id)), cx, |engine, at, cx| {
            if at.record.joined.is_none() && at.outcome.is_none() {
                engine.part(at, Outcome::Cancelled, why, cx);
            }
        });
    }

    /// The caller waits no longer.
    pub(super) fn out_of_turn(&mut self, id: &ChannelId) {
        if let Some(waiter) = self.waiter(id) {
            let (rank, group) = (waiter.rank(LiveId::of(id)), waiter.line.group.clone());
            self.strike(&group, rank);
        }
    }
}
