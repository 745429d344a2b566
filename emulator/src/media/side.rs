//! A media side as the engine drives it.

use std::time::Instant;

use super::sfu::{Route, Sfu, Transmit};
use super::{Event, Media};
#[cfg(feature = "adapters")]
use super::{Heard, Place};

/// A media side as the engine drives it. What has no packets does nothing about
/// them.
pub(crate) trait Side: Media + Send {
    /// Takes a datagram.
    fn handle_datagram(&mut self, _now: Instant, _route: Route, _data: &[u8]) {}

    /// Does what is due.
    fn handle_timeout(&mut self, _now: Instant) {}

    /// The next datagram to be sent.
    fn poll_transmit(&mut self) -> Option<Transmit> {
        None
    }

    /// When something is due.
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// The next thing that has happened.
    fn poll_event(&mut self) -> Option<Event>;

    /// Whether nothing is left of any session.
    fn is_empty(&self) -> bool;

    /// From now on what comes on this section is heard as well.
    #[cfg(feature = "adapters")]
    fn listen(&mut self, _from: &Place) {}

    /// The section is heard no more.
    #[cfg(feature = "adapters")]
    fn unlisten(&mut self, _from: &Place) {}

    /// Asks who publishes on a section for a keyframe.
    #[cfg(feature = "adapters")]
    fn want_keyframe(&mut self, _from: &Place) {}

    /// The next that was heard.
    #[cfg(feature = "adapters")]
    fn poll_sound(&mut self) -> Option<(Place, Heard)> {
        None
    }

    /// Takes a packet as if an agent had sent it on this section.
    #[cfg(feature = "adapters")]
    fn say(&mut self, _now: Instant, _to: &Place, _sound: Heard) {}
}

impl Side for Sfu {
    fn handle_datagram(&mut self, now: Instant, route: Route, data: &[u8]) {
        self.handle_datagram(now, route, data);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }

    fn poll_transmit(&mut self) -> Option<Transmit> {
        self.poll_transmit()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.poll_timeout()
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.poll_event()
    }

    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    #[cfg(feature = "adapters")]
    fn listen(&mut self, from: &Place) {
        self.listen(from);
    }

    #[cfg(feature = "adapters")]
    fn unlisten(&mut self, from: &Place) {
        self.unlisten(from);
    }

    #[cfg(feature = "adapters")]
    fn want_keyframe(&mut self, from: &Place) {
        self.want_keyframe(from);
    }

    #[cfg(feature = "adapters")]
    fn poll_sound(&mut self) -> Option<(Place, Heard)> {
        self.poll_sound()
    }

    #[cfg(feature = "adapters")]
    fn say(&mut self, now: Instant, to: &Place, sound: Heard) {
        self.say(now, to, sound);
    }
}
