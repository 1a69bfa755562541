//! Scraper `disk`.

use std::time::SystemTime;

use component::StartError;
use scraper::{Record, Scraper, Table};

use super::host::{Host, HostFile};
use super::number::{float, int, numbers};
use crate::config::DiskConfig;
use crate::filter::{Filter, InvalidFilter};
use crate::tables::disk;

/// How many metrics are missing when the scrape fails.
const METRICS: usize = 7;

/// The kernel counts sectors of this size, whatever the device's own are.
const SECTOR: u64 = 512;

/// Measures block devices.
pub(super) struct DiskScraper {
    host: Host,
    stats: HostFile,
    devices: Filter,
}

/// What a device did since boot, in the order of the columns.
#[derive(Debug, PartialEq)]
struct Disk<'a> {
    name: &'a str,
    reads: u64,
    reads_merged: u64,
    sectors_read: u64,
    milliseconds_reading: u64,
    writes: u64,
    writes_merged: u64,
    sectors_written: u64,
    milliseconds_writing: u64,
    pending: u64,
    milliseconds_busy: u64,
    milliseconds_weighted: u64,
}

impl DiskScraper {
    pub(super) fn new(host: &Host, config: &DiskConfig) -> Result<Self, InvalidFilter> {
        Ok(Self {
            host: host.clone(),
            stats: HostFile::new(host.proc.join("diskstats")),
            devices: Filter {
                include: config.include.matcher()?,
                exclude: config.exclude.matcher()?,
            },
        })
    }
}

impl Scraper for DiskScraper {
    fn table(&self) -> &'static Table {
        &disk::TABLE
    }

    fn start(&mut self) -> Result<SystemTime, StartError> {
        self.host.boot_time()
    }

    fn scrape(&mut self, record: &mut Record) {
        let text = match self.stats.read() {
            Ok(text) => text,
            Err(error) => return record.fail(METRICS, error),
        };
        let disks = text.lines().filter_map(parse_disk);
        disks.filter(|disk| self.devices.passes(disk.name)).for_each(|disk| disk.add_to(record));
    }
}

impl Disk<'_> {
    fn add_to(&self, record: &mut Record) {
        let read = [("device", self.name), ("direction", "read")];
        let write = [("device", self.name), ("direction", "write")];
        let device = &read[..1];
        record.add(&disk::IO, int(self.sectors_read.saturating_mul(SECTOR)), &read);
        record.add(&disk::IO, int(self.sectors_written.saturating_mul(SECTOR)), &write);
        record.add(&disk::OPERATIONS, int(self.reads), &read);
        record.add(&disk::OPERATIONS, int(self.writes), &write);
        record.add(&disk::IO_TIME, seconds(self.milliseconds_busy), device);
        record.add(&disk::OPERATION_TIME, seconds(self.milliseconds_reading), &read);
        record.add(&disk::OPERATION_TIME, seconds(self.milliseconds_writing), &write);
        record.add(&disk::WEIGHTED_IO_TIME, seconds(self.milliseconds_weighted), device);
        record.add(&disk::PENDING_OPERATIONS, int(self.pending), device);
        record.add(&disk::MERGED, int(self.reads_merged), &read);
        record.add(&disk::MERGED, int(self.writes_merged), &write);
    }
}

fn seconds(milliseconds: u64) -> f64 {
    float(milliseconds) / 1000.0
}

/// A line of `/proc/diskstats`. `None` for a device that never did anything, and for lines of old kernels that have
/// fewer columns for partitions.
fn parse_disk(line: &str) -> Option<Disk<'_>> {
    let mut columns = line.split_ascii_whitespace().skip(2);
    let name = columns.next()?;
    let counters: [u64; 11] = numbers(columns)?;
    if counters == [0; 11] {
        return None;
    }
    let [
        reads,
        reads_merged,
        sectors_read,
        milliseconds_reading,
        writes,
        writes_merged,
        sectors_written,
        milliseconds_writing,
        pending,
        milliseconds_busy,
        milliseconds_weighted,
    ] = counters;
    Some(Disk {
        name,
        reads,
        reads_merged,
        sectors_read,
        milliseconds_reading,
        writes,
        writes_merged,
        sectors_written,
        milliseconds_writing,
        pending,
        milliseconds_busy,
        milliseconds_weighted,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_any_kernel_are_read_or_passed_over() {
        let new = "   8       0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17";
        let disk = parse_disk(new).unwrap();
        assert_eq!((disk.name, disk.reads, disk.milliseconds_weighted), ("sda", 1, 11));
        assert_eq!(parse_disk("8 1 sda1 1 2 3 4"), None, "a partition on Linux 2.6");
        assert_eq!(parse_disk("8 1 sda1 1 2 3 4 5 6 7 8 -1 10 11"), None);
        assert_eq!(parse_disk("7 0 loop0 0 0 0 0 0 0 0 0 0 0 0"), None);
        assert_eq!(parse_disk(""), None);
    }
}
