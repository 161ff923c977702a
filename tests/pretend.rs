//! The pretend switch held against recordings of a real one: for each channel the same events in the same order, and in
//! each event every header that we read, in the same order and, where it says what happened, with the same value.

use perezvon::{
    engine::time::{Mono, Now, Wall},
    esl::{Decoder, Event, Limits},
    sim::switch::{Act, AgentStatus, Caller, Config, Outside, Party, PretendSwitch, dialplan::Step},
};
use std::{collections::BTreeMap, fs};

/// Headers that the daemon reads, or that a person reads in its journal.
const READ: [&str; 35] = [
    "Event-Subclass",
    "Event-Name",
    "Event-Date-Timestamp",
    "Event-Sequence",
    "Bridge-A-Unique-ID",
    "Bridge-B-Unique-ID",
    "Channel-State",
    "Channel-Name",
    "Unique-ID",
    "Call-Direction",
    "Channel-Call-UUID",
    "Answer-State",
    "Hangup-Cause",
    "Caller-Username",
    "Caller-Orig-Caller-ID-Number",
    "Caller-Destination-Number",
    "Caller-Profile-Index",
    "Caller-Channel-Created-Time",
    "Caller-Channel-Answered-Time",
    "Caller-Channel-Bridged-Time",
    "Other-Leg-Unique-ID",
    "variable_sip_invite_failure_status",
    "Application",
    "Application-Data",
    "Application-Response",
    "Application-UUID",
    "Job-UUID",
    "Job-Command",
    "CC-Queue",
    "CC-Action",
    "CC-Agent",
    "CC-Cause",
    "CC-Agent-State",
    "CC-Member-Session-UUID",
    "CC-Member-CID-Number",
];
/// Of those, the ones whose value says what happened: it must be the same.
const SAME: [&str; 17] = [
    "Event-Subclass",
    "Event-Name",
    "Channel-State",
    "Call-Direction",
    "Answer-State",
    "Hangup-Cause",
    "Caller-Orig-Caller-ID-Number",
    "Caller-Destination-Number",
    "Caller-Profile-Index",
    "variable_sip_invite_failure_status",
    "Application",
    "Application-Data",
    "Application-Response",
    "Job-Command",
    "CC-Action",
    "CC-Agent",
    "CC-Cause",
];

/// What happens from outside, and when, in milliseconds from the story's first event.
#[derive(Clone, Copy)]
enum Does {
    /// The n-th command of the recording's own.
    Sends(usize),
    /// Somebody calls.
    Calls(&'static str, &'static str),
    /// A person does something with the phone of this number.
    Acts(&'static str, Act),
    /// An agent's status.
    Agent(&'static str, AgentStatus),
}

use Act::{Answer, Hangup, Reject, Ring};
use Does::{Acts, Agent, Calls, Sends};

fn now(at: u64) -> Now {
    Now { mono: Mono(at), wall: Wall(1_795_406_997_873 + at as i64) }
}

fn config() -> Config {
    let bridge = |to: &str| Step::Bridge(format!("sofia/gateway/world/{to}"));
    let set = |name: &str, value: &str| Step::Set(name.into(), value.into());
    Config {
        password: "lab-secret".into(),
        gateways: ["world".to_owned()].into(),
        dialplan: BTreeMap::from([
            ("701".into(), vec![set("campaign", "Яндекс Директ"), Step::Answer, Step::Callcenter("sales@lab".into())]),
            ("702".into(), vec![set("call_timeout", "5"), set("hangup_after_bridge", "true"), bridge("op-noanswer")]),
            ("703".into(), vec![set("hangup_after_bridge", "true"), bridge("op-1")]),
        ]),
        queues: BTreeMap::from([("sales@lab".into(), vec!["op1".into()])]),
        agents: BTreeMap::from([("op1".into(), "sofia/gateway/world/op-1".into())]),
        ..Config::default()
    }
}

/// The events that a listener's bytes hold.
fn events(bytes: &[u8]) -> Vec<Event> {
    let limits = Limits::default();
    let mut decoder = Decoder::new(limits);
    decoder.push(bytes);
    let mut events = Vec::new();
    while let Ok(Some(frame)) = decoder.next_frame() {
        events.extend(Event::from_frame(&frame, &limits).map(|event| event.expect("a good event")));
    }
    events
}

/// Plays a story; what the listener got.
fn play(name: &str, story: &[(u64, Does)], seed: u64) -> Vec<Event> {
    let sent = fs::read_to_string(format!("tests/wire/{name}.sent")).unwrap();
    let commands: Vec<String> = sent.split_inclusive("\n\n").map(str::to_owned).collect();
    let mut switch = PretendSwitch::new(config(), seed, now(0));
    let conn = switch.connect();
    let mut bytes = Vec::new();
    let mut phones = BTreeMap::new();
    let mut story: Vec<_> = story.to_vec();
    story.sort_by_key(|(at, _)| *at);
    for (at, does) in story {
        // The phones are seen to after every step, so that no event of theirs is missed.
        while let Some(next) = switch.next_deadline().filter(|next| next.0 <= at) {
            switch.tick(now(next.0));
            meet(&mut switch, &mut phones);
        }
        match does {
            Sends(n) => switch.receive(conn, commands[n].as_bytes(), now(at)),
            Calls(from, to) => {
                let caller = Caller { user: None, number: from.into(), name: from.into(), dialled: to.into() };
                let id = switch.call_in(&caller, now(at));
                phones.insert(from.to_owned(), id);
            }
            Acts(who, act) => {
                let id = phones.get(who).unwrap_or_else(|| panic!("nobody called {who} by {at}")).clone();
                switch.act(&id, act, now(at));
            }
            Agent(agent, status) => drop(switch.set_agent(agent, status, now(at))),
        }
        meet(&mut switch, &mut phones);
        bytes.extend(switch.output(conn));
    }
    events(&bytes)
}

fn meet(switch: &mut PretendSwitch, phones: &mut BTreeMap<String, perezvon::engine::record::ChannelId>) {
    for happened in switch.outside() {
        if let Outside::Invite { channel, party: Party::Number(number), .. } = happened {
            phones.insert(number, channel);
        }
    }
}

/// The events of each channel, by its name, in their order; those of no channel under "".
fn by_channel(events: &[Event]) -> BTreeMap<String, Vec<&Event>> {
    let mut all: BTreeMap<String, Vec<&Event>> = BTreeMap::new();
    for event in events.iter().filter(|event| event.name() != "HEARTBEAT") {
        all.entry(event.get("Channel-Name").unwrap_or_default().into_owned()).or_default().push(event);
    }
    all
}

fn title(event: &Event) -> String {
    let more = |name| event.get(name).map(|value| format!(" {value}")).unwrap_or_default();
    format!("{}{}{}", event.name(), more("CC-Action"), more("Application"))
}

fn headers(event: &Event) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (name, _) in event.iter() {
        if READ.contains(&&*name) && !names.contains(&name.to_string()) {
            names.push(name.into_owned());
        }
    }
    names
}

fn hold(name: &str, story: &[(u64, Does)]) {
    let real = events(&fs::read(format!("tests/wire/{name}.esl")).unwrap());
    for seed in 0..4 {
        let pretended = play(name, story, seed);
        let (real, pretended) = (by_channel(&real), by_channel(&pretended));
        let titles = |all: &BTreeMap<String, Vec<&Event>>| -> Vec<(String, Vec<String>)> {
            all.iter()
                .map(|(name, channel)| (name.clone(), channel.iter().map(|event| title(event)).collect()))
                .collect()
        };
        assert_eq!(titles(&pretended), titles(&real), "{name}, seed {seed}");
        for (ours, theirs) in pretended.values().flatten().zip(real.values().flatten()) {
            compare(name, ours, theirs);
        }
    }
}

fn compare(name: &str, ours: &Event, theirs: &Event) {
    let place = format!("{name}: {} of {:?}", title(theirs), theirs.get("Channel-Name"));
    let (have, want) = (headers(ours), headers(theirs));
    // The pretend switch may tell more of what it knows, never less, and in the real one's order.
    let common: Vec<&String> = have.iter().filter(|name| want.contains(name)).collect();
    assert_eq!(common, want.iter().collect::<Vec<_>>(), "{place}");
    for header in SAME.iter().filter(|header| want.iter().any(|name| name == *header)) {
        // The uuid of a channel that the switch named by itself is another one each time.
        let value =
            |event: &Event| event.get(header).filter(|value| uuid::Uuid::try_parse(value).is_err()).map(String::from);
        assert_eq!(value(ours), value(theirs), "{place}: {header}");
    }
    if theirs.name() == "BACKGROUND_JOB" {
        assert_eq!(ours.body(), theirs.body(), "{place}");
    }
}

#[test]
fn a_callback_is_bridged() {
    let story = |hangs_up| {
        [
            (0, Sends(0)),
            (0, Sends(1)),
            (0, Sends(2)),
            (0, Acts("op-1", Ring)),
            (1020, Acts("op-1", Answer)),
            (1050, Sends(3)),
            (4900, Sends(4)),
            (4900, Acts("79161234567", Ring)),
            (5920, Acts("79161234567", Answer)),
            (5950, Sends(5)),
            (5990, Sends(6)),
            (20_440, Acts(hangs_up, Hangup)),
            (20_500, Sends(7)),
        ]
    };
    hold("callback-bridged", &story("79161234567"));
    hold("callback-bridged-json", &story("op-1"));
}

#[test]
fn clients_fail_in_every_way() {
    let mut story = vec![(0, Sends(0)), (0, Sends(1))];
    for (n, status) in [486, 404, 603, 403, 503].into_iter().enumerate() {
        let number = ["79160000486", "79160000404", "79160000603", "79160000403", "79160000503"][n];
        story.extend([(40 * n as u64, Sends(n + 2)), (40 * n as u64 + 1, Acts(number, Reject(status)))]);
    }
    story.extend([(200, Sends(7)), (240, Acts("79160000480", Ring)), (5000, Sends(8))]);
    hold("client-failures", &story);
}

#[test]
fn nobody_answers_an_inbound_call() {
    let story = [
        (0, Sends(0)),
        (0, Sends(1)),
        (0, Calls("79161110001", "702")),
        (0, Acts("op-noanswer", Ring)),
        (6000, Sends(2)),
    ];
    hold("missed-no-answer", &story);
}

#[test]
fn a_caller_gives_up_in_the_queue() {
    let story = [
        (0, Sends(0)),
        (0, Sends(1)),
        (0, Sends(2)),
        (10, Calls("79161110002", "701")),
        (2290, Acts("79161110002", Hangup)),
        (8000, Sends(4)),
    ];
    hold("missed-abandoned", &story);
}

#[test]
fn the_queue_finds_an_operator() {
    let story = [
        (0, Agent("op1", AgentStatus::Available)),
        (0, Sends(0)),
        (0, Sends(1)),
        (0, Calls("79161110003", "701")),
        (80, Acts("op-1", Ring)),
        (1100, Acts("op-1", Answer)),
        (2280, Acts("79161110003", Hangup)),
        (3000, Sends(2)),
    ];
    hold("served-by-callcenter", &story);
}

#[test]
fn the_dialplan_connects_an_operator() {
    let story = [
        (0, Sends(0)),
        (0, Sends(1)),
        (0, Calls("79161110004", "703")),
        (0, Acts("op-1", Ring)),
        (1000, Acts("op-1", Answer)),
        (3300, Acts("79161110004", Hangup)),
        (4000, Sends(2)),
    ];
    hold("direct-call", &story);
}

#[test]
fn the_first_of_three_operators_wins() {
    let story = [
        (0, Sends(0)),
        (0, Sends(1)),
        (0, Sends(2)),
        (0, Acts("op-1", Ring)),
        (0, Acts("op-busy", Reject(486))),
        (0, Acts("op-noanswer", Ring)),
        (1000, Acts("op-1", Answer)),
        (3020, Sends(3)),
        (3100, Sends(4)),
    ];
    hold("operator-race", &story);
}

#[test]
fn refusals_are_in_the_switchs_own_words() {
    let sent = fs::read_to_string("tests/wire/errors.sent").unwrap();
    let mut switch = PretendSwitch::new(config(), 1, now(0));
    let conn = switch.connect();
    switch.receive(conn, sent.as_bytes(), now(0));
    let ours = String::from_utf8(switch.output(conn)).unwrap();
    let theirs = fs::read_to_string("tests/wire/errors.esl").unwrap();
    let clock =
        |text: &str| text.split("179540").map(|part| part[..part.len().min(900)].to_owned()).collect::<Vec<_>>();
    assert_eq!(clock(&ours)[0], clock(&theirs)[0]);
    assert!(ours.contains("-ERR not controlling a session\n") && ours.contains("+OK filter added. [Unique-ID]=[x]"));
}
