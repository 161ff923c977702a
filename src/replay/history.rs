//! What the journal knows of a period: who called, what clients did when they were dialled, how operators answered.

use crate::{
    engine::{
        Name,
        number::Number,
        record::{AttemptRecord, CallRecord, LegRecord, Outcome, Role},
        time::{Span, Wall},
    },
    store::{CallbackStory, JournalQuery, JournalRow, MOST_ROWS, MOST_STORIES, Place, Store, StoreError, StoryQuery},
};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// A dial so near in time to one of the journal finds what that one found.
pub const ABOUT: Span = Span::minutes(15);
/// Clients who are dialled within the same so many milliseconds find the same under any rules, if it must be drawn.
const SAME_TIME: i64 = 5 * 60_000;
/// All draws' seed: the same journal gives the same replay.
const SEED: u64 = 1;
/// Of an operator of whom nothing is known.
const ANSWERS: Span = Span::seconds(5);
/// Of a talk, when nobody ever talked.
const TALKS: Span = Span::seconds(60);

/// What a client who is dialled does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Answers after so long and talks so long.
    Answers(Span, Span),
    /// A machine answers after so long.
    Machine(Span),
    /// Busy, no answer, invalid, declined.
    Ends(Outcome),
}

/// What is told of a period that has nothing to learn from.
pub const NOTHING_LEARNT: &str =
    "no client was dialled in this period, so there is nothing to learn from: ask for a longer one";

/// A part of the journal.
#[derive(Clone, Debug)]
pub struct History {
    /// From this time on.
    pub since: Wall,
    /// Before this time.
    pub until: Wall,
    /// Clients' calls that are over, by arrival.
    pub calls: Vec<CallRecord>,
    /// Callbacks with their attempts, by their ids.
    pub stories: Vec<CallbackStory>,
    zone: TimeZone,
    /// By client, when they were dialled and what they did.
    dials: BTreeMap<Number, Vec<(Wall, Fate)>>,
    /// What clients of a line did at an hour of the day.
    by_hour: BTreeMap<(Name, i8), Vec<Fate>>,
    by_line: BTreeMap<Name, Vec<Fate>>,
    all: Vec<Fate>,
    /// After how long an operator answered at an hour of the day; `None`: not.
    answers: BTreeMap<(Name, i8), Vec<Option<Span>>>,
    all_answers: BTreeMap<Name, Vec<Option<Span>>>,
}

impl History {
    /// Of these rows. `zone`: whose hours of the day.
    pub fn new(
        since: Wall,
        until: Wall,
        calls: impl IntoIterator<Item = CallRecord>,
        stories: Vec<CallbackStory>,
        zone: TimeZone,
    ) -> History {
        let mut calls: Vec<CallRecord> = calls.into_iter().filter(|call| call.ended.is_some()).collect();
        calls.sort_by(|a, b| (a.arrived, &a.id).cmp(&(b.arrived, &b.id)));
        let mut history = History {
            since,
            until,
            calls,
            stories: Vec::new(),
            zone,
            dials: BTreeMap::new(),
            by_hour: BTreeMap::new(),
            by_line: BTreeMap::new(),
            all: Vec::new(),
            answers: BTreeMap::new(),
            all_answers: BTreeMap::new(),
        };
        stories.iter().for_each(|story| history.learn(story));
        history.stories = stories;
        history
    }

    /// Of this period of a journal, page by page; it ends with the page in which there are more than `most` calls, or callbacks.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn read(
        store: &dyn Store,
        since: Wall,
        until: Wall,
        zone: TimeZone,
        most: usize,
    ) -> Result<History, StoreError> {
        let (mut calls, mut stories) = (Vec::new(), Vec::new());
        let (from, to) = (Some(since), Some(until));
        let mut query =
            JournalQuery { since: from, until: to, after: Some(Place::before(since)), ..JournalQuery::default() };
        loop {
            let page = store.journal(&query).await?;
            let last = page.len() < MOST_ROWS || calls.len() + page.len() > most;
            query.after = page.last().and_then(JournalRow::place);
            calls.extend(page.into_iter().filter_map(|row| row.call));
            if last {
                break;
            }
        }
        let mut query = StoryQuery { since: from, until: to, ..StoryQuery::default() };
        loop {
            let page = store.stories(&query).await?;
            let last = page.len() < MOST_STORIES || stories.len() + page.len() > most;
            query.after = page.last().map(|story| story.callback.id);
            stories.extend(page);
            if last {
                return Ok(History::new(since, until, calls, stories, zone));
            }
        }
    }

    /// How many dials it has learnt from.
    pub fn learnt(&self) -> usize {
        self.all.len()
    }

    fn learn(&mut self, story: &CallbackStory) {
        for attempt in &story.attempts {
            for leg in &attempt.legs {
                match leg.role {
                    Role::Client => {
                        let Some(fate) = fate_of(attempt, leg) else { continue };
                        let (line, hour) = (story.callback.line.clone(), self.hour(leg.intended));
                        self.dials.entry(story.callback.number).or_default().push((leg.intended, fate));
                        self.by_hour.entry((line.clone(), hour)).or_default().push(fate);
                        self.by_line.entry(line).or_default().push(fate);
                        self.all.push(fate);
                    }
                    Role::Operator => {
                        let Some(answer) = answer_of(leg) else { continue };
                        let hour = self.hour(leg.intended);
                        self.answers.entry((leg.who.clone(), hour)).or_default().push(answer);
                        self.all_answers.entry(leg.who.clone()).or_default().push(answer);
                    }
                }
            }
        }
    }

    fn hour(&self, at: Wall) -> i8 {
        at.timestamp().to_zoned(self.zone.clone()).hour()
    }

    /// What a client who is dialled now does, and whether that is known rather than drawn.
    pub fn fate(&self, number: Number, line: &Name, at: Wall) -> (Fate, bool) {
        let away = |then: Wall| at.since(then).max(then.since(at));
        let known = self.dials.get(&number).into_iter().flatten().filter(|(then, _)| away(*then) <= ABOUT);
        if let Some((_, fate)) = known.min_by_key(|(then, _)| away(*then)) {
            return (*fate, true);
        }
        let pools = [self.by_hour.get(&(line.clone(), self.hour(at))), self.by_line.get(line), Some(&self.all)];
        let pool = pools.into_iter().flatten().find(|pool| !pool.is_empty());
        let who = number.digits();
        let drawn = pool.map(|pool| pool[draw(&who, at.0.div_euclid(SAME_TIME), pool.len())]);
        (drawn.unwrap_or(Fate::Ends(Outcome::NoAnswer)), false)
    }

    /// After how long this operator answers who is rung now; `None`: not at all.
    pub fn answer(&self, operator: &Name, at: Wall) -> Option<Span> {
        let pools = [self.answers.get(&(operator.clone(), self.hour(at))), self.all_answers.get(operator)];
        let pool = pools.into_iter().flatten().find(|pool| !pool.is_empty());
        pool.map_or(Some(ANSWERS), |pool| pool[draw(operator, at.0.div_euclid(SAME_TIME), pool.len())])
    }

    /// How long a client talks who called by themselves and is put through.
    pub fn talk(&self, number: Number, line: &Name, at: Wall) -> Span {
        let talks = |pool: &Vec<Fate>| -> Vec<Span> {
            pool.iter().filter_map(|fate| if let Fate::Answers(_, talk) = fate { Some(*talk) } else { None }).collect()
        };
        let pools = [self.by_line.get(line), Some(&self.all)];
        let pool = pools.into_iter().flatten().map(talks).find(|pool| !pool.is_empty());
        let who = number.digits();
        pool.map_or(TALKS, |pool| pool[draw(&who, at.0.div_euclid(SAME_TIME), pool.len())])
    }
}

/// What the client's phone did, when it is the client who decided it.
fn fate_of(attempt: &AttemptRecord, leg: &LegRecord) -> Option<Fate> {
    use Outcome::{Busy, Declined, Invalid, Machine, NoAnswer};
    let ended = leg.ended.or(attempt.ended)?;
    match (leg.answered, attempt.outcome?) {
        (Some(answered), Machine) => Some(Fate::Machine(answered.since(leg.intended))),
        (Some(answered), _) => {
            let talk = attempt.joined.map_or(Span::ZERO, |joined| ended.since(joined));
            Some(Fate::Answers(answered.since(leg.intended), talk))
        }
        (None, outcome @ (Busy | NoAnswer | Invalid | Declined)) => Some(Fate::Ends(outcome)),
        _ => None,
    }
}

/// Did the operator answer, and when? Not known of a phone that we stopped ringing.
fn answer_of(leg: &LegRecord) -> Option<Option<Span>> {
    match (leg.answered, leg.ended) {
        (Some(answered), _) => Some(Some(answered.since(leg.intended))),
        (None, Some(_)) if !["LOSE_RACE", "ORIGINATOR_CANCEL"].contains(&leg.cause.as_str()) => Some(None),
        _ => None,
    }
}

/// A place below `of`, which is not 0, by what it is drawn for (FNV-1a with the finalizer of SplitMix64).
fn draw(who: &str, when: i64, of: usize) -> usize {
    let bytes = who.bytes().chain(when.to_be_bytes());
    let mut z =
        bytes.fold(0xcbf2_9ce4_8422_2325 ^ SEED, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) % of as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_repeat_and_take_everything_alike() {
        let mut times = [0; 4];
        (0..4000).for_each(|when| times[draw("79161234567", when, 4)] += 1);
        assert!(times.iter().all(|times| (900..1100).contains(times)), "{times:?}");
        assert_eq!(draw("7916", 5, 100), draw("7916", 5, 100));
    }
}
