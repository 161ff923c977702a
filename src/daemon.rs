//! The loop: inputs -> step -> commit the writes -> perform the effects.
//!
//! What waits is taken together and committed together, so that durability does not cost a flush a step. While the store
//! takes no writes they are kept, bounded; nothing is dialled, and what is in progress is finished by safe effects. Past the
//! bound the state is built anew from the store.

pub mod intake;
pub mod keep;
mod tell;

pub use tell::Numbers;

use crate::{
    clock::Clock,
    control::{Ask, CdrRefused, Desk, NotStored},
    engine::{
        Engine, Name, Step,
        effect::{Effect, Notice},
        input::{Input, News, Wish},
        record::Write,
        rules::Rules,
    },
    metrics::{self, CdrResult},
    notify::Notifier,
    store::{Known, Store, StoreError},
    switch::{
        cdr,
        link::{Perform, Told},
    },
};
use bytes::Bytes;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use thiserror::Error;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout},
};
use tracing::{error, info, warn};

/// Inputs that are stepped and committed together at most.
const MOST_TOGETHER: usize = 512;
/// Rows that wait for a store that takes none; past it they are dropped and the state is built anew from the store.
const MOST_PENDING: usize = 50_000;
/// How often a store that takes no writes is tried again.
const STORE_AGAIN: Duration = Duration::from_secs(1);
/// How long a stop waits for what is in progress: a client's phone that rings may still be answered. The unit's
/// `TimeoutStopSec` is a minute.
const LONGEST_DRAIN: Duration = Duration::from_secs(52);
/// How long the last commands to the switches may take on their way out.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Why the loop ended before it was told to.
#[derive(Debug, Error)]
pub enum Broken {
    /// The switch will never let us in as we are configured: exit code 78.
    #[error("switch {0}: {1}")]
    Hopeless(Name, String),
    /// The store could not be read back.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No connection to a switch is kept any more: a fault of ours.
    #[error("the tasks that keep the connections are gone; starting anew is all there is to do")]
    Links,
}

/// Everything that the loop holds.
pub struct Daemon {
    clock: Clock,
    engine: Engine,
    rules: Arc<Rules>,
    store: Arc<dyn Store>,
    links: BTreeMap<Name, Box<dyn Perform>>,
    desk: Desk,
    told: mpsc::Receiver<Told>,
    step: Step,
    /// Rows that the store has not taken yet, and since when it takes none.
    pending: Vec<Write>,
    most_pending: usize,
    failing: Option<Instant>,
    rebuild: bool,
    stopping: Option<Instant>,
    up: BTreeMap<Name, bool>,
    numbers: Numbers,
    notifier: Option<Notifier>,
    broken: Option<Broken>,
}

/// An answer that waits for the commit.
enum Answer {
    Step(oneshot::Sender<Result<Vec<Notice>, NotStored>>, Vec<Notice>),
    Cdr(oneshot::Sender<Result<(), CdrRefused>>),
}

impl Daemon {
    /// Reads the store and stands ready.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn new(
        clock: Clock,
        rules: Arc<Rules>,
        store: Arc<dyn Store>,
        links: BTreeMap<Name, Box<dyn Perform>>,
        desk: Desk,
        told: mpsc::Receiver<Told>,
    ) -> Result<Daemon, StoreError> {
        let now = clock.now();
        let snapshot = store.load(now.wall, rules.unique_within()).await?;
        info!(
            callbacks = snapshot.callbacks.len(),
            attempts = snapshot.attempts.len(),
            calls = snapshot.calls.len(),
            "the store was read"
        );
        metrics::lines(&rules);
        Ok(Daemon {
            engine: Engine::new(rules.clone(), snapshot, now),
            clock,
            rules,
            store,
            links,
            desk,
            told,
            step: Step::default(),
            pending: Vec::new(),
            most_pending: MOST_PENDING,
            failing: None,
            rebuild: false,
            stopping: None,
            up: BTreeMap::new(),
            numbers: Numbers::Masked,
            notifier: None,
            broken: None,
        })
    }

    /// Shows telephone numbers in the log like this; masked else.
    #[must_use]
    pub fn showing(mut self, numbers: Numbers) -> Daemon {
        self.numbers = numbers;
        self
    }

    /// Tells others what happens, and asks who calls.
    #[must_use]
    pub fn notifying(mut self, notifier: Notifier) -> Daemon {
        self.notifier = Some(notifier);
        self
    }

    /// Lets fewer rows wait for a store that takes none: tests of what comes past the bound.
    #[doc(hidden)]
    #[must_use]
    pub fn holding(mut self, rows: usize) -> Daemon {
        self.most_pending = rows;
        self
    }

    /// Runs until it is told to stop ([`crate::engine::input::Wish::Drain`] through the desk) and has finished, or is broken.
    ///
    /// # Errors
    /// See [`Broken`].
    pub async fn run(mut self) -> Result<(), Broken> {
        let mut watchdog = Watchdog::new();
        loop {
            let mut answers = Vec::new();
            let pause = self.pause().min(watchdog.pause());
            tokio::select! {
                told = self.told.recv() => match told {
                    Some(told) => self.hear(told),
                    None => self.broken = Some(Broken::Links),
                },
                Some(ask) = self.desk.asks.recv() => self.answer(ask, &mut answers).await,
                () = sleep(pause) => {}
            }
            for _ in 0..MOST_TOGETHER {
                if let Ok(told) = self.told.try_recv() {
                    self.hear(told);
                } else if let Ok(ask) = self.desk.asks.try_recv() {
                    self.answer(ask, &mut answers).await;
                } else {
                    break;
                }
            }
            self.take(Input::Tick);
            self.commit().await?;
            if let Some(notifier) = self.notifier.as_mut().filter(|_| self.pending.is_empty()) {
                notifier.committed();
            }
            self.perform();
            self.tell(answers);
            watchdog.ping();
            // Only now: what was heard before it is written down.
            if let Some(broken) = self.broken.take() {
                return Err(broken);
            }
            if self.is_done() {
                return self.leave().await;
            }
        }
    }

    /// How long nothing is to be done unless something is heard.
    fn pause(&self) -> Duration {
        match (self.step.effects.is_empty() && self.step.writes.is_empty(), self.failing) {
            (false, _) => Duration::ZERO,
            (true, None) => self.clock.until(self.engine.deadline()),
            (true, Some(_)) => self.clock.until(self.engine.deadline()).min(STORE_AGAIN),
        }
    }

    fn take(&mut self, input: Input) {
        let (begun, now, before) = (self.clock.mark(), self.clock.now(), self.step.effects.len());
        self.engine.step(input, now, &mut self.step);
        metrics::step(self.clock.since(begun));
        if let Some(notifier) = &mut self.notifier {
            let Step { writes, effects } = &mut self.step;
            notifier.post(&effects[before..], now.wall, &self.rules, writes);
        }
    }

    fn hear(&mut self, told: Told) {
        match told {
            Told::News(switch, news) => {
                if matches!(news, News::Up | News::Down) {
                    let up = news == News::Up;
                    let again = self.up.insert(switch.clone(), up).is_some();
                    metrics::switch_link(&switch, up, again);
                    info!(%switch, up, "the connection to the switch");
                }
                self.take(Input::Switch { switch, news });
            }
            Told::Hopeless(switch, why) => self.broken = Some(Broken::Hopeless(switch, why)),
        }
    }

    async fn answer(&mut self, ask: Ask, answers: &mut Vec<Answer>) {
        match ask {
            Ask::Status(told) => drop(told.send(self.engine.status(self.clock.now()))),
            Ask::Explain(id, told) => {
                drop(told.send(self.engine.explain(id, self.clock.now()).map(Box::new)));
            }
            Ask::Foresee { number, line, at, told } => {
                let at = at.unwrap_or(self.clock.now().wall);
                let line = self.engine.rules().lines.get(&line).cloned();
                drop(told.send(line.map(|line| Box::new(self.engine.foresee(number, &line, at)))));
            }
            Ask::Outlook(line, told) => {
                let line = self.engine.rules().lines.get(&line).cloned();
                let _ = told.send(line.map(|line| self.engine.outlook(&line, self.clock.now())));
            }
            Ask::Step { input, told } => {
                let before = self.step.effects.len();
                if let Input::Reload(rules) = &input {
                    self.rules = rules.clone();
                    metrics::lines(rules);
                    self.desk.obeyed(rules.clone());
                }
                if matches!(input, Input::Wish(Wish::Drain)) {
                    self.stopping.get_or_insert_with(instant);
                    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
                }
                self.take(input);
                let notices = self.step.effects[before..].iter().filter_map(|effect| match effect {
                    Effect::Notice(notice) => Some(notice.clone()),
                    _ => None,
                });
                answers.push(Answer::Step(told, notices.collect()));
            }
            Ask::Cdr { switch, body, told } => {
                let taken = self.cdr(switch, &body).await;
                metrics::cdr(match &taken {
                    Ok(counted) => *counted,
                    Err(CdrRefused::Malformed(_)) => CdrResult::Malformed,
                    Err(_) => CdrResult::Refused,
                });
                match taken {
                    Ok(_) => answers.push(Answer::Cdr(told)),
                    Err(refused) => drop(told.send(Err(refused))),
                }
            }
        }
    }

    /// Takes in a call detail record, or knows what it tells.
    async fn cdr(&mut self, switch: Option<Name>, body: &Bytes) -> Result<CdrResult, CdrRefused> {
        let record = cdr::parse(body).map_err(|error| CdrRefused::Malformed(error.to_string()))?;
        // Named by who posts it; else the only one; else by the name that the switch gives itself.
        let known = |name: &str| self.rules.switches.iter().find(|known| ***known == *name).cloned();
        let switch = match (switch, self.rules.switches.as_slice()) {
            (Some(name), _) if known(&name).is_some() => Some(name),
            (_, [only]) => Some(only.clone()),
            _ => known(&record.switchname),
        };
        let switch = switch.ok_or(CdrRefused::WhichSwitch)?;
        // Most tell of an end that was just heard; the store is asked of the others, and everything waits for its answer.
        let Some(call) = record.call.filter(|call| !self.engine.has_heard_end(&call.channel.id)) else {
            return Ok(CdrResult::Known);
        };
        let known = self.store.call_known(&call.channel.id).await;
        match known.map_err(|error| CdrRefused::NotStored(NotStored(error.to_string())))? {
            Known::Ended => Ok(CdrResult::Known),
            Known::No | Known::Open | Known::Guessed => {
                self.take(Input::Switch { switch, news: News::Cdr(Box::new(call)) });
                Ok(CdrResult::Taken)
            }
        }
    }

    /// Commits what the steps wrote. After a failure nothing of these steps is dialled.
    async fn commit(&mut self) -> Result<(), Broken> {
        self.pending.append(&mut self.step.writes);
        let due = self.failing.is_none_or(|since| since.elapsed() >= STORE_AGAIN);
        if !due || (self.pending.is_empty() && self.failing.is_none()) {
            self.withhold();
            self.drop_past_the_bound();
            return Ok(());
        }
        let begun = self.clock.mark();
        let done = self.store.commit(&self.pending).await;
        metrics::commit(self.clock.since(begun), done.is_ok());
        match done {
            Ok(()) => {
                self.pending.clear();
                if self.failing.take().is_some() {
                    self.works_again().await?;
                }
            }
            Err(StoreError::Refused { what }) => self.commit_one_by_one(&what).await,
            Err(why) => {
                if self.failing.replace(instant()).is_none() {
                    error!("the store takes no writes, nothing is dialled until it does: {why}");
                    self.take(Input::Store { works: false });
                }
                self.withhold();
                self.drop_past_the_bound();
            }
        }
        Ok(())
    }

    /// What the rows tell is forgotten with them, once the store can be read back. The wish to dial nothing is not; and that row
    /// shows whether the store takes any, which nothing to write would not.
    fn drop_past_the_bound(&mut self) {
        if self.pending.len() <= self.most_pending {
            return;
        }
        error!(
            rows = self.pending.len(),
            "more rows wait for the store than may: they are dropped, and the state will be built anew from it"
        );
        self.pending = vec![Write::Paused(self.engine.status(self.clock.now()).paused)];
        self.rebuild = true;
    }

    /// A row contradicts the others, a fault of ours: it is let go with a loud line, the others are kept, and nothing of these
    /// steps is dialled. Kept, it would be refused for ever, and everything with it.
    async fn commit_one_by_one(&mut self, what: &str) {
        error!("the store refuses a row ({what}): the rows are written one by one; please report this");
        let mut waits = Vec::new();
        for write in std::mem::take(&mut self.pending) {
            match self.store.commit(std::slice::from_ref(&write)).await {
                Ok(()) => {}
                Err(StoreError::Refused { what }) => error!(row = tell::row(&write), "a row is lost: {what}"),
                Err(_) => waits.push(write),
            }
        }
        self.pending = waits;
        self.hold_back();
    }

    async fn works_again(&mut self) -> Result<(), Broken> {
        warn!("the store takes writes again");
        if std::mem::take(&mut self.rebuild) {
            let now = self.clock.now();
            let snapshot = self.store.load(now.wall, self.rules.unique_within()).await?;
            self.engine = Engine::new(self.rules.clone(), snapshot, now);
            for (switch, _) in self.up.clone().into_iter().filter(|(_, up)| *up) {
                self.take(Input::Switch { switch, news: News::Up });
            }
            if self.stopping.is_some() {
                self.take(Input::Wish(Wish::Drain));
            }
        } else {
            self.take(Input::Store { works: true });
        }
        self.pending.append(&mut self.step.writes);
        if let Err(why) = self.store.commit(&self.pending).await {
            warn!("the store takes no writes after all: {why}");
            self.failing = Some(instant());
            self.take(Input::Store { works: false });
            self.withhold();
        } else {
            self.pending.clear();
        }
        Ok(())
    }

    /// While the store takes no writes, what was to be dialled is told to be not.
    fn withhold(&mut self) {
        while self.failing.is_some() && self.hold_back() {}
    }

    /// Tells of what was to be dialled that it is not; false when there was nothing.
    fn hold_back(&mut self) -> bool {
        let mut legs = Vec::new();
        self.step.effects.retain(|effect| match effect {
            Effect::Originate(originate) => {
                legs.push(originate.leg.clone());
                false
            }
            _ => true,
        });
        let any = !legs.is_empty();
        for leg in legs {
            self.take(Input::Withheld { leg });
        }
        self.pending.append(&mut self.step.writes);
        any
    }

    fn perform(&mut self) {
        let mut unsent = Vec::new();
        for effect in std::mem::take(&mut self.step.effects) {
            match &effect {
                Effect::Notice(notice) => {
                    let at = self.clock.now().wall;
                    metrics::notice(at, notice);
                    self.desk.notice(at, notice);
                    tell::notice(notice, self.numbers);
                }
                Effect::Alarm(alarm) => {
                    let at = self.clock.now().wall;
                    metrics::alarm(alarm);
                    self.desk.alarm(at, alarm);
                    warn!(kind = alarm.kind.as_str(), "alarm: {}", alarm.text);
                }
                other => {
                    let named = self.notifier.as_ref().and_then(|notifier| notifier.named(other));
                    let other = named.as_ref().unwrap_or(other);
                    let passed = self.switch_of(other).is_some_and(|link| link.perform(other));
                    if let (Effect::Originate(originate), false) = (other, passed) {
                        unsent.push(originate.leg.clone());
                    }
                }
            }
        }
        for leg in unsent {
            // It was never sent: the engine may let it go. What follows is committed with the next turn, at once.
            self.take(Input::Withheld { leg });
        }
    }

    fn switch_of(&self, effect: &Effect) -> Option<&dyn Perform> {
        let name = match effect {
            Effect::Originate(originate) => &originate.switch,
            Effect::Say { switch, .. }
            | Effect::Music { switch, .. }
            | Effect::Listen { switch, .. }
            | Effect::Record { switch, .. }
            | Effect::LetGo { switch, .. }
            | Effect::Ringback { switch, .. }
            | Effect::Hush { switch, .. }
            | Effect::Bridge { switch, .. }
            | Effect::Park { switch, .. }
            | Effect::Answer { switch, .. }
            | Effect::Transfer { switch, .. }
            | Effect::TakeMessage { switch, .. }
            | Effect::GiveBack { switch, .. }
            | Effect::Hangup { switch, .. }
            | Effect::AskLeg { switch, .. }
            | Effect::AskChannels { switch, .. } => switch,
            Effect::Alarm(_) | Effect::Notice(_) => return None,
        };
        self.links.get(name).map(|link| &**link)
    }

    fn tell(&self, answers: Vec<Answer>) {
        let not_stored = || NotStored("see the daemon's log".to_owned());
        let stored = self.failing.is_none();
        for answer in answers {
            match answer {
                Answer::Step(told, notices) => drop(told.send(if stored { Ok(notices) } else { Err(not_stored()) })),
                Answer::Cdr(told) => drop(told.send(if stored { Ok(()) } else { Err(not_stored().into()) })),
            }
        }
    }

    fn is_done(&self) -> bool {
        self.stopping.is_some_and(|since| self.engine.unfinished() == 0 || since.elapsed() >= LONGEST_DRAIN)
    }

    async fn leave(mut self) -> Result<(), Broken> {
        self.pending.append(&mut self.step.writes);
        if !self.pending.is_empty() {
            self.store.commit(&self.pending).await?;
        }
        // Let go of, each connection sends what waits and ends; with the last one this channel ends too.
        self.links.clear();
        let _ = timeout(LAST_WORDS, async { while self.told.recv().await.is_some() {} }).await;
        self.store.close().await?;
        info!("stopped; talks that go on are the switch's now");
        Ok(())
    }
}

#[allow(clippy::disallowed_methods)] // waits of the loop itself, in real time
fn instant() -> Instant {
    Instant::now()
}

/// systemd's watchdog, when there is one: a loop that hangs is restarted.
struct Watchdog {
    every: Option<Duration>,
    last: Instant,
}

impl Watchdog {
    fn new() -> Watchdog {
        let every = sd_notify::watchdog_enabled().map(|limit| limit / 3);
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        Watchdog { every, last: instant() }
    }

    fn pause(&self) -> Duration {
        self.every.unwrap_or(Duration::from_secs(3600))
    }

    fn ping(&mut self) {
        if self.every.is_some_and(|every| self.last.elapsed() >= every) {
            let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
            self.last = instant();
        }
    }
}
