//! People with telephones: clients who call, wait, give up and are called; operators who answer, or do not.
//!
//! What a person does follows from a habit and from chance that repeats. People hear only what a telephone tells them
//! ([`Outside`]) and do only what one lets them ([`Act`]).

use super::{
    random::Random,
    switch::{Act, Caller, Outside, Party, PretendSwitch},
};
use crate::engine::{
    input::Direction,
    record::ChannelId,
    time::{Mono, Now, Span},
};
use std::collections::{BTreeMap, VecDeque};

/// How long somebody who hears nothing stays on the line.
const SILENCE: Span = Span::seconds(20);
/// How long it takes to notice that the other one is gone, and to put the phone down.
const NOTICES: Span = Span::seconds(2);

/// How long a machine speaks before its beep.
const GREETING: Span = Span::seconds(6);

/// What a phone that is rung does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Somebody answers after so long.
    Answers(Span),
    /// Somebody answers after so long, hears what is said for this long and puts the phone down.
    HangsUp(Span, Span),
    /// Nobody does; it rings.
    Ignores,
    /// It is refused with this SIP status: 486 busy, 603 declined, 404 no such number, 503 out of order.
    Refuses(u16),
    /// It sends sound before it rings out: a gateway's "please wait", and nobody answers.
    EarlyMedia,
    /// A machine answers.
    Machine,
    /// An office exchange answers at once, with a greeting; the person comes after so long. Until then nobody hears what is
    /// said.
    Exchange(Span),
}

/// How a person is.
#[derive(Clone, Debug)]
pub struct Habit {
    /// What the phone does each time that it is rung; the last one stays.
    pub reactions: VecDeque<Reaction>,
    /// How long the person talks.
    pub talks: Span,
    /// The key that is pressed so long after an answer.
    pub presses: Option<(Span, char)>,
    /// After so long a talk, the first one, the other is handed on to this user's phone.
    pub hands_on: Option<(Span, u16)>,
    /// How many calls the phone takes at once: a person's takes one.
    pub calls: u32,
}

impl Habit {
    /// Always the same.
    pub fn always(reaction: Reaction) -> Habit {
        Habit {
            reactions: VecDeque::from([reaction]),
            talks: Span::seconds(60),
            presses: None,
            hands_on: None,
            calls: 1,
        }
    }

    /// The same, talking so long.
    pub fn talking(mut self, talks: Span) -> Habit {
        self.talks = talks;
        self
    }

    /// The same, pressing this key so long after an answer.
    pub fn pressing(mut self, after: Span, key: char) -> Habit {
        self.presses = Some((after, key));
        self
    }

    fn next(&mut self) -> Reaction {
        match self.reactions.len() {
            0 | 1 => self.reactions.front().copied().unwrap_or(Reaction::Ignores),
            _ => self.reactions.pop_front().unwrap_or(Reaction::Ignores),
        }
    }
}

/// One thing that a person is about to do.
#[derive(Clone, Debug)]
enum Intent {
    Act(ChannelId, Act),
    /// The exchange answers; the person comes after so long.
    Greet(ChannelId, Span),
    Come(ChannelId),
    /// Only if nobody talks with them by then.
    GiveUp(ChannelId),
    /// Only if the talk is still this one.
    EndTalk(ChannelId, u64),
    /// The same: the other one is handed on.
    HandOn(ChannelId, u64, u16),
}

/// A telephone in use.
#[derive(Clone, Debug)]
struct Line {
    party: Party,
    talks: bool,
    /// Counts the talks and silences of this line, so that what was planned in one does not happen in another.
    turn: u64,
}

/// Everybody with a telephone.
#[derive(Clone, Debug)]
pub struct People {
    random: Random,
    habits: BTreeMap<Party, Habit>,
    lines: BTreeMap<ChannelId, Line>,
    /// How many of those each person has.
    busy: BTreeMap<Party, usize>,
    plans: BTreeMap<(Mono, u64), Intent>,
    last_plan: u64,
    outside: Vec<Outside>,
}

impl People {
    /// Nobody yet: whoever is not described answers after a few seconds and talks for a minute.
    pub fn new(seed: u64) -> People {
        People {
            random: Random::new(seed),
            habits: BTreeMap::new(),
            lines: BTreeMap::new(),
            busy: BTreeMap::new(),
            plans: BTreeMap::new(),
            last_plan: 0,
            outside: Vec::new(),
        }
    }

    /// Says how somebody is.
    pub fn habit(&mut self, who: Party, habit: Habit) {
        self.habits.insert(who, habit);
    }

    /// Is this person on the phone (or is it ringing), with as many as it takes?
    pub fn is_busy(&self, who: &Party) -> bool {
        let takes = self.habits.get(who).map_or(1, |habit| habit.calls as usize);
        self.busy.get(who).copied().unwrap_or(0) >= takes
    }

    /// Does this person talk with somebody?
    pub fn talks(&self, who: &Party) -> bool {
        self.lines.values().any(|line| line.party == *who && line.talks)
    }

    /// Somebody calls, and waits so long for somebody to talk with.
    pub fn call(&mut self, switch: &mut PretendSwitch, caller: &Caller, patience: Span, now: Now) -> ChannelId {
        let id = switch.call_in(caller, now);
        let party = match &caller.user {
            Some(user) => Party::User(user.clone()),
            None => Party::Number(caller.number.clone()),
        };
        self.take_up(&id, party);
        self.plan(now.mono + patience, Intent::GiveUp(id.clone()));
        id
    }

    /// Somebody puts the phone down now, whatever they do with it.
    pub fn hang_up(&mut self, who: &Party, switch: &mut PretendSwitch, now: Now) {
        let ids: Vec<ChannelId> =
            self.lines.iter().filter(|(_, line)| line.party == *who).map(|(id, _)| id.clone()).collect();
        ids.iter().for_each(|id| switch.act(id, Act::Hangup, now));
    }

    /// Somebody who is on the phone presses a key.
    pub fn press_now(&mut self, who: &Party, key: char, switch: &mut PretendSwitch, now: Now) {
        let ids: Vec<ChannelId> =
            self.lines.iter().filter(|(_, line)| line.party == *who).map(|(id, _)| id.clone()).collect();
        ids.iter().for_each(|id| switch.act(id, Act::Press(key), now));
    }

    /// When [`People::tick`] is wanted next.
    pub fn next_deadline(&self) -> Option<Mono> {
        self.plans.keys().next().map(|(at, _)| *at)
    }

    /// Does what is due by now.
    pub fn tick(&mut self, switch: &mut PretendSwitch, now: Now) {
        while let Some(entry) = self.plans.first_entry().filter(|entry| entry.key().0 <= now.mono) {
            match entry.remove() {
                Intent::Act(id, act) => switch.act(&id, act, now),
                Intent::Greet(id, comes) => {
                    if self.lines.contains_key(&id) {
                        self.outside.push(Outside::Greets(id.clone()));
                        switch.act(&id, Act::Answer, now);
                        self.plan(now.mono + comes, Intent::Come(id));
                    }
                }
                Intent::Come(id) => {
                    if self.lines.contains_key(&id) {
                        self.outside.push(Outside::Comes(id));
                    }
                }
                Intent::GiveUp(id) => {
                    if self.lines.get(&id).is_some_and(|line| !line.talks && line.turn == 0) {
                        switch.act(&id, Act::Hangup, now);
                    }
                }
                Intent::HandOn(id, turn, user) => {
                    if self.lines.get(&id).is_some_and(|line| line.turn == turn) {
                        switch.act(&id, Act::Refer(user), now);
                    }
                }
                Intent::EndTalk(id, turn) => {
                    if self.lines.get(&id).is_some_and(|line| line.turn == turn) {
                        switch.act(&id, Act::Hangup, now);
                    }
                }
            }
        }
    }

    /// What people did that no telephone tells the switch, since the last time.
    pub fn outside(&mut self) -> Vec<Outside> {
        std::mem::take(&mut self.outside)
    }

    /// Hears what the switch did to a telephone.
    pub fn hear(&mut self, happened: &Outside, switch: &PretendSwitch, now: Now) {
        match happened {
            Outside::Invite { channel, party, .. } => self.rung(channel, party, now),
            Outside::Talking(a, b) => self.talk(a, b, now),
            Outside::Alone(id) => self.alone(id, now),
            Outside::Gone(id, _) => self.put_down(id),
            Outside::Music(id) => self.waits_on(id, now.mono),
            Outside::Calls { .. }
            | Outside::Answered(_)
            | Outside::Pressed(..)
            | Outside::Hears(..)
            | Outside::Beeps(_)
            | Outside::Recorded(..)
            | Outside::Silence(_) => {}
            Outside::Greets(_) | Outside::Comes(_) => {}
        }
        // A leg of ours that nobody talks on for long is put down by whoever answered it.
        if let Outside::Silence(id) = happened
            && switch.channel(id).is_some_and(|channel| channel.direction == Direction::Outbound)
            && let Some(turn) = self.lines.get(id).filter(|line| !line.talks).map(|line| line.turn)
        {
            self.plan(now.mono + SILENCE + SILENCE, Intent::EndTalk(id.clone(), turn));
        }
    }

    fn take_up(&mut self, id: &ChannelId, party: Party) {
        *self.busy.entry(party.clone()).or_default() += 1;
        self.lines.insert(id.clone(), Line { party, talks: false, turn: 0 });
    }

    fn put_down(&mut self, id: &ChannelId) {
        let Some(line) = self.lines.remove(id) else { return };
        if let Some(busy) = self.busy.get_mut(&line.party) {
            *busy -= 1;
            if *busy == 0 {
                self.busy.remove(&line.party);
            }
        }
    }

    fn rung(&mut self, id: &ChannelId, party: &Party, now: Now) {
        let busy = self.is_busy(party);
        self.take_up(id, party.clone());
        let reaction = match (busy, self.habits.get_mut(party)) {
            // Who is on the phone is busy to the rest of the world.
            (true, _) => Reaction::Refuses(486),
            (_, Some(habit)) => habit.next(),
            _ => Reaction::Answers(Span(self.random.between(1000, 6000))),
        };
        let ring = Span(self.random.between(20, 400));
        let at = now.mono + ring;
        let act = |act| Intent::Act(id.clone(), act);
        match reaction {
            Reaction::Refuses(status) => return self.plan(at, act(Act::Reject(status))),
            Reaction::EarlyMedia => return self.plan(at, act(Act::EarlyMedia)),
            _ => self.plan(at, act(Act::Ring)),
        }
        match reaction {
            Reaction::Answers(after) => {
                self.plan(at + after, act(Act::Answer));
                self.press(id, party, at + after);
                self.plan(at + after + SILENCE + SILENCE, Intent::GiveUp(id.clone()));
            }
            Reaction::HangsUp(after, hears) => {
                self.plan(at + after, act(Act::Answer));
                self.plan(at + after + hears, act(Act::Hangup));
            }
            Reaction::Machine => {
                self.plan(at + Span::seconds(15), act(Act::Answer));
                self.plan(at + Span::seconds(15) + GREETING, act(Act::Beep));
                self.plan(at + Span::seconds(75), act(Act::Hangup));
            }
            Reaction::Exchange(comes) => {
                self.plan(at, Intent::Greet(id.clone(), comes));
                self.press(id, party, at + comes);
                self.plan(at + comes + SILENCE + SILENCE, Intent::GiveUp(id.clone()));
            }
            Reaction::Ignores | Reaction::Refuses(_) | Reaction::EarlyMedia => {}
        }
    }

    /// Who is there since then will press the key of their habit.
    fn press(&mut self, id: &ChannelId, party: &Party, there: Mono) {
        if let Some((later, key)) = self.habits.get(party).and_then(|habit| habit.presses) {
            self.plan(there + later, Intent::Act(id.clone(), Act::Press(key)));
        }
    }

    /// The two talk; the one with fewer words to say ends it.
    fn talk(&mut self, a: &ChannelId, b: &ChannelId, now: Now) {
        let mut shortest: Option<(Span, ChannelId, u64)> = None;
        for id in [a, b] {
            let Some(line) = self.lines.get_mut(id) else { continue };
            line.talks = true;
            line.turn += 1;
            let (turn, party) = (line.turn, line.party.clone());
            if let Some((after, user)) = self.habits.get_mut(&party).and_then(|habit| habit.hands_on.take()) {
                self.plan(now.mono + after, Intent::HandOn(id.clone(), turn, user));
            }
            let talks = match self.habits.get(&party) {
                Some(habit) => habit.talks,
                None => Span(self.random.between(30_000, 90_000)),
            };
            if shortest.as_ref().is_none_or(|(span, ..)| talks < *span) {
                shortest = Some((talks, id.clone(), turn));
            }
        }
        if let Some((span, id, turn)) = shortest {
            self.plan(now.mono + span, Intent::EndTalk(id, turn));
        }
    }

    fn alone(&mut self, id: &ChannelId, now: Now) {
        if let Some(line) = self.lines.get_mut(id) {
            line.talks = false;
            line.turn += 1;
            let turn = line.turn;
            self.plan(now.mono + NOTICES, Intent::EndTalk(id.clone(), turn));
        }
    }

    /// Who is left alone and hears that it goes on waits a while before the phone is put down.
    fn waits_on(&mut self, id: &ChannelId, now: Mono) {
        let Some(line) = self.lines.get_mut(id).filter(|line| line.turn > 0 && !line.talks) else { return };
        line.turn += 1;
        let turn = line.turn;
        self.plan(now + SILENCE + SILENCE, Intent::EndTalk(id.clone(), turn));
    }

    fn plan(&mut self, at: Mono, intent: Intent) {
        self.last_plan += 1;
        self.plans.insert((at, self.last_plan), intent);
    }
}
