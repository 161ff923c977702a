//! Random worlds: the same seed, the same world.

use super::{
    faults::Fault,
    house::{AWAY, Desk, EXTENSION, House, LineOf, READY, Reception, client_first},
    people::{Habit, Reaction},
    random::Random,
    shell::Death,
    switch::{AgentStatus, Caller, Party},
    world::{Happening, World},
};
use crate::engine::{
    hours::Calendar,
    input::Wish,
    money::{Amount, Price},
    rules::{
        Again, Answer, Cap, ClientFirst, Heard, Key, Keys, Machine, Manners, Missed, Mode, Order, Queue, Recording,
        Strategy, Then, Way,
    },
    time::{Mono, Span, Wall},
};
use jiff::tz::TimeZone;
use std::sync::Arc;

/// The effects of a large step, and one more: a daemon that is to die later in a shorter one dies at its end.
const LONG_STEP: u64 = 13;
/// What the stream that draws the operators' desks is told from the world's other one by.
const DESKS: u64 = 0x6465_736b_7300;
/// The same for who waits in a queue of ours.
const QUEUES: u64 = 0x7175_6575_6500;
/// How long people call.
const BUSY: Span = Span::minutes(60);
/// Names that callers give themselves.
const NAMES: [&str; 9] = [
    "",
    "Иван Петров",
    "${system(touch /tmp/x)}",
    "a'b\\c\"d",
    "x\n\nbgapi originate user/1001 &park()",
    "a,b{c}|d^^:e<f>",
    "x%0A%0Abgapi originate user/1001 &park()%24{system(id)}",
    "',origination_uuid=1,x='",
    "${uuid_kill(all)} `id` $(id)",
];

const STRATEGIES: [Strategy; 10] = [
    Strategy::TopDown,
    Strategy::RingAll,
    Strategy::RingProgressively,
    Strategy::LongestIdleAgent,
    Strategy::AgentWithLeastTalkTime,
    Strategy::AgentWithFewestCalls,
    Strategy::SequentiallyByAgentOrder,
    Strategy::RoundRobin,
    Strategy::Random,
    Strategy::Weighted,
];

/// A world by its seed, with everything planned that is to happen in it, and when it is over.
pub fn world(seed: u64) -> (World, Mono) {
    with_or_without_queues(seed, false)
}

/// The same world, in which some lines give their callers to the daemon, and clients wait there.
pub fn world_with_queues(seed: u64) -> (World, Mono) {
    with_or_without_queues(seed, true)
}

fn with_or_without_queues(seed: u64, queued: bool) -> (World, Mono) {
    let mut random = Random::new(seed);
    // Drawn from a stream of their own, so that they leave the worlds of those who have one phone as they are.
    let mut desks = Random::new(seed ^ DESKS);
    let mut house = house(&mut random);
    house.desks = house.operators.iter().map(|_| desk(&mut desks)).collect();
    let mut queues = Random::new(seed ^ QUEUES);
    if queued {
        queues_of(&mut house, &mut queues);
    }
    let longest = house.lines.iter().map(|line| line.redial.expire).max().unwrap_or(Span::ZERO);
    // Monday 2026-11-23, from seven in the morning to seven in the evening in Moscow.
    let start = Wall(1_795_406_400_000 + random.below(12 * 3600) as i64 * 1000);
    let mut world = World::new(house.clone(), random.next(), start);
    operators(&mut world, &house, &mut random);
    other_phones(&mut world, &house, &mut desks);
    clients(&mut world, &house, &mut random);
    waiting_clients(&mut world, &house, &mut queues);
    wishes(&mut world, &house, &mut random);
    if random.chance(70) {
        faults(&mut world, &house, &mut random);
    }
    (world, Mono(0) + BUSY + longest + Span::minutes(40))
}

fn house(random: &mut Random) -> House {
    let mut house = House::default();
    house.operators.truncate(random.between(1, 4) as usize);
    house.strategy = *random.pick(&STRATEGIES);
    house.remember = random.chance(30);
    house.weights =
        house.operators.iter().map(|_| (random.between(1, 5) as u32, random.between(1, 3) as u32)).collect();
    house.escalate = Span::seconds(random.between(5, 60));
    house.ring = Span::seconds(random.between(8, 25));
    house.wrap_up = Span::seconds(random.between(0, 20));
    house.channels = random.between(1, 20) as u32;
    house.pauses = (Span::seconds(random.between(0, 90)), Span::seconds(random.between(0, 90)));
    house.away_after = random.chance(30).then(|| random.between(1, 5) as u32);
    if random.chance(20) {
        let price = Price { per_minute: Amount(20_000), currency: "RUB".into(), billing: Span::seconds(60) };
        house.price = Some((price, Cap { a_month: Amount(random.between(20_000, 400_000)), zone: TimeZone::UTC }));
    }
    house.answer = match random.below(6) {
        0 => Answer::Delay(Span::seconds(random.between(1, 25))),
        1 => Answer::Press(Key::new('1').unwrap_or_else(|| unreachable!("a constant"))),
        _ => Answer::Person,
    };
    let named = house.operators.clone();
    house.lines.iter_mut().for_each(|line| self::line(line, &named, random));
    house
}

fn line(line: &mut LineOf, operators: &[String], random: &mut Random) {
    if let Reception::Direct(phones, timeout) = &mut line.reception {
        *phones = operators[..random.between(1, operators.len() as u64) as usize].to_vec();
        *timeout = Span::seconds(random.between(3, 20));
    }
    let redial = &mut line.redial;
    redial.track = Span::seconds(random.between(5, 300));
    redial.attempts = random.between(1, 4) as u32;
    redial.expire = Span::minutes(random.between(20, 150));
    redial.ring = Span::seconds(random.between(10, 40));
    redial.busy = Again::After(Span::seconds(random.between(20, 180)));
    redial.no_answer = again(random);
    redial.manners = manners(random);
    redial.network = Span::seconds(random.between(15, 90));
    if random.chance(30) {
        redial.keys = Keys { pass: Key::new('2'), never: Key::new('3'), machine: Key::new('9'), later: Key::new('5') };
    }
    if random.chance(30) {
        redial.missed.push(Missed::ServedShorterThan(Span::seconds(random.between(20, 60))).into());
    }
    for rule in &mut redial.missed {
        if random.chance(15) {
            rule.waited = Span::seconds(random.between(1, 10));
        }
        if random.chance(15) {
            rule.unique = Some(Span::seconds(random.between(60, 7200)));
        }
    }
    if random.chance(5) {
        redial.mode = Mode::ByHand;
    }
    line.priority = random.below(3) as u32;
    if random.chance(40) {
        redial.announce_client = Some("You called us. Connecting.".into());
    }
    if random.chance(20) {
        let notice = random.chance(50).then(|| "This call is recorded.".into());
        let file = "/rec/{date}/{line}-{operator}-{number}-{callback}-{attempt}.wav".into();
        redial.record = Some(Recording { file, stereo: random.chance(50), notice });
    }
    if random.chance(40) {
        redial.machine = Machine {
            shorter_than: random.chance(50).then(|| Span::seconds(random.between(2, 15))),
            beep: random.chance(70),
            say: random.chance(50).then(|| "We called you back.".into()),
        };
    }
    if random.chance(30) {
        let music = *random.pick(&["local_stream://moh", "local_stream://moh", "/music.wav", "/missing.wav"]);
        let wait = Span::seconds(random.between(5, 90));
        redial.client_first = Some(ClientFirst {
            wait,
            music: music.into(),
            without_operator: if random.chance(20) { 30 } else { 0 },
            ..client_first()
        });
    }
    if random.chance(40) {
        line.calendar = Some(Arc::new(calendar(random)));
    }
}

fn again(random: &mut Random) -> Again {
    match random.below(6) {
        0 => Again::Spread,
        1 => {
            let mut times: Vec<u16> = (0..random.between(1, 12)).map(|_| random.below(1440) as u16).collect();
            times.sort_unstable();
            Again::At { times, tomorrow: random.chance(10) }
        }
        _ => Again::After(Span::seconds(random.between(60, 900))),
    }
}

fn manners(random: &mut Random) -> Manners {
    let mut manners = Manners { zone: TimeZone::get("Europe/Moscow").unwrap_or(TimeZone::UTC), ..Manners::default() };
    if random.chance(30) {
        let from = random.below(1380) as u16;
        manners.avoid.push((from, from + random.between(5, 60) as u16));
    }
    if random.chance(15) {
        let from = random.between(6, 14) as u16 * 60;
        let day = vec![(from, from + random.between(60, 540) as u16)];
        manners.client_hours = Some(std::array::from_fn(|_| day.clone()));
    }
    if random.chance(20) {
        manners.per_day = Some(random.between(1, 3) as u32);
    }
    if random.chance(10) {
        manners.per_week = Some(random.between(1, 4) as u32);
    }
    manners
}

fn calendar(random: &mut Random) -> Calendar {
    let opens = random.between(6, 10) as u16 * 60;
    let shuts = random.between(17, 22) as u16 * 60 + random.below(60) as u16;
    let day = vec![(opens, shuts)];
    let week = std::array::from_fn(|_| day.clone());
    Calendar::new(TimeZone::get("Europe/Moscow").unwrap_or(TimeZone::UTC), week, [], [])
}

fn some_time(random: &mut Random) -> Mono {
    Mono(random.between(2000, BUSY.0))
}

fn operators(world: &mut World, house: &House, random: &mut Random) {
    for name in &house.operators {
        let (Some(user), Some(agent)) = (house.user(name), house.agent(name)) else { continue };
        let habit = Habit { calls: house.desk(name).calls, ..operator_habit(random) };
        world.at(Mono(0), Happening::Habit(Party::User(user.clone()), habit));
        let status = if random.chance(70) { AgentStatus::Available } else { AgentStatus::LoggedOut };
        world.at(Mono(0), Happening::Agent(agent.clone(), status));
        if random.chance(30) {
            let back = some_time(random);
            world.at(some_time(random), Happening::Agent(agent.clone(), AgentStatus::OnBreak));
            world.at(back, Happening::Agent(agent.clone(), AgentStatus::Available));
        }
        // In the end somebody is there, or every callback would only expire.
        world.at(Mono(0) + BUSY, Happening::Agent(agent, AgentStatus::Available));
        for code in [AWAY, READY] {
            if random.chance(15) {
                let caller =
                    Caller { user: Some(user.clone()), number: user.clone(), name: name.clone(), dialled: code.into() };
                world.at(some_time(random), Happening::Call(caller, Span::seconds(5)));
            }
        }
        // Whoever went away by telephone is back in the end.
        world.at(
            Mono(0) + BUSY,
            Happening::Wish(Wish::Operator { name: name.as_str().into(), ready: true, why: String::new() }),
        );
        for _ in 0..random.below(4) {
            let to = number(random.below(20));
            let caller = Caller { user: Some(user.clone()), number: user.clone(), name: name.clone(), dialled: to };
            world.at(some_time(random), Happening::Call(caller, Span::seconds(random.between(5, 40))));
        }
    }
}

/// What stands on an operator's desk: mostly one phone.
fn desk(random: &mut Random) -> Desk {
    let phones = if random.chance(40) { random.between(2, 3) as usize } else { 1 };
    let order = if random.chance(50) { Order::Together } else { Order::InOrder };
    let calls = if random.chance(20) { random.between(2, 4) as u32 } else { 1 };
    Desk { phones, order, calls }
}

/// Who has more phones than one answers each of them in its own way, and now and then calls from one, or has it off.
fn other_phones(world: &mut World, house: &House, random: &mut Random) {
    for name in &house.operators {
        let calls = house.desk(name).calls;
        for user in house.users(name).into_iter().skip(1) {
            let habit = Habit { calls, ..operator_habit(random) };
            world.at(Mono(0), Happening::Habit(Party::User(user.clone()), habit));
            if random.chance(40) {
                let to = if random.chance(20) { AWAY.to_owned() } else { number(random.below(20)) };
                let caller = Caller { user: Some(user.clone()), number: user.clone(), name: name.clone(), dialled: to };
                world.at(some_time(random), Happening::Call(caller, Span::seconds(random.between(5, 40))));
            }
            if random.chance(20) {
                let off = Fault::Unregister(user, Span(random.between(500, 300_000)));
                world.at(some_time(random), Happening::Fault(off));
            }
        }
    }
}

fn operator_habit(random: &mut Random) -> Habit {
    let answers = Reaction::Answers(Span(random.between(500, 12_000)));
    let mut reactions: Vec<Reaction> = (0..random.below(5))
        .map(|_| match random.below(7) {
            0 => Reaction::Ignores,
            1 => Reaction::Refuses(486),
            2 => Reaction::HangsUp(Span(random.between(500, 5000)), Span(random.between(200, 9000))),
            3 => Reaction::EarlyMedia,
            4 => Reaction::Exchange(Span(random.between(1000, 20_000))),
            _ => Reaction::Answers(Span(random.between(500, 18_000))),
        })
        .collect();
    reactions.push(answers);
    let key = *random.pick(&['1', '1', '1', '2', '3', '9', '#']);
    let presses = random.chance(80).then(|| (Span(random.between(200, 40_000)), key));
    let hands_on =
        random.chance(15).then(|| (Span::seconds(random.between(1, 100)), random.between(1001, 1004) as u16));
    Habit { reactions: reactions.into(), talks: Span::seconds(random.between(20, 240)), presses, hands_on, calls: 1 }
}

fn client_habit(random: &mut Random) -> Habit {
    let reactions: Vec<Reaction> = (0..random.between(1, 4))
        .map(|_| match random.below(12) {
            0 => Reaction::Refuses(486),
            1 => Reaction::Ignores,
            2 => Reaction::Refuses(603),
            3 => Reaction::Refuses(404),
            4 => Reaction::Refuses(*random.pick(&[503, 403, 480, 502, 408])),
            5 => Reaction::Machine,
            6 => Reaction::EarlyMedia,
            7 => Reaction::HangsUp(Span(random.between(500, 9000)), Span(random.between(50, 4000))),
            _ => Reaction::Answers(Span(random.between(300, 20_000))),
        })
        .collect();
    let presses = random.chance(30).then(|| (Span(random.between(200, 40_000)), *random.pick(&['1', '5'])));
    Habit {
        reactions: reactions.into(),
        talks: Span::seconds(random.between(5, 200)),
        presses,
        hands_on: None,
        calls: 1,
    }
}

fn number(n: u64) -> String {
    format!("7916{:07}", 1_000_000 + n)
}

fn clients(world: &mut World, house: &House, random: &mut Random) {
    for n in 0..random.between(3, 20) {
        let number = if random.chance(4) { "anonymous".to_owned() } else { number(n) };
        world.at(Mono(0), Happening::Habit(Party::Number(number.clone()), client_habit(random)));
        let name = (*random.pick(&NAMES)).to_owned();
        let mut at = some_time(random);
        for _ in 0..random.between(1, 4) {
            let dialled = random.pick(&house.lines).number.digits();
            let caller = Caller { user: None, number: number.clone(), name: name.clone(), dialled };
            world.at(at, Happening::Call(caller, Span(random.between(1000, 60_000))));
            // Who was not helped calls again, soon or later.
            at = at + Span(random.between(5000, 900_000));
        }
    }
}

/// Some lines have a queue of ours, before the dialplan's own way.
fn queues_of(house: &mut House, random: &mut Random) {
    let operators = house.operators.clone();
    let names: Vec<String> = house.lines.iter().map(|line| line.name.clone()).collect();
    for line in &mut house.lines {
        if !random.chance(40) {
            continue;
        }
        line.reception = match &line.reception {
            Reception::Direct(phones, timeout) => Reception::Given(phones.clone(), *timeout),
            _ => Reception::Given(operators.clone(), Span::seconds(random.between(3, 20))),
        };
        line.queue = queue_of(&line.name, &names, random);
    }
    if random.chance(30) {
        house.loyal = Span::seconds(random.between(5, 60));
    }
}

fn queue_of(own: &str, lines: &[String], random: &mut Random) -> Queue {
    let text = |text: &str| Heard::Text(text.into());
    let mut queue = super::house::queue();
    queue.greeting = random.chance(50).then(|| text("Welcome. This call may be recorded."));
    let music = ["local_stream://moh", "/music.wav", "tone_stream://%(2000,4000,440)", "/missing.wav"];
    queue.music = (*random.pick(&music)).into();
    queue.announce.first = Span::seconds(random.between(0, 30));
    queue.announce.every = Span::seconds(random.between(0, 30));
    queue.announce.position = random.chance(70);
    queue.announce.wait = random.chance(70);
    queue.announce.say = random.chance(30).then(|| text("Press one to be called back."));
    queue.longest_wait = match random.below(4) {
        0 => Some(Span::ZERO),
        1 | 2 => Some(Span::seconds(random.between(5, 240))),
        _ => None,
    };
    queue.longest = random.chance(20).then(|| random.between(1, 5) as u32);
    queue.longest_expected = random.chance(20).then(|| Span::seconds(random.between(30, 600)));
    queue.closed = way(own, lines, random);
    queue.nobody = way(own, lines, random);
    queue.full = way(own, lines, random);
    queue.late = way(own, lines, random);
    let calls_back = Way::to(Then::CallBack);
    let keys = [('1', calls_back), ('2', Way::to(Then::Voicemail)), ('3', way(own, lines, random))];
    queue.keys = keys.into_iter().filter_map(|(sign, way)| Some((Key::new(sign)?, way))).collect();
    queue.keep_place = Span::seconds(random.below(300));
    queue.announce_operator = random.chance(50).then(|| "A client waits, {{ line }}.".into());
    queue.voicemail.longest = Span::seconds(random.between(3, 60));
    queue
}

/// Where somebody goes who does not wait on.
fn way(own: &str, lines: &[String], random: &mut Random) -> Way {
    let then = match random.below(8) {
        0 => Then::Wait,
        1 => Then::CallBack,
        2 => Then::Voicemail,
        3 => Then::Dialplan,
        4 => Then::Extension(EXTENSION.into(), "public".into()),
        5 => match random.pick(lines) {
            line if line == own => Then::Goodbye,
            line => Then::Line(line.as_str().into()),
        },
        _ => Then::Goodbye,
    };
    let say = random.chance(40).then(|| Heard::Text("We are sorry.".into()));
    Way { say, then, callback: random.chance(80) }
}

/// Who calls a line with a queue of ours is patient, and may press a key and confirm it.
fn waiting_clients(world: &mut World, house: &House, random: &mut Random) {
    let given: Vec<&LineOf> =
        house.lines.iter().filter(|line| matches!(line.reception, Reception::Given(..))).collect();
    if given.is_empty() {
        return;
    }
    for n in 0..random.between(2, 14) {
        let number = number(30 + n);
        world.at(Mono(0), Happening::Habit(Party::Number(number.clone()), client_habit(random)));
        // They come in waves, so that some wait behind others.
        let mut at = Mono(BUSY.0 / 4 * random.between(0, 3) + random.between(5000, 240_000));
        for _ in 0..random.between(1, 2) {
            let dialled = random.pick(&given).number.digits();
            let caller = Caller { user: None, number: number.clone(), name: number.clone(), dialled };
            world.at(at, Happening::Call(caller, Span(random.between(2000, 400_000))));
            if random.chance(40) {
                let key = at + Span(random.between(1000, 90_000));
                let confirms = key + Span(random.between(1000, 15_000));
                let who = || Party::Number(number.clone());
                world.at(key, Happening::Press(who(), *random.pick(&['1', '1', '2', '3', '7'])));
                world.at(confirms, Happening::Press(who(), *random.pick(&['1', '1', '1', '2', '#'])));
            }
            at = at + Span(random.between(5000, 900_000));
        }
    }
}

/// What people want meanwhile: a call by hand, a list called through and rested, a number blocked.
fn wishes(world: &mut World, house: &House, random: &mut Random) {
    for _ in 0..random.below(5) {
        let text = format!("+{}", number(random.below(25)));
        let Ok(client) = text.parse() else { continue };
        let (line, by) = (random.pick(&house.lines).name.as_str().into(), "olga".to_owned());
        let wish = match random.below(6) {
            0 | 1 => Wish::Call { number: client, line, by, list: None },
            2 | 3 => Wish::Call { number: client, line, by, list: Some("spring".to_owned()) },
            4 => Wish::Block { number: client, by },
            _ => Wish::Unblock { number: client },
        };
        world.at(some_time(random), Happening::Wish(wish));
    }
    if random.chance(20) {
        let rests = |paused| Happening::Wish(Wish::List { list: "spring".to_owned(), paused });
        world.at(some_time(random), rests(true));
        world.at(some_time(random), rests(false));
    }
}

fn faults(world: &mut World, house: &House, random: &mut Random) {
    for _ in 0..random.between(1, 8) {
        let fault = fault(house, random);
        world.at(some_time(random), Happening::Fault(fault));
    }
}

fn fault(house: &House, random: &mut Random) -> Fault {
    let span = |random: &mut Random, most: u64| Span(random.between(500, most));
    match random.below(14) {
        0 | 1 => Fault::Cut(random.below(20_000) as usize),
        2 => Fault::Lose(random.between(1, 30) as u32),
        3 => Fault::Twice(random.between(1, 30) as u32),
        4 => Fault::Late(span(random, 60_000)),
        5 => Fault::Refuse(random.between(1, 6) as u32),
        6..=8 => {
            let death = match random.below(4) {
                0 => Death::BeforeCommit,
                1 => Death::AfterCommit,
                _ => Death::AfterEffects(random.below(LONG_STEP) as usize),
            };
            Fault::Kill(death, span(random, 90_000))
        }
        9 => Fault::Restart,
        10 => Fault::Clock(*random.pick(&[-3_600_000, -120_000, 7_000, 120_000, 3_600_000])),
        11 => Fault::Store(span(random, 60_000)),
        12 => Fault::Gateway(span(random, 300_000)),
        _ => {
            let name: &String = random.pick(&house.operators);
            let user = house.user(name).unwrap_or_default();
            Fault::Unregister(user, span(random, 300_000))
        }
    }
}
