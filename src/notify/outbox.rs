//! Which happening makes which deliveries. Each is a paper of the store, written in the same commit as the rows of the step that it tells
//! of: what is not committed is not told, and what is committed is told sooner or later, whatever dies meanwhile.

use super::{amocrm, bitrix24, telegram};
use crate::{
    config::Notify,
    engine::{
        effect::{Client, Effect, Notice},
        number::Number,
        paper::{Paper, PaperKind},
        record::{CallRecord, ChannelId, Write},
        rules::Rules,
        time::Wall,
    },
    wire,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// One thing that is to be sent to one receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The message that it is; the same however often it is sent, and for all who get it.
    pub id: String,
    /// Those of one key are sent one after the other, in the order in which they happened: a client, an operator.
    pub key: String,
    /// What.
    pub what: What,
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The body of a webhook.
    Event(String),
    /// What is to be done at Bitrix24.
    Bitrix24(bitrix24::Step),
    /// A call for amoCRM.
    Amocrm(amocrm::Call),
    /// A message to a Telegram chat.
    Telegram(String),
}

/// The names of receivers, as the store, the metrics and the log have them.
pub const BITRIX24: &str = "bitrix24";
/// See [`BITRIX24`].
pub const AMOCRM: &str = "amocrm";
/// See [`BITRIX24`].
pub const TELEGRAM: &str = "telegram";

/// The name of a webhook among the receivers.
pub fn webhook(name: &str) -> String {
    format!("webhook.{name}")
}

/// Makes deliveries; knows who gets what.
#[derive(Debug)]
pub struct Outbox {
    settings: Arc<Notify>,
    /// Which start of the daemon: an id that was used before a clock went back is not used again.
    start: u32,
    /// The time of the last one, which the next one is not before, and how many there were.
    last: Wall,
    n: u64,
}

/// The body of a webhook: its type, when it happened, and what (Standard Webhooks).
pub fn body(event: &str, at: Wall, data: &Value) -> String {
    json!({ "type": event, "timestamp": wire::moment(at), "data": data }).to_string()
}

impl Outbox {
    /// For these receivers. `start` is to be random; `last`: the time of the newest delivery in the store.
    pub fn new(settings: Arc<Notify>, start: u32, last: Wall) -> Outbox {
        Outbox { settings, start, last, n: 0 }
    }

    /// Adds to the writes of a step the deliveries that its effects make. `known`: what a CRM calls a client.
    pub fn post(
        &mut self,
        effects: &[Effect],
        at: Wall,
        rules: &Rules,
        known: impl Fn(Number) -> Option<Arc<str>>,
        writes: &mut Vec<Write>,
    ) {
        let settings = self.settings.clone();
        for effect in effects {
            match effect {
                Effect::Notice(notice) => {
                    self.event(&key(notice), at, event(notice, &known), writes);
                    for (receiver, key, what) in told(notice, at, &settings, rules) {
                        self.write(receiver, &key, what, at, writes);
                    }
                }
                Effect::Alarm(alarm) => {
                    self.event("alarm", at, Some(wire::alarm(alarm)), writes);
                    if let Some(text) = settings.telegram.as_ref().and_then(|chat| telegram::alarm(alarm, chat)) {
                        self.write(TELEGRAM, "", What::Telegram(text), at, writes);
                    }
                }
                _ => {}
            }
        }
    }

    fn event(&mut self, key: &str, at: Wall, event: Option<(&'static str, Value)>, writes: &mut Vec<Write>) {
        let Some((event, data)) = event else { return };
        let settings = self.settings.clone();
        let mut text = None;
        for webhook in settings.webhooks.iter().filter(|webhook| webhook.events.contains(&event)) {
            let body = text.get_or_insert_with(|| body(event, at, &data)).clone();
            self.write(&self::webhook(&webhook.name), key, What::Event(body), at, writes);
        }
    }

    fn write(&mut self, receiver: &str, key: &str, what: What, at: Wall, writes: &mut Vec<Write>) {
        self.last = self.last.max(at);
        self.n += 1;
        let id = format!("msg_{:011x}{:08x}{:06x}", self.last.0, self.start, self.n);
        let delivery = Delivery { id: id.clone(), key: key.to_owned(), what };
        writes.push(Write::Paper(Paper {
            kind: PaperKind::Outgoing,
            // By time and number: papers of one moment are in the order of their ids.
            id: format!("{:011x}{:06x}{:08x}", self.last.0, self.n, self.start),
            about: receiver.to_owned(),
            at: self.last,
            body: serde_json::to_string(&delivery).unwrap_or_default(),
        }));
    }
}

/// An event as the API tells it; of a client at an operator's phone with what a CRM calls them.
fn event(notice: &Notice, known: impl Fn(Number) -> Option<Arc<str>>) -> Option<(&'static str, Value)> {
    let (event, mut data) = wire::event(notice)?;
    if let Notice::AtOperator { client: Some(client), .. } = notice {
        data["client"] = json!(number_of(client).and_then(known));
    }
    Some((event, data))
}

fn number_of(client: &Client) -> Option<Number> {
    match client {
        Client::Callback(record) => Some(record.number),
        Client::Call(record) => record.number,
    }
}

/// What others than webhooks are told, each with its key: a call of theirs, or the one chat.
fn told(
    notice: &Notice,
    at: Wall,
    settings: &Notify,
    rules: &Rules,
) -> impl Iterator<Item = (&'static str, String, What)> {
    let bitrix24 = settings.bitrix24.as_ref().and_then(|there| bitrix24::step(notice, at, there, rules));
    let amocrm = settings.amocrm.as_ref().and_then(|there| amocrm::call(notice, at, there));
    let telegram = settings.telegram.as_ref().and_then(|chat| telegram::told(notice, chat));
    let all = [
        bitrix24.map(|step| (BITRIX24, step.call.clone(), What::Bitrix24(step))),
        amocrm.map(|call| (AMOCRM, call.uniq.clone(), What::Amocrm(call))),
        telegram.map(|text| (TELEGRAM, String::new(), What::Telegram(text))),
    ];
    all.into_iter().flatten()
}

/// What must stay in order: all of one client; of one whose number is hidden, all of one call.
fn key(notice: &Notice) -> String {
    let call = |record: &CallRecord| client(record.number, &record.id);
    match notice {
        Notice::CallArrived(record)
        | Notice::CallServed(record)
        | Notice::CallEnded(record)
        | Notice::Queued(record) => call(record),
        Notice::Opened(record) | Notice::Joined(record) | Notice::Reopened(record) => record.number.to_string(),
        Notice::Closed { callback: record, .. } => record.number.to_string(),
        Notice::Ringing { number, .. }
        | Notice::OperatorAnswered { number, .. }
        | Notice::Dialling { number, .. }
        | Notice::Joint { number, .. }
        | Notice::AttemptEnded { number, .. } => number.to_string(),
        Notice::Offered { call, number, .. } => client(*number, call),
        Notice::AtOperator { operators, client: shown, .. } => match shown.as_deref() {
            Some(Client::Callback(record)) => record.number.to_string(),
            Some(Client::Call(record)) => call(record),
            None => format!("operator {}", operators.join(" ")),
        },
        Notice::Operator(view) => format!("operator {}", view.name),
        Notice::Blocked(_)
        | Notice::LeftQueue { .. }
        | Notice::OffersOver { .. }
        | Notice::Forgotten(_)
        | Notice::NotForgotten(_) => String::new(),
    }
}

fn client(number: Option<Number>, call: &ChannelId) -> String {
    number.map_or_else(|| format!("call {call}"), |number| number.to_string())
}
