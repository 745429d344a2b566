//! Operations of the account API, with the rule by which each is repeated.

use crate::verdict::Repeat;

/// Operation of the generated client.
pub(super) struct Operation {
    /// Name of its method.
    pub(super) name: &'static str,
    pub(super) repeat: Repeat,
}

const fn operation(name: &'static str, repeat: Repeat) -> Operation {
    Operation { name, repeat }
}

pub(super) const LIST_APPS: Operation = operation("list_apps", Repeat::Read);
pub(super) const GET_APP: Operation = operation("get_app", Repeat::Read);
pub(super) const CREATE_APP: Operation = operation("create_app", Repeat::Create);
// Renaming or deleting twice does no more than once, like closing.
pub(super) const UPDATE_APP: Operation = operation("update_app", Repeat::Close);
pub(super) const DELETE_APP: Operation = operation("delete_app", Repeat::Close);

pub(super) const LIST_TURN_KEYS: Operation = operation("list_turn_keys", Repeat::Read);
pub(super) const GET_TURN_KEY: Operation = operation("get_turn_key", Repeat::Read);
pub(super) const CREATE_TURN_KEY: Operation = operation("create_turn_key", Repeat::Create);
pub(super) const UPDATE_TURN_KEY: Operation = operation("update_turn_key", Repeat::Close);
pub(super) const DELETE_TURN_KEY: Operation = operation("delete_turn_key", Repeat::Close);
