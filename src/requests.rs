//! Constructors that say what a request means, where the document's types
//! only say what it is made of.

use crate::generated::types::{CloseTrack, CloseTracksRequest, SdpType, SessionDescription};

impl SessionDescription {
    /// An offer, which needs an answer (RFC 9429 section 3.2).
    pub fn offer(sdp: impl Into<String>) -> Self {
        Self::new().type_(SdpType::Offer).sdp(sdp)
    }

    /// An answer to an offer (RFC 9429 section 3.2).
    pub fn answer(sdp: impl Into<String>) -> Self {
        Self::new().type_(SdpType::Answer).sdp(sdp)
    }
}

impl CloseTracksRequest {
    /// Stops the flow of these tracks, by mid, without an exchange of session
    /// descriptions.
    pub fn forced(mids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new(true, mids.into_iter().map(CloseTrack::new))
    }

    /// Closes these tracks, by mid, with the agent's offer; the reply has the
    /// answer.
    pub fn negotiated(
        mids: impl IntoIterator<Item = impl Into<String>>,
        offer: impl Into<String>,
    ) -> Self {
        let offer = SessionDescription::offer(offer);
        Self::new(false, mids.into_iter().map(CloseTrack::new)).session_description(offer)
    }
}
