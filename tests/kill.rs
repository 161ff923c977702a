//! Sudden death: the real program, a store on a real disk, the pretend town behind a real socket, time twenty times as fast
//! as ours; killed with -9 again and again at moments drawn by lot, while clients call and are called back.
//!
//! Afterwards: no missed call is lost, no client was dialled twice for one attempt, nothing was dialled that had not been
//! written down before, and no leg outlived its cap.
//!
//! The same once with ten clients who wait on the line when it dies: the dialplan keeps them and gives them again.
//!
//! `PEREZVON_KILLS` (100) and `PEREZVON_KILL_SEED` (1) say how often and by which lot.

use perezvon::{
    clock::{Clock, PRETEND},
    engine::{
        input::Direction,
        record::{CallbackState, ChannelId, CloseReason, Role},
        time::{Mono, Span, Wall},
    },
    sim::{
        house::{House, Reception},
        people::Reaction,
        random::Random,
        switch::{Caller, Config, Outside, Party, dialplan::Step},
        tcp::Streets,
        town::Town,
    },
    store::{self, CallbackStory, JournalQuery},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

const SPEED: f64 = 20.0;
/// `longest_talk` of the configuration, the ring, the waiting in park, and a margin.
const CAP: Span = Span::minutes(6);

fn number_of(name: &str, otherwise: u64) -> u64 {
    env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// What really happened, as the telephones tell it.
#[derive(Default)]
struct Truth {
    /// Each call of a client to a line.
    calls: BTreeMap<ChannelId, String>,
    /// Those in which the client talked with somebody.
    served: BTreeSet<ChannelId>,
    /// Each phone of a client that was rung: its callback and attempt.
    dialled: BTreeMap<ChannelId, (String, u64, u64)>,
    /// Every leg that the daemon dialled.
    legs: BTreeSet<ChannelId>,
    violations: Vec<String>,
}

impl Truth {
    fn hear(&mut self, happened: Outside) {
        match happened {
            Outside::Calls { channel, party: Party::Number(number), .. } => drop(self.calls.insert(channel, number)),
            Outside::Invite { channel, party, variables, .. } => self.invited(channel, party, &variables),
            Outside::Talking(a, b) => self.served.extend([a, b]),
            _ => {}
        }
    }

    fn invited(&mut self, channel: ChannelId, party: Party, variables: &[(String, String)]) {
        let variable = |name: &str| variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let ours = variable("perezvon_callback").and_then(|id| id.parse().ok());
        let attempt = variable("perezvon_attempt").and_then(|n| n.parse().ok());
        let (Some(callback), Some(attempt)) = (ours, attempt) else { return };
        self.legs.insert(channel.clone());
        let Party::Number(number) = party else { return };
        let twice = self.dialled.values().any(|(_, c, n)| (*c, *n) == (callback, attempt));
        if twice {
            self.violations.push(format!("{number} was dialled twice for attempt {attempt} of callback {callback}"));
        }
        self.dialled.insert(channel, (number, callback, attempt));
    }

    /// Looks at the channels as they are now.
    fn look(&mut self, town: &Town, now: Mono) {
        let mut live: BTreeMap<&str, usize> = BTreeMap::new();
        for channel in town.switch.channels().filter(|channel| channel.alive()) {
            if let (Direction::Outbound, Party::Number(number)) = (channel.direction, &channel.party) {
                *live.entry(number).or_default() += 1;
            }
            if channel.direction == Direction::Outbound && now.since(channel.since) > CAP {
                self.violations.push(format!("{} lives past its cap", channel.id));
            }
        }
        for (number, legs) in live.into_iter().filter(|(_, legs)| *legs > 1) {
            self.violations.push(format!("{number} is rung by {legs} legs at once"));
        }
    }
}

/// The town, its truth, and the daemon that comes and goes.
struct World {
    streets: Streets,
    truth: Truth,
    folder: PathBuf,
    http: u16,
    anchor: Wall,
    random: Random,
    callers: u64,
    /// Call records that could not be posted yet, as files are.
    spool: PathBuf,
}

impl World {
    async fn new(folder: &Path, seed: u64) -> World {
        World::of(folder, seed, |_, _| ()).await
    }

    /// A world whose dialplan is another one; it is told where the daemon takes callers.
    async fn of(folder: &Path, seed: u64, change: impl FnOnce(&mut Config, SocketAddr)) -> World {
        let anchor = Clock::system().now().wall;
        let clock = Clock::pretended(anchor, SPEED);
        let mut house = House::default();
        house.lines.retain(|line| line.reception != Reception::Queue);
        house.lines.iter_mut().for_each(|line| match &mut line.reception {
            Reception::Menu(span) => *span = Span::seconds(4),
            Reception::Direct(_, span) => *span = Span::seconds(6),
            Reception::Queue | Reception::Given(..) => {}
        });
        let outbound = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut switch = house.switch();
        change(&mut switch, outbound);
        let mut town = Town::new(switch, seed, clock.now());
        for user in ["1001", "1002", "1003", "1004"] {
            town.habit(Party::User(user.into()), Reaction::Answers(Span::seconds(2)), Span::seconds(10));
        }
        let streets = Streets::new(town, clock);
        let esl = streets.listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        // Nobody else takes the port between now and the daemon's start, or the daemon says so.
        let http = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let spool = folder.join("cdr");
        fs::create_dir(&spool).unwrap();
        fs::write(folder.join("perezvon.toml"), config(folder, esl, http, outbound)).unwrap();
        let (truth, random, folder) = (Truth::default(), Random::new(seed), folder.to_owned());
        World { streets, truth, folder, http, anchor, random, callers: 0, spool }
    }

    fn start(&self) -> Child {
        let log = fs::OpenOptions::new().append(true).create(true).open(self.folder.join("log")).unwrap();
        Command::new(env!("CARGO_BIN_EXE_perezvon"))
            .args(["run", "--config"])
            .arg(self.folder.join("perezvon.toml"))
            .env(PRETEND, format!("{} {SPEED}", self.anchor.0))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// Somebody new calls: most get nobody, some an operator.
    fn somebody_calls(&mut self) {
        self.callers += 1;
        let number = format!("7916{:07}", self.callers);
        let reaction = match self.random.below(10) {
            0 => Reaction::Ignores,
            1 => Reaction::Refuses(486),
            2 => Reaction::EarlyMedia,
            3 => Reaction::Refuses(503),
            _ => Reaction::Answers(Span::seconds(1)),
        };
        let dialled = if self.random.chance(25) { "74951112233" } else { "74951112255" };
        let caller = Caller { number: number.clone(), dialled: dialled.into(), ..Caller::default() };
        self.streets.with(|town, now| {
            town.habit(Party::Number(number), reaction, Span::seconds(8));
            town.call(&caller, Span::seconds(20), now);
        });
    }

    /// Lets real time pass, looks at what happens, and delivers call records.
    async fn live(&mut self, span: Duration) {
        let until = Clock::system();
        while until.mark() < span {
            sleep(Duration::from_millis(15)).await;
            self.observe();
            self.deliver().await;
        }
    }

    fn observe(&mut self) {
        let truth = &mut self.truth;
        self.streets.with(|town, now| {
            for (_, happened) in town.happened() {
                truth.hear(happened);
            }
            truth.look(town, now.mono);
        });
    }

    /// As mod_json_cdr does: a post, and what is not taken goes into the folder.
    async fn deliver(&mut self) {
        for record in self.streets.with(|town, _| town.switch.cdrs()) {
            let posted = timeout(Duration::from_secs(2), post(self.http, &record)).await;
            if !matches!(posted, Ok(Some(status)) if (200..300).contains(&status)) {
                let name = format!("{:016x}", self.random.next());
                let unfinished = self.spool.join(format!("{name}.tmp"));
                fs::write(&unfinished, record).unwrap();
                fs::rename(unfinished, self.spool.join(format!("{name}.cdr.json"))).unwrap();
            }
        }
    }

    /// Until the daemon answers.
    async fn until_up(&mut self) {
        for _ in 0..100 {
            if open_callbacks(&self.folder).is_some() {
                return;
            }
            self.live(Duration::from_millis(50)).await;
        }
        panic!("it does not come up:\n{}", self.log());
    }

    /// Was this client talked with exactly once, on their own call or on ours?
    fn fault_of(&self, number: &str) -> Option<String> {
        let own = self.truth.calls.iter().filter(|(_, theirs)| *theirs == number).map(|(channel, _)| channel);
        let ours = self.truth.dialled.iter().filter(|(_, (theirs, ..))| theirs == number).map(|(channel, _)| channel);
        let talks = own.chain(ours).filter(|channel| self.truth.served.contains(*channel)).count();
        (talks != 1).then(|| format!("{number} was served {talks} times"))
    }

    fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

fn config(folder: &Path, esl: SocketAddr, http: u16, outbound: SocketAddr) -> String {
    let operators: String = ["anna", "boris", "vera", "gleb"]
        .iter()
        .zip(1001..)
        .map(|(name, user)| format!("[[operator]]\nname = \"{name}\"\ndial = \"user/{user}\"\nwrap_up = \"1s\"\n"))
        .collect();
    let lines: String = [("site", "74951112233"), ("menu", "74951112255")]
        .iter()
        .map(|(name, number)| {
            format!(
                "[[line]]\nname = \"{name}\"\nnumbers = [\"+{number}\"]\ngroup = \"sales\"\ntrunks = [\"provider\"]\n\
                 caller_id = \"+{number}\"\n"
            )
        })
        .collect();
    format!(
        "[switch.main]\naddress = \"{esl}\"\npassword = \"pretend\"\n[store]\nurl = \"sqlite:{0}/perezvon.db\"\n[http]\n\
         listen = \"127.0.0.1:{http}\"\n[outbound]\nlisten = \"{outbound}\"\n[cdr]\nfolder = \"{0}/cdr\"\n[control]\nsocket = \"{0}/perezvon.sock\"\n[defaults]\n\
         country = \"RU\"\nlanguage = \"en\"\n[trunk.provider]\ndial = \"sofia/gateway/provider/{{number}}\"\n{operators}\
         [[group]]\nname = \"sales\"\noperators = [\"anna\", \"boris\", \"vera\", \"gleb\"]\n[defaults.redial]\ntrack = \"3s\"\n\
         ring = \"15s\"\nattempts = 2\nbusy = {{ after = \"20s\" }}\nno_answer = {{ after = \"20s\" }}\n\
         network = {{ after = \"20s\" }}\nexpire = \"10m\"\nlongest_talk = \"1m\"\nannounce_client = \"\"\n\
         announce_operator = \"Missed call.\"\n{lines}",
        folder.display()
    )
}

/// Posts a record; the status of the answer.
async fn post(port: u16, record: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let head = format!(
        "POST /cdr/json HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        record.len()
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(record.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

/// What the journal says in the end.
async fn stories(folder: &Path) -> (Vec<perezvon::store::JournalRow>, Vec<CallbackStory>) {
    let url = format!("sqlite:{}/perezvon.db", folder.display());
    let store = store::open(&url, Wall(0)).await.unwrap();
    let rows = store.journal(&JournalQuery::default()).await.unwrap();
    let mut stories = Vec::new();
    let ids: BTreeSet<_> = rows.iter().filter_map(|row| row.callback.as_ref()).map(|callback| callback.id).collect();
    for id in ids {
        stories.push(store.callback(id).await.unwrap().unwrap());
    }
    store.close().await.unwrap();
    (rows, stories)
}

fn open_callbacks(folder: &Path) -> Option<usize> {
    let output = Command::new(env!("CARGO_BIN_EXE_perezvon"))
        .args(["status", "--json", "--socket"])
        .arg(folder.join("perezvon.sock"))
        .output()
        .ok()?;
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    Some(status["callbacks"].as_array()?.len() + status["calls"].as_array()?.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_it_loses_no_call_and_dials_nobody_twice() {
    let (kills, seed) = (number_of("PEREZVON_KILLS", 100), number_of("PEREZVON_KILL_SEED", 1));
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(folder.path(), seed).await;
    for _ in 0..kills {
        let mut daemon = world.start();
        let lives = Duration::from_millis(world.random.between(30, 1000));
        let calls = world.random.below(lives.as_millis() as u64 / 200 + 1);
        for _ in 0..calls {
            world.somebody_calls();
            world.live(lives / calls as u32).await;
        }
        if calls == 0 {
            world.live(lives).await;
        }
        assert!(daemon.try_wait().unwrap().is_none(), "it ended by itself:\n{}", world.log());
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        if world.random.chance(40) {
            world.somebody_calls();
        }
        let rest = Duration::from_millis(world.random.below(300));
        world.live(rest).await;
    }
    let mut daemon = world.start();
    let mut open = None;
    for _ in 0..180 {
        world.live(Duration::from_secs(1)).await;
        open = open_callbacks(folder.path());
        if open == Some(0) {
            break;
        }
    }
    assert_eq!(open, Some(0), "not everything came to its end:\n{}", world.log());
    Command::new("kill").arg(daemon.id().to_string()).status().unwrap();
    let status = daemon.wait().unwrap();
    assert!(status.success(), "it stops gently: {status}\n{}", world.log());
    world.live(Duration::from_secs(2)).await;
    judge(&world, folder.path(), seed).await;
}

async fn judge(world: &World, folder: &Path, seed: u64) {
    let (rows, stories) = stories(folder).await;
    let truth = &world.truth;
    let mut faults = truth.violations.clone();
    faults.dedup();
    let left = world.streets.with(|town, _| town.switch.channels().filter(|channel| channel.alive()).count());
    if left > 0 {
        faults.push(format!("{left} channels are left"));
    }
    let written: BTreeSet<&ChannelId> =
        stories.iter().flat_map(|story| &story.attempts).flat_map(|attempt| &attempt.legs).map(|leg| &leg.id).collect();
    let unwritten = truth.legs.iter().filter(|leg| !written.contains(leg));
    faults.extend(unwritten.map(|leg| format!("{leg} was dialled and never written down")));
    for (channel, number) in &truth.calls {
        let row = rows.iter().find(|row| row.call.as_ref().is_some_and(|call| call.id == *channel));
        let Some(call) = row.and_then(|row| row.call.as_ref()) else {
            faults.push(format!("the call {channel} of {number} is not in the journal"));
            continue;
        };
        let served = truth.served.contains(channel);
        if call.ended.is_none() || call.served.is_some() != served {
            faults.push(format!("the call {channel} was served: {served}; the journal says {call:?}"));
        }
        let closed = row.and_then(|row| row.callback.as_ref()).is_some_and(|callback| !callback.is_open());
        if !served && !closed {
            faults.push(format!("the missed call {channel} of {number} has no callback that came to an end"));
        }
    }
    for story in &stories {
        let talked = matches!(story.callback.state, CallbackState::Closed { reason: CloseReason::Talked, .. });
        let legs = story.attempts.iter().flat_map(|attempt| &attempt.legs);
        if talked && !legs.filter(|leg| leg.role == Role::Client).any(|leg| truth.served.contains(&leg.id)) {
            faults.push(format!("callback {} is closed as talked, and nobody did", story.callback.id));
        }
    }
    let talked = stories
        .iter()
        .filter(|story| matches!(&story.callback.state, CallbackState::Closed { reason: CloseReason::Talked, .. }))
        .count();
    eprintln!(
        "{} calls, {} callbacks, {talked} talked, {} legs dialled, {} of them to clients",
        truth.calls.len(),
        stories.len(),
        truth.legs.len(),
        truth.dialled.len()
    );
    assert!(talked > 0 && truth.dialled.len() > stories.len() / 3, "too little happened to prove anything");
    assert!(faults.is_empty(), "{} faults, seed {seed}:\n{}\n{}", faults.len(), faults.join("\n"), world.log());
}

/// How many clients wait when the daemon is killed.
const WAITING: usize = 10;
/// How often the dialplan tries to give a client, with two seconds of music between, before it rings a phone.
const TRIES: usize = 100;

/// As `freeswitch/dialplan/perezvon.xml` has it for a queue.
fn keeps_trying(outbound: SocketAddr) -> Vec<Step> {
    let socket = || Step::App("socket".into(), format!("{outbound} async full"));
    let tries = (0..TRIES).flat_map(|_| [socket(), Step::Playback(Span::seconds(2))]);
    let first = [Step::Set("socket_resume".into(), "true".into()), Step::Answer];
    let last = [Step::Set("call_timeout".into(), "20".into()), Step::Bridge("user/1001".into())];
    first.into_iter().chain(tries).chain(last).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_with_ten_waiting_each_is_served_once_or_called_back() {
    let folder = tempfile::tempdir().unwrap();
    let plan =
        |switch: &mut Config, outbound| drop(switch.dialplan.insert("74951112233".into(), keeps_trying(outbound)));
    let mut world = World::of(folder.path(), 1, plan).await;
    let client = |n: usize| format!("7916555{n:04}");
    world.streets.with(|town, _| {
        // Anna alone takes calls; two of the clients hang up while nobody knows of it.
        for user in ["1002", "1003", "1004"] {
            town.habit(Party::User(user.into()), Reaction::Ignores, Span::ZERO);
        }
        town.habit(Party::User("1001".into()), Reaction::Answers(Span::seconds(2)), Span::seconds(40));
        (0..WAITING)
            .for_each(|n| town.habit(Party::Number(client(n)), Reaction::Answers(Span::seconds(1)), Span::seconds(40)));
    });
    let mut daemon = world.start();
    world.until_up().await;
    for n in 0..WAITING {
        let caller = Caller { number: client(n), dialled: "74951112233".into(), ..Caller::default() };
        world.streets.with(|town, now| drop(town.call(&caller, Span::minutes(60), now)));
        world.live(Duration::from_millis(30)).await;
    }
    let mut waited = Vec::new();
    for leaves in [3, 7, 9] {
        world.until_up().await;
        world.live(Duration::from_millis(500)).await;
        assert!(daemon.try_wait().unwrap().is_none(), "it ended by itself:\n{}", world.log());
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        world.observe();
        waited.push(WAITING - world.truth.served.len() / 2);
        world.streets.with(|town, now| {
            let party = Party::Number(client(leaves));
            if !town.people.talks(&party) {
                town.hang_up(&party, now);
            }
        });
        world.live(Duration::from_millis(300)).await;
        daemon = world.start();
    }
    eprintln!("{waited:?} waited when it was killed");
    assert!(waited[0] > 8 && waited.iter().all(|waiting| *waiting > 3), "too few waited: {waited:?}");
    let mut open = None;
    for _ in 0..120 {
        world.live(Duration::from_secs(1)).await;
        open = open_callbacks(folder.path());
        if open == Some(0) {
            break;
        }
    }
    assert_eq!(open, Some(0), "not everything came to its end:\n{}", world.log());
    Command::new("kill").arg(daemon.id().to_string()).status().unwrap();
    assert!(daemon.wait().unwrap().success(), "it stops gently");
    world.live(Duration::from_secs(1)).await;
    let faults: Vec<String> = (0..WAITING).filter_map(|n| world.fault_of(&client(n))).collect();
    assert!(
        faults.is_empty() && world.truth.violations.is_empty(),
        "{faults:?} {:?}\n{}",
        world.truth.violations,
        world.log()
    );
    let (rows, _) = stories(folder.path()).await;
    let left = |row: &perezvon::store::JournalRow| row.call.as_ref()?.queue.as_ref()?.left;
    assert_eq!(
        rows.iter().filter(|row| left(row).is_some()).count(),
        WAITING,
        "each row says how it left the queue: {rows:#?}"
    );
}
