//! `perezvon doctor`: is everything there that the configuration needs, on the switches and on this machine? Each check has a
//! name, what was found and, where that is not well, the cure.
//!
//! | part | what |
//! |---|---|
//! | `need` | what the configuration needs of a switch |
//! | `ask` | the questions, over an event socket |
//! | `told` | the answers, as they were said |
//! | `judge` | from both to findings; pure |
//! | `machine` | this machine |

mod ask;
mod finding;
mod judge;
mod machine;
mod need;
mod told;

use super::Failure;
use crate::{
    clock::Clock,
    config::{self, Config},
    switch::inbound::Settings,
};
use clap::Args;
use finding::{Finding, Verdict};
use need::Need;
use serde_json::json;
use std::{
    io::{self, Write},
    path::PathBuf,
};
use tokio::runtime::Runtime;
use told::Answer;

/// What is to be examined.
#[derive(Debug, Args)]
pub struct Wanted {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = super::CONFIG)]
    config: PathBuf,
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

/// What was found in one place.
struct Place {
    /// `switch main`, `operators`, `this machine`.
    name: String,
    findings: Vec<Finding>,
}

/// Examines everything.
///
/// # Errors
/// The configuration is faulty; a check found a fault.
pub fn run(wanted: &Wanted, out: &mut impl Write) -> Result<(), Failure> {
    let config = config::load(&wanted.config).map_err(|faults| Failure::Config(faults.to_string()))?;
    let settings = Settings::of(&config)
        .map_err(|(switch, why)| Failure::Config(format!("the password of switch {switch}: {why}")))?;
    let places = Runtime::new()?.block_on(examine(&config, &settings));
    match wanted.json {
        true => as_json(&places, out)?,
        false => tell(&places, out)?,
    }
    match count(&places, Verdict::Fault) {
        0 => Ok(()),
        faults => Err(Failure::Failed(format!("faults: {faults}"))),
    }
}

async fn examine(config: &Config, settings: &[Settings]) -> Vec<Place> {
    let clock = Clock::of_environment();
    let (studio, rendering) = machine::studio(config).await;
    let (mut places, mut registrations) = (Vec::new(), Vec::new());
    for of in settings {
        let need = Need::of(config, &of.name);
        let told = ask::examine(of, &need, &config.voice, studio.as_ref(), clock).await;
        places.push(Place { name: format!("switch {}", of.name), findings: judge::switch(&need, &told) });
        registrations.push(told.map_or(Answer::None, |told| told.registrations));
    }
    let registrations: Vec<&Answer> = registrations.iter().collect();
    places.push(Place { name: "operators".to_owned(), findings: judge::phones(config, &registrations) });
    let mut findings = machine::examine(config, clock).await;
    findings.extend(rendering);
    places.push(Place { name: "this machine".to_owned(), findings });
    places
}

fn count(places: &[Place], verdict: Verdict) -> usize {
    places.iter().flat_map(|place| &place.findings).filter(|finding| finding.verdict == verdict).count()
}

fn as_json(places: &[Place], out: &mut impl Write) -> io::Result<()> {
    let place = |place: &Place| json!({ "place": place.name, "findings": place.findings });
    let all = json!({
        "faults": count(places, Verdict::Fault),
        "warnings": count(places, Verdict::Warning),
        "places": places.iter().map(place).collect::<Vec<_>>(),
    });
    writeln!(out, "{all}")
}

fn tell(places: &[Place], out: &mut impl Write) -> io::Result<()> {
    for place in places.iter().filter(|place| !place.findings.is_empty()) {
        writeln!(out, "{}", place.name)?;
        for finding in &place.findings {
            let what = format!("{} {}", finding.check, finding.about);
            writeln!(out, "  {:<8} {:<22} {}", finding.verdict.as_str(), what.trim_end(), finding.text)?;
            if !finding.cure.is_empty() {
                writeln!(out, "           -> {}", finding.cure)?;
            }
        }
    }
    match count(places, Verdict::Warning) {
        0 => Ok(()),
        warnings => writeln!(out, "warnings: {warnings}"),
    }
}
