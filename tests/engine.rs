//! The engine by hand: news in, writes and effects out, one short story a test. The scenarios of `tests/scripts` tell longer
//! ones over the pretend switch.

mod desk;

use desk::{CLIENT, CLIENT_NUMBER, Desk, rules};
use jiff::tz::TimeZone;
use perezvon::engine::{
    OperatorState, OperatorView,
    effect::{AlarmKind, Client, Effect, Moment, Notice, Originate},
    explain::Veto,
    hours::Calendar,
    input::{Asked, Cdr, Channel, Direction, Ended, Input, News, Request, Wish},
    money::{Amount, Price},
    number::Number,
    paper::{Paper, PaperKind},
    record::{
        AttemptRecord, CallbackId, ChannelId, CloseReason, Dial, KnownBy, Marks, Origin, Outcome, Role, Snapshot, Write,
    },
    rules::{
        Again, Answer, Cap, ClientFirst, Group, Key, Keys, Line, Machine, Manners, Member, Mode, Operator, Order,
        Phone, Recording, Redial, Rules, Strategy, Trunk,
    },
    time::{Span, Wall},
};
use perezvon::store::{CallbackStory, Memory};
use std::{collections::BTreeMap, sync::Arc};

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
    let (operator, client) = desk.listens_and_dials();
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
        marks: Marks::default(),
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
    let cdr = Cdr {
        channel,
        served,
        talk: Span::seconds(20),
        ended: desk.now.wall,
        cause: "".into(),
        queue: None,
        marks: Marks::default(),
    };
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
fn who_takes_another_call_meanwhile_is_not_sought_on_the_next_phone() {
    let mut rules = rules(Strategy::TopDown);
    let mut anna = (*rules.operators["anna"]).clone();
    anna.phones.push(Phone { dial: "user/1003".into(), user: "1003".into() });
    rules.operators.insert("anna".into(), Arc::new(anna));
    let mut desk = Desk::new(rules);
    desk.misses("a");
    desk.wait(Span::minutes(5));
    let [first] = desk.dialled().try_into().expect("one phone at a time");
    desk.news(News::Created(Channel {
        id: ChannelId::new("own"),
        direction: Direction::Inbound,
        user: Some("1003".into()),
        caller: "1003".into(),
        name: "".into(),
        dialled: "89031112233".into(),
        line: None,
        created: desk.now.wall,
    }));
    desk.ends(&first.leg, Outcome::NoAnswer);
    let [next] = desk.dialled().try_into().expect("one phone at a time");
    assert_eq!(&*next.dial, "user/1002", "Anna is on the phone by now");
}

#[test]
fn a_fresh_callback_goes_before_a_repeated_one() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    desk.input(Input::Wish(Wish::Operator { name: "boris".into(), ready: false, why: String::new() }));
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
    desk.input(Input::Wish(Wish::Operator { name: "anna".into(), ready: false, why: String::new() }));
    let fresh = desk.arrives("b", "79160000002");
    desk.ends(&fresh, Outcome::Unknown);
    desk.wait(Span::minutes(10));
    assert!(desk.dialled().is_empty(), "both are due, and nobody is there");
    desk.input(Input::Wish(Wish::Operator { name: "anna".into(), ready: true, why: String::new() }));
    let [operator] = desk.dialled().try_into().expect("one operator, one callback");
    assert_eq!(operator.shown.unwrap().to_string(), "+79160000002", "the one who was not tried yet");
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
        News::Cdr(Box::new(Cdr {
            channel,
            served,
            talk,
            ended,
            cause: "".into(),
            queue: None,
            marks: Marks::default(),
        }))
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

#[test]
fn a_record_of_a_switch_whose_clock_is_another_is_read_by_ours() {
    for hours in [-1, 1] {
        let mut desk = Desk::new(rules(Strategy::TopDown));
        let through = desk.arrives("through", CLIENT);
        desk.news(News::Bridged(through.clone(), ChannelId::new("somebody")));
        desk.wait(Span::minutes(1));
        desk.ends(&through, Outcome::Unknown);
        // Our clock is set, the switch's goes on as it was.
        let of_the_switch = desk.now.wall;
        desk.now.wall = Wall(of_the_switch.0 + hours * 3_600_000);
        desk.input(Input::Tick);
        desk.wait(Span::minutes(1));
        let ended = of_the_switch + Span::minutes(1);
        let channel = Channel {
            id: ChannelId::new("missed"),
            direction: Direction::Inbound,
            user: None,
            caller: CLIENT.into(),
            name: "".into(),
            dialled: "74951112233".into(),
            line: None,
            created: ended - Span::seconds(20),
        };
        let cdr = Cdr {
            channel,
            served: None,
            talk: Span::ZERO,
            ended,
            cause: "".into(),
            queue: None,
            marks: Marks::default(),
        };
        desk.news(News::Cdr(Box::new(cdr)));
        desk.wait(Span::seconds(299));
        assert!(desk.dialled().is_empty(), "{hours}: the tracking window is as long as ever");
        desk.wait(Span::seconds(1));
        assert_eq!(desk.dialled().len(), 1, "{hours}: missed after the client got through");
    }
}

// ---- who of a group is rung -------------------------------------------------------------------------------------------

const NAMES: [&str; 3] = ["anna", "boris", "vera"];

/// Anna, Boris and Vera with the phones 1001 to 1003, no pause after a talk, and these weights and levels.
fn three(strategy: Strategy, members: [(u32, u32); 3]) -> Rules {
    let mut rules = rules(strategy);
    rules.operators.clear();
    for (name, user) in NAMES.iter().zip(1001..) {
        let phone = |user: String| Phone { dial: format!("user/{user}").into(), user: user.into() };
        let phones = vec![phone(user.to_string())];
        let one = Operator { name: (*name).into(), phones, wrap_up: Span::ZERO, ..Operator::default() };
        rules.operators.insert(one.name.clone(), Arc::new(one));
    }
    let member = |(name, (weight, level)): (&&str, (u32, u32))| Member { name: (**name).into(), weight, level };
    let operators = NAMES.iter().zip(members).map(member).collect();
    let escalate = Span::seconds(30);
    let group = Group { name: "sales".into(), operators, strategy, remember: false, loyal: Span::ZERO, escalate };
    rules.groups.insert("sales".into(), Arc::new(group));
    rules
}

const ALIKE: [(u32, u32); 3] = [(1, 1); 3];

fn change(rules: &mut Rules, name: &str, f: impl FnOnce(&mut Operator)) {
    let operator = rules.operators.get_mut(name).expect("an operator");
    f(Arc::make_mut(operator));
}

impl Desk {
    fn asks_for(&mut self, number: &str) {
        let number = format!("+{number}").parse().expect("a number");
        self.input(Input::Wish(Wish::Call { number, line: "site".into(), by: "chief".into(), list: None }));
    }

    /// Whose phones were dialled.
    fn rung(&mut self) -> Vec<&'static str> {
        let of = |o: &Originate| NAMES[o.dial[o.dial.len() - 4..].parse::<usize>().expect("a user") - 1001];
        self.dialled().iter().map(of).collect()
    }

    /// A callback from its wish to the end of a talk of this length: who was rung first, and took it.
    fn talks(&mut self, number: &str, talk: Span) -> &'static str {
        self.asks_for(number);
        let operator = self.listens_and_talks(talk);
        NAMES[operator.dial[5..].parse::<usize>().expect("a user") - 1001]
    }

    fn ready(&mut self, name: &str, ready: bool) {
        self.input(Input::Wish(Wish::Operator { name: name.into(), ready, why: String::new() }));
    }

    fn back(self, rules: Rules) -> Desk {
        let mut desk = self.dies_and_returns(rules);
        desk.news(News::Up);
        desk.answer_channels(&[]);
        desk
    }
}

#[test]
fn each_strategy_rings_in_its_own_order() {
    let talks = [60, 10, 20, 30, 15, 5].map(Span::seconds);
    for (strategy, order) in [
        (Strategy::TopDown, ["anna"; 6]),
        (Strategy::SequentiallyByAgentOrder, ["anna"; 6]),
        (Strategy::LongestIdleAgent, ["anna", "boris", "vera", "anna", "boris", "vera"]),
        (Strategy::AgentWithFewestCalls, ["anna", "boris", "vera", "anna", "boris", "vera"]),
        // 60, 10 and 20; Boris comes to 40, Vera to 35, which is the least.
        (Strategy::AgentWithLeastTalkTime, ["anna", "boris", "vera", "boris", "vera", "vera"]),
        (Strategy::RoundRobin, ["anna", "boris", "vera", "anna", "boris", "vera"]),
    ] {
        let mut desk = Desk::new(three(strategy, ALIKE));
        let rung = talks.map(|talk| desk.talks(CLIENT, talk));
        assert_eq!(rung, order, "{strategy:?}");
    }
}

#[test]
fn neither_a_break_nor_a_restart_puts_the_counters_back() {
    let rules = || three(Strategy::AgentWithFewestCalls, ALIKE);
    let mut desk = Desk::new(rules());
    let talk = Span::seconds(5);
    assert_eq!([0; 4].map(|_| desk.talks(CLIENT, talk)), ["anna", "boris", "vera", "anna"]);
    desk.ready("anna", false);
    desk.ready("anna", true);
    assert_eq!(desk.talks(CLIENT, talk), "boris", "Anna has had two");
    let mut desk = desk.back(rules());
    assert_eq!([0; 2].map(|_| desk.talks(CLIENT, talk)), ["vera", "anna"], "two each, and Vera one");
}

#[test]
fn round_robin_goes_on_after_the_one_who_was_rung_last_after_a_restart_too() {
    let rules = || three(Strategy::RoundRobin, ALIKE);
    let mut desk = Desk::new(rules());
    assert_eq!(desk.talks(CLIENT, Span::seconds(5)), "anna");
    desk.asks_for(CLIENT);
    let boris = desk.dialled().remove(0);
    desk.ends(&boris.leg, Outcome::NoAnswer);
    assert_eq!(desk.rung(), ["vera"], "an offer counts, answered or not");
    let mut desk = Desk::new(rules());
    desk.talks(CLIENT, Span::seconds(5));
    let mut desk = desk.back(rules());
    assert_eq!(desk.talks(CLIENT, Span::seconds(5)), "boris");
}

#[test]
fn a_thousand_calls_are_shared_by_weight_and_chance_shares_alike() {
    for (strategy, off) in [(Strategy::Weighted, 0), (Strategy::Random, 60)] {
        let weights = if strategy == Strategy::Weighted { [(5, 1), (3, 1), (2, 1)] } else { ALIKE };
        let promised = if strategy == Strategy::Weighted { [500, 300, 200] } else { [333, 333, 333] };
        let mut desk = Desk::new(three(strategy, weights));
        let mut shares = BTreeMap::new();
        for _ in 0..1000 {
            *shares.entry(desk.talks(CLIENT, Span::seconds(1))).or_insert(0i32) += 1;
        }
        for (name, promised) in NAMES.iter().zip(promised) {
            assert!((shares[name] - promised).abs() <= off, "{strategy:?}: {shares:?}");
        }
    }
}

#[test]
fn chance_is_the_same_when_it_is_played_again() {
    let play = || {
        let mut desk = Desk::new(three(Strategy::Random, ALIKE));
        [0; 20].map(|_| desk.talks(CLIENT, Span::seconds(1)))
    };
    assert_eq!(play(), play());
}

#[test]
fn ringing_progressively_one_more_joins_while_the_earlier_ring_on() {
    let mut desk = Desk::new(three(Strategy::RingProgressively, ALIKE));
    desk.asks_for(CLIENT);
    let anna = desk.dialled().remove(0);
    desk.wait(Span::seconds(9));
    assert!(desk.dialled().is_empty());
    desk.wait(Span::seconds(1));
    let boris = desk.dialled().remove(0);
    assert_eq!((&*anna.dial, &*boris.dial), ("user/1001", "user/1002"));
    assert!(desk.hung_up().is_empty(), "Anna's phone rings on");
    desk.wait(Span::seconds(10));
    assert_eq!(desk.rung(), ["vera"]);
    desk.answers(&anna.leg);
    assert_eq!(desk.hung_up().len(), 2, "the others stop");
    desk.wait(Span::seconds(10));
    assert!(desk.dialled().is_empty());
}

#[test]
fn the_one_who_last_talked_with_the_client_comes_first_if_free() {
    let rules = || {
        let mut rules = three(Strategy::TopDown, ALIKE);
        Arc::make_mut(rules.groups.get_mut("sales").expect("the group")).remember = true;
        rules
    };
    let mut desk = Desk::new(rules());
    ["anna", "boris"].into_iter().for_each(|name| desk.ready(name, false));
    assert_eq!(desk.talks(CLIENT, Span::seconds(5)), "vera");
    ["anna", "boris"].into_iter().for_each(|name| desk.ready(name, true));
    assert_eq!(desk.talks("79160000002", Span::seconds(5)), "anna", "a client whom nobody knows");
    let mut desk = desk.back(rules());
    ["anna", "boris"].into_iter().for_each(|name| desk.ready(name, true));
    assert_eq!(desk.talks(CLIENT, Span::seconds(5)), "vera");
    desk.ready("vera", false);
    assert_eq!(desk.talks(CLIENT, Span::seconds(5)), "anna");
    desk.ready("vera", true);
    assert_eq!(desk.talks(CLIENT, Span::seconds(5)), "anna", "she is the last one now");
}

#[test]
fn the_next_level_is_rung_when_nobody_of_the_first_is_free_for_so_long() {
    let mut desk = Desk::new(three(Strategy::TopDown, [(1, 2), (1, 1), (1, 3)]));
    desk.asks_for(CLIENT);
    assert_eq!(desk.rung(), ["boris"], "the lowest level, whatever the order");
    let mut desk = Desk::new(three(Strategy::TopDown, [(1, 2), (1, 1), (1, 3)]));
    ["anna", "boris"].into_iter().for_each(|name| desk.ready(name, false));
    desk.asks_for(CLIENT);
    desk.wait(Span::seconds(59));
    assert!(desk.dialled().is_empty());
    desk.wait(Span::seconds(1));
    assert_eq!(desk.rung(), ["vera"], "two levels were waited for");
    let mut desk = Desk::new(three(Strategy::TopDown, [(1, 2), (1, 1), (1, 3)]));
    desk.asks_for(CLIENT);
    let boris = desk.dialled().remove(0);
    desk.ends(&boris.leg, Outcome::NoAnswer);
    assert!(desk.dialled().is_empty());
    desk.wait(Span::seconds(30));
    assert_eq!(desk.rung(), ["anna"], "the first level was rung in vain");
}

#[test]
fn phones_together_ring_at_once_and_the_one_that_answers_keeps_the_operator() {
    let mut rules = three(Strategy::TopDown, ALIKE);
    change(&mut rules, "anna", |anna| {
        anna.phones.push(Phone { dial: "user/1003".into(), user: "1003".into() });
        anna.order = Order::Together;
    });
    let mut desk = Desk::new(rules);
    desk.ready("vera", false);
    desk.asks_for(CLIENT);
    let [desk_phone, mobile] = desk.dialled().try_into().expect("both phones");
    desk.answers(&mobile.leg);
    assert_eq!(desk.hung_up(), std::slice::from_ref(&desk_phone.leg));
    desk.ends(&desk_phone.leg, Outcome::Unknown);
    desk.asks_for("79160000002");
    assert_eq!(desk.rung(), ["boris"], "Anna is on her other phone");

    let mut rules = three(Strategy::TopDown, ALIKE);
    change(&mut rules, "anna", |anna| {
        anna.phones.push(Phone { dial: "user/1003".into(), user: "1003".into() });
        anna.order = Order::Together;
    });
    let mut desk = Desk::new(rules);
    desk.asks_for(CLIENT);
    let [one, other] = desk.dialled().try_into().expect("both phones");
    desk.ends(&one.leg, Outcome::Busy);
    assert!(desk.dialled().is_empty(), "the other one rings");
    desk.ends(&other.leg, Outcome::NoAnswer);
    assert_eq!(desk.rung(), ["boris"]);
}

#[test]
fn an_operator_without_a_registered_phone_is_not_rung_for_some_minutes_at_most() {
    let mut rules = three(Strategy::TopDown, ALIKE);
    change(&mut rules, "boris", |boris| {
        boris.phones.push(Phone { dial: "user/1003".into(), user: "2002".into() });
    });
    let mut desk = Desk::new(rules);
    for user in ["1001", "1002"] {
        desk.news(News::Registered { user: user.into(), here: false });
    }
    let state = |desk: &Desk| desk.engine.status(desk.now).operators[0].state;
    assert_eq!(state(&desk), OperatorState::Unregistered);
    desk.ready("vera", false);
    desk.asks_for(CLIENT);
    let [boris] = desk.dialled().try_into().expect("one phone");
    assert_eq!(&*boris.dial, "user/1003", "the phone that is there");
    desk.answers(&boris.leg);
    desk.asks_for("79160000002");
    assert!(desk.dialled().is_empty());
    desk.news(News::Registered { user: "1001".into(), here: true });
    let [anna] = desk.dialled().try_into().expect("Anna is there again");
    desk.news(News::Ended(Ended {
        id: anna.leg.clone(),
        outcome: Outcome::NoAnswer,
        cause: "USER_NOT_REGISTERED".into(),
        unregistered: true,
        line: None,
    }));
    assert_eq!(state(&desk), OperatorState::Unregistered);
    desk.wait(Span::seconds(299));
    assert!(desk.dialled().is_empty());
    desk.wait(Span::seconds(1));
    assert_eq!(state(&desk), OperatorState::Callback, "the event may have been lost");
}

#[test]
fn who_does_not_answer_rests_and_is_away_after_so_many_in_a_row() {
    let mut rules = three(Strategy::TopDown, ALIKE);
    change(&mut rules, "anna", |anna| {
        (anna.no_answer_pause, anna.reject_pause) = (Span::seconds(20), Span::seconds(40));
        anna.away_after = Some(2);
    });
    let mut desk = Desk::new(rules);
    ["boris", "vera"].into_iter().for_each(|name| desk.ready(name, false));
    let rings = |desk: &mut Desk, outcome, pause: u64| {
        let anna = desk.dialled().remove(0);
        desk.ends(&anna.leg, outcome);
        desk.wait(Span(pause * 1000 - 1));
        assert_ne!(desk.engine.status(desk.now).operators[0].state, OperatorState::Free);
        desk.wait(Span::minutes(10));
    };
    desk.asks_for(CLIENT);
    rings(&mut desk, Outcome::NoAnswer, 20);
    rings(&mut desk, Outcome::Busy, 40);
    let anna = desk.dialled().remove(0);
    desk.ends(&anna.leg, Outcome::NoAnswer);
    assert_eq!(desk.engine.status(desk.now).operators[0].state, OperatorState::Away);
    desk.wait(Span::minutes(30));
    assert!(desk.dialled().is_empty());
    desk.ready("anna", true);
    assert_eq!(desk.rung(), ["anna"], "by her own word she is there again");
}

#[test]
fn a_robot_takes_several_calls_at_once_and_no_more() {
    let mut rules = three(Strategy::TopDown, ALIKE);
    Arc::make_mut(rules.trunks.get_mut("provider").expect("the trunk")).channels = 10;
    change(&mut rules, "anna", |robot| robot.calls = 2);
    let mut desk = Desk::new(rules);
    ["boris", "vera"].into_iter().for_each(|name| desk.ready(name, false));
    ["79160000001", "79160000002", "79160000003"].into_iter().for_each(|number| desk.asks_for(number));
    assert_eq!(desk.rung(), ["anna", "anna"]);
}

// ---- keys and exchanges -------------------------------------------------------------------------------------------

/// The rules with operators whose answer is judged so, and the keys of a line that has all of them.
fn answering(answer: Answer) -> Rules {
    let mut rules = rules(Strategy::TopDown);
    for operator in rules.operators.values_mut() {
        Arc::make_mut(operator).answer = answer;
    }
    let line = Arc::make_mut(rules.lines.get_mut("site").unwrap());
    line.redial.keys = Keys { pass: Key::new('2'), never: Key::new('3'), machine: Key::new('9'), later: None };
    rules
}

impl Desk {
    fn presses(&mut self, leg: &ChannelId, sign: char) {
        self.news(News::Key(leg.clone(), Key::new(sign).unwrap()));
    }

    /// The switch says that this leg is all there is.
    fn alone(&mut self, leg: &ChannelId) {
        let created = self.now.wall;
        let channel = Channel {
            id: leg.clone(),
            direction: Direction::Outbound,
            user: None,
            caller: "".into(),
            name: "".into(),
            dialled: "".into(),
            line: None,
            created,
        };
        self.answer_channels(&[channel]);
    }

    fn said(&mut self) -> Vec<String> {
        self.effects(|e| match e {
            Effect::Say { words, .. } => Some(format!("{}{}", words.facts.key, words.facts.outcome)),
            _ => None,
        })
    }

    /// The first operator who is rung for the first missed call, and has answered.
    fn answered_operator(&mut self) -> Originate {
        self.misses("a");
        self.wait(Span::minutes(5));
        let operator = self.dialled().remove(0);
        self.answers(&operator.leg);
        operator
    }
}

#[test]
fn behind_an_office_exchange_nothing_is_said_before_the_operator_is_there() {
    let mut desk = Desk::new(answering(Answer::Delay(Span::seconds(20))));
    let operator = desk.answered_operator();
    desk.wait(Span::seconds(19));
    assert!(desk.said().is_empty(), "the exchange would hear it");
    desk.wait(Span::seconds(1));
    desk.hears_all();
    desk.alone(&operator.leg);
    assert_eq!(desk.dialled()[0].role, Role::Client);
}

#[test]
fn where_a_key_is_wanted_the_announcement_repeats_and_nothing_is_dialled_without_it() {
    let mut desk = Desk::new(answering(Answer::Press(Key::new('1').unwrap())));
    let operator = desk.answered_operator();
    for _ in 0..3 {
        desk.wait(Span::seconds(5));
        desk.hears_all();
        desk.alone(&operator.leg);
        assert!(desk.dialled().is_empty());
    }
    assert_eq!(desk.said(), ["1"], "and tells the key");
    desk.presses(&operator.leg, '5');
    desk.alone(&operator.leg);
    assert!(desk.dialled().is_empty(), "another key says nothing");
    desk.presses(&operator.leg, '1');
    desk.alone(&operator.leg);
    assert_eq!(desk.dialled()[0].role, Role::Client);
}

#[test]
fn without_the_key_the_next_operator_is_rung_and_it_costs_the_client_nothing() {
    let mut desk = Desk::new(answering(Answer::Press(Key::new('1').unwrap())));
    let first = desk.answered_operator();
    for _ in 0..70 {
        desk.wait(Span::seconds(1));
        desk.hears_all();
    }
    assert_eq!(desk.hung_up(), std::slice::from_ref(&first.leg));
    desk.ends(&first.leg, Outcome::Unknown);
    let second = desk.dialled().remove(0);
    assert_eq!((second.role, &*second.dial), (Role::Operator, "user/1002"));
    desk.ends(&second.leg, Outcome::NoAnswer);
    let last = desk.out.writes.iter().rev().find_map(|write| match write {
        Write::Callback(record) => Some((record.spent, record.last)),
        _ => None,
    });
    assert_eq!(last, Some((0, Some(Outcome::OperatorUnavailable))));
}

#[test]
fn a_key_passes_the_call_on_to_the_next_operator() {
    let mut desk = Desk::new(answering(Answer::Person));
    let first = desk.answered_operator();
    desk.presses(&first.leg, '2');
    assert_eq!(desk.hung_up(), std::slice::from_ref(&first.leg));
    assert_eq!(&*desk.dialled()[0].dial, "user/1002");
}

#[test]
fn a_key_says_that_this_client_is_not_to_be_called_and_the_journal_says_who_said_so() {
    let mut desk = Desk::new(answering(Answer::Person));
    let first = desk.answered_operator();
    desk.presses(&first.leg, '3');
    desk.hears_all();
    desk.ends(&first.leg, Outcome::Unknown);
    assert_eq!(desk.closed(), Some(CloseReason::DoNotCall { operator: "anna".into() }));
    desk.wait(Span::minutes(120));
    assert!(desk.dialled().is_empty());
}

#[test]
fn a_key_during_the_talk_says_that_a_machine_answered_and_the_client_is_tried_again() {
    let mut desk = Desk::new(answering(Answer::Person));
    let (operator, client) = desk.dials_both();
    desk.answers(&client.leg);
    desk.news(News::Bridged(operator.leg.clone(), client.leg.clone()));
    desk.wait(Span::seconds(6));
    desk.presses(&operator.leg, '9');
    assert_eq!(desk.hung_up()[..2], [operator.leg.clone(), client.leg.clone()]);
    desk.ends(&operator.leg, Outcome::Unknown);
    desk.ends(&client.leg, Outcome::Unknown);
    assert_eq!(desk.closed(), None);
    desk.wait(Span::minutes(30));
    assert_eq!(desk.dialled().len(), 1, "as after no answer");
}

#[test]
fn a_client_who_calls_is_put_through_when_the_key_is_pressed() {
    let mut desk = Desk::new(answering(Answer::Press(Key::new('1').unwrap())));
    let operator = desk.answered_operator();
    let call = desk.arrives("b", CLIENT);
    let parks = |desk: &mut Desk| desk.effects(|e| matches!(e, Effect::Park { .. }).then_some(())).len();
    assert_eq!(parks(&mut desk), 0, "nobody is there yet");
    desk.presses(&operator.leg, '1');
    assert_eq!(parks(&mut desk), 1);
    desk.news(News::Parked(call.clone()));
    let joined = desk.effects(|e| match e {
        Effect::Bridge { client, .. } => Some(client.clone()),
        _ => None,
    });
    assert_eq!(joined, [call]);
}

#[test]
fn after_a_silence_the_work_is_taken_up_step_by_step() {
    let mut rules = rules(Strategy::TopDown);
    let mut operators = BTreeMap::new();
    for n in 0..20 {
        let mut operator = (*rules.operators["anna"]).clone();
        operator.name = format!("op{n:02}").into();
        operator.phones = vec![Phone { dial: format!("user/2{n:02}").into(), user: format!("2{n:02}").into() }];
        operators.insert(operator.name.clone(), Arc::new(operator));
    }
    Arc::make_mut(rules.groups.get_mut("sales").unwrap()).operators =
        operators.keys().map(|name| Member::from(&**name)).collect();
    Arc::make_mut(rules.trunks.get_mut("provider").unwrap()).channels = 100;
    rules.operators = operators;
    let mut desk = Desk::new(rules);
    desk.wait(Span::minutes(1));
    for n in 0..12 {
        let id = desk.arrives(&format!("c{n}"), &format!("7916200{n:04}"));
        desk.ends(&id, Outcome::Unknown);
    }
    desk.news(News::Down);
    desk.wait(Span::minutes(10));
    assert!(desk.dialled().is_empty(), "nobody is rung while the switch is away");
    desk.news(News::Up);
    desk.answer_channels(&[]);
    let mut begun = vec![desk.dialled().len()];
    for _ in 0..3 {
        desk.wait(Span::seconds(5));
        begun.push(desk.dialled().len());
    }
    assert_eq!(begun, [2, 2, 4, 4], "2, 4, 8, then all 12 at once");
}

#[test]
fn where_a_client_came_from_goes_with_the_callback_and_is_told_to_the_operator() {
    let mut house = rules(Strategy::TopDown);
    Arc::make_mut(house.lines.get_mut("site").unwrap()).source = "search".into();
    let mut desk = Desk::new(house);
    let id = desk.arrives("a", CLIENT);
    let marks = Marks {
        campaign: format!("spring\r\n{}", "x".repeat(300)),
        page: "https://example.org/roses".into(),
        ..Marks::default()
    };
    desk.news(News::Marked(id.clone(), Box::new(marks)));
    desk.wait(Span::seconds(20));
    desk.ends(&id, Outcome::Unknown);
    desk.wait(Span::minutes(5));
    let operator = desk.dialled().remove(0);
    desk.answers(&operator.leg);
    let facts = desk.effects(|e| match e {
        Effect::Say { words, .. } => Some(words.facts.clone()),
        _ => None,
    });
    let facts = &facts[0];
    assert_eq!((facts.source.as_str(), facts.page.as_str()), ("search", "https://example.org/roses"));
    assert!(facts.campaign.starts_with("springxxx") && facts.campaign.len() == Marks::LONGEST, "{}", facts.campaign);
}

#[test]
fn a_number_that_is_never_dialled_stays_so_after_a_restart() {
    let house = rules(Strategy::TopDown);
    let mut desk = Desk::new(house.clone());
    let number: Number = CLIENT_NUMBER.parse().unwrap();
    desk.misses("a");
    desk.input(Input::Wish(Wish::Block { number, by: "olga".into() }));
    assert_eq!(desk.closed(), Some(CloseReason::Cancelled { by: "olga".into() }));
    let mut desk = desk.dies_and_returns(house);
    desk.news(News::Up);
    desk.answer_channels(&[]);
    desk.misses("b");
    desk.input(Input::Wish(Wish::Call { number, line: "site".into(), by: "chief".into(), list: None }));
    desk.wait(Span::minutes(60));
    assert!(desk.dialled().is_empty());
    desk.input(Input::Wish(Wish::Unblock { number }));
    desk.misses("c");
    desk.wait(Span::minutes(5));
    assert_eq!(desk.dialled().len(), 1);
}

/// A client asks on a site, with this page, at this time or now.
fn asks_on_a_site(desk: &mut Desk, page: &str, due: Option<Wall>) {
    let number: Number = CLIENT_NUMBER.parse().unwrap();
    let paper = Paper {
        kind: PaperKind::Request,
        id: format!("shop.{page}"),
        about: number.to_string(),
        at: Wall::default(),
        body: "{}".into(),
    };
    let marks = Marks { page: page.into(), ..Marks::default() };
    let request = Request { number, line: "site".into(), site: "shop".into(), marks, due, paper };
    desk.input(Input::Wish(Wish::Request(Box::new(request))));
}

fn papers(desk: &Desk) -> usize {
    desk.out.writes.iter().filter(|write| matches!(write, Write::Paper(paper) if paper.at != Wall::default())).count()
}

#[test]
fn who_asks_on_a_site_is_called_at_once_and_the_operator_is_told_of_the_page() {
    let mut house = rules(Strategy::TopDown);
    let mut line = (*house.lines["site"]).clone();
    line.source = "yandex".into();
    line.requested.announce_operator = "{{ page }}, {{ source }}".into();
    house.lines.insert("site".into(), Arc::new(line));
    let mut desk = Desk::new(house);
    let outlook = |desk: &Desk| desk.engine.outlook(&desk.engine.rules().lines["site"], desk.now);
    assert_eq!(
        outlook(&desk).rings_within,
        Some(Span::seconds(30)),
        "a phone rings for 20 s, the announcement takes 10"
    );
    asks_on_a_site(&mut desk, "Kettle", None);
    assert_eq!((desk.dialled().len(), papers(&desk)), (1, 1), "what the site sent is written with it");
    let said = desk.out.writes.iter().rev().find_map(|write| match write {
        Write::Callback(record) => {
            Some((record.origin.clone(), record.marks.page.clone(), record.marks.source.clone()))
        }
        _ => None,
    });
    assert_eq!(said, Some((Origin::Web { site: "shop".into() }, "Kettle".into(), "yandex".into())));
    assert_eq!(outlook(&desk).rings_within, Some(Span::seconds(30)), "boris is free");
    desk.input(Input::Wish(Wish::Operator { name: "boris".into(), ready: false, why: String::new() }));
    assert_eq!(outlook(&desk).rings_within, None, "nobody is, so nothing is promised");
}

#[test]
fn who_was_missed_and_asks_on_a_site_is_called_once_and_when_they_say() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    desk.misses("a");
    let later = desk.now.wall + Span::minutes(90);
    asks_on_a_site(&mut desk, "Tea", Some(later));
    desk.wait(Span::minutes(89));
    assert!(desk.dialled().is_empty(), "not when the window of the missed call is over");
    desk.wait(Span::minutes(1));
    assert_eq!(desk.dialled().len(), 1);
    asks_on_a_site(&mut desk, "Cups", None);
    assert!(desk.dialled().is_empty(), "they are being called already");
    assert_eq!(papers(&desk), 2);
}

#[test]
fn a_blocked_number_that_is_asked_for_on_a_site_is_left_alone() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    desk.input(Input::Wish(Wish::Block { number: CLIENT_NUMBER.parse().unwrap(), by: "olga".into() }));
    asks_on_a_site(&mut desk, "Kettle", None);
    desk.wait(Span::minutes(60));
    assert!(desk.dialled().is_empty() && papers(&desk) == 0);
}

#[test]
fn nothing_is_promised_while_the_line_is_shut_or_dialling_is_paused() {
    let mut house = rules(Strategy::TopDown);
    let mut line = (*house.lines["site"]).clone();
    let opens = [(0, 9 * 60)];
    line.calendar = Some(Arc::new(Calendar::new(TimeZone::UTC, std::array::from_fn(|_| opens.to_vec()), [], [])));
    let open = Arc::new(Line { calendar: None, ..line.clone() });
    house.lines.insert("site".into(), Arc::new(line));
    let mut desk = Desk::new(house);
    let midnight = Wall(1_795_046_400_000);
    let shut = desk.engine.outlook(&desk.engine.rules().lines["site"], desk.now);
    assert_eq!((shut.opens, shut.rings_within), (Some(midnight), None));
    assert!(desk.engine.outlook(&open, desk.now).rings_within.is_some());
    desk.input(Input::Wish(Wish::Pause));
    let paused = desk.engine.outlook(&open, desk.now);
    assert_eq!((paused.opens, paused.rings_within), (Some(desk.now.wall), None));
}

/// The client's phone ends so, and the callback is closed with it.
fn is_struck_off(desk: &mut Desk, outcome: Outcome) {
    let (operator, client) = desk.dials_both();
    desk.ends(&client.leg, outcome);
    desk.hears_all();
    desk.ends(&operator.leg, Outcome::Unknown);
    desk.wait(Span::minutes(10));
}

#[test]
fn a_number_that_was_said_not_to_exist_is_dialled_again_once_it_calls() {
    let house = rules(Strategy::TopDown);
    let mut desk = Desk::new(house.clone());
    is_struck_off(&mut desk, Outcome::Invalid);
    desk.misses("b");
    let mut desk = desk.dies_and_returns(house);
    desk.news(News::Up);
    desk.answer_channels(&[]);
    desk.wait(Span::minutes(6));
    assert_eq!(desk.dialled().len(), 1, "the call is missed, and the number is no longer struck off in the store");

    let mut desk = Desk::new(rules(Strategy::TopDown));
    is_struck_off(&mut desk, Outcome::Declined);
    desk.misses("b");
    desk.wait(Span::minutes(60));
    assert!(desk.dialled().is_empty(), "who refused our call is left in peace");

    let mut desk = Desk::new(rules(Strategy::TopDown));
    is_struck_off(&mut desk, Outcome::Invalid);
    desk.input(Input::Wish(Wish::Block { number: CLIENT_NUMBER.parse().unwrap(), by: "olga".into() }));
    desk.misses("b");
    desk.wait(Span::minutes(60));
    assert!(desk.dialled().is_empty(), "nor is a number that a person has blocked since");
}

#[test]
fn a_record_of_a_call_from_before_does_not_show_that_a_number_exists() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    let early = desk.now.wall;
    is_struck_off(&mut desk, Outcome::Invalid);
    let told = |desk: &mut Desk, id: &str, ended: Wall| {
        let channel = Channel {
            id: ChannelId::new(id),
            direction: Direction::Inbound,
            user: None,
            caller: CLIENT.into(),
            name: "".into(),
            dialled: "+74951112233".into(),
            line: None,
            created: ended - Span::seconds(20),
        };
        let (cause, marks) = ("NORMAL_CLEARING".into(), Marks::default());
        let cdr = Cdr { channel, served: None, talk: Span::ZERO, ended, cause, queue: None, marks };
        desk.news(News::Cdr(Box::new(cdr)));
        desk.wait(Span::minutes(6));
        desk.dialled().len()
    };
    assert_eq!(told(&mut desk, "before", early + Span::minutes(1)), 0);
    let now = desk.now.wall;
    assert_eq!(told(&mut desk, "after", now), 1, "the daemon did not hear of it when it came");
}

fn day_spans() -> impl proptest::strategy::Strategy<Value = Vec<(u16, u16)>> {
    use proptest::prelude::*;
    proptest::collection::vec((0..1300u16, 10..700u16).prop_map(|(from, long)| (from, (from + long).min(1440))), 1..3)
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(48))]

    /// Whatever the hours and limits: a callback is dialled at the very moment that its explanation names, and no sooner.
    #[test]
    fn what_is_explained_is_what_happens(
        open in day_spans(),
        avoid in day_spans(),
        per_day in proptest::option::of(1..3u32),
        per_week in proptest::option::of(1..5u32),
    ) {
        let mut rules = polite(Manners { avoid, per_day, per_week, ..Manners::default() });
        let line = Arc::make_mut(rules.lines.get_mut("site").unwrap());
        line.calendar = Some(Arc::new(Calendar::new(TimeZone::UTC, std::array::from_fn(|_| open.clone()), [], [])));
        line.redial.attempts = 9;
        let (foreseen, mut desk) = (line.clone(), Desk::new(rules));
        desk.misses("a");
        let number = CLIENT_NUMBER.parse().unwrap();
        let forecast = desk.engine.foresee(number, &foreseen, desk.now.wall);
        let mut next = forecast.next;
        for _ in 0..6 {
            let told = desk.engine.explain(CallbackId(1), desk.now).expect("it is open");
            proptest::prop_assert_eq!(told.next, next.take().or(told.next), "the forecast was another");
            let Some(at) = told.next else { break };
            proptest::prop_assert!(!told.vetoes.is_empty());
            if at > desk.now.wall {
                desk.wait(Span(at.since(desk.now.wall).0 - 1));
                proptest::prop_assert!(desk.dialled().is_empty(), "dialled before {at:?}");
                desk.wait(Span(1));
            }
            is_busy(&mut desk);
        }
    }
}

// ---- the client first --------------------------------------------------------------------------------------------------

fn client_first(change: impl FnOnce(&mut Redial)) -> Rules {
    let mut rules = rules(Strategy::TopDown);
    let mut line = (*rules.lines["site"]).clone();
    line.redial.announce_client = Some("you called us".into());
    line.redial.client_first = Some(ClientFirst {
        wait: Span::seconds(30),
        music: "local_stream://moh".into(),
        goodbye: "nobody is free".into(),
        without_operator: 0,
    });
    change(&mut line.redial);
    rules.lines.insert("site".into(), Arc::new(line));
    rules
}

impl Desk {
    /// What is said and played on this leg and not over, as its template or its name, each with its token.
    fn sounds(&mut self, of: &ChannelId) -> Vec<(String, uuid::Uuid)> {
        self.effects(|e| match e {
            Effect::Say { leg, token, words, .. } if leg == of => Some((words.template.to_string(), *token)),
            Effect::Music { leg, token, what, .. } if leg == of => Some((what.to_string(), *token)),
            Effect::Ringback { leg, .. } if leg == of => Some(("a tone".to_owned(), uuid::Uuid::nil())),
            _ => None,
        })
    }

    fn one_sound(&mut self, of: &ChannelId) -> (String, uuid::Uuid) {
        let mut sounds = self.sounds(of);
        assert_eq!(sounds.len(), 1, "{sounds:?}");
        sounds.remove(0)
    }

    fn is_over(&mut self, id: &ChannelId, token: uuid::Uuid) {
        self.news(News::Said { id: id.clone(), token });
    }

    /// Up to the moment when a client of a client-first line hears the announcement and an operator's phone rings: the legs.
    fn holds(&mut self) -> (Originate, Originate) {
        self.misses("a");
        self.wait(Span::minutes(5));
        self.answer_channels(&[]);
        let client = self.dialled().remove(0);
        assert_eq!(client.role, Role::Client);
        self.answers(&client.leg);
        let operator = self.dialled().remove(0);
        (client, operator)
    }

    fn bridges(&mut self) -> usize {
        self.effects(|e| matches!(e, Effect::Bridge { .. }).then_some(())).len()
    }

    fn last_attempt(&self) -> AttemptRecord {
        let attempts = self.out.writes.iter().rev();
        attempts.filter_map(|w| if let Write::Attempt(at) = w { Some(at.clone()) } else { None }).next().unwrap()
    }
}

#[test]
fn the_client_first_waits_with_words_and_music_until_an_operator_is_there() {
    let mut desk = Desk::new(client_first(|_| {}));
    desk.misses("a");
    desk.wait(Span::minutes(5));
    assert!(desk.dialled().is_empty(), "the switch is asked before the client is dialled");
    let kept = desk.engine.status(desk.now).operators;
    assert_eq!(kept.iter().map(|o| o.state).collect::<Vec<_>>(), [OperatorState::Callback, OperatorState::Free]);
    desk.answer_channels(&[]);
    let client = desk.dialled();
    assert_eq!((client.len(), client[0].role), (1, Role::Client));
    assert!(client[0].park >= Span::seconds(30 + 60 + 60), "it may be parked for as long as it may have to wait");
    let client = client[0].leg.clone();
    desk.answers(&client);
    let (words, token) = desk.one_sound(&client);
    let operator = desk.dialled().remove(0);
    assert_eq!((words.as_str(), operator.role, &*operator.dial), ("you called us", Role::Operator, "user/1001"));
    desk.is_over(&client, token);
    let (music, token) = desk.one_sound(&client);
    assert_eq!(music, "local_stream://moh");
    desk.wait(Span::seconds(5));
    desk.is_over(&client, token);
    assert_eq!(desk.one_sound(&client).0, "local_stream://moh", "what ends begins anew");
    desk.answers(&operator.leg);
    assert_eq!(desk.bridges(), 0, "the operator hears who waits before");
    desk.hears_all();
    assert_eq!(desk.bridges(), 1);
    desk.news(News::Bridged(operator.leg.clone(), client.clone()));
    desk.wait(Span::seconds(40));
    desk.ends(&client, Outcome::Unknown);
    desk.ends(&operator.leg, Outcome::Unknown);
    assert_eq!(desk.closed(), Some(CloseReason::Talked));
}

#[test]
fn a_client_hears_the_announcement_out_though_the_operator_is_quick() {
    let mut desk = Desk::new(client_first(|_| {}));
    let (client, operator) = desk.holds();
    let (_, token) = desk.one_sound(&client.leg);
    desk.answers(&operator.leg);
    desk.hears_all();
    assert_eq!(desk.bridges(), 0);
    desk.is_over(&client.leg, token);
    assert_eq!((desk.bridges(), desk.sounds(&client.leg)), (1, vec![]));
}

#[test]
fn a_client_for_whom_nobody_comes_hears_a_goodbye_and_is_called_again_at_no_cost() {
    let mut desk = Desk::new(client_first(|redial| redial.attempts = 1));
    let (client, anna) = desk.holds();
    desk.wait(Span::seconds(20));
    desk.ends(&anna.leg, Outcome::NoAnswer);
    let boris = desk.dialled().remove(0);
    desk.sounds(&client.leg);
    desk.wait(Span::seconds(9));
    assert_eq!(desk.hung_up(), [], "the wait is not over");
    desk.wait(Span::seconds(1));
    assert_eq!(desk.hung_up(), std::slice::from_ref(&boris.leg));
    let (goodbye, token) = desk.one_sound(&client.leg);
    assert_eq!(goodbye, "nobody is free");
    desk.ends(&boris.leg, Outcome::Cancelled);
    assert_eq!(desk.hung_up(), [], "not before it is said");
    desk.is_over(&client.leg, token);
    assert_eq!(desk.hung_up().first(), Some(&client.leg));
    desk.ends(&client.leg, Outcome::Unknown);
    assert_eq!(desk.last_attempt().outcome, Some(Outcome::OperatorUnavailable));
    assert_eq!(desk.closed(), None, "the one attempt of the line is not spent");
    desk.wait(Span::seconds(60));
    desk.answer_channels(&[]);
    assert_eq!(desk.dialled().first().map(|leg| leg.role), Some(Role::Client));
}

#[test]
fn a_client_who_waits_may_ask_to_be_called_later() {
    let mut desk = Desk::new(client_first(|redial| redial.keys.later = Key::new('5')));
    let (client, anna) = desk.holds();
    desk.sounds(&client.leg);
    desk.news(News::Key(client.leg.clone(), Key::new('4').unwrap()));
    assert_eq!(desk.sounds(&client.leg), [], "another key means nothing");
    desk.news(News::Key(client.leg.clone(), Key::new('5').unwrap()));
    assert_eq!(desk.hung_up(), std::slice::from_ref(&anna.leg));
    let said = desk.effects(|e| match e {
        Effect::Say { token, words, .. } => Some((*token, words.facts.key.clone())),
        _ => None,
    });
    assert_eq!(said[0].1, "5", "the goodbye may tell the two apart");
    desk.ends(&anna.leg, Outcome::Cancelled);
    desk.is_over(&client.leg, said[0].0);
    desk.ends(&client.leg, Outcome::Unknown);
    assert_eq!(desk.last_attempt().outcome, Some(Outcome::Postponed));
    desk.wait(Span::minutes(29));
    assert!(desk.dialled().is_empty(), "tried again as after no answer");
    desk.wait(Span::minutes(1));
    desk.answer_channels(&[]);
    assert_eq!(desk.dialled().len(), 1);
}

#[test]
fn music_that_ends_at_once_becomes_a_tone() {
    let mut desk = Desk::new(client_first(|redial| redial.announce_client = None));
    let (client, _) = desk.holds();
    let (music, token) = desk.one_sound(&client.leg);
    assert_eq!(music, "local_stream://moh");
    desk.is_over(&client.leg, token);
    assert_eq!(desk.one_sound(&client.leg).0, "a tone");
}

#[test]
fn a_client_is_not_dialled_first_when_the_operator_who_was_free_is_not_any_more() {
    let mut desk = Desk::new(client_first(|_| {}));
    desk.input(Input::Wish(Wish::Operator { name: "boris".into(), ready: false, why: String::new() }));
    desk.misses("a");
    desk.wait(Span::minutes(5));
    desk.input(Input::Wish(Wish::Operator { name: "anna".into(), ready: false, why: String::new() }));
    desk.answer_channels(&[]);
    assert!(desk.dialled().is_empty());
    assert_eq!(desk.last_attempt().outcome, Some(Outcome::OperatorUnavailable));
    desk.input(Input::Wish(Wish::Operator { name: "anna".into(), ready: true, why: String::new() }));
    desk.wait(Span::seconds(30));
    desk.answer_channels(&[]);
    assert_eq!(desk.dialled().len(), 1);
}

#[test]
fn a_share_of_clients_may_be_dialled_while_nobody_is_free() {
    let dialled = |share: u32| {
        let mut house = client_first(|redial| redial.client_first.as_mut().unwrap().without_operator = share);
        let line = Arc::make_mut(house.lines.get_mut("site").unwrap());
        line.requested = line.redial.clone();
        Arc::make_mut(house.trunks.get_mut("provider").unwrap()).channels = 100;
        let mut desk = Desk::new(house);
        for name in ["anna", "boris"] {
            desk.input(Input::Wish(Wish::Operator { name: name.into(), ready: false, why: String::new() }));
        }
        for n in 0..100 {
            let number = format!("+7916{n:07}").parse().unwrap();
            let wish = Wish::Call { number, line: "site".into(), by: "olga".into(), list: None };
            desk.input(Input::Wish(wish));
            desk.answer_channels(&[]);
        }
        desk.wait(Span::minutes(5));
        desk.answer_channels(&[]);
        desk.dialled().len()
    };
    assert_eq!(dialled(0), 0);
    let some = dialled(30);
    assert!((15..45).contains(&some), "{some}");
}

#[test]
fn when_the_operator_who_was_kept_is_taken_another_is_before_a_second_client_is_dialled() {
    let mut desk = Desk::new(client_first(|_| {}));
    desk.misses("a");
    desk.wait(Span::minutes(5));
    desk.answer_channels(&[]);
    let first = desk.dialled().remove(0);
    let own = desk.now.wall;
    desk.news(News::Created(Channel {
        id: ChannelId::new("own"),
        direction: Direction::Outbound,
        user: Some("1001".into()),
        caller: "".into(),
        name: "".into(),
        dialled: "1001".into(),
        line: None,
        created: own,
    }));
    let line = "site".into();
    desk.input(Input::Wish(Wish::Call {
        number: "+79161234568".parse().unwrap(),
        line,
        by: "olga".into(),
        list: None,
    }));
    desk.answer_channels(&[]);
    assert!(desk.dialled().is_empty(), "boris is kept for the first one");
    desk.answers(&first.leg);
    assert_eq!(desk.dialled().first().map(|leg| &*leg.dial), Some("user/1002"));
}

#[test]
fn a_client_found_waiting_after_a_crash_is_kept_company_again() {
    let rules = || client_first(|_| {});
    let mut desk = Desk::new(rules());
    let (client, _) = desk.holds();
    let mut desk = desk.dies_and_returns(rules());
    desk.news(News::Up);
    for id in desk.asked_legs() {
        match id == client.leg {
            true => desk.stands(&id, true, None),
            false => desk.news(News::State(id, None)),
        }
    }
    desk.answer_channels(&[]);
    desk.wait(Span::seconds(31));
    for id in desk.asked_legs() {
        match id == client.leg {
            true => desk.stands(&id, true, None),
            false => desk.news(News::State(id, None)),
        }
    }
    let (music, _) = desk.one_sound(&client.leg);
    assert_eq!(music, "local_stream://moh");
    let boris = desk.dialled();
    assert_eq!(boris.first().map(|leg| &*leg.dial), Some("user/1002"), "whoever was rung before is not rung twice");
    desk.answers(&boris[0].leg);
    desk.hears_all();
    assert_eq!(desk.bridges(), 1);
}

// ---- a machine at the client's end -------------------------------------------------------------------------------------

fn wary(machine: Machine) -> Rules {
    let mut rules = rules(Strategy::TopDown);
    let mut line = (*rules.lines["site"]).clone();
    line.redial.machine = machine;
    rules.lines.insert("site".into(), Arc::new(line));
    rules
}

#[test]
fn so_short_a_talk_was_with_a_machine() {
    let (machine, talked) = (Outcome::Machine, Outcome::Talked);
    // Who hangs up first, how long they talked, how long after that the client's leg goes on, as one transferred does.
    for (operator_first, talk, after, outcome) in
        [(false, 4, 0, machine), (false, 5, 0, talked), (true, 4, 0, machine), (true, 4, 60, talked)]
    {
        let short = Machine { shorter_than: Some(Span::seconds(5)), ..Machine::default() };
        let mut desk = Desk::new(wary(short));
        let (operator, client) = desk.dials_both();
        desk.answers(&client.leg);
        desk.news(News::Bridged(operator.leg.clone(), client.leg.clone()));
        assert!(!desk.listens());
        desk.wait(Span::seconds(talk));
        if operator_first {
            desk.ends(&operator.leg, Outcome::Unknown);
            desk.wait(Span::seconds(after));
        }
        desk.ends(&client.leg, Outcome::Unknown);
        desk.ends(&operator.leg, Outcome::Unknown);
        assert_eq!(desk.last_attempt().outcome, Some(outcome), "{talk} s, {after} s");
        assert_eq!(desk.closed().is_some(), outcome == Outcome::Talked);
    }
}

impl Desk {
    fn listens(&mut self) -> bool {
        !self.effects(|e| matches!(e, Effect::Listen { .. }).then_some(())).is_empty()
    }
}

#[test]
fn a_beep_during_the_talk_is_a_machines_and_words_may_be_left_there() {
    for say in [None, Some("we called you back")] {
        let mut desk = Desk::new(wary(Machine { beep: true, say: say.map(Into::into), ..Machine::default() }));
        let (operator, client) = desk.dials_both();
        desk.answers(&client.leg);
        desk.news(News::Beep(client.leg.clone()));
        assert_eq!(desk.hung_up(), [], "not before they talk");
        desk.news(News::Bridged(operator.leg.clone(), client.leg.clone()));
        assert!(desk.listens());
        desk.news(News::CanListen(client.leg.clone()));
        assert!(desk.listens(), "the switch can");
        desk.wait(Span::seconds(10));
        desk.news(News::Beep(operator.leg.clone()));
        assert_eq!(desk.hung_up(), [], "only the client's");
        for _ in 0..2 {
            desk.news(News::Beep(client.leg.clone()));
        }
        match say {
            None => assert!(desk.hung_up().starts_with(&[operator.leg.clone(), client.leg.clone()])),
            Some(say) => {
                let parked = desk.effects(|e| match e {
                    Effect::Park { channel, .. } => Some(channel.clone()),
                    _ => None,
                });
                assert_eq!(parked, std::slice::from_ref(&client.leg));
                desk.ends(&operator.leg, Outcome::Unknown);
                desk.news(News::Parked(client.leg.clone()));
                let (words, token) = desk.one_sound(&client.leg);
                assert_eq!(words, say);
                desk.is_over(&client.leg, token);
                assert_eq!(desk.hung_up().first(), Some(&client.leg));
            }
        }
        desk.ends(&client.leg, Outcome::Unknown);
        desk.ends(&operator.leg, Outcome::Unknown);
        let attempt = desk.last_attempt();
        assert_eq!((attempt.outcome, attempt.cause.as_str()), (Some(Outcome::Machine), "a machine's beep"));
        assert_eq!(desk.closed(), None, "the client is tried again");
    }
}

#[test]
fn that_the_switch_cannot_listen_is_told_once_a_talk() {
    let mut desk = Desk::new(wary(Machine { beep: true, ..Machine::default() }));
    let (operator, client) = desk.dials_both();
    desk.answers(&client.leg);
    desk.news(News::Bridged(operator.leg, client.leg.clone()));
    desk.news(News::Refused {
        id: client.leg,
        what: Asked::Listen,
        text: "-ERR avmd Command not found!".into(),
        outcome: Outcome::Unknown,
        unregistered: false,
    });
    let alarms = desk.effects(|e| if let Effect::Alarm(alarm) = e { Some(alarm.text.clone()) } else { None });
    assert_eq!(alarms, ["no beep is listened for: -ERR avmd Command not found!"]);
    assert!(desk.hung_up().is_empty(), "they talk on");
}

// ---- recording, transfer -----------------------------------------------------------------------------------------------

fn recording(notice: Option<&str>) -> Rules {
    let mut rules = rules(Strategy::TopDown);
    let mut line = (*rules.lines["site"]).clone();
    let file = "/rec/{line}/{operator}-{callback}-{attempt}.wav".into();
    line.redial.record = Some(Recording { file, stereo: true, notice: notice.map(Into::into) });
    rules.lines.insert("site".into(), Arc::new(line));
    rules
}

impl Desk {
    fn recorded(&mut self) -> Vec<(ChannelId, String)> {
        self.effects(|e| match e {
            Effect::Record { client, file, stereo: true, .. } => Some((client.clone(), file.clone())),
            _ => None,
        })
    }
}

#[test]
fn a_talk_is_recorded_and_its_file_is_in_the_journal() {
    let mut desk = Desk::new(recording(None));
    let (operator, client) = desk.dials_both();
    desk.answers(&client.leg);
    assert_eq!(desk.recorded(), [], "not before they talk");
    desk.news(News::Bridged(operator.leg.clone(), client.leg.clone()));
    let file = "/rec/site/anna-1-1.wav";
    assert_eq!(desk.recorded(), [(client.leg.clone(), file.to_owned())]);
    assert_eq!(desk.last_attempt().recording.as_deref(), Some(file));
    desk.news(News::Refused {
        id: operator.leg.clone(),
        what: Asked::Record,
        text: "-ERR Cannot record session!".into(),
        outcome: Outcome::Unknown,
        unregistered: false,
    });
    assert_eq!(desk.last_attempt().recording, None, "what was not written is not in the journal");
    assert!(desk.hung_up().is_empty());
}

#[test]
fn a_client_whose_own_call_is_put_through_hears_of_the_recording_first() {
    let mut desk = Desk::new(recording(Some("it is recorded")));
    desk.misses("a");
    desk.wait(Span::minutes(5));
    let operator = desk.dialled().remove(0);
    desk.answers(&operator.leg);
    let call = desk.arrives("b", CLIENT);
    desk.news(News::Parked(call.clone()));
    assert_eq!(desk.bridges(), 0);
    let (words, token) = desk.one_sound(&call);
    assert_eq!(words, "it is recorded");
    desk.is_over(&call, token);
    assert_eq!(desk.bridges(), 1);
    desk.news(News::Bridged(operator.leg.clone(), call.clone()));
    assert_eq!(desk.recorded(), [(call, "/rec/site/anna-1-1.wav".to_owned())]);
}

#[test]
fn a_leg_is_written_with_the_phone_that_it_rings() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    desk.dials_both();
    let phones: Vec<_> = desk.last_attempt().legs.iter().map(|leg| leg.phone.clone()).collect();
    assert_eq!(phones, [Some("user/1001".into()), None]);
}

#[test]
fn a_talk_that_is_transferred_stays_one_row_and_names_the_colleague() {
    let mut desk = Desk::new(recording(None));
    let (operator, client) = desk.dials_both();
    desk.answers(&client.leg);
    desk.news(News::Bridged(operator.leg.clone(), client.leg.clone()));
    let free = desk.effects(|e| match e {
        Effect::LetGo { channel, .. } => Some(channel.clone()),
        _ => None,
    });
    assert_eq!(free, [operator.leg.clone(), client.leg.clone()], "a dialplan's arguments are expanded again");
    desk.wait(Span::seconds(20));
    desk.ends(&operator.leg, Outcome::Unknown);
    let colleague = ChannelId::new("boris");
    desk.news(News::Created(Channel {
        id: colleague.clone(),
        direction: Direction::Outbound,
        user: Some("1002".into()),
        caller: CLIENT.into(),
        name: "".into(),
        dialled: "1002".into(),
        line: None,
        created: desk.now.wall,
    }));
    desk.wait(Span::seconds(3));
    desk.news(News::Bridged(client.leg.clone(), colleague.clone()));
    assert_eq!(desk.last_attempt().handed_to.as_deref(), Some("boris"));
    desk.wait(Span::seconds(60));
    assert!(desk.hung_up().is_empty() && desk.closed().is_none(), "they talk on");
    desk.ends(&client.leg, Outcome::Unknown);
    desk.ends(&colleague, Outcome::Unknown);
    let attempt = desk.last_attempt();
    assert_eq!((attempt.n, attempt.operator.as_deref(), attempt.legs.len()), (1, Some("anna"), 2));
    assert_eq!((attempt.outcome, desk.closed()), (Some(Outcome::Talked), Some(CloseReason::Talked)));
}

/// The phone of the second operator, rung by the first one's.
fn colleague(desk: &mut Desk) -> ChannelId {
    let id = ChannelId::new("boris");
    desk.news(News::Created(Channel {
        id: id.clone(),
        direction: Direction::Outbound,
        user: Some("1002".into()),
        caller: "1001".into(),
        name: "".into(),
        dialled: "1002".into(),
        line: None,
        created: desk.now.wall,
    }));
    desk.wait(Span::seconds(2));
    desk.news(News::Answered(id.clone()));
    id
}

/// They talk; the operator consults the colleague on the same leg (`att_xfer`), the client waits.
fn consults() -> (Desk, ChannelId, ChannelId, ChannelId) {
    let mut desk = Desk::new(recording(None));
    let (operator, client) = desk.dials_both();
    desk.answers(&client.leg);
    desk.news(News::Bridged(operator.leg.clone(), client.leg.clone()));
    desk.wait(Span::seconds(20));
    let colleague = colleague(&mut desk);
    desk.news(News::Bridged(operator.leg.clone(), colleague.clone()));
    // A consultation that takes longer than a talk is left unlooked at.
    desk.wait(Span::seconds(70));
    for leg in desk.asked_legs() {
        let other = if leg == client.leg { &operator.leg } else { &colleague };
        desk.stands(&leg, true, Some(other));
    }
    assert!(desk.hung_up().is_empty() && desk.closed().is_none(), "nobody is let go");
    (desk, operator.leg, client.leg, colleague)
}

fn is_handed_on(desk: &mut Desk, client: &ChannelId, colleague: &ChannelId) {
    assert_eq!(desk.last_attempt().handed_to.as_deref(), Some("boris"));
    let states: Vec<_> = desk.engine.status(desk.now).operators.iter().map(|operator| operator.state).collect();
    assert_eq!(states, [OperatorState::Free, OperatorState::Busy]);
    desk.wait(Span::seconds(70));
    assert!(desk.hung_up().is_empty() && desk.closed().is_none(), "they talk on");
    desk.ends(client, Outcome::Unknown);
    desk.ends(colleague, Outcome::Unknown);
    let attempt = desk.last_attempt();
    assert_eq!((attempt.n, attempt.operator.as_deref(), attempt.legs.len()), (1, Some("anna"), 2));
    assert_eq!((attempt.outcome, desk.closed()), (Some(Outcome::Talked), Some(CloseReason::Talked)));
    let alarms = desk.effects(|e| if let Effect::Alarm(alarm) = e { Some(alarm.clone()) } else { None });
    assert_eq!(alarms, []);
}

#[test]
fn who_asks_a_colleague_first_hands_the_client_on_in_the_same_row() {
    let (mut desk, operator, client, colleague) = consults();
    assert_eq!(desk.last_attempt().handed_to, None, "they have only asked");
    desk.ends(&operator, Outcome::Unknown);
    desk.news(News::Parked(colleague.clone()));
    desk.news(News::Unbridged(operator.clone(), colleague.clone()));
    desk.news(News::Bridged(colleague.clone(), client.clone()));
    desk.wait(Span::seconds(15));
    is_handed_on(&mut desk, &client, &colleague);
}

#[test]
fn a_colleague_who_does_not_take_the_client_is_not_named() {
    let (mut desk, operator, client, colleague) = consults();
    desk.ends(&colleague, Outcome::Unknown);
    desk.news(News::Unbridged(operator.clone(), colleague));
    desk.news(News::Bridged(operator.clone(), client.clone()));
    desk.wait(Span::seconds(30));
    assert!(desk.hung_up().is_empty(), "they talk on");
    desk.ends(&client, Outcome::Unknown);
    desk.ends(&operator, Outcome::Unknown);
    assert_eq!((desk.last_attempt().handed_to, desk.closed()), (None, Some(CloseReason::Talked)));
}

#[test]
fn a_client_who_leaves_while_the_operator_asks_a_colleague_was_talked_with() {
    let (mut desk, operator, client, colleague) = consults();
    desk.ends(&client, Outcome::Unknown);
    desk.wait(Span::seconds(40));
    assert!(desk.hung_up().is_empty(), "the operator and the colleague talk on");
    desk.ends(&operator, Outcome::Unknown);
    desk.ends(&colleague, Outcome::Unknown);
    assert_eq!((desk.last_attempt().handed_to, desk.closed()), (None, Some(CloseReason::Talked)));
}

#[test]
fn who_calls_a_colleague_and_joins_the_two_calls_hands_the_client_on_in_the_same_row() {
    let mut desk = Desk::new(recording(None));
    let (operator, client) = desk.dials_both();
    desk.answers(&client.leg);
    desk.news(News::Bridged(operator.leg.clone(), client.leg.clone()));
    desk.wait(Span::seconds(20));
    let own = ChannelId::new("own");
    desk.news(News::Created(Channel {
        id: own.clone(),
        direction: Direction::Inbound,
        user: Some("1001".into()),
        caller: "1001".into(),
        name: "".into(),
        dialled: "1002".into(),
        line: None,
        created: desk.now.wall,
    }));
    let colleague = colleague(&mut desk);
    desk.news(News::Bridged(own.clone(), colleague.clone()));
    desk.wait(Span::seconds(5));
    // A REFER with Replaces.
    desk.news(News::Unbridged(own.clone(), colleague.clone()));
    desk.ends(&own, Outcome::Unknown);
    desk.news(News::Unbridged(operator.leg.clone(), client.leg.clone()));
    desk.ends(&operator.leg, Outcome::Unknown);
    desk.news(News::Bridged(client.leg.clone(), colleague.clone()));
    desk.wait(Span::seconds(15));
    is_handed_on(&mut desk, &client.leg, &colleague);
}

#[test]
fn who_has_handed_the_client_on_is_free_though_the_switch_still_lists_their_channel() {
    let (mut desk, operator, client, colleague) = consults();
    desk.ends(&operator, Outcome::Unknown);
    desk.news(News::Bridged(colleague.clone(), client.clone()));
    let mut desk = desk.dies_and_returns(recording(None));
    desk.news(News::Up);
    let channel = |id: &ChannelId, user: &str| Channel {
        id: id.clone(),
        direction: Direction::Outbound,
        user: Some(user.into()),
        caller: "".into(),
        name: "".into(),
        dialled: user.into(),
        line: None,
        created: desk.now.wall,
    };
    let listed = [channel(&operator, "1001"), channel(&colleague, "1002")];
    desk.answer_channels(&listed);
    desk.wait(Span::seconds(15));
    let states: Vec<_> = desk.engine.status(desk.now).operators.iter().map(|operator| operator.state).collect();
    assert_eq!(states, [OperatorState::Free, OperatorState::Busy]);
}

#[test]
fn a_trunk_that_has_cost_what_it_may_this_month_rests_until_the_next_whatever_restarts() {
    let mut house = rules(Strategy::TopDown);
    let price = Price { per_minute: Amount(20_000), currency: "RUB".into(), billing: Span::seconds(60) };
    let trunk = Arc::make_mut(house.trunks.get_mut("provider").unwrap());
    (trunk.price, trunk.cap) = (Some(price), Some(Cap { a_month: Amount(30_000), zone: TimeZone::UTC }));
    let mut line = (*house.lines["site"]).clone();
    line.redial.expire = Span::minutes(40 * 24 * 60);
    house.lines.insert("site".into(), Arc::new(line));
    let mut desk = Desk::new(house.clone());
    let talk = |desk: &mut Desk, id: &str| {
        desk.misses(id);
        desk.wait(Span::minutes(5));
        desk.listens_and_talks(Span::seconds(50));
        desk.wait(Span::seconds(20));
    };
    let alarms = |desk: &mut Desk| {
        desk.effects(|e| match e {
            Effect::Alarm(alarm) if alarm.kind == AlarmKind::Cap => Some(alarm.text.clone()),
            _ => None,
        })
    };
    talk(&mut desk, "a");
    assert!(alarms(&mut desk).is_empty(), "2.00 of 3.00");
    talk(&mut desk, "b");
    assert_eq!(
        alarms(&mut desk),
        ["trunk provider has cost 4.00 of 3.00 this month: nobody is dialled over it any more"]
    );
    let mut desk = desk.dies_and_returns(house);
    desk.news(News::Up);
    desk.answer_channels(&[]);
    desk.misses("c");
    desk.wait(Span::minutes(24 * 60));
    assert!(desk.dialled().is_empty());
    let told = desk.engine.explain(CallbackId(3), desk.now).expect("it is open");
    assert_eq!(told.vetoes, [Veto::NotDue, Veto::Spent]);
    assert_eq!(told.next.map(|at| at.timestamp().to_string()).as_deref(), Some("2026-12-01T00:00:00Z"));
    // The miss was on 2026-11-18; December is a month of its own.
    desk.wait(Span::minutes(14 * 24 * 60));
    assert_eq!(desk.dialled().len(), 1);
}

// ---- what operators see and say -------------------------------------------------------------------------------------

/// What these operators' pages are shown, in order: whose phone, what it does, and the callback.
fn shown(desk: &mut Desk) -> Vec<(Vec<String>, Moment, Option<u64>)> {
    desk.effects(|effect| match effect {
        Effect::Notice(Notice::AtOperator { operators, moment, client }) => {
            let callback = match client.as_deref() {
                Some(Client::Callback(record)) => Some(record.id.0),
                Some(Client::Call(_)) | None => None,
            };
            Some((operators.iter().map(ToString::to_string).collect(), *moment, callback))
        }
        _ => None,
    })
}

fn view(desk: &Desk, name: &str) -> OperatorView {
    desk.engine.status(desk.now).operators.into_iter().find(|view| &*view.name == name).unwrap()
}

/// The rows of a callback as a store has them.
fn stored(desk: &Desk, id: u64) -> CallbackStory {
    let mut rows = Memory::new(7, Wall::default());
    rows.commit(&desk.out.writes).unwrap();
    rows.callback(CallbackId(id)).unwrap()
}

/// An operator says of the last talk of a callback, as it is stored, that it was a machine.
fn says_machine(desk: &mut Desk, id: u64) {
    let CallbackStory { callback, mut attempts } = stored(desk, id);
    let closed = (!callback.is_open()).then(|| Box::new((callback, attempts.pop().unwrap())));
    desk.input(Input::Wish(Wish::Machine { callback: CallbackId(id), by: "anna".to_owned(), closed }));
}

#[test]
fn a_page_shows_the_client_in_the_step_in_which_the_operator_answers_and_before_the_client_is_dialled() {
    let mut desk = Desk::new(rules(Strategy::RingAll));
    desk.misses("a");
    desk.wait(Span::minutes(5));
    let both = || vec!["anna".to_owned(), "boris".to_owned()];
    assert_eq!(shown(&mut desk), [(both(), Moment::Rings, Some(1))]);
    let rung = desk.dialled();
    desk.out.effects.clear();
    desk.news(News::Answered(rung[0].leg.clone()));
    let picture = desk.out.effects.iter().find_map(|effect| match effect {
        Effect::Notice(Notice::AtOperator { moment: Moment::Answered, client, operators, .. }) => {
            Some((operators.clone(), client.clone()))
        }
        _ => None,
    });
    let Some((operators, Some(client))) = picture else { panic!("nothing is shown: {:?}", desk.out.effects) };
    assert_eq!(operators, ["anna".into()]);
    let Client::Callback(record) = *client else { panic!("{client:?}") };
    assert_eq!((record.number.to_string().as_str(), &*record.line, record.misses), (CLIENT_NUMBER, "site", 1));
    assert!(desk.dialled().is_empty());
    desk.news(News::Parked(rung[0].leg.clone()));
    desk.ends(&rung[1].leg, Outcome::Unknown);
    desk.hears_all();
    desk.answer_channels(&[]);
    let client = desk.dialled().remove(0);
    desk.answers(&client.leg);
    desk.news(News::Bridged(rung[0].leg.clone(), client.leg.clone()));
    assert_eq!(view(&desk, "anna").moment, Some(Moment::Talks));
    desk.ends(&client.leg, Outcome::Unknown);
    desk.ends(&rung[0].leg, Outcome::Unknown);
    let anna = || vec!["anna".to_owned()];
    let boris = vec!["boris".to_owned()];
    assert_eq!(
        shown(&mut desk),
        [
            (anna(), Moment::Answered, Some(1)),
            (boris, Moment::Over, Some(1)),
            (anna(), Moment::Talks, Some(1)),
            (anna(), Moment::Over, Some(1)),
        ]
    );
    assert_eq!(view(&desk, "anna").moment, None);
}

#[test]
fn an_operator_is_away_for_a_reason_and_a_restart_remembers_it() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    let says = |ready, why: &str| Input::Wish(Wish::Operator { name: "anna".into(), ready, why: why.to_owned() });
    desk.input(says(false, "обед"));
    desk.wait(Span::minutes(1));
    let away = view(&desk, "anna");
    assert_eq!((away.state, &*away.why), (OperatorState::Away, "обед"));
    // Dialled once more without a word, the reason stays; another one begins anew.
    desk.news(News::Feature { user: "1001".into(), ready: false });
    assert_eq!(view(&desk, "anna"), away);
    desk.input(says(false, "учёба"));
    assert_eq!((&*view(&desk, "anna").why, view(&desk, "anna").since), ("учёба", desk.now.wall));
    let mut desk = desk.dies_and_returns(rules(Strategy::TopDown));
    assert_eq!((&*view(&desk, "anna").why, view(&desk, "anna").ready), ("учёба", false));
    desk.wait(Span::seconds(1));
    desk.out.effects.clear();
    desk.input(says(true, ""));
    assert_eq!((&*view(&desk, "anna").why, view(&desk, "anna").state), ("", OperatorState::Free));
    let told = desk.effects(|effect| match effect {
        Effect::Notice(Notice::Operator(view)) => Some(view.ready),
        _ => None,
    });
    assert_eq!(told, [true]);
}

#[test]
fn who_does_not_answer_is_away_with_that_for_a_reason() {
    let mut rules = rules(Strategy::TopDown);
    let anna = Arc::make_mut(rules.operators.get_mut("anna").unwrap());
    (anna.away_after, anna.no_answer_pause) = (Some(1), Span::ZERO);
    let mut desk = Desk::new(rules);
    desk.misses("a");
    desk.wait(Span::minutes(5));
    let leg = desk.dialled().remove(0).leg;
    desk.ends(&leg, Outcome::NoAnswer);
    assert_eq!((view(&desk, "anna").state, &*view(&desk, "anna").why), (OperatorState::Away, "unanswered"));
}

#[test]
fn a_pause_after_a_talk_is_ended_or_made_longer_by_the_operator_and_a_restart_keeps_it() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    desk.misses("a");
    desk.wait(Span::minutes(5));
    desk.listens_and_talks(Span::seconds(30));
    let ends = desk.now.wall + Span::seconds(10);
    assert_eq!((view(&desk, "anna").state, view(&desk, "anna").pause), (OperatorState::WrapUp, Some(ends)));
    let longer = desk.now.wall + Span::minutes(3);
    desk.input(Input::Wish(Wish::WrapUp { name: "anna".into(), until: longer }));
    desk.wait(Span::seconds(90));
    assert_eq!((view(&desk, "anna").state, view(&desk, "anna").pause), (OperatorState::WrapUp, Some(longer)));
    let mut desk = desk.dies_and_returns(rules(Strategy::TopDown));
    assert_eq!((view(&desk, "anna").state, view(&desk, "anna").pause), (OperatorState::WrapUp, Some(longer)));
    desk.input(Input::Wish(Wish::Operator { name: "anna".into(), ready: true, why: String::new() }));
    assert_eq!((view(&desk, "anna").state, view(&desk, "anna").pause), (OperatorState::Free, None));
    // An hour is the most.
    desk.input(Input::Wish(Wish::WrapUp { name: "anna".into(), until: desk.now.wall + Span::minutes(600) }));
    assert_eq!(view(&desk, "anna").pause, Some(desk.now.wall + Span::minutes(60)));
    desk.wait(Span::minutes(60));
    let told = desk.effects(|effect| match effect {
        Effect::Notice(Notice::Operator(view)) => Some(view.state),
        _ => None,
    });
    assert_eq!(told.last(), Some(&OperatorState::Free), "its end is told");
}

#[test]
fn a_word_after_the_talk_says_that_a_machine_answered_and_the_client_is_tried_again() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    desk.misses("a");
    desk.wait(Span::minutes(5));
    desk.listens_and_talks(Span::seconds(30));
    assert_eq!(desk.closed(), Some(CloseReason::Talked));
    desk.wait(Span::minutes(2));
    says_machine(&mut desk, 1);
    let story = stored(&desk, 1);
    let last = story.attempts.last().unwrap();
    assert_eq!((last.outcome, &*last.cause), (Some(Outcome::Machine), "anna says that a machine answered"));
    assert_eq!(story.callback.due, desk.now.wall + Span::minutes(30), "as after no answer");
    // Said twice it is said once.
    says_machine(&mut desk, 1);
    assert_eq!(stored(&desk, 1).callback, story.callback);
    desk.wait(Span::minutes(30));
    desk.listens_and_talks(Span::seconds(30));
    assert_eq!(stored(&desk, 1).attempts.len(), 2);
    says_machine(&mut desk, 1);
    desk.wait(Span::minutes(30));
    desk.listens_and_talks(Span::seconds(30));
    says_machine(&mut desk, 1);
    assert_eq!(desk.closed(), Some(CloseReason::AttemptsSpent), "the line allows three");
}

#[test]
fn a_word_during_the_talk_ends_it_and_one_while_the_legs_end_counts_as_well() {
    for parted in [false, true] {
        let mut desk = Desk::new(rules(Strategy::TopDown));
        desk.misses("a");
        desk.wait(Span::minutes(5));
        let (operator, client) = desk.listens_and_dials();
        desk.answers(&client.leg);
        desk.news(News::Bridged(operator.leg.clone(), client.leg.clone()));
        desk.wait(Span::seconds(8));
        if parted {
            desk.ends(&client.leg, Outcome::Unknown);
        }
        says_machine(&mut desk, 1);
        if !parted {
            assert_eq!(desk.hung_up(), [operator.leg.clone(), client.leg.clone()]);
            desk.ends(&client.leg, Outcome::Unknown);
        }
        desk.ends(&operator.leg, Outcome::Unknown);
        assert_eq!(stored(&desk, 1).attempts[0].outcome, Some(Outcome::Machine), "{parted}");
        assert_eq!(desk.closed(), None);
        desk.wait(Span::minutes(30));
        assert_eq!(desk.dialled().len(), 1, "{parted}");
    }
}

#[test]
fn a_talk_that_was_a_machines_opens_nothing_beside_another_callback_nor_for_a_blocked_number() {
    for blocked in [false, true] {
        let mut desk = Desk::new(rules(Strategy::TopDown));
        desk.misses("a");
        desk.wait(Span::minutes(5));
        desk.listens_and_talks(Span::seconds(30));
        match blocked {
            true => {
                let number = CLIENT_NUMBER.parse().unwrap();
                desk.input(Input::Wish(Wish::Block { number, by: "anna".to_owned() }));
            }
            false => desk.misses("b"),
        }
        says_machine(&mut desk, 1);
        assert_eq!(stored(&desk, 1).attempts[0].outcome, Some(Outcome::Machine));
        assert!(!stored(&desk, 1).callback.is_open());
        assert_eq!(desk.engine.status(desk.now).callbacks.len(), usize::from(!blocked));
    }
}

fn asks_again(desk: &mut Desk, at: Wall) {
    let number = CLIENT_NUMBER.parse().unwrap();
    let by = "anna".to_owned();
    desk.input(Input::Wish(Wish::CallAgain { number, line: "site".into(), at, by }));
}

#[test]
fn a_client_who_names_a_time_in_the_talk_is_called_then_and_what_they_were_missed_with_is_closed() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    desk.misses("a");
    desk.wait(Span::minutes(5));
    let (operator, client) = desk.listens_and_dials();
    desk.answers(&client.leg);
    desk.news(News::Bridged(operator.leg.clone(), client.leg.clone()));
    let at = desk.now.wall + Span::minutes(90);
    asks_again(&mut desk, at);
    desk.wait(Span::seconds(30));
    desk.ends(&client.leg, Outcome::Unknown);
    desk.ends(&operator.leg, Outcome::Unknown);
    assert_eq!(desk.closed(), Some(CloseReason::Talked));
    let again = stored(&desk, 2).callback;
    assert_eq!((again.due, again.origin), (at, Origin::ByHand { by: "anna".to_owned() }));
    desk.wait(Span::minutes(88));
    assert!(desk.dialled().is_empty());
    desk.wait(Span::minutes(2));
    assert_eq!(desk.dialled().len(), 1);
}

#[test]
fn a_time_that_was_named_counts_more_than_the_rules_of_retries() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    desk.misses("a");
    desk.wait(Span::minutes(5));
    let (operator, client) = desk.listens_and_dials();
    let at = desk.now.wall + Span::minutes(120);
    asks_again(&mut desk, at);
    desk.ends(&client.leg, Outcome::NoAnswer);
    desk.hears_all();
    desk.ends(&operator.leg, Outcome::Unknown);
    assert_eq!(stored(&desk, 1).callback.due, at);
    desk.wait(Span::minutes(119));
    assert!(desk.dialled().is_empty());
    desk.wait(Span::minutes(1));
    assert_eq!(desk.dialled().len(), 1);
}

#[test]
fn the_end_of_the_call_in_which_a_time_was_named_does_not_take_it_off_and_a_later_call_does() {
    let mut desk = Desk::new(rules(Strategy::TopDown));
    let call = desk.arrives("a", CLIENT);
    desk.news(News::Bridged(call.clone(), ChannelId::new("somebody")));
    desk.wait(Span::minutes(1));
    let at = desk.now.wall + Span::minutes(60);
    asks_again(&mut desk, at);
    desk.wait(Span::minutes(1));
    desk.ends(&call, Outcome::Unknown);
    assert_eq!((desk.closed(), stored(&desk, 1).callback.due), (None, at));
    desk.wait(Span::minutes(10));
    let later = desk.arrives("b", CLIENT);
    desk.news(News::Bridged(later.clone(), ChannelId::new("somebody")));
    desk.wait(Span::minutes(1));
    desk.ends(&later, Outcome::Unknown);
    assert_eq!(desk.closed(), Some(CloseReason::ClientCalled { call: later }));
}

#[test]
fn who_calls_a_client_from_the_list_is_rung_themselves_and_has_no_pause_any_more() {
    let mut rules = rules(Strategy::TopDown);
    Arc::make_mut(rules.lines.get_mut("site").unwrap()).redial.mode = Mode::ByHand;
    let mut desk = Desk::new(rules);
    desk.misses("a");
    desk.wait(Span::minutes(30));
    assert!(desk.dialled().is_empty(), "nobody has said so");
    desk.input(Input::Wish(Wish::WrapUp { name: "boris".into(), until: desk.now.wall + Span::minutes(5) }));
    desk.input(Input::Wish(Wish::Dial { callback: CallbackId(1), operator: Some("boris".into()) }));
    let rung = desk.dialled();
    assert_eq!(rung.iter().map(|leg| &*leg.dial).collect::<Vec<_>>(), ["user/1002"]);
    // In vain: then the others.
    desk.ends(&rung[0].leg, Outcome::NoAnswer);
    assert_eq!(&*desk.dialled()[0].dial, "user/1001");
}
