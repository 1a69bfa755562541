//! What the process takes, and the memory account. The names are upstream's where upstream has them; what it measures of
//! Go's heap is not there.

use std::sync::Arc;
use std::time::Duration;

use component::memory::resident_memory;
use opentelemetry::metrics::Meter;

use super::source::Observed;

pub(super) fn register(meter: &Meter, observed: &Observed) {
    let start = observed.start;
    drop(
        meter
            .f64_observable_counter("otelcol_process_uptime")
            .with_unit("s")
            .with_description("Uptime of the process [Alpha]")
            .with_callback(move |observer| {
                observer.observe(start.elapsed().unwrap_or_default().as_secs_f64(), &[]);
            })
            .build(),
    );
    drop(
        meter
            .f64_observable_counter("otelcol_process_cpu_seconds")
            .with_unit("s")
            .with_description("Total CPU user and system time in seconds [Alpha]")
            .with_callback(|observer| {
                if let Some(time) = cpu_time() {
                    observer.observe(time.as_secs_f64(), &[]);
                }
            })
            .build(),
    );
    drop(
        meter
            .u64_observable_gauge("otelcol_process_memory_rss")
            .with_unit("By")
            .with_description("Total physical memory (resident set size) [Alpha]")
            .with_callback(|observer| {
                if let Some(bytes) = resident_memory() {
                    observer.observe(wide(bytes), &[]);
                }
            })
            .build(),
    );
    let memory = Arc::clone(&observed.memory);
    drop(
        meter
            .u64_observable_gauge("kmagent_memory_account_used")
            .with_unit("By")
            .with_description("Bytes that telemetry in memory takes.")
            .with_callback(move |observer| observer.observe(wide(memory.used()), &[]))
            .build(),
    );
    let memory = Arc::clone(&observed.memory);
    drop(
        meter
            .u64_observable_gauge("kmagent_memory_account_limit")
            .with_unit("By")
            .with_description("Bytes that telemetry in memory may take.")
            .with_callback(move |observer| observer.observe(wide(memory.limit()), &[]))
            .build(),
    );
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// The time that the process has had on a processor. `None` where it cannot be learned.
#[cfg(unix)]
fn cpu_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Some(Duration::new(seconds.ok()?, nanoseconds.ok()?))
}

/// Not read here yet.
#[cfg(not(unix))]
fn cpu_time() -> Option<Duration> {
    None
}
