//! What is measured on: plain events of a real switch (`tests/wire`), again and again.

use perezvon::esl::{ContentType, Decoder};
use std::path::Path;

/// Five headers that a client of the switch looks for, written in another case than the switch's.
pub const FIVE: [&str; 5] =
    ["event-name", "unique-id", "CALLER-CALLER-ID-NAME", "Caller-destination-number", "Variable_Campaign"];

/// All recorded plain events as frames, in order: some 1.1 MB. `json` gives the recorded JSON events instead.
pub fn recorded_events(json: bool) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/wire");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("recordings").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "esl"));
    let mut frames = Vec::new();
    for file in files {
        let bytes = std::fs::read(file).expect("a recording");
        let mut decoder = Decoder::default();
        decoder.push(&bytes);
        let mut start = 0;
        while let Some(frame) = decoder.next_frame().expect("well formed") {
            let end = bytes.len() - decoder.held();
            let wanted = if json { ContentType::EventJson } else { ContentType::EventPlain };
            if frame.content_type == wanted {
                frames.push(bytes[start..end].to_vec());
            }
            start = end;
        }
    }
    frames
}

/// A stream of at least `bytes` bytes, and how many events it has.
pub fn stream(bytes: usize, json: bool) -> (Vec<u8>, usize) {
    let frames = recorded_events(json);
    let mut stream = Vec::with_capacity(bytes + (64 << 10));
    let mut events = 0;
    for frame in frames.iter().cycle() {
        if stream.len() >= bytes {
            break;
        }
        stream.extend_from_slice(frame);
        events += 1;
    }
    (stream, events)
}
