//! Batches whose fate a test wants to know.

use component::{Batch, Outcome, Receipt};
use pdata::Telemetry;
use tokio::sync::watch;

/// What a test hears of a batch that it made with [`tracked`].
#[derive(Clone, Debug)]
pub struct Heard(watch::Receiver<Option<Outcome>>);

/// A batch with a receipt, and what is heard of it.
pub fn tracked(telemetry: impl Into<Telemetry>) -> (Batch, Heard) {
    let (told, heard) = watch::channel(None);
    let receipt = Receipt::new(move |outcome| {
        told.send_replace(Some(outcome));
    });
    (Batch::with_receipt(telemetry, receipt), Heard(heard))
}

impl Heard {
    /// The outcome, if the receipt was resolved already.
    pub fn now(&self) -> Option<Outcome> {
        *self.0.borrow()
    }

    /// Waits for the outcome; `None` when the receipt was disarmed and nothing will be heard of it.
    pub async fn outcome(mut self) -> Option<Outcome> {
        self.0.wait_for(Option::is_some).await.ok().and_then(|outcome| *outcome)
    }
}
