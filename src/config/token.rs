//! Who may ask the HTTP API, and for what.

use super::reader::{Table, one_of};
use crate::engine::Name;
use std::sync::Arc;

/// Hexadecimal digits of a SHA-256.
const HASH_LENGTH: usize = 64;

/// What a token is good for; each includes the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// To see.
    Read,
    /// To have people called, to set operators ready and away, to block numbers.
    Operate,
    /// To pause everything, to change settings.
    Admin,
}

impl Scope {
    /// Each with its name.
    pub const ALL: [(&'static str, Scope); 3] =
        [("read", Scope::Read), ("operate", Scope::Operate), ("admin", Scope::Admin)];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        Scope::ALL.iter().find(|(_, scope)| *scope == self).map_or("", |(name, _)| name)
    }
}

/// Somebody who may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Who, for the journal.
    pub name: Arc<str>,
    /// The SHA-256 of the secret, in hexadecimal.
    pub hash: Arc<str>,
    /// For what.
    pub scope: Scope,
    /// The operator who holds it: whose calls the operators' page shows.
    pub operator: Option<Name>,
    /// Sees telephone numbers whole; else like +7916***4567.
    pub whole_numbers: bool,
}

/// `[http.token.NAME]`, each with the `hash` of its secret, its `scope`, the `operator` who holds it, and how `numbers` are shown.
pub(super) fn read(http: &Table<'_>, operators: &[&str]) -> Vec<Token> {
    http.named_tables("token").into_iter().filter_map(|(name, table)| token(name, &table, operators)).collect()
}

fn token(name: Arc<str>, table: &Table<'_>, operators: &[&str]) -> Option<Token> {
    let hash = match table.get("hash") {
        Some(node) => node.line_of_text().and_then(|text| {
            let text = text.trim().to_ascii_lowercase();
            let right = text.len() == HASH_LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !right {
                node.fault("this is no hash of a token", "`perezvon token NAME` makes a token and its hash");
            }
            right.then(|| text.into())
        }),
        None => {
            table.missing("hash", "`perezvon token NAME` makes a token and its hash");
            None
        }
    };
    let scope = table.get("scope").map_or(Some(Scope::Read), |node| node.word(&Scope::ALL));
    let operator = table.get("operator").and_then(|node| {
        let text = node.line_of_text()?;
        if !operators.contains(&text) {
            node.fault(format!("there is no operator \"{text}\""), one_of(text, operators));
        }
        Some(Name::from(text))
    });
    let numbers = table.get("numbers").and_then(|node| node.word(&[("masked", false), ("whole", true)]));
    table.close();
    let scope = scope?;
    // Who has people called must know whom; who only looks on need not.
    let whole_numbers = numbers.unwrap_or(scope > Scope::Read);
    Some(Token { name, hash: hash?, scope, operator, whole_numbers })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scope_includes_the_one_before() {
        assert!(Scope::Read < Scope::Operate && Scope::Operate < Scope::Admin);
        assert_eq!(Scope::Operate.as_str(), "operate");
    }
}
