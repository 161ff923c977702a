//! What the engine is told: news of a switch, wishes of people, the passing of time.

use super::{
    Name,
    number::Number,
    paper::Paper,
    record::{AttemptRecord, CallbackId, CallbackRecord, ChannelId, Marks, Outcome},
    rules::{Key, Rules},
    time::{Span, Wall},
};
use std::sync::Arc;
use uuid::Uuid;

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A switch says something.
    Switch {
        /// Which.
        switch: Name,
        /// What.
        news: News,
    },
    /// A person, or a program on a person's behalf, wants something.
    Wish(Wish),
    /// The configuration was read anew.
    Reload(Arc<Rules>),
    /// The store takes writes again, or no longer: until it does, nothing is dialled.
    Store {
        /// Does it take writes?
        works: bool,
    },
    /// A leg that was intended was not dialled, since its write could not be committed.
    Withheld {
        /// The leg.
        leg: ChannelId,
    },
    /// Time has passed: some deadline may be due.
    Tick,
}

/// Which way a channel goes, seen from the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Somebody called the switch.
    Inbound,
    /// The switch calls somebody.
    Outbound,
}

/// What is known of a channel when it appears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Its uuid.
    pub id: ChannelId,
    /// Which way.
    pub direction: Direction,
    /// The directory user whose phone it is (`1001`), when it is one's.
    pub user: Option<Box<str>>,
    /// The caller's number, as the switch has it.
    pub caller: Box<str>,
    /// The caller's name, decoded, as it came: hostile.
    pub name: Box<str>,
    /// The number first dialled.
    pub dialled: Box<str>,
    /// The channel variable `perezvon_line`.
    pub line: Option<Box<str>>,
    /// When the switch made it.
    pub created: Wall,
}

/// A channel with how it stands now: the answer to [`super::effect::Effect::AskLeg`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelState {
    /// What is known from its beginning.
    pub channel: Channel,
    /// Answered?
    pub answered: bool,
    /// Parked: it executes nothing and waits for us.
    pub parked: bool,
    /// The channel that it is bridged to.
    pub bridged: Option<ChannelId>,
}

/// A client's channel that the dialplan has given to us: its application `socket` connected, and waits for what we do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The channel, as it was at its beginning.
    pub channel: Channel,
    /// Answered already?
    pub answered: bool,
    /// Where the client came from, as the dialplan says; hostile.
    pub marks: Marks,
}

/// How a channel ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its uuid.
    pub id: ChannelId,
    /// What the hang-up cause and the SIP status mean for the one who was dialled.
    pub outcome: Outcome,
    /// The cause in the switch's own words.
    pub cause: Box<str>,
    /// The phone was not registered: nothing rang.
    pub unregistered: bool,
    /// The channel variable `perezvon_line`, if the dialplan set it on the way.
    pub line: Option<Box<str>>,
}

/// A whole call as a call detail record tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cdr {
    /// The channel as it was at its beginning.
    pub channel: Channel,
    /// When it was first bridged to somebody, if it was.
    pub served: Option<Wall>,
    /// How long it was bridged.
    pub talk: Span,
    /// When it ended.
    pub ended: Wall,
    /// The cause in the switch's own words.
    pub cause: Box<str>,
    /// The mod_callcenter queue that it was in.
    pub queue: Option<Box<str>>,
    /// Where the client came from, as the dialplan says; hostile.
    pub marks: Marks,
}

/// News of a switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// We are logged in and subscribed. Events of the time before are lost.
    Up,
    /// The connection is lost.
    Down,
    /// A channel appeared.
    Created(Channel),
    /// A channel was answered (CHANNEL_ANSWER, nothing less).
    Answered(ChannelId),
    /// A channel waits for us.
    Parked(ChannelId),
    /// Two channels hear each other.
    Bridged(ChannelId, ChannelId),
    /// They no longer do.
    Unbridged(ChannelId, ChannelId),
    /// The dialplan named the line of a channel (`perezvon_line` seen in a later event).
    LineNamed(ChannelId, Box<str>),
    /// The dialplan says where the client at this channel came from; hostile.
    Marked(ChannelId, Box<Marks>),
    /// The phone at this channel has put its talk on hold, or has taken it back.
    Held(ChannelId, bool),
    /// A channel is gone.
    Ended(Ended),
    /// Somebody pressed a key of the telephone at this channel.
    Key(ChannelId, Key),
    /// The switch can listen for a beep at this channel.
    CanListen(ChannelId),
    /// A voicemail beeps at this channel; told twice of one beep.
    Beep(ChannelId),
    /// What we said on a channel is over.
    Said {
        /// On which channel.
        id: ChannelId,
        /// The token of the [`super::effect::Effect::Say`].
        token: Uuid,
    },
    /// The dialplan gives us a client's channel; told again when it gives the same one anew.
    Given(Box<Given>),
    /// The connection of its `socket` is over while the channel may live: the dialplan goes on with it, unless it is bridged.
    TakenBack(ChannelId),
    /// The channel waits in a mod_callcenter queue (`sales@default`).
    Queued(ChannelId, Box<str>),
    /// A mod_callcenter agent (`1001@default`) became available, or no longer is.
    Agent {
        /// The agent's name.
        agent: Box<str>,
        /// Does the agent take calls?
        available: bool,
    },
    /// A phone registered, or is gone.
    Registered {
        /// The directory user.
        user: Box<str>,
        /// There is a phone.
        here: bool,
    },
    /// An operator dialled to take calls, or to take none.
    Feature {
        /// The directory user whose phone it is.
        user: Box<str>,
        /// Takes calls?
        ready: bool,
    },
    /// A command was refused, or its background job ended with an error.
    Refused {
        /// What the command was about.
        id: ChannelId,
        /// Which kind of command.
        what: Asked,
        /// The switch's words (`-ERR …`).
        text: Box<str>,
        /// What an originate's error word means for the one who was dialled.
        outcome: Outcome,
        /// The phone was not registered: nothing rang.
        unregistered: bool,
    },
    /// The switch took an originate: the leg is on its way.
    Taken(ChannelId),
    /// The answer to [`super::effect::Effect::AskLeg`]: `None` when there is no such channel.
    State(ChannelId, Option<Box<ChannelState>>),
    /// The answer to [`super::effect::Effect::AskChannels`]; `None` when the switch gave none.
    Channels {
        /// The token of the question.
        token: Uuid,
        /// All live channels.
        list: Option<Vec<Channel>>,
    },
    /// A call that ended, by its call detail record; given only when the journal has no end of it, or a guessed one.
    Cdr(Box<Cdr>),
    /// The switch is alive.
    Heartbeat,
    /// The connection is alive, yet the switch has been silent for too long, or speaks again.
    Silent(bool),
}

/// Which kind of command a refusal is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// An originate.
    Originate,
    /// A bridge.
    Bridge,
    /// A sound.
    Say,
    /// To listen for a beep.
    Listen,
    /// To record.
    Record,
    /// A hang-up, a park, another safe thing.
    Other,
}

/// A client's wish on a web site to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The client.
    pub number: Number,
    /// The line.
    pub line: Name,
    /// The site.
    pub site: String,
    /// Where the client came from; what is empty is the line's.
    pub marks: Marks,
    /// When the client would like to be called; `None`: now.
    pub due: Option<Wall>,
    /// What the site sent with it, to be kept.
    pub paper: Paper,
}

/// What a person wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Call this number back on this line.
    Call {
        /// The client.
        number: Number,
        /// The line.
        line: Name,
        /// Who wants it.
        by: String,
        /// The list in which it stands, when it stands in one.
        list: Option<String>,
    },
    /// A client asked on a web site to be called.
    Request(Box<Request>),
    /// Never dial this number, whoever is missed or asks; an open callback of it is taken off.
    Block {
        /// The client.
        number: Number,
        /// Who wants it.
        by: String,
    },
    /// Take it off the numbers that are never dialled.
    Unblock {
        /// The client.
        number: Number,
    },
    /// Take this callback off.
    Cancel {
        /// Which.
        callback: CallbackId,
        /// Who wants it.
        by: String,
    },
    /// Put this callback to another time; the line's hours and limits hold all the same.
    Reschedule {
        /// Which.
        callback: CallbackId,
        /// When.
        due: Wall,
    },
    /// Let a list of numbers rest, or call it through again.
    List {
        /// The list.
        list: String,
        /// Shall it rest?
        paused: bool,
    },
    /// Dial nothing from now on; what is in progress is finished.
    Pause,
    /// Dial again.
    Resume,
    /// This operator takes calls, from now on though they had a pause, or no longer does.
    Operator {
        /// Who.
        name: Name,
        /// Takes calls?
        ready: bool,
        /// Why not, in their own words; empty: nobody says.
        why: String,
    },
    /// The pause of an operator after a talk lasts until then.
    WrapUp {
        /// Who.
        name: Name,
        /// Until when; a past time ends it.
        until: Wall,
    },
    /// Dial this callback now, whatever its time; the line's hours and limits hold all the same.
    Dial {
        /// Which.
        callback: CallbackId,
        /// Whose phone is rung first, if they are free; their pause after a talk is over.
        operator: Option<Name>,
    },
    /// Call this client at that time, whatever becomes of the talk or the attempt that may be under way.
    CallAgain {
        /// The client.
        number: Number,
        /// The line, where no callback is open.
        line: Name,
        /// When.
        at: Wall,
        /// Who wants it.
        by: String,
    },
    /// What answered for the client in the last talk of this callback was a machine: it is tried again as after no answer.
    Machine {
        /// Which.
        callback: CallbackId,
        /// Who says so.
        by: String,
        /// When it is closed: the callback and its last attempt as they are stored.
        closed: Option<Box<(CallbackRecord, AttemptRecord)>>,
    },
    /// No new legs: the daemon is about to stop.
    Drain,
}
