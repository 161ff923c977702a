//! Between the engine and a switch: commands out, events in.
//!
//! | file | what |
//! |---|---|
//! | `causes` | hang-up causes and what they mean |
//! | `event` | events and answers become [`crate::engine::input::News`] |
//! | `order` | [`crate::engine::effect::Effect`]s become commands, and what their replies mean |
//! | `cdr` | call detail records |
//! | `inbound` | the connection that we dial, kept for ever |
//! | `outbound` | the connections by which dialplans give us their callers |
//! | `sound` | announcements that are rendered before they are played |
//! | `link` | what a connection tells the daemon's loop, and what it takes from it |

pub mod causes;
pub mod cdr;
pub mod event;
#[cfg(feature = "daemon")]
pub mod inbound;
#[cfg(feature = "daemon")]
pub mod link;
pub mod order;
#[cfg(feature = "daemon")]
pub mod outbound;
#[cfg(feature = "daemon")]
pub mod sound;
