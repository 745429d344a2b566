//! Operations of the SFU that the rules ask for.

use std::time::Duration;

use str0m::media::Mid;

use super::super::forward::Slot;
use super::super::peer::Peer;
use super::super::section::codec_name;
use super::super::{
    Accepted, BadDescription, Counters, Delivery, Event, Layers, Media, Message, NewSection,
    Offered, Place, Section, SessionKey, sdp,
};
use super::Sfu;

impl Media for Sfu {
    fn open(&mut self, session: SessionKey) {
        if !self.peers.contains_key(&session) {
            self.new.insert(session);
        }
    }

    fn close(&mut self, session: SessionKey) {
        self.new.remove(&session);
        let now = self.now;
        self.with(session, |peer, effects| peer.close(now, effects));
        // The rules have asked to close it, so they need no event.
        let is_other = |event: &Event| !matches!(event, Event::Disconnected(s) if *s == session);
        self.effects.events.retain(is_other);
        self.router.forget(|slot| slot.0 == session);
        self.taps.forget(session);
        let Some(mut peer) = self.peers.remove(&session) else { return };
        if let Some(deadline) = peer.deadline {
            self.deadlines.remove(&(deadline, session));
        }
        for address in &peer.addresses {
            self.by_address.remove(address);
        }
        self.by_ufrag.remove(&peer.ufrag());
    }

    fn read(&self, sdp: &str) -> Result<Vec<Section>, BadDescription> {
        Ok(sdp::Description::parse(sdp)?.sections())
    }

    fn accept_offer(&mut self, session: SessionKey, sdp: &str) -> Result<Accepted, BadDescription> {
        let now = self.now;
        let result = self.with(session, |peer, effects| {
            let old = peer.ufrag();
            (peer.accept_offer(sdp, now, effects), old, peer.ufrag())
        });
        let Some((result, old, new)) = result else {
            return no_session();
        };
        // An agent may have restarted ICE.
        if old != new {
            self.by_ufrag.remove(&old);
            self.by_ufrag.insert(new, session);
        }
        let (accepted, replaced) = result?;
        if !replaced.is_empty() {
            self.router.forget(|(s, mid)| *s == session && replaced.contains(mid));
        }
        Ok(accepted)
    }

    fn offer(
        &mut self,
        session: SessionKey,
        add: &[NewSection],
    ) -> Result<Offered, BadDescription> {
        let now = self.now;
        self.with(session, |peer, effects| peer.offer(add, now, effects)).unwrap_or_else(no_session)
    }

    fn accept_answer(&mut self, session: SessionKey, sdp: &str) -> Result<(), BadDescription> {
        let now = self.now;
        self.with(session, |peer, effects| peer.accept_answer(sdp, now, effects))
            .unwrap_or_else(no_session)
    }

    fn cut(&mut self, session: SessionKey, is_cut: bool) {
        self.with(session, |peer, _| peer.is_cut = is_cut);
    }

    fn is_connected(&self, session: SessionKey) -> bool {
        self.peers.get(&session).is_some_and(Peer::is_connected)
    }

    fn last_packet(&self, place: &Place) -> Option<Duration> {
        let (session, mid) = slot(place);
        let at = self.peers.get(&session)?.tracks.get(&mid)?.last_packet?;
        Some(at.duration_since(self.start))
    }

    fn last_codec(&self, place: &Place) -> Option<String> {
        let (session, mid) = slot(place);
        let codec = self.peers.get(&session)?.tracks.get(&mid)?.codec?;
        Some(codec_name(codec)?.to_ascii_lowercase())
    }

    fn counters(&self, place: &Place) -> Option<Counters> {
        let (session, mid) = slot(place);
        let track = self.peers.get(&session)?.tracks.get(&mid)?;
        Some(Counters { codec_in: track.codec.and_then(codec_name), ..track.counters })
    }

    fn forward(&mut self, from: Place, to: Place, layers: Layers) {
        let (from, to) = (slot(&from), slot(&to));
        if self.peers.contains_key(&from.0) && self.peers.contains_key(&to.0) {
            self.router.forward(from, to, layers);
            // This request need not wait for the next packet.
            self.keyframe(to);
            self.work();
        }
    }

    fn stop(&mut self, to: &Place) {
        self.router.stop(slot(to));
    }

    fn open_channel(&mut self, session: SessionKey, id: u16, name: &str, delivery: Delivery) {
        let now = self.now;
        self.with(session, |peer, effects| peer.open_channel(id, name, delivery, now, effects));
    }

    fn close_channel(&mut self, session: SessionKey, id: u16) {
        let now = self.now;
        self.with(session, |peer, effects| peer.close_channel(id, now, effects));
    }

    fn send(&mut self, session: SessionKey, id: u16, message: &Message) {
        let now = self.now;
        let message = message.clone();
        self.with(session, |peer, effects| peer.send(id, message, now, effects));
    }
}

pub(super) fn slot(place: &Place) -> Slot {
    (place.session, Mid::from(place.mid.as_str()))
}

fn no_session<T>() -> Result<T, BadDescription> {
    sdp::bad("there is no such session")
}
