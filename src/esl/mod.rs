//! FreeSWITCH Event Socket: bytes to messages and back, without I/O.
//!
//! In reading order:
//!
//! | file | what |
//! |---|---|
//! | `frame` | a stream is cut into frames; limits; what happens when a frame is malformed |
//! | `index` | where the lines of a header block begin and end: the hot leaf |
//! | `parse` | the grammar's small parts, in nom |
//! | `header` | a block of headers, found without regard to case, decoded when asked for |
//! | `percent` | the encoding of values |
//! | `event` | events, plain or JSON, in one view; a builder of events for the pretend switch |
//! | `view` | typed views of the events that we use |
//! | `text` | text that may go into a command |
//! | `dial` | dial strings, built from parts; how the switch reads them |
//! | `command` | every command that we send |
//! | `connection` | the handshake, the order of replies, jobs |
//! | `outbound` | a channel that the dialplan gives to us: the switch dials, we take |
//!
//! Each file opens with its grammar.

pub mod command;
pub mod connection;
pub mod dial;
pub mod event;
pub mod frame;
pub mod header;
mod index;
pub mod names;
pub mod outbound;
mod parse;
pub mod percent;
pub mod text;
pub mod view;

pub use command::{ApiCommand, Command, EventList, Execute, Hearers};
pub use connection::{Connection, Credentials, NotSent, Notice, Reply, Subscription, Token};
pub use dial::{Endpoint, Originate, Template};
pub use event::{Event, EventBuilder, Format};
pub use frame::{ContentType, Decoder, Fault, Frame, Limits, Malformed};
pub use header::Headers;
pub use text::{Digits, Line, Name, Secret, Unsafe, Value, Word};
pub use view::View;
