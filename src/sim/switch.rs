//! A pretend FreeSWITCH: it speaks ESL bytes, has channels, a small dialplan and mod_callcenter, and obeys the variables
//! that keep a leg from living for ever. It keeps no clock: every call is told the time.
//!
//! It is held against recordings of a real one (`tests/pretend.rs`): the same events in the same order for each channel,
//! with every header that we read. What it does not have, on purpose: sound, codecs, conferences, transfers to extensions.
//!
//! ```text
//! connect -> receive / output          the event socket, byte for byte
//! calls_out -> the same                the connections that the dialplan's `socket` makes
//! call_in, act -> outside              the telephone network: who calls, who answers, who hangs up
//! next_deadline -> tick                time
//! ```

mod api;
mod bridge;
mod callcenter;
mod cdr;
pub mod channel;
mod command;
mod connection;
mod dial;
pub mod dialplan;
pub mod event;
mod health;
mod life;
mod outbound;

pub use callcenter::AgentStatus;
pub use channel::{Channel, Party, State};
pub use connection::ConnId;
pub use health::Health;

use super::random::Random;
use crate::engine::{
    record::ChannelId,
    time::{Mono, Now, Span, Wall},
};
use callcenter::{Agent, Queue};
use connection::Connection;
use dial::Dial;
use dialplan::Step;
use event::Event;
use std::collections::{BTreeMap, BTreeSet};

/// How long the switch takes from one step of a call to the next: the length of a packet of sound.
const STEP: Span = Span(20);
/// The version that the pretend switch says it is.
const VERSION: &str = "1.11.2-dev+git~20260717T204138Z~0a54a48f37~64bit";

/// What a pretend switch is made of.
#[derive(Clone, Debug)]
pub struct Config {
    /// The event socket's password.
    pub password: String,
    /// The directory's domain.
    pub domain: String,
    /// The directory's users; those who are registered at the start.
    pub users: BTreeMap<String, bool>,
    /// The gateways that there are.
    pub gateways: BTreeSet<String>,
    /// The dialplan: what happens to a call to this number.
    pub dialplan: BTreeMap<String, Vec<Step>>,
    /// mod_callcenter's queues (`sales@default`) with their agents in order.
    pub queues: BTreeMap<String, Vec<String>>,
    /// mod_callcenter's agents (`1001@default`) with what they are called by (`user/1001`).
    pub agents: BTreeMap<String, String>,
    /// How long one sign of a text takes to be spoken.
    pub speech: Span,
    /// The pause between two heartbeats.
    pub heartbeat: Span,
    /// How far `show channels` lags behind.
    pub lag: Span,
    /// What is not as it should be.
    pub health: Health,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            password: "pretend".to_owned(),
            domain: "pretend".to_owned(),
            users: BTreeMap::new(),
            gateways: BTreeSet::new(),
            dialplan: BTreeMap::new(),
            queues: BTreeMap::new(),
            agents: BTreeMap::new(),
            speech: Span(70),
            heartbeat: Span::seconds(20),
            lag: Span(150),
            health: Health::default(),
        }
    }
}

/// Somebody who calls the switch.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The directory user whose phone it is; `None`: it comes over a trunk.
    pub user: Option<String>,
    /// The number shown.
    pub number: String,
    /// The name shown, as it came: hostile.
    pub name: String,
    /// The number dialled.
    pub dialled: String,
}

/// What a person does with a telephone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It rings (180).
    Ring,
    /// It sends sound before the answer (183).
    EarlyMedia,
    /// It is answered (200).
    Answer,
    /// It is refused with this SIP status.
    Reject(u16),
    /// A key of it is pressed.
    Press(char),
    /// A voicemail at it beeps.
    Beep,
    /// It hands the other one on to this user's phone (SIP REFER).
    Refer(u16),
    /// It is put down.
    Hangup,
}

/// What the switch does to a telephone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outside {
    /// It calls the switch.
    Calls {
        /// The channel.
        channel: ChannelId,
        /// Whose phone.
        party: Party,
        /// The number dialled.
        dialled: String,
    },
    /// It is called.
    Invite {
        /// The channel.
        channel: ChannelId,
        /// Whose phone.
        party: Party,
        /// The number that it shows.
        shown: String,
        /// The name that it shows.
        name: String,
        /// The channel's variables, for those who judge.
        variables: Vec<(String, String)>,
    },
    /// The caller's call was answered by the switch.
    Answered(ChannelId),
    /// It is recorded from now on, into this file.
    Recorded(ChannelId, String),
    /// A voicemail at it beeped.
    Beeps(ChannelId),
    /// A key of it was pressed.
    Pressed(ChannelId, char),
    /// It hears this text from now on.
    Hears(ChannelId, String),
    /// It hears music from now on.
    Music(ChannelId),
    /// What it heard is over.
    Silence(ChannelId),
    /// The two hear each other.
    Talking(ChannelId, ChannelId),
    /// It no longer hears the other one, and lives.
    Alone(ChannelId),
    /// The call is over for it.
    Gone(ChannelId, String),
    /// An office exchange answers for the person; what is said on it is heard by nobody.
    Greets(ChannelId),
    /// The person behind that exchange is there.
    Comes(ChannelId),
}

/// A dialling of one or more legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DialId(u64);

/// What is to happen later.
#[derive(Clone, Debug)]
enum Task {
    Heartbeat,
    DialTimeout(DialId),
    Cap(ChannelId, String),
    ParkTimeout(ChannelId, u32, String),
    AppDone(ChannelId, u32),
    Land(Box<dial::Landing>),
    BridgeUp(ChannelId, ChannelId),
    Join(ChannelId, ChannelId),
    Offer(String),
    QueueTimeout(ChannelId),
    QueueOver(Box<callcenter::Over>),
}

/// The pretend switch. See the module for how it is used.
#[derive(Debug)]
pub struct PretendSwitch {
    config: Config,
    random: Random,
    now: Now,
    core: String,
    started: Mono,
    /// The wall clock as it was read at the start: the switch keeps its own time from then on, whatever the clock is set to.
    epoch: i64,
    sequence: u64,
    sessions: u64,
    channels: BTreeMap<ChannelId, Channel>,
    /// Channels that are over and still in the table that lags.
    ghosts: Vec<(Mono, Channel)>,
    dials: BTreeMap<DialId, Dial>,
    last_dial: u64,
    queues: BTreeMap<String, Queue>,
    agents: BTreeMap<String, Agent>,
    registered: BTreeSet<String>,
    down: BTreeSet<String>,
    tasks: BTreeMap<(Mono, u64), Task>,
    last_task: u64,
    connections: BTreeMap<ConnId, Connection>,
    last_connection: u64,
    calls_out: Vec<(ConnId, String)>,
    outside: Vec<Outside>,
    cdrs: Vec<String>,
    /// Commands that nobody would send on purpose: unknown ones.
    strange: Vec<String>,
    /// Texts in which a `${…}` was expanded.
    expanded: Vec<String>,
    /// Uuids that originates have chosen, and those chosen a second time.
    chosen: BTreeSet<String>,
    repeated: Vec<String>,
    /// So many of the next api commands are refused.
    refuse: u32,
    has_refused: bool,
}

impl PretendSwitch {
    /// A switch that has just started.
    pub fn new(config: Config, seed: u64, now: Now) -> PretendSwitch {
        let mut random = Random::new(seed);
        let mut switch = PretendSwitch {
            core: random.uuid().to_string(),
            random,
            now,
            started: now.mono,
            epoch: now.wall.0 - now.mono.0 as i64 + config.health.ahead,
            sequence: 400,
            sessions: 0,
            channels: BTreeMap::new(),
            ghosts: Vec::new(),
            dials: BTreeMap::new(),
            last_dial: 0,
            queues: config.queues.iter().map(|(name, agents)| (name.clone(), Queue::new(agents))).collect(),
            agents: config.agents.iter().map(|(name, contact)| (name.clone(), Agent::new(contact))).collect(),
            registered: config.users.iter().filter(|(_, here)| **here).map(|(user, _)| user.clone()).collect(),
            down: BTreeSet::new(),
            tasks: BTreeMap::new(),
            last_task: 0,
            connections: BTreeMap::new(),
            last_connection: 0,
            calls_out: Vec::new(),
            outside: Vec::new(),
            cdrs: Vec::new(),
            strange: Vec::new(),
            expanded: Vec::new(),
            chosen: BTreeSet::new(),
            repeated: Vec::new(),
            refuse: 0,
            has_refused: false,
            config,
        };
        switch.later(switch.config.heartbeat, Task::Heartbeat);
        switch
    }

    /// Somebody connects to the event socket.
    pub fn connect(&mut self) -> ConnId {
        self.last_connection += 1;
        let id = ConnId(self.last_connection);
        let connection = if self.config.health.shut { Connection::rejected() } else { Connection::new() };
        self.connections.insert(id, connection);
        id
    }

    /// Bytes from a listener; what cannot be a command closes the connection.
    pub fn receive(&mut self, conn: ConnId, bytes: &[u8], now: Now) {
        self.tick(now);
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.push(bytes);
        }
        while let Some(request) = self.connections.get_mut(&conn).and_then(Connection::next) {
            self.obey(conn, &request);
        }
    }

    /// Takes what the listener has to read.
    pub fn output(&mut self, conn: ConnId) -> Vec<u8> {
        self.connections.get_mut(&conn).map(|connection| std::mem::take(&mut connection.output)).unwrap_or_default()
    }

    /// Has the switch closed this connection? What it wrote before may still be read.
    pub fn is_closed(&self, conn: ConnId) -> bool {
        self.connections.get(&conn).is_none_or(|connection| connection.closed)
    }

    /// The listener is gone.
    pub fn disconnect(&mut self, conn: ConnId) {
        self.control_over(conn);
        self.connections.remove(&conn);
    }

    /// Does everything that is due.
    pub fn tick(&mut self, now: Now) {
        while let Some(entry) = self.tasks.first_entry().filter(|entry| entry.key().0 <= now.mono) {
            let at = entry.key().0;
            let task = entry.remove();
            self.now = self.time(at);
            self.run(task);
        }
        self.now = self.time(now.mono);
    }

    fn time(&self, mono: Mono) -> Now {
        Now { mono, wall: Wall(self.epoch + mono.0 as i64) }
    }

    /// When [`PretendSwitch::tick`] is wanted next.
    pub fn next_deadline(&self) -> Option<Mono> {
        self.tasks.keys().next().map(|(at, _)| *at)
    }

    /// What the switch did to telephones since the last time.
    pub fn outside(&mut self) -> Vec<Outside> {
        std::mem::take(&mut self.outside)
    }

    /// The call detail records (mod_json_cdr) since the last time.
    pub fn cdrs(&mut self) -> Vec<String> {
        std::mem::take(&mut self.cdrs)
    }

    /// All channels that are there, for those who judge.
    pub fn channels(&self) -> impl Iterator<Item = &Channel> {
        self.channels.values()
    }

    /// One of them.
    pub fn channel(&self, id: &ChannelId) -> Option<&Channel> {
        self.channels.get(id)
    }

    /// Commands that the switch did not know: sent by nobody on purpose.
    pub fn strange_commands(&self) -> &[String] {
        &self.strange
    }

    /// Texts in which the switch expanded a `${…}`: with `${system(…)}` in it, that ran a program.
    pub fn expanded(&self) -> &[String] {
        &self.expanded
    }

    /// Uuids that were chosen for more than one originate, whatever came of it.
    pub fn repeated(&self) -> &[String] {
        &self.repeated
    }

    /// The next so many api commands are refused.
    pub fn refuse(&mut self, commands: u32) {
        self.refuse += commands;
    }

    /// Was any refused since the last time?
    pub fn has_refused(&mut self) -> bool {
        std::mem::take(&mut self.has_refused)
    }

    /// A phone registers, or is gone.
    pub fn register(&mut self, user: &str, here: bool, now: Now) {
        self.tick(now);
        let changed = if here { self.registered.insert(user.to_owned()) } else { self.registered.remove(user) };
        if !changed {
            return;
        }
        let mut event = self.event("CUSTOM", if here { "sofia::register" } else { "sofia::unregister" });
        event.add("profile-name", "internal");
        event.add("from-user", user);
        event.add("from-host", &self.config.domain);
        event.add("contact", &format!("\"{user}\" <sip:{user}@192.0.2.10:5060>"));
        event.add("call-id", &format!("register-{user}"));
        event.add("status", if here { "Registered(UDP)" } else { "" });
        event.add("expires", if here { "3600" } else { "0" });
        event.add("username", if here { user } else { "" });
        self.emit(event);
    }

    /// Is this user's phone registered?
    pub fn is_registered(&self, user: &str) -> bool {
        self.registered.contains(user)
    }

    /// A gateway goes down, or comes back.
    pub fn gateway(&mut self, name: &str, up: bool) {
        if up {
            self.down.remove(name);
        } else {
            self.down.insert(name.to_owned());
        }
    }

    /// The switch is started anew: every call is lost without a word, every connection closed. Phones register again.
    pub fn restart(&mut self, now: Now) {
        self.tick(now);
        for (id, _) in std::mem::take(&mut self.channels) {
            self.outside.push(Outside::Gone(id, "SYSTEM_SHUTDOWN".to_owned()));
        }
        self.ghosts.clear();
        self.dials.clear();
        self.tasks.clear();
        self.queues.values_mut().for_each(Queue::clear);
        self.agents.values_mut().for_each(Agent::clear);
        self.connections.values_mut().for_each(|connection| connection.closed = true);
        self.core = self.random.uuid().to_string();
        self.started = now.mono;
        self.epoch = now.wall.0 - now.mono.0 as i64 + self.config.health.ahead;
        self.sequence = 400;
        self.later(self.config.heartbeat, Task::Heartbeat);
    }

    fn run(&mut self, task: Task) {
        match task {
            Task::Heartbeat => self.beat(),
            Task::DialTimeout(dial) => self.dial_timeout(dial),
            Task::Cap(id, cause) => self.hangup(&id, &cause),
            Task::ParkTimeout(id, run, cause) => self.park_timeout(&id, run, &cause),
            Task::AppDone(id, run) => self.app_done(&id, run),
            Task::Land(landing) => self.land(*landing),
            Task::BridgeUp(caller, leg) => self.bridge_up(&caller, &leg),
            Task::Join(a, b) => self.join(&a, &b),
            Task::Offer(queue) => self.offer(&queue),
            Task::QueueTimeout(id) => self.queue_timeout(&id),
            Task::QueueOver(over) => self.queue_over(*over),
        }
    }

    fn later(&mut self, after: Span, task: Task) {
        self.last_task += 1;
        self.tasks.insert((self.now.mono + after, self.last_task), task);
    }

    fn beat(&mut self) {
        let mut event = self.event("HEARTBEAT", "");
        let up = self.now.mono.since(self.started);
        event.add("Event-Info", "System Ready");
        event.add("Up-Time", &api::up_time(up));
        event.add("FreeSWITCH-Version", VERSION);
        event.add("Uptime-msec", &up.0.to_string());
        event.add("Session-Count", &self.channels.len().to_string());
        event.add("Max-Sessions", "5000");
        event.add("Session-Per-Sec", "1000");
        event.add("Session-Per-Sec-Last", "0");
        event.add("Session-Per-Sec-Max", "0");
        event.add("Session-Per-Sec-FiveMin", "0");
        event.add("Session-Since-Startup", &self.sessions.to_string());
        event.add("Session-Peak-Max", "0");
        event.add("Session-Peak-FiveMin", "0");
        event.add("Idle-CPU", "98.666667");
        self.emit(event);
        self.later(self.config.heartbeat, Task::Heartbeat);
    }

    fn event(&mut self, name: &'static str, subclass: &'static str) -> Event {
        self.sequence += 1;
        let mut event = Event::new(name, subclass);
        event.begin(&self.core, self.now.wall, self.sequence);
        event
    }

    fn emit(&mut self, event: Event) {
        self.connections.values_mut().for_each(|connection| connection.offer(&event));
    }

    /// Does anybody listen? An event that nobody hears is only counted.
    fn is_wanted(&self, name: &str) -> bool {
        self.connections.values().any(|connection| connection.listens(name))
    }

    /// An event of a channel, as `call` was before.
    fn tell(&mut self, name: &'static str, id: &ChannelId, call: &'static str, more: &[(&str, &str)]) {
        if !self.is_wanted(name) {
            self.sequence += 1;
            return;
        }
        let mut event = self.event(name, "");
        if let Some(channel) = self.channels.get(id) {
            channel.describe(&mut event, call);
        }
        more.iter().for_each(|(name, value)| event.add(name, value));
        self.emit(event);
    }

    /// The same, with the state as it is.
    fn tell_now(&mut self, name: &'static str, id: &ChannelId, more: &[(&str, &str)]) {
        let call = self.channels.get(id).map_or("DOWN", Channel::call_state);
        self.tell(name, id, call, more);
    }

    fn at(&mut self, id: &ChannelId) -> Option<&mut Channel> {
        self.channels.get_mut(id).filter(|channel| channel.alive())
    }
}
