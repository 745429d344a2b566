//! The actions of the rules.

pub(crate) mod adapters;
pub(crate) mod changes;
pub(crate) mod channels;
pub(crate) mod checks;
pub(crate) mod closing;
pub(crate) mod negotiation;
pub(crate) mod publications;
pub(crate) mod pulls;
pub(crate) mod relay;
pub(crate) mod requests;
pub(crate) mod sessions;
pub(crate) mod step;
pub(crate) mod tracks;
pub(crate) mod updates;
pub(crate) mod waiting;
