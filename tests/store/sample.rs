//! Records to be stored: plain ones, and any that the types allow.

use perezvon::{
    engine::{
        Name,
        money::Amount,
        number::Number,
        paper::{Paper, PaperKind},
        record::{
            AttemptRecord, BlockRecord, Blocked, CallRecord, CallbackId, CallbackRecord, CallbackState, ChannelId,
            CloseReason, Job, KnownBy, Left, LegRecord, LiveId, Marks, OperatorRecord, Origin, Outcome, Queued, Role,
            Spent, Write,
        },
        time::{Span, Wall},
    },
    store::PaperQuery,
};
use proptest::{collection::vec, option, prelude::*, sample::select};

pub fn number(n: u64) -> Number {
    format!("+7916{n:07}").parse().unwrap()
}

/// A call that lives.
pub fn call(id: &str) -> CallRecord {
    CallRecord {
        id: ChannelId::new(id),
        switch: "main".into(),
        line: "site".into(),
        number: Some(number(1)),
        name: "O'Brien \"Робот\"; DROP TABLE calls".into(),
        arrived: Wall(1_800_000_000_000),
        served: None,
        operator: None,
        talk: Span::ZERO,
        ended: None,
        missed: None,
        cause: String::new(),
        callback: None,
        known_by: KnownBy::Event,
        queue: None,
        waited: Span::ZERO,
        previous: None,
        marks: Box::default(),
    }
}

/// A callback that waits.
pub fn callback(id: u64) -> CallbackRecord {
    CallbackRecord {
        id: CallbackId(id),
        number: number(id),
        name: "Иван".into(),
        line: "site".into(),
        origin: Origin::Missed { call: ChannelId::new(&format!("call-{id}")) },
        opened: Wall(1_800_000_001_000),
        last_miss: Wall(1_800_000_001_000),
        misses: 1,
        state: CallbackState::Waiting,
        due: Wall(1_800_000_301_000),
        expires: Wall(1_800_086_401_000),
        attempts: 1,
        spent: 0,
        setbacks: 0,
        last: None,
        marks: Box::default(),
        wanted: false,
    }
}

/// A callback that is over.
pub fn closed(id: u64) -> CallbackRecord {
    let reason = CloseReason::Cancelled { by: "anna".into() };
    CallbackRecord { state: CallbackState::Closed { at: Wall(1_800_000_400_000), reason }, ..callback(id) }
}

/// An attempt under way, with both legs.
pub fn attempt(callback: u64, n: u32) -> AttemptRecord {
    let leg = |role, who: &str| LegRecord {
        id: ChannelId::new(&format!("{who}-{callback}-{n}")),
        role,
        who: who.into(),
        phone: None,
        intended: Wall(1_800_000_301_000),
        ring: Span::seconds(30),
        answered: None,
        ended: None,
        cause: String::new(),
    };
    AttemptRecord {
        job: CallbackId(callback).into(),
        n,
        switch: "main".into(),
        started: Wall(1_800_000_301_000),
        operator: Some("anna".into()),
        legs: vec![leg(Role::Operator, "anna"), leg(Role::Client, "provider")],
        took: None,
        joined: None,
        handed_to: None,
        recording: None,
        ended: None,
        outcome: None,
        cause: String::new(),
    }
}

pub fn times() -> impl Strategy<Value = Wall> {
    prop_oneof![6 => 0..40i64, 1 => select(vec![i64::MIN, i64::MAX]), 1 => any::<i64>()].prop_map(Wall)
}

pub fn numbers() -> impl Strategy<Value = Number> {
    prop_oneof![3 => (0..4u64).prop_map(number), 1 => (10_000_000..999_999_999_999_999u64).prop_map(|n| format!("+{n}").parse().unwrap())]
}

pub fn names() -> impl Strategy<Value = Name> {
    prop_oneof![3 => select(vec!["site", "shop", ""]).prop_map(Name::from), 1 => texts().prop_map(Name::from)]
}

pub fn channels() -> impl Strategy<Value = ChannelId> {
    prop_oneof![3 => select(vec!["a", "b", "ab", "B"]).prop_map(ChannelId::new), 1 => texts().prop_map(|id| ChannelId::new(&id))]
}

/// Anything: line breaks, quotes, NULs, all of Unicode.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), Just("\0'\"${}\r\n\u{feff}я".to_owned())]
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    use Outcome::*;
    select(vec![
        Talked,
        Busy,
        NoAnswer,
        Invalid,
        Declined,
        Machine,
        Network,
        OperatorUnavailable,
        OperatorDeclined,
        Postponed,
        Cancelled,
        Unknown,
    ])
}

fn calls() -> impl Strategy<Value = CallRecord> {
    let whose = (channels(), names(), names(), option::of(numbers()), texts());
    let when = (times(), option::of(times()), option::of(names()), any::<u64>(), option::of(times()));
    let how = (
        any::<Option<bool>>(),
        texts(),
        option::of(callback_ids()),
        select(vec![KnownBy::Event, KnownBy::Cdr, KnownBy::Guess]),
    );
    let whence = (any::<u64>(), option::of(times()), marks(), option::of(queued()));
    (whose, when, how, whence).prop_map(
        |(
            (id, switch, line, number, name),
            (arrived, served, operator, talk, ended),
            (missed, cause, callback, known_by),
            (waited, previous, marks, queue),
        )| {
            let talk = Span(talk);
            CallRecord {
                id,
                switch,
                line,
                number,
                name,
                arrived,
                served,
                operator,
                talk,
                ended,
                missed,
                cause,
                callback,
                known_by,
                waited: Span(waited),
                previous,
                marks: Box::new(marks),
                queue: queue.map(Box::new),
            }
        },
    )
}

fn queued() -> impl Strategy<Value = Queued> {
    use Left::*;
    let left = select(vec![Served, Abandoned, Short, CallBack, Key, Closed, Nobody, Full, Late, GivenBack]);
    let files = (option::of(texts()), option::of(texts()), option::of(names()));
    (names(), times(), any::<u32>(), option::of(left), files, any::<bool>()).prop_map(
        |(group, since, rounds, left, (voicemail, recording, handed_to), no_callback)| Queued {
            group,
            since,
            rounds,
            left,
            voicemail,
            recording,
            handed_to,
            no_callback,
        },
    )
}

fn marks() -> impl Strategy<Value = Marks> {
    [texts(), texts(), texts(), texts(), texts()].prop_map(|[channel, source, campaign, page, tags]| Marks {
        channel,
        source,
        campaign,
        page,
        tags,
    })
}

fn blocks() -> impl Strategy<Value = BlockRecord> {
    let why = prop_oneof![
        select(vec![Blocked::Invalid, Blocked::Declined]),
        names().prop_map(|by| Blocked::Operator { by }),
        texts().prop_map(|by| Blocked::Person { by }),
    ];
    (numbers(), times(), why).prop_map(|(number, at, why)| BlockRecord { number, at, why })
}

fn spent() -> impl Strategy<Value = Spent> {
    (names(), 0..4u32, any::<u64>()).prop_map(|(trunk, month, amount)| Spent { trunk, month, amount: Amount(amount) })
}

fn paper_kinds() -> impl Strategy<Value = PaperKind> {
    select(PaperKind::ALL.map(|(_, kind)| kind).to_vec())
}

fn paper_ids() -> impl Strategy<Value = String> {
    prop_oneof![3 => select(vec!["a", "b", "Б"]).prop_map(str::to_owned), 1 => texts()]
}

fn papers() -> impl Strategy<Value = Paper> {
    let about = prop_oneof![2 => Just(String::new()), 2 => Just("+79161234567".to_owned()), 1 => texts()];
    (paper_kinds(), paper_ids(), about, times(), texts()).prop_map(|(kind, id, about, at, body)| Paper {
        kind,
        id,
        about,
        at,
        body,
    })
}

pub fn paper_queries() -> impl Strategy<Value = PaperQuery> {
    let about = select(vec!["", "+79161234567"]).prop_map(str::to_owned);
    let after = option::weighted(0.3, (times(), paper_ids()));
    let which =
        (option::weighted(0.7, paper_kinds()), option::weighted(0.4, about), option::weighted(0.2, paper_ids()));
    (which, after, option::of(0..4usize)).prop_map(|((kind, about, id), after, limit)| PaperQuery {
        kind,
        about,
        id,
        after,
        limit,
    })
}

fn callback_ids() -> impl Strategy<Value = CallbackId> {
    (1..6u64).prop_map(CallbackId)
}

fn reasons() -> impl Strategy<Value = CloseReason> {
    use CloseReason::*;
    prop_oneof![
        select(vec![Talked, Invalid, Declined, AttemptsSpent, Expired]),
        channels().prop_map(|call| ClientCalled { call }),
        option::of(names()).prop_map(|operator| OperatorCalled { operator }),
        texts().prop_map(|by| Cancelled { by }),
        names().prop_map(|operator| Observed { operator }),
    ]
}

fn states() -> impl Strategy<Value = CallbackState> {
    use CallbackState::*;
    prop_oneof![
        select(vec![Tracking, Waiting, Active]),
        (times(), reasons()).prop_map(|(at, reason)| Closed { at, reason })
    ]
}

fn callbacks() -> impl Strategy<Value = CallbackRecord> {
    let origin = prop_oneof![
        channels().prop_map(|call| Origin::Missed { call }),
        channels().prop_map(|call| Origin::Queue { call }),
        texts().prop_map(|by| Origin::ByHand { by }),
        texts().prop_map(|list| Origin::Listed { list }),
        texts().prop_map(|site| Origin::Web { site }),
    ];
    let whose = (callback_ids(), numbers(), texts(), names(), origin, states());
    let counts = (any::<[u32; 4]>(), option::of(outcomes()));
    (whose, [times(), times(), times(), times()], counts, (marks(), any::<bool>())).prop_map(
        |(
            (id, number, name, line, origin, state),
            [opened, last_miss, due, expires],
            ([misses, attempts, spent, setbacks], last),
            (marks, wanted),
        )| {
            CallbackRecord {
                id,
                number,
                name,
                line,
                origin,
                opened,
                last_miss,
                misses,
                state,
                due,
                expires,
                attempts,
                spent,
                setbacks,
                last,
                marks: Box::new(marks),
                wanted,
            }
        },
    )
}

fn legs() -> impl Strategy<Value = LegRecord> {
    let role = select(vec![Role::Operator, Role::Client]);
    let end = (option::of(times()), option::of(times()), texts());
    (channels(), role, (names(), option::of(names())), times(), any::<u64>(), end).prop_map(
        |(id, role, (who, phone), intended, ring, (answered, ended, cause))| LegRecord {
            id,
            role,
            who,
            phone,
            intended,
            ring: Span(ring),
            answered,
            ended,
            cause,
        },
    )
}

fn attempts() -> impl Strategy<Value = AttemptRecord> {
    let live = channels().prop_map(|channel| Job::Live(LiveId::of(&channel)));
    let jobs = prop_oneof![3 => callback_ids().prop_map(Job::Callback), 1 => live];
    let which = (jobs, 0..4u32, names(), times());
    let how = (option::of(names()), vec(legs(), 0..4), option::of(channels()));
    let end = (option::of(times()), option::of(times()), option::of(outcomes()), texts());
    let talk = (option::of(names()), option::of(texts()));
    (which, how, end, talk).prop_map(
        |(
            (job, n, switch, started),
            (operator, legs, took),
            (joined, ended, outcome, cause),
            (handed_to, recording),
        )| AttemptRecord {
            job,
            n,
            switch,
            started,
            operator,
            legs,
            took,
            joined,
            handed_to,
            recording,
            ended,
            outcome,
            cause,
        },
    )
}

fn operators() -> impl Strategy<Value = OperatorRecord> {
    let counted = (0..9u32, any::<u32>(), option::of(times()));
    let said = (texts(), option::of(times()));
    (names(), any::<bool>(), times(), option::of(times()), counted, said).prop_map(
        |(name, ready, since, last_talk, (talks, talk_time, offered), (why, pause))| OperatorRecord {
            name,
            ready,
            since,
            last_talk,
            talks,
            talk_time: Span(talk_time.into()),
            offered,
            why,
            pause,
        },
    )
}

/// One commit. Some name callbacks that are not there.
pub fn commits() -> impl Strategy<Value = Vec<Write>> {
    let write = prop_oneof![
        3 => calls().prop_map(Write::Call),
        5 => callbacks().prop_map(Write::Callback),
        3 => attempts().prop_map(Write::Attempt),
        1 => operators().prop_map(Write::Operator),
        1 => any::<bool>().prop_map(Write::Paused),
        1 => blocks().prop_map(Write::Block),
        1 => numbers().prop_map(Write::Unblock),
        1 => (texts(), any::<bool>()).prop_map(|(list, paused)| Write::ListPaused { list, paused }),
        1 => spent().prop_map(Write::Spent),
        2 => papers().prop_map(Write::Paper),
        1 => (paper_kinds(), paper_ids()).prop_map(|(kind, id)| Write::Discard { kind, id }),
    ];
    vec(write, 0..10)
}
