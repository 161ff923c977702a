//! The file and the environment as layers of one tree: figment merges them and keeps which value came from where.

use super::place::{Fault, Path, Place, Source};
use figment::{
    Error, Figment, Metadata, Profile, Provider,
    value::{Dict, Map, Value},
};

/// What an environment variable of ours begins with.
pub const PREFIX: &str = "PEREZVON_";
/// What stands between two levels of the tree in a variable's name.
const LEVEL: &str = "__";
/// The name under which figment keeps the environment's layer.
const ENVIRONMENT: &str = "environment";

/// The sections that there are: a variable whose name begins with one and has no level is a slip of the pen.
const SECTIONS: [&str; 13] = [
    "switch", "store", "http", "cdr", "control", "log", "voice", "defaults", "webhook", "bitrix24", "amocrm",
    "telegram", "crm",
];

/// The merged tree, and where its values came from.
pub struct Tree {
    /// The file.
    pub source: Source,
    /// The values.
    pub root: Dict,
    figment: Figment,
}

impl Tree {
    /// Lays the variables over the file.
    ///
    /// # Errors
    /// Variables that cannot be meant.
    pub fn merge(source: Source, variables: impl Iterator<Item = (String, String)>) -> Result<Tree, Vec<Fault>> {
        let mut over = Dict::new();
        let mut faults = Vec::new();
        for (name, value) in variables {
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            let path: Vec<String> = rest.to_ascii_lowercase().split(LEVEL).map(str::to_owned).collect();
            if path.len() > 1 {
                put(&mut over, &as_in_file(&source.values, path), value);
            } else if SECTIONS.iter().any(|section| path[0].starts_with(&format!("{section}_"))) {
                let meant = rest.replacen('_', LEVEL, 1);
                let what = "levels are parted by two underscores".to_owned();
                faults.push(Fault {
                    place: Place::Variable(name),
                    what,
                    cure: format!("did you mean {PREFIX}{meant}?"),
                });
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        let figment = Figment::new()
            .merge(Layer { name: "file", values: source.values.clone() })
            .merge(Layer { name: ENVIRONMENT, values: over });
        let root = figment.data().ok().and_then(|mut data| data.remove(&Profile::Default)).unwrap_or_default();
        Ok(Tree { source, root, figment })
    }

    /// Does this value come from the environment?
    pub fn is_variable(&self, value: &Value) -> bool {
        self.figment.get_metadata(value.tag()).is_some_and(|metadata| metadata.name == ENVIRONMENT)
    }

    /// Where this value stands.
    pub fn place(&self, path: &[String], value: &Value) -> Place {
        if self.is_variable(value) { variable(path) } else { self.source.value(path) }
    }

    /// Where the key of this value stands.
    pub fn key_place(&self, path: &[String], value: &Value) -> Place {
        if self.is_variable(value) { variable(path) } else { self.source.key(path) }
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
