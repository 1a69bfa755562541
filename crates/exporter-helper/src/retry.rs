//! When to send again.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::RetryConfig;

/// The pauses of one request, as upstream (which uses `cenkalti/backoff`): each longer than the one before up to a limit,
/// and randomised after the limit was applied.
pub(crate) struct Backoff<'a> {
    config: &'a RetryConfig,
    interval: Duration,
    give_up: Option<Instant>,
}

impl<'a> Backoff<'a> {
    /// The clock for giving up starts here, with the first attempt. It is the caller's clock, which may stand still.
    pub(crate) fn begin(config: &'a RetryConfig, now: Instant) -> Self {
        let limit = Some(*config.max_elapsed_time).filter(|limit| !limit.is_zero());
        Self {
            config,
            interval: config.initial_interval,
            give_up: limit.and_then(|limit| now.checked_add(limit)),
        }
    }

    /// The pause before the next attempt, at least what the server asked for; `None` when the next attempt would come
    /// too late.
    pub(crate) fn next(&mut self, retry_after: Option<Duration>, now: Instant) -> Option<Duration> {
        let pause = self.randomised().max(retry_after.unwrap_or_default());
        self.interval = scale(self.interval, self.config.multiplier).min(self.config.max_interval);
        let too_late = |give_up| now.checked_add(pause).is_none_or(|at| at > give_up);
        if self.give_up.is_some_and(too_late) { None } else { Some(pause) }
    }

    fn randomised(&self) -> Duration {
        let spread = self.config.randomization_factor * (2.0 * fastrand::f64() - 1.0);
        scale(self.interval, 1.0 + spread)
    }
}

/// The product, or the longest duration there is.
fn scale(duration: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use crate::config::Written;

    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn steady() -> RetryConfig {
        RetryConfig { randomization_factor: 0.0, ..RetryConfig::default() }
    }

    #[test]
    fn pauses_grow_to_the_limit() {
        let now = Instant::now();
        let config = RetryConfig {
            multiplier: 2.0,
            max_elapsed_time: Written::by_user(seconds(0)),
            ..steady()
        };
        let mut backoff = Backoff::begin(&config, now);
        let pauses: Vec<_> = (0..5).map_while(|_| backoff.next(None, now)).collect();
        assert_eq!(pauses, [5, 10, 20, 30, 30].map(seconds));
    }

    #[test]
    fn pauses_spread_around_the_interval_even_above_the_limit() {
        let now = Instant::now();
        let config =
            RetryConfig { multiplier: 1.0, initial_interval: seconds(30), ..Default::default() };
        let pauses: Vec<_> =
            (0..500).filter_map(|_| Backoff::begin(&config, now).next(None, now)).collect();
        let (least, most) = (pauses.iter().min().unwrap(), pauses.iter().max().unwrap());
        assert_eq!(pauses.len(), 500);
        assert!((seconds(15)..seconds(18)).contains(least), "{least:?}");
        assert!((seconds(42)..=seconds(45)).contains(most), "{most:?}");
    }

    #[test]
    fn the_server_may_ask_for_more_than_the_limit() {
        let now = Instant::now();
        let config = steady();
        assert_eq!(Backoff::begin(&config, now).next(Some(seconds(60)), now), Some(seconds(60)));
        assert_eq!(Backoff::begin(&config, now).next(Some(seconds(1)), now), Some(seconds(5)));
    }

    #[test]
    fn a_pause_that_would_end_too_late_is_not_begun() {
        let now = Instant::now();
        let config = RetryConfig { max_elapsed_time: Written::by_user(seconds(30)), ..steady() };
        let mut backoff = Backoff::begin(&config, now);
        let now = now + seconds(25);
        assert_eq!(backoff.next(None, now), Some(seconds(5)));
        assert_eq!(backoff.next(None, now), None);
    }

    #[test]
    fn without_a_limit_it_never_gives_up() {
        let now = Instant::now();
        let config = RetryConfig { max_elapsed_time: Written::by_user(seconds(0)), ..steady() };
        let mut backoff = Backoff::begin(&config, now);
        let now = now + seconds(1_000_000);
        assert_eq!(backoff.next(Some(seconds(86_400)), now), Some(seconds(86_400)));
    }
}
