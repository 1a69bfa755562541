//! The ledger: where every item went.
//!
//! For each component and signal, items that were taken in or created are sent out, dropped, refused, or still in flight.
//! The ledger belongs to the process, so its numbers go on when a component is replaced. Its numbers are the truth; the
//! collector's own metrics observe them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use config::ComponentId;
use parking_lot::Mutex;
use pdata::Signal;

use crate::kind::Kind;
use crate::receipt::DropReason;

/// Whose numbers they are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentName {
    /// The component's kind.
    pub kind: Kind,
    /// Its id.
    pub id: ComponentId,
    /// The pipeline, for processors, which exist once in each.
    pub pipeline: Option<String>,
}

/// All entries of the process. Get it from [`Process::table`](crate::Process::table).
#[derive(Debug, Default)]
pub struct Ledger {
    entries: Mutex<BTreeMap<(ComponentName, Signal), Arc<Entry>>>,
}

impl Ledger {
    /// The entry of a component and signal, made when it is first asked for.
    pub fn entry(&self, component: &ComponentName, signal: Signal) -> Arc<Entry> {
        let key = (component.clone(), signal);
        Arc::clone(self.entries.lock().entry(key).or_default())
    }

    /// All entries there are.
    pub fn entries(&self) -> Vec<(ComponentName, Signal, Arc<Entry>)> {
        let entries = self.entries.lock();
        entries
            .iter()
            .map(|((component, signal), entry)| (component.clone(), *signal, Arc::clone(entry)))
            .collect()
    }
}

/// The numbers of one component and signal, in items: spans, data points, log records.
///
/// The engine counts what goes in and out at the component's edges. The component counts what the engine can't see: items
/// that it makes or drops, and for exporters with a queue what was delivered.
#[derive(Default)]
pub struct Entry {
    taken: AtomicU64,
    refused: AtomicU64,
    out: AtomicU64,
    created: Reasons,
    dropped: Reasons,
}

/// Counts by reason.
#[derive(Default)]
struct Reasons {
    counts: Mutex<BTreeMap<DropReason, u64>>,
}

impl Reasons {
    fn add(&self, reason: DropReason, items: usize) {
        if items > 0 {
            *self.counts.lock().entry(reason).or_default() += wide(items);
        }
    }

    fn sum(&self) -> u64 {
        self.counts.lock().values().sum()
    }
}

impl Entry {
    /// Offered to the component, whether it takes them or not.
    pub fn taken(&self, items: usize) {
        self.taken.fetch_add(wide(items), Ordering::Relaxed);
    }

    /// Given back to whoever offered them.
    pub fn refused(&self, items: usize) {
        self.refused.fetch_add(wide(items), Ordering::Relaxed);
    }

    /// Handed on to the next component, or delivered to the destination.
    pub fn out(&self, items: usize) {
        self.out.fetch_add(wide(items), Ordering::Relaxed);
    }

    /// Made by the component: received, scraped, computed, restored from storage.
    pub fn created(&self, reason: DropReason, items: usize) {
        self.created.add(reason, items);
    }

    /// Left out on purpose, or lost.
    pub fn dropped(&self, reason: DropReason, items: usize) {
        self.dropped.add(reason, items);
    }

    /// The numbers now. While items move, they may not yet agree with each other.
    pub fn numbers(&self) -> Numbers {
        Numbers {
            taken: self.taken.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            out: self.out.load(Ordering::Relaxed),
            created: self.created.counts.lock().clone(),
            dropped: self.dropped.counts.lock().clone(),
        }
    }

    /// Taken or created, and not yet out, dropped or refused. Never negative once it is quiet.
    pub fn in_flight(&self) -> i64 {
        // What leaves is read first: it cannot be more than what came.
        let gone = self.refused.load(Ordering::Acquire)
            + self.out.load(Ordering::Acquire)
            + self.dropped.sum();
        let come = self.taken.load(Ordering::Acquire) + self.created.sum();
        i64::try_from(come).unwrap_or(i64::MAX) - i64::try_from(gone).unwrap_or(i64::MAX)
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.numbers().fmt(f)
    }
}

/// A copy of an entry's numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the methods of Entry with the same names say what they are")]
pub struct Numbers {
    pub taken: u64,
    pub refused: u64,
    pub out: u64,
    pub created: BTreeMap<DropReason, u64>,
    pub dropped: BTreeMap<DropReason, u64>,
}

/// A component's entries.
#[derive(Clone, Debug)]
pub struct Book {
    ledger: Arc<Ledger>,
    component: ComponentName,
}

impl Book {
    /// The entries of a component.
    pub fn new(ledger: Arc<Ledger>, component: ComponentName) -> Self {
        Self { ledger, component }
    }

    /// Its entry for one signal.
    pub fn entry(&self, signal: Signal) -> Arc<Entry> {
        self.ledger.entry(&self.component, signal)
    }
}

fn wide(items: usize) -> u64 {
    u64::try_from(items).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_in_is_out_dropped_refused_or_in_flight() {
        let ledger = Arc::new(Ledger::default());
        let component = ComponentName {
            kind: Kind::Processor,
            id: ComponentId::new("filter"),
            pipeline: Some("logs".to_owned()),
        };
        let book = Book::new(Arc::clone(&ledger), component);
        let entry = book.entry(Signal::Logs);
        entry.taken(10);
        entry.created("split", 2);
        assert_eq!(entry.in_flight(), 12);
        entry.out(5);
        entry.dropped("filtered", 4);
        entry.refused(3);
        assert_eq!(entry.in_flight(), 0);
        book.entry(Signal::Logs).taken(1);
        assert_eq!(ledger.entries()[0].2.numbers().taken, 11, "asked again, it is the same entry");
    }
}
