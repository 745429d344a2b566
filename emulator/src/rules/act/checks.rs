//! Checks of a request against its session, before it is carried out.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::rules::model::session::Session;
use crate::rules::model::violations::ViolationKind;
use crate::rules::read::change::{Change, Publish};
use crate::rules::read::reply::{Reply, bad_description, invalid};
use crate::rules::read::request::{Location, Operation, Request};

/// Checks that the session's exchange allows this operation now.
pub(crate) fn check_turn(session: &Session, operation: Operation) -> Result<(), Reply> {
    if session.waiting.is_some() {
        return Err(bad_description("another change of the session is under way"));
    }
    match (operation, &session.exchange) {
        (Operation::Renegotiate, None) => Err(bad_description("no offer awaits an answer")),
        (Operation::Renegotiate, Some(_)) | (_, None) => Ok(()),
        (_, Some(open)) => {
            let text = format!("the offer of {} awaits its answer", open.operation.as_str());
            Err(bad_description(&text))
        }
    }
}

impl Change {
    /// Checks that the session can take the change. Replaces mids of `#name` with those of their
    /// sections.
    pub(crate) fn check(&mut self, session: &Session) -> Result<(), Reply> {
        match self {
            Self::Close { offer: None, .. } => Ok(()),
            _ if session.is_ingest => Err(invalid("the session belongs to an adapter")),
            Self::Publish { entries, .. } | Self::Name(entries) => resolve(entries, session),
            Self::Establish { .. } if session.is_established => {
                Err(invalid("the transport is established already"))
            }
            Self::NewChannels(_) if !session.has_data => {
                Err(invalid("the transport is not established"))
            }
            _ => Ok(()),
        }
    }

    /// Returns whether the session's transport has to be connected first.
    pub(crate) fn needs_transport(&self, session: &Session) -> bool {
        match self {
            // The change that brings the transport up cannot wait for it.
            Self::Receive(_) | Self::Pull { offer: None, .. } | Self::Establish { .. } => {
                session.was_negotiated
            }
            Self::Publish { .. }
            | Self::Pull { offer: Some(_), .. }
            | Self::Answer(_)
            | Self::Close { offer: None, .. } => false,
            _ => true,
        }
    }
}

impl ViolationKind {
    /// Returns the violation of a request out of turn. None if the request may be tried.
    pub(crate) fn out_of_turn(session: &Session, request: &Request) -> Option<Self> {
        match request.operation {
            _ if session.waiting.is_some() => Some(Self::Overlap),
            Operation::Renegotiate => Some(Self::NoOpenOffer),
            Operation::CloseDataChannels => None,
            Operation::CloseTracks if is_forced(&request.body) => None,
            _ => Some(Self::OpenOffer),
        }
    }
}

fn resolve(entries: &mut [Publish], session: &Session) -> Result<(), Reply> {
    let mut mids = BTreeSet::new();
    for (index, Publish { mid, name }) in entries.iter_mut().enumerate() {
        if let Some(other) = mid.strip_prefix('#') {
            let mut tracks = session.tracks.iter().rev();
            let meant = tracks.find(|track| track.is_open && track.name == other);
            *mid = meant.map(|track| track.mid.clone()).unwrap_or_default();
        }
        let open = session.open_on(mid, Location::Local);
        let is_taken = open.is_some_and(|track| track.name != *name);
        if mid.is_empty() || is_taken || !mids.insert(mid.clone()) {
            return Err(invalid(&format!("tracks[{index}]: mid cannot be used")));
        }
    }
    Ok(())
}

fn is_forced(body: &[u8]) -> bool {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    body.get("force") == Some(&Value::Bool(true))
}
