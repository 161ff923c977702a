//! The subcommands that ask a running daemon one thing.

use super::{Failure, SetOperator, show};
use crate::control::{
    client::{self, NoAnswer},
    request::{RefusalKind, Request},
};
use crate::engine::{
    number::Number,
    time::{Span, Wall},
};
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{
    io::Write,
    path::{Path, PathBuf},
};

impl From<NoAnswer> for Failure {
    fn from(error: NoAnswer) -> Failure {
        match &error {
            NoAnswer::Unreachable { .. } => Failure::Unreachable(error.to_string()),
            NoAnswer::Refused(refusal) if refusal.kind == RefusalKind::Config => Failure::Config(error.to_string()),
            NoAnswer::Broken(_) | NoAnswer::Refused(_) => Failure::Failed(error.to_string()),
        }
    }
}

/// Who asks: the person at the terminal.
pub(super) fn somebody() -> String {
    ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default()
}

/// `perezvon call`
///
/// # Errors
/// No daemon, no such line, no number.
pub fn call(
    socket: &Path,
    number: String,
    line: Option<String>,
    json: bool,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let answer = client::ask(socket, &Request::Call { number, line, by: somebody(), list: None })?;
    let callback = &answer["callback"];
    match json {
        true => writeln!(out, "{callback}")?,
        false => writeln!(
            out,
            "callback {}: {} is called on line {} as soon as an operator is free",
            callback["id"],
            text(&callback["number"]),
            text(&callback["line"]),
        )?,
    }
    Ok(())
}

/// `perezvon cancel`
///
/// # Errors
/// No daemon, no such callback.
pub fn cancel(socket: &Path, callback: u64, out: &mut impl Write) -> Result<(), Failure> {
    client::ask(socket, &Request::Cancel { callback, by: somebody() })?;
    Ok(writeln!(out, "callback {callback} is taken off")?)
}

/// `perezvon operators`
///
/// # Errors
/// No daemon, no such operator.
pub fn operators(socket: &Path, set: Option<SetOperator>, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    let wanted = set.map(|set| match set {
        SetOperator::Ready { name } => (name, true, String::new()),
        SetOperator::Away { name, why } => (name, false, why.unwrap_or_default()),
    });
    if let Some((name, ready, why)) = wanted {
        client::ask(socket, &Request::Operator { name: name.clone(), ready, why })?;
        return Ok(writeln!(out, "{name} is {}", if ready { "ready" } else { "away" })?);
    }
    let answer = client::ask(socket, &Request::Operators {})?;
    if json {
        return Ok(writeln!(out, "{answer}")?);
    }
    Ok(tell_operators(&answer["operators"], out)?)
}

fn tell_operators(operators: &Value, out: &mut impl Write) -> std::io::Result<()> {
    for operator in operators.as_array().into_iter().flatten() {
        let callback = operator["callback"].as_u64().map(|id| format!(" #{id}")).unwrap_or_default();
        let why = operator["why"].as_str().map(|why| format!(" ({why})")).unwrap_or_default();
        let pause = operator["pause"]
            .as_i64()
            .map(|at| format!(" until {}", show::time(Wall(at), &TimeZone::system())))
            .unwrap_or_default();
        writeln!(out, "{:<20} {}{pause}{why}{callback}", text(&operator["name"]), text(&operator["state"]))?;
    }
    Ok(())
}

/// `perezvon queue`
///
/// # Errors
/// No daemon.
pub fn queue(socket: &Path, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    let answer = client::ask(socket, &Request::Queue {})?;
    match json {
        true => writeln!(out, "{answer}")?,
        false => tell_queues(&answer["queues"], out)?,
    }
    Ok(())
}

/// Each group's callers under its name. Numbers are masked: a screen on the wall may show this.
fn tell_queues(queues: &Value, out: &mut impl Write) -> std::io::Result<()> {
    for queue in queues.as_array().into_iter().flatten() {
        let waiting = queue["waiting"].as_array().map(Vec::as_slice).unwrap_or_default();
        let (count, operators) = (waiting.len(), &queue["operators"]);
        writeln!(out, "{}: {count} on the line, operators who take calls: {operators}", text(&queue["group"]))?;
        for caller in waiting {
            let number = caller["number"].as_str().and_then(|number| number.parse::<Number>().ok());
            let rung: Vec<&str> = caller["rung"].as_array().into_iter().flatten().map(text).collect();
            let state = match (rung.is_empty(), caller["given"].as_bool()) {
                (false, _) => format!("rung for them: {}", rung.join(", ")),
                (true, Some(false)) => "in the dialplan's hands".to_owned(),
                (true, _) => format!("hears: {}", text(&caller["hears"])),
            };
            writeln!(
                out,
                "  {:>3}  {:<16} {:<12} {:>12}  {state}",
                caller["position"].as_u64().unwrap_or_default(),
                number.map_or("hidden number".to_owned(), Number::masked),
                text(&caller["line"]),
                show::span(Span(caller["waited"].as_u64().unwrap_or_default())),
            )?;
        }
    }
    Ok(())
}

/// `perezvon status`
///
/// # Errors
/// No daemon.
pub fn status(socket: &Path, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    let status = client::ask(socket, &Request::Status {})?;
    if json {
        return Ok(writeln!(out, "{status}")?);
    }
    let flag = |key: &str| status[key].as_bool() == Some(true);
    for (shown, words) in [
        (flag("paused"), "paused: nobody is dialled until `perezvon resume`"),
        (flag("observe"), "observing: nobody is dialled"),
        (flag("draining"), "stopping"),
        (!flag("store_works"), "the store takes no writes: nobody is dialled until it does"),
    ] {
        if shown {
            writeln!(out, "{words}")?;
        }
    }
    for switch in status["switches"].as_array().into_iter().flatten() {
        let up = if switch["up"].as_bool() == Some(true) { "connected" } else { "not connected" };
        writeln!(out, "switch {}: {up}", text(&switch["name"]))?;
    }
    let count = |key: &str| status[key].as_array().map_or(0, Vec::len);
    writeln!(
        out,
        "{} calls, {} open callbacks, {} attempts, {} talks",
        count("calls"),
        count("callbacks"),
        status["attempts"],
        status["talking"]
    )?;
    let zone = TimeZone::system();
    for callback in status["callbacks"].as_array().into_iter().flatten() {
        let due = Wall(callback["due"].as_i64().unwrap_or_default());
        writeln!(
            out,
            "  #{} {} on {}: {}, due {}, {} tried",
            callback["id"],
            text(&callback["number"]),
            text(&callback["line"]),
            text(&callback["state"]),
            show::time(due, &zone),
            callback["attempts"],
        )?;
    }
    if status["queues"].as_array().into_iter().flatten().any(|queue| queue["waiting"] != Value::Array(Vec::new())) {
        tell_queues(&status["queues"], out)?;
    }
    for held in status["held"].as_array().into_iter().flatten() {
        let span = show::span(Span(held["held"].as_u64().unwrap_or_default()));
        writeln!(out, "on hold for {span}: the client of {} on {}", text(&held["operator"]), text(&held["line"]))?;
    }
    Ok(tell_operators(&status["operators"], out)?)
}

/// `perezvon pause`
///
/// # Errors
/// No daemon.
pub fn pause(socket: &Path, list: Option<String>, out: &mut impl Write) -> Result<(), Failure> {
    if let Some(list) = list {
        client::ask(socket, &Request::PauseList { list: list.clone(), paused: true })?;
        return Ok(writeln!(out, "list {list} rests until `perezvon resume --list {list}`")?);
    }
    client::ask(socket, &Request::Pause {})?;
    Ok(writeln!(out, "paused: nobody is dialled until `perezvon resume`")?)
}

/// `perezvon resume`
///
/// # Errors
/// No daemon.
pub fn resume(socket: &Path, list: Option<String>, out: &mut impl Write) -> Result<(), Failure> {
    if let Some(list) = list {
        client::ask(socket, &Request::PauseList { list: list.clone(), paused: false })?;
        return Ok(writeln!(out, "list {list} is called through again")?);
    }
    client::ask(socket, &Request::Resume {})?;
    Ok(writeln!(out, "dialling again")?)
}

/// `perezvon reload`
///
/// # Errors
/// No daemon; the configuration's faults.
pub fn reload(socket: &Path, out: &mut impl Write) -> Result<(), Failure> {
    let answer = client::ask(socket, &Request::Reload {})?;
    let rest: Vec<String> = answer["needs_restart"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|section| format!("[{}]", text(section)))
        .collect();
    match rest.is_empty() {
        true => writeln!(out, "the new configuration is obeyed")?,
        false => writeln!(out, "the new rules are obeyed; a restart brings in {}", rest.join(", "))?,
    }
    Ok(())
}

/// `perezvon backup`
///
/// # Errors
/// No daemon; the file is there, or the daemon may not write there.
pub fn backup(socket: &Path, file: &Path, out: &mut impl Write) -> Result<(), Failure> {
    let file: PathBuf = std::path::absolute(file)?;
    client::ask(socket, &Request::Backup { file: file.clone() })?;
    Ok(writeln!(out, "{} is written", file.display())?)
}

/// A part of an answer, as what it is.
pub(super) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, Failure> {
    serde_json::from_value(value.clone()).map_err(|error| Failure::Failed(format!("the daemon's answer: {error}")))
}

/// A text of an answer, without its quotes.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn who_waits_is_told_in_order_and_no_number_is_whole() {
        let caller = |position: u32, number: Option<&str>, given: bool, rung: &[&str]| {
            json!({ "position": position, "number": number, "line": "site", "waited": 75_000, "given": given,
                    "hears": "music", "rung": rung })
        };
        let waiting = [
            caller(1, Some("+79161234567"), true, &["anna", "boris"]),
            caller(3, None, true, &[]),
            caller(4, Some("+79161234568"), false, &[]),
        ];
        let queues = json!([{ "group": "sales", "operators": 2, "waiting": waiting }]);
        let mut text = Vec::new();
        tell_queues(&queues, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0].join(" "), "sales: 3 on the line, operators who take calls: 2");
        assert_eq!(lines[1].join(" "), "1 +7916***4567 site 1 min 15 s rung for them: anna, boris");
        assert_eq!(lines[2].join(" "), "3 hidden number site 1 min 15 s hears: music");
        assert_eq!(lines[3].join(" "), "4 +7916***4568 site 1 min 15 s in the dialplan's hands");
    }
}
