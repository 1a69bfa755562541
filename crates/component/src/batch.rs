//! What moves through a pipeline.

use std::sync::Arc;

use pdata::{Signal, Telemetry};

use crate::attached::Attached;
use crate::memory::{MemoryAccount, Share};
use crate::metadata::ClientMetadata;
use crate::receipt::{DropReason, Outcome, Receipt};

/// Telemetry on its way, with the receipts of the sources that wait for its outcome, and its share of the memory account.
///
/// A batch is not `Clone`: [`fan_out`](Self::fan_out), [`split`](Self::split), [`merge`](Self::merge) and
/// [`discard`](Self::discard) are the only ways to make more or fewer of it, and each keeps the receipts true. A batch
/// that is dropped otherwise, by a panic or a cancelled future, tells its sources [`Outcome::FailedForNow`].
#[derive(Debug)]
pub struct Batch {
    telemetry: Telemetry,
    attached: Attached,
}

impl Batch {
    /// A batch whose source does not wait for the outcome.
    pub fn new(telemetry: impl Into<Telemetry>) -> Self {
        Self { telemetry: telemetry.into(), attached: Attached::default() }
    }

    /// A batch whose source is told once what became of it.
    pub fn with_receipt(telemetry: impl Into<Telemetry>, receipt: Receipt) -> Self {
        let attached = Attached::default().with_receipts(receipt.into());
        Self { telemetry: telemetry.into(), attached }
    }

    /// Adds a share of the memory account, which is given back when the last part of the batch is gone.
    #[must_use]
    pub fn charged(mut self, share: Share) -> Self {
        self.attached.charge(share);
        self
    }

    /// Sets what the client said beside its telemetry.
    #[must_use]
    pub fn with_metadata(mut self, metadata: ClientMetadata) -> Self {
        self.attached.set_metadata(metadata);
        self
    }

    /// Puts a batch together again from the parts that [`into_parts`](Self::into_parts) gave.
    pub fn from_parts(telemetry: Telemetry, attached: Attached) -> Self {
        Self { telemetry, attached }
    }

    /// Takes telemetry and what travels with it apart. Whoever calls this answers for resolving the receipts.
    pub fn into_parts(self) -> (Telemetry, Attached) {
        (self.telemetry, self.attached)
    }

    /// The telemetry.
    pub fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// The telemetry, to be changed in place.
    pub fn telemetry_mut(&mut self) -> &mut Telemetry {
        &mut self.telemetry
    }

    /// What the client said beside its telemetry.
    pub fn metadata(&self) -> &ClientMetadata {
        self.attached.metadata()
    }

    /// What kind of telemetry this is.
    pub fn signal(&self) -> Signal {
        self.telemetry.signal()
    }

    /// Spans, data points or log records.
    pub fn item_count(&self) -> usize {
        self.telemetry.item_count()
    }

    /// The same telemetry `ways` times; each source hears the worst outcome of all of them. The telemetry is shared, and
    /// copied only where somebody changes it. No way at all discards the batch.
    pub fn fan_out(self, ways: usize) -> Vec<Self> {
        let Some(copies) = ways.checked_sub(1) else {
            self.discard("no consumer");
            return Vec::new();
        };
        let mut batches = Vec::with_capacity(ways);
        for _ in 0..copies {
            let attached = self.attached.part();
            batches.push(Self { telemetry: self.telemetry.clone(), attached });
        }
        batches.push(self);
        batches
    }

    /// Replaces the telemetry by the parts that it was cut into. Each source hears the worst outcome of all parts. No
    /// part at all means that everything was dropped on purpose.
    pub fn split(self, parts: Vec<Telemetry>) -> Vec<Self> {
        let Some(rest) = parts.len().checked_sub(1) else {
            self.discard("split into nothing");
            return Vec::new();
        };
        let mut attached: Vec<Attached> = (0..rest).map(|_| self.attached.part()).collect();
        attached.push(self.attached);
        parts
            .into_iter()
            .zip(attached)
            .map(|(telemetry, attached)| Self { telemetry, attached })
            .collect()
    }

    /// Appends another batch of the same signal. Client metadata stays only where both say the same.
    ///
    /// # Errors
    ///
    /// Gives the other batch back when it carries another signal.
    pub fn merge(&mut self, other: Self) -> Result<(), Self> {
        let Self { telemetry, attached } = other;
        match self.telemetry.merge(telemetry) {
            Ok(()) => {
                self.attached.append(attached);
                Ok(())
            }
            Err(telemetry) => Err(Self { telemetry, attached }),
        }
    }

    /// Copies the telemetry out of buffers that are more than twice its size, and exchanges its shares of the memory
    /// account for one of what it then takes. For whoever keeps batches for a while: queues, batchers.
    pub fn compact(&mut self, account: &Arc<MemoryAccount>) {
        if self.telemetry.pinned_len() / 2 > self.telemetry.encoded_len() {
            self.telemetry.compact();
            self.attached.recharge(account.charge(self.telemetry.pinned_len()));
        }
    }

    /// Drops the data on purpose and tells the sources so.
    pub fn discard(self, reason: DropReason) {
        tracing::trace!(reason, signal = %self.signal(), items = self.item_count(), "batch discarded");
        self.attached.resolve(Outcome::Dropped);
    }
}
