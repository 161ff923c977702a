//! What a switch told, as it was said: the doctor's questions and the answers to them, before anybody judges.

use crate::engine::{rules::Language, time::Span};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The answer to one question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// In its words.
    Said(String),
    /// Our user may not ask that.
    Denied,
    /// It knows no such command: its module is not loaded.
    Unknown,
    /// None came.
    #[default]
    None,
}

impl Answer {
    /// The answer of this text.
    pub fn of(text: &str) -> Answer {
        match text.trim() {
            "-ERR permission denied" => Answer::Denied,
            // Longer than what is read.
            "" => Answer::None,
            text if text.starts_with("-ERR ") && text.ends_with(" Command not found!") => Answer::Unknown,
            text => Answer::Said(text.to_owned()),
        }
    }

    /// What was said, if anything was.
    pub fn text(&self) -> Option<&str> {
        match self {
            Answer::Said(text) => Some(text),
            Answer::Denied | Answer::Unknown | Answer::None => None,
        }
    }
}

/// Why we are not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shut {
    /// No connection, with the system's words.
    Refused(String),
    /// There was one, and no greeting of an event socket.
    Silent,
    /// Its access list does not let us in.
    Rejected,
    /// Not with this password, in its words.
    Password(String),
    /// Not to these events, in its words.
    Events(String),
    /// It ended the connection, or lost step.
    Lost(String),
}

/// What one switch told.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Does its event socket take the well-known password? `None`: it was not tried.
    pub takes_known_password: Option<bool>,
    /// How far its clock is ahead of ours, in milliseconds, where it told the time.
    pub ahead: Option<i64>,
    /// Commands of the daemon that our user may not give.
    pub denied: BTreeSet<&'static str>,
    /// `status`.
    pub status: Answer,
    /// `show modules as json`.
    pub modules: Answer,
    /// `show registrations as json`.
    pub registrations: Answer,
    /// `sofia status gateway`, by gateway.
    pub gateways: BTreeMap<String, Answer>,
    /// `sofia status profile`, by profile.
    pub profiles: BTreeMap<String, Answer>,
    /// The configuration of mod_json_cdr.
    pub records: Answer,
    /// The dialplan.
    pub dialplan: Answer,
    /// What was tried on a channel of our own; `Err`: there was none, and why.
    pub tried: Option<Result<Vec<Trial>, String>>,
}

/// Something that was tried on a channel of our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// What.
    pub what: Tried,
    /// For how long it went on; or the switch's words of refusal.
    pub came: Result<Span, String>,
}

/// What was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// To play this.
    Sound(String),
    /// To play what was rendered into this file.
    Rendered(String),
    /// To speak in this language.
    Voice(Language),
    /// To record into this folder.
    Folder(String),
}

/// `status` in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// `1.11.3-dev git cc93a68 …`
    pub version: String,
    /// It takes calls.
    pub ready: bool,
    /// Calls at once now, and at most.
    pub sessions: (u32, u32),
    /// New calls a second at most.
    pub per_second: u32,
}

impl Status {
    /// Reads the answer to `status`; `None` when it is another.
    ///
    /// ```text
    /// FreeSWITCH (Version 1.11.3-dev git cc93a68 …) is ready
    /// 2 session(s) - peak 3, last 5min 3
    /// 0 session(s) per Sec out of max 30, peak 2, last 5min 2
    /// 1000 session(s) max
    /// ```
    pub fn read(text: &str) -> Option<Status> {
        let mut status = Status::default();
        for line in text.lines().map(str::trim) {
            let first = || line.split(' ').next().and_then(|word| word.parse().ok());
            if let Some(rest) = line.strip_prefix("FreeSWITCH (Version ") {
                let (version, state) = rest.split_once(") is ")?;
                let words: Vec<&str> = version.split_whitespace().collect();
                (status.version, status.ready) = (words.join(" "), state == "ready");
            } else if let Some((_, max)) = line.split_once(" session(s) per Sec out of max ") {
                status.per_second = max.split(',').next()?.parse().ok()?;
            } else if line.ends_with(" session(s) max") {
                status.sessions.1 = first()?;
            } else if line.contains(" session(s) - ") {
                status.sessions.0 = first()?;
            }
        }
        (!status.version.is_empty() && status.sessions.1 > 0).then_some(status)
    }
}

/// A row of `show modules as json`: something that a module brings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Brought {
    /// `api`, `endpoint`, `speech`, `codec`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The module.
    #[serde(rename = "ikey")]
    pub module: String,
}

/// A row of `show registrations as json`: a phone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Registered {
    /// The user.
    #[serde(rename = "reg_user")]
    pub user: String,
    /// The domain.
    pub realm: String,
    /// `sofia/internal/sip:…`
    pub url: String,
}

/// The rows of a `show … as json`; `None` when it is no such answer.
pub fn rows<T: for<'a> Deserialize<'a>>(answer: &Answer) -> Option<Vec<T>> {
    #[derive(Deserialize)]
    struct Table<T> {
        #[serde(default = "Vec::new")]
        rows: Vec<T>,
    }
    serde_json::from_str(answer.text()?).ok().map(|table: Table<T>| table.rows)
}

/// A value of a table of `sofia status …`: `State   \tREGED`.
pub fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let rest = text.lines().find_map(|line| line.split_once('\t').filter(|(key, _)| key.trim_end() == name));
    rest.map(|(_, value)| value.trim())
}
