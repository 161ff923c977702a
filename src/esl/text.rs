//! Text that may go into a command: checked once, when it is made, so that encoding cannot fail.
//!
//! | type | carries | for |
//! |---|---|---|
//! | [`Name`] | an identifier | variables, events, subclasses, headers, causes, applications |
//! | [`Word`] | printable ASCII without spaces and without the dial string's signs | channel ids, users, domains |
//! | [`Value`] | one line without the dial string's signs | values of channel variables |
//! | [`Line`] | one line | application arguments, filter values |
//! | [`Secret`] | one line that is never printed | passwords |
//!
//! No type carries a control character (line breaks and NUL are such), and none carries the word [`POISON`].

use std::fmt;

/// The switch replaces a *whole* command that has this word and "reload" or "unload" anywhere in it, in its headers
/// too, by a reload of its own event socket (mod_event_socket.c, `parse_command`): a caller of that name must not.
pub const POISON: &str = "mod_event_socket";

/// The longest [`Name`], in bytes.
pub const MAX_NAME: usize = 128;
/// The longest [`Word`], in bytes: a channel's id may be a SIP Call-ID.
pub const MAX_WORD: usize = 256;
/// The longest [`Value`], in bytes.
pub const MAX_VALUE: usize = 1024;
/// The longest [`Line`] and [`Secret`], in bytes.
pub const MAX_LINE: usize = 8192;

/// Why a text cannot be part of a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsafe {
    /// Nothing is left of it: the switch cannot tell an empty value from none.
    #[error("it is empty")]
    Empty,
    /// It is longer than the type's limit.
    #[error("it is longer than {limit} bytes")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// It has a sign that would be read as something else than text.
    #[error("the sign {sign:?} at byte {at} cannot be carried")]
    Sign {
        /// The first such sign.
        sign: char,
        /// Its place, in bytes.
        at: usize,
    },
    /// It contains [`POISON`], or `:_:`, which starts another originate.
    #[error("it contains {0:?}, which the switch takes for an order")]
    Order(&'static str),
}

/// Line breaks, NUL, other controls, and the two separators that some readers break lines at.
pub(super) fn is_control(sign: char) -> bool {
    sign.is_control() || matches!(sign, '\u{2028}' | '\u{2029}')
}

/// Signs that some pass of the switch's own reading of a dial string gives a meaning to.
fn is_dial_sign(sign: char) -> bool {
    matches!(sign, '{' | '}' | '[' | ']' | '<' | '>' | '|' | '^' | '$' | '\'' | '"' | '\\' | '`')
}

/// Finds `needle` (lower case ASCII) in `text` without regard to ASCII case.
fn find_ignoring_case(text: &str, needle: &str) -> Option<usize> {
    text.as_bytes().windows(needle.len()).position(|window| window.eq_ignore_ascii_case(needle.as_bytes()))
}

/// The checks that all types share.
fn check(text: &str, limit: usize, allowed: impl Fn(char) -> bool) -> Result<(), Unsafe> {
    if text.is_empty() {
        return Err(Unsafe::Empty);
    }
    if text.len() > limit {
        return Err(Unsafe::TooLong { limit });
    }
    if let Some((at, sign)) = text.char_indices().find(|&(_, sign)| !allowed(sign)) {
        return Err(Unsafe::Sign { sign, at });
    }
    refuse_poison(text)
}

/// Refuses [`POISON`].
pub(super) fn refuse_poison(text: &str) -> Result<(), Unsafe> {
    match find_ignoring_case(text, POISON) {
        Some(_) => Err(Unsafe::Order(POISON)),
        None => Ok(()),
    }
}

macro_rules! text_type {
    ($name:ident) => {
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl std::str::FromStr for $name {
            type Err = Unsafe;
            fn from_str(text: &str) -> Result<Self, Unsafe> {
                Self::new(text)
            }
        }
    };
}

/// An identifier: letters, digits and `_ - . :` (ASCII), at most [`MAX_NAME`] bytes, a letter or `_` first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<str>);
text_type!(Name);

impl Name {
    /// Checks an identifier.
    pub fn new(text: &str) -> Result<Self, Unsafe> {
        check(text, MAX_NAME, |sign| sign.is_ascii_alphanumeric() || matches!(sign, '_' | '-' | '.' | ':'))?;
        match text.chars().next() {
            Some(first) if !(first.is_ascii_alphabetic() || first == '_') => Err(Unsafe::Sign { sign: first, at: 0 }),
            _ => Ok(Self(text.into())),
        }
    }
}

/// A word of printable ASCII without spaces, quotes, commas, brackets; at most [`MAX_WORD`] bytes; a letter or digit
/// first. A channel's id is one: usually a UUID, but a SIP Call-ID where a profile says so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(Box<str>);
text_type!(Word);

impl Word {
    /// Checks a word.
    pub fn new(text: &str) -> Result<Self, Unsafe> {
        check(text, MAX_WORD, |sign| sign.is_ascii_alphanumeric() || "-_.@:~+!*%/=".contains(sign))?;
        match text.chars().next() {
            Some(first) if !first.is_ascii_alphanumeric() => Err(Unsafe::Sign { sign: first, at: 0 }),
            _ => Ok(Self(text.into())),
        }
    }
}

impl From<uuid::Uuid> for Word {
    fn from(id: uuid::Uuid) -> Self {
        Self(id.hyphenated().to_string().into())
    }
}

/// The value of a channel variable: one line, at most [`MAX_VALUE`] bytes, without any of `{ } [ ] < > | ^ $ ' " \` and
/// the grave accent, without `:_:`, without spaces at its ends (the switch drops these), never empty.
///
/// The switch reads a dial string in up to four passes, each with its own idea of quotes and backslashes, so what is not
/// a plain sign is refused by [`Value::new`] and replaced by a look-alike by [`Value::lossy`]. Commas are carried.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(Box<str>);
text_type!(Value);

impl Value {
    /// Checks a value; spaces at its ends are dropped.
    pub fn new(text: &str) -> Result<Self, Unsafe> {
        let text = text.trim_matches(' ');
        check(text, MAX_VALUE, |sign| !is_control(sign) && !is_dial_sign(sign))?;
        if text.contains(":_:") {
            return Err(Unsafe::Order(":_:"));
        }
        Ok(Self(text.into()))
    }

    /// Makes a value of any text, for people's names and the like: brackets become round ones, quotes and apostrophes
    /// typographic ones, `|` and `\` a slash, other signs and controls spaces; runs of spaces become one; what is too
    /// long is cut. `None` when nothing is left.
    pub fn lossy(text: &str) -> Option<Self> {
        let mut clean = String::with_capacity(text.len().min(MAX_VALUE));
        for sign in text.chars().map(look_alike) {
            if clean.len() + sign.len_utf8() > MAX_VALUE {
                break;
            }
            if sign != ' ' || !(clean.is_empty() || clean.ends_with(' ')) {
                clean.push(sign);
            }
        }
        while let Some(at) = find_ignoring_case(&clean, POISON) {
            clean.replace_range(at + 3..at + 4, " ");
        }
        while let Some(at) = clean.find(":_:") {
            clean.replace_range(at + 1..at + 2, " ");
        }
        Self::new(&clean).ok()
    }
}

/// What stands for a sign that cannot be carried.
fn look_alike(sign: char) -> char {
    match sign {
        '{' | '[' | '<' => '(',
        '}' | ']' | '>' => ')',
        '\'' | '`' => '\u{2019}',
        '"' => '\u{201d}',
        '|' | '\\' => '/',
        sign if is_control(sign) || is_dial_sign(sign) => ' ',
        sign => sign,
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self(number.to_string().into())
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self(if flag { "true" } else { "false" }.into())
    }
}

impl From<uuid::Uuid> for Value {
    fn from(id: uuid::Uuid) -> Self {
        Self(id.hyphenated().to_string().into())
    }
}

/// One line of any signs but controls, at most [`MAX_LINE`] bytes, never empty; spaces before it are dropped, as the
/// switch does.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line(Box<str>);
text_type!(Line);

impl Line {
    /// Checks a line.
    pub fn new(text: &str) -> Result<Self, Unsafe> {
        let text = text.trim_start_matches(' ');
        check(text, MAX_LINE, |sign| !is_control(sign))?;
        Ok(Self(text.into()))
    }
}

/// A password: one line, never printed by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Checks a password.
    pub fn new(text: &str) -> Result<Self, Unsafe> {
        check(text, MAX_LINE, |sign| !is_control(sign))?;
        Ok(Self(text.into()))
    }

    /// The password itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A telephone number as it is dialled: digits, a `+` before them if need be; at most [`MAX_DIGITS`] digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digits(Box<str>);
text_type!(Digits);

/// The longest number: E.164 has 15 digits, prefixes of exchanges come before it.
pub const MAX_DIGITS: usize = 32;

impl Digits {
    /// Checks a number.
    pub fn new(text: &str) -> Result<Self, Unsafe> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        check(digits, MAX_DIGITS, |sign| sign.is_ascii_digit())?;
        Ok(Self(text.into()))
    }
}
