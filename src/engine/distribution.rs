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
    record::{AttemptRecord, CallbackId, CallbackRecord, CallbackState, CloseReason, Origin, Outcome, Write},
    rules::{Line, Mode},
    time::{Mono, Now, Wall},
};
use std::{collections::BTreeSet, sync::Arc};

/// Ready callbacks in the order in which they are served: those who were overtaken for too long, then by rank.
pub(super) fn in_turn(ready: &BTreeSet<Rank>, now: Wall) -> Vec<CallbackId> {
    let (mut late, rest): (Vec<&Rank>, Vec<&Rank>) = ready.iter().partition(|rank| rank.is_late(now));
    late.sort_unstable_by_key(|rank| (rank.due, rank.id));
    late.into_iter().chain(rest).map(|rank| rank.id).collect()
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
        if self.all_stands_still().is_some() {
            return; // `observe` goes on: it says what would be dialled
        }
        self.ring_for_held(group, cx);
        self.keep_others(group, cx.now);
        let bold = self.rules.lines.values().any(|line| line.group == *group && line.dials_without_operator());
        let now = cx.now;
        let may = |engine: &Engine| bold || engine.anybody_is_free(group, now.mono);
        let Some(ready) = self.ready.get(group).filter(|_| may(self)) else { return };
        for id in in_turn(ready, now.wall) {
            if !may(self) {
                break;
            }
            self.start(id, cx);
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
            number: callback.number.to_string(),
            name: callback.name.clone(),
            line: line.name.to_string(),
            channel: callback.marks.channel.clone(),
            source: callback.marks.source.clone(),
            campaign: callback.marks.campaign.clone(),
            page: callback.marks.page.clone(),
            tags: callback.marks.tags.clone(),
            attempt: callback.spent + 1,
            misses: callback.misses,
            key: String::new(),
            outcome: String::new(),
        };
        let announcement = line.redial.announce_operator.of(&callback.origin, callback.spent).clone();
        Attempt {
            record: AttemptRecord {
                callback: callback.id,
                n,
                switch,
                started: now,
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
            client_first: line.redial.client_first.is_some(),
            kept: None,
            held: None,
            talks: None,
            line,
            trunk,
            number: callback.number,
            since: callback.last_miss,
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
            deadline: mono,
            armed: None,
            nudges: 0,
            dirty: false,
        }
    }
}
