//! State of a room, as a member derives it from events.

use std::collections::BTreeMap;

use serde_json::Value;

/// Members by their ids, after the event of a number.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct View {
    pub(crate) seq: u64,
    pub(crate) members: BTreeMap<String, Value>,
}

/// Track that others publish.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) session: String,
    pub(crate) name: String,
}

impl View {
    /// Reads the state in `GET`, in a snapshot, or in the reply to a member that joins.
    pub(crate) fn of(room: &Value) -> Self {
        let members = room["members"].as_array().into_iter().flatten();
        let members = members.map(|member| (text(&member["id"]), member.clone()));
        Self { seq: room["seq"].as_u64().unwrap_or_default(), members: members.collect() }
    }

    /// Takes one message that is no ping. Returns an error for a wrong one.
    pub(crate) fn hear(&mut self, event: &Value) -> Result<(), String> {
        let kind = text(&event["type"]);
        let Some(seq) = event["seq"].as_u64() else { return Err(format!("no number: {event}")) };
        if kind == "snapshot" {
            let is_older = seq < self.seq;
            let before = std::mem::replace(self, Self::of(event)).seq;
            return match is_older {
                true => Err(format!("a snapshot of {seq} after event {before}")),
                false => Ok(()),
            };
        }
        let before = std::mem::replace(&mut self.seq, seq);
        self.apply(&kind, event)?;
        match seq == before + 1 {
            true => Ok(()),
            false => Err(format!("event {seq} after event {before}")),
        }
    }

    fn apply(&mut self, kind: &str, event: &Value) -> Result<(), String> {
        if kind == "joined" {
            let member = &event["member"];
            self.members.insert(text(&member["id"]), member.clone());
            return Ok(());
        }
        let id = text(&event["member"]);
        if kind == "left" {
            let there = self.members.remove(&id).map(drop);
            return there.ok_or_else(|| format!("{id} has left, who was not there"));
        }
        let Some(member) = self.members.get_mut(&id) else {
            return Err(format!("{kind} of {id}, who is not there"));
        };
        let is_it = |track: &Value| {
            track["sessionId"] == event["sessionId"] && track["trackName"] == event["trackName"]
        };
        let tracks = member["tracks"].as_array_mut().ok_or("a member without tracks")?;
        match kind {
            "published" => tracks.push(event["track"].clone()),
            "unpublished" => {
                let before = tracks.len();
                tracks.retain(|track| !is_it(track));
                if tracks.len() + 1 != before {
                    return Err(format!("{event}: {before} tracks were there, now {tracks:?}"));
                }
            }
            "muted" | "unmuted" => {
                for track in tracks.iter_mut().filter(|track| is_it(track)) {
                    track["muted"] = (kind == "muted").into();
                }
            }
            "changed" => member["data"] = event["data"].clone(),
            "away" | "here" => member["presence"] = kind.into(),
            _ => return Err(format!("an unknown event: {event}")),
        }
        Ok(())
    }

    /// Returns the tracks of all members but one.
    pub(crate) fn tracks(&self, but: &str) -> Vec<Key> {
        let others = self.members.iter().filter(|(id, _)| *id != but);
        let tracks = others.flat_map(|(_, member)| member["tracks"].as_array());
        let key = |track: &Value| Key {
            session: text(&track["sessionId"]),
            name: text(&track["trackName"]),
        };
        tracks.flatten().map(key).collect()
    }
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
