//! A million calls through the engine's queue beside what queueing theory says of them: `cargo bench --bench queue_theory`.
//! Ends with 1 when a measure strays from theory by more than its 99 % confidence interval.

#[path = "../tests/theory/mod.rs"]
mod theory;

use std::process::ExitCode;
use theory::{POINTS, measure, theory};

const CALLS: usize = 1_000_000 / POINTS.len();

fn main() -> ExitCode {
    println!(
        "operators  load  patience |      mean wait, talks        |      share that waits        |     share that hangs up"
    );
    let mut strayed = false;
    for (point, seed) in POINTS.into_iter().zip(1..) {
        let (theory, measured) = (theory(point), measure(point, CALLS, seed));
        let column = |mean: f64, within: f64, theory: f64| format!("{mean:.4} ± {within:.4} ({theory:.4})");
        println!(
            "{:>9}  {:>4}  {:>8} | {:>28} | {:>28} | {:>28}",
            point.operators,
            point.load,
            point.patience.map_or("-".to_owned(), |patience| patience.to_string()),
            column(measured.mean.wait, measured.within.wait, theory.wait),
            column(measured.mean.waits, measured.within.waits, theory.waits),
            column(measured.mean.abandons, measured.within.abandons, theory.abandons),
        );
        for stray in measured.strays(theory) {
            println!("{stray} strays");
            strayed = true;
        }
    }
    ExitCode::from(u8::from(strayed))
}
