//! Calls that are held, and their release.

use std::time::Duration;

use tokio::sync::watch;

/// The most calls that are held at a time. Further ones continue at once.
const MAX_HELD: usize = 1_000;

/// Holds calls until they are released.
#[derive(Debug)]
pub(crate) struct Holds {
    held: watch::Sender<usize>,
    state: watch::Sender<State>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    releases: u64,
    /// True once the emulator stops: nothing is held any more.
    has_ended: bool,
}

/// Counts a call for as long as it is held.
struct Held<'h>(&'h watch::Sender<usize>);

impl Default for Holds {
    fn default() -> Self {
        Self { held: watch::Sender::new(0), state: watch::Sender::new(State::default()) }
    }
}

impl Holds {
    /// Returns once the call is released.
    pub(crate) async fn hold(&self) {
        let mut state = self.state.subscribe();
        let before = *state.borrow_and_update();
        let is_room = self.held.send_if_modified(|held| {
            let is_room = *held < MAX_HELD && !before.has_ended;
            *held += usize::from(is_room);
            is_room
        });
        if !is_room {
            return;
        }
        let _held = Held(&self.held);
        // This fails only without a sender, and `self` owns the sender.
        let _ = state.wait_for(|now| now.has_ended || now.releases > before.releases).await;
    }

    /// Returns after a time, or when the emulator stops.
    pub(crate) async fn pause(&self, time: Duration) {
        if time.is_zero() {
            return;
        }
        let mut state = self.state.subscribe();
        let ended = async { drop(state.wait_for(|state| state.has_ended).await) };
        let _ = tokio::time::timeout(time, ended).await;
    }

    /// Releases all calls that are held now. Returns their number.
    pub(crate) fn release(&self) -> usize {
        let held = *self.held.borrow();
        self.state.send_modify(|state| state.releases += 1);
        held
    }

    /// Releases all calls, and holds no more.
    pub(crate) fn end(&self) {
        self.state.send_modify(|state| state.has_ended = true);
    }

    /// Returns once this many calls are held.
    pub(crate) async fn wait_for(&self, calls: usize) {
        let _ = self.held.subscribe().wait_for(|held| *held >= calls).await;
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|held| *held -= 1);
    }
}
