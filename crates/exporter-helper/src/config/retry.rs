//! The section `retry_on_failure`.

use std::time::Duration;

use config::{Problems, Section, Validate};

use crate::config::Written;

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
    /// `0` never gives up, which is the default for a queue with `storage`. Otherwise it must not be less than the two
    /// intervals.
    pub max_elapsed_time: Written<Duration>,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            initial_interval: Duration::from_secs(5),
            randomization_factor: 0.5,
            multiplier: 1.5,
            max_interval: Duration::from_secs(30),
            max_elapsed_time: Written::default_of(Duration::from_secs(300)),
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
            if *self.max_elapsed_time < interval {
                problems.add("max_elapsed_time", format!("must not be less than `{name}`"));
            }
        }
    }
}
