//! The codec in memory: a stream that is already there, against memchr visiting each line feed of the same bytes.

use crate::clock::cpu_seconds;
use crate::stream::{FIVE, stream};
use bytes::BytesMut;
use perezvon::esl::{Decoder, Event, Limits};
use std::hint::black_box;

const BYTES: usize = 200_000_000;
/// Each is measured this often, in turn; the best counts.
const ROUNDS: usize = 9;

/// A name, and what is done with the bytes: it gives how many things it found.
type Task = (&'static str, fn(BytesMut) -> usize);

pub fn run() {
    let (bytes, events) = stream(BYTES, false);
    println!("in memory: {} MB, {events} events of {} bytes", bytes.len() / 1_000_000, bytes.len() / events);
    let tasks: [Task; 4] = [
        ("memchr visits each line feed", |bytes| visit_line_feeds(&bytes)),
        ("frames and events", |bytes| each_event(bytes, |_| 1)),
        ("five headers found and decoded", |bytes| each_event(bytes, five)),
        ("every value decoded", |bytes| each_event(bytes, every_value)),
    ];
    let mut results = [(f64::MAX, 0); 4];
    for _ in 0..ROUNDS {
        for ((_, task), (best, count)) in tasks.iter().zip(&mut results) {
            let bytes = BytesMut::from(&bytes[..]);
            let start = cpu_seconds();
            *count = black_box(task(bytes));
            *best = best.min(cpu_seconds() - start);
        }
    }
    let (reference, _) = results[0];
    for ((name, _), (best, count)) in tasks.iter().zip(results) {
        println!(
            "  {name:32} {:6.2} GB/s  {:7.3} µs an event  {:5.2} of memchr   ({} things)",
            bytes.len() as f64 / best / 1e9,
            best / events as f64 * 1e6,
            reference / best,
            count,
        );
    }
}

/// One call of memchr after the other (its iterator's `count` would not visit them).
fn visit_line_feeds(bytes: &[u8]) -> usize {
    let mut places = 0_usize;
    let mut seen = 0;
    for place in memchr::memchr_iter(b'\n', black_box(bytes)) {
        places = places.wrapping_add(place);
        seen += 1;
    }
    black_box(places);
    seen
}

/// Gives each event to `look`. The bytes are where a socket would have put them: in the decoder's buffer.
fn each_event(bytes: BytesMut, mut look: impl FnMut(&Event) -> usize) -> usize {
    let limits = Limits::default();
    let mut decoder = Decoder::default();
    decoder.buffer().unsplit(bytes);
    let mut seen = 0;
    while let Some(frame) = decoder.next_frame().expect("well formed") {
        let event = Event::from_frame(&frame, &limits).expect("an event").expect("well formed");
        seen += look(&event);
    }
    seen
}

fn five(event: &Event) -> usize {
    FIVE.iter().filter(|name| black_box(event.get(name)).is_some()).count()
}

fn every_value(event: &Event) -> usize {
    let mut scratch = String::new();
    let mut length = 0;
    event.visit(&mut scratch, |name, value| {
        length += black_box(name).len() + black_box(value).len();
    });
    length
}
