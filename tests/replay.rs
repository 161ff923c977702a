//! The journal under other rules: small journals made by hand, and what a replay makes of them.

use jiff::tz::TimeZone;
use perezvon::{
    engine::{
        record::{
            AttemptRecord, CallRecord, CallbackId, CallbackRecord, CallbackState, ChannelId, CloseReason, KnownBy,
            LegRecord, Origin, Outcome, Role, Write,
        },
        rules::{Again, Answer, Key, Rules},
        time::{Span, Wall},
    },
    replay::{Replay, history::History, replay},
    sim::{
        fate,
        house::{House, LineOf},
    },
    store::{CallbackStory, StoryQuery},
};

const IVAN: &str = "+79161234567";
const OLGA: &str = "+79161234568";

/// Monday 2026-11-23 in Moscow, so many seconds after twelve.
fn at(seconds: i64) -> Wall {
    Wall(1_795_381_200_000 + 12 * 3_600_000 + seconds * 1000)
}

/// Anna alone, on one line with a menu.
fn house(change: impl Fn(&mut LineOf)) -> House {
    let mut house = House { operators: vec!["anna".to_owned()], ..House::default() };
    house.lines.truncate(1);
    house.lines[0].redial.no_answer = Again::After(Span::minutes(60));
    change(&mut house.lines[0]);
    house
}

fn rules(change: impl Fn(&mut LineOf)) -> Rules {
    house(change).rules()
}

/// A call that came then, waited so long and talked so long with anna, about this callback.
fn call(id: &str, number: &str, arrived: i64, waits: i64, talk: i64, callback: Option<u64>) -> CallRecord {
    CallRecord {
        id: ChannelId::new(id),
        switch: "main".into(),
        line: "site".into(),
        number: Some(number.parse().unwrap()),
        name: String::new(),
        arrived: at(arrived),
        served: (talk > 0).then(|| at(arrived + waits)),
        operator: (talk > 0).then(|| "anna".into()),
        talk: Span::seconds(talk as u64),
        ended: Some(at(arrived + waits + talk)),
        missed: Some(talk == 0),
        waited: Span::ZERO,
        previous: None,
        marks: Box::default(),
        cause: "NORMAL_CLEARING".into(),
        callback: callback.map(CallbackId),
        known_by: KnownBy::Event,
        queue: None,
    }
}

fn leg(role: Role, who: &str, intended: i64, answered: Option<i64>, ended: i64) -> LegRecord {
    LegRecord {
        id: ChannelId::new(&format!("{who}-{intended}")),
        phone: None,
        role,
        who: who.into(),
        intended: at(intended),
        ring: Span::seconds(30),
        answered: answered.map(at),
        ended: Some(at(ended)),
        cause: String::new(),
    }
}

/// An attempt in which anna answered after 5 s, and the client was dialled then: with this outcome, or talking so long.
fn attempt(callback: u64, n: u32, dialled: i64, outcome: Outcome, talk: i64) -> AttemptRecord {
    let there = (talk > 0).then_some(dialled + 4);
    let over = dialled + 4 + talk;
    AttemptRecord {
        job: CallbackId(callback).into(),
        n,
        switch: "main".into(),
        started: at(dialled - 15),
        operator: Some("anna".into()),
        legs: vec![
            leg(Role::Operator, "anna", dialled - 15, Some(dialled - 10), over),
            leg(Role::Client, "provider", dialled, there, over),
        ],
        handed_to: None,
        recording: None,
        took: None,
        joined: there.map(at),
        ended: Some(at(over)),
        outcome: Some(outcome),
        cause: String::new(),
    }
}

fn story(id: u64, number: &str, opened: i64, reason: CloseReason, attempts: Vec<AttemptRecord>) -> CallbackStory {
    let callback = CallbackRecord {
        id: CallbackId(id),
        number: number.parse().unwrap(),
        name: String::new(),
        line: "site".into(),
        origin: Origin::Missed { call: ChannelId::new("x") },
        opened: at(opened),
        last_miss: at(opened),
        marks: Box::default(),
        wanted: false,
        misses: 1,
        state: CallbackState::Closed { at: at(opened + 600), reason },
        due: at(opened),
        expires: at(opened),
        attempts: attempts.len() as u32,
        spent: attempts.len() as u32,
        setbacks: 0,
        last: None,
    };
    CallbackStory { callback, attempts }
}

fn history(calls: Vec<CallRecord>, stories: Vec<CallbackStory>) -> History {
    History::new(at(-3600), at(8 * 3600), calls, stories, TimeZone::UTC)
}

fn replayed(history: &History, current: &Rules, new: &Rules) -> Replay {
    replay(history, current, new, &TimeZone::UTC)
}

/// Ivan is missed at 12:00:30; he is busy at 12:05:45 and talks a minute at 12:08:00.
fn busy_then_reached() -> History {
    let attempts = vec![attempt(1, 1, 345, Outcome::Busy, 0), attempt(1, 2, 480, Outcome::Talked, 60)];
    history(vec![call("a", IVAN, 0, 30, 0, Some(1))], vec![story(1, IVAN, 30, CloseReason::Talked, attempts)])
}

#[test]
fn the_rules_of_that_time_give_what_the_journal_says() {
    let history = busy_then_reached();
    let as_it_was = rules(|_| {});
    let replay = replayed(&history, &as_it_was, &as_it_was);
    for came in [&replay.journal, &replay.current, &replay.new] {
        let totals = &came.totals;
        assert_eq!((totals.missed, totals.callbacks, totals.recovered, came.dials), (1, 1, 1, 2), "{came:#?}");
        assert_eq!((totals.attempts, totals.talk), (2, Span::seconds(60)));
    }
    assert_eq!((replay.known, replay.drawn), (4, 0));
    assert_eq!(replay.current, replay.new);
    let far = replay.current.operator_time.0.abs_diff(replay.journal.operator_time.0);
    assert!(far < 30_000, "{} ms", far);
}

#[test]
fn who_is_tried_once_alone_is_not_reached_who_was_busy_then() {
    let once = rules(|line| line.redial.attempts = 1);
    let replay = replayed(&busy_then_reached(), &rules(|_| {}), &once);
    assert_eq!((replay.current.totals.recovered, replay.current.dials), (1, 2));
    assert_eq!((replay.new.totals.recovered, replay.new.dials), (0, 1));
    assert_eq!(replay.new.totals.talk, Span::ZERO);
    assert!(replay.new.operator_time < replay.current.operator_time);
}

#[test]
fn rules_decide_anew_what_was_missed() {
    use perezvon::engine::rules::Missed;
    // Olga talked for five seconds at 12:10.
    let mut history = busy_then_reached();
    history.calls.push(call("b", OLGA, 600, 10, 5, None));
    let short = rules(|line| line.redial.missed.push(Missed::ServedShorterThan(Span::seconds(10)).into()));
    let replay = replayed(&history, &rules(|_| {}), &short);
    assert_eq!((replay.current.totals.missed, replay.new.totals.missed), (1, 2));
    assert_eq!((replay.current.totals.calls, replay.new.totals.calls), (2, 2));
    assert!(replay.new.dials > replay.current.dials && replay.drawn > 0);
}

/// Olga is missed at 12:00:30 and gets through at 12:03:10; Ivan is reached at noon, so that there is somebody to learn from.
fn calls_again() -> History {
    let reached = vec![attempt(1, 1, -1200, Outcome::Talked, 40)];
    let again = CloseReason::ClientCalled { call: ChannelId::new("c") };
    history(
        vec![
            call("a", IVAN, -1600, 30, 0, Some(1)),
            call("b", OLGA, 0, 30, 0, Some(2)),
            call("c", OLGA, 180, 10, 50, Some(2)),
        ],
        vec![story(1, IVAN, -1570, CloseReason::Talked, reached), story(2, OLGA, 30, again, vec![])],
    )
}

#[test]
fn a_client_calls_again_by_themselves_unless_reached_before() {
    let soon = rules(|line| line.redial.track = Span::seconds(30));
    let replay = replayed(&calls_again(), &rules(|_| {}), &soon);
    assert_eq!((replay.current.totals.calls, replay.current.dials, replay.current.totals.recovered), (3, 1, 2));
    // Sooner, she is reached at 12:01 and does not call again.
    assert_eq!((replay.new.totals.calls, replay.new.dials, replay.new.totals.recovered), (2, 2, 2));
    assert_eq!(replay.new.totals.talk, Span::seconds(80), "drawn of the only dial that there is");
    assert_eq!((replay.known, replay.drawn), (2, 1));
}

#[test]
fn a_client_who_calls_while_the_operator_listens_is_put_through() {
    let mut history = calls_again();
    // Five minutes after the miss anna is rung, answers five seconds later and hears why for some seconds more.
    history.calls[2] = call("c", OLGA, 337, 60, 0, Some(2));
    let replay = replayed(&history, &rules(|_| {}), &rules(|_| {}));
    assert_eq!((replay.current.dials, replay.current.totals.recovered), (1, 2), "{:#?}", replay.current);
    assert_eq!(replay.current.totals.talk, Span::seconds(80));
}

#[test]
fn an_operator_who_serves_a_caller_is_not_rung() {
    let reached = story(1, IVAN, 30, CloseReason::Talked, vec![attempt(1, 1, 345, Outcome::Talked, 60)]);
    // From 12:04 to 12:30 she talks with Olga.
    let calls = vec![call("a", IVAN, 0, 30, 0, Some(1)), call("b", OLGA, 240, 5, 1560, None)];
    let history = history(calls, vec![reached]);
    let replay = replayed(&history, &rules(|_| {}), &rules(|_| {}));
    let to_talk = replay.current.totals.to_talk_median.expect("somebody talked");
    assert!(to_talk > Span::minutes(29) && to_talk < Span::minutes(31), "{to_talk:?}");
}

#[test]
fn a_key_that_takes_the_call_is_pressed_and_hours_are_kept() {
    let mut press = house(|_| {});
    press.answer = Answer::Press(Key::new('1').unwrap());
    let replay = replayed(
        &busy_then_reached(),
        &press.rules(),
        &rules(|line| {
            let morning = vec![(9 * 60, 12 * 60)];
            let zone = TimeZone::get("Europe/Moscow").unwrap();
            let week = std::array::from_fn(|_| morning.clone());
            line.calendar = Some(std::sync::Arc::new(perezvon::engine::hours::Calendar::new(zone, week, [], [])));
        }),
    );
    assert_eq!((replay.current.dials, replay.current.totals.recovered), (2, 1));
    let after = replay.new.totals.to_talk_median;
    assert!(after.is_none_or(|after| after > Span::minutes(20 * 60)), "not before the morning: {after:?}");
}

#[test]
fn the_same_journal_gives_the_same_replay() {
    let new = rules(|line| line.redial.track = Span::seconds(10));
    let [one, two] = [0, 1].map(|_| replayed(&calls_again(), &rules(|_| {}), &new));
    assert_eq!(one, two);
    assert_eq!(serde_json::to_value(&one).unwrap()["new"]["recovered"], 2);
    let nothing = replayed(&history(vec![], vec![]), &rules(|_| {}), &new);
    assert_eq!((nothing.new, nothing.known), (perezvon::replay::Came::default(), 0));
}

/// Journals of the simulation's random worlds, with all that goes wrong there: every replay ends, and what comes of all together
/// is near to what came.
#[test]
fn random_journals_are_replayed_near_to_what_they_were() {
    let (mut was, mut is) = ((0, 0, 0), (0, 0, 0));
    for seed in 0..30 {
        let (mut world, end) = fate::world(seed);
        let since = world.now().wall;
        world.run_until(end);
        world.finish();
        let call = |row| if let Write::Call(call) = row { Some(call) } else { None };
        let calls: Vec<CallRecord> = world.store.rows.rows().filter_map(call).collect();
        let stories = world.store.rows.stories(&StoryQuery::default());
        let history = History::new(since, world.now().wall, calls, stories, TimeZone::UTC);
        let rules = world.house.rules();
        let replay = replayed(&history, &rules, &rules);
        assert_eq!((replay.impossible, &replay.current), (0, &replay.new), "seed {seed}");
        for (sum, came) in [(&mut was, &replay.journal), (&mut is, &replay.current)] {
            *sum = (sum.0 + came.totals.recovered, sum.1 + came.dials, sum.2 + came.totals.missed);
        }
    }
    println!("recovered, dials, missed: {was:?} by the journals, {is:?} by the replays");
    for (was, is) in [(was.0, is.0), (was.1, is.1), (was.2, is.2)] {
        assert!(is * 10 > was * 7 && is * 10 < was * 13, "{was} was, {is} is");
    }
}
