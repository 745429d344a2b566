//! Data channels of one connection.

use std::collections::{BTreeMap, VecDeque};

use str0m::Rtc;
use str0m::channel::{ChannelConfig, ChannelId, Reliability};

use super::{Delivery, Message};

/// The most bytes that wait on one channel for it to open or to drain: room for a burst, without
/// cost for a peer that never reads.
const LONGEST_QUEUE: usize = 1 << 20;

/// Id of a channel that exists only because str0m offers no section for data channels without one.
/// No packet carries it, and no other channel has it.
const PLACEHOLDER: u16 = 65534;

/// Channels of one connection, by the id that both sides know.
#[derive(Default)]
pub(crate) struct Channels {
    /// True once a section for data channels has been negotiated.
    has_transport: bool,
    channels: BTreeMap<u16, Channel>,
    dropped: u64,
}

struct Channel {
    /// Handle of the channel in str0m, once there is a transport.
    handle: Option<ChannelId>,
    config: ChannelConfig,
    queue: VecDeque<Message>,
    queued: usize,
    is_closing: bool,
    /// The channel that takes over the id once this one is closed.
    next: Option<ChannelConfig>,
}

impl Channels {
    /// Opens a channel at the next step, or once there is a transport.
    pub(crate) fn open(&mut self, id: u16, name: &str, delivery: Delivery) {
        if id >= PLACEHOLDER {
            return;
        }
        let config = config(id, name, delivery);
        match self.channels.get_mut(&id) {
            Some(channel) if channel.is_closing => channel.next = Some(config),
            Some(_) => {}
            None => {
                self.channels.insert(id, Channel::new(config));
            }
        }
    }

    /// Closes a channel. Its unsent messages are lost.
    pub(crate) fn close(&mut self, rtc: &mut Rtc, id: u16) {
        let Some(channel) = self.channels.get_mut(&id) else {
            return;
        };
        channel.next = None;
        if channel.is_closing {
            return;
        }
        match channel.handle {
            Some(handle) => {
                channel.is_closing = true;
                self.dropped += channel.queue.len() as u64;
                channel.queue.clear();
                rtc.direct_api().close_data_channel(handle);
            }
            None => {
                self.channels.remove(&id);
            }
        }
    }

    /// Queues a message, which is sent at a later step.
    pub(crate) fn send(&mut self, id: u16, message: Message) {
        match self.channels.get_mut(&id) {
            Some(channel)
                if !channel.is_closing && channel.queued + message.data.len() <= LONGEST_QUEUE =>
            {
                channel.queued += message.data.len();
                channel.queue.push_back(message);
            }
            _ => self.dropped += 1,
        }
    }

    /// Opens one channel or sends one message. Returns false if none can go. The connection has to
    /// be drained before the next step.
    pub(crate) fn step(&mut self, rtc: &mut Rtc) -> bool {
        if self.has_transport {
            let mut channels = self.channels.values_mut();
            if let Some(channel) = channels.find(|channel| channel.handle.is_none()) {
                channel.handle = Some(create(rtc, &channel.config));
                return true;
            }
        }
        for channel in self.channels.values_mut() {
            let (Some(handle), Some(message)) = (channel.handle, channel.queue.front()) else {
                continue;
            };
            let Some(mut writer) = rtc.channel(handle) else {
                continue;
            };
            match writer.write(message.is_binary, &message.data) {
                // Its buffer is full: the next try follows an acknowledgement.
                Ok(false) => continue,
                Ok(true) => {}
                Err(_) => self.dropped += 1,
            }
            channel.queued -= message.data.len();
            channel.queue.pop_front();
            return true;
        }
        false
    }

    /// Notes that a section for data channels has been negotiated.
    pub(crate) fn transport(&mut self) {
        self.has_transport = true;
    }

    /// Returns the open channels, as they are on a new transport.
    pub(crate) fn open_ones(&self) -> Vec<ChannelConfig> {
        let open = self.channels.values().filter(|channel| !channel.is_closing);
        open.map(|channel| channel.config.clone()).collect()
    }

    /// Moves to a new transport. All open channels are opened again, and so are these, which were
    /// open before the old transport was lost.
    pub(crate) fn renew(&mut self, before: Vec<ChannelConfig>) {
        self.channels.retain(|_, channel| {
            if let Some(config) = channel.next.take() {
                *channel = Channel::new(config);
            }
            channel.handle = None;
            !channel.is_closing
        });
        for config in before {
            if let Some(id) = config.negotiated {
                self.channels.entry(id).or_insert_with(|| Channel::new(config));
            }
        }
    }

    /// Returns the id of a channel of str0m.
    pub(crate) fn id(&self, handle: ChannelId) -> Option<u16> {
        let mut channels = self.channels.iter();
        channels.find(|(_, channel)| channel.handle == Some(handle)).map(|(id, _)| *id)
    }

    /// Notes that a channel was closed, by either side.
    pub(crate) fn closed(&mut self, handle: ChannelId) {
        let Some(id) = self.id(handle) else {
            return;
        };
        if let Some(config) = self.channels.remove(&id).and_then(|channel| channel.next) {
            self.channels.insert(id, Channel::new(config));
        }
    }

    /// Returns the number of messages that could not be sent.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl Channel {
    fn new(config: ChannelConfig) -> Self {
        let (queue, queued) = (VecDeque::new(), 0);
        Self { handle: None, config, queue, queued, is_closing: false, next: None }
    }
}

/// Returns the channel that an offer with a new section for data channels names.
pub(crate) fn placeholder() -> ChannelConfig {
    ChannelConfig { negotiated: Some(PLACEHOLDER), ..ChannelConfig::default() }
}

/// Creates a channel, or takes the peer's if it has opened one with the same id by itself.
fn create(rtc: &mut Rtc, config: &ChannelConfig) -> ChannelId {
    let mut api = rtc.direct_api();
    match config.negotiated.and_then(|id| api.channel_id_by_sctp_stream_id(id)) {
        Some(handle) => handle,
        None => api.create_data_channel(config.clone()),
    }
}

fn config(id: u16, name: &str, delivery: Delivery) -> ChannelConfig {
    let reliability = match (delivery.max_retransmits, delivery.max_packet_life_time) {
        (Some(retransmits), _) => Reliability::MaxRetransmits { retransmits },
        (None, Some(lifetime)) => Reliability::MaxPacketLifetime { lifetime },
        (None, None) => Reliability::Reliable,
    };
    ChannelConfig {
        label: name.to_owned(),
        ordered: delivery.is_ordered,
        reliability,
        negotiated: Some(id),
        protocol: String::new(),
    }
}
