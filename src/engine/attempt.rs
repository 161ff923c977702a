//! One try of a callback: the operator's leg, the client's leg, the two joined.
//!
//! | stage | becomes | when |
//! |---|---|---|
//! | ringing | announcing | an operator's leg is answered (CHANNEL_ANSWER) and parked; the other phones stop |
//! | ringing | waiting | it is answered by an office exchange: the operator comes later |
//! | waiting | announcing | the operator is there |
//! | ringing | ringing | a phone did not answer: the next phone of an operator who is still free, the group's next operator |
//! | ringing | ringing | some seconds have passed, and the group is rung progressively: one more operator |
//! | ringing | closing | nobody is left to ring: *operator-unavailable* |
//! | announcing | checking | the announcement is over, or, where a key is needed, it was pressed |
//! | announcing | ringing | the key that passes it on, or no key in time: the next operator, at no cost |
//! | announcing | parting | the key that says: do not call this client |
//! | announcing, checking | ringing | the operator left: the next one, at no cost |
//! | announcing, checking, dialling | taking | the client calls by themselves and nobody has that call yet |
//! | checking | dialling | the switch knows no live call of the client, and nothing else forbids the dial |
//! | checking | parting | something forbids it: the client talks with somebody, the hours are over, we stop |
//! | dialling | greeting, joining | the client's leg is answered and parked |
//! | dialling | parting | the client's leg ended: busy, no answer, … |
//! | greeting | joining | the client has heard why we call |
//! | (none) | checking | the line rings the client first, and an operator is kept free: see `held` |
//! | dialling, greeting | ringing | the client, rung first, is there: operators are rung while they wait |
//! | announcing | greeting, joining | the client waits already |
//! | ringing | excusing | … and nobody comes, or they want to be called later |
//! | excusing | closing | the client has heard the goodbye |
//! | taking | joining | the client's own call is parked |
//! | taking | checking | that call ended before: the client is dialled after all |
//! | joining | talking | the two are bridged (CHANNEL_BRIDGE) |
//! | talking | closing | the operator, by a key or a word, or a beep says that a machine answered |
//! | talking | excusing | the beep, and something is to be left there: said once the client's leg is parked |
//! | talking | parted | either hangs up: *talked*, or *machine* when the line holds so short a talk for none; the other leg may be on its way to a colleague, so it is left alone |
//! | parted | over | every leg is gone; one that only waits parked is ended, one that was transferred talks on |
//! | parting | closing | the operator has heard how it ended, or left |
//! | parting | taking | the client, found busy a moment ago, calls by themselves |
//! | closing | over | every leg is gone |
//! | any | settling | the connection to the switch is new: each leg is asked for |
//! | settling | the stage that the legs are found in | every leg has been found, alive or gone |

use super::{
    Name,
    callback::Over,
    effect::{AlarmKind, Effect, Facts, HangupCause, Moment, Notice, Originate, Words},
    held::Held,
    input::Asked,
    machine::{Cx, Engine, Followed, Kind, Timer, hash_uuid},
    number::Number,
    operator::State,
    record::{
        AttemptRecord, CallbackId, CallbackState, ChannelId, CloseReason, Job, LegRecord, LiveId, Outcome, Role, Write,
    },
    recording,
    retry::Against,
    rules::{Answer, Key, Line, Operator, Order, Strategy},
    time::{Mono, Span, Wall},
};
use std::sync::Arc;
use uuid::Uuid;

/// Beyond a leg's own time-out, how long its end may take to reach us.
pub(super) const MARGIN: Span = Span::seconds(10);
/// The longest that an announcement may take before we go on without its end.
pub(super) const LONGEST_WORDS: Span = Span::seconds(60);
/// How long a parting sentence may take.
pub(super) const LONGEST_PARTING: Span = Span::seconds(15);
/// How long a caller who was taken out of a queue waits for its operator before the switch ends it: the bridge follows at
/// once, unless we are gone.
pub(super) const CALLER_PARK: Span = Span::seconds(60);
/// How long the switch may take to answer a question, to park or to bridge.
pub(super) const PROMPT: Span = Span::seconds(5);
/// How often a talk and a closing leg are looked after.
const LOOK: Span = Span::seconds(60);
/// How long after a hang-up a leg is looked for again.
const LOOK_CLOSING: Span = Span::seconds(3);
/// How long a trunk that could not carry a call is the last choice.
const TRUNK_REST: Span = Span::seconds(60);
/// A leg that is asked to end so many times and does not is an alarm.
const OVERDUE: u32 = 10;
/// Ringing progressively: after how long the next operator joins those who ring. mod_callcenter's own default.
const PROGRESS: Span = Span::seconds(10);
/// How long an operator is left alone whose phone the switch refuses to ring.
const NOT_RUNG: Span = Span::seconds(5);
/// How often an unanswered question is repeated.
const MOST_NUDGES: u32 = 2;

/// Where an attempt stands; the table above says how it moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Ringing,
    Waiting,
    Announcing(Option<Uuid>),
    Checking(Uuid),
    Dialling,
    Greeting(Option<Uuid>),
    Taking,
    Joining,
    Talking,
    Parted,
    Parting(Uuid),
    Excusing(Uuid),
    Closing,
    Settling,
}

/// What is known of a leg beyond its record.
#[derive(Clone, Debug)]
pub(super) struct Leg {
    /// CHANNEL_CREATE came, or the switch said that it exists.
    pub seen: bool,
    pub parked: bool,
    pub bridged: Option<ChannelId>,
    /// When a leg that was never seen is given up for good.
    pub gives_up: Mono,
    /// Which of the operator's phones.
    pub phone: usize,
    /// While settling: the switch has answered for it.
    pub settled: bool,
}

/// One try of a callback, in progress.
#[derive(Debug)]
pub(super) struct Attempt {
    pub record: AttemptRecord,
    pub legs: Vec<Leg>,
    pub stage: Stage,
    pub line: Arc<Line>,
    pub trunk: Name,
    /// The client's; a live caller may hide it.
    pub number: Option<Number>,
    pub since: Wall,
    pub facts: Facts,
    /// The template of what the operator hears first.
    pub announcement: Arc<str>,
    /// The place of the operator's leg that answered first.
    pub winner: Option<usize>,
    pub tried: Vec<Name>,
    /// Ringing progressively: when the next operator joins those who ring.
    pub joins: Option<Mono>,
    /// The client's own call was, or is about to be, parked by us: nobody else goes on with it.
    pub parked: bool,
    /// The operator pressed the key that takes the call.
    pub accepted: bool,
    /// The client's own live call, to be put through.
    pub taking: Option<ChannelId>,
    /// The client's phone is rung before an operator's.
    pub client_first: bool,
    /// The operator who is kept free meanwhile.
    pub kept: Option<Name>,
    /// The client waits for an operator.
    pub held: Option<Held>,
    /// Since when they talk, where we have heard it begin.
    pub talks: Option<Mono>,
    /// What the callback is closed with when this is over.
    pub close: Option<CloseReason>,
    pub outcome: Option<Outcome>,
    /// When the outcome, or what the callback is closed with, was known.
    pub decided: Option<Wall>,
    /// Trunks that could not carry the call.
    pub trunks: Vec<Name>,
    pub deadline: Mono,
    pub armed: Option<Mono>,
    pub nudges: u32,
    pub dirty: bool,
}

impl Attempt {
    pub fn id(&self) -> Job {
        self.record.job
    }

    /// For a client who waits on the line?
    pub fn is_live(&self) -> bool {
        matches!(self.record.job, Job::Live(_))
    }

    pub fn seen(&mut self, leg: usize) {
        self.legs[leg].seen = true;
    }

    pub fn operator_of(&self, id: &ChannelId) -> Option<Name> {
        self.record.legs.iter().find(|leg| leg.id == *id && leg.role == Role::Operator).map(|leg| leg.who.clone())
    }

    pub fn alive(&self, leg: usize) -> bool {
        self.record.legs[leg].ended.is_none()
    }

    pub fn anybody_rings(&self) -> bool {
        let rings = |leg: &LegRecord| leg.role == Role::Operator && leg.ended.is_none() && leg.answered.is_none();
        self.record.legs.iter().any(rings)
    }

    /// Is any leg of this operator alive?
    fn has(&self, name: &Name) -> bool {
        self.record.legs.iter().any(|leg| leg.role == Role::Operator && leg.who == *name && leg.ended.is_none())
    }

    /// When the attempt is to be looked after next.
    fn wakes(&self) -> Mono {
        let ringing = self.stage == Stage::Ringing;
        let sooner = [self.joins, self.held.map(|held| held.until)].into_iter().flatten().filter(|_| ringing);
        sooner.fold(self.deadline, Mono::min)
    }

    /// The client's leg that is alive: there is never more than one.
    pub fn client(&self) -> Option<usize> {
        self.record.legs.iter().rposition(|leg| leg.role == Role::Client && leg.ended.is_none())
    }

    pub fn client_was_dialled(&self) -> bool {
        self.record.legs.iter().any(|leg| leg.role == Role::Client)
    }

    /// The client's phone was answered, or rang until we stopped it.
    fn client_was_bothered(&self) -> bool {
        // Who answered and waited in vain has done their part: the next try is owed to them.
        if matches!(self.outcome, Some(Outcome::OperatorUnavailable | Outcome::Postponed)) {
            return false;
        }
        let stopped = self.outcome == Some(Outcome::OperatorDeclined);
        let legs = self.record.legs.iter().zip(&self.legs).filter(|(record, _)| record.role == Role::Client);
        legs.into_iter().any(|(record, leg)| record.answered.is_some() || (stopped && leg.seen))
    }

    /// The outcome is known: at the first time that is when, and it is stored, so that a crash does not forget it.
    pub fn comes_to(&mut self, outcome: Outcome, now: Wall) {
        self.record.outcome = Some(*self.outcome.get_or_insert(outcome));
        self.decided.get_or_insert(now);
        self.dirty = true;
    }

    pub fn is_answered(&self, leg: usize) -> bool {
        self.record.legs[leg].answered.is_some()
    }

    pub fn goes(&mut self, stage: Stage, deadline: Mono) {
        self.stage = stage;
        self.deadline = deadline;
        self.nudges = 0;
    }
}

impl Engine {
    /// Runs `f` on an attempt that is taken out meanwhile, and puts it back with its timer, its row, or its end.
    pub(super) fn with_attempt(
        &mut self,
        job: impl Into<Job>,
        cx: &mut Cx,
        f: impl FnOnce(&mut Engine, &mut Attempt, &mut Cx),
    ) {
        if let Some(mut at) = self.attempts.remove(&job.into()) {
            f(self, &mut at, cx);
            self.put_back(at, cx);
        }
    }

    /// Runs `f` for the attempt and the place of one of our legs.
    pub(super) fn leg_event(
        &mut self,
        id: &ChannelId,
        cx: &mut Cx,
        f: impl FnOnce(&mut Engine, &mut Attempt, usize, &mut Cx),
    ) {
        let Some(Kind::Leg(job)) = self.channels.get(id).map(|followed| &followed.kind) else { return };
        self.with_attempt(*job, cx, |engine, at, cx| {
            if let Some(leg) = at.record.legs.iter().position(|leg| leg.id == *id) {
                f(engine, at, leg, cx);
                if at.stage == Stage::Closing && at.alive(leg) && at.legs[leg].seen && at.nudges == 0 {
                    at.nudges = 1;
                    engine.hang_up(at, leg, HangupCause::Cancelled, cx);
                }
            }
        });
    }

    pub(super) fn put_back(&mut self, mut at: Box<Attempt>, cx: &mut Cx) {
        let id = at.id();
        // Before its first leg there is nothing that could be gone.
        let gone = (0..at.legs.len()).all(|leg| !at.alive(leg)) && (at.outcome.is_some() || !at.legs.is_empty());
        if let Some(armed) = at.armed.take() {
            self.timers.remove(&(armed, Timer::Attempt(id)));
        }
        if gone && at.outcome.is_none() {
            cx.alarm(AlarmKind::Impossible, format!("{id}: an attempt without legs and without an outcome"));
            at.outcome = Some(Outcome::Unknown);
        }
        if gone {
            return self.over(*at, cx);
        }
        if std::mem::take(&mut at.dirty) {
            cx.write(Write::Attempt(at.record.clone()));
        }
        let wakes = at.wakes();
        at.armed = Some(wakes);
        self.timers.insert((wakes, Timer::Attempt(id)));
        self.attempts.insert(id, at);
    }

    fn over(&mut self, mut at: Attempt, cx: &mut Cx) {
        let outcome = at.outcome.unwrap_or(Outcome::Unknown);
        at.record.outcome = Some(outcome);
        at.record.ended = Some(cx.now.wall);
        let talk = at.record.joined.map_or(Span::ZERO, |joined| cx.now.wall.since(joined));
        cx.write(Write::Attempt(at.record.clone()));
        for leg in &at.record.legs {
            if leg.role == Role::Operator {
                self.leave_operator(&at, &leg.who, cx);
            }
        }
        self.let_go_of_kept(&mut at);
        self.leave_trunk(&at.trunk);
        self.all_dirty();
        let over = Over {
            outcome,
            took: at.record.took.clone(),
            close: at.close.take(),
            decided: at.decided,
            bothered: at.client_was_bothered(),
            dialled: at.record.legs.iter().find(|leg| leg.role == Role::Client).map(|leg| leg.intended),
            operator: at.record.operator.clone(),
        };
        self.spend(&at.record, cx);
        let (Job::Callback(callback), Some(number)) = (at.id(), at.number) else {
            return self.offers_over(&at, over.outcome, cx);
        };
        if let Some(call) = at.record.took.clone() {
            self.fetch_if_cut(&call, &at, cx);
        }
        let again = self.attempt_over(callback, over, cx);
        cx.notice(Notice::AttemptEnded {
            callback,
            attempt: at.record.n,
            number,
            operator: at.record.operator.clone(),
            outcome,
            talk,
            again,
        });
    }

    // ---- legs out -----------------------------------------------------------------------------------------------

    /// May new legs be dialled at all?
    pub(super) fn may_dial(&self) -> bool {
        self.may_serve() && !self.paused
    }

    /// May operators be rung for those who wait on the line? A pause is of calling back, not of answering.
    pub(super) fn may_serve(&self) -> bool {
        self.store_works && !self.draining && !self.rules.observe
    }

    /// May operators be rung for this one?
    fn may_ring(&self, job: Job) -> bool {
        match job {
            Job::Callback(_) => self.may_dial(),
            Job::Live(_) => self.may_serve(),
        }
    }

    /// Rings the next operators of the group; with nobody left the attempt is over with `otherwise`, unless a client waits.
    pub(super) fn ring_next(&mut self, at: &mut Attempt, otherwise: Outcome, cx: &mut Cx) {
        let may = self.may_ring(at.id()) && at.close.is_none();
        let next = if may { self.who_next(&at.line.group, at.id(), &at.tried, cx.now) } else { Vec::new() };
        if next.is_empty() {
            return match at.held.is_some() {
                true => self.nobody_yet(at, cx),
                false => self.decide(at, otherwise, "", cx),
            };
        }
        at.winner = None;
        at.goes(Stage::Ringing, cx.now.mono);
        self.ring(at, &next, cx);
    }

    /// Rings these operators, beside those who ring already.
    fn ring(&mut self, at: &mut Attempt, next: &[Arc<Operator>], cx: &mut Cx) {
        let names: Vec<Name> = next.iter().map(|operator| operator.name.clone()).collect();
        self.offer(&at.line.group, at.id(), &at.tried, &names, cx);
        at.tried.extend(names.iter().cloned());
        for operator in next {
            self.ring_phones(at, operator, 0, cx);
        }
        let group = self.rules.groups.get(&at.line.group);
        let joining = group.is_some_and(|group| group.strategy == Strategy::RingProgressively);
        at.joins = joining.then_some(cx.now.mono + PROGRESS);
        self.show(names.clone(), at, Moment::Rings, cx);
        cx.notice(match (at.id(), at.number, &at.record.took) {
            (Job::Callback(callback), Some(number), _) => {
                Notice::Ringing { callback, attempt: at.record.n, operators: names, number, since: at.since }
            }
            (.., Some(call)) => Notice::Offered { call: call.clone(), operators: names },
            _ => return,
        });
    }

    /// Ringing progressively: one more joins those who ring.
    fn one_more(&mut self, at: &mut Attempt, cx: &mut Cx) {
        let up = self.links.get(&at.record.switch).is_some_and(|link| link.up);
        let may = up && self.may_ring(at.id()) && at.close.is_none();
        let next = if may { self.who_next(&at.line.group, at.id(), &at.tried, cx.now) } else { Vec::new() };
        match next.is_empty() {
            true => at.joins = Some(cx.now.mono + PROGRESS),
            false => self.ring(at, &next, cx),
        }
    }

    /// Rings the operator's phones from this one on, all together or the first that may be rung; was there any?
    fn ring_phones(&mut self, at: &mut Attempt, operator: &Operator, first: usize, cx: &mut Cx) -> bool {
        let state = self.operators.get(&operator.name);
        let may_ring = |phone: &usize| state.is_none_or(|state| state.may_ring(*phone, cx.now.mono));
        let most = match operator.order {
            Order::InOrder => 1,
            Order::Together => usize::MAX,
        };
        let phones: Vec<usize> = (first..operator.phones.len()).filter(may_ring).take(most).collect();
        phones.iter().for_each(|phone| self.ring_phone(at, operator, *phone, cx));
        at.deadline = at.deadline.max(cx.now.mono + operator.ring + MARGIN);
        !phones.is_empty()
    }

    fn ring_phone(&mut self, at: &mut Attempt, operator: &Operator, phone: usize, cx: &mut Cx) {
        let dial = operator.phones[phone].dial.clone();
        let leg =
            self.intend(at, Role::Operator, operator.name.clone(), operator.ring, Some((phone, dial.clone())), cx);
        let wait = at.line.redial.ring + LONGEST_WORDS + LONGEST_WORDS + MARGIN + operator.answer.delay();
        self.originate(at, leg, dial, None, at.number, wait, operator.agent.clone(), cx);
    }

    fn dial_client(&mut self, at: &mut Attempt, cx: &mut Cx) {
        let (Job::Callback(callback), Some(client)) = (at.id(), at.number) else { return };
        if at.client_first && !self.keep_or_go_without(at, cx.now) {
            return self.part(at, Outcome::OperatorUnavailable, "no operator is free any more", cx);
        }
        let Some(trunk) = self.rules.trunks.get(&at.trunk).cloned() else {
            return self.part(at, Outcome::Network, "the trunk is gone from the configuration", cx);
        };
        let ring = at.line.redial.ring;
        let leg = self.intend(at, Role::Client, trunk.name.clone(), ring, None, cx);
        let number = trunk.format.write(client);
        let wait = if at.client_first { self.longest_hold(at) } else { LONGEST_WORDS + MARGIN };
        self.originate(at, leg, trunk.dial.clone(), Some(number), Some(at.line.caller_id), wait, None, cx);
        if let Some(winner) = at.winner {
            cx.effect(Effect::Ringback { switch: at.record.switch.clone(), leg: at.record.legs[winner].id.clone() });
        }
        at.goes(Stage::Dialling, cx.now.mono + ring + MARGIN);
        cx.notice(Notice::Dialling { callback, attempt: at.record.n, number: client, since: at.since });
    }

    /// Writes down a leg before it is dialled; of an operator's, which phone it is and its dial string.
    fn intend(
        &mut self,
        at: &mut Attempt,
        role: Role,
        who: Name,
        ring: Span,
        phone: Option<(usize, Arc<str>)>,
        cx: &mut Cx,
    ) -> usize {
        let (phone, dial) = phone.unzip();
        let place = at.legs.len();
        let uuid = hash_uuid(self.seed, at.id().key() as u64, u64::from(at.record.n), place as u64);
        let id = ChannelId::new(&uuid.to_string());
        at.record.legs.push(LegRecord {
            id: id.clone(),
            role,
            who,
            phone: dial,
            intended: cx.now.wall,
            ring,
            answered: None,
            ended: None,
            cause: String::new(),
        });
        at.legs.push(Leg {
            seen: false,
            parked: false,
            bridged: None,
            gives_up: cx.now.mono + ring + MARGIN,
            phone: phone.unwrap_or(0),
            settled: true,
        });
        let kind = Kind::Leg(at.id());
        let followed = Followed { switch: at.record.switch.clone(), kind, bridged: None, seen: cx.now.mono };
        self.channels.insert(id, followed);
        at.dirty = true;
        place
    }

    #[allow(clippy::too_many_arguments)] // the two kinds of leg differ in just these
    fn originate(
        &mut self,
        at: &Attempt,
        leg: usize,
        dial: Arc<str>,
        number: Option<String>,
        shown: Option<Number>,
        park: Span,
        track: Option<String>,
        cx: &mut Cx,
    ) {
        let record = &at.record.legs[leg];
        cx.effect(Effect::Originate(Box::new(Originate {
            switch: at.record.switch.clone(),
            leg: record.id.clone(),
            job: hash_uuid(self.seed, at.id().key() as u64, u64::from(at.record.n), (1 << 32) + leg as u64),
            role: record.role,
            dial,
            number,
            shown,
            shown_name: if record.role == Role::Operator { at.facts.name.clone() } else { String::new() },
            ring: record.ring,
            cap: at.line.redial.longest_talk + park,
            park,
            track,
            of: at.id(),
            attempt: at.record.n,
        })));
    }

    pub(super) fn hang_up(&mut self, at: &Attempt, leg: usize, cause: HangupCause, cx: &mut Cx) {
        let channel = at.record.legs[leg].id.clone();
        cx.effect(Effect::Hangup { switch: at.record.switch.clone(), channel, cause });
    }

    /// Stops what is said or played on a leg.
    pub(super) fn hush(&mut self, at: &Attempt, leg: usize, cx: &mut Cx) {
        cx.effect(Effect::Hush { switch: at.record.switch.clone(), leg: at.record.legs[leg].id.clone() });
    }

    /// The outcome is known and nobody needs to hear it: every leg is let go.
    pub(super) fn decide(&mut self, at: &mut Attempt, outcome: Outcome, cause: &str, cx: &mut Cx) {
        at.comes_to(outcome, cx.now.wall);
        if at.record.cause.is_empty() {
            at.record.cause = cause.to_owned();
        }
        for leg in 0..at.legs.len() {
            if at.alive(leg) {
                let cause = if at.is_answered(leg) { HangupCause::Done } else { HangupCause::Cancelled };
                self.hang_up(at, leg, cause, cx);
            }
        }
        if at.record.joined.is_none()
            && !at.is_live()
            && let Some(call) = at.record.took.take()
            && at.parked
            && !self.is_given(&call)
        {
            // A caller whom we parked and for whom nobody is left: better an end than silence; the miss is kept.
            cx.effect(Effect::Hangup { switch: at.record.switch.clone(), channel: call, cause: HangupCause::Done });
        }
        at.goes(Stage::Closing, cx.now.mono + LOOK_CLOSING);
    }

    /// They talked and one side left. `hangup_after_bridge` ends the other leg, unless it is being transferred.
    pub(super) fn talked(&mut self, at: &mut Attempt, cx: &mut Cx) {
        let talk = at.talks.filter(|_| at.record.took.is_none()).map(|since| cx.now.mono.since(since));
        let least = at.line.redial.machine.shorter_than.unwrap_or(Span::ZERO);
        match talk.is_some_and(|talk| talk < least) && at.outcome.is_none() {
            // Whether the operator hung up or handed the client on shows at the client's end: at once, or later.
            true if at.client().is_some() => {}
            true => {
                at.record.cause = "so short a talk is held for a machine's".to_owned();
                at.comes_to(Outcome::Machine, cx.now.wall);
            }
            false => at.comes_to(Outcome::Talked, cx.now.wall),
        }
        at.goes(Stage::Parted, cx.now.mono + LOOK_CLOSING);
    }

    /// The outcome is known: the operator, who waits on the line, is told, then let go.
    pub(super) fn part(&mut self, at: &mut Attempt, outcome: Outcome, cause: &str, cx: &mut Cx) {
        let Some(winner) = at.winner.filter(|&leg| at.alive(leg)) else {
            return match at.held.is_some() {
                true => self.excuse(at, outcome, cause, cx),
                false => self.decide(at, outcome, cause, cx),
            };
        };
        at.comes_to(outcome, cx.now.wall);
        at.record.cause = cause.to_owned();
        if let Some(client) = at.client() {
            self.hang_up(at, client, HangupCause::Cancelled, cx);
        }
        // A ringback plays for ever, and what is said waits for its end; after a lost connection nobody knows what plays.
        use Stage::{Announcing, Dialling, Greeting, Joining, Settling};
        if matches!(at.stage, Announcing(Some(_)) | Dialling | Greeting(_) | Joining | Settling) {
            self.hush(at, winner, cx);
        }
        at.facts.outcome = outcome.as_str().to_owned();
        let token = self.say(at, winner, Arc::from(""), cx);
        at.goes(Stage::Parting(token), cx.now.mono + LONGEST_PARTING);
    }

    pub(super) fn say(&mut self, at: &Attempt, leg: usize, template: Arc<str>, cx: &mut Cx) -> Uuid {
        self.say_on(at, at.record.legs[leg].id.clone(), template, cx)
    }

    fn say_on(&mut self, at: &Attempt, leg: ChannelId, template: Arc<str>, cx: &mut Cx) -> Uuid {
        let token = self.token();
        cx.effect(Effect::Say {
            switch: at.record.switch.clone(),
            leg,
            token,
            words: Box::new(Words { template, language: at.line.language, facts: at.facts.clone() }),
        });
        token
    }

    // ---- legs in ------------------------------------------------------------------------------------------------

    pub(super) fn leg_taken(&mut self, at: &mut Attempt, leg: usize) {
        // The switch has the order; from here its own time-out runs.
        let ring = at.record.legs[leg].ring;
        at.legs[leg].gives_up = at.legs[leg].gives_up.max(self.clock.unwrap_or_default().mono + ring + MARGIN);
    }

    pub(super) fn leg_answered(&mut self, at: &mut Attempt, leg: usize, cx: &mut Cx) {
        at.legs[leg].seen = true;
        if at.is_answered(leg) || !at.alive(leg) {
            return;
        }
        at.record.legs[leg].answered = Some(cx.now.wall);
        at.dirty = true;
        match (at.record.legs[leg].role, at.stage) {
            (Role::Operator, Stage::Ringing) => self.operator_won(at, leg, cx),
            (Role::Operator, Stage::Settling) => {}
            // Two answered at once: the later one is let go. Never two operators for one client.
            (Role::Operator, _) => self.hang_up(at, leg, HangupCause::LostRace, cx),
            (Role::Client, Stage::Dialling) => self.client_there(at, leg, cx),
            (Role::Client, Stage::Settling) => {}
            (Role::Client, _) => self.hang_up(at, leg, HangupCause::Cancelled, cx),
        }
    }

    pub(super) fn operator_won(&mut self, at: &mut Attempt, leg: usize, cx: &mut Cx) {
        let name = at.record.legs[leg].who.clone();
        at.winner = Some(leg);
        at.record.operator = Some(name.clone());
        for other in 0..at.legs.len() {
            if other != leg && at.alive(other) && at.record.legs[other].role == Role::Operator {
                self.hang_up(at, other, HangupCause::LostRace, cx);
            }
        }
        at.accepted = false;
        let delay = self.answer_of(&name).delay();
        let answered = at.record.legs[leg].answered.unwrap_or(cx.now.wall);
        self.show(vec![name.clone()], at, Moment::Answered, cx);
        if let Job::Callback(callback) = at.id() {
            cx.notice(Notice::OperatorAnswered { callback, operator: name });
        }
        match Span(delay.0.saturating_sub(cx.now.wall.since(answered).0)) {
            Span::ZERO => {
                at.goes(Stage::Announcing(None), cx.now.mono + PROMPT);
                self.announce(at, cx);
            }
            left => at.goes(Stage::Waiting, cx.now.mono + left),
        }
    }

    fn answer_of(&self, operator: &str) -> Answer {
        self.rules.operators.get(operator).map_or(Answer::Person, |operator| operator.answer)
    }

    /// The key without which the operator who answered has not taken the call.
    fn key_wanted(&self, at: &Attempt) -> Option<Key> {
        match at.winner.map(|leg| self.answer_of(&at.record.legs[leg].who)) {
            Some(Answer::Press(key)) if !at.accepted => Some(key),
            _ => None,
        }
    }

    /// Says why the phone rang, once the leg waits for us; a client who is calling by now comes first.
    fn announce(&mut self, at: &mut Attempt, cx: &mut Cx) {
        let Some(winner) = at.winner.filter(|&leg| at.legs[leg].parked) else { return };
        let key = self.key_wanted(at);
        if key.is_none() && self.take_the_caller(at, cx) {
            return;
        }
        at.facts.key = key.map_or_else(String::new, |key| key.sign().to_string());
        if at.is_live() && key.is_none() && at.announcement.is_empty() {
            return self.check(at, cx);
        }
        let token = self.say(at, winner, at.announcement.clone(), cx);
        at.goes(Stage::Announcing(Some(token)), cx.now.mono + LONGEST_WORDS);
    }

    /// Somebody presses a key: the operator, or a client who waits for one.
    pub(super) fn pressed(&mut self, at: &mut Attempt, leg: usize, key: Key, cx: &mut Cx) {
        if at.held.is_some() && at.stage == Stage::Ringing && at.client() == Some(leg) {
            if at.line.redial.keys.later == Some(key) {
                self.postpone(at, cx);
            }
            return;
        }
        if at.winner != Some(leg) || at.outcome.is_some() {
            return;
        }
        let (keys, pressed) = (at.line.redial.keys, Some(key));
        match at.stage {
            Stage::Announcing(_) if self.key_wanted(at) == pressed => self.accept(at, leg, cx),
            Stage::Announcing(_) if keys.pass == pressed => self.pass_on(at, leg, Outcome::OperatorDeclined, cx),
            Stage::Announcing(_) if keys.never == pressed => {
                let operator = at.record.legs[leg].who.clone();
                self.call_off(at, CloseReason::DoNotCall { operator }, cx);
            }
            Stage::Talking if keys.machine == pressed && at.record.took.is_none() => {
                self.decide(at, Outcome::Machine, "the operator says that a machine answered", cx);
            }
            _ => {}
        }
    }

    /// The operator transferred the client: the talk goes on with somebody else, and in this row.
    fn handed_on(&mut self, at: &mut Attempt, to: &ChannelId, cx: &mut Cx) {
        if let Some(name) = self.who_is(to) {
            at.record.handed_to = Some(name.clone());
            at.dirty = true;
            self.show(vec![name], at, Moment::Talks, cx);
        }
    }

    /// What the two execute from now on is the dialplan's, when one of them is transferred.
    fn let_go(&self, at: &Attempt, cx: &mut Cx) {
        for leg in at.record.legs.iter().filter(|leg| leg.ended.is_none() && leg.answered.is_some()) {
            cx.effect(Effect::LetGo { switch: at.record.switch.clone(), channel: leg.id.clone() });
        }
    }

    /// The talk begins: it is recorded, where the line does that.
    fn record(&mut self, at: &mut Attempt, operator: usize, client: &ChannelId, cx: &mut Cx) {
        let Some(rule) = &at.line.redial.record else { return };
        let file = recording::file(&rule.file, &at.line, at.number, &at.record, cx.now.wall);
        cx.effect(Effect::Record {
            switch: at.record.switch.clone(),
            leg: at.record.legs[operator].id.clone(),
            client: client.clone(),
            file: file.clone(),
            stereo: rule.stereo,
        });
        if at.is_live() {
            self.caller_recorded(client, Some(file.clone()), cx);
        }
        at.record.recording = Some(file);
    }

    /// While they talk a voicemail's beep is listened for, once the switch has said that it can.
    pub(super) fn listen(&self, at: &Attempt, client: usize, sure: bool, cx: &mut Cx) {
        if at.stage == Stage::Talking {
            let leg = at.record.legs[client].id.clone();
            cx.effect(Effect::Listen { switch: at.record.switch.clone(), leg, sure });
        }
    }

    /// A voicemail beeps: whatever was said to it, nobody heard.
    pub(super) fn beeps(&mut self, at: &mut Attempt, leg: usize, cx: &mut Cx) {
        if at.stage != Stage::Talking || at.client() != Some(leg) {
            return;
        }
        match at.line.redial.machine.say.clone() {
            Some(_) => self.leave_words(at, leg, cx),
            None => self.decide(at, Outcome::Machine, "a machine's beep", cx),
        }
    }

    /// The operator takes it: enough is said.
    fn accept(&mut self, at: &mut Attempt, leg: usize, cx: &mut Cx) {
        at.accepted = true;
        if self.take_the_caller(at, cx) {
            return;
        }
        self.hush(at, leg, cx);
        self.check(at, cx);
    }

    /// The operator who answered does not take it: the next one, at no cost.
    fn pass_on(&mut self, at: &mut Attempt, leg: usize, otherwise: Outcome, cx: &mut Cx) {
        at.winner = None;
        self.hang_up(at, leg, HangupCause::Done, cx);
        let name = at.record.legs[leg].who.clone();
        self.operator_rang_in_vain(&name, otherwise == Outcome::OperatorDeclined, cx);
        self.ring_next(at, otherwise, cx);
    }

    fn client_there(&mut self, at: &mut Attempt, leg: usize, cx: &mut Cx) {
        at.goes(Stage::Greeting(None), cx.now.mono + PROMPT);
        if at.legs[leg].parked {
            self.greet(at, leg, cx);
        }
    }

    fn greet(&mut self, at: &mut Attempt, leg: usize, cx: &mut Cx) {
        if at.client_first && at.winner.is_none() {
            return self.hold(at, leg, cx);
        }
        match at.line.redial.announce_client.clone() {
            Some(template) => {
                let token = self.say(at, leg, template, cx);
                at.goes(Stage::Greeting(Some(token)), cx.now.mono + LONGEST_WORDS);
            }
            None => self.join(at, cx),
        }
    }

    /// Bridges the operator with the client's leg, or with the client's own call.
    pub(super) fn join(&mut self, at: &mut Attempt, cx: &mut Cx) {
        let client = match (&at.record.took, at.client()) {
            (Some(call), _) => call.clone(),
            (None, Some(leg)) => at.record.legs[leg].id.clone(),
            (None, None) => return self.part(at, Outcome::Unknown, "the client is gone", cx),
        };
        let Some(winner) = at.winner else {
            return self.decide(at, Outcome::OperatorDeclined, "the operator is gone", cx);
        };
        let operator = at.record.legs[winner].id.clone();
        self.joining(&client);
        cx.effect(Effect::Bridge { switch: at.record.switch.clone(), operator, client });
        at.goes(Stage::Joining, cx.now.mono + PROMPT);
    }

    pub(super) fn parked(&mut self, id: &ChannelId, cx: &mut Cx) {
        self.caller_parked(id, cx);
        if let Some(number) = self.caller(id).and_then(|caller| caller.record.number) {
            if let Some(callback) = self.open.get(&number).copied() {
                self.with_attempt(callback, cx, |engine, at, cx| {
                    if at.record.took.as_ref() == Some(id) {
                        at.parked = true;
                        if at.stage == Stage::Taking {
                            engine.join_caller(at, id, cx);
                        }
                    }
                });
            }
            return;
        }
        self.leg_event(id, cx, |engine, at, leg, cx| {
            at.legs[leg].parked = true;
            match at.stage {
                Stage::Announcing(None) if at.winner == Some(leg) => engine.announce(at, cx),
                Stage::Greeting(None) if at.client() == Some(leg) => engine.greet(at, leg, cx),
                Stage::Excusing(token) if token.is_nil() && at.client() == Some(leg) => {
                    engine.say_to_machine(at, leg, cx)
                }
                _ => {}
            }
        });
    }

    /// What was said on a channel is over: a leg of ours, or the client's own call that is being put through.
    pub(super) fn said_on(&mut self, id: &ChannelId, token: Uuid, cx: &mut Cx) {
        let live = Job::Live(LiveId::of(id));
        if self.attempts.get(&live).is_some_and(|at| at.stage == Stage::Greeting(Some(token))) {
            return self.with_attempt(live, cx, |engine, at, cx| engine.said(at, token, cx));
        }
        if self.caller_heard(id, token, cx) {
            return;
        }
        let number = self.caller(id).and_then(|caller| caller.record.number);
        match number.and_then(|number| self.open.get(&number).copied()) {
            Some(callback) => self.with_attempt(callback, cx, |engine, at, cx| {
                if at.record.took.as_ref() == Some(id) {
                    engine.said(at, token, cx);
                }
            }),
            None => self.leg_event(id, cx, |engine, at, _, cx| engine.said(at, token, cx)),
        }
    }

    /// The client's own call is parked: they hear that the talk is recorded, if it is, and are joined.
    fn join_caller(&mut self, at: &mut Attempt, call: &ChannelId, cx: &mut Cx) {
        let Some(notice) = at.line.redial.record.as_ref().and_then(|record| record.notice.clone()) else {
            return self.join(at, cx);
        };
        self.makes_way(call, cx);
        let token = self.say_on(at, call.clone(), notice, cx);
        at.goes(Stage::Greeting(Some(token)), cx.now.mono + LONGEST_WORDS);
    }

    pub(super) fn said(&mut self, at: &mut Attempt, token: Uuid, cx: &mut Cx) {
        if at.held.is_some_and(|held| held.token == token) {
            return self.held_heard(at, cx);
        }
        match at.stage {
            Stage::Announcing(Some(mine)) if mine == token && self.key_wanted(at).is_some() => self.repeat(at, cx),
            Stage::Announcing(Some(mine)) if mine == token => self.check(at, cx),
            Stage::Greeting(Some(mine)) if mine == token => self.join(at, cx),
            Stage::Parting(mine) | Stage::Excusing(mine) if mine == token => self.decide(at, Outcome::Unknown, "", cx),
            _ => {} // the end of something that was hushed
        }
    }

    /// No key yet: the announcement once more, as long as there is time.
    fn repeat(&mut self, at: &mut Attempt, cx: &mut Cx) {
        let until = at.deadline;
        self.announce(at, cx);
        at.deadline = until;
    }

    /// Before the client's leg the switch is asked for live calls of that number (never a dial after the client got
    /// through, never two calls with one client).
    pub(super) fn check(&mut self, at: &mut Attempt, cx: &mut Cx) {
        if at.held.is_some() {
            return self.join_held(at, cx);
        }
        if at.is_live() {
            return self.join_live(at, cx);
        }
        let token = self.token();
        cx.effect(Effect::AskChannels { switch: at.record.switch.clone(), token });
        let nudges = at.nudges;
        at.goes(Stage::Checking(token), cx.now.mono + PROMPT);
        at.nudges = nudges;
        if at.nudges == 0 {
            at.nudges = 1;
        }
    }

    /// The answer is there, and what it told is known.
    pub(super) fn checked(&mut self, at: &mut Attempt, cx: &mut Cx) {
        let (Job::Callback(callback), Some(number)) = (at.id(), at.number) else { return };
        if let Some(call) = self.unserved_call(number)
            && self.take(at, call, cx)
        {
            return;
        }
        let against = self.against(callback, &at.line, cx.now.wall);
        let veto = match () {
            _ if !self.live_calls(number).is_empty() => Some("the client is on the line with somebody"),
            _ if at.close.is_some() => Some("the callback was taken off"),
            _ if against.is_some() => against.map(Against::as_str),
            _ if !self.store_works => Some("the store takes no writes"),
            _ if self.draining => Some("the daemon is stopping"),
            _ if !self.may_dial() => Some("dialling is paused"),
            _ => None,
        };
        match veto {
            Some(why) => self.part(at, Outcome::Cancelled, why, cx),
            None => self.dial_client(at, cx),
        }
    }

    pub(super) fn leg_bridged(&mut self, at: &mut Attempt, leg: usize, other: &ChannelId, cx: &mut Cx) {
        at.legs[leg].bridged = Some(other.clone());
        let ours = at.record.legs.iter().any(|l| l.id == *other);
        if at.record.joined.is_some() && at.record.legs[leg].role == Role::Client && !ours {
            self.handed_on(at, other, cx);
        }
        let with_client = at.record.took.as_ref() == Some(other)
            || at.record.legs.iter().any(|l| l.role == Role::Client && l.id == *other);
        if at.winner != Some(leg) || !with_client || !matches!(at.stage, Stage::Joining | Stage::Taking) {
            return;
        }
        at.held = None;
        at.record.joined = Some(cx.now.wall);
        at.dirty = true;
        if let Some(number) = at.number {
            self.last_talks.note(number, cx.now.wall, at.record.legs[leg].who.clone());
        }
        at.talks = Some(cx.now.mono);
        at.goes(Stage::Talking, cx.now.mono + LOOK);
        self.show(vec![at.record.legs[leg].who.clone()], at, Moment::Talks, cx);
        self.record(at, leg, other, cx);
        self.let_go(at, cx);
        if let Some(client) = at.client().filter(|_| at.line.redial.machine.beep && at.record.took.is_none()) {
            self.listen(at, client, false, cx);
        }
        if let (Job::Callback(callback), Some(number)) = (at.id(), at.number) {
            let (operator, took) = (at.record.legs[leg].who.clone(), at.record.took.is_some());
            cx.notice(Notice::Joint { callback, operator, number, took, since: at.since });
        }
    }

    pub(super) fn leg_ended(
        &mut self,
        at: &mut Attempt,
        leg: usize,
        outcome: Outcome,
        cause: &str,
        unregistered: bool,
        cx: &mut Cx,
    ) {
        if !at.alive(leg) {
            return;
        }
        let id = at.record.legs[leg].id.clone();
        self.channels.remove(&id);
        self.remember_end(id);
        at.record.legs[leg].ended = Some(cx.now.wall);
        at.record.legs[leg].cause = cause.to_owned();
        at.legs[leg].settled = true;
        at.dirty = true;
        match at.record.legs[leg].role {
            Role::Operator => self.operator_leg_ended(at, leg, outcome, unregistered, cx),
            Role::Client => self.client_leg_ended(at, leg, outcome, cause, cx),
        }
        if at.stage == Stage::Settling {
            self.resume(at, cx);
        }
    }

    fn operator_leg_ended(&mut self, at: &mut Attempt, leg: usize, outcome: Outcome, unregistered: bool, cx: &mut Cx) {
        let name = at.record.legs[leg].who.clone();
        let answered = at.is_answered(leg);
        let wanted = at.outcome.is_none() && at.stage != Stage::Settling;
        if !answered && wanted && at.stage == Stage::Ringing {
            return self.phone_unanswered(at, leg, outcome, unregistered, cx);
        }
        if let Some(joined) = at.record.joined
            && answered
            && at.winner.is_none_or(|winner| winner == leg)
        {
            self.operator_talked(&name, cx.now.wall.since(joined), cx);
        }
        if !at.has(&name) {
            self.leave_operator(at, &name, cx);
        }
        if at.winner != Some(leg) {
            return;
        }
        at.winner = None;
        match at.stage {
            Stage::Talking => self.talked(at, cx),
            Stage::Parting(_) => self.decide(at, Outcome::Unknown, "", cx),
            Stage::Parted | Stage::Closing | Stage::Settling | Stage::Excusing(_) => {}
            _ if at.held.is_some() => {
                self.operator_rang_in_vain(&name, true, cx);
                self.held_again(at, Outcome::OperatorDeclined, cx);
            }
            _ if at.client_was_dialled() => self.decide(at, Outcome::OperatorDeclined, "the operator left", cx),
            _ => {
                self.operator_rang_in_vain(&name, true, cx);
                self.ring_next(at, Outcome::OperatorDeclined, cx);
            }
        }
    }

    /// An operator's phone rang in vain: the next phone, the others who still ring, the next operator.
    fn phone_unanswered(&mut self, at: &mut Attempt, leg: usize, outcome: Outcome, unregistered: bool, cx: &mut Cx) {
        let (name, phone) = (at.record.legs[leg].who.clone(), at.legs[leg].phone);
        let operator = self.rules.operators.get(&name).cloned();
        if let Some(phone) = operator.as_ref().and_then(|operator| operator.phones.get(phone)).filter(|_| unregistered)
        {
            self.registered(&phone.user, false, cx);
        }
        if at.has(&name) {
            return;
        }
        // Who has taken another call meanwhile, or is away by now, is not sought on the next phone.
        let there = self.operators.get(&name).is_none_or(State::keeps_all);
        if let Some(operator) = operator.filter(|operator| there && operator.order == Order::InOrder)
            && self.may_ring(at.id())
            && self.ring_phones(at, &operator, phone + 1, cx)
        {
            return;
        }
        match outcome {
            // The switch did not even try: nobody has missed anything.
            Outcome::Network if !at.legs[leg].seen => self.operator_rests(&name, NOT_RUNG, cx),
            _ => self.operator_rang_in_vain(&name, matches!(outcome, Outcome::Busy | Outcome::Declined), cx),
        }
        self.leave_operator(at, &name, cx);
        if !at.anybody_rings() {
            let why = if unregistered { "no phone is registered" } else { "no operator answered" };
            at.record.cause = why.to_owned();
            self.ring_next(at, Outcome::OperatorUnavailable, cx);
        }
    }

    fn client_leg_ended(&mut self, at: &mut Attempt, leg: usize, outcome: Outcome, cause: &str, cx: &mut Cx) {
        if at.outcome.is_some() {
            return;
        }
        match at.stage {
            Stage::Talking | Stage::Parted => self.talked(at, cx),
            // Answered, and gone before the operator was there: as if the client had not answered.
            Stage::Greeting(_) | Stage::Joining if at.is_answered(leg) => self.part(at, Outcome::NoAnswer, cause, cx),
            Stage::Ringing | Stage::Waiting | Stage::Announcing(_) if at.held.is_some() => {
                self.part(at, Outcome::NoAnswer, cause, cx);
            }
            Stage::Dialling => {
                if outcome == Outcome::Network && self.other_trunk(at, cause, cx) {
                    return self.check(at, cx);
                }
                self.part(at, outcome, cause, cx);
            }
            _ => {}
        }
    }

    /// A trunk could not carry the call: it rests, and the line's next one is tried while the operator waits.
    fn other_trunk(&mut self, at: &mut Attempt, cause: &str, cx: &mut Cx) -> bool {
        cx.alarm(AlarmKind::Trunk, format!("trunk {} could not carry a call: {cause}", at.trunk));
        self.resting_trunks.insert(at.trunk.clone(), cx.now.mono + TRUNK_REST);
        at.trunks.push(at.trunk.clone());
        let next = self.free_trunk(&at.line, &at.trunks, Some(&at.record.switch), cx.now.mono);
        let Some(next) = next.filter(|_| at.winner.is_some() || at.client_first) else { return false };
        self.leave_trunk(&at.trunk);
        *self.trunks.entry(next.clone()).or_default() += 1;
        at.trunk = next;
        true
    }

    pub(super) fn refused(
        &mut self,
        id: &ChannelId,
        what: Asked,
        text: &str,
        outcome: Outcome,
        unregistered: bool,
        cx: &mut Cx,
    ) {
        if what == Asked::Say {
            self.caller_refused(id, text, cx);
        }
        self.leg_event(id, cx, |engine, at, leg, cx| match what {
            // A leg that was seen ends with its own event; one that never was ends with this.
            Asked::Originate if !at.legs[leg].seen => {
                engine.leg_ended(at, leg, outcome, text, unregistered, cx);
            }
            Asked::Say if at.held.is_some() && at.client() == Some(leg) => engine.held_refused(at, leg, text, cx),
            Asked::Record => {
                cx.alarm(AlarmKind::Limit, format!("{}: the talk is not recorded: {text}", at.id()));
                at.record.recording = None;
                at.dirty = true;
                if let Some(call) = at.record.took.clone().filter(|_| at.is_live()) {
                    engine.caller_recorded(&call, None, cx);
                }
            }
            Asked::Listen => cx.alarm(AlarmKind::Limit, format!("no beep is listened for: {text}")),
            Asked::Bridge if at.stage == Stage::Joining => engine.part(at, Outcome::Network, text, cx),
            Asked::Say => match at.stage {
                Stage::Announcing(_) => {
                    cx.alarm(AlarmKind::Limit, format!("an announcement could not be spoken: {text}"));
                    // Where a key is wanted it is waited for all the same: nothing is dialled without.
                    if engine.key_wanted(at).is_none() {
                        engine.check(at, cx);
                    }
                }
                Stage::Greeting(_) => engine.join(at, cx),
                Stage::Parting(_) | Stage::Excusing(_) => engine.decide(at, Outcome::Unknown, "", cx),
                _ => {}
            },
            Asked::Other => engine.once_more(at, leg, cx),
            _ => {}
        });
    }

    /// The switch refused to stop a sound or to end a leg: nobody is left with either for long.
    fn once_more(&mut self, at: &mut Attempt, leg: usize, cx: &mut Cx) {
        let waits = at.held.is_some() && at.client() == Some(leg);
        let repeats = at.nudges < MOST_NUDGES && at.alive(leg) && !waits;
        match at.stage {
            Stage::Parting(_) if repeats && at.winner == Some(leg) => {
                // Stopping a sound throws away what waits behind it: it is said again.
                self.hush(at, leg, cx);
                let (token, nudges) = (self.say(at, leg, Arc::from(""), cx), at.nudges + 1);
                at.goes(Stage::Parting(token), cx.now.mono + LONGEST_PARTING);
                at.nudges = nudges;
            }
            Stage::Parting(_) if at.winner == Some(leg) => self.decide(at, Outcome::Unknown, "", cx),
            // One who lost the race or passed the call on; a client for whom nobody is there.
            Stage::Ringing | Stage::Parting(_) if repeats && at.winner != Some(leg) && at.is_answered(leg) => {
                at.nudges += 1;
                self.hang_up(at, leg, HangupCause::Done, cx);
            }
            Stage::Closing if repeats && at.nudges > 0 => {
                at.nudges += 1;
                self.hang_up(at, leg, HangupCause::Cancelled, cx);
            }
            _ => {}
        }
    }

    pub(super) fn withheld(&mut self, leg: &ChannelId, cx: &mut Cx) {
        self.leg_event(leg, cx, |engine, at, leg, cx| {
            engine.leg_ended(at, leg, Outcome::Unknown, "not dialled: the store takes no writes", false, cx);
        });
    }

    // ---- the client calls by themselves -------------------------------------------------------------------------

    /// A client whose callback is under way calls: the call is put through to the operator who is there for it.
    pub(super) fn client_is_here(&mut self, number: Number, call: &ChannelId, cx: &mut Cx) {
        let Some(id) = self.open.get(&number).copied() else { return };
        self.with_attempt(id, cx, |engine, at, cx| match at.stage {
            // No operator is there whom they could be put through to: they go their way as if we had not dialled.
            Stage::Checking(_) | Stage::Dialling if at.client_first && at.winner.is_none() => {
                engine.part(at, Outcome::Cancelled, "the client calls by themselves", cx);
            }
            _ if at.client_first => {}
            Stage::Ringing | Stage::Waiting => at.taking = Some(call.clone()),
            Stage::Announcing(_) if engine.key_wanted(at).is_some() => at.taking = Some(call.clone()),
            Stage::Announcing(_) | Stage::Checking(_) | Stage::Dialling => {
                at.taking = Some(call.clone());
                engine.take(at, call.clone(), cx);
            }
            // Busy, perhaps because they were calling us: the operator is still there, so nothing is over yet.
            Stage::Parting(_) if at.close.is_none() => {
                let taken = engine.take(at, call.clone(), cx);
                if taken {
                    (at.outcome, at.record.outcome, at.decided) = (None, None, None);
                    at.record.cause.clear();
                    at.facts.outcome.clear();
                }
            }
            _ => {}
        });
    }

    /// Takes the client's own call that came before the operator was there for it.
    fn take_the_caller(&mut self, at: &mut Attempt, cx: &mut Cx) -> bool {
        at.taking.clone().is_some_and(|call| self.take(at, call, cx))
    }

    /// Takes the client's own call out of where it waits. Only one that nobody has yet, on the switch of the attempt.
    fn take(&mut self, at: &mut Attempt, call: ChannelId, cx: &mut Cx) -> bool {
        let takable = self
            .channels
            .get(&call)
            .is_some_and(|followed| followed.bridged.is_none() && followed.switch == at.record.switch);
        if !takable || at.winner.is_none_or(|winner| !at.legs[winner].parked) {
            return false;
        }
        if let (Stage::Announcing(Some(_)) | Stage::Parting(_), Some(winner)) = (at.stage, at.winner) {
            self.hush(at, winner, cx);
        }
        if let Some(client) = at.client() {
            self.hang_up(at, client, HangupCause::Cancelled, cx);
        }
        at.taking = Some(call.clone());
        at.record.took = Some(call.clone());
        at.dirty = true;
        at.parked = true;
        if self.is_given(&call) {
            self.join_caller(at, &call, cx); // it waits for us already
            return true;
        }
        cx.effect(Effect::Park { switch: at.record.switch.clone(), channel: call, limit: CALLER_PARK });
        at.goes(Stage::Taking, cx.now.mono + PROMPT);
        true
    }

    /// Somebody talks with the client: if it is not our operator, ours is told and let go.
    pub(super) fn client_was_taken(&mut self, number: Number, call: &ChannelId, by: &ChannelId, cx: &mut Cx) {
        let Some(id) = self.open.get(&number).copied() else { return };
        self.with_attempt(id, cx, |engine, at, cx| {
            let ours = at.record.legs.iter().any(|leg| leg.id == *by);
            if !ours && at.record.took.as_ref() == Some(call) && at.record.joined.is_some() {
                engine.handed_on(at, by, cx);
            }
            if ours || at.outcome.is_some() || matches!(at.stage, Stage::Talking | Stage::Settling) {
                return;
            }
            if at.record.took.as_ref() == Some(call) {
                at.record.took = None;
            }
            at.taking = None;
            engine.part(at, Outcome::Cancelled, "another operator has the client", cx);
        });
    }

    /// A live call of this number is over.
    pub(super) fn client_left(&mut self, number: Option<Number>, call: &ChannelId, cx: &mut Cx) {
        let Some(id) = number.and_then(|number| self.open.get(&number).copied()) else { return };
        if let Some(group) = self.callbacks.get(&id).and_then(|record| self.group_of(&record.line)) {
            self.dirty.insert(group);
        }
        self.with_attempt(id, cx, |engine, at, cx| {
            if at.taking.as_ref() == Some(call) {
                at.taking = None;
            }
            if at.record.took.as_ref() != Some(call) || at.record.joined.is_some() {
                return;
            }
            at.record.took = None;
            at.dirty = true;
            if matches!(at.stage, Stage::Taking | Stage::Greeting(_) | Stage::Joining) && at.outcome.is_none() {
                match at.winner {
                    Some(_) => engine.check(at, cx),
                    None => engine.decide(at, Outcome::OperatorDeclined, "", cx),
                }
            }
        });
    }

    /// Is this call the one that an attempt put through?
    pub(super) fn taken_by(&self, number: Number, call: &ChannelId) -> Option<CallbackId> {
        let id = *self.open.get(&number)?;
        let at = self.attempts.get(&id.into())?;
        (at.record.took.as_ref() == Some(call) && at.record.joined.is_some()).then_some(id)
    }

    /// The callback is closed while an attempt is under way.
    pub(super) fn call_off(&mut self, at: &mut Attempt, reason: CloseReason, cx: &mut Cx) {
        let over = matches!(&reason, CloseReason::ClientCalled { call } if at.record.took.as_ref() == Some(call));
        let ending = CallbackState::Ending { at: cx.now.wall, reason: reason.clone() };
        match at.stage {
            Stage::Talking if over => self.talked(at, cx),
            Stage::Talking => return, // they talk: nothing is better than that
            Stage::Parted => return,
            Stage::Closing | Stage::Parting(_) if at.outcome == Some(Outcome::Talked) => return,
            Stage::Closing | Stage::Parting(_) | Stage::Excusing(_) => {}
            Stage::Settling => {}
            _ => self.part(at, Outcome::Cancelled, reason.as_str(), cx),
        }
        if at.close.is_none() {
            at.close = Some(reason);
            at.decided = Some(cx.now.wall);
            if let Job::Callback(id) = at.id() {
                self.change(id, cx, |record, _| record.state = ending);
            }
        }
    }

    /// No new legs: who is rung for nothing is let go.
    pub(super) fn let_go_of_ringing(&mut self, cx: &mut Cx) {
        for id in self.attempts.keys().copied().collect::<Vec<_>>() {
            self.with_attempt(id, cx, |engine, at, cx| match at.stage {
                Stage::Ringing | Stage::Waiting | Stage::Announcing(_) | Stage::Checking(_) => {
                    let waits = at.held.is_some() && at.winner.is_none();
                    let outcome = if waits { Outcome::OperatorUnavailable } else { Outcome::Cancelled };
                    engine.part(at, outcome, "the daemon is stopping", cx);
                }
                _ => {}
            });
        }
    }

    // ---- time ---------------------------------------------------------------------------------------------------

    /// The stage took longer than it should: what we did not hear of is asked for.
    pub(super) fn overdue(&mut self, at: &mut Attempt, cx: &mut Cx) {
        at.armed = None;
        if let Some(held) = &mut at.held
            && at.stage == Stage::Ringing
            && held.until <= cx.now.mono
        {
            // Without a connection nothing can be said: a moment more of music.
            held.until = cx.now.mono + PROMPT;
            if self.links.get(&at.record.switch).is_some_and(|link| link.up) {
                return self.excuse(at, Outcome::OperatorUnavailable, "no operator came in time", cx);
            }
        }
        if at.stage == Stage::Ringing && at.joins.take().is_some() && cx.now.mono < at.deadline {
            return self.one_more(at, cx);
        }
        at.deadline = cx.now.mono + PROMPT;
        if !self.links.contains_key(&at.record.switch) {
            at.comes_to(Outcome::Unknown, cx.now.wall);
            for leg in 0..at.legs.len() {
                self.leg_ended(at, leg, Outcome::Unknown, "its switch is gone from the configuration", false, cx);
            }
            return;
        }
        if !self.links.get(&at.record.switch).is_some_and(|link| link.up) {
            return;
        }
        at.nudges += 1;
        match at.stage {
            Stage::Announcing(None) => {
                at.winner.into_iter().for_each(|leg| at.legs[leg].parked = true);
                self.announce(at, cx);
            }
            Stage::Greeting(None) => match at.client() {
                Some(client) => self.greet(at, client, cx),
                None => self.part(at, Outcome::Unknown, "the client is gone", cx),
            },
            Stage::Waiting => {
                at.goes(Stage::Announcing(None), cx.now.mono + PROMPT);
                self.announce(at, cx);
            }
            Stage::Announcing(Some(_)) => match (self.key_wanted(at), at.winner) {
                (Some(_), Some(leg)) => {
                    at.record.cause = "nobody pressed the key".to_owned();
                    self.pass_on(at, leg, Outcome::OperatorUnavailable, cx);
                }
                _ => self.check(at, cx),
            },
            Stage::Greeting(Some(_)) => self.join(at, cx),
            Stage::Checking(_) if at.nudges > MOST_NUDGES => {
                self.part(at, Outcome::Network, "the switch did not say what is alive", cx);
            }
            Stage::Checking(_) => self.check(at, cx),
            Stage::Parting(_) | Stage::Excusing(_) => self.decide(at, Outcome::Unknown, "", cx),
            Stage::Joining | Stage::Taking if at.nudges > MOST_NUDGES => {
                self.part(at, Outcome::Network, "the switch did not join the two", cx);
            }
            Stage::Talking | Stage::Parted => {
                at.deadline = cx.now.mono + LOOK;
                self.ask_legs(at, cx);
            }
            Stage::Closing => {
                if at.nudges == OVERDUE {
                    cx.alarm(AlarmKind::Overdue, format!("{}: a leg does not end", at.id()));
                }
                at.deadline = cx.now.mono + if at.nudges > 3 + MOST_NUDGES { LOOK } else { LOOK_CLOSING };
                (0..at.legs.len())
                    .filter(|&leg| at.alive(leg))
                    .for_each(|leg| self.hang_up(at, leg, HangupCause::Cancelled, cx));
                self.ask_legs(at, cx);
            }
            Stage::Ringing | Stage::Dialling | Stage::Joining | Stage::Taking | Stage::Settling => {
                self.ask_legs(at, cx);
            }
        }
    }

    pub(super) fn ask_legs(&mut self, at: &Attempt, cx: &mut Cx) {
        let switch = &at.record.switch;
        let legs = at.record.legs.iter().filter(|leg| leg.ended.is_none()).map(|leg| &leg.id);
        for channel in legs.chain(&at.record.took).cloned() {
            cx.effect(Effect::AskLeg { switch: switch.clone(), channel });
        }
    }
}
