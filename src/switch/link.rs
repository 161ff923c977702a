//! What a connection to a switch tells the daemon's loop, and what it takes from it.

use crate::engine::{Name, effect::Effect, input::News};

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
