//! What came of the morning, in numbers.

use crate::{
    cli::Failure,
    control::Service,
    engine::{
        record::{CallbackId, CallbackState, ChannelId, CloseReason, Origin, Role},
        time::{Span, Wall},
    },
    store::{CallbackStory, JournalQuery, JournalRow},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// The whole journal.
pub struct Rows {
    /// Calls, the oldest first.
    pub journal: Vec<JournalRow>,
    /// Callbacks with their attempts.
    pub stories: Vec<CallbackStory>,
    legs: BTreeMap<ChannelId, (Role, CallbackId)>,
}

impl Rows {
    /// Reads all of it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn read(service: &Service) -> Result<Rows, Failure> {
        let failed = |refusal: crate::control::request::Refusal| Failure::Failed(refusal.text);
        let journal = service.journal(&JournalQuery::default()).await.map_err(failed)?;
        let ids: BTreeSet<CallbackId> =
            journal.iter().filter_map(|row| row.callback.as_ref()).map(|callback| callback.id).collect();
        let mut stories = Vec::new();
        for id in ids {
            stories.push(service.callback(id).await.map_err(failed)?);
        }
        Ok(Rows::new(journal, stories))
    }

    /// The journal from its parts.
    pub fn new(journal: Vec<JournalRow>, stories: Vec<CallbackStory>) -> Rows {
        let legs = stories
            .iter()
            .flat_map(|story| story.attempts.iter().flat_map(|attempt| &attempt.legs).map(move |leg| (story, leg)))
            .map(|(story, leg)| (leg.id.clone(), (leg.role, story.callback.id)))
            .collect();
        Rows { journal, stories, legs }
    }

    /// Whose phone a leg of ours rang, and for which callback.
    pub fn leg(&self, id: &ChannelId) -> Option<(Role, CallbackId)> {
        self.legs.get(id).copied()
    }

    /// When a callback was opened.
    pub fn opened(&self, id: CallbackId) -> Option<Wall> {
        self.stories.iter().find(|story| story.callback.id == id).map(|story| story.callback.opened)
    }
}

/// The morning in numbers.
pub struct Summary {
    /// Clients' calls.
    pub calls: usize,
    /// Calls that were missed; several may be of one client.
    pub missed_calls: usize,
    /// Clients who were missed, each with a callback.
    pub missed: usize,
    /// Of those: talked with, since we called them.
    pub recovered: usize,
    /// Of those: not needed any more, since the client or an operator called.
    pub cancelled: usize,
    /// Of those: not reached.
    pub gave_up: usize,
    /// Why not, by the reason's name.
    pub why: BTreeMap<&'static str, usize>,
    /// Attempts.
    pub attempts: usize,
    /// From the miss to the talk, the middle one.
    pub median: Option<Span>,
    /// The longest one.
    pub worst: Option<Span>,
    /// The longest that the machine kept us waiting, in life.
    pub stall: Duration,
    /// What must never happen and did.
    pub violations: Vec<String>,
}

impl Summary {
    /// Counts. `waits`: from each miss to its talk.
    pub fn new(rows: &Rows, mut waits: Vec<Span>, calls: usize, violations: Vec<String>) -> Summary {
        waits.sort_unstable();
        let mut summary = Summary {
            calls,
            missed_calls: rows.journal.iter().filter(|row| is_missed(row)).count(),
            missed: 0,
            recovered: 0,
            cancelled: 0,
            gave_up: 0,
            why: BTreeMap::new(),
            attempts: rows.stories.iter().map(|story| story.attempts.len()).sum(),
            median: waits.get(waits.len() / 2).copied(),
            worst: waits.last().copied(),
            stall: Duration::ZERO,
            violations,
        };
        for story in rows.stories.iter().filter(|story| matches!(story.callback.origin, Origin::Missed { .. })) {
            summary.missed += 1;
            let CallbackState::Closed { reason, .. } = &story.callback.state else { continue };
            match reason {
                CloseReason::Talked => summary.recovered += 1,
                CloseReason::ClientCalled { .. }
                | CloseReason::OperatorCalled { .. }
                | CloseReason::Cancelled { .. }
                | CloseReason::DoNotCall { .. }
                | CloseReason::Observed { .. } => summary.cancelled += 1,
                CloseReason::Invalid | CloseReason::Declined | CloseReason::AttemptsSpent | CloseReason::Expired => {
                    summary.gave_up += 1;
                    *summary.why.entry(reason.as_str()).or_default() += 1;
                }
            }
        }
        summary
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let seconds = |span: Option<Span>| span.map(|span| span.0 / 1000);
        json!({
            "calls": self.calls,
            "missed_calls": self.missed_calls,
            "missed": self.missed,
            "recovered": self.recovered,
            "cancelled": self.cancelled,
            "gave_up": self.gave_up,
            "why": self.why,
            "attempts": self.attempts,
            "median_seconds": seconds(self.median),
            "worst_seconds": seconds(self.worst),
            "stall_ms": u64::try_from(self.stall.as_millis()).unwrap_or(u64::MAX),
            "violations": self.violations.len(),
            "violated": self.violations,
        })
    }
}

fn is_missed(row: &JournalRow) -> bool {
    row.call.as_ref().is_some_and(|call| call.missed == Some(true))
}
