//! `perezvon say`: an announcement as it would be said, in letters or as a sound.

use super::{Failure, settings};
use crate::{
    config::one_of,
    engine::{
        effect::{Facts, Words},
        number::Number,
        rules::{Line, Rules},
    },
    voice::{self, sample, studio},
};
use clap::{Args, ValueEnum};
use std::{
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::timeout;

/// How long a sound may take here, where nobody waits on a telephone.
const LONGEST: Duration = Duration::from_secs(60);

/// What is to be said.
#[derive(Debug, Args)]
pub struct Wanted {
    /// The line whose announcement it is
    line: String,
    /// Which one
    #[arg(long, value_enum, default_value_t = Kind::Missed)]
    kind: Kind,
    /// The client's number, as people write it
    #[arg(long, default_value = "+79161234567")]
    number: String,
    /// The client's name, as a call may bring it
    #[arg(long, default_value = "")]
    name: String,
    /// Have [voice] command render it into this file
    #[arg(long, value_name = "FILE")]
    wav: Option<PathBuf>,
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = super::CONFIG)]
    config: PathBuf,
}

/// The announcements that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// What the operator hears of a missed client
    Missed,
    /// … of one who asked to be called
    Requested,
    /// … of one who was tried before
    Repeated,
    /// What the client hears
    Client,
}

/// Says it.
///
/// # Errors
/// A faulty configuration; no such line; no command to render by, or one that fails.
pub fn run(wanted: &Wanted, out: &mut impl Write) -> Result<(), Failure> {
    let config = settings::in_force(&wanted.config)?.config;
    let line = config.rules.lines.get(wanted.line.as_str()).ok_or_else(|| {
        let known: Vec<&str> = config.rules.lines.keys().map(|name| &**name).collect();
        Failure::Failed(format!("there is no line \"{}\"; {}", wanted.line, one_of(&wanted.line, &known)))
    })?;
    let number = Number::parse(&wanted.number, &config.rules.country)
        .map_err(|why| Failure::Failed(format!("\"{}\" is no number: {why}", wanted.number)))?;
    let Some(words) = words(line, &config.rules, wanted, number) else {
        return Err(Failure::Failed(format!(
            "the clients of line \"{}\" hear nothing: announce_client = \"\"",
            line.name
        )));
    };
    let text = voice::render(&words, config.voice.names).map_err(|why| Failure::Failed(why.to_string()))?;
    writeln!(out, "{text}")?;
    let Some(file) = &wanted.wav else { return Ok(()) };
    let rendering = config.voice.rendering();
    let recipe = rendering.of(line.language).ok_or_else(|| {
        let text = "there is no command that renders it: set `command = \"espeak-ng -v {voice} -w {file} {text}\"`, or another, in \
                    [voice]";
        Failure::Failed(text.to_owned())
    })?;
    sound(recipe, &text, file)
}

fn sound(recipe: &voice::Recipe, text: &str, file: &Path) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let rendered = runtime.block_on(async { timeout(LONGEST, studio::render(recipe, text, file)).await });
    match rendered {
        Ok(rendered) => rendered.map_err(|why| Failure::Failed(why.to_string())),
        Err(_) => Err(Failure::Failed(format!("no sound within {} s", LONGEST.as_secs()))),
    }
}

/// The template with what an example of its kind would know.
fn words(line: &Line, rules: &Rules, wanted: &Wanted, number: Number) -> Option<Words> {
    let redial = if wanted.kind == Kind::Requested { &line.requested } else { &line.redial };
    let said = &redial.announce_operator;
    let template = match wanted.kind {
        Kind::Missed => said.missed.clone(),
        Kind::Requested => said.requested.clone(),
        Kind::Repeated => said.repeated.clone(),
        Kind::Client => line.redial.announce_client.clone()?,
    };
    let facts = sample::facts(line, rules, number, &wanted.name);
    let attempt = if wanted.kind == Kind::Repeated { 2 } else { 1 };
    let facts = Facts { attempt, misses: u32::from(wanted.kind != Kind::Requested), ..facts };
    Some(Words { template, language: line.language, facts })
}
