//! Tracks: found by name, fed, ended.

use serde_json::{Value, json};

use super::step::Step;
use crate::media::{Place, SessionKey};
use crate::rules::model::history::What;
use crate::rules::model::track::{End, Found, Source};
use crate::rules::read::body::Simulcast;
use crate::rules::read::reply::{Reply, item, ok};
use crate::rules::read::request::Location;

impl Step<'_> {
    /// Returns the newest open publication of that name.
    pub(crate) fn find(&self, app: &str, publisher: &str, name: &str) -> Option<Found> {
        let key = *self.state.ids.get(publisher)?;
        let session = self.state.sessions.get(&key).filter(|session| session.app == app)?;
        session.tracks.iter().rev().find_map(|track| match &track.end {
            End::Local(publication) if track.is_open && track.name == name => {
                let place = Place { session: key, mid: track.mid.clone() };
                let packet = self.media.last_packet(&place);
                let codec = self.media.last_codec(&place);
                let has_layers = session.sections.get(&track.mid).is_some_and(|s| s.has_layers);
                Some(Found {
                    source: Source { session: key, serial: track.serial },
                    place,
                    kind: track.kind,
                    has_layers,
                    flow: publication.flow(self.now, packet, self.state.config.pause),
                    codec,
                })
            }
            _ => None,
        })
    }

    /// Returns the name of the codec that a publication sends.
    pub(crate) fn codec(&self, source: Source) -> Option<String> {
        let (_, track) = self.state.publication(source)?;
        self.media.last_codec(&Place { session: source.session, mid: track.mid.clone() })
    }

    /// Lets a section receive a publication, if that still exists.
    pub(crate) fn feed(&mut self, source: Source, to: Place, simulcast: Option<&Simulcast>) {
        let Some((session, track)) = self.state.publication(source) else { return };
        let from = Place { session: source.session, mid: track.mid.clone() };
        let has_layers = session.sections.get(&track.mid).is_some_and(|s| s.has_layers);
        let layers = simulcast.filter(|_| has_layers).map(Simulcast::layers);
        self.media.forward(from, to, layers.unwrap_or_default());
    }

    /// Cuts the subscribers of a publication that has ended off from it.
    pub(crate) fn end_publication(&mut self, source: Source) {
        for (key, session) in &mut self.state.sessions {
            let exchange = &session.exchange;
            for track in &mut session.tracks {
                let End::Remote(subscription) = &mut track.end else { continue };
                if subscription.source != Some(source) {
                    continue;
                }
                subscription.source = None;
                let (track_name, mid) = (track.name.as_str().into(), track.mid.as_str().into());
                self.state.history.note(*key, What::SourceEnded { track: track_name, mid });
                // A track that is only offered is not fed yet.
                let is_offered = exchange.as_ref().is_some_and(|e| e.mids.contains(&track.mid));
                if track.is_open && !is_offered {
                    self.media.stop(&Place { session: *key, mid: track.mid.clone() });
                }
            }
        }
        self.state.end_egress(source);
        self.state.look_again();
    }

    /// Closes both directions of a mid. Returns false if nothing was open.
    pub(crate) fn close_mid(&mut self, key: SessionKey, mid: &str) -> bool {
        let Some(session) = self.state.sessions.get_mut(&key) else { return false };
        let mut was_open = false;
        let mut ended = Vec::new();
        for track in session.tracks.iter_mut().filter(|track| track.is_open && track.mid == mid) {
            if track.source().is_some() {
                self.media.stop(&Place { session: key, mid: mid.to_owned() });
            }
            if track.location() == Location::Local {
                ended.push(track.serial);
            }
            if let End::Remote(subscription) = &mut track.end {
                subscription.source = None;
            }
            track.is_open = false;
            was_open = true;
            let name = track.name.as_str().into();
            self.state.history.note(key, What::Closed { track: name, mid: mid.into() });
        }
        for serial in ended {
            self.end_publication(Source { session: key, serial });
        }
        was_open
    }

    /// Closes the published tracks that have sent nothing for too long.
    pub(crate) fn collect(&mut self, key: SessionKey) {
        let idle = self.state.config.track_idle;
        let Some(session) = self.state.sessions.get_mut(&key) else { return };
        if session.idle_at(idle).is_none_or(|at| at > self.now) {
            return;
        }
        let mut ended = Vec::new();
        for track in session.tracks.iter_mut().filter(|track| track.is_open) {
            let End::Local(publication) = &mut track.end else { continue };
            let place = Place { session: key, mid: track.mid.clone() };
            publication.heard =
                publication.heard.max(self.media.last_packet(&place).unwrap_or_default());
            if publication.heard.saturating_add(idle) <= self.now {
                track.is_open = false;
                ended.push(track.serial);
                tracing::info!(session = session.id, mid = track.mid, "no packets, so closed");
                let (name, mid) = (track.name.as_str().into(), track.mid.as_str().into());
                self.state.history.note(key, What::Collected { track: name, mid });
            }
        }
        for serial in ended {
            self.end_publication(Source { session: key, serial });
        }
    }
}

/// Returns the reply of an operation on tracks.
pub(crate) fn reply(
    entries: Vec<Value>,
    description: Option<Value>,
    must_renegotiate: bool,
) -> Reply {
    ok(item(json!({ "requiresImmediateRenegotiation": must_renegotiate, "tracks": entries,
        "sessionDescription": description })))
}
