//! Truth under load: numbered events and answers cut at random bytes; none may be lost, come twice, or come out of order.

use crate::{events, server::ANSWER};
use perezvon::esl::{ApiCommand, Command, Connection, EventBuilder, Format, Notice, Token};
use std::collections::VecDeque;
use std::time::Instant;

/// An answer comes after so many events.
const ANSWERED: u64 = 2000;

/// A connection that is logged in.
fn ready() -> Connection {
    let mut connection = events::open();
    for reply in ["auth/request\n\n", "command/reply\nReply-Text: +OK\n\n", "command/reply\nReply-Text: +OK\n\n"] {
        connection.receive(format!("Content-Type: {reply}").as_bytes());
        while connection.poll().is_some() {}
    }
    assert!(connection.is_ready());
    connection
}

/// Reads `count` events through a connection; panics where one is not the next, or an answer is not where it was put.
pub fn run(count: u64) {
    let mut connection = ready();
    let command = Command::Api(ApiCommand::Status);
    let (mut made, mut read, mut answered) = (0_u64, 0_u64, 0_u64);
    // Of each answer that is awaited: the command's token, and the event that it follows.
    let mut awaited: VecDeque<(Token, u64)> = VecDeque::new();
    let mut stream = Vec::new();
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let start = Instant::now();
    while read < count {
        stream.clear();
        while stream.len() < 1 << 20 && made < count {
            made += 1;
            // An event of a hundred bytes or two, its number in it; every thousandth is made by the builder.
            if made.is_multiple_of(1000) {
                let event = EventBuilder::new("HEARTBEAT").header("Event-Sequence", made).body("a\n\nb");
                stream.extend_from_slice(&event.to_frame(Format::Plain));
            } else {
                let body = format!("Event-Name: HEARTBEAT\nEvent-Sequence: {made}\nEvent-Info: System%20Ready\n\n");
                stream.extend_from_slice(
                    format!("Content-Length: {}\nContent-Type: text/event-plain\n\n", body.len()).as_bytes(),
                );
                stream.extend_from_slice(body.as_bytes());
            }
            if made.is_multiple_of(ANSWERED) {
                awaited.push_back((connection.send(&command).expect("room"), made));
                stream.extend_from_slice(ANSWER);
            }
        }
        assert_eq!(connection.take_output().is_empty(), awaited.is_empty(), "each command goes out");
        let mut rest = &stream[..];
        while !rest.is_empty() {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let (piece, after) = rest.split_at((random % 1500) as usize % rest.len() + 1);
            rest = after;
            connection.receive(piece);
            while let Some(notice) = connection.poll() {
                match notice {
                    Notice::Event(event) => {
                        read += 1;
                        assert_eq!(event.sequence(), Some(read), "lost, twice or out of order");
                    }
                    Notice::Reply { token, reply } => {
                        answered += 1;
                        assert_eq!(awaited.pop_front(), Some((token, read)), "another's answer, or out of order");
                        assert_eq!(reply.text(), "+OK done");
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }
    assert!(made == read && awaited.is_empty() && answered == count / ANSWERED);
    println!(
        "truth: {read} events and {answered} answers cut at random bytes, none lost, none out of order ({:.0} s)",
        start.elapsed().as_secs_f64()
    );
}
