//! Listeners of logs and counters that look at the session: nothing is logged or counted under its
//! locks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cloudflare_calls::data_channels::LocalDataChannel;
use cloudflare_calls::session::{Negotiation, Registry};
use cloudflare_calls::tracks::{OfferedTrack, RemoteTrack};
use cloudflare_calls::{Session, prelude::*};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use super::sfu::{Fault, Matcher, Operation, Sfu, fail_items, not_ready, omit_item};
use super::{answer, data_offer, join, mids, offer, publish};

/// Session and registry that are looked at.
#[derive(Clone, Default)]
struct Observer(Arc<Mutex<Option<(Session, Registry)>>>);

impl Observer {
    fn state(&self) -> MutexGuard<'_, Option<(Session, Registry)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self) {
        let Some((session, registry)) = self.state().clone() else { return };
        let seen = (session.status(), session.mids(), session.uncertain(), session.is_empty());
        let _ = (seen, session.idle(), registry.len(), registry.ids());
    }
}

impl<S: tracing::Subscriber> Layer<S> for Observer {
    fn on_event(&self, _: &tracing::Event<'_>, _: Context<'_, S>) {
        self.look();
    }

    fn on_new_span(
        &self,
        _: &tracing::span::Attributes<'_>,
        _: &tracing::span::Id,
        _: Context<'_, S>,
    ) {
        self.look();
    }
}

impl Recorder for Observer {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        self.look();
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        self.look();
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        self.look();
        Histogram::noop()
    }
}

/// Takes the steps that log and count.
async fn everything(observer: Observer) {
    let sfu = Sfu::start().await;
    let publisher = join(&sfu).await;
    publish(&publisher, &["a", "b"]).await;
    for ending in ["dropped", "late", "abandoned", "lost", "gone", "left"] {
        let client = sfu.client();
        let join = client.join().retry(super::quick());
        let session = join.answer_deadline(Duration::from_millis(30)).send().await.unwrap();
        let registry = Registry::new(1);
        registry.insert(session.clone()).await.unwrap();
        *observer.state() = Some((session.clone(), registry));
        let _ = session.establish_data_channels_with(data_offer("8")).await.unwrap();
        sfu.fault(Operation::NewDataChannels, fail_items("internal_error", [0]));
        let _ = session.publish_data_channels([LocalDataChannel::new("chat")]).await.unwrap();
        publish(&session, &["own"]).await;
        let of_session = |operation| Matcher::from(operation).session(session.id());
        sfu.fault(of_session(Operation::NewTracks), not_ready());
        sfu.fault(of_session(Operation::NewTracks), omit_item(1));
        let tracks = ["a", "b"].map(|name| RemoteTrack::new(publisher.id().clone(), name));
        if let Negotiation::Offer(pending) = session.subscribe(tracks).await.unwrap() {
            let _ = pending.answer(answer()).await.unwrap();
        }
        let fault = fail_items("internal_error", [0]);
        sfu.fault(of_session(Operation::CloseTracks), fault);
        let _ = session.close(mids(&["0"])).await.unwrap();
        let _ = session.state().await.unwrap();
        let offered = || [OfferedTrack::audio("x").bidirectional()];
        match ending {
            "dropped" => drop(session.publish_without_offer(offered()).await.unwrap()),
            "late" => {
                let pending = session.publish_without_offer(offered()).await.unwrap();
                session.close(mids(&["0"])).await.unwrap_err();
                drop(pending);
            }
            "abandoned" => {
                let pending = session.publish_without_offer(offered()).await.unwrap();
                let _ = session.leave().await.unwrap();
                drop(pending);
            }
            "lost" => {
                sfu.fault(of_session(Operation::NewTracks), Fault::DropReply);
                session.publish_all(offer(&["9"])).await.unwrap_err();
            }
            "gone" => {
                let gone = Fault::refuse(410, "session_error");
                sfu.fault(of_session(Operation::GetSession), gone);
                session.state().await.unwrap_err();
            }
            _ => {}
        }
        let _ = session.leave().await.unwrap();
    }
}

#[test]
fn a_listener_may_look_at_the_session() {
    let (ended, end) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let observer = Observer::default();
        let subscriber = tracing_subscriber::registry().with(observer.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tracing::subscriber::with_default(subscriber, || {
            metrics::with_local_recorder(&observer, || {
                runtime.block_on(everything(observer.clone()));
            });
        });
        let _ = ended.send(());
    });
    // A deadlock reports nothing by itself.
    end.recv_timeout(Duration::from_secs(60)).expect("it hangs, or fails above");
}
