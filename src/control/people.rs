//! What operators ask and say: how they stand, who is at their phone, what is known of a client, how a talk went.

use super::{
    request::{Refusal, RefusalKind},
    service::{Done, FURTHEST, MOST_BY, Service, person},
};
use crate::{
    config::one_of,
    engine::{
        LONGEST_PAUSE, Name, OperatorView,
        effect::Moment,
        input::Wish,
        number::Number,
        paper::{Paper, PaperKind},
        record::{
            AttemptRecord, BlockRecord, CallRecord, CallbackId, CallbackRecord, CallbackState, CloseReason, Outcome,
            Write,
        },
        rules::Mode,
        time::Wall,
    },
    store::{CallbackFilter, CallbackStory, JournalQuery, PaperQuery, StoryQuery},
};
use std::cmp::Reverse;

/// How many calls, callbacks, notes and requests of a client are told, each.
pub const MOST_HISTORY: usize = 50;
/// Among how many of the newest calls an operator's talks are looked for.
const CALLS_LOOKED_AT: usize = 2000;
/// Among how many of the newest callbacks.
const CALLBACKS_LOOKED_AT: usize = 500;

/// What is known of a client, the newest first.
#[derive(Clone, Debug)]
pub struct Client {
    /// Who.
    pub number: Number,
    /// They are never dialled.
    pub blocked: Option<BlockRecord>,
    /// Their calls.
    pub calls: Vec<CallRecord>,
    /// Their callbacks.
    pub callbacks: Vec<CallbackStory>,
    /// What operators wrote.
    pub notes: Vec<Paper>,
    /// What sites sent.
    pub requests: Vec<Paper>,
}

/// Who is at an operator's phone now.
#[derive(Clone, Debug)]
pub struct Hands {
    /// The operator.
    pub operator: OperatorView,
    /// What the phone does; `None`: nothing.
    pub moment: Option<Moment>,
    /// Since when they talk.
    pub talks: Option<Wall>,
    /// Who is called back.
    pub callback: Option<CallbackRecord>,
    /// Who called.
    pub call: Option<CallRecord>,
}

impl Service {
    /// The operator of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn operator_named(&self, name: &str) -> Done<Name> {
        let rules = self.handle().rules();
        let found = rules.operators.get_key_value(name).map(|(name, _)| name.clone());
        found.ok_or_else(|| {
            let known: Vec<&str> = rules.operators.keys().map(|name| &**name).collect();
            Refusal::new(RefusalKind::Unknown, format!("there is no operator \"{name}\"; {}", one_of(name, &known)))
        })
    }

    /// Sets an operator ready, from now on though they had a pause, or away, and why.
    ///
    /// # Errors
    /// There is no such operator; the store takes no writes.
    pub async fn operator(&self, name: &str, ready: bool, why: &str) -> Done<()> {
        let name = self.operator_named(name)?;
        let why = why.trim().chars().filter(|c| !c.is_control()).take(MOST_BY).collect();
        self.wish(Wish::Operator { name, ready, why }).await.map(drop)
    }

    /// Has an operator's pause after a talk last until then; a past time ends it.
    ///
    /// # Errors
    /// There is no such operator; it is too long; the store takes no writes.
    pub async fn wrap_up(&self, name: &str, until: Wall, now: Wall) -> Done<()> {
        let name = self.operator_named(name)?;
        if until > now + LONGEST_PAUSE {
            let text = format!("a pause after a talk lasts {LONGEST_PAUSE} at most: be away for longer");
            return Err(Refusal::new(RefusalKind::Done, text));
        }
        self.wish(Wish::WrapUp { name, until }).await.map(drop)
    }

    /// Who is at this operator's phone.
    ///
    /// # Errors
    /// There is no such operator; the daemon is stopping.
    pub async fn hands(&self, name: &str) -> Done<Hands> {
        let name = self.operator_named(name)?;
        let status = self.status().await?;
        let operator = status.operators.into_iter().find(|view| view.name == name);
        let operator = operator.ok_or_else(|| Refusal::new(RefusalKind::Unknown, "the operator is new: ask again"))?;
        let callback = status.callbacks.into_iter().find(|record| operator.callback == Some(record.id));
        let talks = |call: &CallRecord| call.operator.as_ref() == Some(&name) && call.ended.is_none();
        let call = status.calls.into_iter().find(|call| Some(&call.id) == operator.call.as_ref() || talks(call));
        let direct =
            call.as_ref().filter(|_| operator.call.is_none() && callback.is_none()).and_then(|call| call.served);
        let (moment, talks) = (operator.moment.or(direct.map(|_| Moment::Talks)), operator.talks.or(direct));
        Ok(Hands { moment, talks, operator, callback, call })
    }

    /// Callbacks that wait for a person to call them, of the lines whose calls this operator takes; the longest waiting first.
    ///
    /// # Errors
    /// There is no such operator; the daemon is stopping.
    pub async fn by_hand(&self, name: &str, now: Wall) -> Done<Vec<CallbackRecord>> {
        let (name, rules) = (self.operator_named(name)?, self.handle().rules());
        let waits = |record: &CallbackRecord| {
            let line = rules.lines.get(&record.line);
            let group = line.and_then(|line| rules.groups.get(&line.group));
            record.state == CallbackState::Waiting
                && record.due <= now
                && !record.wanted
                && line.is_some_and(|line| line.redial_for(&record.origin).mode == Mode::ByHand)
                && group.is_some_and(|group| group.operators.iter().any(|member| member.name == name))
        };
        let mut found: Vec<CallbackRecord> = self.status().await?.callbacks.into_iter().filter(waits).collect();
        found.sort_by_key(|record| (record.due, record.id));
        Ok(found)
    }

    /// Dials an open callback now; the phone of `operator` is rung first.
    ///
    /// # Errors
    /// It is not open, or is being dialled; the operator takes no calls; the store takes no writes.
    pub async fn dial(&self, callback: CallbackId, operator: Option<Name>) -> Done<()> {
        let status = self.status().await?;
        let away = |name: &Name| status.operators.iter().any(|view| view.name == *name && !view.ready);
        if let Some(name) = operator.as_ref().filter(|name| away(name)) {
            return Err(Refusal::new(RefusalKind::Done, format!("{name} is away: be ready first")));
        }
        match status.callbacks.iter().find(|open| open.id == callback) {
            None => Err(Refusal::new(RefusalKind::Unknown, format!("there is no open callback {callback}"))),
            Some(open) if open.is_active() => {
                Err(Refusal::new(RefusalKind::Done, format!("callback {callback} is being dialled at this moment")))
            }
            Some(_) => self.wish(Wish::Dial { callback, operator }).await.map(drop),
        }
    }

    /// Has a client called at a time, whatever becomes of the talk that may be under way.
    ///
    /// # Errors
    /// It is no number; there is no such line; the time is too far away; the number is never dialled; the store takes no writes.
    pub async fn call_again(
        &self,
        number: &str,
        line: Option<&str>,
        at: Wall,
        by: &str,
        now: Wall,
    ) -> Done<CallbackRecord> {
        let (number, line) = (self.number(number)?, self.line(line)?);
        if at > now + FURTHEST {
            return Err(Refusal::new(RefusalKind::Done, format!("a callback is put off by {FURTHEST} at most")));
        }
        let notices = self.wish(Wish::CallAgain { number, line, at, by: person(by) }).await?;
        self.opened(number, notices).await
    }

    /// Says that the last talk of a callback was with a machine: it is tried again as after no answer.
    ///
    /// # Errors
    /// There is no such callback; nobody talked, or the client called by themselves; the store takes no writes.
    pub async fn was_a_machine(&self, id: CallbackId, by: &str) -> Done<()> {
        // It may be closed in the very moment between the question and the wish: then it is asked once more.
        for _ in 0..2 {
            let CallbackStory { callback, attempts } = self.callback(id).await?;
            let open = callback.is_open();
            let none = "has no talk that could have been a machine's";
            let none = || Refusal::new(RefusalKind::Done, format!("callback {id} {none}"));
            let last = attempts.into_iter().last().filter(|last| may_be_a_machine(&callback, last)).ok_or_else(none)?;
            let closed = (!open).then(|| Box::new((callback, last)));
            self.wish(Wish::Machine { callback: id, by: person(by), closed }).await?;
            let talked =
                |story: &CallbackStory| !story.callback.is_open() && story.callback.last == Some(Outcome::Talked);
            if !open || !talked(&self.callback(id).await?) {
                break;
            }
        }
        Ok(())
    }

    /// What is known of a client.
    ///
    /// # Errors
    /// It is no number; the store cannot be read.
    pub async fn client(&self, number: &str) -> Done<Client> {
        let number = self.number(number)?;
        let store = self.handle().store();
        let limit = Some(MOST_HISTORY);
        let rows = store.journal(&JournalQuery { number: Some(number), limit, ..JournalQuery::default() }).await?;
        let filter = CallbackFilter { number: Some(number), limit, ..CallbackFilter::default() };
        let mut callbacks = Vec::new();
        for record in store.callbacks(&filter).await?.into_iter().rev() {
            callbacks.extend(store.callback(record.id).await?);
        }
        Ok(Client {
            number,
            blocked: store.block(number).await?,
            calls: rows.into_iter().rev().filter_map(|row| row.call).collect(),
            callbacks,
            notes: self.about(number, PaperKind::Note).await?,
            requests: self.about(number, PaperKind::Request).await?,
        })
    }

    /// The papers of this kind about a client, the newest first.
    async fn about(&self, number: Number, kind: PaperKind) -> Done<Vec<Paper>> {
        let query = PaperQuery {
            kind: Some(kind),
            about: Some(number.to_string()),
            limit: Some(MOST_HISTORY),
            ..PaperQuery::default()
        };
        let mut papers = self.handle().store().papers(&query).await?;
        papers.reverse();
        Ok(papers)
    }

    /// The note of this id.
    ///
    /// # Errors
    /// There is none; the store cannot be read.
    pub async fn note(&self, id: &str) -> Done<Paper> {
        let query = PaperQuery { kind: Some(PaperKind::Note), id: Some(id.to_owned()), ..PaperQuery::default() };
        let none = || Refusal::new(RefusalKind::Unknown, "there is no such note");
        self.handle().store().papers(&query).await?.pop().ok_or_else(none)
    }

    /// Keeps a note, or keeps it no longer.
    ///
    /// # Errors
    /// The store takes no writes.
    pub async fn write(&self, write: Write) -> Done<()> {
        Ok(self.handle().store().commit(&[write]).await?)
    }

    /// The last talks of an operator, of callbacks and of calls, the newest first; looked for among the newest of each.
    ///
    /// # Errors
    /// There is no such operator; the store cannot be read.
    pub async fn talks(&self, name: &str) -> Done<(Vec<CallRecord>, Vec<CallbackStory>)> {
        let name = Some(self.operator_named(name)?);
        let store = self.handle().store();
        let rows = store.journal(&JournalQuery { limit: Some(CALLS_LOOKED_AT), ..JournalQuery::default() }).await?;
        let calls = rows.into_iter().rev().filter_map(|row| row.call).filter(|call| call.operator == name);
        let newest = store.callbacks(&CallbackFilter { limit: Some(1), ..CallbackFilter::default() }).await?;
        let after = newest.first().map(|newest| CallbackId(newest.id.0.saturating_sub(CALLBACKS_LOOKED_AT as u64)));
        let mut stories = store.stories(&StoryQuery { after, ..StoryQuery::default() }).await?;
        stories.iter_mut().for_each(|story| story.attempts.retain(|attempt| attempt.operator == name));
        stories.retain(|story| !story.attempts.is_empty());
        stories.sort_by_key(|story| Reverse(story.attempts.last().map(|attempt| attempt.started)));
        stories.truncate(MOST_HISTORY);
        Ok((calls.take(MOST_HISTORY).collect(), stories))
    }
}

/// Is this last attempt under way, or the talk that has closed its callback?
fn may_be_a_machine(callback: &CallbackRecord, last: &AttemptRecord) -> bool {
    let talked = matches!(callback.state, CallbackState::Closed { reason: CloseReason::Talked, .. })
        && last.outcome == Some(Outcome::Talked);
    last.took.is_none() && last.joined.is_some() && (callback.is_active() || talked)
}
