//! The sections that users write: `timeout`, `retry_on_failure`, `sending_queue`.

use std::num::NonZeroUsize;
use std::time::Duration;

use config::{Problems, Section, Validate};

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

/// The section `retry_on_failure`.
#[derive(Clone, Debug, PartialEq, Section)]
pub struct RetryConfig {
    /// Whether a request that failed for a passing reason is sent again.
    pub enabled: bool,

    /// The pause after the first failure.
    pub initial_interval: Duration,

    /// How far a pause may deviate at random, as a part of it, from `0` to `1`.
    ///
    /// With `0.5` a pause of 10 s takes from 5 s to 15 s. It spreads clients that failed together.
    pub randomization_factor: f64,

    /// Each pause is this much longer than the one before.
    pub multiplier: f64,

    /// The longest pause, before it is randomised. A server that asks for a longer one gets it.
    pub max_interval: Duration,

    /// How long a request is tried before it is given up, counted from its first attempt.
    ///
    /// `0` never gives up. Otherwise it must not be less than the two intervals.
    pub max_elapsed_time: Duration,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            initial_interval: Duration::from_secs(5),
            randomization_factor: 0.5,
            multiplier: 1.5,
            max_interval: Duration::from_secs(30),
            max_elapsed_time: Duration::from_secs(300),
        }
    }
}

impl Validate for RetryConfig {
    fn validate(&self, problems: &mut Problems) {
        if !self.enabled {
            return;
        }
        if !(0.0..=1.0).contains(&self.randomization_factor) {
            problems.add("randomization_factor", "must be within [0, 1]");
        }
        if !(self.multiplier >= 0.0 && self.multiplier.is_finite()) {
            problems.add("multiplier", "must be non-negative");
        }
        if self.max_elapsed_time.is_zero() {
            return;
        }
        for (name, interval) in
            [("initial_interval", self.initial_interval), ("max_interval", self.max_interval)]
        {
            if self.max_elapsed_time < interval {
                problems.add("max_elapsed_time", format!("must not be less than `{name}`"));
            }
        }
    }
}

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
#[section(not_supported("storage", "batch"))]
pub struct QueueConfig {
    /// How many requests are sent at the same time.
    pub num_consumers: NonZeroUsize,

    /// How much the queue holds, in the unit of [`sizer`](Self::sizer). What is being sent counts until it is done.
    pub queue_size: NonZeroUsize,

    /// What the size is counted in: `requests`, `items` or `bytes`.
    pub sizer: Sizer,

    /// Whether the caller waits until its request was sent, and gets the result as its answer.
    pub wait_for_result: bool,

    /// Whether the caller waits for space when the queue is full. Otherwise it is refused and may try again.
    pub block_on_overflow: bool,

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
            sizer: Sizer::Requests,
            wait_for_result: false,
            block_on_overflow: false,
            blocking: None,
        }
    }
}

impl Validate for QueueConfig {
    fn validate(&self, problems: &mut Problems) {
        if self.blocking.is_some() {
            problems.add("blocking", "was removed, use `block_on_overflow`");
        }
    }
}

#[cfg(test)]
mod tests {
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
                                wait_for_result: true, block_on_overflow: true } }",
        )
        .unwrap();
        assert_eq!(read.timeout.timeout, Duration::from_secs(30));
        let retry = RetryConfig {
            enabled: false,
            initial_interval: Duration::from_secs(1),
            randomization_factor: 0.0,
            multiplier: 3.0,
            max_interval: Duration::from_secs(60),
            max_elapsed_time: Duration::ZERO,
        };
        assert_eq!(read.retry_on_failure, retry);
        let queue = QueueConfig {
            num_consumers: NonZeroUsize::new(2).unwrap(),
            queue_size: NonZeroUsize::new(77).unwrap(),
            sizer: Sizer::Bytes,
            wait_for_result: true,
            block_on_overflow: true,
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
            ("sending_queue: { storage: file_storage }", "`storage` is not supported yet"),
            ("sending_queue: { batch: { min_size: 1 } }", "`batch` is not supported yet"),
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
}
