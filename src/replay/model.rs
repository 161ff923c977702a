//! The world around the engine in a replay: a switch without a wire, clients and operators of whom the journal tells.
//!
//! | the engine | the world |
//! |---|---|
//! | dials an operator | rings; who answers at that hour answers |
//! | says something | takes as long as its letters |
//! | dials a client | does what is known, or drawn ([`History::fate`]) |
//! | bridges two | they talk; then both are gone |
//! | takes a waiting caller | who is put through, and does not leave any more |
//! | asks | is told what is alive |

use super::{
    Came,
    history::{Fate, History},
};
use crate::{
    engine::{
        Engine, Name, Step,
        effect::{AlarmKind, Effect, HangupCause, Originate, Words},
        input::{Asked, Channel, ChannelState, Direction, Ended, Input, News, Wish},
        number::Number,
        record::{
            AttemptRecord, CallbackId, CallbackRecord, CallbackState, ChannelId, CloseReason, Job, Origin, Outcome,
            Role, Snapshot, Write,
        },
        rules::{Answer, Operator, Rules},
        time::{Mono, Now, Span, Wall},
    },
    report::Fold,
    store::CallbackStory,
    voice::{self, Names},
};
use jiff::tz::TimeZone;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

/// How long a letter takes to be said: about fourteen a second.
const LETTER: Span = Span(70);
/// How long a phone takes to say that it is busy, or the like.
const REFUSES: Span = Span::seconds(2);
/// How long an operator takes to press a key: after the announcement begins, or when a machine is heard.
const PRESSES: Span = Span::seconds(3);
/// How long a talk with a machine lasts when no key ends it.
const MACHINE_TALKS: Span = Span::seconds(15);
/// Between the first moment of the world and the period.
const BEFORE: Span = Span::minutes(5);

/// How a channel of the world stands.
#[derive(Debug)]
struct Live {
    switch: Name,
    channel: Channel,
    answered: bool,
    parked: bool,
    bridged: Option<ChannelId>,
    /// What is being said.
    says: Option<uuid::Uuid>,
    /// The client: of a client's leg or call.
    number: Option<Number>,
    fate: Option<Fate>,
    operator: Option<Name>,
}

/// What happens by itself.
#[derive(Debug)]
enum Event {
    /// A call of the journal comes, by its place there.
    Comes(usize),
    Served(usize),
    Unserved(usize),
    Leaves(usize),
    /// A person wants a client called.
    Wanted(Wish),
    /// An operator's own call reaches a client.
    Reaches(Name, Number),
    Answers(ChannelId),
    /// The one who was rung ends it.
    Ends(ChannelId, Outcome),
    Said(ChannelId, uuid::Uuid),
    Presses(ChannelId, char),
    /// A talk is over.
    Parts(ChannelId, ChannelId),
}

/// A world with its engine.
pub(super) struct Model<'h> {
    history: &'h History,
    rules: Arc<Rules>,
    zone: TimeZone,
    engine: Engine,
    now: Now,
    end: Mono,
    agenda: BTreeMap<(Mono, u64), Event>,
    /// What the engine is to be told at this moment.
    waiting: VecDeque<Input>,
    planned: u64,
    alive: BTreeMap<ChannelId, Live>,
    /// Whose phone each of our legs rings: the engine writes it before it dials.
    legs: BTreeMap<ChannelId, Name>,
    callbacks: BTreeMap<CallbackId, CallbackRecord>,
    attempts: BTreeMap<(Job, u32), AttemptRecord>,
    calls: BTreeMap<ChannelId, crate::engine::record::CallRecord>,
    /// Callbacks of the journal whose clients the replay has reached: their later calls do not come.
    reached: BTreeSet<CallbackId>,
    /// By client, the callbacks of the journal that their calls so far were about.
    about: BTreeMap<Number, BTreeSet<CallbackId>>,
    known: u64,
    drawn: u64,
    impossible: u64,
}

/// What a model came to.
pub(super) struct Done {
    pub came: Came,
    pub known: u64,
    pub drawn: u64,
    pub impossible: u64,
}

/// How often the client's phone was called in all attempts.
pub(super) fn dials(story: &CallbackStory) -> u64 {
    let clients = |attempt: &AttemptRecord| attempt.legs.iter().filter(|leg| leg.role == Role::Client).count() as u64;
    story.attempts.iter().map(clients).sum()
}

impl<'h> Model<'h> {
    pub(super) fn new(history: &'h History, rules: &Rules, zone: &TimeZone) -> Model<'h> {
        let rules = Arc::new(playable(rules));
        let born = history.since - BEFORE;
        let now = Now { wall: born, mono: Mono(0) };
        let engine = Engine::new(rules.clone(), Snapshot { seed: 1, born, ..Snapshot::default() }, now);
        let longest = rules.lines.values().map(|line| line.redial.expire).max().unwrap_or_default();
        let mut model = Model {
            history,
            zone: zone.clone(),
            engine,
            now,
            end: Mono(history.until.since(born).0) + longest + longest,
            agenda: BTreeMap::new(),
            waiting: VecDeque::new(),
            planned: 0,
            alive: BTreeMap::new(),
            legs: BTreeMap::new(),
            callbacks: BTreeMap::new(),
            attempts: BTreeMap::new(),
            calls: BTreeMap::new(),
            reached: BTreeSet::new(),
            about: BTreeMap::new(),
            known: 0,
            drawn: 0,
            impossible: 0,
            rules,
        };
        model.plan_the_journal();
        model
    }

    fn plan_the_journal(&mut self) {
        let history = self.history;
        for (n, call) in history.calls.iter().enumerate() {
            let ended = call.ended.unwrap_or(call.arrived);
            self.at(call.arrived, Event::Comes(n));
            if let Some(served) = call.served {
                self.at(served, Event::Served(n));
                self.at((served + call.talk).min(ended), Event::Unserved(n));
            }
            self.at(ended, Event::Leaves(n));
        }
        for CallbackStory { callback, .. } in &history.stories {
            let asked = match &callback.origin {
                Origin::Missed { .. } => None,
                Origin::ByHand { by } => Some((by.clone(), None)),
                Origin::Queue { .. } => Some(("the queue".to_owned(), None)),
                Origin::Listed { list } => Some((String::new(), Some(list.clone()))),
                Origin::Web { site } => Some((format!("the site {site}"), None)),
            };
            if let Some((by, list)) = asked {
                let (number, line) = (callback.number, callback.line.clone());
                self.at(callback.opened, Event::Wanted(Wish::Call { number, line, by, list }));
            }
            if let CallbackState::Closed { at, reason: CloseReason::OperatorCalled { operator: Some(operator) } } =
                &callback.state
            {
                self.at(*at, Event::Reaches(operator.clone(), callback.number));
            }
        }
    }

    /// The whole of it.
    pub(super) fn run(mut self) -> Done {
        for switch in self.rules.switches.clone() {
            self.tell(&switch, News::Up);
        }
        self.agents_are_there();
        self.think();
        while let Some(next) = self.next().filter(|next| *next <= self.end) {
            self.now = Now { mono: next, wall: self.now.wall + next.since(self.now.mono) };
            let due = self.agenda.first_entry().filter(|entry| entry.key().0 <= next).map(|entry| entry.remove());
            match due {
                Some(event) => self.happens(event),
                None if self.is_over() => break,
                None => self.waiting.push_back(Input::Tick),
            }
            self.think();
        }
        self.finish()
    }

    fn is_over(&self) -> bool {
        self.agenda.is_empty() && !self.callbacks.values().any(CallbackRecord::is_open)
    }

    /// Followed agents say when they are there; the journal does not.
    fn agents_are_there(&mut self) {
        let agents: Vec<Box<str>> =
            self.rules.operators.values().filter_map(|operator| Some(operator.agent.as_deref()?.into())).collect();
        for switch in self.rules.switches.clone() {
            agents.iter().for_each(|agent| self.tell(&switch, News::Agent { agent: agent.clone(), available: true }));
        }
    }

    fn next(&self) -> Option<Mono> {
        let deadline = self.engine.deadline();
        let wall = deadline.wall.map(|at| self.now.mono + at.since(self.now.wall));
        let mono = deadline.mono.map(|at| at.max(self.now.mono));
        [wall, mono, self.agenda.keys().next().map(|(at, _)| *at)].into_iter().flatten().min()
    }

    fn finish(self) -> Done {
        let mut fold = Fold::new(self.rules, None, self.zone);
        self.calls.values().for_each(|call| fold.call(call));
        let mut sum = 0;
        let mut attempts = self.attempts.into_values().peekable();
        for callback in self.callbacks.into_values() {
            let own = std::iter::from_fn(|| attempts.next_if(|attempt| attempt.job == callback.id.into())).collect();
            let story = CallbackStory { callback, attempts: own };
            sum += dials(&story);
            fold.story(&story);
        }
        let totals = fold.finish(None, None).total;
        Done { came: Came::of(sum, totals), known: self.known, drawn: self.drawn, impossible: self.impossible }
    }

    // ---- the engine -----------------------------------------------------------------------------------------------

    fn tell(&mut self, switch: &Name, news: News) {
        self.waiting.push_back(Input::Switch { switch: switch.clone(), news });
    }

    /// Everything that is to be told, and what follows from it.
    fn think(&mut self) {
        while let Some(input) = self.waiting.pop_front() {
            let mut out = Step::default();
            self.engine.step(input, self.now, &mut out);
            self.write(out.writes);
            out.effects.into_iter().for_each(|effect| self.perform(effect));
        }
    }

    fn write(&mut self, writes: Vec<Write>) {
        for write in writes {
            match write {
                Write::Call(call) => drop(self.calls.insert(call.id.clone(), call)),
                Write::Callback(callback) => drop(self.callbacks.insert(callback.id, callback)),
                Write::Attempt(attempt) => {
                    self.legs.extend(attempt.legs.iter().map(|leg| (leg.id.clone(), leg.who.clone())));
                    self.attempts.insert((attempt.job, attempt.n), attempt);
                }
                Write::Operator(_)
                | Write::Paused(_)
                | Write::Block(_)
                | Write::Unblock(_)
                | Write::ListPaused { .. }
                | Write::Spent(_)
                | Write::Paper(_)
                | Write::Discard { .. }
                | Write::Forget(_)
                | Write::Prune(_) => {}
            }
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Originate(leg) => self.rings(&leg),
            Effect::Say { switch, leg, token, words } => self.says(&switch, leg, token, &words),
            Effect::Hush { leg, .. } => {
                if let Some(live) = self.alive.get_mut(&leg) {
                    live.says = None;
                }
            }
            Effect::Bridge { switch, operator, client } => self.bridge(&switch, operator, client),
            Effect::Park { switch, channel, .. } => {
                if let Some(live) = self.alive.get_mut(&channel) {
                    live.parked = true;
                    self.tell(&switch, News::Parked(channel));
                }
            }
            Effect::Hangup { channel, cause, .. } => {
                let outcome = if cause == HangupCause::LostRace { Outcome::Cancelled } else { Outcome::Unknown };
                self.gone(&channel, outcome, cause.as_str());
            }
            Effect::AskLeg { switch, channel } => {
                let state = self.alive.get(&channel).map(|live| {
                    Box::new(ChannelState {
                        channel: live.channel.clone(),
                        answered: live.answered,
                        parked: live.parked,
                        bridged: live.bridged.clone(),
                    })
                });
                self.tell(&switch, News::State(channel, state));
            }
            Effect::AskChannels { switch, token } => {
                let here = self.alive.values().filter(|live| live.switch == switch);
                let list = Some(here.map(|live| live.channel.clone()).collect());
                self.tell(&switch, News::Channels { token, list });
            }
            Effect::Alarm(alarm) => self.impossible += u64::from(alarm.kind == AlarmKind::Impossible),
            // A caller of the journal is in nobody's queue here.
            Effect::Answer { .. }
            | Effect::Transfer { .. }
            | Effect::TakeMessage { .. }
            | Effect::GiveBack { .. }
            | Effect::Ringback { .. }
            | Effect::Music { .. }
            | Effect::LetGo { .. }
            | Effect::Record { .. }
            | Effect::Listen { .. }
            | Effect::Notice(_) => {}
        }
    }

    fn callback_of(&self, leg: &Originate) -> Option<&CallbackRecord> {
        self.callbacks.get(&leg.of.callback()?)
    }

    // ---- our legs -------------------------------------------------------------------------------------------------

    fn rings(&mut self, leg: &Originate) {
        let who = self.legs.get(&leg.leg).cloned();
        let number = self.callback_of(leg).map(|callback| (callback.number, callback.line.clone()));
        let channel = self.channel(leg.leg.clone(), Direction::Outbound, None, "", leg.number.as_deref().unwrap_or(""));
        let (answer, fate) = match (leg.role, number) {
            (Role::Operator, _) => (who.as_ref().and_then(|who| self.history.answer(who, self.now.wall)), None),
            (Role::Client, None) => (None, None),
            (Role::Client, Some((number, line))) => {
                let fate = self.fate(number, &line);
                let after = match fate {
                    Fate::Answers(after, _) | Fate::Machine(after) => Some(after),
                    Fate::Ends(_) => None,
                };
                (after, Some(fate))
            }
        };
        let live = Live {
            switch: leg.switch.clone(),
            channel: channel.clone(),
            answered: false,
            parked: false,
            bridged: None,
            says: None,
            number: number_of(leg, &self.callbacks),
            fate,
            operator: who.filter(|_| leg.role == Role::Operator),
        };
        self.alive.insert(leg.leg.clone(), live);
        match (answer.filter(|after| *after < leg.ring), fate) {
            (Some(after), _) => self.after(after, Event::Answers(leg.leg.clone())),
            (None, Some(Fate::Ends(outcome))) if outcome != Outcome::NoAnswer => {
                self.after(REFUSES, Event::Ends(leg.leg.clone(), outcome));
            }
            (None, _) => self.after(leg.ring, Event::Ends(leg.leg.clone(), Outcome::NoAnswer)),
        }
        self.tell(&leg.switch, News::Taken(leg.leg.clone()));
        self.tell(&leg.switch, News::Created(channel));
    }

    /// Who calls us is busy.
    fn fate(&mut self, number: Number, line: &Name) -> Fate {
        if self.alive.values().any(|live| live.number == Some(number) && live.operator.is_none()) {
            return Fate::Ends(Outcome::Busy);
        }
        let (fate, known) = self.history.fate(number, line, self.now.wall);
        if known {
            self.known += 1
        } else {
            self.drawn += 1
        }
        fate
    }

    fn says(&mut self, switch: &Name, leg: ChannelId, token: uuid::Uuid, words: &Words) {
        let letters = voice::render(words, Names::AsGiven).map_or(0, |text| text.chars().count() as u64);
        let Some(live) = self.alive.get_mut(&leg) else {
            let text = "-ERR No such channel!".into();
            let refused =
                News::Refused { id: leg, what: Asked::Say, text, outcome: Outcome::Unknown, unregistered: false };
            return self.tell(switch, refused);
        };
        live.says = Some(token);
        let key = live.operator.as_ref().and_then(|name| self.rules.operators.get(name)).and_then(key_of);
        if let Some(key) = key.filter(|_| words.facts.outcome.is_empty()) {
            self.after(PRESSES, Event::Presses(leg.clone(), key));
        }
        self.after(Span(letters * LETTER.0), Event::Said(leg, token));
    }

    fn bridge(&mut self, switch: &Name, operator: ChannelId, client: ChannelId) {
        let both = [&operator, &client].iter().all(|id| self.alive.contains_key(*id));
        if !both {
            let text = "-ERR Invalid uuid".into();
            let refused = News::Refused {
                id: operator,
                what: Asked::Bridge,
                text,
                outcome: Outcome::Unknown,
                unregistered: false,
            };
            return self.tell(switch, refused);
        }
        for (one, other) in [(&operator, &client), (&client, &operator)] {
            if let Some(live) = self.alive.get_mut(one) {
                (live.bridged, live.parked, live.says) = (Some(other.clone()), false, None);
            }
        }
        let (number, fate) = self.alive.get(&client).map_or((None, None), |live| (live.number, live.fate));
        if let Some(about) = number.and_then(|number| self.about.get(&number)) {
            self.reached.extend(about);
        }
        let line = self.calls.get(&client).map_or_else(|| Name::from(""), |call| call.line.clone());
        let talk = match (fate, number) {
            (Some(Fate::Answers(_, talk)), _) => talk,
            (Some(Fate::Machine(_)), _) => {
                self.notices_the_machine(&operator);
                MACHINE_TALKS
            }
            (_, Some(number)) => self.history.talk(number, &line, self.now.wall),
            _ => Span::ZERO,
        };
        self.after(talk.max(Span(1)), Event::Parts(operator.clone(), client.clone()));
        self.tell(switch, News::Bridged(operator, client));
    }

    /// An operator who has a key for it presses it.
    fn notices_the_machine(&mut self, leg: &ChannelId) {
        let attempt = self.attempts.values().rev().find(|attempt| attempt.legs.iter().any(|own| own.id == *leg));
        let line =
            attempt.and_then(|attempt| self.callbacks.get(&attempt.job.callback()?)).map(|callback| &callback.line);
        let key = line.and_then(|line| self.rules.lines.get(line)).and_then(|line| line.redial.keys.machine);
        if let Some(key) = key {
            self.after(PRESSES, Event::Presses(leg.clone(), key.sign()));
        }
    }

    fn gone(&mut self, id: &ChannelId, outcome: Outcome, cause: &str) {
        let Some(live) = self.alive.remove(id) else { return };
        let ended = Ended { id: id.clone(), outcome, cause: cause.into(), unregistered: false, line: None };
        self.tell(&live.switch, News::Ended(ended));
    }

    // ---- what happens by itself -----------------------------------------------------------------------------------

    fn happens(&mut self, event: Event) {
        match event {
            Event::Comes(n) => self.comes(n),
            Event::Served(n) => self.served(n),
            Event::Unserved(n) => self.unserved(n),
            Event::Leaves(n) => {
                let history = self.history;
                let call = &history.calls[n];
                let with_us = self.alive.get(&call.id).is_some_and(|live| live.parked || live.bridged.is_some());
                if !with_us {
                    self.gone(&call.id, Outcome::Unknown, &call.cause);
                }
            }
            Event::Wanted(wish) => self.waiting.push_back(Input::Wish(wish)),
            Event::Reaches(operator, number) => self.reaches(&operator, number),
            Event::Answers(id) => self.answers(&id),
            Event::Ends(id, outcome) => self.gone(&id, outcome, cause_of(outcome)),
            Event::Said(id, token) => {
                let live = self.alive.get_mut(&id).filter(|live| live.says == Some(token));
                if let Some(live) = live {
                    live.says = None;
                    let switch = live.switch.clone();
                    self.tell(&switch, News::Said { id, token });
                }
            }
            Event::Presses(id, key) => {
                let switch = self.alive.get(&id).map(|live| live.switch.clone());
                if let (Some(switch), Some(key)) = (switch, crate::engine::rules::Key::new(key)) {
                    self.tell(&switch, News::Key(id, key));
                }
            }
            Event::Parts(operator, client) => {
                let together = self.alive.get(&operator).is_some_and(|live| live.bridged.as_ref() == Some(&client));
                if together {
                    self.gone(&client, Outcome::Talked, "NORMAL_CLEARING");
                    self.gone(&operator, Outcome::Talked, "NORMAL_CLEARING");
                }
            }
        }
    }

    fn comes(&mut self, n: usize) {
        let history = self.history;
        let call = &history.calls[n];
        let on_the_phone = call
            .number
            .is_some_and(|number| self.alive.values().any(|live| live.number == Some(number) && live.answered));
        if on_the_phone || call.callback.is_some_and(|about| self.reached.contains(&about)) {
            return;
        }
        if let (Some(number), Some(about)) = (call.number, call.callback) {
            self.about.entry(number).or_default().insert(about);
        }
        let caller = call.number.map_or_else(|| "anonymous".to_owned(), |number| number.to_string());
        let mut channel = self.channel(call.id.clone(), Direction::Inbound, None, &caller, "");
        channel.name = call.name.as_str().into();
        channel.line = Some(call.line.as_ref().into());
        let switch = self.switch(&call.switch);
        let live = Live {
            switch: switch.clone(),
            channel: channel.clone(),
            answered: false,
            parked: false,
            bridged: None,
            says: None,
            number: call.number,
            fate: None,
            operator: None,
        };
        self.alive.insert(call.id.clone(), live);
        self.tell(&switch, News::Created(channel));
    }

    /// Somebody takes the call as they did, unless it is with us by now.
    fn served(&mut self, n: usize) {
        let history = self.history;
        let call = &history.calls[n];
        let waits = self.alive.get(&call.id).filter(|live| live.bridged.is_none() && !live.parked);
        let Some(switch) = waits.map(|live| live.switch.clone()) else { return };
        let phone = phone_of(n);
        self.operators_phone(&phone, &switch, call.operator.as_ref(), Direction::Outbound, "");
        for (one, other) in [(&call.id, &phone), (&phone, &call.id)] {
            if let Some(live) = self.alive.get_mut(one) {
                (live.bridged, live.answered) = (Some(other.clone()), true);
            }
        }
        self.tell(&switch, News::Bridged(call.id.clone(), phone));
    }

    fn unserved(&mut self, n: usize) {
        let (phone, history) = (phone_of(n), self.history);
        let call = &history.calls[n].id;
        if !self.alive.contains_key(&phone) {
            return;
        }
        let Some(live) = self.alive.get_mut(call).filter(|live| live.bridged.as_ref() == Some(&phone)) else { return };
        live.bridged = None;
        let switch = live.switch.clone();
        self.tell(&switch, News::Unbridged(call.clone(), phone.clone()));
        self.gone(&phone, Outcome::Talked, "NORMAL_CLEARING");
    }

    /// A channel of an operator's phone that is not ours.
    fn operators_phone(&mut self, id: &ChannelId, switch: &Name, who: Option<&Name>, way: Direction, dialled: &str) {
        let user = who.and_then(|name| self.rules.operators.get(name)).map(|operator| operator.phones[0].user.clone());
        let channel = self.channel(id.clone(), way, user.as_deref(), "", dialled);
        let live = Live {
            switch: switch.clone(),
            channel: channel.clone(),
            answered: true,
            parked: false,
            bridged: None,
            says: None,
            number: None,
            fate: None,
            operator: who.cloned(),
        };
        self.alive.insert(id.clone(), live);
        self.tell(switch, News::Created(channel));
    }

    fn reaches(&mut self, operator: &Name, number: Number) {
        let Some(switch) = self.rules.switches.first().cloned() else { return };
        if !self.rules.operators.contains_key(operator) {
            return;
        }
        let [phone, client] = ["operator", "client"].map(|end| ChannelId::new(&format!("{end}-{}", self.planned)));
        self.operators_phone(&phone, &switch, Some(operator), Direction::Inbound, &number.to_string());
        self.tell(&switch, News::Bridged(phone.clone(), client));
        self.gone(&phone, Outcome::Talked, "NORMAL_CLEARING");
    }

    fn answers(&mut self, id: &ChannelId) {
        let Some(live) = self.alive.get_mut(id) else { return };
        (live.answered, live.parked) = (true, true);
        let switch = live.switch.clone();
        self.tell(&switch, News::Answered(id.clone()));
        self.tell(&switch, News::Parked(id.clone()));
    }

    // ---- small things ---------------------------------------------------------------------------------------------

    fn at(&mut self, at: Wall, event: Event) {
        let at = self.now.mono + at.since(self.now.wall);
        self.planned += 1;
        self.agenda.insert((at, self.planned), event);
    }

    fn after(&mut self, span: Span, event: Event) {
        self.at(self.now.wall + span, event);
    }

    fn channel(&self, id: ChannelId, direction: Direction, user: Option<&str>, caller: &str, dialled: &str) -> Channel {
        Channel {
            id,
            direction,
            user: user.map(Into::into),
            caller: caller.into(),
            name: "".into(),
            dialled: dialled.into(),
            line: None,
            created: self.now.wall,
        }
    }

    /// The switch of this name, or the first one of rules that have none such.
    fn switch(&self, name: &Name) -> Name {
        let known = self.rules.switches.iter().find(|known| *known == name).or(self.rules.switches.first());
        known.unwrap_or(name).clone()
    }
}

/// Rules that dial, and that do not wait for an operator to come back of whom the journal does not say that they did.
fn playable(rules: &Rules) -> Rules {
    let mut rules = Rules { observe: false, ..rules.clone() };
    for operator in rules.operators.values_mut() {
        Arc::make_mut(operator).away_after = None;
    }
    rules
}

fn number_of(leg: &Originate, callbacks: &BTreeMap<CallbackId, CallbackRecord>) -> Option<Number> {
    leg.of
        .callback()
        .and_then(|id| callbacks.get(&id))
        .filter(|_| leg.role == Role::Client)
        .map(|callback| callback.number)
}

/// The other end of a served call of the journal.
fn phone_of(n: usize) -> ChannelId {
    ChannelId::new(&format!("served-{n}"))
}

fn key_of(operator: &Arc<Operator>) -> Option<char> {
    match operator.answer {
        Answer::Press(key) => Some(key.sign()),
        Answer::Person | Answer::Delay(_) => None,
    }
}

fn cause_of(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Busy => "USER_BUSY",
        Outcome::Declined => "CALL_REJECTED",
        Outcome::Invalid => "UNALLOCATED_NUMBER",
        _ => "NO_ANSWER",
    }
}
