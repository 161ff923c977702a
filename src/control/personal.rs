//! What is kept of one client, how a client is forgotten, and what has been kept for too long.

use super::{
    request::{Refusal, RefusalKind},
    service::{Done, Service, person},
};
use crate::{
    engine::{
        effect::Notice,
        forget::Prune,
        input::Wish,
        number::Number,
        paper::{Paper, PaperKind},
        record::{BlockRecord, CallRecord},
        time::Wall,
    },
    store::{CallbackFilter, CallbackStory, JournalQuery, JournalRow, MOST_ROWS, Old, PaperQuery, Place},
};
use serde::Serialize;
use serde_json::Value;

/// How many rows of one client are told at most.
const MOST_KNOWN: usize = 50_000;

/// Everything that is kept of one client.
#[derive(Clone, Debug, Serialize)]
pub struct Personal {
    /// The client.
    pub number: Number,
    /// Why the number is never dialled, if it is not.
    pub blocked: Option<BlockRecord>,
    /// The client's calls.
    pub calls: Vec<CallRecord>,
    /// The callbacks, with their attempts.
    pub callbacks: Vec<CallbackStory>,
    /// What the client sent and wrote, and what was written of them.
    pub papers: Vec<Sheet>,
    /// Files on the switches in which the client is heard. Only the switch's admin can remove them.
    pub recordings: Vec<String>,
}

/// A paper with what it says.
#[derive(Clone, Debug, Serialize)]
pub struct Sheet {
    /// What it is.
    pub kind: PaperKind,
    /// Its name among those of its kind.
    pub id: String,
    /// When it was written.
    pub at: Wall,
    /// What it says; of a picture nothing, which the API gives by itself.
    pub body: Value,
}

impl From<Paper> for Sheet {
    fn from(paper: Paper) -> Sheet {
        let body = match paper.kind {
            PaperKind::Picture => Value::Null,
            _ => serde_json::from_str(&paper.body).unwrap_or(Value::String(paper.body)),
        };
        Sheet { kind: paper.kind, id: paper.id, at: paper.at, body }
    }
}

impl Service {
    /// Everything that is kept of a client.
    ///
    /// # Errors
    /// It is no number; there is more than can be told at once; the store cannot be read.
    pub async fn known(&self, number: &str) -> Done<Personal> {
        let number = self.number(number)?;
        let blocked = self.handle().store().block(number).await?;
        let (calls, callbacks) = (self.calls_of(number).await?, self.callbacks_of(number).await?);
        let papers = self.papers_of(number).await?;
        let heard = callbacks.iter().flat_map(|story| story.attempts.iter().filter_map(|at| at.recording.as_ref()));
        let recordings = calls.iter().flat_map(CallRecord::files).chain(heard).cloned().collect();
        Ok(Personal { number, blocked, calls, callbacks, papers, recordings })
    }

    /// Forgets a client: what is kept of them names nobody any more. Gives what was known before.
    ///
    /// # Errors
    /// It is no number; the client is on a call or being dialled; the store takes no writes.
    pub async fn forget(&self, number: &str, by: &str, unblock: bool) -> Done<Personal> {
        let known = self.known(number).await?;
        let number = known.number;
        let notices = self.wish(Wish::Forget { number, by: person(by), unblock }).await?;
        match notices.contains(&Notice::Forgotten(number)) {
            true => Ok(known),
            false => {
                let text =
                    format!("{number} is on a call or being dialled at this moment: ask again when that is over");
                Err(Refusal::new(RefusalKind::Done, text))
            }
        }
    }

    /// How much is older than this.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn old(&self, prune: &Prune) -> Done<Old> {
        Ok(self.handle().store().old(prune).await?)
    }

    /// Removes a part of what is older than this, and says how much is left of it.
    ///
    /// # Errors
    /// The store takes no writes.
    pub async fn prune(&self, prune: &Prune) -> Done<Old> {
        self.wish(Wish::Prune(prune.clone())).await?;
        self.old(prune).await
    }

    async fn calls_of(&self, number: Number) -> Done<Vec<CallRecord>> {
        let after = Some(Place::before(Wall(i64::MIN)));
        let mut query = JournalQuery { number: Some(number), after, ..JournalQuery::default() };
        let mut calls = Vec::new();
        loop {
            let page = self.journal(&query).await?;
            query.after = page.last().and_then(JournalRow::place);
            let is_last = page.len() < MOST_ROWS;
            calls.extend(page.into_iter().filter_map(|row| row.call));
            within(calls.len())?;
            if is_last {
                return Ok(calls);
            }
        }
    }

    async fn callbacks_of(&self, number: Number) -> Done<Vec<CallbackStory>> {
        let mut filter = CallbackFilter { number: Some(number), ..CallbackFilter::default() };
        let mut stories = Vec::new();
        loop {
            let page = self.handle().store().callbacks(&filter).await?;
            filter.before = page.first().map(|callback| callback.id);
            for callback in page.iter().rev() {
                stories.push(self.callback(callback.id).await?);
            }
            within(stories.len())?;
            if page.len() < MOST_ROWS {
                stories.reverse();
                return Ok(stories);
            }
        }
    }

    /// The papers about a number, and what was said in its chats.
    async fn papers_of(&self, number: Number) -> Done<Vec<Sheet>> {
        let mut papers = self.papers_about(number.to_string()).await?;
        let chats: Vec<String> =
            papers.iter().filter(|paper| paper.kind == PaperKind::Chat).map(|chat| chat.id.clone()).collect();
        for chat in chats {
            papers.extend(self.papers_about(chat).await?);
            within(papers.len())?;
        }
        papers.sort_by(|a, b| (a.at, a.kind, &a.id).cmp(&(b.at, b.kind, &b.id)));
        Ok(papers.into_iter().map(Into::into).collect())
    }

    async fn papers_about(&self, about: String) -> Done<Vec<Paper>> {
        let after = Some((Wall(i64::MIN), String::new()));
        let mut query = PaperQuery { about: Some(about), after, ..PaperQuery::default() };
        let mut papers: Vec<Paper> = Vec::new();
        loop {
            let page = self.handle().store().papers(&query).await?;
            query.after = page.last().map(|paper| (paper.at, paper.id.clone()));
            let is_last = page.len() < MOST_ROWS;
            papers.extend(page);
            within(papers.len())?;
            if is_last {
                return Ok(papers);
            }
        }
    }
}

fn within(rows: usize) -> Done<()> {
    match rows <= MOST_KNOWN {
        true => Ok(()),
        false => {
            let text = format!("more than {MOST_KNOWN} rows are kept of this number: read them out of a backup");
            Err(Refusal::new(RefusalKind::Malformed, text))
        }
    }
}
