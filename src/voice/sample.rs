//! What an example of a call would know, for an announcement that is tried.

use crate::engine::{
    effect::Facts,
    number::Number,
    rules::{Answer, Line, Rules},
};

/// The facts of a first attempt to call this client of this line back, who was missed once.
pub fn facts(line: &Line, rules: &Rules, number: Number, name: &str) -> Facts {
    Facts {
        number: number.to_string(),
        name: name.to_owned(),
        line: line.name.to_string(),
        channel: line.channel.clone(),
        source: line.source.clone(),
        campaign: line.campaign.clone(),
        attempt: 1,
        misses: 1,
        key: key_of(line, rules),
        ..Facts::default()
    }
}

/// The key by which the line's first operator takes a call.
fn key_of(line: &Line, rules: &Rules) -> String {
    let first = rules.groups.get(&line.group).and_then(|group| rules.operators.get(&group.operators.first()?.name));
    match first.map(|operator| operator.answer) {
        Some(Answer::Press(key)) => key.sign().to_string(),
        _ => String::new(),
    }
}
