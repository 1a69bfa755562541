//! What works for a connection.

use std::future::Future;
use std::sync::Arc;

use hyper::rt::Executor;
use parking_lot::Mutex;
use tokio::task::JoinSet;

/// The tasks of one connection. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl<F> Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        let mut tasks = self.0.lock();
        while tasks.try_join_next().is_some() {} // those that have ended
        tasks.spawn(task);
    }
}

/// Ends the tasks with itself. A connection that is given up would else wait until its silent peer has taken the last bytes.
#[derive(Debug)]
pub(super) struct Lifeline(pub(super) Tasks);

impl Drop for Lifeline {
    fn drop(&mut self) {
        self.0.0.lock().abort_all();
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn tasks_end_with_whoever_needs_them_even_if_they_know_each_other() {
        let (tasks, (held, ended)) = (Tasks::default(), oneshot::channel::<()>());
        let known = tasks.clone();
        tasks.execute(async move {
            let _kept = (known, held);
            pending::<()>().await;
        });
        drop(Lifeline(tasks));
        ended.await.unwrap_err();
    }
}
