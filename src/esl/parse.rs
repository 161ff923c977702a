//! The grammar's small parts, in nom: what `frame` and `command` are read by.

use super::index::{Lines, index};
use nom::bytes::complete::{tag, take_till, take_until, take_while};
use nom::character::complete::digit1;
use nom::combinator::{all_consuming, map_opt, opt, rest};
use nom::error::{ErrorKind, ParseError};
use nom::sequence::{preceded, separated_pair, terminated};
use nom::{Err, IResult, Needed, Parser};

/// Why a header block cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BlockError {
    /// More lines than the limit.
    TooManyLines,
    /// Another parser's fault; this leaf has none.
    Nom,
}

impl<I> ParseError<I> for BlockError {
    fn from_error_kind(_: I, _: ErrorKind) -> Self {
        Self::Nom
    }
    fn append(_: I, _: ErrorKind, other: Self) -> Self {
        other
    }
}

/// Header lines and the empty line that ends them; incomplete without it.
pub(super) fn header_block<'a>(limit: usize) -> impl Parser<&'a [u8], Output = Lines, Error = BlockError> {
    move |input: &'a [u8]| match index(input, limit, 16) {
        Ok(lines) if lines.closed => Ok((&input[lines.end..], lines)),
        Ok(_) => Err(Err::Incomplete(Needed::Unknown)),
        Err(_) => Err(Err::Failure(BlockError::TooManyLines)),
    }
}

/// Stray line feeds; gives how many.
pub(super) fn stray_line_feeds(input: &[u8]) -> IResult<&[u8], usize> {
    take_while(|byte| byte == b'\n').map(<[u8]>::len).parse(input)
}

/// A plain decimal number that is all of the text, spaces after it allowed.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    let digits = map_opt(digit1, |digits: &[u8]| std::str::from_utf8(digits).ok()?.parse().ok());
    let mut number = all_consuming(terminated(digits, take_while(|byte| byte == b' ')));
    let result: IResult<&[u8], u64> = number.parse(text);
    result.ok().map(|(_, number)| number)
}

/// A command's first line: its verb, and after one space its argument (empty when there is none).
pub(super) fn verb_and_argument(line: &str) -> (&str, &str) {
    let verb = take_till(|sign| sign == ' ');
    let argument = opt(preceded(tag(" "), rest)).map(Option::unwrap_or_default);
    let result: IResult<&str, (&str, &str)> = (verb, argument).parse(line);
    result.map_or((line, ""), |(_, parts)| parts)
}

/// Two parts around the first `sign`.
pub(super) fn pair<'a>(sign: &'static str, text: &'a str) -> Option<(&'a str, &'a str)> {
    let result: IResult<&str, (&str, &str)> = separated_pair(take_until(sign), tag(sign), rest).parse(text);
    result.ok().map(|(_, pair)| pair)
}
