//! The pretend world, pure and in virtual time: a FreeSWITCH that speaks ESL bytes, people with habits, faults, and the
//! invariants that all of it is judged by.
//!
//! In reading order: [`random`], [`switch`] (the pretend FreeSWITCH), [`people`], [`town`] (the two together), [`house`] (a
//! call centre as rules and as a switch), [`shell`] (the daemon without its sockets), [`faults`], [`invariants`], [`world`], [`fate`] (random
//! worlds).

pub mod fate;
pub mod faults;
pub mod house;
pub mod invariants;
pub mod people;
pub mod random;
pub mod shell;
pub mod switch;
#[cfg(feature = "daemon")]
pub mod tcp;
pub mod town;
pub mod world;
