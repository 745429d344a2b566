//! Origin of a synthetic packet, written in its payload.

/// Beginning of the marker. Neither silence nor a frame contains it.
const MAGIC: &[u8] = b"\x7fmrk";

/// Origin of a synthetic packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// Number of the agent that sent it.
    pub agent: u64,
    /// Mid of the section on the publisher's side.
    pub mid: String,
    /// RID of its layer.
    pub layer: Option<String>,
    /// Number of the packet in its stream.
    pub frame: u32,
}

impl Marker {
    pub(super) fn write(&self, payload: &mut Vec<u8>) {
        payload.extend_from_slice(MAGIC);
        payload.extend_from_slice(&self.agent.to_be_bytes());
        payload.extend_from_slice(&self.frame.to_be_bytes());
        for name in [self.mid.as_str(), self.layer.as_deref().unwrap_or_default()] {
            // Names have 16 characters at most.
            payload.push(name.len() as u8);
            payload.extend_from_slice(name.as_bytes());
        }
    }

    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let at = payload.windows(MAGIC.len()).position(|window| window == MAGIC)?;
        let (agent, rest) = payload.get(at + MAGIC.len()..)?.split_first_chunk()?;
        let (frame, rest) = rest.split_first_chunk()?;
        let (mid, rest) = name(rest)?;
        let (layer, _) = name(rest)?;
        Some(Self {
            agent: u64::from_be_bytes(*agent),
            mid,
            layer: (!layer.is_empty()).then_some(layer),
            frame: u32::from_be_bytes(*frame),
        })
    }
}

fn name(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    Some((String::from_utf8(name.to_vec()).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_found_behind_a_header_and_not_in_a_part_of_itself() {
        let marker =
            Marker { agent: 7, mid: "0".to_owned(), layer: Some("h".to_owned()), frame: 9 };
        let mut payload = vec![0xf8, 0x7f];
        marker.write(&mut payload);
        assert_eq!(Marker::read(&payload), Some(marker));
        assert_eq!(Marker::read(&payload[..payload.len() - 1]), None);
        assert_eq!(Marker::read(&[]), None);
    }
}
