//! A small piece of a journal to replay.

use perezvon::engine::record::{AttemptRecord, CallRecord, CallbackRecord, Write};
use serde_json::{Value, json};

/// A missed call of this moment (milliseconds since 1970) on the line "site", with the callback that reached the client at the second
/// dial.
pub fn journal(began: i64) -> Vec<Write> {
    let at = |seconds: i64| began + seconds * 1000;
    let call: CallRecord = serde_json::from_value(json!({
        "id": "c1", "switch": "main", "line": "site", "number": "+79161234567", "name": "", "arrived": at(0), "served": null,
        "operator": null, "talk": 0, "ended": at(30), "missed": true, "cause": "NO_ANSWER", "callback": 1, "known_by": "event",
        "waited": 30_000, "previous": null, "channel": "", "source": "", "campaign": "", "page": "", "tags": "",
    }))
    .unwrap();
    let callback: CallbackRecord = serde_json::from_value(json!({
        "id": 1, "number": "+79161234567", "name": "", "line": "site", "origin": { "kind": "missed", "call": "c1" },
        "opened": at(30), "last_miss": at(30), "misses": 1, "state": "closed", "at": at(550), "reason": { "reason": "talked" },
        "due": at(330), "expires": at(86_430), "attempts": 2, "spent": 2, "setbacks": 0, "last": "talked",
        "wanted": false, "channel": "", "source": "", "campaign": "", "page": "", "tags": "",
    }))
    .unwrap();
    let attempt = |n: i64, dialled: i64, talk: i64, outcome: &str| -> AttemptRecord {
        let leg = |role: &str, who: &str, from: i64, answered: Value| {
            json!({ "id": format!("{role}{n}"), "role": role, "who": who, "phone": null, "intended": at(from), "ring": 30_000,
                    "answered": answered, "ended": at(dialled + 4 + talk), "cause": "" })
        };
        let there = if talk > 0 { json!(at(dialled + 4)) } else { Value::Null };
        serde_json::from_value(json!({
            "callback": 1, "n": n, "switch": "main", "started": at(dialled - 15), "operator": "anna", "took": null, "handed_to": null, "recording": null,
            "legs": [leg("operator", "anna", dialled - 15, json!(at(dialled - 10))), leg("client", "provider", dialled, there.clone())],
            "joined": there, "ended": at(dialled + 4 + talk), "outcome": outcome, "cause": "",
        }))
        .unwrap()
    };
    let attempts = [attempt(1, 345, 0, "busy"), attempt(2, 480, 60, "talked")];
    [Write::Call(call), Write::Callback(callback)].into_iter().chain(attempts.map(Write::Attempt)).collect()
}
