//! Calls, as a watching test sees them.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::Fault;
use crate::rules::Operation;

/// Call with the right secret, before it is carried out. `Debug` hides the body.
#[derive(Clone)]
#[non_exhaustive]
pub struct Call {
    /// Number of calls so far, this one included.
    pub number: u64,
    /// Operation of the call.
    pub operation: Operation,
    /// Session of the path. None if the path has none.
    pub session: Option<String>,
    /// Body as it came.
    pub body: Vec<u8>,
}

impl Call {
    /// Returns the body as JSON, or null if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("number", &self.number)
            .field("operation", &self.operation)
            .field("session", &self.session)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

/// Function that is told of each call and returns the faults for it.
#[derive(Clone)]
pub(crate) struct Watch(Arc<Tell>);

type Tell = dyn Fn(&Call) -> Vec<Fault> + Send + Sync;

impl Watch {
    pub(crate) fn new(watch: impl Fn(&Call) -> Vec<Fault> + Send + Sync + 'static) -> Self {
        Self(Arc::new(watch))
    }

    pub(crate) fn tell(&self, call: &Call) -> Vec<Fault> {
        (self.0)(call)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch(..)")
    }
}
