//! What users write.

use std::path::PathBuf;

use config::{Node, Problems, Schema, Section, Validate, Value, suggest};
use scraper::{MetricsConfig, ScrapeConfig};

use crate::filter::{
    DeviceFilter, FsTypeFilter, InterfaceFilter, InvalidFilter, Matcher, MountPointFilter,
};
use crate::listed::Listed;
use crate::{platform, tables};

/// Settings of the `host_metrics` receiver.
#[derive(Clone, Debug, Default, PartialEq, Section)]
#[section(not_supported("metadata_collection_interval"))]
pub struct Config {
    /// When to scrape.
    #[section(flatten)]
    pub rhythm: ScrapeConfig,

    /// Where the host's root is mounted, for an agent in a container. Linux only.
    ///
    /// Default: empty, the same as `/`. `HOST_PROC`, `HOST_SYS` and `HOST_DEV` in the environment win over it.
    pub root_path: PathBuf,

    /// What to scrape. A scraper is on when its key is there, with or without settings.
    ///
    /// No default. At least one is required.
    pub scrapers: ScraperMap,
}

/// The scrapers by name. A name that no scraper has is refused in upstream's words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScraperMap(pub Scrapers);

/// The scrapers.
#[derive(Clone, Debug, Default, PartialEq, Section)]
#[section(not_supported("hardware", "nfs", "paging", "process", "processes", "system"))]
pub struct Scrapers {
    /// Time that CPUs spend in each state.
    pub cpu: Listed<CpuConfig>,
    /// Input and output of disks.
    pub disk: Listed<DiskConfig>,
    /// Space and inodes of filesystems.
    pub filesystem: Listed<FilesystemConfig>,
    /// Load averages.
    pub load: Listed<LoadConfig>,
    /// Memory by state.
    pub memory: Listed<MemoryConfig>,
    /// Network interfaces and TCP connections.
    pub network: Listed<NetworkConfig>,
}

/// Settings of the `cpu` scraper.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct CpuConfig {
    /// Switches for single metrics, by name.
    pub metrics: MetricsConfig,
}

/// Settings of the `disk` scraper.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct DiskConfig {
    /// Switches for single metrics, by name.
    pub metrics: MetricsConfig,
    /// Only these devices, by the kernel's names.
    pub include: DeviceFilter,
    /// Not these devices.
    pub exclude: DeviceFilter,
}

/// Settings of the `filesystem` scraper.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct FilesystemConfig {
    /// Switches for single metrics, by name.
    pub metrics: MetricsConfig,
    /// Only these devices.
    pub include_devices: DeviceFilter,
    /// Not these devices.
    pub exclude_devices: DeviceFilter,
    /// Only these types of filesystems.
    pub include_fs_types: FsTypeFilter,
    /// Not these types of filesystems.
    pub exclude_fs_types: FsTypeFilter,
    /// Only these mount points, as the host sees them.
    pub include_mount_points: MountPointFilter,
    /// Not these mount points.
    pub exclude_mount_points: MountPointFilter,
    /// Whether filesystems without a block device (tmpfs, overlay, nfs) are reported too.
    ///
    /// Default: `false`.
    pub include_virtual_filesystems: bool,
}

/// Settings of the `load` scraper.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct LoadConfig {
    /// Switches for single metrics, by name.
    pub metrics: MetricsConfig,
    /// Whether the load is divided by the number of CPUs that the agent may run on.
    ///
    /// Default: `false`.
    pub cpu_average: bool,
}

/// Settings of the `memory` scraper.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct MemoryConfig {
    /// Switches for single metrics, by name.
    pub metrics: MetricsConfig,
}

/// Settings of the `network` scraper.
#[derive(Clone, Debug, Default, PartialEq, Section)]
pub struct NetworkConfig {
    /// Switches for single metrics, by name.
    pub metrics: MetricsConfig,
    /// Only these interfaces. Connections are not filtered.
    pub include: InterfaceFilter,
    /// Not these interfaces.
    pub exclude: InterfaceFilter,
}

impl Validate for Config {
    fn validate(&self, problems: &mut Problems) {
        if self.scrapers.names().is_empty() {
            let message = "must specify at least one scraper when using hostmetrics receiver";
            problems.add("", message);
        }
        platform::validate(self, problems);
    }
}

impl ScraperMap {
    /// The scrapers that are on.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        let Scrapers { cpu, disk, filesystem, load, memory, network } = &self.0;
        let all = [
            ("cpu", cpu.0.is_some()),
            ("disk", disk.0.is_some()),
            ("filesystem", filesystem.0.is_some()),
            ("load", load.0.is_some()),
            ("memory", memory.0.is_some()),
            ("network", network.0.is_some()),
        ];
        all.into_iter().filter(|(_, on)| *on).map(|(name, _)| name).collect()
    }
}

impl Value for ScraperMap {
    fn parse(node: &Node, problems: &mut Problems) -> Option<Self> {
        let mut known = Vec::new();
        Scrapers::keys(&mut known);
        Scrapers::not_supported(&mut known);
        let names = node.as_map().into_iter().flat_map(|map| map.iter().map(|(name, _)| name));
        for name in names.filter(|name| !known.contains(name)) {
            let message = format!("invalid scraper key: {name}");
            match suggest::nearest(name, known.iter().copied()) {
                Some(near) => {
                    problems.add_with_hint(name, message, format!("did you mean `{near}`?"));
                }
                None => problems.add(name, message),
            }
        }
        Scrapers::parse(node, problems).map(Self)
    }

    fn check(&self, node: Option<&Node>, problems: &mut Problems) {
        self.0.check(node, problems);
    }

    fn schema() -> Schema {
        Scrapers::schema()
    }
}

impl Validate for Scrapers {}

impl Validate for CpuConfig {
    fn validate(&self, problems: &mut Problems) {
        tables::cpu::TABLE.check(&self.metrics, problems);
    }
}

impl Validate for DiskConfig {
    fn validate(&self, problems: &mut Problems) {
        tables::disk::TABLE.check(&self.metrics, problems);
        check_filter("include", "device include filters", self.include.matcher(), problems);
        check_filter("exclude", "device exclude filters", self.exclude.matcher(), problems);
    }
}

impl Validate for FilesystemConfig {
    fn validate(&self, problems: &mut Problems) {
        tables::filesystem::TABLE.check(&self.metrics, problems);
        let filters = [
            ("include_devices", self.include_devices.matcher()),
            ("exclude_devices", self.exclude_devices.matcher()),
            ("include_fs_types", self.include_fs_types.matcher()),
            ("exclude_fs_types", self.exclude_fs_types.matcher()),
            ("include_mount_points", self.include_mount_points.matcher()),
            ("exclude_mount_points", self.exclude_mount_points.matcher()),
        ];
        for (key, matcher) in filters {
            check_filter(key, &format!("{key} filter"), matcher, problems);
        }
    }
}

impl Validate for LoadConfig {
    fn validate(&self, problems: &mut Problems) {
        tables::load::TABLE.check(&self.metrics, problems);
    }
}

impl Validate for MemoryConfig {
    fn validate(&self, problems: &mut Problems) {
        tables::memory::TABLE.check(&self.metrics, problems);
    }
}

impl Validate for NetworkConfig {
    fn validate(&self, problems: &mut Problems) {
        tables::network::TABLE.check(&self.metrics, problems);
        let interface = |half| format!("network interface {half} filters");
        check_filter("include", &interface("include"), self.include.matcher(), problems);
        check_filter("exclude", &interface("exclude"), self.exclude.matcher(), problems);
    }
}

fn check_filter(
    key: &str,
    what: &str,
    matcher: Result<Option<Matcher>, InvalidFilter>,
    problems: &mut Problems,
) {
    if let Err(InvalidFilter(reason)) = matcher {
        problems.add(key, format!("error creating {what}: {reason}"));
    }
}
