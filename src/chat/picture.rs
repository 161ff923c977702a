//! Pictures that are sent in a chat. Only what begins as a picture of these kinds is taken, and it is served as that kind and nothing
//! else: no SVG, which may hold a script.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

/// The kinds of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// GIF.
    Gif,
    /// WebP.
    Webp,
}

impl Kind {
    /// By the first bytes, whatever the sender says.
    pub fn of(bytes: &[u8]) -> Option<Kind> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Kind::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Kind::Jpeg),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Kind::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Kind::Webp),
            _ => None,
        }
    }

    /// As `Content-Type`.
    pub fn mime(self) -> &'static str {
        match self {
            Kind::Png => "image/png",
            Kind::Jpeg => "image/jpeg",
            Kind::Gif => "image/gif",
            Kind::Webp => "image/webp",
        }
    }
}

/// Bytes as text: a paper's body is text.
pub fn written(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// What [`written`] wrote; `None`: it did not.
pub fn read(text: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pictures_are_pictures() {
        assert_eq!(Kind::of(b"\x89PNG\r\n\x1a\n...."), Some(Kind::Png));
        assert_eq!(Kind::of(b"\xff\xd8\xff\xe0"), Some(Kind::Jpeg));
        assert_eq!(Kind::of(b"GIF89a"), Some(Kind::Gif));
        assert_eq!(Kind::of(b"RIFF....WEBPVP8 "), Some(Kind::Webp));
        for other in [&b"<svg onload=alert(1)>"[..], b"<html>", b"", b"RIFF....WAVE", b"\x89PNG"] {
            assert_eq!(Kind::of(other), None, "{other:?}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(read(&written(&bytes)), Some(bytes));
        for other in ["0", "0g", "é1"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
