//! What the engine does for processors that only compute.

use std::sync::Arc;

use async_trait::async_trait;
use component::{Batch, ConsumeError, Consumer, Slot, Transform};

/// Lets a [`Transform`] take part in a pipeline: calls it, and hands on what it leaves.
pub(crate) struct Transformer {
    pub(crate) transform: Arc<dyn Transform>,
    pub(crate) next: Slot,
}

#[async_trait]
impl Consumer for Transformer {
    async fn consume(&self, mut batch: Batch) -> Result<(), ConsumeError> {
        self.transform.transform(batch.telemetry_mut())?;
        if batch.telemetry().is_empty() {
            batch.discard("processed");
            return Ok(());
        }
        self.next.consume(batch).await
    }
}
