//! What each request does: plain functions that the control socket and the HTTP API share.

use super::{
    handle::{EngineStatus, Gone, Handle, NotStored},
    request::{MOST_ANSWERED, MOST_REPORTED, Refusal, RefusalKind, Request},
    settings::{self, MOST_VERSIONS, Settings, Wanted},
};
use crate::{
    config::{Config, one_of},
    engine::{
        Name,
        effect::Notice,
        explain,
        input::{Input, Wish},
        number::Number,
        record::{CallbackId, CallbackRecord, Origin},
        time::{Span, Wall},
    },
    report::{By, Fold, Report},
    store::{
        CallbackFilter, CallbackStory, JournalQuery, JournalRow, MOST_ROWS, MOST_STORIES, Place, StoreError, StoryQuery,
    },
};
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// How far from its opening a callback may be put.
pub(super) const FURTHEST: Span = Span::minutes(90 * 24 * 60);
/// The longest name of a person who asks, in characters.
pub(super) const MOST_BY: usize = 64;

/// Everything that may be asked, over a running daemon.
#[derive(Clone)]
pub struct Service {
    handle: Handle,
    /// What the daemon was started with; `None`: there is no file to read anew.
    started: Option<Arc<Started>>,
}

/// What a daemon was started with.
pub struct Started {
    /// The file.
    pub file: PathBuf,
    /// What was read from it, and from the settings over it.
    pub config: Config,
    /// The settings.
    pub settings: Settings,
}

impl Started {
    /// A configuration that was read later: still observing when the daemon was started so.
    pub fn as_started(&self, config: Config) -> Config {
        if self.config.rules.observe { config.observing() } else { config }
    }
}

pub(super) type Done<T> = Result<T, Refusal>;

impl Service {
    /// Over this daemon.
    pub fn new(handle: Handle, started: Option<Started>) -> Service {
        Service { handle, started: started.map(Arc::new) }
    }

    /// The daemon itself.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// What the daemon was started with.
    ///
    /// # Errors
    /// It has no file.
    pub fn started(&self) -> Done<&Started> {
        let no_file = || Refusal::new(RefusalKind::Config, "this daemon was started without a configuration file");
        self.started.as_deref().ok_or_else(no_file)
    }

    /// Answers a request.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn answer(&self, request: Request) -> Done<Value> {
        Ok(match request {
            Request::Status {} => json!(self.status().await?),
            Request::Queue {} => json!({ "queues": self.status().await?.queues }),
            Request::Operators {} => json!({ "operators": self.status().await?.operators }),
            Request::Operator { name, ready, why } => {
                self.operator(&name, ready, &why).await?;
                json!({ "operator": name, "ready": ready })
            }
            Request::Call { number, line, by, list } => {
                json!({ "callback": self.call(&number, line.as_deref(), &by, list).await? })
            }
            Request::List { list } => self.list(list).await?,
            Request::PauseList { list, paused } => {
                self.wish(Wish::List { list: person(&list), paused }).await?;
                json!({ "list": list, "paused": paused })
            }
            Request::Blocked {} => json!({ "blocked": self.handle.store().blocked().await? }),
            Request::Block { number, blocked, by } => {
                let number = self.block(&number, blocked, &by).await?;
                json!({ "number": number, "blocked": blocked })
            }
            Request::Explain { callback } => self.explain(CallbackId(callback)).await?,
            Request::Foresee { number, line, at } => {
                let (number, line) = (self.number(&number)?, self.line(line.as_deref())?);
                json!(self.handle.foresee(number, line, at.map(Wall)).await?)
            }
            Request::Cancel { callback, by } => {
                self.cancel(CallbackId(callback), &by).await?;
                json!({ "cancelled": callback })
            }
            Request::Pause {} => self.pause(true).await.map(|()| json!({ "paused": true }))?,
            Request::Resume {} => self.pause(false).await.map(|()| json!({ "paused": false }))?,
            Request::Reload {} => json!({ "needs_restart": self.reload().await? }),
            Request::Settings {} => json!(self.current_settings().await?),
            Request::Versions {} => {
                json!({ "versions": settings::versions(self.handle.store(), MOST_VERSIONS).await? })
            }
            Request::Version { version } => {
                let (version, changes) = self.settings_version(version).await?;
                json!({ "version": version, "changes": changes })
            }
            Request::Between { old, new } => json!({ "changes": self.settings_between(old, new).await? }),
            Request::CheckSettings { text } => json!(self.check_settings(&text).await?),
            Request::SaveSettings { text, based_on, comment, by } => {
                json!({ "version": self.save_settings(Wanted { text, based_on, comment, by, restores: None }).await? })
            }
            Request::RollBack { to, based_on, comment, by } => {
                json!({ "version": self.roll_settings_back(to, based_on, comment, by).await? })
            }
            Request::Backup { file } => {
                self.backup(&file).await?;
                json!({ "file": file })
            }
            Request::Journal { since, number, line, limit, after } => {
                let number = number.map(|text| self.number(&text)).transpose()?;
                let limit = Some(limit.unwrap_or(MOST_ANSWERED).min(MOST_ANSWERED));
                let line = line.map(Name::from);
                let query = JournalQuery { since: since.map(Wall), until: None, number, line, limit, after };
                let rows = self.journal(&query).await?;
                json!({ "next": rows.last().and_then(JournalRow::place), "rows": rows })
            }
            Request::Report { since, until, by, zone } => {
                let zone = self.zone(zone.as_deref())?;
                json!(self.report(since.map(Wall), until.map(Wall), by, zone).await?)
            }
            Request::Callback { id } => json!(self.callback(CallbackId(id)).await?),
        })
    }

    /// How things stand.
    ///
    /// # Errors
    /// The daemon is stopping.
    pub async fn status(&self) -> Done<EngineStatus> {
        Ok(self.handle.status().await?)
    }

    /// Has a number called back at once; of a client who has an open callback it becomes due.
    ///
    /// # Errors
    /// It is no number; there is no such line; the store takes no writes.
    /// The number is never dialled. Of a `list` it is called in its turn.
    pub async fn call(&self, number: &str, line: Option<&str>, by: &str, list: Option<String>) -> Done<CallbackRecord> {
        let number = self.number(number)?;
        let line = self.line(line)?;
        let list = list.map(|list| person(&list));
        if list.is_some() {
            let filter = CallbackFilter { number: Some(number), list: list.clone(), ..CallbackFilter::default() };
            if let Some(callback) = self.handle.store().callbacks(&filter).await?.last() {
                return Err(Refusal::new(RefusalKind::Done, callback.id.to_string()));
            }
        }
        let notices = self.wish(Wish::Call { number, line, by: person(by), list }).await?;
        self.opened(number, notices).await
    }

    /// The callback of this client that a wish has opened or found.
    pub(super) async fn opened(&self, number: Number, notices: Vec<Notice>) -> Done<CallbackRecord> {
        for notice in notices {
            match notice {
                Notice::Opened(callback) if callback.number == number => return Ok(callback),
                Notice::Blocked(block) => {
                    let text = format!("{number} is never dialled: {}; `perezvon blocked remove` allows it", block.why);
                    return Err(Refusal::new(RefusalKind::Blocked, text));
                }
                _ => {}
            }
        }
        let over = || Refusal::new(RefusalKind::Busy, "the callback was over before it could be shown");
        let open = self.status().await?.callbacks;
        open.into_iter().find(|callback| callback.number == number).ok_or_else(over)
    }

    /// The callbacks of a list, and whether it rests.
    async fn list(&self, list: String) -> Done<Value> {
        let paused = self.status().await?.paused_lists.contains(&list);
        let filter = CallbackFilter { list: Some(list), ..CallbackFilter::default() };
        Ok(json!({ "paused": paused, "callbacks": self.handle.store().callbacks(&filter).await? }))
    }

    /// The zone of this name; without one the machine's.
    ///
    /// # Errors
    /// There is none.
    pub fn zone(&self, name: Option<&str>) -> Done<TimeZone> {
        name.map_or_else(|| Ok(TimeZone::system()), time_zone)
    }

    /// Why a callback stands where it stands, or came to its end.
    ///
    /// # Errors
    /// There is none of this id; the store cannot be read.
    pub async fn explain(&self, id: CallbackId) -> Done<Value> {
        let CallbackStory { callback, attempts } = self.callback(id).await?;
        let rules = self.handle.rules();
        let mut call = None;
        if let Origin::Missed { call: id } = &callback.origin {
            let query = JournalQuery { number: Some(callback.number), ..JournalQuery::default() };
            let calls = self.journal(&query).await?.into_iter().filter_map(|row| row.call);
            call = calls.into_iter().find(|call| call.id == *id);
        }
        let rule = call.as_ref().and_then(|call| explain::why_missed(call, rules.lines.get(&call.line)?));
        let now = self.handle.explain(id).await?;
        Ok(json!({ "callback": callback, "attempts": attempts, "call": call, "rule": rule, "now": now }))
    }

    /// A callback that has something still to do.
    async fn still_open(&self, id: CallbackId) -> Done<CallbackRecord> {
        if let Some(open) = self.status().await?.callbacks.into_iter().find(|open| open.id == id) {
            return Ok(open);
        }
        self.callback(id).await?;
        Err(Refusal::new(RefusalKind::Done, format!("callback {id} is over")))
    }

    /// Takes a callback off.
    ///
    /// # Errors
    /// It is not open; the store takes no writes.
    pub async fn cancel(&self, callback: CallbackId, by: &str) -> Done<()> {
        self.still_open(callback).await?;
        self.wish(Wish::Cancel { callback, by: person(by) }).await.map(drop)
    }

    /// Puts an open callback to another time.
    ///
    /// # Errors
    /// It is not open, or its attempt is under way; the time is too far away; the store takes no writes.
    pub async fn reschedule(&self, callback: CallbackId, due: Wall) -> Done<()> {
        let open = self.still_open(callback).await?;
        if open.is_active() {
            return Err(Refusal::new(
                RefusalKind::Done,
                format!("callback {callback} is being dialled at this moment"),
            ));
        }
        if due > open.opened + FURTHEST {
            return Err(Refusal::new(RefusalKind::Done, format!("a callback is put off by {FURTHEST} at most")));
        }
        self.wish(Wish::Reschedule { callback, due }).await.map(drop)
    }

    /// Never dials a number, or dials it again.
    ///
    /// # Errors
    /// It is no number; the store takes no writes.
    pub async fn block(&self, number: &str, blocked: bool, by: &str) -> Done<Number> {
        let number = self.number(number)?;
        let wish = if blocked { Wish::Block { number, by: person(by) } } else { Wish::Unblock { number } };
        self.wish(wish).await?;
        Ok(number)
    }

    /// Dials nobody from now on, or again.
    ///
    /// # Errors
    /// The store takes no writes.
    pub async fn pause(&self, paused: bool) -> Done<()> {
        self.wish(if paused { Wish::Pause } else { Wish::Resume }).await.map(drop)
    }

    /// Writes a copy of the store.
    ///
    /// # Errors
    /// The file is there already or cannot be written.
    pub async fn backup(&self, file: &Path) -> Done<()> {
        if !file.is_absolute() {
            return Err(Refusal::new(RefusalKind::Malformed, "the file's name must begin with /"));
        }
        Ok(self.handle.store().backup(file).await?)
    }

    /// The journal.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn journal(&self, query: &JournalQuery) -> Done<Vec<JournalRow>> {
        Ok(self.handle.store().journal(query).await?)
    }

    /// Totals of what came from `since` on and before `until`. It is read page by page, so what comes meanwhile may be in
    /// it or not.
    ///
    /// # Errors
    /// It would have more than [`MOST_REPORTED`] rows; the store cannot be read.
    pub async fn report(
        &self,
        since: Option<Wall>,
        until: Option<Wall>,
        by: Option<By>,
        zone: TimeZone,
    ) -> Done<Report> {
        let mut fold = Fold::new(self.handle.rules(), by, zone);
        let store = self.handle.store();
        let after = Some(Place::before(since.unwrap_or(Wall(i64::MIN))));
        let mut calls = JournalQuery { since, until, after, ..JournalQuery::default() };
        loop {
            let page = store.journal(&calls).await?;
            page.iter().filter_map(|row| row.call.as_ref()).for_each(|call| fold.call(call));
            within(&fold)?;
            calls.after = page.last().and_then(JournalRow::place);
            if page.len() < MOST_ROWS {
                break;
            }
        }
        let mut callbacks = StoryQuery { since, until, ..StoryQuery::default() };
        loop {
            let page = store.stories(&callbacks).await?;
            page.iter().for_each(|story| fold.story(story));
            within(&fold)?;
            callbacks.after = page.last().map(|story| story.callback.id);
            if page.len() < MOST_STORIES {
                return Ok(fold.finish(since, until));
            }
        }
    }

    /// A callback with its attempts.
    ///
    /// # Errors
    /// There is none of this id; the store cannot be read.
    pub async fn callback(&self, id: CallbackId) -> Done<CallbackStory> {
        let none = || Refusal::new(RefusalKind::Unknown, format!("there is no callback {id}"));
        self.handle.store().callback(id).await?.ok_or_else(none)
    }

    /// A number as people write it.
    ///
    /// # Errors
    /// It is none.
    pub fn number(&self, text: &str) -> Done<Number> {
        let told = |error| Refusal::new(RefusalKind::Malformed, format!("\"{text}\" is no number: {error}"));
        Number::parse(text, &self.handle.rules().country).map_err(told)
    }

    pub(super) fn line(&self, name: Option<&str>) -> Done<Name> {
        let rules = self.handle.rules();
        let known: Vec<&str> = rules.lines.keys().map(|name| &**name).collect();
        let found = match name {
            Some(name) => rules.lines.get_key_value(name).map(|(name, _)| name.clone()),
            None if known.len() == 1 => rules.lines.keys().next().cloned(),
            None => None,
        };
        found.ok_or_else(|| match name {
            Some(name) => {
                Refusal::new(RefusalKind::Unknown, format!("there is no line \"{name}\"; {}", one_of(name, &known)))
            }
            None => Refusal::new(RefusalKind::Malformed, format!("on which line? {}", one_of("", &known))),
        })
    }

    pub(super) async fn wish(&self, wish: Wish) -> Done<Vec<Notice>> {
        self.step(Input::Wish(wish)).await
    }

    async fn step(&self, input: Input) -> Done<Vec<Notice>> {
        Ok(self.handle.step(input).await??)
    }
}

fn time_zone(name: &str) -> Done<TimeZone> {
    let told = |_| Refusal::new(RefusalKind::Unknown, format!("there is no time zone \"{name}\""));
    TimeZone::get(name).map_err(told)
}

fn within(fold: &Fold) -> Done<()> {
    match fold.rows() <= MOST_REPORTED {
        true => Ok(()),
        false => {
            let text = format!("the report would have more than {MOST_REPORTED} rows: ask for a shorter period");
            Err(Refusal::new(RefusalKind::Malformed, text))
        }
    }
}

/// Who asks, as it is kept.
pub(super) fn person(by: &str) -> String {
    let name: String = by.chars().filter(|c| !c.is_control()).take(MOST_BY).collect();
    if name.trim().is_empty() { "somebody".to_owned() } else { name }
}

impl From<Gone> for Refusal {
    fn from(gone: Gone) -> Refusal {
        Refusal::new(RefusalKind::Busy, gone.to_string())
    }
}

impl From<NotStored> for Refusal {
    fn from(error: NotStored) -> Refusal {
        Refusal::new(RefusalKind::Store, error.to_string())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        Refusal::new(RefusalKind::Store, error.to_string())
    }
}
