//! Names of rooms and ids of members.

use std::fmt;
use std::sync::Arc;

use cloudflare_calls::types::SessionId;
use serde::{Deserialize, Serialize};

/// The most characters of a room's name.
pub const MAX_ROOM_NAME: usize = 64;

/// Name of a room: 1 to [`MAX_ROOM_NAME`] of the characters `A-Z a-z 0-9 - _`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoomName {
    /// The name is the key of the room's entry in a store, too: both permit the same characters.
    key: Arc<SessionId>,
}

/// Error for a text that is no name of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidRoomName;

/// Id of a member of a room: 16 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MemberId(String);

impl RoomName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`InvalidRoomName`] if it has another length or other characters.
    pub fn new(name: &str) -> Result<Self, InvalidRoomName> {
        let is_right = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !(1..=MAX_ROOM_NAME).contains(&name.len()) || !name.bytes().all(is_right) {
            return Err(InvalidRoomName);
        }
        let key = SessionId::new(name).map_err(|_| InvalidRoomName)?;
        Ok(Self { key: Arc::new(key) })
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        self.key.as_str()
    }

    /// Returns the key of the room's entry in a store of rooms.
    pub(crate) fn key(&self) -> &SessionId {
        &self.key
    }
}

impl MemberId {
    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the id of a number.
    pub(crate) fn from_number(number: u64) -> Self {
        Self(format!("{number:016x}"))
    }

    /// Returns the id in a text, or None if it is no id.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == 16 && text.bytes().all(is_hex)).then(|| Self::of(text))
    }

    /// Returns the id that a text names.
    pub(crate) fn of(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl TryFrom<String> for RoomName {
    type Error = InvalidRoomName;

    fn try_from(name: String) -> Result<Self, InvalidRoomName> {
        Self::new(&name)
    }
}

impl From<RoomName> for String {
    fn from(name: RoomName) -> Self {
        name.as_str().to_owned()
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for InvalidRoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no name of a room: 1 to {MAX_ROOM_NAME} of A-Z a-z 0-9 - _ are needed")
    }
}

impl std::error::Error for InvalidRoomName {}
