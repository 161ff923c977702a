//! What every store promises, asked of each of them; and, in `trouble`, what the one on the disk does when the disk does not
//! do as it is told.

#[path = "store/sample.rs"]
mod sample;
#[path = "store/trouble.rs"]
mod trouble;

use perezvon::{
    engine::{
        forget::{MOST_AT_ONCE, Prune},
        number::Number,
        paper::{Paper, PaperKind},
        record::{
            BlockRecord, Blocked, CallRecord, CallbackId, CallbackRecord, CallbackState, ChannelId, CloseReason, Dial,
            KnownBy, LastCall, LegRecord, OperatorRecord, Origin, Outcome, Snapshot, Write,
        },
        retry::REMEMBERED,
        time::{Span, Wall},
    },
    store::{
        CallbackFilter, CallbackStory, GUESS_STANDS, JournalQuery, JournalRow, Known, Mark, Memory, Old, PaperQuery,
        RowStatus, Sqlite, Store, StoreError, StoryQuery, Subject,
    },
};
use proptest::prelude::*;
use sample::{attempt, call, callback, closed, number};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};
use tempfile::TempDir;

const NOW: Wall = Wall(1_800_000_000_000);

/// A store and where it lives.
struct House {
    store: Arc<dyn Store>,
    folder: TempDir,
}

impl House {
    async fn memory() -> House {
        House { store: Arc::new(Mutex::new(Memory::new(7, NOW))), folder: tempfile::tempdir().unwrap() }
    }

    async fn sqlite() -> House {
        let folder = tempfile::tempdir().unwrap();
        House { store: Arc::new(Sqlite::open(&folder.path().join("store.db"), NOW).await.unwrap()), folder }
    }

    async fn commit(&self, writes: impl IntoIterator<Item = Write>) {
        self.store.commit(&writes.into_iter().collect::<Vec<_>>()).await.unwrap();
    }

    async fn journal(&self, query: JournalQuery) -> Vec<JournalRow> {
        self.store.journal(&query).await.unwrap()
    }
}

macro_rules! every_store {
    ($($promise:ident)*) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                super::$promise(super::House::memory().await).await;
            })*
        }
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                super::$promise(super::House::sqlite().await).await;
            })*
        }
    };
}

every_store! {
    is_born_empty
    keeps_the_later_of_two_writes_of_a_row
    gives_back_what_is_open_and_nothing_else
    remembers_the_dials_of_the_last_days
    reads_no_more_of_who_called_than_a_rule_asks_for
    takes_rows_in_any_order_but_no_stranger
    refuses_all_of_a_commit_or_nothing
    knows_which_calls_it_knows
    tells_a_callback_with_its_attempts
    lists_callbacks
    tells_the_stories_of_a_period_page_by_page
    tells_the_journal_newest_last
    finds_in_the_journal
    turns_the_pages_of_the_journal
    is_written_by_many_at_once
    is_backed_up_while_it_is_written
    writes_no_backup_over_anything
    forgets_a_client_and_keeps_the_totals
    forgets_what_is_old_and_nothing_that_is_open
    forgets_a_little_at_once
}

/// A client's call and callback, both over, with whatever names the client.
fn over(id: u64, at: Wall) -> [Write; 3] {
    let mut call = call(&format!("call-{id}"));
    (call.number, call.arrived, call.ended, call.missed) = (Some(number(id)), at, Some(at), Some(true));
    (call.callback, call.known_by) = (Some(CallbackId(id)), KnownBy::Guess);
    (call.marks.page, call.marks.tags, call.marks.campaign) = ("?id=ivan".into(), "vip".into(), "spring".into());
    let mut callback = closed(id);
    (callback.opened, callback.marks) = (at, call.marks.clone());
    let reason = CloseReason::Talked;
    callback.state = CallbackState::Closed { at, reason };
    let mut tried = attempt(id, 1);
    (tried.ended, tried.recording) = (Some(at), Some(format!("/rec/{}.wav", number(id).digits())));
    [Write::Call(call), Write::Callback(callback), Write::Attempt(tried)]
}

fn paper(kind: PaperKind, id: &str, about: &str, at: Wall) -> Write {
    Write::Paper(Paper { kind, id: id.into(), about: about.into(), at, body: "{}".into() })
}

async fn forgets_a_client_and_keeps_the_totals(house: House) {
    let (one, other) = (number(1).to_string(), number(2).to_string());
    house.commit(over(1, NOW).into_iter().chain(over(2, NOW))).await;
    house.commit([Write::Block(BlockRecord { number: number(1), at: NOW, why: Blocked::Declined })]).await;
    house
        .commit([
            paper(PaperKind::Request, "r1", &one, NOW),
            paper(PaperKind::Chat, "c1", &one, NOW),
            paper(PaperKind::Message, "m1", "c1", NOW),
            paper(PaperKind::Picture, "m1", "c1", NOW),
            paper(PaperKind::Note, "n1", &one, NOW),
            paper(PaperKind::Note, "n2", &other, NOW),
            paper(PaperKind::Message, "m2", "c2", NOW),
            Write::Paper(Paper {
                kind: PaperKind::Outgoing,
                id: "o1".into(),
                about: "crm".into(),
                at: NOW,
                body: format!("{{\"number\":\"{one}\"}}"),
            }),
        ])
        .await;
    let before = house.journal(JournalQuery::default()).await;
    house.commit([Write::Forget(number(1))]).await;
    let after = house.journal(JournalQuery::default()).await;
    let papers = house.store.papers(&PaperQuery::default()).await.unwrap();
    assert_eq!(papers.iter().map(|paper| &*paper.id).collect::<BTreeSet<_>>(), ["m2", "n2"].into());
    let story = house.store.callback(CallbackId(1)).await.unwrap().unwrap();
    let said = format!("{:?} {story:?}", after[0]);
    for personal in [&one[1..], "Робот", "Иван", "vip", "?id=ivan", "/rec/"] {
        assert!(!said.contains(personal), "{personal} in {said}");
    }
    assert_eq!((story.callback.number, story.attempts.len()), (Number::FORGOTTEN, 1));
    let call = after[0].call.as_ref().unwrap();
    assert_eq!((call.number, &*call.marks.campaign, &*call.marks.page), (None, "spring", ""));
    assert_eq!(after.len(), before.len());
    assert_eq!(after[1], before[1], "the other client's");
    assert_eq!(house.store.blocked().await.unwrap().len(), 1, "who is not to be called is not called all the same");
    assert_eq!(
        house.store.call_known(&ChannelId::new("call-1")).await,
        Ok(Known::Ended),
        "no record brings the number back"
    );
}

async fn forgets_what_is_old_and_nothing_that_is_open(house: House) {
    let old = NOW - Span::minutes(60);
    house.commit(over(1, old).into_iter().chain(over(2, NOW)).chain([Write::Callback(callback(3))])).await;
    // An old call of a callback that is open, and one that lives.
    let mut of_open = call("of-open");
    (of_open.arrived, of_open.ended, of_open.callback) = (old, Some(old), Some(CallbackId(3)));
    let alive = CallRecord { arrived: old, ..call("alive") };
    house.commit([of_open, alive].map(Write::Call)).await;
    house
        .commit([
            paper(PaperKind::Request, "old", "x", old),
            paper(PaperKind::Request, "new", "x", NOW),
            paper(PaperKind::Chat, "silent", "x", old),
            paper(PaperKind::Chat, "spoken", "x", old),
            paper(PaperKind::Message, "first", "spoken", old),
            paper(PaperKind::Picture, "first", "spoken", old),
            paper(PaperKind::Message, "last", "spoken", NOW),
            paper(PaperKind::Settings, "set", "", old),
        ])
        .await;
    let prune = Prune::all(NOW);
    let counted = Old { calls: 1, callbacks: 1, requests: 1, messages: 2, chats: 1, notes: 0 };
    assert_eq!(house.store.old(&prune).await, Ok(counted));
    house.commit([Write::Prune(prune.clone())]).await;
    assert_eq!(house.store.old(&prune).await, Ok(Old::default()));
    let rows = house.journal(JournalQuery::default()).await;
    let calls: BTreeSet<_> = rows.iter().filter_map(|row| row.call.as_ref()).map(|call| call.id.to_string()).collect();
    assert_eq!(calls, ["alive", "call-2", "of-open"].map(str::to_owned).into());
    assert_eq!(house.store.callback(CallbackId(1)).await, Ok(None));
    assert!(house.store.callback(CallbackId(3)).await.unwrap().is_some());
    let papers = house.store.papers(&PaperQuery::default()).await.unwrap();
    assert_eq!(papers.iter().map(|p| &*p.id).collect::<BTreeSet<_>>(), ["last", "new", "set", "spoken"].into());
    // All of it over and old: the newest callback stays, so that no id is given twice.
    house.commit([Write::Callback(closed(3)), Write::Prune(Prune::all(NOW + Span::minutes(9999)))]).await;
    assert_eq!(house.store.load(NOW, None).await.unwrap().last_callback, 3);
}

async fn forgets_a_little_at_once(house: House) {
    let calls = (0..u64::from(MOST_AT_ONCE) + 5).map(|n| {
        let at = Wall(n as i64);
        Write::Call(CallRecord { arrived: at, ended: Some(at), ..call(&n.to_string()) })
    });
    house.commit(calls).await;
    let prune = Prune { journal: Some(NOW), ..Prune::default() };
    house.commit([Write::Prune(prune.clone())]).await;
    assert_eq!(house.store.old(&prune).await, Ok(Old { calls: 5, ..Old::default() }));
    assert_eq!(
        house.journal(JournalQuery::default()).await[0].call.as_ref().unwrap().id.as_str(),
        "1000",
        "the oldest go first"
    );
}

/// Forgotten is forgotten: nobody finds it with an editor either.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_forgotten_is_not_in_the_file_any_more() {
    let house = House::sqlite().await;
    house.commit(over(1, NOW).into_iter().chain([paper(PaperKind::Note, "n", &number(1).to_string(), NOW)])).await;
    house.commit(over(2, NOW)).await;
    let found = |what: &str| {
        let files = std::fs::read_dir(house.folder.path()).unwrap();
        let all: Vec<u8> = files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
        all.windows(what.len()).any(|part| part == what.as_bytes())
    };
    let (one, other) = (number(1).digits(), number(2).digits());
    assert!(found(&one) && found(&other));
    house.commit([Write::Forget(number(1))]).await;
    assert!(!found(&one) && found(&other));
}

async fn is_born_empty(house: House) {
    let born = house.store.load(NOW, None).await.unwrap();
    assert_eq!(born, Snapshot { seed: born.seed, born: NOW, ..Snapshot::default() });
    assert_ne!(born.seed, 0);
    assert_eq!(house.journal(JournalQuery::default()).await, []);
    house.commit([]).await;
}

async fn keeps_the_later_of_two_writes_of_a_row(house: House) {
    let mut late = callback(1);
    late.misses = 9;
    let mut attempted = attempt(1, 1);
    let first = attempted.clone();
    attempted.legs.truncate(1);
    let mut answered = call("a");
    answered.served = Some(NOW);
    house.commit([Write::Callback(callback(1)), Write::Call(call("a")), Write::Attempt(first)]).await;
    for _ in 0..2 {
        house.commit([Write::Callback(callback(1)), Write::Callback(late.clone())]).await;
        house.commit([Write::Call(answered.clone()), Write::Attempt(attempted.clone())]).await;
        house.commit([Write::Paused(false), Write::Paused(true)]).await;
    }
    let loaded = house.store.load(NOW, None).await.unwrap();
    assert_eq!((loaded.calls, loaded.callbacks, loaded.attempts), (vec![answered], vec![late], vec![attempted]));
    assert!(loaded.paused);
}

async fn gives_back_what_is_open_and_nothing_else(house: House) {
    let guessed = |id: &str, ended: Wall| CallRecord { ended: Some(ended), known_by: KnownBy::Guess, ..call(id) };
    let ended = CallRecord { ended: Some(NOW), ..call("ended") };
    let early = CallRecord { arrived: Wall(5), ..call("z") };
    let fresh = guessed("fresh", NOW - GUESS_STANDS + Span(1));
    let mut over = attempt(2, 1);
    over.ended = Some(NOW);
    let operator = OperatorRecord {
        name: "anna".into(),
        ready: true,
        since: NOW,
        last_talk: None,
        talks: 3,
        talk_time: Span::minutes(7),
        offered: Some(NOW),
        why: "обед".to_owned(),
        pause: Some(NOW),
    };
    house.commit([callback(2), callback(1), closed(3)].map(Write::Callback)).await;
    house.commit([ended, call("b"), call("a"), early.clone(), fresh.clone()].map(Write::Call)).await;
    house.commit([Write::Call(guessed("stale", NOW - GUESS_STANDS)), Write::Operator(operator.clone())]).await;
    house.commit([attempt(2, 2), attempt(1, 1), over].map(Write::Attempt)).await;
    let loaded = house.store.load(NOW, None).await.unwrap();
    assert_eq!(loaded.calls, [early, call("a"), call("b"), fresh]);
    assert_eq!(loaded.callbacks, [callback(1), callback(2)]);
    assert_eq!(loaded.attempts, [attempt(1, 1), attempt(2, 2)]);
    assert_eq!(loaded.operators, [operator]);
    assert_eq!(loaded.last_callback, 3);
}

async fn reads_no_more_of_who_called_than_a_rule_asks_for(house: House) {
    let within = Span::minutes(60);
    let called = |id: &str, line: &str, at| CallRecord { line: line.into(), arrived: at, ..call(id) };
    let (just, fresh) = (called("just", "site", NOW - within + Span(1)), called("fresh", "site", NOW - Span(1)));
    house.commit([called("old", "shop", NOW - within), just, fresh].map(Write::Call)).await;
    let load = async |calls| house.store.load(NOW, calls).await.unwrap().last_calls;
    assert_eq!(load(None).await, [], "no line asks who called before");
    let last = |line: &str, at| LastCall { number: call("a").number.unwrap(), line: line.into(), at };
    assert_eq!(load(Some(within)).await, [last("site", NOW - Span(1))]);
    assert_eq!(load(Some(within + Span(1))).await, [last("shop", NOW - within), last("site", NOW - Span(1))]);
}

async fn remembers_the_dials_of_the_last_days(house: House) {
    let dialled = |n: u32, at: Wall, outcome| {
        let mut over = attempt(1, n);
        (over.ended, over.outcome) = (Some(NOW), outcome);
        over.legs.iter_mut().for_each(|leg| leg.intended = at);
        over
    };
    let busy = Some(Outcome::Busy);
    // Over another trunk in the same attempt: the client was dialled once.
    let mut twice = dialled(3, NOW - Span(5), busy);
    let second = LegRecord { id: ChannelId::new("second"), intended: NOW, ..twice.legs[1].clone() };
    twice.legs.push(second);
    let mut operator_alone = dialled(6, NOW, Some(Outcome::OperatorUnavailable));
    operator_alone.legs.truncate(1);
    house.commit([Write::Callback(closed(1)), Write::Attempt(dialled(1, NOW - REMEMBERED + Span(1), busy))]).await;
    house.commit([dialled(2, NOW - REMEMBERED, busy), twice, operator_alone].map(Write::Attempt)).await;
    house.commit([dialled(4, NOW, Some(Outcome::Network)), attempt(1, 5)].map(Write::Attempt)).await;
    let number = closed(1).number;
    let dials = [NOW - REMEMBERED + Span(1), NOW - Span(5)].map(|at| Dial { at, number });
    assert_eq!(house.store.load(NOW, None).await.unwrap().dials, dials);
}

async fn takes_rows_in_any_order_but_no_stranger(house: House) {
    let mut joined = call("a");
    joined.callback = Some(CallbackId(1));
    house.commit([Write::Attempt(attempt(1, 1)), Write::Call(joined.clone()), Write::Callback(callback(1))]).await;
    joined.callback = Some(CallbackId(2));
    for stranger in [Write::Attempt(attempt(2, 1)), Write::Call(joined)] {
        let refused = house.store.commit(&[stranger]).await;
        assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
    }
}

async fn refuses_all_of_a_commit_or_nothing(house: House) {
    let before = house.store.load(NOW, None).await.unwrap();
    let bad = [Write::Callback(callback(1)), Write::Call(call("a")), Write::Attempt(attempt(2, 1))];
    let good: Vec<Write> = [callback(5), callback(6)].map(Write::Callback).into();
    let (good_one, refused, good_two) =
        tokio::join!(house.store.commit(&good[..1]), house.store.commit(&bad), house.store.commit(&good[1..]));
    assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
    assert_eq!((good_one, good_two), (Ok(()), Ok(())));
    let after = house.store.load(NOW, None).await.unwrap();
    assert_eq!(after, Snapshot { callbacks: vec![callback(5), callback(6)], last_callback: 6, ..before });
    assert_eq!(house.store.call_known(&ChannelId::new("a")).await, Ok(Known::No));
}

async fn knows_which_calls_it_knows(house: House) {
    let ended = |id: &str, known_by| CallRecord { ended: Some(NOW), known_by, ..call(id) };
    let calls = [ended("event", KnownBy::Event), ended("cdr", KnownBy::Cdr), ended("guess", KnownBy::Guess)];
    house.commit(calls.into_iter().chain([call("alive")]).map(Write::Call)).await;
    for (id, known) in [
        ("event", Known::Ended),
        ("cdr", Known::Ended),
        ("guess", Known::Guessed),
        ("alive", Known::Open),
        ("' OR true --", Known::No),
    ] {
        assert_eq!(house.store.call_known(&ChannelId::new(id)).await, Ok(known), "{id}");
    }
}

async fn tells_a_callback_with_its_attempts(house: House) {
    let mut bare = attempt(1, 2);
    bare.legs.clear();
    house.commit([Write::Callback(closed(1)), Write::Callback(callback(2))]).await;
    house.commit([attempt(1, 10), bare.clone(), attempt(1, 1), attempt(2, 1)].map(Write::Attempt)).await;
    let story = CallbackStory { callback: closed(1), attempts: vec![attempt(1, 1), bare, attempt(1, 10)] };
    assert_eq!(house.store.callback(CallbackId(1)).await, Ok(Some(story)));
    assert_eq!(house.store.callback(CallbackId(3)).await, Ok(None));
}

async fn tells_the_stories_of_a_period_page_by_page(house: House) {
    let opened = |id: u64| CallbackRecord { opened: Wall(id as i64 * 10), ..closed(id) };
    house.commit((1..=7).map(|id| Write::Callback(opened(id)))).await;
    // The third was never tried.
    let tries = [(2, 2), (2, 1), (4, 1), (5, 1), (5, 2), (7, 1)];
    house.commit(tries.map(|(id, n)| Write::Attempt(attempt(id, n)))).await;
    let story = |id: u64| {
        let attempts = (1..=2).filter(|n| tries.contains(&(id, *n))).map(|n| attempt(id, n)).collect();
        CallbackStory { callback: opened(id), attempts }
    };
    let query = StoryQuery { since: Some(Wall(20)), until: Some(Wall(60)), ..StoryQuery::default() };
    for size in 1..=5 {
        let mut query = StoryQuery { limit: Some(size), ..query.clone() };
        let mut seen = Vec::new();
        loop {
            let page = house.store.stories(&query).await.unwrap();
            let Some(last) = page.last() else { break };
            assert!(page.len() <= size);
            query.after = Some(last.callback.id);
            seen.extend(page);
        }
        assert_eq!(seen, (2..=5).map(story).collect::<Vec<_>>(), "in pages of {size}");
    }
    assert_eq!(house.store.stories(&StoryQuery::default()).await.unwrap().len(), 7);
}

async fn lists_callbacks(house: House) {
    house.commit((1..=9).map(|id| Write::Callback(if id % 2 == 0 { closed(id) } else { callback(id) }))).await;
    let ids = async |filter: CallbackFilter| {
        let found = house.store.callbacks(&filter).await.unwrap();
        found.iter().map(|callback| callback.id.0).collect::<Vec<u64>>()
    };
    let all = CallbackFilter::default();
    assert_eq!(ids(all.clone()).await, (1..=9).collect::<Vec<_>>());
    assert_eq!(ids(CallbackFilter { open: true, ..all.clone() }).await, [1, 3, 5, 7, 9]);
    assert_eq!(ids(CallbackFilter { open: true, limit: Some(2), ..all.clone() }).await, [7, 9]);
    assert_eq!(ids(CallbackFilter { number: Some(number(4)), ..all.clone() }).await, [4]);
    assert_eq!(ids(CallbackFilter { line: Some("other".into()), ..all.clone() }).await, [] as [u64; 0]);
    assert_eq!(ids(CallbackFilter { line: Some("site".into()), limit: Some(1), ..all }).await, [9]);
}

/// Five calls and two wishes, one of each in the same millisecond.
async fn a_day(house: &House) -> Vec<JournalRow> {
    let at = |at: i64, id: &str, opened: Option<u64>| CallRecord {
        arrived: Wall(at),
        number: Some(number(at as u64)),
        callback: opened.map(CallbackId),
        line: if at < 30 { "site".into() } else { "shop".into() },
        ..call(id)
    };
    let wish = |id: u64, at: i64| {
        let mut wish = callback(id);
        wish.origin = Origin::ByHand { by: "anna".into() };
        wish.opened = Wall(at);
        wish
    };
    let calls = [at(10, "e", Some(1)), at(20, "d", None), at(20, "f", Some(1)), at(30, "a", None), at(40, "b", None)];
    house.commit([callback(1), wish(2, 20), wish(3, 35)].map(Write::Callback)).await;
    house.commit(calls.clone().map(Write::Call)).await;
    let mut rows: Vec<JournalRow> = calls
        .into_iter()
        .map(|call| JournalRow { callback: call.callback.map(|id| callback(id.0)), call: Some(call), reached_by: None })
        .collect();
    rows.insert(3, JournalRow { call: None, callback: Some(wish(2, 20)), reached_by: None });
    rows.insert(5, JournalRow { call: None, callback: Some(wish(3, 35)), reached_by: None });
    rows
}

async fn tells_the_journal_newest_last(house: House) {
    let rows = a_day(&house).await;
    assert_eq!(house.journal(JournalQuery::default()).await, rows);
    let newest = JournalQuery { limit: Some(3), ..JournalQuery::default() };
    assert_eq!(house.journal(newest).await, rows[4..]);
}

async fn finds_in_the_journal(house: House) {
    let rows = a_day(&house).await;
    let all = JournalQuery::default();
    let between = JournalQuery { since: Some(Wall(20)), until: Some(Wall(35)), ..all.clone() };
    assert_eq!(house.journal(between).await, rows[1..5]);
    let of_number = JournalQuery { number: Some(number(20)), ..all.clone() };
    assert_eq!(house.journal(of_number).await, rows[1..3]);
    let of_wish = JournalQuery { number: Some(number(3)), ..all.clone() };
    assert_eq!(house.journal(of_wish).await, rows[5..6]);
    let of_line = JournalQuery { line: Some("shop".into()), ..all.clone() };
    assert_eq!(house.journal(of_line).await, [rows[4].clone(), rows[6].clone()]);
    let live = JournalQuery { status: vec![RowStatus::Live], ..all.clone() };
    assert_eq!(house.journal(live).await.iter().filter(|row| row.call.is_some()).count(), 5);
    let asked = JournalQuery { status: vec![RowStatus::Pending], redial: Some(true), ..all.clone() };
    assert_eq!(house.journal(asked).await, [rows[3].clone(), rows[5].clone()]);
    let nothing = JournalQuery { limit: Some(0), ..all };
    assert_eq!(house.journal(nothing).await, []);
}

async fn turns_the_pages_of_the_journal(house: House) {
    let rows = a_day(&house).await;
    for size in 1..=rows.len() {
        let mut query = JournalQuery { limit: Some(size), since: Some(Wall(0)), ..JournalQuery::default() };
        let first = rows[0].place().unwrap();
        query.after = Some(first);
        let mut seen = vec![rows[0].clone()];
        loop {
            let page = house.journal(query.clone()).await;
            let Some(last) = page.last() else { break };
            assert!(page.len() <= size);
            query.after = last.place();
            seen.extend(page);
        }
        assert_eq!(seen, rows, "in pages of {size}");
        let (mut seen, mut query) = (Vec::new(), JournalQuery { limit: Some(size), ..JournalQuery::default() });
        loop {
            let page = house.journal(query.clone()).await;
            let Some(first) = page.first() else { break };
            assert!(page.len() <= size);
            query.before = first.place();
            seen.splice(0..0, page);
        }
        assert_eq!(seen, rows, "backwards in pages of {size}");
    }
}

async fn is_written_by_many_at_once(house: House) {
    let tasks = (0..64u64).map(|task| {
        let store = house.store.clone();
        tokio::spawn(async move {
            for n in 0..10 {
                let id = task * 10 + n + 1;
                store.commit(&whole(id)).await.unwrap();
                let story = store.callback(CallbackId(id)).await.unwrap();
                assert_eq!(story.map(|story| story.attempts.len()), Some(1), "what is committed is seen");
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let loaded = house.store.load(NOW, None).await.unwrap();
    assert_eq!((loaded.last_callback, loaded.callbacks.len(), loaded.attempts.len()), (640, 640, 640));
}

async fn is_backed_up_while_it_is_written(house: House) {
    a_day(&house).await;
    house.commit([Write::Paused(true), Write::Callback(closed(4))]).await;
    let file = house.folder.path().join("backup.db");
    let (before, journal) = (house.store.load(NOW, None).await, house.journal(JournalQuery::default()).await);
    house.store.backup(&file).await.unwrap();
    let copy = Sqlite::open(&file, Wall(1)).await.unwrap();
    assert_eq!(copy.load(NOW, None).await, before);
    assert_eq!(copy.journal(&JournalQuery::default()).await.unwrap(), journal);
    copy.close().await.unwrap();

    let store = house.store.clone();
    let writing = tokio::spawn(async move {
        for id in 100..400 {
            store.commit(&whole(id)).await.unwrap();
        }
    });
    let again = house.folder.path().join("again.db");
    house.store.backup(&again).await.unwrap();
    writing.await.unwrap();
    let copy = Sqlite::open(&again, NOW).await.unwrap();
    assert_whole(&copy, 100).await;
    copy.close().await.unwrap();
    assert_eq!(others_than(&house, &["again.db", "again.db.lock", "backup.db", "backup.db.lock"]), BTreeSet::new());
}

async fn writes_no_backup_over_anything(house: House) {
    let file = house.folder.path().join("precious");
    std::fs::write(&file, "precious").unwrap();
    assert!(matches!(house.store.backup(&file).await, Err(StoreError::Taken { .. })));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
    let nowhere = house.folder.path().join("no/such/folder");
    assert!(matches!(house.store.backup(&nowhere).await, Err(StoreError::Io { .. })));
    assert_eq!(others_than(&house, &["precious"]), BTreeSet::new());
}

/// What lies in the house's folder besides the store and these.
fn others_than(house: &House, known: &[&str]) -> BTreeSet<String> {
    let files = std::fs::read_dir(house.folder.path()).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.starts_with("store.db") && !known.contains(&name.as_str())).collect()
}

/// A commit of four rows that belong together.
fn whole(id: u64) -> [Write; 3] {
    let mut call = call(&format!("call-{id}"));
    call.callback = Some(CallbackId(id));
    [Write::Call(call), Write::Callback(callback(id)), Write::Attempt(attempt(id, 1))]
}

/// Every [`whole`] commit from this id on is there as a whole, and none is missing between two; gives the next id.
async fn assert_whole(store: &dyn Store, first: u64) -> u64 {
    let mut id = first;
    loop {
        let story = store.callback(CallbackId(id)).await.unwrap();
        let known = store.call_known(&ChannelId::new(&format!("call-{id}"))).await.unwrap();
        match story {
            Some(story) => {
                assert_eq!(story, CallbackStory { callback: callback(id), attempts: vec![attempt(id, 1)] });
                assert_eq!(known, Known::Open, "callback {id} without its call");
            }
            None => {
                assert_eq!(known, Known::No, "a call without its callback {id}");
                let last = store.load(NOW, None).await.unwrap().last_callback;
                assert!(last < id, "callback {id} is missing, {last} is there");
                return id;
            }
        }
        id += 1;
    }
}

fn queries() -> impl Strategy<Value = JournalQuery> {
    let place = (
        sample::times(),
        prop_oneof![
            sample::channels().prop_map(Subject::Call),
            (0..8u64).prop_map(|id| Subject::Callback(CallbackId(id)))
        ],
    );
    let place = place.prop_map(|(at, of)| perezvon::store::Place { at, of }).boxed();
    let mark = |word: BoxedStrategy<String>| {
        let lines = proptest::collection::vec(sample::names(), 0..3);
        proptest::option::weighted(0.15, (word, lines).prop_map(|(word, lines)| Mark { word, lines }))
    };
    let word = || prop_oneof![Just(String::new()), Just("a".to_owned())].boxed();
    let narrower = (
        mark(sample::names().prop_map(|name| name.to_string()).boxed()),
        proptest::option::weighted(0.15, sample::names()),
        mark(word()),
        mark(word()),
        proptest::collection::vec(proptest::sample::select(RowStatus::ALL.map(|(_, status)| status).to_vec()), 0..3),
        proptest::option::weighted(0.3, any::<bool>()),
        proptest::option::weighted(0.3, place.clone()),
    );
    (
        proptest::option::of(sample::times()),
        proptest::option::of(sample::times()),
        proptest::option::weighted(0.2, sample::numbers()),
        proptest::option::weighted(0.2, sample::names()),
        proptest::option::of(0..6usize),
        proptest::option::weighted(0.3, place),
        narrower,
    )
        .prop_map(|(since, until, number, line, limit, after, narrower)| {
            let (group, operator, source, campaign, status, redial, before) = narrower;
            let row = JournalQuery { since, until, number, line, limit, after, ..JournalQuery::default() };
            JournalQuery { group, operator, source, campaign, status, redial, before, ..row }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is written: SQLite gives the very answers that a map of records gives.
    #[test]
    fn the_stores_agree(
        commits in proptest::collection::vec(sample::commits(), 1..12),
        queries in proptest::collection::vec(queries(), 8),
        papers in proptest::collection::vec(sample::paper_queries(), 8),
        prune in sample::prunes(),
        now in sample::times(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let House { store, folder } = House::sqlite().await;
            let seed = store.load(NOW, None).await.unwrap().seed;
            let mut memory = Memory::new(seed, NOW);
            for commit in &commits {
                prop_assert_eq!(store.commit(commit).await.is_ok(), memory.commit(commit).is_ok());
            }
            store.close().await.unwrap();
            let store = Sqlite::open(&folder.path().join("store.db"), Wall(0)).await.unwrap();
            for calls in [None, Some(Span::minutes(60)), Some(Span(u64::MAX))] {
                prop_assert_eq!(store.load(now, calls).await.unwrap(), memory.load(now, calls));
            }
            for query in &queries {
                prop_assert_eq!(store.journal(query).await.unwrap(), memory.journal(query), "{:?}", query);
                let filter = CallbackFilter {
                    number: query.number,
                    line: query.line.clone(),
                    open: query.since.is_some(),
                    state: query.redial.map(|over| if over { "closed" } else { "waiting" }.to_owned()),
                    reason: query.operator.as_ref().map(|_| "cancelled".to_owned()),
                    list: None,
                    before: query.limit.map(|limit| CallbackId(limit as u64 * 3)),
                    limit: query.limit,
                };
                prop_assert_eq!(store.callbacks(&filter).await.unwrap(), memory.callbacks(&filter), "{:?}", filter);
            }
            for block in memory.blocked() {
                prop_assert_eq!(store.block(block.number).await.unwrap(), Some(block));
            }
            prop_assert_eq!(store.block(number(9)).await.unwrap(), memory.block(number(9)));
            for query in &papers {
                prop_assert_eq!(store.papers(query).await.unwrap(), memory.papers(query), "{:?}", query);
            }
            prop_assert_eq!(store.old(&prune).await.unwrap(), memory.old(&prune));
            for id in (0..8).map(CallbackId) {
                prop_assert_eq!(store.callback(id).await.unwrap(), memory.callback(id));
            }
            for id in commits.iter().flatten().filter_map(|write| match write { Write::Call(call) => Some(&call.id), _ => None }) {
                prop_assert_eq!(store.call_known(id).await.unwrap(), memory.call_known(id));
            }
            Ok(())
        })?;
    }

    /// What is still open comes back exactly as it was written.
    #[test]
    fn nothing_is_changed_on_the_way(commit in sample::commits(), now in sample::times()) {
        let mut memory = Memory::new(1, now);
        prop_assume!(memory.commit(&commit).is_ok());
        let loaded = memory.load(now, None);
        let last = |wanted: &dyn Fn(&Write) -> bool| commit.iter().rev().find(|write| wanted(write)).cloned();
        for call in loaded.calls {
            let id = call.id.clone();
            prop_assert_eq!(last(&|w| matches!(w, Write::Call(c) if c.id == id)), Some(Write::Call(call)));
        }
        for callback in loaded.callbacks {
            let id = callback.id;
            prop_assert_eq!(last(&|w| matches!(w, Write::Callback(c) if c.id == id)), Some(Write::Callback(callback)));
        }
        for attempt in loaded.attempts {
            let key = (attempt.job, attempt.n);
            prop_assert_eq!(last(&|w| matches!(w, Write::Attempt(a) if (a.job, a.n) == key)), Some(Write::Attempt(attempt)));
        }
    }
}

/// The words of the columns are those of the journal and the API.
#[test]
fn reasons_are_written_as_they_are_named() {
    let state = CallbackState::Closed { at: NOW, reason: CloseReason::AttemptsSpent };
    let json = serde_json::to_value(&state).unwrap();
    assert_eq!(json["reason"]["reason"], CloseReason::AttemptsSpent.as_str());
}
