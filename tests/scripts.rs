//! Scenarios as text (`tests/scripts/*.txt`): what happens, when, and what is expected, in the words of whoever looks after
//! the telephones. Each runs over the pretend world in virtual time, with several seeds, and every invariant of the
//! simulation is held as well. `tests/scripts/README.md` tells the language.
//!
//! `PEREZVON_SCRIPT=part-of-a-name` runs the scenarios of that name only and prints what happened in them.

#[path = "scripts/asked.rs"]
mod asked;

use asked::Question;
use jiff::tz::TimeZone;
use perezvon::{
    engine::{
        effect::Notice,
        hours::Calendar,
        input::Wish,
        money::{Amount, Price},
        number::Number,
        record::{CallRecord, ChannelId, CloseReason},
        rules::{Again, Answer, Cap, Heard, Key, Missed, MissedRule, Mode, Order, Recording, Strategy, Then, Way},
        time::{Mono, Now, Span, Wall},
    },
    sim::{
        faults::Fault,
        house::{AWAY, House, LineOf, READY, Reception, client_first},
        people::{Habit, Reaction},
        shell::{Death, Said},
        switch::{AgentStatus, Caller, Outside, Party},
        world::{Happening, World},
    },
    store::CallbackFilter,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
    path::Path,
    sync::Arc,
};

/// Each scenario is run with so many seeds: the network and the people take other times.
const SEEDS: u64 = 5;
/// Monday 2026-11-23, midnight in Moscow: the scenarios' clock.
const MIDNIGHT: Wall = Wall(1_795_381_200_000);
/// The world begins so long before the first thing happens: the daemon has logged in by then.
const BEFORE: Span = Span::seconds(10);
/// How long something that is to happen "some time" is waited for, and the end.
const LONGEST: Span = Span::minutes(3 * 24 * 60);
/// How finely it is waited for.
const SLICE: Span = Span::seconds(1);
/// How far from a time that was told something may be.
const A_MOMENT: Span = Span::seconds(1);
/// A phone that an office exchange answers first.
const EXCHANGE: &str = "sits behind an exchange and comes after ";
/// An operator's phones, in their order.
const PHONES: [&str; 3] = ["phone", "second phone", "third phone"];
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY: u64 = 24 * 3600 * 1000;

type Parsed<T> = Result<T, String>;

// ---- the language ----------------------------------------------------------------------------------------------------

/// One scenario.
#[derive(Debug)]
struct Scenario {
    title: String,
    /// Who takes part, with the house as the last reload leaves it.
    cast: Cast,
    /// The house before any reload.
    house: House,
    start: u64,
    habits: Vec<(Party, Habit)>,
    lines: Vec<Line>,
}

/// A line of it, with where it stands.
#[derive(Debug)]
struct Line {
    n: usize,
    text: String,
    when: When,
    what: What,
}

/// When; milliseconds since Monday's midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    At(u64),
    Between(u64, u64),
    Whenever,
    End,
}

#[derive(Debug)]
enum What {
    Happens(Happening),
    /// Somebody of this name takes the client's callback off.
    Cancel(Number, String),
    /// The admin wants the client called.
    Call(Wish, Number),
    /// Somebody wants to know, and is told in a sentence.
    Asks(Question),
    Expect(Expect),
}

#[derive(Debug)]
enum Expect {
    /// All of these, in any order, after what was found before; within so long of it.
    Found(Vec<String>, Option<Span>),
    /// This, at the time that was told last.
    AsTold(String),
    /// This so many times.
    Times(usize, String),
}

/// Who takes part.
#[derive(Clone, Debug)]
struct Cast {
    house: House,
    clients: BTreeMap<String, String>,
}

impl Cast {
    fn nobody() -> Cast {
        let house = House { operators: Vec::new(), lines: Vec::new(), ..House::default() };
        Cast { house, clients: BTreeMap::new() }
    }

    fn party(&self, name: &str) -> Parsed<Party> {
        let operator = self.house.user(name).map(Party::User);
        let client = || self.clients.get(name).cloned().map(Party::Number);
        operator.or_else(client).ok_or_else(|| {
            let known: Vec<&str> = self
                .house
                .operators
                .iter()
                .map(String::as_str)
                .chain(self.clients.keys().map(String::as_str))
                .collect();
            format!("nobody is called {name:?}; there are {}", known.join(", "))
        })
    }

    /// Who does what: `ivan hangs up`, `anna's second phone does not answer`; with the name of the person.
    fn who<'t>(&self, text: &'t str) -> Parsed<(Party, &'t str, &'t str)> {
        let (who, does) = text.split_once(' ').ok_or_else(|| format!("{text:?}: who does what?"))?;
        let phone = |name: &'t str, nth: usize, does: &'t str| {
            let user = self.house.users(name).into_iter().nth(nth);
            let user = user.ok_or_else(|| format!("{name} has no {}", PHONES[nth]))?;
            Ok((Party::User(user), name, does))
        };
        if let Some(name) = who.strip_suffix("'s") {
            let which = |(nth, which): (usize, &&str)| Some((nth, does.strip_prefix(*which)?.strip_prefix(' ')?));
            let (nth, does) =
                PHONES.iter().enumerate().find_map(which).ok_or_else(|| format!("{does:?}: which phone does what?"))?;
            return phone(name, nth, does);
        }
        Ok((self.party(who)?, who, does))
    }

    /// What a phone does when it is rung, which takes as many calls as its owner.
    fn habit(&self, party: &Party, text: &str) -> Parsed<Habit> {
        let calls = match party {
            Party::User(user) => self.house.operator(user).map_or(1, |name| self.house.desk(name).calls),
            Party::Number(_) => 1,
        };
        Ok(Habit { calls, ..habit(text)? })
    }

    /// On which of an operator's phones, if not the first.
    fn on_phone(&self, party: &Party) -> &'static str {
        let Party::User(user) = party else { return "" };
        let users = self.house.operator(user).map(|name| self.house.users(name)).unwrap_or_default();
        match users.iter().position(|theirs| theirs == user) {
            Some(1) => " on the second phone",
            Some(2) => " on the third phone",
            _ => "",
        }
    }

    fn number(&self, name: &str) -> Parsed<Number> {
        let digits = self.clients.get(name).ok_or_else(|| format!("no client is called {name:?}"))?;
        Number::parse(digits, "RU").map_err(|error| format!("{name}: {error:?}"))
    }

    fn agent(&self, name: &str) -> Parsed<String> {
        self.house.agent(name).ok_or_else(|| format!("no operator is called {name:?}"))
    }

    /// The name for a party, or its number.
    fn name(&self, party: &Party) -> String {
        match party {
            Party::User(user) => self.house.operator(user).unwrap_or(user).to_owned(),
            Party::Number(number) => self.name_of_number(number),
        }
    }

    fn name_of_number(&self, number: &str) -> String {
        let digits = number.trim_start_matches('+');
        let known = self.clients.iter().find(|(_, theirs)| *theirs == digits);
        known.map_or_else(|| number.to_owned(), |(name, _)| name.clone())
    }

    // ---- settings: `operators …`, `line …`, `client …`, `only observe`

    /// Takes a setting, or says that it is none.
    fn set(&mut self, text: &str) -> Parsed<bool> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        match word {
            "operators" => self.set_operators(rest)?,
            "line" => self.set_line(rest)?,
            "client" => self.set_client(rest)?,
            "calls" => self.set_price(rest)?,
            "only" if rest == "observe" => self.house.observe = true,
            "really" if rest == "dial" => self.house.observe = false,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn set_operators(&mut self, text: &str) -> Parsed<()> {
        let parts = parts(text);
        let (names, rest) = parts.split_first().ok_or("operators: their names are missing")?;
        self.house.operators = names.split_whitespace().map(str::to_owned).collect();
        for part in rest {
            if self.set_desk(part)? {
                continue;
            }
            match part.split_once(' ') {
                _ if part == "one after another" => self.house.strategy = Strategy::TopDown,
                _ if part == "all at once" => self.house.strategy = Strategy::RingAll,
                _ if part == "the one who knows the client first" => self.house.remember = true,
                Some(("waited", rest)) if rest.starts_with("for ") => {
                    (self.house.remember, self.house.loyal) = (true, span(&rest["for ".len()..])?);
                }
                Some(("by", strategy)) => {
                    let word = serde_json::Value::from(strategy);
                    self.house.strategy = serde_json::from_value(word).map_err(|error| error.to_string())?;
                }
                Some(("ring", ring)) => self.house.ring = span(ring)?,
                Some(("wrap-up", pause)) => self.house.wrap_up = span(pause)?,
                Some(("there", rest)) if rest.starts_with("after ") => {
                    self.house.answer = Answer::Delay(span(&rest["after ".len()..])?);
                }
                Some(("there", rest)) if rest.starts_with("by key ") => {
                    self.house.answer = Answer::Press(key_of(&rest["by key ".len()..])?);
                }
                _ => {
                    return Err(format!(
                        "{part:?} is none of: one after another, all at once, by STRATEGY, \
                         the one who knows the client first, waited for SPAN, ring SPAN, wrap-up SPAN, \
                         there after SPAN, there by key KEY, NAME has N phones in order | together, NAME takes N calls at \
                         once"
                    ));
                }
            }
        }
        Ok(())
    }

    /// `anna has 2 phones together`, `robot takes 3 calls at once`.
    fn set_desk(&mut self, text: &str) -> Parsed<bool> {
        let Some((name, rest)) = text.split_once(' ') else { return Ok(false) };
        let Some(at) = self.house.operators.iter().position(|operator| operator == name) else { return Ok(false) };
        let mut desk = self.house.desk(name);
        let number = |text: &str| text.parse().map_err(|_| format!("{text:?} is no number"));
        match rest.split_whitespace().collect::<Vec<_>>()[..] {
            ["has", phones, "phones", "in", "order"] => (desk.phones, desk.order) = (number(phones)?, Order::InOrder),
            ["has", phones, "phones", "together"] => (desk.phones, desk.order) = (number(phones)?, Order::Together),
            ["takes", calls, "calls", "at", "once"] => desk.calls = number(calls)? as u32,
            _ => return Ok(false),
        }
        if desk.phones > PHONES.len() {
            return Err(format!("{name} has at most {} phones", PHONES.len()));
        }
        self.house.desks.resize_with(self.house.operators.len(), Default::default);
        self.house.desks[at] = desk;
        Ok(true)
    }

    /// `cost 1.50 a minute[, at most 10 a month]`: of a begun minute, over the one trunk.
    fn set_price(&mut self, text: &str) -> Parsed<()> {
        let amount = |text: &str| text.parse::<Amount>().map_err(|error| format!("{text:?}: {error}"));
        let between = |text: &str, before: &str, after: &str| {
            let wrong = || format!("{text:?}: cost AMOUNT a minute, at most AMOUNT a month");
            amount(text.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).ok_or_else(wrong)?)
        };
        let parts = parts(text);
        let (cost, most) = parts.split_first().ok_or("calls: what do they cost?")?;
        let per_minute = between(cost, "cost ", " a minute")?;
        let a_month = most.first().map_or(Ok(Amount(u64::MAX)), |most| between(most, "at most ", " a month"))?;
        let price = Price { per_minute, currency: "RUB".into(), billing: Span::minutes(1) };
        self.house.price = Some((price, Cap { a_month, zone: moscow()? }));
        Ok(())
    }

    fn set_client(&mut self, text: &str) -> Parsed<()> {
        let (name, number) = text.split_once(' ').ok_or("client: a name and a number, or `hidden`")?;
        let number = match number {
            "hidden" => "anonymous".to_owned(),
            number => number.parse::<Number>().map_err(|error| format!("{number}: {error:?}"))?.digits(),
        };
        self.clients.insert(name.to_owned(), number);
        Ok(())
    }

    fn set_line(&mut self, text: &str) -> Parsed<()> {
        let parts = parts(text);
        let (name, rest) = parts.split_first().ok_or("line: its name is missing")?;
        let at = match self.house.lines.iter().position(|line| line.name == *name) {
            Some(at) => at,
            None => {
                let number = format!("+749511122{:02}", self.house.lines.len());
                let number = number.parse().map_err(|error| format!("{number}: {error:?}"))?;
                let reception = Reception::Menu(Span::seconds(8));
                self.house.lines.push(LineOf::new(name, number, reception));
                self.house.lines.len() - 1
            }
        };
        let operators = self.house.operators.clone();
        rest.iter().try_for_each(|part| set_of_line(&mut self.house.lines[at], part, &operators))
    }
}

fn set_of_line(line: &mut LineOf, part: &str, operators: &[String]) -> Parsed<()> {
    if set_of_queue(line, part)? {
        return Ok(());
    }
    let redial = &mut line.redial;
    let after = |prefix: &str| part.strip_prefix(prefix).map(str::trim);
    if part == "a queue" {
        line.reception = Reception::Queue;
    } else if let Some(rest) = after("a menu of ") {
        line.reception = Reception::Menu(span(rest)?);
    } else if let Some(rest) = after("rings ") {
        let (names, long) = rest.split_once(" for ").ok_or("rings WHOM for SPAN")?;
        let names: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
        if let Some(unknown) = names.iter().find(|name| !operators.contains(name)) {
            return Err(format!("no operator is called {unknown:?}"));
        }
        line.reception = Reception::Direct(names, span(long)?);
    } else if let Some(rest) = after("window ") {
        redial.track = span(rest)?;
    } else if let Some(rest) = after("attempts ") {
        redial.attempts = rest.parse().map_err(|_| format!("{rest:?} is no number of attempts"))?;
    } else if let Some(rest) = after("ring ") {
        redial.ring = span(rest)?;
    } else if let Some(rest) = after("again when busy after ") {
        redial.busy = Again::After(span(rest)?);
    } else if let Some(rest) = after("again when not answered after ") {
        redial.no_answer = Again::After(span(rest)?);
    } else if let Some(rest) = after("again when the network fails after ") {
        redial.network = span(rest)?;
    } else if let Some(rest) = after("given up after ") {
        redial.expire = span(rest)?;
    } else if let Some(rest) = after("missed when not served after ") {
        redial.missed = vec![MissedRule { waited: span(rest)?, ..Missed::Unserved.into() }];
    } else if let Some(rest) = after("missed when not served at ") {
        redial.manners.zone = moscow()?;
        redial.missed = vec![MissedRule { between: vec![times(rest)?], ..Missed::Unserved.into() }];
    } else if let Some(rest) = after("missed too when shorter than ") {
        redial.missed.push(Missed::ServedShorterThan(span(rest)?).into());
    } else if let Some(rest) = after("missed for the first time in ") {
        let within = Some(span(rest)?);
        redial.missed.iter_mut().for_each(|rule| rule.unique = within);
    } else if part == "by hand" {
        redial.mode = Mode::ByHand;
    } else if let Some(rest) = after("priority ") {
        line.priority = rest.parse().map_err(|_| format!("{rest:?} is no priority"))?;
    } else if let Some(rest) = after("avoids ") {
        redial.manners.zone = moscow()?;
        redial.manners.avoid.push(times(rest)?);
    } else if let Some(rest) = after("operator hears of a wish ") {
        redial.announce_operator.requested = rest.trim_matches('"').into();
    } else if let Some(rest) = after("operator hears again ") {
        redial.announce_operator.repeated = rest.trim_matches('"').into();
    } else if let Some(rest) = after("operator hears ") {
        redial.announce_operator = rest.trim_matches('"').into();
    } else if let Some(rest) = after("client hears ") {
        redial.announce_client = Some(rest.trim_matches('"').into());
    } else if let Some(rest) = after("a talk shorter than ") {
        let rest = rest.strip_suffix(" is a machine's").ok_or("a talk shorter than SPAN is a machine's")?;
        redial.machine.shorter_than = Some(span(rest)?);
    } else if let Some(rest) = after("records into ") {
        let (file, notice) = match rest.split_once(" and says ") {
            Some((file, notice)) => (file, Some(notice.trim_matches('"').into())),
            None => (rest, None),
        };
        redial.record = Some(Recording { file: file.trim_matches('"').into(), stereo: false, notice });
    } else if part == "listens for a beep" {
        redial.machine.beep = true;
    } else if let Some(rest) = after("a machine hears ") {
        redial.machine.say = Some(rest.trim_matches('"').into());
    } else if part == "the client first" {
        redial.client_first.get_or_insert_with(client_first);
    } else if let Some(rest) = after("who waits ") {
        redial.client_first.get_or_insert_with(client_first).wait = span(rest)?;
    } else if let Some(rest) = after("music ") {
        redial.client_first.get_or_insert_with(client_first).music = rest.trim_matches('"').into();
    } else if let Some(rest) = after("who puts it off by key ") {
        redial.keys.later = Some(key_of(rest)?);
    } else if let Some(rest) = after("hours ") {
        line.calendar = Some(Arc::new(calendar(rest)?));
    } else {
        return Err(format!(
            "{part:?} is none of: a queue, a menu of SPAN, rings WHOM for SPAN, window SPAN, attempts N, ring SPAN, \
             again when busy after SPAN, again when not answered after SPAN, again when the network fails after SPAN, \
             given up after SPAN, missed when not served after SPAN, missed when not served at FROM-TO, missed too when \
             shorter than SPAN, missed for the first time in SPAN, by hand, priority N, avoids FROM-TO, hours FROM-TO, \
             operator hears [of a wish | again] \"…\", client hears \"…\", \
             the client first, who waits SPAN, who puts it off by key KEY, music \"…\", \
             gives its callers, greets with \"…\", plays \"FILE\", says the place after SPAN, and every SPAN, waits at most SPAN, at most N wait, \
             who waits too long WAY, when nobody takes calls WAY, when too many wait WAY, when it is shut WAY, key KEY WAY, keeps a place for SPAN, \
             operator hears of who waits \"…\", records into \"FILE\" [and says \"…\"], listens for a beep, a talk shorter than SPAN is a machine's, a machine hears \"…\""
        ));
    }
    Ok(())
}

/// What a line does with callers whom its dialplan gives; false: this says nothing of that.
fn set_of_queue(line: &mut LineOf, part: &str) -> Parsed<bool> {
    let queue = &mut line.queue;
    let heard = |text: &str| Heard::Text(text.trim_matches('"').into());
    if part == "gives its callers" {
        line.reception = match &line.reception {
            Reception::Direct(names, long) => Reception::Given(names.clone(), *long),
            _ => Reception::Given(Vec::new(), Span::seconds(5)),
        };
        return Ok(true);
    }
    for (prefix, way) in [
        ("who waits too long ", &mut queue.late),
        ("when nobody takes calls ", &mut queue.nobody),
        ("when too many wait ", &mut queue.full),
        ("when it is shut ", &mut queue.closed),
    ] {
        if let Some(rest) = part.strip_prefix(prefix) {
            *way = self::way(rest)?;
            return Ok(true);
        }
    }
    let Some((prefix, rest)) = [
        "greets with ",
        "plays ",
        "says the place after ",
        "and every ",
        "waits at most ",
        "at most ",
        "keeps a place for ",
        "operator hears of who waits ",
        "key ",
    ]
    .into_iter()
    .find_map(|prefix| Some((prefix, part.strip_prefix(prefix)?))) else {
        return Ok(false);
    };
    match prefix {
        "greets with " => queue.greeting = Some(heard(rest)),
        "plays " => queue.music = rest.trim_matches('"').into(),
        "says the place after " => queue.announce.first = span(rest)?,
        "and every " => queue.announce.every = span(rest)?,
        "waits at most " => queue.longest_wait = Some(span(rest)?),
        "at most " => {
            let most = rest.strip_suffix(" wait").ok_or("at most N wait")?;
            queue.longest = Some(most.parse().map_err(|_| format!("{most:?} is no number"))?);
        }
        "keeps a place for " => queue.keep_place = span(rest)?,
        "operator hears of who waits " => queue.announce_operator = Some(rest.trim_matches('"').into()),
        _ => {
            let (key, way) = rest.split_once(' ').ok_or("key KEY WAY")?;
            queue.keys.push((key_of(key)?, self::way(way)?));
        }
    }
    Ok(true)
}

/// Where a caller goes: `is called back`, `leaves a message`, `goes to LINE`, and for nothing more, `and is not called back`.
fn way(text: &str) -> Parsed<Way> {
    let (text, callback) = match text.strip_suffix(" and is not called back") {
        Some(rest) => (rest, false),
        None => (text, true),
    };
    let then = match text {
        "is called back" => Then::CallBack,
        "leaves a message" => Then::Voicemail,
        "goes on in the dialplan" => Then::Dialplan,
        "hears goodbye" => Then::Goodbye,
        "waits" => Then::Wait,
        _ => Then::Line(text.strip_prefix("goes to ").ok_or_else(|| {
            format!("{text:?} is none of: is called back, leaves a message, goes on in the dialplan, goes to LINE, hears goodbye, waits")
        })?.into()),
    };
    Ok(Way { callback, ..Way::to(then) })
}

fn moscow() -> Parsed<TimeZone> {
    TimeZone::get("Europe/Moscow").map_err(|error| error.to_string())
}

/// `09:00-20:00`, in minutes since midnight.
fn times(text: &str) -> Parsed<(u16, u16)> {
    let (from, to) = text.split_once('-').ok_or("FROM-TO")?;
    let minute = |text| clock(text).map(|ms| (ms / 60_000) as u16);
    Ok((minute(from)?, minute(to)?))
}

fn calendar(text: &str) -> Parsed<Calendar> {
    let day = vec![times(text)?];
    Ok(Calendar::new(moscow()?, std::array::from_fn(|_| day.clone()), [], []))
}

/// What stands between commas outside of quotes.
fn parts(text: &str) -> Vec<String> {
    let (mut parts, mut quoted) = (vec![String::new()], false);
    for sign in text.chars() {
        quoted ^= sign == '"';
        match (sign, quoted, parts.last_mut()) {
            (',', false, _) => parts.push(String::new()),
            (_, _, Some(part)) => part.push(sign),
            _ => {}
        }
    }
    parts.into_iter().map(|part| part.trim().to_owned()).collect()
}

/// `20s`, `5m`, `24h`, `300ms`.
fn span(text: &str) -> Parsed<Span> {
    let text = text.trim();
    let digits = text.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(text.len());
    let unit = match &text[digits..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(format!("{text:?} is no span: 300ms, 20s, 5m, 24h")),
    };
    text[..digits]
        .parse::<u64>()
        .map(|n| Span(n * unit))
        .map_err(|_| format!("{text:?} is no span: 300ms, 20s, 5m, 24h"))
}

/// `12:00` or `12:00:05`, since midnight.
fn clock(text: &str) -> Parsed<u64> {
    let wrong = || format!("{text:?} is no time of day: 12:00 or 12:00:05");
    let numbers: Vec<u64> = text.split(':').map(|part| part.parse().map_err(|_| wrong())).collect::<Parsed<_>>()?;
    match numbers[..] {
        [h, m] if h < 24 && m < 60 => Ok((h * 60 + m) * 60_000),
        [h, m, s] if h < 24 && m < 60 && s < 60 => Ok(((h * 60 + m) * 60 + s) * 1000),
        _ => Err(wrong()),
    }
}

/// The time at the beginning of a line, and the rest of it; `None`: the line has none.
fn when<'a>(text: &'a str, day: &mut u64) -> Parsed<Option<(When, &'a str)>> {
    let (mut word, mut rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    if let Some(named) = DAYS.iter().position(|name| *name == word) {
        *day = named as u64 * DAY;
        (word, rest) = rest.trim_start().split_once(char::is_whitespace).ok_or("a time is missing after the day")?;
    }
    let when = match word {
        "..." => When::Whenever,
        "end" => When::End,
        word if !word.starts_with(|sign: char| sign.is_ascii_digit()) => return Ok(None),
        word => match word.split_once("..") {
            Some((from, to)) => When::Between(*day + clock(from)?, *day + clock(to)?),
            None => When::At(*day + clock(word)?),
        },
    };
    Ok(Some((when, rest.trim())))
}

fn key_of(text: &str) -> Parsed<Key> {
    let one = text.chars().next().filter(|_| text.len() == 1);
    one.and_then(Key::new).ok_or_else(|| format!("{text:?} is no key: 0-9, * or #"))
}

/// Everything that a phone does when it is rung: `is busy, then answers after 3s, talks 40s`.
fn habit(text: &str) -> Parsed<Habit> {
    let mut habit = Habit { reactions: [].into(), talks: Span::seconds(60), presses: None, hands_on: None, calls: 1 };
    for part in parts(text) {
        let part = part.strip_prefix("then ").unwrap_or(&part);
        if let Some(long) = part.strip_prefix("talks ") {
            habit.talks = span(long)?;
            continue;
        }
        if let Some((user, after)) =
            part.strip_prefix("hands the client on to ").and_then(|rest| rest.split_once(" after "))
        {
            let user = user.parse().map_err(|_| format!("{user:?} is no phone: 1001 is the first operator's"))?;
            habit.hands_on = Some((span(after)?, user));
            continue;
        }
        if let Some((key, after)) = part.strip_prefix("presses ").and_then(|rest| rest.split_once(" after ")) {
            habit.presses = Some((span(after)?, key_of(key)?.sign()));
            continue;
        }
        let reaction = match part {
            "does not answer" => Reaction::Ignores,
            "is busy" => Reaction::Refuses(486),
            "declines" => Reaction::Refuses(603),
            "is no number" => Reaction::Refuses(404),
            "is out of order" => Reaction::Refuses(503),
            "is a machine" => Reaction::Machine,
            "plays music and does not answer" => Reaction::EarlyMedia,
            part if part.starts_with(EXCHANGE) => Reaction::Exchange(span(&part[EXCHANGE.len()..])?),
            part => match part.strip_prefix("answers after ").map(|rest| rest.split_once(" and leaves after ")) {
                Some(Some((after, stays))) => Reaction::HangsUp(span(after)?, span(stays)?),
                Some(None) => Reaction::Answers(span(&part["answers after ".len()..])?),
                None => {
                    return Err(format!(
                        "{part:?} is nothing that a phone does: answers after SPAN [and leaves after SPAN], does not \
                         answer, is busy, declines, is no number, is out of order, is a machine, plays music and does not answer, sits \
                         behind an exchange and comes after SPAN; talks SPAN, presses KEY after SPAN"
                    ));
                }
            },
        };
        habit.reactions.push_back(reaction);
    }
    if habit.reactions.is_empty() {
        habit.reactions.push_back(Reaction::Answers(Span::seconds(3)));
    }
    Ok(habit)
}

/// What happens.
fn happening(text: &str, cast: &mut Cast) -> Parsed<What> {
    let (who, does) = text.split_once(' ').ok_or_else(|| format!("{text:?}: who does what?"))?;
    match who {
        "admin" => return wish(does, cast),
        // Whoever it is, by name: an operator's or a client's name is not needed for that.
        _ if does.starts_with("cancels ") => {
            return cast.number(&does["cancels ".len()..]).map(|number| What::Cancel(number, who.to_owned()));
        }
        "the" => return fault(does).map(Happening::Fault).map(What::Happens),
        _ => {}
    }
    let (party, who, does) = cast.who(text)?;
    if let (Party::User(user), Some(long)) = (&party, does.strip_prefix("is gone for ")) {
        return Ok(What::Happens(Happening::Fault(Fault::Unregister(user.clone(), span(long)?))));
    }
    let operator = |ready| Happening::Wish(Wish::Operator { name: who.into(), ready, why: String::new() });
    let agent = |status| cast.agent(who).map(|agent| Happening::Agent(agent, status));
    Ok(What::Happens(match does {
        "hangs up" => Happening::HangUp(party),
        does if does.strip_prefix("presses ").is_some_and(|key| key.chars().count() == 1) => {
            Happening::Press(party, key_of(&does["presses ".len()..])?.sign())
        }
        "is away" => operator(false),
        "is back" => operator(true),
        "dials away" => dials(who, party, AWAY)?,
        "dials ready" => dials(who, party, READY)?,
        "takes a break from the queue" => agent(AgentStatus::OnBreak)?,
        "is in the queue again" => agent(AgentStatus::Available)?,
        does => match does.strip_prefix("calls ") {
            Some(call) => self::call(who, party, call, cast)?,
            None => {
                let habit = cast.habit(&party, does)?;
                Happening::Habit(party, habit)
            }
        },
    }))
}

/// Of an operator's phone, a code of the dialplan.
fn dials(who: &str, party: Party, code: &str) -> Parsed<Happening> {
    let Party::User(user) = party else { return Err(format!("{who} is no operator")) };
    let caller = Caller { user: Some(user.clone()), number: user, name: who.to_owned(), dialled: code.to_owned() };
    Ok(Happening::Call(caller, Span::seconds(5)))
}

/// `LINE`, `LINE as "NAME"`, `CLIENT`, each with `, waits SPAN`.
fn call(who: &str, party: Party, text: &str, cast: &Cast) -> Parsed<Happening> {
    let parts = parts(text);
    let (whom, rest) = parts.split_first().ok_or("calls whom?")?;
    let (whom, name) =
        whom.split_once(" as ").map_or((whom.as_str(), ""), |(whom, name)| (whom, name.trim_matches('"')));
    let dialled = match (cast.house.line(whom), cast.clients.get(whom)) {
        (Some(line), _) => line.number.digits(),
        (_, Some(client)) => client.clone(),
        _ => return Err(format!("{whom:?} is neither a line nor a client")),
    };
    let patience = match rest {
        [] => Span::minutes(2),
        [waits] => span(waits.strip_prefix("waits ").ok_or_else(|| format!("{waits:?}: waits SPAN"))?)?,
        _ => return Err("calls WHOM, waits SPAN".to_owned()),
    };
    let name = name.replace("\\n", "\n");
    let caller = match party {
        Party::User(user) => Caller { user: Some(user.clone()), number: user, name: who.to_owned(), dialled },
        Party::Number(number) => Caller { user: None, number, name, dialled },
    };
    Ok(Happening::Call(caller, patience))
}

fn wish(text: &str, cast: &mut Cast) -> Parsed<What> {
    if let Some(setting) = text.strip_prefix("reloads with ") {
        let known = cast.set(setting)?;
        let reload = Happening::Reload(Box::new(cast.house.clone()));
        return known.then_some(What::Happens(reload)).ok_or_else(|| format!("{setting:?} is no setting"));
    }
    if let Some(client) = text.strip_prefix("cancels ") {
        return cast.number(client).map(|number| What::Cancel(number, "admin".to_owned()));
    }
    if let Some((client, line)) = text.strip_prefix("wants ").and_then(|rest| rest.split_once(" called on ")) {
        let number = cast.number(client)?;
        return Ok(What::Call(Wish::Call { number, line: line.into(), by: "admin".to_owned(), list: None }, number));
    }
    if let Some((client, list)) = text.strip_prefix("lists ").and_then(|rest| rest.split_once(" in ")) {
        let (list, line) = list.split_once(" on ").ok_or("lists CLIENT in LIST on LINE")?;
        let number = cast.number(client)?;
        let list = Some(list.to_owned());
        let wish = Wish::Call { number, line: line.into(), by: "admin".to_owned(), list };
        return Ok(What::Happens(Happening::Wish(wish)));
    }
    if let Some(list) = text.strip_prefix("lets list ").and_then(|rest| rest.strip_suffix(" rest")) {
        return Ok(What::Happens(Happening::Wish(Wish::List { list: list.to_owned(), paused: true })));
    }
    if let Some(list) = text.strip_prefix("goes on with list ") {
        return Ok(What::Happens(Happening::Wish(Wish::List { list: list.to_owned(), paused: false })));
    }
    if let Some(client) = text.strip_prefix("blocks ") {
        let wish = Wish::Block { number: cast.number(client)?, by: "admin".to_owned() };
        return Ok(What::Happens(Happening::Wish(wish)));
    }
    if let Some(client) = text.strip_prefix("unblocks ") {
        return Ok(What::Happens(Happening::Wish(Wish::Unblock { number: cast.number(client)? })));
    }
    if let Some(client) = text.strip_prefix("asks about ") {
        return cast.number(client).map(|number| What::Asks(Question::Why(client.to_owned(), number)));
    }
    if let Some((client, line)) =
        text.strip_prefix("asks what would come of a call of ").and_then(|rest| rest.split_once(" on "))
    {
        let number = cast.number(client)?;
        return Ok(What::Asks(Question::Foresee(client.to_owned(), number, line.to_owned())));
    }
    match text {
        "asks for a report" => Ok(What::Asks(Question::Report)),
        "pauses" => Ok(What::Happens(Happening::Wish(Wish::Pause))),
        "resumes" => Ok(What::Happens(Happening::Wish(Wish::Resume))),
        _ => Err(format!(
            "an admin pauses, resumes, cancels CLIENT, wants CLIENT called on LINE, reloads with SETTING, asks about \
             CLIENT, asks what would come of a call of CLIENT on LINE, asks for a report; not {text:?}"
        )),
    }
}

fn fault(text: &str) -> Parsed<Fault> {
    let long = |prefix: &str| text.strip_prefix(prefix).map(span);
    if let Some(down) = long("daemon dies for ") {
        return down.map(|down| Fault::Kill(Death::AfterCommit, down));
    }
    if let Some(down) = long("trunk is down for ") {
        return down.map(Fault::Gateway);
    }
    if let Some(down) = long("disk is full for ") {
        return down.map(Fault::Store);
    }
    match text {
        "connection is cut" => Ok(Fault::Cut(0)),
        "switch restarts" => Ok(Fault::Restart),
        _ => Err(format!(
            "\"the {text}\": the daemon dies for SPAN, the trunk is down for SPAN, the disk is full for SPAN, the \
             connection is cut, the switch restarts"
        )),
    }
}

fn expectation(text: &str) -> Parsed<Expect> {
    if text == "nothing dialled" {
        return Ok(Expect::Times(0, "* is rung".to_owned()));
    }
    let counted = |n, rest: &str| Ok(Expect::Times(n, rest.to_owned()));
    match text.split_once(' ') {
        Some(("no", rest)) => return counted(0, rest),
        Some(("once", rest)) => return counted(1, rest),
        Some(("twice", rest)) => return counted(2, rest),
        Some((n, rest)) if n.parse::<usize>().is_ok() => {
            let rest = rest.strip_prefix("times ").ok_or("N times WHAT")?;
            return counted(n.parse().unwrap_or(0), rest);
        }
        _ => {}
    }
    if let Some(text) = text.strip_suffix(" as told") {
        return Ok(Expect::AsTold(text.to_owned()));
    }
    let (text, within) = match text.rsplit_once(" within ") {
        Some((text, long)) => (text, Some(span(long)?)),
        None => (text, None),
    };
    Ok(Expect::Found(text.split(" and ").map(str::to_owned).collect(), within))
}

/// The scenarios of a file, each under its heading (`== …`).
fn parse(file: &str, text: &str) -> Parsed<Vec<Scenario>> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    let mut day = 0;
    for (n, line) in text.lines().enumerate().map(|(n, line)| (n + 1, line.trim())) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(title) = line.strip_prefix("==") {
            day = 0;
            let title = title.trim().to_owned();
            let cast = Cast::nobody();
            let house = cast.house.clone();
            scenarios.push(Scenario { title, cast, house, start: 0, habits: Vec::new(), lines: Vec::new() });
            continue;
        }
        let scenario = scenarios.last_mut().ok_or(format!("{file}:{n}: a heading (== what it shows) comes first"))?;
        scenario.line(n, line, &mut day).map_err(|error| format!("{file}:{n}: {line}\n    {error}"))?;
    }
    for scenario in &mut scenarios {
        if !scenario.lines.iter().any(|line| matches!(line.what, What::Expect(_))) {
            return Err(format!("{file}: \"{}\" expects nothing", scenario.title));
        }
    }
    Ok(scenarios)
}

impl Scenario {
    fn line(&mut self, n: usize, text: &str, day: &mut u64) -> Parsed<()> {
        let Some((when, rest)) = when(text, day)? else { return self.setting(text) };
        let what = match rest.strip_prefix("expect ") {
            Some(expected) => What::Expect(expectation(expected)?),
            None if matches!(when, When::At(_)) => happening(rest, &mut self.cast)?,
            None => return Err("what happens has one time: 12:00:05".to_owned()),
        };
        if let (true, When::At(at)) = (self.lines.is_empty(), when) {
            self.start = at - BEFORE.0.min(at);
        }
        self.lines.push(Line { n, text: text.to_owned(), when, what });
        Ok(())
    }

    /// A line without a time: how everything is before anything happens.
    fn setting(&mut self, text: &str) -> Parsed<()> {
        if !self.lines.is_empty() {
            return Err("how the house is comes before what happens in it".to_owned());
        }
        if self.cast.set(text)? {
            self.house = self.cast.house.clone();
            return Ok(());
        }
        let (party, _, does) = self.cast.who(text).map_err(|error| {
            format!(
                "{error}; before anything happens come: operators …, line …, client …, calls cost …, only observe, WHO \
                 DOES WHAT"
            )
        })?;
        let habit = self.cast.habit(&party, does)?;
        self.habits.push((party, habit));
        Ok(())
    }
}

// ---- what happened, in the same words --------------------------------------------------------------------------------

/// Everything that happened so far, as sentences.
#[derive(Default)]
struct Transcript {
    channels: BTreeMap<ChannelId, String>,
    /// Of an operator's other phones, which it is.
    phones: BTreeMap<ChannelId, &'static str>,
    /// Phones on which the person is not there yet.
    exchanges: BTreeSet<ChannelId>,
    heard: usize,
    said: usize,
    lines: Vec<(Mono, String)>,
}

impl Transcript {
    fn catch_up(&mut self, world: &World, cast: &Cast) {
        let from = self.lines.len();
        for (at, happened) in &world.happened[self.heard..] {
            if let Some(sentence) = self.telephone(happened, cast) {
                self.lines.push((at.mono, sentence));
            }
        }
        for (at, said) in &world.said[self.said..] {
            if let Some(sentence) = fact(said, cast) {
                self.lines.push((at.mono, sentence));
            }
        }
        self.heard = world.happened.len();
        self.said = world.said.len();
        self.lines[from..].sort_by_key(|(at, _)| *at);
    }

    fn remember_phone(&mut self, channel: &ChannelId, party: &Party, cast: &Cast) -> &'static str {
        let phone = cast.on_phone(party);
        if !phone.is_empty() {
            self.phones.insert(channel.clone(), phone);
        }
        phone
    }

    fn telephone(&mut self, happened: &Outside, cast: &Cast) -> Option<String> {
        let name = |id: &ChannelId| self.channels.get(id).cloned().unwrap_or_else(|| "somebody".to_owned());
        Some(match happened {
            Outside::Calls { channel, party, dialled } => {
                let who = cast.name(party);
                self.channels.insert(channel.clone(), who.clone());
                let line = cast.house.dialled(dialled).map(|line| line.name.clone());
                let phone = self.remember_phone(channel, party, cast);
                format!("{who} calls {}{phone}", line.unwrap_or_else(|| cast.name_of_number(dialled)))
            }
            Outside::Invite { channel, party, shown, variables, .. } => {
                let who = cast.name(party);
                self.channels.insert(channel.clone(), who.clone());
                let phone = self.remember_phone(channel, party, cast);
                match variables.iter().find(|(name, _)| name == "perezvon_leg").map(|(_, role)| role.as_str()) {
                    Some("operator") => format!("{who} is rung for {}{phone}", cast.name_of_number(shown)),
                    Some(_) => {
                        let digits = shown.trim_start_matches('+');
                        let line = cast.house.dialled(digits).map_or(shown.as_str(), |line| line.name.as_str());
                        format!("{who} is rung by {line}")
                    }
                    None => format!("{who}'s phone rings"),
                }
            }
            Outside::Pressed(id, key) => format!("{} presses {key}", name(id)),
            Outside::Greets(id) => {
                self.exchanges.insert(id.clone());
                format!("{}'s exchange answers", name(id))
            }
            Outside::Comes(id) => {
                self.exchanges.remove(id);
                format!("{} comes to the phone", name(id))
            }
            Outside::Hears(id, words) if !words.is_empty() => {
                let exchange = if self.exchanges.contains(id) { "'s exchange" } else { "" };
                format!("{}{exchange} hears {words:?}", name(id))
            }
            Outside::Music(id) => format!("{} hears music", name(id)),
            Outside::Recorded(id, file) => format!("{} is recorded into {file}", name(id)),
            Outside::Beeps(id) => format!("{} beeps", name(id)),
            Outside::Talking(a, b) => {
                let (a, b) = (name(a), name(b));
                let (first, second) = if cast.house.operators.contains(&b) { (b, a) } else { (a, b) };
                format!("{first} talks with {second}")
            }
            Outside::Gone(id, cause) => {
                let phone = self.phones.get(id).copied().unwrap_or_default();
                format!("{} is gone ({cause}){phone}", name(id))
            }
            Outside::Hears(..) | Outside::Answered(_) | Outside::Silence(_) | Outside::Alone(_) => return None,
        })
    }
}

fn fact(said: &Said, cast: &Cast) -> Option<String> {
    let who = |number: &Number| cast.name_of_number(&number.digits());
    let ended = |call: &CallRecord| {
        let name = call.number.map_or_else(|| "somebody hidden".to_owned(), |number| who(&number));
        let how = match call.missed {
            Some(true) => "missed",
            Some(false) => "not missed",
            None => "not judged",
        };
        let callback = if call.callback.is_some() { "" } else { ", without a callback" };
        let left = call.queue.as_ref().and_then(|queue| queue.left);
        let left = left.map_or_else(String::new, |left| format!(", left the queue: {}", left.as_str()));
        format!("journal: the call of {name} on {} is {how}{callback}{left}", call.line)
    };
    Some(match said {
        Said::Alarm(alarm) => format!("alarm {}: {}", alarm.kind.as_str(), alarm.text),
        Said::Fact(fact) => match &**fact {
            Notice::CallEnded(call) => ended(call),
            Notice::Opened(callback) => format!("journal: a callback of {} is opened", who(&callback.number)),
            Notice::Blocked(block) => format!("journal: {} is not called: {}", who(&block.number), block.why),
            Notice::Joined(callback) => {
                format!("journal: the callback of {} stands for {} misses", who(&callback.number), callback.misses)
            }
            Notice::AttemptEnded { number, attempt, outcome, .. } => {
                format!("journal: attempt {attempt} of {} ended: {}", who(number), outcome.as_str())
            }
            Notice::Closed { callback, reason } => {
                let by = match reason {
                    CloseReason::Cancelled { by } => format!(" by {by}"),
                    _ => String::new(),
                };
                format!("journal: the callback of {} is closed: {}{by}", who(&callback.number), reason.as_str())
            }
            _ => return None,
        },
    })
}

/// Does the sentence say this? `*` stands for anything; a sentence may go on after what was asked for, a word may not.
fn says(sentence: &str, asked: &str) -> bool {
    let mut pieces = asked.split('*');
    let Some(mut rest) = sentence.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    asked.ends_with('*') || !rest.starts_with(|sign: char| sign.is_alphanumeric() || sign == '-')
}

// ---- the run ---------------------------------------------------------------------------------------------------------

/// A scenario under way.
struct Run<'a> {
    scenario: &'a Scenario,
    world: World,
    transcript: Transcript,
    /// What was found last: sentences before this index are over.
    found: usize,
    /// And when that was.
    since: Mono,
    /// The time that was told last: then a client is to be dialled.
    told: Option<Mono>,
}

impl Run<'_> {
    fn new(scenario: &Scenario, seed: u64) -> Run<'_> {
        let house = &scenario.house;
        let mut world = World::new(house.clone(), seed, MIDNIGHT + Span(scenario.start));
        world.trace();
        for name in &house.operators {
            let Some(agent) = house.agent(name) else { continue };
            let default = Habit::always(Reaction::Answers(Span::seconds(3))).talking(Span::minutes(5));
            for user in house.users(name) {
                let habit = Habit { calls: house.desk(name).calls, ..default.clone() };
                world.at(Mono(0), Happening::Habit(Party::User(user), habit));
            }
            world.at(Mono(0), Happening::Agent(agent, AgentStatus::Available));
        }
        for number in scenario.cast.clients.values() {
            let default = Habit::always(Reaction::Answers(Span::seconds(3)));
            world.at(Mono(0), Happening::Habit(Party::Number(number.clone()), default));
        }
        for (party, habit) in &scenario.habits {
            world.at(Mono(0), Happening::Habit(party.clone(), habit.clone()));
        }
        Run { scenario, world, transcript: Transcript::default(), found: 0, since: Mono(0), told: None }
    }

    /// The whole of it; what was wrong.
    fn go(&mut self) -> Result<(), String> {
        for line in &self.scenario.lines {
            self.line(line).map_err(|error| format!("line {}: {}\n    {error}", line.n, line.text))?;
        }
        self.wait_for_the_end();
        self.world.finish();
        match self.world.violations().first() {
            Some(broken) => {
                Err(format!("the promise {} was broken at {}: {}", broken.name, self.time(broken.at.mono), broken.text))
            }
            None => Ok(()),
        }
    }

    fn mono(&self, time: u64) -> Mono {
        Mono(time.saturating_sub(self.scenario.start))
    }

    /// The wall clock is never set in a scenario.
    fn mono_of(&self, at: Wall) -> Mono {
        let now = self.now();
        now.mono + at.since(now.wall)
    }

    fn time(&self, at: Mono) -> String {
        let ms = at.0 + self.scenario.start;
        let (day, s) = (ms / DAY, ms % DAY / 1000);
        let named = if day == 0 { "" } else { DAYS[day as usize % 7] };
        format!("{named:3} {:02}:{:02}:{:02}.{:03}", s / 3600, s / 60 % 60, s % 60, ms % 1000)
    }

    fn now(&self) -> Now {
        self.world.now()
    }

    fn run_until(&mut self, until: Mono) -> Result<(), String> {
        if until < self.now().mono {
            return Err(format!("it is {} already", self.time(self.now().mono)));
        }
        self.world.run_until(until);
        self.transcript.catch_up(&self.world, &self.scenario.cast);
        Ok(())
    }

    /// Until no callback is open and nobody is on the phone.
    fn wait_for_the_end(&mut self) {
        let last = self.now().mono + LONGEST;
        let open = CallbackFilter { open: true, ..CallbackFilter::default() };
        loop {
            let _ = self.run_until(self.now().mono + Span::seconds(30));
            let quiet = self.world.town.switch.channels().next().is_none();
            if (quiet && self.world.store.rows.callbacks(&open).is_empty()) || self.now().mono > last {
                break;
            }
        }
        // Records that come late, and the judge's own delay.
        let _ = self.run_until(self.now().mono + Span::minutes(5));
    }

    fn line(&mut self, line: &Line) -> Result<(), String> {
        match (&line.what, line.when) {
            (What::Expect(expect), when) => self.expect(expect, when),
            (what, When::At(at)) => {
                self.run_until(self.mono(at))?;
                self.happens(what)
            }
            _ => Err("what happens has one time".to_owned()),
        }
    }

    fn happens(&mut self, what: &What) -> Result<(), String> {
        let now = self.now().mono;
        match what {
            What::Happens(happening) => self.world.at(now, happening.clone()),
            What::Call(wish, number) => {
                self.world.judge.wished(*number);
                self.world.at(now, Happening::Wish(wish.clone()));
            }
            What::Cancel(number, by) => {
                let filter = CallbackFilter { open: true, number: Some(*number), ..CallbackFilter::default() };
                let open = self.world.store.rows.callbacks(&filter);
                let callback = open.first().ok_or("there is no callback to cancel")?.id;
                self.world.at(now, Happening::Wish(Wish::Cancel { callback, by: by.clone() }));
            }
            What::Asks(question) => {
                let (sentences, next) = question.ask(&self.world, |at| self.time(self.mono_of(at)))?;
                self.told = next.map(|at| self.mono_of(at));
                self.transcript.lines.extend(sentences.into_iter().map(|sentence| (now, sentence)));
            }
            What::Expect(_) => {}
        }
        Ok(())
    }

    fn expect(&mut self, expect: &Expect, when: When) -> Result<(), String> {
        let from = match when {
            When::At(at) => self.run_until(self.mono(at)).map(|()| Mono(0))?,
            When::Between(from, to) => self.run_until(self.mono(to)).map(|()| self.mono(from))?,
            When::Whenever => Mono(0),
            When::End => {
                self.wait_for_the_end();
                Mono(0)
            }
        };
        match expect {
            Expect::Times(_, sentence) if when == When::Whenever => {
                Err(format!("by when {sentence:?}? A time, or end"))
            }
            Expect::Times(wanted, sentence) => {
                let until = self.now().mono;
                let is_it = |line: &&(Mono, String)| line.0 >= from && line.0 <= until && says(&line.1, sentence);
                let times: Vec<String> =
                    self.transcript.lines.iter().filter(is_it).map(|(at, _)| self.time(*at)).collect();
                match times.len() == *wanted {
                    true => Ok(()),
                    false => Err(format!("it happened {} times: {}", times.len(), times.join(", "))),
                }
            }
            Expect::Found(sentences, within) => self.find_all(sentences, *within, when, from),
            Expect::AsTold(sentence) => {
                let told = self.told.ok_or("no time was told")?;
                self.find_all(std::slice::from_ref(sentence), None, when, told)?;
                match self.since > told + A_MOMENT {
                    true => Err(format!("told was {}, and it was at {}", self.time(told), self.time(self.since))),
                    false => Ok(()),
                }
            }
        }
    }

    fn find_all(&mut self, sentences: &[String], within: Option<Span>, when: When, from: Mono) -> Result<(), String> {
        let (mut last, mut at) = (self.found, self.since);
        for sentence in sentences {
            let n = self.find(sentence, when)?;
            let (when, said) = self.transcript.lines[n].clone();
            if when < from {
                return Err(format!("too early, at {}: {said}", self.time(when)));
            }
            if within.is_some_and(|within| when > self.since + within) {
                return Err(format!("{} ms after what was found before: {said}", when.since(self.since).0));
            }
            (last, at) = (last.max(n + 1), at.max(when));
        }
        (self.found, self.since) = (last, at);
        Ok(())
    }

    fn find(&mut self, sentence: &str, when: When) -> Result<usize, String> {
        let last = self.now().mono + LONGEST;
        loop {
            let found = self.transcript.lines[self.found..].iter().position(|(_, said)| says(said, sentence));
            if let Some(at) = found {
                return Ok(self.found + at);
            }
            if when != When::Whenever || self.now().mono > last {
                let earlier = self.transcript.lines[..self.found].iter().rposition(|(_, said)| says(said, sentence));
                let earlier =
                    earlier.map(|at| format!("; it did before, at {}", self.time(self.transcript.lines[at].0)));
                return Err(format!("{sentence:?} did not happen{}", earlier.unwrap_or_default()));
            }
            self.run_until(self.now().mono + SLICE)?;
        }
    }

    fn told(&self) -> String {
        let mut text = String::new();
        for (n, (at, sentence)) in self.transcript.lines.iter().enumerate() {
            let mark = if n + 1 == self.found { " <- found last" } else { "" };
            let _ = writeln!(text, "      {} {sentence}{mark}", self.time(*at));
        }
        text
    }
}

fn run(file: &str, scenario: &Scenario, loud: bool) -> Result<(), String> {
    for seed in 1..=SEEDS {
        let mut run = Run::new(scenario, seed);
        let outcome = run.go();
        if loud && seed == 1 {
            println!("{file}: {}\n{}", scenario.title, run.told());
        }
        outcome.map_err(|error| {
            format!("{file}: \"{}\" (seed {seed})\n  {error}\n    what happened:\n{}", scenario.title, run.told())
        })?;
    }
    Ok(())
}

/// Every script by its name, in order.
fn scripts() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut found: Vec<(String, String)> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "txt"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap()))
        .collect();
    found.sort();
    found
}

#[test]
fn every_script_happens_as_it_says() {
    let wanted = env::var("PEREZVON_SCRIPT").ok();
    let (mut failures, mut run_so_far) = (Vec::new(), 0);
    for (file, text) in scripts() {
        if wanted.as_ref().is_some_and(|wanted| !file.contains(wanted.as_str())) {
            continue;
        }
        match parse(&file, &text) {
            Ok(scenarios) => {
                run_so_far += scenarios.len();
                failures.extend(scenarios.iter().filter_map(|one| run(&file, one, wanted.is_some()).err()));
            }
            Err(error) => failures.push(error),
        }
    }
    println!("{run_so_far} scenarios, each with {SEEDS} seeds");
    assert!(run_so_far > 0, "no script was found");
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
}

/// A house in which one client is missed and called back.
const ONE_MISS: &str =
    "== one\noperators anna\nline site, a menu of 5s, window 1m\nclient ivan +79161234567\n12:00 ivan calls site\n";

fn outcome(more: &str) -> Result<(), String> {
    let text = format!("{ONE_MISS}{more}");
    parse("a.txt", &text)?.iter().try_for_each(|scenario| run("a.txt", scenario, false))
}

#[test]
fn a_script_that_expects_what_does_not_happen_fails() {
    assert_eq!(outcome("... expect anna talks with ivan\n"), Ok(()));
    for (wrong, told) in [
        ("12:00:30 expect anna is rung for ivan\n", "\"anna is rung for ivan\" did not happen"),
        ("12:01:30..12:02 expect anna is rung for ivan\n", "too early, at     12:01:0"),
        ("end expect nothing dialled\n", "it happened 2 times"),
        ("end expect twice journal: a callback of ivan is opened\n", "it happened 1 times"),
        ("... expect ivan is rung by site\n... expect anna is rung\n", "did not happen; it did before"),
        ("... expect anna is rung\n... expect anna talks with ivan within 1s\n", "ms after what was found before"),
        ("... expect anna talks with ivan\n12:01 ivan hangs up\n", "already"),
    ] {
        let error = outcome(wrong).expect_err(wrong);
        assert!(error.contains(told), "{wrong}: {error}");
        assert!(error.contains("ivan calls site"), "the error tells what happened: {error}");
    }
}

#[test]
fn a_script_that_cannot_be_read_says_where_and_what_is_meant() {
    for (wrong, told) in [
        ("12:61 ivan hangs up\n", "a.txt:6: 12:61 ivan hangs up\n    \"12:61\" is no time of day: 12:00 or 12:00:05"),
        ("12:01 oleg hangs up\n", "nobody is called \"oleg\"; there are anna, ivan"),
        ("12:01 ivan flies\n", "\"flies\" is nothing that a phone does"),
        ("12:01 ivan calls moon\n", "\"moon\" is neither a line nor a client"),
        ("12:01 the moon falls\n", "the trunk is down for SPAN"),
        ("12:01 admin sleeps\n", "an admin pauses"),
        ("12:01 ivan calls site, waits long\n", "\"long\" is no span"),
        ("line site, window 5m\n", "comes before what happens"),
        ("12:01..12:02 ivan hangs up\n", "has one time"),
        ("== empty\noperators anna\n", "expects nothing"),
    ] {
        let error = outcome(wrong).expect_err(wrong);
        assert!(error.contains(told), "{wrong}: {error}");
    }
}
