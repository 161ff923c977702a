//! What the engine wants done: dialling effects need their writes committed first, safe ones do not.

use super::{
    Name,
    number::Number,
    record::{BlockRecord, CallRecord, CallbackId, CallbackRecord, ChannelId, CloseReason, Job, Left, Outcome, Role},
    rules::Language,
    status::OperatorView,
    time::{Span, Wall},
};
use serde::Serialize;
use std::sync::Arc;
use uuid::Uuid;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Dial a leg. The only dialling effect.
    Originate(Box<Originate>),
    /// Speak on a parked leg; its end is told as [`super::input::News::Said`] with the token.
    Say {
        /// The switch.
        switch: Name,
        /// On which leg.
        leg: ChannelId,
        /// To know its end by.
        token: Uuid,
        /// What.
        words: Box<Words>,
    },
    /// Music for a client who waits on a parked leg, until they are joined or [`Effect::Hush`]; that it is over is told as
    /// [`super::input::News::Said`] with the token.
    Music {
        /// The switch.
        switch: Name,
        /// On which leg.
        leg: ChannelId,
        /// To know its end by.
        token: Uuid,
        /// A file or a stream, as the switch's `playback` takes it.
        what: Arc<str>,
        /// The dialplan has this channel in its `socket`, and goes on with it the moment that we are gone.
        given: bool,
    },
    /// A channel executes nothing of ours any more: what a dialplan has it execute, after a transfer, is expanded again.
    LetGo {
        /// The switch.
        switch: Name,
        /// Which.
        channel: ChannelId,
    },
    /// Record a talk that has begun.
    Record {
        /// The switch.
        switch: Name,
        /// The operator's leg: of it a refusal is told.
        leg: ChannelId,
        /// The client's channel, which is recorded, so that a transfer does not end it.
        client: ChannelId,
        /// The file.
        file: String,
        /// Each of the two on a channel of its own.
        stereo: bool,
    },
    /// Listen for the beep of a voicemail on a leg that talks; told as [`super::input::News::Beep`].
    Listen {
        /// The switch.
        switch: Name,
        /// The client's leg.
        leg: ChannelId,
        /// The switch is known to be able to; else it is asked, and answers by [`super::input::News::CanListen`].
        sure: bool,
    },
    /// Let the operator hear that the client's phone is ringing, until they are joined or [`Effect::Hush`].
    Ringback {
        /// The switch.
        switch: Name,
        /// On which leg.
        leg: ChannelId,
    },
    /// Stop what is being said or played.
    Hush {
        /// The switch.
        switch: Name,
        /// On which leg.
        leg: ChannelId,
    },
    /// Join two channels that exist.
    Bridge {
        /// The switch.
        switch: Name,
        /// The operator's.
        operator: ChannelId,
        /// The client's.
        client: ChannelId,
    },
    /// Take a caller out of where it is, to wait for us.
    Park {
        /// The switch.
        switch: Name,
        /// The caller's channel.
        channel: ChannelId,
        /// After how long the switch ends it, if we do nothing.
        limit: Span,
    },
    /// Answer a caller whom the dialplan has given to us, and see to it that the call ends with the talk.
    Answer {
        /// The switch.
        switch: Name,
        /// The caller's channel.
        channel: ChannelId,
    },
    /// Send a caller to an extension of the dialplan.
    Transfer {
        /// The switch.
        switch: Name,
        /// The caller's channel.
        channel: ChannelId,
        /// The extension.
        extension: Arc<str>,
        /// The context in which it is.
        context: Arc<str>,
    },
    /// After a tone, record what a caller says; its end is told as [`super::input::News::Said`] with the token.
    TakeMessage {
        /// The switch.
        switch: Name,
        /// The caller's channel.
        channel: ChannelId,
        /// To know its end by.
        token: Uuid,
        /// The file on the switch.
        file: String,
        /// The longest message.
        longest: Span,
    },
    /// Give a caller whom the dialplan has given to us back to it: it goes on behind its `socket`.
    GiveBack {
        /// The switch.
        switch: Name,
        /// The caller's channel.
        channel: ChannelId,
    },
    /// End a channel.
    Hangup {
        /// The switch.
        switch: Name,
        /// Which.
        channel: ChannelId,
        /// Why, for the switch's own records.
        cause: HangupCause,
    },
    /// Ask how a channel stands; answered by [`super::input::News::State`].
    AskLeg {
        /// The switch.
        switch: Name,
        /// Which.
        channel: ChannelId,
    },
    /// Ask for all live channels; answered by [`super::input::News::Channels`].
    AskChannels {
        /// The switch.
        switch: Name,
        /// To know the answer by.
        token: Uuid,
    },
    /// A state that ought to be impossible, or trouble that a person should know of.
    Alarm(Alarm),
    /// A fact for people, metrics and narration.
    Notice(Notice),
}

impl Effect {
    /// Does it need its write committed first?
    pub fn is_dialling(&self) -> bool {
        matches!(self, Effect::Originate(_))
    }
}

/// A leg to dial: it lands in park, and dies by itself at its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Originate {
    /// The switch.
    pub switch: Name,
    /// The uuid of the leg, chosen and written before.
    pub leg: ChannelId,
    /// Our own Job-UUID.
    pub job: Uuid,
    /// Whose phone.
    pub role: Role,
    /// The dial string of the configuration; for a client's leg with `{number}` in it.
    pub dial: Arc<str>,
    /// What `{number}` is, written as the trunk wants it.
    pub number: Option<String>,
    /// The caller's number that the phone shows: the client's to the operator, the line's to the client; a client may hide it.
    pub shown: Option<Number>,
    /// The caller's name that the phone shows; hostile.
    pub shown_name: String,
    /// How long it may ring.
    pub ring: Span,
    /// How long it may live once it is there.
    pub cap: Span,
    /// How long it may wait parked for us before the switch ends it.
    pub park: Span,
    /// The mod_callcenter agent whose queue must offer nothing meanwhile.
    pub track: Option<String>,
    /// For the switch's records: which attempt this is.
    pub of: Job,
    /// Its attempt.
    pub attempt: u32,
}

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// The template; empty: the built-in sentence that tells an operator how the attempt ended (`facts.outcome`).
    pub template: Arc<str>,
    /// In which language.
    pub language: Language,
    /// What the template may name.
    pub facts: Facts,
}

/// What a template may name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The client's number.
    pub number: String,
    /// The client's name; hostile.
    pub name: String,
    /// The line.
    pub line: String,
    /// Its channel.
    pub channel: String,
    /// Its source.
    pub source: String,
    /// Its campaign.
    pub campaign: String,
    /// The page from which the client came.
    pub page: String,
    /// Further words about the client.
    pub tags: String,
    /// Which try this is as the client counts, from 1: one without an operator was none.
    pub attempt: u32,
    /// How many times the client was missed.
    pub misses: u32,
    /// The key by which the operator takes the call, or the waiting client asks to be called later; empty when there is none.
    pub key: String,
    /// How an attempt ended, as [`Outcome::as_str`]; empty while it has not.
    pub outcome: String,
    /// The place in the queue, from 1; 0 when there is none to be told.
    pub position: u32,
    /// The wait that is to be expected, in minutes; 0 when there is none to be told.
    pub wait: u32,
}

/// Why we end a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HangupCause {
    /// It has done its work.
    Done,
    /// Another phone won.
    LostRace,
    /// It is not wanted any more.
    Cancelled,
}

impl HangupCause {
    /// The switch's word (switch_types.h, `switch_call_cause_t`).
    pub fn as_str(self) -> &'static str {
        match self {
            HangupCause::Done => "NORMAL_CLEARING",
            HangupCause::LostRace => "LOSE_RACE",
            HangupCause::Cancelled => "ORIGINATOR_CANCEL",
        }
    }
}

/// Trouble that a person should know of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// Its kind; the label of the metric.
    pub kind: AlarmKind,
    /// What happened, with what it was about; no telephone number.
    pub text: String,
}

/// The kinds of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlarmKind {
    /// A state that ought to be impossible: a fault of ours.
    Impossible,
    /// The wall clock jumped.
    Clock,
    /// A trunk cannot carry calls.
    Trunk,
    /// A leg outlived its limit.
    Overdue,
    /// The store does not take writes.
    Store,
    /// The switch is silent.
    Silent,
    /// A limit of ours was reached and something was let go.
    Limit,
    /// An announcement could not be rendered, and is spoken by the switch; or the switch could not read what was.
    Voice,
    /// A trunk has cost what it may cost a month.
    Cap,
    /// A client has been on hold for too long.
    Hold,
    /// Settings over the file do not fit it any more, and are not obeyed.
    Settings,
}

impl AlarmKind {
    /// All of them.
    pub const ALL: [AlarmKind; 11] = [
        AlarmKind::Impossible,
        AlarmKind::Clock,
        AlarmKind::Trunk,
        AlarmKind::Overdue,
        AlarmKind::Store,
        AlarmKind::Silent,
        AlarmKind::Limit,
        AlarmKind::Voice,
        AlarmKind::Cap,
        AlarmKind::Hold,
        AlarmKind::Settings,
    ];

    /// The label of the metric.
    pub fn as_str(self) -> &'static str {
        match self {
            AlarmKind::Impossible => "impossible",
            AlarmKind::Clock => "clock",
            AlarmKind::Trunk => "trunk",
            AlarmKind::Overdue => "overdue",
            AlarmKind::Store => "store",
            AlarmKind::Silent => "silent",
            AlarmKind::Limit => "limit",
            AlarmKind::Voice => "voice",
            AlarmKind::Cap => "cap",
            AlarmKind::Hold => "hold",
            AlarmKind::Settings => "settings",
        }
    }
}

/// What an operator's phone does for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// It rings.
    Rings,
    /// It is answered.
    Answered,
    /// The two talk.
    Talks,
    /// Nothing more.
    Over,
}

impl Moment {
    /// The name used in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Moment::Rings => "rings",
            Moment::Answered => "answered",
            Moment::Talks => "talks",
            Moment::Over => "over",
        }
    }
}

/// For whom an operator's phone rings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Client {
    /// Who is called back.
    Callback(CallbackRecord),
    /// Who waits on the line.
    Call(CallRecord),
}

/// A fact for people, metrics and narration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A client calls.
    CallArrived(CallRecord),
    /// An operator (or anybody else who is not ours) took the call.
    CallServed(CallRecord),
    /// A client's call is over.
    CallEnded(CallRecord),
    /// A callback was opened.
    Opened(CallbackRecord),
    /// A further miss joined it.
    Joined(CallbackRecord),
    /// A person asked for a number that is never dialled: it is not.
    Blocked(BlockRecord),
    /// An attempt begins: these operators are rung.
    Ringing {
        /// The callback.
        callback: CallbackId,
        /// Its attempt.
        attempt: u32,
        /// Who is rung.
        operators: Vec<Name>,
        /// The client's number.
        number: Number,
        /// The last miss, to know how long the client has waited.
        since: Wall,
    },
    /// A client waits in the queue.
    Queued(CallRecord),
    /// A caller has left the queue for good: is served for the first time, or is gone.
    LeftQueue {
        /// The group of operators that they waited for last.
        group: Name,
        /// How.
        left: Left,
        /// How long they had waited, from the call's arrival on.
        waited: Span,
        /// Served within the line's `in_time`.
        in_time: bool,
    },
    /// A round of ringing operators for a live caller is over.
    OffersOver {
        /// For whom.
        job: Job,
        /// The group whose operators were rung.
        group: Name,
        /// How it ended.
        outcome: Outcome,
    },
    /// A live caller of the queue is offered to these operators, whose phones ring.
    Offered {
        /// The caller's channel.
        call: ChannelId,
        /// Who is rung.
        operators: Vec<Name>,
    },
    /// What the phones of these operators do for a client: everything that a page needs to show them at once.
    AtOperator {
        /// Whose phones.
        operators: Vec<Name>,
        /// What they do.
        moment: Moment,
        /// For whom; `None`: who waited on the line has hung up.
        client: Option<Box<Client>>,
    },
    /// An operator is ready, away, or in the pause after a talk.
    Operator(OperatorView),
    /// A callback that was closed is to be tried again.
    Reopened(CallbackRecord),
    /// An operator answered and hears the announcement.
    OperatorAnswered {
        /// The callback.
        callback: CallbackId,
        /// Who.
        operator: Name,
    },
    /// The client's phone is being rung.
    Dialling {
        /// The callback.
        callback: CallbackId,
        /// Its attempt.
        attempt: u32,
        /// The client.
        number: Number,
        /// The last miss.
        since: Wall,
    },
    /// The client and the operator talk.
    Joint {
        /// The callback.
        callback: CallbackId,
        /// Who.
        operator: Name,
        /// The client.
        number: Number,
        /// The client's own call was put through.
        took: bool,
        /// The last miss.
        since: Wall,
    },
    /// An attempt is over.
    AttemptEnded {
        /// The callback.
        callback: CallbackId,
        /// Its attempt.
        attempt: u32,
        /// The client.
        number: Number,
        /// The operator who answered.
        operator: Option<Name>,
        /// How.
        outcome: Outcome,
        /// How long they talked.
        talk: Span,
        /// When the callback is tried again, if it is.
        again: Option<Wall>,
    },
    /// A callback is over.
    Closed {
        /// The callback as it is now.
        callback: CallbackRecord,
        /// Why.
        reason: CloseReason,
    },
}
