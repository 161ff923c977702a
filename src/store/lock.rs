//! One store serves one process: a lock file beside it, which says who has it. The system lets go of the lock when the
//! process ends, however it ends; the file stays.

use super::StoreError;
use crate::engine::time::Wall;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write as _},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// What is read of a lock file at most, in bytes: it is a line of ours, or not ours at all.
const LONGEST_NOTE: u64 = 512;

/// The lock; dropped, it is free again.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock of this store, or says who has it.
    pub fn take(store: &Path, now: Wall) -> Result<Lock, StoreError> {
        let mut name = store.as_os_str().to_owned();
        name.push(".lock");
        let trouble = |error| StoreError::of_system(store, error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&name)
            .map_err(trouble)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked { path: store.display().to_string(), who: note(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(trouble(error)),
        }
        sign(&mut file, now).map_err(trouble)?;
        Ok(Lock { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing would do, were there no program just being started that has a copy of the file for a moment yet.
        let _ = self.file.unlock();
    }
}

fn sign(file: &mut File, now: Wall) -> io::Result<()> {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = Some(host.trim()).filter(|host| !host.is_empty()).unwrap_or("an unknown host");
    file.set_len(0)?;
    writeln!(file, "process {} on {host} since {}", std::process::id(), now.timestamp().strftime("%F %T UTC"))
}

fn note(file: &mut File) -> String {
    let mut note = Vec::new();
    let _ = file.take(LONGEST_NOTE).read_to_end(&mut note);
    let note: String = String::from_utf8_lossy(&note).chars().filter(|c| !c.is_control()).collect();
    if note.is_empty() { "another process".into() } else { note }
}
