//! Calls in amoCRM (Kommo): a note on the card of the client; of a number that it does not know, an incoming lead.
//!
//! Both carry the call's own name as `uniq`, so that a call which is told twice is noted once.

use crate::{
    config::Amocrm,
    engine::{
        Name,
        effect::Notice,
        record::Outcome,
        time::{Span, Wall},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The path of notes, and the one of incoming leads.
pub const CALLS: &str = "/api/v4/calls";
/// See [`CALLS`].
pub const UNSORTED: &str = "/api/v4/leads/unsorted/sip";
/// What calls are said to come from.
const SOURCE: &str = "Perezvon";
/// amoCRM's number for "there is nobody with this number".
const NOT_FOUND: u64 = 263;

/// The results of a call, as amoCRM numbers them.
const TALKED: u8 = 4;
const WRONG_NUMBER: u8 = 5;
const NOT_REACHED: u8 = 6;
const BUSY: u8 = 7;

/// One call, as it is noted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The call's own name.
    pub uniq: String,
    inbound: bool,
    number: String,
    name: String,
    line: String,
    seconds: u64,
    status: u8,
    result: String,
    /// The user's number, or the operator's name.
    responsible: Value,
    at: i64,
}

/// The call that is to be noted, when one is over. An attempt that reached no operator was no call.
pub fn call(notice: &Notice, at: Wall, settings: &Amocrm) -> Option<Call> {
    let responsible = |operator: Option<&Name>| match operator.map(|name| (name, settings.users.get(name))) {
        Some((_, Some(user))) => json!(user),
        Some((name, None)) => json!(name),
        None => Value::Null,
    };
    match notice {
        // Where the client's own call was put through, that is the call that is noted.
        Notice::AttemptEnded { took: true, .. } => None,
        Notice::AttemptEnded { callback, attempt, number, operator: Some(operator), outcome, talk, .. } => Some(Call {
            uniq: format!("callback-{callback}-{attempt}"),
            inbound: false,
            number: number.to_string(),
            name: String::new(),
            line: String::new(),
            seconds: talk.0 / 1000,
            status: status(*outcome),
            result: outcome.as_str().to_owned(),
            responsible: responsible(Some(operator)),
            at: at.0 / 1000,
        }),
        Notice::CallEnded(call) => Some(Call {
            uniq: call.id.to_string(),
            inbound: true,
            number: call.number?.to_string(),
            name: call.name.clone(),
            line: call.line.to_string(),
            seconds: call.talk.0 / 1000,
            status: if call.talk > Span::ZERO { TALKED } else { NOT_REACHED },
            result: if call.missed == Some(true) { "missed" } else { "" }.to_owned(),
            responsible: responsible(call.operator.as_ref()),
            at: call.arrived.0 / 1000,
        }),
        _ => None,
    }
}

fn status(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Talked => TALKED,
        Outcome::Invalid => WRONG_NUMBER,
        Outcome::Busy => BUSY,
        _ => NOT_REACHED,
    }
}

impl Call {
    /// What is posted to [`CALLS`].
    pub fn note(&self) -> Value {
        json!([{
            "direction": if self.inbound { "inbound" } else { "outbound" }, "uniq": self.uniq, "duration": self.seconds,
            "source": SOURCE, "phone": self.number, "call_responsible": self.responsible, "call_status": self.status,
            "call_result": self.result, "created_at": self.at,
        }])
    }

    /// What is posted to [`UNSORTED`]; only somebody who called is a new lead.
    pub fn lead(&self, settings: &Amocrm) -> Option<Value> {
        let contact = if self.name.is_empty() { &self.number } else { &self.name };
        let mut lead = json!({
            "source_name": SOURCE, "source_uid": self.uniq, "created_at": self.at,
            "metadata": {
                "is_call_event_needed": true, "uniq": self.uniq, "duration": self.seconds, "service_code": "perezvon",
                "phone": self.number, "called_at": self.at, "from": self.line,
            },
            "_embedded": { "contacts": [{
                "name": contact,
                "custom_fields_values": [{ "field_code": "PHONE", "values": [{ "value": self.number }] }],
            }] },
        });
        if let Some(pipeline) = settings.pipeline {
            lead["pipeline_id"] = json!(pipeline);
        }
        self.inbound.then(|| json!([lead]))
    }
}

/// Does it say that it knows nobody with this number?
pub fn is_unknown(answer: &[u8]) -> bool {
    let Ok(answer) = serde_json::from_slice::<Value>(answer) else { return false };
    let errors = answer["errors"].as_array();
    errors.is_some_and(|errors| errors.iter().any(|error| error["status"] == NOT_FOUND || error["code"] == NOT_FOUND))
}
