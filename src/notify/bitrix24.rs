//! Calls in Bitrix24: what happens becomes a call that is registered, and finished when it is over.
//!
//! | what happens | what is done there |
//! |---|---|
//! | an operator answers for a callback | it is registered, and its card shown to the operator; to a further one it is shown |
//! | its attempt ends | it is finished; an attempt that reached no operator was no call and is not told |
//! | an operator takes a client's call | it is registered, and its card shown to the operator |
//! | a client's call ends | it is finished; registered first when nobody took it |
//!
//! `telephony.externalCall.register` gives a call an id, which the end must name. The id is kept with the call's own name (*done*
//! in the store) in the commit that takes the delivery off, so that a call is registered once. Should the daemon die between their
//! answer and that commit, it is asked again under the same `EXTERNAL_CALL_ID`, and Bitrix24 gives the same id for half an hour.

use crate::{
    config::Bitrix24,
    engine::{
        Name,
        effect::Notice,
        record::{CallRecord, Outcome},
        rules::Rules,
        time::{Span, Wall},
    },
    wire::moment,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The kinds of a call, as Bitrix24 numbers them.
const INBOUND: u8 = 2;
const CALLBACK: u8 = 4;
/// How a call ended of which nothing came.
const CANCELLED: &str = "603-S";

/// How a user is named: by number, or by the telephone.
const BY_ID: &str = "USER_ID";
const BY_PHONE: &str = "USER_PHONE_INNER";

/// What is to be done for one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The call's own name, which is its `EXTERNAL_CALL_ID` there.
    pub call: String,
    /// Whose it is there: [`BY_ID`] or [`BY_PHONE`], and which.
    user: (String, String),
    /// The client, E.164.
    number: String,
    kind: u8,
    began: String,
    /// Show its card to that user.
    show: bool,
    create_lead: bool,
    /// How it ended; `None`: it has begun.
    pub end: Option<End>,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    seconds: u64,
    status: String,
}

/// What is to be done about this, if anything.
pub fn step(notice: &Notice, at: Wall, settings: &Bitrix24, rules: &Rules) -> Option<Step> {
    let end = |talk: Span, status: &str| Some(End { seconds: talk.0 / 1000, status: status.to_owned() });
    let of_callback = |callback, attempt, number: String, operator, end| Step {
        call: format!("callback-{callback}-{attempt}"),
        user: user(Some(operator), settings, rules),
        number,
        kind: CALLBACK,
        began: moment(at),
        show: true,
        create_lead: settings.create_leads,
        end,
    };
    let of_call = |call: &CallRecord, end| {
        Some(Step {
            call: call.id.to_string(),
            user: user(call.operator.as_ref(), settings, rules),
            number: call.number?.to_string(),
            kind: INBOUND,
            began: moment(call.arrived),
            show: call.operator.is_some(),
            create_lead: settings.create_leads,
            end,
        })
    };
    match notice {
        Notice::OperatorAnswered { callback, attempt, operator, number, .. } => {
            Some(of_callback(callback, attempt, number.to_string(), operator, None))
        }
        Notice::AttemptEnded { callback, attempt, number, operator: Some(operator), outcome, took, talk, .. } => {
            // Their talk is told with the client's own call.
            let end = if *took { end(Span::ZERO, CANCELLED) } else { end(*talk, status(*outcome)) };
            Some(of_callback(callback, attempt, number.to_string(), operator, end))
        }
        Notice::CallServed(call) if call.operator.is_some() => of_call(call, None),
        Notice::CallEnded(call) if call.served.is_some() => of_call(call, end(call.talk, "200")),
        Notice::CallEnded(call) => of_call(call, end(Span::ZERO, "304")),
        _ => None,
    }
}

/// The user of an operator, or the number of the operator's phone there; without an operator the one for all.
fn user(operator: Option<&Name>, settings: &Bitrix24, rules: &Rules) -> (String, String) {
    let by_id = |id: u32| (BY_ID.to_owned(), id.to_string());
    let Some(name) = operator else { return by_id(settings.user) };
    let phone =
        || rules.operators.get(name).and_then(|operator| operator.phones.first()).filter(|p| !p.user.is_empty());
    match (settings.users.get(name), phone()) {
        (Some(id), _) => by_id(*id),
        (None, Some(phone)) => (BY_PHONE.to_owned(), phone.user.to_string()),
        (None, None) => by_id(settings.user),
    }
}

/// How an attempt ended, as Bitrix24 numbers it (after SIP).
fn status(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Talked => "200",
        Outcome::Busy => "486",
        Outcome::NoAnswer | Outcome::Machine => "304",
        Outcome::Invalid => "404",
        Outcome::Declined => "603",
        Outcome::Network => "503",
        Outcome::Cancelled | Outcome::OperatorDeclined | Outcome::OperatorUnavailable | Outcome::Postponed => CANCELLED,
        Outcome::Unknown => "OTHER",
    }
}

impl Step {
    /// The method, and its parameters, by which the call is registered.
    pub fn register(&self) -> (&'static str, Value) {
        let mut parameters = json!({
            "PHONE_NUMBER": self.number, "TYPE": self.kind, "CALL_START_DATE": self.began,
            "CRM_CREATE": u8::from(self.create_lead), "SHOW": u8::from(self.show && self.end.is_none()),
            "EXTERNAL_CALL_ID": self.call,
        });
        parameters[&self.user.0] = json!(self.user.1);
        ("telephony.externalCall.register", parameters)
    }

    /// The method, and its parameters, by which the card of a call that was registered for another is shown; `None`: only who is known by a
    /// user's number can be shown it.
    pub fn show(&self, id: &str) -> Option<(&'static str, Value)> {
        let user = Some(&self.user).filter(|(by, _)| by == BY_ID && self.show)?;
        Some(("telephony.externalCall.show", json!({ "CALL_ID": id, "USER_ID": user.1 })))
    }

    /// The method, and its parameters, by which the call of this id there is finished.
    pub fn finish(&self, id: &str, end: &End) -> (&'static str, Value) {
        let mut parameters = json!({ "CALL_ID": id, "DURATION": end.seconds, "STATUS_CODE": end.status });
        parameters[&self.user.0] = json!(self.user.1);
        ("telephony.externalCall.finish", parameters)
    }
}

/// The id that a call was given there.
pub fn call_id(answer: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    answer["result"]["CALL_ID"].as_str().filter(|id| !id.is_empty()).map(str::to_owned)
}

/// Has it been finished already? Then it is not found any more.
pub fn is_over(answer: &[u8]) -> bool {
    let told = serde_json::from_slice::<Value>(answer).ok();
    told.is_some_and(|told| {
        told["error_description"].as_str().is_some_and(|text| text.starts_with("Call is not found"))
    })
}
