//! When to check.

use std::time::Duration;

use tokio::time::Instant;

/// The longest a row of failures makes the agent wait, unless two intervals are longer.
const LONGEST_BACKOFF: Duration = Duration::from_secs(300);
/// The longest interval. Clocks can't count to the end of time.
const LONGEST_INTERVAL: Duration = Duration::from_secs(365 * 24 * 3600);

/// When to check: at once, and then every interval.
///
/// The rhythm has a phase that depends on the host's name alone. So a fleet that starts at the same moment, as after a power
/// cut, spreads over the whole interval from its second check on. After a failure the pause is random, from a window that
/// doubles with every further failure up to five minutes (or two intervals, if that is longer); a success returns to the
/// rhythm. A fleet never asks a failing API more often than one that answers.
#[derive(Clone, Debug)]
pub struct Schedule {
    interval: Duration,
    /// A moment of the rhythm; the others are whole intervals away.
    anchor: Instant,
    failures: u32,
    random: fastrand::Rng,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "there is no more to say")]
pub enum Outcome {
    Success,
    Failure,
}

impl Schedule {
    /// A schedule that begins now, with a first check. `host` is what tells this host from others, its name or machine id.
    ///
    /// An interval of zero counts as one second, one of more than a year as a year.
    pub fn new(interval: Duration, host: &str) -> Self {
        let interval = match interval {
            Duration::ZERO => Duration::from_secs(1),
            interval => interval.min(LONGEST_INTERVAL),
        };
        let anchor = Instant::now() + interval.mul_f64(phase(host));
        Self { interval, anchor, failures: 0, random: fastrand::Rng::new() }
    }

    /// When to check again, after a check that has just ended.
    pub fn next(&mut self, outcome: Outcome) -> Instant {
        let now = Instant::now();
        match outcome {
            Outcome::Success => {
                self.failures = 0;
                self.next_in_rhythm(now)
            }
            Outcome::Failure => {
                self.failures = self.failures.saturating_add(1);
                now + self.window().mul_f64(self.random.f64())
            }
        }
    }

    /// The first moment of the rhythm after `now`.
    fn next_in_rhythm(&self, now: Instant) -> Instant {
        match now.checked_duration_since(self.anchor) {
            None => self.anchor,
            Some(behind) => now + (self.interval - remainder(behind, self.interval)),
        }
    }

    /// The longest pause after so many failures. The first one is two intervals, so that the mean is one.
    fn window(&self) -> Duration {
        let doubled = 2_u32.saturating_pow(self.failures);
        self.interval.saturating_mul(doubled).min(LONGEST_BACKOFF.max(2 * self.interval))
    }
}

/// What is left of `time` after whole intervals.
fn remainder(time: Duration, interval: Duration) -> Duration {
    let nanoseconds = time.as_nanos() % interval.as_nanos();
    Duration::from_nanos(u64::try_from(nanoseconds).expect("an interval is at most a year"))
}

/// Where in an interval a host's checks are: from 0 up to 1, the same for ever, and evenly spread over hosts.
fn phase(host: &str) -> f64 {
    // FNV-1a, whose high bits are good enough after one more multiplication.
    let hash = host.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // 32 bits are exact in a float, and fine enough.
    let [a, b, c, d, ..] = mixed.to_be_bytes();
    f64::from(u32::from_be_bytes([a, b, c, d])) / 2_f64.powi(32)
}

#[cfg(test)]
mod tests {
    use tokio::time;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn checks_keep_their_rhythm_however_long_they_take() {
        let mut schedule = Schedule::new(MINUTE, "web-1");
        let first = schedule.next(Outcome::Success);
        assert!(first > Instant::now() && first <= Instant::now() + MINUTE);
        for took in [0, 1, 59] {
            time::sleep_until(schedule.next(Outcome::Success)).await;
            time::advance(Duration::from_secs(took)).await;
        }
        // One that takes longer than an interval skips a beat.
        time::advance(MINUTE).await;
        let next = schedule.next(Outcome::Success);
        assert!(remainder(next - first, MINUTE).is_zero());
        assert!(next - Instant::now() <= MINUTE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_moment_of_the_rhythm_is_followed_by_the_next_one() {
        let mut schedule = Schedule::new(MINUTE, "web-1");
        let first = schedule.next(Outcome::Success);
        time::sleep_until(first).await;
        let now = Instant::now();
        let next = schedule.next(Outcome::Success);
        assert!(next > now && next <= now + MINUTE, "{:?}", next - now);
    }

    #[tokio::test(start_paused = true)]
    async fn hosts_keep_their_phase_and_spread_over_the_interval() {
        let delay =
            |host: &str| Schedule::new(MINUTE, host).next(Outcome::Success) - Instant::now();
        assert_eq!(delay("web-1"), delay("web-1"));
        let mut quarters = [0; 4];
        for host in 0..1000 {
            quarters[usize::try_from(delay(&format!("web-{host}")).as_secs() / 15).unwrap()] += 1;
        }
        assert!(quarters.iter().all(|hosts| (200..300).contains(hosts)), "{quarters:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn failures_back_off_at_random_and_a_success_returns_to_the_rhythm() {
        let mut schedule = Schedule::new(MINUTE, "web-1");
        let rhythm = schedule.next(Outcome::Success);
        for window in [120, 240, 300, 300] {
            // The window is reached into, and never left.
            let mut tries: Vec<_> = (0..200)
                .map(|_| schedule.clone().with_own_luck().next(Outcome::Failure) - Instant::now())
                .collect();
            tries.sort();
            assert!(tries[199] <= Duration::from_secs(window), "{tries:?}");
            assert!(tries[199] > Duration::from_secs(window * 9 / 10), "{tries:?}");
            assert!(tries[0] < Duration::from_secs(window / 10), "{tries:?}");
            time::sleep_until(schedule.next(Outcome::Failure)).await;
        }
        let next = schedule.next(Outcome::Success);
        assert!(remainder(next - rhythm, MINUTE).is_zero());
        assert!(schedule.next(Outcome::Failure) - Instant::now() <= 2 * MINUTE);
    }

    #[tokio::test(start_paused = true)]
    async fn no_interval_and_no_row_of_failures_is_too_long() {
        let mut schedule = Schedule::new(Duration::MAX, "web-1");
        for _ in 0..100 {
            let pause = schedule.next(Outcome::Failure) - Instant::now();
            assert!(pause <= 2 * LONGEST_INTERVAL);
        }
        assert!(schedule.next(Outcome::Success) - Instant::now() <= LONGEST_INTERVAL);
        assert!(Schedule::new(Duration::ZERO, "").next(Outcome::Success) > Instant::now());
    }

    impl Schedule {
        fn with_own_luck(mut self) -> Self {
            self.random = fastrand::Rng::new();
            self
        }
    }
}
