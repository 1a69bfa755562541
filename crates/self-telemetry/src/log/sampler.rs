//! Thinning out lines that repeat.

use std::hash::{DefaultHasher, Hash, Hasher};

use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::Level;

use crate::config::Sampling;

/// How many counters there are. Messages that share one are thinned out together.
const COUNTERS: usize = 1024;

/// Counts lines by level and message. Its memory is bounded, whatever the messages are.
pub(super) struct Sampler {
    sampling: Sampling,
    counters: Mutex<Vec<Counter>>,
}

#[derive(Clone, Copy)]
struct Counter {
    since: Option<Instant>,
    count: u64,
}

impl Sampler {
    pub(super) fn new(sampling: Sampling) -> Self {
        let counters = Mutex::new(vec![Counter { since: None, count: 0 }; COUNTERS]);
        Self { sampling, counters }
    }

    /// Whether a line is written. It counts it.
    pub(super) fn passes(&self, level: Level, message: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        (level.as_str(), message).hash(&mut hasher);
        let place = usize::try_from(hasher.finish() % COUNTERS as u64).unwrap_or_default();
        let now = Instant::now();
        let mut counters = self.counters.lock();
        let counter = &mut counters[place];
        let is_over = |since: Instant| now.duration_since(since) >= self.sampling.tick;
        if counter.since.is_none_or(is_over) {
            *counter = Counter { since: Some(now), count: 0 };
        }
        counter.count += 1;
        self.sampling.passes(counter.count)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_first_of_a_tick_pass_and_then_every_so_manieth() {
        let sampling = Sampling { initial: 2, thereafter: 3, ..Sampling::default() };
        let sampler = Sampler::new(sampling);
        let pass = |count: usize| -> Vec<usize> {
            (1..=count).filter(|_| sampler.passes(Level::INFO, "again")).collect()
        };
        assert_eq!(pass(9), [1, 2, 5, 8]);
        assert!(sampler.passes(Level::WARN, "again"), "another level is counted apart");
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(pass(3), [1, 2]);
    }

    #[test]
    fn thereafter_zero_drops_the_rest() {
        let sampling = Sampling { initial: 1, thereafter: 0, ..Sampling::default() };
        assert_eq!((1..=300).filter(|count| sampling.passes(*count)).count(), 1);
    }
}
