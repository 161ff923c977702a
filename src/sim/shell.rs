//! The daemon without its sockets and files: the real codec, translation, engine and store, in the order in which the real
//! shell has them.
//!
//! ```text
//! bytes -> connection -> news -> engine.step (all that waits) -> commit their writes together -> perform their effects
//! ```
//! A commit that fails keeps its writes for later, withholds what would dial, and performs what is safe.

use super::switch::ConnId;
use crate::{
    engine::{
        Engine, Name, Step,
        effect::{Alarm, Effect, Notice as Fact},
        input::{Input, News},
        record::{ChannelId, Write},
        rules::Rules,
        time::{Mono, Now, Span},
    },
    esl::{Command, Connection, Credentials, Limits, Secret, connection::Notice, connection::Token, outbound},
    store::{Known, Memory, StoreError},
    switch::{
        event,
        order::{self, Order, Purpose, Speakers},
    },
};
use std::{collections::BTreeMap, sync::Arc};
use uuid::Uuid;

/// How long after a lost connection the next one is tried.
const RECONNECT: Span = Span::seconds(1);
/// How often a store that failed is tried again.
const RETRY: Span = Span::seconds(1);

/// A store that fails for a while.
#[derive(Debug)]
pub struct FlakyStore {
    /// The rows.
    pub rows: Memory,
    /// It takes no writes before this.
    pub fails_until: Mono,
}

impl FlakyStore {
    fn commit(&mut self, writes: &[Write], now: Now) -> Result<(), StoreError> {
        if now.mono < self.fails_until {
            return Err(StoreError::Refused { what: "the simulation's disk is full".to_owned() });
        }
        self.rows.commit(writes)
    }
}

/// Where between a step and its effects the daemon dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// Before anything of the step is written.
    BeforeCommit,
    /// Written, and nothing done.
    AfterCommit,
    /// After so many effects, or after all of them when there are fewer.
    AfterEffects(usize),
}

/// What the shell says of itself, for those who judge and those who tell.
#[derive(Clone, Debug)]
pub enum Said {
    /// A fact.
    Fact(Box<Fact>),
    /// Trouble.
    Alarm(Alarm),
}

/// The daemon.
#[derive(Debug)]
pub struct Shell {
    rules: Arc<Rules>,
    switch: Name,
    password: String,
    life: Option<Life>,
    death: Option<Death>,
    /// What was said since it was last taken.
    pub said: Vec<Said>,
    /// What it was told and what it did since it was last taken, when that is wanted.
    pub trace: Option<Vec<String>>,
}

/// One life of the daemon, from its start to its death.
#[derive(Debug)]
struct Life {
    engine: Engine,
    link: Option<Link>,
    reconnect: Mono,
    unwritten: Vec<Write>,
    retry: Option<Mono>,
    jobs: BTreeMap<Uuid, Purpose>,
    waiting: Vec<Input>,
    /// The connections of callers whom the dialplan gave.
    callers: BTreeMap<ConnId, Caller>,
}

/// One of them, with the caller once that is known.
#[derive(Debug, Default)]
struct Caller {
    session: outbound::Session,
    channel: Option<ChannelId>,
}

#[derive(Debug)]
struct Link {
    id: ConnId,
    connection: Connection,
    purposes: BTreeMap<Token, Purpose>,
    up: bool,
}

impl Shell {
    /// A daemon that is not running.
    pub fn new(rules: Rules, switch: &str, password: &str) -> Shell {
        Shell {
            rules: Arc::new(rules),
            switch: switch.into(),
            password: password.to_owned(),
            life: None,
            death: None,
            said: Vec::new(),
            trace: None,
        }
    }

    /// Starts: reads the store back; the connection is made when its time comes.
    pub fn start(&mut self, store: &FlakyStore, now: Now) {
        let engine = Engine::new(self.rules.clone(), store.rows.load(now.wall, self.rules.unique_within()), now);
        self.death = None;
        self.life = Some(Life {
            engine,
            link: None,
            reconnect: now.mono,
            unwritten: Vec::new(),
            retry: None,
            jobs: BTreeMap::new(),
            waiting: Vec::new(),
            callers: BTreeMap::new(),
        });
    }

    /// Dies without a word; the connection that it had.
    pub fn kill(&mut self) -> Option<ConnId> {
        self.death = None;
        self.life.take()?.link.map(|link| link.id)
    }

    /// Dies in the next step that does something.
    pub fn doom(&mut self, death: Death) {
        if self.life.is_some() {
            self.death = Some(death);
        }
    }

    /// Does it run?
    pub fn is_alive(&self) -> bool {
        self.life.is_some()
    }

    /// The engine, while it runs.
    pub fn engine(&self) -> Option<&Engine> {
        self.life.as_ref().map(|life| &life.engine)
    }

    /// Is it logged in and subscribed?
    pub fn is_up(&self) -> bool {
        self.life.as_ref().and_then(|life| life.link.as_ref()).is_some_and(|link| link.up)
    }

    /// The connection that it has.
    pub fn conn(&self) -> Option<ConnId> {
        self.life.as_ref().and_then(|life| life.link.as_ref()).map(|link| link.id)
    }

    /// Does it want to connect now?
    pub fn wants_connection(&self, now: Mono) -> bool {
        self.life.as_ref().is_some_and(|life| life.link.is_none() && life.reconnect <= now)
    }

    /// A connection was made.
    pub fn connected(&mut self, id: ConnId) {
        let (Some(life), Ok(password), Ok(subscription)) =
            (&mut self.life, Secret::new(&self.password), event::subscription())
        else {
            return;
        };
        let connection = Connection::inbound(Credentials::Password(password), subscription, Limits::default());
        life.link = Some(Link { id, connection, purposes: BTreeMap::new(), up: false });
    }

    /// The connection is lost.
    pub fn disconnected(&mut self, now: Now) {
        let Some(life) = &mut self.life else { return };
        let Some(link) = life.link.take() else { return };
        life.reconnect = now.mono + RECONNECT;
        // What was asked on it and not answered may have been done: the engine asks when the next one is there.
        if link.up {
            life.waiting.push(news(&self.switch, News::Down));
        }
    }

    /// Bytes from the switch.
    pub fn receive(&mut self, bytes: &[u8]) {
        let Some(life) = &mut self.life else { return };
        let Some(link) = &mut life.link else { return };
        link.connection.receive(bytes);
        while let Some(notice) = link.connection.poll() {
            let mut told = Vec::new();
            link.notice(notice, &mut life.jobs, &mut |news| told.push(news));
            life.waiting.extend(told.into_iter().map(|told| news(&self.switch, told)));
        }
    }

    /// The dialplan gives a caller.
    pub fn caller_connected(&mut self, id: ConnId) {
        if let Some(life) = &mut self.life {
            life.callers.insert(id, Caller::default());
        }
    }

    /// The connections of callers.
    pub fn callers(&self) -> Vec<ConnId> {
        self.life.iter().flat_map(|life| life.callers.keys().copied()).collect()
    }

    /// Bytes from the switch on a caller's connection.
    pub fn receive_of_caller(&mut self, id: ConnId, bytes: &[u8]) {
        let Some(life) = &mut self.life else { return };
        let Some(caller) = life.callers.get_mut(&id) else { return };
        caller.session.receive(bytes);
        while let Some(notice) = caller.session.poll() {
            if let outbound::Notice::Given(event) = notice
                && let Some(given) = event::given(&event)
            {
                caller.channel = Some(given.channel.id.clone());
                life.waiting.push(news(&self.switch, News::Given(Box::new(given))));
            }
        }
    }

    /// A caller's connection is over.
    pub fn caller_disconnected(&mut self, id: ConnId) {
        let Some(life) = &mut self.life else { return };
        let channel = life.callers.remove(&id).and_then(|caller| caller.channel);
        life.waiting.extend(channel.map(|channel| news(&self.switch, News::TakenBack(channel))));
    }

    /// Bytes for the switch on the callers' connections.
    pub fn take_outputs_of_callers(&mut self) -> Vec<(ConnId, Vec<u8>)> {
        let callers = self.life.iter_mut().flat_map(|life| &mut life.callers);
        let outputs = callers.map(|(id, caller)| (*id, caller.session.take_output().to_vec()));
        outputs.filter(|(_, bytes)| !bytes.is_empty()).collect()
    }

    /// Is everything written that is to be?
    pub fn has_written_all(&self) -> bool {
        self.life.as_ref().is_some_and(|life| life.unwritten.is_empty())
    }

    /// Bytes for the switch.
    pub fn take_output(&mut self) -> Vec<u8> {
        let link = self.life.as_mut().and_then(|life| life.link.as_mut());
        link.map(|link| link.connection.take_output().to_vec()).unwrap_or_default()
    }

    /// Something else to be told to the engine.
    pub fn tell(&mut self, input: Input) {
        if let Some(life) = &mut self.life {
            life.waiting.push(input);
        }
    }

    /// A call detail record; what the journal knows already is not told.
    pub fn post(&mut self, cdr: crate::engine::input::Cdr, store: &FlakyStore) {
        if store.rows.call_known(&cdr.channel.id) != Known::Ended {
            let told = news(&self.switch, News::Cdr(Box::new(cdr)));
            self.tell(told);
        }
    }

    /// When it wants to run next, on the monotonic clock as it stands to the wall clock now.
    pub fn next_deadline(&self, now: Now) -> Option<Mono> {
        let life = self.life.as_ref()?;
        if !life.waiting.is_empty() {
            return Some(now.mono);
        }
        let deadline = life.engine.deadline();
        let wall = deadline.wall.map(|wall| now.mono + wall.since(now.wall));
        let reconnect = life.link.is_none().then_some(life.reconnect);
        [deadline.mono, wall, reconnect, life.retry].into_iter().flatten().min()
    }

    /// Runs everything that waits or is due. `false`: it died on the way.
    pub fn run(&mut self, store: &mut FlakyStore, now: Now) -> bool {
        while let Some(life) = &mut self.life {
            life.retry_store(store, now);
            let mut inputs = std::mem::take(&mut life.waiting);
            if inputs.is_empty() {
                if !is_due(&life.engine, now) {
                    return true;
                }
                inputs.push(Input::Tick);
            }
            let mut step = Step::default();
            if let Some(trace) = &mut self.trace {
                trace.extend(inputs.iter().map(|input| format!("told {input:?}")));
            }
            inputs.into_iter().for_each(|input| life.engine.step(input, now, &mut step));
            if let Some(trace) = &mut self.trace {
                trace.extend(step.effects.iter().map(|effect| format!("does {effect:?}")));
            }
            if !self.perform(step, store, now) {
                return false;
            }
        }
        false
    }

    fn perform(&mut self, step: Step, store: &mut FlakyStore, now: Now) -> bool {
        let Some(life) = &mut self.life else { return false };
        let does = !step.writes.is_empty() || !step.effects.is_empty();
        let death = if does { self.death.take() } else { None };
        if death == Some(Death::BeforeCommit) {
            return false;
        }
        let written = life.write(step.writes, store, now);
        if death == Some(Death::AfterCommit) {
            return false;
        }
        for (n, effect) in step.effects.into_iter().enumerate() {
            if death == Some(Death::AfterEffects(n)) {
                return false;
            }
            match effect {
                Effect::Notice(fact) => self.said.push(Said::Fact(Box::new(fact))),
                Effect::Alarm(alarm) => self.said.push(Said::Alarm(alarm)),
                Effect::Originate(leg) if !written => life.waiting.push(Input::Withheld { leg: leg.leg }),
                effect => life.perform(&self.switch, &effect),
            }
        }
        death.is_none()
    }

    /// The rules are read anew.
    pub fn reload(&mut self, rules: Rules) {
        self.rules = Arc::new(rules);
        self.tell(Input::Reload(self.rules.clone()));
    }
}

fn is_due(engine: &Engine, now: Now) -> bool {
    let deadline = engine.deadline();
    deadline.mono.is_some_and(|at| at <= now.mono) || deadline.wall.is_some_and(|at| at <= now.wall)
}

fn news(switch: &Name, news: News) -> Input {
    Input::Switch { switch: switch.clone(), news }
}

fn speakers() -> Speakers {
    Speakers { ru: "flite|slt".to_owned(), en: "flite|slt".to_owned(), ..Speakers::default() }
}

impl Life {
    /// Commits; what cannot be is kept in order, with what was kept before.
    fn write(&mut self, writes: Vec<Write>, store: &mut FlakyStore, now: Now) -> bool {
        if writes.is_empty() && self.unwritten.is_empty() {
            return true;
        }
        self.unwritten.extend(writes);
        if store.commit(&self.unwritten, now).is_ok() {
            self.unwritten.clear();
            if self.retry.take().is_some() {
                self.waiting.push(Input::Store { works: true });
            }
            return true;
        }
        if self.retry.is_none() {
            self.waiting.push(Input::Store { works: false });
        }
        self.retry = Some(now.mono + RETRY);
        false
    }

    fn retry_store(&mut self, store: &mut FlakyStore, now: Now) {
        if self.retry.is_some_and(|at| at <= now.mono) {
            self.write(Vec::new(), store, now);
        }
    }

    /// Gives a caller back; said on the caller's own connection, before which the engine hears that it is over.
    fn give_back(&mut self, switch: &Name, channel: &ChannelId) {
        let callers = self.callers.values_mut();
        for caller in callers.filter(|caller| caller.channel.as_ref() == Some(channel)) {
            caller.session.give_back();
            caller.channel = None;
            self.waiting.push(news(switch, News::TakenBack(channel.clone())));
        }
    }

    /// Without a connection nothing is sent: the engine is told of what it must know was not dialled.
    fn perform(&mut self, switch: &Name, effect: &Effect) {
        if let Effect::GiveBack { channel, .. } = effect {
            return self.give_back(switch, channel);
        }
        let Some(link) = self.link.as_mut().filter(|link| link.up) else {
            if let Effect::Originate(leg) = effect {
                self.waiting.push(Input::Withheld { leg: leg.leg.clone() });
            }
            return;
        };
        let orders = match order::orders(effect, &speakers()) {
            Ok(orders) => orders,
            Err(told) => return self.waiting.push(news(switch, *told)),
        };
        for Order { command, purpose } in orders {
            match link.connection.send(&command) {
                Ok(token) => {
                    if let Command::BgApi { job, .. } = &command {
                        self.jobs.insert(*job, purpose.clone());
                    }
                    link.purposes.insert(token, purpose);
                }
                Err(why) => self.waiting.extend(purpose.unsent(&why.to_string()).map(|told| news(switch, told))),
            }
        }
    }
}

impl Link {
    fn notice(&mut self, notice: Notice, jobs: &mut BTreeMap<Uuid, Purpose>, tell: &mut impl FnMut(News)) {
        match notice {
            Notice::Ready => {
                self.up = true;
                let Order { command, purpose } = order::ask_agents();
                if let Ok(token) = self.connection.send(&command) {
                    self.purposes.insert(token, purpose);
                }
                tell(News::Up);
            }
            Notice::Event(event) => event::news(&event, tell),
            Notice::Reply { token, reply } => {
                if let Some(purpose) = self.purposes.remove(&token) {
                    purpose.replied(&reply, &Limits::default(), tell);
                }
            }
            Notice::JobAccepted { token, .. } => {
                let taken = self.purposes.remove(&token).and_then(|purpose| purpose.taken());
                taken.into_iter().for_each(tell);
            }
            Notice::JobRefused { token, job, text } => {
                jobs.remove(&job);
                let refused = self.purposes.remove(&token).and_then(|purpose| purpose.refused(&text));
                refused.into_iter().for_each(tell);
            }
            Notice::JobDone { job, event } => {
                let done = jobs.remove(&job).and_then(|purpose| purpose.done(&event.body()));
                done.into_iter().for_each(tell);
            }
            _ => {}
        }
    }
}
