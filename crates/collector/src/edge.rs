//! What the engine puts between components: the containment of panics, the fan-out, the plumbing of transforms.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use component::{
    Batch, Code, ConsumeError, Consumer, Slot, Transform, async_trait, contain, panic_message,
};
use tracing::error;

use crate::kind::Name;

/// Calls a component's consumer and keeps its panic from reaching the caller.
pub(crate) struct Edge {
    name: Name,
    consumer: Arc<dyn Consumer>,
}

impl Edge {
    pub(crate) fn around(name: Name, consumer: Arc<dyn Consumer>) -> Arc<dyn Consumer> {
        Arc::new(Self { name, consumer })
    }
}

#[async_trait]
impl Consumer for Edge {
    async fn consume(&self, batch: Batch) -> Result<(), ConsumeError> {
        match contain(self.consumer.consume(batch)).await {
            Ok(answer) => answer,
            Err(panic) => Err(panicked(&self.name, &panic)),
        }
    }
}

/// Runs a processor that only computes, and hands on what it leaves.
pub(crate) struct TransformEdge {
    name: Name,
    transform: Arc<dyn Transform>,
    next: Slot,
}

impl TransformEdge {
    pub(crate) fn around(
        name: Name,
        transform: Arc<dyn Transform>,
        next: Slot,
    ) -> Arc<dyn Consumer> {
        Arc::new(Self { name, transform, next })
    }
}

#[async_trait]
impl Consumer for TransformEdge {
    async fn consume(&self, mut batch: Batch) -> Result<(), ConsumeError> {
        let transform = AssertUnwindSafe(|| self.transform.transform(batch.telemetry_mut()));
        match catch_unwind(transform) {
            Ok(answer) => answer?,
            Err(panic) => return Err(panicked(&self.name, &panic_message(&*panic))),
        }
        if batch.telemetry().is_empty() {
            batch.discard("nothing left");
            return Ok(());
        }
        self.next.consume(batch).await
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
        ConsumeError::join(errors).map_or(Ok(()), Err)
    }
}

/// Offering the same data again would likely panic again, so the error is permanent.
fn panicked(name: &Name, panic: &str) -> ConsumeError {
    error!(component = %name, panic, "component panicked; the batch is refused");
    ConsumeError::permanent(format!("{name} panicked")).with_code(Code::Internal)
}
