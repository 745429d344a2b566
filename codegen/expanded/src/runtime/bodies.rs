//! Errors without a type of their own: a text, or a body without known fields.

use std::fmt;

use super::error::ErrorBody;

/// Text of an error, which is its own description.
impl ErrorBody for String {
    fn description(&self) -> Option<&str> {
        Some(self)
    }
}

/// Bodies of errors without known fields.
macro_rules! unknown_error {
    ($([$($generic:tt)*] $ty:ty,)*) => {
        $(impl<$($generic)*> ErrorBody for $ty {})*
    };
}

unknown_error! {
    [] bool,
    [] i8,
    [] u8,
    [] i16,
    [] u16,
    [] i32,
    [] u32,
    [] i64,
    [] u64,
    [] f32,
    [] f64,
    [] serde_json::Value,
    [] serde_json::Map<String, serde_json::Value>,
    [T: fmt::Debug] Vec<T>,
    [T: fmt::Debug] Option<T>,
    [T: fmt::Debug] std::collections::HashMap<String, T>,
}
