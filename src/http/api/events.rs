//! What happens, as it happens: server-sent events, resumable by `Last-Event-ID`.

use super::{Api, board::Trouble, problem::Denied, tokens::Reader, wire};
use crate::{
    clock::Clock,
    control::{Handle, Tiding},
    engine::{effect::Notice, number::Number, time::Wall},
};
use axum::{
    extract::State,
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{self, KeepAlive, Sse},
    },
};
use futures_util::{Stream, stream};
use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::broadcast::{self, error::RecvError};

/// How many events are kept for those who come back.
const MOST_KEPT: usize = 4096;
/// How many alarms are kept to be looked at.
const MOST_ALARMS: usize = 100;
/// How many a slow listener may fall behind; past it the stream tells them to look anew.
const MOST_BEHIND: usize = 1024;

/// One event.
#[derive(Clone, Debug)]
struct Event {
    /// Its number; `None`: it is not kept.
    n: Option<u64>,
    at: Wall,
    name: &'static str,
    data: serde_json::Value,
}

/// What is kept: how many events there were, the last of them, the last alarms.
#[derive(Debug, Default)]
struct Kept {
    told: u64,
    events: VecDeque<Event>,
    alarms: VecDeque<Trouble>,
}

/// What happened lately, with numbers that begin anew at each start of the daemon.
#[derive(Debug)]
pub struct Events {
    /// Which start of the daemon: an id of another one is of no use here.
    start: String,
    clock: Clock,
    kept: Mutex<Kept>,
    tell: broadcast::Sender<Event>,
}

impl Events {
    /// Listens to the daemon from now on.
    #[allow(clippy::disallowed_methods)] // which start of the daemon it is, nothing that is stored tells
    pub fn of(handle: &Handle, clock: Clock) -> Arc<Events> {
        let start = uuid::Uuid::new_v4().simple().to_string()[..8].to_owned();
        let events = Arc::new(Events { start, clock, kept: Mutex::default(), tell: broadcast::channel(MOST_BEHIND).0 });
        let (mut tidings, keeper) = (handle.listen(), events.clone());
        tokio::spawn(async move {
            loop {
                match tidings.recv().await {
                    Ok(tiding) => keeper.note(&tiding),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                }
            }
        });
        events
    }

    fn note(&self, tiding: &Tiding) {
        if let Tiding::Notice(_, notice) = tiding
            && let Notice::Forgotten(number) = **notice
        {
            return self.forget(number);
        }
        let (at, told) = match tiding {
            Tiding::Notice(at, notice) => (*at, wire::event(notice)),
            Tiding::Alarm(at, alarm) => (*at, Some(wire::alarm(alarm))),
        };
        if let Tiding::Alarm(_, alarm) = tiding {
            let mut kept = self.kept();
            kept.alarms.truncate(MOST_ALARMS - 1);
            let kind = alarm.kind.as_str().to_owned();
            kept.alarms.push_front(Trouble { at: wire::moment(at), kind, text: alarm.text.clone() });
        }
        if let Some((name, data)) = told {
            self.keep(at, name, data);
        }
    }

    /// Tells something that happens now, and keeps it for those who come back.
    pub fn tell(&self, name: &'static str, data: serde_json::Value) {
        self.keep(self.clock.now().wall, name, data);
    }

    /// Tells something that is of no use later.
    pub fn tell_once(&self, name: &'static str, data: serde_json::Value) {
        let _ = self.tell.send(Event { n: None, at: self.clock.now().wall, name, data });
    }

    fn keep(&self, at: Wall, name: &'static str, data: serde_json::Value) {
        let mut kept = self.kept();
        kept.told += 1;
        let event = Event { n: Some(kept.told), at, name, data };
        if kept.events.len() == MOST_KEPT {
            kept.events.pop_front();
        }
        kept.events.push_back(event.clone());
        // Told under the lock, so that nobody who joins in between misses it or hears it twice.
        let _ = self.tell.send(event);
    }

    /// What names a client who is forgotten is not told again.
    fn forget(&self, number: Number) {
        let number = number.to_string();
        self.kept().events.retain(|event| !event.data.to_string().contains(&number));
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last alarms, the newest first.
    pub fn alarms(&self) -> Vec<Trouble> {
        self.kept().alarms.iter().cloned().collect()
    }

    /// What came after the event of this id, and what will; `None` in the first place: that is not known any more.
    fn after(&self, last: Option<&str>) -> (Option<Vec<Event>>, broadcast::Receiver<Event>) {
        let kept = self.kept();
        let told = self.tell.subscribe();
        let Some(last) = last else { return (Some(Vec::new()), told) };
        let n =
            last.strip_prefix(&self.start).and_then(|rest| rest.strip_prefix('-')).and_then(|n| n.parse::<u64>().ok());
        let first = kept.events.front().and_then(|event| event.n).unwrap_or(kept.told + 1);
        let known = n.filter(|n| *n <= kept.told && n + 1 >= first);
        (known.map(|n| kept.events.iter().filter(|event| event.n > Some(n)).cloned().collect()), told)
    }

    fn sent(&self, event: &Event) -> sse::Event {
        let data = serde_json::json!({ "at": wire::moment(event.at), "data": event.data });
        let sent = sse::Event::default().event(event.name).data(data.to_string());
        match event.n {
            Some(n) => sent.id(format!("{}-{n}", self.start)),
            None => sent,
        }
    }
}

/// "What you know is old": told in place of events that are not kept any more.
fn look_anew() -> sse::Event {
    sse::Event::default().event("reset").data("{}")
}

/// Events as they happen: calls, the queue, callbacks, attempts, chats, alarms. A client that comes back says its `Last-Event-ID` and hears
/// what it missed; `reset` says that this is not known any more. Scope `read`.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "reports", security(("token" = [])),
    params(("Last-Event-ID" = Option<String>, Header, description = "The id of the last event heard", max_length = 64)),
    responses(
        (status = 200, content_type = "text/event-stream", body = String),
        Denied,
    )
)]
pub async fn stream(_: Reader, State(api): State<Api>, headers: HeaderMap) -> Response {
    let last = headers.get("last-event-id").map(|id| id.to_str().unwrap_or_default().to_owned());
    let (missed, told) = api.events.after(last.as_deref());
    let mut first: VecDeque<sse::Event> = match missed {
        Some(missed) => missed.iter().map(|event| api.events.sent(event)).collect(),
        None => VecDeque::from([look_anew()]),
    };
    first.push_front(sse::Event::default().comment("perezvon"));
    let events = api.events.clone();
    Sse::new(told_one_by_one(first, told, events)).keep_alive(KeepAlive::default()).into_response()
}

/// First what was missed, then what comes.
fn told_one_by_one(
    first: VecDeque<sse::Event>,
    told: broadcast::Receiver<Event>,
    events: Arc<Events>,
) -> impl Stream<Item = Result<sse::Event, Infallible>> {
    stream::unfold((first, told, events), |(mut first, mut told, events)| async move {
        let event = match first.pop_front() {
            Some(event) => event,
            None => match told.recv().await {
                Ok(event) => events.sent(&event),
                Err(RecvError::Lagged(_)) => look_anew(),
                Err(RecvError::Closed) => return None,
            },
        };
        Some((Ok(event), (first, told, events)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::effect::{Alarm, AlarmKind};

    fn events() -> Events {
        Events { start: "s".to_owned(), clock: Clock::system(), kept: Mutex::default(), tell: broadcast::channel(8).0 }
    }

    fn happens(events: &Events, text: &str) {
        let alarm = Alarm { kind: AlarmKind::Limit, text: text.to_owned() };
        events.note(&Tiding::Alarm(Wall(0), Arc::new(alarm)));
    }

    fn texts(missed: Option<Vec<Event>>) -> Option<Vec<String>> {
        missed.map(|missed| missed.iter().map(|event| event.data["text"].as_str().unwrap().to_owned()).collect())
    }

    #[test]
    fn who_comes_back_hears_what_was_missed_and_no_more() {
        let events = events();
        ["a", "b", "c"].iter().for_each(|text| happens(&events, text));
        assert_eq!(texts(events.after(Some("s-1")).0), Some(vec!["b".to_owned(), "c".to_owned()]));
        assert_eq!(texts(events.after(Some("s-3")).0), Some(vec![]));
        assert_eq!(texts(events.after(None).0), Some(vec![]));
        for of_another_start in ["t-1", "s-9", "s-x", "", "1"] {
            assert_eq!(texts(events.after(Some(of_another_start)).0), None, "{of_another_start}");
        }
    }

    #[test]
    fn who_is_forgotten_is_not_told_of_again() {
        let events = events();
        ["+79161234568 calls", "+79161234567 calls", "+79161234569 calls"]
            .iter()
            .for_each(|text| happens(&events, text));
        let number = "+79161234567".parse().unwrap();
        events.note(&Tiding::Notice(Wall(0), Arc::new(Notice::Forgotten(number))));
        assert_eq!(texts(events.after(Some("s-1")).0), Some(vec!["+79161234569 calls".to_owned()]));
    }

    #[test]
    fn what_is_not_kept_any_more_is_said_to_be_unknown() {
        let events = events();
        (0..MOST_KEPT + 5).for_each(|n| happens(&events, &n.to_string()));
        assert_eq!(texts(events.after(Some("s-4")).0), None);
        assert_eq!(events.after(Some("s-5")).0.map(|missed| missed.len()), Some(MOST_KEPT));
        let alarms = events.alarms();
        assert_eq!((alarms.len(), alarms[0].text.as_str()), (MOST_ALARMS, &*(MOST_KEPT + 4).to_string()));
    }
}
