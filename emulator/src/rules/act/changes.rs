//! Execution of a session's changes.

use std::time::Duration;

use super::step::Step;
use crate::media::SessionKey;
use crate::rules::model::track::Flow;
use crate::rules::read::change::Change;
use crate::rules::read::reply::Outcome;

impl Step<'_> {
    /// Returns the time for which the change has to wait for packets of its tracks: the longest of
    /// theirs. None if all of them flow.
    pub(crate) fn packet_wait(&self, key: SessionKey, change: &Change) -> Option<Duration> {
        let session = self.state.sessions.get(&key)?;
        let wait = |publisher: &str, name: &str| {
            let found = self.find(&session.app, publisher, name)?;
            match found.flow {
                Flow::Flows => None,
                Flow::NotBegun => Some(self.state.config.first_packet_wait),
                Flow::Stopped => Some(self.state.config.stopped_wait),
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

    pub(crate) fn carry_out(&mut self, key: SessionKey, change: Change) -> Outcome {
        match change {
            Change::Publish { offer, entries, discovers } => {
                self.publish(key, &offer, entries, discovers)
            }
            Change::Name(entries) => self.name_sections(key, entries),
            Change::Receive(entries) => self.receive(key, entries),
            Change::Pull { entries, offer: None } => self.pull(key, entries),
            Change::Pull { entries, offer: Some(offer) } => self.pull_offered(key, entries, &offer),
            Change::Answer(answer) => self.renegotiate(key, &answer),
            Change::Close { mids, offer } => self.close_tracks(key, mids, offer),
            Change::Update(entries) => self.update_tracks(key, entries),
            Change::Establish { offer } => self.establish(key, offer),
            Change::NewChannels(entries) => self.new_channels(key, entries),
            Change::UpdateChannels(entries) => self.update_channels(key, entries),
            Change::CloseChannels(ids) => self.close_channels(key, ids),
        }
    }
}
