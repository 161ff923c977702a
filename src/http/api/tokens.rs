//! Who may ask: bearer tokens (RFC 6750), of which the configuration has the hash.

use super::{Api, problem::Problem};
use crate::config::Scope;
use axum::{
    extract::FromRequestParts,
    http::{StatusCode, header::AUTHORIZATION, request::Parts},
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
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let secret = header.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim);
        let denied = |detail| Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail);
        let secret = secret
            .ok_or_else(|| denied("say who asks: Authorization: Bearer SECRET; `perezvon token NAME` makes one"))?;
        let hash = fingerprint(secret);
        let token = api.tokens.iter().find(|token| *token.hash == *hash);
        let token = token.ok_or_else(|| denied("no token has this secret"))?;
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
        Ok(May { name: token.name.clone() })
    }
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
