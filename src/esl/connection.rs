//! One connection that we dial to a switch, as a state machine without I/O: bytes in, notices and bytes out.
//!
//! | state | what comes | what is sent | next |
//! |---|---|---|---|
//! | greeting | `auth/request` | `auth` or `userauth` | authenticating |
//! | greeting | `text/rude-rejection` | | closed: [`Notice::Rejected`] |
//! | authenticating | `+OK` | `event …` (after `userauth`: sent with it) | subscribing |
//! | authenticating | `-ERR` | | closed: [`Notice::AuthRefused`] |
//! | subscribing | `+OK` | | ready: [`Notice::Ready`] |
//! | subscribing | `-ERR` | | closed: [`Notice::SubscriptionRefused`] |
//! | ready | replies, events, jobs, log lines, notices | commands | ready |
//!
//! Replies come in the order of the commands, whatever comes between them. Results of background jobs come as events in
//! any order and carry the `Job-UUID` that we gave, so nothing is remembered for them here: a job asked for on a
//! connection that is gone is reported on the next one like any other.
//!
//! The reply to `userauth` lists what the user is allowed. The switch writes it into 511 bytes, and where the lists are
//! longer it cuts off the empty line that ends the reply: the next reply then runs on in the same header block. So
//! `event` does not wait for that reply, and a block with two `Reply-Text` headers is taken for two replies.

use super::command::{Command, EventList, UserName};
use super::event::{Event, Format};
use super::frame::{ContentType, Decoder, Fault, Frame, Limits, Malformed, excerpt};
use super::percent;
use super::text::Secret;
use bytes::{Bytes, BytesMut};
use std::borrow::Cow;
use std::collections::VecDeque;
use uuid::Uuid;

/// Commands that may wait for their reply at once.
pub const MAX_OUTSTANDING: usize = 4096;

/// Who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// The event socket's own password.
    Password(Secret),
    /// A user of the directory.
    User {
        /// `name@domain`.
        user: UserName,
        /// Its `esl-password`.
        password: Secret,
    },
}

/// What an inbound connection wants to hear.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subscription {
    /// How events are written.
    pub format: Format,
    /// Which.
    pub events: EventList,
}

/// Names the reply to a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// Why a command was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// The handshake is not over, or the connection is closed.
    #[error("the switch is not ready for commands")]
    NotReady,
    /// [`MAX_OUTSTANDING`] replies are awaited.
    #[error("{MAX_OUTSTANDING} commands wait for their replies")]
    Full,
}

/// What happened on a connection.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// The handshake is over.
    Ready,
    /// The password or the user is not accepted; the switch closes.
    AuthRefused {
        /// What it says.
        text: String,
    },
    /// The switch's access list does not let us in; it closes.
    Rejected {
        /// What it says.
        text: String,
    },
    /// A step of the handshake after the password was refused: an event or subclass that the user is not allowed.
    SubscriptionRefused {
        /// What it says.
        text: String,
    },
    /// An event.
    Event(Event),
    /// The reply to a command.
    Reply {
        /// As given by [`Connection::send`].
        token: Token,
        /// What it says.
        reply: Reply,
    },
    /// A `bgapi` was taken; its result comes as [`Notice::JobDone`], perhaps before this.
    JobAccepted {
        /// As given by [`Connection::send`].
        token: Token,
        /// The job.
        job: Uuid,
    },
    /// A `bgapi` was refused: not allowed, or the switch is shutting down. There will be no result.
    JobRefused {
        /// As given by [`Connection::send`].
        token: Token,
        /// The job.
        job: Uuid,
        /// What it says.
        text: String,
    },
    /// The result of a background job, of ours or of another client of the switch.
    JobDone {
        /// The job.
        job: Uuid,
        /// The event, whose body is the result.
        event: Event,
    },
    /// A line of the switch's log.
    Log(Frame),
    /// The switch is about to close, or our channel hung up and the socket lingers.
    Disconnect {
        /// Whether it lingers: events still come, a second notice follows.
        linger: bool,
        /// What it says.
        text: String,
    },
    /// A frame of a content type that we do not know.
    Unknown(Frame),
    /// Something is wrong with what came. When [`Malformed::in_step`] is false the connection is closed.
    Malformed(Malformed),
}

/// What the switch answers to a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply(Frame);

impl Reply {
    /// The answer in words: of `api` its body, of other commands `Reply-Text`; without white space at its end.
    pub fn text(&self) -> Cow<'_, str> {
        if self.0.content_type == ContentType::ApiResponse {
            return trim(String::from_utf8_lossy(&self.0.body));
        }
        // Only the reply to `connect` is percent-encoded, and then all of it.
        match self.0.headers.raw("Reply-Text") {
            Some(raw) if raw.starts_with(b"%2B") => trim(percent::decode(raw)),
            Some(raw) => trim(String::from_utf8_lossy(raw)),
            None => Cow::Borrowed(""),
        }
    }

    /// Whether it is a refusal: `-ERR …` or `-USAGE …`. A body that was too long to be kept is one too.
    pub fn is_err(&self) -> bool {
        self.0.skipped.is_some() || self.text().starts_with('-')
    }

    /// The frame.
    pub fn frame(&self) -> &Frame {
        &self.0
    }
}

fn trim(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_end()),
        Cow::Owned(text) => Cow::Owned(text.trim_end().to_owned()),
    }
}

/// What an awaited reply is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Auth,
    Subscribe,
    Command(Token),
    Job(Token, Uuid),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Greeting,
    Handshake,
    Ready,
    Closed,
}

/// One connection.
#[derive(Debug)]
pub struct Connection {
    state: State,
    limits: Limits,
    decoder: Decoder,
    out: BytesMut,
    awaited: VecDeque<Awaited>,
    next_token: u64,
    login: Option<(Credentials, Subscription)>,
}

impl Connection {
    /// We dialled the switch: it greets, we log in and subscribe.
    pub fn inbound(credentials: Credentials, subscription: Subscription, limits: Limits) -> Self {
        Self { login: Some((credentials, subscription)), ..Self::new(State::Greeting, limits) }
    }

    fn new(state: State, limits: Limits) -> Self {
        Self {
            state,
            limits,
            decoder: Decoder::new(limits),
            out: BytesMut::new(),
            awaited: VecDeque::new(),
            next_token: 0,
            login: None,
        }
    }

    /// Takes bytes from the switch. Call [`Connection::poll`] until it gives `None` before the next.
    pub fn receive(&mut self, bytes: &[u8]) {
        if self.state != State::Closed {
            self.decoder.push(bytes);
        }
    }

    /// The buffer that a socket can be read into, instead of [`Connection::receive`]; append to it, and nothing else.
    pub fn buffer(&mut self) -> &mut BytesMut {
        self.decoder.buffer()
    }

    /// What happened, in order; `None` when more bytes are needed or the connection is closed.
    pub fn poll(&mut self) -> Option<Notice> {
        while self.state != State::Closed {
            let notice = match self.decoder.next_frame() {
                Ok(Some(frame)) => self.take(frame),
                Ok(None) => return None,
                Err(malformed) => {
                    if !malformed.in_step() {
                        self.state = State::Closed;
                    }
                    Some(Notice::Malformed(malformed))
                }
            };
            if notice.is_some() {
                return notice;
            }
        }
        None
    }

    /// Sends a command; its reply comes as a [`Notice`] with the token.
    pub fn send(&mut self, command: &Command) -> Result<Token, NotSent> {
        if self.state != State::Ready {
            return Err(NotSent::NotReady);
        }
        if self.awaited.len() >= MAX_OUTSTANDING {
            return Err(NotSent::Full);
        }
        let token = Token(self.next_token);
        self.next_token += 1;
        let awaited = match command {
            Command::BgApi { job, .. } => Awaited::Job(token, *job),
            _ => Awaited::Command(token),
        };
        self.put(command, awaited);
        Ok(token)
    }

    /// Bytes for the switch since the last call.
    pub fn take_output(&mut self) -> Bytes {
        self.out.split().freeze()
    }

    /// Whether commands can be sent.
    pub fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// Whether the connection is of no more use: refused, or its stream is broken. The socket must be closed.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Replies that are awaited.
    pub fn outstanding(&self) -> usize {
        self.awaited.len()
    }

    fn put(&mut self, command: &Command, awaited: Awaited) {
        command.encode(&mut self.out);
        self.awaited.push_back(awaited);
    }

    fn take(&mut self, frame: Frame) -> Option<Notice> {
        match frame.content_type {
            ContentType::AuthRequest => self.greet(),
            ContentType::CommandReply | ContentType::ApiResponse => self.answer(frame),
            ContentType::EventPlain | ContentType::EventJson => self.event(&frame),
            ContentType::LogData => Some(Notice::Log(frame)),
            ContentType::DisconnectNotice => Some(Notice::Disconnect {
                linger: frame.headers.raw("Content-Disposition") == Some(b"linger"),
                text: body_text(&frame),
            }),
            ContentType::RudeRejection => {
                self.state = State::Closed;
                Some(Notice::Rejected { text: body_text(&frame) })
            }
            ContentType::Other(_) => Some(Notice::Unknown(frame)),
        }
    }

    /// Logs in; a second greeting is ignored.
    fn greet(&mut self) -> Option<Notice> {
        if self.state != State::Greeting {
            return None;
        }
        self.state = State::Handshake;
        match self.login.as_ref().map(|(credentials, _)| credentials.clone())? {
            Credentials::Password(password) => self.put(&Command::Auth(password), Awaited::Auth),
            Credentials::User { user, password } => {
                self.put(&Command::UserAuth { user, password }, Awaited::Auth);
                self.subscribe();
            }
        }
        None
    }

    fn answer(&mut self, frame: Frame) -> Option<Notice> {
        let reply = Reply(frame);
        let Some(awaited) = self.awaited.pop_front() else {
            return Some(self.fault(Fault::UnaskedReply(excerpt(reply.text().as_bytes()))));
        };
        match awaited {
            Awaited::Command(token) => Some(Notice::Reply { token, reply }),
            Awaited::Job(token, job) if reply.is_err() => {
                Some(Notice::JobRefused { token, job, text: reply.text().into_owned() })
            }
            Awaited::Job(token, job) => Some(Notice::JobAccepted { token, job }),
            step => self.shake_hands(step, reply),
        }
    }

    /// One reply of the handshake.
    fn shake_hands(&mut self, step: Awaited, reply: Reply) -> Option<Notice> {
        if reply.is_err() {
            self.state = State::Closed;
            let text = reply.text().into_owned();
            return Some(match step {
                Awaited::Auth => Notice::AuthRefused { text },
                _ => Notice::SubscriptionRefused { text },
            });
        }
        match step {
            Awaited::Auth => {
                self.subscribe();
                let run_on = reply.0.headers.all("Reply-Text").nth(1).map(|text| percent::lossy(text).into_owned());
                return run_on.and_then(|text| self.run_on_reply(text));
            }
            Awaited::Subscribe => {
                self.state = State::Ready;
                return Some(Notice::Ready);
            }
            Awaited::Command(_) | Awaited::Job(..) => {}
        }
        None
    }

    /// The reply to `event` that ran on in the block of the reply to `userauth`.
    fn run_on_reply(&mut self, text: String) -> Option<Notice> {
        self.awaited.pop_front();
        if text.starts_with('-') {
            self.state = State::Closed;
            return Some(Notice::SubscriptionRefused { text });
        }
        self.state = State::Ready;
        Some(Notice::Ready)
    }

    /// Subscribes, once.
    fn subscribe(&mut self) {
        if let Some((_, Subscription { format, events })) = self.login.take() {
            self.put(&Command::Events { format, events }, Awaited::Subscribe);
        }
    }

    fn event(&mut self, frame: &Frame) -> Option<Notice> {
        match Event::from_frame(frame, &self.limits)? {
            Ok(event) => Some(match job_of(&event) {
                Some(job) => Notice::JobDone { job, event },
                None => Notice::Event(event),
            }),
            Err(what) => Some(self.fault(what)),
        }
    }

    fn fault(&self, what: Fault) -> Notice {
        Notice::Malformed(Malformed { what, at: self.decoder.at() })
    }
}

fn job_of(event: &Event) -> Option<Uuid> {
    match event.view() {
        super::view::View::Job(job) => job.id(),
        _ => None,
    }
}

fn body_text(frame: &Frame) -> String {
    String::from_utf8_lossy(&frame.body).trim_end().to_owned()
}
