//! Call detail records that mod_json_cdr could not post: it leaves them in its `err-log-dir`, and we take them from there.
//!
//! A file is removed when what it tells is committed. One that is no record, or of no switch that we know, is renamed to
//! `….unreadable` and left. The folder
//! is looked through at the start and then every [`EVERY`]: a record whose post failed while we started appears seconds
//! later. With `rotate` the module makes a folder a day, so one level of folders is looked into.

use crate::control::{CdrRefused, Handle};
use bytes::Bytes;
use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};
use tokio::{fs, time::sleep};
use tracing::{error, info, warn};

/// How often the folder is looked through.
const EVERY: Duration = Duration::from_secs(10);
/// Files taken in one look: the next look takes the rest.
const MOST_FILES: usize = 10_000;
/// A file that nobody wrote to for so long is whole: mod_json_cdr writes it at one go.
const SETTLED: Duration = Duration::from_secs(2);

/// Takes records from this folder for as long as the daemon answers.
pub async fn watch_folder(folder: PathBuf, handle: Handle) {
    let mut complained = false;
    loop {
        match sweep(&folder, &handle).await {
            Ok(0) => complained = false,
            Ok(taken) => {
                complained = false;
                info!(taken, folder = %folder.display(), "call detail records were taken from the folder");
            }
            Err(Trouble::Stopping) => return,
            Err(trouble @ (Trouble::Later(_) | Trouble::File(_))) => {
                let why = match trouble {
                    Trouble::File(error) => error.to_string(),
                    Trouble::Later(why) => why,
                    Trouble::Stopping => return,
                };
                if !complained {
                    error!(folder = %folder.display(), "call detail records wait in the folder: {why}");
                }
                complained = true;
            }
        }
        sleep(EVERY).await;
    }
}

enum Trouble {
    /// The daemon answers no more.
    Stopping,
    /// It may go at the next look.
    Later(String),
    /// This file cannot be had.
    File(io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::Later(error.to_string())
    }
}

/// Takes what is there; how many files. A file that cannot be taken does not keep back the others.
async fn sweep(folder: &Path, handle: &Handle) -> Result<usize, Trouble> {
    let (mut taken, mut later) = (0, None);
    for file in records(folder).await? {
        match take(&file, handle).await {
            Ok(true) => taken += 1,
            Ok(false) => {}
            Err(Trouble::File(why)) => later = Some(Trouble::Later(format!("{}: {why}", file.display()))),
            Err(trouble) => return Err(trouble),
        }
    }
    later.map_or(Ok(taken), Err)
}

/// The records in the folder and in its folders, the oldest first. One that was written to a moment ago is left for the next
/// look: it may be half of a record.
async fn records(folder: &Path) -> Result<Vec<PathBuf>, io::Error> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    let mut top = true;
    while let Some(folder) = folders.pop() {
        let mut entries = fs::read_dir(&folder).await?;
        while let Some(entry) = entries.next_entry().await? {
            let Ok(data) = entry.metadata().await else { continue };
            if data.is_dir() && top {
                folders.push(entry.path());
            } else if data.is_file() && entry.path().extension() == Some(OsStr::new("json")) {
                let written = data.modified()?;
                if age(written) >= SETTLED {
                    files.push((written, entry.path()));
                }
            }
        }
        top = false;
    }
    files.sort_unstable();
    files.truncate(MOST_FILES);
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// Takes one file; false when it is left where it is, or put aside.
async fn take(file: &Path, handle: &Handle) -> Result<bool, Trouble> {
    let length = fs::metadata(file).await.map_err(Trouble::File)?.len();
    let answer = if length > crate::switch::cdr::MOST_CDR as u64 {
        Err(CdrRefused::Malformed(format!("it has {length} bytes")))
    } else {
        let body = Bytes::from(fs::read(file).await.map_err(Trouble::File)?);
        handle.cdr(None, body).await.map_err(|_| Trouble::Stopping)?
    };
    match answer {
        Ok(()) => {
            fs::remove_file(file).await.map_err(Trouble::File)?;
            Ok(true)
        }
        Err(refused @ (CdrRefused::Malformed(_) | CdrRefused::WhichSwitch)) => {
            warn!(file = %file.display(), "{refused}: it is put aside");
            let mut aside = file.as_os_str().to_owned();
            aside.push(".unreadable");
            fs::rename(file, aside).await.map_err(Trouble::File)?;
            Ok(false)
        }
        Err(CdrRefused::NotStored(why)) => Err(Trouble::Later(why.to_string())),
    }
}

/// How long ago a file was written; zero when its time lies ahead.
#[expect(clippy::disallowed_methods, reason = "a file's time is the system's, whatever the daemon's clock pretends")]
fn age(written: SystemTime) -> Duration {
    written.elapsed().unwrap_or_default()
}
