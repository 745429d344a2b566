//! The connections of WebSocket adapters, each in a task of its own.

mod pcm;
mod picture;
mod socket;
mod streams;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinError, JoinSet};

use self::streams::{Egress, Stream};
use crate::media::side::Side;
use crate::media::{Heard, Place};
use crate::rules::{AdapterCommand, AdapterFailure, AdapterStream, Endpoint, Machine, OutputCodec};

/// The most packets that wait for an endpoint: a second of sound, or a picture. Further ones are
/// dropped, as they would be too late.
const WAITING: usize = 1024;

/// The most reports that wait for the engine. Further senders wait.
const REPORTS: usize = 256;

/// The running adapters. Their connections end when this is dropped.
pub(crate) struct Adapters {
    running: HashMap<String, Running>,
    tasks: JoinSet<()>,
    sender: mpsc::Sender<Report>,
    reports: mpsc::Receiver<Report>,
}

/// An event of an adapter.
pub(crate) enum Happened {
    /// A report of the adapter itself.
    Reported(Report),
    /// The end of the adapter's task.
    Ended(Id),
}

/// A report of an adapter.
pub(crate) struct Report {
    adapter: String,
    what: What,
}

enum What {
    Opened(Result<(), AdapterFailure>),
    /// The bytes that went through so far.
    Bytes(u64),
    Sound(Heard),
    /// A picture can be made of the next keyframe.
    KeyframeWanted,
    /// The endpoint has hung up, or the connection is to be closed.
    Ended,
}

struct Running {
    task: Id,
    /// The task says goodbye once this is dropped.
    _stop: oneshot::Sender<()>,
    way: Way,
}

enum Way {
    Ingest { to: Place },
    Egress { from: Place, heard: mpsc::Sender<Heard> },
}

/// The sender of a task's reports.
struct Reporter {
    adapter: String,
    sender: mpsc::Sender<Report>,
}

impl Adapters {
    pub(crate) fn new() -> Self {
        let (sender, reports) = mpsc::channel(REPORTS);
        Self { running: HashMap::new(), tasks: JoinSet::new(), sender, reports }
    }

    /// Waits until something happens.
    pub(crate) async fn next(&mut self) -> Happened {
        tokio::select! {
            biased;
            Some(report) = self.reports.recv() => Happened::Reported(report),
            Some(ended) = self.tasks.join_next_with_id() => Happened::Ended(id(ended)),
            // A sender always exists, so this is for the compiler only.
            else => std::future::pending().await,
        }
    }

    /// Tells the rules and the media about an event.
    pub(crate) fn happened(
        &mut self,
        happened: Happened,
        rules: &mut Machine,
        media: &mut dyn Side,
    ) {
        match happened {
            Happened::Reported(report) => self.reported(report, rules, media),
            Happened::Ended(task) => {
                // Its earlier reports come first.
                while let Ok(report) = self.reports.try_recv() {
                    self.reported(report, rules, media);
                }
                let ended = self.running.iter().find(|(_, running)| running.task == task);
                if let Some(adapter) = ended.map(|(adapter, _)| adapter.clone()) {
                    self.ended(&adapter, rules, media);
                }
            }
        }
    }

    /// Carries out the orders of the rules, and passes sound on.
    pub(crate) fn settle(&mut self, rules: &mut Machine, media: &mut dyn Side) {
        while let Some(command) = rules.poll_adapter() {
            match command {
                AdapterCommand::Open { id, endpoint, stream } => {
                    self.open(id, endpoint, stream, rules, media);
                }
                AdapterCommand::Close { id } => self.forget(&id, media),
            }
        }
        while let Some((place, sound)) = media.poll_sound() {
            for running in self.running.values() {
                if let Way::Egress { from, heard } = &running.way
                    && *from == place
                {
                    // An endpoint that is too slow misses some.
                    let _ = heard.try_send(sound.clone());
                }
            }
        }
    }

    fn open(
        &mut self,
        adapter: String,
        endpoint: Endpoint,
        stream: AdapterStream,
        rules: &mut Machine,
        media: &mut dyn Side,
    ) {
        let (stop, stopping) = oneshot::channel();
        let reporter = Reporter { adapter: adapter.clone(), sender: self.sender.clone() };
        let (stream, reconnect, way) = match stream {
            AdapterStream::Ingest { to } => (Stream::Ingest, Duration::ZERO, Way::Ingest { to }),
            AdapterStream::Egress { from, codec: OutputCodec::Jpeg, .. }
                if media.last_codec(&from).is_some_and(|codec| codec != "vp8") =>
            {
                // No decoder of another codec exists here. The README has the reason.
                let result = Err(AdapterFailure::NotEmulated);
                rules.adapter_opened(&adapter, result, media);
                return;
            }
            AdapterStream::Egress { from, codec, reconnect } => {
                let (heard, receiver) = mpsc::channel(WAITING);
                let egress = Egress::new(codec, receiver);
                (Stream::Egress(egress), reconnect, Way::Egress { from, heard })
            }
        };
        let task = socket::run(endpoint, stream, reconnect, reporter, stopping);
        let task = self.tasks.spawn(task).id();
        self.running.insert(adapter, Running { task, _stop: stop, way });
    }

    fn reported(&mut self, report: Report, rules: &mut Machine, media: &mut dyn Side) {
        let Report { adapter, what } = report;
        // The adapter may have been closed meanwhile.
        let Some(running) = self.running.get(&adapter) else { return };
        match (what, &running.way) {
            (What::Opened(result), way) => {
                if let (Ok(()), Way::Egress { from, .. }) = (result, way) {
                    media.listen(from);
                }
                rules.adapter_opened(&adapter, result, media);
                if result.is_err() {
                    self.forget(&adapter, media);
                }
            }
            (What::Bytes(total), _) => rules.adapter_bytes(&adapter, total),
            (What::Sound(sound), Way::Ingest { to }) => {
                media.say(Instant::now(), to, sound);
            }
            (What::KeyframeWanted, Way::Egress { from, .. }) => media.want_keyframe(from),
            (What::Sound(_), Way::Egress { .. }) | (What::KeyframeWanted, Way::Ingest { .. }) => {}
            (What::Ended, _) => self.ended(&adapter, rules, media),
        }
    }

    fn ended(&mut self, adapter: &str, rules: &mut Machine, media: &mut dyn Side) {
        self.forget(adapter, media);
        rules.adapter_closed(adapter, media);
    }

    /// Lets an adapter's task end.
    fn forget(&mut self, adapter: &str, media: &mut dyn Side) {
        let Some(Running { way: Way::Egress { from, .. }, .. }) = self.running.remove(adapter)
        else {
            return;
        };
        let is_same =
            |other: &Running| matches!(&other.way, Way::Egress { from: f, .. } if *f == from);
        if !self.running.values().any(is_same) {
            media.unlisten(&from);
        }
    }
}

impl Reporter {
    /// Waits until there is room. Without a listener the engine has ended, and the task ends too.
    async fn report(&self, what: What) {
        let _ = self.sender.send(Report { adapter: self.adapter.clone(), what }).await;
    }
}

/// Returns the id of a task that has ended, by itself or by a panic of a codec.
fn id(ended: Result<(Id, ()), JoinError>) -> Id {
    match ended {
        Ok((id, ())) => id,
        Err(error) => error.id(),
    }
}
