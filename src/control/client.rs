//! The asking side of the control socket, for the command line. Blocking: it asks one thing and is done.

use super::request::{Answer, Refusal, Request};
use serde_json::Value;
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};
use thiserror::Error;

/// The longest answer that is read, in bytes.
const MOST_ANSWER: u64 = 256 << 20;
/// A backup of a large store takes its time.
const PATIENCE: Duration = Duration::from_secs(600);

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum NoAnswer {
    /// Nobody listens.
    #[error("no daemon answers at {path} ({error}): is it running? may you write to its socket?")]
    Unreachable {
        /// The socket.
        path: String,
        /// The system's words.
        error: io::Error,
    },
    /// The connection broke.
    #[error("the daemon did not answer: {0}")]
    Broken(io::Error),
    /// The daemon says no.
    #[error("{}", .0.text)]
    Refused(Refusal),
}

/// Asks the daemon at this socket.
///
/// # Errors
/// It is not there, or it refuses.
pub fn ask(socket: &Path, request: &Request) -> Result<Value, NoAnswer> {
    let unreachable = |error| NoAnswer::Unreachable { path: socket.display().to_string(), error };
    let mut stream = UnixStream::connect(socket).map_err(unreachable)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(unreachable)?;
    match exchange(&mut stream, request).map_err(NoAnswer::Broken)? {
        Answer::Ok(value) => Ok(value),
        Answer::Refused(refusal) => Err(NoAnswer::Refused(refusal)),
    }
}

fn exchange(stream: &mut UnixStream, request: &Request) -> io::Result<Answer> {
    let mut text = serde_json::to_vec(request)?;
    text.push(b'\n');
    stream.write_all(&text)?;
    let mut line = Vec::new();
    BufReader::new(stream).take(MOST_ANSWER).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_slice(&line)?)
}
