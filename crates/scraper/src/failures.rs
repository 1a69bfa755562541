//! Saying what went wrong, without saying it over and over.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{error, info};

/// How often a failure that stays the same is logged.
const REMINDER: Duration = Duration::from_secs(600);

/// What went wrong in one scrape of one scraper.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) scraper: &'static str,
    pub(crate) error: String,
    pub(crate) failed_points: usize,
}

/// Remembers which scrapers fail, so that the log shows when that begins, changes and ends.
#[derive(Debug, Default)]
pub(crate) struct FailureLog {
    failing: Vec<Failing>,
}

#[derive(Debug)]
struct Failing {
    failure: Failure,
    logged: Instant,
}

impl FailureLog {
    /// Logs the failures of a round that are news, and which scrapers have recovered.
    pub(crate) fn report(&mut self, failures: Vec<Failure>) {
        self.failing.retain(|old| {
            let goes_on = failures.iter().any(|new| new.scraper == old.failure.scraper);
            if !goes_on {
                info!(scraper = old.failure.scraper, "scraping metrics works again");
            }
            goes_on
        });
        for failure in failures {
            self.note(failure);
        }
    }

    fn note(&mut self, failure: Failure) {
        let now = Instant::now();
        let old = self.failing.iter().position(|old| old.failure.scraper == failure.scraper);
        let is_news = old.is_none_or(|place| {
            let old = &self.failing[place];
            old.failure.error != failure.error || now - old.logged >= REMINDER
        });
        if !is_news {
            return;
        }
        let Failure { scraper, error, failed_points } = &failure;
        error!(error, scraper, failed_points, "Error scraping metrics");
        let failing = Failing { failure, logged: now };
        match old {
            Some(place) => self.failing[place] = failing,
            None => self.failing.push(failing),
        }
    }
}
