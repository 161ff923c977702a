//! The connection that we dial to a switch, kept for ever: logged in, subscribed, watched, made anew.
//!
//! | state | becomes | when |
//! |---|---|---|
//! | waiting | connecting | the pause is over; it doubles from [`FIRST_PAUSE`] to [`LONGEST_PAUSE`] |
//! | connecting | up | the switch greeted, took the password and the subscription within [`HANDSHAKE`] |
//! | connecting | stopped | the password is refused at the first try: waiting would not help |
//! | up | up, silent | no HEARTBEAT for [`SILENCE`] (or twice as long as lay between the last two) |
//! | up, silent | waiting | at once: a switch that drops a slow listener does so without a word |
//! | up | waiting | the connection ends, loses step, or a reply is not there after [`PATIENCE`] |
//!
//! What is asked for while the connection is not up is told back as refused, not kept: an order that is carried out later
//! than it was meant may be wrong by then. An originate that was written to a connection that then ended is told nothing
//! of: the switch is asked for its leg.

use super::{
    event,
    link::{Perform, Roll, Told},
    order::{self, Order, Purpose, Speakers},
};
use crate::{
    clock::Clock,
    config::{Config, Switch, Voice},
    engine::{
        Name,
        effect::{Alarm, AlarmKind, Effect},
        input::News,
    },
    esl::{
        command::{Command, UserName},
        connection::{Connection, Credentials, Notice, Subscription, Token},
        event::Event,
        frame::Limits,
        text::{Secret, Unsafe},
    },
    metrics,
};
use bytes::{Buf, Bytes};
use std::{
    collections::{BTreeMap, VecDeque},
    fmt, io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::Interest,
    net::TcpStream,
    sync::mpsc,
    time::{Interval, MissedTickBehavior, interval, sleep, timeout},
};
use tracing::{debug, error, info, warn};
use uuid::Uuid;

/// Effects that may wait for a link; what comes beyond is told back as refused.
const MOST_EFFECTS: usize = 4096;
/// Jobs whose result is awaited; beyond it the oldest is forgotten (its leg is asked for when its time is over).
const MOST_JOBS: usize = 16_384;
/// How much is read at once, in bytes.
const READ: usize = 256 << 10;
/// How long the TCP connection may take to be made.
const DIAL: Duration = Duration::from_secs(5);
/// How many seconds the greeting, the login and the subscription may take.
const HANDSHAKE: u32 = 15;
/// After how many seconds an unanswered command says that the connection is stuck.
const PATIENCE: u32 = 20;
/// How many seconds without a HEARTBEAT are silence. The switch sends one every 20.
const SILENCE: u32 = 45;
/// The longest silence that is waited for, where HEARTBEATs are rare or not sent.
const LONGEST_SILENCE: u32 = 600;
/// How long the last commands may take when the daemon lets go.
const FLUSH: Duration = Duration::from_secs(2);
/// The first pause before a connection is made anew.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest one.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A switch and how to log in to it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its name.
    pub name: Name,
    /// `host:port` of its event socket.
    pub address: String,
    /// Who we are.
    pub credentials: Credentials,
    /// Who speaks there.
    pub speakers: Speakers,
    /// Ask for the agents of mod_callcenter at each connection: some operator is one.
    pub follow_agents: bool,
    /// What the connections know of the switches.
    pub roll: Roll,
}

impl Settings {
    /// The switches of a configuration.
    ///
    /// # Errors
    /// A user or a password that no command can carry, with the switch's name.
    pub fn of(config: &Config) -> Result<Vec<Settings>, (Name, Unsafe)> {
        let speaker = |voice: &Voice| format!("{}|{}", voice.engine, voice.voice);
        let (ru, en) = (speaker(&config.voice.ru), speaker(&config.voice.en));
        let speakers = Speakers { ru, en, names: config.voice.names, sounds: None };
        let follow_agents = config.rules.operators.values().any(|operator| operator.agent.is_some());
        let roll = Roll::new(config.switches.iter().map(|switch| switch.name.clone()));
        let one = |switch: &Switch| -> Result<Settings, Unsafe> {
            let password = Secret::new(switch.password.reveal())?;
            let credentials = match &switch.user {
                Some(user) => Credentials::User { user: UserName::new(user)?, password },
                None => Credentials::Password(password),
            };
            let (name, address) = (switch.name.clone(), switch.address.clone());
            let (speakers, roll) = (speakers.clone(), roll.clone());
            Ok(Settings { name, address, credentials, speakers, follow_agents, roll })
        };
        config.switches.iter().map(|switch| one(switch).map_err(|why| (switch.name.clone(), why))).collect()
    }
}

/// The daemon's end of a connection. Dropped, the connection ends when what waits is sent.
#[derive(Debug)]
pub struct Inbound {
    effects: mpsc::Sender<Effect>,
    up: Arc<AtomicBool>,
}

impl Inbound {
    /// Keeps a connection to this switch from now on, on a task of its own.
    pub fn start(settings: Settings, clock: Clock, told: mpsc::Sender<Told>) -> Inbound {
        let (effects, asked) = mpsc::channel(MOST_EFFECTS);
        let up = Arc::new(AtomicBool::new(false));
        let keeper = Keeper { settings, clock, told, asked, jobs: Jobs::default(), up: up.clone(), was_up: false };
        tokio::spawn(keeper.keep());
        Inbound { effects, up }
    }
}

impl Perform for Inbound {
    fn perform(&self, effect: &Effect) -> bool {
        self.up.load(Ordering::Acquire) && self.effects.try_send(effect.clone()).is_ok()
    }
}

/// What is told of an effect that never reached the switch.
fn unsent_news(effect: &Effect, why: &str) -> Vec<News> {
    let nobody = Speakers { ru: "-|-".into(), en: "-|-".into(), ..Speakers::default() };
    match order::orders(effect, &nobody) {
        Ok(orders) => orders.iter().filter_map(|order| order.purpose.unsent(why)).collect(),
        Err(news) => vec![*news],
    }
}

/// Why a connection ended.
#[derive(Debug)]
enum End {
    /// The daemon lets go of the link.
    Released,
    /// There is no use in trying again.
    Denied(String),
    /// In the words for a log line.
    Lost(String),
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> End {
        End::Lost(error.to_string())
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Released => f.write_str("let go"),
            End::Denied(text) | End::Lost(text) => f.write_str(text),
        }
    }
}

struct Keeper {
    settings: Settings,
    clock: Clock,
    told: mpsc::Sender<Told>,
    asked: mpsc::Receiver<Effect>,
    jobs: Jobs,
    up: Arc<AtomicBool>,
    was_up: bool,
}

impl Keeper {
    async fn keep(mut self) {
        let mut tries = 0;
        let mut patience = SILENCE;
        loop {
            let mut session = None;
            let end = match self.connect().await {
                Ok(stream) => session.insert(Session::new(&mut self, stream, patience)).run().await,
                Err(end) => end,
            };
            let (up, pulse) = session.map_or((false, None), |session| (session.up, Some(session.pulse)));
            patience = pulse.filter(|_| up).map_or(SILENCE, |pulse| pulse.next());
            tries = if up { 0 } else { tries + 1 };
            match end {
                End::Released => return,
                End::Denied(text) if !self.was_up => {
                    let _ = self.told.send(Told::Hopeless(self.settings.name.clone(), text)).await;
                    return;
                }
                end if tries <= 1 => error!(switch = %self.settings.name, "the switch is not reached: {end}"),
                end => debug!(switch = %self.settings.name, tries, "the switch is still not reached: {end}"),
            }
            self.was_up |= up;
            self.up.store(false, Ordering::Release);
            self.settings.roll.down(&self.settings.name);
            if up && !self.tell(News::Down).await {
                return;
            }
            if !self.rest(pause(tries, self.clock.now().mono.0)).await {
                return;
            }
        }
    }

    async fn connect(&mut self) -> Result<TcpStream, End> {
        let address = &self.settings.address;
        let fault = |why: &dyn fmt::Display| {
            End::Lost(format!("no connection to {address} ({why}): is the event socket loaded and listening there?"))
        };
        let stream = match timeout(DIAL, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(fault(&error)),
            Err(_) => return Err(fault(&format_args!("no answer within {} s", DIAL.as_secs()))),
        };
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Waits, and tells back what is asked for meanwhile. False when the daemon let go.
    async fn rest(&mut self, pause: Duration) -> bool {
        let over = sleep(pause);
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = &mut over => return true,
                effect = self.asked.recv() => match effect {
                    Some(effect) => {
                        for news in unsent_news(&effect, "there is no connection to the switch") {
                            if !self.tell(news).await {
                                return false;
                            }
                        }
                    }
                    None => return false,
                },
            }
        }
    }

    /// False when nobody listens any more.
    async fn tell(&self, news: News) -> bool {
        self.told.send(Told::News(self.settings.name.clone(), news)).await.is_ok()
    }
}

/// The pause before a try: doubled each time, and between its half and its whole, so that many who lost one switch do not
/// come back at once.
fn pause(tries: u32, salt: u64) -> Duration {
    let whole = FIRST_PAUSE.saturating_mul(1 << tries.min(10)).min(LONGEST_PAUSE);
    let lot = (salt.wrapping_add(u64::from(tries)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32;
    whole / 2 + (whole / 2).mul_f64(f64::from(lot) / f64::from(u32::MAX))
}

/// Background jobs whose result is awaited. They outlive a connection: their results come on the next one.
#[derive(Debug, Default)]
struct Jobs {
    purposes: BTreeMap<Uuid, Purpose>,
    order: VecDeque<Uuid>,
}

impl Jobs {
    fn add(&mut self, job: Uuid, purpose: Purpose) {
        if self.purposes.insert(job, purpose).is_none() {
            self.order.push_back(job);
        }
        while self.order.len() > MOST_JOBS {
            if let Some(oldest) = self.order.pop_front() {
                self.purposes.remove(&oldest);
            }
        }
    }

    fn take(&mut self, job: &Uuid) -> Option<Purpose> {
        let purpose = self.purposes.remove(job)?;
        self.order.retain(|known| known != job);
        Some(purpose)
    }
}

/// The switch's heart, in seconds since the connection was made.
#[derive(Clone, Copy, Debug)]
struct Pulse {
    age: u32,
    /// The second of the last HEARTBEAT, or of the login.
    last: u32,
    /// How long may pass without one.
    patience: u32,
    heard: bool,
}

impl Pulse {
    fn new(patience: u32) -> Pulse {
        Pulse { age: 0, last: 0, patience, heard: false }
    }

    /// A HEARTBEAT. None says when the next is due: the switch does not tell its interval, the first two of a connection do.
    fn beat(&mut self) {
        if self.heard {
            let twice = 2 * (self.age - self.last) + 5;
            self.patience = twice.clamp(SILENCE, LONGEST_SILENCE);
        }
        self.last = self.age;
        self.heard = true;
    }

    fn is_silent(&self) -> bool {
        self.age - self.last > self.patience
    }

    /// The patience with the next connection. A switch whose heart beats rarely must not be left each time just before it
    /// does.
    fn next(&self) -> u32 {
        if self.heard { self.patience } else { (2 * self.patience).min(LONGEST_SILENCE) }
    }
}

/// One connection, from the greeting to its end.
struct Session<'a> {
    keeper: &'a mut Keeper,
    stream: TcpStream,
    connection: Connection,
    limits: Limits,
    output: Bytes,
    /// Commands whose reply is awaited, with the second in which they were sent.
    waiting: VecDeque<(Token, u32, Purpose)>,
    pulse: Pulse,
    up: bool,
    /// Did an event tell what the switch's core calls itself?
    introduced: bool,
    second: Interval,
}

impl<'a> Session<'a> {
    fn new(keeper: &'a mut Keeper, stream: TcpStream, patience: u32) -> Self {
        let limits = Limits::default();
        let subscription = event::subscription().unwrap_or_else(|_| Subscription::default());
        let mut second = interval(Duration::from_secs(1));
        second.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Session {
            connection: Connection::inbound(keeper.settings.credentials.clone(), subscription, limits),
            keeper,
            stream,
            limits,
            output: Bytes::new(),
            waiting: VecDeque::new(),
            pulse: Pulse::new(patience),
            up: false,
            introduced: false,
            second,
        }
    }

    async fn run(&mut self) -> End {
        let mut buffer = vec![0; READ];
        loop {
            if let Err(end) = self.turn(&mut buffer).await {
                if matches!(end, End::Released) {
                    let _ = timeout(FLUSH, self.flush()).await;
                }
                return end;
            }
            self.pump();
        }
    }

    /// Sends what is still to be sent.
    async fn flush(&mut self) {
        self.pump();
        while !self.output.is_empty() && self.stream.writable().await.is_ok() {
            self.pump();
        }
    }

    /// Waits for one thing to happen, and does what follows.
    async fn turn(&mut self, buffer: &mut [u8]) -> Result<(), End> {
        let interest =
            if self.output.is_empty() { Interest::READABLE } else { Interest::READABLE | Interest::WRITABLE };
        tokio::select! {
            ready = self.stream.ready(interest) => {
                let ready = ready?;
                if ready.is_writable() {
                    self.write()?;
                }
                if ready.is_readable() {
                    self.read(buffer).await?;
                }
                Ok(())
            }
            effect = self.keeper.asked.recv(), if self.up => match effect {
                Some(effect) => self.perform(&effect).await,
                None => Err(End::Released),
            },
            _ = self.second.tick() => self.tick().await,
        }
    }

    fn write(&mut self) -> Result<(), End> {
        while !self.output.is_empty() {
            match self.stream.try_write(&self.output) {
                Ok(written) => self.output.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn read(&mut self, buffer: &mut [u8]) -> Result<(), End> {
        match self.stream.try_read(buffer) {
            Ok(0) => return Err(End::Lost("the switch closed the connection".into())),
            Ok(length) => self.connection.receive(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        while let Some(notice) = self.connection.poll() {
            self.notice(notice).await?;
        }
        if self.connection.is_closed() { Err(End::Lost("the stream lost step".into())) } else { Ok(()) }
    }

    /// Takes what the connection wants to send, and sends what the socket takes at once.
    fn pump(&mut self) {
        if self.output.is_empty() {
            self.output = self.connection.take_output();
        }
        // An error shows again at the next turn.
        let _ = self.write();
    }

    async fn tell(&self, news: News) -> Result<(), End> {
        if self.keeper.tell(news).await { Ok(()) } else { Err(End::Released) }
    }

    async fn tell_all(&self, all: Vec<News>) -> Result<(), End> {
        for news in all {
            self.tell(news).await?;
        }
        Ok(())
    }

    async fn tick(&mut self) -> Result<(), End> {
        self.pulse.age += 1;
        if !self.up && self.pulse.age > HANDSHAKE {
            return Err(End::Lost(format!("no greeting and login within {HANDSHAKE} s: is this an event socket?")));
        }
        if let Some((_, sent, purpose)) = self.waiting.front()
            && self.pulse.age.saturating_sub(*sent) > PATIENCE
        {
            return Err(End::Lost(format!("no reply within {PATIENCE} s ({purpose:?})")));
        }
        if self.up && self.pulse.is_silent() {
            self.tell(News::Silent(true)).await?;
            return Err(End::Lost(format!("no HEARTBEAT for {} s", self.pulse.patience)));
        }
        Ok(())
    }

    async fn notice(&mut self, notice: Notice) -> Result<(), End> {
        match notice {
            Notice::Ready => self.ready().await,
            Notice::Event(event) => self.event(&event).await,
            Notice::Reply { token, reply } => {
                let mut news = Vec::new();
                if let Some(purpose) = self.awaited(token) {
                    purpose.replied(&reply, &self.limits, &mut |told| news.push(told));
                }
                self.tell_all(news).await
            }
            Notice::JobAccepted { token, .. } => {
                let news = self.awaited(token).and_then(|purpose| purpose.taken());
                self.tell_all(news.into_iter().collect()).await
            }
            Notice::JobRefused { token, job, text } => {
                self.keeper.jobs.take(&job);
                let news = self.awaited(token).and_then(|purpose| purpose.refused(&text));
                self.tell_all(news.into_iter().collect()).await
            }
            Notice::JobDone { job, event } => {
                metrics::event("BACKGROUND_JOB");
                let news = self.keeper.jobs.take(&job).and_then(|purpose| purpose.done(&event.body()));
                self.tell_all(news.into_iter().collect()).await
            }
            Notice::AuthRefused { text } => Err(End::Denied(self.keeper.settings.refusal(&text))),
            Notice::Rejected { .. } => Err(End::Lost(
                "its access list does not let us in: add our address to the list that apply-inbound-acl names in \
                 event_socket.conf.xml"
                    .into(),
            )),
            Notice::SubscriptionRefused { text } => Err(End::Lost(format!(
                "it refuses the subscription ({text}): the user's esl-allowed-events must name {} CUSTOM {}",
                event::EVENTS.join(" "),
                event::SUBCLASSES.join(" ")
            ))),
            Notice::Disconnect { text, .. } => {
                Err(End::Lost(format!("the switch ends the connection: {}", text.lines().next().unwrap_or_default())))
            }
            Notice::Malformed(fault) => {
                warn!(switch = %self.keeper.settings.name, "{fault}");
                Ok(())
            }
            Notice::Log(_) | Notice::Unknown(_) => Ok(()),
        }
    }

    async fn ready(&mut self) -> Result<(), End> {
        self.up = true;
        self.keeper.up.store(true, Ordering::Release);
        self.pulse.last = self.pulse.age;
        info!(switch = %self.keeper.settings.name, address = %self.keeper.settings.address, "logged in");
        if self.keeper.settings.follow_agents {
            self.send(order::ask_agents()).await?;
        }
        self.tell(News::Up).await?;
        self.keeper.settings.roll.up(&self.keeper.settings.name);
        Ok(())
    }

    async fn event(&mut self, event: &Event) -> Result<(), End> {
        count(event);
        if !self.introduced
            && let Some(core) = event::core(event)
        {
            self.introduced = true;
            self.keeper.settings.roll.core(&self.keeper.settings.name, core);
        }
        if let Some(file) = event::unplayed(event) {
            let switch = &self.keeper.settings.name;
            let text = format!(
                "switch {switch} cannot play {file}: may it read there, and is `share` in [voice] its own name for it?"
            );
            warn!("{text}");
            metrics::alarm(&Alarm { kind: AlarmKind::Voice, text });
        }
        let mut told = Vec::new();
        event::news(event, &mut |news| told.push(news));
        for news in told {
            if news == News::Heartbeat {
                self.pulse.beat();
            }
            self.tell(news).await?;
        }
        Ok(())
    }

    /// Replies come in the order of the commands.
    fn awaited(&mut self, token: Token) -> Option<Purpose> {
        let place = self.waiting.iter().position(|(waiting, ..)| *waiting == token)?;
        self.waiting.remove(place).map(|(_, _, purpose)| purpose)
    }

    async fn perform(&mut self, effect: &Effect) -> Result<(), End> {
        match order::orders(effect, &self.keeper.settings.speakers) {
            Ok(orders) => {
                for order in orders {
                    self.send(order).await?;
                }
                Ok(())
            }
            Err(news) => {
                warn!(switch = %self.keeper.settings.name, "an order cannot be said to the switch: {news:?}");
                self.tell(*news).await
            }
        }
    }

    async fn send(&mut self, order: Order) -> Result<(), End> {
        let Order { command, purpose } = order;
        match self.connection.send(&command) {
            Ok(token) => {
                if let Command::BgApi { job, .. } = &command {
                    self.keeper.jobs.add(*job, purpose.clone());
                }
                self.waiting.push_back((token, self.pulse.age, purpose));
                Ok(())
            }
            Err(why) => self.tell_all(purpose.unsent(&why.to_string()).into_iter().collect()).await,
        }
    }
}

impl Settings {
    fn refusal(&self, text: &str) -> String {
        let Settings { name, address, credentials, .. } = self;
        let place = match credentials {
            Credentials::Password(_) => {
                format!("compare switch.{name}.password with the parameter password of event_socket.conf.xml there")
            }
            Credentials::User { user, .. } => format!(
                "compare switch.{name}.user and its password with the user {} of the directory there and its esl-password",
                user.as_str()
            ),
        };
        format!("{address} refuses our login ({}): {place}", text.trim())
    }
}

fn count(event: &Event) {
    let (name, subclass) = (event.name(), event.subclass());
    let known = event::EVENTS.iter().chain(&event::SUBCLASSES);
    let same = |known: &&&str| **known == name || Some(**known) == subclass.as_deref();
    if let Some(known) = known.into_iter().find(same) {
        metrics::event(known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_within_their_bounds() {
        for salt in [0, 7, 123_456_789] {
            for tries in 0..40 {
                let whole = FIRST_PAUSE.saturating_mul(1 << tries.min(10)).min(LONGEST_PAUSE);
                let pause = pause(tries, salt);
                assert!(pause >= whole / 2 && pause <= whole, "{tries}: {pause:?}");
            }
        }
        assert_ne!(pause(5, 1), pause(5, 2));
    }

    #[test]
    fn silence_is_noticed_and_rare_heartbeats_are_waited_for() {
        let mut pulse = Pulse::new(SILENCE);
        pulse.age = SILENCE;
        assert!(!pulse.is_silent());
        pulse.age += 1;
        assert!(pulse.is_silent());
        assert_eq!(pulse.next(), 2 * SILENCE, "nothing was heard");
        let beat = |pulse: &mut Pulse, after: u32| {
            pulse.age += after;
            pulse.beat();
        };
        beat(&mut pulse, 20);
        assert_eq!((pulse.is_silent(), pulse.next()), (false, SILENCE), "one beat tells no interval");
        beat(&mut pulse, 20);
        assert_eq!((pulse.patience, pulse.next()), (SILENCE, SILENCE));
        beat(&mut pulse, 60);
        assert_eq!((pulse.patience, pulse.next()), (125, 125), "the next connection knows it too");
        beat(&mut pulse, LONGEST_SILENCE);
        assert_eq!(pulse.patience, LONGEST_SILENCE);
    }

    #[test]
    fn jobs_are_forgotten_from_the_oldest_on() {
        let mut jobs = Jobs::default();
        for n in 0..=MOST_JOBS as u128 {
            jobs.add(Uuid::from_u128(n), Purpose::Aside);
        }
        assert_eq!(jobs.take(&Uuid::from_u128(0)), None);
        assert_eq!(jobs.take(&Uuid::from_u128(1)), Some(Purpose::Aside));
        assert_eq!(jobs.take(&Uuid::from_u128(1)), None);
        assert_eq!(jobs.purposes.len(), jobs.order.len());
    }
}
