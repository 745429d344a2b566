//! Keys that sign and verify tokens.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
// jsonwebtoken's root functions take the backend from a static of the process. They panic if
// another crate enables the second backend as well, and only one crate can set it. Naming the
// backend here avoids both.
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::{Action, Denied, Grant, Permissions, SessionToken};
use crate::generated::types::{AppId, SessionId};
use crate::invalid::{Invalid, Problem, lifetime};

/// The longest lifetime of a token: 24 hours. A token cannot be taken back, and
/// no session needs one of a day.
pub const MAX_TOKEN_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest token that is read, in bytes. The longest that [`TokenKeys::issue`] makes has less
/// than 3 KiB.
pub const MAX_TOKEN_LEN: usize = 4096;

/// The shortest secret that is accepted, in bytes: as many as the hash has
/// (RFC 7518 section 3.2).
pub const MIN_SECRET_LEN: usize = 32;

/// The longest secret that is accepted, in bytes. HMAC shortens a key of more
/// than 64 bytes (RFC 2104 section 2); one of more than 1 KiB is no key.
const MAX_SECRET_LEN: usize = 1024;

/// The longest subject of a token, in bytes: enough for an e-mail address
/// (RFC 5321 section 4.5.3.1.3).
pub const MAX_SUBJECT_LEN: usize = 256;

/// The longest name of a key, in bytes.
const MAX_KID_LEN: usize = 64;

/// The most that the clock of the machine that issued a token may be ahead, in seconds.
const CLOCK_SKEW: u64 = 60;

/// Keys that sign and verify the tokens of one app.
///
/// The first key signs. Others are accepted too, so that a key can be replaced
/// while tokens of the old one are still in use:
///
/// ```
/// use cloudflare_calls::SecretString;
/// use cloudflare_calls::token::TokenKeys;
/// use cloudflare_calls::types::AppId;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let new = SecretString::from("a6f0c1d2e3b4958677869504a3b2c1d0e9f8");
/// # let old = SecretString::from("f8e9d0c1b2a30495867768594b3e2d1c0fa6");
/// let keys = TokenKeys::new(AppId::new("a1b2c3")?, "2026-02", new)?.and_accept("2026-01", old)?;
/// # Ok(())
/// # }
/// ```
///
/// If several machines verify, give the new key to all of them with
/// [`and_accept`](Self::and_accept) before the first of them signs with it.
#[derive(Clone)]
pub struct TokenKeys {
    audience: String,
    signing: EncodingKey,
    /// Keys by name. The first one signs.
    accepted: Vec<(String, DecodingKey)>,
}

impl TokenKeys {
    /// Creates keys that sign and verify with this one.
    ///
    /// `app_id` becomes part of every token, so that no other app accepts it. `kid`
    /// names the key, in up to 64 visible ASCII characters, and can be read in every
    /// token. `secret` has from [`MIN_SECRET_LEN`] to 1024 bytes and should be
    /// random: `openssl rand -hex 32` makes a good one.
    ///
    /// # Errors
    /// [`Invalid`] with the field `kid` or `secret`.
    pub fn new(
        app_id: AppId,
        kid: impl Into<String>,
        secret: SecretString,
    ) -> Result<Self, Invalid> {
        let kid = checked_kid(kid.into())?;
        let secret = checked_secret(&secret)?;
        Ok(Self {
            audience: format!("cloudflare-calls:{app_id}"),
            signing: EncodingKey::from_secret(secret),
            accepted: vec![(kid, DecodingKey::from_secret(secret))],
        })
    }

    /// Adds a key that verifies, but does not sign.
    ///
    /// # Errors
    /// [`Invalid`] with the field `kid` or `secret`; [`Problem::Duplicate`] if there
    /// is a key of this name already.
    pub fn and_accept(
        mut self,
        kid: impl Into<String>,
        secret: SecretString,
    ) -> Result<Self, Invalid> {
        let kid = checked_kid(kid.into())?;
        if self.accepted.iter().any(|(other, _)| *other == kid) {
            return Err(Invalid::new("kid", Problem::Duplicate));
        }
        let key = DecodingKey::from_secret(checked_secret(&secret)?);
        self.accepted.push((kid, key));
        Ok(self)
    }

    /// Makes a token of a grant. Its time begins now.
    ///
    /// # Errors
    /// [`Invalid`] with the field `sub` (empty, longer than [`MAX_SUBJECT_LEN`],
    /// control characters) or `ttl` (less than 1 s, more than [`MAX_TOKEN_TTL`]).
    pub fn issue(&self, grant: &Grant) -> Result<SessionToken, Invalid> {
        self.issue_at(grant, now())
    }

    /// Returns the token's permissions for this session.
    ///
    /// Expiry has no leeway: a token is refused from the second in which its lifetime ends. The
    /// issuing machine's clock may be up to 60 s ahead. Actions that this version does not know are
    /// left out.
    ///
    /// # Errors
    /// [`Denied`], for every reason: a wrong or unknown key, another algorithm, a text that is no
    /// token, or a token that is of another app or for another session, has expired or was changed.
    /// A `tracing` event of level `DEBUG` has the reason in a word or two and nothing of the token.
    pub fn verify(&self, token: &str, session: &SessionId) -> Result<Permissions, Denied> {
        self.verify_at(token, session, now())
    }

    fn issue_at(&self, grant: &Grant, now: u64) -> Result<SessionToken, Invalid> {
        let subject = match grant.subject.as_str() {
            "" => Err(Problem::Empty),
            subject if subject.len() > MAX_SUBJECT_LEN => {
                Err(Problem::Length { min: 1, max: MAX_SUBJECT_LEN })
            }
            subject if subject.contains(char::is_control) => Err(Problem::Malformed),
            subject => Ok(subject),
        };
        let subject = subject.map_err(|problem| Invalid::new("sub", problem))?;
        let expires = now.saturating_add(lifetime(grant.ttl, MAX_TOKEN_TTL)?);
        let claims = Issued {
            aud: &self.audience,
            sub: subject,
            sid: &grant.session,
            actions: &grant.actions,
            iat: now,
            exp: expires,
        };
        // Signing cannot fail with a key and with claims of these types.
        let text = self.sign(&claims).zip(instant(expires));
        let (text, expires_at) = text.ok_or_else(|| Invalid::new("token", Problem::Malformed))?;
        Ok(SessionToken { text: text.into(), expires_at })
    }

    fn sign(&self, claims: &Issued<'_>) -> Option<String> {
        let mut header = Header::new(Algorithm::HS256);
        header.kid = self.accepted.first().map(|(kid, _)| kid.clone());
        let mut token = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header).ok()?);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(claims).ok()?, &mut token);
        let signer = (DEFAULT_PROVIDER.signer_factory)(&Algorithm::HS256, &self.signing).ok()?;
        let signature = signer.try_sign(token.as_bytes()).ok()?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Some(token)
    }

    fn verify_at(&self, token: &str, session: &SessionId, now: u64) -> Result<Permissions, Denied> {
        self.check(token, session, now).map_err(|reason| {
            tracing::debug!(reason, "session token refused");
            Denied
        })
    }

    fn check(
        &self,
        token: &str,
        session: &SessionId,
        now: u64,
    ) -> Result<Permissions, &'static str> {
        if token.len() > MAX_TOKEN_LEN {
            return Err("too long");
        }
        // This refuses `none` too, which jsonwebtoken counts as no algorithm.
        let header = jsonwebtoken::decode_header(token).map_err(|_| "no token")?;
        if header.alg != Algorithm::HS256 {
            return Err("algorithm");
        }
        // Critical header fields have to be understood (RFC 7515 section 4.1.11).
        if header.crit.is_some() {
            return Err("critical header");
        }
        let kid = header.kid.ok_or("no key id")?;
        let key = self.accepted.iter().find(|(known, _)| *known == kid);
        let (_, key) = key.ok_or("unknown key")?;

        let (message, signature) = token.rsplit_once('.').ok_or("no token")?;
        // Strict: the spare bits of the last character have to be zero.
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "no token")?;
        let verifier = (DEFAULT_PROVIDER.verifier_factory)(&Algorithm::HS256, key);
        let verifier = verifier.map_err(|_| "unusable key")?;
        verifier.verify(message.as_bytes(), &signature).map_err(|_| "signature")?;

        // This checks no signature, but the line above did.
        let claims: Claims =
            jsonwebtoken::dangerous::insecure_decode_claims(token).map_err(|_| "claims")?;
        if claims.aud != self.audience {
            return Err("another app");
        }
        if claims.sid != session.as_str() {
            return Err("another session");
        }
        if claims.iat > now.saturating_add(CLOCK_SKEW) {
            return Err("issued in the future");
        }
        if claims.exp.saturating_sub(claims.iat) > MAX_TOKEN_TTL.as_secs() {
            return Err("lifetime");
        }
        if claims.exp <= now {
            return Err("expired");
        }
        Ok(Permissions {
            subject: claims.sub,
            session: session.clone(),
            actions: claims.actions.into_iter().filter_map(Claimed::known).collect(),
            expires_at: instant(claims.exp).ok_or("lifetime")?,
        })
    }
}

/// The output has the names of app and keys.
impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kids: Vec<&str> = self.accepted.iter().map(|(kid, _)| kid.as_str()).collect();
        f.debug_struct("TokenKeys")
            .field("audience", &self.audience)
            .field("kids", &kids)
            .finish_non_exhaustive()
    }
}

/// Claims of a new token.
#[derive(Serialize)]
struct Issued<'a> {
    aud: &'a str,
    sub: &'a str,
    sid: &'a SessionId,
    actions: &'a BTreeSet<Action>,
    iat: u64,
    exp: u64,
}

/// Claims of a received token.
#[derive(Deserialize)]
struct Claims {
    aud: String,
    sub: String,
    sid: String,
    actions: Vec<Claimed>,
    iat: u64,
    exp: u64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Claimed {
    Known(Action),
    /// Action of a later version of this crate.
    Unknown(IgnoredAny),
}

impl Claimed {
    fn known(self) -> Option<Action> {
        match self {
            Self::Known(action) => Some(action),
            Self::Unknown(_) => None,
        }
    }
}

fn checked_kid(kid: String) -> Result<String, Invalid> {
    let problem = match kid.as_bytes() {
        [] => Problem::Empty,
        bytes if bytes.len() > MAX_KID_LEN => Problem::Length { min: 1, max: MAX_KID_LEN },
        bytes if bytes.iter().all(u8::is_ascii_graphic) => return Ok(kid),
        _ => Problem::Malformed,
    };
    Err(Invalid::new("kid", problem))
}

fn checked_secret(secret: &SecretString) -> Result<&[u8], Invalid> {
    let secret = secret.expose_secret().as_bytes();
    if (MIN_SECRET_LEN..=MAX_SECRET_LEN).contains(&secret.len()) {
        return Ok(secret);
    }
    let problem = Problem::Length { min: MIN_SECRET_LEN, max: MAX_SECRET_LEN };
    Err(Invalid::new("secret", problem))
}

/// Returns the time in seconds since 1970. A clock before that counts as 0, which lets no token
/// pass: all were issued later.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn instant(seconds: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUED: u64 = 1_800_000_000;

    /// Returns whether a token of 90 s is valid at this time.
    fn verified_at(now: u64) -> bool {
        let secret = SecretString::from("0123456789abcdef0123456789abcdef");
        let keys = TokenKeys::new(AppId::new("app").unwrap(), "k", secret).unwrap();
        let session = SessionId::new("session").unwrap();
        let grant = Grant::new("user", session.clone(), Duration::from_secs(90));
        let token = keys.issue_at(&grant, ISSUED).unwrap();
        keys.verify_at(token.expose(), &session, now).is_ok()
    }

    #[test]
    fn a_token_is_good_until_the_second_in_which_its_time_ends() {
        assert!(verified_at(ISSUED));
        assert!(verified_at(ISSUED + 89));
        assert!(!verified_at(ISSUED + 90));
        assert!(!verified_at(u64::MAX));
    }

    #[test]
    fn the_issuers_clock_may_be_a_minute_ahead() {
        assert!(verified_at(ISSUED - 60));
        assert!(!verified_at(ISSUED - 61));
        assert!(!verified_at(0), "no clock");
    }
}
