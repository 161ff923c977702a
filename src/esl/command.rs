//! Commands: every one that we send, as types. Made of checked text, so writing one cannot fail, and reading one back
//! gives the same command.
//!
//! ```text
//! command = line LF *( name ": " value LF ) LF [ body ]
//! line    = verb [ SP arguments ]
//! ```
//! A bare line feed ends the line and an empty line ends the command, so no part may have a line break
//! ([`super::text`]).

use super::dial::{NotADialString, Originate, quote, separate};
use super::event::Format;
use super::frame::excerpt;
use super::header::Headers;
use super::parse::{decimal, pair, verb_and_argument};
use super::text::{Line, Name, Secret, Unsafe, Value, Word};
use bytes::{Buf, Bytes, BytesMut};
use std::fmt::Write;
use uuid::Uuid;

/// An application's argument over this many bytes goes as the command's body: longer header values are more than older
/// switches promise to take.
pub const MAX_ARGUMENT_HEADER: usize = 2000;

/// A command.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// `auth`: the socket's password.
    Auth(Secret),
    /// `userauth`: a user of the directory, with its own rights.
    UserAuth {
        /// The user.
        user: UserName,
        /// Its password.
        password: Secret,
    },
    /// `event`: subscribe.
    Events {
        /// How events are written.
        format: Format,
        /// Which.
        events: EventList,
    },
    /// `nixevent`: unsubscribe.
    NixEvents(EventList),
    /// `noevents`: unsubscribe from all.
    NoEvents,
    /// `filter`: of the events subscribed, only those with this header are wanted. Several filters are joined by *or*.
    Filter {
        /// The header.
        header: Name,
        /// Its value.
        value: Line,
    },
    /// `api`: run a command and wait for its end; everything else on the connection waits too.
    Api(ApiCommand),
    /// `bgapi`: run it in the background; the result is a `BACKGROUND_JOB` event with our `Job-UUID`.
    BgApi {
        /// Our id for it.
        job: Uuid,
        /// The command.
        command: ApiCommand,
    },
    /// `sendmsg … execute`: run an application of the dialplan on a channel.
    Execute(Execute),
    /// `sendmsg … hangup`.
    Hangup {
        /// The channel; `None` is the one that an outbound socket controls.
        channel: Option<Word>,
        /// Why, such as `NORMAL_CLEARING`.
        cause: Name,
    },
    /// `connect`: an outbound socket's first command; the reply carries the channel's data.
    Connect,
    /// `linger`: keep an outbound socket open this many seconds after the hang-up; without a number for ever.
    Linger(Option<u32>),
    /// `myevents`: an outbound socket wants its channel's events.
    MyEvents(Format),
    /// `divert_events`.
    DivertEvents(bool),
    /// `exit`.
    Exit,
    /// `log`: lines of the switch's log up to this level (7 is debug).
    Log(u8),
    /// `nolog`.
    NoLog,
}

/// A user of the directory: `1000@example.org`, without `:`; the `@` is the only one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserName(Word);

impl UserName {
    /// Checks a user's name.
    pub fn new(text: &str) -> Result<Self, Unsafe> {
        let word = Word::new(text)?;
        if let Some(at) = text.find(':') {
            return Err(Unsafe::Sign { sign: ':', at });
        }
        match text.split_once('@') {
            Some((_, "")) => Err(Unsafe::Empty),
            Some((user, domain)) => match domain.find('@') {
                Some(second) => Err(Unsafe::Sign { sign: '@', at: user.len() + 1 + second }),
                None => Ok(Self(word)),
            },
            None => Err(Unsafe::Empty),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Names of events, and of subclasses of `CUSTOM`. Writing it puts `CUSTOM` between them, as the switch wants it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventList {
    /// Such as `CHANNEL_CREATE`; `CUSTOM` itself is not put here.
    pub events: Vec<Name>,
    /// Such as `callcenter::info`.
    pub subclasses: Vec<Name>,
}

impl EventList {
    /// Checks names.
    pub fn new(events: &[&str], subclasses: &[&str]) -> Result<Self, Unsafe> {
        let names = |list: &[&str]| list.iter().map(|name| Name::new(name)).collect::<Result<Vec<_>, _>>();
        Ok(Self { events: names(events)?, subclasses: names(subclasses)? })
    }

    fn write(&self, out: &mut BytesMut) {
        for event in &self.events {
            put(out, &[" ", event.as_str()]);
        }
        if !self.subclasses.is_empty() {
            put(out, &[" CUSTOM"]);
        }
        for subclass in &self.subclasses {
            put(out, &[" ", subclass.as_str()]);
        }
    }

    fn parse<'a>(words: impl Iterator<Item = &'a str>) -> Result<Self, NotUnderstood> {
        let mut list = Self::default();
        let mut custom = false;
        for word in words {
            match word {
                "CUSTOM" => custom = true,
                word if custom => list.subclasses.push(Name::new(word)?),
                word => list.events.push(Name::new(word)?),
            }
        }
        Ok(list)
    }
}

/// An application to run on a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execute {
    /// The channel; `None` is the one that an outbound socket controls.
    pub channel: Option<Word>,
    /// Such as `speak`.
    pub application: Name,
    /// Its argument.
    pub argument: Option<Line>,
    /// Comes back as `Application-UUID` when the application ends.
    pub event_uuid: Option<Word>,
    /// Whether what was asked before must end first.
    pub lock: bool,
    /// How often; once when `None`. Negative is for ever.
    pub loops: Option<i32>,
}

/// What `api` and `bgapi` run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApiCommand {
    /// A leg.
    Originate(Originate),
    /// Two legs talk.
    UuidBridge(Word, Word),
    /// Hang up; `NORMAL_CLEARING` when no cause is given.
    UuidKill(Word, Option<Name>),
    /// `true` or `false`.
    UuidExists(Word),
    /// All of a channel's data, as one JSON object.
    UuidDump(Word),
    /// The value of a variable, `_undef_` when it has none.
    UuidGetVar(Word, Name),
    /// Set a variable; without a value, unset it.
    UuidSetVar(Word, Name, Option<Value>),
    /// Stop what is played, and what is waiting to be played.
    UuidBreak(Word),
    /// Park a leg where it is.
    UuidPark(Word),
    /// Take a leg out of whatever it does, a queue too, into park; one that is not answered yet is, since an unanswered
    /// one cannot be bridged.
    UuidTransferToPark(Word),
    /// Play something to one or both of two legs.
    UuidBroadcast {
        /// One of the legs.
        channel: Word,
        /// A file, or `application::argument`.
        sound: Line,
        /// Who hears it.
        to: Hearers,
    },
    /// All channels, as JSON.
    ShowChannels,
    /// The switch's state in words.
    Status,
    /// The switch's version.
    Version,
    /// The switch's clock, seconds since 1970.
    Strepoch,
    /// Where a user's phone is; `error/user_not_registered` when nowhere.
    SofiaContact(Word),
    /// mod_callcenter's agents, as a table.
    CallcenterAgents,
    /// mod_avmd listens no longer for a beep on this channel.
    AvmdStop(Word),
    /// Record this channel, both directions, into this file.
    UuidRecord(Word, Line),
    /// What the loaded modules bring, as JSON.
    ShowModules,
    /// The phones that are registered, as JSON.
    ShowRegistrations,
    /// A gateway of mod_sofia, in words.
    SofiaGateway(Word),
    /// A profile of mod_sofia, in words.
    SofiaProfile(Word),
    /// A module's configuration (`json_cdr.conf`), as XML.
    Configuration(Name),
    /// The whole dialplan, as XML.
    Dialplan,
}

/// Who hears a broadcast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hearers {
    /// The leg named.
    This,
    /// The leg that it talks with.
    Other,
    /// Both.
    Both,
}

impl Hearers {
    fn as_str(self) -> &'static str {
        match self {
            Self::This => "aleg",
            Self::Other => "bleg",
            Self::Both => "both",
        }
    }
}

fn put(out: &mut BytesMut, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Writes what `Display` gives; a buffer that grows does not fail.
fn put_shown(out: &mut BytesMut, shown: impl std::fmt::Display) {
    let _ = write!(out, "{shown}");
}

impl Command {
    /// Writes the command, its empty line included.
    pub fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Auth(password) => put(out, &["auth ", password.expose()]),
            Self::UserAuth { user, password } => put(out, &["userauth ", user.as_str(), ":", password.expose()]),
            Self::Events { format, events } => {
                put(out, &["event ", format.as_str()]);
                events.write(out);
            }
            Self::NixEvents(events) => {
                put(out, &["nixevent"]);
                events.write(out);
            }
            Self::NoEvents => put(out, &["noevents"]),
            Self::Filter { header, value } => put(out, &["filter ", header.as_str(), " ", value.as_str()]),
            Self::Api(command) => {
                put(out, &["api "]);
                command.encode(out);
            }
            Self::BgApi { job, command } => {
                put(out, &["bgapi "]);
                command.encode(out);
                put(out, &["\nJob-UUID: "]);
                put_shown(out, job.hyphenated());
            }
            Self::Execute(execute) => return execute.encode(out),
            Self::Hangup { channel, cause } => {
                put_sendmsg(out, channel.as_ref(), "hangup");
                put(out, &["\nhangup-cause: ", cause.as_str()]);
            }
            Self::Connect => put(out, &["connect"]),
            Self::Linger(None) => put(out, &["linger"]),
            Self::Linger(Some(seconds)) => put_shown(out, format_args!("linger {seconds}")),
            Self::MyEvents(format) => put(out, &["myevents ", format.as_str()]),
            Self::DivertEvents(on) => put(out, &["divert_events ", if *on { "on" } else { "off" }]),
            Self::Exit => put(out, &["exit"]),
            Self::Log(level) => put_shown(out, format_args!("log {level}")),
            Self::NoLog => put(out, &["nolog"]),
        }
        put(out, &["\n\n"]);
    }

    /// The command as bytes.
    pub fn to_bytes(&self) -> Bytes {
        let mut out = BytesMut::new();
        self.encode(&mut out);
        out.freeze()
    }
}

fn put_sendmsg(out: &mut BytesMut, channel: Option<&Word>, verb: &str) {
    put(out, &["sendmsg"]);
    if let Some(channel) = channel {
        put(out, &[" ", channel.as_str()]);
    }
    put(out, &["\ncall-command: ", verb]);
}

impl Execute {
    /// An application without argument, run at once.
    pub fn new(channel: Option<Word>, application: Name) -> Self {
        Self { channel, application, argument: None, event_uuid: None, lock: false, loops: None }
    }

    fn encode(&self, out: &mut BytesMut) {
        put_sendmsg(out, self.channel.as_ref(), "execute");
        put(out, &["\nexecute-app-name: ", self.application.as_str()]);
        if let Some(id) = &self.event_uuid {
            put(out, &["\nEvent-UUID: ", id.as_str()]);
        }
        if self.lock {
            put(out, &["\nevent-lock: true"]);
        }
        if let Some(loops) = self.loops {
            put_shown(out, format_args!("\nloops: {loops}"));
        }
        match self.argument.as_ref().map(Line::as_str) {
            None => put(out, &["\n\n"]),
            Some(text) if text.len() <= MAX_ARGUMENT_HEADER => put(out, &["\nexecute-app-arg: ", text, "\n\n"]),
            Some(text) => {
                put_shown(out, format_args!("\ncontent-type: text/plain\ncontent-length: {}\n\n{text}", text.len()));
            }
        }
    }
}

impl ApiCommand {
    /// The name by which the switch knows it, and by which a user of the directory is allowed it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Originate(_) => "originate",
            Self::UuidBridge(..) => "uuid_bridge",
            Self::UuidKill(..) => "uuid_kill",
            Self::UuidExists(_) => "uuid_exists",
            Self::UuidDump(_) => "uuid_dump",
            Self::UuidGetVar(..) => "uuid_getvar",
            Self::UuidSetVar(..) => "uuid_setvar",
            Self::UuidBreak(_) => "uuid_break",
            Self::UuidPark(_) => "uuid_park",
            Self::UuidTransferToPark(_) => "uuid_transfer",
            Self::UuidBroadcast { .. } => "uuid_broadcast",
            Self::ShowChannels => "show",
            Self::Status => "status",
            Self::Version => "version",
            Self::Strepoch => "strepoch",
            Self::SofiaContact(_) => "sofia_contact",
            Self::CallcenterAgents => "callcenter_config",
            Self::AvmdStop(_) => "avmd",
            Self::UuidRecord(..) => "uuid_record",
            Self::ShowModules | Self::ShowRegistrations => "show",
            Self::SofiaGateway(_) | Self::SofiaProfile(_) => "sofia",
            Self::Configuration(_) | Self::Dialplan => "xml_locate",
        }
    }

    fn encode(&self, out: &mut BytesMut) {
        put(out, &[self.name()]);
        match self {
            Self::Originate(originate) => put_shown(out, format_args!(" {originate}")),
            Self::UuidBridge(a, b) => put(out, &[" ", a.as_str(), " ", b.as_str()]),
            Self::UuidKill(channel, Some(cause)) => put(out, &[" ", channel.as_str(), " ", cause.as_str()]),
            Self::UuidKill(channel, None)
            | Self::UuidExists(channel)
            | Self::UuidPark(channel)
            | Self::SofiaContact(channel) => put(out, &[" ", channel.as_str()]),
            Self::UuidDump(channel) => put(out, &[" ", channel.as_str(), " json"]),
            Self::UuidGetVar(channel, name) | Self::UuidSetVar(channel, name, None) => {
                put(out, &[" ", channel.as_str(), " ", name.as_str()]);
            }
            Self::UuidSetVar(channel, name, Some(value)) => {
                put(out, &[" ", channel.as_str(), " ", name.as_str(), " ", value.as_str()]);
            }
            Self::UuidBreak(channel) => put(out, &[" ", channel.as_str(), " all"]),
            Self::UuidTransferToPark(channel) => put(out, &[" ", channel.as_str(), " answer,park inline"]),
            Self::UuidBroadcast { channel, sound, to } => {
                put(out, &[" ", channel.as_str(), " "]);
                let _ = quote(sound.as_str(), out);
                put(out, &[" ", to.as_str()]);
            }
            Self::ShowChannels => put(out, &[" channels as json"]),
            Self::CallcenterAgents => put(out, &[" agent list"]),
            Self::AvmdStop(channel) => put(out, &[" ", channel.as_str(), " stop"]),
            Self::UuidRecord(channel, file) => {
                put(out, &[" ", channel.as_str(), " start "]);
                let _ = quote(file.as_str(), out);
            }
            Self::ShowModules => put(out, &[" modules as json"]),
            Self::ShowRegistrations => put(out, &[" registrations as json"]),
            Self::SofiaGateway(name) => put(out, &[" status gateway ", name.as_str()]),
            Self::SofiaProfile(name) => put(out, &[" status profile ", name.as_str()]),
            Self::Configuration(name) => put(out, &[" configuration configuration name ", name.as_str()]),
            Self::Dialplan => put(out, &[" dialplan"]),
            Self::Status | Self::Version | Self::Strepoch => {}
        }
    }
}

impl Format {
    fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Json => "json",
        }
    }
}

/// Why a text is none of our commands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotUnderstood {
    /// No such verb, or not with these arguments.
    #[error("not a command: {0:?}")]
    Verb(String),
    /// `api` or `bgapi` of something that we never ask for.
    #[error("not an api command of ours: {0:?}")]
    Api(String),
    /// Not UTF-8.
    #[error("not UTF-8")]
    Encoding,
    /// A part that cannot be carried.
    #[error(transparent)]
    Text(#[from] Unsafe),
    /// Not a dial string of ours.
    #[error(transparent)]
    Dial(#[from] NotADialString),
}

impl Command {
    /// Reads a command with its headers and body, as [`Reader`] cuts them.
    pub fn parse(bytes: &Bytes) -> Result<Self, NotUnderstood> {
        let line_end = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
        let line = std::str::from_utf8(&bytes[..line_end]).map_err(|_| NotUnderstood::Encoding)?;
        let rest = bytes.slice((line_end + 1).min(bytes.len())..);
        let (headers, body) =
            Headers::parse(rest, MAX_HEADERS).map_err(|_| NotUnderstood::Verb("too many headers".to_owned()))?;
        let (verb, argument) = verb_and_argument(line);
        let unknown = || NotUnderstood::Verb(excerpt(line.as_bytes()));
        Ok(match verb {
            "auth" => Self::Auth(Secret::new(argument)?),
            "userauth" => {
                let (user, password) = pair(":", argument).ok_or_else(unknown)?;
                Self::UserAuth { user: UserName::new(user)?, password: Secret::new(password)? }
            }
            "event" => {
                let mut words = argument.split(' ').filter(|word| !word.is_empty());
                let format = words.next().and_then(Format::parse).ok_or_else(unknown)?;
                Self::Events { format, events: EventList::parse(words)? }
            }
            "nixevent" => Self::NixEvents(EventList::parse(argument.split(' ').filter(|word| !word.is_empty()))?),
            "noevents" => Self::NoEvents,
            "filter" => {
                let (header, value) = pair(" ", argument).ok_or_else(unknown)?;
                Self::Filter { header: Name::new(header)?, value: Line::new(value)? }
            }
            "api" => Self::Api(ApiCommand::parse(argument)?),
            "bgapi" => {
                let job = headers.text("Job-UUID").and_then(|id| Uuid::try_parse(&id).ok()).ok_or_else(unknown)?;
                Self::BgApi { job, command: ApiCommand::parse(argument)? }
            }
            "sendmsg" => return parse_sendmsg(argument, &headers, &body),
            "connect" => Self::Connect,
            "linger" if argument.is_empty() => Self::Linger(None),
            "linger" => Self::Linger(Some(argument.parse().map_err(|_| unknown())?)),
            "myevents" => Self::MyEvents(Format::parse(argument).ok_or_else(unknown)?),
            "divert_events" => Self::DivertEvents(argument == "on"),
            "exit" => Self::Exit,
            "log" => Self::Log(argument.parse().map_err(|_| unknown())?),
            "nolog" => Self::NoLog,
            _ => return Err(unknown()),
        })
    }
}

impl Format {
    fn parse(word: &str) -> Option<Self> {
        match word {
            "plain" => Some(Self::Plain),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

fn parse_sendmsg(channel: &str, headers: &Headers, body: &Bytes) -> Result<Command, NotUnderstood> {
    let channel = if channel.is_empty() { None } else { Some(Word::new(channel)?) };
    let unknown = || NotUnderstood::Verb("sendmsg".to_owned());
    let name = |header: &str| headers.text(header).ok_or_else(unknown);
    match &*name("call-command")? {
        "execute" => {
            let argument = match headers.text("execute-app-arg") {
                Some(text) => Some(Line::new(&text)?),
                None if body.is_empty() => None,
                None => Some(Line::new(std::str::from_utf8(body).map_err(|_| NotUnderstood::Encoding)?)?),
            };
            let loops = headers.text("loops").map(|text| text.parse().map_err(|_| unknown())).transpose()?;
            Ok(Command::Execute(Execute {
                channel,
                application: Name::new(&name("execute-app-name")?)?,
                argument,
                event_uuid: headers.text("Event-UUID").map(|id| Word::new(&id)).transpose()?,
                lock: headers.raw("event-lock") == Some(b"true"),
                loops,
            }))
        }
        "hangup" => Ok(Command::Hangup { channel, cause: Name::new(&name("hangup-cause")?)? }),
        _ => Err(unknown()),
    }
}

impl ApiCommand {
    /// Reads what stands after `api ` or `bgapi `.
    pub fn parse(text: &str) -> Result<Self, NotUnderstood> {
        let (name, argument) = verb_and_argument(text);
        if name == "originate" {
            return Ok(Self::Originate(Originate::parse(argument)?));
        }
        let words = separate(argument, ' ', if name == "uuid_setvar" { 3 } else { 10 });
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Ok(match (name, words.as_slice()) {
            ("uuid_bridge", [a, b]) => Self::UuidBridge(Word::new(a)?, Word::new(b)?),
            ("uuid_kill", [channel]) => Self::UuidKill(Word::new(channel)?, None),
            ("uuid_kill", [channel, cause]) => Self::UuidKill(Word::new(channel)?, Some(Name::new(cause)?)),
            ("uuid_exists", [channel]) => Self::UuidExists(Word::new(channel)?),
            ("uuid_dump", [channel, "json"]) => Self::UuidDump(Word::new(channel)?),
            ("uuid_getvar", [channel, name]) => Self::UuidGetVar(Word::new(channel)?, Name::new(name)?),
            ("uuid_setvar", [channel, name]) => Self::UuidSetVar(Word::new(channel)?, Name::new(name)?, None),
            ("uuid_setvar", [channel, name, value]) => {
                Self::UuidSetVar(Word::new(channel)?, Name::new(name)?, Some(Value::new(value)?))
            }
            ("uuid_break", [channel, "all"]) => Self::UuidBreak(Word::new(channel)?),
            ("uuid_park", [channel]) => Self::UuidPark(Word::new(channel)?),
            ("uuid_transfer", [channel, "answer,park", "inline"]) => Self::UuidTransferToPark(Word::new(channel)?),
            ("uuid_broadcast", [channel, sound, to]) => Self::UuidBroadcast {
                channel: Word::new(channel)?,
                sound: Line::new(sound)?,
                to: [Hearers::This, Hearers::Other, Hearers::Both]
                    .into_iter()
                    .find(|hearers| hearers.as_str() == *to)
                    .ok_or_else(|| NotUnderstood::Api(excerpt(text.as_bytes())))?,
            },
            ("show", ["channels", "as", "json"]) => Self::ShowChannels,
            ("show", ["modules", "as", "json"]) => Self::ShowModules,
            ("show", ["registrations", "as", "json"]) => Self::ShowRegistrations,
            ("sofia", ["status", "gateway", name]) => Self::SofiaGateway(Word::new(name)?),
            ("sofia", ["status", "profile", name]) => Self::SofiaProfile(Word::new(name)?),
            ("xml_locate", ["configuration", "configuration", "name", name]) => Self::Configuration(Name::new(name)?),
            ("xml_locate", ["dialplan"]) => Self::Dialplan,
            ("status", []) => Self::Status,
            ("version", []) => Self::Version,
            ("strepoch", []) => Self::Strepoch,
            ("sofia_contact", [user]) => Self::SofiaContact(Word::new(user)?),
            ("callcenter_config", ["agent", "list"]) => Self::CallcenterAgents,
            ("uuid_record", [channel, "start", file]) => Self::UuidRecord(Word::new(channel)?, Line::new(file)?),
            ("avmd", [channel, "stop"]) => Self::AvmdStop(Word::new(channel)?),
            _ => return Err(NotUnderstood::Api(excerpt(text.as_bytes()))),
        })
    }
}

/// The switch's side: cuts a stream of commands. For the pretend switch.
#[derive(Debug, Default)]
pub struct Reader {
    buffer: BytesMut,
}

/// The longest command with its headers, and the longest body, in bytes (the switch's own limit is 10 MiB).
pub const MAX_COMMAND: usize = 1 << 20;
/// Headers of one command.
const MAX_HEADERS: usize = 64;

impl Reader {
    /// Takes bytes from a client.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next command, `None` when more bytes are needed. What is not understood is passed over; a command over
    /// [`MAX_COMMAND`] empties the buffer.
    pub fn next_command(&mut self) -> Option<Result<Command, NotUnderstood>> {
        while let Some(b'\n' | b'\r') = self.buffer.first() {
            self.buffer.advance(1);
        }
        let Some(found) = memchr::memmem::find(&self.buffer, b"\n\n") else {
            return (self.buffer.len() > MAX_COMMAND).then(|| self.too_long());
        };
        let head = found + 2;
        let body = match body_length(&self.buffer[..head]) {
            Some(length) if length <= MAX_COMMAND => length,
            _ => return Some(self.too_long()),
        };
        if self.buffer.len() < head + body {
            return None;
        }
        Some(Command::parse(&self.buffer.split_to(head + body).freeze()))
    }

    fn too_long(&mut self) -> Result<Command, NotUnderstood> {
        self.buffer.clear();
        Err(NotUnderstood::Verb(format!("a command of more than {MAX_COMMAND} bytes")))
    }
}

/// What a command's `content-length` says, 0 without one; `None` when it is no number.
fn body_length(head: &[u8]) -> Option<usize> {
    let mut lines = head.split(|&byte| byte == b'\n').skip(1);
    lines
        .find_map(|line| {
            let colon = memchr::memchr(b':', line)?;
            let (name, value) = line.split_at(colon);
            name.eq_ignore_ascii_case(b"content-length").then(|| &value[1..])
        })
        .map_or(Some(0), |value| decimal(value.trim_ascii_start()).and_then(|length| length.try_into().ok()))
}
