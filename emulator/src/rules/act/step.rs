//! Step of the rules.

use std::time::Duration;

use crate::media::Media;
use crate::rules::model::state::State;

/// Step of the rules: their state, the time, and the media side. The modules beside this one add
/// the actions as methods.
pub(crate) struct Step<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) now: Duration,
    pub(crate) media: &'a mut dyn Media,
}
