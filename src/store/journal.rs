//! What became of a row of the journal, and which rows are asked for by it: one meaning for every store.

use super::JournalRow;
use crate::engine::{
    Name,
    record::{CallRecord, CallbackRecord, ChannelId, Origin},
};

/// What became of a row of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowStatus {
    /// The call goes on.
    Live,
    /// Somebody talked with the client, and it was no miss.
    Served,
    /// Nobody did, and by the rules of the line it was no miss.
    Unserved,
    /// The client is to be called back.
    Pending,
    /// The client was called back, or got through otherwise.
    Recovered,
    /// Nobody calls the client back any more, or ever did.
    Lost,
}

impl RowStatus {
    /// Each with its name.
    pub const ALL: [(&'static str, RowStatus); 6] = [
        ("live", RowStatus::Live),
        ("served", RowStatus::Served),
        ("unserved", RowStatus::Unserved),
        ("pending", RowStatus::Pending),
        ("recovered", RowStatus::Recovered),
        ("lost", RowStatus::Lost),
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        RowStatus::ALL.iter().find(|(_, status)| *status == self).map_or("", |(name, _)| name)
    }
}

/// How a row belongs to an earlier miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redial {
    /// The client had been missed before, and called again.
    Again,
    /// We have dialled the client.
    Dialled,
}

impl Redial {
    /// The name used in the journal and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Redial::Again => "again",
            Redial::Dialled => "dialled",
        }
    }
}

impl JournalRow {
    /// What became of it.
    pub fn status(&self) -> RowStatus {
        match &self.call {
            Some(call) if call.ended.is_none() => RowStatus::Live,
            Some(call) if call.missed == Some(true) => of_miss(self.callback.as_ref()),
            Some(call) if call.served.is_some() => RowStatus::Served,
            Some(_) => RowStatus::Unserved,
            None => of_miss(self.callback.as_ref()),
        }
    }

    /// How it belongs to an earlier miss; `None`: it does not.
    pub fn redial(&self) -> Option<Redial> {
        let callback = self.callback.as_ref()?;
        match &self.call {
            Some(call) if opened_by(callback) != Some(&call.id) => Some(Redial::Again),
            _ => (callback.attempts > 0).then_some(Redial::Dialled),
        }
    }
}

fn of_miss(callback: Option<&CallbackRecord>) -> RowStatus {
    match callback {
        Some(callback) if callback.is_open() => RowStatus::Pending,
        Some(callback) if callback.is_recovered() => RowStatus::Recovered,
        _ => RowStatus::Lost,
    }
}

/// The call that a callback exists for.
fn opened_by(callback: &CallbackRecord) -> Option<&ChannelId> {
    match &callback.origin {
        Origin::Missed { call } | Origin::Queue { call } => Some(call),
        _ => None,
    }
}

/// A word that came with a call (its group, source, campaign); where none did, the one that its line has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The word.
    pub word: String,
    /// The lines that have it.
    pub lines: Vec<Name>,
}

impl Mark {
    /// Is this it?
    pub(super) fn fits(&self, word: &str, line: &Name) -> bool {
        word == self.word || (word.is_empty() && self.lines.contains(line))
    }
}

/// Had this operator a part in the call?
pub(super) fn has_part(call: &CallRecord, operator: &Name) -> bool {
    let handed = call.queue.as_ref().and_then(|queue| queue.handed_to.as_ref());
    call.operator.as_ref() == Some(operator) || handed == Some(operator)
}
