//! What is known of a client: their calls, callbacks and notes; and how a talk with them went.

use super::{
    Api,
    callbacks::moment,
    once::Turn,
    problem::{Conflict, Denied, Malformed, Problem, Unavailable, Unknown, UnreadBody},
    tokens::{Operator as May, Reader},
    wire::{self, Blocked, Call, Story},
};
use crate::{
    config::{Means, Scope},
    engine::{
        paper::{Paper, PaperKind},
        record::{CallbackId, Write},
    },
};
use axum::{
    Json,
    extract::{
        Path, State,
        rejection::{JsonRejection, PathRejection},
    },
    http::{HeaderMap, StatusCode},
};
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::Value;
use utoipa::ToSchema;

/// The longest note, in characters.
const MOST_TEXT: usize = 4000;
/// The longest tag, and the longest word for how a talk went.
const MOST_TAG: usize = 40;
/// How many tags a client has at most.
const MOST_TAGS: usize = 20;

/// What an operator wrote of a client.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Note {
    /// Its name.
    id: String,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// The rest, as it is kept.
    #[serde(flatten)]
    written: Written,
}

/// What is kept of a note.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Written {
    /// Who wrote it: the operator, else the name of the token.
    by: String,
    /// In their words.
    text: String,
    /// The client's tags from then on, all of them; null: as they were.
    tags: Option<Vec<String>>,
    /// How the talk went.
    disposition: Option<String>,
    /// Of which callback.
    callback: Option<u64>,
    /// Of which call.
    call: Option<String>,
}

/// What a site sent with a request.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Asked {
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// The page, the address, the marks.
    body: Value,
}

/// What is known of a client, each list the newest first, 50 of each at most.
#[derive(Debug, Serialize, ToSchema)]
pub struct Known {
    /// E.164.
    number: String,
    /// Why they are never dialled; null: they may be.
    blocked: Option<Blocked>,
    /// Their tags.
    tags: Vec<String>,
    /// What operators wrote.
    notes: Vec<Note>,
    /// Their calls.
    calls: Vec<Call>,
    /// Their callbacks.
    callbacks: Vec<Story>,
    /// What sites sent with their requests.
    requests: Vec<Asked>,
}

/// A note to be kept.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewNote {
    /// In their words.
    #[schema(max_length = 4000)]
    text: Option<String>,
    /// The client's tags from now on, all of them, of 40 characters at most.
    #[schema(max_items = 20, value_type = Option<Vec<Tag>>)]
    tags: Option<Vec<String>>,
    /// How the talk went.
    #[schema(max_length = 40)]
    disposition: Option<String>,
    /// What that does: note (the default), machine, do-not-call, call-again.
    #[schema(pattern = "^(note|machine|do-not-call|call-again)$")]
    means: Option<String>,
    /// Of which callback; `machine` needs it.
    #[serde(default, deserialize_with = "whole")]
    callback: Option<u64>,
    /// Of which call, by the uuid of its channel.
    #[schema(max_length = 40)]
    call: Option<String>,
    /// On which line; `call-again` needs it where there are several.
    line: Option<String>,
    /// When; `call-again` needs it.
    #[schema(format = DateTime)]
    due: Option<String>,
}

/// A tag.
#[derive(Debug, ToSchema)]
#[schema(max_length = 40)]
#[allow(dead_code)] // it describes
pub struct Tag(String);

/// JSON has one kind of number: 7.0 is 7 (RFC 8259, section 6).
fn whole<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let Some(number) = Option::<serde_json::Number>::deserialize(from)? else { return Ok(None) };
    let of_fraction = || number.as_f64().filter(|n| n.fract() == 0.0 && (0.0..9e15).contains(n)).map(|n| n as u64);
    let id = number.as_u64().or_else(of_fraction);
    id.map(Some).ok_or_else(|| D::Error::custom(format!("{number} is no callback's id")))
}

/// It can be read, and says too little to be done.
fn too_little(detail: &str) -> Problem {
    Problem::new(StatusCode::CONFLICT, "incomplete", detail)
}

fn note_of(paper: &Paper) -> Note {
    let written = serde_json::from_str(&paper.body).unwrap_or_default();
    Note { id: paper.id.clone(), at: wire::moment(paper.at), written }
}

fn asked(paper: &Paper) -> Asked {
    Asked { at: wire::moment(paper.at), body: serde_json::from_str(&paper.body).unwrap_or_default() }
}

/// What is known of a client: calls, callbacks, notes, tags, requests of sites, whether they are never dialled. Scope `read`.
#[utoipa::path(
    get, path = "/api/v1/clients/{number}", tag = "clients", security(("token" = [])),
    params(("number" = String, Path, description = "E.164, or as people of the country write it", pattern = r"^\+[1-9][0-9]{7,14}$")),
    responses(
        (status = 200, body = Known),
        Malformed, Denied, Unavailable,
    )
)]
pub async fn client(
    _: Reader,
    State(api): State<Api>,
    number: Result<Path<String>, PathRejection>,
) -> Result<Json<Known>, Problem> {
    let known = api.service.client(&number?.0).await?;
    let notes: Vec<Note> = known.notes.iter().map(note_of).collect();
    Ok(Json(Known {
        number: known.number.to_string(),
        blocked: known.blocked.as_ref().map(Into::into),
        tags: notes.iter().find_map(|note| note.written.tags.clone()).unwrap_or_default(),
        notes,
        calls: known.calls.iter().map(Into::into).collect(),
        callbacks: known.callbacks.iter().map(Into::into).collect(),
        requests: known.requests.iter().map(asked).collect(),
    }))
}

/// Keeps a note of a client, their tags, how a talk went; and does what that means: `machine` has the callback tried again as after
/// no answer, `do-not-call` blocks the number, `call-again` has it called at `due`. Scope `operate`.
#[utoipa::path(
    post, path = "/api/v1/clients/{number}/notes", tag = "clients", request_body = NewNote, security(("token" = [])),
    params(
        ("number" = String, Path, description = "E.164, or as people of the country write it", pattern = r"^\+[1-9][0-9]{7,14}$"),
        ("Idempotency-Key" = Option<String>, Header, description = "Sent again under the same key, it is answered as it was", pattern = r"^[!-~]{1,128}$"),
    ),
    responses(
        (status = 201, body = Note),
        Malformed, Denied, Unknown, Conflict, UnreadBody, Unavailable,
    )
)]
pub async fn note(
    who: May,
    State(api): State<Api>,
    headers: HeaderMap,
    number: Result<Path<String>, PathRejection>,
    body: Result<Json<NewNote>, JsonRejection>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let (Path(number), Json(wanted)) = (number?, body?);
    let what = format!("{number} {}", serde_json::to_string(&wanted).unwrap_or_default());
    let key = match api.once.turn(&headers, &who.name, &what)? {
        Turn::Again(answer) => return Ok((StatusCode::CREATED, Json(answer))),
        Turn::First(key) => key,
    };
    let kept = keep(&api, &who, &number, wanted).await;
    let answer = kept.as_ref().ok().map(|note| serde_json::to_value(note).unwrap_or_default());
    api.once.done(key, answer.as_ref());
    kept.map(|_| (StatusCode::CREATED, Json(answer.unwrap_or_default())))
}

#[allow(clippy::disallowed_methods)] // a name for what a person wrote: nothing that is stored tells it
async fn keep(api: &Api, who: &May, number: &str, wanted: NewNote) -> Result<Note, Problem> {
    let number = api.service.number(number)?;
    let by = who.operator.as_deref().unwrap_or(&who.name).to_owned();
    let written = Written {
        text: plain(wanted.text.as_deref().unwrap_or_default(), MOST_TEXT, "a note")?,
        tags: wanted.tags.as_deref().map(tags).transpose()?,
        disposition: wanted.disposition.as_deref().map(|word| plain(word, MOST_TAG, "a word")).transpose()?,
        callback: wanted.callback,
        call: wanted.call.as_deref().map(|id| plain(id, MOST_TAG, "a call's uuid")).transpose()?,
        by,
    };
    if written.text.is_empty() && written.tags.is_none() && written.disposition.is_none() {
        return Err(too_little("a note has a `text`, `tags` or a `disposition`"));
    }
    act(api, &number.to_string(), &wanted, &written.by).await?;
    let paper = Paper {
        kind: PaperKind::Note,
        id: uuid::Uuid::new_v4().to_string(),
        about: number.to_string(),
        at: api.clock.now().wall,
        body: serde_json::to_string(&written).unwrap_or_default(),
    };
    api.service.write(Write::Paper(paper.clone())).await?;
    Ok(note_of(&paper))
}

/// Does what a disposition means.
async fn act(api: &Api, number: &str, wanted: &NewNote, by: &str) -> Result<(), Problem> {
    let word = wanted.means.as_deref().unwrap_or(Means::Note.as_str());
    let means = Means::ALL.iter().find(|(name, _)| *name == word).map(|(_, means)| *means);
    match (means, wanted.callback, &wanted.due) {
        (Some(Means::Note), ..) => Ok(()),
        (Some(Means::DoNotCall), ..) => Ok(api.service.block(number, true, by).await.map(drop)?),
        (Some(Means::Machine), Some(id), _) if i64::try_from(id).is_ok() => {
            Ok(api.service.was_a_machine(CallbackId(id), by).await?)
        }
        (Some(Means::Machine), ..) => Err(too_little("`machine` is said of a `callback`")),
        (Some(Means::CallAgain), _, Some(due)) => {
            let (due, now) = (moment(due)?, api.clock.now().wall);
            Ok(api.service.call_again(number, wanted.line.as_deref(), due, by, now).await.map(drop)?)
        }
        (Some(Means::CallAgain), ..) => Err(too_little("`call-again` needs a `due`: when?")),
        (None, ..) => Err(Problem::malformed("`means` is note, machine, do-not-call or call-again")),
    }
}

/// A text without control characters but line breaks, and of so many characters at most.
fn plain(text: &str, most: usize, what: &str) -> Result<String, Problem> {
    let text: String = text.trim().chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    match text.chars().count() <= most {
        true => Ok(text),
        false => Err(Problem::malformed(format!("{what} has at most {most} characters"))),
    }
}

/// Each tag once.
fn tags(given: &[String]) -> Result<Vec<String>, Problem> {
    let mut tags: Vec<String> = Vec::new();
    for tag in given {
        let tag = plain(tag, MOST_TAG, "a tag")?;
        if !tag.is_empty() && !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    match tags.len() <= MOST_TAGS {
        true => Ok(tags),
        false => Err(Problem::malformed(format!("a client has at most {MOST_TAGS} tags"))),
    }
}

/// Takes a note away: its writer may, and who may do everything. What was done with it stays done. Scope `operate`.
#[utoipa::path(
    delete, path = "/api/v1/notes/{id}", tag = "clients", security(("token" = [])),
    params(("id" = String, Path, description = "Its name")),
    responses(
        (status = 204, description = "It is not kept any more"),
        Malformed, Denied, Unknown, Unavailable,
    )
)]
pub async fn forget(
    who: May,
    State(api): State<Api>,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path(id) = id?;
    let note = note_of(&api.service.note(&id).await?);
    if who.scope < Scope::Admin && note.written.by != *who.operator.as_deref().unwrap_or(&who.name) {
        let detail = format!("{} wrote this note, and takes it away", note.written.by);
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    api.service.write(Write::Discard { kind: PaperKind::Note, id }).await?;
    Ok(StatusCode::NO_CONTENT)
}
