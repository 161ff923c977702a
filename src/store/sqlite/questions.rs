//! What a store is asked.

use super::{
    column::{Column, Fields},
    rows::{self, BLOCKED, BY_ATTEMPT_AND_LEG, CALLBACKS, CALLS, OPERATORS, PAPERS, SPENT},
};
use crate::{
    engine::{
        number::Number,
        paper::Paper,
        record::{
            BlockRecord, CallRecord, CallbackId, CallbackRecord, ChannelId, Dial, KnownBy, LastCall, LastTalk, Outcome,
            Snapshot, Try,
        },
        retry::REMEMBERED,
        time::{Span, Wall},
    },
    store::{
        CallbackFilter, CallbackStory, GUESS_STANDS, JournalQuery, JournalRow, Known, LAST_CALLS_FROM, LAST_TALKS_FROM,
        MOST_DIALS, Mark, PaperQuery, Place, RowStatus, StoryQuery, Subject, TRIES_FROM,
    },
};
use sqlx::{Error, QueryBuilder, Sqlite, SqliteConnection, query, query_scalar, sqlite::SqliteRow};
use std::iter;

/// What is still open.
pub async fn load(from: &mut SqliteConnection, now: Wall, calls: Option<Span>) -> Result<Snapshot, Error> {
    let about =
        query("SELECT seed, born, paused, (SELECT coalesce(max(id), 0) FROM callbacks) FROM store WHERE id = 1")
            .fetch_one(&mut *from)
            .await?;
    let mut about = Fields::from(&about, 0);
    Ok(Snapshot {
        seed: about.get()?,
        born: about.get()?,
        paused: about.get()?,
        last_callback: about.get()?,
        calls: calls_to_finish(from, now).await?,
        callbacks: {
            let mut sql = select(&CALLBACKS.list(), "callbacks");
            let rows = sql.push(" WHERE state <> 'closed' ORDER BY id").build().fetch_all(&mut *from).await?;
            rows.iter().map(|row| rows::callback(row, 0)).collect::<Result<_, _>>()?
        },
        attempts: {
            let mut sql = QueryBuilder::<Sqlite>::new(rows::attempts_with_legs());
            sql.push(" WHERE attempts.ended IS NULL").push(BY_ATTEMPT_AND_LEG);
            rows::attempts(&sql.build().fetch_all(&mut *from).await?)?
        },
        operators: {
            let mut sql = select(&OPERATORS.list(), "operators");
            let rows = sql.push(" ORDER BY name").build().fetch_all(&mut *from).await?;
            rows.iter().map(rows::operator).collect::<Result<_, _>>()?
        },
        last_talks: last_talks(from).await?,
        dials: dials(from, now).await?,
        blocked: blocked(from).await?,
        last_calls: match calls {
            Some(within) => last_calls(from, now - within).await?,
            None => Vec::new(),
        },
        tries: tries(from).await?,
        paused_lists: query_scalar("SELECT list FROM lists WHERE paused ORDER BY list").fetch_all(&mut *from).await?,
        spent: {
            let mut sql = select(&SPENT.list(), "spent");
            let rows = sql.push(" ORDER BY trunk, month").build().fetch_all(&mut *from).await?;
            rows.iter().map(rows::spent).collect::<Result<_, _>>()?
        },
    })
}

/// Who last talked with whom, in clients' own calls and in callbacks.
async fn last_talks(from: &mut SqliteConnection) -> Result<Vec<LastTalk>, Error> {
    const CALLS: &str = "SELECT number, served, operator FROM \
        (SELECT number, served, operator FROM calls ORDER BY arrived DESC, id DESC LIMIT $1) \
        WHERE number IS NOT NULL AND served IS NOT NULL AND operator IS NOT NULL";
    const ATTEMPTS: &str = "SELECT callbacks.number, a.joined, a.operator FROM \
        (SELECT callback, joined, operator FROM attempts WHERE job >= 0 ORDER BY job DESC, n DESC LIMIT $1) AS a \
        JOIN callbacks ON callbacks.id = a.callback WHERE a.joined IS NOT NULL AND a.operator IS NOT NULL";
    let mut talks = Vec::new();
    for sql in [CALLS, ATTEMPTS] {
        let rows = query(sql).bind(LAST_TALKS_FROM as i64).fetch_all(&mut *from).await?;
        talks.extend(rows.iter().map(rows::last_talk).collect::<Result<Vec<_>, _>>()?);
    }
    Ok(LastTalk::of_each(talks))
}

/// Numbers that are never dialled.
pub async fn blocked(from: &mut SqliteConnection) -> Result<Vec<BlockRecord>, Error> {
    let rows = select(&BLOCKED.list(), "blocked").build().fetch_all(from).await?;
    let mut blocked = rows.iter().map(rows::block).collect::<Result<Vec<_>, Error>>()?;
    blocked.sort_unstable_by_key(|block| block.number); // as text they would stand in another order
    Ok(blocked)
}

/// Whether and why this number is never dialled.
pub async fn block(from: &mut SqliteConnection, number: Number) -> Result<Option<BlockRecord>, Error> {
    let mut sql = select(&BLOCKED.list(), "blocked");
    let row = sql.push(" WHERE number = ").push_bind(number.raw()).build().fetch_optional(from).await?;
    row.as_ref().map(rows::block).transpose()
}

/// When each client last called each line since then.
async fn last_calls(from: &mut SqliteConnection, since: Wall) -> Result<Vec<LastCall>, Error> {
    let sql = "SELECT number, line, max(arrived) FROM \
        (SELECT number, line, arrived FROM calls WHERE arrived > $1 ORDER BY arrived DESC, id DESC LIMIT $2) \
        WHERE number IS NOT NULL GROUP BY number, line ORDER BY number, line";
    let rows = query(sql).bind(since.raw()).bind(LAST_CALLS_FROM as i64).fetch_all(from).await?;
    let last = |row: &SqliteRow| {
        let mut fields = Fields::from(row, 0);
        Ok(LastCall { number: fields.get()?, line: fields.get()?, at: fields.get()? })
    };
    let mut calls = rows.iter().map(last).collect::<Result<Vec<LastCall>, Error>>()?;
    calls.sort();
    Ok(calls)
}

/// Calls without an end, or with one that was guessed of late. Two questions, since each has an index of its own.
async fn calls_to_finish(from: &mut SqliteConnection, now: Wall) -> Result<Vec<CallRecord>, Error> {
    let mut alive = select(&CALLS.list(), "calls");
    let mut rows = alive.push(" WHERE ended IS NULL").build().fetch_all(&mut *from).await?;
    let mut guessed = select(&CALLS.list(), "calls");
    guessed.push(" WHERE known_by = 'guess' AND ended > ").push_bind((now - GUESS_STANDS).raw());
    rows.extend(guessed.build().fetch_all(&mut *from).await?);
    let mut calls = rows.iter().map(|row| rows::call(row, 0)).collect::<Result<Vec<CallRecord>, Error>>()?;
    calls.sort_by(|a, b| (a.arrived, &a.id).cmp(&(b.arrived, &b.id)));
    Ok(calls)
}

/// When clients were dialled and whether they answered.
async fn tries(from: &mut SqliteConnection) -> Result<Vec<Try>, Error> {
    let sql = "SELECT callbacks.line, min(legs.intended), a.outcome FROM \
        (SELECT job, callback, n, outcome FROM attempts WHERE job >= 0 ORDER BY job DESC, n DESC LIMIT $1) AS a \
        JOIN callbacks ON callbacks.id = a.callback \
        JOIN legs ON legs.job = a.job AND legs.attempt = a.n AND legs.role = 'client' \
        WHERE a.outcome IN ('talked', 'no-answer', 'machine') GROUP BY a.job, a.n";
    let rows = query(sql).bind(TRIES_FROM as i64).fetch_all(from).await?;
    let one = |row: &SqliteRow| {
        let mut fields = Fields::from(row, 0);
        let (line, at, outcome) = (fields.get()?, fields.get()?, fields.get::<Outcome>()?);
        Ok(Try { line, at, answered: outcome == Outcome::Talked })
    };
    let mut tries = rows.iter().map(one).collect::<Result<Vec<Try>, Error>>()?;
    tries.sort();
    Ok(tries)
}

/// Dials of the last days, of each attempt the first.
async fn dials(from: &mut SqliteConnection, now: Wall) -> Result<Vec<Dial>, Error> {
    let sql = "SELECT min(legs.intended) AS at, callbacks.number FROM legs \
        JOIN attempts ON attempts.job = legs.job AND attempts.n = legs.attempt \
        JOIN callbacks ON callbacks.id = legs.job \
        WHERE legs.role = 'client' AND legs.intended > $1 AND attempts.ended IS NOT NULL \
        AND (attempts.outcome IS NULL OR attempts.outcome <> 'network' OR legs.answered IS NOT NULL) \
        GROUP BY legs.job, legs.attempt, callbacks.number ORDER BY at DESC, callbacks.number DESC LIMIT $2";
    let rows = query(sql).bind((now - REMEMBERED).raw()).bind(MOST_DIALS as i64).fetch_all(from).await?;
    let dial = |row: &SqliteRow| {
        let mut fields = Fields::from(row, 0);
        Ok(Dial { at: fields.get()?, number: fields.get()? })
    };
    let mut dials = rows.iter().map(dial).collect::<Result<Vec<Dial>, Error>>()?;
    dials.sort();
    Ok(dials)
}

/// Who last talked with the client of the callback.
const REACHED_BY: &str = "(SELECT a.operator FROM attempts AS a WHERE a.job = callbacks.id AND a.joined IS NOT NULL \
    ORDER BY a.n DESC LIMIT 1)";
/// Has the operator `$o` a part in the callback?
const OF_ATTEMPT: &str =
    "EXISTS (SELECT 1 FROM attempts AS a WHERE a.job = callbacks.id AND $o IN (a.operator, a.handed_to))";

/// The journal.
pub async fn journal(from: &mut SqliteConnection, query: &JournalQuery) -> Result<Vec<JournalRow>, Error> {
    let mut rows = journal_of_calls(from, query).await?;
    rows.extend(journal_of_wishes(from, query).await?);
    rows.sort_by_cached_key(JournalRow::place);
    query.cut(&mut rows);
    Ok(rows)
}

async fn journal_of_calls(from: &mut SqliteConnection, query: &JournalQuery) -> Result<Vec<JournalRow>, Error> {
    let columns = format!("{}, {}, {REACHED_BY}", CALLS.list(), CALLBACKS.list());
    let mut sql = select(&columns, "calls LEFT JOIN callbacks ON callbacks.id = calls.callback");
    sql.push(" WHERE true");
    narrow(&mut sql, query, "calls", "calls.arrived");
    // Of one millisecond, calls come before callbacks.
    for (place, than, all_of_it) in [(&query.after, ">", ">"), (&query.before, "<", "<=")] {
        match place {
            Some(Place { at, of: Subject::Call(id) }) => sql
                .push(format!(" AND (calls.arrived, calls.id) {than} ("))
                .push_bind(at.raw())
                .push(", ")
                .push_bind(id.raw())
                .push(")"),
            Some(Place { at, of: Subject::Callback(_) }) => {
                sql.push(format!(" AND calls.arrived {all_of_it} ")).push_bind(at.raw())
            }
            None => &mut sql,
        };
    }
    limit(&mut sql, query, "calls.arrived", "calls.id");
    let row = |row: &SqliteRow| {
        let call = rows::call(row, 0)?;
        let callback = call.callback.map(|_| rows::callback(row, CALLS.width())).transpose()?;
        Ok(JournalRow { call: Some(call), callback, reached_by: rows::name(row, CALLS.width() + CALLBACKS.width())? })
    };
    sql.build().fetch_all(from).await?.iter().map(row).collect()
}

async fn journal_of_wishes(from: &mut SqliteConnection, query: &JournalQuery) -> Result<Vec<JournalRow>, Error> {
    let mut sql = select(&format!("{}, {REACHED_BY}", CALLBACKS.list()), "callbacks");
    sql.push(" WHERE origin <> 'missed'");
    narrow(&mut sql, query, "callbacks", "opened");
    for (place, than, all_of_it) in [(&query.after, ">", ">="), (&query.before, "<", "<")] {
        match place {
            Some(Place { at, of: Subject::Call(_) }) => {
                sql.push(format!(" AND opened {all_of_it} ")).push_bind(at.raw())
            }
            Some(Place { at, of: Subject::Callback(id) }) => sql
                .push(format!(" AND (opened, id) {than} ("))
                .push_bind(at.raw())
                .push(", ")
                .push_bind(id.raw())
                .push(")"),
            None => &mut sql,
        };
    }
    limit(&mut sql, query, "opened", "id");
    let row = |row: &SqliteRow| {
        let callback = Some(rows::callback(row, 0)?);
        Ok(JournalRow { call: None, callback, reached_by: rows::name(row, CALLBACKS.width())? })
    };
    sql.build().fetch_all(from).await?.iter().map(row).collect()
}

fn narrow(sql: &mut QueryBuilder<Sqlite>, query: &JournalQuery, table: &str, time: &str) {
    if let Some(since) = query.since {
        sql.push(format!(" AND {time} >= ")).push_bind(since.raw());
    }
    if let Some(until) = query.until {
        sql.push(format!(" AND {time} < ")).push_bind(until.raw());
    }
    if let Some(number) = query.number {
        sql.push(format!(" AND {table}.number = ")).push_bind(number.raw());
    }
    if let Some(line) = &query.line {
        sql.push(format!(" AND {table}.line = ")).push_bind(line.raw());
    }
    let is_call = table == "calls";
    let group = if is_call { "coalesce(calls.queue_group, '')" } else { "''" };
    let own = |column: &str| format!("{table}.{column}");
    for (mark, column) in
        [(&query.group, group.to_owned()), (&query.source, own("source")), (&query.campaign, own("campaign"))]
    {
        if let Some(mark) = mark {
            marked(sql, mark, &column, &own("line"));
        }
    }
    if let Some(operator) = &query.operator {
        let of_call = if is_call { "$o IN (calls.operator, calls.handed_to) OR " } else { "" };
        for (n, part) in format!(" AND coalesce({of_call}{OF_ATTEMPT}, false)").split("$o").enumerate() {
            if n > 0 {
                sql.push_bind(operator.raw());
            }
            sql.push(part);
        }
    }
    if !query.status.is_empty() {
        let any: Vec<String> = query.status.iter().map(|status| became(*status, is_call)).collect();
        sql.push(format!(" AND ({})", any.join(" OR ")));
    }
    if let Some(redial) = query.redial {
        let own_call = "(callbacks.origin IN ('missed', 'queue') AND callbacks.origin_of = calls.id)";
        let again = if is_call { format!("NOT {own_call} OR ") } else { String::new() };
        let wanted = if redial { "" } else { "NOT " };
        sql.push(format!(" AND {wanted}coalesce({again}callbacks.attempts > 0, false)"));
    }
}

/// The word itself, or none where the line has it.
fn marked(sql: &mut QueryBuilder<Sqlite>, mark: &Mark, column: &str, line: &str) {
    sql.push(format!(" AND ({column} = ")).push_bind(mark.word.clone());
    sql.push(format!(" OR ({column} = '' AND {line} IN ("));
    let mut lines = sql.separated(", ");
    for name in &mark.lines {
        lines.push_bind(name.raw());
    }
    sql.push(")))");
}

/// [`RowStatus`] as the database tells it.
fn became(status: RowStatus, is_call: bool) -> String {
    let reached = "callbacks.reason IN ('talked', 'client-called', 'operator-called')";
    let miss = if is_call { "calls.ended IS NOT NULL AND calls.missed IS 1 AND " } else { "" };
    match status {
        RowStatus::Pending => format!("({miss}callbacks.state <> 'closed')"),
        RowStatus::Recovered => format!("({miss}callbacks.state = 'closed' AND {reached})"),
        RowStatus::Lost => {
            format!("({miss}(callbacks.id IS NULL OR (callbacks.state = 'closed' AND NOT {reached})))")
        }
        _ if !is_call => "false".to_owned(),
        RowStatus::Live => "calls.ended IS NULL".to_owned(),
        RowStatus::Served => {
            "(calls.ended IS NOT NULL AND calls.missed IS NOT 1 AND calls.served IS NOT NULL)".to_owned()
        }
        RowStatus::Unserved => {
            "(calls.ended IS NOT NULL AND calls.missed IS NOT 1 AND calls.served IS NULL)".to_owned()
        }
    }
}

/// The end of a question for the journal: which of its rows, when there are more than are asked for.
fn limit(sql: &mut QueryBuilder<Sqlite>, query: &JournalQuery, time: &str, id: &str) {
    let way = if query.after.is_some() { "ASC" } else { "DESC" };
    sql.push(format!(" ORDER BY {time} {way}, {id} {way} LIMIT ")).push_bind(query.limit() as i64);
}

/// One callback with its attempts.
pub async fn callback(from: &mut SqliteConnection, id: CallbackId) -> Result<Option<CallbackStory>, Error> {
    let mut sql = select(&CALLBACKS.list(), "callbacks");
    let row = sql.push(" WHERE id = ").push_bind(id.raw()).build().fetch_optional(&mut *from).await?;
    let Some(row) = row else { return Ok(None) };
    let mut sql = QueryBuilder::<Sqlite>::new(rows::attempts_with_legs());
    sql.push(" WHERE attempts.job = ").push_bind(id.raw()).push(BY_ATTEMPT_AND_LEG);
    let attempts = rows::attempts(&sql.build().fetch_all(from).await?)?;
    Ok(Some(CallbackStory { callback: rows::callback(&row, 0)?, attempts }))
}

/// Callbacks with their attempts: two questions for a page, however many they are.
pub async fn stories(from: &mut SqliteConnection, query: &StoryQuery) -> Result<Vec<CallbackStory>, Error> {
    let mut sql = select(&CALLBACKS.list(), "callbacks");
    sql.push(" WHERE true");
    page(&mut sql, query);
    let callbacks = sql.build().fetch_all(&mut *from).await?;
    let mut sql = QueryBuilder::<Sqlite>::new(rows::attempts_with_legs());
    sql.push(" WHERE attempts.job IN (SELECT id FROM callbacks WHERE true");
    page(&mut sql, query);
    sql.push(")").push(BY_ATTEMPT_AND_LEG);
    let attempts = rows::attempts(&sql.build().fetch_all(from).await?)?;
    let mut attempts = attempts.into_iter().peekable();
    let story = |row: &SqliteRow| {
        let callback = rows::callback(row, 0)?;
        // Both come by the callback's id.
        let own = iter::from_fn(|| attempts.next_if(|attempt| attempt.job == callback.id.into())).collect();
        Ok(CallbackStory { callback, attempts: own })
    };
    callbacks.iter().map(story).collect()
}

fn page(sql: &mut QueryBuilder<Sqlite>, query: &StoryQuery) {
    if let Some(since) = query.since {
        sql.push(" AND callbacks.opened >= ").push_bind(since.raw());
    }
    if let Some(until) = query.until {
        sql.push(" AND callbacks.opened < ").push_bind(until.raw());
    }
    if let Some(after) = query.after {
        sql.push(" AND callbacks.id > ").push_bind(after.raw());
    }
    sql.push(" ORDER BY callbacks.id LIMIT ").push_bind(query.limit() as i64);
}

/// Callbacks, newest last.
pub async fn callbacks(from: &mut SqliteConnection, filter: &CallbackFilter) -> Result<Vec<CallbackRecord>, Error> {
    let mut sql = select(&CALLBACKS.list(), "callbacks");
    sql.push(" WHERE true");
    if let Some(number) = filter.number {
        sql.push(" AND number = ").push_bind(number.raw());
    }
    if let Some(line) = &filter.line {
        sql.push(" AND line = ").push_bind(line.raw());
    }
    if let Some(list) = &filter.list {
        // The first condition lets the index of such callbacks be used.
        sql.push(" AND origin <> 'missed' AND origin = 'listed' AND origin_of = ").push_bind(list.clone());
    }
    if let Some(before) = filter.before {
        sql.push(" AND id < ").push_bind(before.raw());
    }
    if filter.open {
        sql.push(" AND state <> 'closed'");
    }
    for (column, word) in [("state", &filter.state), ("reason", &filter.reason)] {
        if let Some(word) = word {
            sql.push(format!(" AND {column} = ")).push_bind(word.clone());
        }
    }
    sql.push(" ORDER BY id DESC LIMIT ").push_bind(filter.limit() as i64);
    sql.build().fetch_all(from).await?.iter().rev().map(|row| rows::callback(row, 0)).collect()
}

/// Side papers, newest last.
pub async fn papers(from: &mut SqliteConnection, query: &PaperQuery) -> Result<Vec<Paper>, Error> {
    let mut sql = select(&PAPERS.list(), "papers");
    sql.push(" WHERE true");
    if let Some(kind) = query.kind {
        sql.push(" AND kind = ").push_bind(kind.raw());
    }
    if let Some(about) = &query.about {
        // The first condition lets the index of such papers be used.
        sql.push(if about.is_empty() { "" } else { " AND about <> ''" }).push(" AND about = ").push_bind(about.clone());
    }
    if let Some(id) = &query.id {
        sql.push(" AND id = ").push_bind(id.clone());
    }
    if let Some((at, id)) = &query.after {
        sql.push(" AND (at, id) > (").push_bind(at.raw()).push(", ").push_bind(id.clone()).push(")");
    }
    let way = if query.after.is_some() { "ASC" } else { "DESC" };
    sql.push(format!(" ORDER BY at {way}, id {way}, kind {way} LIMIT ")).push_bind(query.limit() as i64);
    let rows = sql.build().fetch_all(from).await?;
    let mut papers = rows.iter().map(rows::paper).collect::<Result<Vec<Paper>, Error>>()?;
    if query.after.is_none() {
        papers.reverse();
    }
    Ok(papers)
}

/// What is known of a call.
pub async fn call_known(from: &mut SqliteConnection, id: &ChannelId) -> Result<Known, Error> {
    let sql = query("SELECT ended, known_by FROM calls WHERE id = $1").bind(id.raw());
    let Some(row) = sql.fetch_optional(from).await? else { return Ok(Known::No) };
    let mut fields = Fields::from(&row, 0);
    let ended: Option<Wall> = fields.maybe()?;
    let known_by: KnownBy = fields.get()?;
    Ok(match (ended, known_by) {
        (None, _) => Known::Open,
        (Some(_), KnownBy::Guess) => Known::Guessed,
        (Some(_), KnownBy::Event | KnownBy::Cdr) => Known::Ended,
    })
}

fn select(columns: &str, from: &str) -> QueryBuilder<Sqlite> {
    QueryBuilder::new(format!("SELECT {columns} FROM {from}"))
}
