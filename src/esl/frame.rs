//! Frames: what a connection carries from the switch.
//!
//! ```text
//! stream = *( *LF frame )                  ; stray line feeds between frames are dropped
//! frame  = headers LF [ body ]             ; the empty line ends the headers
//! body   = <as many bytes as the header Content-Length says, none without it>
//! ```
//!
//! The end of a frame is found first, then the frame is read. An unfinished frame is not an error: more bytes are
//! waited for, within [`Limits`]. A fault leaves the decoder in one of two defined ways ([`Malformed::in_step`]):
//!
//! | fault | what happens |
//! |---|---|
//! | no `Content-Type` | that frame is dropped, the next one is read |
//! | a body over [`Limits::body`], up to [`Limits::skip`] | the frame comes without its body ([`Frame::skipped`]) |
//! | a header block over its limits, a bad or contradictory `Content-Length`, a body over [`Limits::skip`] | the decoder has lost step: it gives the same error for ever and takes no more bytes; the connection must be closed |

use super::header::Headers;
use super::index::Lines;
use super::parse::{decimal, header_block, stray_line_feeds};
use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem;
use nom::Parser;

/// How much of one frame is held. Memory stays under `header_block + body` and the size of one read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a frame's header block.
    pub header_block: usize,
    /// Bytes of a body that is kept.
    pub body: usize,
    /// Bytes of a body that is passed over; a longer one is taken for nonsense.
    pub skip: u64,
    /// Headers in a frame, and in an event.
    pub headers: usize,
}

impl Default for Limits {
    /// 256 KiB of headers, 6 MiB of body (some 5,000 rows of `show channels as json`), 1 GiB skipped, 4,096 headers.
    fn default() -> Self {
        Self { header_block: 256 << 10, body: 6 << 20, skip: 1 << 30, headers: 4096 }
    }
}

/// What a frame is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContentType {
    /// `auth/request`: the switch asks who we are.
    AuthRequest,
    /// `command/reply`: the answer to a command.
    CommandReply,
    /// `api/response`: the answer to `api`.
    ApiResponse,
    /// `text/event-plain`.
    EventPlain,
    /// `text/event-json`.
    EventJson,
    /// `log/data`: a line of the switch's log.
    LogData,
    /// `text/disconnect-notice`: the switch is about to close, or the channel hung up and the socket lingers.
    DisconnectNotice,
    /// `text/rude-rejection`: the switch's access list does not want us.
    RudeRejection,
    /// Another one, kept as it is.
    Other(Bytes),
}

impl ContentType {
    fn new(value: &[u8]) -> Self {
        match value {
            b"auth/request" => Self::AuthRequest,
            b"command/reply" => Self::CommandReply,
            b"api/response" => Self::ApiResponse,
            b"text/event-plain" => Self::EventPlain,
            b"text/event-json" => Self::EventJson,
            b"log/data" => Self::LogData,
            b"text/disconnect-notice" => Self::DisconnectNotice,
            b"text/rude-rejection" => Self::RudeRejection,
            other => Self::Other(Bytes::copy_from_slice(other)),
        }
    }

    /// As on the wire.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::AuthRequest => b"auth/request",
            Self::CommandReply => b"command/reply",
            Self::ApiResponse => b"api/response",
            Self::EventPlain => b"text/event-plain",
            Self::EventJson => b"text/event-json",
            Self::LogData => b"log/data",
            Self::DisconnectNotice => b"text/disconnect-notice",
            Self::RudeRejection => b"text/rude-rejection",
            Self::Other(other) => other,
        }
    }
}

/// One message of the switch.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// What it is.
    pub content_type: ContentType,
    /// Its headers, `Content-Type` and `Content-Length` among them.
    pub headers: Headers,
    /// Its body; empty when it has none.
    pub body: Bytes,
    /// The length of a body that was over [`Limits::body`] and is not here.
    pub skipped: Option<u64>,
}

/// What is wrong with a stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No empty line within [`Limits::header_block`].
    #[error("a header block of more than {limit} bytes")]
    HeaderBlockTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// More lines than [`Limits::headers`].
    #[error("more than {limit} headers")]
    TooManyHeaders {
        /// The limit.
        limit: usize,
    },
    /// `Content-Length` is not a plain decimal number that fits, or there are two that differ.
    #[error("Content-Length {0:?} is no length")]
    BadLength(String),
    /// The body is over [`Limits::skip`].
    #[error("a body of {length} bytes, over the limit of {limit}")]
    BodyTooLong {
        /// What the header says.
        length: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// No `Content-Type`.
    #[error("a message without Content-Type")]
    NoContentType,
    /// An event without a single header: a body of length 0, or one that begins with an empty line.
    #[error("an event without headers")]
    EmptyEvent,
    /// A plain event's own `Content-Length` is no number or more than is there.
    #[error("an event whose own Content-Length is {0:?}")]
    BadEventLength(String),
    /// A JSON event that is not an object of strings and lists.
    #[error("an event that is not a JSON object: {0}")]
    BadJson(String),
    /// An event whose body was over [`Limits::body`].
    #[error("an event of {0} bytes was passed over")]
    EventTooLong(u64),
    /// A reply that no command waits for.
    #[error("a reply to no command: {0:?}")]
    UnaskedReply(String),
}

/// A fault and its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}, at byte {at} of the stream")]
pub struct Malformed {
    /// What is wrong.
    pub what: Fault,
    /// Where the frame begins, in bytes since the connection's start.
    pub at: u64,
}

impl Malformed {
    /// Whether the next frame can still be read. If not, the connection must be closed.
    pub fn in_step(&self) -> bool {
        !matches!(
            self.what,
            Fault::HeaderBlockTooLong { .. }
                | Fault::TooManyHeaders { .. }
                | Fault::BadLength(_)
                | Fault::BodyTooLong { .. }
        )
    }
}

/// The head of a frame whose body has not come yet.
#[derive(Debug)]
struct Head {
    headers: Headers,
    content_type: Option<ContentType>,
    body: usize,
    skipped: Option<u64>,
}

/// Cuts a stream into frames.
///
/// What a frame holds is a part of the decoder's buffer, not a copy: as long as one frame (or event) lives, so does the
/// chunk that it came in, [`CHUNK`] or the frame's own length.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    buffer: BytesMut,
    /// Bytes of an unfinished header block that are known to have no empty line.
    searched: usize,
    head: Option<Head>,
    /// Bytes of an oversized body still to be passed over.
    to_skip: u64,
    /// Where the frame being read begins, in bytes of the stream.
    at: u64,
    /// Bytes taken out of `buffer` so far.
    taken: u64,
    broken: Option<Malformed>,
}

/// Room that is made for one read, in bytes; less where a header block may not be that long.
pub const CHUNK: usize = 128 << 10;

impl Default for Decoder {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Decoder {
    /// A decoder at the start of a connection.
    pub fn new(limits: Limits) -> Self {
        Self { limits, buffer: BytesMut::new(), searched: 0, head: None, to_skip: 0, at: 0, taken: 0, broken: None }
    }

    /// Takes bytes from the switch. Call [`Decoder::next_frame`] until it gives `None` before the next push, so that no
    /// more than one unfinished frame is held. After a fault that is not in step, bytes are dropped.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken.is_none() {
            self.make_room(bytes.len());
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The buffer, with room for a read: a socket can be read into it, which saves [`Decoder::push`] its copy. Append to
    /// it, and nothing else.
    pub fn buffer(&mut self) -> &mut BytesMut {
        self.make_room(CHUNK / 2);
        &mut self.buffer
    }

    /// Bytes that are held.
    pub fn held(&self) -> usize {
        self.buffer.len()
    }

    /// Whether nothing of a further frame has come.
    pub fn is_between_frames(&self) -> bool {
        self.buffer.is_empty() && self.head.is_none() && self.to_skip == 0
    }

    /// Where the frame last given (or being read) begins, in bytes of the stream.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The next frame, `None` when more bytes are needed.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Malformed> {
        if let Some(broken) = &self.broken {
            self.buffer.clear();
            return Err(broken.clone());
        }
        if self.head.is_none() {
            self.head = match self.read_head() {
                Ok(head) => head,
                Err(what) => return Err(self.give_up(what)),
            };
        }
        match self.head.take_if(|head| self.buffer.len() >= head.body) {
            Some(head) => self.finish(head).map(Some),
            None => Ok(None),
        }
    }

    /// Gives the room back that no bytes are in: for a connection that is not going to hear much more.
    pub fn forget_room(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
    }

    /// Makes room: for all of a long body at once, and not for twice as much; else in the chunk that is there, which is used
    /// again when no frame of it lives.
    fn make_room(&mut self, more: usize) {
        if self.buffer.capacity() - self.buffer.len() >= more {
            return;
        }
        let body = self.head.as_ref().map_or(0, |head| head.body);
        let chunk = CHUNK.min(self.limits.header_block / 2);
        if body > chunk / 2 || self.buffer.capacity() == 0 {
            let mut grown = BytesMut::with_capacity((self.buffer.len() + more).max(body + chunk));
            grown.extend_from_slice(&self.buffer);
            self.buffer = grown;
        } else {
            self.buffer.reserve(more);
        }
    }

    /// Takes bytes out of the buffer.
    fn take(&mut self, bytes: usize) -> Bytes {
        self.taken += bytes as u64;
        self.buffer.split_to(bytes).freeze()
    }

    /// Drops bytes.
    fn drop_bytes(&mut self, bytes: usize) {
        self.taken += bytes as u64;
        self.buffer.advance(bytes);
    }

    /// Passes over an oversized body and stray line feeds, then reads the headers if they are all there.
    fn read_head(&mut self) -> Result<Option<Head>, Fault> {
        let skip = self.to_skip.min(self.buffer.len() as u64);
        self.drop_bytes(skip as usize);
        self.to_skip -= skip;
        if self.to_skip > 0 {
            return Ok(None);
        }
        if self.searched == 0 {
            if let Ok((_, stray @ 1..)) = stray_line_feeds(&self.buffer) {
                self.drop_bytes(stray);
            }
            self.at = self.taken;
        }
        let limit = self.limits.header_block;
        let window = &self.buffer[..self.buffer.len().min(limit)];
        if self.searched > 0 && window.len() < limit && !has_empty_line(&window[self.searched - 1..]) {
            return self.wait_for_head();
        }
        let result = header_block(self.limits.headers).parse(window);
        match result {
            Ok((_, lines)) => self.take_head(lines).map(Some),
            Err(nom::Err::Incomplete(_)) => self.wait_for_head(),
            // How the stream is cut must not matter: too many lines are a fault when the block is there, or over its limit.
            Err(_) if window.len() < limit && !has_empty_line(window) => self.wait_for_head(),
            Err(_) => Err(Fault::TooManyHeaders { limit: self.limits.headers }),
        }
    }

    /// Waits, and remembers what was searched: bytes that come one by one are not indexed again and again.
    fn wait_for_head(&mut self) -> Result<Option<Head>, Fault> {
        self.searched = self.buffer.len();
        let limit = self.limits.header_block;
        if self.searched >= limit { Err(Fault::HeaderBlockTooLong { limit }) } else { Ok(None) }
    }

    fn take_head(&mut self, lines: Lines) -> Result<Head, Fault> {
        self.searched = 0;
        let block = self.take(lines.end);
        let headers = Headers::new(block, lines);
        let content_type = headers.raw("Content-Type").map(ContentType::new);
        let length = content_length(&headers)?;
        if length > self.limits.skip {
            return Err(Fault::BodyTooLong { length, limit: self.limits.skip });
        }
        if length > self.limits.body as u64 {
            self.to_skip = length;
            return Ok(Head { headers, content_type, body: 0, skipped: Some(length) });
        }
        Ok(Head { headers, content_type, body: length as usize, skipped: None })
    }

    fn finish(&mut self, head: Head) -> Result<Frame, Malformed> {
        let body = if head.body == 0 { Bytes::new() } else { self.take(head.body) };
        match head.content_type {
            Some(content_type) => Ok(Frame { content_type, headers: head.headers, body, skipped: head.skipped }),
            None => Err(Malformed { what: Fault::NoContentType, at: self.at }),
        }
    }

    /// Gives up the stream and the memory.
    fn give_up(&mut self, what: Fault) -> Malformed {
        let malformed = Malformed { what, at: self.at };
        self.broken = Some(malformed.clone());
        self.buffer = BytesMut::new();
        malformed
    }
}

fn has_empty_line(bytes: &[u8]) -> bool {
    memmem::find(bytes, b"\n\n").is_some()
}

/// The length that the headers promise, 0 without one; several equal ones are one.
fn content_length(headers: &Headers) -> Result<u64, Fault> {
    let mut lengths =
        headers.all("Content-Length").map(|value| decimal(value).ok_or_else(|| Fault::BadLength(excerpt(value))));
    let Some(first) = lengths.next().transpose()? else { return Ok(0) };
    for other in lengths {
        let other = other?;
        if other != first {
            return Err(Fault::BadLength(format!("{first} and {other}")));
        }
    }
    Ok(first)
}

/// The beginning of a text for an error message.
pub(super) fn excerpt(value: &[u8]) -> String {
    String::from_utf8_lossy(&value[..value.len().min(64)]).into_owned()
}

/// Writes a frame as the switch does: `Content-Type` first, then `headers`, then `Content-Length` if there is a body.
/// Names and values must be single lines.
pub fn encode(content_type: &str, headers: &[(&str, &str)], body: Option<&[u8]>, out: &mut Vec<u8>) {
    let mut line = |name: &str, value: &str| {
        debug_assert!(!name.contains('\n') && !value.contains('\n'));
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.push(b'\n');
    };
    line("Content-Type", content_type);
    for (name, value) in headers {
        line(name, value);
    }
    if let Some(body) = body {
        line("Content-Length", &body.len().to_string());
    }
    out.push(b'\n');
    out.extend_from_slice(body.unwrap_or_default());
}
