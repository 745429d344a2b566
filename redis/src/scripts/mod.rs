//! Scripts that the server runs, their arguments and their replies.
//!
//! An entry is one line of text, and behind it the record. The line has the version, the
//! hold or `-`, the time to live, both in milliseconds, and the keeper. The time since
//! the write is the part of the time to live that has passed, so that a write needs
//! no clock.

use std::io;
use std::time::Duration;

use cloudflare_calls::store::{Entry, Hold, Keeper, StoreError, Stored, Version, Write, Written};
use cloudflare_calls::types::SessionId;
use redis::{Cmd, ErrorKind, RedisResult, RedisWrite as _, Script, ServerErrorKind, Value};

use crate::keys::{self, Keys};
use crate::link::Connection;

/// The longest time that is sent: ten years. A longer one overflows in the server.
const LONGEST: u64 = 10 * 365 * 24 * 60 * 60 * 1000;

/// The longest header of an entry. Two numbers of 20 digits hold every value.
pub(crate) const HEADER: isize = 16 + 1 + 20 + 1 + 20 + 1 + 16 + 1;

/// Room for the bytes of a call without its record and channels. A call that grows is copied.
const BYTES: usize = 320;

/// Room for the arguments of a call.
const ARGUMENTS: usize = 8;

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
        run(&self.read, &call(&self.read, keys, session, 0), connection).await
    }

    /// Writes an entry. In a cluster the script wakes no process.
    pub(crate) async fn write(
        &self,
        connection: &mut Connection,
        keys: &Keys,
        session: &SessionId,
        write: Write<'_>,
    ) -> RedisResult<Value> {
        let bytes = write.entry.map_or(0, |entry| entry.record.len());
        let mut call = call(&self.write, keys, session, bytes);
        match write.expected {
            None => call.write_arg(b""),
            Some(version) => call.write_arg_fmt(version),
        }
        match write.entry {
            None => call.arg("").arg(""),
            Some(entry) => {
                text(&mut call.writer_for_next_arg(), write.version, entry)?;
                call.arg(millis(entry.ttl))
            }
        };
        call.arg(session.as_str());
        if let Connection::One(_) = connection {
            for keeper in write.wake {
                call.arg(keys.channel(*keeper));
            }
        }
        run(&self.write, &call, connection).await
    }
}

/// Returns the call of a script for an entry with a record of so many bytes, without arguments. It
/// is composed here because [`Script::key`] copies each argument twice.
fn call(script: &Script, keys: &Keys, session: &SessionId, record: usize) -> Cmd {
    let mut call = Cmd::with_capacity(ARGUMENTS, BYTES + record);
    call.arg("EVALSHA").arg(script.get_hash()).arg(1).arg(keys.entry(session));
    call
}

/// Runs a call of a script, which is sent first if the server does not have it.
async fn run(script: &Script, call: &Cmd, connection: &mut Connection) -> RedisResult<Value> {
    match call.query_async(connection).await {
        Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
            script.load_async(connection).await?;
            call.query_async(connection).await
        }
        ended => ended,
    }
}

/// Returns a time in milliseconds, rounded up so that a short time does not become 0.
pub(crate) fn millis(time: Duration) -> u64 {
    let millis = u64::from(time.subsec_nanos().div_ceil(1_000_000));
    time.as_secs().saturating_mul(1_000).saturating_add(millis).clamp(1, LONGEST)
}

/// Writes an entry as the server keeps it.
fn text(out: &mut impl io::Write, version: Version, entry: Entry<'_>) -> io::Result<()> {
    write!(out, "{version} ")?;
    match entry.hold {
        Hold::Free => write!(out, "-"),
        Hold::Same => write!(out, "same"),
        Hold::For(time) => write!(out, "{}", millis(time)),
    }?;
    writeln!(out, " {} {}", millis(entry.ttl), entry.keeper)?;
    out.write_all(entry.record)
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

/// Returns the process that has written an entry, by its first bytes.
pub(crate) fn keeper_of(entry: &[u8]) -> Option<Keeper> {
    let line = entry.split(|byte| *byte == b'\n').next()?;
    Header::read(line).map(|header| header.keeper)
}

/// An entry, and the milliseconds until it ends.
fn stored(items: Vec<Value>) -> Result<Stored, StoreError> {
    let Ok([Value::BulkString(mut entry), Value::Int(left)]) = <[Value; 2]>::try_from(items) else {
        return Err(StoreError::Unreadable);
    };
    let end = entry.iter().position(|byte| *byte == b'\n').ok_or(StoreError::Unreadable)?;
    let record = entry.split_off(end + 1);
    let header = Header::read(&entry[..end]).ok_or(StoreError::Unreadable)?;
    // The clock of a server can be set back, so no duration is below 0.
    let idle = header.ttl.saturating_sub(u64::try_from(left).unwrap_or_default());
    let left = header.hold.map(|hold| Duration::from_millis(hold.saturating_sub(idle)));
    let idle = Duration::from_millis(idle);
    Ok(Stored::new(header.version, record, left, idle, header.keeper))
}

/// The line before a record.
struct Header {
    version: Version,
    hold: Option<u64>,
    ttl: u64,
    keeper: Keeper,
}

impl Header {
    fn read(line: &[u8]) -> Option<Self> {
        let mut parts = std::str::from_utf8(line).ok()?.split(' ');
        let mut next = || parts.next();
        let version = u64::from_str_radix(next()?, 16).ok()?;
        let hold = match next()? {
            "-" => None,
            hold => Some(hold.parse().ok()?),
        };
        let (ttl, keeper) = (next()?.parse().ok()?, keys::keeper(next()?)?);
        Some(Self { version: Version::from_number(version), hold, ttl, keeper })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_up_and_limited() {
        assert_eq!(millis(Duration::ZERO), 1);
        assert_eq!(millis(Duration::from_micros(1001)), 2);
        assert_eq!(millis(Duration::MAX), LONGEST);
    }

    #[test]
    fn strange_replies_are_unreadable() {
        for reply in
            [Value::Int(7), Value::Okay, Value::Array(vec![]), Value::Array(vec![Value::Nil; 2])]
        {
            assert_eq!(entry(reply.clone()).unwrap_err(), StoreError::Unreadable, "{reply:?}");
            assert_eq!(written(reply).unwrap_err(), StoreError::Unreadable);
        }
        for header in [&b"\xff"[..], b"", b"1 2 3 x\n", b"1 2 3 \n0", b"1 same 3 ff\n"] {
            assert_eq!(keeper_of(header), None);
            let reply = Value::Array(vec![Value::BulkString(header.to_vec()), Value::Int(1)]);
            assert_eq!(entry(reply).unwrap_err(), StoreError::Unreadable, "{header:?}");
        }
        let keeper = keeper_of(b"1 2 3 00000000000000ff\nrecord 4\n");
        assert_eq!(keeper, Some(Keeper::from_number(255)));
    }

    #[test]
    fn the_hold_ends_by_the_time_that_has_passed_since_the_write() {
        let seen = |text: &[u8], left: i64| {
            let reply = Value::Array(vec![Value::BulkString(text.to_vec()), Value::Int(left)]);
            let stored = entry(reply).unwrap().unwrap();
            (stored.left.map(|left| left.as_millis()), stored.idle.as_millis(), stored.record)
        };
        let held = b"00000000000000aa 1500 10000 00000000000000ff\na\nb";
        assert_eq!(seen(held, 9_000), (Some(500), 1_000, b"a\nb".to_vec()));
        assert_eq!(seen(held, 1_000), (Some(0), 9_000, b"a\nb".to_vec()));
        // The clock was set back.
        assert_eq!(seen(held, 11_000), (Some(1_500), 0, b"a\nb".to_vec()));
        let free = b"00000000000000aa - 10000 00000000000000ff\n";
        assert_eq!(seen(free, 9_000), (None, 1_000, Vec::new()));
    }
}
