//! A period of the journal once more, under rules that may be others: what would have come of it?
//!
//! The real engine decides everything, in virtual time; this module is the world around it, made of what is known:
//!
//! - Clients call as they called, for as long as they waited, and who was served is served as long again. Who was reached by
//!   the replay does not call again about the same thing: the calls that joined or cancelled the same callback of the journal.
//! - A client who is dialled does what they did when they were dialled at about that time ([`history::ABOUT`]). Where that is
//!   not known, one of the dials of the same line at the same hour of the day is drawn, by a fixed seed: two sets of rules
//!   that dial the same client at the same time find the same.
//! - Operators answer as they answered at that hour. Who was away is not in the journal: everybody is ready who is not on a call.
//! - Requests of people are repeated, their cancellations are not. Nothing is open when the period begins.
//!
//! So the journal's own totals stand beside both results: how far the replay of the rules of that time is from them says how far
//! the model is to be believed.

pub mod history;
mod model;

use crate::{
    engine::{
        rules::Rules,
        time::{Span, Wall},
    },
    report::{Fold, Totals},
};
use history::History;
use jiff::tz::TimeZone;
use serde::Serialize;
use std::sync::Arc;

/// What came of a period, by the journal or by a replay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Came {
    /// How often clients' phones were called.
    pub dials: u64,
    /// How long operators' phones were held by callbacks: the wait and the talk.
    pub operator_time: Span,
    /// The rest, as a report tells it.
    #[serde(flatten)]
    pub totals: Totals,
}

/// The period under two sets of rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replay {
    /// From this time on.
    pub since: Wall,
    /// Before this time.
    pub until: Wall,
    /// The currency of the costs; `None`: no trunk has a price.
    pub currency: Option<Arc<str>>,
    /// As it was.
    pub journal: Came,
    /// Under the rules that are in force.
    pub current: Came,
    /// Under the new ones.
    pub new: Came,
    /// Of both replays' dials: those of which it is known what the client did at about that time.
    pub known: u64,
    /// … and those for which a dial of the same line and hour was drawn.
    pub drawn: u64,
    /// States of both replays that ought to be impossible: if there is any, the replay is at fault and not to be believed.
    pub impossible: u64,
}

/// Replays the period under both sets of rules. `zone`: whose hours of the day.
pub fn replay(history: &History, current: &Rules, new: &Rules, zone: &TimeZone) -> Replay {
    let mut fold = Fold::new(Arc::new(current.clone()), None, zone.clone());
    history.calls.iter().for_each(|call| fold.call(call));
    history.stories.iter().for_each(|story| fold.story(story));
    let dials = history.stories.iter().map(model::dials).sum();
    let report = fold.finish(None, None);
    let [now, then] = [current, new].map(|rules| model::Model::new(history, rules, zone).run());
    Replay {
        since: history.since,
        until: history.until,
        currency: report.currency.clone(),
        journal: Came::of(dials, report.total),
        known: now.known + then.known,
        drawn: now.drawn + then.drawn,
        impossible: now.impossible + then.impossible,
        current: now.came,
        new: then.came,
    }
}

impl Came {
    fn of(dials: u64, totals: Totals) -> Came {
        Came { dials, operator_time: totals.wait + totals.talk, totals }
    }
}
