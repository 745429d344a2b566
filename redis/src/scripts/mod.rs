//! Scripts that the server runs, their arguments and their replies.

use std::time::Duration;

use cloudflare_calls::store::{Hold, Keeper, StoreError, Stored, Version, Write, Written};
use cloudflare_calls::types::SessionId;
use redis::{RedisResult, Script, Value};

use crate::keys::{self, Keys};
use crate::link::Connection;

/// The longest time that is sent: ten years. A longer one overflows in the server.
const LONGEST: u128 = 10 * 365 * 24 * 60 * 60 * 1000;

/// The longest header of an entry. Two numbers of 20 digits hold every value.
pub(crate) const HEADER: isize = 16 + 1 + 20 + 1 + 20 + 1 + 16 + 1;

/// The scripts, with their hashes.
pub(crate) struct Scripts {
    read: Script,
    write: Script,
}

impl Scripts {
    pub(crate) fn new() -> Self {
        Self {
            read: Script::new(include_str!("read.lua")),
            write: Script::new(include_str!("write.lua")),
        }
    }

    /// Reads an entry.
    pub(crate) async fn read(
        &self,
        connection: &mut Connection,
        keys: &Keys,
        session: &SessionId,
    ) -> RedisResult<Value> {
        self.read.key(keys.entry(session)).invoke_async(connection).await
    }

    /// Writes an entry. In a cluster the script wakes no process.
    pub(crate) async fn write(
        &self,
        connection: &mut Connection,
        keys: &Keys,
        session: &SessionId,
        write: Write<'_>,
    ) -> RedisResult<Value> {
        let mut call = self.write.key(keys.entry(session));
        call.arg(write.expected.map(|version| version.to_string()).unwrap_or_default());
        call.arg(write.version.to_string());
        match write.entry {
            None => call.arg("remove").arg("").arg("").arg(""),
            Some(entry) => {
                match entry.hold {
                    Hold::Free => call.arg("free"),
                    Hold::Same => call.arg("same"),
                    Hold::For(time) => call.arg(millis(time)),
                };
                call.arg(millis(entry.ttl)).arg(entry.keeper.to_string()).arg(entry.record)
            }
        };
        call.arg(session.as_str());
        if let Connection::One(_) = connection {
            for keeper in write.wake {
                call.arg(keys.channel(*keeper));
            }
        }
        call.invoke_async(connection).await
    }
}

/// Returns a time in milliseconds, rounded up so that a short time does not become 0.
pub(crate) fn millis(time: Duration) -> u64 {
    let millis = time.as_nanos().div_ceil(1_000_000).clamp(1, LONGEST);
    u64::try_from(millis).unwrap_or(u64::MAX)
}

/// Returns the entry in a reply of `read`.
pub(crate) fn entry(reply: Value) -> Result<Option<Stored>, StoreError> {
    match reply {
        Value::Nil => Ok(None),
        Value::Array(items) => stored(items).map(Some),
        _ => Err(StoreError::Unreadable),
    }
}

/// Returns the end of a write, in a reply of `write`.
pub(crate) fn written(reply: Value) -> Result<Written, StoreError> {
    match reply {
        Value::Int(1) => Ok(Written::Done),
        Value::Int(0) => Ok(Written::Missing),
        Value::Array(items) => stored(items).map(Written::Other),
        _ => Err(StoreError::Unreadable),
    }
}

/// Returns the process that has written an entry, by the header.
pub(crate) fn keeper_of(header: &[u8]) -> Option<Keeper> {
    let header = header.split(|byte| *byte == b'\n').next()?;
    keys::keeper(std::str::from_utf8(header).ok()?.rsplit(' ').next()?)
}

fn stored(items: Vec<Value>) -> Result<Stored, StoreError> {
    let Ok(
        [
            Value::BulkString(version),
            Value::Int(left),
            Value::Int(idle),
            Value::BulkString(keeper),
            Value::BulkString(record),
        ],
    ) = <[Value; 5]>::try_from(items)
    else {
        return Err(StoreError::Unreadable);
    };
    let number = |digits: &[u8]| {
        let digits = std::str::from_utf8(digits).ok();
        let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        number.ok_or(StoreError::Unreadable)
    };
    let (version, keeper) = (number(&version)?, Keeper::from_number(number(&keeper)?));
    // -1 means that there is no deadline.
    let left = u64::try_from(left).ok().map(Duration::from_millis);
    let idle = Duration::from_millis(u64::try_from(idle).unwrap_or_default());
    Ok(Stored::new(Version::from_number(version), record, left, idle, keeper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_up_and_limited() {
        assert_eq!(millis(Duration::ZERO), 1);
        assert_eq!(millis(Duration::from_micros(1001)), 2);
        assert_eq!(u128::from(millis(Duration::MAX)), LONGEST);
    }

    #[test]
    fn strange_replies_are_unreadable() {
        for reply in
            [Value::Int(7), Value::Okay, Value::Array(vec![]), Value::Array(vec![Value::Nil; 5])]
        {
            assert_eq!(entry(reply.clone()).unwrap_err(), StoreError::Unreadable, "{reply:?}");
            assert_eq!(written(reply).unwrap_err(), StoreError::Unreadable);
        }
        for header in [&b"\xff"[..], b"", b"1 2 3 x\n", b"1 2 3 \n0"] {
            assert_eq!(keeper_of(header), None);
        }
        let keeper = keeper_of(b"1 2 3 00000000000000ff\nrecord 4\n");
        assert_eq!(keeper, Some(Keeper::from_number(255)));
    }
}
