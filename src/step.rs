//! Steps of the lifecycle, by name.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! steps {
    ($($step:ident $name:literal,)*) => {
        /// Step of the lifecycle: a method of one of the extension traits.
        ///
        /// Errors, metrics and `tracing` spans name it as the method.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Step {
            $(#[doc = concat!("The method `", $name, "`.")] $step,)*
        }

        impl Step {
            /// Returns the method's name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$step => $name,)* }
            }
        }
    };
}

steps! {
    Join "join",
    Adopt "adopt",
    Open "open",
    JoinWith "join_with",
    Publish "publish",
    PublishAll "publish_all",
    PublishWithoutOffer "publish_without_offer",
    PublishNegotiated "publish_negotiated",
    Subscribe "subscribe",
    SubscribeWith "subscribe_with",
    Update "update",
    Answer "answer",
    Close "close",
    CloseNegotiated "close_negotiated",
    Leave "leave",
    State "state",
    EstablishDataChannels "establish_data_channels",
    EstablishDataChannelsWith "establish_data_channels_with",
    PublishDataChannels "publish_data_channels",
    SubscribeDataChannels "subscribe_data_channels",
    GrantReply "grant_reply",
    RevokeReply "revoke_reply",
    CloseDataChannels "close_data_channels",
    CreateAdapters "create_adapters",
    CloseAdapters "close_adapters",
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
