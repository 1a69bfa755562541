//! The section `sending_queue`.

use std::num::NonZeroUsize;

use config::{ComponentId, Optional, Problems, Section, Validate};

use crate::config::{BatchConfig, Written};

/// What the size of a queue is counted in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Section)]
pub enum Sizer {
    /// Requests, however large.
    #[default]
    Requests,
    /// Spans, data points or log records.
    Items,
    /// Bytes of the request as protobuf.
    Bytes,
}

/// The section `sending_queue`. Its `enabled` belongs to [`config::Optional`].
#[derive(Clone, Debug, PartialEq, Section)]
pub struct QueueConfig {
    /// How many requests are sent at the same time.
    pub num_consumers: NonZeroUsize,

    /// How much the queue holds, in the unit of [`sizer`](Self::sizer). What is being sent counts until it is done.
    pub queue_size: NonZeroUsize,

    /// What the size is counted in: `requests`, `items` or `bytes`.
    pub sizer: Written<Sizer>,

    /// Whether the caller waits until its request was sent, and gets the result as its answer. Not with
    /// [`storage`](Self::storage).
    pub wait_for_result: bool,

    /// Whether the caller waits for space when the queue is full. Otherwise it is refused and may try again.
    pub block_on_overflow: bool,

    /// The storage extension that keeps the queue, such as `file_storage`. Without it the queue is in memory.
    pub storage: Option<ComponentId>,

    /// Gathers requests from the queue into larger ones. Off unless it is there.
    pub batch: Optional<Written<BatchConfig>>,

    /// Removed: upstream took it out in v0.129, use [`block_on_overflow`](Self::block_on_overflow).
    pub blocking: Option<bool>,
}

impl Default for QueueConfig {
    fn default() -> Self {
        const CONSUMERS: NonZeroUsize = NonZeroUsize::new(10).unwrap();
        const SIZE: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();
        Self {
            num_consumers: CONSUMERS,
            queue_size: SIZE,
            sizer: Written::default_of(Sizer::Requests),
            wait_for_result: false,
            block_on_overflow: false,
            storage: None,
            batch: Optional::Default(Written::default()),
            blocking: None,
        }
    }
}

impl QueueConfig {
    /// What batches are measured in. A section that leaves it open has the queue's sizer where the user chose one, and
    /// `items` otherwise; an empty section always has its own. The rule is upstream's.
    pub(crate) fn batch_sizer(&self, batch: &Written<BatchConfig>) -> Sizer {
        if batch.is_written() && !batch.sizer.is_written() {
            return self.sizer.or(*batch.sizer);
        }
        *batch.sizer
    }
}

impl Validate for QueueConfig {
    fn validate(&self, problems: &mut Problems) {
        if self.blocking.is_some() {
            problems.add("blocking", "was removed, use `block_on_overflow`");
        }
        if self.wait_for_result && self.storage.is_some() {
            let message = "`wait_for_result` is not supported with a persistent queue configured with `storage`";
            problems.add("wait_for_result", message);
        }
        let Some(batch) = self.batch.get() else { return };
        let sizer = self.batch_sizer(batch);
        if sizer == Sizer::Requests {
            let message = "`batch` supports only `items` or `bytes` sizer, found \"requests\"";
            problems.add("batch::sizer", message);
        }
        if sizer == *self.sizer && batch.min_size > self.queue_size.get() {
            problems
                .add("batch::min_size", "`min_size` must be less than or equal to `queue_size`");
        }
    }
}
