//! Constructors that name the meaning of a request, where the document's types only have its parts.

use crate::generated::types::{CloseTrack, CloseTracksRequest, SdpType, SessionDescription};

impl SessionDescription {
    /// Creates an offer, which needs an answer (RFC 9429 section 3.2).
    pub fn offer(sdp: impl Into<String>) -> Self {
        Self::new().type_(SdpType::Offer).sdp(sdp)
    }

    /// Creates an answer to an offer (RFC 9429 section 3.2).
    pub fn answer(sdp: impl Into<String>) -> Self {
        Self::new().type_(SdpType::Answer).sdp(sdp)
    }
}

impl CloseTracksRequest {
    /// Creates a request to stop these tracks, by mid, without an exchange of session descriptions.
    pub fn forced(mids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new(true, mids.into_iter().map(CloseTrack::new))
    }

    /// Creates a request to close these tracks, by mid, with the agent's offer. The reply has the
    /// answer.
    pub fn negotiated(
        mids: impl IntoIterator<Item = impl Into<String>>,
        offer: impl Into<String>,
    ) -> Self {
        let offer = SessionDescription::offer(offer);
        Self::new(false, mids.into_iter().map(CloseTrack::new)).session_description(offer)
    }
}
