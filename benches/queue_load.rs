//! What a full queue costs: 5,000 callers wait, 200 new ones come a second and as many leave, and operators who end a talk
//! are to have the next client's ring at once: `cargo bench --bench queue_load`.
//!
//! The daemon is the program itself, in a process of its own: its loop, its SQLite file on a disk, its connections. The
//! pretend switch is this process. It gives each caller by a connection of their own, as the dialplan's `socket` does, has
//! them hear music and their place, and posts each call's record. Whoever leaves is drawn by lot.
//!
//! An *offer* is timed at the switch: from the moment in which an operator's leg ends after a talk (`wrap_up` is zero) to
//! the one in which it has read the `originate` that rings the same operator again. So the time has in it both ways over TCP,
//! what both programs wait for a processor, and the commit without which nothing is dialled.
//!
//! The daemon's memory is its resident set (`VmRSS`) with all of them waiting, less what it was before the first came. What
//! the kernel keeps for a connection is in neither process.
//!
//! Beside, the disk is asked for a flush of a commit's size ten times a second.
//!
//! `PEREZVON_BENCH_WAITING` (5000), `_RATE` (200 a second), `_OPERATORS` (100), `_SECONDS` (40) and `_ROUNDS` (3) say another
//! size; `PEREZVON_BENCH_FOLDER` names the disk, the build folder's else.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod disk;

use perezvon::{
    clock::Clock,
    engine::{record::ChannelId, time::Span},
    sim::{
        people::Reaction,
        random::Random,
        switch::{Act, Caller, Config, Outside, Party, dialplan::Step},
        tcp::Streets,
        town::Town,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

/// What clients dial.
const LINE: &str = "74951112233";
/// The first operator's directory user.
const FIRST: usize = 1001;
/// How often the disk is asked for a flush beside.
const FLUSH: Duration = Duration::from_millis(100);
/// How a call ends that nobody of ours held: its dialplan went on.
const LOST: &str = "SERVICE_UNAVAILABLE";
/// Files that a process has open beside one for each caller.
const FILES: usize = 256;
/// Of what the kernel counts processor time in, a second (`sysconf(_SC_CLK_TCK)`: 100 on every Linux of our time).
const TICKS: f64 = 100.0;

fn number_of(name: &str, otherwise: usize) -> usize {
    let name = format!("PEREZVON_BENCH_{name}");
    env::var(&name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// How much is measured.
struct Size {
    waiting: usize,
    rate: usize,
    operators: usize,
    seconds: usize,
    rounds: usize,
}

#[tokio::main]
async fn main() {
    let size = Size {
        waiting: number_of("WAITING", 5000),
        rate: number_of("RATE", 200).max(1),
        operators: number_of("OPERATORS", 100),
        seconds: number_of("SECONDS", 40),
        rounds: number_of("ROUNDS", 3).max(1),
    };
    let files = limit_of_files();
    assert!(files > size.waiting + FILES, "a file a caller is wanted, {files} may be open: `ulimit -n 16384`");
    let folder = env::var_os("PEREZVON_BENCH_FOLDER").unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into());
    let folder = tempfile::tempdir_in(folder).expect("a folder to measure in");
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!(
        "in {}: {} wait, {} a second come, {} operators; {} processors, load before {}",
        folder.path().display(),
        size.waiting,
        size.rate,
        size.operators,
        std::thread::available_parallelism().map_or(0, usize::from),
        load.split(' ').next().unwrap_or_default(),
    );
    Measured::head();
    let mut rounds = Vec::new();
    for round in 1..=size.rounds {
        let folder = folder.path().join(round.to_string());
        fs::create_dir(&folder).expect("a folder");
        let measured = measure(&size, &folder, round as u64).await;
        measured.print(&round.to_string());
        rounds.push(measured);
    }
    Measured::median(&rounds).print("median");
}

fn limit_of_files() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap_or_default();
    line.split_whitespace().next().and_then(|soft| soft.parse().ok()).unwrap_or(usize::MAX)
}

/// What a round showed; all but the counts in seconds, KiB and processors.
#[derive(Clone, Copy)]
struct Measured([f64; COLUMNS.len()]);

/// Each column with how many digits its numbers have behind the point.
const COLUMNS: [(&str, usize); 14] = [
    ("waiting", 0),
    ("calls/s", 0),
    ("offers", 0),
    ("median ms", 2),
    ("99 % ms", 2),
    ("most ms", 2),
    ("idle MiB", 1),
    ("full MiB", 1),
    ("KiB/caller", 2),
    ("daemon cpu", 2),
    ("switch cpu", 2),
    ("flush ms", 2),
    ("99 % ms", 2),
    ("most ms", 2),
];

impl Measured {
    fn head() {
        let names: String = COLUMNS.iter().fold(String::new(), |line, (name, _)| format!("{line}  {name:>10}"));
        println!("{:>6}{names}", "round");
    }

    fn print(&self, round: &str) {
        let mut line = format!("{round:>6}");
        for (number, (_, digits)) in self.0.iter().zip(COLUMNS) {
            let _ = write!(line, "  {number:>10.digits$}");
        }
        println!("{line}");
    }

    fn median(rounds: &[Measured]) -> Measured {
        Measured(std::array::from_fn(|column| {
            let mut all: Vec<f64> = rounds.iter().map(|round| round.0[column]).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        }))
    }
}

/// What the telephones tell, as it happens.
#[derive(Default)]
struct Watch {
    /// Who hears the queue's music, and where in that list each is.
    waiting: Vec<ChannelId>,
    places: BTreeMap<ChannelId, usize>,
    /// Operators' legs, and those of them that have talked.
    legs: BTreeMap<ChannelId, String>,
    talked: BTreeSet<ChannelId>,
    /// Since when each operator is free.
    free: BTreeMap<String, Instant>,
    offers: Vec<Duration>,
    calls: usize,
    lost: usize,
}

impl Watch {
    fn hear(&mut self, happened: Outside) {
        match happened {
            Outside::Calls { .. } => self.calls += 1,
            Outside::Music(id) if !self.places.contains_key(&id) && !self.talked.contains(&id) => {
                self.places.insert(id.clone(), self.waiting.len());
                self.waiting.push(id);
            }
            Outside::Invite { channel, party: Party::User(user), .. } => {
                self.offers.extend(self.free.remove(&user).map(|since| since.elapsed()));
                self.legs.insert(channel, user);
            }
            Outside::Talking(a, b) => {
                for id in [a, b] {
                    self.waits_no_more(&id);
                    self.talked.insert(id);
                }
            }
            Outside::Gone(id, cause) => {
                self.lost += usize::from(cause == LOST);
                self.waits_no_more(&id);
                let talked = self.talked.remove(&id);
                if let Some(user) = self.legs.remove(&id).filter(|_| talked) {
                    self.free.insert(user, Instant::now());
                }
            }
            _ => {}
        }
    }

    fn waits_no_more(&mut self, id: &ChannelId) {
        let Some(place) = self.places.remove(id) else { return };
        self.waiting.swap_remove(place);
        if let Some(moved) = self.waiting.get(place) {
            self.places.insert(moved.clone(), place);
        }
    }
}

/// The daemon, killed when this is dropped.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Daemon {
    /// The resident set, in KiB.
    fn memory(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).expect("the daemon lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        line.trim_end_matches("kB").trim().parse().expect("a number of KiB")
    }
}

/// The processor time that a process has taken so far, in seconds.
fn processor(process: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("the process lives");
    let after = stat.rsplit(") ").next().unwrap_or_default();
    let ticks: u64 = after.split(' ').skip(11).take(2).filter_map(|text| text.parse::<u64>().ok()).sum();
    ticks as f64 / TICKS
}

/// A daemon and its switch, with everybody who calls.
struct Round<'a> {
    size: &'a Size,
    streets: Streets,
    watch: Arc<Mutex<Watch>>,
    random: Random,
    http: SocketAddr,
    callers: usize,
}

async fn measure(size: &Size, folder: &Path, seed: u64) -> Measured {
    let [esl, http, outbound] = [(); 3].map(|()| free_address());
    let watch = Arc::new(Mutex::new(Watch::default()));
    let clock = Clock::system();
    let mut town = Town::new(switch(size, outbound), seed, clock.now());
    for (n, user) in users(size).enumerate() {
        // Talks of different lengths, so that not all end at once.
        let talks = Span(5000 + 10_000 * n as u64 / size.operators as u64);
        town.habit(Party::User(user.to_string()), Reaction::Answers(Span::seconds(1)), talks);
    }
    let told = watch.clone();
    let streets = Streets::witnessed(town, clock, move |happened| told.lock().expect("whole").hear(happened));
    streets.listen(esl).await.expect("the port");
    let daemon = start(folder, &config(size, folder, esl, http, outbound));
    while TcpStream::connect(outbound).await.is_err() {
        sleep(Duration::from_millis(50)).await;
    }
    // It logs in meanwhile.
    sleep(Duration::from_secs(2)).await;
    let idle = daemon.memory();
    let mut round = Round { size, streets, watch, random: Random::new(seed), http, callers: 0 };
    // Past the number a little: who talks has left, and who was given a moment ago hears nothing yet.
    round.live(|watch, _| watch.waiting.len() >= size.waiting).await;
    let before = [processor(&daemon.0.id().to_string()), processor("self")];
    let calls = {
        let mut watch = round.watch.lock().expect("whole");
        watch.offers.clear();
        watch.calls
    };
    let begun = Instant::now();
    let (beside, length) = (folder.to_owned(), Duration::from_secs(size.seconds as u64));
    let flushes = tokio::task::spawn_blocking(move || disk::flushes(&beside, length, FLUSH));
    round.live(|_, seconds| seconds >= size.seconds as f64).await;
    let seconds = begun.elapsed().as_secs_f64();
    let full = daemon.memory();
    let after = [processor(&daemon.0.id().to_string()), processor("self")];
    let (waiting, calls, mut offers) = {
        let watch = round.watch.lock().expect("whole");
        assert_eq!(watch.lost, 0, "callers whom the daemon did not hold: see its log in {}", folder.display());
        (watch.waiting.len(), watch.calls - calls, watch.offers.clone())
    };
    drop(daemon);
    let mut flushes = flushes.await.expect("the disk");
    offers.sort();
    flushes.sort();
    let ms = |times: &[Duration], share| disk::of(times, share).as_secs_f64() * 1000.0;
    Measured([
        waiting as f64,
        calls as f64 / seconds,
        offers.len() as f64,
        ms(&offers, 0.5),
        ms(&offers, 0.99),
        ms(&offers, 1.0),
        idle / 1024.0,
        full / 1024.0,
        (full - idle) / waiting as f64,
        (after[0] - before[0]) / seconds,
        (after[1] - before[1]) / seconds,
        ms(&flushes, 0.5),
        ms(&flushes, 0.99),
        ms(&flushes, 1.0),
    ])
}

impl Round<'_> {
    /// Lets clients come, and leave when more wait than are to, until this is so; the seconds are since now.
    async fn live(&mut self, is_over: impl Fn(&Watch, f64) -> bool) {
        let mut tick = interval(Duration::from_secs_f64(1.0 / self.size.rate as f64));
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let begun = Instant::now();
        while !is_over(&self.watch.lock().expect("whole"), begun.elapsed().as_secs_f64()) {
            tick.tick().await;
            self.somebody_comes();
            self.somebody_leaves();
            for record in self.streets.with(|town, _| town.switch.cdrs()) {
                tokio::spawn(post(self.http, record));
            }
        }
    }

    fn somebody_comes(&mut self) {
        self.callers += 1;
        let number = format!("7916{:07}", self.callers);
        let caller = Caller { number, dialled: LINE.to_owned(), ..Caller::default() };
        self.streets.with(|town, now| town.call(&caller, Span::minutes(600), now));
    }

    fn somebody_leaves(&mut self) {
        let who = {
            let waiting = &self.watch.lock().expect("whole").waiting;
            (waiting.len() > self.size.waiting).then(|| self.random.pick(waiting).clone())
        };
        if let Some(who) = who {
            self.streets.with(|town, now| {
                town.switch.act(&who, Act::Hangup, now);
                town.settle(now);
            });
        }
    }
}

fn users(size: &Size) -> std::ops::Range<usize> {
    FIRST..FIRST + size.operators
}

/// Nobody else takes the port between now and its use, or whoever wants it says so.
fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port")
}

fn switch(size: &Size, outbound: SocketAddr) -> Config {
    let dialplan = vec![
        Step::Answer,
        Step::Set("socket_resume".to_owned(), "true".to_owned()),
        Step::App("socket".to_owned(), format!("{outbound} async full")),
        Step::Hangup(LOST.to_owned()),
    ];
    Config {
        users: users(size).map(|user| (user.to_string(), true)).collect(),
        gateways: BTreeSet::from(["provider".to_owned()]),
        dialplan: BTreeMap::from([(LINE.to_owned(), dialplan)]),
        ..Config::default()
    }
}

fn config(size: &Size, folder: &Path, esl: SocketAddr, http: SocketAddr, outbound: SocketAddr) -> String {
    let operators: String = users(size).fold(String::new(), |text, user| {
        format!("{text}[[operator]]\nname = \"{user}\"\ndial = \"user/{user}\"\nwrap_up = \"0s\"\n")
    });
    let names: Vec<String> = users(size).map(|user| format!("\"{user}\"")).collect();
    format!(
        "[switch.main]\naddress = \"{esl}\"\npassword = \"pretend\"\n[outbound]\nlisten = \"{outbound}\"\n\
         [store]\nurl = \"sqlite:{0}/perezvon.db\"\n[http]\nlisten = \"{http}\"\n[control]\nsocket = \"{0}/perezvon.sock\"\n\
         [log]\nlevel = \"warn\"\n[defaults]\ncountry = \"RU\"\nlanguage = \"en\"\n\
         [trunk.provider]\ndial = \"sofia/gateway/provider/{{number}}\"\n\
         [[group]]\nname = \"sales\"\noperators = [{names}]\n{operators}\
         [[line]]\nname = \"site\"\nnumbers = [\"+{LINE}\"]\ngroup = \"sales\"\ntrunks = [\"provider\"]\n\
         caller_id = \"+{LINE}\"\n",
        folder.display(),
        names = names.join(", "),
    )
}

fn start(folder: &Path, config: &str) -> Daemon {
    let file = folder.join("perezvon.toml");
    fs::write(&file, config).expect("a configuration");
    let log = fs::File::create(folder.join("log")).expect("a log");
    let daemon = Command::new(env!("CARGO_BIN_EXE_perezvon"))
        .args(["run", "--config"])
        .arg(file)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("the log"))
        .stderr(log)
        .spawn();
    Daemon(daemon.expect("the daemon"))
}

/// Posts a call's record as mod_json_cdr does, over a connection of its own.
async fn post(to: SocketAddr, record: String) {
    let head = format!(
        "POST /cdr/json HTTP/1.1\r\nHost: {to}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        record.len()
    );
    let _ = timeout(Duration::from_secs(5), async {
        let mut stream = TcpStream::connect(to).await?;
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(record.as_bytes()).await?;
        stream.read_to_end(&mut Vec::new()).await
    })
    .await;
}
