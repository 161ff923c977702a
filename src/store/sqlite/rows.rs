//! Records to rows and back.

use super::column::{Column, Fields, Statement};
use crate::engine::{
    Name,
    money::Amount,
    number::Number,
    paper::{Paper, PaperKind},
    record::{
        AttemptRecord, BlockRecord, Blocked, CallRecord, CallbackId, CallbackRecord, CallbackState, ChannelId,
        CloseReason, Job, LastTalk, LegRecord, Marks, OperatorRecord, Origin, Queued, Spent, Write,
    },
    time::Wall,
};
use sqlx::{AssertSqlSafe, Error, SqliteConnection, query, sqlite::SqliteRow};
use std::collections::BTreeMap;

/// How many rows one statement writes at most: SQLite takes 32,766 values, a row has at most 29.
const MOST_ROWS_A_STATEMENT: usize = 64;

/// A table: its name, how many of its columns are the key, and the columns in the order in which they are written and read,
/// the key first.
pub struct Table {
    name: &'static str,
    key: usize,
    columns: &'static [&'static str],
}

/// Inbound calls.
pub static CALLS: Table = Table {
    name: "calls",
    key: 1,
    columns: &[
        "id",
        "switch",
        "line",
        "number",
        "name",
        "arrived",
        "served",
        "operator",
        "talk",
        "ended",
        "missed",
        "cause",
        "callback",
        "known_by",
        "waited",
        "previous",
        "channel",
        "source",
        "campaign",
        "page",
        "tags",
        "queue_group",
        "place_since",
        "rounds",
        "left_by",
        "voicemail",
        "recording",
        "handed_to",
        "no_callback",
    ],
};

/// Callbacks.
pub static CALLBACKS: Table = Table {
    name: "callbacks",
    key: 1,
    columns: &[
        "id",
        "number",
        "name",
        "line",
        "origin",
        "origin_of",
        "opened",
        "last_miss",
        "misses",
        "state",
        "closed",
        "reason",
        "reason_of",
        "due",
        "expires",
        "attempts",
        "spent",
        "setbacks",
        "last",
        "channel",
        "source",
        "campaign",
        "page",
        "tags",
        "wanted",
    ],
};

/// Attempts, without their legs.
pub static ATTEMPTS: Table = Table {
    name: "attempts",
    key: 2,
    columns: &[
        "job",
        "n",
        "switch",
        "started",
        "operator",
        "took",
        "joined",
        "ended",
        "outcome",
        "cause",
        "handed_to",
        "recording",
    ],
};

static LEGS: Table = Table {
    name: "legs",
    key: 3,
    columns: &[
        "job", "attempt", "place", "id", "role", "who", "intended", "ring", "answered", "ended", "cause", "phone",
    ],
};

/// Operators' states.
pub static OPERATORS: Table = Table {
    name: "operators",
    key: 1,
    columns: &["name", "ready", "since", "last_talk", "talks", "talk_time", "offered", "why", "pause"],
};

/// Numbers that are never dialled.
pub static BLOCKED: Table = Table { name: "blocked", key: 1, columns: &["number", "at", "why", "why_of"] };

static LISTS: Table = Table { name: "lists", key: 1, columns: &["list", "paused"] };

/// What trunks' calls have cost.
pub static SPENT: Table = Table { name: "spent", key: 2, columns: &["trunk", "month", "amount"] };

/// Side papers.
pub static PAPERS: Table = Table { name: "papers", key: 2, columns: &["kind", "id", "about", "at", "body"] };

impl Table {
    /// How many columns.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// Its columns for a `SELECT`, in their order.
    pub fn list(&self) -> String {
        let columns: Vec<String> = self.columns.iter().map(|column| format!("{}.{column}", self.name)).collect();
        columns.join(", ")
    }

    /// The statement that writes so many rows, each over the row of the same key, or anew. No two may have the same key.
    fn upsert(&self, rows: usize) -> String {
        let Table { name, key, columns } = self;
        let width = columns.len();
        let row = |row: usize| {
            let values: Vec<String> = (1..=width).map(|n| format!("${}", row * width + n)).collect();
            format!("({})", values.join(", "))
        };
        let news: Vec<String> = columns[*key..].iter().map(|column| format!("{column} = excluded.{column}")).collect();
        format!(
            "INSERT INTO {name} ({}) VALUES {} ON CONFLICT ({}) DO UPDATE SET {}",
            columns.join(", "),
            (0..rows).map(row).collect::<Vec<_>>().join(", "),
            columns[..*key].join(", "),
            news.join(", ")
        )
    }

    /// Writes rows. They go in chunks of sizes that come again, so that few statements are prepared and kept.
    async fn put<R: Sync>(&self, to: &mut SqliteConnection, mut rows: &[R], bind: Bind<R>) -> Result<(), Error> {
        while let Some(size) = rows.len().checked_ilog2().map(|power| (1 << power).min(MOST_ROWS_A_STATEMENT)) {
            let (chunk, rest) = rows.split_at(size);
            let sql = self.upsert(size);
            let statement =
                chunk.iter().fold(Statement(query(AssertSqlSafe(sql))), |statement, row| bind(statement, row));
            statement.0.execute(&mut *to).await?;
            rows = rest;
        }
        Ok(())
    }
}

/// How a statement is given the values of a row.
type Bind<R> = for<'q> fn(Statement<'q>, &R) -> Statement<'q>;

/// Writes all of these, the last of each row.
pub async fn put(to: &mut SqliteConnection, writes: &[&Write]) -> Result<(), Error> {
    let Latest { calls, callbacks, attempts, operators, paused, blocked, lists, spent, papers } = Latest::of(writes);
    CALLBACKS.put(to, &callbacks.into_values().collect::<Vec<_>>(), bind_callback).await?;
    CALLS.put(to, &calls.into_values().collect::<Vec<_>>(), bind_call).await?;
    put_attempts(to, &attempts.into_values().collect::<Vec<_>>()).await?;
    OPERATORS.put(to, &operators.into_values().collect::<Vec<_>>(), bind_operator).await?;
    put_blocked(to, blocked).await?;
    LISTS.put(to, &lists.into_iter().collect::<Vec<_>>(), bind_list).await?;
    SPENT.put(to, &spent.into_values().collect::<Vec<_>>(), bind_spent).await?;
    put_papers(to, papers).await?;
    if let Some(paused) = paused {
        let row = Statement(query("UPDATE store SET paused = $1 WHERE id = 1")).with(&paused);
        row.0.execute(to).await?;
    }
    Ok(())
}

/// The last write of every row.
#[derive(Default)]
struct Latest<'w> {
    calls: BTreeMap<&'w ChannelId, &'w CallRecord>,
    callbacks: BTreeMap<CallbackId, &'w CallbackRecord>,
    attempts: BTreeMap<(Job, u32), &'w AttemptRecord>,
    operators: BTreeMap<&'w Name, &'w OperatorRecord>,
    paused: Option<bool>,
    /// Blocked, or no longer.
    blocked: BTreeMap<Number, Option<&'w BlockRecord>>,
    lists: BTreeMap<&'w str, bool>,
    spent: BTreeMap<(&'w Name, u32), &'w Spent>,
    /// Papers, or no longer.
    papers: BTreeMap<(PaperKind, &'w str), Option<&'w Paper>>,
}

impl<'w> Latest<'w> {
    fn of(writes: &[&'w Write]) -> Latest<'w> {
        let mut latest = Latest::default();
        for write in writes {
            match write {
                Write::Call(call) => _ = latest.calls.insert(&call.id, call),
                Write::Callback(callback) => _ = latest.callbacks.insert(callback.id, callback),
                Write::Attempt(attempt) => _ = latest.attempts.insert((attempt.job, attempt.n), attempt),
                Write::Operator(operator) => _ = latest.operators.insert(&operator.name, operator),
                Write::Paused(paused) => latest.paused = Some(*paused),
                Write::Block(block) => _ = latest.blocked.insert(block.number, Some(block)),
                Write::Unblock(number) => _ = latest.blocked.insert(*number, None),
                Write::ListPaused { list, paused } => _ = latest.lists.insert(list, *paused),
                Write::Spent(spent) => _ = latest.spent.insert((&spent.trunk, spent.month), spent),
                Write::Paper(paper) => _ = latest.papers.insert((paper.kind, &paper.id), Some(paper)),
                Write::Discard { kind, id } => _ = latest.papers.insert((*kind, id), None),
            }
        }
        latest
    }
}

async fn put_blocked(to: &mut SqliteConnection, blocked: BTreeMap<Number, Option<&BlockRecord>>) -> Result<(), Error> {
    let rows: Vec<&BlockRecord> = blocked.values().copied().flatten().collect();
    BLOCKED.put(to, &rows, bind_block).await?;
    for number in blocked.iter().filter(|(_, block)| block.is_none()).map(|(number, _)| number) {
        Statement(query("DELETE FROM blocked WHERE number = $1")).with(number).0.execute(&mut *to).await?;
    }
    Ok(())
}

fn bind_block<'q>(to: Statement<'q>, block: &&BlockRecord) -> Statement<'q> {
    let (why, by) = block.why.parts();
    to.with(&block.number).with(&block.at).with(&why.to_owned()).maybe(&by.map(str::to_owned))
}

/// Reads a number that is never dialled.
pub fn block(row: &SqliteRow) -> Result<BlockRecord, Error> {
    let mut fields = Fields::from(row, 0);
    let (number, at) = (fields.get()?, fields.get()?);
    let why: String = fields.get()?;
    let by: Option<String> = fields.maybe()?;
    let known = Blocked::from_parts(&why, by.as_deref());
    let why = known.ok_or_else(|| fields.damaged(format!("unknown reason {why:?}, or it names nobody")))?;
    Ok(BlockRecord { number, at, why })
}

async fn put_papers(
    to: &mut SqliteConnection,
    papers: BTreeMap<(PaperKind, &str), Option<&Paper>>,
) -> Result<(), Error> {
    let rows: Vec<&Paper> = papers.values().copied().flatten().collect();
    PAPERS.put(to, &rows, bind_paper).await?;
    for ((kind, id), _) in papers.iter().filter(|(_, paper)| paper.is_none()) {
        let row = Statement(query("DELETE FROM papers WHERE kind = $1 AND id = $2"));
        row.with(kind).with(&(*id).to_owned()).0.execute(&mut *to).await?;
    }
    Ok(())
}

fn bind_paper<'q>(to: Statement<'q>, paper: &&Paper) -> Statement<'q> {
    let Paper { kind, id, about, at, body } = paper;
    to.with(kind).with(id).with(about).with(at).with(body)
}

/// Reads a side paper.
pub fn paper(row: &SqliteRow) -> Result<Paper, Error> {
    let mut fields = Fields::from(row, 0);
    Ok(Paper { kind: fields.get()?, id: fields.get()?, about: fields.get()?, at: fields.get()?, body: fields.get()? })
}

fn bind_list<'q>(to: Statement<'q>, (list, paused): &(&str, bool)) -> Statement<'q> {
    to.with(&(*list).to_owned()).with(paused)
}

fn bind_spent<'q>(to: Statement<'q>, spent: &&Spent) -> Statement<'q> {
    to.with(&spent.trunk).with(&spent.month).with(&spent.amount.0)
}

/// Reads what a trunk's calls of a month have cost.
pub fn spent(row: &SqliteRow) -> Result<Spent, Error> {
    let mut fields = Fields::from(row, 0);
    Ok(Spent { trunk: fields.get()?, month: fields.get()?, amount: Amount(fields.get()?) })
}

fn bind_marks<'q>(to: Statement<'q>, marks: &Marks) -> Statement<'q> {
    let Marks { channel, source, campaign, page, tags } = marks;
    [channel, source, campaign, page, tags].into_iter().fold(to, Statement::with)
}

fn marks(fields: &mut Fields<'_>) -> Result<Marks, Error> {
    Ok(Marks {
        channel: fields.get()?,
        source: fields.get()?,
        campaign: fields.get()?,
        page: fields.get()?,
        tags: fields.get()?,
    })
}

fn bind_call<'q>(to: Statement<'q>, call: &&CallRecord) -> Statement<'q> {
    let to = to
        .with(&call.id)
        .with(&call.switch)
        .with(&call.line)
        .maybe(&call.number)
        .with(&call.name)
        .with(&call.arrived)
        .maybe(&call.served)
        .maybe(&call.operator)
        .with(&call.talk)
        .maybe(&call.ended)
        .maybe(&call.missed)
        .with(&call.cause)
        .maybe(&call.callback)
        .with(&call.known_by)
        .with(&call.waited)
        .maybe(&call.previous);
    bind_queue(bind_marks(to, &call.marks), call.queue.as_deref())
}

fn bind_queue<'q>(to: Statement<'q>, queue: Option<&Queued>) -> Statement<'q> {
    to.maybe(&queue.map(|queue| queue.group.clone()))
        .maybe(&queue.map(|queue| queue.since))
        .with(&queue.map_or(0, |queue| queue.rounds))
        .maybe(&queue.and_then(|queue| queue.left))
        .maybe(&queue.and_then(|queue| queue.voicemail.clone()))
        .maybe(&queue.and_then(|queue| queue.recording.clone()))
        .maybe(&queue.and_then(|queue| queue.handed_to.clone()))
        .with(&queue.is_some_and(|queue| queue.no_callback))
}

fn queue(fields: &mut Fields<'_>) -> Result<Option<Box<Queued>>, Error> {
    let group: Option<Name> = fields.maybe()?;
    let since: Option<Wall> = fields.maybe()?;
    let queued = Queued {
        group: group.clone().unwrap_or_default(),
        since: since.unwrap_or_default(),
        rounds: fields.get()?,
        left: fields.maybe()?,
        voicemail: fields.maybe()?,
        recording: fields.maybe()?,
        handed_to: fields.maybe()?,
        no_callback: fields.get()?,
    };
    Ok(group.map(|_| Box::new(queued)))
}

/// Reads a call, its first column given.
pub fn call(row: &SqliteRow, first: usize) -> Result<CallRecord, Error> {
    let mut fields = Fields::from(row, first);
    Ok(CallRecord {
        id: fields.get()?,
        switch: fields.get()?,
        line: fields.get()?,
        number: fields.maybe()?,
        name: fields.get()?,
        arrived: fields.get()?,
        served: fields.maybe()?,
        operator: fields.maybe()?,
        talk: fields.get()?,
        ended: fields.maybe()?,
        missed: fields.maybe()?,
        cause: fields.get()?,
        callback: fields.maybe()?,
        known_by: fields.get()?,
        waited: fields.get()?,
        previous: fields.maybe()?,
        marks: Box::new(marks(&mut fields)?),
        queue: queue(&mut fields)?,
    })
}

fn bind_callback<'q>(to: Statement<'q>, callback: &&CallbackRecord) -> Statement<'q> {
    let (origin, origin_of) = match &callback.origin {
        Origin::Missed { call } => ("missed", call.raw()),
        Origin::ByHand { by } => ("by-hand", by.clone()),
        Origin::Queue { call } => ("queue", call.raw()),
        Origin::Listed { list } => ("listed", list.clone()),
        Origin::Web { site } => ("web", site.clone()),
    };
    let (state, end) = match &callback.state {
        CallbackState::Tracking => ("tracking", None),
        CallbackState::Waiting => ("waiting", None),
        CallbackState::Active => ("active", None),
        CallbackState::Ending { at, reason } => ("ending", Some((at, reason))),
        CallbackState::Closed { at, reason } => ("closed", Some((at, reason))),
    };
    let to = to
        .with(&callback.id)
        .with(&callback.number)
        .with(&callback.name)
        .with(&callback.line)
        .with(&origin.to_owned())
        .with(&origin_of)
        .with(&callback.opened)
        .with(&callback.last_miss)
        .with(&callback.misses)
        .with(&state.to_owned())
        .maybe(&end.map(|(at, _)| *at))
        .maybe(&end.map(|(_, reason)| reason.as_str().to_owned()))
        .maybe(&end.and_then(|(_, reason)| reason_of(reason)))
        .with(&callback.due)
        .with(&callback.expires)
        .with(&callback.attempts)
        .with(&callback.spent)
        .with(&callback.setbacks)
        .maybe(&callback.last);
    bind_marks(to, &callback.marks).with(&callback.wanted)
}

/// The call, the operator or the person behind a reason.
fn reason_of(reason: &CloseReason) -> Option<String> {
    match reason {
        CloseReason::ClientCalled { call } => Some(call.raw()),
        CloseReason::OperatorCalled { operator } => operator.as_ref().map(Column::raw),
        CloseReason::Cancelled { by } => Some(by.clone()),
        CloseReason::DoNotCall { operator } | CloseReason::Observed { operator } => Some(operator.raw()),
        CloseReason::Talked
        | CloseReason::Invalid
        | CloseReason::Declined
        | CloseReason::AttemptsSpent
        | CloseReason::Expired => None,
    }
}

/// Reads a callback, its first column given.
pub fn callback(row: &SqliteRow, first: usize) -> Result<CallbackRecord, Error> {
    let mut fields = Fields::from(row, first);
    Ok(CallbackRecord {
        id: fields.get()?,
        number: fields.get()?,
        name: fields.get()?,
        line: fields.get()?,
        origin: origin(&mut fields)?,
        opened: fields.get()?,
        last_miss: fields.get()?,
        misses: fields.get()?,
        state: state(&mut fields)?,
        due: fields.get()?,
        expires: fields.get()?,
        attempts: fields.get()?,
        spent: fields.get()?,
        setbacks: fields.get()?,
        last: fields.maybe()?,
        marks: Box::new(marks(&mut fields)?),
        wanted: fields.get()?,
    })
}

fn origin(fields: &mut Fields<'_>) -> Result<Origin, Error> {
    let kind: String = fields.get()?;
    let of: String = fields.get()?;
    match kind.as_str() {
        "missed" => Ok(Origin::Missed { call: ChannelId::new(&of) }),
        "by-hand" => Ok(Origin::ByHand { by: of }),
        "queue" => Ok(Origin::Queue { call: ChannelId::new(&of) }),
        "listed" => Ok(Origin::Listed { list: of }),
        "web" => Ok(Origin::Web { site: of }),
        _ => Err(fields.damaged(format!("unknown origin {kind:?}"))),
    }
}

fn state(fields: &mut Fields<'_>) -> Result<CallbackState, Error> {
    let state: String = fields.get()?;
    let closed: Option<Wall> = fields.maybe()?;
    let why: Option<String> = fields.maybe()?;
    let of: Option<String> = fields.maybe()?;
    match (state.as_str(), closed, why) {
        ("tracking", None, None) => Ok(CallbackState::Tracking),
        ("waiting", None, None) => Ok(CallbackState::Waiting),
        ("active", None, None) => Ok(CallbackState::Active),
        (known @ ("ending" | "closed"), Some(at), Some(word)) => match reason(&word, of) {
            Some(reason) if known == "ending" => Ok(CallbackState::Ending { at, reason }),
            Some(reason) => Ok(CallbackState::Closed { at, reason }),
            None => Err(fields.damaged(format!("unknown reason {word:?}, or it names nobody"))),
        },
        (_, _, why) => Err(fields.damaged(format!("state {state:?} does not go with reason {why:?}"))),
    }
}

fn reason(word: &str, of: Option<String>) -> Option<CloseReason> {
    Some(match word {
        "talked" => CloseReason::Talked,
        "client-called" => CloseReason::ClientCalled { call: ChannelId::new(&of?) },
        "operator-called" => CloseReason::OperatorCalled { operator: of.map(Into::into) },
        "invalid" => CloseReason::Invalid,
        "declined" => CloseReason::Declined,
        "attempts-spent" => CloseReason::AttemptsSpent,
        "expired" => CloseReason::Expired,
        "cancelled" => CloseReason::Cancelled { by: of? },
        "do-not-call" => CloseReason::DoNotCall { operator: of?.into() },
        "observed" => CloseReason::Observed { operator: of?.into() },
        _ => return None,
    })
}

/// Writes attempts with their legs; legs that they no longer have are removed.
async fn put_attempts(to: &mut SqliteConnection, attempts: &[&AttemptRecord]) -> Result<(), Error> {
    ATTEMPTS.put(to, attempts, bind_attempt).await?;
    let mut legs = Vec::new();
    for attempt in attempts {
        legs.extend((0..).zip(&attempt.legs).map(|(place, leg)| (*attempt, place, leg)));
    }
    LEGS.put(to, &legs, bind_leg).await?;
    for attempt in attempts {
        Statement(query("DELETE FROM legs WHERE job = $1 AND attempt = $2 AND place >= $3"))
            .with(&attempt.job)
            .with(&attempt.n)
            .with(&(attempt.legs.len() as u64))
            .0
            .execute(&mut *to)
            .await?;
    }
    Ok(())
}

fn bind_attempt<'q>(to: Statement<'q>, attempt: &&AttemptRecord) -> Statement<'q> {
    to.with(&attempt.job)
        .with(&attempt.n)
        .with(&attempt.switch)
        .with(&attempt.started)
        .maybe(&attempt.operator)
        .maybe(&attempt.took)
        .maybe(&attempt.joined)
        .maybe(&attempt.ended)
        .maybe(&attempt.outcome)
        .with(&attempt.cause)
        .maybe(&attempt.handed_to)
        .maybe(&attempt.recording)
}

fn bind_leg<'q>(to: Statement<'q>, (of, place, leg): &(&AttemptRecord, u64, &LegRecord)) -> Statement<'q> {
    to.with(&of.job)
        .with(&of.n)
        .with(place)
        .with(&leg.id)
        .with(&leg.role)
        .with(&leg.who)
        .with(&leg.intended)
        .with(&leg.ring)
        .maybe(&leg.answered)
        .maybe(&leg.ended)
        .with(&leg.cause)
        .maybe(&leg.phone)
}

/// Columns of an attempt and of one of its legs, for [`attempts`].
pub fn attempts_with_legs() -> String {
    format!(
        "SELECT {}, {} FROM attempts LEFT JOIN legs ON legs.job = attempts.job AND legs.attempt = attempts.n",
        ATTEMPTS.list(),
        LEGS.list()
    )
}

/// The order that [`attempts`] needs.
pub const BY_ATTEMPT_AND_LEG: &str = " ORDER BY attempts.job, attempts.n, legs.place";

/// Reads attempts out of rows of [`attempts_with_legs`], which follow each other leg by leg.
pub fn attempts(rows: &[SqliteRow]) -> Result<Vec<AttemptRecord>, Error> {
    let mut attempts: Vec<AttemptRecord> = Vec::new();
    for row in rows {
        let next = attempt(row)?;
        if attempts.last().is_none_or(|last| (last.job, last.n) != (next.job, next.n)) {
            attempts.push(next);
        }
        if let (Some(leg), Some(last)) = (leg(row)?, attempts.last_mut()) {
            last.legs.push(leg);
        }
    }
    Ok(attempts)
}

fn attempt(row: &SqliteRow) -> Result<AttemptRecord, Error> {
    let mut fields = Fields::from(row, 0);
    Ok(AttemptRecord {
        job: fields.get()?,
        n: fields.get()?,
        switch: fields.get()?,
        started: fields.get()?,
        operator: fields.maybe()?,
        legs: Vec::new(),
        took: fields.maybe()?,
        joined: fields.maybe()?,
        ended: fields.maybe()?,
        outcome: fields.maybe()?,
        cause: fields.get()?,
        handed_to: fields.maybe()?,
        recording: fields.maybe()?,
    })
}

/// The leg of a joined row, which has none when the attempt has none.
fn leg(row: &SqliteRow) -> Result<Option<LegRecord>, Error> {
    let mut fields = Fields::from(row, ATTEMPTS.width() + LEGS.key);
    let Some(id) = fields.maybe()? else { return Ok(None) };
    Ok(Some(LegRecord {
        id,
        role: fields.get()?,
        who: fields.get()?,
        intended: fields.get()?,
        ring: fields.get()?,
        answered: fields.maybe()?,
        ended: fields.maybe()?,
        cause: fields.get()?,
        phone: fields.maybe()?,
    }))
}

fn bind_operator<'q>(to: Statement<'q>, operator: &&OperatorRecord) -> Statement<'q> {
    to.with(&operator.name)
        .with(&operator.ready)
        .with(&operator.since)
        .maybe(&operator.last_talk)
        .with(&operator.talks)
        .with(&operator.talk_time)
        .maybe(&operator.offered)
        .with(&operator.why)
        .maybe(&operator.pause)
}

/// Reads an operator's state.
pub fn operator(row: &SqliteRow) -> Result<OperatorRecord, Error> {
    let mut fields = Fields::from(row, 0);
    Ok(OperatorRecord {
        name: fields.get()?,
        ready: fields.get()?,
        since: fields.get()?,
        last_talk: fields.maybe()?,
        talks: fields.get()?,
        talk_time: fields.get()?,
        offered: fields.maybe()?,
        why: fields.get()?,
        pause: fields.maybe()?,
    })
}

/// Reads who talked with a client: the number, the time, the operator.
pub fn last_talk(row: &SqliteRow) -> Result<LastTalk, Error> {
    let mut fields = Fields::from(row, 0);
    Ok(LastTalk { number: fields.get()?, at: fields.get()?, operator: fields.get()? })
}
