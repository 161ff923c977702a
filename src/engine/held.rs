//! The client first: a client is dialled while an operator is kept free for them, and waits on the line until one is there.
//!
//! | the client hears | becomes | when |
//! |---|---|---|
//! | (it rings) | the announcement | the client's leg is answered and parked; operators begin to be rung |
//! | (it rings) | music | the same, and the line announces nothing |
//! | the announcement | music | it is over, and no operator is there yet |
//! | music | music | it is over: from its beginning |
//! | music | a ringing tone | it cannot be played |
//! | any of these | an operator | one has answered and heard who waits, and the client has heard the announcement |
//! | any of these | the goodbye | the wait is over, or everybody was rung in vain, or the client pressed the key for later |
//! | the goodbye | (over) | it is said |
//!
//! Who waits so comes before callbacks that are still to be dialled. The operators' side is that of `attempt`.

use super::{
    Name,
    attempt::{Attempt, CALLER_PARK, LONGEST_PARTING, LONGEST_WORDS, MARGIN, Stage},
    effect::{AlarmKind, Effect, HangupCause},
    machine::{Cx, Engine, hash_uuid},
    operator::State,
    record::{CallbackId, Job, Outcome, Role},
    rules::Redial,
    time::{Mono, Now, Span},
};
use std::sync::Arc;
use uuid::Uuid;

/// What the hash that decides who is dialled without an operator is told from others by.
const WITHOUT_OPERATOR: u64 = 0x6e6f_626f_6479;
/// Music that is over sooner was none: it cannot be played.
const NO_MUSIC: Span = Span::seconds(1);

/// What a client hears who was there before an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hears {
    Words,
    /// Since then.
    Music(Mono),
    Tone,
}

/// A client who waits on the line for an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub hears: Hears,
    /// To know the end of it by.
    pub token: Uuid,
    /// How long the client waits.
    pub until: Mono,
}

impl Attempt {
    /// Does a client wait for whom no operator rings or is there?
    fn waits_alone(&self) -> bool {
        self.held.is_some() && self.stage == Stage::Ringing && !self.anybody_rings()
    }

    fn waits(&self) -> Span {
        self.line.redial.client_first.as_ref().map_or(Span::ZERO, |first| first.wait)
    }
}

impl Engine {
    /// Keeps an operator free for the client who is about to be dialled; is there one?
    pub(super) fn keep_an_operator(&mut self, at: &mut Attempt, now: Now) -> bool {
        self.let_go_of_kept(at);
        let next = self.who_next(&at.line.group, at.id(), &[], now);
        let Some(name) = next.first().map(|operator| operator.name.clone()) else { return false };
        if let Some(state) = self.operators.get_mut(&name) {
            state.reserved.push(at.id());
        }
        at.kept = Some(name);
        true
    }

    /// May this attempt ring the client though nobody is free? Chance decides, the same for one attempt whenever it is asked.
    pub(super) fn may_go_without(&self, id: CallbackId, attempt: u32, redial: &Redial) -> bool {
        let share = redial.client_first.as_ref().map_or(0, |first| first.without_operator);
        share > 0
            && hash_uuid(self.seed, id.0, u64::from(attempt), WITHOUT_OPERATOR).as_u128() % 100 < u128::from(share)
    }

    /// May the client be rung: an operator is kept free for them, or they are one of those who are dialled without?
    pub(super) fn keep_or_go_without(&mut self, at: &mut Attempt, now: Now) -> bool {
        let callback = at.id().callback();
        self.keep_an_operator(at, now)
            || callback.is_some_and(|id| self.may_go_without(id, at.record.n, &at.line.redial))
    }

    /// Somebody else has taken an operator who was kept: another is kept, if there is one, before anybody else is dialled.
    pub(super) fn keep_others(&mut self, group: &Name, now: Now) {
        let rung = |at: &Attempt| at.client_first && at.line.group == *group && at.stage == Stage::Dialling;
        let has = |at: &Attempt| {
            let kept = at.kept.as_ref().and_then(|name| self.operators.get(name));
            at.winner.is_some() || kept.is_some_and(State::keeps_all)
        };
        let without = self.attempts.values().filter(|at| rung(at) && !has(at)).map(|at| at.id());
        for id in without.collect::<Vec<_>>() {
            if let Some(mut at) = self.attempts.remove(&id) {
                self.keep_an_operator(&mut at, now);
                self.attempts.insert(id, at);
            }
        }
    }

    pub(super) fn let_go_of_kept(&mut self, at: &mut Attempt) {
        if let Some(name) = at.kept.take() {
            self.release(&name, at.id());
        }
    }

    /// How long a client who is dialled first may be parked: every step of the wait at its longest.
    pub(super) fn longest_hold(&self, at: &Attempt) -> Span {
        let operators = self.rules.groups.get(&at.line.group).into_iter().flat_map(|group| &group.operators);
        let delays = operators.filter_map(|member| self.rules.operators.get(&member.name)).map(|o| o.answer.delay());
        at.waits() + LONGEST_WORDS + LONGEST_WORDS + LONGEST_PARTING + delays.max().unwrap_or(Span::ZERO) + MARGIN
    }

    /// The client is there: they hear why we call, and operators are rung.
    pub(super) fn hold(&mut self, at: &mut Attempt, leg: usize, cx: &mut Cx) {
        let later = at.line.redial.keys.later;
        at.facts.key = later.map_or_else(String::new, |key| key.sign().to_string());
        let until = cx.now.mono + at.waits();
        let token = match at.line.redial.announce_client.clone() {
            Some(template) => self.say(at, leg, template, cx),
            None => self.token(),
        };
        at.held = Some(Held { hears: Hears::Words, token, until });
        if at.line.redial.announce_client.is_none() {
            self.play(at, leg, cx);
        }
        self.let_go_of_kept(at);
        self.ring_next(at, Outcome::OperatorUnavailable, cx);
    }

    /// A client is found waiting after a time in which nothing was heard of them.
    pub(super) fn hold_on(&mut self, at: &mut Attempt, leg: usize, cx: &mut Cx) {
        self.let_go_of_kept(at);
        let until = at.held.map_or(cx.now.mono + at.waits(), |held| held.until.max(cx.now.mono));
        at.held = Some(Held { hears: Hears::Words, token: Uuid::nil(), until });
        self.hush(at, leg, cx);
        self.play(at, leg, cx);
        match at.anybody_rings() {
            true => at.goes(Stage::Ringing, until),
            false => self.ring_next(at, Outcome::OperatorUnavailable, cx),
        }
    }

    /// Music, from its beginning; where that is no music, a tone.
    pub(super) fn play(&mut self, at: &mut Attempt, leg: usize, cx: &mut Cx) {
        let Some(held) = at.held else { return };
        let what = at.line.redial.client_first.as_ref().map(|first| first.music.clone());
        match (what, held.hears) {
            (_, Hears::Music(since)) if cx.now.mono.since(since) < NO_MUSIC => {
                self.play_tone(at, leg, "it ends at once", cx)
            }
            (Some(what), _) => {
                let token = self.token();
                at.held = Some(Held { hears: Hears::Music(cx.now.mono), token, ..held });
                let (switch, leg) = (at.record.switch.clone(), at.record.legs[leg].id.clone());
                cx.effect(Effect::Music { switch, leg, token, what });
            }
            (None, _) => self.play_tone(at, leg, "the line has none", cx),
        }
    }

    fn play_tone(&mut self, at: &mut Attempt, leg: usize, why: &str, cx: &mut Cx) {
        cx.alarm(AlarmKind::Limit, format!("line {}: the music cannot be played: {why}", at.line.name));
        at.held = at.held.map(|held| Held { hears: Hears::Tone, token: Uuid::nil(), ..held });
        cx.effect(Effect::Ringback { switch: at.record.switch.clone(), leg: at.record.legs[leg].id.clone() });
    }

    /// What the waiting client heard is over.
    pub(super) fn held_heard(&mut self, at: &mut Attempt, cx: &mut Cx) {
        match (at.stage, at.client()) {
            // The operator is there already, and waited for just that.
            (Stage::Greeting(_), _) => self.join(at, cx),
            (Stage::Ringing | Stage::Waiting | Stage::Announcing(_), Some(leg)) => self.play(at, leg, cx),
            _ => {}
        }
    }

    /// The switch refuses to say or to play it.
    pub(super) fn held_refused(&mut self, at: &mut Attempt, leg: usize, text: &str, cx: &mut Cx) {
        match at.held.map(|held| held.hears) {
            Some(Hears::Words) => self.held_heard(at, cx),
            Some(Hears::Music(_)) => self.play_tone(at, leg, text, cx),
            Some(Hears::Tone) | None => {}
        }
    }

    /// An operator has heard who waits: they are joined, once the client has heard why we call.
    pub(super) fn join_held(&mut self, at: &mut Attempt, cx: &mut Cx) {
        match at.held {
            Some(Held { hears: Hears::Words, token, .. }) if !token.is_nil() => {
                at.goes(Stage::Greeting(Some(token)), cx.now.mono + LONGEST_WORDS);
            }
            _ => self.join(at, cx),
        }
    }

    /// The operator who was there is gone, and the client still waits.
    pub(super) fn held_again(&mut self, at: &mut Attempt, otherwise: Outcome, cx: &mut Cx) {
        // What they heard may have been ended by the attempt to join them.
        if let (Stage::Joining, Some(leg)) = (at.stage, at.client()) {
            self.play(at, leg, cx);
        }
        self.ring_next(at, otherwise, cx);
    }

    /// Nobody may be rung now: the client waits on, as long as there is somebody who was not rung in vain.
    pub(super) fn nobody_yet(&mut self, at: &mut Attempt, cx: &mut Cx) {
        let Some(until) = at.held.map(|held| held.until) else { return };
        let group = self.rules.groups.get(&at.line.group);
        let somebody = group.is_some_and(|group| group.operators.iter().any(|member| !at.tried.contains(&member.name)));
        if !somebody || until <= cx.now.mono {
            return self.excuse(at, Outcome::OperatorUnavailable, "no operator came in time", cx);
        }
        at.winner = None;
        at.goes(Stage::Ringing, until);
    }

    /// Somebody of this group is free: clients who wait for that come first, the longest waiting before the others.
    pub(super) fn ring_for_held(&mut self, group: &Name, cx: &mut Cx) {
        let waits = self.attempts.values().filter(|at| at.line.group == *group && at.waits_alone());
        let mut held: Vec<(Mono, Job)> = waits.filter_map(|at| Some((at.held?.until, at.id()))).collect();
        held.sort_unstable();
        for (_, id) in held {
            self.with_attempt(id, cx, |engine, at, cx| engine.ring_next(at, Outcome::OperatorUnavailable, cx));
        }
    }

    /// The waiting client wants to be called later.
    pub(super) fn postpone(&mut self, at: &mut Attempt, cx: &mut Cx) {
        self.excuse(at, Outcome::Postponed, "the client asks to be called later", cx);
    }

    /// The client, for whom nobody is there, hears a goodbye before being hung up. A client who is gone hears none.
    pub(super) fn excuse(&mut self, at: &mut Attempt, outcome: Outcome, cause: &str, cx: &mut Cx) {
        let goodbye = at.line.redial.client_first.as_ref().map(|first| first.goodbye.clone());
        let client = at.client().filter(|&leg| at.is_answered(leg));
        let (Some(goodbye), Some(client)) = (goodbye, client) else { return self.decide(at, outcome, cause, cx) };
        self.say_and_leave(at, client, goodbye, outcome, cause, cx);
    }

    /// A machine has beeped: the operator is let go (by `hangup_after_bridge`), and the words are left there once it is parked.
    pub(super) fn leave_words(&mut self, at: &mut Attempt, leg: usize, cx: &mut Cx) {
        at.comes_to(Outcome::Machine, cx.now.wall);
        at.record.cause = "a machine's beep".to_owned();
        cx.effect(Effect::Park {
            switch: at.record.switch.clone(),
            channel: at.record.legs[leg].id.clone(),
            limit: CALLER_PARK,
        });
        at.goes(Stage::Excusing(Uuid::nil()), cx.now.mono + LONGEST_PARTING);
    }

    pub(super) fn say_to_machine(&mut self, at: &mut Attempt, leg: usize, cx: &mut Cx) {
        let Some(words) = at.line.redial.machine.say.clone() else { return };
        self.say_and_leave(at, leg, words, Outcome::Machine, "a machine's beep", cx);
    }

    fn say_and_leave(
        &mut self,
        at: &mut Attempt,
        client: usize,
        words: Arc<str>,
        outcome: Outcome,
        cause: &str,
        cx: &mut Cx,
    ) {
        at.comes_to(outcome, cx.now.wall);
        cause.clone_into(&mut at.record.cause);
        at.held = None;
        for leg in 0..at.legs.len() {
            if at.alive(leg) && at.record.legs[leg].role == Role::Operator {
                self.hang_up(at, leg, HangupCause::Cancelled, cx);
            }
        }
        let later = at.line.redial.keys.later.filter(|_| outcome == Outcome::Postponed);
        at.facts.key = later.map_or_else(String::new, |key| key.sign().to_string());
        self.hush(at, client, cx);
        let token = self.say(at, client, words, cx);
        at.goes(Stage::Excusing(token), cx.now.mono + LONGEST_PARTING);
    }
}
