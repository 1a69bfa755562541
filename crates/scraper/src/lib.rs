//! What every scraping receiver shares: the rhythm, partial errors, and metrics with a switch for each.
//!
//! A receiver brings its [`Scraper`]s, each with a [`Table`] of its metrics, and gets a lifecycle from [`receiver()`]. Names,
//! defaults and rules are those of
//! [upstream's scraperhelper](https://github.com/open-telemetry/opentelemetry-collector/tree/main/scraper/scraperhelper).

mod config;
mod failures;
mod job;
mod metric;
mod receiver;
mod record;

pub use crate::config::ScrapeConfig;
pub use crate::job::{Job, Scraper};
pub use crate::metric::{Kind, Metric, MetricConfig, MetricsConfig, Table};
pub use crate::receiver::receiver;
pub use crate::record::Record;

#[cfg(test)]
mod tests;
