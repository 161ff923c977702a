//! `perezvon report`: totals as a table, as JSON, as CSV.

use super::{Daemon, Failure, journal, show};
use crate::{
    control::{client, request::Request},
    engine::time::{Span, Wall},
    report::{By, Queue, Report, Totals, csv},
};
use clap::{Args, builder::PossibleValuesParser};
use jiff::tz::TimeZone;
use std::io::{self, IsTerminal, Write};

/// The period when nobody says.
const PERIOD: &str = "7d";
/// The longest bar, in characters.
const BAR: u64 = 40;
/// In a bar: a call that was not missed, one that was and whose client was recovered, one whose client was not.
const CALM: &str = "█";
const RECOVERED: &str = "▒";
const LOST: &str = "░";

/// For whom the table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// A program or a file: no picture.
    Pipe,
    /// A person at a terminal that shows no colours.
    Plain,
    /// A person at a terminal.
    Coloured,
}

impl Reader {
    fn of_output() -> Reader {
        match (io::stdout().is_terminal(), std::env::var_os("NO_COLOR").is_none()) {
            (false, _) => Reader::Pipe,
            (true, false) => Reader::Plain,
            (true, true) => Reader::Coloured,
        }
    }
}

/// Of what.
#[derive(Debug, Args)]
pub struct Wanted {
    #[command(flatten)]
    daemon: Daemon,
    /// Since a date (2027-02-20), or for so long (7d, 2h30m)
    #[arg(long, value_name = "WHEN", default_value = PERIOD)]
    since: String,
    /// Before a date, or up to so long ago
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// One row each
    #[arg(long, value_parser = PossibleValuesParser::new(By::ALL.map(|(name, _)| name)))]
    by: Option<String>,
    /// As one JSON object: spans in milliseconds, money as decimal text
    #[arg(long)]
    json: bool,
    /// As CSV: spans in seconds
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

/// Prints it.
///
/// # Errors
/// No daemon; a time that cannot be read.
pub fn run(wanted: &Wanted, out: &mut impl Write) -> Result<(), Failure> {
    let zone = TimeZone::system();
    let since = journal::since(&wanted.since, &zone)?;
    let until = wanted.until.as_deref().map(|text| journal::since(text, &zone)).transpose()?;
    let by = By::ALL.into_iter().find(|(name, _)| wanted.by.as_deref() == Some(name)).map(|(_, by)| by);
    let request = Request::Report {
        since: Some(since.0),
        until: until.map(|until| until.0),
        by,
        zone: zone.iana_name().map(str::to_owned),
    };
    let answer = client::ask(&wanted.daemon.socket, &request)?;
    if wanted.json {
        return Ok(writeln!(out, "{answer}")?);
    }
    let report: Report = serde_json::from_value(answer).map_err(|error| Failure::Failed(error.to_string()))?;
    if wanted.csv {
        return Ok(out.write_all(csv::report(&report).as_bytes())?);
    }
    Ok(table(&report, &zone, Reader::of_output(), out)?)
}

/// An aligned table with the sums last, and at a terminal a picture, when the rows follow each other in time.
fn table(report: &Report, zone: &TimeZone, reader: Reader, out: &mut impl Write) -> io::Result<()> {
    let drawn = reader != Reader::Pipe && report.by.is_some_and(By::is_time);
    let end = report.until.map_or("now".to_owned(), |until| show::time(until, zone));
    writeln!(out, "{} to {end}\n", show::time(report.since.unwrap_or(Wall(0)), zone))?;
    let lines = aligned(&rows(report, heads(report), |name, totals| cells(report, name, totals)));
    let most = report.rows.iter().map(|row| row.totals.calls).max().unwrap_or_default();
    for (n, mut text) in lines.into_iter().enumerate() {
        let row = n.checked_sub(1).and_then(|n| report.rows.get(n));
        if let Some(row) = row.filter(|_| drawn) {
            text += &format!("  {}", bar(&row.totals, most, reader == Reader::Coloured));
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    if drawn {
        writeln!(
            out,
            "\n{CALM} not missed  {RECOVERED} missed, the client recovered  {LOST} missed, the client not recovered"
        )?;
    }
    if report.total.queue.calls > 0 {
        writeln!(out, "\nwho waited on the line")?;
        let heads = QUEUE_HEADS.map(|head| if head.is_empty() { report.by.map_or("", By::as_str) } else { head });
        for line in
            aligned(&rows(report, heads.map(str::to_owned).into(), |name, totals| queue_cells(name, &totals.queue)))
        {
            writeln!(out, "{}", line.trim_end())?;
        }
    }
    Ok(())
}

/// The heads, a line a row, the sums.
fn rows(report: &Report, heads: Vec<String>, cells: impl Fn(String, &Totals) -> Vec<String>) -> Vec<Vec<String>> {
    let name = |name: &str| if name.is_empty() { "-".to_owned() } else { name.to_owned() };
    let mut lines = vec![heads];
    lines.extend(report.rows.iter().map(|row| cells(name(&row.name), &row.totals)));
    lines.push(cells("total".to_owned(), &report.total));
    lines
}

/// Columns under their heads, the first to the left.
fn aligned(lines: &[Vec<String>]) -> Vec<String> {
    let widths: Vec<usize> = (0..lines[0].len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or_default())
        .collect();
    let text = |line: &Vec<String>| {
        let first = format!("{:<width$}", line[0], width = widths[0]);
        line.iter().zip(&widths).skip(1).fold(first, |text, (cell, width)| text + &format!("  {cell:>width$}"))
    };
    lines.iter().map(text).collect()
}

const QUEUE_HEADS: [&str; 12] = [
    "",
    "queued",
    "served",
    "in time",
    "share",
    "abandoned",
    "short",
    "call-back",
    "shut",
    "other",
    "wait: mean / 9 of 10",
    "longest",
];

fn queue_cells(name: String, queue: &Queue) -> Vec<String> {
    let span = |span: Option<Span>| span.map_or("-".to_owned(), show::span);
    let share = queue.in_time_per_mille.map(|share| format!("{}.{} %", share / 10, share % 10));
    vec![
        name,
        queue.calls.to_string(),
        queue.served.to_string(),
        queue.in_time.to_string(),
        share.unwrap_or("-".to_owned()),
        queue.abandoned.to_string(),
        queue.short.to_string(),
        queue.call_back.to_string(),
        queue.closed.to_string(),
        queue.other.to_string(),
        format!("{} / {}", span(queue.wait_mean), span(queue.wait_p90)),
        span(queue.wait_longest),
    ]
}

fn heads(report: &Report) -> Vec<String> {
    let mut heads: Vec<String> = [
        report.by.map_or("", By::as_str),
        "calls",
        "served",
        "missed",
        "callbacks",
        "recovered",
        "share",
        "attempts",
        "wait",
        "talk",
        "to talk: half",
        "worst",
    ]
    .map(str::to_owned)
    .into();
    heads.extend(report.currency.iter().map(|currency| currency.to_string()));
    heads
}

fn cells(report: &Report, name: String, totals: &Totals) -> Vec<String> {
    let span = |span: Option<Span>| span.map_or("-".to_owned(), show::span);
    let share = totals.recovered_per_mille.map(|share| format!("{}.{} %", share / 10, share % 10));
    let mut cells = vec![
        name,
        totals.calls.to_string(),
        totals.served.to_string(),
        totals.missed.to_string(),
        totals.callbacks.to_string(),
        totals.recovered.to_string(),
        share.unwrap_or("-".to_owned()),
        totals.attempts.to_string(),
        show::span(totals.wait),
        show::span(totals.talk),
        span(totals.to_talk_median),
        span(totals.to_talk_worst),
    ];
    cells.extend(report.currency.iter().map(|_| totals.cost.to_string()));
    cells
}

/// Calls as a bar, the missed ones at its end, by the share of the row's callbacks that recovered their clients; a call that
/// is there is seen.
fn bar(totals: &Totals, most: u64, coloured: bool) -> String {
    let scaled = |calls: u64| (calls * BAR).div_ceil(most.max(1));
    let whole = scaled(totals.calls);
    let missed = scaled(totals.missed).min(whole);
    let recovered = (missed * totals.recovered).checked_div(totals.callbacks).unwrap_or(0).min(missed);
    let part = |sign: &str, length: u64, colour: &str| match (length, coloured && !colour.is_empty()) {
        (0, _) => String::new(),
        (length, true) => format!("\x1b[{colour}m{}\x1b[0m", sign.repeat(length as usize)),
        (length, false) => sign.repeat(length as usize),
    };
    part(CALM, whole - missed, "") + &part(RECOVERED, recovered, "32") + &part(LOST, missed - recovered, "31")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{engine::money::Amount, report::Row};

    fn report() -> Report {
        let night = Totals { calls: 4, missed: 1, served: 3, ..Totals::default() };
        let (cost, served, missed) = (Amount(125_000), 60, 20);
        let noon = Totals { calls: 80, served, missed, callbacks: 10, recovered: 6, cost, ..Totals::default() };
        let total =
            Totals { calls: 84, missed: 21, served: 63, callbacks: 10, recovered: 6, cost, ..Totals::default() };
        let row = |name: &str, totals| Row { name: name.to_owned(), totals };
        let rows = vec![row("03", night), row("12, noon", noon)];
        Report { since: Some(Wall(0)), until: None, by: Some(By::Hour), currency: Some("RUB".into()), rows, total }
    }

    fn written(reader: Reader) -> String {
        let mut text = Vec::new();
        table(&report(), &TimeZone::UTC, reader, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn columns_stand_under_their_heads() {
        let text = written(Reader::Pipe);
        let lines: Vec<&str> = text.lines().skip(2).collect();
        let right_end = |line: &str, cell: &str| line.find(cell).unwrap() + cell.len();
        assert_eq!(right_end(lines[0], "calls"), right_end(lines[3], "84"));
        assert_eq!(right_end(lines[0], "RUB"), right_end(lines[2], "12.50"));
        assert!(lines[3].starts_with("total"), "{text}");
    }

    #[test]
    fn a_bar_is_as_long_as_its_calls_and_coloured_for_people_alone() {
        let text = written(Reader::Plain);
        let bars: Vec<[usize; 3]> = text
            .lines()
            .skip(3)
            .take(2)
            .map(|line| [CALM, RECOVERED, LOST].map(|sign| line.matches(sign).count()))
            .collect();
        assert_eq!(bars, [[1, 0, 1], [30, 6, 4]]);
        let coloured = written(Reader::Coloured);
        assert!(!text.contains('\x1b') && coloured.contains("\x1b[31m") && coloured.contains("\x1b[32m"));
    }

    #[test]
    fn the_queue_is_told_where_somebody_waited() {
        let mut report = report();
        let queue = Queue { calls: 9, served: 7, in_time: 6, in_time_per_mille: Some(666), ..Queue::default() };
        (report.rows[1].totals.queue, report.total.queue) = (queue.clone(), queue);
        let mut text = Vec::new();
        table(&report, &TimeZone::UTC, Reader::Pipe, &mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let lines: Vec<&str> = text.lines().skip_while(|line| *line != "who waited on the line").collect();
        assert!(lines[1].starts_with("hour") && lines[4].starts_with("total"), "{text}");
        assert!(lines[3].contains("66.6 %") && lines[2].contains(" - "), "{text}");
        assert!(!written(Reader::Pipe).contains("on the line"));
    }

    #[test]
    fn nobody_draws_for_a_pipe() {
        let text = written(Reader::Pipe);
        assert!(!text.contains([CALM, RECOVERED, LOST].concat().chars().collect::<Vec<_>>().as_slice()), "{text}");
        assert!(text.ends_with("12.50\n"), "{text}");
    }
}
