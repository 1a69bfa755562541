//! The worker: gathers, and sends when it is time.

use std::future::pending;
use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;
use component::ledger::Entry;
use component::{
    Batch, CancellationToken, ComponentId, ConsumeError, Lifecycle, Outcome, Refused, Settings,
    Signal, Slot, StartError,
};
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant, sleep, sleep_until};
use tracing::warn;

use crate::config::Config;
use crate::metrics::Metrics;
use crate::pending::Pending;

/// What all workers of a processor have in common.
#[derive(Clone)]
pub(crate) struct Work {
    id: ComponentId,
    signal: Signal,
    /// When to send; `None` sends everything at once.
    trigger: Option<Trigger>,
    /// The largest batch.
    limit: usize,
    next: Slot,
    entry: Arc<Entry>,
    pub(crate) metrics: Metrics,
}

/// Gathers the batches of one hand-over.
pub(crate) struct Worker {
    work: Work,
    batches: mpsc::Receiver<Batch>,
    pending: Pending,
    /// When the pending data must go, whatever its size.
    due: Option<Instant>,
    warned: Option<Instant>,
    /// Batches that failed without a warning since.
    unsaid: u64,
}

/// The least time between two warnings about the same thing.
const QUIET: Duration = Duration::from_secs(10);

/// The pauses between attempts while the next consumer has no room.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LAST_PAUSE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy)]
struct Trigger {
    size: NonZeroUsize,
    timeout: Duration,
}

impl Work {
    pub(crate) fn new(config: &Config, settings: &Settings, signal: Signal, next: Slot) -> Self {
        let size = NonZeroUsize::new(config.send_batch_size as usize);
        let trigger = size.filter(|_| !config.timeout.is_zero());
        Self {
            id: settings.id.clone(),
            signal,
            trigger: trigger.map(|size| Trigger { size, timeout: config.timeout }),
            limit: match config.send_batch_max_size {
                0 => usize::MAX,
                limit => limit as usize,
            },
            next,
            entry: settings.book.entry(signal),
            metrics: Metrics::new(&settings.meter),
        }
    }
}

impl Worker {
    pub(crate) fn new(work: Work, batches: mpsc::Receiver<Batch>) -> Self {
        let pending = Pending::default();
        Self { work, batches, pending, due: None, warned: None, unsaid: 0 }
    }

    /// Works until the hand-over is closed and empty; it closes it when told to stop. With a limit it also comes back after
    /// as long without data: then there is nothing pending, and there may be some again.
    pub(crate) async fn work(&mut self, stop: &CancellationToken, idle: Option<Duration>) {
        let mut waits_since = Instant::now();
        loop {
            let due = self.due;
            let idle =
                idle.filter(|_| due.is_none()).and_then(|idle| waits_since.checked_add(idle));
            tokio::select! {
                batch = self.batches.recv() => match batch {
                    Some(batch) => self.admit(batch, stop).await,
                    None => break,
                },
                () = at(due) => {
                    self.work.metrics.timeout_sends.add(1);
                    self.send(stop).await;
                }
                () = at(idle) => return,
                () = stop.cancelled(), if !self.batches.is_closed() => self.batches.close(),
            }
            waits_since = Instant::now();
        }
        while self.pending.item_count() > 0 {
            self.send(stop).await;
        }
    }

    /// Closes the hand-over and does what is left in it.
    pub(crate) async fn finish(&mut self, stop: &CancellationToken) {
        self.batches.close();
        self.work(stop, None).await;
    }

    async fn admit(&mut self, batch: Batch, stop: &CancellationToken) {
        self.pending.push(batch);
        let enough = self.work.trigger.map_or(1, |trigger| trigger.size.get());
        while self.pending.item_count() >= enough {
            self.work.metrics.size_sends.add(1);
            self.send(stop).await;
        }
        if self.pending.item_count() > 0 && self.due.is_none() {
            self.due =
                self.work.trigger.and_then(|trigger| Instant::now().checked_add(trigger.timeout));
        }
    }

    /// Sends one batch. What is left gets a full time-out of its own.
    ///
    /// While no consumer has room, the batch is held and offered again: that fills the hand-over, and callers wait.
    /// When the worker is told to stop, there is one more attempt.
    async fn send(&mut self, stop: &CancellationToken) {
        self.due = None;
        let Some(mut batch) = self.pending.take(self.work.limit) else { return };
        let items = batch.item_count();
        self.work.metrics.items.record(items);
        self.work.metrics.bytes.record(batch.telemetry().encoded_len());
        let mut pause = FIRST_PAUSE;
        loop {
            let last = stop.is_cancelled();
            let telemetry = batch.telemetry().clone();
            let Err(Refused { error, attached }) = self.work.next.offer(batch).await else {
                return;
            };
            // What others of a fan-out have taken is not offered again: they would get it twice, and wait for the one that
            // has no room.
            if error.is_permanent() || error.is_partial() || last {
                self.warn(&error, items);
                self.work.entry.dropped("send failed", items);
                attached.resolve(match error.is_permanent() {
                    true => Outcome::FailedForGood,
                    false => Outcome::FailedForNow,
                });
                return;
            }
            batch = Batch::from_parts(telemetry, attached);
            let pause_now = error.retry_after().unwrap_or_default().max(pause);
            // Told to stop while waiting: the next attempt is the last.
            stop.run_until_cancelled(sleep(pause_now)).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    fn warn(&mut self, error: &ConsumeError, items: usize) {
        let now = Instant::now();
        if self.warned.is_some_and(|warned| now.duration_since(warned) < QUIET) {
            self.unsaid += 1;
            return;
        }
        self.warned = Some(now);
        warn!(
            processor = %self.work.id,
            signal = %self.work.signal,
            error = %error.chain(),
            dropped_items = items,
            suppressed = std::mem::take(&mut self.unsaid),
            "Sender failed"
        );
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

#[async_trait]
impl Lifecycle for Worker {
    async fn run(mut self: Box<Self>, stop: CancellationToken) -> Result<(), StartError> {
        self.work(&stop, None).await;
        stop.cancelled().await;
        Ok(())
    }
}
