//! What a connection to a switch tells the daemon's loop, what it takes from it, and what the connections know of each other's switch.

use crate::engine::{Name, effect::Effect, input::News};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{sync::watch, time::timeout};

/// What a switch's connection tells the loop.
#[derive(Debug)]
pub enum Told {
    /// News.
    News(Name, News),
    /// It will never come to be: a refused password, a refused address.
    Hopeless(Name, String),
}

/// The way to a switch.
pub trait Perform: Send {
    /// Does what the effect says, soon; `false` when it cannot be passed on (the connection is down, or too much waits).
    fn perform(&self, effect: &Effect) -> bool;
}

/// The switches, as the connections that we dial know them: whether they are up, and what their cores call themselves. A copy is the same.
#[derive(Clone, Debug)]
pub struct Roll(Arc<watch::Sender<BTreeMap<Name, Standing>>>);

/// How one switch stands.
#[derive(Clone, Debug, Default)]
struct Standing {
    up: bool,
    /// Known from the first event of a connection on.
    core: Option<Box<str>>,
}

/// Why a switch is not to be spoken with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// It is none of ours.
    Unknown,
    /// We are not logged in to it.
    Down,
}

impl Roll {
    /// These switches, of which nothing is known yet.
    pub fn new(names: impl IntoIterator<Item = Name>) -> Roll {
        let all = names.into_iter().map(|name| (name, Standing::default())).collect();
        Roll(Arc::new(watch::Sender::new(all)))
    }

    fn set(&self, name: &Name, change: impl FnOnce(&mut Standing)) {
        self.0.send_modify(|all| change(all.entry(name.clone()).or_default()));
    }

    /// We are logged in.
    pub fn up(&self, name: &Name) {
        self.set(name, |standing| standing.up = true);
    }

    /// We no longer are: it may come back as another core.
    pub fn down(&self, name: &Name) {
        self.set(name, |standing| *standing = Standing::default());
    }

    /// This is what its core calls itself.
    pub fn core(&self, name: &Name, core: Box<str>) {
        self.set(name, |standing| standing.core = Some(core));
    }

    /// The switch with this core, once we are logged in to it; an only switch whose core is not known yet is taken for it. Waits so long.
    ///
    /// # Errors
    /// It does not come to be known or up in that time.
    pub async fn find(&self, core: Option<&str>, patience: Duration) -> Result<Name, Absent> {
        let mut seen = self.0.subscribe();
        let up = |all: &BTreeMap<Name, Standing>| of(all, core).is_some_and(|(_, standing)| standing.up);
        // The sender is ours: it does not end.
        let found = timeout(patience, seen.wait_for(up)).await.is_ok();
        let all = self.0.borrow();
        match of(&all, core) {
            Some((name, _)) if found => Ok(name.clone()),
            Some(_) => Err(Absent::Down),
            None => Err(Absent::Unknown),
        }
    }
}

fn of<'a>(all: &'a BTreeMap<Name, Standing>, core: Option<&str>) -> Option<(&'a Name, &'a Standing)> {
    let same = all.iter().find(|(_, standing)| core.is_some() && standing.core.as_deref() == core);
    same.or_else(|| all.iter().next().filter(|(_, only)| all.len() == 1 && only.core.is_none()))
}
