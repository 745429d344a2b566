//! `tracks/close`

use serde_json::json;

use super::body::{Body, Part, needed};
use super::changes::Change;
use super::publications::entries;
use super::reply::{Code, Outcome, Reply, failed, invalid, undecodable};
use super::tracks::reply;
use super::{Config, Rules};
use crate::media::{Media, SessionKey};

pub(super) fn read(body: Body, config: &Config) -> Result<Change, Reply> {
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

impl Rules {
    /// Closes by force, or negotiated if there is an offer.
    pub(super) fn close_tracks(
        &mut self,
        key: SessionKey,
        mids: Vec<String>,
        offer: Option<String>,
        media: &mut dyn Media,
    ) -> Outcome {
        let answer = match &offer {
            None => None,
            Some(offer) => Some(self.take_offer(key, offer, media)?.0),
        };
        let mut items = Vec::new();
        for mid in mids {
            let was_open = self.close_mid(key, &mid, media);
            let section = self.live(key)?.sections.get_mut(&mid);
            if let Some(section) = section.filter(|_| was_open && offer.is_none()) {
                section.was_forced = true;
            }
            let fields = json!({ "mid": mid });
            items.push(if was_open { fields } else { failed(fields, Code::CloseTrack) });
        }
        Ok(reply(items, answer, false))
    }
}
