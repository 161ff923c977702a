//! Telephone numbers: E.164 or refused.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};
use thiserror::Error;

/// The longest E.164 number has 15 digits (ITU-T E.164 §6).
const MOST_DIGITS: usize = 15;
/// The shortest subscriber number with a country code that is in use; below it lie internal extensions and services.
const LEAST_DIGITS: usize = 8;

/// A telephone number in E.164: digits with the country code, at most 15. Nothing that came from outside can hide in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(u64);

/// Why a text is not a telephone number.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotANumber {
    /// Empty, or a caller who hides the number.
    #[error("there is no number")]
    Hidden,
    /// It cannot be read as a number of any country.
    #[error("it cannot be read as a telephone number of country {country}")]
    Unreadable {
        /// The country whose national form was tried.
        country: String,
    },
    /// Too short or too long for E.164: an extension or a service.
    #[error("E.164 numbers have {LEAST_DIGITS} to {MOST_DIGITS} digits")]
    Length,
}

impl Number {
    /// What stands in place of the number of a client who is forgotten: the country code 999 is assigned to nobody.
    pub const FORGOTTEN: Number = Number(99_900_000_000);

    /// Reads a number as people and switches write it: `+7 916 123-45-67`, `89161234567`, `79161234567`, `00 49 30 …`.
    /// `country` (ISO 3166, two letters) says what a number without a country code means.
    pub fn parse(text: &str, country: &str) -> Result<Number, NotANumber> {
        let text = text.trim();
        if text.is_empty() || matches!(text.to_ascii_lowercase().as_str(), "anonymous" | "unknown" | "restricted") {
            return Err(NotANumber::Hidden);
        }
        if text.len() > 40 {
            return Err(NotANumber::Length);
        }
        if let Some(number) = text.strip_prefix('+').and_then(all_digits) {
            return Number::from_digits(number);
        }
        let unreadable = || NotANumber::Unreadable { country: country.to_owned() };
        // A code of the switch or of a telephone, though digits are in it.
        if text.contains(['*', '#']) {
            return Err(unreadable());
        }
        let region = phonenumber::country::Id::from_str(country).map_err(|_| unreadable())?;
        if all_digits(text).is_some_and(|digits| digits.len() < LEAST_DIGITS - 1) {
            return Err(NotANumber::Length);
        }
        let parsed = phonenumber::parse(Some(region), text).map_err(|_| unreadable())?;
        let digits = parsed.format().mode(phonenumber::Mode::E164).to_string();
        Number::from_digits(digits.trim_start_matches('+'))
    }

    fn from_digits(digits: &str) -> Result<Number, NotANumber> {
        if !(LEAST_DIGITS..=MOST_DIGITS).contains(&digits.len()) || digits.starts_with('0') {
            return Err(NotANumber::Length);
        }
        digits.parse().map(Number).map_err(|_| NotANumber::Length)
    }

    /// The digits with the country code, without the plus.
    pub fn digits(self) -> String {
        self.0.to_string()
    }

    /// The number as it is dialled inside its country: without the country code (the trunk prefix is the dial string's).
    pub fn national(self) -> String {
        let digits = self.digits();
        let code = phonenumber::parse(None, self.to_string()).map_or(0, |n| n.code().value().to_string().len());
        digits[code.min(digits.len())..].to_owned()
    }

    /// A number of this country that costs what calls there usually cost, so that anybody may ask us to call it: no premium, shared
    /// or personal rate, no other country.
    pub fn is_ordinary_in(self, country: &str) -> bool {
        self.country_of_ordinary().is_some_and(|own| own == country)
    }

    /// The country (ISO 3166, two letters) of a number that costs what calls there usually cost; `None`: a premium, shared or
    /// personal rate, or no number that is in use anywhere.
    pub fn country_of_ordinary(self) -> Option<String> {
        use phonenumber::Type::{FixedLine, FixedLineOrMobile, Mobile, TollFree, Voip};
        let number = phonenumber::parse(None, self.to_string()).ok()?;
        let kind = number.number_type(&phonenumber::metadata::DATABASE);
        let ordinary = matches!(kind, FixedLine | FixedLineOrMobile | Mobile | TollFree | Voip);
        number.country().id().filter(|_| ordinary).map(|id| id.as_ref().to_owned())
    }

    /// The number with its middle hidden, for logs: `+7916***4567`.
    pub fn masked(self) -> String {
        let digits = self.digits();
        let keep = digits.len().saturating_sub(7).min(4);
        format!("+{}***{}", &digits[..keep], &digits[digits.len() - 4..])
    }
}

fn all_digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then_some(text)
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.0)
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Number {
    type Err = NotANumber;
    /// Reads the `+` form alone.
    fn from_str(text: &str) -> Result<Number, NotANumber> {
        text.strip_prefix('+')
            .and_then(all_digits)
            .ok_or(NotANumber::Unreadable { country: "none".into() })
            .and_then(Number::from_digits)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Number, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_and_switches_write() {
        for (text, country, e164) in [
            ("+7 (916) 123-45-67", "RU", "+79161234567"),
            ("89161234567", "RU", "+79161234567"),
            ("79161234567", "RU", "+79161234567"),
            ("9161234567", "RU", "+79161234567"),
            ("79160000486", "RU", "+79160000486"),
            ("+4930123456", "RU", "+4930123456"),
            ("030 123456", "DE", "+4930123456"),
        ] {
            assert_eq!(Number::parse(text, country).map(|n| n.to_string()).as_deref(), Ok(e164), "{text} in {country}");
        }
    }

    #[test]
    fn refuses_what_is_no_number() {
        for text in [
            "",
            "anonymous",
            "1001",
            "op-1",
            "${system(id)}",
            "+",
            "+0123456789",
            "+12345678901234567",
            "'; drop",
            "+8806372028*",
        ] {
            assert!(Number::parse(text, "RU").is_err(), "{text}");
        }
    }

    #[test]
    fn hides_its_middle_in_logs_and_drops_the_country_code() {
        let number: Number = "+79161234567".parse().unwrap();
        assert_eq!(number.masked(), "+7916***4567");
        assert_eq!(number.national(), "9161234567");
    }
}
