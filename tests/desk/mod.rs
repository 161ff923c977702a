//! The engine by hand: a desk with both clocks in hand, where news goes in and writes and effects come out.
#![allow(dead_code)] // each test file uses a part of it

use perezvon::{
    engine::{
        Engine, Name, Step,
        effect::{Effect, Originate},
        input::{Channel, ChannelState, Direction, Ended, Input, News},
        record::{CallbackState, ChannelId, CloseReason, Outcome, Snapshot, Write},
        rules::{Group, Language, Line, NumberFormat, Operator, Phone, Redial, Rules, Strategy, Trunk},
        time::{Mono, Now, Span, Wall},
        zones::Zones,
    },
    store::Memory,
};
use std::sync::Arc;

pub const CLIENT: &str = "79161234567";
pub const CLIENT_NUMBER: &str = "+79161234567";

/// A desk with the engine on it and both clocks in hand.
pub struct Desk {
    pub engine: Engine,
    pub now: Now,
    pub out: Step,
    pub switch: Name,
}

pub fn rules(strategy: Strategy) -> Rules {
    let redial = Redial {
        attempts: 3,
        network: Span::minutes(1),
        announce_operator: "a missed call".into(),
        ..Redial::default()
    };
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
    let operator = |name: &str, user: &str| Operator {
        name: name.into(),
        phones: vec![Phone { dial: format!("user/{user}").into(), user: user.into() }],
        ring: Span::seconds(20),
        wrap_up: Span::seconds(10),
        ..Operator::default()
    };
    let operators = vec!["anna".into(), "boris".into()];
    Rules {
        switches: vec!["main".into()],
        country: "RU".into(),
        lines: [("site".into(), Arc::new(line))].into(),
        groups: [("sales".into(), Arc::new(Group { name: "sales".into(), operators, strategy, ..Group::default() }))]
            .into(),
        operators: [operator("anna", "1001"), operator("boris", "1002")]
            .into_iter()
            .map(|o| (o.name.clone(), Arc::new(o)))
            .collect(),
        trunks: [(
            "provider".into(),
            Arc::new(Trunk {
                name: "provider".into(),
                switch: "main".into(),
                dial: "sofia/gateway/provider/{number}".into(),
                format: NumberFormat::Digits,
                channels: 2,
                price: None,
                cap: None,
            }),
        )]
        .into(),
        zones: Arc::new(Zones::default()),
        observe: false,
    }
}

impl Desk {
    pub fn new(rules: Rules) -> Desk {
        let now = Now { wall: Wall(1_795_000_000_000), mono: Mono(1000) };
        let mut desk = Desk::of(rules, Snapshot { seed: 7, ..Default::default() }, now);
        desk.news(News::Up);
        desk.answer_channels(&[]);
        desk
    }

    pub fn of(rules: Rules, snapshot: Snapshot, now: Now) -> Desk {
        let engine = Engine::new(Arc::new(rules), snapshot, now);
        Desk { engine, now, out: Step::default(), switch: "main".into() }
    }

    /// The daemon is killed and started again, with what it had written; the switch goes on.
    pub fn dies_and_returns(self, rules: Rules) -> Desk {
        let mut rows = Memory::new(7, Wall::default());
        rows.commit(&self.out.writes).unwrap();
        let snapshot = rows.load(self.now.wall, Some(Span::minutes(60)));
        Desk::of(rules, snapshot, Now { wall: self.now.wall + Span::seconds(2), mono: Mono(5) })
    }

    pub fn asked_legs(&mut self) -> Vec<ChannelId> {
        self.effects(|e| match e {
            Effect::AskLeg { channel, .. } => Some(channel.clone()),
            _ => None,
        })
    }

    pub fn stands(&mut self, id: &ChannelId, answered: bool, bridged: Option<&ChannelId>) {
        self.stands_so(id, answered, bridged, 0);
    }

    /// Answered, alone, and transferred so often.
    pub fn stands_after(&mut self, id: &ChannelId, transfers: u32) {
        self.stands_so(id, true, None, transfers);
    }

    fn stands_so(&mut self, id: &ChannelId, answered: bool, bridged: Option<&ChannelId>, transfers: u32) {
        let state = ChannelState {
            channel: Channel {
                id: id.clone(),
                direction: Direction::Outbound,
                user: None,
                caller: "".into(),
                name: "".into(),
                dialled: "".into(),
                line: None,
                created: self.now.wall,
            },
            answered,
            parked: answered && bridged.is_none(),
            bridged: bridged.cloned(),
            transfers,
        };
        self.news(News::State(id.clone(), Some(Box::new(state))));
    }

    /// Up to the moment when the client's phone rings: the two legs.
    pub fn dials_both(&mut self) -> (Originate, Originate) {
        self.misses("a");
        self.wait(Span::minutes(5));
        self.listens_and_dials()
    }

    /// The operator who is rung answers and hears who waits; the client is dialled.
    pub fn listens_and_dials(&mut self) -> (Originate, Originate) {
        let operator = self.dialled().remove(0);
        self.answers(&operator.leg);
        self.hears_all();
        self.answer_channels(&[]);
        (operator, self.dialled().remove(0))
    }

    /// The same, and they talk for so long; gives the operator's leg.
    pub fn listens_and_talks(&mut self, talk: Span) -> Originate {
        let (operator, client) = self.listens_and_dials();
        self.answers(&client.leg);
        self.news(News::Bridged(operator.leg.clone(), client.leg.clone()));
        self.wait(talk);
        self.ends(&client.leg, Outcome::Unknown);
        self.ends(&operator.leg, Outcome::Unknown);
        operator
    }

    pub fn input(&mut self, input: Input) {
        self.engine.step(input, self.now, &mut self.out);
    }

    pub fn news(&mut self, news: News) {
        self.input(Input::Switch { switch: self.switch.clone(), news });
    }

    pub fn answer_channels(&mut self, list: &[Channel]) {
        let asked = self.effects(|e| match e {
            Effect::AskChannels { token, .. } => Some(*token),
            _ => None,
        });
        for token in asked {
            self.news(News::Channels { token, list: Some(list.to_vec()) });
        }
    }

    /// Takes out of the effects those that `pick` knows.
    pub fn effects<T>(&mut self, pick: impl Fn(&Effect) -> Option<T>) -> Vec<T> {
        let mut picked = Vec::new();
        self.out.effects.retain(|effect| match pick(effect) {
            Some(found) => {
                picked.push(found);
                false
            }
            None => true,
        });
        picked
    }

    pub fn dialled(&mut self) -> Vec<Originate> {
        self.effects(|e| match e {
            Effect::Originate(o) => Some((**o).clone()),
            _ => None,
        })
    }

    pub fn hung_up(&mut self) -> Vec<ChannelId> {
        self.effects(|e| match e {
            Effect::Hangup { channel, .. } => Some(channel.clone()),
            _ => None,
        })
    }

    pub fn wait(&mut self, span: Span) {
        self.now.wall = self.now.wall + span;
        self.now.mono = self.now.mono + span;
        self.input(Input::Tick);
    }

    pub fn arrives(&mut self, id: &str, from: &str) -> ChannelId {
        let id = ChannelId::new(id);
        let created = self.now.wall;
        self.news(News::Created(Channel {
            id: id.clone(),
            direction: Direction::Inbound,
            user: None,
            caller: from.into(),
            name: "".into(),
            dialled: "+74951112233".into(),
            line: None,
            created,
        }));
        id
    }

    pub fn ends(&mut self, id: &ChannelId, outcome: Outcome) {
        self.news(News::Ended(Ended {
            id: id.clone(),
            outcome,
            cause: "NORMAL_CLEARING".into(),
            unregistered: false,
            line: None,
        }));
    }

    pub fn misses(&mut self, id: &str) {
        let id = self.arrives(id, CLIENT);
        self.wait(Span::seconds(20));
        self.ends(&id, Outcome::Unknown);
    }

    pub fn answers(&mut self, leg: &ChannelId) {
        self.news(News::Answered(leg.clone()));
        self.news(News::Parked(leg.clone()));
    }

    pub fn hears_all(&mut self) {
        let said = self.effects(|e| match e {
            Effect::Say { leg, token, .. } => Some((leg.clone(), *token)),
            _ => None,
        });
        for (id, token) in said {
            self.news(News::Said { id, token });
        }
    }

    pub fn closed(&self) -> Option<CloseReason> {
        self.out.writes.iter().rev().find_map(|write| match write {
            Write::Callback(record) => match &record.state {
                CallbackState::Closed { reason, .. } => Some(reason.clone()),
                _ => None,
            },
            _ => None,
        })
    }
}
