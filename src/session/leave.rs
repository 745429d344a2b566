//! "Client leaves": everything that it published and pulled is closed.

use serde::Serialize;

use super::access::{Entry, Handle, report};
use super::change::Change;
use super::handle::Session;
use super::ledger::Uncertain;
use super::read;
use crate::action::Action;
use crate::close::in_batches;
use crate::data_channels::id::ChannelId;
use crate::error::Error;
use crate::meter;
use crate::mid::Mid;
use crate::outcome::Outcome;
use crate::step::Step;
#[cfg(feature = "token")]
use crate::token::guard::GuardedSession;

/// Leaving a session.
pub trait LeaveExt: Handle {
    /// Closes everything that is known to be open on the session.
    ///
    /// From the call on, no change begins any more. An SFU offer without an
    /// answer is given up, a change that is under way is waited for. Then
    /// tracks and data channels are closed by force, in batches. If the reply
    /// to a change was lost, the session's state is read first, to find what it
    /// made. What could not be closed is reported and remembered: call `leave`
    /// again to try again. On a session that is gone nothing is left to close.
    ///
    /// The SFU may refuse to close tracks while an offer of its own is
    /// unanswered. It collects what a vanished agent published after 30 s
    /// without packets.
    ///
    /// ```no_run
    /// # use cloudflare_calls::{Error, Session, prelude::*};
    /// # async fn example(session: Session) -> Result<(), Error> {
    /// let departure = session.leave().await?;
    /// if !departure.is_complete() {
    ///     // Keep the session, and leave again later.
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Denied`]; [`Error::Store`] if the turn could not be taken. Everything
    /// else is in the report.
    fn leave(&self) -> impl Future<Output = Result<Departure, Error>> + Send {
        let entry = self.access().begin(Step::Leave, &[Action::Leave]);
        async move {
            let entry = entry?.counted();
            let departure = entry.detached(close_everything(entry.clone()), meter::ended).await?;
            report(&departure.tracks);
            report(&departure.channels);
            Ok(departure)
        }
    }
}

impl LeaveExt for Session {}
#[cfg(feature = "token")]
impl LeaveExt for GuardedSession {}

/// The report of leaving a session.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
#[must_use = "it says what could not be closed"]
pub struct Departure {
    /// The tracks by mid. Done are those that this call has closed or found
    /// gone; one that an earlier call has closed without hearing of it is in no
    /// list. Failed are those that are not known to be closed.
    pub tracks: Outcome<Mid, Mid>,
    /// The data channels, in the same way.
    pub channels: Outcome<ChannelId, ChannelId>,
    /// Changes whose replies were lost. What they made is among the tracks and
    /// channels if the state could be read, unless it comes later still.
    pub uncertain: Vec<Uncertain>,
    /// The session's state was needed and could be read, or the session is gone.
    pub was_inspected: bool,
    /// The error with which the state could not be read.
    pub state_error: Option<Error>,
}

impl Departure {
    /// Says whether all that the session had is closed, as far as can be known.
    pub fn is_complete(&self) -> bool {
        let is_known = self.uncertain.is_empty() || self.was_inspected;
        self.tracks.failed.is_empty() && self.channels.failed.is_empty() && is_known
    }

    /// The error of a request that failed as a whole, if one did.
    pub fn error(&self) -> Option<&Error> {
        self.tracks.error.as_ref().or(self.channels.error.as_ref()).or(self.state_error.as_ref())
    }
}

async fn close_everything(entry: Entry) -> Result<Departure, Error> {
    let left = entry.session().turns().leave().await;
    let (turn, is_in_doubt) = left.map_err(|refusal| entry.refused(refusal))?;
    let change = Change { entry, turn };
    change.ending(move |change| Box::pin(close_all_of(change, is_in_doubt))).await
}

async fn close_all_of(change: &mut Change, is_in_doubt: bool) -> Result<Departure, Error> {
    let session = &change.session().clone();
    let mut departure = Departure {
        tracks: Outcome::new(Step::Leave),
        channels: Outcome::new(Step::Leave),
        uncertain: session.uncertain(),
        was_inspected: false,
        state_error: None,
    };
    if is_in_doubt {
        // Finds what changes and closes with lost replies have made and left.
        match read::read(&change.entry).await {
            Ok(state) => session.ledger().learn(&state),
            Err(error) if error.is_gone_already() => change.vanish().await,
            Err(error) => departure.state_error = Some(error),
        }
        departure.was_inspected = departure.state_error.is_none() || change.turn.is_gone();
    }
    let (mids, channels) = {
        let ledger = session.ledger();
        (ledger.mids(), ledger.channels())
    };
    departure.channels = in_batches(change, channels).await;
    departure.tracks = in_batches(change, mids).await;
    if change.turn.is_gone() {
        departure.was_inspected = true;
        session.vanish().await;
    } else if session.is_empty() {
        session.ended();
    }
    meter::session("left");
    let open = departure.tracks.failed.len() + departure.channels.failed.len();
    tracing::debug!(closed = departure.tracks.done.len(), open, "left");
    Ok(departure)
}
