//! A switch for measuring: it lets anyone in, answers every command at once, and when asked sends a stream.
//!
//! It runs in a process of its own, so that a client's processor time is the client's alone.

use crate::stream::stream;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// The answer to every `api`.
pub const ANSWER: &[u8] = b"Content-Type: api/response\nContent-Length: 9\n\n+OK done\n";

/// What is sent when the client subscribes (`event …`) or says `api go`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// Nothing but answers.
    Answers,
    /// So many bytes of recorded events, then the end.
    Events { bytes: usize, json: bool },
    /// Header lines without end, at most so many bytes.
    Headers { bytes: usize },
    /// A body that is promised to be 1 TB, of which so much is sent.
    Body { bytes: usize },
}

/// Serves one client, then ends. Prints its port first.
pub fn run(show: Show) -> std::io::Result<()> {
    let stream = match show {
        Show::Events { bytes, json } => stream(bytes, json).0,
        _ => Vec::new(),
    };
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    let (mut client, _) = listener.accept()?;
    client.set_nodelay(true)?;
    client.write_all(b"Content-Type: auth/request\n\n")?;
    let mut input = Vec::with_capacity(1 << 16);
    let mut chunk = vec![0; 1 << 16];
    let mut output = Vec::with_capacity(1 << 18);
    loop {
        let read = client.read(&mut chunk)?;
        if read == 0 {
            return Ok(());
        }
        // One crate ends its lines with CR LF, which the switch takes too.
        input.extend(chunk[..read].iter().filter(|&&byte| byte != b'\r'));
        let mut start = 0;
        let mut go = false;
        while let Some(length) = memchr::memmem::find(&input[start..], b"\n\n") {
            let command = &input[start..start + length];
            start += length + 2;
            go |= answer(command, &mut output);
        }
        input.drain(..start);
        client.write_all(&output)?;
        output.clear();
        if go && show != Show::Answers {
            // Late enough for the answer to be read by itself: some clients lose what comes with it.
            std::thread::sleep(std::time::Duration::from_millis(50));
            return send(&mut client, show, &stream);
        }
    }
}

/// Answers a command; whether it starts the show.
fn answer(command: &[u8], output: &mut Vec<u8>) -> bool {
    if command.starts_with(b"api ") {
        let go = command == b"api go";
        if !go {
            output.extend_from_slice(ANSWER);
        }
        return go;
    }
    output.extend_from_slice(b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n");
    command.starts_with(b"event plain")
}

fn send(client: &mut TcpStream, show: Show, stream: &[u8]) -> std::io::Result<()> {
    let repeat = |client: &mut TcpStream, piece: &[u8], bytes: usize| -> std::io::Result<()> {
        let many = piece.repeat((1 << 16) / piece.len());
        let mut sent = 0;
        while sent < bytes {
            client.write_all(&many)?;
            sent += many.len();
        }
        Ok(())
    };
    match show {
        Show::Answers => {}
        Show::Events { .. } => {
            client.write_all(stream)?;
            client.write_all(ANSWER)?;
        }
        Show::Headers { bytes } => repeat(client, b"Some-Header: some value\n", bytes)?,
        Show::Body { bytes } => {
            client.write_all(b"Content-Length: 1000000000000\nContent-Type: text/event-plain\n\n")?;
            repeat(client, b"Some-Header: some value\n", bytes)?;
        }
    }
    client.shutdown(std::net::Shutdown::Write)?;
    // Until the client has gone: closing at once could take what it has not read yet.
    let mut rest = [0; 1024];
    while client.read(&mut rest)? > 0 {}
    Ok(())
}
