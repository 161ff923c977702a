//! The engine by hand: news in, writes and effects out, one short story a test. The scenarios of `tests/scripts` tell longer
//! ones over the pretend switch.

use perezvon::engine::{
    Engine, Name, Step,
    effect::{Effect, Originate},
    input::{Cdr, Channel, ChannelState, Direction, Ended, Input, News, Wish},
    record::{
        AttemptRecord, CallRecord, CallbackRecord, CallbackState, ChannelId, CloseReason, Dial, KnownBy, Outcome, Role,
        Snapshot, Write,
    },
    rules::{
        Again, Group, Language, Line, Manners, Missed, NumberFormat, Operator, Phone, Redial, Rules, Strategy, Trunk,
    },
    time::{Mono, Now, Span, Wall},
};
use std::{collections::BTreeMap, sync::Arc};

const CLIENT: &str = "79161234567";
const CLIENT_NUMBER: &str = "+79161234567";

/// A desk with the engine on it and both clocks in hand.
struct Desk {
    engine: Engine,
    now: Now,
    out: Step,
    switch: Name,
}

fn rules(strategy: Strategy) -> Rules {
    let redial = Redial {
        missed: vec![Missed::Unserved],
        track: Span::minutes(5),
        ring: Span::seconds(30),
        attempts: 3,
        expire: Span::minutes(24 * 60),
        busy: Again::After(Span::minutes(2)),
        no_answer: Again::After(Span::minutes(30)),
        network: Span::minutes(1),
        manners: Manners::default(),
        announce_operator: "a missed call".into(),
        announce_client: None,
        longest_talk: Span::minutes(120),
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
        redial,
    };
    let operator = |name: &str, user: &str| Operator {
        name: name.into(),
        phones: vec![Phone { dial: format!("user/{user}").into(), user: user.into() }],
        ring: Span::seconds(20),
        wrap_up: Span::seconds(10),
        agent: None,
    };
    let operators = vec!["anna".into(), "boris".into()];
    Rules {
        switches: vec!["main".into()],
        country: "RU".into(),
        lines: [("site".into(), Arc::new(line))].into(),
        groups: [("sales".into(), Arc::new(Group { name: "sales".into(), operators, strategy }))].into(),
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
            }),
        )]
        .into(),
        observe: false,
    }
}

impl Desk {
    fn new(rules: Rules) -> Desk {
        let now = Now { wall: Wall(1_795_000_000_000), mono: Mono(1000) };
        let mut desk = Desk::of(rules, Snapshot { seed: 7, ..Default::default() }, now);
        desk.news(News::Up);
        desk.answer_channels(&[]);
        desk
    }

    fn of(rules: Rules, snapshot: Snapshot, now: Now) -> Desk {
        let engine = Engine::new(Arc::new(rules), snapshot, now);
        Desk { engine, now, out: Step::default(), switch: "main".into() }
    }

    /// The daemon is killed and started again, with what it had written; the switch goes on.
    fn dies_and_returns(self, rules: Rules) -> Desk {
        let mut calls = BTreeMap::<ChannelId, CallRecord>::new();
        let mut callbacks = BTreeMap::<u64, CallbackRecord>::new();
        let mut attempts = BTreeMap::<(u64, u32), AttemptRecord>::new();
        for write in self.out.writes {
            match write {
                Write::Call(record) => drop(calls.insert(record.id.clone(), record)),
                Write::Callback(record) => drop(callbacks.insert(record.id.0, record)),
                Write::Attempt(record) => drop(attempts.insert((record.callback.0, record.n), record)),
                Write::Operator(_) | Write::Paused(_) => {}
            }
        }
        let snapshot = Snapshot {
            seed: 7,
            last_callback: callbacks.keys().last().copied().unwrap_or(0),
            calls: calls.into_values().filter(|call| call.ended.is_none()).collect(),
            callbacks: callbacks.into_values().filter(CallbackRecord::is_open).collect(),
            attempts: attempts.into_values().filter(|attempt| attempt.ended.is_none()).collect(),
            ..Default::default()
        };
        Desk::of(rules, snapshot, Now { wall: self.now.wall + Span::seconds(2), mono: Mono(5) })
    }

    fn asked_legs(&mut self) -> Vec<ChannelId> {
        self.effects(|e| match e {
            Effect::AskLeg { channel, .. } => Some(channel.clone()),
            _ => None,
        })
    }

    fn stands(&mut self, id: &ChannelId, answered: bool, bridged: Option<&ChannelId>) {
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
        };
        self.news(News::State(id.clone(), Some(Box::new(state))));
    }

    /// Up to the moment when the client's phone rings: the two legs.
    fn dials_both(&mut self) -> (Originate, Originate) {
        self.misses("a");
        self.wait(Span::minutes(5));
        let operator = self.dialled().remove(0);
        self.answers(&operator.leg);
        self.hears_all();
        self.answer_channels(&[]);
        let client = self.dialled().remove(0);
        (operator, client)
    }

    fn input(&mut self, input: Input) {
        self.engine.step(input, self.now, &mut self.out);
    }

    fn news(&mut self, news: News) {
        self.input(Input::Switch { switch: self.switch.clone(), news });
    }

    fn answer_channels(&mut self, list: &[Channel]) {
        let asked = self.effects(|e| match e {
            Effect::AskChannels { token, .. } => Some(*token),
            _ => None,
        });
        for token in asked {
            self.news(News::Channels { token, list: Some(list.to_vec()) });
        }
    }

    /// Takes out of the effects those that `pick` knows.
    fn effects<T>(&mut self, pick: impl Fn(&Effect) -> Option<T>) -> Vec<T> {
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

    fn dialled(&mut self) -> Vec<Originate> {
        self.effects(|e| match e {
            Effect::Originate(o) => Some((**o).clone()),
            _ => None,
        })
    }

    fn hung_up(&mut self) -> Vec<ChannelId> {
        self.effects(|e| match e {
            Effect::Hangup { channel, .. } => Some(channel.clone()),
            _ => None,
        })
    }

    fn wait(&mut self, span: Span) {
        self.now.wall = self.now.wall + span;
        self.now.mono = self.now.mono + span;
        self.input(Input::Tick);
    }

    fn arrives(&mut self, id: &str, from: &str) -> ChannelId {
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

    fn ends(&mut self, id: &ChannelId, outcome: Outcome) {
        self.news(News::Ended(Ended {
            id: id.clone(),
            outcome,
            cause: "NORMAL_CLEARING".into(),
            unregistered: false,
            line: None,
        }));
    }

    fn misses(&mut self, id: &str) {
        let id = self.arrives(id, CLIENT);
        self.wait(Span::seconds(20));
        self.ends(&id, Outcome::Unknown);
    }

    fn answers(&mut self, leg: &ChannelId) {
        self.news(News::Answered(leg.clone()));
        self.news(News::Parked(leg.clone()));
    }

    fn hears_all(&mut self) {
        let said = self.effects(|e| match e {
            Effect::Say { leg, token, .. } => Some((leg.clone(), *token)),
            _ => None,
        });
        for (id, token) in said {
            self.news(News::Said { id, token });
        }
    }

    fn closed(&self) -> Option<CloseReason> {
        self.out.writes.iter().rev().find_map(|write| match write {
            Write::Callback(record) => match &record.state {
                CallbackState::Closed { reason, .. } => Some(reason.clone()),
                _ => None,
            },
            _ => None,
        })
    }
}

#[test]
fn a_missed_call_is_called_back_operator_first() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    desk.misses("a");
    desk.wait(Span::seconds(299));
    assert!(desk.dialled().is_empty(), "the tracking window is not over");
    desk.wait(Span::seconds(1));
    let operator = desk.dialled();
    assert_eq!(operator.len(), 1);
    assert_eq!((operator[0].role, &*operator[0].dial), (Role::Operator, "user/1001"));
    desk.answers(&operator[0].leg);
    desk.hears_all();
    assert!(desk.dialled().is_empty(), "the switch is asked before the client is dialled");
    desk.answer_channels(&[]);
    let client = desk.dialled();
    assert_eq!((client[0].role, client[0].number.as_deref()), (Role::Client, Some(CLIENT)));
    desk.answers(&client[0].leg);
    let bridged = desk.effects(|e| match e {
        Effect::Bridge { operator, client, .. } => Some((operator.clone(), client.clone())),
        _ => None,
    });
    assert_eq!(bridged, [(operator[0].leg.clone(), client[0].leg.clone())]);
    desk.news(News::Bridged(operator[0].leg.clone(), client[0].leg.clone()));
    desk.wait(Span::seconds(40));
    desk.ends(&client[0].leg, Outcome::Unknown);
    desk.ends(&operator[0].leg, Outcome::Unknown);
    assert_eq!(desk.closed(), Some(CloseReason::Talked));
}

#[test]
fn a_client_who_gets_through_meanwhile_is_not_dialled() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    desk.misses("a");
    desk.wait(Span::minutes(3));
    let again = desk.arrives("b", CLIENT);
    desk.news(News::Bridged(again.clone(), ChannelId::new("somebody")));
    desk.wait(Span::minutes(4));
    assert!(desk.dialled().is_empty(), "not while they talk");
    desk.ends(&again, Outcome::Unknown);
    assert_eq!(desk.closed(), Some(CloseReason::ClientCalled { call: again }));
    desk.wait(Span::minutes(60));
    assert!(desk.dialled().is_empty());
}

#[test]
fn all_at_once_the_first_to_answer_wins_and_the_rest_stop() {
    let mut desk = Desk::new(rules(Strategy::RingAll));
    desk.misses("a");
    desk.wait(Span::minutes(5));
    let rung = desk.dialled();
    assert_eq!(rung.len(), 2);
    desk.answers(&rung[1].leg);
    assert_eq!(desk.hung_up(), [rung[0].leg.clone()]);
    desk.answers(&rung[0].leg);
    assert_eq!(desk.hung_up(), [rung[0].leg.clone()], "one who answers too late is let go");
}

#[test]
fn in_order_the_next_operator_is_rung_and_the_client_not_before_one_is_there() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    desk.misses("a");
    desk.wait(Span::minutes(5));
    let anna = desk.dialled().remove(0);
    desk.ends(&anna.leg, Outcome::NoAnswer);
    let boris = desk.dialled().remove(0);
    assert_eq!(&*boris.dial, "user/1002");
    desk.ends(&boris.leg, Outcome::NoAnswer);
    assert!(desk.dialled().is_empty());
    desk.wait(Span::seconds(30));
    assert!(desk.dialled().is_empty(), "both are left in peace for a minute");
    desk.wait(Span::seconds(30));
    assert_eq!(desk.dialled().len(), 1);
}

#[test]
fn a_client_who_calls_while_the_operator_listens_is_put_through_and_not_dialled() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    desk.misses("a");
    desk.wait(Span::minutes(5));
    let operator = desk.dialled().remove(0);
    desk.answers(&operator.leg);
    let call = desk.arrives("b", CLIENT);
    let parked = desk.effects(|e| match e {
        Effect::Park { channel, .. } => Some(channel.clone()),
        _ => None,
    });
    assert_eq!(parked, std::slice::from_ref(&call));
    desk.news(News::Parked(call.clone()));
    let bridged = desk.effects(|e| match e {
        Effect::Bridge { operator, client, .. } => Some((operator.clone(), client.clone())),
        _ => None,
    });
    assert_eq!(bridged, [(operator.leg.clone(), call.clone())]);
    desk.news(News::Bridged(operator.leg.clone(), call.clone()));
    desk.wait(Span::seconds(70));
    desk.ends(&call, Outcome::Unknown);
    desk.ends(&operator.leg, Outcome::Unknown);
    assert!(desk.dialled().is_empty());
    assert_eq!(desk.closed(), Some(CloseReason::ClientCalled { call }));
}

#[test]
fn an_outcome_decides_when_to_try_again() {
    for (outcome, pause, closed) in [
        (Outcome::Busy, Some(Span::minutes(2)), None),
        (Outcome::NoAnswer, Some(Span::minutes(30)), None),
        (Outcome::Invalid, None, Some(CloseReason::Invalid)),
        (Outcome::Declined, None, Some(CloseReason::Declined)),
    ] {
        let mut desk = Desk::new(rules(Strategy::TopDown));
        desk.misses("a");
        desk.wait(Span::minutes(5));
        let operator = desk.dialled().remove(0);
        desk.answers(&operator.leg);
        desk.hears_all();
        desk.answer_channels(&[]);
        let client = desk.dialled().remove(0);
        desk.ends(&client.leg, outcome);
        desk.hears_all();
        desk.ends(&operator.leg, Outcome::Unknown);
        assert_eq!(desk.closed(), closed, "{outcome:?}");
        if let Some(pause) = pause {
            desk.wait(Span(pause.0 - 1));
            assert!(desk.dialled().is_empty(), "{outcome:?}");
            desk.wait(Span(1));
            assert_eq!(desk.dialled().len(), 1, "{outcome:?}");
        }
    }
}

/// The client's phone is busy, the operator is let go; the attempt is over.
fn is_busy(desk: &mut Desk) {
    let operator = desk.dialled().remove(0);
    desk.answers(&operator.leg);
    desk.hears_all();
    desk.answer_channels(&[]);
    let client = desk.dialled().remove(0);
    desk.ends(&client.leg, Outcome::Busy);
    desk.hears_all();
    desk.ends(&operator.leg, Outcome::Unknown);
}

fn polite(manners: Manners) -> Rules {
    let mut rules = rules(Strategy::TopDown);
    let line = Arc::make_mut(rules.lines.get_mut("site").unwrap());
    line.redial.manners = manners;
    line.redial.expire = Span::minutes(7 * 24 * 60);
    rules
}

#[test]
fn hours_to_avoid_count_from_the_second_attempt_on() {
    // The miss is at 11:07 (UTC), in hours to avoid already.
    let mut desk = Desk::new(polite(Manners { avoid: vec![(9 * 60, 13 * 60)], ..Manners::default() }));
    desk.misses("a");
    desk.wait(Span::minutes(5));
    is_busy(&mut desk);
    desk.wait(Span::minutes(60));
    assert!(desk.dialled().is_empty(), "at 12:12 the client is left in peace");
    desk.wait(Span::minutes(48));
    assert_eq!(desk.dialled().len(), 1);
}

#[test]
fn a_client_is_dialled_no_more_often_a_day_than_the_line_allows_and_a_restart_does_not_forget() {
    let rules = polite(Manners { per_day: Some(1), ..Manners::default() });
    let mut desk = Desk::new(rules.clone());
    desk.misses("a");
    desk.wait(Span::minutes(5));
    is_busy(&mut desk);
    desk.wait(Span::minutes(60));
    assert!(desk.dialled().is_empty());
    let dial = Dial { at: desk.now.wall - Span::minutes(60), number: CLIENT_NUMBER.parse().unwrap() };
    let mut again = Desk::of(rules, Snapshot { seed: 8, dials: vec![dial], ..Default::default() }, desk.now);
    for desk in [&mut desk, &mut again] {
        desk.news(News::Up);
        desk.answer_channels(&[]);
        desk.misses("b");
        desk.wait(Span::minutes(11 * 60));
        assert!(desk.dialled().is_empty(), "not on that day");
        desk.wait(Span::minutes(60));
        assert_eq!(desk.dialled().len(), 1, "after midnight");
    }
}

#[test]
fn what_forbids_a_dial_is_judged_once_more_before_the_clients_phone_rings() {
    let mut rules = polite(Manners { avoid: vec![(11 * 60 + 15, 13 * 60)], ..Manners::default() });
    Arc::make_mut(rules.lines.get_mut("site").unwrap()).redial.busy = Again::After(Span::seconds(10));
    let mut desk = Desk::new(rules);
    desk.misses("a");
    desk.wait(Span::minutes(5));
    is_busy(&mut desk);
    // The operator is asked again at 11:13; when the announcement is over it is 11:17.
    desk.wait(Span::seconds(60));
    let operator = desk.dialled().remove(0);
    desk.answers(&operator.leg);
    let words = desk.effects(|e| match e {
        Effect::Say { leg, token, .. } => Some((leg.clone(), *token)),
        _ => None,
    });
    desk.now.wall = desk.now.wall + Span::minutes(4);
    words.into_iter().for_each(|(id, token)| desk.news(News::Said { id, token }));
    desk.answer_channels(&[]);
    assert!(desk.dialled().is_empty());
}

#[test]
fn a_client_who_does_not_answer_is_tried_at_set_times_from_tomorrow_on() {
    let mut rules = polite(Manners::default());
    let line = Arc::make_mut(rules.lines.get_mut("site").unwrap());
    line.redial.no_answer = Again::At { times: vec![10 * 60, 19 * 60], tomorrow: true };
    let mut desk = Desk::new(rules);
    let (operator, client) = desk.dials_both();
    desk.ends(&client.leg, Outcome::NoAnswer);
    desk.hears_all();
    desk.ends(&operator.leg, Outcome::Unknown);
    let due = desk.out.writes.iter().rev().find_map(|write| match write {
        Write::Callback(record) => Some(record.due),
        _ => None,
    });
    assert_eq!(due.map(|due| due.timestamp().to_string()).as_deref(), Some("2026-11-19T10:00:00Z"));
}

#[test]
fn a_paused_engine_dials_nothing_and_a_resumed_one_does() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    desk.input(Input::Wish(Wish::Pause));
    desk.misses("a");
    desk.wait(Span::minutes(10));
    assert!(desk.dialled().is_empty());
    desk.input(Input::Wish(Wish::Resume));
    assert_eq!(desk.dialled().len(), 1);
}

#[test]
fn observing_says_what_would_be_dialled_and_dials_nothing() {
    let mut desk = Desk::new(Rules { observe: true, ..rules(Strategy::TopDown) });
    desk.misses("a");
    desk.wait(Span::minutes(5));
    assert!(desk.dialled().is_empty());
    assert_eq!(desk.closed(), Some(CloseReason::Observed { operator: "anna".into() }));
}

#[test]
fn the_same_inputs_give_the_same_steps() {
    let run = || {
        let mut desk = Desk::new(rules(Strategy::RingAll));
        desk.misses("a");
        desk.wait(Span::minutes(5));
        desk.out
    };
    assert_eq!(run(), run());
}

#[test]
fn after_a_crash_a_talk_is_left_alone_and_counted() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    let (operator, client) = desk.dials_both();
    desk.answers(&client.leg);
    desk.news(News::Bridged(operator.leg.clone(), client.leg.clone()));
    let mut desk = desk.dies_and_returns(rules(Strategy::TopDown));
    desk.news(News::Up);
    assert_eq!(desk.asked_legs(), [operator.leg.clone(), client.leg.clone()]);
    desk.stands(&operator.leg, true, Some(&client.leg));
    desk.stands(&client.leg, true, Some(&operator.leg));
    desk.answer_channels(&[]);
    assert!(desk.hung_up().is_empty() && desk.dialled().is_empty());
    desk.ends(&client.leg, Outcome::Unknown);
    desk.ends(&operator.leg, Outcome::Unknown);
    assert_eq!(desk.closed(), Some(CloseReason::Talked));
}

#[test]
fn after_a_crash_a_leg_that_was_never_seen_is_locked_until_it_cannot_ring_any_more() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    desk.misses("a");
    desk.wait(Span::minutes(5));
    let operator = desk.dialled().remove(0);
    let mut desk = desk.dies_and_returns(rules(Strategy::TopDown));
    desk.news(News::Up);
    desk.answer_channels(&[]);
    for _ in 0..4 {
        for leg in desk.asked_legs() {
            assert_eq!(leg, operator.leg);
            desk.news(News::State(leg, None));
        }
        assert!(desk.dialled().is_empty(), "its number and its operator are locked");
        desk.wait(Span::seconds(6));
    }
    desk.wait(Span::seconds(10));
    for leg in desk.asked_legs() {
        desk.news(News::State(leg, None));
    }
    desk.wait(Span::seconds(30));
    let again = desk.dialled();
    assert_eq!(again.len(), 1);
    assert_ne!(again[0].leg, operator.leg, "a leg is never dialled twice");
}

#[test]
fn after_a_lost_connection_two_who_wait_for_each_other_are_joined() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    let (operator, client) = desk.dials_both();
    desk.news(News::Down);
    desk.wait(Span::seconds(4));
    desk.news(News::Up);
    desk.stands(&operator.leg, true, None);
    desk.stands(&client.leg, true, None);
    let bridged = desk.effects(|e| match e {
        Effect::Bridge { operator, client, .. } => Some((operator.clone(), client.clone())),
        _ => None,
    });
    assert_eq!(bridged, [(operator.leg, client.leg)]);
}

#[test]
fn a_leg_whose_write_could_not_be_committed_is_not_dialled_and_costs_nothing() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    desk.misses("a");
    desk.wait(Span::minutes(5));
    let leg = desk.dialled().remove(0).leg;
    desk.input(Input::Store { works: false });
    desk.input(Input::Withheld { leg });
    desk.wait(Span::minutes(5));
    assert!(desk.dialled().is_empty(), "nothing is dialled without a store");
    desk.input(Input::Store { works: true });
    assert_eq!(desk.dialled().len(), 1);
}

#[test]
fn a_call_of_the_time_away_is_missed_once_by_its_detail_record() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    let cdr = |desk: &Desk| Cdr {
        channel: Channel {
            id: ChannelId::new("gone"),
            direction: Direction::Inbound,
            user: None,
            caller: CLIENT.into(),
            name: "".into(),
            dialled: "74951112233".into(),
            line: None,
            created: desk.now.wall,
        },
        served: None,
        talk: Span::ZERO,
        ended: desk.now.wall,
        cause: "NORMAL_CLEARING".into(),
        queue: None,
    };
    for _ in 0..2 {
        let cdr = cdr(&desk);
        desk.news(News::Cdr(Box::new(cdr)));
    }
    let opened: Vec<_> = desk
        .out
        .writes
        .iter()
        .filter_map(|write| match write {
            Write::Callback(record) => Some(record.misses),
            _ => None,
        })
        .collect();
    assert_eq!(opened, [1]);
    desk.wait(Span::minutes(5));
    assert_eq!(desk.dialled().len(), 1);
}

#[test]
fn a_call_whose_end_nobody_told_is_guessed_missed_and_corrected_by_a_late_record() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    let call = desk.arrives("a", CLIENT);
    desk.wait(Span::seconds(61));
    desk.answer_channels(&[]);
    assert_eq!(desk.asked_legs(), std::slice::from_ref(&call));
    desk.news(News::State(call.clone(), None));
    desk.wait(Span::seconds(30));
    let record = desk.out.writes.iter().rev().find_map(|write| match write {
        Write::Call(record) => Some(record.clone()),
        _ => None,
    });
    let record = record.unwrap();
    assert_eq!((record.known_by, record.missed), (KnownBy::Guess, Some(true)));
    let channel = Channel {
        id: call.clone(),
        direction: Direction::Inbound,
        user: None,
        caller: CLIENT.into(),
        name: "".into(),
        dialled: "74951112233".into(),
        line: None,
        created: record.arrived,
    };
    let served = Some(record.arrived + Span::seconds(5));
    let cdr = Cdr { channel, served, talk: Span::seconds(20), ended: desk.now.wall, cause: "".into(), queue: None };
    desk.news(News::Cdr(Box::new(cdr)));
    assert_eq!(desk.closed(), Some(CloseReason::ClientCalled { call }));
}

#[test]
fn when_another_operator_wins_the_client_ours_is_told_and_let_go() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    desk.misses("a");
    desk.wait(Span::minutes(5));
    let operator = desk.dialled().remove(0);
    let call = desk.arrives("b", CLIENT);
    desk.news(News::Bridged(call.clone(), ChannelId::new("somebody")));
    assert_eq!(desk.hung_up(), std::slice::from_ref(&operator.leg), "not there yet: the phone just stops");
    desk.ends(&operator.leg, Outcome::Unknown);
    desk.wait(Span::minutes(2));
    assert!(desk.dialled().is_empty(), "the client talks");
    desk.ends(&call, Outcome::Unknown);
    assert_eq!(desk.closed(), Some(CloseReason::ClientCalled { call }));
}

#[test]
fn an_operator_on_a_call_of_their_own_is_not_rung() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    let own = Channel {
        id: ChannelId::new("own"),
        direction: Direction::Inbound,
        user: Some("1001".into()),
        caller: "1001".into(),
        name: "".into(),
        dialled: "89031112233".into(),
        line: None,
        created: desk.now.wall,
    };
    desk.news(News::Created(own));
    desk.misses("a");
    desk.wait(Span::minutes(5));
    assert_eq!(&*desk.dialled()[0].dial, "user/1002");
}

#[test]
fn an_operators_own_call_that_reaches_the_client_closes_the_callback() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    desk.misses("a");
    let own = ChannelId::new("own");
    desk.news(News::Created(Channel {
        id: own.clone(),
        direction: Direction::Inbound,
        user: Some("1002".into()),
        caller: "1002".into(),
        name: "".into(),
        dialled: "89161234567".into(),
        line: None,
        created: desk.now.wall,
    }));
    desk.wait(Span::minutes(10));
    assert!(desk.dialled().is_empty(), "an operator is calling the client already");
    desk.news(News::Bridged(own.clone(), ChannelId::new("trunk")));
    desk.ends(&own, Outcome::Unknown);
    assert_eq!(desk.closed(), Some(CloseReason::OperatorCalled { operator: Some("boris".into()) }));
}

#[test]
fn more_callbacks_than_operators_wait_for_them() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    for n in 0..5 {
        let call = desk.arrives(&format!("c{n}"), &format!("7916000000{n}"));
        desk.ends(&call, Outcome::Unknown);
    }
    desk.wait(Span::minutes(6));
    assert_eq!(desk.dialled().len(), 2);
    desk.wait(Span::seconds(3));
    assert!(desk.dialled().is_empty());
}

#[test]
fn a_client_who_was_busy_calling_us_is_put_through() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    let (operator, client) = desk.dials_both();
    desk.ends(&client.leg, Outcome::Busy);
    let call = desk.arrives("b", CLIENT);
    desk.news(News::Parked(call.clone()));
    let bridged = desk.effects(|e| match e {
        Effect::Bridge { operator, client, .. } => Some((operator.clone(), client.clone())),
        _ => None,
    });
    assert_eq!(bridged, [(operator.leg.clone(), call.clone())]);
    desk.news(News::Bridged(operator.leg.clone(), call.clone()));
    desk.hears_all();
    desk.wait(Span::seconds(30));
    assert!(desk.hung_up().is_empty(), "they talk");
    desk.ends(&call, Outcome::Unknown);
    desk.ends(&operator.leg, Outcome::Unknown);
    assert_eq!(desk.closed(), Some(CloseReason::ClientCalled { call }));
}

#[test]
fn an_operators_phones_are_rung_one_after_the_other() {
    let mut rules = rules(Strategy::TopDown);
    let mut anna = (*rules.operators["anna"]).clone();
    anna.phones.push(Phone { dial: "sofia/gateway/provider/79165550101".into(), user: "79165550101".into() });
    rules.operators.insert("anna".into(), Arc::new(anna));
    let mut desk = Desk::new(rules);
    desk.misses("a");
    desk.wait(Span::minutes(5));
    let [first] = desk.dialled().try_into().expect("one phone at a time");
    assert_eq!(&*first.dial, "user/1001");
    desk.ends(&first.leg, Outcome::NoAnswer);
    let [second] = desk.dialled().try_into().expect("then the other");
    assert_eq!(&*second.dial, "sofia/gateway/provider/79165550101");
    desk.ends(&second.leg, Outcome::NoAnswer);
    let [third] = desk.dialled().try_into().expect("then the next operator");
    assert_eq!(&*third.dial, "user/1002");
}

#[test]
fn a_fresh_callback_goes_before_a_repeated_one() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    desk.input(Input::Wish(Wish::Operator { name: "boris".into(), ready: false }));
    desk.misses("a");
    desk.wait(Span::minutes(5));
    let [operator] = desk.dialled().try_into().expect("anna");
    desk.answers(&operator.leg);
    desk.hears_all();
    desk.answer_channels(&[]);
    let [client] = desk.dialled().try_into().expect("the client");
    desk.ends(&client.leg, Outcome::Busy);
    desk.hears_all();
    desk.ends(&operator.leg, Outcome::Unknown);
    desk.input(Input::Wish(Wish::Operator { name: "anna".into(), ready: false }));
    let fresh = desk.arrives("b", "79160000002");
    desk.ends(&fresh, Outcome::Unknown);
    desk.wait(Span::minutes(10));
    assert!(desk.dialled().is_empty(), "both are due, and nobody is there");
    desk.input(Input::Wish(Wish::Operator { name: "anna".into(), ready: true }));
    let [operator] = desk.dialled().try_into().expect("one operator, one callback");
    assert_eq!(operator.shown.to_string(), "+79160000002", "the one who was not tried yet");
}

#[test]
fn a_miss_while_the_attempt_is_being_wound_up_is_not_closed_with_it() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    let (operator, client) = desk.dials_both();
    desk.answers(&client.leg);
    desk.news(News::Bridged(operator.leg.clone(), client.leg.clone()));
    desk.wait(Span::seconds(40));
    desk.ends(&client.leg, Outcome::Unknown);
    desk.wait(Span::seconds(1));
    let again = desk.arrives("b", CLIENT);
    desk.ends(&again, Outcome::Unknown);
    desk.ends(&operator.leg, Outcome::Unknown);
    assert_eq!(desk.closed(), None);
    desk.wait(Span::minutes(5));
    assert_eq!(desk.dialled().len(), 1, "the new miss is called back");
}

#[test]
fn a_client_on_the_way_to_a_colleague_is_left_alone() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    let (operator, client) = desk.dials_both();
    desk.answers(&client.leg);
    desk.news(News::Bridged(operator.leg.clone(), client.leg.clone()));
    desk.ends(&operator.leg, Outcome::Unknown);
    desk.news(News::Bridged(client.leg.clone(), ChannelId::new("colleague")));
    for _ in 0..10 {
        desk.wait(Span::seconds(60));
        for leg in desk.asked_legs() {
            desk.stands(&leg, true, Some(&ChannelId::new("colleague")));
        }
    }
    assert!(desk.hung_up().is_empty(), "they talk");
    desk.ends(&client.leg, Outcome::Unknown);
    assert_eq!(desk.closed(), Some(CloseReason::Talked));
}

#[test]
fn a_client_who_got_through_is_not_dialled_after_a_crash_either() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    let (operator, client) = desk.dials_both();
    let call = desk.arrives("b", CLIENT);
    desk.news(News::Bridged(call.clone(), ChannelId::new("somebody")));
    desk.ends(&call, Outcome::Unknown);
    let mut desk = desk.dies_and_returns(rules(Strategy::TopDown));
    desk.news(News::Up);
    desk.answer_channels(&[]);
    desk.stands(&operator.leg, true, None);
    desk.news(News::State(client.leg.clone(), None));
    for leg in [&operator.leg, &client.leg] {
        desk.ends(leg, Outcome::Unknown);
    }
    assert_eq!(desk.closed(), Some(CloseReason::ClientCalled { call }));
    desk.wait(Span::minutes(30));
    assert!(desk.dialled().is_empty());
}

#[test]
fn while_the_operator_waits_the_next_trunk_is_tried() {
    let mut house = rules(Strategy::TopDown);
    let spare = Trunk {
        name: "spare".into(),
        dial: "sofia/gateway/spare/{number}".into(),
        ..(*house.trunks["provider"]).clone()
    };
    house.trunks.insert("spare".into(), Arc::new(spare));
    let line = Line { trunks: vec!["provider".into(), "spare".into()], ..(*house.lines["site"]).clone() };
    house.lines.insert("site".into(), Arc::new(line));
    let mut desk = Desk::new(house);
    let (_, client) = desk.dials_both();
    assert_eq!(&*client.dial, "sofia/gateway/provider/{number}");
    desk.ends(&client.leg, Outcome::Network);
    desk.answer_channels(&[]);
    let again = desk.dialled();
    assert_eq!(again.len(), 1);
    assert_eq!(&*again[0].dial, "sofia/gateway/spare/{number}");
}

#[test]
fn a_pause_holds_for_what_is_in_progress() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    desk.misses("a");
    desk.wait(Span::minutes(5));
    let operator = desk.dialled().remove(0);
    desk.answers(&operator.leg);
    desk.input(Input::Wish(Wish::Pause));
    desk.hears_all();
    desk.answer_channels(&[]);
    assert!(desk.dialled().is_empty(), "the client is not dialled");
}

#[test]
fn records_are_believed_by_their_time_whatever_their_order() {
    let cdr = |desk: &Desk, id: &str, ended: Wall, served: bool| {
        let channel = Channel {
            id: ChannelId::new(id),
            direction: Direction::Inbound,
            user: None,
            caller: CLIENT.into(),
            name: "".into(),
            dialled: "74951112233".into(),
            line: None,
            created: desk.now.wall,
        };
        let (served, talk) = if served { (Some(ended), Span::seconds(90)) } else { (None, Span::ZERO) };
        News::Cdr(Box::new(Cdr { channel, served, talk, ended, cause: "".into(), queue: None }))
    };
    let mut desk = Desk::new(rules(Strategy::TopDown));
    let now = desk.now.wall;
    desk.news(cdr(&desk, "missed", now, false));
    desk.news(cdr(&desk, "served before", now - Span::minutes(30), true));
    assert_eq!(desk.closed(), None, "who was missed after that still waits");
    desk.news(cdr(&desk, "served after", now + Span(1), true));
    assert_eq!(desk.closed(), Some(CloseReason::ClientCalled { call: ChannelId::new("served after") }));
    desk.news(cdr(&desk, "missed before", now - Span::minutes(10), false));
    desk.wait(Span::minutes(10));
    assert!(desk.dialled().is_empty(), "the client has got through since");
}
