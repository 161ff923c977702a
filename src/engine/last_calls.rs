//! When each client last called each line: who calls for the first time in a while is unique.

use super::{Name, number::Number, record::LastCall, time::Wall};
use rustc_hash::FxHashMap;

/// How many are remembered; beyond it, a call that comes is taken for the first.
const MOST: usize = 500_000;

/// The last calls, by client and line.
#[derive(Debug, Default)]
pub(super) struct LastCalls(FxHashMap<(Number, Name), Wall>);

impl LastCalls {
    pub fn new(calls: Vec<LastCall>) -> LastCalls {
        LastCalls(calls.into_iter().map(|call| ((call.number, call.line), call.at)).collect())
    }

    /// Notes a call; when was the one before it?
    pub fn note(&mut self, number: Number, line: &Name, at: Wall) -> Option<Wall> {
        let key = (number, line.clone());
        if self.0.len() >= MOST && !self.0.contains_key(&key) {
            return None;
        }
        let previous = self.0.get(&key).copied();
        self.0.insert(key, previous.map_or(at, |previous| previous.max(at)));
        previous
    }

    /// Knows nothing of this client any more.
    pub fn forget(&mut self, number: Number) {
        self.0.retain(|(other, _), _| *other != number);
    }

    /// … nor of calls before then.
    pub fn forget_before(&mut self, then: Wall) {
        self.0.retain(|_, at| *at >= then);
    }
}
