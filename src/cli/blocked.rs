//! `perezvon blocked`: numbers that are never dialled.

use super::{
    Failure,
    ask::{read, somebody, text},
    show,
};
use crate::{
    control::{client, request::Request},
    engine::record::BlockRecord,
};
use clap::Subcommand;
use jiff::tz::TimeZone;
use std::{io::Write, path::Path};

/// Change them.
#[derive(Debug, Subcommand)]
pub enum Change {
    /// Never dial this number; its open callback is taken off, and its calls are not missed any more
    Add {
        /// The number, as people write it
        number: String,
    },
    /// Dial it again when it is missed
    Remove {
        /// The number, as people write it
        number: String,
    },
}

/// Lists them, or changes one.
///
/// # Errors
/// No daemon; it is no number.
pub fn run(socket: &Path, change: Option<Change>, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    let (number, blocked) = match change {
        None => return list(socket, json, out),
        Some(Change::Add { number }) => (number, true),
        Some(Change::Remove { number }) => (number, false),
    };
    let answer = client::ask(socket, &Request::Block { number, blocked, by: somebody() })?;
    let number = text(&answer["number"]);
    match (json, blocked) {
        (true, _) => writeln!(out, "{answer}")?,
        (false, true) => writeln!(out, "{number} is never dialled")?,
        (false, false) => writeln!(out, "{number} is dialled again when it is missed")?,
    }
    Ok(())
}

fn list(socket: &Path, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    let answer = client::ask(socket, &Request::Blocked {})?;
    if json {
        return Ok(writeln!(out, "{answer}")?);
    }
    let blocked: Vec<BlockRecord> = read(&answer["blocked"])?;
    let zone = TimeZone::system();
    for BlockRecord { number, at, why } in &blocked {
        writeln!(out, "{:<16} {}  {why}", number.to_string(), show::time(*at, &zone))?;
    }
    if blocked.is_empty() {
        writeln!(out, "no number is blocked")?;
    }
    Ok(())
}
