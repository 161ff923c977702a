//! `perezvon settings`: what lies over the file, in versions.

use super::{
    Failure,
    ask::{read, somebody, text},
    show,
};
use crate::{
    config::{self, Base, Change},
    control::{
        client,
        request::Request,
        settings::{self, Laid, Version},
    },
    store::{self, Store},
};
use clap::Subcommand;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

/// The longest file of settings that is read, in bytes: what is more is refused by the daemon in words.
const MOST_READ: u64 = 1 << 20;

/// How the line begins that `show` puts before a version.
const HEADING: &str = "# version ";

/// What about them.
#[derive(Debug, Subcommand)]
pub enum What {
    /// What is in force over the file, as TOML; or what a version says
    Show {
        /// The version; the newest when it is left out
        version: Option<u64>,
    },
    /// Who saved which version when, the newest last
    List,
    /// What a version changed, or what differs between two; 0 is the file alone
    Diff {
        /// The version; everything that lies over the file when it is left out
        old: Option<u64>,
        /// The other version
        new: Option<u64>,
    },
    /// Save the settings of a file (- is standard input) as a new version, and obey them; the whole of what is to lie over the
    /// configuration, as `show` prints it
    Apply {
        /// The file
        file: PathBuf,
        /// What is said about it
        #[arg(long, default_value = "")]
        comment: String,
        /// The newest version that you know: nothing is saved when somebody saved another meanwhile
        #[arg(long, value_name = "VERSION")]
        based_on: Option<u64>,
        /// Say what is wrong and what would change, and save nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Save a new version that says what an older one said; 0 is the file alone
    Rollback {
        /// The older version
        version: u64,
        /// What is said about it
        #[arg(long, default_value = "")]
        comment: String,
    },
}

/// Tells or does it.
///
/// # Errors
/// No daemon; there is no such version; faulty settings; somebody saved others meanwhile.
pub fn run(socket: &Path, what: Option<What>, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    let ask = |request: &Request| client::ask(socket, request).map_err(Failure::from);
    match what.unwrap_or(What::Show { version: None }) {
        What::Show { version: None } => now(&ask(&Request::Settings {})?, json, out),
        What::Show { version: Some(version) } => {
            let answer = ask(&Request::Version { version })?;
            if json {
                return Ok(writeln!(out, "{answer}")?);
            }
            let version: Version = read(&answer["version"])?;
            Ok(write!(out, "{}{}", heading(&version), version.text)?)
        }
        What::List => list(&ask(&Request::Versions {})?, json, out),
        What::Diff { old, new } => {
            let request = match (old, new) {
                (Some(version), None) if version > 0 => Request::Version { version },
                (old, Some(new)) => Request::Between { old: old.unwrap_or_default(), new },
                (_, None) => Request::Between { old: 0, new: newest(&ask(&Request::Settings {})?) },
            };
            changes(&ask(&request)?, json, out)
        }
        What::Apply { file, comment, based_on, dry_run } => {
            let text = read_file(&file)?;
            let based_on = match based_on {
                Some(version) => version,
                None => newest(&ask(&Request::Settings {})?),
            };
            let checked = ask(&Request::CheckSettings { text: text.clone() })?;
            if !json {
                changes(&checked, false, out)?;
            } else if dry_run {
                writeln!(out, "{checked}")?;
            }
            let faults: Vec<String> = items(&checked["faults"]).map(fault).collect();
            if !faults.is_empty() {
                return Err(Failure::Config(faults.join("\n")));
            }
            if dry_run {
                return Ok(());
            }
            saved(&ask(&Request::SaveSettings { text, based_on, comment, by: somebody() })?, json, out)
        }
        What::Rollback { version, comment } => {
            let based_on = newest(&ask(&Request::Settings {})?);
            let request = Request::RollBack { to: version, based_on, comment, by: somebody() };
            saved(&ask(&request)?, json, out)
        }
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn fault(fault: &Value) -> String {
    let [place, what, cure] = ["place", "what", "cure"].map(|key| text(&fault[key]));
    if cure.is_empty() { format!("{place}: {what}") } else { format!("{place}: {what}; {cure}") }
}

fn newest(current: &Value) -> u64 {
    current["newest"]["version"].as_u64().unwrap_or_default()
}

fn heading(version: &Version) -> String {
    let Version { version: number, at, by, comment, restores, .. } = version;
    let again = restores.map(|to| format!(", says again what {to} said")).unwrap_or_default();
    let comment = if comment.is_empty() { String::new() } else { format!(": {comment}") };
    format!("{HEADING}{number}, {} by {by}{again}{comment}\n", show::time(*at, &TimeZone::system()))
}

fn now(answer: &Value, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    if json {
        return Ok(writeln!(out, "{answer}")?);
    }
    let file = text(&answer["file"]);
    if answer["newest"].is_null() {
        return Ok(writeln!(out, "# nothing lies over {file}")?);
    }
    let version: Version = read(&answer["newest"])?;
    write!(out, "{}", heading(&version))?;
    let faults: Vec<String> = items(&answer["faults"]).map(fault).collect();
    if !faults.is_empty() {
        writeln!(out, "# It does not fit {file} any more and is not obeyed:")?;
        faults.iter().flat_map(|fault| fault.lines()).try_for_each(|line| writeln!(out, "#   {line}"))?;
    }
    Ok(write!(out, "{}", version.text)?)
}

fn list(answer: &Value, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    if json {
        return Ok(writeln!(out, "{answer}")?);
    }
    let versions: Vec<Version> = read(&answer["versions"])?;
    let zone = TimeZone::system();
    for Version { version, at, by, comment, restores, .. } in &versions {
        let again = restores.map(|to| format!("(as {to}) ")).unwrap_or_default();
        writeln!(out, "{version:>5}  {}  {by:<12}  {again}{comment}", show::time(*at, &zone))?;
    }
    if versions.is_empty() {
        writeln!(out, "nothing was ever saved over the file")?;
    }
    Ok(())
}

/// One line for what goes, one for what comes: each could stand in a configuration.
fn changes(answer: &Value, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    if json {
        return Ok(writeln!(out, "{answer}")?);
    }
    let changes: Vec<Change> = read(&answer["changes"])?;
    for Change { path, was, now } in &changes {
        for (sign, value) in [("-", was), ("+", now)] {
            if let Some(value) = value {
                let value = config::toml(value).map_err(Failure::Failed)?;
                writeln!(out, "{sign} {} = {value}", config::dotted(path))?;
            }
        }
    }
    if changes.is_empty() {
        writeln!(out, "nothing differs")?;
    }
    Ok(())
}

fn saved(answer: &Value, json: bool, out: &mut impl Write) -> Result<(), Failure> {
    match json {
        true => writeln!(out, "{answer}")?,
        false => writeln!(out, "version {} is in force", answer["version"]["version"])?,
    }
    Ok(())
}

fn read_file(file: &Path) -> Result<String, Failure> {
    use io::Read;
    let mut text = String::new();
    let told = |error: io::Error| Failure::Failed(format!("{}: {error}", file.display()));
    let from: Box<dyn Read> = match file.to_str() {
        Some("-") => Box::new(io::stdin()),
        _ => Box::new(std::fs::File::open(file).map_err(told)?),
    };
    from.take(MOST_READ).read_to_string(&mut text).map_err(told)?;
    // What `show` says of a version is not said by the version.
    let rest = text.strip_prefix(HEADING).and_then(|text| Some(text.split_once('\n')?.1.to_owned()));
    Ok(rest.unwrap_or(text))
}

/// A configuration as a daemon that is started now would obey it: with the settings of its store over it, when there is one. The
/// store is looked into beside the daemon that has it; when it cannot be read, that is told and the file stands alone.
///
/// # Errors
/// The file is faulty by itself.
pub fn in_force(file: &Path) -> Result<Laid, Failure> {
    let faulty = |faults: config::Faults| Failure::Config(faults.to_string());
    let base = Base::read(file).map_err(faulty)?;
    let url = base.config(None).map_err(faulty)?.store;
    let there = url.strip_prefix("sqlite:").is_some_and(|file| Path::new(file).exists());
    let newest = async {
        let store = store::look(&url).await?;
        let newest = settings::newest(&store).await;
        store.close().await?;
        newest
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let newest = match there.then(|| runtime.block_on(newest)) {
        None => None,
        Some(Ok(newest)) => newest,
        Some(Err(why)) => {
            let _ = writeln!(io::stderr(), "whether settings lie over the file is not known: {why}");
            None
        }
    };
    settings::lay(&base, newest).map_err(faulty)
}
