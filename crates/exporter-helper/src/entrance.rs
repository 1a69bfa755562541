//! Where an exporter takes batches in.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use component::{Attached, Batch, ConsumeError, Consumer, Outcome};
use pdata::Telemetry;

use crate::caller::stopped;
use crate::delivery::front_half;
use crate::queue::{Intake, Queue};
use crate::report::Report;
use crate::sender::{Sender, Sent, Unsent};

/// The input of one signal.
pub(crate) struct Entrance {
    pub(crate) way: Way,
    pub(crate) sender: Arc<Sender>,
    pub(crate) report: Arc<Report>,
}

/// How a batch gets to the sender.
pub(crate) enum Way {
    /// Through a queue; the caller goes on.
    Queued(Intake, Arc<OnceLock<Arc<Queue>>>),
    /// The caller waits until it is sent.
    Direct,
}

#[async_trait]
impl Consumer for Entrance {
    async fn consume(&self, batch: Batch) -> Result<(), ConsumeError> {
        let items = batch.item_count();
        let answer = match &self.way {
            Way::Queued(intake, queue) => {
                self.sender.metrics.enqueued.record(batch.telemetry());
                let answer = match queue.get() {
                    Some(queue) => queue.put(intake, batch).await,
                    None => Err(stopped()),
                };
                answer.map_err(|error| {
                    self.sender.metrics.enqueue_failed.add(items);
                    Unsent { error, items }
                })
            }
            Way::Direct => {
                let (telemetry, attached) = batch.into_parts();
                self.send(telemetry, attached).await
            }
        };
        answer.map_err(|unsent| {
            self.report.rejected(&unsent);
            unsent.error
        })
    }
}

impl Entrance {
    /// Sends while the caller waits, in parts if it has to be. The answer is the worst of theirs; of the failures, one that
    /// may pass, so that nothing is given up that can be offered again.
    async fn send(&self, telemetry: Telemetry, attached: Attached) -> Result<(), Unsent> {
        let items = telemetry.item_count();
        let mut parts = vec![telemetry];
        let mut failed: Option<Unsent> = None;
        while let Some(mut part) = parts.pop() {
            let unsent = match self.sender.send(&mut part, None).await {
                Sent::Delivered => continue,
                Sent::TooLarge => {
                    let front = front_half(&mut part);
                    parts.extend([part, front]);
                    continue;
                }
                Sent::GivenUp(unsent) | Sent::Interrupted(unsent) => unsent,
            };
            self.sender.metrics.send_failed.add(unsent.items, &unsent.error);
            failed = Some(match failed {
                None => unsent,
                Some(other) => {
                    let items = other.items + unsent.items;
                    let passes = other.error.is_permanent() && !unsent.error.is_permanent();
                    let error = if passes { unsent.error } else { other.error };
                    Unsent { error, items }
                }
            });
        }
        match failed {
            None => {
                self.sender.metrics.entry.out(items);
                attached.resolve(Outcome::Delivered);
                Ok(())
            }
            Some(unsent) if unsent.items < items => {
                Err(Unsent { error: unsent.error.in_part(), ..unsent })
            }
            Some(unsent) => Err(unsent),
        }
    }
}
