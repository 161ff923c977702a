//! The queue by hand: clients whom the dialplan gives to us, one short story a test.

mod desk;

use desk::{CLIENT, CLIENT_NUMBER, Desk, rules};
use perezvon::engine::{
    effect::{AlarmKind, Client, Effect, Moment, Notice, Originate},
    input::{Asked, Cdr, Channel, Direction, Given, Input, News, Wish},
    record::{CallRecord, CallbackState, ChannelId, CloseReason, Left, Marks, Origin, Outcome, Role, Write},
    rules::{Announce, Group, Heard, Key, Line, Queue, QueueWords, Recording, Rules, Strategy, Then, Way},
    time::Span,
};
use std::sync::Arc;

const OTHER: &str = "79161234568";
const GREETING: &str = "welcome";
const PLACE: &str = "{{ position }} {{ wait }}";

/// One line with a queue that speaks, and two operators.
fn shop() -> Rules {
    let words = |text: &str| Arc::<str>::from(text);
    let queue = Queue {
        greeting: Some(Heard::Text(words(GREETING))),
        words: QueueWords {
            place: words(PLACE),
            confirm: words("call {{ number }}?"),
            type_number: words("type it"),
            no_number: words("no number"),
            thanks: words("thanks"),
            voicemail: words("after the tone"),
            goodbye: words("goodbye"),
        },
        keys: vec![
            (Key::new('1').unwrap(), Way::to(Then::CallBack)),
            (Key::new('2').unwrap(), Way::to(Then::Voicemail)),
        ],
        ..Queue::default()
    };
    with_queue(rules(Strategy::TopDown), queue)
}

fn with_queue(mut rules: Rules, queue: Queue) -> Rules {
    let line = rules.lines.get_mut("site").unwrap();
    *line = Arc::new(Line { queue, ..(**line).clone() });
    rules
}

fn changed(rules: Rules, change: impl FnOnce(&mut Queue)) -> Rules {
    let mut queue = rules.lines["site"].queue.clone();
    change(&mut queue);
    with_queue(rules, queue)
}

trait Queues {
    fn gives(&mut self, id: &str, from: &str) -> ChannelId;
    fn hears(&mut self) -> Vec<String>;
    fn plays(&mut self) -> Vec<String>;
    fn end_of_words(&mut self, id: &ChannelId);
    fn joined(&mut self) -> Vec<(ChannelId, ChannelId)>;
    fn talks(&mut self, operator: &Originate, caller: &ChannelId);
    fn row(&self, id: &ChannelId) -> CallRecord;
    fn presses(&mut self, id: &ChannelId, keys: &str);
    fn rung(&mut self) -> Vec<String>;
}

impl Queues for Desk {
    /// The dialplan gives a client who calls now.
    fn gives(&mut self, id: &str, from: &str) -> ChannelId {
        let id = ChannelId::new(id);
        let channel = Channel {
            id: id.clone(),
            direction: Direction::Inbound,
            user: None,
            caller: from.into(),
            name: "".into(),
            dialled: "+74951112233".into(),
            line: None,
            created: self.now.wall,
        };
        self.news(News::Given(Box::new(Given { channel, answered: false, marks: Marks::default() })));
        id
    }

    /// What is said, with what it is said of.
    fn hears(&mut self) -> Vec<String> {
        self.effects(|effect| match effect {
            Effect::Say { words, .. } => {
                let facts = &words.facts;
                Some(match &*words.template {
                    PLACE => format!("{} {}", facts.position, facts.wait),
                    text => text.replace("{{ number }}", &facts.number),
                })
            }
            _ => None,
        })
    }

    fn plays(&mut self) -> Vec<String> {
        self.effects(|effect| match effect {
            Effect::Music { what, .. } => Some(what.to_string()),
            _ => None,
        })
    }

    /// The last thing that this caller was told is over; it stays among the effects.
    fn end_of_words(&mut self, id: &ChannelId) {
        let token = self.out.effects.iter().rev().find_map(|effect| match effect {
            Effect::Say { leg, token, .. } | Effect::Music { leg, token, .. } if leg == id => Some(*token),
            Effect::TakeMessage { channel, token, .. } if channel == id => Some(*token),
            _ => None,
        });
        self.news(News::Said { id: id.clone(), token: token.expect("something is said") });
    }

    fn joined(&mut self) -> Vec<(ChannelId, ChannelId)> {
        self.effects(|effect| match effect {
            Effect::Bridge { operator, client, .. } => Some((operator.clone(), client.clone())),
            _ => None,
        })
    }

    /// The operator answers, the two are joined.
    fn talks(&mut self, operator: &Originate, caller: &ChannelId) {
        self.answers(&operator.leg);
        assert_eq!(self.joined(), [(operator.leg.clone(), caller.clone())]);
        self.news(News::Bridged(operator.leg.clone(), caller.clone()));
    }

    fn row(&self, id: &ChannelId) -> CallRecord {
        let rows = self.out.writes.iter().rev();
        rows.filter_map(|write| match write {
            Write::Call(call) if call.id == *id => Some(call.clone()),
            _ => None,
        })
        .next()
        .expect("the call is in the journal")
    }

    fn presses(&mut self, id: &ChannelId, keys: &str) {
        keys.chars().for_each(|sign| self.news(News::Key(id.clone(), Key::new(sign).unwrap())));
    }

    fn rung(&mut self) -> Vec<String> {
        self.dialled().into_iter().map(|leg| leg.dial.to_string()).collect()
    }
}

fn left(row: &CallRecord) -> Option<Left> {
    row.queue.as_ref().and_then(|queue| queue.left)
}

#[test]
fn a_client_is_answered_greeted_and_joined_with_the_first_operator_who_answers() {
    let mut desk = Desk::new(shop());
    let caller = desk.gives("a", CLIENT);
    let answered = desk.effects(|effect| match effect {
        Effect::Answer { channel, .. } => Some(channel.clone()),
        _ => None,
    });
    assert_eq!(answered, std::slice::from_ref(&caller));
    assert_eq!(desk.hears(), [GREETING]);
    let operator = desk.dialled().remove(0);
    assert_eq!((operator.role, &*operator.dial), (Role::Operator, "user/1001"));
    assert_eq!(operator.shown.map(|n| n.to_string()).as_deref(), Some(CLIENT_NUMBER));
    desk.wait(Span::seconds(4));
    desk.talks(&operator, &caller);
    desk.wait(Span::seconds(60));
    desk.ends(&caller, Outcome::Unknown);
    desk.ends(&operator.leg, Outcome::Unknown);
    let row = desk.row(&caller);
    assert_eq!((row.operator.as_deref(), left(&row), row.missed), (Some("anna"), Some(Left::Served), Some(false)));
    assert_eq!((row.waited, row.talk), (Span::seconds(4), Span::seconds(60)));
    assert!(desk.closed().is_none() && desk.engine.status(desk.now).callbacks.is_empty());
}

#[test]
fn an_offer_that_comes_to_nothing_goes_to_the_next_and_the_client_hears_music_all_the_time() {
    let mut desk = Desk::new(shop());
    let caller = desk.gives("a", CLIENT);
    desk.end_of_words(&caller);
    assert_eq!(desk.plays(), ["local_stream://moh"]);
    let first = desk.dialled().remove(0);
    desk.wait(Span::seconds(20));
    desk.effects(|e| matches!(e, Effect::Say { .. } | Effect::Music { .. }).then_some(()));
    desk.ends(&first.leg, Outcome::NoAnswer);
    let second = desk.dialled().remove(0);
    assert_eq!(&*second.dial, "user/1002");
    assert!(desk.hears().is_empty() && desk.plays().is_empty());
    desk.talks(&second, &caller);
    assert_eq!(desk.row(&caller).operator.as_deref(), Some("boris"));
}

#[test]
fn callers_are_served_in_their_order_and_hear_a_place_only_when_it_is_better() {
    let mut desk = Desk::new(shop());
    let callers = ["a", "b", "c", "d"].map(|id| {
        desk.wait(Span::seconds(1));
        desk.gives(id, &format!("7916123456{}", id.as_bytes()[0] - b'a'))
    });
    let (anna, boris) = {
        let mut legs = desk.dialled();
        assert_eq!(legs.len(), 2, "two operators, two phones");
        let boris = legs.remove(1);
        (legs.remove(0), boris)
    };
    desk.talks(&anna, &callers[0]);
    desk.talks(&boris, &callers[1]);
    callers[2..].iter().for_each(|id| desk.end_of_words(id));
    desk.hears();
    desk.wait(Span::seconds(20));
    assert_eq!(desk.hears(), ["1 0", "2 0"], "nobody knows yet how long a talk lasts");
    desk.wait(Span::seconds(60)); // the end of the words is not told: music all the same
    desk.wait(Span::seconds(50));
    assert!(desk.hears().is_empty(), "no better place than before");
    desk.ends(&callers[0], Outcome::Unknown);
    desk.ends(&anna.leg, Outcome::Unknown);
    desk.wait(Span::seconds(10));
    let next = desk.dialled().remove(0);
    desk.talks(&next, &callers[2]);
    desk.wait(Span::seconds(45));
    assert_eq!(desk.hears(), ["1 0"], "the last one has moved up");
}

#[test]
fn while_an_operator_is_rung_for_them_nothing_is_said() {
    let mut desk = Desk::new(changed(shop(), |queue| {
        queue.greeting = None;
        queue.announce = Announce { first: Span::seconds(5), ..queue.announce.clone() };
    }));
    let caller = desk.gives("a", CLIENT);
    let operator = desk.dialled().remove(0);
    (0..4).for_each(|_| desk.wait(Span::seconds(4)));
    assert!(desk.hears().is_empty());
    desk.talks(&operator, &caller);
}

#[test]
fn a_page_shows_the_caller_of_the_queue() {
    let mut desk = Desk::new(shop());
    let caller = desk.gives("a", CLIENT);
    let anna = desk.dialled().remove(0);
    desk.talks(&anna, &caller);
    desk.wait(Span::seconds(30));
    desk.ends(&caller, Outcome::Unknown);
    desk.ends(&anna.leg, Outcome::Unknown);
    let shown = desk.effects(|effect| match effect {
        Effect::Notice(Notice::AtOperator { operators, moment, client }) => {
            let number = match client.as_deref() {
                Some(Client::Call(call)) => call.number.map(|number| number.to_string()),
                Some(Client::Callback(_)) | None => None,
            };
            Some((operators.len(), *moment, number))
        }
        _ => None,
    });
    let number = || Some(CLIENT_NUMBER.to_owned());
    // That a caller who is gone has left the operator too is told by the end of their call.
    let wanted = [
        (1, Moment::Rings, number()),
        (1, Moment::Answered, number()),
        (1, Moment::Talks, number()),
        (1, Moment::Over, None),
    ];
    assert_eq!(shown, wanted);
}

#[test]
fn who_hangs_up_is_missed_and_called_back_and_who_calls_again_soon_has_the_old_place() {
    let mut desk = Desk::new(shop());
    desk.input(Input::Wish(Wish::Operator { name: "boris".into(), ready: false, why: String::new() }));
    let first = desk.gives("a", OTHER);
    let anna = desk.dialled().remove(0);
    desk.talks(&anna, &first);
    let second = desk.gives("b", CLIENT);
    desk.wait(Span::seconds(30));
    let third = desk.gives("c", "79161234569");
    desk.ends(&second, Outcome::Unknown);
    let row = desk.row(&second);
    assert_eq!((left(&row), row.missed), (Some(Left::Abandoned), Some(true)));
    assert!(row.callback.is_some());
    desk.wait(Span::seconds(60));
    let again = desk.gives("d", CLIENT);
    desk.ends(&first, Outcome::Unknown);
    desk.ends(&anna.leg, Outcome::Unknown);
    desk.wait(Span::seconds(10));
    let next = desk.dialled().remove(0);
    desk.talks(&next, &again);
    desk.wait(Span::seconds(10));
    desk.ends(&again, Outcome::Unknown);
    assert_eq!(desk.closed(), Some(CloseReason::ClientCalled { call: again }));
    assert!(left(&desk.row(&third)).is_none());
}

#[test]
fn a_key_keeps_the_place_for_a_callback_at_a_number_that_is_confirmed() {
    let mut desk = Desk::new(shop());
    desk.input(Input::Wish(Wish::Operator { name: "boris".into(), ready: false, why: String::new() }));
    let first = desk.gives("a", OTHER);
    let anna = desk.dialled().remove(0);
    desk.talks(&anna, &first);
    let caller = desk.gives("b", CLIENT);
    let since = desk.now.wall;
    desk.wait(Span::seconds(5));
    let later = desk.gives("c", "79161234569");
    desk.hears();
    desk.presses(&caller, "1");
    assert_eq!(desk.hears(), [format!("call {CLIENT_NUMBER}?")]);
    desk.presses(&caller, "2");
    assert_eq!(desk.hears(), ["type it"]);
    desk.presses(&caller, "89161230000#");
    assert_eq!(desk.hears(), ["call +79161230000?"]);
    desk.presses(&caller, "1");
    desk.wait(Span::seconds(4));
    assert_eq!(desk.out.effects.iter().filter(|e| matches!(e, Effect::Hangup { .. })).count(), 0);
    desk.end_of_words(&caller);
    assert!(desk.hung_up().contains(&caller));
    desk.ends(&caller, Outcome::Unknown);
    let row = desk.row(&caller);
    assert_eq!((left(&row), row.missed), (Some(Left::CallBack), Some(true)));
    let status = desk.engine.status(desk.now);
    assert_eq!(status.callbacks.len(), 1, "the number that was typed, not the one that called");
    let callback = &status.callbacks[0];
    assert_eq!((callback.number.to_string().as_str(), callback.opened), ("+79161230000", since));
    assert_eq!(callback.origin, Origin::Queue { call: caller });
    assert_eq!(row.callback, Some(callback.id));
    // Its place comes before the caller who waits on the line since later.
    desk.ends(&first, Outcome::Unknown);
    desk.ends(&anna.leg, Outcome::Unknown);
    desk.wait(Span::seconds(10));
    let rung = desk.dialled();
    assert_eq!(rung.len(), 1);
    assert_eq!(rung[0].of.callback(), Some(callback.id));
    assert!(left(&desk.row(&later)).is_none());
}

#[test]
fn no_number_that_costs_extra_or_is_of_another_country_may_be_typed() {
    for typed in ["810442071234567#", "88095551234#", "112#", "#"] {
        let mut desk = Desk::new(shop());
        desk.input(Input::Wish(Wish::Operator { name: "boris".into(), ready: false, why: String::new() }));
        let first = desk.gives("a", OTHER);
        let anna = desk.dialled().remove(0);
        desk.talks(&anna, &first);
        let caller = desk.gives("b", "anonymous");
        desk.hears();
        desk.presses(&caller, "1");
        assert_eq!(desk.hears(), ["type it"], "there is no number to confirm");
        desk.presses(&caller, typed);
        assert_eq!(desk.hears(), ["no number"], "{typed}");
        assert!(desk.engine.status(desk.now).callbacks.is_empty());
    }
}

#[test]
fn a_message_is_taken_and_the_client_is_called_back() {
    let mut desk = Desk::new(shop());
    let caller = desk.gives("a", CLIENT);
    desk.dialled();
    desk.hears();
    desk.presses(&caller, "2");
    assert_eq!(desk.hears(), ["after the tone"]);
    let files = desk.effects(|effect| match effect {
        Effect::TakeMessage { file, token, .. } => Some((file.clone(), *token)),
        _ => None,
    });
    let (file, token) = files[0].clone();
    assert!(file.ends_with("-a.wav"), "{file}");
    desk.news(News::Said { id: caller.clone(), token });
    assert_eq!(desk.hears(), ["goodbye"]);
    desk.ends(&caller, Outcome::Unknown);
    let row = desk.row(&caller);
    assert_eq!((left(&row), row.missed), (Some(Left::Key), Some(true)));
    assert_eq!(row.queue.unwrap().voicemail, Some(file));
}

#[test]
fn each_reason_not_to_wait_goes_where_the_line_says() {
    let say = |text: &str, then: Then, callback: bool| Way { say: Some(Heard::Text(text.into())), then, callback };
    let extension = Then::Extension("500".into(), "default".into());
    let ways = |queue: &mut Queue| {
        queue.nobody = say("nobody", extension.clone(), true);
        queue.full = say("full", Then::Dialplan, true);
        queue.late = say("late", Then::Goodbye, false);
        queue.longest = Some(1);
        queue.longest_wait = Some(Span::seconds(90));
    };
    // Nobody takes calls.
    let mut desk = Desk::new(changed(shop(), ways));
    for name in ["anna", "boris"] {
        desk.input(Input::Wish(Wish::Operator { name: name.into(), ready: false, why: String::new() }));
    }
    let caller = desk.gives("a", CLIENT);
    assert_eq!(desk.hears(), ["nobody"]);
    desk.wait(Span::seconds(60));
    let sent = desk.effects(|effect| match effect {
        Effect::Transfer { channel, extension, context, .. } => {
            Some((channel.clone(), extension.to_string(), context.to_string()))
        }
        _ => None,
    });
    assert_eq!(sent, [(caller.clone(), "500".to_owned(), "default".to_owned())]);
    desk.ends(&caller, Outcome::Unknown);
    let row = desk.row(&caller);
    assert_eq!((left(&row), row.missed), (Some(Left::Nobody), Some(true)));

    // Too long a queue, then too long a wait.
    let mut desk = Desk::new(changed(shop(), ways));
    let callers = ["a", "b", "c", "d"].map(|id| desk.gives(id, &format!("7916000000{}", id.as_bytes()[0] - b'a')));
    let legs = desk.dialled();
    assert_eq!(legs.len(), 2);
    desk.talks(&legs[0], &callers[0]);
    desk.talks(&legs[1], &callers[1]);
    assert_eq!(left(&desk.row(&callers[3])), Some(Left::Full));
    assert!(desk.hears().contains(&"full".to_owned()));
    desk.wait(Span::seconds(60));
    assert!(desk.out.effects.iter().any(|e| matches!(e, Effect::GiveBack { channel, .. } if *channel == callers[3])));
    desk.wait(Span::seconds(30));
    assert_eq!(left(&desk.row(&callers[2])), Some(Left::Late));
    desk.ends(&callers[2], Outcome::Unknown);
    assert_eq!(desk.row(&callers[2]).missed, Some(false), "no callback is wanted of it");
}

#[test]
fn who_waits_is_sent_on_when_the_last_operator_goes() {
    let mut desk = Desk::new(shop());
    let busy = ["a", "b"].map(|id| desk.gives(id, &format!("7916000000{}", id.as_bytes()[0] - b'a')));
    let legs = desk.dialled();
    desk.talks(&legs[0], &busy[0]);
    desk.talks(&legs[1], &busy[1]);
    let caller = desk.gives("c", CLIENT);
    desk.hears();
    for name in ["anna", "boris"] {
        desk.input(Input::Wish(Wish::Operator { name: name.into(), ready: false, why: String::new() }));
    }
    assert_eq!(desk.hears(), ["goodbye"]);
    assert_eq!(left(&desk.row(&caller)), Some(Left::Nobody));
    assert!(desk.joined().is_empty() && desk.hung_up().is_empty(), "those who talk go on");
}

#[test]
fn where_nobody_waits_who_is_not_served_at_once_goes() {
    let mut desk = Desk::new(changed(shop(), |queue| {
        queue.longest_wait = Some(Span::ZERO);
        queue.greeting = None;
    }));
    let first = desk.gives("a", CLIENT);
    let legs = desk.dialled();
    desk.wait(Span::seconds(1));
    assert!(left(&desk.row(&first)).is_none(), "a phone rings for them");
    desk.talks(&legs[0], &first);
    let second = desk.gives("b", OTHER);
    let boris = desk.dialled().remove(0);
    desk.wait(Span::seconds(20));
    desk.ends(&boris.leg, Outcome::NoAnswer);
    desk.wait(Span::ZERO);
    assert_eq!(left(&desk.row(&second)), Some(Left::Late));
    let third = desk.gives("c", "79160000000");
    desk.wait(Span(1));
    assert_eq!(left(&desk.row(&third)), Some(Left::Late));
}

#[test]
fn the_operator_who_talked_with_the_client_is_waited_for_and_then_no_longer() {
    let mut rules = shop();
    let group = rules.groups.get_mut("sales").unwrap();
    *group = Arc::new(Group { remember: true, loyal: Span::seconds(30), ..(**group).clone() });
    let mut desk = settled(rules);
    let caller = desk.gives("a", CLIENT);
    let anna = desk.dialled().remove(0);
    desk.talks(&anna, &caller);
    desk.ends(&caller, Outcome::Unknown);
    desk.ends(&anna.leg, Outcome::Unknown);
    desk.wait(Span::seconds(11));
    let other = desk.gives("b", OTHER);
    let anna = desk.dialled().remove(0);
    assert_eq!(&*anna.dial, "user/1001");
    desk.talks(&anna, &other);
    let again = desk.gives("c", CLIENT);
    assert!(desk.dialled().is_empty(), "boris is free, and anna is waited for");
    desk.wait(Span::seconds(30));
    let boris = desk.dialled().remove(0);
    assert_eq!(&*boris.dial, "user/1002");
    desk.talks(&boris, &again);
}

/// A desk whose connection is not new any more: nothing is looked at anew of itself.
fn settled(rules: Rules) -> Desk {
    let mut desk = Desk::new(rules);
    (0..20).for_each(|_| desk.wait(Span::seconds(5)));
    desk
}

#[test]
fn the_next_level_is_rung_for_a_caller_who_has_waited_for_so_long() {
    let mut rules = shop();
    let group = rules.groups.get_mut("sales").unwrap();
    let mut levels = (**group).clone();
    levels.operators[1].level = 2;
    levels.escalate = Span::seconds(40);
    *group = Arc::new(levels);
    let mut desk = settled(rules);
    let first = desk.gives("a", OTHER);
    let anna = desk.dialled().remove(0);
    desk.talks(&anna, &first);
    let caller = desk.gives("b", CLIENT);
    desk.wait(Span::seconds(39));
    assert!(desk.dialled().is_empty(), "boris is of the second level");
    desk.wait(Span::seconds(1));
    let boris = desk.dialled().remove(0);
    assert_eq!(&*boris.dial, "user/1002");
    desk.talks(&boris, &caller);
}

#[test]
fn one_operator_is_never_offered_two() {
    let mut desk = Desk::new(shop());
    for n in 0..6 {
        desk.gives(&format!("c{n}"), &format!("7916000000{n}"));
    }
    let mut rung = desk.rung();
    rung.sort();
    assert_eq!(rung, ["user/1001", "user/1002"]);
    desk.wait(Span::seconds(5));
    assert!(desk.rung().is_empty());
}

#[test]
fn callers_on_the_line_go_before_callbacks_and_a_pause_stops_these_alone() {
    let mut desk = Desk::new(shop());
    desk.misses("m");
    desk.input(Input::Wish(Wish::Pause));
    desk.wait(Span::minutes(5));
    assert!(desk.dialled().is_empty());
    let caller = desk.gives("a", OTHER);
    let anna = desk.dialled().remove(0);
    desk.talks(&anna, &caller);
    desk.input(Input::Wish(Wish::Operator { name: "boris".into(), ready: false, why: String::new() }));
    let second = desk.gives("b", "79160000001");
    desk.input(Input::Wish(Wish::Resume));
    desk.input(Input::Wish(Wish::Operator { name: "boris".into(), ready: true, why: String::new() }));
    let boris = desk.dialled();
    assert_eq!(boris.len(), 1);
    assert_eq!(boris[0].of.callback(), None);
    desk.talks(&boris[0], &second);
}

#[test]
fn a_client_whose_callback_is_under_way_is_put_through_and_rung_for_once() {
    let mut desk = Desk::new(shop());
    desk.misses("m");
    desk.wait(Span::minutes(5));
    let anna = desk.dialled().remove(0);
    desk.news(News::Answered(anna.leg.clone()));
    desk.news(News::Parked(anna.leg.clone()));
    let caller = desk.arrives("a", CLIENT);
    desk.gives("a", CLIENT);
    assert!(desk.dialled().is_empty(), "anna is there for them already");
    assert!(!desk.hears().contains(&GREETING.to_owned()));
    desk.news(News::Parked(caller.clone()));
    assert_eq!(desk.joined(), [(anna.leg.clone(), caller.clone())]);
    desk.news(News::Bridged(anna.leg.clone(), caller.clone()));
    desk.wait(Span::seconds(30));
    desk.ends(&caller, Outcome::Unknown);
    desk.ends(&anna.leg, Outcome::Unknown);
    assert!(matches!(desk.closed(), Some(CloseReason::ClientCalled { .. })));
    assert_eq!(left(&desk.row(&caller)), Some(Left::Served));
}

#[test]
fn the_caller_hangs_up_while_the_operator_hears_who_it_is() {
    let mut desk = Desk::new(changed(shop(), |queue| queue.announce_operator = Some("a call".into())));
    let caller = desk.gives("a", CLIENT);
    let anna = desk.dialled().remove(0);
    desk.hears();
    desk.answers(&anna.leg);
    assert_eq!(desk.hears(), ["a call"]);
    desk.ends(&caller, Outcome::Unknown);
    assert_eq!(desk.hears(), [""], "the operator is told how it ended");
    desk.wait(Span::seconds(15));
    assert!(desk.hung_up().contains(&anna.leg));
    desk.ends(&anna.leg, Outcome::Unknown);
    assert!(matches!(desk.engine.status(desk.now).callbacks[0].state, CallbackState::Tracking));
}

#[test]
fn an_operator_who_leaves_at_the_last_moment_leaves_the_caller_to_the_next_and_not_in_silence() {
    let mut desk = Desk::new(shop());
    let caller = desk.gives("a", CLIENT);
    desk.end_of_words(&caller);
    let anna = desk.dialled().remove(0);
    desk.answers(&anna.leg);
    assert_eq!(desk.joined(), [(anna.leg.clone(), caller.clone())]);
    desk.plays();
    desk.ends(&anna.leg, Outcome::Unknown);
    let boris = desk.dialled().remove(0);
    assert_eq!(&*boris.dial, "user/1002");
    desk.ends(&boris.leg, Outcome::Declined);
    assert!(desk.plays().is_empty(), "nothing is heard where the switch has left them");
    let parked = desk.effects(|e| match e {
        Effect::Park { channel, .. } => Some(channel.clone()),
        _ => None,
    });
    assert_eq!(parked, std::slice::from_ref(&caller));
    desk.news(News::Parked(caller.clone()));
    assert_eq!(desk.plays(), ["local_stream://moh"]);
    assert!(left(&desk.row(&caller)).is_none());
}

#[test]
fn a_caller_who_is_fetched_back_comes_to_an_operator_who_became_free_meanwhile() {
    let mut desk = Desk::new(shop());
    desk.input(Input::Wish(Wish::Operator { name: "boris".into(), ready: false, why: String::new() }));
    let caller = desk.gives("a", CLIENT);
    let anna = desk.dialled().remove(0);
    desk.answers(&anna.leg);
    desk.ends(&anna.leg, Outcome::Unknown);
    desk.input(Input::Wish(Wish::Operator { name: "boris".into(), ready: true, why: String::new() }));
    assert!(desk.rung().is_empty(), "they are not back yet");
    desk.news(News::Parked(caller));
    assert_eq!(desk.rung(), ["user/1002"]);
}

#[test]
fn a_recordings_notice_is_heard_before_anybody_talks() {
    let mut rules = shop();
    let line = rules.lines.get_mut("site").unwrap();
    let mut with = (**line).clone();
    with.redial.record = Some(Recording {
        file: "/rec/{line}-{callback}-{attempt}.wav".into(),
        stereo: true,
        notice: Some("this is recorded".into()),
    });
    *line = Arc::new(with);
    let mut desk = Desk::new(rules);
    let caller = desk.gives("a", CLIENT);
    let anna = desk.dialled().remove(0);
    desk.answers(&anna.leg);
    assert!(desk.joined().is_empty(), "the greeting says it, and is not over");
    desk.end_of_words(&caller);
    assert_eq!(desk.joined(), [(anna.leg.clone(), caller.clone())]);
    desk.news(News::Bridged(anna.leg.clone(), caller.clone()));
    let files = desk.effects(|effect| match effect {
        Effect::Record { file, client, .. } => Some((file.clone(), client.clone())),
        _ => None,
    });
    assert_eq!(files, [("/rec/site-a-1.wav".to_owned(), caller.clone())]);
    assert_eq!(desk.row(&caller).queue.unwrap().recording.as_deref(), Some("/rec/site-a-1.wav"));
}

#[test]
fn the_daemon_dies_and_who_waits_has_the_old_place_when_the_dialplan_gives_them_again() {
    let rules = shop();
    let mut desk = Desk::new(rules.clone());
    let busy = ["a", "b"].map(|id| desk.gives(id, &format!("7916000000{}", id.as_bytes()[0] - b'a')));
    let legs = desk.dialled();
    desk.talks(&legs[0], &busy[0]);
    desk.talks(&legs[1], &busy[1]);
    let first = desk.gives("c", CLIENT);
    desk.wait(Span::seconds(3));
    let second = desk.gives("d", OTHER);
    let mut desk = desk.dies_and_returns(rules);
    desk.news(News::Up);
    let here: Vec<Channel> = [&first, &second, &busy[0], &busy[1]].into_iter().map(|id| channel(&desk, id)).collect();
    desk.answer_channels(&here);
    for (leg, call) in legs.iter().zip(&busy) {
        desk.stands(&leg.leg, true, Some(call));
        desk.stands(call, true, Some(&leg.leg));
    }
    desk.stands(&first, true, None);
    desk.stands(&second, true, None);
    assert!(desk.dialled().is_empty());
    // The later one is given first.
    let again = desk.gives("d", OTHER);
    assert_eq!(again, second);
    desk.gives("c", CLIENT);
    assert!(!desk.hears().contains(&GREETING.to_owned()), "they have heard it");
    desk.ends(&busy[0], Outcome::Unknown);
    desk.ends(&legs[0].leg, Outcome::Unknown);
    desk.wait(Span::seconds(10));
    let next = desk.dialled();
    assert_eq!(next.len(), 1);
    desk.talks(&next[0], &first);
}

fn channel(desk: &Desk, id: &ChannelId) -> Channel {
    Channel {
        id: id.clone(),
        direction: Direction::Inbound,
        user: None,
        caller: "".into(),
        name: "".into(),
        dialled: "+74951112233".into(),
        line: None,
        created: desk.now.wall,
    }
}

#[test]
fn who_waits_in_a_park_of_ours_when_the_daemon_dies_is_served_all_the_same() {
    let rules = shop();
    let mut desk = Desk::new(rules.clone());
    let caller = desk.gives("a", CLIENT);
    let anna = desk.dialled().remove(0);
    desk.answers(&anna.leg);
    desk.ends(&anna.leg, Outcome::Unknown);
    let boris = desk.dialled().remove(0);
    desk.ends(&boris.leg, Outcome::Declined);
    desk.news(News::Parked(caller.clone()));
    let given = desk.effects(|e| match e {
        Effect::Music { given, .. } => Some(*given),
        _ => None,
    });
    assert_eq!(given, [false], "no dialplan goes on with who was taken out of it");
    let mut desk = desk.dies_and_returns(rules);
    desk.news(News::Up);
    desk.answer_channels(&[channel(&desk, &caller)]);
    desk.stands(&caller, true, None);
    assert_eq!(desk.plays(), ["local_stream://moh"]);
    desk.wait(Span::seconds(60));
    let next = desk.dialled().remove(0);
    desk.talks(&next, &caller);
}

#[test]
fn an_operator_who_was_rung_when_the_daemon_died_is_joined_all_the_same() {
    let rules = shop();
    let mut desk = Desk::new(rules.clone());
    let caller = desk.gives("a", CLIENT);
    let anna = desk.dialled().remove(0);
    let mut desk = desk.dies_and_returns(rules);
    desk.news(News::Up);
    desk.answer_channels(&[channel(&desk, &caller)]);
    desk.stands(&caller, true, None);
    desk.stands(&anna.leg, true, None);
    assert_eq!(desk.joined(), [(anna.leg.clone(), caller.clone())]);
}

#[test]
fn who_has_no_line_or_comes_while_we_serve_nobody_is_given_back() {
    let mut desk = Desk::new(shop());
    let given = |desk: &mut Desk, id: &str, dialled: &str| {
        let channel = Channel { dialled: dialled.into(), ..channel(desk, &ChannelId::new(id)) };
        desk.news(News::Given(Box::new(Given { channel, answered: false, marks: Marks::default() })));
        desk.effects(|e| matches!(e, Effect::GiveBack { .. }).then_some(())).len()
    };
    assert_eq!(given(&mut desk, "x", "+74950000000"), 1);
    let alarms = desk.effects(|e| match e {
        Effect::Alarm(alarm) => Some(alarm.kind),
        _ => None,
    });
    assert_eq!(alarms, [AlarmKind::Limit]);
    let waits = desk.gives("a", CLIENT);
    desk.input(Input::Store { works: false });
    let back = desk.effects(|e| match e {
        Effect::GiveBack { channel, .. } => Some(channel.clone()),
        _ => None,
    });
    assert_eq!(back, [waits]);
    assert_eq!(given(&mut desk, "b", "+74951112233"), 1);
}

#[test]
fn music_that_cannot_be_played_becomes_a_tone() {
    let mut desk = Desk::new(shop());
    let caller = desk.gives("a", CLIENT);
    desk.end_of_words(&caller);
    desk.end_of_words(&caller);
    let tones = desk.effects(|e| matches!(e, Effect::Ringback { .. }).then_some(()));
    assert_eq!(tones.len(), 1);
    let waiting = desk.effects(|e| match e {
        Effect::Notice(Notice::Queued(call)) => Some(call.id.clone()),
        _ => None,
    });
    assert_eq!(waiting, [caller]);
}

#[test]
fn a_secretary_hands_the_client_on_and_it_stays_one_row() {
    let mut desk = Desk::new(shop());
    let caller = desk.gives("a", CLIENT);
    let anna = desk.dialled().remove(0);
    desk.talks(&anna, &caller);
    desk.wait(Span::seconds(20));
    // A blind transfer: the two are parted, anna's leg ends, and the dialplan rings boris with the client's own channel.
    desk.news(News::Unbridged(anna.leg.clone(), caller.clone()));
    desk.ends(&anna.leg, Outcome::Unknown);
    assert!(desk.dialled().is_empty() && desk.hung_up().is_empty(), "the client is on the way to a colleague");
    let colleague = colleagues_leg(&mut desk, "b2", "1002");
    desk.wait(Span::seconds(5));
    desk.news(News::Bridged(caller.clone(), colleague.clone()));
    desk.wait(Span::seconds(30));
    desk.ends(&colleague, Outcome::Unknown);
    desk.ends(&caller, Outcome::Unknown);
    let row = desk.row(&caller);
    assert_eq!((row.operator.as_deref(), left(&row), row.missed), (Some("anna"), Some(Left::Served), Some(false)));
    assert_eq!(row.talk, Span::seconds(50));
    assert_eq!(row.queue.unwrap().handed_to.as_deref(), Some("boris"));
}

/// A leg of an operator's phone that the dialplan rings.
fn colleagues_leg(desk: &mut Desk, id: &str, user: &str) -> ChannelId {
    let id = ChannelId::new(id);
    let channel = Channel {
        id: id.clone(),
        direction: Direction::Outbound,
        user: Some(user.into()),
        caller: CLIENT.into(),
        name: "".into(),
        dialled: user.into(),
        line: None,
        created: desk.now.wall,
    };
    desk.news(News::Created(channel));
    id
}

#[test]
fn who_is_not_answered_by_the_colleague_comes_back_to_the_one_who_sent_them_and_before_all_others() {
    let mut rules = shop();
    let group = rules.groups.get_mut("sales").unwrap();
    *group = Arc::new(Group { remember: true, loyal: Span::seconds(20), ..(**group).clone() });
    let mut desk = Desk::new(rules);
    let caller = desk.gives("a", CLIENT);
    let anna = desk.dialled().remove(0);
    desk.talks(&anna, &caller);
    desk.wait(Span::seconds(20));
    desk.news(News::Unbridged(anna.leg.clone(), caller.clone()));
    desk.ends(&anna.leg, Outcome::Unknown);
    desk.input(Input::Wish(Wish::Operator { name: "boris".into(), ready: false, why: String::new() }));
    desk.wait(Span::seconds(5));
    let other = desk.gives("b", OTHER);
    desk.wait(Span::seconds(10));
    let next = desk.dialled().remove(0);
    desk.ends(&next.leg, Outcome::Declined);
    desk.wait(Span::seconds(60));
    desk.dialled().into_iter().for_each(|leg| desk.ends(&leg.leg, Outcome::NoAnswer));
    // The colleague did not answer: the dialplan gives the client again.
    desk.gives("a", CLIENT);
    assert!(!desk.hears().contains(&GREETING.to_owned()) || left(&desk.row(&other)).is_none());
    desk.wait(Span::seconds(61));
    let rung = desk.dialled().remove(0);
    assert_eq!(&*rung.dial, "user/1001");
    desk.talks(&rung, &caller);
    desk.wait(Span::seconds(10));
    desk.ends(&caller, Outcome::Unknown);
    let row = desk.row(&caller);
    assert_eq!((left(&row), row.talk), (Some(Left::Served), Span::seconds(30)));
    assert!(row.queue.unwrap().handed_to.is_none(), "anna again");
}

/// How callers left, as it is counted: the word, how long they waited in seconds, whether it was in time.
fn counted(desk: &mut Desk) -> Vec<(Left, u64, bool)> {
    desk.effects(|effect| match effect {
        Effect::Notice(Notice::LeftQueue { group, left, waited, in_time }) if &**group == "sales" => {
            Some((*left, waited.0 / 1000, *in_time))
        }
        _ => None,
    })
}

#[test]
fn each_caller_is_counted_once_by_how_they_left_and_whether_that_was_in_time() {
    let mut desk = Desk::new(shop());
    let late = desk.gives("a", CLIENT);
    let operator = desk.dialled().remove(0);
    desk.wait(Span::seconds(21));
    desk.talks(&operator, &late);
    assert_eq!(counted(&mut desk), [(Left::Served, 21, false)]);
    let soon = desk.gives("b", OTHER);
    let operator = desk.dialled().remove(0);
    desk.wait(Span::seconds(20));
    desk.talks(&operator, &soon);
    assert_eq!(counted(&mut desk), [(Left::Served, 20, true)]);
    let (short, patient) = (desk.gives("c", "79161234569"), desk.gives("d", "79161234560"));
    desk.wait(Span::seconds(2));
    desk.ends(&short, Outcome::Unknown);
    desk.wait(Span::seconds(58));
    desk.ends(&patient, Outcome::Unknown);
    desk.ends(&soon, Outcome::Unknown);
    assert_eq!(counted(&mut desk), [(Left::Short, 2, false), (Left::Abandoned, 60, false)]);
}

#[test]
fn who_left_by_a_key_is_not_held_for_served_by_the_queue_when_somebody_else_takes_them() {
    let way = Way::to(Then::Extension("900".into(), "default".into()));
    let mut desk = Desk::new(changed(shop(), |queue| queue.keys = vec![(Key::new('3').unwrap(), way)]));
    let caller = desk.gives("a", CLIENT);
    desk.presses(&caller, "3");
    let sent = desk.effects(|effect| match effect {
        Effect::Transfer { extension, .. } => Some(extension.to_string()),
        _ => None,
    });
    assert_eq!(sent, ["900"]);
    desk.wait(Span::seconds(5));
    desk.news(News::Bridged(caller.clone(), ChannelId::new("somebody")));
    assert_eq!(counted(&mut desk), [(Left::Key, 5, false)]);
    desk.ends(&caller, Outcome::Unknown);
    let row = desk.row(&caller);
    assert_eq!((left(&row), row.missed), (Some(Left::Key), Some(false)));
    assert_eq!(counted(&mut desk), []);
}

#[test]
fn people_see_who_waits_and_for_whom_a_phone_rings() {
    let mut desk = Desk::new(shop());
    desk.gives("a", CLIENT);
    desk.wait(Span(1));
    desk.gives("b", OTHER);
    desk.wait(Span(1));
    let third = desk.gives("c", "");
    desk.end_of_words(&third);
    desk.wait(Span(6998));
    let queues = desk.engine.status(desk.now).queues;
    let [sales] = queues.as_slice() else { panic!("{queues:?}") };
    assert_eq!((&*sales.group, sales.operators), ("sales", 2));
    let seen = sales.waiting.iter().map(|waiter| {
        (waiter.position, waiter.call.as_str(), waiter.hears, waiter.rung.join(" "), waiter.waited.0, waiter.number)
    });
    assert_eq!(
        seen.collect::<Vec<_>>(),
        [
            (1, "a", "greeting", "anna".to_owned(), 7000, CLIENT_NUMBER.parse().ok()),
            (2, "b", "greeting", "boris".to_owned(), 6999, format!("+{OTHER}").parse().ok()),
            (3, "c", "music", String::new(), 6998, None),
        ]
    );
    desk.input(Input::Wish(Wish::Operator { name: "anna".into(), ready: false, why: String::new() }));
    assert_eq!(desk.engine.status(desk.now).queues[0].operators, 1);
}

fn told_of_holds(desk: &mut Desk) -> Vec<String> {
    desk.effects(|effect| match effect {
        Effect::Alarm(alarm) if alarm.kind == AlarmKind::Hold => Some(alarm.text.clone()),
        _ => None,
    })
}

#[test]
fn a_client_on_hold_for_too_long_is_noticed_once_a_hold() {
    let mut desk = Desk::new(shop());
    let caller = desk.gives("a", CLIENT);
    let operator = desk.dialled().remove(0);
    desk.talks(&operator, &caller);
    desk.news(News::Held(operator.leg.clone(), true));
    desk.wait(Span::seconds(119));
    desk.news(News::Held(operator.leg.clone(), false));
    desk.news(News::Held(operator.leg.clone(), true));
    desk.wait(Span::seconds(119));
    assert_eq!(told_of_holds(&mut desk), [""; 0], "each hold counts for itself");
    let held = desk.engine.status(desk.now).held;
    assert_eq!((held.len(), held[0].operator.as_deref(), held[0].held), (1, Some("anna"), Span::seconds(119)));
    // The client's phone holds too: it is the same silence.
    desk.news(News::Held(caller.clone(), true));
    desk.wait(Span::seconds(1));
    assert_eq!(told_of_holds(&mut desk), ["line site: a talk with anna has been on hold for 120 s"]);
    desk.wait(Span::minutes(10));
    assert_eq!((told_of_holds(&mut desk).len(), desk.engine.status(desk.now).held.len()), (0, 1));
    desk.ends(&caller, Outcome::Unknown);
    desk.ends(&operator.leg, Outcome::Unknown);
    assert!(desk.engine.status(desk.now).held.is_empty());
}

#[test]
fn a_callbacks_talk_on_hold_is_noticed_too_and_a_lost_connection_forgets_it() {
    let mut desk = Desk::new(shop());
    let (operator, client) = desk.dials_both();
    desk.answers(&client.leg);
    desk.news(News::Bridged(operator.leg.clone(), client.leg.clone()));
    desk.news(News::Held(client.leg.clone(), true));
    desk.wait(Span::minutes(2));
    assert_eq!(told_of_holds(&mut desk), ["line site: a talk with anna has been on hold for 120 s"]);
    desk.news(News::Held(client.leg.clone(), false));
    desk.news(News::Held(client.leg.clone(), true));
    desk.news(News::Down);
    desk.wait(Span::minutes(3));
    assert_eq!(told_of_holds(&mut desk), [""; 0]);
}

#[test]
fn nobody_is_rung_for_a_caller_before_the_switch_has_said_what_is_alive() {
    let mut desk = Desk::of(shop(), Default::default(), Desk::new(shop()).now);
    desk.news(News::Up);
    let caller = desk.gives("a", CLIENT);
    assert!(desk.rung().is_empty(), "who talks already nobody has told yet");
    let talks = Channel {
        id: ChannelId::new("own"),
        direction: Direction::Inbound,
        user: Some("1001".into()),
        caller: "1001".into(),
        name: "".into(),
        dialled: "100".into(),
        line: None,
        created: desk.now.wall,
    };
    desk.answer_channels(&[talks]);
    assert_eq!(desk.rung(), ["user/1002"]);
    assert_eq!(left(&desk.row(&caller)), None);
}

#[test]
fn who_was_sent_on_to_another_queue_and_hangs_up_there_is_missed_whatever_the_way_there_says() {
    let way = Way { say: None, then: Then::Line("site".into()), callback: false };
    let mut desk = Desk::new(changed(shop(), |queue| queue.keys = vec![(Key::new('4').unwrap(), way)]));
    desk.input(Input::Wish(Wish::Operator { name: "boris".into(), ready: false, why: String::new() }));
    let first = desk.gives("a", OTHER);
    let anna = desk.dialled().remove(0);
    desk.talks(&anna, &first);
    let caller = desk.gives("b", CLIENT);
    desk.presses(&caller, "4");
    desk.wait(Span::seconds(30));
    desk.ends(&caller, Outcome::Unknown);
    let row = desk.row(&caller);
    assert_eq!((left(&row), row.missed, row.callback.is_some()), (Some(Left::Abandoned), Some(true), true));
}

#[test]
fn no_phone_rings_for_a_caller_who_hung_up_while_the_connection_was_lost() {
    let mut desk = Desk::new(shop());
    let caller = desk.gives("a", CLIENT);
    let anna = desk.dialled().remove(0);
    desk.news(News::Down);
    desk.wait(Span::seconds(10));
    desk.news(News::Up);
    desk.stands(&anna.leg, false, None);
    desk.answer_channels(&[]);
    desk.news(News::State(caller.clone(), None));
    assert!(desk.hung_up().contains(&anna.leg));
    desk.ends(&anna.leg, Outcome::Cancelled);
    desk.wait(Span::seconds(20));
    assert!(desk.dialled().is_empty() && desk.engine.status(desk.now).queues[0].waiting.is_empty());
    desk.wait(Span::seconds(20));
    let row = desk.row(&caller);
    assert_eq!((left(&row), row.missed, row.callback.is_some()), (Some(Left::Abandoned), Some(true), true));
}

#[test]
fn a_further_level_is_rung_for_who_waits_when_its_time_has_come_and_nothing_else_happens() {
    let mut rules = changed(shop(), |queue| queue.announce.first = Span::minutes(10));
    let group = rules.groups.get_mut("sales").unwrap();
    let mut operators = group.operators.clone();
    operators[1].level = 2;
    *group = Arc::new(Group { operators, escalate: Span::seconds(40), ..(**group).clone() });
    let mut desk = Desk::new(rules);
    let busy = desk.gives("a", OTHER);
    let anna = desk.dialled().remove(0);
    desk.talks(&anna, &busy);
    desk.gives("b", CLIENT);
    desk.wait(Span::seconds(39));
    assert!(desk.dialled().is_empty(), "boris is of the second level");
    desk.wait(Span::seconds(1));
    assert_eq!(&*desk.dialled().remove(0).dial, "user/1002");
}

#[test]
fn who_left_the_queue_while_the_daemon_was_dead_is_said_to_have_left_it() {
    for served in [false, true] {
        let rules = shop();
        let mut desk = Desk::new(rules.clone());
        for name in ["anna", "boris"] {
            desk.input(Input::Wish(Wish::Operator { name: name.into(), ready: false, why: String::new() }));
        }
        let rules = changed(rules, |queue| queue.nobody = Way::to(Then::Wait));
        let mut desk =
            Desk::of(rules.clone(), perezvon::store::Memory::new(1, desk.now.wall).load(desk.now.wall, None), desk.now);
        let caller = desk.gives("a", CLIENT);
        desk.dialled();
        let mut desk = desk.dies_and_returns(rules);
        desk.wait(Span::seconds(30));
        let ended = desk.now.wall;
        let channel = Channel { created: ended - Span::seconds(30), ..channel(&desk, &caller) };
        let (served, talk) = if served { (Some(ended), Span::seconds(20)) } else { (None, Span::ZERO) };
        let cdr = Cdr { channel, served, talk, ended, cause: "".into(), queue: None, marks: Marks::default() };
        desk.news(News::Cdr(Box::new(cdr)));
        let row = desk.row(&caller);
        let expected = if served.is_some() { Left::Served } else { Left::Abandoned };
        assert_eq!((left(&row), row.missed), (Some(expected), Some(served.is_none())));
        // Nobody is rung for who is gone.
        desk.wait(Span::minutes(1));
        assert!(
            desk.effects(|e| matches!(e, Effect::Originate(o) if o.of.callback().is_none()).then_some(())).is_empty()
        );
    }
}

#[test]
fn who_moves_to_another_queue_is_called_back_by_the_rules_there() {
    let mut rules = changed(shop(), |queue| {
        queue.keys.push((Key::new('3').unwrap(), Way { callback: false, ..Way::to(Then::Line("other".into())) }));
    });
    let other = Line { name: "other".into(), numbers: Vec::new(), ..(*rules.lines["site"]).clone() };
    rules.lines.insert("other".into(), Arc::new(other));
    let mut desk = Desk::new(rules);
    let busy = ["a", "b"].map(|id| desk.gives(id, &format!("7916000000{}", id.as_bytes()[0] - b'a')));
    let legs = desk.dialled();
    desk.talks(&legs[0], &busy[0]);
    desk.talks(&legs[1], &busy[1]);
    let caller = desk.gives("c", CLIENT);
    desk.presses(&caller, "3");
    desk.wait(Span::seconds(15));
    desk.ends(&caller, Outcome::Unknown);
    let row = desk.row(&caller);
    assert_eq!((left(&row), row.missed), (Some(Left::Abandoned), Some(true)), "they waited there, and gave up");
}

#[test]
fn who_may_sit_in_silence_hears_music_again() {
    let mut desk = Desk::new(shop());
    let busy = ["a", "b"].map(|id| desk.gives(id, &format!("7916000000{}", id.as_bytes()[0] - b'a')));
    let legs = desk.dialled();
    desk.talks(&legs[0], &busy[0]);
    desk.talks(&legs[1], &busy[1]);
    let caller = desk.gives("c", CLIENT);
    desk.end_of_words(&caller);
    assert_eq!(desk.plays().len(), 1);
    // What was played may have ended while the connection was lost.
    desk.news(News::Down);
    desk.news(News::Up);
    desk.answer_channels(&[channel(&desk, &caller)]);
    desk.stands(&caller, true, None);
    assert_eq!(desk.plays().len(), 1);
    // And a single word of the switch may be lost with no sign of it.
    let mut quiet = Desk::new(changed(shop(), |queue| queue.announce.first = Span::minutes(10)));
    quiet.input(Input::Wish(Wish::Operator { name: "boris".into(), ready: false, why: String::new() }));
    let busy = quiet.gives("a", OTHER);
    let anna = quiet.dialled().remove(0);
    quiet.talks(&anna, &busy);
    let caller = quiet.gives("b", CLIENT);
    quiet.end_of_words(&caller);
    assert_eq!(quiet.plays().len(), 1);
    quiet.wait(Span::minutes(5));
    assert_eq!(quiet.plays().len(), 1);
}

#[test]
fn an_operator_who_was_never_joined_is_offered_the_same_caller_again() {
    let mut desk = Desk::new(changed(shop(), |queue| queue.greeting = None));
    desk.input(Input::Wish(Wish::Operator { name: "boris".into(), ready: false, why: String::new() }));
    let caller = desk.gives("a", CLIENT);
    let anna = desk.dialled().remove(0);
    desk.answers(&anna.leg);
    assert_eq!(desk.joined().len(), 1);
    let (what, text) = (Asked::Bridge, "-ERR not now".into());
    desk.news(News::Refused { id: anna.leg.clone(), what, text, outcome: Outcome::Unknown, unregistered: false });
    desk.hears_all();
    desk.ends(&anna.leg, Outcome::Unknown);
    desk.news(News::Parked(caller.clone()));
    assert_eq!(&*desk.dialled().remove(0).dial, "user/1001", "she is free, and nothing else will remind us");
}

#[test]
fn who_calls_while_an_operator_is_rung_for_them_hears_the_notice_and_no_music_over_it() {
    let recording = |notice| Recording { file: "/rec/a.wav".into(), stereo: false, notice };
    let mut rules = changed(shop(), |queue| queue.greeting = None);
    let line = rules.lines.get_mut("site").unwrap();
    let mut changed = (**line).clone();
    changed.redial.record = Some(recording(Some("recorded".into())));
    *line = Arc::new(changed);
    let mut desk = Desk::new(rules);
    desk.misses("a");
    desk.wait(Span::minutes(5));
    let anna = desk.dialled().remove(0);
    desk.answers(&anna.leg);
    desk.effects(|_| Some(()));
    let caller = desk.gives("b", CLIENT);
    desk.hears_all();
    desk.news(News::Parked(caller.clone()));
    let order = desk.effects(|effect| match effect {
        Effect::Hush { leg, .. } if *leg == caller => Some("hush"),
        Effect::Music { leg, .. } if *leg == caller => Some("music"),
        Effect::Say { leg, .. } if *leg == caller => Some("say"),
        _ => None,
    });
    assert_ne!(order.last(), Some(&"music"), "{order:?}");
    assert!(!order.ends_with(&["music", "say"]), "it would never be heard: {order:?}");
}

#[test]
fn a_hang_up_that_the_switch_refuses_is_asked_for_again() {
    let mut desk = Desk::new(shop());
    for name in ["anna", "boris"] {
        desk.input(Input::Wish(Wish::Operator { name: name.into(), ready: false, why: String::new() }));
    }
    let caller = desk.gives("a", CLIENT);
    desk.end_of_words(&caller);
    assert_eq!(desk.hung_up(), std::slice::from_ref(&caller));
    let (what, text) = (Asked::Other, "-ERR not now".into());
    desk.news(News::Refused { id: caller.clone(), what, text, outcome: Outcome::Unknown, unregistered: false });
    desk.wait(Span::seconds(5));
    assert_eq!(desk.hung_up(), std::slice::from_ref(&caller));
    desk.ends(&caller, Outcome::Unknown);
    desk.wait(Span::seconds(5));
    assert!(desk.hung_up().is_empty());
}

#[test]
fn an_operator_whose_phone_the_switch_would_not_ring_is_offered_again_soon_and_has_missed_nothing() {
    let mut desk = settled(shop());
    desk.input(Input::Wish(Wish::Operator { name: "boris".into(), ready: false, why: String::new() }));
    let caller = desk.gives("a", CLIENT);
    let anna = desk.dialled().remove(0);
    let (what, text) = (Asked::Originate, "-ERR not now".into());
    desk.news(News::Refused { id: anna.leg, what, text, outcome: Outcome::Network, unregistered: false });
    assert!(desk.dialled().is_empty(), "not at once, or it would be asked for without an end");
    desk.wait(Span::seconds(5));
    let again = desk.dialled().remove(0);
    desk.talks(&again, &caller);
}
