//! How a request goes, as its visitor is told: read from the journal and the engine each time, so that it is true after a restart,
//! after a change of pages, and whoever asks.
//!
//! | state | what the visitor is told |
//! |---|---|
//! | `waiting` | nobody is free yet |
//! | `operator` | an operator's phone rings |
//! | `connecting` | an operator is there and hears who asks |
//! | `client` | the visitor's phone rings |
//! | `talking` | they talk |
//! | `later` | at `again`: `why` says whether that was asked for (`planned`), or nobody came (`nobody`), the visitor was not reached (`unreached`), or the network is in trouble (`trouble`) |
//! | `over` | `why`: `talked`, `cancelled`, `unreached`, `expired`, `refused` |

use super::{Visitor, Widget};
use crate::{
    control::Tiding,
    engine::{
        effect::Notice,
        explain::Explanation,
        number::Number,
        paper::{Paper, PaperKind},
        record::{AttemptRecord, CallbackId, CallbackState, CloseReason, Origin, Outcome, Role},
        time::{Span, Wall},
    },
    http::api::Problem,
    store::{CallbackFilter, CallbackStory, PaperQuery},
};
use axum::{
    Extension, Json,
    extract::{Path, State},
    http::StatusCode,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::stream;
use serde::Serialize;
use std::{convert::Infallible, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, broadcast},
    time::timeout,
};

/// How many visitors hear at once how their request goes; more ask again and again.
pub const MOST_LISTENERS: usize = 2000;
/// How often it is looked at when nothing is heard.
const LOOK: Duration = Duration::from_secs(15);
/// How many of a number's newest callbacks are looked through for the one of a request.
const MOST_CALLBACKS: usize = 100;

/// How a request goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    /// By when the visitor's phone rings, where an operator is there or rung: what the line promises.
    #[serde(skip_serializing_if = "Option::is_none")]
    rings_by: Option<i64>,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    again: Option<i64>,
}

/// The same with the time of the one who says it: the visitor's clock may be wrong.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    progress: &'a Progress,
    now: i64,
}

impl Progress {
    fn of(state: &'static str) -> Progress {
        Progress { state, why: None, rings_by: None, again: None }
    }

    fn because(self, why: &'static str) -> Progress {
        Progress { why: Some(why), ..self }
    }

    fn is_over(&self) -> bool {
        self.state == "over"
    }

    /// For the visitor.
    pub fn told(&self, now: Wall) -> serde_json::Value {
        serde_json::to_value(Told { progress: self, now: now.0 }).unwrap_or_default()
    }
}

/// How a request of this moment goes. `within`: what its line promises.
fn progress(asked: Wall, story: &CallbackStory, now: Option<&Explanation>, at: Wall, within: Span) -> Progress {
    let last = story.attempts.iter().rfind(|attempt| attempt.ended.is_none_or(|ended| ended >= asked));
    match &story.callback.state {
        CallbackState::Ending { reason, .. } | CallbackState::Closed { reason, .. } => {
            Progress::of("over").because(over(reason))
        }
        CallbackState::Active => last.map_or_else(|| Progress::of("operator"), |attempt| under_way(attempt, within)),
        CallbackState::Tracking | CallbackState::Waiting => {
            let next = now.and_then(|now| now.next).unwrap_or(story.callback.due);
            if next <= at {
                return Progress::of("waiting");
            }
            let why = last.and_then(|attempt| attempt.outcome).map_or("planned", came_to);
            Progress { again: Some(next.0), ..Progress::of("later").because(why) }
        }
    }
}

fn over(reason: &CloseReason) -> &'static str {
    match reason {
        CloseReason::Talked | CloseReason::ClientCalled { .. } | CloseReason::OperatorCalled { .. } => "talked",
        CloseReason::Cancelled { .. } => "cancelled",
        CloseReason::AttemptsSpent => "unreached",
        CloseReason::Expired => "expired",
        CloseReason::Invalid | CloseReason::Declined | CloseReason::DoNotCall { .. } | CloseReason::Observed { .. } => {
            "refused"
        }
    }
}

fn came_to(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::OperatorUnavailable | Outcome::OperatorDeclined => "nobody",
        Outcome::Busy | Outcome::NoAnswer | Outcome::Machine | Outcome::Invalid | Outcome::Declined => "unreached",
        Outcome::Network | Outcome::Unknown | Outcome::Cancelled => "trouble",
        Outcome::Talked | Outcome::Postponed => "planned",
    }
}

fn under_way(attempt: &AttemptRecord, within: Span) -> Progress {
    let mut alive = attempt.legs.iter().filter(|leg| leg.ended.is_none());
    let of_client = alive.clone().find(|leg| leg.role == Role::Client);
    let is_there = alive.any(|leg| leg.role == Role::Operator && leg.answered.is_some());
    let state = match of_client {
        _ if attempt.joined.is_some() => "talking",
        Some(leg) if leg.answered.is_some() => "talking",
        Some(_) => "client",
        None if is_there => "connecting",
        None => "operator",
    };
    let rings_by = matches!(state, "operator" | "connecting").then(|| (attempt.started + within).0);
    Progress { rings_by, ..Progress::of(state) }
}

/// Which callback a notice is about, when it changes how one goes.
fn about(notice: &Notice) -> Option<CallbackId> {
    match notice {
        Notice::Opened(record) | Notice::Joined(record) | Notice::Closed { callback: record, .. } => Some(record.id),
        Notice::Ringing { callback, .. }
        | Notice::OperatorAnswered { callback, .. }
        | Notice::Dialling { callback, .. }
        | Notice::Joint { callback, .. }
        | Notice::AttemptEnded { callback, .. } => Some(*callback),
        _ => None,
    }
}

/// The name of a request's paper.
pub fn paper_id(site: &str, id: &str) -> String {
    format!("{site}.{id}")
}

impl Widget {
    /// What a site sent with this request.
    pub async fn paper(&self, site: &str, id: &str) -> Result<Option<Paper>, Problem> {
        let query = PaperQuery {
            kind: Some(PaperKind::Request),
            id: Some(paper_id(site, id)),
            limit: Some(1),
            ..PaperQuery::default()
        };
        Ok(self.service.handle().store().papers(&query).await?.pop())
    }

    /// The callback that came of a request: the newest of its number that was there already.
    async fn story(&self, paper: &Paper) -> Result<CallbackStory, Problem> {
        let gone = || Problem::unknown("there is no such request");
        let number = self.service.number(&paper.about)?;
        let filter = CallbackFilter { number: Some(number), limit: Some(MOST_CALLBACKS), ..CallbackFilter::default() };
        let store = self.service.handle().store();
        let found = store.callbacks(&filter).await?;
        let callback = found.iter().rev().find(|record| record.opened <= paper.at).ok_or_else(gone)?;
        store.callback(callback.id).await?.ok_or_else(gone)
    }

    /// How a request goes, and which callback came of it.
    pub async fn progress(&self, paper: &Paper) -> Result<(CallbackId, Progress), Problem> {
        let story = self.story(paper).await?;
        let handle = self.service.handle();
        let id = story.callback.id;
        let now = handle.explain(id).await.map_err(crate::control::request::Refusal::from)?;
        let rules = handle.rules();
        let within = rules.lines.get(&story.callback.line).map_or(Span::ZERO, |line| line.called_within(&rules));
        Ok((id, progress(paper.at, &story, now.as_deref(), self.clock.now().wall, within)))
    }
}

async fn asked(widget: &Widget, visitor: &Visitor, id: &str) -> Result<Paper, Problem> {
    let found = widget.paper(&visitor.site.name, id).await?;
    found.ok_or_else(|| Problem::unknown("there is no such request"))
}

impl Widget {
    /// The number and the callback of a request.
    pub(super) async fn asked_for(&self, visitor: &Visitor, id: &str) -> Result<(Number, CallbackId), Problem> {
        let callback = self.story(&asked(self, visitor, id).await?).await?.callback;
        Ok((callback.number, callback.id))
    }
}

/// How a request goes.
pub async fn one(
    State(widget): State<Widget>,
    Extension(visitor): Extension<Visitor>,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let paper = asked(&widget, &visitor, &id).await?;
    let (_, progress) = widget.progress(&paper).await?;
    Ok(Json(progress.told(widget.clock.now().wall)).into_response())
}

/// The visitor does not want to be called any more. What was over already stays as it was.
pub async fn cancel(
    State(widget): State<Widget>,
    Extension(visitor): Extension<Visitor>,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let paper = asked(&widget, &visitor, &id).await?;
    let callback = widget.story(&paper).await?.callback;
    let of_site = matches!(&callback.origin, Origin::Web { site } if **site == *visitor.site.name);
    if callback.is_open() && of_site {
        widget.service.cancel(callback.id, &format!("the client, on the site {}", visitor.site.name)).await?;
    }
    let (_, progress) = widget.progress(&paper).await?;
    Ok(Json(progress.told(widget.clock.now().wall)).into_response())
}

/// A visitor who hears how it goes.
struct Listener {
    widget: Widget,
    paper: Paper,
    tidings: broadcast::Receiver<Tiding>,
    callback: CallbackId,
    told: Option<Progress>,
    _place: OwnedSemaphorePermit,
}

/// How a request goes, as it goes: server-sent events until it is over.
pub async fn events(
    State(widget): State<Widget>,
    Extension(visitor): Extension<Visitor>,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let paper = asked(&widget, &visitor, &id).await?;
    let busy = |_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "too many visitors listen: ask now and then");
    let place = widget.listeners.clone().try_acquire_owned().map_err(busy)?;
    let tidings = widget.service.handle().listen();
    let (callback, _) = widget.progress(&paper).await?;
    let listener = Listener { widget, paper, tidings, callback, told: None, _place: place };
    let told = stream::unfold(Some(listener), |listener| async move {
        let mut listener = listener?;
        let progress = listener.next().await?;
        let text = progress.told(listener.widget.clock.now().wall).to_string();
        let rest = (!progress.is_over()).then_some(listener);
        Some((Ok::<_, Infallible>(Event::default().data(text)), rest))
    });
    Ok(Sse::new(told).keep_alive(KeepAlive::default()).into_response())
}

impl Listener {
    /// What is new; `None`: the daemon is stopping.
    async fn next(&mut self) -> Option<Progress> {
        loop {
            let (callback, progress) = self.widget.progress(&self.paper).await.ok()?;
            self.callback = callback;
            if self.told.as_ref() != Some(&progress) {
                self.told = Some(progress.clone());
                return Some(progress);
            }
            self.wait().await?;
        }
    }

    /// Until something has happened to the callback, or for a while.
    async fn wait(&mut self) -> Option<()> {
        let heard = async {
            loop {
                match self.tidings.recv().await {
                    Ok(Tiding::Notice(_, notice)) if about(&notice) == Some(self.callback) => return Some(()),
                    Ok(_) => {}
                    Err(broadcast::error::RecvError::Lagged(_)) => return Some(()),
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        };
        timeout(LOOK, heard).await.unwrap_or(Some(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::record::{CallbackRecord, LegRecord, Marks};

    const ASKED: Wall = Wall(1_000_000);
    const WITHIN: Span = Span::seconds(30);

    fn leg(role: Role, answered: bool, ended: bool) -> LegRecord {
        LegRecord {
            id: crate::engine::record::ChannelId::new("leg"),
            role,
            who: "anna".into(),
            phone: None,
            intended: ASKED,
            ring: Span::seconds(20),
            answered: answered.then_some(ASKED),
            ended: ended.then_some(ASKED),
            cause: String::new(),
        }
    }

    fn attempt(legs: Vec<LegRecord>, outcome: Option<Outcome>) -> AttemptRecord {
        AttemptRecord {
            job: CallbackId(1).into(),
            n: 1,
            switch: "main".into(),
            started: ASKED,
            operator: None,
            legs,
            took: None,
            joined: None,
            handed_to: None,
            recording: None,
            ended: outcome.map(|_| ASKED + Span::seconds(40)),
            outcome,
            cause: String::new(),
        }
    }

    fn story(state: CallbackState, due: Wall, attempts: Vec<AttemptRecord>) -> CallbackStory {
        let callback = CallbackRecord {
            id: CallbackId(1),
            number: "+79161234567".parse().unwrap(),
            name: String::new(),
            line: "site".into(),
            origin: Origin::Web { site: "shop".into() },
            marks: Box::new(Marks::default()),
            opened: ASKED,
            last_miss: ASKED,
            misses: 0,
            state,
            due,
            expires: due + Span::minutes(60),
            attempts: attempts.len() as u32,
            spent: 0,
            setbacks: 0,
            last: None,
            wanted: false,
        };
        CallbackStory { callback, attempts }
    }

    fn told(story: &CallbackStory) -> (&'static str, Option<&'static str>, Option<i64>, Option<i64>) {
        let told = progress(ASKED, story, None, ASKED + Span::seconds(50), WITHIN);
        (told.state, told.why, told.rings_by, told.again)
    }

    #[test]
    fn an_attempt_is_told_leg_by_leg_and_promises_until_the_clients_phone_rings() {
        use Role::{Client, Operator};
        let by = Some((ASKED + WITHIN).0);
        for (legs, state, promised) in [
            (vec![], "operator", by),
            (vec![leg(Operator, false, false)], "operator", by),
            (vec![leg(Operator, false, true), leg(Operator, false, false)], "operator", by),
            (vec![leg(Operator, true, false)], "connecting", by),
            (vec![leg(Operator, true, false), leg(Client, false, false)], "client", None),
            (vec![leg(Operator, true, false), leg(Client, true, false)], "talking", None),
            (vec![leg(Operator, true, false), leg(Client, false, true)], "connecting", by),
        ] {
            let story = story(CallbackState::Active, ASKED, vec![attempt(legs.clone(), None)]);
            assert_eq!(told(&story), (state, None, promised, None), "{legs:?}");
        }
    }

    #[test]
    fn what_is_put_off_says_when_and_why() {
        let later = ASKED + Span::minutes(5);
        for (outcome, why) in [
            (None, "planned"),
            (Some(Outcome::OperatorUnavailable), "nobody"),
            (Some(Outcome::Busy), "unreached"),
            (Some(Outcome::Network), "trouble"),
        ] {
            let attempts = outcome.map(|outcome| attempt(vec![], Some(outcome))).into_iter().collect();
            let story = story(CallbackState::Waiting, later, attempts);
            assert_eq!(told(&story), ("later", Some(why), None, Some(later.0)));
        }
        let due = story(CallbackState::Waiting, ASKED, vec![]);
        assert_eq!(told(&due), ("waiting", None, None, None), "its time has come, and nobody is free");
        let before = AttemptRecord { ended: Some(Wall(1)), ..attempt(vec![], Some(Outcome::Busy)) };
        let missed_before = story(CallbackState::Waiting, later, vec![before]);
        assert_eq!(told(&missed_before).1, Some("planned"), "what came of an attempt before the request is no news");
    }

    #[test]
    fn what_is_over_says_why_and_an_ending_one_is() {
        for (reason, why) in [
            (CloseReason::Talked, "talked"),
            (CloseReason::Cancelled { by: "the client".into() }, "cancelled"),
            (CloseReason::AttemptsSpent, "unreached"),
            (CloseReason::Expired, "expired"),
            (CloseReason::Declined, "refused"),
        ] {
            let closed = CallbackState::Closed { at: ASKED, reason: reason.clone() };
            assert_eq!(told(&story(closed, ASKED, vec![])), ("over", Some(why), None, None));
            let ending = CallbackState::Ending { at: ASKED, reason };
            assert_eq!(told(&story(ending, ASKED, vec![attempt(vec![], None)])).0, "over");
        }
    }
}
