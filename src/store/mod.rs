//! What outlives a crash: the journal of calls, callbacks and attempts, and the state that a start reads back.
//!
//! A [`Store`] takes whole rows ([`Write`]); a row written twice is written once. What one [`Store::commit`] is given is
//! on the disk when it returns, all of it, or none of it is. [`memory`] is the same thing in memory: pure, for the simulation
//! and for tests; both stand the same conformance suite (`tests/store.rs`).

pub mod error;
mod journal;
#[cfg(feature = "daemon")]
mod lock;
pub mod memory;
#[cfg(feature = "daemon")]
mod shared;
#[cfg(feature = "daemon")]
pub mod sqlite;

pub use error::StoreError;
pub use journal::{Mark, Redial, RowStatus};
pub use memory::Memory;
#[cfg(feature = "daemon")]
pub use sqlite::Sqlite;

use crate::engine::{
    Name,
    forget::Prune,
    number::Number,
    paper::{Paper, PaperKind},
    record::{AttemptRecord, BlockRecord, CallRecord, CallbackId, CallbackRecord, ChannelId, Snapshot, Write},
    time::{Span, Wall},
};
use serde::{Deserialize, Serialize};
use std::{future::Future, path::Path, pin::Pin};

/// The most rows that one question is answered with; ask on with [`JournalQuery::after`].
pub const MOST_ROWS: usize = 10_000;

/// The most callbacks that [`Store::stories`] tells at once; ask on with [`StoryQuery::after`].
pub const MOST_STORIES: usize = 500;

/// How long a guessed end may still be corrected by a call detail record: so long a start reads the call back.
pub const GUESS_STANDS: Span = Span::minutes(24 * 60);

/// From how many of the newest calls, and of the newest attempts, a start reads who last talked with whom.
pub const LAST_TALKS_FROM: usize = 20_000;
/// From how many of the newest calls at most a start reads when each client last called each line.
pub const LAST_CALLS_FROM: usize = 500_000;
/// From how many of the newest attempts a start learns when clients answer.
pub const TRIES_FROM: usize = 20_000;
/// How many dials of the last days a start reads back, the newest.
pub const MOST_DIALS: usize = 200_000;

/// What comes of asking a [`Store`].
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Where the daemon keeps what must not be lost.
pub trait Store: Send + Sync {
    /// Writes these rows: when it returns they are on the disk, all of them; after an error none is. Their order does not
    /// matter, except that of two writes of one row the later one stays, and that what is forgotten is what was written before. A row may name a callback that is in the store or
    /// among these rows; one that names another is refused ([`StoreError::Refused`]). Writers at once share a flush.
    fn commit<'a>(&'a self, writes: &'a [Write]) -> Answer<'a, ()>;

    /// What is still open, for a start at `now`. Calls by arrival, the rest by their keys. Who called which line is read of
    /// the last `calls`; `None`: nobody will ask.
    fn load(&self, now: Wall, calls: Option<Span>) -> Answer<'_, Snapshot>;

    /// The journal: calls with the callback that came of them, and callbacks that a person asked for; newest last.
    fn journal<'a>(&'a self, query: &'a JournalQuery) -> Answer<'a, Vec<JournalRow>>;

    /// One callback with all its attempts.
    fn callback(&self, id: CallbackId) -> Answer<'_, Option<CallbackStory>>;

    /// Callbacks with all their attempts, by their ids, page by page: the first ones that are asked for.
    fn stories<'a>(&'a self, query: &'a StoryQuery) -> Answer<'a, Vec<CallbackStory>>;

    /// Callbacks by their ids, newest last; of more than [`CallbackFilter::limit`] the newest.
    fn callbacks<'a>(&'a self, filter: &'a CallbackFilter) -> Answer<'a, Vec<CallbackRecord>>;

    /// Numbers that are never dialled, by number.
    fn blocked(&self) -> Answer<'_, Vec<BlockRecord>>;

    /// Whether and why this number is never dialled.
    fn block(&self, number: Number) -> Answer<'_, Option<BlockRecord>>;

    /// Side papers by time and id, newest last.
    fn papers<'a>(&'a self, query: &'a PaperQuery) -> Answer<'a, Vec<Paper>>;

    /// How much is too old to be kept.
    fn old<'a>(&'a self, prune: &'a Prune) -> Answer<'a, Old>;

    /// What is known of a call: a call detail record is taken in only when its end is not, or is a guess.
    fn call_known<'a>(&'a self, id: &'a ChannelId) -> Answer<'a, Known>;

    /// Writes a whole copy of the store as it is at this moment into a new SQLite file, while the store goes on. A file that
    /// is there is never written over; at an error none is left.
    fn backup<'a>(&'a self, file: &'a Path) -> Answer<'a, ()>;

    /// Finishes what was begun and lets the store go; what is asked afterwards is refused.
    fn close(&self) -> Answer<'_, ()>;
}

/// How much is too old to be kept, by what it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Old {
    /// Clients' calls.
    pub calls: u64,
    /// Callbacks.
    pub callbacks: u64,
    /// What web sites sent with a request.
    pub requests: u64,
    /// Messages of chats, and their pictures.
    pub messages: u64,
    /// Chats.
    pub chats: u64,
    /// What operators wrote of clients.
    pub notes: u64,
}

impl Old {
    /// All of it.
    pub fn sum(&self) -> u64 {
        self.calls + self.callbacks + self.requests + self.messages + self.chats + self.notes
    }

    /// How many papers of a kind that goes by its age.
    fn of(&mut self, kind: PaperKind) -> &mut u64 {
        match kind {
            PaperKind::Message | PaperKind::Picture => &mut self.messages,
            PaperKind::Chat => &mut self.chats,
            PaperKind::Note => &mut self.notes,
            _ => &mut self.requests,
        }
    }
}

/// What is known of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing.
    No,
    /// It came; its end is not known.
    Open,
    /// Its end was guessed.
    Guessed,
    /// It came and ended.
    Ended,
}

/// Which part of the journal. The default is its newest [`MOST_ROWS`] rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalQuery {
    /// From this time on.
    pub since: Option<Wall>,
    /// Before this time.
    pub until: Option<Wall>,
    /// Of this client.
    pub number: Option<Number>,
    /// Of this line.
    pub line: Option<Name>,
    /// For the operators of this group: a queued call for those that it waited for last, any other for those of its line.
    pub group: Option<Mark>,
    /// In which this operator had a part, in the call or in its callback.
    pub operator: Option<Name>,
    /// Of this marketing source.
    pub source: Option<Mark>,
    /// Of this campaign.
    pub campaign: Option<Mark>,
    /// What became of it: any of these; empty: whatever.
    pub status: Vec<RowStatus>,
    /// Does it belong to an earlier miss, [`JournalRow::redial`]?
    pub redial: Option<bool>,
    /// How many rows; at most [`MOST_ROWS`], which is also meant by `None`.
    pub limit: Option<usize>,
    /// Where the last answer ended: the rows that follow, the oldest first among them. Without it: the newest rows.
    pub after: Option<Place>,
    /// Only rows before this place.
    pub before: Option<Place>,
}

impl JournalQuery {
    /// How many rows at most.
    pub fn limit(&self) -> usize {
        self.limit.unwrap_or(MOST_ROWS).min(MOST_ROWS)
    }

    /// The oldest or the newest of these rows, as many as are asked for. They must be in order.
    fn cut<T>(&self, rows: &mut Vec<T>) {
        match self.after {
            Some(_) => rows.truncate(self.limit()),
            None => drop(rows.drain(..rows.len().saturating_sub(self.limit()))),
        }
    }
}

/// The place of a row in the journal, which is ordered by it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// When the call came, or the callback was asked for.
    pub at: Wall,
    /// Which of those of this millisecond.
    pub of: Subject,
}

impl Place {
    /// Before every row of this millisecond.
    pub fn before(at: Wall) -> Place {
        Place { at, of: Subject::Call(ChannelId::new("")) }
    }
}

/// What a row of the journal is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A client's call.
    Call(ChannelId),
    /// A callback that a person asked for.
    Callback(CallbackId),
}

/// One row of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JournalRow {
    /// The client's call; `None`: a person asked for the callback.
    pub call: Option<CallRecord>,
    /// The callback that it opened, joined or cancelled.
    pub callback: Option<CallbackRecord>,
    /// The operator who last talked with the client in the callback.
    pub reached_by: Option<Name>,
}

impl JournalRow {
    /// Its place, to go on from; `None` for a row that says nothing.
    pub fn place(&self) -> Option<Place> {
        match (&self.call, &self.callback) {
            (Some(call), _) => Some(Place { at: call.arrived, of: Subject::Call(call.id.clone()) }),
            (None, Some(callback)) => Some(Place { at: callback.opened, of: Subject::Callback(callback.id) }),
            (None, None) => None,
        }
    }
}

/// Which callbacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallbackFilter {
    /// Of this client.
    pub number: Option<Number>,
    /// Of this line.
    pub line: Option<Name>,
    /// Of this list.
    pub list: Option<String>,
    /// Only those with something still to do.
    pub open: bool,
    /// In this state, by its name.
    pub state: Option<String>,
    /// Over, or ending, for this reason, by its name.
    pub reason: Option<String>,
    /// Only those of smaller ids.
    pub before: Option<CallbackId>,
    /// How many; at most [`MOST_ROWS`], which is also meant by `None`.
    pub limit: Option<usize>,
}

impl CallbackFilter {
    /// How many at most.
    pub fn limit(&self) -> usize {
        self.limit.unwrap_or(MOST_ROWS).min(MOST_ROWS)
    }
}

/// Which callbacks are told with their attempts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoryQuery {
    /// Opened from this time on.
    pub since: Option<Wall>,
    /// Opened before this time.
    pub until: Option<Wall>,
    /// The last one of the answer before: those of greater ids.
    pub after: Option<CallbackId>,
    /// How many; at most [`MOST_STORIES`], which is also meant by `None`.
    pub limit: Option<usize>,
}

impl StoryQuery {
    /// How many at most.
    pub fn limit(&self) -> usize {
        self.limit.unwrap_or(MOST_STORIES).min(MOST_STORIES)
    }
}

/// Which side papers. The default is the newest [`MOST_ROWS`] of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaperQuery {
    /// Of this kind.
    pub kind: Option<PaperKind>,
    /// About this; an empty one asks for those about nothing.
    pub about: Option<String>,
    /// Of this id.
    pub id: Option<String>,
    /// The time and id of the last one of the answer before: those that follow, the oldest first among them. Without it: the newest.
    pub after: Option<(Wall, String)>,
    /// How many; at most [`MOST_ROWS`], which is also meant by `None`.
    pub limit: Option<usize>,
}

impl PaperQuery {
    /// How many at most.
    pub fn limit(&self) -> usize {
        self.limit.unwrap_or(MOST_ROWS).min(MOST_ROWS)
    }

    fn asks_for(&self, paper: &Paper) -> bool {
        self.kind.is_none_or(|kind| paper.kind == kind)
            && self.about.as_ref().is_none_or(|about| paper.about == *about)
            && self.id.as_ref().is_none_or(|id| paper.id == *id)
            && self.after.as_ref().is_none_or(|(at, id)| (paper.at, &paper.id) > (*at, id))
    }
}

/// A callback with all its attempts, the first one first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallbackStory {
    /// The callback.
    pub callback: CallbackRecord,
    /// Its attempts.
    pub attempts: Vec<AttemptRecord>,
}

/// Opens the store that a configuration names to be read alone, beside the daemon that has it.
#[cfg(feature = "daemon")]
pub async fn look(url: &str) -> Result<Sqlite, StoreError> {
    match url.strip_prefix("sqlite:") {
        Some(file) => Sqlite::look(Path::new(file)).await,
        None => Err(StoreError::Unknown { url: url.to_owned() }),
    }
}

/// Opens the store that a configuration names, `sqlite:/var/lib/perezvon/perezvon.db`, or makes it.
#[cfg(feature = "daemon")]
pub async fn open(url: &str, now: Wall) -> Result<std::sync::Arc<dyn Store>, StoreError> {
    match url.strip_prefix("sqlite:") {
        Some(file) => Ok(std::sync::Arc::new(Sqlite::open(Path::new(file), now).await?)),
        None => Err(StoreError::Unknown { url: url.to_owned() }),
    }
}
