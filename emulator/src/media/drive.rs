//! Driving a connection: the SFU's as well as an agent's.

use std::time::{Duration, Instant};

use str0m::media::KeyframeRequest;
use str0m::net::Transmit;
use str0m::rtp::RtpPacket;
use str0m::{Event, IceConnectionState, Input, Output, Rtc};

use super::Message;
use super::channels::Channels;

/// How often a connection may ask for time at once before it has to wait. It
/// asks two or three times; more would be a fault that must not stop the others.
const MOST_ROUNDS: usize = 16;

/// How long it then waits.
const PAUSE: Duration = Duration::from_millis(5);

/// An owner of a connection, which takes the connection's output.
pub(crate) trait Driven {
    /// The connection and its data channels.
    fn connection(&mut self) -> (&mut Rtc, &mut Channels);

    /// A datagram is to be sent.
    fn transmit(&mut self, transmit: Transmit);

    /// The connection is there, or is not. This may be known already.
    fn connected(&mut self, is_connected: bool);

    /// A packet has come.
    fn packet(&mut self, packet: RtpPacket);

    /// The other side cannot go on without a keyframe.
    fn keyframe_requested(&mut self, request: KeyframeRequest);

    /// A message has come on a data channel.
    fn message(&mut self, id: u16, message: Message);
}

/// Lets str0m do all that it wants to do by now. Every change of a connection is
/// followed by this before the next one. Returns when the next time is due; none
/// if the connection has ended.
pub(crate) fn drive(driven: &mut impl Driven, now: Instant) -> Option<Instant> {
    for _ in 0..MOST_ROUNDS {
        let deadline = drain(driven)?;
        let (rtc, channels) = driven.connection();
        if channels.step(rtc) {
            continue;
        }
        if deadline > now {
            return Some(deadline);
        }
        // An error here is one of the transport, and str0m then says `Closed`
        // or is dead, both of which `drain` sees.
        let _ = rtc.handle_input(Input::Timeout(now));
    }
    // The last change is drained as well.
    drain(driven)?;
    Some(now + PAUSE)
}

fn drain(driven: &mut impl Driven) -> Option<Instant> {
    loop {
        let (rtc, channels) = driven.connection();
        let event = match rtc.poll_output() {
            Ok(Output::Timeout(deadline)) if rtc.is_alive() => return Some(deadline),
            Ok(Output::Timeout(_)) => break,
            Ok(Output::Transmit(transmit)) => {
                driven.transmit(transmit);
                continue;
            }
            Ok(Output::Event(event)) => event,
            Err(_) => {
                rtc.disconnect();
                break;
            }
        };
        match event {
            Event::Connected => driven.connected(true),
            Event::Closed | Event::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                driven.connected(false);
            }
            Event::IceConnectionStateChange(_) if rtc.is_connected() => driven.connected(true),
            Event::RtpPacket(packet) => driven.packet(packet),
            Event::KeyframeRequest(request) => driven.keyframe_requested(request),
            Event::ChannelData(data) => {
                if let Some(id) = channels.id(data.id) {
                    let message = Message { is_binary: data.binary, data: data.data };
                    driven.message(id, message);
                }
            }
            Event::ChannelClose(handle) => channels.closed(handle),
            _ => {}
        }
    }
    driven.connected(false);
    None
}
