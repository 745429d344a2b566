//! Room for recursion.

/// Enough for the deepest nesting that is accepted, in a debug build too.
const STACK: usize = 256 * 1024 * 1024;

/// Runs `run` where a deeply nested document does not exhaust the stack: the
/// YAML parser, the passes and the printer recurse in large frames. `None` if
/// there is no thread to be had, or it panicked.
pub(crate) fn on_a_large_one<T: Send>(run: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run);
        thread.ok()?.join().ok()
    })
}
