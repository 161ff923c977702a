//! `decode`: recordings made readable, for people and as JSON.
#![cfg(feature = "daemon")]

use perezvon::cli::decode::{DecodeError, run};
use perezvon::esl::{EventBuilder, Fault, Format};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn recording(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire").join(name)
}

fn messages(file: &Path) -> (Vec<Value>, Result<(), DecodeError>) {
    let mut out = Vec::new();
    let result = run(file, true, &mut out);
    let text = String::from_utf8(out).expect("text");
    (text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect(), result)
}

fn file_of(bytes: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), bytes).expect("written");
    file
}

#[test]
fn every_recording_is_shown_whole() {
    let mut count = 0;
    for entry in std::fs::read_dir(recording("")).expect("recordings") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "esl") {
            let (all, result) = messages(&path);
            assert!(result.is_ok(), "{}: {result:?}", path.display());
            count += all.len();
            for message in all {
                let keys: Vec<_> = message.as_object().expect("an object").keys().cloned().collect();
                assert_eq!(keys, ["body", "content_type", "headers"]);
            }
            let mut out = Vec::new();
            run(&path, false, &mut out).expect("readable");
            assert!(
                std::str::from_utf8(&out).expect("text").lines().all(|line| !line.contains(|c: char| c.is_control()))
            );
        }
    }
    assert!(count >= 404, "{count}");
}

#[test]
fn messages_are_objects_with_decoded_headers() {
    let (all, _) = messages(&recording("auth-ok.esl"));
    assert_eq!(
        all[0],
        json!({"content_type": "auth/request", "headers": {"Content-Type": "auth/request"}, "body": ""})
    );
    assert_eq!(all[1]["headers"]["Reply-Text"], "+OK accepted");
    assert_eq!(all[2]["body"].as_str().map(str::len), Some(366));

    for name in ["callback-bridged.esl", "callback-bridged-json.esl"] {
        let (all, _) = messages(&recording(name));
        let create = all.iter().find(|message| message["headers"]["Event-Name"] == "CHANNEL_CREATE").expect("an event");
        assert_eq!(create["headers"]["Caller-Caller-ID-Name"], "Пропущенный 79161234567", "{name}");
        let job = all.iter().find(|message| message["headers"]["Event-Name"] == "BACKGROUND_JOB").expect("an event");
        assert!(job["body"].as_str().is_some_and(|body| body.starts_with("+OK ") && body.ends_with('\n')), "{name}");
    }
    let (all, _) = messages(&recording("outbound-async-full.esl"));
    assert_eq!(all[0]["headers"]["Reply-Text"], "+OK\n");
    assert_eq!(all[0]["headers"]["Channel-Name"], "sofia/pbx/79161110005@127.0.0.1");
}

#[test]
fn lists_are_arrays_in_both_forms() {
    for format in [Format::Plain, Format::Json] {
        let event = EventBuilder::new("X").array("variable_list", &["a b", "ё", "c%"]);
        let file = file_of(&event.to_frame(format));
        let (all, result) = messages(file.path());
        assert!(result.is_ok());
        assert_eq!(all[0]["headers"]["variable_list"], json!(["a b", "ё", "c%"]));
    }
}

#[test]
fn what_is_malformed_is_shown_in_its_place() {
    let event = EventBuilder::new("X").to_frame(Format::Plain);
    let empty = b"Content-Length: 0\nContent-Type: text/event-plain\n\n";
    let file = file_of(&[&event[..], empty, &event].concat());
    let (all, result) = messages(file.path());
    assert_eq!(all.len(), 3);
    assert_eq!(all[1], json!({"error": "an event without headers", "at": event.len()}));
    assert!(matches!(result, Err(DecodeError::Malformed { count: 1, .. })), "{result:?}");

    let file = file_of(&[&event[..], b"Content-Length: -1\n\n", &event].concat());
    let (all, result) = messages(file.path());
    assert_eq!(all.len(), 2);
    assert!(matches!(result, Err(DecodeError::Malformed { last, .. }) if matches!(last.what, Fault::BadLength(_))));
}

#[test]
fn a_file_that_ends_within_a_message_says_so() {
    let event = EventBuilder::new("X").to_frame(Format::Plain);
    for cut in 1..event.len() {
        let file = file_of(&[&event[..], &event[..cut]].concat());
        let (all, result) = messages(file.path());
        assert_eq!(all.len(), 1, "{cut}");
        assert!(matches!(result, Err(DecodeError::Unfinished { at, .. }) if at == event.len() as u64), "{result:?}");
    }
    assert!(matches!(messages(Path::new("/no/such/file")).1, Err(DecodeError::Read { .. })));
}

#[test]
fn controls_do_not_reach_the_terminal() {
    let file = file_of(&EventBuilder::new("X").header("a", "\u{1b}[2J\n").body("\u{7}").to_frame(Format::Plain));
    let mut out = Vec::new();
    run(file.path(), false, &mut out).expect("readable");
    let text = String::from_utf8(out).expect("text");
    assert!(text.contains(r"a: \u{1b}[2J\n") && text.contains(r"| \u{7}"), "{text}");
}
