//! Scraper `filesystem`.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use component::StartError;
use scraper::{Record, Scraper, Table};

use self::mounts::Mount;
use super::host::Host;
use super::number::{int, ratio};
use crate::config::FilesystemConfig;
use crate::filter::{Filter, InvalidFilter};
use crate::tables::filesystem;

mod mounts;

/// How many metrics are missing when nothing could be measured, as upstream counts.
const METRICS: usize = 2;

/// Measures filesystems.
pub(super) struct FilesystemScraper {
    host: Host,
    virtual_too: bool,
    devices: Filter,
    types: Filter,
    mount_points: Filter,
    /// Asks the kernel. Tests have kernels of their own.
    measure: fn(&Path) -> io::Result<Space>,
}

/// What `statfs(2)` says of a filesystem, in blocks and inodes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Space {
    pub(super) block_size: u64,
    pub(super) blocks: u64,
    pub(super) blocks_free: u64,
    /// To users who aren't root.
    pub(super) blocks_available: u64,
    pub(super) inodes: u64,
    pub(super) inodes_free: u64,
}

impl FilesystemScraper {
    pub(super) fn new(host: &Host, config: &FilesystemConfig) -> Result<Self, InvalidFilter> {
        Ok(Self {
            host: host.clone(),
            virtual_too: config.include_virtual_filesystems,
            devices: Filter {
                include: config.include_devices.matcher()?,
                exclude: config.exclude_devices.matcher()?,
            },
            types: Filter {
                include: config.include_fs_types.matcher()?,
                exclude: config.exclude_fs_types.matcher()?,
            },
            mount_points: Filter {
                include: config.include_mount_points.matcher()?,
                exclude: config.exclude_mount_points.matcher()?,
            },
            measure: statfs,
        })
    }

    /// Asks somebody else than the kernel.
    #[cfg(test)]
    pub(super) fn measured_by(mut self, measure: fn(&Path) -> io::Result<Space>) -> Self {
        self.measure = measure;
        self
    }

    fn passes(&self, mount: &Mount) -> bool {
        self.devices.passes(&mount.device)
            && self.types.passes(&mount.fs_type)
            && self.mount_points.passes(&mount.mount_point)
    }

    /// Where we see what the host has mounted there. Mount points that were read from our own point of view are already
    /// below the host's root, and whoever says where `mountinfo` is means it as it is.
    fn path(&self, mount_point: &str) -> PathBuf {
        let mount_point = Path::new(mount_point);
        match &self.host.root {
            Some(root) if self.host.mountinfo.is_none() && !mount_point.starts_with(root) => {
                root.join(mount_point.strip_prefix("/").unwrap_or(mount_point))
            }
            _ => mount_point.to_owned(),
        }
    }
}

impl Scraper for FilesystemScraper {
    fn table(&self) -> &'static Table {
        &filesystem::TABLE
    }

    fn start(&mut self) -> Result<SystemTime, StartError> {
        self.host.boot_time()
    }

    fn scrape(&mut self, record: &mut Record) {
        let mounts = match mounts::read(&self.host, self.virtual_too) {
            Ok(mounts) => mounts,
            Err(error) => return record.fail(METRICS, error),
        };
        let mut seen = HashSet::new();
        let mut errors = Vec::new();
        let mut measured = 0;
        for mount in &mounts {
            // As upstream: the first of several mounts of one device at one place.
            let is_new = seen.insert((&mount.mount_point, &mount.device));
            if !is_new || !self.passes(mount) {
                continue;
            }
            let path = self.path(&mount.mount_point);
            match (self.measure)(&path) {
                Ok(space) => {
                    space.add_to(mount, record);
                    measured += 1;
                }
                Err(error) => {
                    errors.push(format!("failed to read usage at {}: {error}", path.display()));
                }
            }
        }
        if !errors.is_empty() {
            record.fail(if measured == 0 { METRICS } else { 0 }, errors.join("; "));
        }
    }
}

impl Space {
    fn add_to(&self, mount: &Mount, record: &mut Record) {
        let attributes = [
            ("device", &*mount.device),
            ("mode", mount.mode),
            ("mountpoint", &*mount.mount_point),
            ("type", &*mount.fs_type),
        ];
        let bytes = |blocks: u64| blocks.saturating_mul(self.block_size);
        let used = bytes(self.blocks.saturating_sub(self.blocks_free));
        let free = bytes(self.blocks_available);
        let reserved = bytes(self.blocks).saturating_sub(used).saturating_sub(free);
        let inodes_used = self.inodes.saturating_sub(self.inodes_free);
        let with_state = |state| {
            let [device, mode, mount_point, fs_type] = attributes;
            [device, mode, mount_point, fs_type, ("state", state)]
        };
        for (state, bytes) in [("used", used), ("free", free), ("reserved", reserved)] {
            record.add(&filesystem::USAGE, int(bytes), &with_state(state));
        }
        for (state, inodes) in [("used", inodes_used), ("free", self.inodes_free)] {
            record.add(&filesystem::INODES_USAGE, int(inodes), &with_state(state));
        }
        let utilization = ratio(used, used.saturating_add(free));
        record.add(&filesystem::UTILIZATION, utilization, &attributes);
    }
}

fn statfs(path: &Path) -> io::Result<Space> {
    let stat = rustix::fs::statfs(path)?;
    Ok(Space {
        block_size: u64::try_from(stat.f_bsize).unwrap_or_default(),
        blocks: stat.f_blocks,
        blocks_free: stat.f_bfree,
        blocks_available: stat.f_bavail,
        inodes: stat.f_files,
        inodes_free: stat.f_ffree,
    })
}
