//! What operators say of a client: it was a machine, call again at that time, I call them now.
//!
//! | the callback is | becomes | when |
//! |---|---|---|
//! | tracking, waiting | waiting, due | an operator calls now |
//! | tracking, waiting | waiting | they are to be called again: at that time |
//! | active | waiting, at that time | the same, and nobody talked |
//! | active | closed, another one waits | the same, and they talked: what they were missed with is done |
//! | (none) | waiting | the same |
//! | active, talking | active, closing | it was a machine: see `attempt` |
//! | closed: talked | waiting, closed: attempts spent | it was a machine: as after no answer |

use super::{
    Name,
    attempt::Stage,
    callback::{AFTER_ITS_TIME, LINE_GONE, Next, after},
    effect::Notice,
    machine::{Cx, Engine},
    number::Number,
    record::{
        AttemptRecord, CallbackId, CallbackRecord, CallbackState, CloseReason, Job, Origin, Outcome, Role, Try, Write,
    },
    rules::Again,
    time::Wall,
};

impl Engine {
    /// A callback is dialled now, and this operator's phone is rung first.
    pub(super) fn dial(&mut self, id: CallbackId, operator: Option<Name>, cx: &mut Cx) {
        if self.callbacks.get(&id).is_none_or(CallbackRecord::is_active) {
            return;
        }
        if let Some(name) = operator {
            self.wrap_up(&name, cx.now.wall, cx);
            self.chosen.insert(id, name);
        }
        self.reschedule(id, cx.now.wall, cx);
    }

    /// A client is called at a time that somebody has named with them.
    pub(super) fn call_again(&mut self, number: Number, line: &Name, at: Wall, by: String, cx: &mut Cx) {
        if let Some(block) = self.blocked.get(&number) {
            return cx.notice(Notice::Blocked(block.clone()));
        }
        let (now, at) = (cx.now.wall, at.max(cx.now.wall));
        if let Some(id) = self.open.get(&number).copied() {
            return self.change(id, cx, |record, _| {
                (record.due, record.wanted) = (at, true);
                record.expires = record.expires.max(at + AFTER_ITS_TIME);
                // An attempt under way goes on, and its end finds the time.
                if !record.is_active() {
                    record.state = CallbackState::Waiting;
                    record.last_miss = now;
                }
            });
        }
        let Some(line) = self.rules.lines.get(line).cloned() else { return };
        let record = self.fresh(number, &line, Origin::ByHand { by }, now);
        let expires = record.expires.max(at + AFTER_ITS_TIME);
        self.insert(CallbackRecord { due: at, wanted: true, expires, ..record }, cx);
    }

    /// Was it in the talk that began then that the client named a time which is still to come? Then that talk is no reason not to
    /// call them.
    pub(super) fn is_to_be_called_again(&self, number: Number, began: Wall, now: Wall) -> bool {
        let open = self.open.get(&number).and_then(|id| self.callbacks.get(id));
        open.is_some_and(|record| record.wanted && record.due > now && record.last_miss >= began)
    }

    /// What talked was a machine: while it does, that ends the talk; after it, the callback is tried again.
    pub(super) fn was_a_machine(
        &mut self,
        id: CallbackId,
        by: &str,
        closed: Option<Box<(CallbackRecord, AttemptRecord)>>,
        cx: &mut Cx,
    ) {
        let cause = format!("{by} says that a machine answered");
        if self.attempts.contains_key(&Job::Callback(id)) {
            return self.with_attempt(id, cx, |engine, at, cx| match at.stage {
                Stage::Talking if at.record.took.is_none() => engine.decide(at, Outcome::Machine, &cause, cx),
                Stage::Parted if at.record.took.is_none() => {
                    at.outcome = None;
                    at.record.cause = cause;
                    at.comes_to(Outcome::Machine, cx.now.wall);
                }
                _ => {}
            });
        }
        if let Some((record, attempt)) = closed.map(|closed| *closed)
            && !self.callbacks.contains_key(&id)
            && is_a_talk(&record, &attempt)
        {
            self.correct(record, AttemptRecord { outcome: Some(Outcome::Machine), cause, ..attempt }, cx);
        }
    }

    /// A talk that was none: the attempt says so, and the callback is open again, unless the client has another or wants none.
    fn correct(&mut self, mut record: CallbackRecord, attempt: AttemptRecord, cx: &mut Cx) {
        let client = attempt.legs.iter().find(|leg| leg.role == Role::Client).map(|leg| leg.intended);
        self.learn(client.map(|at| Try { line: record.line.clone(), at, answered: false }));
        cx.write(Write::Attempt(attempt));
        if self.open.contains_key(&record.number) || self.blocked.contains_key(&record.number) {
            return;
        }
        record.last = Some(Outcome::Machine);
        let line = self.rules.lines.get(&record.line).cloned();
        let next = match &line {
            Some(line) => after(&record, Outcome::Machine, line.redial_for(&record.origin)),
            None => Next::Again(Again::After(LINE_GONE)),
        };
        match next {
            Next::Close(reason) => {
                record.state = CallbackState::Closed { at: cx.now.wall, reason: reason.clone() };
                cx.write(Write::Callback(record.clone()));
                cx.notice(Notice::Closed { callback: record, reason });
            }
            Next::Again(again) => {
                let due = line.and_then(|line| self.when(&record, &line).due(&again, cx.now.wall, record.opened));
                record.due = due.unwrap_or(record.expires);
                record.state = CallbackState::Waiting;
                cx.write(Write::Callback(record.clone()));
                cx.notice(Notice::Reopened(record.clone()));
                self.take_up(record);
            }
        }
    }
}

/// Is this a callback that its last attempt has closed by a talk?
fn is_a_talk(record: &CallbackRecord, attempt: &AttemptRecord) -> bool {
    matches!(record.state, CallbackState::Closed { reason: CloseReason::Talked, .. })
        && attempt.job == Job::Callback(record.id)
        && attempt.n == record.attempts
        && attempt.outcome == Some(Outcome::Talked)
        && attempt.took.is_none()
}
