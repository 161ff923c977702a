//! `perezvon call --file`: a list of numbers is called through, by the rules of its line.

use super::{Failure, ask::somebody};
use crate::control::{
    client::{self, NoAnswer},
    request::{RefusalKind, Request},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{IsTerminal, Write},
    path::Path,
    thread,
    time::Duration,
};

/// How often it is looked how far the list is.
const LOOK: Duration = Duration::from_secs(2);
/// The longest list: what one answer of the daemon can tell about.
const MOST_NUMBERS: usize = 10_000;

/// Which list, and how.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// One number a line; of a table (CSV) the first column.
    pub file: &'a Path,
    /// The line whose operators, caller id and rules are used.
    pub line: Option<&'a str>,
    /// Enter the numbers and go.
    pub no_wait: bool,
}

/// Enters every number that may be called, names those that are left out, and tells how far it is until the last is over.
/// Entered once is entered: the same file again goes on where it was.
///
/// # Errors
/// The file cannot be read; no daemon.
pub fn run(socket: &Path, wanted: &Wanted<'_>, out: &mut impl Write) -> Result<(), Failure> {
    let told = |error| Failure::Failed(format!("{}: {error}", wanted.file.display()));
    let text = fs::read_to_string(wanted.file).map_err(told)?;
    let numbers = numbers(&text);
    if numbers.len() > MOST_NUMBERS {
        return Err(Failure::Failed(format!("a list has at most {MOST_NUMBERS} numbers, this one {}", numbers.len())));
    }
    let list = wanted.file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let (entered, there) = enter(socket, wanted.line, &list, &numbers, out)?;
    writeln!(
        out,
        "list {list}: {entered} entered, {there} were in it before, {} left out",
        numbers.len() - entered - there
    )?;
    writeln!(out, "`perezvon pause --list {list}` lets it rest, `perezvon resume --list {list}` goes on")?;
    if wanted.no_wait { Ok(()) } else { follow(socket, &list, out) }
}

fn first_cell(line: &str) -> &str {
    let end = line.find([',', ';', '\t']).unwrap_or(line.len());
    line[..end].trim().trim_matches('"')
}

/// What stands first in each line, without the heading and empty lines.
fn numbers(text: &str) -> Vec<&str> {
    let is_number = |cell: &&str| cell.bytes().any(|b| b.is_ascii_digit());
    text.trim_start_matches('\u{feff}').lines().map(first_cell).filter(is_number).collect()
}

/// How many were entered, and how many were in the list already. Who is left out is named.
fn enter(
    socket: &Path,
    line: Option<&str>,
    list: &str,
    numbers: &[&str],
    out: &mut impl Write,
) -> Result<(usize, usize), Failure> {
    let (mut entered, mut before) = (BTreeSet::new(), 0);
    for number in numbers {
        let list = Some(list.to_owned());
        let request =
            Request::Call { number: (*number).to_owned(), line: line.map(str::to_owned), by: somebody(), list };
        let why = match client::ask(socket, &request) {
            Ok(answer) if answer["callback"]["origin"]["kind"].as_str() == Some("listed") => {
                entered.insert(answer["callback"]["id"].as_u64());
                continue;
            }
            Ok(answer) => format!("callback {} is open for it already", answer["callback"]["id"]),
            Err(NoAnswer::Refused(refusal)) => match refusal.kind {
                RefusalKind::Done if entered.contains(&refusal.text.parse().ok()) => {
                    "it is in the file twice".to_owned()
                }
                RefusalKind::Done => {
                    before += 1;
                    continue;
                }
                RefusalKind::Blocked | RefusalKind::Malformed => refusal.text,
                _ => return Err(NoAnswer::Refused(refusal).into()),
            },
            Err(other) => return Err(other.into()),
        };
        writeln!(out, "left out: {number}: {why}")?;
    }
    Ok((entered.len(), before))
}

fn callbacks(list: &Value) -> impl Iterator<Item = &Value> {
    list["callbacks"].as_array().into_iter().flatten()
}

/// Tells how far the list is until the last of it is over.
fn follow(socket: &Path, list: &str, out: &mut impl Write) -> Result<(), Failure> {
    let in_place = std::io::stdout().is_terminal();
    let mut last = String::new();
    loop {
        let answer = client::ask(socket, &Request::List { list: list.to_owned() })?;
        let (told, open) = progress(&answer);
        if told != last {
            match in_place {
                true => write!(out, "\r\x1b[K{told}")?,
                false => writeln!(out, "{told}")?,
            }
            out.flush()?;
            last = told;
        }
        if open == 0 {
            if in_place {
                writeln!(out)?;
            }
            return Ok(());
        }
        thread::sleep(LOOK);
    }
}

/// "12 of 40 over: 9 talked, 3 attempts-spent; 2 under way", and how many are not over.
fn progress(list: &Value) -> (String, usize) {
    let (mut ended, mut active, mut all) = (BTreeMap::<&str, usize>::new(), 0, 0);
    for callback in callbacks(list) {
        all += 1;
        match callback["state"].as_str() {
            Some("closed") => *ended.entry(callback["reason"]["reason"].as_str().unwrap_or("closed")).or_default() += 1,
            Some("active" | "ending") => active += 1,
            _ => {}
        }
    }
    let over: usize = ended.values().sum();
    let mut told = format!("{over} of {all} over");
    let reasons: Vec<String> = ended.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    if !reasons.is_empty() {
        told += &format!(": {}", reasons.join(", "));
    }
    if active > 0 {
        told += &format!("; {active} under way");
    }
    if list["paused"].as_bool() == Some(true) {
        told += "; the list rests";
    }
    (told, all - over)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_is_the_first_column_without_its_heading() {
        let text = "\u{feff}phone;name\n+7 916 123-45-67;Anna, of course\n\n\"89161234568\",Boris\r\n  79161234569 \n";
        assert_eq!(numbers(text), ["+7 916 123-45-67", "89161234568", "79161234569"]);
    }

    #[test]
    fn progress_is_told_by_what_came_of_each() {
        let closed = |reason| json!({ "state": "closed", "reason": { "reason": reason } });
        let list = json!({ "paused": true, "callbacks": [
            closed("talked"), closed("talked"), closed("expired"), { "state": "active" }, { "state": "waiting" },
        ] });
        let told = "3 of 5 over: 1 expired, 2 talked; 1 under way; the list rests";
        assert_eq!(progress(&list), (told.to_owned(), 2));
    }
}
