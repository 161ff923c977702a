//! The one that writes: commits which come while the disk is busy with the last one go together in one transaction, so that
//! many writers share a flush.

use super::rows;
use crate::{engine::record::Write, store::StoreError};
use sqlx::{ConnectOptions, Connection, SqliteConnection, query, sqlite::SqliteConnectOptions};
use std::{fs, io, os::unix::fs::MetadataExt, path::Path};
use tokio::sync::{mpsc, oneshot};

/// How many commits may wait; further ones wait for a place.
const MOST_WAITING: usize = 1024;
/// How many rows one transaction takes before it is closed to further commits (a commit is never split).
const ENOUGH_ROWS: usize = 4096;

/// How a commit, or the end, is told.
type Told = oneshot::Sender<Result<(), StoreError>>;

enum Job {
    Commit(Vec<Write>, Told),
    Close(Told),
}

/// Where commits are handed in.
#[derive(Debug)]
pub struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    /// Starts the task that writes with these options. `keep` is dropped when it has written its last.
    pub fn start(options: SqliteConnectOptions, keep: impl Send + 'static) -> Result<Writer, StoreError> {
        let (jobs, waiting) = mpsc::channel(MOST_WAITING);
        let identity =
            identity(options.get_filename()).map_err(|error| StoreError::of_system(options.get_filename(), error))?;
        let hand = Hand { options, identity, connection: None };
        tokio::spawn(async move {
            let closed = hand.write_until_closed(waiting).await;
            drop(keep);
            if let Some(closed) = closed {
                let _ = closed.send(Ok(()));
            }
        });
        Ok(Writer { jobs })
    }

    /// Writes these rows in one transaction.
    pub async fn commit(&self, writes: &[Write]) -> Result<(), StoreError> {
        self.ask(|told| Job::Commit(writes.to_vec(), told)).await
    }

    /// Writes what waits and ends.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.ask(Job::Close).await
    }

    async fn ask(&self, job: impl FnOnce(Told) -> Job) -> Result<(), StoreError> {
        let (told, hear) = oneshot::channel();
        self.jobs.send(job(told)).await.map_err(|_| StoreError::Closed)?;
        hear.await.unwrap_or(Err(StoreError::Closed))
    }
}

/// Which file this is, whatever its name: device and inode.
fn identity(file: &Path) -> io::Result<(u64, u64)> {
    let file = fs::metadata(file)?;
    Ok((file.dev(), file.ino()))
}

struct Hand {
    options: SqliteConnectOptions,
    identity: (u64, u64),
    connection: Option<SqliteConnection>,
}

impl Hand {
    async fn write_until_closed(mut self, mut jobs: mpsc::Receiver<Job>) -> Option<Told> {
        let mut closed = None;
        while closed.is_none() {
            let Some(job) = jobs.recv().await else { break };
            let mut batch = Vec::new();
            closed = gather(job, &mut batch, &mut jobs);
            self.write_all(batch).await;
        }
        if let Some(connection) = self.connection.take() {
            let _ = connection.close().await; // what was promised is on the disk already
        }
        closed
    }

    /// Writes all of them together. When one breaks a rule, each is written alone, so that no other suffers by it.
    async fn write_all(&mut self, batch: Vec<(Vec<Write>, Told)>) {
        let together: Vec<&Write> = batch.iter().flat_map(|(writes, _)| writes).collect();
        let result = self.write(&together).await;
        let alone = matches!(result, Err(StoreError::Refused { .. })) && batch.len() > 1;
        for (writes, told) in batch {
            let result = match alone {
                true => self.write(&writes.iter().collect::<Vec<_>>()).await,
                false => result.clone(),
            };
            let _ = told.send(result);
        }
    }

    async fn write(&mut self, writes: &[&Write]) -> Result<(), StoreError> {
        let result = self.transact(writes).await;
        if !matches!(result, Ok(()) | Err(StoreError::Refused { .. })) {
            self.connection = None; // after trouble with the disk the next commit opens the file anew
        }
        result
    }

    async fn transact(&mut self, writes: &[&Write]) -> Result<(), StoreError> {
        let file = self.options.get_filename();
        let trouble = |error| StoreError::of_sqlite(file, error);
        if identity(file).ok() != Some(self.identity) {
            let what = "the file was removed or replaced while we worked on it: restart the daemon".to_owned();
            return Err(StoreError::Corrupt { path: file.display().to_string(), what });
        }
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(self.options.connect().await.map_err(trouble)?),
        };
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(trouble)?;
        rows::put(&mut transaction, writes).await.map_err(trouble)?;
        transaction.commit().await.map_err(trouble)?;
        if writes.iter().any(|write| matches!(write, Write::Forget(_) | Write::Prune(_))) {
            // What was removed is in the log until the log is begun anew. While somebody reads that waits for the next time.
            let _ = query("PRAGMA wal_checkpoint(TRUNCATE)").execute(connection).await;
        }
        Ok(())
    }
}

/// Moves what waits already into the batch. The end, if it is among it, is given back.
fn gather(first: Job, batch: &mut Vec<(Vec<Write>, Told)>, jobs: &mut mpsc::Receiver<Job>) -> Option<Told> {
    let mut rows = 0;
    let mut next = Some(first);
    while let Some(job) = next {
        match job {
            Job::Commit(writes, told) => {
                rows += writes.len();
                batch.push((writes, told));
            }
            Job::Close(told) => return Some(told),
        }
        next = if rows < ENOUGH_ROWS { jobs.try_recv().ok() } else { None };
    }
    None
}
