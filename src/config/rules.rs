//! Trunks, operators, groups, calendars and lines: what becomes the engine's [`Rules`].

use super::{
    queue,
    reader::{Node, Table, one_of},
    redial, unit,
};
use crate::{
    engine::{
        Name,
        hours::Calendar,
        money::Price,
        number::Number,
        rules::{
            Answer, Cap, Group, Key, Language, Line, Member, NumberFormat, Operator, Order, Phone, Rules, Strategy,
            Trunk,
        },
        time::Span,
        zones::Zones,
    },
    esl::dial,
};
use jiff::tz::TimeZone;
use std::{collections::BTreeMap, ops::RangeInclusive, path::Path, sync::Arc};

/// The group of all operators, when no group is written.
const EVERYBODY: &str = "everybody";
const MOST_CHANNELS: u32 = 10_000;
const DEFAULT_CHANNELS: u32 = 10;
/// An office exchange that takes longer is no way to a person.
const LONGEST_DELAY: Span = Span::minutes(2);
/// The longest pause of an operator, whatever it comes after.
const LONGEST_PAUSE: Span = Span::minutes(60);
const MOST_IN_A_ROW: u32 = 100;
const MOST_CALLS: u32 = 1000;
const MOST_WEIGHT: u32 = 1000;
const MOST_LEVEL: u32 = 100;
/// The longest table of time zones, in bytes.
const MOST_ZONES: usize = 8 << 20;
const MOST_PRIORITY: u32 = 100;
pub(super) const DEFAULT_ESCALATE: Span = Span::seconds(30);
/// A started minute is a whole one with most providers; so a report never says less than the bill.
const DEFAULT_BILLING: Span = Span::seconds(60);
const BILLING: RangeInclusive<Span> = Span::seconds(1)..=Span::seconds(60);
/// Words about a line (channel, source, campaign), in bytes.
const MOST_WORDS: usize = 200;

/// What holds for every line.
struct Defaults<'a> {
    country: String,
    language: Language,
    zone: Option<TimeZone>,
    redial: Option<Table<'a>>,
    requested: Option<Table<'a>>,
    queue: Option<Table<'a>>,
    zones: Zones,
}

/// A table of one's own of what time it is at a number.
fn zones(node: &Node<'_>, folder: &Path) -> Option<Zones> {
    let file = folder.join(node.line_of_text()?);
    let too_long = |text: &String| text.len() > MOST_ZONES;
    let read = match std::fs::read_to_string(&file) {
        Ok(text) if too_long(&text) => Err(format!("it has more than {MOST_ZONES} bytes")),
        Ok(text) => Zones::read(&text).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    read.map_err(|why| node.fault(format!("{}: {why}", file.display()), "")).ok()
}

/// Everything that lines may name.
struct Known {
    operators: Vec<Arc<Operator>>,
    groups: BTreeMap<Name, Arc<Group>>,
    trunks: BTreeMap<Name, Arc<Trunk>>,
    calendars: BTreeMap<Name, Arc<Calendar>>,
}

/// Reads the rules, and the language of the announcements.
/// `folder`: where a file that it names is looked for.
pub fn read(root: &Table<'_>, switches: Vec<Name>, folder: &Path) -> (Rules, Language) {
    let lines = root.tables("line");
    let defaults = defaults(root, &lines, folder);
    let trunks = trunks(root, &switches, defaults.zone.as_ref());
    let operators = operators(root);
    let groups = groups(root, &operators);
    let calendars = calendars(root, defaults.zone.as_ref());
    let known = Known { operators, groups, trunks, calendars };
    if let Some(table) = &defaults.redial {
        redial::read(&[table], defaults.language, defaults.zone.as_ref());
    }
    if let Some(table) = &defaults.requested {
        let redial: Vec<&Table<'_>> = defaults.redial.iter().collect();
        redial::read_requested(&[table], &redial, defaults.language, defaults.zone.as_ref());
    }
    if lines.is_empty() {
        root.fault("there is no line", "add [[line]] with a `name` and the `numbers` that clients dial");
    }
    let lines = lines_of(&lines, &defaults, &known);
    let Known { operators, groups, trunks, .. } = known;
    let operators = operators.into_iter().map(|operator| (operator.name.clone(), operator)).collect();
    let rules = Rules {
        switches,
        country: defaults.country,
        lines,
        groups,
        operators,
        trunks,
        zones: Arc::new(defaults.zones),
        observe: false,
    };
    (rules, defaults.language)
}

fn defaults<'a>(root: &Table<'a>, lines: &[Table<'_>], folder: &Path) -> Defaults<'a> {
    let table = root.inner("defaults");
    let get = |key| table.as_ref().and_then(|table| table.get(key));
    let country = get("country").and_then(|node| country(&node)).or_else(|| {
        let found = lines.iter().find_map(country_of_line);
        if found.is_none() && get("country").is_none() && lines.iter().any(|line| line.get("numbers").is_some()) {
            root.fault("the country of the callers' numbers is not known", "add `country = \"RU\"` to [defaults]");
        }
        found
    });
    let country = country.unwrap_or_default();
    let language = get("language").and_then(|node| node.word(&LANGUAGES));
    let defaults = Defaults {
        language: language.unwrap_or(match country.as_str() {
            "RU" | "BY" | "KZ" | "KG" => Language::Ru,
            _ => Language::En,
        }),
        country,
        zone: get("time_zone").and_then(|node| zone(&node)),
        zones: get("zones").map_or_else(Zones::built_in, |node| zones(&node, folder).unwrap_or_default()),
        redial: get("redial").and_then(|node| node.table()),
        requested: get("requested").and_then(|node| node.table()),
        queue: get("queue").and_then(|node| node.table()),
    };
    if let Some(table) = &table {
        table.close();
    }
    defaults
}

const LANGUAGES: [(&str, Language); 2] = [("ru", Language::Ru), ("en", Language::En)];

fn country(node: &Node<'_>) -> Option<String> {
    let text = node.line_of_text()?;
    if text.parse::<phonenumber::country::Id>().is_err() {
        node.fault(format!("there is no country \"{text}\""), "write its two letters, \"RU\"");
        return None;
    }
    Some(text.to_owned())
}

/// The country of the first number of a line that is written with its country code.
fn country_of_line(line: &Table<'_>) -> Option<String> {
    let numbers = line.get("numbers").filter(|node| !node.is_text())?.quiet_list();
    let caller_id = line.get("caller_id");
    numbers.into_iter().chain(caller_id).find_map(|node| {
        let text = node.quiet_text()?.trim();
        let number = phonenumber::parse(None, text.starts_with('+').then_some(text)?).ok()?;
        Some(number.country().id()?.as_ref().to_owned())
    })
}

fn zone(node: &Node<'_>) -> Option<TimeZone> {
    let text = node.line_of_text()?;
    let zone = TimeZone::get(text);
    if zone.is_err() {
        node.fault(format!("there is no time zone \"{text}\""), "write it as \"Europe/Moscow\"");
    }
    zone.ok()
}

fn trunks(root: &Table<'_>, switches: &[Name], zone: Option<&TimeZone>) -> BTreeMap<Name, Arc<Trunk>> {
    let tables = root.named_tables("trunk");
    if tables.is_empty() {
        root.fault("there is no trunk", "add [trunk.NAME] with `dial = \"sofia/gateway/NAME/{number}\"`");
    }
    let mut trunks: BTreeMap<Name, Arc<Trunk>> = BTreeMap::new();
    for (name, table) in tables {
        let trunk = trunk(name, &table, switches, zone);
        let currency = |trunk: &Trunk| trunk.price.as_ref().map(|price| price.currency.clone());
        let first = trunks.values().find_map(|other| Some((currency(other)?, &other.name)));
        if let (Some(node), Some(own), Some((other, name))) = (table.get("per_minute"), currency(&trunk), first)
            && own != other
        {
            let what = format!("this price is in {own}, and that of trunk \"{name}\" in {other}");
            node.fault(what, "write all of them in one currency: a report adds them up");
        }
        trunks.insert(trunk.name.clone(), Arc::new(trunk));
    }
    trunks
}

fn trunk(name: Name, table: &Table<'_>, switches: &[Name], zone: Option<&TimeZone>) -> Trunk {
    let dial = match table.get("dial") {
        Some(node) => trunk_dial(&node),
        None => {
            table.missing("dial", "write `dial = \"sofia/gateway/NAME/{number}\"`");
            None
        }
    };
    let formats =
        [("e164", NumberFormat::E164), ("digits", NumberFormat::Digits), ("national", NumberFormat::National)];
    let format = table.get("format").and_then(|node| node.word(&formats)).unwrap_or_default();
    let channels = table.get("channels").and_then(|node| node.count(1..=MOST_CHANNELS)).unwrap_or(DEFAULT_CHANNELS);
    let switch = match (table.get("switch"), switches) {
        (Some(node), _) => reference(&node, "switch", switches.iter()),
        (None, [_, _, ..]) => {
            table.missing("switch", format!("say which of {} it belongs to", list(switches.iter())));
            None
        }
        (None, _) => None,
    };
    let price = price(table);
    let cap = cap(table, price.as_ref(), zone);
    table.close();
    let switch = switch.or_else(|| switches.first().cloned()).unwrap_or_else(|| "".into());
    Trunk { name, switch, dial: dial.unwrap_or_else(|| "".into()), format, channels, price, cap }
}

fn price(table: &Table<'_>) -> Option<Price> {
    let billing = table.get("billing");
    let step = billing.as_ref().and_then(|node| node.span(BILLING)).unwrap_or(DEFAULT_BILLING);
    let Some(node) = table.get("per_minute") else {
        if let Some(billing) = billing {
            billing.fault("`billing` says nothing without a price", "add `per_minute = \"1.90 RUB\"`");
        }
        return None;
    };
    let (per_minute, currency) = unit::money(node.text()?).map_err(|wrong| node.fault(wrong.what, wrong.cure)).ok()?;
    Some(Price { per_minute, currency: currency.into(), billing: step })
}

/// `cap_per_month = "3000 RUB"`
fn cap(table: &Table<'_>, price: Option<&Price>, zone: Option<&TimeZone>) -> Option<Cap> {
    let node = table.get("cap_per_month")?;
    let (a_month, currency) = unit::money(node.text()?).map_err(|wrong| node.fault(wrong.what, wrong.cure)).ok()?;
    match (price, zone) {
        (None, _) => node.fault("a cap counts by the price, and there is none", "add `per_minute = \"1.90 RUB\"`"),
        (Some(price), _) if *price.currency != *currency => {
            node.fault(
                format!("the cap is in {currency}, the price in {}", price.currency),
                "write both in one currency",
            );
        }
        (_, None) => node.fault("whose months?", "add `time_zone = \"Europe/Moscow\"` to [defaults]"),
        (Some(_), Some(zone)) => return Some(Cap { a_month, zone: zone.clone() }),
    }
    None
}

fn trunk_dial(node: &Node<'_>) -> Option<Arc<str>> {
    let text = node.text()?;
    match dial::Template::new(text) {
        Ok(template) if template.takes_number() => Some(text.into()),
        Ok(_) => {
            node.fault(format!("\"{text}\" has no place for the number"), "put {number} where it belongs");
            None
        }
        Err(error) => {
            node.fault(format!("\"{text}\" is no dial string: {error}"), "write \"sofia/gateway/NAME/{number}\"");
            None
        }
    }
}

fn operators(root: &Table<'_>) -> Vec<Arc<Operator>> {
    let tables = root.tables("operator");
    if tables.is_empty() {
        root.fault("there is no operator", "add [[operator]] with a `name` and `dial = \"user/1001\"`");
    }
    let mut operators: Vec<Arc<Operator>> = Vec::new();
    for table in &tables {
        let operator = operator(table);
        if let Some(operator) = operator.filter(|new| is_new(table, operators.iter().map(|old| &old.name), &new.name)) {
            operators.push(Arc::new(operator));
        }
    }
    operators
}

fn operator(table: &Table<'_>) -> Option<Operator> {
    let name = name(table);
    let phones: Option<Vec<Phone>> = match table.get("dial") {
        Some(node) => {
            let nodes = node.one_or_more();
            if nodes.is_empty() && !node.is_text() {
                node.fault("an operator has at least one phone", "write \"user/1001\"");
            }
            nodes.iter().map(phone).collect::<Vec<_>>().into_iter().collect()
        }
        None => {
            table.missing("dial", "write `dial = \"user/1001\"`");
            None
        }
    };
    let usual = Operator::default();
    let pause = |key| table.get(key).and_then(|node| node.span(Span::ZERO..=LONGEST_PAUSE));
    let count = |key, most| table.get(key).and_then(|node| node.count(1..=most));
    let calls = count("calls", MOST_CALLS).unwrap_or(usual.calls);
    // Who takes several calls at once is no person who has to write something down.
    let wrap_up = pause("wrap_up").unwrap_or(if calls > 1 { Span::ZERO } else { usual.wrap_up });
    let orders = [("in-order", Order::InOrder), ("together", Order::Together)];
    let operator = Operator {
        name: name.clone().unwrap_or_default(),
        phones: phones.clone().unwrap_or_default(),
        order: table.get("phones").and_then(|node| node.word(&orders)).unwrap_or_default(),
        ring: table.get("ring").and_then(|node| node.span(redial::RING)).unwrap_or(usual.ring),
        wrap_up,
        no_answer_pause: pause("no_answer_pause").unwrap_or(usual.no_answer_pause),
        reject_pause: pause("reject_pause").unwrap_or(usual.reject_pause),
        away_after: count("away_after", MOST_IN_A_ROW),
        calls,
        agent: table.get("agent").and_then(|node| at_domain(&node, "1001@default")),
        answer: table.get("answer").and_then(|node| answer(&node)).unwrap_or_default(),
    };
    table.close();
    name.map(|_| operator)
}

/// `"person"`, `{ delay = "20s" }` or `{ press = "1" }`
fn answer(node: &Node<'_>) -> Option<Answer> {
    if !node.is_table() {
        return node.word(&[("person", Answer::Person)]);
    }
    let table = node.table()?;
    let (delay, press) = (table.get("delay"), table.get("press"));
    table.close();
    match (delay, press) {
        (Some(delay), None) => Some(Answer::Delay(delay.span(Span::seconds(1)..=LONGEST_DELAY)?)),
        (None, Some(press)) => Some(Answer::Press(key(&press)?)),
        _ => {
            table.fault("`answer` says one thing", "write \"person\", { delay = \"20s\" } or { press = \"1\" }");
            None
        }
    }
}

/// A key of a telephone.
pub(super) fn key(node: &Node<'_>) -> Option<Key> {
    let text = node.text()?;
    let mut signs = text.chars();
    let key = signs.next().filter(|_| signs.next().is_none()).and_then(Key::new);
    if key.is_none() {
        node.fault(format!("\"{text}\" is no key of a telephone"), "write one of 0-9, * or #");
    }
    key
}

fn phone(node: &Node<'_>) -> Option<Phone> {
    let text = node.text()?;
    let problem = match dial::Endpoint::new(text) {
        Ok(_) => user_of(text).map(|user| Phone { dial: text.into(), user: user.into() }).ok_or_else(String::new),
        Err(error) => Err(format!(": {error}")),
    };
    problem.map_err(|why| node.fault(format!("\"{text}\" is no dial string{why}"), "write \"user/1001\"")).ok()
}

/// The user or the number in a dial string: `1001` of `user/1001`, `user/1001@domain`, `sofia/internal/1001%domain`.
fn user_of(dial: &str) -> Option<&str> {
    let last = dial.rsplit('/').next()?;
    let user = last.split(['@', '%', ';']).next()?;
    let user = user.strip_prefix("sip:").unwrap_or(user);
    (!user.is_empty()).then_some(user)
}

/// `1001@default`: what mod_callcenter calls its agents and queues.
fn at_domain(node: &Node<'_>, example: &str) -> Option<String> {
    let text = node.line_of_text()?;
    let plain = |c: char| c.is_alphanumeric() || "._-+@".contains(c);
    if text.len() > 128 || !text.chars().all(plain) || text.matches('@').count() != 1 {
        node.fault(format!("`{}` is \"{text}\"", node.key()), format!("write it as \"{example}\""));
        return None;
    }
    Some(text.to_owned())
}

fn groups(root: &Table<'_>, operators: &[Arc<Operator>]) -> BTreeMap<Name, Arc<Group>> {
    let tables = root.tables("group");
    let names = || operators.iter().map(|operator| &operator.name);
    let mut groups: BTreeMap<Name, Arc<Group>> = BTreeMap::new();
    for table in &tables {
        let strategy = table.get("strategy").and_then(|node| node.word(&Strategy::ALL)).unwrap_or_default();
        // `true`: if they are free; a span: they are waited for so long.
        let remember = table.get("remember");
        let loyal =
            remember.as_ref().filter(|node| node.is_text()).and_then(|node| node.span(Span::ZERO..=LONGEST_PAUSE));
        let remember = match remember {
            Some(node) if node.is_text() => loyal.is_some(),
            node => node.and_then(|node| node.flag()).unwrap_or(false),
        };
        let loyal = loyal.unwrap_or_default();
        let escalate = table.get("escalate").and_then(|node| node.span(Span::ZERO..=LONGEST_PAUSE));
        let name = name(table);
        let members = table.get("operators");
        if members.is_none() {
            table.missing("operators", "write `operators = [\"anna\", \"boris\"]`");
        }
        let members = members.map(|node| members_of(&node, names())).unwrap_or_default();
        table.close();
        if let Some(name) = name.filter(|new| is_new(table, groups.keys(), new)) {
            let escalate = escalate.unwrap_or(DEFAULT_ESCALATE);
            groups.insert(
                name.clone(),
                Arc::new(Group { name, operators: members, strategy, remember, loyal, escalate }),
            );
        }
    }
    if tables.is_empty() {
        let name: Name = EVERYBODY.into();
        let operators = names().cloned().map(Member::from).collect();
        let group = Group { name: name.clone(), operators, ..Group::default() };
        groups.insert(name, Arc::new(group));
    }
    groups
}

fn members_of<'a>(node: &Node<'_>, operators: impl Iterator<Item = &'a Name> + Clone) -> Vec<Member> {
    let Some(items) = node.list() else { return Vec::new() };
    if items.is_empty() {
        node.fault("a group has at least one operator", "");
    }
    let mut members: Vec<Member> = Vec::new();
    for item in &items {
        let Some(member) = member(item, operators.clone()) else { continue };
        if members.iter().any(|known| known.name == member.name) {
            item.fault(format!("\"{}\" is in this group twice", member.name), "");
        } else {
            members.push(member);
        }
    }
    members
}

/// `"anna"`, or `{ name = "anna", weight = 2, level = 2 }`.
fn member<'a>(item: &Node<'_>, operators: impl Iterator<Item = &'a Name>) -> Option<Member> {
    if !item.is_table() {
        return reference(item, "operator", operators).map(Member::from);
    }
    let table = item.table()?;
    let name = match table.get("name") {
        Some(node) => reference(&node, "operator", operators),
        None => {
            table.missing("name", "write `{ name = \"anna\", weight = 2 }`");
            None
        }
    };
    let count = |key, most| table.get(key).and_then(|node| node.count(1..=most)).unwrap_or(1);
    let (weight, level) = (count("weight", MOST_WEIGHT), count("level", MOST_LEVEL));
    table.close();
    Some(Member { name: name?, weight, level })
}

fn calendars(root: &Table<'_>, zone: Option<&TimeZone>) -> BTreeMap<Name, Arc<Calendar>> {
    let mut calendars = BTreeMap::new();
    for (name, table) in root.named_tables("calendar") {
        if zone.is_none() {
            table.fault("a calendar needs a time zone", "add `time_zone = \"Europe/Moscow\"` to [defaults]");
        }
        let week = match table.get("hours") {
            Some(node) => told(&node, unit::hours),
            None => {
                table.missing("hours", "write `hours = \"mon-fri 09:00-20:00\"`");
                None
            }
        };
        let days = |key| {
            let nodes = table.get(key).and_then(|node| node.list()).unwrap_or_default();
            nodes.iter().filter_map(|node| told(node, unit::dates)).flatten().collect::<Vec<_>>()
        };
        let (holidays, workdays) = (days("holidays"), days("workdays"));
        table.close();
        let zone = zone.cloned().unwrap_or(TimeZone::UTC);
        calendars.insert(name, Arc::new(Calendar::new(zone, week.unwrap_or_default(), holidays, workdays)));
    }
    calendars
}

/// A value with a unit, or the like.
pub(super) fn told<T>(node: &Node<'_>, read: impl Fn(&str) -> Result<T, unit::Wrong>) -> Option<T> {
    read(node.text()?).map_err(|wrong| node.fault(wrong.what, wrong.cure)).ok()
}

fn lines_of(tables: &[Table<'_>], defaults: &Defaults<'_>, known: &Known) -> BTreeMap<Name, Arc<Line>> {
    let mut lines: BTreeMap<Name, Arc<Line>> = BTreeMap::new();
    let quiet = |table: &Table<'_>| Some(Name::from(table.get("name")?.quiet_text()?));
    let names: Vec<Name> = tables.iter().filter_map(quiet).collect();
    for table in tables {
        let Some(line) = line(table, defaults, known, &names) else { continue };
        if !is_new(table, lines.keys(), &line.name) {
            continue;
        }
        for other in lines.values() {
            if let Some(number) = line.numbers.iter().find(|number| other.numbers.contains(number)) {
                table.fault(format!("{number} is a number of line \"{}\" too", other.name), "a number has one line");
            }
            if line.callcenter.is_some() && line.callcenter == other.callcenter {
                table.fault(format!("line \"{}\" has this callcenter queue too", other.name), "a queue has one line");
            }
        }
        lines.insert(line.name.clone(), Arc::new(line));
    }
    lines
}

fn line(table: &Table<'_>, defaults: &Defaults<'_>, known: &Known, lines: &[Name]) -> Option<Line> {
    let name = name(table);
    let language = table.get("language").and_then(|node| node.word(&LANGUAGES)).unwrap_or(defaults.language);
    let number = |node: &Node<'_>| number(node, &defaults.country);
    let numbers: Vec<Number> =
        table.get("numbers").map(|node| node.one_or_more()).unwrap_or_default().iter().filter_map(number).collect();
    let caller_id = match table.get("caller_id") {
        Some(node) => number(&node),
        None if table.get("numbers").is_some() => numbers.first().copied(),
        None => {
            table.missing("numbers", "they are what clients dial; a line without any has a `caller_id`");
            None
        }
    };
    let redial = table.inner("redial");
    let layers: Vec<&Table<'_>> = redial.iter().chain(&defaults.redial).collect();
    let group = group_of(table, known);
    let trunks = trunks_of(table, known);
    let callcenter = table.get("callcenter").and_then(|node| at_domain(&node, "sales@default"));
    let [channel, source, campaign] = ["channel", "source", "campaign"].map(|key| words(table, key));
    let calendar = table.get("calendar").and_then(|node| reference(&node, "calendar", known.calendars.keys()));
    let calendar = calendar.and_then(|name| known.calendars.get(&name).cloned());
    let redial = redial::read(&layers, language, defaults.zone.as_ref());
    let requested = table.inner("requested");
    let own: Vec<&Table<'_>> = requested.iter().chain(&defaults.requested).collect();
    let requested = redial::read_requested(&own, &layers, language, defaults.zone.as_ref());
    let queue = table.inner("queue");
    let of_queue: Vec<&Table<'_>> = queue.iter().chain(&defaults.queue).collect();
    let queue = queue::read(&of_queue, &queue::Around { language, lines, record: redial.record.as_ref() });
    let priority = table.get("priority").and_then(|node| node.count(0..=MOST_PRIORITY)).unwrap_or_default();
    if let Some(group) = group.as_ref().and_then(|name| known.groups.get(name)) {
        let all: Vec<&Table<'_>> = own.iter().chain(&layers).copied().collect();
        redial::promise(&all, &requested, group, &known.operators);
    }
    table.close();
    let (name, group, caller_id) = (name?, group?, caller_id?);
    Some(Line {
        name,
        numbers,
        callcenter,
        group,
        trunks,
        caller_id,
        channel,
        source,
        campaign,
        language,
        calendar,
        priority,
        redial,
        requested,
        queue,
    })
}

fn number(node: &Node<'_>, country: &str) -> Option<Number> {
    let text = node.text()?;
    if country.is_empty() && !text.trim().starts_with('+') {
        node.fault(format!("\"{text}\" has no country code"), "write it as \"+74951112233\"");
        return None;
    }
    Number::parse(text, country)
        .map_err(|error| node.fault(format!("\"{text}\" is no number: {error}"), "write it as \"+74951112233\""))
        .ok()
}

fn group_of(table: &Table<'_>, known: &Known) -> Option<Name> {
    match table.get("group") {
        Some(node) => reference(&node, "group", known.groups.keys()),
        None if known.groups.len() == 1 => known.groups.keys().next().cloned(),
        None => {
            table.missing("group", format!("say which of {} serves it", list(known.groups.keys())));
            None
        }
    }
}

fn trunks_of(table: &Table<'_>, known: &Known) -> Vec<Name> {
    match table.get("trunks") {
        Some(node) => {
            let items = node.one_or_more();
            if items.is_empty() && !node.is_text() {
                node.fault("a line has at least one trunk", "");
            }
            items.iter().filter_map(|item| reference(item, "trunk", known.trunks.keys())).collect()
        }
        None if known.trunks.len() == 1 => known.trunks.keys().cloned().collect(),
        None if known.trunks.is_empty() => Vec::new(),
        None => {
            table
                .missing("trunks", format!("say which of {} call back, first choice first", list(known.trunks.keys())));
            Vec::new()
        }
    }
}

fn words(table: &Table<'_>, key: &'static str) -> String {
    let Some(node) = table.get(key) else { return String::new() };
    if node.is_table() {
        node.fault(
            format!("`{key}` is the line's own; a call's comes with the call"),
            format!("have the dialplan set the channel variable perezvon_{key}, which wins"),
        );
        return String::new();
    }
    let text = node.line_of_text().unwrap_or_default();
    if text.len() > MOST_WORDS {
        node.fault(format!("`{key}` has more than {MOST_WORDS} bytes"), "");
    }
    text.to_owned()
}

fn name(table: &Table<'_>) -> Option<Name> {
    match table.get("name") {
        Some(node) => node.name(),
        None => {
            table.missing("name", "write `name = \"…\"`");
            None
        }
    }
}

fn is_new<'a>(table: &Table<'_>, mut names: impl Iterator<Item = &'a Name>, name: &Name) -> bool {
    let known = names.any(|old| old == name);
    if known {
        let place = table.get("name");
        place.inspect(|node| node.fault(format!("\"{name}\" is here twice"), "give one of them another name"));
    }
    !known
}

pub(super) fn reference<'a>(node: &Node<'_>, what: &str, names: impl Iterator<Item = &'a Name>) -> Option<Name> {
    let text = node.text()?;
    let names: Vec<&Name> = names.collect();
    let found = names.iter().find(|name| &****name == text);
    if found.is_none() {
        let known: Vec<&str> = names.iter().map(|name| &***name).collect();
        node.fault(format!("there is no {what} \"{text}\""), one_of(text, &known));
    }
    found.map(|name| (*name).clone())
}

fn list<'a>(names: impl Iterator<Item = &'a Name>) -> String {
    names.map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}
