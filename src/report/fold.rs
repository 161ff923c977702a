//! The fold: each fact is added to its row and to the whole.

#[cfg(test)]
use super::Queue;
use super::{Amount, By, Report, Row, Totals};
use crate::{
    engine::{
        Name, cost,
        record::{AttemptRecord, CallRecord, CallbackRecord, Left, Marks, Queued, Role},
        rules::{Line, Rules},
        time::{Span, Wall},
    },
    store::CallbackStory,
};
use jiff::tz::TimeZone;
use std::{collections::BTreeMap, sync::Arc};

/// A report in the making.
#[derive(Debug)]
pub struct Fold {
    rules: Arc<Rules>,
    by: Option<By>,
    zone: TimeZone,
    rows: BTreeMap<String, Tally>,
    whole: Tally,
}

/// Sums, and how often each time to talk came, by whole seconds: of a year no more than the seconds of the longest.
#[derive(Clone, Debug, Default)]
struct Tally {
    sums: Totals,
    to_talk: BTreeMap<u64, u64>,
    /// Of those served in a queue.
    waits: BTreeMap<u64, u64>,
    /// Their sum.
    waited: Span,
}

impl Fold {
    /// Nothing yet. `zone`: whose hours and days.
    pub fn new(rules: Arc<Rules>, by: Option<By>, zone: TimeZone) -> Fold {
        Fold { rules, by, zone, rows: BTreeMap::new(), whole: Tally::default() }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Adds a client's call.
    pub fn call(&mut self, call: &CallRecord) {
        let mut key = self.key(&call.line, &call.marks, call.arrived, call.operator.as_ref());
        if let (Some(By::Group), Some(queue)) = (self.by, &call.queue) {
            key = Some(queue.group.to_string());
        }
        let in_time = call.queue.as_ref().and_then(|queue| self.queue_line(call, queue)).map(|line| line.queue.in_time);
        let missed = call.missed == Some(true);
        self.add(key, |tally| {
            tally.sums.calls += 1;
            tally.sums.missed += u64::from(missed);
            tally.sums.served += u64::from(call.served.is_some() && !missed);
            tally.sums.call_talk = tally.sums.call_talk + call.talk;
            if let Some(left) = call.queue.as_ref().and_then(|queue| queue.left) {
                tally.queued(left, call.waited, in_time);
            }
        });
    }

    /// By the rules of which line a call waited: its own, unless it was sent on to the queue of another group.
    fn queue_line(&self, call: &CallRecord, queue: &Queued) -> Option<&Arc<Line>> {
        let own = self.rules.lines.get(&call.line).filter(|line| line.group == queue.group);
        own.or_else(|| self.rules.lines.values().find(|line| line.group == queue.group))
    }

    /// Adds a callback with all its attempts.
    pub fn story(&mut self, story: &CallbackStory) {
        let CallbackStory { callback, attempts } = story;
        let talked = attempts.iter().find(|attempt| attempt.joined.is_some());
        let last = talked.or_else(|| attempts.iter().rev().find(|attempt| attempt.operator.is_some()));
        let key = self.key(
            &callback.line,
            &callback.marks,
            callback.opened,
            last.and_then(|attempt| attempt.operator.as_ref()),
        );
        let to_talk = talked.and_then(|attempt| attempt.joined).map(|joined| joined.since(callback.last_miss));
        self.add(key, |tally| {
            tally.sums.callbacks += 1;
            tally.sums.closed += u64::from(!callback.is_open());
            tally.sums.recovered += u64::from(callback.is_recovered());
            if let Some(span) = to_talk {
                *tally.to_talk.entry(span.0 / 1000).or_default() += 1;
            }
        });
        for attempt in attempts {
            self.attempt(callback, attempt);
        }
    }

    fn attempt(&mut self, callback: &CallbackRecord, attempt: &AttemptRecord) {
        let key = self.key(&callback.line, &callback.marks, callback.opened, attempt.operator.as_ref());
        self.add(key, |tally| tally.sums.attempts += 1);
        for place in 0..attempt.legs.len() {
            self.leg(callback, attempt, place);
        }
    }

    fn leg(&mut self, callback: &CallbackRecord, attempt: &AttemptRecord, place: usize) {
        let leg = &attempt.legs[place];
        let money = cost::of(&self.rules, attempt, place).map_or(Amount::default(), |(_, amount)| amount);
        let whose = match leg.role {
            Role::Operator => Some(&leg.who),
            Role::Client => attempt.operator.as_ref(),
        };
        let (wait, talk) = match leg.role {
            Role::Operator => wait_and_talk(attempt, place),
            Role::Client => (Span::ZERO, Span::ZERO),
        };
        let key = self.key(&callback.line, &callback.marks, callback.opened, whose);
        self.add(key, |Tally { sums, .. }| {
            sums.wait = sums.wait + wait;
            sums.talk = sums.talk + talk;
            sums.cost += money;
            match leg.role {
                Role::Operator => sums.operator_cost += money,
                Role::Client => sums.client_cost += money,
            }
        });
    }

    /// The report. `since`, `until`: of what was added, for whoever reads it.
    pub fn finish(self, since: Option<Wall>, until: Option<Wall>) -> Report {
        let currency = self.rules.trunks.values().find_map(|trunk| Some(trunk.price.as_ref()?.currency.clone()));
        let rows = self.rows.into_iter().map(|(name, tally)| Row { name, totals: tally.finish() }).collect();
        Report { since, until, by: self.by, currency, rows, total: self.whole.finish() }
    }

    fn add(&mut self, key: Option<String>, add: impl Fn(&mut Tally)) {
        add(&mut self.whole);
        if let Some(key) = key {
            add(self.rows.entry(key).or_default());
        }
    }

    /// The row of a fact; `None` when nobody asks for rows. What came with the call wins over the line's own words.
    fn key(&self, line: &Name, marks: &Marks, at: Wall, operator: Option<&Name>) -> Option<String> {
        let or_of_line = |mark: &str, own: fn(&Line) -> &str| match (mark, self.rules.lines.get(line)) {
            ("", Some(line)) => own(line).to_owned(),
            (mark, _) => mark.to_owned(),
        };
        let local = |format| at.timestamp().to_zoned(self.zone.clone()).strftime(format).to_string();
        Some(match self.by? {
            By::Line => line.to_string(),
            By::Group => self.rules.lines.get(line).map_or(String::new(), |line| line.group.to_string()),
            By::Channel => or_of_line(&marks.channel, |line| &line.channel),
            By::Source => or_of_line(&marks.source, |line| &line.source),
            By::Campaign => or_of_line(&marks.campaign, |line| &line.campaign),
            By::Operator => operator.map_or(String::new(), |name| name.to_string()),
            By::Hour => local("%H"),
            By::Day => local("%Y-%m-%d"),
        })
    }
}

/// An operator's leg from its answer: before the client was there, and with the client.
fn wait_and_talk(attempt: &AttemptRecord, place: usize) -> (Span, Span) {
    let leg = &attempt.legs[place];
    let length = cost::length(attempt, leg);
    let joined = attempt.joined.filter(|_| attempt.operator.as_ref() == Some(&leg.who));
    match (leg.answered, joined) {
        (Some(answered), Some(joined)) => {
            let wait = joined.since(answered).min(length);
            (wait, Span(length.0 - wait.0))
        }
        _ => (length, Span::ZERO),
    }
}

/// So many of a thousand took no longer than this; `None`: there are none.
fn quantile(times: &BTreeMap<u64, u64>, per_mille: u64) -> Option<Span> {
    let wanted = (times.values().sum::<u64>() * per_mille).div_ceil(1000);
    let mut seen = 0;
    let found = times.iter().find(|(_, times)| {
        seen += **times;
        seen >= wanted
    });
    found.map(|(seconds, _)| Span::seconds(*seconds))
}

impl Tally {
    /// A call has left its queue.
    fn queued(&mut self, left: Left, waited: Span, in_time: Option<Span>) {
        let queue = &mut self.sums.queue;
        queue.calls += 1;
        queue.wait_longest = queue.wait_longest.max(Some(waited));
        *match left {
            Left::Served => &mut queue.served,
            Left::Abandoned => &mut queue.abandoned,
            Left::Short => &mut queue.short,
            Left::CallBack => &mut queue.call_back,
            Left::Closed => &mut queue.closed,
            Left::Key | Left::Nobody | Left::Full | Left::Late | Left::GivenBack => &mut queue.other,
        } += 1;
        if left == Left::Served {
            queue.in_time += u64::from(in_time.is_some_and(|in_time| waited <= in_time));
            *self.waits.entry(waited.0 / 1000).or_default() += 1;
            self.waited = self.waited + waited;
        }
    }

    fn finish(self) -> Totals {
        let Tally { mut sums, to_talk, waits, waited } = self;
        let share = (sums.recovered * 1000).checked_div(sums.closed);
        sums.recovered_per_mille = share;
        sums.to_talk_median = quantile(&to_talk, 500);
        sums.to_talk_worst = to_talk.keys().next_back().map(|seconds| Span::seconds(*seconds));
        let queue = &mut sums.queue;
        let counted = queue.calls - queue.short - queue.closed;
        queue.in_time_per_mille = (queue.in_time * 1000).checked_div(counted);
        queue.wait_mean = waited.0.checked_div(queue.served).map(Span);
        queue.wait_p90 = quantile(&waits, 900);
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::{
            money::{Amount, Price},
            record::{CallbackId, CallbackState, ChannelId, CloseReason, KnownBy, LegRecord, Origin},
            rules::{Line, Operator, Phone, Trunk},
        },
        sim::house::House,
    };

    /// 2027-01-15 08:00 UTC, so many seconds later.
    fn at(seconds: i64) -> Wall {
        Wall(1_800_000_000_000 + seconds * 1000)
    }

    /// 1.90 a started minute; anna's second phone is a mobile over the trunk.
    fn rules() -> Arc<Rules> {
        let mut rules = House::default().rules();
        let price = Price { per_minute: Amount(19_000), currency: "RUB".into(), billing: Span::seconds(60) };
        let trunk = Trunk { price: Some(price), ..(*rules.trunks["provider"]).clone() };
        rules.trunks.insert("provider".into(), Arc::new(trunk));
        let mut anna = Operator::clone(&rules.operators["anna"]);
        anna.phones.push(Phone { dial: "sofia/gateway/provider/79165550101".into(), user: "79165550101".into() });
        rules.operators.insert("anna".into(), Arc::new(anna));
        for (name, source) in [("site", "search"), ("shop", "print")] {
            let line = Line { source: source.to_owned(), campaign: String::new(), ..(*rules.lines[name]).clone() };
            rules.lines.insert(name.into(), Arc::new(line));
        }
        Arc::new(rules)
    }

    fn call(line: &str, arrived: i64, served_by: Option<(&str, u64)>) -> CallRecord {
        CallRecord {
            id: ChannelId::new("c"),
            switch: "main".into(),
            line: line.into(),
            number: None,
            name: String::new(),
            arrived: at(arrived),
            served: served_by.map(|_| at(arrived + 5)),
            operator: served_by.map(|(name, _)| name.into()),
            talk: Span::seconds(served_by.map_or(0, |(_, talk)| talk)),
            ended: Some(at(arrived + 200)),
            missed: Some(served_by.is_none()),
            cause: String::new(),
            callback: None,
            known_by: KnownBy::Event,
            queue: None,
            waited: Span::ZERO,
            previous: None,
            marks: Box::default(),
        }
    }

    fn story(line: &str, opened: i64, reason: Option<CloseReason>, attempts: Vec<AttemptRecord>) -> CallbackStory {
        let state = reason.map_or(CallbackState::Active, |reason| CallbackState::Closed { at: at(90_000), reason });
        let callback = CallbackRecord {
            id: CallbackId(1),
            number: "+79161234567".parse().unwrap(),
            name: String::new(),
            line: line.into(),
            origin: Origin::Missed { call: ChannelId::new("c") },
            opened: at(opened),
            last_miss: at(opened),
            misses: 1,
            state,
            due: at(opened),
            expires: at(opened),
            attempts: attempts.len() as u32,
            spent: 0,
            setbacks: 0,
            last: None,
            marks: Box::default(),
            wanted: false,
        };
        CallbackStory { callback, attempts }
    }

    fn attempt(operator: Option<&str>, joined: Option<i64>, legs: Vec<LegRecord>) -> AttemptRecord {
        AttemptRecord {
            job: CallbackId(1).into(),
            n: 1,
            switch: "main".into(),
            started: at(0),
            operator: operator.map(Into::into),
            legs,
            took: None,
            joined: joined.map(at),
            handed_to: None,
            recording: None,
            ended: None,
            outcome: None,
            cause: String::new(),
        }
    }

    fn leg(role: Role, who: &str, answered: Option<i64>, ended: Option<i64>) -> LegRecord {
        LegRecord {
            id: ChannelId::new("l"),
            role,
            who: who.into(),
            phone: (role == Role::Operator).then(|| "user/1001".into()),
            intended: at(0),
            ring: Span::seconds(20),
            answered: answered.map(at),
            ended: ended.map(at),
            cause: String::new(),
        }
    }

    /// A day, and a morning: three calls, five callbacks, five attempts.
    fn folded(by: Option<By>) -> Report {
        use Role::{Client, Operator};
        let mut fold = Fold::new(rules(), by, TimeZone::fixed(jiff::tz::offset(3)));
        for call in [call("site", 0, None), call("site", 10, Some(("boris", 120))), call("shop", 72_000, None)] {
            fold.call(&call);
        }
        // Her desk does not answer, her mobile does: 30 s of waiting, 65 s of talk; 95 s and 70 s are two minutes each.
        let mobile = LegRecord {
            phone: Some("sofia/gateway/provider/79165550101".into()),
            ..leg(Operator, "anna", Some(300), Some(395))
        };
        let over_mobile =
            vec![leg(Operator, "anna", None, Some(290)), mobile, leg(Client, "provider", Some(325), Some(395))];
        let busy =
            vec![leg(Operator, "boris", Some(72_300), Some(72_340)), leg(Client, "provider", None, Some(72_330))];
        // 65 s are two minutes.
        let reached = vec![
            leg(Operator, "boris", Some(72_600), Some(72_670)),
            leg(Client, "provider", Some(72_605), Some(72_670)),
        ];
        let alive = vec![leg(Operator, "anna", Some(500), None)];
        let again = CloseReason::ClientCalled { call: ChannelId::new("c") };
        for story in [
            story("site", 0, Some(CloseReason::Talked), vec![attempt(Some("anna"), Some(330), over_mobile)]),
            story(
                "shop",
                72_000,
                Some(CloseReason::Talked),
                vec![attempt(Some("boris"), None, busy), attempt(Some("boris"), Some(72_610), reached)],
            ),
            story("shop", 72_100, Some(again), vec![]),
            story("site", 100, None, vec![attempt(Some("anna"), None, alive)]),
            story("site", 200, Some(CloseReason::Expired), vec![attempt(None, None, vec![])]),
        ] {
            fold.story(&story);
        }
        fold.finish(None, None)
    }

    #[test]
    fn the_whole_is_what_the_hand_computes() {
        let report = folded(None);
        assert_eq!((report.rows.len(), report.currency.as_deref()), (0, Some("RUB")));
        let wanted = Totals {
            calls: 3,
            served: 1,
            missed: 2,
            call_talk: Span::seconds(120),
            callbacks: 5,
            closed: 4,
            recovered: 3,
            recovered_per_mille: Some(750),
            attempts: 5,
            wait: Span::seconds(30 + 40 + 10),
            talk: Span::seconds(65 + 60),
            to_talk_median: Some(Span::seconds(330)),
            to_talk_worst: Some(Span::seconds(610)),
            operator_cost: Amount(38_000),
            client_cost: Amount(76_000),
            cost: Amount(114_000),
            queue: Queue::default(),
        };
        assert_eq!(report.total, wanted);
    }

    /// Who waited how long in which group's queue, and how it ended.
    fn queued(arrived: i64, group: &str, waited: u64, left: Left) -> CallRecord {
        let queue = Queued {
            group: group.into(),
            since: at(arrived),
            rounds: 1,
            left: Some(left),
            voicemail: None,
            recording: None,
            handed_to: None,
            no_callback: false,
        };
        let served = (left == Left::Served).then_some(("anna", 60));
        CallRecord { waited: Span::seconds(waited), queue: Some(Box::new(queue)), ..call("site", arrived, served) }
    }

    #[test]
    fn the_service_level_leaves_out_the_short_and_those_who_came_while_the_line_was_shut() {
        let rules = rules();
        let group = rules.lines["site"].group.clone();
        assert_eq!(rules.lines["site"].queue.in_time, Span::seconds(20));
        let folded = |by| {
            let mut fold = Fold::new(rules.clone(), by, TimeZone::UTC);
            for (waited, left) in [
                (0, Left::Served),
                (20, Left::Served),
                (21, Left::Served),
                (300, Left::Abandoned),
                (2, Left::Short),
                (1, Left::Closed),
                (70, Left::CallBack),
                (90, Left::Late),
            ] {
                fold.call(&queued(0, &group, waited, left));
            }
            fold.call(&queued(3600, "nowhere", 5, Left::Served));
            fold.call(&call("site", 3600, None));
            fold.finish(None, None)
        };
        let row = folded(Some(By::Hour)).rows.remove(0);
        assert_eq!(
            row.totals.queue,
            Queue {
                calls: 8,
                served: 3,
                in_time: 2,
                in_time_per_mille: Some(333),
                abandoned: 1,
                short: 1,
                call_back: 1,
                closed: 1,
                other: 1,
                wait_mean: Some(Span(13_666)),
                wait_p90: Some(Span::seconds(21)),
                wait_longest: Some(Span::seconds(300)),
            }
        );
        let by_group = folded(Some(By::Group));
        let names: Vec<_> = by_group.rows.iter().map(|row| (row.name.as_str(), row.totals.queue.calls)).collect();
        assert_eq!(names, [("nowhere", 1), (&*group, 8)]);
        assert_eq!((by_group.total.queue.calls, by_group.rows[1].totals.calls), (9, 9));
        assert_eq!(by_group.rows[0].totals.queue.in_time, 0, "no line says what is in time there");
    }

    #[test]
    fn however_it_is_told_apart_the_rows_make_the_whole() {
        for (name, by) in By::ALL {
            let report = folded(Some(by));
            let sum = |of: fn(&Totals) -> u64| report.rows.iter().map(|row| of(&row.totals)).sum::<u64>();
            for of in [
                (|totals| totals.calls) as fn(&Totals) -> u64,
                |totals| totals.served,
                |totals| totals.missed,
                |totals| totals.call_talk.0,
                |totals| totals.callbacks,
                |totals| totals.closed,
                |totals| totals.recovered,
                |totals| totals.attempts,
                |totals| totals.wait.0,
                |totals| totals.talk.0,
                |totals| totals.operator_cost.0,
                |totals| totals.client_cost.0,
                |totals| totals.cost.0,
            ] {
                assert_eq!(sum(of), of(&report.total), "by {name}");
            }
            assert_eq!(report.total, folded(None).total, "by {name}");
        }
    }

    #[test]
    fn rows_are_named_by_what_is_asked_for() {
        for (by, names) in [
            (By::Line, vec!["shop", "site"]),
            (By::Source, vec!["print", "search"]),
            (By::Campaign, vec![""]),
            (By::Operator, vec!["", "anna", "boris"]),
            (By::Hour, vec!["07", "11"]),
            (By::Day, vec!["2027-01-15", "2027-01-16"]),
        ] {
            let report = folded(Some(by));
            assert_eq!(report.rows.iter().map(|row| &*row.name).collect::<Vec<_>>(), names);
        }
        let report = folded(Some(By::Operator));
        let [nobody, anna, boris] = [0, 1, 2].map(|n| &report.rows[n].totals);
        assert_eq!((nobody.calls, nobody.callbacks, nobody.attempts, nobody.cost), (2, 2, 1, Amount(0)));
        assert_eq!((anna.callbacks, anna.wait, anna.cost), (2, Span::seconds(30), Amount(76_000)));
        assert_eq!((boris.calls, boris.wait, boris.client_cost), (1, Span::seconds(50), Amount(38_000)));
        assert_eq!(boris.to_talk_worst, Some(Span::seconds(610)));
    }
}
