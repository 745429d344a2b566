//! `tracks/close`

use serde_json::json;

use super::step::Step;
use super::tracks::reply;
use crate::media::{Kind, NewSection, SessionKey};
use crate::rules::read::reply::{Code, Outcome, failed};
use crate::rules::read::request::Operation;

/// Section that the SFU's own offer adds in case of glare. Any section would do.
const GLARE: NewSection = NewSection::Send { kind: Kind::Audio, is_bidirectional: false };

impl Step<'_> {
    /// Closes tracks by force or, with an offer, by negotiation.
    pub(crate) fn close_tracks(
        &mut self,
        key: SessionKey,
        mids: Vec<String>,
        offer: Option<String>,
    ) -> Outcome {
        let session = self.state.live(key)?;
        let is_glaring = offer.is_some() && std::mem::take(&mut session.is_glaring);
        let description = match &offer {
            None => None,
            Some(_) if is_glaring => self.make_offer(key, Operation::CloseTracks, &[GLARE])?.0,
            Some(offer) => Some(self.take_offer(key, offer)?.0),
        };
        let mut items = Vec::new();
        for mid in mids {
            let was_open = self.close_mid(key, &mid);
            let section = self.state.live(key)?.sections.get_mut(&mid);
            if let Some(section) = section.filter(|_| was_open && offer.is_none()) {
                section.was_forced = true;
            }
            let fields = json!({ "mid": mid });
            items.push(if was_open { fields } else { failed(fields, Code::CloseTrack) });
        }
        Ok(reply(items, description, is_glaring))
    }
}
