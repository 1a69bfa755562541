//! The section `sending_queue::batch`.

use std::collections::BTreeSet;
use std::time::Duration;

use config::{Problems, Section, Validate};

use crate::config::{Sizer, Written};

/// The section `batch`. Its `enabled` belongs to [`config::Optional`].
#[derive(Clone, Debug, PartialEq, Section)]
pub struct BatchConfig {
    /// How long the first data of a batch may wait for more.
    pub flush_timeout: Duration,

    /// From which size on a batch is sent without waiting, in the unit of [`sizer`](Self::sizer).
    pub min_size: usize,

    /// How large a batch may be; larger ones are split, but never within one item. `0` sets no limit.
    ///
    /// Otherwise at least [`min_size`](Self::min_size).
    pub max_size: usize,

    /// What sizes are counted in: `items` or `bytes`. When it is left open and others of these options are not, it is the
    /// queue's, if that one was chosen.
    pub sizer: Written<Sizer>,

    /// Which requests may share a batch.
    pub partition: PartitionConfig,
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self {
            flush_timeout: Duration::from_millis(200),
            min_size: 8_192,
            max_size: 0,
            sizer: Written::default_of(Sizer::Items),
            partition: PartitionConfig::default(),
        }
    }
}

impl Validate for BatchConfig {
    fn validate(&self, problems: &mut Problems) {
        if self.flush_timeout.is_zero() {
            problems.add("flush_timeout", "must be greater than 0");
        }
        if self.max_size > 0 && self.max_size < self.min_size {
            problems.add("max_size", "`max_size` must be greater than or equal to `min_size`");
        }
    }
}

/// The section `partition`.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct PartitionConfig {
    /// Names of client metadata. Requests share a batch only if they agree in the values of all of them. Names are looked
    /// up in any case.
    pub metadata_keys: Vec<String>,
}

impl Validate for PartitionConfig {
    fn validate(&self, problems: &mut Problems) {
        let mut seen = BTreeSet::new();
        for key in &self.metadata_keys {
            if !seen.insert(key.to_ascii_lowercase()) {
                problems
                    .add("metadata_keys", format!("duplicate entry \"{key}\" (case-insensitive)"));
            }
        }
    }
}
