//! A channel that the dialplan gives to us, as a state machine without I/O: the switch has dialled us by its application
//! `socket HOST:PORT async full`.
//!
//! | state | what comes | what is sent | next |
//! |---|---|---|---|
//! | connecting (`connect` is sent at once) | its reply, with the channel's data | `api uuid_setvar … socket_resume true` | held: [`Notice::Given`] |
//! | connecting | its reply, and [`Session::leave`] was called | `api uuid_setvar … socket_resume true`, `exit` | leaving |
//! | connecting | anything else; `-ERR`; a reply without a Unique-ID, of a socket that is not `async full` | `exit`, where there is a channel | closed: [`Notice::Unfit`] |
//! | held | replies | | held |
//! | held, leaving | `text/disconnect-notice`, not of a socket that lingers | | closed: [`Notice::Over`] |
//! | held | [`Session::give_back`] | `api uuid_setvar … perezvon_given_back true`, `api uuid_break … all`, `exit` | leaving |
//! | held | [`Session::leave`] | `exit` | leaving |
//! | any | what cannot be a frame, or is over its limits | | closed: [`Notice::Unfit`] |
//!
//! The channel waits in a park of the switch's own as long as this connection lives; everything that is done to it goes by the
//! connection that we dial to the switch. With `socket_resume` the dialplan goes on at once with the action behind `socket` when the connection
//! ends, however it ends, even while sound is played to the channel. The command `resume` does the same and cannot be taken back: a talk to
//! which the channel was bridged meanwhile would be torn by the connection's end, and the caller left in silence (tried, FreeSWITCH 1.11.3-dev);
//! so the variable is set, and whoever bridges takes it off again ([`crate::switch::order`]). A connection that ends before the variable is set, even one
//! that ends before `connect` is answered, leaves the caller in the switch's park for ever (tried): the dialplan sets it before its `socket`, and here
//! nothing is ended before the reply is there.

use super::{
    command::{ApiCommand, Command},
    event::Event,
    frame::{ContentType, Decoder, Frame, Limits, Malformed, excerpt},
    header::Headers,
    percent,
    text::{Name, Unsafe, Value, Word},
};
use bytes::{Bytes, BytesMut};

/// The channel variable by which the dialplan goes on when a socket ends.
pub const RESUME: &str = "socket_resume";

/// The channel variable that tells the dialplan behind `socket` that the caller was given back on purpose.
pub const GIVEN_BACK: &str = "perezvon_given_back";

/// What is taken from such a connection: its one long message is the reply to `connect`, some 15 KB with 170 headers. Variables of the
/// dialplan come on top.
pub const LIMITS: Limits = Limits { header_block: 64 << 10, body: 4 << 10, skip: 64 << 10, headers: 1024 };

/// What happened on such a connection.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// The channel is ours, as this says.
    Given(Box<Event>),
    /// The switch ends it: the channel is gone, or the switch was told to.
    Over,
    /// It is of no use to us; the connection must be closed.
    Unfit(Unfit),
}

/// Why a connection is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// What came is no message of an event socket, or too long.
    #[error("{0}: is this FreeSWITCH?")]
    Malformed(#[from] Malformed),
    /// Another message than the reply to `connect`.
    #[error("it says {0:?} where the channel should be told of: is this the application `socket` of FreeSWITCH?")]
    Unexpected(String),
    /// The switch refuses `connect`.
    #[error("it refuses `connect`: {0}")]
    Refused(String),
    /// No channel is named.
    #[error("it names no channel that a command may carry: {0}")]
    NoChannel(Unsafe),
    /// The dialplan's `socket` lacks a word.
    #[error("its socket is \"{mode}\" and \"{control}\": write `socket ADDRESS async full` in the dialplan")]
    NotFull {
        /// `Socket-Mode`.
        mode: String,
        /// `Control`.
        control: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Connecting,
    Held,
    Leaving,
    Closed,
}

/// One connection of a dialplan's `socket`.
#[derive(Debug)]
pub struct Session {
    state: State,
    decoder: Decoder,
    out: BytesMut,
    channel: Option<Word>,
    /// To be left as soon as the channel is known.
    leaves: bool,
}

impl Default for Session {
    fn default() -> Self {
        Self::new(LIMITS)
    }
}

impl Session {
    /// The switch has dialled us.
    pub fn new(limits: Limits) -> Self {
        let decoder = Decoder::new(limits);
        let mut session =
            Self { state: State::Connecting, decoder, out: BytesMut::new(), channel: None, leaves: false };
        session.put(&Command::Connect);
        session
    }

    /// Takes bytes from the switch. Call [`Session::poll`] until it gives `None` before the next.
    pub fn receive(&mut self, bytes: &[u8]) {
        if self.state != State::Closed {
            self.decoder.push(bytes);
        }
    }

    /// What happened, in order; `None` when more bytes are needed or the connection is closed.
    pub fn poll(&mut self) -> Option<Notice> {
        while self.state != State::Closed {
            let notice = match self.decoder.next_frame() {
                Ok(Some(frame)) => self.take(frame),
                Ok(None) => {
                    self.forget_room();
                    return None;
                }
                Err(malformed) => Some(self.unfit(malformed.into())),
            };
            if notice.is_some() {
                return notice;
            }
        }
        None
    }

    /// Bytes for the switch since the last call.
    pub fn take_output(&mut self) -> Bytes {
        if self.out.is_empty() { Bytes::new() } else { std::mem::take(&mut self.out).freeze() }
    }

    /// Ends what is played to the channel, and gives it back: the dialplan goes on behind its `socket`. No more may be done for a channel
    /// that is bridged or was transferred since.
    pub fn give_back(&mut self) {
        if self.state == State::Held
            && let Some(channel) = self.channel.clone()
        {
            self.set(&channel, GIVEN_BACK);
            self.put(&Command::Api(ApiCommand::UuidBreak(channel)));
        }
        self.leave();
    }

    /// Ends the connection: the dialplan goes on with a channel that waits.
    pub fn leave(&mut self) {
        self.leaves = true;
        if self.state == State::Held {
            self.put(&Command::Exit);
            self.state = State::Leaving;
        }
    }

    /// Whether the channel is ours.
    pub fn is_held(&self) -> bool {
        self.state == State::Held
    }

    /// Whether the switch told of a channel: somebody waits for how this ends.
    pub fn knows_channel(&self) -> bool {
        self.channel.is_some()
    }

    /// Whether the connection is of no more use: the socket must be closed, once what is to be sent is sent.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    fn put(&mut self, command: &Command) {
        command.encode(&mut self.out);
    }

    fn take(&mut self, frame: Frame) -> Option<Notice> {
        match (self.state, &frame.content_type) {
            (State::Connecting, ContentType::CommandReply) => self.connected(frame.headers),
            (State::Connecting, other) => {
                let said = excerpt(other.as_bytes());
                Some(self.unfit(Unfit::Unexpected(said)))
            }
            (_, ContentType::DisconnectNotice) if frame.headers.raw("Content-Disposition") != Some(b"linger") => {
                self.state = State::Closed;
                Some(Notice::Over)
            }
            _ => None,
        }
    }

    /// The reply to `connect`: all of it is percent-encoded, as an event is.
    fn connected(&mut self, headers: Headers) -> Option<Notice> {
        let reply = headers.raw("Reply-Text").map(percent::decode).unwrap_or_default();
        if reply.starts_with('-') {
            let text = excerpt(reply.trim_end().as_bytes());
            return Some(self.unfit(Unfit::Refused(text)));
        }
        let event = Event::from_headers(headers);
        let channel = match Word::new(&event.channel().id().unwrap_or_default()) {
            Ok(channel) => channel,
            Err(why) => return Some(self.unfit(Unfit::NoChannel(why))),
        };
        self.set(&channel, RESUME);
        self.channel = Some(channel);
        self.state = State::Held;
        let [mode, control] =
            ["Socket-Mode", "Control"].map(|name| excerpt(event.get(name).unwrap_or_default().as_bytes()));
        if mode != "async" || control != "full" {
            self.leave();
            return Some(self.unfit(Unfit::NotFull { mode, control }));
        }
        if self.leaves {
            self.leave();
            return None;
        }
        Some(Notice::Given(Box::new(event)))
    }

    /// Sets a variable of ours to `true`.
    fn set(&mut self, channel: &Word, name: &str) {
        if let Ok(name) = Name::new(name) {
            let set = ApiCommand::UuidSetVar(channel.clone(), name, Some(Value::from(true)));
            self.put(&Command::Api(set));
        }
    }

    fn unfit(&mut self, why: Unfit) -> Notice {
        self.state = State::Closed;
        Notice::Unfit(why)
    }

    /// Thousands of these wait for minutes and hear nothing: the room of the one long message is not kept for that.
    fn forget_room(&mut self) {
        if self.state == State::Held && self.decoder.is_between_frames() {
            self.decoder.forget_room();
        }
    }
}
