//! Why: what stands against a callback's next dial, by the very code that decides, and what would come of a missed call.

use super::{
    call::missed_by,
    machine::Engine,
    number::Number,
    record::{BlockRecord, CallRecord, CallbackId, CallbackRecord, CallbackState},
    retry::Against,
    rules::{Line, Missed, Mode},
    time::{Now, Span, Wall},
};
use serde::{Deserialize, Serialize};

/// What stands against a dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Veto {
    /// The client is given time to call again.
    Tracking,
    /// Its time has not come.
    NotDue,
    /// An attempt is under way.
    UnderWay,
    /// All dialling is paused.
    Paused,
    /// The daemon is about to stop.
    Stopping,
    /// The store takes no writes.
    Store,
    /// Nothing is dialled, only said.
    Observing,
    /// Its line is gone from the configuration.
    NoLine,
    /// Its line is dialled by hand, and nobody has asked for it.
    ByHand,
    /// Its list rests.
    ListRests,
    /// The client is calling.
    ClientCalls,
    /// The line's hours are over.
    Shut,
    /// Where the client is it is no time to call.
    ClientShut,
    /// These are hours to avoid.
    Avoided,
    /// The client was dialled often enough today.
    Day,
    /// … in the last seven days.
    Week,
    /// The line's trunks have cost what they may this month.
    Spent,
    /// Every trunk is full, or its switch is away.
    NoTrunk,
    /// No operator of the group is free for it.
    NoOperator,
}

impl Veto {
    /// In a sentence.
    pub fn as_str(self) -> &'static str {
        match self {
            Veto::Tracking => "the client is given time to call again",
            Veto::NotDue => "its time has not come",
            Veto::UnderWay => "an attempt is under way",
            Veto::Paused => "all dialling is paused",
            Veto::Stopping => "the daemon is about to stop",
            Veto::Store => "the store takes no writes",
            Veto::Observing => "the daemon only observes",
            Veto::NoLine => "its line is gone from the configuration",
            Veto::ByHand => "the line is dialled by hand, and nobody has asked for this client yet",
            Veto::ListRests => "its list rests",
            Veto::ClientCalls => "the client is calling at this moment",
            Veto::Shut => Against::Shut.as_str(),
            Veto::ClientShut => Against::ClientShut.as_str(),
            Veto::Avoided => Against::Avoided.as_str(),
            Veto::Day => Against::Day.as_str(),
            Veto::Week => Against::Week.as_str(),
            Veto::Spent => "the line's trunks have cost what they may this month",
            Veto::NoTrunk => "every trunk of the line is full, or its switch is not there",
            Veto::NoOperator => "no operator of the group is free",
        }
    }

    /// Does it end by itself at a known time?
    pub(super) fn is_of_the_clock(self) -> bool {
        matches!(self, Veto::Shut | Veto::ClientShut | Veto::Avoided | Veto::Day | Veto::Week)
    }
}

impl From<Against> for Veto {
    fn from(against: Against) -> Veto {
        match against {
            Against::Shut => Veto::Shut,
            Against::ClientShut => Veto::ClientShut,
            Against::Avoided => Veto::Avoided,
            Against::Day => Veto::Day,
            Against::Week => Veto::Week,
        }
    }
}

/// Why a callback stands where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The callback as it is now.
    pub callback: CallbackRecord,
    /// What stands against its next dial, the decisive one first; empty: it is dialled now.
    pub vetoes: Vec<Veto>,
    /// The first moment at which neither the clock nor a limit stands against it; `None`: there is none before it expires.
    pub next: Option<Wall>,
    /// How many callbacks of the group are served before it.
    pub before: usize,
}

/// What would come of a call of this client that is missed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// It would not count: the number is never dialled.
    pub blocked: Option<BlockRecord>,
    /// The rule by which it would count, in a sentence; `None`: an unserved call is not missed on this line.
    pub rule: Option<String>,
    /// The callback that it would join.
    pub joins: Option<CallbackId>,
    /// When the client would be dialled, an operator and a trunk being free.
    pub next: Option<Wall>,
    /// When it would be given up.
    pub expires: Wall,
}

/// What a client may be told who thinks of asking for a call on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outlook {
    /// When the line's hours allow a call first: now, while they do; `None`: not for a year.
    pub opens: Option<Wall>,
    /// Within how long the client's phone would ring; `None`: nobody is free for it, or something else stands against it.
    pub rings_within: Option<Span>,
}

impl Engine {
    /// What a client may be told who would ask now to be called on this line.
    pub fn outlook(&self, line: &Line, now: Now) -> Outlook {
        let opens = line.calendar.as_ref().map_or(Some(now.wall), |calendar| calendar.next_open(now.wall));
        let stands_still =
            self.all_stands_still().is_some() || self.rules.observe || line.requested.mode == Mode::ByHand;
        let waits = self.ready.get(&line.group).is_some_and(|ready| !ready.is_empty());
        let group = self.rules.groups.get(&line.group).filter(|_| !stands_still && !waits && opens == Some(now.wall));
        let there = group.is_some_and(|group| self.is_anybody_free(group, now))
            && self.rests_until(line).is_none()
            && self.free_trunk(line, &[], None, now.mono).is_some();
        Outlook { opens, rings_within: there.then(|| line.called_within(&self.rules)) }
    }

    /// Why the open callback `id` stands where it stands; `None`: it is not open.
    pub fn explain(&self, id: CallbackId, now: Now) -> Option<Explanation> {
        let callback = self.callbacks.get(&id)?.clone();
        let mut vetoes = Vec::new();
        match callback.state {
            CallbackState::Tracking => vetoes.push(Veto::Tracking),
            CallbackState::Waiting if callback.due > now.wall => vetoes.push(Veto::NotDue),
            CallbackState::Waiting => {}
            CallbackState::Active | CallbackState::Ending { .. } | CallbackState::Closed { .. } => {
                vetoes.push(Veto::UnderWay);
            }
        }
        vetoes.extend(self.all_stands_still());
        if self.rules.observe {
            vetoes.push(Veto::Observing);
        }
        let line = self.rules.lines.get(&callback.line);
        let mut next = None;
        match line {
            None => vetoes.push(Veto::NoLine),
            Some(line) => {
                vetoes.extend(self.veto(&callback, line, now).err());
                let earliest = callback.due.max(now.wall).max(self.rests_until(line).unwrap_or(now.wall));
                let due = self.when(&callback, line).next(earliest);
                next = due.filter(|due| *due < callback.expires);
            }
        }
        let before = line.and_then(|line| self.ready.get(&line.group)).map_or(0, |ready| {
            let turn = super::distribution::in_turn(ready, now.wall);
            turn.iter().position(|other| *other == id.into()).unwrap_or(turn.len())
        });
        Some(Explanation { callback, vetoes, next, before })
    }

    /// What would come of a call of this client on this line that nobody takes and that ends at `at`.
    pub fn foresee(&self, number: Number, line: &Line, at: Wall) -> Forecast {
        let joins = self.open.get(&number).copied();
        let joined = joins.and_then(|id| self.callbacks.get(&id));
        let redial = &line.redial;
        let due = at + redial.track;
        let when = self.when_of(number, line, redial, joined.is_some_and(|record| record.spent > 0));
        let expires = joined.map_or(at, |record| record.expires).max(at + redial.expire);
        Forecast {
            blocked: self.blocked.get(&number).cloned(),
            rule: redial.missed.iter().find(|rule| rule.call == Missed::Unserved).map(ToString::to_string),
            joins,
            next: when.next(due.max(self.rests_until(line).unwrap_or(due))).filter(|next| *next < expires),
            expires,
        }
    }
}

/// By which rule of its line a call was missed, in a sentence.
pub fn why_missed(call: &CallRecord, line: &Line) -> Option<String> {
    missed_by(call, line).and_then(|rule| line.redial.missed.get(rule)).map(ToString::to_string)
}
