//! `tracks/update`

use serde_json::{Value, json};

use super::step::Step;
use super::tracks::reply;
use crate::media::{Place, SessionKey};
use crate::rules::model::session::{Session, Switch};
use crate::rules::model::track::{End, Subscription, Track};
use crate::rules::read::change::Update;
use crate::rules::read::reply::{Code, Outcome, Reply, failed};

impl Step<'_> {
    /// `tracks/update`
    pub(crate) fn update_tracks(&mut self, key: SessionKey, entries: Vec<Update>) -> Outcome {
        let mut items = Vec::new();
        for entry in entries {
            items.push(self.update_track(key, &entry)?.unwrap_or_else(|code| {
                let fields =
                    json!({ "mid": "", "sessionId": entry.publisher, "trackName": entry.name });
                failed(fields, code)
            }));
        }
        Ok(reply(items, None, false))
    }

    fn update_track(
        &mut self,
        key: SessionKey,
        entry: &Update,
    ) -> Result<Result<Value, Code>, Reply> {
        let settles = self.state.config.pull_settles;
        let session = &*self.state.live(key)?;
        let Some((track, subscription)) = entry.subscription(session) else {
            return Ok(Err(Code::NotFoundTrack));
        };
        if subscription.since.saturating_add(settles) > self.now {
            return Ok(Err(Code::UpdateTrack));
        }
        let (app, mid, kind) = (session.app.clone(), track.mid.clone(), track.kind);
        let (since, old) = (subscription.since, subscription.source);
        let simulcast = entry.simulcast.clone().or_else(|| subscription.simulcast.clone());
        let current = (subscription.publisher.clone(), track.name.clone());
        let new = entry.new_source(session);
        let is_new = new.is_some();
        let (publisher, name) = new.unwrap_or(current);
        let found = match is_new {
            true => self.pullable(&app, &publisher, &name),
            false => self.find(&app, &publisher, &name).ok_or(Code::NotFoundTrack),
        };
        let found = match found {
            Ok(found) if found.kind != kind => return Ok(Err(Code::NotFoundTrack)),
            Ok(found) if entry.simulcast.is_some() && !found.has_layers => {
                return Ok(Err(Code::UpdateTrack));
            }
            Ok(found) => found,
            Err(code) => return Ok(Err(code)),
        };
        if old == Some(found.source) && !self.state.config.layer_switch.is_zero() {
            let at = self.now.saturating_add(self.state.config.layer_switch);
            self.state.live(key)?.switches.push(Switch { at, mid: mid.clone() });
        } else {
            let to = Place { session: key, mid: mid.clone() };
            self.feed(found.source, to, simulcast.as_ref());
        }
        let to = Place { session: key, mid };
        self.put_remote(since, to, publisher, name, simulcast, &found).map(Ok)
    }

    /// Switches to the layers that are due.
    pub(crate) fn switch_layers(&mut self, key: SessionKey) {
        let Some(session) = self.state.sessions.get_mut(&key) else { return };
        let due: Vec<Switch> =
            session.switches.extract_if(.., |switch| switch.at <= self.now).collect();
        let is_due = |track: &&Track| due.iter().any(|switch| switch.mid == track.mid);
        let mut feeds = Vec::new();
        for track in session.tracks.iter().filter(is_due) {
            if let Some(source) = track.source() {
                let to = Place { session: key, mid: track.mid.clone() };
                feeds.push((source, to, track.simulcast().cloned()));
            }
        }
        for (source, to, simulcast) in feeds {
            self.feed(source, to, simulcast.as_ref());
        }
    }
}

impl Update {
    /// Returns the subscription that the update names.
    fn subscription<'a>(&self, session: &'a Session) -> Option<(&'a Track, &'a Subscription)> {
        session.tracks.iter().rev().find_map(|track| {
            let is_meant = match self.mid.strip_prefix('#') {
                None => track.mid == self.mid,
                Some(name) => track.name == name,
            };
            match &track.end {
                End::Remote(subscription) if is_meant && track.is_open => {
                    Some((track, subscription))
                }
                _ => None,
            }
        })
    }

    /// Returns the new publisher and name of the track, if they are to change.
    pub(crate) fn new_source(&self, session: &Session) -> Option<(String, String)> {
        if self.publisher.is_none() && self.name.is_none() {
            return None;
        }
        let (track, subscription) = self.subscription(session)?;
        let publisher = self.publisher.as_deref().unwrap_or(&subscription.publisher);
        let name = self.name.as_deref().unwrap_or(&track.name);
        let is_same = subscription.publisher == publisher && track.name == name;
        (!is_same || subscription.source.is_none()).then(|| (publisher.to_owned(), name.to_owned()))
    }
}
