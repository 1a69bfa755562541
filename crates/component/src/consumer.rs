//! How data moves: one call, one answer.

use async_trait::async_trait;
use pdata::Telemetry;

use crate::batch::Batch;
use crate::error::ConsumeError;

/// Whatever takes batches: a processor, an exporter, the engine's edges between them.
#[async_trait]
pub trait Consumer: Send + Sync {
    /// Takes responsibility for a batch.
    ///
    /// `Ok` means that the callee answers for the data from here on; only the batch's receipts speak of it again. `Err`
    /// means that it does not, and that the caller decides. Back pressure is this future not being ready; cancelling it
    /// gives the batch up.
    ///
    /// # Errors
    ///
    /// Says whether the same data may be offered again, and when.
    async fn consume(&self, batch: Batch) -> Result<(), ConsumeError>;
}

/// A processor that only computes. The engine calls it and hands on what it leaves; when nothing is left, the batch is
/// dropped on purpose and the next consumer isn't called.
pub trait Transform: Send + Sync {
    /// Changes telemetry in place.
    ///
    /// # Errors
    ///
    /// The batch is refused as a whole; nothing of it goes on.
    fn transform(&self, telemetry: &mut Telemetry) -> Result<(), ConsumeError>;
}
