//! Systems whose host metrics are not supported yet.

use std::env::consts::OS;

use component::CreateError;
use config::Problems;
use scraper::Job;

use crate::config::Config;

/// Reports what this system cannot do: every scraper, and `root_path`.
pub(crate) fn validate(config: &Config, problems: &mut Problems) {
    if !config.root_path.as_os_str().is_empty() {
        problems.add("root_path", "root_path is supported on linux only");
    }
    for name in config.scrapers.names() {
        problems.add(&format!("scrapers::{name}"), unsupported(name));
    }
}

/// Refuses the first scraper that is wanted.
pub(crate) fn jobs(config: &Config) -> Result<Vec<Job>, CreateError> {
    match config.scrapers.names().first() {
        Some(name) => Err(CreateError::new(unsupported(name))),
        None => Ok(Vec::new()),
    }
}

fn unsupported(scraper: &str) -> String {
    format!("hostmetrics scraper `{scraper}` is not supported yet on {OS}")
}
