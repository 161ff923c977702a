//! Callbacks: the job of reaching one client. At most one is open per number; later misses join it.
//!
//! | state | becomes | when |
//! |---|---|---|
//! | (none) | tracking | a call is missed |
//! | (none) | waiting, due | a person asks for it |
//! | tracking | tracking, longer | the client is missed again |
//! | tracking, waiting | waiting, ready | its time has come and its line's hours are open |
//! | waiting | active | an operator is free for it (see `distribution`) |
//! | active | waiting | the attempt failed and may be repeated |
//! | any open | closed | talked; the client got through; an operator's own call; invalid; declined; attempts spent; expired; cancelled |

use super::{
    Name,
    effect::Notice,
    input::Request,
    machine::{Cx, Engine, Timer},
    number::Number,
    paper::Paper,
    record::{
        Blocked, CallRecord, CallbackId, CallbackRecord, CallbackState, ChannelId, CloseReason, Job, LiveId, Origin,
        Outcome, Try, Write,
    },
    retry::{Against, Answers, When},
    rules::{Again, Line, Redial, Rules, SeveralZones},
    strategy::escalations,
    time::{Now, Span, Wall},
};
use std::{cmp::Reverse, sync::Arc};

/// Without an operator, with an operator who left, or after a crash: how long until the next try. It doubles a few times.
const SETBACK: Span = Span::seconds(30);
/// How long a callback that a person put to some time is tried from then on, at least.
pub(super) const AFTER_ITS_TIME: Span = Span::minutes(60);
/// Until a line that is gone from the configuration may be back.
pub(super) const LINE_GONE: Span = Span::minutes(60);
/// How many times a pause doubles.
const MOST_DOUBLINGS: u32 = 4;

/// How long past its due time a callback is overtaken by fresher and greater ones, at most.
const PATIENCE: Span = Span::minutes(30);

/// The order in which clients are served: clients before lists, fresh before repeated, then by their line's priority, those on the
/// line and those who keep a place of it before those who are called back, then the one who waits longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    listed: bool,
    repeated: bool,
    priority: Reverse<u32>,
    /// Not on the line: who waits there, or keeps a place of that, goes first.
    away: bool,
    since: Wall,
    pub job: Job,
    /// When it was due.
    pub due: Wall,
}

impl Rank {
    fn of(record: &CallbackRecord, line: &Line) -> Rank {
        Rank {
            listed: matches!(record.origin, Origin::Listed { .. }),
            repeated: record.spent > 0,
            priority: Reverse(line.priority),
            away: !matches!(record.origin, Origin::Queue { .. }),
            since: record.opened,
            job: record.id.into(),
            due: record.due,
        }
    }

    /// A client who waits on the line since then.
    pub(super) fn of_caller(id: LiveId, line: &Line, since: Wall) -> Rank {
        Rank {
            listed: false,
            repeated: false,
            priority: Reverse(line.priority),
            away: false,
            since,
            job: Job::Live(id),
            due: since,
        }
    }

    /// Has it been overtaken for long enough? A list may wait as long as it takes.
    pub(super) fn is_late(&self, now: Wall) -> bool {
        !self.listed && now > self.due + PATIENCE
    }
}

/// How an attempt was: what its callback is judged by.
pub(super) struct Over {
    pub outcome: Outcome,
    /// The client's own call that was put through.
    pub took: Option<ChannelId>,
    /// What somebody else has closed the callback with meanwhile.
    pub close: Option<CloseReason>,
    /// When the outcome was known.
    pub decided: Option<Wall>,
    /// The client's phone was answered, or rang and was stopped by us: one more of that is no kindness.
    pub bothered: bool,
    /// When the client's phone was called first.
    pub dialled: Option<Wall>,
    /// The operator who answered.
    pub operator: Option<Name>,
}

/// What an outcome does to a callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Close(CloseReason),
    Again(Again),
}

/// What follows an attempt that ended so. `record` has the attempt counted already.
pub(super) fn after(record: &CallbackRecord, outcome: Outcome, redial: &Redial) -> Next {
    use Outcome::*;
    let spent = record.spent >= redial.attempts;
    match outcome {
        Talked => Next::Close(CloseReason::Talked),
        Invalid => Next::Close(CloseReason::Invalid),
        Declined => Next::Close(CloseReason::Declined),
        Busy | NoAnswer | Machine if spent => Next::Close(CloseReason::AttemptsSpent),
        Busy => Next::Again(redial.busy.clone()),
        NoAnswer | Machine | Postponed => Next::Again(redial.no_answer.clone()),
        // It cost the client an attempt after all: the phone rang, or somebody spoke into silence.
        _ if spent => Next::Close(CloseReason::AttemptsSpent),
        Network => Next::Again(Again::After(doubled(redial.network, record.setbacks))),
        OperatorUnavailable | OperatorDeclined | Cancelled | Unknown => {
            Next::Again(Again::After(doubled(SETBACK, record.setbacks)))
        }
    }
}

fn doubled(pause: Span, times: u32) -> Span {
    Span(pause.0 << times.saturating_sub(1).min(MOST_DOUBLINGS))
}

impl Engine {
    /// A missed call opens a callback, or joins the one that is open.
    pub(super) fn open_or_join(&mut self, number: Number, call: &CallRecord, line: &Line, cx: &mut Cx) -> CallbackId {
        let missed_at = call.ended.unwrap_or(cx.now.wall);
        let due = missed_at + line.redial.track;
        if let Some(id) = self.open.get(&number).copied() {
            self.change(id, cx, |record, cx| {
                record.misses += 1;
                record.last_miss = record.last_miss.max(missed_at);
                record.expires = record.expires.max(missed_at + line.redial.expire);
                // The window begins anew, yet who keeps calling is not put off beyond twice its length.
                let latest = record.opened + line.redial.track + line.redial.track;
                match record.state {
                    CallbackState::Tracking => record.due = record.due.max(due.min(latest)),
                    CallbackState::Waiting => {
                        record.due = due;
                        record.state = CallbackState::Tracking;
                    }
                    // What the attempt comes to is judged at its end: see `attempt_over`.
                    CallbackState::Active | CallbackState::Ending { .. } | CallbackState::Closed { .. } => {}
                }
                cx.notice(Notice::Joined(record.clone()));
            });
            return id;
        }
        let origin = Origin::Missed { call: call.id.clone() };
        let record = CallbackRecord {
            name: call.name.clone(),
            marks: call.marks.clone(),
            due,
            state: CallbackState::Tracking,
            ..self.fresh(number, line, origin, missed_at)
        };
        self.insert(record, cx)
    }

    /// A person wants this client called: now, or, of a list, in its turn. A blocked number is left alone.
    pub(super) fn call_by_hand(&mut self, number: Number, line: Name, by: String, list: Option<String>, cx: &mut Cx) {
        if let Some(block) = self.blocked.get(&number) {
            return cx.notice(Notice::Blocked(block.clone()));
        }
        let Some(line) = self.rules.lines.get(&line).cloned() else { return };
        let now = cx.now.wall;
        match (self.open.get(&number).copied(), list) {
            (Some(id), None) => self.change(id, cx, |record, _| {
                if matches!(record.state, CallbackState::Tracking | CallbackState::Waiting) {
                    record.state = CallbackState::Waiting;
                    record.due = now;
                    record.wanted = true;
                }
            }),
            // The client is to be called already.
            (Some(_), Some(_)) => {}
            (None, list) => {
                let wanted = list.is_none();
                let origin = list.map_or(Origin::ByHand { by }, |list| Origin::Listed { list });
                let record = CallbackRecord { wanted, ..self.fresh(number, &line, origin, now) };
                self.insert(record, cx);
            }
        }
    }

    /// A client asked on a web site to be called: an open callback becomes what they ask for, but for an attempt that is under way.
    /// A blocked number is left alone.
    pub(super) fn request(&mut self, request: Request, cx: &mut Cx) {
        let Request { number, line, site, marks, due, paper } = request;
        if let Some(block) = self.blocked.get(&number) {
            return cx.notice(Notice::Blocked(block.clone()));
        }
        let Some(line) = self.rules.lines.get(&line).cloned() else { return };
        let (now, origin) = (cx.now.wall, Origin::Web { site });
        let due = due.unwrap_or(now).max(now);
        let marks = Box::new(marks.or(line.marks()));
        cx.write(Write::Paper(Paper { at: now, ..paper }));
        let Some(id) = self.open.get(&number).copied() else {
            let record = self.fresh(number, &line, origin, now);
            let expires = due + line.requested.expire;
            self.insert(CallbackRecord { marks, due, expires, ..record }, cx);
            return;
        };
        let talks = self.attempts.get(&id.into()).is_some_and(|at| at.record.joined.is_some());
        self.change(id, cx, |record, _| {
            if !talks {
                record.last_miss = now;
            }
            if !record.is_active() {
                (record.line, record.origin, record.marks) = (line.name.clone(), origin, marks);
                (record.state, record.due, record.spent) = (CallbackState::Waiting, due, 0);
                record.expires = due + line.requested.expire;
            }
        });
    }

    /// A client who waits on the line is to be called back, in the place that they have since then.
    pub(super) fn open_in_place(
        &mut self,
        number: Number,
        call: &CallRecord,
        line: &Line,
        since: Wall,
        cx: &mut Cx,
    ) -> CallbackId {
        let (now, origin) = (cx.now.wall, Origin::Queue { call: call.id.clone() });
        if let Some(id) = self.open.get(&number).copied() {
            self.change(id, cx, |record, _| {
                (record.last_miss, record.misses) = (now, record.misses.saturating_add(1));
                if !record.is_active() {
                    record.origin = origin;
                    (record.opened, record.due, record.spent) = (since.min(record.opened), now, 0);
                    record.state = CallbackState::Waiting;
                }
            });
            return id;
        }
        let record = self.fresh(number, line, origin, now);
        let marks = Box::new((*call.marks).clone().or(line.marks()));
        self.insert(CallbackRecord { opened: since, misses: 1, name: call.name.clone(), marks, ..record }, cx)
    }

    /// A person puts a callback to another time, up to which it does not expire. One whose attempt is under way stays.
    pub(super) fn reschedule(&mut self, id: CallbackId, due: Wall, cx: &mut Cx) {
        let now = cx.now.wall;
        if self.callbacks.get(&id).is_none_or(CallbackRecord::is_active) {
            return;
        }
        self.change(id, cx, |record, _| {
            record.state = CallbackState::Waiting;
            record.due = due.max(now);
            record.expires = record.expires.max(record.due + AFTER_ITS_TIME);
            record.wanted = true;
        });
    }

    pub(super) fn fresh(&mut self, number: Number, line: &Line, origin: Origin, at: Wall) -> CallbackRecord {
        self.last_callback += 1;
        let expire = line.redial_for(&origin).expire;
        let misses = u32::from(matches!(origin, Origin::Missed { .. }));
        CallbackRecord {
            id: CallbackId(self.last_callback),
            number,
            name: String::new(),
            line: line.name.clone(),
            origin,
            marks: Box::new(line.marks()),
            opened: at,
            last_miss: at,
            misses,
            state: CallbackState::Waiting,
            due: at,
            expires: at + expire,
            attempts: 0,
            spent: 0,
            setbacks: 0,
            last: None,
            wanted: false,
        }
    }

    pub(super) fn insert(&mut self, record: CallbackRecord, cx: &mut Cx) -> CallbackId {
        let id = record.id;
        cx.write(Write::Callback(record.clone()));
        cx.notice(Notice::Opened(record.clone()));
        self.take_up(record);
        id
    }

    /// Puts an open callback where its time finds it.
    pub(super) fn take_up(&mut self, record: CallbackRecord) {
        self.open.insert(record.number, record.id);
        if !record.is_active() {
            self.agenda.insert((record.due.min(record.expires), record.id));
        }
        self.callbacks.insert(record.id, record);
    }

    /// Changes an open callback, keeps the agenda true and writes it.
    pub(super) fn change(&mut self, id: CallbackId, cx: &mut Cx, f: impl FnOnce(&mut CallbackRecord, &mut Cx)) {
        let Some(mut record) = self.callbacks.remove(&id) else { return };
        self.put_away(&record);
        f(&mut record, cx);
        cx.write(Write::Callback(record.clone()));
        self.take_up(record);
    }

    /// Takes a callback out of every order in which it may stand.
    fn put_away(&mut self, record: &CallbackRecord) {
        self.agenda.remove(&(record.due.min(record.expires), record.id));
        self.agenda.remove(&(record.expires, record.id));
        let place = self.rules.lines.get(&record.line).map(|line| (line.group.clone(), Rank::of(record, line)));
        if let Some((group, rank)) = place {
            self.strike(&group, rank);
        }
    }

    /// Takes a callback or a caller out of the order of their group.
    pub(super) fn strike(&mut self, group: &Name, rank: Rank) {
        if let Some(ready) = self.ready.get_mut(group) {
            ready.remove(&rank);
        }
    }

    pub(super) fn group_of(&self, line: &str) -> Option<Name> {
        self.rules.lines.get(line).map(|line| line.group.clone())
    }

    /// Ends a callback; one with an attempt under way ends with it, unless they talk already.
    pub(super) fn close(&mut self, id: CallbackId, reason: CloseReason, cx: &mut Cx) {
        if self.attempts.contains_key(&id.into()) {
            self.with_attempt(id, cx, |engine, at, cx| engine.call_off(at, reason, cx));
        } else {
            self.close_now(id, reason, cx);
        }
    }

    pub(super) fn close_now(&mut self, id: CallbackId, reason: CloseReason, cx: &mut Cx) {
        let Some(mut record) = self.callbacks.remove(&id) else { return };
        self.put_away(&record);
        self.chosen.remove(&id);
        self.open.remove(&record.number);
        if let Some(why) = Blocked::by(&reason) {
            self.block(record.number, why, cx);
        }
        record.state = CallbackState::Closed { at: cx.now.wall, reason: reason.clone() };
        cx.write(Write::Callback(record.clone()));
        cx.notice(Notice::Closed { callback: record, reason });
    }

    /// What is due becomes ready; what is too old is given up; what falls outside the line's hours waits for them.
    pub(super) fn run_agenda(&mut self, cx: &mut Cx) {
        while let Some(&(at, id)) = self.agenda.first() {
            if at > cx.now.wall {
                break;
            }
            self.agenda.remove(&(at, id));
            self.fall_due(id, cx);
        }
    }

    fn fall_due(&mut self, id: CallbackId, cx: &mut Cx) {
        let now = cx.now.wall;
        let Some(record) = self.callbacks.get(&id) else { return };
        if record.expires <= now {
            return self.close_now(id, CloseReason::Expired, cx);
        }
        let Some(line) = self.rules.lines.get(&record.line) else {
            // Its line is gone from the configuration; it may come back before the callback expires.
            self.agenda.insert((record.expires, id));
            return;
        };
        match self.when(record, line).next(now) {
            Some(next) if next <= now => self.make_ready(id, line.clone(), cx),
            next => self.change(id, cx, |record, _| {
                record.state = CallbackState::Waiting;
                record.due = next.unwrap_or(record.expires);
            }),
        }
    }

    /// What this callback's dials are judged by.
    pub(super) fn when<'a>(&'a self, record: &CallbackRecord, line: &'a Line) -> When<'a> {
        self.when_of(record.number, line, line.redial_for(&record.origin), record.spent > 0)
    }

    pub(super) fn when_of<'a>(
        &'a self,
        number: Number,
        line: &'a Line,
        redial: &'a Redial,
        repeated: bool,
    ) -> When<'a> {
        static NOBODY_ANSWERED: Answers = Answers::none();
        let zones = self.rules.zones.of(number);
        let by_line = zones.len() > 1 && redial.manners.several_zones == SeveralZones::Line;
        When {
            calendar: line.calendar.as_deref(),
            manners: &redial.manners,
            clients: if by_line { &[] } else { zones },
            repeated,
            dialled: self.dials.of(number),
            answers: self.answers.get(&line.name).unwrap_or(&NOBODY_ANSWERED),
        }
    }

    /// What stands against dialling this callback's client now.
    pub(super) fn against(&self, id: CallbackId, line: &Line, now: Wall) -> Option<Against> {
        self.when(self.callbacks.get(&id)?, line).against(now)
    }

    fn make_ready(&mut self, id: CallbackId, line: Arc<Line>, cx: &mut Cx) {
        let Some(record) = self.callbacks.get_mut(&id) else { return };
        if record.state != CallbackState::Waiting {
            record.state = CallbackState::Waiting;
            cx.write(Write::Callback(record.clone()));
        }
        let (rank, due, expires) = (Rank::of(record, &line), record.due, record.expires);
        self.agenda.insert((expires, id));
        let group = &line.group;
        let moments = self.rules.groups.get(group).map(|group| escalations(group, due)).unwrap_or_default();
        self.look_again(group, moments, cx.now);
        self.ready.entry(group.clone()).or_default().insert(rank);
        self.dirty.insert(group.clone());
    }

    /// At these moments, those that are past too, somebody further may be rung for those who wait for the group.
    pub(super) fn look_again(&mut self, group: &Name, at: impl IntoIterator<Item = Wall>, now: Now) {
        let moments = at.into_iter().map(|at| now.mono + at.since(now.wall));
        self.timers.extend(moments.map(|at| (at, Timer::Escalation(group.clone()))));
    }

    /// The configuration changes: lines may have other groups, or be there again.
    pub(super) fn obey(&mut self, rules: Arc<Rules>) {
        self.ready.clear();
        self.agenda.clear();
        self.rules = rules;
        for record in self.callbacks.values().filter(|record| !record.is_active()) {
            self.agenda.insert((record.due.min(record.expires), record.id));
        }
    }

    /// An attempt is over and every leg of it is gone.
    pub(super) fn attempt_over(&mut self, id: CallbackId, over: Over, cx: &mut Cx) -> Option<Wall> {
        let Over { outcome, took, close, decided, bothered, dialled, operator } = over;
        self.chosen.remove(&id);
        let record = self.callbacks.get_mut(&id)?;
        if let Some(dialled) = dialled.filter(|_| outcome != Outcome::Network || bothered) {
            self.dials.remember(record.number, dialled);
        }
        let learnt = dialled.filter(|_| outcome.tells_of_the_hour()).map(|at| Try {
            line: record.line.clone(),
            at,
            answered: outcome == Outcome::Talked,
        });
        record.last = Some(outcome);
        if outcome.costs_an_attempt() || bothered {
            record.spent += 1;
            record.setbacks = 0;
        } else {
            record.setbacks += 1;
        }
        let line = self.rules.lines.get(&record.line).cloned();
        self.learn(learnt);
        let record = self.callbacks.get(&id)?;
        let by_call = took.filter(|_| outcome == Outcome::Talked).map(|call| CloseReason::ClientCalled { call });
        let next = match (close.or(by_call), &line) {
            (Some(reason), _) => Next::Close(reason),
            (None, Some(line)) => after(record, outcome, line.redial_for(&record.origin)),
            (None, None) => Next::Again(Again::After(LINE_GONE)),
        };
        let track = line.as_ref().map_or(Span::ZERO, |line| line.redial.track);
        let not_wanted = matches!(next, Next::Close(CloseReason::DoNotCall { .. }));
        // Somebody has named a time during the attempt.
        let named = record.wanted.then_some(record.due);
        match next {
            // The client was missed once more since that was decided: what is closed would take a new miss with it.
            Next::Close(_) if !not_wanted && decided.is_some_and(|decided| record.last_miss > decided) => {
                let due = record.last_miss + track;
                self.change(id, cx, |record, _| {
                    record.state = CallbackState::Tracking;
                    record.due = due;
                    (record.spent, record.setbacks) = (0, 0);
                });
                Some(due)
            }
            Next::Close(reason) if named.is_none() || reason != CloseReason::AttemptsSpent => {
                let again = named.filter(|_| reason.is_a_talk()).map(|at| (at, record.number, record.line.clone()));
                self.close_now(id, reason, cx);
                if let Some((at, number, line)) = again {
                    let by = operator.map_or_else(String::new, |name| name.to_string());
                    self.call_again(number, &line, at, by, cx);
                }
                None
            }
            Next::Close(_) | Next::Again(_) if named.is_some() => {
                self.change(id, cx, |record, _| record.state = CallbackState::Waiting);
                named
            }
            Next::Close(_) => None,
            Next::Again(again) => {
                let record = self.callbacks.get(&id)?;
                let due = match &line {
                    Some(line) => self.when(record, line).due(&again, cx.now.wall, record.opened),
                    None => Some(cx.now.wall + LINE_GONE),
                };
                let due = due.unwrap_or(record.expires);
                self.change(id, cx, |record, _| {
                    record.state = CallbackState::Waiting;
                    record.due = due;
                });
                Some(due)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_then_stay() {
        let pauses: Vec<_> = (0..8).map(|times| doubled(SETBACK, times).0 / 1000).collect();
        assert_eq!(pauses, [30, 30, 60, 120, 240, 480, 480, 480]);
    }
}
