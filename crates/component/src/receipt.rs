//! Receipts: how a source learns what became of the data that it handed on.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use parking_lot::Mutex;

/// Why data was dropped on purpose. A short, stable word: it becomes the `reason` of the engine's counters.
pub type DropReason = &'static str;

/// What became of a batch. Ordered from best to worst: a receipt reports the worst outcome of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// Accepted by the backend, or written durably.
    Delivered = 0,
    /// Left out because the configuration says so: filtered, sampled, discarded.
    Dropped = 1,
    /// Refused for good. Offering the data again would not help; it is counted and passed over.
    FailedForGood = 2,
    /// Lost on the way for a passing reason. The source should offer the data again.
    FailedForNow = 3,
}

impl Outcome {
    fn from_u8(value: u8) -> Self {
        match value {
            0 => Self::Delivered,
            1 => Self::Dropped,
            2 => Self::FailedForGood,
            _ => Self::FailedForNow,
        }
    }
}

type OnResolve = Box<dyn FnOnce(Outcome) + Send>;

/// The shared end of one receipt. Its drop, after the last part is gone, is the moment of resolution.
struct Shared {
    worst: AtomicU8,
    on_resolve: Mutex<Option<OnResolve>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if let Some(on_resolve) = self.on_resolve.get_mut().take() {
            on_resolve(Outcome::from_u8(*self.worst.get_mut()));
        }
    }
}

/// One part of a source's claim to hear, exactly once, what became of its data.
///
/// Parts are made by splitting and fanning out a [`Batch`](crate::Batch). When the last part is resolved, the source is
/// told the worst of all outcomes. A part that is dropped without a word (a panic, a cancelled future) counts as
/// [`Outcome::FailedForNow`].
pub struct Receipt {
    shared: Arc<Shared>,
    resolved: bool,
}

impl Receipt {
    /// Makes a receipt; `on_resolve` is called once, from wherever the last part is resolved. It must not block.
    pub fn new(on_resolve: impl FnOnce(Outcome) + Send + 'static) -> Self {
        let on_resolve: OnResolve = Box::new(on_resolve);
        let shared = Shared {
            worst: AtomicU8::new(Outcome::Delivered as u8),
            on_resolve: Mutex::new(Some(on_resolve)),
        };
        Self { shared: Arc::new(shared), resolved: false }
    }

    /// Another part of the same claim.
    pub(crate) fn part(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), resolved: false }
    }

    /// Says what became of this part.
    pub fn resolve(mut self, outcome: Outcome) {
        self.settle(outcome);
    }

    /// Gives up the whole claim without telling the source, which has learned the result by another way.
    pub(crate) fn disarm(mut self) {
        self.resolved = true;
        drop(self.shared.on_resolve.lock().take());
    }

    fn settle(&mut self, outcome: Outcome) {
        self.resolved = true;
        self.shared.worst.fetch_max(outcome as u8, Ordering::AcqRel);
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if !self.resolved {
            self.settle(Outcome::FailedForNow);
        }
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt").finish_non_exhaustive()
    }
}

/// The receipts of one batch: none for sources that do not care, several for a batch merged from several sources.
#[derive(Debug, Default)]
pub struct Receipts(Vec<Receipt>);

impl Receipts {
    /// No receipts: nobody waits for the outcome.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Whether nobody waits for the outcome.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells every source what became of its data.
    pub fn resolve(self, outcome: Outcome) {
        for receipt in self.0 {
            receipt.resolve(outcome);
        }
    }

    /// Another part of every claim, for data that goes two ways.
    pub(crate) fn part(&self) -> Self {
        Self(self.0.iter().map(Receipt::part).collect())
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        if self.0.is_empty() {
            *self = other;
        } else {
            self.0.append(&mut other.0);
        }
    }

    pub(crate) fn disarm(self) {
        self.0.into_iter().for_each(Receipt::disarm);
    }
}

impl From<Receipt> for Receipts {
    fn from(receipt: Receipt) -> Self {
        Self(vec![receipt])
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn receipt() -> (Receipt, mpsc::Receiver<Outcome>) {
        let (told, heard) = mpsc::sync_channel(8);
        (Receipt::new(move |outcome| told.send(outcome).unwrap()), heard)
    }

    #[test]
    fn the_source_hears_once_when_all_parts_are_resolved_and_of_the_worst() {
        let (receipt, heard) = receipt();
        let (second, third) = (receipt.part(), receipt.part());
        receipt.resolve(Outcome::Delivered);
        third.resolve(Outcome::FailedForGood);
        assert!(heard.try_recv().is_err(), "one part is still open");
        second.resolve(Outcome::Dropped);
        assert_eq!(heard.try_iter().collect::<Vec<_>>(), [Outcome::FailedForGood]);
    }

    #[test]
    fn a_part_dropped_without_a_word_is_failed_for_now() {
        let (receipt, heard) = receipt();
        receipt.part().resolve(Outcome::Delivered);
        drop(receipt);
        assert_eq!(heard.try_iter().collect::<Vec<_>>(), [Outcome::FailedForNow]);
    }

    #[test]
    fn a_disarmed_receipt_stays_silent() {
        let (receipt, heard) = receipt();
        let part = receipt.part();
        receipt.disarm();
        drop(part);
        assert!(heard.try_iter().next().is_none());
    }
}
