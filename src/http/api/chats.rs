//! Chats with visitors of web sites: the operators' side.

use super::{
    Api,
    callbacks::{self, USUAL},
    events::Events,
    problem::{Conflict, Denied, Malformed, Problem, Unavailable, Unknown, UnreadBody},
    tokens::{Operator, Reader},
    wire::moment,
};
use crate::{
    chat::{
        By, Chat, Chats, LARGEST_PICTURE, Message, State as Ended, Told,
        rooms::{Side, Trouble},
    },
    config::one_of,
    engine::Name,
};
use axum::{
    Json,
    body::Bytes,
    extract::{
        Path, Query, State,
        rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection},
    },
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    },
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use tokio::sync::broadcast::{self, error::RecvError};
use utoipa::{IntoParams, ToSchema};

/// The longest name that a sender gives a message, in characters.
pub const LONGEST_ID: usize = 64;

/// A conversation in writing.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChatOf {
    /// Its name.
    id: String,
    /// The site on which the visitor writes.
    site: String,
    /// The line whose operators answer.
    line: String,
    /// What the visitor calls themselves.
    name: String,
    /// The visitor's page.
    page: String,
    /// The page from which they came to it.
    referrer: String,
    /// The visitor's network address.
    address: String,
    /// The visitor's number, E.164, once it is known.
    number: Option<String>,
    /// The callback that they asked for.
    callback: Option<u64>,
    /// Whose it is; null: nobody has answered.
    operator: Option<String>,
    /// open, closed, blocked.
    state: &'static str,
    /// When it was opened.
    #[schema(format = DateTime)]
    opened: String,
    /// When something was said last.
    #[schema(format = DateTime)]
    spoken: String,
    /// Since when the visitor has waited for an answer; null: they do not.
    #[schema(format = DateTime)]
    waits: Option<String>,
    /// The number of the last message.
    last: u32,
    /// How many of the visitor's messages no operator has seen.
    unread: u32,
    /// Up to which message the visitor has seen it.
    seen_by_visitor: u32,
}

impl From<&Chat> for ChatOf {
    fn from(chat: &Chat) -> ChatOf {
        ChatOf {
            id: chat.id.clone(),
            site: chat.site.clone(),
            line: chat.line.to_string(),
            name: chat.name.clone(),
            page: chat.page.clone(),
            referrer: chat.referrer.clone(),
            address: chat.address.clone(),
            number: chat.number.map(|number| number.to_string()),
            callback: chat.callback.map(|id| id.0),
            operator: chat.operator.as_ref().map(ToString::to_string),
            state: chat.state.as_str(),
            opened: moment(chat.opened),
            spoken: moment(chat.spoken),
            waits: chat.waits.map(moment),
            last: chat.last,
            unread: chat.last.saturating_sub(chat.seen_by_operator),
            seen_by_visitor: chat.seen_by_visitor,
        }
    }
}

/// Something that was said.
#[derive(Debug, Serialize, ToSchema)]
pub struct MessageOf {
    /// Its number in the chat, from 1.
    pub n: u32,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// visitor, operator, house: the last one offers a callback.
    by: &'static str,
    /// The operator.
    operator: Option<String>,
    /// The text.
    text: String,
    /// The picture's `Content-Type`; null: there is none.
    picture: Option<&'static str>,
    /// How its sender knows it.
    id: String,
}

impl From<&Message> for MessageOf {
    fn from(message: &Message) -> MessageOf {
        let (by, operator) = side(&message.by);
        MessageOf {
            n: message.n,
            at: moment(message.at),
            by,
            operator,
            text: message.text.clone(),
            picture: message.picture.map(|kind| kind.mime()),
            id: message.id.clone(),
        }
    }
}

fn side(by: &By) -> (&'static str, Option<String>) {
    match by {
        By::Visitor => ("visitor", None),
        By::Operator(name) => ("operator", Some(name.to_string())),
        By::House => ("house", None),
    }
}

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Problem {
        use crate::chat::Refused::{Empty, Fast, Long, Many, NoPicture, Over};
        let text = trouble.to_string();
        match trouble {
            Trouble::Unknown => Problem::unknown(text),
            Trouble::Full => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", text),
            Trouble::Store(error) => error.into(),
            Trouble::Refused(Over | Many) => Problem::new(StatusCode::CONFLICT, "done", text),
            Trouble::Refused(Fast) => Problem::new(StatusCode::TOO_MANY_REQUESTS, "fast", text),
            Trouble::Refused(Empty | Long) => Problem::malformed(text),
            Trouble::Refused(NoPicture) => Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "picture", text),
        }
    }
}

/// Which chats.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Those that are over, too.
    all: Option<bool>,
    /// With this client: E.164, or as people of the country write a number.
    #[param(pattern = r"^\+[1-9][0-9]{7,14}$")]
    number: Option<String>,
    /// How many, 1 to 1000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Chats, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChatsOf {
    /// The chats.
    chats: Vec<ChatOf>,
}

/// A chat with what was said in it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Conversation {
    /// The chat.
    chat: ChatOf,
    /// What was said after the message that was asked for, in its order.
    messages: Vec<MessageOf>,
}

/// Chats with visitors of web sites, the newest first: those that go on, or all. Scope `read`.
#[utoipa::path(
    get, path = "/api/v1/chats", tag = "chats", params(Which), security(("token" = [])),
    responses(
        (status = 200, body = ChatsOf),
        Malformed, Denied, Unavailable,
    )
)]
pub async fn list(
    _: Reader,
    State(api): State<Api>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<ChatsOf>, Problem> {
    let Query(which) = which?;
    let number = which.number.map(|text| api.service.number(&text)).transpose()?;
    let limit = callbacks::limit(which.limit.or(Some(USUAL)))?;
    let chats = api.chats.list(which.all.unwrap_or(false), number, limit).await?;
    Ok(Json(ChatsOf { chats: chats.iter().rev().map(Into::into).collect() }))
}

/// From where on.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct After {
    /// After the message of this number; from the first one on when it is left out.
    after: Option<u32>,
}

/// One chat with its messages. Scope `read`.
#[utoipa::path(
    get, path = "/api/v1/chats/{id}", tag = "chats", security(("token" = [])),
    params(("id" = String, Path, description = "Which"), After),
    responses(
        (status = 200, body = Conversation),
        Malformed, Denied, Unknown, Unavailable,
    )
)]
pub async fn one(
    _: Reader,
    State(api): State<Api>,
    id: Result<Path<String>, PathRejection>,
    from: Result<Query<After>, QueryRejection>,
) -> Result<Json<Conversation>, Problem> {
    let (Path(id), Query(from)) = (id?, from?);
    let chat = api.chats.chat(&id).await?;
    let said = api.chats.said(&id, from.after.unwrap_or(0)).await?;
    Ok(Json(Conversation { chat: (&chat).into(), messages: said.iter().map(Into::into).collect() }))
}

/// What is said.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    /// The text.
    #[schema(max_length = 4000)]
    pub text: String,
    /// The sender's name for it: what is sent twice under one is said once.
    #[schema(max_length = 64)]
    #[serde(default)]
    pub id: String,
}

impl NewMessage {
    /// The sender's name for it, if that is short enough.
    ///
    /// # Errors
    /// It is not.
    pub fn sent(&self) -> Result<&str, Problem> {
        sent(&self.id)
    }
}

/// A sender's name for a message.
///
/// # Errors
/// It is too long.
pub fn sent(id: &str) -> Result<&str, Problem> {
    match id.chars().count() <= LONGEST_ID {
        true => Ok(id),
        false => Err(Problem::malformed(format!("an id has {LONGEST_ID} characters at most"))),
    }
}

fn whose(who: &Operator) -> By {
    By::Operator(who.operator.clone().unwrap_or_else(|| who.name.clone()))
}

/// Says something to the visitor; a chat that is nobody's becomes the speaker's. Scope `operate`.
#[utoipa::path(
    post, path = "/api/v1/chats/{id}/messages", tag = "chats", request_body = NewMessage, security(("token" = [])),
    params(("id" = String, Path, description = "Which")),
    responses(
        (status = 201, body = MessageOf),
        Malformed, Denied, Conflict, UnreadBody, Unavailable,
    )
)]
pub async fn say(
    who: Operator,
    State(api): State<Api>,
    id: Result<Path<String>, PathRejection>,
    body: Result<Json<NewMessage>, JsonRejection>,
) -> Result<(StatusCode, Json<MessageOf>), Problem> {
    let (Path(id), Json(message)) = (id?, body?);
    let said = api.chats.say(&id, whose(&who), &message.text, message.sent()?).await?;
    Ok((StatusCode::CREATED, Json((&said).into())))
}

/// Shows the visitor a picture: PNG, JPEG, GIF or WebP, 1 MiB at most, as the body. Scope `operate`.
#[utoipa::path(
    post, path = "/api/v1/chats/{id}/pictures", tag = "chats", security(("token" = [])),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    params(("id" = String, Path, description = "Which")),
    responses(
        (status = 201, body = MessageOf),
        Malformed, Denied, Conflict, UnreadBody, Unavailable,
    )
)]
pub async fn show(
    who: Operator,
    State(api): State<Api>,
    id: Result<Path<String>, PathRejection>,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<MessageOf>), Problem> {
    let Path(id) = id?;
    let bytes = bytes.map_err(|why| Problem::new(why.status(), "malformed", why.body_text()))?;
    let said = api.chats.show(&id, whose(&who), &bytes, "").await?;
    Ok((StatusCode::CREATED, Json((&said).into())))
}

/// The picture of a message. Scope `read`.
#[utoipa::path(
    get, path = "/api/v1/chats/{id}/pictures/{n}", tag = "chats", security(("token" = [])),
    params(("id" = String, Path, description = "Which"), ("n" = u32, Path, description = "The number of the message")),
    responses(
        (status = 200, body = Vec<u8>, content_type = "image/png"),
        Malformed, Denied, Unknown, Unavailable,
    )
)]
pub async fn picture(
    _: Reader,
    State(api): State<Api>,
    which: Result<Path<(String, u32)>, PathRejection>,
) -> Result<Response, Problem> {
    let Path((id, n)) = which?;
    inert(&api.chats, &id, n).await
}

/// A picture as a browser may show it and do nothing else with it.
///
/// # Errors
/// There is none.
pub async fn inert(chats: &Chats, id: &str, n: u32) -> Result<Response, Problem> {
    let (kind, bytes) = chats.picture(id, n).await?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CONTENT_DISPOSITION, HeaderValue::from_static("inline; filename=\"picture\"")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (CACHE_CONTROL, HeaderValue::from_static("private, max-age=86400, immutable")),
    ];
    Ok((headers, bytes).into_response())
}

/// What becomes of a chat.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChatChange {
    /// The operator whose it is from now on.
    operator: Option<String>,
    /// An operator has seen it up to this message.
    seen: Option<u32>,
    /// It is over.
    closed: Option<bool>,
    /// The visitor is never to write again, nor to be called.
    blocked: Option<bool>,
}

/// Passes a chat on, closes it, blocks the visitor and their number, or says that it was read. Scope `operate`.
#[utoipa::path(
    patch, path = "/api/v1/chats/{id}", tag = "chats", request_body = ChatChange, security(("token" = [])),
    params(("id" = String, Path, description = "Which")),
    responses(
        (status = 200, body = ChatOf),
        Malformed, Denied, Unknown, UnreadBody, Unavailable,
    )
)]
pub async fn change(
    who: Operator,
    State(api): State<Api>,
    id: Result<Path<String>, PathRejection>,
    body: Result<Json<ChatChange>, JsonRejection>,
) -> Result<Json<ChatOf>, Problem> {
    let (Path(id), Json(wanted)) = (id?, body?);
    let mut chat = api.chats.chat(&id).await?;
    if let Some(n) = wanted.seen {
        chat = api.chats.seen(&id, Side::Operator, n).await?;
    }
    if let Some(name) = &wanted.operator {
        chat = api.chats.pass(&id, operator(&api, name)?).await?;
    }
    if wanted.blocked == Some(true) {
        if let Some(number) = chat.number {
            api.service.block(&number.to_string(), true, &who.name).await?;
        }
        chat = api.chats.end(&id, Ended::Blocked).await?;
    } else if wanted.closed == Some(true) {
        chat = api.chats.end(&id, Ended::Closed).await?;
    }
    Ok(Json((&chat).into()))
}

fn operator(api: &Api, name: &str) -> Result<Name, Problem> {
    let rules = api.service.handle().rules();
    let known: Vec<&str> = rules.operators.keys().map(|name| &**name).collect();
    match rules.operators.get_key_value(name) {
        Some((name, _)) => Ok(name.clone()),
        None => Err(Problem::unknown(format!("there is no operator \"{name}\"; {}", one_of(name, &known)))),
    }
}

/// Tells the visitor that somebody types. Scope `operate`.
#[utoipa::path(
    post, path = "/api/v1/chats/{id}/typing", tag = "chats", security(("token" = [])),
    params(("id" = String, Path, description = "Which")),
    responses(
        (status = 204, description = "It was told"),
        Malformed, Denied, Unknown, Unavailable,
    )
)]
pub async fn typing(
    who: Operator,
    State(api): State<Api>,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let Path(id) = id?;
    api.chats.types(&id, whose(&who)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells what happens in chats as events.
pub async fn tell(mut told: broadcast::Receiver<Told>, events: Arc<Events>) {
    loop {
        let happened = match told.recv().await {
            Ok(happened) => happened,
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        match happened {
            Told::Changed(chat) => events.tell("chat.changed", json!({ "chat": ChatOf::from(&*chat) })),
            Told::Said(chat, message) => {
                let data = json!({ "chat": ChatOf::from(&*chat), "message": MessageOf::from(&*message) });
                events.tell("chat.message", data);
            }
            Told::Types { chat, by } => {
                let (by, operator) = side(&by);
                events.tell_once("chat.typing", json!({ "chat": chat, "by": by, "operator": operator }));
            }
        }
    }
}

/// How much of a body is read, in bytes, where a picture comes.
pub const MOST_PICTURE_BODY: usize = LARGEST_PICTURE + 1;
