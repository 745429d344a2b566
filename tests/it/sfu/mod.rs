//! A fake SFU: the API's rules over plain HTTP, with faults to order and a
//! record of what came. It is no WebRTC; session descriptions are made up.

mod faults;
mod http;
mod sdp;
mod state;
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cloudflare_calls::Client;
use cloudflare_calls::types::SessionId;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) use faults::{Call, Fault, Matcher};
pub(crate) use http::Recorded;
pub(crate) use sdp::{ICE_PWD, ICE_UFRAG, answer_sdp, offer_sdp};
pub(crate) use state::{Channel, Location, Operation, Track};

/// A running fake. It ends when it is dropped.
///
/// Sessions, apps and secrets other than those of the tests are refused, and
/// so is what breaks the API's rules. What only a wrong client does is kept in
/// [`Sfu::violations`] besides.
pub(crate) struct Sfu {
    shared: Arc<http::Shared>,
    base_url: String,
    accepting: JoinHandle<()>,
    releases: watch::Sender<()>,
}

impl Drop for Sfu {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Sfu {
    pub(crate) async fn start() -> Self {
        Self::seeded(0).await
    }

    /// The seed decides how long each call pauses before it acts.
    pub(crate) async fn seeded(seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base_url = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let (releases, receiver) = watch::channel(());
        let shared = Arc::new(http::Shared::new(seed, receiver));
        let accepting = tokio::spawn(http::accept(listener, shared.clone()));
        Self { shared, base_url, accepting, releases }
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// A client of this fake with the right app and secret.
    pub(crate) fn client(&self) -> Client {
        crate::client(&self.base_url)
    }
}

/// Faults and pauses.
impl Sfu {
    /// Orders a fault for the next call that fits, after those ordered before.
    pub(crate) fn fault(&self, matcher: impl Into<Matcher>, fault: Fault) {
        self.shared.lock().faults.push(matcher.into(), fault);
    }

    /// Asks `rule` about each call that no ordered fault was for. It replaces
    /// an earlier rule.
    pub(crate) fn faults(&self, rule: impl Fn(&Call) -> Option<Fault> + Send + Sync + 'static) {
        self.shared.lock().faults.set_rule(Arc::new(rule));
    }

    /// Lets all calls go on that are held now.
    pub(crate) fn release(&self) {
        let _ = self.releases.send(());
    }

    /// Returns once so many calls are held.
    pub(crate) async fn held(&self, calls: usize) {
        let mut held = self.shared.held.subscribe();
        held.wait_for(|held| *held >= calls).await.expect("the sender is here");
    }

    /// Returns once no call is being carried out, not even for a client that
    /// has hung up.
    pub(crate) async fn idle(&self) {
        let mut active = self.shared.active.subscribe();
        active.wait_for(|active| *active == 0).await.expect("the sender is here");
    }

    /// One call in so many sleeps up to 3 ms before it acts, 0 for none. All
    /// yield to the scheduler. One in 8 if not set.
    pub(crate) fn set_sleeps(&self, one_in: u32) {
        self.shared.lock().sleeps_one_in = one_in;
    }
}

/// Changes from outside of the API.
impl Sfu {
    pub(crate) fn new_session(&self) -> SessionId {
        let id = self.shared.lock().state.new_session();
        SessionId::new(id).expect("a safe id")
    }

    /// An open local track on the session; returns its mid.
    pub(crate) fn publish(&self, session: impl AsRef<str>, name: &str) -> String {
        self.shared.lock().state.publish(session.as_ref(), name)
    }
}

/// What came and what is there.
impl Sfu {
    /// What only a client that breaks the rules does: changes of one session
    /// that overlap, changes while an exchange is open, answers to no offer.
    /// Closing while one is open is none: whoever leaves may try.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.shared.lock().state.violations.clone()
    }

    /// Overlaps with a call whose client had hung up and could not know that
    /// it is still under way. They are refused, but are no violations.
    pub(crate) fn abandoned_overlaps(&self) -> Vec<String> {
        self.shared.lock().abandoned_overlaps.clone()
    }

    /// All calls, in the order of arrival.
    pub(crate) fn calls(&self) -> Vec<Recorded> {
        self.shared.lock().calls.clone()
    }

    pub(crate) fn count(&self, operation: Operation) -> usize {
        self.shared.lock().calls.iter().filter(|call| call.operation == operation).count()
    }

    /// The mids of the session's open tracks, local and remote.
    pub(crate) fn open_tracks(&self, session: impl AsRef<str>) -> BTreeSet<String> {
        self.session(session, |session| session.open_mids())
    }

    /// The open tracks of every session that has any.
    pub(crate) fn all_open_tracks(&self) -> BTreeMap<String, BTreeSet<String>> {
        let inner = self.shared.lock();
        let sessions = inner.state.sessions.iter();
        let open = sessions.map(|(id, session)| (id.clone(), session.open_mids()));
        open.filter(|(_, mids)| !mids.is_empty()).collect()
    }

    /// The session's tracks, closed ones too.
    pub(crate) fn tracks(&self, session: impl AsRef<str>) -> Vec<Track> {
        self.session(session, |session| session.tracks.clone())
    }

    /// The ids of the session's open data channels, without `server-events`.
    pub(crate) fn open_channels(&self, session: impl AsRef<str>) -> BTreeSet<u16> {
        self.session(session, |session| session.open_channels())
    }

    pub(crate) fn channel(&self, session: impl AsRef<str>, id: u16) -> Option<Channel> {
        self.session(session, |session| session.channels.get(&id).cloned())
    }

    pub(crate) fn open_adapters(&self) -> BTreeSet<String> {
        self.shared.lock().state.open_adapters().cloned().collect()
    }

    fn session<T>(
        &self,
        session: impl AsRef<str>,
        then: impl FnOnce(&mut state::Session) -> T,
    ) -> T {
        let mut inner = self.shared.lock();
        then(inner.state.sessions.get_mut(session.as_ref()).expect("a session of this fake"))
    }
}
