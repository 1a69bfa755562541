//! What the engine puts between components: the containment of panics, the counting, the fan-out, the plumbing of
//! transforms.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use component::ledger::Entry;
use component::meter::Histogram;
use component::trace::Tracer;
use component::{
    Batch, Code, ComponentId, ConsumeError, Consumer, Signal, Slot, Transform, async_trait,
    contain, panic_message,
};
use tokio::time::Instant;
use tracing::error;

use crate::name::Name;
use crate::watch::Watch;

/// What an `Ok` of a component means for its entry in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// The items are on their way through it.
    Inside,
    /// The items have arrived.
    Delivered,
}

/// Whose code an edge calls, and who watches it.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) name: Arc<Name>,
    pub(crate) watch: Watch,
}

/// The way into a component: keeps its panic from reaching the caller, and counts what it takes and refuses.
pub(crate) struct Edge {
    guard: Guard,
    consumer: Arc<dyn Consumer>,
    entry: Arc<Entry>,
    accepted: Accepted,
}

impl Edge {
    pub(crate) fn into(
        guard: Guard,
        consumer: Arc<dyn Consumer>,
        entry: Arc<Entry>,
        accepted: Accepted,
    ) -> Arc<dyn Consumer> {
        Arc::new(Self { guard, consumer, entry, accepted })
    }
}

#[async_trait]
impl Consumer for Edge {
    async fn consume(&self, batch: Batch) -> Result<(), ConsumeError> {
        let items = batch.item_count();
        let offered = Offered::take(&self.entry, items);
        let Guard { name, watch } = &self.guard;
        let answer = contain(watch.over(name, self.consumer.consume(batch))).await;
        match answer.unwrap_or_else(|panic| Err(panicked(name, &panic))) {
            Ok(()) => {
                offered.accepted();
                if self.accepted == Accepted::Delivered {
                    self.entry.out(items);
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// Items that a component was offered. Unless it accepts them, they count as refused, also when the caller goes away.
struct Offered<'a> {
    entry: &'a Entry,
    items: usize,
}

impl<'a> Offered<'a> {
    fn take(entry: &'a Entry, items: usize) -> Self {
        entry.taken(items);
        Self { entry, items }
    }

    fn accepted(mut self) {
        self.items = 0;
    }
}

impl Drop for Offered<'_> {
    fn drop(&mut self) {
        self.entry.refused(self.items);
    }
}

/// The way out of a component: counts what the next one accepts.
pub(crate) struct Exit {
    entry: Arc<Entry>,
    next: Arc<dyn Consumer>,
    origin: Origin,
}

/// The names of a receiver's spans, and of the numbers in them.
pub(crate) struct Operation {
    pub(crate) tracer: Arc<Tracer>,
    pub(crate) name: String,
    pub(crate) accepted: &'static str,
    pub(crate) refused: &'static str,
}

impl Operation {
    /// What a receiver takes in of one signal, by upstream's names.
    pub(crate) fn of(tracer: Arc<Tracer>, receiver: &ComponentId, signal: Signal) -> Self {
        let (operation, accepted, refused) = match signal {
            Signal::Traces => ("TraceDataReceived", "accepted_spans", "refused_spans"),
            Signal::Metrics => {
                ("MetricsReceived", "accepted_metric_points", "refused_metric_points")
            }
            Signal::Logs => ("LogsReceived", "accepted_log_records", "refused_log_records"),
        };
        Self { tracer, name: format!("receiver/{receiver}/{operation}"), accepted, refused }
    }
}

/// Puts a span around what a receiver hands on.
pub(crate) struct Traced {
    pub(crate) operation: Operation,
    pub(crate) next: Arc<dyn Consumer>,
}

#[async_trait]
impl Consumer for Traced {
    async fn consume(&self, batch: Batch) -> Result<(), ConsumeError> {
        let Operation { tracer, name, accepted, refused } = &self.operation;
        let Some(span) = tracer.begin(|| name.clone()) else {
            return self.next.consume(batch).await;
        };
        let items = batch.item_count();
        let answer = span.around(self.next.consume(batch)).await;
        match &answer {
            Ok(()) => span.end(&[(accepted, items), (refused, 0)], None),
            Err(error) => span.end(&[(accepted, 0), (refused, items)], Some(error.chain())),
        }
        answer
    }
}

/// Where the items that leave a component come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From outside: a receiver's. What the pipelines refuse has gone back there.
    Outside,
    /// From the pipeline: they were counted when they came in.
    Pipeline,
}

impl Exit {
    pub(crate) fn of(
        entry: Arc<Entry>,
        next: Arc<dyn Consumer>,
        origin: Origin,
    ) -> Arc<dyn Consumer> {
        Arc::new(Self { entry, next, origin })
    }
}

#[async_trait]
impl Consumer for Exit {
    async fn consume(&self, batch: Batch) -> Result<(), ConsumeError> {
        let items = batch.item_count();
        let offered = (self.origin == Origin::Outside).then(|| {
            self.entry.created("received", items);
            Offered { entry: &self.entry, items }
        });
        self.next.consume(batch).await?;
        if let Some(offered) = offered {
            offered.accepted();
        }
        self.entry.out(items);
        Ok(())
    }
}

/// Runs a processor that only computes, and hands on what it leaves. What leaves is counted by the [`Exit`] behind `next`.
pub(crate) struct TransformEdge {
    guard: Guard,
    transform: Arc<dyn Transform>,
    next: Slot,
    entry: Arc<Entry>,
    duration: Histogram,
}

impl TransformEdge {
    pub(crate) fn around(
        guard: Guard,
        transform: Arc<dyn Transform>,
        next: Slot,
        entry: Arc<Entry>,
        duration: Histogram,
    ) -> Arc<dyn Consumer> {
        Arc::new(Self { guard, transform, next, entry, duration })
    }
}

#[async_trait]
impl Consumer for TransformEdge {
    async fn consume(&self, mut batch: Batch) -> Result<(), ConsumeError> {
        let came = batch.item_count();
        let offered = Offered::take(&self.entry, came);
        let Guard { name, watch } = &self.guard;
        let transform = AssertUnwindSafe(|| {
            let _turn = watch.begin(name);
            self.transform.transform(batch.telemetry_mut())
        });
        let begin = Instant::now();
        let answer = catch_unwind(transform);
        self.duration.record_duration(begin.elapsed());
        match answer {
            Ok(answer) => answer?,
            Err(panic) => return Err(panicked(name, &panic_message(&*panic))),
        }
        let left = batch.item_count();
        let more = left.saturating_sub(came);
        self.entry.created("computed", more);
        if batch.telemetry().is_empty() {
            batch.discard("nothing left");
        } else if let Err(error) = self.next.consume(batch).await {
            self.entry.dropped("refused", more);
            return Err(error);
        }
        offered.accepted();
        self.entry.dropped("filtered", came.saturating_sub(left));
        Ok(())
    }
}

/// Offers a batch to several consumers, one after the other. Each is called even when another has failed; the errors are
/// joined, as upstream does.
pub(crate) struct FanOut {
    targets: Vec<Arc<dyn Consumer>>,
}

impl FanOut {
    /// A consumer over all targets. One target needs no fan-out.
    pub(crate) fn over(mut targets: Vec<Arc<dyn Consumer>>) -> Arc<dyn Consumer> {
        match (targets.pop(), targets.is_empty()) {
            (Some(only), true) => only,
            (last, _) => {
                targets.extend(last);
                Arc::new(Self { targets })
            }
        }
    }
}

#[async_trait]
impl Consumer for FanOut {
    async fn consume(&self, batch: Batch) -> Result<(), ConsumeError> {
        let mut errors = Vec::new();
        for (target, batch) in self.targets.iter().zip(batch.fan_out(self.targets.len())) {
            if let Err(error) = target.consume(batch).await {
                errors.push(error);
            }
        }
        let some_took_it = errors.len() < self.targets.len();
        match ConsumeError::join(errors) {
            None => Ok(()),
            Some(error) if some_took_it => Err(error.in_part()),
            Some(error) => Err(error),
        }
    }
}

/// Offering the same data again would likely panic again, so the error is permanent.
fn panicked(name: &Name, panic: &str) -> ConsumeError {
    error!(component = %name, panic, "component panicked; the batch is refused");
    ConsumeError::permanent(format!("{name} panicked")).with_code(Code::Internal)
}

#[cfg(test)]
mod tests;
