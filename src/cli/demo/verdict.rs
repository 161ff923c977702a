//! Did anything happen that must never happen? Judged at the end from what the telephones did and what the journal says.
//!
//! The clock runs fast and the machine may be slow, so nothing is held against the daemon that it could not have known for a
//! tenth of a second of life, or, around a stall that was measured, for twice that stall ([`Fairness`]).

use super::{Truth, summary::Rows};
use crate::{
    engine::{
        number::Number,
        record::{CallbackId, CallbackState, ChannelId, Role},
        time::{Mono, Now, Span},
    },
    sim::switch::{Outside, Party},
};
use std::collections::{BTreeMap, BTreeSet};

/// What is judged.
pub struct Judged<'a> {
    /// What the telephones did.
    pub truth: &'a Truth,
    /// The journal.
    pub rows: &'a Rows,
    /// What of outside texts was understood as a command.
    pub strange: &'a [String],
    /// Channels that are alive at the end.
    pub left: usize,
    /// States that the daemon itself held impossible.
    pub impossible: usize,
    /// The tracking window.
    pub track: Span,
    /// What the daemon could have known.
    pub fair: &'a Fairness,
}

/// How long something must have been so for the daemon to know it.
pub struct Fairness {
    /// On a machine that keeps up.
    pub least: Span,
    /// When the machine did not, each by its end, and for how long.
    pub stalls: Vec<(Mono, Span)>,
}

impl Fairness {
    /// At this moment: a stall excuses what happened in it and just after it, nothing else.
    fn at(&self, now: Mono) -> Span {
        let around = |&&(end, length): &&(Mono, Span)| {
            let twice = Span(2 * length.0);
            now <= end + twice + self.least && end <= now + length + self.least
        };
        let longest = self.stalls.iter().filter(around).map(|(_, length)| Span(2 * length.0)).max();
        longest.unwrap_or_default().max(self.least)
    }
}

/// A telephone in use.
struct Line {
    party: Party,
    since: Mono,
    hears: bool,
    talks: Option<(ChannelId, Mono)>,
}

/// What did not hold, a sentence each that begins with the invariant's name.
pub fn judge(judged: &Judged<'_>) -> Vec<String> {
    let mut found = telephones(judged);
    found.extend(journal(judged));
    if judged.left > 0 {
        found.push(format!("no_leg_past_its_cap: {} channels are alive at the end", judged.left));
    }
    if judged.impossible > 0 {
        found.push(format!("no_impossible_state: {} times", judged.impossible));
    }
    found.extend(judged.strange.iter().map(|text| format!("nothing_outside_in_a_command: {text}")));
    found
}

fn telephones(judged: &Judged<'_>) -> Vec<String> {
    let mut lines: BTreeMap<ChannelId, Line> = BTreeMap::new();
    let mut found = Vec::new();
    // Operators of ours who have left, and when: one who leaves while the client is being dialled could not be known of.
    let mut left: BTreeMap<CallbackId, Mono> = BTreeMap::new();
    let callers: BTreeMap<&ChannelId, &String> = judged.truth.calls.iter().map(|(id, number)| (id, number)).collect();
    for (now, happened) in &judged.truth.log {
        match happened {
            Outside::Invite { channel, party, .. } => {
                found.extend(invited(judged, &lines, &left, channel, party, *now));
                let line = Line { party: party.clone(), since: now.mono, hears: false, talks: None };
                lines.insert(channel.clone(), line);
            }
            Outside::Hears(id, _) | Outside::Music(id) => {
                if let Some(line) = lines.get_mut(id) {
                    line.hears = true;
                }
            }
            Outside::Talking(a, b) => {
                for (id, other) in [(a, b), (b, a)] {
                    // A caller's channel is first seen when it talks.
                    let party = callers.get(id).map_or(Party::User(String::new()), |n| Party::Number((*n).clone()));
                    let line =
                        lines.entry(id.clone()).or_insert(Line { party, since: now.mono, hears: false, talks: None });
                    if line.talks.as_ref().is_some_and(|(with, _)| with != other) {
                        found.push(format!("one_operator_per_client: {id} talks with two"));
                    }
                    line.talks = Some((other.clone(), now.mono));
                }
            }
            Outside::Alone(id) => {
                if let Some(line) = lines.get_mut(id) {
                    line.talks = None;
                }
            }
            Outside::Gone(id, _) => {
                lines.remove(id);
                if let Some((Role::Operator, callback)) = judged.rows.leg(id) {
                    left.insert(callback, now.mono);
                }
            }
            Outside::Calls { .. } | Outside::Answered(_) | Outside::Pressed(..) | Outside::Silence(_) => {}
            Outside::Beeps(_) | Outside::Recorded(..) => {}
            Outside::Greets(_) | Outside::Comes(_) => {}
        }
    }
    found
}

/// A telephone is called. Was it right, if it was we who called?
fn invited(
    judged: &Judged<'_>,
    lines: &BTreeMap<ChannelId, Line>,
    left: &BTreeMap<CallbackId, Mono>,
    id: &ChannelId,
    party: &Party,
    now: Now,
) -> Vec<String> {
    let Some((role, callback)) = judged.rows.leg(id) else { return Vec::new() };
    let fair = judged.fair.at(now.mono);
    let known = |since: Mono| since + fair <= now.mono;
    let same = || lines.values().filter(|line| line.party == *party);
    let mut found = Vec::new();
    match role {
        Role::Client => {
            let ours = |other: &&ChannelId| judged.rows.leg(other).is_some_and(|(role, _)| role == Role::Client);
            if lines.iter().filter(|(_, line)| line.party == *party).any(|(other, _)| ours(&other)) {
                found.push(format!("one_client_leg_per_number: callback {callback}"));
            }
            let operator = |(other, line): (&ChannelId, &Line)| {
                (line.hears || line.talks.is_some()) && judged.rows.leg(other) == Some((Role::Operator, callback))
            };
            let just_left = left.get(&callback).is_some_and(|at| !known(*at));
            if !just_left && !lines.iter().any(operator) {
                found.push(format!("operator_before_client: callback {callback}"));
            }
            if same().any(|line| line.talks.as_ref().is_some_and(|(_, since)| known(*since))) {
                found.push(format!("no_dial_after_got_through: callback {callback}"));
            }
        }
        Role::Operator => {
            if same().any(|line| known(line.since)) {
                found.push(format!("never_more_callbacks_than_free_operators: callback {callback}"));
            }
            if judged.rows.opened(callback).is_some_and(|opened| now.wall + fair < opened + judged.track) {
                found.push(format!("no_dial_within_the_window: callback {callback}"));
            }
        }
    }
    found
}

fn journal(judged: &Judged<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let talked: BTreeSet<&ChannelId> = judged
        .truth
        .log
        .iter()
        .filter_map(|(_, happened)| match happened {
            Outside::Talking(a, b) => Some([a, b]),
            _ => None,
        })
        .flatten()
        .collect();
    for (id, number) in judged.truth.calls.iter().filter(|(id, _)| !talked.contains(id)) {
        let row = judged.rows.journal.iter().find(|row| row.call.as_ref().is_some_and(|call| call.id == *id));
        match row {
            None => found.push(format!("no_missed_call_lost: call {id} is not in the journal")),
            Some(row) if row.callback.is_none() && Number::parse(number, "RU").is_ok() => {
                found.push(format!("no_missed_call_lost: call {id} has no callback"));
            }
            Some(_) => {}
        }
    }
    for story in &judged.rows.stories {
        let id = story.callback.id;
        if !matches!(story.callback.state, CallbackState::Closed { .. }) {
            found.push(format!("every_miss_ends: callback {id} is open at the end"));
        }
        if story.attempts.iter().any(|attempt| attempt.ended.is_none() || attempt.outcome.is_none()) {
            found.push(format!("no_row_without_reason: an attempt of callback {id} has no outcome"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::{
            record::{AttemptRecord, CallbackRecord, CloseReason, LegRecord, Origin, Outcome},
            time::Wall,
        },
        store::CallbackStory,
    };

    const CLIENT: &str = "79161234567";

    fn leg(id: &str, role: Role) -> LegRecord {
        let (ring, cause) = (Span::seconds(20), String::new());
        let (id, who, intended) = (ChannelId::new(id), "x".into(), Wall(0));
        LegRecord { id, role, who, phone: None, intended, ring, answered: None, ended: None, cause }
    }

    /// A callback that was opened at 0, with two operators' and two clients' legs, over and done with.
    fn rows() -> Rows {
        let legs = [("o1", Role::Operator), ("o2", Role::Operator), ("c1", Role::Client), ("c2", Role::Client)];
        let attempt = AttemptRecord {
            job: CallbackId(1).into(),
            n: 1,
            switch: "main".into(),
            started: Wall(0),
            operator: None,
            legs: legs.map(|(id, role)| leg(id, role)).into(),
            took: None,
            joined: None,
            handed_to: None,
            recording: None,
            ended: Some(Wall(1)),
            outcome: Some(Outcome::Talked),
            cause: String::new(),
        };
        let callback = CallbackRecord {
            id: CallbackId(1),
            number: "+79161234567".parse().unwrap(),
            name: String::new(),
            line: "site".into(),
            origin: Origin::ByHand { by: "olga".into() },
            opened: Wall(0),
            last_miss: Wall(0),
            misses: 1,
            state: CallbackState::Closed { at: Wall(1), reason: CloseReason::Talked },
            due: Wall(0),
            expires: Wall(1),
            attempts: 1,
            spent: 1,
            setbacks: 0,
            last: Some(Outcome::Talked),
            marks: Box::default(),
            wanted: false,
        };
        Rows::new(Vec::new(), vec![CallbackStory { callback, attempts: vec![attempt] }])
    }

    fn invite(id: &str, party: Party) -> Outside {
        let (shown, name, variables) = Default::default();
        Outside::Invite { channel: ChannelId::new(id), party, shown, name, variables }
    }

    fn operator(id: &str) -> Outside {
        invite(id, Party::User("1001".into()))
    }

    fn client(id: &str) -> Outside {
        invite(id, Party::Number(CLIENT.into()))
    }

    fn hears(id: &str) -> Outside {
        Outside::Hears(ChannelId::new(id), "Missed call.".into())
    }

    fn talking(a: &str, b: &str) -> Outside {
        Outside::Talking(ChannelId::new(a), ChannelId::new(b))
    }

    /// The names of what did not hold; things happen a minute apart, the first after ten minutes.
    fn broken(rows: &Rows, happened: Vec<Outside>, calls: &[&str]) -> Vec<String> {
        let at = |n: usize| (10 + n as u64) * 60_000;
        let log = happened.into_iter().enumerate();
        let log = log.map(|(n, it)| (Now { wall: Wall(at(n) as i64), mono: Mono(at(n)) }, it)).collect();
        let calls = calls.iter().map(|id| (ChannelId::new(id), CLIENT.to_owned())).collect();
        let truth = Truth { log, calls };
        let fair = Fairness { least: Span::seconds(24), stalls: Vec::new() };
        let track = Span::minutes(3);
        let judged = Judged { truth: &truth, rows, strange: &[], left: 0, impossible: 0, track, fair: &fair };
        judge(&judged).iter().map(|text| text.split(':').next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn a_callback_as_it_ought_to_be_breaks_nothing() {
        let happened = vec![operator("o1"), hears("o1"), client("c1"), talking("o1", "c1")];
        assert_eq!(broken(&rows(), happened, &[]), [""; 0]);
    }

    #[test]
    fn each_rule_about_telephones_can_be_broken() {
        for (rule, happened) in [
            ("operator_before_client", vec![operator("o1"), client("c1")]),
            ("one_client_leg_per_number", vec![operator("o1"), hears("o1"), client("c1"), client("c2")]),
            ("never_more_callbacks_than_free_operators", vec![operator("o1"), operator("o2")]),
            (
                "one_operator_per_client",
                vec![operator("o1"), hears("o1"), client("c1"), talking("o1", "c1"), talking("o2", "c1")],
            ),
        ] {
            assert_eq!(broken(&rows(), happened, &[]), [rule]);
        }
        let own_call = vec![talking("call", "desk"), operator("o1"), hears("o1"), client("c1")];
        assert_eq!(broken(&rows(), own_call, &["call"]), ["no_dial_after_got_through"]);
        let mut late = rows();
        late.stories[0].callback.opened = Wall(9 * 60_000);
        assert_eq!(broken(&late, vec![operator("o1")], &[]), ["no_dial_within_the_window"]);
    }

    #[test]
    fn each_rule_about_the_journal_can_be_broken() {
        assert_eq!(broken(&rows(), Vec::new(), &["lost"]), ["no_missed_call_lost"]);
        let mut open = rows();
        open.stories[0].callback.state = CallbackState::Waiting;
        open.stories[0].attempts[0].outcome = None;
        assert_eq!(broken(&open, Vec::new(), &[]), ["every_miss_ends", "no_row_without_reason"]);
        let (truth, rows, strange) = (Truth::default(), rows(), ["system(id)".to_owned()]);
        let fair = Fairness { least: Span::ZERO, stalls: Vec::new() };
        let track = Span::minutes(3);
        let judged =
            Judged { truth: &truth, rows: &rows, strange: &strange, left: 2, impossible: 1, track, fair: &fair };
        assert_eq!(judge(&judged).len(), 3, "channels left, an impossible state, a text that was run");
    }

    #[test]
    fn a_stall_excuses_what_happened_around_it_and_nothing_else() {
        let (least, minute) = (Span::seconds(24), |n: u64| Mono(n * 60_000));
        let fair = Fairness { least, stalls: vec![(minute(30), Span::minutes(1))] };
        assert_eq!(fair.at(minute(30)), Span::minutes(2));
        assert_eq!(fair.at(minute(32)), Span::minutes(2));
        assert_eq!((fair.at(minute(25)), fair.at(minute(35))), (least, least));
    }
}
