//! Who was dialled when, of late: by it dials a day and a week are counted, and hours known that were tried.

use super::{
    number::Number,
    record::Dial,
    retry::{MOST_A_WEEK, REMEMBERED},
    time::Wall,
};
use std::collections::BTreeMap;

/// How many clients' dials are remembered; beyond it, and with none that may be forgotten, a new one is not.
const MOST_CLIENTS: usize = 65_536;

/// The dials of the last days, of every line.
#[derive(Debug, Default)]
pub(super) struct Dials(BTreeMap<Number, Vec<Wall>>);

impl Dials {
    /// As the store has them.
    pub fn new(dials: Vec<Dial>) -> Dials {
        let mut known = Dials::default();
        dials.into_iter().for_each(|Dial { number, at }| known.remember(number, at));
        known
    }

    /// When this client was dialled, the oldest first.
    pub fn of(&self, number: Number) -> &[Wall] {
        self.0.get(&number).map_or(&[], Vec::as_slice)
    }

    /// Knows nothing of this client any more.
    pub fn forget(&mut self, number: Number) {
        self.0.remove(&number);
    }

    /// The client's phone was called then. What no longer counts at that time is forgotten.
    pub fn remember(&mut self, number: Number, at: Wall) {
        let counts = |dial: &Wall| *dial > at - REMEMBERED;
        if self.0.len() >= MOST_CLIENTS && !self.0.contains_key(&number) {
            self.0.retain(|_, dials| dials.last().is_some_and(counts));
            if self.0.len() >= MOST_CLIENTS {
                return;
            }
        }
        let dials = self.0.entry(number).or_default();
        dials.retain(counts);
        if let Err(place) = dials.binary_search(&at) {
            dials.insert(place, at);
        }
        if dials.len() > MOST_A_WEEK as usize {
            dials.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::Span;

    #[test]
    fn a_dial_is_remembered_once_and_for_a_week() {
        let number: Number = "+79161234567".parse().unwrap();
        let mut dials = Dials::default();
        let day = |n: i64| Wall(1_800_000_000_000 + n * 86_400_000);
        [2, 0, 2, 1].into_iter().for_each(|n| dials.remember(number, day(n)));
        assert_eq!(dials.of(number), [day(0), day(1), day(2)]);
        dials.remember(number, day(9));
        assert_eq!(dials.of(number), [day(2), day(9)]);
        (0..200).for_each(|n| dials.remember(number, day(9) + Span(n)));
        assert_eq!(dials.of(number).len(), MOST_A_WEEK as usize);
    }
}
