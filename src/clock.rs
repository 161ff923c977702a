//! The only reader of time.

use crate::engine::{
    Deadline,
    time::{Mono, Now, Span, Wall},
};
use std::time::{Duration, Instant, SystemTime};

/// The longest that is slept at once: a jump of the wall clock is noticed within it.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// Tests that run the program against a pretend switch give it a faster time: `ANCHOR SPEED`, the milliseconds since 1970 at
/// which both times were the same, and how many times as fast time has passed since.
pub const PRETEND: &str = "PEREZVON_PRETEND_TIME";

/// Both clocks of a process. A copy tells the same time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    begun: Instant,
    /// Where the wall clock began and how fast both run; the system's own clock else.
    pretended: Option<(Wall, f64)>,
}

impl Clock {
    /// The system's clocks; the monotonic one begins at zero now.
    #[expect(clippy::disallowed_methods, reason = "the only reader of time")]
    pub fn system() -> Clock {
        Clock { begun: Instant::now(), pretended: None }
    }

    /// Clocks that begin at `wall` now and run `speed` times as fast.
    pub fn pretended(wall: Wall, speed: f64) -> Clock {
        Clock { pretended: Some((wall, speed.max(0.001))), ..Clock::system() }
    }

    /// The system's clocks, or those that a test pretends to in [`PRETEND`]. Nonsense there is as good as nothing.
    pub fn of_environment() -> Clock {
        let pretended = std::env::var(PRETEND).ok().and_then(|text| {
            let (anchor, speed) = text.split_once(' ')?;
            let (anchor, speed): (i64, f64) = (anchor.parse().ok()?, speed.parse().ok()?);
            let passed = Clock::system().now().wall.0.checked_sub(anchor).filter(|_| speed.is_normal())?;
            Some(Clock::pretended(Wall(anchor + (passed as f64 * speed) as i64), speed))
        });
        pretended.unwrap_or_else(Clock::system)
    }

    /// What they show.
    #[expect(clippy::disallowed_methods, reason = "the only reader of time")]
    pub fn now(&self) -> Now {
        let passed = self.begun.elapsed();
        let Some((begin, speed)) = self.pretended else {
            let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            return Now { wall: Wall(millis(wall) as i64), mono: Mono(millis(passed)) };
        };
        let passed = Span(millis(passed.mul_f64(speed)));
        Now { wall: begin + passed, mono: Mono(passed.0) }
    }

    /// A moment to measure from, for [`Clock::since`].
    pub fn mark(&self) -> Duration {
        #[expect(clippy::disallowed_methods, reason = "the only reader of time")]
        self.begun.elapsed()
    }

    /// How long ago a moment was, in real time, finer than [`Now`] tells.
    pub fn since(&self, mark: Duration) -> Duration {
        self.mark().saturating_sub(mark)
    }

    /// How long, in real time, until the first of the two deadlines; at most half a minute, so that a jump of the wall clock
    /// is noticed in time.
    pub fn until(&self, deadline: Deadline) -> Duration {
        let now = self.now();
        let ahead = [
            deadline.wall.map(|wall| wall.since(now.wall)),
            deadline.mono.map(|mono| Span(mono.0.saturating_sub(now.mono.0))),
        ];
        let longest = Span(millis(LONGEST_SLEEP));
        let ahead = Duration::from_millis(ahead.into_iter().flatten().min().unwrap_or(longest).min(longest).0);
        match self.pretended {
            Some((_, speed)) => ahead.div_f64(speed),
            None => ahead,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pretended_clock_runs_ahead() {
        let clock = Clock::pretended(Wall(1_000_000), 1000.0);
        std::thread::sleep(Duration::from_millis(20));
        let now = clock.now();
        assert!(now.wall >= Wall(1_000_000) + Span::seconds(20), "{now:?}");
        assert_eq!(now.wall.0 - 1_000_000, now.mono.0 as i64);
        let in_an_hour = Deadline { wall: Some(now.wall + Span::minutes(60)), mono: None };
        assert!(clock.until(in_an_hour) <= Duration::from_millis(30), "an hour is capped, then divided");
    }

    #[test]
    fn the_nearer_deadline_is_waited_for() {
        let clock = Clock::system();
        let now = clock.now();
        let both = Deadline { wall: Some(now.wall + Span::seconds(20)), mono: Some(now.mono + Span::seconds(5)) };
        assert!(clock.until(both) <= Duration::from_secs(5));
        assert_eq!(clock.until(Deadline { wall: Some(Wall(0)), mono: None }), Duration::ZERO);
        assert_eq!(clock.until(Deadline::default()), LONGEST_SLEEP);
    }
}
