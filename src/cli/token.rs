//! `perezvon token`: a new secret for the HTTP API, and what the configuration keeps of it.

use super::Failure;
use crate::{
    config::Scope,
    http::{fingerprint, new_secret},
};
use std::io::Write;

/// Shows a new secret, once, and the lines for the configuration.
///
/// # Errors
/// The name is none; nobody reads.
pub fn run(name: &str, scope: Scope, out: &mut impl Write) -> Result<(), Failure> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
        return Err(Failure::Failed(format!("\"{name}\" is no name of a token: letters, digits, - and _, at most 64")));
    }
    let secret = new_secret();
    writeln!(out, "{secret}\n")?;
    writeln!(out, "Nobody can show this secret again. Into the configuration, then restart the daemon:\n")?;
    writeln!(out, "[http.token.{name}]\nhash  = \"{}\"\nscope = \"{}\"", fingerprint(&secret), scope.as_str())?;
    Ok(())
}
