//! Changes of a session: read from a request, carried out.

use std::time::Duration;

use super::body::{Body, Part, decode};
use super::channel_entries::{self, ChannelChange, NewChannel};
use super::publications::{self, Publish, Receive};
use super::pulls::{self, Pull, Update};
use super::reply::{Code, Outcome, Reply, bad_description, invalid, refusal};
use super::request::Operation;
use super::sessions::Session;
use super::tracks::Flow;
use super::{Config, Rules, closing};
use crate::media::{Media, SessionKey};

/// A change that is valid in itself.
pub(super) enum Change {
    /// Tracks of the agent's offer.
    Publish {
        offer: String,
        entries: Vec<Publish>,
        discovers: bool,
    },
    /// Tracks on sections that are there already.
    Name(Vec<Publish>),
    /// Tracks that the SFU offers to receive.
    Receive(Vec<Receive>),
    /// Tracks of other sessions, on sections of the agent's offer if there is one.
    Pull {
        entries: Vec<Pull>,
        offer: Option<String>,
    },
    /// The answer to the SFU's offer.
    Answer(String),
    /// By force without an offer, negotiated with it.
    Close {
        mids: Vec<String>,
        offer: Option<String>,
    },
    Update(Vec<Update>),
    Establish {
        offer: Option<String>,
    },
    NewChannels(Vec<NewChannel>),
    UpdateChannels(Vec<ChannelChange>),
    CloseChannels(Vec<u16>),
}

impl Change {
    /// Reads and checks a request.
    pub(super) fn read(
        operation: Operation,
        body: &[u8],
        session: &Session,
        config: &Config,
    ) -> Result<Self, Reply> {
        let is_limited = matches!(operation, Operation::NewTracks | Operation::Renegotiate);
        if is_limited && body.len() > config.max_body {
            return Err(refusal(413, Code::PayloadTooLarge, "the body is too large"));
        }
        let body: Body = decode(body)?;
        let change = match operation {
            Operation::NewTracks => publications::read(body, session, config)?,
            Operation::Renegotiate => {
                let missing = || bad_description("Missing sessionDescription");
                Self::Answer(body.session_description.ok_or_else(missing)?.text(Part::Answer)?)
            }
            Operation::CloseTracks => closing::read(body, config)?,
            Operation::UpdateTracks => pulls::read_updates(body, config)?,
            Operation::EstablishDataChannels => channel_entries::read_establish(body, session)?,
            Operation::NewDataChannels => channel_entries::read_new(body, session)?,
            Operation::UpdateDataChannels => channel_entries::read_updates(body)?,
            Operation::CloseDataChannels => channel_entries::read_closes(body)?,
            _ => return Err(invalid("no change of a session")),
        };
        match &change {
            Self::Close { offer: None, .. } => Ok(change),
            _ if session.is_ingest => Err(invalid("the session belongs to an adapter")),
            _ => Ok(change),
        }
    }

    /// Whether the session's transport has to be connected first.
    pub(super) fn needs_transport(&self, session: &Session) -> bool {
        match self {
            // What brings the transport up cannot wait for it.
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

impl Rules {
    /// How long the change has to wait for packets of the tracks that it wants: as
    /// long as the one does that is waited for the longest. None if all of them
    /// flow.
    pub(super) fn packet_wait(
        &self,
        now: Duration,
        key: SessionKey,
        change: &Change,
        media: &dyn Media,
    ) -> Option<Duration> {
        let session = self.sessions.get(&key)?;
        let wait = |publisher: &str, name: &str| {
            let found = self.find(now, &session.app, publisher, name, media)?;
            match found.flow {
                Flow::Flows => None,
                Flow::NotBegun => Some(self.config.first_packet_wait),
                Flow::Stopped => Some(self.config.stopped_wait),
            }
        };
        match change {
            Change::Pull { entries, .. } => {
                entries.iter().filter_map(|entry| wait(&entry.publisher, &entry.name)).max()
            }
            Change::Update(entries) => {
                let sources = entries.iter().filter_map(|entry| entry.new_source(session));
                sources.filter_map(|(publisher, name)| wait(&publisher, &name)).max()
            }
            _ => None,
        }
    }

    pub(super) fn carry_out(
        &mut self,
        now: Duration,
        key: SessionKey,
        change: Change,
        media: &mut dyn Media,
    ) -> Outcome {
        match change {
            Change::Publish { offer, entries, discovers } => {
                self.publish(now, key, &offer, entries, discovers, media)
            }
            Change::Name(entries) => self.name_sections(now, key, entries),
            Change::Receive(entries) => self.receive(now, key, entries, media),
            Change::Pull { entries, offer: None } => self.pull(now, key, entries, media),
            Change::Pull { entries, offer: Some(offer) } => {
                self.pull_offered(now, key, entries, &offer, media)
            }
            Change::Answer(answer) => self.renegotiate(now, key, &answer, media),
            Change::Close { mids, offer } => self.close_tracks(key, mids, offer, media),
            Change::Update(entries) => self.update_tracks(now, key, entries, media),
            Change::Establish { offer } => self.establish(key, offer, media),
            Change::NewChannels(entries) => self.new_channels(now, key, entries, media),
            Change::UpdateChannels(entries) => self.update_channels(now, key, entries, media),
            Change::CloseChannels(ids) => self.close_channels(key, ids, media),
        }
    }
}
