//! Commands: many outstanding, and one after the other, against a raw socket's round trip.

use crate::events::open;
use crate::server::ANSWER;
use perezvon::esl::{ApiCommand, Command, Notice};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Commands that wait for their reply at once, where a client can do that.
pub const OUTSTANDING: usize = 64;
const MEASURED: Duration = Duration::from_secs(1);

/// Commands answered in a second, with so many outstanding.
pub async fn run(client: &str, port: u16, outstanding: usize) -> f64 {
    match client {
        "raw" => raw(port).await,
        "perezvon" => ours(port, outstanding).await,
        "freeswitch-esl-tokio" => fet(port, outstanding).await,
        "eslrs" => eslrs(port).await,
        "freeswitch-esl" => freeswitch_esl(port, outstanding).await,
        other => panic!("no client {other}"),
    }
}

/// A write and a read, nothing else.
async fn raw(port: u16) -> f64 {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.expect("a server");
    socket.set_nodelay(true).expect("no delay");
    let mut buffer = [0; 4096];
    let _ = socket.read(&mut buffer).await.expect("the greeting");
    let start = Instant::now();
    let mut answered = 0;
    while start.elapsed() < MEASURED {
        for _ in 0..100 {
            socket.write_all(b"api status\n\n").await.expect("sent");
            let mut read = 0;
            while read < ANSWER.len() {
                read += socket.read(&mut buffer).await.expect("read");
            }
            answered += 1;
        }
    }
    answered as f64 / start.elapsed().as_secs_f64()
}

async fn ours(port: u16, outstanding: usize) -> f64 {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.expect("a server");
    socket.set_nodelay(true).expect("no delay");
    let mut connection = open();
    let command = Command::Api(ApiCommand::Status);
    let mut answered = 0_usize;
    let mut start = Instant::now();
    loop {
        let read = socket.read_buf(connection.buffer()).await.expect("read");
        assert!(read > 0, "closed");
        while let Some(notice) = connection.poll() {
            match notice {
                Notice::Ready => start = Instant::now(),
                Notice::Reply { reply, .. } => {
                    assert!(!reply.is_err());
                    answered += 1;
                }
                other => panic!("{other:?}"),
            }
        }
        if answered % 128 < outstanding && answered > 0 && start.elapsed() > MEASURED {
            return answered as f64 / start.elapsed().as_secs_f64();
        }
        while connection.is_ready() && connection.outstanding() < outstanding {
            connection.send(&command).expect("room");
        }
        let output = connection.take_output();
        if !output.is_empty() {
            socket.write_all(&output).await.expect("sent");
        }
    }
}

async fn fet(port: u16, outstanding: usize) -> f64 {
    let (client, _events) = freeswitch_esl_tokio::EslClient::connect("127.0.0.1", port, "x").await.expect("connected");
    let answered = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..outstanding {
        let (client, answered) = (client.clone(), answered.clone());
        tasks.push(tokio::spawn(async move {
            while start.elapsed() < MEASURED {
                let _ = client.api("status").await.expect("an answer");
                answered.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    for task in tasks {
        task.await.expect("done");
    }
    answered.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
}

/// It has one command outstanding at most.
async fn eslrs(port: u16) -> f64 {
    let mut connection = eslrs::Inbound::connect(("127.0.0.1", port), "x").await.expect("connected");
    let start = Instant::now();
    let mut answered = 0;
    while start.elapsed() < MEASURED {
        connection.send_recv(eslrs::Command::api("status")).await.expect("an answer");
        answered += 1;
    }
    answered as f64 / start.elapsed().as_secs_f64()
}

async fn freeswitch_esl(port: u16, outstanding: usize) -> f64 {
    let connection = Arc::new(freeswitch_esl::Esl::inbound(("127.0.0.1", port), "x").await.expect("connected"));
    let answered = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..outstanding {
        let (connection, answered) = (connection.clone(), answered.clone());
        tasks.push(tokio::spawn(async move {
            while start.elapsed() < MEASURED {
                connection.api("status").await.expect("an answer");
                answered.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    for task in tasks {
        task.await.expect("done");
    }
    answered.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
}
