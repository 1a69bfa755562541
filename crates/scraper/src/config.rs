//! When to scrape.

use std::time::Duration;

use config::{Problems, Section, Validate};

/// The options of the rhythm, to be flattened into a receiver's configuration.
#[derive(Clone, Debug, PartialEq, Section)]
pub struct ScrapeConfig {
    /// Time between two scrapes, more than zero.
    ///
    /// Default: `1m`. After a scrape that took longer, the ones that were missed are skipped.
    pub collection_interval: Duration,

    /// Time before the first scrape.
    ///
    /// Default: `1s`. `0s`: at once.
    pub initial_delay: Duration,

    /// How long one round of all scrapers may take.
    ///
    /// Default: `0s`, no limit. A round that takes longer is reported; no other begins before it has ended, and what it
    /// has measured by then is sent.
    pub timeout: Duration,
}

impl Default for ScrapeConfig {
    fn default() -> Self {
        Self {
            collection_interval: Duration::from_secs(60),
            initial_delay: Duration::from_secs(1),
            timeout: Duration::ZERO,
        }
    }
}

impl Validate for ScrapeConfig {
    fn validate(&self, problems: &mut Problems) {
        if self.collection_interval.is_zero() {
            problems.add("collection_interval", "requires positive value");
        }
    }
}
