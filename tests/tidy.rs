//! The house is kept as ARCHITECTURE.md draws it: which module may import which, and what no file may hold.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// For each module those of ours that it may import. What is not named here fails.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("engine", &[]),
    ("esl", &[]),
    ("voice", &["engine"]),
    ("store", &["engine"]),
    ("switch", &["engine", "esl", "voice", "config", "clock", "metrics", "control"]),
    ("sim", &["engine", "esl", "switch", "store", "voice", "clock"]),
    ("clock", &["engine"]),
    ("metrics", &["engine"]),
    ("wire", &["engine", "store"]),
    ("config", &["engine", "esl", "voice", "wire"]),
    ("report", &["engine", "store"]),
    ("replay", &["engine", "store", "report", "voice"]),
    ("control", &["engine", "store", "config", "report", "replay", "voice", "clock"]),
    ("chat", &["engine", "store", "control", "clock"]),
    ("http", &["chat", "engine", "store", "metrics", "control", "clock", "config", "report", "wire"]),
    ("notify", &["engine", "store", "metrics", "clock", "config", "wire"]),
    (
        "daemon",
        &["engine", "esl", "switch", "store", "voice", "config", "clock", "metrics", "control", "http", "notify"],
    ),
    ("cli", &["*"]),
    ("lib", &[]),
    ("main", &[]),
];

/// Files of `switch`, `sim`, `voice` and `notify` that touch the world; the others are pure, as `engine`, `esl`, `report`, `replay` and
/// `wire` are whole.
const SHELL: [&str; 11] = [
    "switch/inbound.rs",
    "switch/link.rs",
    "switch/outbound.rs",
    "switch/sound.rs",
    "sim/tcp.rs",
    "voice/studio.rs",
    "notify/mod.rs",
    "notify/client.rs",
    "notify/deliver.rs",
    "notify/lookup.rs",
    "notify/send.rs",
];

/// Files of `cli` that are pure: what the doctor says follows from what it was told.
const JUDGES: [&str; 4] = ["cli/doctor/finding.rs", "cli/doctor/judge", "cli/doctor/need.rs", "cli/doctor/told.rs"];

/// What a pure file never names.
const IMPURE: [&str; 8] =
    ["tokio", "std::fs", "std::net", "std::env", "std::process", "std::thread", "SystemTime", "Instant::now"];

/// The longest line of a file, in characters: rustfmt's limit, for what it leaves alone.
const WIDEST: usize = 200;

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
}

/// Every source file by its path under `src`, in order.
fn sources() -> BTreeMap<PathBuf, String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&src, &mut found);
    found
        .into_iter()
        .map(|path| (path.strip_prefix(&src).unwrap().to_owned(), fs::read_to_string(path).unwrap()))
        .collect()
}

/// `engine` of `engine/call.rs`.
fn module(path: &Path) -> String {
    path.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// The code of a file: without comments, and without the tests at its end.
fn code(text: &str) -> String {
    let text = text.split("\n#[cfg(test)]\nmod ").next().unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The modules that a text names after `crate::`, in lists too.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with('$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => drop(found.insert(word(rest))),
            Some(list) => found.extend(items(list)),
        }
    }
    found.remove("");
    found
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The first words of a list's items, to its closing brace.
fn items(list: &str) -> Vec<String> {
    let (mut depth, mut found, mut begins) = (0, Vec::new(), true);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            c if begins && depth == 0 && c.is_alphabetic() => {
                found.push(word(&list[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    found
}

#[test]
fn modules_import_only_what_they_may() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let module = module(&path);
        let may =
            allowed.get(module.as_str()).unwrap_or_else(|| panic!("say in tests/tidy.rs what {module} may import"));
        for import in imports(&code(&text)) {
            let is_module = allowed.contains_key(import.as_str());
            if is_module && import != module && !may.contains(&import.as_str()) && !may.contains(&"*") {
                wrong.push(format!("{} imports {import}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_core_touches_nothing_outside() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let pure = match module(&path).as_str() {
            "cli" => JUDGES.iter().any(|file| path.starts_with(file) || path.ends_with(format!("{file}.rs"))),
            "engine" | "esl" | "report" | "replay" | "wire" => true,
            "switch" | "sim" | "voice" | "notify" => !SHELL.iter().any(|file| path.ends_with(file)),
            _ => path.ends_with("store/memory.rs"),
        };
        let code = code(&text);
        for name in IMPURE.iter().filter(|name| pure && code.contains(**name)) {
            wrong.push(format!("{} names {name}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn nothing_unfinished_is_kept() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        for word in ["todo!(", "unimplemented!(", "dbg!(", "FIXME", "XXX", "#[ignore"] {
            if text.contains(word) {
                wrong.push(format!("{} holds {word}", path.display()));
            }
        }
        let wide = code(&text).lines().any(|line| line.chars().count() > WIDEST);
        wrong.extend(wide.then(|| format!("{} has a line of more than {WIDEST} characters", path.display())));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_file_begins_by_saying_what_it_is() {
    let silent: Vec<PathBuf> =
        sources().into_iter().filter(|(_, text)| !text.starts_with("//!")).map(|(path, _)| path).collect();
    assert!(silent.is_empty(), "{silent:#?}");
}

#[test]
fn imports_are_found_in_lists_and_paths() {
    let code = "use crate::{\n  clock::Clock,\n  engine::{Name, time::{Span, Wall}},\n  store,\n};\nfn f() { crate::esl::x() }";
    assert_eq!(imports(code), ["clock", "engine", "esl", "store"].map(String::from).into());
}
