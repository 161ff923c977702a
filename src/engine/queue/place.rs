//! Where a caller stands: who is before them, how long it is likely to take, and what people see of it.

use super::super::{
    attempt::Attempt,
    callback::Rank,
    machine::Engine,
    record::{ChannelId, Job, LiveId},
    rules::Group,
    status::{QueueView, WaiterView},
    time::{Now, Span},
};

/// An expected wait is said from so many talks on.
const ENOUGH_TALKS: u32 = 5;

impl Engine {
    /// How many callers and callbacks stand before this one.
    pub(super) fn ahead_of(&self, id: &ChannelId) -> u32 {
        let Some(waiter) = self.caller_at(id).and_then(|caller| caller.waiter.as_ref()) else { return 0 };
        let ready = self.ready.get(&waiter.line.group);
        ready.map_or(0, |ready| ready.range(..waiter.rank(LiveId::of(id))).count() as u32)
    }

    /// How many others wait for whom no phone rings yet.
    pub(super) fn others_waiting(&self, id: &ChannelId) -> u32 {
        let Some(waiter) = self.caller_at(id).and_then(|caller| caller.waiter.as_ref()) else { return 0 };
        let others = self.ready.get(&waiter.line.group).into_iter().flatten().map(|rank| rank.job);
        let own = Job::Live(LiveId::of(id));
        others.filter(|job| *job != own && !self.attempts.contains_key(job)).count() as u32
    }

    /// How long a client in this place is likely to wait: as long as that many talks take, with as many operators as take
    /// calls. Known once there were enough talks.
    pub(in super::super) fn expected(&self, group: &str, place: u32, now: Now) -> Option<Span> {
        let group = self.rules.groups.get(group)?;
        let (mut talks, mut talked, mut hands, mut rests) = (0, Span::ZERO, 0, Span::ZERO);
        for member in group.operators.iter().filter(|member| self.may_come(&member.name, now)) {
            let (state, rule) = (self.operators.get(&member.name)?, self.rules.operators.get(&member.name)?);
            talks += state.talks;
            talked = talked + state.talk_time;
            hands += rule.calls;
            rests = rests + Span(rule.wrap_up.0 * u64::from(rule.calls));
        }
        if talks < ENOUGH_TALKS || hands == 0 {
            return None;
        }
        let each = talked.0 / u64::from(talks) + rests.0 / u64::from(hands);
        Some(Span(each * u64::from(place) / u64::from(hands)))
    }

    /// Does this operator take calls, now or after the one that they are on?
    pub(in super::super) fn may_come(&self, name: &str, now: Now) -> bool {
        self.operators.get(name).is_some_and(|state| state.ready && !state.is_unregistered(now.mono))
    }

    pub(super) fn anybody_may_come(&self, group: &str, now: Now) -> bool {
        let Some(group) = self.rules.groups.get(group) else { return false };
        group.operators.iter().any(|member| self.may_come(&member.name, now))
    }

    /// The group's queue as people see it.
    pub(in super::super) fn queue_view(&self, group: &Group, now: Now) -> QueueView {
        let ready = self.ready.get(&group.name);
        let waits = |(before, rank): (usize, &Rank)| {
            let Job::Live(live) = rank.job else { return None };
            let caller = self.caller_at(self.live.get(&live)?)?;
            let waiter = caller.waiter.as_ref()?;
            let at = self.attempts.get(&rank.job);
            let rung = |at: &Attempt| {
                at.record.legs.iter().filter(|leg| leg.ended.is_none()).map(|leg| leg.who.clone()).collect()
            };
            Some(WaiterView {
                call: caller.record.id.clone(),
                number: caller.record.number,
                line: waiter.line.name.clone(),
                position: before as u32 + 1,
                since: waiter.since,
                waited: caller
                    .waiting_since
                    .map_or(caller.record.waited, |since| Span(caller.record.waited.0 + now.mono.since(since).0)),
                given: waiter.given,
                hears: waiter.hears.as_str(),
                expected: self.expected(&group.name, before as u32 + 1, now),
                rung: at.map_or_else(Vec::new, |at| rung(at)),
            })
        };
        QueueView {
            group: group.name.clone(),
            operators: group.operators.iter().filter(|member| self.may_come(&member.name, now)).count(),
            waiting: ready.into_iter().flatten().enumerate().filter_map(waits).collect(),
        }
    }
}
