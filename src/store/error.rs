//! Why a store did not do what it was asked, each with a sentence that says what to do about it.

use thiserror::Error;

/// Why a store did not do what it was asked. Nothing of it was done.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// No space is left.
    #[error("the disk with {path} is full: free some space there; nobody is called back until then")]
    Full {
        /// The file.
        path: String,
    },
    /// The file, its folder or its disk cannot be written.
    #[error(
        "{path} cannot be written ({why}): let our user write the file and its folder, and look whether the disk went read-only"
    )]
    ReadOnly {
        /// The file.
        path: String,
        /// The system's own words.
        why: String,
    },
    /// Somebody else has it.
    #[error(
        "{path} is in use by {who}: one store serves one daemon; stop that one, or give this one a store of its own"
    )]
    Locked {
        /// The file.
        path: String,
        /// Who, as far as we know.
        who: String,
    },
    /// It is no store of ours, or a damaged one.
    #[error(
        "{path} is damaged or no store of Perezvon ({what}): move it away, with the files beside it whose names go on with -wal and -shm, and put the last backup in its place"
    )]
    Corrupt {
        /// The file.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// A newer version of Perezvon has written it.
    #[error(
        "{path} was written by a newer Perezvon (schema {schema}; this one knows {known}): install that version again, or restore the backup made before the upgrade"
    )]
    Newer {
        /// The file.
        path: String,
        /// Its schema.
        schema: i64,
        /// The newest schema that we know.
        known: i64,
    },
    /// A row contradicts the others: a fault of ours.
    #[error("the store refused a row ({what}): a fault of Perezvon; please report it with this line")]
    Refused {
        /// Which rule it broke.
        what: String,
    },
    /// A backup would be written over something.
    #[error("{path} is there already and is not written over: choose another name")]
    Taken {
        /// The file.
        path: String,
    },
    /// The configuration names a kind of store that there is not.
    #[error("{url:?} names no store: write sqlite: and the path of a file, as in sqlite:/var/lib/perezvon/perezvon.db")]
    Unknown {
        /// What it says.
        url: String,
    },
    /// An older version of Perezvon has written it, and it is only to be read.
    #[error("{path} has the schema {schema}, older than this program's {known}: start the daemon once")]
    Older {
        /// The file.
        path: String,
        /// Its schema.
        schema: i64,
        /// The newest schema that we know.
        known: i64,
    },
    /// The store was closed.
    #[error("the store is closed: the daemon is stopping")]
    Closed,
    /// Any other trouble with the file.
    #[error("{path}: {what}; look at the disk and at the system's log")]
    Io {
        /// The file.
        path: String,
        /// The system's own words.
        what: String,
    },
}

#[cfg(feature = "daemon")]
impl StoreError {
    /// What the system says of a file.
    pub(super) fn of_system(file: &std::path::Path, error: std::io::Error) -> StoreError {
        use std::io::ErrorKind;
        let (path, what) = (file.display().to_string(), error.to_string());
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Full { path },
            ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => StoreError::ReadOnly { path, why: what },
            ErrorKind::AlreadyExists => StoreError::Taken { path },
            _ => StoreError::Io { path, what },
        }
    }

    /// What SQLite or sqlx says of a file. Codes: <https://www.sqlite.org/rescode.html>.
    pub(super) fn of_sqlite(file: &std::path::Path, error: sqlx::Error) -> StoreError {
        /// The memory that readers and writer share could not grow: it lies beside the store.
        const IOERR_SHMSIZE: i32 = 4874;
        let path = file.display().to_string();
        let database = match error {
            sqlx::Error::Database(error) => error,
            sqlx::Error::Io(error) => return StoreError::of_system(file, error),
            sqlx::Error::PoolClosed => return StoreError::Closed,
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::RowNotFound => {
                return StoreError::Corrupt { path, what: error.to_string() };
            }
            other => return StoreError::Io { path, what: other.to_string() },
        };
        let what = database.message().to_owned();
        let code = database.code().and_then(|code| code.parse::<i32>().ok()).unwrap_or(0);
        match (code, code & 0xff) {
            (IOERR_SHMSIZE, _) | (_, 13) => StoreError::Full { path },
            (_, 3 | 8 | 23) => StoreError::ReadOnly { path, why: what },
            (_, 5 | 6) => StoreError::Locked { path, who: format!("another program that works on the file ({what})") },
            (_, 1 | 11 | 26) => StoreError::Corrupt { path, what },
            (_, 19) => StoreError::Refused { what },
            _ => StoreError::Io { path, what },
        }
    }
}
