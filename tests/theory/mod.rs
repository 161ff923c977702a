//! The queue held against queueing theory: the engine itself, driven without a switch, in a world of which theory knows the
//! answer. Calls come as a Poisson stream, talks and patience are exponential, operators answer at once and need no pause.
//!
//! - A. K. Erlang, "Løsning af nogle Problemer fra Sandsynlighedsregningen af Betydning for de automatiske Telefoncentraler",
//!   Elektroteknikeren 13, 1917: who waits, and how long, when nobody hangs up (M/M/c).
//! - C. Palm, "Research on telephone traffic carried by full availability groups", Tele 1, 1957 (in Swedish 1946); O. Garnett, A. Mandelbaum, M. Reiman,
//!   "Designing a call center with impatient customers", M&SOM 4(3), 2002: the same when clients hang up (M/M/c+M).
//! - Intervals by batch means, and Student's t: A. M. Law, "Simulation Modeling and Analysis", chapter 9.
#![allow(dead_code)] // the test and the bench use a part of it each

use perezvon::{
    engine::{
        Engine, Name, Step,
        effect::Effect,
        input::{Channel, Direction, Ended, Given, Input, News},
        record::{ChannelId, Marks, Outcome, Snapshot},
        rules::{Announce, Group, Language, Line, Operator, Phone, Queue, Redial, Rules, Strategy},
        time::{Mono, Now, Span, Wall},
        zones::Zones,
    },
    sim::random::Random,
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
    sync::Arc,
};

/// The mean talk, in milliseconds.
const TALK: f64 = 180_000.0;
const BATCHES: usize = 30;
/// Student's t for 99 % and 29 degrees of freedom.
const T_99: f64 = 2.756;
/// Calls of the beginning, when nobody waits yet, that count in no batch: one of so many.
const WARM_UP: usize = 20;

/// A world of which theory knows the answer.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// Operators.
    pub operators: u32,
    /// Arrivals a mean talk and operator.
    pub load: f64,
    /// The mean patience, in mean talks; `None`: nobody hangs up.
    pub patience: Option<f64>,
}

pub const POINTS: [Point; 6] = [
    Point { operators: 1, load: 0.6, patience: None },
    Point { operators: 4, load: 0.8, patience: None },
    Point { operators: 16, load: 0.8, patience: None },
    Point { operators: 2, load: 0.8, patience: Some(0.5) },
    Point { operators: 6, load: 0.8, patience: Some(1.0) },
    Point { operators: 12, load: 0.8, patience: Some(0.25) },
];

/// What theory says, or what was measured: shares of all calls, and mean talks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fate {
    /// The mean wait of all, in mean talks; of those who hang up too.
    pub wait: f64,
    /// The share of those who wait at all.
    pub waits: f64,
    /// The share of those who hang up.
    pub abandons: f64,
}

/// Erlang's and Palm's formulas, by the stationary states of the birth-death process: in state `n`, `n` clients talk or wait.
pub fn theory(point: Point) -> Fate {
    let c = f64::from(point.operators);
    let (arrivals, leaving) = (c * point.load, point.patience.map_or(0.0, |patience| 1.0 / patience));
    let (mut state, mut all, mut waiting, mut length) = (1.0f64, 0.0, 0.0, 0.0);
    for n in 0..10_000u32 {
        let n = f64::from(n);
        all += state;
        if n >= c {
            waiting += state;
            length += (n - c) * state;
        }
        state *= arrivals / ((n + 1.0).min(c) + (n + 1.0 - c).max(0.0) * leaving);
    }
    // Little: the mean wait is the mean length by the rate of arrivals; who waits is who finds nobody free (PASTA).
    let wait = length / all / arrivals;
    Fate { wait, waits: waiting / all, abandons: wait * leaving }
}

/// What was measured, each with half of its 99 % confidence interval.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    pub mean: Fate,
    pub within: Fate,
}

impl Measured {
    /// The measures that theory's answer is too far from.
    pub fn strays(&self, theory: Fate) -> Vec<&'static str> {
        let Measured { mean, within } = self;
        let strays = [
            ("the mean wait", mean.wait, theory.wait, within.wait),
            ("the share that waits", mean.waits, theory.waits, within.waits),
            ("the share that hangs up", mean.abandons, theory.abandons, within.abandons),
        ];
        strays.into_iter().filter(|(_, mean, theory, within)| (mean - theory).abs() > *within).map(|s| s.0).collect()
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Batch {
    calls: u64,
    waited: u64,
    waits: u64,
    abandons: u64,
}

impl Batch {
    fn fate(&self) -> Fate {
        let calls = self.calls as f64;
        Fate {
            wait: self.waited as f64 / calls / TALK,
            waits: self.waits as f64 / calls,
            abandons: self.abandons as f64 / calls,
        }
    }
}

fn over(batches: &[Batch]) -> Measured {
    let of = |pick: fn(&Fate) -> f64| {
        let values: Vec<f64> = batches.iter().map(|batch| pick(&batch.fate())).collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
        (mean, T_99 * (variance / n).sqrt())
    };
    let [wait, waits, abandons] = [of(|fate| fate.wait), of(|fate| fate.waits), of(|fate| fate.abandons)];
    Measured {
        mean: Fate { wait: wait.0, waits: waits.0, abandons: abandons.0 },
        within: Fate { wait: wait.1, waits: waits.1, abandons: abandons.1 },
    }
}

/// Drives the engine through so many calls.
pub fn measure(point: Point, calls: usize, seed: u64) -> Measured {
    let mut world = World::new(point, calls, seed);
    world.run();
    over(&world.batches)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrives,
    HangsUp(usize),
    TalkEnds(usize),
}

struct Caller {
    id: ChannelId,
    arrived: u64,
    operator: Option<ChannelId>,
    number: usize,
}

struct World {
    point: Point,
    engine: Engine,
    now: u64,
    random: Random,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    order: u64,
    callers: BTreeMap<usize, Caller>,
    by_channel: BTreeMap<ChannelId, usize>,
    arrived: usize,
    calls: usize,
    batches: Vec<Batch>,
    news: VecDeque<News>,
    out: Step,
}

fn rules(point: Point) -> Rules {
    let announce =
        Announce { first: Span::minutes(600_000), every: Span::ZERO, position: false, wait: false, say: None };
    let queue = Queue { announce, longest_wait: None, ..Queue::default() };
    let redial = Redial::default();
    let line = Line {
        name: "site".into(),
        numbers: vec!["+74951112233".parse().expect("a number")],
        callcenter: None,
        group: "sales".into(),
        trunks: Vec::new(),
        caller_id: "+74951112233".parse().expect("a number"),
        channel: String::new(),
        source: String::new(),
        campaign: String::new(),
        language: Language::En,
        calendar: None,
        priority: 0,
        requested: redial.clone(),
        queue,
        redial,
    };
    let names: Vec<Name> = (0..point.operators).map(|n| format!("o{n:02}").into()).collect();
    let operator = |name: &Name| {
        let phones = vec![Phone { dial: format!("user/{name}").into(), user: name.clone() }];
        Arc::new(Operator { name: name.clone(), phones, wrap_up: Span::ZERO, ..Operator::default() })
    };
    let operators = names.iter().map(|name| (name.clone(), operator(name))).collect();
    let members = names.into_iter().map(Into::into).collect();
    let group =
        Group { name: "sales".into(), operators: members, strategy: Strategy::LongestIdleAgent, ..Group::default() };
    Rules {
        switches: vec!["main".into()],
        country: "RU".into(),
        lines: [("site".into(), Arc::new(line))].into(),
        groups: [("sales".into(), Arc::new(group))].into(),
        operators,
        trunks: BTreeMap::new(),
        zones: Arc::new(Zones::default()),
        observe: false,
    }
}

impl World {
    fn new(point: Point, calls: usize, seed: u64) -> World {
        let now = 1000;
        let snapshot = Snapshot { seed, ..Snapshot::default() };
        let mut world = World {
            point,
            engine: Engine::new(Arc::new(rules(point)), snapshot, World::clocks(now)),
            now,
            random: Random::new(seed),
            events: BinaryHeap::new(),
            order: 0,
            callers: BTreeMap::new(),
            by_channel: BTreeMap::new(),
            arrived: 0,
            calls,
            batches: vec![Batch::default(); BATCHES],
            news: VecDeque::new(),
            out: Step::default(),
        };
        world.tell(News::Up);
        world
    }

    fn clocks(now: u64) -> Now {
        Now { wall: Wall(1_795_000_000_000 + now as i64), mono: Mono(now) }
    }

    fn run(&mut self) {
        let first = self.between_arrivals();
        self.later(first, Event::Arrives);
        while let Some(Reverse((at, ..))) = self.events.peek().copied() {
            let deadline = self.engine.deadline();
            let wall = deadline.wall.map(|wall| (wall.0 - 1_795_000_000_000) as u64);
            match deadline.mono.map(|mono| mono.0).into_iter().chain(wall).min() {
                Some(due) if due <= at => {
                    self.now = self.now.max(due);
                    self.step(Input::Tick);
                }
                _ => {
                    self.now = at;
                    let Some(Reverse((_, _, event))) = self.events.pop() else { return };
                    self.happens(event);
                }
            }
        }
    }

    fn exponential(&mut self, mean: f64) -> u64 {
        let uniform = (self.random.next() >> 11) as f64 / (1u64 << 53) as f64;
        (-(1.0 - uniform).ln() * mean).round() as u64
    }

    fn between_arrivals(&mut self) -> u64 {
        self.exponential(TALK / (f64::from(self.point.operators) * self.point.load))
    }

    fn later(&mut self, after: u64, event: Event) {
        self.order += 1;
        self.events.push(Reverse((self.now + after, self.order, event)));
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Arrives => self.arrives(),
            Event::HangsUp(number) => {
                if self.callers.get(&number).is_some_and(|caller| caller.operator.is_none()) {
                    self.counts(number, true);
                    self.leaves(number);
                }
            }
            Event::TalkEnds(number) => self.leaves(number),
        }
    }

    fn arrives(&mut self) {
        let number = self.arrived;
        self.arrived += 1;
        if self.arrived < self.calls {
            let next = self.between_arrivals();
            self.later(next, Event::Arrives);
        }
        let id = ChannelId::new(&format!("caller-{number}"));
        self.by_channel.insert(id.clone(), number);
        self.callers.insert(number, Caller { id: id.clone(), arrived: self.now, operator: None, number });
        let given = Given { channel: self.channel(id), answered: true, transfers: 0, marks: Marks::default() };
        if let Some(patience) = self.point.patience {
            let patience = self.exponential(patience * TALK);
            self.later(patience, Event::HangsUp(number));
        }
        self.tell(News::Given(Box::new(given)));
    }

    /// Their number is hidden, so nobody is called back.
    fn channel(&self, id: ChannelId) -> Channel {
        Channel {
            id,
            direction: Direction::Inbound,
            user: None,
            caller: "".into(),
            name: "".into(),
            dialled: "+74951112233".into(),
            line: None,
            created: World::clocks(self.now).wall,
        }
    }

    /// The caller's wait is over.
    fn counts(&mut self, number: usize, abandons: bool) {
        let waited = self.now - self.callers[&number].arrived;
        let first = self.calls / WARM_UP;
        let Some(place) = number.checked_sub(first) else { return };
        let batch = &mut self.batches[place * BATCHES / (self.calls - first)];
        batch.calls += 1;
        batch.waited += waited;
        batch.waits += u64::from(waited > 0);
        batch.abandons += u64::from(abandons);
    }

    fn leaves(&mut self, number: usize) {
        let Some(caller) = self.callers.remove(&number) else { return };
        self.by_channel.remove(&caller.id);
        let ends = |id: ChannelId| {
            let cause = "NORMAL_CLEARING".into();
            News::Ended(Ended { id, outcome: Outcome::Unknown, cause, unregistered: false, line: None })
        };
        self.news.push_back(ends(caller.id));
        self.news.extend(caller.operator.map(ends));
        self.tell_all();
    }

    fn tell(&mut self, news: News) {
        self.news.push_back(news);
        self.tell_all();
    }

    fn tell_all(&mut self) {
        while let Some(news) = self.news.pop_front() {
            self.step(Input::Switch { switch: "main".into(), news });
        }
    }

    fn step(&mut self, input: Input) {
        let mut out = std::mem::take(&mut self.out);
        self.engine.step(input, World::clocks(self.now), &mut out);
        out.writes.clear();
        for effect in out.effects.drain(..) {
            self.done(effect);
        }
        self.out = out;
        self.tell_all();
    }

    /// What the switch and the operators make of an effect, at once.
    fn done(&mut self, effect: Effect) {
        match effect {
            Effect::Originate(leg) => {
                self.news.push_back(News::Answered(leg.leg.clone()));
                self.news.push_back(News::Parked(leg.leg));
            }
            Effect::Bridge { operator, client, .. } => {
                let number = self.by_channel[&client];
                self.counts(number, false);
                if let Some(caller) = self.callers.get_mut(&number) {
                    assert_eq!(
                        caller.operator.replace(operator.clone()),
                        None,
                        "caller {} is joined twice",
                        caller.number
                    );
                }
                let talk = self.exponential(TALK).max(1);
                self.later(talk, Event::TalkEnds(number));
                self.news.push_back(News::Bridged(operator, client));
            }
            Effect::AskChannels { token, .. } => {
                let ids: Vec<ChannelId> = self.callers.values().map(|caller| caller.id.clone()).collect();
                let list = Some(ids.into_iter().map(|id| self.channel(id)).collect());
                self.news.push_back(News::Channels { token, list });
            }
            Effect::Hangup { channel, .. } => panic!("nobody is to be hung up: {channel}"),
            Effect::Alarm(alarm) => panic!("{}", alarm.text),
            _ => {}
        }
    }
}
