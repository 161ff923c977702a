//! What a listener sends, read as the switch reads it.
//!
//! ```text
//! command   = line LF *( header LF ) LF [ body ]       ; a body only with Content-Length
//! originate = DIAL " &" app [ "(" args ")" ]
//! DIAL      = [ "{" vars "}" ] leg *( "," leg )         ; leg = [ "[" vars "]" ] endpoint
//! ```
//! An originate of one leg is read by [`crate::esl::Originate::parse`], which goes through the switch's own passes. Several
//! legs, and other applications than park, are only what recordings and people have; they are read more simply.

use crate::esl;

/// The longest command that is read; the switch's own buffer grows without bound, ours must not.
const LONGEST_COMMAND: usize = 1 << 20;

/// A command as it came: its first line and its headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub line: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The first word and the rest.
    pub fn split(&self) -> (&str, &str) {
        split_word(&self.line)
    }

    /// The argument of an execute: a header, or the body.
    pub fn argument(&self) -> &str {
        self.header("execute-app-arg").unwrap_or(&self.body)
    }
}

pub(super) fn split_word(line: &str) -> (&str, &str) {
    let line = line.trim_start();
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    (word, rest.trim())
}

/// Takes the next whole command off the front of what has come; `Err` when it is too long to be one.
pub(super) fn take(buffer: &mut Vec<u8>) -> Result<Option<Request>, ()> {
    let start = buffer.iter().position(|&byte| byte != b'\n' && byte != b'\r').unwrap_or(buffer.len());
    let Some(end) = find(&buffer[start..], b"\n\n").map(|at| start + at) else {
        return if buffer.len() > LONGEST_COMMAND { Err(()) } else { Ok(None) };
    };
    let text = String::from_utf8_lossy(&buffer[start..end]).into_owned();
    let mut lines = text.split('\n').map(|line| line.trim_end_matches('\r'));
    let line = lines.next().unwrap_or_default().to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_owned(), value.trim_start().to_owned()))
        .collect();
    let mut request = Request { line, headers, body: String::new() };
    let length = request.header("content-length").and_then(|text| text.trim().parse::<usize>().ok()).unwrap_or(0);
    if length > LONGEST_COMMAND {
        return Err(());
    }
    let whole = end + 2 + length;
    if buffer.len() < whole {
        return Ok(None);
    }
    request.body = String::from_utf8_lossy(&buffer[end + 2..whole]).into_owned();
    buffer.drain(..whole);
    Ok(Some(request))
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, what)
}

/// A leg to dial: its variables and its endpoint.
pub(super) type Leg = (Vec<(String, String)>, String);

/// An `originate` as it was understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Originate {
    /// For each leg its own and the common variables, and its endpoint.
    pub legs: Vec<Leg>,
    pub app: String,
    pub args: String,
}

/// Reads the arguments of `originate`; `None` when they are none (`-USAGE`).
pub(super) fn originate(text: &str) -> Option<Originate> {
    if let Ok(read) = esl::Originate::parse(text) {
        let variables = read.variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let legs = vec![(variables, read.endpoint.to_string())];
        return Some(Originate { legs, app: "park".to_owned(), args: String::new() });
    }
    let words = words(text);
    let (dial, what) = (words.first()?, words.get(1)?);
    let (common, rest) = brackets(dial, '{', '}')?;
    let (app, args) = what.strip_prefix('&')?.split_once('(').unwrap_or((&what[1..], ""));
    let args = args.strip_suffix(')').unwrap_or(args).to_owned();
    Some(Originate { legs: legs(rest, &common)?, app: app.to_owned(), args })
}

/// Endpoints that are dialled at once, each with the common variables and its own.
pub(super) fn legs(text: &str, common: &[(String, String)]) -> Option<Vec<Leg>> {
    split(text, ',')
        .into_iter()
        .map(|leg| {
            let (own, endpoint) = brackets(leg, '[', ']')?;
            Some((common.iter().cloned().chain(own).collect(), endpoint.to_owned()))
        })
        .collect()
}

/// Splits at blanks that are in no quotes and no brackets; quotes stay.
fn words(text: &str) -> Vec<String> {
    split(text, ' ').into_iter().filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Splits at a sign that is in no quotes and no brackets, and that no backslash keeps.
fn split(text: &str, at: char) -> Vec<&str> {
    let (mut parts, mut from, mut depth, mut quoted, mut kept) = (Vec::new(), 0, 0u32, false, false);
    for (i, sign) in text.char_indices() {
        match sign {
            _ if kept => kept = false,
            '\\' => kept = true,
            '\'' => quoted = !quoted,
            _ if quoted => {}
            '{' | '[' | '<' => depth += 1,
            '}' | ']' | '>' => depth = depth.saturating_sub(1),
            _ if sign == at && depth == 0 => {
                parts.push(&text[from..i]);
                from = i + sign.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

/// The variables in front, and what follows them; `None` when a bracket does not close.
fn brackets(text: &str, open: char, close: char) -> Option<(Vec<(String, String)>, &str)> {
    let Some(inner) = text.strip_prefix(open) else { return Some((Vec::new(), text)) };
    let (mut quoted, mut kept) = (false, false);
    let end = inner.char_indices().find_map(|(i, sign)| {
        match sign {
            _ if kept => kept = false,
            '\\' => kept = true,
            '\'' => quoted = !quoted,
            _ if sign == close && !quoted => return Some(i),
            _ => {}
        }
        None
    })?;
    let variables = split(&inner[..end], ',')
        .into_iter()
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), clean(value)))
        .collect();
    Some((variables, &inner[end + close.len_utf8()..]))
}

/// A value without its quotes and backslashes (`cleanup_separated_string` in switch_utils.c).
pub(super) fn clean(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut signs = value.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => match signs.next() {
                Some('s') => out.push(' '),
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('t') => out.push('\t'),
                Some(kept) => out.push(kept),
                None => {}
            },
            '\'' => {}
            _ => out.push(sign),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_taken_when_it_is_whole() {
        let mut buffer =
            b"\nsendmsg a\ncall-command: execute\nexecute-app-name: speak\nContent-Length: 4\n\nab".to_vec();
        assert_eq!(take(&mut buffer), Ok(None));
        buffer.extend_from_slice(b"cdapi status\n\n");
        let request = take(&mut buffer).unwrap().unwrap();
        assert_eq!((request.split(), request.argument()), (("sendmsg", "a"), "abcd"));
        assert_eq!(take(&mut buffer).unwrap().unwrap().split(), ("api", "status"));
    }

    #[test]
    fn an_originate_is_read_with_its_quotes_and_legs() {
        let text = r"{a=1,name='x, {y} \'z',b='Яндекс Директ'}[u=1]sofia/gateway/w/op-1,[u=2]user/1001 &park()";
        let read = originate(text).unwrap();
        assert_eq!(read.app, "park");
        assert_eq!(read.legs.len(), 2);
        assert_eq!(read.legs[1].1, "user/1001");
        let value = |name: &str| read.legs[1].0.iter().find(|(key, _)| key == name).unwrap().1.clone();
        assert_eq!((value("name"), value("b"), value("u")), ("x, {y} 'z".into(), "Яндекс Директ".into(), "2".into()));
        assert_eq!(originate("nonsense"), None);
    }
}
