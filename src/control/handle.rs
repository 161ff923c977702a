//! What the daemon's loop is asked, and what it tells without being asked.

use crate::{
    engine::{
        Name,
        effect::{Alarm, Notice},
        explain::{Explanation, Forecast, Outlook},
        input::Input,
        number::Number,
        record::CallbackId,
        rules::Rules,
        time::Wall,
    },
    store::Store,
};
use bytes::Bytes;
use std::sync::Arc;
use thiserror::Error;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// Questions that wait for the loop; whoever asks when so many wait, waits too.
const MOST_ASKS: usize = 256;
/// Tidings kept for a listener that is slow; it loses the oldest ones past this.
const MOST_TIDINGS: usize = 8192;

/// The engine's own view of how things stand.
pub type EngineStatus = crate::engine::Status;

/// A question to the loop. Each is answered once; a dropped sender means that the daemon is going away.
pub enum Ask {
    /// How do things stand?
    Status(oneshot::Sender<EngineStatus>),
    /// Why does this callback stand where it stands? `None`: it is not open.
    Explain(CallbackId, oneshot::Sender<Option<Box<Explanation>>>),
    /// What would come of a missed call of this client on this line that ends then, or now?
    Foresee {
        /// The client.
        number: Number,
        /// The line.
        line: Name,
        /// When.
        at: Option<Wall>,
        /// The answer; `None`: there is no such line any more.
        told: oneshot::Sender<Option<Box<Forecast>>>,
    },
    /// What may a client be told who would ask now to be called on this line? `None`: there is no such line any more.
    Outlook(Name, oneshot::Sender<Option<Outlook>>),
    /// Step this input (a wish, new rules). Answered with the notices that its step gave, after its writes are committed.
    Step {
        /// The input.
        input: Input,
        /// The answer.
        told: oneshot::Sender<Result<Vec<Notice>, NotStored>>,
    },
    /// A call detail record came. Answered when what it brought is committed: until then its sender keeps it.
    Cdr {
        /// The switch that the sender named; `None`: the only one.
        switch: Option<Name>,
        /// The record as it came: hostile.
        body: Bytes,
        /// The answer.
        told: oneshot::Sender<Result<(), CdrRefused>>,
    },
}

/// What was asked is accepted and obeyed, and not yet on the disk: a crash before the store takes it would undo it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("accepted, not yet on the disk ({0}); there is no need to ask again")]
pub struct NotStored(pub String);

/// Why a call detail record was not taken in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CdrRefused {
    /// It is none; sending it again is of no use.
    #[error("this is no call detail record: {0}")]
    Malformed(String),
    /// The switch that it names is not in the configuration, or it names none and there are several.
    #[error("of which switch is this record? add ?switch=NAME to the url of mod_json_cdr")]
    WhichSwitch,
    /// The store takes no writes: keep it and send it again.
    #[error("the store takes no writes at the moment ({}): keep it and send it again", .0.0)]
    NotStored(#[from] NotStored),
}

/// Something that happened, for whoever listens: the narration, the event stream.
#[derive(Clone, Debug)]
pub enum Tiding {
    /// A fact.
    Notice(Wall, Arc<Notice>),
    /// Trouble.
    Alarm(Wall, Arc<Alarm>),
}

/// The asking side; cheap to clone.
#[derive(Clone)]
pub struct Handle {
    asks: mpsc::Sender<Ask>,
    tidings: broadcast::Sender<Tiding>,
    rules: watch::Receiver<Arc<Rules>>,
    store: Arc<dyn Store>,
}

/// The answering side, held by the loop.
pub struct Desk {
    /// What is asked.
    pub asks: mpsc::Receiver<Ask>,
    tidings: broadcast::Sender<Tiding>,
    rules: watch::Sender<Arc<Rules>>,
}

/// The daemon does not answer any more: it is stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the daemon is stopping")]
pub struct Gone;

/// Both sides.
pub fn desk(store: Arc<dyn Store>, rules: Arc<Rules>) -> (Handle, Desk) {
    let (asks, asked) = mpsc::channel(MOST_ASKS);
    let (tidings, _) = broadcast::channel(MOST_TIDINGS);
    let (told_rules, rules) = watch::channel(rules);
    (Handle { asks, tidings: tidings.clone(), rules, store }, Desk { asks: asked, tidings, rules: told_rules })
}

impl Handle {
    /// How do things stand?
    ///
    /// # Errors
    /// The daemon is stopping.
    pub async fn status(&self) -> Result<EngineStatus, Gone> {
        self.ask(Ask::Status).await
    }

    /// Why an open callback stands where it stands.
    ///
    /// # Errors
    /// The daemon is stopping.
    pub async fn explain(&self, id: CallbackId) -> Result<Option<Box<Explanation>>, Gone> {
        self.ask(|told| Ask::Explain(id, told)).await
    }

    /// What would come of a missed call.
    ///
    /// # Errors
    /// The daemon is stopping.
    pub async fn foresee(&self, number: Number, line: Name, at: Option<Wall>) -> Result<Option<Box<Forecast>>, Gone> {
        self.ask(|told| Ask::Foresee { number, line, at, told }).await
    }

    /// What a client may be told who would ask now to be called on this line.
    ///
    /// # Errors
    /// The daemon is stopping.
    pub async fn outlook(&self, line: Name) -> Result<Option<Outlook>, Gone> {
        self.ask(|told| Ask::Outlook(line, told)).await
    }

    /// Steps an input; the notices of its step, when they are committed.
    ///
    /// # Errors
    /// The daemon is stopping, or (inner) the store takes no writes.
    pub async fn step(&self, input: Input) -> Result<Result<Vec<Notice>, NotStored>, Gone> {
        self.ask(|told| Ask::Step { input, told }).await
    }

    /// Hands a call detail record over.
    ///
    /// # Errors
    /// The daemon is stopping, or (inner) the record is refused.
    pub async fn cdr(&self, switch: Option<Name>, body: Bytes) -> Result<Result<(), CdrRefused>, Gone> {
        self.ask(|told| Ask::Cdr { switch, body, told }).await
    }

    /// The rules that are obeyed now.
    pub fn rules(&self) -> Arc<Rules> {
        self.rules.borrow().clone()
    }

    /// The journal.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// What happens from now on.
    pub fn listen(&self) -> broadcast::Receiver<Tiding> {
        self.tidings.subscribe()
    }

    async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Result<T, Gone> {
        let (told, answer) = oneshot::channel();
        self.asks.send(ask(told)).await.map_err(|_| Gone)?;
        answer.await.map_err(|_| Gone)
    }
}

impl Desk {
    /// Tells a notice to whoever listens.
    pub fn notice(&self, at: Wall, notice: &Notice) {
        if self.tidings.receiver_count() > 0 {
            let _ = self.tidings.send(Tiding::Notice(at, Arc::new(notice.clone())));
        }
    }

    /// Tells an alarm to whoever listens.
    pub fn alarm(&self, at: Wall, alarm: &Alarm) {
        if self.tidings.receiver_count() > 0 {
            let _ = self.tidings.send(Tiding::Alarm(at, Arc::new(alarm.clone())));
        }
    }

    /// These rules are obeyed from now on: to be called when [`Input::Reload`] was stepped.
    pub fn obeyed(&self, rules: Arc<Rules>) {
        self.rules.send_replace(rules);
    }
}
