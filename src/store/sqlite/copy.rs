//! Backups: a whole copy of a store in one new SQLite file.
//!
//! The copy is made under another name; when it is whole and flushed it gets its own. So a file that has the name of a
//! backup is one.

use super::{Sqlite, random, schema::Birth};
use crate::{
    engine::record::Write,
    store::{Memory, Store, StoreError},
};
use sqlx::{ConnectOptions, Connection, query, sqlite::SqliteConnectOptions};
use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Copies the store that these options open, as it is now; it may be written meanwhile.
pub async fn of_file(from: SqliteConnectOptions, file: &Path) -> Result<(), StoreError> {
    let partial = Partial::beside(file)?;
    let trouble = |error| StoreError::of_sqlite(file, error);
    let name = partial.name.to_str().ok_or_else(|| {
        StoreError::of_system(file, io::Error::new(io::ErrorKind::InvalidFilename, "its name is not UTF-8"))
    })?;
    let mut connection = from.connect().await.map_err(trouble)?;
    let copied = query("VACUUM INTO $1").bind(name.to_owned()).execute(&mut connection).await;
    let closed = connection.close().await;
    copied.map_err(trouble)?;
    closed.map_err(trouble)?;
    partial.put_in_place(file)
}

/// Writes down a store in memory.
pub async fn of_memory(memory: Memory, file: &Path) -> Result<(), StoreError> {
    let partial = Partial::beside(file)?;
    let (seed, born) = memory.birth();
    let copy = Sqlite::open_or_make(&partial.name, Birth { seed, born }, born).await?;
    let rows: Vec<Write> = memory.rows().collect();
    let written = copy.commit(&rows).await;
    copy.close().await?;
    written?;
    partial.put_in_place(file)
}

/// A copy in the making; dropped, it is gone.
struct Partial {
    name: PathBuf,
}

impl Partial {
    fn beside(file: &Path) -> Result<Partial, StoreError> {
        let trouble = |error| StoreError::of_system(file, error);
        if fs::exists(file).map_err(trouble)? {
            return Err(StoreError::Taken { path: file.display().to_string() });
        }
        let mut name = std::path::absolute(file).map_err(trouble)?.into_os_string();
        name.push(format!(".{:016x}.partial", random()));
        let name = PathBuf::from(name);
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&name).map_err(trouble)?;
        Ok(Partial { name })
    }

    fn put_in_place(self, file: &Path) -> Result<(), StoreError> {
        self.rename(file).map_err(|error| StoreError::of_system(file, error))
    }

    fn rename(&self, file: &Path) -> io::Result<()> {
        File::open(&self.name)?.sync_all()?;
        fs::rename(&self.name, file)?;
        match self.name.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        for end in ["", "-journal", "-wal", "-shm", ".lock"] {
            let mut name = self.name.clone().into_os_string();
            name.push(end);
            let _ = fs::remove_file(name); // most of them are not there
        }
    }
}
