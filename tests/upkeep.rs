//! Metrics that nobody scrapes take no more memory for that: their samples are summed up from time to time.
//!
//! A program of its own, since both the allocator and the metrics are the process's.

mod held;

use held::held;
use perezvon::metrics;
use std::time::Duration;

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
