//! The report: journal rows and callbacks' stories folded into totals. Pure; nothing is kept but the sums, so that a year is
//! folded page by page.
//!
//! What is counted where:
//! - A call belongs to the moment at which it came; a callback, with all that came of it later, to the moment at which it was opened.
//! - Channel, source and campaign are what the line has in today's configuration, and prices are today's.
//! - By operator, a call belongs to who served it, an attempt and its client's leg to who answered, an operator's leg to whose phone it
//!   is, a callback to who talked or, when nobody did, to who answered last. What is nobody's has an empty name.
//! - What has not ended yet (a talk, a leg) is not counted before its end.

pub mod csv;
mod fold;

pub use fold::Fold;

use crate::engine::{
    money::Amount,
    time::{Span, Wall},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// By what the rows are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// What was dialled.
    Line,
    /// The operators: of a queued call those that it waited for last, of any other those of its line.
    Group,
    /// The line's channel.
    Channel,
    /// The line's source.
    Source,
    /// The line's campaign.
    Campaign,
    /// The person.
    Operator,
    /// The hour of the day, `00` to `23`, in the zone that is asked for.
    Hour,
    /// The day, `2027-02-20`, in the zone that is asked for.
    Day,
}

impl By {
    /// Each with its name.
    pub const ALL: [(&'static str, By); 8] = [
        ("line", By::Line),
        ("group", By::Group),
        ("channel", By::Channel),
        ("source", By::Source),
        ("campaign", By::Campaign),
        ("operator", By::Operator),
        ("hour", By::Hour),
        ("day", By::Day),
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        By::ALL.iter().find(|(_, by)| *by == self).map_or("", |(name, _)| name)
    }

    /// Do its rows follow each other in time?
    pub fn is_time(self) -> bool {
        matches!(self, By::Hour | By::Day)
    }
}

/// A report over a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// From this time on.
    pub since: Option<Wall>,
    /// Before this time.
    pub until: Option<Wall>,
    /// By what its rows are told apart; `None`: it has none.
    pub by: Option<By>,
    /// The currency of the costs; `None`: no trunk has a price.
    pub currency: Option<Arc<str>>,
    /// The rows, by name.
    pub rows: Vec<Row>,
    /// All of it: what is a sum is the sum of the rows.
    pub total: Totals,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Of what; empty for what is nobody's.
    pub name: String,
    /// Its totals.
    #[serde(flatten)]
    pub totals: Totals,
}

/// What is told of each row. Spans are milliseconds, money is decimal text in the report's currency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Clients' calls.
    pub calls: u64,
    /// Those in which somebody talked with the client, so that they do not count as missed.
    pub served: u64,
    /// Those that were missed, by the rules of their lines.
    pub missed: u64,
    /// How long operators talked in calls that clients made.
    pub call_talk: Span,
    /// Callbacks, those that a person asked for too.
    pub callbacks: u64,
    /// Those that are over.
    pub closed: u64,
    /// Those of the closed ones whose client was reached, or called again and got through, or was called by an operator.
    pub recovered: u64,
    /// The recovered of a thousand closed ones, rounded down; `None`: none is closed.
    pub recovered_per_mille: Option<u64>,
    /// Attempts.
    pub attempts: u64,
    /// How long operators' phones were held from the answer on without a client: the announcement, and the client's ringing.
    pub wait: Span,
    /// How long operators' phones were held with a client.
    pub talk: Span,
    /// From the last miss to the first talk of a callback: half of them took no longer than this.
    pub to_talk_median: Option<Span>,
    /// The longest.
    pub to_talk_worst: Option<Span>,
    /// What operators' legs cost.
    pub operator_cost: Amount,
    /// What clients' legs cost.
    pub client_cost: Amount,
    /// Both.
    pub cost: Amount,
    /// Calls that waited in a queue of ours.
    pub queue: Queue,
}

/// How clients fared who waited on the line; waits are counted from the arrival of the call. A call that waits still is in none
/// of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Calls that came to a queue, whatever became of them.
    pub calls: u64,
    /// An operator had them.
    pub served: u64,
    /// … within their line's `in_time`.
    pub in_time: u64,
    /// The service level: those answered in time of a thousand that came, but for the short ones and those that came while their
    /// line was shut; rounded down. `None`: there are none.
    pub in_time_per_mille: Option<u64>,
    /// The client hung up while waiting.
    pub abandoned: u64,
    /// … so soon that it was hardly a call.
    pub short: u64,
    /// The client asked to be called back.
    pub call_back: u64,
    /// The line was shut.
    pub closed: u64,
    /// Went another way: by a key, to a message, to the dialplan.
    pub other: u64,
    /// The mean wait of those served; `None`: nobody was.
    pub wait_mean: Option<Span>,
    /// Nine of ten of those served waited no longer, by whole seconds.
    pub wait_p90: Option<Span>,
    /// The longest wait of anybody, served or not.
    pub wait_longest: Option<Span>,
}
