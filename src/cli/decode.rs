//! `perezvon decode FILE [--json]`: what a switch said on an event socket, made readable.
//!
//! `FILE` is every byte that the switch sent on one connection (a recording, or `-` for a live dump on standard input).
//! For people, a message is a line with its place and its kind and, indented, its headers and its body. With `--json` it
//! is one object a line: `content_type`, `headers` and `body`. An event shows its own headers and body, decoded; a list
//! is an array; of several headers of one name the first is shown. What is malformed is shown in its place as `error`
//! and `at`, and is told at the end.

use crate::esl::header::Headers;
use crate::esl::percent;
use crate::esl::{ContentType, Decoder, Event, Frame, Limits, Malformed};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Why a file was not decoded, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What was read cannot be written.
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
    /// Parts of it are malformed.
    #[error("{count} malformed, the last: {last}")]
    Malformed {
        /// How many.
        count: usize,
        /// The last one.
        last: Malformed,
    },
    /// It ends within a message.
    #[error("it ends within a message, {bytes} bytes of which are there, at byte {at}")]
    Unfinished {
        /// What is there of the message's header block or body.
        bytes: usize,
        /// Where the message begins.
        at: u64,
    },
}

/// Decodes `file` to `out`.
pub fn run(file: &Path, json: bool, out: &mut impl Write) -> Result<(), DecodeError> {
    let unreadable = |source| DecodeError::Read { path: file.to_owned(), source };
    let mut input: Box<dyn Read> = match file.to_str() {
        Some("-") => Box::new(io::stdin().lock()),
        _ => Box::new(File::open(file).map_err(unreadable)?),
    };
    let mut decoder = Decoder::default();
    let mut printer = Printer { json, out, malformed: None };
    let mut chunk = vec![0; 64 << 10];
    loop {
        let read = match input.read(&mut chunk) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(error)),
        };
        decoder.push(&chunk[..read]);
        if !printer.print_frames(&mut decoder)? || read == 0 {
            break;
        }
        printer.out.flush()?;
    }
    printer.out.flush()?;
    match printer.malformed {
        Some((count, last)) => Err(DecodeError::Malformed { count, last }),
        None if decoder.is_between_frames() => Ok(()),
        None => Err(DecodeError::Unfinished { bytes: decoder.held(), at: decoder.at() }),
    }
}

struct Printer<'a, W> {
    json: bool,
    out: &'a mut W,
    malformed: Option<(usize, Malformed)>,
}

impl<W: Write> Printer<'_, W> {
    /// Prints every whole frame; whether there can be more.
    fn print_frames(&mut self, decoder: &mut Decoder) -> io::Result<bool> {
        loop {
            match decoder.next_frame() {
                Ok(None) => return Ok(true),
                Ok(Some(frame)) => self.print_frame(&frame, decoder.at())?,
                Err(malformed) => {
                    let in_step = malformed.in_step();
                    self.print_fault(malformed)?;
                    if !in_step {
                        return Ok(false);
                    }
                }
            }
        }
    }

    fn print_frame(&mut self, frame: &Frame, at: u64) -> io::Result<()> {
        match Event::from_frame(frame, &Limits::default()) {
            Some(Ok(event)) => {
                let body = event.body().into_owned();
                self.print(at, frame, event.iter().map(|(name, value)| (name, shown_list(value))), &body)
            }
            Some(Err(what)) => self.print_fault(Malformed { what, at }),
            None => self.print(at, frame, plain_headers(&frame.headers), &String::from_utf8_lossy(&frame.body)),
        }
    }

    fn print<'a>(
        &mut self,
        at: u64,
        frame: &Frame,
        headers: impl Iterator<Item = (Cow<'a, str>, Value)>,
        body: &str,
    ) -> io::Result<()> {
        let kind = String::from_utf8_lossy(frame.content_type.as_bytes());
        if self.json {
            let mut object = Map::new();
            for (name, value) in headers {
                object.entry(name).or_insert(value);
            }
            let message = json!({ "content_type": kind, "headers": object, "body": body });
            return writeln!(self.out, "{message}");
        }
        writeln!(self.out, "{at:>9}  {kind}")?;
        for (name, value) in headers.filter(|(name, _)| !is_framing(frame, name)) {
            match value {
                Value::String(text) => writeln!(self.out, "{:11}{}: {}", "", one_line(&name), one_line(&text))?,
                other => writeln!(self.out, "{:11}{}: {other}", "", one_line(&name))?,
            }
        }
        for line in body.lines() {
            writeln!(self.out, "{:11}| {}", "", one_line(line))?;
        }
        if let Some(length) = frame.skipped {
            writeln!(self.out, "{:11}| ({length} bytes, not kept)", "")?;
        }
        writeln!(self.out)
    }

    fn print_fault(&mut self, fault: Malformed) -> io::Result<()> {
        if self.json {
            writeln!(self.out, "{}", json!({ "error": fault.what.to_string(), "at": fault.at }))?;
        } else {
            writeln!(self.out, "{:>9}  MALFORMED: {}\n", fault.at, fault.what)?;
        }
        let count = self.malformed.take().map_or(0, |(count, _)| count);
        self.malformed = Some((count + 1, fault));
        Ok(())
    }
}

/// The headers of a message that is no event. Only the reply to `connect` is percent-encoded, and then all of it.
fn plain_headers(headers: &Headers) -> impl Iterator<Item = (Cow<'_, str>, Value)> {
    let encoded = headers.raw("Reply-Text").is_some_and(|text| text.starts_with(b"%2B"));
    headers.iter().map(move |(name, value)| {
        let text = if encoded { percent::decode(value) } else { String::from_utf8_lossy(value) };
        (String::from_utf8_lossy(name), Value::from(text))
    })
}

/// A list of the switch as an array.
fn shown_list(value: Cow<'_, str>) -> Value {
    match crate::esl::event::list(&value) {
        Some(items) => Value::from_iter(items),
        None => Value::from(value),
    }
}

/// Whether a header only says how the message is framed, which its line shows already.
fn is_framing(frame: &Frame, name: &str) -> bool {
    let event = matches!(frame.content_type, ContentType::EventPlain | ContentType::EventJson);
    !event && (name.eq_ignore_ascii_case("Content-Type") || name.eq_ignore_ascii_case("Content-Length"))
}

/// Text with its controls made visible: a terminal obeys some.
fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let visible = |sign: char| if sign.is_control() { sign.escape_default().to_string() } else { sign.to_string() };
    Cow::Owned(text.chars().map(visible).collect())
}
