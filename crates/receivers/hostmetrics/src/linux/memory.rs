//! Scraper `memory`.

use std::time::SystemTime;

use component::StartError;
use scraper::{Record, Scraper, Table};

use super::host::{Host, HostFile};
use super::number::{int, ratio};
use crate::tables::memory;

/// How many metrics are missing when the scrape fails, as upstream counts.
const METRICS: usize = 2;

/// The attribute of the metrics of hugepages.
const HUGEPAGES_STATE: &str = "system.memory.linux.hugepages.state";

/// Measures memory.
pub(super) struct MemoryScraper {
    host: Host,
    meminfo: HostFile,
}

/// `/proc/meminfo`, in bytes and in hugepages. What a kernel doesn't have is zero.
#[derive(Debug, Default, PartialEq)]
struct Memory {
    total: u64,
    free: u64,
    /// Linux 3.14 and later.
    available: Option<u64>,
    buffers: u64,
    cached: u64,
    active_file: Option<u64>,
    inactive_file: Option<u64>,
    dirty: u64,
    shmem: u64,
    slab_reclaimable: Option<u64>,
    slab_unreclaimable: u64,
    hugepages: u64,
    hugepages_free: u64,
    hugepages_reserved: u64,
    hugepages_surplus: u64,
    hugepage_size: u64,
}

impl MemoryScraper {
    pub(super) fn new(host: &Host) -> Self {
        Self { host: host.clone(), meminfo: HostFile::new(host.proc.join("meminfo")) }
    }

    /// The kernel's estimate of what can be had without swapping, or one like it for kernels that make none.
    fn available(&self, memory: &Memory) -> u64 {
        if let Some(available) = memory.available {
            return available;
        }
        let reclaimable = memory.slab_reclaimable.unwrap_or_default();
        let simple = memory.free.saturating_add(memory.cached).saturating_add(reclaimable);
        let (Some(active), Some(inactive), Some(_)) =
            (memory.active_file, memory.inactive_file, memory.slab_reclaimable)
        else {
            return simple;
        };
        let mut zones = HostFile::new(self.host.proc.join("zoneinfo"));
        let Ok(zones) = zones.read() else { return simple };
        let low = low_watermarks(&zones).saturating_mul(page_size());
        let page_cache = active.saturating_add(inactive);
        let parts = [
            memory.free.saturating_sub(low),
            page_cache - low.min(page_cache / 2),
            reclaimable - low.min(reclaimable / 2),
        ];
        parts.into_iter().fold(0, u64::saturating_add)
    }
}

impl Scraper for MemoryScraper {
    fn table(&self) -> &'static Table {
        &memory::TABLE
    }

    fn start(&mut self) -> Result<SystemTime, StartError> {
        self.host.boot_time()
    }

    fn scrape(&mut self, record: &mut Record) {
        let memory = match self.meminfo.read() {
            Ok(text) => Memory::parse(&text),
            Err(error) => return record.fail(METRICS, error),
        };
        if memory.total == 0 {
            return record.fail(METRICS, "invalid total memory: 0");
        }
        let available = self.available(&memory);
        memory.add_states(available, record);
        memory.add_hugepages(record);
        record.add(&memory::AVAILABLE, int(available), &[]);
        record.add(&memory::DIRTY, int(memory.dirty), &[]);
        record.add(&memory::LIMIT, int(memory.total), &[]);
        record.add(&memory::PAGE_SIZE, int(page_size()), &[]);
        record.add(&memory::SHARED, int(memory.shmem), &[]);
    }
}

impl Memory {
    fn parse(text: &str) -> Self {
        let mut memory = Self::default();
        for line in text.lines() {
            let Some((key, value)) = line.split_once(':') else { continue };
            let number = value.trim().trim_end_matches(" kB").parse();
            let Ok(number): Result<u64, _> = number else { continue };
            let bytes = number.saturating_mul(1024);
            match key {
                "MemTotal" => memory.total = bytes,
                "MemFree" => memory.free = bytes,
                "MemAvailable" => memory.available = Some(bytes),
                "Buffers" => memory.buffers = bytes,
                "Cached" => memory.cached = bytes,
                "Active(file)" => memory.active_file = Some(bytes),
                "Inactive(file)" => memory.inactive_file = Some(bytes),
                "Dirty" => memory.dirty = bytes,
                "Shmem" => memory.shmem = bytes,
                "SReclaimable" => memory.slab_reclaimable = Some(bytes),
                "SUnreclaim" => memory.slab_unreclaimable = bytes,
                "HugePages_Total" => memory.hugepages = number,
                "HugePages_Free" => memory.hugepages_free = number,
                "HugePages_Rsvd" => memory.hugepages_reserved = number,
                "HugePages_Surp" => memory.hugepages_surplus = number,
                "Hugepagesize" => memory.hugepage_size = bytes,
                _ => {}
            }
        }
        memory
    }

    /// The states overlap and don't add up to the total, as upstream.
    fn add_states(&self, available: u64, record: &mut Record) {
        let reclaimable = self.slab_reclaimable.unwrap_or_default();
        let states = [
            ("used", self.total.saturating_sub(available)),
            ("free", self.free),
            ("buffered", self.buffers),
            ("cached", self.cached.saturating_add(reclaimable)),
            ("slab_reclaimable", reclaimable),
            ("slab_unreclaimable", self.slab_unreclaimable),
        ];
        for (state, bytes) in states {
            record.add(&memory::USAGE, int(bytes), &[("state", state)]);
            record.add(&memory::UTILIZATION, ratio(bytes, self.total), &[("state", state)]);
        }
    }

    fn add_hugepages(&self, record: &mut Record) {
        record.add(&memory::HUGEPAGES_LIMIT, int(self.hugepages), &[]);
        record.add(&memory::HUGEPAGES_PAGE_SIZE, int(self.hugepage_size), &[]);
        record.add(&memory::HUGEPAGES_RESERVED, int(self.hugepages_reserved), &[]);
        record.add(&memory::HUGEPAGES_SURPLUS, int(self.hugepages_surplus), &[]);
        let used = self.hugepages.saturating_sub(self.hugepages_free);
        for (state, pages) in [("free", self.hugepages_free), ("used", used)] {
            let state = [(HUGEPAGES_STATE, state)];
            record.add(&memory::HUGEPAGES_USAGE, int(pages), &state);
            if self.hugepages > 0 {
                let share = ratio(pages, self.hugepages);
                record.add(&memory::HUGEPAGES_UTILIZATION, share, &state);
            }
        }
    }
}

fn page_size() -> u64 {
    rustix::param::page_size() as u64
}

/// The sum of all zones' low watermarks, in pages.
fn low_watermarks(zoneinfo: &str) -> u64 {
    let lines = zoneinfo.lines().map(|line| line.trim_start());
    let lows = lines.filter_map(|line| line.strip_prefix("low "));
    lows.filter_map(|low| low.trim().parse().ok()).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_not_understood_are_passed_over() {
        let text = "MemTotal:       16 kB\nMemFree: x kB\nno colon\nHugePages_Total:       3\n";
        let memory = Memory { total: 16 * 1024, hugepages: 3, ..Memory::default() };
        assert_eq!(Memory::parse(text), memory);
    }

    #[test]
    fn low_watermarks_of_all_zones_add_up() {
        let text = "Node 0, zone      DMA\n  pages free     3840\n        boost    0\n        min      10\n\
                    \x20       low      13\n        high     16\nNode 0, zone    DMA32\n        low      700\n";
        assert_eq!(low_watermarks(text), 713);
    }
}
