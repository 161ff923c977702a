//! Recordings of a real switch (`tests/wire`): each is read whole, in one piece and cut at every byte.

use perezvon::esl::frame::{ContentType, Decoder, Frame, Limits};
use perezvon::esl::{Event, View};
use std::fs;
use std::path::PathBuf;

/// Every recording: its name and its bytes.
fn recordings() -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/wire");
    let mut all: Vec<_> = fs::read_dir(folder)
        .expect("the folder of recordings")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "esl"))
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, fs::read(path).expect("a recording"))
        })
        .collect();
    all.sort();
    assert_eq!(all.len(), 23, "recordings are missing");
    all
}

fn drain(decoder: &mut Decoder, frames: &mut Vec<Frame>) {
    while let Some(frame) = decoder.next_frame().expect("a recording is well formed") {
        frames.push(frame);
    }
}

fn read_whole(bytes: &[u8]) -> Vec<Frame> {
    let mut decoder = Decoder::default();
    let mut frames = Vec::new();
    decoder.push(bytes);
    drain(&mut decoder, &mut frames);
    assert_eq!(decoder.held(), 0, "bytes are left over");
    frames
}

#[test]
fn every_recording_is_read_whole() {
    let limits = Limits::default();
    let (mut frames_read, mut events_read) = (0, 0);
    for (name, bytes) in recordings() {
        for frame in read_whole(&bytes) {
            frames_read += 1;
            assert!(!matches!(frame.content_type, ContentType::Other(_)), "{name}: {:?}", frame.content_type);
            if let Some(event) = Event::from_frame(&frame, &limits) {
                let event = event.unwrap_or_else(|fault| panic!("{name}: {fault}"));
                events_read += 1;
                assert!(!event.name().is_empty() && event.sequence().is_some(), "{name}: {event:?}");
            }
        }
    }
    assert_eq!((frames_read, events_read), (463, 270));
}

#[test]
fn every_recording_is_read_byte_by_byte() {
    for (name, bytes) in recordings() {
        let mut decoder = Decoder::default();
        let mut frames = Vec::new();
        for byte in &bytes {
            decoder.push(std::slice::from_ref(byte));
            drain(&mut decoder, &mut frames);
        }
        assert_eq!(frames, read_whole(&bytes), "{name}");
    }
}

#[test]
fn every_recording_is_read_when_cut_in_two_at_every_byte() {
    for (name, bytes) in recordings() {
        // The frames around the cut are all that a cut can harm: read from the start of the one before it.
        let frames = read_whole(&bytes);
        let mut start = 0;
        for frame in &frames {
            let end = start + frame_length(frame, &bytes[start..]);
            for cut in start..end {
                let mut decoder = Decoder::default();
                let mut read = Vec::new();
                decoder.push(&bytes[start..cut]);
                drain(&mut decoder, &mut read);
                decoder.push(&bytes[cut..end]);
                drain(&mut decoder, &mut read);
                assert_eq!(read.as_slice(), std::slice::from_ref(frame), "{name}, cut at {cut}");
            }
            start = end;
        }
        assert_eq!(start, bytes.len(), "{name}");
    }
}

/// The length of a recorded frame: its header block and its body.
fn frame_length(frame: &Frame, bytes: &[u8]) -> usize {
    let head = bytes.windows(2).position(|pair| pair == b"\n\n").expect("an empty line") + 2;
    head + frame.body.len()
}

#[test]
fn plain_and_json_recordings_of_one_story_give_the_same_view() {
    let story = |name: &str| {
        let (_, bytes) = recordings().into_iter().find(|(known, _)| known == name).expect("the recording");
        let limits = Limits::default();
        read_whole(&bytes)
            .iter()
            .filter_map(|frame| Event::from_frame(frame, &limits))
            .map(|event| event.expect("an event"))
            .filter(|event| !matches!(event.view(), View::Heartbeat))
            .map(|event| {
                let campaign = event.variable("campaign").unwrap_or_default().into_owned();
                let name = event.get("caller-caller-id-name").unwrap_or_default().into_owned();
                (event.name().into_owned(), campaign, name, event.body().len())
            })
            .collect::<Vec<_>>()
    };
    let plain = story("callback-bridged");
    let json = story("callback-bridged-json");
    let mut names: [Vec<_>; 2] = [&plain, &json].map(|story| story.iter().collect());
    names.iter_mut().for_each(|story| story.sort());
    assert_eq!(names[0], names[1]);
    assert!(plain.iter().any(|(_, campaign, ..)| campaign == "Яндекс Директ"));
}
