//! How many attempts a lane makes at a time.

use std::time::Duration;

use component::CancellationToken;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// The first pause of a held lane between two probes; each further one is twice as long.
const FIRST_PROBE: Duration = Duration::from_secs(5);
/// The longest pause of a held lane between two probes.
const LONGEST_PROBE: Duration = Duration::from_secs(300);

/// Lets attempts through: as many at a time as there are consumers while all goes well.
///
/// After a failure it is one at a time, and each success doubles that: a backend that returns is not met by everything
/// that has gathered. While the backend refuses the credentials the gate is *held*: one probe now and then.
pub(crate) struct Gate {
    most: usize,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    /// How many may be under way.
    open: usize,
    busy: usize,
    hold: Option<Hold>,
    /// How long the gate was held before.
    held: Duration,
}

struct Hold {
    since: Instant,
    next_probe: Instant,
    pause: Duration,
}

/// An attempt that was let through. Dropping it without a word says nothing about the backend.
pub(crate) struct Pass<'a> {
    gate: &'a Gate,
    probe: bool,
}

impl Gate {
    /// A gate for this many attempts at a time.
    pub(crate) fn new(most: usize) -> Self {
        let state = State { open: most, busy: 0, hold: None, held: Duration::ZERO };
        Self { most, state: Mutex::new(state), changed: Notify::new() }
    }

    /// Waits until an attempt may begin. Once `stop` is cancelled it may at once: it is the last one.
    pub(crate) async fn pass(&self, stop: &CancellationToken) -> Pass<'_> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let probe_at = match self.try_pass(stop) {
                Ok(pass) => return pass,
                Err(probe_at) => probe_at,
            };
            let probe = async {
                match probe_at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = changed => {}
                () = probe => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Lets an attempt through, or says when to ask again if that is a matter of time.
    fn try_pass(&self, stop: &CancellationToken) -> Result<Pass<'_>, Option<Instant>> {
        let mut state = self.state.lock();
        let probe = state.hold.is_some();
        if !stop.is_cancelled() {
            if state.busy >= state.open {
                return Err(None);
            }
            match &state.hold {
                Some(hold) if hold.next_probe > Instant::now() => {
                    return Err(Some(hold.next_probe));
                }
                _ => {}
            }
        }
        state.busy += 1;
        Ok(Pass { gate: self, probe })
    }

    /// The time, not counting how long the gate was held: the clock for giving up.
    pub(crate) fn clock(&self) -> Instant {
        let now = Instant::now();
        let state = self.state.lock();
        let current = state.hold.as_ref().map(|hold| now.duration_since(hold.since));
        let held = state.held + current.unwrap_or_default();
        now.checked_sub(held).unwrap_or(now)
    }
}

impl Pass<'_> {
    /// The backend answered, and may have more.
    pub(crate) fn answered(self) {
        let mut state = self.gate.state.lock();
        state.release();
        state.open = state.open.saturating_mul(2).min(self.gate.most);
    }

    /// The backend is away or overloaded.
    pub(crate) fn failed(self) {
        let mut state = self.gate.state.lock();
        state.release();
        state.open = 1;
    }

    /// The backend refuses the credentials. Gives the pause until the next probe.
    pub(crate) fn refused(self) -> Duration {
        let now = Instant::now();
        let mut state = self.gate.state.lock();
        state.open = 1;
        let hold = state.hold.get_or_insert(Hold {
            since: now,
            next_probe: now + FIRST_PROBE,
            pause: FIRST_PROBE,
        });
        if self.probe {
            hold.pause = (hold.pause * 2).min(LONGEST_PROBE);
            hold.next_probe = now + hold.pause;
        }
        hold.next_probe.duration_since(now)
    }
}

impl State {
    /// Ends the hold.
    fn release(&mut self) {
        if let Some(hold) = self.hold.take() {
            self.held += hold.since.elapsed();
            self.open = 1;
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.gate.state.lock().busy -= 1;
        self.gate.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::time::advance;

    use super::*;

    /// As many passes as the gate gives without waiting.
    fn passes(gate: &Gate) -> Vec<Pass<'_>> {
        let stop = CancellationToken::new();
        std::iter::from_fn(|| gate.pass(&stop).now_or_never()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_failure_attempts_double_with_each_success() {
        let gate = Gate::new(10);
        let mut seen = vec![passes(&gate).len()];
        passes(&gate).pop().unwrap().failed();
        for _ in 0..5 {
            seen.push(passes(&gate).len());
            passes(&gate).pop().unwrap().answered();
        }
        assert_eq!(seen, [10, 1, 2, 4, 8, 10]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_held_gate_probes_ever_more_slowly_and_its_clock_stands_still() {
        let gate = Gate::new(3);
        let began = gate.clock();
        for pass in passes(&gate) {
            pass.refused();
        }
        let stop = CancellationToken::new();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let before = Instant::now();
            let probe = gate.pass(&stop).await;
            assert!(passes(&gate).is_empty(), "one probe at a time");
            pauses.push(before.elapsed().as_secs());
            probe.refused();
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(gate.clock(), began);
        gate.pass(&stop).await.answered();
        assert_eq!(passes(&gate).len(), 2, "it opens slowly");
        advance(Duration::from_secs(7)).await;
        assert_eq!(gate.clock() - began, Duration::from_secs(7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_lane_that_stops_waits_for_nothing() {
        let gate = Gate::new(1);
        let stop = CancellationToken::new();
        passes(&gate).pop().unwrap().refused();
        stop.cancel();
        assert!(gate.pass(&stop).now_or_never().is_some());
    }
}
