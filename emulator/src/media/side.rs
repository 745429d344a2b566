//! A media side as the engine drives it.

use std::time::Instant;

use super::sfu::{Route, Sfu, Transmit};
use super::{Event, Media};
#[cfg(feature = "adapters")]
use super::{Heard, Place};

/// Media side as the engine drives it. The defaults are those of a side without packets.
pub(crate) trait Side: Media + Send {
    /// Takes a datagram.
    fn handle_datagram(&mut self, _now: Instant, _route: Route, _data: &[u8]) {}

    /// Carries out what is due.
    fn handle_timeout(&mut self, _now: Instant) {}

    /// Returns the next datagram to be sent.
    fn poll_transmit(&mut self) -> Option<Transmit> {
        None
    }

    /// Returns the time at which something is due.
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Returns the next event.
    fn poll_event(&mut self) -> Option<Event>;

    /// Returns whether no session is left.
    fn is_empty(&self) -> bool;

    /// Hands out the packets of this section from now on.
    #[cfg(feature = "adapters")]
    fn listen(&mut self, _from: &Place) {}

    /// Stops handing out the packets of this section.
    #[cfg(feature = "adapters")]
    fn unlisten(&mut self, _from: &Place) {}

    /// Asks the publisher of a section for a keyframe.
    #[cfg(feature = "adapters")]
    fn want_keyframe(&mut self, _from: &Place) {}

    /// Returns the next packet of the sections that are listened to.
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
