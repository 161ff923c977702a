//! The index of a header block: where its lines begin. The hot leaf of the codec, so there are two of it: one for
//! processors with AVX2 and a portable one; a property test holds them equal.
//!
//! Names and values are not looked for here: a name is found by comparing the start of each line, which costs one load
//! and one compare a line ([`super::header`]).

/// The lines of a header block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    /// Where each line begins, and after them where the line after the last would begin. A line's line feed is the byte
    /// before the next start; the last line of a block without an empty line at its end may lack it.
    pub starts: Starts,
    /// Where the block ends, its empty line included.
    pub end: usize,
    /// Whether an empty line ended it; otherwise the bytes did.
    pub closed: bool,
    /// Whether all of the block is ASCII.
    pub ascii: bool,
}

/// Starts of lines: a few in place, for replies and the heads of frames; more on the heap, in one piece.
#[derive(Debug, Clone)]
pub enum Starts {
    /// Up to [`FEW`].
    Few([u32; FEW], u8),
    /// More.
    Many(Vec<u32>),
}

/// Starts that are kept in place.
pub const FEW: usize = 7;

impl Starts {
    /// The starts.
    pub fn as_slice(&self) -> &[u32] {
        match self {
            Self::Few(starts, count) => &starts[..*count as usize],
            Self::Many(starts) => starts,
        }
    }
}

impl PartialEq for Starts {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Starts {}

impl Default for Starts {
    fn default() -> Self {
        Self::Few([0; FEW], 1)
    }
}

/// More lines than the limit, or more bytes than an index can name (4 GiB).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

/// Indexes the lines of `bytes` up to an empty line or the end. `expected` is a guess at how many they are: room is made
/// for so many at once.
pub fn index(bytes: &[u8], limit: usize, expected: usize) -> Result<Lines, TooMany> {
    if bytes.len() >= u32::MAX as usize {
        return Err(TooMany);
    }
    #[cfg(target_arch = "x86_64")]
    if bytes.len() >= avx2::BLOCK && std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, and there is at least one block of bytes.
        return unsafe { avx2::index(bytes, limit, expected) };
    }
    portable(bytes, limit)
}

/// Where the first `wanted` is between `from` and `to`. For names and short values, where a call of memchr costs more than
/// its search.
#[inline]
pub fn find_byte(bytes: &[u8], wanted: u8, from: usize, to: usize) -> Option<usize> {
    let mut at = from;
    #[cfg(target_arch = "x86_64")]
    while at < to && at + 16 <= bytes.len() {
        // SAFETY: every x86-64 processor has SSE2, and 16 bytes can be read at `at`.
        let mask = unsafe {
            use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8};
            let block = _mm_loadu_si128(bytes.as_ptr().add(at).cast());
            _mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8(wanted as i8)))
        };
        if mask != 0 {
            let found = at + mask.trailing_zeros() as usize;
            return (found < to).then_some(found);
        }
        at += 16;
    }
    bytes.get(at..to).and_then(|rest| memchr::memchr(wanted, rest)).map(|found| at + found)
}

/// One bit for each `wanted` among the 64 bytes at `at`, or as many as there are.
#[inline]
pub fn places<const N: usize>(bytes: &[u8], at: usize, wanted: [u8; N]) -> [u64; N] {
    #[cfg(target_arch = "x86_64")]
    if at + 64 <= bytes.len() {
        let mut places = [0; N];
        for part in 0..4 {
            // SAFETY: every x86-64 processor has SSE2, and 64 bytes can be read at `at`.
            let found = unsafe {
                use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8};
                let block = _mm_loadu_si128(bytes.as_ptr().add(at + 16 * part).cast());
                wanted.map(|wanted| _mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8(wanted as i8))) as u16)
            };
            for (places, found) in places.iter_mut().zip(found) {
                *places |= u64::from(found) << (16 * part);
            }
        }
        return places;
    }
    let rest = bytes[at..].iter().take(64).enumerate();
    wanted.map(|wanted| rest.clone().fold(0, |places, (place, byte)| places | u64::from(*byte == wanted) << place))
}

/// Where the name in the line `start..end` ends, at its colon or at the line's end, and whether there is a percent sign
/// after it.
#[inline]
pub fn look_at_line(bytes: &[u8], start: usize, end: usize) -> (usize, bool) {
    if end - start < 64 {
        let [colons, signs] = places(bytes, start, [b':', b'%']);
        // A bit for the line's end, which stops a search for the colon.
        let line_end = 1 << (end - start);
        let name = (colons | line_end).trailing_zeros();
        return (start + (name as usize).min(end - start), signs & (line_end - 1) >> name << name != 0);
    }
    let name_end = find_byte(bytes, b':', start, end).unwrap_or(end);
    (name_end, find_byte(bytes, b'%', name_end, end).is_some())
}

/// The plain way: line feed by line feed.
fn portable(bytes: &[u8], limit: usize) -> Result<Lines, TooMany> {
    let mut few = [0; FEW];
    let mut many = Vec::new();
    let (mut count, mut start) = (1, 0);
    let (end, closed) = loop {
        let Some(length) = memchr::memchr(b'\n', &bytes[start..]) else {
            if start < bytes.len() {
                push(&mut few, &mut many, &mut count, bytes.len() as u32 + 1);
            }
            break (bytes.len(), false);
        };
        if length == 0 {
            break (start + 1, true);
        }
        start += length + 1;
        push(&mut few, &mut many, &mut count, start as u32);
        if count > limit + 1 {
            return Err(TooMany);
        }
    };
    if count > limit + 1 {
        return Err(TooMany);
    }
    let starts = if many.is_empty() { Starts::Few(few, count as u8) } else { Starts::Many(many) };
    Ok(Lines { starts, end, closed, ascii: bytes[..end].is_ascii() })
}

/// Adds one start, and moves house when the few are full.
fn push(few: &mut [u32; FEW], many: &mut Vec<u32>, count: &mut usize, start: u32) {
    if *count < FEW {
        few[*count] = start;
    } else {
        if many.is_empty() {
            many.extend_from_slice(few);
        }
        many.push(start);
    }
    *count += 1;
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{FEW, Lines, Starts, TooMany};
    use std::arch::x86_64::{
        __m256i, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8,
        _mm256_setzero_si256,
    };

    /// Bytes looked at in one step.
    pub(super) const BLOCK: usize = 64;

    /// 64 bytes.
    type Pair = (__m256i, __m256i);

    /// # Safety
    /// 64 bytes can be read at `at`, and the processor has AVX2.
    #[target_feature(enable = "avx2")]
    unsafe fn load(at: *const u8) -> Pair {
        // SAFETY: the caller lets us read 64 bytes; these loads need no alignment.
        unsafe { (_mm256_loadu_si256(at.cast()), _mm256_loadu_si256(at.add(32).cast())) }
    }

    /// The highest bit of each byte, as one bit for each.
    #[target_feature(enable = "avx2")]
    fn high_bits((low, high): Pair) -> u64 {
        u64::from(_mm256_movemask_epi8(high) as u32) << 32 | u64::from(_mm256_movemask_epi8(low) as u32)
    }

    /// One bit for each line feed.
    #[target_feature(enable = "avx2")]
    fn line_feeds((low, high): Pair) -> u64 {
        let wanted = _mm256_set1_epi8(b'\n' as i8);
        high_bits((_mm256_cmpeq_epi8(low, wanted), _mm256_cmpeq_epi8(high, wanted)))
    }

    /// The bits below and at the lowest one of `mask`, which is not 0.
    fn up_to_lowest(mask: u64) -> u64 {
        mask ^ (mask - 1)
    }

    /// # Safety
    /// The processor has AVX2, and `bytes` has at least [`BLOCK`] and less than 2³² bytes.
    #[target_feature(enable = "avx2,bmi1,popcnt")]
    pub(super) unsafe fn index(bytes: &[u8], limit: usize, expected: usize) -> Result<Lines, TooMany> {
        // A block of lines that end within the first step needs no memory: the heads of frames are such.
        // SAFETY: there is at least one block.
        let first = unsafe { load(bytes.as_ptr()) };
        let feeds = line_feeds(first);
        let blank = feeds & (feeds << 1 | 1);
        if blank != 0 {
            let before = feeds & up_to_lowest(blank) >> 1;
            let count = before.count_ones() as usize + 1;
            if count <= FEW && count <= limit + 1 {
                let ascii = high_bits(first) & up_to_lowest(blank) == 0;
                return Ok(few(before, blank.trailing_zeros() as usize, ascii));
            }
        }
        // SAFETY: as for this function.
        unsafe { many(bytes, limit, expected) }
    }

    /// The lines of a block whose line feeds are `mask` and whose empty line is at `blank`.
    fn few(mut mask: u64, blank: usize, ascii: bool) -> Lines {
        let mut starts = [0; FEW];
        let mut count = 1;
        while mask != 0 {
            starts[count] = mask.trailing_zeros() + 1;
            count += 1;
            mask &= mask - 1;
        }
        Lines { starts: Starts::Few(starts, count as u8), end: blank + 1, closed: true, ascii }
    }

    /// # Safety
    /// As for [`index`].
    #[target_feature(enable = "avx2,bmi1,popcnt")]
    unsafe fn many(bytes: &[u8], limit: usize, expected: usize) -> Result<Lines, TooMany> {
        let mut starts: Vec<u32> = Vec::with_capacity(expected.min(limit) + 2 * BLOCK);
        starts.push(0);
        let mut full = starts.capacity() - BLOCK;
        // As if a line feed were before the first byte: an empty line at once ends an empty block.
        let mut carry = 1;
        let mut seen = _mm256_setzero_si256();
        let mut at = 0;
        while at < bytes.len() {
            // The last step looks at the last 64 bytes again and drops what was seen.
            let from = at.min(bytes.len() - BLOCK);
            // SAFETY: `from + 64` is at most the length.
            let block = unsafe { load(bytes.as_ptr().add(from)) };
            let feeds = line_feeds(block) >> (at - from);
            let blank = feeds & (feeds << 1 | carry);
            if blank != 0 {
                // SAFETY: there is room for 64 more; see below.
                unsafe { flatten(feeds & up_to_lowest(blank) >> 1, at as u32, &mut starts) };
                let ascii = high_bits((seen, seen)) | high_bits(block) >> (at - from) & up_to_lowest(blank) == 0;
                return finish(starts, limit, at + blank.trailing_zeros() as usize + 1, true, ascii);
            }
            carry = feeds >> 63;
            seen = _mm256_or_si256(seen, _mm256_or_si256(block.0, block.1));
            // SAFETY: there is room for 64 more; see below.
            unsafe { flatten(feeds, at as u32, &mut starts) };
            if starts.len() > full {
                if starts.len() > limit + 1 {
                    return Err(TooMany);
                }
                starts.reserve(starts.len() + BLOCK);
                full = starts.capacity() - BLOCK;
            }
            at += BLOCK;
        }
        if starts.last().is_some_and(|&start| (start as usize) < bytes.len()) {
            starts.push(bytes.len() as u32 + 1);
        }
        finish(starts, limit, bytes.len(), false, high_bits((seen, seen)) == 0)
    }

    fn finish(starts: Vec<u32>, limit: usize, end: usize, closed: bool, ascii: bool) -> Result<Lines, TooMany> {
        if starts.len() > limit + 1 {
            return Err(TooMany);
        }
        Ok(Lines { starts: Starts::Many(starts), end, closed, ascii })
    }

    /// Appends the places after the line feeds in `mask`. Four are written whatever there is: most steps have fewer, and
    /// so no branch depends on how many.
    ///
    /// # Safety
    /// `starts` has room for 64 more.
    #[inline]
    #[target_feature(enable = "bmi1,popcnt")]
    unsafe fn flatten(mut mask: u64, base: u32, starts: &mut Vec<u32>) {
        let length = starts.len();
        let count = mask.count_ones() as usize;
        // SAFETY: the caller made room for 64.
        let out = unsafe { starts.as_mut_ptr().add(length) };
        let mut write = |place: usize| {
            // SAFETY: `place` is under 64: the mask has no more bits.
            unsafe { out.add(place).write(base.wrapping_add(mask.trailing_zeros() + 1)) };
            mask &= mask.wrapping_sub(1);
        };
        (0..4).for_each(&mut write);
        if count > 4 {
            (4..count).for_each(&mut write);
        }
        // SAFETY: `count` starts were written.
        unsafe { starts.set_len(length + count) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bytes with many line feeds, in lines short and long.
    fn block() -> impl Strategy<Value = Vec<u8>> {
        let line = prop_oneof![4 => "[a-zA-Z-]{1,12}: [a-z%0-9]{0,60}", 4 => "[a-z:]{1,3}", 1 => Just(String::new()), 4 => "[a-z]{60,70}", 1 => "[a-zя]{1,5}"];
        (prop::collection::vec(line, 0..60), any::<bool>()).prop_map(|(lines, closed)| {
            let mut bytes = lines.join("\n").into_bytes();
            if closed {
                bytes.extend_from_slice(b"\n\n");
            }
            bytes
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn both_ways_give_the_same(bytes in block(), limit in prop_oneof![0_usize..10, Just(4096)]) {
            prop_assert_eq!(index(&bytes, limit, 16), portable(&bytes, limit));
        }

        #[test]
        fn a_byte_is_found_where_it_is(bytes in prop::collection::vec(0_u8..4, 0..80), from in 0_usize..90, to in 0_usize..90) {
            let to = to.min(bytes.len());
            let expected = (from..to).find(|&at| bytes[at] == 1);
            prop_assert_eq!(find_byte(&bytes, 1, from, to), expected);
        }

        #[test]
        fn a_line_is_what_a_slow_look_sees(bytes in "[a-c:% ]{0,90}[a-z]{0,70}", ends in any::<[prop::sample::Index; 2]>()) {
            let bytes = bytes.as_bytes();
            let [a, b] = ends.map(|end| end.index(bytes.len() + 1));
            let (start, end) = (a.min(b), a.max(b));
            let name_end = (start..end).find(|&at| bytes[at] == b':').unwrap_or(end);
            prop_assert_eq!(look_at_line(bytes, start, end), (name_end, bytes[name_end..end].contains(&b'%')));
        }

        #[test]
        fn lines_are_what_they_say(bytes in block()) {
            let lines = index(&bytes, 4096, 16).expect("few lines");
            let found: Vec<&[u8]> = lines.starts.as_slice().windows(2)
                .map(|pair| &bytes[pair[0] as usize..pair[1] as usize - 1])
                .collect();
            let expected: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').take_while(|line| !line.is_empty()).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
