//! The connections by which dialplans give us their callers: `socket ADDRESS async full`. Each is a small task; what is done to the caller
//! goes by the connection that we dial ([`super::inbound`]).
//!
//! | state | becomes | when |
//! |---|---|---|
//! | connected | let go | from an address that is not allowed; there are [`MOST_SESSIONS`] already |
//! | connected | known | the switch tells of the channel within [`HANDSHAKE`] |
//! | connected | let go | it does not, or it is no caller's channel of a FreeSWITCH |
//! | known | held: [`News::Given`] | it is one of our switches, and we are logged in to it, within [`PATIENCE`] |
//! | known | let go | it is not |
//! | held | over: [`News::TakenBack`] | the switch ends it (the caller hung up), the engine gives the caller back, or the daemon stops |
//!
//! *Let go* and *over* are the same for the caller: the dialplan goes on behind its `socket`, with whatever it does when nobody is here. That is also
//! why nobody waits long for a switch that we are not logged in to: nothing could be done for the caller but by that connection. One that is lost while
//! callers are held is another matter: it comes back in a second as a rule, and the engine knows of it.
//!
//! A connection that is refused is still answered politely, as far as [`MOST_REFUSED`] go: one that is closed before the switch has told of its channel
//! leaves the caller in the park for ever, unless the dialplan set `socket_resume` (tried).

use super::{
    event,
    link::{Absent, Perform, Roll, Told},
};
use crate::{
    config::{self, Net},
    engine::{
        Name,
        effect::Effect,
        input::{Given, News},
        record::ChannelId,
    },
    esl::outbound::{Notice, Session, Unfit},
    metrics::{self, TurnedAway},
};
use bytes::{Buf, Bytes};
use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch},
    time::{Instant, sleep, timeout},
};
use tracing::{debug, error, info, warn};

/// Callers that are held at once. One that is idle costs some 4 KB, the other end of it included (measured), and a file descriptor (the unit allows 65,536).
pub const MOST_SESSIONS: usize = 10_000;
/// Connections beyond that which are still answered; the rest is dropped.
const MOST_REFUSED: usize = 1024;
/// How long the switch may take to tell of the channel.
pub const HANDSHAKE: Duration = Duration::from_secs(5);
/// How long a caller's switch may take to be known and up.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How long the switch may take to end a connection that we leave.
const FAREWELL: Duration = Duration::from_secs(2);
/// How much is read at once, in bytes.
const READ: usize = 8 << 10;
/// The pause after a connection could not be accepted.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// A refusal of one kind is told at most this often; the metric counts each.
const TELL_AGAIN: Duration = Duration::from_secs(10);

/// The listener, and who it holds.
#[derive(Debug)]
pub struct Outbound {
    address: SocketAddr,
    hall: Arc<Hall>,
    /// Dropped with the last way that is behind it: then everybody is let go.
    open: Arc<watch::Sender<()>>,
}

impl Outbound {
    /// Listens from now on, as long as this or a way behind it ([`Outbound::before`]) lives.
    ///
    /// # Errors
    /// The address cannot be had.
    pub async fn listen(settings: &config::Outbound, roll: Roll, told: mpsc::Sender<Told>) -> io::Result<Outbound> {
        Outbound::listen_for(settings, roll, told, MOST_SESSIONS).await
    }

    /// The same with another limit: tests of what comes past it.
    #[doc(hidden)]
    pub async fn listen_for(
        settings: &config::Outbound,
        roll: Roll,
        told: mpsc::Sender<Told>,
        most: usize,
    ) -> io::Result<Outbound> {
        let listener = TcpListener::bind(settings.listen).await?;
        let address = listener.local_addr()?;
        let hall = Arc::new(Hall {
            allow: settings.allow.clone(),
            roll,
            room: Arc::new(Semaphore::new(most)),
            porch: Arc::new(Semaphore::new(MOST_REFUSED)),
            held: Mutex::default(),
            refusals: Mutex::default(),
        });
        let (open, closing) = watch::channel(());
        tokio::spawn(hall.clone().receive(listener, told, closing));
        info!(%address, "callers of dialplans");
        Ok(Outbound { address, hall, open: Arc::new(open) })
    }

    /// The address that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same way to a switch, by which callers can be given back as well.
    pub fn before(&self, link: Box<dyn Perform>) -> Box<dyn Perform> {
        Box::new(WithCallers { link, hall: self.hall.clone(), _open: self.open.clone() })
    }
}

/// A way to a switch that knows the connections of its callers.
struct WithCallers {
    link: Box<dyn Perform>,
    hall: Arc<Hall>,
    _open: Arc<watch::Sender<()>>,
}

impl Perform for WithCallers {
    fn perform(&self, effect: &Effect) -> bool {
        match effect {
            Effect::GiveBack { switch, channel } => self.hall.give_back(switch, channel),
            other => self.link.perform(other),
        }
    }
}

/// What a task is asked for: to end. Its sender dropped, the caller is another connection's.
#[derive(Debug)]
struct GiveBack;

#[derive(Debug)]
struct Hall {
    allow: Vec<Net>,
    roll: Roll,
    room: Arc<Semaphore>,
    porch: Arc<Semaphore>,
    /// The callers that are held, each with the way to its task.
    held: Mutex<BTreeMap<(Name, ChannelId), oneshot::Sender<GiveBack>>>,
    /// When a refusal of each kind was last told.
    refusals: Mutex<BTreeMap<&'static str, Instant>>,
}

/// Nothing panics while it holds one of these.
fn whole<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hall {
    async fn receive(
        self: Arc<Hall>,
        listener: TcpListener,
        told: mpsc::Sender<Told>,
        mut closing: watch::Receiver<()>,
    ) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = closing.changed() => return,
            };
            match accepted {
                Ok((stream, peer)) => self.welcome(stream, peer, &told, &closing),
                Err(error) => {
                    error!(%error, "a dialplan's connection could not be accepted");
                    sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    fn welcome(
        self: &Arc<Hall>,
        stream: TcpStream,
        peer: SocketAddr,
        told: &mpsc::Sender<Told>,
        closing: &watch::Receiver<()>,
    ) {
        if !self.allow.iter().any(|net| net.has(peer.ip())) {
            let cure = format!("if a switch is there, add its address to `allow` in [outbound]: {}", peer.ip());
            return self.refuse(TurnedAway::Address, peer.ip(), &cure);
        }
        match self.room.clone().try_acquire_owned() {
            Ok(place) => {
                let guest = Guest { hall: self.clone(), talk: Talk::new(stream), peer: peer.ip(), told: told.clone() };
                tokio::spawn(guest.stay(place, closing.clone()));
            }
            Err(_) => {
                self.refuse(TurnedAway::Limit, peer.ip(), "as many callers are held as may be");
                if let Ok(place) = self.porch.clone().try_acquire_owned() {
                    tokio::spawn(async move {
                        Talk::new(stream).part().await;
                        drop(place);
                    });
                }
            }
        }
    }

    fn refuse(&self, why: TurnedAway, peer: IpAddr, text: &str) {
        metrics::turned_away(why);
        let mut refusals = whole(&self.refusals);
        let told = refusals.get(why.as_str()).is_some_and(|at| at.elapsed() < TELL_AGAIN);
        if told {
            return debug!(%peer, why = why.as_str(), "a dialplan's connection is let go: {text}");
        }
        refusals.insert(why.as_str(), instant());
        warn!(%peer, why = why.as_str(), "a dialplan's connection is let go: {text}");
    }

    /// False when nobody holds it any more.
    fn give_back(&self, switch: &Name, channel: &ChannelId) -> bool {
        let held = whole(&self.held).remove(&(switch.clone(), channel.clone()));
        held.is_some_and(|held| held.send(GiveBack).is_ok())
    }

    /// The caller is held from now on; one who was held already is so by another connection, whose end must not be told.
    fn hold(&self, key: (Name, ChannelId)) -> oneshot::Receiver<GiveBack> {
        let (held, asked) = oneshot::channel();
        let mut all = whole(&self.held);
        all.insert(key, held);
        metrics::sessions(all.len());
        asked
    }

    /// A connection is over whose task waits no more; true when its caller is another connection's by now.
    fn forget(&self, key: &(Name, ChannelId)) -> bool {
        let mut all = whole(&self.held);
        let replaced = all.get(key).is_some_and(|held| !held.is_closed());
        if !replaced {
            all.remove(key);
        }
        metrics::sessions(all.len());
        replaced
    }
}

#[allow(clippy::disallowed_methods)] // how often a line is written to the log, in real time
fn instant() -> Instant {
    Instant::now()
}

/// The bytes of one connection.
#[derive(Debug)]
struct Talk {
    stream: TcpStream,
    session: Session,
    output: Bytes,
}

impl Talk {
    fn new(stream: TcpStream) -> Talk {
        let _ = stream.set_nodelay(true);
        Talk { stream, session: Session::default(), output: Bytes::new() }
    }

    /// What happens next; `None`: the connection is gone. May be dropped at any time and called again.
    async fn next(&mut self) -> Option<Notice> {
        loop {
            if let Some(notice) = self.session.poll() {
                return Some(notice);
            }
            self.write().await.ok()?;
            if self.session.is_closed() {
                return None;
            }
            self.stream.readable().await.ok()?;
            self.read()?;
        }
    }

    fn read(&mut self) -> Option<()> {
        let mut buffer = [0; READ];
        match self.stream.try_read(&mut buffer) {
            Ok(0) => None,
            Ok(length) => {
                self.session.receive(&buffer[..length]);
                Some(())
            }
            Err(error) => (error.kind() == io::ErrorKind::WouldBlock).then_some(()),
        }
    }

    async fn write(&mut self) -> io::Result<()> {
        loop {
            if self.output.is_empty() {
                self.output = self.session.take_output();
            }
            if self.output.is_empty() {
                return Ok(());
            }
            self.stream.writable().await?;
            match self.stream.try_write(&self.output) {
                Ok(written) => self.output.advance(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Leaves, and waits a little for the switch to end the connection: so it has read what we said.
    async fn part(mut self) {
        if self.session.is_closed() && !self.session.knows_channel() {
            return;
        }
        self.session.leave();
        let _ = timeout(FAREWELL, async {
            let _ = self.write().await;
            while let Some(Notice::Given(_)) = self.next().await {}
            let _ = self.write().await;
            while self.stream.readable().await.is_ok() && self.read().is_some() {}
        })
        .await;
    }

    /// The switch ends it, or breaks its own rules, or is gone.
    async fn until_over(&mut self) {
        while let Some(Notice::Given(_)) = self.next().await {}
    }
}

/// One connection, from its beginning to its end.
struct Guest {
    hall: Arc<Hall>,
    talk: Talk,
    peer: IpAddr,
    told: mpsc::Sender<Told>,
}

impl Guest {
    async fn stay(mut self, place: OwnedSemaphorePermit, mut closing: watch::Receiver<()>) {
        let admitted = tokio::select! {
            admitted = self.admit() => admitted,
            _ = closing.changed() => None,
        };
        if let Some((switch, given)) = admitted {
            self.keep(switch, given, &mut closing).await;
        }
        self.talk.part().await;
        drop(place);
    }

    /// Hears whose channel it is; `None`: it is let go.
    async fn admit(&mut self) -> Option<(Name, Given)> {
        let event = match timeout(HANDSHAKE, self.talk.next()).await {
            Ok(Some(Notice::Given(event))) => event,
            Ok(Some(Notice::Unfit(why))) => return self.unfit(&why),
            // A caller who hung up at once; a probe.
            Ok(Some(Notice::Over) | None) => return None,
            Err(_) => {
                let text = format!("it tells of no channel within {} s: is this FreeSWITCH?", HANDSHAKE.as_secs());
                self.hall.refuse(TurnedAway::Silent, self.peer, &text);
                return None;
            }
        };
        let Some(given) = event::given(&event) else {
            let text = "its channel is one that the switch dialled: `socket` is for callers";
            self.hall.refuse(TurnedAway::Unfit, self.peer, text);
            return None;
        };
        if event.channel().variable("socket_resume").as_deref() != Some("true") {
            let text = "the dialplan gives us a caller without `set socket_resume=true` before its `socket`: should we end before we answer, that \
                        caller would wait in silence for ever";
            debug!(peer = %self.peer, "{text}");
        }
        let core = event::core(&event);
        // The event holds the room that it was read into.
        drop(event);
        let (roll, talk) = (&self.hall.roll, &mut self.talk);
        let found = tokio::select! {
            found = roll.find(core.as_deref(), PATIENCE) => found,
            // It may hang up meanwhile; nothing else is of interest.
            _ = talk.next() => return None,
        };
        match found {
            Ok(switch) => Some((switch, given)),
            Err(absent) => self.absent(absent, core.as_deref().unwrap_or("none")),
        }
    }

    fn unfit<T>(&self, why: &Unfit) -> Option<T> {
        self.hall.refuse(TurnedAway::Unfit, self.peer, &why.to_string());
        None
    }

    fn absent<T>(&self, absent: Absent, core: &str) -> Option<T> {
        match absent {
            Absent::Unknown => self.hall.refuse(
                TurnedAway::UnknownSwitch,
                self.peer,
                &format!("its switch (Core-UUID {core}) is none that we are logged in to: is it in [switch.NAME]?"),
            ),
            Absent::Down => self.hall.refuse(
                TurnedAway::SwitchDown,
                self.peer,
                &format!("we are not logged in to its switch, not within {} s either", PATIENCE.as_secs()),
            ),
        }
        None
    }

    /// Holds the caller until somebody ends it.
    async fn keep(&mut self, switch: Name, given: Given, closing: &mut watch::Receiver<()>) {
        let channel = given.channel.id.clone();
        let key = (switch.clone(), channel.clone());
        let asked = self.hall.hold(key.clone());
        debug!(%switch, %channel, "a dialplan gives a caller");
        metrics::given();
        if self.told.send(Told::News(switch.clone(), News::Given(Box::new(given)))).await.is_err() {
            return;
        }
        let asked = tokio::select! {
            () = self.talk.until_over() => None,
            asked = asked => asked.ok(),
            _ = closing.changed() => None,
        };
        if self.hall.forget(&key) {
            return;
        }
        if let Some(GiveBack) = asked {
            self.talk.session.give_back();
        }
        debug!(%switch, %channel, "the dialplan has its caller back");
        // Before the switch hears of it: the dialplan may give the same caller anew at once.
        let _ = self.told.send(Told::News(switch, News::TakenBack(channel))).await;
    }
}
