//! `perezvon explain`: why a callback stands where it stands, or what would come of a missed call.

use super::{
    Daemon, Failure,
    ask::{read, text},
    journal, show,
};
use crate::{
    control::{client, request::Request},
    engine::{
        explain::{Explanation, Forecast},
        record::{AttemptRecord, CallbackRecord},
        time::Wall,
    },
};
use clap::Args;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::io::Write;

/// What is to be explained.
#[derive(Debug, Args)]
pub struct Wanted {
    /// The callback, by its number in the journal
    #[arg(required_unless_present = "number", conflicts_with_all = ["number", "line", "at"])]
    callback: Option<u64>,
    /// What would come of a missed call of this client
    #[arg(long)]
    number: Option<String>,
    /// On this line; may be left out when there is one
    #[arg(long, value_name = "NAME")]
    line: Option<String>,
    /// That ends at this time (2027-02-20T18:30); now when it is left out
    #[arg(long, value_name = "WHEN")]
    at: Option<String>,
    #[command(flatten)]
    daemon: Daemon,
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

/// Explains it.
///
/// # Errors
/// No daemon; no such callback or line; a time that cannot be read.
pub fn run(wanted: &Wanted, out: &mut impl Write) -> Result<(), Failure> {
    let zone = TimeZone::system();
    let request = match (wanted.callback, &wanted.number) {
        (Some(callback), _) => Request::Explain { callback },
        (None, number) => Request::Foresee {
            number: number.clone().unwrap_or_default(),
            line: wanted.line.clone(),
            at: wanted.at.as_deref().map(|text| moment(text, &zone)).transpose()?.map(|at| at.0),
        },
    };
    let answer = client::ask(&wanted.daemon.socket, &request)?;
    match (wanted.json, wanted.callback) {
        (true, _) => Ok(writeln!(out, "{answer}")?),
        (false, Some(_)) => callback(&answer, &zone, out),
        (false, None) => forecast(&answer, &zone, out),
    }
}

fn moment(text: &str, zone: &TimeZone) -> Result<Wall, Failure> {
    let told = |error: jiff::Error| Failure::Failed(format!("\"{text}\" is no time ({error}): write 2027-02-20T18:30"));
    let local: jiff::civil::DateTime = text.parse().map_err(told)?;
    Ok(Wall(local.to_zoned(zone.clone()).map_err(told)?.timestamp().as_millisecond()))
}

fn callback(answer: &Value, zone: &TimeZone, out: &mut impl Write) -> Result<(), Failure> {
    let callback: CallbackRecord = read(&answer["callback"])?;
    let attempts: Vec<AttemptRecord> = read(&answer["attempts"])?;
    let time = |at| show::time(at, zone);
    writeln!(out, "callback #{} of {} on line {}", callback.id, callback.number, callback.line)?;
    match (answer["rule"].as_str(), answer["call"]["ended"].as_i64()) {
        (Some(rule), Some(ended)) => writeln!(out, "  why: the call that ended {} {rule}", time(Wall(ended)))?,
        _ => writeln!(out, "  why: {}", journal::origin_words(&callback.origin))?,
    }
    for attempt in &attempts {
        let outcome = attempt.outcome.map_or("under way", |outcome| outcome.as_str());
        let operator = attempt.operator.as_deref().map(|name| format!(", {name}")).unwrap_or_default();
        let cause = if attempt.cause.is_empty() { String::new() } else { format!(" ({})", attempt.cause) };
        writeln!(out, "  attempt {} at {}{operator}: {outcome}{cause}", attempt.n, time(attempt.started))?;
    }
    if answer["now"].is_null() {
        return Ok(writeln!(
            out,
            "  over: {}",
            journal::callback_words(&answer["callback"]).trim_start_matches(" -> ")
        )?);
    }
    let Explanation { vetoes, next, before, callback } = read(&answer["now"])?;
    for veto in &vetoes {
        writeln!(out, "  not now: {}", veto.as_str())?;
    }
    match (next, vetoes.is_empty()) {
        (_, true) => writeln!(out, "  nothing stands against it: it is dialled in its turn, {before} before it")?,
        (Some(next), false) => {
            writeln!(out, "  next: {}, when an operator is free; {before} before it", time(next))?;
        }
        (None, false) => writeln!(out, "  next: not before it is given up")?,
    }
    Ok(writeln!(out, "  given up: {}", time(callback.expires))?)
}

fn forecast(answer: &Value, zone: &TimeZone, out: &mut impl Write) -> Result<(), Failure> {
    let Some(Forecast { blocked, rule, joins, next, expires }) = read::<Option<Forecast>>(answer)? else {
        return Err(Failure::Failed(format!("the line is gone from the configuration ({})", text(answer))));
    };
    if let Some(block) = blocked {
        return Ok(writeln!(out, "never: {}", block.why)?);
    }
    let Some(rule) = rule else {
        return Ok(writeln!(out, "never: an unserved call is not missed on this line")?);
    };
    writeln!(out, "missed, when the client {rule}")?;
    if let Some(id) = joins {
        writeln!(out, "it joins callback #{id}")?;
    }
    match next {
        Some(next) => writeln!(out, "dialled from {} on, when an operator is free", show::time(next, zone))?,
        None => writeln!(out, "never dialled: nothing is left of its time")?,
    }
    Ok(writeln!(out, "given up {}", show::time(expires, zone))?)
}
