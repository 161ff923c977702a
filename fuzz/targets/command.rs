//! Any bytes as commands: what is understood, written and read again, is the same command; and any text as the value of a
//! variable stays within its variable.
#![no_main]

use libfuzzer_sys::fuzz_target;
use perezvon::esl::command::Reader;
use perezvon::esl::{Endpoint, Line, Name, Originate, Value};

fn there_and_back(bytes: &[u8]) {
    let mut reader = Reader::default();
    reader.push(bytes);
    while let Some(read) = reader.next_command() {
        let Ok(command) = read else { continue };
        let mut again = Reader::default();
        again.push(&command.to_bytes());
        assert_eq!(again.next_command(), Some(Ok(command)));
        assert_eq!(again.next_command(), None);
    }
}

fn stays_within(text: &str) {
    if let Ok(line) = Line::new(text) {
        assert!(!line.as_str().contains(char::is_control));
    }
    let Some(value) = Value::lossy(text) else { return };
    let name = |text: &str| Name::new(text).expect("a name");
    let originate = Originate {
        endpoint: Endpoint::new("user/1001").expect("an endpoint"),
        variables: vec![(name("a"), value.clone()), (name("b"), value)],
    };
    assert_eq!(Originate::parse(&originate.to_string()), Ok(originate));
}

fuzz_target!(|bytes: &[u8]| {
    there_and_back(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        stays_within(text);
    }
});
