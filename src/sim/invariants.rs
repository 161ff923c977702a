//! What must never happen, by name, judged from what the switch and the telephones did and from what the store says.
//!
//! | name | says |
//! |---|---|
//! | `one_client_leg_per_number` | no two live legs of ours ring or hold one client |
//! | `no_dial_outside_hours` | no client is dialled while the line's calendar is shut, in hours to avoid, or more often a day or a week than the line allows |
//! | `no_dial_within_the_window` | nobody is rung for a client before the tracking window has ended |
//! | `no_dial_after_got_through` | no client is dialled who got through since the miss, or who is calling |
//! | `no_missed_call_lost` | every missed call is in the journal with its callback; one that left the queue too, unless its way there says that nobody calls back |
//! | `one_operator_per_client` | no client is in two talks |
//! | `no_operator_on_dead_line` | no operator of ours waits with nothing said, nobody dialled and nobody to talk with |
//! | `operator_before_client` | an operator has answered before the client's phone rings, and is there: by the exchange's time, by the key |
//! | `person_within_a_second` | a client who answered hears a person within a second of that, or of the announcement's end |
//! | `free_operator_before_client` | where the client is rung first, there is an operator with room for one more call for each client who is rung |
//! | `client_never_in_silence` | a client who was rung first, or who waits in our queue, hears something, until somebody talks with them or they are gone |
//! | `free_operator_serves_the_queue` | nobody whom we hold waits beside an operator who may be rung for them: pauses, levels and the client's own operator aside |
//! | `never_more_callbacks_than_free_operators` | no operator is rung who is on the phone, nor for two clients, unless they take as many calls at once; nor on two phones, unless those ring together |
//! | `written_before_dialled` | a leg is in the store before its phone is called |
//! | `uuid_never_dialled_twice` | no uuid is chosen for two originates |
//! | `no_leg_past_its_cap` | every leg carries its own end, and none outlives it |
//! | `no_row_without_reason` | every closed callback says why, and that is true; every ended row says how, and how it left the queue |
//! | `no_impossible_state` | the engine never finds itself in a state that it holds impossible |
//! | `nothing_outside_in_a_command` | nothing that came from outside is expanded or understood as a command |
//! | `every_miss_ends` | in the end every missed call came to a conversation or a reason |
//!
//! Fair means: from the moment that we could have known. While something is wrong with the daemon's eyes (it is dead, not
//! connected, events are lost or late) and shortly after, what it could not see is not held against it; what it must hold
//! at any time (the legs that it dials itself) always is.

use super::{
    house::{House, LineOf},
    shell::Said,
    switch::{Channel, Outside, Party, PretendSwitch},
};
use crate::{
    engine::{
        effect::{AlarmKind, Notice},
        input::Direction,
        number::Number,
        record::{
            CallRecord, CallbackId, CallbackRecord, ChannelId, CloseReason, Job, KnownBy, Left, LiveId, Origin, Role,
        },
        rules::{Answer, Manners, Missed, Order, Way},
        time::{Mono, Now, Span, Wall},
    },
    store::{JournalQuery, Known, Memory},
};
use jiff::civil::DateTime;
use std::collections::{BTreeMap, BTreeSet};

/// How long after something happened the daemon may still not know it: the wire there, a step, the wire back.
const NOTICE: Span = Span(2000);
/// How long after it sees again the daemon may take to have asked for everything: twice, since the switch's table lags.
const CATCH_UP: Span = Span::seconds(12);
/// How long a missed call may take into the journal: a lost end is looked for.
const INTO_JOURNAL: Span = Span::seconds(30);
/// The same when the switch lost the call without a word: only the next audit finds it gone.
const INTO_JOURNAL_BY_AUDIT: Span = Span::seconds(240);
/// How long an operator may wait with nothing going on: a question repeated once.
const DEAD_LINE: Span = Span::seconds(20);
/// A client who answered hears a person within this.
const PERSON: Span = Span(1000);
/// How long a caller whom we hold may hear nothing: an answer to a question is waited for in silence.
const SILENCE: Span = Span::seconds(17);
/// How long the questions take that follow a key.
const QUESTIONS: Span = Span::seconds(90);
/// How long somebody may wait beside an operator who may be rung for them.
const FAIR: Span = Span::seconds(8);
/// For how long the daemon may believe that a phone is gone which is back: the event may have been lost.
const GONE: Span = Span::minutes(5);
/// A talk so near to a rule's limit is not judged: both sides measure it a little differently.
const NEARLY: Span = Span::seconds(5);

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which of the table above.
    pub name: &'static str,
    /// When.
    pub at: Now,
    /// What.
    pub text: String,
}

/// How well the daemon can see.
#[derive(Clone, Copy, Debug)]
pub struct Health {
    /// Since when it is connected and nothing is lost; `None`: something is wrong.
    pub well_since: Option<Mono>,
    /// What the switch says comes late.
    pub late: bool,
}

impl Health {
    /// Could it have known what happened then?
    fn knows(&self, happened: Mono, now: Mono) -> bool {
        let seen = |since: Mono| happened.max(since) + NOTICE <= now && (since <= happened || since + CATCH_UP <= now);
        !self.late && self.well_since.is_some_and(seen)
    }

    fn well_for(&self, span: Span, now: Mono) -> bool {
        !self.late && self.well_since.is_some_and(|since| since + span <= now)
    }
}

/// A client's call as it truly was.
#[derive(Clone, Debug)]
struct Call {
    number: Option<Number>,
    line: String,
    arrived: Mono,
    /// How long it waited to be served, or in vain.
    waited: Option<Span>,
    talking: Option<Mono>,
    served: bool,
    talk: Span,
    with_us: bool,
    lost: bool,
    blurred: bool,
    ended: Option<Mono>,
    /// What is heard by who waits in a park.
    ear: Ear,
}

/// What a caller hears who waits, and since when they may be served.
#[derive(Clone, Copy, Debug)]
struct Ear {
    hears: bool,
    /// Since when nothing is heard.
    quiet: Mono,
    /// Since when they have waited with nothing between them and an operator.
    waits: Mono,
    /// They pressed a key: what they are asked then ends by itself.
    asked_until: Mono,
}

/// A leg of ours as it truly was.
#[derive(Clone, Debug)]
struct Leg {
    role: Role,
    job: Job,
    number: Option<Number>,
    user: Option<String>,
    invited: Mono,
    answered: Option<Mono>,
    keys: String,
    hears: bool,
    /// Since when nothing is said to it and nobody talks with it.
    quiet: Mono,
    talking: bool,
    talked: bool,
    judged: bool,
    /// A client of a line that rings the client first.
    first: bool,
    cap: Span,
    ended: Option<Mono>,
    cause: String,
}

#[derive(Clone, Debug, Default)]
struct Client {
    first_miss: Option<Mono>,
    last_miss: Option<Mono>,
    got_through: Option<Mono>,
    operator_called: bool,
    wished: bool,
}

/// Is there a client's leg that was sent and not seen? Until its time-out has passed nobody can say that it does not ring.
fn is_on_its_way(job: Job, rows: &Memory) -> bool {
    rows.attempts(job).flat_map(|attempt| &attempt.legs).any(|leg| leg.role == Role::Client && leg.ended.is_none())
}

/// Has this operator, who answered, taken the call? The line and the switch may be some milliseconds behind each other.
fn is_there(leg: &Leg, answer: Answer, now: Mono) -> bool {
    match answer {
        Answer::Person => true,
        Answer::Delay(delay) => leg.answered.is_some_and(|answered| answered + delay <= now + Span::seconds(1)),
        Answer::Press(key) => leg.keys.contains(key.sign()),
    }
}

/// Sees everything, says what is wrong.
#[derive(Debug)]
pub struct Judge {
    house: House,
    calls: BTreeMap<ChannelId, Call>,
    live_calls: BTreeSet<ChannelId>,
    legs: BTreeMap<ChannelId, Leg>,
    live_legs: BTreeSet<ChannelId>,
    clients: BTreeMap<Number, Client>,
    /// Missed calls that are to be found in the journal.
    pending: Vec<ChannelId>,
    /// When each operator was last seen with something that keeps them from a call.
    taken: BTreeMap<String, Mono>,
    clock_set: Option<Mono>,
    repeated: usize,
    expanded: usize,
    strange: usize,
    /// What was found, in order.
    pub violations: Vec<Violation>,
}

impl Judge {
    /// Nothing has happened yet.
    pub fn new(house: House) -> Judge {
        Judge {
            house,
            calls: BTreeMap::new(),
            live_calls: BTreeSet::new(),
            legs: BTreeMap::new(),
            live_legs: BTreeSet::new(),
            clients: BTreeMap::new(),
            pending: Vec::new(),
            taken: BTreeMap::new(),
            clock_set: None,
            repeated: 0,
            expanded: 0,
            strange: 0,
            violations: Vec::new(),
        }
    }

    /// The house has other rules from now on.
    pub fn reload(&mut self, house: House) {
        self.house = house;
    }

    /// The wall clock was set.
    pub fn clock_set(&mut self, now: Mono) {
        self.clock_set = Some(now);
    }

    /// A person asked for this number to be called: it may be, whatever came before.
    pub fn wished(&mut self, number: Number) {
        self.clients.entry(number).or_default().wished = true;
    }

    /// The switch was restarted: what was alive ended without a word.
    pub fn switch_restarted(&mut self, _now: Mono) {
        for id in &self.live_calls {
            if let Some(call) = self.calls.get_mut(id) {
                call.lost = true;
            }
        }
    }

    /// The judge looks at every step; it needs none of its own.
    pub fn next_deadline(&self) -> Option<Mono> {
        None
    }

    /// How many calls were missed, by the rules of their lines.
    pub fn missed(&self) -> usize {
        self.calls.values().filter(|call| call.ended.is_some() && self.is_missed(call) == Some(true)).count()
    }

    /// Looks at one step.
    pub fn look(
        &mut self,
        happened: &[(Now, Outside)],
        said: &[Said],
        switch: &PretendSwitch,
        rows: &Memory,
        now: Now,
        health: Health,
    ) {
        for (at, happened) in happened {
            self.hear(*at, happened, switch, rows, health);
        }
        for said in said {
            self.listen(said, rows, now);
        }
        self.watch_legs(switch, rows, now, health);
        self.watch_callers(switch, now, health);
        self.watch_operators(switch, now.mono);
        self.watch_queue(switch, rows, now, health);
        self.watch_talks(switch, now);
        self.find_in_journal(rows, now, health);
        self.watch_commands(switch, now);
    }

    fn broken(&mut self, name: &'static str, at: Now, text: String) {
        // One is enough of a kind: what follows from it says nothing new.
        if self.violations.len() < 100 {
            self.violations.push(Violation { name, at, text });
        }
    }

    // ---- clients' calls -------------------------------------------------------------------------------------------

    fn called(&mut self, id: &ChannelId, party: &Party, dialled: &str, at: Mono) {
        let Party::Number(number) = party else { return };
        let Some(line) = self.house.dialled(dialled).map(|line| line.name.clone()) else { return };
        let call = Call {
            number: Number::parse(number, "RU").ok(),
            line,
            arrived: at,
            waited: None,
            talking: None,
            served: false,
            talk: Span::ZERO,
            with_us: false,
            lost: false,
            blurred: false,
            ended: None,
            ear: Ear { hears: false, quiet: at, waits: at, asked_until: at },
        };
        self.calls.insert(id.clone(), call);
        self.live_calls.insert(id.clone());
    }

    /// Events were lost: of the calls that are alive, nobody can tell for sure who was served.
    pub fn events_lost(&mut self) {
        for id in &self.live_calls {
            if let Some(call) = self.calls.get_mut(id) {
                call.blurred = true;
            }
        }
    }

    /// By the rules of its line; `None` when it is too close to say.
    fn is_missed(&self, call: &Call) -> Option<bool> {
        // How long a talk lasted that went with the switch, nobody can tell either.
        if (call.blurred || call.lost) && call.served {
            return None;
        }
        let line = self.house.line(&call.line)?;
        let mut close = false;
        let missed = line.redial.missed.iter().any(|rule| {
            let so = match rule.call {
                Missed::Unserved => !call.served,
                Missed::ServedShorterThan(span) => {
                    close |= call.served && call.talk.0.abs_diff(span.0) < NEARLY.0;
                    call.served && call.talk < span
                }
            };
            let waited = call.waited.unwrap_or_default();
            if so && rule.waited > Span::ZERO {
                close |= call.blurred || call.lost || waited.0.abs_diff(rule.waited.0) < NEARLY.0;
            }
            // What time of day it came at is the wall clock's to say, which may be set meanwhile.
            close |= so && !rule.between.is_empty();
            // An earlier call may have been lost to us; that there was none is certain.
            close |= so && rule.unique.is_some() && self.called_before(call);
            so && waited >= rule.waited
        });
        (!close).then_some(missed)
    }

    fn called_before(&self, call: &Call) -> bool {
        let same = |other: &&Call| other.number == call.number && other.line == call.line;
        call.number.is_some() && self.calls.values().filter(same).any(|other| other.arrived < call.arrived)
    }

    fn call_ended(&mut self, id: &ChannelId, at: Mono) {
        self.live_calls.remove(id);
        let Some(call) = self.calls.get_mut(id) else { return };
        if let Some(since) = call.talking.take() {
            call.talk.0 += at.since(since).0;
        }
        call.ended = Some(at);
        call.waited.get_or_insert(at.since(call.arrived));
        let call = call.clone();
        let missed = self.is_missed(&call);
        if missed == Some(true) && !call.with_us {
            self.pending.push(id.clone());
        }
        let Some(client) = call.number.map(|number| self.clients.entry(number).or_default()) else { return };
        match missed {
            Some(true) => {
                client.first_miss.get_or_insert(at);
                client.last_miss = Some(at);
            }
            Some(false) if call.served => client.got_through = Some(at),
            // It was neither served nor missed.
            Some(false) => {}
            // Either is right.
            None => {
                client.first_miss.get_or_insert(at);
                (client.got_through, client.last_miss) = (None, Some(at));
            }
        }
    }

    // ---- what happens to telephones -------------------------------------------------------------------------------

    fn hear(&mut self, at: Now, happened: &Outside, switch: &PretendSwitch, rows: &Memory, health: Health) {
        match happened {
            Outside::Invite { channel, party, variables, .. } => {
                self.invited(at, channel, party, variables, switch, rows, health);
            }
            // A tone says nothing: who hears it waits for somebody.
            Outside::Hears(id, words) => {
                self.leg(id, |leg| leg.hears = leg.first || !words.is_empty());
                self.ear(id, |ear| ear.hears = true);
            }
            Outside::Music(id) => {
                self.leg(id, |leg| leg.hears = true);
                self.ear(id, |ear| ear.hears = true);
            }
            // Who leaves a message hears themselves.
            Outside::Recorded(id, _) => self.ear(id, |ear| ear.hears = true),
            Outside::Beeps(_) => {}
            Outside::Pressed(id, key) => {
                self.leg(id, |leg| leg.keys.push(*key));
                self.ear(id, |ear| ear.asked_until = at.mono + QUESTIONS);
            }
            Outside::Silence(id) => {
                self.leg(id, |leg| {
                    leg.hears = false;
                    leg.quiet = at.mono;
                });
                self.ear(id, |ear| (ear.hears, ear.quiet) = (false, at.mono));
            }
            Outside::Talking(a, b) => self.talk(at, a, b, switch, health),
            Outside::Alone(id) => self.alone(id, at.mono),
            Outside::Gone(id, cause) => {
                self.call_ended(id, at.mono);
                self.live_legs.remove(id);
                self.leg(id, |leg| {
                    leg.ended = Some(at.mono);
                    leg.talking = false;
                    leg.cause.clone_from(cause);
                });
            }
            Outside::Calls { channel, party, dialled } => self.called(channel, party, dialled, at.mono),
            Outside::Answered(_) | Outside::Greets(_) | Outside::Comes(_) => {}
        }
    }

    fn ear(&mut self, id: &ChannelId, f: impl FnOnce(&mut Ear)) {
        if let Some(call) = self.calls.get_mut(id) {
            f(&mut call.ear);
        }
    }

    fn leg(&mut self, id: &ChannelId, f: impl FnOnce(&mut Leg)) {
        if let Some(leg) = self.legs.get_mut(id) {
            f(leg);
        }
    }

    fn alone(&mut self, id: &ChannelId, at: Mono) {
        self.leg(id, |leg| {
            leg.talking = false;
            leg.quiet = at;
        });
        if let Some(call) = self.calls.get_mut(id)
            && let Some(since) = call.talking.take()
        {
            call.talk.0 += at.since(since).0;
        }
    }

    fn talk(&mut self, at: Now, a: &ChannelId, b: &ChannelId, switch: &PretendSwitch, health: Health) {
        // A talk of the queue is the call's own.
        let ours = [a, b].into_iter().any(|id| self.legs.get(id).is_some_and(|leg| leg.job.callback().is_some()));
        for id in [a, b] {
            if let Some(call) = self.calls.get_mut(id) {
                call.served = true;
                call.waited.get_or_insert(at.mono.since(call.arrived));
                call.with_us |= ours;
                call.talking = Some(at.mono);
            }
            self.person(id, at, health);
            self.leg(id, |leg| {
                leg.talking = true;
                leg.talked = true;
                leg.answered.get_or_insert(at.mono);
            });
        }
        self.operator_calls(a, b, switch);
    }

    /// An operator's own call reached a client.
    fn operator_calls(&mut self, a: &ChannelId, b: &ChannelId, switch: &PretendSwitch) {
        let (Some(a), Some(b)) = (switch.channel(a), switch.channel(b)) else { return };
        let own =
            |channel: &Channel| channel.direction == Direction::Inbound && matches!(channel.party, Party::User(_));
        let Party::Number(number) = (if own(a) { &b.party } else { &a.party }) else { return };
        if (own(a) || own(b))
            && let Ok(number) = Number::parse(number, "RU")
        {
            self.clients.entry(number).or_default().operator_called = true;
        }
    }

    /// A client of ours begins to talk: was it soon enough?
    fn person(&mut self, id: &ChannelId, at: Now, health: Health) {
        let Some(leg) = self.legs.get_mut(id).filter(|leg| leg.role == Role::Client && !leg.judged) else { return };
        let Some(answered) = leg.answered else { return };
        leg.judged = true;
        let waited = at.mono.since(leg.quiet.max(answered));
        let number = leg.number;
        if waited > PERSON && !leg.first && health.well_for(Span(at.mono.since(answered).0 + NOTICE.0), at.mono) {
            self.broken("person_within_a_second", at, format!("{number:?} heard nobody for {} ms", waited.0));
        }
    }

    // ---- dialling -------------------------------------------------------------------------------------------------

    #[allow(clippy::too_many_arguments)] // what is dialled, and everything that it is judged by
    fn invited(
        &mut self,
        at: Now,
        id: &ChannelId,
        party: &Party,
        variables: &[(String, String)],
        switch: &PretendSwitch,
        rows: &Memory,
        health: Health,
    ) {
        let value = |name: &str| variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let role = match value("perezvon_leg") {
            Some("operator") => Role::Operator,
            Some("client") => Role::Client,
            _ => return,
        };
        let caller = value("perezvon_caller").and_then(|text| u64::from_str_radix(text, 16).ok());
        let callback = CallbackId(value("perezvon_callback").and_then(|text| text.parse().ok()).unwrap_or(0));
        let job = caller.map_or(Job::Callback(callback), |caller| Job::Live(LiveId(caller)));
        let (number, user) = match party {
            Party::Number(number) => (Number::parse(number, "RU").ok(), None),
            Party::User(user) => (None, Some(user.clone())),
        };
        let cap = self.carries_its_end(id, variables, at);
        if !rows.attempts(job).flat_map(|attempt| &attempt.legs).any(|leg| leg.id == *id) {
            self.broken("written_before_dialled", at, format!("leg {id} of {job:?} is not in the store"));
        }
        let record = job.callback().and_then(|id| rows.callback(id)).map(|story| story.callback);
        if let Some(record) = &record {
            self.not_within_the_window(record, at);
        }
        if let Some(block) = number.filter(|_| role == Role::Client).and_then(|number| rows.blocked_since(number))
            && self.clock_set.is_none()
            && at.wall.since(block) > NOTICE
        {
            let text = format!("{number:?} is dialled and was blocked {} ms ago", at.wall.since(block).0);
            self.broken("no_dial_after_got_through", at, text);
        }
        let line = record.as_ref().and_then(|record| self.house.line(&record.line));
        let order = line.and_then(|line| line.redial.client_first.as_ref()).filter(|_| role == Role::Client);
        let first = order.is_some();
        if order.is_some_and(|order| order.without_operator == 0) && !self.is_anybody_free(job, switch, at.mono, health)
        {
            let text = format!("{job:?}: its client is dialled and every operator is on the phone");
            self.broken("free_operator_before_client", at, text);
        }
        match (role, number) {
            (Role::Client, Some(number)) => self.client_dialled(at, job, number, record.as_ref(), health, first),
            _ => self.operator_rung(at, job, user.as_deref(), switch, health),
        }
        let leg = Leg {
            role,
            job,
            number,
            user,
            invited: at.mono,
            answered: None,
            keys: String::new(),
            hears: false,
            quiet: at.mono,
            talking: false,
            talked: false,
            judged: false,
            first,
            cap,
            ended: None,
            cause: String::new(),
        };
        self.legs.insert(id.clone(), leg);
        self.live_legs.insert(id.clone());
    }

    /// Is there room for one more call with an operator, beyond what is owed to other clients whose phones ring first?
    fn is_anybody_free(&self, job: Job, switch: &PretendSwitch, now: Mono, health: Health) -> bool {
        let room = |name: &String| {
            let taken = self.jobs_with(name).len() + self.other_calls_of(name, switch, now, health).count();
            (self.house.desk(name).calls as usize).saturating_sub(taken)
        };
        let free: usize = self.house.operators.iter().map(room).sum();
        let rings = |leg: &Leg| leg.first && leg.job != job && leg.answered.is_none();
        free > self.live_legs_of(rings).count()
    }

    /// Whom the operator is rung for or talks for, on whatever phone: each of them once, however many phones ring together.
    fn jobs_with(&self, operator: &str) -> Vec<Job> {
        let has = |leg: &Leg| leg.user.as_deref().and_then(|user| self.house.operator(user)) == Some(operator);
        let mut jobs: Vec<Job> = self.live_legs_of(has).map(|leg| leg.job).collect();
        jobs.sort_unstable_by_key(|job| job.key());
        jobs.dedup();
        jobs
    }

    /// The calls of the operator's phones that are none of ours, and that we could have known of.
    fn other_calls_of<'a>(
        &'a self,
        operator: &'a str,
        switch: &'a PretendSwitch,
        now: Mono,
        health: Health,
    ) -> impl Iterator<Item = &'a Channel> {
        switch.channels().filter(move |channel| {
            let Party::User(user) = &channel.party else { return false };
            let foreign = channel.alive() && channel.variable("perezvon_leg").is_none();
            foreign && self.house.operator(user) == Some(operator) && health.knows(channel.since, now)
        })
    }

    /// The variables by which a leg dies without us.
    fn carries_its_end(&mut self, id: &ChannelId, variables: &[(String, String)], at: Now) -> Span {
        let value = |name: &str| variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let number = |name: &str| value(name).and_then(|text| text.parse::<u64>().ok());
        let cap = variables
            .iter()
            .filter(|(name, _)| name.starts_with("execute_on_originate"))
            .find_map(|(_, value)| value.strip_prefix("sched_hangup +")?.split(' ').next()?.parse::<u64>().ok());
        let on = |name: &str| value(name) == Some("true");
        let ends = number("originate_timeout").is_some() && number("park_timeout").is_some() && cap.is_some();
        if !ends || !on("ignore_early_media") || !on("hangup_after_bridge") || !on("app_disable_expand_variables") {
            self.broken("no_leg_past_its_cap", at, format!("leg {id} does not carry its own end: {variables:?}"));
        }
        Span::seconds(cap.unwrap_or(0))
    }

    fn not_within_the_window(&mut self, record: &CallbackRecord, at: Now) {
        if matches!(record.origin, Origin::Queue { .. } | Origin::Web { .. }) {
            return; // the client asked for it
        }
        let Some(line) = self.house.line(&record.line) else { return };
        let Some(client) = self.clients.get(&record.number).filter(|client| !client.wished) else { return };
        // Its end is stored by the wall clock: where that was set, the window is as long as it says.
        let Some(missed) = client.first_miss.filter(|_| self.clock_set.is_none()) else { return };
        if at.mono < missed + line.redial.track {
            let early = (missed + line.redial.track).since(at.mono).0;
            let number = record.number;
            self.broken("no_dial_within_the_window", at, format!("{number}: {early} ms before its end"));
        }
    }

    fn client_dialled(
        &mut self,
        at: Now,
        job: Job,
        number: Number,
        record: Option<&CallbackRecord>,
        health: Health,
        first: bool,
    ) {
        let mut faults: Vec<(&'static str, String)> = Vec::new();
        if self.live_legs_of(|leg| leg.number == Some(number)).next().is_some() {
            faults.push(("one_client_leg_per_number", format!("{number} is dialled while a leg of it lives")));
        }
        let answer = self.house.answer;
        let there = |leg: &Leg| {
            leg.job == job
                && is_there(leg, answer, at.mono)
                && leg.role == Role::Operator
                && leg.answered.is_some()
                && leg.ended.is_none_or(|ended| ended + NOTICE > at.mono || !health.knows(ended, at.mono))
        };
        if !first && !self.legs.values().any(there) {
            faults.push(("operator_before_client", format!("{number} is dialled and no operator is on the line")));
        }
        if let Some(line) = record.and_then(|record| self.house.line(&record.line))
            && !self.is_open(line, at)
        {
            faults.push(("no_dial_outside_hours", format!("{number} on {}", line.name)));
        }
        if let Some((record, line)) = record.and_then(|record| Some((record, self.house.line(&record.line)?)))
            && let Some(why) = self.is_rude(record, line, at)
        {
            faults.push(("no_dial_outside_hours", format!("{number} on {}: {why}", line.name)));
        }
        if let Some(why) = self.is_needless(number, at, health) {
            faults.push(("no_dial_after_got_through", format!("{number} is dialled: {why}")));
        }
        faults.into_iter().for_each(|(name, text)| self.broken(name, at, text));
    }

    fn live_legs_of(&self, is: impl Fn(&Leg) -> bool) -> impl Iterator<Item = &Leg> {
        self.live_legs.iter().filter_map(|id| self.legs.get(id)).filter(move |leg| is(leg))
    }

    fn is_open(&self, line: &LineOf, at: Now) -> bool {
        let set = self.clock_set.is_some_and(|set| set + CATCH_UP > at.mono);
        let open = |wall| line.calendar.as_ref().is_none_or(|calendar| calendar.is_open(wall));
        set || open(at.wall) || open(at.wall - NOTICE)
    }

    /// Why this client is to be left in peace now.
    fn is_rude(&self, record: &CallbackRecord, line: &LineOf, at: Now) -> Option<String> {
        // Where the wall clock was set, nobody can say which day earlier dials were on.
        if self.clock_set.is_some() {
            return None;
        }
        let requested = line.requested();
        let Manners { zone, avoid, per_day, per_week, client_hours, .. } =
            if record.origin.is_asked_for() { &requested.manners } else { &line.redial.manners };
        let is_in = |spans: &[(u16, u16)], local: DateTime| {
            let minute = local.hour() as u16 * 60 + local.minute() as u16;
            spans.iter().any(|(from, to)| (*from..*to).contains(&minute))
        };
        let is_avoided = |wall: Wall| is_in(avoid, zone.to_datetime(wall.timestamp()));
        if record.spent > 0 && is_avoided(at.wall) && is_avoided(at.wall - NOTICE) {
            return Some("these are hours to avoid".to_owned());
        }
        let is_shut = |wall: Wall| {
            let local = zone.to_datetime(wall.timestamp());
            let day = local.weekday().to_monday_zero_offset() as usize;
            client_hours.as_ref().is_some_and(|week| !is_in(&week[day], local))
        };
        if is_shut(at.wall) && is_shut(at.wall - NOTICE) {
            return Some("where the client is it is no time to call".to_owned());
        }
        // Of one attempt the client is dialled once, whatever trunk it goes over; a phone that rang was dialled.
        let rang =
            |leg: &&Leg| leg.number == Some(record.number) && (leg.answered.is_some() || leg.cause == "USER_BUSY");
        let dials = self.legs.values().filter(rang).count() as u32;
        let too_often = |most: &Option<u32>| most.is_some_and(|most| dials >= most);
        // A simulated world is over within a day, and most within one date; over midnight a new day begins.
        let day = zone.to_datetime(at.wall.timestamp()).date();
        let began = zone.to_datetime((at.wall - Span(at.mono.0)).timestamp()).date();
        (too_often(per_week) || (day == began && too_often(per_day))).then(|| format!("dialled {dials} times already"))
    }

    /// Why this client need not be dialled, if we could have known.
    fn is_needless(&self, number: Number, at: Now, health: Health) -> Option<String> {
        let live = self.live_calls.iter().filter_map(|id| self.calls.get(id));
        if let Some(call) = live.clone().find(|call| call.number == Some(number) && health.knows(call.arrived, at.mono))
        {
            return Some(format!("the client has been calling for {} ms", at.mono.since(call.arrived).0));
        }
        let client = self.clients.get(&number)?;
        let through = client.got_through.filter(|through| client.last_miss.is_none_or(|missed| missed < *through))?;
        let known = health.knows(through, at.mono) && !client.wished;
        known.then(|| format!("the client got through {} ms ago", at.mono.since(through).0))
    }

    fn operator_rung(&mut self, at: Now, job: Job, user: Option<&str>, switch: &PretendSwitch, health: Health) {
        let Some(user) = user else { return };
        let Some(operator) = self.house.operator(user).map(str::to_owned) else { return };
        let (desk, ours) = (self.house.desk(&operator), self.jobs_with(&operator));
        let others = ours.iter().filter(|other| **other != job).count();
        let elsewhere = self.other_calls_of(&operator, switch, at.mono, health).count();
        let name = "never_more_callbacks_than_free_operators";
        if others + elsewhere >= desk.calls as usize {
            let text =
                format!("{operator} is rung on {user} for {job:?} while on {ours:?} and {elsewhere} other calls");
            self.broken(name, at, text);
        }
        let rings = self.live_legs_of(|leg| leg.job == job && leg.user.is_some());
        let same: Vec<&str> = rings.filter_map(|leg| leg.user.as_deref()).collect();
        let twice = same.contains(&user);
        let beside = same.iter().any(|user| self.house.operator(user) == Some(operator.as_str()));
        if twice || (beside && desk.order == Order::InOrder) {
            self.broken(name, at, format!("{operator} is rung on {user} for {job:?} beside {same:?}"));
        }
    }

    // ---- at every step --------------------------------------------------------------------------------------------

    fn watch_legs(&mut self, switch: &PretendSwitch, rows: &Memory, now: Now, health: Health) {
        let mut faults: Vec<(&'static str, String)> = Vec::new();
        let ids: Vec<ChannelId> = self.live_legs.iter().cloned().collect();
        for id in ids {
            let Some(channel) = switch.channel(&id) else { continue };
            let Some(leg) = self.legs.get_mut(&id) else { continue };
            if leg.answered.is_none()
                && let Some(answered) = channel.answered
            {
                leg.answered = Some(answered);
                leg.quiet = answered;
            }
            if now.mono > leg.invited + leg.cap + NOTICE {
                faults.push(("no_leg_past_its_cap", format!("leg {id} lives beyond {} s", leg.cap.0 / 1000)));
                leg.cap = Span(u64::MAX / 2);
            }
            let leg = leg.clone();
            if leg.answered.is_some() && !leg.hears && !leg.talking && channel.alive() {
                faults.extend(self.waits_for_nothing(&id, &leg, rows, now, health));
            }
        }
        faults.into_iter().for_each(|(name, text)| self.broken(name, now, text));
    }

    fn waits_for_nothing(
        &mut self,
        id: &ChannelId,
        leg: &Leg,
        rows: &Memory,
        now: Now,
        health: Health,
    ) -> Option<(&'static str, String)> {
        let quiet = now.mono.since(leg.quiet);
        let other = |role| self.live_legs_of(move |other| other.job == leg.job && other.role == role).next();
        match leg.role {
            Role::Operator => {
                // While the client rings, the operator waits for that.
                let busy = other(Role::Client).is_some();
                if busy {
                    self.leg(id, |leg| leg.quiet = now.mono);
                }
                let patience = DEAD_LINE + self.house.answer.delay();
                let dead = !busy && quiet > patience && health.well_for(patience, now.mono);
                let waits = dead && is_on_its_way(leg.job, rows);
                if waits {
                    self.leg(id, |leg| leg.quiet = now.mono);
                }
                (dead && !waits).then(|| {
                    self.leg(id, |leg| leg.quiet = now.mono);
                    ("no_operator_on_dead_line", format!("leg {id} hears nothing for {} ms", quiet.0))
                })
            }
            Role::Client if leg.first => {
                let since = leg.answered.map_or(Span::ZERO, |answered| now.mono.since(answered));
                let silent = quiet > PERSON && health.well_for(Span(since.0 + NOTICE.0), now.mono);
                silent.then(|| {
                    self.leg(id, |leg| leg.quiet = now.mono);
                    ("client_never_in_silence", format!("{:?} hears nothing for {} ms", leg.number, quiet.0))
                })
            }
            Role::Client => {
                // Of several phones that rang together one was answered, and the others may still ring.
                let answered = |o: &Leg| o.job == leg.job && o.role == Role::Operator && o.answered.is_some();
                let there = self.live_legs_of(answered).next().is_some();
                let late = quiet > PERSON && there && !leg.judged;
                let since = leg.answered.map_or(Span::ZERO, |answered| now.mono.since(answered));
                let fair = health.well_for(Span(since.0 + NOTICE.0), now.mono);
                (late && fair).then(|| {
                    self.leg(id, |leg| leg.judged = true);
                    ("person_within_a_second", format!("{:?} hears nobody for {} ms", leg.number, quiet.0))
                })
            }
        }
    }

    // ---- the queue ------------------------------------------------------------------------------------------------

    /// Who waits in a park of ours hears something.
    fn watch_callers(&mut self, switch: &PretendSwitch, now: Now, health: Health) {
        let mut silent: Vec<String> = Vec::new();
        for id in &self.live_calls {
            let (Some(call), Some(channel)) = (self.calls.get_mut(id), switch.channel(id)) else { continue };
            if !channel.held() || channel.answered.is_none() || call.blurred {
                call.ear.quiet = now.mono;
            }
            let quiet = now.mono.since(call.ear.quiet);
            if !call.ear.hears && quiet > SILENCE && health.well_for(SILENCE + NOTICE, now.mono) {
                call.ear.quiet = now.mono;
                silent.push(format!("{:?}, who waits, hears nothing for {} ms", call.number, quiet.0));
            }
        }
        silent.into_iter().for_each(|text| self.broken("client_never_in_silence", now, text));
    }

    /// Since when is each operator free, as far as their phones tell?
    fn watch_operators(&mut self, switch: &PretendSwitch, now: Mono) {
        // Somebody is kept free for a client who is rung first.
        let kept = self.live_legs_of(|leg| leg.first && !leg.talking).next().is_some();
        for name in self.house.operators.clone() {
            let users = self.house.users(&name);
            let on_phone = |channel: &Channel| matches!(&channel.party, Party::User(user) if users.contains(user));
            let off = users.iter().any(|user| !switch.is_registered(user));
            if off {
                self.taken.insert(name, now + GONE);
            } else if kept || switch.channels().any(on_phone) {
                let taken = self.taken.entry(name).or_default();
                *taken = now.max(*taken);
            }
        }
    }

    /// Nobody waits while somebody is free for them.
    fn watch_queue(&mut self, switch: &PretendSwitch, rows: &Memory, now: Now, health: Health) {
        let mut waiting: Vec<(ChannelId, Mono)> = Vec::new();
        for id in self.live_calls.clone() {
            let waits = self.waits_for_operator(&id, switch, rows);
            let Some(call) = self.calls.get_mut(&id) else { continue };
            call.ear.waits = if waits { call.ear.waits.max(call.ear.asked_until) } else { now.mono };
            waiting.extend(waits.then_some((id, call.ear.waits)));
        }
        let fair = self.fair_wait();
        let long = |since: Mono| since + fair <= now.mono;
        if !health.well_for(fair + NOTICE, now.mono) || !waiting.iter().any(|(_, since)| long(*since)) {
            return;
        }
        let free =
            self.house.operators.iter().find(|name| self.is_free_since(name, rows, now).is_some_and(long)).cloned();
        let Some(free) = free else { return };
        for (id, since) in waiting.into_iter().filter(|(_, since)| long(*since)) {
            self.ear(&id, |ear| ear.waits = now.mono);
            let text = format!("{id} has waited for {} ms while {free} is free", now.mono.since(since).0);
            self.broken("free_operator_serves_the_queue", now, text);
        }
    }

    /// Does this caller wait in our queue, with nobody being rung for them or for their callback?
    fn waits_for_operator(&self, id: &ChannelId, switch: &PretendSwitch, rows: &Memory) -> bool {
        let queue = rows.call(id).and_then(|row| row.queue.as_ref());
        let in_queue = queue.is_some_and(|queue| queue.left.is_none());
        let held = switch.channel(id).is_some_and(|channel| channel.held() && channel.answered.is_some());
        let job = Job::Live(LiveId::of(id));
        let number = self.calls.get(id).and_then(|call| call.number);
        let is_called = |leg: &Leg| {
            let callback = leg.job.callback().filter(|_| number.is_some());
            leg.job == job || callback.and_then(|id| rows.callback(id)).map(|story| story.callback.number) == number
        };
        let rung = rows.attempts(job).any(|attempt| attempt.ended.is_none());
        in_queue && held && !rung && self.live_legs_of(is_called).next().is_none()
    }

    /// How long somebody may wait at most while an operator is free: for a higher level, for their own.
    fn fair_wait(&self) -> Span {
        let levels: BTreeSet<u32> = self.house.weights.iter().map(|(_, level)| *level).collect();
        let escalates = self.house.escalate.0 * levels.len().saturating_sub(1) as u64;
        let loyal = if self.house.remember { self.house.loyal } else { Span::ZERO };
        FAIR + Span(escalates) + loyal
    }

    /// Since when might this operator be rung, pauses and all? `None`: they do not take calls, by what the store says.
    fn is_free_since(&self, name: &str, rows: &Memory, now: Now) -> Option<Mono> {
        let row = rows.operator(name);
        if row.is_some_and(|row| !row.ready) {
            return None;
        }
        // The row says when they began to take calls, by the wall clock.
        let ready = row.map_or(Mono(0), |row| Mono(now.mono.0.saturating_sub(now.wall.since(row.since).0)));
        let pause = self.house.wrap_up.max(self.house.pauses.0).max(self.house.pauses.1);
        let taken = self.taken.get(name).copied().unwrap_or_default();
        Some(ready.max(taken + pause))
    }

    fn watch_talks(&mut self, switch: &PretendSwitch, now: Now) {
        let mut talking: BTreeMap<&str, u32> = BTreeMap::new();
        for channel in switch.channels().filter(|channel| channel.bridged().is_some()) {
            if let Party::Number(number) = &channel.party {
                *talking.entry(number.trim_start_matches('+')).or_default() += 1;
            }
        }
        let twice: Vec<String> = talking.into_iter().filter(|(_, n)| *n > 1).map(|(who, _)| who.to_owned()).collect();
        for who in twice {
            self.broken("one_operator_per_client", now, format!("{who} is in two talks"));
        }
    }

    fn find_in_journal(&mut self, rows: &Memory, now: Now, health: Health) {
        let Some(well) = health.well_since else { return };
        let pending = std::mem::take(&mut self.pending);
        for id in pending {
            let Some(call) = self.calls.get(&id) else { continue };
            let allowed = if call.lost { INTO_JOURNAL_BY_AUDIT } else { INTO_JOURNAL };
            let ended = call.ended.unwrap_or(now.mono);
            if call.lost && rows.call_known(&id) == Known::No {
                continue; // it came and went with the switch, and nobody was told
            }
            if ended.max(well) + allowed > now.mono {
                self.pending.push(id);
                continue;
            }
            if let Some(fault) = self.journal_fault(&id, rows) {
                self.broken("no_missed_call_lost", now, fault);
            }
        }
    }

    /// What is wrong with a missed call's row.
    fn journal_fault(&self, id: &ChannelId, rows: &Memory) -> Option<String> {
        let call = self.calls.get(id)?;
        let query = JournalQuery { number: call.number, ..JournalQuery::default() };
        let row = rows.journal(&query).into_iter().filter_map(|row| row.call).find(|row| row.id == *id);
        match row {
            None => Some(format!("{id} of {:?} on {} is not in the journal", call.number, call.line)),
            // Nobody is called back who is not to be called, whether the block came before the call or before its record.
            Some(row)
                if row.missed.is_some()
                    && row.callback.is_none()
                    && call.number.and_then(|number| rows.blocked_since(number)).is_some() =>
            {
                None
            }
            Some(row) if row.missed == Some(false) && self.may_go_unmissed(&row) => None,
            Some(row) if row.missed != Some(true) => {
                Some(format!("{id} of {:?} is in the journal with missed = {:?}", call.number, row.missed))
            }
            Some(row) if row.callback.is_none() && call.number.is_some() => {
                Some(format!("{id} of {:?} was missed and has no callback", call.number))
            }
            Some(_) => None,
        }
    }

    /// Did this call leave the queue by a way that says that nobody calls back?
    fn may_go_unmissed(&self, row: &CallRecord) -> bool {
        let says_so = |way: &Way| !way.callback;
        let left = row.queue.as_ref().filter(|queue| queue.no_callback).and_then(|queue| queue.left);
        left.is_some_and(|left| {
            // A call may have moved from queue to queue.
            self.house.lines.iter().map(|line| &line.queue).any(|queue| match left {
                Left::Closed => says_so(&queue.closed),
                Left::Nobody => says_so(&queue.nobody),
                Left::Full => says_so(&queue.full),
                Left::Late => says_so(&queue.late),
                Left::Key => queue.keys.iter().any(|(_, way)| says_so(way)),
                _ => false,
            })
        })
    }

    /// What is wrong with how a row says that its call left the queue.
    fn queue_fault(&self, row: &CallRecord) -> Option<String> {
        let queue = row.queue.as_ref()?;
        let Some(left) = queue.left else { return Some("it never left the queue".to_owned()) };
        let call = self.calls.get(&row.id)?;
        let sure = !call.blurred && !call.lost && row.known_by == KnownBy::Event;
        let pressed = call.ear.asked_until > call.arrived;
        let good = match left {
            Left::Served => call.served,
            Left::Abandoned | Left::Short => !call.served || !sure,
            Left::Key => pressed,
            Left::CallBack => pressed && row.callback.is_some(),
            Left::Closed | Left::Nobody | Left::Full | Left::Late | Left::GivenBack => true,
        };
        (!good).then(|| format!("it left the queue by {left:?}, and that is not so"))
    }

    fn watch_commands(&mut self, switch: &PretendSwitch, now: Now) {
        let repeated: Vec<String> = switch.repeated()[self.repeated.min(switch.repeated().len())..].to_vec();
        let expanded: Vec<String> = switch.expanded()[self.expanded.min(switch.expanded().len())..].to_vec();
        let strange: Vec<String> = switch.strange_commands()[self.strange..].to_vec();
        self.repeated += repeated.len();
        self.expanded += expanded.len();
        self.strange += strange.len();
        for uuid in repeated {
            self.broken("uuid_never_dialled_twice", now, uuid);
        }
        for text in expanded.into_iter().chain(strange) {
            self.broken("nothing_outside_in_a_command", now, text);
        }
    }

    // ---- what the daemon says of itself ---------------------------------------------------------------------------

    fn listen(&mut self, said: &Said, rows: &Memory, now: Now) {
        let fact = match said {
            Said::Alarm(alarm) if alarm.kind == AlarmKind::Impossible => {
                return self.broken("no_impossible_state", now, alarm.text.clone());
            }
            Said::Alarm(_) => return,
            Said::Fact(fact) => &**fact,
        };
        match fact {
            Notice::Closed { callback, reason } => {
                if let Some(why) = self.is_untrue(callback, reason, now) {
                    let text = format!("callback {} of {}: {reason:?}: {why}", callback.id, callback.number);
                    self.broken("no_row_without_reason", now, text);
                }
                if let Some(client) = self.clients.get_mut(&callback.number) {
                    client.first_miss = None;
                    client.wished = false;
                }
            }
            // One miss may end a callback and open the next: its window is the new one's.
            Notice::Opened(callback) => {
                if let Some(client) = self.clients.get_mut(&callback.number) {
                    client.first_miss = client.first_miss.or(client.last_miss);
                }
            }
            Notice::AttemptEnded { callback, attempt, .. } => {
                let row = rows.callback(*callback).and_then(|s| s.attempts.into_iter().find(|row| row.n == *attempt));
                // While the store takes no writes the row comes later.
                if row.is_some_and(|row| row.ended.is_some() && row.outcome.is_none()) {
                    self.broken("no_row_without_reason", now, format!("attempt {attempt} of callback {callback}"));
                }
            }
            _ => {}
        }
    }

    /// Why a reason does not hold.
    fn is_untrue(&self, callback: &CallbackRecord, reason: &CloseReason, now: Now) -> Option<String> {
        let mut legs = self.legs.values().filter(|leg| leg.job == callback.id.into() && leg.role == Role::Client);
        let fault = |good: bool, why: &str| (!good).then(|| why.to_owned());
        match reason {
            CloseReason::Talked => {
                let taken = self.calls.values().any(|call| call.number == Some(callback.number) && call.with_us);
                fault(taken || legs.any(|leg| leg.talked), "nobody talked with the client")
            }
            CloseReason::ClientCalled { call } => {
                fault(self.calls.get(call).is_some_and(|call| call.served), "that call was not served")
            }
            CloseReason::OperatorCalled { .. } => {
                let called = self.clients.get(&callback.number).is_some_and(|client| client.operator_called);
                fault(called, "no operator called the client")
            }
            CloseReason::Invalid => {
                let invalid = ["UNALLOCATED_NUMBER", "INVALID_NUMBER_FORMAT", "NUMBER_CHANGED"];
                fault(legs.any(|leg| invalid.contains(&leg.cause.as_str())), "no leg ended so")
            }
            CloseReason::Declined => fault(legs.any(|leg| leg.cause == "CALL_REJECTED"), "no leg ended so"),
            CloseReason::AttemptsSpent => {
                let allowed = self.house.line(&callback.line).map_or(0, |line| line.redial.attempts);
                fault(callback.spent >= allowed, "there were attempts left")
            }
            CloseReason::Expired => fault(callback.expires <= now.wall, "it had time left"),
            CloseReason::Cancelled { by } => fault(!by.is_empty(), "nobody did it"),
            CloseReason::DoNotCall { .. } => {
                let line = self.house.line(&callback.line);
                let key = line.and_then(|line| line.redial.keys.never);
                let mut of =
                    self.legs.values().filter(|leg| leg.job == callback.id.into() && leg.role == Role::Operator);
                let pressed = key.is_some_and(|key| of.any(|leg| leg.keys.contains(key.sign())));
                fault(pressed, "nobody pressed the key")
            }
            CloseReason::Observed { .. } => fault(self.house.observe, "nothing is only observed"),
        }
    }

    /// At the end, when everything has had its time.
    pub fn finish(&mut self, rows: &Memory, now: Now) {
        for id in std::mem::take(&mut self.pending) {
            if let Some(fault) = self.journal_fault(&id, rows) {
                self.broken("no_missed_call_lost", now, fault);
            }
        }
        for row in rows.journal(&JournalQuery::default()) {
            if let Some(callback) = row.callback.filter(CallbackRecord::is_open) {
                let text = format!("callback {} of {} is open: {callback:?}", callback.id, callback.number);
                self.broken("every_miss_ends", now, text);
            }
            let Some(call) = row.call else { continue };
            if call.ended.is_none() || call.missed.is_none() {
                self.broken("no_row_without_reason", now, format!("call {} has no end", call.id));
            }
            if let Some(fault) = self.queue_fault(&call) {
                self.broken("no_row_without_reason", now, format!("call {}: {fault}: {call:?}", call.id));
            }
        }
        if let Some(id) = self.live_legs.first().cloned() {
            self.broken("no_leg_past_its_cap", now, format!("leg {id} is alive at the end"));
        }
    }
}
