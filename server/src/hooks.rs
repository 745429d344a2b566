//! Hooks of the application: its decision on entrances, and its notifications.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use axum::http::HeaderMap;

use crate::name::{MemberId, RoomName};
pub use crate::room::record::Via;
use crate::room::types::{Member, Reason, Role};

/// Decisions of the application.
///
/// A function or closure from [`Entrance`] to a future is one, too:
///
/// ```
/// use cloudflare_calls_server::{Admission, Entrance, NotAdmitted, Role};
///
/// async fn admit(entrance: Entrance) -> Result<Admission, NotAdmitted> {
///     match entrance.headers.get("x-user").and_then(|user| user.to_str().ok()) {
///         Some("ada") => Ok(Admission::new(Role::Moderator).name("Ada")),
///         Some(user) => Ok(Admission::new(Role::Member).name(user)),
///         None => Err(NotAdmitted),
///     }
/// }
/// ```
pub trait Hooks: Send + Sync + 'static {
    /// Decides who enters which room in which role, before any change is made.
    fn admit(
        &self,
        entrance: Entrance,
    ) -> impl Future<Output = Result<Admission, NotAdmitted>> + Send;

    /// Takes an event of a room. It is called once for each event, in the process where that
    /// happened. It must not block.
    fn happened(&self, room: &RoomName, happened: Happened<'_>) {
        let _ = (room, happened);
    }
}

impl<F, Decision> Hooks for F
where
    F: Fn(Entrance) -> Decision + Send + Sync + 'static,
    Decision: Future<Output = Result<Admission, NotAdmitted>> + Send,
{
    fn admit(
        &self,
        entrance: Entrance,
    ) -> impl Future<Output = Result<Admission, NotAdmitted>> + Send {
        self(entrance)
    }
}

/// Request to enter a room.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entrance {
    /// Room.
    pub room: RoomName,
    /// Headers of the request, cookies and `authorization` among them.
    pub headers: HeaderMap,
    /// Query of the request, as it came.
    pub query: Option<String>,
    /// Name that is asked for. It is not checked.
    pub name: Option<String>,
    /// Way in.
    pub via: Via,
    /// Number of members in the room.
    pub members: usize,
}

/// Permission to enter.
#[derive(Clone, Debug)]
#[must_use]
pub struct Admission {
    pub(crate) role: Role,
    pub(crate) name: Option<String>,
    pub(crate) capacity: Option<usize>,
}

/// Refusal of an entrance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAdmitted;

/// Event of a room, for the application.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Happened<'a> {
    /// A member has joined.
    Joined {
        /// Member.
        member: &'a Member,
    },
    /// A member has left or was removed.
    Left {
        /// Member, in its last state.
        member: &'a Member,
        /// Reason.
        reason: Reason,
        /// Time between joining and leaving.
        after: Duration,
    },
    /// A moderator has closed a track.
    Muted {
        /// Moderator.
        by: &'a MemberId,
        /// Member whose track it was.
        member: &'a MemberId,
        /// Name of the track.
        track: &'a str,
    },
}

impl Admission {
    /// Admits with a role, under the name that was asked for.
    pub fn new(role: Role) -> Self {
        Self { role, name: None, capacity: None }
    }

    /// Sets the member's name, of up to 64 characters. Further ones are cut off.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Admits the member only if the room then has no more members than this. Replaces
    /// [`Limits::members`](crate::Limits::members).
    pub fn capacity(mut self, members: usize) -> Self {
        self.capacity = Some(members);
        self
    }
}

/// Hooks of an erased type.
pub(crate) trait AnyHooks: Send + Sync {
    fn admit(
        &self,
        entrance: Entrance,
    ) -> Pin<Box<dyn Future<Output = Result<Admission, NotAdmitted>> + Send + '_>>;

    fn happened(&self, room: &RoomName, happened: Happened<'_>);
}

impl<H: Hooks> AnyHooks for H {
    fn admit(
        &self,
        entrance: Entrance,
    ) -> Pin<Box<dyn Future<Output = Result<Admission, NotAdmitted>> + Send + '_>> {
        Box::pin(Hooks::admit(self, entrance))
    }

    fn happened(&self, room: &RoomName, happened: Happened<'_>) {
        Hooks::happened(self, room, happened);
    }
}
