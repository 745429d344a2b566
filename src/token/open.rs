//! Opens a session with a token, or by a grant.

use std::time::{Duration, SystemTime};

use super::guard::GuardedSession;
use super::keys::{MAX_TOKEN_TTL, TokenKeys};
use super::{Grant, Permissions};
use crate::error::Error;
use crate::generated::types::SessionId;
use crate::invalid::lifetime;
use crate::session::handle::Session;
use crate::session::registry::Registry;
use crate::status::Unusable;
use crate::step::Step;

impl TokenKeys {
    /// Returns the session, as far as the token permits.
    ///
    /// ```no_run
    /// # use cloudflare_calls::session::Registry;
    /// # use cloudflare_calls::{Error, Offer, prelude::*, types::SessionId};
    /// # use cloudflare_calls::token::TokenKeys;
    /// # async fn example(
    /// #     keys: TokenKeys, sessions: Registry, offer: Offer,
    /// #     token: &str, id: SessionId, room: Vec<SessionId>,
    /// # ) -> Result<(), Error> {
    /// let session = keys.open(token, &id, &sessions).await?.pull_only_from(room);
    /// let published = session.publish_all(offer).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Denied`] if the token is not good for this session. A caller without a good token
    /// does not learn whether the session exists. [`Error::Unusable`] with [`Unusable::Gone`] if
    /// the token is good and `sessions` does not have the session any more: its holder has to join
    /// again. [`Error::Store`] if the store of a fleet cannot be asked.
    pub async fn open(
        &self,
        token: &str,
        id: &SessionId,
        sessions: &Registry,
    ) -> Result<GuardedSession, Error> {
        let step = Step::Open;
        let permissions = self.verify(token, id).map_err(|_| Error::Denied { step })?;
        let reason = Unusable::Gone;
        let session = sessions.get(id).await;
        let unknown = |source| Error::Store { step, source, outcome_unknown: false };
        let session = session.map_err(unknown)?.ok_or(Error::Unusable { step, reason })?;
        Ok(GuardedSession::new(session, permissions))
    }
}

/// These methods need the feature `token`.
impl Session {
    /// Returns the session, as far as a grant permits, for a backend that has tokens of its own.
    /// The time of the grant begins now.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Error, Offer, Session, prelude::*};
    /// use std::time::Duration;
    ///
    /// use cloudflare_calls::token::{Action, Grant};
    ///
    /// # async fn example(session: Session, user: &str, offer: Offer) -> Result<(), Error> {
    /// // The backend knows who asks.
    /// let grant = Grant::new(user, session.id().clone(), Duration::from_secs(60))
    ///     .actions([Action::Publish, Action::Close]);
    /// let published = session.granted(&grant)?.publish_all(offer).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The subject is not checked: it is for the backend, and in no token.
    ///
    /// # Errors
    /// [`Error::Denied`] if the grant is for another session. [`Error::Invalid`] with
    /// the field `ttl` if it is less than 1 s or more than [`MAX_TOKEN_TTL`].
    pub fn granted(&self, grant: &Grant) -> Result<GuardedSession, Error> {
        let step = Step::Open;
        if grant.session != *self.id() {
            return Err(Error::Denied { step });
        }
        let seconds = lifetime(grant.ttl, MAX_TOKEN_TTL).map_err(Error::invalid(step))?;
        let expires_at = SystemTime::now().checked_add(Duration::from_secs(seconds));
        let permissions = Permissions {
            subject: grant.subject.clone(),
            session: grant.session.clone(),
            actions: grant.actions.clone(),
            // A clock at its end makes no valid expiry.
            expires_at: expires_at.ok_or(Error::Denied { step })?,
        };
        Ok(GuardedSession::new(self.clone(), permissions))
    }
}
