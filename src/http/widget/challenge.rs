//! Work that a browser does before a call is asked for, so that asking for thousands costs something. Nothing of it is kept: a
//! challenge carries its end and our seal, and the work is bound to the request's id, which is good for one request.
//!
//! ```text
//! challenge = EXPIRES "." HMAC-SHA-256-128(secret, KEY "." EXPIRES)     ; milliseconds since 1970, hexadecimal
//! work      = a nonce for which SHA-256(challenge ":" ID ":" nonce) begins with so many zero bits
//! ```

use crate::engine::time::{Span, Wall};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// How long a challenge is good: as long as somebody may think about their number.
const GOOD_FOR: Span = Span::minutes(30);
/// The longest nonce, in characters.
const LONGEST_NONCE: usize = 20;

/// How many bytes of the seal are kept (RFC 2104, section 5): with more the browser would hash a block more each time.
const SEALED: usize = 16;
/// The bytes of a key of HMAC-SHA-256 (RFC 2104: a block of the hash).
const BLOCK: usize = 64;

/// Makes challenges and judges what was done.
#[derive(Clone)]
pub struct Seal(Hmac<Sha256>);

/// Why work is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotDone {
    /// The challenge is none of ours, or is of a start of the daemon before this one.
    Forged,
    /// It came too late.
    Expired,
    /// It is not enough.
    TooLittle,
}

impl Seal {
    /// By this secret.
    pub fn new(secret: &str) -> Seal {
        let mut key = [0; BLOCK];
        key.iter_mut().zip(Sha256::digest(secret)).for_each(|(byte, of_secret)| *byte = of_secret);
        Seal(Hmac::new(&key.into()))
    }

    fn mac(&self, key: &str, expires: &str) -> String {
        let sealed = self.0.clone().chain_update(key).chain_update(".").chain_update(expires).finalize();
        sealed.into_bytes().iter().take(SEALED).map(|byte| format!("{byte:02x}")).collect()
    }

    /// A challenge for the site of this key.
    pub fn issue(&self, key: &str, now: Wall) -> String {
        let expires = (now + GOOD_FOR).0.to_string();
        let mac = self.mac(key, &expires);
        format!("{expires}.{mac}")
    }

    /// Was so much work done for this request?
    pub fn judge(&self, key: &str, done: &Work, id: &str, bits: u32, now: Wall) -> Result<(), NotDone> {
        let (expires, mac) = done.challenge.split_once('.').ok_or(NotDone::Forged)?;
        let at = expires.parse::<i64>().map_err(|_| NotDone::Forged)?;
        if !same(mac, &self.mac(key, expires)) || done.nonce.len() > LONGEST_NONCE {
            return Err(NotDone::Forged);
        }
        if now.0 >= at {
            return Err(NotDone::Expired);
        }
        match zero_bits(&done.challenge, id, &done.nonce) >= bits {
            true => Ok(()),
            false => Err(NotDone::TooLittle),
        }
    }
}

/// What a browser did.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Work {
    /// The challenge that it was given.
    pub challenge: String,
    /// What it found.
    pub nonce: String,
}

/// In a time that tells nothing of where they differ.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

fn zero_bits(challenge: &str, id: &str, nonce: &str) -> u32 {
    let digest = Sha256::digest(format!("{challenge}:{id}:{nonce}"));
    let zeros = digest.iter().take_while(|byte| **byte == 0).count();
    zeros as u32 * 8 + digest.get(zeros).map_or(0, |byte| byte.leading_zeros())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Wall = Wall(1_796_018_340_000);
    const BITS: u32 = 8;

    fn work(challenge: &str, id: &str) -> Work {
        let enough = |nonce: &String| zero_bits(challenge, id, nonce) >= BITS;
        let nonce = (0..100_000).map(|n: u32| n.to_string()).find(enough).unwrap();
        Work { challenge: challenge.to_owned(), nonce }
    }

    #[test]
    fn what_was_done_is_good_for_one_request_of_one_site_and_for_a_while() {
        let seal = Seal::new("secret");
        let done = work(&seal.issue("shop-key", NOW), "id-1");
        let judged = |key, id, bits, now| seal.judge(key, &done, id, bits, now);
        assert_eq!(judged("shop-key", "id-1", BITS, NOW), Ok(()));
        assert_eq!(judged("shop-key", "id-1", 200, NOW), Err(NotDone::TooLittle));
        assert_eq!(judged("shop-key", "id-2", 24, NOW), Err(NotDone::TooLittle), "it was done for another request");
        assert_eq!(judged("other-key", "id-1", BITS, NOW), Err(NotDone::Forged));
        assert_eq!(judged("shop-key", "id-1", BITS, NOW + GOOD_FOR), Err(NotDone::Expired));
        assert_eq!(Seal::new("other").judge("shop-key", &done, "id-1", BITS, NOW), Err(NotDone::Forged));
    }

    #[test]
    fn a_challenge_that_was_changed_is_none_of_ours() {
        let seal = Seal::new("secret");
        let challenge = seal.issue("shop-key", NOW);
        let later = challenge.replacen(&(NOW + GOOD_FOR).0.to_string(), &(NOW.0 * 2).to_string(), 1);
        for challenge in [later.as_str(), "", ".", "1.", "x.y", &challenge[..20], &format!("{challenge}0")] {
            let done = Work { challenge: challenge.to_owned(), nonce: "0".to_owned() };
            assert_eq!(seal.judge("shop-key", &done, "id", 0, NOW), Err(NotDone::Forged), "{challenge}");
        }
    }

    /// RFC 4231, test case 2.
    #[test]
    fn the_seal_is_the_hmac_of_the_standard() {
        let mac =
            Hmac::<Sha256>::new_from_slice(b"Jefe").unwrap().chain_update("what do ya want for nothing?").finalize();
        let text: String = mac.into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
