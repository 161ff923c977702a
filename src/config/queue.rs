//! How callers wait whom the dialplan gives to us: a line's own keys over those of `[defaults.queue]`, over what is built in.

use super::{
    reader::{Node, Table},
    redial,
    rules::reference,
};
use crate::{
    engine::{
        Name,
        rules::{Announce, Heard, Key, Language, Queue, QueueWords, Recording, Then, Voicemail, Way},
        time::Span,
    },
    voice,
};
use std::{ops::RangeInclusive, sync::Arc};

/// Longer than that nobody waits on a telephone.
const WAIT: RangeInclusive<Span> = Span::ZERO..=Span::minutes(180);
/// How often something may be said over the music: sooner it would be no music.
const EVERY: RangeInclusive<Span> = Span::seconds(10)..=Span::minutes(30);
const FIRST: RangeInclusive<Span> = Span::seconds(1)..=Span::minutes(30);
const KEEP: RangeInclusive<Span> = Span::ZERO..=Span::minutes(60);
const IN_TIME: RangeInclusive<Span> = Span::seconds(1)..=Span::minutes(10);
const SHORT: RangeInclusive<Span> = Span::ZERO..=Span::seconds(60);
const HOLD: RangeInclusive<Span> = Span::seconds(10)..=Span::minutes(60);
const MESSAGE: RangeInclusive<Span> = Span::seconds(5)..=Span::minutes(15);
/// How a message's file is written.
const MESSAGE_FILE: &str = "write file = \"/var/lib/freeswitch/voicemail/{date}/{line}-{call}.wav\"";
const MOST_WAITING: u32 = 10_000;
/// The keys of a telephone, as a table names them.
const SIGNS: [&str; 12] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#"];
/// An extension and a context, in bytes.
const MOST_EXTENSION: usize = 64;
const WAY: &str = "write \"goodbye\", \"voicemail\", \"call-back\", \"wait\", \"dialplan\", { line = \"NAME\" } or \
                   { extension = \"1000\", context = \"default\" }";

/// What the keys of a queue may name, and how it speaks.
pub struct Around<'a> {
    pub language: Language,
    /// The names of all lines.
    pub lines: &'a [Name],
    /// How the line records, and what it says of that.
    pub record: Option<&'a Recording>,
}

/// Reads the layers, the first of which wins key by key.
pub fn read(layers: &[&Table<'_>], around: &Around<'_>) -> Queue {
    let built = Queue::default();
    let get = |key: &'static str| layers.iter().find_map(|layer| layer.get(key));
    let span = |key, limits, otherwise| get(key).and_then(|node| node.span(limits)).unwrap_or(otherwise);
    let language = around.language;
    let one_way = |key, otherwise: Way| get(key).and_then(|node| way(&node, around)).unwrap_or(otherwise);
    let limit = get("longest_wait");
    let greeting = get("greeting").filter(|node| !redial::says_nothing(node)).and_then(|node| heard(&node, language));
    let queue = Queue {
        greeting: with_notice(greeting, around.record),
        music: get("music").and_then(|node| redial::music(&node)).unwrap_or(built.music),
        announce: get("announce").map_or(built.announce.clone(), |node| announce(&node, &built.announce, language)),
        longest_wait: match limit {
            Some(node) if node.is_flag(false) => None,
            Some(node) => node.span(WAIT),
            None => built.longest_wait,
        },
        longest: get("longest").and_then(|node| node.count(1..=MOST_WAITING)),
        longest_expected: get("longest_expected").and_then(|node| node.span(WAIT)),
        closed: one_way("closed", built.closed),
        nobody: one_way("nobody", built.nobody),
        full: one_way("full", built.full),
        late: one_way("late", built.late),
        keys: get("keys").map(|node| keys(&node, around)).unwrap_or_default(),
        keep_place: span("keep_place", KEEP, built.keep_place),
        announce_operator: get("announce_operator")
            .filter(|node| !redial::says_nothing(node))
            .and_then(|node| redial::template(&node, language)),
        in_time: span("in_time", IN_TIME, built.in_time),
        short: span("short", SHORT, built.short),
        longest_hold: span("longest_hold", HOLD, built.longest_hold),
        voicemail: get("voicemail").map_or(built.voicemail.clone(), |node| voicemail(&node, &built.voicemail)),
        words: words(get("words"), language),
    };
    layers.iter().for_each(|layer| layer.close());
    queue
}

/// A template, or `{ play = "/path/of/a/file.wav" }`.
fn heard(node: &Node<'_>, language: Language) -> Option<Heard> {
    if !node.is_table() {
        return redial::template(node, language).map(Heard::Text);
    }
    let table = node.table()?;
    let play = table.get("play");
    table.close();
    match play {
        Some(play) => redial::music(&play).map(Heard::Sound),
        None => {
            table.missing("play", "write { play = \"/path/of/a/file.wav\" }, or the sentence itself");
            None
        }
    }
}

/// Callers hear of a recording before anybody talks with them.
fn with_notice(greeting: Option<Heard>, record: Option<&Recording>) -> Option<Heard> {
    let Some(notice) = record.and_then(|record| record.notice.clone()) else { return greeting };
    Some(match greeting {
        Some(Heard::Text(words)) => Heard::Text(format!("{words} {notice}").into()),
        // A file of the shop's own has to say it itself.
        Some(sound @ Heard::Sound(_)) => sound,
        None => Heard::Text(notice),
    })
}

/// `{ first = "20s", every = "45s", position = true, wait = true, say = "…" }`, or `false`: nothing is said.
fn announce(node: &Node<'_>, built: &Announce, language: Language) -> Announce {
    if node.is_flag(false) {
        return Announce { position: false, wait: false, say: None, ..built.clone() };
    }
    let Some(table) = node.table() else { return built.clone() };
    let flag = |key| table.get(key).and_then(|node| node.flag());
    let span = |key, limits, otherwise| table.get(key).and_then(|node| node.span(limits)).unwrap_or(otherwise);
    let announce = Announce {
        first: span("first", FIRST, built.first),
        every: match table.get("every") {
            Some(node) if node.is_flag(false) => Span::ZERO,
            _ => span("every", EVERY, built.every),
        },
        position: flag("position").unwrap_or(built.position),
        wait: flag("wait").unwrap_or(built.wait),
        say: table.get("say").and_then(|node| heard(&node, language)),
    };
    table.close();
    announce
}

/// A word, or `{ then = WORD, say = "…", callback = false }`, or `{ line = "NAME" }`, or `{ extension = "1000", context = "default" }`.
fn way(node: &Node<'_>, around: &Around<'_>) -> Option<Way> {
    if !node.is_table() {
        return Some(Way::to(then(node)?));
    }
    let table = node.table()?;
    let [word, line, extension] = ["then", "line", "extension"].map(|key| table.get(key));
    let context = table.get("context");
    let say = table.get("say").and_then(|node| heard(&node, around.language));
    let callback = table.get("callback").and_then(|node| node.flag()).unwrap_or(true);
    table.close();
    let then = match (word, line, extension) {
        (Some(word), None, None) => then(&word)?,
        (None, Some(line), None) => Then::Line(reference(&line, "line", around.lines.iter())?),
        (None, None, Some(extension)) => {
            let context = context.as_ref().map_or(Some("default".into()), |node| dialled(node))?;
            Then::Extension(dialled(&extension)?, context)
        }
        _ => {
            table.fault("it says one thing that becomes of a caller", WAY);
            return None;
        }
    };
    Some(Way { say, then, callback })
}

fn then(node: &Node<'_>) -> Option<Then> {
    node.word(&[
        ("goodbye", Then::Goodbye),
        ("voicemail", Then::Voicemail),
        ("call-back", Then::CallBack),
        ("wait", Then::Wait),
        ("dialplan", Then::Dialplan),
    ])
}

/// An extension or a context: it becomes an argument of the switch's `transfer`.
fn dialled(node: &Node<'_>) -> Option<Arc<str>> {
    let text = node.text()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-+.*#".contains(c);
    if text.is_empty() || text.len() > MOST_EXTENSION || !text.chars().all(plain) {
        node.fault(format!("\"{text}\" is no extension or context"), "write \"1000\", and context = \"default\"");
        return None;
    }
    Some(text.into())
}

/// `{ "1" = "call-back", "2" = "voicemail", "3" = { line = "support" } }`
fn keys(node: &Node<'_>, around: &Around<'_>) -> Vec<(Key, Way)> {
    let Some(table) = node.table() else { return Vec::new() };
    let one = |sign: &&'static str| Some((Key::new(sign.chars().next()?)?, way(&table.get(sign)?, around)?));
    let keys = SIGNS.iter().filter_map(one).collect();
    table.close();
    keys
}

/// `{ file = "/…/{date}/{line}-{call}.wav", longest = "3m" }`
fn voicemail(node: &Node<'_>, built: &Voicemail) -> Voicemail {
    let Some(table) = node.table() else { return built.clone() };
    let file = table.get("file").and_then(|node| redial::file(&node, &["{call}"], MESSAGE_FILE));
    let longest = table.get("longest").and_then(|node| node.span(MESSAGE));
    table.close();
    Voicemail { file: file.unwrap_or_else(|| built.file.clone()), longest: longest.unwrap_or(built.longest) }
}

/// The sentences, one by one, over the built-in ones.
fn words(node: Option<Node<'_>>, language: Language) -> QueueWords {
    let built = voice::queue_words(language);
    let Some(table) = node.and_then(|node| node.table()) else { return built };
    let own = |key, built: Arc<str>| table.get(key).and_then(|node| redial::template(&node, language)).unwrap_or(built);
    let words = QueueWords {
        place: own("place", built.place),
        confirm: own("confirm", built.confirm),
        type_number: own("type_number", built.type_number),
        no_number: own("no_number", built.no_number),
        thanks: own("thanks", built.thanks),
        voicemail: own("voicemail", built.voicemail),
        goodbye: own("goodbye", built.goodbye),
    };
    table.close();
    words
}
