//! What there is, to look at.

pub(crate) mod paging;
pub(crate) mod snapshot;
pub(crate) mod view;
