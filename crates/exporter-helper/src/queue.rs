//! The queue in memory, and the consumers that empty it.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use component::{Attached, Batch, CancellationToken, ConsumeError, Outcome};
use pdata::Telemetry;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};
use tracing::{error, warn};

use crate::config::{QueueConfig, Sizer};
use crate::lane::{Report, outcome};
use crate::sender::Sender;

type Answer = Result<(), ConsumeError>;

/// The entrance of a queue.
///
/// Space is a semaphore whose permits travel with the request, so that what is being sent counts until it is done. Each
/// request takes at least one permit; that is why the channel, as long as the queue is large, never overflows.
pub(crate) struct Queue {
    config: QueueConfig,
    capacity: usize,
    space: Arc<Semaphore>,
    requests: mpsc::Sender<Request>,
    load: Arc<Load>,
}

/// The exit of a queue.
pub(crate) struct Consumers {
    sender: Arc<Sender>,
    report: Arc<Report>,
    limit: usize,
    space: Arc<Semaphore>,
    requests: mpsc::Receiver<Request>,
    load: Arc<Load>,
}

/// A request in the queue or being sent.
struct Request {
    telemetry: Telemetry,
    attached: Attached,
    /// Set when the caller waits for the result.
    reply: Option<oneshot::Sender<Answer>>,
    _space: OwnedSemaphorePermit,
    _load: Share,
}

/// A queue of the configured size, both ends.
pub(crate) fn queue(
    config: QueueConfig,
    sender: Arc<Sender>,
    report: Arc<Report>,
) -> (Queue, Consumers) {
    let capacity = config.queue_size.get().min(Semaphore::MAX_PERMITS);
    let space = Arc::new(Semaphore::new(capacity));
    let load = Arc::new(Load::default());
    let (entrance, exit) = mpsc::channel(capacity);
    let consumers = Consumers {
        sender,
        report,
        limit: config.num_consumers.get(),
        space: Arc::clone(&space),
        requests: exit,
        load: Arc::clone(&load),
    };
    (Queue { config, capacity, space, requests: entrance, load }, consumers)
}

impl Queue {
    /// Puts a batch into the queue, and waits for its result if the configuration says so.
    pub(crate) async fn offer(&self, batch: Batch) -> Answer {
        let Some(size) = self.size_of(batch.telemetry()) else {
            batch.into_parts().1.resolve(Outcome::Delivered);
            return Ok(());
        };
        let space = self.space_for(size.get()).await?;
        let (reply, answer) = match self.config.wait_for_result {
            true => {
                let (reply, answer) = oneshot::channel();
                (Some(reply), Some(answer))
            }
            false => (None, None),
        };
        let load = Share::of(&self.load, batch.item_count());
        let (telemetry, attached) = batch.into_parts();
        let request = Request { telemetry, attached, reply, _space: space, _load: load };
        self.requests.try_send(request).map_err(|_| stopped())?;
        match answer {
            Some(answer) => answer.await.unwrap_or_else(|_| Err(stopped())),
            None => Ok(()),
        }
    }

    /// The size of a request, unless it has none.
    fn size_of(&self, telemetry: &Telemetry) -> Option<NonZeroUsize> {
        NonZeroUsize::new(match self.config.sizer {
            Sizer::Requests => 1,
            Sizer::Items => telemetry.item_count(),
            Sizer::Bytes => telemetry.encoded_len(),
        })
    }

    async fn space_for(&self, size: usize) -> Result<OwnedSemaphorePermit, ConsumeError> {
        let permits = u32::try_from(size).ok().filter(|_| size <= self.capacity);
        let Some(permits) = permits else {
            return Err(ConsumeError::retryable("element size too large"));
        };
        let space = Arc::clone(&self.space);
        if self.config.block_on_overflow {
            return space.acquire_many_owned(permits).await.map_err(|_| stopped());
        }
        space.try_acquire_many_owned(permits).map_err(|refusal| match refusal {
            TryAcquireError::NoPermits => ConsumeError::retryable("sending queue is full"),
            TryAcquireError::Closed => stopped(),
        })
    }
}

fn stopped() -> ConsumeError {
    ConsumeError::retryable("sending queue is stopped")
}

impl Consumers {
    /// Sends what comes in, a limited number of requests at a time. When told to stop, it closes the entrance, lets every
    /// request that is left have one attempt, and ends.
    ///
    /// Dropping the future abandons what is left and says how much that was.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut sends = JoinSet::new();
        let mut stopping = false;
        let _abandoned = Abandoned { report: &self.report, load: &self.load };
        loop {
            tokio::select! {
                Some(ended) = sends.join_next() => note(&self.report, ended),
                request = self.requests.recv(), if sends.len() < self.limit => match request {
                    Some(request) => {
                        let (sender, report) = (Arc::clone(&self.sender), Arc::clone(&self.report));
                        sends.spawn(deliver(sender, report, request));
                    }
                    None => break,
                },
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    self.space.close();
                    self.requests.close();
                }
            }
        }
        while let Some(ended) = sends.join_next().await {
            note(&self.report, ended);
        }
        self.report.losses();
    }
}

fn note(report: &Report, ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        error!(exporter = %report.id, signal = %report.signal, %error, "a consumer of the sending queue died");
    }
}

/// Sends one request and tells everybody who waits for it. A caller that waits for the result and goes away takes the
/// request with it.
async fn deliver(sender: Arc<Sender>, report: Arc<Report>, request: Request) {
    let Request { telemetry, attached, reply, _space, _load } = request;
    let Some(mut reply) = reply else {
        let result = sender.send(telemetry).await;
        if let Err(unsent) = &result {
            report.dropped(unsent);
        }
        attached.resolve(outcome(&result));
        return;
    };
    tokio::select! {
        biased;
        () = reply.closed() => {}
        result = sender.send(telemetry) => {
            attached.resolve(outcome(&result));
            // The caller may have gone away in the meantime: then nobody wants the answer.
            drop(reply.send(result.map_err(|unsent| unsent.error)));
        }
    }
}

/// What is in a queue and on its way from there.
#[derive(Debug, Default)]
struct Load {
    requests: AtomicUsize,
    items: AtomicUsize,
}

/// One request's share of the load, for as long as it lives.
struct Share {
    load: Arc<Load>,
    items: usize,
}

impl Share {
    fn of(load: &Arc<Load>, items: usize) -> Self {
        load.requests.fetch_add(1, Ordering::Relaxed);
        load.items.fetch_add(items, Ordering::Relaxed);
        Self { load: Arc::clone(load), items }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.load.requests.fetch_sub(1, Ordering::Relaxed);
        self.load.items.fetch_sub(self.items, Ordering::Relaxed);
    }
}

/// Names what is lost when the consumers are dropped before they are done. It is dropped before the requests are.
struct Abandoned<'a> {
    report: &'a Report,
    load: &'a Load,
}

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        let requests = self.load.requests.load(Ordering::Relaxed);
        if requests > 0 {
            warn!(
                exporter = %self.report.id,
                signal = %self.report.signal,
                requests,
                items = self.load.items.load(Ordering::Relaxed),
                "stopped before the sending queue was empty, its data is lost"
            );
        }
    }
}
