//! Who may ask: bearer tokens (RFC 6750), of which the configuration has the hash. A page that was signed in to sends the secret
//! in a cookie instead; what it asks to be done must come from a page of ours.

use super::{Api, problem::Problem};
use crate::{
    config::{Scope, Token},
    engine::Name,
    http::session,
};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION, request::Parts},
};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// How a secret begins, so that one that leaks is known for what it is.
const PREFIX: &str = "pzv_";

/// A secret of more than 256 random bits.
#[allow(clippy::disallowed_methods)] // a secret that could be worked out would be none
pub fn new_secret() -> String {
    let bits = [uuid::Uuid::new_v4(), uuid::Uuid::new_v4(), uuid::Uuid::new_v4()];
    format!("{PREFIX}{}", bits.map(|part| part.simple().to_string()).concat())
}

/// What is kept of a secret: its SHA-256. It is random and long, so that a slow hash would guard nothing more.
pub fn fingerprint(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A caller who may do what its scope says.
#[derive(Clone, Debug)]
pub struct May<const SCOPE: u8> {
    /// Who.
    pub name: Arc<str>,
    /// For what at most.
    pub scope: Scope,
    /// The operator who holds the token.
    pub operator: Option<Name>,
    /// Sees telephone numbers whole.
    pub whole_numbers: bool,
}

/// Who may see.
pub type Reader = May<0>;
/// Who may operate.
pub type Operator = May<1>;
/// Who may do everything.
pub type Admin = May<2>;

impl<const SCOPE: u8> FromRequestParts<Api> for May<SCOPE> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<May<SCOPE>, Problem> {
        let token = asker(parts, &api.tokens)?;
        let wanted = Scope::ALL[usize::from(SCOPE)].1;
        if token.scope < wanted {
            let detail = format!(
                "token \"{}\" has the scope {}, and {} is wanted",
                token.name,
                token.scope.as_str(),
                wanted.as_str()
            );
            return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
        }
        Ok(May {
            name: token.name.clone(),
            scope: token.scope,
            operator: token.operator.clone(),
            whole_numbers: token.whole_numbers,
        })
    }
}

/// Whose secret comes with a request.
pub(super) fn asker<'a>(parts: &Parts, tokens: &'a [Token]) -> Result<&'a Token, Problem> {
    let denied = |detail| Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail);
    let of_page = || session::secret(&parts.headers);
    let by_header = bearer(&parts.headers);
    if by_header.is_none() && of_page().is_some() && !parts.method.is_safe() && !session::is_ours(&parts.headers) {
        let detail = "a page of another site may not ask for that; programs send Authorization: Bearer SECRET";
        return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    let secret = by_header.or_else(of_page);
    let secret =
        secret.ok_or_else(|| denied("say who asks: Authorization: Bearer SECRET; `perezvon token NAME` makes one"))?;
    token_of(secret, tokens).ok_or_else(|| denied("no token has this secret"))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ").map(str::trim)
}

/// The token of this secret.
pub fn token_of<'a>(secret: &str, tokens: &'a [Token]) -> Option<&'a Token> {
    let hash = fingerprint(secret);
    tokens.iter().find(|token| *token.hash == *hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_long_and_only_its_hash_is_kept() {
        let (one, other) = (new_secret(), new_secret());
        assert!(one.starts_with(PREFIX) && one.len() == PREFIX.len() + 96 && one != other);
        // SHA-256 of "abc" (FIPS 180-4, appendix B.1).
        assert_eq!(fingerprint("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
