//! The sections that users write: `timeout`, `retry_on_failure`, `sending_queue`.

mod batch;
mod queue;
mod retry;
mod written;

use std::time::Duration;

use config::{Section, Validate};

pub use crate::config::batch::{BatchConfig, PartitionConfig};
pub use crate::config::queue::{QueueConfig, Sizer};
pub use crate::config::retry::RetryConfig;
pub use crate::config::written::Written;

/// The option `timeout`, to be flattened into an exporter's configuration.
#[derive(Clone, Debug, PartialEq, Section)]
pub struct TimeoutConfig {
    /// How long one attempt to send may take.
    ///
    /// Default: `5s`. `0` sets no limit.
    pub timeout: Duration,
}

impl Default for TimeoutConfig {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(5) }
    }
}

impl Validate for TimeoutConfig {}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use config::Optional;
    use testkit::{config, refusal};

    use super::*;

    /// The sections as an exporter has them.
    #[derive(Clone, Debug, PartialEq, Section)]
    struct Exporter {
        #[section(flatten)]
        timeout: TimeoutConfig,
        retry_on_failure: RetryConfig,
        sending_queue: Optional<QueueConfig>,
    }

    impl Default for Exporter {
        fn default() -> Self {
            Self {
                timeout: TimeoutConfig::default(),
                retry_on_failure: RetryConfig::default(),
                sending_queue: Optional::Some(QueueConfig::default()),
            }
        }
    }

    impl Validate for Exporter {}

    #[test]
    fn everything_is_read() {
        let read: Exporter = config(
            "{ timeout: 30s,
               retry_on_failure: { enabled: false, initial_interval: 1s, randomization_factor: 0,
                                   multiplier: 3, max_interval: 1m, max_elapsed_time: 0s },
               sending_queue: { enabled: true, num_consumers: 2, queue_size: 77, sizer: bytes,
                                wait_for_result: true, block_on_overflow: true,
                                batch: { flush_timeout: 1s, min_size: 5, max_size: 6, sizer: items,
                                         partition: { metadata_keys: [tenant] } } } }",
        )
        .unwrap();
        assert_eq!(read.timeout.timeout, Duration::from_secs(30));
        let retry = RetryConfig {
            enabled: false,
            initial_interval: Duration::from_secs(1),
            randomization_factor: 0.0,
            multiplier: 3.0,
            max_interval: Duration::from_secs(60),
            max_elapsed_time: Written::by_user(Duration::ZERO),
        };
        assert_eq!(read.retry_on_failure, retry);
        let queue = QueueConfig {
            num_consumers: NonZeroUsize::new(2).unwrap(),
            queue_size: NonZeroUsize::new(77).unwrap(),
            sizer: Written::by_user(Sizer::Bytes),
            wait_for_result: true,
            block_on_overflow: true,
            storage: None,
            batch: Optional::Some(Written::by_user(BatchConfig {
                flush_timeout: Duration::from_secs(1),
                min_size: 5,
                max_size: 6,
                sizer: Written::by_user(Sizer::Items),
                partition: PartitionConfig { metadata_keys: vec!["tenant".to_owned()] },
            })),
            blocking: None,
        };
        assert_eq!(read.sending_queue, Optional::Some(queue));
        let off: Exporter = config("{ sending_queue: { enabled: false } }").unwrap();
        assert_eq!(off.sending_queue, Optional::None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            ("retry_on_failure: { randomization_factor: 1.5 }", "factor: must be within [0, 1]"),
            ("retry_on_failure: { multiplier: -1 }", "multiplier: must be non-negative"),
            (
                "retry_on_failure: { max_elapsed_time: 29s }",
                "max_elapsed_time: must not be less than `max_interval`",
            ),
            (
                "retry_on_failure: { max_elapsed_time: 4s, max_interval: 1s }",
                "max_elapsed_time: must not be less than `initial_interval`",
            ),
            ("sending_queue: { num_consumers: 0 }", "sending_queue::num_consumers: must be"),
            ("sending_queue: { queue_size: 0 }", "sending_queue::queue_size: must be"),
            ("sending_queue: { sizer: pages }", "must be one of requests, items, bytes"),
            (
                "sending_queue: { storage: file_storage, wait_for_result: true }",
                "`wait_for_result` is not supported with a persistent queue configured with `storage`",
            ),
            (
                "sending_queue: { sizer: requests, batch: { min_size: 10 } }",
                "`batch` supports only `items` or `bytes` sizer, found \"requests\"",
            ),
            (
                "sending_queue: { sizer: items, queue_size: 100, batch: { min_size: 200 } }",
                "`min_size` must be less than or equal to `queue_size`",
            ),
            (
                "sending_queue: { batch: { max_size: 10 } }",
                "`max_size` must be greater than or equal to `min_size`",
            ),
            ("sending_queue: { batch: { flush_timeout: 0s } }", "flush_timeout: must be greater"),
            (
                "sending_queue: { batch: { partition: { metadata_keys: [Tenant, tenant] } } }",
                "duplicate entry \"tenant\" (case-insensitive)",
            ),
            ("sending_queue: { blocking: true }", "was removed, use `block_on_overflow`"),
        ];
        for (yaml, expected) in cases {
            let refusal = refusal::<Exporter>(&format!("{{ {yaml} }}"));
            assert!(refusal.contains(expected), "{yaml}: {refusal}");
        }
    }

    #[test]
    fn retries_that_are_off_may_be_anything() {
        config::<Exporter>("{ retry_on_failure: { enabled: false, max_elapsed_time: 1s } }")
            .unwrap();
    }

    /// What batches are measured in, if they are on.
    fn batch_sizer(queue: &str) -> Option<Sizer> {
        let read: QueueConfig = config(queue).unwrap();
        read.batch.get().map(|batch| read.batch_sizer(batch))
    }

    /// The cases are
    /// [upstream's](https://github.com/open-telemetry/opentelemetry-collector/tree/main/exporter/exporterhelper/internal/queuebatch/testdata).
    #[test]
    fn a_batch_section_has_the_queues_sizer_when_it_says_something_but_that() {
        assert_eq!(batch_sizer("{ queue_size: 2000 }"), None);
        assert_eq!(batch_sizer("{ sizer: requests, batch: { enabled: false } }"), None);
        assert_eq!(batch_sizer("{ sizer: bytes, batch: }"), Some(Sizer::Items));
        assert_eq!(batch_sizer("{ batch: }"), Some(Sizer::Items));
        let inherited = "{ sizer: bytes, queue_size: 2000, batch: { min_size: 100 } }";
        assert_eq!(batch_sizer(inherited), Some(Sizer::Bytes));
        assert_eq!(
            batch_sizer("{ queue_size: 2000, batch: { min_size: 100 } }"),
            Some(Sizer::Items)
        );
        assert_eq!(batch_sizer("{ sizer: requests, batch: { sizer: bytes } }"), Some(Sizer::Bytes));
    }
}
