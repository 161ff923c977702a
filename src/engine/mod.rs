//! Every decision of Perezvon, pure: `Engine::step(input, now) -> writes + effects`.
//!
//! No I/O, no clock, no randomness: time is an argument, ids are hashes of what is stored, order is data. The shell commits
//! the writes of a step first and performs its effects afterwards; what comes back from the switch is the next input.
//!
//! In reading order: [`time`], [`number`], [`money`], [`rules`] (what the admin configured), [`hours`], [`record`] and [`paper`] (what is stored),
//! [`input`], [`effect`], then the machines: `machine` (the step), `link` (a switch's connection), `call`, `operator`,
//! `callback`, `distribution`, `attempt`, `held`, `queue` and `hold`, each with its transition table; `picture` (what operators see) and
//! `disposition` (what they say of a talk); `strategy` (who of a group is rung), [`recording`] (where talks are written), [`retry`] with
//! `dials` (when a client may be dialled), [`forget`] (who is not to be kept), and `status` (what people see).

mod attempt;
mod blocked;
mod call;
mod callback;
mod dials;
mod disposition;
mod distribution;
mod held;
mod hold;
mod last_calls;
mod link;
mod machine;
mod operator;
mod picture;
mod queue;
mod spent;
mod status;
mod strategy;

pub mod cost;
pub mod effect;
pub mod explain;
pub mod forget;
pub mod hours;
pub mod input;
pub mod money;
pub mod number;
pub mod paper;
pub mod record;
pub mod recording;
pub mod retry;
pub mod rules;
pub mod time;
pub mod zones;

pub use machine::{Deadline, Engine, Step};
pub use operator::{LONGEST_PAUSE, OperatorState};
pub use status::{AttemptView, HoldView, OperatorView, QueueView, Status, SwitchView, WaiterView};
use std::sync::Arc;

/// A name from the configuration: of a line, an operator, a group, a trunk, a switch.
pub type Name = Arc<str>;
