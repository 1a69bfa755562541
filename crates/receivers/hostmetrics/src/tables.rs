//! The metrics of each scraper, with the names, units, descriptions and defaults of upstream's metadata.

use scraper::Kind::{Counter, Gauge, UpDownCounter};
use scraper::{Kind, Metric, Table};

/// Makes the table of a scraper, and a constant for each of its metrics.
macro_rules! table {
    ($scraper:ident {$(
        $constant:ident = $name:literal, $unit:literal, $kind:ident, $enabled:ident, $description:literal;
    )*}) => {
        pub(crate) mod $scraper {
            use super::*;

            $(pub(crate) const $constant: Metric =
                metric($name, $unit, $kind, $enabled, $description);)*

            pub(crate) static TABLE: Table = Table {
                scraper: stringify!($scraper),
                scope: concat!(
                    "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/",
                    "hostmetricsreceiver/internal/scraper/",
                    stringify!($scraper),
                    "scraper",
                ),
                schema_url: "https://opentelemetry.io/schemas/1.9.0",
                metrics: &[$($constant),*],
            };
        }
    };
}

const ON: bool = true;
const OFF: bool = false;

const fn metric(
    name: &'static str,
    unit: &'static str,
    kind: Kind,
    enabled: bool,
    description: &'static str,
) -> Metric {
    Metric { name, description, unit, kind, enabled }
}

table! { cpu {
    FREQUENCY = "system.cpu.frequency", "Hz", Gauge, OFF,
        "Current frequency of the CPU core in Hz.";
    LOGICAL_COUNT = "system.cpu.logical.count", "{cpu}", UpDownCounter, OFF,
        "Number of available logical CPUs.";
    PHYSICAL_COUNT = "system.cpu.physical.count", "{cpu}", UpDownCounter, OFF,
        "Number of available physical CPUs.";
    TIME = "system.cpu.time", "s", Counter, ON,
        "Total seconds each logical CPU spent on each mode.";
    UTILIZATION = "system.cpu.utilization", "1", Gauge, OFF,
        "Difference in system.cpu.time since the last measurement per logical CPU, divided by the elapsed time (value in interval [0,1]).";
}}

table! { disk {
    IO = "system.disk.io", "By", Counter, ON,
        "Disk bytes transferred.";
    IO_TIME = "system.disk.io_time", "s", Counter, ON,
        "Time disk spent activated. On Windows, this is calculated as the inverse of disk idle time.";
    MERGED = "system.disk.merged", "{operations}", Counter, ON,
        "The number of disk reads/writes merged into single physical disk access operations.";
    OPERATION_TIME = "system.disk.operation_time", "s", Counter, ON,
        "Time spent in disk operations.";
    OPERATIONS = "system.disk.operations", "{operations}", Counter, ON,
        "Disk operations count.";
    PENDING_OPERATIONS = "system.disk.pending_operations", "{operations}", UpDownCounter, ON,
        "The queue size of pending I/O operations.";
    WEIGHTED_IO_TIME = "system.disk.weighted_io_time", "s", Counter, ON,
        "Time disk spent activated multiplied by the queue length.";
}}

table! { filesystem {
    INODES_USAGE = "system.filesystem.inodes.usage", "{inodes}", UpDownCounter, ON,
        "FileSystem inodes used.";
    USAGE = "system.filesystem.usage", "By", UpDownCounter, ON,
        "Filesystem bytes used.";
    UTILIZATION = "system.filesystem.utilization", "1", Gauge, OFF,
        "Fraction of filesystem bytes used.";
}}

table! { load {
    FIFTEEN_MINUTES = "system.cpu.load_average.15m", "{thread}", Gauge, ON,
        "Average CPU Load over 15 minutes.";
    ONE_MINUTE = "system.cpu.load_average.1m", "{thread}", Gauge, ON,
        "Average CPU Load over 1 minute.";
    FIVE_MINUTES = "system.cpu.load_average.5m", "{thread}", Gauge, ON,
        "Average CPU Load over 5 minutes.";
}}

table! { memory {
    AVAILABLE = "system.linux.memory.available", "By", UpDownCounter, OFF,
        "An estimate of how much memory is available for starting new applications, without swapping. This is a more accurate alternative than system.memory.usage with state=free. (Linux only)";
    DIRTY = "system.linux.memory.dirty", "By", UpDownCounter, OFF,
        "The amount of dirty memory according to `/proc/meminfo`.";
    LIMIT = "system.memory.limit", "By", UpDownCounter, OFF,
        "Total bytes of memory available.";
    HUGEPAGES_LIMIT = "system.memory.linux.hugepages.limit", "{page}", UpDownCounter, OFF,
        "Total number of hugepages available.";
    HUGEPAGES_PAGE_SIZE = "system.memory.linux.hugepages.page_size", "By", Gauge, OFF,
        "System hugepage size in bytes.";
    HUGEPAGES_RESERVED = "system.memory.linux.hugepages.reserved", "{page}", Gauge, OFF,
        "Number of reserved hugepages (hugepages for which a commitment to allocate has been made, but no allocation has yet been made). This is reported as a separate metric rather than a usage state because reserved pages are already counted in free pages - they represent a subset of free pages that cannot be used for non-reserved allocations.";
    HUGEPAGES_SURPLUS = "system.memory.linux.hugepages.surplus", "{page}", Gauge, OFF,
        "Number of surplus hugepages (overcommitted hugepages beyond the persistent pool). This is reported as a separate metric rather than a usage state because surplus pages can be in either used or free state, and including them would break the semantic convention that usage states must sum to the limit.";
    HUGEPAGES_USAGE = "system.memory.linux.hugepages.usage", "{page}", UpDownCounter, OFF,
        "Number of hugepages in use by state.";
    HUGEPAGES_UTILIZATION = "system.memory.linux.hugepages.utilization", "1", Gauge, OFF,
        "Percentage of hugepages in use by state.";
    SHARED = "system.memory.linux.shared", "By", UpDownCounter, OFF,
        "Shared memory usage, including tmpfs filesystems and System V/POSIX shared memory. Only supported on Linux.";
    PAGE_SIZE = "system.memory.page_size", "By", Gauge, OFF,
        "A constant value for the system's configured page size.";
    USAGE = "system.memory.usage", "By", UpDownCounter, ON,
        "Bytes of memory in use.";
    UTILIZATION = "system.memory.utilization", "1", Gauge, OFF,
        "Percentage of memory bytes in use.";
}}

table! { network {
    CONNECTIONS = "system.network.connections", "{connections}", UpDownCounter, ON,
        "The number of connections.";
    CONNTRACK_COUNT = "system.network.conntrack.count", "{entries}", UpDownCounter, OFF,
        "The count of entries in conntrack table.";
    CONNTRACK_MAX = "system.network.conntrack.max", "{entries}", UpDownCounter, OFF,
        "The limit for entries in the conntrack table.";
    DROPPED = "system.network.dropped", "{packets}", Counter, ON,
        "The number of packets dropped.";
    ERRORS = "system.network.errors", "{errors}", Counter, ON,
        "The number of errors encountered.";
    IO = "system.network.io", "By", Counter, ON,
        "The number of bytes transmitted and received.";
    PACKETS = "system.network.packets", "{packets}", Counter, ON,
        "The number of packets transferred.";
}}
