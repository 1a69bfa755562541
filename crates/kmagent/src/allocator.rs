//! The system's allocator, tuned for what an agent does: few threads, and buffers of some hundred kilobytes that come and go.
//!
//! `docs/decisions/allocator.md` has the numbers.

use std::sync::Arc;
use std::time::Duration;

use component::MemoryAccount;
use component::memory::resident_memory;
use tokio::time;

/// One heap for all threads: what one thread frees, another can use.
const HEAPS: libc::c_int = 1;
/// Buffers up to this size live on the heap. A mapping of its own would fault in every page of every request again.
const LARGEST_ON_HEAP: libc::c_int = 8 << 20;
/// More than this at the end of the heap goes back to the operating system at once; the rest is for [`keep_trimmed`]. Under load it
/// would only be asked for again.
const KEPT: libc::c_int = 64 << 20;

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

/// How often it is looked whether there is much to give back.
const LOOKS: Duration = Duration::from_secs(10);
/// What is much. A trim costs a millisecond or two, and under load as much again to get the pages back.
const MUCH: usize = 4 << 20;

/// Gives back what the heap keeps in its middle when a queue or a burst has gone. Only its end shrinks by itself, and that is
/// held by whatever was allocated last. Never ends.
pub(crate) async fn keep_trimmed(account: Arc<MemoryAccount>) {
    let mut slack = Slack { least: usize::MAX };
    let mut looks = time::interval(LOOKS);
    looks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let look = || Some((resident_memory()?, account.used()));
        let Some((resident, telemetry)) = look() else { return };
        if slack.is_worth_a_trim(resident, telemetry) {
            trim();
            let Some((resident, telemetry)) = look() else { return };
            slack = Slack::of(resident, telemetry);
        }
    }
}

/// What is resident beyond the telemetry that is kept: the least that was seen since the last trim.
struct Slack {
    least: usize,
}

impl Slack {
    fn of(resident: usize, telemetry: usize) -> Self {
        Self { least: resident.saturating_sub(telemetry) }
    }

    /// Whether the slack has grown so much that some of it is likely to be free.
    fn is_worth_a_trim(&mut self, resident: usize, telemetry: usize) -> bool {
        let slack = resident.saturating_sub(telemetry);
        self.least = self.least.min(slack);
        slack - self.least >= MUCH
    }
}

#[expect(unsafe_code, reason = "the C library has no other way")]
fn trim() {
    // SAFETY: it may be called at any time; it only unmaps pages that nothing is allocated in.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn only_what_is_no_telemetry_and_has_grown_is_worth_a_trim() {
        let mut slack = Slack { least: usize::MAX };
        assert!(!slack.is_worth_a_trim(20 * MIB, 0), "the program itself");
        assert!(!slack.is_worth_a_trim(60 * MIB, 40 * MIB), "a queue");
        assert!(!slack.is_worth_a_trim(60 * MIB, 37 * MIB));
        assert!(
            slack.is_worth_a_trim(60 * MIB, 20 * MIB),
            "what half of the queue has left behind"
        );
        slack = Slack::of(45 * MIB, 20 * MIB);
        assert!(!slack.is_worth_a_trim(45 * MIB, 18 * MIB), "nothing else was free");
        assert!(slack.is_worth_a_trim(45 * MIB, 0), "the other half");
    }

    #[test]
    fn a_trim_gives_back_what_is_free_below_something_that_is_not() {
        let chunk = || vec![1_u8; 64 << 10];
        let mut burst: Vec<_> = std::iter::repeat_with(chunk).take(1_000).collect();
        let last = burst.pop();
        drop(burst);
        let before = resident_memory().unwrap();
        trim();
        let after = resident_memory().unwrap();
        assert!(after + 32 * MIB < before, "{before} bytes before, {after} after");
        drop(last);
    }
}
