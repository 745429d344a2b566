//! Requests on tracks.

use super::body::{Body, Part, TrackEntry, missing, needed, one_location};
use super::change::{Change, Publish, Pull, Receive, Update, Wanted};
use super::reply::{Reply, invalid, undecodable};
use super::request::Location;
use crate::media::Kind;
use crate::rules::config::Config;

/// `tracks/new`, local or remote.
pub(crate) fn read(body: Body, config: &Config) -> Result<Change, Reply> {
    let discovers = body.auto_discover == Some(true);
    let offer = body.session_description.map(|offer| offer.text(Part::Offer)).transpose()?;
    let entries = entries(body.tracks, !discovers, config)?;
    match (one_location("tracks", entries.iter().map(|entry| entry.location))?, offer) {
        (Some(Location::Remote), _) if discovers => Err(invalid("remote tracks have names")),
        (Some(Location::Remote), offer) => read_pulls(&entries, offer),
        (_, Some(offer)) => {
            let entries = read_offered(&entries)?;
            Ok(Change::Publish { offer, entries, discovers })
        }
        (_, None) if discovers => Err(invalid("Missing sessionDescription")),
        (_, None) if entries.iter().all(TrackEntry::names_a_section) => {
            read_offered(&entries).map(Change::Name)
        }
        (_, None) => read_unoffered(&entries),
    }
}

pub(crate) fn read_close(body: Body, config: &Config) -> Result<Change, Reply> {
    let offer = body.session_description.map(|offer| offer.text(Part::Offer)).transpose()?;
    let mut mids = Vec::new();
    for (index, entry) in entries(body.tracks, true, config)?.into_iter().enumerate() {
        mids.push(needed("tracks", index, "mid", entry.mid.as_deref())?.to_owned());
    }
    match (body.force, offer) {
        (None, _) => Err(undecodable("force")),
        (Some(true), _) => Ok(Change::Close { mids, offer: None }),
        (Some(false), None) => Err(invalid("Missing sessionDescription")),
        (Some(false), Some(offer)) => Ok(Change::Close { mids, offer: Some(offer) }),
    }
}

pub(crate) fn read_updates(body: Body, config: &Config) -> Result<Change, Reply> {
    if let Some(offer) = body.session_description {
        offer.text(Part::Offer)?;
    }
    let entries = entries(body.tracks, true, config)?;
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

fn read_offered(entries: &[TrackEntry]) -> Result<Vec<Publish>, Reply> {
    let named = entries.iter().enumerate().map(|(index, entry)| {
        let mid = needed("tracks", index, "mid", entry.mid.as_deref())?.to_owned();
        let name = needed("tracks", index, "trackName", entry.track_name.as_deref())?.to_owned();
        Ok(Publish { mid, name })
    });
    named.collect()
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
        let transceiver = transceiver(index, entry, entries)?;
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

/// Reads the tracks to pull. With an offer they are pulled on sections of it.
fn read_pulls(entries: &[TrackEntry], offer: Option<String>) -> Result<Change, Reply> {
    let mut pulls = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let publisher = needed("tracks", index, "sessionId", entry.session_id.as_deref())?;
        let name = needed("tracks", index, "trackName", entry.track_name.as_deref())?;
        let wanted = match entry.mid.as_deref() {
            Some(mid) if offer.is_some() && !mid.is_empty() && !mid.starts_with('#') => {
                Wanted::Mid(mid.to_owned())
            }
            _ => transceiver(index, entry, entries)?.map_or(Wanted::Any, Wanted::Transceiver),
        };
        pulls.push(Pull {
            publisher: publisher.to_owned(),
            name: name.to_owned(),
            is_bidirectional: entry.bidirectional_media_stream == Some(true),
            wanted,
            simulcast: entry.simulcast.clone(),
        });
    }
    Ok(Change::Pull { entries: pulls, offer })
}

/// Returns the name in an entry's mid of `#name`. Where the SFU offers, other mids cannot be
/// chosen, and no transceiver twice.
fn transceiver(
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

/// Returns the tracks of a request, unless they are too many.
fn entries(
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

impl TrackEntry {
    /// Returns whether it is for a section that has been negotiated before.
    fn names_a_section(&self) -> bool {
        let is_mid = |mid: &str| !mid.is_empty() && !mid.starts_with('#');
        self.kind.is_none() && self.mid.as_deref().is_some_and(is_mid)
    }
}
