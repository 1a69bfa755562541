//! Scrapers, and how one is run.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::SystemTime;

use component::{StartError, panic_message};
use pdata::MetricsBuilder;

use crate::failures::Failure;
use crate::metric::{MetricsConfig, Table};
use crate::record::Record;

/// Measures something. It is called from threads that may block.
pub trait Scraper: Send + 'static {
    /// What it can measure.
    fn table(&self) -> &'static Table;

    /// Gets ready, before the first scrape. The result is the start time of all points.
    ///
    /// # Errors
    ///
    /// What it measures isn't there at all.
    fn start(&mut self) -> Result<SystemTime, StartError>;

    /// Measures once. What is missing is noted in the record, which goes out with what it has.
    fn scrape(&mut self, record: &mut Record);
}

/// A scraper and the record that it writes to.
pub struct Job {
    scraper: Box<dyn Scraper>,
    record: Record,
}

impl Job {
    /// Has this scraper measure what `metrics` leaves enabled.
    pub fn new(scraper: impl Scraper, metrics: &MetricsConfig) -> Self {
        let record = Record::new(scraper.table(), metrics);
        Self { scraper: Box::new(scraper), record }
    }

    pub(crate) fn start(&mut self) -> Result<(), StartError> {
        self.record.set_start(self.scraper.start()?);
        Ok(())
    }

    /// Scrapes once, and writes what there is. A panic costs this scraper's metrics and no more.
    pub(crate) fn run(
        &mut self,
        builder: &mut MetricsBuilder,
        version: &str,
    ) -> Result<(), Failure> {
        let Self { scraper, record } = self;
        record.begin();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| scraper.scrape(record))) {
            record.spoil(0, format!("panicked: {}", panic_message(&*panic)));
        }
        record.write(builder, version);
        match record.error() {
            None => Ok(()),
            Some(error) => {
                let scraper = scraper.table().scraper;
                Err(Failure { scraper, error, failed_points: record.failed() })
            }
        }
    }
}
