//! The subcommands that ask a running daemon one thing.

use super::{Failure, SetOperator, show};
use crate::control::{
    client::{self, NoAnswer},
    request::{RefusalKind, Request},
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
        SetOperator::Ready { name } => (name, true),
        SetOperator::Away { name } => (name, false),
    });
    if let Some((name, ready)) = wanted {
        client::ask(socket, &Request::Operator { name: name.clone(), ready })?;
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
        writeln!(out, "{:<20} {}{callback}", text(&operator["name"]), text(&operator["state"]))?;
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
        let due = crate::engine::time::Wall(callback["due"].as_i64().unwrap_or_default());
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
