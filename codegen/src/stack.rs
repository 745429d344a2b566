//! Stack for deep recursion.

use crate::{Error, Result};

/// Size of the stack, in bytes: enough for the deepest accepted nesting, in a debug build too.
const STACK: usize = 256 * 1024 * 1024;

/// Runs a stage of the generator for the document called `file` as [`with_large_stack`] does.
///
/// # Errors
/// [`Error::Backend`] if that returns nothing.
pub(crate) fn generating<T: Send>(file: &str, run: impl FnOnce() -> T + Send) -> Result<T> {
    with_large_stack(run).ok_or_else(|| Error::Backend {
        file: file.to_owned(),
        reason: "the generator failed".to_owned(),
    })
}

/// Runs `run` in a thread with a stack that a deeply nested document does not exhaust: the YAML
/// parser, the passes and the printer recurse in large frames. `None` if no thread can be
/// started, or if it panicked.
pub(crate) fn with_large_stack<T: Send>(run: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run);
        thread.ok()?.join().ok()
    })
}
