//! Truth under load: numbered events cut at random bytes; none may be lost, come twice, or come out of order.

use perezvon::esl::{Decoder, Event, EventBuilder, Format, Limits};
use std::time::Instant;

/// Reads `count` events; panics where one is not the next.
pub fn run(count: u64) {
    let limits = Limits::default();
    let mut decoder = Decoder::default();
    let (mut made, mut read) = (0_u64, 0_u64);
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
        }
        let mut rest = &stream[..];
        while !rest.is_empty() {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let (piece, after) = rest.split_at((random % 1500) as usize % rest.len() + 1);
            rest = after;
            decoder.push(piece);
            while let Some(frame) = decoder.next_frame().expect("well formed") {
                let event = Event::from_frame(&frame, &limits).expect("an event").expect("well formed");
                read += 1;
                assert_eq!(event.sequence(), Some(read), "lost, twice or out of order");
            }
        }
    }
    assert!(decoder.is_between_frames() && made == read);
    println!(
        "truth: {read} events cut at random bytes, none lost, none out of order ({:.0} s)",
        start.elapsed().as_secs_f64()
    );
}
