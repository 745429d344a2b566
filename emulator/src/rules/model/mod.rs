//! The state of the rules.

pub(crate) mod adapter;
pub(crate) mod channel;
pub(crate) mod history;
pub(crate) mod past_ids;
pub(crate) mod section;
pub(crate) mod session;
pub(crate) mod state;
pub(crate) mod timers;
pub(crate) mod track;
pub(crate) mod violations;
pub(crate) mod waiting;
