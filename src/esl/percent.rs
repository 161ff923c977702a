//! Percent-encoding, as the switch writes the values of plain events.
//!
//! ```text
//! value = *( byte | "%" 2HEX )
//! ```
//! A percent sign that two hexadecimal digits do not follow stands for itself, as in the switch's own decoder.

use super::index::{find_byte, places};
use std::borrow::Cow;
use std::ops::Range;

/// What the switch writes for an empty value in a plain event.
pub const UNDEFINED: &[u8] = b"_undef_";

/// The value of each hexadecimal digit, 0xff for other bytes.
const DIGITS: [u8; 256] = {
    let mut digits = [0xff; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789ABCDEF"[value] as usize] = value as u8;
        digits[b"0123456789abcdef"[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

/// Bytes as text; what is not UTF-8 becomes U+FFFD.
pub fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// Decodes a value; [`UNDEFINED`] is the empty value.
pub fn decode(value: &[u8]) -> Cow<'_, str> {
    decode_part(value, 0..value.len())
}

/// Decodes the value that is a part of `bytes`.
pub fn decode_part(bytes: &[u8], part: Range<usize>) -> Cow<'_, str> {
    if find_byte(bytes, b'%', part.start, part.end).is_none() {
        let value = &bytes[part];
        return if value == UNDEFINED { Cow::Borrowed("") } else { lossy(value) };
    }
    let mut decoded = Vec::new();
    decode_into(bytes, part, &mut decoded);
    Cow::Owned(String::from_utf8(decoded).unwrap_or_else(|error| lossy(error.as_bytes()).into_owned()))
}

/// Appends the bytes that a part of `bytes` stands for.
pub fn decode_into(bytes: &[u8], part: Range<usize>, decoded: &mut Vec<u8>) {
    let Range { start: mut from, end } = part;
    decoded.reserve(end - from + COPY);
    for at in (from..end).step_by(64) {
        let [mut signs] = places(bytes, at, [b'%']);
        if end - at < 64 {
            signs &= (1 << (end - at)) - 1;
        }
        while signs != 0 {
            let sign = at + signs.trailing_zeros() as usize;
            signs &= signs - 1;
            if let Some(byte) = digits(&bytes[sign + 1..end]) {
                append(bytes, from, sign, decoded);
                decoded.push(byte);
                from = sign + 3;
            }
        }
    }
    append(bytes, from, end, decoded);
}

/// The byte that the two digits at the start of `bytes` stand for.
#[inline]
fn digits(bytes: &[u8]) -> Option<u8> {
    let [high, low] = bytes.first_chunk()?;
    let (high, low) = (DIGITS[*high as usize], DIGITS[*low as usize]);
    (high | low < 16).then_some(high << 4 | low)
}

/// Bytes that are copied at once.
const COPY: usize = 16;

/// Appends `bytes[from..to]`. Parts between percent signs are short, and a copy of one size costs no call.
#[inline]
fn append(bytes: &[u8], from: usize, to: usize, out: &mut Vec<u8>) {
    let length = out.len();
    if to - from <= COPY && from + COPY <= bytes.len() && out.capacity() - length >= COPY {
        // SAFETY: 16 bytes can be read at `from` and written after `length`; no more than were written are kept.
        unsafe {
            let chunk: [u8; COPY] = bytes.as_ptr().add(from).cast::<[u8; COPY]>().read();
            out.as_mut_ptr().add(length).cast::<[u8; COPY]>().write(chunk);
            out.set_len(length + to - from);
        }
    } else {
        out.extend_from_slice(&bytes[from..to]);
    }
}

/// Encodes a value as the switch does (switch_utils.c, `SWITCH_URL_UNSAFE`), but a percent sign always, so that decoding
/// gives the same text back; an empty value becomes [`UNDEFINED`].
pub fn encode(value: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut rest = value.as_bytes();
    if rest.is_empty() {
        out.extend_from_slice(UNDEFINED);
    } else if rest == UNDEFINED {
        // A value that looks like the mark of none is told from it by its first sign.
        out.extend_from_slice(b"%5F");
        rest = &rest[1..];
    }
    for &byte in rest {
        if byte <= b' ' || byte > b'~' || b"#%&+:;<=>?@[\\]^`{|}\"".contains(&byte) {
            out.extend_from_slice(&[b'%', HEX[(byte >> 4) as usize], HEX[(byte & 15) as usize]]);
        } else {
            out.push(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_decoded_and_what_is_wrong_with_them_stays() {
        for (raw, text) in [
            ("%D0%AF%20x", "Я x"),
            ("100%", "100%"),
            ("%zz%4", "%zz%4"),
            ("%%41", "%A"),
            ("%%%", "%%%"),
            ("%FF", "\u{fffd}"),
            ("%00", "\0"),
            ("_undef_", ""),
            ("%5Fundef_", "_undef_"),
            ("a longer text without any sign, then%0aone", "a longer text without any sign, then\none"),
        ] {
            assert_eq!(decode(raw.as_bytes()), text, "{raw}");
        }
        assert_eq!(decode(b"\xff"), "\u{fffd}");
    }

    /// One byte after the other.
    fn decode_slowly(mut value: &[u8]) -> Vec<u8> {
        let mut decoded = Vec::new();
        while let [first, rest @ ..] = value {
            let digit = |at: usize| rest.get(at).and_then(|digit| (*digit as char).to_digit(16));
            match (first, digit(0), digit(1)) {
                (b'%', Some(high), Some(low)) => {
                    decoded.push((high * 16 + low) as u8);
                    value = &rest[2..];
                }
                _ => {
                    decoded.push(*first);
                    value = rest;
                }
            }
        }
        decoded
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(text in prop_oneof![any::<String>(), Just("_undef_".to_owned())]) {
            let mut encoded = Vec::new();
            encode(&text, &mut encoded);
            prop_assert!(encoded.iter().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(decode(&encoded), text);
        }

        #[test]
        fn a_part_is_decoded_as_one_byte_after_the_other(
            bytes in "([a-z]{0,20}|%[0-9a-fA-F]{2}|%[0-9g]?){0,12}",
            ends in any::<[prop::sample::Index; 2]>(),
        ) {
            let [mut from, mut to] = ends.map(|end| end.index(bytes.len() + 1));
            if from > to {
                (from, to) = (to, from);
            }
            let mut decoded = b"before".to_vec();
            decode_into(bytes.as_bytes(), from..to, &mut decoded);
            prop_assert_eq!(&decoded[6..], decode_slowly(&bytes.as_bytes()[from..to]));
        }
    }
}
