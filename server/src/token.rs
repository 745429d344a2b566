//! Tokens of members.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cloudflare_calls::SecretString;

use crate::name::MemberId;

/// Random bytes of a token.
const SECRET: usize = 32;

/// The most bytes of a text that can be a token.
const MAX_LEN: usize = 128;

/// Returns a new member's id, its token, and the token's hash. None if the system has no random
/// numbers.
pub(crate) fn issue() -> Option<(MemberId, SecretString, String)> {
    let (mut id, mut secret) = ([0; 8], [0; SECRET]);
    rand::fill(&mut id).ok()?;
    rand::fill(&mut secret).ok()?;
    let id = MemberId::from_number(u64::from_be_bytes(id));
    let secret = BASE64_URL_SAFE_NO_PAD.encode(secret);
    let token = format!("{id}.{secret}");
    let hash = hash(&token);
    Some((id, token.into(), hash))
}

/// Returns the member that a token names. This proves nothing.
pub(crate) fn named(token: &str) -> Option<MemberId> {
    let (id, _) = token.split_once('.').filter(|_| token.len() <= MAX_LEN)?;
    Some(MemberId::of(id))
}

/// Returns whether a token has this hash.
pub(crate) fn is_right(token: &str, expected: &str) -> bool {
    verify_slices_are_equal(hash(token).as_bytes(), expected.as_bytes()).is_ok()
}

/// Returns the hash of a token.
pub(crate) fn hash(token: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use cloudflare_calls::SecretString;

    use super::*;

    #[test]
    fn a_token_names_its_member_and_has_its_hash_alone() {
        use secrecy::ExposeSecret;
        let (id, token, expected) = issue().expect("random numbers");
        let (_, other, _) = issue().expect("random numbers");
        let expose = |token: &SecretString| token.expose_secret().to_owned();
        assert_eq!(named(&expose(&token)), Some(id));
        assert!(is_right(&expose(&token), &expected));
        assert!(!is_right(&expose(&other), &expected));
        assert!(!is_right("", &expected));
        assert_eq!(named(&"a.".repeat(100)), None);
    }
}
