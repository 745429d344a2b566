//! Ids of what is no more, so that requests can be told so.

use std::collections::{BTreeMap, VecDeque};

/// How many are remembered; the oldest make room.
const MOST: usize = 10_000;

/// Ids, and the apps that they belonged to.
#[derive(Default)]
pub(super) struct Gone {
    apps: BTreeMap<String, String>,
    order: VecDeque<String>,
}

impl Gone {
    /// Remembers an id, which is never used again.
    pub(super) fn insert(&mut self, id: String, app: String) {
        if self.order.len() >= MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.apps.remove(&oldest);
        }
        self.order.push_back(id.clone());
        self.apps.insert(id, app);
    }

    /// Whether something of that id was this app's.
    pub(super) fn was_of(&self, id: &str, app: &str) -> bool {
        self.apps.get(id).is_some_and(|owner| owner == app)
    }

    /// All ids, with their apps.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &String)> {
        self.apps.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_make_room() {
        let mut gone = Gone::default();
        for number in 0..=MOST {
            gone.insert(number.to_string(), "app".to_owned());
        }
        assert!(!gone.was_of("0", "app"));
        assert!(gone.was_of("1", "app"));
        assert!(gone.was_of(&MOST.to_string(), "app"));
        assert!(!gone.was_of("1", "other"));
        assert_eq!(gone.iter().count(), MOST);
    }
}
