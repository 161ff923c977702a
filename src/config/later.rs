//! Keys that the design has and this version does not: refused by name, so that nobody believes that they work.

/// The name of such a key, by the way to it.
pub fn key(path: &[String]) -> Option<&'static str> {
    let keys: Vec<&str> =
        path.iter().map(String::as_str).filter(|step| !step.bytes().all(|b| b.is_ascii_digit())).collect();
    Some(match keys.as_slice() {
        ["outbound", ..] => "[outbound], the inbound queue,",
        _ => return None,
    })
}
