//! Ids of sessions and adapters that have ended.

use std::collections::{BTreeMap, VecDeque};

/// The most ids that are remembered. The oldest make room.
const MOST: usize = 10_000;

/// Ids, and the apps that they belonged to.
#[derive(Default)]
pub(crate) struct PastIds {
    apps: BTreeMap<String, String>,
    order: VecDeque<String>,
    /// Number of ids that have made room.
    forgotten: u64,
}

impl PastIds {
    /// Remembers an id, which is never used again.
    pub(crate) fn insert(&mut self, id: String, app: String) {
        if self.order.len() >= MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.apps.remove(&oldest);
            self.forgotten += 1;
        }
        self.order.push_back(id.clone());
        self.apps.insert(id, app);
    }

    /// Returns whether this id was used by this app.
    pub(crate) fn was_of(&self, id: &str, app: &str) -> bool {
        self.apps.get(id).is_some_and(|owner| owner == app)
    }

    /// Returns the number of remembered ids.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// Returns the app that used this id.
    pub(crate) fn app(&self, id: &str) -> Option<&str> {
        self.apps.get(id).map(String::as_str)
    }

    /// Returns the ids that were remembered before this number, the newest first, with their
    /// numbers and apps. Numbers are never used again.
    pub(crate) fn before(&self, number: u64) -> impl Iterator<Item = (u64, &String, &String)> {
        let end = usize::try_from(number.saturating_sub(self.forgotten)).unwrap_or(usize::MAX);
        let end = end.min(self.order.len());
        self.order
            .range(..end)
            .enumerate()
            .rev()
            .filter_map(|(index, id)| Some((self.forgotten + index as u64, id, self.apps.get(id)?)))
    }

    /// Returns all ids, with their apps.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &String)> {
        self.apps.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_make_room() {
        let mut ids = PastIds::default();
        for number in 0..=MOST {
            ids.insert(number.to_string(), "app".to_owned());
        }
        assert!(!ids.was_of("0", "app"));
        assert!(ids.was_of("1", "app"));
        assert!(ids.was_of(&MOST.to_string(), "app"));
        assert!(!ids.was_of("1", "other"));
        assert_eq!(ids.iter().count(), MOST);
        assert_eq!((ids.len(), ids.app("1"), ids.app("0")), (MOST, Some("app"), None));
    }

    #[test]
    fn numbers_stay_when_the_oldest_make_room() {
        let mut ids = PastIds::default();
        for number in 0..MOST + 5 {
            ids.insert(number.to_string(), "app".to_owned());
        }
        let ids = |before: u64| -> Vec<(u64, String)> {
            ids.before(before).map(|(number, id, _)| (number, id.clone())).collect()
        };
        let all = ids(u64::MAX);
        assert!(all.iter().all(|(number, id)| number.to_string() == *id));
        assert_eq!((all.len(), all[0].0, all[MOST - 1].0), (MOST, MOST as u64 + 4, 5));
        assert_eq!(ids(7), [(6, "6".to_owned()), (5, "5".to_owned())]);
        assert_eq!(ids(3), [], "they have made room");
    }
}
