//! Values with units: spans of time, opening hours, dates.

use crate::engine::{
    money::Amount,
    time::{Span, UNITS},
};
use jiff::{ToSpan, civil::Date};

/// What is wrong with a value, and the cure.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    /// What.
    pub what: String,
    /// The cure.
    pub cure: String,
}

fn wrong(what: impl Into<String>, cure: impl Into<String>) -> Wrong {
    Wrong { what: what.into(), cure: cure.into() }
}

/// The most days that one range of dates has.
const MOST_DAYS: usize = 366;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// `500ms`, `30s`, `5m`, `24h`, `7d`, `1h30m`.
pub fn span(text: &str) -> Result<Span, Wrong> {
    let cure = "write \"30s\", \"5m\", \"24h\" or \"1h30m\"";
    let mut rest = text.trim();
    if !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong(format!("{rest} has no unit"), format!("write \"{rest}s\" or \"{rest}m\"")));
    }
    let bad = || wrong(format!("\"{text}\" is no time"), cure);
    let mut total: u64 = 0;
    loop {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let count: u64 = rest[..digits].parse().map_err(|_| bad())?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (_, each) = UNITS.iter().find(|(unit, _)| *unit == &rest[..letters]).ok_or_else(bad)?;
        total = count.checked_mul(*each).and_then(|part| total.checked_add(part)).ok_or_else(bad)?;
        rest = rest[letters..].trim_start();
        if rest.is_empty() {
            return Ok(Span(total));
        }
    }
}

/// `1.90 RUB`: an amount and the three letters of its currency.
pub fn money(text: &str) -> Result<(Amount, &str), Wrong> {
    let bad = || wrong(format!("\"{text}\" is no sum of money"), "write \"1.90 RUB\"");
    let (amount, currency) = text.trim().split_once(' ').ok_or_else(bad)?;
    let amount = amount.parse().map_err(|_| bad())?;
    let currency = currency.trim_start();
    match currency.len() == 3 && currency.bytes().all(|b| b.is_ascii_uppercase()) {
        true => Ok((amount, currency)),
        false => Err(bad()),
    }
}

/// For each weekday from Monday its open spans, in minutes since midnight.
pub type Week = [Vec<(u16, u16)>; 7];

/// Opening hours.
///
/// ```text
/// hours = rule *( ";" rule )            rule  = days " " span *( "," span )
/// days  = day [ "-" day ] *( "," … )    span  = HH:MM "-" HH:MM          ; 24:00 is midnight's end
/// ```
pub fn hours(text: &str) -> Result<Week, Wrong> {
    let mut week = Week::default();
    for rule in text.split(';').map(str::trim).filter(|rule| !rule.is_empty()) {
        let Some((days, spans)) = rule.split_once(char::is_whitespace) else {
            return Err(wrong(
                format!("\"{rule}\" are no hours"),
                "write days, a space, hours: \"mon-fri 09:00-20:00; sat 10:00-16:00\"",
            ));
        };
        let spans = spans.split(',').map(|span| day_span(span.trim())).collect::<Result<Vec<_>, _>>()?;
        for day in weekdays(days)? {
            week[day].extend(&spans);
        }
    }
    if week.iter().all(Vec::is_empty) {
        return Err(wrong("it is never open", "write \"mon-fri 09:00-20:00\""));
    }
    Ok(week)
}

fn weekdays(text: &str) -> Result<Vec<usize>, Wrong> {
    let day = |name: &str| {
        DAYS.iter()
            .position(|day| *day == name.trim().to_ascii_lowercase())
            .ok_or_else(|| wrong(format!("\"{}\" is no day", name.trim()), format!("write {}", DAYS.join(", "))))
    };
    let mut days = Vec::new();
    for part in text.split(',') {
        let (from, to) = match part.split_once('-') {
            Some((from, to)) => (day(from)?, day(to)?),
            None => (day(part)?, day(part)?),
        };
        // `sat-mon` goes over the week's end.
        days.extend((0..=(to + 7 - from) % 7).map(|n| (from + n) % 7));
    }
    Ok(days)
}

/// `09:00-20:00`, in minutes since midnight; 24:00 is midnight's end.
pub fn day_span(text: &str) -> Result<(u16, u16), Wrong> {
    let bad = || wrong(format!("\"{text}\" are no hours"), "write \"09:00-20:00\"");
    let (from, to) = text.split_once('-').ok_or_else(bad)?;
    let (from, to) = (minute(from).ok_or_else(bad)?, minute(to).ok_or_else(bad)?);
    if from >= to {
        return Err(wrong(
            format!("\"{text}\" ends before it begins"),
            "hours over midnight are two: \"fri 20:00-24:00; sat 00:00-02:00\"",
        ));
    }
    Ok((from, to))
}

/// A time of the day, `10:00`, in minutes since midnight.
pub fn time_of_day(text: &str) -> Result<u16, Wrong> {
    let minute = minute(text).filter(|minute| *minute < 1440);
    minute.ok_or_else(|| wrong(format!("\"{text}\" is no time of the day"), "write \"10:00\""))
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let plain = |text: &str| text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit());
    if !plain(hour) || !plain(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (minute < 60 && hour * 60 + minute <= 1440).then_some(hour * 60 + minute)
}

/// `2027-01-01`, or `2027-01-01..2027-01-08` with both ends.
pub fn dates(text: &str) -> Result<Vec<Date>, Wrong> {
    let date = |text: &str| {
        text.trim().parse::<Date>().map_err(|_| {
            wrong(format!("\"{}\" is no date", text.trim()), "write \"2027-01-01\" or \"2027-01-01..2027-01-08\"")
        })
    };
    let (from, to) = match text.split_once("..") {
        Some((from, to)) => (date(from)?, date(to)?),
        None => (date(text)?, date(text)?),
    };
    if from > to {
        return Err(wrong(format!("\"{text}\" ends before it begins"), ""));
    }
    let days: Vec<Date> = from.series(1.day()).take_while(|day| *day <= to).take(MOST_DAYS + 1).collect();
    if days.len() > MOST_DAYS {
        return Err(wrong(format!("\"{text}\" is more than {MOST_DAYS} days"), ""));
    }
    Ok(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_units() {
        for (text, ms) in [("500ms", 500), ("20s", 20_000), ("5m", 300_000), ("1h30m", 5_400_000), ("7d", 604_800_000)]
        {
            assert_eq!(span(text), Ok(Span(ms)), "{text}");
        }
        for text in ["", "m", "20", "5 minutes", "-5m", "99999999999999999999d", "5m5", "1.5h", "٣s"] {
            assert!(span(text).is_err(), "{text}");
        }
        for ms in [0, 1, 500, 20_000, 90_000, 604_800_000] {
            assert_eq!(span(&Span(ms).to_string()), Ok(Span(ms)));
        }
    }

    #[test]
    fn money_has_a_currency() {
        assert_eq!(money("1.90 RUB"), Ok((Amount(19_000), "RUB")));
        assert_eq!(money(" 0.0125  USD "), Ok((Amount(125), "USD")));
        for text in
            ["", "1.90", "RUB", "RUB 1.90", "1,90 RUB", "-1 RUB", "1.90 rub", "1.90 РУБ", "1.90 RUB USD", "1.90RUB"]
        {
            assert!(money(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hours_are_read_for_each_day() {
        let week = hours("mon-fri 09:00-13:00,14:00-20:00; sat,sun 10:00-24:00").unwrap();
        assert_eq!(week[0], [(540, 780), (840, 1200)]);
        assert_eq!(week[4], week[0]);
        assert_eq!(week[6], [(600, 1440)]);
        let over = hours("sat-mon 00:00-01:00").unwrap();
        assert!(over[6].len() == 1 && over[0].len() == 1 && over[1].is_empty());
        for text in ["", "mon", "mon 9-18", "mon 20:00-02:00", "moon 09:00-10:00", "mon 09:60-10:00", "mon 09:00-24:01"]
        {
            assert!(hours(text).is_err(), "{text}");
        }
    }

    #[test]
    fn dates_are_one_or_a_range() {
        assert_eq!(dates("2027-01-01..2027-01-08").unwrap().len(), 8);
        assert_eq!(dates("2027-02-20").unwrap().len(), 1);
        for text in ["", "2027-13-01", "2027-01-08..2027-01-01", "2027-01-01..2030-01-01", "01.01.2027"] {
            assert!(dates(text).is_err(), "{text}");
        }
    }
}
