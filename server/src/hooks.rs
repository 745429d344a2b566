//! Hooks of the application: who enters, and what it is told.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use axum::http::HeaderMap;

use crate::name::{MemberId, RoomName};
pub use crate::room::record::Via;
use crate::room::types::{Member, Reason, Role};

/// The decisions of the application.
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
    /// Decides who enters which room in which role. It is asked before anything is
    /// done.
    fn admit(
        &self,
        entrance: Entrance,
    ) -> impl Future<Output = Result<Admission, NotAdmitted>> + Send;

    /// Hears what has happened, once for each time, at the process where it did. It
    /// must not block.
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

/// A request to enter a room.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entrance {
    /// The room.
    pub room: RoomName,
    /// The headers of the request, cookies and `authorization` among them.
    pub headers: HeaderMap,
    /// The query of the request, as it came.
    pub query: Option<String>,
    /// The name that is asked for, which is not checked against anything.
    pub name: Option<String>,
    /// The way in.
    pub via: Via,
    /// The number of members that the room has.
    pub members: usize,
}

/// The permission to enter.
#[derive(Clone, Debug)]
#[must_use]
pub struct Admission {
    pub(crate) role: Role,
    pub(crate) name: Option<String>,
    pub(crate) capacity: Option<usize>,
}

/// The refusal to let somebody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAdmitted;

/// Something that has happened in a room.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Happened<'a> {
    /// A member came.
    Joined {
        /// The member.
        member: &'a Member,
    },
    /// A member is gone.
    Left {
        /// The member, as it was.
        member: &'a Member,
        /// Why.
        reason: Reason,
        /// The time that it was there.
        after: Duration,
    },
    /// A moderator has closed a track.
    Muted {
        /// The moderator.
        by: &'a MemberId,
        /// The member whose track it was.
        member: &'a MemberId,
        /// The track's name.
        track: &'a str,
    },
}

impl Admission {
    /// Lets somebody in with a role, under the name that was asked for.
    pub fn new(role: Role) -> Self {
        Self { role, name: None, capacity: None }
    }

    /// Gives the member this name instead, of up to 64 characters; more are cut off.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Lets the member in only if the room then has no more than so many, instead of
    /// [`Limits::members`](crate::Limits::members).
    pub fn capacity(mut self, members: usize) -> Self {
        self.capacity = Some(members);
        self
    }
}

/// Hooks whose types are not known.
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
