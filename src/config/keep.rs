//! `[store.keep]`: for how long what is personal is kept.

use super::reader::Table;
use crate::engine::{
    forget::Prune,
    time::{Span, Wall},
};
use std::ops::RangeInclusive;

const DAY: u64 = 24 * 60;
/// Limits a week and the hours at which clients answer are counted from the journal of the last days.
const LIMITS: RangeInclusive<Span> = Span::minutes(8 * DAY)..=Span::minutes(36_500 * DAY);

/// For how long things are kept; `None`: until they are forgotten one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Calls and callbacks, after their end.
    pub journal: Option<Span>,
    /// What web sites sent with a request.
    pub requests: Option<Span>,
    /// Chats and their messages.
    pub chats: Option<Span>,
    /// What operators wrote of clients.
    pub notes: Option<Span>,
    /// Rendered announcements.
    pub sounds: Option<Span>,
}

impl Keep {
    /// What is too old now.
    pub fn prune(&self, now: Wall) -> Prune {
        let before = |span: Option<Span>| span.map(|span| now - span);
        Prune {
            journal: before(self.journal),
            requests: before(self.requests),
            chats: before(self.chats),
            notes: before(self.notes),
        }
    }
}

/// Reads `[store.keep]`.
pub(super) fn read(store: &Table<'_>) -> Keep {
    let Some(table) = store.inner("keep") else { return Keep::default() };
    let span = |key| table.get(key).and_then(|node| node.span(LIMITS));
    let keep = Keep {
        journal: span("journal"),
        requests: span("requests"),
        chats: span("chats"),
        notes: span("notes"),
        sounds: span("sounds"),
    };
    table.close();
    keep
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_for_ever_is_not_pruned() {
        let now = Wall(1_800_000_000_000);
        let keep = Keep { requests: Some(Span::minutes(60)), ..Keep::default() };
        assert_eq!(keep.prune(now), Prune { requests: Some(now - Span::minutes(60)), ..Prune::default() });
    }
}
