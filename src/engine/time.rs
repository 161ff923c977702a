//! The two clocks that every step is given.

use serde::{Deserialize, Serialize};
use std::{
    fmt,
    ops::{Add, Sub},
};

/// A span of time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span(pub u64);

impl Span {
    /// Nothing.
    pub const ZERO: Span = Span(0);

    /// Whole seconds.
    pub const fn seconds(n: u64) -> Span {
        Span(n * 1000)
    }

    /// Whole minutes.
    pub const fn minutes(n: u64) -> Span {
        Span(n * 60_000)
    }

    /// The span in whole seconds, rounded up: what the switch's time-outs are given.
    pub const fn as_seconds_up(self) -> u64 {
        self.0.div_ceil(1000)
    }
}

/// Wall-clock time: milliseconds since 1970-01-01 UTC. It may jump; only what is stored is timed by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Wall(pub i64);

impl Wall {
    /// The same instant for [`jiff`]; out of its range (years beyond 9999) it is clamped.
    pub fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        })
    }

    /// The instant so many milliseconds later, or earlier.
    pub fn shifted(self, by: i64) -> Wall {
        Wall(self.0.saturating_add(by))
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    pub fn since(self, earlier: Wall) -> Span {
        Span(self.0.saturating_sub(earlier.0).max(0) as u64)
    }
}

/// The units of a span with their milliseconds.
pub const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// In the greatest unit that it is a whole number of: `90s`, `5m`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().rev().find(|(_, each)| self.0 > 0 && self.0.is_multiple_of(*each)) {
            Some((unit, each)) => write!(f, "{}{unit}", self.0 / each),
            None => f.write_str("0s"),
        }
    }
}

impl Add for Span {
    type Output = Span;
    fn add(self, span: Span) -> Span {
        Span(self.0.saturating_add(span.0))
    }
}

impl Add<Span> for Wall {
    type Output = Wall;
    fn add(self, span: Span) -> Wall {
        Wall(self.0.saturating_add_unsigned(span.0))
    }
}

impl Sub<Span> for Wall {
    type Output = Wall;
    fn sub(self, span: Span) -> Wall {
        Wall(self.0.saturating_sub_unsigned(span.0))
    }
}

/// Monotonic time: milliseconds since the process began. It never jumps; timers of an attempt run on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mono(pub u64);

impl Mono {
    /// How long ago `earlier` was; zero when it lies ahead.
    pub fn since(self, earlier: Mono) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Span> for Mono {
    type Output = Mono;
    fn add(self, span: Span) -> Mono {
        Mono(self.0.saturating_add(span.0))
    }
}

/// Both clocks, read together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// The wall clock.
    pub wall: Wall,
    /// The monotonic clock.
    pub mono: Mono,
}
