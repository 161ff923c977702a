//! Call detail records of mod_json_cdr: a whole call, told after it ended.
//!
//! A record comes as a POST (plain, or `cdr=` and percent-encoded) or as a file in `err-log-dir`. Its `variables` are
//! percent-encoded unless `encode-values` is off; `start_stamp` always has a colon, so it shows which.
//!
//! Served means that somebody answered: the caller was answered, bridged, and the other leg of the last bridge did not end
//! as a phone that rings does. A phone that sends sound before its answer (SIP 183) is bridged while it still rings, so
//! `bridge_epoch` alone proves nothing (tried; `tests/cdr/early-media-alone.json`).

use super::event::{self, LINE};
use crate::{
    engine::{
        input::{Cdr, Channel, Direction},
        record::ChannelId,
        time::{Span, Wall},
    },
    esl::percent,
};
use serde_json::Value;
use std::borrow::Cow;
use thiserror::Error;

/// The longest record that is read, in bytes; one of a plain call has some 15,000.
pub const MOST_CDR: usize = 4 << 20;

/// How the other leg of a bridge ends when nobody ever answered it.
const UNANSWERED: [&str; 8] = [
    "ORIGINATOR_CANCEL",
    "NO_ANSWER",
    "NO_USER_RESPONSE",
    "USER_BUSY",
    "CALL_REJECTED",
    "UNALLOCATED_NUMBER",
    "LOSE_RACE",
    "PROGRESS_TIMEOUT",
];

/// Why a text is no call detail record.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotACdr {
    /// It is longer than [`MOST_CDR`].
    #[error("it is longer than {MOST_CDR} bytes")]
    Long,
    /// It is not JSON.
    #[error("it is not JSON: {0}")]
    Json(String),
    /// Something is missing that every record has.
    #[error("it has no {0}")]
    Lacks(&'static str),
}

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The name that the switch gives itself.
    pub switchname: String,
    /// The call; `None` when the record is about a leg that the switch dialled.
    pub call: Option<Cdr>,
}

/// Reads a record.
///
/// # Errors
/// It is none.
pub fn parse(bytes: &[u8]) -> Result<Record, NotACdr> {
    if bytes.len() > MOST_CDR {
        return Err(NotACdr::Long);
    }
    let json: Value = serde_json::from_slice(&unwrapped(bytes)).map_err(|error| NotACdr::Json(error.to_string()))?;
    let variables = Variables::of(&json).ok_or(NotACdr::Lacks("variables"))?;
    let switchname = json.get("switchname").and_then(Value::as_str).unwrap_or_default().to_owned();
    let call = match variables.get("direction").as_deref() {
        Some("inbound") => Some(call(&json, &variables)?),
        Some("outbound") => None,
        _ => return Err(NotACdr::Lacks("variables.direction")),
    };
    Ok(Record { switchname, call })
}

/// The JSON itself, without the form field and the percent signs around it.
fn unwrapped(bytes: &[u8]) -> Cow<'_, [u8]> {
    let bytes = bytes.trim_ascii();
    let encoded = bytes.strip_prefix(b"cdr=").unwrap_or(bytes);
    if encoded.starts_with(b"%7B") || encoded.starts_with(b"%7b") {
        Cow::Owned(percent::decode(encoded).into_owned().into_bytes())
    } else {
        Cow::Borrowed(encoded)
    }
}

/// The channel variables at the call's end.
struct Variables<'a> {
    json: &'a Value,
    encoded: bool,
}

impl<'a> Variables<'a> {
    fn of(json: &'a Value) -> Option<Self> {
        let json = json.get("variables").filter(|variables| variables.is_object())?;
        let stamp = json.get("start_stamp").and_then(Value::as_str).unwrap_or_default();
        Some(Variables { json, encoded: !stamp.contains(':') && stamp.contains('%') })
    }

    fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        let text = self.json.get(name)?.as_str().filter(|text| !text.is_empty())?;
        Some(if self.encoded { percent::decode(text.as_bytes()) } else { Cow::Borrowed(text) })
    }

    /// A time in microseconds since 1970; `None` when it never came.
    fn time(&self, name: &str) -> Option<Wall> {
        micros(self.get(name)?.as_ref())
    }
}

fn micros(text: &str) -> Option<Wall> {
    text.parse::<i64>().ok().filter(|&micros| micros > 0).map(|micros| Wall(micros / 1000))
}

fn call(json: &Value, variables: &Variables<'_>) -> Result<Cdr, NotACdr> {
    let ended = variables.time("end_uepoch").ok_or(NotACdr::Lacks("variables.end_uepoch"))?;
    let served = served(json, variables);
    Ok(Cdr {
        channel: channel(json, variables)?,
        served,
        talk: served.map_or(Span::ZERO, |served| ended.since(served)),
        ended,
        cause: variables.get("hangup_cause").unwrap_or(Cow::Borrowed("NONE")).into(),
        queue: variables.get("cc_queue").map(Into::into),
        marks: event::marks(|name| variables.get(name)),
    })
}

/// When somebody first talked with the caller. How long is not in the record: a talk is taken to last to the call's end.
fn served(json: &Value, variables: &Variables<'_>) -> Option<Wall> {
    let answered = variables.time("answer_uepoch")?;
    let bridges = profiles(json).filter_map(|profile| micros(profile.get("times")?.get("bridged_time")?.as_str()?));
    let bridged = bridges.chain(variables.time("bridge_uepoch")).min()?;
    let other = variables.get("bridge_hangup_cause");
    let rang = other.is_some_and(|cause| UNANSWERED.contains(&&*cause));
    (!rang).then(|| bridged.max(answered))
}

fn profiles(json: &Value) -> impl Iterator<Item = &Value> {
    json.get("callflow").and_then(Value::as_array).into_iter().flatten()
}

/// The channel as it began: the oldest profile, which no transfer and no bridge has turned round.
fn channel(json: &Value, variables: &Variables<'_>) -> Result<Channel, NotACdr> {
    let index = |profile: &&Value| profile.get("profile_index")?.as_str()?.parse::<u32>().ok();
    let first = profiles(json).min_by_key(|profile| index(profile).unwrap_or(u32::MAX));
    let caller = |name: &str| first?.get("caller_profile")?.get(name)?.as_str();
    let boxed = |text: Option<&str>| text.map_or_else(Box::default, Box::<str>::from);
    let presence = variables.get("presence_id");
    let user = presence.as_deref().and_then(|id| id.split('@').next()).or_else(|| caller("username"));
    Ok(Channel {
        id: ChannelId::new(&variables.get("uuid").ok_or(NotACdr::Lacks("variables.uuid"))?),
        direction: Direction::Inbound,
        user: user.filter(|user| !user.is_empty()).map(Into::into),
        caller: boxed(caller("caller_id_number")),
        name: boxed(caller("caller_id_name")),
        dialled: boxed(caller("destination_number")),
        line: variables.get(LINE).map(Into::into),
        created: variables.time("start_uepoch").ok_or(NotACdr::Lacks("variables.start_uepoch"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! record {
        ($name:literal) => {
            include_bytes!(concat!("../../tests/cdr/", $name, ".json"))
        };
    }

    fn call_of(bytes: &[u8]) -> Cdr {
        parse(bytes).unwrap().call.unwrap()
    }

    #[test]
    fn a_served_call_is_served_from_its_bridge() {
        let cdr = call_of(record!("served-in-queue"));
        assert_eq!(cdr.channel.id.as_str(), "626e1029-ade4-4886-8339-4505a4b6b770");
        assert_eq!((&*cdr.channel.caller, &*cdr.channel.dialled), ("79161239900", "74951112244"));
        assert_eq!(cdr.channel.line.as_deref(), Some("queue"));
        assert_eq!(cdr.queue.as_deref(), Some("sales@default"));
        assert_eq!(cdr.channel.created, Wall(1_795_418_277_205));
        assert_eq!((cdr.served, cdr.ended), (Some(Wall(1_795_418_279_305)), Wall(1_795_418_297_245)));
        assert_eq!((cdr.talk, &*cdr.cause), (Span(17_940), "NORMAL_CLEARING"));
    }

    #[test]
    fn a_call_that_nobody_answered_is_missed() {
        for record in [&record!("missed-in-queue")[..], record!("early-media-alone"), record!("never-answered")] {
            let cdr = call_of(record);
            assert_eq!((cdr.served, cdr.talk), (None, Span::ZERO), "{}", cdr.channel.id);
        }
        assert_eq!(call_of(record!("missed-in-queue")).queue.as_deref(), Some("sales@default"));
    }

    #[test]
    fn a_phone_that_sent_early_media_and_then_answered_serves() {
        assert_eq!(call_of(record!("early-media-then-answered")).served, Some(Wall(1_795_419_267_007)));
    }

    #[test]
    fn a_leg_that_the_switch_dialled_is_no_call() {
        let record = parse(record!("operator-leg")).unwrap();
        assert_eq!((record.call, &*record.switchname), (None, "pbx"));
    }

    #[test]
    fn encoded_records_are_read_as_well() {
        let plain: Value = serde_json::from_slice(record!("served-in-queue")).unwrap();
        let mut values = plain.clone();
        for value in values["variables"].as_object_mut().unwrap().values_mut() {
            let mut encoded = Vec::new();
            percent::encode(value.as_str().unwrap(), &mut encoded);
            *value = String::from_utf8(encoded).unwrap().into();
        }
        let mut form = b"cdr=".to_vec();
        percent::encode(&plain.to_string(), &mut form);
        let expected = call_of(record!("served-in-queue"));
        assert_eq!(call_of(values.to_string().as_bytes()), expected);
        assert_eq!(call_of(&form), expected);
        assert_eq!(call_of(&form[4..]), expected);
    }

    #[test]
    fn nonsense_is_refused_with_a_reason() {
        assert_eq!(parse(&vec![b' '; MOST_CDR + 1]), Err(NotACdr::Long));
        assert!(matches!(parse(b""), Err(NotACdr::Json(_))));
        assert!(matches!(parse(&[b'['; 100_000]), Err(NotACdr::Json(_))));
        assert_eq!(parse(b"{}"), Err(NotACdr::Lacks("variables")));
        assert_eq!(parse(br#"{"variables":{}}"#), Err(NotACdr::Lacks("variables.direction")));
        let inbound = |rest: &str| parse(format!(r#"{{"variables":{{"direction":"inbound"{rest}}}}}"#).as_bytes());
        assert_eq!(inbound(""), Err(NotACdr::Lacks("variables.end_uepoch")));
        assert_eq!(inbound(r#","end_uepoch":"5000""#), Err(NotACdr::Lacks("variables.uuid")));
        assert_eq!(inbound(r#","end_uepoch":"-1""#), Err(NotACdr::Lacks("variables.end_uepoch")));
    }
}
