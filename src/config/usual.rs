//! What holds where nobody says otherwise, as a configuration would write it: for forms that show it beside what is written.

use super::{
    redial::{DEFAULT_MUSIC, DEFAULT_WAIT, built_in},
    rules::DEFAULT_ESCALATE,
};
use crate::engine::{
    rules::{Again, Answer, Language, Mode, Operator, Order, Queue, Redial, Strategy, Then, Way},
    time::Span,
};
use serde_json::{Value, json};

/// By section: `redial`, `requested`, `queue`, `operator`, `group`, `line`; what has no default is left out.
pub fn usual(language: Language) -> Value {
    let redial = redial(&built_in(language));
    let mut requested = redial.clone();
    requested["track"] = json!(Span::ZERO.to_string());
    if let Some(keys) = requested.as_object_mut() {
        keys.remove("missed");
    }
    json!({
        "redial": redial,
        "requested": requested,
        "queue": queue(&Queue::default()),
        "operator": operator(&Operator::default()),
        "group": { "strategy": Strategy::default().as_str(), "remember": false, "escalate": DEFAULT_ESCALATE.to_string() },
        "line": { "priority": 0 },
    })
}

fn redial(redial: &Redial) -> Value {
    json!({
        "missed": [{ "call": "unserved" }],
        "mode": match redial.mode { Mode::Auto => "auto", Mode::ByHand => "by-hand" },
        "order": if redial.client_first.is_some() { "client-first" } else { "operator-first" },
        "track": redial.track.to_string(),
        "ring": redial.ring.to_string(),
        "attempts": redial.attempts,
        "expire": redial.expire.to_string(),
        "busy": again(&redial.busy),
        "no_answer": again(&redial.no_answer),
        "network": { "after": redial.network.to_string() },
        "several_zones": "common",
        "wait": DEFAULT_WAIT.to_string(),
        "music": DEFAULT_MUSIC,
        "longest_talk": redial.longest_talk.to_string(),
        "announce_operator": redial.announce_operator.missed,
        "announce_requested": redial.announce_operator.requested,
        "announce_repeated": redial.announce_operator.repeated,
        "announce_client": redial.announce_client,
    })
}

fn again(again: &Again) -> Value {
    match again {
        Again::After(span) => json!({ "after": span.to_string() }),
        Again::At { times, tomorrow } => {
            let times: Vec<String> = times.iter().map(|at| format!("{:02}:{:02}", at / 60, at % 60)).collect();
            json!({ "at": times, "from": if *tomorrow { "tomorrow" } else { "today" } })
        }
        Again::Spread => json!("spread"),
    }
}

fn operator(operator: &Operator) -> Value {
    json!({
        "phones": match operator.order { Order::InOrder => "in-order", Order::Together => "together" },
        "ring": operator.ring.to_string(),
        "wrap_up": operator.wrap_up.to_string(),
        "no_answer_pause": operator.no_answer_pause.to_string(),
        "reject_pause": operator.reject_pause.to_string(),
        "calls": operator.calls,
        "answer": match operator.answer {
            Answer::Person => json!("person"),
            Answer::Delay(span) => json!({ "delay": span.to_string() }),
            Answer::Press(key) => json!({ "press": key.sign().to_string() }),
        },
    })
}

fn queue(queue: &Queue) -> Value {
    json!({
        "music": queue.music,
        "longest_wait": queue.longest_wait.map_or(json!(false), |span| json!(span.to_string())),
        "closed": way(&queue.closed),
        "nobody": way(&queue.nobody),
        "full": way(&queue.full),
        "late": way(&queue.late),
        "keep_place": queue.keep_place.to_string(),
        "in_time": queue.in_time.to_string(),
        "short": queue.short.to_string(),
        "longest_hold": queue.longest_hold.to_string(),
        "announce": {
            "first": queue.announce.first.to_string(),
            "every": queue.announce.every.to_string(),
            "position": queue.announce.position,
            "wait": queue.announce.wait,
        },
    })
}

fn way(way: &Way) -> Value {
    json!(match way.then {
        Then::Wait => "wait",
        Then::CallBack => "call-back",
        Then::Voicemail => "voicemail",
        Then::Dialplan => "dialplan",
        Then::Goodbye | Then::Line(_) | Then::Extension(..) => "goodbye",
    })
}
