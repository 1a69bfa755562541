//! What users write.

use std::collections::HashSet;
use std::time::Duration;

use config::{Problems, Section, Validate};

/// Settings of the `batch` processor.
#[derive(Clone, Debug, PartialEq, Section)]
pub struct Config {
    /// How long data may wait for more before it is sent, whatever its size.
    ///
    /// Default: `200ms`, counted from the first data of a batch. `0` sends at once; only
    /// [`send_batch_max_size`](Self::send_batch_max_size) applies then.
    pub timeout: Duration,

    /// How many spans, data points or log records are gathered before they are sent.
    ///
    /// Default: `8192`. It is a trigger, not a limit. `0` sends at once.
    pub send_batch_size: u32,

    /// How many spans, data points or log records a batch has at most; larger ones are split.
    ///
    /// Default: `0`, no limit. Otherwise at least [`send_batch_size`](Self::send_batch_size).
    pub send_batch_max_size: u32,

    /// Names of client metadata (`include_metadata` of a receiver). Data whose clients said different things is never in one
    /// batch, and batches carry what was said under these names.
    ///
    /// Default: none. Case does not matter.
    pub metadata_keys: Vec<String>,

    /// How many combinations of their values are gathered at a time; more are refused for good.
    ///
    /// Default: `1000`. `0` sets no limit.
    pub metadata_cardinality_limit: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            timeout: Duration::from_millis(200),
            send_batch_size: 8_192,
            send_batch_max_size: 0,
            metadata_keys: Vec::new(),
            metadata_cardinality_limit: 1_000,
        }
    }
}

impl Validate for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.send_batch_max_size > 0 && self.send_batch_max_size < self.send_batch_size {
            problems.add("send_batch_max_size", "must be greater or equal to `send_batch_size`");
        }
        let mut seen = HashSet::new();
        for key in &self.metadata_keys {
            let key = key.to_ascii_lowercase();
            if !seen.insert(key.clone()) {
                let message =
                    format!("duplicate entry in metadata_keys: \"{key}\" (case-insensitive)");
                problems.add("metadata_keys", message);
            }
        }
    }
}
