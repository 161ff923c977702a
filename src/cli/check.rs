//! `perezvon check`: is the configuration right?

use super::{Failure, settings, show};
use crate::{
    config::Config,
    control::settings::Version,
    engine::rules::{Line, Mode},
    voice::studio::Studio,
};
use jiff::tz::TimeZone;
use std::{
    io::{self, Write},
    path::Path,
};

/// Reads the configuration and says what it means, or what is wrong with it.
///
/// # Errors
/// Its faults, one a line.
pub fn run(file: &Path, out: &mut impl Write) -> Result<(), Failure> {
    let laid = settings::in_force(file)?;
    if let Some(misfit) = laid.misfit() {
        return Err(Failure::Config(misfit));
    }
    let config = laid.config;
    // Whoever asks must be the daemon's user, as for a password file: the folder of sounds is tried.
    Studio::open(config.voice.rendering()).map_err(Failure::Config)?;
    writeln!(out, "{} is right", file.display())?;
    if let Some(Version { version, by, at, .. }) = &laid.version {
        let at = show::time(*at, &TimeZone::system());
        writeln!(out, "  settings version {version} lie over it, saved by {by} at {at} (`perezvon settings diff`)")?;
    }
    Ok(tell(&config, out)?)
}

fn tell(config: &Config, out: &mut impl Write) -> io::Result<()> {
    for switch in &config.switches {
        let who = switch.user.as_deref().map(|user| format!(" as {user}")).unwrap_or_default();
        writeln!(out, "  switch {} at {}{who}", switch.name, switch.address)?;
    }
    for trunk in config.rules.trunks.values() {
        writeln!(out, "  trunk {}: {} on {}, {} calls at once", trunk.name, trunk.dial, trunk.switch, trunk.channels)?;
    }
    for operator in config.rules.operators.values() {
        let phones: Vec<&str> = operator.phones.iter().map(|phone| &*phone.dial).collect();
        writeln!(out, "  operator {}: {}", operator.name, phones.join(", then "))?;
    }
    for line in config.rules.lines.values() {
        tell_line(line, out)?;
    }
    writeln!(out, "  journal in {}", config.store)
}

fn tell_line(line: &Line, out: &mut impl Write) -> io::Result<()> {
    let numbers: Vec<String> = line.numbers.iter().map(ToString::to_string).collect();
    let redial = &line.redial;
    let missed: Vec<String> = redial.missed.iter().map(ToString::to_string).collect();
    writeln!(out, "  line {}: {}, served by {}", line.name, numbers.join(", "), line.group)?;
    writeln!(
        out,
        "    who {} and does not get through within {} is called back as {} over {}, up to {} times within {}{}",
        missed.join(" or "),
        redial.track,
        line.caller_id,
        line.trunks.join(", then "),
        redial.attempts,
        redial.expire,
        if line.calendar.is_some() { ", in its hours" } else { ", at any hour" },
    )?;
    if redial.mode == Mode::ByHand {
        writeln!(out, "    by hand: nobody is dialled before a person says so (perezvon call NUMBER)")?;
    }
    Ok(())
}
