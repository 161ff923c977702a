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
//! What they hear is in `ear`, where they stand in `place`, who is rung for them in `offered`, the question for a number in `asked`.
//!
//! Those who wait stand in one order with the callbacks of their group (`callback::Rank`). Who is rung for whom is decided by
//! `distribution`; a caller is *offered* while an attempt of [`Job::Live`] is under way. Where a caller stands is not stored: it
//! is their channel, what the row of the call says, and the dialplan, which gives the channel to us again when we were away.

mod asked;
mod ear;
mod offered;
mod place;

use super::{
    Name,
    attempt::{LONGEST_WORDS, MARGIN, PROMPT},
    callback::Rank,
    effect::{AlarmKind, Effect, Facts, HangupCause, Notice, Words},
    input::Given,
    machine::{Cx, Engine, Timer},
    number::Number,
    record::{CallRecord, ChannelId, Job, Left, LiveId, Queued, Write},
    recording,
    rules::{Heard, Line, Then, Way},
    strategy::escalations,
    time::{Mono, Now, Span, Wall},
};
use std::{collections::BTreeMap, sync::Arc};
use uuid::Uuid;

/// Who may not wait is offered to whoever is free all the same, in the step in which they come.
const AT_ONCE: Span = Span(1);
/// While an operator is rung for a caller nothing is said to them: it is looked again after so long.
const OFFERED: Span = Span::seconds(5);
/// How long the next digit of a number is waited for.
const DIGIT: Span = Span::seconds(5);
/// Who the dialplan took back and has not given again after so long is in other hands.
const GIVEN_AGAIN: Span = Span::minutes(2);
/// How long a caller may stay whom the dialplan no longer holds: none of its own ends that.
const LONGEST_STAY: Span = Span::minutes(60);
/// From queue to queue at most so often: two that send to each other would do so for ever.
const MOST_MOVES: u32 = 5;
/// How many callers are remembered who hung up while they waited.
const MOST_KEPT: usize = 16_384;

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
    /// They are being hung up.
    Ending,
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
            Hears::Fetched | Hears::Ending | Hears::Gone => "nothing",
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
    /// A caller given to us now, who is to be greeted.
    fn new(line: Arc<Line>, since: Wall, now: Mono) -> Waiter {
        Waiter {
            since,
            given: true,
            fetched: false,
            hears: Hears::Greeting,
            token: Uuid::nil(),
            deadline: None,
            words: now + line.queue.announce.first,
            until: line.queue.longest_wait.map(|longest| now + longest.max(AT_ONCE)),
            said: (0, 0),
            asked: 0,
            moves: 0,
            in_vain: false,
            armed: None,
            line,
        }
    }

    /// May operators be rung for them?
    fn may_be_offered(&self) -> bool {
        self.given && self.is_idle()
    }

    /// Is nothing asked of them, that an answer could come to?
    fn is_idle(&self) -> bool {
        matches!(self.hears, Hears::Greeting | Hears::Music(_) | Hears::Tone | Hears::Words)
    }

    /// Do they wait, whatever they are asked meanwhile?
    fn waits(&self) -> bool {
        !matches!(self.hears, Hears::Served | Hears::Parting(_) | Hears::Message | Hears::Ending | Hears::Gone)
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

    /// Keeps no place for this client any more.
    pub fn forget(&mut self, number: Number) {
        self.0.retain(|(other, _), _| *other != number);
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
        self.take_in(id, Waiter::new(line, since, now.mono), now);
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
        let moments = escalations(rule, since).into_iter().chain(loyal);
        self.look_again(group, moments.filter(|at| *at > now.wall), now);
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
            given: false,
            hears: Hears::Tone,
            deadline: Some(now.mono + GIVEN_AGAIN),
            in_vain: queue.rounds > 0,
            ..Waiter::new(line.clone(), queue.since, now.mono)
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

    // ---- out --------------------------------------------------------------------------------------------------------

    /// The caller waits no longer and goes this way.
    fn leave(&mut self, id: &ChannelId, left: Left, way: Way, cx: &mut Cx) {
        self.out_of_turn(id);
        if let Some(queue) = self.caller(id).and_then(|caller| caller.record.queue.as_mut()) {
            (queue.left, queue.no_callback) = (Some(left), !way.callback);
        }
        self.write_caller(id, cx);
        self.ring_no_more(id, "the caller waits no longer", cx);
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
                // Until it is gone: the switch may refuse, or not hear of it.
                self.ear(id, Hears::Ending, Uuid::nil(), Some(cx.now.mono + PROMPT), cx);
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
