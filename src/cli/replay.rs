//! `perezvon replay`: what other rules would have made of a part of the journal.

use super::{Failure, journal, settings, show};
use crate::{
    clock::Clock,
    config,
    engine::{money::Amount, time::Span},
    replay::{
        Came, Replay,
        history::{History, NOTHING_LEARNT},
        replay,
    },
    store::{self, Store, StoreError},
};
use clap::Args;
use jiff::tz::TimeZone;
use std::{
    io::{self, Write},
    path::PathBuf,
};

/// The period when nobody says.
const PERIOD: &str = "30d";

/// What.
#[derive(Debug, Args)]
pub struct Wanted {
    /// The configuration that is in force, with the settings over it: its store is read, while the daemon runs or not, and
    /// nothing is written
    #[arg(long, value_name = "FILE", default_value = super::CONFIG)]
    config: PathBuf,
    /// The configuration with the new rules; its switches, store and ports do not matter
    #[arg(long, value_name = "FILE")]
    rules: PathBuf,
    /// Since a date (2027-02-20), or for so long (7d, 2h30m)
    #[arg(long, value_name = "WHEN", default_value = PERIOD)]
    since: String,
    /// Before a date, or up to so long ago
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// As one JSON object: spans in milliseconds, money as decimal text
    #[arg(long)]
    json: bool,
}

/// Prints it.
///
/// # Errors
/// A faulty configuration; a store that cannot be read; a journal without a dial to learn from.
pub fn run(wanted: &Wanted, out: &mut impl Write) -> Result<(), Failure> {
    let zone = TimeZone::system();
    let since = journal::since(&wanted.since, &zone)?;
    let until = match &wanted.until {
        Some(text) => journal::since(text, &zone)?,
        None => Clock::system().now().wall,
    };
    let new = config::load(&wanted.rules).map_err(|faults| Failure::Config(faults.to_string()))?;
    let current = settings::in_force(&wanted.config)?.config;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let told = |why: StoreError| Failure::Failed(why.to_string());
    let history = async {
        let store = store::look(&current.store).await?;
        let history = History::read(&store, since, until, zone.clone(), usize::MAX).await;
        store.close().await?;
        history
    };
    let history = runtime.block_on(history).map_err(told)?;
    if history.learnt() == 0 {
        return Err(Failure::Failed(NOTHING_LEARNT.to_owned()));
    }
    let replay = replay(&history, &current.rules, &new.rules, &zone);
    match wanted.json {
        true => Ok(writeln!(out, "{}", serde_json::to_string(&replay).map_err(io::Error::from)?)?),
        false => Ok(table(&replay, &zone, out)?),
    }
}

/// What is told of each, and of the difference, in the order of the table.
type Line = (&'static str, fn(&Came) -> i64, fn(i64) -> String);

fn plain(n: i64) -> String {
    n.to_string()
}

fn long(ms: i64) -> String {
    show::span(Span(ms.unsigned_abs()))
}

const LINES: [Line; 7] = [
    ("missed calls", |came| came.totals.missed as i64, plain),
    ("callbacks", |came| came.totals.callbacks as i64, plain),
    ("recovered clients", |came| came.totals.recovered as i64, plain),
    ("dials to clients", |came| came.dials as i64, plain),
    ("operators' time", |came| came.operator_time.0 as i64, long),
    ("of it talk", |came| came.totals.talk.0 as i64, long),
    ("to talk: half within", |came| came.totals.to_talk_median.unwrap_or_default().0 as i64, long),
];

fn table(replay: &Replay, zone: &TimeZone, out: &mut impl Write) -> io::Result<()> {
    let Replay { since, until, journal, current, new, known, drawn, .. } = replay;
    writeln!(out, "{} to {}\n", show::time(*since, zone), show::time(*until, zone))?;
    let mut rows = vec![["", "journal", "current rules", "new rules", "difference"].map(str::to_owned)];
    for (name, of, written) in LINES {
        let [was, now, then] = [journal, current, new].map(of);
        let sign = if then > now {
            "+"
        } else if then < now {
            "-"
        } else {
            ""
        };
        let change = format!("{sign}{}", written((then - now).abs()));
        rows.push([name.to_owned(), written(was), written(now), written(then), change]);
    }
    if let Some(currency) = &replay.currency {
        let [was, now, then] = [journal, current, new].map(|came| came.totals.cost);
        let change = match then.0.cmp(&now.0) {
            std::cmp::Ordering::Less => format!("-{}", Amount(now.0 - then.0)),
            std::cmp::Ordering::Equal => Amount(0).to_string(),
            std::cmp::Ordering::Greater => format!("+{}", Amount(then.0 - now.0)),
        };
        rows.push([format!("cost, {currency}"), was.to_string(), now.to_string(), then.to_string(), change]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; 5] = std::array::from_fn(width);
    for row in &rows {
        let mut text = format!("{:<width$}", row[0], width = widths[0]);
        for (cell, width) in row.iter().zip(widths).skip(1) {
            text += &format!("  {cell:>width$}");
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    writeln!(
        out,
        "\nOf the dials of both replays, what the client did is known for {known} and drawn for {drawn}. The model is as good as \
         \"current rules\"\nare near to \"journal\"; `perezvon replay --help` says what it takes for granted."
    )
}
