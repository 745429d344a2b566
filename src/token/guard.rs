//! Session for the holder of a token or a grant.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use super::Permissions;
use crate::generated::types::SessionId;
use crate::session::access::{Access, Guard, Handle};
use crate::session::handle::Session;
use crate::session::turns::ExchangeId;
use crate::status::Status;

/// Session on which only the permissions of a token or a grant can be used, and only until it
/// expires. Other steps are [`Error::Denied`](crate::Error::Denied), before anything is sent. The
/// extension traits work on it as on a [`Session`].
#[derive(Clone)]
pub struct GuardedSession {
    session: Session,
    guard: Arc<Guard>,
    permissions: Arc<Permissions>,
}

impl GuardedSession {
    /// Allows to pull tracks and data channels of these sessions only, such as the others of the
    /// agent's room. After two calls, both lists have to allow a session.
    pub fn pull_only_from(mut self, sessions: impl IntoIterator<Item = SessionId>) -> Self {
        let mut room: HashSet<SessionId> = sessions.into_iter().collect();
        let guard = Arc::make_mut(&mut self.guard);
        if let Some(before) = &guard.room {
            room.retain(|session| before.contains(session));
        }
        guard.room = Some(room);
        self
    }

    /// Returns the session's id.
    pub fn id(&self) -> &SessionId {
        self.session.id()
    }

    /// Returns the state of the session, as far as it is known here.
    pub fn status(&self) -> Status {
        self.session.status()
    }

    /// Returns the exchange whose offer waits for the agent's answer, if there is one and it is not
    /// too late. In a fleet it is that of the last look at the store.
    ///
    /// [`answer`](crate::session::AnswerExt::answer) takes its answer once the offer was
    /// [kept](crate::session::PendingAnswer::keep).
    pub fn open_exchange(&self) -> Option<ExchangeId> {
        self.session.open_exchange()
    }

    /// Returns the permissions of the token or the grant.
    pub fn permissions(&self) -> &Permissions {
        &self.permissions
    }

    pub(super) fn new(session: Session, permissions: Permissions) -> Self {
        let guard = Guard {
            actions: permissions.actions.clone(),
            expires_at: permissions.expires_at,
            room: None,
        };
        Self { session, guard: Arc::new(guard), permissions: Arc::new(permissions) }
    }
}

impl Handle for GuardedSession {
    fn access(&self) -> Access {
        Access { session: self.session.clone(), guard: Some(Arc::clone(&self.guard)) }
    }
}

impl fmt::Debug for GuardedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedSession")
            .field("session", &self.session)
            .field("permissions", &self.permissions)
            .finish_non_exhaustive()
    }
}
