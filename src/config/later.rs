//! Keys that the design has and this version does not: refused by name, so that nobody believes that they work.

/// The name of such a key, by the way to it.
pub fn key(path: &[String]) -> Option<&'static str> {
    let keys: Vec<&str> =
        path.iter().map(String::as_str).filter(|step| !step.bytes().all(|b| b.is_ascii_digit())).collect();
    Some(match keys.as_slice() {
        ["outbound", ..] => "[outbound], the inbound queue,",
        ["defaults", "requested", ..] | ["line", "requested", ..] => "`requested`, callbacks that clients ask for,",
        ["voice", .., "command"] => "`command`, rendering speech to files,",
        ["voice", .., "share"] => "`share`",
        ["trunk", _, "per_minute"] => "`per_minute`, the cost of calls,",
        ["operator", "answer"] => "`answer`, operators behind an office exchange,",
        ["operator", "level" | "weight"] | ["group", "operators", "level" | "weight"] => "weighing operators",
        ["defaults" | "line", "redial", "mode"] => "`mode`, a list that people dial by hand,",
        ["defaults" | "line", "redial", "order"] => "`order`, ringing the client first,",
        ["defaults" | "line", "redial", "missed", "unique"] => "`unique`, a client's first call,",
        _ => return None,
    })
}

/// The name of such a value, by its key.
pub fn word(key: &str, word: &str) -> Option<&'static str> {
    match (key, word) {
        (
            "strategy",
            "longest-idle-agent"
            | "agent-with-least-talk-time"
            | "agent-with-fewest-calls"
            | "sequentially-by-agent-order"
            | "random"
            | "ring-progressively"
            | "round-robin",
        ) => Some("this strategy"),
        _ => None,
    }
}
