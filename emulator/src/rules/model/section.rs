//! Media sections of a session, and an unanswered offer for some.

use crate::media::{Kind, NewSection, Section};
use crate::rules::read::request::{Location, Operation};

/// Offer of the SFU that awaits its answer.
pub(crate) struct Exchange {
    /// Operation that it was made for.
    pub(crate) operation: Operation,
    /// Mids of the sections that it added.
    pub(crate) mids: Vec<String>,
}

/// Media section of a session, whoever offered it.
pub(crate) struct SectionState {
    pub(crate) kind: Option<Kind>,
    /// True if the agent has offered it.
    pub(crate) is_agents: bool,
    /// Names of the codecs that the agent lists. Empty before it has.
    pub(crate) codecs: Vec<String>,
    pub(crate) agent_sends: bool,
    pub(crate) agent_receives: bool,
    pub(crate) is_stopped: bool,
    pub(crate) has_layers: bool,
    /// True if a track on it was closed by force: the agent's packets on it are not taken any more.
    pub(crate) was_forced: bool,
}

impl SectionState {
    pub(crate) fn carries(&self, kind: Kind, location: Location) -> bool {
        let is_open = match location {
            Location::Local => self.agent_sends,
            Location::Remote => self.agent_receives,
        };
        is_open && !self.is_stopped && self.kind == Some(kind)
    }

    /// Creates the only section of a session that an adapter feeds.
    pub(crate) fn ingest() -> Self {
        Self::added(NewSection::Receive { kind: Kind::Audio, is_bidirectional: false })
    }

    /// Returns whether the agent waits there for media of that kind.
    pub(crate) fn is_idle(&self, kind: Kind) -> bool {
        self.is_agents
            && !self.was_forced
            && !self.agent_sends
            && self.carries(kind, Location::Remote)
    }

    pub(crate) fn offered(section: &Section, old: Option<&Self>) -> Self {
        Self {
            kind: section.kind,
            is_agents: old.is_none_or(|old| old.is_agents),
            codecs: section.codecs.clone(),
            agent_sends: section.sends,
            agent_receives: section.receives,
            is_stopped: section.is_stopped,
            has_layers: !section.rids.is_empty(),
            was_forced: old.is_some_and(|old| old.was_forced),
        }
    }

    pub(crate) fn added(section: NewSection) -> Self {
        let (kind, agent_sends, agent_receives) = match section {
            NewSection::Send { kind, is_bidirectional } => (Some(kind), is_bidirectional, true),
            NewSection::Receive { kind, is_bidirectional } => (Some(kind), true, is_bidirectional),
            NewSection::Data => (None, true, true),
        };
        Self {
            kind,
            is_agents: false,
            codecs: Vec::new(),
            agent_sends,
            agent_receives,
            is_stopped: false,
            has_layers: false,
            was_forced: false,
        }
    }
}
