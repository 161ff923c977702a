//! Clients who are forgotten: one on request, all of long ago by age. What is under way is never forgotten.

use super::{
    machine::{Cx, Engine},
    number::Number,
    record::{CloseReason, Write},
    time::Wall,
};
use crate::engine::effect::Notice;
use serde::{Deserialize, Serialize};

/// How many rows of each kind one [`Prune`] takes at most, so that it keeps no dial waiting.
pub const MOST_AT_ONCE: u32 = 1000;

/// What is older than the times given is not kept. What is still open is, and what belongs to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prune {
    /// Calls that ended, and callbacks that were closed, before then, with their attempts. A call goes with its callback at the
    /// earliest.
    pub journal: Option<Wall>,
    /// What web sites sent before then.
    pub requests: Option<Wall>,
    /// Messages of chats, with their pictures, before then, and chats of which none is left.
    pub chats: Option<Wall>,
    /// What operators wrote of clients before then.
    pub notes: Option<Wall>,
}

impl Prune {
    /// All of it that is older than this.
    pub fn all(before: Wall) -> Prune {
        let before = Some(before);
        Prune { journal: before, requests: before, chats: before, notes: before }
    }
}

impl Engine {
    /// Forgets a client: an open callback is taken off first. Of who is on a call or being dialled at this moment nothing is
    /// forgotten yet.
    pub(super) fn forget(&mut self, number: Number, by: String, unblock: bool, cx: &mut Cx) {
        if let Some(id) = self.open.get(&number).copied() {
            self.close(id, CloseReason::Cancelled { by }, cx);
        }
        if self.open.contains_key(&number) || self.callers.contains_key(&number) {
            return cx.notice(Notice::NotForgotten(number));
        }
        if unblock {
            self.unblock(number, cx);
        }
        self.guessed.retain(|_, call| call.number != Some(number));
        self.reached.remove(&number);
        self.dials.forget(number);
        self.last_talks.forget(number);
        self.last_calls.forget(number);
        self.places.forget(number);
        cx.write(Write::Forget(number));
        cx.notice(Notice::Forgotten(number));
    }

    pub(super) fn prune(&mut self, prune: Prune, cx: &mut Cx) {
        if let Some(before) = prune.journal {
            self.reached.retain(|_, at| *at >= before);
            self.last_talks.forget_before(before);
            self.last_calls.forget_before(before);
        }
        cx.write(Write::Prune(prune));
    }
}
