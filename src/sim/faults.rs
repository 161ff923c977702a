//! What goes wrong, one thing at a time or several together.

use super::shell::Death;
use crate::engine::time::Span;

/// A fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// So many more bytes of the switch arrive, wherever that is in a message, then the connection is lost.
    Cut(usize),
    /// The next events are lost: the switch drops them when a listener is too slow.
    Lose(u32),
    /// The next events come twice.
    Twice(u32),
    /// For so long, what the switch says comes late by up to [`LATE`].
    Late(Span),
    /// The switch refuses the next commands.
    Refuse(u32),
    /// The daemon dies where it is most inconvenient, and is started again after so long.
    Kill(Death, Span),
    /// The switch is started anew: its calls are lost without a word.
    Restart,
    /// The wall clock is set forward or back by so many milliseconds.
    Clock(i64),
    /// The store takes no writes for so long.
    Store(Span),
    /// The way out is down for so long.
    Gateway(Span),
    /// An operator's phone loses its registration for so long.
    Unregister(String, Span),
}

/// How late the late ones come at most.
pub const LATE: Span = Span::seconds(3);

/// Cuts what the switch wrote into frames, the unit in which it loses them. What is no whole frame comes last.
pub fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut frames, mut rest) = (Vec::new(), bytes);
    while let Some(end) = memchr::memmem::find(rest, b"\n\n") {
        let head = String::from_utf8_lossy(&rest[..end]);
        let length = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| *name == "Content-Length")
            .and_then(|(_, value)| value.parse::<usize>().ok())
            .unwrap_or(0);
        let whole = (end + 2 + length).min(rest.len());
        frames.push(rest[..whole].to_vec());
        rest = &rest[whole..];
    }
    if !rest.is_empty() {
        frames.push(rest.to_vec());
    }
    frames
}

/// Is it an event, and none that answers a command of ours? Only those can be lost or come twice.
pub fn is_event(frame: &[u8]) -> bool {
    let head = &frame[..frame.len().min(120)];
    memchr::memmem::find(head, b"Content-Type: text/event").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_cut_into_frames() {
        let bytes = b"Content-Type: auth/request\n\nContent-Length: 3\nContent-Type: text/event-plain\n\nabcContent-Type: x\n\n";
        let frames = frames(bytes);
        assert_eq!(frames.iter().map(|frame| is_event(frame)).collect::<Vec<_>>(), [false, true, false]);
        assert_eq!(frames.concat(), bytes);
    }
}
