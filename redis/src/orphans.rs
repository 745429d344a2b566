//! Sessions whose writer is not alive, page by page.

use std::collections::{BTreeMap, HashMap, HashSet};

use cloudflare_calls::store::{Cursor, Keeper, Page};
use cloudflare_calls::types::SessionId;
use futures_util::future::try_join_all;
use redis::aio::ConnectionLike;
use redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisResult, Value};

use crate::keys::Keys;
use crate::link::{Connection, Live};
use crate::scripts;

/// Keys that a server looks at for one page.
const COUNT: u32 = 500;

/// Place among all entries. A [`Cursor`] has its numbers in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Place {
    /// The first slot of the node, 0 without a cluster.
    slot: u64,
    /// The place that the node has given.
    scan: u64,
    /// Node or connection that has given it. For another one it means nothing.
    of: u64,
}

/// Reads the page at a cursor.
pub(crate) async fn page(live: &Live, keys: &Keys, from: &Cursor) -> RedisResult<Page> {
    let mut place = Place::of(from);
    let mut connection = live.connection.clone();
    let nodes = nodes(live).await?;
    // The first node at or after the slot. Nodes can have come or gone.
    let Some((&slot, &of)) = nodes.range(place.slot..).next() else { return Ok(Page::default()) };
    if (slot, of) != (place.slot, place.of) {
        place = Place { slot, scan: 0, of };
    }
    let (scan, found) = scan(&mut connection, keys, place).await?;
    let keepers = keepers(&mut connection, keys, slot, found).await?;
    let alive = alive(&connection, keys, keepers.values().copied()).await?;
    let sessions = keepers.into_iter().filter(|(_, keeper)| alive.get(keeper) == Some(&false));
    let next = match scan {
        0 => nodes.range(slot + 1..).next().map(|(&slot, &of)| Place { slot, scan: 0, of }),
        _ => Some(Place { scan, ..place }),
    };
    Ok(Page::new(sessions.map(|(session, _)| session).collect(), next.map(Place::cursor)))
}

impl Place {
    fn of(cursor: &Cursor) -> Self {
        match cursor.0[..] {
            [slot, scan, of] => Self { slot, scan, of },
            _ => Self::default(),
        }
    }

    fn cursor(self) -> Cursor {
        Cursor(vec![self.slot, self.scan, self.of])
    }
}

/// Returns the nodes that have entries, by their first slots, with a number of each.
async fn nodes(live: &Live) -> RedisResult<BTreeMap<u64, u64>> {
    let mut connection = match &live.connection {
        Connection::One(_) => return Ok(BTreeMap::from([(0, live.generation)])),
        Connection::Cluster(connection) => connection.clone(),
    };
    let mut command = redis::cmd("CLUSTER");
    command.arg("SLOTS");
    let random = RoutingInfo::SingleNode(SingleNodeRoutingInfo::Random);
    let reply = connection.route_command(command, random).await?;
    let ranges: Vec<Vec<Value>> = redis::from_redis_value(reply)?;
    let mut first: HashMap<u64, u64> = HashMap::new();
    for range in ranges {
        // The elements are: from, to, the primary (host, port, id).
        let [Value::Int(start), _, Value::Array(primary), ..] = &range[..] else {
            return Err(strange());
        };
        let start = u64::try_from(*start).map_err(|_| strange())?;
        let id = number_of(primary).ok_or_else(strange)?;
        let slot = first.entry(id).or_insert(start);
        *slot = start.min(*slot);
    }
    Ok(first.into_iter().map(|(id, slot)| (slot, id)).collect())
}

/// Returns the first half of the node's id, which is 40 hexadecimal digits.
fn number_of(primary: &[Value]) -> Option<u64> {
    let Value::BulkString(id) = primary.get(2)? else { return None };
    u64::from_str_radix(std::str::from_utf8(id.get(..16)?).ok()?, 16).ok()
}

/// Returns some entries of a node and its next place, 0 after the last one.
async fn scan(
    connection: &mut Connection,
    keys: &Keys,
    place: Place,
) -> RedisResult<(u64, Vec<SessionId>)> {
    let mut command = redis::cmd("SCAN");
    command.arg(place.scan).arg("MATCH").arg(keys.pattern()).arg("COUNT").arg(COUNT);
    command.arg("TYPE").arg("string");
    let reply = match connection {
        Connection::One(connection) => connection.req_packed_command(&command).await?,
        Connection::Cluster(connection) => {
            connection.route_command(command, RoutingInfo::SingleNode(node(place.slot)?)).await?
        }
    };
    let (next, found): (u64, Vec<Vec<u8>>) = redis::from_redis_value(reply)?;
    Ok((next, found.iter().filter_map(|key| keys.session_of(key)).collect()))
}

/// Returns the last writers of entries. Entries that have ended are left out.
async fn keepers(
    connection: &mut Connection,
    keys: &Keys,
    slot: u64,
    sessions: Vec<SessionId>,
) -> RedisResult<HashMap<SessionId, Keeper>> {
    if sessions.is_empty() {
        return Ok(HashMap::new());
    }
    let mut headers = Pipeline::with_capacity(sessions.len());
    for session in &sessions {
        let mut command = Cmd::new();
        command.arg("GETRANGE").arg(keys.entry(session)).arg(0).arg(scripts::HEADER);
        headers.add_command(command);
    }
    let count = sessions.len();
    let replies = match connection {
        Connection::One(connection) => connection.req_packed_commands(&headers, 0, count).await?,
        Connection::Cluster(connection) => {
            connection.route_pipeline(headers, 0, count, node(slot)?).await?
        }
    };
    let mut found = HashMap::new();
    for (session, reply) in sessions.into_iter().zip(replies) {
        match reply {
            Value::BulkString(header) => {
                found.extend(scripts::keeper_of(&header).map(|keeper| (session, keeper)));
            }
            // Another node has the key now, or its value is no string any more. A missing
            // permission concerns all keys and must be reported.
            Value::ServerError(error) if error.code() == "NOPERM" => return Err(error.into()),
            _ => {}
        }
    }
    Ok(found)
}

/// Returns the processes, and true for each that is alive. In a cluster each has its own slot, so
/// each is a command of its own, all at once.
async fn alive(
    connection: &Connection,
    keys: &Keys,
    keepers: impl Iterator<Item = Keeper>,
) -> RedisResult<HashMap<Keeper, bool>> {
    let distinct: HashSet<Keeper> = keepers.collect();
    let asked = distinct.into_iter().map(|keeper| async move {
        let mut connection = connection.clone();
        let mut command = redis::cmd("EXISTS");
        let exists: bool = command.arg(keys.alive(keeper)).query_async(&mut connection).await?;
        Ok::<_, RedisError>((keeper, exists))
    });
    Ok(try_join_all(asked).await?.into_iter().collect())
}

/// Returns the node of a slot.
fn node(slot: u64) -> RedisResult<SingleNodeRoutingInfo> {
    let slot = u16::try_from(slot).map_err(|_| strange())?;
    Ok(SingleNodeRoutingInfo::SpecificNode(Route::new(slot, SlotAddr::Master)))
}

fn strange() -> RedisError {
    (ErrorKind::Parse, "a reply that is not understood").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_lead_back() {
        let place = Place { slot: 1, scan: u64::MAX, of: 3 };
        assert_eq!(Place::of(&place.cursor()), place);
        for other in [vec![], vec![1], vec![1, 2, 3, 4]] {
            assert_eq!(Place::of(&Cursor(other)), Place::default());
        }
    }
}
