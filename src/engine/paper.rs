//! Side papers: what people and other systems leave beside calls and callbacks, which no decision is made by.
//!
//! They are written in the same commits as the engine's rows, so that neither is there without the other.

use super::time::Wall;
use serde::{Deserialize, Serialize};

/// What a paper is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PaperKind {
    /// What a web site sent with a request for a callback: the page, the marks, the consent. About the number.
    Request,
    /// A conversation in writing. About the number, or nothing while none is known.
    Chat,
    /// A message of a chat. About the chat's id.
    Message,
    /// The picture of a message: its bytes in Base64. About the chat's id.
    Picture,
    /// What an operator wrote of a client: a note, a tag, how a talk went. About the number.
    Note,
    /// Why a person put a number on the list of those that are never dialled. About the number, which is its id too.
    Block,
    /// A version of the settings over the file. About nothing.
    Settings,
    /// What is to be delivered to another system. About its receiver.
    Outgoing,
    /// What was done at another system and is not to be done again. About that system.
    Done,
}

impl PaperKind {
    /// Each with its name in the store.
    pub const ALL: [(&'static str, PaperKind); 9] = [
        ("request", PaperKind::Request),
        ("chat", PaperKind::Chat),
        ("message", PaperKind::Message),
        ("picture", PaperKind::Picture),
        ("note", PaperKind::Note),
        ("block", PaperKind::Block),
        ("settings", PaperKind::Settings),
        ("outgoing", PaperKind::Outgoing),
        ("done", PaperKind::Done),
    ];

    /// Its name in the store.
    pub fn as_str(self) -> &'static str {
        PaperKind::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }
}

/// A paper: written anew, or over the one of the same kind and id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Paper {
    /// What it is.
    pub kind: PaperKind,
    /// Its name among those of its kind. Papers of one moment stand in the order of their ids.
    pub id: String,
    /// Whom or what it is about: a number in E.164, a chat, a receiver; empty: nothing.
    pub about: String,
    /// When it was written.
    pub at: Wall,
    /// What it says, JSON.
    pub body: String,
}
