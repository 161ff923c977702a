//! Who is rung for what: ready callbacks in their order, free operators in their group's.
//!
//! Never more callbacks at once than operators free for them: an attempt reserves its operator before it exists.

use super::{
    Name,
    attempt::{Attempt, Stage},
    effect::Facts,
    machine::{Cx, Engine},
    record::{AttemptRecord, CallbackId, CallbackRecord, CallbackState, CloseReason, Outcome},
    rules::Line,
    time::{Mono, Wall},
};
use std::sync::Arc;

impl Engine {
    /// Starts what can be started in the groups where something changed.
    pub(super) fn dispatch(&mut self, cx: &mut Cx) {
        while let Some(group) = self.dirty.pop_first() {
            self.dispatch_group(&group, cx);
        }
    }

    fn dispatch_group(&mut self, group: &Name, cx: &mut Cx) {
        if self.paused || self.draining || !self.store_works {
            return; // `observe` goes on: it says what would be dialled
        }
        self.ring_for_held(group, cx);
        self.keep_others(group, cx.now);
        let Some(ready) = self.ready.get(group).filter(|_| self.anybody_is_free(group, cx.now.mono)) else { return };
        for id in ready.iter().map(|rank| rank.id).collect::<Vec<_>>() {
            if !self.anybody_is_free(group, cx.now.mono) {
                break;
            }
            self.start(id, cx);
        }
    }

    /// Begins an attempt, unless something forbids it now.
    fn start(&mut self, id: CallbackId, cx: &mut Cx) {
        let Some(record) = self.callbacks.get(&id) else { return };
        let Some(line) = self.rules.lines.get(&record.line).cloned() else { return };
        if !self.live_calls(record.number).is_empty() {
            return; // the client is calling: whoever answers, it is no time to dial
        }
        if self.against(id, &line, cx.now.wall).is_some() {
            return self.put_off(id, &line, cx);
        }
        let Some(trunk) = self.free_trunk(&line, &[], None, cx.now.mono) else { return };
        let next = self.who_next(&line.group, id, &[], cx.now);
        let Some(first) = next.first() else { return };
        if self.rules.observe {
            let reason = CloseReason::Observed { operator: first.name.clone() };
            return self.close_now(id, reason, cx);
        }
        self.begin(id, line, trunk, cx);
    }

    fn put_off(&mut self, id: CallbackId, line: &Line, cx: &mut Cx) {
        let now = cx.now.wall;
        let next = self.callbacks.get(&id).and_then(|record| self.when(record, line).next(now));
        self.change(id, cx, |record, _| record.due = next.unwrap_or(record.expires));
    }

    /// The line's first trunk whose switch is there, has settled, and has a channel free; one that could not carry a call a
    /// moment ago comes last. Without those of `not`; on this switch, when one is given.
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
            there && self.trunks.get(*name).copied().unwrap_or(0) < trunk.channels
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
        });
        let Some(record) = self.callbacks.get(&id) else { return };
        *self.trunks.entry(trunk.clone()).or_default() += 1;
        let n = record.attempts;
        let mut at = Box::new(Attempt::new(record, n, line, trunk, switch, cx.now.wall, cx.now.mono));
        let kept = at.client_first && self.keep_an_operator(&mut at, cx.now);
        match at.client_first {
            true if kept => self.check(&mut at, cx),
            true => self.decide(&mut at, Outcome::OperatorUnavailable, "", cx),
            false => self.ring_next(&mut at, Outcome::OperatorUnavailable, cx),
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
        let facts = Facts {
            number: callback.number.to_string(),
            name: callback.name.clone(),
            line: line.name.to_string(),
            channel: line.channel.clone(),
            source: line.source.clone(),
            campaign: line.campaign.clone(),
            attempt: callback.spent + 1,
            misses: callback.misses,
            key: String::new(),
            outcome: String::new(),
        };
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
