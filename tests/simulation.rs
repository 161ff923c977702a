//! Random worlds by seed, in virtual time: no invariant may break, and every missed call must come to an end.
//!
//! `PEREZVON_SIM_SEEDS` says how many worlds (5,000 when it says nothing), `PEREZVON_SIM_FIRST` from which seed; with
//! `PEREZVON_SIM_TRACE` set, everything that happens is printed. `PEREZVON_SIM_UNTIL` names an invariant: the first world that
//! breaks it is the last. With `PEREZVON_SIM_QUEUES` set, some lines of each world have a queue of ours.

use perezvon::sim::{fate, invariants::Violation};
use std::{env, panic, sync::Mutex, thread};

const SEEDS: u64 = 5000;
/// Worlds that break a promise before no more are tried.
const ENOUGH: usize = 20;

fn setting(name: &str, otherwise: u64) -> u64 {
    match env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => otherwise,
    }
}

/// What one world came to.
struct Run {
    violations: Vec<Violation>,
    missed: usize,
    steps: u64,
}

fn run(seed: u64) -> Run {
    let (mut world, end) = match env::var_os("PEREZVON_SIM_QUEUES") {
        Some(_) => fate::world_with_queues(seed),
        None => fate::world(seed),
    };
    let traced = env::var_os("PEREZVON_SIM_TRACE").is_some();
    if traced {
        world.trace();
    }
    world.run_until(end);
    world.finish();
    if traced {
        world.log.iter().for_each(|line| println!("{line}"));
        world.violations().iter().for_each(|violation| println!("{violation:?}"));
    }
    Run { violations: world.violations().to_vec(), missed: world.judge.missed(), steps: world.steps() }
}

#[test]
fn no_world_breaks_a_promise() {
    let (seeds, first) = (setting("PEREZVON_SIM_SEEDS", SEEDS), setting("PEREZVON_SIM_FIRST", 0));
    let next = Mutex::new(first);
    let (failures, totals) = (Mutex::new(Vec::new()), Mutex::new((0, 0)));
    let until = env::var("PEREZVON_SIM_UNTIL").ok();
    let enough = |failures: &[(u64, Vec<Violation>)]| match &until {
        None => failures.len() >= ENOUGH,
        Some(name) => failures.iter().any(|(_, violations)| violations.iter().any(|v| v.name == name)),
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = {
                        let mut next = next.lock().unwrap();
                        if *next >= first + seeds || enough(&failures.lock().unwrap()) {
                            break;
                        }
                        *next += 1;
                        *next - 1
                    };
                    match panic::catch_unwind(|| run(seed)) {
                        Ok(run) => {
                            let mut totals = totals.lock().unwrap();
                            totals.0 += run.missed;
                            totals.1 += run.steps;
                            if !run.violations.is_empty() {
                                failures.lock().unwrap().push((seed, run.violations));
                            }
                        }
                        Err(_) => failures.lock().unwrap().push((seed, Vec::new())),
                    }
                }
            });
        }
    });
    let (missed, steps) = *totals.lock().unwrap();
    println!("{seeds} worlds from seed {first}: {missed} missed calls, {steps} steps");
    let mut failures = failures.into_inner().unwrap();
    failures.sort_by_key(|(seed, _)| *seed);
    for (seed, violations) in &failures {
        println!("seed {seed}:");
        let first = violations.iter().take(5);
        let sought = violations.iter().skip(5).filter(|violation| until.as_deref() == Some(violation.name));
        for Violation { name, at, text } in first.chain(sought.take(1)) {
            println!("  violation: {name} at {} ms: {text}", at.mono.0);
        }
        println!("  PEREZVON_SIM_FIRST={seed} PEREZVON_SIM_SEEDS=1 cargo test --test simulation -- --nocapture");
    }
    assert!(failures.is_empty(), "{} worlds broke a promise", failures.len());
}
