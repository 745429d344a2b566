//! Tracks: publish, subscribe, close, update.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Body, Description, Failing, Location, Operation, Outcome, Reply, State, Track,
    check_description, failed, invalid, item, ok, one_location, sdp,
};

/// How many tracks one request may have.
const MAX: usize = 64;

/// A track of a request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    location: Option<Location>,
    mid: Option<String>,
    session_id: Option<String>,
    track_name: Option<String>,
    kind: Option<String>,
    simulcast: Option<Value>,
}

impl State {
    pub(super) fn new_tracks(&mut self, id: &str, body: Body, failing: &Failing) -> Outcome {
        check_description(body.session_description.as_ref(), "offer")?;
        let discovers = body.auto_discover == Some(true);
        let entries = entries(body.tracks, !discovers)?;
        match (
            one_location("tracks", entries.iter().map(|e| e.location))?,
            body.session_description,
        ) {
            (Some(Location::Remote), None) if !discovers => self.subscribe(id, &entries, failing),
            (Some(Location::Remote), _) => Err(invalid("remote tracks take no sessionDescription")),
            (_, Some(offer)) => self.publish_offered(id, &entries, &offer, discovers, failing),
            (_, None) if discovers => Err(invalid("Missing sessionDescription")),
            (_, None) => self.publish_unoffered(id, &entries, failing),
        }
    }

    /// The agent offers, the SFU answers.
    fn publish_offered(
        &mut self,
        id: &str,
        entries: &[Entry],
        offer: &Description,
        discovers: bool,
        failing: &Failing,
    ) -> Outcome {
        let mut wanted = Vec::new();
        let mut mids = BTreeSet::new();
        for (index, entry) in entries.iter().enumerate() {
            let mid = needed(index, "mid", &entry.mid)?;
            let name = needed(index, "trackName", &entry.track_name)?;
            let is_other = |track: &&Track| {
                track.is_open
                    && track.mid == mid
                    && (track.location, &*track.name) != (Location::Local, name)
            };
            let is_taken = self.at(id).tracks.iter().find(is_other).is_some();
            if is_taken || mid.starts_with('#') || !mids.insert(mid) {
                return Err(invalid(&format!("tracks[{index}]: mid cannot be used")));
            }
            wanted.push((mid.to_owned(), name.to_owned()));
        }
        let session = self.at(id);
        for (mid, sends) in sdp::sections(offer.sdp.as_deref().unwrap_or_default()) {
            let is_known = session.tracks.iter().any(|track| track.mid == mid);
            if discovers && sends && !is_known && !mids.contains(&*mid) {
                session.next_name += 1;
                wanted.push((mid.clone(), format!("discovered-{}", session.next_name)));
            }
            session.mids.insert(mid);
        }
        let mut items = Vec::new();
        for (index, (mid, name)) in wanted.iter().enumerate() {
            items.push(match failing.get(&index) {
                Some(code) => failed(json!({ "mid": "", "trackName": name }), code),
                None => self.add_track(id, Location::Local, mid, name, None, None),
            });
        }
        Ok(reply(items, Some(sdp::answer()), false))
    }

    /// The SFU offers to receive.
    fn publish_unoffered(&mut self, id: &str, entries: &[Entry], failing: &Failing) -> Outcome {
        for (index, entry) in entries.iter().enumerate() {
            needed(index, "kind", &entry.kind)?;
            needed(index, "trackName", &entry.track_name)?;
        }
        let mut items = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let name = entry.track_name.as_deref().unwrap_or_default();
            items.push(match failing.get(&index) {
                Some(code) => failed(json!({ "mid": "", "trackName": name }), code),
                None => {
                    let mid = self.at(id).new_mid();
                    self.add_track(id, Location::Local, &mid, name, None, None)
                }
            });
        }
        let is_needed = items.iter().any(|item| item.get("errorCode").is_none());
        let offer = is_needed.then(|| self.at(id).offer(Operation::NewTracks));
        Ok(reply(items, offer, is_needed))
    }

    fn subscribe(&mut self, id: &str, entries: &[Entry], failing: &Failing) -> Outcome {
        for (index, entry) in entries.iter().enumerate() {
            needed(index, "sessionId", &entry.session_id)?;
            needed(index, "trackName", &entry.track_name)?;
            if entry.mid.as_ref().is_some_and(|mid| !mid.starts_with('#')) {
                return Err(invalid(&format!("tracks[{index}]: mid cannot be used")));
            }
        }
        let mut needs_section = false;
        let mut items = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let name = entry.track_name.as_deref().unwrap_or_default();
            let mid = match failing.get(&index) {
                Some(code) => Err(code.as_str()),
                None => self.published(entry).and_then(|()| self.reused(id, entry)),
            };
            items.push(match mid {
                Ok(reused) => {
                    needs_section |= reused.is_none();
                    let mid = reused.unwrap_or_else(|| self.at(id).new_mid());
                    let simulcast = entry.simulcast.clone();
                    let publisher = entry.session_id.clone();
                    self.add_track(id, Location::Remote, &mid, name, publisher, simulcast)
                }
                Err(code) => {
                    let fields =
                        json!({ "mid": "", "sessionId": entry.session_id, "trackName": name });
                    failed(fields, code)
                }
            });
        }
        let offer = needs_section.then(|| self.at(id).offer(Operation::NewTracks));
        Ok(reply(items, offer, needs_section))
    }

    pub(super) fn close_tracks(&mut self, id: &str, body: Body, failing: &Failing) -> Outcome {
        check_description(body.session_description.as_ref(), "offer")?;
        let entries = entries(body.tracks, true)?;
        for (index, entry) in entries.iter().enumerate() {
            needed(index, "mid", &entry.mid)?;
        }
        let answer = match (body.force, body.session_description) {
            (None, _) => return Err(invalid("Missing force")),
            (Some(true), _) => None,
            (Some(false), None) => return Err(invalid("Missing sessionDescription")),
            (Some(false), Some(_)) => Some(sdp::answer()),
        };
        let mut items = Vec::new();
        for (index, entry) in entries.into_iter().enumerate() {
            let fields = json!({ "mid": entry.mid });
            items.push(match failing.get(&index) {
                Some(code) => failed(fields, code),
                None if self.close_mid(id, &entry.mid.unwrap_or_default()) => fields,
                None => failed(fields, "close_track_error"),
            });
        }
        Ok(reply(items, answer, false))
    }

    pub(super) fn update_tracks(&mut self, id: &str, body: Body, failing: &Failing) -> Outcome {
        check_description(body.session_description.as_ref(), "offer")?;
        let entries = entries(body.tracks, true)?;
        for (index, entry) in entries.iter().enumerate() {
            needed(index, "mid", &entry.mid)?;
            if entry.location == Some(Location::Local) {
                return Err(invalid(&format!("tracks[{index}]: location is not remote")));
            }
        }
        let mut items = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let changed = match failing.get(&index) {
                Some(code) => Err(code.as_str()),
                None => self.update_track(id, entry),
            };
            items.push(changed.unwrap_or_else(|code| {
                let fields = json!({ "mid": "", "sessionId": entry.session_id, "trackName": entry.track_name });
                failed(fields, code)
            }));
        }
        Ok(reply(items, None, false))
    }

    fn update_track(&mut self, id: &str, entry: &Entry) -> Result<Value, &'static str> {
        let is_meant = |track: &&mut Track| {
            track.is_open
                && track.location == Location::Remote
                && Some(&track.mid) == entry.mid.as_ref()
        };
        let found = self.at(id).tracks.iter_mut().find(is_meant);
        let mut track = found.ok_or("not_found_track_error")?.clone();
        track.publisher = entry.session_id.clone().or(track.publisher);
        track.name = entry.track_name.clone().unwrap_or(track.name);
        track.simulcast = entry.simulcast.clone().or(track.simulcast);
        if entry.session_id.is_some() || entry.track_name.is_some() {
            self.publication(track.publisher.as_deref(), &track.name)?;
        }
        let (mid, publisher) = (track.mid.clone(), track.publisher.clone());
        Ok(self.add_track(id, Location::Remote, &mid, &track.name, publisher, track.simulcast))
    }

    /// Puts a track there, instead of one of the same mid and location, and
    /// returns the entry that reports it.
    pub(super) fn add_track(
        &mut self,
        id: &str,
        location: Location,
        mid: &str,
        name: &str,
        publisher: Option<String>,
        simulcast: Option<Value>,
    ) -> Value {
        let session = self.at(id);
        session.mids.insert(mid.to_owned());
        let fields = json!({ "mid": mid, "sessionId": publisher, "trackName": name, "simulcast": simulcast });
        let is_same = |track: &Track| track.mid == mid && track.location == location;
        let was_closed = session.tracks.iter().any(|track| is_same(track) && !track.is_open);
        session.tracks.retain(|track| !is_same(track));
        session.tracks.push(Track {
            mid: mid.to_owned(),
            location,
            name: name.to_owned(),
            publisher,
            simulcast,
            is_open: true,
            is_silent: location == Location::Local && was_closed,
        });
        item(fields)
    }

    /// Closes both directions of a mid. False if nothing was open.
    pub(super) fn close_mid(&mut self, id: &str, mid: &str) -> bool {
        let mut was_open = false;
        for track in self.at(id).tracks.iter_mut().filter(|track| track.mid == mid) {
            was_open |= std::mem::take(&mut track.is_open);
        }
        was_open
    }

    fn published(&self, entry: &Entry) -> Result<(), &'static str> {
        let name = entry.track_name.as_deref().unwrap_or_default();
        self.publication(entry.session_id.as_deref(), name)
    }

    /// Whether a track can be pulled.
    fn publication(&self, publisher: Option<&str>, name: &str) -> Result<(), &'static str> {
        match publisher.and_then(|id| self.local_track(id, name)) {
            None => Err("not_found_track_error"),
            Some(track) if track.is_silent => Err("empty_track_error"),
            Some(_) => Ok(()),
        }
    }

    /// The mid of the transceiver that `#name` refers to, if the entry has it.
    fn reused(&self, id: &str, entry: &Entry) -> Result<Option<String>, &'static str> {
        let Some(name) = entry.mid.as_ref().and_then(|mid| mid.strip_prefix('#')) else {
            return Ok(None);
        };
        let track = self.local_track(id, name).ok_or("not_found_track_error")?;
        Ok(Some(track.mid.clone()))
    }

    /// The newest open publication of that name.
    fn local_track(&self, id: &str, name: &str) -> Option<&Track> {
        let is_meant = |track: &&Track| {
            track.is_open && track.location == Location::Local && track.name == name
        };
        self.sessions.get(id)?.tracks.iter().rev().find(is_meant)
    }
}

fn entries(entries: Option<Vec<Entry>>, is_needed: bool) -> Result<Vec<Entry>, Reply> {
    let entries = entries.unwrap_or_default();
    match entries.len() {
        0 if is_needed => Err(invalid("Missing tracks")),
        1.. if entries.len() > MAX => Err(invalid("Expecting at most 64 tracks in the request")),
        _ => Ok(entries),
    }
}

fn needed<'a>(index: usize, field: &str, value: &'a Option<String>) -> Result<&'a str, Reply> {
    match value.as_deref() {
        None | Some("") => Err(invalid(&format!("tracks[{index}]: Missing {field} in track"))),
        Some(value) => Ok(value),
    }
}

fn reply(items: Vec<Value>, description: Option<Value>, must_renegotiate: bool) -> Reply {
    ok(item(json!({ "requiresImmediateRenegotiation": must_renegotiate, "tracks": items,
        "sessionDescription": description })))
}
