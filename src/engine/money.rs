//! Money, and what a call costs. Whole numbers alone: a sum of prices is that sum to the last digit.

use super::time::Span;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use std::{fmt, iter::Sum, ops::AddAssign, str::FromStr, sync::Arc};

/// How many of what an [`Amount`] counts make one unit of the currency; providers' prices have up to four decimals.
const UNIT: u64 = 10_000;
/// How many decimals that is.
const DECIMALS: usize = 4;
/// The fewest decimals that are written.
const LEAST_DECIMALS: usize = 2;

/// An amount of money, in ten-thousandths of its currency's unit; a sum that would be greater than any stays the greatest.
/// Read and written as a decimal number: `1.90`, `0.0125`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(pub u64);

/// A text is no amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an amount is a number with at most four decimals")]
pub struct NoAmount;

impl FromStr for Amount {
    type Err = NoAmount;
    fn from_str(text: &str) -> Result<Amount, NoAmount> {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let (whole, decimals) = match text.split_once('.') {
            Some((whole, decimals)) if digits(decimals) && decimals.len() <= DECIMALS => (whole, decimals),
            Some(_) => return Err(NoAmount),
            None => (text, ""),
        };
        if !digits(whole) {
            return Err(NoAmount);
        }
        let units: u64 = whole.parse().map_err(|_| NoAmount)?;
        let parts: u64 = format!("{decimals:0<DECIMALS$}").parse().map_err(|_| NoAmount)?;
        units.checked_mul(UNIT).and_then(|units| units.checked_add(parts)).map(Amount).ok_or(NoAmount)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = format!("{:0DECIMALS$}", self.0 % UNIT);
        let kept = decimals.trim_end_matches('0').len().max(LEAST_DECIMALS);
        f.pad(&format!("{}.{}", self.0 / UNIT, &decimals[..kept]))
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Amount, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Amount) {
        self.0 = self.0.saturating_add(other.0);
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Amount>>(all: I) -> Amount {
        all.fold(Amount::default(), |mut sum, amount| {
            sum += amount;
            sum
        })
    }
}

/// What a trunk asks for its calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// For a minute from the answer on.
    pub per_minute: Amount,
    /// Of what currency: `RUB`.
    pub currency: Arc<str>,
    /// What is begun of this is paid whole; never zero.
    pub billing: Span,
}

impl Price {
    /// What a call of this length, from its answer to its end, costs; rounded up to what an [`Amount`] can say.
    pub fn of(&self, length: Span) -> Amount {
        let billed = u128::from(length.0.div_ceil(self.billing.0.max(1))) * u128::from(self.billing.0);
        let cost = billed.saturating_mul(u128::from(self.per_minute.0)).div_ceil(u128::from(Span::minutes(1).0));
        Amount(u64::try_from(cost).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_they_are_written() {
        for (text, parts, written) in [
            ("1.90", 19_000, "1.90"),
            ("1.9", 19_000, "1.90"),
            ("0.0125", 125, "0.0125"),
            ("3000", 30_000_000, "3000.00"),
            ("0.125", 1250, "0.125"),
        ] {
            assert_eq!(text.parse(), Ok(Amount(parts)), "{text}");
            assert_eq!(Amount(parts).to_string(), written);
        }
        for text in
            ["", ".", "1.", ".5", "1,90", "-1", "+1", "1e3", "0.00001", "99999999999999999999", "1844674407370956"]
        {
            assert_eq!(text.parse::<Amount>(), Err(NoAmount), "{text}");
        }
    }

    #[test]
    fn what_is_begun_is_paid_whole() {
        let price = |billing| Price { per_minute: Amount(19_000), currency: "RUB".into(), billing };
        for (billing, length, cost) in [
            (Span::seconds(60), Span::ZERO, 0),
            (Span::seconds(60), Span(1), 19_000),
            (Span::seconds(60), Span::seconds(60), 19_000),
            (Span::seconds(60), Span(60_001), 38_000),
            (Span::seconds(1), Span::seconds(30), 9500),
            // 1.90 / 60 = 0.03166…
            (Span::seconds(1), Span(1), 317),
        ] {
            assert_eq!(price(billing).of(length), Amount(cost), "{length:?} by {billing:?}");
        }
        let dear = Price { per_minute: Amount(u64::MAX), ..price(Span::seconds(1)) };
        assert_eq!(dear.of(Span(u64::MAX)), Amount(u64::MAX), "it stays the greatest");
    }
}
