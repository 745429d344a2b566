//! Reading what is open on a session.

use super::access::{Entry, Handle};
use super::handle::Session;
use super::settings::Settings;
use super::state::SessionState;
use crate::action::Action;
use crate::error::{Error, Repeat};
use crate::generated::Client;
use crate::generated::types::SessionId;
use crate::meter;
use crate::step::Step;
#[cfg(feature = "token")]
use crate::token::guard::GuardedSession;

/// Reading what is open on a session.
pub trait StateExt: Handle {
    /// Reads which tracks and data channels the session has
    /// (`GET sessions/{id}`). It waits for nobody's turn.
    ///
    /// The effect of a change that is under way does not show. If there was
    /// none, the handle learns from the state, which settles all doubts of
    /// earlier changes.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Error, Session, prelude::*};
    /// # async fn example(session: Session) -> Result<(), Error> {
    /// for track in session.state().await?.tracks {
    ///     println!("{:?} {:?}", track.mid, track.status);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Request`]. With 410 the session has ended.
    fn state(&self) -> impl Future<Output = Result<SessionState, Error>> + Send {
        let entry = self.access().begin(Step::State, &[Action::ReadState]);
        async move {
            let entry = entry?.counted();
            let quiet = entry.session().turns().quiet();
            let state = read(&entry).await?;
            let session = entry.session();
            if let Some(count) = quiet {
                session.turns().while_quiet(count, |view| view.ledger.learn(&state)).await;
            }
            Ok(state)
        }
    }
}

impl StateExt for Session {}
#[cfg(feature = "token")]
impl StateExt for GuardedSession {}

/// Reads the state, with repetitions of its own. A session of which the API says
/// that it is gone has ended.
pub(crate) async fn read(entry: &Entry) -> Result<SessionState, Error> {
    let session = entry.session();
    let state = fetch(session.client(), session.id(), session.settings(), entry.step()).await;
    if let Err(error) = &state {
        meter::failed(error);
        if error.is_session_gone() {
            session.vanish().await;
        }
    }
    state
}

/// Gets the state of a session, with repetitions of its own.
pub(super) async fn fetch(
    client: &Client,
    id: &SessionId,
    settings: &Settings,
    step: Step,
) -> Result<SessionState, Error> {
    let get = || client.get_session(id).send();
    let (reply, _) = settings.retry.start().run(step, Repeat::Read, get).await;
    reply.map(SessionState::new)
}
