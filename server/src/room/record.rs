//! State of one room, as it is in the store. It knows no store, connection or clock.

use std::collections::{BTreeMap, VecDeque};

use cloudflare_calls::Mid;
use cloudflare_calls::data_channels::ChannelId;
use cloudflare_calls::store::Keeper;
use cloudflare_calls::types::SessionId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::types::{
    Change, Channel, Event, Kind, Member, Named, Presence, Published, Reason, Track,
};
use crate::name::MemberId;
use crate::refusal::Refused;

/// Number of events that are kept, for connections that come back and for slower processes.
const KEPT: usize = 128;

/// State of a room.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Number of the last event.
    pub(crate) seq: u64,
    members: Vec<Entry>,
    /// Last events, the oldest first.
    log: VecDeque<Event>,
    /// Processes that watch the room.
    processes: Vec<Process>,
}

/// Member, with the fields that others do not see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) member: Member,
    /// Hash of its token.
    pub(crate) token: String,
    pub(crate) sessions: Vec<Held>,
    /// Way by which the member has entered.
    pub(crate) via: Via,
    /// Processes that have its connections for events.
    seats: Vec<u64>,
    /// Number of its signs of life.
    beats: u64,
    /// Time at which it joined, in milliseconds since 1970.
    pub(crate) since: u64,
}

/// Way by which a member has entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Via {
    /// The member entered by itself, and has connections for events.
    Members,
    /// The member publishes by WHIP, as long as its session exists.
    Whip,
    /// The member plays by WHEP, as long as its session exists.
    Whep,
}

/// Session of a member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) id: SessionId,
    /// Media sections of published tracks, by name.
    tracks: BTreeMap<String, Mid>,
    /// Ids of published data channels, by name.
    channels: BTreeMap<String, ChannelId>,
    /// Kinds of media sections that the agent has offered.
    #[serde(default)]
    kinds: BTreeMap<Mid, Kind>,
}

/// Process that watches the room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Process {
    keeper: u64,
    /// Number of its signs of life.
    beats: u64,
}

/// Track to publish.
pub(crate) struct NewTrack {
    pub(crate) name: String,
    pub(crate) kind: Option<Kind>,
    pub(crate) mid: Mid,
}

/// News for a connection for events.
pub(crate) enum News<'a> {
    /// Whole state.
    Snapshot,
    /// These events.
    Events(Vec<&'a Event>),
}

impl Entry {
    pub(crate) fn new(member: Member, token: String, via: Via, since: u64) -> Self {
        let (sessions, seats) = (Vec::new(), Vec::new());
        Self { member, token, sessions, via, seats, beats: 0, since }
    }

    /// Returns whether the member may publish this many more tracks and data channels.
    pub(crate) fn has_place_for(&self, more: usize, most: usize) -> bool {
        self.member.tracks.len() + self.member.channels.len() + more <= most
    }

    pub(crate) fn has(&self, session: &SessionId) -> bool {
        self.sessions.iter().any(|held| held.id == *session)
    }

    /// Returns a number that grows with each sign of life, and true if there is a connection.
    pub(crate) fn life(&self) -> (u64, bool) {
        (self.beats, !self.seats.is_empty())
    }

    fn held(&mut self, session: &SessionId) -> Result<&mut Held, Refused> {
        self.sessions.iter_mut().find(|held| held.id == *session).ok_or(Refused::Gone)
    }
}

impl Held {
    pub(crate) fn new(id: SessionId, kinds: BTreeMap<Mid, Kind>) -> Self {
        Self { id, tracks: BTreeMap::new(), channels: BTreeMap::new(), kinds }
    }

    /// Returns the media section of a published track.
    pub(crate) fn mid(&self, track: &str) -> Option<&Mid> {
        self.tracks.get(track)
    }
}

impl Record {
    pub(crate) fn members(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.members.iter().map(|entry| &entry.member)
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.members
    }

    pub(crate) fn entry(&self, member: &MemberId) -> Option<&Entry> {
        self.members.iter().find(|entry| entry.member.id == *member)
    }

    /// Returns the member that has a session.
    pub(crate) fn owner(&self, session: &SessionId) -> Option<&Entry> {
        self.members.iter().find(|entry| entry.has(session))
    }

    /// Returns all sessions of the room, from which members may pull.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = &SessionId> {
        self.members.iter().flat_map(|entry| &entry.sessions).map(|held| &held.id)
    }

    /// Returns the reason for which a member has gone, if the kept events have it.
    pub(crate) fn why_gone(&self, id: &MemberId) -> Option<Reason> {
        self.log.iter().rev().find_map(|event| match &event.change {
            Change::Left { member, reason } if member == id => Some(*reason),
            _ => None,
        })
    }

    /// Returns the news after an event.
    pub(crate) fn since(&self, seq: Option<u64>) -> News<'_> {
        let first = self.log.front().map_or(self.seq + 1, |event| event.seq);
        match seq {
            Some(seq) if (first..=self.seq + 1).contains(&(seq + 1)) => {
                News::Events(self.log.iter().filter(|event| event.seq > seq).collect())
            }
            _ => News::Snapshot,
        }
    }

    /// Returns the keepers of the other processes that watch.
    pub(crate) fn others(&self, keeper: Keeper) -> Vec<Keeper> {
        let others = self.processes.iter().map(|process| Keeper::from_number(process.keeper));
        others.filter(|other| *other != keeper).collect()
    }

    /// Returns the processes that watch, each with the number of its signs of life.
    pub(crate) fn watchers(&self) -> impl Iterator<Item = (Keeper, u64)> {
        self.processes.iter().map(|process| (Keeper::from_number(process.keeper), process.beats))
    }

    pub(crate) fn join(&mut self, entry: Entry, capacity: usize) -> Result<(), Refused> {
        // A store may have taken a write and reported that another one came first.
        if self.entry(&entry.member.id).is_some() {
            return Ok(());
        }
        if self.members.len() >= capacity {
            return Err(Refused::Full);
        }
        self.tell(Change::Joined { member: entry.member.clone() });
        self.members.push(entry);
        Ok(())
    }

    pub(crate) fn leave(&mut self, member: &MemberId, reason: Reason) -> Option<Entry> {
        let place = self.members.iter().position(|entry| entry.member.id == *member)?;
        self.tell(Change::Left { member: member.clone(), reason });
        Some(self.members.remove(place))
    }

    /// Removes all members.
    pub(crate) fn end(&mut self) -> Vec<Entry> {
        let ids: Vec<MemberId> = self.members().map(|member| member.id.clone()).collect();
        ids.iter().filter_map(|id| self.leave(id, Reason::Ended)).collect()
    }

    /// Replaces the token of a member.
    pub(crate) fn set_token(&mut self, member: &MemberId, hash: &str) -> Result<(), Refused> {
        hash.clone_into(&mut self.entry_mut(member)?.token);
        Ok(())
    }

    pub(crate) fn set_data(&mut self, member: &MemberId, data: Value) -> Result<(), Refused> {
        let entry = self.entry_mut(member)?;
        if entry.member.data != data {
            entry.member.data = data.clone();
            self.tell(Change::Changed { member: member.clone(), data });
        }
        Ok(())
    }

    /// Sets whether a member says that its track is muted.
    pub(crate) fn set_muted(
        &mut self,
        member: &MemberId,
        name: &str,
        is_muted: bool,
    ) -> Result<(), Refused> {
        let tracks = &mut self.entry_mut(member)?.member.tracks;
        let of_name: Vec<&mut Track> = tracks.iter_mut().filter(|t| t.name == name).collect();
        if of_name.is_empty() {
            return Err(Refused::NotFound);
        }
        let mut changes = Vec::new();
        for track in of_name.into_iter().filter(|track| track.is_muted != is_muted) {
            track.is_muted = is_muted;
            let (member, session_id) = (member.clone(), track.session.clone());
            let track_name = name.to_owned();
            changes.push(match is_muted {
                true => Change::Muted { member, session_id, track_name },
                false => Change::Unmuted { member, session_id, track_name },
            });
        }
        changes.into_iter().for_each(|change| self.tell(change));
        Ok(())
    }

    /// Adds a session of a member, or replaces one.
    pub(crate) fn hold(
        &mut self,
        member: &MemberId,
        session: Held,
        replaced: Option<&SessionId>,
        capacity: usize,
    ) -> Result<(), Refused> {
        if let Some(replaced) = replaced {
            self.let_go(member, replaced)?;
        }
        let entry = self.entry_mut(member)?;
        if entry.sessions.len() >= capacity {
            return Err(Refused::Full);
        }
        entry.sessions.push(session);
        Ok(())
    }

    /// Removes a session that has ended, and its publications.
    pub(crate) fn let_go(&mut self, member: &MemberId, session: &SessionId) -> Result<(), Refused> {
        let entry = self.entry_mut(member)?;
        entry.sessions.retain(|held| held.id != *session);
        let tracks = entry.member.tracks.extract_if(.., |track| track.session == *session);
        let mut gone: Vec<Named> = tracks.map(|track| Named::Track(track.name)).collect();
        let channels = entry.member.channels.extract_if(.., |one| one.session == *session);
        gone.extend(channels.map(|channel| Named::Channel(channel.name)));
        self.tell_unpublished(member, session, gone, None);
        Ok(())
    }

    /// Publishes tracks on a session that the member still has.
    pub(crate) fn publish(
        &mut self,
        member: &MemberId,
        session: &SessionId,
        tracks: Vec<NewTrack>,
    ) -> Result<(), Refused> {
        for NewTrack { name, kind, mid } in tracks {
            let entry = self.entry_mut(member)?;
            let held = entry.held(session)?;
            // A track can be published on a section of an earlier offer.
            let kind = kind.or_else(|| held.kinds.get(&mid).copied());
            held.kinds.extend(kind.map(|kind| (mid.clone(), kind)));
            held.tracks.insert(name.clone(), mid);
            // The API accepts a repeated publication.
            if entry.member.tracks.iter().any(|it| it.session == *session && it.name == name) {
                continue;
            }
            let track = Track { session: session.clone(), name, kind, is_muted: false };
            entry.member.tracks.push(track.clone());
            self.tell_published(member, Published::Track(track));
        }
        Ok(())
    }

    /// Publishes data channels on a session that the member still has.
    pub(crate) fn publish_channels(
        &mut self,
        member: &MemberId,
        session: &SessionId,
        channels: Vec<(Channel, ChannelId)>,
    ) -> Result<(), Refused> {
        for (channel, id) in channels {
            let entry = self.entry_mut(member)?;
            entry.held(session)?.channels.insert(channel.name.clone(), id);
            entry.member.channels.push(channel.clone());
            self.tell_published(member, Published::Channel(channel));
        }
        Ok(())
    }

    /// Removes closed tracks that were published on the session.
    pub(crate) fn unpublish(
        &mut self,
        member: &MemberId,
        session: &SessionId,
        mids: &[Mid],
        by: Option<&MemberId>,
    ) -> Result<(), Refused> {
        let entry = self.entry_mut(member)?;
        let Ok(held) = entry.held(session) else { return Ok(()) };
        let names = take(&mut held.tracks, mids);
        let is_gone = |track: &Track| track.session == *session && names.contains(&track.name);
        entry.member.tracks.retain(|track| !is_gone(track));
        let names = names.into_iter().map(Named::Track).collect();
        self.tell_unpublished(member, session, names, by);
        Ok(())
    }

    /// Removes closed data channels that were published on the session.
    pub(crate) fn unpublish_channels(
        &mut self,
        member: &MemberId,
        session: &SessionId,
        ids: &[ChannelId],
    ) -> Result<(), Refused> {
        let entry = self.entry_mut(member)?;
        let Ok(held) = entry.held(session) else { return Ok(()) };
        let names = take(&mut held.channels, ids);
        let is_gone = |one: &Channel| one.session == *session && names.contains(&one.name);
        entry.member.channels.retain(|channel| !is_gone(channel));
        let names = names.into_iter().map(Named::Channel).collect();
        self.tell_unpublished(member, session, names, None);
        Ok(())
    }

    /// Adds a connection for events of a member at a process.
    pub(crate) fn sit(&mut self, member: &MemberId, keeper: Keeper) -> Result<(), Refused> {
        let entry = self.entry_mut(member)?;
        if !entry.seats.contains(&keeper.get()) {
            entry.beats += 1;
            entry.seats.push(keeper.get());
            self.look(member);
        }
        Ok(())
    }

    /// Returns the members that have connections for events at a process.
    pub(crate) fn sitting(&self, keeper: Keeper) -> impl Iterator<Item = &MemberId> {
        let sits = move |entry: &&Entry| entry.seats.contains(&keeper.get());
        self.members.iter().filter(sits).map(|entry| &entry.member.id)
    }

    /// Removes the last connection for events of a member at a process.
    pub(crate) fn stand(&mut self, member: &MemberId, keeper: Keeper) {
        if let Ok(entry) = self.entry_mut(member) {
            entry.beats += 1;
            entry.seats.retain(|seat| *seat != keeper.get());
            self.look(member);
        }
    }

    /// Counts a sign of life of a member, which is as good as a connection.
    pub(crate) fn beat(&mut self, member: &MemberId) -> Result<(), Refused> {
        self.entry_mut(member)?.beats += 1;
        self.set_presence(member, Presence::Here);
        Ok(())
    }

    /// Counts a sign of life of a process.
    pub(crate) fn watch(&mut self, keeper: Keeper) {
        match self.processes.iter_mut().find(|process| process.keeper == keeper.get()) {
            Some(process) => process.beats += 1,
            None => self.processes.push(Process { keeper: keeper.get(), beats: 0 }),
        }
    }

    /// Removes a process that watches, with its connections.
    pub(crate) fn unwatch(&mut self, keeper: Keeper) {
        self.processes.retain(|process| process.keeper != keeper.get());
        let standing: Vec<MemberId> = self.sitting(keeper).cloned().collect();
        standing.iter().for_each(|id| self.stand(id, keeper));
    }

    fn entry_mut(&mut self, member: &MemberId) -> Result<&mut Entry, Refused> {
        let entry = self.members.iter_mut().find(|entry| entry.member.id == *member);
        entry.ok_or(Refused::Unauthorized)
    }

    /// Updates the presence of a member, with an event if it has changed.
    fn look(&mut self, member: &MemberId) {
        let is_here = self.entry(member).is_some_and(|entry| !entry.seats.is_empty());
        self.set_presence(member, if is_here { Presence::Here } else { Presence::Away });
    }

    fn set_presence(&mut self, member: &MemberId, presence: Presence) {
        let Ok(entry) = self.entry_mut(member) else { return };
        if entry.member.presence != presence {
            entry.member.presence = presence;
            let member = member.clone();
            self.tell(match presence {
                Presence::Here => Change::Here { member },
                Presence::Away => Change::Away { member },
            });
        }
    }

    fn tell_published(&mut self, member: &MemberId, what: Published) {
        self.tell(Change::Published { member: member.clone(), what });
    }

    fn tell_unpublished(
        &mut self,
        member: &MemberId,
        session: &SessionId,
        names: Vec<Named>,
        by: Option<&MemberId>,
    ) {
        for what in names {
            let (member, session_id, by) = (member.clone(), session.clone(), by.cloned());
            self.tell(Change::Unpublished { member, session_id, what, by });
        }
    }

    fn tell(&mut self, change: Change) {
        self.seq += 1;
        self.log.push_back(Event { seq: self.seq, change });
        if self.log.len() > KEPT {
            self.log.pop_front();
        }
    }
}

/// Removes the closed items, and returns their names.
fn take<T: PartialEq>(held: &mut BTreeMap<String, T>, closed: &[T]) -> Vec<String> {
    let mut names = Vec::new();
    held.retain(|name, one| {
        let is_closed = closed.contains(one);
        if is_closed {
            names.push(name.clone());
        }
        !is_closed
    });
    names
}
