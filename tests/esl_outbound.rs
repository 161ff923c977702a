//! A channel that the dialplan gives to us, on recordings of a real switch and on peers that are none.

use perezvon::esl::{
    Limits,
    frame::Fault,
    outbound::{LIMITS, Notice, Session, Unfit},
};
use std::{fs, path::Path};

const ID: &str = "8f139b52-dc62-4021-9bdd-0404a5a97819";

fn recording(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire").join(name)).expect("a recording")
}

fn sent(session: &mut Session) -> String {
    String::from_utf8(session.take_output().to_vec()).expect("text")
}

fn hear(session: &mut Session, bytes: &[u8]) -> Vec<Notice> {
    session.receive(bytes);
    std::iter::from_fn(|| session.poll()).collect()
}

/// The reply to `connect` with these last headers.
fn connected(more: &str) -> Vec<u8> {
    format!("Event-Name: CHANNEL_DATA\nUnique-ID: a1\nCall-Direction: inbound\nContent-Type: command/reply\nReply-Text: %2BOK%0A\n{more}\n")
        .into_bytes()
}

fn held() -> Session {
    let mut session = Session::default();
    let told = hear(&mut session, &connected("Socket-Mode: async\nControl: full\n"));
    assert!(matches!(&told[..], [Notice::Given(_)]) && session.is_held(), "{told:?}");
    assert_eq!(sent(&mut session), "connect\n\napi uuid_setvar a1 socket_resume true\n\n");
    session
}

#[test]
fn a_recorded_channel_is_given_and_taken_back() {
    for (name, id) in [
        ("outbound-async-full", Some(ID)),
        ("outbound-caller-gone", None),
        ("outbound-given-back", None),
        ("outbound-talked", None),
    ] {
        for step in [1, 1000, usize::MAX] {
            let mut session = Session::default();
            let bytes = recording(&format!("{name}.esl"));
            let told: Vec<Notice> =
                bytes.chunks(step.min(bytes.len())).flat_map(|part| hear(&mut session, part)).collect();
            let [Notice::Given(channel), Notice::Over] = &told[..] else { panic!("{name}: {told:?}") };
            assert!(channel.len() > 150 && channel.channel().id().is_some());
            assert!(id.is_none_or(|id| channel.channel().id().as_deref() == Some(id)));
            assert!(session.is_closed());
        }
    }
}

#[test]
fn it_is_given_back_with_its_music_ended_and_left_without_a_word_to_it() {
    let mut session = held();
    session.give_back();
    session.leave();
    assert_eq!(sent(&mut session), "api uuid_setvar a1 perezvon_given_back true\n\napi uuid_break a1 all\n\nexit\n\n");
    let bye = "Content-Type: command/reply\nReply-Text: +OK bye\n\nContent-Type: text/disconnect-notice\n\
               Content-Disposition: disconnect\nContent-Length: 3\n\nbye";
    assert_eq!(hear(&mut session, bye.as_bytes()), [Notice::Over]);
    let mut session = held();
    session.leave();
    assert_eq!(sent(&mut session), "exit\n\n");
}

#[test]
fn what_is_left_before_the_channel_is_known_is_left_when_it_is() {
    let mut session = Session::default();
    session.leave();
    assert_eq!(sent(&mut session), "connect\n\n", "a caller would wait in the park for ever");
    assert_eq!(hear(&mut session, &connected("Socket-Mode: async\nControl: full\n")), []);
    assert_eq!(sent(&mut session), "api uuid_setvar a1 socket_resume true\n\nexit\n\n");
}

#[test]
fn a_socket_that_lingers_goes_on() {
    let mut session = held();
    let linger = "Content-Type: text/disconnect-notice\nContent-Disposition: linger\nContent-Length: 0\n\n";
    assert_eq!(hear(&mut session, linger.as_bytes()), []);
    assert!(session.is_held());
}

#[test]
fn what_is_no_channel_of_a_switch_is_told_apart() {
    let told = |bytes: &[u8]| {
        let mut session = Session::default();
        let told = hear(&mut session, bytes);
        assert!(session.is_closed());
        let [Notice::Unfit(why)] = &told[..] else { panic!("{told:?}") };
        (why.clone(), sent(&mut session))
    };
    let (why, sends) = told(&connected("Socket-Mode: static\nControl: single-channel\n"));
    assert!(why.to_string().contains("`socket ADDRESS async full`"), "{why}");
    assert_eq!(sends, "connect\n\napi uuid_setvar a1 socket_resume true\n\nexit\n\n", "the dialplan goes on");
    let (why, _) = told(b"Content-Type: auth/request\n\n");
    assert_eq!(why, Unfit::Unexpected("auth/request".to_owned()));
    let (why, _) = told(b"Content-Type: command/reply\nReply-Text: -ERR no\n\n");
    assert_eq!(why, Unfit::Refused("-ERR no".to_owned()));
    for id in ["", "Unique-ID: a%0Aapi%20shutdown\n", "Unique-ID: a b\n"] {
        let (why, sends) = told(format!("{id}Content-Type: command/reply\nReply-Text: %2BOK\n\n").as_bytes());
        assert!(matches!(why, Unfit::NoChannel(_)), "{why}");
        assert_eq!(sends, "connect\n\n");
    }
    let endless = b"a: b\n".repeat(LIMITS.header_block / 5 + 1);
    let (why, _) = told(&endless);
    assert!(
        matches!(&why, Unfit::Malformed(m) if matches!(m.what, Fault::HeaderBlockTooLong { .. } | Fault::TooManyHeaders { .. })),
        "{why}"
    );
    let (why, _) = told(b"HTTP/1.1 200 OK\n\n");
    assert!(matches!(&why, Unfit::Malformed(m) if m.what == Fault::NoContentType), "{why}");
    let limits = Limits { header_block: 64, ..LIMITS };
    let mut session = Session::new(limits);
    assert!(matches!(&hear(&mut session, &[b'x'; 65])[..], [Notice::Unfit(_)]));
    assert_eq!(hear(&mut session, &connected("")), []);
}
