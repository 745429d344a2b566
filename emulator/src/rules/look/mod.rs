//! Views of the state, for people and tests.

pub(crate) mod paging;
pub(crate) mod snapshot;
pub(crate) mod view;
