//! "Client leaves": everything that it published and pulled is closed.

use super::close::is_gone_already;
use super::sealed::Handle;
use crate::action::Action;
use crate::session::Turn;
use crate::{Error, Failed, Mid, Session, Uncertain, meter};

/// Leaving a session.
pub trait LeaveExt: Handle {
    /// Closes everything that is known to be open on the session.
    ///
    /// From the call on, no change begins any more. An SFU offer without an
    /// answer is given up, a change that is under way is waited for. Then
    /// tracks and data channels are closed by force, in batches. If the reply
    /// to a change was lost, the session's state is read first, to find what it
    /// made. What could not be closed is reported and remembered: call `leave`
    /// again to try again.
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
    /// [`Error::Denied`]. Everything else is in the report.
    fn leave(&self) -> impl Future<Output = Result<Departure, Error>> + Send {
        let session = self.enter("leave", Action::Leave);
        async move {
            let session = session?;
            meter::step("leave");
            Ok(session.detached("leave", close_everything(session.clone())).await)
        }
    }
}

impl<H: Handle> LeaveExt for H {}

/// What leaving has closed, and what not.
#[derive(Debug, Default)]
#[non_exhaustive]
#[must_use = "it says what could not be closed"]
pub struct Departure {
    /// The tracks that this call has closed or found gone. One that an earlier
    /// call has closed without hearing of it is in no list.
    pub closed: Vec<Mid>,
    /// The tracks that are not known to be closed, and why.
    pub open_tracks: Vec<Failed<Mid>>,
    /// The data channels that this call has closed or found gone, by id.
    pub closed_channels: Vec<u16>,
    /// The data channels that are not known to be closed, and why.
    pub open_channels: Vec<Failed<u16>>,
    /// Changes whose replies were lost. What they made is among the closed and
    /// open ones if the state could be read, unless it comes later still.
    pub uncertain: Vec<Uncertain>,
    /// Whether the session's state was needed and could be read.
    pub was_inspected: bool,
    /// Why a request failed as a whole, the last one that did.
    pub error: Option<Error>,
}

impl Departure {
    /// Whether all that the session had is closed, as far as can be known.
    pub fn is_complete(&self) -> bool {
        let is_known = self.uncertain.is_empty() || self.was_inspected;
        self.open_tracks.is_empty() && self.open_channels.is_empty() && is_known
    }
}

async fn close_everything(session: Session) -> Departure {
    let mut turn = session.turns().leave().await;
    let mut departure = Departure { uncertain: session.uncertain(), ..Departure::default() };
    if !turn.is_gone() && session.ledger().is_in_doubt() {
        inspect(&session, &mut turn, &mut departure).await;
    }
    close_channels(&session, &mut turn, &mut departure).await;
    close_tracks(&session, &mut turn, &mut departure).await;
    meter::session("left");
    tracing::debug!(
        closed = departure.closed.len(),
        open = departure.open_tracks.len() + departure.open_channels.len(),
        "left"
    );
    departure
}

/// Finds what changes and closes with lost replies have made and left.
async fn inspect(session: &Session, turn: &mut Turn, departure: &mut Departure) {
    match session.read_state().await {
        Ok(state) => {
            session.ledger().learn(&state);
            departure.was_inspected = true;
        }
        Err(error) if is_gone_already(&error) => {
            turn.gone();
            session.ledger().uncertain.clear();
            departure.was_inspected = true;
        }
        Err(error) => departure.error = Some(error),
    }
}

async fn close_tracks(session: &Session, turn: &mut Turn, departure: &mut Departure) {
    let mids = session.mids();
    if turn.is_gone() {
        session.ledger().tracks.clear();
        departure.closed = mids;
        return;
    }
    let (closed, error) = session.force_close(turn, mids).await;
    departure.closed = closed.closed;
    departure.closed.extend(closed.gone);
    departure.open_tracks = closed.failed;
    departure.error = error.or(departure.error.take());
}

async fn close_channels(session: &Session, turn: &mut Turn, departure: &mut Departure) {
    let ids: Vec<u16> = session.ledger().channels.keys().copied().collect();
    if turn.is_gone() {
        session.ledger().channels.clear();
        departure.closed_channels = ids;
        return;
    }
    let (closed, error) = session.force_close_channels(turn, ids).await;
    departure.closed_channels = closed.closed;
    departure.closed_channels.extend(closed.gone);
    departure.open_channels = closed.failed;
    departure.error = error.or(departure.error.take());
}
