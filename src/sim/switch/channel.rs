//! A channel of the pretend switch, and what the world outside sees of it.

use super::{DialId, event::Event};
use crate::engine::{
    input::Direction,
    record::ChannelId,
    time::{Mono, Now, Wall},
};

/// Where a channel stands: the switch's own names (switch_types.h, `switch_channel_state_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Made, nothing sent yet.
    Init,
    /// Dialled, or bridged as the second leg: somebody else reads its sound.
    ConsumeMedia,
    /// It executes an application.
    Execute,
    /// `uuid_bridge` moved it.
    SoftExecute,
    /// Bridged by the dialplan as its second leg.
    ExchangeMedia,
    /// Parked by `uuid_park`.
    Park,
    /// Torn out of what it did by the end of a socket, with nothing to do for ever.
    Reset,
    /// It is over.
    Reporting,
}

impl State {
    /// The name and the number that events carry.
    pub fn wire(self) -> (&'static str, u8) {
        match self {
            State::Init => ("CS_INIT", 2),
            State::SoftExecute => ("CS_SOFT_EXECUTE", 3),
            State::Execute => ("CS_EXECUTE", 4),
            State::ExchangeMedia => ("CS_EXCHANGE_MEDIA", 5),
            State::Park => ("CS_PARK", 6),
            State::ConsumeMedia => ("CS_CONSUME_MEDIA", 7),
            State::Reset => ("CS_RESET", 8),
            State::Reporting => ("CS_REPORTING", 11),
        }
    }
}

/// Whose phone is at the other end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// A directory user (`1001`): an operator's own phone.
    User(String),
    /// A number beyond a gateway, as it was dialled or as it calls.
    Number(String),
}

/// An application that runs, or waits under another one, on a channel.
#[derive(Clone, Debug)]
pub(super) struct App {
    pub name: String,
    pub data: String,
    pub uuid: String,
    /// What ends it is for this run alone.
    pub run: u32,
}

/// The names and numbers that a channel shows (`switch_caller_profile_t`).
#[derive(Clone, Debug, Default)]
pub(super) struct Profile {
    pub username: String,
    pub dialplan: &'static str,
    pub name: String,
    pub number: String,
    pub orig_name: String,
    pub orig_number: String,
    pub callee_name: String,
    pub callee_number: String,
    pub destination: String,
    pub source: &'static str,
    pub context: &'static str,
}

/// The moments of a channel's life, as the switch stamps them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    pub created: Wall,
    pub progress: Option<Wall>,
    pub progress_media: Option<Wall>,
    pub answered: Option<Wall>,
    pub bridged: Option<Wall>,
    pub hangup: Option<Wall>,
}

/// The other leg of a bridge or a dialling, as an event shows it.
#[derive(Clone, Debug)]
pub(super) struct Other {
    /// `originator` or `originatee`.
    pub kind: &'static str,
    pub id: ChannelId,
    pub name: String,
    pub profile: Profile,
    pub times: Times,
}

/// What ties a channel to others.
#[derive(Clone, Debug, Default)]
pub(super) struct Ties {
    /// The channel that it talks with.
    pub bridge: Option<ChannelId>,
    /// It is the first of the two: bridge events are its own.
    pub first: bool,
    /// It was dialled by this dialling, which is not over.
    pub dial: Option<DialId>,
    /// It waits for this dialling.
    pub waits: Option<DialId>,
    /// It waits in this mod_callcenter queue.
    pub queue: Option<String>,
    /// `uuid_bridge` was asked and has not happened yet.
    pub joining: Option<ChannelId>,
    /// The other leg as it was when the two were put together, once there was one.
    pub other: Option<Box<Other>>,
}

/// A channel.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Its uuid.
    pub id: ChannelId,
    /// Which way, seen from the switch.
    pub direction: Direction,
    /// Whose phone.
    pub party: Party,
    /// Where it stands.
    pub state: State,
    /// When it was made.
    pub since: Mono,
    /// When it was answered.
    pub answered: Option<Mono>,
    /// It sends sound before the answer.
    pub early: bool,
    /// Why it ended; `None` while it lives.
    pub cause: Option<String>,
    pub(super) session: u64,
    pub(super) profile: Profile,
    pub(super) profiles: u32,
    pub(super) times: Times,
    pub(super) ringing: bool,
    pub(super) variables: Vec<(String, String)>,
    pub(super) apps: Vec<App>,
    /// What was sent to be executed and waits for the sound before it: name, argument, Event-UUID.
    pub(super) queue: std::collections::VecDeque<(String, String, Option<String>)>,
    pub(super) ties: Ties,
    /// What of its dialplan is still to be done, last first.
    pub(super) plan: Vec<super::dialplan::Step>,
    pub(super) runs: u32,
    pub(super) name: String,
    pub(super) applied: Vec<(String, String)>,
    /// The names of the variables that the legs dialled for it get.
    pub(super) exported: Vec<String>,
    /// The whole life's bridges, for its call detail record: how long.
    pub(super) talked_since: Option<Mono>,
}

impl Channel {
    /// The channel that it talks with.
    pub fn bridged(&self) -> Option<&ChannelId> {
        self.ties.bridge.as_ref()
    }

    /// Is it up: neither over nor about to be?
    pub fn alive(&self) -> bool {
        self.cause.is_none()
    }

    /// Does sound flow, answered or early?
    pub fn has_media(&self) -> bool {
        self.answered.is_some() || self.early
    }

    /// What is executed on it now, with its argument.
    pub fn executing(&self) -> Option<(&str, &str)> {
        self.apps.last().map(|app| (app.name.as_str(), app.data.as_str()))
    }

    /// Is it in the `park` application or state, with nothing above it?
    pub fn parked(&self) -> bool {
        self.alive()
            && (self.state == State::Park && self.apps.is_empty()
                || self.apps.last().is_some_and(|app| app.name == "park"))
    }

    /// Does a program have it: in a park, or in the one of a `socket`, with whatever is played to it there?
    pub fn held(&self) -> bool {
        let holds = |app: &App| app.name == "park" || app.name == "socket";
        self.alive() && self.ties.bridge.is_none() && (self.state == State::Park || self.apps.iter().any(holds))
    }

    /// A variable of the channel.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        self.variable(name).is_some_and(|value| value == "true")
    }

    /// Sets a variable; an empty value unsets it, as in the switch.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        match self.variables.iter().position(|(key, _)| key == name) {
            Some(at) if value.is_empty() => drop(self.variables.remove(at)),
            Some(at) => value.clone_into(&mut self.variables[at].1),
            None if value.is_empty() => {}
            None => self.variables.push((name.to_owned(), value.to_owned())),
        }
    }

    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let at = self.variables.iter().position(|(key, _)| key == name)?;
        Some(self.variables.remove(at).1)
    }

    pub(super) fn answer_state(&self) -> &'static str {
        match (self.cause.is_some(), self.answered.is_some(), self.early) {
            (true, _, _) => "hangup",
            (_, true, _) => "answered",
            (_, _, true) => "early",
            _ => "ringing",
        }
    }

    pub(super) fn call_state(&self) -> &'static str {
        match self.state {
            State::Reporting => "HANGUP",
            _ if self.answered.is_some() => "ACTIVE",
            _ if self.early => "EARLY",
            _ if self.ringing => "RINGING",
            _ => "DOWN",
        }
    }

    /// Everything that an event of this channel carries: what `switch_channel_event_set_data` adds, in its order. `call`
    /// is the state before what the event tells (the switch sets it afterwards).
    pub(super) fn describe(&self, event: &mut Event, call: &'static str) {
        let (state, number) = self.state.wire();
        event.add("Channel-State", state);
        event.add("Channel-Call-State", call);
        event.add("Channel-State-Number", &self.cause.as_ref().map_or(number, |_| number.max(10)).to_string());
        event.add("Channel-Name", &self.name);
        event.add("Unique-ID", self.id.as_str());
        event.add("Call-Direction", self.way());
        event.add("Presence-Call-Direction", self.way());
        event.add("Channel-HIT-Dialplan", if self.hit_dialplan() { "true" } else { "false" });
        if let Some(presence) = self.variable("presence_id") {
            event.add("Channel-Presence-ID", presence);
        }
        event.add("Channel-Call-UUID", self.variable("call_uuid").unwrap_or(self.id.as_str()));
        event.add("Answer-State", self.answer_state());
        if let Some(cause) = &self.cause {
            event.add("Hangup-Cause", cause);
        }
        self.describe_media(event);
        self.profile.describe(event, "Caller", self.way(), &self.id);
        event.add("Caller-Channel-Name", &self.name);
        event.add("Caller-Profile-Index", &self.profiles.to_string());
        self.times.describe(event, "Caller", Some(self.state));
        if let Some(other) = &self.ties.other {
            event.add("Other-Type", other.kind);
            other.profile.describe(event, "Other-Leg", "outbound", &other.id);
            event.add("Other-Leg-Channel-Name", &other.name);
            other.times.describe(event, "Other-Leg", None);
        }
        self.describe_variables(event);
    }

    fn describe_media(&self, event: &mut Event) {
        if !self.has_media() && self.direction == Direction::Outbound {
            return;
        }
        for way in ["Read", "Write"] {
            event.add(&format!("Channel-{way}-Codec-Name"), "PCMU");
            event.add(&format!("Channel-{way}-Codec-Rate"), "8000");
            event.add(&format!("Channel-{way}-Codec-Bit-Rate"), "64000");
        }
    }

    fn describe_variables(&self, event: &mut Event) {
        event.add("variable_direction", self.way());
        if self.direction == Direction::Outbound {
            event.add("variable_is_outbound", "true");
        }
        event.add("variable_uuid", self.id.as_str());
        event.add("variable_session_id", &self.session.to_string());
        event.add("variable_channel_name", &self.name);
        for (name, value) in &self.variables {
            event.add(&format!("variable_{name}"), value);
        }
    }

    pub(super) fn way(&self) -> &'static str {
        match self.direction {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
        }
    }

    /// A leg that a bridge dialled never enters the dialplan.
    fn hit_dialplan(&self) -> bool {
        self.direction == Direction::Inbound || !self.apps.is_empty()
    }

    pub(super) fn answer(&mut self, now: Now) {
        self.answered = Some(now.mono);
        self.times.answered = Some(now.wall);
    }

    /// What an originated leg's profile becomes once it has answered: caller and callee change places
    /// (`variable_channel_cid_flipped`).
    pub(super) fn flip(&mut self) {
        let profile = &mut self.profile;
        profile.callee_name = std::mem::take(&mut profile.name);
        profile.callee_number = std::mem::take(&mut profile.number);
        profile.name = profile.destination.clone();
        profile.number = profile.destination.clone();
        self.set("pre_transfer_caller_id_name", &self.profile.callee_name.clone());
        self.set("pre_transfer_caller_id_number", &self.profile.callee_number.clone());
        self.set("channel_cid_flipped", "yes");
    }
}

impl Times {
    fn describe(&self, event: &mut Event, prefix: &str, state: Option<State>) {
        let stamp = |at: Option<Wall>| at.map_or("0".to_owned(), micros);
        let mut add = |name: &str, value: &str| event.add(&format!("{prefix}-{name}"), value);
        let created = stamp(Some(self.created).filter(|at| at.0 > 0));
        add("Profile-Created-Time", &created);
        add("Channel-Created-Time", &created);
        add("Channel-Answered-Time", &stamp(self.answered));
        add("Channel-Progress-Time", &stamp(self.progress));
        add("Channel-Progress-Media-Time", &stamp(self.progress_media));
        add("Channel-Hangup-Time", &stamp(self.hangup.filter(|_| state == Some(State::Reporting))));
        add("Channel-Bridged-Time", &stamp(self.bridged));
        add("Screen-Bit", "true");
        add("Privacy-Hide-Name", "false");
        add("Privacy-Hide-Number", "false");
    }
}

impl Profile {
    pub(super) fn describe(&self, event: &mut Event, prefix: &str, way: &str, id: &ChannelId) {
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                event.add(&format!("{prefix}-{name}"), value);
            }
        };
        add("Direction", way);
        add("Logical-Direction", way);
        add("Username", &self.username);
        add("Dialplan", self.dialplan);
        add("Caller-ID-Name", &self.name);
        add("Caller-ID-Number", &self.number);
        add("Orig-Caller-ID-Name", &self.orig_name);
        add("Orig-Caller-ID-Number", &self.orig_number);
        add("Callee-ID-Name", &self.callee_name);
        add("Callee-ID-Number", &self.callee_number);
        add("Network-Addr", "127.0.0.1");
        add("ANI", &self.orig_number);
        add("Destination-Number", &self.destination);
        add("Unique-ID", id.as_str());
        add("Source", self.source);
        add("Context", self.context);
    }
}

/// A moment as the switch writes it: microseconds since 1970.
pub(super) fn micros(at: Wall) -> String {
    format!("{}", at.0.saturating_mul(1000))
}
