//! The store in a SQLite file, the default: write-ahead log, every commit flushed to the disk before it counts.
//!
//! One task writes (`writer.rs`); questions are answered beside it by connections of their own, from whole commits alone.
//! Statements are such as PostgreSQL knows too.

mod column;
pub mod copy;
mod forget;
mod questions;
mod rows;
mod schema;
mod writer;

use super::{
    Answer, CallbackFilter, CallbackStory, JournalQuery, JournalRow, Known, Old, PaperQuery, Store, StoreError,
    StoryQuery, lock::Lock,
};
use crate::engine::{
    forget::Prune,
    number::Number,
    paper::Paper,
    record::{BlockRecord, CallbackId, CallbackRecord, ChannelId, Snapshot, Write},
    time::{Span, Wall},
};
use schema::Birth;
use sqlx::{
    ConnectOptions, Connection, SqlitePool, Transaction,
    sqlite::{Sqlite as Database, SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};
use uuid::Uuid;
use writer::Writer;

/// How long another program's lock on the file is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many questions are answered at once.
const READERS: u32 = 4;
/// To how many bytes the log is cut back after it grew beyond them (it grows while a backup is made).
const LONGEST_LOG: &str = "67108864";
/// One page of the smallest size, in bytes: no database is shorter, but for an empty one.
const SMALLEST_DATABASE: u64 = 512;

/// A store in a SQLite file.
#[derive(Debug)]
pub struct Sqlite {
    file: PathBuf,
    /// `None`: it was opened to be read alone.
    writer: Option<Writer>,
    readers: SqlitePool,
}

impl Sqlite {
    /// Opens the store in this file, or makes one that is born now; its folder must be there. A file of up to
    /// half a gigabyte is checked from end to end. Of two processes the second is told who has it ([`StoreError::Locked`]).
    pub async fn open(file: &Path, now: Wall) -> Result<Sqlite, StoreError> {
        Sqlite::open_or_make(file, Birth { seed: random(), born: now }, now).await
    }

    async fn open_or_make(file: &Path, birth: Birth, now: Wall) -> Result<Sqlite, StoreError> {
        let file = resolve(file).map_err(|error| StoreError::of_system(file, error))?;
        let lock = Lock::take(&file, now)?;
        reserve(&file)?;
        let trouble = |error| StoreError::of_sqlite(&file, error);
        let options = options(&file);
        let mut connection = options.connect().await.map_err(trouble)?;
        let prepared = schema::prepare(&mut connection, &file, birth).await;
        connection.close().await.map_err(trouble)?;
        prepared?;
        let readers = readers(&options);
        let writer = Some(Writer::start(options, lock)?);
        Ok(Sqlite { file, writer, readers })
    }

    /// Opens the store in this file to be read alone, whoever else has it. It must be there, of this version.
    pub async fn look(file: &Path) -> Result<Sqlite, StoreError> {
        let file = fs::canonicalize(file).map_err(|error| StoreError::of_system(file, error))?;
        let options = options(&file).pragma("query_only", "ON");
        let trouble = |error| StoreError::of_sqlite(&file, error);
        let mut connection = options.connect().await.map_err(trouble)?;
        let known = schema::is_current(&mut connection, &file).await;
        connection.close().await.map_err(trouble)?;
        known?;
        Ok(Sqlite { writer: None, readers: readers(&options), file })
    }

    /// Takes a view of the store that no commit changes.
    async fn view(&self) -> Result<Transaction<'static, Database>, StoreError> {
        self.readers.begin().await.map_err(|error| self.trouble(error))
    }

    fn trouble(&self, error: sqlx::Error) -> StoreError {
        StoreError::of_sqlite(&self.file, error)
    }
}

fn readers(options: &SqliteConnectOptions) -> SqlitePool {
    SqlitePoolOptions::new()
        .max_connections(READERS)
        .test_before_acquire(false)
        .connect_lazy_with(options.clone().pragma("query_only", "ON"))
}

#[expect(clippy::disallowed_methods, reason = "a store is given its randomness once, here; all else is hashed from it")]
fn random() -> u64 {
    let (high, low) = Uuid::new_v4().as_u64_pair();
    high.rotate_left(32) ^ low // neither half alone is random in every bit
}

/// The same file by one name, so that two ways to it meet the same lock.
fn resolve(file: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        found => return found,
    }
    let file = std::path::absolute(file)?;
    let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it names a folder, not a file"));
    };
    Ok(fs::canonicalize(folder)?.join(name))
}

/// Makes the file if there is none, for our user's eyes alone: it holds telephone numbers.
fn reserve(file: &Path) -> Result<(), StoreError> {
    let opened = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(file);
    match opened.and_then(|file| file.metadata()).map_err(|error| StoreError::of_system(file, error))?.len() {
        // SQLite would take such a stump for an empty database and write over it.
        length @ 1..SMALLEST_DATABASE => {
            Err(StoreError::Corrupt { path: file.display().to_string(), what: format!("it is {length} bytes long") })
        }
        _ => Ok(()),
    }
}

fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .pragma("journal_size_limit", LONGEST_LOG)
        // What is removed is written over, so that nobody finds it in the file.
        .pragma("secure_delete", "ON")
        .disable_statement_logging()
}

impl Store for Sqlite {
    fn commit<'a>(&'a self, writes: &'a [Write]) -> Answer<'a, ()> {
        Box::pin(async move {
            match &self.writer {
                Some(writer) => writer.commit(writes).await,
                None => Err(StoreError::Closed),
            }
        })
    }

    fn load(&self, now: Wall, calls: Option<Span>) -> Answer<'_, Snapshot> {
        Box::pin(async move {
            let mut view = self.view().await?;
            questions::load(&mut view, now, calls).await.map_err(|error| self.trouble(error))
        })
    }

    fn journal<'a>(&'a self, query: &'a JournalQuery) -> Answer<'a, Vec<JournalRow>> {
        Box::pin(async move {
            let mut view = self.view().await?;
            questions::journal(&mut view, query).await.map_err(|error| self.trouble(error))
        })
    }

    fn callback(&self, id: CallbackId) -> Answer<'_, Option<CallbackStory>> {
        Box::pin(async move {
            let mut view = self.view().await?;
            questions::callback(&mut view, id).await.map_err(|error| self.trouble(error))
        })
    }

    fn stories<'a>(&'a self, query: &'a StoryQuery) -> Answer<'a, Vec<CallbackStory>> {
        Box::pin(async move {
            let mut view = self.view().await?;
            questions::stories(&mut view, query).await.map_err(|error| self.trouble(error))
        })
    }

    fn callbacks<'a>(&'a self, filter: &'a CallbackFilter) -> Answer<'a, Vec<CallbackRecord>> {
        Box::pin(async move {
            let mut view = self.view().await?;
            questions::callbacks(&mut view, filter).await.map_err(|error| self.trouble(error))
        })
    }

    fn blocked(&self) -> Answer<'_, Vec<BlockRecord>> {
        Box::pin(async move {
            let mut view = self.view().await?;
            questions::blocked(&mut view).await.map_err(|error| self.trouble(error))
        })
    }

    fn block(&self, number: Number) -> Answer<'_, Option<BlockRecord>> {
        Box::pin(async move {
            let mut view = self.view().await?;
            questions::block(&mut view, number).await.map_err(|error| self.trouble(error))
        })
    }

    fn papers<'a>(&'a self, query: &'a PaperQuery) -> Answer<'a, Vec<Paper>> {
        Box::pin(async move {
            let mut view = self.view().await?;
            questions::papers(&mut view, query).await.map_err(|error| self.trouble(error))
        })
    }

    fn old<'a>(&'a self, prune: &'a Prune) -> Answer<'a, Old> {
        Box::pin(async move {
            let mut view = self.view().await?;
            forget::how_old(&mut view, prune).await.map_err(|error| self.trouble(error))
        })
    }

    fn call_known<'a>(&'a self, id: &'a ChannelId) -> Answer<'a, Known> {
        Box::pin(async move {
            let mut view = self.view().await?;
            questions::call_known(&mut view, id).await.map_err(|error| self.trouble(error))
        })
    }

    fn backup<'a>(&'a self, file: &'a Path) -> Answer<'a, ()> {
        Box::pin(copy::of_file(options(&self.file), file))
    }

    fn close(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            self.readers.close().await;
            match &self.writer {
                Some(writer) => writer.close().await,
                None => Ok(()),
            }
        })
    }
}
