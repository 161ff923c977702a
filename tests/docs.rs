//! The documents speak of what is there.

use std::{
    fs,
    path::{Path, PathBuf},
};

const DOCUMENTS: [&str; 9] = [
    "README.md",
    "README.ru.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "freeswitch/README.md",
    "grafana/README.md",
    "deploy/README.md",
    "docs/features.md",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands between the two signs, everywhere in the text.
fn between<'a>(text: &'a str, open: &'a str, close: char) -> impl Iterator<Item = &'a str> {
    text.split(open).skip(1).filter_map(move |rest| rest.split(close).next())
}

#[test]
fn every_link_leads_somewhere() {
    for document in DOCUMENTS {
        let file = root().join(document);
        let text = read(&file);
        for link in between(&text, "](", ')').filter(|link| !link.starts_with("http") && !link.starts_with('#')) {
            let target = file.parent().unwrap().join(link.split('#').next().unwrap());
            assert!(target.exists(), "{document}: {link} is not there");
        }
    }
}

/// `tests/engine.rs: name` or `src/engine/hours.rs: name`, in backticks.
#[test]
fn every_test_that_a_promise_names_is_there() {
    let features = read(&root().join("docs/features.md"));
    let named = ["tests/", "src/", "fuzz/"].map(|folder| {
        between(&features, &format!("`{folder}"), '`').map(|rest| format!("{folder}{rest}")).collect::<Vec<_>>()
    });
    let named = named.concat();
    for named in &named {
        match named.split_once(": ") {
            Some((file, test)) => {
                assert!(read(&root().join(file)).contains(&format!("fn {test}(")), "{file} has no test {test}");
            }
            None => assert!(root().join(named).exists(), "{named} is not there"),
        }
    }
    assert!(named.len() > 30, "only {} tests are named", named.len());
}

/// What stands in the README as a configuration is one.
#[cfg(feature = "daemon")]
#[test]
fn the_configuration_of_the_readme_has_no_fault() {
    for document in ["README.md", "README.ru.md"] {
        let text = read(&root().join(document));
        let mut blocks = text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
        let block = blocks.next().unwrap_or_else(|| panic!("{document} has no configuration"));
        let faults = perezvon::config::parse(document, block, &root(), std::iter::empty())
            .err()
            .map(|faults| faults.to_string());
        assert_eq!(faults, None);
    }
}

#[test]
fn every_promise_has_its_row_and_its_state() {
    let features = read(&root().join("docs/features.md"));
    for n in 1..=39 {
        let row =
            features.lines().find(|line| line.starts_with(&format!("| {n} |"))).unwrap_or_else(|| panic!("no row {n}"));
        let state = row.split('|').nth(3).map(str::trim).unwrap_or_default();
        assert!(["yes", "partly", "not yet"].contains(&state), "row {n} is \"{state}\"");
        assert!(
            state == "not yet" || row.contains("`tests/") || row.contains("`src/"),
            "row {n} is kept, and no test shows it"
        );
    }
}
