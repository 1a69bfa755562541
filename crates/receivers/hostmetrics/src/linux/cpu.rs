//! Scraper `cpu`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use component::StartError;
use scraper::{Record, Scraper, Table};

use super::host::{Host, HostFile, ReadError};
use super::number::{float, int, numbers};
use crate::tables::cpu;

/// How many metrics are missing when the scrape fails, as upstream counts.
const METRICS: usize = 2;

/// The states, in the order in which they are reported, and the columns of `/proc/stat` that they are in.
const STATES: [(&str, usize); 8] = [
    ("user", 0),
    ("system", 2),
    ("idle", 3),
    ("interrupt", 5),
    ("nice", 1),
    ("softirq", 6),
    ("steal", 7),
    ("wait", 4),
];

/// What a CPU did since boot: user, nice, system, idle, iowait, irq, softirq, steal, guest and guest_nice.
#[derive(Clone, Debug, PartialEq)]
struct Cpu {
    name: String,
    ticks: [u64; 10],
}

/// Measures CPUs.
pub(super) struct CpuScraper {
    host: Host,
    stat: HostFile,
    info: HostFile,
    ticks_per_second: u64,
    /// As of the scrape before. `None` before the first.
    previous: Option<Vec<Cpu>>,
}

impl CpuScraper {
    pub(super) fn new(host: &Host) -> Self {
        Self {
            host: host.clone(),
            stat: HostFile::new(host.proc.join("stat")),
            info: HostFile::new(host.proc.join("cpuinfo")),
            ticks_per_second: rustix::param::clock_ticks_per_second(),
            previous: None,
        }
    }
}

impl Scraper for CpuScraper {
    fn table(&self) -> &'static Table {
        &cpu::TABLE
    }

    fn start(&mut self) -> Result<SystemTime, StartError> {
        self.host.boot_time()
    }

    fn scrape(&mut self, record: &mut Record) {
        if let Err(error) = self.measure(record) {
            record.spoil(METRICS, error);
        }
    }
}

impl CpuScraper {
    fn measure(&mut self, record: &mut Record) -> Result<(), CpuError> {
        let cpus = parse_stat(&self.stat.read()?);
        for Cpu { name, ticks } in &cpus {
            for (state, column) in STATES {
                let seconds = float(ticks[column]) / float(self.ticks_per_second);
                record.add(&cpu::TIME, seconds, &[("cpu", name), ("state", state)]);
            }
        }
        if record.wants(&cpu::LOGICAL_COUNT) {
            let listed = self.info.read().map_or(0, |text| count_processors(&text));
            let count = if listed > 0 { listed } else { cpus.len() };
            record.add(&cpu::LOGICAL_COUNT, int(count as u64), &[]);
        }
        if record.wants(&cpu::PHYSICAL_COUNT) {
            let count = self.physical_count()?;
            record.add(&cpu::PHYSICAL_COUNT, int(count as u64), &[]);
        }
        if record.wants(&cpu::FREQUENCY) {
            for (processor, megahertz) in parse_frequencies(&self.info.read()?) {
                let name = format!("cpu{processor}");
                record.add(&cpu::FREQUENCY, megahertz * 1e6, &[("cpu", &name)]);
            }
        }
        if record.wants(&cpu::UTILIZATION) {
            let previous = self.previous.replace(cpus.clone());
            utilization(&previous.unwrap_or_default(), &cpus, record)?;
        }
        Ok(())
    }

    /// How many cores there are, each of which may run several threads.
    fn physical_count(&mut self) -> Result<usize, ReadError> {
        // Two names of the same thing; the second is the older one.
        for list in ["core_cpus_list", "thread_siblings_list"] {
            let cores: BTreeSet<String> = self.topology(list).collect();
            if !cores.is_empty() {
                return Ok(cores.len());
            }
        }
        Ok(count_cores(&self.info.read()?))
    }

    /// What `/sys` says of every CPU in a file of this name, where there is one.
    fn topology(&self, name: &'static str) -> impl Iterator<Item = String> {
        let folders = fs::read_dir(self.host.sys.join("devices/system/cpu"));
        let paths = folders.into_iter().flatten().flatten().map(|entry| entry.path());
        paths
            .filter(|path| is_cpu(path))
            .filter_map(move |path| fs::read_to_string(path.join("topology").join(name)).ok())
    }
}

/// Why a scrape failed.
#[derive(Debug, thiserror::Error)]
enum CpuError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("getting time for cpu {0}: cpu {0} : cannot find TimesStat for cpu")]
    Gone(String),
}

/// Records for every CPU of the scrape before how it spent its time since then. A CPU that is new has to wait.
fn utilization(previous: &[Cpu], current: &[Cpu], record: &mut Record) -> Result<(), CpuError> {
    for before in previous {
        let after = current.iter().find(|cpu| cpu.name == before.name);
        let after = after.ok_or_else(|| CpuError::Gone(before.name.clone()))?;
        let spent: [f64; 10] =
            std::array::from_fn(|column| float(after.ticks[column]) - float(before.ticks[column]));
        // As upstream: guests count twice, because user time has them too.
        let total: f64 = spent.iter().sum();
        for (state, column) in STATES {
            let share = if total > 0.0 { spent[column] / total } else { 0.0 };
            record.add(&cpu::UTILIZATION, share, &[("cpu", &before.name), ("state", state)]);
        }
    }
    Ok(())
}

/// The lines of single CPUs, which follow the first line, of all of them. Old kernels have fewer columns.
fn parse_stat(text: &str) -> Vec<Cpu> {
    let lines = text.lines().skip(1).take_while(|line| line.starts_with("cpu"));
    lines.filter_map(parse_cpu).collect()
}

fn parse_cpu(line: &str) -> Option<Cpu> {
    const REQUIRED: usize = 7;
    let (name, columns) = line.split_once(' ')?;
    if columns.split_ascii_whitespace().count() < REQUIRED {
        return None;
    }
    let columns = columns.split_ascii_whitespace().chain(std::iter::repeat("0"));
    Some(Cpu { name: name.to_owned(), ticks: numbers(columns)? })
}

/// Keys and values of `/proc/cpuinfo`. An empty line, which ends a CPU, is `None`.
fn info_entries(text: &str) -> impl Iterator<Item = Option<(&str, &str)>> {
    text.lines().filter_map(|line| match line.split_once(':') {
        Some((key, value)) => Some(Some((key.trim(), value.trim()))),
        None if line.trim().is_empty() => Some(None),
        None => None,
    })
}

fn count_processors(info: &str) -> usize {
    let is_processor = |(key, value): &(&str, &str)| {
        key.eq_ignore_ascii_case("processor") && value.parse::<u32>().is_ok()
    };
    info_entries(info).flatten().filter(is_processor).count()
}

/// The cores of all sockets.
fn count_cores(info: &str) -> usize {
    let mut sockets = BTreeMap::new();
    let (mut socket, mut cores) = (None, None);
    for entry in info_entries(info).chain([None]) {
        match entry {
            Some(("physical id", value)) => socket = value.parse::<u32>().ok(),
            Some(("cpu cores", value)) => cores = value.parse::<usize>().ok(),
            Some(_) => {}
            None => {
                if let (Some(socket), Some(cores)) = (socket.take(), cores.take()) {
                    sockets.insert(socket, cores);
                }
            }
        }
    }
    sockets.values().sum()
}

/// The number of each processor that tells its frequency, in MHz.
fn parse_frequencies(info: &str) -> Vec<(u32, f64)> {
    let mut frequencies = Vec::new();
    let mut processor = None;
    for (key, value) in info_entries(info).flatten() {
        match key {
            "processor" => processor = value.parse().ok(),
            "cpu MHz" => frequencies.extend(processor.zip(value.parse().ok())),
            _ => {}
        }
    }
    frequencies
}

/// Whether a folder of `/sys/devices/system/cpu` is that of a CPU.
fn is_cpu(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.and_then(|name| name.strip_prefix("cpu"))
        .is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_cpus_end_at_the_first_other_line() {
        let text = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 1 2 3 4 5 6 7 8 9 10\ncpu7 1 2 3 4 5 6 7\n\
                    cpu8 1 2 3 4 5 6\ncpu9 1 2 x 4 5 6 7\nintr 5\ncpu1 1 1 1 1 1 1 1\n";
        let cpu = |name: &str, ticks| Cpu { name: name.to_owned(), ticks };
        assert_eq!(
            parse_stat(text),
            [
                cpu("cpu0", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
                cpu("cpu7", [1, 2, 3, 4, 5, 6, 7, 0, 0, 0]),
            ]
        );
        assert!(parse_stat("").is_empty());
    }

    const INFO: &str = "processor\t: 0\ncpu MHz\t\t: 2593.906\nphysical id\t: 0\ncpu cores\t: 2\n\n\
                        processor\t: 1\ncpu MHz\t\t: 1200.5\nphysical id\t: 0\ncpu cores\t: 2\n\n\
                        processor\t: 2\nphysical id\t: 1\ncpu cores\t: 4\n";

    #[test]
    fn cpuinfo_tells_threads_cores_and_frequencies() {
        assert_eq!(count_processors(INFO), 3);
        assert_eq!(count_cores(INFO), 6);
        assert_eq!(parse_frequencies(INFO), [(0, 2593.906), (1, 1200.5)]);
    }

    #[test]
    fn an_arm_cpuinfo_tells_threads_only() {
        let info = "processor\t: 0\nBogoMIPS\t: 50.00\n\nprocessor\t: 1\n\nHardware\t: BCM2835\n\
                    Processor\t: ARMv7 rev 3\n";
        assert_eq!((count_processors(info), count_cores(info)), (2, 0));
        assert!(parse_frequencies(info).is_empty());
    }
}
