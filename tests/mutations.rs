//! Every invariant of the simulation can fail: the program is broken on purpose, one promise at a time, and the break is caught.
//!
//! A copy of the source is simulated as it is, which must find nothing; then it is changed, built and simulated over the same
//! worlds until the invariant that is there for the change is broken. That takes minutes, so it is done when
//! `PEREZVON_MUTATIONS` is set, as CI does. `PEREZVON_MUTATIONS=no_dial_outside_hours` does those of one invariant alone.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A file, what stands there once, and what is put in its place.
type Change = (&'static str, &'static str, &'static str);

/// A break, and the invariant that must notice it. More than one change where two guards hold the same promise: either alone
/// is not missed.
struct Mutation {
    invariant: &'static str,
    changes: &'static [Change],
    /// In worlds where some lines have a queue of ours.
    queued: bool,
}

const fn breaks(invariant: &'static str, changes: &'static [Change]) -> Mutation {
    Mutation { invariant, changes, queued: false }
}

const fn breaks_queued(invariant: &'static str, changes: &'static [Change]) -> Mutation {
    Mutation { invariant, changes, queued: true }
}

const MUTATIONS: &[Mutation] = &[
    breaks(
        "one_client_leg_per_number",
        &[(
            "src/engine/callback.rs",
            "if let Some(id) = self.open.get(&number).copied() {\n            self.change(id, cx, |record, cx| {\n                record.misses",
            "if let Some(id) = self.open.get(&number).copied().filter(|_| false) {\n            self.change(id, cx, |record, cx| {\n                record.misses",
        )],
    ),
    breaks(
        "no_dial_outside_hours",
        &[("src/engine/retry.rs", "if self.calendar.is_some_and(|calendar| !calendar.is_open(at)) {", "if false {")],
    ),
    breaks(
        "no_dial_within_the_window",
        &[("src/engine/callback.rs", "let due = missed_at + line.redial.track;", "let due = missed_at;")],
    ),
    breaks(
        "no_dial_after_got_through",
        &[(
            "src/engine/call.rs",
            "self.close(id, CloseReason::ClientCalled { call: call.clone() }, cx);",
            "let _ = (call, cx);",
        )],
    ),
    breaks(
        "no_missed_call_lost",
        &[(
            "src/engine/call.rs",
            "Missed::Unserved => record.served.is_none(),",
            "Missed::Unserved => record.served.is_none() && record.id.as_str() > \"8\",",
        )],
    ),
    breaks_queued(
        "no_missed_call_lost",
        &[(
            "src/engine/queue.rs",
            "(queue.left, queue.no_callback) = (Some(left), !way.callback);",
            "(queue.left, queue.no_callback) = (Some(left), true);",
        )],
    ),
    // A client who talks is busy to the town's other callers, by this spelling of the number: the second change is another.
    breaks(
        "one_operator_per_client",
        &[
            (
                "src/engine/attempt.rs",
                "engine.part(at, Outcome::Cancelled, \"another operator has the client\", cx);",
                "engine.dial_client(at, cx);",
            ),
            ("src/engine/attempt.rs", "let number = trunk.format.write(client);", "let number = client.to_string();"),
        ],
    ),
    breaks(
        "no_operator_on_dead_line",
        &[(
            "src/engine/attempt.rs",
            "Stage::Announcing(Some(mine)) if mine == token => self.check(at, cx),",
            "Stage::Announcing(Some(mine)) if mine == token => {}",
        )],
    ),
    breaks(
        "operator_before_client",
        &[(
            "src/engine/distribution.rs",
            "if !at.client_first {\n            self.ring_next(&mut at, Outcome::OperatorUnavailable, cx);",
            "if !at.client_first {\n            self.check(&mut at, cx);",
        )],
    ),
    breaks("free_operator_before_client", &[("src/engine/held.rs", "state.reserved.push(at.id());", "let _ = state;")]),
    breaks(
        "client_never_in_silence",
        &[(
            "src/engine/held.rs",
            "cx.effect(Effect::Music { switch, leg, token, what, given: false });",
            "let _ = (switch, leg, what);",
        )],
    ),
    breaks_queued(
        "client_never_in_silence",
        &[(
            "src/engine/queue/ear.rs",
            "cx.effect(Effect::Music { switch, leg: id.clone(), token, what, given });",
            "let _ = (switch, what, given);",
        )],
    ),
    breaks_queued(
        "free_operator_serves_the_queue",
        &[(
            "src/engine/distribution.rs",
            "Job::Live(id) if self.may_serve() => self.offer_caller(id, cx),",
            "Job::Live(id) if self.may_serve() && id.0 % 2 == 0 => self.offer_caller(id, cx),",
        )],
    ),
    breaks(
        "person_within_a_second",
        &[(
            "src/engine/attempt.rs",
            "Stage::Greeting(Some(mine)) if mine == token => self.join(at, cx),",
            "Stage::Greeting(Some(mine)) if mine == token => {}",
        )],
    ),
    breaks(
        "never_more_callbacks_than_free_operators",
        &[(
            "src/engine/operator.rs",
            "let taken = self.reserved.len() + self.live as usize >= self.calls as usize;",
            "let taken = self.live >= self.calls;",
        )],
    ),
    breaks(
        "written_before_dialled",
        &[(
            "src/engine/attempt.rs",
            "if std::mem::take(&mut at.dirty) {",
            "if std::mem::take(&mut at.dirty) && at.winner.is_some() {",
        )],
    ),
    breaks(
        "uuid_never_dialled_twice",
        &[(
            "src/engine/attempt.rs",
            "hash_uuid(self.seed, at.id().key() as u64, u64::from(at.record.n), place as u64)",
            "hash_uuid(self.seed, at.id().key() as u64, 0, place as u64)",
        )],
    ),
    breaks("no_leg_past_its_cap", &[("src/switch/order.rs", "sched_hangup +{cap} ALLOTTED_TIMEOUT", "log INFO {cap}")]),
    breaks(
        "no_row_without_reason",
        &[(
            "src/engine/callback.rs",
            "Talked => Next::Close(CloseReason::Talked),",
            "Talked => Next::Close(CloseReason::Expired),",
        )],
    ),
    // Both say how a call left the queue whose end was heard.
    breaks_queued(
        "no_row_without_reason",
        &[
            (
                "src/engine/queue/offered.rs",
                "queue.left.get_or_insert(if short { Left::Short } else { Left::Abandoned });",
                "let _ = (short, queue);",
            ),
            (
                "src/engine/call.rs",
                "record.queue.iter_mut().for_each(|queue| _ = queue.left.get_or_insert(left));",
                "let _ = left;",
            ),
        ],
    ),
    breaks(
        "no_impossible_state",
        &[(
            "src/engine/attempt.rs",
            "self.record.outcome = Some(*self.outcome.get_or_insert(outcome));",
            "self.record.outcome = Some(outcome);",
        )],
    ),
    // Spoken text is cleaned, and would not be expanded: both go.
    breaks(
        "nothing_outside_in_a_command",
        &[
            ("src/switch/order.rs", "set(\"app_disable_expand_variables\", Value::from(true))?;", ""),
            ("src/voice/mod.rs", "let text = clean(&text);", "let text = text + &facts.name;"),
        ],
    ),
    breaks(
        "every_miss_ends",
        &[("src/engine/callback.rs", "return self.close_now(id, CloseReason::Expired, cx);", "return;")],
    ),
];

/// The worlds: how many, from which seed.
const WORLDS: (&str, &str) = ("300", "1000");
/// Those with queues: in these nothing is broken yet.
const QUEUED_WORLDS: (&str, &str) = ("290", "1004");

/// What of the package the simulation needs.
const NEEDED: [&str; 6] = ["Cargo.toml", "Cargo.lock", "src", "tests/simulation.rs", "benches", "tests/wire"];

#[test]
fn every_invariant_notices_its_break() {
    let Ok(wanted) = std::env::var("PEREZVON_MUTATIONS") else {
        eprintln!("LEFT OUT: the mutation list; set PEREZVON_MUTATIONS=1 to run it (some minutes)");
        return;
    };
    let yard = Yard::new();
    // The worlds with queues are not held to every promise yet: their breaks are tried when they are asked for by name.
    let by_name = wanted != "1";
    for queued in [false].into_iter().chain(by_name.then_some(true)) {
        let unbroken = yard.simulate(None, queued).expect("the copy is simulated");
        assert!(unbroken.is_empty(), "unbroken, it breaks {unbroken:?}: what the breaks do would show nothing");
    }
    let mut unnoticed = Vec::new();
    for mutation in MUTATIONS.iter().filter(|m| wanted == m.invariant || (!by_name && !m.queued)) {
        match yard.break_and_simulate(mutation) {
            Ok(found) if found.contains(mutation.invariant) => {
                eprintln!("noticed: {}, of {found:?}", mutation.invariant);
            }
            Ok(found) => unnoticed.push(format!("{}: the simulation found {found:?}", mutation.invariant)),
            Err(why) => unnoticed.push(format!("{}: {why}", mutation.invariant)),
        }
    }
    assert!(unnoticed.is_empty(), "{}", unnoticed.join("\n"));
}

/// Every invariant has a break, and no break is for one that there is not.
#[test]
fn every_invariant_has_its_break() {
    let judge = include_str!("../src/sim/invariants.rs");
    let rows = judge.lines().map_while(|line| line.strip_prefix("//!"));
    let named: BTreeSet<&str> = rows.filter_map(|row| row.strip_prefix(" | `")?.split('`').next()).collect();
    let broken: BTreeSet<&str> = MUTATIONS.iter().map(|mutation| mutation.invariant).collect();
    assert_eq!(named, broken);
}

/// A place where the source may be broken.
struct Yard {
    home: PathBuf,
    yard: PathBuf,
}

impl Yard {
    fn new() -> Yard {
        let home = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let yard = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("mutations");
        let _ = fs::remove_dir_all(yard.join("src"));
        for needed in NEEDED {
            copy(&home.join(needed), &yard.join(needed));
        }
        Yard { home, yard }
    }

    fn break_and_simulate(&self, mutation: &Mutation) -> Result<BTreeSet<String>, String> {
        let broken = mutation.changes.iter().try_for_each(|change| self.change(change));
        let found = broken.and_then(|()| self.simulate(Some(mutation.invariant), mutation.queued));
        for (file, ..) in mutation.changes {
            copy(&self.home.join(file), &self.yard.join(file));
        }
        found
    }

    fn change(&self, (file, from, to): &Change) -> Result<(), String> {
        let text = fs::read_to_string(self.yard.join(file)).map_err(|error| error.to_string())?;
        match text.matches(from).count() {
            1 => fs::write(self.yard.join(file), text.replace(from, to)).map_err(|error| error.to_string()),
            n => Err(format!("{file} has {n} times the line that is to be broken: {from}")),
        }
    }

    /// The invariants that broke, until the one that is sought did.
    fn simulate(&self, sought: Option<&str>, queued: bool) -> Result<BTreeSet<String>, String> {
        let (worlds, first) = if queued { QUEUED_WORLDS } else { WORLDS };
        let run = Command::new(env!("CARGO"))
            .args(["test", "--no-default-features", "--test", "simulation", "--", "--nocapture"])
            .current_dir(&self.yard)
            .env("CARGO_TARGET_DIR", self.yard.join("target"))
            .env("RUSTFLAGS", "-Awarnings")
            .env("RUST_BACKTRACE", "0")
            .env("CARGO_PROFILE_TEST_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_TEST_CODEGEN_UNITS", "256")
            .env("PEREZVON_SIM_SEEDS", worlds)
            .env("PEREZVON_SIM_FIRST", first)
            .envs(queued.then_some(("PEREZVON_SIM_QUEUES", "1")))
            .envs(sought.map(|name| ("PEREZVON_SIM_UNTIL", name)))
            .output()
            .map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&run.stdout) + String::from_utf8_lossy(&run.stderr);
        let names = said.lines().filter_map(|line| line.trim().strip_prefix("violation: ")?.split(' ').next());
        let found: BTreeSet<String> = names.map(str::to_owned).collect();
        match run.status.success() == found.is_empty() {
            true => Ok(found),
            false => Err(format!("it was not built, or ended without a verdict:\n{}", tail(&said))),
        }
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).expect("a folder is made");
        for entry in fs::read_dir(from).expect("a folder is read").flatten() {
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else if from.exists() {
        fs::create_dir_all(to.parent().expect("it is in a folder")).expect("a folder is made");
        fs::copy(from, to).expect("a file is copied");
    }
}
