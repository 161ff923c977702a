//! The log: what the daemon says of itself, on standard error. Telephone numbers are masked in it unless the configuration
//! says otherwise, whoever wrote them there.

use crate::config::Log;
use std::io::{self, Write};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// So many digits in a row are a telephone number.
const LEAST: usize = 9;
/// So many digits stay at its end.
const SHOWN: usize = 4;

/// Begins to log. `RUST_LOG` stands over the configuration. Once a process; later calls change nothing.
pub fn init(log: &Log) {
    let level = std::env::var("RUST_LOG").unwrap_or_else(|_| log.level.clone());
    let filter = EnvFilter::try_new(&level).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(Masked(!log.whole_numbers));
    let _ = match log.json {
        true => builder.json().with_ansi(false).try_init(),
        false => builder.with_ansi(false).with_target(false).try_init(),
    };
}

/// Writes lines to standard error, masked or as they are.
struct Masked(bool);

impl<'a> MakeWriter<'a> for Masked {
    type Writer = Line;
    fn make_writer(&'a self) -> Line {
        Line { masked: self.0, text: Vec::new() }
    }
}

/// One event of the log: written whole when it is dropped.
struct Line {
    masked: bool,
    text: Vec<u8>,
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.masked {
            mask(&mut self.text);
        }
        let _ = io::stderr().lock().write_all(&self.text);
    }
}

/// Stars in the middle of every run of [`LEAST`] or more digits that is no part of a uuid.
pub fn mask(text: &mut [u8]) {
    let mut at = 0;
    while at < text.len() {
        let run = text[at..].iter().take_while(|b| b.is_ascii_digit()).count();
        if run >= LEAST && !in_uuid(text, at, at + run) {
            let keep = (run - 7).min(4);
            text[at + keep..at + run - SHOWN].fill(b'*');
        }
        at += run.max(1);
    }
}

/// The last group of a uuid has twelve hexadecimal digits, and a dash before them.
fn in_uuid(text: &[u8], from: usize, to: usize) -> bool {
    let hex = |b: &u8| b.is_ascii_hexdigit();
    let begin = from - text[..from].iter().rev().take_while(|b| hex(b)).count();
    let end = to + text[to..].iter().take_while(|b| hex(b)).count();
    end - begin == 12 && begin >= 5 && text[begin - 1] == b'-' && text[begin - 5..begin - 1].iter().all(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_masked_and_uuids_are_not() {
        for (text, masked) in [
            ("dialling +79161234567 now", "dialling +7916***4567 now"),
            ("sofia/gateway/x/79161234567", "sofia/gateway/x/7916***4567"),
            ("{\"number\":\"+4930123456\"}", "{\"number\":\"+493***3456\"}"),
            ("leg 2b5f1a80-1111-4222-8333-123456789012 ended", "leg 2b5f1a80-1111-4222-8333-123456789012 ended"),
            ("2026-11-23T10:00:00.123456Z took 12345678 us", "2026-11-23T10:00:00.123456Z took 12345678 us"),
            ("79161234567", "7916***4567"),
            ("", ""),
        ] {
            let mut bytes = text.as_bytes().to_vec();
            mask(&mut bytes);
            assert_eq!(String::from_utf8(bytes).unwrap(), masked);
        }
    }
}
