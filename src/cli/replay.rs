//! `perezvon replay`: what other rules would have made of a part of the journal.

use super::{Failure, journal, show};
use crate::{
    clock::Clock,
    config::{self, Config},
    engine::{
        money::Amount,
        time::{Span, Wall},
    },
    replay::{Came, Replay, history::History, replay},
    store::{
        self, CallbackStory, JournalQuery, JournalRow, MOST_ROWS, MOST_STORIES, Place, Store, StoreError, StoryQuery,
    },
};
use clap::Args;
use jiff::tz::TimeZone;
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

/// The period when nobody says.
const PERIOD: &str = "30d";

/// What.
#[derive(Debug, Args)]
pub struct Wanted {
    /// The configuration that is in force: its store is read, while the daemon runs or not, and nothing is written
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
    let (current, new) = (load(&wanted.config)?, load(&wanted.rules)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let told = |why: StoreError| Failure::Failed(why.to_string());
    let (calls, stories) = runtime.block_on(read(&current.store, since, until)).map_err(told)?;
    let calls = calls.into_iter().filter_map(|row| row.call);
    let history = History::new(since, until, calls, stories, zone.clone());
    if history.learnt() == 0 {
        let text = "no client was dialled in this period, so there is nothing to learn from: ask for a longer one";
        return Err(Failure::Failed(text.to_owned()));
    }
    let replay = replay(&history, &current.rules, &new.rules, &zone);
    match wanted.json {
        true => Ok(writeln!(out, "{}", serde_json::to_string(&replay).map_err(io::Error::from)?)?),
        false => Ok(table(&replay, &zone, out)?),
    }
}

fn load(file: &Path) -> Result<Config, Failure> {
    config::load(file).map_err(|faults| Failure::Config(faults.to_string()))
}

/// The journal of the period, page by page.
async fn read(url: &str, since: Wall, until: Wall) -> Result<(Vec<JournalRow>, Vec<CallbackStory>), StoreError> {
    let store = store::look(url).await?;
    let (mut calls, mut stories) = (Vec::new(), Vec::new());
    let mut query = JournalQuery {
        since: Some(since),
        until: Some(until),
        after: Some(Place::before(since)),
        ..JournalQuery::default()
    };
    loop {
        let page = store.journal(&query).await?;
        let last = page.len() < MOST_ROWS;
        query.after = page.last().and_then(JournalRow::place);
        calls.extend(page);
        if last {
            break;
        }
    }
    let mut query = StoryQuery { since: Some(since), until: Some(until), ..StoryQuery::default() };
    loop {
        let page = store.stories(&query).await?;
        let last = page.len() < MOST_STORIES;
        query.after = page.last().map(|story| story.callback.id);
        stories.extend(page);
        if last {
            break;
        }
    }
    store.close().await?;
    Ok((calls, stories))
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
