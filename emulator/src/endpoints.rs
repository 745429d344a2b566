//! Endpoints of WebSocket adapters, as far as this build has them.

#[cfg(not(feature = "adapters"))]
use std::convert::Infallible;

#[cfg(feature = "adapters")]
use crate::adapters::{Adapters, Happened};
use crate::media::side::Side;
#[cfg(not(feature = "adapters"))]
use crate::rules::AdapterFailure;
use crate::rules::{AdapterCommand, Machine};

/// Endpoints of adapters.
pub(crate) enum Endpoints {
    /// Each endpoint is connected to.
    #[cfg(feature = "adapters")]
    Sockets(Adapters),
    /// Each endpoint counts as connected at once, without a connection.
    Canned,
    /// No endpoint can be used: this build leaves the feature `adapters` out.
    #[cfg(not(feature = "adapters"))]
    NotBuilt,
}

/// Event of the endpoints. None exists without the feature `adapters`.
#[cfg(not(feature = "adapters"))]
pub(crate) type Happened = Infallible;

impl Endpoints {
    /// Returns the endpoints of an emulator with WebRTC.
    pub(crate) fn real() -> Self {
        #[cfg(feature = "adapters")]
        return Self::Sockets(Adapters::new());
        #[cfg(not(feature = "adapters"))]
        return Self::NotBuilt;
    }

    /// Waits until something happens.
    pub(crate) async fn next(&mut self) -> Happened {
        match self {
            #[cfg(feature = "adapters")]
            Self::Sockets(adapters) => adapters.next().await,
            _ => std::future::pending().await,
        }
    }

    /// Tells the rules and the media about an event.
    pub(crate) fn happened(
        &mut self,
        happened: Happened,
        rules: &mut Machine,
        media: &mut dyn Side,
    ) {
        #[cfg(feature = "adapters")]
        if let Self::Sockets(adapters) = self {
            adapters.happened(happened, rules, media);
        }
        #[cfg(not(feature = "adapters"))]
        match (happened, rules, media) {}
    }

    /// Carries out the orders of the rules.
    pub(crate) fn settle(&mut self, rules: &mut Machine, media: &mut dyn Side) {
        let result = match self {
            #[cfg(feature = "adapters")]
            Self::Sockets(adapters) => return adapters.settle(rules, media),
            Self::Canned => Ok(()),
            #[cfg(not(feature = "adapters"))]
            Self::NotBuilt => Err(AdapterFailure::NotEmulated),
        };
        while let Some(command) = rules.poll_adapter() {
            if let AdapterCommand::Open { id, .. } = command {
                rules.adapter_opened(&id, result, media);
            }
        }
    }
}
