//! Log lines about a peer that would repeat themselves with every request.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// The least time between two lines.
const INTERVAL: Duration = Duration::from_secs(10);

/// Lets the first of many equal log lines pass, and then one every 10 s, which says how many were left out.
#[derive(Debug, Default)]
pub struct Seldom(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    left_out: u64,
}

impl Seldom {
    /// How many lines were left out since the last one, when it is time for another.
    pub fn pass(&self) -> Option<u64> {
        let mut state = self.0.lock();
        if state.last.is_some_and(|last| last.elapsed() < INTERVAL) {
            state.left_out += 1;
            return None;
        }
        state.last = Some(Instant::now());
        Some(std::mem::take(&mut state.left_out))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_line_passes_and_later_another_that_knows_of_those_between() {
        let seldom = Seldom::default();
        assert_eq!(seldom.pass(), Some(0));
        assert_eq!((seldom.pass(), seldom.pass()), (None, None));
        advance(INTERVAL).await;
        assert_eq!(seldom.pass(), Some(2));
    }
}
