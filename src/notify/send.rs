//! How a delivery is sent to its receiver, and what its answer means.

use super::{
    amocrm, bitrix24,
    client::{Answer, Ask, Client},
    outbox::{self, Delivery, What},
    sign::signature,
    telegram,
};
use crate::{
    config::{Amocrm, Bitrix24, Notify, Telegram, Url, Webhook},
    engine::{
        paper::{Paper, PaperKind},
        record::Write,
        time::{Span, Wall},
    },
    store::{PaperQuery, Store},
};
use serde_json::Value;
use std::sync::Arc;

/// What of a refusal is told, in characters.
const MOST_TOLD: usize = 200;

/// Who is sent what happens.
#[derive(Clone, Debug)]
pub enum To {
    /// A webhook.
    Webhook(Webhook),
    /// A Bitrix24.
    Bitrix24(Bitrix24),
    /// An amoCRM.
    Amocrm(Amocrm),
    /// A Telegram chat.
    Telegram(Telegram),
}

/// What came of sending it.
#[derive(Debug)]
pub enum Sent {
    /// It was taken; this is to be written with its end.
    Taken(Vec<Write>),
    /// It was not, and may be later; not before this time, when the receiver said so.
    Later(String, Option<Span>),
    /// It never will be.
    Never(String),
}

impl To {
    /// All who are configured.
    pub fn all(settings: &Notify) -> Vec<To> {
        let webhooks = settings.webhooks.iter().cloned().map(To::Webhook);
        let bitrix24 = settings.bitrix24.iter().cloned().map(To::Bitrix24);
        let amocrm = settings.amocrm.iter().cloned().map(To::Amocrm);
        webhooks.chain(bitrix24).chain(amocrm).chain(settings.telegram.iter().cloned().map(To::Telegram)).collect()
    }

    /// The name in the store, the metrics and the log.
    pub fn name(&self) -> String {
        match self {
            To::Webhook(webhook) => outbox::webhook(&webhook.name),
            To::Bitrix24(_) => outbox::BITRIX24.to_owned(),
            To::Amocrm(_) => outbox::AMOCRM.to_owned(),
            To::Telegram(_) => outbox::TELEGRAM.to_owned(),
        }
    }

    fn allow_private(&self) -> bool {
        match self {
            To::Webhook(there) => there.allow_private,
            To::Bitrix24(there) => there.allow_private,
            To::Amocrm(there) => there.allow_private,
            To::Telegram(there) => there.allow_private,
        }
    }
}

/// Sends to one receiver.
#[derive(Clone)]
pub struct Sender {
    /// To whom.
    pub to: Arc<To>,
    /// By what.
    pub client: Client,
    /// Where what was done is remembered.
    pub store: Arc<dyn Store>,
}

impl Sender {
    /// Sends one delivery, once. `now` is what the signature says.
    pub async fn send(&self, delivery: &Delivery, now: Wall) -> Sent {
        match (&*self.to, &delivery.what) {
            (To::Webhook(webhook), What::Event(body)) => {
                match event(&self.client, webhook, &delivery.id, now, body).await {
                    Err(why) => Sent::Later(why, None),
                    Ok(answer) if answer.status == 410 => Sent::Never(shown(&answer)),
                    // Whatever else it says: an admin who repairs it within the day misses nothing.
                    Ok(answer) => meant(&answer).unwrap_or_else(|| later(&answer)),
                }
            }
            (To::Bitrix24(there), What::Bitrix24(step)) => {
                self.bitrix24(there, step, now).await.unwrap_or_else(|sent| sent)
            }
            (To::Amocrm(there), What::Amocrm(call)) => self.amocrm(there, call).await.unwrap_or_else(|sent| sent),
            (To::Telegram(chat), What::Telegram(text)) => match message(&self.client, chat, text).await {
                Err(why) => Sent::Later(why, None),
                Ok(answer) => judged(&answer),
            },
            _ => Sent::Never("it is meant for somebody else".to_owned()),
        }
    }

    async fn post(&self, link: &Url, token: Option<&str>, body: &Value) -> Result<Answer, Sent> {
        let ask = Ask { token, ..Ask::post(link, self.to.allow_private(), body.to_string()) };
        self.client.ask(ask).await.map_err(|why| Sent::Later(why.to_string(), None))
    }

    /// Registers a call once, and finishes it.
    async fn bitrix24(&self, there: &Bitrix24, step: &bitrix24::Step, now: Wall) -> Result<Sent, Sent> {
        let name = format!("{}.{}", outbox::BITRIX24, step.call);
        let id = match (self.done(&name).await?, &step.end) {
            (Some(id), None) => {
                let Some((method, parameters)) = step.show(&id) else { return Ok(Sent::Taken(Vec::new())) };
                return Ok(judged(&self.post(&there.url.join(method), None, &parameters).await?));
            }
            (Some(id), Some(_)) => id,
            (None, _) => {
                let (method, parameters) = step.register();
                let answer = self.post(&there.url.join(method), None, &parameters).await?;
                let Some(id) = bitrix24::call_id(&answer.body) else { return Err(judged_or_later(&answer)) };
                let body = serde_json::to_string(&id).unwrap_or_default();
                let about = outbox::BITRIX24.to_owned();
                let done = Paper { kind: PaperKind::Done, id: name.clone(), about, at: now, body };
                self.store.commit(&[Write::Paper(done)]).await.map_err(|why| Sent::Later(why.to_string(), None))?;
                id
            }
        };
        let Some(end) = &step.end else { return Ok(Sent::Taken(Vec::new())) };
        let (method, parameters) = step.finish(&id, end);
        let answer = self.post(&there.url.join(method), None, &parameters).await?;
        match judged(&answer) {
            Sent::Never(_) if bitrix24::is_over(&answer.body) => {}
            Sent::Taken(_) => {}
            other => return Err(other),
        }
        Ok(Sent::Taken(vec![Write::Discard { kind: PaperKind::Done, id: name }]))
    }

    /// The id that was kept under this name.
    async fn done(&self, name: &str) -> Result<Option<String>, Sent> {
        let query = PaperQuery { kind: Some(PaperKind::Done), id: Some(name.to_owned()), ..PaperQuery::default() };
        let papers = self.store.papers(&query).await.map_err(|why| Sent::Later(why.to_string(), None))?;
        Ok(papers.first().and_then(|paper| serde_json::from_str(&paper.body).ok()))
    }

    /// Notes a call on its client's card; of somebody unknown who called, makes an incoming lead.
    async fn amocrm(&self, there: &Amocrm, call: &amocrm::Call) -> Result<Sent, Sent> {
        let token = Some(there.token.reveal());
        let answer = self.post(&there.url.join(amocrm::CALLS), token, &call.note()).await?;
        if !amocrm::is_unknown(&answer.body) {
            return Ok(judged(&answer));
        }
        let Some(lead) = call.lead(there) else { return Ok(Sent::Taken(Vec::new())) };
        Ok(judged(&self.post(&there.url.join(amocrm::UNSORTED), token, &lead).await?))
    }
}

/// Posts an event, signed.
///
/// # Errors
/// Why there is no answer.
pub async fn event(client: &Client, to: &Webhook, id: &str, now: Wall, body: &str) -> Result<Answer, String> {
    let seconds = now.0.div_euclid(1000);
    let headers = vec![
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", seconds.to_string()),
        ("webhook-signature", signature(&to.key(), id, seconds, body)),
    ];
    let ask = Ask { headers, ..Ask::post(&to.url, to.allow_private, body.to_owned()) };
    client.ask(ask).await.map_err(|why| why.to_string())
}

/// Posts a message to a chat.
///
/// # Errors
/// Why there is no answer.
pub async fn message(client: &Client, chat: &Telegram, text: &str) -> Result<Answer, String> {
    let link = chat.api.join(&format!("bot{}/sendMessage", chat.token.reveal()));
    let ask = Ask::post(&link, chat.allow_private, telegram::message(text, chat).to_string());
    let mut answer = client.ask(ask).await.map_err(|why| why.to_string())?;
    answer.retry_after = answer.retry_after.or_else(|| telegram::retry_after(&answer.body));
    Ok(answer)
}

/// Taken, or to be sent again after the time that it asks for; `None`: it says neither.
fn meant(answer: &Answer) -> Option<Sent> {
    match answer.status {
        200..=299 => Some(Sent::Taken(Vec::new())),
        408 | 425 | 429 | 500..=599 => Some(later(answer)),
        _ => None,
    }
}

/// What the answer of a service means. It does not take what it does not understand, however often it is sent; a key that it does
/// not know (401, 403) may be put right.
fn judged(answer: &Answer) -> Sent {
    meant(answer).unwrap_or_else(|| match answer.status {
        401 | 403 => later(answer),
        _ => Sent::Never(shown(answer)),
    })
}

/// The same of an answer that lacks what was asked for: a success is none.
fn judged_or_later(answer: &Answer) -> Sent {
    match judged(answer) {
        Sent::Taken(_) => later(answer),
        other => other,
    }
}

fn later(answer: &Answer) -> Sent {
    Sent::Later(shown(answer), answer.retry_after.map(Span::seconds))
}

/// The answer, for people.
pub fn shown(answer: &Answer) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST_TOLD).collect();
    format!("it answered {} {}", answer.status, plain.trim())
}
