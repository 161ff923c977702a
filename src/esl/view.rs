//! Typed views of the events that we use. A view borrows its event and reads a header when asked for it.
//!
//! A header that a view reads may be missing (`avmd::beep` comes twice, once with few headers; some of mod_callcenter's
//! events belong to no channel), so most answers are options.

use super::event::Event;
use std::borrow::Cow;
use uuid::Uuid;

type Text<'a> = Option<Cow<'a, str>>;

/// An event, by what it says.
#[derive(Debug, Clone, Copy)]
pub enum View<'a> {
    /// `CHANNEL_CREATE`: a leg exists.
    Create(Channel<'a>),
    /// `CHANNEL_PROGRESS`: it rings.
    Progress(Channel<'a>),
    /// `CHANNEL_PROGRESS_MEDIA`: it sends sound before the answer.
    ProgressMedia(Channel<'a>),
    /// `CHANNEL_ANSWER`: someone is there.
    Answer(Channel<'a>),
    /// `CHANNEL_PARK`: it waits for us; it may be unanswered.
    Park(Channel<'a>),
    /// `CHANNEL_BRIDGE`: two legs talk.
    Bridge(Channel<'a>),
    /// `CHANNEL_UNBRIDGE`: they no longer do.
    Unbridge(Channel<'a>),
    /// `CHANNEL_EXECUTE_COMPLETE`: an application ended.
    ExecuteComplete(Channel<'a>),
    /// `CHANNEL_HANGUP_COMPLETE`: the leg is gone.
    HangupComplete(Channel<'a>),
    /// `DTMF`: a key.
    Dtmf(Channel<'a>),
    /// `BACKGROUND_JOB`: the result of a `bgapi`.
    Job(Job<'a>),
    /// `HEARTBEAT`, every 20 seconds.
    Heartbeat(Heartbeat<'a>),
    /// `CUSTOM callcenter::info`.
    Callcenter(Callcenter<'a>),
    /// `CUSTOM avmd::beep`: a voicemail's beep.
    Beep(Channel<'a>),
    /// `CUSTOM sofia::register`, `sofia::unregister`, `sofia::expire`.
    Registration(Registration<'a>),
    /// Anything else.
    Other,
}

impl Event {
    /// What the event says, of what we use.
    pub fn view(&self) -> View<'_> {
        let channel = Channel(self);
        match &*self.name() {
            "CHANNEL_CREATE" => View::Create(channel),
            "CHANNEL_PROGRESS" => View::Progress(channel),
            "CHANNEL_PROGRESS_MEDIA" => View::ProgressMedia(channel),
            "CHANNEL_ANSWER" => View::Answer(channel),
            "CHANNEL_PARK" => View::Park(channel),
            "CHANNEL_BRIDGE" => View::Bridge(channel),
            "CHANNEL_UNBRIDGE" => View::Unbridge(channel),
            "CHANNEL_EXECUTE_COMPLETE" => View::ExecuteComplete(channel),
            "CHANNEL_HANGUP_COMPLETE" => View::HangupComplete(channel),
            "DTMF" => View::Dtmf(channel),
            "BACKGROUND_JOB" => View::Job(Job(self)),
            "HEARTBEAT" => View::Heartbeat(Heartbeat(self)),
            "CUSTOM" => self.custom(),
            _ => View::Other,
        }
    }

    fn custom(&self) -> View<'_> {
        match self.subclass().as_deref() {
            Some("callcenter::info") => View::Callcenter(Callcenter(self)),
            Some("avmd::beep") => View::Beep(Channel(self)),
            Some("sofia::register") => View::Registration(Registration { event: self, here: true }),
            Some("sofia::unregister" | "sofia::expire") => {
                View::Registration(Registration { event: self, here: false })
            }
            _ => View::Other,
        }
    }
}

/// Which way a leg goes, as the switch sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Someone calls the switch.
    Inbound,
    /// The switch calls someone.
    Outbound,
}

/// An event of a channel.
#[derive(Debug, Clone, Copy)]
pub struct Channel<'a>(&'a Event);

impl<'a> Channel<'a> {
    /// The event itself.
    pub fn event(&self) -> &'a Event {
        self.0
    }
    /// `Unique-ID`: the leg. Usually a UUID, but text from outside where a profile takes the SIP Call-ID for it.
    pub fn id(&self) -> Text<'a> {
        self.0.get("Unique-ID")
    }
    /// `Channel-Call-UUID`: the first leg of the call that this one belongs to.
    pub fn call_id(&self) -> Text<'a> {
        self.0.get("Channel-Call-UUID")
    }
    /// `Call-Direction`.
    pub fn direction(&self) -> Option<Direction> {
        match self.0.get("Call-Direction")?.as_ref() {
            "inbound" => Some(Direction::Inbound),
            "outbound" => Some(Direction::Outbound),
            _ => None,
        }
    }
    /// `Channel-Name`, such as `sofia/internal/1001@pbx`.
    pub fn name(&self) -> Text<'a> {
        self.0.get("Channel-Name")
    }
    /// `Caller-Caller-ID-Number`.
    pub fn caller_number(&self) -> Text<'a> {
        self.0.get("Caller-Caller-ID-Number")
    }
    /// `Caller-Caller-ID-Name`: text from outside.
    pub fn caller_name(&self) -> Text<'a> {
        self.0.get("Caller-Caller-ID-Name")
    }
    /// `Caller-Destination-Number`: what was dialled, after transfers what was dialled last.
    pub fn destination(&self) -> Text<'a> {
        self.0.get("Caller-Destination-Number")
    }
    /// `Other-Leg-Unique-ID`.
    pub fn other_leg(&self) -> Text<'a> {
        self.0.get("Other-Leg-Unique-ID")
    }
    /// `Bridge-A-Unique-ID` and `Bridge-B-Unique-ID` of a bridge and of its end.
    pub fn bridge(&self) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
        Some((self.0.get("Bridge-A-Unique-ID")?, self.0.get("Bridge-B-Unique-ID")?))
    }
    /// `Hangup-Cause`, such as `NORMAL_CLEARING`.
    pub fn hangup_cause(&self) -> Text<'a> {
        self.0.get("Hangup-Cause")
    }
    /// `sip_invite_failure_status`: the SIP answer that refused the leg; it tells 403 from 603.
    pub fn sip_failure(&self) -> Option<u16> {
        self.0.variable("sip_invite_failure_status")?.parse().ok()
    }
    /// `Caller-Channel-Answered-Time` in microseconds since 1970; `None` when it was never answered.
    pub fn answered_at(&self) -> Option<u64> {
        self.0.number("Caller-Channel-Answered-Time").filter(|&time| time != 0)
    }
    /// `Caller-Channel-Bridged-Time`, likewise.
    pub fn bridged_at(&self) -> Option<u64> {
        self.0.number("Caller-Channel-Bridged-Time").filter(|&time| time != 0)
    }
    /// `Event-Date-Timestamp`: the switch's clock, in microseconds since 1970.
    pub fn at(&self) -> Option<u64> {
        self.0.number("Event-Date-Timestamp")
    }
    /// `Application`, of an application's end.
    pub fn application(&self) -> Text<'a> {
        self.0.get("Application")
    }
    /// `Application-Response`, such as `FILE PLAYED`.
    pub fn response(&self) -> Text<'a> {
        self.0.get("Application-Response")
    }
    /// `Application-UUID`: the `Event-UUID` that we gave when we asked for it.
    pub fn application_id(&self) -> Text<'a> {
        self.0.get("Application-UUID")
    }
    /// `DTMF-Digit`: one of `0-9 * # A-D`.
    pub fn digit(&self) -> Option<char> {
        self.0.get("DTMF-Digit")?.chars().next()
    }
}

/// The result of a `bgapi`.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a>(&'a Event);

impl<'a> Job<'a> {
    /// `Job-UUID`: ours when we gave one.
    pub fn id(&self) -> Option<Uuid> {
        Uuid::try_parse(&self.0.get("Job-UUID")?).ok()
    }
    /// `Job-Command`, such as `originate`.
    pub fn command(&self) -> Text<'a> {
        self.0.get("Job-Command")
    }
    /// The result, as the command wrote it: `+OK …` or `-ERR …` and a line feed.
    pub fn result(&self) -> Cow<'a, str> {
        self.0.body()
    }
}

/// The switch's pulse.
#[derive(Debug, Clone, Copy)]
pub struct Heartbeat<'a>(&'a Event);

impl Heartbeat<'_> {
    /// `Session-Count`: channels that exist.
    pub fn sessions(&self) -> Option<u64> {
        self.0.number("Session-Count")
    }
    /// `Uptime-msec`: since the switch was started.
    pub fn uptime_ms(&self) -> Option<u64> {
        self.0.number("Uptime-msec")
    }
    /// `Event-Date-Timestamp`, in microseconds since 1970.
    pub fn at(&self) -> Option<u64> {
        self.0.number("Event-Date-Timestamp")
    }
}

/// mod_callcenter says what it does.
#[derive(Debug, Clone, Copy)]
pub struct Callcenter<'a>(&'a Event);

impl<'a> Callcenter<'a> {
    /// The event itself.
    pub fn event(&self) -> &'a Event {
        self.0
    }
    /// `CC-Action`, such as `member-queue-start`, `bridge-agent-start`, `agent-status-change`.
    pub fn action(&self) -> Text<'a> {
        self.0.get("CC-Action")
    }
    /// `CC-Queue`, such as `sales@default`.
    pub fn queue(&self) -> Text<'a> {
        self.0.get("CC-Queue")
    }
    /// `CC-Agent`.
    pub fn agent(&self) -> Text<'a> {
        self.0.get("CC-Agent")
    }
    /// `CC-Agent-Status`: `Available`, `On Break`, `Logged Out`.
    pub fn agent_status(&self) -> Text<'a> {
        self.0.get("CC-Agent-Status")
    }
    /// `CC-Agent-State`: `Waiting`, `Receiving`, `In a queue call`.
    pub fn agent_state(&self) -> Text<'a> {
        self.0.get("CC-Agent-State")
    }
    /// `CC-Member-UUID`: mod_callcenter's own id of the one who waits.
    pub fn member(&self) -> Text<'a> {
        self.0.get("CC-Member-UUID")
    }
    /// `CC-Member-Session-UUID`: the leg of the one who waits.
    pub fn member_leg(&self) -> Text<'a> {
        self.0.get("CC-Member-Session-UUID")
    }
    /// `CC-Agent-UUID`: the agent's leg.
    pub fn agent_leg(&self) -> Text<'a> {
        self.0.get("CC-Agent-UUID")
    }
    /// `CC-Member-CID-Number`.
    pub fn number(&self) -> Text<'a> {
        self.0.get("CC-Member-CID-Number")
    }
    /// `CC-Cause` of `member-queue-end`: `Terminated` (served) or `Cancel`.
    pub fn cause(&self) -> Text<'a> {
        self.0.get("CC-Cause")
    }
    /// `CC-Cancel-Reason`: `BREAK_OUT`, `TIMEOUT`, `NO_AGENT_TIMEOUT`, ...
    pub fn cancel_reason(&self) -> Text<'a> {
        self.0.get("CC-Cancel-Reason")
    }
}

/// A phone came or went.
#[derive(Debug, Clone, Copy)]
pub struct Registration<'a> {
    event: &'a Event,
    here: bool,
}

impl<'a> Registration<'a> {
    /// Whether the phone is there now.
    pub fn here(&self) -> bool {
        self.here
    }
    /// The user: `from-user`, or `user` where a registration ran out.
    pub fn user(&self) -> Text<'a> {
        self.event.get("from-user").or_else(|| self.event.get("user"))
    }
    /// The domain: `from-host`, or `host` where a registration ran out.
    pub fn domain(&self) -> Text<'a> {
        self.event.get("from-host").or_else(|| self.event.get("host"))
    }
}
