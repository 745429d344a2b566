//! "Client joins": the session.

use std::sync::Arc;
use std::time::Duration;

use super::detached::Detached;
use super::exchange::Answered;
use super::handle::Session;
use super::ledger::Transport;
use super::read;
use super::settings::Settings;
use crate::client::Root;
use crate::error::{Error, Repeat};
use crate::generated::Client;
use crate::generated::types::{NewSessionRequest, SessionDescription, SessionId};
use crate::meter;
use crate::retry::RetryPolicy;
use crate::sdp::{Answer, Offer};
use crate::step::Step;

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
        let client = self.client();
        Join { client, is_third_party: false, settings: client.settings() }
    }

    /// Creates a session for an agent with its first offer (`POST sessions/new` with
    /// a body), which is answered in the same reply. Observed, and documented
    /// nowhere. Tracks of the offer are published by
    /// [`publish_negotiated`](crate::tracks::PublishExt::publish_negotiated) once
    /// the agent is connected; if it has a section for data channels, they need no
    /// [`establish_data_channels`](crate::data_channels::DataChannelsExt::establish_data_channels).
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Answer, Client, Error, Offer, Session, prelude::*};
    /// # async fn example(client: Client, offer: Offer) -> Result<(Session, Answer), Error> {
    /// let joined = client.join_with(offer).send().await?;
    /// # Ok((
    /// joined.outcome, joined.answer
    /// # ))
    /// # }
    /// ```
    fn join_with(&self, offer: Offer) -> JoinWith<'_> {
        JoinWith { join: self.join(), offer }
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
        let client = self.client();
        Adopt { client, id, settings: client.settings() }
    }
}

impl JoinExt for Client {}

macro_rules! settings {
    ($name:ident, $($settings:ident).+) => {
        impl $name<'_> {
            /// Sets the time that the answer to an SFU's offer may take; the client's
            /// default is [`ANSWER_DEADLINE`](crate::session::ANSWER_DEADLINE).
            pub fn answer_deadline(mut self, deadline: Duration) -> Self {
                Arc::make_mut(&mut self.$($settings).+).answer_deadline = deadline;
                self
            }

            /// Sets how often this request and those of the session are repeated.
            pub fn retry(mut self, policy: RetryPolicy) -> Self {
                Arc::make_mut(&mut self.$($settings).+).retry = policy;
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
    is_third_party: bool,
    settings: Arc<Settings>,
}

settings!(Join, settings);

impl Join<'_> {
    /// A label for diagnosis, at Cloudflare and in the session's `tracing`
    /// span. No session can be found by it, and it does not keep a second one
    /// from being created.
    pub fn correlation_id(mut self, label: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.settings).label = Some(label.into());
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
    /// A request that has begun goes on to its end if the future is dropped.
    /// The API has no way to take a session back; one that nobody connects to
    /// expires.
    ///
    /// # Errors
    /// [`Error::Request`]. If its outcome is unknown, a session may have been
    /// created that nobody knows of; it is not tried again, and expires.
    pub async fn send(self) -> Result<Session, Error> {
        create(self, Step::Join, None, |session, _| Ok(session)).await
    }
}

/// A session to be created with the agent's first offer.
#[derive(Clone, Debug)]
#[must_use = "nothing happens before `send`"]
pub struct JoinWith<'a> {
    join: Join<'a>,
    offer: Offer,
}

settings!(JoinWith, join.settings);

impl JoinWith<'_> {
    /// Sets a label for diagnosis, as [`Join::correlation_id`] does.
    pub fn correlation_id(mut self, label: impl Into<String>) -> Self {
        self.join = self.join.correlation_id(label);
        self
    }

    /// Creates the session.
    ///
    /// # Errors
    /// As [`Join::send`], and [`Error::Contradiction`] if there is no answer.
    pub async fn send(self) -> Result<Answered<Session>, Error> {
        let Self { join, offer } = self;
        let has_data = offer.has_data_section();
        let request = NewSessionRequest::new().session_description(offer.into());
        let answered = move |session: Session, description: Option<SessionDescription>| {
            let problem = "there is no answer to the offer";
            let contradiction = Error::Contradiction { step: Step::JoinWith, problem };
            let answer = description.and_then(Answer::received).ok_or(contradiction)?;
            if has_data {
                // Only the SFU knows whether the answer accepts the section.
                session.ledger().transport = Transport::Unknown;
            }
            Ok(Answered { answer, outcome: session })
        };
        create(join, Step::JoinWith, Some(request), answered).await
    }
}

/// Creates a session, to the end even if nobody waits for it any more.
async fn create<T: Send + 'static>(
    join: Join<'_>,
    step: Step,
    body: Option<NewSessionRequest>,
    joined: impl FnOnce(Session, Option<SessionDescription>) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let Join { client, is_third_party, settings } = join;
    let client = client.clone();
    let create = async move {
        meter::step(step);
        let create = || {
            let mut request = client.new_session();
            if is_third_party {
                request = request.thirdparty(true);
            }
            if let Some(label) = &settings.label {
                request = request.correlation_id(label);
            }
            if let Some(body) = &body {
                request = request.body(body);
            }
            request.send()
        };
        let retries = settings.retry.start();
        let reply = retries.run(step, Repeat::Create, create).await.0?;
        meter::session("joined");
        let session = Session::new(client.clone(), reply.session_id, settings);
        joined(session, reply.session_description)
    };
    Detached::new(create, meter::ended, orphaned).await
}

/// Says that nobody waits for a session that was created.
async fn orphaned<T>(created: Result<T, Error>) {
    if created.is_ok() {
        meter::session("orphaned");
        tracing::warn!("a session was created, and nobody waited for it");
    }
}

/// A session to be taken over.
#[derive(Clone, Debug)]
#[must_use = "nothing happens before `send`"]
pub struct Adopt<'a> {
    client: &'a Client,
    id: SessionId,
    settings: Arc<Settings>,
}

settings!(Adopt, settings);

impl Adopt<'_> {
    /// Reads the session's state and makes a handle of it.
    ///
    /// # Errors
    /// [`Error::Request`], as for a session that is gone.
    pub async fn send(self) -> Result<Session, Error> {
        meter::step(Step::Adopt);
        let state = read::fetch(self.client, &self.id, &self.settings, Step::Adopt).await;
        let state = state.inspect_err(meter::failed)?;
        meter::session("adopted");
        let session = Session::new(self.client.clone(), self.id, self.settings);
        let mut ledger = session.ledger();
        // Without a channel in the state the SFU decides whether there is one.
        ledger.transport = Transport::Unknown;
        ledger.learn(&state);
        drop(ledger);
        Ok(session)
    }
}
