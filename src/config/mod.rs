//! The configuration: TOML, settings over it and the environment over both, validated into a [`Config`], every fault named with
//! its place and its cure.

mod base;
mod layer;
mod net;
mod over;
mod pages;
mod place;
mod queue;
mod reader;
mod redial;
mod rules;
mod sections;
mod site;
mod token;
mod unit;
mod usual;

pub use base::{Base, Change, Valued};
pub use layer::{From, PREFIX};
pub use net::Net;
pub use over::{MOST_TEXT, Over, dotted, toml, write};
pub use pages::{Disposition, Link, Means, Pages};
pub use place::{Fault, Faults, Place};
pub use reader::one_of;
pub use site::{Allowed, Limits, Look, Rate, Site};
pub use token::{Scope, Token};
pub use unit::span;
pub use usual::usual;

use crate::{
    engine::rules::{Language, Rules},
    voice::{Names, Recipe, studio::Rendering},
};
use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The largest configuration file, in bytes.
const MOST_BYTES: u64 = 4 << 20;

/// Reads a configuration file with the environment over it.
///
/// # Errors
/// Every fault that it has, or why the file cannot be read.
pub fn load(file: &Path) -> Result<Config, Faults> {
    Base::read(file)?.config(None)
}

/// Reads a configuration from its text. `folder` is what a relative `password_file` starts from; of the variables those with
/// [`PREFIX`] count.
///
/// # Errors
/// Every fault that it has.
pub fn parse(
    name: &str,
    text: &str,
    folder: &Path,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<Config, Faults> {
    Base::new(name, text, folder, variables).config(None)
}

impl Config {
    /// What of a new configuration only a restart would bring into force.
    pub fn needs_restart(&self, new: &Config) -> Vec<&'static str> {
        let changed = [
            ("switch", self.switches != new.switches),
            ("store", self.store != new.store),
            ("http", (self.listen, &self.tokens, &self.proxies) != (new.listen, &new.tokens, &new.proxies)),
            ("site", self.sites != new.sites),
            ("pages", self.pages != new.pages),
            ("outbound", self.outbound != new.outbound),
            ("cdr", self.cdr != new.cdr),
            ("control", self.socket != new.socket),
            ("log", self.log != new.log),
            ("voice", self.voice != new.voice),
        ];
        changed.into_iter().filter(|(_, changed)| *changed).map(|(section, _)| section).collect()
    }

    /// The same, saying what would be dialled and dialling nothing.
    pub fn observing(mut self) -> Config {
        Arc::make_mut(&mut self.rules).observe = true;
        self
    }
}

/// Everything that the program is told by its admin.
#[derive(Clone, Debug)]
pub struct Config {
    /// The switches, by name.
    pub switches: Vec<Switch>,
    /// Where the journal is: `sqlite:/path/to/file.db` or `memory:`.
    pub store: String,
    /// Where metrics, health and the CDR intake listen; `None`: nowhere.
    pub listen: Option<SocketAddr>,
    /// Who may ask the API there.
    pub tokens: Vec<Token>,
    /// Whose word about a caller's address is taken, `X-Forwarded-For`; nobody's when empty.
    pub proxies: Vec<Net>,
    /// Web sites whose visitors may ask to be called.
    pub sites: Vec<Site>,
    /// What the pages show beside what the daemon knows.
    pub pages: Pages,
    /// Where dialplans give us their callers; `None`: nowhere.
    pub outbound: Option<Outbound>,
    /// How call detail records are taken in.
    pub cdr: Cdr,
    /// The control socket.
    pub socket: PathBuf,
    /// How the log is written.
    pub log: Log,
    /// How text becomes sound.
    pub voice: Voices,
    /// What the engine obeys.
    pub rules: Arc<Rules>,
}

/// One FreeSWITCH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// Its name.
    pub name: crate::engine::Name,
    /// `host:port` of its event socket.
    pub address: String,
    /// The user of `userauth`, with its domain (`perezvon@default`); `None`: plain `auth`.
    pub user: Option<String>,
    /// The password.
    pub password: Secret,
}

/// A text that no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret of this text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where dialplans give us their callers: the other end of `socket ADDRESS async full`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound {
    /// Where we listen.
    pub listen: SocketAddr,
    /// Who may connect.
    pub allow: Vec<Net>,
}

/// How call detail records are taken in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cdr {
    /// `user:password`, as in the parameter `cred` of mod_json_cdr; `None`: whoever reaches the port may post.
    pub credentials: Option<Secret>,
    /// The folder where mod_json_cdr leaves what it could not post (its `err-log-dir`), read at start.
    pub folder: Option<PathBuf>,
}

/// How the log is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// What is logged, as `RUST_LOG` says it: `info`, `debug`, `perezvon::esl=trace`.
    pub level: String,
    /// One JSON object a line.
    pub json: bool,
    /// Telephone numbers whole; they are masked else.
    pub whole_numbers: bool,
}

/// The voice of each language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voices {
    /// The Russian one.
    pub ru: Voice,
    /// The English one.
    pub en: Voice,
    /// In which letters clients' names are said.
    pub names: Names,
    /// Where rendered sounds are kept.
    pub cache: PathBuf,
    /// That folder as the switch sees it, when it sees it by another name.
    pub share: Option<String>,
}

impl Voices {
    /// The voice that speaks this language.
    pub fn of(&self, language: Language) -> &Voice {
        match language {
            Language::Ru => &self.ru,
            Language::En => &self.en,
        }
    }

    /// What is rendered, and where.
    pub fn rendering(&self) -> Rendering {
        let Voices { ru, en, cache, share, .. } = self.clone();
        let by = |voice: Voice| voice.command.map(|command| command.by(&voice.voice));
        Rendering { ru: by(ru), en: by(en), cache, share }
    }
}

impl Default for Voices {
    fn default() -> Voices {
        let voice = |engine: &str, voice: &str| Voice { engine: engine.into(), voice: voice.into(), command: None };
        Voices {
            ru: voice("tts_commandline", "ru"),
            en: voice("flite", "slt"),
            names: Names::AsGiven,
            cache: "/var/spool/perezvon/voice".into(),
            share: None,
        }
    }
}

/// A TTS engine of the switch and one of its voices: the first two fields of `speak`'s argument. Letters, digits, `_`, `-`
/// and `.` alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voice {
    /// `tts_commandline`, `flite`, `unimrcp:…`
    pub engine: String,
    /// `ru`, `slt`, …
    pub voice: String,
    /// By which command a text becomes a file; `None`: the switch speaks it.
    pub command: Option<Recipe>,
}
