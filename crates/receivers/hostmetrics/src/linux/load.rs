//! Scraper `load`.

use std::io;
use std::time::SystemTime;

use component::StartError;
use scraper::{Record, Scraper, Table};

use super::host::{Host, HostFile};
use crate::config::LoadConfig;
use crate::tables::load;

/// How many metrics are missing when the scrape fails.
const METRICS: usize = 3;

/// Measures load.
pub(super) struct LoadScraper {
    host: Host,
    loadavg: HostFile,
    cpu_average: bool,
    /// What the load is divided by.
    divisor: f64,
}

impl LoadScraper {
    pub(super) fn new(host: &Host, config: &LoadConfig) -> Self {
        let loadavg = HostFile::new(host.proc.join("loadavg"));
        Self { host: host.clone(), loadavg, cpu_average: config.cpu_average, divisor: 1.0 }
    }
}

impl Scraper for LoadScraper {
    fn table(&self) -> &'static Table {
        &load::TABLE
    }

    fn start(&mut self) -> Result<SystemTime, StartError> {
        if self.cpu_average {
            let count = usable_cpus().map_err(|error| {
                StartError::caused_by("cannot find out how many CPUs the agent may use", error)
            })?;
            self.divisor = f64::from(count);
        }
        self.host.boot_time()
    }

    fn scrape(&mut self, record: &mut Record) {
        let text = match self.loadavg.read() {
            Ok(text) => text,
            Err(error) => return record.fail(METRICS, error),
        };
        let Some([one, five, fifteen]) = parse_loadavg(&text) else {
            return record.fail(METRICS, format!("unexpected content of loadavg: {}", text.trim()));
        };
        record.add(&load::ONE_MINUTE, one / self.divisor, &[]);
        record.add(&load::FIVE_MINUTES, five / self.divisor, &[]);
        record.add(&load::FIFTEEN_MINUTES, fifteen / self.divisor, &[]);
    }
}

/// How many CPUs this process may run on, as Go's `NumCPU` has it.
fn usable_cpus() -> io::Result<u32> {
    let count = rustix::thread::sched_getaffinity(None)?.count();
    Ok(count.max(1))
}

fn parse_loadavg(text: &str) -> Option<[f64; 3]> {
    let mut fields = text.split_ascii_whitespace().map(|field| field.parse().ok());
    Some([fields.next()??, fields.next()??, fields.next()??])
}
