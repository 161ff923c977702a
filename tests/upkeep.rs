//! Metrics that nobody scrapes take no more memory for that: their samples are summed up from time to time.
//!
//! A program of its own, since both the allocator and the metrics are the process's.

use perezvon::metrics;
use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// The system's allocator, with a count of the bytes that are out.
struct Counting;
static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator as it came; the count does not touch the memory.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn held() -> usize {
    HELD.load(Ordering::Relaxed)
}

const SAMPLES: usize = 1_000_000;
/// Far less than the samples take.
const LITTLE: usize = 1 << 20;

#[tokio::test]
async fn samples_that_nobody_scrapes_are_summed_up() {
    let handle = metrics::install().expect("none were installed");
    let before = held();
    // No await: nothing is summed up meanwhile.
    (0..SAMPLES).for_each(|_| metrics::step(Duration::from_micros(4)));
    assert!(held() > before + 8 * SAMPLES, "they wait");
    let summed = async {
        while held() > before + LITTLE {
            // What was let go is freed when somebody comes by.
            metrics::step(Duration::from_micros(4));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), summed).await.expect("they are summed up without a scrape");
    let text = handle.render();
    let count = text.lines().find_map(|line| line.strip_prefix("perezvon_step_seconds_count ")).expect("it is there");
    assert!(count.parse::<usize>().expect("a number") > SAMPLES, "and none is forgotten: {count}");
}
