//! What a Telegram chat is told, in Russian and English. Names and marks come from outside: what the Bot API would read as markup
//! is escaped, and every word has its longest length.

use crate::{
    config::Telegram,
    engine::{
        effect::{Alarm, Notice},
        record::{CallRecord, CallbackRecord, CloseReason, Outcome},
        rules::Language,
    },
    wire,
};
use serde_json::{Value, json};

/// The longest word from outside, in characters.
const MOST_WORD: usize = 100;

/// What the chat is told of this; `None`: nothing, or it did not want to know.
pub fn told(notice: &Notice, settings: &Telegram) -> Option<String> {
    let (event, _) = wire::event(notice)?;
    let (ru, en) = sentence(notice).filter(|_| settings.events.contains(&event))?;
    Some(if settings.language == Language::Ru { ru } else { en })
}

/// What the chat is told of trouble.
pub fn alarm(alarm: &Alarm, settings: &Telegram) -> Option<String> {
    let word = if settings.language == Language::Ru { "Тревога" } else { "Alarm" };
    settings.events.contains(&"alarm").then(|| format!("⚠️ {word} ({}): {}", alarm.kind.as_str(), word_of(&alarm.text)))
}

/// What is posted to `sendMessage`.
pub fn message(text: &str, settings: &Telegram) -> Value {
    json!({
        "chat_id": settings.chat, "text": text, "parse_mode": "HTML", "link_preview_options": { "is_disabled": true },
    })
}

/// How long Telegram asks to be left alone, in seconds.
pub fn retry_after(answer: &[u8]) -> Option<u64> {
    serde_json::from_slice::<Value>(answer).ok()?["parameters"]["retry_after"].as_u64()
}

/// In Russian and in English.
fn sentence(notice: &Notice) -> Option<(String, String)> {
    let both = |ru: String, en: String| Some((ru, en));
    match notice {
        Notice::CallArrived(call) => {
            both(format!("📞 Звонит {}", who(call, RU)), format!("📞 Calls: {}", who(call, EN)))
        }
        Notice::CallServed(call) => {
            let operator = word_of(call.operator.as_deref().unwrap_or("?"));
            both(format!("{operator} говорит с {}", who(call, RU)), format!("{operator} talks with {}", who(call, EN)))
        }
        Notice::CallEnded(call) if call.missed == Some(true) => {
            both(format!("❗ Пропущен звонок: {}", who(call, RU)), format!("❗ Missed call: {}", who(call, EN)))
        }
        Notice::CallEnded(call) => {
            both(format!("Звонок окончен: {}", who(call, RU)), format!("Call over: {}", who(call, EN)))
        }
        Notice::Queued(call) => {
            both(format!("В очереди: {}", who(call, RU)), format!("In the queue: {}", who(call, EN)))
        }
        Notice::Opened(callback) => {
            both(format!("Перезвоним: {}", whom(callback)), format!("To be called back: {}", whom(callback)))
        }
        Notice::Joined(callback) => {
            let n = callback.misses;
            both(
                format!("Не дозвонился уже {n}-й раз: {}", whom(callback)),
                format!("Missed {n} times: {}", whom(callback)),
            )
        }
        Notice::Joint { operator, number, .. } => {
            let operator = word_of(operator);
            both(format!("✅ {operator} говорит с {number}"), format!("✅ {operator} talks with {number}"))
        }
        Notice::AttemptEnded { number, outcome, .. } => {
            let (ru, en) = outcome_words(*outcome);
            both(format!("{number}: {ru}"), format!("{number}: {en}"))
        }
        Notice::Closed { callback, reason } => {
            let (ru, en) = reason_words(reason);
            both(format!("{}: {ru}", whom(callback)), format!("{}: {en}", whom(callback)))
        }
        Notice::Reopened(callback) => {
            both(format!("Попробуем ещё раз: {}", whom(callback)), format!("Tried again: {}", whom(callback)))
        }
        _ => None,
    }
}

const RU: [&str; 2] = ["номер скрыт", "линия"];
const EN: [&str; 2] = ["number hidden", "line"];

fn who(call: &CallRecord, [hidden, line]: [&str; 2]) -> String {
    let number = call.number.map_or_else(|| hidden.to_owned(), |number| number.to_string());
    let campaign = [&call.marks.campaign, &call.marks.source].into_iter().find(|mark| !mark.is_empty());
    let words = [Some(&call.name).filter(|name| !name.is_empty()), campaign];
    let mut text = number;
    for word in words.into_iter().flatten() {
        text = format!("{text}, {}", word_of(word));
    }
    format!("{text} ({line} {})", word_of(&call.line))
}

fn whom(callback: &CallbackRecord) -> String {
    let name = if callback.name.is_empty() { String::new() } else { format!(", {}", word_of(&callback.name)) };
    format!("{}{name} ({})", callback.number, word_of(&callback.line))
}

fn outcome_words(outcome: Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Talked => ("✅ поговорили", "✅ talked"),
        Outcome::Busy => ("занято", "busy"),
        Outcome::NoAnswer => ("не отвечает", "no answer"),
        Outcome::Invalid => ("номера нет", "there is no such number"),
        Outcome::Declined => ("сбросил", "declined"),
        Outcome::Machine => ("автоответчик", "a machine answered"),
        Outcome::Network => ("не дозвониться: сеть", "the network does not carry it"),
        Outcome::OperatorUnavailable => ("операторы не ответили", "no operator answered"),
        Outcome::OperatorDeclined => ("оператор положил трубку", "the operator hung up"),
        Outcome::Postponed => ("просит перезвонить позже", "asks to be called later"),
        Outcome::Cancelled => ("отменено", "cancelled"),
        Outcome::Unknown => ("неизвестно", "unknown"),
    }
}

fn reason_words(reason: &CloseReason) -> (&'static str, &'static str) {
    match reason {
        CloseReason::Talked => ("✅ поговорили", "✅ talked"),
        CloseReason::ClientCalled { .. } => ("✅ дозвонился сам", "✅ called again and got through"),
        CloseReason::OperatorCalled { .. } => ("✅ оператор позвонил сам", "✅ an operator called them"),
        CloseReason::Invalid => ("номера нет", "there is no such number"),
        CloseReason::Declined => ("отказался от звонка", "declined our call"),
        CloseReason::AttemptsSpent => ("❌ не дозвонились", "❌ not reached"),
        CloseReason::Expired => ("❌ не успели", "❌ too late"),
        CloseReason::Cancelled { .. } => ("отменено", "cancelled"),
        CloseReason::DoNotCall { .. } => ("просит не звонить", "is not to be called"),
        CloseReason::Observed { .. } => ("перезвонили бы (наблюдение)", "would be called (observing)"),
    }
}

/// A word from outside, as the Bot API's HTML has it.
fn word_of(text: &str) -> String {
    let plain = text.chars().filter(|c| !c.is_control()).take(MOST_WORD);
    plain.fold(String::new(), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
        out
    })
}
