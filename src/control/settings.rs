//! Settings over the file, in versions: each is a paper of the store, and the newest is in force. The file is never written.
//!
//! A version holds all that lies over the file, so going back to an older one is a new version that says what that one said, and
//! version 0 is the file alone.
//!
//! ```text
//! check ─▶ what-if on the journal ─▶ save: the paper is on the disk, then the rules are obeyed ─▶ going back: a save
//! ```

use super::{
    request::{Refusal, RefusalKind},
    service::{Done, Service, Started, person},
};
use crate::{
    clock::Clock,
    config::{self, Base, Change, Config, Fault, Faults, Over, Valued, dotted},
    engine::{
        input::Input,
        paper::{Paper, PaperKind},
        record::Write,
        rules::Language,
        time::{Span, Wall},
    },
    replay::{
        Replay,
        history::{History, NOTHING_LEARNT},
        replay,
    },
    store::{PaperQuery, Store, StoreError},
};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{path::Path, sync::Arc};
use tokio::sync::{Mutex, Semaphore};

/// How many versions are kept; with a further one the oldest is forgotten.
pub const MOST_VERSIONS: usize = 500;
/// The longest comment, in characters.
pub const MOST_COMMENT: usize = 500;
/// Over how many days of the journal settings are tried at most.
pub const MOST_DAYS: u32 = 90;
/// … and over how many calls and callbacks: a trial is a minute's work for one processor, not an hour's.
const MOST_TRIED: usize = 100_000;
/// How many changes a refusal names.
const MOST_NAMED: usize = 5;

/// One version of the settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Its number, from 1, without gaps.
    pub version: u64,
    /// When it was saved.
    pub at: Wall,
    /// Who saved it.
    pub by: String,
    /// What they said about it.
    pub comment: String,
    /// The version that it says again; 0: the file alone.
    pub restores: Option<u64>,
    /// By which the file is known that it was laid over then.
    pub file: String,
    /// What it says, TOML.
    pub text: String,
}

/// A version's paper says the rest beside its time.
#[derive(Default, Serialize, Deserialize)]
struct Body {
    by: String,
    comment: String,
    restores: Option<u64>,
    file: String,
    text: String,
}

impl Version {
    fn read(paper: &Paper) -> Option<Version> {
        // One that cannot be read is told of as it stands: it is no TOML.
        let unread = |_| Body { text: paper.body.clone(), ..Body::default() };
        let Body { by, comment, restores, file, text } = serde_json::from_str(&paper.body).unwrap_or_else(unread);
        Some(Version { version: paper.id.parse().ok()?, at: paper.at, by, comment, restores, file, text })
    }

    fn paper(&self) -> Paper {
        let Version { version, at, by, comment, restores, file, text } = self.clone();
        let body = serde_json::to_string(&Body { by, comment, restores, file, text }).unwrap_or_default();
        Paper { kind: PaperKind::Settings, id: id(version), about: String::new(), at, body }
    }

    /// What is laid over the file.
    ///
    /// # Errors
    /// This version of the program does not know what it says.
    pub fn over(&self) -> Result<Over, Faults> {
        Over::parse(&format!("settings version {}", self.version), &self.text)
    }
}

/// As its paper is called: sorted by it, versions are in order.
fn id(version: u64) -> String {
    format!("{version:010}")
}

/// The newest versions, the newest last.
///
/// # Errors
/// The store cannot be read.
pub async fn versions(store: &dyn Store, limit: usize) -> Result<Vec<Version>, StoreError> {
    let query = PaperQuery { kind: Some(PaperKind::Settings), limit: Some(limit), ..PaperQuery::default() };
    Ok(store.papers(&query).await?.iter().filter_map(Version::read).collect())
}

/// The version of this number, if it is kept.
///
/// # Errors
/// The store cannot be read.
pub async fn version(store: &dyn Store, number: u64) -> Result<Option<Version>, StoreError> {
    let query = PaperQuery { kind: Some(PaperKind::Settings), id: Some(id(number)), ..PaperQuery::default() };
    Ok(store.papers(&query).await?.first().and_then(Version::read))
}

/// The newest version, if there is any.
///
/// # Errors
/// The store cannot be read.
pub async fn newest(store: &dyn Store) -> Result<Option<Version>, StoreError> {
    Ok(versions(store, 1).await?.pop())
}

/// What is obeyed.
struct InForce {
    /// The file as it was read last.
    base: Arc<Base>,
    /// The version over it; `None`: the file alone.
    version: Option<Version>,
    /// Why the newest version is not obeyed; empty: it is.
    faults: Vec<Fault>,
}

impl InForce {
    fn over(&self) -> Option<Over> {
        self.version.as_ref().and_then(|version| version.over().ok())
    }
}

/// The settings of a running daemon.
pub struct Settings {
    clock: Clock,
    /// Who saves has it to themselves: the newest version does not change between being looked at and being followed by another.
    state: Mutex<InForce>,
    /// One trial at a time: each keeps a processor busy.
    trial: Arc<Semaphore>,
}

/// What the newest version makes of a file.
pub struct Laid {
    /// The configuration: the file under the settings, or the file alone when they do not fit.
    pub config: Config,
    /// The newest version.
    pub version: Option<Version>,
    /// Why it does not fit; empty: it does.
    pub faults: Vec<Fault>,
}

/// Lays the newest version over a file.
///
/// # Errors
/// The faults of the file alone.
pub fn lay(base: &Base, newest: Option<Version>) -> Result<Laid, Faults> {
    let mut laid = Laid { config: base.config(None)?, version: newest, faults: Vec::new() };
    if let Some(version) = &laid.version {
        match version.over().and_then(|over| base.config(Some(&over))) {
            Ok(config) => laid.config.rules = config.rules,
            Err(faults) => laid.faults = faults.0,
        }
    }
    Ok(laid)
}

impl Laid {
    /// What is to be said and done when the newest version does not fit the file; `None`: it does.
    pub fn misfit(&self) -> Option<String> {
        let number = self.version.as_ref().filter(|_| !self.faults.is_empty())?.version;
        Some(format!(
            "settings version {number} does not fit the file any more and is not obeyed; mend the file and have it read anew, save \
             other settings, or go back with `perezvon settings rollback`:\n{}",
            Faults(self.faults.clone())
        ))
    }
}

impl Settings {
    /// Lays what the store has over the file, as a start does: settings that do not fit are left off and told of, never a reason not
    /// to start.
    ///
    /// # Errors
    /// The store cannot be read. (inner) The file is faulty by itself.
    pub async fn start(
        clock: Clock,
        file: &Path,
        store: &dyn Store,
    ) -> Result<Result<(Settings, Laid), Faults>, StoreError> {
        let newest = newest(store).await?;
        let laid = Base::read(file).and_then(|base| Ok((lay(&base, newest)?, base)));
        Ok(laid.map(|(laid, base)| {
            let version = laid.version.clone().filter(|_| laid.faults.is_empty());
            let state = InForce { base: base.into(), version, faults: laid.faults.clone() };
            (Settings { clock, state: Mutex::new(state), trial: Arc::new(Semaphore::new(1)) }, laid)
        }))
    }
}

/// How things stand with the settings.
#[derive(Debug, Serialize)]
pub struct Current {
    /// The newest version; `None`: nothing was ever saved.
    pub newest: Option<Version>,
    /// Why the newest version is not obeyed, and the file alone is; empty: it is.
    pub faults: Vec<Fault>,
    /// The file's name.
    pub file: String,
    /// Is the file another than the one over which the newest version was laid when it was saved?
    pub file_changed: bool,
    /// What the newest version sets, and what it removes from the file.
    pub said: Said,
    /// Every value that is obeyed.
    pub values: Vec<Valued>,
    /// Every value of the file alone.
    pub file_values: Vec<Valued>,
    /// The language where nobody says another, and what holds there where nobody says otherwise.
    pub language: Language,
    /// What holds where nobody says otherwise, in that language.
    pub usual: Value,
}

/// What settings say, path by path.
#[derive(Debug, Default, Serialize)]
pub struct Said {
    /// What they set.
    pub set: Vec<(Vec<String>, Value)>,
    /// What they remove from the file.
    pub removed: Vec<Vec<String>>,
}

impl Said {
    fn of(over: Option<&Over>) -> Said {
        over.map(|over| Said { set: over.set(), removed: over.removed().to_vec() }).unwrap_or_default()
    }
}

/// What is known of settings before they are saved.
#[derive(Debug, Serialize)]
pub struct Checked {
    /// What is wrong; empty: nothing.
    pub faults: Vec<Fault>,
    /// What would differ from what is obeyed.
    pub changes: Vec<Change>,
    /// What they say, path by path.
    pub said: Said,
}

/// What is to be saved.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The settings, TOML.
    pub text: String,
    /// The newest version that was known to who wrote them; 0: there was none.
    pub based_on: u64,
    /// What is said about it.
    pub comment: String,
    /// Who saves it.
    pub by: String,
    /// The version that it says again.
    pub restores: Option<u64>,
}

fn faulty(faults: Faults) -> Refusal {
    Refusal::new(RefusalKind::Config, faults.to_string())
}

fn draft(text: &str) -> Result<Over, Faults> {
    Over::parse("the new settings", text)
}

impl Service {
    fn settings(&self) -> Done<(&Started, &Settings)> {
        let started = self.started()?;
        Ok((started, &started.settings))
    }

    fn store(&self) -> &dyn Store {
        self.handle().store()
    }

    /// How things stand with the settings.
    ///
    /// # Errors
    /// The store cannot be read; the daemon has no file.
    pub async fn current_settings(&self) -> Done<Current> {
        let (started, settings) = self.settings()?;
        let state = settings.state.lock().await;
        let newest = newest(self.store()).await?;
        let over = state.over();
        let language = started.config.rules.lines.values().next().map_or(Language::En, |line| line.language);
        Ok(Current {
            file_changed: newest.as_ref().is_some_and(|newest| newest.file != state.base.fingerprint()),
            said: Said::of(newest.as_ref().and_then(|newest| newest.over().ok()).as_ref()),
            newest,
            faults: state.faults.clone(),
            file: state.base.name().to_owned(),
            values: state.base.values(over.as_ref()).map_err(faulty)?,
            file_values: state.base.values(None).map_err(faulty)?,
            language,
            usual: config::usual(language),
        })
    }

    /// A version, and what it changed of the one before, over the file as it is now.
    ///
    /// # Errors
    /// It is not kept; the store cannot be read.
    pub async fn settings_version(&self, number: u64) -> Done<(Version, Vec<Change>)> {
        let version = self.kept(number).await?;
        let before = self::version(self.store(), number.saturating_sub(1)).await?;
        let base = self.settings()?.1.state.lock().await.base.clone();
        let over = |version: &Version| version.over().map_err(faulty);
        let (old, new) = (before.as_ref().map(over).transpose()?, over(&version)?);
        let changes = base.differences(old.as_ref(), Some(&new)).map_err(faulty)?;
        Ok((version, changes))
    }

    /// What differs between two versions, over the file as it is now; 0: the file alone.
    ///
    /// # Errors
    /// One of them is not kept; the store cannot be read.
    pub async fn settings_between(&self, old: u64, new: u64) -> Done<Vec<Change>> {
        let mut overs = [None, None];
        for (over, number) in overs.iter_mut().zip([old, new]).filter(|(_, number)| *number > 0) {
            *over = Some(self.kept(number).await?.over().map_err(faulty)?);
        }
        let base = self.settings()?.1.state.lock().await.base.clone();
        base.differences(overs[0].as_ref(), overs[1].as_ref()).map_err(faulty)
    }

    async fn kept(&self, number: u64) -> Done<Version> {
        let none = || Refusal::new(RefusalKind::Unknown, format!("there is no version {number} of the settings"));
        version(self.store(), number).await?.ok_or_else(none)
    }

    /// What is wrong with settings, and what they would change.
    ///
    /// # Errors
    /// The daemon has no file.
    pub async fn check_settings(&self, text: &str) -> Done<Checked> {
        let (base, current) = {
            let state = self.settings()?.1.state.lock().await;
            (state.base.clone(), state.over())
        };
        let over = match draft(text) {
            Ok(over) => over,
            Err(Faults(faults)) => return Ok(Checked { faults, changes: Vec::new(), said: Said::default() }),
        };
        let changes = base.differences(current.as_ref(), Some(&over)).map_err(faulty)?;
        let said = Said::of(Some(&over));
        let faults = blocking(move || base.config(Some(&over))).await?.err().map(|faults| faults.0).unwrap_or_default();
        Ok(Checked { faults, changes, said })
    }

    /// What the last days would have been under these settings, beside what they would have been under those that are obeyed.
    ///
    /// # Errors
    /// They are faulty; nobody was dialled in that time; another trial is under way; the store cannot be read.
    pub async fn try_settings(&self, text: &str, days: u32) -> Done<Replay> {
        let (_, settings) = self.settings()?;
        let base = settings.state.lock().await.base.clone();
        let over = draft(text).map_err(faulty)?;
        let new = blocking(move || base.config(Some(&over))).await?.map_err(faulty)?.rules;
        let busy =
            |_| Refusal::new(RefusalKind::Busy, "other settings are being tried at the moment: ask again in a minute");
        let turn = settings.trial.clone().try_acquire_owned().map_err(busy)?;
        let until = settings.clock.now().wall;
        let since = until - Span::minutes(u64::from(days.clamp(1, MOST_DAYS)) * 24 * 60);
        let zone = TimeZone::system();
        let history = History::read(self.store(), since, until, zone.clone(), MOST_TRIED).await?;
        if history.learnt() == 0 {
            return Err(Refusal::new(RefusalKind::Done, NOTHING_LEARNT));
        }
        if history.calls.len().max(history.stories.len()) > MOST_TRIED {
            let text = format!("there were more than {MOST_TRIED} calls in these {days} days: try fewer days");
            return Err(Refusal::new(RefusalKind::Done, text));
        }
        let current = self.handle().rules();
        let tried = move || {
            let came = replay(&history, &current, &new, &zone);
            drop(turn);
            came
        };
        blocking(tried).await
    }

    /// Saves settings as a new version and obeys them: the version is on the disk before. Asked again for the same, it is the same
    /// version.
    ///
    /// # Errors
    /// They are faulty, say what is said already, or somebody saved others meanwhile; the store takes no writes.
    pub async fn save_settings(&self, wanted: Wanted) -> Done<Version> {
        let service = self.clone();
        // Who asked may go away meanwhile: what is on the disk is obeyed all the same.
        let saved = tokio::spawn(async move { service.save(wanted).await }).await;
        saved.map_err(|error| Refusal::new(RefusalKind::Busy, error.to_string()))?
    }

    async fn save(&self, wanted: Wanted) -> Done<Version> {
        let (started, settings) = self.settings()?;
        let mut state = settings.state.lock().await;
        let newest = newest(self.store()).await?;
        let by = person(&wanted.by);
        let same = |newest: &Version| newest.text == wanted.text && newest.restores == wanted.restores;
        if let Some(newest) = &newest
            && newest.version == wanted.based_on.saturating_add(1)
            && newest.by == by
            && same(newest)
        {
            return Ok(newest.clone());
        }
        let number = newest.as_ref().map_or(0, |newest| newest.version);
        if number != wanted.based_on {
            return Err(self.meanwhile(&state, newest.as_ref(), wanted.based_on).await);
        }
        let over = draft(&wanted.text).map_err(faulty)?;
        if newest.as_ref().is_some_and(|newest| newest.text == wanted.text) || (newest.is_none() && over.is_empty()) {
            return Err(Refusal::new(RefusalKind::Done, "the settings say that already: there is nothing to save"));
        }
        let base = state.base.clone();
        let config = blocking(move || base.config(Some(&over))).await?.map_err(faulty)?;
        let now = settings.clock.now().wall;
        let version = Version {
            version: number + 1,
            // Versions are in the order of their times too, whatever the clock does.
            at: newest.map_or(now, |newest| newest.at.max(now)),
            by,
            comment: wanted.comment.chars().filter(|c| !c.is_control()).take(MOST_COMMENT).collect(),
            restores: wanted.restores,
            file: state.base.fingerprint(),
            text: wanted.text,
        };
        let mut writes = vec![Write::Paper(version.paper())];
        if let Some(oldest) = version.version.checked_sub(MOST_VERSIONS as u64).filter(|oldest| *oldest > 0) {
            writes.push(Write::Discard { kind: PaperKind::Settings, id: id(oldest) });
        }
        self.store().commit(&writes).await?;
        *state = InForce { base: state.base.clone(), version: Some(version.clone()), faults: Vec::new() };
        // It is on the disk: whether the daemon lives to obey it or not, it holds from the next start on.
        let _ = self.handle().step(Input::Reload(started.as_started(config).rules)).await?;
        Ok(version)
    }

    /// Saves a new version that says what this one said; 0: the file alone.
    ///
    /// # Errors
    /// It is not kept, does not fit the file any more, and as [`Service::save_settings`].
    pub async fn roll_settings_back(&self, to: u64, based_on: u64, comment: String, by: String) -> Done<Version> {
        let text = if to == 0 { String::new() } else { self.kept(to).await?.text };
        self.save_settings(Wanted { text, based_on, comment, by, restores: Some(to) }).await
    }

    /// Who saved what since the version on which somebody based theirs.
    async fn meanwhile(&self, state: &InForce, newest: Option<&Version>, based_on: u64) -> Refusal {
        let Some(newest) = newest.filter(|newest| newest.version > based_on) else {
            let text = format!("there is no version {based_on} of the settings to base these on");
            return Refusal::new(RefusalKind::Changed, text);
        };
        let before = version(self.store(), based_on).await.ok().flatten().and_then(|version| version.over().ok());
        let changes = state.base.differences(before.as_ref(), newest.over().ok().as_ref()).unwrap_or_default();
        let named: Vec<String> = changes.iter().take(MOST_NAMED).map(|change| dotted(&change.path)).collect();
        let changed = match (changes.len(), named.join(", ")) {
            (0, _) => "nothing that is there now".to_owned(),
            (n, named) if n > MOST_NAMED => format!("{named}, …"),
            (_, named) => named,
        };
        let Version { by, version, at, .. } = newest;
        let at = at.timestamp();
        let text = format!(
            "{by} saved version {version} at {at} meanwhile, which changes {changed}: look at it and save yours over it"
        );
        Refusal::new(RefusalKind::Changed, text)
    }

    /// Reads the file anew, with the newest settings over it, and obeys it; calls in progress go on. Settings that fitted the old file
    /// and do not fit this one are a fault of it; those that were left off before are left off again. Gives the sections that a
    /// restart would bring into force.
    ///
    /// # Errors
    /// The configuration is faulty, and nothing was changed.
    pub async fn reload(&self) -> Done<Vec<&'static str>> {
        let (started, settings) = self.settings()?;
        let mut state = settings.state.lock().await;
        let newest = newest(self.store()).await?;
        let file = started.file.clone();
        let read = move || Base::read(&file).and_then(|base| Ok((lay(&base, newest)?, base)));
        let (laid, base) = blocking(read).await?.map_err(faulty)?;
        if let Some(misfit) = laid.misfit().filter(|_| state.faults.is_empty()) {
            return Err(Refusal::new(RefusalKind::Config, misfit));
        }
        let config = started.as_started(laid.config);
        if started.config.rules.switches != config.rules.switches {
            let text = "a switch was added or removed: restart the daemon for that; nothing was changed";
            return Err(Refusal::new(RefusalKind::Config, text));
        }
        let needs_restart = started.config.needs_restart(&config);
        let version = laid.version.filter(|_| laid.faults.is_empty());
        *state = InForce { base: base.into(), version, faults: laid.faults };
        let _ = self.handle().step(Input::Reload(config.rules)).await??;
        Ok(needs_restart)
    }
}

/// Work that would keep others waiting.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Done<T> {
    let broken = |error: tokio::task::JoinError| Refusal::new(RefusalKind::Busy, error.to_string());
    tokio::task::spawn_blocking(work).await.map_err(broken)
}
