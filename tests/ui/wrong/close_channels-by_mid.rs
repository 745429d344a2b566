//! A number is no channel id, and neither is a mid.

use cloudflare_calls::data_channels::{ChannelId, ClosedChannels};
use cloudflare_calls::{Error, Mid, Session, prelude::*};

async fn _close(session: Session, id: ChannelId, mid: Mid) -> Result<ClosedChannels, Error> {
    let _ = (&id, &mid);
    session.close_data_channels([mid]).await
}

fn main() {}
