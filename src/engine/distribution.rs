//! Who is rung for what: ready callbacks in their order, free operators in their group's.
//!
//! Never more callbacks at once than operators free for them: an attempt reserves its operator before it exists.

use super::{
    Name,
    attempt::{Attempt, Stage},
    callback::Rank,
    effect::Facts,
    explain::Veto,
    machine::{Cx, Engine},
    number::Number,
    record::{
        AttemptRecord, CallRecord, CallbackId, CallbackRecord, CallbackState, CloseReason, Job, LiveId, Marks, Origin,
        Outcome, Write,
    },
    rules::{Line, Mode},
    time::{Mono, Now, Wall},
};
use std::{collections::BTreeSet, sync::Arc};

/// Those who wait in the order in which they are served: those who were overtaken for too long, then by rank.
pub(super) fn in_turn(ready: &BTreeSet<Rank>, now: Wall) -> Vec<Job> {
    let (mut late, rest): (Vec<&Rank>, Vec<&Rank>) = ready.iter().partition(|rank| rank.is_late(now));
    late.sort_unstable_by_key(|rank| (rank.due, rank.job));
    late.into_iter().chain(rest).map(|rank| rank.job).collect()
}

/// How an attempt begins.
pub(super) struct Go {
    trunk: Name,
    /// Who is rung first; `None`: nobody is free, and the client is dialled all the same.
    operator: Option<Name>,
}

impl Engine {
    /// Starts what can be started in the groups where something changed.
    pub(super) fn dispatch(&mut self, cx: &mut Cx) {
        while let Some(group) = self.dirty.pop_first() {
            self.dispatch_group(&group, cx);
        }
    }

    fn dispatch_group(&mut self, group: &Name, cx: &mut Cx) {
        // `observe` goes on: it says what would be dialled.
        let calls = self.all_stands_still().is_none();
        if !calls && !self.may_serve() {
            return;
        }
        if calls {
            self.ring_for_held(group, cx);
            self.keep_others(group, cx.now);
        }
        self.send_away(group, cx);
        let bold = self.rules.lines.values().any(|line| line.group == *group && line.dials_without_operator());
        let now = cx.now;
        let may = |engine: &Engine| bold || engine.anybody_is_free(group, now.mono);
        let Some(ready) = self.ready.get(group).filter(|_| may(self)) else { return };
        for job in in_turn(ready, now.wall) {
            if !may(self) {
                break;
            }
            match job {
                Job::Callback(id) if calls => self.start(id, cx),
                Job::Live(id) if self.may_serve() => self.offer_caller(id, cx),
                Job::Callback(_) | Job::Live(_) => {}
            }
        }
    }

    /// Begins an attempt, unless something forbids it now.
    fn start(&mut self, id: CallbackId, cx: &mut Cx) {
        let Some(record) = self.callbacks.get(&id) else { return };
        let Some(line) = self.rules.lines.get(&record.line).cloned() else { return };
        match self.veto(record, &line, cx.now) {
            Ok(Go { operator: Some(operator), .. }) if self.rules.observe => {
                self.close_now(id, CloseReason::Observed { operator }, cx);
            }
            Ok(go) => self.begin(id, line, go.trunk, cx),
            Err(Veto::Spent) => {
                let next = self.rests_until(&line);
                self.change(id, cx, |record, _| record.due = next.unwrap_or(record.expires));
            }
            Err(veto) if veto.is_of_the_clock() => self.put_off(id, &line, cx),
            Err(_) => {}
        }
    }

    /// What forbids all dialling.
    pub(super) fn all_stands_still(&self) -> Option<Veto> {
        match (self.paused, self.draining, self.store_works) {
            (true, ..) => Some(Veto::Paused),
            (_, true, _) => Some(Veto::Stopping),
            (.., false) => Some(Veto::Store),
            _ => None,
        }
    }

    /// What forbids the next attempt of a callback that is due; else over which trunk it goes and who is rung first.
    pub(super) fn veto(&self, record: &CallbackRecord, line: &Line, now: Now) -> Result<Go, Veto> {
        if let Origin::Listed { list } = &record.origin
            && self.paused_lists.contains(list)
            && !record.wanted
        {
            return Err(Veto::ListRests);
        }
        let redial = line.redial_for(&record.origin);
        if redial.mode == Mode::ByHand && !record.wanted {
            return Err(Veto::ByHand);
        }
        if !self.live_calls(record.number).is_empty() {
            return Err(Veto::ClientCalls); // whoever answers, it is no time to dial
        }
        if let Some(against) = self.when(record, line).against(now.wall) {
            return Err(against.into());
        }
        if self.rests_until(line).is_some() {
            return Err(Veto::Spent);
        }
        let trunk = self.free_trunk(line, &[], None, now.mono).ok_or(Veto::NoTrunk)?;
        let next = self.who_next(&line.group, record.id, &[], now);
        match next.first().map(|operator| operator.name.clone()) {
            None if self.rules.observe || !self.may_go_without(record.id, record.attempts + 1, redial) => {
                Err(Veto::NoOperator)
            }
            operator => Ok(Go { trunk, operator }),
        }
    }

    pub(super) fn pause_list(&mut self, list: String, paused: bool, cx: &mut Cx) {
        let changed = if paused { self.paused_lists.insert(list.clone()) } else { self.paused_lists.remove(&list) };
        if changed {
            cx.write(Write::ListPaused { list, paused });
            self.all_dirty();
        }
    }

    fn put_off(&mut self, id: CallbackId, line: &Line, cx: &mut Cx) {
        let now = cx.now.wall;
        let next = self.callbacks.get(&id).and_then(|record| self.when(record, line).next(now));
        self.change(id, cx, |record, _| record.due = next.unwrap_or(record.expires));
    }

    /// The line's first trunk whose switch is there, has settled, and has a channel free; one that could not carry a call a
    /// moment ago comes last. Without those that cost too much this month, and those of `not`; on this switch, when one is given.
    pub(super) fn free_trunk(&self, line: &Line, not: &[Name], on: Option<&Name>, now: Mono) -> Option<Name> {
        let usable = |name: &&Name| {
            let Some(trunk) = self.rules.trunks.get(*name).filter(|_| !not.contains(name)) else { return false };
            let there = match on {
                Some(switch) => trunk.switch == *switch,
                None => {
                    let active = self.active_on(&trunk.switch);
                    self.links.get(&trunk.switch).is_some_and(|link| link.may_start(active, now))
                }
            };
            there && self.trunks.get(*name).copied().unwrap_or(0) < trunk.channels && !self.is_spent(trunk)
        };
        let rests = |name: &&Name| self.resting_trunks.get(*name).is_some_and(|until| *until > now);
        let mut usable = line.trunks.iter().filter(usable);
        let first = usable.next()?;
        let rested = std::iter::once(first).chain(usable).find(|name| !rests(name));
        Some(rested.unwrap_or(first).clone())
    }

    pub(super) fn leave_trunk(&mut self, trunk: &str) {
        if let Some(used) = self.trunks.get_mut(trunk) {
            *used = used.saturating_sub(1);
        }
    }

    fn active_on(&self, switch: &Name) -> usize {
        if self.links.len() == 1 {
            return self.attempts.len();
        }
        self.attempts.values().filter(|at| at.record.switch == *switch).count()
    }

    fn begin(&mut self, id: CallbackId, line: Arc<Line>, trunk: Name, cx: &mut Cx) {
        let Some(switch) = self.rules.trunks.get(&trunk).map(|trunk| trunk.switch.clone()) else { return };
        self.change(id, cx, |record, _| {
            record.state = CallbackState::Active;
            record.attempts += 1;
            record.wanted = false;
        });
        let Some(record) = self.callbacks.get(&id) else { return };
        *self.trunks.entry(trunk.clone()).or_default() += 1;
        let n = record.attempts;
        let mut at = Box::new(Attempt::new(record, n, line, trunk, switch, cx.now.wall, cx.now.mono));
        if !at.client_first {
            self.ring_next(&mut at, Outcome::OperatorUnavailable, cx);
        } else if self.keep_or_go_without(&mut at, cx.now) {
            self.check(&mut at, cx);
        } else {
            self.decide(&mut at, Outcome::OperatorUnavailable, "", cx);
        }
        self.put_back(at, cx);
    }
}

impl Attempt {
    pub fn new(
        callback: &CallbackRecord,
        n: u32,
        line: Arc<Line>,
        trunk: Name,
        switch: Name,
        now: Wall,
        mono: Mono,
    ) -> Attempt {
        let line = line.for_origin(&callback.origin);
        let facts = Facts {
            attempt: callback.spent + 1,
            misses: callback.misses,
            ..Facts::of(Some(callback.number), &callback.name, &line, &callback.marks)
        };
        let announcement = line.redial.announce_operator.of(&callback.origin, callback.spent).clone();
        let client_first = line.redial.client_first.is_some();
        Attempt {
            client_first,
            since: callback.last_miss,
            trunk,
            ..Attempt::bare(callback.id.into(), n, line, switch, facts, announcement, Now { wall: now, mono })
        }
        .of_client(callback.number)
    }

    /// A round of ringing operators for a client who waits on the line.
    pub fn live(call: &CallRecord, line: Arc<Line>, now: Now) -> Attempt {
        let facts = Facts::of(call.number, &call.name, &line, &call.marks);
        let n = call.queue.as_ref().map_or(1, |queue| queue.rounds);
        let announcement = line.queue.announce_operator.clone().unwrap_or_else(|| Arc::from(""));
        let job = Job::Live(LiveId::of(&call.id));
        let mut at = Attempt::bare(job, n, line, call.switch.clone(), facts, announcement, now);
        (at.number, at.since, at.parked) = (call.number, call.arrived, true);
        at.record.took = Some(call.id.clone());
        at
    }

    /// One whose client is not known any more: its legs are ended.
    pub fn of_nobody(record: &AttemptRecord, line: Arc<Line>, now: Now) -> Attempt {
        let switch = record.switch.clone();
        Attempt::bare(record.job, record.n, line, switch, Facts::default(), Arc::from(""), now)
    }

    fn of_client(mut self, number: Number) -> Attempt {
        self.number = Some(number);
        self
    }

    /// One of which nothing is known but for whom it is.
    fn bare(
        job: Job,
        n: u32,
        line: Arc<Line>,
        switch: Name,
        facts: Facts,
        announcement: Arc<str>,
        now: Now,
    ) -> Attempt {
        Attempt {
            record: AttemptRecord {
                job,
                n,
                switch,
                started: now.wall,
                operator: None,
                legs: Vec::new(),
                took: None,
                joined: None,
                handed_to: None,
                recording: None,
                ended: None,
                outcome: None,
                cause: String::new(),
            },
            legs: Vec::new(),
            stage: Stage::Ringing,
            client_first: false,
            kept: None,
            held: None,
            talks: None,
            line,
            trunk: Arc::from(""),
            number: None,
            since: now.wall,
            facts,
            announcement,
            winner: None,
            tried: Vec::new(),
            joins: None,
            parked: false,
            accepted: false,
            taking: None,
            close: None,
            outcome: None,
            decided: None,
            trunks: Vec::new(),
            deadline: now.mono,
            armed: None,
            nudges: 0,
            dirty: false,
        }
    }
}

impl Facts {
    /// What is known of a client whatever becomes of them.
    fn of(number: Option<Number>, name: &str, line: &Line, marks: &Marks) -> Facts {
        Facts {
            number: number.map_or_else(String::new, |number| number.to_string()),
            name: name.to_owned(),
            line: line.name.to_string(),
            channel: marks.channel.clone(),
            source: marks.source.clone(),
            campaign: marks.campaign.clone(),
            page: marks.page.clone(),
            tags: marks.tags.clone(),
            ..Facts::default()
        }
    }
}
