//! A configuration file as it was read, to be understood with one set of settings over it or another.

use super::{
    Config, MOST_BYTES, PREFIX,
    layer::{From, Tree},
    over::{self, Over},
    place::{Fault, Faults, Path as Way, Place, Source},
    reader::Reader,
    sections,
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// A file's text, with the variables that stand over everything.
#[derive(Clone, Debug)]
pub struct Base {
    name: String,
    text: String,
    folder: PathBuf,
    variables: Vec<(String, String)>,
}

/// A value of a section that may be edited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Valued {
    /// The way to it by names: `line`, `site`, `redial`, `attempts`.
    pub path: Way,
    /// The value.
    pub value: serde_json::Value,
    /// What says it.
    pub from: From,
    /// Where, in words.
    pub place: String,
}

/// What differs at one path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Change {
    /// The way to it by names.
    pub path: Way,
    /// What was there; `None`: nothing.
    pub was: Option<serde_json::Value>,
    /// What is there; `None`: nothing.
    pub now: Option<serde_json::Value>,
}

impl Base {
    /// Reads a file and the environment.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn read(file: &Path) -> Result<Base, Faults> {
        let name = file.display().to_string();
        let text = read(file).map_err(|(what, cure)| {
            let place = Place::File { file: name.clone(), line: 1, column: 1 };
            Faults(vec![Fault { place, path: Way::new(), what, cure }])
        })?;
        let variables =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Ok(Base::new(&name, &text, file.parent().unwrap_or(Path::new(".")), variables))
    }

    /// Of a text. `folder` is what a relative `password_file` starts from; of the variables those with [`PREFIX`] count.
    pub fn new(name: &str, text: &str, folder: &Path, variables: impl Iterator<Item = (String, String)>) -> Base {
        let variables = variables.filter(|(name, _)| name.starts_with(PREFIX)).collect();
        Base { name: name.to_owned(), text: text.to_owned(), folder: folder.to_owned(), variables }
    }

    /// What it says with these settings over it.
    ///
    /// # Errors
    /// Every fault that it has.
    pub fn config(&self, over: Option<&Over>) -> Result<Config, Faults> {
        let reader = Reader::new(self.tree(over)?);
        let config = sections::read(&reader.root(), &self.folder);
        let faults = reader.into_faults();
        match config {
            Some(config) if faults.is_empty() => Ok(config),
            _ => Err(Faults(faults)),
        }
    }

    /// Every value of the sections that may be edited, with what says it.
    ///
    /// # Errors
    /// It is no TOML, or a variable cannot be meant.
    pub fn values(&self, over: Option<&Over>) -> Result<Vec<Valued>, Faults> {
        let tree = self.tree(over)?;
        let edited =
            over::entries(&tree.root).into_iter().filter(|entry| over::SECTIONS.contains(&entry.names[0].as_str()));
        Ok(edited
            .map(|entry| Valued {
                from: tree.from(&entry.path, entry.value),
                place: tree.place(&entry.path, entry.value).to_string(),
                value: over::json(entry.value),
                path: entry.names,
            })
            .collect())
    }

    /// What differs between the file under these settings and under those.
    ///
    /// # Errors
    /// It is no TOML, or a variable cannot be meant.
    pub fn differences(&self, old: Option<&Over>, new: Option<&Over>) -> Result<Vec<Change>, Faults> {
        let (old, new) = (self.values(old)?, self.values(new)?);
        let of = |values: &[Valued], path: &Way| values.iter().find(|v| v.path == *path).map(|v| v.value.clone());
        let mut paths: Vec<&Way> = old.iter().chain(&new).map(|valued| &valued.path).collect();
        paths.sort();
        paths.dedup();
        let change = |path: &Way| Change { path: path.clone(), was: of(&old, path), now: of(&new, path) };
        Ok(paths.into_iter().map(change).filter(|change| change.was != change.now).collect())
    }

    /// The file's name as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// By which a changed file is known: the SHA-256 of its text.
    pub fn fingerprint(&self) -> String {
        Sha256::digest(self.text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn tree(&self, over: Option<&Over>) -> Result<Tree, Faults> {
        let source = Source::parse(&self.name, &self.text).map_err(|fault| Faults(vec![fault]))?;
        Tree::merge(source, over, self.variables.iter().cloned()).map_err(Faults)
    }
}

fn read(file: &Path) -> Result<String, (String, String)> {
    let told = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => ("there is no such file".to_owned(), "name another with --config".to_owned()),
        _ => (format!("the file cannot be read: {error}"), String::new()),
    };
    if std::fs::metadata(file).map_err(told)?.len() > MOST_BYTES {
        return Err((format!("the file is larger than {MOST_BYTES} bytes"), String::new()));
    }
    std::fs::read_to_string(file).map_err(told)
}
