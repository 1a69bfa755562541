//! The consumers of a queue: they empty it, a limited number of requests at a time.

use std::sync::Arc;
use std::time::Duration;

use component::CancellationToken;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep_until, timeout};
use tracing::error;

use crate::batcher::Batcher;
use crate::config::QueueConfig;
use crate::delivery::Delivery;
use crate::queue::Seat;
use crate::report::Report;
use crate::request::Request;
use crate::sender::Sender;

/// How long an exporter that stops waits for one that has claimed its queue and does not send yet.
const CLAIM: Duration = Duration::from_secs(2);

/// The consumers of one exporter at one queue.
pub(crate) struct Consumers {
    seat: Seat,
    delivery: Delivery,
    limit: usize,
    batcher: Option<Batcher>,
    sends: JoinSet<()>,
}

impl Consumers {
    pub(crate) fn new(
        config: &QueueConfig,
        seat: Seat,
        sender: Arc<Sender>,
        report: Arc<Report>,
    ) -> Self {
        let queue = Arc::clone(seat.queue());
        let delivery = Delivery { sender, report, queue, draining: CancellationToken::new() };
        Self {
            seat,
            delivery,
            limit: config.num_consumers.get(),
            batcher: Batcher::new(config),
            sends: JoinSet::new(),
        }
    }

    /// Sends what comes in. When told to stop, it ends all pauses and closes the entrance. What is left is kept in storage,
    /// or left to a successor as soon as there is one; without either every request that is left has one attempt.
    ///
    /// Dropping the future leaves what is on its way to the successor or the storage in the same way. Without either it is
    /// abandoned with everything that waits in memory, and the log says how much that was.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        self.seat.run();
        let queue = Arc::clone(self.seat.queue());
        let synced = queue.keep_synced();
        tokio::pin!(synced);
        tokio::select! {
            () = self.serve(stop) => {}
            () = &mut synced => {}
        }
        // In this order: who is interrupted asks whether somebody else is there.
        self.seat.leave();
        self.delivery.sender.interrupt.cancel();
        if !queue.is_stored() {
            drop(timeout(CLAIM, queue.successor_decided()).await);
            self.delivery.draining.cancel();
        }
        if !self.delivery.leaves_rest() {
            self.drain().await;
        }
        self.leave_rest().await;
        queue.close().await;
        self.delivery.report.losses();
    }

    /// Sends what comes in until told to stop.
    async fn serve(&mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.send_full();
            let is_free = self.sends.len() < self.limit;
            let deadline = self.batcher.as_ref().and_then(Batcher::deadline).filter(|_| is_free);
            let due = async {
                match deadline {
                    Some(deadline) => sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some(ended) = self.sends.join_next() => self.note(ended),
                () = due => self.flush_due(),
                request = self.delivery.queue.next(), if is_free => self.take(request),
            }
        }
    }

    /// Lets every request that is left have one attempt, or stops when somebody else does that.
    async fn drain(&mut self) {
        let queue = Arc::clone(&self.delivery.queue);
        let successor = queue.successor();
        tokio::pin!(successor);
        loop {
            self.send_full();
            if self.sends.len() < self.limit {
                match (queue.try_next(), &mut self.batcher) {
                    (Some(request), _) => {
                        self.take(request);
                        continue;
                    }
                    (None, Some(batcher)) => batcher.flush_all(),
                    (None, None) => {}
                }
                self.send_full();
            }
            tokio::select! {
                biased;
                () = &mut successor => return,
                ended = self.sends.join_next() => match ended {
                    Some(ended) => self.note(ended),
                    None => return,
                },
            }
        }
    }

    /// Puts back what was gathered, and waits for the attempts under way.
    async fn leave_rest(&mut self) {
        self.put_back_gathered();
        while let Some(ended) = self.sends.join_next().await {
            self.note(ended);
        }
    }

    fn put_back_gathered(&mut self) {
        let gathered = self.batcher.take().into_iter().flat_map(Batcher::into_requests);
        gathered.for_each(|request| self.delivery.queue.put_back(request));
    }

    /// Takes a request from the queue on its way.
    fn take(&mut self, request: Request) {
        match &mut self.batcher {
            Some(batcher) => batcher.add(request),
            None => self.send(request),
        }
    }

    fn flush_due(&mut self) {
        if let Some(batcher) = &mut self.batcher {
            batcher.flush_due();
        }
    }

    /// Sends full batches as long as there are free consumers.
    fn send_full(&mut self) {
        while self.sends.len() < self.limit {
            let Some(batch) = self.batcher.as_mut().and_then(Batcher::next_full) else { return };
            self.send(batch);
        }
    }

    fn send(&mut self, request: Request) {
        if self.batcher.is_some() {
            self.delivery.sender.metrics.batched.record(request.batch.telemetry());
        }
        self.sends.spawn(self.delivery.clone().deliver(request));
    }

    fn note(&self, ended: Result<(), JoinError>) {
        if let Err(error) = ended {
            let (exporter, signal) = (&self.delivery.report.id, self.delivery.report.signal);
            error!(%exporter, %signal, %error, "a consumer of the sending queue died");
        }
    }
}

impl Drop for Consumers {
    fn drop(&mut self) {
        // What still is on its way puts itself back, or is given up, when its task is dropped.
        self.seat.leave();
        if self.delivery.leaves_rest() {
            self.put_back_gathered();
        } else {
            let gathered = self.batcher.take().into_iter().flat_map(Batcher::into_requests);
            gathered.for_each(|request| self.delivery.queue.abandon(request));
        }
    }
}
