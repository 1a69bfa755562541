//! Linux: everything comes from `/proc`, `/sys` and a few system calls.

mod cpu;
mod disk;
mod filesystem;
mod host;
mod load;
mod memory;
mod network;
mod number;

use std::env;

use component::CreateError;
use config::Problems;
use scraper::{Job, MetricsConfig, Scraper};

use self::host::Host;
use crate::config::{Config, Scrapers};
use crate::filter::InvalidFilter;

/// Checks what only this system can know: whether `root_path` is there.
pub(crate) fn validate(config: &Config, problems: &mut Problems) {
    if config.root_path.as_os_str().is_empty() {
        return;
    }
    if let Err(error) = config.root_path.metadata() {
        problems.add("root_path", format!("invalid root_path: {error}"));
    }
}

/// The scrapers that are on, by name.
pub(crate) fn jobs(config: &Config) -> Result<Vec<Job>, CreateError> {
    let host = Host::new(&config.root_path, |name| env::var_os(name));
    jobs_on(&host, config).map_err(|InvalidFilter(reason)| CreateError::new(reason))
}

fn jobs_on(host: &Host, config: &Config) -> Result<Vec<Job>, InvalidFilter> {
    let Scrapers { cpu, disk, filesystem, load, memory, network } = &config.scrapers.0;
    let mut jobs = Vec::new();
    if let Some(config) = &cpu.0 {
        add(&mut jobs, cpu::CpuScraper::new(host), &config.metrics);
    }
    if let Some(config) = &disk.0 {
        add(&mut jobs, disk::DiskScraper::new(host, config)?, &config.metrics);
    }
    if let Some(config) = &filesystem.0 {
        add(&mut jobs, filesystem::FilesystemScraper::new(host, config)?, &config.metrics);
    }
    if let Some(config) = &load.0 {
        add(&mut jobs, load::LoadScraper::new(host, config), &config.metrics);
    }
    if let Some(config) = &memory.0 {
        add(&mut jobs, memory::MemoryScraper::new(host), &config.metrics);
    }
    if let Some(config) = &network.0 {
        add(&mut jobs, network::NetworkScraper::new(host, config)?, &config.metrics);
    }
    Ok(jobs)
}

fn add(jobs: &mut Vec<Job>, scraper: impl Scraper, metrics: &MetricsConfig) {
    jobs.push(Job::new(scraper, metrics));
}

#[cfg(test)]
mod tests;
