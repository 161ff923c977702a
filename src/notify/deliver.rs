//! Delivers what is in the outbox to one receiver: of each key one at a time and in order, of several keys at once, each again after
//! a growing pause until it is taken or a day has passed.
//!
//! | a delivery | on | is then |
//! |---|---|---|
//! | waits | the one before it of its key is over, and no pause is left | under way |
//! | under way | it was taken | over: off the store |
//! | under way | it was not | waiting, after a pause |
//! | under way | it was not, for a day; or never will be | over, with an alarm |
//! | waits | too many wait | over, with an alarm: the oldest first |
//!
//! It is off the store only after it was taken, so that a crash in between has it sent again under the same id.

use super::{
    outbox::Delivery,
    pause::{LONGEST, LONGEST_ASKED, pause},
    send::{Sender, Sent},
};
use crate::{
    clock::Clock,
    engine::{
        Deadline,
        effect::{Alarm, AlarmKind},
        paper::{Paper, PaperKind},
        record::Write,
        time::{Mono, Span, Wall},
    },
    metrics,
    store::{MOST_ROWS, PaperQuery},
};
use futures_util::{StreamExt, stream::FuturesUnordered};
use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::Pin,
    time::Duration,
};
use tokio::{sync::watch, time::sleep};
use tracing::{debug, info, warn};

/// Deliveries under way at once to one receiver.
const MOST_AT_ONCE: usize = 8;
/// Deliveries that wait for one receiver; past it the oldest are dropped.
const MOST_WAITING: usize = 10_000;
/// How often a store that cannot be asked is asked again.
const STORE_AGAIN: Duration = Duration::from_secs(1);

/// When it was made, and its id in the store: the order of deliveries.
type Place = (Wall, String);

/// One delivery that is over for now: its place and what came of it.
type Flight = Pin<Box<dyn Future<Output = (Place, Sent)> + Send>>;

/// A key that rests.
#[derive(Clone, Copy)]
struct Rest {
    tries: u32,
    until: Mono,
}

/// All that waits for one receiver.
pub struct Deliverer {
    name: String,
    sender: Sender,
    clock: Clock,
    wake: watch::Receiver<()>,
    waiting: BTreeMap<Place, Delivery>,
    /// Up to where the store was read.
    read: Place,
    busy: BTreeSet<String>,
    rests: BTreeMap<String, Rest>,
}

impl Deliverer {
    /// To this receiver; looks into the store whenever it is woken.
    pub fn new(sender: Sender, clock: Clock, wake: watch::Receiver<()>) -> Deliverer {
        let name = sender.to.name();
        metrics::receiver(&name);
        Deliverer {
            name,
            sender,
            clock,
            wake,
            waiting: BTreeMap::new(),
            read: (Wall(i64::MIN), String::new()),
            busy: BTreeSet::new(),
            rests: BTreeMap::new(),
        }
    }

    /// Delivers until the daemon is gone.
    pub async fn run(mut self) {
        let mut flights: FuturesUnordered<Flight> = FuturesUnordered::new();
        loop {
            self.wake.mark_unchanged();
            let was_read = self.read_store().await;
            self.drop_past_the_limit().await;
            self.begin(&mut flights);
            self.show();
            let pause = if was_read { self.clock.until(self.deadline()) } else { STORE_AGAIN };
            tokio::select! {
                Some((place, sent)) = flights.next(), if !flights.is_empty() => self.over(place, sent).await,
                woken = self.wake.changed() => if woken.is_err() { return },
                () = sleep(pause) => {}
            }
        }
    }

    /// Takes in what is new; false when the store could not be asked.
    async fn read_store(&mut self) -> bool {
        loop {
            let query = PaperQuery {
                kind: Some(PaperKind::Outgoing),
                about: Some(self.name.clone()),
                after: Some(self.read.clone()),
                ..PaperQuery::default()
            };
            let papers = match self.sender.store.papers(&query).await {
                Ok(papers) => papers,
                Err(why) => {
                    debug!(to = self.name, "what is to be sent cannot be read: {why}");
                    return false;
                }
            };
            let whole = papers.len() < MOST_ROWS;
            for paper in papers {
                self.take(paper).await;
            }
            if whole {
                return true;
            }
        }
    }

    async fn take(&mut self, paper: Paper) {
        let place = (paper.at, paper.id);
        self.read = place.clone();
        match serde_json::from_str(&paper.body) {
            Ok(delivery) => drop(self.waiting.insert(place, delivery)),
            Err(why) => {
                warn!(to = self.name, paper = place.1, "what was to be sent cannot be understood: {why}");
                self.forget(&place, Vec::new()).await;
            }
        }
    }

    async fn drop_past_the_limit(&mut self) {
        let too_many = self.waiting.len().saturating_sub(MOST_WAITING);
        if too_many == 0 {
            return;
        }
        let idle = self.waiting.iter().filter(|(_, delivery)| !self.busy.contains(&delivery.key));
        let oldest: Vec<Place> = idle.take(too_many).map(|(place, _)| place.clone()).collect();
        self.alarm(format!(
            "more than {MOST_WAITING} wait for {}: the oldest {} are not sent",
            self.name,
            oldest.len()
        ));
        for place in oldest {
            metrics::delivery(&self.name, "dropped");
            self.waiting.remove(&place);
            self.forget(&place, Vec::new()).await;
        }
        let left: BTreeSet<&String> = self.waiting.values().map(|delivery| &delivery.key).collect();
        self.rests.retain(|key, _| left.contains(key));
    }

    /// Sends the first of each key that does not rest.
    fn begin(&mut self, flights: &mut FuturesUnordered<Flight>) {
        let now = self.clock.now();
        let mut passed = BTreeSet::new();
        for (place, delivery) in &self.waiting {
            if flights.len() >= MOST_AT_ONCE {
                return;
            }
            let first = passed.insert(&delivery.key);
            let rests = self.rests.get(&delivery.key).is_some_and(|rest| rest.until > now.mono);
            if !first || rests || self.busy.contains(&delivery.key) {
                continue;
            }
            self.busy.insert(delivery.key.clone());
            let (sender, place, delivery) = (self.sender.clone(), place.clone(), delivery.clone());
            flights.push(Box::pin(async move {
                let sent = sender.send(&delivery, now.wall).await;
                (place, sent)
            }));
        }
    }

    async fn over(&mut self, place: Place, sent: Sent) {
        let Some(delivery) = self.waiting.get(&place) else { return };
        let (key, id) = (delivery.key.clone(), delivery.id.clone());
        let writes = match sent {
            Sent::Taken(writes) => {
                metrics::delivery(&self.name, "taken");
                if self.rests.contains_key(&key) {
                    info!(to = self.name, id, "it is taken at last");
                }
                writes
            }
            Sent::Later(why, asked) if self.clock.now().wall.since(place.0) < LONGEST => {
                return self.rest(key, &id, &why, asked);
            }
            Sent::Later(why, _) | Sent::Never(why) => {
                metrics::delivery(&self.name, "dropped");
                self.alarm(format!("{} does not take what it is sent, it is given up: {why}", self.name));
                Vec::new()
            }
        };
        self.forget(&place, writes).await;
        self.waiting.remove(&place);
        self.rests.remove(&key);
        self.busy.remove(&key);
    }

    fn rest(&mut self, key: String, id: &str, why: &str, asked: Option<Span>) {
        metrics::delivery(&self.name, "later");
        let tries = self.rests.get(&key).map_or(1, |rest| rest.tries + 1);
        let pause = asked.map_or(Span::ZERO, |asked| asked.min(LONGEST_ASKED)).max(pause(tries, id));
        if tries == 1 {
            warn!(to = self.name, id, again_in = %pause, "it is not taken: {why}");
        } else {
            debug!(to = self.name, id, tries, again_in = %pause, "it is not taken: {why}");
        }
        self.busy.remove(&key);
        self.rests.insert(key, Rest { tries, until: self.clock.now().mono + pause });
    }

    /// Takes it off the store, however long the store takes no writes: what is over is not sent again while we live.
    async fn forget(&self, place: &Place, mut writes: Vec<Write>) {
        writes.push(Write::Discard { kind: PaperKind::Outgoing, id: place.1.clone() });
        while let Err(why) = self.sender.store.commit(&writes).await {
            debug!(to = self.name, "what was sent cannot be taken off the store: {why}");
            sleep(STORE_AGAIN).await;
        }
    }

    /// When the next rest ends.
    fn deadline(&self) -> Deadline {
        let now = self.clock.now().mono;
        let rests = self.rests.iter().filter(|(key, rest)| rest.until > now && !self.busy.contains(*key));
        Deadline { wall: None, mono: rests.map(|(_, rest)| rest.until).min() }
    }

    fn show(&self) {
        let oldest = self.waiting.first_key_value().map_or(Span::ZERO, |((at, _), _)| self.clock.now().wall.since(*at));
        metrics::outbox(&self.name, self.waiting.len(), oldest);
    }

    fn alarm(&self, text: String) {
        warn!(kind = AlarmKind::Limit.as_str(), "alarm: {text}");
        metrics::alarm(&Alarm { kind: AlarmKind::Limit, text });
    }
}
