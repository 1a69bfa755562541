//! `sending_queue::batch`: makes larger requests of those in the queue.

use std::collections::BTreeMap;

use component::{Batch, Telemetry};
use tokio::time::Instant;
use tracing::warn;

use crate::config::{BatchConfig, Sizer};

/// As many combinations of metadata values gather at a time; more make the oldest go.
const PARTITIONS: usize = 10_000;

/// Gathers requests, apart by the values of the configured client metadata.
pub(crate) struct Assembler {
    config: BatchConfig,
    sizer: Sizer,
    pending: BTreeMap<Vec<Vec<String>>, Pending>,
}

struct Pending {
    batch: Batch,
    due: Instant,
}

impl Assembler {
    pub(crate) fn new(config: BatchConfig, sizer: Sizer) -> Self {
        Self { config, sizer, pending: BTreeMap::new() }
    }

    /// Adds a request. What comes back is to be sent.
    pub(crate) fn push(&mut self, batch: Batch) -> Vec<Batch> {
        let key = self.key(&batch);
        let mut ready = Vec::new();
        let (mut gathered, due) = match self.pending.remove(&key) {
            Some(mut pending) => {
                pending.batch.merge(batch).expect("a lane has one signal");
                (pending.batch, pending.due)
            }
            None => (batch, Instant::now() + self.config.flush_timeout),
        };
        if self.config.max_size > 0 {
            while self.size(gathered.telemetry()) > self.config.max_size {
                let (head, rest) = self.cut(gathered);
                ready.extend(head);
                match rest {
                    Some(rest) => gathered = rest,
                    None => return ready,
                }
            }
        }
        if self.size(gathered.telemetry()) >= self.config.min_size {
            ready.push(gathered);
            return ready;
        }
        if self.pending.len() >= PARTITIONS {
            ready.extend(self.take_oldest());
        }
        // What is left after a cut begins a batch of its own.
        let due = if ready.is_empty() { due } else { Instant::now() + self.config.flush_timeout };
        self.pending.insert(key, Pending { batch: gathered, due });
        ready
    }

    /// When the next batch must go, whatever its size.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.pending.values().map(|pending| pending.due).min()
    }

    /// The batches whose time has come.
    pub(crate) fn take_due(&mut self, now: Instant) -> Vec<Batch> {
        let due = self.pending.iter().filter(|(_, pending)| pending.due <= now);
        let keys: Vec<_> = due.map(|(key, _)| key.clone()).collect();
        let taken = keys.iter().filter_map(|key| self.pending.remove(key));
        taken.map(|pending| pending.batch).collect()
    }

    /// Everything.
    pub(crate) fn take_all(&mut self) -> Vec<Batch> {
        std::mem::take(&mut self.pending).into_values().map(|pending| pending.batch).collect()
    }

    fn take_oldest(&mut self) -> Option<Batch> {
        let oldest = self.pending.iter().min_by_key(|(_, pending)| pending.due)?.0.clone();
        self.pending.remove(&oldest).map(|pending| pending.batch)
    }

    fn key(&self, batch: &Batch) -> Vec<Vec<String>> {
        let keys = self.config.partition.metadata_keys.iter();
        keys.map(|key| batch.metadata().get(key).to_vec()).collect()
    }

    fn size(&self, telemetry: &Telemetry) -> usize {
        match self.sizer {
            Sizer::Bytes => telemetry.encoded_len(),
            Sizer::Items | Sizer::Requests => telemetry.item_count(),
        }
    }

    /// Cuts the largest permitted head off. An item that alone is larger goes nowhere.
    fn cut(&self, mut batch: Batch) -> (Option<Batch>, Option<Batch>) {
        let limit = self.config.max_size;
        let head = match self.sizer {
            Sizer::Bytes => batch.telemetry_mut().split_off_front_bytes(limit),
            Sizer::Items | Sizer::Requests => batch.telemetry_mut().split_off_front(limit),
        };
        let rest = batch.telemetry().clone();
        let parts = if rest.is_empty() { vec![head] } else { vec![head, rest] };
        let mut parts = batch.split(parts).into_iter();
        let head = parts.next().and_then(|head| self.permitted(head));
        (head, parts.next())
    }

    fn permitted(&self, head: Batch) -> Option<Batch> {
        if self.size(head.telemetry()) <= self.config.max_size {
            return Some(head);
        }
        let dropped = head.item_count();
        warn!("one item's size is greater than max size, dropping items: {dropped}");
        head.discard("larger than max_size");
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use config::Optional;
    use testkit::log_records;

    use super::*;
    use crate::QueueConfig;

    fn assembler(yaml: &str) -> Assembler {
        let queue: QueueConfig = testkit::config(yaml).unwrap();
        let Optional::Some(batch) = &queue.batch else { panic!("there is a batch section") };
        Assembler::new((**batch).clone(), queue.batch_sizer(batch))
    }

    fn counts(batches: &[Batch]) -> Vec<usize> {
        batches.iter().map(Batch::item_count).collect()
    }

    fn records(count: usize) -> Batch {
        Batch::new(log_records(count))
    }

    #[tokio::test(start_paused = true)]
    async fn requests_gather_until_they_are_enough_or_have_waited() {
        let mut assembler =
            assembler("{ batch: { min_size: 5, flush_timeout: 1s, sizer: items } }");
        assert!(assembler.push(records(2)).is_empty());
        assert_eq!(counts(&assembler.push(records(4))), [6]);
        assert_eq!(assembler.due(), None);
        assert!(assembler.push(records(2)).is_empty());
        assert_eq!(assembler.due(), Some(Instant::now() + Duration::from_secs(1)));
        assert!(assembler.take_due(Instant::now()).is_empty());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(counts(&assembler.take_due(Instant::now())), [2]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_too_large_is_cut_and_the_rest_goes_on_gathering() {
        let mut assembler =
            assembler("{ batch: { min_size: 3, max_size: 4, sizer: items, flush_timeout: 1s } }");
        assert_eq!(counts(&assembler.push(records(10))), [4, 4]);
        assert_eq!(counts(&assembler.push(records(1))), [3]);
        assert_eq!(counts(&assembler.push(records(8))), [4, 4]);
        assert!(assembler.take_all().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_item_that_is_larger_than_the_largest_batch_is_dropped() {
        let mut assembler =
            assembler("{ batch: { min_size: 1, max_size: 4, sizer: bytes, flush_timeout: 1s } }");
        assert!(assembler.push(records(2)).is_empty());
        assert!(assembler.take_all().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn metadata_keeps_batches_apart() {
        let mut assembler = assembler(
            "{ batch: { min_size: 4, flush_timeout: 1s, partition: { metadata_keys: [Tenant] } } }",
        );
        let of = |tenant: &str, count| {
            records(count).with_metadata([("tenant", tenant)].into_iter().collect())
        };
        assert!(assembler.push(of("a", 3)).is_empty());
        assert!(assembler.push(of("b", 3)).is_empty());
        let ready = assembler.push(of("a", 1));
        assert_eq!(counts(&ready), [4]);
        assert_eq!(ready[0].metadata().get("tenant"), ["a"]);
        assert_eq!(counts(&assembler.take_all()), [3]);
    }
}
