//! Which of many equal entries are shown.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// The time in which entries are counted, from the first one on.
const WINDOW: Duration = Duration::from_secs(1);

/// Different entries that are counted at the same time. Beyond it all counts start again.
const ENTRIES: usize = 4_096;

/// Shows the first entries with the same text in a second and then every so manieth.
pub(crate) struct Sampler {
    initial: u32,
    thereafter: u32,
    hasher: RandomState,
    counts: Mutex<HashMap<u64, Count>>,
}

struct Count {
    since: Instant,
    seen: u32,
}

impl Sampler {
    /// `thereafter` of zero shows nothing after the initial ones.
    pub(crate) fn new(initial: u32, thereafter: u32) -> Self {
        Self { initial, thereafter, hasher: RandomState::new(), counts: Mutex::default() }
    }

    /// Whether this entry is shown.
    pub(crate) fn passes(&self, message: &str) -> bool {
        if self.thereafter == 1 {
            return true;
        }
        let now = Instant::now();
        let mut counts = self.counts.lock();
        if counts.len() >= ENTRIES {
            counts.clear();
        }
        let key = self.hasher.hash_one(message);
        let count = counts.entry(key).or_insert(Count { since: now, seen: 0 });
        if now.duration_since(count.since) >= WINDOW {
            *count = Count { since: now, seen: 0 };
        }
        count.seen = count.seen.saturating_add(1);
        let further = count.seen.saturating_sub(self.initial);
        further == 0 || (self.thereafter > 0 && further.is_multiple_of(self.thereafter))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn shown(sampler: &Sampler, count: u32) -> Vec<u32> {
        (1..=count).filter(|_| sampler.passes("Traces")).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn first_ones_then_every_third_and_again_in_the_next_second() {
        let sampler = Sampler::new(2, 3);
        assert_eq!(shown(&sampler, 10), [1, 2, 5, 8]);
        assert!(sampler.passes("Logs"), "another text has its own count");
        advance(WINDOW).await;
        assert_eq!(shown(&sampler, 4), [1, 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn none_or_all_of_the_others() {
        assert_eq!(shown(&Sampler::new(1, 0), 4), [1]);
        assert_eq!(shown(&Sampler::new(0, 1), 3), [1, 2, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded() {
        let sampler = Sampler::new(1, 0);
        for at in 0..3 * ENTRIES {
            sampler.passes(&at.to_string());
        }
        assert!(sampler.counts.lock().len() <= ENTRIES);
    }
}
