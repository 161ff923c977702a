//! The call centre of the pretend world: a few people, lines and ways out, as the admin's rules and as the switch that fits
//! them.

use super::switch::{Config, dialplan::Step};
use crate::{
    engine::{
        Name,
        hours::Calendar,
        money::Price,
        number::Number,
        rules::{
            Answer, Cap, ClientFirst, Group, Language, Line, Manners, Member, NumberFormat, Operator, Order, Phone,
            Queue, QueueWords, Redial, Rules, Strategy, Trunk,
        },
        time::Span,
        zones::Zones,
    },
    switch::event::{OPERATOR, OPERATOR_STATE},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

/// The name of the one switch.
pub const SWITCH: &str = "main";
/// The gateway of the one trunk.
pub const GATEWAY: &str = "provider";

/// Where the daemon takes callers whom the dialplan gives.
pub const OUTBOUND: &str = "127.0.0.1:8084";

/// The user of the first operator's first phone.
const FIRST_USER: usize = 1001;
/// By how much the users of an operator's phones are apart.
const MOST_OPERATORS: usize = 100;

/// An extension of the dialplan that takes a caller from the queue: a menu that leads nowhere.
pub const EXTENSION: &str = "700";

/// What an operator dials to take calls.
pub const READY: &str = "*45";
/// What an operator dials to take none.
pub const AWAY: &str = "*46";

/// What a call to a line meets first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reception {
    /// The dialplan rings these operators at once for so long, and then gives up.
    Direct(Vec<String>, Span),
    /// A mod_callcenter queue with all operators as its agents.
    Queue,
    /// A menu that takes so long and leads nowhere.
    Menu(Span),
    /// The dialplan gives the client to the daemon, and rings these operators at once for so long when it has the client back.
    Given(Vec<String>, Span),
}

/// A line of the house.
#[derive(Clone, Debug)]
pub struct LineOf {
    /// Its name.
    pub name: String,
    /// What clients dial, in E.164.
    pub number: Number,
    /// What they meet.
    pub reception: Reception,
    /// How they are called back.
    pub redial: Redial,
    /// When they may be called.
    pub calendar: Option<Arc<Calendar>>,
    /// Lines of a higher one go first.
    pub priority: u32,
    /// How clients wait whom the dialplan gives.
    pub queue: Queue,
}

impl LineOf {
    /// A line that calls back as the house does, at any hour.
    pub fn new(name: &str, number: Number, reception: Reception) -> LineOf {
        LineOf {
            name: name.to_owned(),
            number,
            reception,
            redial: redial(),
            calendar: None,
            priority: 0,
            queue: queue(),
        }
    }

    /// How those are called who asked for it: as the others, at once and at any hour.
    pub fn requested(&self) -> Redial {
        let manners = Manners { avoid: Vec::new(), ..self.redial.manners.clone() };
        Redial { track: Span::ZERO, manners, ..self.redial.clone() }
    }
}

/// What stands on an operator's desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Desk {
    /// How many phones.
    pub phones: usize,
    /// In which order they ring.
    pub order: Order,
    /// How many calls the operator takes at once, and each of the phones: more than one is a robot's, or a hunt group's.
    pub calls: u32,
}

impl Default for Desk {
    fn default() -> Desk {
        Desk { phones: 1, order: Order::InOrder, calls: 1 }
    }
}

/// The whole house.
#[derive(Clone, Debug)]
pub struct House {
    /// The operators' names in order; their users are 1001, 1002, …, those of their second phones 1101, 1102, …
    pub operators: Vec<String>,
    /// What they have on their desks, in their order; who has none here has a phone.
    pub desks: Vec<Desk>,
    /// Who of them is rung.
    pub strategy: Strategy,
    /// The one who last talked with a client first.
    pub remember: bool,
    /// How long a waiting client's own operator is waited for.
    pub loyal: Span,
    /// The operators' weights and levels, in their order; who has none has 1.
    pub weights: Vec<(u32, u32)>,
    /// How long a level is waited for before the next.
    pub escalate: Span,
    /// How long an operator's phone rings.
    pub ring: Span,
    /// The pause after a talk.
    pub wrap_up: Span,
    /// The pauses after a call that rang in vain and after one that was refused.
    pub pauses: (Span, Span),
    /// Set away after so many in a row that rang in vain.
    pub away_after: Option<u32>,
    /// When an operator's answer is a person.
    pub answer: Answer,
    /// The lines.
    pub lines: Vec<LineOf>,
    /// How many calls the trunk carries at once.
    pub channels: u32,
    /// What a minute over it costs, and what it may cost a month.
    pub price: Option<(Price, Cap)>,
    /// Only say what would be dialled.
    pub observe: bool,
}

impl Default for House {
    fn default() -> House {
        let operators: Vec<String> = ["anna", "boris", "vera", "gleb"].map(str::to_owned).into();
        let line = |name: &str, number: &str, reception| {
            LineOf::new(name, number.parse().unwrap_or_else(|_| unreachable!("a constant")), reception)
        };
        let first = operators[..1].to_vec();
        House {
            strategy: Strategy::TopDown,
            remember: false,
            loyal: Span::ZERO,
            weights: Vec::new(),
            escalate: Span::seconds(30),
            ring: Span::seconds(20),
            wrap_up: Span::seconds(10),
            pauses: (Operator::default().no_answer_pause, Operator::default().reject_pause),
            away_after: None,
            answer: Answer::Person,
            lines: vec![
                line("site", "+74951112233", Reception::Direct(first, Span::seconds(15))),
                line("shop", "+74951112244", Reception::Queue),
                line("menu", "+74951112255", Reception::Menu(Span::seconds(8))),
            ],
            operators,
            desks: Vec::new(),
            channels: 20,
            price: None,
            observe: false,
        }
    }
}

/// How the house calls back unless it says otherwise: DESIGN's own example.
pub fn redial() -> Redial {
    Redial {
        network: Span::minutes(1),
        announce_operator: "Missed call, {{ line }}, number {{ number | spoken }}. Connecting.".into(),
        longest_talk: Span::minutes(60),
        ..Redial::default()
    }
}

/// How clients wait in the house unless it says otherwise, in words that a scenario can tell apart.
pub fn queue() -> Queue {
    let words = QueueWords {
        place: "{% if position %}You are number {{ position }}.{% endif %}{% if wait %} About {{ wait }} minutes.{% endif %}"
            .into(),
        confirm: "Shall we call {{ number | spoken }}?".into(),
        type_number: "Type the number.".into(),
        no_number: "We cannot call that number.".into(),
        thanks: "We will call you.".into(),
        voicemail: "Speak after the tone.".into(),
        goodbye: "Nobody can take your call.".into(),
    };
    Queue { words, ..Queue::default() }
}

/// How a line of the house keeps a client company that it rings first, unless it says otherwise.
pub fn client_first() -> ClientFirst {
    ClientFirst {
        wait: Span::seconds(60),
        music: "local_stream://moh".into(),
        without_operator: 0,
        goodbye: "{% if key %}We will call you later.{% else %}We are sorry, nobody is free.{% endif %}".into(),
    }
}

impl House {
    /// The directory user of the operator's first phone.
    pub fn user(&self, operator: &str) -> Option<String> {
        self.users(operator).into_iter().next()
    }

    /// The directory users of all the operator's phones, in their order.
    pub fn users(&self, operator: &str) -> Vec<String> {
        let Some(at) = self.operators.iter().position(|name| name == operator) else { return Vec::new() };
        (0..self.desk(operator).phones).map(|phone| (FIRST_USER + phone * MOST_OPERATORS + at).to_string()).collect()
    }

    /// Who has this directory user.
    pub fn operator(&self, user: &str) -> Option<&str> {
        let at = user.parse::<usize>().ok()?.checked_sub(FIRST_USER)?;
        let operator = self.operators.get(at % MOST_OPERATORS)?;
        (at / MOST_OPERATORS < self.desk(operator).phones).then_some(operator)
    }

    /// What the operator has on the desk.
    pub fn desk(&self, operator: &str) -> Desk {
        let at = self.operators.iter().position(|name| name == operator);
        at.and_then(|at| self.desks.get(at)).copied().unwrap_or_default()
    }

    /// The operator's mod_callcenter agent.
    pub fn agent(&self, operator: &str) -> Option<String> {
        self.user(operator).map(|user| format!("{user}@default"))
    }

    /// The line by its name.
    pub fn line(&self, name: &str) -> Option<&LineOf> {
        self.lines.iter().find(|line| line.name == name)
    }

    /// The line that a dialled number (digits) belongs to.
    pub fn dialled(&self, digits: &str) -> Option<&LineOf> {
        self.lines.iter().find(|line| line.number.digits() == digits)
    }

    fn has_queue(&self) -> bool {
        self.lines.iter().any(|line| line.reception == Reception::Queue)
    }

    /// What the admin would have configured.
    pub fn rules(&self) -> Rules {
        let names = |text: &str| -> Name { text.into() };
        let operator = |name: &String| {
            let phone = |user: String| Phone { dial: format!("user/{user}").into(), user: user.into() };
            let desk = self.desk(name);
            let agent = if self.has_queue() { self.agent(name) } else { None };
            let operator = Operator {
                name: names(name),
                phones: self.users(name).into_iter().map(phone).collect(),
                order: desk.order,
                calls: desk.calls,
                ring: self.ring,
                wrap_up: self.wrap_up,
                agent,
                no_answer_pause: self.pauses.0,
                reject_pause: self.pauses.1,
                away_after: self.away_after,
                answer: self.answer,
            };
            (names(name), Arc::new(operator))
        };
        let member = |(at, name): (usize, &String)| {
            let (weight, level) = self.weights.get(at).copied().unwrap_or((1, 1));
            Member { name: names(name), weight, level }
        };
        let group = Group {
            name: names("sales"),
            operators: self.operators.iter().enumerate().map(member).collect(),
            strategy: self.strategy,
            remember: self.remember,
            escalate: self.escalate,
            loyal: self.loyal,
        };
        let trunk = Trunk {
            name: names("provider"),
            switch: names(SWITCH),
            dial: format!("sofia/gateway/{GATEWAY}/{{number}}").into(),
            format: NumberFormat::Digits,
            channels: self.channels,
            price: self.price.as_ref().map(|(price, _)| price.clone()),
            cap: self.price.as_ref().map(|(_, cap)| cap.clone()),
        };
        Rules {
            switches: vec![names(SWITCH)],
            country: "RU".to_owned(),
            lines: self.lines.iter().map(|line| (names(&line.name), Arc::new(self.rule_of(line)))).collect(),
            groups: BTreeMap::from([(names("sales"), Arc::new(group))]),
            operators: self.operators.iter().map(operator).collect(),
            trunks: BTreeMap::from([(names("provider"), Arc::new(trunk))]),
            zones: Arc::new(Zones::default()),
            observe: self.observe,
        }
    }

    fn rule_of(&self, line: &LineOf) -> Line {
        Line {
            name: line.name.as_str().into(),
            numbers: vec![line.number],
            callcenter: (line.reception == Reception::Queue).then(|| queue_of(&line.name)),
            group: "sales".into(),
            trunks: vec!["provider".into()],
            caller_id: line.number,
            channel: "context".to_owned(),
            source: "yandex".to_owned(),
            campaign: line.name.clone(),
            language: Language::En,
            calendar: line.calendar.clone(),
            priority: line.priority,
            requested: line.requested(),
            redial: line.redial.clone(),
            queue: line.queue.clone(),
        }
    }

    /// The switch that fits the rules.
    pub fn switch(&self) -> Config {
        let phones = self.operators.iter().flat_map(|name| self.users(name)).map(|user| (user, true));
        let users: Vec<String> = self.operators.iter().filter_map(|name| self.user(name)).collect();
        let agents: BTreeMap<String, String> =
            users.iter().map(|user| (format!("{user}@default"), format!("user/{user}"))).collect();
        let in_order: Vec<String> = users.iter().map(|user| format!("{user}@default")).collect();
        let queues = self.lines.iter().filter(|line| line.reception == Reception::Queue);
        Config {
            users: phones.collect(),
            gateways: BTreeSet::from([GATEWAY.to_owned()]),
            dialplan: self
                .lines
                .iter()
                .map(|line| (line.number.digits(), self.plan(line)))
                .chain([(READY.to_owned(), feature("ready")), (AWAY.to_owned(), feature("away"))])
                .chain([(EXTENSION.to_owned(), vec![Step::Answer, Step::Playback(Span::seconds(8))])])
                .collect(),
            queues: queues.map(|line| (queue_of(&line.name), in_order.clone())).collect(),
            agents,
            ..Config::default()
        }
    }

    fn plan(&self, line: &LineOf) -> Vec<Step> {
        let set = |name: &str, value: String| Step::Set(name.to_owned(), value);
        match &line.reception {
            Reception::Given(operators, timeout) => {
                let after = LineOf { reception: Reception::Direct(operators.clone(), *timeout), ..line.clone() };
                let socket = Step::App("socket".to_owned(), format!("{OUTBOUND} async full"));
                let answered = Step::App("export".to_owned(), "ignore_early_media=true".to_owned());
                [set("socket_resume", "true".to_owned()), answered, socket]
                    .into_iter()
                    .chain(self.plan(&after))
                    .collect()
            }
            Reception::Direct(operators, timeout) => {
                let phones: Vec<String> =
                    operators.iter().filter_map(|name| self.user(name)).map(|user| format!("user/{user}")).collect();
                vec![
                    set("call_timeout", timeout.as_seconds_up().to_string()),
                    set("hangup_after_bridge", "true".to_owned()),
                    Step::Bridge(phones.join(",")),
                ]
            }
            Reception::Queue => vec![Step::Answer, Step::Callcenter(queue_of(&line.name))],
            Reception::Menu(span) => vec![Step::Answer, Step::Playback(*span)],
        }
    }
}

/// The dialplan gives its callers to a daemon at this address, in place of [`OUTBOUND`].
pub fn give_callers_to(switch: &mut Config, address: impl fmt::Display) {
    for step in switch.dialplan.values_mut().flatten() {
        if let Step::App(_, data) = step {
            *data = data.replace(OUTBOUND, &address.to_string());
        }
    }
}

/// What `freeswitch/dialplan/perezvon.xml` has for the two codes: `ready`, `away`.
pub fn feature(state: &str) -> Vec<Step> {
    let app = |name: &str, data: String| Step::App(name.to_owned(), data);
    let tones = if state == "ready" { "%(200,50,500);%(200,0,800)" } else { "%(200,50,800);%(200,0,500)" };
    vec![
        Step::Answer,
        app("event", format!("Event-Name=CUSTOM,Event-Subclass={OPERATOR},{OPERATOR_STATE}={state}")),
        app("playback", format!("tone_stream://{tones}")),
    ]
}

fn queue_of(line: &str) -> String {
    format!("{line}@default")
}
