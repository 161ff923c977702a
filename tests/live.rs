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
//! | `PEREZVON_LIVE_LANGUAGE` | what operators hear, `ru` or `en`; `ru` when it says nothing | `en` |

mod live {
    pub mod caller;
    pub mod legs;
    pub mod sound;
}

use live::{
    caller,
    legs::{Leg, Legs},
    sound,
};
use serde_json::Value;
use std::{
    env, fs,
    io::Write as _,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
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
    fn start(lab: &Lab, folder: &Path) -> Program {
        let config = folder.join("live.toml");
        fs::File::create(&config).and_then(|mut file| file.write_all(lab.config(folder).as_bytes())).unwrap();
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
        sleep(Duration::from_secs(3));
        program
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

/// The whole of it in one test: the phones of the lab are few.
#[test]
fn missed_calls_are_called_back() {
    let Some(lab) = Lab::of_environment() else {
        // Past the test harness, which would swallow it.
        let _ =
            writeln!(std::io::stderr().lock(), "LEFT OUT: no real FreeSWITCH is named; see the top of tests/live.rs");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let sounds = folder.path().join("sounds");
    fs::create_dir(&sounds).unwrap();
    // The switch reads there.
    for shared in [folder.path(), &sounds] {
        fs::set_permissions(shared, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let _ = fs::remove_file(HARM);
    let legs = Legs::watch(&lab.switch, &lab.password);
    let program = Program::start(&lab, folder.path());
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
