//! Dial strings, built from checked parts, never from text.
//!
//! ```text
//! originate = "{" variable *( "," variable ) "}" endpoint " &park()"
//! variable  = name "=" value
//! value     = text | "'" text "'"         ; quoted when it has a space; a comma is written "\,"
//! ```
//!
//! The switch reads such a line in passes, each of which strips quotes and backslashes of its own
//! (switch_utils.c `switch_separate_string`, switch_event.c `switch_event_create_brackets`,
//! switch_ivr_originate.c):
//!
//! 1. the line is cut at spaces that are outside single quotes; quotes go, `\n \r \t \s \\ \' \"` are replaced;
//! 2. `:_:` anywhere makes several originates of one; `<…>` before the rest is a block of variables;
//! 3. `{…}` ends where its braces balance, whatever is quoted; `^^` after `{` changes the comma to another sign;
//! 4. the block is cut at commas outside quotes, the same quotes and backslashes are stripped again, `\,` is a comma;
//! 5. each part is cut at its first `=`, and stripped a third time; a part without a value is dropped.
//!
//! A [`Value`] has no sign that a pass but the first (spaces) and the fourth (commas) cares for, so it comes out as it
//! went in. [`Originate::parse`] reads by these same passes: what it gives is what the switch would see.

use super::text::{Digits, Name, Unsafe, Value};
use std::fmt::{self, Write};

/// The longest [`Endpoint`], in bytes.
pub const MAX_ENDPOINT: usize = 512;

/// Where a leg goes, such as `user/1001` or `sofia/gateway/provider/79161234567`: one leg, no variables, no forking.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint(Box<str>);

impl Endpoint {
    /// Checks an endpoint: ASCII letters, digits and `/ @ . - _ + : ; = % # * ~ ! ?`, with a `/`, a letter first.
    pub fn new(text: &str) -> Result<Self, Unsafe> {
        check_endpoint(text).map(|()| Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check_endpoint(text: &str) -> Result<(), Unsafe> {
    if text.len() > MAX_ENDPOINT {
        return Err(Unsafe::TooLong { limit: MAX_ENDPOINT });
    }
    let allowed = |sign: char| sign.is_ascii_alphanumeric() || "/@.-_+:;=%#*~!?".contains(sign);
    if let Some((at, sign)) = text.char_indices().find(|&(_, sign)| !allowed(sign)) {
        return Err(Unsafe::Sign { sign, at });
    }
    match text.chars().next() {
        None => return Err(Unsafe::Empty),
        Some(sign) if !sign.is_ascii_alphabetic() => return Err(Unsafe::Sign { sign, at: 0 }),
        Some(_) => {}
    }
    if text.contains(":_:") {
        return Err(Unsafe::Order(":_:"));
    }
    match text.split_once('/') {
        Some((_, rest)) if !rest.is_empty() => super::text::refuse_poison(text),
        _ => Err(Unsafe::Empty),
    }
}

/// A configured endpoint with at most one place for a number: `sofia/gateway/provider/{number}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    before: Box<str>,
    after: Option<Box<str>>,
}

/// What stands for the number in a [`Template`].
pub const NUMBER: &str = "{number}";

impl Template {
    /// Checks a template.
    pub fn new(text: &str) -> Result<Self, Unsafe> {
        let (before, after) = match text.split_once(NUMBER) {
            Some((before, after)) => (before, Some(after.into())),
            None => (text, None),
        };
        let template = Self { before: before.into(), after };
        // What holds for one digit holds for all; the longest number must fit too.
        check_endpoint(&template.write(&"0".repeat(super::text::MAX_DIGITS + 1)))?;
        Ok(template)
    }

    /// Whether it has a place for a number.
    pub fn takes_number(&self) -> bool {
        self.after.is_some()
    }

    /// The endpoint for a number; a template without a place for it gives its own.
    pub fn fill(&self, number: &Digits) -> Endpoint {
        Endpoint(self.write(number.as_str()).into())
    }

    /// The endpoint of a template that has no place for a number.
    pub fn endpoint(&self) -> Option<Endpoint> {
        self.after.is_none().then(|| Endpoint(self.before.clone()))
    }

    fn write(&self, number: &str) -> String {
        match &self.after {
            Some(after) => format!("{}{number}{after}", self.before),
            None => self.before.to_string(),
        }
    }
}

impl std::str::FromStr for Template {
    type Err = Unsafe;
    fn from_str(text: &str) -> Result<Self, Unsafe> {
        Self::new(text)
    }
}

/// Asks for one leg, which waits in `park` when it exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Originate {
    /// Where it goes.
    pub endpoint: Endpoint,
    /// Channel variables, in order; of two with one name the switch keeps the last. At most [`MAX_VARIABLES`] are read
    /// by the switch.
    pub variables: Vec<(Name, Value)>,
}

/// The switch reads no more variables of one block.
pub const MAX_VARIABLES: usize = 1024;

/// Why a text is not such an originate as we write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotADialString {
    /// Not an endpoint and `&park()`.
    #[error("it is not an endpoint and &park()")]
    Shape,
    /// The braces do not balance.
    #[error("the braces do not balance")]
    Braces,
    /// A part cannot be carried.
    #[error("{part:?}: {why}")]
    Part {
        /// The part as the switch would see it.
        part: String,
        /// What is wrong with it.
        why: Unsafe,
    },
}

impl Originate {
    /// An originate without variables.
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, variables: Vec::new() }
    }

    /// Adds a variable.
    #[must_use]
    pub fn set(mut self, name: Name, value: impl Into<Value>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// The last value of a variable: the one that counts.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables
            .iter()
            .rev()
            .find(|(known, _)| known.as_str().eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }

    /// Reads what stands after `originate `, by the switch's own passes.
    pub fn parse(text: &str) -> Result<Self, NotADialString> {
        let words = separate(text, ' ', 10);
        let [dial, application] = words.as_slice() else { return Err(NotADialString::Shape) };
        if application != "&park()" {
            return Err(NotADialString::Shape);
        }
        let (block, endpoint) = match dial.strip_prefix('{') {
            Some(rest) => cut_block(rest).ok_or(NotADialString::Braces)?,
            None => ("", dial.as_str()),
        };
        let fault = |part: &str| {
            let part = part.to_owned();
            |why| NotADialString::Part { part, why }
        };
        let mut variables = Vec::new();
        for pair in separate(block, ',', MAX_VARIABLES) {
            if let [name, value] = separate(&pair, '=', 2).as_slice() {
                variables.push((Name::new(name).map_err(fault(name))?, Value::new(value).map_err(fault(value))?));
            }
        }
        Ok(Self { endpoint: Endpoint::new(endpoint).map_err(fault(endpoint))?, variables })
    }
}

impl fmt::Display for Originate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, value)) in self.variables.iter().enumerate() {
            let quote = if value.as_str().contains(' ') { "'" } else { "" };
            write!(f, "{}{name}={quote}", if place == 0 { '{' } else { ',' })?;
            for (place, part) in value.as_str().split(',').enumerate() {
                write!(f, "{}{part}", if place == 0 { "" } else { "\\," })?;
            }
            f.write_str(quote)?;
        }
        if !self.variables.is_empty() {
            f.write_char('}')?;
        }
        write!(f, "{} &park()", self.endpoint)
    }
}

/// Cuts a block of variables, its opening brace gone, at the brace that closes it.
fn cut_block(text: &str) -> Option<(&str, &str)> {
    let mut depth = 1;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((&text[..at], &text[at + 1..]));
        }
    }
    None
}

/// Writes `text` in single quotes so that [`separate`] at spaces gives it back: for words of an `api` command.
pub(super) fn quote(text: &str, out: &mut impl Write) -> fmt::Result {
    out.write_char('\'')?;
    for sign in text.chars() {
        if matches!(sign, '\'' | '\\') {
            out.write_char('\\')?;
        }
        out.write_char(sign)?;
    }
    out.write_char('\'')
}

/// Cuts a text at `delimiter` outside single quotes into at most `limit` parts (the last takes the rest) and strips each,
/// as `switch_separate_string` does.
pub(super) fn separate(text: &str, delimiter: char, limit: usize) -> Vec<String> {
    let (text, delimiter) = match text.strip_prefix("^^").map(|rest| (rest, rest.chars().next())) {
        Some((rest, Some(other))) if rest.len() > other.len_utf8() => (&rest[other.len_utf8()..], other),
        _ => (text, delimiter),
    };
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() && parts.len() < limit {
        if delimiter == ' ' {
            rest = if parts.is_empty() { rest } else { rest.trim_start_matches(' ') };
            if rest.is_empty() {
                break;
            }
        }
        let end = if parts.len() + 1 == limit { None } else { find_delimiter(rest, delimiter) };
        let (part, after) = end.map_or((rest, ""), |end| (&rest[..end], &rest[end + delimiter.len_utf8()..]));
        parts.push(strip(part, delimiter));
        rest = after;
    }
    parts
}

/// Where the first `delimiter` is that no quote and no backslash covers.
fn find_delimiter(text: &str, delimiter: char) -> Option<usize> {
    let mut quoted = false;
    let mut signs = text.char_indices();
    let mut started = delimiter != ' ';
    while let Some((at, sign)) = signs.next() {
        // Spaces before the first word are not its end.
        started |= sign != ' ';
        match sign {
            '\\' => {
                signs.next();
            }
            // A lone quote is text, except where the switch cuts at spaces.
            '\'' if quoted || delimiter == ' ' || text[at + 1..].contains('\'') => quoted = !quoted,
            sign if sign == delimiter && !quoted && started => return Some(at),
            _ => {}
        }
    }
    None
}

/// Takes quotes, backslashes and outer spaces off one part, as `cleanup_separated_string` does.
fn strip(part: &str, delimiter: char) -> String {
    let part = part.trim_start_matches(' ');
    let mut clean = String::with_capacity(part.len());
    let (mut kept, mut quoted) = (0, false);
    let mut signs = part.char_indices().peekable();
    while let Some((at, sign)) = signs.next() {
        let escaped = (sign == '\\').then(|| signs.peek().and_then(|&(_, next)| unescape(next, delimiter))).flatten();
        if let Some(escaped) = escaped {
            signs.next();
            clean.push(escaped);
            kept = clean.len();
        } else if sign == '\'' && (quoted || part[at + 1..].contains('\'')) {
            quoted = !quoted;
            if quoted {
                kept = clean.len();
            }
        } else {
            clean.push(sign);
            if sign != ' ' || quoted {
                kept = clean.len();
            }
        }
    }
    clean.truncate(kept);
    clean
}

/// What a backslash makes of the sign after it; `None` when both stay.
fn unescape(sign: char, delimiter: char) -> Option<char> {
    match sign {
        '\'' | '"' | '\\' => Some(sign),
        sign if sign == delimiter && delimiter != ' ' => Some(sign),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        's' => Some(' '),
        _ => None,
    }
}
