use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The time that the process has had on a processor. `None` where it cannot be learned.
pub(super) fn cpu_time() -> Option<Duration> {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Some(Duration::new(seconds.ok()?, nanoseconds.ok()?))
}
