//! When a client may be dialled, and when one who was not reached is tried again.
//!
//! | rule | the next try |
//! |---|---|
//! | `{ after = "30m" }` | when the pause is over |
//! | `{ at = ["10:00", "19:00"] }` | at the first of these times from now on (or from tomorrow on) that nothing stands against |
//! | `"spread"` | in the hour of the day, not tried yet, in which this line's clients answer best, the next of equals; when all were, in the one tried longest ago, on another day |
//!
//! What stands against a dial is judged by `When::against` alone: when a callback falls due, when its attempt begins, and
//! once more before the client's phone is rung. Days and times of day are those of the line's zone, hours to avoid and the
//! client's hours those of the client's own where the number tells it, daylight saving included.

use super::{
    hours::{self, Calendar, Week, minute_of},
    rules::{Again, Manners},
    time::{Span, Wall},
};
use jiff::{
    ToSpan,
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};

/// How long a dial counts: the week of `per_week`, and a day more, since weeks differ in length where clocks change.
pub const REMEMBERED: Span = Span::minutes(8 * 24 * 60);
/// The highest limit of dials a week: so many dials of one client are remembered.
pub const MOST_A_WEEK: u32 = 100;
/// The days of `per_week`: today and the six before.
const WEEK: i32 = 7;
/// How far ahead a set time is looked for: no callback lives longer.
const HORIZON_DAYS: i32 = 92;
/// How many obstacles in a row are stepped over before there is no way: some for every day of the horizon.
const MOST_STEPS: usize = 2048;
const HOUR: Span = Span::minutes(60);
/// How many hours ahead one is looked for that was not tried.
const HOURS_AHEAD: u64 = 8 * 24;

/// What stands against dialling a client at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Against {
    /// The line's calendar is shut.
    Shut,
    /// At the client's it is no time to call.
    ClientShut,
    /// One of the hours to avoid.
    Avoided,
    /// The client was dialled often enough today.
    Day,
    /// … in the last seven days.
    Week,
}

impl Against {
    /// In a sentence, for the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Against::Shut => "the hours of the line are over",
            Against::ClientShut => "where the client is it is no time to call",
            Against::Avoided => "these are hours to avoid",
            Against::Day => "the client was dialled often enough today",
            Against::Week => "the client was dialled often enough this week",
        }
    }
}

/// What one callback is judged by.
#[derive(Clone, Copy, Debug)]
pub(super) struct When<'a> {
    pub calendar: Option<&'a Calendar>,
    pub manners: &'a Manners,
    /// The time zones in which the client may be; none: the line's.
    pub clients: &'a [TimeZone],
    /// The client was tried before: hours to avoid count from the second try on.
    pub repeated: bool,
    /// When this number was dialled of late, on whatever line; the oldest first.
    pub dialled: &'a [Wall],
    /// How clients of this line answer, by the hour of the day.
    pub answers: &'a Answers,
}

/// How often clients of a line were dialled and answered, by the hour of the day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers([(u32, u32); 24]);

impl Answers {
    /// Nobody was dialled yet.
    pub const fn none() -> Answers {
        Answers([(0, 0); 24])
    }

    pub(super) fn note(&mut self, hour: i8, answered: bool) {
        if let Some((tried, reached)) = self.0.get_mut(hour as usize) {
            *tried += 1;
            *reached += u32::from(answered);
        }
    }

    /// Of a thousand who are dialled in this hour, how many would answer; of an hour that nobody was dialled in, half.
    fn promise(&self, hour: i8) -> u32 {
        let (tried, reached) = self.0.get(hour as usize).copied().unwrap_or_default();
        (reached + 1) * 1000 / (tried + 2)
    }
}

impl When<'_> {
    /// What stands against a dial at this instant.
    pub fn against(&self, at: Wall) -> Option<Against> {
        if self.calendar.is_some_and(|calendar| !calendar.is_open(at)) {
            return Some(Against::Shut);
        }
        if self.client_shut(at).is_some() {
            return Some(Against::ClientShut);
        }
        if self.avoided(at).is_some() {
            return Some(Against::Avoided);
        }
        let local = self.local(at);
        let spent = |most: Option<u32>, days| most.is_some_and(|most| self.dials(local.date(), days) >= most);
        if spent(self.manners.per_day, 1) {
            return Some(Against::Day);
        }
        spent(self.manners.per_week, WEEK).then_some(Against::Week)
    }

    /// The first instant from `at` on that nothing stands against, as near as obstacles end; `None` when there is none for
    /// months.
    pub fn next(&self, mut at: Wall) -> Option<Wall> {
        for _ in 0..MOST_STEPS {
            let date = self.local(at).date();
            let beyond = match self.against(at) {
                None => return Some(at),
                Some(Against::Shut) => self.calendar?.next_open(at)?,
                Some(Against::ClientShut) => {
                    let (zone, week) = self.client_shut(at)?;
                    Calendar::new(zone.clone(), week.clone(), [], []).next_open(at)?
                }
                Some(Against::Avoided) => self.avoided(at)?,
                Some(Against::Day | Against::Week) => instant(&self.manners.zone, date, 1440)?,
            };
            // An hour that the clocks show twice ends, by its local time, before it has begun again.
            at = if beyond > at { beyond } else { at + Span::minutes(1) };
        }
        None
    }

    /// The zones by which the client's day is judged.
    fn zones(&self) -> &[TimeZone] {
        if self.clients.is_empty() { std::slice::from_ref(&self.manners.zone) } else { self.clients }
    }

    /// A zone in which it is no time to call, and the hours in which it would be.
    fn client_shut(&self, at: Wall) -> Option<(&TimeZone, &Week)> {
        let week = self.manners.client_hours.as_ref()?;
        let is_shut = |zone: &&TimeZone| {
            let local = zone.to_datetime(at.timestamp());
            !hours::within(&week[usize::from(local.weekday().to_monday_zero_offset() as u8)], local)
        };
        self.zones().iter().find(is_shut).map(|zone| (zone, week))
    }

    /// The end of the hour to avoid in which this instant lies.
    fn avoided(&self, at: Wall) -> Option<Wall> {
        let avoid = self.manners.avoid.iter().filter(|_| self.repeated);
        self.zones().iter().find_map(|zone| {
            let local = zone.to_datetime(at.timestamp());
            let minute = minute_of(local);
            let (_, end) = avoid.clone().find(|(from, to)| (*from..*to).contains(&minute))?;
            instant(zone, local.date(), *end)
        })
    }

    /// When the client is tried again, `since` this callback exists; `None`: there is no such moment for months.
    pub fn due(&self, again: &Again, now: Wall, since: Wall) -> Option<Wall> {
        match again {
            Again::After(pause) => self.next(now + *pause),
            Again::At { times, tomorrow } => self.at(times, *tomorrow, now),
            Again::Spread => self.spread(now, since),
        }
    }

    fn at(&self, times: &[u16], tomorrow: bool, now: Wall) -> Option<Wall> {
        let today = self.local(now).date();
        let days = (i32::from(tomorrow)..HORIZON_DAYS).filter_map(|ahead| today.checked_add(ahead.days()).ok());
        days.flat_map(|date| times.iter().filter_map(move |minute| instant(&self.manners.zone, date, *minute)))
            .find(|&at| at > now && self.against(at).is_none())
    }

    fn spread(&self, now: Wall, since: Wall) -> Option<Wall> {
        let hour = |at| self.local(at).hour();
        let last = |at: Wall| {
            let tried = self.dialled.iter().filter(|tried| **tried >= since);
            tried.filter(|tried| hour(**tried) == hour(at)).max().copied()
        };
        let today = self.local(now).date();
        let hours = (1..=HOURS_AHEAD).map_while(|ahead| self.next(now + Span(HOUR.0 * ahead)));
        let mut oldest: Option<(Wall, Wall)> = None;
        let mut best: Option<(u32, Wall)> = None;
        for at in hours {
            if best.is_some() && at > now + Span(24 * HOUR.0) {
                break; // a better hour is worth a day, not more
            }
            let Some(tried) = last(at) else {
                let promise = self.answers.promise(hour(at));
                if best.is_none_or(|(other, _)| promise > other) {
                    best = Some((promise, at));
                }
                continue;
            };
            if self.local(at).date() > today && oldest.is_none_or(|(other, _)| tried < other) {
                oldest = Some((tried, at));
            }
        }
        best.or(oldest.map(|(_, at)| (0, at))).map(|(_, at)| at)
    }

    /// How many of the dials fall on this day and those before it, so many days in all.
    fn dials(&self, date: Date, days: i32) -> u32 {
        let first = date.saturating_sub((days - 1).days());
        let counted = self.dialled.iter().filter(|at| (first..=date).contains(&self.local(**at).date()));
        counted.count() as u32
    }

    fn local(&self, at: Wall) -> DateTime {
        self.manners.zone.to_datetime(at.timestamp())
    }
}

/// The instant of a minute of the day; of 1440, the next midnight. In an hour that the clocks skip: where they land.
fn instant(zone: &TimeZone, date: Date, minute: u16) -> Option<Wall> {
    let (date, minute) = if minute >= 1440 { (date.tomorrow().ok()?, 0) } else { (date, minute) };
    let time = Time::new((minute / 60) as i8, (minute % 60) as i8, 0, 0).ok()?;
    hours::local(zone, date.to_datetime(time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::{civil::date, tz::TimeZone};
    use proptest::prelude::*;
    use std::sync::LazyLock;

    static NEVER_DIALLED: Answers = Answers::none();
    static NOBODY: LazyLock<Manners> = LazyLock::new(Manners::default);

    /// Nothing stands against anything.
    fn plain() -> When<'static> {
        When { calendar: None, manners: &NOBODY, clients: &[], repeated: false, dialled: &[], answers: &NEVER_DIALLED }
    }

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }

    fn calendar(zone: &TimeZone) -> Calendar {
        let week = std::array::from_fn(|day| match day {
            0..=4 => vec![(9 * 60, 20 * 60)],
            5 => vec![(10 * 60, 16 * 60)],
            _ => vec![],
        });
        Calendar::new(zone.clone(), week, [], [])
    }

    fn show(zone: &TimeZone, at: Option<Wall>) -> String {
        at.map_or("never".to_owned(), |at| zone.to_datetime(at.timestamp()).strftime("%a %d %H:%M").to_string())
    }

    /// A week from Monday 2026-11-23, tried again and again: each due time is the next now.
    #[test]
    fn every_due_time_of_a_week() {
        let zone = TimeZone::get("Europe/Moscow").unwrap();
        let calendar = calendar(&zone);
        let start = hours::local(&zone, date(2026, 11, 23).at(18, 40, 0, 0)).unwrap();
        let avoid = vec![(11 * 60, 13 * 60), (15 * 60, 17 * 60)];
        let week = |again: Again, per_day, per_week| {
            let manners = Manners { zone: zone.clone(), avoid: avoid.clone(), per_day, per_week, ..Manners::default() };
            let mut dialled = vec![start];
            for _ in 0..6 {
                let when =
                    When { calendar: Some(&calendar), manners: &manners, repeated: true, dialled: &dialled, ..plain() };
                let Some(due) = when.due(&again, dialled[dialled.len() - 1], start) else { break };
                dialled.push(due);
            }
            dialled[1..].iter().map(|at| show(&zone, Some(*at))).collect::<Vec<_>>()
        };
        let at = |tomorrow| Again::At { times: vec![10 * 60, 19 * 60], tomorrow };
        let after = |minutes| Again::After(Span::minutes(minutes));
        for (name, again, per_day, per_week, due) in [
            (
                "a pause",
                after(60),
                None,
                None,
                "Mon 23 19:40|Tue 24 09:00|Tue 24 10:00|Tue 24 13:00|Tue 24 14:00|Tue 24 17:00",
            ),
            (
                "twice a day",
                after(60),
                Some(2),
                None,
                "Mon 23 19:40|Tue 24 09:00|Tue 24 10:00|Wed 25 09:00|Wed 25 10:00|Thu 26 09:00",
            ),
            (
                "thrice a week",
                after(60),
                None,
                Some(3),
                "Mon 23 19:40|Tue 24 09:00|Mon 30 09:00|Mon 30 10:00|Tue 01 09:00|Mon 07 09:00",
            ),
            (
                "set times",
                at(false),
                None,
                None,
                "Mon 23 19:00|Tue 24 10:00|Tue 24 19:00|Wed 25 10:00|Wed 25 19:00|Thu 26 10:00",
            ),
            (
                "set times from tomorrow",
                at(true),
                None,
                None,
                "Tue 24 10:00|Wed 25 10:00|Thu 26 10:00|Fri 27 10:00|Sat 28 10:00|Mon 30 10:00",
            ),
            (
                "set times once a day",
                at(false),
                Some(1),
                None,
                "Tue 24 10:00|Wed 25 10:00|Thu 26 10:00|Fri 27 10:00|Sat 28 10:00|Mon 30 10:00",
            ),
            (
                "spread",
                Again::Spread,
                None,
                None,
                "Mon 23 19:40|Tue 24 09:00|Tue 24 10:00|Tue 24 13:00|Tue 24 14:00|Tue 24 17:00",
            ),
        ] {
            assert_eq!(week(again, per_day, per_week).join("|"), due, "{name}");
        }
    }

    #[test]
    fn when_every_hour_was_tried_it_is_the_one_tried_longest_ago_on_another_day() {
        let zone = berlin();
        let open = Calendar::new(zone.clone(), std::array::from_fn(|_| vec![(9 * 60, 12 * 60)]), [], []);
        let at = |day, hour| hours::local(&zone, date(2026, 11, day).at(hour, 30, 0, 0)).unwrap();
        let manners = Manners { zone: zone.clone(), ..Manners::default() };
        let dialled = [at(22, 10), at(22, 11), at(23, 9)];
        let when = When { calendar: Some(&open), manners: &manners, repeated: true, dialled: &dialled, ..plain() };
        assert_eq!(show(&zone, when.due(&Again::Spread, at(23, 9), at(20, 9))), "Tue 24 10:30");
        // What was tried before this callback existed says nothing.
        assert_eq!(show(&zone, when.due(&Again::Spread, at(23, 9), at(23, 9))), "Mon 23 10:30");
    }

    #[test]
    fn a_set_time_in_the_skipped_hour_is_where_the_clocks_land() {
        let zone = berlin();
        let manners = Manners { zone: zone.clone(), ..Manners::default() };
        let when = When { calendar: None, manners: &manners, repeated: true, dialled: &[], ..plain() };
        let now = hours::local(&zone, date(2027, 3, 28).at(0, 30, 0, 0)).unwrap();
        let again = Again::At { times: vec![150], tomorrow: false };
        assert_eq!(show(&zone, when.due(&again, now, now)), "Sun 28 03:30");
    }

    #[test]
    fn the_hour_in_which_clients_answer_best_is_tried_first() {
        let zone = berlin();
        let open = Calendar::new(zone.clone(), std::array::from_fn(|_| vec![(9 * 60, 20 * 60)]), [], []);
        let manners = Manners { zone: zone.clone(), ..Manners::default() };
        let at = |hour| hours::local(&zone, date(2026, 11, 23).at(hour, 30, 0, 0)).unwrap();
        let mut answers = Answers::default();
        (0..10).for_each(|n| answers.note(18, n < 8));
        (0..10).for_each(|n| answers.note(11, n < 2));
        let dialled = [at(10)];
        let when = When {
            calendar: Some(&open),
            manners: &manners,
            repeated: true,
            dialled: &dialled,
            answers: &answers,
            ..plain()
        };
        assert_eq!(show(&zone, when.due(&Again::Spread, at(10), at(9))), "Mon 23 18:30");
        let dialled = [at(10), at(18)];
        let when = When { dialled: &dialled, ..when };
        assert_eq!(show(&zone, when.due(&Again::Spread, at(18), at(9))), "Mon 23 19:30", "of equals the next");
    }

    #[test]
    fn a_client_is_dialled_at_fit_hours_of_every_zone_that_the_number_may_be_in() {
        let zone = |name| TimeZone::get(name).unwrap();
        let (moscow, week) = (zone("Europe/Moscow"), std::array::from_fn(|_| vec![(9 * 60, 21 * 60)]));
        let manners = Manners {
            zone: moscow.clone(),
            client_hours: Some(week),
            avoid: vec![(13 * 60, 14 * 60)],
            ..Manners::default()
        };
        let at = |hour| hours::local(&moscow, date(2026, 11, 23).at(hour, 0, 0, 0)).unwrap();
        let next = |clients: &[TimeZone], repeated, hour| {
            show(&moscow, When { manners: &manners, clients, repeated, ..plain() }.next(at(hour)))
        };
        let (novosibirsk, kamchatka) = (zone("Asia/Novosibirsk"), zone("Asia/Kamchatka"));
        assert_eq!(next(&[], false, 3), "Mon 23 09:00", "the line's zone, when nobody knows");
        assert_eq!(next(std::slice::from_ref(&novosibirsk), false, 18), "Tue 24 05:00", "it is 22:00 there");
        assert_eq!(next(std::slice::from_ref(&novosibirsk), true, 9), "Mon 23 10:00", "13:00 there is avoided");
        assert_eq!(next(&[moscow.clone(), novosibirsk], false, 3), "Mon 23 09:00", "the hours that both have");
        assert_eq!(next(&[moscow.clone(), kamchatka], false, 12), "Tue 24 09:00");
    }

    #[test]
    fn the_first_try_heeds_no_hours_to_avoid() {
        let manners = Manners { avoid: vec![(0, 1440)], ..Manners::default() };
        let first = When { calendar: None, manners: &manners, repeated: false, dialled: &[], ..plain() };
        assert_eq!(first.next(Wall(5)), Some(Wall(5)));
        assert_eq!(When { repeated: true, ..first }.next(Wall(5)), None);
    }

    fn spans() -> impl Strategy<Value = (u16, u16)> {
        (0..1440u16, 1..600u16).prop_map(|(from, long)| (from, (from + long).min(1440)))
    }

    fn rules() -> impl Strategy<Value = Again> {
        prop_oneof![
            (1..3000u64).prop_map(|minutes| Again::After(Span::minutes(minutes))),
            (proptest::collection::btree_set(0..1440u16, 1..4), any::<bool>())
                .prop_map(|(times, tomorrow)| Again::At { times: times.into_iter().collect(), tomorrow }),
            Just(Again::Spread),
        ]
    }

    /// Days on which clocks change in Berlin and New York, and a plain one.
    fn starts() -> impl Strategy<Value = i64> {
        let days =
            vec![1_806_181_200_000i64, 1_824_933_600_000, 1_804_921_200_000, 1_825_477_200_000, 1_795_406_400_000];
        (proptest::sample::select(days), 0..48 * 60i64).prop_map(|(day, minute)| day + minute * 60_000)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever the rules and the time: nobody is dialled while the line is shut, in hours to avoid, or too often.
        #[test]
        fn nothing_ever_stands_against_a_due_time(
            zone in proptest::sample::select(vec!["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
            open in proptest::collection::vec(spans(), 1..3),
            avoid in proptest::collection::vec(spans(), 0..3),
            per_day in proptest::option::of(1..4u32),
            per_week in proptest::option::of(1..9u32),
            again in rules(),
            start in starts(),
        ) {
            let zone = TimeZone::get(zone).unwrap();
            let calendar = Calendar::new(zone.clone(), std::array::from_fn(|_| open.clone()), [], []);
            let manners = Manners { zone: zone.clone(), avoid: avoid.clone(), per_day, per_week, ..Manners::default() };
            let mut dialled = vec![Wall(start)];
            for _ in 0..12 {
                let now = dialled[dialled.len() - 1];
                let when = When { calendar: Some(&calendar), manners: &manners, repeated: true, dialled: &dialled, ..plain() };
                let Some(due) = when.due(&again, now, Wall(start)) else { break };
                prop_assert!(due > now);
                let local = |at: Wall| zone.to_datetime(at.timestamp());
                let minute = minute_of(local(due));
                let within = |spans: &[(u16, u16)]| spans.iter().any(|&(from, to)| (from..to).contains(&minute));
                prop_assert!(within(&open) && !within(&avoid), "{}", local(due));
                let today = local(due).date();
                let first = today.checked_sub(6.days()).unwrap();
                let on = |first: Date| dialled.iter().filter(|at| (first..=today).contains(&local(**at).date())).count();
                prop_assert!(per_day.is_none_or(|most| on(today) < most as usize));
                prop_assert!(per_week.is_none_or(|most| on(first) < most as usize));
                dialled.push(due);
            }
        }
    }
}
