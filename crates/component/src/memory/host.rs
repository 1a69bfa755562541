//! What the host lets the process have, and what the process takes.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as os;
#[cfg(not(any(target_os = "linux", windows)))]
mod other;
#[cfg(not(any(target_os = "linux", windows)))]
use other as os;
#[cfg(windows)]
mod windows;
#[cfg(windows)]
use windows as os;

/// The memory that a percentage is a part of: what the process's cgroup allows, or all memory of the host. `None` where it
/// cannot be learned.
pub fn available_memory() -> Option<usize> {
    cgroup_limit().or_else(os::total_memory)
}

/// The resident memory of the process. `None` where it cannot be learned.
pub fn resident_memory() -> Option<usize> {
    os::resident_memory()
}

/// The smallest memory limit of the process's cgroup and of those around it.
pub(super) fn cgroup_limit() -> Option<usize> {
    os::cgroup_limit()
}
