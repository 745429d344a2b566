//! Change that a request asks for.

use super::body::{Body, Part, decode};
use super::change::Change;
use super::reply::{Code, Reply, bad_description, invalid, refusal};
use super::request::Operation;
use super::{channels, tracks};
use crate::rules::config::Config;

impl Change {
    /// Reads and checks a request.
    pub(crate) fn read(operation: Operation, body: &[u8], config: &Config) -> Result<Self, Reply> {
        let is_limited = matches!(operation, Operation::NewTracks | Operation::Renegotiate);
        if is_limited && body.len() > config.max_body {
            return Err(refusal(413, Code::PayloadTooLarge, "the body is too large"));
        }
        let body: Body = decode(body)?;
        Ok(match operation {
            Operation::NewTracks => tracks::read(body, config)?,
            Operation::Renegotiate => {
                let missing = || bad_description("Missing sessionDescription");
                Self::Answer(body.session_description.ok_or_else(missing)?.text(Part::Answer)?)
            }
            Operation::CloseTracks => tracks::read_close(body, config)?,
            Operation::UpdateTracks => tracks::read_updates(body, config)?,
            Operation::EstablishDataChannels => channels::read_establish(body)?,
            Operation::NewDataChannels => channels::read_new(body)?,
            Operation::UpdateDataChannels => channels::read_updates(body)?,
            Operation::CloseDataChannels => channels::read_closes(body)?,
            _ => return Err(invalid("no change of a session")),
        })
    }
}
