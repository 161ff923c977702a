//! How times and spans are written for people.

use crate::engine::time::{Span, Wall};
use jiff::tz::TimeZone;

/// Local date and time, to the second.
pub fn time(at: Wall, zone: &TimeZone) -> String {
    at.timestamp().to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `9 s`, `7 min 12 s`, `3 h 05 min`, `2 d 4 h`.
pub fn span(span: Span) -> String {
    let seconds = span.0 / 1000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        for (seconds, text) in
            [(0, "0 s"), (59, "59 s"), (432, "7 min 12 s"), (11_100, "3 h 05 min"), (187_300, "2 d 4 h")]
        {
            assert_eq!(span(Span::seconds(seconds)), text);
        }
        assert_eq!(time(Wall(0), &TimeZone::UTC), "1970-01-01 00:00:00");
    }
}
