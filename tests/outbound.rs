//! Callers whom a dialplan gives to the daemon, over real sockets: by a pretend switch, and by peers that are none.
#![cfg(feature = "daemon")]

use perezvon::{
    cli::run::Parts,
    clock::Clock,
    config::{self, Net},
    engine::{
        effect::Effect,
        input::News,
        record::ChannelId,
        time::{Mono, Span, Wall},
    },
    sim::{
        faults::Fault,
        house::{EXTENSION, House, OUTBOUND, Reception, give_callers_to},
        invariants::Violation,
        people::Reaction,
        shell::Death,
        switch::{Caller, Outside, Party, PretendSwitch, dialplan::Step},
        tcp::Streets,
        town::Town,
        world::{Happening, World},
    },
    store::Memory,
    switch::{
        link::{Perform, Roll, Told},
        outbound::{HANDSHAKE, Outbound, PATIENCE},
    },
};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{sleep, timeout},
};

const SECOND: Duration = Duration::from_secs(1);
const CORE: &str = "a66cc576-9d79-445b-9e7e-8cef936c423a";

/// A way to a switch by which nothing goes.
struct Nowhere;

impl Perform for Nowhere {
    fn perform(&self, _: &Effect) -> bool {
        false
    }
}

struct Hall {
    outbound: Outbound,
    way: Option<Box<dyn Perform>>,
    roll: Roll,
    told: mpsc::Receiver<Told>,
}

impl Hall {
    async fn new(switches: &[&str], allow: &[&str], most: usize) -> Hall {
        let roll = Roll::new(switches.iter().map(|name| (*name).into()));
        let (tell, told) = mpsc::channel(8192);
        let allow = allow.iter().map(|net| Net::parse(net).unwrap()).collect();
        let settings = config::Outbound { listen: SocketAddr::from(([127, 0, 0, 1], 0)), allow };
        let outbound = Outbound::listen_for(&settings, roll.clone(), tell, most).await.unwrap();
        let way = Some(outbound.before(Box::new(Nowhere)));
        Hall { outbound, way, roll, told }
    }

    /// One switch that is up.
    async fn of_one() -> Hall {
        let hall = Hall::new(&["main"], &["127.0.0.0/8"], 10_000).await;
        hall.roll.up(&"main".into());
        hall
    }

    async fn peer(&self) -> Peer {
        Peer { stream: TcpStream::connect(self.outbound.address()).await.unwrap(), heard: String::new() }
    }

    /// A switch's connection for this channel.
    async fn caller(&self, id: &str) -> Peer {
        let mut peer = self.peer().await;
        peer.hears("connect\n\n").await;
        peer.says(&reply(id, CORE)).await;
        peer
    }

    async fn news(&mut self) -> (String, News) {
        match timeout(15 * SECOND, self.told.recv()).await.expect("no news").expect("the end") {
            Told::News(switch, news) => (switch.to_string(), news),
            Told::Hopeless(..) => panic!(),
        }
    }

    async fn given(&mut self) -> (String, String) {
        match self.news().await {
            (switch, News::Given(given)) => (switch, given.channel.id.to_string()),
            other => panic!("{other:?}"),
        }
    }

    fn quiet(&mut self) {
        assert!(self.told.try_recv().is_err());
    }
}

struct Peer {
    stream: TcpStream,
    heard: String,
}

impl Peer {
    async fn says(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    async fn hears(&mut self, text: &str) {
        let mut buffer = [0; 1024];
        while !self.heard.contains(text) {
            let read = timeout(5 * SECOND, self.stream.read(&mut buffer)).await;
            let length = read.unwrap_or_else(|_| panic!("{text:?} is not said after {:?}", self.heard)).unwrap_or(0);
            assert!(length > 0, "{text:?} is not said before the end, but {:?}", self.heard);
            self.heard.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
        }
    }

    /// What is said until the end.
    async fn rest(mut self) -> String {
        let mut rest = Vec::new();
        let end = timeout(20 * SECOND, self.stream.read_to_end(&mut rest)).await.expect("no end");
        let _ = end;
        self.heard + &String::from_utf8(rest).unwrap()
    }
}

/// What a switch answers to `connect`.
fn reply(id: &str, core: &str) -> String {
    format!(
        "Event-Name: CHANNEL_DATA\nCore-UUID: {core}\nUnique-ID: {id}\nCall-Direction: inbound\nAnswer-State: answered\n\
         Caller-Caller-ID-Number: %2B79161234567\nCaller-Destination-Number: 74951112233\nvariable_perezvon_line: site\n\
         variable_perezvon_campaign: spring\nvariable_socket_resume: true\nContent-Type: command/reply\nReply-Text: %2BOK%0A\n\
         Socket-Mode: async\nControl: full\n\n"
    )
}

const GOODBYE: &str = "Content-Type: text/disconnect-notice\nContent-Disposition: disconnect\nContent-Length: 0\n\n";
const BACK: &str = "exit\n\n";

#[tokio::test]
async fn a_caller_is_given_held_and_given_back() {
    let mut hall = Hall::of_one().await;
    let mut peer = hall.caller("a1").await;
    let (switch, News::Given(given)) = hall.news().await else { panic!() };
    assert_eq!((&*switch, given.channel.id.as_str(), given.answered), ("main", "a1", true));
    assert_eq!((&*given.channel.caller, given.channel.line.as_deref()), ("+79161234567", Some("site")));
    assert_eq!(given.marks.campaign, "spring");
    peer.hears("api uuid_setvar a1 socket_resume true\n\n").await;
    sleep(SECOND / 5).await;
    hall.quiet();
    let back = |channel: &str| Effect::GiveBack { switch: "main".into(), channel: ChannelId::new(channel) };
    let way = hall.way.as_ref().unwrap();
    assert!(!way.perform(&back("b1")), "nobody holds that one");
    assert!(way.perform(&back("a1")) && !way.perform(&back("a1")));
    assert_eq!(hall.news().await, ("main".to_owned(), News::TakenBack(ChannelId::new("a1"))));
    peer.hears("api uuid_setvar a1 perezvon_given_back true\n\napi uuid_break a1 all\n\nexit\n\n").await;
    peer.says(GOODBYE).await;
    peer.rest().await;
    hall.quiet();
}

#[tokio::test]
async fn a_caller_who_hangs_up_is_taken_back() {
    let mut hall = Hall::of_one().await;
    let mut peer = hall.caller("a1").await;
    hall.given().await;
    peer.says(GOODBYE).await;
    assert!(matches!(hall.news().await.1, News::TakenBack(_)));
    let dead = hall.caller("a2").await;
    hall.given().await;
    drop(dead);
    assert!(matches!(hall.news().await.1, News::TakenBack(_)), "a switch that is gone says no goodbye");
}

#[tokio::test]
async fn a_caller_who_is_given_anew_is_the_new_connections() {
    let mut hall = Hall::of_one().await;
    let old = hall.caller("a1").await;
    hall.given().await;
    let mut new = hall.caller("a1").await;
    assert_eq!(hall.given().await.1, "a1", "told again");
    assert!(old.rest().await.ends_with(BACK), "the old one is left");
    hall.quiet();
    new.says(GOODBYE).await;
    assert!(matches!(hall.news().await.1, News::TakenBack(_)));
}

#[tokio::test]
async fn a_switch_is_known_by_its_core_and_waited_for() {
    let mut hall = Hall::new(&["east", "west"], &["127.0.0.1"], 100).await;
    hall.roll.up(&"east".into());
    hall.roll.core(&"east".into(), "another".into());
    let _peer = hall.caller("a1").await;
    sleep(SECOND / 2).await;
    hall.quiet();
    hall.roll.core(&"west".into(), CORE.into());
    sleep(SECOND / 5).await;
    hall.quiet();
    hall.roll.up(&"west".into());
    assert_eq!(hall.given().await, ("west".to_owned(), "a1".to_owned()));
}

/// A switch that we are not logged in to, one that is none of ours, and peers that are no switches: each is let go in its time, and
/// nobody hears of them.
#[tokio::test]
async fn who_is_no_switch_of_ours_is_let_go() {
    let mut hall = Hall::new(&["east", "west"], &["127.0.0.1"], 100).await;
    hall.roll.core(&"west".into(), CORE.into());
    let clock = Clock::system();
    let begun = clock.mark();
    let down = hall.caller("a1").await;
    let mut unknown = hall.peer().await;
    unknown.says(&reply("a2", "unknown")).await;
    let silent = hall.peer().await;
    let mut other = hall.peer().await;
    other.says("HTTP/1.1 400 Bad Request\n\n").await;
    assert_eq!(other.rest().await, "connect\n\n");
    let mut endless = hall.peer().await;
    let line = "a: ".to_owned() + &"b".repeat(1000) + "\n";
    for _ in 0..200 {
        if endless.stream.write_all(line.as_bytes()).await.is_err() {
            break;
        }
    }
    endless.rest().await;
    let mut dialled = hall.peer().await;
    dialled.says(&reply("a3", CORE).replace("inbound", "outbound")).await;
    assert!(dialled.rest().await.ends_with(BACK));
    assert!(clock.since(begun) < HANDSHAKE, "who is known to be none is not waited for");
    assert_eq!(silent.rest().await, "connect\n\n");
    let waited = clock.since(begun);
    assert!(waited >= HANDSHAKE && waited < PATIENCE, "{waited:?}");
    assert!(down.rest().await.ends_with(BACK) && unknown.rest().await.ends_with(BACK));
    assert!(clock.since(begun) >= PATIENCE);
    hall.quiet();
}

#[tokio::test]
async fn who_is_not_allowed_hears_nothing_and_who_is_too_many_goes_on() {
    let hall = Hall::new(&["main"], &["10.0.0.0/8"], 100).await;
    assert_eq!(hall.peer().await.rest().await, "");
    let mut hall = Hall::new(&["main"], &["127.0.0.1"], 1).await;
    hall.roll.up(&"main".into());
    let first = hall.caller("a1").await;
    hall.given().await;
    let second = hall.caller("a2").await;
    let said = second.rest().await;
    assert_eq!(said, "connect\n\napi uuid_setvar a2 socket_resume true\n\nexit\n\n", "its dialplan goes on");
    hall.quiet();
    drop(first);
    hall.news().await;
    sleep(SECOND * 3).await;
    let _third = hall.caller("a3").await;
    assert_eq!(hall.given().await.1, "a3", "there is room again");
}

#[cfg(target_os = "linux")]
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// Both ends are in this process, so the bytes that are measured are more than the daemon's own.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn thousands_wait_at_once_and_all_go_on_when_the_daemon_stops() {
    const MANY: usize = 2000;
    let files = std::fs::read_to_string("/proc/self/limits").unwrap();
    let files = files.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let files: usize = files.split_whitespace().nth(3).unwrap().parse().unwrap_or(usize::MAX);
    let many = MANY.min(files.saturating_sub(100) / 2);
    let mut hall = Hall::of_one().await;
    let mut peers = Vec::new();
    for n in 0..many / 10 {
        peers.push(hall.caller(&format!("warm-{n}")).await);
        hall.given().await;
    }
    let before = resident();
    for n in peers.len()..many {
        peers.push(hall.caller(&format!("a{n}")).await);
        hall.given().await;
    }
    let each = resident().saturating_sub(before) / (many - many / 10);
    println!("{many} callers wait: {each} bytes for each, both ends together");
    assert!(each < 16 << 10, "{each} bytes for each");
    hall.way = None;
    let Hall { outbound, mut told, .. } = hall;
    drop(outbound);
    for mut peer in peers {
        peer.hears(BACK).await;
        peer.says(GOODBYE).await;
    }
    let mut back = 0;
    while let Some(Told::News(_, News::TakenBack(_))) = timeout(10 * SECOND, told.recv()).await.expect("no end") {
        back += 1;
    }
    assert_eq!(back, many, "each is told, then the channel ends");
}

fn given_line(operators: &[&str]) -> House {
    let mut house = House::default();
    let operators = operators.iter().map(|name| (*name).to_owned()).collect();
    house.lines[0].reception = Reception::Given(operators, Span::seconds(15));
    // Where there is a mod_callcenter queue, operators take calls only while it says so.
    house.lines.retain(|line| line.reception != Reception::Queue);
    house
}

fn client() -> Caller {
    let number = "79161234567".to_owned();
    Caller { user: None, name: number.clone(), number, dialled: "74951112233".into() }
}

fn toml(switch: SocketAddr, outbound: SocketAddr) -> String {
    format!(
        "[switch.main]\naddress = \"{switch}\"\npassword = \"pretend\"\n[outbound]\nlisten = \"{outbound}\"\n[trunk.provider]\n\
         dial = \"sofia/gateway/provider/{{number}}\"\n[[operator]]\nname = \"anna\"\ndial = \"user/1001\"\n[[line]]\nname = \"site\"\n\
         numbers = [\"+74951112233\"]\n"
    )
}

/// The whole daemon: there is no queue yet, so its dialplan has the caller back at once and rings the operator.
#[tokio::test]
async fn a_whole_daemon_takes_a_caller_and_the_dialplan_goes_on() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut switch = given_line(&["anna"]).switch();
    give_callers_to(&mut switch, free);
    let clock = Clock::pretended(Wall(1_795_406_997_000), 20.0);
    let mut town = Town::new(switch, 7, clock.now());
    town.habit(Party::User("1001".into()), Reaction::Answers(Span::seconds(2)), Span::seconds(30));
    let streets = Streets::new(town, clock);
    let address = streets.listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let talks = |streets: &Streets| {
        streets.with(|town, _| town.happened().iter().filter(|(_, what)| matches!(what, Outside::Talking(..))).count())
    };

    streets.with(|town, now| town.call(&client(), Span::seconds(60), now));
    sleep(SECOND).await;
    assert_eq!(talks(&streets), 1, "nobody listens: the dialplan goes on");
    streets.with(|town, now| town.hang_up(&Party::Number(client().number), now));

    let config = config::parse("t", &toml(address, free), std::path::Path::new("."), std::iter::empty()).unwrap();
    let store = Arc::new(Mutex::new(Memory::new(1, Wall(0))));
    let house = Parts { clock, store, started: None, config }.start().await.unwrap();
    assert_eq!(house.outbound, Some(free));
    tokio::spawn(house.daemon.run());
    sleep(SECOND).await;
    streets.with(|town, now| town.call(&client(), Span::seconds(60), now));
    sleep(SECOND).await;
    assert_eq!(talks(&streets), 1, "it is given back");
    let calls = streets.with(|town, _| town.switch.channels().filter(|channel| channel.bridged().is_some()).count());
    assert_eq!(calls, 2);
}

/// In virtual time: whether the daemon lives, dies as it is given the caller, or is dead, the caller comes to an operator: by the queue or by the dialplan.
#[test]
fn a_caller_is_never_kept_by_a_daemon_that_is_dead() {
    let deaths = [Death::BeforeCommit, Death::AfterCommit, Death::AfterEffects(0), Death::AfterEffects(9)];
    for (seed, death) in [None].into_iter().chain(deaths.map(Some)).enumerate() {
        let mut world = World::new(given_line(&["anna"]), seed as u64, Wall(1_795_406_997_000));
        world.town.habit(Party::User("1001".into()), Reaction::Answers(Span::seconds(2)), Span::seconds(20));
        world.trace();
        if let Some(death) = death {
            world.at(Mono(1500), Happening::Fault(Fault::Kill(death, Span::seconds(90))));
        }
        world.at(Mono(2000), Happening::Call(client(), Span::seconds(60)));
        world.at(Mono(50_000), Happening::Call(client(), Span::seconds(60)));
        world.run_until(Mono(200_000));
        let said = |what: &str| world.log.iter().filter(|line| line.contains(what)).count();
        assert_eq!(said("Talking("), 2, "each call comes to a talk: {death:?}: {:#?}", world.log);
        let (given, back) = (said("news: Given("), said("news: TakenBack("));
        match death {
            None => assert_eq!((given, back), (2, 2)),
            Some(_) => assert!(given < 2 && back == 0, "it was dead by the second call: {death:?}"),
        }
        assert_eq!(world.violations(), Vec::<Violation>::new(), "{death:?}");
    }
}

/// What the real switch does when a listener ends, by where the caller is and by `socket_resume` (freeswitch/README.md).
#[test]
fn the_pretend_switch_ends_a_socket_as_the_real_one_does() {
    let now = |at: u64| perezvon::engine::time::Now { mono: Mono(at), wall: Wall(1_795_406_997_000 + at as i64) };
    let begin = |resume: bool| {
        let mut config = given_line(&["anna"]).switch();
        let plan = config.dialplan.get_mut("74951112233").unwrap();
        plan[0] = Step::Set("socket_resume".into(), resume.to_string());
        let mut switch = PretendSwitch::new(config, 1, now(0));
        let caller = switch.call_in(&client(), now(0));
        let [(conn, address)] = &switch.calls_out()[..] else { panic!() };
        assert_eq!(address, OUTBOUND);
        let conn = *conn;
        (switch, caller, conn)
    };
    let rings = |switch: &PretendSwitch| switch.channels().count() == 2;
    let executes =
        |switch: &PretendSwitch, id: &ChannelId| switch.channel(id).unwrap().executing().map(|(app, _)| app.to_owned());
    // Closed before it said anything.
    for resume in [true, false] {
        let (mut switch, caller, conn) = begin(resume);
        switch.disconnect(conn);
        assert_eq!(rings(&switch), resume, "parked for ever without");
        assert_eq!(executes(&switch, &caller).as_deref(), Some(if resume { "bridge" } else { "socket" }));
    }
    // While music plays, and without.
    for (resume, music) in [(true, true), (true, false), (false, false), (false, true)] {
        let (mut switch, caller, conn) = begin(resume);
        switch.receive(conn, b"connect\n\nsendmsg\ncall-command: execute\nexecute-app-name: answer\n\n", now(10));
        if music {
            let playback = "sendmsg\ncall-command: execute\nexecute-app-name: playback\nexecute-app-arg: tone_stream://%(1,4,4);loops=-1\n\n";
            switch.receive(conn, playback.as_bytes(), now(20));
        }
        switch.disconnect(conn);
        assert_eq!(rings(&switch), resume || !music);
        if !rings(&switch) {
            assert_eq!(executes(&switch, &caller).as_deref(), Some("playback"), "it is heard to its end");
            let other = switch.connect();
            switch.receive(other, format!("auth pretend\n\napi uuid_break {caller} all\n\n").as_bytes(), now(30));
            assert!(rings(&switch), "which comes");
        }
    }
    // While the caller talks.
    for resume in [true, false] {
        let (mut switch, caller, conn) = begin(resume);
        switch.receive(conn, b"connect\n\nsendmsg\ncall-command: execute\nexecute-app-name: answer\n\n", now(10));
        switch.outside();
        let dial = "api originate {origination_uuid=op,hangup_after_bridge=true}user/1002 &park()\n\n";
        switch.receive(conn, dial.as_bytes(), now(20));
        switch.act(&ChannelId::new("op"), perezvon::sim::switch::Act::Answer, now(30));
        switch.tick(now(100));
        switch.receive(conn, format!("api uuid_bridge op {caller}\n\n").as_bytes(), now(100));
        switch.tick(now(200));
        assert!(switch.outside().iter().any(|what| matches!(what, Outside::Talking(..))));
        switch.disconnect(conn);
        let talks = switch.channel(&caller).unwrap().bridged().is_some();
        assert_eq!(talks, !resume, "torn with it, and the caller is left in silence");
        assert_eq!(switch.channel(&ChannelId::new("op")).is_some(), talks);
    }
}

/// What is recorded of a caller ends by their silence, at its limit, or by `uuid_break`, and a connection that ends meanwhile ends the caller; a transfer
/// leaves the park for another extension (freeswitch/README.md).
#[test]
fn the_pretend_switch_takes_messages_and_transfers() {
    let now = |at: u64| perezvon::engine::time::Now { mono: Mono(at), wall: Wall(1_795_406_997_000 + at as i64) };
    let begin = |command: &str| {
        let mut switch = PretendSwitch::new(given_line(&["anna"]).switch(), 1, now(0));
        let caller = switch.call_in(&client(), now(0));
        let [(conn, _)] = switch.calls_out()[..] else { panic!() };
        let answer = "connect\n\nsendmsg\ncall-command: execute\nexecute-app-name: answer\n\n";
        let execute = format!("{answer}sendmsg\ncall-command: execute\nexecute-app-name: {command}\n\n");
        switch.receive(conn, execute.as_bytes(), now(10));
        (switch, caller, conn)
    };
    let executes =
        |switch: &PretendSwitch, id: &ChannelId| switch.channel(id).unwrap().executing().map(|(app, _)| app.to_owned());
    let record = |seconds: u32| begin(&format!("record\nexecute-app-arg: /m.wav {seconds} 200 5"));
    for (seconds, ends) in [(60, 11_010), (3, 3010)] {
        let (mut switch, caller, _) = record(seconds);
        assert!(switch.outside().contains(&Outside::Recorded(caller.clone(), "/m.wav".into())));
        switch.tick(now(ends - 1));
        assert_eq!(executes(&switch, &caller).as_deref(), Some("record"));
        switch.tick(now(ends));
        assert_eq!(executes(&switch, &caller).as_deref(), Some("socket"), "it waits on");
    }
    let (mut switch, caller, conn) = record(60);
    switch.receive(conn, format!("api uuid_break {caller} all\n\n").as_bytes(), now(20));
    assert_eq!(executes(&switch, &caller).as_deref(), Some("socket"));
    let (mut switch, caller, conn) = record(60);
    switch.disconnect(conn);
    assert!(switch.channel(&caller).is_none());
    let (mut switch, caller, conn) = begin(&format!("transfer\nexecute-app-arg: {EXTENSION} XML public"));
    assert_eq!(executes(&switch, &caller).as_deref(), Some("playback"), "the menu there");
    switch.receive(conn, format!("api uuid_setvar {caller} socket_resume false\n\n").as_bytes(), now(20));
    switch.disconnect(conn);
    assert_eq!(executes(&switch, &caller).as_deref(), Some("playback"), "the connection's end is nothing to it");
}
