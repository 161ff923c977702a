//! `perezvon journal`: what came of each call.

use super::{Daemon, Failure, show};
use crate::{
    config,
    control::{
        client,
        request::{MOST_ANSWERED, Request},
    },
    engine::{
        record::Origin,
        time::{Span, Wall},
    },
    store::Place,
};
use clap::Args;
use jiff::{civil::Date, tz::TimeZone};
use serde_json::Value;
use std::io::Write;

/// How many rows are shown when nobody says.
const ROWS: usize = 100;

/// Which part of it.
#[derive(Debug, Args)]
pub struct Wanted {
    #[command(flatten)]
    daemon: Daemon,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
    /// Since a date (2027-02-20), or for so long (1d, 2h30m)
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Of this client
    #[arg(long)]
    number: Option<String>,
    /// Of this line
    #[arg(long, value_name = "NAME")]
    line: Option<String>,
    /// How many rows, the newest ones; 100 unless --since is given
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// One callback with its attempts and legs, as JSON
    #[arg(long, value_name = "ID", conflicts_with_all = ["since", "number", "line", "limit"])]
    callback: Option<u64>,
}

/// Prints it, the newest row last.
///
/// # Errors
/// No daemon; a time that cannot be read.
pub fn run(wanted: &Wanted, out: &mut impl Write) -> Result<(), Failure> {
    if let Some(id) = wanted.callback {
        let story = client::ask(&wanted.daemon.socket, &Request::Callback { id })?;
        let text =
            if wanted.json { story.to_string() } else { serde_json::to_string_pretty(&story).unwrap_or_default() };
        return Ok(writeln!(out, "{text}")?);
    }
    let zone = TimeZone::system();
    let since = wanted.since.as_deref().map(|text| since(text, &zone)).transpose()?;
    // From a time on everything is shown, page after page; without one the newest rows are, in one answer.
    let whole = since.is_some() && wanted.limit.is_none();
    let mut after: Option<Place> = whole.then(|| Place::before(since.unwrap_or_default()));
    loop {
        let request = Request::Journal {
            since: since.map(|since| since.0),
            number: wanted.number.clone(),
            line: wanted.line.clone(),
            limit: Some(if whole { MOST_ANSWERED } else { wanted.limit.unwrap_or(ROWS) }),
            after: after.take(),
        };
        let answer = client::ask(&wanted.daemon.socket, &request)?;
        let rows = answer["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
        for row in rows {
            match wanted.json {
                true => writeln!(out, "{row}")?,
                false => writeln!(out, "{}", sentence(row, &zone))?,
            }
        }
        after = serde_json::from_value(answer["next"].clone()).ok();
        if !whole || rows.len() < MOST_ANSWERED || after.is_none() {
            return Ok(());
        }
    }
}

/// The start of a day, or so long ago.
pub(super) fn since(text: &str, zone: &TimeZone) -> Result<Wall, Failure> {
    if let Ok(date) = text.parse::<Date>() {
        let start = date.to_zoned(zone.clone()).map_err(|error| Failure::Failed(error.to_string()))?;
        return Ok(Wall(start.timestamp().as_millisecond()));
    }
    let span = config::span(text)
        .map_err(|_| Failure::Failed(format!("\"{text}\" is no time: write 2027-02-20, 1d or 2h30m")))?;
    Ok(crate::clock::Clock::system().now().wall - span)
}

/// One row for people.
pub fn sentence(row: &Value, zone: &TimeZone) -> String {
    let (call, callback) = (&row["call"], &row["callback"]);
    let subject = if call.is_null() { callback } else { call };
    let at = Wall(call["arrived"].as_i64().or(callback["opened"].as_i64()).unwrap_or_default());
    let number = subject["number"].as_str().unwrap_or("hidden number");
    let line = subject["line"].as_str().unwrap_or("-");
    let list = || callback["origin"]["list"].as_str();
    let what = match (call.is_null(), list()) {
        (false, _) => call_words(call) + &queue_words(call),
        (true, None) if callback["origin"]["kind"] == "queue" => "asked in the queue to be called".to_owned(),
        (true, None) if callback["origin"]["kind"] == "web" => {
            format!("asked for on the site {}", callback["origin"]["site"].as_str().unwrap_or("-"))
        }
        (true, None) => "asked for by hand".to_owned(),
        (true, Some(list)) => format!("in list {list}"),
    };
    format!("{}  {number:<16} {line:<12} {what}{}", show::time(at, zone), callback_words(callback))
}

/// Why a callback exists.
pub(super) fn origin_words(origin: &Origin) -> String {
    match origin {
        Origin::Missed { .. } => "a missed call, on a line that is gone from the configuration".to_owned(),
        Origin::ByHand { by } => format!("{by} asked for it"),
        Origin::Queue { .. } => "asked in the queue to be called".to_owned(),
        Origin::Listed { list } => format!("it stands in list {list}"),
        Origin::Web { site } => format!("asked for on the site {site}"),
    }
}

fn call_words(call: &Value) -> String {
    let talk = Span(call["talk"].as_u64().unwrap_or_default());
    let with = call["operator"].as_str().map(|name| format!(" with {name}")).unwrap_or_default();
    match (call["missed"].as_bool(), call["served"].is_null(), call["ended"].is_null()) {
        (Some(true), true, _) => "missed".to_owned(),
        (Some(true), false, _) => format!("missed: talked{with} for only {}", show::span(talk)),
        (_, false, true) => format!("talks{with} now"),
        (_, true, true) => "waits now".to_owned(),
        (_, false, false) => format!("talked{with} for {}", show::span(talk)),
        (_, true, false) => "unserved".to_owned(),
    }
}

/// How a call went in a queue of ours, and which files came of it.
fn queue_words(call: &Value) -> String {
    let queue = &call["queue"];
    let Some(group) = queue["group"].as_str() else { return String::new() };
    let waited = show::span(Span(call["waited"].as_u64().unwrap_or_default()));
    let mut words = match queue["left"].as_str() {
        Some(left) => format!(", queue {group}: {left} after {waited}"),
        None => format!(", queue {group}"),
    };
    for (key, what) in [("handed_to", "handed to"), ("voicemail", "message"), ("recording", "recorded in")] {
        words += &queue[key].as_str().map(|value| format!(", {what} {value}")).unwrap_or_default();
    }
    words
}

pub(super) fn callback_words(callback: &Value) -> String {
    let Some(id) = callback["id"].as_u64() else { return String::new() };
    let attempts = callback["attempts"].as_u64().unwrap_or_default();
    let tried = if attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") };
    match callback["state"].as_str() {
        Some("closed") => {
            let reason = callback["reason"].as_str().or(callback["reason"]["reason"].as_str()).unwrap_or("closed");
            let by = callback["reason"]["by"].as_str().map(|by| format!(" by {by}")).unwrap_or_default();
            format!(" -> callback #{id}: {reason}{by}, {tried}")
        }
        Some(state) => format!(" -> callback #{id}: {state}, {tried} so far"),
        None => String::new(),
    }
}
