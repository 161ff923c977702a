//! Events as the pretend switch writes them, in the three ways of the wire.

use crate::engine::time::Wall;
use serde_json::Value;
use std::{borrow::Cow, fmt::Write as _};

/// How a listener wants its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `event plain`.
    Plain,
    /// `event json`.
    Json,
}

/// One event: its headers in order, and a body.
#[derive(Clone, Debug)]
pub struct Event {
    pub(super) name: &'static str,
    pub(super) subclass: &'static str,
    headers: Vec<(Cow<'static, str>, String)>,
    body: String,
}

impl Event {
    pub(super) fn new(name: &'static str, subclass: &'static str) -> Event {
        let mut event = Event { name, subclass, headers: Vec::with_capacity(80), body: String::new() };
        if !subclass.is_empty() {
            event.headers.push(("Event-Subclass".into(), subclass.to_owned()));
        }
        event.headers.push(("Event-Name".into(), name.to_owned()));
        event
    }

    /// What every event begins with.
    pub(super) fn begin(&mut self, core: &str, at: Wall, sequence: u64) {
        let time = at.timestamp().to_zoned(jiff::tz::TimeZone::UTC);
        self.add("Core-UUID", core);
        self.add("FreeSWITCH-Hostname", "pretend");
        self.add("FreeSWITCH-Switchname", "pretend");
        self.add("FreeSWITCH-IPv4", "192.0.2.2");
        self.add("FreeSWITCH-IPv6", "fd00::2");
        self.add("Event-Date-Local", &time.strftime("%Y-%m-%d %H:%M:%S").to_string());
        self.add("Event-Date-GMT", &time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
        self.add("Event-Date-Timestamp", &super::channel::micros(at));
        self.add("Event-Sequence", &sequence.to_string());
    }

    /// The application `event` takes the name that it had out and puts its own behind.
    pub(super) fn name_last(&mut self) {
        self.headers.retain(|(name, _)| name != "Event-Name");
        self.add("Event-Name", self.name);
    }

    /// Adds a header; like the switch, it writes no empty one.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.headers.push((Cow::Owned(name.to_owned()), value.to_owned()));
        }
    }

    pub(super) fn with_body(mut self, body: String) -> Event {
        self.add("Content-Length", &body.len().to_string());
        self.body = body;
        self
    }

    /// A header's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The whole frame, as a listener gets it.
    pub fn encode(&self, format: Format) -> Vec<u8> {
        let (kind, body) = match format {
            Format::Plain => ("text/event-plain", self.plain()),
            Format::Json => ("text/event-json", self.json()),
        };
        let mut frame = format!("Content-Length: {}\nContent-Type: {kind}\n\n", body.len()).into_bytes();
        frame.extend_from_slice(body.as_bytes());
        frame
    }

    pub(super) fn plain(&self) -> String {
        let mut text = String::with_capacity(4096);
        for (name, value) in &self.headers {
            text.push_str(name);
            text.push_str(": ");
            percent_encode(value, &mut text);
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.body);
        text
    }

    fn json(&self) -> String {
        let mut text = String::with_capacity(4096);
        text.push('{');
        let mut seen = std::collections::BTreeSet::new();
        for (name, value) in &self.headers {
            // One name comes twice in CHANNEL_HANGUP_COMPLETE; an object has it once.
            if seen.insert(name.as_ref()) {
                let comma = if text.len() > 1 { "," } else { "" };
                let _ = write!(text, "{comma}{}:{}", Value::from(name.as_ref()), Value::from(value.as_str()));
            }
        }
        if !self.body.is_empty() {
            let _ = write!(text, ",\"_body\":{}", Value::from(self.body.as_str()));
        }
        text.push('}');
        text
    }
}

/// What the switch does to a value in a plain event (switch_utils.c, `switch_url_encode`): what looks encoded already stays as
/// it is, so that who is named `%0A` arrives as a line break.
pub(super) fn percent_encode(value: &str, to: &mut String) {
    let digit = |at: usize| value.as_bytes().get(at).is_some_and(|digit| b"0123456789ABCDEF".contains(digit));
    for (at, &byte) in value.as_bytes().iter().enumerate() {
        if byte == b'%' && digit(at + 1) && digit(at + 2) {
            to.push('%');
        } else if !(0x20..0x7f).contains(&byte) || b" \"#%&+:;<=>?@[\\]^`{|}".contains(&byte) {
            let _ = write!(to, "%{byte:02X}");
        } else {
            to.push(byte as char);
        }
    }
}
