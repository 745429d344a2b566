//! State of the account: its apps and TURN keys, which come and go.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::app::App;

/// Largest number of apps, and of TURN keys. It bounds the memory that a program takes
/// which creates them without end.
const MAX_ITEMS: usize = 1_000;

/// App or TURN key with its details.
#[derive(Clone)]
pub(crate) struct Item {
    pub(crate) app: App,
    pub(crate) name: String,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
}

/// All apps, or all TURN keys, in the order of their creation.
pub(crate) struct Items(Mutex<Vec<Item>>);

impl Items {
    pub(crate) fn new(apps: impl IntoIterator<Item = App>) -> Self {
        Self(Mutex::new(apps.into_iter().map(|app| Item::new(app, String::new())).collect()))
    }

    pub(crate) fn all(&self) -> Vec<Item> {
        self.lock().clone()
    }

    pub(crate) fn find(&self, id: &str) -> Option<Item> {
        self.lock().iter().find(|item| item.app.id() == id).cloned()
    }

    /// Adds an item with a new id and secret. None if there are too many.
    pub(crate) fn create(&self, name: String) -> Option<Item> {
        let mut items = self.lock();
        if items.len() >= MAX_ITEMS {
            return None;
        }
        let item = Item::new(App::random(), name);
        items.push(item.clone());
        Some(item)
    }

    /// Sets the name, if one is given. None if there is no such item.
    pub(crate) fn rename(&self, id: &str, name: Option<String>) -> Option<Item> {
        let mut items = self.lock();
        let item = items.iter_mut().find(|item| item.app.id() == id)?;
        if let Some(name) = name {
            item.name = name;
            item.modified = Timestamp::now();
        }
        Some(item.clone())
    }

    pub(crate) fn remove(&self, id: &str) -> Option<Item> {
        let mut items = self.lock();
        let index = items.iter().position(|item| item.app.id() == id)?;
        Some(items.remove(index))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Item>> {
        // No panic can happen in the middle of a change, so the state stays whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Item {
    fn new(app: App, name: String) -> Self {
        let now = Timestamp::now();
        Self { app, name, created: now, modified: now }
    }
}
