//! One listener of the event socket: what it is, what it wants, what it still has to read.

use super::{
    command::{self, Request},
    event::{Event, Format},
    outbound::Control,
};
use std::collections::BTreeSet;

/// The events that can be asked for: those that the pretend switch has, and some that it never sends.
const KNOWN: [&str; 22] = [
    "CHANNEL_CREATE",
    "CHANNEL_STATE",
    "CHANNEL_PROGRESS",
    "CHANNEL_PROGRESS_MEDIA",
    "CHANNEL_ANSWER",
    "CHANNEL_PARK",
    "CHANNEL_UNPARK",
    "CHANNEL_BRIDGE",
    "CHANNEL_UNBRIDGE",
    "CHANNEL_HOLD",
    "CHANNEL_UNHOLD",
    "CHANNEL_EXECUTE",
    "CHANNEL_EXECUTE_COMPLETE",
    "CHANNEL_HANGUP",
    "CHANNEL_HANGUP_COMPLETE",
    "CHANNEL_DESTROY",
    "DTMF",
    "PLAYBACK_START",
    "PLAYBACK_STOP",
    "BACKGROUND_JOB",
    "HEARTBEAT",
    "RE_SCHEDULE",
];

/// A connection to the pretend switch's event socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConnId(pub u64);

#[derive(Debug)]
pub(super) struct Connection {
    pub authorised: bool,
    pub closed: bool,
    /// Of a connection that the switch made for a channel.
    pub control: Option<Control>,
    /// It hears everything of that channel.
    mine: Option<String>,
    format: Format,
    all: bool,
    names: BTreeSet<String>,
    subclasses: BTreeSet<String>,
    input: Vec<u8>,
    pub output: Vec<u8>,
}

impl Connection {
    pub fn new() -> Connection {
        Connection {
            authorised: false,
            closed: false,
            control: None,
            mine: None,
            format: Format::Plain,
            all: false,
            names: BTreeSet::new(),
            subclasses: BTreeSet::new(),
            input: Vec::new(),
            output: b"Content-Type: auth/request\n\n".to_vec(),
        }
    }

    /// The access list does not let it in.
    pub fn rejected() -> Connection {
        let text = "Access Denied, go away.\n";
        let head = format!("Content-Type: text/rude-rejection\nContent-Length: {}\n\n{text}", text.len());
        Connection { closed: true, output: head.into_bytes(), ..Connection::new() }
    }

    /// The switch makes it, for a channel.
    pub fn outbound(control: Control) -> Connection {
        Connection { authorised: true, control: Some(control), output: Vec::new(), ..Connection::new() }
    }

    /// `myevents`.
    pub fn of_channel(&mut self, format: Format) {
        self.format = format;
        self.mine = self.control.as_ref().map(|control| control.channel.to_string());
    }

    /// A channel's connection comes to its end, or lingers after the channel's.
    pub fn farewell(&mut self, channel: &str, lingers: bool) {
        let (how, body) = match lingers {
            true => ("linger", ""),
            false => ("disconnect", "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"),
        };
        let head = format!(
            "Content-Type: text/disconnect-notice\nControlled-Session-UUID: {channel}\nContent-Disposition: {how}\nContent-Length: {}\n\n{body}",
            body.len()
        );
        self.output.extend_from_slice(head.as_bytes());
        self.closed |= !lingers;
    }

    pub fn push(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// The next whole command; one that never ends closes the connection.
    pub fn next(&mut self) -> Option<Request> {
        if self.closed {
            return None;
        }
        command::take(&mut self.input).unwrap_or_else(|()| {
            self.closed = true;
            None
        })
    }

    pub fn reply(&mut self, text: &str) {
        self.output.extend_from_slice(format!("Content-Type: command/reply\nReply-Text: {text}\n\n").as_bytes());
    }

    pub fn job(&mut self, job: &str) {
        let reply = format!("Content-Type: command/reply\nReply-Text: +OK Job-UUID: {job}\nJob-UUID: {job}\n\n");
        self.output.extend_from_slice(reply.as_bytes());
    }

    pub fn response(&mut self, body: &str) {
        let head = format!("Content-Type: api/response\nContent-Length: {}\n\n{body}", body.len());
        self.output.extend_from_slice(head.as_bytes());
    }

    pub fn goodbye(&mut self) {
        let body = "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n";
        let head = format!("Content-Type: text/disconnect-notice\nContent-Length: {}\n\n{body}", body.len());
        self.output.extend_from_slice(head.as_bytes());
        self.closed = true;
    }

    /// `event plain|json NAMES… [CUSTOM SUBCLASSES…]`; names add to those of before.
    pub fn subscribe(&mut self, text: &str) {
        let mut words = text.split_whitespace().peekable();
        let format = match words.peek() {
            Some(&"json") => Some(Format::Json),
            Some(&"plain") => Some(Format::Plain),
            _ => None,
        };
        if let Some(format) = format {
            words.next();
            self.format = format;
        }
        let (mut custom, mut any) = (false, false);
        for word in words {
            match word {
                "CUSTOM" => custom = true,
                _ if custom => drop(self.subclasses.insert(word.to_owned())),
                "ALL" | "all" => self.all = true,
                _ if KNOWN.contains(&word.to_ascii_uppercase().as_str()) => {
                    self.names.insert(word.to_ascii_uppercase());
                }
                _ => continue,
            }
            any = true;
        }
        match any {
            true if self.format == Format::Json => self.reply("+OK event listener enabled json"),
            true => self.reply("+OK event listener enabled plain"),
            false => self.reply("-ERR no keywords supplied"),
        }
    }

    pub fn unsubscribe(&mut self, names: Option<&str>) {
        match names {
            Some(names) => names.split_whitespace().for_each(|name| {
                self.names.remove(name);
            }),
            None => {
                self.all = false;
                self.names.clear();
                self.subclasses.clear();
            }
        }
    }

    /// Does it want events of this name, which is not CUSTOM?
    pub fn listens(&self, name: &str) -> bool {
        self.authorised && !self.closed && (self.all || self.mine.is_some() || self.names.contains(name))
    }

    fn wants(&self, event: &Event) -> bool {
        let named = match event.subclass {
            "" => self.names.contains(event.name),
            subclass => self.subclasses.contains(subclass),
        };
        let mine = self.mine.is_some() && event.get("Unique-ID") == self.mine.as_deref();
        self.authorised && !self.closed && (self.all || named || mine)
    }

    /// Gives the event if it was asked for.
    pub fn offer(&mut self, event: &Event) {
        if self.wants(event) {
            self.output.extend_from_slice(&event.encode(self.format));
        }
    }
}
