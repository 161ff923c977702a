//! Perezvon: a daemon beside FreeSWITCH that lets no client's call be lost.
//!
//! The modules in reading order; ARCHITECTURE.md has the map with its reasons.

pub mod engine;
pub mod esl;
pub mod replay;
pub mod report;
pub mod sim;
pub mod store;
pub mod switch;
pub mod voice;

#[cfg(feature = "daemon")]
pub mod chat;
#[cfg(feature = "daemon")]
pub mod cli;
#[cfg(feature = "daemon")]
pub mod clock;
#[cfg(feature = "daemon")]
pub mod config;
#[cfg(feature = "daemon")]
pub mod control;
#[cfg(feature = "daemon")]
pub mod daemon;
#[cfg(feature = "daemon")]
pub mod http;
#[cfg(feature = "daemon")]
pub mod metrics;
