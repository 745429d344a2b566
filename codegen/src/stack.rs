//! Room for recursion.

/// Enough for the deepest nesting that is accepted, in a debug build too.
const STACK: usize = 256 * 1024 * 1024;

/// Runs `run` where a deeply nested document does not exhaust the stack: the
/// YAML parser, the passes and the printer recurse in large frames. `None` if
/// there is no thread to be had, or it panicked.
pub(crate) fn on_a_large_one<T: Send>(run: impl FnOnce() -> T + Send) -> Option<T> {
    let [result] = each_on_a_large_one([run]);
    result
}

/// [`on_a_large_one`] for several at the same time.
pub(crate) fn each_on_a_large_one<T: Send, const N: usize>(
    runs: [impl FnOnce() -> T + Send; N],
) -> [Option<T>; N] {
    std::thread::scope(|scope| {
        let begin = |run| std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run);
        // All of them are begun before the first is waited for.
        runs.map(begin).map(|thread| thread.ok()?.join().ok())
    })
}
