//! The daemon's loop over a store that fails and a switch that is told what to do: persist, then act.

use perezvon::{
    clock::Clock,
    config::Notify,
    control::{Handle, desk},
    daemon::{Broken, Daemon, intake},
    engine::{
        Name,
        effect::{Effect, Words},
        forget::Prune,
        input::{Channel, ChannelState, Direction, Ended, Input, News, Wish},
        number::Number,
        paper::Paper,
        record::{BlockRecord, CallbackId, CallbackRecord, ChannelId, Outcome, Snapshot, Write},
        rules::{Group, Language, Line, NumberFormat, Operator, Phone, Redial, Rules, Strategy, Trunk},
        time::{Span, Wall},
        zones::Zones,
    },
    notify::Notifier,
    store::{
        Answer, CallbackFilter, CallbackStory, JournalQuery, JournalRow, Known, Memory, Old, PaperQuery, Store,
        StoreError, StoryQuery,
    },
    switch::link::{Perform, Told},
};
use std::{
    collections::BTreeMap,
    future::ready,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{sync::mpsc, task::JoinHandle, time::sleep};

#[path = "daemon/notify.rs"]
mod notify;

const SPEED: f64 = 2000.0;
const BORN: Wall = Wall(1_795_000_000_000);

/// A store that can be told that its disk is full.
struct Fickle {
    inner: Mutex<Memory>,
    full: AtomicBool,
}

impl Store for Fickle {
    fn commit<'a>(&'a self, writes: &'a [Write]) -> Answer<'a, ()> {
        if self.full.load(Ordering::SeqCst) {
            return Box::pin(ready(Err(StoreError::Full { path: "perezvon.db".into() })));
        }
        if writes.iter().any(|write| matches!(write, Write::Call(call) if call.id.as_str() == "poison")) {
            return Box::pin(ready(Err(StoreError::Refused { what: "a call that contradicts itself".into() })));
        }
        Box::pin(ready(self.inner.lock().unwrap().commit(writes)))
    }
    fn load(&self, now: Wall, calls: Option<Span>) -> Answer<'_, Snapshot> {
        self.inner.load(now, calls)
    }
    fn journal<'a>(&'a self, query: &'a JournalQuery) -> Answer<'a, Vec<JournalRow>> {
        self.inner.journal(query)
    }
    fn callback(&self, id: CallbackId) -> Answer<'_, Option<CallbackStory>> {
        self.inner.callback(id)
    }
    fn stories<'a>(&'a self, query: &'a StoryQuery) -> Answer<'a, Vec<CallbackStory>> {
        self.inner.stories(query)
    }
    fn callbacks<'a>(&'a self, filter: &'a CallbackFilter) -> Answer<'a, Vec<CallbackRecord>> {
        self.inner.callbacks(filter)
    }
    fn blocked(&self) -> Answer<'_, Vec<BlockRecord>> {
        self.inner.blocked()
    }
    fn block(&self, number: Number) -> Answer<'_, Option<BlockRecord>> {
        self.inner.block(number)
    }
    fn papers<'a>(&'a self, query: &'a PaperQuery) -> Answer<'a, Vec<Paper>> {
        self.inner.papers(query)
    }
    fn old<'a>(&'a self, prune: &'a Prune) -> Answer<'a, Old> {
        self.inner.old(prune)
    }
    fn call_known<'a>(&'a self, id: &'a ChannelId) -> Answer<'a, Known> {
        self.inner.call_known(id)
    }
    fn backup<'a>(&'a self, file: &'a Path) -> Answer<'a, ()> {
        self.inner.backup(file)
    }
    fn close(&self) -> Answer<'_, ()> {
        self.inner.close()
    }
}

/// A switch that says that nothing is alive but the legs that it was asked for, which ring, and keeps what it was asked to
/// do. Of what is dialled it looks up whether the store has the leg at that moment.
struct Pretend {
    store: Arc<Fickle>,
    told: mpsc::Sender<Told>,
    dialled: Arc<Mutex<Vec<ChannelId>>>,
    said: Arc<Mutex<Vec<Words>>>,
    reachable: Arc<AtomicBool>,
}

impl Perform for Pretend {
    fn perform(&self, effect: &Effect) -> bool {
        match effect {
            Effect::AskChannels { token, .. } => {
                self.tell(News::Channels { token: *token, list: Some(Vec::new()) });
            }
            Effect::Originate(_) if !self.reachable.load(Ordering::SeqCst) => return false,
            Effect::Originate(leg) => {
                let snapshot = self.store.inner.lock().unwrap().load(BORN, None);
                let written = snapshot.attempts.iter().flat_map(|attempt| &attempt.legs).any(|l| l.id == leg.leg);
                assert!(written, "dialled before it was written");
                self.dialled.lock().unwrap().push(leg.leg.clone());
            }
            Effect::Say { words, .. } => self.said.lock().unwrap().push((**words).clone()),
            Effect::AskLeg { channel, .. } if self.dialled.lock().unwrap().contains(channel) => {
                let channel = Channel { direction: Direction::Outbound, ..calling(channel.as_str(), "1001") };
                let state = ChannelState { channel, answered: false, parked: false, bridged: None, transfers: 0 };
                self.tell(News::State(state.channel.id.clone(), Some(Box::new(state))));
            }
            _ => {}
        }
        true
    }
}

impl Pretend {
    fn tell(&self, news: News) {
        self.told.try_send(Told::News("main".into(), news)).expect("the loop takes news");
    }
}

fn calling(id: &str, caller: &str) -> Channel {
    Channel {
        id: ChannelId::new(id),
        direction: Direction::Inbound,
        user: None,
        caller: caller.into(),
        name: "".into(),
        dialled: "74951112233".into(),
        line: None,
        created: BORN,
    }
}

fn rules() -> Rules {
    let redial =
        Redial { attempts: 3, network: Span::minutes(1), announce_operator: "missed".into(), ..Redial::default() };
    let line = Line {
        name: "site".into(),
        numbers: vec!["+74951112233".parse().unwrap()],
        callcenter: None,
        group: "sales".into(),
        trunks: vec!["provider".into()],
        caller_id: "+74951112233".parse().unwrap(),
        channel: String::new(),
        source: String::new(),
        campaign: String::new(),
        language: Language::En,
        calendar: None,
        priority: 0,
        requested: redial.clone(),
        queue: Default::default(),
        redial,
    };
    let anna = Operator {
        name: "anna".into(),
        phones: vec![Phone { dial: "user/1001".into(), user: "1001".into() }],
        ring: Span::seconds(20),
        wrap_up: Span::ZERO,
        ..Operator::default()
    };
    let group =
        Group { name: "sales".into(), operators: vec!["anna".into()], strategy: Strategy::TopDown, ..Group::default() };
    let trunk = Trunk {
        name: "provider".into(),
        switch: "main".into(),
        dial: "sofia/gateway/provider/{number}".into(),
        format: NumberFormat::Digits,
        channels: 2,
        price: None,
        cap: None,
    };
    Rules {
        switches: vec!["main".into()],
        country: "RU".into(),
        lines: [("site".into(), Arc::new(line))].into(),
        groups: [("sales".into(), Arc::new(group))].into(),
        operators: [("anna".into(), Arc::new(anna))].into(),
        trunks: [("provider".into(), Arc::new(trunk))].into(),
        zones: Arc::new(Zones::default()),
        observe: false,
    }
}

/// Rules for a clock that is not so fast: a window of seconds, and phones that ring on.
fn patient_rules() -> Rules {
    let mut rules = rules();
    for line in rules.lines.values_mut() {
        Arc::make_mut(line).redial.track = Span::seconds(5);
    }
    for operator in rules.operators.values_mut() {
        Arc::make_mut(operator).ring = Span::minutes(10);
    }
    rules
}

fn ended(id: ChannelId) -> News {
    let (outcome, cause) = (Outcome::NoAnswer, "NO_ANSWER".into());
    News::Ended(Ended { id, outcome, cause, unregistered: false, line: None })
}

struct House {
    store: Arc<Fickle>,
    told: mpsc::Sender<Told>,
    handle: Handle,
    dialled: Arc<Mutex<Vec<ChannelId>>>,
    said: Arc<Mutex<Vec<Words>>>,
    reachable: Arc<AtomicBool>,
    daemon: JoinHandle<Result<(), Broken>>,
}

impl House {
    async fn open() -> House {
        House::with(rules(), SPEED, |daemon| daemon).await
    }

    async fn with(rules: Rules, speed: f64, change: impl FnOnce(Daemon) -> Daemon) -> House {
        House::telling(Notify::default(), rules, speed, change).await
    }

    async fn telling(notify: Notify, rules: Rules, speed: f64, change: impl FnOnce(Daemon) -> Daemon) -> House {
        let rules = Arc::new(rules);
        let store = Arc::new(Fickle { inner: Mutex::new(Memory::new(7, BORN)), full: AtomicBool::new(false) });
        let (told, hears) = mpsc::channel(256);
        let (dialled, reachable) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(true)));
        let said = Arc::new(Mutex::new(Vec::new()));
        let link = Pretend {
            store: store.clone(),
            told: told.clone(),
            dialled: dialled.clone(),
            said: said.clone(),
            reachable: reachable.clone(),
        };
        let links: BTreeMap<Name, Box<dyn Perform>> = [("main".into(), Box::new(link) as Box<dyn Perform>)].into();
        let (handle, desk) = desk(store.clone(), rules.clone());
        let clock = Clock::pretended(BORN, speed);
        let notifier = Notifier::start(notify, store.clone(), clock).await.unwrap();
        let daemon = Daemon::new(clock, rules, store.clone(), links, desk, hears).await.unwrap().notifying(notifier);
        let daemon = tokio::spawn(change(daemon).run());
        let house = House { store, told, handle, dialled, said, reachable, daemon };
        house.tell(News::Up).await;
        house
    }

    async fn tell(&self, news: News) {
        self.told.send(Told::News("main".into(), news)).await.unwrap();
    }

    async fn misses_a_call(&self, id: &str) {
        self.misses_a_call_of(id, "79161234567").await;
    }

    async fn misses_a_call_of(&self, id: &str, caller: &str) {
        self.tell(News::Created(calling(id, caller))).await;
        self.tell(ended(ChannelId::new(id))).await;
    }

    /// Waits until what is open is so.
    async fn opens(&self, what: &str, is: impl Fn(&[CallbackRecord], &Snapshot) -> bool) {
        let soon = async {
            loop {
                let callbacks = self.handle.status().await.unwrap().callbacks;
                if is(&callbacks, &self.stored()) {
                    return;
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), soon).await.expect(what);
    }

    fn stored(&self) -> Snapshot {
        self.store.inner.lock().unwrap().load(BORN, None)
    }

    fn known(&self, id: &str) -> Known {
        self.store.inner.lock().unwrap().call_known(&ChannelId::new(id))
    }

    fn dialled(&self) -> usize {
        self.dialled.lock().unwrap().len()
    }

    async fn dials(&self, legs: usize) {
        let soon = async {
            while self.dialled() < legs {
                sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), soon).await.expect("it is dialled");
    }

    async fn stops(self) {
        self.handle.step(Input::Wish(Wish::Drain)).await.unwrap().ok();
        let legs = self.dialled.lock().unwrap().clone();
        for leg in legs {
            let _ = self.told.send(Told::News("main".into(), ended(leg))).await;
        }
        self.daemon.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_leg_is_written_before_it_is_dialled_and_a_stop_is_clean() {
    let house = House::open().await;
    house.misses_a_call("a").await;
    house.dials(1).await;
    house.stops().await;
}

#[tokio::test]
async fn while_the_store_takes_no_writes_nothing_is_dialled_and_nothing_is_lost() {
    let house = House::open().await;
    house.store.full.store(true, Ordering::SeqCst);
    house.misses_a_call("a").await;
    sleep(Duration::from_millis(1500)).await; // fifty minutes of the pretended clock
    assert_eq!(house.dialled(), 0);
    let refused = house.handle.step(Input::Wish(Wish::Pause)).await.unwrap();
    assert!(refused.is_err(), "who asks is told that it was not stored");
    house.handle.step(Input::Wish(Wish::Resume)).await.unwrap().ok();
    house.store.full.store(false, Ordering::SeqCst);
    house.dials(1).await;
    assert_eq!(house.known("a"), Known::Ended);
    house.stops().await;
}

/// An operator's phone rings; the store takes no more; more is to be written than may wait.
#[tokio::test]
async fn past_the_bound_the_state_is_that_of_the_store_and_nothing_is_dialled_twice() {
    const CALLS: usize = 60;
    let house = House::with(patient_rules(), 20.0, |daemon| daemon.holding(40)).await;
    house.misses_a_call("kept").await;
    house.dials(1).await;
    house.opens("the leg is seen", |_, stored| stored.attempts.len() == 1).await;

    house.store.full.store(true, Ordering::SeqCst);
    house.handle.step(Input::Wish(Wish::Pause)).await.unwrap().expect_err("not stored");
    let record = || std::fs::read("tests/cdr/never-answered.json").expect("a recorded one").into();
    house.handle.cdr(None, record()).await.unwrap().expect_err("its sender keeps it");
    for n in 0..CALLS {
        house.misses_a_call_of(&format!("lost-{n}"), &format!("7916000{n:04}")).await;
    }
    house.opens("all were heard", |callbacks, _| callbacks.len() > CALLS).await;
    assert_eq!(house.stored().callbacks.len(), 1, "none is written");

    house.store.full.store(false, Ordering::SeqCst);
    let same = |callbacks: &[CallbackRecord], stored: &Snapshot| {
        let mut callbacks = callbacks.to_vec();
        callbacks.sort_by_key(|callback| callback.id);
        callbacks == stored.callbacks
    };
    house.opens("what the loop knows is what the store says", same).await;
    assert_eq!((house.known("kept"), house.known("lost-0")), (Known::Ended, Known::No), "only what waited is dropped");
    house.handle.cdr(None, record()).await.unwrap().expect("the record that was kept is taken");
    assert_eq!(house.known("1c0cdcff-d0ec-4edf-8202-061d871f3d69"), Known::Ended);

    assert!(house.handle.status().await.unwrap().paused, "the wish to dial nothing is not dropped");
    house.handle.step(Input::Wish(Wish::Resume)).await.unwrap().expect("stored");
    sleep(Duration::from_millis(800)).await; // three times the window
    assert_eq!(house.dialled(), 1, "the leg that rings is the attempt's, and the operator's only one");
    let rings = house.dialled.lock().unwrap()[0].clone();
    house.tell(ended(rings)).await;
    house.dials(2).await;
    let mut legs = house.dialled.lock().unwrap().clone();
    legs.sort_unstable();
    legs.dedup();
    assert_eq!(legs.len(), house.dialled(), "no uuid is dialled twice");
    house.stops().await;
}

#[tokio::test]
async fn a_leg_that_could_not_be_sent_is_tried_again_and_costs_nothing() {
    let house = House::open().await;
    house.reachable.store(false, Ordering::SeqCst);
    house.misses_a_call("a").await;
    sleep(Duration::from_millis(800)).await;
    assert_eq!(house.dialled(), 0);
    house.reachable.store(true, Ordering::SeqCst);
    house.dials(1).await;
    let spent: Vec<u32> = house.stored().callbacks.iter().map(|c| c.spent).collect();
    assert_eq!(spent, [0]);
    house.stops().await;
}

#[tokio::test]
async fn a_row_that_the_store_refuses_stops_nothing_else() {
    let house = House::open().await;
    house.misses_a_call("poison").await;
    house.misses_a_call("a").await;
    house.dials(1).await;
    assert_eq!((house.known("poison"), house.known("a")), (Known::No, Known::Ended));
    house.stops().await;
}

#[tokio::test]
async fn records_that_could_not_be_posted_are_taken_from_their_folder() {
    let house = House::open().await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    std::fs::create_dir(file("2026-11-23")).unwrap();
    std::fs::copy("tests/cdr/never-answered.json", file("a_1.cdr.json")).unwrap();
    std::fs::copy("tests/cdr/operator-leg.json", file("2026-11-23/b.cdr.json")).unwrap();
    std::fs::write(file("half.cdr.json"), "{").unwrap();
    std::fs::write(file("notes.txt"), "not ours").unwrap();
    let past = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000 - 86_400 * 400);
    for name in ["a_1.cdr.json", "2026-11-23/b.cdr.json", "half.cdr.json"] {
        std::fs::File::options().write(true).open(file(name)).unwrap().set_modified(past).unwrap();
    }
    std::fs::write(file("fresh.cdr.json"), "{").unwrap();
    let soon = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000);
    std::fs::File::options().write(true).open(file("fresh.cdr.json")).unwrap().set_modified(soon).unwrap();
    house.store.full.store(true, Ordering::SeqCst);
    let watch = tokio::spawn(intake::watch_folder(folder.path().to_owned(), house.handle.clone()));
    sleep(Duration::from_millis(300)).await;
    assert!(file("a_1.cdr.json").exists(), "it is kept while the store takes no writes");
    watch.abort();
    house.store.full.store(false, Ordering::SeqCst);
    let watch = tokio::spawn(intake::watch_folder(folder.path().to_owned(), house.handle.clone()));
    let taken = async {
        while file("a_1.cdr.json").exists() || file("half.cdr.json").exists() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(15), taken).await.expect("the folder is looked through");
    watch.abort();
    assert!(file("fresh.cdr.json").exists(), "what is being written is left alone");
    assert!(
        !file("2026-11-23/b.cdr.json").exists()
            && file("half.cdr.json.unreadable").exists()
            && file("notes.txt").exists()
    );
    assert_eq!(house.handle.store().journal(&JournalQuery::default()).await.unwrap().len(), 1);
    house.stops().await;
}

#[tokio::test]
async fn a_switch_that_will_never_let_us_in_ends_the_daemon() {
    let house = House::open().await;
    house.told.send(Told::Hopeless("main".into(), "the password is refused".into())).await.unwrap();
    let ended = house.daemon.await.unwrap().unwrap_err().to_string();
    assert_eq!(ended, "switch main: the password is refused");
}

#[tokio::test]
async fn a_call_detail_record_that_is_none_is_refused_and_one_that_is_known_is_not_counted_twice() {
    let house = House::open().await;
    let refused = house.handle.cdr(None, "no record".into()).await.unwrap();
    assert!(refused.unwrap_err().to_string().starts_with("this is no call detail record"));
    let record = std::fs::read("tests/cdr/never-answered.json").expect("a recorded one");
    for _ in 0..2 {
        house.handle.cdr(None, record.clone().into()).await.unwrap().unwrap();
    }
    let rows = house.handle.store().journal(&JournalQuery::default()).await.unwrap();
    assert_eq!(rows.len(), 1, "{rows:?}");
    house.stops().await;
}
