//! The desk at which people and programs ask the daemon: the control socket and the HTTP API hold the same [`Service`] over
//! a [`Handle`], the daemon's loop holds the [`Desk`].
//!
//! ```text
//! socket, HTTP, SIGHUP ── Service ── Handle ──(Ask, bounded)──> Desk ── the loop: step -> commit -> perform ──> the answer
//!                                           <──(Tiding, broadcast)──
//! ```

pub mod client;
pub mod handle;
pub mod people;
pub mod request;
pub mod sample;
pub mod service;
pub mod settings;
pub mod socket;

pub use handle::{Ask, CdrRefused, Desk, EngineStatus, Gone, Handle, NotStored, Tiding, desk};
pub use people::{Client, Hands, MOST_HISTORY};
pub use service::{Service, Started};
