//! One signal's way through an exporter.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use component::{Batch, CancellationToken, ComponentId, ConsumeError, Consumer, Outcome, Signal};
use tracing::{error, warn};

use crate::metrics::LaneMetrics;
use crate::queue::Queue;
use crate::quiet::Quiet;
use crate::sender::{Sender, Unsent};

/// The entrance of a lane.
pub(crate) struct Lane {
    pub(crate) way: Way,
    pub(crate) report: Arc<Report>,
}

/// How a batch gets to the sender.
pub(crate) enum Way {
    /// Through a queue, which is there when the exporter has been acquired; the caller goes on.
    Queued(Arc<OnceLock<Arc<Queue>>>),
    /// The caller waits until it is sent.
    Direct(Arc<Sender>),
}

#[async_trait]
impl Consumer for Lane {
    async fn consume(&self, batch: Batch) -> Result<(), ConsumeError> {
        let items = batch.item_count();
        let answer = match &self.way {
            Way::Queued(queue) => match queue.get() {
                Some(queue) => queue.offer(batch).await,
                None => Err(ConsumeError::retryable("the exporter has not started")),
            }
            .map_err(|error| {
                self.report.metrics.rejected(items);
                Unsent::refused(error, items)
            }),
            Way::Direct(sender) => {
                let (telemetry, attached) = batch.into_parts();
                let result = sender.send(telemetry).await;
                if result.is_ok() {
                    self.report.metrics.sent(items);
                }
                attached.resolve(outcome(&result));
                result
            }
        };
        answer.map_err(|unsent| {
            self.report.rejected(&unsent);
            unsent.error
        })
    }
}

/// What the sources of a request are told.
pub(crate) fn outcome(result: &Result<(), Unsent>) -> Outcome {
    match result {
        Ok(()) => Outcome::Delivered,
        Err(unsent) if unsent.error.is_permanent() => Outcome::FailedForGood,
        Err(_) => Outcome::FailedForNow,
    }
}

/// Speaks of a lane's failures in the log, without a line per request.
pub(crate) struct Report {
    pub(crate) metrics: LaneMetrics,
    pub(crate) id: ComponentId,
    pub(crate) signal: Signal,
    /// What the user could turn on against it.
    hints: String,
    stop: CancellationToken,
    rejecting: Quiet,
    dropping: Quiet,
    /// Dropped since the exporter was told to stop.
    lost: (AtomicUsize, AtomicUsize),
}

impl Report {
    pub(crate) fn new(sender: &Sender, metrics: LaneMetrics) -> Self {
        let mut hints = String::new();
        if sender.retry.is_none() {
            hints += " Try enabling retry_on_failure config option to retry on retryable errors.";
        }
        if !sender.is_queued {
            hints += " Try enabling sending_queue to survive temporary failures.";
        }
        Self {
            metrics,
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
    fn rejected(&self, unsent: &Unsent) {
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
        self.metrics.dropped(unsent.items);
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
