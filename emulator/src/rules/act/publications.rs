//! `tracks/new` for tracks of the session's agent.

use serde_json::{Value, json};

use super::step::Step;
use super::tracks::reply;
use crate::media::{Kind, NewSection, SessionKey};
use crate::rules::model::history::What;
use crate::rules::model::track::{End, Publication, Track};
use crate::rules::model::violations::ViolationKind;
use crate::rules::read::change::{Publish, Receive};
use crate::rules::read::reply::{Code, Outcome, Reply, failed};
use crate::rules::read::request::{Location, Operation};

impl Step<'_> {
    /// Publishes tracks of an offer by the agent, which the SFU answers.
    pub(crate) fn publish(
        &mut self,
        key: SessionKey,
        offer: &str,
        mut entries: Vec<Publish>,
        discovers: bool,
    ) -> Outcome {
        let (answer, sections) = self.take_offer(key, offer)?;
        if discovers {
            for section in sections.iter().filter(|s| s.sends && !s.is_stopped && s.kind.is_some())
            {
                let is_known =
                    self.state.live(key)?.tracks.iter().any(|track| {
                        track.mid == section.mid && track.location() == Location::Local
                    });
                if !is_known && entries.iter().all(|entry| entry.mid != section.mid) {
                    entries.push(Publish { mid: section.mid.clone(), name: self.state.new_name() });
                }
            }
        }
        let items = self.put_all_local(key, entries)?;
        Ok(reply(items, Some(answer), false))
    }

    /// Publishes tracks on existing sections.
    pub(crate) fn name_sections(&mut self, key: SessionKey, entries: Vec<Publish>) -> Outcome {
        Ok(reply(self.put_all_local(key, entries)?, None, false))
    }

    /// Publishes on sections that the agent sends on.
    fn put_all_local(
        &mut self,
        key: SessionKey,
        entries: Vec<Publish>,
    ) -> Result<Vec<Value>, Reply> {
        let mut items = Vec::new();
        for Publish { mid, name } in entries {
            let section = self.state.live(key)?.sections.get(&mid);
            let kind = section.filter(|s| s.agent_sends && !s.is_stopped).and_then(|s| s.kind);
            items.push(match kind {
                Some(kind) => self.put_local(key, mid, name, kind)?,
                None => failed(json!({ "mid": "", "trackName": name }), Code::NotFoundTrack),
            });
        }
        Ok(items)
    }

    /// Makes an offer of the SFU to receive tracks.
    pub(crate) fn receive(&mut self, key: SessionKey, entries: Vec<Receive>) -> Outcome {
        let session = self.state.live(key)?;
        // An existing mid, none for a new section, or an error.
        let mut targets = Vec::new();
        let mut add = Vec::new();
        for entry in &entries {
            targets.push(match &entry.transceiver {
                None => {
                    let is_bidirectional = entry.is_bidirectional;
                    add.push(NewSection::Receive { kind: entry.kind, is_bidirectional });
                    Ok(None)
                }
                Some(name) => match session.transceiver(name, entry.kind, Location::Local) {
                    Some(mid) if session.open_on(&mid, Location::Local).is_none() => Ok(Some(mid)),
                    _ => Err(Code::NotFoundTrack),
                },
            });
        }
        let (offer, mids) = self.make_offer(key, Operation::NewTracks, &add)?;
        let mut mids = mids.into_iter();
        let mut items = Vec::new();
        for (entry, target) in entries.into_iter().zip(targets) {
            let mid = target.and_then(|mid| mid.or_else(|| mids.next()).ok_or(Code::BackendError));
            items.push(match mid {
                Ok(mid) => self.put_local(key, mid, entry.name, entry.kind)?,
                Err(code) => failed(json!({ "mid": "", "trackName": entry.name }), code),
            });
        }
        let must_renegotiate = offer.is_some();
        Ok(reply(items, offer, must_renegotiate))
    }

    /// Publishes a track. An open one of the same name stays.
    pub(crate) fn put_local(
        &mut self,
        key: SessionKey,
        mid: String,
        name: String,
        kind: Kind,
    ) -> Result<Value, Reply> {
        let serial = self.state.next();
        let session = self.state.live(key)?;
        let open = session.open_on(&mid, Location::Local);
        if let Some(track) = open.filter(|track| track.name == name) {
            return Ok(track.entry());
        }
        let (track, at) = (name.as_str().into(), mid.as_str().into());
        self.state.history.note(key, What::Published { track, mid: at });
        let session = self.state.live(key)?;
        let was_forced = session.sections.get(&mid).is_some_and(|section| section.was_forced);
        let end = End::Local(Publication::new(self.now, was_forced));
        let entry = session.put(Track { serial, mid, name, kind, is_open: true, end });
        if was_forced {
            self.state.note(self.now, key, Operation::NewTracks, ViolationKind::ForcedMid);
        }
        Ok(entry)
    }
}
