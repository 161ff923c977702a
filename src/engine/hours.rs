//! Calendars: the hours in which a line may dial, in its own time zone, daylight saving included.

use super::time::Wall;
use jiff::{
    ToSpan,
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};
use std::collections::BTreeSet;

/// How far ahead an opening is looked for; a calendar that stays shut longer is a mistake of the configuration.
const HORIZON_DAYS: i32 = 400;

/// For each weekday from Monday, its spans in minutes since midnight, `from..to`; `to` may be 1440.
pub type Week = [Vec<(u16, u16)>; 7];

/// Weekly hours, the days that are free all the same, and the days that are worked as a weekday.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    week: Week,
    holidays: BTreeSet<Date>,
    workdays: BTreeSet<Date>,
}

impl Calendar {
    /// A calendar from its parts. `week` starts on Monday; spans are minutes since midnight, `from < to <= 1440`.
    pub fn new(
        zone: TimeZone,
        week: Week,
        holidays: impl IntoIterator<Item = Date>,
        workdays: impl IntoIterator<Item = Date>,
    ) -> Calendar {
        let mut week = week;
        week.iter_mut().for_each(|spans| spans.sort_unstable());
        Calendar { zone, week, holidays: holidays.into_iter().collect(), workdays: workdays.into_iter().collect() }
    }

    /// Open at this instant?
    pub fn is_open(&self, at: Wall) -> bool {
        let local = self.zone.to_datetime(at.timestamp());
        within(self.spans(local.date()), local)
    }

    /// The first instant from `at` on at which it is open; `None` when it stays shut for more than a year.
    pub fn next_open(&self, at: Wall) -> Option<Wall> {
        if self.is_open(at) {
            return Some(at);
        }
        let today = self.zone.to_datetime(at.timestamp()).date();
        (0..HORIZON_DAYS).filter_map(|ahead| today.checked_add(ahead.days()).ok()).find_map(|date| {
            self.spans(date)
                .iter()
                .filter_map(|&(from, _)| self.instant(date, from))
                // A span that begins in the hour that the clocks skip opens where they land.
                .find(|&opening| opening >= at && self.is_open(opening))
        })
    }

    /// When it is open from `at` on, in so many days of its own; a span that has begun already begins at `at`.
    pub fn openings(&self, at: Wall, days: i32) -> Vec<(Wall, Wall)> {
        let today = self.zone.to_datetime(at.timestamp()).date();
        let dates = (0..days).filter_map(|ahead| today.checked_add(ahead.days()).ok());
        let spans = dates.flat_map(|date| {
            self.spans(date).iter().filter_map(move |&(from, to)| {
                let (next, last) = if to >= 1440 { (date.tomorrow().ok()?, to - 1440) } else { (date, to) };
                Some((self.instant(date, from)?, self.instant(next, last)?))
            })
        });
        spans.filter(|(_, to)| *to > at).map(|(from, to)| (from.max(at), to)).collect()
    }

    fn spans(&self, date: Date) -> &[(u16, u16)] {
        let day = usize::from(date.weekday().to_monday_zero_offset() as u8);
        match (self.holidays.contains(&date), self.workdays.contains(&date)) {
            (_, true) if self.week[day].is_empty() => self.working_day(),
            (true, false) => &[],
            _ => &self.week[day],
        }
    }

    /// The hours of a day off that is worked: those of the first weekday that has any.
    fn working_day(&self) -> &[(u16, u16)] {
        self.week.iter().find(|spans| !spans.is_empty()).map_or(&[], Vec::as_slice)
    }

    fn instant(&self, date: Date, minute: u16) -> Option<Wall> {
        let time = Time::new((minute / 60) as i8, (minute % 60) as i8, 0, 0).ok()?;
        local(&self.zone, date.to_datetime(time))
    }
}

/// The minute of the day.
pub(super) fn minute_of(local: DateTime) -> u16 {
    local.hour() as u16 * 60 + local.minute() as u16
}

/// Is this time of day in one of these spans?
pub(super) fn within(spans: &[(u16, u16)], local: DateTime) -> bool {
    let minute = minute_of(local);
    spans.iter().any(|&(from, to)| (from..to).contains(&minute))
}

/// An instant by its local date and time in a zone; for tests and for the configuration.
pub fn local(zone: &TimeZone, at: DateTime) -> Option<Wall> {
    Some(Wall(at.to_zoned(zone.clone()).ok()?.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn moscow() -> Calendar {
        let weekdays = vec![(9 * 60, 20 * 60)];
        let week = [
            weekdays.clone(),
            weekdays.clone(),
            weekdays.clone(),
            weekdays.clone(),
            weekdays,
            vec![(600, 960)],
            vec![],
        ];
        let zone = TimeZone::get("Europe/Moscow").unwrap();
        Calendar::new(zone, week, [date(2027, 1, 1)], [date(2027, 2, 21)])
    }

    fn at(calendar: &Calendar, date: Date, hour: i8, minute: i8) -> Wall {
        local(&calendar.zone, date.at(hour, minute, 0, 0)).unwrap()
    }

    #[test]
    fn opens_and_shuts_to_the_minute() {
        let calendar = moscow();
        let monday = date(2026, 11, 23);
        for (hour, minute, open) in [(8, 59, false), (9, 0, true), (19, 59, true), (20, 0, false)] {
            assert_eq!(calendar.is_open(at(&calendar, monday, hour, minute)), open, "{hour}:{minute}");
        }
    }

    #[test]
    fn finds_the_next_opening_over_weekends_holidays_and_worked_days() {
        let calendar = moscow();
        let next = |d, h| calendar.next_open(at(&calendar, d, h, 30)).unwrap();
        assert_eq!(next(date(2026, 11, 28), 17), at(&calendar, date(2026, 11, 30), 9, 0), "Saturday evening");
        assert_eq!(next(date(2026, 12, 31), 21), at(&calendar, date(2027, 1, 2), 10, 0), "New Year is a holiday");
        assert_eq!(next(date(2027, 2, 21), 8), at(&calendar, date(2027, 2, 21), 9, 0), "a Sunday that is worked");
    }

    #[test]
    fn tells_when_it_is_open_in_the_next_days() {
        let calendar = moscow();
        let hour = |d, hour| at(&calendar, d, hour, 0);
        let (saturday, monday) = (date(2026, 11, 28), date(2026, 11, 30));
        let spans = calendar.openings(hour(saturday, 12), 3);
        assert_eq!(spans, [(hour(saturday, 12), hour(saturday, 16)), (hour(monday, 9), hour(monday, 20))]);
        assert_eq!(calendar.openings(hour(saturday, 16), 2), [], "it shuts to the minute");
        let always = Calendar::new(TimeZone::UTC, std::array::from_fn(|_| vec![(0, 1440)]), [], []);
        let (first, second) = (Wall(0), Wall(86_400_000));
        assert_eq!(always.openings(first, 1), [(first, second)]);
    }

    #[test]
    fn a_span_that_begins_in_the_skipped_hour_opens_where_the_clocks_land() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let calendar = Calendar::new(zone.clone(), std::array::from_fn(|_| vec![(150, 300)]), [], []);
        let before = local(&zone, date(2027, 3, 28).at(1, 0, 0, 0)).unwrap();
        let opening = calendar.next_open(before).unwrap();
        assert_eq!(zone.to_datetime(opening.timestamp()), date(2027, 3, 28).at(3, 30, 0, 0));
        assert!(calendar.is_open(opening));
    }

    #[test]
    fn a_calendar_without_hours_never_opens() {
        let never = Calendar::new(TimeZone::UTC, Default::default(), [], []);
        assert_eq!(never.next_open(Wall(0)), None);
    }
}
