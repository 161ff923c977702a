//! Typed views of the events that we use. A view borrows its event and reads a header when asked for it.
//!
//! A header that a view reads may be missing (`avmd::beep` comes twice, once with few headers; some of mod_callcenter's
//! events belong to no channel) or empty, which says no more: so most answers are options.

use super::{event::Event, names};
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
    /// `CHANNEL_ANSWER`: someone is there.
    Answer(Channel<'a>),
    /// `CHANNEL_PARK`: it waits for us; it may be unanswered.
    Park(Channel<'a>),
    /// `CHANNEL_BRIDGE`: two legs are put together; one may still ring.
    Bridge(Channel<'a>),
    /// `CHANNEL_UNBRIDGE`: they no longer are.
    Unbridge(Channel<'a>),
    /// `CHANNEL_EXECUTE_COMPLETE`: an application ended.
    ExecuteComplete(Channel<'a>),
    /// `CHANNEL_HANGUP`: the leg ends.
    Hangup(Channel<'a>),
    /// `DTMF`: a key.
    Dtmf(Channel<'a>),
    /// `BACKGROUND_JOB`: the result of a `bgapi`.
    Job(Job<'a>),
    /// `HEARTBEAT`, every 20 seconds unless the switch is told otherwise.
    Heartbeat,
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
            "CHANNEL_ANSWER" => View::Answer(channel),
            "CHANNEL_PARK" => View::Park(channel),
            "CHANNEL_BRIDGE" => View::Bridge(channel),
            "CHANNEL_UNBRIDGE" => View::Unbridge(channel),
            "CHANNEL_EXECUTE_COMPLETE" => View::ExecuteComplete(channel),
            "CHANNEL_HANGUP" => View::Hangup(channel),
            "DTMF" => View::Dtmf(channel),
            "BACKGROUND_JOB" => View::Job(Job(self)),
            "HEARTBEAT" => View::Heartbeat,
            "CUSTOM" => self.custom(),
            _ => View::Other,
        }
    }

    /// The event as one of a channel: for the answer to `uuid_dump`, which has a channel's headers and no name of ours.
    pub fn channel(&self) -> Channel<'_> {
        Channel(self)
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

    /// A header that says something.
    fn said(&self, name: &str) -> Text<'_> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// A moment in microseconds since 1970; `None` when it has not come.
    fn moment(&self, name: &str) -> Option<u64> {
        self.number(name).filter(|&time| time > 0)
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
    /// `Unique-ID`: the leg. Usually a UUID, but text from outside where a profile takes the SIP Call-ID for it.
    pub fn id(&self) -> Text<'a> {
        self.0.said(names::ID)
    }
    /// `Call-Direction`.
    pub fn direction(&self) -> Option<Direction> {
        match self.0.get(names::DIRECTION)?.as_ref() {
            "inbound" => Some(Direction::Inbound),
            "outbound" => Some(Direction::Outbound),
            _ => None,
        }
    }
    /// The caller's number: `Caller-Orig-Caller-ID-Number`, which stays when a bridge turns caller and callee round; else
    /// `Caller-Caller-ID-Number`.
    pub fn caller_number(&self) -> Text<'a> {
        self.0.said(names::FIRST_CALLER_NUMBER).or_else(|| self.0.said(names::CALLER_NUMBER))
    }
    /// The caller's name, likewise: text from outside.
    pub fn caller_name(&self) -> Text<'a> {
        self.0.said(names::FIRST_CALLER_NAME).or_else(|| self.0.said(names::CALLER_NAME))
    }
    /// `Caller-Destination-Number`: what was dialled, after transfers what was dialled last.
    pub fn destination(&self) -> Text<'a> {
        self.0.said(names::DESTINATION)
    }
    /// `sip_req_user`: the user of the SIP request, which a transfer leaves.
    pub fn requested(&self) -> Text<'a> {
        self.0.said(names::REQUESTED)
    }
    /// How many times it has been transferred: `Caller-Profile-Index` counts its caller profiles.
    pub fn transfers(&self) -> u32 {
        self.0.number(names::PROFILE).map_or(0, |index| u32::try_from(index).unwrap_or(u32::MAX).saturating_sub(1))
    }
    /// The user of `Channel-Presence-ID` (`1001@pbx`): whose phone it is.
    pub fn presence_user(&self) -> Text<'a> {
        let id = self.0.said(names::PRESENCE)?;
        let user = id.split('@').next().unwrap_or_default();
        (!user.is_empty()).then(|| Cow::Owned(user.to_owned()))
    }
    /// `user_name`: the directory user as whom an inbound leg's phone gave a password.
    pub fn user(&self) -> Text<'a> {
        self.0.said(names::USER)
    }
    /// `Caller-Username`: the user of an inbound leg's SIP From, which anybody may claim.
    pub fn claimed_user(&self) -> Text<'a> {
        self.0.said(names::USERNAME)
    }
    /// `dialed_user`: the directory user whom an outbound leg calls.
    pub fn dialled_user(&self) -> Text<'a> {
        self.0.said(names::DIALLED_USER)
    }
    /// `Caller-Channel-Created-Time`, in microseconds since 1970.
    pub fn created_at(&self) -> Option<u64> {
        self.0.moment(names::CREATED)
    }
    /// `Caller-Channel-Answered-Time`; `None` when it is not answered.
    pub fn answered_at(&self) -> Option<u64> {
        self.0.moment(names::ANSWERED)
    }
    /// `Caller-Channel-Bridged-Time`: when the two first heard each other.
    pub fn bridged_at(&self) -> Option<u64> {
        self.0.moment(names::BRIDGED)
    }
    /// `Event-Date-Timestamp`: the switch's clock.
    pub fn at(&self) -> Option<u64> {
        self.0.moment(names::AT)
    }
    /// `Other-Leg-Channel-Answered-Time`: of the other leg as it was when the two were put together; it stays so.
    pub fn other_answered_at(&self) -> Option<u64> {
        self.0.moment(names::OTHER_ANSWERED)
    }
    /// `Bridge-A-Unique-ID` and `Bridge-B-Unique-ID` of a bridge and of its end.
    pub fn bridge(&self) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
        Some((self.0.said(names::BRIDGE_A)?, self.0.said(names::BRIDGE_B)?))
    }
    /// `bridge_uuid`: the leg that it is bridged to, from when that is asked for.
    pub fn bridged_to(&self) -> Text<'a> {
        self.0.said(names::BRIDGED_TO)
    }
    /// `Hangup-Cause`, such as `NORMAL_CLEARING`.
    pub fn hangup_cause(&self) -> Text<'a> {
        self.0.said(names::HANGUP_CAUSE)
    }
    /// `sip_invite_failure_status`: the SIP answer that refused the leg; it tells 403 from 603.
    pub fn sip_failure(&self) -> Option<u16> {
        self.0.get(names::SIP_STATUS)?.parse().ok()
    }
    /// Whether `Answer-State` is `answered`.
    pub fn is_answered(&self) -> bool {
        self.0.get(names::ANSWER_STATE).as_deref() == Some("answered")
    }
    /// `Channel-State`, such as `CS_EXECUTE`.
    pub fn state(&self) -> Text<'a> {
        self.0.said(names::CHANNEL_STATE)
    }
    /// `current_application`: what it executes, or executed last.
    pub fn executes(&self) -> Text<'a> {
        self.0.said(names::EXECUTES)
    }
    /// `Application`, of an application's end.
    pub fn application(&self) -> Text<'a> {
        self.0.said(names::APPLICATION)
    }
    /// `Application-Data`: its argument.
    pub fn application_data(&self) -> Text<'a> {
        self.0.said(names::APPLICATION_DATA)
    }
    /// `Application-Response`: what a sound that ends answers, `FILE PLAYED`.
    pub fn application_response(&self) -> Text<'a> {
        self.0.said(names::APPLICATION_RESPONSE)
    }
    /// `Application-UUID`: the `Event-UUID` that we gave when we asked for it.
    pub fn application_id(&self) -> Text<'a> {
        self.0.said(names::APPLICATION_ID)
    }
    /// `DTMF-Digit`: one of `0-9 * # A-D`.
    pub fn digit(&self) -> Option<char> {
        self.0.get(names::DIGIT)?.chars().next()
    }
    /// A channel variable that somebody else has named.
    pub fn variable(&self, name: &str) -> Text<'a> {
        self.0.variable(name).filter(|value| !value.is_empty())
    }
}

/// The result of a `bgapi`.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a>(&'a Event);

impl<'a> Job<'a> {
    /// `Job-UUID`: ours when we gave one.
    pub fn id(&self) -> Option<Uuid> {
        Uuid::try_parse(&self.0.get(names::JOB)?).ok()
    }
    /// The result, as the command wrote it: `+OK …` or `-ERR …` and a line feed.
    pub fn result(&self) -> Cow<'a, str> {
        self.0.body()
    }
}

/// mod_callcenter says what it does.
#[derive(Debug, Clone, Copy)]
pub struct Callcenter<'a>(&'a Event);

impl<'a> Callcenter<'a> {
    /// The event as one of a channel; not all of them are.
    pub fn channel(&self) -> Channel<'a> {
        Channel(self.0)
    }
    /// `CC-Action`, such as `member-queue-start`, `agent-status-change`.
    pub fn action(&self) -> Text<'a> {
        self.0.said(names::CC_ACTION)
    }
    /// `CC-Queue`, such as `sales@default`.
    pub fn queue(&self) -> Text<'a> {
        self.0.said(names::CC_QUEUE)
    }
    /// `CC-Agent`.
    pub fn agent(&self) -> Text<'a> {
        self.0.said(names::CC_AGENT)
    }
    /// `CC-Agent-Status`: `Available`, `Available (On Demand)`, `On Break`, `Logged Out`.
    pub fn agent_status(&self) -> Text<'a> {
        self.0.said(names::CC_STATUS)
    }
    /// `CC-Member-Session-UUID`: the leg of the one who waits.
    pub fn member_leg(&self) -> Text<'a> {
        self.0.said(names::CC_MEMBER)
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
        self.event.said(names::FROM_USER).or_else(|| self.event.said(names::EXPIRED_USER))
    }
}
