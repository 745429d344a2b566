//! `tracks/new` for tracks of other sessions, and `tracks/update`.

use serde_json::{Value, json};

use super::body::{Body, Part, Simulcast, TrackEntry, needed};
use super::changes::Change;
use super::history::What;
use super::publications;
use super::reply::{Code, Outcome, Reply, failed, invalid};
use super::request::{Location, Operation};
use super::sessions::Session;
use super::tracks::{End, Found, Subscription, Track, reply};
use super::{Config, Rules};
use crate::media::{Media, NewSection, Place, SessionKey};

/// A track to be pulled.
pub(super) struct Pull {
    pub(super) publisher: String,
    pub(super) name: String,
    is_bidirectional: bool,
    /// The track whose transceiver is used.
    transceiver: Option<String>,
    simulcast: Option<Simulcast>,
}

/// A change of a pulled track.
pub(super) struct Update {
    mid: String,
    publisher: Option<String>,
    name: Option<String>,
    simulcast: Option<Simulcast>,
}

pub(super) fn read(entries: &[TrackEntry]) -> Result<Change, Reply> {
    let mut pulls = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let publisher = needed("tracks", index, "sessionId", entry.session_id.as_deref())?;
        let name = needed("tracks", index, "trackName", entry.track_name.as_deref())?;
        pulls.push(Pull {
            publisher: publisher.to_owned(),
            name: name.to_owned(),
            is_bidirectional: entry.bidirectional_media_stream == Some(true),
            transceiver: transceiver(index, entry, entries)?,
            simulcast: entry.simulcast.clone(),
        });
    }
    Ok(Change::Pull(pulls))
}

/// The name that an entry's mid of `#name` has. No other mid can be chosen
/// where the SFU offers, and no transceiver twice.
pub(super) fn transceiver(
    index: usize,
    entry: &TrackEntry,
    entries: &[TrackEntry],
) -> Result<Option<String>, Reply> {
    let Some(mid) = &entry.mid else { return Ok(None) };
    let is_repeated = entries.iter().take(index).any(|other| other.mid.as_ref() == Some(mid));
    match mid.strip_prefix('#') {
        Some(name) if !is_repeated => Ok(Some(name.to_owned())),
        _ => Err(invalid(&format!("tracks[{index}]: mid cannot be used"))),
    }
}

pub(super) fn read_updates(body: Body, config: &Config) -> Result<Change, Reply> {
    if let Some(offer) = body.session_description {
        offer.text(Part::Offer)?;
    }
    let entries = publications::entries(body.tracks, true, config)?;
    let mut updates = Vec::new();
    for (index, entry) in entries.into_iter().enumerate() {
        let mid = needed("tracks", index, "mid", entry.mid.as_deref())?.to_owned();
        if entry.location == Some(Location::Local) {
            return Err(invalid(&format!("tracks[{index}]: location is not remote")));
        }
        updates.push(Update {
            mid,
            publisher: entry.session_id,
            name: entry.track_name,
            simulcast: entry.simulcast,
        });
    }
    Ok(Change::Update(updates))
}

impl Update {
    /// The subscription that is meant.
    fn subscription<'a>(&self, session: &'a Session) -> Option<&'a Track> {
        session.tracks.iter().rev().find(|track| {
            let is_meant = match self.mid.strip_prefix('#') {
                None => track.mid == self.mid,
                Some(name) => track.name == name,
            };
            is_meant && track.is_open && track.location() == Location::Remote
        })
    }

    /// The publisher and the name of the track, where they are to change.
    pub(super) fn new_source(&self, session: &Session) -> Option<(String, String)> {
        if self.publisher.is_none() && self.name.is_none() {
            return None;
        }
        let track = self.subscription(session)?;
        let publisher = self.publisher.as_deref().or(track.publisher()).unwrap_or_default();
        let name = self.name.as_deref().unwrap_or(&track.name);
        let is_same = track.publisher() == Some(publisher) && track.name == name;
        (!is_same || track.source().is_none()).then(|| (publisher.to_owned(), name.to_owned()))
    }
}

impl Rules {
    pub(super) fn pull(
        &mut self,
        key: SessionKey,
        entries: Vec<Pull>,
        media: &mut dyn Media,
    ) -> Outcome {
        let app = self.live(key)?.app.clone();
        let mut targets = Vec::new();
        let mut add = Vec::new();
        for entry in &entries {
            let target = self.target(&app, key, entry, media);
            if let Ok((found, None)) = &target {
                let is_bidirectional = entry.is_bidirectional;
                add.push(NewSection::Send { kind: found.kind, is_bidirectional });
            }
            targets.push(target);
        }
        let (offer, mids) = self.make_offer(key, Operation::NewTracks, &add, media)?;
        let mut mids = mids.into_iter();
        let mut items = Vec::new();
        for (entry, target) in entries.into_iter().zip(targets) {
            let target = target.and_then(|(found, mid)| {
                let is_new = mid.is_none();
                let mid = mid.or_else(|| mids.next()).ok_or(Code::BackendError)?;
                Ok((found, mid, is_new))
            });
            items.push(match target {
                Ok((found, mid, is_new)) => {
                    let to = Place { session: key, mid };
                    if !is_new {
                        self.feed(found.source, to.clone(), entry.simulcast.as_ref(), media);
                    }
                    self.put_remote(to, entry.publisher, entry.name, entry.simulcast, &found)?
                }
                Err(code) => failed(
                    json!({ "mid": "", "sessionId": entry.publisher, "trackName": entry.name }),
                    code,
                ),
            });
        }
        let must_renegotiate = offer.is_some();
        Ok(reply(items, offer, must_renegotiate))
    }

    /// What is pulled, and the mid if it needs no new section.
    fn target(
        &self,
        app: &str,
        key: SessionKey,
        entry: &Pull,
        media: &dyn Media,
    ) -> Result<(Found, Option<String>), Code> {
        let found = self.pullable(app, &entry.publisher, &entry.name, media)?;
        let Some(name) = &entry.transceiver else { return Ok((found, None)) };
        let session = self.sessions.get(&key).ok_or(Code::NotFoundTrack)?;
        let mid = session.transceiver(name, found.kind, Location::Remote);
        mid.map(|mid| (found, Some(mid))).ok_or(Code::NotFoundTrack)
    }

    fn pullable(
        &self,
        app: &str,
        publisher: &str,
        name: &str,
        media: &dyn Media,
    ) -> Result<Found, Code> {
        match self.find(app, publisher, name, media) {
            None => Err(Code::NotFoundTrack),
            Some(found) if !found.has_sent => Err(Code::EmptyTrack),
            Some(found) => Ok(found),
        }
    }

    fn put_remote(
        &mut self,
        place: Place,
        publisher: String,
        name: String,
        simulcast: Option<Simulcast>,
        found: &Found,
    ) -> Result<Value, Reply> {
        let serial = self.next();
        let what = What::Pulled {
            track: name.as_str().into(),
            mid: place.mid.as_str().into(),
            publisher: publisher.as_str().into(),
        };
        self.history.note(place.session, what);
        let source = Some(found.source);
        let end = End::Remote(Subscription { publisher, source, simulcast });
        let (mid, kind) = (place.mid, found.kind);
        let track = Track { serial, mid, name, kind, is_open: true, end };
        Ok(self.live(place.session)?.put(track))
    }

    /// `tracks/update`
    pub(super) fn update_tracks(
        &mut self,
        key: SessionKey,
        entries: Vec<Update>,
        media: &mut dyn Media,
    ) -> Outcome {
        let mut items = Vec::new();
        for entry in entries {
            items.push(self.update_track(key, &entry, media)?.unwrap_or_else(|code| {
                let fields =
                    json!({ "mid": "", "sessionId": entry.publisher, "trackName": entry.name });
                failed(fields, code)
            }));
        }
        Ok(reply(items, None, false))
    }

    fn update_track(
        &mut self,
        key: SessionKey,
        entry: &Update,
        media: &mut dyn Media,
    ) -> Result<Result<Value, Code>, Reply> {
        let session = &*self.live(key)?;
        let Some(track) = entry.subscription(session) else {
            return Ok(Err(Code::NotFoundTrack));
        };
        let (app, mid, kind) = (session.app.clone(), track.mid.clone(), track.kind);
        let simulcast = entry.simulcast.clone().or_else(|| track.simulcast().cloned());
        let current = (track.publisher().unwrap_or_default().to_owned(), track.name.clone());
        let new = entry.new_source(session);
        let is_new = new.is_some();
        let (publisher, name) = new.unwrap_or(current);
        let found = match is_new {
            true => self.pullable(&app, &publisher, &name, media),
            false => self.find(&app, &publisher, &name, media).ok_or(Code::NotFoundTrack),
        };
        let found = match found {
            Ok(found) if found.kind != kind => return Ok(Err(Code::NotFoundTrack)),
            Ok(found) if entry.simulcast.is_some() && !found.has_layers => {
                return Ok(Err(Code::UpdateTrack));
            }
            Ok(found) => found,
            Err(code) => return Ok(Err(code)),
        };
        let to = Place { session: key, mid };
        self.feed(found.source, to.clone(), simulcast.as_ref(), media);
        self.put_remote(to, publisher, name, simulcast, &found).map(Ok)
    }
}
