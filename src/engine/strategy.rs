//! In which order the free operators of a group are rung: who wants to call the client themselves, who last talked with them, then the lowest level that may be
//! rung, then the group's strategy.

use super::{
    Name,
    machine::{Cx, Engine, hash_uuid},
    number::Number,
    operator::State,
    record::{CallbackRecord, Job, LastTalk, Outcome},
    rules::{Group, Member, Operator, Strategy},
    time::{Mono, Now, Span, Wall},
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// How many clients are remembered with whom they talked last.
const MOST_REMEMBERED: usize = 65_536;

/// For whom an operator is chosen, as far as the choice asks.
pub(super) struct Wanted {
    pub job: Job,
    pub number: Option<Number>,
    /// Since when an operator is wanted.
    pub since: Wall,
    /// Operators were rung for it in vain.
    pub in_vain: bool,
    /// How many times operators were looked for.
    pub times: u32,
    /// A caller's own operator is waited for so long, though others are free.
    pub loyal: Span,
}

impl Wanted {
    fn by(record: &CallbackRecord) -> Wanted {
        let last = matches!(record.last, Some(Outcome::OperatorUnavailable | Outcome::OperatorDeclined));
        Wanted {
            job: record.id.into(),
            number: Some(record.number),
            since: record.due,
            in_vain: record.setbacks > 0 && last,
            times: record.attempts,
            loyal: Span::ZERO,
        }
    }
}

/// Who last talked with a client: the newest [`MOST_REMEMBERED`].
#[derive(Debug, Default)]
pub(super) struct LastTalks {
    with: BTreeMap<Number, (Wall, Name)>,
    by_time: BTreeSet<(Wall, Number)>,
}

impl LastTalks {
    pub fn new(stored: Vec<LastTalk>) -> LastTalks {
        let mut talks = LastTalks::default();
        stored.into_iter().for_each(|talk| talks.note(talk.number, talk.at, talk.operator));
        talks
    }

    /// They talk; what is told late does not take the place of what is newer.
    pub fn note(&mut self, number: Number, at: Wall, operator: Name) {
        if let Some((known, _)) = self.with.get(&number) {
            if *known > at {
                return;
            }
            self.by_time.remove(&(*known, number));
        }
        self.with.insert(number, (at, operator));
        self.by_time.insert((at, number));
        if self.with.len() > MOST_REMEMBERED
            && let Some((_, oldest)) = self.by_time.pop_first()
        {
            self.with.remove(&oldest);
        }
    }

    fn of(&self, number: Number) -> Option<&Name> {
        self.with.get(&number).map(|(_, operator)| operator)
    }
}

/// What [`Strategy::Weighted`] owes each operator of each group. With every choice each candidate is owed its weight, and the
/// one who is rung pays for all, so shares are exact at any time; who is not there is owed nothing for it.
pub(super) type Shares = BTreeMap<(Name, Name), i64>;

impl Engine {
    pub(super) fn anybody_is_free(&self, group: &str, now: Mono) -> bool {
        let Some(group) = self.rules.groups.get(group) else { return false };
        group.operators.iter().any(|member| self.operators.get(&member.name).is_some_and(|state| state.is_free(now)))
    }

    fn wanted(&self, job: Job) -> Option<Wanted> {
        match job {
            Job::Callback(id) => self.callbacks.get(&id).map(Wanted::by),
            Job::Live(id) => self.wanted_by_caller(id),
        }
    }

    /// The operators to ring next for this one, without those of `tried`: all at once who are returned together.
    pub(super) fn who_next(&self, group: &str, job: impl Into<Job>, tried: &[Name], now: Now) -> Vec<Arc<Operator>> {
        let Some(group) = self.rules.groups.get(group) else { return Vec::new() };
        let most = match group.strategy {
            Strategy::RingAll => usize::MAX,
            _ => 1,
        };
        let candidates = self.candidates(group, job.into(), tried, now).into_iter();
        candidates.filter_map(|member| self.rules.operators.get(&member.name).cloned()).take(most).collect()
    }

    /// Is somebody free of those of this group who are rung first?
    pub(super) fn is_anybody_free(&self, group: &Group, now: Now) -> bool {
        let first = group.operators.iter().map(|member| member.level).min();
        let mut rung_first = group.operators.iter().filter(|member| Some(member.level) == first);
        rung_first.any(|member| self.operators.get(&member.name).is_some_and(|state| state.is_free(now.mono)))
    }

    /// Who may be rung next, first choice first.
    fn candidates<'g>(&self, group: &'g Group, job: Job, tried: &[Name], now: Now) -> Vec<&'g Member> {
        let Some(wanted) = self.wanted(job) else { return Vec::new() };
        let is_member = |name: &Name| group.operators.iter().any(|member| member.name == *name);
        let is_free = |name: &Name| self.operators.get(name).is_some_and(|state| state.is_free(now.mono));
        let mut free: Vec<&Member> =
            group.operators.iter().filter(|member| !tried.contains(&member.name) && is_free(&member.name)).collect();
        if let Some(chosen) = wanted.job.callback().and_then(|id| self.chosen.get(&id))
            && let Some(known) = free.iter().find(|member| member.name == *chosen)
        {
            return vec![known];
        }
        if group.remember
            && let Some(last) = wanted.number.and_then(|number| self.last_talks.of(number))
        {
            if let Some(known) = free.iter().find(|member| member.name == *last) {
                return vec![known];
            }
            if now.wall < wanted.since + wanted.loyal
                && !tried.contains(last)
                && is_member(last)
                && self.may_come(last, now)
            {
                return Vec::new();
            }
        }
        let Some(level) = free.iter().map(|member| member.level).min() else { return free };
        if !may_escalate(group, level, &wanted, now.wall) {
            return Vec::new();
        }
        free.retain(|member| member.level == level);
        self.in_order(group, &wanted, &mut free);
        free
    }

    /// Sorts operators of one level. They come in the group's order, and equals stay in it.
    fn in_order(&self, group: &Group, wanted: &Wanted, members: &mut [&Member]) {
        let state = |member: &Member| self.operators.get(&member.name);
        match group.strategy {
            Strategy::TopDown
            | Strategy::SequentiallyByAgentOrder
            | Strategy::RingAll
            | Strategy::RingProgressively => {}
            Strategy::LongestIdleAgent => members.sort_by_key(|member| state(member).and_then(|state| state.last_talk)),
            Strategy::AgentWithLeastTalkTime => {
                members.sort_by_key(|member| state(member).map(|state| state.talk_time));
            }
            Strategy::AgentWithFewestCalls => members.sort_by_key(|member| state(member).map(|state| state.talks)),
            Strategy::RoundRobin => {
                let level = members.first().map(|member| member.level);
                let offered = |member: &&Member| state(member).and_then(|state: &State| state.offered);
                let peers = group.operators.iter().enumerate().filter(|(_, member)| Some(member.level) == level);
                let last = peers.filter_map(|(at, member)| Some((offered(&member)?, at))).max().map(|(_, at)| at);
                let place = |member: &Member| group.operators.iter().position(|other| other.name == member.name);
                members.sort_by_key(|member| place(member) <= last);
            }
            Strategy::Random => {
                let n = u64::from(wanted.times);
                let salt = |name: &str| {
                    name.bytes().fold(0u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)))
                };
                members.sort_by_key(|member| hash_uuid(self.seed, wanted.job.key() as u64, n, salt(&member.name)));
            }
            Strategy::Weighted => {
                let owed = |member: &Member| {
                    let key = (group.name.clone(), member.name.clone());
                    self.shares.get(&key).copied().unwrap_or(0) + i64::from(member.weight)
                };
                members.sort_by_key(|member| Reverse(owed(member)));
            }
        }
    }

    /// These operators are rung: their places in the strategies' orders change.
    pub(super) fn offer(&mut self, group: &str, job: Job, tried: &[Name], names: &[Name], cx: &mut Cx) {
        if let Some(group) = self.rules.groups.get(group).filter(|group| group.strategy == Strategy::Weighted).cloned()
        {
            let candidates = self.candidates(&group, job, tried, cx.now);
            let total: i64 = candidates.iter().map(|member| i64::from(member.weight)).sum();
            for member in candidates {
                let owed = self.shares.entry((group.name.clone(), member.name.clone())).or_default();
                *owed += i64::from(member.weight);
                if names.contains(&member.name) {
                    *owed -= total;
                }
            }
        }
        self.operators_offered(names, job, cx);
    }
}

/// May operators of this level be rung? The lowest always; a higher one when the client has waited long enough, or has had the
/// lower ones rung in vain.
fn may_escalate(group: &Group, level: u32, wanted: &Wanted, now: Wall) -> bool {
    let patience = patience(group, level);
    wanted.in_vain || patience == Span::ZERO || now >= wanted.since + patience
}

/// How long past its due time a callback waits before this level is rung: `escalate` for each level below.
fn patience(group: &Group, level: u32) -> Span {
    let below: BTreeSet<u32> = group.operators.iter().map(|member| member.level).filter(|l| *l < level).collect();
    Span(group.escalate.0.saturating_mul(below.len() as u64))
}

/// When a callback that is due now or was may be given to a further level of its group, on the wall clock.
pub(super) fn escalations(group: &Group, due: Wall) -> Vec<Wall> {
    let levels: BTreeSet<u32> = group.operators.iter().map(|member| member.level).collect();
    levels.into_iter().skip(1).map(|level| due + patience(group, level)).collect()
}
