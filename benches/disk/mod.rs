//! How long the disk itself takes to keep what is written, for benchmarks whose measures hang on it.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::Path,
    time::{Duration, Instant},
};

/// What one commit writes to the log, in bytes: about the pages that two rows and their indexes touch.
const COMMIT: usize = 8 * 4096;
/// How long the log is before it is begun again, in bytes.
const LOG: usize = 1024 * 4096;

/// The time of every flush, for so long and with this pause between two, of bytes written over a file from its beginning to
/// its end and again.
pub fn flushes(folder: &Path, length: Duration, pause: Duration) -> Vec<Duration> {
    let file = File::create(folder.join("flushes")).expect("a file");
    file.write_all_at(&vec![0; LOG], 0).expect("space");
    file.sync_all().expect("a flush");
    let (bytes, start) = (vec![7; COMMIT], Instant::now());
    let mut times = Vec::new();
    while start.elapsed() < length {
        let begun = Instant::now();
        file.write_all_at(&bytes, (times.len() * COMMIT % LOG) as u64).expect("space");
        file.sync_all().expect("a flush"); // as SQLite does it
        times.push(begun.elapsed());
        std::thread::sleep(pause);
    }
    times
}

/// Of so many times in order, the one below which this share of them is; nothing of none.
pub fn of(times: &[Duration], share: f64) -> Duration {
    times.get((times.len().saturating_sub(1) as f64 * share) as usize).copied().unwrap_or_default()
}
