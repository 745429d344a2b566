//! Members whose membership lasts as long as their sessions.

use std::sync::Arc;
use std::time::Duration;

use cloudflare_calls::prelude::*;
use cloudflare_calls::types::SessionId;

use crate::name::MemberId;
use crate::refusal::Refused;
use crate::room::Room;
use crate::room::types::Reason;
use crate::server::Shared;

/// Time between two checks of a session.
const LOOK: Duration = Duration::from_secs(5);

/// Removes a member once its session has ended.
pub(crate) fn attend(shared: Arc<Shared>, room: Arc<Room>, member: MemberId) {
    let shared = Arc::downgrade(&shared);
    tokio::spawn(async move {
        let Ok(_seat) = room.sit(&member).await else { return };
        loop {
            tokio::time::sleep(LOOK).await;
            let Some(shared) = shared.upgrade() else { return };
            let record = Arc::clone(&room.states().borrow());
            let Some(entry) = record.entry(&member) else { return };
            let mut is_there = false;
            for held in &entry.sessions {
                is_there |= is_alive(&shared, &held.id).await;
            }
            if !is_there {
                if let Err(error) = remove(&shared, &room, &member, Reason::Left).await {
                    tracing::debug!(%error, "a member without a session was not removed");
                }
                return;
            }
        }
    });
}

/// Returns whether a session is alive. True if that cannot be known.
async fn is_alive(shared: &Shared, session: &SessionId) -> bool {
    match shared.sessions.get(session).await {
        Ok(Some(session)) => match session.state().await {
            Ok(_) => true,
            Err(error) => !error.is_session_gone(),
        },
        Ok(None) => false,
        Err(_) => true,
    }
}

/// Removes a member, whose sessions are left.
pub(super) async fn remove(
    shared: &Arc<Shared>,
    room: &Room,
    member: &MemberId,
    reason: Reason,
) -> Result<(), Refused> {
    let gone = room.change(|record| Ok(record.leave(member, reason))).await?;
    shared.members_left(&room.name, gone.into_iter().collect(), reason);
    Ok(())
}
