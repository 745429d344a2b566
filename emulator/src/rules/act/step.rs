//! One step of the rules.

use std::time::Duration;

use crate::media::Media;
use crate::rules::model::state::State;

/// One step of the rules: what they know, the time, and the media side. What is to
/// be done are methods of it, in the modules beside this one.
pub(crate) struct Step<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) now: Duration,
    pub(crate) media: &'a mut dyn Media,
}
