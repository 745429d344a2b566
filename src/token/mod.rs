//! Signed tokens with an agent's permissions on one session.
//!
//! Without authorization, an agent that knows a session's id can close its tracks through the
//! backend. So the backend gives the agent a token along with the id, and requires it with every
//! request:
//!
//! ```
//! use std::time::Duration;
//!
//! use cloudflare_calls::SecretString;
//! use cloudflare_calls::token::{Action, Grant, TokenKeys};
//! use cloudflare_calls::types::{AppId, SessionId};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let secret = SecretString::from("a6f0c1d2e3b4958677869504a3b2c1d0e9f8");
//! let keys = TokenKeys::new(AppId::new("a1b2c3")?, "2026-01", secret)?;
//!
//! // The agent joins.
//! let session = SessionId::new("e017a2629c754fedc1f7d8587e06d126")?;
//! let grant = Grant::new("user 42", session.clone(), Duration::from_secs(2 * 60 * 60))
//!     .actions([Action::Publish, Action::Close, Action::Leave]);
//! let token = keys.issue(&grant)?;
//! let for_the_agent = serde_json::json!({ "session": session, "token": token });
//!
//! // The agent asks for something.
//! let permissions = keys.verify(token.expose(), &session)?;
//! permissions.require(Action::Publish)?;
//! assert!(permissions.require(Action::Subscribe).is_err(), "it was not granted");
//! # Ok(())
//! # }
//! ```
//!
//! [`TokenKeys::open`] does both at once: it gives a handle of the session that
//! can do no more than the token permits. A backend that has tokens of its own needs
//! no second kind: [`Session::granted`](crate::Session::granted) gives the same handle
//! by a [`Grant`] alone.
//!
//! A token is a JWT (RFC 7519) with an HMAC by SHA-256 (`HS256`). Its claims are
//! `aud` (this crate and the app), `sub`, `sid` (the session), `actions`, `iat`
//! and `exp`. They are signed and not encrypted: the agent can read them. A token
//! cannot be taken back before it expires, so let it be short-lived.

pub(crate) mod guard;
mod keys;
mod open;

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, SystemTime};

use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};

pub use self::guard::GuardedSession;
pub use self::keys::{MAX_SUBJECT_LEN, MAX_TOKEN_LEN, MAX_TOKEN_TTL, MIN_SECRET_LEN, TokenKeys};
pub use crate::action::Action;
use crate::generated::types::SessionId;

/// Content of a token, or of a permission without one: the subject, its session, its actions and
/// their lifetime.
///
/// Only the listed actions are allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a grant is nothing before `TokenKeys::issue` or `Session::granted`"]
pub struct Grant {
    subject: String,
    session: SessionId,
    ttl: Duration,
    actions: BTreeSet<Action>,
}

impl Grant {
    /// Creates a grant without any action.
    ///
    /// `subject` is the agent or its user, in the backend's terms, from 1 to [`MAX_SUBJECT_LEN`]
    /// bytes without control characters; the agent can read it. `ttl` is the lifetime of the token
    /// or the grant, from 1 s to [`MAX_TOKEN_TTL`]; fractions of a second are left out.
    pub fn new(subject: impl Into<String>, session: SessionId, ttl: Duration) -> Self {
        Self { subject: subject.into(), session, ttl, actions: BTreeSet::new() }
    }

    /// Allows this action as well.
    pub fn allow(mut self, action: Action) -> Self {
        self.actions.insert(action);
        self
    }

    /// Allows these actions as well.
    pub fn actions(mut self, actions: impl IntoIterator<Item = Action>) -> Self {
        self.actions.extend(actions);
        self
    }
}

/// Signed token. It is as good as a password until it expires.
///
/// `Debug` output does not show it. Serialising writes it as a string, on purpose: the agent needs
/// it.
#[derive(Clone, Debug)]
pub struct SessionToken {
    text: SecretString,
    expires_at: SystemTime,
}

impl SessionToken {
    /// Returns the token itself, for the agent.
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// Returns the time from which it is refused.
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }
}

impl Serialize for SessionToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

/// Permissions of a valid token, or of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permissions {
    subject: String,
    session: SessionId,
    actions: BTreeSet<Action>,
    expires_at: SystemTime,
}

impl Permissions {
    /// Returns the agent or user that the token was issued to, or that the grant is for.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Returns the session that the token is good for. It is the one that [`TokenKeys::verify`] was
    /// asked about, or that the grant is for.
    pub fn session(&self) -> &SessionId {
        &self.session
    }

    /// Returns whether this action was granted.
    pub fn allows(&self, action: Action) -> bool {
        self.actions.contains(&action)
    }

    /// Checks that this action was granted.
    ///
    /// # Errors
    /// [`Denied`] if not.
    pub fn require(&self, action: Action) -> Result<(), Denied> {
        if self.allows(action) { Ok(()) } else { Err(Denied) }
    }

    /// Returns the time from which the token is refused, or the grant has ended.
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }
}

/// Error for an action that the agent may not take.
///
/// The error is the same for every reason, so that it does not show how far a forged token came. A
/// backend that refuses for reasons of its own can answer with it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied;

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not permitted")
    }
}

impl std::error::Error for Denied {}
