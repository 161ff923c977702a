//! The main job against a real FreeSWITCH: a missed call is called back, heard on both phones, whatever the caller is named,
//! and nobody else is called. The switch is this test's own while it runs.
//!
//! | variable | what | example |
//! |---|---|---|
//! | `PEREZVON_LIVE_SWITCH` | its event socket; without it nothing is tried | `127.0.0.1:8021` |
//! | `PEREZVON_LIVE_PASSWORD` | the event socket's password | |
//! | `PEREZVON_LIVE_SIP` | where it takes SIP calls over UDP without a password | `127.0.0.1:5060` |
//! | `PEREZVON_LIVE_DID` | a number that rings and that nobody answers | `74951112266` |
//! | `PEREZVON_LIVE_OPERATORS` | two phones that answer by themselves | `user/1003 user/1004` |
//! | `PEREZVON_LIVE_TRUNK` | the way to the clients | `sofia/gateway/provider/{number}` |
//! | `PEREZVON_LIVE_CLIENT` | the beginning of clients' numbers that answer and hang up a few seconds later; four digits follow | `791612` |
//! | `PEREZVON_LIVE_CLIENT_END` | the end of such a number | `21` |
//! | `PEREZVON_LIVE_EARS` | a folder where each phone leaves what it heard as `NUMBER-….wav`, 16 bit; without it sound is not judged | `/tmp/fs-rec` |
//! | `PEREZVON_LIVE_TONES` | the tones that the operators' phones, in their order, and then the clients' send, in Hz | `820 880 1100` |
//! | `PEREZVON_LIVE_USER` | logs in as this directory user, the one of `freeswitch/directory/perezvon.xml` | `perezvon@perezvon.internal` |
//! | `PEREZVON_LIVE_USER_PASSWORD` | and that user's password | |
//! | `PEREZVON_LIVE_QUEUE_DID` | a number that answers and waits in a mod_callcenter queue in which nobody is | `74951112244` |
//! | `PEREZVON_LIVE_GIVEN_DID` | a number whose dialplan answers, gives its callers to 127.0.0.1:8084 and, when they are given back, rings a phone that answers | `74951112255` |
//! | `PEREZVON_LIVE_COMMAND` | what operators hear is rendered by this command and played, the switch being on this machine | `espeak-ng -v {voice} -w {file} {text}` |
//! | `PEREZVON_LIVE_QUEUES` | two beginnings of numbers; behind the first comes the name of a mod_callcenter queue with the strategy of that name and no agents (`top-down@default`), behind the second that of a line whose callers are given to 127.0.0.1:8084 | `cc- our-` |
//! | `PEREZVON_LIVE_PHONES` | phones that answer; for {phone}: four digits, 2 first: at once; 3 first: the sooner the less the last digit, 1 to 3 | `sofia/external/{phone}@127.0.0.1:5070` |
//! | `PEREZVON_LIVE_LANGUAGE` | what operators hear, `ru` or `en`; `ru` when it says nothing | `en` |

mod live {
    pub mod caller;
    pub mod legs;
    pub mod sound;
    pub mod strategies;
}

use live::{
    caller,
    legs::{Leg, Legs},
    sound, strategies,
};
use perezvon::engine::rules::Strategy;
use serde_json::Value;
use std::{
    env, fs,
    io::Write as _,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread::{self, sleep},
    time::Duration,
};

/// Names that would do harm, each with what it tries. Of the two with line breaks, the switch has the first as it is and tells of
/// it as if it had them; the second has them, since a SIP header may be folded. An unfolded one is no SIP: 400.
const HOSTILE: [&str; 7] = [
    "${system(touch /tmp/perezvon-live-harm)}",
    r#"quotes " ' and backslashes \ \\ \n"#,
    "line%0A%0Aapi system touch /tmp/perezvon-live-harm%0A%0A",
    "folded\r\n api system touch /tmp/perezvon-live-harm\r\n bgapi originate loopback/1 &park",
    "commas, {braces} [brackets] pipes | <angles>",
    "^^:a:b^^|c,origination_uuid=x}",
    "x:_:sofia/internal/1@127.0.0.1:1 &system(touch /tmp/perezvon-live-harm)",
];
const HARM: &str = "/tmp/perezvon-live-harm";

struct Lab {
    switch: String,
    password: String,
    user: Option<(String, String)>,
    sip: SocketAddr,
    did: String,
    queue: Option<String>,
    given: Option<String>,
    language: String,
    command: Option<String>,
    operators: Vec<String>,
    trunk: String,
    client: (String, String),
}

impl Lab {
    /// The lab that the environment names; `None` when it names none.
    fn of_environment() -> Option<Lab> {
        let switch = env::var("PEREZVON_LIVE_SWITCH").ok()?;
        let get =
            |name: &str| env::var(name).unwrap_or_else(|_| panic!("{name} is missing; see the top of tests/live.rs"));
        Some(Lab {
            switch,
            password: get("PEREZVON_LIVE_PASSWORD"),
            user: env::var("PEREZVON_LIVE_USER").ok().map(|user| (user, get("PEREZVON_LIVE_USER_PASSWORD"))),
            queue: env::var("PEREZVON_LIVE_QUEUE_DID").ok(),
            given: env::var("PEREZVON_LIVE_GIVEN_DID").ok(),
            language: env::var("PEREZVON_LIVE_LANGUAGE").unwrap_or_else(|_| "ru".to_owned()),
            command: env::var("PEREZVON_LIVE_COMMAND").ok(),
            sip: get("PEREZVON_LIVE_SIP").parse().expect("PEREZVON_LIVE_SIP is host:port"),
            did: get("PEREZVON_LIVE_DID"),
            operators: get("PEREZVON_LIVE_OPERATORS").split_whitespace().map(str::to_owned).collect(),
            trunk: get("PEREZVON_LIVE_TRUNK"),
            client: (get("PEREZVON_LIVE_CLIENT"), get("PEREZVON_LIVE_CLIENT_END")),
        })
    }

    /// A client's number that no other run of this test has.
    fn number(&self, n: usize) -> String {
        let salt = (std::process::id() as usize * 10 + n) % 1000;
        format!("{}{salt:03}{}", self.client.0, self.client.1)
    }

    fn config(&self, folder: &Path) -> String {
        let operators: String = self
            .operators
            .iter()
            .enumerate()
            .map(|(n, dial)| {
                format!("[[operator]]\nname = \"op{n}\"\ndial = \"{dial}\"\nring = \"15s\"\nwrap_up = \"1s\"\n")
            })
            .collect();
        let names: Vec<String> = (0..self.operators.len()).map(|n| format!("\"op{n}\"")).collect();
        let (user, password) = match &self.user {
            Some((user, password)) => (format!("user = \"{user}\"\n"), password),
            None => (String::new(), &self.password),
        };
        let numbers: Vec<String> = [Some(&self.did), self.queue.as_ref(), self.given.as_ref()]
            .into_iter()
            .flatten()
            .map(|did| format!("\"+{did}\""))
            .collect();
        let outbound = if self.given.is_some() { "[outbound]\nlisten = \"127.0.0.1:8084\"\n" } else { "" };
        let sounds = folder.join("sounds");
        let voice = self.command.as_ref().map_or_else(String::new, |command| {
            format!("[voice]\ncommand = '{command}'\ncache = \"{}\"\n", sounds.display())
        });
        let announcement = match &*self.language {
            "ru" => "Пропущенный вызов, {{ name }}. Соединяю.",
            _ => "A missed call of {{ name }}. Connecting.",
        };
        format!(
            "[switch.main]\naddress = \"{}\"\n{user}password = \"{}\"\n[store]\nurl = \"sqlite:{}\"\n[http]\nlisten = \"off\"\n\
             {outbound}[log]\nlevel = \"info,perezvon::switch::outbound=debug\"\n[control]\nsocket = \"{}\"\n[defaults]\ncountry = \"RU\"\nlanguage = \"{}\"\n[trunk.out]\ndial = \"{}\"\n\
             channels = 10\n{operators}[[group]]\nname = \"all\"\noperators = [{}]\n[[line]]\nname = \"live\"\n\
             numbers = [{}]\ngroup = \"all\"\ntrunks = [\"out\"]\ncaller_id = \"+{}\"\n[line.redial]\ntrack = \"2s\"\n\
             ring = \"20s\"\nbusy = {{ after = \"10s\" }}\nno_answer = {{ after = \"10s\" }}\n\
             announce_operator = \"{announcement}\"\nannounce_client = \"\"\n{voice}",
            self.switch,
            password,
            folder.join("live.db").display(),
            folder.join("live.sock").display(),
            self.language,
            self.trunk,
            names.join(", "),
            numbers.join(", "),
            self.did,
        )
    }
}

/// The real program, stopped when it is dropped.
struct Program {
    child: Child,
    socket: PathBuf,
}

impl Program {
    fn start(text: &str, folder: &Path) -> Program {
        let config = folder.join("live.toml");
        fs::write(&config, text).unwrap();
        let log = fs::File::create(folder.join("live.log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_perezvon"))
            .arg("run")
            .arg("--config")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let program = Program { child, socket: folder.join("live.sock") };
        let is_up = || program.ask(&["status"]).first().is_some_and(|status| status["switches"][0]["up"] == true);
        for _ in 0..20 {
            sleep(Duration::from_secs(1));
            if is_up() {
                return program;
            }
        }
        panic!(
            "the daemon did not reach the switch:\n{}",
            fs::read_to_string(folder.join("live.log")).unwrap_or_default()
        );
    }

    /// What the control socket answers to a subcommand.
    fn ask(&self, arguments: &[&str]) -> Vec<Value> {
        let output = Command::new(env!("CARGO_BIN_EXE_perezvon"))
            .args(arguments)
            .arg("--socket")
            .arg(&self.socket)
            .arg("--json")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Waits until this client's callback is closed; gives it.
    fn closed(&self, number: &str) -> Value {
        for _ in 0..120 {
            let rows = self.ask(&["journal", "--number", &format!("+{number}")]);
            let closed = rows.into_iter().find(|row| row["callback"]["state"] == "closed");
            if let Some(row) = closed {
                return row;
            }
            sleep(Duration::from_secs(1));
        }
        panic!("the callback of {number} was not closed within two minutes");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// The switch is of one test at a time: they would listen at the same port for its callers.
static SWITCH: Mutex<()> = Mutex::new(());

/// Past the test harness, which would swallow it.
fn left_out(what: &str) {
    let _ = writeln!(std::io::stderr().lock(), "LEFT OUT: {what}; see the top of tests/live.rs");
}

/// The whole of it in one test: the phones of the lab are few.
#[test]
fn missed_calls_are_called_back() {
    let Some(lab) = Lab::of_environment() else { return left_out("no real FreeSWITCH is named") };
    let _mine: MutexGuard<'_, ()> = SWITCH.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let sounds = folder.path().join("sounds");
    fs::create_dir(&sounds).unwrap();
    // The switch reads there.
    for shared in [folder.path(), &sounds] {
        fs::set_permissions(shared, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let _ = fs::remove_file(HARM);
    let legs = Legs::watch(&lab.switch, &lab.password);
    let program = Program::start(&lab.config(folder.path()), folder.path());
    let log = || fs::read_to_string(folder.path().join("live.log")).unwrap_or_default();

    let number = lab.number(0);
    assert_eq!(caller::call(lab.sip, &number, "Anna", &lab.did, Duration::from_secs(2)), Ok(()), "{}", log());
    let row = program.closed(&number);
    assert_eq!(row["callback"]["reason"]["reason"], "talked", "{row}\n{}", log());
    assert_eq!(row["call"]["missed"], true, "{row}");
    judge_sound(&lab, &program, &number, &row);

    let numbers: Vec<String> = (1..=HOSTILE.len()).map(|n| lab.number(n)).collect();
    for (number, name) in numbers.iter().zip(HOSTILE) {
        assert_eq!(caller::call(lab.sip, number, name, &lab.did, Duration::from_secs(1)), Ok(()), "{name}\n{}", log());
    }
    for (number, name) in numbers.iter().zip(HOSTILE) {
        let row = program.closed(number);
        assert_eq!(row["callback"]["reason"]["reason"], "talked", "{name}: {row}\n{}", log());
        assert_eq!(row["callback"]["misses"], 1, "{name}: {row}");
        eprintln!("named {name:?}, known as {}", row["call"]["name"]);
    }
    assert!(!Path::new(HARM).exists(), "a caller's name ran a program");
    let mut called: Vec<String> = std::iter::once(number).chain(numbers).collect();
    if let Some(did) = &lab.queue {
        let number = lab.number(9);
        assert_eq!(caller::call(lab.sip, &number, "Boris", did, Duration::from_secs(4)), Ok(()), "{}", log());
        let row = program.closed(&number);
        assert_eq!(row["callback"]["reason"]["reason"], "talked", "{row}\n{}", log());
        called.push(number);
    }
    if let Some(did) = &lab.given {
        let number = lab.number(9);
        assert_eq!(caller::call(lab.sip, &number, "Vera", did, Duration::from_secs(6)), Ok(()), "{}", log());
        let log = log();
        let place = |what: &str| log.find(what).unwrap_or_else(|| panic!("{what:?} is not in {log}"));
        let (given, back) = (place("a dialplan gives a caller"), place("the dialplan has its caller back"));
        assert!(given < back && log[back..].contains("the client is served"), "{log}");
    }
    drop(program);
    if lab.command.is_some() {
        let rendered = fs::read_dir(&sounds).unwrap().count();
        assert!(rendered >= called.len(), "each name is a text of its own; {rendered} were rendered\n{}", log());
        assert!(!log().contains("cannot play") && !log().contains("not rendered"), "{}", log());
    }
    judge_legs(&lab, &legs.seen(), called);
}

/// Each client was called once, operators were, and nobody else.
fn judge_legs(lab: &Lab, legs: &[Leg], mut called: Vec<String>) {
    let operators: Vec<&str> = lab.operators.iter().filter_map(|dial| dial.rsplit('/').next()).collect();
    let mut clients = Vec::new();
    for leg in legs {
        match leg.role.as_deref() {
            Some("client") => clients.push(leg.dialled.trim_start_matches('+').to_owned()),
            Some("operator") => assert!(operators.iter().any(|user| leg.is_of(user)), "no operator's phone: {leg:?}"),
            _ => panic!("who made this leg? {leg:?}"),
        }
    }
    clients.sort();
    called.sort();
    assert_eq!(clients, called, "{legs:?}");
}

/// The operator hears the announcement, then ringing, then the client; the client hears the operator.
fn judge_sound(lab: &Lab, program: &Program, number: &str, row: &Value) {
    let (Ok(folder), Ok(tones)) = (env::var("PEREZVON_LIVE_EARS"), env::var("PEREZVON_LIVE_TONES")) else {
        eprintln!("LEFT OUT: sound is not judged");
        return;
    };
    let tones: Vec<f64> = tones.split_whitespace().map(|tone| tone.parse().expect("a tone in Hz")).collect();
    // The phones close their files when they are put down.
    sleep(Duration::from_secs(2));
    let story = program.ask(&["journal", "--callback", &row["callback"]["id"].to_string()]);
    let attempts = story.first().and_then(|story| story["attempts"].as_array()).expect("its attempts");
    let name = attempts.last().and_then(|attempt| attempt["operator"].as_str()).expect("who answered");
    let n: usize = name.trim_start_matches("op").parse().expect("op0, op1, …");
    let operator = lab.operators[n].rsplit('/').next().unwrap_or_default();
    let operator = sound::newest(Path::new(&folder), operator).expect("the operator's phone recorded");
    let client = sound::newest(Path::new(&folder), number).expect("the client's phone recorded");
    let (operator, client) = (sound::heard(&operator, &tones), sound::heard(&client, &tones));
    eprintln!("the operator heard {operator:?}\nthe client heard {client:?}");
    use sound::Heard::{Other, Ringing, Tone};
    let place = |what| operator.iter().position(|heard| *heard == what);
    let (speech, ringing, talk) = (place(Other), place(Ringing), place(Tone(tones.len() - 1)));
    assert!(speech.is_some() && speech < talk, "the announcement comes first: {operator:?}");
    assert!(ringing.is_some() && speech < ringing && ringing < talk, "then ringing, then the client: {operator:?}");
    assert!(client.contains(&Tone(n)), "the client hears the operator: {client:?}");
    assert!(!client.contains(&Ringing), "and no ringing: {client:?}");
}

/// Two dozen calls and more, each strategy beside mod_callcenter's of the same name. Of `random` only the shares can agree.
#[test]
fn our_queue_gives_calls_to_whom_mod_callcenter_would() {
    let queues = (env::var("PEREZVON_LIVE_QUEUES"), env::var("PEREZVON_LIVE_PHONES"));
    let (Some(lab), (Ok(queues), Ok(phones))) = (Lab::of_environment(), queues) else {
        return left_out("our queue is not held against mod_callcenter's");
    };
    let _mine: MutexGuard<'_, ()> = SWITCH.lock().unwrap_or_else(PoisonError::into_inner);
    let (theirs, ours) = queues.split_once(' ').expect("two beginnings of numbers");
    let names: Vec<&str> = COMPARED.to_vec();
    let folder = tempfile::tempdir().unwrap();
    let mut callcenter = strategies::Callcenter::watch(&lab.switch, &lab.password);
    for (at, name) in names.iter().enumerate() {
        callcenter.agents(name, &phones_of(name, 2 * at, &phones));
    }
    let program = Program::start(&queues_config(&lab, &names, &phones, folder.path()), folder.path());
    let script = strategies::script();
    let number = |queue: usize, call: usize| format!("{}{queue:02}{call:03}", lab.client.0);
    let numbers = |queue: usize| -> Vec<String> { (0..2 * script.len()).map(|call| number(queue, call)).collect() };
    thread::scope(|scope| {
        for (at, name) in names.iter().enumerate() {
            for (queue, did) in [(2 * at, format!("{theirs}{name}")), (2 * at + 1, format!("{ours}{name}"))] {
                let (numbers, script) = (numbers(queue), &script);
                scope.spawn(move || strategies::play(lab_sip(), &did, &numbers, script));
            }
        }
    });
    let seen = callcenter.seen(&names);
    let mut wrong = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let theirs: Vec<_> = numbers(2 * at).iter().map(|number| seen.get(number).copied()).collect();
        let ours: Vec<_> = numbers(2 * at + 1).iter().map(|number| operator_of(&program, number)).collect();
        eprintln!("{name}\n  mod_callcenter {}\n  ours           {}", letters(&theirs), letters(&ours));
        let agree = if *name == "random" { shared(&theirs) && shared(&ours) } else { theirs == ours };
        if !agree || theirs.contains(&None) {
            wrong.push(*name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}\n{}", fs::read_to_string(folder.path().join("live.log")).unwrap_or_default());
}

/// The strategies that mod_callcenter has as well.
const COMPARED: [&str; 8] = [
    "top-down",
    "sequentially-by-agent-order",
    "longest-idle-agent",
    "agent-with-least-talk-time",
    "agent-with-fewest-calls",
    "round-robin",
    "ring-all",
    "random",
];

fn lab_sip() -> SocketAddr {
    Lab::of_environment().expect("a lab").sip
}

/// The phones of a queue. Where all ring, some answer sooner; else it would be chance who is first.
fn phones_of(strategy: &str, queue: usize, template: &str) -> Vec<String> {
    let kind = if strategy == "ring-all" { 3 } else { 2 };
    (1..=strategies::AGENTS).map(|n| template.replace("{phone}", &format!("{kind}{queue:02}{n}"))).collect()
}

/// A line and a group for each strategy.
fn queues_config(lab: &Lab, names: &[&str], phones: &str, folder: &Path) -> String {
    assert!(names.iter().all(|name| Strategy::ALL.iter().any(|(known, _)| known == name)));
    let mut config = format!(
        "[switch.main]\naddress = \"{}\"\npassword = \"{}\"\n[store]\nurl = \"sqlite:{folder}/live.db\"\n[http]\nlisten = \"off\"\n\
         [outbound]\nlisten = \"127.0.0.1:8084\"\n[log]\nlevel = \"info\"\n[control]\nsocket = \"{folder}/live.sock\"\n[defaults]\n\
         country = \"RU\"\n[trunk.out]\ndial = \"{}\"\n",
        lab.switch,
        lab.password,
        lab.trunk,
        folder = folder.display(),
    );
    for (at, name) in names.iter().enumerate() {
        let operators: Vec<String> = (0..strategies::AGENTS).map(|n| format!("\"{name}-{n}\"")).collect();
        for (operator, phone) in operators.iter().zip(phones_of(name, 2 * at + 1, phones)) {
            config += &format!("[[operator]]\nname = {operator}\ndial = \"{phone}\"\nwrap_up = \"0s\"\n");
        }
        config += &format!(
            "[[group]]\nname = \"{name}\"\nstrategy = \"{name}\"\noperators = [{}]\n[[line]]\nname = \"{name}\"\n\
             numbers = [\"+7495222{at:04}\"]\ngroup = \"{name}\"\ntrunks = [\"out\"]\ncaller_id = \"+74952220000\"\n\
             [line.queue]\nmusic = \"tone_stream://%(1000,1000,350);loops=-1\"\n",
            operators.join(", "),
        );
    }
    config
}

/// The place of the operator who talked with this client.
fn operator_of(program: &Program, number: &str) -> Option<usize> {
    let rows = program.ask(&["journal", "--number", &format!("+{number}")]);
    rows.first()?["call"]["operator"].as_str()?.rsplit('-').next()?.parse().ok()
}

/// `ABAC…`, a dot for nobody.
fn letters(agents: &[Option<usize>]) -> String {
    agents.iter().map(|agent| agent.map_or('.', |n| (b'A' + n as u8) as char)).collect()
}

/// Of calls that come by chance, each agent has some and none has most: were it otherwise in one of a thousand runs, it would be a
/// surprise.
fn shared(agents: &[Option<usize>]) -> bool {
    let of = |n| agents.iter().filter(|agent| **agent == Some(n)).count();
    (0..strategies::AGENTS).all(|n| (2..=agents.len() * 2 / 3).contains(&of(n)))
}
