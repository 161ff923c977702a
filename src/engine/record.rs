//! What is stored: the rows of the journal and the state that survives a crash. A write is a whole row, so writing it twice
//! is writing it once.

use super::{
    Name,
    money::Amount,
    number::Number,
    paper::{Paper, PaperKind},
    time::{Span, Wall},
};
use serde::{Deserialize, Serialize};
use std::{cmp::Ordering, fmt, sync::Arc};

/// The uuid of a channel. Ours are UUIDs; a caller's may be any text that the switch was told to use.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChannelId(pub Arc<str>);

impl ChannelId {
    /// The channel of this uuid.
    pub fn new(uuid: &str) -> ChannelId {
        ChannelId(uuid.into())
    }

    /// The uuid as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number of a callback, counted from 1 in one store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CallbackId(pub u64);

impl fmt::Display for CallbackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A client's call that waits in a queue of ours, for the life of its channel: a hash of the channel's uuid, so that the same
/// channel is the same caller whenever it is given to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LiveId(pub u64);

impl LiveId {
    /// The caller at this channel (FNV-1a, 63 bits).
    pub fn of(channel: &ChannelId) -> LiveId {
        let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        LiveId(channel.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, hash) >> 1)
    }
}

/// For whom operators are rung; ordered by [`Job::key`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Job {
    /// A client who is called back.
    Callback(CallbackId),
    /// A client who waits on the line.
    Live(LiveId),
}

impl Job {
    /// The callback, if it is one.
    pub fn callback(self) -> Option<CallbackId> {
        match self {
            Job::Callback(id) => Some(id),
            Job::Live(_) => None,
        }
    }

    /// One number for either: a callback's id; of a live caller, negative.
    pub fn key(self) -> i64 {
        match self {
            Job::Callback(id) => id.0 as i64,
            Job::Live(id) => -1 - id.0 as i64,
        }
    }

    /// Whose [`Job::key`] this is.
    pub fn of_key(key: i64) -> Job {
        match u64::try_from(key) {
            Ok(id) => Job::Callback(CallbackId(id)),
            Err(_) => Job::Live(LiveId((-1 - key) as u64)),
        }
    }
}

impl Ord for Job {
    fn cmp(&self, other: &Job) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for Job {
    fn partial_cmp(&self, other: &Job) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<CallbackId> for Job {
    fn from(id: CallbackId) -> Job {
        Job::Callback(id)
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Job::Callback(id) => write!(f, "callback {id}"),
            Job::Live(id) => write!(f, "caller {:x}", id.0),
        }
    }
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The operator and the client were joined.
    Talked,
    /// The client's line is busy.
    Busy,
    /// The client did not answer.
    NoAnswer,
    /// There is no such number.
    Invalid,
    /// The client refuses calls.
    Declined,
    /// A machine answered for the client.
    Machine,
    /// The way to the client is out of order: no fault of the client.
    Network,
    /// No operator answered.
    OperatorUnavailable,
    /// The operator answered and left before the client was there.
    OperatorDeclined,
    /// The client answered first and, waiting for an operator, asked to be called later.
    Postponed,
    /// We stopped it ourselves: the client called, somebody cancelled.
    Cancelled,
    /// Nobody can say any more (a crash, a lost connection).
    Unknown,
}

impl Outcome {
    /// The name used in the journal, the API and the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Talked => "talked",
            Outcome::Busy => "busy",
            Outcome::NoAnswer => "no-answer",
            Outcome::Invalid => "invalid",
            Outcome::Declined => "declined",
            Outcome::Machine => "machine",
            Outcome::Network => "network",
            Outcome::OperatorUnavailable => "operator-unavailable",
            Outcome::OperatorDeclined => "operator-declined",
            Outcome::Postponed => "postponed",
            Outcome::Cancelled => "cancelled",
            Outcome::Unknown => "unknown",
        }
    }

    /// Does this say whether clients answer at that hour? Who is busy would have.
    pub fn tells_of_the_hour(self) -> bool {
        matches!(self, Outcome::Talked | Outcome::NoAnswer | Outcome::Machine)
    }

    /// Did this cost the client an attempt? Only what the client's phone had a part in.
    pub fn costs_an_attempt(self) -> bool {
        use Outcome::*;
        matches!(self, Talked | Busy | NoAnswer | Invalid | Declined | Machine)
    }
}

/// Where a client came from, for the operator and the report. Text from outside: anything but control characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks {
    /// Marketing channel.
    pub channel: String,
    /// Marketing source.
    pub source: String,
    /// Campaign.
    pub campaign: String,
    /// The page that showed the number.
    pub page: String,
    /// Further words, separated by commas.
    pub tags: String,
}

impl Marks {
    /// The longest mark, in characters; longer ones are cut.
    pub const LONGEST: usize = 200;

    /// Each mark cleaned of control characters and cut.
    pub fn cleaned(mut self) -> Marks {
        for mark in self.each() {
            if mark.chars().any(char::is_control) || mark.chars().count() > Marks::LONGEST {
                *mark = mark.chars().filter(|c| !c.is_control()).take(Marks::LONGEST).collect();
            }
        }
        self
    }

    /// These, and where one is empty the other's.
    pub fn or(mut self, mut other: Marks) -> Marks {
        for (mark, other) in self.each().into_iter().zip(other.each()) {
            if mark.is_empty() {
                *mark = std::mem::take(other);
            }
        }
        self
    }

    /// Does nobody say anything?
    pub fn is_empty(&self) -> bool {
        *self == Marks::default()
    }

    fn each(&mut self) -> [&mut String; 5] {
        [&mut self.channel, &mut self.source, &mut self.campaign, &mut self.page, &mut self.tags]
    }
}

/// An inbound call of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRecord {
    /// The caller's channel; the key.
    pub id: ChannelId,
    /// The switch that it came to.
    pub switch: Name,
    /// The line that was dialled.
    pub line: Name,
    /// Who calls; `None`: the number was hidden or is none.
    pub number: Option<Number>,
    /// The caller's name as it came, cleaned of control characters.
    pub name: String,
    /// When it came.
    pub arrived: Wall,
    /// When somebody first talked with the client.
    pub served: Option<Wall>,
    /// With whom, when it is one of our operators.
    pub operator: Option<Name>,
    /// How long they talked.
    pub talk: Span,
    /// How long the client waited to be served, or in vain; known when that is over.
    pub waited: Span,
    /// When this client last called this line before, as far as is remembered.
    pub previous: Option<Wall>,
    /// Where the client came from.
    #[serde(flatten)]
    pub marks: Box<Marks>,
    /// When it was over; `None`: it lives.
    pub ended: Option<Wall>,
    /// Was it missed by the rules of its line? Known at its end.
    pub missed: Option<bool>,
    /// The switch's own hang-up cause.
    pub cause: String,
    /// The callback that it opened, joined or cancelled.
    pub callback: Option<CallbackId>,
    /// Where the end is known from.
    pub known_by: KnownBy,
    /// How it went in our queue; `None`: the dialplan had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Box<Queued>>,
}

/// How a call went in our queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queued {
    /// The group whose operators it waited for, the last one of several.
    pub group: Name,
    /// Since when its place counts: a caller who was cut off and calls again has the old one.
    pub since: Wall,
    /// How many rounds of ringing operators there were.
    pub rounds: u32,
    /// How it left; `None`: it waits.
    pub left: Option<Left>,
    /// The file on the switch with the message that the caller left.
    pub voicemail: Option<String>,
    /// The file on the switch in which the talk is recorded.
    pub recording: Option<String>,
    /// The operator to whom the client was transferred during the talk, the last one of several.
    pub handed_to: Option<Name>,
    /// No callback is to come of it.
    pub no_callback: bool,
}

/// How a call left our queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Left {
    /// An operator has it.
    Served,
    /// The client hung up.
    Abandoned,
    /// … so soon that it was hardly a call.
    Short,
    /// The client asked to be called back.
    CallBack,
    /// The client pressed another key.
    Key,
    /// The line was shut.
    Closed,
    /// No operator took calls.
    Nobody,
    /// The queue was too long.
    Full,
    /// The client had waited for too long.
    Late,
    /// The dialplan has it again.
    GivenBack,
}

impl Left {
    /// The name used in the journal, the API and the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Left::Served => "served",
            Left::Abandoned => "abandoned",
            Left::Short => "short",
            Left::CallBack => "call-back",
            Left::Key => "key",
            Left::Closed => "closed",
            Left::Nobody => "nobody",
            Left::Full => "full",
            Left::Late => "late",
            Left::GivenBack => "given-back",
        }
    }
}

/// Where the end of a call is known from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KnownBy {
    /// The switch's event.
    #[default]
    Event,
    /// The switch's call detail record.
    Cdr,
    /// Neither came, or not all of the call was heard: what is not known is guessed. A record that comes later corrects it.
    Guess,
}

/// Why a callback exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Origin {
    /// The client's call was missed.
    Missed {
        /// The first call that was.
        call: ChannelId,
    },
    /// The client asked for it in a queue, and keeps the place there.
    Queue {
        /// With this call.
        call: ChannelId,
    },
    /// The client asked for it, or a person on the client's behalf.
    ByHand {
        /// Who.
        by: String,
    },
    /// It stands in a list of numbers that are called through.
    Listed {
        /// The list's name.
        list: String,
    },
    /// The client asked for it on a web site.
    Web {
        /// The site's name.
        site: String,
    },
}

impl Origin {
    /// Did the client ask for it, or a person for the client?
    pub fn is_asked_for(&self) -> bool {
        match self {
            Origin::ByHand { .. } | Origin::Queue { .. } | Origin::Web { .. } => true,
            Origin::Missed { .. } | Origin::Listed { .. } => false,
        }
    }
}

/// Where a callback stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum CallbackState {
    /// The client is given time to call again.
    Tracking,
    /// It waits for its time, or, past it, for an operator.
    Waiting,
    /// An attempt is under way.
    Active,
    /// An attempt is under way and is being ended: it is known already what the callback will be closed with.
    Ending {
        /// Since when.
        at: Wall,
        /// With what.
        reason: CloseReason,
    },
    /// It is over.
    Closed {
        /// When.
        at: Wall,
        /// Why.
        reason: CloseReason,
    },
}

/// Why a callback is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
pub enum CloseReason {
    /// The client was reached.
    Talked,
    /// The client called again and got through.
    ClientCalled {
        /// With this call.
        call: ChannelId,
    },
    /// An operator's own call reached the client.
    OperatorCalled {
        /// Who, when it is one of our operators.
        operator: Option<Name>,
    },
    /// There is no such number.
    Invalid,
    /// The client refuses calls.
    Declined,
    /// The client was tried as often as the line allows.
    AttemptsSpent,
    /// It grew too old.
    Expired,
    /// Somebody took it off.
    Cancelled {
        /// Who.
        by: String,
    },
    /// An operator says that this client is not to be called.
    DoNotCall {
        /// Who.
        operator: Name,
    },
    /// Observed only: this is when it would have been dialled.
    Observed {
        /// The operator who would have been rung.
        operator: Name,
    },
}

impl CloseReason {
    /// Has somebody talked with the client?
    pub fn is_a_talk(&self) -> bool {
        matches!(self, CloseReason::Talked | CloseReason::ClientCalled { .. } | CloseReason::OperatorCalled { .. })
    }

    /// The name used in the journal, the API and the metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            CloseReason::Talked => "talked",
            CloseReason::ClientCalled { .. } => "client-called",
            CloseReason::OperatorCalled { .. } => "operator-called",
            CloseReason::Invalid => "invalid",
            CloseReason::Declined => "declined",
            CloseReason::AttemptsSpent => "attempts-spent",
            CloseReason::Expired => "expired",
            CloseReason::Cancelled { .. } => "cancelled",
            CloseReason::DoNotCall { .. } => "do-not-call",
            CloseReason::Observed { .. } => "observed",
        }
    }
}

/// The job of reaching one client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackRecord {
    /// The key.
    pub id: CallbackId,
    /// The client.
    pub number: Number,
    /// The client's name as it came with the call.
    pub name: String,
    /// The line whose rules apply.
    pub line: Name,
    /// Why it exists.
    pub origin: Origin,
    /// Where the client came from.
    #[serde(flatten)]
    pub marks: Box<Marks>,
    /// When it was opened.
    pub opened: Wall,
    /// The last time that the client was missed (or asked).
    pub last_miss: Wall,
    /// How many misses it stands for.
    pub misses: u32,
    /// Where it stands.
    #[serde(flatten)]
    pub state: CallbackState,
    /// When it is due; of no meaning once closed.
    pub due: Wall,
    /// When it is given up.
    pub expires: Wall,
    /// Attempts begun, whatever came of them; the number of the last one.
    pub attempts: u32,
    /// Attempts that cost the client one.
    pub spent: u32,
    /// Attempts in a row that network trouble or a missing operator ended: the pause grows with them.
    pub setbacks: u32,
    /// How the last attempt ended.
    pub last: Option<Outcome>,
    /// A person wants the next attempt: a line that people dial by hand begins it for nothing else.
    pub wanted: bool,
}

impl CallbackRecord {
    /// Is there still something to do?
    pub fn is_open(&self) -> bool {
        !matches!(self.state, CallbackState::Closed { .. })
    }

    /// Is an attempt under way?
    pub fn is_active(&self) -> bool {
        matches!(self.state, CallbackState::Active | CallbackState::Ending { .. })
    }
}

/// One try of a callback; or one round of ringing operators for a live caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// For whom.
    #[serde(flatten)]
    pub job: Job,
    /// Its number there, from 1.
    pub n: u32,
    /// The switch that carries both legs.
    pub switch: Name,
    /// When it began.
    pub started: Wall,
    /// The operator who answered.
    pub operator: Option<Name>,
    /// Its legs, in the order in which they were dialled.
    pub legs: Vec<LegRecord>,
    /// The client's own call that was put through instead of dialling.
    pub took: Option<ChannelId>,
    /// When the two were joined.
    pub joined: Option<Wall>,
    /// The operator to whom the client was transferred during the talk, the last one of several.
    pub handed_to: Option<Name>,
    /// The file on the switch in which the talk is recorded.
    pub recording: Option<String>,
    /// When it was over; `None`: it is under way.
    pub ended: Option<Wall>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// The switch's words for why (a hang-up cause, an error).
    pub cause: String,
}

/// Whose phone a leg rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The operator's.
    Operator,
    /// The client's.
    Client,
}

/// One channel that we dial. It is written before it is dialled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegRecord {
    /// The uuid that we chose.
    pub id: ChannelId,
    /// Whose phone.
    pub role: Role,
    /// The operator's name, or the trunk of a client's leg.
    pub who: Name,
    /// The dial string of the operator's phone; of a client's leg, and of one written before this was known, none.
    pub phone: Option<Arc<str>>,
    /// When it was meant to be dialled.
    pub intended: Wall,
    /// How long it may ring.
    pub ring: Span,
    /// When it was answered.
    pub answered: Option<Wall>,
    /// When it was over; `None`: it may be alive.
    pub ended: Option<Wall>,
    /// Its hang-up cause.
    pub cause: String,
}

/// What of an operator survives a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorRecord {
    /// The key.
    pub name: Name,
    /// Takes calls?
    pub ready: bool,
    /// Since when.
    pub since: Wall,
    /// When the last talk ended, for the pause after it.
    pub last_talk: Option<Wall>,
    /// How many talks there were. Unlike mod_callcenter's, the counters are not put back when the operator is ready again:
    /// who takes a break would have the fewest.
    pub talks: u32,
    /// How long they lasted together.
    pub talk_time: Span,
    /// When a call was offered last. No two operators have the same time: it is the order of the offers.
    pub offered: Option<Wall>,
    /// Why away, in somebody's own words; empty: nobody said, or they are ready.
    pub why: String,
    /// Until when the pause after the last talk lasts, where somebody said so.
    pub pause: Option<Wall>,
}

/// Who last talked with a client.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LastTalk {
    /// The client.
    pub number: Number,
    /// When they were joined.
    pub at: Wall,
    /// The operator.
    pub operator: Name,
}

impl LastTalk {
    /// The last talk of each client, by number.
    pub fn of_each(talks: impl IntoIterator<Item = LastTalk>) -> Vec<LastTalk> {
        let mut talks: Vec<LastTalk> = talks.into_iter().collect();
        talks.sort_unstable_by(|a, b| b.cmp(a));
        talks.dedup_by(|earlier, later| earlier.number == later.number);
        talks.reverse();
        talks
    }
}

/// One row to be written: inserted, or put over the row of the same key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Write {
    /// A client's call.
    Call(CallRecord),
    /// A callback.
    Callback(CallbackRecord),
    /// An attempt with its legs.
    Attempt(AttemptRecord),
    /// An operator's state.
    Operator(OperatorRecord),
    /// All dialling paused, or resumed.
    Paused(bool),
    /// A number that is never dialled, and whose calls are not missed.
    Block(BlockRecord),
    /// It is none any more.
    Unblock(Number),
    /// A list of numbers rests, or is called through again.
    ListPaused {
        /// The list.
        list: String,
        /// Does it rest?
        paused: bool,
    },
    /// What a trunk's calls of a month have cost.
    Spent(Spent),
    /// A side paper.
    Paper(Paper),
    /// A side paper that is not to be kept.
    Discard {
        /// What it is.
        kind: PaperKind,
        /// Which of them.
        id: String,
    },
}

/// What a trunk's calls of a month have cost: what a cap a month is held against.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Spent {
    /// The trunk.
    pub trunk: Name,
    /// The month: twelve times the year, and the months of it that are over.
    pub month: u32,
    /// How much.
    pub amount: Amount,
}

/// A number that is never dialled, and whose calls are not missed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRecord {
    /// The key.
    pub number: Number,
    /// Since when.
    pub at: Wall,
    /// Why.
    #[serde(flatten)]
    pub why: Blocked,
}

/// Why a number is blocked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "why")]
pub enum Blocked {
    /// There is no such number.
    Invalid,
    /// The client refused our call.
    Declined,
    /// An operator said that this client is not to be called.
    Operator {
        /// Who.
        by: Name,
    },
    /// Somebody entered it.
    Person {
        /// Who.
        by: String,
    },
}

impl Blocked {
    /// What closing a callback so says of its number.
    pub fn by(reason: &CloseReason) -> Option<Blocked> {
        match reason {
            CloseReason::Invalid => Some(Blocked::Invalid),
            CloseReason::Declined => Some(Blocked::Declined),
            CloseReason::DoNotCall { operator } => Some(Blocked::Operator { by: operator.clone() }),
            _ => None,
        }
    }

    /// The name used in the store, and who it was.
    pub fn parts(&self) -> (&'static str, Option<&str>) {
        match self {
            Blocked::Invalid => ("invalid", None),
            Blocked::Declined => ("declined", None),
            Blocked::Operator { by } => ("operator", Some(by)),
            Blocked::Person { by } => ("person", Some(by)),
        }
    }

    /// What [`Blocked::parts`] has taken apart.
    pub fn from_parts(why: &str, by: Option<&str>) -> Option<Blocked> {
        Some(match (why, by) {
            ("invalid", None) => Blocked::Invalid,
            ("declined", None) => Blocked::Declined,
            ("operator", Some(by)) => Blocked::Operator { by: by.into() },
            ("person", Some(by)) => Blocked::Person { by: by.to_owned() },
            _ => return None,
        })
    }
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Blocked::Invalid => write!(f, "there is no such number"),
            Blocked::Declined => write!(f, "the client refused our call"),
            Blocked::Operator { by } => write!(f, "operator {by} said that this client is not to be called"),
            Blocked::Person { by } => write!(f, "blocked by {by}"),
        }
    }
}

/// When a client last called a line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LastCall {
    /// The client.
    pub number: Number,
    /// The line.
    pub line: Name,
    /// When the call came.
    pub at: Wall,
}

/// A client's phone was called, and the way there was in order: what limits a day are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dial {
    /// When, of one attempt the first time.
    pub at: Wall,
    /// Whose.
    pub number: Number,
}

/// A client's phone was called: how clients of a line answer is learnt from it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Try {
    /// The line.
    pub line: Name,
    /// When, of one attempt the first time.
    pub at: Wall,
    /// The client answered.
    pub answered: bool,
}

/// What a start reads back: everything that is still open, and the counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Chosen at random when the store was made; leg uuids are hashes of it, so that two stores never choose the same.
    pub seed: u64,
    /// When the store was made: what was missed before is not called back.
    pub born: Wall,
    /// All dialling is paused.
    pub paused: bool,
    /// The highest callback id ever used, 0 when none was.
    pub last_callback: u64,
    /// Calls that have no end yet, and those whose end was guessed less than a day ago.
    pub calls: Vec<CallRecord>,
    /// Callbacks that are not closed.
    pub callbacks: Vec<CallbackRecord>,
    /// Attempts that are not over.
    pub attempts: Vec<AttemptRecord>,
    /// Operators' states.
    pub operators: Vec<OperatorRecord>,
    /// Who last talked with whom, by number: as many of the newest as a start reads.
    pub last_talks: Vec<LastTalk>,
    /// Dials of the last days, by attempts that are over.
    pub dials: Vec<Dial>,
    /// Numbers that are never dialled, by number.
    pub blocked: Vec<BlockRecord>,
    /// When each client last called each line, by number and line: of as long and as many calls as a start reads.
    pub last_calls: Vec<LastCall>,
    /// Of the newest attempts, those in which the client answered or let it ring, by line and time.
    pub tries: Vec<Try>,
    /// Lists that rest.
    pub paused_lists: Vec<String>,
    /// What trunks' calls have cost, by trunk and month.
    pub spent: Vec<Spent>,
}
