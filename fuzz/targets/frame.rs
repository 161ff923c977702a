//! Any stream of bytes: the same frames and faults however it is cut, and no more memory than the limits allow.
#![no_main]

use libfuzzer_sys::fuzz_target;
use perezvon::esl::{Decoder, Frame, Limits, Malformed};

const LIMITS: Limits = Limits { header_block: 512, body: 1024, skip: 8192, headers: 16 };

/// What a decoder gives for a stream that comes in pieces of these sizes.
fn read(stream: &[u8], sizes: &[u8]) -> Vec<Result<Frame, Malformed>> {
    let mut decoder = Decoder::new(LIMITS);
    let mut read = Vec::new();
    let mut rest = stream;
    let mut sizes = sizes.iter().cycle();
    while !rest.is_empty() {
        let size = sizes.next().map_or(rest.len(), |&size| usize::from(size) + 1).min(rest.len());
        let (piece, after) = rest.split_at(size);
        rest = after;
        decoder.push(piece);
        loop {
            match decoder.next_frame() {
                Ok(None) => break,
                Ok(Some(frame)) => read.push(Ok(frame)),
                Err(malformed) => {
                    let in_step = malformed.in_step();
                    read.push(Err(malformed));
                    if !in_step {
                        return read;
                    }
                }
            }
        }
        assert!(decoder.held() <= LIMITS.header_block + LIMITS.body + piece.len());
    }
    read
}

fuzz_target!(|input: (&[u8], &[u8])| {
    let (sizes, stream) = input;
    let whole = read(stream, &[]);
    assert_eq!(whole, read(stream, &[0]));
    assert_eq!(whole, read(stream, sizes));
    for frame in whole.into_iter().flatten() {
        assert!(frame.headers.len() <= LIMITS.headers && frame.body.len() <= LIMITS.body);
        for (name, _) in frame.headers.iter() {
            // Every name that stands before a colon is found.
            if let Ok(name) = std::str::from_utf8(name) {
                let found = frame.headers.raw(name);
                assert!(found.is_some() || !frame.headers.all(name).any(|value| !value.is_empty()) || name.len() > 256);
            }
        }
    }
});
