//! What moves through a pipeline.

use pdata::{Signal, Telemetry};

use crate::receipt::{DropReason, Outcome, Receipt, Receipts};

/// Telemetry on its way, with the receipts of the sources that wait for its outcome.
///
/// A batch is not `Clone`: [`fan_out`](Self::fan_out), [`split`](Self::split), [`merge`](Self::merge) and
/// [`discard`](Self::discard) are the only ways to make more or fewer of it, and each keeps the receipts true. A batch
/// that is dropped otherwise, by a panic or a cancelled future, tells its sources [`Outcome::FailedForNow`].
#[derive(Debug)]
pub struct Batch {
    telemetry: Telemetry,
    receipts: Receipts,
}

impl Batch {
    /// A batch whose source does not wait for the outcome.
    pub fn new(telemetry: impl Into<Telemetry>) -> Self {
        Self { telemetry: telemetry.into(), receipts: Receipts::none() }
    }

    /// A batch whose source is told once what became of it.
    pub fn with_receipt(telemetry: impl Into<Telemetry>, receipt: Receipt) -> Self {
        Self { telemetry: telemetry.into(), receipts: receipt.into() }
    }

    /// Puts a batch together again from the parts that [`into_parts`](Self::into_parts) gave.
    pub fn from_parts(telemetry: Telemetry, receipts: Receipts) -> Self {
        Self { telemetry, receipts }
    }

    /// Takes telemetry and receipts apart. Whoever calls this answers for resolving the receipts.
    pub fn into_parts(self) -> (Telemetry, Receipts) {
        (self.telemetry, self.receipts)
    }

    /// The telemetry.
    pub fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// The telemetry, to be changed in place.
    pub fn telemetry_mut(&mut self) -> &mut Telemetry {
        &mut self.telemetry
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
            batches
                .push(Self { telemetry: self.telemetry.clone(), receipts: self.receipts.part() });
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
        let mut receipts: Vec<Receipts> = (0..rest).map(|_| self.receipts.part()).collect();
        receipts.push(self.receipts);
        parts
            .into_iter()
            .zip(receipts)
            .map(|(telemetry, receipts)| Self { telemetry, receipts })
            .collect()
    }

    /// Appends another batch of the same signal.
    ///
    /// # Errors
    ///
    /// Gives the other batch back when it carries another signal.
    pub fn merge(&mut self, other: Self) -> Result<(), Self> {
        let Self { telemetry, receipts } = other;
        match self.telemetry.merge(telemetry) {
            Ok(()) => {
                self.receipts.append(receipts);
                Ok(())
            }
            Err(telemetry) => Err(Self { telemetry, receipts }),
        }
    }

    /// Drops the data on purpose and tells the sources so.
    pub fn discard(self, reason: DropReason) {
        tracing::trace!(reason, signal = %self.signal(), items = self.item_count(), "batch discarded");
        self.receipts.resolve(Outcome::Dropped);
    }
}
