//! What the admin configured, validated: every name resolves, every number is E.164, every span has its unit.

use super::{
    Name,
    hours::{Calendar, Week},
    money::{Amount, Price},
    number::Number,
    record::{Marks, Origin},
    time::Span,
    zones::Zones,
};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// What a call that was asked for needs beside the operator's answer until the client's phone rings: the announcement, and the
/// switch's own time.
pub const ANNOUNCED: Span = Span::seconds(10);

/// The whole of what the engine obeys. Built by `config`; replaced as one on reload.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// The switches' names.
    pub switches: Vec<Name>,
    /// ISO 3166 code: how a number without a country code is read.
    pub country: String,
    /// What clients dial.
    pub lines: BTreeMap<Name, Arc<Line>>,
    /// Who serves.
    pub groups: BTreeMap<Name, Arc<Group>>,
    /// The people.
    pub operators: BTreeMap<Name, Arc<Operator>>,
    /// The ways out.
    pub trunks: BTreeMap<Name, Arc<Trunk>>,
    /// What time it is at a client's telephone.
    pub zones: Arc<Zones>,
    /// Say what would be dialled and dial nothing.
    pub observe: bool,
}

impl Rules {
    /// For how long a call is remembered, so that the client's next one is not taken for the first; `None`: no line asks.
    pub fn unique_within(&self) -> Option<Span> {
        self.lines.values().flat_map(|line| &line.redial.missed).filter_map(|rule| rule.unique).max()
    }
}

/// What a client dials, and how a client of it is called back.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its name.
    pub name: Name,
    /// The numbers (DIDs) that clients dial.
    pub numbers: Vec<Number>,
    /// A mod_callcenter queue (`sales@default`) that belongs to this line.
    pub callcenter: Option<String>,
    /// The group that serves it.
    pub group: Name,
    /// The trunks to call back over, first choice first; never empty.
    pub trunks: Vec<Name>,
    /// The number shown to the client.
    pub caller_id: Number,
    /// Marketing channel, free text.
    pub channel: String,
    /// Marketing source, free text.
    pub source: String,
    /// Campaign, free text.
    pub campaign: String,
    /// What announcements are spoken in.
    pub language: Language,
    /// When it may dial; `None`: always.
    pub calendar: Option<Arc<Calendar>>,
    /// Lines of a higher priority go first.
    pub priority: u32,
    /// How missed clients are called back.
    pub redial: Redial,
    /// How clients are called who asked for it.
    pub requested: Redial,
    /// How clients wait whose call the dialplan gives to us.
    pub queue: Queue,
}

impl Line {
    /// How a callback of this origin is made.
    pub fn redial_for(&self, origin: &Origin) -> &Redial {
        if origin.is_asked_for() { &self.requested } else { &self.redial }
    }

    /// The line as a callback of this origin sees it: how it is made is `redial`.
    pub fn for_origin(self: Arc<Line>, origin: &Origin) -> Arc<Line> {
        match origin.is_asked_for() {
            true => Arc::new(Line { redial: self.requested.clone(), ..(*self).clone() }),
            false => self,
        }
    }

    /// Within how long of asking for it a client's phone rings, where an operator of its group is free: what the line promises, or
    /// else what these operators' phones need.
    pub fn called_within(&self, rules: &Rules) -> Span {
        let members = rules.groups.get(&self.group).map_or(&[][..], |group| &group.operators);
        let operators = members.iter().filter_map(|member| rules.operators.get(&member.name));
        let slowest = operators.map(|operator| operator.until_there()).max().unwrap_or_default();
        let needed = if self.requested.client_first.is_some() { Span::ZERO } else { slowest };
        self.requested.called_within.unwrap_or(needed + ANNOUNCED)
    }

    /// May it ring a client while nobody is free?
    pub fn dials_without_operator(&self) -> bool {
        let first = [&self.redial, &self.requested].into_iter().filter_map(|redial| redial.client_first.as_ref());
        first.into_iter().any(|first| first.without_operator > 0)
    }

    /// The words that stand for all its calls.
    pub fn marks(&self) -> Marks {
        let [channel, source, campaign] = [&self.channel, &self.source, &self.campaign].map(String::clone);
        Marks { channel, source, campaign, ..Marks::default() }
    }
}

/// How clients wait whose call the dialplan gives to us, and where those go who cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// What a caller hears first; the notice of a recording is part of it already. `None`: the music at once.
    pub greeting: Option<Heard>,
    /// What they hear while they wait, as the switch's `playback` takes it; it is begun anew when it ends.
    pub music: Arc<str>,
    /// What is said over the music.
    pub announce: Announce,
    /// How long a caller waits at most, while no phone rings for them; zero: who is not served at once goes. `None`: as long as
    /// they like.
    pub longest_wait: Option<Span>,
    /// How many callers wait for the group at most.
    pub longest: Option<u32>,
    /// Who would have to expect a longer wait does not begin it.
    pub longest_expected: Option<Span>,
    /// Where callers go while the line's calendar is shut; without a calendar it never is.
    pub closed: Way,
    /// … when no operator of the group takes calls, or no longer does.
    pub nobody: Way,
    /// … when the queue is too long.
    pub full: Way,
    /// … who have waited for too long.
    pub late: Way,
    /// What a caller may press while waiting.
    pub keys: Vec<(Key, Way)>,
    /// Who hung up and calls again within so long has the old place.
    pub keep_place: Span,
    /// What an operator hears before the caller; `None`: the caller at once.
    pub announce_operator: Option<Arc<str>>,
    /// An operator who answers within so long does it in time: the service level.
    pub in_time: Span,
    /// Who hangs up sooner has not been abandoned: a wrong number, a second thought.
    pub short: Span,
    /// How long a client may be on hold before somebody is told.
    pub longest_hold: Span,
    /// How messages are taken.
    pub voicemail: Voicemail,
    /// What is said, sentence by sentence.
    pub words: QueueWords,
}

/// What a caller hears: a template that is spoken, or a file or a stream of the switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A template.
    Text(Arc<str>),
    /// As `playback` takes it.
    Sound(Arc<str>),
}

/// What is said over the music, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announce {
    /// After how long the first time.
    pub first: Span,
    /// How often from then on; zero: never again.
    pub every: Span,
    /// The caller's place, when it is better than the last one said.
    pub position: bool,
    /// The wait that is to be expected, when it is shorter than the last one said.
    pub wait: bool,
    /// Words of the line's own, each time.
    pub say: Option<Heard>,
}

/// Where a caller goes who does not wait on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// What they hear first.
    pub say: Option<Heard>,
    /// Where to.
    pub then: Then,
    /// May a callback come of it, by the line's rules?
    pub callback: bool,
}

impl Way {
    /// Straight there.
    pub fn to(then: Then) -> Way {
        Way { say: None, then, callback: true }
    }
}

/// Where a caller goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nowhere: they wait all the same.
    Wait,
    /// To be called back at a number that they confirm, in their place of the queue.
    CallBack,
    /// To leave a message.
    Voicemail,
    /// They are hung up.
    Goodbye,
    /// Into the queue of another line.
    Line(Name),
    /// To an extension of a dialplan, and its context.
    Extension(Arc<str>, Arc<str>),
    /// The dialplan that gave them to us goes on.
    Dialplan,
}

/// How messages are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voicemail {
    /// The path of the file, a template of [`super::recording::PLACES`].
    pub file: Arc<str>,
    /// The longest message.
    pub longest: Span,
}

/// The templates of what callers of a queue hear; the caller's number is the only word of theirs in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueWords {
    /// The place and the wait.
    pub place: Arc<str>,
    /// Shall we call back at this number? 1 says yes, 2 that another is to be typed.
    pub confirm: Arc<str>,
    /// Type the number, and a hash behind it.
    pub type_number: Arc<str>,
    /// That is no number that we may call.
    pub no_number: Arc<str>,
    /// We will call.
    pub thanks: Arc<str>,
    /// Leave a message after the tone.
    pub voicemail: Arc<str>,
    /// Before a caller is hung up for whom nobody is there.
    pub goodbye: Arc<str>,
}

impl Default for Queue {
    /// What holds where nobody says otherwise, and nothing is said to anybody.
    fn default() -> Queue {
        Queue {
            greeting: None,
            music: "local_stream://moh".into(),
            announce: Announce {
                first: Span::seconds(20),
                every: Span::seconds(45),
                position: true,
                wait: true,
                say: None,
            },
            longest_wait: Some(Span::minutes(15)),
            longest: None,
            longest_expected: None,
            closed: Way::to(Then::Goodbye),
            nobody: Way::to(Then::Goodbye),
            full: Way::to(Then::Goodbye),
            late: Way::to(Then::Goodbye),
            keys: Vec::new(),
            keep_place: Span::minutes(2),
            announce_operator: None,
            in_time: Span::seconds(20),
            short: Span::seconds(5),
            longest_hold: Span::minutes(2),
            voicemail: Voicemail {
                file: "/var/lib/freeswitch/recordings/voicemail/{date}/{line}-{time}-{call}.wav".into(),
                longest: Span::minutes(3),
            },
            words: QueueWords::default(),
        }
    }
}

/// Who begins an attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The daemon, when it is due.
    #[default]
    Auto,
    /// A person: what is due is a list for people.
    ByHand,
}

/// What announcements are spoken in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Russian.
    Ru,
    /// English.
    #[default]
    En,
}

/// One rule of what counts as missed; the rules of a line are joined by *or*, what one says by *and*.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissedRule {
    /// How the call went.
    pub call: Missed,
    /// The first call of that number on that line within this span.
    pub unique: Option<Span>,
    /// The client waited at least so long: who hangs up sooner has dialled a wrong number.
    pub waited: Span,
    /// It came at these times of day, in minutes since midnight, `from..to`; empty: at any.
    pub between: Vec<(u16, u16)>,
}

impl From<Missed> for MissedRule {
    fn from(call: Missed) -> MissedRule {
        MissedRule { call, unique: None, waited: Span::ZERO, between: Vec::new() }
    }
}

/// What a client did who is missed by it: "was not served after waiting 5s".
impl fmt::Display for MissedRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.call {
            Missed::Unserved => write!(f, "was not served")?,
            Missed::ServedShorterThan(span) => write!(f, "was served for less than {span}")?,
        }
        if self.waited > Span::ZERO {
            write!(f, " after waiting {}", self.waited)?;
        }
        for (n, (from, to)) in self.between.iter().enumerate() {
            let word = if n == 0 { "at" } else { "or" };
            write!(f, " {word} {:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)?;
        }
        match self.unique {
            Some(within) => write!(f, " for the first time in {within}"),
            None => Ok(()),
        }
    }
}

/// How a missed call went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missed {
    /// Nobody talked with the client.
    Unserved,
    /// Somebody did, for less than this.
    ServedShorterThan(Span),
}

/// When a client is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Again {
    /// After this pause.
    After(Span),
    /// At set times of the day.
    At {
        /// Minutes since midnight, ascending; never empty.
        times: Vec<u16>,
        /// Not today any more.
        tomorrow: bool,
    },
    /// In hours of the day that were not tried yet.
    Spread,
}

/// When a client is left in peace, beyond the line's calendar.
#[derive(Clone, Debug, PartialEq)]
pub struct Manners {
    /// By whose days and times of day.
    pub zone: TimeZone,
    /// Hours to avoid from the second try on, in minutes since midnight, `from..to`; `to` may be 1440. Of the client's own day.
    pub avoid: Vec<(u16, u16)>,
    /// When a client may be dialled, by the client's own clock: for each weekday from Monday its spans; `None`: whenever the line
    /// may dial.
    pub client_hours: Option<Week>,
    /// What is done where a number may be in several time zones.
    pub several_zones: SeveralZones,
    /// How often one number is dialled a day, by all lines together.
    pub per_day: Option<u32>,
    /// … in seven days.
    pub per_week: Option<u32>,
}

impl Default for Manners {
    fn default() -> Manners {
        Manners {
            zone: TimeZone::UTC,
            avoid: Vec::new(),
            client_hours: None,
            several_zones: SeveralZones::default(),
            per_day: None,
            per_week: None,
        }
    }
}

/// What is done where a number may be in several time zones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SeveralZones {
    /// Only the hours that are fit in all of them are.
    #[default]
    Common,
    /// The client has the line's zone.
    Line,
}

/// How a line calls back.
#[derive(Clone, Debug)]
pub struct Redial {
    /// What counts as missed.
    pub missed: Vec<MissedRule>,
    /// Who begins an attempt.
    pub mode: Mode,
    /// The tracking window: how long the client is given to call again.
    pub track: Span,
    /// How long the client's phone rings.
    pub ring: Span,
    /// How many times the client is tried.
    pub attempts: u32,
    /// How long after the last miss a callback is given up.
    pub expire: Span,
    /// Within how long of asking for it a client's phone is promised to ring, where an operator is free; what the line and
    /// its operators need for that is held against it when the configuration is read. `None`: nothing is promised.
    pub called_within: Option<Span>,
    /// When a client is tried again who was busy.
    pub busy: Again,
    /// When a client is tried again who did not answer.
    pub no_answer: Again,
    /// The pause after network trouble, which costs the client no attempt.
    pub network: Span,
    /// What else stands against a dial.
    pub manners: Manners,
    /// The templates of what the operator hears.
    pub announce_operator: Announcements,
    /// The template of what the client hears; `None`: nothing, the operator at once.
    pub announce_client: Option<Arc<str>>,
    /// The client's phone rings first; `None`: the operator's.
    pub client_first: Option<ClientFirst>,
    /// The longest a talk may last before the switch ends it by itself.
    pub longest_talk: Span,
    /// What may be pressed.
    pub keys: Keys,
    /// How a machine at the client's end is known.
    pub machine: Machine,
    /// How talks are recorded; `None`: they are not.
    pub record: Option<Recording>,
}

/// How the talks of a line are recorded, by the switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// The path of the file, a template of [`super::recording::PLACES`].
    pub file: Arc<str>,
    /// Client and operator on a channel of their own.
    pub stereo: bool,
    /// What both hear of it before they are joined; it is part of the two announcements already. `None`: nothing.
    pub notice: Option<Arc<str>>,
}

/// How a machine that answers for the client is known, beside [`Keys::machine`], and what becomes of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// A talk shorter than this was with a machine; `None`: any talk is one.
    pub shorter_than: Option<Span>,
    /// Listen for the beep of a voicemail (mod_avmd) while they talk.
    pub beep: bool,
    /// The template of what is left there after the beep; `None`: nothing.
    pub say: Option<Arc<str>>,
}

/// How a client is kept company whose phone rings before an operator's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFirst {
    /// How long the client waits for an operator, from their answer on.
    pub wait: Span,
    /// What they hear meanwhile, as the switch's `playback` takes it; it is begun anew when it ends.
    pub music: Arc<str>,
    /// The template of what is said to a client for whom nobody came, or who pressed [`Keys::later`], before it is hung up.
    pub goodbye: Arc<str>,
    /// Of a hundred clients, how many may be dialled while nobody is free for them.
    pub without_operator: u32,
}

impl Default for Redial {
    /// What holds where nobody says otherwise, and nothing is said to anybody.
    fn default() -> Redial {
        Redial {
            missed: vec![Missed::Unserved.into()],
            mode: Mode::Auto,
            track: Span::minutes(5),
            ring: Span::seconds(30),
            attempts: 5,
            expire: Span::minutes(24 * 60),
            busy: Again::After(Span::minutes(2)),
            no_answer: Again::After(Span::minutes(30)),
            network: Span::minutes(2),
            manners: Manners::default(),
            announce_operator: "".into(),
            announce_client: None,
            client_first: None,
            called_within: None,
            machine: Machine::default(),
            record: None,
            longest_talk: Span::minutes(120),
            keys: Keys::default(),
        }
    }
}

/// What the operator hears before the client's phone rings: a template for each kind of callback, so that they sound
/// different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcements {
    /// The client was missed.
    pub missed: Arc<str>,
    /// The client asked to be called.
    pub requested: Arc<str>,
    /// Whichever it is, the client was tried before.
    pub repeated: Arc<str>,
}

impl Announcements {
    /// The one for a callback of this origin, of which so many tries are spent.
    pub fn of(&self, origin: &Origin, spent: u32) -> &Arc<str> {
        match origin.is_asked_for() {
            _ if spent > 0 => &self.repeated,
            true => &self.requested,
            false => &self.missed,
        }
    }
}

impl Announcements {
    /// Each with these words after it.
    pub fn followed_by(&self, words: &str) -> Announcements {
        let and = |template: &str| -> Arc<str> { format!("{template} {words}").into() };
        let [missed, requested, repeated] = [&self.missed, &self.requested, &self.repeated].map(|said| and(said));
        Announcements { missed, requested, repeated }
    }
}

impl From<&str> for Announcements {
    /// The same for all.
    fn from(template: &str) -> Announcements {
        let template = Arc::<str>::from(template);
        Announcements { missed: template.clone(), requested: template.clone(), repeated: template }
    }
}

/// An ordered set of operators with a strategy.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// Its name.
    pub name: Name,
    /// The operators in the order of the configuration; never empty.
    pub operators: Vec<Member>,
    /// Who is rung.
    pub strategy: Strategy,
    /// Before any strategy: the operator who last talked with this client, if free.
    pub remember: bool,
    /// A caller who waits on the line waits for that operator so long, though others are free.
    pub loyal: Span,
    /// How long past its due time a callback waits for a free operator of one level before the next level is rung.
    pub escalate: Span,
}

/// An operator as one of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub name: Name,
    /// The share of the calls, beside the others' weights; at least 1. Only [`Strategy::Weighted`] asks for it.
    pub weight: u32,
    /// Rung before those of a higher level.
    pub level: u32,
}

impl From<Name> for Member {
    fn from(name: Name) -> Member {
        Member { name, weight: 1, level: 1 }
    }
}

impl From<&str> for Member {
    fn from(name: &str) -> Member {
        Name::from(name).into()
    }
}

/// Who of a group is rung, by mod_callcenter's names; within each, lower levels first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// One at a time, in the group's order, always from the top.
    #[default]
    TopDown,
    /// All who are free at once; the first to answer wins.
    RingAll,
    /// One more every few seconds, in the group's order, while the earlier ones go on ringing.
    RingProgressively,
    /// Whose last talk ended longest ago.
    LongestIdleAgent,
    /// Who has talked least.
    AgentWithLeastTalkTime,
    /// Who has had the fewest talks.
    AgentWithFewestCalls,
    /// In the group's order. mod_callcenter's equal positions, among which the last offer counts, cannot be written here.
    SequentiallyByAgentOrder,
    /// Goes on after the one who was offered a call last.
    RoundRobin,
    /// By chance.
    Random,
    /// So that each gets a share of the calls by weight; mod_callcenter has no such strategy.
    Weighted,
}

impl Strategy {
    /// Each with its name.
    pub const ALL: [(&'static str, Strategy); 10] = [
        ("top-down", Strategy::TopDown),
        ("ring-all", Strategy::RingAll),
        ("ring-progressively", Strategy::RingProgressively),
        ("longest-idle-agent", Strategy::LongestIdleAgent),
        ("agent-with-least-talk-time", Strategy::AgentWithLeastTalkTime),
        ("agent-with-fewest-calls", Strategy::AgentWithFewestCalls),
        ("sequentially-by-agent-order", Strategy::SequentiallyByAgentOrder),
        ("round-robin", Strategy::RoundRobin),
        ("random", Strategy::Random),
        ("weighted", Strategy::Weighted),
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        Strategy::ALL.iter().find(|(_, strategy)| *strategy == self).map_or("", |(name, _)| name)
    }
}

/// A person with one or more phones; or, with several calls at once, a robot or a hunt group.
#[derive(Clone, Debug)]
pub struct Operator {
    /// The name.
    pub name: Name,
    /// Dial strings (`user/1001`); never empty.
    pub phones: Vec<Phone>,
    /// How several phones are rung.
    pub order: Order,
    /// How long a phone rings.
    pub ring: Span,
    /// The pause after a talk before the next one is offered.
    pub wrap_up: Span,
    /// The pause after a call that rang in vain.
    pub no_answer_pause: Span,
    /// The pause after a call that the operator refused.
    pub reject_pause: Span,
    /// Set away after so many calls in a row that rang in vain; `None`: never.
    pub away_after: Option<u32>,
    /// How many calls at once; at least 1.
    pub calls: u32,
    /// The mod_callcenter agent (`1001@default`) whose status is followed.
    pub agent: Option<String>,
    /// When an answered phone is a person.
    pub answer: Answer,
}

/// When an answered phone of an operator is a person who takes the call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// At once.
    #[default]
    Person,
    /// An office exchange answers first: after so long. Until then nothing is said.
    Delay(Span),
    /// When this key was pressed; the announcement is repeated until then.
    Press(Key),
}

impl Answer {
    /// How long the answer may keep the announcement waiting.
    pub fn delay(self) -> Span {
        match self {
            Answer::Delay(span) => span,
            Answer::Person | Answer::Press(_) => Span::ZERO,
        }
    }
}

/// A key of a telephone: `0-9`, `*`, `#`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(char);

impl Key {
    /// The key with this sign, if there is one.
    pub fn new(sign: char) -> Option<Key> {
        (sign.is_ascii_digit() || sign == '*' || sign == '#').then_some(Key(sign))
    }

    /// Its sign.
    pub fn sign(self) -> char {
        self.0
    }
}

/// What an operator, and a client who waits for one, may press; none of them means anything unless the line says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// During the announcement: another operator shall take it.
    pub pass: Option<Key>,
    /// During the announcement: this client is not to be called.
    pub never: Option<Key>,
    /// During the talk: a machine answered for the client.
    pub machine: Option<Key>,
    /// The client, while waiting for an operator: call me later.
    pub later: Option<Key>,
}

impl Default for Operator {
    fn default() -> Operator {
        Operator {
            name: Name::default(),
            phones: Vec::new(),
            order: Order::InOrder,
            ring: Span::seconds(20),
            wrap_up: Span::seconds(10),
            no_answer_pause: Span::seconds(60),
            reject_pause: Span::seconds(60),
            away_after: None,
            calls: 1,
            agent: None,
            answer: Answer::Person,
        }
    }
}

impl Operator {
    /// How long it may take until an operator who takes the call is there.
    pub fn until_there(&self) -> Span {
        let turns = match self.order {
            Order::InOrder => self.phones.len() as u64,
            Order::Together => 1,
        };
        Span(self.ring.0 * turns) + self.answer.delay()
    }
}

/// How the phones of one operator are rung.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// One after the other.
    #[default]
    InOrder,
    /// All at once; the first to answer wins.
    Together,
}

/// One phone of an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    /// The dial string, checked when the configuration was read.
    pub dial: Arc<str>,
    /// The user (`1001` of `user/1001`) or the number by which its channels are known.
    pub user: Arc<str>,
}

/// A way out.
#[derive(Clone, Debug)]
pub struct Trunk {
    /// Its name.
    pub name: Name,
    /// The switch that it belongs to.
    pub switch: Name,
    /// The dial string with `{number}` in it, checked when the configuration was read.
    pub dial: Arc<str>,
    /// How the number is written in it.
    pub format: NumberFormat,
    /// How many calls it carries at once.
    pub channels: u32,
    /// What its calls cost; `None`: nobody said.
    pub price: Option<Price>,
    /// What they may cost a month.
    pub cap: Option<Cap>,
}

/// What a trunk's calls may cost a month; once they have, nobody is dialled over it until the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Cap {
    /// In the currency of the price.
    pub a_month: Amount,
    /// By whose months.
    pub zone: TimeZone,
}

/// How a trunk wants its numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NumberFormat {
    /// `+79161234567`.
    E164,
    /// `79161234567`.
    #[default]
    Digits,
    /// `9161234567`.
    National,
}

impl NumberFormat {
    /// The number as the trunk wants it.
    pub fn write(self, number: Number) -> String {
        match self {
            NumberFormat::E164 => number.to_string(),
            NumberFormat::Digits => number.digits(),
            NumberFormat::National => number.national(),
        }
    }
}
