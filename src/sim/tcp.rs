//! The pretend town behind a real socket: for the demonstration and for tests that run the whole program.

use super::{
    switch::{ConnId, Outside},
    town::Town,
};
use crate::{
    clock::Clock,
    engine::{Deadline, time::Now},
};
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::sleep,
};

/// How much is read at once, in bytes.
const READ: usize = 16 << 10;

/// Hears what happens to telephones, in the moment in which it does.
type Witness = dyn Fn(Outside) + Send + Sync;

/// A town that goes on by itself, and that others may look into.
#[derive(Clone)]
pub struct Streets {
    town: Arc<Mutex<Town>>,
    clock: Clock,
    /// Something changed: what is to happen next may be sooner.
    changed: Arc<Notify>,
    /// The tasks of the connections, each woken when there is something for it to read.
    tasks: Arc<Mutex<BTreeMap<ConnId, Arc<Notify>>>>,
    witness: Option<Arc<Witness>>,
}

/// Nothing panics while it holds one of these, but a test that is failing.
fn whole<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Streets {
    /// Lets a town live by this clock.
    pub fn new(town: Town, clock: Clock) -> Streets {
        Streets::of(town, clock, None)
    }

    /// The same, and tells somebody at once what happens to telephones: [`Town::happened`] has nothing more to tell.
    pub fn witnessed(town: Town, clock: Clock, witness: impl Fn(Outside) + Send + Sync + 'static) -> Streets {
        Streets::of(town, clock, Some(Arc::new(witness)))
    }

    fn of(town: Town, clock: Clock, witness: Option<Arc<Witness>>) -> Streets {
        let (town, tasks) = (Arc::new(Mutex::new(town)), Arc::default());
        let streets = Streets { town, clock, changed: Arc::default(), tasks, witness };
        tokio::spawn(streets.clone().pass_time());
        streets
    }

    /// Does something in the town, now.
    pub fn with<T>(&self, act: impl FnOnce(&mut Town, Now) -> T) -> T {
        let now = self.clock.now();
        let (done, stirred, wanted) = {
            let mut town = whole(&self.town);
            town.tick(now);
            let done = act(&mut town, now);
            if let Some(witness) = &self.witness {
                town.happened().into_iter().for_each(|(_, happened)| witness(happened));
            }
            (done, town.switch.stirred(), town.switch.calls_out())
        };
        wanted.into_iter().for_each(|(conn, address)| self.dial(conn, address));
        let tasks = whole(&self.tasks);
        stirred.iter().filter_map(|conn| tasks.get(conn)).for_each(|task| task.notify_one());
        self.changed.notify_one();
        done
    }

    /// Makes a connection that the dialplan's `socket` asks for.
    fn dial(&self, conn: ConnId, address: String) {
        let streets = self.clone();
        tokio::spawn(async move {
            match TcpStream::connect(address).await {
                Ok(stream) => streets.hold(stream, conn).await,
                Err(_) => streets.with(|town, now| {
                    town.switch.not_taken(conn, now);
                    town.settle(now);
                }),
            }
        });
    }

    /// Opens its event socket at this address and serves whoever connects.
    ///
    /// # Errors
    /// The address cannot be listened at.
    pub async fn listen(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let streets = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(streets.clone().serve(stream));
            }
        });
        Ok(address)
    }

    async fn pass_time(self) {
        loop {
            let next = whole(&self.town).next_deadline();
            tokio::select! {
                () = sleep(self.clock.until(Deadline { wall: None, mono: next })) => self.with(|_, _| ()),
                () = self.changed.notified() => {}
            }
        }
    }

    async fn serve(self, stream: TcpStream) {
        let conn = self.with(|town, _| town.connect());
        self.hold(stream, conn).await;
    }

    async fn hold(&self, mut stream: TcpStream, conn: ConnId) {
        let _ = stream.set_nodelay(true);
        let stirred = whole(&self.tasks).entry(conn).or_default().clone();
        let _ = self.talk(&mut stream, conn, &stirred).await;
        whole(&self.tasks).remove(&conn);
        self.with(|town, now| {
            town.switch.disconnect(conn);
            town.settle(now);
        });
    }

    async fn talk(&self, stream: &mut TcpStream, conn: ConnId, stirred: &Notify) -> io::Result<()> {
        let mut buffer = vec![0; READ];
        loop {
            let (output, closed) = {
                let mut town = whole(&self.town);
                (town.output(conn), town.switch.is_closed(conn))
            };
            stream.write_all(&output).await?;
            if closed {
                return Ok(());
            }
            tokio::select! {
                read = stream.read(&mut buffer) => match read? {
                    0 => return Ok(()),
                    length => self.with(|town, now| town.receive(conn, &buffer[..length], now)),
                },
                () = stirred.notified() => {}
            }
        }
    }
}
