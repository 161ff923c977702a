//! Clients who wait on the line: the queue of our own, into which the dialplan gives them.
//!
//! | the caller hears | becomes | when |
//! |---|---|---|
//! | (given to us) | the greeting, or music | there is somebody who may come, and the queue is not too long |
//! | (given to us) | on their way | the line is shut, nobody takes calls, the queue is too long |
//! | the greeting, words | music | they are over |
//! | music | music | it is over: from its beginning; what cannot be played is a ringing tone |
//! | music | words | it is time to say the place and the wait, and no operator is being rung for them |
//! | any of these | an operator | one has answered: see `attempt`; a recording's notice is heard to its end first |
//! | any of these | on their way | they waited for too long, nobody takes calls any more, or they press a key |
//! | on their way | gone: hung up, in another queue, in the dialplan | what was said to them is over |
//! | on their way | a question | they want to be called back: at which number? |
//! | the question | music | no answer |
//! | the question | thanks, gone | the number is confirmed: a callback with their place is open |
//! | on their way | a message, gone | they left one |
//!
//! Those who wait stand in one order with the callbacks of their group (`callback::Rank`). Who is rung for whom is decided by
//! `distribution`; a caller is *offered* while an attempt of [`Job::Live`] is under way. Where a caller stands is not stored: it
//! is their channel, what the row of the call says, and the dialplan, which gives the channel to us again when we were away.

use super::{
    Name,
    attempt::{Attempt, LONGEST_WORDS, MARGIN, PROMPT, Stage},
    callback::Rank,
    effect::{AlarmKind, Effect, Facts, HangupCause, Notice, Words},
    input::Given,
    machine::{Cx, Engine, Timer},
    number::Number,
    record::{CallRecord, ChannelId, Job, Left, LiveId, Outcome, Queued, Write},
    recording,
    rules::{Group, Heard, Key, Line, Then, Way},
    status::{QueueView, WaiterView},
    strategy::{Wanted, escalations},
    time::{Mono, Now, Span, Wall},
};
use std::{collections::BTreeMap, sync::Arc};
use uuid::Uuid;

/// Who may not wait is offered to whoever is free all the same, in the step in which they come.
const AT_ONCE: Span = Span(1);
/// Music that is over sooner was none: it cannot be played.
const NO_MUSIC: Span = Span::seconds(1);
/// Music of which no end is told for so long is begun anew: a word of the switch may be lost, and the caller in silence.
const LONGEST_MUSIC: Span = Span::minutes(5);
/// While an operator is rung for a caller nothing is said to them: it is looked again after so long.
const OFFERED: Span = Span::seconds(5);
/// How long an answer to a question is waited for, from its end on.
const ANSWER: Span = Span::seconds(8);
/// How long the next digit of a number is waited for.
const DIGIT: Span = Span::seconds(5);
/// How often a question is asked.
const MOST_ASKED: u32 = 3;
/// How many digits a number may have that is typed.
const MOST_TYPED: usize = 20;
/// Who the dialplan took back and has not given again after so long is in other hands.
const GIVEN_AGAIN: Span = Span::minutes(2);
/// How long a caller may stay whom the dialplan no longer holds: none of its own ends that.
const LONGEST_STAY: Span = Span::minutes(60);
/// From queue to queue at most so often: two that send to each other would do so for ever.
const MOST_MOVES: u32 = 5;
/// How many callers are remembered who hung up while they waited.
const MOST_KEPT: usize = 16_384;
/// An expected wait is said from so many talks on.
const ENOUGH_TALKS: u32 = 5;

/// What a caller hears or is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Hears {
    Greeting,
    /// Since then.
    Music(Mono),
    Tone,
    Words,
    /// They are being joined with an operator.
    Joining,
    /// That came to nothing; they are taken out of where it left them.
    Fetched,
    /// An operator talks with them, or did.
    Served,
    /// What they hear before they go.
    Parting(Then),
    /// Shall they be called at this number?
    Confirming(Number),
    /// Which number?
    Typing(String),
    /// They leave a message.
    Message,
    /// Somebody else has them.
    Gone,
}

impl Hears {
    /// A word for people.
    fn as_str(&self) -> &'static str {
        match self {
            Hears::Greeting => "greeting",
            Hears::Music(_) => "music",
            Hears::Tone => "ringing-tone",
            Hears::Words => "words",
            Hears::Joining => "joining",
            Hears::Served => "operator",
            Hears::Parting(_) => "parting",
            Hears::Confirming(_) | Hears::Typing(_) => "question",
            Hears::Message => "message",
            Hears::Fetched | Hears::Gone => "nothing",
        }
    }
}

/// A caller whom the dialplan has given to us.
#[derive(Debug)]
pub(super) struct Waiter {
    line: Arc<Line>,
    since: Wall,
    /// The dialplan has not taken them back.
    given: bool,
    /// They wait in a park of ours, out of which no dialplan goes on.
    fetched: bool,
    hears: Hears,
    /// To know the end of it by.
    token: Uuid,
    /// When it is over whatever we hear.
    deadline: Option<Mono>,
    /// When something is said to them next.
    words: Mono,
    /// How long they wait.
    until: Option<Mono>,
    /// The best place and the shortest wait that were said; zero: none.
    said: (u32, u32),
    asked: u32,
    moves: u32,
    /// Operators were rung for them in vain.
    in_vain: bool,
    armed: Option<Mono>,
}

impl Waiter {
    /// May operators be rung for them?
    fn may_be_offered(&self) -> bool {
        self.given && matches!(self.hears, Hears::Greeting | Hears::Music(_) | Hears::Tone | Hears::Words)
    }

    /// Do they wait, whatever they are asked meanwhile?
    fn waits(&self) -> bool {
        !matches!(self.hears, Hears::Served | Hears::Parting(_) | Hears::Message | Hears::Gone)
    }

    fn rank(&self, id: LiveId) -> Rank {
        Rank::of_caller(id, &self.line, self.since)
    }

    fn hears(&mut self, what: Hears, token: Uuid, deadline: Option<Mono>) {
        (self.hears, self.token, self.deadline) = (what, token, deadline);
    }
}

/// Who hung up while waiting, and what their place was.
#[derive(Debug, Default)]
pub(super) struct Places(BTreeMap<(Number, Name), (Wall, Wall)>);

impl Places {
    fn keep(&mut self, number: Number, group: Name, since: Wall, now: Wall) {
        if self.0.len() == MOST_KEPT {
            let day_ago = now - Span::minutes(24 * 60);
            self.0.retain(|_, (_, left)| *left > day_ago);
        }
        if self.0.len() < MOST_KEPT {
            self.0.insert((number, group), (since, now));
        }
    }

    fn of(&mut self, number: Number, group: &Name, within: Span, now: Wall) -> Option<Wall> {
        let (since, left) = self.0.remove(&(number, group.clone()))?;
        (now.since(left) <= within).then_some(since)
    }
}

impl Engine {
    // ---- in ---------------------------------------------------------------------------------------------------------

    /// The dialplan gives us a client.
    pub(super) fn given(&mut self, switch: &Name, given: Given, cx: &mut Cx) {
        let Given { channel, answered, marks } = given;
        let (id, line) = (channel.id.clone(), channel.line.clone());
        self.created(switch, channel, cx);
        line.into_iter().for_each(|line| self.line_named(&id, &line, cx));
        if !marks.is_empty() {
            self.marked(&id, marks);
        }
        if self.recent_set.contains(&id) {
            return; // gone already
        }
        let Some(line) = self.line_of_caller(&id).filter(|_| self.may_serve()) else {
            return self.give_back(&id, switch, cx);
        };
        if !answered {
            cx.effect(Effect::Answer { switch: switch.clone(), channel: id.clone() });
        }
        match self.waiter(&id).is_some() {
            true => self.again(&id, cx),
            false => self.enter(&id, line, cx),
        }
    }

    fn line_of_caller(&mut self, id: &ChannelId) -> Option<Arc<Line>> {
        let name = self.caller(id)?.record.line.clone();
        self.rules.lines.get(&name).cloned()
    }

    /// Nobody of ours is to have this caller: the dialplan goes on.
    fn give_back(&mut self, id: &ChannelId, switch: &Name, cx: &mut Cx) {
        if self.may_serve() {
            cx.alarm(
                AlarmKind::Limit,
                format!("a call is given to the queue and has no line: set perezvon_line ({id})"),
            );
        }
        cx.effect(Effect::GiveBack { switch: switch.clone(), channel: id.clone() });
    }

    fn enter(&mut self, id: &ChannelId, line: Arc<Line>, cx: &mut Cx) {
        let now = cx.now;
        let Some(caller) = self.caller(id) else { return };
        let (number, known) = (caller.record.number, caller.record.queue.as_ref().map(|queue| queue.since));
        let mut kept = || self.places.of(number?, &line.group, line.queue.keep_place, now.wall);
        let since = known.or_else(&mut kept).unwrap_or(now.wall);
        let waiter = Waiter {
            until: line.queue.longest_wait.map(|longest| now.mono + longest.max(AT_ONCE)),
            words: now.mono + line.queue.announce.first,
            since,
            given: true,
            fetched: false,
            hears: Hears::Greeting,
            token: Uuid::nil(),
            deadline: None,
            said: (0, 0),
            asked: 0,
            moves: 0,
            in_vain: false,
            armed: None,
            line,
        };
        self.take_in(id, waiter, cx.now);
        self.write_caller(id, cx);
        match self.is_taken(id) {
            true => self.joining(id), // an operator is there for them already, and they are on their way
            false => self.begin_waiting(id, true, cx),
        }
    }

    /// Is this call being put through to the operator of its client's callback?
    fn is_taken(&self, id: &ChannelId) -> bool {
        let number = self.caller_at(id).and_then(|caller| caller.record.number);
        let job = number.and_then(|number| self.open.get(&number)).map(|id| Job::Callback(*id));
        let at = job.and_then(|job| self.attempts.get(&job));
        at.is_some_and(|at| at.record.took.as_ref() == Some(id) && at.outcome.is_none())
    }

    /// Puts a caller among those who wait; the row of the call says so.
    pub(super) fn take_in(&mut self, id: &ChannelId, waiter: Waiter, now: Now) {
        let (live, rank, group) = (LiveId::of(id), waiter.rank(LiveId::of(id)), waiter.line.group.clone());
        self.wait_for_levels(&group, waiter.since, now);
        let Some(caller) = self.caller(id) else { return };
        let queue = caller.record.queue.get_or_insert_with(|| {
            Box::new(Queued {
                group: group.clone(),
                since: waiter.since,
                rounds: 0,
                left: None,
                voicemail: None,
                recording: None,
                handed_to: None,
                no_callback: false,
            })
        });
        // Whoever waits again is lost again: by which way they had left does not count any more.
        (queue.group, queue.left, queue.no_callback) = (group.clone(), None, false);
        caller.waiter = Some(Box::new(waiter));
        self.live.insert(live, id.clone());
        self.ready.entry(group.clone()).or_default().insert(rank);
        self.dirty.insert(group);
    }

    /// At these times operators may be rung for a caller who could not be before: those of a further level, and others than
    /// the client's own.
    fn wait_for_levels(&mut self, group: &Name, since: Wall, now: Now) {
        let Some(rule) = self.rules.groups.get(group) else { return };
        let loyal = rule.remember.then(|| since + rule.loyal);
        let moments = escalations(rule, since).into_iter().chain(loyal).filter(|at| *at > now.wall);
        let moments: Vec<Mono> = moments.map(|at| now.mono + at.since(now.wall)).collect();
        self.timers.extend(moments.into_iter().map(|at| (at, Timer::Escalation(group.clone()))));
    }

    /// Whom the store knows as waiting, and of whom the switch has not told yet.
    pub(super) fn adopt_waiter(&mut self, record: &CallRecord, now: Now) {
        let (Some(queue), None) = (&record.queue, record.served) else { return };
        let Some(line) = self.rules.lines.get(&record.line).cloned().filter(|_| queue.left.is_none()) else { return };
        let line = if line.group == queue.group { line } else { self.line_for(&line, &queue.group) };
        let waited = now.wall.since(record.arrived);
        let left = |longest: Span| now.mono + Span(longest.0.saturating_sub(waited.0));
        let waiter = Waiter {
            until: line.queue.longest_wait.map(left),
            words: now.mono + line.queue.announce.first,
            since: queue.since,
            given: false,
            fetched: false,
            hears: Hears::Tone,
            token: Uuid::nil(),
            deadline: Some(now.mono + GIVEN_AGAIN),
            said: (0, 0),
            asked: 0,
            moves: 0,
            in_vain: queue.rounds > 0,
            armed: None,
            line,
        };
        self.take_in(&record.id, waiter, now);
        self.arm(&record.id);
    }

    /// The line by whose rules a caller waits for this group: the first that it serves, else this one.
    fn line_for(&self, line: &Arc<Line>, group: &Name) -> Arc<Line> {
        self.rules.lines.values().find(|other| other.group == *group).unwrap_or(line).clone()
    }

    /// The dialplan gives a caller again whom we have: after a talk, or after we were away.
    fn again(&mut self, id: &ChannelId, cx: &mut Cx) {
        let Some(waiter) = self.waiter(id) else { return };
        (waiter.given, waiter.fetched) = (true, false);
        let (rank, group) = (waiter.rank(LiveId::of(id)), waiter.line.group.clone());
        if matches!(waiter.hears, Hears::Served | Hears::Gone) {
            waiter.hears = Hears::Tone;
            let longest = waiter.line.queue.longest_wait;
            waiter.until = longest.map(|longest| cx.now.mono + longest);
            if let Some(caller) = self.caller(id) {
                caller.waiting_since.get_or_insert(cx.now.mono);
                caller.record.queue.iter_mut().for_each(|queue| (queue.left, queue.no_callback) = (None, false));
            }
        }
        self.ready.entry(group.clone()).or_default().insert(rank);
        self.dirty.insert(group);
        self.write_caller(id, cx);
        self.begin_waiting(id, false, cx);
    }

    /// A caller who has come, or who comes from another queue: they wait, unless something stands against it.
    fn begin_waiting(&mut self, id: &ChannelId, greets: bool, cx: &mut Cx) {
        if let Some((left, way)) = self.turned_away(id, cx.now) {
            return self.leave(id, left, way, cx);
        }
        let Some(waiter) = self.waiter(id) else { return };
        let greeting = waiter.line.queue.greeting.clone().filter(|_| greets);
        if let Some(caller) = self.caller(id) {
            let record = caller.record.clone();
            cx.notice(Notice::Queued(record));
        }
        match greeting {
            Some(greeting) => self.tell(id, Hears::Greeting, &greeting, Facts::default(), cx),
            None => self.company(id, cx),
        }
    }

    /// What stands against waiting.
    fn turned_away(&mut self, id: &ChannelId, now: Now) -> Option<(Left, Way)> {
        let line = self.waiter(id)?.line.clone();
        let queue = &line.queue;
        let stays = |way: &Way| way.then == Then::Wait;
        let ahead = self.others_waiting(id);
        let expected = queue.longest_expected.zip(self.expected(&line.group, ahead + 1, now));
        let free = ahead == 0 && self.anybody_is_free(&line.group, now.mono);
        let too_long = !free
            && (queue.longest.is_some_and(|most| ahead >= most) || expected.is_some_and(|(most, wait)| wait > most));
        let shut = line.calendar.as_ref().is_some_and(|calendar| !calendar.is_open(now.wall));
        let against = [
            (shut, Left::Closed, &queue.closed),
            (!self.anybody_may_come(&line.group, now), Left::Nobody, &queue.nobody),
            (too_long, Left::Full, &queue.full),
        ];
        let found = against.into_iter().find(|(so, _, way)| *so && !stays(way));
        found.map(|(_, left, way)| (left, way.clone()))
    }

    // ---- the caller's ear -------------------------------------------------------------------------------------------

    /// Says or plays something of the line's own.
    fn tell(&mut self, id: &ChannelId, stage: Hears, what: &Heard, facts: Facts, cx: &mut Cx) {
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
    fn ear(
        &mut self,
        id: &ChannelId,
        stage: Hears,
        token: Uuid,
        deadline: Option<Mono>,
        cx: &mut Cx,
    ) -> Option<(Name, super::rules::Language)> {
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
    fn company(&mut self, id: &ChannelId, cx: &mut Cx) {
        let Some(waiter) = self.waiter(id) else { return };
        let (what, given, group) = (waiter.line.queue.music.clone(), !waiter.fetched, waiter.line.group.clone());
        let token = self.token();
        let watched = Some(cx.now.mono + LONGEST_MUSIC);
        // Who was asked something, or taken out of silence, may be offered again.
        self.dirty.insert(group);
        let Some((switch, _)) = self.ear(id, Hears::Music(cx.now.mono), token, watched, cx) else { return };
        cx.effect(Effect::Music { switch, leg: id.clone(), token, what, given });
    }

    fn tone(&mut self, id: &ChannelId, why: &str, cx: &mut Cx) {
        let Some(waiter) = self.waiter(id) else { return };
        let line = waiter.line.name.clone();
        waiter.token = Uuid::nil();
        let Some((switch, _)) = self.ear(id, Hears::Tone, Uuid::nil(), None, cx) else { return };
        cx.alarm(AlarmKind::Limit, format!("line {line}: the music of the queue cannot be played: {why}"));
        cx.effect(Effect::Ringback { switch, leg: id.clone() });
    }

    /// What was said or played to a caller is over; was it theirs?
    pub(super) fn caller_heard(&mut self, id: &ChannelId, token: Uuid, cx: &mut Cx) -> bool {
        let Some(waiter) = self.waiter(id).filter(|waiter| waiter.token == token) else { return false };
        waiter.token = Uuid::nil();
        self.heard_out(id, cx);
        true
    }

    fn heard_out(&mut self, id: &ChannelId, cx: &mut Cx) {
        let Some(waiter) = self.waiter(id) else { return };
        match waiter.hears.clone() {
            Hears::Music(since) if cx.now.mono.since(since) < NO_MUSIC => self.tone(id, "it ends at once", cx),
            Hears::Greeting | Hears::Words | Hears::Music(_) | Hears::Fetched => self.company(id, cx),
            Hears::Parting(then) => self.go(id, then, cx),
            Hears::Message => self.tell_goodbye(id, cx),
            Hears::Confirming(_) => self.wait_for_keys(id, ANSWER, cx),
            Hears::Typing(_) => self.wait_for_keys(id, DIGIT + DIGIT, cx),
            Hears::Tone | Hears::Joining | Hears::Served | Hears::Gone => {}
        }
    }

    fn wait_for_keys(&mut self, id: &ChannelId, so_long: Span, cx: &mut Cx) {
        if let Some(waiter) = self.waiter(id) {
            waiter.deadline = Some(cx.now.mono + so_long);
            self.arm(id);
        }
    }

    /// The switch refuses to say or to play it.
    pub(super) fn caller_refused(&mut self, id: &ChannelId, text: &str, cx: &mut Cx) {
        let Some(waiter) = self.waiter(id) else { return };
        waiter.token = Uuid::nil();
        match waiter.hears {
            Hears::Music(_) => self.tone(id, text, cx),
            _ => self.heard_out(id, cx),
        }
    }

    /// The place and the wait, where either is better than what was said last; and the line's own words.
    fn announce_place(&mut self, id: &ChannelId, cx: &mut Cx) {
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

    /// How many callers and callbacks stand before this one.
    fn ahead_of(&self, id: &ChannelId) -> u32 {
        let Some(waiter) = self.caller_at(id).and_then(|caller| caller.waiter.as_ref()) else { return 0 };
        let ready = self.ready.get(&waiter.line.group);
        ready.map_or(0, |ready| ready.range(..waiter.rank(LiveId::of(id))).count() as u32)
    }

    /// How many others wait for whom no phone rings yet.
    fn others_waiting(&self, id: &ChannelId) -> u32 {
        let Some(waiter) = self.caller_at(id).and_then(|caller| caller.waiter.as_ref()) else { return 0 };
        let others = self.ready.get(&waiter.line.group).into_iter().flatten().map(|rank| rank.job);
        let own = Job::Live(LiveId::of(id));
        others.filter(|job| *job != own && !self.attempts.contains_key(job)).count() as u32
    }

    /// How long a client in this place is likely to wait: as long as that many talks take, with as many operators as take
    /// calls. Known once there were enough talks.
    pub(super) fn expected(&self, group: &str, place: u32, now: Now) -> Option<Span> {
        let group = self.rules.groups.get(group)?;
        let (mut talks, mut talked, mut hands, mut rests) = (0, Span::ZERO, 0, Span::ZERO);
        for member in group.operators.iter().filter(|member| self.may_come(&member.name, now)) {
            let (state, rule) = (self.operators.get(&member.name)?, self.rules.operators.get(&member.name)?);
            talks += state.talks;
            talked = talked + state.talk_time;
            hands += rule.calls;
            rests = rests + Span(rule.wrap_up.0 * u64::from(rule.calls));
        }
        if talks < ENOUGH_TALKS || hands == 0 {
            return None;
        }
        let each = talked.0 / u64::from(talks) + rests.0 / u64::from(hands);
        Some(Span(each * u64::from(place) / u64::from(hands)))
    }

    /// Does this operator take calls, now or after the one that they are on?
    pub(super) fn may_come(&self, name: &str, now: Now) -> bool {
        self.operators.get(name).is_some_and(|state| state.ready && !state.is_unregistered(now.mono))
    }

    fn anybody_may_come(&self, group: &str, now: Now) -> bool {
        let Some(group) = self.rules.groups.get(group) else { return false };
        group.operators.iter().any(|member| self.may_come(&member.name, now))
    }

    /// The group's queue as people see it.
    pub(super) fn queue_view(&self, group: &Group, now: Now) -> QueueView {
        let ready = self.ready.get(&group.name);
        let waits = |(before, rank): (usize, &Rank)| {
            let Job::Live(live) = rank.job else { return None };
            let caller = self.caller_at(self.live.get(&live)?)?;
            let waiter = caller.waiter.as_ref()?;
            let at = self.attempts.get(&rank.job);
            let rung = |at: &Attempt| {
                at.record.legs.iter().filter(|leg| leg.ended.is_none()).map(|leg| leg.who.clone()).collect()
            };
            Some(WaiterView {
                call: caller.record.id.clone(),
                number: caller.record.number,
                line: waiter.line.name.clone(),
                position: before as u32 + 1,
                since: waiter.since,
                waited: caller
                    .waiting_since
                    .map_or(caller.record.waited, |since| Span(caller.record.waited.0 + now.mono.since(since).0)),
                given: waiter.given,
                hears: waiter.hears.as_str(),
                rung: at.map_or_else(Vec::new, |at| rung(at)),
            })
        };
        QueueView {
            group: group.name.clone(),
            operators: group.operators.iter().filter(|member| self.may_come(&member.name, now)).count(),
            waiting: ready.into_iter().flatten().enumerate().filter_map(waits).collect(),
        }
    }

    // ---- operators for them -----------------------------------------------------------------------------------------

    pub(super) fn wanted_by_caller(&self, id: LiveId) -> Option<Wanted> {
        let caller = self.caller_at(self.live.get(&id)?)?;
        let waiter = caller.waiter.as_ref()?;
        Some(Wanted {
            job: Job::Live(id),
            number: caller.record.number,
            since: waiter.since,
            in_vain: waiter.in_vain,
            times: caller.record.queue.as_ref().map_or(0, |queue| queue.rounds),
            loyal: self.rules.groups.get(&waiter.line.group).map_or(Span::ZERO, |group| group.loyal),
        })
    }

    /// Rings an operator for a caller whose turn it is, if one may be.
    pub(super) fn offer_caller(&mut self, live: LiveId, cx: &mut Cx) {
        let Some(id) = self.live.get(&live).cloned() else { return };
        let Some(switch) = self.channels.get(&id).map(|followed| followed.switch.clone()) else { return };
        let settled = |link: &super::link::Link| link.up && link.settled.is_some();
        if self.attempts.contains_key(&Job::Live(live)) || !self.links.get(&switch).is_some_and(settled) {
            return;
        }
        let Some(waiter) = self.waiter(&id).filter(|waiter| waiter.may_be_offered()) else { return };
        let line = waiter.line.clone();
        let number = self.caller(&id).and_then(|caller| caller.record.number);
        if number.is_some_and(|number| self.is_being_called(number))
            || self.who_next(&line.group, Job::Live(live), &[], cx.now).is_empty()
        {
            return;
        }
        let Some(caller) = self.caller(&id) else { return };
        if let Some(queue) = &mut caller.record.queue {
            queue.rounds += 1;
        }
        let record = caller.record.clone();
        cx.write(Write::Call(record.clone()));
        let mut at = Box::new(Attempt::live(&record, line, cx.now));
        self.ring_next(&mut at, Outcome::OperatorUnavailable, cx);
        self.put_back(at, cx);
    }

    /// Is an operator already rung for this client's callback, whom their own call is put through to?
    fn is_being_called(&self, number: Number) -> bool {
        let at = self.open.get(&number).and_then(|id| self.attempts.get(&Job::Callback(*id)));
        at.is_some_and(|at| !matches!(at.stage, Stage::Talking | Stage::Parted | Stage::Closing | Stage::Parting(_)))
    }

    /// The operator is ready for the caller: they are joined, once a recording's notice is heard.
    pub(super) fn join_live(&mut self, at: &mut Attempt, cx: &mut Cx) {
        let Some(id) = at.record.took.clone() else {
            return self.part(at, Outcome::Cancelled, "the caller hung up", cx);
        };
        let notice = at.line.redial.record.as_ref().is_some_and(|record| record.notice.is_some());
        match self.waiter(&id) {
            Some(waiter) if notice && waiter.hears == Hears::Greeting && !waiter.token.is_nil() => {
                at.goes(Stage::Greeting(Some(waiter.token)), cx.now.mono + LONGEST_WORDS);
            }
            _ => self.join(at, cx),
        }
    }

    /// The two are about to be joined: what the caller hears is cut off by that.
    pub(super) fn joining(&mut self, id: &ChannelId) {
        if let Some(waiter) = self.waiter(id) {
            waiter.hears(Hears::Joining, Uuid::nil(), None);
        }
    }

    /// A round of ringing operators for a caller is over.
    pub(super) fn offers_over(&mut self, at: &Attempt, outcome: Outcome, cx: &mut Cx) {
        cx.notice(Notice::OffersOver { job: at.id(), group: at.line.group.clone(), outcome });
        let Job::Live(live) = at.id() else { return };
        let Some(id) = self.live.get(&live).cloned() else { return };
        let Some(waiter) = self.waiter(&id) else { return };
        waiter.in_vain = matches!(outcome, Outcome::OperatorUnavailable | Outcome::OperatorDeclined);
        let group = waiter.line.group.clone();
        self.dirty.insert(group);
        if !self.fetch_if_cut(&id, at, cx) {
            self.arm(&id);
        }
    }

    /// The attempt is over: is its caller one who was on the way to its operator and is still?
    pub(super) fn fetch_if_cut(&mut self, id: &ChannelId, at: &Attempt, cx: &mut Cx) -> bool {
        let was_cut =
            self.waiter(id).is_some_and(|waiter| waiter.hears == Hears::Joining) && at.record.joined.is_none();
        if was_cut {
            self.fetch(id, cx);
        }
        was_cut
    }

    /// Something is said to a caller on behalf of the operator who is there for them: what they hear gives way to it.
    pub(super) fn makes_way(&mut self, id: &ChannelId, cx: &mut Cx) {
        if self.waiter(id).is_some_and(|waiter| waiter.waits()) {
            self.ear(id, Hears::Joining, Uuid::nil(), None, cx);
        }
    }

    /// A caller who was on the way to an operator who is gone: the switch may have left them in silence, where nothing that is
    /// sent to them plays. They are taken out of it before anything else.
    fn fetch(&mut self, id: &ChannelId, cx: &mut Cx) {
        let Some(switch) = self.channels.get(id).map(|followed| followed.switch.clone()) else { return };
        let Some(waiter) = self.waiter(id) else { return };
        waiter.fetched = true;
        waiter.hears(Hears::Fetched, Uuid::nil(), Some(cx.now.mono + PROMPT));
        cx.effect(Effect::Park { switch, channel: id.clone(), limit: LONGEST_STAY });
        self.arm(id);
    }

    /// A caller's channel waits for us.
    pub(super) fn caller_parked(&mut self, id: &ChannelId, cx: &mut Cx) {
        let Some(waiter) = self.waiter(id) else { return };
        if waiter.hears == Hears::Fetched {
            return self.company(id, cx);
        }
        // While we were away it waited in a park of ours, where no dialplan goes on.
        if !waiter.given && waiter.waits() {
            (waiter.given, waiter.fetched) = (true, true);
            let group = waiter.line.group.clone();
            self.dirty.insert(group);
            self.company(id, cx);
        }
    }

    /// Somebody talks with the caller.
    pub(super) fn caller_served(&mut self, id: &ChannelId, with: Option<&Name>, by: &ChannelId, cx: &mut Cx) {
        if self.waiter(id).is_none() {
            return;
        }
        self.out_of_turn(id);
        let Some(caller) = self.caller(id) else { return };
        if let Some(queue) = &mut caller.record.queue {
            let first = caller.record.operator.as_ref();
            // Who has left already is served where they went.
            queue.left.get_or_insert(Left::Served);
            if let (Some(first), Some(with)) = (first, with)
                && first != with
            {
                queue.handed_to = Some(with.clone());
            }
        }
        if let Some(waiter) = self.waiter(id) {
            waiter.hears(Hears::Served, Uuid::nil(), None);
        }
        self.with_attempt(Job::Live(LiveId::of(id)), cx, |engine, at, cx| {
            let ours = at.record.legs.iter().any(|leg| leg.id == *by);
            if !ours && at.record.joined.is_none() && at.outcome.is_none() {
                engine.part(at, Outcome::Cancelled, "another operator has the client", cx);
            }
        });
    }

    /// Somebody talks with a caller of the queue for the first time.
    pub(super) fn caller_left_served(&mut self, id: &ChannelId, cx: &mut Cx) {
        let Some(caller) = self.caller_at(id) else { return };
        if let Some(waiter) = &caller.waiter {
            notice_left(&caller.record, &waiter.line, cx);
        }
    }

    /// Where the talk is recorded, for the row of the call.
    pub(super) fn caller_recorded(&mut self, id: &ChannelId, file: Option<String>, cx: &mut Cx) {
        let Some(caller) = self.caller(id) else { return };
        if let Some(queue) = caller.record.queue.as_mut().filter(|queue| queue.recording != file) {
            queue.recording = file;
            self.write_caller(id, cx);
        }
    }

    /// A caller's channel is gone: what their row says of it, before it is judged.
    pub(super) fn caller_hung_up(&mut self, id: &ChannelId, record: &mut CallRecord, waiter: &Waiter, cx: &mut Cx) {
        let live = LiveId::of(id);
        self.live.remove(&live);
        self.take_out(waiter, live);
        if let Some(armed) = waiter.armed {
            self.timers.remove(&(armed, Timer::Waiter(id.clone())));
        }
        let short = record.waited < waiter.line.queue.short;
        let hung_up = waiter.waits();
        if let Some(queue) = &mut record.queue {
            queue.left.get_or_insert(if short { Left::Short } else { Left::Abandoned });
        }
        if record.served.is_none() {
            notice_left(record, &waiter.line, cx);
        }
        if let Some(number) = record.number.filter(|_| hung_up && record.served.is_none()) {
            self.places.keep(number, waiter.line.group.clone(), waiter.since, cx.now.wall);
        }
        self.with_attempt(Job::Live(live), cx, |engine, at, cx| {
            if at.record.joined.is_none() {
                at.record.took = None;
                at.dirty = true;
                if at.outcome.is_none() {
                    engine.part(at, Outcome::Cancelled, "the caller hung up", cx);
                }
            }
        });
    }

    /// The switch knows nothing of a caller any more. How the call ended may yet be told; no phone rings for it.
    pub(super) fn caller_vanished(&mut self, id: &ChannelId, cx: &mut Cx) {
        self.out_of_turn(id);
        let Some(waiter) = self.waiter(id) else { return };
        waiter.given = false;
        self.with_attempt(Job::Live(LiveId::of(id)), cx, |engine, at, cx| {
            if at.record.joined.is_none() && at.outcome.is_none() {
                engine.part(at, Outcome::Cancelled, "the caller is gone", cx);
            }
        });
    }

    fn take_out(&mut self, waiter: &Waiter, live: LiveId) {
        if let Some(ready) = self.ready.get_mut(&waiter.line.group) {
            ready.remove(&waiter.rank(live));
        }
    }

    /// The caller waits no longer.
    fn out_of_turn(&mut self, id: &ChannelId) {
        let live = LiveId::of(id);
        if let Some(waiter) = self.waiter(id) {
            let (rank, group) = (waiter.rank(live), waiter.line.group.clone());
            if let Some(ready) = self.ready.get_mut(&group) {
                ready.remove(&rank);
            }
        }
    }

    // ---- out --------------------------------------------------------------------------------------------------------

    /// The caller waits no longer and goes this way.
    fn leave(&mut self, id: &ChannelId, left: Left, way: Way, cx: &mut Cx) {
        self.out_of_turn(id);
        if let Some(queue) = self.caller(id).and_then(|caller| caller.record.queue.as_mut()) {
            (queue.left, queue.no_callback) = (Some(left), !way.callback);
        }
        self.write_caller(id, cx);
        self.with_attempt(Job::Live(LiveId::of(id)), cx, |engine, at, cx| {
            if at.record.joined.is_none() && at.outcome.is_none() {
                engine.part(at, Outcome::Cancelled, "the caller waits no longer", cx);
            }
        });
        match way.say {
            Some(say) => self.tell(id, Hears::Parting(way.then), &say, Facts::default(), cx),
            None if way.then == Then::Goodbye => self.tell_goodbye(id, cx),
            None => self.go(id, way.then, cx),
        }
    }

    fn tell_goodbye(&mut self, id: &ChannelId, cx: &mut Cx) {
        let Some(waiter) = self.waiter(id) else { return };
        let goodbye = Heard::Text(waiter.line.queue.words.goodbye.clone());
        self.tell(id, Hears::Parting(Then::Goodbye), &goodbye, Facts::default(), cx);
    }

    fn go(&mut self, id: &ChannelId, then: Then, cx: &mut Cx) {
        let Some(switch) = self.channels.get(id).map(|followed| followed.switch.clone()) else { return };
        let channel = id.clone();
        match then {
            Then::Wait => self.company(id, cx),
            Then::CallBack => self.ask_number(id, cx),
            Then::Voicemail => self.take_message(id, cx),
            Then::Line(name) => self.move_on(id, &name, cx),
            Then::Goodbye => {
                self.ear(id, Hears::Gone, Uuid::nil(), None, cx);
                cx.effect(Effect::Hangup { switch, channel, cause: HangupCause::Done });
            }
            Then::Extension(extension, context) => {
                self.ear(id, Hears::Gone, Uuid::nil(), None, cx);
                cx.effect(Effect::Transfer { switch, channel, extension, context });
            }
            Then::Dialplan => {
                self.ear(id, Hears::Gone, Uuid::nil(), None, cx);
                cx.effect(Effect::GiveBack { switch, channel });
            }
        }
    }

    /// To the queue of another line. What they have waited counts there.
    fn move_on(&mut self, id: &ChannelId, name: &Name, cx: &mut Cx) {
        let line = self.rules.lines.get(name).cloned();
        let Some(waiter) = self.waiter(id) else { return };
        let (Some(line), true) = (line, waiter.moves < MOST_MOVES) else { return self.tell_goodbye(id, cx) };
        waiter.until = line.queue.longest_wait.map(|longest| cx.now.mono + longest);
        waiter.words = cx.now.mono + line.queue.announce.first;
        waiter.moves += 1;
        (waiter.said, waiter.in_vain, waiter.asked) = ((0, 0), false, 0);
        (waiter.hears, waiter.line) = (Hears::Tone, line);
        let caller = self.caller(id).and_then(|caller| caller.waiter.take());
        let Some(waiter) = caller else { return };
        self.take_in(id, *waiter, cx.now);
        self.write_caller(id, cx);
        self.begin_waiting(id, true, cx);
    }

    /// The message that a caller leaves: what to do, a tone, and the recording.
    fn take_message(&mut self, id: &ChannelId, cx: &mut Cx) {
        let Some(caller) = self.caller_at(id) else { return };
        let Some(waiter) = caller.waiter.as_ref() else { return };
        let queue = &waiter.line.queue;
        let file = recording::message(&queue.voicemail.file, &waiter.line, &caller.record, cx.now.wall);
        let (longest, prompt, language) =
            (queue.voicemail.longest, queue.words.voicemail.clone(), waiter.line.language);
        let token = self.token();
        let deadline = Some(cx.now.mono + longest + LONGEST_WORDS + MARGIN);
        let Some((switch, _)) = self.ear(id, Hears::Message, token, deadline, cx) else { return };
        let words = Box::new(Words { template: prompt, language, facts: Facts::default() });
        let first = self.token();
        cx.effect(Effect::Say { switch: switch.clone(), leg: id.clone(), token: first, words });
        cx.effect(Effect::TakeMessage { switch, channel: id.clone(), token, file: file.clone(), longest });
        if let Some(queue) = self.caller(id).and_then(|caller| caller.record.queue.as_mut()) {
            queue.voicemail = Some(file);
        }
        self.write_caller(id, cx);
    }

    // ---- call me back -----------------------------------------------------------------------------------------------

    /// A key is pressed by a caller.
    pub(super) fn caller_pressed(&mut self, id: &ChannelId, key: Key, cx: &mut Cx) {
        let Some(waiter) = self.waiter(id) else { return };
        match waiter.hears.clone() {
            Hears::Greeting | Hears::Music(_) | Hears::Tone | Hears::Words => {
                let way = waiter.line.queue.keys.iter().find(|(known, _)| *known == key).map(|(_, way)| way.clone());
                match way {
                    Some(way) if way.then == Then::CallBack && way.say.is_none() => self.ask_number(id, cx),
                    Some(way) => self.leave(id, Left::Key, way, cx),
                    None => {}
                }
            }
            Hears::Confirming(number) if key.sign() == '1' => self.call_back(id, number, cx),
            Hears::Confirming(_) if key.sign() == '2' => self.ask_to_type(id, cx),
            Hears::Typing(typed) => self.typed(id, typed, key, cx),
            _ => {}
        }
    }

    fn ask_number(&mut self, id: &ChannelId, cx: &mut Cx) {
        match self.caller(id).and_then(|caller| caller.record.number) {
            Some(number) if self.may_be_asked_for(number) => self.confirm(id, number, cx),
            _ => self.ask_to_type(id, cx),
        }
    }

    fn confirm(&mut self, id: &ChannelId, number: Number, cx: &mut Cx) {
        let Some(waiter) = self.waiter(id) else { return };
        waiter.asked += 1;
        if waiter.asked > MOST_ASKED {
            return self.wait_on(id, cx);
        }
        let words = Heard::Text(waiter.line.queue.words.confirm.clone());
        let facts = Facts { number: number.to_string(), ..Facts::default() };
        self.tell(id, Hears::Confirming(number), &words, facts, cx);
    }

    fn ask_to_type(&mut self, id: &ChannelId, cx: &mut Cx) {
        let Some(waiter) = self.waiter(id) else { return };
        waiter.asked += 1;
        if waiter.asked > MOST_ASKED {
            return self.wait_on(id, cx);
        }
        let words = Heard::Text(waiter.line.queue.words.type_number.clone());
        self.tell(id, Hears::Typing(String::new()), &words, Facts::default(), cx);
    }

    /// One more key of a number that is typed; a hash ends it.
    fn typed(&mut self, id: &ChannelId, mut typed: String, key: Key, cx: &mut Cx) {
        if key.sign() == '#' {
            return self.typed_all(id, &typed, cx);
        }
        if typed.len() < MOST_TYPED && key.sign().is_ascii_digit() {
            typed.push(key.sign());
        }
        // Who types does not need to hear the rest.
        let deadline = Some(cx.now.mono + DIGIT);
        self.ear(id, Hears::Typing(typed), Uuid::nil(), deadline, cx);
    }

    fn typed_all(&mut self, id: &ChannelId, typed: &str, cx: &mut Cx) {
        match Number::parse(typed, &self.rules.country).ok().filter(|number| self.may_be_asked_for(*number)) {
            Some(number) => self.confirm(id, number, cx),
            None => {
                let Some(waiter) = self.waiter(id) else { return };
                waiter.asked += 1;
                if waiter.asked > MOST_ASKED {
                    return self.wait_on(id, cx);
                }
                let words = Heard::Text(waiter.line.queue.words.no_number.clone());
                self.tell(id, Hears::Typing(String::new()), &words, Facts::default(), cx);
            }
        }
    }

    /// May anybody have us call this number? Not one that is blocked, nor one that costs the caller's whim.
    fn may_be_asked_for(&self, number: Number) -> bool {
        !self.blocked.contains_key(&number) && number.is_ordinary_in(&self.rules.country)
    }

    /// The question is not answered: the caller waits as before. Whom their way has taken out of the queue is let go.
    fn wait_on(&mut self, id: &ChannelId, cx: &mut Cx) {
        let has_left =
            self.caller_at(id).and_then(|caller| caller.record.queue.as_ref()).is_some_and(|q| q.left.is_some());
        let Some(waiter) = self.waiter(id) else { return };
        waiter.asked = 0;
        let group = waiter.line.group.clone();
        if has_left {
            return self.tell_goodbye(id, cx);
        }
        self.dirty.insert(group);
        self.company(id, cx);
    }

    /// The caller is to be called back, in the place that they have.
    fn call_back(&mut self, id: &ChannelId, number: Number, cx: &mut Cx) {
        let Some(caller) = self.caller_at(id) else { return };
        let Some(waiter) = caller.waiter.as_ref() else { return };
        let (line, since) = (waiter.line.clone(), waiter.since);
        let record = caller.record.clone();
        let thanks = Heard::Text(line.queue.words.thanks.clone());
        let callback = self.open_in_place(number, &record, &line, since, cx);
        if let Some(caller) = self.caller(id) {
            caller.record.callback = Some(callback);
        }
        let way = Way { say: Some(thanks), then: Then::Goodbye, callback: true };
        self.leave(id, Left::CallBack, way, cx);
    }

    // ---- time -------------------------------------------------------------------------------------------------------

    /// The time has come of a caller who waits.
    pub(super) fn waiter_due(&mut self, id: &ChannelId, cx: &mut Cx) {
        let offered = self.attempts.contains_key(&Job::Live(LiveId::of(id)));
        let Some(waiter) = self.waiter(id) else { return };
        waiter.armed = None;
        let now = cx.now.mono;
        let waits = waiter.waits();
        if !waiter.given && waits && waiter.deadline.is_some_and(|deadline| deadline <= now) {
            return self.lost_to_the_dialplan(id, cx);
        }
        if waiter.given && waits && !offered && waiter.until.is_some_and(|until| until <= now) && waiter.is_idle() {
            let way = waiter.line.queue.late.clone();
            waiter.until = None;
            return match way.then {
                Then::Wait => self.arm(id),
                _ => self.leave(id, Left::Late, way, cx),
            };
        }
        if waiter.deadline.is_some_and(|deadline| deadline <= now) {
            waiter.deadline = None;
            return self.overheard(id, cx);
        }
        if waiter.words <= now && matches!(waiter.hears, Hears::Music(_) | Hears::Tone) {
            if offered || !waiter.given {
                waiter.words = now + OFFERED;
                return self.arm(id);
            }
            return self.announce_place(id, cx);
        }
        self.arm(id);
    }

    /// The end of what a caller hears was not told, or no key came.
    fn overheard(&mut self, id: &ChannelId, cx: &mut Cx) {
        let Some(waiter) = self.waiter(id) else { return };
        match (waiter.hears.clone(), waiter.token.is_nil()) {
            (Hears::Confirming(number), true) => self.confirm(id, number, cx),
            (Hears::Typing(typed), true) if typed.is_empty() => self.ask_to_type(id, cx),
            (Hears::Typing(typed), true) => self.typed_all(id, &typed, cx),
            (Hears::Music(_), _) => self.company(id, cx),
            _ => {
                waiter.token = Uuid::nil();
                self.heard_out(id, cx);
            }
        }
    }

    fn lost_to_the_dialplan(&mut self, id: &ChannelId, cx: &mut Cx) {
        self.out_of_turn(id);
        if let Some(waiter) = self.waiter(id) {
            waiter.hears(Hears::Gone, Uuid::nil(), None);
        }
        if let Some(queue) = self.caller(id).and_then(|caller| caller.record.queue.as_mut()) {
            queue.left = Some(Left::GivenBack);
        }
        self.write_caller(id, cx);
    }

    /// The dialplan goes on with a caller.
    pub(super) fn taken_back(&mut self, id: &ChannelId, cx: &mut Cx) {
        let Some(waiter) = self.waiter(id).filter(|waiter| waiter.waits()) else { return };
        waiter.given = false;
        waiter.hears(Hears::Tone, Uuid::nil(), Some(cx.now.mono + GIVEN_AGAIN));
        self.arm(id);
    }

    /// Nothing was heard for a time: who waits, in whatever park it is, may sit in silence by now.
    pub(super) fn waiter_found(&mut self, id: &ChannelId, cx: &mut Cx) {
        let Some(waiter) = self.waiter(id).filter(|waiter| waiter.given) else { return };
        match waiter.hears {
            // The end of the last words may be what was not heard.
            Hears::Parting(_) => self.heard_out(id, cx),
            _ if !waiter.waits() => {}
            Hears::Joining => {}
            _ => self.company(id, cx),
        }
    }

    /// We serve nobody for now: whoever waits is in the dialplan's hands, which gives them to us again.
    pub(super) fn give_all_back(&mut self, cx: &mut Cx) {
        for id in self.live.values().cloned().collect::<Vec<_>>() {
            let Some(switch) = self.channels.get(&id).map(|followed| followed.switch.clone()) else { continue };
            if self.waiter(&id).is_some_and(|waiter| waiter.given && waiter.waits()) {
                cx.effect(Effect::GiveBack { switch, channel: id.clone() });
                self.taken_back(&id, cx);
            }
        }
    }

    /// Nobody of the group takes calls any more: those who wait for it go where their line says.
    pub(super) fn send_away(&mut self, group: &Name, cx: &mut Cx) {
        if self.anybody_may_come(group, cx.now) {
            return;
        }
        let jobs = self.ready.get(group).into_iter().flatten().map(|rank| rank.job);
        let ids: Vec<ChannelId> = jobs
            .filter_map(|job| match job {
                Job::Live(live) if !self.attempts.contains_key(&job) => self.live.get(&live).cloned(),
                _ => None,
            })
            .collect();
        for id in ids {
            let Some(waiter) = self.waiter(&id).filter(|waiter| waiter.may_be_offered()) else { continue };
            let way = waiter.line.queue.nobody.clone();
            if way.then != Then::Wait {
                self.leave(&id, Left::Nobody, way, cx);
            }
        }
    }

    fn arm(&mut self, id: &ChannelId) {
        let offered = self.attempts.contains_key(&Job::Live(LiveId::of(id)));
        let Some(waiter) = self.waiter(id) else { return };
        let music = matches!(waiter.hears, Hears::Music(_) | Hears::Tone) && waiter.given;
        let until = waiter.until.filter(|_| waiter.given && !offered && waiter.is_idle());
        let moments = [waiter.deadline, until, music.then_some(waiter.words)];
        let next = moments.into_iter().flatten().min().filter(|next| next.0 < u64::MAX);
        let before = std::mem::replace(&mut waiter.armed, next);
        if let Some(before) = before {
            self.timers.remove(&(before, Timer::Waiter(id.clone())));
        }
        self.timers.extend(next.map(|next| (next, Timer::Waiter(id.clone()))));
    }

    fn waiter(&mut self, id: &ChannelId) -> Option<&mut Waiter> {
        self.caller(id)?.waiter.as_deref_mut()
    }

    /// Is this caller one whom the dialplan has given to us?
    pub(super) fn is_given(&self, id: &ChannelId) -> bool {
        self.caller_at(id).and_then(|caller| caller.waiter.as_ref()).is_some_and(|waiter| waiter.given)
    }

    fn write_caller(&mut self, id: &ChannelId, cx: &mut Cx) {
        if let Some(caller) = self.caller(id).filter(|caller| caller.watched) {
            cx.write(Write::Call(caller.record.clone()));
        }
    }
}

/// How a call left its queue, and whether it was served in time by the rules of the line.
fn notice_left(record: &CallRecord, line: &Line, cx: &mut Cx) {
    let Some((queue, left)) = record.queue.as_ref().and_then(|queue| Some((queue, queue.left?))) else { return };
    let in_time = left == Left::Served && record.waited <= line.queue.in_time;
    cx.notice(Notice::LeftQueue { group: queue.group.clone(), left, waited: record.waited, in_time });
}

impl Waiter {
    /// Is nothing asked of them, that an answer could come to?
    fn is_idle(&self) -> bool {
        matches!(self.hears, Hears::Greeting | Hears::Music(_) | Hears::Tone | Hears::Words)
    }
}
