//! Work that outlives whoever waits for it.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// A future that goes on in a task of its own when it is dropped before its
/// end. While somebody waits for it, it costs no task.
pub(crate) struct Detached<F, O>
where
    F: Future<Output: Send + 'static> + Send + 'static,
    O: Future<Output = ()> + Send + 'static,
{
    /// None while it runs and once it has come to its end.
    work: Option<Pin<Box<F>>>,
    /// The runtime that it was begun on.
    runtime: Option<Handle>,
    /// Told of the output, whoever waits for it. It is no part of the work, because
    /// a future in a future takes twice the memory.
    ended: fn(&F::Output),
    /// Takes an output that nobody waits for.
    orphaned: fn(F::Output) -> O,
}

impl<F, O> Detached<F, O>
where
    F: Future<Output: Send + 'static> + Send + 'static,
    O: Future<Output = ()> + Send + 'static,
{
    pub(crate) fn new(work: F, ended: fn(&F::Output), orphaned: fn(F::Output) -> O) -> Self {
        Self { work: Some(Box::pin(work)), runtime: None, ended, orphaned }
    }
}

impl<F, O> Future for Detached<F, O>
where
    F: Future<Output: Send + 'static> + Send + 'static,
    O: Future<Output = ()> + Send + 'static,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if self.runtime.is_none() {
            self.runtime = Handle::try_current().ok();
        }
        // Taken out while it runs, so that a panic ends it for good.
        let Some(mut work) = self.work.take() else { return Poll::Pending };
        let polled = work.as_mut().poll(context);
        match &polled {
            Poll::Pending => self.work = Some(work),
            Poll::Ready(output) => (self.ended)(output),
        }
        polled
    }
}

impl<F, O> Drop for Detached<F, O>
where
    F: Future<Output: Send + 'static> + Send + 'static,
    O: Future<Output = ()> + Send + 'static,
{
    fn drop(&mut self) {
        // Work that was never begun has changed nothing and need not go on.
        if let (Some(work), Some(runtime)) = (self.work.take(), &self.runtime) {
            let (ended, orphaned) = (self.ended, self.orphaned);
            runtime.spawn(async move {
                let output = work.await;
                ended(&output);
                orphaned(output).await;
            });
        }
    }
}
