//! What the document's type of a session description leaves to be wished for.

use crate::types::{SdpType, SessionDescription};

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
