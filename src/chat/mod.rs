//! Conversations in writing between a visitor of a web site and the operators of a line.
//!
//! | what | by the visitor | by an operator | what comes of it |
//! |---|---|---|---|
//! | a message, a picture | while it is open | while it is open; a chat that is nobody's becomes theirs | it is on the disk before anybody sees it |
//! | passed on | | to another operator | so it is when an operator talks with the client, or has them transferred |
//! | closed | at will | at will | nothing can be said any more; it is closed after a day of silence, too |
//! | blocked | | with the client's number | the same, and nobody is called |
//! | nothing is answered for [`OFFER_AFTER`] | | | the visitor is offered a callback, once for each silence |
//!
//! [`record`] is what is kept and what may be done, pure; [`rooms`] holds the chats that are open, one lock each.

pub mod picture;
pub mod record;
pub mod rooms;

pub use record::{By, Chat, Message, Opening, Refused, State};
pub use rooms::{Chats, Told};

use crate::engine::time::Span;

/// How long a visitor waits for an answer before a callback is offered.
pub const OFFER_AFTER: Span = Span::seconds(60);
/// After so long a silence a chat is closed.
pub const LONGEST_SILENCE: Span = Span::minutes(24 * 60);
/// The longest text of a message, in characters.
pub const LONGEST_TEXT: usize = 4000;
/// The largest picture, in bytes.
pub const LARGEST_PICTURE: usize = 1 << 20;
/// How many messages a chat has at most.
pub const MOST_MESSAGES: u32 = 2000;
/// How many pictures a chat has at most.
pub const MOST_PICTURES: u32 = 30;
/// How many chats are open at once.
pub const MOST_OPEN: usize = 5000;
/// How many messages a visitor may send a minute.
pub const MOST_A_MINUTE: usize = 30;
