//! Opening a session with a token.

use super::guard::GuardedSession;
use super::keys::TokenKeys;
use crate::error::Error;
use crate::generated::types::SessionId;
use crate::session::registry::Registry;
use crate::status::Unusable;
use crate::step::Step;

impl TokenKeys {
    /// The session, as far as the token permits.
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
    /// [`Error::Denied`] if the token is not good for this session: who has none
    /// does not learn whether the session exists. [`Error::Unusable`] with
    /// [`Unusable::Gone`] if it is good and `sessions` has no such session any
    /// more: its holder has to join again. [`Error::Store`] if the store of a fleet
    /// cannot be asked.
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
