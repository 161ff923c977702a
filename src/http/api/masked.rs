//! Telephone numbers for those who need not know them: whatever a token of masked numbers is answered, `+79161234567` is
//! `+7916***4567` in it. Done to the answers as they leave, so that no operation can forget it.

use super::{Api, tokens::asker};
use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::header::CONTENT_TYPE,
    middleware::Next,
    response::Response,
};
use futures_util::StreamExt;

/// From so many digits on it is a number, with a plus before it; without one, from one more on.
const LEAST: usize = 8;
/// So many digits stay at its end …
const LAST: usize = 4;
/// … and at most so many at its beginning, of which three are always hidden.
const FIRST: usize = 4;

/// Masks what is answered, if the one who asks is to see masked numbers.
pub async fn mask(State(api): State<Api>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let whole = asker(&parts, &api.tokens).map_or(true, |token| token.whole_numbers);
    let response = next.run(Request::from_parts(parts, body)).await;
    if whole { response } else { masked(response).await }
}

async fn masked(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    match kind.split(';').next().unwrap_or_default() {
        // Events leave whole, one a piece; so do the rows of a table, of which there may be many.
        kind @ ("text/event-stream" | "text/csv") => {
            let anywhere = kind == "text/csv";
            let pieces = body.into_data_stream().map(move |piece| piece.map(|bytes| of(&bytes, anywhere)));
            Response::from_parts(parts, Body::from_stream(pieces))
        }
        "application/json" | "application/problem+json" => Response::from_parts(parts, all(body, false).await),
        kind if kind.starts_with("text/") => Response::from_parts(parts, all(body, true).await),
        _ => Response::from_parts(parts, body),
    }
}

async fn all(body: Body, quoted: bool) -> Body {
    // Answers are bounded where they are made.
    let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
    Body::from(of(&bytes, quoted))
}

/// Numbers masked: in the texts of JSON, or anywhere (`anywhere`). What is no text in JSON is a count or a time.
fn of(bytes: &[u8], anywhere: bool) -> Bytes {
    let mut text = bytes.to_vec();
    let (mut at, mut inside) = (0, false);
    while at < text.len() {
        let run = text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        match text[at] {
            b'\\' if inside => at += 1,
            b'"' => inside = !inside,
            _ if (inside || anywhere) && is_number(&text, at, run) => {
                let keep = run.saturating_sub(LAST + 3).min(FIRST);
                text[at + keep..at + run - LAST].fill(b'*');
            }
            _ => {}
        }
        at += run.max(1);
    }
    text.into()
}

/// Do these digits stand alone, as a number does? Those of a uuid or of a cursor do not.
fn is_number(text: &[u8], from: usize, run: usize) -> bool {
    let before = from.checked_sub(1).map(|at| text[at]);
    let after = text.get(from + run);
    let joins = |byte: u8| byte.is_ascii_alphanumeric();
    match before {
        Some(b'+') => run >= LEAST,
        Some(byte) if joins(byte) || byte == b'.' => false,
        _ => run > LEAST && !after.is_some_and(|byte| joins(*byte)) && !in_uuid(text, from, run),
    }
}

/// The last group of a uuid has twelve digits, and a dash and four hexadecimal ones before them.
fn in_uuid(text: &[u8], from: usize, run: usize) -> bool {
    run == 12 && from >= 5 && text[from - 1] == b'-' && text[from - 5..from - 1].iter().all(u8::is_ascii_hexdigit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_masked_and_nothing_else_is() {
        for (plain, masked) in [
            (r#"{"number":"+79161234567"}"#, r#"{"number":"+7916***4567"}"#),
            (r#"{"detail":"\"+79161234567\" is never dialled"}"#, r#"{"detail":"\"+7916***4567\" is never dialled"}"#),
            (r#"{"recording":"/rec/site-79161234567-1.wav"}"#, r#"{"recording":"/rec/site-7916***4567-1.wav"}"#),
            (r#"{"number":"+12345678","due":1800000000000}"#, r#"{"number":"+1***5678","due":1800000000000}"#),
            (r#"{"id":"2b5f1a80-1111-4222-8333-123456789012"}"#, r#"{"id":"2b5f1a80-1111-4222-8333-123456789012"}"#),
            (
                r#"{"next":"c.1800000000000.abc","at":"2027-01-15T08:00:00.123456789Z"}"#,
                r#"{"next":"c.1800000000000.abc","at":"2027-01-15T08:00:00.123456789Z"}"#,
            ),
            ("event: call\ndata: {\"n\":\"+79161234567\"}\n\n", "event: call\ndata: {\"n\":\"+7916***4567\"}\n\n"),
        ] {
            assert_eq!(of(plain.as_bytes(), false), masked.as_bytes(), "{plain}");
        }
        assert_eq!(of(b"id,+79161234567,1", true), &b"id,+7916***4567,1"[..]);
    }
}
