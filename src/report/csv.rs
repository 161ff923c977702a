//! Fields of comma-separated values (RFC 4180).

/// A field, in quotes where it needs them.
pub fn quoted(field: &str) -> String {
    match field.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field.to_owned(),
    }
}
