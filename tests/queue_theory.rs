//! The queue waits as long as queueing theory says, by fixed seeds; `cargo bench --bench queue_theory` does the same with
//! ten times as many calls.

mod theory;

use theory::{Fate, POINTS, Point, measure, theory};

const CALLS: usize = 100_000 / POINTS.len();

#[test]
fn the_formulas_are_those_of_the_books() {
    // M/M/1: who waits is the load, and the wait is load / (1 - load) talks.
    let Fate { wait, waits, abandons } = theory(Point { operators: 1, load: 0.6, patience: None });
    assert!((waits - 0.6).abs() < 1e-9 && (wait - 1.5).abs() < 1e-9 && abandons == 0.0, "{wait} {waits}");
    // M/M/2: 2ρ² / (1 + ρ) wait, a third of all at half the load.
    let Fate { waits, .. } = theory(Point { operators: 2, load: 0.5, patience: None });
    assert!((waits - 1.0 / 3.0).abs() < 1e-9, "{waits}");
    // Patience as long as a talk: as many talk and wait as in M/M/∞, Poisson distributed (Palm).
    let Fate { waits, .. } = theory(Point { operators: 3, load: 0.8, patience: Some(1.0) });
    let mean: f64 = 2.4;
    let fewer = (-mean).exp() * (1.0 + mean + mean * mean / 2.0);
    assert!((waits - (1.0 - fewer)).abs() < 1e-9, "{waits}");
}

#[test]
fn clients_wait_as_long_as_theory_says() {
    for (point, seed) in POINTS.into_iter().zip(1..) {
        let (theory, measured) = (theory(point), measure(point, CALLS, seed));
        let strays = measured.strays(theory);
        assert!(strays.is_empty(), "{point:?}, seed {seed}: {strays:?}: {measured:?}, theory: {theory:?}");
    }
}
