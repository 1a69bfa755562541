use std::time::Duration;

use windows_sys::Win32::Foundation::FILETIME;
use windows_sys::Win32::System::Threading::{GetCurrentProcess, GetProcessTimes};

/// The time that the process has had on a processor, its own and the system's for it.
pub(super) fn cpu_time() -> Option<Duration> {
    const ZERO: FILETIME = FILETIME { dwLowDateTime: 0, dwHighDateTime: 0 };
    let (mut created, mut ended, mut system, mut own) = (ZERO, ZERO, ZERO, ZERO);
    #[expect(unsafe_code, reason = "there is no safe interface")]
    // SAFETY: The handle of the process itself is always valid, and the four places live until the call has returned.
    let known = unsafe {
        GetProcessTimes(
            GetCurrentProcess(),
            &raw mut created,
            &raw mut ended,
            &raw mut system,
            &raw mut own,
        )
    } != 0;
    known.then(|| duration(system) + duration(own))
}

/// A number of tenths of a microsecond, in two halves.
fn duration(time: FILETIME) -> Duration {
    let tenths = u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime);
    Duration::from_nanos(tenths.saturating_mul(100))
}
