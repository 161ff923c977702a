//! The HTTP API as a program meets it: a daemon of its own, tokens, refusals, events.
#![cfg(feature = "daemon")]
#![allow(clippy::disallowed_methods)] // waits of the test itself, in real time

mod outside;
#[path = "api/widget.rs"]
mod widget;

use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    process::{Child, Command, Stdio},
    sync::{Mutex, mpsc},
    thread::sleep,
    time::{Duration, Instant},
};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_perezvon");
const PATIENCE: Duration = Duration::from_secs(20);
const PROBLEM: &str = "application/problem+json";

/// A daemon without a switch, with a token of each scope.
struct Daemon {
    child: Child,
    folder: TempDir,
    address: String,
    secrets: [String; 4],
}

/// A secret, and the lines of the configuration that know it.
fn token(name: &str, scope: &str) -> (String, String) {
    let made = Command::new(PROGRAM).args(["token", name, "--scope", scope]).output().unwrap();
    let said = String::from_utf8(made.stdout).unwrap();
    let secret = said.lines().next().unwrap().to_owned();
    let lines = &said[said.find("[http.token.").unwrap()..];
    assert!(!lines.contains(&secret), "the configuration has no secret");
    (secret, lines.to_owned())
}

/// Runs it, and waits until it listens.
fn spawn(folder: &TempDir) -> (Child, String) {
    let at = |name: &str| folder.path().join(name).display().to_string();
    let log = fs::File::create(at("log")).unwrap();
    let mut run = Command::new(PROGRAM);
    run.args(["run", "--config", &at("p.toml")]).env_remove("RUST_LOG").stdout(Stdio::null()).stderr(log);
    let child = run.spawn().unwrap();
    let begun = Instant::now();
    let address = loop {
        let log = fs::read_to_string(at("log")).unwrap();
        let told = log.split("call records address=").nth(1).and_then(|rest| rest.split_whitespace().next());
        match told {
            Some(address) => break address.to_owned(),
            None => assert!(begun.elapsed() < PATIENCE, "{log}"),
        }
        sleep(Duration::from_millis(30));
    };
    (child, address)
}

impl Daemon {
    fn start() -> Daemon {
        Daemon::start_with("")
    }

    /// With this in its configuration too.
    fn start_with(more: &str) -> Daemon {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let mut tokens = [("eye", "read"), ("site", "operate"), ("boss", "admin"), ("anna", "operate")]
            .map(|(name, scope)| token(name, scope));
        tokens[ANNA].1.push_str("operator = \"anna\"\n");
        let config = format!(
            "[switch.main]\naddress = \"127.0.0.1:1\"\npassword = \"x\"\n[store]\nurl = \"sqlite:{}\"\n[http]\n\
             listen = \"127.0.0.1:0\"\ntrusted_proxy = \"127.0.0.1\"\n[control]\nsocket = \"{}\"\n[trunk.provider]\n\
             dial = \"sofia/gateway/provider/{{number}}\"\n[[operator]]\nname = \"anna\"\ndial = \"user/1001\"\n\
             [[operator]]\nname = \"boris\"\ndial = \"user/1002\"\n[[line]]\n\
             name = \"site\"\nnumbers = [\"+74951112233\"]\n{}{}{more}",
            at("p.db"),
            at("p.sock"),
            tokens.each_ref().map(|(_, lines)| lines.as_str()).concat(),
            widget::SITES,
        );
        fs::write(at("p.toml"), config).unwrap();
        let (child, address) = spawn(&folder);
        Daemon { child, folder, address, secrets: tokens.map(|(secret, _)| secret) }
    }

    /// Is killed with -9, and started again on what it left.
    fn dies_and_returns(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        (self.child, self.address) = spawn(&self.folder);
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("p.toml")
    }

    /// The command line beside it: how it ended, and what it said.
    fn perezvon(&self, arguments: &[&str]) -> (i32, String, String) {
        let said = Command::new(PROGRAM)
            .args(arguments)
            .env("PEREZVON_CONTROL__SOCKET", self.folder.path().join("p.sock"))
            .env("USER", "olga")
            .env_remove("SUDO_USER")
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (said.status.code().unwrap(), text(said.stdout), text(said.stderr))
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    }

    /// One exchange: the status, the head, the body.
    fn exchange(&self, head: &str, more: &str, body: &str) -> (u16, String, String) {
        let mut stream = self.connect();
        let length = body.len();
        write!(
            stream,
            "{head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}Content-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_ascii_lowercase(), body.to_owned())
    }

    /// As the one with this scope: the status, and the JSON.
    fn ask(&self, scope: usize, head: &str, body: Option<Value>) -> (u16, Value) {
        self.ask_with(scope, head, "", body)
    }

    fn ask_with(&self, scope: usize, head: &str, more: &str, body: Option<Value>) -> (u16, Value) {
        let body = body.map(|body| body.to_string());
        let kind = if body.is_some() { "Content-Type: application/json\r\n" } else { "" };
        let more = format!("Authorization: Bearer {}\r\n{kind}{more}", self.secrets[scope]);
        let (status, head, body) = self.exchange(head, &more, body.as_deref().unwrap_or_default());
        if status >= 400 {
            assert!(head.contains(PROBLEM), "{head}\n{body}");
        }
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const READ: usize = 0;
const OPERATE: usize = 1;
const ADMIN: usize = 2;
/// An operator's own.
const ANNA: usize = 3;

#[test]
fn nobody_asks_without_a_token_and_none_does_more_than_its_scope() {
    let daemon = Daemon::start();
    let (status, head, body) = daemon.exchange("GET /api/v1/callbacks", "", "");
    assert!(status == 401 && head.contains("www-authenticate: bearer") && head.contains(PROBLEM), "{head}");
    assert!(body.contains("perezvon token"), "{body}");
    let wrong = "Authorization: Bearer pzv_0000\r\n";
    assert_eq!(daemon.exchange("GET /api/v1/callbacks", wrong, "").0, 401);
    assert_eq!(daemon.ask(READ, "GET /api/v1/callbacks", None).0, 200);
    let (status, problem) = daemon.ask(READ, "POST /api/v1/callbacks", Some(json!({ "number": "+79161234567" })));
    assert_eq!((status, problem["code"].as_str()), (403, Some("forbidden")));
    assert_eq!(daemon.ask(OPERATE, "PUT /api/v1/pause", None).0, 403);
    assert_eq!(daemon.ask(ADMIN, "PUT /api/v1/pause", None).0, 204);
    assert_eq!(daemon.ask(READ, "GET /api/v1/status", None).1["paused"], true);
    let (_, board) = daemon.ask(READ, "GET /api/v1/board", None);
    assert_eq!((&board["paused"], &board["switches"][0]["up"]), (&json!(true), &json!(false)));
    assert_eq!((&board["queues"][0]["waiting"], &board["operators"][0]["name"]), (&json!([]), &json!("anna")));
    assert_eq!(daemon.ask(ADMIN, "DELETE /api/v1/pause", None).0, 204);
    let log = fs::read_to_string(daemon.folder.path().join("log")).unwrap();
    assert!(daemon.secrets.iter().all(|secret| !log.contains(secret.as_str())));
}

#[test]
fn a_callback_is_made_once_read_explained_put_off_and_taken_off() {
    let daemon = Daemon::start();
    let wanted = || Some(json!({ "number": "8 (916) 123-45-67" }));
    let key = "Idempotency-Key: order-17\r\n";
    let (status, made) = daemon.ask_with(OPERATE, "POST /api/v1/callbacks", key, wanted());
    assert_eq!(
        (status, made["number"].as_str(), made["origin_of"].as_str()),
        (201, Some("+79161234567"), Some("site"))
    );
    assert_eq!(daemon.ask_with(OPERATE, "POST /api/v1/callbacks", key, wanted()), (201, made.clone()));
    let other = Some(json!({ "number": "+79161234568" }));
    let (status, problem) = daemon.ask_with(OPERATE, "POST /api/v1/callbacks", key, other);
    assert_eq!((status, problem["code"].as_str()), (409, Some("key-reused")));

    let id = made["id"].as_u64().unwrap();
    let (status, story) = daemon.ask(READ, &format!("GET /api/v1/callbacks/{id}"), None);
    assert_eq!((status, &story["callback"]["id"], story["attempts"].as_array().unwrap().len()), (200, &json!(id), 0));
    let (_, board) = daemon.ask(READ, "GET /api/v1/board", None);
    let shown = &board["callbacks"][0];
    assert_eq!((&shown["callback"]["id"], &shown["stage"]), (&json!(id), &json!("due")), "{board}");
    let (_, why) = daemon.ask(READ, &format!("GET /api/v1/callbacks/{id}/explanation"), None);
    assert!(why["now"]["vetoes"].as_array().is_some_and(|vetoes| !vetoes.is_empty()), "{why}");
    let due = "2030-01-01T09:00:00Z";
    let (status, problem) =
        daemon.ask(OPERATE, &format!("PUT /api/v1/callbacks/{id}/due"), Some(json!({ "due": due })));
    assert_eq!((status, problem["code"].as_str()), (409, Some("done")), "{problem}");
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(48);
    let soon = soon.round(jiff::Unit::Second).unwrap().to_string();
    let (status, later) = daemon.ask(OPERATE, &format!("PUT /api/v1/callbacks/{id}/due"), Some(json!({ "due": soon })));
    assert_eq!((status, later["due"].as_str()), (200, Some(soon.as_str())));
    assert!(later["expires"].as_str().unwrap() > soon.as_str(), "it does not expire before its time");
    assert_eq!(daemon.ask(OPERATE, &format!("POST /api/v1/callbacks/{id}/cancel"), None).0, 204);
    assert_eq!(daemon.ask(OPERATE, &format!("POST /api/v1/callbacks/{id}/cancel"), None).0, 409);
    let (_, story) = daemon.ask(READ, &format!("GET /api/v1/callbacks/{id}"), None);
    assert_eq!(
        (story["callback"]["state"].as_str(), story["callback"]["reason"].as_str()),
        (Some("closed"), Some("cancelled"))
    );
    assert_eq!(story["callback"]["reason_of"].as_str(), Some("site"), "who took it off");
    assert_eq!(daemon.ask(READ, "GET /api/v1/callbacks/999", None).0, 404);
    assert_eq!(daemon.ask(READ, "GET /api/v1/callbacks/x", None).0, 400);
}

#[test]
fn pages_follow_each_other_and_leave_nothing_out() {
    let daemon = Daemon::start();
    for n in 0..5 {
        assert_eq!(
            daemon.ask(OPERATE, "POST /api/v1/callbacks", Some(json!({ "number": format!("+7916000000{n}") }))).0,
            201
        );
    }
    let (mut seen, mut before) = (Vec::new(), String::new());
    loop {
        let (_, page) = daemon.ask(READ, &format!("GET /api/v1/callbacks?limit=2&open=true{before}"), None);
        seen.extend(page["callbacks"].as_array().unwrap().iter().map(|one| one["id"].as_u64().unwrap()));
        match page["next"].as_u64() {
            Some(next) => before = format!("&before={next}"),
            None => break,
        }
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    let (_, calls) = daemon.ask(READ, "GET /api/v1/calls", None);
    assert_eq!(calls, json!({ "calls": [], "next": null }));
    let (mut seen, mut before) = (Vec::new(), String::new());
    loop {
        let (_, page) = daemon.ask(READ, &format!("GET /api/v1/journal?limit=2&status=pending,live{before}"), None);
        let rows = page["rows"].as_array().unwrap();
        assert!(rows.iter().all(|row| row["call"].is_null() && row["status"] == "pending"), "{page}");
        seen.extend(rows.iter().map(|row| row["callback"]["id"].as_u64().unwrap()));
        match page["next"].as_str() {
            Some(next) => before = format!("&before={next}"),
            None => break,
        }
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    let (_, groups) = daemon.ask(READ, "GET /api/v1/groups", None);
    let of_group = format!("group={}", groups["groups"][0]["name"].as_str().unwrap());
    for (filter, wanted) in [
        ("line=site", 5),
        (of_group.as_str(), 5),
        ("group=nobodys", 0),
        ("source=nowhere", 0),
        ("number=%2B79160000003", 1),
        ("status=served", 0),
        ("operator=anna", 0),
        ("redial=false", 5),
        ("redial=true", 0),
    ] {
        let (_, page) = daemon.ask(READ, &format!("GET /api/v1/journal?{filter}"), None);
        assert_eq!(page["rows"].as_array().unwrap().len(), wanted, "{filter}");
    }
    for (filter, status) in
        [("state=waiting", 200), ("reason=talked", 200), ("state=asleep", 400), ("reason=luck", 400)]
    {
        assert_eq!(daemon.ask(READ, &format!("GET /api/v1/callbacks?{filter}"), None).0, status, "{filter}");
    }
    for wrong in ["status=", "status=gone", "status=live,gone", "before=x", "redial=maybe", "limit=0"] {
        let (status, problem) = daemon.ask(READ, &format!("GET /api/v1/journal?{wrong}"), None);
        assert_eq!((status, problem["code"].as_str()), (400, Some("malformed")), "{wrong}");
    }
    for wrong in
        ["limit=0", "limit=1001", "limit=x", "colour=red", "after=x", "since=yesterday", "number=abc", "format=xml"]
    {
        let (status, problem) = daemon.ask(READ, &format!("GET /api/v1/calls?{wrong}"), None);
        assert_eq!((status, problem["code"].as_str()), (400, Some("malformed")), "{wrong}");
    }
    let more = format!("Authorization: Bearer {}\r\n", daemon.secrets[READ]);
    let (status, head, body) = daemon.exchange("GET /api/v1/calls?format=csv", &more, "");
    assert!(status == 200 && head.contains("text/csv") && body.contains("id,arrived,line,number"), "{head}\n{body}");
    let (status, head, body) = daemon.exchange("GET /api/v1/journal?format=csv&limit=2", &more, "");
    assert!(status == 200 && head.contains("attachment; filename=\"journal.csv\""), "{head}");
    assert_eq!(body.matches(",request,pending,,site,").count(), 5, "all of them, whatever the page: {body}");
    let (status, head, body) = daemon.exchange("GET /api/v1/report?by=line&format=csv", &more, "");
    assert!(status == 200 && head.contains("text/csv") && body.contains("\nsite,0,0,0,0,5,"), "{head}\n{body}");
}

#[test]
fn a_page_is_signed_in_to_and_no_other_site_may_use_that() {
    let daemon = Daemon::start();
    let json = "Content-Type: application/json\r\n";
    let own = format!("{json}Origin: http://x\r\n");
    let given = |name: &str, secret: &str| json!({ "name": name, "secret": secret }).to_string();
    let boss = given("boss", &daemon.secrets[ADMIN]);
    assert_eq!(daemon.exchange("POST /session", &own, &given("eye", &daemon.secrets[ADMIN])).0, 401);
    assert_eq!(daemon.exchange("POST /session", &format!("{json}Origin: http://evil\r\n"), &boss).0, 403);
    let (status, head, _) = daemon.exchange("POST /session", &own, &boss);
    assert!(status == 204 && head.contains("httponly; samesite=strict"), "{head}");
    let cookie = format!("Cookie: perezvon={}\r\n", daemon.secrets[ADMIN]);
    let (status, _, me) = daemon.exchange("GET /api/v1/me", &cookie, "");
    let me: Value = serde_json::from_str(&me).unwrap();
    assert_eq!(
        (status, &me),
        (200, &json!({ "name": "boss", "scope": "admin", "operator": null, "whole_numbers": true }))
    );
    for (more, wanted) in
        [("", 403), ("Origin: http://evil\r\n", 403), ("Sec-Fetch-Site: cross-site\r\n", 403), (own.as_str(), 204)]
    {
        assert_eq!(daemon.exchange("PUT /api/v1/pause", &format!("{cookie}{more}"), "").0, wanted, "{more}");
    }
    let (_, head, _) = daemon.exchange("DELETE /session", &cookie, "");
    assert!(head.contains("set-cookie: perezvon=; path=/; httponly; samesite=strict; max-age=0"), "{head}");
}

#[test]
fn pages_are_sent_once_and_let_nothing_strange_in() {
    let daemon = Daemon::start();
    let (status, head, page) = daemon.exchange("GET /", "", "");
    assert!(status == 200 && page.contains("/web/index.js") && head.contains("default-src 'self'"), "{head}");
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    assert_eq!(daemon.exchange("GET /", &format!("If-None-Match: {tag}\r\n"), "").0, 304);
    for name in page.split('"').filter(|part| part.starts_with("/web/")) {
        assert_eq!(daemon.exchange(&format!("GET {name}"), "", "").0, 200, "{name}");
    }
}

#[test]
fn numbers_are_blocked_and_operators_set() {
    let daemon = Daemon::start();
    assert_eq!(daemon.ask(OPERATE, "PUT /api/v1/blocked/+79161234567", None).0, 204);
    let (_, list) = daemon.ask(READ, "GET /api/v1/blocked", None);
    assert_eq!(
        (list["numbers"][0]["number"].as_str(), list["numbers"][0]["by"].as_str()),
        (Some("+7916***4567"), Some("site"))
    );
    let (status, problem) = daemon.ask(OPERATE, "POST /api/v1/callbacks", Some(json!({ "number": "+79161234567" })));
    assert_eq!((status, problem["code"].as_str()), (409, Some("blocked")));
    assert_eq!(list["numbers"][0]["reason"], Value::Null);
    let why = |reason: &str| Some(json!({ "reason": reason }));
    assert_eq!(daemon.ask(OPERATE, "PUT /api/v1/blocked/+79161234567", why(" asked not to be called ")).0, 204);
    let (_, list) = daemon.ask(READ, "GET /api/v1/blocked", None);
    assert_eq!(list["numbers"][0]["reason"], json!("asked not to be called"));
    assert_eq!(daemon.ask(OPERATE, "PUT /api/v1/blocked/+79161234567", why(&"x".repeat(201))).0, 400);
    assert_eq!(daemon.ask(OPERATE, "DELETE /api/v1/blocked/+79161234567", None).0, 204);
    assert_eq!(daemon.ask(OPERATE, "PUT /api/v1/blocked/abc", None).0, 400);

    let (status, anna) = daemon.ask(OPERATE, "PUT /api/v1/operators/anna", Some(json!({ "ready": false })));
    assert_eq!((status, anna["state"].as_str(), anna["ready"].as_bool()), (200, Some("away"), Some(false)));
    assert_eq!(daemon.ask(OPERATE, "PUT /api/v1/operators/olga", Some(json!({ "ready": true }))).0, 404);
    assert_eq!(daemon.ask(READ, "GET /api/v1/operators/olga", None).0, 404);
    let (_, all) = daemon.ask(READ, "GET /api/v1/operators", None);
    assert_eq!(all["operators"].as_array().unwrap().len(), 2);
    let (_, groups) = daemon.ask(READ, "GET /api/v1/groups", None);
    assert_eq!(groups["groups"][0]["lines"], json!(["site"]));
    let (status, report) = daemon.ask(READ, "GET /api/v1/report?by=hour&zone=Europe/Moscow", None);
    assert_eq!((status, report["total"]["calls"].as_u64()), (200, Some(0)));
    for (by, _) in perezvon::report::By::ALL {
        let (status, report) = daemon.ask(READ, &format!("GET /api/v1/report?by={by}"), None);
        assert_eq!((status, report["by"].as_str()), (200, Some(by)));
    }
    assert_eq!(daemon.ask(READ, "GET /api/v1/report?zone=Nowhere", None).0, 404);
}

#[test]
fn operators_say_for_themselves_why_they_are_away_and_how_long_their_pause_lasts() {
    let daemon = Daemon::start();
    let away = || Some(json!({ "ready": false, "why": " lunch\n" }));
    let (status, anna) = daemon.ask(ANNA, "PUT /api/v1/operators/anna", away());
    assert_eq!((status, anna["state"].as_str(), anna["why"].as_str()), (200, Some("away"), Some("lunch")));
    let (status, problem) = daemon.ask(ANNA, "PUT /api/v1/operators/boris", away());
    assert_eq!((status, problem["code"].as_str()), (403, Some("forbidden")), "not for others");
    for who in [OPERATE, ADMIN] {
        assert_eq!(daemon.ask(who, "PUT /api/v1/operators/boris", away()).0, 200);
    }
    let (status, now) = daemon.ask(READ, "GET /api/v1/operators/anna/now", None);
    assert_eq!((status, now["operator"]["why"].as_str(), &now["moment"]), (200, Some("lunch"), &Value::Null));
    let (_, anna) = daemon.ask(ANNA, "PUT /api/v1/operators/anna", Some(json!({ "ready": true })));
    assert_eq!((anna["why"].as_str(), anna["ready"].as_bool()), (Some(""), Some(true)));
    let later = |minutes: i64| {
        let at = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(minutes);
        Some(json!({ "until": at.round(jiff::Unit::Second).unwrap().to_string() }))
    };
    let pause = "PUT /api/v1/operators/anna/wrap-up";
    let (status, anna) = daemon.ask(ANNA, pause, later(5));
    assert!(status == 200 && anna["pause"].is_string(), "{anna}");
    assert_eq!(daemon.ask(ANNA, pause, later(61)).1["code"], "done", "an hour is the most");
    assert_eq!(daemon.ask(ANNA, pause, later(-1)).1["pause"], Value::Null);
    assert_eq!(daemon.ask(ANNA, "PUT /api/v1/operators/boris/wrap-up", later(5)).0, 403);
}

#[test]
fn what_is_said_of_a_client_is_kept_and_done() {
    let daemon = Daemon::start();
    let (client, notes) = ("GET /api/v1/clients/+79161234567", "POST /api/v1/clients/+79161234567/notes");
    let (status, nobody) = daemon.ask(READ, client, None);
    assert_eq!((status, &nobody["notes"], &nobody["blocked"]), (200, &json!([]), &Value::Null));
    assert_eq!(daemon.ask(READ, notes, Some(json!({ "text": "x" }))).0, 403);
    let said = Some(json!({ "text": "likes tea", "tags": ["vip", "vip", " old "], "disposition": "Agreed" }));
    let (status, note) = daemon.ask(ANNA, notes, said);
    assert_eq!((status, note["by"].as_str(), &note["tags"]), (201, Some("anna"), &json!(["vip", "old"])));
    assert_eq!(daemon.ask(OPERATE, notes, Some(json!({ "text": "second" }))).1["by"], "site");
    let (_, known) = daemon.ask(READ, client, None);
    assert_eq!((known["notes"][0]["text"].as_str(), &known["tags"]), (Some("second"), &json!(["vip", "old"])));
    for wrong in [
        json!({}),
        json!({ "text": " " }),
        json!({ "text": "x".repeat(4001) }),
        json!({ "tags": ["x".repeat(41)] }),
        json!({ "disposition": "x", "means": "nothing" }),
        json!({ "disposition": "x", "means": "machine" }),
        json!({ "disposition": "x", "means": "call-again" }),
    ] {
        let (status, problem) = daemon.ask(ANNA, notes, Some(wrong.clone()));
        assert!((400..500).contains(&status) && !problem["detail"].as_str().unwrap().is_empty(), "{wrong}: {problem}");
    }
    assert_eq!(daemon.ask(READ, client, None).1["notes"].as_array().unwrap().len(), 2, "nothing of that is kept");

    // Call again: a callback at that time, and not before.
    let due = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(2);
    let due = due.round(jiff::Unit::Second).unwrap().to_string();
    let again = json!({ "disposition": "Call again", "means": "call-again", "due": due });
    assert_eq!(daemon.ask(ANNA, notes, Some(again)).0, 201);
    let (_, callbacks) = daemon.ask(READ, "GET /api/v1/callbacks?open=true", None);
    let callback = &callbacks["callbacks"][0];
    assert_eq!((callback["due"].as_str(), callback["origin_of"].as_str()), (Some(due.as_str()), Some("anna")));
    let id = callback["id"].as_u64().unwrap();
    let machine = json!({ "disposition": "Machine", "means": "machine", "callback": id });
    assert_eq!(daemon.ask(ANNA, notes, Some(machine)).1["code"], "done", "nobody has talked");
    assert_eq!(daemon.ask(ANNA, notes, Some(json!({ "disposition": "No", "means": "do-not-call" }))).0, 201);
    let (_, known) = daemon.ask(READ, client, None);
    assert_eq!((known["blocked"]["by"].as_str(), known["notes"].as_array().unwrap().len()), (Some("anna"), 4));
    assert_eq!(known["callbacks"][0]["callback"]["reason"], "cancelled");

    // Who wrote a note takes it away.
    let id = known["notes"][3]["id"].as_str().unwrap();
    assert_eq!(daemon.ask(OPERATE, &format!("DELETE /api/v1/notes/{id}"), None).0, 403);
    assert_eq!(daemon.ask(ANNA, &format!("DELETE /api/v1/notes/{id}"), None).0, 204);
    assert_eq!(daemon.ask(ADMIN, &format!("DELETE /api/v1/notes/{id}"), None).0, 404);
}

#[test]
fn a_callback_of_a_chosen_time_is_not_dialled_before_and_by_hand_only_by_who_is_there() {
    let daemon = Daemon::start();
    let due = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(5);
    let due = due.round(jiff::Unit::Second).unwrap().to_string();
    let wanted = json!({ "number": "+79161234567", "due": due });
    let (status, made) = daemon.ask(OPERATE, "POST /api/v1/callbacks", Some(wanted));
    assert_eq!((status, made["due"].as_str()), (201, Some(due.as_str())));
    assert_eq!(daemon.ask(ANNA, "PUT /api/v1/operators/anna", Some(json!({ "ready": false }))).0, 200);
    let (status, problem) = daemon.ask(ANNA, "POST /api/v1/callbacks/1/dial", None);
    assert!(status == 409 && problem["detail"].as_str().unwrap().contains("be ready first"), "{problem}");
    assert_eq!(daemon.ask(ANNA, "PUT /api/v1/operators/anna", Some(json!({ "ready": true }))).0, 200);
    assert_eq!(daemon.ask(ANNA, "POST /api/v1/callbacks/1/dial", None).0, 204);
    let (_, story) = daemon.ask(READ, "GET /api/v1/callbacks/1", None);
    assert!(story["callback"]["due"].as_str().unwrap() < due.as_str(), "{story}");
    assert_eq!(daemon.ask(ANNA, "POST /api/v1/callbacks/9/dial", None).0, 404);
    for path in ["by-hand", "talks", "now"] {
        assert_eq!(daemon.ask(READ, &format!("GET /api/v1/operators/anna/{path}"), None).0, 200, "{path}");
        assert_eq!(daemon.ask(READ, &format!("GET /api/v1/operators/olga/{path}"), None).0, 404, "{path}");
    }
    let (_, pages) = daemon.ask(READ, "GET /api/v1/pages", None);
    assert_eq!(pages, json!({ "links": [], "away": [], "dispositions": [] }));
}

#[test]
fn who_only_looks_on_sees_masked_numbers_wherever_they_stand() {
    let daemon = Daemon::start();
    let wanted = || Some(json!({ "number": "+79161234567" }));
    assert_eq!(daemon.ask(OPERATE, "POST /api/v1/callbacks", wanted()).1["number"], "+79161234567");
    daemon.ask(OPERATE, "PUT /api/v1/blocked/+79161234568", None);
    let as_one = |scope: usize, path: &str| {
        let more = format!("Authorization: Bearer {}\r\n", daemon.secrets[scope]);
        daemon.exchange(&format!("GET /api/v1/{path}"), &more, "").2
    };
    for path in ["callbacks", "callbacks/1", "callbacks/1/explanation", "blocked", "callbacks?number=%2B79161234567"] {
        let (masked, whole) = (as_one(READ, path), as_one(OPERATE, path));
        assert!(whole.contains("+7916123456"), "{path}: {whole}");
        assert!(masked.contains("+7916***456") && !masked.contains("9161234"), "{path}: {masked}");
        assert_eq!(masked.len(), whole.len(), "{path}: nothing else is changed");
    }
    assert_eq!(daemon.ask(READ, "GET /api/v1/me", None).1["whole_numbers"], false);
    // A refusal repeats what was asked, and the stream of events is an answer like any other.
    let stream = {
        let mut stream = daemon.connect();
        let secret = &daemon.secrets[READ];
        let head = format!("Authorization: Bearer {secret}\r\nLast-Event-ID: x\r\n");
        write!(stream, "GET /api/v1/events HTTP/1.1\r\nHost: x\r\n{head}\r\n").unwrap();
        BufReader::new(stream)
    };
    let mut lines = stream.lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("event: reset")));
    daemon.ask(OPERATE, "POST /api/v1/callbacks/1/cancel", None);
    let told =
        lines.find(|line| line.contains("callback")).unwrap() + &lines.find(|line| line.starts_with("data")).unwrap();
    assert!(told.contains("callback.closed") && told.contains("+7916***4567"), "{told}");
}

#[test]
fn what_is_kept_of_a_client_is_told_and_forgotten_by_whoever_may() {
    let daemon = Daemon::start();
    let wanted = || Some(json!({ "number": "+79161234567" }));
    let key = "Idempotency-Key: order-17\r\n";
    daemon.ask_with(OPERATE, "POST /api/v1/callbacks", key, wanted());
    daemon.ask(OPERATE, "PUT /api/v1/blocked/+79161234567", None);
    assert_eq!(daemon.ask(OPERATE, "GET /api/v1/personal/+79161234567", None).0, 403);
    let (status, known) = daemon.ask(ADMIN, "GET /api/v1/personal/+79161234567", None);
    assert_eq!((status, known["callbacks"][0]["callback"]["number"].as_str()), (200, Some("+79161234567")));
    assert_eq!((known["blocked"]["by"].as_str(), known["papers"].as_array().map(Vec::len)), (Some("site"), Some(0)));

    assert_eq!(daemon.ask(OPERATE, "DELETE /api/v1/personal/+79161234567", None).0, 403);
    let (status, gone) = daemon.ask(ADMIN, "DELETE /api/v1/personal/+79161234567", None);
    assert_eq!((status, gone), (200, json!({ "calls": 0, "callbacks": 1, "papers": 0, "recordings": [] })));
    let (_, known) = daemon.ask(ADMIN, "GET /api/v1/personal/+79161234567", None);
    assert_eq!((known["callbacks"].as_array().map(Vec::len), known["blocked"]["by"].as_str()), (Some(0), Some("site")));
    let (_, story) = daemon.ask(ADMIN, "GET /api/v1/callbacks/1", None);
    assert_eq!(story["callback"]["number"], "+99900000000");
    assert_eq!(story["callback"]["reason"], "cancelled");
    let gone = "DELETE /api/v1/personal/+79161234567?unblock=true";
    assert_eq!(daemon.ask(ADMIN, gone, None).0, 200);
    // What was answered under a key is forgotten too: the key is new.
    let begun = Instant::now();
    let (mut status, mut made) = daemon.ask_with(OPERATE, "POST /api/v1/callbacks", key, wanted());
    while made["id"] == 1 && begun.elapsed() < PATIENCE {
        sleep(Duration::from_millis(30));
        (status, made) = daemon.ask_with(OPERATE, "POST /api/v1/callbacks", key, wanted());
    }
    assert_eq!((status, made["id"].as_u64()), (201, Some(2)), "it may be called again");
    assert_eq!(daemon.ask(ADMIN, "DELETE /api/v1/personal/abc", None).0, 400);
}

#[test]
fn what_cannot_be_read_is_refused_with_words() {
    let daemon = Daemon::start();
    for (body, status) in
        [("{", 400), ("[]", 422), ("{\"number\":1}", 422), ("{\"number\":\"+79161234567\",\"x\":1}", 422)]
    {
        let more = format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", daemon.secrets[OPERATE]);
        let (got, head, text) = daemon.exchange("POST /api/v1/callbacks", &more, body);
        assert!(got == status && head.contains(PROBLEM) && !text.is_empty(), "{body}: {head}\n{text}");
    }
    let (status, _) = daemon.ask(OPERATE, "POST /api/v1/callbacks", Some(json!({ "number": "x".repeat(100_000) })));
    assert_eq!(status, 413);
    assert_eq!(daemon.ask(READ, "GET /api/v1/nothing", None).0, 404);
    assert_eq!(daemon.ask(READ, "PATCH /api/v1/callbacks", None).0, 405);
    let (status, _, page) = daemon.exchange("GET /docs", "", "");
    assert!(status == 200 && page.contains("/api/v1/callbacks/{id}/explanation"), "{page}");
    let (_, _, description) = daemon.exchange("GET /openapi.json", "", "");
    let description: Value = serde_json::from_str(&description).unwrap();
    assert!(description["openapi"].as_str().unwrap().starts_with("3."));
}

#[test]
fn events_are_heard_as_they_happen_and_after_a_break() {
    let daemon = Daemon::start();
    let listen = |last: &str| {
        let mut stream = daemon.connect();
        let secret = &daemon.secrets[READ];
        write!(stream, "GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\n{last}\r\n")
            .unwrap();
        BufReader::new(stream)
    };
    let next = |from: &mut BufReader<TcpStream>| {
        let (mut id, mut name) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            assert!(from.read_line(&mut line).unwrap() > 0, "the stream ended");
            if let Some(found) = line.strip_prefix("id: ") {
                found.trim().clone_into(&mut id);
            } else if let Some(found) = line.strip_prefix("event: ") {
                found.trim().clone_into(&mut name);
            } else if line.trim().is_empty() && !name.is_empty() {
                return (id, name);
            }
        }
    };
    let mut first = listen("");
    let mut head = String::new();
    while head.trim() != ": perezvon" {
        head.clear();
        first.read_line(&mut head).unwrap();
    }
    daemon.ask(OPERATE, "POST /api/v1/callbacks", Some(json!({ "number": "+79161234567" })));
    let (id, name) = next(&mut first);
    assert_eq!(name, "callback.opened");
    drop(first);
    daemon.ask(OPERATE, "POST /api/v1/callbacks/1/cancel", None);
    let mut again = listen(&format!("Last-Event-ID: {id}\r\n"));
    assert_eq!(next(&mut again).1, "callback.closed");
    let mut stranger = listen("Last-Event-ID: elsewhere-5\r\n");
    assert_eq!(next(&mut stranger).1, "reset");
}

/// A draft that sets this key of the line "site".
fn of_site(key: &str, value: Value) -> Value {
    json!({ "set": [{ "path": ["line", "site", "redial", key], "value": value }] })
}

fn save(draft: Value, based_on: u64) -> Option<Value> {
    Some(json!({ "draft": draft, "based_on": based_on, "comment": "for the spring" }))
}

/// What is obeyed at this path, and what says it.
fn obeyed(daemon: &Daemon, path: &[&str]) -> (Value, Value) {
    let (status, now) = daemon.ask(READ, "GET /api/v1/settings", None);
    assert_eq!(status, 200);
    let found = now["values"].as_array().unwrap().iter().find(|value| value["path"] == json!(path)).cloned();
    let found = found.unwrap_or_default();
    (found["value"].clone(), found["from"].clone())
}

const ATTEMPTS: [&str; 4] = ["line", "site", "redial", "attempts"];

#[test]
fn settings_are_checked_saved_obeyed_and_gone_back_to() {
    let daemon = Daemon::start();
    let (_, now) = daemon.ask(READ, "GET /api/v1/settings", None);
    assert!(now["newest"].is_null() && now["usual"]["redial"]["attempts"] == 5, "{now}");
    assert_eq!(obeyed(&daemon, &["operator", "anna", "dial"]), (json!("user/1001"), json!("file")));

    assert_eq!(daemon.ask(OPERATE, "POST /api/v1/settings/check", Some(json!({}))).0, 403);
    let faulty = Some(of_site("atempts", json!(3)));
    let (status, checked) = daemon.ask(ADMIN, "POST /api/v1/settings/check", faulty);
    assert_eq!((status, &checked["faults"][0]["path"]), (200, &json!(["line", "site", "redial", "atempts"])));
    assert_eq!(checked["faults"][0]["place"], "the new settings, line.site.redial.atempts");
    assert_eq!(checked["faults"][0]["cure"], "did you mean `attempts`?");
    let (_, checked) = daemon.ask(ADMIN, "POST /api/v1/settings/check", Some(of_site("attempts", json!(3))));
    assert_eq!(checked["changes"], json!([{ "path": ATTEMPTS, "was": null, "now": 3 }]));
    assert_eq!((&checked["faults"], checked["text"].as_str().unwrap().trim()), (&json!([]), SITE_OF_3));

    let (status, saved) = daemon.ask(ADMIN, "POST /api/v1/settings/versions", save(of_site("attempts", json!(3)), 0));
    assert_eq!((status, &saved["version"], saved["by"].as_str()), (201, &json!(1), Some("boss")));
    assert_eq!(obeyed(&daemon, &ATTEMPTS), (json!(3), json!("settings")));
    assert_eq!(
        daemon.ask(ADMIN, "POST /api/v1/settings/versions", save(of_site("attempts", json!(3)), 0)),
        (201, saved),
        "asked again it is the same"
    );
    let text = json!({ "text": "# by hand\n[[line]]\nname = \"site\"\n[line.redial]\nattempts = 7\ntrack = \"1m\"\n" });
    let (status, saved) = daemon.ask(ADMIN, "POST /api/v1/settings/versions", save(text, 1));
    assert_eq!((status, &saved["version"]), (201, &json!(2)));
    let (_, second) = daemon.ask(READ, "GET /api/v1/settings/versions/2", None);
    assert!(second["text"].as_str().unwrap().starts_with("# by hand\n"), "{second}");
    assert_eq!(second["changes"][0], json!({ "path": ATTEMPTS, "was": 3, "now": 7 }));

    let back = |to: u64, based_on: u64| Some(json!({ "to": to, "based_on": based_on }));
    let (status, third) = daemon.ask(ADMIN, "POST /api/v1/settings/rollback", back(1, 2));
    assert_eq!((status, &third["version"], &third["restores"]), (201, &json!(3), &json!(1)));
    assert_eq!(obeyed(&daemon, &ATTEMPTS).0, 3);
    assert_eq!(daemon.ask(ADMIN, "POST /api/v1/settings/rollback", back(0, 3)).0, 201);
    assert_eq!(obeyed(&daemon, &ATTEMPTS).0, Value::Null, "the file alone says nothing of it");
    assert_eq!(daemon.ask(ADMIN, "POST /api/v1/settings/rollback", back(99, 4)).0, 404);
    let (_, all) = daemon.ask(READ, "GET /api/v1/settings/versions", None);
    let numbers: Vec<u64> =
        all["versions"].as_array().unwrap().iter().filter_map(|one| one["version"].as_u64()).collect();
    assert_eq!(numbers, [4, 3, 2, 1]);
    let (status, problem) = daemon.ask(ADMIN, "POST /api/v1/settings/trial", Some(json!({ "draft": {} })));
    assert!(status == 409 && problem["detail"].as_str().unwrap().contains("nothing to learn from"), "{problem}");
}

const SITE_OF_3: &str = "[[line]]\nname = \"site\"\n\n[line.redial]\nattempts = 3";

#[test]
fn nobodys_settings_are_lost_under_anothers() {
    let daemon = Daemon::start();
    assert_eq!(daemon.ask(ADMIN, "POST /api/v1/settings/versions", save(of_site("attempts", json!(3)), 0)).0, 201);
    let (status, problem) = daemon.ask(ADMIN, "POST /api/v1/settings/versions", save(of_site("track", json!("1m")), 0));
    assert_eq!((status, problem["code"].as_str()), (409, Some("changed")));
    let said = problem["detail"].as_str().unwrap();
    assert!(said.contains("boss saved version 1") && said.contains("line.site.redial.attempts"), "{said}");
    assert_eq!(obeyed(&daemon, &ATTEMPTS).0, 3);
    for (draft, code) in [(of_site("attempts", json!(3)), "done"), (of_site("attempts", json!(0)), "config")] {
        let (status, problem) = daemon.ask(ADMIN, "POST /api/v1/settings/versions", save(draft, 1));
        assert_eq!((status, problem["code"].as_str()), (409, Some(code)), "{problem}");
    }
    let secret = json!({ "text": "[http.token.evil]\nhash = \"0\"\nscope = \"admin\"\n" });
    let (status, problem) = daemon.ask(ADMIN, "POST /api/v1/settings/versions", save(secret, 1));
    assert!(status == 409 && problem["detail"].as_str().unwrap().contains("only the file says it"), "{problem}");
    let (status, _) = daemon.ask(
        ADMIN,
        "POST /api/v1/settings/versions",
        Some(json!({ "draft": {}, "based_on": 1, "comment": "x".repeat(501) })),
    );
    assert_eq!(status, 400);
}

#[test]
fn saved_settings_outlive_a_kill_and_a_file_that_they_do_not_fit() {
    let mut daemon = Daemon::start();
    let draft = json!({ "set": [
        { "path": ATTEMPTS, "value": 3 }, { "path": ["group", "all", "operators"], "value": ["anna"] },
    ] });
    assert_eq!(daemon.ask(ADMIN, "POST /api/v1/settings/versions", save(draft, 0)).0, 201);
    daemon.dies_and_returns();
    assert_eq!(obeyed(&daemon, &ATTEMPTS), (json!(3), json!("settings")));
    let (code, said, _) = daemon.perezvon(&["check", "--config", "p.toml"]);
    assert!(
        code == 0 && said.contains("settings version 1 lie over it, saved by boss") && said.contains("up to 3 times"),
        "{said}"
    );

    let file = fs::read_to_string(daemon.file()).unwrap();
    fs::write(daemon.file(), file.replace("\"anna\"", "\"hanna\"")).unwrap();
    let (code, _, said) = daemon.perezvon(&["reload"]);
    assert!(code == 78 && said.contains("settings version 1, group.all.operators"), "{said}");
    assert_eq!(daemon.perezvon(&["check", "--config", "p.toml"]).0, 78);
    assert_eq!(obeyed(&daemon, &ATTEMPTS).0, 3, "nothing was changed");

    daemon.dies_and_returns();
    let (_, now) = daemon.ask(READ, "GET /api/v1/settings", None);
    assert_eq!(now["faults"][0]["path"], json!(["group", "all", "operators", "0"]));
    assert!(now["newest"]["version"] == 1 && now["file_changed"] == true, "{now}");
    assert_eq!(obeyed(&daemon, &["operator", "hanna", "dial"]).1, "file");
    assert_eq!(obeyed(&daemon, &ATTEMPTS).0, Value::Null, "the file alone is obeyed");
    let (_, _, metrics) = daemon.exchange("GET /metrics", "", "");
    assert!(
        metrics.lines().any(|line| line.contains("alarms") && line.contains("settings") && line.ends_with(" 1")),
        "{metrics}"
    );
    let log = fs::read_to_string(daemon.folder.path().join("log")).unwrap();
    assert!(log.contains("perezvon settings rollback"), "{log}");

    fs::write(daemon.file(), file).unwrap();
    assert_eq!(daemon.perezvon(&["reload"]).0, 0);
    assert_eq!(obeyed(&daemon, &ATTEMPTS).0, 3, "they fit again");
}

#[test]
fn the_command_line_edits_settings_too() {
    let daemon = Daemon::start();
    let run = |arguments: &[&str]| daemon.perezvon(arguments);
    assert_eq!(run(&["settings"]).1, format!("# nothing lies over {}\n", daemon.file().display()));
    fs::write(daemon.folder.path().join("new.toml"), format!("{SITE_OF_3}\n")).unwrap();
    let (code, said, _) = run(&["settings", "apply", "new.toml", "--dry-run"]);
    assert_eq!((code, said.as_str()), (0, "+ line.site.redial.attempts = 3\n"));
    let (code, said, _) = run(&["settings", "apply", "new.toml", "--comment", "three"]);
    assert_eq!((code, said.as_str()), (0, "+ line.site.redial.attempts = 3\nversion 1 is in force\n"));
    let (_, shown, _) = run(&["settings"]);
    assert!(
        shown.starts_with("# version 1, ")
            && shown.contains("by olga: three\n")
            && shown.ends_with(&format!("{SITE_OF_3}\n")),
        "{shown}"
    );
    fs::write(daemon.folder.path().join("new.toml"), shown.replace("= 3", "= 0")).unwrap();
    let (code, _, said) = run(&["settings", "apply", "new.toml"]);
    assert_eq!(
        (code, said.as_str()),
        (78, "the new settings, line.site.redial.attempts: `attempts` is 0; it may be 1 to 100\n")
    );
    fs::write(daemon.folder.path().join("new.toml"), shown.replace("= 3", "= 4")).unwrap();
    let (code, _, said) = run(&["settings", "apply", "new.toml", "--based-on", "0"]);
    assert!(code == 1 && said.contains("olga saved version 1"), "{said}");
    let (code, json, _) = run(&["settings", "apply", "new.toml", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &json["version"]["version"]), (0, &json!(2)));
    assert_eq!(run(&["settings", "diff", "2"]).1, "- line.site.redial.attempts = 3\n+ line.site.redial.attempts = 4\n");
    assert_eq!(run(&["settings", "diff"]).1, "+ line.site.redial.attempts = 4\n");
    assert_eq!(run(&["settings", "diff", "2", "0"]).1, "- line.site.redial.attempts = 4\n");
    assert_eq!(run(&["settings", "rollback", "1"]), (0, "version 3 is in force\n".to_owned(), String::new()));
    let (_, list, _) = run(&["settings", "list"]);
    assert!(list.lines().count() == 3 && list.contains("(as 1)"), "{list}");
    let (_, shown, _) = run(&["settings", "show", "2", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&shown).unwrap()["version"]["by"], "olga");
    assert_eq!(run(&["settings", "show", "9"]).0, 1);
}

#[test]
fn an_announcement_is_tried_before_it_is_anybodys() {
    let mut daemon = Daemon::start();
    let ask = |template: &str| {
        daemon.ask(
            ADMIN,
            "POST /api/v1/settings/sample",
            Some(json!({ "template": template, "language": "en", "name": "Ivan" })),
        )
    };
    let (status, said) = ask("{{ name }} on line {{ line }}, try {{ attempt }}");
    assert_eq!((status, said), (200, json!({ "text": "Ivan on line site, try 1", "fault": null })));
    let (_, said) = ask("{{ nmae }}");
    assert!(said["text"].is_null() && said["fault"].as_str().unwrap().contains("nmae"), "{said}");
    let sample = Some(json!({ "template": "hello" }));
    let (status, problem) = daemon.ask(ADMIN, "POST /api/v1/settings/sample/sound", sample.clone());
    assert!(status == 409 && problem["detail"].as_str().unwrap().contains("no command renders it"), "{problem}");
    assert_eq!(daemon.ask(READ, "POST /api/v1/settings/sample", sample.clone()).0, 403);

    let at = |name: &str| daemon.folder.path().join(name);
    fs::create_dir(at("voice")).unwrap();
    fs::set_permissions(at("voice"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(at("render"), "#!/bin/sh\nprintf 'RIFF%060d' 0 > \"$1\"\ncat >> \"$1\"\n").unwrap();
    fs::set_permissions(at("render"), fs::Permissions::from_mode(0o755)).unwrap();
    let command = format!("command = \"{} {{file}}\"", at("render").display());
    let voice = format!("[voice]\ncache = \"{}\"\nshare = \"/voice\"\n[voice.en]\n{command}\n", at("voice").display());
    fs::write(daemon.file(), fs::read_to_string(daemon.file()).unwrap() + &voice).unwrap();
    daemon.dies_and_returns();
    let more = format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", daemon.secrets[ADMIN]);
    let body = json!({ "template": "hello, {{ name }}", "language": "en", "name": "Ivan" }).to_string();
    let (status, head, sound) = daemon.exchange("POST /api/v1/settings/sample/sound", &more, &body);
    assert!(status == 200 && head.contains("content-type: audio/wav"), "{head}");
    assert!(sound.starts_with("RIFF000") && sound.ends_with("hello, Ivan"), "{sound}");
    assert_eq!(fs::read_dir(daemon.folder.path().join("voice")).unwrap().count(), 0, "nothing is left behind");
}

/// A generic tester of APIs, over the description: everything that it says is sent, and what comes back is held against it. The
/// stream of events has no end and is left out.
#[test]
fn a_generic_tester_finds_no_mismatch() {
    let Some(mut tester) = outside::program_or_leave("schemathesis") else { return };
    let daemon = Daemon::start();
    let tested = tester
        .arg("run")
        .arg(format!("http://{}/openapi.json", daemon.address))
        .args(["--header", &format!("Authorization: Bearer {}", daemon.secrets[ADMIN])])
        .args(["--exclude-path-regex", "events", "--max-examples", "25", "--seed", "1"])
        .current_dir(daemon.folder.path())
        .output()
        .unwrap();
    assert!(tested.status.success(), "{}", outside::said(&tested));
}

/// A receiver of webhooks that answers with `status` for as long as it is asked; gives the requests, each with its head and body.
fn receiver(status: &'static Mutex<u16>) -> (u16, mpsc::Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert!(stream.read_line(&mut head).unwrap() > 0, "{head}");
            }
            let head = head.to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let answer = format!("HTTP/1.1 {} x\r\ncontent-length: 0\r\n\r\n", status.lock().unwrap());
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
            if tell.send((head, serde_json::from_slice(&body).unwrap())).is_err() {
                return;
            }
        }
    });
    (port, told)
}

#[test]
fn a_webhook_that_was_down_hears_after_a_kill_of_the_daemon_what_it_missed() {
    static STATUS: Mutex<u16> = Mutex::new(503);
    let (port, told) = receiver(&STATUS);
    let mut daemon = Daemon::start_with(&format!(
        "[webhook.crm]\nurl = \"http://127.0.0.1:{port}/hook\"\nsecret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n\
         events = [\"callback.*\"]\nallow_private = true\n"
    ));
    assert_eq!(daemon.ask(OPERATE, "POST /api/v1/callbacks", Some(json!({ "number": "+79161234567" }))).0, 201);
    let id = |head: &str| head.split("webhook-id: ").nth(1).unwrap().lines().next().unwrap().to_owned();
    let (head, missed) = told.recv_timeout(PATIENCE).unwrap();
    assert!(head.starts_with("post /hook http/1.1") && head.contains("webhook-signature: v1,"), "{head}");
    let metrics = daemon.exchange("GET /metrics", "", "").2;
    assert!(metrics.contains("perezvon_deliveries_total{to=\"webhook.crm\",result=\"taken\"} 0"), "{metrics}");
    *STATUS.lock().unwrap() = 204;
    daemon.dies_and_returns();
    let (again, heard) = told.recv_timeout(PATIENCE).unwrap();
    assert_eq!(
        (&heard["type"], &heard["data"]["callback"]["number"]),
        (&json!("callback.opened"), &json!("+79161234567"))
    );
    assert_eq!((id(&head), missed), (id(&again), heard), "the same, word for word");
    let begun = Instant::now();
    while !daemon.exchange("GET /metrics", "", "").2.contains("perezvon_outbox_length{to=\"webhook.crm\"} 0") {
        assert!(begun.elapsed() < PATIENCE);
        sleep(Duration::from_millis(30));
    }
}

#[test]
fn a_client_who_asks_in_a_form_of_bitrix24_is_called_back() {
    let daemon = Daemon::start_with(
        "[bitrix24]\nurl = \"https://bitrix24.invalid/rest/1/x/\"\nuser = 1\ntoken = \"51610fefc120\"\n",
    );
    let post = |event: &str, number: &str, token: &str| {
        let body = format!(
            "event={event}&event_handler_id=1&data%5BPHONE_NUMBER%5D={number}&data%5BTEXT%5D=x&ts=1&\
             auth%5Bapplication_token%5D={token}"
        );
        daemon.exchange("POST /bitrix24", "Content-Type: application/x-www-form-urlencoded\r\n", &body).0
    };
    assert_eq!(post("ONEXTERNALCALLBACKSTART", "%2B79161234567", "51610fefc121"), 401);
    assert_eq!(post("ONEXTERNALCALLBACKSTART", "%2B79161234567", ""), 401);
    assert_eq!(post("ONEXTERNALCALLSTART", "%2B79161234567", "51610fefc120"), 204);
    let open = || daemon.ask(OPERATE, "GET /api/v1/callbacks", None).1["callbacks"].as_array().unwrap().clone();
    assert!(open().is_empty(), "another event, or nobody's");
    assert_eq!(post("ONEXTERNALCALLBACKSTART", "8+%28916%29+123-45-67", "51610fefc120"), 204);
    assert_eq!(post("ONEXTERNALCALLBACKSTART", "%2B79161234567", "51610fefc120"), 204);
    let made = open();
    assert_eq!((made.len(), &made[0]["number"]), (1, &json!("+79161234567")), "asked twice, called once");
    assert_eq!((&made[0]["origin"], &made[0]["origin_of"]), (&json!("by-hand"), &json!("bitrix24")));
    assert_eq!(post("ONEXTERNALCALLBACKSTART", "%0D%0A%0D%0Aapi+originate", "51610fefc120"), 422);
    assert_eq!(daemon.exchange("POST /bitrix24", "Content-Type: application/json\r\n", "{}").0, 400);
    assert_eq!(Daemon::start().exchange("POST /bitrix24", "", "").0, 404, "where it is not configured");
}
