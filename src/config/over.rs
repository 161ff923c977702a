//! Settings over the file: a document of the file's own shape, of the sections that people edit, which is laid over it.
//!
//! ```toml
//! remove = ["line.site.redial.avoid", "operator.boris"]   # what the file says, and is not to hold
//!
//! [[line]]                    # the line of this name; one that the file does not have is a new one
//! name = "site"
//! [line.redial]               # key by key: a value that stands here replaces the file's whole
//! attempts = 3
//! ```

use super::place::{Fault, Faults, Path, Place, Source};
use figment::value::{Dict, Value};
use std::{collections::BTreeMap, str::FromStr};

/// The longest document of settings, in bytes: it fits into one request with room for what is around it.
pub const MOST_TEXT: usize = 48_000;
/// The most that may be removed.
const MOST_REMOVED: usize = 1000;
/// The key under which is said what of the file is not to hold.
const REMOVE: &str = "remove";

/// The sections that may be edited.
pub const SECTIONS: [&str; 6] = ["defaults", "calendar", "operator", "group", "line", "trunk"];
/// Those whose tables are a list, in which they are found by their `name`.
pub const LISTS: [&str; 3] = ["line", "operator", "group"];
/// The tables of a line and of the defaults that are laid key by key.
const LAYERS: [&str; 3] = ["redial", "requested", "queue"];
/// What may be edited of a trunk: how it dials is the machine's.
const OF_TRUNK: [&str; 4] = ["billing", "cap_per_month", "channels", "per_minute"];

/// Is the table at this path of names laid key by key? Any other value is replaced whole.
pub fn is_laid(path: &[String]) -> bool {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        [] => true,
        [section] | [section, _] if *section != "defaults" => SECTIONS.contains(section),
        ["defaults"] => true,
        ["defaults", layer] | ["line", _, layer] => LAYERS.contains(layer),
        _ => false,
    }
}

/// A path as TOML writes it: `line.site.redial.attempts`, `line."a b"`.
pub fn dotted(path: &[String]) -> String {
    path.iter().map(|key| toml_edit::Key::new(key).display_repr().into_owned()).collect::<Vec<_>>().join(".")
}

/// Settings that are to be laid over a file.
#[derive(Clone, Debug)]
pub struct Over {
    /// What faults call it: `settings version 12`.
    pub(super) name: String,
    pub(super) values: Dict,
    removed: Vec<Path>,
}

impl Over {
    /// Reads them. `name`: what faults call them.
    ///
    /// # Errors
    /// It is no TOML, or says what settings may not say.
    pub fn parse(name: &str, text: &str) -> Result<Over, Faults> {
        let fault = |path: &[String], what: String, cure: String| Fault {
            place: Place::Settings { of: name.to_owned(), path: dotted(path) },
            path: path.to_vec(),
            what,
            cure,
        };
        if text.len() > MOST_TEXT {
            let cure = "write what is the same for many lines into [defaults], or into the file";
            return Err(Faults(vec![fault(&[], format!("settings have at most {MOST_TEXT} bytes"), cure.to_owned())]));
        }
        let mut values = Source::parse(name, text).map_err(|fault| Faults(vec![fault]))?.values;
        let mut faults = Vec::new();
        let removed = match values.remove(REMOVE) {
            None => Vec::new(),
            Some(value) => removed(&value).unwrap_or_else(|what| {
                let cure = "write remove = [\"line.site.redial.avoid\"]";
                faults.push(fault(&[REMOVE.to_owned()], what, cure.to_owned()));
                Vec::new()
            }),
        };
        let said = entries(&values).into_iter().map(|entry| entry.names);
        for path in said.chain(removed.iter().cloned()) {
            faults.extend(forbidden(&path).map(|(what, cure)| fault(&path, what, cure)));
        }
        for list in LISTS {
            faults.extend(twice(&values, list).map(|path| {
                fault(&path, format!("{list} \"{}\" is here twice", path[1]), "write one of them".to_owned())
            }));
        }
        faults.sort();
        faults.dedup();
        if faults.is_empty() { Ok(Over { name: name.to_owned(), values, removed }) } else { Err(Faults(faults)) }
    }

    /// What it sets, by paths of names.
    pub fn set(&self) -> Vec<(Path, serde_json::Value)> {
        entries(&self.values).into_iter().map(|entry| (entry.names, json(entry.value))).collect()
    }

    /// What of the file is not to hold.
    pub fn removed(&self) -> &[Path] {
        &self.removed
    }

    /// Does it say nothing?
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.removed.is_empty()
    }
}

fn removed(value: &Value) -> Result<Vec<Path>, String> {
    let items = value.as_array().ok_or("`remove` is no list")?;
    if items.len() > MOST_REMOVED {
        return Err(format!("`remove` has more than {MOST_REMOVED} items"));
    }
    let path = |item: &Value| {
        let text = item.as_str().ok_or("`remove` is a list of texts")?;
        let keys = toml_edit::Key::parse(text).map_err(|_| format!("\"{text}\" in `remove` is no path of keys"))?;
        Ok(keys.iter().map(|key| key.get().to_owned()).collect())
    };
    items.iter().map(path).collect()
}

/// Why settings may not say what stands at this path, and where it may be said.
fn forbidden(path: &[String]) -> Option<(String, String)> {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    let of_file = "write it into the file, and have the daemon read it anew".to_owned();
    match names.as_slice() {
        [section, ..] if !SECTIONS.contains(section) => {
            let known = SECTIONS.join(", ");
            Some((
                format!("`{section}` is about this machine, and only the file says it"),
                format!("settings say: {known}"),
            ))
        }
        [section] => Some((format!("`{section}` is a whole section"), "name what is meant in it".to_owned())),
        ["defaults", "zones"] => Some(("`zones` names a file of this machine".to_owned(), of_file)),
        ["trunk", name] => Some((format!("trunk \"{name}\" is a way out of this machine"), of_file)),
        ["trunk", _, key, ..] if !OF_TRUNK.contains(key) => {
            let what = format!("`{key}` of a trunk is about this machine, and only the file says it");
            Some((what, format!("of a trunk settings say: {}", OF_TRUNK.join(", "))))
        }
        _ => None,
    }
}

fn twice(values: &Dict, list: &str) -> Option<Path> {
    let names: Vec<&str> = values.get(list)?.as_array()?.iter().filter_map(name_of).collect();
    let twice = names.iter().enumerate().find(|(n, name)| names[..*n].contains(name))?.1;
    Some(vec![list.to_owned(), (*twice).to_owned()])
}

/// A value of the sections that may be edited, or of any other section.
pub struct Entry<'a> {
    /// The way to it by names.
    pub names: Path,
    /// The way to it by places in lists.
    pub path: Path,
    /// The value.
    pub value: &'a Value,
}

/// Every value that is replaced whole when something is laid over it, in order. A table's name is its place.
pub fn entries(values: &Dict) -> Vec<Entry<'_>> {
    let mut found = Vec::new();
    for (section, value) in values {
        let path = vec![section.clone()];
        match value.as_array().filter(|_| LISTS.contains(&section.as_str())) {
            Some(items) => {
                for (n, item) in items.iter().enumerate() {
                    let name = name_of(item).map_or_else(|| n.to_string(), str::to_owned);
                    walk(
                        item,
                        [path.clone(), vec![name]].concat(),
                        [path.clone(), vec![n.to_string()]].concat(),
                        &mut found,
                    );
                }
            }
            None => walk(value, path.clone(), path, &mut found),
        }
    }
    found
}

fn walk<'a>(value: &'a Value, names: Path, path: Path, found: &mut Vec<Entry<'a>>) {
    let Some(dict) = value.as_dict().filter(|_| is_laid(&names)) else {
        return found.push(Entry { names, path, value });
    };
    let named = names.len() == 2 && LISTS.contains(&names[0].as_str());
    for (key, value) in dict.iter().filter(|(key, _)| !named || *key != "name") {
        let with = |path: &Path| [path.as_slice(), std::slice::from_ref(key)].concat();
        walk(value, with(&names), with(&path), found);
    }
}

fn name_of(item: &Value) -> Option<&str> {
    item.as_dict()?.get("name")?.as_str()
}

/// A value as JSON.
pub fn json(value: &Value) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// Where a value of the laid tree comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The file, at this path.
    File(Path),
    /// The settings.
    Over,
}

/// The file's values with settings laid over them. A path that is not among the origins comes from where the table around it does,
/// the whole from the file.
pub fn lay(mut values: Dict, over: &Over) -> (Dict, BTreeMap<Path, Origin>) {
    let mut origins = BTreeMap::new();
    let kept = take_off(&mut values, &over.removed);
    for (list, kept) in kept {
        let moved = kept.into_iter().enumerate().filter(|(new, old)| new != old);
        origins.extend(moved.map(|(new, old)| {
            let at = |n: usize| vec![list.to_owned(), n.to_string()];
            (at(new), Origin::File(at(old)))
        }));
    }
    lay_table(&mut values, &over.values, &mut Path::new(), &mut Path::new(), &mut origins);
    (values, origins)
}

/// Removes what is at these paths; tells of each list which of its items are left.
fn take_off(values: &mut Dict, removed: &[Path]) -> Vec<(&'static str, Vec<usize>)> {
    let count = |list: &str| values.get(list).and_then(Value::as_array).map_or(0, <[Value]>::len);
    let mut kept: Vec<(&'static str, Vec<usize>)> = LISTS.map(|list| (list, (0..count(list)).collect())).into();
    for path in removed {
        let list = kept.iter_mut().find(|(list, _)| Some(*list) == path.first().map(String::as_str));
        match (path.as_slice(), list, path.first().and_then(|section| values.get_mut(section))) {
            ([_, name], Some((_, kept)), Some(Value::Array(_, items))) => {
                if let Some(at) = items.iter().position(|item| name_of(item) == Some(name)) {
                    items.remove(at);
                    kept.remove(at);
                }
            }
            ([_, name, rest @ ..], Some(_), Some(Value::Array(_, items))) => {
                let item = items.iter_mut().find(|item| name_of(item) == Some(name));
                if let Some(Value::Dict(_, dict)) = item {
                    take_key(dict, rest);
                }
            }
            (path, None, Some(_)) => take_key(values, path),
            _ => {}
        }
    }
    kept
}

fn take_key(dict: &mut Dict, path: &[String]) {
    match path {
        [] => {}
        [key] => drop(dict.remove(key)),
        [key, rest @ ..] => {
            if let Some(Value::Dict(_, inner)) = dict.get_mut(key) {
                take_key(inner, rest);
            }
        }
    }
}

fn lay_table(below: &mut Dict, over: &Dict, names: &mut Path, path: &mut Path, origins: &mut BTreeMap<Path, Origin>) {
    for (key, value) in over {
        names.push(key.clone());
        path.push(key.clone());
        match (below.get_mut(key), value) {
            (Some(Value::Dict(_, below)), Value::Dict(_, over)) if is_laid(names) => {
                lay_table(below, over, names, path, origins);
            }
            (Some(Value::Array(_, below)), Value::Array(_, over))
                if path.len() == 1 && LISTS.contains(&key.as_str()) =>
            {
                lay_list(below, over, names, path, origins);
            }
            _ => {
                origins.insert(path.clone(), Origin::Over);
                below.insert(key.clone(), value.clone());
            }
        }
        names.pop();
        path.pop();
    }
}

fn lay_list(
    below: &mut Vec<Value>,
    over: &[Value],
    names: &mut Path,
    path: &mut Path,
    origins: &mut BTreeMap<Path, Origin>,
) {
    for item in over {
        let known = name_of(item).and_then(|name| below.iter().position(|below| name_of(below) == Some(name)));
        path.push(known.unwrap_or(below.len()).to_string());
        names.push(name_of(item).unwrap_or_default().to_owned());
        match (known.map(|at| &mut below[at]), item) {
            (Some(Value::Dict(_, below)), Value::Dict(_, over)) => {
                let mut over = over.clone();
                over.remove("name");
                lay_table(below, &over, names, path, origins);
            }
            _ => {
                origins.insert(path.clone(), Origin::Over);
                below.push(item.clone());
            }
        }
        path.pop();
        names.pop();
    }
}

/// Settings as TOML, from what they set and remove.
///
/// # Errors
/// The same is set twice, or a value is none that TOML has.
pub fn write(set: &[(Path, serde_json::Value)], removed: &[Path]) -> Result<String, String> {
    let mut root = serde_json::Map::new();
    for (path, value) in set {
        put(&mut root, path, value).ok_or_else(|| format!("`{}` is set twice", dotted(path)))?;
    }
    let mut text = String::new();
    if !removed.is_empty() {
        let paths: Vec<serde_json::Value> = removed.iter().map(|path| dotted(path).into()).collect();
        text += &format!("{REMOVE} = {}\n", toml(&paths.into())?);
    }
    table(&mut text, "", &mut Path::new(), &root)?;
    Ok(text)
}

fn put(map: &mut serde_json::Map<String, serde_json::Value>, path: &[String], value: &serde_json::Value) -> Option<()> {
    match path {
        [] => None,
        [key] => match map.get_mut(key) {
            None => map.insert(key.clone(), value.clone()).is_none().then_some(()),
            // A table that says nothing: its name, of which more is said elsewhere.
            Some(known) => {
                (known.is_object() && value.as_object().is_some_and(serde_json::Map::is_empty)).then_some(())
            }
        },
        [key, rest @ ..] => {
            put(map.entry(key.clone()).or_insert_with(|| serde_json::json!({})).as_object_mut()?, rest, value)
        }
    }
}

/// Is what stands at this key a table with a header of its own?
fn is_table(names: &[String], key: &String, value: &serde_json::Value) -> bool {
    value.is_object() && is_laid(&[names, std::slice::from_ref(key)].concat())
}

/// The keys of a table, and the tables in it after them. `header`: as it stands in brackets.
fn table(
    text: &mut String,
    header: &str,
    names: &mut Path,
    map: &serde_json::Map<String, serde_json::Value>,
) -> Result<(), String> {
    let mut inner = Vec::new();
    for (key, value) in map {
        match value.as_object().filter(|_| is_table(names, key, value)) {
            Some(map) => inner.push((key, map)),
            None => *text += &format!("{} = {}\n", dotted(std::slice::from_ref(key)), toml(value)?),
        }
    }
    for (key, map) in inner {
        names.push(key.clone());
        let list = names.len() == 2 && LISTS.contains(&names[0].as_str());
        let of = dotted(std::slice::from_ref(key));
        let under = match (list, header.is_empty()) {
            (true, _) => header.to_owned(),
            (false, true) => of,
            (false, false) => format!("{header}.{of}"),
        };
        if list {
            *text += &format!("\n[[{under}]]\nname = {}\n", toml(&key.as_str().into())?);
        } else if map.is_empty() || map.iter().any(|(key, value)| !is_table(names, key, value)) {
            *text += &format!("\n[{under}]\n");
        }
        table(text, &under, names, map)?;
        names.pop();
    }
    Ok(())
}

/// A value as TOML writes it on one line.
///
/// # Errors
/// TOML has none such.
pub fn toml(value: &serde_json::Value) -> Result<String, String> {
    use serde_json::Value::{Array, Bool, Null, Number, Object, String as Text};
    Ok(match value {
        Null => return Err("null is no value: what is not to hold is removed".to_owned()),
        Bool(flag) => flag.to_string(),
        Number(number) => {
            let text = number.to_string();
            toml_edit::Value::from_str(&text).map_err(|_| format!("{text} is no number of TOML"))?;
            text
        }
        Text(text) => toml_edit::Value::from(text.as_str()).to_string(),
        Array(items) => format!("[{}]", items.iter().map(toml).collect::<Result<Vec<_>, _>>()?.join(", ")),
        Object(map) => {
            let pair =
                |(key, value): (&String, _)| Ok(format!("{} = {}", dotted(std::slice::from_ref(key)), toml(value)?));
            format!("{{ {} }}", map.iter().map(pair).collect::<Result<Vec<_>, String>>()?.join(", "))
        }
    })
}
