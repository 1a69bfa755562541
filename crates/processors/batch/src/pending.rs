//! Data that waits for more.

use std::collections::VecDeque;

use component::Batch;

/// Batches of one signal in the order in which they came.
///
/// They are merged when they are taken, not when they come: a cut goes through one batch at most, and each source's
/// receipt goes only where its data goes.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    batches: VecDeque<Batch>,
    items: usize,
}

impl Pending {
    pub(crate) fn item_count(&self) -> usize {
        self.items
    }

    /// Adds a batch. One without items has nothing to be sent.
    pub(crate) fn push(&mut self, batch: Batch) {
        match batch.item_count() {
            0 => batch.discard("empty"),
            items => {
                self.items += items;
                self.batches.push_back(batch);
            }
        }
    }

    /// The oldest data as one batch of at most `limit` items; `None` when nothing is pending.
    pub(crate) fn take(&mut self, limit: usize) -> Option<Batch> {
        let mut taken: Option<Batch> = None;
        let mut room = limit;
        while room > 0 {
            let Some(batch) = self.batches.pop_front() else { break };
            let batch = self.cut(batch, room);
            room -= batch.item_count();
            self.items -= batch.item_count();
            match &mut taken {
                None => taken = Some(batch),
                Some(taken) => taken.merge(batch).expect("a pipeline carries one signal"),
            }
        }
        taken
    }

    /// The first `limit` items of a batch; what is left stays pending.
    fn cut(&mut self, mut batch: Batch, limit: usize) -> Batch {
        if batch.item_count() <= limit {
            return batch;
        }
        let head = batch.telemetry_mut().split_off_front(limit);
        let rest = batch.telemetry().clone();
        let mut parts = batch.split(vec![head, rest]).into_iter();
        let head = parts.next().expect("split gives as many batches as parts");
        if let Some(rest) = parts.next() {
            self.batches.push_front(rest);
        }
        head
    }
}
