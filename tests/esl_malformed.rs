//! Every way in which a stream can be wrong has its answer, and none costs memory or loses step where it need not.

use perezvon::esl::frame::{CHUNK, Decoder, Fault, Frame, Limits, Malformed};
use perezvon::esl::{ContentType, Event};

const LIMITS: Limits = Limits { header_block: 1000, body: 2000, skip: 10_000, headers: 20 };

/// Everything that a decoder gives for a stream, in one piece and byte by byte.
fn read(stream: &[u8]) -> Vec<Result<Frame, Malformed>> {
    let all = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut decoder = Decoder::new(LIMITS);
        let mut read = Vec::new();
        for piece in pieces {
            decoder.push(piece);
            loop {
                match decoder.next_frame() {
                    Ok(None) => break,
                    Ok(Some(frame)) => read.push(Ok(frame)),
                    Err(malformed) if malformed.in_step() => read.push(Err(malformed)),
                    Err(malformed) => {
                        read.push(Err(malformed.clone()));
                        assert_eq!(decoder.next_frame(), Err(malformed), "a broken stream stays broken");
                        return read;
                    }
                }
            }
        }
        read
    };
    let whole = all(&mut std::iter::once(stream));
    assert_eq!(whole, all(&mut stream.chunks(1)), "cut into bytes");
    whole
}

/// The only fault of a stream that has lost step.
fn fatal(stream: &str) -> Fault {
    match read(stream.as_bytes()).as_slice() {
        [Err(malformed)] if !malformed.in_step() => malformed.what.clone(),
        other => panic!("{stream:?} gave {other:?}"),
    }
}

const NEXT: &str = "Content-Type: command/reply\nReply-Text: +OK\n\n";

/// That the frame after what is wrong is read.
fn then_goes_on(stream: &str) -> Vec<Result<Frame, Malformed>> {
    let mut read = read(format!("{stream}{NEXT}").as_bytes());
    let last = read.pop().expect("something is read").expect("the next frame is whole");
    assert_eq!(last.headers.raw("reply-text"), Some(&b"+OK"[..]));
    read
}

#[test]
fn a_length_that_is_none_ends_the_stream() {
    for length in ["-1", "+1", "ten", "", "1 0", "0x10", "1.5", "99999999999999999999999", "١"] {
        let stream = format!("Content-Type: api/response\nContent-Length: {length}\n\n{NEXT}");
        assert_eq!(fatal(&stream), Fault::BadLength(length.to_owned()), "{length}");
    }
    let two = format!("Content-Length: 1\nContent-Type: x\nContent-Length: 2\n\n{NEXT}");
    assert_eq!(fatal(&two), Fault::BadLength("1 and 2".to_owned()));
    then_goes_on("Content-Length: 1\nContent-Type: x\nContent-Length: 1\n\n!");
}

#[test]
fn a_long_body_is_passed_over_and_a_huge_one_ends_the_stream() {
    let stream =
        |length: usize| format!("Content-Type: api/response\nContent-Length: {length}\n\n{}", "x".repeat(length));
    let kept = then_goes_on(&stream(2000));
    assert!(matches!(kept.as_slice(), [Ok(frame)] if frame.body.len() == 2000 && frame.skipped.is_none()));
    let skipped = then_goes_on(&stream(2001));
    assert!(matches!(skipped.as_slice(), [Ok(frame)] if frame.body.is_empty() && frame.skipped == Some(2001)));
    let length = "Content-Type: api/response\nContent-Length: 10001\n\n";
    assert_eq!(fatal(length), Fault::BodyTooLong { length: 10_001, limit: 10_000 });
    let length = u64::MAX;
    assert!(matches!(fatal(&format!("Content-Length: {length}\n\n")), Fault::BodyTooLong { .. }));
}

#[test]
fn a_header_block_has_limits() {
    let lines = |count: usize| format!("Content-Type: x\n{}\n", "A: b\n".repeat(count - 1));
    assert_eq!(then_goes_on(&lines(20)).len(), 1);
    assert_eq!(fatal(&lines(21)), Fault::TooManyHeaders { limit: 20 });
    let line = |length: usize| format!("Content-Type: {}\n\n", "x".repeat(length - 16));
    assert_eq!(then_goes_on(&line(1000)).len(), 1);
    assert_eq!(fatal(&line(1001)), Fault::HeaderBlockTooLong { limit: 1000 });
    assert_eq!(fatal(&"x".repeat(5000)), Fault::HeaderBlockTooLong { limit: 1000 });
}

#[test]
fn a_frame_without_a_type_is_dropped_and_the_place_is_told() {
    let read = then_goes_on(&format!("{NEXT}Content-Length: 3\n\nabc"));
    let expected = Malformed { what: Fault::NoContentType, at: NEXT.len() as u64 };
    assert_eq!(read[1], Err(expected.clone()));
    assert_eq!(expected.to_string(), "a message without Content-Type, at byte 45 of the stream");
}

#[test]
fn an_unknown_type_is_kept() {
    let read = then_goes_on("Content-Type: text/event-xml\nContent-Length: 4\n\n<a/>");
    let [Ok(frame)] = read.as_slice() else { panic!("{read:?}") };
    assert_eq!(frame.content_type, ContentType::Other(bytes::Bytes::from_static(b"text/event-xml")));
    assert_eq!(&frame.body[..], b"<a/>");
}

#[test]
fn stray_line_feeds_a_nul_and_bytes_that_are_no_text_do_no_harm() {
    let mut stream = b"\n\n\nContent-Type: command/reply\nReply-Text: a\0b\xff\nno colon\n\n".to_vec();
    stream.extend_from_slice(NEXT.as_bytes());
    let read = read(&stream);
    let [Ok(frame), Ok(_)] = read.as_slice() else { panic!("{read:?}") };
    assert_eq!(frame.headers.raw("Reply-Text"), Some(&b"a\0b\xff"[..]));
    assert_eq!(frame.headers.text("Reply-Text").as_deref(), Some("a\0b\u{fffd}"));
    assert_eq!(frame.headers.len(), 3);
}

/// What becomes of the body of an event.
fn event(kind: &str, body: &str) -> Result<Event, Fault> {
    let stream = format!("Content-Length: {}\nContent-Type: text/event-{kind}\n\n{body}", body.len());
    let read = then_goes_on(&stream);
    let [Ok(frame)] = read.as_slice() else { panic!("{read:?}") };
    Event::from_frame(frame, &LIMITS).expect("an event")
}

#[test]
fn a_bad_event_is_told_and_the_stream_goes_on() {
    assert_eq!(event("plain", ""), Err(Fault::EmptyEvent));
    assert_eq!(event("plain", "\nEvent-Name: X\n"), Err(Fault::EmptyEvent));
    assert_eq!(event("json", "{}"), Err(Fault::EmptyEvent));
    let many = "A: b\n".repeat(21);
    assert_eq!(event("plain", &many), Err(Fault::TooManyHeaders { limit: 20 }));
    assert_eq!(event("plain", "A: b\nContent-Length: 9\n\nshort"), Err(Fault::BadEventLength("9".to_owned())));
    assert_eq!(event("plain", "A: b\nContent-Length: -9\n\nshort"), Err(Fault::BadEventLength("-9".to_owned())));
    for json in ["", "{", "[]", "\"a\"", "{\"a\":{\"b\":1}}", "{\"a\":\"\u{1}\"}", "{\"a\":1}x"] {
        assert!(matches!(event("json", json), Err(Fault::BadJson(_))), "{json}");
    }
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(900), "]".repeat(900));
    assert!(matches!(event("json", &deep), Err(Fault::BadJson(_))));
}

#[test]
fn an_event_without_its_empty_line_or_with_a_lying_body_keeps_what_is_there() {
    let unfinished = event("plain", "Event-Name: X\nA: b").expect("an event");
    assert_eq!(unfinished.get("a").as_deref(), Some("b"));
    let body = event("plain", "Event-Name: X\nContent-Length: 4\n\nbodyrest").expect("an event");
    assert_eq!(body.body(), "body");
    let lines = event("plain", "Event-Name: X\nContent-Length: 9\n\none\n\ntwo\n").expect("an event");
    assert_eq!(lines.body(), "one\n\ntwo\n");
    let scalars = event("json", r#"{"Event-Name":"X","n":5,"b":true,"z":null,"l":["a",1]}"#).expect("an event");
    assert_eq!(scalars.number("n"), Some(5));
    assert_eq!(scalars.get("b").as_deref(), Some("true"));
    assert_eq!(scalars.get("z").as_deref(), Some(""));
    assert_eq!(scalars.array("l"), Some(vec!["a".to_owned(), "1".to_owned()]));
}

/// A flood of headers, or a promise of a long body, holds no more than the limits say.
#[test]
fn a_flood_is_held_within_the_limits() {
    let limits = Limits::default();
    let mut decoder = Decoder::new(limits);
    let mut most = 0;
    let mut result = Ok(None);
    for _ in 0..200 {
        decoder.push(&b"Header: value\n".repeat(5000));
        most = most.max(decoder.held());
        result = decoder.next_frame();
    }
    assert!(matches!(
        result,
        Err(Malformed { what: Fault::HeaderBlockTooLong { .. } | Fault::TooManyHeaders { .. }, .. })
    ));
    assert!(most <= limits.header_block + 70_000, "{most}");
    assert_eq!(decoder.held(), 0);

    let mut decoder = Decoder::new(limits);
    decoder.push(format!("Content-Type: x\nContent-Length: {}\n\n", limits.body).as_bytes());
    let mut read = 0;
    while decoder.next_frame().expect("no fault").is_none() {
        let room = decoder.buffer();
        let bytes = (room.capacity() - room.len()).min(CHUNK).min(limits.body - read);
        room.extend_from_slice(&vec![0; bytes]);
        read += bytes;
        assert!(room.capacity() <= limits.body + 2 * CHUNK, "{}", room.capacity());
    }
    assert_eq!(read, limits.body);
}
