//! Faults of a configuration: what, where, and the cure.

use figment::value::{Dict, Value};
use serde::{Serialize, Serializer};
use std::{collections::BTreeMap, fmt, ops::Range};
use toml_edit::{Document, Item, TableLike};

/// Where a fault is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the file. Lines and columns count from 1, columns in characters.
    File {
        /// The file's name as it was given.
        file: String,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// In an environment variable.
    Variable(String),
    /// In settings over the file.
    Settings {
        /// Which: `settings version 12`.
        of: String,
        /// The path of names, as TOML writes it: `line.site.redial.attempts`; empty: the whole.
        path: String,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Place::Variable(name) => f.write_str(name),
            Place::Settings { of, path } if path.is_empty() => f.write_str(of),
            Place::Settings { of, path } => write!(f, "{of}, {path}"),
        }
    }
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fault {
    /// Where it is.
    #[serde(serialize_with = "in_words")]
    pub place: Place,
    /// The way to it by names, wherever it stands: `line`, `site`, `redial`, `attempts`; empty: the whole.
    pub path: Path,
    /// What is wrong.
    pub what: String,
    /// What to do about it; empty when `what` says it all.
    pub cure: String,
}

fn in_words<S: Serializer>(place: &Place, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(place)
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)?;
        if self.cure.is_empty() { Ok(()) } else { write!(f, "; {}", self.cure) }
    }
}

/// All faults of a configuration, in the order of the file; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, fault) in self.0.iter().enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// The way to a value: keys, and places in lists counted from 0.
pub type Path = Vec<String>;

/// A TOML file as values, with the place of each.
pub struct Source {
    /// The file's name as it was given.
    file: String,
    text: String,
    /// The values, their tags still the default one.
    pub values: Dict,
    /// For each path the byte at which its key and its value begin.
    spots: BTreeMap<Path, (usize, usize)>,
}

impl Source {
    /// Reads TOML.
    ///
    /// # Errors
    /// The first mistake of its syntax.
    pub fn parse(file: &str, text: &str) -> Result<Source, Fault> {
        let doc = Document::parse(text).map_err(|error| Fault {
            place: place(file, text, error.span().map_or(0, |span| span.start)),
            path: Path::new(),
            what: format!("this is not TOML: {}", error.message().trim().replace('\n', ", ")),
            cure: String::new(),
        })?;
        let mut source =
            Source { file: file.to_owned(), text: text.to_owned(), values: Dict::new(), spots: BTreeMap::new() };
        source.values = source.table(doc.as_table(), &mut Path::new());
        Ok(source)
    }

    /// Where the value at this path stands, or the nearest table around it.
    pub fn value(&self, path: &[String]) -> Place {
        place(&self.file, &self.text, self.spot(path).1)
    }

    /// Where the key at this path stands, or the nearest table around it.
    pub fn key(&self, path: &[String]) -> Place {
        place(&self.file, &self.text, self.spot(path).0)
    }

    fn spot(&self, path: &[String]) -> (usize, usize) {
        (0..=path.len()).rev().find_map(|n| self.spots.get(&path[..n]).copied()).unwrap_or_default()
    }

    fn table(&mut self, table: &dyn TableLike, path: &mut Path) -> Dict {
        let mut dict = Dict::new();
        for (name, item) in table.iter() {
            path.push(name.to_owned());
            let key = table.get_key_value(name).and_then(|(key, _)| key.span()).map(|span| span.start);
            let value = item.span().map(|span| span.start);
            if let Some(at) = key.or(value) {
                self.spots.insert(path.clone(), (at, value.unwrap_or(at)));
            }
            dict.insert(name.to_owned(), self.item(item, path));
            path.pop();
        }
        dict
    }

    fn item(&mut self, item: &Item, path: &mut Path) -> Value {
        match item {
            Item::None => Value::from(""),
            Item::Value(value) => self.scalar(value, path),
            Item::Table(table) => Value::from(self.table(table, path)),
            Item::ArrayOfTables(tables) => self.list(tables.iter(), path, |source, table, path| {
                (table.span(), Value::from(source.table(table, path)))
            }),
        }
    }

    fn scalar(&mut self, value: &toml_edit::Value, path: &mut Path) -> Value {
        match value {
            toml_edit::Value::String(text) => Value::from(text.value().as_str()),
            toml_edit::Value::Integer(number) => Value::from(*number.value()),
            toml_edit::Value::Float(number) => Value::from(*number.value()),
            toml_edit::Value::Boolean(flag) => Value::from(*flag.value()),
            toml_edit::Value::Datetime(date) => Value::from(date.value().to_string()),
            toml_edit::Value::InlineTable(table) => Value::from(self.table(table, path)),
            toml_edit::Value::Array(items) => {
                self.list(items.iter(), path, |source, value, path| (value.span(), source.scalar(value, path)))
            }
        }
    }

    fn list<T>(
        &mut self,
        items: impl Iterator<Item = T>,
        path: &mut Path,
        each: impl Fn(&mut Source, T, &mut Path) -> (Option<Range<usize>>, Value),
    ) -> Value {
        let mut values = Vec::new();
        for (n, item) in items.enumerate() {
            path.push(n.to_string());
            let (span, value) = each(self, item, path);
            if let Some(span) = span {
                self.spots.insert(path.clone(), (span.start, span.start));
            }
            values.push(value);
            path.pop();
        }
        Value::from(values)
    }
}

fn place(file: &str, text: &str, at: usize) -> Place {
    let before = text.get(..at).unwrap_or(text);
    let line = before.bytes().filter(|&b| b == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    Place::File { file: file.to_owned(), line, column }
}
