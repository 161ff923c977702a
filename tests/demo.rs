//! The demonstration, as a newcomer sees it. It has a file of its own: at 240 times life's speed, what else the machine does
//! meanwhile would be minutes of a call centre.

use serde_json::Value;
use std::process::Command;

#[test]
fn the_demonstration_calls_everybody_back_and_breaks_nothing() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_perezvon")).args(["demo", "--json", "--lang", "ru"]).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let said = text(&output.stdout);
    let summary: Value = serde_json::from_str(said.lines().last().unwrap_or_default()).unwrap_or_default();
    assert_eq!(output.status.code(), Some(0), "{}\n{summary}", text(&output.stderr));
    let count = |key: &str| summary[key].as_u64().unwrap_or_else(|| panic!("no {key}: {summary}"));
    assert_eq!(count("violations"), 0);
    assert!(count("calls") >= 55 && count("missed") >= 10 && count("attempts") >= count("recovered"), "{summary}");
    assert_eq!(count("missed"), count("recovered") + count("cancelled") + count("gave_up"), "{summary}");
    for trouble in
        ["занято", "такого номера нет", "отклонил вызов", "дозвонился сам", "ТРЕВОГА", "скрытого номера", "${system"]
    {
        assert!(said.contains(trouble), "{trouble}: {said}");
    }
}
