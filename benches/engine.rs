//! What an event costs from its bytes to the decision, with 100 to 100,000 calls in progress, and what a call in progress
//! takes of memory.
//!
//! `cargo bench --bench engine`. The events are those of a recorded call, with uuids and numbers of its own for each call.
//! Times are the median of several rounds; memory is what the engine holds, counted by the allocator.

#![allow(clippy::disallowed_methods)] // a benchmark reads the clock

#[path = "../tests/held/mod.rs"]
mod held;

use held::held;
use perezvon::{
    engine::{
        Engine, Step,
        input::{Input, News},
        record::Snapshot,
        rules::{Group, Language, Line, NumberFormat, Operator, Phone, Redial, Rules, Strategy, Trunk},
        time::{Mono, Now, Span, Wall},
        zones::Zones,
    },
    esl::{
        connection::{Connection, Credentials, Notice},
        frame::Limits,
        text::Secret,
    },
    switch::event,
};
use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

/// The uuids, the caller's number and the number dialled of the recorded call.
const CALLER: &str = "9b2817fe-b6b7-44a8-84e5-0a1379b674cc";
const OPERATOR: &str = "a82d31f6-48cc-4071-821c-8b0f82ac9ea8";
const NUMBER: &str = "79161110004";
const DIALLED: &str = "Caller-Destination-Number: 703\n";

/// The recorded call: the events of its arrival, and those of its end.
struct Recording {
    arrival: Vec<String>,
    end: Vec<String>,
}

impl Recording {
    fn load() -> Recording {
        let text = include_str!("../tests/wire/direct-call.esl");
        let wanted = |event: &&str| event::EVENTS.iter().any(|name| event.contains(&format!("Event-Name: {name}\n")));
        let events = text.split("Content-Type: text/event-plain\n\n").skip(1);
        let events = events.map(|event| &event[..event.find("\n\n").map_or(event.len(), |end| end + 2)]);
        let events = events.filter(wanted).filter(|event| event.contains(CALLER)).map(str::to_owned);
        let (end, arrival) = events.partition(|event| {
            ["CHANNEL_HANGUP", "CHANNEL_UNBRIDGE"].iter().any(|name| event.contains(&format!("Event-Name: {name}\n")))
        });
        Recording { arrival, end }
    }

    fn bytes(events: &[String], call: usize, out: &mut Vec<u8>) {
        for event in events {
            let event = event
                .replace(CALLER, &format!("{call:08x}-b6b7-44a8-84e5-0a1379b674cc"))
                .replace(OPERATOR, &format!("{call:08x}-48cc-4071-821c-8b0f82ac9ea8"))
                .replace(NUMBER, &format!("7916{call:07}"))
                .replace(DIALLED, "Caller-Destination-Number: 74951112233\n");
            out.extend(format!("Content-Length: {}\nContent-Type: text/event-plain\n\n{event}", event.len()).bytes());
        }
    }
}

fn rules() -> Rules {
    let redial = Redial { announce_operator: "missed".into(), ..Redial::default() };
    let line = Line {
        name: "site".into(),
        numbers: vec!["+74951112233".parse().expect("a number")],
        callcenter: None,
        group: "sales".into(),
        trunks: vec!["provider".into()],
        caller_id: "+74951112233".parse().expect("a number"),
        channel: "context".into(),
        source: "yandex".into(),
        campaign: "autumn".into(),
        language: Language::Ru,
        calendar: None,
        priority: 0,
        requested: redial.clone(),
        queue: Default::default(),
        redial,
    };
    let operator = Operator {
        name: "anna".into(),
        phones: vec![Phone { dial: "user/1001".into(), user: "1001".into() }],
        ring: Span::seconds(20),
        wrap_up: Span::ZERO,
        ..Operator::default()
    };
    let group =
        Group { name: "sales".into(), operators: vec!["anna".into()], strategy: Strategy::TopDown, ..Group::default() };
    let trunk = Trunk {
        name: "provider".into(),
        switch: "main".into(),
        dial: "sofia/gateway/provider/{number}".into(),
        format: NumberFormat::Digits,
        channels: 20,
        price: None,
        cap: None,
    };
    Rules {
        switches: vec!["main".into()],
        country: "RU".into(),
        lines: [("site".into(), Arc::new(line))].into(),
        groups: [("sales".into(), Arc::new(group))].into(),
        operators: [("anna".into(), Arc::new(operator))].into(),
        trunks: [("provider".into(), Arc::new(trunk))].into(),
        zones: Arc::new(Zones::default()),
        observe: false,
    }
}

/// How far an event is followed.
#[derive(Clone, Copy, PartialEq)]
enum Depth {
    Codec,
    Translate,
    Step,
}

struct Desk {
    connection: Connection,
    engine: Engine,
    step: Step,
    now: Now,
    events: usize,
}

impl Desk {
    fn new() -> Desk {
        let password = Credentials::Password(Secret::new("bench").expect("a password"));
        let subscription = event::subscription().expect("a subscription");
        let mut connection = Connection::inbound(password, subscription, Limits::default());
        for reply in [
            "Content-Type: auth/request\n\n",
            "Content-Type: command/reply\nReply-Text: +OK accepted\n\n",
            "Content-Type: command/reply\nReply-Text: +OK event listener enabled plain\n\n",
        ] {
            connection.receive(reply.as_bytes());
            while connection.poll().is_some() {}
        }
        let now = Now { wall: Wall(1_795_407_083_000), mono: Mono(1) };
        let engine = Engine::new(Arc::new(rules()), Snapshot { seed: 1, ..Default::default() }, now);
        Desk { connection, engine, step: Step::default(), now, events: 0 }
    }

    fn take(&mut self, bytes: &[u8], depth: Depth) {
        for chunk in bytes.chunks(64 * 1024) {
            self.connection.receive(chunk);
            while let Some(notice) = self.connection.poll() {
                let Notice::Event(event) = notice else { continue };
                self.events += 1;
                if depth == Depth::Codec {
                    black_box(event.name());
                    continue;
                }
                event::news(&event, &mut |news| match depth {
                    Depth::Step => step(&mut self.engine, news, self.now, &mut self.step),
                    _ => drop(black_box(news)),
                });
            }
        }
    }
}

fn step(engine: &mut Engine, news: News, now: Now, out: &mut Step) {
    engine.step(Input::Switch { switch: "main".into(), news }, now, out);
    black_box(&*out);
    out.writes.clear();
    out.effects.clear();
}

fn median(mut rounds: Vec<Duration>) -> Duration {
    rounds.sort_unstable();
    rounds[rounds.len() / 2]
}

fn main() {
    let recording = Recording::load();
    let per_call = recording.arrival.len() + recording.end.len();
    println!("{per_call} events a call; one core, from bytes to the decision");
    println!("{:>9}  {:>12}  {:>9}  {:>12}", "calls", "memory/call", "ns/event", "events/s");
    let mut first = None;
    for calls in [100, 1_000, 10_000, 100_000] {
        let mut desk = Desk::new();
        let before = held();
        let mut bytes = Vec::new();
        for call in 0..calls {
            bytes.clear();
            Recording::bytes(&recording.arrival, call, &mut bytes);
            desk.take(&bytes, Depth::Step);
        }
        drop(bytes);
        let memory = (held() - before) / calls;
        assert_eq!(desk.engine.status(desk.now).calls.len(), calls, "every call is followed");
        let each = churn(&recording, &mut desk, calls);
        let ratio = each.as_nanos() as f64 / *first.get_or_insert(each.as_nanos() as f64);
        println!(
            "{calls:>9}  {memory:>10} B  {:>9}  {:>12.0}  ({ratio:.2} of the cost with 100)",
            each.as_nanos(),
            1.0 / each.as_secs_f64()
        );
    }
    parts(&recording);
}

/// One call ends, another arrives, over and over.
fn churn(recording: &Recording, desk: &mut Desk, calls: usize) -> Duration {
    const ROUND: usize = 1_000;
    let mut rounds = Vec::new();
    let mut live: Vec<usize> = (0..calls).collect();
    let mut next = calls;
    for round in 0..9 {
        let mut bytes = Vec::new();
        for turn in round * ROUND..(round + 1) * ROUND {
            // Spread over all that are in progress, so that the caches are as cold as they are in service.
            let place = turn * 7919 % calls;
            Recording::bytes(&recording.end, live[place], &mut bytes);
            Recording::bytes(&recording.arrival, next, &mut bytes);
            live[place] = next;
            next += 1;
        }
        let (events, start) = (desk.events, Instant::now());
        desk.take(&bytes, Depth::Step);
        rounds.push(start.elapsed() / (desk.events - events) as u32);
    }
    assert_eq!(desk.engine.status(desk.now).calls.len(), calls, "one went, one came");
    median(rounds)
}

/// What of it is the codec's, the translation's, the engine's.
fn parts(recording: &Recording) {
    let mut bytes = Vec::new();
    for call in 0..2_000 {
        Recording::bytes(&recording.arrival, call, &mut bytes);
        Recording::bytes(&recording.end, call, &mut bytes);
    }
    for (name, depth) in [("codec", Depth::Codec), ("+ translate", Depth::Translate), ("+ step", Depth::Step)] {
        let rounds = (0..5).map(|_| {
            let mut desk = Desk::new();
            let start = Instant::now();
            desk.take(&bytes, depth);
            start.elapsed() / desk.events as u32
        });
        println!("{name:>12}: {} ns an event", median(rounds.collect()).as_nanos());
    }
}
