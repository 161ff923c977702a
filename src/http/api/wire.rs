//! What the API sends and takes, apart from how it is stored.

use super::people::Person;
use crate::{
    engine::{
        effect::{Alarm, Client, Notice},
        record::{AttemptRecord, BlockRecord, CallRecord, CallbackRecord, CallbackState, LegRecord, Marks, Origin},
        time::Wall,
    },
    store::CallbackStory,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A moment, RFC 3339 in UTC.
pub fn moment(at: Wall) -> String {
    at.timestamp().to_string()
}

/// Where a client came from.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Whence {
    /// Marketing channel.
    pub channel: String,
    /// Marketing source.
    pub source: String,
    /// Campaign.
    pub campaign: String,
    /// The page that showed the number.
    pub page: String,
    /// Further words.
    pub tags: String,
}

impl From<&Marks> for Whence {
    fn from(marks: &Marks) -> Whence {
        let Marks { channel, source, campaign, page, tags } = marks.clone();
        Whence { channel, source, campaign, page, tags }
    }
}

/// How a call went in the queue.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct InQueue {
    /// The group whose operators it waited for.
    pub group: String,
    /// Since when its place counts.
    #[schema(format = DateTime)]
    pub since: String,
    /// How it left: served, abandoned, short, call-back, key, closed, nobody, full, late, given-back; null: it waits.
    pub left: Option<String>,
    /// The file on the switch with the message that the caller left.
    pub voicemail: Option<String>,
    /// The file on the switch in which the talk is recorded.
    pub recording: Option<String>,
    /// The operator to whom the client was transferred.
    pub handed_to: Option<String>,
}

/// A client's call.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Call {
    /// The uuid of the caller's channel.
    pub id: String,
    /// The switch.
    pub switch: String,
    /// The line that was dialled.
    pub line: String,
    /// Who called, E.164; null: hidden.
    pub number: Option<String>,
    /// The name that the caller showed.
    pub name: String,
    /// When it came.
    #[schema(format = DateTime)]
    pub arrived: String,
    /// When somebody first talked with the client.
    #[schema(format = DateTime)]
    pub served: Option<String>,
    /// With whom.
    pub operator: Option<String>,
    /// How long they talked, in milliseconds.
    pub talk_ms: u64,
    /// How long the client waited, in milliseconds; known when that is over.
    pub waited_ms: u64,
    /// When it was over; null: it lives.
    #[schema(format = DateTime)]
    pub ended: Option<String>,
    /// Missed by the rules of its line? Known at its end.
    pub missed: Option<bool>,
    /// The switch's hang-up cause.
    pub cause: String,
    /// The callback that it opened, joined or cancelled.
    pub callback: Option<u64>,
    /// Where the client came from.
    pub whence: Whence,
    /// How it went in the queue; null: it was in none of ours.
    pub queue: Option<InQueue>,
}

impl From<&CallRecord> for Call {
    fn from(call: &CallRecord) -> Call {
        Call {
            id: call.id.to_string(),
            switch: call.switch.to_string(),
            line: call.line.to_string(),
            number: call.number.map(|number| number.to_string()),
            name: call.name.clone(),
            arrived: moment(call.arrived),
            served: call.served.map(moment),
            operator: call.operator.as_ref().map(ToString::to_string),
            talk_ms: call.talk.0,
            waited_ms: call.waited.0,
            ended: call.ended.map(moment),
            missed: call.missed,
            cause: call.cause.clone(),
            callback: call.callback.map(|id| id.0),
            whence: (&*call.marks).into(),
            queue: call.queue.as_ref().map(|queue| InQueue {
                group: queue.group.to_string(),
                since: moment(queue.since),
                left: queue.left.map(|left| left.as_str().to_owned()),
                voicemail: queue.voicemail.clone(),
                recording: queue.recording.clone(),
                handed_to: queue.handed_to.as_ref().map(ToString::to_string),
            }),
        }
    }
}

/// The job of reaching one client.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Callback {
    /// Its number.
    pub id: u64,
    /// The client, E.164.
    pub number: String,
    /// The client's name as it came with the call.
    pub name: String,
    /// The line whose rules apply.
    pub line: String,
    /// Why it exists: missed, queue, by-hand, listed, web.
    pub origin: String,
    /// Of which call, by whom, in which list, on which site.
    pub origin_of: String,
    /// tracking, waiting, active, ending, closed.
    pub state: String,
    /// Why it is over; null: it is not.
    pub reason: Option<String>,
    /// Since when it is over, or is ending.
    #[schema(format = DateTime)]
    pub closed: Option<String>,
    /// When it was opened.
    #[schema(format = DateTime)]
    pub opened: String,
    /// The last time that the client was missed, or asked.
    #[schema(format = DateTime)]
    pub last_miss: String,
    /// How many misses it stands for.
    pub misses: u32,
    /// When it is due; of no meaning once closed.
    #[schema(format = DateTime)]
    pub due: String,
    /// When it is given up.
    #[schema(format = DateTime)]
    pub expires: String,
    /// Attempts begun.
    pub attempts: u32,
    /// Attempts that cost the client one.
    pub spent: u32,
    /// How the last attempt ended.
    pub last_outcome: Option<String>,
    /// Where the client came from.
    pub whence: Whence,
}

impl From<&CallbackRecord> for Callback {
    fn from(record: &CallbackRecord) -> Callback {
        let (origin, origin_of) = match &record.origin {
            Origin::Missed { call } => ("missed", call.to_string()),
            Origin::Queue { call } => ("queue", call.to_string()),
            Origin::ByHand { by } => ("by-hand", by.clone()),
            Origin::Listed { list } => ("listed", list.clone()),
            Origin::Web { site } => ("web", site.clone()),
        };
        let (state, end) = match &record.state {
            CallbackState::Tracking => ("tracking", None),
            CallbackState::Waiting => ("waiting", None),
            CallbackState::Active => ("active", None),
            CallbackState::Ending { at, reason } => ("ending", Some((at, reason))),
            CallbackState::Closed { at, reason } => ("closed", Some((at, reason))),
        };
        Callback {
            id: record.id.0,
            number: record.number.to_string(),
            name: record.name.clone(),
            line: record.line.to_string(),
            origin: origin.to_owned(),
            origin_of,
            state: state.to_owned(),
            reason: end.map(|(_, reason)| reason.as_str().to_owned()),
            closed: end.map(|(at, _)| moment(*at)),
            opened: moment(record.opened),
            last_miss: moment(record.last_miss),
            misses: record.misses,
            due: moment(record.due),
            expires: moment(record.expires),
            attempts: record.attempts,
            spent: record.spent,
            last_outcome: record.last.map(|outcome| outcome.as_str().to_owned()),
            whence: (&*record.marks).into(),
        }
    }
}

/// One channel that was dialled.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LegOf {
    /// Its uuid.
    pub id: String,
    /// Whose phone: operator, client.
    pub role: String,
    /// The operator, or the trunk of a client's leg.
    pub who: String,
    /// When it was dialled.
    #[schema(format = DateTime)]
    pub dialled: String,
    /// When it was answered.
    #[schema(format = DateTime)]
    pub answered: Option<String>,
    /// When it was over.
    #[schema(format = DateTime)]
    pub ended: Option<String>,
    /// Its hang-up cause.
    pub cause: String,
}

impl From<&LegRecord> for LegOf {
    fn from(leg: &LegRecord) -> LegOf {
        LegOf {
            id: leg.id.to_string(),
            role: format!("{:?}", leg.role).to_lowercase(),
            who: leg.who.to_string(),
            dialled: moment(leg.intended),
            answered: leg.answered.map(moment),
            ended: leg.ended.map(moment),
            cause: leg.cause.clone(),
        }
    }
}

/// One try of a callback.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Attempt {
    /// Its number, from 1.
    pub n: u32,
    /// When it began.
    #[schema(format = DateTime)]
    pub started: String,
    /// The operator who answered.
    pub operator: Option<String>,
    /// When the two were joined.
    #[schema(format = DateTime)]
    pub joined: Option<String>,
    /// The operator to whom the client was transferred.
    pub handed_to: Option<String>,
    /// The file on the switch in which the talk is recorded.
    pub recording: Option<String>,
    /// When it was over.
    #[schema(format = DateTime)]
    pub ended: Option<String>,
    /// How it ended.
    pub outcome: Option<String>,
    /// The switch's words for why.
    pub cause: String,
    /// Its legs, in the order of dialling.
    pub legs: Vec<LegOf>,
}

impl From<&AttemptRecord> for Attempt {
    fn from(attempt: &AttemptRecord) -> Attempt {
        Attempt {
            n: attempt.n,
            started: moment(attempt.started),
            operator: attempt.operator.as_ref().map(ToString::to_string),
            joined: attempt.joined.map(moment),
            handed_to: attempt.handed_to.as_ref().map(ToString::to_string),
            recording: attempt.recording.clone(),
            ended: attempt.ended.map(moment),
            outcome: attempt.outcome.map(|outcome| outcome.as_str().to_owned()),
            cause: attempt.cause.clone(),
            legs: attempt.legs.iter().map(Into::into).collect(),
        }
    }
}

/// A callback with its attempts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Story {
    /// The callback.
    pub callback: Callback,
    /// Its attempts, the first one first.
    pub attempts: Vec<Attempt>,
}

impl From<&CallbackStory> for Story {
    fn from(story: &CallbackStory) -> Story {
        Story { callback: (&story.callback).into(), attempts: story.attempts.iter().map(Into::into).collect() }
    }
}

/// Whom to call back.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCallback {
    /// The client: E.164, or as people of the country write a number.
    #[schema(example = "+79161234567", pattern = r"^\+[1-9][0-9]{7,14}$")]
    pub number: String,
    /// The line; may be left out when there is one.
    pub line: Option<String>,
    /// When; now when it is left out.
    #[schema(format = DateTime)]
    pub due: Option<String>,
}

/// When to call.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTime {
    /// RFC 3339.
    #[schema(format = DateTime)]
    pub due: String,
}

/// A number that is never dialled.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Blocked {
    /// E.164.
    pub number: String,
    /// Since when.
    #[schema(format = DateTime)]
    pub at: String,
    /// Why: invalid, declined, operator, person.
    pub why: String,
    /// The operator or the person.
    pub by: Option<String>,
}

impl From<&BlockRecord> for Blocked {
    fn from(block: &BlockRecord) -> Blocked {
        let (why, by) = block.why.parts();
        Blocked {
            number: block.number.to_string(),
            at: moment(block.at),
            why: why.to_owned(),
            by: by.map(str::to_owned),
        }
    }
}

/// A whole number as JSON may write it: `1.0` is one too.
///
/// # Errors
/// It is none, or a negative one.
pub fn whole<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let number = serde_json::Number::deserialize(from)?;
    let float = || number.as_f64().filter(|n| n.fract() == 0.0 && (0.0..i64::MAX as f64).contains(n)).map(|n| n as u64);
    number.as_u64().or_else(float).ok_or_else(|| serde::de::Error::custom(format!("{number} is no whole number")))
}

/// Something that happened, as the event stream tells it: its name and what it is about.
pub fn event(notice: &Notice) -> Option<(&'static str, serde_json::Value)> {
    use serde_json::json;
    let call = |call: &CallRecord| json!({ "call": Call::from(call) });
    let callback = |record: &CallbackRecord| json!({ "callback": Callback::from(record) });
    Some(match notice {
        Notice::CallArrived(record) => ("call.arrived", call(record)),
        Notice::CallServed(record) => ("call.served", call(record)),
        Notice::CallEnded(record) if record.missed == Some(true) => ("call.missed", call(record)),
        Notice::CallEnded(record) => ("call.ended", call(record)),
        Notice::Queued(record) => ("queue.entered", call(record)),
        Notice::Offered { call, operators } => {
            ("queue.offered", json!({ "call": call.to_string(), "operators": operators }))
        }
        Notice::Opened(record) => ("callback.opened", callback(record)),
        Notice::Joined(record) => ("callback.joined", callback(record)),
        Notice::Ringing { callback, attempt, operators, number, .. } => (
            "attempt.ringing",
            json!({ "callback": callback, "attempt": attempt, "operators": operators, "number": number }),
        ),
        Notice::AtOperator { operators, moment, client } => {
            let (back, live) = match client.as_deref() {
                Some(Client::Callback(record)) => (Some(Callback::from(record)), None),
                Some(Client::Call(record)) => (None, Some(Call::from(record))),
                None => (None, None),
            };
            let shown = json!({ "operators": operators, "moment": moment, "callback": back, "call": live });
            ("operator.call", shown)
        }
        Notice::Operator(view) => ("operator.state", json!({ "operator": Person::from(view) })),
        Notice::Reopened(record) => ("callback.reopened", callback(record)),
        Notice::OperatorAnswered { callback, operator } => {
            ("attempt.operator", json!({ "callback": callback, "operator": operator }))
        }
        Notice::Dialling { callback, attempt, number, .. } => {
            ("attempt.dialling", json!({ "callback": callback, "attempt": attempt, "number": number }))
        }
        Notice::Joint { callback, operator, number, took, .. } => (
            "attempt.talking",
            json!({ "callback": callback, "operator": operator, "number": number, "own_call": took }),
        ),
        Notice::AttemptEnded { callback, attempt, number, operator, outcome, talk, again } => (
            "attempt.ended",
            json!({
                "callback": callback, "attempt": attempt, "number": number, "operator": operator, "outcome": outcome,
                "talk_ms": talk.0, "again": again.map(moment),
            }),
        ),
        Notice::Closed { callback: record, .. } => ("callback.closed", callback(record)),
        _ => return None,
    })
}

/// An alarm, as the event stream tells it.
pub fn alarm(alarm: &Alarm) -> (&'static str, serde_json::Value) {
    ("alarm", serde_json::json!({ "kind": alarm.kind.as_str(), "text": alarm.text }))
}
