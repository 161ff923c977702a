//! Settings over the file: read, checked, tried on the journal, saved as versions, gone back to; announcements tried before they
//! are anybody's.

use super::{
    Api,
    problem::{Conflict, Denied, Malformed, Problem, Unavailable, Unknown, UnreadBody},
    tokens::{Admin, Reader},
    wire::{moment, whole},
};
use crate::{
    config,
    control::{
        sample,
        settings::{self, MOST_COMMENT, MOST_DAYS, MOST_VERSIONS, Said, Wanted},
    },
    engine::rules::Language,
};
use axum::{
    Json,
    extract::{
        Path, State,
        rejection::{JsonRejection, PathRejection},
    },
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// The most tries that an announcement tells of.
const MOST_TRIES: u32 = 100;

/// All that is to lie over the file; `{}` is the file alone.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// As TOML, in the shape of the configuration, with `remove = ["line.site.redial.avoid"]` for what the file says and is not to hold. With it
    /// `set` and `removed` are not looked at.
    text: Option<String>,
    /// The same without TOML: what is set.
    set: Option<Vec<Setting>>,
    /// What the file says and is not to hold.
    removed: Option<Vec<Vec<String>>>,
}

/// A value and where it belongs.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// The way to it by names: `["line", "site", "redial", "attempts"]`.
    path: Vec<String>,
    /// The value, as the configuration writes it: `3`, `"5m"`, `["anna"]`, `{"after": "2m"}`.
    value: Value,
}

impl Draft {
    /// As TOML.
    fn text(self) -> Result<String, String> {
        match self.text {
            Some(text) => Ok(text),
            None => {
                let set: Vec<_> = self.set.unwrap_or_default().into_iter().map(|one| (one.path, one.value)).collect();
                config::write(&set, &self.removed.unwrap_or_default())
            }
        }
    }
}

/// A draft that is to be saved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Save {
    /// The settings.
    draft: Draft,
    /// The newest version that was known when they were written; 0: there was none.
    #[serde(deserialize_with = "whole")]
    based_on: u64,
    /// What is said about it, at most 500 characters.
    #[serde(default)]
    #[schema(max_length = 500)]
    comment: String,
}

/// A version to go back to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollBack {
    /// The version whose settings hold again; 0: the file alone.
    #[serde(deserialize_with = "whole")]
    to: u64,
    /// The newest version that was known; 0: there was none.
    #[serde(deserialize_with = "whole")]
    based_on: u64,
    /// What is said about it, at most 500 characters.
    #[serde(default)]
    #[schema(max_length = 500)]
    comment: String,
}

/// A draft that is to be tried.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// The settings.
    draft: Draft,
    /// On so many of the last days, 1 to 90; 30 when it is left out.
    #[serde(default = "usual_days", deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 90, required = false)]
    days: u64,
}

/// An announcement that is to be tried.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// The template.
    template: String,
    /// The line whose facts it knows; the first one when it is left out.
    line: Option<String>,
    /// ru, en; the line's when it is left out.
    #[schema(value_type = Option<Tongue>)]
    language: Option<Language>,
    /// The client's number, E.164 or as people of the country write it.
    #[schema(pattern = r"^\+7916[0-9]{7}$")]
    number: Option<String>,
    /// The client's name, as a call may bring it.
    #[serde(default)]
    name: String,
    /// Which try it is, 1 to 100.
    #[serde(default = "first", deserialize_with = "whole")]
    #[schema(minimum = 1, maximum = 100, required = false)]
    attempt: u64,
}

fn usual_days() -> u64 {
    30
}

fn first() -> u64 {
    1
}

/// A language of announcements.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code)] // the description alone
pub enum Tongue {
    /// Russian.
    Ru,
    /// English.
    En,
}

impl TryFrom<Sample> for sample::Sample {
    type Error = Problem;

    fn try_from(asked: Sample) -> Result<sample::Sample, Problem> {
        let Sample { template, line, language, number, name, attempt } = asked;
        let attempt = u32::try_from(attempt).ok().filter(|attempt| (1..=MOST_TRIES).contains(attempt));
        let attempt = attempt.ok_or_else(|| Problem::malformed(format!("`attempt` is 1 to {MOST_TRIES}")))?;
        Ok(sample::Sample { template, line, language, number, name, attempt })
    }
}

/// One version of the settings.
#[derive(Debug, Serialize, ToSchema)]
pub struct Version {
    /// Its number, from 1.
    version: u64,
    /// When it was saved.
    #[schema(format = DateTime)]
    at: String,
    /// Who saved it: the name of a token, or of a person at the command line.
    by: String,
    /// What they said about it.
    comment: String,
    /// The version that it says again; 0: the file alone.
    restores: Option<u64>,
}

impl From<&settings::Version> for Version {
    fn from(version: &settings::Version) -> Version {
        let settings::Version { version, at, by, comment, restores, .. } = version.clone();
        Version { version, at: moment(at), by, comment, restores }
    }
}

/// Versions, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Versions {
    /// The versions.
    versions: Vec<Version>,
}

/// A version with what it says and what it changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Detail {
    /// The version.
    version: Version,
    /// What it says, TOML.
    text: String,
    /// What it changed of the version before, over the file as it is now.
    changes: Vec<Change>,
}

/// What differs at one path.
#[derive(Debug, Serialize, ToSchema)]
pub struct Change {
    /// The way to it by names.
    path: Vec<String>,
    /// What was there; null: nothing.
    was: Option<Value>,
    /// What is there; null: nothing.
    now: Option<Value>,
}

fn changes(changes: Vec<config::Change>) -> Vec<Change> {
    changes.into_iter().map(|config::Change { path, was, now }| Change { path, was, now }).collect()
}

/// What is wrong, where, and what to do about it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Fault {
    /// Where, in words: a line of the file, a variable, a version of the settings and the path in it.
    place: String,
    /// The way to it by names; empty: the whole.
    path: Vec<String>,
    /// What is wrong.
    what: String,
    /// What to do about it; empty when that is said.
    cure: String,
}

fn faults(faults: Vec<config::Fault>) -> Vec<Fault> {
    let told =
        |config::Fault { place, path, what, cure }| Fault { place: config::Place::to_string(&place), path, what, cure };
    faults.into_iter().map(told).collect()
}

/// What is known of a draft.
#[derive(Debug, Serialize, ToSchema)]
pub struct Checked {
    /// What is wrong; empty: it may be saved.
    faults: Vec<Fault>,
    /// What would differ from what is obeyed.
    changes: Vec<Change>,
    /// The draft, TOML.
    text: String,
    /// What it sets.
    set: Vec<Setting>,
    /// What it removes from the file.
    removed: Vec<Vec<String>>,
}

/// How things stand with the settings.
#[derive(Debug, Serialize, ToSchema)]
pub struct Current {
    /// The newest version; null: nothing was ever saved.
    newest: Option<Version>,
    /// What it says, TOML.
    text: String,
    /// What it sets.
    set: Vec<Setting>,
    /// What it removes from the file.
    removed: Vec<Vec<String>>,
    /// Why the newest version is not obeyed, and the file alone is; empty: it is.
    faults: Vec<Fault>,
    /// The file's name.
    file: String,
    /// Was the file another when the newest version was saved?
    file_changed: bool,
    /// Every value that is obeyed, of the sections that may be edited.
    values: Vec<Valued>,
    /// Every value of the file alone, with the variables over it.
    file_values: Vec<Valued>,
    /// The language where a line says no other.
    language: String,
    /// What holds where nobody says otherwise: by section, key by key.
    #[schema(value_type = Value)]
    usual: Value,
}

/// A value with what says it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Valued {
    /// The way to it by names.
    path: Vec<String>,
    /// The value, as the configuration writes it.
    value: Value,
    /// file, settings, environment.
    #[schema(value_type = String)]
    from: config::From,
    /// Where, in words.
    place: String,
}

fn valued(values: Vec<config::Valued>) -> Vec<Valued> {
    values.into_iter().map(|config::Valued { path, value, from, place }| Valued { path, value, from, place }).collect()
}

fn said(said: Said) -> (Vec<Setting>, Vec<Vec<String>>) {
    (said.set.into_iter().map(|(path, value)| Setting { path, value }).collect(), said.removed)
}

/// The settings that are obeyed, value by value, with what says each: the file, a version, a variable. Scope `read`.
#[utoipa::path(
    get, path = "/api/v1/settings", tag = "settings", security(("token" = [])),
    responses((status = 200, body = Current), Denied, Conflict, Unavailable)
)]
pub async fn current(_: Reader, State(api): State<Api>) -> Result<Json<Current>, Problem> {
    let now = api.service.current_settings().await?;
    let (set, removed) = said(now.said);
    Ok(Json(Current {
        newest: now.newest.as_ref().map(Into::into),
        text: now.newest.map(|newest| newest.text).unwrap_or_default(),
        set,
        removed,
        faults: faults(now.faults),
        file: now.file,
        file_changed: now.file_changed,
        values: valued(now.values),
        file_values: valued(now.file_values),
        language: match now.language {
            Language::Ru => "ru".to_owned(),
            Language::En => "en".to_owned(),
        },
        usual: now.usual,
    }))
}

/// Who saved which version when, the newest first. Scope `read`.
#[utoipa::path(
    get, path = "/api/v1/settings/versions", tag = "settings", security(("token" = [])),
    responses((status = 200, body = Versions), Denied, Unavailable)
)]
pub async fn versions(_: Reader, State(api): State<Api>) -> Result<Json<Versions>, Problem> {
    let versions = settings::versions(api.service.handle().store(), MOST_VERSIONS).await?;
    Ok(Json(Versions { versions: versions.iter().rev().map(Into::into).collect() }))
}

/// A version with what it says and what it changed. Scope `read`.
#[utoipa::path(
    get, path = "/api/v1/settings/versions/{version}", tag = "settings", security(("token" = [])),
    params(("version" = u64, Path, description = "Its number")),
    responses((status = 200, body = Detail), Malformed, Denied, Unknown, Conflict, Unavailable)
)]
pub async fn version(
    _: Reader,
    State(api): State<Api>,
    version: Result<Path<u64>, PathRejection>,
) -> Result<Json<Detail>, Problem> {
    let Path(number) = version?;
    let (version, changed) = api.service.settings_version(number).await?;
    Ok(Json(Detail { version: (&version).into(), text: version.text, changes: changes(changed) }))
}

/// What is wrong with a draft, and what it would change; nothing is saved. Scope `admin`.
#[utoipa::path(
    post, path = "/api/v1/settings/check", tag = "settings", request_body = Draft, security(("token" = [])),
    responses((status = 200, body = Checked), Malformed, Denied, Conflict, UnreadBody, Unavailable)
)]
pub async fn check(
    _: Admin,
    State(api): State<Api>,
    draft: Result<Json<Draft>, JsonRejection>,
) -> Result<Json<Checked>, Problem> {
    let Json(draft) = draft?;
    let text = match draft.text() {
        Ok(text) => text,
        Err(what) => {
            let fault = Fault { place: "the new settings".to_owned(), path: Vec::new(), what, cure: String::new() };
            let (changes, text, set, removed) = Default::default();
            return Ok(Json(Checked { faults: vec![fault], changes, text, set, removed }));
        }
    };
    let checked = api.service.check_settings(&text).await?;
    let (set, removed) = said(checked.said);
    Ok(Json(Checked { faults: faults(checked.faults), changes: changes(checked.changes), text, set, removed }))
}

/// What the last days would have been under a draft, beside what they were and what they would have been under the settings that
/// are obeyed, as `perezvon replay --json`. Nothing is saved. Scope `admin`.
#[utoipa::path(
    post, path = "/api/v1/settings/trial", tag = "settings", request_body = Trial, security(("token" = [])),
    responses((status = 200, body = Value), Malformed, Denied, Conflict, UnreadBody, Unavailable)
)]
pub async fn trial(
    _: Admin,
    State(api): State<Api>,
    asked: Result<Json<Trial>, JsonRejection>,
) -> Result<Json<Value>, Problem> {
    let Json(Trial { draft, days }) = asked?;
    let days = u32::try_from(days).ok().filter(|days| (1..=MOST_DAYS).contains(days));
    let days = days.ok_or_else(|| Problem::malformed(format!("`days` is 1 to {MOST_DAYS}")))?;
    let replay = api.service.try_settings(&text_of(draft)?, days).await?;
    Ok(Json(serde_json::to_value(replay).unwrap_or_default()))
}

/// Saves a draft as a new version, and has it obeyed; calls in progress go on. Scope `admin`.
#[utoipa::path(
    post, path = "/api/v1/settings/versions", tag = "settings", request_body = Save, security(("token" = [])),
    responses((status = 201, body = Version), Malformed, Denied, Conflict, UnreadBody, Unavailable)
)]
pub async fn save(
    who: Admin,
    State(api): State<Api>,
    asked: Result<Json<Save>, JsonRejection>,
) -> Result<(StatusCode, Json<Version>), Problem> {
    let Json(Save { draft, based_on, comment }) = asked?;
    let comment = comment_of(comment)?;
    let wanted = Wanted { text: text_of(draft)?, based_on, comment, by: who.name.to_string(), restores: None };
    Ok((StatusCode::CREATED, Json((&api.service.save_settings(wanted).await?).into())))
}

/// Saves a new version that says what an older one said. Scope `admin`.
#[utoipa::path(
    post, path = "/api/v1/settings/rollback", tag = "settings", request_body = RollBack, security(("token" = [])),
    responses((status = 201, body = Version), Malformed, Denied, Unknown, Conflict, UnreadBody, Unavailable)
)]
pub async fn roll_back(
    who: Admin,
    State(api): State<Api>,
    asked: Result<Json<RollBack>, JsonRejection>,
) -> Result<(StatusCode, Json<Version>), Problem> {
    let Json(RollBack { to, based_on, comment }) = asked?;
    let done = api.service.roll_settings_back(to, based_on, comment_of(comment)?, who.name.to_string()).await?;
    Ok((StatusCode::CREATED, Json((&done).into())))
}

/// What an announcement would say.
#[derive(Debug, Serialize, ToSchema)]
pub struct Spoken {
    /// As it would be spoken; null: the template is faulty.
    text: Option<String>,
    /// What is wrong with the template; null: nothing.
    fault: Option<String>,
}

/// What an announcement would say of an example of a call. Scope `admin`.
#[utoipa::path(
    post, path = "/api/v1/settings/sample", tag = "settings", request_body = Sample, security(("token" = [])),
    responses((status = 200, body = Spoken), Malformed, Denied, Unknown, Conflict, UnreadBody, Unavailable)
)]
pub async fn spoken(
    _: Admin,
    State(api): State<Api>,
    asked: Result<Json<Sample>, JsonRejection>,
) -> Result<Json<Spoken>, Problem> {
    let Json(asked) = asked?;
    let (_, said) = api.service.spoken(&asked.try_into()?)?;
    let (text, fault) = said.map_or_else(|fault| (None, Some(fault)), |text| (Some(text), None));
    Ok(Json(Spoken { text, fault }))
}

/// How that sounds: a WAV file, where a command of `[voice]` renders announcements. Scope `admin`.
#[utoipa::path(
    post, path = "/api/v1/settings/sample/sound", tag = "settings", request_body = Sample, security(("token" = [])),
    responses(
        (status = 200, content_type = "audio/wav", body = String, description = "The sound"),
        Malformed, Denied, Unknown, Conflict, UnreadBody, Unavailable,
    )
)]
pub async fn sound(
    _: Admin,
    State(api): State<Api>,
    asked: Result<Json<Sample>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(asked) = asked?;
    let sound = api.service.sound(&asked.try_into()?).await?;
    Ok(([(CONTENT_TYPE, "audio/wav")], sound).into_response())
}

fn text_of(draft: Draft) -> Result<String, Problem> {
    draft.text().map_err(|what| Problem::new(StatusCode::CONFLICT, "config", what))
}

fn comment_of(comment: String) -> Result<String, Problem> {
    match comment.chars().count() <= MOST_COMMENT {
        true => Ok(comment),
        false => Err(Problem::malformed(format!("a comment has at most {MOST_COMMENT} characters"))),
    }
}
