//! A consumer that remembers, refuses or keeps its callers waiting.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use component::{Batch, ClientMetadata, ConsumeError, Consumer, Outcome};
use parking_lot::Mutex;
use pdata::Telemetry;
use tokio::sync::watch;

type Refuse = Box<dyn Fn() -> ConsumeError + Send + Sync>;

/// Stands where the next component would stand. It takes everything and tells the sources [`Outcome::Delivered`], until
/// it is told to [`refuse`](Self::refuse) or to [`hold`](Self::hold). Clones are the same recorder.
#[derive(Clone)]
pub struct Recorder(Arc<Shared>);

struct Shared {
    taken: watch::Sender<Vec<Telemetry>>,
    said: Mutex<Vec<ClientMetadata>>,
    calls: watch::Sender<usize>,
    held: watch::Sender<bool>,
    refuse: Mutex<Option<Refuse>>,
    outcome: Mutex<Outcome>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self(Arc::new(Shared {
            taken: watch::Sender::new(Vec::new()),
            said: Mutex::default(),
            calls: watch::Sender::new(0),
            held: watch::Sender::new(false),
            refuse: Mutex::new(None),
            outcome: Mutex::new(Outcome::Delivered),
        }))
    }
}

impl Recorder {
    /// Refuses every batch with this error from now on.
    pub fn refuse(&self, error: impl Fn() -> ConsumeError + Send + Sync + 'static) {
        *self.0.refuse.lock() = Some(Box::new(error));
    }

    /// Tells sources this from now on of what it takes.
    pub fn resolve_with(&self, outcome: Outcome) {
        *self.0.outcome.lock() = outcome;
    }

    /// Takes batches again.
    pub fn accept(&self) {
        *self.0.refuse.lock() = None;
    }

    /// Keeps callers waiting from now on.
    pub fn hold(&self) {
        self.0.held.send_replace(true);
    }

    /// Lets all callers go on.
    pub fn release(&self) {
        self.0.held.send_replace(false);
    }

    /// What was taken so far, in order.
    pub fn taken(&self) -> Vec<Telemetry> {
        self.0.taken.borrow().clone()
    }

    /// What the clients of everything that was taken said beside it, in order.
    pub fn said(&self) -> Vec<ClientMetadata> {
        self.0.said.lock().clone()
    }

    /// Items taken so far.
    pub fn item_count(&self) -> usize {
        count(&self.0.taken.borrow())
    }

    /// Waits until at least `items` items were taken, and gives everything that was taken.
    pub async fn items(&self, items: usize) -> Vec<Telemetry> {
        self.wait_until(|taken| count(taken) >= items).await
    }

    /// Waits until at least `batches` batches were taken, and gives everything that was taken.
    pub async fn batches(&self, batches: usize) -> Vec<Telemetry> {
        self.wait_until(|taken| taken.len() >= batches).await
    }

    /// Waits until it was called at least `calls` times, whatever it answered, or will.
    pub async fn calls(&self, calls: usize) {
        let mut seen = self.0.calls.subscribe();
        seen.wait_for(|seen| *seen >= calls).await.expect("the sender lives as long as self");
    }

    async fn wait_until(&self, enough: impl FnMut(&Vec<Telemetry>) -> bool) -> Vec<Telemetry> {
        let mut taken = self.0.taken.subscribe();
        taken.wait_for(enough).await.expect("the sender lives as long as self").clone()
    }
}

fn count(taken: &[Telemetry]) -> usize {
    taken.iter().map(Telemetry::item_count).sum()
}

#[async_trait]
impl Consumer for Recorder {
    async fn consume(&self, batch: Batch) -> Result<(), ConsumeError> {
        self.0.calls.send_modify(|calls| *calls += 1);
        let mut held = self.0.held.subscribe();
        held.wait_for(|held| !held).await.expect("the sender lives as long as self");
        if let Some(refuse) = &*self.0.refuse.lock() {
            return Err(refuse());
        }
        let (telemetry, attached) = batch.into_parts();
        self.0.said.lock().push(attached.metadata().clone());
        self.0.taken.send_modify(|taken| taken.push(telemetry));
        let outcome = *self.0.outcome.lock();
        attached.resolve(outcome);
        Ok(())
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("items", &self.item_count()).finish()
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;

    use super::*;
    use crate::telemetry::log_records;
    use crate::tracked;

    #[tokio::test(start_paused = true)]
    async fn it_remembers_refuses_and_holds() {
        let recorder = Recorder::default();
        let (batch, heard) = tracked(log_records(2));
        recorder.consume(batch).await.unwrap();
        assert_eq!(heard.outcome().await, Some(Outcome::Delivered));

        recorder.refuse(|| ConsumeError::permanent("no"));
        assert!(recorder.consume(Batch::new(log_records(1))).await.unwrap_err().is_permanent());

        recorder.accept();
        recorder.hold();
        let mut calls = JoinSet::new();
        let held = recorder.clone();
        calls.spawn(async move { held.consume(Batch::new(log_records(3))).await });
        recorder.calls(3).await;
        assert_eq!(recorder.item_count(), 2);
        recorder.release();
        assert_eq!(recorder.items(5).await.len(), 2);
        assert_eq!(recorder.batches(2).await.len(), 2);
    }
}
