//! Any bytes as an event, plain and JSON: reading it shows something or gives a fault; what is shown, written again in
//! either format, shows the same.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use perezvon::esl::{Event, EventBuilder, Limits};

const LIMITS: Limits = Limits { header_block: 1 << 20, body: 1 << 20, skip: 0, headers: 64 };

type Shown = (Vec<(String, String)>, String);

fn shown(event: &Event) -> Shown {
    let headers = event.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
    (headers.map(|(name, value)| (name.into_owned(), value.into_owned())).collect(), event.body().into_owned())
}

/// Everything that can be asked of an event.
fn ask(event: &Event) {
    let _ = (event.view(), event.subclass(), event.sequence(), event.name());
    for (name, value) in event.iter() {
        assert!(event.get(&name).is_none() || event.array(&name).is_some());
        let _ = (event.number(&name), event.variable(&name), value.len());
    }
}

fn write_again(event: &Event) {
    let (headers, body) = shown(event);
    let mut builder = EventBuilder::new("X").body(&body);
    // A name with a colon, a line feed or nothing at all cannot be written; `_body` is the body's name.
    let headers: Vec<_> = headers
        .into_iter()
        .filter(|(name, _)| !name.is_empty() && !name.contains([':', '\n']) && name != "_body")
        .take(LIMITS.headers - 2)
        .collect();
    for (name, value) in &headers {
        builder.push(name, value);
    }
    let plain = Event::plain(Bytes::from(builder.to_plain()), &LIMITS).expect("a plain event");
    let json = Event::json(&builder.to_json(), &LIMITS).expect("a JSON event");
    assert_eq!(shown(&plain), shown(&json));
    assert_eq!(&shown(&plain).0[1..], headers);
    assert_eq!(plain.body(), body);
}

fuzz_target!(|bytes: &[u8]| {
    let plain = Event::plain(Bytes::copy_from_slice(bytes), &LIMITS);
    let json = Event::json(bytes, &LIMITS);
    for event in [plain, json].into_iter().flatten() {
        ask(&event);
        write_again(&event);
    }
});
