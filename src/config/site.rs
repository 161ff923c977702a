//! `[site.NAME]`: a web site whose visitors may ask to be called.

use super::{
    reader::{Node, Table},
    rules::reference,
};
use crate::engine::{Name, number::Number, rules::Language, time::Span};
use std::{fmt, ops::RangeInclusive, sync::Arc};

/// The lengths of a site's public key, in characters.
const KEY: RangeInclusive<usize> = 8..=64;
/// The longest texts that visitors read, in characters.
const MOST_TITLE: usize = 80;
const MOST_TEXT: usize = 300;
const MOST_CONSENT: usize = 600;
/// How often something may be asked for at most; each time is remembered.
const MOST_TIMES: u32 = 1000;
/// Over what a rate counts.
const WITHIN: RangeInclusive<Span> = Span::seconds(1)..=Span::minutes(24 * 60);
/// Bits of the challenge: fewer deter nobody, with more a telephone works for a minute.
const BITS: RangeInclusive<u32> = 8..=22;
/// `challenge = true`: some hundreds of milliseconds.
const USUAL_BITS: u32 = 16;
/// The most digits of a beginning.
const MOST_DIGITS: usize = 12;

/// A web site whose visitors may ask to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its name, for people.
    pub name: Name,
    /// What stands in its script tag; anybody may read it.
    pub key: Arc<str>,
    /// Of which origins its pages are: `https://shop.example`.
    pub origins: Vec<String>,
    /// The line that calls.
    pub line: Name,
    /// What the widget speaks; `None`: the page's language.
    pub language: Option<Language>,
    /// What the widget looks like.
    pub look: Look,
    /// Which numbers may be asked for.
    pub allow: Vec<Allowed>,
    /// How often.
    pub limits: Limits,
    /// How many bits of work a request takes; `None`: none.
    pub challenge: Option<u32>,
    /// May visitors write to the operators of the line, too?
    pub chat: bool,
}

/// What a visitor sees and reads; what is `None` is the widget's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// `auto`, `light`, `dark`.
    pub theme: &'static str,
    /// `right`, `left`.
    pub position: &'static str,
    /// `#0b6e55`.
    pub color: Option<String>,
    /// The heading.
    pub title: Option<String>,
    /// The sentence below it.
    pub text: Option<String>,
    /// What the visitor agrees to, by a tick that is not there before.
    pub consent: Option<String>,
    /// Where that is set out.
    pub policy: Option<String>,
}

/// Which numbers may be asked for; premium and shared rates never are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Those of a country, by its two letters.
    Country(String),
    /// Those that begin so: digits with the country code.
    Beginning(String),
}

impl Allowed {
    /// Is this number one of them?
    pub fn has(&self, number: Number) -> bool {
        match self {
            Allowed::Country(country) => number.is_ordinary_in(country),
            Allowed::Beginning(digits) => number.digits().starts_with(digits) && number.country_of_ordinary().is_some(),
        }
    }
}

/// So many times within so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How often; at least 1.
    pub times: u32,
    /// Within what.
    pub within: Span,
}

/// How often calls may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// To one number.
    pub number: Rate,
    /// From one address; of IPv6, from one /64.
    pub address: Rate,
    /// On the whole site.
    pub site: Rate,
}

impl Default for Limits {
    fn default() -> Limits {
        let rate = |times, minutes| Rate { times, within: Span::minutes(minutes) };
        Limits { number: rate(5, 24 * 60), address: rate(10, 60), site: rate(300, 60) }
    }
}

/// All of them. `country`: whose numbers may be asked for when a site does not say.
pub(super) fn read<'a>(root: &Table<'_>, lines: impl Iterator<Item = &'a Name>, country: &str) -> Vec<Site> {
    let lines: Vec<&Name> = lines.collect();
    let mut sites: Vec<Site> = Vec::new();
    for (name, table) in root.named_tables("site") {
        let Some(site) = site(name, &table, &lines, country) else { continue };
        if let Some(other) = sites.iter().find(|other| other.key == site.key) {
            table.fault(format!("site \"{}\" has this key too", other.name), "give one of them another key");
        }
        sites.push(site);
    }
    sites
}

fn site(name: Name, table: &Table<'_>, lines: &[&Name], country: &str) -> Option<Site> {
    let key = key(table);
    let origins = origins(table);
    let line = line(table, lines);
    let languages = [("ru", Language::Ru), ("en", Language::En)];
    let site = Site {
        name,
        key: key.clone().unwrap_or_default(),
        origins,
        line: line.clone().unwrap_or_default(),
        language: table.get("language").and_then(|node| node.word(&languages)),
        look: look(table),
        allow: allow(table, country),
        limits: table.get("limits").and_then(|node| limits(&node)).unwrap_or_default(),
        challenge: table.get("challenge").and_then(|node| challenge(&node)),
        chat: table.get("chat").and_then(|node| node.flag()).unwrap_or(false),
    };
    table.close();
    (key.is_some() && line.is_some()).then_some(site)
}

fn key(table: &Table<'_>) -> Option<Arc<str>> {
    let cure = "write 8 to 64 letters, digits, - and _; everybody who visits the site can read it";
    let Some(node) = table.get("key") else {
        table.missing("key", cure);
        return None;
    };
    let text = node.line_of_text()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !KEY.contains(&text.len()) || !text.bytes().all(plain) {
        node.fault(format!("\"{text}\" is no key of a site"), cure);
        return None;
    }
    Some(text.into())
}

fn origins(table: &Table<'_>) -> Vec<String> {
    let cure = "write the beginning of its addresses, \"https://shop.example\"";
    let Some(node) = table.get("origins") else {
        table.missing("origins", cure);
        return Vec::new();
    };
    let nodes = node.one_or_more();
    if nodes.is_empty() && !node.is_text() {
        node.fault("pages of no site may ask", cure);
    }
    let origin = |node: &Node<'_>| {
        let text = node.line_of_text()?.to_ascii_lowercase();
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        if host.is_none_or(|host| host.is_empty() || !host.chars().all(plain)) {
            node.fault(format!("\"{text}\" is no origin of pages"), cure);
            return None;
        }
        Some(text)
    };
    nodes.iter().filter_map(origin).collect()
}

fn line(table: &Table<'_>, lines: &[&Name]) -> Option<Name> {
    match (table.get("line"), lines) {
        (Some(node), _) => reference(&node, "line", lines.iter().copied()),
        (None, [only]) => Some((*only).clone()),
        (None, []) => None,
        (None, [_, _, ..]) => {
            let names: Vec<String> = lines.iter().map(|name| format!("\"{name}\"")).collect();
            table.missing("line", format!("say which of {} calls", names.join(", ")));
            None
        }
    }
}

fn look(table: &Table<'_>) -> Look {
    let text = |key, most| table.get(key).and_then(|node| short(&node, most));
    let look = Look {
        theme: table.get("theme").and_then(|node| word(&node, &["auto", "light", "dark"])).unwrap_or("auto"),
        position: table.get("position").and_then(|node| word(&node, &["right", "left"])).unwrap_or("right"),
        color: table.get("color").and_then(|node| color(&node)),
        title: text("title", MOST_TITLE),
        text: text("text", MOST_TEXT),
        consent: text("consent", MOST_CONSENT),
        policy: table.get("policy").and_then(|node| address(&node)),
    };
    if let Some(node) = table.get("policy").filter(|_| look.consent.is_none()) {
        node.fault("nobody is asked to agree to this", "add `consent = \"…\"`, or leave `policy` out");
    }
    look
}

fn word(node: &Node<'_>, words: &[&'static str]) -> Option<&'static str> {
    node.word(&words.iter().map(|word| (*word, *word)).collect::<Vec<_>>())
}

fn short(node: &Node<'_>, most: usize) -> Option<String> {
    let text = node.line_of_text()?.trim();
    if text.chars().count() > most {
        node.fault(format!("`{}` has more than {most} characters", node.key()), "");
    }
    Some(text.to_owned())
}

fn color(node: &Node<'_>) -> Option<String> {
    let text = node.line_of_text()?;
    let right = text.len() == 7 && text.starts_with('#') && text[1..].bytes().all(|byte| byte.is_ascii_hexdigit());
    if !right {
        node.fault(format!("\"{text}\" is no colour"), "write \"#0b6e55\"");
    }
    right.then(|| text.to_ascii_lowercase())
}

fn address(node: &Node<'_>) -> Option<String> {
    let text = short(node, MOST_TEXT)?;
    let right = ["https://", "http://"].iter().any(|scheme| text.starts_with(scheme)) && !text.contains([' ', '"']);
    if !right {
        node.fault(format!("\"{text}\" is no address of a page"), "write \"https://shop.example/privacy\"");
    }
    right.then_some(text)
}

/// `allow = ["RU", "KZ", "+37529"]`
fn allow(table: &Table<'_>, country: &str) -> Vec<Allowed> {
    let Some(node) = table.get("allow") else { return vec![Allowed::Country(country.to_owned())] };
    let nodes = node.one_or_more();
    if nodes.is_empty() && !node.is_text() {
        node.fault("no number may be asked for", "write allow = [\"RU\"]");
    }
    nodes.iter().filter_map(allowed).collect()
}

fn allowed(node: &Node<'_>) -> Option<Allowed> {
    let text = node.line_of_text()?;
    if text.parse::<phonenumber::country::Id>().is_ok() {
        return Some(Allowed::Country(text.to_owned()));
    }
    let digits = text.strip_prefix('+').unwrap_or_default();
    let right = (1..=MOST_DIGITS).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !right {
        let what = format!("\"{text}\" is no country and no beginning of a number");
        node.fault(what, "write \"RU\", or \"+37529\"");
    }
    right.then(|| Allowed::Beginning(digits.to_owned()))
}

/// `limits = { number = "5 per 24h", address = "10 per 1h", site = "300 per 1h" }`
fn limits(node: &Node<'_>) -> Option<Limits> {
    let table = node.table()?;
    let usual = Limits::default();
    let limit = |key, usual| table.get(key).and_then(|node| rate(&node)).unwrap_or(usual);
    let limits = Limits {
        number: limit("number", usual.number),
        address: limit("address", usual.address),
        site: limit("site", usual.site),
    };
    table.close();
    Some(limits)
}

fn rate(node: &Node<'_>) -> Option<Rate> {
    let text = node.text()?;
    let parts = text.split_once(" per ").and_then(|(times, within)| {
        let times = times.trim().parse().ok().filter(|times| (1..=MOST_TIMES).contains(times))?;
        let within = super::unit::span(within).ok().filter(|within| WITHIN.contains(within))?;
        Some(Rate { times, within })
    });
    if parts.is_none() {
        let (least, most) = WITHIN.into_inner();
        let cure = format!("write \"5 per 24h\": 1 to {MOST_TIMES} times, within {least} to {most}");
        node.fault(format!("\"{text}\" does not say how often"), cure);
    }
    parts
}

/// `true`, or how many bits.
fn challenge(node: &Node<'_>) -> Option<u32> {
    match (node.is_flag(true), node.is_flag(false)) {
        (true, _) => Some(USUAL_BITS),
        (_, true) => None,
        _ => node.count(BITS),
    }
}

/// As it is written in the configuration: `5 per 24h`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} per {}", self.times, self.within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_country_or_with_the_beginning_may_be_asked_for_and_none_that_costs_extra() {
        let has = |allowed: &Allowed, number: &str| allowed.has(number.parse().unwrap());
        let russia = Allowed::Country("RU".to_owned());
        for number in ["+79161234567", "+74951112233"] {
            assert!(has(&russia, number), "{number}");
        }
        // Premium rate, Kazakhstan, Germany, and no number at all.
        for number in ["+78091234567", "+77011234567", "+4930123456", "+71234567890"] {
            assert!(!has(&russia, number), "{number}");
        }
        let minsk = Allowed::Beginning("37529".to_owned());
        assert!(has(&minsk, "+375291234567") && !has(&minsk, "+375331234567"));
        assert!(!has(&Allowed::Beginning("7".to_owned()), "+78091234567"), "a premium rate");
    }
}
