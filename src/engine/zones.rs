//! What time it is at a client's telephone: time zones by the first digits of a number.
//!
//! The built-in table (`zones.csv`) knows Russia's geographic codes and most countries; a file may take its place.

use super::number::Number;
use jiff::tz::TimeZone;
use std::{collections::BTreeMap, sync::LazyLock};
use thiserror::Error;

/// What is known when nobody says otherwise.
static BUILT_IN: LazyLock<Zones> =
    LazyLock::new(|| Zones::read(include_str!("zones.csv")).unwrap_or_else(|error| unreachable!("built in: {error}")));

/// Time zones by the first digits of a number with its country code; the longest beginning that fits counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Zones(BTreeMap<String, Vec<TimeZone>>);

/// A line of a table that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {what}; write \"7383,Asia/Novosibirsk\", several zones with \";\" between")]
pub struct BadLine {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

impl Zones {
    /// The built-in table.
    pub fn built_in() -> Zones {
        BUILT_IN.clone()
    }

    /// Reads `DIGITS,ZONE;ZONE`, one a line; `#` begins a comment.
    ///
    /// # Errors
    /// The first line that cannot be read.
    pub fn read(text: &str) -> Result<Zones, BadLine> {
        let mut table = BTreeMap::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.split('#').next().unwrap_or_default().trim();
            if text.is_empty() {
                continue;
            }
            let bad = |what: String| BadLine { line, what };
            let (digits, zones) = text.split_once(',').ok_or_else(|| bad("there is no comma".to_owned()))?;
            let digits = digits.trim().trim_start_matches('+');
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(bad(format!("\"{digits}\" are no digits")));
            }
            let zone = |name: &str| {
                let name = name.trim();
                TimeZone::get(name).map_err(|_| bad(format!("there is no time zone \"{name}\"")))
            };
            table.insert(digits.to_owned(), zones.split(';').map(zone).collect::<Result<Vec<_>, _>>()?);
        }
        Ok(Zones(table))
    }

    /// The zones in which this number may be; none when nobody knows.
    pub fn of(&self, number: Number) -> &[TimeZone] {
        let digits = number.digits();
        let known = (1..=digits.len()).rev().find_map(|length| self.0.get(&digits[..length]));
        known.map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(zones: &Zones, number: &str) -> Vec<String> {
        let zones = zones.of(number.parse().unwrap()).iter();
        zones.filter_map(|zone| zone.iana_name().map(str::to_owned)).collect()
    }

    #[test]
    fn the_longest_beginning_that_fits_says_the_zone() {
        let zones = Zones::built_in();
        for (number, wanted) in [
            ("+73832223344", vec!["Asia/Novosibirsk"]),
            ("+74951112233", vec!["Europe/Moscow"]),
            ("+78462223344", vec!["Europe/Samara"]),
            ("+74112223344", vec!["Asia/Yakutsk", "Asia/Vladivostok", "Asia/Srednekolymsk"]),
            ("+79161234567", vec![]),
            ("+4930123456", vec!["Europe/Berlin"]),
            ("+380441234567", vec!["Europe/Kyiv"]),
        ] {
            assert_eq!(names(&zones, number), wanted, "{number}");
        }
    }

    #[test]
    fn a_table_of_ones_own_is_read_and_its_faults_are_named() {
        let zones = Zones::read("# a register\n79131,Asia/Novosibirsk\n +7916 , Europe/Moscow ; Europe/Samara # two\n")
            .unwrap();
        assert_eq!(names(&zones, "+79131112233"), ["Asia/Novosibirsk"]);
        assert_eq!(names(&zones, "+79161112233"), ["Europe/Moscow", "Europe/Samara"]);
        for (text, told) in [
            ("7916 Europe/Moscow", "line 1: there is no comma"),
            ("\nx,Europe/Moscow", "line 2: \"x\" are no digits"),
            ("7,Europe/Moskow", "there is no time zone \"Europe/Moskow\""),
        ] {
            assert!(Zones::read(text).unwrap_err().to_string().contains(told), "{text}");
        }
    }
}
