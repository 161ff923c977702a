//! How a line calls back: its own keys over those of `[defaults.redial]`, over what is built in.

use super::{
    reader::{Node, Table},
    rules::{key, told},
    unit,
};
use crate::{
    engine::{
        recording::PLACES,
        retry::MOST_A_WEEK,
        rules::{
            ANNOUNCED, Again, Announcements, ClientFirst, Group, Keys, Language, Machine, Manners, Missed, MissedRule,
            Mode, Operator, Order, Recording, Redial, SeveralZones,
        },
        time::Span,
    },
    voice,
};
use jiff::tz::TimeZone;
use std::{ops::RangeInclusive, sync::Arc};

const SEVERAL_ZONES: [(&str, SeveralZones); 2] = [("common", SeveralZones::Common), ("line", SeveralZones::Line)];
/// Of a hundred clients; a line that leaves more of them waiting for nobody does harm.
const MOST_WITHOUT: u32 = 50;
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

/// Longer than that nobody waits for an operator.
const WAIT: RangeInclusive<Span> = Span::seconds(5)..=Span::minutes(10);
/// How long a client who is rung first waits for an operator, and what is heard meanwhile.
pub(super) const DEFAULT_WAIT: Span = Span::seconds(60);
pub(super) const DEFAULT_MUSIC: &str = "local_stream://moh";
/// How a recording's file is written.
const FILE: &str = "write file = \"/var/lib/freeswitch/recordings/{date}/{line}-{callback}-{attempt}.wav\"";
/// What tells the recordings of two talks apart.
const APART: [&str; 2] = ["{callback}", "{attempt}"];
/// How short a talk may be called none: a person needs longer to say why they called.
const SHORT: RangeInclusive<Span> = Span::seconds(1)..=Span::seconds(60);
/// What a site's countdown may promise.
const PROMISE: RangeInclusive<Span> = Span::seconds(5)..=Span::minutes(30);
/// The longest name of a file or a stream, in bytes.
const MOST_MUSIC: usize = 500;

/// How long a phone may be told to ring.
pub const RING: RangeInclusive<Span> = SHORTEST_RING..=LONGEST_RING;

/// What a line does when nobody says otherwise.
pub(super) fn built_in(language: Language) -> Redial {
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
    for node in layers.iter().filter_map(|layer| layer.get("missed")) {
        node.fault(
            "`missed` says which calls are called back, and who asks to be called is called back whatever their calls",
            "leave it out, or write it into `[line.redial]` or `[defaults.redial]`",
        );
    }
    read_over(layers, redial, Redial { track: Span::ZERO, ..built_in(language) }, language, zone)
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
    let mut redial = Redial {
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
        client_first: client_first(&get, language),
        called_within: get("called_within").and_then(|node| node.span(PROMISE)),
        longest_talk: span("longest_talk", Span::minutes(1)..=Span::minutes(24 * 60), built.longest_talk),
        keys: get("keys").and_then(|node| keys(&node)).unwrap_or(built.keys),
        machine: get("machine").and_then(|node| machine(&node, language)).unwrap_or(built.machine),
        record: get("record").and_then(|node| record(&node, language)),
    };
    // What these layers say themselves is meant for those that they are about, whatever the layers below say of some.
    let own = |key| layers.iter().find_map(|layer| layer.get(key));
    if let Some(node) = own("announce_operator").filter(|_| own("announce_requested").is_none()) {
        redial.announce_operator.requested = template(&node, language).unwrap_or_default();
    }
    if let Some(notice) = redial.record.as_ref().and_then(|record| record.notice.clone()) {
        redial.announce_operator = redial.announce_operator.followed_by(&notice);
        redial.announce_client = Some(match &redial.announce_client {
            Some(words) => format!("{words} {notice}").into(),
            None => notice,
        });
    }
    let never = get("expire").or_else(|| get("track")).filter(|_| redial.expire <= redial.track);
    if let Some(node) = never {
        node.fault("a callback would expire before it may be dialled", "`expire` must be longer than `track`");
    }
    if zone.is_none() {
        needs_zone(&redial, get);
    }
    layers.iter().for_each(|layer| layer.close());
    redial
}

/// Holds a line's promise against what it may take until the client's phone rings: the slowest operator's phones, the pause
/// until the person behind them is there, and [`ANNOUNCED`]. Where the client's phone rings first, only that.
pub fn promise(layers: &[&Table<'_>], redial: &Redial, group: &Group, operators: &[Arc<Operator>]) {
    let node = layers.iter().find_map(|layer| layer.get("called_within"));
    let (Some(node), Some(promised)) = (node, redial.called_within) else { return };
    let of_group =
        operators.iter().filter(|operator| group.operators.iter().any(|member| member.name == operator.name));
    let slowest = of_group.max_by_key(|operator| operator.until_there()).filter(|_| redial.client_first.is_none());
    let needed = slowest.map_or(Span::ZERO, |operator| operator.until_there()) + ANNOUNCED;
    if needed <= promised {
        return;
    }
    let [promised, needed, margin] = [promised, needed, ANNOUNCED].map(|span| span.to_string());
    let what = match slowest {
        Some(operator) => {
            let (ring, delay) = (operator.ring, operator.answer.delay());
            let phones = match operator.phones.len() {
                several if several > 1 && operator.order == Order::InOrder => format!(" on each of {several} phones"),
                _ => String::new(),
            };
            format!(
                "a call within {promised} is promised, and it may take {needed}: {} rings for {ring}{phones}, is there \
                 {delay} after the answer, and hears the announcement ({margin})",
                operator.name
            )
        }
        None => format!("a call within {promised} is promised, and it may take {needed}"),
    };
    let cure = match slowest {
        Some(_) => format!(
            "promise {needed}, shorten the operators' `ring` or `answer`, or ring the client first with `order`"
        ),
        None => format!("promise {needed}"),
    };
    node.fault(what, cure);
}

/// `order = "client-first"`, with how the client is kept company until an operator is there.
fn client_first<'a>(get: &impl Fn(&'static str) -> Option<Node<'a>>, language: Language) -> Option<ClientFirst> {
    let orders = [("operator-first", false), ("client-first", true)];
    let first = get("order").and_then(|node| node.word(&orders));
    let company = ClientFirst {
        wait: get("wait").and_then(|node| node.span(WAIT)).unwrap_or(DEFAULT_WAIT),
        music: get("music").and_then(|node| music(&node)).unwrap_or_else(|| DEFAULT_MUSIC.into()),
        goodbye: get("announce_goodbye")
            .and_then(|node| template(&node, language))
            .unwrap_or_else(|| voice::goodbye(language).into()),
        without_operator: get("without_operator").and_then(|node| node.count(0..=MOST_WITHOUT)).unwrap_or_default(),
    };
    first.filter(|first| *first).map(|_| company)
}

/// A file or a stream, as the switch's `playback` takes it. Nothing that the switch would expand is one.
pub(super) fn music(node: &Node<'_>) -> Option<Arc<str>> {
    let text = node.line_of_text()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:~%(),;=".contains(c);
    if text.is_empty() || text.len() > MOST_MUSIC || !text.chars().all(plain) {
        let cure = "write \"local_stream://moh\" or \"/path/of/a/file.wav\"";
        node.fault(format!("\"{text}\" is nothing that the switch could play"), cure);
        return None;
    }
    Some(text.into())
}

/// `{ pass = "2", never = "3", machine = "9", later = "1" }`
fn keys(node: &Node<'_>) -> Option<Keys> {
    let table = node.table()?;
    let of = |name| table.get(name).and_then(|node| key(&node));
    let keys = Keys { pass: of("pass"), never: of("never"), machine: of("machine"), later: of("later") };
    table.close();
    if keys.pass.is_some() && keys.pass == keys.never {
        node.fault("`pass` and `never` are the same key", "give one of them another");
    }
    Some(keys)
}

/// `{ file = "/…/{date}/{line}-{callback}-{attempt}.wav", stereo = true, notice = "…" }`, or the file alone.
fn record(node: &Node<'_>, language: Language) -> Option<Recording> {
    if !node.is_table() {
        return Some(Recording { file: file(node, &APART, FILE)?, stereo: false, notice: None });
    }
    let table = node.table()?;
    let (path, stereo, notice) = (table.get("file"), table.get("stereo"), table.get("notice"));
    table.close();
    if path.is_none() {
        table.missing("file", FILE);
    }
    let stereo = stereo.and_then(|node| node.flag()).unwrap_or(false);
    let notice = notice.and_then(|node| notice_of(&node, language));
    Some(Recording { file: file(&path?, &APART, FILE)?, stereo, notice })
}

/// It is spoken on the client's own call too, where no word from outside may be: it names nothing.
fn notice_of(node: &Node<'_>, language: Language) -> Option<Arc<str>> {
    let words = template(node, language)?;
    if words.contains('{') {
        node.fault("a notice names nothing", "write the sentence as it is to be spoken");
        return None;
    }
    Some(words)
}

/// An absolute path with places in it; by those of `apart` no two talks have the same.
pub(super) fn file(node: &Node<'_>, apart: &[&str], cure: &str) -> Option<Arc<str>> {
    let text = node.line_of_text()?;
    let mut bare = text.to_owned();
    PLACES.iter().for_each(|place| bare = bare.replace(&format!("{{{place}}}"), "x"));
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let name = bare.rsplit('/').next().unwrap_or_default();
    let what = match () {
        _ if !bare.chars().all(plain) => format!("\"{text}\" has a sign or a place that no file of ours may have"),
        _ if !bare.starts_with('/') || bare.contains("..") => format!("\"{text}\" is no absolute path"),
        _ if !name.contains('.') => format!("\"{text}\" does not say how the switch is to write it"),
        _ if !apart.iter().all(|place| text.contains(place)) => {
            format!("\"{text}\" would be the same file for two talks")
        }
        _ if text.len() > MOST_MUSIC => format!("`file` has more than {MOST_MUSIC} bytes"),
        () => return Some(text.into()),
    };
    node.fault(what, cure);
    None
}

/// `{ beep = true, shorter_than = "5s", say = "…" }`
fn machine(node: &Node<'_>, language: Language) -> Option<Machine> {
    let table = node.table()?;
    let (shorter, beep, say) = (table.get("shorter_than"), table.get("beep"), table.get("say"));
    table.close();
    let beep = beep.and_then(|node| node.flag()).unwrap_or(false);
    if let Some(say) = say.as_ref().filter(|_| !beep) {
        say.fault("nothing is said without a beep to say it after", "add `beep = true`, or leave `say` out");
    }
    Some(Machine {
        shorter_than: shorter.and_then(|node| node.span(SHORT)),
        beep,
        say: say.and_then(|node| template(&node, language)),
    })
}

/// `announce_client = "": the client hears the operator at once.
pub(super) fn says_nothing(node: &Node<'_>) -> bool {
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

pub(super) fn template(node: &Node<'_>, language: Language) -> Option<Arc<str>> {
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
fn needs_zone<'a>(redial: &Redial, get: impl Fn(&'static str) -> Option<Node<'a>>) {
    let by_the_clock = |again: &Again| !matches!(again, Again::After(_));
    let meant = [
        ("avoid", true),
        ("busy", by_the_clock(&redial.busy)),
        ("no_answer", by_the_clock(&redial.no_answer)),
        ("per_day", true),
        ("per_week", true),
        ("missed", redial.missed.iter().any(|rule| !rule.between.is_empty())),
        ("client_hours", true),
    ];
    for node in meant.into_iter().filter(|(_, so)| *so).filter_map(|(key, _)| get(key)) {
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
