//! The store in memory, shared by tasks.

use super::{
    Answer, CallbackFilter, CallbackStory, JournalQuery, JournalRow, Known, Memory, Old, PaperQuery, Store, StoreError,
    StoryQuery, sqlite::copy,
};
use crate::engine::{
    forget::Prune,
    number::Number,
    paper::Paper,
    record::{BlockRecord, CallbackId, CallbackRecord, ChannelId, Snapshot, Write},
    time::{Span, Wall},
};
use std::{
    future::ready,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// No method of [`Memory`] leaves it half-changed, so one that panicked left it whole.
fn whole(memory: &Mutex<Memory>) -> MutexGuard<'_, Memory> {
    memory.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store for Mutex<Memory> {
    fn commit<'a>(&'a self, writes: &'a [Write]) -> Answer<'a, ()> {
        Box::pin(ready(whole(self).commit(writes)))
    }

    fn load(&self, now: Wall, calls: Option<Span>) -> Answer<'_, Snapshot> {
        Box::pin(ready(Ok(whole(self).load(now, calls))))
    }

    fn journal<'a>(&'a self, query: &'a JournalQuery) -> Answer<'a, Vec<JournalRow>> {
        Box::pin(ready(Ok(whole(self).journal(query))))
    }

    fn callback(&self, id: CallbackId) -> Answer<'_, Option<CallbackStory>> {
        Box::pin(ready(Ok(whole(self).callback(id))))
    }

    fn stories<'a>(&'a self, query: &'a StoryQuery) -> Answer<'a, Vec<CallbackStory>> {
        Box::pin(ready(Ok(whole(self).stories(query))))
    }

    fn callbacks<'a>(&'a self, filter: &'a CallbackFilter) -> Answer<'a, Vec<CallbackRecord>> {
        Box::pin(ready(Ok(whole(self).callbacks(filter))))
    }

    fn blocked(&self) -> Answer<'_, Vec<BlockRecord>> {
        Box::pin(ready(Ok(whole(self).blocked())))
    }

    fn block(&self, number: Number) -> Answer<'_, Option<BlockRecord>> {
        Box::pin(ready(Ok(whole(self).block(number))))
    }

    fn papers<'a>(&'a self, query: &'a PaperQuery) -> Answer<'a, Vec<Paper>> {
        Box::pin(ready(Ok(whole(self).papers(query))))
    }

    fn old<'a>(&'a self, prune: &'a Prune) -> Answer<'a, Old> {
        Box::pin(ready(Ok(whole(self).old(prune))))
    }

    fn call_known<'a>(&'a self, id: &'a ChannelId) -> Answer<'a, Known> {
        Box::pin(ready(Ok(whole(self).call_known(id))))
    }

    fn backup<'a>(&'a self, file: &'a Path) -> Answer<'a, ()> {
        let memory = whole(self).clone();
        Box::pin(copy::of_memory(memory, file))
    }

    fn close(&self) -> Answer<'_, ()> {
        Box::pin(ready(Ok::<(), StoreError>(())))
    }
}
