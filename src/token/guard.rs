//! A session for whoever has a token for it.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use super::{Action, Denied, Permissions, TokenKeys};
use crate::ext::sealed::Handle;
use crate::types::SessionId;
use crate::{Error, Registry, Session, Status};

impl TokenKeys {
    /// The session, as far as the token permits.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Error, Offer, Registry, prelude::*, types::SessionId};
    /// # use cloudflare_calls::token::{Denied, TokenKeys};
    /// # async fn example(
    /// #     keys: TokenKeys, sessions: Registry, offer: Offer,
    /// #     token: &str, id: SessionId, room: Vec<SessionId>,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let session = keys.open(token, &id, &sessions)?.pull_only_from(room);
    /// let published = session.publish_all(offer).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Denied`], also if `sessions` has no such session: who has no token for
    /// a session does not learn whether it exists.
    pub fn open(
        &self,
        token: &str,
        id: &SessionId,
        sessions: &Registry,
    ) -> Result<GuardedSession, Denied> {
        let permissions = Arc::new(self.verify(token, id)?);
        let session = sessions.get(id).ok_or(Denied)?;
        Ok(GuardedSession { session, permissions, room: None })
    }
}

/// A session of which only what a token permits can be done, and only until
/// the token expires. Everything else is [`Error::Denied`], before anything is
/// sent. The extension traits work on it as on a [`Session`].
#[derive(Clone)]
pub struct GuardedSession {
    session: Session,
    permissions: Arc<Permissions>,
    room: Option<Arc<HashSet<SessionId>>>,
}

impl GuardedSession {
    /// Allows to pull tracks and data channels of these sessions only, such as
    /// the others of the agent's room. Called twice, both have to allow it.
    pub fn pull_only_from(mut self, sessions: impl IntoIterator<Item = SessionId>) -> Self {
        let mut room: HashSet<SessionId> = sessions.into_iter().collect();
        if let Some(before) = self.room {
            room.retain(|session| before.contains(session));
        }
        self.room = Some(Arc::new(room));
        self
    }

    /// The session's id.
    pub fn id(&self) -> &SessionId {
        self.session.id()
    }

    /// What the session can take now, as far as is known here.
    pub fn status(&self) -> Status {
        self.session.status()
    }

    /// What the token says.
    pub fn permissions(&self) -> &Permissions {
        &self.permissions
    }
}

impl Handle for GuardedSession {
    fn enter(&self, operation: &'static str, action: Action) -> Result<Session, Error> {
        let is_valid = SystemTime::now() < self.permissions.expires_at();
        match is_valid && self.permissions.allows(action) {
            true => Ok(self.session.clone()),
            false => Err(denied(operation)),
        }
    }

    fn may_pull(&self, operation: &'static str, publisher: &SessionId) -> Result<(), Error> {
        match &self.room {
            Some(room) if !room.contains(publisher) => Err(denied(operation)),
            _ => Ok(()),
        }
    }
}

fn denied(operation: &'static str) -> Error {
    tracing::debug!(operation, "not permitted");
    Error::Denied { operation }
}

impl fmt::Debug for GuardedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedSession")
            .field("session", &self.session)
            .field("permissions", &self.permissions)
            .finish_non_exhaustive()
    }
}
