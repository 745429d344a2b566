//! Requests to the Calls API as they happen, for development: the arrows of the
//! sequence diagram from the backend to the API.
//!
//! [`Diagram`] is a layer of `tracing-subscriber`. It reads the spans that the client
//! makes for each request; there is no secret and no session description in them.

use std::convert::Infallible;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// The most arrows that a listener may be behind. A slower one misses some.
const BEHIND: usize = 256;

/// Name of the span of a request, and names of the spans with its label: that of a session, and
/// that in which a session is made.
const OPERATION: &str = "calls_operation";
const LABELLED: [&str; 2] = ["calls_session", "calls_join"];

/// Layer that shows each request to the Calls API once it has ended.
#[derive(Clone, Debug)]
pub struct Diagram {
    arrows: broadcast::Sender<Arrow>,
}

/// Request to the Calls API that has ended.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct Arrow {
    /// End, in milliseconds since 1970.
    pub at: u64,
    /// Operation, named as the generated client's method.
    pub operation: String,
    /// HTTP method.
    pub method: String,
    /// Status. None if no reply has come.
    pub status: Option<u64>,
    /// Duration in milliseconds.
    pub ms: Option<u64>,
    /// Label of the session, `<room>/<member>`. Empty if the request is on no session.
    pub label: String,
}

impl Diagram {
    /// Creates a layer without listeners.
    pub fn new() -> Self {
        Self { arrows: broadcast::Sender::new(BEHIND) }
    }

    /// Returns the arrows from now on.
    pub fn arrows(&self) -> broadcast::Receiver<Arrow> {
        self.arrows.subscribe()
    }

    /// Returns the arrows of one room from now on, for a page: server-sent events, each an
    /// [`Arrow`] as JSON. Its receivers see all actions in the room.
    pub fn events(
        &self,
        room: String,
    ) -> Sse<impl Stream<Item = Result<Event, Infallible>> + Send + use<>> {
        let arrows = stream::unfold(self.arrows(), |mut arrows| async {
            loop {
                match arrows.recv().await {
                    Ok(arrow) => return Some((arrow, arrows)),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        });
        let event = move |arrow: Arrow| {
            let is_of_room = arrow.label.split('/').next() == Some(room.as_str());
            let event = is_of_room.then(|| Event::default().json_data(arrow));
            std::future::ready(event.and_then(Result::ok).map(Ok))
        };
        Sse::new(arrows.filter_map(event)).keep_alive(KeepAlive::default())
    }
}

impl Default for Diagram {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Diagram {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if is_ours(attributes.metadata()) {
            let mut arrow = Arrow::default();
            attributes.record(&mut Reader(&mut arrow));
            span.extensions_mut().insert(arrow);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(arrow) = span.extensions_mut().get_mut::<Arrow>() {
            values.record(&mut Reader(arrow));
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id).filter(|span| span.name() == OPERATION) else { return };
        let Some(mut arrow) = span.extensions_mut().remove::<Arrow>() else { return };
        let session = span.scope().find(|span| LABELLED.contains(&span.name()));
        if let Some(session) = session
            && let Some(Arrow { label, .. }) = session.extensions().get::<Arrow>()
        {
            arrow.label.clone_from(label);
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        arrow.at = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        // Without a listener the arrow is dropped.
        let _ = self.arrows.send(arrow);
    }
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.name() == OPERATION || LABELLED.contains(&metadata.name())
}

struct Reader<'a>(&'a mut Arrow);

impl Visit for Reader<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "operation" => self.0.operation = value.to_owned(),
            "label" => self.0.label = value.to_owned(),
            _ => {}
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "status" => self.0.status = Some(value),
            "duration_ms" => self.0.ms = Some(value),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        match field.name() {
            "operation" => self.0.operation = format!("{value:?}"),
            "method" => self.0.method = format!("{value:?}"),
            _ => {}
        }
    }
}
