//! View of the state.

use std::time::Duration;

use crate::media::Media;
use crate::rules::model::state::State;

/// State of the rules as of now, and the media side.
pub(crate) struct View<'a> {
    pub(crate) state: &'a State,
    pub(crate) now: Duration,
    pub(crate) media: &'a dyn Media,
}
