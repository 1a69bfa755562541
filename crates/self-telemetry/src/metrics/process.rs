//! What the process takes, and the memory account. The names are upstream's where upstream has them; what it measures of
//! Go's heap is not there.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
use unix as os;
#[cfg(windows)]
mod windows;
#[cfg(windows)]
use windows as os;

use std::sync::Arc;

use component::memory::resident_memory;
use opentelemetry::metrics::Meter;

use super::observe::{self, Name};
use super::source::Observed;

/// Lets the SDK observe the process and the memory account.
pub(super) fn register(meter: &Meter, observed: &Observed) {
    let start = observed.start;
    observe::float_counter(meter, UPTIME, move |observe| {
        observe(start.elapsed().unwrap_or_default().as_secs_f64(), &[]);
    });
    observe::float_counter(meter, CPU, |observe| {
        if let Some(time) = os::cpu_time() {
            observe(time.as_secs_f64(), &[]);
        }
    });
    observe::gauge(meter, RESIDENT, |observe| {
        if let Some(bytes) = resident_memory() {
            observe(signed(bytes), &[]);
        }
    });
    let memory = Arc::clone(&observed.memory);
    observe::gauge(meter, USED, move |observe| observe(signed(memory.used()), &[]));
    let memory = Arc::clone(&observed.memory);
    observe::gauge(meter, LIMIT, move |observe| observe(signed(memory.limit()), &[]));
}

const UPTIME: Name = Name {
    name: "otelcol_process_uptime",
    unit: "s",
    description: "Uptime of the process [Alpha]",
};
const CPU: Name = Name {
    name: "otelcol_process_cpu_seconds",
    unit: "s",
    description: "Total CPU user and system time in seconds [Alpha]",
};
const RESIDENT: Name = Name {
    name: "otelcol_process_memory_rss",
    unit: "By",
    description: "Total physical memory (resident set size) [Alpha]",
};
const USED: Name = Name {
    name: "kmagent_memory_account_used",
    unit: "By",
    description: "Bytes that telemetry in memory takes.",
};
const LIMIT: Name = Name {
    name: "kmagent_memory_account_limit",
    unit: "By",
    description: "Bytes that telemetry in memory may take.",
};

fn signed(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
