//! How long is waited before something is sent again, and for how long at all.

use crate::engine::time::Span;

/// The pauses after the first try, the second, …; the last one from then on.
const PAUSES: [Span; 8] = [
    Span::seconds(5),
    Span::seconds(30),
    Span::minutes(2),
    Span::minutes(10),
    Span::minutes(30),
    Span::minutes(60),
    Span::minutes(120),
    Span::minutes(240),
];
/// What is older than this is given up: after some twelve tries.
pub const LONGEST: Span = Span::minutes(24 * 60);
/// The longest pause that a receiver may ask for itself.
pub const LONGEST_ASKED: Span = Span::minutes(60);

/// The pause after so many tries in vain, at least one. Up to a tenth is added, by the hash of what is sent: receivers that come back
/// are not met by everything at once.
pub fn pause(tries: u32, id: &str) -> Span {
    let pause = PAUSES[(tries.max(1) as usize - 1).min(PAUSES.len() - 1)];
    let hash =
        id.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, b| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    pause + Span((hash >> 32) % (pause.0 / 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_four_hours_and_a_day_has_twelve_tries() {
        let pauses: Vec<Span> = (1..=20).map(|tries| pause(tries, "msg_1")).collect();
        for (n, pause) in pauses.iter().enumerate() {
            let least = PAUSES[n.min(7)];
            assert!((least.0..=least.0 * 11 / 10).contains(&pause.0), "{n}: {pause}");
        }
        let mut passed = Span::ZERO;
        let tries = pauses.iter().take_while(|pause| {
            passed = passed + **pause;
            passed < LONGEST
        });
        assert_eq!(tries.count(), 11, "and the first one");
        assert_ne!(pause(3, "msg_1"), pause(3, "msg_2"));
        assert_eq!(pause(3, "msg_1"), pause(3, "msg_1"));
    }
}
