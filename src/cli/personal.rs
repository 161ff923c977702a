//! `perezvon known`, `perezvon forget`: what is kept of a client, and how it goes.

use super::{
    Daemon, Failure,
    ask::{read, somebody, text},
};
use crate::{
    clock::Clock,
    config::span,
    control::{client, request::Request},
    engine::time::{Span, Wall},
    store::Old,
};
use clap::Args;
use serde_json::Value;
use std::{io::Write, path::Path};

/// The least age that is removed: limits a week are counted from the journal.
const YOUNGEST: Span = Span::minutes(8 * 24 * 60);

/// What is kept of a client.
#[derive(Debug, Args)]
pub struct Known {
    /// The client's number, as people write it
    number: String,
    /// Which daemon is asked
    #[command(flatten)]
    daemon: Daemon,
    /// As one JSON object: all of it
    #[arg(long)]
    json: bool,
}

/// Whom or what to forget.
#[derive(Debug, Args)]
pub struct Forget {
    /// The client's number, as people write it
    #[arg(required_unless_present = "older_than")]
    number: Option<String>,
    /// Everything that is older than this, of all clients: `400d`
    #[arg(long, value_name = "AGE", conflicts_with_all = ["number", "unblock"])]
    older_than: Option<String>,
    /// Only say what would be forgotten
    #[arg(long)]
    dry_run: bool,
    /// Take the number off those that are never dialled, too
    #[arg(long)]
    unblock: bool,
    /// Which daemon is asked
    #[command(flatten)]
    daemon: Daemon,
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

/// `perezvon known`
///
/// # Errors
/// No daemon; it is no number.
pub fn known(wanted: &Known, out: &mut impl Write) -> Result<(), Failure> {
    let answer = client::ask(&wanted.daemon.socket, &Request::Known { number: wanted.number.clone() })?;
    if wanted.json {
        return Ok(writeln!(out, "{answer}")?);
    }
    writeln!(out, "{}: {}", text(&answer["number"]), counts(&answer))?;
    if !answer["blocked"].is_null() {
        writeln!(out, "it is never dialled (perezvon blocked)")?;
    }
    files(&answer, out)?;
    Ok(writeln!(out, "all of it: --json")?)
}

/// `perezvon forget`
///
/// # Errors
/// No daemon; it is no number, or no age; the client is on a call.
pub fn forget(wanted: Forget, out: &mut impl Write) -> Result<(), Failure> {
    let socket = &wanted.daemon.socket;
    if let Some(age) = &wanted.older_than {
        let before = before(age)?;
        return old(socket, before, wanted.dry_run, wanted.json, out);
    }
    let number = wanted.number.unwrap_or_default();
    let request = match wanted.dry_run {
        true => Request::Known { number },
        false => Request::Forget { number, by: somebody(), unblock: wanted.unblock },
    };
    let answer = client::ask(socket, &request)?;
    if wanted.json {
        return Ok(writeln!(out, "{answer}")?);
    }
    let (number, counts) = (text(&answer["number"]), counts(&answer));
    match wanted.dry_run {
        true => writeln!(out, "{number} would be forgotten: {counts}")?,
        false => writeln!(out, "{number} is forgotten: {counts}")?,
    }
    files(&answer, out)?;
    if !answer["blocked"].is_null() && !wanted.unblock {
        writeln!(out, "the number stays among those that are never dialled; --unblock takes it off")?;
    }
    Ok(writeln!(out, "backups that were made before have it still")?)
}

fn counts(answer: &Value) -> String {
    let count = |key: &str| answer[key].as_array().map_or(0, Vec::len);
    let [calls, callbacks, papers] = ["calls", "callbacks", "papers"].map(count);
    format!("{calls} calls, {callbacks} callbacks, {papers} requests, messages and notes")
}

fn files(answer: &Value, out: &mut impl Write) -> Result<(), Failure> {
    let files: Vec<String> = read(&answer["recordings"])?;
    if !files.is_empty() {
        writeln!(out, "heard in these files, to be removed on the switch:")?;
        files.iter().try_for_each(|file| writeln!(out, "  {file}"))?;
    }
    Ok(())
}

fn before(age: &str) -> Result<Wall, Failure> {
    let span = span(age).map_err(|wrong| Failure::Failed(format!("--older-than: {}; {}", wrong.what, wrong.cure)))?;
    if span < YOUNGEST {
        return Err(Failure::Failed(format!("--older-than: what is younger than {YOUNGEST} is needed still")));
    }
    Ok(Clock::of_environment().now().wall - span)
}

fn old(socket: &Path, before: Wall, dry_run: bool, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    let ask = |request| -> Result<Old, Failure> { read(&client::ask(socket, &request)?["old"]) };
    let there = ask(Request::Old { before: before.0 })?;
    let mut left = there;
    while !dry_run && left.sum() > 0 {
        let now = ask(Request::Prune { before: before.0 })?;
        if now.sum() >= left.sum() {
            return Err(Failure::Failed(format!("{} rows stay, whatever is done: please report this", now.sum())));
        }
        left = now;
    }
    if json {
        return Ok(writeln!(out, "{}", serde_json::json!({ "removed": !dry_run, "old": there }))?);
    }
    let Old { calls, callbacks, requests, messages, chats, notes } = there;
    let what = format!(
        "{calls} calls, {callbacks} callbacks, {requests} requests, {chats} chats with {messages} messages, {notes} notes"
    );
    match dry_run {
        true => writeln!(out, "would be removed: {what}")?,
        false => writeln!(out, "removed: {what}")?,
    }
    Ok(())
}
