//! Elsewhere the operating system's numbers are not read yet: limits in per cent are refused by whoever asks.

pub(super) fn total_memory() -> Option<usize> {
    None
}

pub(super) fn resident_memory() -> Option<usize> {
    None
}

pub(super) fn cgroup_limit() -> Option<usize> {
    None
}
