//! Who calls? A CRM is asked while the operator's phone rings. Nothing waits for its answer: what it has said when the announcement is
//! made is said, and nothing of it else.

use super::client::{Ask, Client, Unanswered};
use crate::{
    clock::Clock,
    config::Crm,
    engine::{
        number::Number,
        time::{Mono, Span},
    },
    metrics,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Semaphore;
use tracing::debug;

/// Questions under way at once; past it nobody is asked about.
const MOST_ASKED: usize = 16;
/// Clients whose names are remembered; past it the oldest are forgotten.
const MOST_KNOWN: usize = 4096;
/// For so long the same client is not asked about again.
const FRESH: Span = Span::minutes(1);
/// The longest name, in characters.
const MOST_NAME: usize = 100;

/// A CRM, and what it said lately.
pub struct Lookup {
    settings: Crm,
    client: Client,
    clock: Clock,
    places: Arc<Semaphore>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    clients: BTreeMap<Number, (Mono, Option<Arc<str>>)>,
    /// In the order in which they were first asked about.
    order: VecDeque<Number>,
}

impl Lookup {
    /// Asks this one.
    pub fn new(settings: Crm, client: Client, clock: Clock) -> Lookup {
        let places = Arc::new(Semaphore::new(MOST_ASKED));
        Lookup { settings, client, clock, places, known: Mutex::default() }
    }

    /// What it calls this client, as far as it has said.
    pub fn name(&self, number: Number) -> Option<Arc<str>> {
        self.known().clients.get(&number).and_then(|(_, name)| name.clone())
    }

    /// Begins to ask about this client, unless that was done a moment ago.
    pub fn begin(self: &Arc<Lookup>, number: Number) {
        let now = self.clock.now().mono;
        let Ok(place) = self.places.clone().try_acquire_owned() else { return };
        if !self.known().is_asked_now(number, now) {
            return;
        }
        let asks = self.clone();
        tokio::spawn(async move {
            let name = asks.ask(number).await;
            asks.known().clients.entry(number).and_modify(|client| client.1 = name);
            drop(place);
        });
    }

    async fn ask(&self, number: Number) -> Option<Arc<str>> {
        let mut link = self.settings.lookup.clone();
        link.path = link.path.replace(Crm::NUMBER, &number.to_string().replace('+', "%2B"));
        let token = self.settings.token.as_ref().map(|token| token.reveal());
        let (allow_private, within) = (self.settings.allow_private, Duration::from_millis(self.settings.within.0));
        let ask = Ask { link: &link, allow_private, body: None, token, headers: Vec::new(), within };
        let (result, name) = match self.client.ask(ask).await {
            Ok(answer) if (200..300).contains(&answer.status) => match named(&answer.body, &self.settings.name) {
                Some(name) => ("named", Some(name)),
                None => ("unknown", None),
            },
            Ok(answer) if answer.status == 404 => ("unknown", None),
            Ok(answer) => {
                debug!(status = answer.status, "the CRM does not say who calls");
                ("no-answer", None)
            }
            Err(Unanswered::Late) => ("late", None),
            Err(why) => {
                debug!("the CRM does not say who calls: {why}");
                ("no-answer", None)
            }
        };
        metrics::lookup(result);
        name
    }

    /// Nothing panics while it holds this.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Notes that this client is asked about, if it is time to.
    fn is_asked_now(&mut self, number: Number, now: Mono) -> bool {
        match self.clients.get_mut(&number) {
            Some((asked, _)) if now < *asked + FRESH => return false,
            Some((asked, _)) => *asked = now,
            None => {
                self.clients.insert(number, (now, None));
                self.order.push_back(number);
            }
        }
        if self.order.len() > MOST_KNOWN {
            self.order.pop_front().map(|oldest| self.clients.remove(&oldest));
        }
        true
    }
}

/// The name at this place of an answer.
fn named(answer: &[u8], place: &str) -> Option<Arc<str>> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let name: String = answer.pointer(place)?.as_str()?.chars().filter(|c| !c.is_control()).take(MOST_NAME).collect();
    let name = name.trim();
    (!name.is_empty()).then(|| name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_where_it_is_said_to_be() {
        let bitrix24 = r#"{"result":[{"CRM_ENTITY_TYPE":"CONTACT","NAME":" Анна\u0000 Иванова "}]}"#;
        assert_eq!(named(bitrix24.as_bytes(), "/result/0/NAME").as_deref(), Some("Анна Иванова"));
        for (answer, place) in
            [("{}", "/name"), (r#"{"name":""}"#, "/name"), (r#"{"name":7}"#, "/name"), ("<html>", "/name")]
        {
            assert_eq!(named(answer.as_bytes(), place), None, "{answer}");
        }
        assert_eq!(
            named(format!(r#"{{"name":"{}"}}"#, "x".repeat(9999)).as_bytes(), "/name").unwrap().len(),
            MOST_NAME
        );
    }

    #[test]
    fn nobody_is_asked_about_twice_a_minute_and_the_oldest_are_forgotten() {
        let mut known = Known::default();
        let number = |n: usize| format!("+7916{n:07}").parse::<Number>().unwrap();
        assert!(known.is_asked_now(number(0), Mono(0)) && !known.is_asked_now(number(0), Mono(59_999)));
        assert!(known.is_asked_now(number(0), Mono(60_000)));
        (1..=MOST_KNOWN).for_each(|n| assert!(known.is_asked_now(number(n), Mono(60_001))));
        assert!(known.clients.len() == MOST_KNOWN && !known.clients.contains_key(&number(0)));
    }
}
