//! The pretend town behind a real socket: for the demonstration and for tests that run the whole program.

use super::{switch::ConnId, town::Town};
use crate::{
    clock::Clock,
    engine::{Deadline, time::Now},
};
use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::sleep,
};

/// A town that goes on by itself, and that others may look into.
#[derive(Clone)]
pub struct Streets {
    town: Arc<Mutex<Town>>,
    clock: Clock,
    /// Counts changes: whoever waits for time or for bytes looks again.
    changes: Arc<watch::Sender<u64>>,
}

impl Streets {
    /// Lets a town live by this clock.
    pub fn new(town: Town, clock: Clock) -> Streets {
        let streets = Streets { town: Arc::new(Mutex::new(town)), clock, changes: Arc::new(watch::Sender::new(0)) };
        tokio::spawn(streets.clone().pass_time());
        streets
    }

    /// Does something in the town, now.
    pub fn with<T>(&self, act: impl FnOnce(&mut Town, Now) -> T) -> T {
        let now = self.clock.now();
        let done = {
            let mut town = self.town.lock().unwrap_or_else(PoisonError::into_inner);
            town.tick(now);
            act(&mut town, now)
        };
        self.dial();
        self.changes.send_modify(|count| *count += 1);
        done
    }

    /// Makes the connections that the dialplan's `socket` asks for.
    fn dial(&self) {
        let wanted = self.town.lock().unwrap_or_else(PoisonError::into_inner).switch.calls_out();
        for (conn, address) in wanted {
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
        let mut changes = self.changes.subscribe();
        loop {
            let next = self.town.lock().unwrap_or_else(PoisonError::into_inner).next_deadline();
            tokio::select! {
                () = sleep(self.clock.until(Deadline { wall: None, mono: next })) => self.with(|_, _| ()),
                Ok(()) = changes.changed() => {}
            }
        }
    }

    async fn serve(self, stream: TcpStream) {
        let conn = self.with(|town, _| town.connect());
        self.hold(stream, conn).await;
    }

    async fn hold(&self, mut stream: TcpStream, conn: ConnId) {
        let _ = stream.set_nodelay(true);
        let _ = self.talk(&mut stream, conn).await;
        self.with(|town, now| {
            town.switch.disconnect(conn);
            town.settle(now);
        });
    }

    async fn talk(&self, stream: &mut TcpStream, conn: ConnId) -> io::Result<()> {
        let mut changes = self.changes.subscribe();
        let mut buffer = vec![0; 64 << 10];
        loop {
            let (output, closed) = {
                let mut town = self.town.lock().unwrap_or_else(PoisonError::into_inner);
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
                changed = changes.changed() => if changed.is_err() { return Ok(()) },
            }
        }
    }
}
