//! What is not to be kept: one client's, or what is too old.

use super::column::{Column, Statement};
use crate::{
    engine::{
        forget::{MOST_AT_ONCE, Prune},
        number::Number,
        paper::PaperKind,
        record::{ChannelId, Job, LiveId},
        time::Wall,
    },
    store::Old,
};
use sqlx::{AssertSqlSafe, Error, SqliteConnection, query, query_scalar};

/// Calls that ended before $1 and whose callback, if any, was closed before it.
const OLD_CALLS: &str = "calls LEFT JOIN callbacks ON callbacks.id = calls.callback WHERE calls.arrived < $1 AND calls.ended < $1 \
    AND (calls.callback IS NULL OR (callbacks.state = 'closed' AND callbacks.closed < $1))";
/// Callbacks that were closed before $1. The newest stays: the next one's id is counted from it, and none is given twice.
const OLD_CALLBACKS: &str = "callbacks WHERE callbacks.state = 'closed' AND callbacks.closed < $1 \
    AND callbacks.id < (SELECT max(id) FROM callbacks)";
/// Papers of kind $2 before $1.
const OLD_PAPERS: &str = "papers WHERE papers.at < $1 AND papers.kind = $2";
/// … that are chats of which no message is as young.
const WITHOUT_MESSAGES: &str = " AND NOT EXISTS (SELECT 1 FROM papers AS message WHERE message.kind = 'message' \
    AND message.about <> '' AND message.about = papers.id AND message.at >= $1)";

async fn run(to: &mut SqliteConnection, statement: Statement<'_>) -> Result<(), Error> {
    statement.0.execute(to).await.map(drop)
}

fn sql<'q>(text: impl Into<String>) -> Statement<'q> {
    Statement(query(AssertSqlSafe(text.into())))
}

/// The attempts for a caller of the queue.
fn live(call: &str) -> Job {
    Job::Live(LiveId::of(&ChannelId::new(call)))
}

/// Forgets a client.
pub async fn client(to: &mut SqliteConnection, number: Number) -> Result<(), Error> {
    let calls: Vec<String> = query_scalar("SELECT id FROM calls WHERE number = $1 AND ended IS NOT NULL")
        .bind(number.raw())
        .fetch_all(&mut *to)
        .await?;
    for call in calls {
        run(to, sql("UPDATE attempts SET recording = NULL WHERE job = $1").with(&live(&call))).await?;
    }
    for text in [
        "UPDATE attempts SET recording = NULL WHERE callback IN (SELECT id FROM callbacks WHERE number = $1 AND state = 'closed')",
        "UPDATE calls SET number = NULL, name = '', page = '', tags = '', voicemail = NULL, recording = NULL, \
            known_by = CASE known_by WHEN 'guess' THEN 'event' ELSE known_by END WHERE number = $1 AND ended IS NOT NULL",
        "DELETE FROM papers WHERE kind IN ('message', 'picture') AND about <> '' AND about IN (SELECT id FROM papers WHERE kind = 'chat' AND about = $1)",
        "DELETE FROM papers WHERE about <> '' AND about = $1",
        "DELETE FROM papers WHERE kind = 'outgoing' AND instr(body, $1) > 0",
    ] {
        run(to, sql(text).with(&number)).await?;
    }
    let forgotten =
        "UPDATE callbacks SET number = $2, name = '', page = '', tags = '' WHERE number = $1 AND state = 'closed'";
    run(to, sql(forgotten).with(&number).with(&Number::FORGOTTEN)).await
}

/// Removes what is too old, as much as goes at once.
pub async fn old(to: &mut SqliteConnection, prune: &Prune) -> Result<(), Error> {
    if let Some(before) = prune.journal {
        old_journal(to, before).await?;
    }
    for (kind, before, rest) in kinds(prune) {
        let which = format!("SELECT id FROM {OLD_PAPERS}{rest} ORDER BY papers.at, papers.id LIMIT {MOST_AT_ONCE}");
        let text = format!("DELETE FROM papers WHERE kind = $2 AND id IN ({which})");
        run(to, sql(text).with(&before).with(&kind)).await?;
    }
    Ok(())
}

async fn old_journal(to: &mut SqliteConnection, before: Wall) -> Result<(), Error> {
    let which = format!("SELECT calls.id FROM {OLD_CALLS} ORDER BY calls.arrived, calls.id LIMIT {MOST_AT_ONCE}");
    let calls: Vec<String> = query_scalar(AssertSqlSafe(which)).bind(before.raw()).fetch_all(&mut *to).await?;
    for call in calls {
        attempts(to, live(&call)).await?;
        run(to, sql("DELETE FROM calls WHERE id = $1").with(&ChannelId::new(&call))).await?;
    }
    let unnamed = "NOT EXISTS (SELECT 1 FROM calls WHERE calls.callback = callbacks.id)";
    let which = format!("SELECT id FROM {OLD_CALLBACKS} AND {unnamed} ORDER BY id LIMIT {MOST_AT_ONCE}");
    let callbacks: Vec<i64> = query_scalar(AssertSqlSafe(which)).bind(before.raw()).fetch_all(&mut *to).await?;
    for callback in callbacks {
        attempts(to, Job::of_key(callback)).await?;
        run(to, sql("DELETE FROM callbacks WHERE id = $1").with(&Job::of_key(callback))).await?;
    }
    Ok(())
}

async fn attempts(to: &mut SqliteConnection, job: Job) -> Result<(), Error> {
    run(to, sql("DELETE FROM legs WHERE job = $1").with(&job)).await?;
    run(to, sql("DELETE FROM attempts WHERE job = $1").with(&job)).await
}

/// The kinds of papers that are to go, with the time and a further condition; messages before their chats.
fn kinds(prune: &Prune) -> impl Iterator<Item = (PaperKind, Wall, &'static str)> {
    [
        (PaperKind::Request, prune.requests, ""),
        (PaperKind::Note, prune.notes, ""),
        (PaperKind::Message, prune.chats, ""),
        (PaperKind::Picture, prune.chats, ""),
        (PaperKind::Chat, prune.chats, WITHOUT_MESSAGES),
    ]
    .into_iter()
    .filter_map(|(kind, before, rest)| Some((kind, before?, rest)))
}

/// How much is too old.
pub async fn how_old(from: &mut SqliteConnection, prune: &Prune) -> Result<Old, Error> {
    let mut found = Old::default();
    if let Some(before) = prune.journal {
        let young = "NOT EXISTS (SELECT 1 FROM calls WHERE calls.callback = callbacks.id \
            AND (calls.ended IS NULL OR calls.ended >= $1 OR calls.arrived >= $1))";
        let count =
            |what: String| query_scalar(AssertSqlSafe(format!("SELECT count(*) FROM {what}"))).bind(before.raw());
        found.calls = count(OLD_CALLS.to_owned()).fetch_one(&mut *from).await?;
        found.callbacks = count(format!("{OLD_CALLBACKS} AND {young}")).fetch_one(&mut *from).await?;
    }
    for (kind, before, rest) in kinds(prune) {
        let text = format!("SELECT count(*) FROM {OLD_PAPERS}{rest}");
        let count = query_scalar::<_, u64>(AssertSqlSafe(text)).bind(before.raw()).bind(kind.raw());
        *found.of(kind) += count.fetch_one(&mut *from).await?;
    }
    Ok(found)
}
