//! How a line calls back: its own keys over those of `[defaults.redial]`, over what is built in.

use super::{
    reader::{Node, Table},
    rules::key,
    unit,
};
use crate::{
    engine::{
        retry::MOST_A_WEEK,
        rules::{Again, Announcements, Keys, Language, Manners, Missed, MissedRule, Mode, Redial, SeveralZones},
        time::Span,
    },
    voice,
};
use jiff::tz::TimeZone;
use std::{ops::RangeInclusive, sync::Arc};

const SEVERAL_ZONES: [(&str, SeveralZones); 2] = [("common", SeveralZones::Common), ("line", SeveralZones::Line)];
const MODES: [(&str, Mode); 2] = [("auto", Mode::Auto), ("by-hand", Mode::ByHand)];
/// Within what a number is known that has called before.
const DEFAULT_UNIQUE: Span = Span::minutes(30 * 24 * 60);
const MOST_ATTEMPTS: u32 = 100;
/// A year of tracking or retrying is a slip of the pen.
const LONGEST: Span = Span::minutes(90 * 24 * 60);
/// Shorter than that a phone does not ring at all.
const SHORTEST_RING: Span = Span::seconds(3);
/// Longer than that no exchange lets a phone ring.
const LONGEST_RING: Span = Span::minutes(5);

/// How long a phone may be told to ring.
pub const RING: RangeInclusive<Span> = SHORTEST_RING..=LONGEST_RING;

/// What a line does when nobody says otherwise.
fn built_in(language: Language) -> Redial {
    Redial {
        announce_operator: voice::announce_operator(language),
        announce_client: Some(voice::announce_client(language).into()),
        ..Redial::default()
    }
}

/// How missed clients are called back: reads the layers, the first of which wins key by key. `zone`: by which times of day are
/// meant.
pub fn read(layers: &[&Table<'_>], language: Language, zone: Option<&TimeZone>) -> Redial {
    read_over(layers, &[], built_in(language), language, zone)
}

/// How clients are called who asked for it: as missed ones (`redial`, whose faults are told already), but for what `layers` say,
/// at once and at any hour that the line is open.
pub fn read_requested(
    layers: &[&Table<'_>],
    redial: &[&Table<'_>],
    language: Language,
    zone: Option<&TimeZone>,
) -> Redial {
    let mut requested = read_over(layers, redial, Redial { track: Span::ZERO, ..built_in(language) }, language, zone);
    // What these layers say themselves is meant for nobody else.
    let own = |key| layers.iter().find_map(|layer| layer.get(key));
    if let Some(node) = own("announce_operator").filter(|_| own("announce_requested").is_none()) {
        requested.announce_operator.requested = template(&node, language).unwrap_or_default();
    }
    requested
}

/// What clients who asked to be called are spared, unless their own keys say it.
const NOT_REQUESTED: [&str; 3] = ["track", "avoid", "missed"];

fn read_over(
    layers: &[&Table<'_>],
    below: &[&Table<'_>],
    built: Redial,
    language: Language,
    zone: Option<&TimeZone>,
) -> Redial {
    let get = |key: &'static str| {
        let below = below.iter().filter(|_| !NOT_REQUESTED.contains(&key));
        let found: Vec<Option<Node<'_>>> = layers.iter().chain(below).map(|layer| layer.get(key)).collect();
        found.into_iter().flatten().next()
    };
    let span = |key, limits, otherwise| get(key).and_then(|node| node.span(limits)).unwrap_or(otherwise);
    let again = |key, otherwise| get(key).and_then(|node| again(&node)).unwrap_or(otherwise);
    let redial = Redial {
        missed: get("missed").and_then(|node| missed(&node)).unwrap_or(built.missed),
        mode: get("mode").and_then(|node| node.word(&MODES)).unwrap_or(built.mode),
        track: span("track", Span::ZERO..=LONGEST, built.track),
        ring: span("ring", RING, built.ring),
        attempts: get("attempts").and_then(|node| node.count(1..=MOST_ATTEMPTS)).unwrap_or(built.attempts),
        expire: span("expire", Span::minutes(1)..=LONGEST, built.expire),
        busy: again("busy", built.busy),
        no_answer: again("no_answer", built.no_answer),
        network: get("network").and_then(|node| pause(&node)).unwrap_or(built.network),
        manners: Manners {
            zone: zone.cloned().unwrap_or(TimeZone::UTC),
            avoid: get("avoid").map(|node| spans(&node)).unwrap_or_default(),
            client_hours: get("client_hours").and_then(|node| told(&node, unit::hours)),
            several_zones: get("several_zones").and_then(|node| node.word(&SEVERAL_ZONES)).unwrap_or_default(),
            per_day: get("per_day").and_then(|node| node.count(1..=MOST_A_WEEK)),
            per_week: get("per_week").and_then(|node| node.count(1..=MOST_A_WEEK)),
        },
        announce_operator: announcements(get, built.announce_operator, language),
        announce_client: match get("announce_client") {
            Some(node) if says_nothing(&node) => None,
            Some(node) => template(&node, language),
            None => built.announce_client,
        },
        longest_talk: span("longest_talk", Span::minutes(1)..=Span::minutes(24 * 60), built.longest_talk),
        keys: get("keys").and_then(|node| keys(&node)).unwrap_or(built.keys),
    };
    let never = get("expire").or_else(|| get("track")).filter(|_| redial.expire <= redial.track);
    if let Some(node) = never {
        node.fault("a callback would expire before it may be dialled", "`expire` must be longer than `track`");
    }
    if zone.is_none() {
        needs_zone(
            &redial,
            [
                get("avoid"),
                get("busy"),
                get("no_answer"),
                get("per_day"),
                get("per_week"),
                get("missed"),
                get("client_hours"),
            ],
        );
    }
    layers.iter().for_each(|layer| layer.close());
    redial
}

/// `{ pass = "2", never = "3", machine = "9" }`
fn keys(node: &Node<'_>) -> Option<Keys> {
    let table = node.table()?;
    let of = |name| table.get(name).and_then(|node| key(&node));
    let keys = Keys { pass: of("pass"), never: of("never"), machine: of("machine") };
    table.close();
    if keys.pass.is_some() && keys.pass == keys.never {
        node.fault("`pass` and `never` are the same key", "give one of them another");
    }
    Some(keys)
}

/// `announce_client = "": the client hears the operator at once.
fn says_nothing(node: &Node<'_>) -> bool {
    node.is_flag(false) || (node.is_text() && node.text() == Some(""))
}

/// Each kind's own sentence. Whoever wrote one for missed calls alone wants no other words in the next attempt.
fn announcements<'a>(
    get: impl Fn(&'static str) -> Option<Node<'a>>,
    built: Announcements,
    language: Language,
) -> Announcements {
    let own = |key| get(key).and_then(|node| template(&node, language));
    let missed = own("announce_operator");
    let of = |key, built| own(key).or_else(|| missed.clone()).unwrap_or(built);
    let (requested, repeated) = (of("announce_requested", built.requested), of("announce_repeated", built.repeated));
    Announcements { missed: missed.unwrap_or(built.missed), requested, repeated }
}

fn template(node: &Node<'_>, language: Language) -> Option<Arc<str>> {
    let text = node.text()?;
    match voice::check_template(text, language) {
        Ok(()) => Some(text.into()),
        Err(error) => {
            node.fault(format!("`{}`: {error}", node.key()), "");
            None
        }
    }
}

/// Days and times of day are somebody's.
fn needs_zone(redial: &Redial, [avoid, busy, no_answer, per_day, per_week, missed, client]: [Option<Node<'_>>; 7]) {
    let by_the_clock = |again: &Again| !matches!(again, Again::After(_));
    let busy = busy.filter(|_| by_the_clock(&redial.busy));
    let no_answer = no_answer.filter(|_| by_the_clock(&redial.no_answer));
    let missed = missed.filter(|_| redial.missed.iter().any(|rule| !rule.between.is_empty()));
    for node in [avoid, busy, no_answer, per_day, per_week, missed, client].into_iter().flatten() {
        node.fault(format!("`{}` needs a time zone", node.key()), "add `time_zone = \"Europe/Moscow\"` to [defaults]");
    }
}

/// `{ after = "30m" }`, `{ at = ["10:00", "19:00"], from = "tomorrow" }`, or `"spread"`
fn again(node: &Node<'_>) -> Option<Again> {
    if node.is_text() && node.text() == Some("spread") {
        return Some(Again::Spread);
    }
    if !node.is_table() {
        return pause(node).map(Again::After);
    }
    let table = node.table()?;
    let (after, at, from) = (table.get("after"), table.get("at"), table.get("from"));
    table.close();
    match (after, at) {
        (Some(_), Some(at)) => {
            at.fault("`after` and `at` do not go together", "leave one of them out");
            None
        }
        (after, None) => {
            if let Some(from) = from {
                from.fault("`from` goes with `at` alone", "leave it out");
            }
            wait(&table, after).map(Again::After)
        }
        (None, Some(at)) => {
            let days = [("today", false), ("tomorrow", true)];
            let tomorrow = from.map_or(Some(false), |from| from.word(&days));
            Some(Again::At { times: times(&at)?, tomorrow: tomorrow? })
        }
    }
}

/// Times of the day, ascending.
fn times(node: &Node<'_>) -> Option<Vec<u16>> {
    let items = node.one_or_more();
    if items.is_empty() && !node.is_text() {
        node.fault("there is no time of the day", "write \"10:00\"");
    }
    let mut times: Vec<u16> = items.iter().filter_map(|item| told(item, unit::time_of_day)).collect();
    times.sort_unstable();
    times.dedup();
    (!times.is_empty()).then_some(times)
}

fn spans(node: &Node<'_>) -> Vec<(u16, u16)> {
    node.one_or_more().iter().filter_map(|item| told(item, unit::day_span)).collect()
}

fn told<T>(node: &Node<'_>, read: impl Fn(&str) -> Result<T, unit::Wrong>) -> Option<T> {
    read(node.text()?).map_err(|wrong| node.fault(wrong.what, wrong.cure)).ok()
}

/// `{ after = "2m" }`
fn pause(node: &Node<'_>) -> Option<Span> {
    if !node.is_table() {
        let shown = if node.is_text() { node.text().unwrap_or_default() } else { "2m" };
        node.fault(
            format!("`{}` is no table", node.key()),
            format!("write {} = {{ after = \"{shown}\" }}", node.key()),
        );
        return None;
    }
    let table = node.table()?;
    let after = table.get("after");
    table.close();
    wait(&table, after)
}

fn wait(table: &Table<'_>, after: Option<Node<'_>>) -> Option<Span> {
    match after {
        Some(after) => after.span(Span::seconds(10)..=LONGEST),
        None => {
            table.missing("after", "write { after = \"2m\" }");
            None
        }
    }
}

fn missed(node: &Node<'_>) -> Option<Vec<MissedRule>> {
    let items = node.list()?;
    if items.is_empty() {
        node.fault("nothing would count as missed", "write missed = [{ call = \"unserved\" }]");
    }
    // All are read before the first fault ends it.
    items.iter().map(rule).collect::<Vec<_>>().into_iter().collect()
}

/// `{ call = "served", shorter_than = "60s", unique = true, within = "30d", waited = "3s", between = "09:00-20:00" }`
fn rule(node: &Node<'_>) -> Option<MissedRule> {
    let table = node.table()?;
    let waited = table.get("waited").and_then(|node| node.span(Span::ZERO..=LONGEST)).unwrap_or_default();
    let between = table.get("between").map(|node| spans(&node)).unwrap_or_default();
    let (unique, within) = (table.get("unique").and_then(|node| node.flag()), table.get("within"));
    let unique = match (unique.unwrap_or(false), within) {
        (true, within) => within.map_or(Some(DEFAULT_UNIQUE), |within| within.span(Span::minutes(1)..=LONGEST)),
        (false, None) => None,
        (false, Some(within)) => {
            within.fault("`within` goes with `unique` alone", "add `unique = true`");
            None
        }
    };
    let call = missed_call(&table)?;
    Some(MissedRule { call, unique, waited, between })
}

fn missed_call(table: &Table<'_>) -> Option<Missed> {
    let served = match table.get("call") {
        Some(call) => call.word(&[("unserved", false), ("served", true)]),
        None => {
            table.missing("call", "it is \"unserved\" or \"served\"");
            None
        }
    };
    let shorter = table.get("shorter_than");
    table.close();
    match (served?, shorter) {
        (false, None) => Some(Missed::Unserved),
        (false, Some(shorter)) => {
            shorter.fault("an unserved call has no length", "leave `shorter_than` out");
            None
        }
        (true, Some(shorter)) => Some(Missed::ServedShorterThan(shorter.span(Span::seconds(1)..=LONGEST)?)),
        (true, None) => {
            table.missing("shorter_than", "write { call = \"served\", shorter_than = \"60s\" }");
            None
        }
    }
}
