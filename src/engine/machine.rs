//! The engine: its state, and the step that every input takes through it.

use super::{
    Name,
    attempt::Attempt,
    call::Caller,
    effect::{Alarm, AlarmKind, Effect, Notice},
    input::{Input, News, Wish},
    last_calls::LastCalls,
    link::Link,
    money::Amount,
    operator::Operators,
    queue::Places,
    record::{BlockRecord, CallRecord, CallbackId, CallbackRecord, ChannelId, Job, LiveId, Snapshot, Try, Write},
    retry::Answers,
    rules::Rules,
    strategy::{LastTalks, Shares},
    time::{Mono, Now, Span, Wall},
};
use rustc_hash::FxHashMap;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

/// A difference between the two clocks' advance beyond this is a jump of the wall clock.
const CLOCK_JUMP: Span = Span::seconds(5);
/// How many channels of clients and operators are followed at once; a call beyond it raises an alarm.
const MOST_CHANNELS: usize = 500_000;
/// How many ends of calls are remembered, so that a detail record that follows its event is known for what it is.
const MOST_RECENT: usize = 16_384;

/// What a step asks for: first the writes, then, once they are committed, the effects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Rows to commit.
    pub writes: Vec<Write>,
    /// Things to do afterwards, in this order.
    pub effects: Vec<Effect>,
}

/// When the next [`Input::Tick`] is wanted, on each clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deadline {
    /// On the wall clock: a callback falls due.
    pub wall: Option<Wall>,
    /// On the monotonic clock: a timer of something in progress.
    pub mono: Option<Mono>,
}

/// Whose channel it is.
#[derive(Debug)]
pub(super) enum Kind {
    /// A client's, or what may turn out to be one's.
    Caller(Box<Caller>),
    /// An operator's own, not dialled by us.
    Operator {
        name: Name,
        /// The client whom the operator calls.
        calls: Option<super::number::Number>,
        /// Since when they talk.
        talks: Option<Mono>,
    },
    /// One that we dialled.
    Leg(Job),
}

/// A live channel that matters to us.
#[derive(Debug)]
pub(super) struct Followed {
    pub switch: Name,
    pub kind: Kind,
    pub bridged: Option<ChannelId>,
    pub seen: Mono,
}

/// What a timer belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    Attempt(Job),
    Operator(Name),
    Caller(ChannelId),
    /// Something is to be done for a caller who waits.
    Waiter(ChannelId),
    /// A talk may have been on hold for too long.
    Hold(ChannelId),
    Audit(Name),
    Ramp(Name),
    /// A group's operators of a further level may be rung.
    Escalation(Name),
}

/// A moment of one step: its time and what it asks for.
pub(super) struct Cx<'a> {
    pub now: Now,
    pub out: &'a mut Step,
}

impl Cx<'_> {
    pub fn write(&mut self, write: Write) {
        self.out.writes.push(write);
    }

    pub fn effect(&mut self, effect: Effect) {
        self.out.effects.push(effect);
    }

    pub fn notice(&mut self, notice: Notice) {
        self.effect(Effect::Notice(notice));
    }

    pub fn alarm(&mut self, kind: AlarmKind, text: impl Into<String>) {
        self.effect(Effect::Alarm(Alarm { kind, text: text.into() }));
    }
}

/// Every decision of the daemon, as one state. See the module's own documentation for how it is used.
#[derive(Debug)]
pub struct Engine {
    pub(super) rules: Arc<Rules>,
    pub(super) seed: u64,
    pub(super) born: Wall,
    pub(super) paused: bool,
    pub(super) draining: bool,
    pub(super) store_works: bool,
    pub(super) last_callback: u64,
    pub(super) links: BTreeMap<Name, Link>,
    pub(super) channels: FxHashMap<ChannelId, Followed>,
    pub(super) callers: FxHashMap<super::number::Number, Vec<ChannelId>>,
    pub(super) recent: VecDeque<ChannelId>,
    pub(super) recent_set: rustc_hash::FxHashSet<ChannelId>,
    /// Of those, the ones that we never heard of before their end, and when that was: only a detail record can tell what
    /// they were.
    pub(super) unheard: FxHashMap<ChannelId, Wall>,
    pub(super) guessed: BTreeMap<ChannelId, CallRecord>,
    pub(super) callbacks: BTreeMap<CallbackId, CallbackRecord>,
    pub(super) open: FxHashMap<super::number::Number, CallbackId>,
    pub(super) attempts: BTreeMap<Job, Box<Attempt>>,
    /// Callbacks by their next moment on the wall clock: due, or, once ready, given up.
    pub(super) agenda: BTreeSet<(Wall, CallbackId)>,
    /// Callers and callbacks that wait for an operator, by group, in the order in which they are served.
    pub(super) ready: BTreeMap<Name, BTreeSet<super::callback::Rank>>,
    /// Callers who were given to us, and where they are.
    pub(super) live: BTreeMap<LiveId, ChannelId>,
    pub(super) places: Places,
    /// Channels whose phone has put its talk on hold, and since when.
    pub(super) holds: BTreeMap<ChannelId, Mono>,
    pub(super) operators: Operators,
    pub(super) last_talks: LastTalks,
    pub(super) shares: Shares,
    pub(super) trunks: BTreeMap<Name, u32>,
    /// Trunks that could not carry a call, and until when they are the last choice.
    pub(super) resting_trunks: BTreeMap<Name, Mono>,
    /// When a client last got through, so that a record of an earlier miss that comes late opens nothing.
    pub(super) reached: BTreeMap<super::number::Number, Wall>,
    pub(super) dials: super::dials::Dials,
    /// What trunks' calls have cost, by trunk and month.
    pub(super) spent: BTreeMap<(Name, u32), Amount>,
    /// How clients of each line answer, by the hour of the day.
    pub(super) answers: BTreeMap<Name, Answers>,
    /// Numbers that are never dialled, and why.
    pub(super) blocked: BTreeMap<super::number::Number, BlockRecord>,
    pub(super) last_calls: LastCalls,
    pub(super) paused_lists: BTreeSet<String>,
    /// Operators who want to call these clients themselves. Not stored: after a restart any of the group does.
    pub(super) chosen: BTreeMap<CallbackId, Name>,
    pub(super) timers: BTreeSet<(Mono, Timer)>,
    /// Groups in which somebody or something became free.
    pub(super) dirty: BTreeSet<Name>,
    pub(super) clock: Option<Now>,
    pub(super) tokens: u64,
}

impl Engine {
    /// The engine as the store left it. Nothing is dialled before each switch has said what is alive.
    pub fn new(rules: Arc<Rules>, snapshot: Snapshot, now: Now) -> Engine {
        let mut engine = Engine {
            operators: Operators::new(&rules, &snapshot.operators, now),
            last_talks: LastTalks::new(snapshot.last_talks),
            shares: Shares::new(),
            links: rules.switches.iter().map(|name| (name.clone(), Link::default())).collect(),
            rules,
            seed: snapshot.seed,
            born: snapshot.born,
            paused: snapshot.paused,
            draining: false,
            store_works: true,
            last_callback: snapshot.last_callback,
            channels: FxHashMap::default(),
            callers: FxHashMap::default(),
            recent: VecDeque::new(),
            recent_set: Default::default(),
            unheard: Default::default(),
            guessed: BTreeMap::new(),
            callbacks: BTreeMap::new(),
            open: FxHashMap::default(),
            attempts: BTreeMap::new(),
            agenda: BTreeSet::new(),
            ready: BTreeMap::new(),
            live: BTreeMap::new(),
            places: Places::default(),
            holds: BTreeMap::new(),
            trunks: BTreeMap::new(),
            resting_trunks: BTreeMap::new(),
            reached: BTreeMap::new(),
            dials: super::dials::Dials::new(snapshot.dials),
            spent: snapshot.spent.into_iter().map(|spent| ((spent.trunk, spent.month), spent.amount)).collect(),
            answers: BTreeMap::new(),
            blocked: snapshot.blocked.into_iter().map(|block| (block.number, block)).collect(),
            last_calls: LastCalls::new(snapshot.last_calls),
            paused_lists: snapshot.paused_lists.into_iter().collect(),
            chosen: BTreeMap::new(),
            timers: BTreeSet::new(),
            dirty: BTreeSet::new(),
            clock: None,
            tokens: 0,
        };
        let wrapping: Vec<_> = engine.operators.iter().map(|(name, state)| (state.wrap_up, name.clone())).collect();
        engine.timers.extend(wrapping.into_iter().map(|(at, name)| (at, Timer::Operator(name))));
        engine.learn(snapshot.tries);
        engine.adopt(snapshot.calls, snapshot.callbacks, snapshot.attempts, now);
        engine
    }

    /// How clients answer, by the hour of the day.
    pub(super) fn learn(&mut self, tries: impl IntoIterator<Item = Try>) {
        for Try { line, at, answered } in tries {
            let Some(line) = self.rules.lines.get(&line) else { continue };
            let hour = line.redial.manners.zone.to_datetime(at.timestamp()).hour();
            self.answers.entry(line.name.clone()).or_default().note(hour, answered);
        }
    }

    /// Takes one input and appends what follows from it. The same inputs at the same times give the same steps.
    pub fn step(&mut self, input: Input, now: Now, out: &mut Step) {
        let cx = &mut Cx { now, out };
        self.watch_the_clock(cx);
        match input {
            Input::Switch { switch, news } => self.news(&switch, news, cx),
            Input::Wish(wish) => self.wish(wish, cx),
            Input::Reload(rules) => self.reload(rules, cx),
            Input::Store { works } => self.store(works, cx),
            Input::Withheld { leg } => self.withheld(&leg, cx),
            Input::Tick => {}
        }
        self.run_timers(cx);
        self.run_agenda(cx);
        self.dispatch(cx);
    }

    /// When the next tick is wanted.
    pub fn deadline(&self) -> Deadline {
        Deadline { wall: self.agenda.first().map(|(at, _)| *at), mono: self.timers.first().map(|(at, _)| *at) }
    }

    fn watch_the_clock(&mut self, cx: &mut Cx) {
        if let Some(last) = self.clock.replace(cx.now) {
            let by_wall = cx.now.wall.0 - last.wall.0;
            let by_mono = cx.now.mono.since(last.mono).0 as i64;
            if by_wall.abs_diff(by_mono) > CLOCK_JUMP.0 {
                let jump = by_wall - by_mono;
                cx.alarm(
                    AlarmKind::Clock,
                    format!("the wall clock jumped by {} s; check the time service", jump / 1000),
                );
                self.links.values_mut().for_each(|link| link.ahead += jump);
                self.reached.values_mut().for_each(|at| *at = at.shifted(jump));
                // What is compared with the times of what is still to come is told by the new clock.
                self.callbacks.values_mut().for_each(|record| record.last_miss = record.last_miss.shifted(jump));
                self.attempts.values_mut().for_each(|at| at.decided = at.decided.map(|decided| decided.shifted(jump)));
            }
        }
    }

    fn news(&mut self, switch: &Name, news: News, cx: &mut Cx) {
        match news {
            News::Up => self.link_up(switch, cx),
            News::Down => self.link_down(switch, cx),
            News::Silent(silent) => {
                if silent {
                    cx.alarm(AlarmKind::Silent, format!("switch {switch} sends no heartbeat"));
                }
            }
            News::Heartbeat => {}
            News::Created(channel) => {
                let link = self.links.entry(switch.clone()).or_default();
                link.ahead = cx.now.wall.0 - channel.created.0;
                self.created(switch, channel, cx);
            }
            News::LineNamed(id, line) => self.line_named(&id, &line, cx),
            News::Marked(id, marks) => self.marked(&id, *marks),
            News::Given(given) => self.given(switch, *given, cx),
            News::TakenBack(id) => self.taken_back(&id, cx),
            News::Queued(id, queue) => self.queued(&id, &queue, cx),
            News::Answered(id) => self.leg_event(&id, cx, |engine, at, leg, cx| engine.leg_answered(at, leg, cx)),
            News::Parked(id) => self.parked(&id, cx),
            News::Bridged(a, b) => self.bridged(&a, &b, cx),
            News::Unbridged(a, b) => self.unbridged(&a, &b, cx),
            News::Held(id, on) => self.held(&id, on, cx),
            News::Ended(ended) => self.ended(ended, cx),
            News::Said { id, token } => self.said_on(&id, token, cx),
            News::Agent { agent, available } => self.agent(&agent, available, cx),
            News::Feature { user, ready } => self.feature(&user, ready, cx),
            News::Registered { user, here } => self.registered(&user, here, cx),
            News::Refused { id, what, text, outcome, unregistered } => {
                self.refused(&id, what, &text, outcome, unregistered, cx);
            }
            News::Key(id, key) => {
                self.caller_pressed(&id, key, cx);
                self.leg_event(&id, cx, |engine, at, leg, cx| engine.pressed(at, leg, key, cx));
            }
            News::CanListen(id) => self.leg_event(&id, cx, |engine, at, leg, cx| engine.listen(at, leg, true, cx)),
            News::Beep(id) => self.leg_event(&id, cx, |engine, at, leg, cx| engine.beeps(at, leg, cx)),
            News::Taken(id) => self.leg_event(&id, cx, |engine, at, leg, _| engine.leg_taken(at, leg)),
            News::State(id, state) => self.state(switch, &id, state, cx),
            News::Channels { token, list } => self.channel_list(switch, token, list, cx),
            News::Cdr(cdr) => self.cdr(switch, *cdr, cx),
        }
    }

    fn wish(&mut self, wish: Wish, cx: &mut Cx) {
        match wish {
            Wish::Call { number, line, by, list } => self.call_by_hand(number, line, by, list, cx),
            Wish::Request(request) => self.request(*request, cx),
            Wish::Block { number, by } => self.block_by_hand(number, by, cx),
            Wish::Unblock { number } => self.unblock(number, cx),
            Wish::List { list, paused } => self.pause_list(list, paused, cx),
            Wish::Cancel { callback, by } => {
                self.close(callback, super::record::CloseReason::Cancelled { by }, cx);
            }
            Wish::Reschedule { callback, due } => self.reschedule(callback, due, cx),
            Wish::Pause => self.set_paused(true, cx),
            Wish::Resume => self.set_paused(false, cx),
            Wish::Operator { name, ready, why } => self.operator_says(&name, ready, &why, cx),
            Wish::WrapUp { name, until } => self.wrap_up(&name, until, cx),
            Wish::Dial { callback, operator } => self.dial(callback, operator, cx),
            Wish::CallAgain { number, line, at, by } => self.call_again(number, &line, at, by, cx),
            Wish::Machine { callback, by, closed } => self.was_a_machine(callback, &by, closed, cx),
            Wish::Drain => {
                self.draining = true;
                self.let_go_of_ringing(cx);
                self.give_all_back(cx);
            }
        }
    }

    fn set_paused(&mut self, paused: bool, cx: &mut Cx) {
        if self.paused != paused {
            self.paused = paused;
            cx.write(Write::Paused(paused));
            self.all_dirty();
        }
    }

    fn store(&mut self, works: bool, cx: &mut Cx) {
        if self.store_works && !works {
            cx.alarm(AlarmKind::Store, "the store takes no writes: nothing is dialled until it does");
            self.give_all_back(cx);
        }
        self.store_works = works;
        self.all_dirty();
    }

    fn reload(&mut self, rules: Arc<Rules>, cx: &mut Cx) {
        self.operators.reload(&rules, cx.now);
        self.shares.clear();
        for name in &rules.switches {
            self.links.entry(name.clone()).or_default();
        }
        self.obey(rules);
        self.all_dirty();
    }

    fn run_timers(&mut self, cx: &mut Cx) {
        while let Some((at, timer)) = self.timers.first().cloned() {
            if at > cx.now.mono {
                break;
            }
            self.timers.remove(&(at, timer.clone()));
            match timer {
                Timer::Attempt(id) => self.with_attempt(id, cx, |engine, attempt, cx| engine.overdue(attempt, cx)),
                Timer::Operator(name) => self.operator_due(&name, cx),
                Timer::Caller(id) => self.vanished(&id, cx),
                Timer::Waiter(id) => self.waiter_due(&id, cx),
                Timer::Hold(id) => self.held_for_long(&id, cx),
                Timer::Audit(name) => self.audit(&name, cx),
                Timer::Ramp(_) => self.all_dirty(),
                Timer::Escalation(group) => _ = self.dirty.insert(group),
            }
        }
    }

    pub(super) fn all_dirty(&mut self) {
        self.dirty.extend(self.rules.groups.keys().cloned());
    }

    /// A token that no other question or sound of this engine has.
    pub(super) fn token(&mut self) -> uuid::Uuid {
        self.tokens += 1;
        hash_uuid(self.seed, u64::MAX, self.clock.map_or(0, |now| now.wall.0 as u64), self.tokens)
    }

    pub(super) fn has_room(&self) -> bool {
        self.channels.len() < MOST_CHANNELS
    }

    pub(super) fn remember_end(&mut self, id: ChannelId) {
        self.holds.remove(&id);
        if self.recent.len() == MOST_RECENT
            && let Some(oldest) = self.recent.pop_front()
        {
            self.recent_set.remove(&oldest);
            self.unheard.remove(&oldest);
        }
        if self.recent_set.insert(id.clone()) {
            self.recent.push_back(id);
        }
    }
}

/// A UUID (version 8, RFC 9562) that is a hash of its four parts: the same parts always give the same one.
pub(super) fn hash_uuid(a: u64, b: u64, c: u64, d: u64) -> uuid::Uuid {
    let mut state = a;
    let mut mix = |part: u64| {
        // SplitMix64's finalizer over the running state (Steele, Lea, Flood 2014).
        state = state.wrapping_add(part).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        state = z ^ (z >> 31);
        state
    };
    mix(b);
    mix(c);
    let high = mix(d);
    let low = mix(high ^ b);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&high.to_be_bytes());
    bytes[8..].copy_from_slice(&low.to_be_bytes());
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
