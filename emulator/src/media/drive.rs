//! Driver of a connection, for the SFU and for agents.

use std::time::{Duration, Instant};

use str0m::media::KeyframeRequest;
use str0m::net::Transmit;
use str0m::rtp::RtpPacket;
use str0m::{Event, IceConnectionState, Input, Output, Rtc};

use super::Message;
use super::channels::Channels;

/// The most times that a connection may ask for time at once before it has to wait. It asks two or
/// three times. A fault that asks more often must not stop the others.
const MOST_ROUNDS: usize = 16;

/// The wait after that.
const PAUSE: Duration = Duration::from_millis(5);

/// Owner of a connection, which takes the connection's output.
pub(crate) trait ConnectionOwner {
    /// Returns the connection and its data channels.
    fn connection(&mut self) -> (&mut Rtc, &mut Channels);

    /// Takes a datagram to be sent.
    fn transmit(&mut self, transmit: Transmit);

    /// Takes the state of the connection, which may be the same as before.
    fn connected(&mut self, is_connected: bool);

    /// Takes a packet that has come.
    fn packet(&mut self, packet: RtpPacket);

    /// Takes the other side's request for a keyframe.
    fn keyframe_requested(&mut self, request: KeyframeRequest);

    /// Takes a message that has come on a data channel.
    fn message(&mut self, id: u16, message: Message);
}

/// Lets str0m do all that is due. Every change of a connection is followed by this before the next
/// one. Returns the time at which more is due, or None if the connection has ended.
pub(crate) fn drive(owner: &mut impl ConnectionOwner, now: Instant) -> Option<Instant> {
    for _ in 0..MOST_ROUNDS {
        let deadline = drain(owner)?;
        let (rtc, channels) = owner.connection();
        if channels.step(rtc) {
            continue;
        }
        if deadline > now {
            return Some(deadline);
        }
        // An error here is one of the transport. str0m then says `Closed` or is dead, and `drain`
        // sees both.
        let _ = rtc.handle_input(Input::Timeout(now));
    }
    // The last change is drained as well.
    drain(owner)?;
    Some(now + PAUSE)
}

fn drain(owner: &mut impl ConnectionOwner) -> Option<Instant> {
    loop {
        let (rtc, channels) = owner.connection();
        let event = match rtc.poll_output() {
            Ok(Output::Timeout(deadline)) if rtc.is_alive() => return Some(deadline),
            Ok(Output::Timeout(_)) => break,
            Ok(Output::Transmit(transmit)) => {
                owner.transmit(transmit);
                continue;
            }
            Ok(Output::Event(event)) => event,
            Err(_) => {
                rtc.disconnect();
                break;
            }
        };
        match event {
            Event::Connected => owner.connected(true),
            Event::Closed | Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                owner.connected(false);
            }
            Event::IceConnectionStateChange(_) if rtc.is_connected() => owner.connected(true),
            Event::RtpPacket(packet) => owner.packet(packet),
            Event::KeyframeRequest(request) => owner.keyframe_requested(request),
            Event::ChannelData(data) => {
                if let Some(id) = channels.id(data.id) {
                    let message = Message { is_binary: data.binary, data: data.data };
                    owner.message(id, message);
                }
            }
            Event::ChannelClose(handle) => channels.closed(handle),
            _ => {}
        }
    }
    owner.connected(false);
    None
}
