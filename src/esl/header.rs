//! The headers of a message: one block of bytes and a compact index, built once; values are decoded when asked for.
//!
//! ```text
//! block  = *( line LF ) [ LF ]
//! line   = name ":" *SP value      ; a line without a colon is a name without a value
//! ```
//! In events values are percent-encoded ([`super::percent`]), in replies they are plain text. Names are found without
//! regard to ASCII case; of several headers of one name the first counts. Bytes that are not UTF-8 become U+FFFD in text.
//! A NUL is a byte like others here; no command can carry it on.

use super::index::{Lines, Starts, find_byte, index, look_at_line};
use super::percent::{UNDEFINED, decode, decode_into, decode_part, lossy};
use bytes::Bytes;
use std::borrow::Cow;
use std::ops::Range;

/// A block of headers.
#[derive(Clone, Default)]
pub struct Headers {
    block: Bytes,
    starts: Starts,
    /// Whether all of the block is ASCII.
    ascii: bool,
}

/// More header lines than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {limit} headers")]
pub struct TooMany {
    /// The limit.
    pub limit: usize,
}

impl Headers {
    /// Indexes the headers at the start of `bytes`; gives them and what follows the empty line that ends them.
    pub fn parse(mut bytes: Bytes, limit: usize) -> Result<(Self, Bytes), TooMany> {
        // Lines of events have some 40 bytes.
        let lines = index(&bytes, limit, bytes.len() / 32).map_err(|_| TooMany { limit })?;
        let rest = if lines.end == bytes.len() { Bytes::new() } else { bytes.split_off(lines.end) };
        Ok((Self::new(bytes, lines), rest))
    }

    /// Headers whose lines are known.
    pub(super) fn new(block: Bytes, lines: Lines) -> Self {
        Self { block, starts: lines.starts, ascii: lines.ascii }
    }

    /// How many headers there are.
    pub fn len(&self) -> usize {
        self.starts.as_slice().len() - 1
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first value of that name as it stands in the block.
    pub fn raw(&self, name: &str) -> Option<&[u8]> {
        self.find("", name, 0).map(|(_, value)| &self.block[value])
    }

    /// The first value of that name as text, not percent-decoded: for replies.
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.raw(name).map(lossy)
    }

    /// The first value of that name, percent-decoded: for events.
    pub fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.find("", name, 0).map(|(_, value)| self.decode(value))
    }

    /// The value of the channel variable `name` (header `variable_` + name), percent-decoded.
    pub fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        self.find("variable_", name, 0).map(|(_, value)| self.decode(value))
    }

    /// The text of a value: of one that is ASCII as it stands, without a look at each byte.
    fn decode(&self, value: Range<usize>) -> Cow<'_, str> {
        let plain = &self.block[value.clone()];
        if self.ascii && plain != UNDEFINED && find_byte(&self.block, b'%', value.start, value.end).is_none() {
            // SAFETY: all of the block is ASCII.
            return Cow::Borrowed(unsafe { std::str::from_utf8_unchecked(plain) });
        }
        decode_part(&self.block, value)
    }

    /// All headers in order, as they stand in the block.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.starts.as_slice().windows(2).map(|pair| split(&self.block[pair[0] as usize..pair[1] as usize - 1]))
    }

    /// Gives all headers in order, percent-decoded, to `look`: without allocating, but for what `scratch` needs.
    pub fn visit(&self, scratch: &mut String, mut look: impl FnMut(&str, &str)) {
        // Percent-encoding leaves nothing but ASCII: any part of that is text.
        if !self.ascii {
            return self.iter().for_each(|(name, value)| look(&lossy(name), &decode(value)));
        }
        let bytes = &*self.block;
        let mut decoded = std::mem::take(scratch).into_bytes();
        for line in self.starts.as_slice().windows(2) {
            let (start, end) = (line[0] as usize, line[1] as usize - 1);
            let (name_end, encoded) = look_at_line(bytes, start, end);
            let mut value = (name_end + 1).min(end);
            while value < end && bytes[value] == b' ' {
                value += 1;
            }
            // SAFETY: all of the block is ASCII, and start <= name_end <= end, value <= end: `look_at_line` and the loop
            // stay within the line.
            let [name, raw] = [start..name_end, value..end]
                .map(|part| unsafe { std::str::from_utf8_unchecked(bytes.get_unchecked(part)) });
            if encoded {
                decoded.clear();
                decode_into(bytes, value..end, &mut decoded);
                look(name, &lossy(&decoded));
            } else {
                look(name, if raw.as_bytes() == UNDEFINED { "" } else { raw });
            }
        }
        decoded.clear();
        *scratch = String::from_utf8(decoded).unwrap_or_default();
    }

    /// All values of that name as they stand in the block.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let mut from = 0;
        std::iter::from_fn(move || {
            let (line, value) = self.find("", name, from)?;
            from = line + 1;
            Some(&self.block[value])
        })
    }

    /// The first header, from line `from` on, whose name is `prefix` and `name` in a row: its line and its value.
    fn find(&self, prefix: &str, name: &str, from: usize) -> Option<(usize, Range<usize>)> {
        let tail = Tail::new(prefix.as_bytes(), name.as_bytes());
        let name_end = prefix.len() + name.len();
        let block = &*self.block;
        let starts = self.starts.as_slice();
        let mut line = from;
        while line < self.len() {
            line = tail.next(block, &starts[..starts.len() - 1], line);
            let (start, end) = (*starts.get(line)? as usize, *starts.get(line + 1)? as usize - 1);
            if let Some((head, rest)) = block[start..end].split_at_checked(prefix.len())
                && head.eq_ignore_ascii_case(prefix.as_bytes())
                && rest.get(..name.len()).is_some_and(|rest| rest.eq_ignore_ascii_case(name.as_bytes()))
                && rest.get(name.len()) == Some(&b':')
            {
                let value = start + name_end + 1;
                return Some((line, value + leading_spaces(&block[value..end])..end));
            }
            line += 1;
        }
        None
    }
}

/// The last bytes of a name and its colon, up to eight, as one word: names differ at their ends, and one compare a line is
/// all that a line costs that is not the one.
struct Tail {
    /// Where in a line the word is.
    offset: usize,
    word: u64,
    /// The bytes of the word that count: a short name has fewer than eight.
    mask: u64,
}

/// The bit that tells the two cases of a letter apart, in each of eight bytes.
const CASE: u64 = 0x2020_2020_2020_2020;

impl Tail {
    fn new(prefix: &[u8], name: &[u8]) -> Self {
        let mut word = [0; 8];
        let length = prefix.len() + name.len() + 1;
        if let Some(last) = name.last_chunk::<7>() {
            word[..7].copy_from_slice(last);
            word[7] = b':';
        } else {
            let signs = prefix.iter().chain(name).chain(b":").skip(length.saturating_sub(8));
            word.iter_mut().zip(signs).for_each(|(byte, sign)| *byte = *sign);
        }
        let mask = if length < 8 { (1 << (8 * length)) - 1 } else { u64::MAX };
        Self { offset: length.saturating_sub(8), word: (u64::from_le_bytes(word) | CASE) & mask, mask }
    }

    /// The first line, from `from` on, that may be the one; lines too near the block's end for a word always may.
    #[inline]
    fn next(&self, block: &[u8], starts: &[u32], from: usize) -> usize {
        let near_end = |start: u32| start as usize + self.offset + 8 > block.len();
        let mut fast = starts.len();
        while fast > from && near_end(starts[fast - 1]) {
            fast -= 1;
        }
        let Some(lines) = starts.get(from..fast) else { return from };
        // SAFETY: starts rise, so each of these plus the offset plus 8 is at most the block's length; a read of an array
        // of bytes needs no alignment.
        let word = |start: u32| unsafe { block.as_ptr().add(start as usize + self.offset).cast::<[u8; 8]>().read() };
        let is_it = |&start: &u32| (u64::from_le_bytes(word(start)) | CASE) & self.mask == self.word;
        lines.iter().position(is_it).map_or(fast, |line| from + line)
    }
}

/// A line's name and value.
fn split(line: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b':', line) {
        Some(colon) => {
            let value = &line[colon + 1..];
            (&line[..colon], &value[leading_spaces(value)..])
        }
        None => (line, b""),
    }
}

fn leading_spaces(value: &[u8]) -> usize {
    value.iter().take_while(|&&byte| byte == b' ').count()
}

impl std::fmt::Debug for Headers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter().map(|(name, value)| (lossy(name), lossy(value)))).finish()
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers(text: &str) -> Headers {
        Headers::parse(Bytes::copy_from_slice(text.as_bytes()), 100).expect("few headers").0
    }

    #[test]
    fn names_are_found_without_regard_to_case_and_never_by_a_part() {
        let headers = headers("Unique-ID: 1\nCaller-Unique-ID: 2\nvariable_uuid:3\nUUID: 4\nX: 5\n\n");
        for (name, value) in
            [("unique-id", "1"), ("CALLER-UNIQUE-ID", "2"), ("variable_UUID", "3"), ("uuid", "4"), ("x", "5")]
        {
            assert_eq!(headers.get(name).as_deref(), Some(value), "{name}");
        }
        assert_eq!(headers.variable("uuid").as_deref(), Some("3"));
        for absent in ["ID", "Unique", "y", "", "Unique-ID:", &"long".repeat(200)] {
            assert_eq!(headers.get(absent), None, "{absent}");
        }
    }

    #[test]
    fn the_first_of_a_name_counts_and_a_line_without_a_colon_is_kept() {
        let headers = headers("A: 1\na: 2\nno colon here\nB:\n");
        assert_eq!(headers.get("a").as_deref(), Some("1"));
        assert_eq!(headers.get("b").as_deref(), Some(""));
        assert_eq!(headers.get("no colon here"), None);
        let all: Vec<_> = headers.iter().collect();
        assert_eq!(all[2], (&b"no colon here"[..], &b""[..]));
        assert_eq!(headers.len(), 4);
    }

    proptest! {
        /// Against the plain way: every line split at its first colon.
        #[test]
        fn a_name_is_found_where_a_slow_search_finds_it(
            lines in prop::collection::vec("[a-cA-C-]{0,12}(: ?[a-c:]{0,9})?", 0..20),
            name in "[a-cA-C-]{1,12}",
        ) {
            let lines: Vec<String> = lines.into_iter().filter(|line| !line.is_empty()).collect();
            let expected = lines.iter().find_map(|line| {
                let (found, value) = line.split_once(':')?;
                found.eq_ignore_ascii_case(&name).then(|| value.trim_start_matches(' '))
            });
            let headers = headers(&(lines.join("\n") + "\n"));
            prop_assert_eq!(headers.raw(&name), expected.map(str::as_bytes));
        }
    }
}
