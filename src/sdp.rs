//! Session descriptions of a checked type.

use serde::{Deserialize, Serialize};

use crate::generated::types::{SdpType, SessionDescription};
use crate::invalid::{Invalid, Problem};
use crate::runtime::redaction::Hidden;

/// Session description that needs an answer (RFC 9429 section 3.2).
///
/// As JSON it has the form of `RTCPeerConnection`, `{"type": "offer", "sdp": …}`, so an agent's
/// message can be read as one. `Debug` hides the description.
///
/// ```
/// # use cloudflare_calls::Offer;
/// let offer: Offer = serde_json::from_str(r#"{"type":"offer","sdp":"v=0\r\n"}"#)?;
/// assert!(serde_json::from_str::<Offer>(r#"{"type":"answer","sdp":"v=0\r\n"}"#).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "SessionDescription", into = "SessionDescription")]
pub struct Offer(Hidden);

/// Session description that answers an offer (RFC 9429 section 3.2).
///
/// As JSON it has the form of `RTCPeerConnection`, `{"type": "answer", "sdp": …}`. `Debug` hides
/// the description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "SessionDescription", into = "SessionDescription")]
pub struct Answer(Hidden);

macro_rules! description {
    ($name:ident, $type:ident, $text:literal) => {
        impl $name {
            /// Checks that the text can be a session description and is complete.
            ///
            /// # Errors
            /// [`Problem::NotSdp`] or [`Problem::SdpEnd`].
            pub fn new(sdp: impl Into<String>) -> Result<Self, Invalid> {
                let sdp = Hidden::from(sdp.into());
                check_sdp(&sdp)?;
                Ok(Self(sdp))
            }

            /// Returns the description (RFC 8866).
            pub fn sdp(&self) -> &str {
                &self.0
            }

            /// Creates a description of the SFU. Its text is passed on as it is.
            pub(crate) fn received(description: SessionDescription) -> Option<Self> {
                let is_right = description.type_.is_none_or(|kind| kind == SdpType::$type);
                description.sdp.filter(|_| is_right).map(Self)
            }
        }

        impl TryFrom<SessionDescription> for $name {
            type Error = Invalid;

            /// # Errors
            /// [`Problem::SdpType`] besides those of `new`.
            fn try_from(description: SessionDescription) -> Result<Self, Invalid> {
                check_description(&description, SdpType::$type, $text)?;
                Ok(Self(description.sdp.unwrap_or_default()))
            }
        }

        impl From<$name> for SessionDescription {
            fn from(description: $name) -> Self {
                Self::new().type_(SdpType::$type).sdp(description.0)
            }
        }
    };
}

description!(Offer, Offer, "offer");
description!(Answer, Answer, "answer");

impl Offer {
    /// Returns whether it has a section for data channels (RFC 8841).
    pub(crate) fn has_data_section(&self) -> bool {
        self.0.contains("\nm=application ")
    }
}

/// Checks a description, for constructors and for whole requests.
pub(crate) fn check_description(
    description: &SessionDescription,
    expected: SdpType,
    name: &'static str,
) -> Result<(), Invalid> {
    if description.type_.as_ref() != Some(&expected) {
        let field = "sessionDescription.type";
        return Err(Invalid::new(field, Problem::SdpType { expected: name }));
    }
    match &description.sdp {
        Some(sdp) => check_sdp(sdp),
        None => Err(Invalid::new("sessionDescription.sdp", Problem::Missing)),
    }
}

fn check_sdp(sdp: &str) -> Result<(), Invalid> {
    let problem = match sdp {
        "" => Problem::Empty,
        _ if !sdp.starts_with("v=0\r\n") && !sdp.starts_with("v=0\n") => Problem::NotSdp,
        _ if !sdp.ends_with('\n') => Problem::SdpEnd,
        _ => return Ok(()),
    };
    Err(Invalid::new("sessionDescription.sdp", problem))
}
