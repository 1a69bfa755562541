//! The `host_metrics` receiver: CPU, load, memory, filesystems, disks and network of the host.
//!
//! The data is upstream's, release 0.142: names, units, attributes and their order, and the states that dashboards rest on.
//! Each scraper has its table of metrics in `tables`, which all operating systems share; how they are measured is the
//! business of the `platform`.

mod config;
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "filters are read everywhere, and asked where there are scrapers")
)]
mod filter;
#[cfg(target_os = "linux")]
mod linux;
mod listed;
#[cfg(not(target_os = "linux"))]
mod other;
mod tables;

#[cfg(target_os = "linux")]
use linux as platform;
#[cfg(not(target_os = "linux"))]
use other as platform;

use component::{
    ComponentType, CreateError, Lifecycle, Outputs, ReceiverFactory, Settings, Signal, Stability,
};

pub use crate::config::{
    Config, CpuConfig, DiskConfig, FilesystemConfig, LoadConfig, MemoryConfig, NetworkConfig,
    ScraperMap, Scrapers,
};
pub use crate::filter::{
    DeviceFilter, FsTypeFilter, InterfaceFilter, MatchType, MountPointFilter, RegexpConfig,
};
pub use crate::listed::Listed;

/// Builds `host_metrics` receivers.
#[derive(Debug)]
pub struct Factory;

impl ReceiverFactory for Factory {
    type Config = Config;
    const TYPE: ComponentType = ComponentType::new("host_metrics");
    const ALIASES: &'static [ComponentType] = &[ComponentType::new("hostmetrics")];
    const SIGNALS: &'static [(Signal, Stability)] = &[(Signal::Metrics, Stability::Beta)];

    fn create(
        &self,
        config: Config,
        settings: Settings,
        outputs: Outputs,
    ) -> Result<Box<dyn Lifecycle>, CreateError> {
        let output = outputs.metrics.expect("the engine offers the signals that are declared");
        let jobs = platform::jobs(&config)?;
        Ok(scraper::receiver(config.rhythm, jobs, &settings, output))
    }
}

#[cfg(test)]
mod tests;
