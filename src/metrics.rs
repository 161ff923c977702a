//! One table of every metric, and how what happens becomes numbers. No label ever holds a telephone number or a uuid.

use crate::engine::{
    OperatorState, Status,
    effect::{Alarm, AlarmKind, Notice},
    record::{CallRecord, CallbackRecord, CallbackState, Left, Origin, Outcome},
    rules::Rules,
    time::{Span, Wall},
};
use metrics::{Label, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::time::Duration;

/// What a metric does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Times, sorted into buckets.
    Histogram,
}

/// One metric.
#[derive(Debug)]
pub struct Metric {
    /// Its name, by Prometheus' rules: `perezvon_`, base unit, `_total` for counters.
    pub name: &'static str,
    /// What it does.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it says, for people.
    pub help: &'static str,
    /// The upper bounds of a histogram's buckets, in seconds.
    pub buckets: &'static [f64],
}

/// From a miss to something done about it: seconds to a day.
const WAITS: &[f64] =
    &[10.0, 30.0, 60.0, 120.0, 300.0, 420.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14_400.0, 28_800.0, 86_400.0];
/// A commit: a tenth of a millisecond to a stuck disk.
const COMMITS: &[f64] = &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];
/// A step of the engine: microseconds.
const STEPS: &[f64] = &[0.000_001, 0.000_005, 0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.01, 0.1];
/// A wait on the line: seconds to half an hour.
const ON_THE_LINE: &[f64] =
    &[5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1200.0, 1800.0];
const TALKS: &[f64] = &[5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 3600.0];

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, labels, help, buckets: &[] }
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, labels, help, buckets: &[] }
}

const fn times(name: &'static str, buckets: &'static [f64], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram, labels: &[], help, buckets }
}

const CALLS: Metric = counter(
    "perezvon_calls_total",
    &["line", "outcome"],
    "Clients' calls that ended: got-through, missed or unserved.",
);
const MISSED: Metric = counter("perezvon_missed_calls_total", &["line"], "Clients' calls that were missed.");
const LIVE: Metric = gauge("perezvon_live_calls", &[], "Clients' calls that are alive.");
const OPENED: Metric = counter("perezvon_callbacks_opened_total", &["line", "origin"], "Callbacks opened.");
const JOINED: Metric = counter("perezvon_callbacks_joined_total", &["line"], "Misses that joined an open callback.");
const CLOSED: Metric = counter("perezvon_callbacks_closed_total", &["line", "reason"], "Callbacks closed, by why.");
const OPEN: Metric = gauge("perezvon_callbacks_open", &["state"], "Open callbacks by state.");
const QUEUE: Metric = gauge("perezvon_queue_length", &[], "Callbacks that are due and wait for an operator.");
const WAITING: Metric =
    gauge("perezvon_queue_waiting", &["group"], "Clients who wait on the line for a group's operators.");
const LONGEST_WAIT: Metric = gauge(
    "perezvon_queue_longest_wait_seconds",
    &["group"],
    "How long the client has waited who waits longest on the line; 0: nobody waits.",
);
const COMING: Metric = gauge(
    "perezvon_queue_operators",
    &["group"],
    "Operators of a group who take calls, now or after the one that they are on.",
);
const LEFT: Metric =
    counter("perezvon_queue_left_total", &["group", "left"], "Clients who left the queue of a group, by how.");
const IN_TIME: Metric = counter(
    "perezvon_queue_in_time_total",
    &["group"],
    "Clients of the queue who were answered within their line's in_time.",
);
const IN_VAIN: Metric = counter(
    "perezvon_queue_rounds_in_vain_total",
    &["group"],
    "Rounds of ringing operators for a client on the line that no operator took.",
);
const WAIT: Metric =
    times("perezvon_queue_wait_seconds", ON_THE_LINE, "How long clients of the queue waited who were answered.");
const ABANDONED: Metric = times(
    "perezvon_queue_abandoned_wait_seconds",
    ON_THE_LINE,
    "How long clients of the queue waited who hung up, but for those who did so at once.",
);
const ATTEMPTS: Metric = counter("perezvon_attempts_total", &["outcome"], "Attempts that ended, by outcome.");
const TALKING: Metric = gauge("perezvon_talks", &[], "Attempts in which client and operator talk now.");
const FIRST_DIAL: Metric =
    times("perezvon_miss_to_first_dial_seconds", WAITS, "From the last miss to the first ring of an operator.");
const TO_TALK: Metric = times("perezvon_miss_to_talk_seconds", WAITS, "From the last miss to the talk.");
const TALK: Metric = times("perezvon_talk_seconds", TALKS, "How long client and operator talked in a callback.");
const OPERATORS: Metric = gauge("perezvon_operators", &["state"], "Operators by what they do.");
const PAUSED: Metric = gauge("perezvon_paused", &[], "1 while all dialling is paused.");
const SWITCH_UP: Metric = gauge("perezvon_switch_up", &["switch"], "1 while we are logged in to the switch.");
const RECONNECTS: Metric =
    counter("perezvon_switch_reconnects_total", &["switch"], "Connections to the switch made anew.");
const EVENTS: Metric = counter("perezvon_switch_events_total", &["event"], "Events of the switches by name.");
const SESSIONS: Metric =
    gauge("perezvon_outbound_sessions", &[], "Connections by which dialplans give us their callers, now.");
const GIVEN: Metric = counter("perezvon_outbound_given_total", &[], "Callers whom a dialplan gave to us.");
const TURNED_AWAY: Metric = counter(
    "perezvon_outbound_refused_total",
    &["reason"],
    "Connections of dialplans that were let go: address, limit, silent, unfit, unknown-switch, switch-down.",
);
const CDRS: Metric =
    counter("perezvon_cdr_total", &["result"], "Call detail records: taken, known, malformed, refused.");
const STORE_UP: Metric = gauge("perezvon_store_up", &[], "1 while the store takes writes.");
const COMMIT: Metric = times("perezvon_commit_seconds", COMMITS, "How long the store took for a commit.");
const COMMIT_FAILED: Metric = counter("perezvon_commit_failures_total", &[], "Commits that the store refused.");
const STEP: Metric = times("perezvon_step_seconds", STEPS, "How long the engine took for a step.");
const ALARMS: Metric = counter("perezvon_alarms_total", &["kind"], "Troubles that a person should know of.");
const BUILD: Metric = gauge("perezvon_build_info", &["version"], "1, with the version of the program.");

/// Every metric that the program exports.
pub const ALL: &[&Metric] = &[
    &CALLS,
    &MISSED,
    &LIVE,
    &OPENED,
    &JOINED,
    &CLOSED,
    &OPEN,
    &QUEUE,
    &WAITING,
    &LONGEST_WAIT,
    &COMING,
    &LEFT,
    &IN_TIME,
    &IN_VAIN,
    &WAIT,
    &ABANDONED,
    &ATTEMPTS,
    &TALKING,
    &FIRST_DIAL,
    &TO_TALK,
    &TALK,
    &OPERATORS,
    &PAUSED,
    &SWITCH_UP,
    &RECONNECTS,
    &EVENTS,
    &SESSIONS,
    &GIVEN,
    &TURNED_AWAY,
    &CDRS,
    &STORE_UP,
    &COMMIT,
    &COMMIT_FAILED,
    &STEP,
    &ALARMS,
    &BUILD,
];

/// How attempts end, as [`crate::engine::record::Outcome::as_str`] says it.
const ATTEMPT_OUTCOMES: [&str; 12] = [
    "talked",
    "busy",
    "no-answer",
    "invalid",
    "declined",
    "machine",
    "network",
    "operator-unavailable",
    "operator-declined",
    "postponed",
    "cancelled",
    "unknown",
];
/// Why callbacks are closed, as [`crate::engine::record::CloseReason::as_str`] says it.
const CLOSE_REASONS: [&str; 9] = [
    "talked",
    "client-called",
    "operator-called",
    "invalid",
    "declined",
    "attempts-spent",
    "expired",
    "cancelled",
    "observed",
];

/// How callers leave the queue, as [`Left::as_str`] says it.
const LEFTS: [&str; 10] =
    ["served", "abandoned", "short", "call-back", "key", "closed", "nobody", "full", "late", "given-back"];

impl Metric {
    fn labels(&self, values: &[&str]) -> Vec<Label> {
        debug_assert_eq!(values.len(), self.labels.len(), "{}", self.name);
        self.labels.iter().zip(values).map(|(name, value)| Label::new(*name, (*value).to_owned())).collect()
    }

    fn count(&self, values: &[&str]) {
        metrics::counter!(self.name, self.labels(values)).increment(1);
    }

    fn begin(&self, values: &[&str]) {
        metrics::counter!(self.name, self.labels(values)).absolute(0);
    }

    fn set(&self, values: &[&str], to: f64) {
        metrics::gauge!(self.name, self.labels(values)).set(to);
    }

    fn seconds(&self, seconds: f64) {
        metrics::histogram!(self.name).record(seconds);
    }
}

/// How often the samples of histograms are summed up: each takes eight bytes until then, whether anybody scrapes or not.
const UPKEEP: Duration = Duration::from_secs(2);

/// Makes this program's metrics the process's, describes them, and sums them up from time to time. Once a process, in a
/// runtime of tokio.
///
/// # Errors
/// Metrics are installed already.
pub fn install() -> Result<PrometheusHandle, String> {
    let recorder = builder()?.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|error| error.to_string())?;
    describe_all();
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}

fn builder() -> Result<PrometheusBuilder, String> {
    ALL.iter().filter(|metric| metric.kind == Kind::Histogram).try_fold(PrometheusBuilder::new(), |builder, metric| {
        let matcher = Matcher::Full(metric.name.to_owned());
        builder.set_buckets_for_metric(matcher, metric.buckets).map_err(|error| error.to_string())
    })
}

/// Tells the recorder what each metric is, and begins those without labels at zero: an alert on a counter that was never
/// seen would never fire.
pub fn describe_all() {
    for metric in ALL {
        match metric.kind {
            Kind::Counter => metrics::describe_counter!(metric.name, metric.help),
            Kind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
            Kind::Histogram => metrics::describe_histogram!(metric.name, Unit::Seconds, metric.help),
        }
        if metric.kind == Kind::Counter && metric.labels.is_empty() {
            metrics::counter!(metric.name).absolute(0);
        }
    }
    for kind in AlarmKind::ALL {
        ALARMS.begin(&[kind.as_str()]);
    }
    SESSIONS.set(&[], 0.0);
    TurnedAway::ALL.iter().for_each(|why| TURNED_AWAY.begin(&[why.as_str()]));
    for outcome in ATTEMPT_OUTCOMES {
        ATTEMPTS.begin(&[outcome]);
    }
    BUILD.set(&[env!("CARGO_PKG_VERSION")], 1.0);
}

/// Begins what is counted by line or by group at zero, for all of these rules: what appears as 1 is no increase to Prometheus, so
/// the first missed call after a start would not be seen.
pub fn lines(rules: &Rules) {
    for line in rules.lines.keys() {
        MISSED.begin(&[line]);
        JOINED.begin(&[line]);
        ["got-through", "missed", "unserved"].iter().for_each(|outcome| CALLS.begin(&[line, outcome]));
        ["missed", "by-hand", "listed", "queue", "web"].iter().for_each(|origin| OPENED.begin(&[line, origin]));
        CLOSE_REASONS.iter().for_each(|reason| CLOSED.begin(&[line, reason]));
    }
    for group in rules.groups.keys() {
        IN_TIME.begin(&[group]);
        IN_VAIN.begin(&[group]);
        LEFTS.iter().for_each(|left| LEFT.begin(&[group, left]));
    }
}

/// Counts a fact. `at` is when it happened.
pub fn notice(at: Wall, notice: &Notice) {
    match notice {
        Notice::CallEnded(call) => call_ended(call),
        Notice::Opened(callback) => OPENED.count(&[&callback.line, origin(callback)]),
        Notice::Joined(callback) => JOINED.count(&[&callback.line]),
        Notice::Ringing { attempt: 1, since, .. } => FIRST_DIAL.seconds(seconds(at.since(*since))),
        Notice::Joint { since, .. } => TO_TALK.seconds(seconds(at.since(*since))),
        Notice::AttemptEnded { outcome, talk, .. } => {
            ATTEMPTS.count(&[outcome.as_str()]);
            if *talk > Span::ZERO {
                TALK.seconds(seconds(*talk));
            }
        }
        Notice::LeftQueue { group, left, waited, in_time } => left_queue(group, *left, *waited, *in_time),
        Notice::OffersOver { group, outcome: Outcome::OperatorUnavailable | Outcome::OperatorDeclined, .. } => {
            IN_VAIN.count(&[group]);
        }
        Notice::Closed { callback, reason } => CLOSED.count(&[&callback.line, reason.as_str()]),
        Notice::CallArrived(_)
        | Notice::CallServed(_)
        | Notice::Blocked(_)
        | Notice::AtOperator { .. }
        | Notice::Operator(_)
        | Notice::Reopened(_)
        | Notice::Queued(_)
        | Notice::Offered { .. }
        | Notice::OffersOver { .. }
        | Notice::Ringing { .. }
        | Notice::OperatorAnswered { .. }
        | Notice::Dialling { .. } => {}
    }
}

fn left_queue(group: &str, left: Left, waited: Span, in_time: bool) {
    LEFT.count(&[group, left.as_str()]);
    if in_time {
        IN_TIME.count(&[group]);
    }
    match left {
        Left::Served => WAIT.seconds(seconds(waited)),
        Left::Abandoned => ABANDONED.seconds(seconds(waited)),
        _ => {}
    }
}

fn call_ended(call: &CallRecord) {
    let outcome = match (call.missed, call.served) {
        (Some(true), _) => "missed",
        (_, Some(_)) => "got-through",
        (_, None) => "unserved",
    };
    CALLS.count(&[&call.line, outcome]);
    if call.missed == Some(true) {
        MISSED.count(&[&call.line]);
    }
}

fn origin(callback: &CallbackRecord) -> &'static str {
    match callback.origin {
        Origin::Missed { .. } => "missed",
        Origin::ByHand { .. } => "by-hand",
        Origin::Queue { .. } => "queue",
        Origin::Listed { .. } => "listed",
        Origin::Web { .. } => "web",
    }
}

fn seconds(span: Span) -> f64 {
    Duration::from_millis(span.0).as_secs_f64()
}

/// Counts a trouble.
pub fn alarm(alarm: &Alarm) {
    ALARMS.count(&[alarm.kind.as_str()]);
}

/// Shows how things stand; to be called before each scrape.
pub fn status(status: &Status, now: Wall) {
    for (name, state) in OperatorState::ALL {
        OPERATORS.set(&[name], count(&status.operators, |operator| operator.state == state));
    }
    let open = |name, is: fn(&CallbackState) -> bool| OPEN.set(&[name], count(&status.callbacks, |c| is(&c.state)));
    open("tracking", |state| matches!(state, CallbackState::Tracking));
    open("waiting", |state| matches!(state, CallbackState::Waiting));
    open("active", |state| matches!(state, CallbackState::Active | CallbackState::Ending { .. }));
    let due = |callback: &CallbackRecord| callback.state == CallbackState::Waiting && callback.due <= now;
    QUEUE.set(&[], count(&status.callbacks, due));
    for queue in &status.queues {
        WAITING.set(&[&queue.group], queue.waiting.len() as f64);
        COMING.set(&[&queue.group], queue.operators as f64);
        let longest = queue.waiting.iter().map(|waiter| waiter.waited).max().unwrap_or_default();
        LONGEST_WAIT.set(&[&queue.group], seconds(longest));
    }
    LIVE.set(&[], status.calls.len() as f64);
    TALKING.set(&[], status.talking as f64);
    PAUSED.set(&[], f64::from(u8::from(status.paused)));
    STORE_UP.set(&[], f64::from(u8::from(status.store_works)));
    for switch in &status.switches {
        SWITCH_UP.set(&[&switch.name], f64::from(u8::from(switch.up)));
    }
}

fn count<T>(items: &[T], is: impl Fn(&T) -> bool) -> f64 {
    items.iter().filter(|item| is(item)).count() as f64
}

/// The link to a switch is there, or is lost; `again`: it was there before.
pub fn switch_link(switch: &str, up: bool, again: bool) {
    SWITCH_UP.set(&[switch], f64::from(u8::from(up)));
    if up && again {
        RECONNECTS.count(&[switch]);
    }
}

/// An event of a switch. The name must be one that the program knows, so that there are not more labels than those.
pub fn event(name: &'static str) {
    metrics::counter!(EVENTS.name, EVENTS.labels[0] => name).increment(1);
}

/// So many dialplans hold a connection now.
pub fn sessions(now: usize) {
    SESSIONS.set(&[], now as f64);
}

/// A dialplan gave us a caller.
pub fn given() {
    GIVEN.count(&[]);
}

/// A dialplan's connection was let go.
pub fn turned_away(why: TurnedAway) {
    TURNED_AWAY.count(&[why.as_str()]);
}

/// Why a dialplan's connection is let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TurnedAway {
    /// From an address that is not allowed.
    Address,
    /// There are as many as there may be.
    Limit,
    /// It does not say in time what it is.
    Silent,
    /// It is no caller's channel of a switch, or its `socket` lacks a word.
    Unfit,
    /// The switch is none of ours.
    UnknownSwitch,
    /// We are not logged in to the switch.
    SwitchDown,
}

impl TurnedAway {
    /// All of them.
    pub const ALL: [TurnedAway; 6] = [
        TurnedAway::Address,
        TurnedAway::Limit,
        TurnedAway::Silent,
        TurnedAway::Unfit,
        TurnedAway::UnknownSwitch,
        TurnedAway::SwitchDown,
    ];

    /// As the metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            TurnedAway::Address => "address",
            TurnedAway::Limit => "limit",
            TurnedAway::Silent => "silent",
            TurnedAway::Unfit => "unfit",
            TurnedAway::UnknownSwitch => "unknown-switch",
            TurnedAway::SwitchDown => "switch-down",
        }
    }
}

/// What became of a call detail record.
pub fn cdr(result: CdrResult) {
    CDRS.count(&[match result {
        CdrResult::Taken => "taken",
        CdrResult::Known => "known",
        CdrResult::Malformed => "malformed",
        CdrResult::Refused => "refused",
    }]);
}

/// What becomes of a call detail record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CdrResult {
    /// It told something new.
    Taken,
    /// What it tells is known.
    Known,
    /// It is none.
    Malformed,
    /// It could not be stored, or it is not known whose it is.
    Refused,
}

/// A commit took this long.
pub fn commit(took: Duration, done: bool) {
    COMMIT.seconds(took.as_secs_f64());
    if !done {
        COMMIT_FAILED.count(&[]);
    }
}

/// A step of the engine took this long.
pub fn step(took: Duration) {
    STEP.seconds(took.as_secs_f64());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::record::{CallbackId, ChannelId, CloseReason, Job, KnownBy};

    fn call() -> CallRecord {
        CallRecord {
            id: ChannelId::new("8f1c0c3e-0000-4000-8000-000000000001"),
            switch: "main".into(),
            line: "site".into(),
            number: "+79161234567".parse().ok(),
            name: "Иван".into(),
            arrived: Wall(0),
            served: None,
            operator: None,
            talk: Span::ZERO,
            ended: Some(Wall(5000)),
            missed: Some(true),
            cause: "NORMAL_CLEARING".into(),
            callback: Some(CallbackId(1)),
            known_by: KnownBy::Event,
            queue: None,
            waited: Span::ZERO,
            previous: None,
            marks: Box::default(),
        }
    }

    fn callback() -> CallbackRecord {
        CallbackRecord {
            id: CallbackId(1),
            number: "+79161234567".parse().unwrap(),
            name: "Иван".into(),
            line: "site".into(),
            origin: Origin::Missed { call: call().id },
            opened: Wall(5000),
            last_miss: Wall(5000),
            misses: 1,
            state: CallbackState::Waiting,
            due: Wall(0),
            expires: Wall(86_400_000),
            attempts: 1,
            spent: 1,
            setbacks: 0,
            last: None,
            marks: Box::default(),
            wanted: false,
        }
    }

    fn everything_once() {
        let number = callback().number;
        let (callback_id, since) = (CallbackId(1), Wall(5000));
        for what in [
            Notice::CallArrived(call()),
            Notice::CallEnded(call()),
            Notice::Opened(callback()),
            Notice::Joined(callback()),
            Notice::Ringing { callback: callback_id, attempt: 1, operators: vec!["anna".into()], number, since },
            Notice::Joint { callback: callback_id, operator: "anna".into(), number, took: false, since },
            Notice::AttemptEnded {
                callback: callback_id,
                attempt: 1,
                number,
                operator: None,
                outcome: Outcome::Talked,
                talk: Span::seconds(40),
                again: None,
            },
            Notice::Closed { callback: callback(), reason: CloseReason::Talked },
            Notice::LeftQueue { group: "sales".into(), left: Left::Served, waited: Span::seconds(12), in_time: true },
            Notice::LeftQueue {
                group: "sales".into(),
                left: Left::Abandoned,
                waited: Span::seconds(40),
                in_time: false,
            },
            Notice::OffersOver {
                job: Job::Callback(callback_id),
                group: "sales".into(),
                outcome: Outcome::OperatorUnavailable,
            },
        ] {
            notice(Wall(315_000), &what);
        }
        alarm(&Alarm { kind: AlarmKind::Trunk, text: String::new() });
        switch_link("main", true, true);
        event("CHANNEL_CREATE");
        sessions(1);
        given();
        turned_away(TurnedAway::Silent);
        cdr(CdrResult::Taken);
        commit(Duration::from_millis(2), false);
        step(Duration::from_micros(4));
        let view = crate::engine::SwitchView { name: "main".into(), up: true, settled: true };
        let now = Status {
            held: Vec::new(),
            paused_lists: Vec::new(),
            paused: false,
            draining: false,
            observe: false,
            store_works: true,
            switches: vec![view],
            operators: Vec::new(),
            queues: vec![crate::engine::QueueView { group: "sales".into(), operators: 2, waiting: Vec::new() }],
            calls: vec![call()],
            callbacks: vec![callback()],
            attempts: 0,
            talking: 0,
        };
        status(&now, Wall(1));
    }

    fn rendered() -> String {
        let recorder = builder().unwrap().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            describe_all();
            everything_once();
        });
        recorder.handle().render()
    }

    #[test]
    fn names_keep_the_rules() {
        for metric in ALL {
            let name = metric.name;
            assert!(
                name.starts_with("perezvon_") && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{name}"
            );
            assert_eq!(metric.kind == Kind::Counter, name.ends_with("_total"), "{name}");
            assert!(metric.kind != Kind::Histogram || name.ends_with("_seconds"), "{name}");
            assert_eq!(metric.kind == Kind::Histogram, !metric.buckets.is_empty(), "{name}");
            assert!(metric.buckets.is_sorted() && metric.help.ends_with('.'), "{name}");
            for label in metric.labels {
                let allowed = [
                    "line", "group", "left", "outcome", "origin", "reason", "state", "switch", "event", "result",
                    "kind", "version",
                ];
                assert!(allowed.contains(label), "{name} has the label {label}");
            }
        }
        let mut names: Vec<&str> = ALL.iter().map(|metric| metric.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len(), "each name once");
    }

    #[test]
    fn what_is_exported_is_in_the_table_and_all_of_it_is_exported() {
        let text = rendered();
        let typed = |metric: &Metric| text.contains(&format!("# TYPE {} ", metric.name));
        for metric in ALL {
            assert!(typed(metric) && text.contains(&format!("# HELP {} ", metric.name)), "{} in {text}", metric.name);
        }
        for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let name = line.split(' ').next().unwrap();
            assert!(ALL.iter().any(|metric| metric.name == name), "{name}");
        }
    }

    #[test]
    fn what_has_not_happened_yet_is_zero_and_a_reload_forgets_nothing() {
        let recorder = builder().unwrap().build_recorder();
        let toml = "[switch.main]\npassword = \"x\"\n[trunk.a]\ndial = \"sofia/gateway/a/{number}\"\n[[operator]]\nname = \"anna\"\n\
                    dial = \"user/1\"\n[[line]]\nname = \"site\"\nnumbers = [\"+74951112233\"]\n";
        let config = crate::config::parse("a", toml, std::path::Path::new("."), std::iter::empty()).unwrap();
        metrics::with_local_recorder(&recorder, || {
            describe_all();
            lines(&config.rules);
            MISSED.count(&["site"]);
            lines(&config.rules);
        });
        let text = recorder.handle().render();
        for line in [
            "perezvon_missed_calls_total{line=\"site\"} 1",
            "perezvon_callbacks_closed_total{line=\"site\",reason=\"talked\"} 0",
            "perezvon_alarms_total{kind=\"trunk\"} 0",
            "perezvon_attempts_total{outcome=\"network\"} 0",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }

    #[test]
    fn no_label_tells_who_called() {
        let text = rendered();
        for secret in ["7916", "8f1c0c3e", "Иван", "anna"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert!(text.contains("perezvon_calls_total{line=\"site\",outcome=\"missed\"} 1"), "{text}");
        assert!(text.contains("perezvon_miss_to_first_dial_seconds_bucket{le=\"420\"} 1"), "{text}");
        assert!(text.contains("perezvon_queue_length 1"), "{text}");
        for line in [
            "perezvon_queue_left_total{group=\"sales\",left=\"abandoned\"} 1",
            "perezvon_queue_in_time_total{group=\"sales\"} 1",
            "perezvon_queue_rounds_in_vain_total{group=\"sales\"} 1",
            "perezvon_queue_wait_seconds_bucket{le=\"15\"} 1",
            "perezvon_queue_abandoned_wait_seconds_bucket{le=\"30\"} 0",
            "perezvon_queue_operators{group=\"sales\"} 2",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
