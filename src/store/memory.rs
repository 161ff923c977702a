//! The store in memory: pure and synchronous, for the simulation and for tests. It is lost with the process.

use super::{
    CallbackFilter, CallbackStory, GUESS_STANDS, JournalQuery, JournalRow, Known, LAST_CALLS_FROM, LAST_TALKS_FROM,
    MOST_DIALS, Mark, PaperQuery, Place, StoreError, StoryQuery, TRIES_FROM, journal,
};
use crate::engine::{
    Name,
    number::Number,
    paper::{Paper, PaperKind},
    record::{
        AttemptRecord, BlockRecord, CallRecord, CallbackId, CallbackRecord, ChannelId, Dial, Job, KnownBy, LastCall,
        LastTalk, OperatorRecord, Origin, Outcome, Role, Snapshot, Spent, Try, Write,
    },
    retry::REMEMBERED,
    time::{Span, Wall},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

/// All rows, by their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    seed: u64,
    born: Wall,
    paused: bool,
    calls: BTreeMap<ChannelId, CallRecord>,
    callbacks: BTreeMap<CallbackId, CallbackRecord>,
    attempts: BTreeMap<(Job, u32), AttemptRecord>,
    operators: BTreeMap<Name, OperatorRecord>,
    blocked: BTreeMap<Number, BlockRecord>,
    lists: BTreeMap<String, bool>,
    spent: BTreeMap<(Name, u32), Spent>,
    papers: BTreeMap<(PaperKind, String), Paper>,
}

mod forget;

impl Memory {
    /// An empty store. `seed` is to be random, unless everything is to happen again.
    pub fn new(seed: u64, born: Wall) -> Memory {
        Memory { seed, born, ..Memory::default() }
    }

    /// Writes these rows, or refuses all of them when one names a callback that is not there.
    pub fn commit(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        if let Some(id) = self.stranger(writes) {
            return Err(StoreError::Refused { what: format!("it names callback {id}, which is not there") });
        }
        writes.iter().cloned().for_each(|write| self.put(write));
        Ok(())
    }

    /// A callback that these rows name, when all are written, and that is not there.
    fn stranger(&self, writes: &[Write]) -> Option<CallbackId> {
        let mut named_by_calls = BTreeMap::new();
        let mut named = BTreeSet::new();
        let mut brought = BTreeSet::new();
        for write in writes {
            match write {
                Write::Call(call) => _ = named_by_calls.insert(&call.id, call.callback),
                Write::Attempt(attempt) => named.extend(attempt.job.callback()),
                Write::Callback(callback) => _ = brought.insert(callback.id),
                Write::Operator(_)
                | Write::Paused(_)
                | Write::Block(_)
                | Write::Unblock(_)
                | Write::ListPaused { .. }
                | Write::Spent(_)
                | Write::Paper(_)
                | Write::Discard { .. }
                | Write::Forget(_)
                | Write::Prune(_) => {}
            }
        }
        named.extend(named_by_calls.into_values().flatten());
        named.into_iter().find(|id| !brought.contains(id) && !self.callbacks.contains_key(id))
    }

    fn put(&mut self, write: Write) {
        match write {
            Write::Call(call) => drop(self.calls.insert(call.id.clone(), call)),
            Write::Callback(callback) => drop(self.callbacks.insert(callback.id, callback)),
            Write::Attempt(attempt) => drop(self.attempts.insert((attempt.job, attempt.n), attempt)),
            Write::Operator(operator) => drop(self.operators.insert(operator.name.clone(), operator)),
            Write::Paused(paused) => self.paused = paused,
            Write::Block(block) => drop(self.blocked.insert(block.number, block)),
            Write::Unblock(number) => drop(self.blocked.remove(&number)),
            Write::ListPaused { list, paused } => drop(self.lists.insert(list, paused)),
            Write::Spent(spent) => drop(self.spent.insert((spent.trunk.clone(), spent.month), spent)),
            Write::Paper(paper) => drop(self.papers.insert((paper.kind, paper.id.clone()), paper)),
            Write::Discard { kind, id } => drop(self.papers.remove(&(kind, id))),
            Write::Forget(number) => self.forget(number),
            Write::Prune(prune) => self.prune(&prune),
        }
    }

    /// What is still open, for a start at `now`; see [`super::Store::load`].
    pub fn load(&self, now: Wall, calls: Option<Span>) -> Snapshot {
        let is_wanted = |call: &&CallRecord| match call.ended {
            None => true,
            Some(ended) => call.known_by == KnownBy::Guess && ended > now - GUESS_STANDS,
        };
        let mut to_finish: Vec<CallRecord> = self.calls.values().filter(is_wanted).cloned().collect();
        to_finish.sort_by(|a, b| (a.arrived, &a.id).cmp(&(b.arrived, &b.id)));
        Snapshot {
            seed: self.seed,
            born: self.born,
            paused: self.paused,
            last_callback: self.callbacks.keys().next_back().map_or(0, |id| id.0),
            calls: to_finish,
            callbacks: self.callbacks.values().filter(|callback| callback.is_open()).cloned().collect(),
            attempts: self.attempts.values().filter(|attempt| attempt.ended.is_none()).cloned().collect(),
            operators: self.operators.values().cloned().collect(),
            last_talks: self.last_talks(),
            dials: self.dials(now),
            blocked: self.blocked(),
            last_calls: calls.map_or_else(Vec::new, |within| self.last_calls(now - within)),
            tries: self.tries(),
            paused_lists: self.lists.iter().filter(|(_, paused)| **paused).map(|(list, _)| list.clone()).collect(),
            spent: self.spent.values().cloned().collect(),
        }
    }

    /// So many of the newest calls, the newest first.
    fn newest_calls(&self, most: usize) -> Vec<&CallRecord> {
        let mut calls: Vec<&CallRecord> = self.calls.values().collect();
        calls.sort_unstable_by(|a, b| (b.arrived, &b.id).cmp(&(a.arrived, &a.id)));
        calls.truncate(most);
        calls
    }

    /// Of callbacks; what is known of live callers is in the rows of their calls.
    fn newest_attempts(&self) -> impl Iterator<Item = &AttemptRecord> {
        self.attempts.values().rev().filter(|attempt| attempt.job.callback().is_some())
    }

    fn last_talks(&self) -> Vec<LastTalk> {
        let of_calls = self.newest_calls(LAST_TALKS_FROM).into_iter().filter_map(|call| {
            Some(LastTalk { number: call.number?, at: call.served?, operator: call.operator.clone()? })
        });
        let of_attempts = self.newest_attempts().take(LAST_TALKS_FROM).filter_map(|attempt| {
            let number = self.callbacks.get(&attempt.job.callback()?)?.number;
            Some(LastTalk { number, at: attempt.joined?, operator: attempt.operator.clone()? })
        });
        LastTalk::of_each(of_calls.chain(of_attempts))
    }

    fn last_calls(&self, since: Wall) -> Vec<LastCall> {
        let mut last = BTreeMap::new();
        for call in self.newest_calls(LAST_CALLS_FROM).into_iter().rev().filter(|call| call.arrived > since) {
            if let Some(number) = call.number {
                last.insert((number, call.line.clone()), call.arrived);
            }
        }
        last.into_iter().map(|((number, line), at)| LastCall { number, line, at }).collect()
    }

    fn tries(&self) -> Vec<Try> {
        let newest = self.newest_attempts().take(TRIES_FROM);
        let mut tries: Vec<Try> = newest
            .filter_map(|attempt| {
                let outcome = attempt.outcome.filter(|outcome| outcome.tells_of_the_hour())?;
                let legs = attempt.legs.iter().filter(|leg| leg.role == Role::Client);
                let at = legs.map(|leg| leg.intended).min()?;
                let line = self.callbacks.get(&attempt.job.callback()?)?.line.clone();
                Some(Try { line, at, answered: outcome == Outcome::Talked })
            })
            .collect();
        tries.sort();
        tries
    }

    fn dials(&self, now: Wall) -> Vec<Dial> {
        let dial = |attempt: &AttemptRecord| {
            let there = attempt.outcome != Some(Outcome::Network);
            let legs = attempt.legs.iter().filter(|leg| leg.role == Role::Client && (there || leg.answered.is_some()));
            let at = legs.map(|leg| leg.intended).filter(|at| *at > now - REMEMBERED).min()?;
            Some(Dial { at, number: self.callbacks.get(&attempt.job.callback()?)?.number })
        };
        let mut dials: Vec<Dial> =
            self.attempts.values().filter(|attempt| attempt.ended.is_some()).filter_map(dial).collect();
        dials.sort();
        dials.drain(..dials.len().saturating_sub(MOST_DIALS));
        dials
    }

    /// The journal; see [`super::Store::journal`].
    pub fn journal(&self, query: &JournalQuery) -> Vec<JournalRow> {
        let row = |call: Option<&CallRecord>, callback: Option<&CallbackRecord>| JournalRow {
            call: call.cloned(),
            callback: callback.cloned(),
            reached_by: callback.and_then(|callback| self.reached_by(callback.id)),
        };
        let of_calls =
            self.calls.values().map(|call| row(Some(call), call.callback.and_then(|id| self.callbacks.get(&id))));
        let asked_for = self.callbacks.values().filter(|callback| !matches!(callback.origin, Origin::Missed { .. }));
        let of_wishes = asked_for.map(|callback| row(None, Some(callback)));
        let mut rows: Vec<(Place, JournalRow)> = of_calls
            .chain(of_wishes)
            .filter_map(|row| Some((row.place()?, row)))
            .filter(|(place, row)| asks_for(query, place, row) && self.has_part(query.operator.as_ref(), row))
            .collect();
        rows.sort_by(|(a, _), (b, _)| a.cmp(b));
        query.cut(&mut rows);
        rows.into_iter().map(|(_, row)| row).collect()
    }

    fn reached_by(&self, id: CallbackId) -> Option<Name> {
        let talked = self.attempts(id.into()).filter(|attempt| attempt.joined.is_some()).last();
        talked.and_then(|attempt| attempt.operator.clone())
    }

    /// Had this operator a part in the row?
    fn has_part(&self, operator: Option<&Name>, row: &JournalRow) -> bool {
        let Some(operator) = operator else { return true };
        let in_call = row.call.as_ref().is_some_and(|call| journal::has_part(call, operator));
        let mut attempts = row.callback.iter().flat_map(|callback| self.attempts(callback.id.into()));
        in_call || attempts.any(|at| at.operator.as_ref() == Some(operator) || at.handed_to.as_ref() == Some(operator))
    }

    /// One callback with all its attempts.
    pub fn callback(&self, id: CallbackId) -> Option<CallbackStory> {
        let callback = self.callbacks.get(&id)?.clone();
        let attempts =
            self.attempts.range((id.into(), 0)..=(id.into(), u32::MAX)).map(|(_, attempt)| attempt.clone()).collect();
        Some(CallbackStory { callback, attempts })
    }

    /// The attempts for this one, a callback or a live caller, the oldest first.
    pub fn attempts(&self, job: Job) -> impl Iterator<Item = &AttemptRecord> {
        self.attempts.range((job, 0)..=(job, u32::MAX)).map(|(_, attempt)| attempt)
    }

    /// A call.
    pub fn call(&self, id: &ChannelId) -> Option<&CallRecord> {
        self.calls.get(id)
    }

    /// An operator.
    pub fn operator(&self, name: &str) -> Option<&OperatorRecord> {
        self.operators.get(name)
    }

    /// Callbacks with their attempts; see [`super::Store::stories`].
    pub fn stories(&self, query: &StoryQuery) -> Vec<CallbackStory> {
        let first = query.after.map_or(Bound::Unbounded, Bound::Excluded);
        let is_wanted = |callback: &&CallbackRecord| {
            query.since.is_none_or(|since| callback.opened >= since)
                && query.until.is_none_or(|until| callback.opened < until)
        };
        let callbacks = self.callbacks.range((first, Bound::Unbounded)).map(|(_, callback)| callback);
        let wanted = callbacks.filter(is_wanted).take(query.limit());
        wanted.filter_map(|callback| self.callback(callback.id)).collect()
    }

    /// Callbacks, newest last; see [`super::Store::callbacks`].
    pub fn callbacks(&self, filter: &CallbackFilter) -> Vec<CallbackRecord> {
        let is_wanted = |callback: &&CallbackRecord| {
            filter.number.is_none_or(|number| callback.number == number)
                && filter.line.as_ref().is_none_or(|line| callback.line == *line)
                && filter.list.as_ref().is_none_or(|list| callback.origin == Origin::Listed { list: list.clone() })
                && filter.before.is_none_or(|before| callback.id < before)
                && (callback.is_open() || !filter.open)
                && filter.state.as_ref().is_none_or(|state| callback.state.as_str() == state)
                && filter
                    .reason
                    .as_ref()
                    .is_none_or(|reason| callback.state.end().is_some_and(|(_, why)| why.as_str() == reason))
        };
        let newest_first = self.callbacks.values().rev().filter(is_wanted).take(filter.limit());
        let mut callbacks: Vec<CallbackRecord> = newest_first.cloned().collect();
        callbacks.reverse();
        callbacks
    }

    /// What is known of a call.
    pub fn call_known(&self, id: &ChannelId) -> Known {
        match self.calls.get(id) {
            None => Known::No,
            Some(CallRecord { ended: None, .. }) => Known::Open,
            Some(CallRecord { known_by: KnownBy::Guess, .. }) => Known::Guessed,
            Some(_) => Known::Ended,
        }
    }

    /// Numbers that are never dialled.
    pub fn blocked(&self) -> Vec<BlockRecord> {
        self.blocked.values().cloned().collect()
    }

    /// Whether and why this number is never dialled.
    pub fn block(&self, number: Number) -> Option<BlockRecord> {
        self.blocked.get(&number).cloned()
    }

    /// Since when this number is never dialled, if it is not.
    pub fn blocked_since(&self, number: Number) -> Option<Wall> {
        self.blocked.get(&number).map(|block| block.at)
    }

    /// Side papers; see [`super::Store::papers`].
    pub fn papers(&self, query: &PaperQuery) -> Vec<Paper> {
        let mut papers: Vec<Paper> = self.papers.values().filter(|paper| query.asks_for(paper)).cloned().collect();
        papers.sort_unstable_by(|a, b| (a.at, &a.id, a.kind.as_str()).cmp(&(b.at, &b.id, b.kind.as_str())));
        match query.after {
            Some(_) => papers.truncate(query.limit()),
            None => drop(papers.drain(..papers.len().saturating_sub(query.limit()))),
        }
        papers
    }

    /// Its seed and when it was made.
    pub fn birth(&self) -> (u64, Wall) {
        (self.seed, self.born)
    }

    /// Every row, in an order in which another store may be given them.
    pub fn rows(&self) -> impl Iterator<Item = Write> + '_ {
        let callbacks = self.callbacks.values().cloned().map(Write::Callback);
        let calls = self.calls.values().cloned().map(Write::Call);
        let attempts = self.attempts.values().cloned().map(Write::Attempt);
        let operators = self.operators.values().cloned().map(Write::Operator);
        let blocked = self.blocked.values().cloned().map(Write::Block);
        let lists = self.lists.iter().map(|(list, paused)| Write::ListPaused { list: list.clone(), paused: *paused });
        let spent = self.spent.values().cloned().map(Write::Spent);
        let people = operators.chain(blocked).chain(lists).chain(spent).chain([Write::Paused(self.paused)]);
        let papers = self.papers.values().cloned().map(Write::Paper);
        callbacks.chain(calls).chain(attempts).chain(people).chain(papers)
    }
}

fn asks_for(query: &JournalQuery, place: &Place, row: &JournalRow) -> bool {
    let (number, line, marks) = match (&row.call, &row.callback) {
        (Some(call), _) => (call.number, &call.line, &call.marks),
        (None, Some(callback)) => (Some(callback.number), &callback.line, &callback.marks),
        (None, None) => return false,
    };
    let group = row.call.as_ref().and_then(|call| call.queue.as_ref()).map_or("", |queue| &*queue.group);
    let is_of = |mark: &Option<Mark>, word: &str| mark.as_ref().is_none_or(|mark| mark.fits(word, line));
    query.since.is_none_or(|since| place.at >= since)
        && query.until.is_none_or(|until| place.at < until)
        && query.number.is_none_or(|wanted| number == Some(wanted))
        && query.line.as_ref().is_none_or(|wanted| line == wanted)
        && query.after.as_ref().is_none_or(|after| place > after)
        && query.before.as_ref().is_none_or(|before| place < before)
        && is_of(&query.group, group)
        && is_of(&query.source, &marks.source)
        && is_of(&query.campaign, &marks.campaign)
        && (query.status.is_empty() || query.status.contains(&row.status()))
        && query.redial.is_none_or(|redial| row.redial().is_some() == redial)
}
