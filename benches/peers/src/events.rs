//! Clients that read events from a socket, on one thread: ours, the bare socket, and the other crates.

use crate::clock::{Used, used};
use crate::stream::FIVE;
use bytes::BytesMut;
use freeswitch_esl_tokio as fet;
use perezvon::esl::{Connection, Credentials, Event, EventList, Format, Limits, Notice, Secret, Subscription};
use std::hint::black_box;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What is done with each event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Five headers are found without regard to case, and decoded.
    Five,
    /// Every value is decoded.
    Every,
}

/// What a client did.
pub struct Done {
    pub events: usize,
    /// On the wall, from the first byte of the stream.
    pub seconds: f64,
    /// Processor time since then.
    pub used: Used,
}

/// Runs a client by name.
pub async fn run(client: &str, port: u16, look: Look) -> Done {
    match client {
        "drain" => drain(port).await,
        "perezvon" => ours(port, look).await,
        "freeswitch-esl-tokio" => fet(port, look).await,
        "eslrs" => eslrs(port, look).await,
        "freeswitch-esl" => freeswitch_esl(port).await,
        other => panic!("no client {other}"),
    }
}

struct Meter(Option<(Instant, Used)>, usize);

impl Meter {
    fn new() -> Self {
        Self(None, 0)
    }
    fn start(&mut self) {
        self.0.get_or_insert_with(|| (Instant::now(), used()));
    }
    fn event(&mut self) {
        self.start();
        self.1 += 1;
    }
    fn done(self) -> Done {
        let (start, before) = self.0.unwrap_or_else(|| (Instant::now(), used()));
        Done { events: self.1, seconds: start.elapsed().as_secs_f64(), used: used().since(before) }
    }
}

async fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a server");
    stream.set_nodelay(true).expect("no delay");
    stream
}

/// Takes the bytes and does nothing with them.
async fn drain(port: u16) -> Done {
    let mut socket = connect(port).await;
    socket.write_all(b"auth x\n\nevent plain ALL\n\n").await.expect("sent");
    let mut buffer = BytesMut::with_capacity(128 << 10);
    let mut meter = Meter::new();
    let mut bytes = 0;
    loop {
        buffer.clear();
        let read = socket.read_buf(&mut buffer).await.expect("read");
        if read == 0 {
            return meter.done();
        }
        bytes += read;
        if bytes > 200 {
            meter.start();
        }
    }
}

fn look_at(event: &Event, look: Look, scratch: &mut String) -> usize {
    match look {
        Look::Five => FIVE.iter().filter(|name| black_box(event.get(name)).is_some()).count(),
        Look::Every => {
            let mut length = 0;
            event.visit(scratch, |name, value| length += black_box(name).len() + black_box(value).len());
            length
        }
    }
}

async fn ours(port: u16, look: Look) -> Done {
    let mut socket = connect(port).await;
    let mut connection = open();
    let mut meter = Meter::new();
    let mut scratch = String::new();
    while !connection.is_closed() && socket.read_buf(connection.buffer()).await.expect("read") > 0 {
        while let Some(notice) = connection.poll() {
            if let Notice::Event(event) | Notice::JobDone { event, .. } = notice {
                meter.event();
                black_box(look_at(&event, look, &mut scratch));
            }
        }
        let output = connection.take_output();
        if !output.is_empty() {
            socket.write_all(&output).await.expect("sent");
        }
    }
    meter.done()
}

/// Our connection, before its greeting.
pub fn open() -> Connection {
    let credentials = Credentials::Password(Secret::new("x").expect("a password"));
    let events = EventList::new(&["ALL"], &[]).expect("names");
    Connection::inbound(credentials, Subscription { format: Format::Plain, events }, Limits::default())
}

async fn fet(port: u16, look: Look) -> Done {
    // Its default drops events that wait; as told to, it waits instead.
    let overflow = fet::EventOverflow::BlockFor(Duration::from_secs(60));
    let options = fet::EslConnectOptions::new().with_event_overflow(overflow);
    let (client, mut events) =
        fet::EslClient::connect_with_options("127.0.0.1", port, "x", options).await.expect("connected");
    client.subscribe_all_events(fet::EventFormat::Plain).await.expect("subscribed");
    let mut meter = Meter::new();
    while let Some(event) = events.recv().await {
        let Ok(event) = event else { break };
        meter.event();
        match look {
            // Its look-up regards case but for the headers that it knows.
            Look::Five => {
                FIVE.iter().for_each(|name| {
                    black_box(event.header_str(name));
                });
            }
            // It has decoded them all.
            Look::Every => event.headers().iter().for_each(|(name, value)| {
                black_box(name.len() + value.len());
            }),
        }
    }
    meter.done()
}

async fn eslrs(port: u16, look: Look) -> Done {
    let mut connection = eslrs::Inbound::connect(("127.0.0.1", port), "x").await.expect("connected");
    connection.send_recv(eslrs::Command::events("all")).await.expect("subscribed");
    let mut meter = Meter::new();
    while let Ok(event) = connection.recv().await {
        let Ok(event) = eslrs::event::PlainEvent::try_from(event);
        if event.get_header("Event-Name").is_none() {
            continue;
        }
        meter.event();
        // It regards case, never decodes, and shows no list of its headers.
        if look == Look::Five {
            for name in
                ["Event-Name", "Unique-ID", "Caller-Caller-ID-Name", "Caller-Destination-Number", "variable_campaign"]
            {
                black_box(event.get_header(name));
            }
        }
    }
    meter.done()
}

/// It reads events (JSON ones) and gives none of them away but results of jobs.
async fn freeswitch_esl(port: u16) -> Done {
    let connection = freeswitch_esl::Esl::inbound(("127.0.0.1", port), "x").await.expect("connected");
    let mut meter = Meter::new();
    meter.start();
    let _ = tokio::time::timeout(Duration::from_secs(300), connection.api("go")).await;
    meter.done()
}
