//! What leaves the house: events to webhooks (Standard Webhooks), calls to Bitrix24 and amoCRM, messages to Telegram; and the question to a
//! CRM who calls.
//!
//! ```text
//! step ── effects ── outbox ──> papers ─(the commit of the step)─> store ── deliverer, one a receiver ── send ── client ──> receiver
//!             └── an operator is rung ── lookup ── client ──> CRM;  what it has said when the announcement is made is said
//! ```

pub mod address;
pub mod amocrm;
pub mod bitrix24;
pub mod client;
mod deliver;
mod lookup;
pub mod outbox;
pub mod pause;
pub mod send;
pub mod sign;
pub mod telegram;

pub use lookup::Lookup;

use crate::{
    clock::Clock,
    config::Notify,
    engine::{
        effect::Effect,
        number::Number,
        paper::{Paper, PaperKind},
        record::{Role, Write},
        rules::Rules,
        time::Wall,
    },
    store::{MOST_ROWS, PaperQuery, Store, StoreError},
};
use client::Client;
use deliver::Deliverer;
use outbox::Outbox;
use send::{Sender, To};
use std::{collections::BTreeSet, sync::Arc};
use tokio::sync::watch;
use tracing::{info, warn};

/// The daemon's side of it.
pub struct Notifier {
    outbox: Outbox,
    wake: watch::Sender<()>,
    /// Something was posted and is not committed yet.
    posted: bool,
    lookup: Option<Arc<Lookup>>,
}

impl Notifier {
    /// Begins to deliver what is in the store, and stands ready for more.
    ///
    /// # Errors
    /// The store cannot be read.
    #[allow(clippy::disallowed_methods)] // which start of the daemon it is, nothing that is stored tells
    pub async fn start(settings: Notify, store: Arc<dyn Store>, clock: Clock) -> Result<Notifier, StoreError> {
        let client = Client::default();
        let receivers = To::all(&settings);
        let last = last(&*store).await?;
        let known: BTreeSet<String> = receivers.iter().map(To::name).collect();
        let strange = sweep(&*store, PaperKind::Outgoing, |paper| !known.contains(&paper.about)).await?;
        if strange > 0 {
            warn!(strange, "nobody is configured any more to whom these were to be sent: they are let go");
        }
        // Calls there whose end could not be told within the day are not asked about any more.
        let day_ago = clock.now().wall - pause::LONGEST;
        sweep(&*store, PaperKind::Done, |paper| paper.about == outbox::BITRIX24 && paper.at < day_ago).await?;
        let (wake, woken) = watch::channel(());
        for to in receivers {
            info!(to = to.name(), "is told what happens");
            let sender = Sender { to: Arc::new(to), client: client.clone(), store: store.clone() };
            tokio::spawn(Deliverer::new(sender, clock, woken.clone()).run());
        }
        let lookup = settings.crm.clone().map(|crm| Arc::new(Lookup::new(crm, client, clock)));
        let start = uuid::Uuid::new_v4().as_fields().0;
        Ok(Notifier { outbox: Outbox::new(Arc::new(settings), start, last), wake, posted: false, lookup })
    }

    /// Adds to the writes of a step the deliveries that its effects make.
    pub fn post(&mut self, effects: &[Effect], at: Wall, rules: &Rules, writes: &mut Vec<Write>) {
        let lookup = &self.lookup;
        let known = |number: Number| lookup.as_ref().and_then(|lookup| lookup.name(number));
        let before = writes.len();
        self.outbox.post(effects, at, rules, known, writes);
        self.posted |= writes.len() > before;
    }

    /// To be called when all writes so far are committed: what was posted among them is sent.
    pub fn committed(&mut self) {
        if std::mem::take(&mut self.posted) {
            self.wake.send_replace(());
        }
    }

    /// To be called before an effect is performed. As the phone of an operator begins to ring, the CRM is asked who it is for; an
    /// announcement comes back with what it has said by now.
    pub fn named(&self, effect: &Effect) -> Option<Effect> {
        let lookup = self.lookup.as_ref()?;
        match effect {
            Effect::Originate(leg) if leg.role == Role::Operator => {
                leg.shown.into_iter().for_each(|number| lookup.begin(number));
                None
            }
            Effect::Say { switch, leg, token, words } => {
                let client = lookup.name(words.facts.number.parse().ok()?)?;
                let mut words = words.clone();
                words.facts.client = client.to_string();
                Some(Effect::Say { switch: switch.clone(), leg: leg.clone(), token: *token, words })
            }
            _ => None,
        }
    }
}

/// When the newest delivery was made: the next one is not before it, whatever the clock says.
async fn last(store: &dyn Store) -> Result<Wall, StoreError> {
    let newest = PaperQuery { kind: Some(PaperKind::Outgoing), limit: Some(1), ..PaperQuery::default() };
    Ok(store.papers(&newest).await?.first().map_or(Wall::default(), |paper| paper.at))
}

/// Lets papers of this kind go that are of no use any more; how many.
async fn sweep(store: &dyn Store, kind: PaperKind, is_stale: impl Fn(&Paper) -> bool) -> Result<usize, StoreError> {
    let (mut after, mut swept) = ((Wall(i64::MIN), String::new()), 0);
    loop {
        let query = PaperQuery { kind: Some(kind), after: Some(after.clone()), ..PaperQuery::default() };
        let page = store.papers(&query).await?;
        let stale = page.iter().filter(|paper| is_stale(paper));
        let writes: Vec<Write> = stale.map(|paper| Write::Discard { kind, id: paper.id.clone() }).collect();
        if !writes.is_empty() {
            store.commit(&writes).await?;
            swept += writes.len();
        }
        match page.last() {
            Some(paper) if page.len() == MOST_ROWS => after = (paper.at, paper.id.clone()),
            _ => return Ok(swept),
        }
    }
}
