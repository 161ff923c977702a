//! Random hours of a queue, the engine driven by hand: whoever calls, answers, hangs up or presses what, the promises of the queue hold.
//!
//! Each world is made of its seed alone: `PEREZVON_QUEUE_FIRST` says from which on, `PEREZVON_QUEUE_SEEDS` how many.

mod desk;

use desk::rules;
use perezvon::{
    engine::{
        Engine, Name, OperatorState, Step, WaiterView,
        effect::{AlarmKind, Effect},
        input::{Asked, Channel, ChannelState, Direction, Ended, Given, Input, News, Wish},
        record::{CallRecord, CallbackState, ChannelId, Job, LiveId, Marks, Outcome, Role, Snapshot, Write},
        rules::{Announce, Group, Heard, Key, Line, Operator, Phone, Queue, Rules, Strategy, Then, Way},
        time::{Mono, Now, Span, Wall},
    },
    sim::random::Random,
    store::Memory,
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque},
    env,
    sync::Arc,
};
use uuid::Uuid;

const SEEDS: u64 = 150;
const CALLS: u64 = 60;
const BEGIN: i64 = 1_795_000_000_000;
/// After so long every callback has come to an end.
const MOST: u64 = 3 * 86_400_000;
const STRATEGIES: [Strategy; 8] = [
    Strategy::TopDown,
    Strategy::RingAll,
    Strategy::RingProgressively,
    Strategy::LongestIdleAgent,
    Strategy::AgentWithFewestCalls,
    Strategy::RoundRobin,
    Strategy::Random,
    Strategy::Weighted,
];

fn call_centre(random: &mut Random) -> Rules {
    let mut rules = rules(*random.pick(&STRATEGIES));
    let text = |text: &str| Some(Heard::Text(text.into()));
    let maybe = |random: &mut Random, span: Span| random.chance(40).then_some(span);
    let queue = Queue {
        greeting: text("welcome").filter(|_| random.chance(50)),
        announce: Announce {
            first: Span::seconds(10),
            every: Span::seconds(20),
            position: true,
            wait: true,
            say: None,
        },
        longest_wait: maybe(random, Span::seconds(90)),
        longest: random.chance(30).then_some(4),
        late: Way { say: text("sorry"), then: Then::CallBack, callback: true },
        nobody: random.pick(&[Way::to(Then::Goodbye), Way::to(Then::Voicemail), Way::to(Then::Wait)]).clone(),
        full: Way { say: None, then: Then::Dialplan, callback: true },
        keys: vec![
            (Key::new('1').unwrap(), Way::to(Then::CallBack)),
            (Key::new('2').unwrap(), Way::to(Then::Voicemail)),
            (Key::new('3').unwrap(), Way { say: None, then: Then::Goodbye, callback: false }),
            (Key::new('4').unwrap(), Way::to(Then::Line("vip".into()))),
        ],
        announce_operator: random.chance(50).then(|| "a caller".into()),
        ..Queue::default()
    };
    let site = Line { queue, ..(*rules.lines["site"]).clone() };
    let numbers = vec!["+74951112244".parse().unwrap()];
    let vip = Line { name: "vip".into(), numbers, priority: 5, ..site.clone() };
    rules.lines = [("site".into(), Arc::new(site)), ("vip".into(), Arc::new(vip))].into();
    let names: Vec<Name> =
        ["anna", "boris", "vera", "gleb"][..random.between(1, 4) as usize].iter().map(|n| (*n).into()).collect();
    let operator = |name: &Name, random: &mut Random| Operator {
        name: name.clone(),
        phones: vec![Phone { dial: format!("user/{name}").into(), user: name.clone() }],
        ring: Span::seconds(random.between(5, 20)),
        wrap_up: Span::seconds(random.below(3) * 5),
        no_answer_pause: Span::seconds(random.below(3) * 10),
        reject_pause: Span::seconds(random.below(3) * 10),
        away_after: random.chance(20).then_some(5),
        ..Operator::default()
    };
    rules.operators = names.iter().map(|name| (name.clone(), Arc::new(operator(name, random)))).collect();
    let group =
        Group { operators: names.iter().map(|n| n.clone().into()).collect(), ..(*rules.groups["sales"]).clone() };
    rules.groups = [("sales".into(), Arc::new(group))].into();
    rules
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Caller,
    /// Our leg to an operator, or to a client who is called back.
    Ours(Role),
    /// An operator's call of their own.
    Own,
}

#[derive(Debug)]
struct Live {
    kind: Kind,
    channel: Channel,
    job: Option<Job>,
    operator: Option<Name>,
    answered: bool,
    bridged: Option<ChannelId>,
    /// What is said or played to it.
    hears: Option<Uuid>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Calls,
    Presses(ChannelId, char),
    HangsUp(ChannelId, Hanging),
    Answers(ChannelId),
    Heard(ChannelId, Uuid),
    Turns(Name, bool),
    OwnCall(Name),
    /// The connection to the switch is lost, or the daemon is killed.
    Breaks {
        dies: bool,
    },
    Back,
    /// The dialplan, which had them meanwhile, gives a caller anew.
    GivenAgain(ChannelId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hanging {
    /// Whoever has them.
    Anyway,
    /// Unless they talk.
    Waiting,
    /// A phone that was not answered, or would not be.
    Unanswered(Outcome, bool),
}

struct World {
    seed: u64,
    engine: Engine,
    now: u64,
    random: Random,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    order: u64,
    live: BTreeMap<ChannelId, Live>,
    calls: u64,
    rows: BTreeMap<ChannelId, CallRecord>,
    news: VecDeque<News>,
    rounds: BTreeSet<(Job, u32)>,
    begun: Vec<Job>,
    trace: bool,
    store: Memory,
    /// Nothing is heard of the switch, and nothing reaches it.
    deaf: bool,
    /// The daemon is not there.
    dead: bool,
    /// How often something breaks.
    breaks: u32,
}

impl World {
    fn new(seed: u64, breaks: u32) -> World {
        let mut random = Random::new(seed);
        let rules = call_centre(&mut random);
        let engine = Engine::new(Arc::new(rules), Snapshot { seed, ..Snapshot::default() }, World::clocks(0));
        let mut world = World {
            seed,
            engine,
            now: 0,
            random,
            events: BinaryHeap::new(),
            order: 0,
            live: BTreeMap::new(),
            calls: 0,
            rows: BTreeMap::new(),
            news: VecDeque::new(),
            rounds: BTreeSet::new(),
            begun: Vec::new(),
            trace: env::var_os("PEREZVON_QUEUE_TRACE").is_some(),
            store: Memory::new(seed, World::clocks(0).wall),
            deaf: false,
            dead: false,
            breaks,
        };
        world.tell(News::Up);
        world
    }

    fn clocks(now: u64) -> Now {
        Now { wall: Wall(BEGIN + now as i64), mono: Mono(1000 + now) }
    }

    fn later(&mut self, seconds: u64, event: Event) {
        // Not two things in one millisecond: who came first is known then.
        let at = self.now + seconds * 1000 + 1 + self.random.below(900);
        self.order += 1;
        self.events.push(Reverse((at, self.order, event)));
    }

    fn run(&mut self) {
        self.later(0, Event::Calls);
        for name in self.engine.rules().operators.keys().cloned().collect::<Vec<_>>() {
            let (away, own) = (self.random.between(20, 900), self.random.between(20, 900));
            self.later(away, Event::Turns(name.clone(), false));
            self.later(own, Event::OwnCall(name));
        }
        for _ in 0..self.breaks {
            let (at, dies) = (self.random.between(5, 900), self.random.chance(50));
            self.later(at, Event::Breaks { dies });
        }
        while self.now < MOST {
            let deadline = self.engine.deadline();
            let due = [deadline.mono.map(|at| at.0 - 1000), deadline.wall.map(|at| (at.0 - BEGIN).max(0) as u64)];
            let due = due.into_iter().flatten().min().filter(|_| !self.dead);
            let next = self.events.peek().map(|Reverse((at, ..))| *at);
            let status = self.engine.status(World::clocks(self.now));
            if next.is_none() && status.callbacks.is_empty() && status.attempts == 0 && self.live.is_empty() {
                return;
            }
            match (next, due) {
                (Some(at), due) if due.is_none_or(|due| at < due) => {
                    self.now = at.max(self.now);
                    let Some(Reverse((_, _, event))) = self.events.pop() else { return };
                    self.happens(event);
                }
                (_, Some(due)) => {
                    self.now = due.max(self.now);
                    self.step(Input::Tick);
                    self.tell_all();
                }
                (..) => return,
            }
            self.judge();
        }
    }

    fn happens(&mut self, event: Event) {
        if self.trace {
            println!("{:>9} {event:?}", self.now);
        }
        match event {
            Event::Calls => self.calls(),
            Event::Presses(id, key) => {
                if self.live.contains_key(&id) {
                    self.tell(News::Key(id, Key::new(key).unwrap()));
                }
            }
            Event::HangsUp(id, how) => {
                let Some(live) = self.live.get(&id) else { return };
                match how {
                    Hanging::Waiting if live.bridged.is_some() => {}
                    Hanging::Unanswered(..) if live.answered => {}
                    Hanging::Unanswered(outcome, unregistered) => self.ends(&id, outcome, unregistered),
                    Hanging::Anyway | Hanging::Waiting => self.ends(&id, Outcome::Unknown, false),
                }
                self.tell_all();
            }
            Event::Answers(id) => {
                if let Some(live) = self.live.get_mut(&id) {
                    live.answered = true;
                    self.news.push_back(News::Answered(id.clone()));
                    self.tell(News::Parked(id));
                }
            }
            Event::Heard(id, token) => {
                if let Some(live) = self.live.get_mut(&id).filter(|live| live.hears == Some(token)) {
                    live.hears = None;
                    self.tell(News::Said { id, token });
                }
            }
            Event::Turns(name, ready) => {
                self.step(Input::Wish(Wish::Operator { name: name.clone(), ready, why: String::new() }));
                self.tell_all();
                if !ready {
                    let back = self.random.between(5, 300);
                    self.later(back, Event::Turns(name, true));
                }
            }
            Event::OwnCall(name) => self.own_call(name),
            Event::Breaks { dies } => self.breaks(dies),
            Event::Back => self.is_back(),
            Event::GivenAgain(id) => {
                if let Some(live) = self.live.get(&id).filter(|live| live.bridged.is_none()) {
                    let channel = live.channel.clone();
                    self.tell(News::Given(Box::new(Given { channel, answered: true, marks: Marks::default() })));
                }
            }
        }
    }

    fn breaks(&mut self, dies: bool) {
        if self.deaf {
            return;
        }
        self.tell(News::Down);
        (self.deaf, self.dead) = (true, dies);
        let back = self.random.between(1, 40);
        self.later(back, Event::Back);
    }

    fn is_back(&mut self) {
        self.deaf = false;
        if std::mem::take(&mut self.dead) {
            let now = World::clocks(self.now);
            let rules = Arc::new(self.engine.rules().clone());
            self.engine = Engine::new(rules, self.store.load(now.wall, Some(Span::minutes(60))), now);
            let waits = |live: &&Live| live.kind == Kind::Caller && live.bridged.is_none();
            let callers: Vec<ChannelId> =
                self.live.values().filter(waits).map(|live| live.channel.id.clone()).collect();
            for id in callers {
                let (given, after) = (self.random.chance(80), self.random.between(1, 8));
                self.later(after, if given { Event::GivenAgain(id) } else { Event::HangsUp(id, Hanging::Waiting) });
            }
        }
        self.tell(News::Up);
    }

    fn calls(&mut self) {
        if self.deaf {
            return self.later(2, Event::Calls);
        }
        self.calls += 1;
        if self.calls < CALLS {
            let next = *self.random.pick(&[0, 1, 5, 15, 40]);
            self.later(next, Event::Calls);
        }
        let id = ChannelId::new(&format!("caller-{}", self.calls));
        let number = match self.random.chance(10) {
            true => String::new(),
            false => format!("791612345{:02}", self.random.below(40)),
        };
        let dialled = if self.random.chance(15) { "+74951112244" } else { "+74951112233" };
        let channel = self.channel(&id, Direction::Inbound, &number, dialled);
        self.add(Kind::Caller, channel.clone(), None, None);
        let patience = self.random.between(1, 150);
        self.later(patience, Event::HangsUp(id.clone(), Hanging::Waiting));
        if self.random.chance(40) {
            let (at, key) = (self.random.between(1, 40), *self.random.pick(&['1', '2', '3', '4']));
            self.later(at, Event::Presses(id.clone(), key));
            for n in 1..4 {
                let key = *self.random.pick(&['1', '1', '2', '9', '#']);
                self.later(at + n * 3, Event::Presses(id.clone(), key));
            }
        }
        self.tell(News::Given(Box::new(Given { channel, answered: false, marks: Marks::default() })));
    }

    fn own_call(&mut self, name: Name) {
        let id = ChannelId::new(&format!("own-{}", self.order));
        let mut channel = self.channel(&id, Direction::Inbound, &name, "100");
        channel.user = Some((&*name).into());
        self.add(Kind::Own, channel.clone(), None, Some(name.clone()));
        let so_long = self.random.between(5, 90);
        self.later(so_long, Event::HangsUp(id, Hanging::Anyway));
        if self.calls < CALLS {
            let next = self.random.between(100, 900);
            self.later(next, Event::OwnCall(name));
        }
        self.tell(News::Created(channel));
    }

    fn channel(&self, id: &ChannelId, direction: Direction, caller: &str, dialled: &str) -> Channel {
        Channel {
            id: id.clone(),
            direction,
            user: None,
            caller: caller.into(),
            name: "".into(),
            dialled: dialled.into(),
            line: None,
            created: World::clocks(self.now).wall,
        }
    }

    fn add(&mut self, kind: Kind, channel: Channel, job: Option<Job>, operator: Option<Name>) {
        let id = channel.id.clone();
        let live = Live { kind, channel, job, operator, answered: false, bridged: None, hears: None };
        assert!(self.live.insert(id, live).is_none(), "seed {}: a channel is made twice", self.seed);
    }

    /// A channel is gone, and who was bridged to it with it.
    fn ends(&mut self, id: &ChannelId, outcome: Outcome, unregistered: bool) {
        let Some(live) = self.live.remove(id) else { return };
        let cause = "NORMAL_CLEARING".into();
        self.news.push_back(News::Ended(Ended { id: id.clone(), outcome, cause, unregistered, line: None }));
        if let Some(other) = live.bridged {
            self.ends(&other, Outcome::Unknown, false);
        }
    }

    fn tell(&mut self, news: News) {
        self.news.push_back(news);
        self.tell_all();
    }

    fn tell_all(&mut self) {
        while let Some(news) = self.news.pop_front() {
            if self.deaf {
                continue;
            }
            if self.trace {
                println!("{:>9}   < {news:?}", self.now);
            }
            self.step(Input::Switch { switch: "main".into(), news });
        }
    }

    fn step(&mut self, input: Input) {
        if self.dead {
            return;
        }
        let mut out = Step::default();
        self.engine.step(input, World::clocks(self.now), &mut out);
        self.store.commit(&out.writes).expect("the store takes it");
        for write in out.writes {
            if let Write::Call(call) = write {
                self.rows.insert(call.id.clone(), call);
            }
        }
        self.begun.clear();
        for effect in out.effects {
            if self.trace && !matches!(effect, Effect::AskChannels { .. } | Effect::Notice(_)) {
                println!("{:>9}   > {effect:?}", self.now);
            }
            self.done(effect);
        }
        self.judge_order();
    }

    fn done(&mut self, effect: Effect) {
        if self.deaf && !matches!(effect, Effect::Alarm(_)) {
            return;
        }
        match effect {
            Effect::Originate(leg) => self.rings(&leg),
            Effect::Say { leg, token, .. } => self.sounds(leg, token, 3),
            Effect::TakeMessage { channel, token, .. } => self.sounds(channel, token, 10),
            Effect::Music { leg, token, .. } => {
                let ends = *self.random.pick(&[0, 30, 100_000]);
                self.sounds(leg, token, ends);
            }
            Effect::Hush { leg, .. } => {
                if let Some(live) = self.live.get_mut(&leg) {
                    live.hears = None;
                }
            }
            Effect::Bridge { operator, client, .. } => self.bridges(operator, client),
            Effect::Park { channel, .. } => self.news.push_back(News::Parked(channel)),
            Effect::Hangup { channel, .. } => self.ends(&channel, Outcome::Unknown, false),
            Effect::GiveBack { channel, .. } => {
                self.news.push_back(News::TakenBack(channel.clone()));
                self.later(10, Event::HangsUp(channel, Hanging::Waiting));
            }
            Effect::AskLeg { channel, .. } => {
                let state = self.live.get(&channel).map(|live| {
                    let (answered, bridged) = (live.answered, live.bridged.clone());
                    let parked = answered && bridged.is_none() && live.kind != Kind::Own;
                    Box::new(ChannelState { channel: live.channel.clone(), answered, parked, bridged })
                });
                self.news.push_back(News::State(channel, state));
            }
            Effect::AskChannels { token, .. } => {
                let list = Some(self.live.values().map(|live| live.channel.clone()).collect());
                self.news.push_back(News::Channels { token, list });
            }
            Effect::Alarm(alarm) => assert_ne!(alarm.kind, AlarmKind::Impossible, "seed {}: {}", self.seed, alarm.text),
            _ => {}
        }
    }

    fn sounds(&mut self, id: ChannelId, token: Uuid, seconds: u64) {
        if let Some(live) = self.live.get_mut(&id) {
            live.hears = Some(token);
            self.later(seconds, Event::Heard(id, token));
        }
    }

    fn rings(&mut self, leg: &perezvon::engine::effect::Originate) {
        let operator = (leg.role == Role::Operator).then(|| leg.dial.trim_start_matches("user/").into());
        let channel = self.channel(&leg.leg, Direction::Outbound, "", "");
        self.add(Kind::Ours(leg.role), channel, Some(leg.of), operator);
        if leg.role == Role::Operator && self.rounds.insert((leg.of, leg.attempt)) {
            self.begun.push(leg.of);
        }
        let ring = leg.ring.0 / 1000;
        let id = leg.leg.clone();
        match self.random.below(20) {
            0..12 => {
                let after = self.random.below(6);
                self.later(after, Event::Answers(id.clone()));
                if self.random.chance(10) {
                    self.later(after + 2, Event::HangsUp(id, Hanging::Anyway));
                }
            }
            12..17 => self.later(ring, Event::HangsUp(id, Hanging::Unanswered(Outcome::NoAnswer, false))),
            17..19 => self.later(1, Event::HangsUp(id, Hanging::Unanswered(Outcome::Busy, false))),
            _ => self.later(0, Event::HangsUp(id, Hanging::Unanswered(Outcome::Network, true))),
        }
    }

    fn bridges(&mut self, operator: ChannelId, client: ChannelId) {
        let both =
            [&operator, &client].into_iter().all(|id| self.live.get(id).is_some_and(|live| live.bridged.is_none()));
        if !both || self.random.chance(3) {
            let text = "-ERR".into();
            return self.news.push_back(News::Refused {
                id: operator,
                what: Asked::Bridge,
                text,
                outcome: Outcome::Unknown,
                unregistered: false,
            });
        }
        for (id, other) in [(&operator, &client), (&client, &operator)] {
            if let Some(live) = self.live.get_mut(id) {
                (live.bridged, live.hears) = (Some(other.clone()), None);
            }
        }
        let talk = self.random.between(2, 90);
        let first = if self.random.chance(50) { operator.clone() } else { client.clone() };
        self.later(talk, Event::HangsUp(first, Hanging::Anyway));
        self.news.push_back(News::Bridged(operator, client));
    }

    // ---- what must hold ---------------------------------------------------------------------------------------------

    /// Does this caller wait so that an operator may be rung?
    fn may_be_offered(&self, waiter: &WaiterView) -> bool {
        let status = self.engine.status(World::clocks(self.now));
        let called = |number| status.callbacks.iter().any(|c| c.number == number && c.state == CallbackState::Active);
        waiter.given
            && waiter.rung.is_empty()
            && ["greeting", "music", "ringing-tone", "words"].contains(&waiter.hears)
            && !waiter.number.is_some_and(called)
    }

    /// Who is offered was the first who could be.
    fn judge_order(&mut self) {
        for job in std::mem::take(&mut self.begun) {
            let status = self.engine.status(World::clocks(self.now));
            let waiting = &status.queues[0].waiting;
            let Some(place) = waiting.iter().position(|waiter| Job::Live(LiveId::of(&waiter.call)) == job) else {
                continue;
            };
            let passed = waiting[..place].iter().find(|waiter| self.may_be_offered(waiter));
            assert!(
                passed.is_none(),
                "seed {} at {}: {} goes before {passed:?}",
                self.seed,
                self.now,
                waiting[place].call
            );
        }
    }

    fn judge(&mut self) {
        let (seed, now) = (self.seed, self.now);
        let mut rung: BTreeMap<&Name, BTreeSet<Job>> = BTreeMap::new();
        for live in self.live.values().filter(|live| live.kind == Kind::Ours(Role::Operator)) {
            if let (Some(name), Some(job)) = (&live.operator, live.job) {
                rung.entry(name).or_default().insert(job);
            }
        }
        for (name, jobs) in rung {
            assert!(jobs.len() <= 1, "seed {seed} at {now}: {name} is rung for {jobs:?} at once");
        }
        let status = self.engine.status(World::clocks(self.now));
        if self.deaf || !status.switches[0].settled {
            return;
        }
        for (id, live) in &self.live {
            if let (Some(job @ Job::Live(_)), false) = (live.job, live.answered) {
                let waits = |(id, live): (&ChannelId, &Live)| {
                    live.kind == Kind::Caller && live.bridged.is_none() && Job::Live(LiveId::of(id)) == job
                };
                assert!(self.live.iter().any(waits), "seed {seed} at {now}: {id} rings for nobody");
            }
        }
        let free = status.operators.iter().find(|operator| operator.state == OperatorState::Free);
        if let Some(free) = free {
            let idle = status.queues[0].waiting.iter().find(|waiter| self.may_be_offered(waiter));
            assert!(idle.is_none(), "seed {seed} at {now}: {} is free and {idle:?} waits", free.name);
        }
    }

    fn finish(&self) {
        let seed = self.seed;
        let status = self.engine.status(World::clocks(self.now));
        assert!(self.now < MOST, "seed {seed}: {:?} does not end", status.callbacks);
        assert_eq!(status.queues[0].waiting, [], "seed {seed}");
        for operator in &status.operators {
            let idle = operator.callback.is_none() && operator.call.is_none();
            assert!(idle, "seed {seed}: {operator:?} is left reserved");
        }
        assert_eq!(self.rows.len() as u64, CALLS, "seed {seed}: each call has its row");
        for row in self.rows.values() {
            let queue = row.queue.as_ref().unwrap_or_else(|| panic!("seed {seed}: {row:?}"));
            assert!(row.ended.is_some() && queue.left.is_some(), "seed {seed}: {row:?}");
            if row.served.is_none() {
                assert_eq!(row.missed, Some(!queue.no_callback), "seed {seed}: {row:?}");
                let wants = row.number.is_some() && !queue.no_callback;
                assert!(row.callback.is_some() || !wants, "seed {seed}: nobody calls back: {row:?}");
            }
        }
    }
}

fn setting(name: &str, otherwise: u64) -> u64 {
    env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

#[test]
fn whatever_breaks_they_hold_as_well() {
    let first = setting("PEREZVON_QUEUE_FIRST", 1);
    for seed in first..first + setting("PEREZVON_QUEUE_SEEDS", SEEDS) {
        let mut world = World::new(seed, 1 + (seed % 3) as u32);
        world.run();
        world.finish();
    }
}

#[test]
fn whatever_people_do_the_promises_of_the_queue_hold() {
    let first = setting("PEREZVON_QUEUE_FIRST", 1);
    for seed in first..first + setting("PEREZVON_QUEUE_SEEDS", SEEDS) {
        let mut world = World::new(seed, 0);
        world.run();
        world.finish();
    }
}
