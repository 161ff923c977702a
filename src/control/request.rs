//! What may be asked over the control socket: one JSON object a line, each answered by one line.
//!
//! ```text
//! > {"ask":"call","number":"+79161234567","line":"site","by":"olga"}
//! < {"ok":{"callback":{…}}}
//! > {"ask":"operator","name":"ana","ready":true}
//! < {"refused":{"kind":"unknown","text":"there is no operator \"ana\"; did you mean `anna`?"}}
//! ```

use crate::{report::By, store::Place};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The longest request, in bytes.
pub const MOST_REQUEST: usize = 64 << 10;
/// How many rows of the journal one answer has at most.
pub const MOST_ANSWERED: usize = 1000;

/// How many rows a report has at most.
pub const MOST_REPORTED: usize = 10_000;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// How do things stand?
    Status {},
    /// Who waits on the line?
    Queue {},
    /// Who are the operators, and what do they do?
    Operators {},
    /// This operator takes calls, or no longer does.
    Operator {
        /// Who.
        name: String,
        /// Takes calls?
        ready: bool,
        /// Why not, in their own words.
        #[serde(default)]
        why: String,
    },
    /// Call this number back.
    Call {
        /// The client, as people write it.
        number: String,
        /// The line; may be left out when there is one.
        #[serde(default)]
        line: Option<String>,
        /// Who wants it.
        #[serde(default)]
        by: String,
        /// The list in which it stands: called in its turn, not now.
        #[serde(default)]
        list: Option<String>,
    },
    /// The callbacks of a list of numbers, and whether it rests.
    List {
        /// The list.
        list: String,
    },
    /// Let a list rest, or call it through again.
    PauseList {
        /// The list.
        list: String,
        /// Shall it rest?
        paused: bool,
    },
    /// Numbers that are never dialled.
    Blocked {},
    /// Never dial this number, or dial it again.
    Block {
        /// The client, as people write it.
        number: String,
        /// Never dial it? `false`: dial it again.
        blocked: bool,
        /// Who wants it.
        #[serde(default)]
        by: String,
    },
    /// Why a callback stands where it stands.
    Explain {
        /// The callback.
        callback: u64,
    },
    /// What would come of a missed call.
    Foresee {
        /// The client, as people write it.
        number: String,
        /// The line; may be left out when there is one.
        #[serde(default)]
        line: Option<String>,
        /// When it ends, in milliseconds since 1970 UTC; now when it is left out.
        #[serde(default)]
        at: Option<i64>,
    },
    /// Take this callback off.
    Cancel {
        /// Which.
        callback: u64,
        /// Who wants it.
        #[serde(default)]
        by: String,
    },
    /// Dial nothing from now on.
    Pause {},
    /// Dial again.
    Resume {},
    /// Read the configuration anew.
    Reload {},
    /// How things stand with the settings over the file.
    Settings {},
    /// The versions of the settings, the newest last.
    Versions {},
    /// A version, and what it changed.
    Version {
        /// Its number.
        version: u64,
    },
    /// What differs between two versions of the settings.
    Between {
        /// The older; 0: the file alone.
        old: u64,
        /// The newer.
        new: u64,
    },
    /// What is wrong with settings, and what they would change.
    CheckSettings {
        /// The settings, TOML.
        text: String,
    },
    /// Save settings as a new version, and obey them.
    SaveSettings {
        /// The settings, TOML.
        text: String,
        /// The newest version that was known to who wrote them; 0: there was none.
        based_on: u64,
        /// What is said about it.
        #[serde(default)]
        comment: String,
        /// Who wants it.
        #[serde(default)]
        by: String,
    },
    /// Save a new version that says what an older one said.
    RollBack {
        /// The older; 0: the file alone.
        to: u64,
        /// The newest version that was known.
        based_on: u64,
        /// What is said about it.
        #[serde(default)]
        comment: String,
        /// Who wants it.
        #[serde(default)]
        by: String,
    },
    /// Write a copy of the store into this new file.
    Backup {
        /// The file, absolute.
        file: PathBuf,
    },
    /// The journal.
    Journal {
        /// From this time on, in milliseconds since 1970 UTC.
        #[serde(default)]
        since: Option<i64>,
        /// Of this client.
        #[serde(default)]
        number: Option<String>,
        /// Of this line.
        #[serde(default)]
        line: Option<String>,
        /// How many rows, at most [`MOST_ANSWERED`].
        #[serde(default)]
        limit: Option<usize>,
        /// The place of the last row of the answer before.
        #[serde(default)]
        after: Option<Place>,
    },
    /// Totals over a period: a [`crate::report::Report`].
    Report {
        /// From this time on, in milliseconds since 1970 UTC.
        #[serde(default)]
        since: Option<i64>,
        /// Before this time.
        #[serde(default)]
        until: Option<i64>,
        /// By what the rows are told apart; without it there is the total alone.
        #[serde(default)]
        by: Option<By>,
        /// Whose hours and days, `Europe/Moscow`; the daemon's own when it is left out.
        #[serde(default)]
        zone: Option<String>,
    },
    /// One callback with its attempts.
    Callback {
        /// Which.
        id: u64,
    },
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It was done.
    Ok(serde_json::Value),
    /// It was not.
    Refused(Refusal),
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What kind of reason.
    pub kind: RefusalKind,
    /// The reason, in a sentence.
    pub text: String,
}

/// The kinds of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalKind {
    /// The request cannot be read, or names something that cannot be.
    Malformed,
    /// It names something that there is not.
    Unknown,
    /// The number is never dialled.
    Blocked,
    /// It was done before.
    Done,
    /// Somebody else changed it meanwhile.
    Changed,
    /// The configuration is faulty; nothing was changed.
    Config,
    /// The store does not do it.
    Store,
    /// The daemon is stopping, or has too much to do.
    Busy,
}

impl Refusal {
    /// A refusal of this kind.
    pub fn new(kind: RefusalKind, text: impl Into<String>) -> Refusal {
        Refusal { kind, text: text.into() }
    }
}
