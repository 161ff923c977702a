//! What is not to be kept: one client's, or what is too old.

use super::Memory;
use crate::{
    engine::{
        forget::{MOST_AT_ONCE, Prune},
        number::Number,
        paper::{Paper, PaperKind},
        record::{CallRecord, CallbackRecord, CallbackState, ChannelId, Job, LiveId},
        time::Wall,
    },
    store::Old,
};

const MOST: usize = MOST_AT_ONCE as usize;

/// Was it closed before then?
fn is_old(callback: &CallbackRecord, before: Wall) -> bool {
    matches!(callback.state, CallbackState::Closed { at, .. } if at < before)
}

impl Memory {
    /// Forgets a client; see [`crate::engine::record::Write::Forget`].
    pub(super) fn forget(&mut self, number: Number) {
        let mut jobs = Vec::new();
        for call in self.calls.values_mut().filter(|call| call.number == Some(number) && call.ended.is_some()) {
            jobs.push(Job::Live(LiveId::of(&call.id)));
            call.forget();
        }
        for callback in self.callbacks.values_mut().filter(|callback| callback.number == number && !callback.is_open())
        {
            jobs.push(callback.id.into());
            callback.forget();
        }
        for job in jobs {
            self.attempts.range_mut((job, 0)..=(job, u32::MAX)).for_each(|(_, attempt)| attempt.recording = None);
        }
        let number = number.to_string();
        let chats = self.papers.values().filter(|paper| paper.kind == PaperKind::Chat && paper.about == number);
        let chats: Vec<String> = chats.map(|chat| chat.id.clone()).collect();
        self.papers.retain(|_, paper| {
            let of_chat = matches!(paper.kind, PaperKind::Message | PaperKind::Picture);
            let said = of_chat && !paper.about.is_empty() && chats.contains(&paper.about);
            let told = paper.kind == PaperKind::Outgoing && paper.body.contains(&number);
            !said && !told && paper.about != number
        });
    }

    /// Removes what is too old; see [`crate::engine::record::Write::Prune`].
    pub(super) fn prune(&mut self, prune: &Prune) {
        if let Some(before) = prune.journal {
            self.prune_journal(before);
        }
        for (kind, before) in kinds(prune) {
            let mut old: Vec<(Wall, String)> =
                self.old_papers(kind, before).map(|paper| (paper.at, paper.id.clone())).collect();
            old.sort_unstable();
            for (_, id) in old.into_iter().take(MOST) {
                self.papers.remove(&(kind, id));
            }
        }
    }

    fn prune_journal(&mut self, before: Wall) {
        let mut calls: Vec<(Wall, ChannelId)> =
            self.old_calls(before).map(|call| (call.arrived, call.id.clone())).collect();
        calls.sort_unstable();
        for (_, id) in calls.into_iter().take(MOST) {
            self.drop_attempts(Job::Live(LiveId::of(&id)));
            self.calls.remove(&id);
        }
        let named = |callback: &&CallbackRecord| self.calls.values().any(|call| call.callback == Some(callback.id));
        let old = self.old_callbacks(before);
        let ids: Vec<_> = old.filter(|callback| !named(callback)).map(|callback| callback.id).take(MOST).collect();
        for id in ids {
            self.drop_attempts(id.into());
            self.callbacks.remove(&id);
        }
    }

    fn drop_attempts(&mut self, job: Job) {
        let keys: Vec<_> = self.attempts.range((job, 0)..=(job, u32::MAX)).map(|(key, _)| *key).collect();
        keys.iter().for_each(|key| drop(self.attempts.remove(key)));
    }

    /// Calls that ended before then, and whose callback, if any, was closed before it.
    fn old_calls(&self, before: Wall) -> impl Iterator<Item = &CallRecord> {
        let of_old = move |call: &&CallRecord| {
            call.callback.is_none_or(|id| self.callbacks.get(&id).is_some_and(|callback| is_old(callback, before)))
        };
        let ended = move |call: &&CallRecord| call.arrived < before && call.ended.is_some_and(|ended| ended < before);
        self.calls.values().filter(ended).filter(of_old)
    }

    /// Callbacks that were closed before then. The newest stays: the next one's id is counted from it, and none is given twice.
    fn old_callbacks(&self, before: Wall) -> impl Iterator<Item = &CallbackRecord> {
        let newest = self.callbacks.keys().next_back().copied();
        self.callbacks.values().filter(move |callback| is_old(callback, before) && Some(callback.id) != newest)
    }

    fn old_papers(&self, kind: PaperKind, before: Wall) -> impl Iterator<Item = &Paper> {
        let spoken = move |chat: &&Paper| {
            let is_young = |paper: &Paper| {
                let of_chat = paper.kind == PaperKind::Message && !paper.about.is_empty() && paper.about == chat.id;
                of_chat && paper.at >= before
            };
            kind == PaperKind::Chat && self.papers.values().any(is_young)
        };
        let old = move |paper: &&Paper| paper.kind == kind && paper.at < before;
        self.papers.values().filter(old).filter(move |paper| !spoken(paper))
    }

    /// How much is too old; see [`crate::store::Store::old`].
    pub fn old(&self, prune: &Prune) -> Old {
        let mut found = Old::default();
        if let Some(before) = prune.journal {
            let young = |call: &CallRecord| call.arrived >= before || call.ended.is_none_or(|ended| ended >= before);
            let named = |callback: &&CallbackRecord| {
                self.calls.values().any(|call| call.callback == Some(callback.id) && young(call))
            };
            found.calls = self.old_calls(before).count() as u64;
            found.callbacks = self.old_callbacks(before).filter(|callback| !named(callback)).count() as u64;
        }
        for (kind, before) in kinds(prune) {
            *found.of(kind) += self.old_papers(kind, before).count() as u64;
        }
        found
    }
}

/// The kinds of papers that are to go, messages before their chats.
fn kinds(prune: &Prune) -> impl Iterator<Item = (PaperKind, Wall)> {
    [
        (PaperKind::Request, prune.requests),
        (PaperKind::Note, prune.notes),
        (PaperKind::Message, prune.chats),
        (PaperKind::Picture, prune.chats),
        (PaperKind::Chat, prune.chats),
    ]
    .into_iter()
    .filter_map(|(kind, before)| Some((kind, before?)))
}
