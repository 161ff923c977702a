//! The pretend switch held against recordings of a real one: for each channel the same events in the same order, and in
//! each event every header that we read, in the same order and, where it says what happened, with the same value.
//!
//! What is read is said by the code itself ([`names::ALL`], [`event::OURS`]). A channel's variables have no order: it is that
//! in which they were set. Of the recordings with `ALL` events, and those that were made for sound, the events that we
//! subscribe to are held.

use perezvon::{
    engine::time::{Mono, Now, Wall},
    esl::{Decoder, Event, Limits, names},
    sim::{
        house::feature,
        switch::{Act, AgentStatus, Caller, Config, Outside, Party, PretendSwitch, dialplan::Step},
    },
    switch::event,
};
use std::{collections::BTreeMap, fs};

/// Headers that a person reads in a journal of events.
const SEEN: [&str; 9] = [
    "Channel-Name",
    "Channel-Call-UUID",
    "Other-Leg-Unique-ID",
    "Application-Data",
    "Application-Response",
    "Job-Command",
    "CC-Cause",
    "CC-Agent-State",
    "CC-Member-CID-Number",
];
/// Headers whose value is chosen anew each time, or comes from a clock; all others must be the same.
const OTHER: [&str; 14] = [
    "Channel-Name",
    "Channel-Call-UUID",
    "Unique-ID",
    "Other-Leg-Unique-ID",
    "Bridge-A-Unique-ID",
    "Bridge-B-Unique-ID",
    "variable_bridge_uuid",
    "Job-UUID",
    "Application-UUID",
    "CC-Member-Session-UUID",
    "Event-Sequence",
    "Event-Date-Timestamp",
    "Caller-Channel-Created-Time",
    // The recorded directory is of another domain.
    "Channel-Presence-ID",
];
/// Headers of which only is read whether that moment has come.
const MOMENTS: [&str; 3] =
    ["Caller-Channel-Answered-Time", "Caller-Channel-Bridged-Time", "Other-Leg-Channel-Answered-Time"];

fn is_read(name: &str) -> bool {
    [names::ALL, &event::OURS, &SEEN].into_iter().flatten().any(|read| *read == name)
}

/// The phones of three recordings have addresses that the pretend directory does not know.
fn address(text: &str) -> String {
    text.replace("gw+op1001@127.0.0.1:5080", "1001@192.0.2.10:5060")
        .replace("gw+op", "")
        .replace("sofia/internal/7916", "sofia/pbx/7916")
        .replace("sofia/phones/1001@pbx.local", "sofia/pbx/1001@127.0.0.1")
}

/// Do we ask for it?
fn is_wanted(event: &Event) -> bool {
    match event.subclass() {
        Some(subclass) => event::SUBCLASSES.contains(&&*subclass),
        None => event::EVENTS.contains(&&*event.name()),
    }
}

/// What happens from outside, and when, in milliseconds from the story's first event.
#[derive(Clone, Copy)]
enum Does {
    /// The n-th command of the recording's own.
    Sends(usize),
    /// Somebody calls.
    Calls(&'static str, &'static str),
    /// The phone of a directory user calls.
    Dials(&'static str, &'static str),
    /// A person does something with the phone of this number.
    Acts(&'static str, Act),
    /// An agent's status.
    Agent(&'static str, AgentStatus),
    /// Only time passes.
    Nothing,
    /// Somebody with another connection transfers this caller to these applications.
    Transfers(&'static str, &'static str),
}

use Act::{Answer, EarlyMedia, Hangup, Reject, Ring};
use Does::{Acts, Agent, Calls, Dials, Sends, Transfers};

fn now(at: u64) -> Now {
    Now { mono: Mono(at), wall: Wall(1_795_406_997_873 + at as i64) }
}

fn config(password: &str) -> Config {
    let bridge = |to: &str| Step::Bridge(format!("sofia/gateway/world/{to}"));
    let set = |name: &str, value: &str| Step::Set(name.into(), value.into());
    let app = |name: &str, data: &str| Step::App(name.into(), data.into());
    Config {
        password: password.into(),
        users: [("1001".to_owned(), true)].into(),
        gateways: ["world".to_owned()].into(),
        dialplan: BTreeMap::from([
            ("701".into(), vec![set("campaign", "Яндекс Директ"), Step::Answer, Step::Callcenter("sales@lab".into())]),
            ("702".into(), vec![set("call_timeout", "5"), set("hangup_after_bridge", "true"), bridge("op-noanswer")]),
            ("703".into(), vec![set("hangup_after_bridge", "true"), bridge("op-1")]),
            ("*46".into(), feature("away")),
            (
                "74951112233".into(),
                vec![
                    set("perezvon_line", "site"),
                    app("export", "perezvon_line=site"),
                    set("hangup_after_bridge", "true"),
                    set("call_timeout", "5"),
                    Step::Bridge("user/1001".into()),
                ],
            ),
            (
                "74951112266".into(),
                vec![
                    set("perezvon_line", "ads"),
                    app("export", "perezvon_line=ads"),
                    app("ring_ready", ""),
                    app("sleep", "20000"),
                ],
            ),
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
    let password = commands[0].trim_end().trim_start_matches("auth ");
    let mut switch = PretendSwitch::new(config(password), seed, now(0));
    let (conn, other) = (switch.connect(), switch.connect());
    switch.receive(other, format!("auth {password}\n\n").as_bytes(), now(0));
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
            Dials(user, to) => {
                let who = user.to_owned();
                let caller =
                    Caller { user: Some(who.clone()), number: who.clone(), name: who.clone(), dialled: to.into() };
                let id = switch.call_in(&caller, now(at));
                phones.insert(who, id);
            }
            Acts(who, act) => {
                let id = phones.get(who).unwrap_or_else(|| panic!("nobody called {who} by {at}")).clone();
                switch.act(&id, act, now(at));
            }
            Does::Nothing => {}
            Transfers(who, apps) => {
                let command = format!("api uuid_transfer {} {apps} inline\n\n", phones[who]);
                switch.receive(other, command.as_bytes(), now(at));
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
        if let Outside::Invite { channel, party: Party::Number(who) | Party::User(who), .. } = happened {
            phones.insert(who, channel);
        }
    }
}

/// The events of each channel, by its name, in their order; those of no channel under "".
fn by_channel(events: &[Event], wanted: fn(&Event) -> bool) -> BTreeMap<String, Vec<&Event>> {
    let mut all: BTreeMap<String, Vec<&Event>> = BTreeMap::new();
    for event in events.iter().filter(|event| event.name() != "HEARTBEAT" && wanted(event)) {
        all.entry(address(&event.get("Channel-Name").unwrap_or_default())).or_default().push(event);
    }
    all
}

fn title(event: &Event) -> String {
    let more = |name| event.get(name).map(|value| format!(" {value}")).unwrap_or_default();
    format!("{}{}{}", event.name(), more("CC-Action"), more("Application"))
}

/// The headers that are read: those with an order, and the channel's variables.
fn headers(event: &Event) -> (Vec<String>, Vec<String>) {
    let mut found: Vec<String> = Vec::new();
    for (name, _) in event.iter() {
        if is_read(&name) && !found.contains(&name.to_string()) {
            found.push(name.into_owned());
        }
    }
    found.into_iter().partition(|name| !name.starts_with("variable_"))
}

fn hold(name: &str, story: &[(u64, Does)]) {
    hold_those(name, story, |_| true);
}

fn hold_those(name: &str, story: &[(u64, Does)], wanted: fn(&Event) -> bool) {
    let real = events(&fs::read(format!("tests/wire/{name}.esl")).unwrap());
    for seed in 0..4 {
        let pretended = play(name, story, seed);
        let (real, pretended) = (by_channel(&real, wanted), by_channel(&pretended, wanted));
        let titles = |all: &BTreeMap<String, Vec<&Event>>| -> Vec<(String, Vec<String>)> {
            all.iter()
                .map(|(name, channel)| (name.clone(), channel.iter().map(|event| title(event)).collect()))
                .collect()
        };
        assert_eq!(titles(&pretended), titles(&real), "{name}, seed {seed}");
        let mut faults = Vec::new();
        for (ours, theirs) in pretended.values().flatten().zip(real.values().flatten()) {
            compare(ours, theirs, &mut faults);
        }
        assert!(faults.is_empty(), "{name}, seed {seed}:\n{}", faults.join("\n"));
    }
}

fn compare(ours: &Event, theirs: &Event, faults: &mut Vec<String>) {
    let place = format!("{} of {:?}", title(theirs), theirs.get("Channel-Name"));
    let ((have, have_set), (want, want_set)) = (headers(ours), headers(theirs));
    // The pretend switch may tell more of what it knows, never less, and in the real one's order.
    let common: Vec<&String> = have.iter().filter(|name| want.contains(name)).collect();
    if common != want.iter().collect::<Vec<_>>() {
        faults.push(format!("{place}: {common:?}, not {want:?}"));
    }
    let missing = want_set.iter().filter(|name| !have_set.contains(name));
    faults.extend(missing.map(|name| format!("{place}: {name} is missing")));
    for header in want.iter().chain(&want_set).filter(|name| !OTHER.contains(&name.as_str())) {
        let value = |event: &Event| match MOMENTS.contains(&header.as_str()) {
            true => event.number(header).map(|moment| (moment > 0).to_string()),
            // The uuid of a channel that the switch named by itself is another one each time.
            false => {
                event.get(header).filter(|value| uuid::Uuid::try_parse(value).is_err()).map(|value| address(&value))
            }
        };
        if value(ours) != value(theirs) {
            faults.push(format!("{place}: {header} is {:?}, not {:?}", value(ours), value(theirs)));
        }
    }
    if theirs.name() == "BACKGROUND_JOB" && ours.body() != theirs.body() {
        faults.push(format!("{place}: {:?}, not {:?}", ours.body(), theirs.body()));
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
fn a_phone_that_only_sends_sound_is_bridged_while_it_rings() {
    let missed = [
        (0, Sends(0)),
        (0, Sends(1)),
        (0, Calls("79161239910", "74951112233")),
        (0, Acts("1001", EarlyMedia)),
        (4020, Acts("79161239910", Hangup)),
        (4100, Does::Nothing),
    ];
    hold_those("early-media-missed", &missed, is_wanted);
    let answered = [
        (0, Sends(0)),
        (0, Sends(1)),
        (0, Calls("79161239906", "74951112266")),
        (2070, Transfers("79161239906", "answer,bridge:user/1001")),
        (2080, Acts("1001", EarlyMedia)),
        (5480, Acts("1001", Answer)),
        (9620, Acts("79161239906", Hangup)),
        (9700, Does::Nothing),
    ];
    hold_those("early-media-answered", &answered, is_wanted);
}

#[test]
fn a_machine_answers() {
    let story = [
        (0, Sends(0)),
        (0, Sends(1)),
        (0, Sends(2)),
        (10, Acts("79160000999", Answer)),
        (60, Sends(3)),
        (6240, Acts("79160000999", Act::Beep)),
        (10_060, Sends(4)),
        (10_100, Sends(5)),
    ];
    hold_those("machine-beep", &story, is_wanted);
}

#[test]
fn a_busy_client_among_log_lines_and_replies() {
    let story = [
        (0, Sends(0)),
        (0, Sends(1)),
        (0, Sends(2)),
        (0, Sends(3)),
        (0, Sends(4)),
        (10, Acts("79160000486", Reject(486))),
        (40, Sends(10)),
    ];
    hold_those("log-interleaved", &story, is_wanted);
}

#[test]
fn an_operator_dials_away() {
    let story = [(0, Sends(0)), (0, Sends(1)), (10, Dials("1001", "*46")), (5000, Does::Nothing)];
    hold_those("operator-away", &story, is_wanted);
}

#[test]
fn the_heart_beats_as_the_real_one_does() {
    let real = events(&fs::read("tests/wire/machine-beep.esl").unwrap());
    let theirs = real.iter().find(|event| event.name() == "HEARTBEAT").expect("a recorded one");
    let story = [(0, Sends(0)), (0, Sends(1)), (60_000, Does::Nothing)];
    let beats = play("machine-beep", &story, 1);
    let at: Vec<_> = beats.iter().filter_map(|event| event.number("Event-Date-Timestamp")).collect();
    assert!(at.windows(2).all(|two| two[1] - two[0] == 20_000_000) && at.len() == 3, "{at:?}");
    for ours in &beats {
        assert_eq!(ours.name(), "HEARTBEAT");
        let place = |name: &str| !name.starts_with("Event-Calling-");
        let names =
            |event: &Event| event.iter().map(|(name, _)| name.into_owned()).filter(|name| place(name)).collect();
        let (ours, theirs): (Vec<String>, Vec<String>) = (names(ours), names(theirs));
        assert_eq!(ours, theirs);
    }
}

#[test]
fn refusals_are_in_the_switchs_own_words() {
    let sent = fs::read_to_string("tests/wire/errors.sent").unwrap();
    let mut switch = PretendSwitch::new(config("lab-secret"), 1, now(0));
    let conn = switch.connect();
    switch.receive(conn, sent.as_bytes(), now(0));
    let ours = String::from_utf8(switch.output(conn)).unwrap();
    let theirs = fs::read_to_string("tests/wire/errors.esl").unwrap();
    let clock =
        |text: &str| text.split("179540").map(|part| part[..part.len().min(900)].to_owned()).collect::<Vec<_>>();
    assert_eq!(clock(&ours)[0], clock(&theirs)[0]);
    assert!(ours.contains("-ERR not controlling a session\n") && ours.contains("+OK filter added. [Unique-ID]=[x]"));
}

/// The messages on a channel's own connection: their kinds, and of the first the headers that are read.
fn control(bytes: &[u8]) -> (Vec<String>, Vec<(String, String)>) {
    let mut decoder = Decoder::new(Limits::default());
    decoder.push(bytes);
    let (mut kinds, mut first) = (Vec::new(), Vec::new());
    while let Ok(Some(frame)) = decoder.next_frame() {
        let text = |name: &str| frame.headers.get(name).map(|value| value.trim_end().to_owned()).unwrap_or_default();
        let kind = String::from_utf8_lossy(frame.content_type.as_bytes()).into_owned();
        if kind == "text/event-plain" {
            continue;
        }
        if first.is_empty() {
            let decoded = |(name, value): (&[u8], &[u8])| {
                let name = String::from_utf8_lossy(name).into_owned();
                (name, perezvon::esl::percent::decode(value).trim_end().to_owned())
            };
            first = frame.headers.iter().map(decoded).filter(|(name, _)| is_read(name)).collect();
            kinds.push(["Reply-Text", "Socket-Mode", "Control"].map(text).join(" "));
        } else {
            kinds.push(format!("{kind} {}{} {}", text("Reply-Text"), text("Content-Disposition"), frame.body.len()));
        }
    }
    (kinds, first)
}

#[test]
fn a_channels_own_connection() {
    for (name, number, hangs_up) in
        [("outbound-caller-gone", "79161110006", true), ("outbound-async-full", "79161110005", false)]
    {
        let real = fs::read(format!("tests/wire/{name}.esl")).unwrap();
        let sent = fs::read_to_string(format!("tests/wire/{name}.sent")).unwrap();
        let mut config = config("");
        config.dialplan.insert("700".into(), vec![Step::App("socket".into(), "127.0.0.1:8084 async full".into())]);
        let mut switch = PretendSwitch::new(config, 1, now(0));
        let caller = Caller { user: None, number: number.into(), name: number.into(), dialled: "700".into() };
        let id = switch.call_in(&caller, now(0));
        let [(conn, _)] = &switch.calls_out()[..] else { panic!() };
        let mut bytes = Vec::new();
        for (n, command) in sent.split_inclusive("\n\n").enumerate() {
            switch.receive(*conn, command.as_bytes(), now(10 * n as u64 + 10));
            switch.tick(now(10 * n as u64 + 15));
            bytes.extend(switch.output(*conn));
        }
        if hangs_up {
            switch.act(&id, Hangup, now(5000));
        } else {
            switch.tick(now(9000));
        }
        bytes.extend(switch.output(*conn));
        assert!(switch.is_closed(*conn));
        let ((real_kinds, real_first), (kinds, first)) = (control(&real), control(&bytes));
        assert_eq!(kinds, real_kinds, "{name}");
        let names = |headers: &[(String, String)]| headers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&first), names(&real_first), "{name}");
        for ((name, real), (_, ours)) in real_first.iter().zip(&first) {
            if !OTHER.contains(&name.as_str()) && !MOMENTS.contains(&name.as_str()) {
                assert_eq!(ours, real, "{name}");
            }
        }
    }
}
