//! The system's allocator, tuned for what an agent does: few threads, and buffers of some hundred kilobytes that come and go.
//!
//! `docs/decisions/allocator.md` has the numbers.

/// One heap for all threads: what one thread frees, another can use.
const HEAPS: libc::c_int = 1;
/// Buffers up to this size live on the heap. A mapping of its own would fault in every page of every request again.
const LARGEST_ON_HEAP: libc::c_int = 4 << 20;
/// More than this at the end of the heap goes back to the operating system.
const KEPT: libc::c_int = 8 << 20;

/// Tunes the allocator. Called before there are other threads.
#[expect(unsafe_code, reason = "the C library has no other way")]
pub(crate) fn tune() {
    for (setting, value) in [
        (libc::M_ARENA_MAX, HEAPS),
        (libc::M_MMAP_THRESHOLD, LARGEST_ON_HEAP),
        (libc::M_TRIM_THRESHOLD, KEPT),
    ] {
        // SAFETY: `mallopt` takes any numbers, and refuses those that it does not like by returning 0. The defaults are fine
        // then.
        unsafe { libc::mallopt(setting, value) };
    }
}
