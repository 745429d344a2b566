//! Sessions: joining, reading their state, answering the SFU's offers, leaving,
//! and the registry that has them for web handlers.

pub(crate) mod access;
pub(crate) mod change;
pub(crate) mod detached;
pub(crate) mod exchange;
pub(crate) mod exchanged;
mod fleet;
pub(crate) mod handle;
mod join;
mod leave;
pub(crate) mod ledger;
mod read;
pub(crate) mod registry;
pub(crate) mod repeat;
pub(crate) mod settings;
pub(crate) mod state;
pub(crate) mod turns;

pub use self::exchange::{AnswerExt, Answered, ForAgent, Negotiation, PendingAnswer};
pub use self::exchanged::{Exchanged, KeptOffer};
pub use self::handle::Session;
pub use self::join::{Adopt, Join, JoinExt, JoinWith};
pub use self::leave::{Departure, LeaveExt};
pub use self::ledger::Uncertain;
pub use self::read::StateExt;
pub use self::registry::{NotInserted, Over, Registry};
pub use self::settings::ANSWER_DEADLINE;
pub use self::state::{DataChannelState, Origin, SessionState, TrackState};
pub use self::turns::ExchangeId;
pub use crate::action::Action;
pub use crate::status::{Status, Unfinished, Unusable};
