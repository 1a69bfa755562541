//! The exit of a queue: a number of requests on their way at the same time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use component::{Batch, CancellationToken, ConsumeError, Outcome, Receipt, Telemetry};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use tracing::{error, warn};

use crate::assembler::Assembler;
use crate::lane::{Report, outcome};
use crate::queue::{Answer, Attachment, Left, Queue, Request};
use crate::sender::Sender;

/// How often what is stored is brought to the disk itself: the end of the machine loses no more than this.
const GROUP_COMMIT: Duration = Duration::from_secs(1);

/// Empties a queue.
pub(crate) struct Consumers {
    pub(crate) attachment: Attachment,
    pub(crate) sender: Arc<Sender>,
    pub(crate) report: Arc<Report>,
    /// Requests at the same time.
    pub(crate) limit: usize,
    pub(crate) assembler: Option<Assembler>,
}

/// What goes to the destination as one request.
struct Parcel {
    batch: Batch,
    reply: Option<oneshot::Sender<Answer>>,
}

/// How far the end has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    /// Everything that waits is sent once.
    Draining,
    /// Nothing more is taken: somebody else goes on with it.
    Leaving,
}

impl Consumers {
    /// Sends what comes in. When told to stop, what waits is left to a successor or in the storage; without either, it has
    /// one attempt each.
    ///
    /// Dropping the future abandons what is left and says how much that was.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let queue = Arc::clone(self.attachment.queue());
        let mut sends = JoinSet::new();
        let mut ready: VecDeque<Parcel> = VecDeque::new();
        let mut phase = Phase::Running;
        let mut commits = interval_at(Instant::now() + GROUP_COMMIT, GROUP_COMMIT);
        commits.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let report = Arc::clone(&self.report);
        let abandoned = Abandoned { report: &report, queue: &queue };
        loop {
            while sends.len() < self.sender.health.allowed(self.limit)
                && let Some(parcel) = ready.pop_front()
            {
                let (sender, report) = (Arc::clone(&self.sender), Arc::clone(&self.report));
                sends.spawn(deliver(sender, report, Arc::clone(&queue), parcel));
            }
            let due = self.assembler.as_ref().and_then(Assembler::due);
            let takes = ready.is_empty()
                && phase != Phase::Leaving
                && sends.len() < self.sender.health.allowed(self.limit);
            tokio::select! {
                Some(ended) = sends.join_next() => note(&self.report, ended),
                request = queue.take(), if takes => match request {
                    Some(request) => ready.extend(self.assemble(request)),
                    None => break,
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    ready.extend(self.flush(Flush::Due));
                }
                _ = commits.tick(), if queue.is_stored() => queue.sync().await,
                () = stop.cancelled(), if phase == Phase::Running => {
                    phase = match queue.has_successor() || queue.is_stored() {
                        true => Phase::Leaving,
                        false => Phase::Draining,
                    };
                    if !queue.has_successor() {
                        queue.close();
                    }
                }
            }
            if phase == Phase::Draining && queue.has_successor() {
                phase = Phase::Leaving;
            }
            if phase == Phase::Leaving {
                break;
            }
        }
        ready.extend(self.flush(Flush::All));
        for parcel in ready {
            let (sender, report) = (Arc::clone(&self.sender), Arc::clone(&self.report));
            sends.spawn(deliver(sender, report, Arc::clone(&queue), parcel));
        }
        while let Some(ended) = sends.join_next().await {
            note(&self.report, ended);
        }
        queue.sync().await;
        abandoned.disarm();
        self.report.losses();
    }

    fn assemble(&mut self, request: Request) -> Vec<Parcel> {
        let Request { batch, reply } = request;
        match &mut self.assembler {
            None => vec![Parcel { batch, reply }],
            Some(assembler) => parcels(assembler.push(with_reply(batch, reply))),
        }
    }

    fn flush(&mut self, flush: Flush) -> Vec<Parcel> {
        let Some(assembler) = &mut self.assembler else { return Vec::new() };
        parcels(match flush {
            Flush::Due => assembler.take_due(Instant::now()),
            Flush::All => assembler.take_all(),
        })
    }
}

/// What of a batch that is being gathered is to go.
#[derive(Clone, Copy)]
enum Flush {
    Due,
    All,
}

fn parcels(batches: Vec<Batch>) -> Vec<Parcel> {
    batches.into_iter().map(|batch| Parcel { batch, reply: None }).collect()
}

/// Makes a caller's answer a receipt of its batch, so that it goes with the batch through merging and splitting.
fn with_reply(mut batch: Batch, reply: Option<oneshot::Sender<Answer>>) -> Batch {
    let Some(reply) = reply else { return batch };
    let receipt = Receipt::new(move |outcome| {
        let answer = match outcome {
            Outcome::Delivered | Outcome::Dropped => Ok(()),
            Outcome::FailedForGood => Err(ConsumeError::permanent("the batch was not delivered")),
            Outcome::FailedForNow => Err(ConsumeError::retryable("the batch was not delivered")),
        };
        // The caller may have gone away: then nobody wants the answer.
        drop(reply.send(answer));
    });
    let metadata = batch.metadata().clone();
    let nothing = Batch::with_receipt(Telemetry::empty(batch.signal()), receipt);
    batch.merge(nothing.with_metadata(metadata)).expect("both are of the queue's signal");
    batch
}

fn note(report: &Report, ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        error!(exporter = %report.id, signal = %report.signal, %error, "a consumer of the sending queue died");
    }
}

/// Sends one request and tells everybody who waits for it. A caller that waits for the result and goes away takes the
/// request with it.
async fn deliver(sender: Arc<Sender>, report: Arc<Report>, queue: Arc<Queue>, parcel: Parcel) {
    let Parcel { batch, reply } = parcel;
    let items = batch.item_count();
    let (telemetry, attached) = batch.into_parts();
    let Some(mut reply) = reply else {
        let result = sender.send(telemetry).await;
        match result {
            Ok(()) => {
                report.metrics.sent(items);
                attached.resolve(Outcome::Delivered);
            }
            Err(mut unsent) => match unsent.interrupted.take() {
                // It is in the storage, and stays there.
                Some(_) if queue.is_stored() => {
                    attached.resolve(Outcome::FailedForNow);
                }
                Some(left) if queue.has_successor() => {
                    report.metrics.sent(items.saturating_sub(unsent.items));
                    queue.give_back(Batch::from_parts(left, attached));
                }
                _ => {
                    report.metrics.sent(items.saturating_sub(unsent.items));
                    report.dropped(&unsent);
                    attached.resolve(match queue.is_stored() {
                        // Upstream's rule: what is given up is not kept.
                        true => Outcome::FailedForGood,
                        false => outcome(&Err(unsent)),
                    });
                }
            },
        }
        return;
    };
    tokio::select! {
        biased;
        () = reply.closed() => {}
        result = sender.send(telemetry) => {
            if result.is_ok() {
                report.metrics.sent(items);
            }
            attached.resolve(outcome(&result));
            // The caller may have gone away in the meantime: then nobody wants the answer.
            drop(reply.send(result.map_err(|unsent| unsent.error)));
        }
    }
}

/// Names what is lost when the consumers are dropped before they are done. It is dropped before the requests are.
struct Abandoned<'a> {
    report: &'a Report,
    queue: &'a Queue,
}

impl Abandoned<'_> {
    fn disarm(self) {
        std::mem::forget(self);
    }
}

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        let Left { requests, items } = self.queue.left();
        if requests > 0 && !self.queue.is_stored() && !self.queue.has_successor() {
            warn!(
                exporter = %self.report.id,
                signal = %self.report.signal,
                requests,
                items,
                "stopped before the sending queue was empty, its data is lost"
            );
        }
    }
}
