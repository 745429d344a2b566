//! `tracks/new` for tracks of the session's agent.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::body::{Body, Part, TrackEntry, missing, needed, one_location};
use super::changes::Change;
use super::history::What;
use super::pulls;
use super::reply::{Code, Outcome, Reply, failed, invalid};
use super::request::{Location, Operation};
use super::sessions::Session;
use super::tracks::{End, Publication, Track, reply};
use super::violations::ViolationKind;
use super::{Config, Rules};
use crate::media::{Kind, Media, NewSection, SessionKey};

/// A track of the agent's offer.
pub(super) struct Publish {
    mid: String,
    name: String,
}

/// A track that the SFU is to offer.
pub(super) struct Receive {
    name: String,
    kind: Kind,
    is_bidirectional: bool,
    /// The track whose transceiver is used.
    transceiver: Option<String>,
}

/// The tracks of a request, which may be too many.
pub(super) fn entries(
    entries: Option<Vec<TrackEntry>>,
    is_needed: bool,
    config: &Config,
) -> Result<Vec<TrackEntry>, Reply> {
    let entries = entries.unwrap_or_default();
    match entries.len() {
        0 if is_needed => Err(invalid("Expecting at least 1 track in the request")),
        count if count > config.max_tracks => {
            let text = format!("Expecting at most {} tracks in the request", config.max_tracks);
            Err(invalid(&text))
        }
        _ => Ok(entries),
    }
}

/// `tracks/new`, local or remote.
pub(super) fn read(body: Body, session: &Session, config: &Config) -> Result<Change, Reply> {
    let discovers = body.auto_discover == Some(true);
    let offer = body.session_description.map(|offer| offer.text(Part::Offer)).transpose()?;
    let entries = entries(body.tracks, !discovers, config)?;
    match (one_location("tracks", entries.iter().map(|entry| entry.location))?, offer) {
        (Some(Location::Remote), _) if discovers => Err(invalid("remote tracks have names")),
        (Some(Location::Remote), offer) => pulls::read(&entries, offer),
        (_, Some(offer)) => {
            let entries = read_offered(&entries, session)?;
            Ok(Change::Publish { offer, entries, discovers })
        }
        (_, None) if discovers => Err(invalid("Missing sessionDescription")),
        (_, None) if entries.iter().all(TrackEntry::names_a_section) => {
            read_offered(&entries, session).map(Change::Name)
        }
        (_, None) => read_unoffered(&entries),
    }
}

fn read_offered(entries: &[TrackEntry], session: &Session) -> Result<Vec<Publish>, Reply> {
    let mut mids = BTreeSet::new();
    let mut publications = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let mid = needed("tracks", index, "mid", entry.mid.as_deref())?;
        let name = needed("tracks", index, "trackName", entry.track_name.as_deref())?;
        let mid = match mid.strip_prefix('#') {
            None => Some(mid.to_owned()),
            Some(other) => session
                .tracks
                .iter()
                .rev()
                .find(|track| track.is_open && track.name == other)
                .map(|track| track.mid.clone()),
        };
        let is_taken = |mid: &str| {
            session.tracks.iter().any(|track| {
                track.is_open
                    && track.location() == Location::Local
                    && track.mid == mid
                    && track.name != name
            })
        };
        match mid {
            Some(mid) if !is_taken(&mid) && mids.insert(mid.clone()) => {
                publications.push(Publish { mid, name: name.to_owned() });
            }
            _ => return Err(invalid(&format!("tracks[{index}]: mid cannot be used"))),
        }
    }
    Ok(publications)
}

fn read_unoffered(entries: &[TrackEntry]) -> Result<Change, Reply> {
    let mut publications = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let name = needed("tracks", index, "trackName", entry.track_name.as_deref())?;
        let kind = match needed("tracks", index, "kind", entry.kind.as_deref())? {
            "audio" => Kind::Audio,
            "video" => Kind::Video,
            _ => return Err(invalid(&format!("tracks[{index}]: kind is neither audio nor video"))),
        };
        let transceiver = pulls::transceiver(index, entry, entries)?;
        publications.push(Receive {
            name: name.to_owned(),
            kind,
            is_bidirectional: entry.bidirectional_media_stream == Some(true),
            transceiver,
        });
    }
    match publications.is_empty() {
        true => Err(missing("tracks", 0, "trackName")),
        false => Ok(Change::Receive(publications)),
    }
}

impl TrackEntry {
    /// Whether it is for a section that has been negotiated before.
    fn names_a_section(&self) -> bool {
        let is_mid = |mid: &str| !mid.is_empty() && !mid.starts_with('#');
        self.kind.is_none() && self.mid.as_deref().is_some_and(is_mid)
    }
}

impl Rules {
    /// The agent offers, the SFU answers.
    pub(super) fn publish(
        &mut self,
        now: Duration,
        key: SessionKey,
        offer: &str,
        mut entries: Vec<Publish>,
        discovers: bool,
        media: &mut dyn Media,
    ) -> Outcome {
        let (answer, sections) = self.take_offer(key, offer, media)?;
        if discovers {
            for section in sections.iter().filter(|s| s.sends && !s.is_stopped && s.kind.is_some())
            {
                let is_known =
                    self.live(key)?.tracks.iter().any(|track| {
                        track.mid == section.mid && track.location() == Location::Local
                    });
                if !is_known && entries.iter().all(|entry| entry.mid != section.mid) {
                    entries.push(Publish { mid: section.mid.clone(), name: self.new_name() });
                }
            }
        }
        let items = self.put_all_local(now, key, entries)?;
        Ok(reply(items, Some(answer), false))
    }

    /// The sections are there already.
    pub(super) fn name_sections(
        &mut self,
        now: Duration,
        key: SessionKey,
        entries: Vec<Publish>,
    ) -> Outcome {
        Ok(reply(self.put_all_local(now, key, entries)?, None, false))
    }

    /// Publishes on sections that the agent sends on.
    fn put_all_local(
        &mut self,
        now: Duration,
        key: SessionKey,
        entries: Vec<Publish>,
    ) -> Result<Vec<Value>, Reply> {
        let mut items = Vec::new();
        for Publish { mid, name } in entries {
            let section = self.live(key)?.sections.get(&mid);
            let kind = section.filter(|s| s.agent_sends && !s.is_stopped).and_then(|s| s.kind);
            items.push(match kind {
                Some(kind) => self.put_local(now, key, mid, name, kind)?,
                None => failed(json!({ "mid": "", "trackName": name }), Code::NotFoundTrack),
            });
        }
        Ok(items)
    }

    /// The SFU offers to receive.
    pub(super) fn receive(
        &mut self,
        now: Duration,
        key: SessionKey,
        entries: Vec<Receive>,
        media: &mut dyn Media,
    ) -> Outcome {
        let session = self.live(key)?;
        // A mid that is there, none for a new section, or an error.
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
                    Some(mid) if !session.is_published(&mid) => Ok(Some(mid)),
                    _ => Err(Code::NotFoundTrack),
                },
            });
        }
        let (offer, mids) = self.make_offer(key, Operation::NewTracks, &add, media)?;
        let mut mids = mids.into_iter();
        let mut items = Vec::new();
        for (entry, target) in entries.into_iter().zip(targets) {
            let mid = target.and_then(|mid| mid.or_else(|| mids.next()).ok_or(Code::BackendError));
            items.push(match mid {
                Ok(mid) => self.put_local(now, key, mid, entry.name, entry.kind)?,
                Err(code) => failed(json!({ "mid": "", "trackName": entry.name }), code),
            });
        }
        let must_renegotiate = offer.is_some();
        Ok(reply(items, offer, must_renegotiate))
    }

    /// Publishes a track. One of the same name that is open stays.
    pub(super) fn put_local(
        &mut self,
        now: Duration,
        key: SessionKey,
        mid: String,
        name: String,
        kind: Kind,
    ) -> Result<Value, Reply> {
        let serial = self.next();
        let session = self.live(key)?;
        let is_same = |track: &&Track| {
            track.is_open
                && track.location() == Location::Local
                && track.mid == mid
                && track.name == name
        };
        if let Some(track) = session.tracks.iter().find(is_same) {
            return Ok(track.entry());
        }
        let (track, at) = (name.as_str().into(), mid.as_str().into());
        self.history.note(key, What::Published { track, mid: at });
        let session = self.live(key)?;
        let was_forced = session.sections.get(&mid).is_some_and(|section| section.was_forced);
        let end = End::Local(Publication::new(now, was_forced));
        let entry = session.put(Track { serial, mid, name, kind, is_open: true, end });
        if was_forced {
            self.note(now, key, Operation::NewTracks, ViolationKind::ForcedMid);
        }
        Ok(entry)
    }
}

impl Session {
    /// Whether an open track is published on the section.
    fn is_published(&self, mid: &str) -> bool {
        self.tracks
            .iter()
            .any(|track| track.is_open && track.location() == Location::Local && track.mid == mid)
    }
}
