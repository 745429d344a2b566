//! `tracks/close`

use serde_json::json;

use super::body::{Body, Part, needed};
use super::changes::Change;
use super::publications::entries;
use super::reply::{Code, Outcome, Reply, failed, invalid, undecodable};
use super::request::Operation;
use super::tracks::reply;
use super::{Config, Rules};
use crate::media::{Kind, Media, NewSection, SessionKey};

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

/// What the SFU's own offer adds if it glares: that there is one is what matters.
const GLARE: NewSection = NewSection::Send { kind: Kind::Audio, is_bidirectional: false };

impl Rules {
    /// Lets the SFU answer the next negotiated close of a session with an offer of its
    /// own: the agent has to roll its offer back and answer. False if there is no
    /// session of that id.
    pub fn glare(&mut self, session: &str) -> bool {
        let session = self.key(session).and_then(|key| self.sessions.get_mut(&key));
        session.map(|session| session.is_glaring = true).is_some()
    }

    /// Closes by force, or negotiated if there is an offer.
    pub(super) fn close_tracks(
        &mut self,
        key: SessionKey,
        mids: Vec<String>,
        offer: Option<String>,
        media: &mut dyn Media,
    ) -> Outcome {
        let session = self.live(key)?;
        let is_glaring = offer.is_some() && std::mem::take(&mut session.is_glaring);
        let description = match &offer {
            None => None,
            Some(_) if is_glaring => {
                self.make_offer(key, Operation::CloseTracks, &[GLARE], media)?.0
            }
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
        Ok(reply(items, description, is_glaring))
    }
}
