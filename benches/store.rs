//! How many callbacks a second the store takes, each flushed to the disk before it counts: `cargo bench --bench store`.
//!
//! One callback is what a missed call writes: the call and its callback. With one writer every commit waits for its own
//! flush; of many writers those who wait together share one. The disk's own time for a flush, of as many bytes written over
//! a file in the same folder as the log is, is printed beside: one writer can be no faster than it.
//!
//! The store is made in `PEREZVON_BENCH_FOLDER`, else in the build folder: a disk is to be measured, and `/tmp` may be none.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod disk;
#[path = "../tests/store/sample.rs"]
#[allow(dead_code, reason = "the tests' own use more of it")]
mod sample;

use perezvon::{
    engine::{
        record::{CallbackId, Write},
        time::Wall,
    },
    store::{Sqlite, Store},
};
use std::{
    env,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// How long each measurement takes.
const LENGTH: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() {
    let folder = env::var_os("PEREZVON_BENCH_FOLDER").unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into());
    let folder = tempfile::tempdir_in(folder).expect("a folder to measure in");
    println!("in {}", folder.path().display());
    println!("{:>22}  {:>10}  {:>10}  {:>10}", "", "a second", "median", "slowest 1%");
    for writers in [1, 64] {
        report("the disk's own flush", disk::flushes(folder.path(), LENGTH, Duration::ZERO));
        let file = folder.path().join(format!("{writers}.db"));
        report(&format!("callbacks, {writers} writers"), commits(&file, writers).await);
    }
    report("the disk's own flush", disk::flushes(folder.path(), LENGTH, Duration::ZERO));
}

/// The time of every commit of so many writers at once.
async fn commits(file: &Path, writers: usize) -> Vec<Duration> {
    let store = Arc::new(Sqlite::open(file, Wall(1)).await.expect("a store"));
    let next = Arc::new(AtomicU64::new(1));
    let start = Instant::now();
    let tasks = (0..writers).map(|_| {
        let (store, next) = (store.clone(), next.clone());
        tokio::spawn(async move {
            let mut times = Vec::new();
            while start.elapsed() < LENGTH {
                let rows = missed(next.fetch_add(1, Relaxed));
                let begun = Instant::now();
                store.commit(&rows).await.expect("a commit");
                times.push(begun.elapsed());
            }
            times
        })
    });
    let mut times = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        times.extend(task.await.expect("a writer"));
    }
    let there = store.load(Wall(1), None).await.expect("what was written").callbacks.len();
    assert_eq!(there, times.len(), "every commit that was promised is there");
    store.close().await.expect("the end");
    times
}

/// What a missed call writes. Uuids are scattered, as real ones are.
fn missed(id: u64) -> [Write; 2] {
    let uuid = uuid::Uuid::from_u64_pair(id.wrapping_mul(0x9e37_79b9_7f4a_7c15), id);
    let mut call = sample::call(&uuid.to_string());
    call.callback = Some(CallbackId(id));
    call.number = Some(sample::number(id % 10_000_000));
    call.arrived = Wall(1_800_000_000_000 + id as i64);
    call.ended = Some(call.arrived);
    call.missed = Some(true);
    let callback = sample::callback(id);
    [Write::Call(call), Write::Callback(callback)]
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let rate = times.len() as f64 / LENGTH.as_secs_f64();
    println!("{what:>22}  {rate:>10.0}  {:>10.2?}  {:>10.2?}", disk::of(&times, 0.5), disk::of(&times, 0.99));
}
