#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "diagram")]
pub mod diagram;
mod hooks;
mod http;
mod limits;
mod name;
mod refusal;
mod room;
mod server;
mod token;

pub use hooks::{Admission, Entrance, Happened, Hooks, NotAdmitted, Via};
pub use limits::{Limits, MAX_PUBLICATION_NAME};
pub use name::{InvalidRoomName, MAX_ROOM_NAME, MemberId, RoomName};
pub use room::types::{
    Change, Channel, Event, Kind, Member, Named, Presence, Published, Reason, Role, Track,
};
pub use server::{Builder, Server};

#[doc = include_str!("../docs/protocol.md")]
pub mod protocol {}
