//! The visitor's side of a chat. A chat has a key of its own, which its visitor's browser alone knows.
//!
//! | path | does |
//! |---|---|
//! | `POST /widget/KEY/chats` | begins one |
//! | `GET /widget/KEY/chats/ID?k=` | tells it, from the message `after` on; `…/events` goes on telling, without a gap |
//! | `POST …/messages`, `…/pictures`, `…/typing`, `…/seen` | says, shows, tells that somebody types or has read |
//! | `PUT …/request` | a callback that was asked for belongs to it |
//! | `DELETE …` | ends it |

use super::{Refused, Visitor, Widget};
use crate::{
    chat::{
        By, Chat, Chats, Message, Opening, State as Going, Told,
        rooms::{Side, Trouble},
    },
    http::api::{MOST_PICTURE_BODY, MessageOf, NewMessage, Problem, fingerprint, inert, new_secret},
};
use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{
        DefaultBodyLimit, Path, Query, State,
        rejection::{BytesRejection, JsonRejection},
    },
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::{get, post, put},
};
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::VecDeque, convert::Infallible, sync::Arc};
use tokio::sync::{
    OwnedSemaphorePermit,
    broadcast::{self, error::RecvError},
};

/// The routes; `MOST_BODY` holds for all but pictures.
pub fn router() -> Router<Widget> {
    Router::new()
        .route("/widget/{key}/chats", post(open))
        .route("/widget/{key}/chats/{id}", get(one).delete(end))
        .route("/widget/{key}/chats/{id}/events", get(events))
        .route("/widget/{key}/chats/{id}/messages", post(say))
        .route("/widget/{key}/chats/{id}/pictures", post(show).layer(DefaultBodyLimit::max(MOST_PICTURE_BODY)))
        .route("/widget/{key}/chats/{id}/pictures/{n}", get(picture))
        .route("/widget/{key}/chats/{id}/typing", post(typing))
        .route("/widget/{key}/chats/{id}/seen", post(seen))
        .route("/widget/{key}/chats/{id}/request", put(request))
}

/// How a visitor begins.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Begin {
    #[serde(default)]
    name: String,
    #[serde(default)]
    page: String,
    #[serde(default)]
    referrer: String,
    /// The id of the callback that they asked for.
    #[serde(default)]
    request: Option<String>,
}

/// What every question about a chat says: its key, and which message was heard last.
#[derive(Deserialize)]
struct Known {
    #[serde(default)]
    k: String,
    #[serde(default)]
    after: u32,
}

/// The chat that a question is about, whose key it knows.
struct Mine {
    chat: Chat,
    after: u32,
}

type Which = (Path<(String, String)>, Query<Known>);

impl Widget {
    fn chats(&self, visitor: &Visitor) -> Result<&Arc<Chats>, Problem> {
        let off =
            || Problem::new(StatusCode::NOT_FOUND, "chat", "there is no chat on this site: see `chat` in [site.NAME]");
        Some(&self.chats).filter(|_| visitor.site.chat).ok_or_else(off)
    }

    async fn mine(&self, visitor: &Visitor, which: Which) -> Result<Mine, Problem> {
        let (Path((_, id)), Query(known)) = which;
        let chat = self.chats(visitor)?.chat(&id).await?;
        let is_mine = *chat.site == *visitor.site.name && chat.key == fingerprint(&known.k);
        // Whoever does not know the key is not told that there is such a chat.
        is_mine.then_some(Mine { chat, after: known.after }).ok_or_else(|| Trouble::Unknown.into())
    }
}

fn said(message: &Message) -> Value {
    serde_json::to_value(MessageOf::from(message)).unwrap_or_default()
}

/// How it stands, for its visitor.
fn stands(chat: &Chat) -> Value {
    json!({ "state": chat.state.as_str(), "operator": chat.operator, "last": chat.last, "seen": chat.seen_by_operator,
        "read": chat.seen_by_visitor,
        "callback": chat.callback.is_some() })
}

#[allow(clippy::disallowed_methods)] // a name that nobody can guess
fn new_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

async fn open(
    State(widget): State<Widget>,
    Extension(visitor): Extension<Visitor>,
    body: Result<Json<Begin>, JsonRejection>,
) -> Result<Response, Refused> {
    let Json(begin) = body.map_err(Problem::from)?;
    let chats = widget.chats(&visitor)?.clone();
    let site = &*visitor.site;
    let asked = match &begin.request {
        Some(id) => Some(widget.asked_for(&visitor, id).await?),
        None => None,
    };
    widget.chat_tally().asked(&site.name, &site.limits, visitor.address, widget.clock.now().mono)?;
    let key = new_secret();
    let opening = Opening {
        key: fingerprint(&key),
        site: site.name.to_string(),
        line: site.line.clone(),
        name: begin.name,
        page: begin.page,
        referrer: begin.referrer,
        address: visitor.address.to_string(),
        asked,
    };
    let chat = chats.open(new_id(), opening).await.map_err(Problem::from)?;
    Ok((StatusCode::CREATED, Json(json!({ "chat": chat.id, "key": key }))).into_response())
}

async fn one(
    State(widget): State<Widget>,
    Extension(visitor): Extension<Visitor>,
    which: Which,
) -> Result<Json<Value>, Problem> {
    let mine = widget.mine(&visitor, which).await?;
    let messages = widget.chats.said(&mine.chat.id, mine.after).await?;
    Ok(Json(json!({ "chat": stands(&mine.chat), "messages": messages.iter().map(said).collect::<Vec<_>>() })))
}

async fn say(
    State(widget): State<Widget>,
    Extension(visitor): Extension<Visitor>,
    which: Which,
    body: Result<Json<NewMessage>, JsonRejection>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let Json(message) = body?;
    let mine = widget.mine(&visitor, which).await?;
    let message = widget.chats.say(&mine.chat.id, By::Visitor, &message.text, message.sent()?).await?;
    Ok((StatusCode::CREATED, Json(said(&message))))
}

async fn show(
    State(widget): State<Widget>,
    Extension(visitor): Extension<Visitor>,
    which: Which,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let bytes = bytes.map_err(|why| Problem::new(why.status(), "malformed", why.body_text()))?;
    let mine = widget.mine(&visitor, which).await?;
    let message = widget.chats.show(&mine.chat.id, By::Visitor, &bytes, "").await?;
    Ok((StatusCode::CREATED, Json(said(&message))))
}

async fn picture(
    State(widget): State<Widget>,
    Extension(visitor): Extension<Visitor>,
    Path((key, id, n)): Path<(String, String, u32)>,
    known: Query<Known>,
) -> Result<Response, Problem> {
    let mine = widget.mine(&visitor, (Path((key, id)), known)).await?;
    inert(&widget.chats, &mine.chat.id, n).await
}

async fn typing(
    State(widget): State<Widget>,
    Extension(visitor): Extension<Visitor>,
    which: Which,
) -> Result<StatusCode, Problem> {
    let mine = widget.mine(&visitor, which).await?;
    widget.chats.types(&mine.chat.id, By::Visitor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Up to which message the visitor has read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    n: u32,
}

async fn seen(
    State(widget): State<Widget>,
    Extension(visitor): Extension<Visitor>,
    which: Which,
    body: Result<Json<Seen>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let Json(Seen { n }) = body?;
    let mine = widget.mine(&visitor, which).await?;
    widget.chats.seen(&mine.chat.id, Side::Visitor, n).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which callback.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Requested {
    id: String,
}

async fn request(
    State(widget): State<Widget>,
    Extension(visitor): Extension<Visitor>,
    which: Which,
    body: Result<Json<Requested>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let Json(Requested { id }) = body?;
    let mine = widget.mine(&visitor, which).await?;
    let (number, callback) = widget.asked_for(&visitor, &id).await?;
    widget.chats.asked(&mine.chat.id, number, callback).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn end(
    State(widget): State<Widget>,
    Extension(visitor): Extension<Visitor>,
    which: Which,
) -> Result<StatusCode, Problem> {
    let mine = widget.mine(&visitor, which).await?;
    if mine.chat.state == Going::Open {
        widget.chats.end(&mine.chat.id, Going::Closed).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// A visitor who hears.
struct Listener {
    chats: Arc<Chats>,
    id: String,
    /// The last message that was heard.
    after: u32,
    waiting: VecDeque<Event>,
    told: broadcast::Receiver<Told>,
    _place: OwnedSemaphorePermit,
}

/// What is said, as it is said: after the message `after` or, for a browser that comes back, after `Last-Event-ID`.
async fn events(
    State(widget): State<Widget>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    which: Which,
) -> Result<Response, Problem> {
    let mine = widget.mine(&visitor, which).await?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let busy = |_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "too many visitors listen: ask now and then");
    let listener = Listener {
        chats: widget.chats.clone(),
        id: mine.chat.id.clone(),
        after: last.unwrap_or(mine.after),
        waiting: VecDeque::new(),
        told: widget.chats.listen(),
        _place: widget.listeners.clone().try_acquire_owned().map_err(busy)?,
    };
    let mut listener = listener;
    listener.catch_up().await?;
    let told = stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(event), listener))
    });
    Ok(Sse::new(told).keep_alive(KeepAlive::default()).into_response())
}

impl Listener {
    /// Reads from the store how it stands and what was said since.
    async fn catch_up(&mut self) -> Result<(), Problem> {
        let chat = self.chats.chat(&self.id).await?;
        self.waiting.push_back(Event::default().event("chat").data(stands(&chat).to_string()));
        for message in self.chats.said(&self.id, self.after).await? {
            self.hear(&message);
        }
        Ok(())
    }

    fn hear(&mut self, message: &Message) {
        if message.n > self.after {
            self.after = message.n;
            let event = Event::default().id(message.n.to_string()).event("message").data(said(message).to_string());
            self.waiting.push_back(event);
        }
    }

    /// The next event; `None`: the daemon is stopping.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            match self.told.recv().await {
                Ok(Told::Said(chat, message)) if chat.id == self.id => self.hear(&message),
                Ok(Told::Changed(chat)) if chat.id == self.id => {
                    self.waiting.push_back(Event::default().event("chat").data(stands(&chat).to_string()));
                }
                Ok(Told::Types { chat, by: By::Operator(name) }) if chat == self.id => {
                    let data = json!({ "operator": name }).to_string();
                    self.waiting.push_back(Event::default().event("typing").data(data));
                }
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => self.catch_up().await.ok()?,
                Err(RecvError::Closed) => return None,
            }
        }
    }
}
