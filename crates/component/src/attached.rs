//! What travels with telemetry.

use std::sync::Arc;

use crate::memory::Share;
use crate::metadata::ClientMetadata;
use crate::receipt::{Outcome, Receipts};

/// Everything about a batch that is not telemetry: the receipts of its sources, its shares of the memory account, its
/// client's metadata.
///
/// Whoever takes a batch apart keeps this for as long as it keeps the telemetry, and answers for resolving it.
#[derive(Debug, Default)]
pub struct Attached {
    pub(crate) receipts: Receipts,
    /// Parts of a split share what they pin, so the bytes come back with the last of them.
    shares: Vec<Arc<Share>>,
    metadata: ClientMetadata,
}

impl Attached {
    /// Tells every source what became of its data, and gives the memory back.
    pub fn resolve(self, outcome: Outcome) {
        self.receipts.resolve(outcome);
    }

    /// Whether a source waits for the outcome.
    pub fn is_tracked(&self) -> bool {
        !self.receipts.is_empty()
    }

    /// Bytes of the memory account that are held, shared ones counted in full.
    pub fn bytes(&self) -> usize {
        self.shares.iter().map(|share| share.bytes()).sum()
    }

    /// What the client said; empty for data of several clients that said different things.
    pub fn metadata(&self) -> &ClientMetadata {
        &self.metadata
    }

    /// Exchanges its shares for this one: the telemetry has been copied out of what they paid for.
    pub(crate) fn recharge(&mut self, share: Share) {
        self.shares = vec![Arc::new(share)];
    }

    pub(crate) fn charge(&mut self, share: Share) {
        self.shares.push(Arc::new(share));
    }

    pub(crate) fn set_metadata(&mut self, metadata: ClientMetadata) {
        self.metadata = metadata;
    }

    /// The same for telemetry that goes another way as well.
    pub(crate) fn part(&self) -> Self {
        Self { receipts: self.receipts.part(), ..self.without_receipts() }
    }

    pub(crate) fn without_receipts(&self) -> Self {
        Self {
            receipts: Receipts::none(),
            shares: self.shares.clone(),
            metadata: self.metadata.clone(),
        }
    }

    pub(crate) fn append(&mut self, other: Self) {
        self.receipts.append(other.receipts);
        self.shares.extend(other.shares);
        if self.metadata != other.metadata {
            self.metadata = ClientMetadata::none();
        }
    }

    pub(crate) fn with_receipts(self, receipts: Receipts) -> Self {
        Self { receipts, ..self }
    }
}
