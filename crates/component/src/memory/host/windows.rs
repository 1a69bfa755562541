//! Windows: the memory manager's counters. There are no cgroups; a job object's limit is not looked at.

use windows_sys::Win32::System::ProcessStatus::{K32GetProcessMemoryInfo, PROCESS_MEMORY_COUNTERS};
use windows_sys::Win32::System::SystemInformation::{GlobalMemoryStatusEx, MEMORYSTATUSEX};
use windows_sys::Win32::System::Threading::GetCurrentProcess;

/// Physical memory.
pub(super) fn total_memory() -> Option<usize> {
    let size = u32::try_from(size_of::<MEMORYSTATUSEX>()).ok()?;
    let mut status = MEMORYSTATUSEX { dwLength: size, ..Default::default() };
    #[expect(unsafe_code, reason = "the standard library has no such call")]
    // SAFETY: `status` is a valid structure of the size that it says, and lives until the call returns.
    let answered = unsafe { GlobalMemoryStatusEx(&mut status) };
    usize::try_from(status.ullTotalPhys).ok().filter(|_| answered != 0)
}

/// The working set.
pub(super) fn resident_memory() -> Option<usize> {
    let size = u32::try_from(size_of::<PROCESS_MEMORY_COUNTERS>()).ok()?;
    let mut counters = PROCESS_MEMORY_COUNTERS { cb: size, ..Default::default() };
    #[expect(unsafe_code, reason = "the standard library has no such call")]
    // SAFETY: the pseudo handle of the process itself is always valid, and `counters` is a valid structure of `size` bytes.
    let answered = unsafe { K32GetProcessMemoryInfo(GetCurrentProcess(), &mut counters, size) };
    Some(counters.WorkingSetSize).filter(|_| answered != 0)
}

pub(super) fn cgroup_limit() -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_takes_memory_and_less_than_there_is() {
        let (resident, total) = (resident_memory().unwrap(), total_memory().unwrap());
        assert!(resident > 0 && resident < total, "{resident} of {total}");
    }
}
