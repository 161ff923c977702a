//! What a caller hears while they wait: words, music, a tone, their place.

use super::super::{
    Name,
    attempt::{LONGEST_WORDS, PROMPT},
    effect::{AlarmKind, Effect, Facts, Words},
    machine::{Cx, Engine},
    record::ChannelId,
    rules::{Heard, Language, Then},
    time::{Mono, Span},
};
use super::{DIGIT, Hears};
use uuid::Uuid;

/// Music that is over sooner was none: it cannot be played.
const NO_MUSIC: Span = Span::seconds(1);
/// Music of which no end is told for so long is begun anew: a word of the switch may be lost, and the caller in silence.
const LONGEST_MUSIC: Span = Span::minutes(5);
/// How long an answer to a question is waited for, from its end on.
const ANSWER: Span = Span::seconds(8);

impl Engine {
    /// Says or plays something of the line's own.
    pub(super) fn tell(&mut self, id: &ChannelId, stage: Hears, what: &Heard, facts: Facts, cx: &mut Cx) {
        let token = self.token();
        let deadline = Some(cx.now.mono + LONGEST_WORDS);
        let given = self.waiter(id).is_some_and(|waiter| !waiter.fetched);
        let Some((switch, language)) = self.ear(id, stage, token, deadline, cx) else { return };
        let leg = id.clone();
        cx.effect(match what {
            Heard::Text(template) => {
                let words = Box::new(Words { template: template.clone(), language, facts });
                Effect::Say { switch, leg, token, words }
            }
            Heard::Sound(what) => Effect::Music { switch, leg, token, what: what.clone(), given },
        });
    }

    /// What the caller hears changes; what they heard is stopped.
    pub(super) fn ear(
        &mut self,
        id: &ChannelId,
        stage: Hears,
        token: Uuid,
        deadline: Option<Mono>,
        cx: &mut Cx,
    ) -> Option<(Name, Language)> {
        let switch = self.channels.get(id)?.switch.clone();
        let waiter = self.waiter(id)?;
        let sounds = !waiter.token.is_nil() || waiter.hears == Hears::Tone;
        waiter.hears(stage, token, deadline);
        let language = waiter.line.language;
        if sounds {
            cx.effect(Effect::Hush { switch: switch.clone(), leg: id.clone() });
        }
        self.arm(id);
        Some((switch, language))
    }

    /// Music, from its beginning.
    pub(super) fn company(&mut self, id: &ChannelId, cx: &mut Cx) {
        let Some(waiter) = self.waiter(id) else { return };
        let (what, given, group) = (waiter.line.queue.music.clone(), !waiter.fetched, waiter.line.group.clone());
        let token = self.token();
        let watched = Some(cx.now.mono + LONGEST_MUSIC);
        // Who was asked something, or taken out of silence, may be offered again.
        self.dirty.insert(group);
        let Some((switch, _)) = self.ear(id, Hears::Music(cx.now.mono), token, watched, cx) else { return };
        cx.effect(Effect::Music { switch, leg: id.clone(), token, what, given });
    }

    pub(super) fn tone(&mut self, id: &ChannelId, why: &str, cx: &mut Cx) {
        let Some(waiter) = self.waiter(id) else { return };
        let line = waiter.line.name.clone();
        waiter.token = Uuid::nil();
        let Some((switch, _)) = self.ear(id, Hears::Tone, Uuid::nil(), None, cx) else { return };
        cx.alarm(AlarmKind::Limit, format!("line {line}: the music of the queue cannot be played: {why}"));
        cx.effect(Effect::Ringback { switch, leg: id.clone() });
    }

    /// What was said or played to a caller is over; was it theirs?
    pub(in super::super) fn caller_heard(&mut self, id: &ChannelId, token: Uuid, cx: &mut Cx) -> bool {
        let Some(waiter) = self.waiter(id).filter(|waiter| waiter.token == token) else { return false };
        waiter.token = Uuid::nil();
        self.heard_out(id, cx);
        true
    }

    pub(super) fn heard_out(&mut self, id: &ChannelId, cx: &mut Cx) {
        let Some(waiter) = self.waiter(id) else { return };
        match waiter.hears.clone() {
            Hears::Music(since) if cx.now.mono.since(since) < NO_MUSIC => self.tone(id, "it ends at once", cx),
            Hears::Greeting | Hears::Words | Hears::Music(_) | Hears::Fetched => self.company(id, cx),
            Hears::Parting(then) => self.go(id, then, cx),
            Hears::Message => self.tell_goodbye(id, cx),
            Hears::Ending => self.go(id, Then::Goodbye, cx),
            Hears::Leaving(..) => self.look_for(id, cx),
            Hears::Confirming(_) => self.wait_for_keys(id, ANSWER, cx),
            Hears::Typing(_) => self.wait_for_keys(id, DIGIT + DIGIT, cx),
            Hears::Tone | Hears::Joining | Hears::Served | Hears::Gone => {}
        }
    }

    /// Is somebody who was sent elsewhere there? How their channel stands says it.
    fn look_for(&mut self, id: &ChannelId, cx: &mut Cx) {
        let Some(switch) = self.channels.get(id).map(|followed| followed.switch.clone()) else { return };
        let Some(waiter) = self.waiter(id) else { return };
        waiter.deadline = Some(cx.now.mono + PROMPT);
        self.arm(id);
        cx.effect(Effect::AskLeg { switch, channel: id.clone() });
    }

    pub(super) fn wait_for_keys(&mut self, id: &ChannelId, so_long: Span, cx: &mut Cx) {
        if let Some(waiter) = self.waiter(id) {
            waiter.deadline = Some(cx.now.mono + so_long);
            self.arm(id);
        }
    }

    /// The switch refuses to say or to play it.
    pub(in super::super) fn caller_refused(&mut self, id: &ChannelId, text: &str, cx: &mut Cx) {
        let Some(waiter) = self.waiter(id) else { return };
        waiter.token = Uuid::nil();
        match waiter.hears {
            Hears::Music(_) => self.tone(id, text, cx),
            _ => self.heard_out(id, cx),
        }
    }

    /// The place and the wait, where either is better than what was said last; and the line's own words.
    pub(super) fn announce_place(&mut self, id: &ChannelId, cx: &mut Cx) {
        let place = self.ahead_of(id) + 1;
        let Some(waiter) = self.waiter(id) else { return };
        let (line, said) = (waiter.line.clone(), waiter.said);
        let announce = &line.queue.announce;
        waiter.words = match announce.every {
            Span::ZERO => Mono(u64::MAX),
            every => cx.now.mono + every,
        };
        let minutes = self.expected(&line.group, place, cx.now).map_or(0, |wait| wait.0.div_ceil(60_000) as u32);
        let better = |now: u32, before: u32| now > 0 && (before == 0 || now < before);
        let position = if announce.position && better(place, said.0) { place } else { 0 };
        let wait = if announce.wait && better(minutes, said.1) { minutes } else { 0 };
        if let Some(waiter) = self.waiter(id) {
            waiter.said = (if position > 0 { position } else { said.0 }, if wait > 0 { wait } else { said.1 });
        }
        let facts = Facts { position, wait, ..Facts::default() };
        let tells = (position > 0 || wait > 0).then(|| line.queue.words.place.clone());
        let what = match (tells, &announce.say) {
            (Some(place), Some(Heard::Text(own))) => Heard::Text(format!("{place} {own}").into()),
            (Some(place), _) => Heard::Text(place),
            (None, Some(own)) => own.clone(),
            (None, None) => return self.arm(id),
        };
        self.tell(id, Hears::Words, &what, facts, cx);
    }
}
