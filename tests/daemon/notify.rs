//! What leaves the house, against pretended receivers on this machine.

use super::*;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use perezvon::{
    config::{Amocrm, Bitrix24, Crm, Secret, Telegram, Url, Webhook},
    engine::{
        OperatorState, OperatorView,
        effect::{Alarm, AlarmKind, Client as Shown, Moment, Notice},
        paper::PaperKind,
        record::{CallRecord, CallbackState, CloseReason, Marks, Origin},
    },
    notify::{
        client::{Ask, Client, Unanswered},
        outbox::Outbox,
        telegram,
    },
    store::Sqlite,
    voice, wire,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{collections::BTreeSet, future::pending};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

/// A key of 24 bytes, as an admin writes it.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const PATIENCE: Duration = Duration::from_secs(20);

/// One request.
#[derive(Clone, Debug)]
struct Asked {
    path: String,
    headers: HeaderMap,
    body: String,
}

impl Asked {
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn event(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }

    /// The client that an event is about.
    fn number(&self) -> Option<String> {
        let data = &self.json()["data"];
        let of = [&data["number"], &data["call"]["number"], &data["callback"]["number"]];
        of.into_iter().find_map(|number| number.as_str()).map(str::to_owned)
    }
}

/// What it answers; `None`: nothing, ever.
type Answers = Arc<dyn Fn(&Asked) -> Option<(u16, String)> + Send + Sync>;

/// A receiver that keeps what it is asked.
#[derive(Clone)]
struct Endpoint {
    port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    answers: Answers,
}

impl Endpoint {
    async fn open(answers: impl Fn(&Asked) -> Option<(u16, String)> + Send + Sync + 'static) -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let endpoint = Endpoint { port, asked: Arc::default(), answers: Arc::new(answers) };
        let router = Router::new().fallback(Endpoint::answer).with_state(endpoint.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        endpoint
    }

    async fn answer(State(endpoint): State<Endpoint>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
        let asked = Asked { path: uri.to_string(), headers, body: String::from_utf8(body.to_vec()).unwrap() };
        endpoint.asked.lock().unwrap().push(asked.clone());
        match (endpoint.answers)(&asked) {
            Some((302, to)) => (StatusCode::FOUND, [("location", to)]).into_response(),
            Some((status, body)) => (StatusCode::from_u16(status).unwrap(), body).into_response(),
            None => pending().await,
        }
    }

    fn link(&self, path: &str) -> Url {
        Url::parse(&format!("http://127.0.0.1:{}{path}", self.port)).unwrap()
    }

    fn webhook(&self, name: &str, events: &[&'static str]) -> Webhook {
        let (url, secret) = (self.link("/hook"), Secret::new(SECRET));
        Webhook { name: name.into(), url, secret, events: events.to_vec(), allow_private: true }
    }

    fn all(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Waits until it was asked so.
    async fn is_asked(&self, what: &str, is: impl Fn(&[Asked]) -> bool) -> Vec<Asked> {
        until(what, || is(&self.all())).await;
        self.all()
    }
}

async fn until(what: &str, is: impl Fn() -> bool) {
    let soon = async {
        while !is() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, soon).await.expect(what);
}

/// HMAC-SHA256 by RFC 2104, written out, to hold the signature against.
fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let pad = |with: u8| -> Vec<u8> { (0..64).map(|n| key.get(n).copied().unwrap_or(0) ^ with).collect() };
    let inner = Sha256::digest([pad(0x36), text.as_bytes().to_vec()].concat());
    Sha256::digest([pad(0x5c), inner.to_vec()].concat()).to_vec()
}

fn is_signed(asked: &Asked) {
    let key = BASE64_STANDARD.decode(SECRET.trim_start_matches("whsec_")).unwrap();
    let (id, at) = (asked.header("webhook-id"), asked.header("webhook-timestamp"));
    let signed = format!("v1,{}", BASE64_STANDARD.encode(hmac(&key, &format!("{id}.{at}.{}", asked.body))));
    assert_eq!(asked.header("webhook-signature"), signed);
    assert!(!id.contains('.') && at.parse::<i64>().unwrap() >= BORN.0 / 1000, "{id} {at}");
}

fn waiting(store: &Fickle) -> usize {
    let query = PaperQuery { kind: Some(PaperKind::Outgoing), ..PaperQuery::default() };
    store.inner.lock().unwrap().papers(&query).len()
}

fn fickle() -> Arc<Fickle> {
    Arc::new(Fickle { inner: Mutex::new(Memory::new(7, BORN)), full: AtomicBool::new(false) })
}

fn call(number: &str, name: &str) -> CallRecord {
    CallRecord {
        id: ChannelId::new("call-1"),
        switch: "main".into(),
        line: "site".into(),
        number: Some(number.parse().unwrap()),
        name: name.to_owned(),
        arrived: BORN,
        served: None,
        operator: None,
        talk: Span::ZERO,
        waited: Span::seconds(7),
        previous: None,
        marks: Box::default(),
        ended: Some(BORN + Span::seconds(7)),
        missed: Some(true),
        cause: "ORIGINATOR_CANCEL".to_owned(),
        callback: None,
        known_by: Default::default(),
        queue: None,
    }
}

fn callback(name: &str, reason: CloseReason) -> CallbackRecord {
    CallbackRecord {
        id: CallbackId(5),
        number: "+79161234567".parse().unwrap(),
        name: name.to_owned(),
        line: "site".into(),
        origin: Origin::Missed { call: ChannelId::new("call-1") },
        marks: Box::default(),
        opened: BORN,
        last_miss: BORN,
        misses: 1,
        state: CallbackState::Closed { at: BORN, reason },
        due: BORN,
        expires: BORN,
        attempts: 1,
        spent: 1,
        setbacks: 0,
        last: None,
        wanted: false,
    }
}

fn ready(name: &str) -> Notice {
    let (name, state) = (name.into(), OperatorState::Free);
    let (callback, call, moment, talks, why, pause) = Default::default();
    Notice::Operator(OperatorView {
        name,
        ready: true,
        state,
        since: BORN,
        callback,
        call,
        moment,
        talks,
        talk_count: 0,
        talk_time: Span::ZERO,
        why,
        pause,
    })
}

fn answered(attempt: u32) -> Notice {
    let number = "+79161234567".parse().unwrap();
    Notice::OperatorAnswered { callback: CallbackId(5), attempt, operator: "anna".into(), number }
}

fn ended_with(attempt: u32, outcome: Outcome, talk: Span) -> Notice {
    let (number, operator) = ("+79161234567".parse().unwrap(), Some("anna".into()));
    Notice::AttemptEnded { callback: CallbackId(5), attempt, number, operator, outcome, took: false, talk, again: None }
}

/// A notifier without a daemon.
struct Told {
    notifier: Notifier,
    store: Arc<dyn Store>,
    rules: Rules,
}

impl Told {
    async fn over(store: Arc<dyn Store>, settings: Notify) -> Told {
        Told::at(SPEED, store, settings).await
    }

    async fn at(speed: f64, store: Arc<dyn Store>, settings: Notify) -> Told {
        let notifier = Notifier::start(settings, store.clone(), Clock::pretended(BORN, speed)).await.unwrap();
        Told { notifier, store, rules: rules() }
    }

    async fn happens(&mut self, notices: Vec<Notice>) {
        let effects: Vec<Effect> = notices.into_iter().map(Effect::Notice).collect();
        let mut writes = Vec::new();
        self.notifier.post(&effects, BORN, &self.rules, &mut writes);
        self.store.commit(&writes).await.unwrap();
        self.notifier.committed();
    }
}

#[tokio::test]
async fn what_happens_is_told_signed_and_in_order_and_again_until_it_is_taken() {
    let seen = Mutex::new(BTreeSet::new());
    // Each event is refused the first time that it comes.
    let stubborn = Endpoint::open(move |asked| {
        let first = seen.lock().unwrap().insert(asked.header("webhook-id").to_owned());
        Some((if first { 500 } else { 204 }, String::new()))
    })
    .await;
    let silent = Endpoint::open(|_| None).await;
    let quick = Endpoint::open(|_| Some((200, String::new()))).await;
    let gone = Endpoint::open(|_| Some((410, String::new()))).await;
    let events = ["call.missed", "callback.opened", "attempt.ringing", "attempt.ended"];
    let webhooks = vec![
        silent.webhook("silent", &events),
        stubborn.webhook("stubborn", &events),
        quick.webhook("quick", &["callback.opened"]),
        gone.webhook("gone", &["call.missed"]),
    ];
    let notify = Notify { webhooks, ..Notify::default() };
    let house = House::telling(notify, rules(), 200.0, |daemon| daemon).await;
    let clients = ["79161234567", "79161234568"];
    house.misses_a_call_of("a", clients[0]).await;
    house.misses_a_call_of("b", clients[1]).await;
    house.dials(1).await;
    let ringing = house.dialled.lock().unwrap()[0].clone();
    house.tell(super::ended(ringing)).await;
    let of = |asked: &[Asked], client: &str| -> Vec<Asked> {
        asked.iter().filter(|asked| asked.number() == Some(format!("+{client}"))).cloned().collect()
    };
    let all = stubborn.is_asked("each twice", |asked| {
        let ends = asked.iter().filter(|asked| asked.event() == "attempt.ended").count();
        ends >= 2 && clients.iter().all(|client| of(asked, client).len() >= 4)
    });
    let all = all.await;
    all.iter().for_each(is_signed);
    for client in clients {
        let told = of(&all, client);
        let events: Vec<String> = told.iter().map(Asked::event).collect();
        assert_eq!(events[..4], ["callback.opened", "callback.opened", "call.missed", "call.missed"], "{client}");
        for twice in told.chunks_exact(2) {
            assert_eq!(twice[0].header("webhook-id"), twice[1].header("webhook-id"));
            assert_eq!(twice[0].body, twice[1].body, "what is sent again is the same");
        }
    }
    let missed = all.iter().find(|asked| asked.event() == "call.missed").unwrap().json();
    assert_eq!((&missed["data"]["call"]["line"], &missed["data"]["call"]["missed"]), (&json!("site"), &json!(true)));
    assert!(missed["timestamp"].as_str().unwrap().ends_with('Z'), "{missed}");
    let quick = quick.is_asked("nobody waits for the silent one", |asked| asked.len() == 2).await;
    assert!(quick.iter().all(|asked| asked.event() == "callback.opened"), "it wants nothing else: {quick:?}");
    let gone = gone.is_asked("told once each", |asked| asked.len() == 2).await;
    assert!(gone[0].number() != gone[1].number(), "who is gone is not told again");
    assert!(silent.all().len() <= 2, "one at a time of each client");
    house.stops().await;
}

#[tokio::test]
async fn a_crash_between_the_commit_and_the_delivery_loses_nothing_and_what_comes_twice_has_one_id() {
    let folder = tempfile::tempdir().unwrap();
    let (file, copy) = (folder.path().join("p.db"), folder.path().join("copy.db"));
    let endpoint = Endpoint::open(|_| Some((204, String::new()))).await;
    let settings = || Notify { webhooks: vec![endpoint.webhook("crm", &wire::EVENTS)], ..Notify::default() };
    let store = Sqlite::open(&file, BORN).await.unwrap();
    let mut writes = Vec::new();
    let mut outbox = Outbox::new(Arc::new(settings()), 1, Wall::default());
    let client = Some(Box::new(Shown::Callback(callback("Ivan", CloseReason::Talked))));
    let card = Notice::AtOperator { operators: vec!["anna".into()], moment: Moment::Answered, client };
    let effects = [card, answered(1), ended_with(1, Outcome::Busy, Span::ZERO)].map(Effect::Notice);
    outbox.post(&effects, BORN, &rules(), |_| Some("Ivan Ivanov".into()), &mut writes);
    store.commit(&writes).await.unwrap();
    store.backup(&copy).await.unwrap();
    store.close().await.unwrap();
    assert!(endpoint.all().is_empty(), "nobody has told it yet");

    let mut ids = Vec::new();
    // The copy is the store as it is when the daemon dies after the delivery and before it could write so.
    for (n, file) in [&file, &copy].into_iter().enumerate() {
        let store = Arc::new(Sqlite::open(file, BORN).await.unwrap());
        let _told = Told::over(store.clone(), settings()).await;
        let all = endpoint.is_asked("told after the start", |asked| asked.len() == 3 * (n + 1)).await;
        ids.push(all[3 * n..].iter().map(|asked| (asked.event(), asked.header("webhook-id").to_owned())).collect());
        let query = PaperQuery { kind: Some(PaperKind::Outgoing), ..PaperQuery::default() };
        let soon = async {
            while !store.papers(&query).await.unwrap().is_empty() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, soon).await.expect("what is taken is off the store");
    }
    let first: &Vec<(String, String)> = &ids[0];
    assert_eq!(
        first.iter().map(|(event, _)| event.as_str()).collect::<Vec<_>>(),
        ["operator.call", "attempt.operator", "attempt.ended"]
    );
    assert_eq!(ids[0], ids[1], "the receiver knows them again");
    assert_eq!(endpoint.all()[0].json()["data"]["client"], "Ivan Ivanov", "what the CRM said is on the card");
}

#[tokio::test]
async fn while_the_store_takes_no_writes_nothing_is_told() {
    let endpoint = Endpoint::open(|_| Some((204, String::new()))).await;
    let notify = Notify { webhooks: vec![endpoint.webhook("crm", &["operator.state"])], ..Notify::default() };
    let house = House::telling(notify, rules(), 200.0, |daemon| daemon).await;
    house.store.full.store(true, Ordering::SeqCst);
    let leaves = Input::Wish(Wish::Operator { name: "anna".into(), ready: false, why: String::new() });
    house.handle.step(leaves).await.unwrap().expect_err("not stored");
    sleep(Duration::from_millis(200)).await;
    assert_eq!(endpoint.all().len(), 0, "what is not written has not happened");
    house.store.full.store(false, Ordering::SeqCst);
    // That anna is free is told as well, when the switch is there.
    let away = |asked: &Asked| asked.json()["data"]["operator"]["ready"] == false;
    let told = endpoint.is_asked("told when it is written", |asked| asked.iter().any(away)).await;
    assert_eq!(told.iter().find(|asked| away(asked)).unwrap().json()["data"]["operator"]["name"], "anna");
    until("off the store", || waiting(&house.store) == 0).await;
    house.stops().await;
}

#[tokio::test]
async fn nothing_leads_into_a_private_network_and_no_redirect_is_followed() {
    let endpoint =
        Endpoint::open(|asked| Some(if asked.path == "/away" { (302, "/home".into()) } else { (200, "".into()) }))
            .await;
    let ask = async |host: &str, path: &str, allow_private| {
        let link = Url::parse(&format!("http://{host}:{}{path}", endpoint.port)).unwrap();
        let within = Duration::from_secs(10);
        let client = Client::default();
        client.ask(Ask { link: &link, allow_private, body: None, token: None, headers: Vec::new(), within }).await
    };
    for host in [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "169.254.169.254",
        "10.0.0.1",
    ] {
        match ask(host, "/", false).await {
            Err(Unanswered::Private(_) | Unanswered::Unresolved(_)) => {}
            other => panic!("{host}: {other:?}"),
        }
    }
    assert!(matches!(ask("127.0.0.1", "/", false).await, Err(Unanswered::Private(_))));
    assert!(matches!(ask("localhost", "/", false).await, Err(Unanswered::Private(_))));
    assert_eq!(endpoint.all().len(), 0, "nobody has even connected");
    assert_eq!(ask("127.0.0.1", "/away", true).await.unwrap().status, 302);
    assert_eq!(endpoint.all().iter().map(|asked| asked.path.as_str()).collect::<Vec<_>>(), ["/away"]);

    // A webhook that is not allowed there waits, and is told to nobody.
    let store = fickle();
    let private = Webhook { allow_private: false, ..endpoint.webhook("crm", &["operator.state"]) };
    let mut told = Told::over(store.clone(), Notify { webhooks: vec![private], ..Notify::default() }).await;
    told.happens(vec![ready("anna")]).await;
    sleep(Duration::from_millis(100)).await;
    assert_eq!((endpoint.all().len(), waiting(&store)), (1, 1));
}

#[tokio::test]
async fn what_nobody_takes_for_a_day_is_given_up() {
    let endpoint = Endpoint::open(|_| Some((500, "out of order".to_owned()))).await;
    let store = fickle();
    let notify = Notify { webhooks: vec![endpoint.webhook("crm", &["operator.state"])], ..Notify::default() };
    // A day in four seconds.
    let mut told = Told::at(20_000.0, store.clone(), notify).await;
    told.happens(vec![ready("anna")]).await;
    endpoint.is_asked("it is tried again and again", |asked| asked.len() >= 5).await;
    assert_eq!(waiting(&store), 1, "a day is not over");
    until("given up", || waiting(&store) == 0).await;
    let asked = endpoint.all();
    assert!(asked.len() <= 13 && asked.iter().all(|a| a.header("webhook-id") == asked[0].header("webhook-id")));
}

#[tokio::test]
async fn more_than_may_wait_drops_the_oldest() {
    const MOST: usize = 10_000;
    let endpoint = Endpoint::open(|_| None).await;
    let store = fickle();
    let notify = Notify { webhooks: vec![endpoint.webhook("crm", &["operator.state"])], ..Notify::default() };
    let mut outbox = Outbox::new(Arc::new(notify.clone()), 1, Wall::default());
    let mut writes = Vec::new();
    let operators = |n: usize| ready(&format!("operator {n}"));
    let effects: Vec<Effect> = (0..MOST + 5).map(operators).map(Effect::Notice).collect();
    outbox.post(&effects, BORN, &rules(), |_| None, &mut writes);
    store.commit(&writes).await.unwrap();
    let _told = Told::over(store.clone(), notify).await;
    let asked = endpoint.is_asked("the ones that are left", |asked| asked.len() == 8).await;
    assert_eq!(waiting(&store), MOST);
    let operators: BTreeSet<String> =
        asked.iter().map(|asked| asked.json()["data"]["operator"]["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(operators, (5..13).map(|n| format!("operator {n}")).collect());
}

#[tokio::test]
async fn what_is_for_nobody_any_more_is_let_go() {
    let endpoint = Endpoint::open(|_| None).await;
    let store = fickle();
    let notify = Notify { webhooks: vec![endpoint.webhook("old", &["operator.state"])], ..Notify::default() };
    let mut told = Told::over(store.clone(), notify).await;
    told.happens(vec![ready("anna")]).await;
    assert_eq!(waiting(&store), 1);
    drop(told);
    // What was begun at Bitrix24 is remembered for as long as its end may be told, and no longer.
    let begun = |id: &str, at| {
        let (kind, about, body) = (PaperKind::Done, "bitrix24".to_owned(), "\"1\"".to_owned());
        Write::Paper(Paper { kind, id: id.to_owned(), about, at, body })
    };
    store.commit(&[begun("old", BORN - Span::minutes(25 * 60)), begun("new", BORN)]).await.unwrap();
    Told::over(store.clone(), Notify::default()).await;
    assert_eq!(waiting(&store), 0);
    let done = PaperQuery { kind: Some(PaperKind::Done), ..PaperQuery::default() };
    let kept: Vec<String> = store.inner.lock().unwrap().papers(&done).into_iter().map(|paper| paper.id).collect();
    assert_eq!(kept, ["new"]);
}

/// A Bitrix24 that keeps its calls as the real one does: the same `EXTERNAL_CALL_ID` is the same call.
#[derive(Default)]
struct PretendBitrix24 {
    registered: Vec<Value>,
    shown: Vec<Value>,
    finished: Vec<Value>,
}

impl PretendBitrix24 {
    fn answer(&mut self, asked: &Asked) -> (u16, String) {
        let parameters = asked.json();
        let id = |name: &Value| format!("externalCall.{}", name.as_str().unwrap());
        match asked.path.as_str() {
            "/rest/1/secret/telephony.externalCall.register" => {
                let name = &parameters["EXTERNAL_CALL_ID"];
                if !self.registered.iter().any(|known| known["EXTERNAL_CALL_ID"] == *name) {
                    self.registered.push(parameters.clone());
                }
                (200, json!({ "result": { "CALL_ID": id(name), "CRM_CREATED_LEAD": null } }).to_string())
            }
            "/rest/1/secret/telephony.externalCall.show" => {
                self.shown.push(parameters);
                (200, json!({ "result": true }).to_string())
            }
            "/rest/1/secret/telephony.externalCall.finish" => {
                let is = |known: &Value| id(&known["EXTERNAL_CALL_ID"]) == parameters["CALL_ID"];
                if !self.registered.iter().any(is)
                    || self.finished.iter().any(|known| known["CALL_ID"] == parameters["CALL_ID"])
                {
                    let text = "Call is not found (call should be registered prior to finishing)";
                    return (400, json!({ "error": "ERROR_CORE", "error_description": text }).to_string());
                }
                self.finished.push(parameters);
                (200, json!({ "result": { "CRM_ACTIVITY_ID": 7943 } }).to_string())
            }
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn a_call_is_registered_once_in_bitrix24_and_finished_whatever_breaks_between() {
    let there = Arc::new(Mutex::new(PretendBitrix24::default()));
    let store = fickle();
    let (answers, disk) = (there.clone(), store.clone());
    let endpoint = Endpoint::open(move |asked| {
        let answer = answers.lock().unwrap().answer(asked);
        // The disk is full just when a call was registered: its id is not kept, as after a crash at that moment.
        let first = answers.lock().unwrap().registered.len() == 1 && asked.path.ends_with("register");
        disk.full.store(first && !disk.full.load(Ordering::SeqCst), Ordering::SeqCst);
        Some(answer)
    })
    .await;
    let settings = Bitrix24 {
        url: endpoint.link("/rest/1/secret/"),
        user: 1,
        users: BTreeMap::from([("boris".into(), 15)]),
        create_leads: true,
        token: None,
        line: None,
        allow_private: true,
    };
    let mut told = Told::over(store.clone(), Notify { bitrix24: Some(settings), ..Notify::default() }).await;
    told.happens(vec![answered(1)]).await;
    endpoint.is_asked("registered again, since its id was not kept", |asked| asked.len() >= 2).await;
    until("taken", || waiting(&store) == 0).await;
    let Notice::OperatorAnswered { callback, attempt, number, .. } = answered(1) else { unreachable!() };
    told.happens(vec![Notice::OperatorAnswered { callback, attempt, operator: "boris".into(), number }]).await;
    until("the next operator is shown the same call", || there.lock().unwrap().shown.len() == 1).await;
    assert_eq!(there.lock().unwrap().shown[0]["USER_ID"], "15");
    told.happens(vec![ended_with(1, Outcome::Talked, Span::seconds(95))]).await;
    until("finished", || there.lock().unwrap().finished.len() == 1 && waiting(&store) == 0).await;
    {
        let there = there.lock().unwrap();
        assert_eq!(there.registered.len(), 1);
        let call = &there.registered[0];
        assert_eq!((&call["USER_PHONE_INNER"], &call["PHONE_NUMBER"]), (&json!("1001"), &json!("+79161234567")));
        assert_eq!((&call["TYPE"], &call["SHOW"], &call["CRM_CREATE"]), (&json!(4), &json!(1), &json!(1)));
        let end = &there.finished[0];
        assert_eq!(
            (&end["DURATION"], &end["STATUS_CODE"], &end["USER_PHONE_INNER"]),
            (&json!(95), &json!("200"), &json!("1001"))
        );
    }
    // A missed call is registered and finished at its end, for the one who has those.
    told.happens(vec![Notice::CallEnded(call("+79161234568", "Ivan"))]).await;
    until("a missed call", || there.lock().unwrap().finished.len() == 2).await;
    let missed = there.lock().unwrap().registered[1].clone();
    assert_eq!((&missed["USER_ID"], &missed["TYPE"], &missed["SHOW"]), (&json!("1"), &json!(2), &json!(0)));
    assert_eq!(there.lock().unwrap().finished[1]["STATUS_CODE"], json!("304"));
    // What is finished already is not found there any more, and that is no fault.
    told.happens(vec![ended_with(1, Outcome::Talked, Span::seconds(95))]).await;
    until("let be", || waiting(&store) == 0).await;
    let papers =
        store.inner.lock().unwrap().papers(&PaperQuery { kind: Some(PaperKind::Done), ..PaperQuery::default() });
    assert!(papers.is_empty(), "what is over is not remembered: {papers:?}");
}

#[tokio::test]
async fn a_call_is_noted_in_amocrm_and_one_of_somebody_unknown_becomes_a_lead() {
    let endpoint = Endpoint::open(|asked| {
        assert_eq!(asked.header("authorization"), "Bearer word");
        let known = asked.body.contains("+79161234567");
        let errors =
            json!({ "errors": [{ "status": 263, "title": "Entity not found" }], "_embedded": { "calls": [] } });
        Some(match asked.path.as_str() {
            "/api/v4/calls" if known => (200, json!({ "_total_items": 1, "errors": [] }).to_string()),
            "/api/v4/calls" => (400, errors.to_string()),
            "/api/v4/leads/unsorted/sip" => (200, "{}".to_owned()),
            other => panic!("{other}"),
        })
    })
    .await;
    let users = BTreeMap::from([("anna".into(), 504_141)]);
    let (url, token) = (endpoint.link("/"), Secret::new("word"));
    let settings = Amocrm { url, token, users, pipeline: Some(77), allow_private: true };
    let store = fickle();
    let mut told = Told::over(store.clone(), Notify { amocrm: Some(settings), ..Notify::default() }).await;
    told.happens(vec![ended_with(2, Outcome::Talked, Span::seconds(95))]).await;
    until("noted", || waiting(&store) == 0).await;
    told.happens(vec![Notice::CallEnded(call("+79161234568", "Ivan <b>"))]).await;
    until("a lead", || waiting(&store) == 0).await;
    let asked = endpoint.all();
    assert_eq!(asked.len(), 3);
    let note = &asked[0].json()[0];
    assert_eq!((&note["uniq"], &note["direction"]), (&json!("callback-5-2"), &json!("outbound")));
    assert_eq!(
        (&note["duration"], &note["call_status"], &note["call_responsible"]),
        (&json!(95), &json!(4), &json!(504_141))
    );
    let lead = &asked[2].json()[0];
    assert_eq!((&lead["pipeline_id"], &lead["metadata"]["phone"]), (&json!(77), &json!("+79161234568")));
    assert_eq!(lead["metadata"]["uniq"], asked[1].json()[0]["uniq"], "one call, told once");
    assert_eq!(lead["_embedded"]["contacts"][0]["name"], "Ivan <b>");
}

fn chat(endpoint: &Endpoint, language: Language) -> Telegram {
    Telegram {
        api: endpoint.link("/"),
        token: Secret::new("123:ABC"),
        chat: "-100123".to_owned(),
        language,
        events: perezvon::config::CHAT_EVENTS.to_vec(),
        allow_private: true,
    }
}

#[tokio::test]
async fn a_telegram_chat_is_told_in_its_language_and_names_cannot_be_markup() {
    let endpoint = Endpoint::open(|_| Some((200, r#"{"ok":true}"#.to_owned()))).await;
    let hostile = "<a href='tg://x'>&\u{7}Ivan</a>";
    let mut record = call("+79161234567", hostile);
    *record.marks = Marks { campaign: "Яндекс <Директ>".to_owned(), ..Marks::default() };
    for (language, texts) in [
        (
            Language::Ru,
            [
                "❗ Пропущен звонок: +79161234567, &lt;a href='tg://x'&gt;&amp;Ivan&lt;/a&gt;, Яндекс &lt;Директ&gt; (линия site)",
                "+79161234567, &lt;a href='tg://x'&gt;&amp;Ivan&lt;/a&gt; (site): ❌ не дозвонились",
            ],
        ),
        (
            Language::En,
            [
                "❗ Missed call: +79161234567, &lt;a href='tg://x'&gt;&amp;Ivan&lt;/a&gt;, Яндекс &lt;Директ&gt; (line site)",
                "+79161234567, &lt;a href='tg://x'&gt;&amp;Ivan&lt;/a&gt; (site): ❌ not reached",
            ],
        ),
    ] {
        endpoint.asked.lock().unwrap().clear();
        let store = fickle();
        let settings = Notify { telegram: Some(chat(&endpoint, language)), ..Notify::default() };
        let mut told = Told::over(store.clone(), settings).await;
        let reason = CloseReason::AttemptsSpent;
        let closed = Notice::Closed { callback: callback(hostile, reason.clone()), reason };
        told.happens(vec![Notice::CallEnded(record.clone()), closed]).await;
        let asked = endpoint.is_asked("both are told", |asked| asked.len() == 2).await;
        for (asked, text) in asked.iter().zip(texts) {
            assert_eq!(asked.path, "/bot123:ABC/sendMessage");
            let message = asked.json();
            assert_eq!((message["text"].as_str(), &message["parse_mode"]), (Some(text), &json!("HTML")));
            assert_eq!(message["chat_id"], "-100123");
        }
        let alarm = Alarm { kind: AlarmKind::Trunk, text: "a < b".to_owned() };
        assert!(telegram::alarm(&alarm, &chat(&endpoint, language)).unwrap().ends_with("(trunk): a &lt; b"));
    }
}

#[test]
fn a_chat_has_words_for_every_event_that_it_can_be_told_of() {
    let number = "+79161234567".parse().unwrap();
    let (operator, reason) = (Name::from("anna"), CloseReason::Talked);
    let ended = CallRecord { missed: Some(false), ..call("+79161234567", "") };
    let closed = callback("", reason.clone());
    let reopened = closed.clone();
    let notices = [
        Notice::CallArrived(ended.clone()),
        Notice::CallServed(ended.clone()),
        Notice::CallEnded(call("+79161234567", "")),
        Notice::CallEnded(ended.clone()),
        Notice::Queued(ended),
        Notice::Opened(closed.clone()),
        Notice::Joined(closed.clone()),
        Notice::Joint { callback: CallbackId(5), operator: operator.clone(), number, took: false, since: BORN },
        ended_with(1, Outcome::Busy, Span::ZERO),
        Notice::Closed { callback: closed, reason },
        Notice::Reopened(reopened),
    ];
    let settings = Telegram {
        api: Url::parse("https://api.telegram.org").unwrap(),
        token: Secret::new("1:A"),
        chat: "1".to_owned(),
        language: Language::Ru,
        events: perezvon::config::CHAT_EVENTS.to_vec(),
        allow_private: false,
    };
    let told: BTreeSet<&str> = notices
        .iter()
        .map(|notice| {
            assert!(telegram::told(notice, &settings).is_some(), "{notice:?}");
            wire::event(notice).unwrap().0
        })
        .chain(["alarm"])
        .collect();
    assert_eq!(told, perezvon::config::CHAT_EVENTS.into_iter().collect());
    let silent = Telegram { events: Vec::new(), ..settings };
    assert!(notices.iter().all(|notice| telegram::told(notice, &silent).is_none()));
}

#[tokio::test]
async fn a_crm_that_hangs_delays_nothing_and_one_that_answers_is_heard() {
    for answers in [false, true] {
        let name = json!({ "client": { "name": "Анна \u{1}Ивановна" } }).to_string();
        let endpoint = Endpoint::open(move |_| answers.then(|| (200, name.clone()))).await;
        let crm = Crm {
            lookup: Url::parse(&format!("http://127.0.0.1:{}/who?phone={}", endpoint.port, Crm::NUMBER)).unwrap(),
            token: Some(Secret::new("word")),
            name: "/client/name".to_owned(),
            // Longer than this test waits for the words: whoever waited for it would be late.
            within: Span::seconds(60),
            allow_private: true,
        };
        let mut rules = patient_rules();
        for line in rules.lines.values_mut() {
            let line = Arc::make_mut(line);
            line.redial.announce_operator = "Missed {{ client or 'somebody' }}".into();
        }
        let notify = Notify { crm: Some(crm), ..Notify::default() };
        let house = House::telling(notify, rules, 200.0, |daemon| daemon).await;
        house.misses_a_call("a").await;
        house.dials(1).await;
        let asked = endpoint.is_asked("while the phone rings", |asked| asked.len() == 1).await;
        assert_eq!(
            (asked[0].path.as_str(), asked[0].header("authorization")),
            ("/who?phone=%2B79161234567", "Bearer word")
        );
        if answers {
            // The answer is on its way; the phone rings for longer than that.
            sleep(Duration::from_millis(300)).await;
        }
        let leg = house.dialled.lock().unwrap()[0].clone();
        house.tell(News::Answered(leg.clone())).await;
        house.tell(News::Parked(leg)).await;
        until("the announcement", || !house.said.lock().unwrap().is_empty()).await;
        let words = house.said.lock().unwrap()[0].clone();
        let text = voice::render(&words, voice::Names::AsGiven).unwrap();
        assert_eq!(text, if answers { "Missed Анна Ивановна" } else { "Missed somebody" });
        house.stops().await;
    }
}

/// A server of TLS on this machine that answers every request with 204; its certificate is for `localhost`, by an authority that nobody
/// trusts unless `SSL_CERT_FILE` says so. Gives its port, and what each request began with.
async fn tls_endpoint() -> (u16, Arc<Mutex<Vec<String>>>) {
    let file = |name: &str| format!("{}/tests/tls/{name}", env!("CARGO_MANIFEST_DIR"));
    let certificate = CertificateDer::from_pem_file(file("localhost.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("localhost.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, asked) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(Vec::new())));
    let keeps = asked.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).await.unwrap();
            keeps.lock().unwrap().push(String::from_utf8_lossy(&head[..length]).into_owned());
            stream.write_all(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        }
    });
    (port, asked)
}

#[tokio::test]
async fn a_webhook_is_tried_from_the_command_line_and_a_server_is_known_by_its_certificate() {
    let (port, asked) = tls_endpoint().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.toml");
    let config = |host: &str| {
        format!(
            "[switch.main]\npassword = \"x\"\n[trunk.provider]\ndial = \"sofia/gateway/provider/{{number}}\"\n[[operator]]\n\
             name = \"anna\"\ndial = \"user/1001\"\n[[line]]\nname = \"site\"\nnumbers = [\"+74951112233\"]\n\
             [webhook.crm]\nurl = \"https://{host}:{port}/hook\"\nsecret = \"{SECRET}\"\nallow_private = true\n"
        )
    };
    let run = async |name: &str, host: &str, trusted: &str| {
        std::fs::write(&file, config(host)).unwrap();
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_perezvon"));
        command.args(["webhook", "test", name, "--config"]).arg(&file);
        command
            .env("SSL_CERT_FILE", format!("{}/tests/tls/{trusted}", env!("CARGO_MANIFEST_DIR")))
            .env_remove("SSL_CERT_DIR");
        let done = command.output().await.unwrap();
        let said = [done.stdout, done.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        (done.status.code().unwrap(), said)
    };
    let (code, said) = run("crm", "localhost", "ca.pem").await;
    assert!(code == 0 && said.starts_with(&format!("https://localhost:{port}: it answered 204")), "{said}");
    assert!(!said.contains(SECRET) && !said.contains("/hook"), "an address may hold a secret: {said}");
    let head = asked.lock().unwrap()[0].to_ascii_lowercase();
    assert!(head.contains("webhook-id: msg_test") && head.contains("webhook-signature: v1,"), "{head}");
    for (name, host, trusted, why) in [
        ("crm", "127.0.0.1", "ca.pem", "certificate not valid for name"),
        ("crm", "localhost", "localhost.pem", "invalid peer certificate"),
        ("srm", "localhost", "ca.pem", "did you mean `crm`?"),
    ] {
        let (code, said) = run(name, host, trusted).await;
        assert!(code == 1 && said.contains(why), "{host} {trusted}: {code} {said}");
    }
    assert_eq!(asked.lock().unwrap().len(), 1, "nothing was said to a server that is not known");
}
