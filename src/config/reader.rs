//! Reads the merged tree, key by key: every key that nobody asked for is a fault, every fault is kept, and reading goes on
//! with a default.

use super::{
    layer::Tree,
    place::{Fault, Path, Place},
    unit,
};
use crate::engine::{Name, time::Span};
use figment::value::{Dict, Value};
use std::{cell::RefCell, ops::RangeInclusive};

/// The longest name of a line, an operator and so on, in bytes.
const MOST_NAME: usize = 64;
/// The most items of any list.
pub const MOST_ITEMS: usize = 10_000;

/// The tree with the faults found so far.
pub struct Reader {
    tree: Tree,
    faults: RefCell<Vec<Fault>>,
}

impl Reader {
    /// Begins to read.
    pub fn new(tree: Tree) -> Reader {
        Reader { tree, faults: RefCell::default() }
    }

    /// The whole tree.
    pub fn root(&self) -> Table<'_> {
        Table { reader: self, path: Path::new(), dict: &self.tree.root, asked: RefCell::default() }
    }

    /// The faults, in the order of the file, each once.
    pub fn into_faults(self) -> Vec<Fault> {
        let mut faults = self.faults.into_inner();
        faults.sort();
        faults.dedup();
        faults
    }

    fn fault(&self, path: &[String], place: Place, what: String, cure: String) {
        let path = self.tree.named(path);
        self.faults.borrow_mut().push(Fault { place, path, what, cure });
    }
}

/// A value with the way to it.
#[derive(Clone)]
pub struct Node<'a> {
    reader: &'a Reader,
    path: Path,
    value: &'a Value,
}

impl<'a> Node<'a> {
    /// Notes a fault of this value.
    pub fn fault(&self, what: impl Into<String>, cure: impl Into<String>) {
        self.reader.fault(&self.path, self.reader.tree.place(&self.path, self.value), what.into(), cure.into());
    }

    /// The key that this value has.
    pub fn key(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// A text.
    pub fn text(&self) -> Option<&'a str> {
        let text = self.value.as_str();
        if text.is_none() {
            let example = if self.value.to_num().is_some() { "write it in quotes" } else { "write \"…\"" };
            self.fault(format!("`{}` is {}, and a text is wanted", self.key(), self.kind()), example);
        }
        text
    }

    /// A text, without a fault when it is none.
    pub fn quiet_text(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    /// A list, without a fault when it is none.
    pub fn quiet_list(&self) -> Vec<Node<'a>> {
        self.value.as_array().and_then(|_| self.list()).unwrap_or_default()
    }

    /// Is it a text?
    pub fn is_text(&self) -> bool {
        self.value.as_str().is_some()
    }

    /// True or false.
    pub fn flag(&self) -> Option<bool> {
        let from_variable = || self.reader.tree.is_variable(self.value).then(|| self.value.as_str()?.parse().ok());
        let flag = self.value.to_bool().or_else(|| from_variable().flatten());
        if flag.is_none() {
            self.fault(format!("`{}` is {}, and true or false is wanted", self.key(), self.kind()), "");
        }
        flag
    }

    /// Is it this switch?
    pub fn is_flag(&self, flag: bool) -> bool {
        self.value.to_bool() == Some(flag)
    }

    /// A text that is not empty and has no control characters.
    pub fn line_of_text(&self) -> Option<&'a str> {
        let text = self.text()?;
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            self.fault(format!("`{}` is empty or has control characters", self.key()), "");
            return None;
        }
        Some(text)
    }

    /// A name.
    pub fn name(&self) -> Option<Name> {
        let name = self.line_of_text()?;
        if name.len() > MOST_NAME {
            self.fault(format!("a name has at most {MOST_NAME} bytes"), "");
            return None;
        }
        Some(name.into())
    }

    /// A span of time within limits.
    pub fn span(&self, limits: RangeInclusive<Span>) -> Option<Span> {
        if self.value.as_dict().is_some() {
            self.fault(
                format!("`{}` is a table, and a time is wanted", self.key()),
                "write \"30s\", \"5m\" or \"24h\"",
            );
            return None;
        }
        let text = self.value.as_str().map(str::to_owned).or_else(|| self.value.to_i128().map(|n| n.to_string()))?;
        let span = unit::span(&text).map_err(|fault| self.fault(fault.what, fault.cure)).ok()?;
        if !limits.contains(&span) {
            let (least, most) = limits.clone().into_inner();
            self.fault(format!("`{}` is {text}", self.key()), format!("it may be {least} to {most}"));
            return None;
        }
        Some(span)
    }

    /// A whole number within limits.
    pub fn count(&self, limits: RangeInclusive<u32>) -> Option<u32> {
        let from_variable = || self.reader.tree.is_variable(self.value).then(|| self.value.as_str()?.parse().ok());
        let number = self.value.to_i128().or_else(|| from_variable().flatten());
        let count = number.and_then(|number| u32::try_from(number).ok()).filter(|count| limits.contains(count));
        if count.is_none() {
            let what = match number {
                Some(number) => format!("`{}` is {number}", self.key()),
                None => format!("`{}` is {}, and a whole number is wanted", self.key(), self.kind()),
            };
            self.fault(what, format!("it may be {} to {}", limits.start(), limits.end()));
        }
        count
    }

    /// A table.
    pub fn table(&self) -> Option<Table<'a>> {
        match self.value.as_dict() {
            Some(dict) => Some(Table { reader: self.reader, path: self.path.clone(), dict, asked: RefCell::default() }),
            None => {
                self.fault(format!("`{}` is {}, and a table is wanted", self.key(), self.kind()), "");
                None
            }
        }
    }

    /// Is it a table?
    pub fn is_table(&self) -> bool {
        self.value.as_dict().is_some()
    }

    /// A list, of at most [`MOST_ITEMS`].
    pub fn list(&self) -> Option<Vec<Node<'a>>> {
        let Some(items) = self.value.as_array() else {
            let cure = if self.is_text() { "put it in [ ]" } else { "" };
            self.fault(format!("`{}` is {}, and a list is wanted", self.key(), self.kind()), cure);
            return None;
        };
        if items.len() > MOST_ITEMS {
            self.fault(format!("`{}` has more than {MOST_ITEMS} items", self.key()), "");
            return None;
        }
        let node = |(n, value): (usize, &'a Value)| {
            let path = self.path.iter().cloned().chain([n.to_string()]).collect();
            Node { reader: self.reader, path, value }
        };
        Some(items.iter().enumerate().map(node).collect())
    }

    /// A list, or one item that stands for itself.
    pub fn one_or_more(&self) -> Vec<Node<'a>> {
        if self.is_text() { vec![self.clone()] } else { self.list().unwrap_or_default() }
    }

    /// One of these words.
    pub fn word<T: Clone>(&self, words: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.fault(format!("`{}` is \"{text}\"", self.key()), one_of(text, &known));
        }
        found.map(|(_, value)| value.clone())
    }

    fn kind(&self) -> &'static str {
        match self.value {
            Value::String(..) | Value::Char(..) => "a text",
            Value::Bool(..) => "true or false",
            Value::Num(..) => "a number",
            Value::Empty(..) => "empty",
            Value::Dict(..) => "a table",
            Value::Array(..) => "a list",
        }
    }
}

/// A table, with the keys that were asked for.
pub struct Table<'a> {
    reader: &'a Reader,
    path: Path,
    dict: &'a Dict,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Table<'a> {
    /// The value of this key, if it is there.
    pub fn get(&self, key: &'static str) -> Option<Node<'a>> {
        self.asked.borrow_mut().push(key);
        self.node(key)
    }

    /// The table of this key, if it is there.
    pub fn inner(&self, key: &'static str) -> Option<Table<'a>> {
        self.get(key)?.table()
    }

    /// The tables of `[[key]]`, in their order.
    pub fn tables(&self, key: &'static str) -> Vec<Table<'a>> {
        let Some(node) = self.get(key) else { return Vec::new() };
        if node.is_table() {
            node.fault(format!("[{key}] is one table, and there may be several"), format!("write [[{key}]]"));
            return Vec::new();
        }
        node.list().unwrap_or_default().iter().filter_map(Node::table).collect()
    }

    /// The tables `[key.NAME]`, by name.
    pub fn named_tables(&self, key: &'static str) -> Vec<(Name, Table<'a>)> {
        let Some(node) = self.get(key) else { return Vec::new() };
        if node.value.as_array().is_some() {
            node.fault(format!("[[{key}]] has no name"), format!("write [{key}.NAME]"));
            return Vec::new();
        }
        let Some(outer) = node.table() else { return Vec::new() };
        let mut named = Vec::new();
        for key in outer.dict.keys() {
            let Some(inner) = outer.node(key) else { continue };
            if !inner.is_table() {
                let outer =
                    self.path.iter().chain([&node.path[node.path.len() - 1]]).cloned().collect::<Vec<_>>().join(".");
                inner
                    .fault(format!("`{key}` stands in no table with a name"), format!("write [{outer}.NAME] above it"));
            } else if let Some(table) = inner.table() {
                named.push((key.as_str().into(), table));
            }
        }
        named
    }

    /// Notes a fault of the table as a whole.
    pub fn fault(&self, what: impl Into<String>, cure: impl Into<String>) {
        self.reader.fault(&self.path, self.reader.tree.table_place(&self.path), what.into(), cure.into());
    }

    /// The key is missing.
    pub fn missing(&self, key: &str, cure: impl Into<String>) {
        self.fault(format!("`{key}` is missing"), cure);
    }

    /// Every key that nobody asked for is a fault; to be called when all were.
    pub fn close(&self) {
        let asked = self.asked.borrow();
        for key in self.dict.keys().filter(|key| !asked.contains(&key.as_str())) {
            let Some(node) = self.node(key) else { continue };
            let place = self.reader.tree.key_place(&node.path, node.value);
            self.reader.fault(&node.path, place, format!("there is no key `{key}` here"), one_of(key, &asked));
        }
    }

    fn node(&self, key: &str) -> Option<Node<'a>> {
        let path = self.path.iter().cloned().chain([key.to_owned()]).collect();
        self.dict.get(key).map(|value| Node { reader: self.reader, path, value })
    }
}

/// What may have been meant, or what there is.
pub fn one_of(text: &str, known: &[&str]) -> String {
    let close = |word: &&&str| strsim::damerau_levenshtein(text, word) <= (word.chars().count() / 3).max(1);
    let near = known.iter().filter(close).min_by_key(|word| strsim::damerau_levenshtein(text, word));
    let mut all = known.to_vec();
    all.sort_unstable();
    all.dedup();
    match near {
        Some(word) => format!("did you mean `{word}`?"),
        None if all.is_empty() => "there is none".to_owned(),
        None => format!("known: {}", all.join(", ")),
    }
}
