//! Typed views of recorded events.

use perezvon::esl::view::{Channel, Direction};
use perezvon::esl::{Decoder, Event, EventBuilder, Limits, View};

/// The events of a recording.
fn events(name: &str) -> Vec<Event> {
    let path = format!("{}/tests/wire/{name}.esl", env!("CARGO_MANIFEST_DIR"));
    let mut decoder = Decoder::default();
    decoder.push(&std::fs::read(path).expect("a recording"));
    let mut events = Vec::new();
    while let Some(frame) = decoder.next_frame().expect("well formed") {
        if let Some(event) = Event::from_frame(&frame, &Limits::default()) {
            events.push(event.expect("an event"));
        }
    }
    events
}

fn channels<'a>(events: &'a [Event], pick: impl Fn(View<'a>) -> Option<Channel<'a>>) -> Vec<Channel<'a>> {
    events.iter().filter_map(|event| pick(event.view())).collect()
}

#[test]
fn a_callback_is_seen_from_both_formats() {
    for name in ["callback-bridged", "callback-bridged-json"] {
        let events = events(name);
        let legs: Vec<_> =
            channels(&events, |view| if let View::Create(channel) = view { Some(channel) } else { None });
        assert_eq!(legs.len(), 2, "{name}");
        assert!(legs.iter().all(|leg| leg.direction() == Some(Direction::Outbound)));
        assert_eq!(legs[0].caller_name().as_deref(), Some("Пропущенный 79161234567"));
        assert_eq!(legs[0].destination().as_deref(), Some("op-1"));
        assert_eq!(legs[1].destination().as_deref(), Some("79161234567"));
        let operator = legs[0].id().expect("an id");
        let client = legs[1].id().expect("an id");

        let spoken: Vec<_> = channels(&events, |view| match view {
            View::ExecuteComplete(channel) => Some(channel),
            _ => None,
        });
        let speak = spoken.iter().find(|done| done.application().as_deref() == Some("speak")).expect("speak");
        assert_eq!(speak.application_id().as_deref(), Some("say-1"));
        assert_eq!(speak.id(), Some(operator.clone()));

        let bridges: Vec<_> =
            channels(&events, |view| if let View::Bridge(bridge) = view { Some(bridge) } else { None });
        let (a, b) = bridges[0].bridge().expect("two legs");
        assert!([&a, &b].contains(&&operator) && [&a, &b].contains(&&client), "{name}");

        let ends: Vec<_> = channels(&events, |view| if let View::Hangup(end) = view { Some(end) } else { None });
        assert_eq!(ends.len(), 2, "{name}");
        for end in ends {
            assert_eq!(end.hangup_cause().as_deref(), Some("NORMAL_CLEARING"));
            assert!(end.answered_at() < end.bridged_at() && end.bridged_at() < end.at());
        }
        let jobs = events.iter().filter(|event| matches!(event.view(), View::Job(job) if job.id().is_some())).count();
        assert_eq!(jobs, 3, "{name}");
    }
}

#[test]
fn failures_differ_by_their_sip_status() {
    let events = events("client-failures");
    let ends = channels(&events, |view| if let View::Hangup(end) = view { Some(end) } else { None });
    let found: Vec<_> =
        ends.iter().map(|end| (end.hangup_cause().expect("a cause").into_owned(), end.sip_failure())).collect();
    let expected = [
        ("USER_BUSY", Some(486)),
        ("UNALLOCATED_NUMBER", Some(404)),
        ("CALL_REJECTED", Some(603)),
        ("CALL_REJECTED", Some(403)),
        ("NORMAL_TEMPORARY_FAILURE", Some(503)),
        // The phone answers our own CANCEL with 487 only after this.
        ("NO_ANSWER", None),
    ];
    let mut expected: Vec<_> = expected.map(|(cause, status)| (cause.to_owned(), status)).to_vec();
    let mut found = found;
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    assert!(ends.iter().all(|end| end.answered_at().is_none()));
}

#[test]
fn a_queue_is_followed() {
    let events = events("missed-abandoned");
    let told: Vec<_> = events
        .iter()
        .filter_map(|event| match event.view() {
            View::Callcenter(told) if told.action().as_deref() == Some("member-queue-start") => Some(told),
            _ => None,
        })
        .collect();
    let [start] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(start.queue().as_deref(), Some("sales@lab"));
    assert!(start.member_leg().is_some() && start.member_leg() == start.channel().id());
}

#[test]
fn keys_beeps_and_the_pulse_are_seen() {
    let keys = events("outbound-async-full");
    let digits: String = channels(&keys, |view| if let View::Dtmf(key) = view { Some(key) } else { None })
        .iter()
        .filter_map(|key| key.digit())
        .collect();
    assert_eq!(digits, "12");
    let recorded = events("machine-beep");
    let beeps = channels(&recorded, |view| if let View::Beep(beep) = view { Some(beep) } else { None });
    assert_eq!(beeps.len(), 2);
    assert!(beeps[0].id().is_some() && beeps[0].id() == beeps[1].id());
    let pulses = recorded.iter().filter(|event| matches!(event.view(), View::Heartbeat)).count();
    assert_eq!(pulses, 1);
}

#[test]
fn a_phone_that_comes_and_goes_is_seen() {
    let limits = Limits::default();
    let seen = |event: EventBuilder| {
        let event = Event::plain(event.to_plain().into(), &limits).expect("an event");
        match event.view() {
            View::Registration(phone) => (phone.here(), phone.user().unwrap().into_owned()),
            other => panic!("{other:?}"),
        }
    };
    let here = EventBuilder::custom("sofia::register").header("from-user", "1001");
    assert_eq!(seen(here), (true, "1001".to_owned()));
    let gone = EventBuilder::custom("sofia::unregister").header("from-user", "1001");
    assert_eq!(seen(gone), (false, "1001".to_owned()));
    let expired = EventBuilder::custom("sofia::expire").header("user", "1001");
    assert_eq!(seen(expired), (false, "1001".to_owned()));
}
