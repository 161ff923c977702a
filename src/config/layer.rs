//! The file, the settings over it and the environment as layers of one tree that keeps which value came from where: settings are
//! laid by name ([`super::over`]), the environment is merged by figment.

use super::{
    over::{self, Origin, Over},
    place::{Fault, Path, Place, Source},
};
use figment::{
    Error, Figment, Metadata, Profile, Provider,
    value::{Dict, Map, Value},
};
use serde::Serialize;
use std::collections::BTreeMap;

/// What an environment variable of ours begins with.
pub const PREFIX: &str = "PEREZVON_";
/// What stands between two levels of the tree in a variable's name.
const LEVEL: &str = "__";
/// The name under which figment keeps the environment's layer.
const ENVIRONMENT: &str = "environment";

/// The sections that there are: a variable whose name begins with one and has no level is a slip of the pen.
const SECTIONS: [&str; 8] = ["switch", "store", "http", "cdr", "control", "log", "voice", "defaults"];

/// What says a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum From {
    /// The file.
    File,
    /// The settings over it.
    Settings,
    /// A variable, over both.
    Environment,
}

/// The merged tree, and where its values came from.
pub struct Tree {
    source: Source,
    /// The values.
    pub root: Dict,
    figment: Figment,
    /// What the settings are called.
    over: String,
    origins: BTreeMap<Path, Origin>,
}

impl Tree {
    /// Lays the settings over the file, and the variables over both.
    ///
    /// # Errors
    /// Variables that cannot be meant.
    pub fn merge(
        source: Source,
        settings: Option<&Over>,
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<Tree, Vec<Fault>> {
        let file = source.values.clone();
        let (values, origins) =
            settings.map_or_else(|| (file.clone(), BTreeMap::new()), |over| over::lay(file.clone(), over));
        let mut over = Dict::new();
        let mut faults = Vec::new();
        for (name, value) in variables {
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            let path: Vec<String> = rest.to_ascii_lowercase().split(LEVEL).map(str::to_owned).collect();
            if path.len() > 1 {
                put(&mut over, &as_in_file(&values, path), value);
            } else if SECTIONS.iter().any(|section| path[0].starts_with(&format!("{section}_"))) {
                let meant = rest.replacen('_', LEVEL, 1);
                let what = "levels are parted by two underscores".to_owned();
                faults.push(Fault {
                    place: Place::Variable(name),
                    path: Path::new(),
                    what,
                    cure: format!("did you mean {PREFIX}{meant}?"),
                });
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let figment =
            Figment::new().merge(Layer { name: "file", values }).merge(Layer { name: ENVIRONMENT, values: over });
        let root = figment.data().ok().and_then(|mut data| data.remove(&Profile::Default)).unwrap_or_default();
        let over = settings.map(|settings| settings.name.clone()).unwrap_or_default();
        Ok(Tree { source, root, figment, over, origins })
    }

    /// Does this value come from the environment?
    pub fn is_variable(&self, value: &Value) -> bool {
        self.figment.get_metadata(value.tag()).is_some_and(|metadata| metadata.name == ENVIRONMENT)
    }

    /// What says this value.
    pub fn from(&self, path: &[String], value: &Value) -> From {
        match self.origin(path) {
            _ if self.is_variable(value) => From::Environment,
            (_, Some(Origin::Over)) => From::Settings,
            _ => From::File,
        }
    }

    /// Where this value stands.
    pub fn place(&self, path: &[String], value: &Value) -> Place {
        if self.is_variable(value) { variable(path) } else { self.written(path, Source::value) }
    }

    /// Where the key of this value stands.
    pub fn key_place(&self, path: &[String], value: &Value) -> Place {
        if self.is_variable(value) { variable(path) } else { self.written(path, Source::key) }
    }

    /// Where this table stands.
    pub fn table_place(&self, path: &[String]) -> Place {
        self.written(path, Source::key)
    }

    /// The path with the names of lines, operators and groups in place of their places in the list.
    pub fn named(&self, path: &[String]) -> Path {
        let mut path = path.to_vec();
        let list = path.first().filter(|list| over::LISTS.contains(&list.as_str()));
        let items = list.and_then(|list| self.root.get(list)?.as_array());
        if let (Some(items), Some(place)) = (items, path.get_mut(1))
            && let Some(name) = place.parse().ok().and_then(|n: usize| items.get(n)?.as_dict()?.get("name")?.as_str())
        {
            name.clone_into(place);
        }
        path
    }

    fn written(&self, path: &[String], of: fn(&Source, &[String]) -> Place) -> Place {
        match self.origin(path) {
            (n, Some(Origin::File(there))) => of(&self.source, &[there, &path[n..]].concat()),
            (_, Some(Origin::Over)) => Place::Settings { of: self.over.clone(), path: over::dotted(&self.named(path)) },
            (_, None) => of(&self.source, path),
        }
    }

    /// Where the nearest table around it comes from that is known to, and how long its path is.
    fn origin(&self, path: &[String]) -> (usize, Option<&Origin>) {
        let found = (0..=path.len()).rev().find_map(|n| Some((n, self.origins.get(&path[..n])?)));
        found.map_or((0, None), |(n, origin)| (n, Some(origin)))
    }
}

fn variable(path: &[String]) -> Place {
    Place::Variable(format!("{PREFIX}{}", path.join(LEVEL).to_uppercase()))
}

/// A variable's name has no case: a table of the file that differs only in case is meant.
fn as_in_file(values: &Dict, path: Path) -> Path {
    let mut here = Some(values);
    path.into_iter()
        .map(|name| {
            let key = here.and_then(|dict| dict.keys().find(|key| key.to_lowercase() == name).cloned()).unwrap_or(name);
            here = here.and_then(|dict| dict.get(&key)).and_then(Value::as_dict);
            key
        })
        .collect()
}

fn put(dict: &mut Dict, path: &[String], text: String) {
    match path {
        [] => {}
        [last] => {
            dict.insert(last.clone(), Value::from(text));
        }
        [first, rest @ ..] => {
            let mut inner = dict.remove(first).and_then(Value::into_dict).unwrap_or_default();
            put(&mut inner, rest, text);
            dict.insert(first.clone(), Value::from(inner));
        }
    }
}

struct Layer {
    name: &'static str,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}
