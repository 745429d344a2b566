//! "Client joins": the session.

use std::time::Duration;

use super::sealed::Root;
use super::state::SessionState;
use crate::retry::{Repeat, RetryPolicy};
use crate::session::Settings;
use crate::types::SessionId;
use crate::{Client, Error, Session, meter};

/// Getting a handle of a session.
pub trait JoinExt: Root {
    /// Creates a session for an agent that joins (`POST sessions/new`).
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Client, Error, prelude::*};
    /// # async fn example(client: Client) -> Result<(), Error> {
    /// let session = client.join().correlation_id("room 7").send().await?;
    /// # Ok(())
    /// # }
    /// ```
    fn join(&self) -> Join<'_> {
        Join {
            client: self.client(),
            correlation_id: None,
            is_third_party: false,
            settings: Settings::default(),
        }
    }

    /// Takes over a session that another process created, as after a restart:
    /// reads what is open on it (`GET sessions/{id}`).
    ///
    /// An exchange that was open elsewhere cannot be seen from here.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Client, Error, prelude::*, types::SessionId};
    /// # async fn example(client: Client, id: SessionId) -> Result<(), Error> {
    /// let session = client.adopt(id).send().await?;
    /// # Ok(())
    /// # }
    /// ```
    fn adopt(&self, id: SessionId) -> Adopt<'_> {
        Adopt { client: self.client(), id, settings: Settings::default() }
    }
}

impl JoinExt for Client {}

macro_rules! settings {
    ($name:ident) => {
        impl $name<'_> {
            /// How long the answer to an SFU's offer may take,
            /// [`ANSWER_DEADLINE`](crate::ANSWER_DEADLINE) if not set.
            pub fn answer_deadline(mut self, deadline: Duration) -> Self {
                self.settings.answer_deadline = deadline;
                self
            }

            /// How often this request and those of the session are repeated.
            pub fn retry(mut self, policy: RetryPolicy) -> Self {
                self.settings.retry = policy;
                self
            }
        }
    };
}

/// A session to be created.
#[derive(Clone, Debug)]
#[must_use = "nothing happens before `send`"]
pub struct Join<'a> {
    client: &'a Client,
    correlation_id: Option<String>,
    is_third_party: bool,
    settings: Settings,
}

settings!(Join);

impl Join<'_> {
    /// A label for diagnosis, at Cloudflare and in the session's `tracing`
    /// span. No session can be found by it, and it does not keep a second one
    /// from being created.
    pub fn correlation_id(mut self, label: impl Into<String>) -> Self {
        self.correlation_id = Some(label.into());
        self
    }

    /// The session's peer is an ICE-lite agent, such as another SFU, rather
    /// than a browser.
    pub fn third_party(mut self) -> Self {
        self.is_third_party = true;
        self
    }

    /// Creates the session.
    ///
    /// # Errors
    /// [`Error::Request`]. If its outcome is unknown, a session may have been
    /// created that nobody knows of; it is not tried again, and expires.
    pub async fn send(self) -> Result<Session, Error> {
        let create = || {
            let mut request = self.client.new_session();
            if self.is_third_party {
                request = request.thirdparty(true);
            }
            if let Some(label) = &self.correlation_id {
                request = request.correlation_id(label);
            }
            request.send()
        };
        meter::step("join");
        let id = self.settings.retry.run(Repeat::Create, create).await?.session_id;
        meter::session("joined");
        let label = self.correlation_id.as_deref().unwrap_or_default();
        Ok(Session::new(self.client.clone(), id, self.settings, label))
    }
}

/// A session to be taken over.
#[derive(Clone, Debug)]
#[must_use = "nothing happens before `send`"]
pub struct Adopt<'a> {
    client: &'a Client,
    id: SessionId,
    settings: Settings,
}

settings!(Adopt);

impl Adopt<'_> {
    /// Reads the session's state and makes a handle of it.
    ///
    /// # Errors
    /// [`Error::Request`], as for a session that is gone.
    pub async fn send(self) -> Result<Session, Error> {
        meter::step("adopt");
        let read = || self.client.get_session(&self.id).send();
        let reply = self.settings.retry.run(Repeat::Read, read).await?;
        let state = SessionState::new(reply);
        meter::session("adopted");
        let session = Session::new(self.client.clone(), self.id, self.settings, "");
        session.ledger().learn(&state);
        Ok(session)
    }
}
