//! What is lost, in the log: without a line per request.

use std::sync::atomic::{AtomicUsize, Ordering};

use component::{CancellationToken, ComponentId, Signal};
use tracing::{error, warn};

use crate::quiet::Quiet;
use crate::sender::{Sender, Unsent};

/// Speaks of a lane's failures.
pub(crate) struct Report {
    pub(crate) id: ComponentId,
    pub(crate) signal: Signal,
    /// What the user could turn on against it.
    hints: String,
    stop: CancellationToken,
    rejecting: Quiet,
    dropping: Quiet,
    /// Dropped since the exporter was told to stop: requests and items.
    lost: (AtomicUsize, AtomicUsize),
}

impl Report {
    pub(crate) fn new(sender: &Sender) -> Self {
        let mut hints = String::new();
        if sender.retry.is_none() {
            hints += " Try enabling retry_on_failure config option to retry on retryable errors.";
        }
        if sender.gate.is_none() {
            hints += " Try enabling sending_queue to survive temporary failures.";
        }
        Self {
            id: sender.id.clone(),
            signal: sender.signal,
            hints,
            stop: sender.interrupt.clone(),
            rejecting: Quiet::default(),
            dropping: Quiet::default(),
            lost: Default::default(),
        }
    }

    /// The caller keeps the data.
    pub(crate) fn rejected(&self, unsent: &Unsent) {
        if let Some(suppressed) = self.rejecting.pass() {
            error!(
                exporter = %self.id,
                signal = %self.signal,
                error = %unsent.error.chain(),
                rejected_items = unsent.items,
                suppressed,
                "Exporting failed. Rejecting data.{}",
                self.hints
            );
        }
    }

    /// Nobody keeps the data.
    pub(crate) fn dropped(&self, unsent: &Unsent) {
        if self.stop.is_cancelled() {
            self.lost.0.fetch_add(1, Ordering::Relaxed);
            self.lost.1.fetch_add(unsent.items, Ordering::Relaxed);
        }
        if let Some(suppressed) = self.dropping.pass() {
            error!(
                exporter = %self.id,
                signal = %self.signal,
                error = %unsent.error.chain(),
                dropped_items = unsent.items,
                suppressed,
                "Exporting failed. Dropping data.{}",
                self.hints
            );
        }
    }

    /// Sums up what was dropped while the lane was stopping.
    pub(crate) fn losses(&self) {
        let requests = self.lost.0.load(Ordering::Relaxed);
        if requests > 0 {
            warn!(
                exporter = %self.id,
                signal = %self.signal,
                requests,
                items = self.lost.1.load(Ordering::Relaxed),
                "data of the sending queue is lost, its last attempt at shutdown failed"
            );
        }
    }
}
