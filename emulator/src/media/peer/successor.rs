//! New transport of an agent that has given up its old one.
//!
//! Browsers give a transport up with the section that it was made for, the first one of the bundle.
//! They continue with the others on a new one: ICE from new addresses with the same credentials,
//! then a new DTLS handshake. Other agents keep their transport. The agent's first check shows
//! which of the two it does.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::Rtc;
use str0m::change::SdpOffer;
use str0m::channel::ChannelConfig;

use super::super::offered::{as_offer, described};
use super::super::sdp::Line;
use super::{Effects, Peer, checked_ufrag};
use crate::media::datagram::Route;

/// Longest wait for an agent's new transport. The agent begins it at once.
const PATIENCE: Duration = Duration::from_secs(30);

/// Connection with all that has been negotiated, on which no packet has come yet.
pub(super) struct Successor {
    rtc: Rtc,
    /// Addresses of the agent on its old transport.
    known: Vec<SocketAddr>,
    channels: Vec<ChannelConfig>,
    until: Instant,
}

impl Peer {
    /// Prepares for a new transport of the agent, if its description may lead to one. `before` are
    /// the sections before, `theirs` is the agent's description and `ours` the SFU's of the same
    /// exchange.
    pub(super) fn prepare_successor(
        &mut self,
        before: &[Line],
        theirs: &str,
        ours: &str,
        now: Instant,
    ) {
        let first = before.iter().position(|line| !line.is_rejected);
        let is_given_up = first.is_some_and(|at| self.lines[at].is_rejected);
        self.forget_successor(now);
        let old = self.successor.take();
        if (!is_given_up && old.is_none()) || self.lines.iter().all(|line| line.is_rejected) {
            return;
        }
        let Ok(sections) = described(ours) else { return };
        let Ok(offer) = SdpOffer::from_sdp_string(&as_offer(theirs, &sections)) else { return };
        let credentials = self.rtc.direct_api().local_ice_credentials();
        let mut rtc = self.local.connection(Some(credentials), now);
        if self.lines.iter().any(|line| line.kind.is_none() && !line.is_rejected) {
            // Firefox keeps its association, which begins anew only on request.
            rtc.direct_api().start_sctp(true);
        }
        // The current connection has accepted this offer, so this one does too.
        if rtc.sdp_api().accept_offer(offer).is_err() {
            return;
        }
        for section in &sections {
            section.keep_stream(&mut rtc);
        }
        let channels = self.channels.open_ones();
        let known = old.map_or_else(|| self.addresses.clone(), |old| old.known);
        self.successor = Some(Successor { rtc, known, channels, until: now + PATIENCE });
    }

    /// Switches to the new transport if this is the first check on it.
    pub(super) fn succeed(&mut self, now: Instant, route: Route, data: &[u8], out: &mut Effects) {
        let is_known = |successor: &Successor| successor.known.contains(&route.agent);
        if self.successor.as_ref().is_some_and(|successor| !is_known(successor))
            && checked_ufrag(data).is_some()
        {
            self.take_over(now, out);
        }
    }

    /// Gives up the current connection, if another one may take over. Returns false if not.
    pub(super) fn take_over(&mut self, now: Instant, out: &mut Effects) -> bool {
        self.forget_successor(now);
        let Some(successor) = self.successor.take() else { return false };
        self.forget_payload_types();
        let mut old = std::mem::replace(&mut self.rtc, successor.rtc);
        self.expect_streams_of(&mut old);
        self.channels.renew(successor.channels);
        self.tell(false, out);
        true
    }

    /// Gives up a new transport that has not come in time.
    pub(super) fn forget_successor(&mut self, now: Instant) {
        self.successor.take_if(|successor| now >= successor.until);
    }

    /// Announces the SSRCs of the agent's streams. Packets name their section and layer only until
    /// the agent has been told that they arrive.
    fn expect_streams_of(&mut self, old: &mut Rtc) {
        for (mid, track) in &self.tracks {
            if self.rtc.media(*mid).is_none() {
                continue;
            }
            for rid in track.rids.iter().copied().map(Some).chain([None]) {
                if let Some(stream) = old.direct_api().stream_rx_by_mid(*mid, rid) {
                    let (ssrc, repetitions) = (stream.ssrc(), stream.rtx());
                    self.rtc.direct_api().expect_stream_rx(ssrc, repetitions, *mid, rid);
                }
            }
        }
    }
}
