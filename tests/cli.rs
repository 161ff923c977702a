//! The program as its admin meets it: exit codes, help, a daemon that is asked over its socket, a demonstration.
#![cfg(feature = "daemon")]

mod day;
mod outside;

use perezvon::{
    clock::Clock,
    engine::{
        paper::{Paper, PaperKind},
        record::{AttemptRecord, CallRecord, CallbackRecord, Write as Row},
        time::{Span, Wall},
    },
    sim::{
        house::{House, Reception},
        people::{Habit, Reaction},
        switch::{Caller, Outside, Party},
        tcp::Streets,
        town::Town,
    },
    store::{self, PaperQuery, Store},
};
use serde_json::{Value, json};
use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_perezvon");
const CLIENT: &str = "79161234567";
/// How long the daemon may take for anything that is waited for here.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);

fn perezvon(arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    // What the one who runs the tests has set must not matter.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PEREZVON_")) {
        command.env_remove(name);
    }
    command.env_remove("RUST_LOG").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A house with one operator, and its switch at a real socket.
async fn town() -> (Streets, SocketAddr) {
    let clock = Clock::system();
    let mut house = House { operators: vec!["anna".to_owned()], ..House::default() };
    house.lines.truncate(1);
    house.lines[0].reception = Reception::Menu(Span::seconds(30));
    let mut town = Town::new(house.switch(), 3, clock.now());
    let answers = |talks| Habit::always(Reaction::Answers(Span(200))).talking(Span(talks));
    town.people.habit(Party::User("1001".into()), answers(60_000));
    town.people.habit(Party::Number(CLIENT.into()), answers(1500));
    let streets = Streets::new(town, clock);
    let address = streets.listen(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    (streets, address)
}

/// A daemon in a folder of its own; killed when it is dropped.
struct Daemon {
    child: Child,
    folder: TempDir,
}

impl Daemon {
    fn start(switch: SocketAddr, password: &str) -> Daemon {
        Daemon::start_with(switch, password, |_| String::new())
    }

    /// With more in its configuration, in which its folder may be named.
    fn start_with(switch: SocketAddr, password: &str, more: impl Fn(&Path) -> String) -> Daemon {
        let folder = tempfile::tempdir().unwrap();
        let more = more(folder.path());
        let at = |name: &str| folder.path().join(name).display().to_string();
        let (store, socket) = (at("p.db"), at("p.sock"));
        let config = format!(
            "[switch.main]\naddress = \"{switch}\"\npassword = \"{password}\"\n[store]\nurl = \"sqlite:{store}\"\n\
             [http]\nlisten = \"127.0.0.1:0\"\n[cdr]\ncredentials = \"cdr:word\"\n[control]\nsocket = \"{socket}\"\n\
             [trunk.provider]\ndial = \"sofia/gateway/provider/{{number}}\"\nper_minute = \"1.90 RUB\"\n\
             [[operator]]\nname = \"anna\"\ndial = \"user/1001\"\nwrap_up = \"0s\"\n\
             [[line]]\nname = \"site\"\nnumbers = [\"+74951112233\"]\n\
             [line.redial]\ntrack = \"1s\"\nannounce_operator = \"{{{{ number | spoken }}}}\"\nannounce_client = \"\"\n{more}"
        );
        fs::write(at("p.toml"), config).unwrap();
        let log = fs::File::create(at("log")).unwrap();
        let child = Command::new(PROGRAM)
            .args(["run", "--config", &at("p.toml")])
            .env_remove("RUST_LOG")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Daemon { child, folder }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    fn ask(&self, arguments: &[&str]) -> Output {
        let socket = self.path("p.sock");
        perezvon(&[arguments, &["--socket", &socket]].concat())
    }

    fn connect(&self) -> TcpStream {
        let log = self.log();
        let address =
            log.split("call records address=").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream
    }

    /// One HTTP exchange: the status and the rest.
    fn http(&self, head: &str, body: &str) -> (u16, String) {
        let mut stream = self.connect();
        let length = body.len();
        write!(stream, "{head}\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
    }

    fn done(&self, arguments: &[&str]) -> String {
        let output = self.ask(arguments);
        assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stderr), self.log());
        text(&output.stdout)
    }

    async fn until(&self, arguments: &[&str], wanted: impl Fn(&str) -> bool) -> String {
        let mut waited = Duration::ZERO;
        loop {
            let output = self.ask(arguments);
            let said = text(&output.stdout);
            if output.status.success() && wanted(&said) {
                return said;
            }
            assert!(waited < PATIENCE, "{arguments:?}: {said}{}\n{}", text(&output.stderr), self.log());
            tokio::time::sleep(LOOK).await;
            waited += LOOK;
        }
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap().success());
    }

    async fn end(&mut self) -> Option<i32> {
        let mut waited = Duration::ZERO;
        while waited < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            tokio::time::sleep(LOOK).await;
            waited += LOOK;
        }
        panic!("it does not end: {}", self.log());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn caller() -> Caller {
    Caller { user: None, number: CLIENT.into(), name: "${system(touch /tmp/x)}".into(), dialled: "74951112233".into() }
}

#[test]
fn exit_codes_are_those_that_the_help_names() {
    let folder = tempfile::tempdir().unwrap();
    let faulty = folder.path().join("faulty.toml");
    fs::write(&faulty, "[swich.main]\n").unwrap();
    let faulty = faulty.display().to_string();
    for (arguments, code, told) in [
        (vec!["--version"], 0, "perezvon"),
        (vec!["dance"], 2, "unrecognized"),
        (vec!["call"], 2, "NUMBER"),
        (vec!["status", "--socket", "/nonexistent/p.sock"], 69, "is it running?"),
        (
            vec!["check", "--config", &faulty],
            78,
            "faulty.toml:1:2: there is no key `swich` here; did you mean `switch`?",
        ),
        (vec!["run", "--config", &faulty], 78, "did you mean `switch`?"),
        (vec!["check", "--config", "/nonexistent.toml"], 78, "there is no such file"),
        (vec!["decode", "/nonexistent.esl"], 1, "cannot read"),
    ] {
        let output = perezvon(&arguments);
        let said = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(told), "{arguments:?}: {said}");
    }
    let help = text(&perezvon(&["--help"]).stdout);
    for code in ["0 ", "1 ", "2 ", "69", "78"] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(code)), "{code}: {help}");
    }
}

#[test]
fn help_teaches_with_examples() {
    let help = text(&perezvon(&["--help"]).stdout);
    for command in [
        "demo",
        "run",
        "check",
        "status",
        "journal",
        "report",
        "call",
        "cancel",
        "operators",
        "queue",
        "pause",
        "resume",
        "reload",
        "backup",
        "decode",
        "say",
        "replay",
    ] {
        assert!(help.lines().any(|line| line.trim_start().starts_with(command)), "{command}: {help}");
        let own = text(&perezvon(&[command, "--help"]).stdout);
        let simple = ["status", "cancel", "pause", "resume", "reload"].contains(&command);
        assert!(simple || own.contains("Example"), "{command}: {own}");
    }
}

#[test]
fn a_reader_who_goes_away_is_no_fault() {
    let mut child = Command::new(PROGRAM)
        .args(["decode", "--json", "tests/wire/callback-bridged.esl"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missed_call_is_called_back_and_everything_is_told() {
    let (streets, switch) = town().await;
    let mut daemon = Daemon::start(switch, "pretend");
    daemon.until(&["status"], |said| said.contains("switch main: connected")).await;
    assert_eq!(fs::metadata(daemon.path("p.sock")).unwrap().permissions().mode() & 0o777, 0o660);

    streets.with(|town, now| town.call(&caller(), Span(300), now));
    let journal = daemon.until(&["journal"], |said| said.contains("-> callback #1: talked, 1 attempt")).await;
    assert!(journal.contains("+79161234567") && journal.contains("missed"), "{journal}");
    let row: Value = serde_json::from_str(daemon.done(&["journal", "--json"]).trim()).unwrap();
    assert_eq!(row["callback"]["reason"]["reason"], "talked");
    let over = |story: &str| {
        let story: Value = serde_json::from_str(story).unwrap_or_default();
        story["attempts"][0]["legs"].as_array().is_some_and(|legs| legs.iter().all(|leg| leg["ended"].is_i64()))
    };
    let story = daemon.until(&["journal", "--callback", "1"], over).await;
    let story: Value = serde_json::from_str(&story).unwrap();
    assert_eq!(story["attempts"][0]["legs"].as_array().map(Vec::len), Some(2), "{story}");
    assert_eq!(daemon.done(&["journal", "--since", "1h"]), journal, "page by page it is the same");
    let report: Value = serde_json::from_str(&daemon.done(&["report", "--by", "operator", "--json"])).unwrap();
    let leg = |n: usize| &story["attempts"][0]["legs"][n];
    let length = |n: usize| leg(n)["ended"].as_i64().unwrap() - leg(n)["answered"].as_i64().unwrap();
    let total = &report["total"];
    assert_eq!((&total["missed"], &total["recovered"], &total["attempts"]), (&1.into(), &1.into(), &1.into()));
    assert_eq!(total["wait"].as_i64().unwrap() + total["talk"].as_i64().unwrap(), length(0), "{report} {story}");
    assert_eq!((&total["client_cost"], &total["cost"]), (&"1.90".into(), &"1.90".into()), "a started minute: {report}");
    let table = daemon.done(&["report", "--by", "day"]);
    assert!(
        table.contains("100.0 %")
            && table.contains("RUB")
            && !table.contains(['░', '▒', '█'])
            && !table.contains('\x1b'),
        "{table}"
    );
    assert_eq!(
        daemon.done(&["report", "--csv", "--by", "line"]).lines().nth(1).unwrap().split(',').next(),
        Some("site")
    );
    streets.with(|town, _| assert_eq!(town.switch.expanded(), [""; 0], "the client's name stays a name"));

    let (status, metrics) = daemon.http("GET /metrics HTTP/1.1", "");
    let closed = "perezvon_callbacks_closed_total{line=\"site\",reason=\"talked\"} 1";
    assert!(status == 200 && metrics.contains(closed) && !metrics.contains(CLIENT), "{metrics}");
    assert!(metrics.contains("perezvon_switch_up{switch=\"main\"} 1"), "{metrics}");

    let log = daemon.log();
    assert!(log.contains("+7916***4567") && !log.contains(CLIENT), "numbers are masked in the log: {log}");
    let copy = daemon.path("copy.db");
    assert!(daemon.done(&["backup", &copy]).contains("copy.db") && Path::new(&copy).exists());
    assert_eq!(daemon.ask(&["backup", &copy]).status.code(), Some(1), "nothing is written over");

    daemon.signal("-TERM");
    assert_eq!(daemon.end().await, Some(0), "{}", daemon.log());
    assert_eq!(daemon.ask(&["status"]).status.code(), Some(69));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_told_and_call_records_are_taken_from_those_who_may() {
    let (_streets, switch) = town().await;
    let daemon = Daemon::start(switch, "pretend");
    daemon.until(&["status"], |said| said.contains("connected")).await;
    let mut waited = Duration::ZERO;
    while daemon.http("GET /readyz HTTP/1.1", "").0 != 200 {
        assert!(waited < PATIENCE, "{}", daemon.log());
        tokio::time::sleep(LOOK).await;
        waited += LOOK;
    }
    assert_eq!(daemon.http("GET /healthz HTTP/1.1", "").0, 200);
    assert_eq!(daemon.http("GET /nothing HTTP/1.1", "").0, 404);

    daemon.done(&["pause"]);
    let record = fs::read_to_string("tests/cdr/never-answered.json").unwrap();
    let post = "POST /cdr/json HTTP/1.1";
    assert_eq!(daemon.http(post, &record).0, 401, "without credentials");
    let mut stranger = daemon.connect();
    write!(stranger, "{post}\r\nHost: x\r\nConnection: close\r\nContent-Length: 4000000\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    stranger.read_exact(&mut answer).expect("a stranger's body is not waited for");
    assert_eq!(text(&answer), "HTTP/1.1 401");
    // cdr:word
    let post = format!("{post}\r\nAuthorization: Basic Y2RyOndvcmQ=");
    assert_eq!(daemon.http(&post, "{}").0, 400);
    assert_eq!(daemon.http(&post, &record).0, 204);
    assert_eq!(daemon.http(&post, &record).0, 204, "twice is once");
    let (_, metrics) = daemon.http("GET /metrics HTTP/1.1", "");
    for line in ["result=\"malformed\"} 1", "result=\"taken\"} 1"] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_say_who_is_called_and_by_whom() {
    let (_streets, switch) = town().await;
    let daemon = Daemon::start(switch, "pretend");
    daemon.until(&["status"], |said| said.contains("connected")).await;
    daemon.done(&["operators", "away", "anna"]);
    assert!(daemon.done(&["operators"]).contains("away"));
    let called = daemon.done(&["call", "8 916 123-45-67", "--line", "site"]);
    assert!(called.contains("+79161234567"), "{called}");
    assert!(daemon.done(&["status"]).contains("#1 +79161234567 on site: waiting"));
    for (arguments, told) in [
        (&["call", "+79161234567", "--line", "stie"][..], "did you mean `site`?"),
        (&["call", "12", "--line", "site"][..], "is no number"),
        (&["operators", "ready", "ana"][..], "did you mean `anna`?"),
    ] {
        let output = daemon.ask(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(text(&output.stderr).contains(told), "{}", text(&output.stderr));
    }
    assert!(daemon.done(&["cancel", "1"]).contains("taken off"));
    let told = daemon.done(&["journal"]);
    let by = told.split_once("callback #1: cancelled by ").and_then(|(_, rest)| rest.split_once(", 0 attempts"));
    assert!(by.is_some_and(|(by, _)| !by.is_empty()), "{told}");
    assert_eq!(daemon.ask(&["cancel", "1"]).status.code(), Some(1));

    daemon.done(&["pause"]);
    daemon.done(&["operators", "ready", "anna"]);
    daemon.done(&["call", "+79161234567"]);
    assert!(daemon.done(&["status"]).contains("paused"));
    daemon.done(&["resume"]);
    daemon.until(&["journal"], |said| said.contains("callback #2: talked")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_are_blocked_and_callbacks_are_explained() {
    let (_streets, switch) = town().await;
    let daemon = Daemon::start(switch, "pretend");
    daemon.until(&["status"], |said| said.contains("connected")).await;
    daemon.done(&["operators", "away", "anna"]);
    daemon.done(&["call", "+79161234567"]);
    let why = daemon.done(&["explain", "1"]);
    assert!(why.contains("asked for it") && why.contains("not now: no operator of the group is free"), "{why}");
    let why: serde_json::Value = serde_json::from_str(&daemon.done(&["explain", "1", "--json"])).unwrap();
    assert_eq!(why["now"]["vetoes"], serde_json::json!(["no-operator"]));
    let told = daemon.done(&["explain", "--number", "8 916 000-00-01", "--at", "2027-02-20T12:00"]);
    assert!(told.contains("dialled from 2027-02-20 12:0"), "{told}");
    assert!(daemon.done(&["explain", "--number", "+79161234567"]).contains("it joins callback #1"));

    assert!(daemon.done(&["blocked", "add", "8 916 123-45-67"]).contains("+79161234567 is never dialled"));
    assert!(daemon.done(&["blocked"]).contains("+79161234567"));
    assert!(daemon.done(&["explain", "1"]).contains("over: callback #1: cancelled"));
    assert!(daemon.done(&["explain", "--number", "+79161234567"]).starts_with("never: blocked by "));
    let refused = daemon.ask(&["call", "+79161234567"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("is never dialled: blocked by"), "{}", text(&refused.stderr));
    daemon.done(&["blocked", "remove", "+79161234567"]);
    assert!(daemon.done(&["blocked"]).contains("no number is blocked"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_is_shown_what_is_kept_of_them_and_is_forgotten() {
    let (_streets, switch) = town().await;
    let daemon = Daemon::start(switch, "pretend");
    daemon.until(&["status"], |said| said.contains("connected")).await;
    daemon.done(&["operators", "away", "anna"]);
    daemon.done(&["call", "+79161234567"]);
    daemon.done(&["blocked", "add", "+79161234567"]);
    let told = daemon.done(&["known", "8 916 123-45-67"]);
    assert!(
        told.contains("+79161234567: 0 calls, 1 callbacks, 0 requests") && told.contains("never dialled"),
        "{told}"
    );
    let all: serde_json::Value = serde_json::from_str(&daemon.done(&["known", "+79161234567", "--json"])).unwrap();
    assert_eq!(all["callbacks"][0]["callback"]["number"], "+79161234567");

    assert!(daemon.done(&["forget", "+79161234567", "--dry-run"]).starts_with("+79161234567 would be forgotten"));
    assert!(daemon.done(&["journal", "--callback", "1"]).contains("+79161234567"));
    let told = daemon.done(&["forget", "+79161234567"]);
    assert!(
        told.starts_with("+79161234567 is forgotten: 0 calls, 1 callbacks") && told.contains("--unblock"),
        "{told}"
    );
    assert!(!daemon.done(&["journal", "--callback", "1"]).contains("79161234567"));
    assert!(daemon.done(&["blocked"]).contains("+79161234567"), "who is not to be called is not called all the same");
    daemon.done(&["forget", "+79161234567", "--unblock"]);
    assert!(daemon.done(&["blocked"]).contains("no number is blocked"));
    assert!(!daemon.log().contains("9161234567"), "{}", daemon.log());

    let none = "0 calls, 0 callbacks, 0 requests, 0 chats with 0 messages, 0 notes";
    assert_eq!(daemon.done(&["forget", "--older-than", "400d", "--dry-run"]), format!("would be removed: {none}\n"));
    assert_eq!(daemon.done(&["forget", "--older-than", "400d"]), format!("removed: {none}\n"));
    let refused = daemon.ask(&["forget", "--older-than", "2d"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("is needed still"), "{}", text(&refused.stderr));
}

/// Rows of long ago are there when the daemon starts; what the admin keeps no longer is gone soon after.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_old_is_removed_by_itself_once_a_day() {
    let (_streets, switch) = town().await;
    let now = perezvon::clock::Clock::system().now().wall;
    let days = |n: u64| now - Span::minutes(n * 24 * 60);
    let folder_of_store = tempfile::tempdir().unwrap();
    let file = folder_of_store.path().join("old.db");
    {
        let store = store::Sqlite::open(&file, days(900)).await.unwrap();
        let paper = |id: &str, at| {
            Row::Paper(Paper { kind: PaperKind::Note, id: id.into(), about: CLIENT.into(), at, body: "{}".into() })
        };
        store.commit(&[paper("old", days(31)), paper("new", days(29))]).await.unwrap();
        store.close().await.unwrap();
    }
    let daemon = Daemon::start_with(switch, "pretend", |folder| {
        fs::copy(&file, folder.join("p.db")).unwrap();
        "[store.keep]\nnotes = \"30d\"\n".to_owned()
    });
    daemon.until(&["status"], |said| said.contains("connected")).await;
    daemon.until(&["status"], |_| daemon.log().contains("what was too old is removed")).await;
    let store = store::Sqlite::look(Path::new(&daemon.path("p.db"))).await.unwrap();
    let left = store.papers(&PaperQuery::default()).await.unwrap();
    assert_eq!(left.iter().map(|paper| &*paper.id).collect::<Vec<_>>(), ["new"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_is_called_through_and_who_is_left_out_is_named() {
    let (_streets, switch) = town().await;
    let daemon = Daemon::start(switch, "pretend");
    daemon.until(&["status"], |said| said.contains("connected")).await;
    daemon.done(&["operators", "away", "anna"]);
    daemon.done(&["call", "+79160000009"]);
    daemon.done(&["blocked", "add", "+79160000008"]);
    let file = daemon.path("spring.csv");
    let numbers =
        "phone,name\n+79161234567,Ivan\n8 916 123-45-67,again\n+79160000009,open\n+79160000008,blocked\n77,none\n";
    std::fs::write(&file, numbers).unwrap();
    let told = daemon.done(&["call", "--file", &file, "--line", "site", "--no-wait"]);
    for line in [
        "left out: 8 916 123-45-67: it is in the file twice",
        "left out: +79160000009: callback 1 is open for it already",
        "left out: +79160000008: +79160000008 is never dialled",
        "left out: 77: \"77\" is no number",
        "list spring: 1 entered, 0 were in it before, 4 left out",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    daemon.done(&["pause", "--list", "spring"]);
    assert!(daemon.done(&["explain", "2"]).contains("its list rests"));
    daemon.done(&["cancel", "1"]);
    daemon.done(&["operators", "ready", "anna"]);
    daemon.done(&["resume", "--list", "spring"]);
    // The same file again goes on where it was, and this time to the end.
    std::fs::write(&file, "+79161234567\n").unwrap();
    let told = daemon.done(&["call", "--file", &file, "--line", "site"]);
    assert!(told.contains("0 entered, 1 were in it before") && told.contains("1 of 1 over: 1 talked"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_faulty_configuration_is_not_obeyed_and_says_why() {
    let (_streets, switch) = town().await;
    let daemon = Daemon::start(switch, "pretend");
    daemon.until(&["status"], |said| said.contains("connected")).await;
    let good = fs::read_to_string(daemon.path("p.toml")).unwrap();
    fs::write(daemon.path("p.toml"), good.replace("track = \"1s\"", "trak = \"1s\"")).unwrap();
    let output = daemon.ask(&["reload"]);
    assert_eq!(output.status.code(), Some(78));
    assert!(text(&output.stderr).contains("did you mean `track`?"), "{}", text(&output.stderr));
    daemon.done(&["operators", "ready", "anna"]);

    let more =
        good.replace("wrap_up = \"0s\"", "wrap_up = \"0s\"\n[[operator]]\nname = \"boris\"\ndial = \"user/1002\"");
    fs::write(daemon.path("p.toml"), &more).unwrap();
    daemon.signal("-HUP");
    daemon.until(&["operators"], |said| said.contains("boris")).await;
    fs::write(daemon.path("p.toml"), format!("{more}\n[log]\nlevel = \"debug\"\n")).unwrap();
    assert!(daemon.done(&["reload"]).contains("[log]"), "it says what only a restart brings in");

    let config = daemon.path("p.toml");
    let second = perezvon(&["run", "--config", &config]);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("another daemon answers"), "{}", text(&second.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_password_ends_with_78_and_says_where_to_look() {
    let (_streets, switch) = town().await;
    let mut daemon = Daemon::start(switch, "wrong");
    assert_eq!(daemon.end().await, Some(78), "{}", daemon.log());
    assert!(daemon.log().contains("event_socket.conf.xml") && !daemon.log().contains("wrong"), "{}", daemon.log());
}

/// A configuration of one Russian line, with more at its end.
fn small(folder: &TempDir, more: &str) -> String {
    let file = folder.path().join("p.toml").display().to_string();
    let text = format!(
        "[switch.main]\npassword = \"secret\"\n[trunk.provider]\ndial = \"sofia/gateway/provider/{{number}}\"\n\
         [[operator]]\nname = \"anna\"\ndial = \"user/1001\"\n[[line]]\nname = \"site\"\nnumbers = [\"+74951112233\"]\n{more}"
    );
    fs::write(&file, text).unwrap();
    file
}

#[test]
fn an_announcement_is_shown_as_it_would_be_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = small(
        &folder,
        "[line.redial]\nannounce_repeated = \"Снова {{ name }}.\"\n[voice]\nnames = \"transliterate\"\n",
    );
    let say = |arguments: &[&str]| perezvon(&[&["say", "site", "--config", &file], arguments].concat());
    let said = |arguments: &[&str]| text(&say(arguments).stdout);
    assert_eq!(
        said(&[]),
        "Пропущенный вызов, site, номер восемь, девятьсот шестнадцать, сто двадцать три, сорок пять, шестьдесят семь. Соединяю.\n"
    );
    assert!(
        said(&["--kind", "requested", "--number", "8 495 000-00-01"])
            .starts_with("Просят перезвонить, site, номер восемь, четыреста девяносто пять,")
    );
    assert_eq!(said(&["--kind", "repeated", "--name", "Ivan${system(id)}"]), "Снова Иван систем ид .\n");
    assert_eq!(said(&["--kind", "client"]), "Здравствуйте, вы нам звонили. Соединяю с оператором.\n");
    let silent = say(&["--wav", "/tmp/x.wav"]);
    assert_eq!(silent.status.code(), Some(1));
    assert!(text(&silent.stderr).contains("set `command = \"espeak-ng"), "{}", text(&silent.stderr));
    let nowhere = perezvon(&["say", "sight", "--config", &file]);
    assert_eq!(text(&nowhere.stderr), "there is no line \"sight\"; known: site\n");
    assert_eq!(say(&["--number", "x"]).status.code(), Some(1));
    assert_eq!(say(&["--kind", "busy"]).status.code(), Some(2));
    let sample = outside::file("deploy/perezvon.toml").display().to_string();
    let sampled = text(&perezvon(&["say", "site", "--config", &sample]).stdout);
    assert!(sampled.starts_with("Пропущенный вызов, Яндекс Директ, номер восемь, девятьсот шестнадцать,"), "{sampled}");
}

#[test]
fn an_announcement_is_rendered_by_the_command_of_the_configuration() {
    let Some(_) = outside::program("espeak-ng") else { return };
    let folder = tempfile::tempdir().unwrap();
    let wav = folder.path().join("a.wav");
    for command in ["espeak-ng -v {voice} -w {file} {text}", "espeak-ng -v {voice} -w {file} --stdin"] {
        let file = small(&folder, &format!("[voice]\ncommand = \"{command}\"\n"));
        let rendered = perezvon(&["say", "site", "--config", &file, "--wav", wav.to_str().unwrap()]);
        assert!(rendered.status.success(), "{}", outside::said(&rendered));
        let sound = fs::read(&wav).unwrap();
        assert!(sound.starts_with(b"RIFF") && sound.len() > 10_000, "{command}: {} bytes", sound.len());
        fs::remove_file(&wav).unwrap();
    }
    let file = small(&folder, "[voice]\ncommand = \"espeak-ng -v {voice} -w {file} {text}\"\nvoice = \"nobody\"\n");
    let failed = perezvon(&["say", "site", "--config", &file, "--wav", wav.to_str().unwrap()]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(text(&failed.stderr).starts_with("espeak-ng ended with exit status: 1: "), "{}", text(&failed.stderr));
}

/// 2026-11-23, 12:00 UTC.
const NOON: i64 = 1_795_435_200_000;

#[tokio::test(flavor = "multi_thread")]
async fn new_rules_are_tried_on_the_journal_while_the_daemon_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("p.db").display());
    let of_store = format!("[store]\nurl = \"{url}\"\n");
    let current = small(&folder, &of_store);
    let new = folder.path().join("new.toml").display().to_string();
    fs::write(
        &new,
        format!("{}[line.redial]\nattempts = 1\n", fs::read_to_string(&current).unwrap().replace(&of_store, "")),
    )
    .unwrap();
    let replay = |more: &[&str]| perezvon(&[&["replay", "--config", &current, "--rules", &new], more].concat());
    assert!(text(&replay(&[]).stderr).contains("No such file"), "no store is made of nothing");
    let store = store::open(&url, Wall(1_795_400_000_000)).await.unwrap();
    store.commit(&day::journal(NOON)).await.unwrap();
    let period = ["--since", "2026-11-20", "--until", "2026-11-30"];
    let told = replay(&[&period[..], &["--json"]].concat());
    assert!(told.status.success(), "{}", text(&told.stderr));
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    for (which, dials, recovered) in [("journal", 2, 1), ("current", 2, 1), ("new", 1, 0)] {
        assert_eq!((&told[which]["dials"], &told[which]["recovered"]), (&json!(dials), &json!(recovered)), "{told}");
    }
    let table = text(&replay(&period).stdout);
    let row = |name: &str| -> Vec<String> {
        let line = table.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {table}"));
        line[name.len()..].split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(row("recovered clients"), ["1", "1", "0", "-1"]);
    assert_eq!(row("dials to clients"), ["2", "2", "1", "-1"]);
    assert_eq!(row("callbacks"), ["1", "1", "1", "0"]);
    let empty = replay(&["--since", "2026-12-01", "--until", "2026-12-02"]);
    assert_eq!(empty.status.code(), Some(1));
    assert!(text(&empty.stderr).contains("nothing to learn from"), "{}", text(&empty.stderr));
    store.close().await.unwrap();
}

/// Renders by writing the text down, and 60 bytes of silence.
fn rendering(folder: &Path) -> String {
    let cache = folder.join("voice").display().to_string();
    let command = r#"sh -c 'cat > $1; printf %60s >> $1' sh {file}"#;
    format!("[voice.ru]\ncommand = \"{command}\"\n[voice]\ncache = \"{cache}\"\nshare = \"{cache}\"\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_command_renders_is_played_and_not_spoken() {
    let (streets, switch) = town().await;
    let daemon = Daemon::start_with(switch, "pretend", |folder| {
        fs::create_dir(folder.join("voice")).unwrap();
        fs::set_permissions(folder.join("voice"), fs::Permissions::from_mode(0o755)).unwrap();
        rendering(folder)
    });
    daemon.until(&["status"], |said| said.contains("switch main: connected")).await;
    streets.with(|town, now| town.call(&caller(), Span(300), now));
    daemon.until(&["journal"], |said| said.contains("-> callback #1: talked, 1 attempt")).await;
    let sounds: Vec<String> = fs::read_dir(daemon.path("voice"))
        .unwrap()
        .map(|entry| text(&fs::read(entry.unwrap().path()).unwrap()))
        .collect();
    let number = "восемь, девятьсот шестнадцать, сто двадцать три, сорок пять, шестьдесят семь";
    assert!(sounds.len() == 1 && sounds[0].starts_with(number), "{sounds:?}");
    let happened = streets.with(|town, _| town.happened());
    let heard = |quiet: bool| {
        happened
            .iter()
            .filter(|(_, what)| matches!(what, Outside::Hears(_, words) if words.is_empty() == quiet))
            .count()
    };
    assert_eq!(heard(false), 0, "nothing is spoken: {happened:?}");
    assert!(heard(true) > 0, "{happened:?}");
    let (_, metrics) = daemon.http("GET /metrics HTTP/1.1", "");
    assert!(!metrics.contains("perezvon_alarms_total{kind=\"voice\"} 1"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_does_not_start_whose_sounds_nobody_could_play() {
    let (_streets, switch) = town().await;
    let mut daemon = Daemon::start_with(switch, "pretend", rendering);
    assert_eq!(daemon.end().await, Some(78));
    let check = perezvon(&["check", "--config", &daemon.path("p.toml")]);
    assert_eq!(check.status.code(), Some(78), "it is told before a restart, too");
    for told in [daemon.log(), text(&check.stderr)] {
        assert!(told.contains("[voice] cache: ") && told.contains("make it with `install -d -o perezvon"), "{told}");
    }
}
