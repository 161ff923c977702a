//! Events: what happened on the switch, in the same view whether they came as plain text or as JSON.
//!
//! ```text
//! plain = headers LF [ body ]      ; values percent-encoded; a body has its own Content-Length
//! json  = { name: "value" | [ "value", ... ], ..., "_body": "text" }
//! array = "ARRAY::" item *( "|:" item )
//! ```

use super::frame::{ContentType, Fault, Frame, Limits, excerpt};
use super::header::Headers;
use super::names;
use super::parse::decimal;
use super::percent;
use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// What the switch puts before the items of a list.
const ARRAY: &str = "ARRAY::";
/// What it puts between them.
const ITEM: &str = "|:";

/// The items of a value that is a list.
pub fn list(value: &str) -> Option<std::str::Split<'_, &'static str>> {
    value.strip_prefix(ARRAY).map(|items| items.split(ITEM))
}

/// An event.
#[derive(Clone, PartialEq)]
pub struct Event(Repr);

#[derive(Clone, PartialEq)]
enum Repr {
    Plain { headers: Headers, body: Bytes },
    Json(Fields),
}

impl Event {
    /// Reads the event in a frame; `None` when the frame is no event.
    pub fn from_frame(frame: &Frame, limits: &Limits) -> Option<Result<Self, Fault>> {
        if !matches!(frame.content_type, ContentType::EventPlain | ContentType::EventJson) {
            return None;
        }
        Some(match frame.skipped {
            Some(length) => Err(Fault::EventTooLong(length)),
            None if frame.content_type == ContentType::EventPlain => Self::plain(frame.body.clone(), limits),
            None => Self::json(&frame.body, limits),
        })
    }

    /// Reads the body of a `text/event-plain` frame.
    pub fn plain(bytes: Bytes, limits: &Limits) -> Result<Self, Fault> {
        let limit = limits.headers;
        let (headers, rest) = Headers::parse(bytes, limit).map_err(|_| Fault::TooManyHeaders { limit })?;
        if headers.is_empty() {
            return Err(Fault::EmptyEvent);
        }
        // An event without a body says no length, and none is looked for.
        let body = match headers.raw("Content-Length").filter(|_| !rest.is_empty()) {
            None => rest,
            Some(length) => match decimal(length).and_then(|length| usize::try_from(length).ok()) {
                Some(length) if length <= rest.len() => rest.slice(..length),
                _ => return Err(Fault::BadEventLength(excerpt(length))),
            },
        };
        Ok(Self(Repr::Plain { headers, body }))
    }

    /// Reads the body of a `text/event-json` frame. Numbers and other scalars are kept as their text.
    pub fn json(bytes: &[u8], limits: &Limits) -> Result<Self, Fault> {
        let mut fields: Fields = serde_json::from_slice(bytes).map_err(|error| Fault::BadJson(error.to_string()))?;
        if let Some(at) = fields.headers.iter().position(|(name, _)| &**name == "_body") {
            let (_, body) = fields.headers.remove(at);
            fields.body = body.into_text();
        }
        if fields.headers.len() > limits.headers {
            return Err(Fault::TooManyHeaders { limit: limits.headers });
        }
        if fields.headers.is_empty() {
            return Err(Fault::EmptyEvent);
        }
        Ok(Self(Repr::Json(fields)))
    }

    /// The channel's data in the reply to an outbound socket's `connect`, seen as an event.
    pub(super) fn from_headers(headers: Headers) -> Self {
        Self(Repr::Plain { headers, body: Bytes::new() })
    }

    /// `Event-Name`, such as `CHANNEL_CREATE`; empty when there is none.
    pub fn name(&self) -> Cow<'_, str> {
        self.get(names::EVENT_NAME).unwrap_or_default()
    }

    /// `Event-Subclass` of a `CUSTOM` event, such as `callcenter::info`.
    pub fn subclass(&self) -> Option<Cow<'_, str>> {
        self.get(names::SUBCLASS)
    }

    /// `Event-Sequence`: rises by one with each event of the switch, whoever listens to it.
    pub fn sequence(&self) -> Option<u64> {
        self.number(names::SEQUENCE)
    }

    /// The first header of that name, without regard to case, decoded.
    pub fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        match &self.0 {
            Repr::Plain { headers, .. } => headers.get(name),
            Repr::Json(fields) => fields.find(&["", name]),
        }
    }

    /// A header that is a decimal number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.get(name).and_then(|text| decimal(text.as_bytes()))
    }

    /// A channel variable, decoded: the header `variable_` + `name`.
    pub fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        match &self.0 {
            Repr::Plain { headers, .. } => headers.variable(name),
            Repr::Json(fields) => fields.find(&["variable_", name]),
        }
    }

    /// The items of a header that is a list; of one that is not, its only value.
    pub fn array(&self, name: &str) -> Option<Vec<String>> {
        let text = self.get(name)?;
        Some(match list(&text) {
            Some(items) => items.map(str::to_owned).collect(),
            None => vec![text.into_owned()],
        })
    }

    /// The event's body, such as the result of a background job; empty when it has none.
    pub fn body(&self) -> Cow<'_, str> {
        match &self.0 {
            Repr::Plain { body, .. } => percent::lossy(body),
            Repr::Json(fields) => Cow::Borrowed(&fields.body),
        }
    }

    /// How many headers it has.
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::Plain { headers, .. } => headers.len(),
            Repr::Json(fields) => fields.headers.len(),
        }
    }

    /// Whether it has no header: never so for an event that was read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives all headers in order, decoded, to `look`: without allocating, but for what `scratch` needs.
    pub fn visit(&self, scratch: &mut String, mut look: impl FnMut(&str, &str)) {
        match &self.0 {
            Repr::Plain { headers, .. } => headers.visit(scratch, look),
            Repr::Json(fields) => fields.headers.iter().for_each(|(name, value)| look(name, &value.text())),
        }
    }

    /// All headers in order, decoded; a list in the form `ARRAY::a|:b`.
    pub fn iter(&self) -> Box<dyn Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> + '_> {
        match &self.0 {
            Repr::Plain { headers, .. } => {
                Box::new(headers.iter().map(|(name, value)| (percent::lossy(name), percent::decode(value))))
            }
            Repr::Json(fields) => {
                Box::new(fields.headers.iter().map(|(name, value)| (Cow::Borrowed(&**name), value.text())))
            }
        }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()?;
        if self.body().is_empty() { Ok(()) } else { write!(f, " {:?}", self.body()) }
    }
}

/// The fields of a JSON event, in order.
#[derive(Clone, PartialEq, Default)]
struct Fields {
    headers: Vec<(Box<str>, Field)>,
    body: String,
}

#[derive(Clone, PartialEq)]
enum Field {
    One(Box<str>),
    Many(Vec<String>),
}

impl Field {
    fn text(&self) -> Cow<'_, str> {
        match self {
            Self::One(text) => Cow::Borrowed(text),
            Self::Many(items) => Cow::Owned(array_text(items)),
        }
    }

    fn into_text(self) -> String {
        match self {
            Self::One(text) => text.into(),
            Self::Many(items) => array_text(&items),
        }
    }
}

fn array_text(items: &[String]) -> String {
    format!("{ARRAY}{}", items.join(ITEM))
}

impl Fields {
    /// The first value whose name is the concatenation of the two `parts`.
    fn find(&self, parts: &[&str; 2]) -> Option<Cow<'_, str>> {
        let [first, second] = parts.map(str::as_bytes);
        let (_, field) = self.headers.iter().find(|(name, _)| {
            let name = name.as_bytes();
            name.len() == first.len() + second.len()
                && name[..first.len()].eq_ignore_ascii_case(first)
                && name[first.len()..].eq_ignore_ascii_case(second)
        })?;
        Some(field.text())
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::default();
                while let Some(entry) = map.next_entry()? {
                    fields.headers.push(entry);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl<'de> Visitor<'de> for Scalar {
            type Value = Field;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }
            fn visit_str<E>(self, text: &str) -> Result<Field, E> {
                Ok(Field::One(text.into()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Field, E> {
                Ok(Field::One(number.to_string().into()))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Field, E> {
                Ok(Field::One(number.to_string().into()))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Field, E> {
                Ok(Field::One(number.to_string().into()))
            }
            fn visit_bool<E>(self, flag: bool) -> Result<Field, E> {
                Ok(Field::One(flag.to_string().into()))
            }
            fn visit_unit<E>(self) -> Result<Field, E> {
                Ok(Field::One("".into()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Field, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element::<Field>()? {
                    items.push(item.into_text());
                }
                Ok(Field::Many(items))
            }
        }
        deserializer.deserialize_any(Scalar)
    }
}

/// Makes an event as the switch would send it; for the pretend switch and for tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventBuilder {
    headers: Vec<(String, Vec<String>)>,
    body: Option<String>,
}

impl EventBuilder {
    /// An event with the header `Event-Name`.
    pub fn new(name: &str) -> Self {
        Self { headers: vec![("Event-Name".to_owned(), vec![name.to_owned()])], body: None }
    }

    /// A `CUSTOM` event: `Event-Subclass` comes first, as the switch has it.
    pub fn custom(subclass: &str) -> Self {
        let one = |name: &str, value: &str| (name.to_owned(), vec![value.to_owned()]);
        Self { headers: vec![one("Event-Subclass", subclass), one("Event-Name", "CUSTOM")], body: None }
    }

    /// Adds a header at the end.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.push(name, value);
        self
    }

    /// Adds a header at the end.
    pub fn push(&mut self, name: &str, value: impl fmt::Display) {
        self.headers.push((name.to_owned(), vec![value.to_string()]));
    }

    /// Adds a channel variable at the end.
    #[must_use]
    pub fn variable(self, name: &str, value: impl fmt::Display) -> Self {
        self.header(&format!("variable_{name}"), value)
    }

    /// Adds a list at the end; the switch knows lists of two items and more.
    #[must_use]
    pub fn array(mut self, name: &str, items: &[&str]) -> Self {
        self.headers.push((name.to_owned(), items.iter().map(|&item| item.to_owned()).collect()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, text: &str) -> Self {
        self.body = Some(text.to_owned());
        self
    }

    /// The body of a `text/event-plain` frame.
    pub fn to_plain(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 * self.headers.len());
        for (name, items) in &self.headers {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            match items.as_slice() {
                [value] => percent::encode(value, &mut out),
                items => percent::encode(&array_text(items), &mut out),
            }
            out.push(b'\n');
        }
        if let Some(body) = self.body.as_deref().filter(|body| !body.is_empty()) {
            out.extend_from_slice(format!("Content-Length: {}\n\n{body}", body.len()).as_bytes());
        } else {
            out.push(b'\n');
        }
        out
    }

    /// The body of a `text/event-json` frame.
    pub fn to_json(&self) -> Vec<u8> {
        let quote = |text: &str| serde_json::Value::from(text).to_string();
        let mut fields: Vec<String> = Vec::with_capacity(self.headers.len() + 2);
        for (name, items) in &self.headers {
            let value = match items.as_slice() {
                [value] => quote(value),
                items => serde_json::Value::from(items).to_string(),
            };
            fields.push(format!("{}:{value}", quote(name)));
        }
        if let Some(body) = self.body.as_deref().filter(|body| !body.is_empty()) {
            fields.push(format!("\"Content-Length\":\"{}\",\"_body\":{}", body.len(), quote(body)));
        }
        format!("{{{}}}", fields.join(",")).into_bytes()
    }

    /// A whole frame: `Content-Length` before `Content-Type`, as the switch sends events.
    pub fn to_frame(&self, format: Format) -> Vec<u8> {
        let (kind, body) = match format {
            Format::Plain => ("plain", self.to_plain()),
            Format::Json => ("json", self.to_json()),
        };
        let mut out = format!("Content-Length: {}\nContent-Type: text/event-{kind}\n\n", body.len()).into_bytes();
        out.extend_from_slice(&body);
        out
    }
}

/// How the switch is asked to write events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// `text/event-plain`: the fastest to read.
    #[default]
    Plain,
    /// `text/event-json`.
    Json,
}
