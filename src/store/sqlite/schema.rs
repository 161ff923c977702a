//! The schema: whose file it is, whether it is whole, and the migrations that bring it up to date.

use crate::{engine::time::Wall, store::StoreError};
use sqlx::{
    Connection, SqlSafeStr, SqliteConnection,
    migrate::{Migrate, MigrateError, Migration, MigrationType},
    query, query_scalar,
};
use std::{cmp::Ordering, fs, path::Path};

/// "PRZV", in the header of every store.
const APPLICATION_ID: i64 = 0x5052_5a56;

/// The longest file, in bytes, that a start checks from end to end: a million calls with their callbacks. That takes a second
/// when the file is in memory and ten when it comes from a disk; of a longer one, damage is found when it is read.
pub const CHECKED_WHOLE: u64 = 512 << 20;

/// Every migration, oldest first. One that was released never changes: what is to change comes as a further one.
const MIGRATIONS: [(&str, &str); 8] = [
    ("journal", include_str!("../migrations/0001_journal.sql")),
    ("operators", include_str!("../migrations/0002_operators.sql")),
    ("dials", include_str!("../migrations/0003_dials.sql")),
    ("clients", include_str!("../migrations/0004_clients.sql")),
    ("talks", include_str!("../migrations/0005_talks.sql")),
    ("queue", include_str!("../migrations/0006_queue.sql")),
    ("papers", include_str!("../migrations/0007_papers.sql")),
    ("operators' page", include_str!("../migrations/0008_operators_page.sql")),
];
/// The number of the newest; the first is 1.
const KNOWN: i64 = MIGRATIONS.len() as i64;

/// What a store is given once, when it is made.
#[derive(Clone, Copy, Debug)]
pub struct Birth {
    /// As [`crate::engine::record::Snapshot::seed`].
    pub seed: u64,
    /// When.
    pub born: Wall,
}

/// Makes a store of an empty file, brings an older one up to date, and refuses what is not a whole store of ours before
/// anything of it was changed.
pub async fn prepare(connection: &mut SqliteConnection, file: &Path, birth: Birth) -> Result<(), StoreError> {
    let trouble = |error| StoreError::of_sqlite(file, error);
    let corrupt = |what| Err(StoreError::Corrupt { path: file.display().to_string(), what });
    if !is_ours(connection).await.map_err(trouble)? {
        return corrupt("it is a database of another program".to_owned());
    }
    if fs::metadata(file).map_err(|error| StoreError::of_system(file, error))?.len() <= CHECKED_WHOLE {
        let health: String =
            query_scalar("PRAGMA quick_check(1)").fetch_one(&mut *connection).await.map_err(trouble)?;
        if health != "ok" {
            return corrupt(health.replace('\n', " "));
        }
    }
    let mode: String = query_scalar("PRAGMA journal_mode = WAL").fetch_one(&mut *connection).await.map_err(trouble)?;
    if mode != "wal" {
        let what = "its file system cannot keep a write-ahead log (is it a network share?)".to_owned();
        return Err(StoreError::Io { path: file.display().to_string(), what });
    }
    migrate(connection, file).await?;
    give_birth(connection, birth).await.map_err(trouble)
}

/// Is it a store of ours, of just this version?
pub async fn is_current(connection: &mut SqliteConnection, file: &Path) -> Result<(), StoreError> {
    let trouble = |error| StoreError::of_sqlite(file, error);
    let path = || file.display().to_string();
    let application: i64 = query_scalar("PRAGMA application_id").fetch_one(&mut *connection).await.map_err(trouble)?;
    if application != APPLICATION_ID {
        return Err(StoreError::Corrupt { path: path(), what: "it is a database of another program".to_owned() });
    }
    let newest = "SELECT coalesce(max(version), 0) FROM _sqlx_migrations";
    let schema: i64 = query_scalar(newest).fetch_one(&mut *connection).await.map_err(trouble)?;
    match schema.cmp(&KNOWN) {
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(StoreError::Newer { path: path(), schema, known: KNOWN }),
        Ordering::Less => {
            let what = format!("its schema {schema} is older than this program's {KNOWN}: start the daemon once");
            Err(StoreError::Io { path: path(), what })
        }
    }
}

/// A store of ours, or an empty file that is to become one; one whose making was interrupted has the migrations' table alone.
async fn is_ours(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let application: i64 = query_scalar("PRAGMA application_id").fetch_one(&mut *connection).await?;
    let strangers = "SELECT count(*) FROM sqlite_schema WHERE tbl_name <> '_sqlx_migrations'";
    let strangers: i64 = query_scalar(strangers).fetch_one(&mut *connection).await?;
    Ok(application == APPLICATION_ID || (application == 0 && strangers == 0))
}

async fn migrate(connection: &mut SqliteConnection, file: &Path) -> Result<(), StoreError> {
    const TABLE: &str = "_sqlx_migrations";
    let path = || file.display().to_string();
    let trouble = |error| match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => StoreError::of_sqlite(file, error),
        other => StoreError::Io { path: path(), what: other.to_string() },
    };
    connection.ensure_migrations_table(TABLE).await.map_err(trouble)?;
    let applied = connection.list_applied_migrations(TABLE).await.map_err(trouble)?;
    if let Some(newest) = applied.last().filter(|newest| newest.version > KNOWN) {
        return Err(StoreError::Newer { path: path(), schema: newest.version, known: KNOWN });
    }
    for (version, (name, sql)) in (1..).zip(MIGRATIONS) {
        let migration = Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false);
        match applied.iter().find(|one| one.version == version) {
            None => drop(connection.apply(TABLE, &migration).await.map_err(trouble)?),
            Some(one) if one.checksum == migration.checksum => {}
            Some(_) => {
                let what = format!("its schema {version} is not the one that was released");
                return Err(StoreError::Corrupt { path: path(), what });
            }
        }
    }
    Ok(())
}

/// The one row that says when the store was made. Written at every start and kept as it is: so a start finds out at once
/// whether the file can be written.
async fn give_birth(connection: &mut SqliteConnection, birth: Birth) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    query("INSERT INTO store (id, seed, born, paused) VALUES (1, $1, $2, $3) ON CONFLICT (id) DO NOTHING")
        .bind(birth.seed as i64)
        .bind(birth.born.0)
        .bind(false)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}
