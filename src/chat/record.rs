//! A chat and its messages as they are kept, and what may be done with them. Pure.

use super::{LARGEST_PICTURE, LONGEST_SILENCE, LONGEST_TEXT, MOST_MESSAGES, MOST_PICTURES, OFFER_AFTER, picture};
use crate::engine::{
    Name,
    number::Number,
    paper::{Paper, PaperKind},
    record::{CallbackId, Write},
    time::Wall,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use thiserror::Error;

/// The longest name of a visitor, in characters.
const LONGEST_NAME: usize = 100;
/// The longest address of a page, in characters.
const LONGEST_PAGE: usize = 1000;

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chat {
    /// Its name.
    pub id: String,
    /// The SHA-256 of the visitor's key, in hexadecimal.
    pub key: String,
    /// The site, as the configuration names it.
    pub site: String,
    /// The line whose operators answer.
    pub line: Name,
    /// What the visitor calls themselves.
    pub name: String,
    /// The page on which they write.
    pub page: String,
    /// The page from which they came to it.
    pub referrer: String,
    /// Their network address.
    pub address: String,
    /// Their telephone number, once it is known.
    pub number: Option<Number>,
    /// The callback that they asked for.
    pub callback: Option<CallbackId>,
    /// Whose it is.
    pub operator: Option<Name>,
    /// Whether it goes on.
    pub state: State,
    /// When it was opened.
    pub opened: Wall,
    /// When something was said last.
    pub spoken: Wall,
    /// Since when the visitor has waited for an answer.
    pub waits: Option<Wall>,
    /// A callback was offered in this silence.
    pub offered: bool,
    /// The number of the last message.
    pub last: u32,
    /// How many pictures there are.
    pub pictures: u32,
    /// Up to which message the visitor has seen it.
    pub seen_by_visitor: u32,
    /// Up to which message an operator has seen it.
    pub seen_by_operator: u32,
}

/// What a chat begins with.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The SHA-256 of the visitor's key.
    pub key: String,
    /// The site.
    pub site: String,
    /// The line whose operators answer.
    pub line: Name,
    /// What the visitor calls themselves.
    pub name: String,
    /// The page on which they write.
    pub page: String,
    /// The page from which they came to it.
    pub referrer: String,
    /// Their network address.
    pub address: String,
    /// Their number and the callback that they asked for.
    pub asked: Option<(Number, CallbackId)>,
}

/// Whether a chat goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It does.
    Open,
    /// It is over.
    Closed,
    /// It is over, and the visitor is not to write again.
    Blocked,
}

impl State {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Closed => "closed",
            State::Blocked => "blocked",
        }
    }
}

/// Who says something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// The visitor.
    Visitor,
    /// An operator, or whoever holds a token of this name.
    Operator(Name),
    /// The daemon: the offer of a callback.
    House,
}

/// Something that was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its number in the chat, from 1.
    pub n: u32,
    /// When.
    pub at: Wall,
    /// By whom.
    pub by: By,
    /// The text; empty beside a picture and in an offer.
    pub text: String,
    /// A picture of this kind belongs to it.
    pub picture: Option<picture::Kind>,
    /// How its sender knows it, so that what is sent twice is said once; may be empty.
    pub id: String,
}

/// Why something is not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// The chat is over.
    #[error("this chat is over")]
    Over,
    /// There is nothing in it, or only what cannot be seen.
    #[error("there is nothing in this message")]
    Empty,
    /// It is too long.
    #[error("a message has {LONGEST_TEXT} characters at most")]
    Long,
    /// Too much was said.
    #[error("a chat has {MOST_MESSAGES} messages and {MOST_PICTURES} pictures at most")]
    Many,
    /// Too much was said in too short a time.
    #[error("too many messages in a minute: wait a little")]
    Fast,
    /// It is no picture that is shown.
    #[error("this is no picture (PNG, JPEG, GIF, WebP) of {LARGEST_PICTURE} bytes at most")]
    NoPicture,
}

/// Text as it is kept: line breaks are, other control characters and what turns the direction of writing are not.
fn plain(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let kept = text.chars().filter(|c| *c == '\n' || !(c.is_control() || turns(*c)));
    kept.collect::<String>().trim().to_owned()
}

fn short(text: &str, longest: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(longest).collect()
}

impl Chat {
    /// A visitor begins to write.
    pub fn begin(id: String, opening: Opening, now: Wall) -> Chat {
        let Opening { key, site, line, name, page, referrer, address, asked } = opening;
        Chat {
            id,
            key,
            site,
            line,
            name: short(&name, LONGEST_NAME),
            page: short(&page, LONGEST_PAGE),
            referrer: short(&referrer, LONGEST_PAGE),
            address,
            number: asked.map(|(number, _)| number),
            callback: asked.map(|(_, callback)| callback),
            operator: None,
            state: State::Open,
            opened: now,
            spoken: now,
            waits: None,
            offered: false,
            last: 0,
            pictures: 0,
            seen_by_visitor: 0,
            seen_by_operator: 0,
        }
    }

    /// Something is said.
    ///
    /// # Errors
    /// The chat is over; there is nothing in it, or too much.
    pub fn say(&mut self, by: By, text: &str, id: &str, now: Wall) -> Result<Message, Refused> {
        if text.chars().count() > LONGEST_TEXT {
            return Err(Refused::Long);
        }
        let text = plain(text);
        if text.is_empty() {
            return Err(Refused::Empty);
        }
        self.put(Message { n: 0, at: now, by, text, picture: None, id: id.to_owned() })
    }

    /// A picture is shown.
    ///
    /// # Errors
    /// The chat is over; it is no picture, or a picture too many.
    pub fn show(&mut self, by: By, bytes: &[u8], id: &str, now: Wall) -> Result<Message, Refused> {
        let kind = picture::Kind::of(bytes).filter(|_| bytes.len() <= LARGEST_PICTURE).ok_or(Refused::NoPicture)?;
        if self.pictures >= MOST_PICTURES {
            return Err(Refused::Many);
        }
        let picture = Some(kind);
        let message = self.put(Message { n: 0, at: now, by, text: String::new(), picture, id: id.to_owned() })?;
        self.pictures += 1;
        Ok(message)
    }

    fn put(&mut self, mut message: Message) -> Result<Message, Refused> {
        match self.state {
            State::Open => {}
            State::Closed | State::Blocked => return Err(Refused::Over),
        }
        if self.last >= MOST_MESSAGES {
            return Err(Refused::Many);
        }
        self.last += 1;
        self.spoken = message.at;
        message.n = self.last;
        match &message.by {
            By::Visitor => {
                self.waits.get_or_insert(message.at);
                self.seen_by_visitor = self.last;
            }
            By::Operator(name) => {
                (self.waits, self.offered) = (None, false);
                self.seen_by_operator = self.last;
                self.operator.get_or_insert_with(|| name.clone());
            }
            By::House => self.offered = true,
        }
        Ok(message)
    }

    /// The offer of a callback, when a visitor has waited long enough for an answer.
    pub fn offer(&mut self, now: Wall) -> Option<Message> {
        let due =
            self.waits.is_some_and(|since| now >= since + OFFER_AFTER) && !self.offered && self.callback.is_none();
        let offer = Message { n: 0, at: now, by: By::House, text: String::new(), picture: None, id: String::new() };
        due.then(|| self.put(offer).ok()).flatten()
    }

    /// It is over, and nobody's.
    pub fn forget(&mut self) {
        (self.number, self.state) = (None, State::Closed);
        for text in [&mut self.name, &mut self.page, &mut self.referrer, &mut self.address] {
            text.clear();
        }
    }

    /// Has been silent for too long?
    pub fn is_stale(&self, now: Wall) -> bool {
        self.state == State::Open && now >= self.spoken + LONGEST_SILENCE
    }

    /// As it is kept.
    pub fn write(&self) -> Write {
        let about = self.number.map(|number| number.to_string()).unwrap_or_default();
        paper(PaperKind::Chat, self.id.clone(), about, self.opened, self)
    }
}

impl Message {
    /// As it is kept.
    pub fn write(&self, chat: &str) -> Write {
        paper(PaperKind::Message, format!("{chat}-{:06}", self.n), chat.to_owned(), self.at, self)
    }
}

fn paper(kind: PaperKind, id: String, about: String, at: Wall, body: &impl Serialize) -> Write {
    // These are structs of texts and numbers: they cannot fail to be written.
    let body = serde_json::to_string(body).unwrap_or_default();
    Write::Paper(Paper { kind, id, about, at, body })
}

/// What a paper says; `None` for one that somebody else wrote.
pub fn read<T: DeserializeOwned>(paper: &Paper) -> Option<T> {
    serde_json::from_str(&paper.body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::Span;

    const NOW: Wall = Wall(1_800_000_000_000);

    fn chat() -> Chat {
        let [key, name, page, referrer, address] = Default::default();
        let (site, line) = ("shop".into(), "site".into());
        Chat::begin("c".into(), Opening { key, site, line, name, page, referrer, address, asked: None }, NOW)
    }

    #[test]
    fn who_answers_first_has_it() {
        let mut chat = chat();
        chat.say(By::Visitor, "hello", "", NOW).unwrap();
        chat.say(By::Operator("anna".into()), "hello!", "", NOW).unwrap();
        chat.say(By::Operator("boris".into()), "and I", "", NOW).unwrap();
        assert_eq!(chat.operator.as_deref(), Some("anna"));
        assert_eq!((chat.last, chat.seen_by_visitor, chat.seen_by_operator), (3, 1, 3));
    }

    #[test]
    fn a_callback_is_offered_once_for_each_silence_and_to_nobody_who_has_one() {
        let mut chat = chat();
        assert_eq!(chat.offer(NOW + OFFER_AFTER), None, "nobody waits");
        chat.say(By::Visitor, "is anybody there?", "", NOW).unwrap();
        chat.say(By::Visitor, "hello?", "", NOW + Span::seconds(50)).unwrap();
        assert_eq!(chat.offer(NOW + OFFER_AFTER - Span(1)), None);
        assert_eq!(chat.offer(NOW + OFFER_AFTER).map(|offer| offer.by), Some(By::House));
        assert_eq!(chat.offer(NOW + OFFER_AFTER + OFFER_AFTER), None);
        chat.say(By::Operator("anna".into()), "yes", "", NOW + Span::minutes(3)).unwrap();
        chat.say(By::Visitor, "so", "", NOW + Span::minutes(4)).unwrap();
        assert!(chat.clone().offer(NOW + Span::minutes(5)).is_some());
        chat.callback = Some(CallbackId(1));
        assert_eq!(chat.offer(NOW + Span::minutes(5)), None);
    }

    #[test]
    fn what_cannot_be_said_is_refused_and_changes_nothing() {
        let mut chat = chat();
        let before = chat.clone();
        let long = "я".repeat(LONGEST_TEXT + 1);
        assert_eq!(chat.say(By::Visitor, &long, "", NOW), Err(Refused::Long));
        assert_eq!(chat.say(By::Visitor, " \u{202e}\u{7} \n", "", NOW), Err(Refused::Empty));
        assert_eq!(chat.show(By::Visitor, b"<svg>", "", NOW), Err(Refused::NoPicture));
        assert_eq!(chat, before);
        assert_eq!(chat.say(By::Visitor, " a\u{202e}b\r\nc ", "", NOW).unwrap().text, "ab\nc");
        chat.state = State::Blocked;
        assert_eq!(chat.say(By::Visitor, "still here", "", NOW), Err(Refused::Over));
        chat.state = State::Open;
        chat.last = MOST_MESSAGES;
        assert_eq!(chat.say(By::Visitor, "one more", "", NOW), Err(Refused::Many));
    }

    #[test]
    fn what_is_kept_is_read() {
        let mut chat = chat();
        let message = chat.say(By::Operator("anna".into()), "да", "x", NOW).unwrap();
        for (write, id) in [(chat.write(), "c"), (message.write("c"), "c-000001")] {
            let Write::Paper(paper) = write else { panic!() };
            assert_eq!(paper.id, id);
            match paper.kind {
                PaperKind::Chat => assert_eq!(read::<Chat>(&paper), Some(chat.clone())),
                _ => assert_eq!(read::<Message>(&paper), Some(message.clone())),
            }
        }
    }
}
